// SPDX-License-Identifier: Apache-2.0
// The driver of shape and value rules: node by node, in order.
#include "model/ops/ops.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- declared types ----------------------------------------------------------------------------

// A declared dim with bound symbols replaced.
static int64_t declared_dim(const sz_graph *root, int64_t dim) {
    if (dim >= SZ_DIM_UNKNOWN) return dim;
    const sz_symbol *s = &root->symbols.items[SZ_SYMBOL_OF(dim)];
    return s->bound >= 0 ? s->bound : SZ_DIM_UNKNOWN;
}

static bool contradicts(const sz_graph *root, const sz_type *t, const sz_type *d) {
    if (t->kind != d->kind) return true;
    if (t->dtype && d->dtype && t->dtype != d->dtype) return true;
    if (t->rank < 0 || d->rank < 0) return false;
    if (t->rank != d->rank) return true;
    for (int32_t i = 0; i < t->rank; i++) {
        int64_t dim = declared_dim(root, d->dims[i]);
        if (t->dims[i] >= 0 && dim >= 0 && t->dims[i] != dim) return true;
    }
    return false;
}

// Fill what inference left open from the declared type.
static sz_status fill_in(sz_graph *g, sz_value *v) {
    const sz_graph *root = sz_graph_root(g);
    const sz_type *d = v->declared;
    if (v->type.dtype == 0) v->type.dtype = d->dtype;
    if (d->rank < 0) return SZ_OK;
    int64_t *dims = sz_graph_dims(g, d->rank);
    if (!dims) return sz_no_memory(g->ctx);
    for (int32_t i = 0; i < d->rank; i++) {
        dims[i] = v->type.rank == d->rank ? v->type.dims[i] : SZ_DIM_UNKNOWN;
        if (dims[i] == SZ_DIM_UNKNOWN) dims[i] = declared_dim(root, d->dims[i]);
    }
    v->type.rank = d->rank;
    v->type.dims = dims;
    return SZ_OK;
}

static sz_status merge_declared(sz_graph *g, sz_value_id id) {
    sz_value *v = sz_graph_value(g, id);
    const sz_graph *root = sz_graph_root(g);
    if (!v->declared || root->reshaped || v->declared->kind == SZ_TYPE_NONE) return SZ_OK;
    if (v->type.kind == SZ_TYPE_NONE) v->type.kind = v->declared->kind;
    if (contradicts(root, &v->type, v->declared)) {
        sz_warn(g->ctx, "value '%s': the file says %s, inference says %s (kept)",
                sz_show(g->ctx, v->name), sz_type_text(g, v->declared), sz_type_text(g, &v->type));
        return SZ_OK;
    }
    if (v->type.kind != SZ_TYPE_TENSOR) {
        if (!v->type.elem && !v->type.items) v->type.elem = v->declared->elem;
        return SZ_OK;
    }
    return sz_type_is_static(&v->type) && v->type.dtype ? SZ_OK : fill_in(g, v);
}

// ---- one node ----------------------------------------------------------------------------------

static sz_status check_arity(const sz_infer *n) {
    const sz_node *node = n->node;
    int32_t given = node->n_inputs;
    for (int32_t i = 0; i < n->op->min_in; i++)
        if (i >= given || node->inputs[i] == SZ_NONE)
            return sz_op_fail(n, "needs at least %d inputs, input %d is missing", n->op->min_in, i);
    if (given > n->op->max_in)
        sz_warn(n->ctx, "node '%s' (%s) @%" PRIu64 ": has %d inputs, the operator takes at most %d",
                sz_show(n->ctx, node->name), n->op->name, node->offset, given, n->op->max_in);
    if (node->n_outputs > n->op->max_out)
        sz_warn(n->ctx,
                "node '%s' (%s) @%" PRIu64 ": has %d outputs, the operator gives at most %d",
                sz_show(n->ctx, node->name), n->op->name, node->offset, node->n_outputs,
                n->op->max_out);
    return SZ_OK;
}

// Could the numbers be had, and are they few? Does not read anything.
static bool may_be_known(sz_graph *g, sz_value_id id) {
    const sz_value *v = sz_graph_value(g, id);
    while (v->kind == SZ_VALUE_CAPTURED) {
        g = g->parent;
        v = sz_graph_value(g, v->outer);
    }
    if (v->known) return true;
    if (!v->constant || v->known_tried || v->constant->form == SZ_CONST_NOWHERE ||
        v->constant->form == SZ_CONST_SPARSE)
        return false;
    int64_t n = 1;
    for (int32_t i = 0; i < v->type.rank; i++)
        if (!sz_mul(n, v->type.dims[i], &n) || n > SZ_MAX_VALUE_ELEMENTS) return false;
    return v->type.rank >= 0;
}

static bool all_inputs_known(const sz_infer *n) {
    bool any = n->node->n_inputs == 0;
    for (int32_t i = 0; i < n->node->n_inputs; i++) {
        if (n->node->inputs[i] == SZ_NONE) continue;
        if (!may_be_known(n->graph, n->node->inputs[i])) return false;
        any = true;
    }
    for (int32_t i = 0; any && i < n->node->n_inputs; i++)
        if (n->node->inputs[i] != SZ_NONE && !sz_in_value(n, i)) return false;
    return any;
}

static sz_status infer_unknown(sz_infer *n) {
    sz_warn(n->ctx, "operator '%s' of domain '%s' is unknown: its nodes are not costed",
            sz_show(n->ctx, n->node->op),
            n->node->domain.len ? sz_show(n->ctx, n->node->domain) : "ai.onnx");
    for (int32_t o = 0; o < n->node->n_outputs; o++)
        if (n->node->outputs[o] != SZ_NONE) SZ_TRY(merge_declared(n->graph, n->node->outputs[o]));
    return SZ_OK;
}

static sz_status infer_one(sz_graph *g, const sz_node *node, sz_node_id id, int depth) {
    sz_infer n = {g->ctx, g, id, node, NULL, node->opset, depth, false};
    if (node->row == SZ_NONE) return infer_unknown(&n);
    n.op = sz_op_get(node->row);
    SZ_TRY(check_arity(&n));
    sz_op_begin(&n);
    SZ_TRY(n.op->shape(&n));
    for (int32_t o = 0; o < node->n_outputs; o++)
        if (node->outputs[o] != SZ_NONE) SZ_TRY(merge_declared(g, node->outputs[o]));
    if (n.op->value != sz_value_none && all_inputs_known(&n)) return n.op->value(&n);
    return SZ_OK;
}

static void refresh_captured(sz_graph *body) {
    for (size_t i = 0; i < body->values.n; i++) {
        sz_value *v = &body->values.items[i];
        if (v->kind == SZ_VALUE_CAPTURED) v->type = sz_graph_value(body->parent, v->outer)->type;
    }
}

static sz_status infer_graph(sz_graph *g, int depth) {
    if (depth > SZ_MAX_BODIES)
        return sz_fail(g->ctx, SZ_ERR_LIMIT, "bodies are nested deeper than %d", SZ_MAX_BODIES);
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node_id id = sz_graph_nth(g, i);
        SZ_TRY(infer_one(g, sz_graph_node(g, id), id, depth));
    }
    return SZ_OK;
}

sz_status sz_ops_infer_node(sz_graph *g, const sz_node *node) {
    return infer_one(g, node, SZ_NONE, 0);
}

sz_status sz_ops_infer(sz_graph *g) {
    const size_t refused = sz_ctx_refused(g->ctx);
    SZ_TRY(infer_graph(g, 0));
    // numbers that could not be read for want of memory must not pass for "not known"
    return sz_ctx_refused(g->ctx) == refused ? SZ_OK : sz_no_memory(g->ctx);
}

sz_status sz_infer_body(sz_infer *n, sz_graph *body) {
    refresh_captured(body);
    return infer_graph(body, n->depth + 1);
}
