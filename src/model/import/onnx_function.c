// SPDX-License-Identifier: Apache-2.0
// ONNX: expanding the call of a local function in place. Values and nodes that the body makes are
// called "call/name".
#include "model/import/onnx.h"

// ---- prefixes ----------------------------------------------------------------------------------

// A prefix that no other call has, after the name of the calling node. Names of nodes need not be
// there, nor be unique; and calls in calls must not make them grow without end.
static sz_status make_prefix(onnx *x, const sz_node *node, sz_str *ret) {
    sz_str base = node->name.len > 0 ? node->name : node->op;
    bool numbered = base.len > SZ_ONNX_MAX_PREFIX;
    if (numbered) base.len = SZ_ONNX_MAX_PREFIX / 2;
    *ret = base;
    while (numbered || sz_map_get(&x->prefixes, *ret, NULL)) {
        SZ_TRY(onnx_numbered_name(x, base, ret));
        numbered = false;
    }
    return sz_map_put(&x->prefixes, *ret, 0);
}

// ---- opening -----------------------------------------------------------------------------------

static sz_status bind_inputs(onnx *x, onnx_scope *s, const sz_node *node) {
    const onnx_function *fn = s->fn;
    if ((size_t)node->n_inputs > fn->inputs.n)
        sz_warn(x->ctx, "call of function '%s' @%" PRIu64 " has %d inputs, the function takes %zu",
                sz_show(x->ctx, fn->name), s->at, node->n_inputs, fn->inputs.n);
    for (size_t i = 0; i < fn->inputs.n; i++) {
        sz_value_id id = i < (size_t)node->n_inputs ? node->inputs[i] : SZ_NONE;
        if (id > INT32_MAX / 2 - 1) return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than 2^30 values");
        SZ_TRY(sz_map_put(&s->names, fn->inputs.items[i], id == SZ_NONE ? -1 : id * 2 + 1));
    }
    return SZ_OK;
}

static sz_status bind_outputs(onnx *x, onnx_scope *s, const sz_node *node) {
    const onnx_function *fn = s->fn;
    s->n_outputs = node->n_outputs;
    s->outputs = node->outputs;
    if ((size_t)node->n_outputs > fn->outputs.n)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "%d outputs, but function '%s' has %zu",
                       node->n_outputs, sz_show(x->ctx, fn->name), fn->outputs.n);
    for (int32_t i = 0; i < node->n_outputs; i++) {
        sz_value_id id = node->outputs[i];
        // an output that is an input comes to life in onnx_call_close()
        if (id == SZ_NONE || sz_map_get(&s->names, fn->outputs.items[i], NULL)) continue;
        if (id > INT32_MAX / 2) return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than 2^30 values");
        SZ_TRY(sz_map_put(&s->names, fn->outputs.items[i], id * 2));
    }
    return SZ_OK;
}

static bool has_attr(const sz_attr *attrs, size_t n, sz_str name) {
    for (size_t i = 0; i < n; i++)
        if (sz_str_eq(attrs[i].name, name)) return true;
    return false;
}

// The attributes of the call, and those of the function's defaults that the call does not give.
static sz_status bind_attrs(onnx *x, const onnx_place *p, onnx_scope *s, const sz_node *node) {
    size_t n = (size_t)node->n_attrs, most = n + s->fn->defaults.n;
    sz_attr *attrs = sz_arena_array(x->root->arena, most ? most : 1, sizeof *attrs);
    if (!attrs) return sz_no_memory(x->ctx);
    if (n) memcpy(attrs, node->attrs, n * sizeof *attrs);
    for (size_t i = 0; i < s->fn->defaults.n; i++) {
        onnx_place outside = {p->graph, NULL, p->depth};
        sz_str name;
        bool keep;
        SZ_TRY(onnx_attr_name(x, s->fn->defaults.items[i], &name));
        if (has_attr(attrs, n, name)) continue;
        SZ_TRY(onnx_attr_read(x, &outside, s->fn->defaults.items[i], &attrs[n], &keep));
        n += keep;
    }
    s->attrs = attrs;
    s->n_attrs = (int32_t)n;
    return SZ_OK;
}

sz_status onnx_call_open(onnx *x, const onnx_place *p, const sz_node *node, int32_t function,
                         onnx_scope **ret_scope) {
    const onnx_function *fn = &x->functions.items[function];
    if (fn->nodes > SZ_ONNX_MAX_EXPANDED - x->expanded)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "calls of functions turn into more than %d nodes",
                       SZ_ONNX_MAX_EXPANDED);
    x->expanded_bytes += sz_span_len(fn->span) - fn->raw_bytes;
    if (x->expanded_bytes > SZ_ONNX_MAX_EXPANDED_BYTES)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "calls of functions read more than %d bytes",
                       SZ_ONNX_MAX_EXPANDED_BYTES);
    onnx_scope *s = sz_arena_alloc(&x->scratch, sizeof *s);
    if (!s) return sz_no_memory(x->ctx);
    *s = (onnx_scope){.up = p->scope, .fn = fn, .graph = p->graph, .at = node->offset};
    sz_map_init(&s->names, x->ctx);
    s->next = x->scopes;
    x->scopes = s;
    SZ_TRY(make_prefix(x, node, &s->prefix));
    SZ_TRY(bind_inputs(x, s, node));
    SZ_TRY(bind_outputs(x, s, node));
    SZ_TRY(bind_attrs(x, p, s, node));
    *ret_scope = s;
    return SZ_OK;
}

// ---- closing -----------------------------------------------------------------------------------

// An output that is nothing but an input: a copy makes it a value of its own.
static sz_status add_identity(onnx *x, onnx_scope *s, sz_value_id from, sz_value_id to) {
    sz_value_id *ids = sz_arena_array(x->root->arena, 2, sizeof *ids);
    sz_str op = sz_str_c("Identity"), full;
    if (!ids) return sz_no_memory(x->ctx);
    SZ_TRY(onnx_full_name(x, s, op, &full));
    char *name = sz_arena_strdup(x->root->arena, full.p, full.len);
    if (!name) return sz_no_memory(x->ctx);
    ids[0] = from;
    ids[1] = to;
    sz_node n = {.name = {name, full.len}, .op = op, .domain = sz_str_c(""), .row = SZ_NONE,
                 .opset = onnx_opset_of(x, s, sz_str_c("")), .n_inputs = 1, .n_outputs = 1,
                 .inputs = ids, .outputs = ids + 1, .offset = s->at};
    return sz_graph_add_node(s->graph, &n, NULL);
}

static sz_status close_output(onnx *x, onnx_scope *s, int32_t i) {
    sz_value_id id = s->outputs[i];
    const sz_value *v = id == SZ_NONE ? NULL : sz_graph_value(s->graph, id);
    int32_t entry;
    if (!v || v->kind != SZ_VALUE_NODE || v->producer != SZ_NONE) return SZ_OK;
    sz_str name = s->fn->outputs.items[i];
    if (sz_map_get(&s->names, name, &entry) && entry >= 0 && entry & 1)
        return add_identity(x, s, entry >> 1, id);
    return sz_fail(x->ctx, SZ_ERR_INPUT, "node @%" PRIu64 ": output '%s' of function '%s' is "
                   "produced by nothing", s->at, sz_show(x->ctx, name),
                   sz_show(x->ctx, s->fn->name));
}

sz_status onnx_call_close(onnx *x, onnx_scope *s) {
    for (int32_t i = 0; i < s->n_outputs; i++) SZ_TRY(close_output(x, s, i));
    if (!s->kept) sz_map_finish(&s->names); // bodies that wait in the queue still need it
    return SZ_OK;
}
