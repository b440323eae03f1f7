// SPDX-License-Identifier: Apache-2.0
// The covariances of some points of a process, and what follows from them.
#ifndef SZ_COVARIANCE_H
#define SZ_COVARIANCE_H

#include "predict/process.h"

typedef struct sz_covariance {
    sz_process *p;
    size_t n;      // the first n points of p
    double *k;     // n x n, lower triangle: covariances, then their root, then an inverse
    double *y, *a; // values less the level; weights
    double *off;   // of a point: how many standard deviations it is from what the others tell
} sz_covariance;

sz_status sz_covariance_make(sz_ctx *ctx, sz_process *p, size_t n, sz_covariance *ret);
void sz_covariance_finish(sz_ctx *ctx, sz_covariance *c);

// Between two places, in lengths; of the smooth function at such a distance, over its variance.
double sz_covariance_distance(const sz_process *p, const double *a, const double *b);
double sz_covariance_matern(double distance);
// The variance of the plane's height and of its slopes, per spread.
#define SZ_PLANE_VARIANCE 0.01

// Fill in k as its root, and the weights of the points. False: the variances make no sense.
bool sz_covariance_weigh(sz_covariance *c);

// ---- covariance_tune.c -------------------------------------------------------------------------

// Less the logarithm of the marginal likelihood (5.8 of Rasmussen and Williams 2006), but for a
// constant, and of a mild belief in lengths of two spreads. Infinite: no such variances. Weighs.
double sz_covariance_unlikely(sz_covariance *c);

// Of that, along the logarithm of each length and variance (5.9 there).
typedef struct sz_slopes {
    double length[SZ_PROCESS_AXES], height, noise, common;
} sz_slopes;

// After weighing, once: leaves the inverse in k.
void sz_covariance_slopes(sz_covariance *c, sz_slopes *ret_slopes);

// The lengths and variances of c->p that are least unlikely, by Rprop (Riedmiller and Braun 1993;
// for such processes Blum and Riedmiller 2013).
void sz_covariance_tune(sz_covariance *c);

#endif
