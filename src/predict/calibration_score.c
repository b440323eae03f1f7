// SPDX-License-Identifier: Apache-2.0
// How well a calibration tells what it was made of: every kernel and every net by the other nets.
#include "predict/calibration.h"

#include <math.h>

#include "base/record.h"
#include "machine/measure/stats.h"

SZ_RECORD_TYPE(calibration_score, SZ_CALIBRATION_SCORE_FIELDS)

// Logarithms of told over measured: by the calibration, and by the roofline alone.
typedef struct ratios {
    double *told, *roofline;
    size_t n;
} ratios;

static double median_of(double *values, size_t n) {
    sz_sort_values(values, n);
    return n ? sz_quantile(values, n, 0.5) : NAN;
}

static void to_errors(double *values, size_t n, double shift) {
    for (size_t i = 0; i < n; i++) values[i] = fabs(exp(values[i] - shift) - 1);
}

static void judge(ratios *r, sz_calibration_score *s) {
    s->n = (int64_t)r->n;
    to_errors(r->told, r->n, 0);
    sz_sort_values(r->told, r->n);
    s->median_error = r->n ? sz_quantile(r->told, r->n, 0.5) : NAN;
    s->p90_error = r->n ? sz_quantile(r->told, r->n, 0.9) : NAN;
    for (size_t i = 0; i < r->n; i++) s->within_10 += (r->told[i] <= 0.1) / (double)r->n;
    const double shift = median_of(r->roofline, r->n);
    to_errors(r->roofline, r->n, shift);
    s->constant_error = median_of(r->roofline, r->n);
}

static void fill_kind(const sz_calibration *c, const sz_calibrated_kind *kind, ratios *r,
                      sz_calibration_score *s) {
    s->kind = kind->name;
    s->half = kind->half;
    for (size_t i = 0; i < kind->process.points.n; i++) {
        const sz_process_point *p = &kind->process.points.items[i];
        const sz_measured *m = &kind->measured.items[p->mark];
        r->told[r->n] = p->told - p->y;
        r->roofline[r->n++] = log(m->roofline_s / sz_calibration_took(c, m));
    }
}

// Roofline times of each net's kernels, summed.
static double roofline_of(const sz_calibration *c, int32_t net) {
    double sum = 0;
    for (size_t k = 0; k < c->kinds.n; k++) {
        const sz_calibrated_kind *kind = &c->kinds.items[k];
        if (strcmp(kind->name, "any") == 0) continue;
        for (size_t i = 0; i < kind->process.points.n; i++) {
            const sz_process_point *p = &kind->process.points.items[i];
            const sz_measured *m = &kind->measured.items[p->mark];
            if (p->group == net) sum += m->count * m->roofline_s;
        }
    }
    return sum;
}

static void fill_nets(const sz_calibration *c, ratios *r, sz_calibration_score *s) {
    s->kind = "whole nets";
    s->half = c->half;
    for (size_t i = 0; i < c->nets.n; i++) {
        const sz_calibrated_net *net = &c->nets.items[i];
        if (!(net->usual_s > 0) || !(net->parts_s > 0)) continue;
        const double whole_s = sz_calibration_whole(c, net->parts_s);
        r->told[r->n] = log(sz_calibration_usual(c, whole_s) * whole_s / net->usual_s);
        r->roofline[r->n++] = log(roofline_of(c, (int32_t)i) / net->usual_s);
    }
}

size_t sz_calibration_score_count(const sz_calibration *c) { return c->kinds.n + 1; }

sz_status sz_calibration_score_of(sz_ctx *ctx, const sz_calibration *c, size_t i,
                                  sz_calibration_score *s) {
    const size_t most = (i == 0 ? c->nets.n : c->kinds.items[i - 1].process.points.n) + 1;
    double *values = sz_alloc(ctx, 2 * most * sizeof *values);
    *s = (sz_calibration_score){.n = 0};
    if (!values) return sz_no_memory(ctx);
    ratios r = {values, values + most, 0};
    if (i == 0)
        fill_nets(c, &r, s);
    else
        fill_kind(c, &c->kinds.items[i - 1], &r, s);
    double roofline = 0;
    for (size_t k = 0; k < r.n; k++) roofline += fabs(exp(r.roofline[k]) - 1) / (double)r.n;
    s->roofline_error = r.n ? roofline : NAN;
    judge(&r, s);
    sz_free(ctx, values, 2 * most * sizeof *values);
    return SZ_OK;
}
