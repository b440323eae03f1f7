// SPDX-License-Identifier: Apache-2.0
// Pooling and its relatives: sliding windows, whole images, regions of interest, Col2Im.
#include "model/ops/numbers.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

#include <inttypes.h>

// ---- sliding windows ---------------------------------------------------------------------------

// Window of a pool over an input of known rank.
static sz_status read_window(const sz_infer *n, sz_space *ret_space) {
    int32_t rank = sz_in_rank(n, 0);
    const int64_t *kernel;
    if (rank < 3) return sz_op_fail(n, "input has rank %d, at least 3 is needed", rank);
    if (sz_attr_ints(n->node, "kernel_shape", &kernel) == 0)
        return sz_op_missing_attr(n, "kernel_shape");
    SZ_TRY(sz_spatial_read(n, rank - 2, ret_space));
    SZ_TRY(sz_space_kernel(n, ret_space, NULL));
    for (int i = 0; i < ret_space->n; i++) {
        const sz_axis *a = &ret_space->axis[i];
        ret_space->axis[i].in = sz_in_dim(n, 0, 2 + i);
        if (a->before < 0 || a->after < 0)
            return sz_op_fail(n, "pads are negative on axis %d", i);
    }
    return SZ_OK;
}

// With ceil_mode a last window that would start behind the input and its left pad is dropped, one
// and no more. ONNX says so since opset 22; PyTorch, which wrote most older files, and the runtimes
// always did it. sz_space_out has done it where the windows do not fit without a rest.
static void drop_last(sz_space *s) {
    for (int i = 0; i < s->n; i++) {
        sz_axis *a = &s->axis[i];
        const bool fixed = s->pad == SZ_PAD_NOTSET || s->pad == SZ_PAD_VALID;
        if (!s->ceil || !fixed || a->in < 0 || a->out < 2) continue;
        // None of this overflows: sz_space_out has computed it.
        const int64_t span = (a->kernel - 1) * a->dilation + 1;
        const int64_t start = (a->out - 1) * a->stride;
        if (start == a->in + a->before + a->after - span && start >= a->in + a->before) a->out--;
    }
}

static sz_status out_space(sz_infer *n, int o, sz_dtype dtype, const sz_space *s) {
    int64_t dims[SZ_MAX_RANK] = {sz_in_dim(n, 0, 0), sz_in_dim(n, 0, 1)};
    for (int i = 0; i < s->n; i++) dims[2 + i] = s->axis[i].out;
    return sz_out(n, o, dtype, s->n + 2, dims);
}

// MaxPool, AveragePool, LpPool. MaxPool may also give the place of each maximum.
sz_status sz_shape_pool(sz_infer *n) {
    sz_dtype index = sz_dtype_from_onnx(SZ_ONNX_INT64);
    sz_space s;
    if (sz_in_rank(n, 0) < 0) {
        SZ_TRY(sz_out_rank(n, 1, index, -1));
        return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    }
    SZ_TRY(read_window(n, &s));
    SZ_TRY(sz_space_out(n, &s));
    drop_last(&s);
    SZ_TRY(out_space(n, 1, index, &s));
    return out_space(n, 0, sz_in_dtype(n, 0), &s);
}

// The wanted shape of MaxUnpool, or the one that a pool with this window would have come from.
sz_status sz_shape_max_unpool(sz_infer *n) {
    sz_space s;
    int32_t rank = sz_in_rank(n, 0), count;
    const int64_t *want;
    bool known;
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    SZ_TRY(read_window(n, &s));
    if (!sz_has_in(n, 2)) {
        SZ_TRY(sz_space_out_transposed(n, &s));
        return out_space(n, 0, sz_in_dtype(n, 0), &s);
    }
    SZ_TRY(sz_op_ints(n, 2, NULL, &known, &count, &want));
    if (!known) return sz_out_rank(n, 0, sz_in_dtype(n, 0), rank);
    if (count != rank)
        return sz_op_fail(n, "output_shape has %d numbers, %d are needed", count, rank);
    for (int32_t d = 0; d < rank; d++)
        if (want[d] < 0) return sz_op_fail(n, "output_shape holds %" PRId64, want[d]);
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, want);
}

sz_status sz_shape_global_pool(sz_infer *n) {
    int32_t rank = sz_in_rank(n, 0);
    int64_t dims[SZ_MAX_RANK];
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (rank < 2) return sz_op_fail(n, "input has rank %d, at least 2 is needed", rank);
    for (int32_t d = 0; d < rank; d++) dims[d] = d < 2 ? sz_in_dim(n, 0, d) : 1;
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

// ---- regions of interest -----------------------------------------------------------------------

static sz_status out_regions(sz_infer *n, int64_t regions, int64_t height, int64_t width) {
    int32_t rank = sz_in_rank(n, 0);
    if (rank >= 0 && rank != 4) return sz_op_fail(n, "input has rank %d, 4 is needed", rank);
    if (height < 1 || width < 1)
        return sz_op_fail(n, "output of %" PRId64 " x %" PRId64, height, width);
    return sz_out(n, 0, sz_in_dtype(n, 0), 4,
                  (int64_t[]){regions, sz_in_dim(n, 0, 1), height, width});
}

sz_status sz_shape_roi_align(sz_infer *n) {
    int64_t regions = sz_in_dim(n, 1, 0), images = sz_in_dim(n, 2, 0);
    if (regions >= 0 && images >= 0 && regions != images)
        return sz_op_fail(n, "%" PRId64 " regions and %" PRId64 " batch indices", regions, images);
    return out_regions(n, regions < 0 ? images : regions, sz_attr_i(n->node, "output_height", 1),
                       sz_attr_i(n->node, "output_width", 1));
}

sz_status sz_shape_max_roi_pool(sz_infer *n) {
    const int64_t *shape;
    int32_t count = sz_attr_ints(n->node, "pooled_shape", &shape);
    if (!sz_attr_find(n->node, "pooled_shape")) return sz_op_missing_attr(n, "pooled_shape");
    if (count != 2) return sz_op_fail(n, "pooled_shape has %d numbers, 2 are needed", count);
    return out_regions(n, sz_in_dim(n, 1, 0), shape[0], shape[1]);
}

// ---- Col2Im ------------------------------------------------------------------------------------

// Columns of an image: product over the axes of the places that a block can take; unknown stays.
static sz_status count_blocks(const sz_infer *n, sz_space *s, int64_t *ret_blocks) {
    *ret_blocks = 1;
    SZ_TRY(sz_space_out(n, s));
    for (int i = 0; i < s->n; i++) SZ_TRY(sz_dim_mul(n, *ret_blocks, s->axis[i].out, ret_blocks));
    return SZ_OK;
}

static sz_status read_blocks(const sz_infer *n, sz_space *s, int32_t count, const int64_t *image,
                             const int64_t *block, int64_t *ret_block_elements) {
    *ret_block_elements = 1;
    SZ_TRY(sz_spatial_read(n, count, s));
    for (int32_t i = 0; i < count; i++) {
        if (image[i] < 0 || block[i] < 1)
            return sz_op_fail(n, "image of %" PRId64 " and block of %" PRId64, image[i], block[i]);
        s->axis[i].in = image[i];
        s->axis[i].kernel = block[i];
        SZ_TRY(sz_dim_mul(n, *ret_block_elements, block[i], ret_block_elements));
    }
    return SZ_OK;
}

// [N, C x block, L] -> [N, C, image]; L is the number of blocks that fit.
sz_status sz_shape_col2im(sz_infer *n) {
    const int64_t *image, *block;
    int32_t n_image, n_block;
    bool known_image, known_block;
    int64_t dims[SZ_MAX_RANK], per_block, blocks;
    sz_space s;
    SZ_TRY(sz_op_ints(n, 1, NULL, &known_image, &n_image, &image));
    SZ_TRY(sz_op_ints(n, 2, NULL, &known_block, &n_block, &block));
    if (!known_image || !known_block) {
        int64_t axes = sz_in_rank(n, 1) == 1 ? sz_in_dim(n, 1, 0) : -1;
        bool usable = axes >= 0 && axes <= SZ_MAX_RANK - 2;
        return sz_out_rank(n, 0, sz_in_dtype(n, 0), usable ? (int32_t)axes + 2 : -1);
    }
    if (n_image != n_block || n_image > SZ_MAX_RANK - 2)
        return sz_op_fail(n, "image has %d axes and block has %d", n_image, n_block);
    SZ_TRY(read_blocks(n, &s, n_image, image, block, &per_block));
    SZ_TRY(count_blocks(n, &s, &blocks));
    int64_t rows = sz_in_dim(n, 0, 1), columns = sz_in_dim(n, 0, 2);
    if (rows >= 0 && rows % per_block != 0)
        return sz_op_fail(n, "%" PRId64 " rows are no multiple of a block of %" PRId64, rows,
                          per_block);
    if (columns >= 0 && blocks >= 0 && columns != blocks)
        return sz_op_fail(n, "%" PRId64 " columns, but %" PRId64 " blocks fit the image", columns,
                          blocks);
    dims[0] = sz_in_dim(n, 0, 0);
    dims[1] = rows >= 0 ? rows / per_block : SZ_DIM_UNKNOWN;
    for (int32_t i = 0; i < n_image; i++) dims[2 + i] = image[i];
    return sz_out(n, 0, sz_in_dtype(n, 0), n_image + 2, dims);
}

// ---- costs -------------------------------------------------------------------------------------

// `work` operations per element of the window and `finish` per output. Windows at the border count
// in full, as convolutions count their padding.
static sz_status cost_window(sz_costing *c, int64_t finish) {
    const int64_t *kernel;
    int32_t count = sz_attr_ints(c->in.node, "kernel_shape", &kernel);
    int64_t window = 1, outputs = c->work->out_elements;
    for (int32_t i = 0; i < count; i++)
        if (!sz_mul(window, kernel[i], &window)) return sz_op_fail(&c->in, "flops exceed 2^63");
    c->work->kernel = window;
    SZ_TRY(sz_cost_add_flops(c, 3, (int64_t[]){outputs, window, (int64_t)c->in.op->work}));
    return sz_cost_add_flops(c, 2, (int64_t[]){outputs, finish});
}

sz_status sz_cost_pool(sz_costing *c) { return cost_window(c, 0); }
sz_status sz_cost_pool_finish(sz_costing *c) { return cost_window(c, 1); }

static sz_status cost_global(sz_costing *c, int64_t finish) {
    const int64_t inputs = c->work->in_elements, outputs = c->work->out_elements;
    c->work->kernel = outputs > 0 ? inputs / outputs : 0;
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){inputs, (int64_t)c->in.op->work}));
    return sz_cost_add_flops(c, 2, (int64_t[]){outputs, finish});
}

sz_status sz_cost_global_pool(sz_costing *c) { return cost_global(c, 0); }
sz_status sz_cost_global_pool_finish(sz_costing *c) { return cost_global(c, 1); }

// Each sample is interpolated from 4 neighbours: 4 multiplications and 3 additions, and one
// addition into the mean; a max takes 4 multiplications and 4 maxima. The mean divides once.
// Coordinates and weights, shared by all channels, are left out.
sz_status sz_cost_roi_align(sz_costing *c) {
    int64_t ratio = sz_attr_i(c->in.node, "sampling_ratio", 0);
    bool mean = !sz_str_is(sz_attr_s(c->in.node, "mode", "avg"), "max");
    if (ratio <= 0)
        return sz_cost_unknown(c, "samples per bin depend on the regions (sampling_ratio 0)");
    c->work->kernel = ratio < INT32_MAX ? ratio * ratio : 0;
    int64_t factors[] = {c->work->out_elements, ratio, ratio, (int64_t)c->in.op->work};
    SZ_TRY(sz_cost_add_flops(c, 4, factors));
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, mean});
}

sz_status sz_cost_max_roi_pool(sz_costing *c) {
    return sz_cost_unknown(c, "the pooled windows depend on the regions");
}
