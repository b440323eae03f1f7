// SPDX-License-Identifier: Apache-2.0
// Inside of a run: graphs and bodies that are being run, and where weights come from.
#ifndef SZ_REF_SESSION_H
#define SZ_REF_SESSION_H

#include "run/backends/ref/kernel.h"

// One graph, or one turn of a body.
typedef struct sz_frame {
    sz_graph *graph;
    const struct sz_frame *outer;
    sz_buffer **slots; // by value
    int32_t *uses;     // of each value by nodes that are still to run
    bool *needed;      // by node
    int depth;
} sz_frame;

struct sz_ref {
    sz_ctx *ctx;
    sz_graph *graph;
    sz_ref_options options;
    sz_buffer **given;   // by value of the main graph
    sz_buffer **outputs; // of the main graph
    int64_t spent;
    uint64_t noise; // state of the numbers that results are moved by
};

bool sz_ref_spend(sz_ref *r, int64_t work); // false when the limit is reached
// Numbers of a constant (weights.c): from the file, from the graph, or synthetic ones.
sz_status sz_ref_constant(sz_ref *r, sz_graph *g, sz_value_id id, sz_buffer **ret_buffer);
// Synthetic numbers of an input.
sz_status sz_ref_sample(sz_ref *r, sz_graph *g, sz_value_id id, sz_buffer **ret_buffer);
// Works a folded constant out, with the constants that it is made of (recipe.c).
sz_status sz_ref_recipe(sz_ref *r, const sz_frame *f, sz_value_id id);
// The numbers of a value, held by its frame; recipes are worked out.
sz_status sz_ref_look_up(sz_ref *r, const sz_frame *f, sz_value_id id, sz_buffer **ret);
// The frame that holds a value, and its id there.
const sz_frame *sz_ref_owner(const sz_frame *f, sz_value_id id, sz_value_id *ret_id);
// Runs one node (node.c): inputs are held by the caller, outputs get one holder each.
sz_status sz_ref_node(sz_ref *r, const sz_frame *f, const sz_node *node, sz_buffer **in,
                      sz_buffer **out);
sz_status sz_frame_run(sz_ref *r, sz_frame *f, sz_buffer **ret_out);

// Between buffers and the numbers of rules (node.c).
sz_status sz_ref_tensor(sz_graph *g, const sz_buffer *b, const sz_tensor **ret_tensor);

#endif
