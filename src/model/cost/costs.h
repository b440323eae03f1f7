// SPDX-License-Identifier: Apache-2.0
// Inside of sz_costs, shared by the files of this room.
#ifndef SZ_COSTS_H
#define SZ_COSTS_H

#include "model/cost/node_cost.h"
#include "model/graph/plan.h"

#include <sizeup/cost.h>

struct sz_costs {
    sz_ctx *ctx;
    sz_graph *graph;
    const sz_convention *convention;
    sz_cost_options options;
    sz_arena arena;
    sz_node_cost *nodes; // rows: a node each, or a kernel each when the graph is optimized
    size_t n_nodes;
    // Of an optimized graph: per value, whether it never leaves a kernel; per row, the node that
    // gives it its name and the node that makes its result. NULL otherwise.
    uint8_t *inside;
    sz_node_id *row_nodes, *row_results;
    sz_op_cost *ops;
    size_t n_ops;
    sz_cost total;
    int64_t covered;
    sz_xla_totals xla; // has_xla: of the nodes that have them
    bool has_xla;
    sz_activations activations;
    sz_memory memory;
    sz_demand demand;
    sz_memory_step *steps; // in the order in which nodes run
    sz_arena_buffer *buffers;
    size_t n_buffers;
    sz_training training;
    sz_training_peak training_peak;
    sz_training_moment *moments;
    size_t n_moments;
    sz_node_training *node_training; // per node, NULL unless asked for
};

// A name as text; names from files may hold NUL, which is shown as text.
const char *sz_costs_text(sz_costs *costs, sz_str s);

// Sets costs->inside where the graph has groups.
sz_status sz_costs_find_inside(sz_costs *costs);
// The group of nodes that a row stands for, NULL = one node.
static inline const sz_group *sz_costs_group_of(const sz_costs *c, size_t row) {
    const int32_t k = c->row_nodes ? sz_graph_group_of(c->graph, c->row_nodes[row]) : SZ_NONE;
    return k == SZ_NONE ? NULL : &c->graph->plan->groups[k];
}
// Turns the rows of nodes into rows of kernels where the graph is optimized. Last of all.
sz_status sz_costs_group(sz_costs *costs);

// Parameters and weight bytes of every node; a shared constant belongs to the first that uses it.
sz_status sz_costs_params(sz_costs *costs);
// Is operand `input` of the node a weight that the file leaves to ConstantOfShape?
bool sz_param_is_made(const sz_graph *g, const sz_node *n, int32_t input, const sz_value *v);

// What plain arithmetic says of the integer constants of the main graph, by value id: 0 nothing.
enum { SZ_MARK_WEIGHT = 1, SZ_MARK_ZERO = 2 };
sz_status sz_decompressed(sz_costs *costs, uint8_t **ret_marks);

// live_bytes of every node and the peak: nodes in file order, outputs come alive before inputs die,
// no aliasing, graph inputs until their last use, graph outputs to the end, constants not at all.
sz_status sz_costs_liveness(sz_costs *costs);

// Memory with views, in-place operators and an arena (needs: liveness).
sz_status sz_costs_memory_plan(sz_costs *costs);
// Bytes to communicate and operations to compute (needs: memory plan, totals).
sz_status sz_costs_sum_demand(sz_costs *costs);

// Calls the rule for each value that a node reads: its inputs, and what its bodies capture.
typedef sz_status sz_read_rule(void *user, sz_value_id id);
sz_status sz_for_reads(const sz_node *n, sz_read_rule *rule, void *user);

// Calls the rule for each item of each tuple of XLA, from the end of the graph on. A tuple holds
// pointers and no numbers.
typedef void sz_bundle_rule(void *user, sz_value_id bundle, sz_value_id item);
void sz_for_bundles(const sz_graph *g, sz_bundle_rule *rule, void *user);

// NUL-terminated name: names from files may hold NUL, which is shown as text.
const char *sz_costs_text(sz_costs *costs, sz_str s);

// Totals of one training step.
sz_status sz_costs_training_step(sz_costs *costs);

#endif
