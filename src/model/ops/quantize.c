// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear.
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#include <inttypes.h>
#include <math.h>

// Blocked: the scale has the input's rank and one entry per `block` elements along the axis.
static sz_status check_blocked(const sz_infer *n, int axis, int64_t block) {
    const sz_type *x = sz_in(n, 0), *s = sz_in(n, 1);
    if (s->rank != x->rank)
        return sz_op_fail(n, "blocked scale has rank %d, the input has rank %d", s->rank, x->rank);
    for (int32_t d = 0; d < x->rank; d++) {
        int64_t need = x->dims[d];
        if (d == axis && need >= 0) need = need / block + (need % block != 0);
        if (need >= 0 && s->dims[d] >= 0 && s->dims[d] != need)
            return sz_op_fail(n, "scale has %" PRId64 " on axis %d, %" PRId64 " are needed",
                              s->dims[d], d, need);
    }
    return SZ_OK;
}

// The scale is one number, one per slice along the axis, or one per block. One number may also be
// written as a vector of one. The axis matters only where there are several.
static sz_status check_scale(const sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *s = sz_in(n, 1);
    int64_t block = sz_attr_i(n->node, "block_size", 0);
    int axis;
    if (block < 0) return sz_op_fail(n, "block_size is %" PRId64, block);
    if (x->rank < 1 || s->rank < 1 || (s->rank == 1 && s->dims[0] == 1)) return SZ_OK;
    if (x->rank == 1 && s->rank == 1 && !block) {
        axis = 0; // a vector has only one axis, whatever the attribute says
    } else {
        SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 1), x->rank, &axis));
    }
    if (block) return check_blocked(n, axis, block);
    if (s->rank == 1 && s->dims[0] >= 0 && x->dims[axis] >= 0 && s->dims[0] != x->dims[axis])
        return sz_op_fail(n, "scale has %" PRId64 " elements, axis %d has %" PRId64, s->dims[0],
                          axis, x->dims[axis]);
    return SZ_OK;
}

static sz_status check_zero_point(const sz_infer *n) {
    const sz_type *s = sz_in(n, 1), *z = sz_in(n, 2);
    for (int32_t d = 0; d < s->rank && s->rank == z->rank; d++)
        if (s->dims[d] >= 0 && z->dims[d] >= 0 && s->dims[d] != z->dims[d])
            return sz_op_fail(n, "scale has %" PRId64 " and zero point %" PRId64 " on axis %d",
                              s->dims[d], z->dims[d], d);
    return SZ_OK;
}

// ---- numbers -----------------------------------------------------------------------------------

// Tools that quantize every float of a model also quantize sizes that it computes with floats. The
// shape rules work these out, for tiny tensors only: as a value rule it would read all weights.
static bool has_tiny_numbers(const sz_infer *n) {
    const sz_type *out = sz_out_get(n, 0);
    int64_t count = 1;
    if (out->rank < 0) return false;
    for (int32_t d = 0; d < out->rank; d++)
        if (out->dims[d] < 0 || !sz_mul(count, out->dims[d], &count) ||
            count > SZ_TINY_VALUE_ELEMENTS)
            return false;
    const sz_tensor *x = sz_in_value(n, 0), *s = sz_in_value(n, 1), *z = sz_in_value(n, 2);
    if (!x || !s || s->count != 1 || !sz_is_float(s->dtype) || sz_has_unknown(x)) return false;
    return !sz_has_in(n, 2) || (z && z->count == 1 && z->i && !sz_has_unknown(z));
}

// The numbers that an integer format holds.
static double lowest(sz_dtype t) {
    return sz_is_unsigned(t) ? 0 : -ldexp(1, sz_dtype_get(t)->bits - 1);
}
static double highest(sz_dtype t) {
    return ldexp(1, sz_dtype_get(t)->bits - !sz_is_unsigned(t)) - 1;
}

static sz_status quantize_numbers(sz_infer *n) {
    const sz_dtype to = sz_out_get(n, 0)->dtype;
    sz_tensor *y = NULL;
    if (!sz_is_integer(to) || sz_dtype_get(to)->bits > 16 || !has_tiny_numbers(n)) return SZ_OK;
    const sz_tensor *x = sz_in_value(n, 0), *s = sz_in_value(n, 1), *z = sz_in_value(n, 2);
    if (!sz_is_computable(x->dtype)) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &y));
    for (int64_t k = 0; y && k < y->count; k++) {
        double q = nearbyint(sz_round_to(s->dtype, sz_as_double(x, k) / s->f[0])); // ties to even
        if (z) q += sz_as_double(z, 0);
        if (!(q > lowest(to))) q = lowest(to); // also what is not a number
        sz_put_double(y, k, fmin(q, highest(to)));
    }
    return SZ_OK;
}

static sz_status dequantize_numbers(sz_infer *n) {
    sz_tensor *y = NULL;
    if (!sz_is_float(sz_out_get(n, 0)->dtype) || !sz_is_integer(sz_in_dtype(n, 0)) ||
        !has_tiny_numbers(n))
        return SZ_OK;
    const sz_tensor *x = sz_in_value(n, 0), *s = sz_in_value(n, 1), *z = sz_in_value(n, 2);
    SZ_TRY(sz_out_value(n, 0, &y));
    for (int64_t k = 0; y && k < y->count; k++)
        sz_put_double(y, k, (sz_as_double(x, k) - (z ? sz_as_double(z, 0) : 0)) * s->f[0]);
    return SZ_OK;
}

// ---- types -------------------------------------------------------------------------------------

// The dtype that `output_dtype` names (0 means that it does not), else `def`.
static sz_status quantized(sz_infer *n, sz_dtype def) {
    const sz_type *x = sz_in(n, 0);
    sz_dtype dtype = def;
    SZ_TRY(check_scale(n));
    SZ_TRY(check_zero_point(n));
    if (sz_attr_i(n->node, "output_dtype", 0) != 0)
        SZ_TRY(sz_attr_dtype(n, "output_dtype", def, &dtype));
    return x->rank < 0 ? sz_out_rank(n, 0, dtype, -1) : sz_out(n, 0, dtype, x->rank, x->dims);
}

sz_status sz_shape_quantize(sz_infer *n) {
    const sz_dtype byte = sz_dtype_from_onnx(SZ_ONNX_UINT8);
    SZ_TRY(quantized(n, sz_has_in(n, 2) ? sz_in_dtype(n, 2) : byte));
    return quantize_numbers(n);
}

sz_status sz_shape_dequantize(sz_infer *n) {
    SZ_TRY(quantized(n, sz_in_dtype(n, 1)));
    return dequantize_numbers(n);
}

sz_status sz_shape_dynamic_quantize(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    sz_dtype byte = sz_dtype_from_onnx(SZ_ONNX_UINT8);
    SZ_TRY(sz_out(n, 1, sz_dtype_from_onnx(SZ_ONNX_FLOAT), 0, NULL));
    SZ_TRY(sz_out(n, 2, byte, 0, NULL));
    return x->rank < 0 ? sz_out_rank(n, 0, byte, -1) : sz_out(n, 0, byte, x->rank, x->dims);
}

// `work` per element and one more where there is a zero point.
sz_status sz_cost_quantize(sz_costing *c) {
    int64_t work = (int64_t)c->in.op->work + sz_has_in(&c->in, 2);
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, work});
}
