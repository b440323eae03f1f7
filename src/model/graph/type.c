// SPDX-License-Identifier: Apache-2.0
// Types: element counts, bytes, text.
#include "model/graph/graph.h"

sz_type sz_type_tensor(sz_dtype dtype, int32_t rank, const int64_t *dims) {
    return (sz_type){
        .kind = SZ_TYPE_TENSOR, .dtype = dtype, .rank = rank, .dims = dims, .n_items = -1};
}

bool sz_type_is_static(const sz_type *t) {
    if (t->kind != SZ_TYPE_TENSOR && t->kind != SZ_TYPE_SPARSE) return false;
    for (int32_t i = 0; i < t->rank; i++)
        if (t->dims[i] < 0) return false;
    return t->rank >= 0;
}

sz_status sz_type_elements(sz_ctx *ctx, const sz_type *t, int64_t *ret_n) {
    int64_t n = 1;
    bool has_zero = false;
    *ret_n = -1;
    if (!sz_type_is_static(t)) return SZ_OK;
    for (int32_t i = 0; i < t->rank; i++) {
        if (t->dims[i] == 0)
            has_zero = true; // the other factors are still checked
        else if (!sz_mul(n, t->dims[i], &n))
            return sz_fail(ctx, SZ_ERR_INPUT, "tensor has more than 2^63 elements");
    }
    *ret_n = has_zero ? 0 : n;
    return SZ_OK;
}

static sz_status tensor_bytes(sz_ctx *ctx, const sz_type *t, int64_t *ret_bytes) {
    int64_t n;
    SZ_TRY(sz_type_elements(ctx, t, &n));
    *ret_bytes = -1;
    if (n < 0 || t->dtype == 0) return SZ_OK;
    int64_t bytes = sz_dtype_bytes(t->dtype, n);
    if (bytes < 0) return sz_fail(ctx, SZ_ERR_INPUT, "tensor has more than 2^63 bytes");
    *ret_bytes = bytes;
    return SZ_OK;
}

// Containers hold tensors or one more level of containers; deeper ones count as not known, so
// nothing recurses without bound.
static sz_status type_bytes(sz_ctx *ctx, const sz_type *t, int depth, int64_t *ret_bytes) {
    *ret_bytes = -1;
    if (t->kind == SZ_TYPE_TENSOR || t->kind == SZ_TYPE_SPARSE)
        return tensor_bytes(ctx, t, ret_bytes);
    if (depth == 0 || (t->kind != SZ_TYPE_SEQUENCE && t->kind != SZ_TYPE_OPTIONAL)) return SZ_OK;
    int64_t sum = 0, one;
    if (t->n_items < 0 || (!t->items && !t->elem && t->n_items > 0)) return SZ_OK;
    if (!t->items && t->n_items > 0) {
        SZ_TRY(type_bytes(ctx, t->elem, depth - 1, &one));
        if (one >= 0 && sz_mul(one, t->n_items, &sum)) *ret_bytes = sum;
        return SZ_OK;
    }
    for (int64_t i = 0; i < t->n_items; i++) {
        SZ_TRY(type_bytes(ctx, t->items[i], depth - 1, &one));
        if (one < 0) return SZ_OK;
        if (!sz_add(sum, one, &sum))
            return sz_fail(ctx, SZ_ERR_INPUT, "sequence has more than 2^63 bytes");
    }
    *ret_bytes = sum;
    return SZ_OK;
}

sz_status sz_type_bytes(sz_ctx *ctx, const sz_type *t, int64_t *ret_bytes) {
    return type_bytes(ctx, t, 2, ret_bytes);
}

// ---- text --------------------------------------------------------------------------------------

enum { TEXT_SIZE = 1024 };

typedef struct text {
    char buf[TEXT_SIZE];
    size_t n;
} text;

static void put(text *t, const char *s, size_t len) {
    if (len > TEXT_SIZE - 1 - t->n) len = TEXT_SIZE - 1 - t->n;
    memcpy(t->buf + t->n, s, len);
    t->n += len;
    t->buf[t->n] = '\0';
}

static void put_dim(text *t, const sz_graph *g, int64_t dim) {
    char num[SZ_DIGITS_SIZE];
    const sz_graph *root = sz_graph_root(g);
    if (dim >= 0) {
        put(t, num, sz_digits(num, dim));
    } else if (dim <= SZ_DIM_SYMBOL(0) && (size_t)SZ_SYMBOL_OF(dim) < root->symbols.n) {
        sz_str name = root->symbols.items[SZ_SYMBOL_OF(dim)].name;
        put(t, name.p, name.len);
    } else {
        put(t, "?", 1);
    }
}

static void put_tensor(text *t, const sz_graph *g, const sz_type *type) {
    const char *name = type->dtype ? sz_dtype_get(type->dtype)->name : "?";
    put(t, name, strlen(name));
    if (type->rank < 0) {
        put(t, "[...]", 5);
        return;
    }
    put(t, "[", 1);
    for (int32_t i = 0; i < type->rank; i++) {
        if (i) put(t, ",", 1);
        put_dim(t, g, type->dims[i]);
    }
    put(t, "]", 1);
}

const char *sz_type_text(const sz_graph *g, const sz_type *type) {
    static const char *const open[] = {
        [SZ_TYPE_SEQUENCE] = "seq(", [SZ_TYPE_OPTIONAL] = "optional(", [SZ_TYPE_MAP] = "map("};
    text t;
    t.n = 0;
    int depth = 0;
    t.buf[0] = '\0';
    while (type && type->kind >= SZ_TYPE_SEQUENCE && depth < 8) {
        put(&t, open[type->kind], strlen(open[type->kind]));
        type = type->elem;
        depth++;
    }
    if (type && (type->kind == SZ_TYPE_TENSOR || type->kind == SZ_TYPE_SPARSE))
        put_tensor(&t, g, type);
    else
        put(&t, "?", 1);
    while (depth-- > 0) put(&t, ")", 1);
    const char *copy = sz_arena_strdup(sz_graph_root(g)->arena, t.buf, t.n);
    return copy ? copy : "";
}

sz_port sz_graph_port(sz_graph *g, sz_value_id id) {
    const sz_value *v = sz_graph_value(g, id);
    text t;
    t.n = 0;
    t.buf[0] = '\0';
    for (int32_t i = 0; i < v->type.rank; i++) {
        if (i) put(&t, "x", 1);
        put_dim(&t, g, v->type.dims[i]);
    }
    bool is_tensor = v->type.kind == SZ_TYPE_TENSOR || v->type.kind == SZ_TYPE_SPARSE;
    if (!is_tensor || v->type.rank < 0) put(&t, "?", 1);
    const char *shown = sz_show(g->ctx, v->name);
    const char *name = sz_arena_strdup(g->arena, shown, strlen(shown));
    const char *shape = sz_arena_strdup(g->arena, t.buf, t.n);
    return (sz_port){name ? name : "", is_tensor ? sz_dtype_get(v->type.dtype)->name : "",
                     shape ? shape : "", is_tensor ? v->type.rank : -1, v->type.dims};
}
