// SPDX-License-Identifier: Apache-2.0
// Pools over windows of one to three axes, and their gradients. A plane is the image of a channel.
#include "run/backends/plain/plain.h"

#include "model/ops/ops.h"
#include "model/ops/spatial.h"

#include <math.h>

enum { AXES = SZ_WINDOW_AXES };

typedef struct plan {
    sz_windows w;
    int64_t planes;
    bool is_max, with_padding;
} plan;

sz_status sz_plain_windows(sz_plain_step *s, const sz_type *x, const int64_t *kernel,
                           const sz_type *y, sz_windows *w) {
    sz_infer n = {.ctx = s->call.ctx,
                  .graph = s->call.graph,
                  .node = s->call.node,
                  .op = sz_op_get(s->call.node->row),
                  .opset = s->call.node->opset};
    sz_space space;
    if (x->rank < 3 || x->rank > 2 + AXES) return sz_plain_refuse(s, "not 1, 2 or 3 axes");
    SZ_TRY(sz_spatial_read(&n, x->rank - 2, &space));
    SZ_TRY(sz_space_kernel(&n, &space, kernel));
    for (int i = 0; i < space.n; i++) space.axis[i].in = x->dims[2 + i];
    SZ_TRY(sz_space_out(&n, &space)); // pads of auto_pad
    w->in_size = w->out_size = w->taps = 1;
    for (int d = 0; d < AXES; d++) {
        const int i = d - (AXES - space.n);
        const sz_axis *a = i < 0 ? NULL : &space.axis[i];
        w->in[d] = a ? a->in : 1, w->out[d] = a ? y->dims[2 + i] : 1;
        w->kernel[d] = a ? a->kernel : 1, w->stride[d] = a ? a->stride : 1;
        w->dilation[d] = a ? a->dilation : 1;
        w->before[d] = a ? a->before : 0, w->after[d] = a ? a->after : 0;
        w->in_size *= w->in[d], w->out_size *= w->out[d], w->taps *= w->kernel[d];
    }
    return SZ_OK;
}

// Of images x and results y.
static sz_status read_plan(sz_plain_step *s, const sz_type *x, const sz_type *y, plan **ret_plan) {
    plan *p = sz_plain_new(s, sizeof *p);
    if (!p) return sz_no_memory(s->call.ctx);
    SZ_TRY(sz_plain_windows(s, x, NULL, y, &p->w));
    p->planes = x->dims[0] * x->dims[1];
    p->with_padding = sz_attr_i(s->call.node, "count_include_pad", 0) != 0;
    *ret_plan = p;
    return SZ_OK;
}

// Elements along axis d that the window at o meets; on padding too where that counts.
static int64_t met(const plan *p, int d, int64_t o) {
    int64_t n = 0;
    for (int64_t k = 0; k < p->w.kernel[d]; k++) {
        const int64_t i = o * p->w.stride[d] + k * p->w.dilation[d] - p->w.before[d];
        n += p->with_padding ? i < p->w.in[d] + p->w.after[d] : i >= 0 && i < p->w.in[d];
    }
    return n;
}

void sz_windows_inside(const sz_windows *w, int d, int64_t k, int64_t *ret_from, int64_t *ret_to) {
    const int64_t shift = k * w->dilation[d] - w->before[d], s = w->stride[d];
    *ret_from = shift < 0 ? (-shift + s - 1) / s : 0;
    const int64_t last = w->in[d] - 1 - shift;
    *ret_to = last < 0 ? 0 : last / s + 1;
    if (*ret_to > w->out[d]) *ret_to = w->out[d];
}

bool sz_windows_tap(const sz_windows *w, int64_t k0, int64_t k1, int64_t k2, sz_tap *t) {
    const int64_t k[AXES] = {k0, k1, k2};
    int64_t size = 1;
    bool any = true;
    t->at = 0;
    for (int d = AXES - 1; d >= 0; d--) {
        sz_windows_inside(w, d, k[d], &t->from[d], &t->to[d]);
        any &= t->from[d] < t->to[d];
        t->at += (k[d] * w->dilation[d] - w->before[d]) * size;
        t->step[d] = w->stride[d] * size;
        size *= w->in[d];
    }
    return any;
}

// ---- forward -----------------------------------------------------------------------------------

// One tap of all windows of a plane.
static void tap(const sz_loop_rows *l, const plan *p, const float *x, float *y, int64_t k0,
                int64_t k1, int64_t k2) {
    const sz_windows *w = &p->w;
    sz_tap t;
    if (!sz_windows_tap(w, k0, k1, k2, &t)) return;
    for (int64_t o = t.from[0]; o < t.to[0]; o++)
        for (int64_t q = t.from[1]; q < t.to[1]; q++)
            (p->is_max ? l->max_step : l->add_step)(y + (o * w->out[1] + q) * w->out[2] + t.from[2],
                                                    x + t.at + o * t.step[0] + q * t.step[1] +
                                                        t.from[2] * t.step[2],
                                                    t.to[2] - t.from[2], w->stride[2]);
}

static void divide(const plan *p, float *y) {
    for (int64_t o = 0; o < p->w.out[0]; o++)
        for (int64_t q = 0; q < p->w.out[1]; q++) {
            const int64_t many = met(p, 0, o) * met(p, 1, q);
            for (int64_t r = 0; r < p->w.out[2]; r++, y++) *y /= (float)(many * met(p, 2, r));
        }
}

static bool run_pool(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    for (int64_t u = from; u < to; u++) {
        const float *x = (const float *)sz_plain_data(s, set, 0) + u * p->w.in_size;
        float *y = (float *)s->call.out[0]->data + u * p->w.out_size;
        for (int64_t i = 0; i < p->w.out_size; i++) y[i] = p->is_max ? -INFINITY : 0;
        for (int64_t k0 = 0; k0 < p->w.kernel[0]; k0++)
            for (int64_t k1 = 0; k1 < p->w.kernel[1]; k1++)
                for (int64_t k2 = 0; k2 < p->w.kernel[2]; k2++)
                    tap(s->library->loops->f32, p, x, y, k0, k1, k2);
        if (!p->is_max) divide(p, y);
    }
    return true;
}

static sz_status add(sz_plain_step *s,
                     bool (*run)(const sz_plain_step *, const void *, int, int64_t, int64_t),
                     const plan *p) {
    return sz_plain_add(s,
                        &(sz_plain_pass){.run = run,
                                         .plan = p,
                                         .units = p->planes,
                                         .bytes = 4 * (p->w.in_size + p->w.out_size * p->w.taps)});
}

sz_status sz_plain_pool(sz_plain_step *s) {
    plan *p;
    if (!sz_plain_all(s, "f32")) return sz_plain_refuse(s, "only f32");
    if (sz_plain_out_type(s, 1)) return sz_plain_refuse(s, "places of the largest");
    SZ_TRY(read_plan(s, sz_plain_type(s, 0), sz_plain_out_type(s, 0), &p));
    p->is_max = sz_str_is(s->call.node->op, "MaxPool");
    return add(s, run_pool, p);
}

// ---- backward ----------------------------------------------------------------------------------

// Calls on every element that the window at `o` meets; `at` < 0 ends it.
static int64_t element(const plan *p, int64_t o, int64_t k) {
    int64_t at = 0, step = 1;
    for (int d = AXES - 1; d >= 0; d--) {
        const int64_t i = o % p->w.out[d] * p->w.stride[d] + k % p->w.kernel[d] * p->w.dilation[d] -
                          p->w.before[d];
        if (i < 0 || i >= p->w.in[d]) return -1;
        at += i * step, step *= p->w.in[d];
        o /= p->w.out[d], k /= p->w.kernel[d];
    }
    return at;
}

// To the first element that is as large as the largest.
static bool run_max_grad(const sz_plain_step *s, const void *user, int set, int64_t from,
                         int64_t to) {
    const plan *p = user;
    for (int64_t u = from; u < to; u++) {
        const float *x = (const float *)sz_plain_data(s, set, 0) + u * p->w.in_size;
        const float *y = (const float *)sz_plain_data(s, set, 1) + u * p->w.out_size;
        const float *dy = (const float *)sz_plain_data(s, set, 2) + u * p->w.out_size;
        float *dx = (float *)s->call.out[0]->data + u * p->w.in_size;
        memset(dx, 0, (size_t)p->w.in_size * sizeof *dx);
        for (int64_t o = 0; o < p->w.out_size; o++)
            for (int64_t k = 0; k < p->w.taps; k++) {
                const int64_t at = element(p, o, k);
                if (at < 0 || x[at] != y[o]) continue;
                dx[at] += dy[o];
                break;
            }
    }
    return true;
}

sz_status sz_plain_max_pool_grad(sz_plain_step *s) {
    plan *p;
    if (!sz_plain_all(s, "f32")) return sz_plain_refuse(s, "only f32");
    SZ_TRY(read_plan(s, sz_plain_type(s, 0), sz_plain_type(s, 1), &p));
    return add(s, run_max_grad, p);
}

// An equal share to each element that the mean was taken of.
static bool run_average_grad(const sz_plain_step *s, const void *user, int set, int64_t from,
                             int64_t to) {
    const plan *p = user;
    for (int64_t u = from; u < to; u++) {
        const float *dy = (const float *)sz_plain_data(s, set, 0) + u * p->w.out_size;
        float *dx = (float *)s->call.out[0]->data + u * p->w.in_size;
        memset(dx, 0, (size_t)p->w.in_size * sizeof *dx);
        for (int64_t o = 0; o < p->w.out_size; o++) {
            const int64_t many = met(p, 2, o % p->w.out[2]) *
                                 met(p, 1, o / p->w.out[2] % p->w.out[1]) *
                                 met(p, 0, o / p->w.out[2] / p->w.out[1]);
            const float share = dy[o] / (float)many;
            for (int64_t k = 0; k < p->w.taps; k++) {
                const int64_t at = element(p, o, k);
                if (at >= 0) dx[at] += share;
            }
        }
    }
    return true;
}

sz_status sz_plain_average_pool_grad(sz_plain_step *s) {
    plan *p;
    if (!sz_plain_all(s, "f32")) return sz_plain_refuse(s, "only f32");
    SZ_TRY(read_plan(s, sz_plain_out_type(s, 0), sz_plain_type(s, 0), &p));
    return add(s, run_average_grad, p);
}
