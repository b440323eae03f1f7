// SPDX-License-Identifier: Apache-2.0
// Reading the numbers of small constants, on demand.
#include "base/source.h"
#include "model/graph/format.h"
#include "model/graph/graph.h"

sz_tensor *sz_tensor_new(sz_graph *g, sz_dtype dtype, int32_t rank, const int64_t *dims,
                         int64_t count) {
    if (count < 0 || (count > SZ_MAX_VALUE_ELEMENTS && !sz_graph_root(g)->is_scratch)) return NULL;
    sz_tensor *t = sz_arena_alloc(g->arena, sizeof *t);
    int64_t *own = sz_graph_dims(g, rank);
    size_t n = count ? (size_t)count : 1;
    if (!t || !own) return NULL;
    if (rank > 0) memcpy(own, dims, (size_t)rank * sizeof *own);
    *t = (sz_tensor){.dtype = dtype, .rank = rank, .dims = own, .count = count};
    switch (sz_dtype_get(dtype)->cls) {
    case SZ_CLASS_FLOAT:
        t->f = sz_arena_array(g->arena, n, sizeof *t->f);
        break;
    case SZ_CLASS_STRING:
        t->s = sz_arena_array(g->arena, n, sizeof *t->s);
        break;
    default:
        t->i = sz_arena_array(g->arena, n, sizeof *t->i);
        break;
    }
    return t->f || t->s || t->i ? t : NULL;
}

// ---- decoding ----------------------------------------------------------------------------------

static void decode(sz_tensor *t, const unsigned char *raw) {
    for (int64_t k = 0; k < t->count; k++) {
        const uint64_t v = sz_format_element(t->dtype, raw, k);
        if (t->f)
            t->f[k] = sz_format_decode(t->dtype, v);
        else
            t->i[k] = sz_format_integer(t->dtype, v);
    }
}

// The formats that no decoder stands for here have no code in ONNX.
static bool is_readable(const sz_dtype_info *d) {
    if (d->onnx < 0) return false;
    return d->cls == SZ_CLASS_FLOAT || d->cls == SZ_CLASS_INT || d->cls == SZ_CLASS_UINT ||
           d->cls == SZ_CLASS_BOOL;
}

static sz_status source_of(sz_graph *root, const sz_constant *c, sz_source **ret_source) {
    *ret_source = root->source;
    if (!root->source || c->side == SZ_NONE) return SZ_OK;
    return root->source->sibling(root->source, root->ctx, root->sides.items[c->side].name,
                                 ret_source);
}

sz_status sz_graph_read_raw(sz_graph *g, const sz_constant *c, uint64_t need, void *ret_bytes,
                            bool *ret_is_there) {
    sz_graph *root = sz_graph_root(g);
    sz_source *source = NULL;
    *ret_is_there = false;
    if (c->form != SZ_CONST_RAW || need > c->length) return SZ_OK;
    SZ_TRY(source_of(root, c, &source));
    if (!source) return SZ_OK;
    SZ_TRY(source->read(source, g->ctx, c->offset, ret_bytes, need));
    *ret_is_there = true;
    return SZ_OK;
}

// Reads a raw constant; *ret_tensor stays NULL where the numbers can't be had.
static sz_status read_raw(sz_graph *g, const sz_value *v, const sz_constant *c,
                          const sz_tensor **ret_tensor) {
    const sz_dtype_info *d = sz_dtype_get(v->type.dtype);
    bool is_there = false;
    int64_t n;
    SZ_TRY(sz_type_elements(g->ctx, &v->type, &n));
    if (n < 0 || n > SZ_MAX_VALUE_ELEMENTS || !is_readable(d)) return SZ_OK;
    uint64_t need = (uint64_t)sz_dtype_bytes(v->type.dtype, n);
    if (need > c->length) return SZ_OK;
    unsigned char *raw = sz_alloc(g->ctx, need);
    if (!raw) return sz_no_memory(g->ctx);
    sz_status status = sz_graph_read_raw(g, c, need, raw, &is_there);
    sz_tensor *t = NULL;
    if (status == SZ_OK && is_there) {
        t = sz_tensor_new(g, v->type.dtype, v->type.rank, v->type.dims, n);
        if (!t) status = sz_no_memory(g->ctx);
    }
    if (t) decode(t, raw);
    sz_free(g->ctx, raw, need);
    *ret_tensor = status == SZ_OK ? t : NULL;
    return status;
}

sz_status sz_graph_known(sz_graph *g, sz_value_id id, const sz_tensor **ret_tensor) {
    sz_value *v = sz_graph_value(g, id);
    *ret_tensor = v->known;
    if (v->kind == SZ_VALUE_CAPTURED) { // depth of bodies is limited: walk up without recursion
        while (v->kind == SZ_VALUE_CAPTURED) {
            g = g->parent;
            v = sz_graph_value(g, v->outer);
            id = (sz_value_id)(v - g->values.items);
        }
        *ret_tensor = v->known;
    }
    if (v->known || v->known_tried || !v->constant) return SZ_OK;
    v->known_tried = true;
    const sz_tensor *t = NULL;
    if (v->constant->form == SZ_CONST_VALUE)
        t = v->constant->tensor;
    else if (v->constant->form == SZ_CONST_RAW)
        SZ_TRY(read_raw(g, v, v->constant, &t));
    sz_graph_value(g, id)->known = t;
    *ret_tensor = t;
    return SZ_OK;
}
