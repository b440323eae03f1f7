// SPDX-License-Identifier: Apache-2.0
// Tensors made from sizes and numbers: Constant, ConstantOfShape, Range, EyeLike, OneHot, Trilu.
#include "model/ops/move.h"
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#include <inttypes.h>
#include <math.h>

// ---- Constant ----------------------------------------------------------------------------------

// The attributes that may hold the value. `list`: rank 1, else a scalar.
typedef struct constant_form {
    const char *name;
    sz_attr_kind kind;
    const char *dtype; // NULL: that of the tensor
    bool list;
} constant_form;

static const constant_form constant_forms[] = {
    {"value", SZ_ATTR_TENSOR, NULL, false},
    {"sparse_value", SZ_ATTR_TENSOR, NULL, false},
    {"value_float", SZ_ATTR_FLOAT, "f32", false},
    {"value_floats", SZ_ATTR_FLOATS, "f32", true},
    {"value_int", SZ_ATTR_INT, "i64", false},
    {"value_ints", SZ_ATTR_INTS, "i64", true},
    {"value_string", SZ_ATTR_STRING, "string", false},
    {"value_strings", SZ_ATTR_STRINGS, "string", true},
};

static const sz_attr *constant_attr(const sz_infer *n, const constant_form **ret_form) {
    for (size_t k = 0; k < sizeof constant_forms / sizeof *constant_forms; k++) {
        const sz_attr *a = sz_attr_find(n->node, constant_forms[k].name);
        *ret_form = &constant_forms[k];
        if (a && a->kind == constant_forms[k].kind) return a;
    }
    return NULL;
}

sz_status sz_shape_constant(sz_infer *n) {
    const constant_form *form;
    const sz_attr *a = constant_attr(n, &form);
    if (!a) return sz_op_missing_attr(n, "value");
    if (!form->dtype) { // a sparse value comes out dense
        const sz_type *t = &sz_graph_value(n->graph, a->tensor)->type;
        if (t->rank < 0) return sz_out_rank(n, 0, t->dtype, -1);
        return sz_out(n, 0, t->dtype, t->rank, t->dims);
    }
    const int64_t count = a->n;
    return sz_out(n, 0, sz_dtype_by_name(form->dtype), form->list ? 1 : 0, &count);
}

// The tensor of the attribute is shared, not copied.
static sz_status share_tensor(sz_infer *n, sz_value_id id) {
    const sz_tensor *t;
    if (sz_graph_known(n->graph, id, &t) != SZ_OK) { // as for inputs: go on without the numbers
        sz_warn(n->ctx, "%s", sz_ctx_error(n->ctx));
        return SZ_OK;
    }
    if (sz_has_out(n, 0)) sz_graph_value(n->graph, n->node->outputs[0])->known = t;
    return SZ_OK;
}

sz_status sz_value_constant(sz_infer *n) {
    const constant_form *form;
    const sz_attr *a = constant_attr(n, &form);
    sz_tensor *y;
    if (!a) return SZ_OK;
    if (!form->dtype) return share_tensor(n, a->tensor);
    const int64_t count = a->n;
    SZ_TRY(sz_move_out(n, 0, NULL, form->list ? 1 : 0, &count, &y));
    for (int64_t k = 0; y && k < y->count; k++) {
        if (y->i) y->i[k] = form->list ? a->ints[k] : a->i;
        if (y->f) y->f[k] = form->list ? a->floats[k] : a->f;
        if (y->s) y->s[k] = form->list ? a->strings[k] : a->s;
    }
    return SZ_OK;
}

// ---- ConstantOfShape ---------------------------------------------------------------------------

static const sz_attr *fill_attr(const sz_infer *n) {
    const sz_attr *a = sz_attr_find(n->node, "value");
    return a && a->kind == SZ_ATTR_TENSOR ? a : NULL;
}

sz_status sz_shape_constant_of_shape(sz_infer *n) {
    const sz_attr *a = fill_attr(n);
    sz_dtype dtype = a ? sz_graph_value(n->graph, a->tensor)->type.dtype : sz_dtype_by_name("f32");
    int64_t dims[SZ_MAX_RANK];
    sz_operand shape;
    SZ_TRY(sz_operand_read(n, 0, NULL, &shape));
    if (shape.n > SZ_MAX_RANK)
        return sz_op_fail(n, "rank %d is above the limit of %d", shape.n, SZ_MAX_RANK);
    if (shape.n < 0) return sz_out_rank(n, 0, dtype, -1);
    for (int32_t k = 0; k < shape.n; k++) {
        dims[k] = sz_operand_at(&shape, k);
        if (dims[k] == SZ_VALUE_UNKNOWN)
            dims[k] = SZ_DIM_UNKNOWN;
        else if (dims[k] < 0)
            return sz_op_fail(n, "size %" PRId64 " at axis %d is negative", dims[k], k);
    }
    return sz_out(n, 0, dtype, shape.n, dims);
}

// Numbers matter where they end up in a shape: lists of any length that is kept, and small masks.
// Generated weights are left alone.
enum { MAX_FILLED = 4096 };

sz_status sz_value_constant_of_shape(sz_infer *n) {
    const sz_type *t = sz_out_get(n, 0);
    const sz_attr *a = fill_attr(n);
    const sz_tensor *value = NULL;
    int64_t count;
    sz_tensor *y;
    SZ_TRY(sz_type_elements(n->ctx, t, &count));
    if (count < 0 || (t->rank > 1 && count > MAX_FILLED)) return SZ_OK;
    if (a) {
        SZ_TRY(sz_graph_known(n->graph, a->tensor, &value));
        if (!value || value->count != 1) return SZ_OK;
    }
    SZ_TRY(sz_move_out(n, 0, value, t->rank, t->dims, &y));
    if (y) sz_move_fill(y, value);
    return SZ_OK;
}

// ---- Range -------------------------------------------------------------------------------------

static sz_status too_long(const sz_infer *n) {
    return sz_op_fail(n, "range has more than 2^63 elements");
}

static sz_status count_ints(const sz_infer *n, int64_t start, int64_t limit, int64_t delta,
                            int64_t *ret) {
    if (delta == 0) return sz_op_fail(n, "step of the range is 0");
    if (start == SZ_VALUE_UNKNOWN || limit == SZ_VALUE_UNKNOWN || delta == SZ_VALUE_UNKNOWN)
        return SZ_OK;
    *ret = 0;
    if (delta > 0 ? limit <= start : limit >= start) return SZ_OK;
    const bool up = delta > 0;
    uint64_t length = (uint64_t)(up ? limit : start) - (uint64_t)(up ? start : limit);
    uint64_t step = up ? (uint64_t)delta : -(uint64_t)delta;
    uint64_t count = (length - 1) / step + 1;
    if (count > INT64_MAX) return too_long(n);
    *ret = (int64_t)count;
    return SZ_OK;
}

// The difference is taken in the format of the operands (f32 for smaller ones), the quotient in
// f64, as the reference and the runtimes do.
static sz_status count_floats(const sz_infer *n, double start, double limit, double delta,
                              int64_t *ret) {
    if (delta == 0) return sz_op_fail(n, "step of the range is 0");
    double length = limit - start;
    if (sz_dtype_get(sz_in_dtype(n, 0))->bits < 64) length = (float)length;
    double count = ceil(length / delta);
    if (isnan(count)) return SZ_OK;
    if (count >= 9223372036854775808.0) return too_long(n);
    *ret = count > 0 ? (int64_t)count : 0;
    return SZ_OK;
}

static sz_status count_range(const sz_infer *n, int64_t *ret) {
    const sz_tensor *t[3];
    *ret = SZ_DIM_UNKNOWN;
    for (int k = 0; k < 3; k++) {
        t[k] = sz_in_value(n, k);
        if (t[k] && t[k]->count != 1) return sz_op_fail(n, "input %d is not one number", k);
    }
    const sz_tensor *step = t[2];
    if (step && (step->i ? step->i[0] == 0 : step->f && step->f[0] == 0))
        return sz_op_fail(n, "step of the range is 0");
    if (!t[0] || !t[1] || !t[2]) return SZ_OK;
    if (t[0]->i && t[1]->i && t[2]->i)
        return count_ints(n, t[0]->i[0], t[1]->i[0], t[2]->i[0], ret);
    if (t[0]->f && t[1]->f && t[2]->f)
        return count_floats(n, t[0]->f[0], t[1]->f[0], t[2]->f[0], ret);
    return sz_op_fail(n, "start, limit and step are of different types");
}

sz_status sz_shape_range(sz_infer *n) {
    int64_t count;
    SZ_TRY(count_range(n, &count));
    return sz_out(n, 0, sz_in_dtype(n, 0), 1, &count);
}

sz_status sz_value_range(sz_infer *n) {
    const sz_tensor *start = sz_in_value(n, 0), *step = sz_in_value(n, 2);
    int64_t count;
    sz_tensor *y;
    SZ_TRY(count_range(n, &count));
    if (count < 0) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, start, 1, &count, &y));
    for (int64_t k = 0; y && k < count; k++) {
        if (y->i)
            y->i[k] = (int64_t)((uint64_t)start->i[0] + (uint64_t)k * (uint64_t)step->i[0]);
        else if (y->f)
            y->f[k] = sz_round_to(y->dtype, start->f[0] + (double)k * step->f[0]);
    }
    return SZ_OK;
}

// ---- EyeLike -----------------------------------------------------------------------------------

// The numbers follow from the shape of the input alone: set with the shape.
sz_status sz_shape_eye_like(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t count, k = sz_attr_i(n->node, "k", 0);
    sz_dtype dtype;
    sz_tensor *y;
    SZ_TRY(sz_attr_dtype(n, "dtype", x->dtype, &dtype));
    if (x->rank < 0) return sz_out_rank(n, 0, dtype, 2);
    if (x->rank != 2) return sz_op_fail(n, "input has rank %d, it must be 2", x->rank);
    SZ_TRY(sz_out(n, 0, dtype, 2, x->dims));
    SZ_TRY(sz_type_elements(n->ctx, x, &count));
    if (count < 1 || count > MAX_FILLED || !sz_is_computable(dtype)) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &y));
    if (!y) return SZ_OK;
    sz_move_fill(y, NULL);
    for (int64_t row = 0; row < x->dims[0]; row++)
        if (k > -x->dims[0] && k < x->dims[1] && row + k >= 0 && row + k < x->dims[1])
            sz_put_double(y, row * x->dims[1] + row + k, 1);
    return SZ_OK;
}

// ---- OneHot ------------------------------------------------------------------------------------

// The depth may be of any numeric type.
static sz_status read_depth(const sz_infer *n, int64_t *ret) {
    const sz_tensor *t = sz_in_value(n, 1);
    *ret = SZ_DIM_UNKNOWN;
    if (!t || t->s) return SZ_OK;
    if (t->count != 1)
        return sz_op_fail(n, "depth has %" PRId64 " elements, it must have 1", t->count);
    if (t->i && t->i[0] == SZ_VALUE_UNKNOWN) return SZ_OK;
    double depth = t->f ? t->f[0] : (double)t->i[0];
    if (!(depth >= 0 && depth < 9223372036854775808.0))
        return sz_op_fail(n, "depth %g is out of range", depth);
    *ret = t->f ? (int64_t)depth : t->i[0];
    return SZ_OK;
}

static sz_status one_hot_dims(const sz_infer *n, const sz_type *at, int *ret_axis, int64_t *dims) {
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", -1), at->rank + 1, ret_axis));
    for (int32_t k = 0; k < at->rank; k++) dims[k + (k >= *ret_axis)] = at->dims[k];
    return read_depth(n, &dims[*ret_axis]);
}

sz_status sz_shape_one_hot(sz_infer *n) {
    const sz_type *at = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK + 1];
    int axis;
    if (at->rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 2), -1);
    SZ_TRY(one_hot_dims(n, at, &axis, dims));
    return sz_out(n, 0, sz_in_dtype(n, 2), at->rank + 1, dims);
}

sz_status sz_value_one_hot(sz_infer *n) {
    const sz_tensor *at = sz_in_value(n, 0), *values = sz_in_value(n, 2);
    sz_type type = sz_type_tensor(at->dtype, at->rank, at->dims);
    int64_t dims[SZ_MAX_RANK + 1], index;
    sz_tensor *y;
    int axis;
    SZ_TRY(one_hot_dims(n, &type, &axis, dims));
    if (dims[axis] < 0 || values->count != 2) return SZ_OK;
    if (at->s || (at->i && sz_has_unknown(at))) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, values, at->rank + 1, dims, &y));
    if (!y || y->count == 0) return SZ_OK;
    sz_move_fill(y, values); // element 0 is the off value
    int64_t inner = sz_small_product(at->dims, axis, at->rank);
    for (int64_t k = 0; k < at->count; k++) {
        int64_t hot = at->i ? at->i[k] : sz_from_double(sz_dtype_by_name("i64"), at->f[k]);
        if (sz_move_index(hot, dims[axis], &index))
            sz_move_element(y, (k / inner * dims[axis] + index) * inner + k % inner, values, 1);
    }
    return SZ_OK;
}

// ---- Trilu -------------------------------------------------------------------------------------

sz_status sz_shape_trilu(sz_infer *n) {
    int32_t rank = sz_in_rank(n, 0);
    if (rank == 0 || rank == 1)
        return sz_op_fail(n, "input has rank %d, it must be at least 2", rank);
    return sz_out_like(n, 0, 0);
}

sz_status sz_value_trilu(sz_infer *n) {
    const sz_tensor *x = sz_in_value(n, 0);
    sz_operand k;
    sz_tensor *y;
    SZ_TRY(sz_operand_read(n, 1, NULL, &k));
    int64_t diagonal = k.given ? (k.n == 1 ? sz_operand_at(&k, 0) : SZ_VALUE_UNKNOWN) : 0;
    if (diagonal == SZ_VALUE_UNKNOWN || x->rank < 2) return SZ_OK;
    SZ_TRY(sz_move_out(n, 0, x, x->rank, x->dims, &y));
    if (!y) return SZ_OK;
    sz_move_fill(y, NULL);
    bool upper = sz_attr_i(n->node, "upper", 1) != 0;
    const int64_t rows = x->dims[x->rank - 2], columns = x->dims[x->rank - 1];
    for (int64_t e = 0; e < x->count; e++) {
        int64_t off = e % columns - e / columns % rows;
        if (upper ? off >= diagonal : off <= diagonal) sz_move_element(y, e, x, e);
    }
    return SZ_OK;
}
