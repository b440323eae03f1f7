// SPDX-License-Identifier: Apache-2.0
// Two samples against each other: are the values of one larger, by how much, and what remains of it
// when many pairs are looked at. Pure functions; docs/statistics.md has the formulas.
#ifndef SZ_TWO_SAMPLES_H
#define SZ_TWO_SAMPLES_H

#include "base/base.h"

typedef struct sz_shift {
    double u;             // Mann-Whitney: pairs in which b is larger, ties count half
    double p;             // two-sided
    bool exact;           // p and interval from the exact distribution
    double shift, lo, hi; // Hodges-Lehmann: median of all b - a, with its interval
    double confidence;    // what the interval covers
} sz_shift;

// Of na, nb > 0 finite values; 95 % interval where the sizes allow it. Swapping a and b gives the
// same p, and the negative of shift and interval.
sz_status sz_compare_samples(sz_ctx *ctx, const double *a, size_t na, const double *b, size_t nb,
                             sz_shift *ret_shift);

// Holm's correction of n p-values, in place: the chance that one of them is a false alarm stays
// below the level that they are compared with. NaN = not tested; stays NaN and does not count.
sz_status sz_holm(sz_ctx *ctx, double *p, size_t n);

#endif
