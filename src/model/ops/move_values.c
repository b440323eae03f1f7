// SPDX-License-Identifier: Apache-2.0
// The evaluator of data movement: operands, copies of elements and the order over them.
#include "model/ops/move.h"

#include "model/ops/numbers.h"

#include <inttypes.h>
#include <math.h>

// ---- operands ----------------------------------------------------------------------------------

sz_status sz_operand_read(const sz_infer *n, int i, const char *name, sz_operand *ret) {
    *ret = (sz_operand){.n = -1};
    if (sz_has_in(n, i)) {
        const sz_tensor *t = sz_in_value(n, i);
        ret->given = true;
        if (t && t->i) {
            *ret = (sz_operand){true, true, (int32_t)t->count, t->i};
            return SZ_OK;
        }
        const sz_type *type = sz_in(n, i);
        if (type->rank == 0) ret->n = 1;
        if (type->rank == 1 && type->dims[0] >= 0 && type->dims[0] <= SZ_MAX_VALUE_ELEMENTS)
            ret->n = (int32_t)type->dims[0];
        return SZ_OK;
    }
    const sz_attr *a = name ? sz_attr_find(n->node, name) : NULL;
    if (!a) return SZ_OK;
    if (a->kind == SZ_ATTR_INT)
        *ret = (sz_operand){true, true, 1, &a->i};
    else if (a->kind == SZ_ATTR_INTS)
        *ret = (sz_operand){true, true, a->n, a->ints};
    else
        return sz_op_fail(n, "attribute '%s' holds no integers", name);
    return SZ_OK;
}

bool sz_operand_is_full(const sz_operand *o) {
    if (!o->known) return false;
    for (int32_t k = 0; k < o->n; k++)
        if (o->v[k] == SZ_VALUE_UNKNOWN) return false;
    return true;
}

sz_status sz_operand_axes(const sz_infer *n, const sz_operand *axes, int32_t rank, int32_t count,
                          int *ret_axes, int32_t *ret_n) {
    *ret_n = -1;
    if (!axes->given) {
        if (count > rank)
            return sz_op_fail(n, "%d axes are named, the rank is %d", count, rank);
        for (int32_t k = 0; k < count; k++) ret_axes[k] = k;
        *ret_n = count;
        return SZ_OK;
    }
    if (axes->n >= 0 && count >= 0 && axes->n != count)
        return sz_op_fail(n, "%d axes for %d sizes", axes->n, count);
    if (!sz_operand_is_full(axes)) return SZ_OK;
    if (axes->n > SZ_MAX_RANK)
        return sz_op_fail(n, "%d axes are named, the rank is %d", axes->n, rank);
    for (int32_t k = 0; k < axes->n; k++) SZ_TRY(sz_op_axis(n, axes->v[k], rank, &ret_axes[k]));
    *ret_n = axes->n;
    return SZ_OK;
}

sz_status sz_dims_product(const sz_infer *n, const int64_t *dims, int32_t from, int32_t to,
                          int64_t *ret) {
    int64_t p = 1;
    bool zero = false;
    for (int32_t k = from; k < to; k++) {
        if (dims[k] == 0)
            zero = true; // the other factors are still checked
        else
            SZ_TRY(sz_dim_mul(n, p, dims[k], &p));
    }
    *ret = zero ? 0 : p;
    return SZ_OK;
}

int64_t sz_small_product(const int64_t *dims, int32_t from, int32_t to) {
    int64_t p = 1;
    for (int32_t k = from; k < to; k++)
        if (dims[k] == 0) return 0;
    for (int32_t k = from; k < to; k++) p *= dims[k];
    return p;
}

void sz_dims_copy(int64_t *to, const sz_type *t) {
    for (int32_t k = 0; k < t->rank; k++) to[k] = t->dims[k];
}

// ---- numbers -----------------------------------------------------------------------------------

// Which of the three arrays of a tensor a dtype uses.
static sz_dtype_class class_of(sz_dtype t) {
    sz_dtype_class cls = sz_dtype_get(t)->cls;
    return cls == SZ_CLASS_FLOAT || cls == SZ_CLASS_STRING ? cls : SZ_CLASS_INT;
}

sz_status sz_move_out(sz_infer *n, int o, const sz_tensor *like, int32_t rank, const int64_t *dims,
                      sz_tensor **ret) {
    *ret = NULL;
    const sz_type *t = sz_out_get(n, o);
    if (t->kind != SZ_TYPE_TENSOR || t->rank != rank) return SZ_OK;
    for (int32_t k = 0; k < rank; k++)
        if (t->dims[k] != dims[k]) return SZ_OK;
    if (like && class_of(like->dtype) != class_of(t->dtype)) return SZ_OK;
    return sz_out_value(n, o, ret);
}

void sz_move_fill(sz_tensor *dst, const sz_tensor *src) {
    for (int64_t k = 0; k < dst->count; k++) {
        if (src)
            sz_move_element(dst, k, src, 0);
        else if (dst->s)
            dst->s[k] = sz_str_c("");
        else if (dst->f)
            dst->f[k] = 0;
        else
            dst->i[k] = 0;
    }
}

void sz_row_major(int32_t rank, const int64_t *dims, int64_t *ret_strides) {
    int64_t step = 1;
    for (int32_t k = rank - 1; k >= 0; k--) {
        ret_strides[k] = step;
        step *= dims[k];
    }
}

void sz_move_box(sz_tensor *dst, const sz_tensor *src, const sz_box *box) {
    int64_t index[SZ_BOX_RANK] = {0}, from = box->from0, to = box->to0;
    for (int32_t a = 0; a < box->rank; a++)
        if (box->dims[a] <= 0) return;
    for (int32_t a = 0; a >= 0;) {
        sz_move_element(dst, to, src, from);
        for (a = box->rank - 1; a >= 0; a--) { // count up like an odometer
            from += box->from[a];
            to += box->to[a];
            if (++index[a] < box->dims[a]) break;
            from -= box->dims[a] * box->from[a];
            to -= box->dims[a] * box->to[a];
            index[a] = 0;
        }
    }
}

bool sz_move_index(int64_t index, int64_t dim, int64_t *ret) {
    if (index < -dim || index >= dim) return false;
    *ret = index < 0 ? index + dim : index;
    return true;
}

// ---- order -------------------------------------------------------------------------------------

static int compare_strings(sz_str a, sz_str b) {
    uint32_t shorter = a.len < b.len ? a.len : b.len;
    int c = shorter ? memcmp(a.p, b.p, shorter) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare_floats(double a, double b) {
    if (isnan(a) || isnan(b)) return !!isnan(a) - !!isnan(b);
    return (a > b) - (a < b);
}

int sz_compare_elements(const sz_tensor *t, int64_t a, int64_t b) {
    if (t->s) return compare_strings(t->s[a], t->s[b]);
    if (t->f) return compare_floats(t->f[a], t->f[b]);
    if (sz_is_unsigned(t->dtype)) {
        uint64_t x = (uint64_t)t->i[a], y = (uint64_t)t->i[b];
        return (x > y) - (x < y);
    }
    return (t->i[a] > t->i[b]) - (t->i[a] < t->i[b]);
}

static void sift(int64_t *items, int64_t at, int64_t n, sz_compare_fn *compare, const void *with) {
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && compare(with, items[child], items[child + 1]) < 0) child++;
        if (compare(with, items[at], items[child]) >= 0) return;
        int64_t t = items[at];
        items[at] = items[child];
        items[child] = t;
    }
}

void sz_sort(int64_t *items, int64_t n, sz_compare_fn *compare, const void *with) {
    for (int64_t k = n / 2 - 1; k >= 0; k--) sift(items, k, n, compare, with);
    for (int64_t last = n - 1; last > 0; last--) {
        int64_t t = items[0];
        items[0] = items[last];
        items[last] = t;
        sift(items, 0, last, compare, with);
    }
}
