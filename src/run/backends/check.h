// SPDX-License-Identifier: Apache-2.0
// Inside of checking: how far numbers may be off, and what was seen.
#ifndef SZ_CHECK_H
#define SZ_CHECK_H

#include "run/backends/job.h"

// Differences between what a library gave and what it should.
typedef struct sz_spread {
    double worst, largest;
    bool finite; // where the reference is
} sz_spread;

// Share of the largest number that rounding may cost an output of this format, where `lowest` is
// what the arithmetic touched.
double sz_check_allowed(sz_dtype lowest, sz_dtype output);
void sz_check_see(sz_spread *s, double got, double want);
void sz_check_compare(const sz_buffer *got, const sz_buffer *want, sz_spread *s);
void sz_check_judge(sz_check *c, const sz_spread *s, double most);

// Element `at` of output `o` of a product of any kind, in double, from inputs of set 0.
// *ret_is_known false: the node is no product, or of a form that is not worked out here.
double sz_spot(const sz_job *j, const sz_node *n, int o, int64_t at, bool *ret_is_known);

// Runs the job with the first set and looks at each node right after it ran, before its inputs are
// gone: products at some elements, what else is small enough whole, what goes element by element at
// some elements.
sz_status sz_check_nodes(sz_job *j, sz_check *ret_check);

#endif
