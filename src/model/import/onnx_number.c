// SPDX-License-Identifier: Apache-2.0
// ONNX: the numbers of small tensors whose data stands in typed fields.
#include "model/import/onnx.h"

#include <math.h>

// float16 and bfloat16 as 16 bits (IEEE 754 half; upper half of a float).
static double half_number(uint32_t v, bool bfloat) {
    int mantissa = bfloat ? 7 : 10, bias = bfloat ? 127 : 15;
    uint32_t exp = v >> mantissa & (bfloat ? 0xffu : 0x1fu), m = v & ((1u << mantissa) - 1);
    double sign = v & 0x8000u ? -1.0 : 1.0;
    if (exp == (bfloat ? 0xffu : 0x1fu)) return m ? (double)NAN : sign * (double)INFINITY;
    if (exp == 0) return sign * ldexp((double)m, 1 - bias - mantissa);
    return sign * ldexp((double)(m | 1u << mantissa), (int)exp - bias - mantissa);
}

static double float_number(const sz_dtype_info *d, uint64_t v) {
    if (d->bits == 64) {
        double f;
        memcpy(&f, &v, sizeof f);
        return f;
    }
    if (d->bits == 32) {
        uint32_t u = (uint32_t)v;
        float f;
        memcpy(&f, &u, sizeof f);
        return (double)f;
    }
    return half_number((uint32_t)v & 0xffffu, strcmp(d->name, "bf16") == 0);
}

// Low `bits` of v as a number.
static int64_t int_number(const sz_dtype_info *d, uint64_t v) {
    if (d->cls == SZ_CLASS_BOOL) return v != 0;
    if (d->bits >= 64) return (int64_t)v;
    v &= (1ull << d->bits) - 1;
    uint64_t sign = d->cls == SZ_CLASS_INT ? 1ull << (d->bits - 1) : 0;
    return (int64_t)((v ^ sign) - sign);
}

// One entry of a data field: one element, or several packed from the low bits up.
static void put_entry(sz_tensor *n, int64_t *at, uint64_t v) {
    const sz_dtype_info *d = sz_dtype_get(n->dtype);
    int per = d->bits < 8 && d->bits != 6 ? 8 / d->bits : 1;
    for (int k = 0; k < per && *at < n->count; k++, (*at)++) {
        if (n->f) n->f[*at] = float_number(d, v);
        else n->i[*at] = int_number(d, v >> (k * d->bits));
    }
}

static sz_status put_field(onnx *x, const sz_field *f, sz_wire_type type, sz_tensor *n,
                           int64_t *at) {
    sz_elements e;
    uint64_t v;
    bool more;
    if (type == SZ_WIRE_BYTES) {
        if (f->type != SZ_WIRE_BYTES || *at >= n->count) return SZ_OK;
        return onnx_copy(x, f->span, &n->s[(*at)++]);
    }
    if (!sz_elements_start(&e, f, type)) return SZ_OK;
    for (;;) {
        SZ_TRY(sz_elements_next(&x->wire, &e, type, &v, &more));
        if (!more) return SZ_OK;
        put_entry(n, at, v);
    }
}

// Floats of 8 bits and fewer and complex numbers are never operands of shapes: not kept.
static bool is_kept(const onnx_tensor *t) {
    const sz_dtype_info *d = sz_dtype_get(t->dtype);
    if (t->count > SZ_ONNX_MAX_NUMBERS || d->cls == SZ_CLASS_COMPLEX) return false;
    return d->cls != SZ_CLASS_FLOAT || d->bits >= 16;
}

sz_status onnx_tensor_numbers(onnx *x, const onnx_tensor *t, const sz_tensor **ret) {
    sz_span span = t->span;
    sz_field f;
    int64_t at = 0;
    int field;
    *ret = NULL;
    if (!is_kept(t)) return SZ_OK;
    sz_tensor *n = sz_tensor_new(x->root, t->dtype, t->rank, t->dims, t->count);
    if (!n) return sz_no_memory(x->ctx);
    onnx_data_entries(t, &field);
    const onnx_data_field *df = &onnx_data_fields[field];
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) break;
        if (f.number == df->number) SZ_TRY(put_field(x, &f, df->type, n, &at));
    }
    *ret = n;
    return SZ_OK;
}
