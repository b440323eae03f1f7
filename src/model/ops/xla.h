// SPDX-License-Identifier: Apache-2.0
// Instructions of XLA (xla.def): what the cost rules and the counting of XLA's own convention
// share.
//
// Attributes carry the names of HLO text: `dimensions`, `lhs_contracting_dims`, `dim_labels` ...
// A window={size=3x3 pad=0_1x0_1 ...} is taken apart: `window_size`, `window_stride`, `window_pad`
// (low and high, alternating), `window_lhs_dilate`, `window_rhs_dilate`. Computations are graphs:
// `to_apply`, `calls`, `body`, `condition`, `select`, `scatter`, and the list `branches`.
#ifndef SZ_XLA_H
#define SZ_XLA_H

#include "model/ops/rule.h"

#define SZ_XLA_DOMAIN "xla"

// One spatial axis of a convolution: how many products of a kernel element and a position of the
// output there are, without those that meet a zero that base dilation put between two elements
// (`all`), and without those that meet padding either (`inside`).
typedef struct sz_xla_taps {
    int64_t all, inside;
} sz_xla_taps;

// What a convolution counts. false with a reason in c->unknown when it takes too long to tell.
typedef struct sz_xla_conv {
    int64_t macs;   // products, padding included
    int64_t inside; // products with elements of the input
    int64_t kernel; // elements of the window
} sz_xla_conv;
sz_status sz_xla_conv_count(sz_costing *c, sz_xla_conv *ret);

// Product of `window_size`, 1 when there is no window; fails on overflow.
sz_status sz_xla_window(const sz_infer *n, int64_t *ret_elements);

// Times that the computation of a reduce, map, sort ... runs. In a sort it is comparisons.
sz_status sz_xla_applications(const sz_infer *n, int64_t *ret_times);

// The graph that attribute `name` holds; NULL when there is none.
sz_graph *sz_xla_body(const sz_node *n, const char *name);

// Item i of a tuple; the type itself when it is no tuple and i is 0; NULL when there is none.
const sz_type *sz_xla_item(const sz_type *t, int64_t i);

// How often a `while` runs: as stated (`trips`), or counted out from its condition and body.
bool sz_xla_trips(const sz_infer *n, int64_t *ret_trips);

int64_t sz_log2_up(int64_t x);

#endif
