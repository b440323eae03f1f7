// SPDX-License-Identifier: Apache-2.0
// Writing by index: Scatter, ScatterElements, ScatterND, TensorScatter. The output is a copy of the
// data, written once; the data, the indices and the updates are read once.
#include "model/ops/move.h"
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- reductions --------------------------------------------------------------------------------

typedef enum reduction {
    REDUCE_NONE, REDUCE_ADD, REDUCE_MUL, REDUCE_MAX, REDUCE_MIN,
    REDUCTIONS
} reduction;

static sz_status read_reduction(const sz_infer *n, reduction *ret) {
    static const char *const names[REDUCTIONS] = {"none", "add", "mul", "max", "min"};
    sz_str name = sz_attr_s(n->node, "reduction", "none");
    for (int r = 0; r < REDUCTIONS; r++) {
        *ret = (reduction)r;
        if (sz_str_is(name, names[r])) return SZ_OK;
    }
    return sz_op_fail(n, "unknown reduction '%s'", sz_show(n->ctx, name));
}

static int64_t reduce_int(reduction r, sz_dtype t, int64_t a, int64_t b) {
    if (a == SZ_VALUE_UNKNOWN || b == SZ_VALUE_UNKNOWN) return SZ_VALUE_UNKNOWN;
    switch (r) {
    case REDUCE_ADD: return sz_wrap(t, (int64_t)((uint64_t)a + (uint64_t)b));
    case REDUCE_MUL: return sz_wrap(t, (int64_t)((uint64_t)a * (uint64_t)b));
    case REDUCE_MAX: return a > b ? a : b;
    default: return a < b ? a : b;
    }
}

static double reduce_float(reduction r, sz_dtype t, double a, double b) {
    switch (r) {
    case REDUCE_ADD: return sz_round_to(t, a + b);
    case REDUCE_MUL: return sz_round_to(t, a * b);
    case REDUCE_MAX: return a > b ? a : b;
    default: return a < b ? a : b;
    }
}

static void put(sz_tensor *y, int64_t to, const sz_tensor *updates, int64_t from, reduction r) {
    if (r == REDUCE_NONE || y->s)
        sz_move_element(y, to, updates, from);
    else if (y->f)
        y->f[to] = reduce_float(r, y->dtype, y->f[to], updates->f[from]);
    else
        y->i[to] = reduce_int(r, y->dtype, y->i[to], updates->i[from]);
}

// One operation per update where a reduction is named; plain scattering is data movement.
sz_status sz_cost_scatter(sz_costing *c) {
    reduction r;
    SZ_TRY(read_reduction(&c->in, &r));
    if (r == REDUCE_NONE) return SZ_OK;
    return sz_cost_add_flops(c, 1, (const int64_t[]){sz_cost_in_elements(c, 2)});
}

// ---- ScatterElements ---------------------------------------------------------------------------

sz_status sz_shape_scatter_elements(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *at = sz_in(n, 1), *u = sz_in(n, 2);
    reduction r;
    int axis;
    SZ_TRY(read_reduction(n, &r));
    if (x->rank >= 0) SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), x->rank, &axis));
    if (x->rank >= 0 && at->rank >= 0 && x->rank != at->rank)
        return sz_op_fail(n, "data has rank %d, indices have rank %d", x->rank, at->rank);
    if (u->rank >= 0 && at->rank >= 0 && u->rank != at->rank)
        return sz_op_fail(n, "indices have rank %d, updates have rank %d", at->rank, u->rank);
    for (int32_t k = 0; k < at->rank && k < u->rank; k++)
        if (at->dims[k] >= 0 && u->dims[k] >= 0 && at->dims[k] != u->dims[k])
            return sz_op_fail(n, "axis %d differs: indices have %" PRId64 ", updates have %" PRId64,
                              k, at->dims[k], u->dims[k]);
    return sz_out_like(n, 0, 0);
}

// The output as a copy of the data; NULL where the numbers can't be told.
static sz_status copy_data(sz_infer *n, const sz_tensor *u, sz_tensor **ret) {
    const sz_tensor *x = sz_in_value(n, 0);
    *ret = NULL;
    if (u->dtype != x->dtype || !sz_in_value(n, 1)->i) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, x->rank, x->dims, ret));
    for (int64_t k = 0; *ret && k < x->count; k++) sz_move_element(*ret, k, x, k);
    return SZ_OK;
}

// Where update k goes, by its own place and the index on `axis`; false: nowhere.
static bool element_place(const sz_tensor *x, const sz_tensor *at, int axis, int64_t k,
                          int64_t *ret_place) {
    int64_t place = 0, step = 1;
    for (int32_t a = x->rank - 1; a >= 0; a--) {
        int64_t index = k % at->dims[a];
        k /= at->dims[a];
        if (a != axis && index >= x->dims[a]) return false;
        if (a == axis) index = *ret_place;
        place += index * step;
        step *= x->dims[a];
    }
    *ret_place = place;
    return true;
}

sz_status sz_value_scatter_elements(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0), *at = sz_in_value(n, 1), *u = sz_in_value(n, 2);
    reduction r;
    sz_tensor *y;
    int axis;
    SZ_TRY(read_reduction(n, &r));
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), x->rank, &axis));
    if (!at->i || at->rank != x->rank || u->count != at->count) return SZ_OK;
    int64_t *places = sz_op_alloc(n, at->count ? (size_t)at->count : 1, sizeof *places);
    if (!places) return sz_no_memory(n->ctx);
    for (int64_t k = 0; k < at->count; k++)
        if (!sz_move_index(at->i[k], x->dims[axis], &places[k]) ||
            !element_place(x, at, axis, k, &places[k]))
            return SZ_OK;
    SZ_TRY(copy_data(n, u, &y));
    for (int64_t k = 0; y && k < at->count; k++) put(y, places[k], u, k, r);
    return SZ_OK;
}

// ---- ScatterND ---------------------------------------------------------------------------------

// updates must be indices.dims[:-1] + data.dims[tuple:].
static sz_status check_updates(const sz_infer *n, const sz_type *x, const sz_type *at,
                               const sz_type *u, int32_t tuple) {
    int32_t rank = at->rank - 1 + x->rank - tuple;
    if (u->rank < 0) return SZ_OK;
    if (u->rank != rank) return sz_op_fail(n, "updates have rank %d, not %d", u->rank, rank);
    for (int32_t k = 0; k < rank; k++) {
        int64_t dim = k < at->rank - 1 ? at->dims[k] : x->dims[tuple + k - (at->rank - 1)];
        if (dim >= 0 && u->dims[k] >= 0 && dim != u->dims[k])
            return sz_op_fail(n, "updates have size %" PRId64 " at axis %d, not %" PRId64,
                              u->dims[k], k, dim);
    }
    return SZ_OK;
}

sz_status sz_shape_scatter_nd(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *at = sz_in(n, 1);
    reduction r;
    SZ_TRY(read_reduction(n, &r));
    if (x->rank < 0 || at->rank < 0) return sz_out_like(n, 0, 0);
    if (x->rank < 1 || at->rank < 1)
        return sz_op_fail(n, "data has rank %d, indices have rank %d: both must be at least 1",
                          x->rank, at->rank);
    int64_t tuple = at->dims[at->rank - 1];
    if (tuple > x->rank)
        return sz_op_fail(n, "tuples of %" PRId64 " indices for %d axes", tuple, x->rank);
    if (tuple >= 0) SZ_TRY(check_updates(n, x, at, sz_in(n, 2), (int32_t)tuple));
    return sz_out_like(n, 0, 0);
}

sz_status sz_value_scatter_nd(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0), *at = sz_in_value(n, 1), *u = sz_in_value(n, 2);
    reduction r;
    sz_tensor *y;
    SZ_TRY(read_reduction(n, &r));
    int64_t tuple = at->rank > 0 ? at->dims[at->rank - 1] : 0;
    if (!at->i || tuple < 1 || tuple > x->rank) return SZ_OK;
    int64_t tuples = at->count / tuple, inner = sz_small_product(x->dims, (int32_t)tuple, x->rank);
    if (u->count != tuples * inner) return SZ_OK;
    int64_t *places = sz_op_alloc(n, tuples ? (size_t)tuples : 1, sizeof *places);
    if (!places) return sz_no_memory(n->ctx);
    for (int64_t t = 0; t < tuples; t++)
        for (int64_t k = 0; k < tuple; k++) {
            int64_t index;
            if (!sz_move_index(at->i[t * tuple + k], x->dims[k], &index)) return SZ_OK;
            places[t] = places[t] * x->dims[k] + index;
        }
    SZ_TRY(copy_data(n, u, &y));
    for (int64_t k = 0; y && k < u->count; k++)
        put(y, places[k / inner] * inner + k % inner, u, k, r);
    return SZ_OK;
}

// ---- TensorScatter -----------------------------------------------------------------------------

sz_status sz_shape_tensor_scatter(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *u = sz_in(n, 1);
    int axis;
    if (x->rank < 0 || u->rank < 0) return sz_out_like(n, 0, 0);
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", -2), x->rank, &axis));
    if (axis == 0) return sz_op_fail(n, "axis 0 is the batch, it cannot be the sequence");
    if (x->rank != u->rank)
        return sz_op_fail(n, "the cache has rank %d, the update has rank %d", x->rank, u->rank);
    for (int32_t k = 0; k < x->rank; k++) {
        if (x->dims[k] < 0 || u->dims[k] < 0) continue;
        if (k == axis ? u->dims[k] > x->dims[k] : u->dims[k] != x->dims[k])
            return sz_op_fail(n, "axis %d: the update has size %" PRId64 ", the cache %" PRId64, k,
                              u->dims[k], x->dims[k]);
    }
    return sz_out_like(n, 0, 0);
}
