// SPDX-License-Identifier: Apache-2.0
// Inside of a training step, shared by the files that make it: which values have gradients
// (training_graph.c), what each node costs backward (training.c), what runs again (recompute.c) and
// what is alive when (training_memory.c).
#ifndef SZ_TRAINING_H
#define SZ_TRAINING_H

#include "model/cost/costs.h"
#include "model/ops/gradient.h"

typedef enum sz_precision { SZ_AS_MODEL, SZ_AS_F32, SZ_AS_MIXED } sz_precision;
typedef enum sz_recompute { SZ_KEEP_ALL, SZ_SELECTIVE, SZ_FULL } sz_recompute;

// Per graph: one flag per value.
typedef struct sz_scope {
    uint8_t *depends; // on a parameter
    uint8_t *reaches; // an output, through operators with a derivative
    uint8_t *param;   // is a parameter, or a view of one
    uint8_t *seen;    // counted already, of bodies
    bool ready;
} sz_scope;

// Backward pass of a node, bodies with all their trips included.
typedef struct sz_node_backward {
    sz_backward data, weight;
    int64_t forward_extra;
    int64_t saved_bytes;     // arrays of its own
    int64_t score_bytes;     // of them not: probabilities of a fused attention
    int64_t core_macs;       // of that attention, forward
    int64_t statistic_bytes; // of them not either
    const char *unknown;
    bool active;               // it has a backward pass
    size_t first_kept, n_kept; // values of the graph that it needs, in sz_train.kept
} sz_node_backward;

typedef struct sz_train {
    sz_costs *costs;
    sz_graph *g;
    sz_precision precision;
    sz_recompute recompute;
    const sz_gradient **rows; // by row of the operator table; NULL = no rule
    sz_scope *scopes;         // by number of the graph
    sz_node_backward *nodes;  // of the main graph
    SZ_VEC(sz_value_id) kept;
    sz_value_id *root; // per value: whose memory it shares (views, transposes)
    int32_t *position; // per node: when it runs
    int32_t *region;   // per position: what runs again together; SZ_NONE = does not
    int32_t n_regions;
} sz_train;

// Which values have a gradient, of a graph and its bodies.
sz_status sz_train_gradients(sz_train *t);
sz_scope *sz_scope_of(sz_train *t, const sz_graph *g);
bool sz_has_gradient(sz_train *t, const sz_graph *g, sz_value_id id);
// Can input i of the node have a gradient?
bool sz_is_differentiable(const sz_train *t, const sz_graph *g, const sz_node *n, int32_t i);
// Does input i of the node stand where weights stand, and is it one?
bool sz_is_trained(const sz_graph *g, const sz_node *n, int32_t i);
// The graph value that input j of body `k` stands for, and back: see training_graph.c.
sz_value_id sz_body_source(const sz_node *n, const sz_graph *body, size_t j);
// Is the operator one whose work is its bodies'?
bool sz_is_control(const sz_node *n);

// Bytes of a type in the precision of the step; 0 when not known.
sz_status sz_train_bytes(const sz_train *t, const sz_type *type, int64_t *ret_bytes);

// What a node keeps of the forward pass for its backward pass: a value, by the root of its memory,
// or (SZ_NONE) arrays of its own. A value comes once for each node that keeps it.
typedef struct sz_kept {
    sz_node_id node;
    sz_value_id value;
    int64_t bytes;
    int64_t score_bytes; // not in bytes: probabilities of a fused attention
} sz_kept;
typedef sz_status sz_kept_rule(void *user, const sz_kept *kept);
// Calls the rule for all of it, in mixed precision. Weights are left out.
sz_status sz_train_kept(sz_costs *costs, sz_kept_rule *rule, void *user);

// Fills in region: what runs again.
sz_status sz_train_regions(sz_train *t);
// Stored and peak bytes (needs: everything above).
sz_status sz_train_memory(sz_train *t);

#endif
