// SPDX-License-Identifier: Apache-2.0
// Local linear regression: what was seen near a point tells what to expect there.
//
// Points are vectors of logarithms of sizes, values are logarithms of ratios. The k nearest points
// are weighted by the tricube of their distance and a plane is laid through them (Cleveland and
// Devlin 1988), with a small ridge. The value is kept near what the neighbours have, so that no
// plane runs away. Distances have a scale per axis, which is chosen by leaving points out.
#ifndef SZ_LOCAL_H
#define SZ_LOCAL_H

#include "base/base.h"

enum { SZ_LOCAL_AXES = 10, SZ_LOCAL_NEAREST = 24 };

typedef struct sz_local_point {
    double x[SZ_LOCAL_AXES], y;
    int32_t group; // points of one group were seen together: none is told by the others
} sz_local_point;

typedef struct sz_local {
    SZ_VEC(sz_local_point) points;
    int axes;
    double scale[SZ_LOCAL_AXES];
    double least[SZ_LOCAL_AXES], most[SZ_LOCAL_AXES]; // of all points
    double reach; // distance within which the neighbours of most points lie
} sz_local;

typedef struct sz_local_value {
    double y;
    double distance; // of the nearest point
    bool is_outside; // beyond the points on some axis, or far from all
} sz_local_value;

// Add points, then settle once: it chooses the scales and works out what is far.
bool sz_local_add(sz_ctx *ctx, sz_local *l, const double *x, double y, int32_t group) SZ_MUST_USE;
sz_status sz_local_settle(sz_ctx *ctx, sz_local *l) SZ_MUST_USE;
void sz_local_finish(sz_ctx *ctx, sz_local *l);

// At x, from all points but those of group `without` (-1 = all). No point: y = 0, outside.
sz_local_value sz_local_at(const sz_local *l, const double *x, int32_t without);

// Half the width of the interval that holds the share `level` of unseen values: the split-conformal
// quantile of what leaving out groups gave (Vovk et al. 2005; Lei et al. 2018). NaN = too few
// points for it.
sz_status sz_local_interval(sz_ctx *ctx, const sz_local *l, double level,
                            double *ret_half) SZ_MUST_USE;

#endif
