// SPDX-License-Identifier: Apache-2.0
#include "machine/measure/summary.h"

#include <math.h>

#include "machine/measure/stats.h"

// ---- interval of the median --------------------------------------------------------------------

// P(X = k) for X ~ Binomial(n, 1/2).
static double binomial_half(size_t n, size_t k) {
    int sign;
    const double choose = lgamma_r((double)n + 1, &sign) - lgamma_r((double)k + 1, &sign) -
                          lgamma_r((double)(n - k) + 1, &sign);
    return exp(choose - (double)n * log(2));
}

// The number of values below the median is binomial with 1/2 whatever the distribution, so
// P(x(l) <= median <= x(n+1-l)) = 1 - 2 P(X <= l - 1): Conover, Practical Nonparametric Statistics,
// 3rd ed., 3.2; David and Nagaraja, Order Statistics, 3rd ed., 7.1. The sum starts 36 standard
// deviations below the middle: what is left out is below 1e-280.
size_t sz_median_rank(size_t n, double level, double *ret_confidence) {
    const double start = (double)n / 2 - 18 * sqrt((double)n);
    size_t k = start > 0 ? (size_t)start : 0, rank = 0;
    double term = binomial_half(n, k), below = 0, kept = 0;
    for (; 2 * k < n && 2 * (below + term) <= 1 - level; k++) {
        kept = below += term;
        rank = k + 1;
        term *= (double)(n - k) / (double)(k + 1);
    }
    if (rank == 0) rank = 1, kept = binomial_half(n, 0);
    *ret_confidence = n > 1 ? 1 - 2 * kept : 0;
    return rank;
}

// ---- order -------------------------------------------------------------------------------------

enum { MOST_POINTS = 256 };

typedef struct points {
    double y[MOST_POINTS];
    size_t n;
    double step; // values per point
} points;

// At most 256 points stand for the values: medians of blocks that follow each other.
static void make_points(const double *values, size_t n, double *scratch, points *ret) {
    const size_t block = (n + MOST_POINTS - 1) / MOST_POINTS;
    ret->n = 0;
    ret->step = (double)block;
    for (size_t at = 0; at + block <= n; at += block) {
        memcpy(scratch, values + at, block * sizeof *values);
        sz_sort_values(scratch, block);
        ret->y[ret->n++] = sz_quantile(scratch, block, 0.5);
    }
}

// The median of the slopes of all pairs: H. Theil 1950, P. K. Sen, JASA 63 (1968). `scratch` has
// room for all pairs of 256 points.
static double theil_sen(const points *p, double *scratch) {
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = i + 1; k < p->n; k++)
            scratch[n++] = (p->y[k] - p->y[i]) / ((double)(k - i) * p->step);
    if (n == 0) return 0;
    sz_sort_values(scratch, n);
    return sz_quantile(scratch, n, 0.5);
}

// Mean rank, from 1, of a value among the sorted ones; ties share it.
static double rank_of(const double *sorted, size_t n, double value) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (sorted[mid] < value)
            lo = mid + 1;
        else
            hi = mid;
    }
    size_t end = lo;
    while (end < n && sorted[end] == value) end++;
    return ((double)lo + 1 + (double)end) / 2;
}

// Spearman's rho of value and order: the correlation of the ranks (C. Spearman 1904; Conover 5.4).
static double spearman(const double *values, const double *sorted, size_t n) {
    const double middle = ((double)n + 1) / 2;
    double xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)i + 1 - middle, y = rank_of(sorted, n, values[i]) - middle;
        xy += x * y, xx += x * x, yy += y * y;
    }
    return yy > 0 ? xy / sqrt(xx * yy) : 0;
}

// Of neighbours: sum (x[i] - m)(x[i+1] - m) / sum (x[i] - m)^2 (Box and Jenkins, Time Series
// Analysis, 2.1).
static double autocorrelation(const double *values, size_t n, double mean) {
    double products = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = values[i] - mean;
        squares += d * d;
        if (i + 1 < n) products += d * (values[i + 1] - mean);
    }
    return squares > 0 ? products / squares : 0;
}

// ---- all ---------------------------------------------------------------------------------------

sz_outlier sz_tukey(double value, double q1, double q3) {
    const double range = q3 - q1;
    const double beyond = value < q1 ? q1 - value : value > q3 ? value - q3 : 0;
    if (beyond > 3 * range) return SZ_SEVERE;
    return beyond > 1.5 * range ? SZ_MILD : SZ_INLIER;
}

static void sum_up(const double *values, size_t n, sz_summary *s) {
    double squares = 0;
    s->mean = 0;
    for (size_t i = 0; i < n; i++) s->mean += (values[i] - s->mean) / (double)(i + 1);
    for (size_t i = 0; i < n; i++) squares += (values[i] - s->mean) * (values[i] - s->mean);
    s->stddev = n > 1 ? sqrt(squares / (double)(n - 1)) : NAN;
}

static void rank_up(const double *sorted, size_t n, sz_summary *s) {
    const size_t rank = sz_median_rank(n, 0.95, &s->confidence);
    s->min = sorted[0], s->max = sorted[n - 1];
    s->median = sz_quantile(sorted, n, 0.5);
    s->q1 = sz_quantile(sorted, n, 0.25), s->q3 = sz_quantile(sorted, n, 0.75);
    s->p90 = sz_quantile(sorted, n, 0.9), s->p99 = sz_quantile(sorted, n, 0.99);
    s->ci_lo = sorted[rank - 1], s->ci_hi = sorted[n - rank];
    for (size_t i = 0; i < n; i++) {
        const sz_outlier kind = sz_tukey(sorted[i], s->q1, s->q3);
        s->mild += kind == SZ_MILD, s->severe += kind == SZ_SEVERE;
    }
}

// `scratch` has room for n values and for the slopes of all pairs of points.
static void follow_order(const double *values, const double *sorted, size_t n, double *scratch,
                         sz_summary *s) {
    points p;
    make_points(values, n, scratch, &p);
    const double slope = theil_sen(&p, scratch);
    s->drift = s->median != 0 ? slope * (double)(n - 1) / fabs(s->median) : 0;
    s->rank_correlation = n > 1 ? spearman(values, sorted, n) : 0;
    // Under no drift rho sqrt(n - 1) is near normal.
    s->drift_p = erfc(fabs(s->rank_correlation) * sqrt((double)(n - 1) / 2));
    const double r = s->autocorrelation = autocorrelation(values, n, s->mean);
    // Of a first-order process n (1 - r) / (1 + r) independent values tell as much of the mean
    // (Priestley, Spectral Analysis and Time Series, 5.3). Never more than there are.
    s->effective_n = r > 0 ? fmax(1, (double)n * (1 - r) / (1 + r)) : (double)n;
}

sz_status sz_summarize(sz_ctx *ctx, const double *values, size_t n, sz_summary *ret_summary) {
    enum { PAIRS = MOST_POINTS * (MOST_POINTS - 1) / 2 };
    const size_t room = n > PAIRS ? n : PAIRS, bytes = n * sizeof(double);
    double *sorted = sz_alloc(ctx, bytes), *scratch = sz_alloc(ctx, room * sizeof(double));
    if (sorted && scratch) {
        sz_summary s = {.n = (int64_t)n};
        memcpy(sorted, values, bytes);
        s.modes = sz_stats_of(sorted, n).modes; // sorts them
        sum_up(values, n, &s);
        rank_up(sorted, n, &s);
        follow_order(values, sorted, n, scratch, &s);
        for (size_t i = 0; i < n; i++) scratch[i] = fabs(values[i] - s.median);
        sz_sort_values(scratch, n);
        s.mad = sz_quantile(scratch, n, 0.5);
        *ret_summary = s;
    }
    sz_status status = sorted && scratch ? SZ_OK : sz_no_memory(ctx);
    sz_free(ctx, scratch, scratch ? room * sizeof(double) : 0);
    sz_free(ctx, sorted, sorted ? bytes : 0);
    return status;
}
