// SPDX-License-Identifier: Apache-2.0
// Inside of sz_model: a graph that is verified, resolved and inferred.
#ifndef SZ_MODEL_INSIDE_H
#define SZ_MODEL_INSIDE_H

#include "model/graph/graph.h"

#include <sizeup/model.h>

struct sz_model {
    sz_ctx *ctx;
    sz_graph *graph;
    const char *text; // made on demand
    size_t memory;    // bytes that loading took and did not give back
    bool is_optimized;
    const struct sz_pass_result *passes; // what each pass did
    size_t n_passes;
    const sz_type *open_inputs; // their types while dimensions are free; NULL = not asked for yet
};

#endif
