// SPDX-License-Identifier: Apache-2.0
// ONNX: TensorProto. Data is counted, not read.
#include "model/import/onnx.h"

const onnx_data_field onnx_data_fields[ONNX_DATA_FIELDS] = {
    {4, SZ_WIRE_FIXED32, "float_data"},  {5, SZ_WIRE_VARINT, "int32_data"},
    {6, SZ_WIRE_BYTES, "string_data"},   {7, SZ_WIRE_VARINT, "int64_data"},
    {10, SZ_WIRE_FIXED64, "double_data"}, {11, SZ_WIRE_VARINT, "uint64_data"}};
enum { FLOATS, INT32S, STRINGS, INT64S, DOUBLES, UINT64S };

// ---- how much data there must be ---------------------------------------------------------------

// By TensorProto.DataType (onnx.proto, comments of the data fields): the field that may hold it,
// and entries = elements * times / per, rounded up.
static const struct {
    uint8_t field, times, per;
} storage[] = {
    [1] = {FLOATS, 1, 1},  [2] = {INT32S, 1, 1},  [3] = {INT32S, 1, 1},  [4] = {INT32S, 1, 1},
    [5] = {INT32S, 1, 1},  [6] = {INT32S, 1, 1},  [7] = {INT64S, 1, 1},  [8] = {STRINGS, 1, 1},
    [9] = {INT32S, 1, 1},  [10] = {INT32S, 1, 1}, [11] = {DOUBLES, 1, 1}, [12] = {UINT64S, 1, 1},
    [13] = {UINT64S, 1, 1}, [14] = {FLOATS, 2, 1}, [15] = {DOUBLES, 2, 1}, [16] = {INT32S, 1, 1},
    [17] = {INT32S, 1, 1}, [18] = {INT32S, 1, 1}, [19] = {INT32S, 1, 1}, [20] = {INT32S, 1, 1},
    [21] = {INT32S, 1, 2}, [22] = {INT32S, 1, 2}, [23] = {INT32S, 1, 2}, [24] = {INT32S, 1, 1},
    [25] = {INT32S, 1, 4}, [26] = {INT32S, 1, 4}, [27] = {INT32S, 1, 1}, [28] = {INT32S, 1, 1}};

uint64_t onnx_data_entries(const onnx_tensor *t, int *ret_field) {
    uint64_t n = (uint64_t)t->count, per = storage[t->data_type].per;
    *ret_field = storage[t->data_type].field;
    return (n / per + (n % per != 0)) * storage[t->data_type].times;
}

sz_status onnx_count(onnx *x, int32_t rank, const int64_t *dims, int64_t *ret) {
    int64_t n = 1;
    bool zero = false;
    for (int32_t i = 0; i < rank; i++) { // a zero does not excuse what stands behind it
        if (dims[i] < 0)
            return sz_fail(x->ctx, SZ_ERR_INPUT, "dimension %d is %" PRId64, i, dims[i]);
        zero = zero || dims[i] == 0;
        if (dims[i] != 0 && !sz_mul(n, dims[i], &n))
            return sz_fail(x->ctx, SZ_ERR_INPUT, "more than 2^63 elements");
    }
    *ret = zero ? 0 : n;
    return SZ_OK;
}

// ---- reading -----------------------------------------------------------------------------------

sz_status onnx_dims_add(onnx *x, const sz_field *f, int64_t *dims, int32_t *rank) {
    sz_elements e;
    uint64_t v;
    bool more;
    if (!sz_elements_start(&e, f, SZ_WIRE_VARINT)) return SZ_OK;
    for (;;) {
        SZ_TRY(sz_elements_next(&x->wire, &e, SZ_WIRE_VARINT, &v, &more));
        if (!more) return SZ_OK;
        if (*rank == SZ_MAX_RANK)
            return sz_fail(x->ctx, SZ_ERR_LIMIT, "@%" PRIu64 ": more than %d dimensions", f->at,
                           SZ_MAX_RANK);
        dims[(*rank)++] = (int64_t)v;
    }
}

// How many entries this field adds to typed data field d.
static sz_status count_entries(onnx *x, int d, const sz_field *f, uint64_t *ret) {
    const onnx_data_field *df = &onnx_data_fields[d];
    uint64_t size = df->type == SZ_WIRE_FIXED64 ? 8 : 4;
    *ret = 0;
    if (df->type == SZ_WIRE_BYTES || f->type != SZ_WIRE_BYTES) {
        *ret = f->type == df->type; // one string, or one unpacked number
        return SZ_OK;
    }
    if (df->type == SZ_WIRE_VARINT) return sz_wire_count_varints(&x->wire, f->span, ret);
    if (sz_span_len(f->span) % size != 0)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": %s has %" PRIu64
                       " bytes, no multiple of %" PRIu64, f->at, df->name, sz_span_len(f->span),
                       size);
    *ret = sz_span_len(f->span) / size;
    return SZ_OK;
}

static sz_status data_field(onnx *x, onnx_tensor *t, const sz_field *f) {
    for (int d = 0; d < ONNX_DATA_FIELDS; d++) {
        uint64_t n;
        if (f->number != onnx_data_fields[d].number) continue;
        SZ_TRY(count_entries(x, d, f, &n));
        if (t->chunks[d] == 0 && f->type == SZ_WIRE_BYTES) t->first[d] = f->span;
        t->chunks[d]++;
        t->n[d] += n; // each entry took at least a byte of the file: can't wrap
    }
    return SZ_OK;
}

typedef struct tensor_fields {
    uint64_t seen, location;
    onnx_external external;
    bool has_external;
} tensor_fields;

static sz_status tensor_field(onnx *x, onnx_tensor *t, const sz_field *f, tensor_fields *tf) {
    switch (onnx_tag(f)) {
    case ONNX_VARINT(TENSOR_DIMS):
    case ONNX_BYTES(TENSOR_DIMS): return onnx_dims_add(x, f, t->dims, &t->rank);
    case ONNX_VARINT(TENSOR_TYPE):
        onnx_once(x, &tf->seen, f, "data_type of a tensor");
        t->data_type = (int32_t)f->value;
        return SZ_OK;
    case ONNX_BYTES(TENSOR_SEGMENT):
        sz_warn(x->ctx, "a tensor @%" PRIu64 " is a segment of a larger one", t->span.at);
        return SZ_OK;
    case ONNX_BYTES(TENSOR_NAME):
        onnx_once(x, &tf->seen, f, "name of a tensor");
        t->name = f->span;
        return SZ_OK;
    case ONNX_BYTES(TENSOR_RAW):
        onnx_once(x, &tf->seen, f, "raw_data of a tensor");
        t->has_raw = true;
        t->raw = f->span;
        return SZ_OK;
    case ONNX_BYTES(TENSOR_EXTERNAL):
        tf->has_external = true;
        return onnx_external_entry(x, f->span, &tf->external);
    case ONNX_VARINT(TENSOR_LOCATION):
        onnx_once(x, &tf->seen, f, "data_location of a tensor");
        tf->location = f->value;
        return SZ_OK;
    default: return data_field(x, t, f);
    }
}

// ---- checking ----------------------------------------------------------------------------------

static sz_status check_size(onnx *x, onnx_tensor *t) {
    t->dtype = t->data_type > 0 ? sz_dtype_from_onnx(t->data_type) : 0;
    if (t->dtype == 0 || t->data_type >= (int64_t)(sizeof storage / sizeof *storage))
        return sz_fail(x->ctx, SZ_ERR_INPUT, "data_type %" PRId64 " is none that ONNX has",
                       t->data_type);
    SZ_TRY(onnx_count(x, t->rank, t->dims, &t->count));
    t->bytes = sz_dtype_bytes(t->dtype, t->count);
    if (t->bytes < 0 || t->count > INT64_MAX / 16) // typed data of complex numbers: twice as many
        return sz_fail(x->ctx, SZ_ERR_INPUT, "more than 2^63 bytes");
    return SZ_OK;
}

static sz_status check_raw(onnx *x, const onnx_tensor *t) {
    if (sz_dtype_get(t->dtype)->cls == SZ_CLASS_STRING)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": strings in raw_data", t->raw.at);
    if (sz_span_len(t->raw) != (uint64_t)t->bytes)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": raw_data has %" PRIu64
                       " bytes, dims and type ask for %" PRId64, t->raw.at, sz_span_len(t->raw),
                       t->bytes);
    return SZ_OK;
}

static sz_status check_typed(onnx *x, const onnx_tensor *t) {
    int field;
    uint64_t want = onnx_data_entries(t, &field);
    for (int d = 0; d < ONNX_DATA_FIELDS; d++)
        if (t->n[d] > 0 && d != field)
            return sz_fail(x->ctx, SZ_ERR_INPUT, "data of type %s stands in %s instead of %s",
                           sz_dtype_get(t->dtype)->name, onnx_data_fields[d].name,
                           onnx_data_fields[field].name);
    if (t->n[field] == 0 && want > 0)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "%" PRId64 " elements, but no data", t->count);
    if (t->n[field] != want)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "%s has %" PRIu64 " entries, dims and type ask for %"
                       PRIu64, onnx_data_fields[field].name, t->n[field], want);
    return SZ_OK;
}

// Several kinds of data: readers differ in which one they take.
static void warn_kinds(onnx *x, const onnx_tensor *t, const tensor_fields *tf) {
    bool typed = false;
    for (int d = 0; d < ONNX_DATA_FIELDS; d++) typed = typed || t->n[d] > 0;
    if (t->has_raw + typed + t->external > 1)
        sz_warn(x->ctx, "tensor @%" PRIu64 " has its data in several places: %s counts", t->span.at,
                t->external ? "the side file" : "raw_data");
    if (tf->has_external && !t->external)
        sz_warn(x->ctx, "tensor @%" PRIu64 " names a side file, but its data_location is not "
                "EXTERNAL", t->span.at);
    if (tf->location > 1)
        sz_warn(x->ctx, "tensor @%" PRIu64 " has data_location %" PRIu64
                ", which ONNX does not have", t->span.at, tf->location);
}

static sz_status check_tensor(onnx *x, onnx_tensor *t, const tensor_fields *tf) {
    SZ_TRY(check_size(x, t));
    t->external = tf->location == 1;
    warn_kinds(x, t, tf);
    if (t->has_raw) SZ_TRY(check_raw(x, t));
    if (t->external) return onnx_external_check(x, &tf->external, t);
    return t->has_raw ? SZ_OK : check_typed(x, t);
}

static sz_status read_tensor(onnx *x, onnx_tensor *t) {
    tensor_fields tf = {.external.side = SZ_NONE};
    sz_span span = t->span;
    sz_field f;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) return check_tensor(x, t, &tf);
        SZ_TRY(tensor_field(x, t, &f, &tf));
    }
}

// Put "tensor 'B' @123: " before the error.
static sz_status place_tensor(onnx *x, const onnx_tensor *t, sz_status status) {
    char message[1024]; // reading the name may fail too and must not hide the first error
    size_t len = strlen(sz_ctx_error(x->ctx));
    if (len > sizeof message - 1) len = sizeof message - 1;
    memcpy(message, sz_ctx_error(x->ctx), len);
    message[len] = '\0';
    sz_str name;
    if (status == SZ_ERR_MEMORY || sz_wire_text(&x->wire, t->name, &name) != SZ_OK)
        name = sz_str_c("");
    return sz_fail(x->ctx, status, "tensor '%s' @%" PRIu64 ": %s", sz_show(x->ctx, name),
                   t->span.at, message);
}

sz_status onnx_tensor_read(onnx *x, sz_span span, onnx_tensor *ret) {
    *ret = (onnx_tensor){.span = span, .name = {span.at, span.at}, .side = SZ_NONE};
    sz_status status = read_tensor(x, ret);
    return status == SZ_OK ? SZ_OK : place_tensor(x, ret, status);
}

// ---- the constant ------------------------------------------------------------------------------

// A number field that lies in the file like raw data does: one chunk of floats or doubles.
static bool is_like_raw(const onnx_tensor *t, int field) {
    return onnx_data_fields[field].type != SZ_WIRE_VARINT &&
           onnx_data_fields[field].type != SZ_WIRE_BYTES && t->chunks[field] == 1 &&
           sz_span_len(t->first[field]) == (uint64_t)t->bytes;
}

static sz_status fill_constant(onnx *x, const onnx_tensor *t, sz_constant *c) {
    int field;
    onnx_data_entries(t, &field);
    *c = (sz_constant){.side = SZ_NONE, .length = (uint64_t)t->bytes, .form = SZ_CONST_RAW};
    if (t->external) {
        c->side = t->side;
        c->offset = t->offset;
        if (!x->root->sides.items[t->side].present) c->form = SZ_CONST_NOWHERE;
    } else if (t->has_raw) {
        c->offset = t->raw.at;
    } else if (is_like_raw(t, field)) {
        c->offset = t->first[field].at;
    } else {
        SZ_TRY(onnx_tensor_numbers(x, t, &c->tensor));
        c->form = c->tensor ? SZ_CONST_VALUE : SZ_CONST_NOWHERE;
    }
    return SZ_OK;
}

sz_status onnx_tensor_constant(onnx *x, const onnx_tensor *t, sz_type *ret_type,
                               const sz_constant **ret_constant) {
    sz_constant *c = sz_arena_alloc(x->root->arena, sizeof *c);
    int64_t *dims = sz_graph_dims(x->root, t->rank);
    if (!c || !dims) return sz_no_memory(x->ctx);
    if (t->rank > 0) memcpy(dims, t->dims, (size_t)t->rank * sizeof *dims);
    *ret_type = sz_type_tensor(t->dtype, t->rank, dims);
    SZ_TRY(fill_constant(x, t, c));
    *ret_constant = c;
    return SZ_OK;
}
