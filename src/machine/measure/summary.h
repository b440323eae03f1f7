// SPDX-License-Identifier: Apache-2.0
// What is said of one sample of times: pure functions of numbers. docs/statistics.md has the
// formulas with a worked example; nothing here assumes a normal distribution but for `stddev`.
#ifndef SZ_SUMMARY_H
#define SZ_SUMMARY_H

#include "base/base.h"

typedef struct sz_summary {
    int64_t n;
    double median, mean, stddev, min, max; // stddev: of the sample, n - 1; NaN with one value
    double q1, q3, p90, p99;               // sz_quantile(): type 7
    double mad;                            // median of the distances from the median, not scaled
    double ci_lo, ci_hi;                   // of the median, by order statistics
    double confidence;                     // what the interval really covers; < 0.95 below n = 6
    int64_t mild, severe;                  // Tukey's outliers; they are counted, never dropped
    double drift;                          // change from the first to the last, share of the median
    double rank_correlation, drift_p;      // Spearman, of value and order; its two-sided p
    double autocorrelation;                // of neighbours in time
    double effective_n;                    // independent values that would tell as much
    double modes; // distance of two clear groups, share of the median; 0 = one group
} sz_summary;

// Of n > 0 finite values in the order of time.
sz_status sz_summarize(sz_ctx *ctx, const double *values, size_t n, sz_summary *ret_summary);

// Rank l, from 1, such that the l-th smallest and the l-th largest of n values enclose the median
// with at least this level of confidence, and what the two really cover. l = 1 where even the
// extremes do not reach the level.
size_t sz_median_rank(size_t n, double level, double *ret_confidence);

typedef enum sz_outlier { SZ_INLIER, SZ_MILD, SZ_SEVERE } sz_outlier;
// Tukey's fences: mild beyond 1.5, severe beyond 3 interquartile ranges outside of the quartiles.
sz_outlier sz_tukey(double value, double q1, double q3);

#endif
