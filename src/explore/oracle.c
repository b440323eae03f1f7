// SPDX-License-Identifier: Apache-2.0
// For each value of a parameter the best of all the others; and the one setting of the others that
// loses least against that, over all values: the single best and the virtual best of algorithm
// selection (Kerschke et al. 2019), with the loss as a share of the best.
#include "explore/groups.h"

#include <math.h>

typedef struct job {
    sz_ctx *ctx;
    const sz_points *points;
    size_t parameter, metric;
    bool higher;
    sz_groups groups;
    int64_t *best; // by value: point, -1 = none
    // By group of all other parameters: values it has, and the sum of their regrets.
    uint32_t *has;
    double *sum, *most;
    size_t n_values;
} job;

static bool counts(const job *j, size_t i) {
    return j->groups.of[i] != SZ_NO_GROUP &&
           sz_space_exists(sz_points_space(j->points), sz_points_setting(j->points, i),
                           j->parameter);
}

static uint32_t value_at(const job *j, size_t i) {
    return sz_points_setting(j->points, i)[j->parameter];
}

static bool is_better(const job *j, double a, double b) { return j->higher ? a > b : a < b; }

static void find_best(job *j) {
    for (size_t v = 0; v < j->n_values; v++) j->best[v] = -1;
    for (size_t i = 0; i < j->groups.n_points; i++) {
        if (!counts(j, i)) continue;
        int64_t *best = &j->best[value_at(j, i)];
        if (*best < 0 || is_better(j, sz_points_value(j->points, i, j->metric),
                                   sz_points_value(j->points, (size_t)*best, j->metric)))
            *best = (int64_t)i;
    }
}

static double regret(const job *j, size_t i) {
    const double best = sz_points_value(j->points, (size_t)j->best[value_at(j, i)], j->metric);
    const double own = sz_points_value(j->points, i, j->metric);
    if (own == best) return 0;
    return fabs(own - best) / fabs(best); // of a best of 0: infinite
}

static void sum_regrets(job *j) {
    for (size_t i = 0; i < j->groups.n_points; i++) {
        if (!counts(j, i)) continue;
        const uint32_t g = j->groups.of[i];
        const double r = regret(j, i);
        j->has[g]++;
        j->sum[g] += r;
        if (r > j->most[g]) j->most[g] = r;
    }
}

// The group that has every value of the rows and loses least; the first among equals.
static uint32_t best_group(const job *j, size_t n_rows, int64_t *ret_candidates) {
    uint32_t best = SZ_NO_GROUP;
    *ret_candidates = 0;
    for (uint32_t g = 0; g < j->groups.n; g++) {
        if (n_rows == 0 || j->has[g] != n_rows) continue;
        ++*ret_candidates;
        if (best == SZ_NO_GROUP || j->sum[g] < j->sum[best]) best = g;
    }
    return best;
}

static void fill(const job *j, sz_oracle *o) {
    for (uint32_t v = 0; v < j->n_values; v++) {
        if (j->best[v] < 0) continue;
        const double metric = sz_points_value(j->points, (size_t)j->best[v], j->metric);
        o->rows[o->n++] = (sz_oracle_row){v, j->best[v], metric, -1, SZ_NO_NUMBER};
    }
    const uint32_t group = best_group(j, o->n, &o->fixed_settings);
    if (group == SZ_NO_GROUP) return;
    o->mean_regret = j->sum[group] / (double)o->n;
    o->max_regret = j->most[group];
    for (size_t i = 0; i < j->groups.n_points; i++) {
        if (j->groups.of[i] != group || !counts(j, i)) continue;
        if (o->best_fixed < 0) o->best_fixed = (int64_t)i;
        for (size_t r = 0; r < o->n; r++)
            if (o->rows[r].value == value_at(j, i)) {
                o->rows[r].fixed = (int64_t)i;
                o->rows[r].regret = regret(j, i);
            }
    }
}

static sz_status run(job *j, sz_oracle *o) {
    sz_arena arena;
    sz_arena_init(&arena, j->ctx);
    j->best = sz_arena_array(&arena, j->n_values + 1, sizeof *j->best);
    j->has = sz_arena_array(&arena, (size_t)j->groups.n + 1, sizeof *j->has);
    j->sum = sz_arena_array(&arena, (size_t)j->groups.n + 1, sizeof *j->sum);
    j->most = sz_arena_array(&arena, (size_t)j->groups.n + 1, sizeof *j->most);
    o->rows = sz_alloc(j->ctx, (j->n_values + 1) * sizeof *o->rows);
    const bool ok = j->best && j->has && j->sum && j->most && o->rows;
    if (ok) {
        find_best(j);
        sum_regrets(j);
        fill(j, o);
    }
    sz_arena_finish(&arena);
    return ok ? SZ_OK : sz_no_memory(j->ctx);
}

sz_status sz_oracle_find(sz_ctx *ctx, const sz_points *points, size_t parameter, size_t metric,
                         sz_oracle *ret_oracle) {
    const sz_space *s = sz_points_space(points);
    job j = {.ctx = ctx,
             .points = points,
             .parameter = parameter,
             .metric = metric,
             .higher = s->metrics[metric].higher,
             .n_values = s->parameters[parameter].n};
    sz_oracle o = {.parameter = parameter,
                   .metric = metric,
                   .best_fixed = -1,
                   .mean_regret = SZ_NO_NUMBER,
                   .max_regret = SZ_NO_NUMBER,
                   .values = j.n_values};
    SZ_TRY(sz_groups_find(ctx, points, parameter, metric, &j.groups));
    const sz_status status = run(&j, &o);
    sz_groups_finish(ctx, &j.groups);
    if (status != SZ_OK)
        sz_oracle_finish(ctx, &o);
    else
        *ret_oracle = o;
    return status;
}

void sz_oracle_finish(sz_ctx *ctx, sz_oracle *o) {
    if (o->rows) sz_free(ctx, o->rows, (o->values + 1) * sizeof *o->rows);
    *o = (sz_oracle){0};
}
