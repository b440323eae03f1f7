// SPDX-License-Identifier: Apache-2.0
// Resize, Upsample, GridSample, AffineGrid.
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#include <inttypes.h>
#include <math.h>

// ---- output sizes ------------------------------------------------------------------------------

// What a resize is told, one entry per resized axis.
typedef struct resize {
    int32_t rank;            // of the input
    bool resized[SZ_MAX_RANK];
    int count;
    int axes[SZ_MAX_RANK];   // the k-th entry is for this axis
    int64_t out[SZ_MAX_RANK];
} resize;

// Axes from the attribute (opset 18), else all.
static sz_status resized_axes(const sz_infer *n, resize *r) {
    const int64_t *axes;
    int32_t count = sz_attr_ints(n->node, "axes", &axes);
    r->rank = sz_in_rank(n, 0);
    r->count = count ? count : r->rank;
    if (r->count > r->rank) return sz_op_fail(n, "%d axes, the input has %d", r->count, r->rank);
    for (int32_t d = 0; d < r->rank; d++) {
        r->resized[d] = count == 0;
        r->axes[d] = d;
        r->out[d] = sz_in_dim(n, 0, d);
    }
    for (int32_t k = 0; k < count; k++) {
        SZ_TRY(sz_op_axis(n, axes[k], r->rank, &r->axes[k]));
        if (r->resized[r->axes[k]]) return sz_op_fail(n, "axis %d is named twice", r->axes[k]);
        r->resized[r->axes[k]] = true;
    }
    return SZ_OK;
}

static void forget_resized(resize *r) {
    for (int32_t d = 0; d < r->rank; d++)
        if (r->resized[d]) r->out[d] = SZ_DIM_UNKNOWN;
}

static sz_status wrong_count(const sz_infer *n, const char *what, int64_t have, int need) {
    return sz_op_fail(n, "%s has %" PRId64 " numbers, %d are needed", what, have, need);
}

// floor(in x roi x scale), in 32-bit floats as the definition's types and all runtimes have it:
// 10 x 0.7 is 7 there and 6 in doubles.
static sz_status scaled(const sz_infer *n, int64_t in, double roi, double scale, int64_t *ret) {
    if (!(scale > 0)) return sz_op_fail(n, "scale is %g", scale);
    *ret = scale == 1 && roi == 1 ? in : SZ_DIM_UNKNOWN;
    if (in < 0 || *ret == in) return SZ_OK;
    float out = floorf((float)in * (float)roi * (float)scale);
    if (!(out >= 0 && out < 0x1p62f)) return sz_op_fail(n, "a dimension exceeds 2^62");
    *ret = (int64_t)out;
    return SZ_OK;
}

// Part of the axis that tf_crop_and_resize takes: end - start, from [starts..., ends...].
static double roi_length(const sz_infer *n, int k, int count) {
    sz_str mode = sz_attr_s(n->node, "coordinate_transformation_mode", "half_pixel");
    const sz_tensor *roi = sz_in_value(n, 1);
    if (n->opset < 11 || !sz_str_is(mode, "tf_crop_and_resize")) return 1;
    if (!roi || !roi->f || roi->count != 2 * (int64_t)count) return 1;
    return roi->f[count + k] - roi->f[k];
}

static sz_status apply_scales(const sz_infer *n, resize *r, int64_t count, const double *scales) {
    if (count != r->count) return wrong_count(n, "scales", count, r->count);
    for (int k = 0; k < r->count; k++) {
        int64_t *out = &r->out[r->axes[k]];
        SZ_TRY(scaled(n, *out, roi_length(n, k, r->count), scales[k], out));
    }
    return SZ_OK;
}

// keep_aspect_ratio_policy: one scale for all axes, the least or the largest that sizes ask for.
static sz_status apply_policy(const sz_infer *n, resize *r, const int64_t *sizes, bool larger) {
    float scale = 0;
    for (int k = 0; k < r->count; k++) {
        int64_t in = r->out[r->axes[k]];
        if (in <= 0 || sizes[k] == SZ_VALUE_UNKNOWN) {
            forget_resized(r);
            return SZ_OK;
        }
        float s = (float)sizes[k] / (float)in;
        if (k == 0 || (larger ? s > scale : s < scale)) scale = s;
    }
    for (int k = 0; k < r->count; k++) {
        int64_t *out = &r->out[r->axes[k]];
        float size = roundf(scale * (float)*out);
        if (!(size < 0x1p62f)) return sz_op_fail(n, "a dimension exceeds 2^62");
        *out = (int64_t)size;
    }
    return SZ_OK;
}

static sz_status apply_sizes(const sz_infer *n, resize *r, int64_t count, const int64_t *sizes) {
    sz_str policy = sz_attr_s(n->node, "keep_aspect_ratio_policy", "stretch");
    if (count != r->count) return wrong_count(n, "sizes", count, r->count);
    for (int k = 0; k < r->count; k++)
        if (sizes[k] < 0 && sizes[k] != SZ_VALUE_UNKNOWN)
            return sz_op_fail(n, "size is %" PRId64, sizes[k]);
    if (sz_str_is(policy, "not_larger")) return apply_policy(n, r, sizes, false);
    if (sz_str_is(policy, "not_smaller")) return apply_policy(n, r, sizes, true);
    for (int k = 0; k < r->count; k++)
        r->out[r->axes[k]] = sizes[k] == SZ_VALUE_UNKNOWN ? SZ_DIM_UNKNOWN : sizes[k];
    return SZ_OK;
}

// An operand that is left out may also be written as an empty tensor.
static bool is_given(const sz_infer *n, int i) {
    return sz_has_in(n, i) && !(sz_in_rank(n, i) == 1 && sz_in_dim(n, i, 0) == 0);
}

// Opset 10 has (X, scales); from 11 on (X, roi, scales, sizes).
sz_status sz_shape_resize(sz_infer *n) {
    const int at_scales = n->opset < 11 ? 1 : 2;
    const bool by_sizes = n->opset >= 11 && is_given(n, 3), by_scales = is_given(n, at_scales);
    resize r;
    if (!by_sizes && !by_scales) return sz_op_fail(n, "needs scales or sizes");
    if (by_sizes && by_scales && n->opset >= 13)
        sz_warn(n->ctx, "node '%s' (Resize): has scales and sizes, the sizes are used",
                sz_show(n->ctx, n->node->name));
    if (sz_in_rank(n, 0) < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    SZ_TRY(resized_axes(n, &r));
    const sz_tensor *sizes = by_sizes ? sz_in_value(n, 3) : NULL;
    const sz_tensor *scales = by_scales ? sz_in_value(n, at_scales) : NULL;
    if (sizes && sizes->i)
        SZ_TRY(apply_sizes(n, &r, sizes->count, sizes->i));
    else if (!by_sizes && scales && scales->f)
        SZ_TRY(apply_scales(n, &r, scales->count, scales->f));
    else
        forget_resized(&r);
    return sz_out(n, 0, sz_in_dtype(n, 0), r.rank, r.out);
}

// Opset 1 scales height and width by two attributes, opset 7 has a list, opset 9 an input.
static sz_status upsample_scales(const sz_infer *n, resize *r) {
    const sz_attr *list = sz_attr_find(n->node, "scales");
    const sz_attr *height = sz_attr_find(n->node, "height_scale");
    const sz_attr *width = sz_attr_find(n->node, "width_scale");
    const sz_tensor *operand = sz_in_value(n, 1);
    if (operand && operand->f) return apply_scales(n, r, operand->count, operand->f);
    if (sz_has_in(n, 1)) return forget_resized(r), SZ_OK;
    if (list && list->kind == SZ_ATTR_FLOATS) return apply_scales(n, r, list->n, list->floats);
    if (!height || !width) return sz_op_missing_attr(n, "scales");
    return apply_scales(n, r, 4, (const double[]){1, 1, height->f, width->f});
}

sz_status sz_shape_upsample(sz_infer *n) {
    resize r;
    if (sz_in_rank(n, 0) < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    SZ_TRY(resized_axes(n, &r));
    SZ_TRY(upsample_scales(n, &r));
    return sz_out(n, 0, sz_in_dtype(n, 0), r.rank, r.out);
}

// ---- grids -------------------------------------------------------------------------------------

// X [N, C, D1 ... Dr], grid [N, E1 ... Er, r] -> [N, C, E1 ... Er].
sz_status sz_shape_grid_sample(sz_infer *n) {
    int32_t rank = sz_in_rank(n, 0), grid = sz_in_rank(n, 1);
    int64_t dims[SZ_MAX_RANK];
    if (rank < 0) rank = grid;
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (rank < 3 || (grid >= 0 && grid != rank))
        return sz_op_fail(n, "input has rank %d and grid has rank %d", rank, grid);
    int64_t across = sz_in_dim(n, 1, -1), images = sz_in_dim(n, 1, 0);
    if (across >= 0 && across != rank - 2)
        return sz_op_fail(n, "grid points have %" PRId64 " coordinates, %d are needed", across,
                          rank - 2);
    dims[0] = sz_in_dim(n, 0, 0);
    dims[1] = sz_in_dim(n, 0, 1);
    if (dims[0] >= 0 && images >= 0 && dims[0] != images)
        return sz_op_fail(n, "%" PRId64 " images and %" PRId64 " grids", dims[0], images);
    if (dims[0] < 0 && images >= 0) dims[0] = images;
    for (int32_t d = 2; d < rank; d++) dims[d] = sz_in_dim(n, 1, d - 1);
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

// theta [N, r, r + 1], size (N, C, E1 ... Er) -> [N, E1 ... Er, r], r = 2 or 3.
sz_status sz_shape_affine_grid(sz_infer *n) {
    const sz_tensor *size = sz_in_value(n, 1);
    int64_t across = sz_in_dim(n, 0, 1), dims[5];
    int64_t numbers = sz_in_rank(n, 1) == 1 ? sz_in_dim(n, 1, 0) : SZ_DIM_UNKNOWN;
    if (across < 0 && numbers >= 0) across = numbers - 2;
    if (across < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (across < 2 || across > 3 || (numbers >= 0 && numbers != across + 2))
        return sz_op_fail(n, "theta is for %" PRId64 " axes and size has %" PRId64 " numbers",
                          across, numbers);
    bool known = size && size->i && size->count == across + 2;
    for (int64_t d = 0; d <= across; d++) {
        int64_t e = known ? size->i[d == 0 ? 0 : d + 1] : SZ_VALUE_UNKNOWN;
        if (e < 0 && e != SZ_VALUE_UNKNOWN) return sz_op_fail(n, "size holds %" PRId64, e);
        dims[d] = e >= 0 ? e : SZ_DIM_UNKNOWN;
    }
    if (dims[0] < 0) dims[0] = sz_in_dim(n, 0, 0);
    dims[across + 1] = across;
    return sz_out(n, 0, sz_in_dtype(n, 0), (int32_t)across + 2, dims);
}

// ---- costs -------------------------------------------------------------------------------------

// Neighbours that an interpolation weighs along one axis; 0 when it only picks one.
static int64_t taps_of(sz_str mode) {
    if (sz_str_is(mode, "linear") || sz_str_is(mode, "bilinear")) return 2;
    if (sz_str_is(mode, "cubic") || sz_str_is(mode, "bicubic")) return 4;
    return 0;
}

// k neighbours per output: k multiplications, k - 1 additions. The weights are per row and per
// column and vanish beside that. Axes that keep their size are not interpolated; with antialias the
// filter of an axis that shrinks grows by the factor of shrinking.
sz_status sz_cost_resize(sz_costing *c) {
    const sz_type *x = sz_in(&c->in, 0), *y = sz_out_get(&c->in, 0);
    const int64_t taps = taps_of(sz_attr_s(c->in.node, "mode", "nearest"));
    const bool antialias = sz_attr_i(c->in.node, "antialias", 0) != 0;
    int64_t neighbours = 1;
    for (int32_t d = 0; d < x->rank && taps && c->work->out_elements; d++) {
        int64_t in = x->dims[d], out = y->dims[d], width = taps;
        if (in == out) continue;
        if (antialias && in > out && !sz_mul(taps, in / out + (in % out != 0), &width)) width = 0;
        if (!width || !sz_mul(neighbours, width, &neighbours))
            return sz_op_fail(&c->in, "flops exceed 2^63");
    }
    c->work->kernel = neighbours;
    if (neighbours > INT64_MAX / 2) return sz_op_fail(&c->in, "flops exceed 2^63");
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements,
                                               neighbours > 1 ? 2 * neighbours - 1 : 0});
}

// Per output element as above, with 2^r or 4^r neighbours on r axes. Per grid point and axis,
// shared by all channels: 4 to scale the coordinate ((x + 1) x size - 1) / 2; 3 for the linear
// weights (floor, two differences) or 25 for the cubic ones (3 distances; Keys' polynomials by
// Horner, twice 5 and twice 6); and r - 1 multiplications per neighbour to join the axes. Nearest:
// 4 to scale and 1 to round.
sz_status sz_cost_grid_sample(sz_costing *c) {
    const sz_type *x = sz_in(&c->in, 0);
    const int64_t taps = taps_of(sz_attr_s(c->in.node, "mode", "linear")), axes = x->rank - 2;
    int64_t neighbours = 1;
    for (int64_t d = 0; taps && d < axes; d++)
        if (!sz_mul(neighbours, taps, &neighbours) || neighbours > INT32_MAX)
            return sz_op_fail(&c->in, "flops exceed 2^63");
    const int64_t channels = x->dims[1], points = channels ? c->work->out_elements / channels : 0;
    int64_t per_point = axes * (taps == 4 ? 29 : taps == 2 ? 7 : 5); // nearest: scale and round
    if (taps) per_point += neighbours * (axes - 1);
    c->work->kernel = neighbours;
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements,
                                               taps ? 2 * neighbours - 1 : 0}));
    return sz_cost_add_flops(c, 2, (int64_t[]){points, per_point});
}

// Each coordinate is a row of theta times (position, 1): r multiplications and r additions.
sz_status sz_cost_affine_grid(sz_costing *c) {
    const sz_type *y = sz_out_get(&c->in, 0);
    int64_t across = y->rank > 0 ? y->dims[y->rank - 1] : 0;
    return sz_cost_add_flops(c, 3, (int64_t[]){c->work->out_elements, across, 2});
}
