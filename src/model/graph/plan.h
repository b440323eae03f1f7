// SPDX-License-Identifier: Apache-2.0
// What optimization leaves beside a graph: which nodes run as one kernel, and which nodes of the
// file each node stands for.
//
// A group has one kernel's traffic: what flows between its nodes never reaches memory. No path
// leaves a group and comes back into it, so every group can run as a whole.
#ifndef SZ_PLAN_H
#define SZ_PLAN_H

#include "model/graph/graph.h"

typedef enum sz_group_kind {
#define GROUP(ident, name, what) SZ_GROUP_##ident,
#include "model/graph/groups.def"
#undef GROUP
    SZ_GROUP_KINDS
} sz_group_kind;

const char *sz_group_name(sz_group_kind kind);
// SZ_GROUP_KINDS when there is none of this name.
sz_group_kind sz_group_find(sz_str name);

// A node of the file, by name; the rest of a list hangs on it.
typedef struct sz_origin {
    sz_str name;
    struct sz_origin *next;
} sz_origin;

typedef struct sz_group {
    uint8_t kind;            // sz_group_kind
    sz_node_id anchor;       // the member that says most about it; it gives the group its name
    int32_t n_nodes;         // two or more
    const sz_node_id *nodes; // in the order in which they run
} sz_group;

typedef struct sz_plan {
    const sz_group *groups;
    int32_t n_groups;
    const int32_t *group_of;         // per node: index in groups, SZ_NONE = by itself
    const sz_origin *const *origins; // per node: what it was made of; NULL = itself alone
} sz_plan;

static inline int32_t sz_graph_group_of(const sz_graph *g, sz_node_id id) {
    return g->plan ? g->plan->group_of[id] : SZ_NONE;
}

// A plan from a group number (or SZ_NONE) per node; kinds and anchors are per group. Groups of
// fewer than two nodes are left out. Arena memory.
sz_status sz_plan_make(sz_graph *g, const int32_t *group_of, const uint8_t *kinds,
                       const sz_node_id *anchors, int32_t n_groups,
                       const sz_origin *const *origins);

#endif
