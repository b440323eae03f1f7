// SPDX-License-Identifier: Apache-2.0
// Which of many candidates to measure, by what is predicted of them.
//
// What is wanted is the front of the measured values. A candidate is left out for now when the
// better end of its predicted interval is dominated by the worse end of a measured one in every
// metric. What measurements say beyond predictions is learnt as they come: a Gaussian process over
// the parameters (predict/process.h) for each metric, and an interval that nine in ten of what it
// has told of others keep to. So predictions that are all off by a factor cost nothing.
#ifndef SZ_EXPLORE_GUIDED_H
#define SZ_EXPLORE_GUIDED_H

#include "explore/hypervolume.h"

typedef struct sz_span {
    double lo, value, hi; // of a number; where no interval is known, all are the same
} sz_span;

// A metric of the front.
typedef struct sz_guided_metric {
    bool higher; // is better
    bool exact;  // is known without measuring: counted, or the user's own
} sz_guided_metric;

typedef struct sz_guided sz_guided;

// Candidates are numbered from 0. `axes` numbers of each say where it lies (parameters: logarithms
// of what are numbers, places of what are words); `predicted`: n_metrics of each candidate, NaN =
// not known. Both are copied.
typedef struct sz_guided_input {
    size_t n, axes, n_metrics;
    const double *x;
    const sz_span *predicted;
    sz_guided_metric metrics[SZ_MOST_OBJECTIVES];
    uint64_t seed;
} sz_guided_input;

sz_status sz_guided_create(sz_ctx *ctx, const sz_guided_input *input, sz_guided **ret_guided);
void sz_guided_destroy(sz_guided *g); // NULL is fine

// Candidates that are to be measured next, at most `cap`, the most promising first; 0 = what is
// left is predicted to be dominated. Each is told before the next are asked for.
sz_status sz_guided_next(sz_guided *g, size_t cap, size_t *ret_candidates, size_t *ret_n);
// What came out; NULL: it could not be measured.
sz_status sz_guided_told(sz_guided *g, size_t candidate, const sz_span *measured);

// Of a candidate that was not asked for: a measured one that is predicted to dominate it.
// SIZE_MAX: none.
size_t sz_guided_dominator(const sz_guided *g, size_t candidate);
// Half of the interval of what is told of a metric, in logarithms; NaN = not known yet.
double sz_guided_half(const sz_guided *g, size_t metric);
// The corrected prediction of a candidate.
sz_span sz_guided_guess(const sz_guided *g, size_t candidate, size_t metric);

#endif
