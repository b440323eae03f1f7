// SPDX-License-Identifier: Apache-2.0
// Two sets of records side by side. Everything is done on logarithms of times, so that swapping A
// and B turns every ratio over and changes no finding.
#include "run/results/records.h"

#include <math.h>
#include <stdlib.h>

#include "base/gate.h"
#include "machine/measure/summary.h"
#include "machine/measure/two_samples.h"

// The records of one case in one set.
typedef struct side {
    const sz_bench *last; // the latest: its name and summary
    double *logs;         // of all times, record after record
    size_t n;
    double middle_s; // median of all times; else that of the last record, else its mean
} side;

typedef struct pairing {
    const char *hash, *name;
    side sides[2];
} pairing;

struct sz_bench_comparison {
    sz_ctx *ctx;
    double alpha;
    SZ_VEC(pairing) all; // cases of A, then those that only B has
    SZ_VEC(sz_change) rows;
    SZ_VEC(size_t) from; // rows[i] is of all.items[from[i]]
    SZ_VEC(const char *) only[2];
    sz_changes sums;
};

// ---- joining -----------------------------------------------------------------------------------

static const char *key_of(const sz_bench *b, bool any_machine) {
    return any_machine ? b->work_hash : b->case_hash;
}

static sz_status add_logs(sz_ctx *ctx, side *s, const sz_bench *b) {
    if (b->n_samples == 0) return SZ_OK;
    const size_t n = s->n + b->n_samples;
    double *logs = sz_realloc(ctx, s->logs, s->n * sizeof *logs, n * sizeof *logs);
    if (!logs) return sz_no_memory(ctx);
    for (size_t i = 0; i < b->n_samples; i++) logs[s->n + i] = log(b->samples_s[i]);
    s->logs = logs;
    s->n = n;
    return SZ_OK;
}

static sz_status join(sz_bench_comparison *c, const sz_bench_set *set, int which, bool any_machine,
                      sz_map *index) {
    for (size_t i = 0; i < sz_bench_set_count(set); i++) {
        const sz_bench *b = sz_bench_set_get(set, i);
        const char *hash = key_of(b, any_machine);
        int32_t at = (int32_t)c->all.n;
        if (!sz_map_get(index, sz_str_c(hash), &at)) {
            const pairing fresh = {.hash = hash, .name = b->case_name ? b->case_name : "?"};
            if (!sz_vec_push(c->ctx, &c->all, fresh)) return sz_no_memory(c->ctx);
            SZ_TRY(sz_map_put(index, sz_str_c(hash), at));
        }
        side *s = &c->all.items[at].sides[which];
        s->last = b;
        SZ_TRY(add_logs(c->ctx, s, b));
    }
    return SZ_OK;
}

static sz_status find_middle(sz_ctx *ctx, side *s) {
    sz_summary summary;
    const sz_bench_time *t = &s->last->time;
    s->middle_s = t->median_s > 0 ? t->median_s : t->mean_s > 0 ? t->mean_s : NAN;
    if (s->n == 0 || s->n == s->last->n_samples) return SZ_OK;
    SZ_TRY(sz_summarize(ctx, s->logs, s->n, &summary));
    s->middle_s = exp(summary.median);
    return SZ_OK;
}

// Cases of one side whose work the other side did on another machine.
static sz_status count_other_machines(sz_bench_comparison *c) {
    sz_map work;
    sz_map_init(&work, c->ctx);
    sz_status status = SZ_OK;
    for (size_t i = 0; status == SZ_OK && i < c->all.n; i++) {
        const side *s = c->all.items[i].sides;
        if (s[0].last && !s[1].last) status = sz_map_put(&work, sz_str_c(s[0].last->work_hash), 1);
    }
    for (size_t i = 0; status == SZ_OK && i < c->all.n; i++) {
        const side *s = c->all.items[i].sides;
        if (s[1].last && !s[0].last && sz_map_get(&work, sz_str_c(s[1].last->work_hash), NULL))
            c->sums.other_machine++;
    }
    sz_map_finish(&work);
    return status;
}

// ---- testing -----------------------------------------------------------------------------------

static void set_shift(sz_change *r, double shift, double lo, double hi) {
    r->shift = exp(shift), r->shift_lo = exp(lo), r->shift_hi = exp(hi);
}

// Smallest p that a test of so many values can give: one of all orders, in either direction.
static double least_p(double a, double b) {
    int sign;
    return 2 * exp(lgamma_r(a + 1, &sign) + lgamma_r(b + 1, &sign) - lgamma_r(a + b + 1, &sign));
}

static sz_status test_samples(const sz_bench_comparison *c, const pairing *w, sz_change *r) {
    sz_shift s;
    SZ_TRY(sz_compare_samples(c->ctx, w->sides[0].logs, w->sides[0].n, w->sides[1].logs,
                              w->sides[1].n, &s));
    set_shift(r, s.shift, s.lo, s.hi);
    r->method = s.exact ? "exact" : "normal";
    r->p = s.p;
    // A test that can find nothing must not pass for one that found nothing.
    if (least_p((double)r->n_a, (double)r->n_b) < c->alpha) return SZ_OK;
    r->p = NAN;
    r->method = "none";
    r->note = "too few times for a test";
    return SZ_OK;
}

// Standard error of the log of a median from its 95 % interval; NaN when there is none.
static double error_of(const sz_bench_time *t) {
    static const double Z95 = 1.959963984540054;
    if (!(t->ci_lo_s > 0 && t->ci_hi_s >= t->ci_lo_s && t->confidence >= 0.9)) return NAN;
    return log(t->ci_hi_s / t->ci_lo_s) / (2 * Z95);
}

// Where the times were not kept: the medians are near normal, with the errors that their intervals
// show.
static void test_intervals(const pairing *w, sz_change *r) {
    static const double Z95 = 1.959963984540054;
    const double a = error_of(&w->sides[0].last->time), b = error_of(&w->sides[1].last->time);
    const double error = sqrt(a * a + b * b), change = log(r->ratio);
    r->method = "none";
    if (isnan(error) || isnan(change) || error == 0) return;
    r->method = "intervals";
    r->p = erfc(fabs(change) / error / sqrt(2));
    set_shift(r, change, change - Z95 * error, change + Z95 * error);
}

// Times that hang together say less than as many independent ones.
static const char *dependence(const pairing *w) {
    for (int i = 0; i < 2; i++) {
        const sz_bench_time *t = &w->sides[i].last->time;
        if (t->n >= 20 && t->effective_n < (double)t->n / 2)
            return "times depend on those before: p is too small";
        if (t->modes > 0) return "two speeds: the median may jump between them";
    }
    return NULL;
}

static sz_status test_case(sz_bench_comparison *c, size_t at) {
    pairing *w = &c->all.items[at];
    sz_change r = {.name = w->name,
                   .case_hash = w->hash,
                   .n_a = (int64_t)w->sides[0].n,
                   .n_b = (int64_t)w->sides[1].n,
                   .p = NAN,
                   .shift = NAN,
                   .shift_lo = NAN,
                   .shift_hi = NAN,
                   .note = dependence(w)};
    SZ_TRY(find_middle(c->ctx, &w->sides[0]));
    SZ_TRY(find_middle(c->ctx, &w->sides[1]));
    r.a_s = w->sides[0].middle_s, r.b_s = w->sides[1].middle_s;
    r.ratio = r.b_s / r.a_s;
    if (r.n_a > 0 && r.n_b > 0)
        SZ_TRY(test_samples(c, w, &r));
    else
        test_intervals(w, &r);
    if (!sz_vec_push(c->ctx, &c->from, at) || !sz_vec_push(c->ctx, &c->rows, r))
        return sz_no_memory(c->ctx);
    return SZ_OK;
}

// ---- finding -----------------------------------------------------------------------------------

static void judge(sz_bench_comparison *c, sz_change *r) {
    c->sums.compared++;
    c->sums.tested += !isnan(r->p);
    r->finding = isnan(r->p) ? "not tested" : "no difference";
    // The shift tells the side: the medians may tie.
    if (!(r->p_corrected < c->alpha) || r->shift == 1) return;
    r->finding = r->shift > 1 ? "slower" : "faster";
    if (r->shift > 1)
        c->sums.slower++;
    else
        c->sums.faster++;
}

static sz_status judge_all(sz_bench_comparison *c) {
    const size_t n = c->rows.n, bytes = (n + 1) * sizeof(double);
    double *p = sz_alloc(c->ctx, bytes), logs = 0;
    size_t known = 0;
    if (!p) return sz_no_memory(c->ctx);
    for (size_t i = 0; i < n; i++) p[i] = c->rows.items[i].p;
    sz_status status = sz_holm(c->ctx, p, n);
    for (size_t i = 0; status == SZ_OK && i < n; i++) {
        sz_change *r = &c->rows.items[i];
        r->p_corrected = p[i];
        judge(c, r);
        if (isnan(r->ratio)) continue;
        logs += log(r->ratio);
        known++;
    }
    c->sums.mean_ratio = known ? exp(logs / (double)known) : NAN;
    sz_free(c->ctx, p, bytes);
    return status;
}

static sz_status compare(sz_bench_comparison *c) {
    for (size_t i = 0; i < c->all.n; i++) {
        const pairing *w = &c->all.items[i];
        const int missing = !w->sides[0].last ? 0 : !w->sides[1].last ? 1 : -1;
        if (missing < 0)
            SZ_TRY(test_case(c, i));
        else if (!sz_vec_push(c->ctx, &c->only[1 - missing], w->name))
            return sz_no_memory(c->ctx);
    }
    SZ_TRY(count_other_machines(c));
    return judge_all(c);
}

sz_status sz_bench_compare(sz_ctx *ctx, const sz_bench_set *a, const sz_bench_set *b,
                           const sz_compare_options *options,
                           sz_bench_comparison **ret_comparison) {
    static const sz_compare_options usual;
    const sz_compare_options *o = options ? options : &usual;
    sz_map index;
    sz_bench_comparison *c = sz_alloc(ctx, sizeof *c);
    if (!c) return sz_no_memory(ctx);
    c->ctx = ctx;
    c->alpha = o->alpha > 0 ? o->alpha : 0.05;
    sz_map_init(&index, ctx);
    sz_status status = join(c, a, 0, o->any_machine, &index);
    if (status == SZ_OK) status = join(c, b, 1, o->any_machine, &index);
    sz_map_finish(&index);
    if (status == SZ_OK) status = compare(c);
    if (status != SZ_OK) return sz_bench_comparison_destroy(c), status;
    *ret_comparison = c;
    return SZ_OK;
}

void sz_bench_comparison_destroy(sz_bench_comparison *c) {
    if (!c) return;
    sz_ctx *ctx = c->ctx;
    for (size_t i = 0; i < c->all.n; i++)
        for (int k = 0; k < 2; k++) {
            side *s = &c->all.items[i].sides[k];
            sz_free(ctx, s->logs, s->n * sizeof *s->logs);
        }
    sz_vec_finish(ctx, &c->all);
    sz_vec_finish(ctx, &c->rows);
    sz_vec_finish(ctx, &c->from);
    sz_vec_finish(ctx, &c->only[0]);
    sz_vec_finish(ctx, &c->only[1]);
    sz_free(ctx, c, sizeof *c);
}

sz_changes sz_bench_comparison_sums(const sz_bench_comparison *c) { return c->sums; }
size_t sz_bench_comparison_count(const sz_bench_comparison *c) { return c->rows.n; }
sz_change sz_bench_comparison_row(const sz_bench_comparison *c, size_t i) {
    return c->rows.items[i];
}
const char *sz_bench_comparison_only(const sz_bench_comparison *c, int which, size_t i) {
    return i < c->only[which != 0].n ? c->only[which != 0].items[i] : NULL;
}

// ---- gates -------------------------------------------------------------------------------------

// A number of time, rate or energy, also without the unit at the end of its name.
typedef struct metric {
    size_t offset; // in sz_bench
    bool tested;   // the test of the times speaks for it
} metric;

static bool find_field(const sz_record_type *type, size_t base, sz_str name, metric *ret_metric) {
    for (size_t i = 0; i < type->n_fields; i++) {
        const sz_field *f = &type->fields[i];
        const size_t n = strlen(f->name);
        const bool same = sz_str_is(name, f->name) ||
                          (n == name.len + 2 && memcmp(f->name, name.p, name.len) == 0 &&
                           strcmp(f->name + name.len, "_s") == 0);
        if (!same || f->kind != SZ_FIELD_F64) continue;
        ret_metric->offset = base + f->offset;
        ret_metric->tested = strcmp(f->name, "median_s") == 0 || strcmp(f->name, "mean_s") == 0;
        return true;
    }
    return false;
}

static sz_status find_metric(sz_ctx *ctx, sz_str name, metric *ret_metric) {
    if (find_field(sz_bench_time_type(), offsetof(sz_bench, time), name, ret_metric) ||
        find_field(sz_bench_rate_type(), offsetof(sz_bench, rate), name, ret_metric) ||
        find_field(sz_bench_energy_type(), offsetof(sz_bench, energy), name, ret_metric))
        return SZ_OK;
    return sz_fail(
        ctx, SZ_ERR_USAGE,
        "'%s' is no number of a record; there are median, mean, min, max, p90, p99, "
        "samples_per_s, flop_per_s, byte_per_s, joule and others: 'sizeup schema compare'",
        sz_show(ctx, name));
}

static double value_of(const sz_bench *b, const metric *m) {
    double v;
    memcpy(&v, (const char *)b + m->offset, sizeof v);
    return v;
}

static double ratio_of(const sz_bench_comparison *c, size_t row, const metric *m) {
    const pairing *w = &c->all.items[c->from.items[row]];
    if (m->offset == offsetof(sz_bench, time.median_s)) return c->rows.items[row].ratio;
    return value_of(w->sides[1].last, m) / value_of(w->sides[0].last, m);
}

sz_status sz_bench_comparison_gate(sz_ctx *ctx, sz_bench_comparison *c, const char *gate) {
    sz_gate g;
    metric m;
    size_t met = 0;
    SZ_TRY(sz_gate_parse(ctx, gate, "'median:+3%'", &g));
    SZ_TRY(find_metric(ctx, g.name, &m));
    for (size_t i = 0; i < c->rows.n; i++) {
        sz_change *r = &c->rows.items[i];
        const double ratio = ratio_of(c, i, &m);
        if (!isfinite(ratio)) continue;
        met++;
        if (!sz_gate_breaks(&g, ratio) || r->broken) continue;
        // Without a test the change itself is all that is known.
        if (m.tested && !isnan(r->p) && !(r->p_corrected < c->alpha)) continue;
        r->broken = 1;
        c->sums.broken++;
    }
    if (met > 0 || c->rows.n == 0) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_INPUT, "gate '%s': no case has that number on both sides",
                   sz_show(ctx, sz_str_c(gate)));
}
