// SPDX-License-Identifier: Apache-2.0
// Inside of sz_costs, shared by the files of this room.
#ifndef SZ_COSTS_H
#define SZ_COSTS_H

#include "model/cost/node_cost.h"

#include <sizeup/cost.h>

struct sz_costs {
    sz_ctx *ctx;
    sz_graph *graph;
    const sz_convention *convention;
    sz_cost_options options;
    sz_arena arena;
    sz_node_cost *nodes;
    size_t n_nodes;
    sz_op_cost *ops;
    size_t n_ops;
    sz_cost total;
    int64_t covered;
    sz_activations activations;
    sz_training training;
    sz_training_peak training_peak;
    sz_node_training *node_training; // per node, NULL unless asked for
};

// Parameters and weight bytes of every node; a shared constant belongs to the first that uses it.
sz_status sz_costs_params(sz_costs *costs);
// Is operand `input` of the node a weight that the file leaves to ConstantOfShape?
bool sz_param_is_made(const sz_graph *g, const sz_node *n, int32_t input, const sz_value *v);

// live_bytes of every node and the peak: nodes in file order, outputs come alive before inputs die,
// no aliasing, graph inputs until their last use, graph outputs to the end, constants not at all.
sz_status sz_costs_liveness(sz_costs *costs);

// Totals of one training step.
sz_status sz_costs_training_step(sz_costs *costs);

#endif
