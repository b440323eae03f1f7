// SPDX-License-Identifier: Apache-2.0
// Reading by index: Gather, GatherElements, GatherND.
#include "model/ops/move.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// An index that is out of range leaves the numbers unknown: it may stand in a branch not taken.

// ---- Gather ------------------------------------------------------------------------------------

static sz_status gather_dims(const sz_infer *n, const sz_type *x, const sz_type *at, int *ret_axis,
                             int32_t *ret_rank, int64_t *dims) {
    int32_t rank = 0;
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), x->rank, ret_axis));
    if (x->rank - 1 + at->rank > SZ_MAX_RANK)
        return sz_op_fail(n, "rank %d is above the limit of %d", x->rank - 1 + at->rank,
                          SZ_MAX_RANK);
    for (int32_t k = 0; k < *ret_axis; k++) dims[rank++] = x->dims[k];
    for (int32_t k = 0; k < at->rank; k++) dims[rank++] = at->dims[k];
    for (int32_t k = *ret_axis + 1; k < x->rank; k++) dims[rank++] = x->dims[k];
    *ret_rank = rank;
    return SZ_OK;
}

sz_status sz_shape_gather(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *at = sz_in(n, 1);
    int64_t dims[2 * SZ_MAX_RANK];
    int32_t rank;
    int axis;
    if (x->rank < 0 || at->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    SZ_TRY(gather_dims(n, x, at, &axis, &rank, dims));
    return sz_out(n, 0, x->dtype, rank, dims);
}

// All indices normalised to [0, dim), in the arena; NULL when one is unknown or out of range.
static sz_status read_indices(const sz_infer *n, const sz_tensor *at, int64_t dim, int64_t **ret) {
    *ret = NULL;
    if (!at->i) return SZ_OK;
    int64_t *index = sz_op_alloc(n, at->count ? (size_t)at->count : 1, sizeof *index);
    if (!index) return sz_no_memory(n->ctx);
    for (int64_t k = 0; k < at->count; k++)
        if (!sz_move_index(at->i[k], dim, &index[k])) return SZ_OK;
    *ret = index;
    return SZ_OK;
}

sz_status sz_value_gather(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0), *at = sz_in_value(n, 1);
    sz_type tx = sz_type_tensor(x->dtype, x->rank, x->dims);
    sz_type ti = sz_type_tensor(at->dtype, at->rank, at->dims);
    int64_t dims[2 * SZ_MAX_RANK], *index;
    sz_tensor *y;
    int32_t rank;
    int axis;
    SZ_TRY(gather_dims(n, &tx, &ti, &axis, &rank, dims));
    SZ_TRY(read_indices(n, at, x->dims[axis], &index));
    if (!index) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, rank, dims, &y));
    if (!y || y->count == 0) return SZ_OK;
    int64_t outer = sz_small_product(x->dims, 0, axis);
    int64_t inner = sz_small_product(x->dims, axis + 1, x->rank);
    for (int64_t o = 0, to = 0; o < outer; o++)
        for (int64_t k = 0; k < at->count; k++)
            for (int64_t j = 0; j < inner; j++, to++)
                sz_move_element(y, to, x, (o * x->dims[axis] + index[k]) * inner + j);
    return SZ_OK;
}

// ---- GatherElements ----------------------------------------------------------------------------

sz_status sz_shape_gather_elements(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *at = sz_in(n, 1);
    int axis;
    if (x->rank >= 0) SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), x->rank, &axis));
    if (x->rank >= 0 && at->rank >= 0 && x->rank != at->rank)
        return sz_op_fail(n, "data has rank %d, indices have rank %d", x->rank, at->rank);
    if (at->rank < 0) return sz_out_rank(n, 0, x->dtype, x->rank);
    for (int32_t k = 0; k < x->rank; k++)
        if (k != axis && x->dims[k] >= 0 && at->dims[k] > x->dims[k])
            return sz_op_fail(n, "indices have size %" PRId64 " at axis %d, data has %" PRId64,
                              at->dims[k], k, x->dims[k]);
    return sz_out(n, 0, x->dtype, at->rank, at->dims);
}

sz_status sz_value_gather_elements(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0), *at = sz_in_value(n, 1);
    int64_t *index, steps[SZ_MAX_RANK], at_steps[SZ_MAX_RANK];
    sz_tensor *y;
    int axis;
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), x->rank, &axis));
    SZ_TRY(read_indices(n, at, x->dims[axis], &index));
    if (!index || at->rank != x->rank) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, at->rank, at->dims, &y));
    if (!y || y->count == 0) return SZ_OK;
    sz_row_major(x->rank, x->dims, steps);
    sz_row_major(at->rank, at->dims, at_steps);
    for (int64_t k = 0; k < y->count; k++) {
        int64_t from = 0;
        for (int32_t a = 0; a < x->rank; a++)
            from += (a == axis ? index[k] : k / at_steps[a] % at->dims[a]) * steps[a];
        sz_move_element(y, k, x, from);
    }
    return SZ_OK;
}

// ---- GatherND ----------------------------------------------------------------------------------

typedef struct nd {
    int32_t batch;  // leading axes that data and indices share
    int32_t tuple;  // indices of one tuple, -1 = not known
    int32_t rank;   // of the output
    int64_t dims[2 * SZ_MAX_RANK];
} nd;

// The length of a tuple is the last dim of the indices: it decides the rank.
static sz_status plan_nd(const sz_infer *n, const sz_type *x, const sz_type *at, nd *p) {
    const int64_t batch = sz_attr_i(n->node, "batch_dims", 0);
    *p = (nd){.tuple = -1};
    if (x->rank < 1 || at->rank < 1)
        return sz_op_fail(n, "data has rank %d, indices have rank %d: both must be at least 1",
                          x->rank, at->rank);
    if (batch < 0 || batch >= x->rank || batch >= at->rank)
        return sz_op_fail(n, "batch_dims %" PRId64 " is out of range for ranks %d and %d", batch,
                          x->rank, at->rank);
    p->batch = (int32_t)batch;
    for (int32_t k = 0; k < batch; k++)
        if (x->dims[k] >= 0 && at->dims[k] >= 0 && x->dims[k] != at->dims[k])
            return sz_op_fail(n, "batch axis %d differs: %" PRId64 " and %" PRId64, k, x->dims[k],
                              at->dims[k]);
    int64_t tuple = at->dims[at->rank - 1];
    if (tuple < 0) return SZ_OK;
    if (tuple < 1 || tuple > x->rank - batch)
        return sz_op_fail(n, "tuples of %" PRId64 " indices for %" PRId64 " axes", tuple,
                          x->rank - batch);
    p->tuple = (int32_t)tuple;
    for (int32_t k = 0; k < at->rank - 1; k++) p->dims[p->rank++] = at->dims[k];
    for (int32_t k = p->batch + p->tuple; k < x->rank; k++) p->dims[p->rank++] = x->dims[k];
    return SZ_OK;
}

sz_status sz_shape_gather_nd(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *at = sz_in(n, 1);
    nd p;
    if (x->rank < 0 || at->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    SZ_TRY(plan_nd(n, x, at, &p));
    if (p.tuple < 0) return sz_out_rank(n, 0, x->dtype, -1);
    return sz_out(n, 0, x->dtype, p.rank, p.dims);
}

// The slice that tuple t points at, counted in slices; false when it points nowhere.
static bool slice_of(const nd *p, const sz_tensor *x, const sz_tensor *at, int64_t t,
                     int64_t per_batch, int64_t *ret) {
    int64_t place = t / per_batch;
    for (int32_t k = 0; k < p->tuple; k++) {
        int64_t index, dim = x->dims[p->batch + k];
        if (!sz_move_index(at->i[t * p->tuple + k], dim, &index)) return false;
        place = place * dim + index;
    }
    *ret = place;
    return true;
}

sz_status sz_value_gather_nd(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0), *at = sz_in_value(n, 1);
    sz_type tx = sz_type_tensor(x->dtype, x->rank, x->dims);
    sz_type ti = sz_type_tensor(at->dtype, at->rank, at->dims);
    int64_t place;
    sz_tensor *y;
    nd p;
    SZ_TRY(plan_nd(n, &tx, &ti, &p));
    if (!at->i || p.tuple < 0) return SZ_OK;
    int64_t tuples = at->count / p.tuple;
    int64_t inner = sz_small_product(x->dims, p.batch + p.tuple, x->rank);
    int64_t per_batch = sz_small_product(at->dims, p.batch, at->rank - 1);
    for (int64_t t = 0; t < tuples; t++)
        if (!slice_of(&p, x, at, t, per_batch, &place)) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, p.rank, p.dims, &y));
    if (!y || y->count == 0) return SZ_OK;
    for (int64_t t = 0; t < tuples; t++) {
        (void)slice_of(&p, x, at, t, per_batch, &place);
        for (int64_t j = 0; j < inner; j++) sz_move_element(y, t * inner + j, x, place * inner + j);
    }
    return SZ_OK;
}
