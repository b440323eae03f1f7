// SPDX-License-Identifier: Apache-2.0
// Reductions along axes: Reduce*, ArgMax and ArgMin, CumSum and CumProd.
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#include <math.h>

// ---- shapes ------------------------------------------------------------------------------------

// Which axes a Reduce* operator takes away. *ret_known false: the operand's numbers are not known.
static sz_status reduced_axes(const sz_infer *n, int32_t rank, bool *ret_flags, bool *ret_known) {
    const int64_t *axes;
    int32_t count;
    memset(ret_flags, 0, SZ_MAX_RANK * sizeof *ret_flags);
    SZ_TRY(sz_op_ints(n, 1, "axes", ret_known, &count, &axes));
    if (!*ret_known) return SZ_OK;
    bool all = count == 0 && sz_attr_i(n->node, "noop_with_empty_axes", 0) == 0;
    for (int32_t d = 0; d < rank; d++) ret_flags[d] = all;
    for (int32_t k = 0; k < count; k++) {
        int axis;
        SZ_TRY(sz_op_axis(n, axes[k], rank, &axis));
        ret_flags[axis] = true;
    }
    return SZ_OK;
}

static sz_status out_reduced(sz_infer *n, sz_dtype dtype, const bool *flags) {
    const sz_type *x = sz_in(n, 0);
    const bool keep = sz_attr_i(n->node, "keepdims", 1) != 0;
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = 0;
    for (int32_t d = 0; d < x->rank; d++) {
        if (flags[d] && !keep) continue;
        dims[rank++] = flags[d] ? 1 : x->dims[d];
    }
    return sz_out(n, 0, dtype, rank, dims);
}

// Rank of the result when the axes themselves are not known.
static int32_t rank_left(const sz_infer *n) {
    int32_t rank = sz_in_rank(n, 0);
    if (rank < 0 || sz_attr_i(n->node, "keepdims", 1) != 0) return rank;
    int64_t axes = sz_in_rank(n, 1) == 1 ? sz_in_dim(n, 1, 0) : SZ_DIM_UNKNOWN;
    return axes > 0 && axes <= rank ? rank - (int32_t)axes : -1;
}

sz_status sz_shape_reduce(sz_infer *n) {
    bool flags[SZ_MAX_RANK], known;
    int32_t rank = sz_in_rank(n, 0);
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    SZ_TRY(reduced_axes(n, rank, flags, &known));
    if (!known) return sz_out_rank(n, 0, sz_in_dtype(n, 0), rank_left(n));
    return out_reduced(n, sz_in_dtype(n, 0), flags);
}

sz_status sz_shape_arg_reduce(sz_infer *n) {
    bool flags[SZ_MAX_RANK] = {false};
    int axis;
    int32_t rank = sz_in_rank(n, 0);
    sz_dtype index = sz_dtype_from_onnx(SZ_ONNX_INT64);
    if (rank < 0) return sz_out_rank(n, 0, index, -1);
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), rank, &axis));
    flags[axis] = true;
    return out_reduced(n, index, flags);
}

// Axis operand of CumSum and CumProd; *ret_axis -1 when it is not known.
static sz_status scan_axis(const sz_infer *n, int *ret_axis) {
    const sz_tensor *t = sz_in_value(n, 1);
    *ret_axis = -1;
    if (!t || !t->i || t->count != 1 || t->i[0] == SZ_VALUE_UNKNOWN || sz_in_rank(n, 0) < 0)
        return SZ_OK;
    return sz_op_axis(n, t->i[0], sz_in_rank(n, 0), ret_axis);
}

sz_status sz_shape_scan(sz_infer *n) {
    int axis;
    SZ_TRY(scan_axis(n, &axis));
    return sz_shape_same(n);
}

// ---- numbers of Reduce* ------------------------------------------------------------------------

static double add(double a, double x) { return a + x; }
static double add_abs(double a, double x) { return a + fabs(x); }
static double add_square(double a, double x) { return a + x * x; }
static double add_exp(double a, double x) { return a + exp(x); }
static double multiply(double a, double x) { return a * x; }
static double larger(double a, double x) { return isnan(a) || a > x ? a : x; }
static double smaller(double a, double x) { return isnan(a) || a < x ? a : x; }

static int64_t int_add(int64_t a, int64_t x) { return (int64_t)((uint64_t)a + (uint64_t)x); }
static int64_t int_multiply(int64_t a, int64_t x) { return (int64_t)((uint64_t)a * (uint64_t)x); }
static int64_t int_add_abs(int64_t a, int64_t x) { return int_add(a, x < 0 ? -x : x); }
static int64_t int_add_square(int64_t a, int64_t x) { return int_add(a, int_multiply(x, x)); }
static int64_t int_larger(int64_t a, int64_t x) { return a > x ? a : x; }
static int64_t int_smaller(int64_t a, int64_t x) { return a < x ? a : x; }

typedef enum finish { AS_IS, MEAN, ROOT, LOGARITHM } finish;

typedef struct reduce_row {
    const char *op;
    double start;
    double (*f)(double a, double x);
    int64_t int_start;
    int64_t (*i)(int64_t a, int64_t x); // NULL: the numbers of integers are not computed
    finish finish;
} reduce_row;

// INT64_MIN means unknown, so the least integer is one above it.
static const reduce_row reduce_rows[] = {
    {"ReduceL1", 0, add_abs, 0, int_add_abs, AS_IS},
    {"ReduceL2", 0, add_square, 0, NULL, ROOT},
    {"ReduceLogSum", 0, add, 0, NULL, LOGARITHM},
    {"ReduceLogSumExp", 0, add_exp, 0, NULL, LOGARITHM},
    {"ReduceMax", -INFINITY, larger, INT64_MIN + 1, int_larger, AS_IS},
    {"ReduceMean", 0, add, 0, int_add, MEAN},
    {"ReduceMin", INFINITY, smaller, INT64_MAX, int_smaller, AS_IS},
    {"ReduceProd", 1, multiply, 1, int_multiply, AS_IS},
    {"ReduceSum", 0, add, 0, int_add, AS_IS},
    {"ReduceSumSquare", 0, add_square, 0, int_add_square, AS_IS},
};

static const reduce_row *reduce_find(const char *op) {
    for (size_t i = 0; i < sizeof reduce_rows / sizeof *reduce_rows; i++)
        if (strcmp(op, reduce_rows[i].op) == 0) return &reduce_rows[i];
    return NULL;
}

// Sums over the walk: y was filled with the start value, at[0] is the place in it.
static void fold(const reduce_row *row, const sz_tensor *x, sz_tensor *y, sz_walk *w) {
    for (int64_t k = 0; w->left > 0; k++, sz_walk_next(w)) {
        const int64_t j = w->at[0];
        if (y->f)
            y->f[j] = row->f(y->f[j], x->f[k]);
        else if (x->i[k] == SZ_VALUE_UNKNOWN || y->i[j] == SZ_VALUE_UNKNOWN)
            y->i[j] = SZ_VALUE_UNKNOWN;
        else
            y->i[j] = row->i(y->i[j], x->i[k]);
    }
}

static double finished(finish how, double sum, double count) {
    switch (how) {
    case MEAN: return sum / count;
    case ROOT: return sqrt(sum);
    case LOGARITHM: return log(sum);
    case AS_IS: break;
    }
    return sum;
}

static void finish_all(const reduce_row *row, sz_tensor *y, int64_t per_output) {
    for (int64_t k = 0; k < y->count; k++) {
        if (y->f)
            y->f[k] = sz_round_to(y->dtype, finished(row->finish, y->f[k], (double)per_output));
        else if (y->i[k] == SZ_VALUE_UNKNOWN || (row->finish == MEAN && per_output == 0))
            y->i[k] = SZ_VALUE_UNKNOWN;
        else
            y->i[k] = sz_wrap(y->dtype, row->finish == MEAN ? y->i[k] / per_output : y->i[k]);
    }
}

sz_status sz_value_reduce(sz_infer *n) {
    const reduce_row *row = reduce_find(n->op->name);
    const sz_tensor *x = sz_in_value(n, 0);
    bool flags[SZ_MAX_RANK], known;
    int64_t dims[SZ_MAX_RANK], per_output = 1;
    sz_tensor *y = NULL;
    sz_walk w;
    if (!row || !x || !sz_is_computable(x->dtype) || (x->i && !row->i)) return SZ_OK;
    SZ_TRY(reduced_axes(n, x->rank, flags, &known));
    if (!known) return SZ_OK;
    // No integer is the largest of none.
    if (x->i && x->count == 0 && row->int_start != 0 && row->int_start != 1) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &y));
    if (!y) return SZ_OK;
    for (int32_t d = 0; d < x->rank; d++) {
        dims[d] = flags[d] ? 1 : x->dims[d];
        if (flags[d]) per_output *= x->dims[d]; // divides the element count or is 0
    }
    for (int64_t k = 0; k < y->count; k++) {
        if (y->f) y->f[k] = row->start;
        else y->i[k] = row->int_start;
    }
    sz_walk_init(&w, x->rank, x->dims, x->count);
    if (sz_walk_add(&w, 0, x->rank, dims)) fold(row, x, y, &w);
    finish_all(row, y, per_output);
    return SZ_OK;
}

// ---- numbers along one axis --------------------------------------------------------------------

// A tensor seen as [outer, n, inner] around one axis.
typedef struct lines {
    int64_t outer, n, inner;
} lines;

static lines lines_of(const sz_tensor *x, int axis) {
    lines l = {1, x->dims[axis], 1};
    for (int32_t d = 0; d < x->rank; d++) {
        if (d < axis) l.outer *= x->dims[d];
        if (d > axis) l.inner *= x->dims[d];
    }
    return l;
}

// Place of the best of the n elements at x[at], x[at + step] ...; unknown when one of them is.
static int64_t best_of(const sz_tensor *x, int64_t at, int64_t step, int64_t n, bool least,
                       bool last) {
    int64_t best = 0;
    for (int64_t k = 0; k < n; k++) {
        if (x->i && x->i[at + k * step] == SZ_VALUE_UNKNOWN) return SZ_VALUE_UNKNOWN;
        double a = sz_as_double(x, at + k * step), b = sz_as_double(x, at + best * step);
        if ((least ? a < b : a > b) || (last && a == b)) best = k;
    }
    return best;
}

// Integers are compared as doubles: exact below 2^53, far above any index or size.
sz_status sz_value_arg_reduce(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    sz_tensor *y = NULL;
    int axis;
    if (!x || !sz_is_computable(x->dtype)) return SZ_OK;
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), x->rank, &axis));
    const lines l = lines_of(x, axis);
    const bool least = strcmp(n->op->name, "ArgMin") == 0;
    const bool last = sz_attr_i(n->node, "select_last_index", 0) != 0;
    if (l.n == 0) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &y));
    for (int64_t k = 0; y && k < y->count; k++)
        y->i[k] = best_of(x, k / l.inner * l.n * l.inner + k % l.inner, l.inner, l.n, least, last);
    return SZ_OK;
}

typedef struct scan_way {
    bool product, exclusive, reverse;
} scan_way;

// Running sum or product of the n elements at `at`, `at + step` ...
static void scan_line(const sz_tensor *x, sz_tensor *y, int64_t at, int64_t step, int64_t n,
                      scan_way way) {
    double f = way.product;
    int64_t i = way.product;
    for (int64_t k = 0; k < n; k++) {
        const int64_t j = at + (way.reverse ? n - 1 - k : k) * step;
        if (way.exclusive && y->f) y->f[j] = sz_round_to(y->dtype, f);
        if (way.exclusive && y->i) y->i[j] = i;
        if (x->f) f = way.product ? f * x->f[j] : f + x->f[j];
        if (x->i && (i == SZ_VALUE_UNKNOWN || x->i[j] == SZ_VALUE_UNKNOWN))
            i = SZ_VALUE_UNKNOWN;
        else if (x->i)
            i = sz_wrap(y->dtype, way.product ? int_multiply(i, x->i[j]) : int_add(i, x->i[j]));
        if (!way.exclusive && y->f) y->f[j] = sz_round_to(y->dtype, f);
        if (!way.exclusive && y->i) y->i[j] = i;
    }
}

sz_status sz_value_scan(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    sz_tensor *y = NULL;
    int axis;
    SZ_TRY(scan_axis(n, &axis));
    if (axis < 0 || !x || !sz_is_computable(x->dtype)) return SZ_OK;
    const scan_way way = {strcmp(n->op->name, "CumProd") == 0,
                          sz_attr_i(n->node, "exclusive", 0) != 0,
                          sz_attr_i(n->node, "reverse", 0) != 0};
    const lines l = lines_of(x, axis);
    SZ_TRY(sz_out_value(n, 0, &y));
    if (!y || y->count != x->count || x->count == 0) return SZ_OK;
    for (int64_t k = 0; k < l.outer * l.inner; k++)
        scan_line(x, y, k / l.inner * l.n * l.inner + k % l.inner, l.inner, l.n, way);
    return SZ_OK;
}

// ---- costs -------------------------------------------------------------------------------------

// Reduction over no axis at all (noop_with_empty_axes): only what is done to each element is left.
static bool reduces_nothing(const sz_infer *n) {
    bool flags[SZ_MAX_RANK], known;
    int32_t rank = sz_in_rank(n, 0);
    if (sz_attr_i(n->node, "noop_with_empty_axes", 0) == 0 || rank < 0) return false;
    if (reduced_axes(n, rank, flags, &known) != SZ_OK || !known) return false;
    for (int32_t d = 0; d < rank; d++)
        if (flags[d]) return false;
    return true;
}

// `work` operations per element of the input, the last of which folds it into the result, and
// `per_result` per result. A mean over nothing does not divide either.
static sz_status cost_reduce(sz_costing *c, int64_t per_result) {
    const bool nothing = reduces_nothing(&c->in);
    const reduce_row *row = reduce_find(c->in.op->name);
    if (nothing && row && row->finish == MEAN) per_result = 0;
    int64_t work = (int64_t)c->in.op->work - nothing;
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){c->work->in_elements, work}));
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, per_result});
}

sz_status sz_cost_reduce(sz_costing *c) { return cost_reduce(c, 0); }
// One more per result: division, square root or logarithm.
sz_status sz_cost_reduce_finish(sz_costing *c) { return cost_reduce(c, 1); }
