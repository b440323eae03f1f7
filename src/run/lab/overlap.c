// SPDX-License-Identifier: Apache-2.0
// The corner of the roofline, measured: t = ((memory time)^p + (compute time)^p)^(1/p).
//
// The experiment 'intensity' is that sweep. Its ends fix the rates, so that nothing but the
// roundness of the corner is left for p: for any p the two are the solution of two linear equations
// in rate^-p.
#include "run/lab/overlap.h"

#include <math.h>

#include "run/lab/lab.h"

enum { STEPS = 600, SWEEPS = 5, MOST_POINTS = 64 };

// ---- fit ---------------------------------------------------------------------------------------

// Fitted over timed of point i: the ends give 1.
typedef struct corner {
    double a, b, p; // of compute^p and memory^p, by the units of the ends
    const sz_overlap_point *first, *last;
} corner;

static double compute_of(const corner *c, const sz_overlap_point *x) {
    return x->compute / x->time_s / (c->last->compute / c->last->time_s);
}

static double memory_of(const corner *c, const sz_overlap_point *x) {
    return x->memory / x->time_s / (c->first->memory / c->first->time_s);
}

static double ratio_at(const corner *c, const sz_overlap_point *x) {
    return pow(c->a * pow(compute_of(c, x), c->p) + c->b * pow(memory_of(c, x), c->p), 1 / c->p);
}

static void fix_ends(corner *c) {
    const double u = pow(compute_of(c, c->first), c->p), v = pow(memory_of(c, c->last), c->p);
    c->a = (1 - v) / (1 - u * v);
    c->b = (1 - u) / (1 - u * v);
}

static double misfit(const corner *c, const sz_overlap_point *points, size_t n) {
    double sum = 0;
    for (size_t i = 1; i + 1 < n; i++) {
        const double off = ratio_at(c, &points[i]) - 1;
        sum += off * off;
    }
    return sqrt(sum / (double)(n - 2));
}

sz_status sz_overlap_fit_points(sz_ctx *ctx, const sz_overlap_point *points, size_t n,
                                sz_overlap_fit *ret_fit) {
    corner c = {.first = points, .last = points + (n ? n - 1 : 0)};
    sz_overlap_fit best = {SZ_OVERLAP_MOST, INFINITY};
    if (n < 3) return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "a sweep needs three loops");
    if (!(compute_of(&c, c.first) < 0.5) || !(memory_of(&c, c.last) < 0.5))
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                       "the sweep does not reach from memory to compute: no corner is in it");
    for (int i = 0; i <= STEPS; i++) {
        c.p = pow(SZ_OVERLAP_MOST, (double)i / STEPS);
        fix_ends(&c);
        const double off = misfit(&c, points, n);
        if (off < best.spread) best = (sz_overlap_fit){c.p, off};
    }
    *ret_fit = best;
    return SZ_OK;
}

// ---- measure -----------------------------------------------------------------------------------

typedef struct sweeps {
    sz_overlap_point points[SWEEPS][MOST_POINTS];
    double p[SWEEPS];
    size_t n; // points of each
} sweeps;

// An array that no cache holds, and no larger than it must be.
static int64_t array_bytes(const sz_machine *m) {
    enum { LEAST = 64 << 20, TIMES = 4 };
    int64_t largest = 0;
    for (size_t i = 0; i < m->levels.n; i++) {
        const sz_level *l = &m->levels.items[i].level;
        if (strcmp(l->name, "DRAM") != 0 && l->capacity_bytes > largest)
            largest = l->capacity_bytes;
    }
    const int64_t most = INT64_C(768) << 20;
    if (largest > most / TIMES) return most;
    return TIMES * largest > LEAST ? TIMES * largest : (int64_t)LEAST;
}

// Each float takes a load, and an instruction for each multiply-add and for the addition.
static void take_rows(const sz_lab *lab, sz_overlap_point *points, size_t *ret_n) {
    size_t n = 0;
    for (size_t i = 0; i < lab->rows.n && n < MOST_POINTS; i++) {
        const sz_lab_row *r = &lab->rows.items[i];
        points[n++] = (sz_overlap_point){r->bytes_read, r->flops + r->elements, r->time_s};
    }
    *ret_n = n;
}

static sz_status sweep(sz_ctx *ctx, const sz_machine *m, const sz_lab_options *options, sweeps *s,
                       int k) {
    sz_lab *lab = NULL;
    sz_overlap_fit fit;
    SZ_TRY(sz_lab_run(ctx, "intensity", m, options, &lab));
    take_rows(lab, s->points[k], &s->n);
    sz_lab_destroy(lab);
    SZ_TRY(sz_overlap_fit_points(ctx, s->points[k], s->n, &fit));
    s->p[k] = fit.p;
    return SZ_OK;
}

// Of loop i over the sweeps; of the exponents where i is the number of loops.
static double median_of(const sweeps *s, size_t i) {
    double v[SWEEPS];
    for (int k = 0; k < SWEEPS; k++) v[k] = i < s->n ? s->points[k][i].time_s : s->p[k];
    return sz_stats_of(v, SWEEPS).median;
}

// The median of the exponents, and how far it is from the median of each loop over the sweeps.
static sz_overlap join_sweeps(const sweeps *s) {
    sz_overlap_point points[MOST_POINTS];
    corner c = {.first = points, .last = points + s->n - 1};
    sz_overlap o = {.n = (int64_t)(SWEEPS * s->n), .sweeps = SWEEPS, .p_lo = s->p[0]};
    for (size_t i = 0; i < s->n; i++) {
        points[i] = s->points[0][i];
        points[i].time_s = median_of(s, i);
    }
    for (int k = 0; k < SWEEPS; k++) o.p_lo = fmin(o.p_lo, s->p[k]), o.p_hi = fmax(o.p_hi, s->p[k]);
    o.p = c.p = median_of(s, s->n);
    fix_ends(&c);
    o.spread = misfit(&c, points, s->n);
    return o;
}

sz_status sz_machine_measure_overlap(sz_ctx *ctx, sz_machine *machine,
                                     const sz_lab_options *options) {
    sz_lab_options how = options ? *options : (sz_lab_options){.quick = 0};
    sweeps *s = sz_alloc(ctx, sizeof *s);
    sz_status status = s ? SZ_OK : sz_no_memory(ctx);
    how.quick = 0;
    how.memory_bytes = array_bytes(machine);
    if (!(how.case_s > 0)) how.case_s = 0.08;
    for (int k = 0; status == SZ_OK && k < SWEEPS; k++) status = sweep(ctx, machine, &how, s, k);
    if (status == SZ_OK) machine->overlap = join_sweeps(s);
    if (status == SZ_OK)
        status = sz_machine_printf(machine, &machine->overlap.method,
                                   "one thread, f32: a load and 0 to 256 multiply-adds for each "
                                   "float of %lld MiB",
                                   (long long)(how.memory_bytes >> 20));
    sz_free(ctx, s, sizeof *s);
    if (status != SZ_ERR_UNAVAILABLE) return status;
    machine->overlap.n = 0;
    return sz_machine_add_gap(machine, "overlap of memory and compute", sz_ctx_error(ctx));
}
