// SPDX-License-Identifier: Apache-2.0
// How well moving and computing overlap: the exponent of the norm that joins their times.
#ifndef SZ_LAB_OVERLAP_H
#define SZ_LAB_OVERLAP_H

#include "base/base.h"

// A loop that moves and computes. Only ratios between points matter: any unit will do.
typedef struct sz_overlap_point {
    double memory, compute; // bytes and operations, or whatever goes with their times
    double time_s;
} sz_overlap_point;

typedef struct sz_overlap_fit {
    double p;      // at most SZ_OVERLAP_MOST
    double spread; // root of the mean square of (fitted - timed) / timed, between the ends
} sz_overlap_fit;

enum { SZ_OVERLAP_MOST = 64 };

// The points by rising intensity; the first is as good as all memory, the last all compute: they
// fix the two rates, the others the exponent. SZ_ERR_UNAVAILABLE: fewer than three points, or ends
// that are not such ends.
sz_status sz_overlap_fit_points(sz_ctx *ctx, const sz_overlap_point *points, size_t n,
                                sz_overlap_fit *ret_fit) SZ_MUST_USE;

#endif
