// SPDX-License-Identifier: Apache-2.0
#include "predict/calibration.h"

#include <math.h>

#include "machine/measure/stats.h"

static const double LEVEL = 0.9;

sz_status sz_calibration_create(sz_ctx *ctx, sz_calibration **ret_calibration) {
    sz_calibration *c = sz_alloc(ctx, sizeof *c);
    if (!c) return sz_no_memory(ctx);
    c->ctx = ctx, c->factor = 1, c->usual = 1, c->half = NAN;
    sz_arena_init(&c->arena, ctx);
    *ret_calibration = c;
    return SZ_OK;
}

void sz_calibration_destroy(sz_calibration *c) {
    if (!c) return;
    for (size_t k = 0; k < c->kinds.n; k++) sz_process_finish(c->ctx, &c->kinds.items[k].process);
    sz_vec_finish(c->ctx, &c->kinds);
    sz_vec_finish(c->ctx, &c->nets);
    sz_vec_finish(c->ctx, &c->kernels);
    sz_machine_destroy(c->machine);
    sz_arena_finish(&c->arena);
    sz_free(c->ctx, c, sizeof *c);
}

// ---- kinds -------------------------------------------------------------------------------------

const sz_calibrated_kind *sz_calibration_kind(const sz_calibration *c, const char *name) {
    for (size_t k = 0; k < c->kinds.n; k++)
        if (strcmp(c->kinds.items[k].name, name) == 0) return &c->kinds.items[k];
    return NULL;
}

sz_status sz_calibration_find(sz_calibration *c, const char *name, int axes,
                              sz_calibrated_kind **ret_kind) {
    const sz_calibrated_kind *known = sz_calibration_kind(c, name);
    if (known) {
        *ret_kind = &c->kinds.items[known - c->kinds.items];
        return SZ_OK;
    }
    sz_calibrated_kind kind = {.half = NAN};
    kind.process.axes = axes;
    kind.name = sz_arena_strdup(&c->arena, name, strlen(name));
    if (!kind.name || !sz_vec_push(c->ctx, &c->kinds, kind)) return sz_no_memory(c->ctx);
    *ret_kind = &c->kinds.items[c->kinds.n - 1];
    return SZ_OK;
}

sz_status sz_calibration_add(sz_calibration *c, const sz_features *f, double base_s, double time_s,
                             int32_t group) {
    sz_calibrated_kind *kind;
    if (!(base_s > 0) || !(time_s > 0)) return SZ_OK; // nothing was timed, or it does nothing
    SZ_TRY(sz_calibration_find(c, f->kind, f->n, &kind));
    if (kind->process.axes != f->n) return SZ_OK;
    sz_process_point one = {.y = log(time_s / base_s), .own = base_s, .group = group};
    memcpy(one.x, f->x, (size_t)f->n * sizeof *one.x);
    return sz_process_add(c->ctx, &kind->process, &one) ? SZ_OK : sz_no_memory(c->ctx);
}

// ---- nets --------------------------------------------------------------------------------------

// What the kernels of each net take by those of the other nets.
static void sum_parts(sz_calibration *c) {
    for (size_t i = 0; i < c->nets.n; i++) c->nets.items[i].parts_s = 0;
    for (size_t k = 0; k < c->kinds.n; k++) {
        const sz_calibrated_kind *kind = &c->kinds.items[k];
        if (strcmp(kind->name, "any") == 0) continue; // the same kernels once more
        for (size_t i = 0; i < kind->process.points.n; i++) {
            const sz_process_point *p = &kind->process.points.items[i];
            if (p->group >= 0 && (size_t)p->group < c->nets.n)
                c->nets.items[p->group].parts_s += p->own * exp(p->told);
        }
    }
}

// With whole = factor x (ratio + parts): the best factor of a ratio is a median, and what is left
// is the sum of |log(told / measured)|.
static double misfit(const sz_calibration *c, double ratio, double *room, double *ret_factor) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->nets.n; i++) {
        const sz_calibrated_net *net = &c->nets.items[i];
        if (net->whole_s > 0 && net->parts_s > 0)
            room[n++] = log(net->whole_s / (ratio + net->parts_s));
    }
    sz_sort_values(room, n);
    const double middle = n ? sz_quantile(room, n, 0.5) : 0;
    for (size_t i = 0; i < n; i++) sum += fabs(room[i] - middle);
    *ret_factor = exp(middle);
    return sum;
}

// The line that is nearest to most nets, by logarithms of told over measured: least absolute
// deviations, so that a net that is told badly does not bend it. By errors relative to what was
// measured, of which those of nets told too fast can't grow beyond 1, it would tell all nets too
// fast. Neither part is below 0. The ratio of the two parts is tried from nothing to a hundredth of
// a second, at steps of a tenth, and then of two in a thousand around the best.
static sz_status fit_whole(sz_calibration *c) {
    const double least = 1e-8, most = 1e-2, steps[] = {1.1, 1.002};
    double *room = sz_alloc(c->ctx, (c->nets.n + 1) * sizeof *room), factor;
    if (!room) return sz_no_memory(c->ctx);
    double best = misfit(c, 0, room, &c->factor), at = 0, from = least, to = most;
    for (int round = 0; round < 2; round++) {
        for (double ratio = from; ratio <= to; ratio *= steps[round]) {
            const double now = misfit(c, ratio, room, &factor);
            if (now < best) best = now, c->factor = factor, at = ratio;
        }
        if (at <= 0) break;
        from = at / steps[0], to = at * steps[0];
    }
    c->fixed_s = c->factor * at;
    sz_free(c->ctx, room, (c->nets.n + 1) * sizeof *room);
    return SZ_OK;
}

// Medians over what the same nets take undisturbed.
static sz_status find_usual(sz_calibration *c) {
    double *ratios = sz_alloc(c->ctx, (c->nets.n + 1) * sizeof *ratios);
    size_t n = 0;
    if (!ratios) return sz_no_memory(c->ctx);
    for (size_t i = 0; i < c->nets.n; i++) {
        const sz_calibrated_net *net = &c->nets.items[i];
        if (net->whole_s > 0 && net->usual_s > 0) ratios[n++] = net->usual_s / net->whole_s;
    }
    sz_sort_values(ratios, n);
    c->usual = n ? fmax(1, sz_quantile(ratios, n, 0.5)) : 1;
    sz_free(c->ctx, ratios, (c->nets.n + 1) * sizeof *ratios);
    return SZ_OK;
}

double sz_calibration_whole(const sz_calibration *c, double parts_s) {
    return c->usual * (c->fixed_s + c->factor * parts_s);
}

double sz_calibration_net_error(const sz_calibration *c, size_t i) {
    const sz_calibrated_net *net = &c->nets.items[i];
    if (!(net->usual_s > 0) || !(net->parts_s > 0)) return NAN;
    return fabs(log(sz_calibration_whole(c, net->parts_s) / net->usual_s));
}

// Of what people measure: medians, with whatever else the host did.
static sz_status fit_net_interval(sz_calibration *c) {
    const size_t n = c->nets.n;
    double *errors = sz_alloc(c->ctx, (n + 1) * sizeof *errors);
    size_t seen = 0;
    if (!errors) return sz_no_memory(c->ctx);
    for (size_t i = 0; i < n; i++) {
        const double error = sz_calibration_net_error(c, i);
        if (!isnan(error)) errors[seen++] = error;
    }
    c->half = sz_conformal(errors, seen, LEVEL);
    sz_free(c->ctx, errors, (n + 1) * sizeof *errors);
    return SZ_OK;
}

// Ratios of the first n points, to roofline times that are longer by `start_s`.
static void add_start(sz_calibrated_kind *kind, size_t n, double start_s) {
    for (size_t i = 0; i < n; i++) {
        sz_process_point *one = &kind->process.points.items[i];
        one->y += log(one->own / (one->own + start_s));
        one->own += start_s;
    }
    kind->n_started = start_s < 0 ? 0 : n;
}

// What is left when a kernel has next to nothing to do: the shortest of what was seen, but for a
// few. Ratios to a roofline time without it would grow beyond all bounds.
static sz_status find_start(sz_calibration *c) {
    for (size_t k = 0; k < c->kinds.n; k++)
        add_start(&c->kinds.items[k], c->kinds.items[k].n_started, -c->start_s);
    const sz_calibrated_kind *any = sz_calibration_kind(c, "any");
    const size_t n = any ? any->process.points.n : 0;
    double *times = sz_alloc(c->ctx, (n + 1) * sizeof *times);
    if (!times) return sz_no_memory(c->ctx);
    for (size_t i = 0; i < n; i++)
        times[i] = any->process.points.items[i].own * exp(any->process.points.items[i].y);
    sz_sort_values(times, n);
    c->start_s = n ? sz_quantile(times, n, 0.02) : 0;
    sz_free(c->ctx, times, (n + 1) * sizeof *times);
    for (size_t k = 0; k < c->kinds.n; k++)
        add_start(&c->kinds.items[k], c->kinds.items[k].process.points.n, c->start_s);
    return SZ_OK;
}

sz_status sz_calibration_settle(sz_calibration *c) {
    SZ_TRY(find_start(c));
    for (size_t k = 0; k < c->kinds.n; k++) {
        sz_calibrated_kind *kind = &c->kinds.items[k];
        SZ_TRY(sz_process_settle(c->ctx, &kind->process));
        SZ_TRY(sz_process_interval(c->ctx, &kind->process, LEVEL, &kind->half));
    }
    sum_parts(c);
    SZ_TRY(fit_whole(c));
    SZ_TRY(find_usual(c));
    return fit_net_interval(c);
}

// ---- asking ------------------------------------------------------------------------------------

static sz_calibrated_value at(const sz_calibrated_kind *kind, const sz_features *f) {
    const sz_process_value v = sz_process_at(&kind->process, f->x);
    return (sz_calibrated_value){exp(v.y), kind->half, v.is_outside};
}

sz_calibrated_value sz_calibration_at(const sz_calibration *c, const sz_features *f,
                                      const sz_features *any) {
    enum { FEW = 5 };
    const sz_calibrated_kind *kind = sz_calibration_kind(c, f->kind);
    if (kind && kind->process.axes == f->n && kind->process.points.n >= FEW) return at(kind, f);
    kind = sz_calibration_kind(c, any->kind);
    sz_calibrated_value v = {1, NAN, true};
    if (kind && kind->process.axes == any->n && kind->process.points.n > 0) v = at(kind, any);
    v.is_outside = true;
    return v;
}

sz_calibration_facts sz_calibration_about(const sz_calibration *c) {
    return (sz_calibration_facts){.backend = c->backend,
                                  .version = c->version,
                                  .dtype = c->dtype,
                                  .started_utc = c->started_utc,
                                  .recipe = c->recipe,
                                  .fingerprint = c->fingerprint,
                                  .threads = c->threads,
                                  .library = c->library,
                                  .nets = c->nets.n,
                                  .fixed_s = c->fixed_s,
                                  .factor = c->factor,
                                  .usual = c->usual};
}
