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

double sz_quantile(const double *sorted, size_t n, double q) { return quantile(sorted, n, q); }
void sz_sort_values(double *values, size_t n) { qsort(values, n, sizeof *values, compare); }

double sz_quick_mean(const double *sorted, size_t n) {
    const size_t few = (n + 3) / 4;
    double sum = 0;
    for (size_t i = 0; i < few; i++) sum += sorted[i];
    return sum / (double)few;
}

typedef struct group {
    double n, sum, squares;
} group;

static void add_to(group *g, double v, double sign) {
    g->n += sign, g->sum += sign * v, g->squares += sign * v * v;
}

static double variance(const group *g) {
    const double mean = g->sum / g->n, v = g->squares / g->n - mean * mean;
    return v > 0 ? v : 0;
}

// Two clear groups of sorted samples: split where the variance between them is largest (Otsu, IEEE
// Trans. SMC 9(1), 1979) and look at their distance in their own widths (Ashman's D, Astron. J.
// 108, 1994: 2 is a clean split of what is two groups; the best split of one normal distribution
// has 2.7 and that of an even one 3.5, so more is asked). A group needs a tenth of the samples:
// fewer are outliers.
static double find_modes(const double *sorted, size_t n) {
    static const double CLEAR = 5, APART = 0.05, LEAST_SHARE = 0.1;
    group low = {0}, high = {0}, best_low = {0}, best_high = {0};
    double best = -1;
    if (n < 20 || sorted[n / 2] <= 0) return 0;
    const double unit = sorted[n / 2]; // so that squares of large rates lose no digits
    for (size_t i = 0; i < n; i++) add_to(&high, sorted[i] / unit - 1, 1);
    for (size_t i = 0; i + 1 < n; i++) {
        add_to(&low, sorted[i] / unit - 1, 1);
        add_to(&high, sorted[i] / unit - 1, -1);
        const double apart = high.sum / high.n - low.sum / low.n;
        const double between = low.n * high.n * apart * apart;
        if (between > best) best = between, best_low = low, best_high = high;
    }
    const double least = LEAST_SHARE * (double)n;
    const double apart = best_high.sum / best_high.n - best_low.sum / best_low.n;
    const double width = sqrt((variance(&best_low) + variance(&best_high)) / 2);
    if (best_low.n < least || best_high.n < least || apart < APART) return 0;
    return apart > CLEAR * width ? apart : 0;
}

sz_stats sz_stats_of(double *samples, size_t n) {
    sz_stats s = {.n = (int64_t)n};
    qsort(samples, n, sizeof *samples, compare);
    s.median = quantile(samples, n, 0.5);
    s.best = samples[n - 1];
    s.p5 = quantile(samples, n, 0.05);
    s.p95 = quantile(samples, n, 0.95);
    s.top = quantile(samples, n, 0.98);
    s.tail = s.top > 0 ? (quantile(samples, n, 0.99) - quantile(samples, n, 0.97)) / s.top : 0;
    // Order statistics at n/2 -+ 1.96 sqrt(n)/2: needs no assumption on the distribution.
    double half = n > 1 ? 0.98 * sqrt((double)n) / (double)(n - 1) : 0.5;
    s.ci_lo = quantile(samples, n, half < 0.5 ? 0.5 - half : 0);
    s.ci_hi = quantile(samples, n, half < 0.5 ? 0.5 + half : 1);
    s.spread = s.median > 0 ? (s.p95 - s.p5) / s.median : 0;
    s.modes = find_modes(samples, n);
    return s;
}

sz_stats sz_stats_sum(sz_stats a, sz_stats b) {
    sz_stats s = {.n = a.n + b.n,
                  .median = a.median + b.median,
                  .best = a.best + b.best,
                  .p5 = a.p5 + b.p5,
                  .p95 = a.p95 + b.p95,
                  .top = a.top + b.top,
                  .tail = a.tail > b.tail ? a.tail : b.tail,
                  .ci_lo = a.ci_lo + b.ci_lo,
                  .ci_hi = a.ci_hi + b.ci_hi,
                  .modes = a.modes > b.modes ? a.modes : b.modes};
    s.spread = s.median > 0 ? (s.p95 - s.p5) / s.median : 0;
    return s;
}

double sz_stats_error(const sz_stats *s) {
    if (s->n < 20 || s->median <= 0) return 1;
    return (s->ci_hi - s->ci_lo) / (2 * s->median);
}
