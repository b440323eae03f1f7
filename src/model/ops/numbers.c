// SPDX-License-Identifier: Apache-2.0
// Arithmetic on the numbers of small tensors.
#include "model/ops/numbers.h"

#include <math.h>

sz_status sz_attr_dtype(const sz_infer *n, const char *name, sz_dtype def, sz_dtype *ret_dtype) {
    const sz_attr *a = sz_attr_find(n->node, name);
    if (!a) {
        *ret_dtype = def;
        return SZ_OK;
    }
    sz_dtype t = a->kind == SZ_ATTR_INT ? sz_dtype_from_onnx(a->i) : 0;
    if (!t && a->kind == SZ_ATTR_INT)
        return sz_op_fail(n, "unknown data type %lld in attribute '%s'", (long long)a->i, name);
    if (!t) return sz_op_fail(n, "attribute '%s' is no data type code", name);
    *ret_dtype = t;
    return SZ_OK;
}

double sz_attr_number(const sz_node *node, const char *name, double def) {
    const sz_attr *a = sz_attr_find(node, name);
    if (!a) return def;
    return a->kind == SZ_ATTR_INT ? (double)a->i : a->kind == SZ_ATTR_FLOAT ? a->f : def;
}

// ---- formats -----------------------------------------------------------------------------------

bool sz_is_float(sz_dtype t) {
    return sz_dtype_get(t)->cls == SZ_CLASS_FLOAT;
}

bool sz_is_integer(sz_dtype t) {
    sz_dtype_class cls = sz_dtype_get(t)->cls;
    return cls == SZ_CLASS_INT || cls == SZ_CLASS_UINT || cls == SZ_CLASS_BOOL;
}

bool sz_is_unsigned(sz_dtype t) {
    return sz_dtype_get(t)->cls == SZ_CLASS_UINT;
}

bool sz_is_computable(sz_dtype t) {
    return sz_is_integer(t) || (sz_is_float(t) && sz_dtype_get(t)->bits >= 16);
}

int64_t sz_wrap(sz_dtype t, int64_t x) {
    const sz_dtype_info *info = sz_dtype_get(t);
    if (x == SZ_VALUE_UNKNOWN) return x;
    if (info->cls == SZ_CLASS_BOOL) return x != 0;
    if (info->bits <= 0 || info->bits >= 64) return x;
    uint64_t mask = (UINT64_C(1) << info->bits) - 1, low = (uint64_t)x & mask;
    bool negative = info->cls == SZ_CLASS_INT && (low >> (info->bits - 1));
    return negative ? -(int64_t)(mask - low) - 1 : (int64_t)low;
}

// A format with `bits` significant bits (the hidden one included), smallest normal 2^emin.
static double round_bits(double x, int bits, int emin, double max) {
    if (x == 0 || !isfinite(x)) return x;
    int e;
    frexp(x, &e); // |x| lies in [2^(e-1), 2^e)
    int last = (e - 1 < emin ? emin : e - 1) - (bits - 1);
    double r = ldexp(nearbyint(ldexp(x, -last)), last);
    return fabs(r) > max ? copysign(INFINITY, r) : r;
}

double sz_round_to(sz_dtype t, double x) {
    const sz_dtype_info *info = sz_dtype_get(t);
    if (info->bits == 32) return (double)(float)x;
    if (info->onnx == SZ_ONNX_FLOAT16) return round_bits(x, 11, -14, 65504.0);
    if (info->onnx == SZ_ONNX_BFLOAT16) return round_bits(x, 8, -126, 0x1.fep127);
    return x;
}

int64_t sz_from_double(sz_dtype t, double x) {
    if (sz_dtype_get(t)->cls == SZ_CLASS_BOOL) return x != 0; // NaN is not 0, so it is true
    if (!(x > -0x1p63 && x < 0x1p63)) return SZ_VALUE_UNKNOWN;
    int64_t i = (int64_t)x;
    if (sz_wrap(t, i) != i) return SZ_VALUE_UNKNOWN;
    return i < 0 && sz_is_unsigned(t) ? SZ_VALUE_UNKNOWN : i;
}

double sz_as_double(const sz_tensor *t, int64_t k) {
    if (sz_is_float(t->dtype)) return t->f[k];
    return sz_is_unsigned(t->dtype) ? (double)(uint64_t)t->i[k] : (double)t->i[k];
}

void sz_put_double(sz_tensor *t, int64_t k, double x) {
    if (sz_is_float(t->dtype))
        t->f[k] = sz_round_to(t->dtype, x);
    else
        t->i[k] = sz_from_double(t->dtype, x);
}

bool sz_has_unknown(const sz_tensor *t) {
    if (!sz_is_integer(t->dtype)) return false;
    for (int64_t k = 0; k < t->count; k++)
        if (t->i[k] == SZ_VALUE_UNKNOWN) return true;
    return false;
}

// ---- broadcasting ------------------------------------------------------------------------------

void sz_walk_init(sz_walk *w, int32_t rank, const int64_t *dims, int64_t count) {
    memset(w, 0, sizeof *w);
    w->rank = rank;
    w->dims = dims;
    w->left = count;
}

bool sz_walk_add(sz_walk *w, int k, int32_t rank, const int64_t *dims) {
    if (rank > w->rank) return false;
    int64_t step = 1;
    for (int32_t d = rank - 1; d >= 0; d--) {
        int32_t at = w->rank - rank + d;
        if (dims[d] != 1 && dims[d] != w->dims[at]) return false;
        w->step[k][at] = dims[d] == 1 ? 0 : step;
        step *= dims[d]; // cannot overflow: the operand's count is bounded by SZ_MAX_VALUE_ELEMENTS
    }
    return true;
}

void sz_walk_next(sz_walk *w) {
    w->left--;
    for (int32_t d = w->rank - 1; d >= 0; d--) {
        bool carry = ++w->index[d] == w->dims[d];
        int64_t by = carry ? w->dims[d] - 1 : 1;
        for (int k = 0; k < SZ_WALK_OPERANDS; k++)
            w->at[k] += carry ? -by * w->step[k][d] : w->step[k][d];
        if (!carry) return;
        w->index[d] = 0;
    }
}
