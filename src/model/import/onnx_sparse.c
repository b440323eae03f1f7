// SPDX-License-Identifier: Apache-2.0
// ONNX: SparseTensorProto. The indices are read, because one beyond the dims is the classic way to
// make a reader write outside its memory; the values are not.
#include "model/import/onnx.h"

typedef struct sparse {
    sz_span values, indices;
    bool has_values, has_indices;
    int64_t dims[SZ_MAX_RANK];
    int32_t rank;
    int64_t count; // of the dense tensor
    int64_t stored;
    bool flat;     // indices count elements; else each has one number per axis
    int64_t seen;  // indices checked so far
} sparse;

static sz_status find_parts(onnx *x, sz_span span, sparse *s) {
    uint64_t seen = 0;
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        if (onnx_tag(&f) == ONNX_BYTES(SPARSE_VALUES)) {
            onnx_once(x, &seen, &f, "values of a sparse tensor");
            s->values = f.span;
            s->has_values = true;
        } else if (onnx_tag(&f) == ONNX_BYTES(SPARSE_INDICES)) {
            onnx_once(x, &seen, &f, "indices of a sparse tensor");
            s->indices = f.span;
            s->has_indices = true;
        } else if (f.number == SPARSE_DIMS) {
            SZ_TRY(onnx_dims_add(x, &f, s->dims, &s->rank));
        }
    }
}

static sz_status check_index(onnx *x, sparse *s, uint64_t index) {
    int64_t limit = s->flat ? s->count : s->dims[s->seen % s->rank];
    s->seen++;
    if ((int64_t)index >= 0 && (int64_t)index < limit) return SZ_OK;
    return sz_fail(x->ctx, SZ_ERR_INPUT, "index %" PRId64 " is not below %" PRId64, (int64_t)index,
                   limit);
}

static sz_status check_raw(onnx *x, sparse *s, sz_span raw) {
    while (raw.at < raw.end) {
        uint64_t v;
        SZ_TRY(sz_wire_fixed(&x->wire, &raw, 8, &v));
        SZ_TRY(check_index(x, s, v));
    }
    return SZ_OK;
}

static sz_status check_field(onnx *x, sparse *s, const sz_field *f) {
    sz_elements e;
    uint64_t v;
    bool more;
    if (!sz_elements_start(&e, f, SZ_WIRE_VARINT)) return SZ_OK;
    for (;;) {
        SZ_TRY(sz_elements_next(&x->wire, &e, SZ_WIRE_VARINT, &v, &more));
        if (!more) return SZ_OK;
        SZ_TRY(check_index(x, s, v));
    }
}

static sz_status check_typed(onnx *x, sparse *s, sz_span span) {
    sz_field f;
    int field;
    onnx_tensor indices = {.data_type = 7};
    onnx_data_entries(&indices, &field);
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        if (f.number == onnx_data_fields[field].number) SZ_TRY(check_field(x, s, &f));
    }
}

static sz_status check_side(onnx *x, sparse *s, const onnx_tensor *t) {
    unsigned char block[4096];
    sz_source *file = NULL;
    SZ_TRY(x->source->sibling(x->source, x->ctx, x->root->sides.items[t->side].name, &file));
    if (!file) return SZ_OK; // absent: nothing to check
    for (uint64_t done = 0, left; (left = (uint64_t)t->bytes - done) > 0;) {
        size_t n = left < sizeof block ? (size_t)left : sizeof block;
        SZ_TRY(file->read(file, x->ctx, t->offset + done, block, n));
        for (size_t i = 0; i + 8 <= n; i += 8) {
            uint64_t v = 0;
            for (int b = 0; b < 8; b++) v |= (uint64_t)block[i + (size_t)b] << (8 * b);
            SZ_TRY(check_index(x, s, v));
        }
        done += n;
    }
    return SZ_OK;
}

static sz_status check_indices(onnx *x, sparse *s, const onnx_tensor *t) {
    if (t->data_type != 7)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "indices of a sparse tensor are %s, not i64",
                       sz_dtype_get(t->dtype)->name);
    s->flat = t->rank == 1 && t->dims[0] == s->stored;
    bool per_axis = t->rank == 2 && t->dims[0] == s->stored && t->dims[1] == s->rank;
    if (!s->flat && !per_axis)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "indices of a sparse tensor do not fit its %" PRId64
                       " values and %d dimensions", s->stored, s->rank);
    if (t->external) return check_side(x, s, t);
    return t->has_raw ? check_raw(x, s, t->raw) : check_typed(x, s, t->span);
}

// Without indices (all values are default ones) there may be no values either.
static sz_status check_parts(onnx *x, sparse *s, onnx_tensor *values, onnx_tensor *indices) {
    SZ_TRY(onnx_count(x, s->rank, s->dims, &s->count));
    if (!s->has_values) return sz_fail(x->ctx, SZ_ERR_INPUT, "a sparse tensor without values");
    SZ_TRY(onnx_tensor_read(x, s->values, values));
    if (values->rank != 1)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "values of a sparse tensor have rank %d, not 1",
                       values->rank);
    s->stored = values->count;
    if (s->has_indices) {
        SZ_TRY(onnx_tensor_read(x, s->indices, indices));
        return check_indices(x, s, indices);
    }
    return s->stored == 0 ? SZ_OK
                          : sz_fail(x->ctx, SZ_ERR_INPUT, "a sparse tensor without indices");
}

static sz_status make_constant(onnx *x, const sparse *s, const onnx_tensor *values,
                               const onnx_tensor *indices, sz_type *ret_type,
                               const sz_constant **ret_constant) {
    sz_constant *c = sz_arena_alloc(x->root->arena, sizeof *c);
    int64_t *dims = sz_graph_dims(x->root, s->rank), bytes;
    if (!c || !dims) return sz_no_memory(x->ctx);
    if (!sz_add(values->bytes, indices->bytes, &bytes))
        return sz_fail(x->ctx, SZ_ERR_INPUT, "a sparse tensor of more than 2^63 bytes");
    if (s->rank > 0) memcpy(dims, s->dims, (size_t)s->rank * sizeof *dims);
    *ret_type = sz_type_tensor(values->dtype, s->rank, dims);
    *c = (sz_constant){.form = SZ_CONST_SPARSE,
                       .side = values->side,
                       .offset = values->has_raw ? values->raw.at : values->offset,
                       .length = (uint64_t)bytes,
                       .sparse_values = s->stored};
    *ret_constant = c;
    return SZ_OK;
}

sz_status onnx_sparse_read(onnx *x, sz_span span, sz_span *ret_name, sz_type *ret_type,
                           const sz_constant **ret_constant) {
    sparse s = {0};
    onnx_tensor values = {0}, indices = {0};
    sz_status status = find_parts(x, span, &s);
    if (status == SZ_OK) status = check_parts(x, &s, &values, &indices);
    if (status == SZ_OK)
        status = make_constant(x, &s, &values, &indices, ret_type, ret_constant);
    if (status != SZ_OK) return sz_place(x->ctx, status, "sparse tensor @%" PRIu64, span.at);
    if (ret_name) *ret_name = values.name;
    return SZ_OK;
}
