// SPDX-License-Identifier: Apache-2.0
// OpenVINO's pools, interpolation, transforms, look-ups and what is left.
#include "model/ops/move.h"
#include "model/ops/openvino.h"
#include "model/ops/rules.h"

#include <inttypes.h>
#include <math.h>

// ---- elements ----------------------------------------------------------------------------------

static int64_t log2_up(int64_t x) {
    int64_t bits = 0;
    for (uint64_t p = 1; p < (uint64_t)x; p *= 2) bits++;
    return bits;
}

// A binary search among the buckets for each element.
sz_status sz_shape_ov_bucketize(sz_infer *n) {
    SZ_TRY(sz_out_like(n, 0, 0));
    return sz_ov_retype(n, 0, sz_ov_dtype(n, "output_type", sz_dtype_by_name("i64")));
}

sz_status sz_cost_ov_bucketize(sz_costing *c) {
    return sz_cost_add_flops(
        c, 2, (int64_t[]){c->work->in_elements, log2_up(sz_in_dim(&c->in, 1, -1) + 1)});
}

// Sorted rows first, then what is looked for.
sz_status sz_shape_ov_search(sz_infer *n) {
    SZ_TRY(sz_out_like(n, 0, 1));
    return sz_ov_retype(n, 0, sz_ov_dtype(n, "output_type", sz_dtype_by_name("i64")));
}

sz_status sz_cost_ov_search(sz_costing *c) {
    return sz_cost_add_flops(
        c, 2, (int64_t[]){c->work->out_elements, log2_up(sz_in_dim(&c->in, 0, -1) + 1)});
}

sz_status sz_shape_ov_bool(sz_infer *n) {
    SZ_TRY(sz_out_like(n, 0, 0));
    return sz_ov_retype(n, 0, sz_dtype_by_name("bool"));
}

// Data that the rules can't foresee: what the file declares holds, and the work is not known.
sz_status sz_cost_ov_data(sz_costing *c) {
    return sz_cost_unknown(c, "its work depends on the data");
}

// A shape that an operand states, of a type that an attribute states.
static sz_status from_operand(sz_infer *n, int i, sz_dtype dtype) {
    int64_t dims[SZ_MAX_RANK];
    sz_operand shape;
    SZ_TRY(sz_operand_read(n, i, NULL, &shape));
    if (shape.n > SZ_MAX_RANK) return sz_op_fail(n, "rank %d", shape.n);
    if (shape.n < 0) return sz_out_rank(n, 0, dtype, -1);
    for (int32_t k = 0; k < shape.n; k++) {
        const int64_t d = sz_operand_at(&shape, k);
        if (d < 0 && d != SZ_VALUE_UNKNOWN) return sz_op_fail(n, "size %" PRId64, d);
        dims[k] = d < 0 ? SZ_DIM_UNKNOWN : d;
    }
    return sz_out(n, 0, dtype, shape.n, dims);
}

sz_status sz_shape_ov_random(sz_infer *n) {
    return from_operand(n, 0, sz_ov_dtype(n, "output_type", sz_in_dtype(n, 1)));
}

// Rows, columns, diagonal, and batches in front.
sz_status sz_shape_ov_eye(sz_infer *n) {
    int32_t batches = 0;
    const int64_t *batch = sz_has_in(n, 3) ? sz_ov_ints(n, 3, &batches) : NULL;
    int64_t dims[SZ_MAX_RANK];
    const sz_dtype dtype = sz_ov_dtype(n, "output_type", 0);
    if ((sz_has_in(n, 3) && !batch) || batches > SZ_MAX_RANK - 2)
        return sz_out_rank(n, 0, dtype, -1);
    for (int32_t k = 0; k < batches; k++) dims[k] = batch[k] < 0 ? SZ_DIM_UNKNOWN : batch[k];
    for (int i = 0; i < 2; i++)
        if (!sz_ov_scalar(n, i, &dims[batches + i]) || dims[batches + i] < 0)
            dims[batches + i] = SZ_DIM_UNKNOWN;
    return sz_out(n, 0, dtype, batches + 2, dims);
}

// ---- pools -------------------------------------------------------------------------------------

// [N, C, ...] -> [N, C, sizes of input 1].
sz_status sz_shape_ov_adaptive_pool(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK];
    sz_operand sizes;
    SZ_TRY(sz_operand_read(n, 1, NULL, &sizes));
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    if (x->rank < 3 || (sizes.n >= 0 && sizes.n != x->rank - 2))
        return sz_op_fail(n, "%d sizes for rank %d", sizes.n, x->rank);
    for (int32_t k = 0; k < x->rank; k++) {
        const int64_t d = k < 2 ? x->dims[k] : sz_operand_at(&sizes, k - 2);
        dims[k] = d == SZ_VALUE_UNKNOWN ? SZ_DIM_UNKNOWN : d;
    }
    const sz_dtype index = sz_ov_dtype(n, "index_element_type", sz_dtype_by_name("i64"));
    SZ_TRY(sz_out(n, 0, x->dtype, x->rank, dims));
    return sz_out(n, 1, index, x->rank, dims);
}

// Elements of all windows of one axis: window k runs from floor(k in / out) up to
// ceil((k + 1) in / out); they overlap where the sizes do not divide.
static bool window_elements(int64_t in, int64_t out, int64_t *ret) {
    enum { MAX_WINDOWS = 1 << 16 };
    int64_t sum = 0;
    if (out > MAX_WINDOWS || in > INT64_MAX / MAX_WINDOWS) return false;
    for (int64_t k = 0; k < out; k++) sum += ((k + 1) * in + out - 1) / out - k * in / out;
    *ret = sum;
    return true;
}

// One operation per element of each window, and a division per output of a mean.
sz_status sz_cost_ov_adaptive_pool(sz_costing *c) {
    const sz_type *x = sz_in(&c->in, 0), *y = sz_out_get(&c->in, 0);
    const bool mean = strcmp(c->in.op->name, "AdaptiveAvgPool") == 0;
    int64_t factors[SZ_MAX_RANK];
    for (int32_t k = 0; k < x->rank; k++) {
        factors[k] = x->dims[k];
        if (k >= 2 && !window_elements(x->dims[k], y->dims[k], &factors[k]))
            return sz_cost_unknown(c, "too many windows");
    }
    SZ_TRY(sz_cost_add_flops(c, x->rank, factors));
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, mean});
}

// Regions [R, 5]: [R, C, h, w], sizes from `pooled_h`, `pooled_w`, `output_size` or `output_dim`.
sz_status sz_shape_ov_roi_pool(sz_infer *n) {
    const int64_t *list = NULL, size = sz_attr_i(n->node, "output_size", -1);
    const int32_t listed = sz_attr_ints(n->node, "output_size", &list);
    int64_t h = sz_attr_i(n->node, "pooled_h", sz_attr_i(n->node, "group_size", -1));
    int64_t w = sz_attr_i(n->node, "pooled_w", sz_attr_i(n->node, "group_size", -1));
    if (size > 0) h = w = size;
    if (listed == 2) h = list[0], w = list[1];
    const int64_t dims[] = {sz_in_dim(n, 1, 0),
                            sz_attr_i(n->node, "output_dim", sz_in_dim(n, 0, 1)),
                            h < 0 ? SZ_DIM_UNKNOWN : h, w < 0 ? SZ_DIM_UNKNOWN : w};
    return sz_out(n, 0, sz_in_dtype(n, 0), 4, dims);
}

// Patches of `sizes` elements with their channels in place of the channels.
sz_status sz_shape_ov_patches(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const int64_t *sizes, *strides, *rates;
    const int32_t all = sz_attr_ints(n->node, "sizes", &sizes) +
                        sz_attr_ints(n->node, "strides", &strides) +
                        sz_attr_ints(n->node, "rates", &rates);
    const sz_str pad = sz_attr_s(n->node, "auto_pad", "VALID");
    int64_t dims[4];
    if (x->rank != 4 || all != 6) return sz_out_rank(n, 0, x->dtype, 4);
    dims[0] = x->dims[0];
    SZ_TRY(sz_dim_mul(n, x->dims[1], sizes[0], &dims[1]));
    SZ_TRY(sz_dim_mul(n, dims[1], sizes[1], &dims[1]));
    for (int k = 0; k < 2; k++) {
        int64_t span = 1, in = x->dims[2 + k];
        dims[2 + k] = SZ_DIM_UNKNOWN;
        if (strides[k] < 1 || sizes[k] < 1 || rates[k] < 1 ||
            !sz_madd(&span, sizes[k] - 1, rates[k]))
            return sz_op_fail(n, "a patch of size %" PRId64, sizes[k]);
        if (in < 0) continue;
        if (!sz_str_is(pad, "VALID"))
            dims[2 + k] = in / strides[k] + (in % strides[k] != 0);
        else
            dims[2 + k] = in < span ? 0 : (in - span) / strides[k] + 1;
    }
    return sz_out(n, 0, x->dtype, 4, dims);
}

// Darknet's Reorg: blocks of stride x stride pixels become channels.
sz_status sz_shape_ov_reorg(sz_infer *n) {
    const int64_t *list, one = sz_attr_i(n->node, "stride", 1);
    const int64_t by = sz_attr_ints(n->node, "strides", &list) > 0 ? list[0] : one;
    const sz_type *x = sz_in(n, 0);
    if (x->rank != 4 || by < 1) return sz_out_rank(n, 0, x->dtype, 4);
    int64_t dims[] = {x->dims[0], x->dims[1], x->dims[2] < 0 ? SZ_DIM_UNKNOWN : x->dims[2] / by,
                      x->dims[3] < 0 ? SZ_DIM_UNKNOWN : x->dims[3] / by};
    SZ_TRY(sz_dim_mul(n, dims[1], by, &dims[1]));
    SZ_TRY(sz_dim_mul(n, dims[1], by, &dims[1]));
    return sz_out(n, 0, x->dtype, 4, dims);
}

// ---- Interpolate -------------------------------------------------------------------------------

// Where the axes stand: opset 1 has an attribute, 4 input 3 behind sizes and scales, 11 input 2
// behind either. *ret_n -1: not known; all axes when there are none.
static const int64_t *resized_axes(const sz_infer *n, int32_t *ret_n) {
    const int64_t *axes = NULL;
    const int at = n->opset >= 11 ? 2 : 3;
    *ret_n = 0;
    if (sz_has_in(n, at)) {
        axes = sz_ov_ints(n, at, ret_n);
        if (!axes) *ret_n = -1;
        return axes;
    }
    *ret_n = sz_attr_ints(n->node, "axes", &axes);
    return axes;
}

static int64_t scaled(int64_t dim, double scale) {
    const double size = floor((double)dim * (double)(float)scale + 1e-6);
    return dim < 0 || !(size >= 0) || size > 0x1p62 ? SZ_DIM_UNKNOWN : (int64_t)size;
}

static sz_status resize_axis(const sz_infer *n, int64_t axis, int32_t rank, int32_t k,
                             int64_t *dims) {
    const bool by_scales = sz_str_is(sz_attr_s(n->node, "shape_calculation_mode", "sizes"),
                                     "scales");
    const sz_tensor *sizes = sz_in_value(n, 1);
    const sz_tensor *scales = sz_in_value(n, n->opset >= 11 ? 1 : 2);
    int at;
    SZ_TRY(sz_op_axis(n, axis, rank, &at));
    const int64_t dim = dims[at];
    dims[at] = SZ_DIM_UNKNOWN;
    if (by_scales && scales && scales->f && k < scales->count) dims[at] = scaled(dim, scales->f[k]);
    if (!by_scales && sizes && sizes->i && k < sizes->count && sizes->i[k] >= 0)
        dims[at] = sizes->i[k];
    return SZ_OK;
}

static bool is_padded(const sz_infer *n) {
    const int64_t *pads;
    const int32_t count = sz_attr_ints(n->node, "pads", &pads);
    for (int32_t k = 0; k < count; k++)
        if (pads[k] != 0) return true;
    return false;
}

sz_status sz_shape_ov_interpolate(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK];
    int32_t count;
    const int64_t *axes = resized_axes(n, &count);
    if (x->rank < 0 || count < 0 || is_padded(n)) return sz_out_rank(n, 0, x->dtype, x->rank);
    sz_dims_copy(dims, x);
    if (!axes || count == 0) {
        for (int32_t k = 0; k < x->rank; k++) SZ_TRY(resize_axis(n, k, x->rank, k, dims));
    } else {
        for (int32_t k = 0; k < count; k++) SZ_TRY(resize_axis(n, axes[k], x->rank, k, dims));
    }
    return sz_out(n, 0, x->dtype, x->rank, dims);
}

// As Resize of ONNX; the modes have other names.
sz_status sz_cost_ov_interpolate(sz_costing *c) {
    const sz_str mode = sz_attr_s(c->in.node, "mode", "nearest");
    const bool pillow = sz_str_is(mode, "bilinear_pillow") || sz_str_is(mode, "bicubic_pillow");
    const bool linear = sz_str_is(mode, "linear") || sz_str_is(mode, "linear_onnx") ||
                        sz_str_is(mode, "bilinear_pillow");
    const bool cubic = sz_str_is(mode, "cubic") || sz_str_is(mode, "bicubic_pillow");
    sz_guise g;
    sz_guise_init(&g, &c->in, sz_op_find(sz_str_c(""), sz_str_c("Resize")));
    sz_guise_text(&g, "mode", sz_str_c(linear ? "linear" : cubic ? "cubic" : "nearest"));
    if (pillow) sz_guise_int(&g, "antialias", 1);
    sz_costing as = {g.view, c->work, NULL};
    return sz_cost_resize(&as);
}

// ---- transforms --------------------------------------------------------------------------------

// Numbers of points of a transform over the axes of input 1, and its rows. The last axis of complex
// data holds real and imaginary parts. 5 N log2 N per row, half for real data.
static sz_status transform(sz_costing *c, const sz_type *t, bool is_complex) {
    int32_t count = 0;
    const int64_t *axes = sz_ov_ints(&c->in, 1, &count);
    const int32_t rank = t->rank - is_complex;
    int64_t points = 1, all = 1;
    if (!axes) return sz_cost_unknown(c, "its axes are not known");
    for (int32_t k = 0; k < count; k++) {
        int at;
        SZ_TRY(sz_op_axis(&c->in, axes[k], rank, &at));
        if (!sz_mul(points, t->dims[at], &points)) return sz_op_fail(&c->in, "flops exceed 2^63");
    }
    for (int32_t k = 0; k < rank; k++)
        if (!sz_mul(all, t->dims[k], &all)) return sz_op_fail(&c->in, "flops exceed 2^63");
    const double work = points > 1 ? (is_complex ? 5.0 : 2.5) * log2((double)points) : 0;
    const double flops = (double)all * work;
    if (flops > 9e18) return sz_op_fail(&c->in, "flops exceed 2^63");
    return sz_cost_add_flops(c, 1, (int64_t[]){(int64_t)(flops + 0.5)});
}

// Sizes along the axes may be given by input 2. RDFT of N real points gives N / 2 + 1 complex ones.
sz_status sz_shape_ov_dft(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const bool from_real = strcmp(n->op->name, "RDFT") == 0;
    const bool to_real = strcmp(n->op->name, "IRDFT") == 0;
    int32_t count = 0, sizes = 0;
    const int64_t *axes = sz_ov_ints(n, 1, &count);
    const int64_t *size = sz_has_in(n, 2) ? sz_ov_ints(n, 2, &sizes) : NULL;
    int64_t dims[SZ_MAX_RANK + 1];
    const int32_t rank = x->rank < 0 ? -1 : x->rank + from_real - to_real;
    if (x->rank < 1 || !axes || (sz_has_in(n, 2) && !size) || rank > SZ_MAX_RANK || rank < 0)
        return sz_out_rank(n, 0, x->dtype, rank);
    sz_dims_copy(dims, x);
    for (int32_t k = 0; k < count; k++) {
        int at;
        SZ_TRY(sz_op_axis(n, axes[k], x->rank - !from_real, &at));
        int64_t points = size && k < sizes && size[k] >= 0 ? size[k] : dims[at];
        const bool last = k == count - 1;
        if (to_real && last && !(size && k < sizes && size[k] >= 0) && points > 0)
            points = 2 * (points - 1);
        dims[at] = from_real && last && points >= 0 ? points / 2 + 1 : points;
    }
    if (from_real) dims[rank - 1] = 2;
    return sz_out(n, 0, x->dtype, rank, dims);
}

sz_status sz_cost_ov_dft(sz_costing *c) {
    const bool from_real = strcmp(c->in.op->name, "RDFT") == 0;
    const bool to_real = strcmp(c->in.op->name, "IRDFT") == 0;
    return transform(c, to_real ? sz_out_get(&c->in, 0) : sz_in(&c->in, 0), !from_real && !to_real);
}

// ---- embeddings --------------------------------------------------------------------------------

// Bags of rows of a table, added up: one addition per gathered element (weights: one product more).
// `indices`: input with the rows to take.
static sz_status bag_cost(sz_costing *c, int weights) {
    const sz_type *table = sz_in(&c->in, 0);
    int64_t row = 1;
    for (int32_t k = 1; k < table->rank; k++)
        if (!sz_mul(row, table->dims[k], &row)) return sz_op_fail(&c->in, "flops exceed 2^63");
    const int64_t rows = sz_cost_in_elements(c, 1), all = table->rank > 0 ? table->dims[0] : 0;
    if (rows < all) {
        int64_t bytes;
        SZ_TRY(sz_type_bytes(c->in.ctx, table, &bytes));
        c->work->bytes_read -= bytes - (all ? bytes / all * rows : 0);
    }
    return sz_cost_add_flops(c, 3, (int64_t[]){rows, row, 1 + sz_has_in(&c->in, weights)});
}

// offsets [bags]: one row per bag.
sz_status sz_shape_ov_bag_offsets(sz_infer *n) {
    const sz_type *table = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK];
    if (table->rank < 1) return sz_out_rank(n, 0, table->dtype, -1);
    sz_dims_copy(dims, table);
    dims[0] = sz_in_dim(n, 2, 0);
    return sz_out(n, 0, table->dtype, table->rank, dims);
}

// indices [bags, length].
sz_status sz_shape_ov_bag_packed(sz_infer *n) {
    const sz_type *table = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK];
    if (table->rank < 1) return sz_out_rank(n, 0, table->dtype, -1);
    sz_dims_copy(dims, table);
    dims[0] = sz_in_dim(n, 1, 0);
    return sz_out(n, 0, table->dtype, table->rank, dims);
}

// segment ids, and their number as input 3.
sz_status sz_shape_ov_segments(sz_infer *n) {
    const sz_type *table = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK], segments;
    if (table->rank < 1) return sz_out_rank(n, 0, table->dtype, -1);
    sz_dims_copy(dims, table);
    dims[0] = sz_ov_scalar(n, 3, &segments) && segments >= 0 ? segments : SZ_DIM_UNKNOWN;
    return sz_out(n, 0, table->dtype, table->rank, dims);
}

sz_status sz_cost_ov_bag_offsets(sz_costing *c) { return bag_cost(c, 4); }
sz_status sz_cost_ov_bag_packed(sz_costing *c) { return bag_cost(c, 2); }
sz_status sz_cost_ov_segments(sz_costing *c) { return bag_cost(c, 5); }

// ---- pictures ----------------------------------------------------------------------------------

// NV12 and I420 to RGB: planes of brightness and colour [N, H, W, 1] (in one: [N, H x 3 / 2, W, 1])
// to [N, H, W, 3].
sz_status sz_shape_ov_picture(sz_infer *n) {
    const sz_type *y = sz_in(n, 0);
    if (y->rank != 4) return sz_out_rank(n, 0, y->dtype, 4);
    int64_t h = y->dims[1];
    if (n->node->n_inputs == 1 && h >= 0) h = h / 3 * 2;
    return sz_out(n, 0, y->dtype, 4, (int64_t[]){y->dims[0], h, y->dims[2], 3});
}

// ---- STFT --------------------------------------------------------------------------------------

// Frames of `points` samples, `step` apart: [..., frames, points / 2 + 1, 2], or with these two the
// other way round.
sz_status sz_shape_ov_stft(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t points, step, dims[4];
    const bool swapped = sz_attr_i(n->node, "transpose_frames", 0) != 0;
    if (x->rank < 1 || x->rank > 2 || !sz_ov_scalar(n, 2, &points) || !sz_ov_scalar(n, 3, &step))
        return sz_out_rank(n, 0, x->dtype, x->rank < 1 ? -1 : x->rank + 2);
    const int64_t length = x->dims[x->rank - 1];
    if (points < 1 || step < 1 || (length >= 0 && length < points))
        return sz_op_fail(n, "frames of %" PRId64 " every %" PRId64 " samples", points, step);
    const int at = x->rank - 1;
    dims[0] = x->dims[0];
    dims[at + swapped] = length < 0 ? SZ_DIM_UNKNOWN : (length - points) / step + 1;
    dims[at + !swapped] = points / 2 + 1;
    dims[at + 2] = 2;
    return sz_out(n, 0, x->dtype, x->rank + 2, dims);
}

// A real transform per frame, and the window: one product per sample.
sz_status sz_cost_ov_stft(sz_costing *c) {
    int64_t points;
    if (!sz_ov_scalar(&c->in, 2, &points) || points < 1)
        return sz_cost_unknown(c, "the length of its frames is not known");
    const int64_t frames = c->work->out_elements / (points / 2 + 1) / 2;
    const double fft = points > 1 ? 2.5 * (double)points * log2((double)points) : 0;
    if (fft > 9e18) return sz_op_fail(&c->in, "flops exceed 2^63");
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){frames, points}));
    return sz_cost_add_flops(c, 2, (int64_t[]){frames, (int64_t)(fft + 0.5)});
}

// ---- graphs of compiled models -----------------------------------------------------------------

// They state shapes, not strides or axes. Outputs are as the file declares them; MACs follow from
// the shapes of weights and outputs alone.

sz_status sz_cost_ov_run_conv(sz_costing *c) {
    const sz_type *x = sz_in(&c->in, 0), *w = sz_in(&c->in, 1);
    int64_t factors[SZ_MAX_RANK + 1];
    int k = 0;
    if (w->rank < 0) return sz_cost_unknown(c, "the graph does not show its weights");
    factors[k++] = c->work->out_elements;
    for (int i = w->rank > x->rank ? 2 : 1; i < w->rank; i++) factors[k++] = w->dims[i];
    return sz_cost_add_macs(c, k, factors);
}

sz_status sz_cost_ov_run_connected(sz_costing *c) {
    const sz_type *x = sz_in(&c->in, 0);
    if (x->rank < 1) return sz_cost_unknown(c, "its input is a scalar");
    return sz_cost_add_macs(c, 2, (int64_t[]){c->work->out_elements, x->dims[x->rank - 1]});
}

// [.., M, K] or [.., K, M] by [.., K, N] or [.., N, K]: the size that the output lacks.
sz_status sz_cost_ov_run_matmul(sz_costing *c) {
    const sz_type *a = sz_in(&c->in, 0), *b = sz_in(&c->in, 1), *y = sz_out_get(&c->in, 0);
    if (a->rank < 2 || b->rank < 2 || y->rank < 2)
        return sz_cost_unknown(c, "its operands are no matrices");
    const int64_t rows = y->dims[y->rank - 2], columns = y->dims[y->rank - 1];
    const int64_t a1 = a->dims[a->rank - 1], a2 = a->dims[a->rank - 2];
    const int64_t b1 = b->dims[b->rank - 1], b2 = b->dims[b->rank - 2];
    for (int i = 0; i < 4; i++) {
        const int64_t k = i & 1 ? a2 : a1, m = i & 1 ? a1 : a2;
        const int64_t kb = i & 2 ? b1 : b2, n = i & 2 ? b2 : b1;
        if (k == kb && m == rows && n == columns)
            return sz_cost_add_macs(c, 2, (int64_t[]){c->work->out_elements, k});
    }
    return sz_cost_unknown(c, "its operands do not fit its output");
}

sz_status sz_cost_ov_run_hidden(sz_costing *c) {
    return sz_cost_unknown(c, "the graph of a compiled model does not say what it computes");
}
