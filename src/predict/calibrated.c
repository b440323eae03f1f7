// SPDX-License-Identifier: Apache-2.0
// The level "calibrated".
#include "predict/predict.h"

#include <math.h>
#include <stdio.h>

// An interval that was found on one machine is taken to be twice as wide (in logarithms) on
// another: nobody has measured there, and calibrations of two machines of a kind would be needed to
// say better. On a machine of another kind that of cards never seen comes on top: nine in ten
// kernels lie within a factor of 1.51 of what they are told by other cards (bench/gpus.c).
static const double WIDER = 2, OTHER_KIND = 0.412;

// Between two calibrations of other threads: what is linear in the logarithm of their number.
static double blend(const sz_estimate *e, double one, double other) {
    return one + e->toward_other * (other - one);
}

static double wider(const sz_estimate *e, double half) {
    const double carried = WIDER * half + (e->is_other_kind ? OTHER_KIND : 0);
    return e->is_carried ? carried : half;
}

// A CPU on its own and one beside a GPU that was not used are of a kind.
static bool is_other_kind(const sz_machine *a, const sz_machine *b) {
    const char *const x = a->identity.kind, *const y = b->identity.kind;
    return strcmp(x ? x : "cpu", y ? y : "cpu") != 0;
}

// The calibration is of other threads than were asked for.
static void choose_between(sz_estimate *e) {
    const sz_calibration *c = e->options.calibration, *o = e->options.other;
    const int asked = e->options.threads;
    if (o && c->threads < asked && asked < o->threads) {
        e->toward_other = log((double)asked / c->threads) / log((double)o->threads / c->threads);
        sz_warn(e->ctx,
                "%s was calibrated with %d and %d threads, not %d: what it reaches of the roofs is "
                "taken from between",
                c->backend, c->threads, o->threads, asked);
        return;
    }
    e->is_carried = true;
    sz_warn(e->ctx,
            "%s was calibrated with %d thread%s, not %d: what it reaches of the roofs is taken to "
            "be the same, and the interval is doubled",
            c->backend, c->threads, c->threads == 1 ? "" : "s", asked);
}

void sz_choose_calibration(sz_estimate *e) {
    const sz_calibration *c = e->options.calibration;
    const char *here = e->machine->identity.fingerprint;
    e->is_carried = !here || strcmp(here, c->fingerprint) != 0;
    if (!e->is_carried) e->machine = c->machine;
    if (e->options.threads == 0 && !e->is_carried) e->options.threads = c->threads;
    e->is_other_kind = e->is_carried && is_other_kind(e->machine, c->machine);
    if (e->is_other_kind)
        sz_warn(e->ctx,
                "%s was calibrated on '%s', and '%s' is a machine of another kind: what it reaches "
                "of the roofs there says little here, and the interval is more than doubled",
                c->backend, c->machine->identity.name, e->machine->identity.name);
    else if (e->is_carried)
        sz_warn(e->ctx,
                "%s was calibrated on another machine than '%s': what it reaches of the "
                "roofs there is taken to hold here, and the interval is doubled",
                c->backend, e->machine->identity.name);
    else if (e->options.threads > 0 && e->options.threads != c->threads)
        choose_between(e);
}

void sz_choose_around(sz_estimate *e) {
    const double unknown = 64 << 20; // no level of the machine is known: what many cores share
    const double cache = e->n_levels > 1 ? e->levels[e->n_levels - 2].capacity : unknown / 2;
    const double all = (double)sz_costs_total(e->costs).bytes_moved;
    const double held = e->n_levels > 2 ? sz_share_held(e, e->n_levels - 3, all)
                                        : sz_share_of_capacity(all, cache / 16);
    e->around = (sz_around){fmin(all, 2 * cache), 1 - held,
                            e->threads > 1 ? (double)e->threads : 1};
}

const sz_around *sz_estimate_around(const sz_estimate *e) { return &e->around; }

static bool are_same(const sz_features *a, const sz_features *b) {
    return a->n == b->n && strcmp(a->kind, b->kind) == 0 && a->compute_s == b->compute_s &&
           a->memory_s == b->memory_s && a->cold == b->cold &&
           a->fetch.cache_s == b->fetch.cache_s && a->fetch.waits_s == b->fetch.waits_s &&
           a->fetch.again_s == b->fetch.again_s &&
           memcmp(a->x, b->x, (size_t)a->n * sizeof *a->x) == 0;
}

// Nobody measured between: the farther the two are apart, the wider.
static sz_calibrated_value between(const sz_estimate *e, sz_calibrated_value a,
                                   sz_calibrated_value b) {
    const double w = e->toward_other, apart = log(b.time_s / a.time_s);
    return (sz_calibrated_value){.time_s = a.time_s * exp(w * apart),
                                 .half = fmax(a.half, b.half) + w * (1 - w) * fabs(apart),
                                 .is_outside = a.is_outside || b.is_outside};
}

// Each kind comes here once for each of its sizes.
static void note_unseen(sz_estimate *e, const char *kind) {
    const size_t n = strlen(e->unseen);
    char quoted[48];
    if (sz_calibration_kind(e->options.calibration, kind)) return;
    snprintf(quoted, sizeof quoted, "'%s'", kind);
    if (strstr(e->unseen, quoted)) return;
    if (n + strlen(quoted) + 8 < sizeof e->unseen)
        snprintf(e->unseen + n, sizeof e->unseen - n, "%s%s", n ? ", " : "", quoted);
    else if (!strstr(e->unseen, "..."))
        snprintf(e->unseen + n, sizeof e->unseen - n, ", ...");
}

// Kernels of one size come again and again in a net.
static sz_status find_told(sz_estimate *e, size_t row, const sz_node_time *t, sz_fetch fetch,
                           sz_calibrated_value *ret_value) {
    sz_told one;
    sz_features any;
    sz_features_any(e->costs, row, &any);
    if (!sz_features_of(e->costs, row, &one.features)) one.features = any;
    sz_features_put_around(&any, t->compute_s, t->memory_s, fetch, &e->around);
    sz_features_put_around(&one.features, t->compute_s, t->memory_s, fetch, &e->around);
    for (size_t i = 0; i < e->told.n; i++)
        if (are_same(&e->told.items[i].features, &one.features)) {
            *ret_value = e->told.items[i].value;
            return SZ_OK;
        }
    one.value = sz_calibration_at(e->options.calibration, &one.features, &any);
    if (e->toward_other > 0)
        one.value = between(e, one.value, sz_calibration_at(e->options.other, &one.features, &any));
    note_unseen(e, one.features.kind);
    *ret_value = one.value;
    return sz_vec_push(e->ctx, &e->told, one) ? SZ_OK : sz_no_memory(e->ctx);
}

sz_status sz_calibrate_node(sz_estimate *e, size_t row, sz_fetch fetch, sz_node_time *t) {
    sz_calibrated_value v;
    if (!(t->time_s > 0)) return SZ_OK;
    SZ_TRY(find_told(e, row, t, fetch, &v));
    const double half = wider(e, v.half);
    t->time_s = v.time_s; // when nobody disturbs, until the whole net is known
    t->time_lo_s = t->time_s * exp(-half);
    t->time_hi_s = t->time_s * exp(half);
    t->outside = v.is_outside;
    e->outside += v.is_outside;
    return SZ_OK;
}

// Nor is a whole net faster than its operations at the roofs.
static void keep_above_roofs(sz_estimate *e) {
    sz_prediction *t = &e->total;
    const double roof_s = t->computation_s - e->slowed_s;
    t->time_s = fmax(t->time_s, roof_s);
    t->time_lo_s = fmax(t->time_lo_s, roof_s);
    t->time_hi_s = fmax(t->time_hi_s, t->time_s);
}

static void stretch(sz_node_time *t, double by) {
    t->time_s *= by, t->time_lo_s *= by, t->time_hi_s *= by;
}

// What strangers on the host cost, which depends on how long the net takes. No more than all of the
// roofs is reached, whatever was reached elsewhere.
static void meet_strangers(sz_estimate *e) {
    const sz_calibration *c = e->options.calibration, *o = e->options.other;
    sz_prediction *t = &e->total;
    e->usual = sz_calibration_usual(c, t->time_s);
    if (e->toward_other > 0) e->usual = blend(e, e->usual, sz_calibration_usual(o, t->time_s));
    t->time_s *= e->usual;
    for (size_t i = 0; i < e->nodes.n; i++) {
        sz_node_time *node = &e->nodes.items[i].time;
        const double paper_s = fmax(node->memory_s, node->compute_s);
        stretch(node, e->usual);
        if (!e->is_carried || !(node->time_s > 0) || node->time_s >= paper_s) continue;
        t->time_s += c->factor * (paper_s - node->time_s);
        stretch(node, paper_s / node->time_s);
    }
}

void sz_calibrate_total(sz_estimate *e) {
    const sz_calibration *c = e->options.calibration, *o = e->options.other;
    const bool two = e->toward_other > 0;
    sz_prediction *t = &e->total;
    const double parts_s = t->time_s;
    t->time_s = sz_calibration_whole(c, parts_s);
    if (two) t->time_s = blend(e, t->time_s, sz_calibration_whole(o, parts_s));
    meet_strangers(e);
    const double half = wider(e, two ? fmax(c->half, o->half) : c->half);
    if (!isnan(half)) {
        t->time_lo_s = t->time_s * exp(-half);
        t->time_hi_s = t->time_s * exp(half);
    }
    t->time_lo_s = fmin(t->time_lo_s, t->time_s);
    t->time_hi_s = fmax(t->time_hi_s, t->time_s);
    if (e->is_carried) keep_above_roofs(e);
    if (e->unseen[0])
        sz_warn(e->ctx,
                "never calibrated: %s; kernels of other kinds that move and do as much tell their "
                "times",
                e->unseen);
    if (e->outside > 0)
        sz_warn(e->ctx,
                "%lld of %zu kernels lie outside of what was calibrated: their times are "
                "guesses",
                (long long)e->outside, e->nodes.n);
}
