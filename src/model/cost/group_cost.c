// SPDX-License-Identifier: Apache-2.0
// Costs of an optimized graph: a row for each kernel instead of a row for each node.
//
// A group does the work of its nodes. Its bytes are what still crosses memory: each value from
// outside is read once, however many of its nodes read it, and of what its nodes make only that is
// written which somebody outside reads. A view inside moves nothing but reads its input for the
// others; a node that picks some rows of its input (Gather, Slice) reads these.
//
// An integer kernel computes on the small integers as they are: what DequantizeLinear would do to
// the operands of a product is part of the scale that QuantizeLinear applies, and where data are
// only moved neither does anything.
#include "model/cost/costs.h"

#include <stdio.h>

typedef struct grouper {
    sz_costs *c;
    sz_graph *g;
    const sz_plan *plan;
    int32_t *seen; // per value: the last group that has read it, from 1
} grouper;

// ---- what never leaves a kernel ----------------------------------------------------------------

// Per value: the group that makes it, or -2 as soon as somebody else reads it.
enum { OUTSIDE = -2 };

static void leave(int32_t *home, sz_value_id v, int32_t reader) {
    if (v != SZ_NONE && home[v] >= 0 && home[v] != reader) home[v] = OUTSIDE;
}

static void read_captures(int32_t *home, const sz_node *n) {
    for (int32_t a = 0; a < n->n_attrs; a++)
        for (int32_t k = 0; n->attrs[a].graphs && k < n->attrs[a].n; k++) {
            const sz_graph *body = n->attrs[a].graphs[k];
            for (size_t i = 0; i < body->values.n; i++)
                if (body->values.items[i].kind == SZ_VALUE_CAPTURED)
                    leave(home, body->values.items[i].outer, OUTSIDE);
        }
}

sz_status sz_costs_find_inside(sz_costs *c) {
    const sz_graph *g = c->graph;
    if (!g->plan || !g->plan->n_groups) return SZ_OK;
    int32_t *home = sz_alloc(c->ctx, (g->values.n + 1) * sizeof *home);
    c->inside = sz_arena_array(&c->arena, g->values.n + 1, 1);
    if (home && c->inside) {
        for (size_t i = 0; i < g->values.n; i++) home[i] = OUTSIDE;
        for (size_t i = 0; i < g->nodes.n; i++)
            for (int32_t o = 0; o < g->nodes.items[i].n_outputs; o++)
                if (g->nodes.items[i].outputs[o] != SZ_NONE)
                    home[g->nodes.items[i].outputs[o]] = g->plan->group_of[i];
        for (size_t i = 0; i < g->nodes.n; i++) {
            const sz_node *n = &g->nodes.items[i];
            for (int32_t k = 0; k < n->n_inputs; k++)
                leave(home, n->inputs[k], g->plan->group_of[i]);
            read_captures(home, n);
        }
        for (size_t i = 0; i < g->values.n; i++)
            c->inside[i] = home[i] >= 0 && !g->values.items[i].is_output;
    }
    sz_free(c->ctx, home, (g->values.n + 1) * sizeof *home);
    return home && c->inside ? SZ_OK : sz_no_memory(c->ctx);
}

// ---- bytes -------------------------------------------------------------------------------------

static int64_t bytes_of(const grouper *w, sz_value_id v) {
    int64_t bytes;
    if (sz_type_bytes(w->g->ctx, &sz_graph_value(w->g, v)->type, &bytes) != SZ_OK) return 0;
    return bytes > 0 ? bytes : 0;
}

static bool is_kind(const sz_node *n, sz_op_kind kind) {
    return n->row != SZ_NONE && sz_op_get(n->row)->kind == kind;
}

static bool used_before(const sz_node *n, int32_t i) {
    enum { MANY_INPUTS = 64 };
    for (int32_t k = 0; k < i && n->n_inputs <= MANY_INPUTS; k++)
        if (n->inputs[k] == n->inputs[i]) return true;
    return false;
}

// Reads of one node of a group. `own` is what it would read by itself.
static bool add_reads(grouper *w, int32_t group, const sz_node *n, int64_t own, int64_t *sum) {
    int64_t all = 0, from_inside = 0;
    if (is_kind(n, SZ_KIND_SHAPE)) return true;
    const bool view = is_kind(n, SZ_KIND_VIEW);
    const int32_t n_inputs = view && n->n_inputs > 1 ? 1 : n->n_inputs;
    for (int32_t i = 0; i < n_inputs; i++) {
        if (n->inputs[i] == SZ_NONE || used_before(n, i)) continue;
        const int64_t bytes = bytes_of(w, n->inputs[i]);
        if (!sz_add(all, bytes, &all)) return false;
        if (w->c->inside[n->inputs[i]]) from_inside += bytes;
    }
    if (!view && own < all) return own <= from_inside || sz_add(*sum, own - from_inside, sum);
    if (!view && own > all && !sz_add(*sum, own - all, sum)) return false;
    for (int32_t i = 0; i < n_inputs; i++) {
        const sz_value_id v = n->inputs[i];
        if (v == SZ_NONE || w->c->inside[v] || w->seen[v] == group + 1) continue;
        // made by the group, read outside as well: it is written, not read again
        const sz_node_id maker = sz_graph_value(w->g, v)->producer;
        w->seen[v] = group + 1;
        if (maker != SZ_NONE && w->plan->group_of[maker] == group) continue;
        if (!sz_add(*sum, bytes_of(w, v), sum)) return false;
    }
    return true;
}

static bool add_writes(grouper *w, const sz_node *n, int64_t *sum) {
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE && !w->c->inside[n->outputs[o]] &&
            !sz_add(*sum, bytes_of(w, n->outputs[o]), sum))
            return false;
    return true;
}

// ---- work --------------------------------------------------------------------------------------

// Does this node of an integer kernel do nothing there?
static bool is_idle(const grouper *w, const sz_group *group, const sz_node *n) {
    const sz_node *anchor = sz_graph_node(w->g, group->anchor);
    if (group->kind != SZ_GROUP_INTEGER || anchor->row == SZ_NONE) return false;
    const sz_op_kind kind = sz_op_get(anchor->row)->kind;
    const bool moves = kind == SZ_KIND_MOVE || kind == SZ_KIND_VIEW ||
                       sz_str_is(anchor->op, "MaxPool") || sz_str_is(anchor->op, "GlobalMaxPool");
    if (sz_str_is(n->op, "DequantizeLinear")) return moves || kind == SZ_KIND_CONTRACTION;
    return moves && sz_str_is(n->op, "QuantizeLinear");
}

static bool add_member(grouper *w, const sz_group *group, sz_node_id id, sz_node_cost *sum) {
    const sz_node_cost *one = &w->c->nodes[id];
    const sz_node *n = sz_graph_node(w->g, id);
    const int32_t k = (int32_t)(group - w->plan->groups);
    if (one->unknown && !sum->unknown) sum->unknown = one->unknown;
    if (one->note && !sum->note) sum->note = one->note;
    if (one->live_bytes > sum->live_bytes) sum->live_bytes = one->live_bytes;
    return sz_add(sum->cost.params, one->cost.params, &sum->cost.params) &&
           sz_add(sum->cost.weight_bytes, one->cost.weight_bytes, &sum->cost.weight_bytes) &&
           sz_add(sum->cost.macs, one->cost.macs, &sum->cost.macs) &&
           sz_add(sum->cost.flops, is_idle(w, group, n) ? 0 : one->cost.flops, &sum->cost.flops) &&
           sz_add(sum->epilogue_flops, one->epilogue_flops, &sum->epilogue_flops) &&
           sz_add(sum->padding_macs, one->padding_macs, &sum->padding_macs) &&
           sz_add(sum->activation_bytes, one->activation_bytes, &sum->activation_bytes) &&
           sz_add(sum->unfused_bytes, one->cost.bytes_moved, &sum->unfused_bytes) &&
           add_reads(w, k, n, one->cost.bytes_read, &sum->cost.bytes_read) &&
           add_writes(w, n, &sum->cost.bytes_written);
}

// ---- names -------------------------------------------------------------------------------------

// "Conv+Add+Relu": the operators in the order in which they run, without views; of long groups the
// beginning.
static const char *op_names(grouper *w, const sz_group *group) {
    enum { MAX_OPS = 6 };
    char text[MAX_OPS * 40 + 16];
    size_t len = 0;
    int ops = 0;
    for (int32_t i = 0; i < group->n_nodes; i++) {
        const sz_node *n = sz_graph_node(w->g, group->nodes[i]);
        if (is_kind(n, SZ_KIND_VIEW) && group->n_nodes > 2) continue;
        if (++ops > MAX_OPS) continue;
        const int put = snprintf(text + len, sizeof text - len, "%s%.36s", len ? "+" : "",
                                 w->c->nodes[group->nodes[i]].op);
        len += put > 0 ? (size_t)put : 0;
    }
    if (ops > MAX_OPS)
        len += (size_t)snprintf(text + len, sizeof text - len, "+%d more", ops - MAX_OPS);
    const char *copy = sz_arena_strdup(&w->c->arena, text, len);
    return copy ? copy : "";
}

static size_t count_sources(const grouper *w, sz_node_id id) {
    const sz_origin *o = w->plan->origins ? w->plan->origins[id] : NULL;
    size_t n = o == NULL;
    for (; o; o = o->next) n++;
    return n;
}

// What the nodes stand for; a name that two of them share stands there once when they are
// neighbours.
static sz_status put_sources(grouper *w, const sz_node_id *nodes, int32_t n, sz_node_cost *row) {
    size_t room = 1;
    for (int32_t i = 0; i < n; i++) room += count_sources(w, nodes[i]);
    const char **names = sz_arena_array(&w->c->arena, room, sizeof *names);
    if (!names) return sz_no_memory(w->c->ctx);
    for (int32_t i = 0; i < n; i++) {
        const sz_origin *o = w->plan->origins ? w->plan->origins[nodes[i]] : NULL;
        if (!o) names[row->n_sources++] = w->c->nodes[nodes[i]].name;
        for (; o; o = o->next) {
            const char *name = sz_costs_text(w->c, o->name);
            if (row->n_sources && strcmp(names[row->n_sources - 1], name) == 0) continue;
            names[row->n_sources++] = name;
        }
    }
    row->sources = names;
    return SZ_OK;
}

// ---- rows --------------------------------------------------------------------------------------

static sz_status group_row(grouper *w, const sz_group *group, sz_node_cost *row) {
    const sz_node_id last = group->nodes[group->n_nodes - 1];
    *row = (sz_node_cost){.name = w->c->nodes[group->anchor].name,
                          .op = op_names(w, group),
                          .domain = "",
                          .kind = sz_group_name((sz_group_kind)group->kind),
                          .dtype = w->c->nodes[last].dtype,
                          .n_outputs = (size_t)sz_graph_node(w->g, last)->n_outputs,
                          .n_nodes = (size_t)group->n_nodes};
    for (int32_t i = 0; i < group->n_nodes; i++)
        if (!add_member(w, group, group->nodes[i], row))
            return sz_fail(w->c->ctx, SZ_ERR_INPUT, "costs of a group exceed 2^63");
    sz_cost *c = &row->cost;
    if (row->unknown) *c = (sz_cost){.params = c->params, .weight_bytes = c->weight_bytes};
    if (!sz_add(c->bytes_read, c->bytes_written, &c->bytes_moved))
        return sz_fail(w->c->ctx, SZ_ERR_INPUT, "bytes exceed 2^63");
    return put_sources(w, group->nodes, group->n_nodes, row);
}

// Steps and peaks were told by node. A node's row is the first that has ended by then; -1 stays.
static sz_status to_rows(sz_costs *c, size_t n_nodes, size_t n_rows) {
    int64_t *row = sz_arena_array(&c->arena, n_nodes + 1, sizeof *row);
    size_t r = 0;
    if (!row) return sz_no_memory(c->ctx);
    for (size_t i = 0; i < n_nodes; i++) {
        while (r + 1 < n_rows && (size_t)c->row_results[r] < i) r++;
        row[i] = (int64_t)r;
    }
    int64_t *const told[] = {&c->activations.peak_node, &c->memory.peak_node};
    for (size_t i = 0; i < 2; i++)
        if (*told[i] >= 0) *told[i] = row[*told[i]];
    for (size_t i = 0; i < n_rows; i++) {
        c->steps[i] = c->steps[c->row_results[i]];
        c->steps[i].node = i;
    }
    for (size_t i = 0; i < c->n_buffers; i++) {
        sz_arena_buffer *b = &c->buffers[i];
        if (b->node >= 0) b->node = row[b->node];
        b->first = row[b->first];
        b->last = row[b->last];
    }
    return SZ_OK;
}

static sz_status make_rows(grouper *w) {
    sz_costs *c = w->c;
    const size_t n = c->n_nodes;
    sz_node_cost *rows = sz_arena_array(&c->arena, n + 1, sizeof *rows);
    c->row_nodes = sz_arena_array(&c->arena, n + 1, sizeof *c->row_nodes);
    c->row_results = sz_arena_array(&c->arena, n + 1, sizeof *c->row_results);
    if (!rows || !c->row_nodes || !c->row_results) return sz_no_memory(c->ctx);
    size_t n_rows = 0;
    c->covered = 0;
    for (size_t i = 0; i < n; i++) {
        const int32_t k = w->plan->group_of[i];
        const sz_group *group = k == SZ_NONE ? NULL : &w->plan->groups[k];
        sz_node_id id = (sz_node_id)i;
        if (group && group->nodes[group->n_nodes - 1] != id) continue;
        if (group)
            SZ_TRY(group_row(w, group, &rows[n_rows]));
        else
            rows[n_rows] = c->nodes[i];
        if (!group) SZ_TRY(put_sources(w, &id, 1, &rows[n_rows]));
        c->row_nodes[n_rows] = group ? group->anchor : id;
        c->row_results[n_rows] = id;
        c->covered += rows[n_rows].unknown == NULL;
        n_rows++;
    }
    SZ_TRY(to_rows(c, n, n_rows));
    c->nodes = rows;
    c->n_nodes = n_rows;
    return SZ_OK;
}

sz_status sz_costs_group(sz_costs *c) {
    grouper w = {c, c->graph, c->graph->plan, NULL};
    const size_t n = c->graph->values.n + 1;
    if (!w.plan) return SZ_OK;
    if (!c->inside) c->inside = sz_arena_array(&c->arena, n, 1);
    w.seen = sz_alloc(c->ctx, n * sizeof *w.seen);
    sz_status status = w.seen && c->inside ? make_rows(&w) : sz_no_memory(c->ctx);
    sz_free(c->ctx, w.seen, n * sizeof *w.seen);
    return status;
}
