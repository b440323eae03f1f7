// SPDX-License-Identifier: Apache-2.0
// How much of the space below a reference point a set of points dominates (Zitzler and Thiele
// 1998), for one to three objectives that are to be small. The one number by which fronts are
// compared.
#ifndef SZ_EXPLORE_HYPERVOLUME_H
#define SZ_EXPLORE_HYPERVOLUME_H

#include "base/base.h"

enum { SZ_MOST_OBJECTIVES = 3 };

// Of n points of `m` numbers each, one after the other; points that are not below the reference in
// all of them, or have NaN, add nothing. O(n log n) for 2, O(n^2) for 3.
sz_status sz_hypervolume(sz_ctx *ctx, const double *points, size_t n, size_t m,
                         const double *reference, double *ret_volume);

#endif
