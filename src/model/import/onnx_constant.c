// SPDX-License-Identifier: Apache-2.0
// ONNX: the numbers of Constant nodes. The node stays in the graph, so that node counts are those
// of the file; its output carries the constant.
#include "model/import/onnx.h"

// New numbers of rank 0 (n < 0) or 1; NULL in *ret when there are too many to keep.
static sz_status new_numbers(onnx *x, sz_dtype dtype, int32_t n, sz_type *type, sz_tensor **ret) {
    int64_t dims[1] = {n < 0 ? 1 : n};
    int32_t rank = n < 0 ? 0 : 1;
    int64_t *own = sz_graph_dims(x->root, rank);
    if (!own) return sz_no_memory(x->ctx);
    own[0] = dims[0];
    *type = sz_type_tensor(dtype, rank, own);
    *ret = NULL;
    if (dims[0] > SZ_MAX_VALUE_ELEMENTS) return SZ_OK;
    *ret = sz_tensor_new(x->root, dtype, rank, dims, dims[0]);
    return *ret ? SZ_OK : sz_no_memory(x->ctx);
}

static void fill(sz_tensor *t, const sz_attr *a) {
    switch (a->kind) {
    case SZ_ATTR_INT: t->i[0] = a->i; break;
    case SZ_ATTR_FLOAT: t->f[0] = a->f; break;
    case SZ_ATTR_STRING: t->s[0] = a->s; break;
    case SZ_ATTR_INTS: memcpy(t->i, a->ints, (size_t)a->n * sizeof *t->i); break;
    case SZ_ATTR_FLOATS: memcpy(t->f, a->floats, (size_t)a->n * sizeof *t->f); break;
    default: memcpy(t->s, a->strings, (size_t)a->n * sizeof *t->s); break;
    }
}

// The attributes of Constant (since opset 12) beside `value` and `sparse_value`.
static const struct {
    const char *name;
    uint8_t kind;
    const char *dtype;
    bool is_list;
} forms[] = {{"value_int", SZ_ATTR_INT, "i64", false},
             {"value_ints", SZ_ATTR_INTS, "i64", true},
             {"value_float", SZ_ATTR_FLOAT, "f32", false},
             {"value_floats", SZ_ATTR_FLOATS, "f32", true},
             {"value_string", SZ_ATTR_STRING, "string", false},
             {"value_strings", SZ_ATTR_STRINGS, "string", true}};

static sz_status set_form(onnx *x, sz_value *v, const sz_attr *a, size_t form) {
    sz_dtype dtype = sz_dtype_by_name(forms[form].dtype);
    sz_constant *c = sz_arena_alloc(x->root->arena, sizeof *c);
    sz_tensor *t = NULL;
    if (!c) return sz_no_memory(x->ctx);
    SZ_TRY(new_numbers(x, dtype, forms[form].is_list ? a->n : -1, &v->type, &t));
    int64_t n = forms[form].is_list ? a->n : 1;
    *c = (sz_constant){.side = SZ_NONE, .length = (uint64_t)sz_dtype_bytes(dtype, n)};
    c->form = t ? SZ_CONST_VALUE : SZ_CONST_NOWHERE;
    c->tensor = t;
    if (t) fill(t, a);
    v->constant = c;
    v->known = t;
    return SZ_OK;
}

static sz_status set_attr(onnx *x, sz_graph *g, sz_value *v, const sz_attr *a) {
    if (a->kind == SZ_ATTR_TENSOR) {
        const sz_value *c = sz_graph_value(g, a->tensor);
        v->constant = c->constant;
        v->type = c->type;
        return SZ_OK;
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (a->kind == forms[i].kind && sz_str_is(a->name, forms[i].name))
            return set_form(x, v, a, i);
    return SZ_OK;
}

sz_status onnx_constant_node(onnx *x, sz_graph *g, const sz_node *node) {
    if (node->n_outputs < 1 || node->outputs[0] == SZ_NONE) return SZ_OK;
    sz_value *v = sz_graph_value(g, node->outputs[0]);
    for (int32_t i = 0; i < node->n_attrs; i++) SZ_TRY(set_attr(x, g, v, &node->attrs[i]));
    return SZ_OK;
}
