// SPDX-License-Identifier: Apache-2.0
// Whole tensors moved: Transpose, Concat, Split, Expand, Tile, DepthToSpace, ReverseSequence, ...
#include "model/ops/move.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- costs -------------------------------------------------------------------------------------

static int64_t bytes_of(const sz_type *t) {
    int64_t n = 1;
    for (int32_t k = 0; k < t->rank; k++)
        if (!sz_mul(n, t->dims[k], &n)) return -1;
    return sz_dtype_bytes(t->dtype, n);
}

// Operators that read of input 0 only what they write (gather, slice, split, crop): at most the
// whole input, once, however often an element is written. Other inputs are read whole.
sz_status sz_cost_picked(sz_costing *c) {
    int64_t whole = bytes_of(sz_in(&c->in, 0)), written = c->work->bytes_written;
    if (whole > written) c->work->bytes_read -= whole - written;
    return SZ_OK;
}

// Operators that make their output from nothing but sizes: no reads.
sz_status sz_cost_fill(sz_costing *c) {
    c->work->bytes_read = 0;
    return SZ_OK;
}

// ---- Transpose ---------------------------------------------------------------------------------

static sz_status read_perm(const sz_infer *n, int32_t rank, int *perm) {
    const int64_t *given;
    int32_t count = sz_attr_ints(n->node, "perm", &given);
    bool seen[SZ_MAX_RANK] = {false};
    for (int32_t k = 0; k < rank; k++) perm[k] = rank - 1 - k;
    if (!sz_attr_find(n->node, "perm")) return SZ_OK;
    if (count != rank) return sz_op_fail(n, "perm has %d axes, the rank is %d", count, rank);
    for (int32_t k = 0; k < rank; k++) {
        if (given[k] < 0 || given[k] >= rank)
            return sz_op_fail(n, "axis %" PRId64 " in perm is out of range for rank %d", given[k],
                              rank);
        if (seen[given[k]]) return sz_op_fail(n, "perm names axis %" PRId64 " twice", given[k]);
        seen[given[k]] = true;
        perm[k] = (int)given[k];
    }
    return SZ_OK;
}

sz_status sz_shape_transpose(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int perm[SZ_MAX_RANK];
    int64_t dims[SZ_MAX_RANK];
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    SZ_TRY(read_perm(n, x->rank, perm));
    for (int32_t k = 0; k < x->rank; k++) dims[k] = x->dims[perm[k]];
    return sz_out(n, 0, x->dtype, x->rank, dims);
}

sz_status sz_value_transpose(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    sz_box box = {.rank = x->rank};
    int64_t steps[SZ_MAX_RANK];
    int perm[SZ_MAX_RANK];
    sz_tensor *y;
    SZ_TRY(read_perm(n, x->rank, perm));
    sz_row_major(x->rank, x->dims, steps);
    for (int32_t k = 0; k < x->rank; k++) {
        box.dims[k] = x->dims[perm[k]];
        box.from[k] = steps[perm[k]];
    }
    sz_row_major(x->rank, box.dims, box.to);
    SZ_TRY(sz_move_out(n, 0, x, x->rank, box.dims, &y));
    if (y) sz_move_box(y, x, &box);
    return SZ_OK;
}

// ---- Concat ------------------------------------------------------------------------------------

static sz_status concat_axis(const sz_infer *n, int32_t rank, int *ret_axis) {
    const sz_attr *a = sz_attr_find(n->node, "axis");
    if (!a && n->opset >= 4) return sz_op_missing_attr(n, "axis");
    return sz_op_axis(n, sz_attr_i(n->node, "axis", 1), rank, ret_axis);
}

// Join the dims of input i to those found so far.
static sz_status join_dims(const sz_infer *n, int i, int axis, int64_t *dims) {
    const sz_type *x = sz_in(n, i);
    for (int32_t k = 0; k < x->rank; k++) {
        if (k == axis) {
            SZ_TRY(sz_dim_add(n, dims[k], x->dims[k], &dims[k]));
        } else if (dims[k] < 0) {
            if (dims[k] == SZ_DIM_UNKNOWN || x->dims[k] >= 0) dims[k] = x->dims[k];
        } else if (x->dims[k] >= 0 && x->dims[k] != dims[k]) {
            return sz_op_fail(n, "axis %d differs: %" PRId64 " and %" PRId64 " (input %d)", k,
                              dims[k], x->dims[k], i);
        }
    }
    return SZ_OK;
}

sz_status sz_shape_concat(sz_infer *n) {
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = -1;
    int axis = 0;
    bool open = false; // an input of unknown rank: the axis is unknown
    for (int i = 0; i < n->node->n_inputs; i++) {
        int32_t r = sz_in_rank(n, i);
        if (!sz_has_in(n, i)) continue;
        open |= r < 0;
        if (r < 0) continue;
        if (rank >= 0 && r != rank)
            return sz_op_fail(n, "ranks differ: %d and %d (input %d)", rank, r, i);
        if (rank < 0) {
            SZ_TRY(concat_axis(n, r, &axis));
            for (int32_t k = 0; k < r; k++) dims[k] = k == axis ? 0 : SZ_DIM_UNKNOWN;
        }
        rank = r;
        SZ_TRY(join_dims(n, i, axis, dims));
    }
    if (rank < 0) {
        if (n->opset >= 4 && !sz_attr_find(n->node, "axis")) return sz_op_missing_attr(n, "axis");
        return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    }
    if (open) dims[axis] = SZ_DIM_UNKNOWN;
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

sz_status sz_value_concat(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    const sz_type *t = sz_out_get(n, 0);
    int64_t at = 0, steps[SZ_MAX_RANK], sum = 0;
    sz_tensor *y;
    int axis;
    SZ_TRY(concat_axis(n, x->rank, &axis));
    for (int i = 0; i < n->node->n_inputs; i++) { // the file may declare other dims than ours
        const sz_tensor *p = sz_in_value(n, i);
        if (!p || p->rank != x->rank || p->dtype != x->dtype) return SZ_OK;
        sum += p->dims[axis];
    }
    if (t->rank != x->rank || t->dims[axis] != sum) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, t->rank, t->dims, &y));
    if (!y) return SZ_OK;
    sz_row_major(y->rank, y->dims, steps);
    for (int i = 0; i < n->node->n_inputs; i++) {
        const sz_tensor *p = sz_in_value(n, i);
        sz_box box = {.rank = p->rank, .to0 = at * steps[axis]};
        sz_row_major(p->rank, p->dims, box.from);
        memcpy(box.dims, p->dims, (size_t)p->rank * sizeof *box.dims);
        memcpy(box.to, steps, (size_t)p->rank * sizeof *box.to);
        sz_move_box(y, p, &box);
        at += p->dims[axis];
    }
    return SZ_OK;
}

// ---- Split -------------------------------------------------------------------------------------

// Equal parts: num_outputs of them with a smaller last one (opset 18), else as many as outputs.
static sz_status equal_parts(const sz_infer *n, int64_t dim, int64_t *sizes) {
    const int64_t outputs = n->node->n_outputs, parts = sz_attr_i(n->node, "num_outputs", outputs);
    if (parts != outputs)
        return sz_op_fail(n, "num_outputs is %" PRId64 ", the node has %" PRId64 " outputs", parts,
                          outputs);
    if (dim >= 0 && dim % parts != 0 && n->opset < 18)
        return sz_op_fail(n, "size %" PRId64 " does not split into %" PRId64 " equal parts", dim,
                          parts);
    int64_t chunk = dim < 0 ? SZ_DIM_UNKNOWN : dim / parts + (dim % parts != 0);
    for (int64_t o = 0; o < parts; o++) sizes[o] = chunk;
    if (dim >= 0) sizes[parts - 1] = dim - chunk * (parts - 1);
    if (dim >= 0 && sizes[parts - 1] < 0)
        return sz_op_fail(n, "size %" PRId64 " does not split into %" PRId64 " parts of %" PRId64,
                          dim, parts, chunk);
    return SZ_OK;
}

static sz_status given_parts(const sz_infer *n, const sz_operand *split, int64_t dim,
                             int64_t *sizes) {
    int64_t sum = 0;
    int32_t unknown = 0, last = 0;
    if (split->n >= 0 && split->n != n->node->n_outputs)
        return sz_op_fail(n, "split has %d sizes for %d outputs", split->n, n->node->n_outputs);
    for (int32_t o = 0; o < n->node->n_outputs; o++) {
        sizes[o] = sz_operand_at(split, o);
        if (sizes[o] == SZ_VALUE_UNKNOWN) {
            sizes[last = o] = SZ_DIM_UNKNOWN;
            unknown++;
        } else if (sizes[o] < 0 || !sz_add(sum, sizes[o], &sum)) {
            return sz_op_fail(n, "split size %" PRId64 " is out of range", sizes[o]);
        }
    }
    if (dim < 0) return SZ_OK;
    if (unknown == 0 ? sum != dim : sum > dim)
        return sz_op_fail(n, "split sizes sum to %" PRId64 ", the axis has size %" PRId64, sum,
                          dim);
    if (unknown == 1) sizes[last] = dim - sum;
    return SZ_OK;
}

// Sizes of all parts in the arena.
static sz_status split_sizes(const sz_infer *n, int64_t dim, int64_t **ret_sizes) {
    sz_operand split;
    SZ_TRY(sz_operand_read(n, 1, "split", &split));
    int64_t *sizes = sz_op_alloc(n, (size_t)n->node->n_outputs, sizeof *sizes);
    if (!sizes) return sz_no_memory(n->ctx);
    *ret_sizes = sizes;
    return split.given ? given_parts(n, &split, dim, sizes) : equal_parts(n, dim, sizes);
}

sz_status sz_shape_split(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK], *sizes;
    int axis;
    if (n->node->n_outputs == 0) return sz_op_fail(n, "has no outputs");
    if (x->rank < 0) {
        for (int o = 0; o < n->node->n_outputs; o++) SZ_TRY(sz_out_rank(n, o, x->dtype, -1));
        return SZ_OK;
    }
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), x->rank, &axis));
    SZ_TRY(split_sizes(n, x->dims[axis], &sizes));
    sz_dims_copy(dims, x);
    for (int o = 0; o < n->node->n_outputs; o++) {
        dims[axis] = sizes[o];
        SZ_TRY(sz_out(n, o, x->dtype, x->rank, dims));
    }
    return SZ_OK;
}

sz_status sz_value_split(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    int64_t at = 0, *sizes;
    int axis;
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), x->rank, &axis));
    SZ_TRY(split_sizes(n, x->dims[axis], &sizes));
    for (int o = 0; o < n->node->n_outputs && sizes[o] >= 0; o++) {
        sz_box box = {.rank = x->rank};
        sz_tensor *y;
        memcpy(box.dims, x->dims, (size_t)x->rank * sizeof *box.dims);
        sz_row_major(x->rank, x->dims, box.from);
        box.dims[axis] = sizes[o];
        box.from0 = at * box.from[axis];
        sz_row_major(x->rank, box.dims, box.to);
        SZ_TRY(sz_move_out(n, o, x, x->rank, box.dims, &y));
        if (y) sz_move_box(y, x, &box);
        at += sizes[o];
    }
    return SZ_OK;
}

// ---- Expand ------------------------------------------------------------------------------------

// One axis: x is 1 where the input has no such axis.
static sz_status expand_dim(const sz_infer *n, int64_t x, int64_t to, int64_t *ret) {
    if (to == SZ_VALUE_UNKNOWN) { // a known size other than 1 can only stay
        *ret = x == 1 ? SZ_DIM_UNKNOWN : x;
    } else if (to < 0) {
        return sz_op_fail(n, "size %" PRId64 " to expand to is negative", to);
    } else if (to == 1 || x == to) {
        *ret = x;
    } else if (x == 1 || x < 0) {
        *ret = to;
    } else {
        return sz_op_fail(n, "size %" PRId64 " does not expand to %" PRId64, x, to);
    }
    return SZ_OK;
}

sz_status sz_shape_expand(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK];
    sz_operand shape;
    SZ_TRY(sz_operand_read(n, 1, NULL, &shape));
    if (shape.n > SZ_MAX_RANK)
        return sz_op_fail(n, "rank %d is above the limit of %d", shape.n, SZ_MAX_RANK);
    if (x->rank < 0 || shape.n < 0) return sz_out_rank(n, 0, x->dtype, -1);
    int32_t rank = shape.n > x->rank ? shape.n : x->rank;
    for (int32_t k = 0; k < rank; k++) {
        int32_t ix = k - (rank - x->rank), is = k - (rank - shape.n);
        SZ_TRY(expand_dim(n, ix < 0 ? 1 : x->dims[ix], is < 0 ? 1 : sz_operand_at(&shape, is),
                          &dims[k]));
    }
    return sz_out(n, 0, x->dtype, rank, dims);
}

sz_status sz_value_expand(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    const sz_type *t = sz_out_get(n, 0);
    int64_t steps[SZ_MAX_RANK];
    sz_tensor *y;
    for (int32_t k = 0; k < x->rank; k++) { // the file may declare other dims than ours
        int64_t to = t->rank < x->rank ? -1 : t->dims[t->rank - x->rank + k];
        if (to != x->dims[k] && x->dims[k] != 1) return SZ_OK;
    }
    if (t->rank < x->rank) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, t->rank, t->dims, &y));
    if (!y) return SZ_OK;
    sz_box box = {.rank = y->rank};
    memcpy(box.dims, y->dims, (size_t)y->rank * sizeof *box.dims);
    sz_row_major(y->rank, y->dims, box.to);
    sz_row_major(x->rank, x->dims, steps);
    for (int32_t k = 0; k < x->rank; k++)
        box.from[y->rank - x->rank + k] = x->dims[k] == 1 ? 0 : steps[k];
    sz_move_box(y, x, &box);
    return SZ_OK;
}

// ---- Tile --------------------------------------------------------------------------------------

// Repeats per axis, SZ_VALUE_UNKNOWN where not known. Opset 1 tiles one axis: (x, tiles, axis).
static sz_status tile_repeats(const sz_infer *n, int32_t rank, int64_t *repeats) {
    sz_operand tiles, axis;
    int at;
    SZ_TRY(sz_operand_read(n, 1, NULL, &tiles));
    SZ_TRY(sz_operand_read(n, 2, NULL, &axis));
    bool old = n->opset < 6;
    if (!old && tiles.n >= 0 && tiles.n != rank)
        return sz_op_fail(n, "%d repeats for rank %d", tiles.n, rank);
    if (old && ((tiles.known && tiles.n < 1) || (axis.known && axis.n < 1)))
        return sz_op_fail(n, "tiles or axis is empty");
    for (int32_t k = 0; k < rank; k++) repeats[k] = old ? 1 : sz_operand_at(&tiles, k);
    if (old && sz_operand_is_full(&axis)) {
        SZ_TRY(sz_op_axis(n, axis.v[0], rank, &at));
        repeats[at] = sz_operand_at(&tiles, 0);
    } else if (old) {
        for (int32_t k = 0; k < rank; k++) repeats[k] = SZ_VALUE_UNKNOWN;
    }
    for (int32_t k = 0; k < rank; k++)
        if (repeats[k] < 0 && repeats[k] != SZ_VALUE_UNKNOWN)
            return sz_op_fail(n, "repeats %" PRId64 " at axis %d is negative", repeats[k], k);
    return SZ_OK;
}

sz_status sz_shape_tile(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK], repeats[SZ_MAX_RANK];
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    SZ_TRY(tile_repeats(n, x->rank, repeats));
    for (int32_t k = 0; k < x->rank; k++) {
        int64_t by = repeats[k] == SZ_VALUE_UNKNOWN ? SZ_DIM_UNKNOWN : repeats[k];
        if (by == SZ_DIM_UNKNOWN)
            dims[k] = x->dims[k] == 0 ? 0 : SZ_DIM_UNKNOWN;
        else
            SZ_TRY(sz_dim_mul(n, x->dims[k], by, &dims[k]));
    }
    return sz_out(n, 0, x->dtype, x->rank, dims);
}

sz_status sz_value_tile(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    int64_t dims[SZ_MAX_RANK], repeats[SZ_MAX_RANK], from[SZ_MAX_RANK], to[SZ_MAX_RANK];
    sz_box box = {.rank = 2 * x->rank};
    sz_tensor *y;
    SZ_TRY(tile_repeats(n, x->rank, repeats));
    for (int32_t k = 0; k < x->rank; k++)
        if (repeats[k] < 0 || !sz_mul(x->dims[k], repeats[k], &dims[k])) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, x->rank, dims, &y));
    if (!y) return SZ_OK;
    sz_row_major(x->rank, x->dims, from);
    sz_row_major(x->rank, dims, to);
    for (int32_t k = 0; k < x->rank; k++) { // axis k as (repeat, element)
        box.dims[2 * k] = repeats[k];
        box.to[2 * k] = to[k] * x->dims[k];
        box.dims[2 * k + 1] = x->dims[k];
        box.from[2 * k + 1] = from[k];
        box.to[2 * k + 1] = to[k];
    }
    sz_move_box(y, x, &box);
    return SZ_OK;
}
