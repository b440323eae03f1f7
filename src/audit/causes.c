// SPDX-License-Identifier: Apache-2.0
// Why the two sides of a row differ: the first cause of the table that is there.
#include "audit/audit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/measure/stats.h"

// ---- causes, one by one ------------------------------------------------------------------------

typedef struct said {
    char text[480];
} said;

static bool is_inserted(const sz_audit *a, const sz_joint *r) {
    (void)a;
    return r->row.kernels == 0 && !r->first;
}
static void say_inserted(const sz_audit *a, const sz_joint *r, said *s) {
    snprintf(s->text, sizeof s->text, "%s put it in: it does no node of the net",
             a->bench->ran_as.backend ? a->bench->ran_as.backend : "the library");
    (void)r;
}

static bool is_unforeseen(const sz_audit *a, const sz_joint *r) {
    (void)a;
    return r->row.kernels == 0;
}
static void say_unforeseen(const sz_audit *a, const sz_joint *r, said *s) {
    snprintf(s->text, sizeof s->text, "its nodes are folded away or free in the prediction");
    (void)a, (void)r;
}

static bool is_vanished(const sz_audit *a, const sz_joint *r) {
    (void)a;
    return r->row.layers == 0;
}
static void say_vanished(const sz_audit *a, const sz_joint *r, said *s) {
    snprintf(s->text, sizeof s->text, "no layer with a time does its nodes");
    (void)a, (void)r;
}

static bool is_fusion(const sz_audit *a, const sz_joint *r) {
    (void)a;
    return r->row.layers != 1 || r->row.kernels != 1;
}
static void say_fusion(const sz_audit *a, const sz_joint *r, said *s) {
    const long long layers = (long long)r->row.layers, kernels = (long long)r->row.kernels;
    snprintf(s->text, sizeof s->text, "%lld layer%s ran where %lld kernel%s %s predicted", layers,
             layers == 1 ? "" : "s", kernels, kernels == 1 ? "" : "s",
             kernels == 1 ? "was" : "were");
    (void)a;
}

static bool is_interval(const sz_audit *a, const sz_joint *r) {
    (void)a;
    return r->row.in_interval;
}
static void say_interval(const sz_audit *a, const sz_joint *r, said *s) {
    snprintf(s->text, sizeof s->text, "within its interval");
    (void)a, (void)r;
}

static bool is_refused(const sz_audit *a, const sz_joint *r) {
    (void)a;
    return r->refused != NULL;
}
static void say_refused(const sz_audit *a, const sz_joint *r, said *s) {
    snprintf(s->text, sizeof s->text, "%s ran it, as %s does not: %.300s",
             r->ran_by ? r->ran_by : "another",
             a->bench->ran_as.backend ? a->bench->ran_as.backend : "the library", r->refused);
}

static bool is_kernel(const sz_audit *a, const sz_joint *r) {
    (void)a;
    return r->is_new_kernel;
}
static void say_kernel(const sz_audit *a, const sz_joint *r, said *s) {
    snprintf(s->text, sizeof s->text,
             "ran as '%.200s', which no such kernel did in the calibration", r->row.kernel);
    (void)a;
}

static bool is_outside(const sz_audit *a, const sz_joint *r) {
    (void)a;
    return r->outside > 0;
}
static void say_outside(const sz_audit *a, const sz_joint *r, said *s) {
    snprintf(s->text, sizeof s->text, "no kernel near it was calibrated: its time is a guess");
    (void)a, (void)r;
}

// By the record, or by the operations at the roofs of the prediction.
static bool is_roof(const sz_audit *a, const sz_joint *r) {
    (void)a;
    return r->row.of_roof > 1 || r->row.measured_s < r->compute_s;
}
static void say_roof(const sz_audit *a, const sz_joint *r, said *s) {
    const double share = r->row.of_roof > 1 ? r->row.of_roof : r->compute_s / r->row.measured_s;
    snprintf(s->text, sizeof s->text, "ran at %.2f of its roof: the roof, or the count, is too low",
             share);
    (void)a;
}

static bool is_run(const sz_audit *a, const sz_joint *r) {
    static const char *const bad[] = {"contended", "throttled", "unsteady"};
    (void)r;
    for (size_t i = 0; a->bench->verdict && i < sizeof bad / sizeof *bad; i++)
        if (strcmp(a->bench->verdict, bad[i]) == 0) return true;
    return false;
}
static void say_run(const sz_audit *a, const sz_joint *r, said *s) {
    snprintf(s->text, sizeof s->text, "the run was %s", a->bench->verdict);
    (void)r;
}

static bool is_paper(const sz_audit *a, const sz_joint *r) {
    (void)a;
    return isnan(r->row.lo_s) || isnan(r->row.hi_s);
}
static void say_paper(const sz_audit *a, const sz_joint *r, said *s) {
    const char *level = sz_estimate_level(a->estimate);
    if (strcmp(level, "calibrated") == 0)
        snprintf(s->text, sizeof s->text, "too few of its kind were calibrated for an interval");
    else
        snprintf(s->text, sizeof s->text, "reaches %.0f %% of what level '%s' allows",
                 100 / r->row.ratio, level);
}

static bool is_unexplained(const sz_audit *a, const sz_joint *r) {
    (void)a, (void)r;
    return true;
}
static void say_unexplained(const sz_audit *a, const sz_joint *r, said *s) {
    snprintf(s->text, sizeof s->text, "beyond its interval, and no cause is known");
    (void)a, (void)r;
}

// Of no row: what the whole net takes beside them.
static bool is_between(const sz_audit *a, const sz_joint *r) {
    (void)a, (void)r;
    return false;
}
static void say_between(const sz_audit *a, const sz_joint *r, said *s) {
    (void)a, (void)r, (void)s;
}

// ---- the table ---------------------------------------------------------------------------------

typedef struct cause {
    sz_audit_cause_row row;
    bool (*is)(const sz_audit *a, const sz_joint *r);
    void (*say)(const sz_audit *a, const sz_joint *r, said *s);
} cause;
static const cause causes[] = {
#define CAUSE(ident, name, what) {{name, what}, is_##ident, say_##ident},
#include "audit/causes.def"
#undef CAUSE
};
enum {
#define CAUSE(ident, name, what) AT_##ident,
#include "audit/causes.def"
#undef CAUSE
    N_CAUSES
};

int sz_list_audit_cause(size_t i, sz_audit_cause_row *ret_row) {
    if (i >= N_CAUSES) return 0;
    *ret_row = causes[i].row;
    return 1;
}

static sz_status explain(sz_audit *a, sz_joint *r, sz_audit_cause *sums) {
    said s;
    size_t i = 0;
    while (!causes[i].is(a, r)) i++; // the last but one always is
    causes[i].say(a, r, &s);
    r->row.cause = causes[i].row.name;
    r->row.why = sz_arena_strdup(&a->arena, s.text, strlen(s.text));
    sums[i].rows++;
    sums[i].predicted_s += r->row.kernels ? r->row.predicted_s : 0;
    sums[i].measured_s += r->row.layers ? r->row.measured_s : 0;
    sums[i].error_s += r->row.error_s;
    sums[i].share += fabs(r->row.error_s); // becomes one at the end
    return r->row.why ? SZ_OK : sz_no_memory(a->ctx);
}

// ---- sums --------------------------------------------------------------------------------------

// What a net takes beside its layers is no row, but part of its error.
static void add_between(const sz_audit *a, sz_audit_cause *sums) {
    const sz_audit_sums *t = &a->sums;
    sz_audit_cause *b = &sums[AT_between];
    b->predicted_s = t->predicted_s - t->layers_predicted_s;
    b->measured_s = t->measured_s - t->layers_measured_s;
    b->error_s = b->measured_s - b->predicted_s;
    b->share = fabs(b->error_s);
}

static sz_status find_median(sz_audit *a) {
    double *errors = sz_alloc(a->ctx, (a->rows.n + 1) * sizeof *errors);
    size_t n = 0;
    if (!errors) return sz_no_memory(a->ctx);
    for (size_t i = 0; i < a->rows.n; i++) {
        const sz_audit_row *r = &a->rows.items[i].row;
        if (r->layers != 1 || r->kernels != 1 || !(r->measured_s > 0)) continue;
        errors[n++] = fabs(r->predicted_s - r->measured_s) / r->measured_s;
        a->sums.held += r->in_interval;
    }
    a->sums.matched = (int64_t)n;
    sz_sort_values(errors, n);
    a->sums.median_error = n ? sz_quantile(errors, n, 0.5) : NAN;
    sz_free(a->ctx, errors, (a->rows.n + 1) * sizeof *errors);
    return SZ_OK;
}

static void sum_net(sz_audit *a) {
    const sz_prediction p = sz_estimate_total(a->estimate);
    const bool has_interval = strcmp(sz_estimate_level(a->estimate), "calibrated") == 0;
    sz_audit_sums *t = &a->sums;
    t->predicted_s = p.time_s, t->measured_s = a->bench->time.median_s;
    t->lo_s = has_interval ? p.time_lo_s : NAN;
    t->hi_s = has_interval ? p.time_hi_s : NAN;
    t->ratio = t->measured_s / t->predicted_s;
    t->error_s = t->measured_s - t->predicted_s;
    t->in_interval = t->lo_s <= t->measured_s && t->measured_s <= t->hi_s;
    t->rows = (int64_t)a->rows.n;
    for (size_t i = 0; i < a->rows.n; i++) {
        const sz_audit_row *r = &a->rows.items[i].row;
        if (r->kernels) t->layers_predicted_s += r->predicted_s;
        if (r->layers) t->layers_measured_s += r->measured_s;
    }
}

static sz_status keep_causes(sz_audit *a, const sz_audit_cause *sums, double errors) {
    for (size_t i = 0; i < N_CAUSES; i++) {
        sz_audit_cause c = sums[i];
        if (c.rows == 0 && i != AT_between) continue;
        c.cause = causes[i].row.name, c.what = causes[i].row.what;
        c.share = errors > 0 ? c.share / errors : 0;
        if (!sz_vec_push(a->ctx, &a->causes, c)) return sz_no_memory(a->ctx);
    }
    return SZ_OK;
}

static int worst_first(const void *x, const void *y) {
    const sz_joint *a = x, *b = y;
    const double u = fabs(a->row.error_s), v = fabs(b->row.error_s);
    if (u != v) return u < v ? 1 : -1;
    const char *p = a->row.layer ? a->row.layer : a->row.predicted,
               *q = b->row.layer ? b->row.layer : b->row.predicted;
    return strcmp(p ? p : "", q ? q : "");
}

sz_status sz_audit_explain(sz_audit *a) {
    sz_audit_cause sums[N_CAUSES] = {{0}};
    double errors = 0;
    for (size_t i = 0; i < a->rows.n; i++) SZ_TRY(explain(a, &a->rows.items[i], sums));
    sum_net(a);
    SZ_TRY(find_median(a));
    if (isnan(a->bench->layers_sum_s)) {
        a->sums.layers_predicted_s = a->sums.layers_measured_s = a->sums.explained = NAN;
        return SZ_OK;
    }
    add_between(a, sums);
    for (size_t i = 0; i < N_CAUSES; i++) errors += sums[i].share;
    for (size_t i = 0; i < a->rows.n && errors > 0; i++)
        a->rows.items[i].row.share = fabs(a->rows.items[i].row.error_s) / errors;
    a->sums.explained = errors > 0 ? 1 - sums[AT_unexplained].share / errors : 1;
    if (a->rows.n) qsort(a->rows.items, a->rows.n, sizeof *a->rows.items, worst_first);
    return keep_causes(a, sums, errors);
}
