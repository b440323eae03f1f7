// SPDX-License-Identifier: Apache-2.0
// Numbers to integers of few bits and back.
#include "run/backends/ref/kernel.h"

#include "model/graph/format.h"
#include "model/ops/numbers.h"

#include <math.h>

static double lowest(sz_dtype t) {
    return sz_is_unsigned(t) ? 0 : -ldexp(1, sz_dtype_get(t)->bits - 1);
}
static double highest(sz_dtype t) {
    return ldexp(1, sz_dtype_get(t)->bits - !sz_is_unsigned(t)) - 1;
}

// Which scale belongs to which element: one for all, one per element of an axis, or one per block.
typedef struct quantum {
    int64_t count, inner, n, block; // block: elements of the axis that share a scale
} quantum;

static sz_status read_quantum(const sz_ref_call *c, quantum *q) {
    const sz_buffer *x = c->in[0], *s = c->in[1];
    const int64_t block = sz_attr_i(c->n->node, "block_size", 0);
    int axis;
    *q = (quantum){s->count, 1, 1, 1};
    if (s->count == 1 && block == 0) return SZ_OK;
    SZ_TRY(sz_op_axis(c->n, sz_attr_i(c->n->node, "axis", 1), x->rank, &axis));
    q->inner = sz_ref_span(x, axis + 1, x->rank);
    q->n = x->dims[axis];
    q->block = block;
    const int64_t per_axis = block > 0 ? (q->n + block - 1) / block : q->n;
    const int64_t need = block > 0 ? sz_ref_span(x, 0, axis) * per_axis * q->inner : per_axis;
    if (block < 0 || s->count != need) return sz_op_fail(c->n, "scales do not fit");
    return SZ_OK;
}

static int64_t scale_of(const quantum *q, int64_t k) {
    if (q->count == 1 && q->block == 1) return 0;
    const int64_t at = k / q->inner % q->n;
    if (q->block == 0) return at;
    const int64_t per_axis = (q->n + q->block - 1) / q->block;
    return (k / q->inner / q->n * per_axis + at / q->block) * q->inner + k % q->inner;
}

sz_status sz_ref_quantize(sz_ref_call *c) {
    double *x, *s, *z, *y;
    quantum q;
    SZ_TRY(read_quantum(c, &q));
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, 1, &s));
    SZ_TRY(sz_ref_in(c, 2, &z));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (z && c->in[2]->count != c->in[1]->count) return sz_op_fail(c->n, "zero points do not fit");
    const sz_dtype to = y ? c->out[0]->dtype : 0;
    const bool single = sz_dtype_get(c->in[1]->dtype)->bits <= 32; // the quotient is rounded too
    for (int64_t k = 0; y && k < c->out[0]->count; k++) {
        const int64_t at = scale_of(&q, k);
        const double v = single ? (double)(float)(x[k] / s[at]) : x[k] / s[at];
        y[k] = sz_is_float(to)
                   ? v + (z ? z[at] : 0)
                   : fmax(lowest(to), fmin(highest(to), nearbyint(v) + (z ? z[at] : 0)));
    }
    return SZ_OK;
}

sz_status sz_ref_dequantize(sz_ref_call *c) {
    double *x, *s, *z, *y;
    quantum q;
    SZ_TRY(read_quantum(c, &q));
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, 1, &s));
    SZ_TRY(sz_ref_in(c, 2, &z));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (z && c->in[2]->count != c->in[1]->count) return sz_op_fail(c->n, "zero points do not fit");
    for (int64_t k = 0; y && k < c->out[0]->count; k++) {
        const int64_t at = scale_of(&q, k);
        y[k] = (x[k] - (z ? z[at] : 0)) * s[at];
    }
    return SZ_OK;
}

// Range of the input with 0 in it, in f32 as the definition has it.
sz_status sz_ref_dynamic_quantize(sz_ref_call *c) {
    double *x, *y, *scale, *zero;
    float low = 0, high = 0;
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_room(c, 0, &y));
    SZ_TRY(sz_ref_room(c, 1, &scale));
    SZ_TRY(sz_ref_room(c, 2, &zero));
    const int64_t n = c->in[0]->count;
    for (int64_t k = 0; k < n; k++) low = fminf(low, (float)x[k]), high = fmaxf(high, (float)x[k]);
    const float s = (high - low) / 255;
    const float z = s > 0 ? nearbyintf(fminf(255, fmaxf(0, -low / s))) : 0;
    if (scale) *scale = (double)s;
    if (zero) *zero = (double)z;
    for (int64_t k = 0; y && k < n; k++)
        y[k] = s > 0 ? fmax(0, fmin(255, nearbyint((double)((float)x[k] / s)) + (double)z)) : 0;
    return SZ_OK;
}

// ---- Cast --------------------------------------------------------------------------------------

// A number as an integer of `t`: towards zero, then the bits that fit. ONNX leaves what does not
// fit undefined; NaN gives 0.
static int64_t to_integer(sz_dtype t, double x) {
    if (sz_dtype_get(t)->cls == SZ_CLASS_BOOL) return x != 0;
    if (isnan(x)) return 0;
    if (x >= 0x1p63) return x < 0x1p64 ? (int64_t)(uint64_t)x : INT64_MAX;
    return x <= -0x1p63 ? INT64_MIN : (int64_t)x;
}

static bool is_wide(sz_dtype t) { // its integers may not fit a double
    return !sz_is_float(t) && sz_dtype_get(t)->bits == 64;
}

// Floats of 8 bits and fewer: `saturate` says what becomes of numbers that are too large.
static void put_narrow(sz_buffer *y, int64_t k, double x, bool saturate) {
    ((uint8_t *)y->data)[k] = (uint8_t)sz_format_encode(y->dtype, x, saturate);
}

sz_status sz_ref_cast(sz_ref_call *c) {
    const sz_buffer *x = c->in[0];
    sz_buffer *y = c->n_out > 0 ? c->out[0] : NULL;
    const bool saturate = sz_attr_i(c->n->node, "saturate", 1) != 0;
    if (y && sz_dtype_get(y->dtype)->onnx == 24) // f8e8m0 rounds in its own ways
        return sz_op_fail(c->n, "no reference for a cast to f8e8m0");
    for (int64_t k = 0; y && k < x->count; k++) {
        double v;
        int64_t i;
        sz_buffer_doubles(x, k, 1, &v);
        if (sz_is_float(y->dtype) && sz_dtype_get(y->dtype)->bits <= 8) {
            put_narrow(y, k, v, saturate);
        } else if (sz_is_float(y->dtype)) {
            sz_buffer_put_doubles(y, k, 1, &v);
        } else {
            if (is_wide(x->dtype) || !sz_is_float(x->dtype))
                sz_buffer_integers(x, k, 1, &i);
            else
                i = to_integer(y->dtype, v);
            sz_buffer_put_integers(y, k, 1, &i);
        }
    }
    return SZ_OK;
}
