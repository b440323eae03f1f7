// SPDX-License-Identifier: Apache-2.0
// Views, which give the same elements another shape, and the operators that read a shape.
#include "model/ops/move.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// The numbers of a view are those of its input under the dims of the output; both share them.
sz_status sz_value_view(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    const sz_type *t = sz_out_get(n, 0);
    int64_t count;
    SZ_TRY(sz_type_elements(n->ctx, t, &count));
    if (!x || count != x->count || t->dtype != x->dtype) return SZ_OK;
    sz_tensor *view = sz_op_alloc(n, 1, sizeof *view);
    if (!view) return sz_no_memory(n->ctx);
    *view = *x;
    view->rank = t->rank;
    view->dims = t->dims;
    sz_graph_value(n->graph, n->node->outputs[0])->known = view;
    return SZ_OK;
}

// ---- Reshape -----------------------------------------------------------------------------------

typedef struct target {
    int32_t rank;
    int64_t dims[SZ_MAX_RANK];
    bool copied[SZ_MAX_RANK]; // a 0 took this dim from the input
    int32_t minus_one;        // axis of the -1, or SZ_NONE
    int32_t unknown, n_unknown; // last axis whose size is not known, and how many there are
} target;

static sz_status mismatch(const sz_infer *n, const target *t, int64_t in, int64_t out) {
    sz_type to = sz_type_tensor(sz_in_dtype(n, 0), t->rank, t->dims);
    return sz_op_fail(n, "cannot reshape %s into %s: %" PRId64 " elements into %" PRId64,
                      sz_type_text(n->graph, sz_in(n, 0)), sz_type_text(n->graph, &to), in, out);
}

static sz_status take_size(const sz_infer *n, target *t, int32_t k, int64_t size,
                           bool zero_copies) {
    const sz_type *x = sz_in(n, 0);
    t->dims[k] = size;
    if (size == 0 && zero_copies) {
        if (x->rank >= 0 && k >= x->rank)
            return sz_op_fail(n, "size 0 at axis %d copies no axis of %s", k,
                              sz_type_text(n->graph, x));
        t->dims[k] = x->rank >= 0 ? x->dims[k] : SZ_DIM_UNKNOWN;
        t->copied[k] = x->rank >= 0;
    } else if (size == -1) {
        if (t->minus_one != SZ_NONE)
            return sz_op_fail(n, "size -1 stands at axis %d and at axis %d", t->minus_one, k);
        t->minus_one = k;
    } else if (size == SZ_VALUE_UNKNOWN) {
        t->dims[k] = SZ_DIM_UNKNOWN;
    } else if (size < 0) {
        return sz_op_fail(n, "size %" PRId64 " at axis %d is negative", size, k);
    }
    if (t->dims[k] < 0 && !t->copied[k] && t->minus_one != k) {
        t->unknown = k;
        t->n_unknown++;
    }
    return SZ_OK;
}

static sz_status read_target(const sz_infer *n, const sz_operand *shape, target *t) {
    bool zero_copies = sz_attr_i(n->node, "allowzero", 0) == 0, zero = false;
    *t = (target){.rank = shape->n, .minus_one = SZ_NONE, .unknown = SZ_NONE};
    if (shape->n > SZ_MAX_RANK)
        return sz_op_fail(n, "rank %d is above the limit of %d", shape->n, SZ_MAX_RANK);
    for (int32_t k = 0; k < shape->n; k++) {
        SZ_TRY(take_size(n, t, k, sz_operand_at(shape, k), zero_copies));
        zero |= sz_operand_at(shape, k) == 0;
    }
    if (!zero_copies && zero && t->minus_one != SZ_NONE)
        return sz_op_fail(n, "sizes 0 and -1 stand together under 'allowzero'");
    return SZ_OK;
}

// Elements of the input and of the output, without the axes that a 0 copied: they stand on both
// sides and cancel even where they are not known. `skip` is the axis to solve for, or SZ_NONE.
// *ret_symbol is the only unknown factor of the input (0 = none; SZ_DIM_UNKNOWN = more of them).
static sz_status factors(const sz_infer *n, const target *t, int32_t skip, int64_t *ret_in,
                         int64_t *ret_out, int64_t *ret_symbol) {
    const sz_type *x = sz_in(n, 0);
    int64_t in[SZ_MAX_RANK], out[SZ_MAX_RANK];
    int32_t n_in = 0, n_out = 0;
    *ret_symbol = 0;
    for (int32_t k = 0; k < x->rank; k++) {
        if (k < t->rank && t->copied[k]) continue;
        if (x->dims[k] >= 0)
            in[n_in++] = x->dims[k];
        else
            *ret_symbol = *ret_symbol ? SZ_DIM_UNKNOWN : x->dims[k];
    }
    for (int32_t k = 0; k < t->rank; k++)
        if (!t->copied[k] && k != skip) out[n_out++] = t->dims[k];
    SZ_TRY(sz_dims_product(n, in, 0, n_in, ret_in));
    return sz_dims_product(n, out, 0, n_out, ret_out);
}

// Solve for the one axis that is left.
static sz_status solve(const sz_infer *n, target *t, int32_t axis) {
    int64_t in, out, symbol;
    SZ_TRY(factors(n, t, axis, &in, &out, &symbol));
    t->dims[axis] = SZ_DIM_UNKNOWN;
    if (symbol != 0) { // N x in = out x N when in and out are the same
        if (in == out && in > 0) t->dims[axis] = symbol;
        return SZ_OK;
    }
    if (out == 0 && in == 0) return SZ_OK; // any size fits
    if (out == 0 || in % out != 0) {
        sz_type to = sz_type_tensor(sz_in_dtype(n, 0), t->rank, t->dims);
        return sz_op_fail(n, "cannot reshape %s into %s: %" PRId64 " elements do not divide by %"
                          PRId64, sz_type_text(n->graph, sz_in(n, 0)),
                          sz_type_text(n->graph, &to), in, out);
    }
    t->dims[axis] = in / out;
    return SZ_OK;
}

sz_status sz_shape_reshape(sz_infer *n) {
    sz_operand shape;
    target t;
    int64_t in, out, symbol;
    SZ_TRY(sz_operand_read(n, 1, "shape", &shape));
    if (!shape.given) return sz_op_fail(n, "input 'shape' is missing");
    if (shape.n < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    SZ_TRY(read_target(n, &shape, &t));
    if (sz_in_rank(n, 0) >= 0) {
        if (t.minus_one != SZ_NONE && t.n_unknown == 0) {
            SZ_TRY(solve(n, &t, t.minus_one));
        } else if (t.minus_one == SZ_NONE && t.n_unknown == 1) {
            SZ_TRY(solve(n, &t, t.unknown));
        } else if (t.minus_one == SZ_NONE && t.n_unknown == 0) {
            SZ_TRY(factors(n, &t, SZ_NONE, &in, &out, &symbol));
            if (symbol == 0 && in != out) return mismatch(n, &t, in, out);
        }
    }
    return sz_out(n, 0, sz_in_dtype(n, 0), t.rank, t.dims);
}

// ---- Flatten -----------------------------------------------------------------------------------

sz_status sz_shape_flatten(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t axis = sz_attr_i(n->node, "axis", 1), dims[2];
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, 2);
    if (axis < -(int64_t)x->rank || axis > x->rank)
        return sz_op_fail(n, "axis %" PRId64 " of rank %d is out of range", axis, x->rank);
    if (axis < 0) axis += x->rank;
    SZ_TRY(sz_dims_product(n, x->dims, 0, (int32_t)axis, &dims[0]));
    SZ_TRY(sz_dims_product(n, x->dims, (int32_t)axis, x->rank, &dims[1]));
    return sz_out(n, 0, x->dtype, 2, dims);
}

// ---- Squeeze and Unsqueeze ---------------------------------------------------------------------

// Without axes every axis of size 1 goes; an axis that is not known may or may not.
static sz_status squeeze_ones(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = 0;
    for (int32_t k = 0; k < x->rank; k++) {
        if (x->dims[k] < 0) return sz_out_rank(n, 0, x->dtype, -1);
        if (x->dims[k] != 1) dims[rank++] = x->dims[k];
    }
    return sz_out(n, 0, x->dtype, rank, dims);
}

sz_status sz_shape_squeeze(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    sz_operand axes;
    bool drop[SZ_MAX_RANK] = {false};
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = 0;
    int axis;
    SZ_TRY(sz_operand_read(n, 1, "axes", &axes));
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    if (!axes.given) return squeeze_ones(n);
    if (!sz_operand_is_full(&axes)) {
        bool fits = axes.n >= 0 && axes.n <= x->rank;
        return sz_out_rank(n, 0, x->dtype, fits ? x->rank - axes.n : -1);
    }
    for (int32_t k = 0; k < axes.n; k++) {
        SZ_TRY(sz_op_axis(n, axes.v[k], x->rank, &axis));
        if (x->dims[axis] >= 0 && x->dims[axis] != 1)
            return sz_op_fail(n, "axis %d has size %" PRId64 ", only size 1 can be squeezed", axis,
                              x->dims[axis]);
        drop[axis] = true;
    }
    for (int32_t k = 0; k < x->rank; k++)
        if (!drop[k]) dims[rank++] = x->dims[k];
    return sz_out(n, 0, x->dtype, rank, dims);
}

sz_status sz_shape_unsqueeze(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    sz_operand axes;
    bool added[SZ_MAX_RANK] = {false};
    int64_t dims[SZ_MAX_RANK];
    int axis;
    SZ_TRY(sz_operand_read(n, 1, "axes", &axes));
    if (!axes.given) return sz_op_missing_attr(n, "axes");
    if (x->rank < 0 || axes.n < 0) return sz_out_rank(n, 0, x->dtype, -1);
    if (axes.n > SZ_MAX_RANK - x->rank)
        return sz_op_fail(n, "rank %d is above the limit of %d", x->rank + axes.n, SZ_MAX_RANK);
    int32_t rank = x->rank + axes.n;
    if (!sz_operand_is_full(&axes)) return sz_out_rank(n, 0, x->dtype, rank);
    for (int32_t k = 0; k < axes.n; k++) {
        SZ_TRY(sz_op_axis(n, axes.v[k], rank, &axis));
        if (added[axis]) return sz_op_fail(n, "axis %d is named twice", axis);
        added[axis] = true;
    }
    for (int32_t k = 0, from = 0; k < rank; k++) dims[k] = added[k] ? 1 : x->dims[from++];
    return sz_out(n, 0, x->dtype, rank, dims);
}

// ---- Shape and Size ----------------------------------------------------------------------------

// These give numbers even where the numbers of their input are not known: set with the shape.

static int32_t clamp_axis(int64_t axis, int32_t rank) {
    if (axis < 0) axis += rank;
    return axis < 0 ? 0 : axis > rank ? rank : (int32_t)axis;
}

sz_status sz_shape_shape(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const sz_dtype i64 = sz_dtype_by_name("i64");
    sz_tensor *t;
    if (x->rank < 0) return sz_out_rank(n, 0, i64, 1);
    int32_t start = clamp_axis(sz_attr_i(n->node, "start", 0), x->rank);
    int32_t end = clamp_axis(sz_attr_i(n->node, "end", x->rank), x->rank);
    int64_t count = end > start ? end - start : 0;
    SZ_TRY(sz_out(n, 0, i64, 1, &count));
    SZ_TRY(sz_out_value(n, 0, &t));
    for (int64_t k = 0; t && k < count; k++)
        t->i[k] = x->dims[start + k] >= 0 ? x->dims[start + k] : SZ_VALUE_UNKNOWN;
    return SZ_OK;
}

sz_status sz_shape_size(sz_infer *n) {
    int64_t count;
    sz_tensor *t;
    SZ_TRY(sz_type_elements(n->ctx, sz_in(n, 0), &count));
    SZ_TRY(sz_out(n, 0, sz_dtype_by_name("i64"), 0, NULL));
    SZ_TRY(sz_out_value(n, 0, &t));
    if (t) t->i[0] = count >= 0 ? count : SZ_VALUE_UNKNOWN;
    return SZ_OK;
}
