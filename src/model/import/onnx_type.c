// SPDX-License-Identifier: Apache-2.0
// ONNX: TypeProto, TensorShapeProto.
#include "model/import/onnx.h"

#include <stdio.h>

typedef struct type_reader {
    onnx *x;
    char own[SZ_MAX_SHOWN + 16]; // name of the value, for messages
    sz_value_id input; // of the main graph, else SZ_NONE
} type_reader;

// ---- free dimensions ---------------------------------------------------------------------------

// Texts by which exporters say "some size", not "the same size as over there".
static bool names_nothing(sz_str s) {
    static const char *const texts[] = {"", "?", "*", "-", "-1", "None", "none", "unk", "unknown"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (sz_str_is(s, texts[i])) return true;
    return false;
}

static sz_status new_symbol(type_reader *r, sz_str name, int32_t axis, int64_t *ret) {
    onnx *x = r->x;
    if (x->root->symbols.n >= SZ_ONNX_MAX_SYMBOLS)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than %d free dimensions", SZ_ONNX_MAX_SYMBOLS);
    SZ_TRY(sz_graph_symbol(x->root, name, ret));
    sz_symbol *s = &x->root->symbols.items[SZ_SYMBOL_OF(*ret)];
    if (s->input == SZ_NONE) {
        s->input = r->input;
        s->axis = axis;
    }
    return sz_map_put(&x->symbols, s->name, SZ_SYMBOL_OF(*ret));
}

// A dimension that the file leaves open under this name ("" = none).
static sz_status free_dim(type_reader *r, sz_str param, int32_t axis, int64_t *ret) {
    int32_t index;
    *ret = SZ_DIM_UNKNOWN;
    if (!names_nothing(param) && sz_map_get(&r->x->symbols, param, &index)) {
        *ret = SZ_DIM_SYMBOL(index);
        return SZ_OK;
    }
    if (r->input == SZ_NONE) return SZ_OK;
    if (!names_nothing(param)) return new_symbol(r, param, axis, ret);
    // no name: call it after its place, so that it can be bound
    sz_str value = sz_graph_value(r->x->root, r->input)->name;
    char tail[16];
    int n = snprintf(tail, sizeof tail, ".%d", axis);
    char *own = sz_arena_alloc(&r->x->scratch, value.len + (size_t)n + 1);
    if (!own) return sz_no_memory(r->x->ctx);
    memcpy(own, value.p, value.len);
    memcpy(own + value.len, tail, (size_t)n);
    return new_symbol(r, (sz_str){own, value.len + (uint32_t)n}, axis, ret);
}

static sz_status fixed_dim(type_reader *r, int64_t value, int32_t axis, uint64_t at, int64_t *ret) {
    onnx *x = r->x;
    *ret = value;
    if (value == 0 && r->input != SZ_NONE)
        sz_warn(x->ctx, "dimension %d of input '%s' is 0: nothing is computed on it", axis, r->own);
    if (value >= 0) return SZ_OK;
    if (value != -1 && r->input != SZ_NONE)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": dimension %d of input '%s' is %" PRId64,
                       at, axis, r->own, value);
    sz_warn(x->ctx, "dimension %d of '%s' is %" PRId64 ", taken as free", axis, r->own, value);
    return free_dim(r, sz_str_c(""), axis, ret);
}

// TensorShapeProto.Dimension
static sz_status read_dim(type_reader *r, const sz_field *dim, int32_t axis, int64_t *ret) {
    sz_span span = dim->span, param = {0, 0};
    bool has_value = false, has_param = false;
    int64_t value = 0;
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&r->x->wire, &span, &f, &more));
        if (!more) break;
        if (onnx_tag(&f) == ONNX_VARINT(1)) {
            has_value = true, has_param = false;
            value = (int64_t)f.value;
        } else if (onnx_tag(&f) == ONNX_BYTES(2)) {
            has_param = true, has_value = false;
            param = f.span;
        }
    }
    if (has_value) return fixed_dim(r, value, axis, dim->at, ret);
    sz_str text = sz_str_c("");
    if (has_param) SZ_TRY(sz_wire_text(&r->x->wire, param, &text));
    return free_dim(r, text, axis, ret);
}

static sz_status read_shape(type_reader *r, sz_span span, sz_type *t) {
    onnx *x = r->x;
    int64_t dims[SZ_MAX_RANK];
    sz_field f;
    t->rank = 0;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) break;
        if (onnx_tag(&f) != ONNX_BYTES(1)) continue;
        if (t->rank == SZ_MAX_RANK)
            return sz_fail(x->ctx, SZ_ERR_LIMIT, "@%" PRIu64 ": '%s' has more than %d dimensions",
                           f.at, r->own, SZ_MAX_RANK);
        SZ_TRY(read_dim(r, &f, t->rank, &dims[t->rank]));
        t->rank++;
    }
    int64_t *own = sz_graph_dims(x->root, t->rank);
    if (!own) return sz_no_memory(x->ctx);
    memcpy(own, dims, (size_t)t->rank * sizeof *own);
    t->dims = own;
    return SZ_OK;
}

// ---- types -------------------------------------------------------------------------------------

static sz_dtype element_type(type_reader *r, uint64_t value) {
    int32_t code = (int32_t)value;
    sz_dtype t = code > 0 ? sz_dtype_from_onnx(code) : 0;
    if (t == 0 && code != 0)
        sz_warn(r->x->ctx, "'%s' has element type %d, which ONNX does not have", r->own, code);
    return t;
}

// TypeProto.Tensor and TypeProto.SparseTensor
static sz_status read_tensor_type(type_reader *r, sz_span span, sz_type *t) {
    bool has_shape = false;
    uint64_t seen = 0;
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&r->x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        if (onnx_tag(&f) == ONNX_VARINT(1)) {
            onnx_once(r->x, &seen, &f, "elem_type");
            t->dtype = element_type(r, f.value);
        } else if (onnx_tag(&f) == ONNX_BYTES(2)) {
            if (has_shape)
                return sz_fail(r->x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": '%s' has two shapes", f.at,
                               r->own);
            has_shape = true;
            SZ_TRY(read_shape(r, f.span, t));
        }
    }
}

// Sequence, Optional (element in field 1) and Map (key in field 1, value in field 2).
static sz_status read_container(type_reader *r, sz_span span, uint32_t elem_field, sz_type *t,
                                sz_span *ret_elem, bool *ret_has) {
    sz_field f;
    *ret_has = false;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&r->x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        if (onnx_tag(&f) == ONNX_BYTES(elem_field)) {
            *ret_elem = f.span;
            *ret_has = true;
        } else if (elem_field == 2 && onnx_tag(&f) == ONNX_VARINT(1)) {
            t->dtype = element_type(r, f.value);
        }
    }
}

static const struct {
    uint32_t field;
    uint8_t kind;
    uint32_t elem_field;
} variants[] = {{TYPE_TENSOR, SZ_TYPE_TENSOR, 0},     {TYPE_SPARSE, SZ_TYPE_SPARSE, 0},
                {TYPE_SEQUENCE, SZ_TYPE_SEQUENCE, 1}, {TYPE_OPTIONAL, SZ_TYPE_OPTIONAL, 1},
                {TYPE_MAP, SZ_TYPE_MAP, 2}};
enum { N_VARIANTS = sizeof variants / sizeof *variants };

// The variant of a TypeProto, N_VARIANTS when it has none that is known. The last one counts.
static sz_status find_variant(type_reader *r, sz_span span, size_t *ret, sz_span *ret_span) {
    sz_field f;
    *ret = N_VARIANTS;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&r->x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        for (size_t i = 0; i < N_VARIANTS; i++) {
            if (onnx_tag(&f) != ONNX_BYTES(variants[i].field)) continue;
            if (*ret != N_VARIANTS)
                sz_warn(r->x->ctx, "'%s' has two types @%" PRIu64 ": the last one counts", r->own,
                        f.at);
            *ret = i;
            *ret_span = f.span;
        }
    }
}

static sz_status read_type(type_reader *r, sz_span span, sz_type *t) {
    for (int depth = 0; depth < SZ_ONNX_MAX_TYPES; depth++) {
        size_t v;
        sz_span inner = {0, 0}, elem = {0, 0};
        bool has_elem;
        *t = (sz_type){.rank = -1, .n_items = -1};
        SZ_TRY(find_variant(r, span, &v, &inner));
        if (v == N_VARIANTS) return SZ_OK;
        t->kind = variants[v].kind;
        if (variants[v].elem_field == 0) return read_tensor_type(r, inner, t);
        SZ_TRY(read_container(r, inner, variants[v].elem_field, t, &elem, &has_elem));
        if (!has_elem) return SZ_OK;
        sz_type *next = sz_arena_alloc(r->x->root->arena, sizeof *next);
        if (!next) return sz_no_memory(r->x->ctx);
        t->elem = next;
        t = next;
        span = elem;
    }
    return sz_fail(r->x->ctx, SZ_ERR_LIMIT, "@%" PRIu64 ": type of '%s' is nested more than %d "
                   "levels deep", span.at, r->own, SZ_ONNX_MAX_TYPES);
}

sz_status onnx_type_read(onnx *x, sz_span span, sz_str name, sz_value_id input, sz_type *ret) {
    type_reader r = {.x = x, .input = input};
    snprintf(r.own, sizeof r.own, "%s", sz_show(x->ctx, name));
    return read_type(&r, span, ret);
}
