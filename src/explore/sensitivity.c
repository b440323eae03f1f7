// SPDX-License-Identifier: Apache-2.0
// How much a parameter matters: shares of the variance of a metric over the points.
//
// first order: Var(E[Y | X]) / Var(Y), Sobol' 1993. total: E[Var(Y | all others)] / Var(Y), Homma
// and Saltelli 1996. Both are exact sums on a full grid, each point with the same weight. Where
// constraints leave points out, parameters are no longer independent: the first is then Pearson's
// correlation ratio, and the second is over the settings of the others that have several points.
// Of metrics that are positive throughout, Y is the logarithm: factors count, not differences.
#include "base/record.h"
#include "explore/groups.h"

#include <math.h>

SZ_RECORD_TYPE(sensitivity, SZ_SENSITIVITY_FIELDS)

typedef struct job {
    sz_ctx *ctx;
    const sz_points *points;
    size_t metric;
    bool log;
    double variance; // of Y
    double *y;       // of each point, less the mean; NaN: not known
    size_t n;        // that are known
} job;

static double value_at(const job *j, size_t i) {
    return sz_points_why(j->points, i) ? SZ_NO_NUMBER : sz_points_value(j->points, i, j->metric);
}

// Y of all points at once: a logarithm takes longer than all that is made of it.
static void survey(job *j) {
    const size_t n = sz_points_count(j->points);
    double sum = 0;
    j->log = true;
    for (size_t i = 0; i < n; i++) {
        j->y[i] = value_at(j, i);
        if (isnan(j->y[i])) continue;
        j->log = j->log && j->y[i] > 0;
        j->n++;
    }
    for (size_t i = 0; i < n; i++) {
        if (isnan(j->y[i])) continue;
        if (j->log) j->y[i] = log(j->y[i]);
        sum += j->y[i];
    }
    if (j->n == 0) return;
    const double mean = sum / (double)j->n;
    for (size_t i = 0; i < n; i++) {
        j->y[i] -= mean;
        if (!isnan(j->y[i])) j->variance += j->y[i] * j->y[i];
    }
    j->variance /= (double)j->n;
}

// Sums by value; a parameter that does not exist counts as one value more.
typedef struct bin {
    double sum, squares;
    size_t n;
} bin;

static void add(const job *j, bin *b, size_t i) {
    const double y = j->y[i];
    b->sum += y, b->squares += y * y, b->n++;
}

static void first_order(const job *j, size_t parameter, bin *bins, size_t n_bins,
                        sz_sensitivity *ret) {
    const sz_space *s = sz_points_space(j->points);
    double between = 0, lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < sz_points_count(j->points); i++) {
        const uint32_t *setting = sz_points_setting(j->points, i);
        if (isnan(j->y[i])) continue;
        add(j, &bins[sz_space_exists(s, setting, parameter) ? setting[parameter] : n_bins - 1], i);
    }
    for (size_t b = 0; b < n_bins; b++) {
        if (bins[b].n == 0) continue;
        const double mean = bins[b].sum / (double)bins[b].n;
        between += bins[b].sum * mean;
        lo = fmin(lo, mean), hi = fmax(hi, mean);
    }
    ret->first_order = between / (double)j->n / j->variance;
    if (j->log) ret->spread = exp(hi - lo);
}

static sz_status total(const job *j, size_t parameter, sz_sensitivity *ret) {
    sz_groups g;
    double within = 0;
    size_t n = 0;
    SZ_TRY(sz_groups_find(j->ctx, j->points, parameter, j->metric, &g));
    const size_t size = ((size_t)g.n + 1) * sizeof(bin);
    bin *bins = sz_alloc(j->ctx, size);
    for (size_t i = 0; bins && i < g.n_points; i++)
        if (g.of[i] != SZ_NO_GROUP) add(j, &bins[g.of[i]], i);
    for (uint32_t k = 0; bins && k < g.n; k++) {
        if (bins[k].n < 2) continue;
        const double mean = bins[k].sum / (double)bins[k].n;
        within += fmax(0, bins[k].squares - bins[k].sum * mean);
        n += bins[k].n;
    }
    if (n > 0) ret->total = within / (double)n / j->variance;
    const bool ok = bins != NULL;
    if (bins) sz_free(j->ctx, bins, size);
    sz_groups_finish(j->ctx, &g);
    return ok ? SZ_OK : sz_no_memory(j->ctx);
}

static sz_status find(const job *j, sz_sensitivity *ret) {
    const sz_space *s = sz_points_space(j->points);
    for (size_t p = 0; p < s->n_parameters; p++) {
        ret[p] = (sz_sensitivity){s->parameters[p].name, SZ_NO_NUMBER, SZ_NO_NUMBER, SZ_NO_NUMBER,
                                  j->log};
        if (!(j->variance > 0) || s->parameters[p].n < 2) continue;
        const size_t size = ((size_t)s->parameters[p].n + 1) * sizeof(bin);
        bin *bins = sz_alloc(j->ctx, size);
        if (!bins) return sz_no_memory(j->ctx);
        first_order(j, p, bins, s->parameters[p].n + (size_t)1, &ret[p]);
        sz_free(j->ctx, bins, size);
        SZ_TRY(total(j, p, &ret[p]));
    }
    return SZ_OK;
}

sz_status sz_sensitivity_find(sz_ctx *ctx, const sz_points *points, size_t metric,
                              sz_sensitivity *ret) {
    const size_t size = (sz_points_count(points) + 1) * sizeof(double);
    job j = {.ctx = ctx, .points = points, .metric = metric, .y = sz_alloc(ctx, size)};
    if (!j.y) return sz_no_memory(ctx);
    survey(&j);
    const sz_status status = find(&j, ret);
    sz_free(ctx, j.y, size);
    return status;
}
