// SPDX-License-Identifier: Apache-2.0
// Groups of nodes, and the way from an edit back to a plain graph.
#include "model/graph/edit.h"

// ---- groups ------------------------------------------------------------------------------------

sz_group_kind sz_edit_kind_of(const sz_edit *e, sz_node_id id) {
    const int32_t group = e->nodes.items[id].group;
    return group == SZ_NONE ? SZ_GROUP_NONE : (sz_group_kind)e->groups.items[group].kind;
}

// Marks the nodes and all members of their groups as one set.
static void mark_all(sz_edit *e, const sz_node_id *nodes, int n) {
    e->mark++;
    for (int i = 0; i < n; i++) {
        const int32_t group = e->nodes.items[nodes[i]].group;
        e->nodes.items[nodes[i]].mark = e->mark;
        if (group == SZ_NONE) continue;
        for (sz_node_id m = e->groups.items[group].first; m != SZ_NONE;
             m = e->nodes.items[m].group_next)
            e->nodes.items[m].mark = e->mark;
    }
}

static bool stays_inside(const sz_edit *e, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(e, id);
    for (int32_t o = 0; o < n->n_outputs; o++) {
        if (n->outputs[o] == SZ_NONE) continue;
        const sz_edit_value *v = &e->values.items[n->outputs[o]];
        if (v->pins) return false;
        for (int32_t u = v->first; u != SZ_NONE; u = e->uses.items[u].next)
            if (e->nodes.items[e->uses.items[u].node].mark != e->mark) return false;
    }
    return true;
}

bool sz_edit_is_closed(sz_edit *e, const sz_node_id *nodes, int n, sz_node_id last) {
    mark_all(e, nodes, n);
    for (int i = 0; i < n; i++) {
        const int32_t group = e->nodes.items[nodes[i]].group;
        if (group == SZ_NONE) {
            if (nodes[i] != last && !stays_inside(e, nodes[i])) return false;
            continue;
        }
        for (sz_node_id m = e->groups.items[group].first; m != SZ_NONE;
             m = e->nodes.items[m].group_next)
            if (m != last && !stays_inside(e, m)) return false;
    }
    return true;
}

static void join(sz_edit *e, int32_t into, sz_node_id id) {
    sz_edit_group *g = &e->groups.items[into];
    sz_edit_node *row = &e->nodes.items[id];
    row->group = into;
    row->group_next = SZ_NONE;
    if (g->n++ == 0)
        g->first = id;
    else
        e->nodes.items[g->last].group_next = id;
    g->last = id;
}

// The smaller group moves, so that all merges together stay within n log n.
static int32_t merge(sz_edit *e, int32_t a, int32_t b) {
    if (a == b) return a;
    if (e->groups.items[a].n < e->groups.items[b].n) {
        const int32_t t = a;
        a = b, b = t;
    }
    sz_node_id next;
    for (sz_node_id m = e->groups.items[b].first; m != SZ_NONE; m = next) {
        next = e->nodes.items[m].group_next;
        join(e, a, m);
    }
    e->groups.items[b].n = 0;
    return a;
}

sz_status sz_edit_join(sz_edit *e, sz_group_kind kind, sz_node_id anchor, const sz_node_id *nodes,
                       int n) {
    int32_t group = SZ_NONE;
    for (int i = 0; i < n; i++) {
        const int32_t own = e->nodes.items[nodes[i]].group;
        if (own != SZ_NONE) group = group == SZ_NONE ? own : merge(e, group, own);
    }
    if (group == SZ_NONE) {
        const sz_edit_group row = {.first = SZ_NONE, .last = SZ_NONE};
        if (!sz_vec_push(e->g->ctx, &e->groups, row)) return sz_no_memory(e->g->ctx);
        group = (int32_t)e->groups.n - 1;
    }
    for (int i = 0; i < n; i++)
        if (e->nodes.items[nodes[i]].group != group) join(e, group, nodes[i]);
    e->groups.items[group].kind = (uint8_t)kind;
    e->groups.items[group].anchor = anchor;
    return SZ_OK;
}

// ---- back to a plain graph ---------------------------------------------------------------------

// Constants of which the edit took the last use.
static void retire(sz_edit *e) {
    for (size_t i = 0; i < e->g->values.n; i++) {
        sz_value *v = &e->g->values.items[i];
        if (v->kind != SZ_VALUE_CONST || e->values.items[i].was_idle) continue;
        v->is_retired = sz_edit_use_count(e, (sz_value_id)i) == 0;
    }
}

static void forget_producer(sz_graph *g, const sz_node *n, sz_node_id id) {
    for (int32_t o = 0; o < n->n_outputs; o++) {
        if (n->outputs[o] == SZ_NONE) continue;
        sz_value *v = sz_graph_value(g, n->outputs[o]);
        if (v->kind == SZ_VALUE_NODE && v->producer == id) v->producer = SZ_NONE;
    }
}

typedef struct packed {
    sz_node *nodes;    // NULL: they can move in place
    sz_node_id *moved; // per old id
    int32_t *group_of;
    const sz_origin **origins;
    size_t n;
} packed;

// Does the order in which nodes run go through the ids upwards? Then none overtakes another.
static bool is_rising(const sz_edit *e) {
    sz_node_id last = SZ_NONE;
    for (sz_node_id id = e->head; id != SZ_NONE; id = e->nodes.items[id].next) {
        if (id <= last) return false;
        last = id;
    }
    return true;
}

// Living nodes in the order in which they run.
static void pack(sz_edit *e, packed *p) {
    sz_graph *g = e->g;
    sz_node *to = p->nodes ? p->nodes : g->nodes.items;
    for (size_t i = 0; i < g->nodes.n; i++)
        if (e->nodes.items[i].dead) forget_producer(g, &g->nodes.items[i], (sz_node_id)i);
    for (sz_node_id id = e->head; id != SZ_NONE; id = e->nodes.items[id].next) {
        p->moved[id] = (sz_node_id)p->n;
        p->group_of[p->n] = e->nodes.items[id].group;
        p->origins[p->n] = e->nodes.items[id].origin;
        to[p->n++] = *sz_edit_node_of(e, id);
    }
    if (p->nodes && p->n) memcpy(g->nodes.items, p->nodes, p->n * sizeof *p->nodes);
    g->nodes.n = p->n;
    g->order = NULL;
    for (size_t i = 0; i < p->n; i++)
        for (int32_t o = 0; o < g->nodes.items[i].n_outputs; o++)
            if (g->nodes.items[i].outputs[o] != SZ_NONE)
                sz_graph_value(g, g->nodes.items[i].outputs[o])->producer = (sz_node_id)i;
}

static sz_status make_plan(sz_edit *e, packed *p) {
    const size_t n = e->groups.n;
    uint8_t *kinds = sz_alloc(e->g->ctx, n + 1);
    sz_node_id *anchors = sz_alloc(e->g->ctx, (n + 1) * sizeof *anchors);
    sz_status status = kinds && anchors ? SZ_OK : sz_no_memory(e->g->ctx);
    for (size_t k = 0; k < n && status == SZ_OK; k++) {
        kinds[k] = e->groups.items[k].kind;
        anchors[k] = p->moved[e->groups.items[k].anchor];
    }
    if (status == SZ_OK)
        status = sz_plan_make(e->g, p->group_of, kinds, anchors, (int32_t)n, p->origins);
    sz_free(e->g->ctx, kinds, n + 1);
    sz_free(e->g->ctx, anchors, (n + 1) * sizeof *anchors);
    return status;
}

static sz_status write_back(sz_edit *e) {
    sz_ctx *ctx = e->g->ctx;
    const size_t n = e->g->nodes.n + 1;
    const bool in_place = is_rising(e);
    packed p = {.nodes = in_place ? NULL : sz_alloc(ctx, n * sizeof *p.nodes),
                .moved = sz_alloc(ctx, n * sizeof *p.moved),
                .group_of = sz_alloc(ctx, n * sizeof *p.group_of),
                .origins = sz_arena_array(e->g->arena, n, sizeof *p.origins)};
    const bool fits = (in_place || p.nodes) && p.moved && p.group_of && p.origins;
    sz_status status = SZ_OK;
    if (fits) pack(e, &p);
    status = fits ? make_plan(e, &p) : sz_no_memory(ctx);
    sz_free(ctx, p.nodes, n * sizeof *p.nodes);
    sz_free(ctx, p.moved, n * sizeof *p.moved);
    sz_free(ctx, p.group_of, n * sizeof *p.group_of);
    return status;
}

sz_status sz_edit_finish(sz_edit *e) {
    retire(e);
    sz_status status = write_back(e);
    sz_edit_drop(e);
    return status;
}
