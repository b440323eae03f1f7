// SPDX-License-Identifier: Apache-2.0
// The level "calibrated".
#include "predict/predict.h"

#include <math.h>

// An interval that was found on one machine is taken to be twice as wide (in logarithms) on
// another: nobody has measured there.
static const double WIDER = 2;

static double wider(const sz_estimate *e, double half) {
    return e->is_carried ? WIDER * half : half;
}

void sz_choose_calibration(sz_estimate *e) {
    const sz_calibration *c = e->options.calibration;
    const char *here = e->machine->identity.fingerprint;
    e->is_carried = !here || strcmp(here, c->fingerprint) != 0;
    if (!e->is_carried) e->machine = c->machine;
    if (e->options.threads == 0 && !e->is_carried) e->options.threads = c->threads;
    if (e->is_carried)
        sz_warn(e->ctx,
                "%s was calibrated on another machine than '%s': what it reaches of the "
                "roofs there is taken to hold here, and the interval is doubled",
                c->backend, e->machine->identity.name);
    else if (e->options.threads > 0 && e->options.threads != c->threads)
        sz_warn(e->ctx,
                "%s was calibrated with %d threads, not %d: what it reaches of the roofs is "
                "taken to be the same",
                c->backend, c->threads, e->options.threads);
}

void sz_choose_around(sz_estimate *e) {
    const double unknown = 64 << 20; // no level of the machine is known: what many cores share
    const double cache = e->n_levels > 1 ? e->levels[e->n_levels - 2].capacity : unknown / 2;
    e->run_bytes = fmin((double)sz_costs_total(e->costs).bytes_moved, 2 * cache);
}

double sz_estimate_run_bytes(const sz_estimate *e) { return e->run_bytes; }

static bool are_same(const sz_features *a, const sz_features *b) {
    return a->n == b->n && strcmp(a->kind, b->kind) == 0 &&
           memcmp(a->x, b->x, (size_t)a->n * sizeof *a->x) == 0;
}

// Kernels of one size come again and again in a net.
static sz_status find_told(sz_estimate *e, size_t row, double base_s,
                           sz_calibrated_value *ret_value) {
    sz_told one;
    sz_features any;
    sz_features_any(e->costs, row, &any);
    if (!sz_features_of(e->costs, row, &one.features)) one.features = any;
    sz_features_put_around(&any, base_s, e->run_bytes);
    sz_features_put_around(&one.features, base_s, e->run_bytes);
    for (size_t i = 0; i < e->told.n; i++)
        if (are_same(&e->told.items[i].features, &one.features)) {
            *ret_value = e->told.items[i].value;
            return SZ_OK;
        }
    one.value = sz_calibration_at(e->options.calibration, &one.features, &any);
    *ret_value = one.value;
    return sz_vec_push(e->ctx, &e->told, one) ? SZ_OK : sz_no_memory(e->ctx);
}

sz_status sz_calibrate_node(sz_estimate *e, size_t row, sz_node_time *t) {
    sz_calibrated_value v;
    if (!(t->time_s > 0)) return SZ_OK;
    SZ_TRY(find_told(e, row, t->time_s, &v));
    const double half = wider(e, v.half);
    const sz_calibration *c = e->options.calibration;
    t->time_s = (t->time_s + c->start_s) * v.ratio * c->usual;
    t->time_lo_s = t->time_s * exp(-half);
    t->time_hi_s = t->time_s * exp(half);
    t->outside = v.is_outside;
    e->outside += v.is_outside;
    return SZ_OK;
}

void sz_calibrate_total(sz_estimate *e) {
    const sz_calibration *c = e->options.calibration;
    sz_prediction *t = &e->total;
    t->time_s = sz_calibration_whole(c, t->time_s / c->usual);
    if (!isnan(c->half)) {
        t->time_lo_s = t->time_s * exp(-wider(e, c->half));
        t->time_hi_s = t->time_s * exp(wider(e, c->half));
    }
    t->time_lo_s = fmin(t->time_lo_s, t->time_s);
    t->time_hi_s = fmax(t->time_hi_s, t->time_s);
    if (e->outside > 0)
        sz_warn(e->ctx,
                "%lld of %zu kernels lie outside of what was calibrated: their times are "
                "guesses",
                (long long)e->outside, e->nodes.n);
}
