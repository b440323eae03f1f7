// SPDX-License-Identifier: Apache-2.0
#include "explore/guided.h"

#include <math.h>
#include <stdlib.h>

#include "base/splitmix.h"
#include "predict/process.h"

// COVER: share of the values that an interval is to hold. FIRST: measured before anything is left
// out: with fewer the interval is not known.
static const double COVER = 0.9;
enum { FIRST = 10 };

typedef enum state { OPEN, ASKED, MEASURED, FAILED } state;

// All numbers are such that less is better: logarithms of what is to be measured, negative where
// higher is better.
struct sz_guided {
    sz_ctx *ctx;
    size_t n, axes, m, n_measured, n_settled;
    uint64_t random;
    sz_guided_metric metrics[SZ_MOST_OBJECTIVES];
    double *x;       // n x axes
    sz_span *told;   // n x m: as predicted
    sz_span *now;    // n x m: as corrected, or as measured
    uint8_t *states; // n
    size_t *dominator;
    sz_process residuals[SZ_MOST_OBJECTIVES];
    double half[SZ_MOST_OBJECTIVES]; // of the interval
};

// ---- making ------------------------------------------------------------------------------------

// NaN where nothing is known, or where a logarithm has no sense.
static sz_span small(sz_guided_metric metric, sz_span s) {
    const sz_span t = metric.exact
                          ? s
                          : (sz_span){s.lo > 0 ? log(s.lo) : NAN, s.value > 0 ? log(s.value) : NAN,
                                      s.hi > 0 ? log(s.hi) : NAN};
    return metric.higher ? (sz_span){-t.hi, -t.value, -t.lo} : t;
}

static sz_span large(sz_guided_metric metric, sz_span s) {
    const sz_span t = metric.higher ? (sz_span){-s.hi, -s.value, -s.lo} : s;
    return metric.exact ? t : (sz_span){exp(t.lo), exp(t.value), exp(t.hi)};
}

static bool is_whole(const sz_guided *g) {
    return g->x && g->told && g->now && g->states && g->dominator;
}

static void fill(sz_guided *g, const sz_guided_input *in) {
    memcpy(g->x, in->x, in->n * in->axes * sizeof *g->x);
    for (size_t i = 0; i < g->n; i++) {
        g->dominator[i] = SIZE_MAX;
        for (size_t k = 0; k < g->m; k++)
            g->now[i * g->m + k] = g->told[i * g->m + k] = small(in->metrics[k],
                                                                 in->predicted[i * g->m + k]);
    }
    for (size_t k = 0; k < g->m; k++) {
        g->metrics[k] = in->metrics[k];
        g->residuals[k].axes = (int)g->axes;
        g->half[k] = NAN;
    }
}

sz_status sz_guided_create(sz_ctx *ctx, const sz_guided_input *in, sz_guided **ret_guided) {
    sz_guided *g = sz_alloc(ctx, sizeof *g);
    if (!g) return sz_no_memory(ctx);
    *g = (sz_guided){.ctx = ctx, .n = in->n, .m = in->n_metrics, .random = in->seed};
    g->axes = in->axes > SZ_PROCESS_AXES ? SZ_PROCESS_AXES : in->axes;
    g->x = sz_alloc(ctx, (g->n * g->axes + 1) * sizeof *g->x);
    g->told = sz_alloc(ctx, (g->n * g->m + 1) * sizeof *g->told);
    g->now = sz_alloc(ctx, (g->n * g->m + 1) * sizeof *g->now);
    g->states = sz_alloc(ctx, g->n + 1);
    g->dominator = sz_alloc(ctx, (g->n + 1) * sizeof *g->dominator);
    if (!is_whole(g)) {
        sz_guided_destroy(g);
        return sz_no_memory(ctx);
    }
    fill(g, in);
    *ret_guided = g;
    return SZ_OK;
}

void sz_guided_destroy(sz_guided *g) {
    if (!g) return;
    sz_ctx *ctx = g->ctx;
    sz_free(ctx, g->x, (g->n * g->axes + 1) * sizeof *g->x);
    sz_free(ctx, g->told, (g->n * g->m + 1) * sizeof *g->told);
    sz_free(ctx, g->now, (g->n * g->m + 1) * sizeof *g->now);
    sz_free(ctx, g->states, g->n + 1);
    sz_free(ctx, g->dominator, (g->n + 1) * sizeof *g->dominator);
    for (size_t k = 0; k < g->m; k++) sz_process_finish(ctx, &g->residuals[k]);
    sz_free(ctx, g, sizeof *g);
}

// ---- learning ----------------------------------------------------------------------------------

static sz_status learn(sz_guided *g, size_t i, size_t k, double measured) {
    const double predicted = g->told[i * g->m + k].value;
    if (g->metrics[k].exact || isnan(predicted) || isnan(measured)) return SZ_OK;
    sz_process_point p = {.y = measured - predicted, .group = (int32_t)i};
    memcpy(p.x, g->x + i * g->axes, g->axes * sizeof *p.x);
    return sz_process_add(g->ctx, &g->residuals[k], &p) ? SZ_OK : sz_no_memory(g->ctx);
}

sz_status sz_guided_told(sz_guided *g, size_t i, const sz_span *measured) {
    g->states[i] = measured ? MEASURED : FAILED;
    if (!measured) return SZ_OK;
    g->n_measured++;
    for (size_t k = 0; k < g->m; k++) {
        const sz_span s = small(g->metrics[k], measured[k]);
        SZ_TRY(learn(g, i, k, s.value));
        g->now[i * g->m + k] = s;
    }
    return SZ_OK;
}

// Beyond what was measured nobody knows how wrong predictions are: twice as wide.
static void correct(sz_guided *g, size_t i, size_t k) {
    const sz_span told = g->told[i * g->m + k];
    sz_span *now = &g->now[i * g->m + k];
    if (g->metrics[k].exact) return;
    const sz_process_value v = sz_process_at(&g->residuals[k], g->x + i * g->axes);
    const double half = v.is_outside ? 2 * g->half[k] : g->half[k];
    *now = (sz_span){told.value + v.y - half, told.value + v.y, told.value + v.y + half};
}

// A process takes the cube of its points: of many it is made anew for every tenth.
static sz_status settle(sz_guided *g) {
    if (g->n_measured < FIRST || 10 * g->n_measured < 11 * g->n_settled) return SZ_OK;
    if (g->n_measured == g->n_settled) return SZ_OK;
    g->n_settled = g->n_measured;
    for (size_t k = 0; k < g->m; k++) {
        if (g->metrics[k].exact) continue;
        SZ_TRY(sz_process_settle(g->ctx, &g->residuals[k]));
        SZ_TRY(sz_process_interval(g->ctx, &g->residuals[k], COVER, &g->half[k]));
    }
    for (size_t i = 0; i < g->n; i++)
        for (size_t k = 0; k < g->m && g->states[i] == OPEN; k++) correct(g, i, k);
    return SZ_OK;
}

// ---- choosing ----------------------------------------------------------------------------------

// The better end against the worse end. What is not known is no reason to leave anything out.
static bool is_beaten(const sz_guided *g, size_t by, size_t i) {
    bool better = false;
    for (size_t k = 0; k < g->m; k++) {
        const double theirs = g->now[by * g->m + k].hi, ours = g->now[i * g->m + k].lo;
        if (!(theirs <= ours)) return false;
        better |= theirs < ours;
    }
    return better;
}

static void find_dominators(sz_guided *g) {
    for (size_t i = 0; i < g->n; i++) {
        g->dominator[i] = SIZE_MAX;
        if (g->states[i] != OPEN || g->n_measured < FIRST) continue;
        for (size_t j = 0; j < g->n && g->dominator[i] == SIZE_MAX; j++)
            if (g->states[j] == MEASURED && is_beaten(g, j, i)) g->dominator[i] = j;
    }
}

// By how much the candidate is expected to go beyond `j`: the additive epsilon indicator (Zitzler
// et al. 2003). A metric that is not known of either goes beyond anything.
static double beyond(const sz_guided *g, size_t i, size_t j) {
    double most = -INFINITY;
    for (size_t k = 0; k < g->m; k++) {
        const double d = g->now[j * g->m + k].value - g->now[i * g->m + k].value;
        most = fmax(most, isnan(d) ? INFINITY : d);
    }
    return most;
}

static void keep_least(double *margins, const sz_guided *g, size_t j) {
    for (size_t i = 0; i < g->n; i++) margins[i] = fmin(margins[i], beyond(g, i, j));
}

// One after the other, so that those of a group are not all the same: each counts as measured for
// the next. Of equals the lot decides.
static size_t choose(sz_guided *g, size_t cap, double *margins, size_t *ret_candidates) {
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) margins[i] = INFINITY;
    for (size_t j = 0; j < g->n; j++)
        if (g->states[j] == MEASURED) keep_least(margins, g, j);
    while (n < cap) {
        size_t best = SIZE_MAX, equals = 0;
        for (size_t i = 0; i < g->n; i++) {
            if (g->states[i] != OPEN || g->dominator[i] != SIZE_MAX) continue;
            if (best != SIZE_MAX && margins[i] < margins[best]) continue;
            equals = best != SIZE_MAX && margins[i] == margins[best] ? equals + 1 : 1;
            if (equals == 1 || sz_splitmix(&g->random) % equals == 0) best = i;
        }
        if (best == SIZE_MAX) break;
        g->states[best] = ASKED;
        ret_candidates[n++] = best;
        keep_least(margins, g, best);
    }
    return n;
}

sz_status sz_guided_next(sz_guided *g, size_t cap, size_t *ret_candidates, size_t *ret_n) {
    SZ_TRY(settle(g));
    find_dominators(g);
    double *margins = sz_alloc(g->ctx, (g->n + 1) * sizeof *margins);
    if (!margins) return sz_no_memory(g->ctx);
    *ret_n = choose(g, cap, margins, ret_candidates);
    sz_free(g->ctx, margins, (g->n + 1) * sizeof *margins);
    return SZ_OK;
}

// ---- asking ------------------------------------------------------------------------------------

size_t sz_guided_dominator(const sz_guided *g, size_t i) { return g->dominator[i]; }

double sz_guided_half(const sz_guided *g, size_t metric) { return g->half[metric]; }

sz_span sz_guided_guess(const sz_guided *g, size_t i, size_t metric) {
    return large(g->metrics[metric], g->now[i * g->m + metric]);
}
