// SPDX-License-Identifier: Apache-2.0
// ONNX: TensorProto, with the numbers of a constant or with the place where they would be.
#include "model/export/onnx.h"

#include <stdio.h>

#include "model/graph/format.h"

const char sz_export_absent[] = "weights.absent";

// protobuf: no message of 2 GiB and more; the rest of the model needs room, too.
static const int64_t MOST_BYTES = (INT64_C(2) << 30) - (64 << 20);

sz_status onnx_code(onnx_writer *w, sz_dtype t, int64_t *ret_code) {
    *ret_code = sz_dtype_get(t)->onnx;
    if (*ret_code > 0) return SZ_OK;
    return sz_fail(w->ctx, SZ_ERR_UNAVAILABLE, "ONNX has no numbers of format '%s'",
                   sz_dtype_get(t)->name);
}

// ---- numbers -----------------------------------------------------------------------------------

static void put_element(unsigned char *raw, int bits, int64_t k, uint64_t v) {
    if (bits < 8) {
        const int64_t at = k * bits;
        raw[at / 8] = (unsigned char)(raw[at / 8] | (v & ((1u << bits) - 1)) << at % 8);
        return;
    }
    for (int i = 0; i < bits / 8; i++) raw[k * (bits / 8) + i] = (unsigned char)(v >> 8 * i);
}

static bool encode(const sz_tensor *t, unsigned char *raw) {
    const int bits = sz_dtype_get(t->dtype)->bits;
    if (bits > 64 || sz_dtype_get(t->dtype)->cls == SZ_CLASS_COMPLEX || (!t->f && !t->i))
        return false;
    for (int64_t k = 0; k < t->count; k++)
        if (t->i && t->i[k] == SZ_VALUE_UNKNOWN) return false;
    for (int64_t k = 0; k < t->count; k++)
        put_element(raw, bits, k,
                    t->f ? sz_format_encode(t->dtype, t->f[k], true) : (uint64_t)t->i[k]);
    return true;
}

// What the graph or its files have.
static sz_status own_numbers(sz_graph *g, sz_value_id id, unsigned char *raw, size_t bytes,
                             bool *ret_is_there) {
    const sz_constant *c = sz_graph_value(g, id)->constant;
    const sz_tensor *known = NULL;
    if (c && c->form == SZ_CONST_RAW) SZ_TRY(sz_graph_read_raw(g, c, bytes, raw, ret_is_there));
    if (*ret_is_there) return SZ_OK;
    SZ_TRY(sz_graph_known(g, id, &known));
    if (known) *ret_is_there = encode(known, raw);
    return SZ_OK;
}

// Is it worth having room for them? Weights that are nowhere may be many.
static sz_status may_have(const onnx_writer *w, sz_graph *g, sz_value_id id, bool *ret_may) {
    const sz_constant *c = sz_graph_value(g, id)->constant;
    const sz_tensor *known = NULL;
    *ret_may = w->options->fill || (c && c->form == SZ_CONST_RAW);
    if (*ret_may) return SZ_OK;
    SZ_TRY(sz_graph_known(g, id, &known));
    *ret_may = known != NULL;
    return SZ_OK;
}

// Puts them, if they are there.
static sz_status put_raw(onnx_writer *w, sz_graph *g, sz_value_id id, int64_t bytes,
                         bool *ret_is_there) {
    const sz_export_options *o = w->options;
    int64_t total;
    if (!sz_add(w->fresh_bytes, bytes, &total) || total > MOST_BYTES)
        return sz_fail(w->ctx, SZ_ERR_LIMIT,
                       "the weights take more than the 2 GB that an ONNX file can hold");
    unsigned char *raw = sz_alloc(w->ctx, (size_t)bytes + 1);
    if (!raw) return sz_no_memory(w->ctx);
    const sz_status status = o->fill ? o->fill(o->user, g, id, raw, (size_t)bytes, ret_is_there)
                                     : own_numbers(g, id, raw, (size_t)bytes, ret_is_there);
    if (status == SZ_OK && *ret_is_there) {
        sz_proto_bytes(w->out, TENSOR_RAW, (const char *)raw, (size_t)bytes);
        w->fresh_bytes = total;
    }
    sz_free(w->ctx, raw, (size_t)bytes + 1);
    return status;
}

static void entry(sz_buf *b, const char *key, const char *value) {
    const size_t at = sz_proto_begin(b, TENSOR_EXTERNAL);
    onnx_put(b, ENTRY_KEY, sz_str_c(key));
    onnx_put(b, ENTRY_VALUE, sz_str_c(value));
    sz_proto_end(b, at);
}

static sz_status put_absent(onnx_writer *w, int64_t bytes) {
    char offset[24], length[24];
    snprintf(offset, sizeof offset, "%lld", (long long)w->absent);
    snprintf(length, sizeof length, "%lld", (long long)bytes);
    if (!sz_add(w->absent, bytes, &w->absent))
        return sz_fail(w->ctx, SZ_ERR_LIMIT, "the weights have more than 2^63 bytes");
    entry(w->out, "location", sz_export_absent);
    entry(w->out, "offset", offset);
    entry(w->out, "length", length);
    sz_proto_int(w->out, TENSOR_LOCATION, 1); // EXTERNAL
    return SZ_OK;
}

static sz_status put_strings(onnx_writer *w, sz_graph *g, sz_value_id id) {
    const sz_tensor *known = NULL;
    SZ_TRY(sz_graph_known(g, id, &known));
    if (!known || !known->s)
        return sz_fail(w->ctx, SZ_ERR_UNAVAILABLE, "the strings of constant '%s' are not kept",
                       sz_show(w->ctx, sz_graph_value(g, id)->name));
    for (int64_t k = 0; k < known->count; k++) onnx_put(w->out, TENSOR_STRINGS, known->s[k]);
    return SZ_OK;
}

static sz_status put_numbers(onnx_writer *w, sz_graph *g, sz_value_id id) {
    const sz_type *t = &sz_graph_value(g, id)->type;
    int64_t count;
    bool may, is_there = false;
    SZ_TRY(sz_type_elements(w->ctx, t, &count));
    const int64_t bytes = count < 0 ? -1 : sz_dtype_bytes(t->dtype, count);
    if (bytes < 0)
        return sz_fail(w->ctx, SZ_ERR_UNAVAILABLE, "the size of constant '%s' is not known",
                       sz_show(w->ctx, sz_graph_value(g, id)->name));
    SZ_TRY(may_have(w, g, id, &may));
    if (may) SZ_TRY(put_raw(w, g, id, bytes, &is_there));
    return is_there ? SZ_OK : put_absent(w, bytes);
}

sz_status onnx_tensor_write(onnx_writer *w, uint32_t field, sz_graph *g, sz_value_id id,
                            sz_str name) {
    const sz_value *v = sz_graph_value(g, id);
    const sz_constant *c = v->constant;
    int64_t code;
    if ((c && c->form == SZ_CONST_SPARSE) || v->type.kind != SZ_TYPE_TENSOR || v->type.rank < 0)
        return sz_fail(w->ctx, SZ_ERR_UNAVAILABLE, "constant '%s' is sparse or no tensor",
                       sz_show(w->ctx, v->name));
    SZ_TRY(onnx_code(w, v->type.dtype, &code));
    const size_t at = sz_proto_begin(w->out, field);
    for (int32_t d = 0; d < v->type.rank; d++) sz_proto_int(w->out, TENSOR_DIMS, v->type.dims[d]);
    sz_proto_int(w->out, TENSOR_TYPE, code);
    if (name.len) onnx_put(w->out, TENSOR_NAME, name);
    SZ_TRY(sz_dtype_get(v->type.dtype)->cls == SZ_CLASS_STRING ? put_strings(w, g, id)
                                                               : put_numbers(w, g, id));
    sz_proto_end(w->out, at);
    return SZ_OK;
}
