// SPDX-License-Identifier: Apache-2.0
// Operators of com.microsoft on 8-bit numbers with a scale and a zero point: dequantize, compute,
// quantize.
#include "run/backends/ref/kernel.h"

#include "model/ops/numbers.h"

#include <math.h>

// Input i with its scale and zero point behind it, as real numbers.
static sz_status real(const sz_ref_call *c, int i, int scale, double **ret) {
    const double s = sz_ref_scalar(c, scale, 1), z = sz_ref_scalar(c, scale + 1, 0);
    SZ_TRY(sz_ref_in(c, i, ret));
    for (int64_t k = 0; *ret && k < c->in[i]->count; k++) (*ret)[k] = ((*ret)[k] - z) * s;
    return SZ_OK;
}

static sz_status quantize(sz_ref_call *c, int scale, const double *x) {
    const double s = sz_ref_scalar(c, scale, 1), z = sz_ref_scalar(c, scale + 1, 0);
    double *y;
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y) return SZ_OK;
    const int bits = sz_dtype_get(c->out[0]->dtype)->bits;
    const bool is_unsigned = sz_is_unsigned(c->out[0]->dtype);
    const double low = is_unsigned ? 0 : -ldexp(1, bits - 1),
                 high = ldexp(1, bits - !is_unsigned) - 1;
    for (int64_t k = 0; k < c->out[0]->count; k++)
        y[k] = fmax(low, fmin(high, nearbyint(x[k] / s) + z));
    return SZ_OK;
}

// A, A_scale, A_zero, B, B_scale, B_zero, C_scale, C_zero
sz_status sz_ref_qlinear_binary(sz_ref_call *c) {
    const bool adds = strcmp(c->n->op->name, "QLinearAdd") == 0;
    const sz_buffer *out = c->out[0];
    double *a, *b, *y;
    sz_walk w;
    SZ_TRY(real(c, 0, 1, &a));
    SZ_TRY(real(c, 3, 4, &b));
    SZ_TRY(sz_ref_array(c, out->count, &y));
    sz_walk_init(&w, out->rank, out->dims, out->count);
    if (!a || !b || !sz_walk_add(&w, 0, c->in[0]->rank, c->in[0]->dims) ||
        !sz_walk_add(&w, 1, c->in[3]->rank, c->in[3]->dims))
        return sz_op_fail(c->n, "the operands do not broadcast");
    for (int64_t k = 0; w.left > 0; k++, sz_walk_next(&w))
        y[k] = adds ? a[w.at[0]] + b[w.at[1]] : a[w.at[0]] * b[w.at[1]];
    return quantize(c, 6, y);
}

// X, X_scale, X_zero, Y_scale, Y_zero
sz_status sz_ref_qlinear_unary(sz_ref_call *c) {
    const bool leaky = strcmp(c->n->op->name, "QLinearLeakyRelu") == 0;
    const double alpha = sz_attr_f(c->n->node, "alpha", 0.01);
    double *x;
    SZ_TRY(real(c, 0, 1, &x));
    for (int64_t k = 0; k < c->in[0]->count; k++)
        x[k] = !leaky ? sz_sigmoid(x[k]) : x[k] < 0 ? alpha * x[k] : x[k];
    return quantize(c, 3, x);
}

sz_status sz_ref_qlinear_softmax(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    const bool matrix = sz_attr_i(c->n->node, "opset", 13) < 13;
    double *x;
    int axis;
    SZ_TRY(sz_op_axis(c->n, sz_attr_i(c->n->node, "axis", -1), b->rank, &axis));
    SZ_TRY(real(c, 0, 1, &x));
    if (b->count == 0) return SZ_OK;
    const int64_t step = matrix ? 1 : sz_ref_span(b, axis + 1, b->rank);
    const int64_t n = matrix ? sz_ref_span(b, axis, b->rank) : b->dims[axis];
    for (int64_t k = 0; k < b->count / n; k++)
        sz_ref_softmax(x + k / step * n * step + k % step, n, step);
    return quantize(c, 3, x);
}

// Y_scale, Y_zero, then (tensor, scale, zero) again and again
sz_status sz_ref_qlinear_concat(sz_ref_call *c) {
    const sz_buffer *out = c->out[0];
    int64_t before = 0;
    double *x, *y;
    int axis;
    SZ_TRY(sz_op_axis(c->n, sz_attr_i(c->n->node, "axis", 0), out->rank, &axis));
    SZ_TRY(sz_ref_array(c, out->count, &y));
    const int64_t inner = sz_ref_span(out, axis + 1, out->rank), all = out->dims[axis];
    for (int i = 2; i + 2 < c->n_in; i += 3) {
        SZ_TRY(real(c, i, i + 1, &x));
        if (!x || c->in[i]->rank != out->rank) return sz_op_fail(c->n, "an operand does not fit");
        const int64_t own = c->in[i]->dims[axis], chunk = own * inner;
        for (int64_t o = 0; chunk && o < c->in[i]->count / chunk; o++)
            memcpy(y + (o * all + before) * inner, x + o * chunk, (size_t)chunk * sizeof *y);
        before += own;
    }
    return quantize(c, 0, y);
}

// X, X_scale, X_zero, Y_scale, Y_zero
sz_status sz_ref_qlinear_global_pool(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    double *x, *y;
    if (sz_attr_i(c->n->node, "channels_last", 0))
        return sz_op_fail(c->n, "no reference for channels_last");
    const int64_t size = sz_ref_span(b, 2, b->rank);
    SZ_TRY(real(c, 0, 1, &x));
    SZ_TRY(sz_ref_array(c, c->out[0]->count, &y));
    for (int64_t k = 0; k < c->out[0]->count; k++) {
        for (int64_t j = 0; j < size; j++) y[k] += x[k * size + j];
        y[k] /= (double)size;
    }
    return quantize(c, 3, y);
}
