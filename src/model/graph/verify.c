// SPDX-License-Identifier: Apache-2.0
// Is it a graph? Every input is produced, no cycle, outputs exist; nodes come in an order in which
// they can run.
#include "model/graph/graph.h"

#include <inttypes.h>

static bool is_ready_made(const sz_value *v) { return v->kind != SZ_VALUE_NODE; }

static sz_status check_produced(sz_graph *g, const sz_node *n, sz_value_id id) {
    const sz_value *v = sz_graph_value(g, id);
    if (is_ready_made(v) || v->producer != SZ_NONE) return SZ_OK;
    return sz_fail(
        g->ctx, SZ_ERR_INPUT, "node '%s' (%s) @%" PRIu64 ": input '%s' is produced by nothing",
        sz_show(g->ctx, n->name), sz_show(g->ctx, n->op), n->offset, sz_show(g->ctx, v->name));
}

// Values a node needs: its inputs and what its bodies capture. Calls `visit` for each id >= 0.
typedef sz_status visit_fn(sz_graph *g, const sz_node *n, sz_value_id id, void *user);

static sz_status for_captured(sz_graph *g, const sz_node *n, const sz_graph *body, visit_fn *visit,
                              void *user) {
    for (size_t i = 0; i < body->values.n; i++)
        if (body->values.items[i].kind == SZ_VALUE_CAPTURED)
            SZ_TRY(visit(g, n, body->values.items[i].outer, user));
    return SZ_OK;
}

static sz_status for_needs(sz_graph *g, const sz_node *n, visit_fn *visit, void *user) {
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE) SZ_TRY(visit(g, n, n->inputs[i], user));
    for (int32_t a = 0; a < n->n_attrs; a++)
        if (n->attrs[a].graphs)
            for (int32_t k = 0; k < n->attrs[a].n; k++)
                SZ_TRY(for_captured(g, n, n->attrs[a].graphs[k], visit, user));
    return SZ_OK;
}

static sz_status visit_produced(sz_graph *g, const sz_node *n, sz_value_id id, void *user) {
    (void)user;
    return check_produced(g, n, id);
}

static sz_status visit_order(sz_graph *g, const sz_node *n, sz_value_id id, void *user) {
    bool *sorted = user;
    const sz_value *v = sz_graph_value(g, id);
    if (!is_ready_made(v) && v->producer >= (sz_node_id)(n - g->nodes.items)) *sorted = false;
    return SZ_OK;
}

// ---- sorting -----------------------------------------------------------------------------------

// The producers that each node needs, in one flat list: node i has needs[first[i]] up to
// needs[first[i + 1]]. Flat, so that the walk below stays linear for nodes with a million inputs.
typedef struct sorter {
    sz_graph *g;
    size_t *first, *next;
    SZ_VEC(sz_node_id) needs;
    uint8_t *state; // per node: 0 new, 1 on the stack, 2 done
    sz_node_id *stack, *order;
    size_t n_stack, n_order;
} sorter;

static sz_status visit_collect(sz_graph *g, const sz_node *n, sz_value_id id, void *user) {
    (void)n;
    sorter *s = user;
    const sz_value *v = sz_graph_value(g, id);
    if (is_ready_made(v)) return SZ_OK;
    return sz_vec_push(g->ctx, &s->needs, v->producer) ? SZ_OK : sz_no_memory(g->ctx);
}

static sz_status cycle_error(sz_graph *g, sz_node_id id) {
    const sz_node *n = sz_graph_node(g, id);
    return sz_fail(g->ctx, SZ_ERR_INPUT,
                   "node '%s' (%s) @%" PRIu64 ": depends on its own output (the graph has a cycle)",
                   sz_show(g->ctx, n->name), sz_show(g->ctx, n->op), n->offset);
}

static void push(sorter *s, sz_node_id id) {
    s->state[id] = 1;
    s->next[id] = s->first[id];
    s->stack[s->n_stack++] = id;
}

static sz_status sort_from(sorter *s, sz_node_id start) {
    if (s->state[start] == 2) return SZ_OK;
    push(s, start);
    while (s->n_stack) {
        sz_node_id top = s->stack[s->n_stack - 1];
        if (s->next[top] == s->first[top + 1]) {
            s->state[top] = 2;
            s->order[s->n_order++] = top;
            s->n_stack--;
            continue;
        }
        sz_node_id need = s->needs.items[s->next[top]++];
        if (s->state[need] == 1) return cycle_error(s->g, need);
        if (s->state[need] == 0) push(s, need);
    }
    return SZ_OK;
}

static sz_status collect(sorter *s) {
    sz_graph *g = s->g;
    size_t n = g->nodes.n;
    s->first = sz_alloc(g->ctx, (n + 1) * sizeof *s->first);
    s->next = sz_alloc(g->ctx, n * sizeof *s->next);
    s->state = sz_alloc(g->ctx, n);
    s->stack = sz_alloc(g->ctx, n * sizeof *s->stack);
    s->order = sz_arena_array(g->arena, n, sizeof *s->order);
    if (!s->first || !s->next || !s->state || !s->stack || !s->order) return sz_no_memory(g->ctx);
    for (size_t i = 0; i < n; i++) {
        s->first[i] = s->needs.n;
        SZ_TRY(for_needs(g, &g->nodes.items[i], visit_collect, s));
    }
    s->first[n] = s->needs.n;
    return SZ_OK;
}

static sz_status sort_nodes(sz_graph *g) {
    size_t n = g->nodes.n;
    sorter s = {.g = g};
    sz_status status = collect(&s);
    for (size_t i = 0; i < n && status == SZ_OK; i++) status = sort_from(&s, (sz_node_id)i);
    if (status == SZ_OK) g->order = s.order;
    sz_free(g->ctx, s.first, (n + 1) * sizeof *s.first);
    sz_free(g->ctx, s.next, n * sizeof *s.next);
    sz_free(g->ctx, s.state, n);
    sz_free(g->ctx, s.stack, n * sizeof *s.stack);
    sz_vec_finish(g->ctx, &s.needs);
    return status;
}

static sz_status verify_one(sz_graph *g) {
    bool sorted = true;
    for (size_t i = 0; i < g->nodes.n; i++) {
        SZ_TRY(for_needs(g, &g->nodes.items[i], visit_produced, NULL));
        SZ_TRY(for_needs(g, &g->nodes.items[i], visit_order, &sorted));
    }
    for (size_t i = 0; i < g->outputs.n; i++) {
        const sz_value *v = sz_graph_value(g, g->outputs.items[i]);
        if (!is_ready_made(v) && v->producer == SZ_NONE)
            return sz_fail(g->ctx, SZ_ERR_INPUT, "graph output '%s' is produced by nothing",
                           sz_show(g->ctx, v->name));
    }
    if (sorted) return SZ_OK;
    SZ_TRY(sort_nodes(g));
    sz_warn(g->ctx, "nodes of graph '%s' do not stand in an order in which they can run",
            sz_show(g->ctx, g->name));
    return SZ_OK;
}

sz_status sz_graph_verify(sz_graph *g) {
    SZ_TRY(verify_one(g));
    for (size_t i = 0; i < g->children.n; i++) SZ_TRY(verify_one(g->children.items[i]));
    return SZ_OK;
}
