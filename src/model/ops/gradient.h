// SPDX-License-Identifier: Apache-2.0
// What the backward pass of an operator costs and what it keeps from the forward pass: the table
// gradients.def, one row per operator, and the rules that its rows name.
//
// A rule sees one node whose types are inferred and whose forward cost is known. It is told which
// inputs want a gradient, data (what another node made) and parameters apart, and says for each of
// the two the multiply-accumulates and the elementary operations, and what has to be kept: inputs,
// outputs, and arrays of its own (masks, indices, gates, statistics).
#ifndef SZ_GRADIENT_H
#define SZ_GRADIENT_H

#include "model/ops/rule.h"

typedef struct sz_grading sz_grading;
typedef sz_status sz_gradient_rule(sz_grading *g);

// What a row says to be kept for the backward pass.
enum {
    SZ_KEEP_NONE = 0,
    SZ_KEEP_X = 1,       // input 0
    SZ_KEEP_X1 = 2,      // input 1
    SZ_KEEP_X2 = 4,      // input 2
    SZ_KEEP_Y = 8,       // output 0
    SZ_KEEP_Y1 = 16,     // output 1
    SZ_KEEP_MASK = 32,   // one byte per element of output 0, an array of its own
    SZ_KEEP_INDEX = 64,  // one 64-bit index per element of output 0, an array of its own
    SZ_KEEP_ROWS1 = 128, // one f32 number per row (statistics)
    SZ_KEEP_ROWS2 = 256  // two of them
};

enum { SZ_ALL_INPUTS = -1 };

typedef struct sz_gradient {
    const char *domain, *name; // of the operator
    sz_gradient_rule *rule;    // NULL: no gradient passes through it (its derivative is 0)
    int32_t inputs;            // bits of the inputs that can have a gradient; SZ_ALL_INPUTS
    int32_t keep;              // SZ_KEEP_* of the general rules
    double work;               // elementary operations per element of input 0
    double finish;             // and per result, or per row: see the rule
} sz_gradient;

// NULL when the operator has no row: what its backward pass costs is not known.
const sz_gradient *sz_gradient_of(int32_t op_row);
const sz_gradient *sz_gradient_get(size_t i); // rows as they stand; NULL past the end
// Operations per element of the derivative of an activation that an attribute names ("Relu", any
// case), times the incoming gradient; 0 when there is none of that name.
int64_t sz_activation_gradient_work(sz_str name);

// Which gradient an input wants.
typedef enum sz_want { SZ_WANT_NONE, SZ_WANT_DATA, SZ_WANT_WEIGHT } sz_want;

typedef struct sz_backward {
    int64_t macs;     // multiply-accumulates
    int64_t flops;    // elementary work of operators without MACs
    int64_t epilogue; // elementary work inside contractions: bias sums, gates; not in flops
} sz_backward;

struct sz_grading {
    sz_costing cost; // accessors: sz_in(&g->cost.in, i) ...; forward work in cost.work
    const sz_gradient *row;
    const uint8_t *wants;     // sz_want per input
    uint8_t *keep_in;         // per input: set what is to be kept
    uint8_t *keep_out;        // per output
    sz_backward data, weight; // gradients of data and of parameters
    int64_t saved_elements;   // kept arrays of its own in the format of output 0
    int64_t saved_bytes;      // kept arrays of its own in a format of their own
    int64_t score_elements;   // probabilities of a fused attention, in the format of output 0
    int64_t statistic_bytes;  // means, deviations: small, reported apart
    int64_t forward_extra;    // operations that the forward pass takes more in training
    const char *unknown;      // set to a reason when the cost cannot be told
};

bool sz_wants(const sz_grading *g, int i);
// Adds factor x elements operations to the gradient of input i, when that is wanted.
sz_status sz_gradient_add(sz_grading *g, int i, int64_t elements, int64_t factor);
void sz_gradient_keep_in(sz_grading *g, int i);
void sz_gradient_keep_out(sz_grading *g, int o);

#define SZ_NO_GRADIENT                                       NULL
#define GRAD(domain, name, rule, inputs, keep, work, finish) sz_gradient_rule sz_gradient_##rule;
#define NO_GRAD(domain, name)
#include "model/ops/gradients.def"
#undef GRAD
#undef NO_GRAD

#endif
