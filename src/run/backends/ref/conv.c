// SPDX-License-Identifier: Apache-2.0
// Convolutions of any rank as products with the columns of the input, and transposed ones as
// products whose columns are added into the output.
#include "run/backends/ref/kernel.h"

#include "model/ops/numbers.h"
#include "model/ops/spatial.h"

#include <math.h>

enum { TILE = 512 }; // positions of the output at a time

typedef struct conv {
    sz_space space;
    int64_t batch, channels, group, outputs; // channels of the input and of the output
    int64_t in_size, out_size, taps;         // elements of one channel, and of the kernel
    const double *x, *w;
    double *y;
} conv;

static int64_t product_of(const sz_space *s, int what) {
    int64_t p = 1;
    for (int i = 0; i < s->n; i++)
        p *= what == 0 ? s->axis[i].in : what == 1 ? s->axis[i].out : s->axis[i].kernel;
    return p;
}

// x [N, C, ...], w [M, C / group, ...] (transposed: [C, M / group, ...]), y [N, M, ...].
static sz_status read_conv(const sz_ref_call *c, int x, int w, bool transposed, conv *k) {
    const sz_buffer *bx = c->in[x], *bw = c->in[w], *by = c->out[0];
    k->batch = bx->dims[0], k->channels = bx->dims[1], k->outputs = by->dims[1];
    k->group = sz_attr_i(c->n->node, "group", 1);
    SZ_TRY(sz_spatial_read(c->n, bx->rank - 2, &k->space));
    SZ_TRY(sz_space_kernel(c->n, &k->space, bw->dims + 2));
    for (int i = 0; i < k->space.n; i++) k->space.axis[i].in = bx->dims[2 + i];
    SZ_TRY(transposed ? sz_space_out_transposed(c->n, &k->space) : sz_space_out(c->n, &k->space));
    for (int i = 0; i < k->space.n; i++)
        if (k->space.axis[i].out != by->dims[2 + i]) return sz_op_fail(c->n, "sizes do not fit");
    k->in_size = product_of(&k->space, 0);
    k->out_size = product_of(&k->space, 1);
    k->taps = product_of(&k->space, 2);
    return SZ_OK;
}

// Index of the element that output position `at` meets with kernel tap `tap`; -1: a padding zero.
// `outer` counts positions (out of a convolution, in of a transposed one), `inner` elements.
static int64_t element(const sz_space *s, int64_t at, int64_t tap, bool transposed) {
    int64_t index = 0, step = 1;
    for (int i = s->n - 1; i >= 0; i--) {
        const sz_axis *a = &s->axis[i];
        const int64_t positions = transposed ? a->in : a->out, size = transposed ? a->out : a->in;
        const int64_t e = at % positions * a->stride + tap % a->kernel * a->dilation - a->before;
        if (e < 0 || e >= size) return -1;
        at /= positions, tap /= a->kernel;
        index += e * step;
        step *= size;
    }
    return index;
}

// columns[channel x taps + tap][position - from] of one group of one image.
static void gather(const conv *k, const double *x, int64_t per_group, int64_t from, int64_t n,
                   double *columns) {
    for (int64_t tap = 0; tap < k->taps; tap++)
        for (int64_t p = 0; p < n; p++) {
            const int64_t e = element(&k->space, from + p, tap, false);
            double *to = columns + tap * n + p;
            for (int64_t ch = 0; ch < per_group; ch++)
                to[ch * k->taps * n] = e < 0 ? 0 : x[ch * k->in_size + e];
        }
}

static sz_status convolve(const sz_ref_call *c, const conv *k) {
    const int64_t in = k->channels / k->group, out = k->outputs / k->group, depth = in * k->taps;
    double *columns;
    SZ_TRY(sz_ref_array(c, depth * TILE, &columns));
    for (int64_t g = 0; g < k->batch * k->group; g++) {
        const int64_t image = g / k->group, part = g % k->group;
        const double *x = k->x + (image * k->channels + part * in) * k->in_size;
        double *y = k->y + (image * k->outputs + part * out) * k->out_size;
        const sz_matrix w = {k->w + part * out * depth, depth, 1};
        for (int64_t from = 0; from < k->out_size; from += TILE) {
            const int64_t n = k->out_size - from < TILE ? k->out_size - from : TILE;
            gather(k, x, in, from, n, columns);
            const sz_matrix m = {columns, n, 1};
            SZ_TRY(sz_ref_product(c, out, n, depth, w, m, y + from, k->out_size));
        }
    }
    return SZ_OK;
}

// Each input position spreads over the outputs under its kernel.
static sz_status spread(const sz_ref_call *c, const conv *k) {
    const int64_t in = k->channels / k->group, out = k->outputs / k->group, depth = out * k->taps;
    double *columns;
    SZ_TRY(sz_ref_array(c, depth * TILE, &columns));
    for (int64_t g = 0; g < k->batch * k->group; g++) {
        const int64_t image = g / k->group, part = g % k->group;
        const double *x = k->x + (image * k->channels + part * in) * k->in_size;
        double *y = k->y + (image * k->outputs + part * out) * k->out_size;
        const sz_matrix w = {k->w + part * in * depth, 1, depth};
        for (int64_t from = 0; from < k->in_size; from += TILE) {
            const int64_t n = k->in_size - from < TILE ? k->in_size - from : TILE;
            memset(columns, 0, (size_t)(depth * n) * sizeof *columns);
            const sz_matrix m = {x + from, k->in_size, 1};
            SZ_TRY(sz_ref_product(c, depth, n, in, w, m, columns, n));
            for (int64_t tap = 0; tap < k->taps; tap++)
                for (int64_t p = 0; p < n; p++) {
                    const int64_t e = element(&k->space, from + p, tap, true);
                    for (int64_t ch = 0; e >= 0 && ch < out; ch++)
                        y[ch * k->out_size + e] += columns[(ch * k->taps + tap) * n + p];
                }
        }
    }
    return SZ_OK;
}

// ---- around the sums ---------------------------------------------------------------------------

static sz_status add_bias(const sz_ref_call *c, int i, double scale, double *y) {
    double *b;
    SZ_TRY(sz_ref_in(c, i, &b));
    if (!b) return SZ_OK;
    const sz_buffer *out = c->out[0];
    const int64_t size = sz_ref_span(out, 2, out->rank), channels = out->dims[1];
    if (c->in[i]->count != channels) return sz_op_fail(c->n, "the bias does not fit");
    for (int64_t k = 0; k < out->count; k++) y[k] += scale * b[k / size % channels];
    return SZ_OK;
}

static sz_status run_conv(sz_ref_call *c, int x, int w, bool transposed, double *xs, double *ws,
                          double *y) {
    conv k = {.x = xs, .w = ws, .y = y};
    SZ_TRY(read_conv(c, x, w, transposed, &k));
    return transposed ? spread(c, &k) : convolve(c, &k);
}

static sz_status plain(sz_ref_call *c, bool transposed) {
    double *x, *w, *y;
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, 1, &w));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y) return SZ_OK;
    SZ_TRY(run_conv(c, 0, 1, transposed, x, w, y));
    return add_bias(c, 2, 1, y);
}

sz_status sz_ref_conv(sz_ref_call *c) { return plain(c, false); }
sz_status sz_ref_conv_transpose(sz_ref_call *c) { return plain(c, true); }

// With an addition (input 3) and an activation.
sz_status sz_ref_conv_fused(sz_ref_call *c) {
    const sz_str name = sz_attr_s(c->n->node, "activation", "");
    const sz_attr *p = sz_attr_find(c->n->node, "activation_params");
    double *z, *y;
    sz_activation a = {0};
    SZ_TRY(plain(c, false));
    SZ_TRY(sz_ref_room(c, 0, &y));
    SZ_TRY(sz_ref_in(c, 3, &z));
    if (name.len && !sz_ref_activation(name, &a))
        return sz_op_fail(c->n, "no reference for activation '%s'", sz_show(c->ctx, name));
    if (p && p->kind == SZ_ATTR_FLOATS && p->n > 0) a.alpha = p->floats[0];
    if (p && p->kind == SZ_ATTR_FLOATS && p->n > 1) a.beta = p->floats[1];
    if (z && c->in[3]->count != c->out[0]->count)
        return sz_op_fail(c->n, "the sum has another shape than the output");
    for (int64_t k = 0; y && k < c->out[0]->count; k++) {
        if (z) y[k] += z[k];
        if (name.len) y[k] = a.f(y[k], a.alpha, a.beta);
    }
    return SZ_OK;
}

// Input i minus its zero point: one number, or one per element of axis 0 (of the weights).
static sz_status shifted(const sz_ref_call *c, int i, int zero, double **ret) {
    double *z;
    SZ_TRY(sz_ref_in(c, i, ret));
    SZ_TRY(sz_ref_in(c, zero, &z));
    const sz_buffer *b = c->in[i];
    const int64_t size = b->rank > 0 ? sz_ref_span(b, 1, b->rank) : 1;
    const int64_t zeros = z ? c->in[zero]->count : 0;
    if (zeros > 1 && zeros != b->dims[0]) return sz_op_fail(c->n, "zero points do not fit");
    for (int64_t k = 0; zeros && k < b->count; k++) (*ret)[k] -= z[zeros == 1 ? 0 : k / size];
    return SZ_OK;
}

sz_status sz_ref_conv_integer(sz_ref_call *c) {
    double *x, *w, *y;
    SZ_TRY(shifted(c, 0, 2, &x));
    SZ_TRY(shifted(c, 1, 3, &w));
    SZ_TRY(sz_ref_room(c, 0, &y));
    return y ? run_conv(c, 0, 1, false, x, w, y) : SZ_OK;
}

// x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias (of scale x_scale x w_scale)
sz_status sz_ref_conv_qlinear(sz_ref_call *c) {
    double *x, *w, *y, *scales;
    if (sz_attr_i(c->n->node, "channels_last", 0))
        return sz_op_fail(c->n, "no reference for channels_last");
    SZ_TRY(shifted(c, 0, 2, &x));
    SZ_TRY(shifted(c, 3, 5, &w));
    SZ_TRY(sz_ref_in(c, 4, &scales));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y) return SZ_OK;
    SZ_TRY(run_conv(c, 0, 3, false, x, w, y));
    SZ_TRY(add_bias(c, 8, 1, y));
    const sz_buffer *out = c->out[0];
    const int bits = sz_dtype_get(out->dtype)->bits;
    const double low = sz_is_unsigned(out->dtype) ? 0 : -ldexp(1, bits - 1);
    const double high = ldexp(1, bits - !sz_is_unsigned(out->dtype)) - 1;
    const double sx = sz_ref_scalar(c, 1, 1), sy = sz_ref_scalar(c, 6, 1);
    const double zero = sz_ref_scalar(c, 7, 0);
    const int64_t size = sz_ref_span(out, 2, out->rank);
    for (int64_t k = 0; k < out->count; k++) {
        const int64_t channel = k / size % out->dims[1];
        const double s = scales[c->in[4]->count == 1 ? 0 : channel];
        y[k] = fmax(low, fmin(high, nearbyint(y[k] * (sx * s) / sy) + zero));
    }
    return SZ_OK;
}

// ---- gradients ---------------------------------------------------------------------------------

// Geometry of the convolution of x with w that gave dy.
static sz_status read_forward(const sz_ref_call *c, const sz_buffer *x, const int64_t *w,
                              const sz_buffer *dy, conv *k) {
    k->batch = x->dims[0], k->channels = x->dims[1], k->outputs = dy->dims[1];
    k->group = sz_attr_i(c->n->node, "group", 1);
    SZ_TRY(sz_spatial_read(c->n, x->rank - 2, &k->space));
    SZ_TRY(sz_space_kernel(c->n, &k->space, w + 2));
    for (int i = 0; i < k->space.n; i++) k->space.axis[i].in = x->dims[2 + i];
    SZ_TRY(sz_space_out(c->n, &k->space));
    k->in_size = product_of(&k->space, 0);
    k->out_size = product_of(&k->space, 1);
    k->taps = product_of(&k->space, 2);
    return SZ_OK;
}

// dY, W -> dX: the transposed convolution of dY with the same weights, whose sizes, and the pads
// that auto_pad chose, are those of the forward one.
sz_status sz_ref_conv_data_grad(sz_ref_call *c) {
    conv k = {0};
    double *dy, *w, *dx;
    SZ_TRY(sz_ref_in(c, 0, &dy));
    SZ_TRY(sz_ref_in(c, 1, &w));
    SZ_TRY(sz_ref_room(c, 0, &dx));
    SZ_TRY(read_forward(c, c->out[0], c->in[1]->dims, c->in[0], &k));
    conv t = k;
    t.channels = k.outputs, t.outputs = k.channels;
    t.in_size = k.out_size, t.out_size = k.in_size;
    for (int i = 0; i < k.space.n; i++) {
        t.space.axis[i].in = k.space.axis[i].out;
        t.space.axis[i].out = k.space.axis[i].in;
    }
    t.x = dy, t.w = w, t.y = dx;
    return c->in[0]->count ? spread(c, &t) : SZ_OK;
}

// dW[output, channel and tap] += dY[output, position] x columns[channel and tap, position].
static sz_status correlate(const sz_ref_call *c, const conv *k, const double *dy, double *dw) {
    const int64_t in = k->channels / k->group, out = k->outputs / k->group, depth = in * k->taps;
    double *columns;
    SZ_TRY(sz_ref_array(c, depth * TILE, &columns));
    for (int64_t g = 0; g < k->batch * k->group; g++) {
        const int64_t image = g / k->group, part = g % k->group;
        const double *x = k->x + (image * k->channels + part * in) * k->in_size;
        const double *from_dy = dy + (image * k->outputs + part * out) * k->out_size;
        for (int64_t from = 0; from < k->out_size; from += TILE) {
            const int64_t n = k->out_size - from < TILE ? k->out_size - from : TILE;
            gather(k, x, in, from, n, columns);
            const sz_matrix a = {from_dy + from, k->out_size, 1}, b = {columns, 1, n};
            SZ_TRY(sz_ref_product(c, out, depth, n, a, b, dw + part * out * depth, depth));
        }
    }
    return SZ_OK;
}

// X, dY -> dW, dB
sz_status sz_ref_conv_weight_grad(sz_ref_call *c) {
    conv k = {0};
    const int64_t *w;
    double *x, *dy, *dw, *db;
    sz_attr_ints(c->n->node, "weight_shape", &w); // the shape rule has checked it
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, 1, &dy));
    SZ_TRY(sz_ref_room(c, 0, &dw));
    SZ_TRY(sz_ref_room(c, 1, &db));
    SZ_TRY(read_forward(c, c->in[0], w, c->in[1], &k));
    k.x = x;
    for (int64_t e = 0; db && e < c->in[1]->count; e++) db[e / k.out_size % k.outputs] += dy[e];
    return dw ? correlate(c, &k, dy, dw) : SZ_OK;
}
