// SPDX-License-Identifier: Apache-2.0
// Values, constants and nodes of a net that is being built.
#include "model/nets/build.h"

#include <stdio.h>

enum { OPSET = 24 };

// ---- failing and naming ------------------------------------------------------------------------

void sz_net_fail(sz_net *n, const char *fmt, ...) {
    char text[512];
    va_list args;
    if (n->status != SZ_OK) return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    n->status = sz_fail(n->ctx, SZ_ERR_USAGE, "%s", text);
}

int64_t sz_net_mul(sz_net *n, int64_t a, int64_t b) {
    int64_t product;
    if (sz_mul(a, b, &product)) return product;
    sz_net_fail(n, "a size exceeds 2^63: %lld x %lld", (long long)a, (long long)b);
    return 1;
}

static bool failed(sz_net *n, sz_status status) {
    if (n->status == SZ_OK) n->status = status;
    return n->status != SZ_OK;
}

size_t sz_net_enter(sz_net *n, const char *fmt, ...) {
    const size_t length = strlen(n->prefix);
    va_list args;
    va_start(args, fmt);
    vsnprintf(n->prefix + length, sizeof n->prefix - length, fmt, args);
    va_end(args);
    return length;
}

void sz_net_leave(sz_net *n, size_t length) { n->prefix[length] = '\0'; }

static sz_value_id add_value(sz_net *n, const char *name, sz_value_kind kind) {
    char text[SZ_NET_PREFIX + 64];
    sz_value_id id = SZ_NONE;
    const int length = snprintf(text, sizeof text, "%s%s", n->prefix, name);
    const sz_str whole = {text, (uint32_t)length};
    return failed(n, sz_graph_add_value(n->graph, whole, kind, &id)) ? SZ_NONE : id;
}

// ---- values ------------------------------------------------------------------------------------

static sz_value_id add_typed(sz_net *n, const char *name, sz_value_kind kind, sz_dtype dtype,
                             int32_t rank, const int64_t *dims) {
    if (n->status != SZ_OK) return SZ_NONE;
    const sz_value_id id = add_value(n, name, kind);
    int64_t *copy = sz_graph_dims(n->graph, rank);
    if (!copy) failed(n, sz_no_memory(n->ctx));
    if (n->status != SZ_OK) return SZ_NONE;
    for (int32_t i = 0; i < rank; i++) copy[i] = dims[i];
    sz_graph_value(n->graph, id)->type = sz_type_tensor(dtype, rank, copy);
    return id;
}

sz_value_id sz_net_input(sz_net *n, const char *name, sz_dtype dtype, int32_t rank,
                         const int64_t *dims) {
    const sz_value_id id = add_typed(n, name, SZ_VALUE_INPUT, dtype, rank, dims);
    if (id != SZ_NONE && !sz_vec_push(n->ctx, &n->graph->inputs, id))
        failed(n, sz_no_memory(n->ctx));
    return id;
}

void sz_net_output(sz_net *n, sz_value_id value) {
    if (n->status != SZ_OK) return;
    sz_graph_value(n->graph, value)->is_output = true;
    if (!sz_vec_push(n->ctx, &n->graph->outputs, value)) failed(n, sz_no_memory(n->ctx));
}

static sz_value_id add_constant(sz_net *n, const char *name, sz_dtype dtype, int32_t rank,
                                const int64_t *dims, const sz_constant *like) {
    const sz_value_id id = add_typed(n, name, SZ_VALUE_CONST, dtype, rank, dims);
    int64_t bytes;
    if (id == SZ_NONE) return id;
    sz_constant *c = sz_arena_alloc(n->graph->arena, sizeof *c);
    if (!c) failed(n, sz_no_memory(n->ctx));
    if (failed(n, sz_type_bytes(n->ctx, &sz_graph_value(n->graph, id)->type, &bytes)))
        return SZ_NONE;
    *c = *like;
    c->length = (uint64_t)bytes;
    sz_graph_value(n->graph, id)->constant = c;
    return id;
}

sz_value_id sz_net_weight_of(sz_net *n, const char *name, sz_dtype dtype, int32_t rank,
                             const int64_t *dims) {
    const sz_constant c = {.form = SZ_CONST_NOWHERE, .side = SZ_NONE};
    return add_constant(n, name, dtype, rank, dims, &c);
}

sz_value_id sz_net_weight(sz_net *n, const char *name, int32_t rank, const int64_t *dims) {
    return sz_net_weight_of(n, name, n->dtype, rank, dims);
}

static sz_value_id add_numbers(sz_net *n, const char *name, const sz_tensor *t) {
    const sz_constant c = {.form = SZ_CONST_VALUE, .side = SZ_NONE, .tensor = t};
    return add_constant(n, name, t->dtype, t->rank, t->dims, &c);
}

static sz_tensor *new_integers(sz_net *n, int32_t rank, const int64_t *dims, int64_t count) {
    if (n->status != SZ_OK) return NULL;
    if (count > SZ_MAX_VALUE_ELEMENTS)
        sz_net_fail(n, "at most %d numbers fit into a constant, not %lld", SZ_MAX_VALUE_ELEMENTS,
                    (long long)count);
    if (n->status != SZ_OK) return NULL;
    sz_tensor *t = sz_tensor_new(n->graph, sz_dtype_by_name("i64"), rank, dims, count);
    if (!t) failed(n, sz_no_memory(n->ctx));
    return t;
}

sz_value_id sz_net_ints(sz_net *n, const char *name, int32_t count, const int64_t *values) {
    const int64_t dims[] = {count};
    sz_tensor *t = new_integers(n, 1, dims, count);
    if (!t) return SZ_NONE;
    for (int32_t i = 0; i < count; i++) t->i[i] = values[i];
    return add_numbers(n, name, t);
}

sz_value_id sz_net_range(sz_net *n, const char *name, int64_t first, int32_t rank,
                         const int64_t *dims) {
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) count *= dims[i]; // a parameter and ones: no overflow
    sz_tensor *t = new_integers(n, rank, dims, count);
    if (!t) return SZ_NONE;
    for (int64_t i = 0; i < count; i++) t->i[i] = first + i;
    return add_numbers(n, name, t);
}

sz_value_id sz_net_number(sz_net *n, const char *name, int64_t value) {
    char whole[64];
    snprintf(whole, sizeof whole, "%s.value", name);
    const sz_value_id id = sz_net_range(n, whole, value, 0, NULL);
    return sz_net_node(n, &(sz_net_op){.name = name,
                                       .op = "Cast",
                                       .n_inputs = 1,
                                       .inputs = {id},
                                       .n_attrs = 1,
                                       .attrs = {sz_net_int("to", sz_dtype_get(n->dtype)->onnx)}});
}

// ---- nodes -------------------------------------------------------------------------------------

sz_attr sz_net_int(const char *name, int64_t value) {
    return (sz_attr){
        .name = sz_str_c(name), .kind = SZ_ATTR_INT, .n = 1, .i = value, .tensor = SZ_NONE};
}

sz_attr sz_net_float(const char *name, double value) {
    return (sz_attr){
        .name = sz_str_c(name), .kind = SZ_ATTR_FLOAT, .n = 1, .f = value, .tensor = SZ_NONE};
}

sz_attr sz_net_text(const char *name, const char *value) {
    return (sz_attr){.name = sz_str_c(name),
                     .kind = SZ_ATTR_STRING,
                     .n = 1,
                     .s = sz_str_c(value),
                     .tensor = SZ_NONE};
}

sz_attr sz_net_list(const char *name, int32_t count, const int64_t *values) {
    return sz_attr_of_ints(name, count, values);
}

static void *keep(sz_net *n, const void *items, size_t count, size_t size) {
    void *copy = sz_arena_array(n->graph->arena, count ? count : 1, size);
    if (!copy)
        failed(n, sz_no_memory(n->ctx));
    else if (count)
        memcpy(copy, items, count * size);
    return copy;
}

static const sz_attr *keep_attrs(sz_net *n, const sz_net_op *op) {
    sz_attr *attrs = keep(n, op->attrs, (size_t)op->n_attrs, sizeof *attrs);
    for (int32_t i = 0; attrs && i < op->n_attrs; i++)
        if (attrs[i].kind == SZ_ATTR_INTS)
            attrs[i].ints = keep(n, attrs[i].ints, (size_t)attrs[i].n, sizeof(int64_t));
    return attrs;
}

void sz_net_node_outputs(sz_net *n, const sz_net_op *op, sz_value_id *ret) {
    const int32_t count = op->n_outputs ? op->n_outputs : 1;
    for (int32_t o = 0; o < count; o++) ret[o] = SZ_NONE;
    if (n->status != SZ_OK) return;
    for (int32_t o = 0; o < count; o++) {
        char name[64];
        snprintf(name, sizeof name, o ? "%s.%d" : "%s", op->name, o);
        ret[o] = add_value(n, name, SZ_VALUE_NODE);
    }
    if (n->status != SZ_OK) return;
    const sz_value_id *inputs = op->many ? op->many : op->inputs;
    const sz_node node = {.name = sz_graph_value(n->graph, ret[0])->name,
                          .op = sz_str_c(op->op),
                          .domain = sz_str_c(op->domain ? op->domain : ""),
                          .opset = op->domain ? 1 : OPSET,
                          .n_inputs = op->n_inputs,
                          .n_outputs = count,
                          .n_attrs = op->n_attrs,
                          .inputs = keep(n, inputs, (size_t)op->n_inputs, sizeof *inputs),
                          .outputs = keep(n, ret, (size_t)count, sizeof *ret),
                          .attrs = keep_attrs(n, op)};
    if (n->status == SZ_OK) failed(n, sz_graph_add_node(n->graph, &node, NULL));
}

sz_value_id sz_net_node(sz_net *n, const sz_net_op *op) {
    sz_value_id out[8];
    sz_net_node_outputs(n, op, out);
    return out[0];
}

sz_value_id sz_net_unary(sz_net *n, const char *name, const char *op, sz_value_id a) {
    return sz_net_node(n, &(sz_net_op){.name = name, .op = op, .n_inputs = 1, .inputs = {a}});
}

sz_value_id sz_net_binary(sz_net *n, const char *name, const char *op, sz_value_id a,
                          sz_value_id b) {
    return sz_net_node(n, &(sz_net_op){.name = name, .op = op, .n_inputs = 2, .inputs = {a, b}});
}
