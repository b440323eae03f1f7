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
    const char *optimizer;
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
    sz_activations activations;
    sz_training training;
};

// A name as text; names from files may hold NUL, which is shown as text.
const char *sz_costs_text(sz_costs *costs, sz_str s);

// Sets costs->inside where the graph has groups.
sz_status sz_costs_find_inside(sz_costs *costs);
// Turns the rows of nodes into rows of kernels where the graph is optimized. Last of all.
sz_status sz_costs_group(sz_costs *costs);

// Parameters and weight bytes of every node; a shared constant belongs to the first that uses it.
sz_status sz_costs_params(sz_costs *costs);

// live_bytes of every node and the peak: nodes in file order, outputs come alive before inputs die,
// no aliasing, graph inputs until their last use, graph outputs to the end, constants not at all.
sz_status sz_costs_liveness(sz_costs *costs);

// Totals of one training step.
sz_status sz_costs_training_step(sz_costs *costs);

#endif
