// SPDX-License-Identifier: Apache-2.0
// Changing a graph: who uses a value, the order of nodes as a list, and groups of nodes.
//
// Nothing is freed while an edit is open: ids stay what they are, and what is gone is marked as
// dead. sz_edit_finish() moves the nodes that live together, so that all other rooms see a plain
// graph; the ids of nodes change there, those of values never. All steps take constant time, or
// time linear in what they change.
#ifndef SZ_EDIT_H
#define SZ_EDIT_H

#include "model/graph/plan.h"

// One input of one node, in the list of all uses of a value. Input i of node n is the use
// nodes[n].first_use + i.
typedef struct sz_use {
    sz_node_id node;
    int32_t next, prev; // SZ_NONE at the ends
} sz_use;

typedef struct sz_edit_value {
    int32_t first; // use, SZ_NONE = none
    int32_t n;     // number of uses
    int32_t pins;  // uses that can't be moved: graph output, captured by a body
    bool was_idle; // a constant that nobody used before the edit
} sz_edit_value;

typedef struct sz_edit_node {
    int32_t first_use;
    sz_node_id prev, next; // in the order in which nodes run
    int32_t group;         // SZ_NONE = none
    sz_node_id group_next; // next member of its group
    uint32_t mark;         // for sets of nodes, see sz_edit_is_closed
    bool dead;
    bool own_inputs; // the array of inputs is not shared any more
    bool is_new;     // stands for what it has absorbed, not for itself
    sz_origin *origin, *origin_end;
} sz_edit_node;

typedef struct sz_edit_group {
    uint8_t kind;
    sz_node_id anchor, first, last;
    int32_t n; // 0: was merged into another
} sz_edit_group;

typedef struct sz_edit {
    sz_graph *g;
    SZ_VEC(sz_use) uses;
    SZ_VEC(sz_edit_value) values;
    SZ_VEC(sz_edit_node) nodes;
    SZ_VEC(sz_edit_group) groups;
    SZ_VEC(sz_value_id) prune; // values to look at: has the last use gone?
    sz_node_id head, tail;
    uint32_t mark;   // the newest set of nodes
    int64_t names;   // for names of new values
    uint8_t *owners; // per body of the root: nodes that hold it, at most 255
    size_t n_owners;
} sz_edit;

// The graph must be verified. The edit is the caller's to finish or to drop.
sz_status sz_edit_begin(sz_graph *g, sz_edit **ret_edit);
// Writes order, groups and origins back, and frees the edit (also on failure).
sz_status sz_edit_finish(sz_edit *e);
// Frees the edit; the graph is then only fit for destruction.
void sz_edit_drop(sz_edit *e);

// ---- asking ------------------------------------------------------------------------------------

static inline sz_node *sz_edit_node_of(const sz_edit *e, sz_node_id id) {
    return &e->g->nodes.items[id];
}
static inline sz_value *sz_edit_value_of(const sz_edit *e, sz_value_id id) {
    return &e->g->values.items[id];
}
static inline sz_node_id sz_edit_next(const sz_edit *e, sz_node_id id) {
    return e->nodes.items[id].next;
}
static inline bool sz_edit_is_dead(const sz_edit *e, sz_node_id id) {
    return e->nodes.items[id].dead;
}
// Input i; SZ_NONE where there is none.
sz_value_id sz_edit_in(const sz_edit *e, sz_node_id id, int i);
// Output o; SZ_NONE where there is none.
sz_value_id sz_edit_out(const sz_edit *e, sz_node_id id, int o);
// The node of this graph that makes a value, SZ_NONE when it is none.
sz_node_id sz_edit_producer(const sz_edit *e, sz_value_id v);
// Uses of all kinds: inputs of nodes, graph outputs, captures.
static inline int32_t sz_edit_use_count(const sz_edit *e, sz_value_id v) {
    return e->values.items[v].n + e->values.items[v].pins;
}
static inline bool sz_edit_is_pinned(const sz_edit *e, sz_value_id v) {
    return e->values.items[v].pins > 0;
}
// The node that alone uses the value, once or more often; SZ_NONE when others do or when it is
// pinned.
sz_node_id sz_edit_only_user(const sz_edit *e, sz_value_id v);

// ---- changing ----------------------------------------------------------------------------------

sz_status sz_edit_set_input(sz_edit *e, sz_node_id id, int i, sz_value_id v);
// Whoever uses `from` uses `to` instead. A pinned `from` keeps its name: then the producer of `to`
// makes `from` from now on, and `to` is gone. false: that can't be done (both are pinned, or `to`
// is no node's output); nothing was changed. `from` must come from a node that is about to go.
sz_status sz_edit_replace(sz_edit *e, sz_value_id from, sz_value_id to, bool *ret_done);
// A new node that reads v, the output of another node, as its first input, and has one output that
// nobody uses yet, makes v from now on; the other makes *ret_source, which the new node reads. All
// other uses of v stay.
sz_status sz_edit_put_behind(sz_edit *e, sz_node_id id, sz_value_id *ret_source);
// Takes a node out whose outputs nobody uses, and then all nodes that only it needed.
sz_status sz_edit_remove(sz_edit *e, sz_node_id id);
// `into` stands for what `from` stood for, too.
sz_status sz_edit_absorb(sz_edit *e, sz_node_id into, sz_node_id from);
// New value that a node will make; named after `like`.
sz_status sz_edit_new_value(sz_edit *e, sz_value_id like, sz_value_kind kind, sz_value_id *ret);
// New node that runs just before `before`, SZ_NONE = last; all pointers in the arena of the graph.
// Its outputs must be new values.
sz_status sz_edit_add_node(sz_edit *e, sz_node_id before, const sz_node *node, sz_node_id *ret);
// The outputs of a node are constants from now on, and the node leaves the graph. It becomes their
// recipe when its inputs are constants; otherwise all numbers of its outputs must be known.
sz_status sz_edit_freeze(sz_edit *e, sz_node_id id, int64_t made_of, bool is_recipe);

// ---- groups ------------------------------------------------------------------------------------

// Is all that these nodes make, but the outputs of `last`, used among them alone?
bool sz_edit_is_closed(sz_edit *e, const sz_node_id *nodes, int n, sz_node_id last);
// One group of these nodes and of the groups that they are in. Kind and anchor are those given.
sz_status sz_edit_join(sz_edit *e, sz_group_kind kind, sz_node_id anchor, const sz_node_id *nodes,
                       int n);
static inline int32_t sz_edit_group_of(const sz_edit *e, sz_node_id id) {
    return e->nodes.items[id].group;
}
// The kind of its group, SZ_GROUP_NONE when it is by itself.
sz_group_kind sz_edit_kind_of(const sz_edit *e, sz_node_id id);

#endif
