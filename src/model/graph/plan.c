// SPDX-License-Identifier: Apache-2.0
#include "model/graph/plan.h"

static const char *const names[] = {
#define GROUP(ident, name, what) name,
#include "model/graph/groups.def"
#undef GROUP
};

const char *sz_group_name(sz_group_kind kind) {
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

sz_group_kind sz_group_find(sz_str name) {
    for (int k = 0; k < SZ_GROUP_KINDS; k++)
        if (sz_str_is(name, names[k])) return (sz_group_kind)k;
    return SZ_GROUP_KINDS;
}

// Members of each group, counted and then laid out in one array.
typedef struct maker {
    sz_graph *g;
    sz_group *groups;
    sz_node_id *members;
    int32_t *group_of, *renumber;
    int32_t n_groups;
} maker;

static bool allocate(maker *m, int32_t n_groups) {
    const size_t n = m->g->nodes.n + 1;
    m->groups = sz_arena_array(m->g->arena, (size_t)n_groups + 1, sizeof *m->groups);
    m->renumber = sz_arena_array(m->g->arena, (size_t)n_groups + 1, sizeof *m->renumber);
    m->members = sz_arena_array(m->g->arena, n, sizeof *m->members);
    m->group_of = sz_arena_array(m->g->arena, n, sizeof *m->group_of);
    return m->groups && m->renumber && m->members && m->group_of;
}

// Numbers without gaps for the groups of two and more nodes; `renumber` holds their sizes before.
static void number_groups(maker *m, const uint8_t *kinds, const sz_node_id *anchors,
                          int32_t n_groups) {
    const sz_node_id *next = m->members;
    for (int32_t k = 0; k < n_groups; k++) {
        const int32_t size = m->renumber[k];
        m->renumber[k] = SZ_NONE;
        if (size < 2) continue;
        m->renumber[k] = m->n_groups;
        m->groups[m->n_groups++] = (sz_group){kinds[k], anchors[k], 0, next};
        next += size;
    }
}

sz_status sz_plan_make(sz_graph *g, const int32_t *group_of, const uint8_t *kinds,
                       const sz_node_id *anchors, int32_t n_groups,
                       const sz_origin *const *origins) {
    maker m = {.g = g};
    sz_plan *plan = sz_arena_alloc(g->arena, sizeof *plan);
    if (!plan || !allocate(&m, n_groups)) return sz_no_memory(g->ctx);
    for (size_t i = 0; i < g->nodes.n; i++)
        if (group_of[i] != SZ_NONE) m.renumber[group_of[i]]++;
    number_groups(&m, kinds, anchors, n_groups);
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        const int32_t old = group_of[id];
        m.group_of[id] = old == SZ_NONE ? SZ_NONE : m.renumber[old];
        if (m.group_of[id] == SZ_NONE) continue;
        sz_group *group = &m.groups[m.group_of[id]];
        ((sz_node_id *)group->nodes)[group->n_nodes++] = id;
    }
    *plan = (sz_plan){m.groups, m.n_groups, m.group_of, origins};
    g->plan = plan;
    return SZ_OK;
}
