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
    const char *optimizer;
    sz_arena arena;
    sz_node_cost *nodes;
    size_t n_nodes;
    sz_op_cost *ops;
    size_t n_ops;
    sz_cost total;
    int64_t covered;
    sz_xla_totals xla; // has_xla: of the nodes that have them
    bool has_xla;
    sz_activations activations;
    sz_training training;
};

// Parameters and weight bytes of every node; a shared constant belongs to the first that uses it.
sz_status sz_costs_params(sz_costs *costs);

// What plain arithmetic says of the integer constants of the main graph, by value id: 0 nothing.
enum { SZ_MARK_WEIGHT = 1, SZ_MARK_ZERO = 2 };
sz_status sz_decompressed(sz_costs *costs, uint8_t **ret_marks);

// live_bytes of every node and the peak: nodes in file order, outputs come alive before inputs die,
// no aliasing, graph inputs until their last use, graph outputs to the end, constants not at all.
sz_status sz_costs_liveness(sz_costs *costs);

// Totals of one training step.
sz_status sz_costs_training_step(sz_costs *costs);

#endif
