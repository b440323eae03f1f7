// SPDX-License-Identifier: Apache-2.0
// Running passes over a graph and its bodies.
#ifndef SZ_PASS_RUN_H
#define SZ_PASS_RUN_H

#include "model/passes/pass.h"

enum { SZ_MAX_PASSES = 64 };

typedef struct sz_pass_list {
    const sz_pass *passes[SZ_MAX_PASSES];
    int64_t changed[SZ_MAX_PASSES];
    int n;
} sz_pass_list;

// Names separated by commas or spaces. An unknown name, or a rewrite behind a fusion, fails.
sz_status sz_pass_list_read(sz_ctx *ctx, const char *names, sz_pass_list *ret_list);

// All passes over the main graph, then over each body. The graph must be inferred.
sz_status sz_passes_run(sz_graph *g, const sz_recipe *recipe, sz_pass_list *list);

// What the compiler of that name does to strides and layouts, to a graph as it was written: for
// libraries that tell the times of layers. ret_moved[node] is its id from then on, SZ_NONE = none
// is known; NULL = nobody asks. No such recipe, or one without these passes: nothing changes.
sz_status sz_passes_as_run(sz_graph *g, const char *recipe, sz_node_id *ret_moved);

#endif
