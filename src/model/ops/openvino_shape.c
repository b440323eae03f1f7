// SPDX-License-Identifier: Apache-2.0
// Shapes and numbers of OpenVINO operators that ONNX has otherwise or not at all: sizes,
// broadcasts, slices and blocks.
#include "model/ops/move.h"
#include "model/ops/openvino.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- sizes -------------------------------------------------------------------------------------

// Shape with a type of its own for the numbers.
sz_status sz_shape_ov_shape_of(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const sz_dtype t = sz_ov_dtype(n, "output_type", sz_dtype_by_name("i64"));
    const int64_t count = x->rank;
    sz_tensor *y;
    if (count < 0) return sz_out_rank(n, 0, t, 1);
    SZ_TRY(sz_out(n, 0, t, 1, &count));
    SZ_TRY(sz_out_value(n, 0, &y));
    for (int64_t k = 0; y && y->i && k < count; k++)
        y->i[k] = x->dims[k] >= 0 ? x->dims[k] : SZ_VALUE_UNKNOWN;
    return SZ_OK;
}

// ---- Broadcast ---------------------------------------------------------------------------------

// The target as dims.
static sz_status take_target(sz_infer *n, const sz_operand *target) {
    int64_t dims[SZ_MAX_RANK];
    if (target->n > SZ_MAX_RANK)
        return sz_op_fail(n, "rank %d is above the limit of %d", target->n, SZ_MAX_RANK);
    for (int32_t k = 0; k < target->n; k++) {
        const int64_t d = sz_operand_at(target, k);
        if (d < 0 && d != SZ_VALUE_UNKNOWN) return sz_op_fail(n, "target size %" PRId64, d);
        dims[k] = d == SZ_VALUE_UNKNOWN ? SZ_DIM_UNKNOWN : d;
    }
    return sz_out(n, 0, sz_in_dtype(n, 0), target->n, dims);
}

// numpy and pdpd: the target, to which the input must broadcast; explicit: axes_mapping says where
// the axes of the input go; bidirectional: both broadcast to each other.
sz_status sz_shape_ov_broadcast(sz_infer *n) {
    const sz_str mode = sz_attr_s(n->node, "mode", "numpy");
    sz_operand target;
    if (sz_str_is(mode, "bidirectional")) return sz_shape_ov_as(n);
    SZ_TRY(sz_operand_read(n, 1, NULL, &target));
    return target.n < 0 ? sz_out_rank(n, 0, sz_in_dtype(n, 0), -1) : take_target(n, &target);
}

sz_status sz_value_ov_broadcast(sz_infer *n) {
    return sz_str_is(sz_attr_s(n->node, "mode", "numpy"), "explicit") ? SZ_OK : sz_value_ov_as(n);
}

// ---- Pad ---------------------------------------------------------------------------------------

sz_status sz_shape_ov_pad(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK];
    sz_operand pads[2];
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    for (int i = 0; i < 2; i++) {
        SZ_TRY(sz_operand_read(n, 1 + i, NULL, &pads[i]));
        if (pads[i].n >= 0 && pads[i].n != x->rank)
            return sz_op_fail(n, "%d pads for rank %d", pads[i].n, x->rank);
    }
    for (int32_t k = 0; k < x->rank; k++) {
        const int64_t a = sz_operand_at(&pads[0], k), b = sz_operand_at(&pads[1], k);
        dims[k] = x->dims[k];
        if (a == SZ_VALUE_UNKNOWN || b == SZ_VALUE_UNKNOWN)
            dims[k] = SZ_DIM_UNKNOWN;
        else if (a != 0 || b != 0)
            dims[k] = x->dims[k] < 0 ? SZ_DIM_UNKNOWN : x->dims[k];
        if (dims[k] >= 0 &&
            (!sz_add(dims[k], a, &dims[k]) || !sz_add(dims[k], b, &dims[k]) || dims[k] < 0))
            return sz_op_fail(n, "pads %" PRId64 " and %" PRId64 " do not fit axis %d", a, b, k);
    }
    return sz_out(n, 0, x->dtype, x->rank, dims);
}

// ---- OneHot ------------------------------------------------------------------------------------

sz_status sz_shape_ov_one_hot(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK], depth = SZ_DIM_UNKNOWN;
    int axis;
    if (x->rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 2), -1);
    if (x->rank >= SZ_MAX_RANK) return sz_op_fail(n, "output of rank %d", x->rank + 1);
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", -1), x->rank + 1, &axis));
    if (sz_ov_scalar(n, 1, &depth) && depth < 0) return sz_op_fail(n, "depth is %" PRId64, depth);
    for (int32_t k = 0, from = 0; k <= x->rank; k++) dims[k] = k == axis ? depth : x->dims[from++];
    return sz_out(n, 0, sz_in_dtype(n, 2), x->rank + 1, dims);
}

// ---- StridedSlice ------------------------------------------------------------------------------

// What becomes of each axis of the input, and the dims of the output.
typedef struct strided {
    int64_t start[SZ_MAX_RANK], step[SZ_MAX_RANK], count[SZ_MAX_RANK]; // per axis of the input
    int32_t from[SZ_MAX_RANK];                                         // per axis of the output:
    int64_t dims[SZ_MAX_RANK];                                         // axis of the input, or NEW
    int32_t rank;
} strided;

enum { NEW_AXIS = -1 };

static bool masked(const sz_infer *n, const char *name, int32_t i) {
    const int64_t *mask;
    return i < sz_attr_ints(n->node, name, &mask) && mask[i] != 0;
}

// A position of the user, counted from the end when below 0, kept inside [low, high].
static int64_t clamp(int64_t at, int64_t dim, int64_t low, int64_t high) {
    if (at < 0) at = at < -dim ? -1 : at + dim;
    return at < low ? low : at > high ? high : at;
}

// The elements of one axis between begin and end.
static sz_status cut(const sz_infer *n, strided *s, int32_t axis, int32_t i, const int64_t *v[3]) {
    const int64_t dim = sz_in_dim(n, 0, axis), step = v[2] ? v[2][i] : 1;
    const bool shrinks = masked(n, "shrink_axis_mask", i);
    s->step[axis] = shrinks ? 1 : step;
    s->count[axis] = shrinks ? 1 : SZ_DIM_UNKNOWN;
    s->start[axis] = SZ_VALUE_UNKNOWN;
    if (step == 0) return sz_op_fail(n, "stride 0 at axis %d", axis);
    if (dim < 0 || !v[0] || !v[1]) return SZ_OK;
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? dim : dim - 1;
    const int64_t begin = masked(n, "begin_mask", i) ? (step > 0 ? 0 : dim - 1)
                                                     : clamp(v[0][i], dim, low, high);
    const int64_t end = masked(n, "end_mask", i) ? (step > 0 ? dim : -1)
                                                 : clamp(v[1][i], dim, low, high);
    s->start[axis] = begin;
    if (shrinks) return SZ_OK;
    const uint64_t span = step > 0 ? (uint64_t)(end > begin ? end - begin : 0)
                                   : (uint64_t)(begin > end ? begin - end : 0);
    const uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    s->count[axis] = (int64_t)(span / stride + (span % stride != 0));
    return SZ_OK;
}

static void keep_axis(const sz_infer *n, strided *s, int32_t axis) {
    s->start[axis] = 0, s->step[axis] = 1, s->count[axis] = sz_in_dim(n, 0, axis);
    s->from[s->rank] = axis;
    s->dims[s->rank++] = s->count[axis];
}

// Axes of the input that the entries behind an ellipsis speak of.
static int32_t behind(const sz_infer *n, int32_t i, int32_t entries) {
    int32_t count = 0;
    for (int32_t k = i + 1; k < entries; k++) count += !masked(n, "new_axis_mask", k);
    return count;
}

static sz_status plan(const sz_infer *n, int32_t entries, const int64_t *v[3], strided *s) {
    const int32_t rank = sz_in_rank(n, 0);
    int32_t axis = 0;
    s->rank = 0;
    for (int32_t i = 0; i < entries; i++) {
        if (s->rank >= SZ_MAX_RANK) return sz_op_fail(n, "output of rank above %d", SZ_MAX_RANK);
        if (masked(n, "ellipsis_mask", i)) {
            while (axis < rank - behind(n, i, entries) && s->rank < SZ_MAX_RANK)
                keep_axis(n, s, axis++);
        } else if (masked(n, "new_axis_mask", i)) {
            s->from[s->rank] = NEW_AXIS;
            s->dims[s->rank++] = 1;
        } else {
            if (axis >= rank) return sz_op_fail(n, "%d entries for rank %d", entries, rank);
            SZ_TRY(cut(n, s, axis, i, v));
            if (!masked(n, "shrink_axis_mask", i)) {
                s->from[s->rank] = axis;
                s->dims[s->rank++] = s->count[axis];
            }
            axis++;
        }
    }
    while (axis < rank && s->rank < SZ_MAX_RANK) keep_axis(n, s, axis++);
    return axis < rank ? sz_op_fail(n, "output of rank above %d", SZ_MAX_RANK) : SZ_OK;
}

// Numbers of begin, end and strides; *ret_entries -1: not even how many there are.
static sz_status read_entries(const sz_infer *n, const int64_t *v[3], int32_t *ret_entries) {
    int64_t count = sz_in_rank(n, 1) == 1 ? sz_in_dim(n, 1, 0) : SZ_DIM_UNKNOWN;
    for (int i = 0; i < 3; i++) {
        int32_t have = 0;
        v[i] = sz_ov_ints(n, 1 + i, &have);
        if (!v[i]) continue;
        if (count >= 0 && have != count)
            return sz_op_fail(n, "begin, end and strides have %" PRId64 " and %d entries", count,
                              have);
        count = have;
    }
    if (count > SZ_MAX_RANK) return sz_op_fail(n, "%" PRId64 " entries", count);
    *ret_entries = (int32_t)count;
    return SZ_OK;
}

sz_status sz_shape_ov_strided_slice(sz_infer *n) {
    const int64_t *v[3];
    int32_t entries;
    strided s;
    SZ_TRY(read_entries(n, v, &entries));
    if (entries < 0 || sz_in_rank(n, 0) < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    SZ_TRY(plan(n, entries, v, &s));
    return sz_out(n, 0, sz_in_dtype(n, 0), s.rank, s.dims);
}

sz_status sz_value_ov_strided_slice(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    const int64_t *v[3];
    int64_t steps[SZ_MAX_RANK];
    int32_t entries;
    sz_tensor *y;
    strided s;
    SZ_TRY(read_entries(n, v, &entries));
    if (entries < 0 || !x) return SZ_OK;
    SZ_TRY(plan(n, entries, v, &s));
    sz_box box = {.rank = s.rank};
    sz_row_major(x->rank, x->dims, steps);
    for (int32_t k = 0; k < x->rank; k++) {
        if (s.start[k] == SZ_VALUE_UNKNOWN) return SZ_OK;
        if (s.start[k] < 0 || (s.start[k] >= x->dims[k] && s.count[k] > 0)) return SZ_OK;
        box.from0 += s.start[k] * steps[k];
    }
    for (int32_t k = 0; k < s.rank; k++) {
        box.dims[k] = s.dims[k];
        box.from[k] = s.from[k] == NEW_AXIS ? 0 : steps[s.from[k]] * s.step[s.from[k]];
    }
    sz_row_major(s.rank, s.dims, box.to);
    SZ_TRY(sz_move_out(n, 0, x, s.rank, s.dims, &y));
    if (y) sz_move_box(y, x, &box);
    return SZ_OK;
}

// ---- VariadicSplit -----------------------------------------------------------------------------

// The length of each part; one of them may be -1, the rest.
static sz_status part_lengths(const sz_infer *n, int64_t dim, int64_t *lengths, int32_t count) {
    int32_t have = 0, rest = SZ_NONE;
    const int64_t *v = sz_ov_ints(n, 2, &have);
    int64_t sum = 0;
    for (int32_t k = 0; k < count; k++) lengths[k] = SZ_DIM_UNKNOWN;
    if (!v) return SZ_OK;
    if (have != count) return sz_op_fail(n, "%d lengths for %d outputs", have, count);
    for (int32_t k = 0; k < count; k++) {
        if (v[k] < -1 || (v[k] == -1 && rest != SZ_NONE))
            return sz_op_fail(n, "length %" PRId64 " of part %d", v[k], k);
        if (v[k] == -1)
            rest = k;
        else if (!sz_add(sum, v[k], &sum))
            return sz_op_fail(n, "lengths exceed 2^63");
        lengths[k] = v[k] == -1 ? SZ_DIM_UNKNOWN : v[k];
    }
    if (dim >= 0 && (sum > dim || (rest == SZ_NONE && sum != dim)))
        return sz_op_fail(n, "lengths add up to %" PRId64 ", the axis has %" PRId64, sum, dim);
    if (dim >= 0 && rest != SZ_NONE) lengths[rest] = dim - sum;
    return SZ_OK;
}

static sz_status variadic_axis(const sz_infer *n, int *ret_axis) {
    int64_t axis;
    *ret_axis = SZ_NONE;
    if (!sz_ov_scalar(n, 1, &axis) || sz_in_rank(n, 0) < 0) return SZ_OK;
    return sz_op_axis(n, axis, sz_in_rank(n, 0), ret_axis);
}

sz_status sz_shape_ov_variadic_split(sz_infer *n) {
    const int32_t parts = n->node->n_outputs;
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK], *lengths = sz_op_alloc(n, (size_t)parts + 1, sizeof *lengths);
    int axis;
    if (!lengths) return sz_no_memory(n->ctx);
    SZ_TRY(variadic_axis(n, &axis));
    if (axis != SZ_NONE) SZ_TRY(part_lengths(n, x->dims[axis], lengths, parts));
    for (int32_t o = 0; o < parts; o++) {
        if (axis == SZ_NONE) {
            SZ_TRY(sz_out_rank(n, o, x->dtype, x->rank));
            continue;
        }
        sz_dims_copy(dims, x);
        dims[axis] = lengths[o];
        SZ_TRY(sz_out(n, o, x->dtype, x->rank, dims));
    }
    return SZ_OK;
}

sz_status sz_value_ov_variadic_split(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    int64_t at = 0, steps[SZ_MAX_RANK];
    int axis;
    SZ_TRY(variadic_axis(n, &axis));
    if (axis == SZ_NONE || !x) return SZ_OK;
    sz_row_major(x->rank, x->dims, steps);
    for (int32_t o = 0; o < n->node->n_outputs; o++) {
        const sz_type *t = sz_out_get(n, o);
        sz_box box = {.rank = x->rank};
        sz_tensor *y;
        if (!sz_has_out(n, o) || !sz_type_is_static(t) || t->rank != x->rank) return SZ_OK;
        memcpy(box.dims, t->dims, (size_t)t->rank * sizeof *box.dims);
        memcpy(box.from, steps, (size_t)x->rank * sizeof *steps);
        sz_row_major(t->rank, t->dims, box.to);
        box.from0 = at * steps[axis];
        at += t->dims[axis];
        SZ_TRY(sz_move_out(n, o, x, t->rank, t->dims, &y));
        if (y) sz_move_box(y, x, &box);
    }
    return SZ_OK;
}

// ---- Gather with batches -----------------------------------------------------------------------

// data [B..., before, axis, behind], indices [B..., I...] -> [B..., before, I..., behind].
static sz_status batched(sz_infer *n, int batch, int axis) {
    const sz_type *x = sz_in(n, 0), *at = sz_in(n, 1);
    int64_t dims[2 * SZ_MAX_RANK];
    int32_t rank = 0;
    for (int32_t k = 0; k < axis; k++)
        dims[rank++] = k < batch && x->dims[k] < 0 ? at->dims[k] : x->dims[k];
    for (int32_t k = batch; k < at->rank; k++) dims[rank++] = at->dims[k];
    for (int32_t k = axis + 1; k < x->rank; k++) dims[rank++] = x->dims[k];
    return sz_out(n, 0, x->dtype, rank, dims);
}

sz_status sz_shape_ov_gather(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *at = sz_in(n, 1);
    int64_t batch = sz_attr_i(n->node, "batch_dims", 0), axis;
    int which;
    if (x->rank < 0 || at->rank < 0 || !sz_ov_scalar(n, 2, &axis))
        return sz_out_rank(n, 0, x->dtype, -1);
    if (batch < 0) batch += at->rank;
    if (batch == 0) return sz_shape_ov_as(n);
    SZ_TRY(sz_op_axis(n, axis, x->rank, &which));
    if (batch < 0 || batch > which || batch > at->rank)
        return sz_op_fail(n, "batch_dims is %" PRId64 " with axis %d", batch, which);
    return batched(n, (int)batch, which);
}

sz_status sz_value_ov_gather(sz_infer *n) {
    return sz_attr_i(n->node, "batch_dims", 0) == 0 ? sz_value_ov_as(n) : SZ_OK;
}

// ---- blocks ------------------------------------------------------------------------------------

static sz_status divide(const sz_infer *n, int axis, int64_t dim, int64_t by, int64_t *ret) {
    if (by < 1) return sz_op_fail(n, "block size %" PRId64, by);
    if (dim >= 0 && dim % by != 0)
        return sz_op_fail(n, "axis %d of size %" PRId64 " does not divide by %" PRId64, axis, dim,
                          by);
    *ret = dim < 0 ? SZ_DIM_UNKNOWN : dim / by;
    return SZ_OK;
}

// A block of block_size^axes channels becomes pixels, or the other way round.
static sz_status depth_and_space(sz_infer *n, bool to_space) {
    const sz_type *x = sz_in(n, 0);
    const int64_t block = sz_attr_i(n->node, "block_size", 1);
    int64_t dims[SZ_MAX_RANK], all = 1;
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    if (x->rank < 3) return sz_op_fail(n, "input has %d dimensions, 3 are needed", x->rank);
    dims[0] = x->dims[0];
    for (int32_t k = 2; k < x->rank; k++) {
        if (block < 1 || !sz_mul(all, block, &all))
            return sz_op_fail(n, "block of %" PRId64, block);
        if (to_space)
            SZ_TRY(sz_dim_mul(n, x->dims[k], block, &dims[k]));
        else
            SZ_TRY(divide(n, k, x->dims[k], block, &dims[k]));
    }
    if (to_space)
        SZ_TRY(divide(n, 1, x->dims[1], all, &dims[1]));
    else
        SZ_TRY(sz_dim_mul(n, x->dims[1], all, &dims[1]));
    return sz_out(n, 0, x->dtype, x->rank, dims);
}

sz_status sz_shape_ov_depth_to_space(sz_infer *n) { return depth_and_space(n, true); }
sz_status sz_shape_ov_space_to_depth(sz_infer *n) { return depth_and_space(n, false); }

// Inputs: data, block, first and last pads (or crops), one number per axis.
static sz_status batch_and_space(sz_infer *n, bool to_space) {
    const sz_type *x = sz_in(n, 0);
    int32_t count[3] = {0, 0, 0};
    const int64_t *v[3];
    int64_t dims[SZ_MAX_RANK], all = 1;
    for (int i = 0; i < 3; i++) v[i] = sz_ov_ints(n, 1 + i, &count[i]);
    if (x->rank < 0 || !v[0] || !v[1] || !v[2]) return sz_out_rank(n, 0, x->dtype, x->rank);
    for (int i = 0; i < 3; i++)
        if (count[i] != x->rank) return sz_op_fail(n, "%d numbers for rank %d", count[i], x->rank);
    for (int32_t k = 0; k < x->rank; k++) {
        int64_t d = x->dims[k], pads;
        if (!sz_add(v[1][k], v[2][k], &pads) || !sz_mul(all, v[0][k], &all) || v[0][k] < 1)
            return sz_op_fail(n, "block %" PRId64 " at axis %d", v[0][k], k);
        if (k == 0) continue;
        if (to_space) SZ_TRY(sz_dim_mul(n, d, v[0][k], &d));
        if (d >= 0 && (!(to_space ? sz_sub(d, pads, &d) : sz_add(d, pads, &d)) || d < 0))
            return sz_op_fail(n, "pads do not fit axis %d", k);
        dims[k] = d;
        if (!to_space) SZ_TRY(divide(n, k, d, v[0][k], &dims[k]));
    }
    if (to_space)
        SZ_TRY(divide(n, 0, x->dims[0], all, &dims[0]));
    else
        SZ_TRY(sz_dim_mul(n, x->dims[0], all, &dims[0]));
    return sz_out(n, 0, x->dtype, x->rank, dims);
}

sz_status sz_shape_ov_batch_to_space(sz_infer *n) { return batch_and_space(n, true); }
sz_status sz_shape_ov_space_to_batch(sz_infer *n) { return batch_and_space(n, false); }
