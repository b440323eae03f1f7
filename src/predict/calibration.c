// SPDX-License-Identifier: Apache-2.0
#include "predict/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "machine/measure/stats.h"

static const double LEVEL = 0.9;

sz_status sz_calibration_create(sz_ctx *ctx, sz_calibration **ret_calibration) {
    sz_calibration *c = sz_alloc(ctx, sizeof *c);
    if (!c) return sz_no_memory(ctx);
    c->ctx = ctx, c->factor = 1, c->half = NAN;
    sz_arena_init(&c->arena, ctx);
    *ret_calibration = c;
    return SZ_OK;
}

void sz_calibration_destroy(sz_calibration *c) {
    if (!c) return;
    for (size_t k = 0; k < c->kinds.n; k++) {
        sz_process_finish(c->ctx, &c->kinds.items[k].process);
        sz_vec_finish(c->ctx, &c->kinds.items[k].measured);
    }
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
    sz_calibrated_kind kind = {.half = NAN, .line = {.compute = 1, .memory = 1, .cache = 1}};
    kind.process.axes = axes;
    kind.name = sz_arena_strdup(&c->arena, name, strlen(name));
    if (!kind.name || !sz_vec_push(c->ctx, &c->kinds, kind)) return sz_no_memory(c->ctx);
    *ret_kind = &c->kinds.items[c->kinds.n - 1];
    return SZ_OK;
}

// Where a kernel stands on the line of its kind. time_s: 0 where it is asked for.
static sz_line_point point_of(const sz_features *f, double time_s) {
    return (sz_line_point){.starts = f->starts,
                           .cold = f->cold,
                           .compute_s = f->worked * f->compute_s,
                           .memory_s = fmax(0, f->memory_s - f->fetch.cache_s),
                           .cache_s = f->fetch.cache_s,
                           .waits_s = f->fetch.waits_s,
                           .again_s = f->fetch.again_s,
                           .time_s = time_s};
}

// Point of the same net at the same place, NULL = none. Points of a net come one after the other.
static sz_process_point *find_point(sz_calibrated_kind *kind, const sz_features *f, int32_t group) {
    static const double same = 2e-3; // of logarithms
    for (size_t i = kind->process.points.n; i-- > 0;) {
        sz_process_point *one = &kind->process.points.items[i];
        bool is_same = one->group == group;
        if (!is_same) return NULL;
        for (int a = 0; a < f->n && is_same; a++) is_same = fabs(one->x[a] - f->x[a]) < same;
        if (is_same) return one;
    }
    return NULL;
}

// Kernels of a size that one net has many of tell no more than one of them: as points on their own
// they would say that times are known to a percent everywhere.
sz_status sz_calibration_add(sz_calibration *c, const sz_features *f, double time_s,
                             int32_t group) {
    sz_calibrated_kind *kind;
    const double base_s = fmax(f->compute_s, f->memory_s);
    if (!(base_s > 0) || !(time_s > 0)) return SZ_OK; // nothing was timed, or it does nothing
    SZ_TRY(sz_calibration_find(c, f->kind, f->n, &kind));
    if (kind->process.axes != f->n) return SZ_OK;
    const sz_process_point *known = find_point(kind, f, group);
    if (known) {
        sz_measured *m = &kind->measured.items[known->mark];
        m->count++;
        m->point.time_s *= pow(time_s / m->point.time_s, 1.0 / m->count);
        return SZ_OK;
    }
    const sz_measured m = {
        .point = point_of(f, time_s), .roofline_s = base_s, .net = group, .count = 1};
    sz_process_point one = {.mark = (int32_t)kind->measured.n, .group = group};
    memcpy(one.x, f->x, (size_t)f->n * sizeof *one.x);
    if (!sz_vec_push(c->ctx, &kind->measured, m)) return sz_no_memory(c->ctx);
    return sz_process_add(c->ctx, &kind->process, &one) ? SZ_OK : sz_no_memory(c->ctx);
}

// ---- nets --------------------------------------------------------------------------------------

static int by_whole(const void *a, const void *b) {
    const sz_calibrated_net *x = a, *y = b;
    return x->whole_s < y->whole_s ? -1 : x->whole_s > y->whole_s;
}

// Those that were measured whole, the shortest first. The caller's, of c->nets.n + 1; NULL = no
// memory.
static sz_calibrated_net *sort_nets(const sz_calibration *c, size_t *ret_n) {
    sz_calibrated_net *nets = sz_alloc(c->ctx, (c->nets.n + 1) * sizeof *nets);
    size_t n = 0;
    for (size_t i = 0; i < c->nets.n && nets; i++)
        if (c->nets.items[i].whole_s > 0 && c->nets.items[i].usual_s > 0)
            nets[n++] = c->nets.items[i];
    if (n > 0) qsort(nets, n, sizeof *nets, by_whole);
    *ret_n = n;
    return nets;
}

// The lower quartile over the shortest tenth: of longer ones it is a small difference of large
// times.
static sz_status find_beside(sz_calibration *c) {
    size_t n, few = 0;
    const size_t room = (c->nets.n + 1) * sizeof(double);
    sz_calibrated_net *nets = sort_nets(c, &n);
    double *beside = sz_alloc(c->ctx, room);
    for (size_t i = 0; nets && beside && i < (n + 9) / 10; i++)
        if (nets[i].layers_s > 0) beside[few++] = nets[i].whole_s - nets[i].layers_s;
    if (few > 0) sz_sort_values(beside, few);
    c->beside_s = few > 0 ? fmax(0, sz_quantile(beside, few, 0.25)) : 0;
    const sz_status status = nets && beside ? SZ_OK : sz_no_memory(c->ctx);
    sz_free(c->ctx, beside, room);
    sz_free(c->ctx, nets, (c->nets.n + 1) * sizeof *nets);
    return status;
}

// Layers are looked at in another copy of the net, at other moments and with clocks between them.
// All that the timed runs took is theirs but for what lies beside them; of a net that has hardly
// anything else nobody can tell.
double sz_calibration_took(const sz_calibration *c, const sz_measured *m) {
    static const double least = 0.1; // of a run
    if (m->net < 0 || (size_t)m->net >= c->nets.n) return m->point.time_s;
    const sz_calibrated_net *net = &c->nets.items[m->net];
    const double theirs_s = net->whole_s - c->beside_s;
    if (!(net->layers_s > 0) || !(theirs_s > least * net->whole_s)) return m->point.time_s;
    return m->point.time_s * theirs_s / net->layers_s;
}

// What the kernels of each net take by those of the other nets.
static void sum_parts(sz_calibration *c) {
    for (size_t i = 0; i < c->nets.n; i++) c->nets.items[i].parts_s = 0;
    for (size_t k = 0; k < c->kinds.n; k++) {
        const sz_calibrated_kind *kind = &c->kinds.items[k];
        if (strcmp(kind->name, "any") == 0) continue; // the same kernels once more
        for (size_t i = 0; i < kind->process.points.n; i++) {
            const sz_process_point *p = &kind->process.points.items[i];
            const sz_measured *m = &kind->measured.items[p->mark];
            if (p->group >= 0 && (size_t)p->group < c->nets.n)
                c->nets.items[p->group].parts_s += m->count * m->base_s * exp(p->told);
        }
    }
}

static sz_status fit_whole(sz_calibration *c) {
    sz_line_point *points = sz_alloc(c->ctx, (c->nets.n + 1) * sizeof *points);
    sz_line line;
    size_t n = 0;
    if (!points) return sz_no_memory(c->ctx);
    for (size_t i = 0; i < c->nets.n; i++) {
        const sz_calibrated_net *net = &c->nets.items[i];
        if (net->whole_s > 0 && net->parts_s > 0)
            points[n++] = (sz_line_point){
                .starts = 1, .compute_s = net->parts_s, .time_s = net->whole_s};
    }
    const sz_status status = sz_line_fit(c->ctx, points, n, &line);
    sz_free(c->ctx, points, (c->nets.n + 1) * sizeof *points);
    if (status == SZ_OK) c->fixed_s = line.start_s, c->factor = line.compute;
    return status;
}

// A knot: of nets that take about the same.
static void add_knot(sz_usual *u, const sz_calibrated_net *nets, size_t n, double *ratios) {
    for (size_t i = 0; i < n; i++) ratios[i] = nets[i].usual_s / nets[i].whole_s;
    sz_sort_values(ratios, n);
    u->whole_s[u->n] = nets[n / 2].whole_s;
    u->factor[u->n++] = fmax(1, sz_quantile(ratios, n, 0.5));
}

static sz_status find_usual(sz_calibration *c) {
    enum { KNOT = 40 }; // nets of one, at least
    size_t n;
    const size_t room = (c->nets.n + 1) * sizeof(double);
    sz_calibrated_net *nets = sort_nets(c, &n);
    double *ratios = sz_alloc(c->ctx, room);
    const size_t most = n / KNOT < SZ_USUAL_KNOTS ? n / KNOT : SZ_USUAL_KNOTS;
    const size_t knots = n > 0 && most == 0 ? 1 : most;
    c->usual.n = 0;
    for (size_t k = 0; nets && ratios && k < knots; k++) {
        const size_t from = n * k / knots, to = n * (k + 1) / knots;
        add_knot(&c->usual, nets + from, to - from, ratios);
    }
    const sz_status status = nets && ratios ? SZ_OK : sz_no_memory(c->ctx);
    sz_free(c->ctx, ratios, room);
    sz_free(c->ctx, nets, (c->nets.n + 1) * sizeof *nets);
    return status;
}

double sz_calibration_usual(const sz_calibration *c, double whole_s) {
    const sz_usual *u = &c->usual;
    int i = 0;
    while (i < u->n && u->whole_s[i] < whole_s) i++;
    if (u->n == 0) return 1;
    if (i == 0 || i == u->n) return u->factor[i == 0 ? 0 : i - 1];
    const double share = log(whole_s / u->whole_s[i - 1]) / log(u->whole_s[i] / u->whole_s[i - 1]);
    return u->factor[i - 1] + share * (u->factor[i] - u->factor[i - 1]);
}

double sz_calibration_whole(const sz_calibration *c, double parts_s) {
    return c->fixed_s + c->factor * parts_s;
}

double sz_calibration_net_error(const sz_calibration *c, size_t i) {
    const sz_calibrated_net *net = &c->nets.items[i];
    if (!(net->usual_s > 0) || !(net->parts_s > 0)) return NAN;
    const double whole_s = sz_calibration_whole(c, net->parts_s);
    return fabs(log(sz_calibration_usual(c, whole_s) * whole_s / net->usual_s));
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

// ---- kinds, settled ----------------------------------------------------------------------------

// A line of few points is that of all kernels.
static sz_status fit_line(sz_calibration *c, sz_calibrated_kind *kind) {
    enum { FEW = 12 };
    const sz_calibrated_kind *any = sz_calibration_kind(c, "any");
    const size_t n = kind->measured.n;
    if (n < FEW && any && any != kind) {
        kind->line = any->line;
        return SZ_OK;
    }
    sz_line_point *points = sz_alloc(c->ctx, (n + 1) * sizeof *points);
    if (!points) return sz_no_memory(c->ctx);
    for (size_t i = 0; i < n; i++) {
        points[i] = kind->measured.items[i].point;
        points[i].time_s = sz_calibration_took(c, &kind->measured.items[i]);
    }
    const sz_status status = sz_line_fit(c->ctx, points, n, &kind->line);
    sz_free(c->ctx, points, (n + 1) * sizeof *points);
    return status;
}

static sz_status settle_kind(sz_calibration *c, sz_calibrated_kind *kind) {
    SZ_TRY(fit_line(c, kind));
    for (size_t i = 0; i < kind->process.points.n; i++) {
        sz_process_point *one = &kind->process.points.items[i];
        sz_measured *m = &kind->measured.items[one->mark];
        m->base_s = sz_line_at(&kind->line, &m->point);
        one->y = log(sz_calibration_took(c, m) / m->base_s);
    }
    SZ_TRY(sz_process_settle(c->ctx, &kind->process));
    return sz_process_interval(c->ctx, &kind->process, LEVEL, &kind->half);
}

sz_status sz_calibration_settle(sz_calibration *c) {
    const sz_calibrated_kind *any = sz_calibration_kind(c, "any");
    SZ_TRY(find_beside(c));
    if (any) SZ_TRY(settle_kind(c, &c->kinds.items[any - c->kinds.items]));
    for (size_t k = 0; k < c->kinds.n; k++)
        if (&c->kinds.items[k] != any) SZ_TRY(settle_kind(c, &c->kinds.items[k]));
    sum_parts(c);
    SZ_TRY(fit_whole(c));
    SZ_TRY(find_usual(c));
    return fit_net_interval(c);
}

// ---- asking ------------------------------------------------------------------------------------

static sz_calibrated_value at(const sz_calibrated_kind *kind, const sz_features *f) {
    sz_process_value v = sz_process_at(&kind->process, f->x);
    v.y *= exp(-v.beyond); // the farther beyond what was measured, the more the line alone counts
    const sz_line_point p = point_of(f, 0);
    return (sz_calibrated_value){sz_line_at(&kind->line, &p) * exp(v.y), kind->half, v.is_outside};
}

sz_calibrated_value sz_calibration_at(const sz_calibration *c, const sz_features *f,
                                      const sz_features *any) {
    enum { FEW = 5 };
    const sz_calibrated_kind *kind = sz_calibration_kind(c, f->kind);
    if (kind && kind->process.axes == f->n && kind->process.points.n >= FEW) return at(kind, f);
    kind = sz_calibration_kind(c, any->kind);
    sz_calibrated_value v = {fmax(any->compute_s, any->memory_s), NAN, true};
    if (kind && kind->process.axes == any->n && kind->process.points.n > 0) v = at(kind, any);
    v.is_outside = true;
    return v;
}

sz_calibration_facts sz_calibration_about(const sz_calibration *c) {
    const sz_usual *u = &c->usual;
    double least = INFINITY, most = 1;
    for (int i = 0; i < u->n; i++)
        least = fmin(least, u->factor[i]), most = fmax(most, u->factor[i]);
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
                                  .usual_least = u->n > 0 ? least : 1,
                                  .usual_most = most};
}
