// SPDX-License-Identifier: Apache-2.0
// Pools over windows and over whole images.
#include "run/backends/ref/kernel.h"

#include "model/ops/spatial.h"

#include <math.h>

typedef struct pool {
    sz_space space;
    int64_t channels, in_size, out_size, taps; // channels: of all images
    bool with_padding;                         // padding counts into the mean
    double p;                                  // of Lp pools
} pool;

typedef struct window { // what one window meets
    double sum, most;
    int64_t at, inside, padded; // place of the maximum; taps on elements, and on padding too
} window;

// Tap `tap` of the window at `at`: index of the element, -1 on padding, -2 behind it (ceil_mode).
static int64_t element(const sz_space *s, int64_t at, int64_t tap) {
    int64_t index = 0, step = 1, where = 0;
    for (int i = s->n - 1; i >= 0; i--) {
        const sz_axis *a = &s->axis[i];
        const int64_t e = at % a->out * a->stride + tap % a->kernel * a->dilation - a->before;
        if (e >= a->in + a->after) return -2;
        if (e < 0 || e >= a->in) where = -1;
        at /= a->out, tap /= a->kernel;
        index += e * step;
        step *= a->in;
    }
    return where < 0 ? -1 : index;
}

static window look(const pool *p, const double *x, int64_t at, bool lp) {
    window w = {.most = -INFINITY, .at = -1};
    for (int64_t tap = 0; tap < p->taps; tap++) {
        const int64_t e = element(&p->space, at, tap);
        if (e >= -1) w.padded++;
        if (e < 0) continue;
        w.inside++;
        w.sum += lp ? pow(fabs(x[e]), p->p) : x[e];
        if (w.at < 0 || x[e] > w.most || isnan(x[e])) w.most = x[e], w.at = e;
    }
    return w;
}

// Of images x and results y, whoever of them is given.
static sz_status read_pool(const sz_ref_call *c, const sz_buffer *x, const sz_buffer *y, pool *p) {
    SZ_TRY(sz_spatial_read(c->n, x->rank - 2, &p->space));
    SZ_TRY(sz_space_kernel(c->n, &p->space, NULL));
    for (int i = 0; i < p->space.n; i++) p->space.axis[i].in = x->dims[2 + i];
    SZ_TRY(sz_space_out(c->n, &p->space)); // pads of auto_pad; sizes are those of the shape rule
    p->taps = p->in_size = p->out_size = 1;
    for (int i = 0; i < p->space.n; i++) {
        sz_axis *a = &p->space.axis[i];
        a->out = y->dims[2 + i];
        p->in_size *= a->in, p->out_size *= a->out;
        if (!sz_mul(p->taps, a->kernel, &p->taps)) return sz_op_fail(c->n, "the window is too big");
    }
    p->channels = x->dims[0] * x->dims[1];
    p->with_padding = sz_attr_i(c->n->node, "count_include_pad", 0) != 0;
    p->p = (double)sz_attr_i(c->n->node, "p", 2);
    return sz_ref_charge(c, p->taps, y->count, 1);
}

sz_status sz_ref_pool(sz_ref_call *c) {
    const char kind = c->n->op->name[0]; // Average, Lp, Max
    pool p;
    double *x, *y, *places;
    SZ_TRY(read_pool(c, c->in[0], c->out[0], &p));
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_room(c, 0, &y));
    SZ_TRY(sz_ref_room(c, 1, &places));
    const bool by_column = sz_attr_i(c->n->node, "storage_order", 0) != 0 && p.space.n == 2;
    for (int64_t k = 0; y && k < p.channels * p.out_size; k++) {
        const int64_t channel = k / p.out_size;
        window w = look(&p, x + channel * p.in_size, k % p.out_size, kind == 'L');
        if (kind == 'M')
            y[k] = w.most;
        else if (kind == 'L')
            y[k] = pow(w.sum, 1 / p.p);
        else
            y[k] = w.sum / (double)(p.with_padding ? w.padded : w.inside);
        if (by_column && w.at >= 0) // the place as if the image were stored by columns
            w.at = w.at % p.space.axis[1].in * p.space.axis[0].in + w.at / p.space.axis[1].in;
        if (places) places[k] = (double)(channel * p.in_size + w.at);
    }
    return SZ_OK;
}

sz_status sz_ref_global_pool(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    const char kind = c->n->op->name[6]; // GlobalAverage, GlobalLp, GlobalMax
    const double p = (double)sz_attr_i(c->n->node, "p", 2);
    const int64_t size = sz_ref_span(b, 2, b->rank);
    double *x, *y;
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_room(c, 0, &y));
    for (int64_t k = 0; y && k < c->out[0]->count; k++) {
        double sum = 0, most = -INFINITY;
        for (int64_t j = k * size; j < (k + 1) * size; j++) {
            sum += kind == 'L' ? pow(fabs(x[j]), p) : x[j];
            if (x[j] > most || isnan(x[j])) most = x[j];
        }
        y[k] = kind == 'M' ? most : kind == 'L' ? pow(sum, 1 / p) : sum / (double)size;
    }
    return SZ_OK;
}

// The places of a MaxPool get their numbers back, the rest is 0.
sz_status sz_ref_max_unpool(sz_ref_call *c) {
    double *x, *places, *y;
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, 1, &places));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y) return SZ_OK;
    if (c->in[1]->count != c->in[0]->count)
        return sz_op_fail(c->n, "as many places as numbers are needed");
    // Places count in the output that the pool itself would have had; a larger one asked for by
    // input 2 holds it in its corner.
    int64_t dims[SZ_MAX_RANK] = {c->in[0]->dims[0], c->in[0]->dims[1]};
    const sz_buffer *out = c->out[0];
    sz_space s;
    SZ_TRY(sz_spatial_read(c->n, out->rank - 2, &s));
    SZ_TRY(sz_space_kernel(c->n, &s, NULL));
    for (int i = 0; i < s.n; i++) s.axis[i].in = c->in[0]->dims[2 + i];
    SZ_TRY(sz_space_out_transposed(c->n, &s));
    for (int i = 0; i < s.n; i++) dims[2 + i] = s.axis[i].out;
    for (int64_t k = 0; k < c->in[0]->count; k++) {
        int64_t at = (int64_t)places[k], to = 0, step = 1;
        for (int d = out->rank - 1; d >= 0 && at >= 0; d--) {
            if (dims[d] <= 0 || at % dims[d] >= out->dims[d]) break;
            to += at % dims[d] * step;
            at /= dims[d], step *= out->dims[d];
        }
        if (at != 0) return sz_op_fail(c->n, "a place lies outside of the output");
        y[to] = x[k];
    }
    return SZ_OK;
}

// ---- gradients ---------------------------------------------------------------------------------

// X, Y, dY -> dX: to the place that the pool took its maximum from, the first of equal ones.
sz_status sz_ref_max_pool_grad(sz_ref_call *c) {
    pool p;
    double *x, *dy, *dx;
    if (c->in[1]->rank != c->in[0]->rank || c->in[2]->count != c->in[1]->count)
        return sz_op_fail(c->n, "the gradient does not fit the output");
    SZ_TRY(read_pool(c, c->in[0], c->in[1], &p));
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, 2, &dy));
    SZ_TRY(sz_ref_room(c, 0, &dx));
    if (c->in[2]->count != p.channels * p.out_size)
        return sz_op_fail(c->n, "the gradient does not fit the images");
    for (int64_t k = 0; dx && k < p.channels * p.out_size; k++) {
        const int64_t first = k / p.out_size * p.in_size;
        const window w = look(&p, x + first, k % p.out_size, false);
        if (w.at >= 0) dx[first + w.at] += dy[k];
    }
    return SZ_OK;
}

// dY -> dX: an equal share to each element that the mean was taken of.
sz_status sz_ref_average_pool_grad(sz_ref_call *c) {
    pool p;
    double *dy, *dx;
    if (c->in[0]->rank != c->out[0]->rank || c->in[0]->rank < 3)
        return sz_op_fail(c->n, "gradient and input_shape have different dimensions");
    SZ_TRY(read_pool(c, c->out[0], c->in[0], &p));
    SZ_TRY(sz_ref_in(c, 0, &dy));
    SZ_TRY(sz_ref_room(c, 0, &dx));
    if (c->in[0]->count != p.channels * p.out_size)
        return sz_op_fail(c->n, "the gradient does not fit the images");
    for (int64_t k = 0; dx && k < p.channels * p.out_size; k++) {
        double *image = dx + k / p.out_size * p.in_size;
        int64_t inside = 0, padded = 0;
        for (int64_t tap = 0; tap < p.taps; tap++) {
            const int64_t e = element(&p.space, k % p.out_size, tap);
            inside += e >= 0, padded += e >= -1;
        }
        const double share = dy[k] / (double)(p.with_padding ? padded : inside);
        for (int64_t tap = 0; tap < p.taps && inside; tap++) {
            const int64_t e = element(&p.space, k % p.out_size, tap);
            if (e >= 0) image[e] += share;
        }
    }
    return SZ_OK;
}
