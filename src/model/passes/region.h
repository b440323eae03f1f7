// SPDX-License-Identifier: Apache-2.0
// Recognizing a function by what it computes, not by how it is written.
//
// A region is a small piece of the graph with one input and one output that is not constant: sums,
// products, exponentials, and reductions over one set of axes. It is run on a few numbers and
// compared with functions of a table. So every way in which exporters write GELU, SiLU, LayerNorm,
// RMSNorm or softmax is the same, and a piece that only looks like one is not.
#ifndef SZ_REGION_H
#define SZ_REGION_H

#include "model/passes/pass.h"

enum { SZ_LANES = 12, SZ_REGION_NODES = 28 };

// One row of numbers that a function sees. `count` is how many elements a real row has; the lanes
// stand for all of them.
typedef void sz_row_function(const double *x, double *y, double count);

typedef struct sz_function {
    const char *name;
    sz_row_function *eval;
} sz_function;

typedef struct sz_function_set {
    const sz_function *rows; // at most SZ_MAX_FUNCTIONS
    int n;
    bool reduces; // functions of a row (they have a reduction in them), or of one number
    bool vectors; // a constant of many elements may scale or shift in between: taken for 1 or 0
} sz_function_set;
enum { SZ_MAX_FUNCTIONS = 16 };

// The largest region that ends with output 0 of `end` and computes a function of the set;
// *ret_function NULL when there is none. Nodes come in no particular order, `end` first.
typedef struct sz_region {
    sz_node_id nodes[SZ_REGION_NODES];
    int n;
    sz_value_id input;
    const sz_function *function;
    const sz_function_set *set;
} sz_region;
void sz_region_match(sz_pass_job *job, sz_node_id end, const sz_function_set *set,
                     sz_region *ret_region);

// Does the node reduce over axes? (ReduceMean ...)
bool sz_is_reduction(const sz_pass_job *job, sz_node_id id);

#endif
