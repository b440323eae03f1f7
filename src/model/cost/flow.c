// SPDX-License-Identifier: Apache-2.0
// Which values a row's bytes belong to.
//
// A row reads less than its operands hold where it picks rows of a table, and more where it reads
// one twice: then every operand gets its share of what the row reads in all.
#include "model/cost/flow.h"

typedef struct walk {
    const sz_costs *c;
    sz_flows *f;
    const sz_value_id *root;
    const int32_t *made_by; // per value: row + 1 that made it, when that is the row at hand
    int32_t *seen;          // per value: the last row that read it, from 1
    int32_t row;
    double sum;
} walk;

static double bytes_of(const walk *w, sz_value_id v) {
    int64_t bytes;
    if (sz_type_bytes(w->c->ctx, &sz_graph_value(w->c->graph, v)->type, &bytes) != SZ_OK) return 0;
    return bytes > 0 ? (double)bytes : 0;
}

static sz_status add_flow(walk *w, sz_value_id v, double bytes, bool is_written) {
    const sz_value *value = sz_graph_value(w->c->graph, v);
    const sz_flow one = {w->root[v], bytes, is_written, value->constant != NULL, value->is_output};
    w->sum += bytes;
    return sz_vec_push(w->c->ctx, &w->f->items, one) ? SZ_OK : sz_no_memory(w->c->ctx);
}

static sz_status add_read(void *user, sz_value_id v) {
    walk *w = user;
    const bool is_inside = w->c->inside && w->c->inside[v];
    if (is_inside || w->seen[v] == w->row + 1 || w->made_by[v] == w->row + 1) return SZ_OK;
    w->seen[v] = w->row + 1;
    return add_flow(w, v, bytes_of(w, v), false);
}

// Every flow from `from` on gets its share of `bytes`.
static void share(walk *w, size_t from, double bytes) {
    for (size_t i = from; i < w->f->items.n; i++)
        w->f->items.items[i].bytes *= w->sum > 0 ? bytes / w->sum : 0;
}

static sz_status add_row(walk *w, const sz_node_id *nodes, int32_t n, const sz_cost *cost) {
    const sz_graph *g = w->c->graph;
    size_t from = w->f->items.n;
    w->sum = 0;
    for (int32_t k = 0; k < n; k++) SZ_TRY(sz_for_reads(sz_graph_node(g, nodes[k]), add_read, w));
    share(w, from, (double)cost->bytes_read);
    from = w->f->items.n, w->sum = 0;
    for (int32_t k = 0; k < n; k++) {
        const sz_node *node = sz_graph_node(g, nodes[k]);
        for (int32_t o = 0; o < node->n_outputs; o++) {
            const sz_value_id v = node->outputs[o];
            if (v == SZ_NONE || (w->c->inside && w->c->inside[v])) continue;
            SZ_TRY(add_flow(w, v, bytes_of(w, v), true));
        }
    }
    share(w, from, (double)cost->bytes_written);
    return SZ_OK;
}

// ---- rows --------------------------------------------------------------------------------------

static void mark_made(const sz_graph *g, const sz_node_id *nodes, int32_t n, int32_t row,
                      int32_t *made_by) {
    for (int32_t k = 0; k < n; k++) {
        const sz_node *node = sz_graph_node(g, nodes[k]);
        for (int32_t o = 0; o < node->n_outputs; o++)
            if (node->outputs[o] != SZ_NONE) made_by[node->outputs[o]] = row + 1;
    }
}

void sz_flow_roots(const sz_graph *g, sz_value_id *root) {
    for (size_t v = 0; v < g->values.n; v++) root[v] = (sz_value_id)v;
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node *n = sz_graph_node(g, sz_graph_nth(g, k));
        if (n->row == SZ_NONE || sz_op_get(n->row)->kind != SZ_KIND_VIEW) continue;
        if (n->n_inputs < 1 || n->n_outputs < 1) continue;
        if (n->inputs[0] != SZ_NONE && n->outputs[0] != SZ_NONE)
            root[n->outputs[0]] = root[n->inputs[0]];
    }
}

static sz_status add_rows(const sz_costs *c, sz_flows *f, int32_t *seen, int32_t *made_by,
                          sz_value_id *root) {
    walk w = {c, f, root, made_by, seen, 0, 0};
    sz_flow_roots(c->graph, root);
    for (size_t i = 0; i < c->n_nodes; i++) {
        const sz_group *group = sz_costs_group_of(c, i);
        const sz_node_id id = c->row_nodes ? c->row_nodes[i] : (sz_node_id)i;
        const sz_node_id *nodes = group ? group->nodes : &id;
        const int32_t n = group ? group->n_nodes : 1;
        f->first[i] = f->items.n;
        if (c->nodes[i].unknown || c->nodes[i].cost.bytes_moved == 0) continue;
        w.row = (int32_t)i;
        mark_made(c->graph, nodes, n, w.row, made_by);
        SZ_TRY(add_row(&w, nodes, n, &c->nodes[i].cost));
    }
    f->first[c->n_nodes] = f->items.n;
    return SZ_OK;
}

sz_status sz_flows_find(sz_ctx *ctx, const sz_costs *c, sz_flows *f) {
    const size_t n = c->graph->values.n + 1;
    *f = (sz_flows){.n_rows = c->n_nodes};
    f->first = sz_alloc(ctx, (c->n_nodes + 1) * sizeof *f->first);
    int32_t *seen = sz_alloc(ctx, n * sizeof *seen), *made_by = sz_alloc(ctx, n * sizeof *made_by);
    sz_value_id *root = sz_alloc(ctx, n * sizeof *root);
    sz_status status = f->first && seen && made_by && root ? SZ_OK : sz_no_memory(ctx);
    if (status == SZ_OK) status = add_rows(c, f, seen, made_by, root);
    sz_free(ctx, seen, n * sizeof *seen);
    sz_free(ctx, made_by, n * sizeof *made_by);
    sz_free(ctx, root, n * sizeof *root);
    if (status != SZ_OK) sz_flows_finish(ctx, f);
    return status;
}

void sz_flows_finish(sz_ctx *ctx, sz_flows *f) {
    sz_vec_finish(ctx, &f->items);
    sz_free(ctx, f->first, (f->n_rows + 1) * sizeof *f->first);
    f->first = NULL;
}
