// SPDX-License-Identifier: Apache-2.0
// Parts of tensors and tensors with a border: Slice, Pad, CenterCropPad.
#include "model/ops/move.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- Slice -------------------------------------------------------------------------------------

typedef struct cut {
    int64_t dims[SZ_MAX_RANK];                     // of the output
    int64_t start[SZ_MAX_RANK], step[SZ_MAX_RANK]; // set where the dim is known
} cut;

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

// Is the bound the open end of its side for any axis that fits in memory? Exporters write the
// largest or lowest int32 or int64, or nearly so.
static bool is_far(int64_t bound) { return bound >= INT32_MAX - 1; }
static bool is_far_below(int64_t bound) { return bound <= -(int64_t)INT32_MAX + 1; }

// The dims of an axis of unknown size that is taken whole, forward or backward, stay.
static bool takes_all(int64_t start, int64_t end, int64_t step) {
    if (step == 1) return (start == 0 || is_far_below(start)) && is_far(end);
    return step == -1 && (start == -1 || is_far(start)) && is_far_below(end);
}

// One axis. Negative bounds count from the end, then they are clamped: ONNX clamps the start of a
// backward slice to 0, where numpy lets it run out.
static void cut_axis(cut *c, int axis, int64_t dim, int64_t start, int64_t end, int64_t step) {
    const bool known = start != SZ_VALUE_UNKNOWN && end != SZ_VALUE_UNKNOWN &&
                       step != SZ_VALUE_UNKNOWN;
    c->step[axis] = step;
    if (dim < 0 || !known) {
        c->dims[axis] = dim == 0 || (known && takes_all(start, end, step)) ? dim : SZ_DIM_UNKNOWN;
        return;
    }
    if (start < 0) start += dim;
    if (end < 0) end += dim;
    start = clamp(start, 0, step > 0 || dim == 0 ? dim : dim - 1);
    end = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, dim - 1);
    int64_t length = step > 0 ? end - start : start - end;
    uint64_t stride = step > 0 ? (uint64_t)step : -(uint64_t)step;
    c->start[axis] = start;
    c->dims[axis] = length <= 0 || dim == 0 ? 0 : (int64_t)(((uint64_t)length - 1) / stride) + 1;
}

typedef struct slice_operands {
    sz_operand starts, ends, axes, steps;
} slice_operands;

static sz_status read_operands(const sz_infer *n, slice_operands *s) {
    SZ_TRY(sz_operand_read(n, 1, "starts", &s->starts));
    SZ_TRY(sz_operand_read(n, 2, "ends", &s->ends));
    SZ_TRY(sz_operand_read(n, 3, "axes", &s->axes));
    SZ_TRY(sz_operand_read(n, 4, "steps", &s->steps));
    if (!s->starts.given) return sz_op_missing_attr(n, "starts");
    if (!s->ends.given) return sz_op_missing_attr(n, "ends");
    if (s->starts.n >= 0 && s->ends.n >= 0 && s->starts.n != s->ends.n)
        return sz_op_fail(n, "%d starts and %d ends", s->starts.n, s->ends.n);
    if (s->starts.n >= 0 && s->steps.n >= 0 && s->starts.n != s->steps.n)
        return sz_op_fail(n, "%d starts and %d steps", s->starts.n, s->steps.n);
    for (int32_t k = 0; s->steps.known && k < s->steps.n; k++)
        if (s->steps.v[k] == 0) return sz_op_fail(n, "step 0 at axis %d of the list", k);
    return SZ_OK;
}

// The lowest int64 marks an unknown number, but exporters also write it as the open beginning or,
// in a backward slice, as the open end: in a constant it is taken as that.
static bool is_constant(const sz_infer *n, int i) {
    if (!sz_has_in(n, i)) return true; // an attribute
    const sz_graph *g = n->graph;
    const sz_value *v = sz_graph_value(g, n->node->inputs[i]);
    while (v->kind == SZ_VALUE_CAPTURED) {
        g = g->parent;
        v = sz_graph_value(g, v->outer);
    }
    if (v->kind == SZ_VALUE_NODE && v->producer != SZ_NONE)
        return sz_str_is(sz_graph_node(g, v->producer)->op, "Constant");
    return v->kind == SZ_VALUE_CONST;
}

// Bound k of input i (or of its attribute).
static int64_t bound_at(const sz_infer *n, int i, const sz_operand *bounds, int32_t k) {
    int64_t bound = sz_operand_at(bounds, k);
    bool lowest = bound == SZ_VALUE_UNKNOWN && bounds->known && is_constant(n, i);
    return lowest ? bound + 1 : bound;
}

static sz_status plan_slice(const sz_infer *n, const sz_type *x, cut *c) {
    slice_operands s;
    int axes[SZ_MAX_RANK];
    int32_t count;
    SZ_TRY(read_operands(n, &s));
    for (int32_t k = 0; k < x->rank; k++) cut_axis(c, k, x->dims[k], 0, INT64_MAX, 1);
    int32_t named = s.starts.n >= 0 ? s.starts.n : s.ends.n >= 0 ? s.ends.n : s.steps.n;
    if (named >= 0 || s.axes.given) {
        SZ_TRY(sz_operand_axes(n, &s.axes, x->rank, named, axes, &count));
    } else {
        count = -1;
    }
    if (count < 0) // which axes are cut is not known
        for (int32_t k = 0; k < x->rank; k++) c->dims[k] = x->dims[k] == 0 ? 0 : SZ_DIM_UNKNOWN;
    for (int32_t k = 0; k < count; k++) {
        int64_t step = s.steps.given ? sz_operand_at(&s.steps, k) : 1;
        cut_axis(c, axes[k], x->dims[axes[k]], bound_at(n, 1, &s.starts, k),
                 bound_at(n, 2, &s.ends, k), step);
    }
    return SZ_OK;
}

sz_status sz_shape_slice(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    cut c;
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    SZ_TRY(plan_slice(n, x, &c));
    return sz_out(n, 0, x->dtype, x->rank, c.dims);
}

sz_status sz_value_slice(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    sz_type type = sz_type_tensor(x->dtype, x->rank, x->dims);
    sz_box box = {.rank = x->rank};
    sz_tensor *y;
    cut c;
    SZ_TRY(plan_slice(n, &type, &c));
    for (int32_t k = 0; k < x->rank; k++)
        if (c.dims[k] < 0) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, x->rank, c.dims, &y));
    if (!y || y->count == 0) return SZ_OK;
    sz_row_major(x->rank, x->dims, box.from);
    sz_row_major(x->rank, c.dims, box.to);
    for (int32_t k = 0; k < x->rank; k++) {
        box.dims[k] = c.dims[k];
        box.from0 += c.start[k] * box.from[k];
        if (c.dims[k] > 1) box.from[k] *= c.step[k]; // else the step may be anything
    }
    sz_move_box(y, x, &box);
    return SZ_OK;
}

// ---- Pad ---------------------------------------------------------------------------------------

typedef enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP, PAD_MODES } pad_mode;

typedef struct padding {
    pad_mode mode;
    int64_t before[SZ_MAX_RANK], after[SZ_MAX_RANK]; // SZ_VALUE_UNKNOWN where not known
} padding;

static sz_status read_mode(const sz_infer *n, pad_mode *ret) {
    static const char *const names[PAD_MODES] = {"constant", "reflect", "edge", "wrap"};
    sz_str mode = sz_attr_s(n->node, "mode", "constant");
    for (int m = 0; m < PAD_MODES; m++) {
        *ret = (pad_mode)m;
        if (sz_str_is(mode, names[m])) return SZ_OK;
    }
    return sz_op_fail(n, "unknown mode '%s'", sz_show(n->ctx, mode));
}

// pads holds all beginnings, then all ends, of the named axes.
static sz_status read_pads(const sz_infer *n, int32_t rank, padding *p) {
    sz_operand pads, named;
    int axes[SZ_MAX_RANK];
    int32_t count;
    SZ_TRY(read_mode(n, &p->mode));
    SZ_TRY(sz_operand_read(n, 1, n->opset < 2 ? "paddings" : "pads", &pads));
    SZ_TRY(sz_operand_read(n, 3, NULL, &named));
    if (!pads.given) return sz_op_missing_attr(n, "pads");
    if (pads.n >= 0 && (pads.n % 2 != 0 || (!named.given && pads.n / 2 != rank)))
        return sz_op_fail(n, "%d pads for rank %d", pads.n, rank);
    const int32_t padded = !named.given ? rank : pads.n < 0 ? -1 : pads.n / 2;
    SZ_TRY(sz_operand_axes(n, &named, rank, padded, axes, &count));
    for (int32_t k = 0; k < rank; k++)
        p->before[k] = p->after[k] = count < 0 ? SZ_VALUE_UNKNOWN : 0;
    for (int32_t k = 0; k < count; k++) {
        p->before[axes[k]] = sz_operand_at(&pads, k);
        p->after[axes[k]] = sz_operand_at(&pads, k + count);
    }
    return SZ_OK;
}

static sz_status padded_dim(const sz_infer *n, int axis, int64_t dim, int64_t before, int64_t after,
                            int64_t *ret) {
    *ret = SZ_DIM_UNKNOWN;
    if (before == 0 && after == 0) *ret = dim;
    if (dim < 0 || before == SZ_VALUE_UNKNOWN || after == SZ_VALUE_UNKNOWN) return SZ_OK;
    if (!sz_add(dim, before, ret) || !sz_add(*ret, after, ret))
        return sz_op_fail(n, "axis %d padded by %" PRId64 " and %" PRId64 " exceeds 2^63", axis,
                          before, after);
    if (*ret < 0)
        return sz_op_fail(n, "axis %d of size %" PRId64 " is padded by %" PRId64 " and %" PRId64
                          ", to less than nothing", axis, dim, before, after);
    return SZ_OK;
}

sz_status sz_shape_pad(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK];
    padding p;
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    SZ_TRY(read_pads(n, x->rank, &p));
    for (int32_t k = 0; k < x->rank; k++)
        SZ_TRY(padded_dim(n, k, x->dims[k], p.before[k], p.after[k], &dims[k]));
    return sz_out(n, 0, x->dtype, x->rank, dims);
}

// Where the border at position `at` (may lie outside [0, dim)) takes its element; -1 = constant.
static int64_t border(pad_mode mode, int64_t at, int64_t dim) {
    if (at >= 0 && at < dim) return at;
    if (mode == PAD_CONSTANT) return -1;
    if (mode == PAD_EDGE) return at < 0 ? 0 : dim - 1;
    int64_t period = mode == PAD_WRAP ? dim : 2 * (dim - 1);
    if (period == 0) return 0;
    int64_t m = (at % period + period) % period;
    return m < dim ? m : period - m;
}

// The padding constant: input 2, the attribute `value` before opset 11, or 0.
static const sz_tensor *pad_constant(const sz_infer *n, sz_tensor *room, double *number) {
    const sz_tensor *given = sz_in_value(n, 2);
    if (given) return given->count > 0 ? given : NULL;
    *number = sz_attr_f(n->node, "value", 0);
    *room = (sz_tensor){.dtype = sz_in_dtype(n, 0), .count = 1, .f = number};
    return room;
}

sz_status sz_value_pad(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    int64_t dims[SZ_MAX_RANK], steps[SZ_MAX_RANK], index[SZ_MAX_RANK] = {0};
    double number = 0;
    sz_tensor room, *y;
    padding p;
    SZ_TRY(read_pads(n, x->rank, &p));
    for (int32_t k = 0; k < x->rank; k++) {
        SZ_TRY(padded_dim(n, k, x->dims[k], p.before[k], p.after[k], &dims[k]));
        // What a border does next to a removed edge or to nothing is left open by ONNX.
        if (p.mode != PAD_CONSTANT && (p.before[k] < 0 || p.after[k] < 0 || x->dims[k] == 0))
            return SZ_OK;
    }
    SZ_TRY(sz_move_out(n, 0, x, x->rank, dims, &y));
    if (!y) return SZ_OK;
    const sz_tensor *fill = pad_constant(n, &room, &number);
    sz_move_fill(y, fill && (y->f ? fill->f != NULL : y->i ? fill->i != NULL : fill->s != NULL)
                        ? fill : NULL);
    sz_row_major(x->rank, x->dims, steps);
    for (int64_t to = 0; to < y->count; to++) {
        int64_t from = 0;
        for (int32_t k = 0; k < x->rank && from >= 0; k++) {
            int64_t at = INT64_MAX; // far beyond the end
            (void)sz_sub(index[k], p.before[k], &at);
            at = border(p.mode, at, x->dims[k]);
            from = at < 0 ? -1 : from + at * steps[k];
        }
        if (from >= 0) sz_move_element(y, to, x, from);
        for (int32_t k = x->rank - 1; k >= 0 && ++index[k] == dims[k]; k--) index[k] = 0;
    }
    return SZ_OK;
}

// ---- CenterCropPad -----------------------------------------------------------------------------

static sz_status crop_dims(const sz_infer *n, const sz_type *x, int64_t *dims) {
    sz_operand shape, named;
    int axes[SZ_MAX_RANK];
    int32_t count;
    SZ_TRY(sz_operand_read(n, 1, NULL, &shape));
    SZ_TRY(sz_operand_read(n, -1, "axes", &named));
    SZ_TRY(sz_operand_axes(n, &named, x->rank, named.given ? shape.n : x->rank, axes, &count));
    if (!named.given && shape.n >= 0 && shape.n != x->rank)
        return sz_op_fail(n, "shape has %d sizes for rank %d", shape.n, x->rank);
    sz_dims_copy(dims, x);
    for (int32_t k = 0; k < count; k++) {
        int64_t size = sz_operand_at(&shape, k);
        if (size < 0 && size != SZ_VALUE_UNKNOWN)
            return sz_op_fail(n, "size %" PRId64 " is negative", size);
        dims[axes[k]] = size == SZ_VALUE_UNKNOWN ? SZ_DIM_UNKNOWN : size;
    }
    return SZ_OK;
}

sz_status sz_shape_center_crop_pad(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK];
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    SZ_TRY(crop_dims(n, x, dims));
    return sz_out(n, 0, x->dtype, x->rank, dims);
}

sz_status sz_value_center_crop_pad(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    sz_type type = sz_type_tensor(x->dtype, x->rank, x->dims);
    sz_box box = {.rank = x->rank};
    int64_t dims[SZ_MAX_RANK];
    sz_tensor *y;
    SZ_TRY(crop_dims(n, &type, dims));
    SZ_TRY(sz_move_out(n, 0, x, x->rank, dims, &y));
    if (!y) return SZ_OK;
    sz_move_fill(y, NULL);
    sz_row_major(x->rank, x->dims, box.from);
    sz_row_major(x->rank, dims, box.to);
    for (int32_t k = 0; k < x->rank; k++) { // an odd rest leaves the larger half at the end
        bool crops = x->dims[k] > dims[k];
        box.dims[k] = crops ? dims[k] : x->dims[k];
        if (crops)
            box.from0 += (x->dims[k] - dims[k]) / 2 * box.from[k];
        else
            box.to0 += (dims[k] - x->dims[k]) / 2 * box.to[k];
    }
    sz_move_box(y, x, &box);
    return SZ_OK;
}
