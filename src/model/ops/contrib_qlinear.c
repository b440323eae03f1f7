// SPDX-License-Identifier: Apache-2.0
// com.microsoft QLinear*: an operator between a dequantize and a quantize.
// Flops agree with the three operators written out: dequantize 1, quantize 4 per element, one more
// each where there is a zero point.
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

static int64_t dequantize_work(const sz_costing *c, int zero) {
    return 1 + sz_has_in(&c->in, zero);
}
static int64_t quantize_work(const sz_costing *c, int zero) {
    return 4 + sz_has_in(&c->in, zero);
}

// Operand `x` with its zero point becomes float.
static sz_status add_dequantize(sz_costing *c, int x, int zero) {
    int64_t elements = sz_cost_in_elements(c, x);
    return sz_cost_add_flops(c, 2, (int64_t[]){elements, dequantize_work(c, zero)});
}

// `work` of the row per output element, then the result with its zero point becomes 8 bits.
static sz_status add_quantize(sz_costing *c, int zero) {
    int64_t work = (int64_t)c->in.op->work + quantize_work(c, zero);
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, work});
}

// ---- element by element ------------------------------------------------------------------------

static sz_status broadcast(sz_infer *n, const int *inputs, int count, sz_dtype dtype) {
    int64_t dims[2][SZ_MAX_RANK];
    sz_type acc = *sz_in(n, inputs[0]);
    int32_t rank = acc.rank;
    for (int k = 1; k < count && rank >= 0; k++) {
        SZ_TRY(sz_op_broadcast(n, &acc, sz_in(n, inputs[k]), dims[k % 2], &rank));
        acc = sz_type_tensor(dtype, rank, dims[k % 2]);
    }
    return rank < 0 ? sz_out_rank(n, 0, dtype, -1) : sz_out(n, 0, dtype, rank, acc.dims);
}

// A, scale, zero, B, scale, zero, C scale, C zero.
sz_status sz_shape_ms_qlinear_binary(sz_infer *n) {
    return broadcast(n, (int[]){0, 3}, 2, sz_in_dtype(n, 0));
}

sz_status sz_cost_ms_qlinear_binary(sz_costing *c) {
    SZ_TRY(add_dequantize(c, 0, 2));
    SZ_TRY(add_dequantize(c, 3, 5));
    return add_quantize(c, 7);
}

// condition, X, scale, zero, Y, scale, zero, Z scale, Z zero.
sz_status sz_shape_ms_qlinear_where(sz_infer *n) {
    return broadcast(n, (int[]){0, 1, 4}, 3, sz_in_dtype(n, 1));
}

sz_status sz_cost_ms_qlinear_where(sz_costing *c) {
    SZ_TRY(add_dequantize(c, 1, 3));
    SZ_TRY(add_dequantize(c, 4, 6));
    return add_quantize(c, 8);
}

// X, scale, zero, Y scale, Y zero.
sz_status sz_cost_ms_qlinear_unary(sz_costing *c) {
    SZ_TRY(add_dequantize(c, 0, 2));
    return add_quantize(c, 4);
}

// MulInteger: A, zero, B, zero; the result stays integer of 32 bits.
sz_status sz_shape_ms_mul_integer(sz_infer *n) {
    return broadcast(n, (int[]){0, 2}, 2, sz_dtype_by_name("i32"));
}

sz_status sz_cost_ms_mul_integer(sz_costing *c) {
    for (int i = 0; i <= 2; i += 2)
        if (sz_has_in(&c->in, i + 1)) {
            int64_t elements = sz_cost_in_elements(c, i);
            SZ_TRY(sz_cost_add_flops(c, 1, &elements));
        }
    return sz_cost_elementwise(c);
}

// ---- concat ------------------------------------------------------------------------------------

// Y scale, Y zero, then (X, scale, zero) as often as there are operands.
sz_status sz_shape_ms_qlinear_concat(sz_infer *n) {
    sz_dtype t = sz_in_dtype(n, 2);
    int32_t rank = sz_in_rank(n, 2);
    int64_t dims[SZ_MAX_RANK];
    int axis;
    if (!sz_attr_find(n->node, "axis")) return sz_op_missing_attr(n, "axis");
    if (rank < 0) return sz_out_rank(n, 0, t, -1);
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), rank, &axis));
    for (int d = 0; d < rank; d++) dims[d] = sz_in_dim(n, 2, d);
    for (int i = 5; i < n->node->n_inputs; i += 3) {
        if (sz_in_rank(n, i) < 0) {
            dims[axis] = SZ_DIM_UNKNOWN;
            continue;
        }
        if (sz_in_rank(n, i) != rank) return sz_op_fail(n, "operands have different ranks");
        for (int d = 0; d < rank; d++) {
            int64_t have = sz_in_dim(n, i, d);
            if (d == axis) SZ_TRY(sz_dim_add(n, dims[d], have, &dims[d]));
            else if (dims[d] < 0) dims[d] = have;
            else if (have >= 0 && have != dims[d])
                return sz_op_fail(n, "operands differ on axis %d: %lld and %lld", d,
                                  (long long)dims[d], (long long)have);
        }
    }
    return sz_out(n, 0, t, rank, dims);
}

sz_status sz_cost_ms_qlinear_concat(sz_costing *c) {
    for (int i = 2; i < c->in.node->n_inputs; i += 3) SZ_TRY(add_dequantize(c, i, i + 2));
    return add_quantize(c, 1);
}

// ---- pools and means ---------------------------------------------------------------------------

// Channels-last pooling: [N, spatial ..., C].
static sz_status pool_last(sz_infer *n) {
    int32_t rank = sz_in_rank(n, 0);
    int64_t dims[SZ_MAX_RANK];
    const int64_t *kernel;
    sz_space s;
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (rank < 3) return sz_op_fail(n, "input has rank %d, at least 3 is needed", (int)rank);
    if (sz_attr_ints(n->node, "kernel_shape", &kernel) == 0)
        return sz_op_missing_attr(n, "kernel_shape");
    SZ_TRY(sz_spatial_read(n, rank - 2, &s));
    SZ_TRY(sz_space_kernel(n, &s, NULL));
    for (int i = 0; i < s.n; i++) s.axis[i].in = sz_in_dim(n, 0, 1 + i);
    SZ_TRY(sz_space_out(n, &s));
    dims[0] = sz_in_dim(n, 0, 0);
    for (int i = 0; i < s.n; i++) dims[1 + i] = s.axis[i].out;
    dims[rank - 1] = sz_in_dim(n, 0, rank - 1);
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

sz_status sz_shape_ms_pool_last(sz_infer *n) { return pool_last(n); }

sz_status sz_shape_ms_qlinear_pool(sz_infer *n) {
    return sz_attr_i(n->node, "channels_last", 0) ? pool_last(n) : sz_shape_pool(n);
}

// A sum over the window and a division, between dequantize and quantize.
sz_status sz_cost_ms_qlinear_pool(sz_costing *c) {
    SZ_TRY(sz_cost_pool_finish(c));
    SZ_TRY(add_dequantize(c, 0, 2));
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, quantize_work(c, 4)});
}

sz_status sz_shape_ms_qlinear_global_pool(sz_infer *n) {
    bool last = sz_attr_i(n->node, "channels_last", 0) != 0;
    int32_t rank = sz_in_rank(n, 0);
    int64_t dims[SZ_MAX_RANK];
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (rank < 2) return sz_op_fail(n, "input has rank %d, at least 2 is needed", (int)rank);
    for (int d = 0; d < rank; d++)
        dims[d] = d == 0 || d == (last ? rank - 1 : 1) ? sz_in_dim(n, 0, d) : 1;
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

sz_status sz_cost_ms_qlinear_global_pool(sz_costing *c) {
    SZ_TRY(sz_cost_global_pool_finish(c));
    SZ_TRY(add_dequantize(c, 0, 2));
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, quantize_work(c, 4)});
}

// Axes and keepdims are attributes, unlike in the newer ai.onnx operators.
static sz_status reduced(sz_infer *n, sz_dtype dtype) {
    const int64_t *axes;
    int32_t count = sz_attr_ints(n->node, "axes", &axes), rank = sz_in_rank(n, 0), left = 0;
    bool keep = sz_attr_i(n->node, "keepdims", 1) != 0, gone[SZ_MAX_RANK] = {false};
    int64_t dims[SZ_MAX_RANK];
    int axis;
    if (rank < 0) return sz_out_rank(n, 0, dtype, -1);
    for (int32_t k = 0; k < count; k++) {
        SZ_TRY(sz_op_axis(n, axes[k], rank, &axis));
        gone[axis] = true;
    }
    for (int32_t d = 0; d < rank; d++) {
        if (count == 0) gone[d] = true;
        if (!gone[d]) dims[left++] = sz_in_dim(n, 0, d);
        else if (keep) dims[left++] = 1;
    }
    return sz_out(n, 0, dtype, left, dims);
}

sz_status sz_shape_ms_qlinear_reduce(sz_infer *n) { return reduced(n, sz_in_dtype(n, 0)); }
sz_status sz_shape_ms_reduce_integer(sz_infer *n) {
    bool is_unsigned = sz_dtype_get(sz_in_dtype(n, 0))->cls == SZ_CLASS_UINT;
    return reduced(n, sz_dtype_by_name(is_unsigned ? "u32" : "i32"));
}

// `work` per input element, as the mean of ai.onnx, and one division per result.
sz_status sz_cost_ms_qlinear_reduce(sz_costing *c) {
    SZ_TRY(sz_cost_input(c));
    SZ_TRY(add_dequantize(c, 0, 2));
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, 1 + quantize_work(c, 4)});
}
