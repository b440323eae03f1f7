// SPDX-License-Identifier: Apache-2.0
// Elements that change places inside a tensor: DepthToSpace, SpaceToDepth, ReverseSequence.
#include "model/ops/move.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- DepthToSpace and SpaceToDepth -------------------------------------------------------------

static sz_status read_block(const sz_infer *n, int64_t *ret_block, bool *ret_crd) {
    sz_str mode = sz_attr_s(n->node, "mode", "DCR");
    *ret_crd = sz_str_is(mode, "CRD");
    *ret_block = sz_attr_i(n->node, "blocksize", 0);
    if (!sz_attr_find(n->node, "blocksize")) return sz_op_missing_attr(n, "blocksize");
    if (*ret_block < 1)
        return sz_op_fail(n, "blocksize is %" PRId64 ", it must be at least 1", *ret_block);
    if (!*ret_crd && !sz_str_is(mode, "DCR"))
        return sz_op_fail(n, "unknown mode '%s'", sz_show(n->ctx, mode));
    int32_t rank = sz_in_rank(n, 0);
    if (rank >= 0 && rank != 4) return sz_op_fail(n, "input has rank %d, it must be 4", rank);
    return SZ_OK;
}

static sz_status divide(const sz_infer *n, const char *what, int64_t dim, int64_t by,
                        int64_t *ret) {
    *ret = by == 1 ? dim : SZ_DIM_UNKNOWN;
    if (dim < 0) return SZ_OK;
    if (dim % by != 0)
        return sz_op_fail(n, "%s %" PRId64 " does not divide by %" PRId64, what, dim, by);
    *ret = dim / by;
    return SZ_OK;
}

static sz_status block_area(const sz_infer *n, int64_t block, int64_t *ret) {
    if (sz_mul(block, block, ret)) return SZ_OK;
    return sz_op_fail(n, "blocksize %" PRId64 " squared exceeds 2^63", block);
}

sz_status sz_shape_depth_to_space(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t block, area = 0, dims[4];
    bool crd;
    SZ_TRY(read_block(n, &block, &crd));
    SZ_TRY(block_area(n, block, &area));
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, 4);
    dims[0] = x->dims[0];
    SZ_TRY(divide(n, "channels", x->dims[1], area, &dims[1]));
    SZ_TRY(sz_dim_mul(n, x->dims[2], block, &dims[2]));
    SZ_TRY(sz_dim_mul(n, x->dims[3], block, &dims[3]));
    return sz_out(n, 0, x->dtype, 4, dims);
}

sz_status sz_shape_space_to_depth(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t block, area = 0, dims[4];
    bool crd;
    SZ_TRY(read_block(n, &block, &crd));
    SZ_TRY(block_area(n, block, &area));
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, 4);
    dims[0] = x->dims[0];
    SZ_TRY(sz_dim_mul(n, x->dims[1], area, &dims[1]));
    SZ_TRY(divide(n, "height", x->dims[2], block, &dims[2]));
    SZ_TRY(divide(n, "width", x->dims[3], block, &dims[3]));
    return sz_out(n, 0, x->dtype, 4, dims);
}

// Both operators pair the deep tensor [N, depth, H, W] with the flat one [N, C, H*b, W*b]. In the
// order of the flat axes (N, C, H, b, W, b) the depth index is (b, b, C) in mode DCR and (C, b, b)
// in CRD. The steps of either side along those six axes make one box to copy.
static void depth_steps(const int64_t *flat, int64_t block, bool crd, int64_t *dims, int64_t *deep,
                        int64_t *wide) {
    const int64_t c = flat[1], h = flat[2] / block, w = flat[3] / block, plane = h * w;
    const int64_t sizes[6] = {flat[0], c, h, block, w, block};
    const int64_t deep_c = crd ? block * block : 1, deep_row = crd ? block : block * c,
                  deep_column = crd ? 1 : c;
    const int64_t steps[6] = {c * block * block * plane, deep_c * plane, w, deep_row * plane, 1,
                              deep_column * plane};
    memcpy(dims, sizes, sizeof sizes);
    memcpy(deep, steps, sizeof steps);
    sz_row_major(6, sizes, wide);
}

sz_status sz_value_depth_to_space(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    sz_box box = {.rank = 6};
    int64_t block;
    sz_tensor *y;
    bool crd;
    SZ_TRY(read_block(n, &block, &crd));
    const sz_type *t = sz_out_get(n, 0);
    if (x->count == 0 || t->rank != 4) return SZ_OK;
    int64_t dims[4] = {x->dims[0], x->dims[1] / (block * block), x->dims[2] * block,
                       x->dims[3] * block};
    SZ_TRY(sz_move_out(n, 0, x, 4, dims, &y));
    if (!y) return SZ_OK;
    depth_steps(dims, block, crd, box.dims, box.from, box.to);
    sz_move_box(y, x, &box);
    return SZ_OK;
}

sz_status sz_value_space_to_depth(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    sz_box box = {.rank = 6};
    int64_t block;
    sz_tensor *y;
    bool crd;
    SZ_TRY(read_block(n, &block, &crd));
    if (x->count == 0) return SZ_OK;
    int64_t dims[4] = {x->dims[0], x->dims[1] * block * block, x->dims[2] / block,
                       x->dims[3] / block};
    SZ_TRY(sz_move_out(n, 0, x, 4, dims, &y));
    if (!y) return SZ_OK;
    depth_steps(x->dims, block, crd, box.dims, box.to, box.from);
    sz_move_box(y, x, &box);
    return SZ_OK;
}

// ---- ReverseSequence ---------------------------------------------------------------------------

static sz_status sequence_axes(const sz_infer *n, int32_t rank, int *ret_time, int *ret_batch) {
    if (rank < 2) return sz_op_fail(n, "input has rank %d, it must be at least 2", rank);
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "time_axis", 0), rank, ret_time));
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "batch_axis", 1), rank, ret_batch));
    if (*ret_time > 1 || *ret_batch > 1 || *ret_time == *ret_batch)
        return sz_op_fail(n, "time axis %d and batch axis %d: they must be 0 and 1 or 1 and 0",
                          *ret_time, *ret_batch);
    return SZ_OK;
}

sz_status sz_shape_reverse_sequence(sz_infer *n) {
    int time, batch;
    if (sz_in_rank(n, 0) < 0) return sz_out_like(n, 0, 0);
    SZ_TRY(sequence_axes(n, sz_in_rank(n, 0), &time, &batch));
    int64_t lengths = sz_in_dim(n, 1, 0), size = sz_in_dim(n, 0, batch);
    if (lengths >= 0 && size >= 0 && lengths != size)
        return sz_op_fail(n, "%" PRId64 " lengths for a batch of %" PRId64, lengths, size);
    return sz_out_like(n, 0, 0);
}

sz_status sz_value_reverse_sequence(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0), *lengths = sz_in_value(n, 1);
    int time, batch;
    sz_tensor *y;
    SZ_TRY(sequence_axes(n, x->rank, &time, &batch));
    if (!lengths->i || lengths->count != x->dims[batch]) return SZ_OK;
    for (int64_t b = 0; b < lengths->count; b++)
        if (lengths->i[b] < 0 || lengths->i[b] > x->dims[time]) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, x->rank, x->dims, &y));
    if (!y || y->count == 0) return SZ_OK;
    int64_t inner = sz_small_product(x->dims, 2, x->rank);
    for (int64_t k = 0; k < y->count; k++) {
        int64_t row = k / inner, index[2] = {row / x->dims[1], row % x->dims[1]};
        int64_t length = lengths->i[index[batch]];
        if (index[time] < length) index[time] = length - 1 - index[time];
        sz_move_element(y, k, x, (index[0] * x->dims[1] + index[1]) * inner + k % inner);
    }
    return SZ_OK;
}
