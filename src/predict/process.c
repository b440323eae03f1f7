// SPDX-License-Identifier: Apache-2.0
#include "predict/process.h"

#include <math.h>

#include "machine/measure/stats.h"
#include "predict/cholesky.h"
#include "predict/covariance.h"

// Of an axis, in logarithms: nobody is to tell from a spread of 1 % what 30 % would do.
static const double LEAST_SPREAD = 0.2;
enum { MOST_TUNED = 500, ENOUGH = 20, ROUNDS = 3 };

bool sz_process_add(sz_ctx *ctx, sz_process *p, const sz_process_point *point) {
    return sz_vec_push(ctx, &p->points, *point);
}

void sz_process_finish(sz_ctx *ctx, sz_process *p) { sz_vec_finish(ctx, &p->points); }

// ---- the points --------------------------------------------------------------------------------

// Of too many, those of groups evenly chosen come to the front.
static sz_status choose_points(sz_ctx *ctx, sz_process *p, size_t most) {
    const size_t n = p->points.n;
    const double share = (double)most / (double)n;
    p->n_used = n;
    if (share >= 1) return SZ_OK;
    sz_process_point *rest = sz_alloc(ctx, n * sizeof *rest), *all = p->points.items;
    if (!rest) return sz_no_memory(ctx);
    double groups = 0;
    bool keep = false;
    size_t n_rest = 0;
    p->n_used = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || all[i].group != all[i - 1].group) {
            keep = floor((groups + 1) * share) > floor(groups * share);
            groups++;
        }
        if (keep && p->n_used < most)
            all[p->n_used++] = all[i];
        else
            rest[n_rest++] = all[i];
    }
    memcpy(all + p->n_used, rest, n_rest * sizeof *rest);
    sz_free(ctx, rest, n * sizeof *rest);
    return SZ_OK;
}

static void find_axis(sz_process *p, int a) {
    const size_t n = p->n_used;
    double sum = 0, squares = 0;
    p->least[a] = p->most[a] = p->points.items[0].x[a];
    for (size_t i = 0; i < n; i++) {
        const double x = p->points.items[i].x[a];
        p->least[a] = fmin(p->least[a], x), p->most[a] = fmax(p->most[a], x);
        sum += x / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        const double d = p->points.items[i].x[a] - sum;
        squares += d * d / (double)n;
    }
    p->centre[a] = sum;
    p->spread[a] = squares > 1e-12 ? fmax(sqrt(squares), LEAST_SPREAD) : 1;
}

static sz_status find_level(sz_ctx *ctx, sz_process *p) {
    const size_t n = p->n_used;
    double *y = sz_alloc(ctx, n * sizeof *y);
    if (!y) return sz_no_memory(ctx);
    for (size_t i = 0; i < n; i++) y[i] = p->points.items[i].y;
    sz_sort_values(y, n);
    p->level = sz_quantile(y, n, 0.5);
    sz_free(ctx, y, n * sizeof *y);
    return SZ_OK;
}

// ---- lengths and variances ---------------------------------------------------------------------

// By some of the groups, evenly chosen: each look takes the cube of their points.
static sz_status tune_on_some(sz_ctx *ctx, sz_process *p, sz_process *some) {
    sz_covariance s;
    *some = *p;
    some->points = (sz_process_points){NULL, 0, 0};
    for (size_t i = 0; i < p->n_used; i++)
        if (!sz_process_add(ctx, some, &p->points.items[i])) return sz_no_memory(ctx);
    SZ_TRY(choose_points(ctx, some, MOST_TUNED));
    SZ_TRY(sz_covariance_make(ctx, some, some->n_used, &s));
    sz_covariance_tune(&s);
    sz_covariance_finish(ctx, &s);
    return SZ_OK;
}

static void begin(sz_process *p) {
    for (int a = 0; a < p->axes; a++) p->length[a] = 2;
    p->height = 0.1, p->noise = p->common = 0.01;
    for (size_t i = 0; i < p->points.n; i++) p->points.items[i].looser = 1;
}

static sz_status choose(sz_ctx *ctx, sz_process *p) {
    sz_process some;
    if (p->n_used < ENOUGH) return SZ_OK; // too few to tell
    const sz_status status = tune_on_some(ctx, p, &some);
    memcpy(p->length, some.length, sizeof p->length);
    p->height = some.height, p->noise = some.noise, p->common = some.common;
    sz_process_finish(ctx, &some);
    return status;
}

// ---- telling each by the others ----------------------------------------------------------------

// Of the points of a group, which stand at `at`: y - B^-1 a with B their block of the inverse
// matrix (Rasmussen and Williams 2006, 5.4.2, for blocks). Sets told and off.
static sz_status leave_out(sz_ctx *ctx, sz_covariance *s, const size_t *at, size_t m) {
    double *block = sz_alloc(ctx, (m * m + 2 * m) * sizeof *block);
    if (!block) return sz_no_memory(ctx);
    double *off = block + m * m, *unit = off + m;
    for (size_t i = 0; i < m; i++) {
        off[i] = s->a[at[i]];
        for (size_t j = 0; j <= i; j++)
            block[i * m + j] = sz_cholesky_inverse_at(s->k, s->n, at[i], at[j]);
    }
    const bool fine = sz_cholesky(block, m);
    if (fine) sz_cholesky_solve(block, m, off);
    for (size_t i = 0; fine && i < m; i++) {
        memset(unit, 0, m * sizeof *unit);
        unit[i] = 1;
        sz_cholesky_solve(block, m, unit);
        s->p->points.items[at[i]].told = s->p->points.items[at[i]].y - off[i];
        s->off[at[i]] = fabs(off[i]) / sqrt(unit[i]);
    }
    sz_free(ctx, block, (m * m + 2 * m) * sizeof *block);
    return fine ? SZ_OK : sz_fail(ctx, SZ_ERR_INTERNAL, "a block of a regression is singular");
}

static sz_status leave_each_out(sz_ctx *ctx, sz_covariance *s) {
    size_t *at = sz_alloc(ctx, s->n * sizeof *at);
    sz_status status = at ? SZ_OK : sz_no_memory(ctx);
    sz_cholesky_invert(s->k, s->n);
    for (size_t i = 0; i < s->n && status == SZ_OK; i++) {
        const int32_t group = s->p->points.items[i].group;
        size_t m = 0;
        bool seen = false;
        for (size_t j = 0; j < s->n; j++) {
            if (s->p->points.items[j].group != group) continue;
            seen |= j < i;
            at[m++] = j;
        }
        if (!seen) status = leave_out(ctx, s, at, m);
    }
    if (at) sz_free(ctx, at, s->n * sizeof *at);
    return status;
}

// A point that is off by more than 1.5 standard deviations is held the looser for it.
static void loosen(sz_covariance *s) {
    for (size_t i = 0; i < s->n; i++) {
        const double z = s->off[i] / 1.5;
        s->p->points.items[i].looser = fmax(1, z * z);
    }
}

// Some rounds: what the others tell says how loosely a point is held, which changes lengths and
// variances, and what is told.
static sz_status tell(sz_ctx *ctx, sz_process *p) {
    sz_covariance s;
    begin(p);
    SZ_TRY(sz_covariance_make(ctx, p, p->n_used, &s));
    sz_status status = SZ_OK;
    for (int round = 0; round < ROUNDS && status == SZ_OK; round++) {
        status = choose(ctx, p);
        if (status != SZ_OK) break;
        if (!sz_covariance_weigh(&s))
            status = sz_fail(ctx, SZ_ERR_INTERNAL, "a regression is singular");
        for (size_t i = 0; i < s.n; i++) p->points.items[i].weight = s.a[i];
        if (status == SZ_OK) status = leave_each_out(ctx, &s);
        if (s.n >= ENOUGH && round + 1 < ROUNDS) loosen(&s);
    }
    sz_covariance_finish(ctx, &s);
    return status;
}

// ---- settling ----------------------------------------------------------------------------------

void sz_process_restore(sz_process *p) {
    memset(p->plane, 0, sizeof p->plane);
    for (size_t i = 0; i < p->n_used; i++) {
        const sz_process_point *one = &p->points.items[i];
        p->plane[0] += SZ_PLANE_VARIANCE * one->weight;
        for (int a = 0; a < p->axes; a++)
            p->plane[a + 1] += SZ_PLANE_VARIANCE * one->weight * (one->x[a] - p->centre[a]) /
                               p->spread[a];
    }
}

static double nearest(const sz_process *p, const double *x, int32_t without) {
    double least = INFINITY;
    for (size_t i = 0; i < p->n_used; i++)
        if (p->points.items[i].group != without)
            least = fmin(least, sz_covariance_distance(p, p->points.items[i].x, x));
    return least;
}

static sz_status find_reach(sz_ctx *ctx, sz_process *p) {
    const size_t n = p->n_used;
    double *distances = sz_alloc(ctx, n * sizeof *distances);
    if (!distances) return sz_no_memory(ctx);
    for (size_t i = 0; i < n; i++)
        distances[i] = nearest(p, p->points.items[i].x, p->points.items[i].group);
    sz_sort_values(distances, n);
    p->reach = sz_quantile(distances, n, 0.95);
    sz_free(ctx, distances, n * sizeof *distances);
    return SZ_OK;
}

sz_status sz_process_settle(sz_ctx *ctx, sz_process *p) {
    if (p->points.n == 0) return SZ_OK;
    SZ_TRY(choose_points(ctx, p, SZ_PROCESS_POINTS));
    for (int a = 0; a < p->axes; a++) find_axis(p, a);
    SZ_TRY(find_level(ctx, p));
    SZ_TRY(tell(ctx, p));
    sz_process_restore(p);
    for (size_t i = p->n_used; i < p->points.n; i++)
        p->points.items[i].told = sz_process_at(p, p->points.items[i].x).y;
    return find_reach(ctx, p);
}

// ---- asking ------------------------------------------------------------------------------------

// Beyond what was measured the value is that at the edge: a plane that goes on for ever would tell
// anything there.
static void keep_inside(const sz_process *p, const double *x, double *ret_x) {
    for (int a = 0; a < p->axes; a++) ret_x[a] = fmin(fmax(x[a], p->least[a]), p->most[a]);
}

sz_process_value sz_process_at(const sz_process *p, const double *x) {
    sz_process_value v = {.y = 0, .distance = INFINITY, .is_outside = true};
    double edge[SZ_PROCESS_AXES];
    if (p->n_used == 0) return v;
    keep_inside(p, x, edge);
    v.y = p->level + p->plane[0];
    for (int a = 0; a < p->axes; a++)
        v.y += p->plane[a + 1] * (edge[a] - p->centre[a]) / p->spread[a];
    for (size_t i = 0; i < p->n_used; i++) {
        const double d = sz_covariance_distance(p, p->points.items[i].x, edge);
        v.distance = fmin(v.distance, d);
        v.y += p->points.items[i].weight * p->height * sz_covariance_matern(d);
    }
    v.is_outside = v.distance > p->reach;
    // A tenth beyond is no other world.
    for (int a = 0; a < p->axes; a++) {
        v.is_outside |= x[a] < p->least[a] - 0.1 || x[a] > p->most[a] + 0.1;
        v.beyond += fabs(x[a] - edge[a]);
    }
    return v;
}

double sz_conformal(double *errors, size_t n, double level) {
    const double rank = ceil(level * (double)(n + 1));
    sz_sort_values(errors, n);
    return n > 0 && rank <= (double)n ? errors[(size_t)rank - 1] : NAN;
}

sz_status sz_process_interval(sz_ctx *ctx, const sz_process *p, double level, double *ret_half) {
    const size_t n = p->points.n;
    double *errors = sz_alloc(ctx, (n + 1) * sizeof *errors);
    if (!errors) return sz_no_memory(ctx);
    for (size_t i = 0; i < n; i++) errors[i] = fabs(p->points.items[i].told - p->points.items[i].y);
    *ret_half = sz_conformal(errors, n, level);
    sz_free(ctx, errors, (n + 1) * sizeof *errors);
    return SZ_OK;
}
