// SPDX-License-Identifier: Apache-2.0
// Statistics of repeated timings.
#ifndef SZ_STATS_H
#define SZ_STATS_H

#include "base/base.h"

typedef struct sz_stats {
    int64_t n;
    double median, best, p5, p95; // best = the largest: samples are rates
    double ci_lo, ci_hi;          // 95 % confidence interval of the median
    double spread;                // (p95 - p5) / median
    double top;                   // 98th percentile: what is done when nothing disturbs
    double tail;                  // (p99 - p97) / top: wide when the top is no plateau
    double modes;                 // distance of two clear groups, as a share of the median; 0 = one
} sz_stats;

// Of n > 0 samples, which get sorted.
sz_stats sz_stats_of(double *samples, size_t n);

// Sum of readings taken at the same time, as of threads.
sz_stats sz_stats_sum(sz_stats a, sz_stats b);

// Half the width of the confidence interval, as a share of the median; 1 with less than 20 samples.
double sz_stats_error(const sz_stats *s);

// The value at share q of n > 0 sorted values: between neighbours in proportion, with the first at
// 0 and the last at 1 (type 7 of Hyndman and Fan, Am. Stat. 50(4), 1996; numpy's and R's default).
double sz_quantile(const double *sorted, size_t n, double q);
void sz_sort_values(double *values, size_t n);
// Of n > 0 sorted times: the mean of the quickest quarter, what something takes when nobody else
// disturbs.
double sz_quick_mean(const double *sorted, size_t n);

#endif
