// SPDX-License-Identifier: Apache-2.0
// Weights that a file decompresses by plain arithmetic, as OpenVINO writes them:
// Multiply(Subtract(Convert(weights), Convert(zero points)), scales). The weights are parameters of
// any width and rank, the zero points none.
#include "model/cost/costs.h"

static const sz_node *producer_of(const sz_graph *g, sz_value_id id, const char *op) {
    if (id == SZ_NONE) return NULL;
    const sz_value *v = sz_graph_value(g, id);
    if (v->kind != SZ_VALUE_NODE || v->producer == SZ_NONE) return NULL;
    const sz_node *p = sz_graph_node(g, v->producer);
    return sz_str_is(p->op, op) && sz_str_is(p->domain, "openvino") ? p : NULL;
}

// The constant under a chain of Converts and Reshapes, SZ_NONE when there is none.
static sz_value_id constant_under(const sz_graph *g, sz_value_id id) {
    for (int steps = 0; steps < 4 && id != SZ_NONE; steps++) {
        if (sz_graph_value(g, id)->constant) return id;
        const sz_node *p = producer_of(g, id, "Convert");
        if (!p) p = producer_of(g, id, "Reshape");
        if (!p || p->n_inputs < 1) return SZ_NONE;
        id = p->inputs[0];
    }
    return SZ_NONE;
}

static bool is_scale(const sz_graph *g, sz_value_id id) {
    const sz_value_id constant = constant_under(g, id);
    if (constant == SZ_NONE) return false;
    return sz_dtype_get(sz_graph_value(g, constant)->type.dtype)->cls == SZ_CLASS_FLOAT;
}

static void mark(const sz_graph *g, sz_value_id id, uint8_t with, uint8_t *marks) {
    const sz_value_id constant = constant_under(g, id);
    if (constant == SZ_NONE) return;
    const sz_dtype_info *d = sz_dtype_get(sz_graph_value(g, constant)->type.dtype);
    const bool is_integer = d->cls == SZ_CLASS_INT || d->cls == SZ_CLASS_UINT;
    if (is_integer && d->bits <= 32) marks[constant] = with;
}

sz_status sz_decompressed(sz_costs *costs, uint8_t **ret_marks) {
    const sz_graph *g = costs->graph;
    uint8_t *marks = sz_arena_alloc(&costs->arena, g->values.n + 1);
    if (!marks) return sz_no_memory(g->ctx);
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        if (n->n_inputs != 2 || !sz_str_is(n->domain, "openvino")) continue;
        if (sz_str_is(n->op, "Multiply") && is_scale(g, n->inputs[1])) {
            const sz_node *shifted = producer_of(g, n->inputs[0], "Subtract");
            mark(g, shifted && shifted->n_inputs == 2 ? shifted->inputs[0] : n->inputs[0],
                 SZ_MARK_WEIGHT, marks);
        } else if (sz_str_is(n->op, "Subtract")) {
            mark(g, n->inputs[1], SZ_MARK_ZERO, marks);
        }
    }
    *ret_marks = marks;
    return SZ_OK;
}
