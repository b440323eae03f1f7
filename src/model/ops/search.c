// SPDX-License-Identifier: Apache-2.0
// Operators that search: TopK, NonZero, Unique, Compress. Where the numbers of the input are known
// their data-dependent shapes are exact, else the axis that depends on data stays unknown.
#include "model/ops/move.h"
#include "model/ops/numbers.h"
#include "model/ops/rules.h"
#include "model/ops/xla.h"

#include <inttypes.h>

// Known numbers of input i without a single unknown one, else NULL.
static const sz_tensor *full_value(const sz_infer *n, int i) {
    const sz_tensor *t = sz_in_value(n, i);
    return t && !(t->i && sz_has_unknown(t)) ? t : NULL;
}

// ---- TopK --------------------------------------------------------------------------------------

static sz_status top_k_size(const sz_infer *n, int64_t dim, int64_t *ret) {
    sz_operand k;
    SZ_TRY(sz_operand_read(n, 1, "k", &k));
    if (!k.given) return sz_op_missing_attr(n, "k");
    if (k.known && k.n != 1) return sz_op_fail(n, "K has %d elements, it must have 1", k.n);
    *ret = sz_operand_at(&k, 0);
    if (*ret == SZ_VALUE_UNKNOWN)
        *ret = SZ_DIM_UNKNOWN;
    else if (*ret < 0 || (dim >= 0 && *ret > dim))
        return sz_op_fail(n, "K is %" PRId64 ", the axis has size %" PRId64, *ret, dim);
    return SZ_OK;
}

sz_status sz_shape_top_k(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const sz_dtype i64 = sz_dtype_by_name("i64");
    int64_t dims[SZ_MAX_RANK];
    int axis;
    if (x->rank < 0) {
        SZ_TRY(sz_out_rank(n, 0, x->dtype, -1));
        return sz_out_rank(n, 1, i64, -1);
    }
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", -1), x->rank, &axis));
    sz_dims_copy(dims, x);
    SZ_TRY(top_k_size(n, x->dims[axis], &dims[axis]));
    SZ_TRY(sz_out(n, 0, x->dtype, x->rank, dims));
    return sz_out(n, 1, i64, x->rank, dims);
}

typedef struct ranking {
    const sz_tensor *x;
    int64_t base, step; // item j is element base + j * step
    bool largest;
} ranking;

// Best first; of equals the one with the lower index.
static int compare_ranks(const void *with, int64_t a, int64_t b) {
    const ranking *r = with;
    int c = sz_compare_elements(r->x, r->base + a * r->step, r->base + b * r->step);
    if (c == 0) return (a > b) - (a < b);
    return r->largest ? -c : c;
}

sz_status sz_value_top_k(sz_infer *n) {
    const sz_tensor *x = full_value(n, 0);
    int64_t dims[SZ_MAX_RANK], size;
    sz_tensor *y, *at;
    int axis;
    if (!x || x->count == 0) return SZ_OK;
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", -1), x->rank, &axis));
    size = x->dims[axis];
    memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    SZ_TRY(top_k_size(n, size, &dims[axis]));
    if (dims[axis] < 0) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, x->rank, dims, &y));
    SZ_TRY(sz_move_out(n, 1, NULL, x->rank, dims, &at));
    int64_t *order = sz_op_alloc(n, (size_t)size, sizeof *order);
    if (!order) return sz_no_memory(n->ctx);
    int64_t inner = sz_small_product(x->dims, axis + 1, x->rank);
    ranking r = {.x = x, .step = inner, .largest = sz_attr_i(n->node, "largest", 1) != 0};
    for (int64_t line = 0; line < x->count / size; line++) {
        r.base = line / inner * size * inner + line % inner;
        for (int64_t k = 0; k < size; k++) order[k] = k;
        sz_sort(order, size, compare_ranks, &r);
        int64_t to = line / inner * dims[axis] * inner + line % inner;
        for (int64_t k = 0; k < dims[axis]; k++) {
            if (y) sz_move_element(y, to + k * inner, x, r.base + order[k] * inner);
            if (at && at->i) at->i[to + k * inner] = order[k];
        }
    }
    return SZ_OK;
}

// Selection with a heap of the k best: per input element one comparison with the worst of them and
// at most ceil(log2 k) to place it. k = n is a heap sort.
sz_status sz_cost_top_k(sz_costing *c) {
    const sz_type *y = sz_out_get(&c->in, sz_has_out(&c->in, 0) ? 0 : 1);
    int axis;
    if (y->rank < 1) return SZ_OK;
    SZ_TRY(sz_op_axis(&c->in, sz_attr_i(c->in.node, "axis", -1), y->rank, &axis));
    if (y->dims[axis] == 0) return SZ_OK;
    const int64_t flops[2] = {c->work->in_elements, 1 + sz_log2_up(y->dims[axis])};
    return sz_cost_add_flops(c, 2, flops);
}

// ---- NonZero -----------------------------------------------------------------------------------

static bool is_zero(const sz_tensor *t, int64_t k) {
    return t->f ? t->f[k] == 0 : t->i ? t->i[k] == 0 : t->s[k].len == 0;
}

sz_status sz_shape_non_zero(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const sz_tensor *t = full_value(n, 0);
    int64_t dims[2] = {x->rank < 0 ? SZ_DIM_UNKNOWN : x->rank, SZ_DIM_UNKNOWN};
    if (t) {
        dims[1] = 0;
        for (int64_t k = 0; k < t->count; k++) dims[1] += !is_zero(t, k);
    }
    return sz_out(n, 0, sz_dtype_by_name("i64"), 2, dims);
}

sz_status sz_value_non_zero(sz_infer *n) {
    const sz_tensor *x = full_value(n, 0);
    int64_t dims[2] = {0, 0}, steps[SZ_MAX_RANK];
    sz_tensor *y;
    if (!x) return SZ_OK;
    dims[0] = x->rank;
    for (int64_t k = 0; k < x->count; k++) dims[1] += !is_zero(x, k);
    SZ_TRY(sz_move_out(n, 0, NULL, 2, dims, &y));
    if (!y || !y->i || y->count == 0) return SZ_OK;
    sz_row_major(x->rank, x->dims, steps);
    for (int64_t k = 0, found = 0; k < x->count; k++) {
        if (is_zero(x, k)) continue;
        for (int32_t a = 0; a < x->rank; a++)
            y->i[a * dims[1] + found] = k / steps[a] % x->dims[a];
        found++;
    }
    return SZ_OK;
}

// ---- Unique ------------------------------------------------------------------------------------

// Slices of the input along an axis (or single elements without one) and their classes of equals.
typedef struct unique {
    const sz_tensor *x;
    int axis;                       // SZ_NONE: flattened
    int64_t outer, slices, inner;   // element (o, s, j) is (o * slices + s) * inner + j
    int64_t found;                  // distinct slices
    int64_t *first, *inverse, *counts;
} unique;

static int compare_slices(const unique *u, int64_t a, int64_t b) {
    if (u->x->count == 0) return 0; // whatever the other dims are
    for (int64_t o = 0; o < u->outer; o++)
        for (int64_t j = 0; j < u->inner; j++) {
            int64_t at = o * u->slices * u->inner + j;
            int c = sz_compare_elements(u->x, at + a * u->inner, at + b * u->inner);
            if (c) return c;
        }
    return 0;
}

static int compare_unique(const void *with, int64_t a, int64_t b) {
    int c = compare_slices(with, a, b);
    return c ? c : (a > b) - (a < b);
}

static int compare_first(const void *with, int64_t a, int64_t b) {
    const int64_t *first = with;
    return (first[a] > first[b]) - (first[a] < first[b]);
}

// Number the classes by their first occurrence instead of by value.
static void by_occurrence(unique *u, int64_t *order, int64_t *room) {
    for (int64_t c = 0; c < u->found; c++) order[c] = c;
    sz_sort(order, u->found, compare_first, u->first);
    for (int64_t c = 0; c < u->found; c++) room[order[c]] = c; // old number -> new number
    for (int64_t s = 0; s < u->slices; s++) u->inverse[s] = room[u->inverse[s]];
    for (int64_t c = 0; c < u->found; c++) room[c] = u->first[order[c]];
    memcpy(u->first, room, (size_t)u->found * sizeof *room);
    for (int64_t c = 0; c < u->found; c++) room[c] = u->counts[order[c]];
    memcpy(u->counts, room, (size_t)u->found * sizeof *room);
}

static sz_status find_unique(const sz_infer *n, unique *u) {
    int64_t *room = sz_op_alloc(n, u->slices ? (size_t)u->slices : 1, 5 * sizeof *room);
    if (!room) return sz_no_memory(n->ctx);
    int64_t *order = room, *spare = room + u->slices;
    u->first = spare + u->slices;
    u->inverse = u->first + u->slices;
    u->counts = u->inverse + u->slices;
    for (int64_t s = 0; s < u->slices; s++) order[s] = s;
    sz_sort(order, u->slices, compare_unique, u);
    for (int64_t k = 0; k < u->slices; k++) {
        if (k == 0 || compare_slices(u, order[k - 1], order[k]) != 0)
            u->first[u->found++] = order[k]; // equals stand in the order of their index
        u->counts[u->found - 1]++;
        u->inverse[order[k]] = u->found - 1;
    }
    if (sz_attr_i(n->node, "sorted", 1) == 0) by_occurrence(u, order, spare);
    return SZ_OK;
}

static sz_status unique_axis(const sz_infer *n, int32_t rank, int *ret_axis) {
    const sz_attr *a = sz_attr_find(n->node, "axis");
    *ret_axis = SZ_NONE;
    return a && a->kind == SZ_ATTR_INT ? sz_op_axis(n, a->i, rank, ret_axis) : SZ_OK;
}

static sz_status solve_unique(const sz_infer *n, const sz_tensor *x, unique *u) {
    *u = (unique){.x = x, .outer = 1, .slices = x->count, .inner = 1};
    SZ_TRY(unique_axis(n, x->rank, &u->axis));
    if (u->axis != SZ_NONE) {
        u->outer = sz_small_product(x->dims, 0, u->axis);
        u->slices = x->dims[u->axis];
        u->inner = sz_small_product(x->dims, u->axis + 1, x->rank);
        if (u->slices > SZ_MAX_VALUE_ELEMENTS && !sz_graph_root(n->graph)->is_scratch)
            return sz_op_fail(n, "axis %d has %" PRId64 " empty slices", u->axis, u->slices);
    }
    return find_unique(n, u);
}

sz_status sz_shape_unique(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const sz_dtype i64 = sz_dtype_by_name("i64");
    const sz_tensor *t = full_value(n, 0);
    int64_t found = SZ_DIM_UNKNOWN, all, dims[SZ_MAX_RANK];
    int axis = SZ_NONE;
    unique u;
    if (x->rank >= 0) SZ_TRY(unique_axis(n, x->rank, &axis));
    if (t) {
        SZ_TRY(solve_unique(n, t, &u));
        found = u.found;
    }
    SZ_TRY(sz_type_elements(n->ctx, x, &all));
    if (axis != SZ_NONE) {
        all = x->dims[axis];
        sz_dims_copy(dims, x);
        dims[axis] = found;
        SZ_TRY(sz_out(n, 0, x->dtype, x->rank, dims));
    } else if (x->rank < 0 && sz_attr_find(n->node, "axis")) {
        SZ_TRY(sz_out_rank(n, 0, x->dtype, -1));
    } else {
        SZ_TRY(sz_out(n, 0, x->dtype, 1, &found));
    }
    SZ_TRY(sz_out(n, 1, i64, 1, &found));
    SZ_TRY(sz_out(n, 2, i64, 1, &all));
    return sz_out(n, 3, i64, 1, &found);
}

static sz_status put_list(sz_infer *n, int o, const int64_t *from, int64_t count) {
    sz_tensor *y;
    SZ_TRY(sz_move_out(n, o, NULL, 1, &count, &y));
    if (y && y->i) memcpy(y->i, from, (size_t)count * sizeof *from);
    return SZ_OK;
}

sz_status sz_value_unique(sz_infer *n) {
    const sz_tensor *x = full_value(n, 0);
    int64_t dims[SZ_MAX_RANK];
    sz_tensor *y;
    unique u;
    if (!x) return SZ_OK;
    SZ_TRY(solve_unique(n, x, &u));
    memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    if (u.axis == SZ_NONE)
        SZ_TRY(sz_move_out(n, 0, x, 1, &u.found, &y));
    else {
        dims[u.axis] = u.found;
        SZ_TRY(sz_move_out(n, 0, x, x->rank, dims, &y));
    }
    for (int64_t o = 0; y && y->count && o < u.outer; o++)
        for (int64_t c = 0; c < u.found; c++)
            for (int64_t j = 0; j < u.inner; j++)
                sz_move_element(y, (o * u.found + c) * u.inner + j, x,
                                (o * u.slices + u.first[c]) * u.inner + j);
    SZ_TRY(put_list(n, 1, u.first, u.found));
    SZ_TRY(put_list(n, 2, u.inverse, u.slices));
    return put_list(n, 3, u.counts, u.found);
}

// A sort of the slices: ceil(log2 slices) comparisons per input element.
sz_status sz_cost_unique(sz_costing *c) {
    const sz_type *x = sz_in(&c->in, 0);
    int axis;
    SZ_TRY(unique_axis(&c->in, x->rank, &axis));
    int64_t slices = axis == SZ_NONE ? c->work->in_elements : x->dims[axis];
    return sz_cost_add_flops(c, 2, (const int64_t[]){c->work->in_elements, sz_log2_up(slices)});
}

// ---- Compress ----------------------------------------------------------------------------------

// How many of the first `limit` conditions hold; SZ_DIM_UNKNOWN when not known.
static int64_t count_true(const sz_tensor *t, int64_t limit) {
    int64_t count = 0;
    if (!t || !t->i) return SZ_DIM_UNKNOWN;
    for (int64_t k = 0; k < t->count && k < limit; k++) count += t->i[k] != 0;
    return count;
}

sz_status sz_shape_compress(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const sz_tensor *t = full_value(n, 1);
    int64_t all, dims[SZ_MAX_RANK];
    int axis;
    if (x->rank < 0 && sz_attr_find(n->node, "axis")) return sz_out_rank(n, 0, x->dtype, -1);
    SZ_TRY(unique_axis(n, x->rank, &axis));
    SZ_TRY(sz_type_elements(n->ctx, x, &all));
    if (axis != SZ_NONE) all = x->dims[axis];
    int64_t kept = all >= 0 ? count_true(t, all) : SZ_DIM_UNKNOWN;
    if (axis == SZ_NONE) return sz_out(n, 0, x->dtype, 1, &kept);
    sz_dims_copy(dims, x);
    dims[axis] = kept;
    return sz_out(n, 0, x->dtype, x->rank, dims);
}

sz_status sz_value_compress(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0), *t = full_value(n, 1);
    int64_t dims[SZ_MAX_RANK], outer = 1, slices = x->count, inner = 1, to = 0;
    sz_tensor *y;
    int axis;
    if (!t || !t->i) return SZ_OK;
    SZ_TRY(unique_axis(n, x->rank, &axis));
    memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    if (axis != SZ_NONE) {
        outer = sz_small_product(dims, 0, axis);
        inner = sz_small_product(dims, axis + 1, x->rank);
        slices = dims[axis];
    }
    dims[axis == SZ_NONE ? 0 : axis] = count_true(t, slices);
    SZ_TRY(sz_move_out(n, 0, x, axis == SZ_NONE ? 1 : x->rank, dims, &y));
    for (int64_t o = 0; y && y->count && o < outer; o++)
        for (int64_t s = 0; s < slices && s < t->count; s++)
            for (int64_t j = 0; t->i[s] && j < inner; j++)
                sz_move_element(y, to++, x, (o * slices + s) * inner + j);
    return SZ_OK;
}
