// SPDX-License-Identifier: Apache-2.0
// ONNX: the numbers of small tensors whose data stands in typed fields.
#include "model/graph/format.h"
#include "model/import/onnx.h"

// One entry of a data field: one element, or several packed from the low bits up.
static void put_entry(sz_tensor *n, int64_t *at, uint64_t v) {
    const sz_dtype_info *d = sz_dtype_get(n->dtype);
    int per = d->bits < 8 && d->bits != 6 ? 8 / d->bits : 1;
    const uint64_t mask = d->bits >= 64 ? UINT64_MAX : (UINT64_C(1) << d->bits) - 1;
    for (int k = 0; k < per && *at < n->count; k++, (*at)++) {
        const uint64_t bits = v >> (k * d->bits) & mask;
        if (n->f) n->f[*at] = sz_format_decode(n->dtype, bits);
        else n->i[*at] = sz_format_integer(n->dtype, bits);
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

// Complex numbers are never operands of shapes: not kept.
static bool is_kept(const onnx_tensor *t) {
    const sz_dtype_info *d = sz_dtype_get(t->dtype);
    return t->count <= SZ_ONNX_MAX_NUMBERS && d->cls != SZ_CLASS_COMPLEX;
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
