// SPDX-License-Identifier: Apache-2.0
// Products of matrices put together from products of pieces (model/ops/ozaki.h), on any library
// that takes the products of the pieces. All of the work is in the run: splitting the operands, the
// products, the sums.
//
// Pieces are whole numbers of `width` bits: x = 2^e (p0 + p1 2^-w + p2 2^-2w ...) 2^-(w-1) for all
// x of a row of the first operand, or of a column of the second, with |p| <= 2^(w-1). The width is
// the most with which a sum of k products is exact where the library keeps it:
//   i8    i32: 7. Sizes of up to 64 and not 127, so that two products also fit the 16 bits in which
//         CPUs without dot products of bytes add them; rounding to nearest makes up for the bit.
//   f32   f32: 2w - 2 + log2 k <= 24
//   bf16  the same, and w <= 9: 256 is the last whole number before the first gap
#ifndef SZ_RUN_OZAKI_H
#define SZ_RUN_OZAKI_H

#include "run/backends/runner.h"

// `refuses` and `prepare` of a backend, also for nodes that are put together here.
const char *sz_node_refuses(const sz_backend *backend, void *library, const sz_graph *g,
                            const sz_node *node);
sz_status sz_node_prepare(const sz_backend *backend, void *library, const sz_node_call *call,
                          sz_step *ret_step);
// Bytes that a node needs beside its operands; false: more than 2^63.
bool sz_node_bytes(const sz_graph *g, const sz_node *node, int64_t *ret_bytes);

// After a run of the step with the first set: its error, and what it may be.
sz_status sz_ozaki_check(const sz_step *step, sz_check *ret_check);

// ---- for the parts of it -----------------------------------------------------------------------

// The width of pieces for dot products of k; 0 = k is too large.
int sz_ozaki_width(const char *pieces, int64_t k);
// What the error of an element may be, as a share of k times the largest of its row times the
// largest of its column, each as the power of two above it.
double sz_ozaki_share(int width, int count, bool all);

#endif
