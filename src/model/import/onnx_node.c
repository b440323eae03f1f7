// SPDX-License-Identifier: Apache-2.0
// ONNX: NodeProto, and what the names in it mean.
#include "model/import/onnx.h"

#include <stdio.h>

// ---- names -------------------------------------------------------------------------------------

sz_status onnx_full_name(onnx *x, const onnx_scope *scope, sz_str name, sz_str *ret) {
    *ret = name;
    if (!scope) return SZ_OK;
    size_t len = (size_t)scope->prefix.len + 1 + name.len; // a prefix is short, a name below 1 MiB
    char *text = sz_arena_alloc(&x->scratch, len);
    if (!text) return sz_no_memory(x->ctx);
    memcpy(text, scope->prefix.p, scope->prefix.len);
    text[scope->prefix.len] = '/';
    if (name.len) memcpy(text + scope->prefix.len + 1, name.p, name.len);
    *ret = (sz_str){text, (uint32_t)len};
    return SZ_OK;
}

sz_status onnx_numbered_name(onnx *x, sz_str base, sz_str *ret) {
    char tail[32];
    int n = snprintf(tail, sizeof tail, "#%" PRId64, ++x->calls);
    char *text = sz_arena_alloc(&x->scratch, (size_t)base.len + (size_t)n);
    if (!text) return sz_no_memory(x->ctx);
    memcpy(text, base.p, base.len);
    memcpy(text + base.len, tail, (size_t)n);
    *ret = (sz_str){text, base.len + (uint32_t)n};
    return SZ_OK;
}

static sz_value_id id_of(int32_t entry) { return entry < 0 ? SZ_NONE : entry >> 1; }

// A new value for a name of a function's body, known by that name in the scope only.
static sz_status new_in_scope(onnx *x, onnx_scope *scope, sz_str name, sz_value_id *ret) {
    sz_str full, key;
    char *copy = sz_arena_strdup(&x->scratch, name.p, name.len);
    if (!copy) return sz_no_memory(x->ctx);
    key = (sz_str){copy, name.len};
    SZ_TRY(onnx_full_name(x, scope, key, &full));
    while (sz_graph_find(scope->graph, full) != SZ_NONE) // the file itself has such a name
        SZ_TRY(onnx_numbered_name(x, full, &full));
    SZ_TRY(sz_graph_add_value(scope->graph, full, SZ_VALUE_NODE, ret));
    if (*ret > INT32_MAX / 2) return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than 2^30 values");
    return sz_map_put(&scope->names, key, *ret * 2);
}

// The scope's value of that name, as the graph `g` (a body inside) sees it.
static sz_status find_in_scope(onnx_scope *scope, sz_graph *g, sz_str name, bool *ret_found,
                               sz_value_id *ret) {
    int32_t entry;
    *ret_found = sz_map_get(&scope->names, name, &entry);
    if (!*ret_found) return SZ_OK;
    *ret = id_of(entry);
    if (g == scope->graph || *ret == SZ_NONE) return SZ_OK;
    return sz_graph_capture(g, sz_graph_value(scope->graph, *ret)->name, ret);
}

// In a body inside a function: first the bodies around, by full name, then the function's names.
static sz_status read_in_function(onnx *x, const onnx_place *p, sz_str name, sz_value_id *ret) {
    sz_str full;
    bool found;
    if (p->graph != p->scope->graph) {
        SZ_TRY(onnx_full_name(x, p->scope, name, &full));
        for (sz_graph *g = p->graph; g && g != p->scope->graph; g = g->parent)
            if (sz_graph_find(g, full) != SZ_NONE) return sz_graph_capture(p->graph, full, ret);
        name = (sz_str){full.p + p->scope->prefix.len + 1, name.len}; // outlives the window
    }
    SZ_TRY(find_in_scope(p->scope, p->graph, name, &found, ret));
    if (found) return SZ_OK;
    if (p->graph == p->scope->graph) return new_in_scope(x, p->scope, name, ret);
    return sz_graph_add_value(p->graph, full, SZ_VALUE_NODE, ret);
}

// A name that nobody has written yet may still be written by a later node: the value is made, and
// sz_graph_verify() tells when it never is.
sz_status onnx_value_read(onnx *x, const onnx_place *p, sz_str name, sz_value_id *ret) {
    if (p->scope) return read_in_function(x, p, name, ret);
    SZ_TRY(sz_graph_capture(p->graph, name, ret));
    if (*ret != SZ_NONE) return SZ_OK;
    return sz_graph_add_value(p->graph, name, SZ_VALUE_NODE, ret);
}

// The value that a node writes. That nobody else writes it is checked by sz_graph_add_node().
static sz_status value_written(onnx *x, const onnx_place *p, sz_str name, sz_value_id *ret) {
    int32_t entry;
    if (p->scope && p->graph == p->scope->graph) {
        if (!sz_map_get(&p->scope->names, name, &entry))
            return new_in_scope(x, p->scope, name, ret);
        *ret = id_of(entry);
        if (entry >= 0 && !(entry & 1)) return SZ_OK;
        return sz_fail(x->ctx, SZ_ERR_INPUT, "writes '%s', an input of the function",
                       sz_show(x->ctx, name));
    }
    SZ_TRY(onnx_full_name(x, p->scope, name, &name));
    *ret = sz_graph_find(p->graph, name);
    if (*ret != SZ_NONE) return SZ_OK;
    return sz_graph_add_value(p->graph, name, SZ_VALUE_NODE, ret);
}

// ---- one node ----------------------------------------------------------------------------------

typedef struct node_text {
    sz_node node;
    sz_str overload;
    uint64_t seen;
} node_text;

static sz_status take_input(onnx *x, const onnx_place *p, sz_span span) {
    sz_str name;
    sz_value_id id = SZ_NONE;
    SZ_TRY(sz_wire_text(&x->wire, span, &name));
    if (name.len > 0) SZ_TRY(onnx_value_read(x, p, name, &id));
    return sz_vec_push(x->ctx, &x->in, id) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status take_output(onnx *x, const onnx_place *p, sz_span span) {
    sz_str name;
    sz_value_id id = SZ_NONE;
    SZ_TRY(sz_wire_text(&x->wire, span, &name));
    if (name.len > 0) SZ_TRY(value_written(x, p, name, &id));
    return sz_vec_push(x->ctx, &x->out, id) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status add_attr(onnx *x, const sz_attr *a) {
    for (size_t i = 0; i < x->attrs.n; i++) {
        if (!sz_str_eq(x->attrs.items[i].name, a->name)) continue;
        sz_warn(x->ctx, "attribute '%s' is given twice: the last one counts",
                sz_show(x->ctx, a->name));
        x->attrs.items[i] = *a;
        return SZ_OK;
    }
    if (x->attrs.n >= SZ_ONNX_MAX_ATTRS)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than %d attributes", SZ_ONNX_MAX_ATTRS);
    return sz_vec_push(x->ctx, &x->attrs, *a) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status take_attr(onnx *x, const onnx_place *p, sz_span span) {
    sz_attr a;
    bool keep;
    SZ_TRY(onnx_attr_read(x, p, span, &a, &keep));
    return keep ? add_attr(x, &a) : SZ_OK;
}

// The name in the arena; nodes of functions are called after the call.
static sz_status take_name(onnx *x, const onnx_place *p, sz_span span, sz_str *ret) {
    sz_str name;
    if (!p->scope) return onnx_copy(x, span, ret);
    SZ_TRY(sz_wire_text(&x->wire, span, &name));
    SZ_TRY(onnx_full_name(x, p->scope, name, &name));
    char *copy = sz_arena_strdup(x->root->arena, name.p, name.len);
    if (!copy) return sz_no_memory(x->ctx);
    *ret = (sz_str){copy, name.len};
    return SZ_OK;
}

static sz_status node_field(onnx *x, const onnx_place *p, const sz_field *f, node_text *t) {
    switch (onnx_tag(f)) {
    case ONNX_BYTES(NODE_INPUT): return take_input(x, p, f->span);
    case ONNX_BYTES(NODE_OUTPUT): return take_output(x, p, f->span);
    case ONNX_BYTES(NODE_ATTR): return take_attr(x, p, f->span);
    case ONNX_BYTES(NODE_NAME):
        onnx_once(x, &t->seen, f, "name of a node");
        return take_name(x, p, f->span, &t->node.name);
    case ONNX_BYTES(NODE_OP):
        onnx_once(x, &t->seen, f, "op_type of a node");
        return onnx_word(x, f->span, &t->node.op);
    case ONNX_BYTES(NODE_DOMAIN):
        onnx_once(x, &t->seen, f, "domain of a node");
        return onnx_domain(x, f->span, &t->node.domain);
    case ONNX_BYTES(NODE_OVERLOAD): return onnx_word(x, f->span, &t->overload);
    default: return SZ_OK;
    }
}

static sz_status read_fields(onnx *x, const onnx_place *p, sz_span span, node_text *t) {
    sz_field f;
    x->in.n = x->out.n = x->attrs.n = 0;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) break;
        SZ_TRY(node_field(x, p, &f, t));
    }
    if (t->node.op.len == 0) return sz_fail(x->ctx, SZ_ERR_INPUT, "a node without op_type");
    return SZ_OK;
}

static void *keep(onnx *x, const void *items, size_t n, size_t size) {
    void *own = n ? sz_arena_array(x->root->arena, n, size) : NULL;
    if (own) memcpy(own, items, n * size);
    return own;
}

// Copies of the lists, which are used again for the next node.
static sz_status keep_lists(onnx *x, sz_node *n) {
    if (x->in.n > INT32_MAX || x->out.n > INT32_MAX)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than 2^31 inputs or outputs");
    n->n_inputs = (int32_t)x->in.n;
    n->n_outputs = (int32_t)x->out.n;
    n->n_attrs = (int32_t)x->attrs.n;
    n->inputs = keep(x, x->in.items, x->in.n, sizeof *n->inputs);
    n->outputs = keep(x, x->out.items, x->out.n, sizeof *n->outputs);
    n->attrs = keep(x, x->attrs.items, x->attrs.n, sizeof *n->attrs);
    bool ok = (n->inputs || !x->in.n) && (n->outputs || !x->out.n) && (n->attrs || !x->attrs.n);
    return ok ? SZ_OK : sz_no_memory(x->ctx);
}

// A node of a function that has no name is called after its operator.
static sz_status name_nameless(onnx *x, const onnx_place *p, sz_node *n) {
    sz_str full;
    if (!p->scope || n->name.len > 0) return SZ_OK;
    SZ_TRY(onnx_full_name(x, p->scope, n->op, &full));
    char *copy = sz_arena_strdup(x->root->arena, full.p, full.len);
    if (!copy) return sz_no_memory(x->ctx);
    n->name = (sz_str){copy, full.len};
    return SZ_OK;
}

static sz_status add_node(onnx *x, const onnx_place *p, const sz_node *n) {
    if (p->scope && ++x->expanded > SZ_ONNX_MAX_EXPANDED)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "calls of functions turn into more than %d nodes",
                       SZ_ONNX_MAX_EXPANDED);
    SZ_TRY(sz_graph_add_node(p->graph, n, NULL));
    if (n->domain.len == 0 && sz_str_is(n->op, "Constant"))
        return onnx_constant_node(x, p->graph, n);
    return SZ_OK;
}

// Reads the node; a call of a function opens a scope instead of making a node.
static sz_status read_node(onnx *x, const onnx_place *p, sz_span span, node_text *t,
                           onnx_scope **ret_scope) {
    int32_t function;
    SZ_TRY(read_fields(x, p, span, t));
    SZ_TRY(name_nameless(x, p, &t->node));
    SZ_TRY(keep_lists(x, &t->node));
    SZ_TRY(onnx_function_find(x, t->node.domain, t->node.op, t->overload, &function));
    if (function != SZ_NONE) return onnx_call_open(x, p, &t->node, function, ret_scope);
    t->node.opset = onnx_opset_of(x, p->scope, t->node.domain);
    return add_node(x, p, &t->node);
}

static sz_status read_and_place(onnx *x, const onnx_place *p, const sz_field *f,
                                onnx_scope **ret_scope) {
    sz_str none = sz_str_c("");
    node_text t = {.overload = none};
    t.node = (sz_node){.name = none, .op = none, .domain = none, .row = SZ_NONE, .offset = f->at};
    sz_status status = read_node(x, p, f->span, &t, ret_scope);
    if (status == SZ_OK || status == SZ_ERR_MEMORY) return status;
    if (t.node.op.len > 0)
        return sz_place(x->ctx, status, "node '%s' (%s) @%" PRIu64, sz_show(x->ctx, t.node.name),
                        sz_show(x->ctx, t.node.op), f->at);
    return sz_place(x->ctx, status, "node '%s' @%" PRIu64, sz_show(x->ctx, t.node.name), f->at);
}

// ---- all nodes ---------------------------------------------------------------------------------

static sz_status push_frame(onnx *x, sz_span nodes, uint32_t field, onnx_scope *scope) {
    onnx_frame frame = {nodes, field, scope};
    return sz_vec_push(x->ctx, &x->frames, frame) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status pop_frame(onnx *x) {
    onnx_frame *top = &x->frames.items[--x->frames.n];
    if (x->frames.n == 0) return SZ_OK; // the graph itself
    return onnx_call_close(x, top->scope);
}

sz_status onnx_nodes_read(onnx *x, const onnx_place *p, sz_span nodes) {
    x->frames.n = 0;
    SZ_TRY(push_frame(x, nodes, GRAPH_NODE, p->scope));
    while (x->frames.n > 0) {
        onnx_frame *top = &x->frames.items[x->frames.n - 1];
        onnx_scope *callee = NULL;
        sz_field f;
        bool more;
        SZ_TRY(sz_wire_next(&x->wire, &top->rest, &f, &more));
        if (!more) {
            SZ_TRY(pop_frame(x));
            continue;
        }
        if (onnx_tag(&f) != ONNX_BYTES(top->field)) continue;
        onnx_place place = {p->graph, top->scope, p->depth};
        SZ_TRY(read_and_place(x, &place, &f, &callee));
        if (callee) SZ_TRY(push_frame(x, callee->fn->span, FUNCTION_NODE, callee));
    }
    return SZ_OK;
}
