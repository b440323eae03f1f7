// SPDX-License-Identifier: Apache-2.0
// Normalization and softmax.
//
// A norm does some operations per element and some per group of elements that share statistics
// (a "row"). The first number is the table's `work`, the second stands here beside its formula.
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- shapes ------------------------------------------------------------------------------------

// Input i must have as many elements as the input has channels (axis 1).
static sz_status check_channels(const sz_infer *n, int i, const char *what) {
    int64_t channels = sz_in_rank(n, 0) > 1 ? sz_in_dim(n, 0, 1) : SZ_DIM_UNKNOWN;
    int64_t have = sz_in_rank(n, i) == 1 ? sz_in_dim(n, i, 0) : SZ_DIM_UNKNOWN;
    if (channels >= 0 && have >= 0 && have != channels)
        return sz_op_fail(n, "%s has %" PRId64 " elements, the input has %" PRId64 " channels",
                          what, have, channels);
    return SZ_OK;
}

// Statistics are per channel; with `spatial` 0 (before opset 9) they had the shape of one sample.
// Extra outputs (training): mean and variance, and before opset 14 a saved copy of each.
sz_status sz_shape_batch_norm(sz_infer *n) {
    static const char *const names[] = {"scale", "bias", "mean", "variance"};
    for (int i = 1; i <= 4; i++) SZ_TRY(check_channels(n, i, names[i - 1]));
    for (int o = 1; o <= 4; o++) SZ_TRY(sz_out_like(n, o, o % 2 ? 3 : 4));
    return sz_shape_same(n);
}

sz_status sz_shape_instance_norm(sz_infer *n) {
    SZ_TRY(check_channels(n, 1, "scale"));
    SZ_TRY(check_channels(n, 2, "bias"));
    return sz_shape_same(n);
}

// Scale and bias are per channel since opset 21 and were per group before.
sz_status sz_shape_group_norm(sz_infer *n) {
    if (!sz_attr_find(n->node, "num_groups")) return sz_op_missing_attr(n, "num_groups");
    int64_t groups = sz_attr_i(n->node, "num_groups", 0);
    int64_t channels = sz_in_rank(n, 0) > 1 ? sz_in_dim(n, 0, 1) : SZ_DIM_UNKNOWN;
    if (groups < 1) return sz_op_fail(n, "num_groups is %" PRId64, groups);
    if (channels >= 0 && channels % groups != 0)
        return sz_op_fail(n, "%" PRId64 " channels in %" PRId64 " groups", channels, groups);
    for (int i = 1; i <= 2 && n->opset >= 21; i++)
        SZ_TRY(check_channels(n, i, i == 1 ? "scale" : "bias"));
    return sz_shape_same(n);
}

// First normalized axis of LayerNormalization and its kin; rank must be known.
static sz_status norm_axis(const sz_infer *n, int *ret_axis) {
    return sz_op_axis(n, sz_attr_i(n->node, "axis", -1), sz_in_rank(n, 0), ret_axis);
}

// Scale or bias must broadcast to the normalized axes.
static sz_status check_scale(const sz_infer *n, int i) {
    const sz_type *x = sz_in(n, 0), *s = sz_in(n, i);
    int64_t dims[SZ_MAX_RANK];
    int32_t rank;
    if (x->rank < 0 || s->rank < 0) return SZ_OK;
    SZ_TRY(sz_op_broadcast(n, x, s, dims, &rank));
    if (rank > x->rank) return sz_op_fail(n, "input %d has a higher rank than input 0", i);
    for (int32_t d = 0; d < rank; d++)
        if (x->dims[d] == 1 && dims[d] > 1)
            return sz_op_fail(n, "input %d does not broadcast to input 0", i);
    return SZ_OK;
}

// Mean and inverse deviation keep the axes in front and have 1 in place of the normalized ones.
static sz_status out_statistics(sz_infer *n, int axis) {
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = sz_in_rank(n, 0);
    sz_dtype dtype;
    SZ_TRY(sz_attr_dtype(n, "stash_type", sz_dtype_from_onnx(SZ_ONNX_FLOAT), &dtype));
    for (int32_t d = 0; d < rank; d++) dims[d] = d < axis ? sz_in_dim(n, 0, d) : 1;
    SZ_TRY(sz_out(n, 1, dtype, rank, dims));
    return sz_out(n, 2, dtype, rank, dims);
}

sz_status sz_shape_layer_norm(sz_infer *n) {
    int axis;
    if (sz_in_rank(n, 0) >= 0) {
        SZ_TRY(norm_axis(n, &axis));
        SZ_TRY(check_scale(n, 1));
        SZ_TRY(check_scale(n, 2));
        SZ_TRY(out_statistics(n, axis));
    }
    return sz_shape_same(n);
}

// The dtype of the result is that of the scale.
sz_status sz_shape_rms_norm(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    sz_dtype dtype = sz_in_dtype(n, 1) ? sz_in_dtype(n, 1) : x->dtype;
    int axis;
    if (x->rank < 0) return sz_out_rank(n, 0, dtype, -1);
    SZ_TRY(norm_axis(n, &axis));
    SZ_TRY(check_scale(n, 1));
    return sz_out(n, 0, dtype, x->rank, x->dims);
}

sz_status sz_shape_mean_variance_norm(sz_infer *n) {
    const int64_t *axes;
    int32_t rank = sz_in_rank(n, 0), count = sz_attr_ints(n->node, "axes", &axes);
    for (int32_t k = 0; k < count && rank >= 0; k++) {
        int axis;
        SZ_TRY(sz_op_axis(n, axes[k], rank, &axis));
    }
    return sz_shape_same(n);
}

sz_status sz_shape_lrn(sz_infer *n) {
    if (!sz_attr_find(n->node, "size")) return sz_op_missing_attr(n, "size");
    if (sz_attr_i(n->node, "size", 0) < 1)
        return sz_op_fail(n, "size is %" PRId64, sz_attr_i(n->node, "size", 0));
    return sz_shape_same(n);
}

// Axis of softmax and its kin. Before opset 13 the input was first made a matrix: the default axis
// was 1, all axes from it on made up a row, and the axis behind the last one was allowed.
static sz_status softmax_axis(const sz_infer *n, int *ret_axis) {
    bool matrix = n->opset < 13 && n->op->domain[0] == '\0';
    int32_t rank = sz_in_rank(n, 0);
    int64_t axis = sz_attr_i(n->node, "axis", matrix ? 1 : -1);
    if (matrix && axis == rank) return *ret_axis = rank, SZ_OK;
    if (rank == 0) return *ret_axis = 0, SZ_OK;
    return sz_op_axis(n, axis, rank, ret_axis);
}

sz_status sz_shape_softmax(sz_infer *n) {
    int axis;
    if (sz_in_rank(n, 0) >= 0) SZ_TRY(softmax_axis(n, &axis));
    return sz_shape_same(n);
}

sz_status sz_shape_lp_norm(sz_infer *n) {
    int axis;
    if (sz_in_rank(n, 0) >= 0) SZ_TRY(norm_axis(n, &axis));
    return sz_shape_same(n);
}

// ---- costs -------------------------------------------------------------------------------------

static sz_status cost_rows(sz_costing *c, int64_t per_element, int64_t rows, int64_t per_row) {
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){c->work->in_elements, per_element}));
    return sz_cost_add_flops(c, 2, (int64_t[]){rows, per_row});
}

static int64_t work_of(const sz_costing *c) { return (int64_t)c->in.op->work; }

// Product of the dims [from, to) of input 0; its element count did not overflow, but leading dims
// beside a 0 may: then the row count does not matter and 0 is as good.
static int64_t dims_product(const sz_costing *c, int32_t from, int32_t to) {
    int64_t p = 1;
    for (int32_t d = from; d < to && d < sz_in_rank(&c->in, 0); d++)
        if (!sz_mul(p, sz_in_dim(&c->in, 0, d), &p)) return 0;
    return p;
}

static bool batch_norm_trains(const sz_infer *n) {
    if (n->opset >= 14) return sz_attr_i(n->node, "training_mode", 0) != 0;
    for (int o = 1; o <= 4; o++)
        if (sz_has_out(n, o)) return true;
    return false;
}

// Inference: scale, bias, mean and variance are constants, so a = scale / sqrt(variance + epsilon)
// and b = bias - mean x a are known beforehand and each element takes one multiplication and one
// addition (`work`).
// Training, per element: add (mean), sub, square, add (variance), div, mul, add = 7; per channel:
// div and div (means), add epsilon, sqrt, and two running averages of mul, mul, add each = 10.
sz_status sz_cost_batch_norm(sz_costing *c) {
    if (!batch_norm_trains(&c->in)) return cost_rows(c, work_of(c), 0, 0);
    return cost_rows(c, 7, dims_product(c, 1, 2), 10);
}

// Per row: div (mean), div (variance), add epsilon, sqrt = 4; a row is one channel of one sample.
sz_status sz_cost_instance_norm(sz_costing *c) {
    return cost_rows(c, work_of(c), dims_product(c, 0, 2), 4);
}

// The same with a row for each group of channels.
sz_status sz_cost_group_norm(sz_costing *c) {
    int64_t rows;
    if (!sz_mul(dims_product(c, 0, 1), sz_attr_i(c->in.node, "num_groups", 1), &rows)) rows = 0;
    return cost_rows(c, work_of(c), rows, 4);
}

// Per row: div (mean), div (variance), add epsilon, sqrt, reciprocal = 5. Without a bias one
// addition per element less.
sz_status sz_cost_layer_norm(sz_costing *c) {
    int axis;
    SZ_TRY(norm_axis(&c->in, &axis));
    return cost_rows(c, work_of(c) - !sz_has_in(&c->in, 2), dims_product(c, 0, axis), 5);
}

// Per row: div (mean), add epsilon, sqrt = 3.
sz_status sz_cost_rms_norm(sz_costing *c) {
    int axis;
    SZ_TRY(norm_axis(&c->in, &axis));
    return cost_rows(c, work_of(c), dims_product(c, 0, axis), 3);
}

// Per row: div (mean), div (variance), sqrt, add epsilon = 4; rows are the axes not named.
sz_status sz_cost_mean_variance_norm(sz_costing *c) {
    static const int64_t usual[] = {0, 2, 3};
    const int64_t *axes;
    int32_t rank = sz_in_rank(&c->in, 0), count = sz_attr_ints(c->in.node, "axes", &axes);
    bool reduced[SZ_MAX_RANK] = {false};
    int64_t rows = 1;
    if (!axes) axes = usual, count = 3;
    for (int32_t k = 0; k < count; k++) {
        int64_t axis = axes[k] < 0 ? axes[k] + rank : axes[k];
        if (axis >= 0 && axis < rank) reduced[axis] = true;
    }
    for (int32_t d = 0; d < rank; d++)
        if (!reduced[d] && !sz_mul(rows, sz_in_dim(&c->in, 0, d), &rows)) rows = 0;
    return cost_rows(c, work_of(c), rows, 4);
}

// p 2: square, add, div per element and a square root per row; p 1: abs, add, div.
sz_status sz_cost_lp_norm(sz_costing *c) {
    int axis;
    SZ_TRY(norm_axis(&c->in, &axis));
    int64_t line = sz_in_dim(&c->in, 0, axis);
    int64_t rows = line > 0 ? c->work->in_elements / line : 0;
    return cost_rows(c, work_of(c), rows, sz_attr_i(c->in.node, "p", 2) == 2);
}

// x / (bias + alpha / size x sum of squares over `size` channels) ^ beta: square, `size` additions,
// mul, add, power, div. Channels at the border count in full.
sz_status sz_cost_lrn(sz_costing *c) {
    int64_t per_element;
    if (!sz_add(sz_attr_i(c->in.node, "size", 1), work_of(c), &per_element))
        return sz_op_fail(&c->in, "flops exceed 2^63");
    return cost_rows(c, per_element, 0, 0);
}

// Per row: logarithm of the sum.
sz_status sz_cost_log_softmax(sz_costing *c) {
    int axis;
    int32_t rank = sz_in_rank(&c->in, 0);
    SZ_TRY(softmax_axis(&c->in, &axis));
    bool matrix = c->in.opset < 13;
    int64_t line = matrix ? dims_product(c, axis, rank) : rank ? sz_in_dim(&c->in, 0, axis) : 1;
    return cost_rows(c, work_of(c), line > 0 ? c->work->in_elements / line : 0, 1);
}
