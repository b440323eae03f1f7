// SPDX-License-Identifier: Apache-2.0
// Gaussian process regression (Rasmussen and Williams 2006, chapters 2 and 5): what was measured at
// some points tells what to expect at others.
//
// Values are a plane plus a smooth function (Matern 3/2, a length per axis) plus what all points of
// a group have in common, as a net that was measured while the host was busy has, plus noise. The
// lengths and the four variances are those of the largest marginal likelihood. A point that lies
// far from what the others tell counts for less (as a Student t would have it).
#ifndef SZ_PROCESS_H
#define SZ_PROCESS_H

#include "base/base.h"

enum { SZ_PROCESS_AXES = 13, SZ_PROCESS_POINTS = 1000 }; // no more points than that tell others

typedef struct sz_process_point {
    double x[SZ_PROCESS_AXES], y;
    int32_t mark;  // the caller's
    int32_t group; // points of one group, which come one after the other, are told by the others
    double looser; // its noise as a multiple of the usual, >= 1; set by settling
    double told;   // by the points of other groups; set by settling
    double weight; // of the point in what is told elsewhere; set by settling
} sz_process_point;

typedef SZ_VEC(sz_process_point) sz_process_points;

typedef struct sz_process {
    sz_process_points points; // the first n_used tell others
    size_t n_used;
    int axes;
    double centre[SZ_PROCESS_AXES], spread[SZ_PROCESS_AXES]; // of the points, by axis
    double least[SZ_PROCESS_AXES], most[SZ_PROCESS_AXES];
    double length[SZ_PROCESS_AXES];    // in spreads
    double height, noise, common;      // variances: of the function, of a point, of a group
    double level;                      // median of y
    double plane[SZ_PROCESS_AXES + 1]; // of the plane, what follows from the weights
    double reach; // distance within which the nearest point of most points lies, in lengths
} sz_process;

typedef struct sz_process_value {
    double y;
    double distance; // of the nearest point, in lengths
    double beyond;   // how far it is beyond the points, added over the axes, as they are measured
    bool is_outside; // beyond the points on some axis, or far from all
} sz_process_value;

// Add points, then settle once. Of too many groups an even choice tells the others.
bool sz_process_add(sz_ctx *ctx, sz_process *p, const sz_process_point *point) SZ_MUST_USE;
sz_status sz_process_settle(sz_ctx *ctx, sz_process *p) SZ_MUST_USE;
// What follows from points, weights and lengths that were read: sets plane.
void sz_process_restore(sz_process *p);
void sz_process_finish(sz_ctx *ctx, sz_process *p);

// No point: y = 0, outside.
sz_process_value sz_process_at(const sz_process *p, const double *x);

// Half the width of the interval that holds the share `level` of unseen values, by n errors of told
// values, which get sorted. NaN = too few.
double sz_conformal(double *errors, size_t n, double level);

// Half the width of the interval that holds the share `level` of unseen values: the split-conformal
// quantile of |told - y| (Vovk et al. 2005; Lei et al. 2018). NaN = too few points for it.
sz_status sz_process_interval(sz_ctx *ctx, const sz_process *p, double level,
                              double *ret_half) SZ_MUST_USE;

#endif
