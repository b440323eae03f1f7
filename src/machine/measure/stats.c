// SPDX-License-Identifier: Apache-2.0
#include "machine/measure/stats.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Value at share q of sorted samples, between neighbours in proportion.
static double quantile(const double *sorted, size_t n, double q) {
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

sz_stats sz_stats_of(double *samples, size_t n) {
    sz_stats s = {.n = (int64_t)n};
    qsort(samples, n, sizeof *samples, compare);
    s.median = quantile(samples, n, 0.5);
    s.best = samples[n - 1];
    s.p5 = quantile(samples, n, 0.05);
    s.p95 = quantile(samples, n, 0.95);
    // Order statistics at n/2 -+ 1.96 sqrt(n)/2: needs no assumption on the distribution.
    double half = n > 1 ? 0.98 * sqrt((double)n) / (double)(n - 1) : 0.5;
    s.ci_lo = quantile(samples, n, half < 0.5 ? 0.5 - half : 0);
    s.ci_hi = quantile(samples, n, half < 0.5 ? 0.5 + half : 1);
    s.spread = s.median > 0 ? (s.p95 - s.p5) / s.median : 0;
    return s;
}

sz_stats sz_stats_sum(sz_stats a, sz_stats b) {
    sz_stats s = {.n = a.n + b.n,
                  .median = a.median + b.median,
                  .best = a.best + b.best,
                  .p5 = a.p5 + b.p5,
                  .p95 = a.p95 + b.p95,
                  .ci_lo = a.ci_lo + b.ci_lo,
                  .ci_hi = a.ci_hi + b.ci_hi};
    s.spread = s.median > 0 ? (s.p95 - s.p5) / s.median : 0;
    return s;
}

double sz_stats_error(const sz_stats *s) {
    if (s->n < 20 || s->median <= 0) return 1;
    return (s->ci_hi - s->ci_lo) / (2 * s->median);
}
