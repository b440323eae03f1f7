// SPDX-License-Identifier: Apache-2.0
// OpenVINO IR: what the texts of attributes mean.
#include "model/import/openvino.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

// ---- texts -------------------------------------------------------------------------------------

sz_status ir_copy(ir *x, sz_str text, sz_str *ret_copy) {
    char *copy = sz_arena_strdup(x->root->arena, text.p, text.len);
    if (!copy) return sz_no_memory(x->ctx);
    *ret_copy = (sz_str){copy, text.len};
    return SZ_OK;
}

sz_status ir_need(ir *x, const char *name, sz_str *ret_text) {
    if (!sz_xml_attribute(&x->xml, name, ret_text))
        return sz_xml_fail(&x->xml, "<%s> has no attribute '%s'", sz_show(x->ctx, x->xml.name),
                           name);
    return ir_copy(x, *ret_text, ret_text);
}

static sz_str trim(sz_str s) {
    while (s.len && (s.p[0] == ' ' || s.p[0] == '\n' || s.p[0] == '\t')) s.p++, s.len--;
    while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\n' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

bool ir_int(sz_str text, int64_t *ret_int) {
    sz_str s = trim(text);
    const bool minus = s.len > 1 && s.p[0] == '-';
    int64_t v = 0;
    if (s.len == 0) return false;
    for (uint32_t i = minus; i < s.len; i++) {
        const int64_t digit = s.p[i] - '0';
        if (digit < 0 || digit > 9 || !sz_mul(v, 10, &v)) return false;
        if (!(minus ? sz_sub(v, digit, &v) : sz_add(v, digit, &v))) return false;
    }
    *ret_int = v;
    return true;
}

sz_status ir_int_attribute(ir *x, const char *name, int64_t def, int64_t *ret_int) {
    sz_str text;
    *ret_int = def;
    if (!sz_xml_attribute(&x->xml, name, &text) || ir_int(text, ret_int)) return SZ_OK;
    return sz_xml_fail(&x->xml, "%s '%s' is no integer", name, sz_show(x->ctx, text));
}

// strtod alone would also take hexadecimal numbers and trailing rubbish.
static bool read_float(sz_str text, double *ret_float) {
    char buf[64];
    const sz_str s = trim(text);
    if (s.len == 0 || s.len >= sizeof buf) return false;
    for (uint32_t i = 0; i < s.len; i++)
        if (!strchr("0123456789+-.eE", s.p[i])) return false;
    memcpy(buf, s.p, s.len);
    buf[s.len] = '\0';
    char *end = buf;
    *ret_float = strtod(buf, &end);
    return *end == '\0';
}

// ---- element types -----------------------------------------------------------------------------

// Words of <data> in lower case, precisions of ports in upper case.
static const struct {
    const char *word, *dtype;
} words[] = {
    {"f32", "f32"},         {"FP32", "f32"},      {"f16", "f16"},       {"FP16", "f16"},
    {"f64", "f64"},         {"FP64", "f64"},      {"bf16", "bf16"},     {"BF16", "bf16"},
    {"i64", "i64"},         {"I64", "i64"},       {"i32", "i32"},       {"I32", "i32"},
    {"i16", "i16"},         {"I16", "i16"},       {"i8", "i8"},         {"I8", "i8"},
    {"i4", "i4"},           {"I4", "i4"},         {"u64", "u64"},       {"U64", "u64"},
    {"u32", "u32"},         {"U32", "u32"},       {"u16", "u16"},       {"U16", "u16"},
    {"u8", "u8"},           {"U8", "u8"},         {"u6", "u6"},         {"U6", "u6"},
    {"u4", "u4"},           {"U4", "u4"},         {"u3", "u3"},         {"U3", "u3"},
    {"u2", "u2"},           {"U2", "u2"},         {"u1", "u1"},         {"U1", "u1"},
    {"BIN", "u1"},          {"bin", "u1"},        {"boolean", "bool"},  {"BOOL", "bool"},
    {"bool", "bool"},       {"nf4", "nf4"},       {"NF4", "nf4"},       {"f8e4m3", "f8e4m3fn"},
    {"F8E4M3", "f8e4m3fn"}, {"f8e5m2", "f8e5m2"}, {"F8E5M2", "f8e5m2"}, {"f4e2m1", "f4e2m1"},
    {"F4E2M1", "f4e2m1"},   {"f8e8m0", "f8e8m0"}, {"F8E8M0", "f8e8m0"}, {"string", "string"},
    {"STRING", "string"},
};

sz_dtype ir_dtype(sz_str text) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sz_str_is(text, words[i].word)) return sz_dtype_by_name(words[i].dtype);
    return 0;
}

// ---- attributes --------------------------------------------------------------------------------

typedef enum form { AUTO, INTS, TYPE, PAD, CEIL, NAMES } form;

static const struct attr_row {
    const char *name;
    form form;
    const char *ours;
} rows[] = {
#define ATTR(name, form, ours) {name, form, ours},
#include "model/import/openvino_attrs.def"
#undef ATTR
};

static sz_status add(ir *x, ir_frame *f, const sz_attr *a) {
    if (f->attrs.n >= SZ_XML_MAX_ATTRS)
        return sz_xml_fail(&x->xml, "more than %d attributes in a layer", SZ_XML_MAX_ATTRS);
    return sz_vec_push(x->ctx, &f->attrs, *a) ? SZ_OK : sz_no_memory(x->ctx);
}

sz_status ir_add_int(ir *x, ir_frame *f, const char *name, int64_t i) {
    return add(x, f, &(sz_attr){.name = sz_str_c(name), .kind = SZ_ATTR_INT, .n = 1, .i = i});
}

sz_status ir_add_ints(ir *x, ir_frame *f, const char *name, const int64_t *ints, size_t n) {
    int64_t *own = sz_arena_array(x->root->arena, n ? n : 1, sizeof *own);
    if (!own || n > INT32_MAX) return sz_no_memory(x->ctx);
    if (n) memcpy(own, ints, n * sizeof *own);
    return add(
        x, f,
        &(sz_attr){.name = sz_str_c(name), .kind = SZ_ATTR_INTS, .n = (int32_t)n, .ints = own});
}

sz_status ir_add_graph(ir *x, ir_frame *f, const char *name, sz_graph *graph) {
    sz_graph **own = sz_arena_array(x->root->arena, 1, sizeof *own);
    if (!own) return sz_no_memory(x->ctx);
    own[0] = graph;
    return add(x, f,
               &(sz_attr){.name = sz_str_c(name), .kind = SZ_ATTR_GRAPH, .n = 1, .graphs = own});
}

static sz_status add_text(ir *x, ir_frame *f, sz_str name, sz_str text) {
    sz_attr a = {.name = name, .kind = SZ_ATTR_STRING, .n = 1};
    SZ_TRY(ir_copy(x, text, &a.s));
    return add(x, f, &a);
}

// "1, 2, 3" into x->ints; false when one of them is no integer.
static bool split(ir *x, sz_str text, bool *ret_memory) {
    x->ints.n = 0;
    *ret_memory = true;
    if (trim(text).len == 0) return true;
    for (uint32_t at = 0;;) {
        const char *comma = memchr(text.p + at, ',', text.len - at);
        const uint32_t end = comma ? (uint32_t)(comma - text.p) : text.len;
        int64_t v;
        if (!ir_int((sz_str){text.p + at, end - at}, &v)) return false;
        if (!sz_vec_push(x->ctx, &x->ints, v)) return *ret_memory = false;
        if (!comma) return true;
        at = end + 1;
    }
}

static sz_status add_list(ir *x, ir_frame *f, sz_str name, sz_str text, bool *ret_is_list) {
    bool memory;
    *ret_is_list = split(x, text, &memory);
    if (!memory) return sz_no_memory(x->ctx);
    if (!*ret_is_list) return SZ_OK;
    SZ_TRY(ir_add_ints(x, f, "", x->ints.items, x->ints.n));
    f->attrs.items[f->attrs.n - 1].name = name;
    return SZ_OK;
}

static sz_status add_auto(ir *x, ir_frame *f, sz_str name, sz_str text) {
    sz_attr a = {.name = name, .kind = SZ_ATTR_INT, .n = 1};
    bool is_list = false;
    if (ir_int(text, &a.i)) return add(x, f, &a);
    if (sz_str_is(text, "true") || sz_str_is(text, "false")) {
        a.i = text.len == 4;
        return add(x, f, &a);
    }
    a.kind = SZ_ATTR_FLOAT;
    if (read_float(text, &a.f)) return add(x, f, &a);
    if (memchr(text.p, ',', text.len)) SZ_TRY(add_list(x, f, name, text, &is_list));
    return is_list ? SZ_OK : add_text(x, f, name, text);
}

static sz_status add_pad(ir *x, ir_frame *f, sz_str name, sz_str text) {
    static const struct {
        const char *word, *ours;
    } pads[] = {{"explicit", "NOTSET"},
                {"notset", "NOTSET"},
                {"valid", "VALID"},
                {"same_upper", "SAME_UPPER"},
                {"same_lower", "SAME_LOWER"}};
    for (size_t i = 0; i < sizeof pads / sizeof *pads; i++)
        if (sz_str_is(text, pads[i].word)) return add_text(x, f, name, sz_str_c(pads[i].ours));
    return add_text(x, f, name, text);
}

static sz_status add_row(ir *x, ir_frame *f, const struct attr_row *row, sz_str text) {
    const sz_str name = sz_str_c(row->ours);
    bool is_list;
    switch (row->form) {
    case INTS:
        SZ_TRY(add_list(x, f, name, text, &is_list));
        if (is_list) return SZ_OK;
        return sz_xml_fail(&x->xml, "%s '%s' is no list of integers", row->name,
                           sz_show(x->ctx, text));
    case TYPE: {
        const sz_dtype t = ir_dtype(text);
        return add_text(x, f, name, t ? sz_str_c(sz_dtype_get(t)->name) : text);
    }
    case PAD:
        return add_pad(x, f, name, text);
    case CEIL:
        return ir_add_int(x, f, row->ours, sz_str_is(text, "floor") ? 0 : 1);
    case NAMES:
        return add_text(x, f, name, text);
    case AUTO:
        break;
    }
    return add_auto(x, f, name, text);
}

static const struct attr_row *find_row(sz_str name) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is(name, rows[i].name)) return &rows[i];
    return NULL;
}

// Both pads as one list, as windows are described elsewhere in the house. `at` of the attributes
// are this layer's.
static sz_status join_pads(ir *x, ir_frame *f) {
    const sz_attr *begin = NULL, *end = NULL;
    for (size_t i = 0; i < f->attrs.n; i++) {
        const sz_attr *a = &f->attrs.items[i];
        if (sz_str_is(a->name, "pads_begin")) begin = a;
        if (sz_str_is(a->name, "pads_end")) end = a;
    }
    if (!begin || !end || begin->n != end->n) return SZ_OK;
    x->ints.n = 0;
    for (int32_t i = 0; i < 2 * begin->n; i++) {
        const int64_t v = i < begin->n ? begin->ints[i] : end->ints[i - begin->n];
        if (!sz_vec_push(x->ctx, &x->ints, v)) return sz_no_memory(x->ctx);
    }
    size_t kept = 0;
    for (size_t i = 0; i < f->attrs.n; i++)
        if (&f->attrs.items[i] != begin && &f->attrs.items[i] != end)
            f->attrs.items[kept++] = f->attrs.items[i];
    f->attrs.n = kept;
    return ir_add_ints(x, f, "pads", x->ints.items, x->ints.n);
}

sz_status ir_data_read(ir *x, ir_frame *f) {
    for (size_t i = 0; i < x->xml.attrs.n; i++) {
        const sz_xml_attr *a = &x->xml.attrs.items[i];
        const struct attr_row *row = find_row(a->name);
        sz_str name;
        if (row) {
            SZ_TRY(add_row(x, f, row, a->value));
            continue;
        }
        SZ_TRY(ir_copy(x, a->name, &name));
        SZ_TRY(add_auto(x, f, name, a->value));
    }
    return join_pads(x, f);
}
