// SPDX-License-Identifier: Apache-2.0
// ONNX: AttributeProto.
#include "model/import/onnx.h"

// The kinds by AttributeType: the field that holds the value, and what the graph makes of it.
static const struct {
    uint32_t field;
    uint8_t kind;
    bool is_list;
    const char *name;
} types[] = {
    {0, SZ_ATTR_NONE, false, "UNDEFINED"},
    {ATTR_F, SZ_ATTR_FLOAT, false, "FLOAT"},
    {ATTR_I, SZ_ATTR_INT, false, "INT"},
    {ATTR_S, SZ_ATTR_STRING, false, "STRING"},
    {ATTR_T, SZ_ATTR_TENSOR, false, "TENSOR"},
    {ATTR_G, SZ_ATTR_GRAPH, false, "GRAPH"},
    {ATTR_FLOATS, SZ_ATTR_FLOATS, true, "FLOATS"},
    {ATTR_INTS, SZ_ATTR_INTS, true, "INTS"},
    {ATTR_STRINGS, SZ_ATTR_STRINGS, true, "STRINGS"},
    {ATTR_TENSORS, SZ_ATTR_OTHER, true, "TENSORS"},
    {ATTR_GRAPHS, SZ_ATTR_GRAPHS, true, "GRAPHS"},
    {ATTR_SPARSE, SZ_ATTR_TENSOR, false, "SPARSE_TENSOR"},
    {ATTR_SPARSES, SZ_ATTR_OTHER, true, "SPARSE_TENSORS"},
    {ATTR_TP, SZ_ATTR_TYPE, false, "TYPE_PROTO"},
    {ATTR_TYPE_PROTOS, SZ_ATTR_OTHER, true, "TYPE_PROTOS"},
};
enum { N_TYPES = sizeof types / sizeof *types };

// What was found in an attribute, before it is known which of it counts.
typedef struct found {
    sz_span span, name, ref;
    uint64_t seen;    // bit per field number
    bool has_ref, has_type, dropped_text;
    int32_t type;
    int64_t i;
    double f;
    sz_str s;
    sz_value_id tensor, sparse;
    const sz_type *tp;
    bool has_graph;
    sz_span graph;
} found;

// ---- pieces ------------------------------------------------------------------------------------

static double float_of(uint64_t bits) {
    uint32_t u = (uint32_t)bits;
    float f;
    memcpy(&f, &u, sizeof f);
    return (double)f;
}

// Strings beyond the limit (compiled blobs of other tools) are of no use here: dropped.
static sz_status take_string(onnx *x, found *a, sz_span span, sz_str *ret) {
    if (sz_span_len(span) <= SZ_WIRE_MAX_TEXT) return onnx_copy(x, span, ret);
    a->dropped_text = true;
    *ret = sz_str_c("");
    return SZ_OK;
}

static sz_status take_ints(onnx *x, const sz_field *f) {
    sz_elements e;
    uint64_t v;
    bool more;
    if (!sz_elements_start(&e, f, SZ_WIRE_VARINT)) return SZ_OK;
    for (;;) {
        SZ_TRY(sz_elements_next(&x->wire, &e, SZ_WIRE_VARINT, &v, &more));
        if (!more) return SZ_OK;
        if (!sz_vec_push(x->ctx, &x->ints, (int64_t)v)) return sz_no_memory(x->ctx);
    }
}

static sz_status take_floats(onnx *x, const sz_field *f) {
    sz_elements e;
    uint64_t v;
    bool more;
    if (!sz_elements_start(&e, f, SZ_WIRE_FIXED32)) return SZ_OK;
    for (;;) {
        SZ_TRY(sz_elements_next(&x->wire, &e, SZ_WIRE_FIXED32, &v, &more));
        if (!more) return SZ_OK;
        if (!sz_vec_push(x->ctx, &x->floats, float_of(v))) return sz_no_memory(x->ctx);
    }
}

sz_status onnx_nameless(onnx *x, sz_graph *g, const sz_type *type, const sz_constant *c,
                        sz_value_id *ret) {
    if (g->values.n >= INT32_MAX) return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than 2^31 values");
    sz_value v = {.name = sz_str_c(""), .kind = SZ_VALUE_CONST, .producer = SZ_NONE,
                  .outer = SZ_NONE, .type = *type, .constant = c};
    if (!sz_vec_push(x->ctx, &g->values, v)) return sz_no_memory(x->ctx);
    *ret = (sz_value_id)(g->values.n - 1);
    return SZ_OK;
}

static sz_status take_tensor(onnx *x, sz_graph *g, sz_span span, sz_value_id *ret) {
    onnx_tensor t;
    sz_type type;
    const sz_constant *c = NULL;
    SZ_TRY(onnx_tensor_read(x, span, &t));
    SZ_TRY(onnx_tensor_constant(x, &t, &type, &c));
    return onnx_nameless(x, g, &type, c, ret);
}

static sz_status take_sparse(onnx *x, sz_graph *g, sz_span span, sz_value_id *ret) {
    sz_type type;
    const sz_constant *c = NULL;
    SZ_TRY(onnx_sparse_read(x, span, NULL, &type, &c));
    return onnx_nameless(x, g, &type, c, ret);
}

static sz_status take_type(onnx *x, sz_span span, const sz_type **ret) {
    sz_type *t = sz_arena_alloc(x->root->arena, sizeof *t);
    if (!t) return sz_no_memory(x->ctx);
    *ret = t;
    return onnx_type_read(x, span, sz_str_c("a type attribute"), SZ_NONE, t);
}

// ---- reading -----------------------------------------------------------------------------------

// Lists of things that no operator has today: checked, not kept.
static sz_status check_only(onnx *x, const sz_field *f) {
    onnx_tensor t;
    sz_type type;
    const sz_constant *c;
    if (onnx_tag(f) == ONNX_BYTES(ATTR_TENSORS)) return onnx_tensor_read(x, f->span, &t);
    if (onnx_tag(f) == ONNX_BYTES(ATTR_SPARSES))
        return onnx_sparse_read(x, f->span, NULL, &type, &c);
    return SZ_OK;
}

static sz_status list_field(onnx *x, found *a, const sz_field *f) {
    sz_str s;
    switch (f->number) {
    case ATTR_INTS: return take_ints(x, f);
    case ATTR_FLOATS: return take_floats(x, f);
    case ATTR_STRINGS:
        if (f->type != SZ_WIRE_BYTES) return SZ_OK;
        SZ_TRY(take_string(x, a, f->span, &s));
        return sz_vec_push(x->ctx, &x->strings, s) ? SZ_OK : sz_no_memory(x->ctx);
    case ATTR_GRAPHS:
        if (f->type != SZ_WIRE_BYTES) return SZ_OK;
        return sz_vec_push(x->ctx, &x->spans, f->span) ? SZ_OK : sz_no_memory(x->ctx);
    default: return check_only(x, f);
    }
}

static sz_status value_field(onnx *x, sz_graph *g, found *a, const sz_field *f) {
    switch (onnx_tag(f)) {
    case ONNX_FIXED32(ATTR_F): a->f = float_of(f->value); return SZ_OK;
    case ONNX_VARINT(ATTR_I): a->i = (int64_t)f->value; return SZ_OK;
    case ONNX_BYTES(ATTR_S): return take_string(x, a, f->span, &a->s);
    case ONNX_BYTES(ATTR_T): return take_tensor(x, g, f->span, &a->tensor);
    case ONNX_BYTES(ATTR_SPARSE): return take_sparse(x, g, f->span, &a->sparse);
    case ONNX_BYTES(ATTR_TP): return take_type(x, f->span, &a->tp);
    case ONNX_BYTES(ATTR_G):
        a->has_graph = true;
        a->graph = f->span;
        return SZ_OK;
    default: return SZ_OK;
    }
}

static bool is_list_field(uint32_t number) {
    for (int i = 1; i < N_TYPES; i++)
        if (types[i].field == number) return types[i].is_list;
    return false;
}

// Is this field, with this wire type, one of those that hold a value?
static bool is_value_field(const sz_field *f) {
    uint8_t scalar = f->number == ATTR_F || f->number == ATTR_FLOATS ? SZ_WIRE_FIXED32
                     : f->number == ATTR_I || f->number == ATTR_INTS ? SZ_WIRE_VARINT
                                                                     : SZ_WIRE_BYTES;
    bool packed = (f->number == ATTR_FLOATS || f->number == ATTR_INTS) && f->type == SZ_WIRE_BYTES;
    if (f->type != scalar && !packed) return false;
    for (int i = 1; i < N_TYPES; i++)
        if (types[i].field == f->number) return true;
    return false;
}

static sz_status attr_field(onnx *x, sz_graph *g, found *a, const sz_field *f) {
    switch (onnx_tag(f)) {
    case ONNX_BYTES(ATTR_NAME): a->name = f->span; return SZ_OK;
    case ONNX_BYTES(ATTR_REF):
        a->has_ref = true;
        a->ref = f->span;
        return SZ_OK;
    case ONNX_VARINT(ATTR_TYPE):
        onnx_once(x, &a->seen, f, "type of an attribute");
        a->has_type = true;
        a->type = (int32_t)f->value;
        return SZ_OK;
    default: break;
    }
    if (!is_value_field(f)) return SZ_OK;
    if (is_list_field(f->number)) {
        a->seen |= 1ull << f->number;
        return list_field(x, a, f);
    }
    onnx_once(x, &a->seen, f, "value of an attribute");
    return value_field(x, g, a, f);
}

static sz_status read_found(onnx *x, sz_graph *g, found *a) {
    sz_span span = a->span;
    sz_field f;
    x->ints.n = x->floats.n = x->strings.n = x->spans.n = 0;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        SZ_TRY(attr_field(x, g, a, &f));
    }
}

sz_status onnx_attr_name(onnx *x, sz_span span, sz_str *ret) {
    sz_field f;
    *ret = sz_str_c("");
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        if (onnx_tag(&f) == ONNX_BYTES(ATTR_NAME)) SZ_TRY(onnx_word(x, f.span, ret));
    }
}

// ---- which value counts ------------------------------------------------------------------------

// Index in `types` of what the attribute is: what its type says when there is such data (or none at
// all, since writers leave out a 0 or an empty list), else what the data is.
static int choose_type(onnx *x, const found *a, sz_str name) {
    const char *shown = sz_show(x->ctx, name);
    int said = a->type > 0 && a->type < N_TYPES ? a->type : 0, there = 0;
    for (int i = N_TYPES - 1; i > 0; i--)
        if (a->seen >> types[i].field & 1) there = i;
    if (said && (!there || a->seen >> types[said].field & 1)) return said;
    if (said)
        sz_warn(x->ctx, "attribute '%s' @%" PRIu64 " says it is %s, but holds %s: the data counts",
                shown, a->span.at, types[said].name, types[there].name);
    else if (a->has_type)
        sz_warn(x->ctx, "attribute '%s' @%" PRIu64 " has type %d, which ONNX does not have", shown,
                a->span.at, a->type);
    else
        sz_warn(x->ctx, "attribute '%s' @%" PRIu64 " has no type", shown, a->span.at);
    return there;
}

static void *copy_list(onnx *x, const void *items, size_t n, size_t size) {
    void *own = sz_arena_array(x->root->arena, n ? n : 1, size);
    if (own && n) memcpy(own, items, n * size);
    return own;
}

// A body for each graph; they are read when the graph around them is complete.
static sz_status make_bodies(onnx *x, const onnx_place *p, const sz_span *spans, size_t n,
                             sz_attr *ret) {
    sz_graph **graphs = sz_arena_array(x->root->arena, n ? n : 1, sizeof *graphs);
    if (!graphs) return sz_no_memory(x->ctx);
    if (p->depth >= SZ_ONNX_MAX_BODIES)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "bodies are nested more than %d levels deep",
                       SZ_ONNX_MAX_BODIES);
    for (size_t i = 0; i < n; i++) {
        SZ_TRY(sz_graph_create_body(p->graph, &graphs[i]));
        onnx_body body = {graphs[i], spans[i], p->depth + 1, p->scope};
        if (!sz_vec_push(x->ctx, &x->bodies, body)) return sz_no_memory(x->ctx);
    }
    for (onnx_scope *s = p->scope; s; s = s->up) s->kept = true;
    ret->graphs = graphs;
    ret->n = (int32_t)n;
    return SZ_OK;
}

static sz_status set_list(onnx *x, sz_attr *ret) {
    if (ret->kind == SZ_ATTR_INTS) {
        ret->n = (int32_t)x->ints.n;
        ret->ints = copy_list(x, x->ints.items, x->ints.n, sizeof *ret->ints);
        return ret->ints ? SZ_OK : sz_no_memory(x->ctx);
    }
    if (ret->kind == SZ_ATTR_FLOATS) {
        ret->n = (int32_t)x->floats.n;
        ret->floats = copy_list(x, x->floats.items, x->floats.n, sizeof *ret->floats);
        return ret->floats ? SZ_OK : sz_no_memory(x->ctx);
    }
    ret->n = (int32_t)x->strings.n;
    ret->strings = copy_list(x, x->strings.items, x->strings.n, sizeof *ret->strings);
    return ret->strings ? SZ_OK : sz_no_memory(x->ctx);
}

static bool lists_too_long(const onnx *x) {
    return x->ints.n > INT32_MAX || x->floats.n > INT32_MAX || x->strings.n > INT32_MAX ||
           x->spans.n > INT32_MAX;
}

static sz_status set_value(onnx *x, const onnx_place *p, const found *a, int type, sz_attr *ret) {
    ret->kind = types[type].kind;
    ret->i = a->i;
    ret->f = a->f;
    ret->s = a->s;
    ret->tensor = types[type].field == ATTR_SPARSE ? a->sparse : a->tensor;
    ret->type = a->tp;
    bool absent = (ret->kind == SZ_ATTR_TENSOR && ret->tensor == SZ_NONE) ||
                  (ret->kind == SZ_ATTR_GRAPH && !a->has_graph) ||
                  (ret->kind == SZ_ATTR_TYPE && !a->tp);
    if (lists_too_long(x)) return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than 2^31 elements");
    if (absent) {
        sz_warn(x->ctx, "attribute '%s' @%" PRIu64 " has no value", sz_show(x->ctx, ret->name),
                a->span.at);
        ret->kind = SZ_ATTR_NONE;
    }
    if (a->dropped_text && (ret->kind == SZ_ATTR_STRING || ret->kind == SZ_ATTR_STRINGS))
        ret->kind = SZ_ATTR_OTHER;
    switch (ret->kind) {
    case SZ_ATTR_INTS:
    case SZ_ATTR_FLOATS:
    case SZ_ATTR_STRINGS: return set_list(x, ret);
    case SZ_ATTR_GRAPH: return make_bodies(x, p, &a->graph, 1, ret);
    case SZ_ATTR_GRAPHS: return make_bodies(x, p, x->spans.items, x->spans.n, ret);
    default: return SZ_OK;
    }
}

// A reference to an attribute of the function whose text this is.
static sz_status refer(onnx *x, const onnx_scope *scope, const found *a, sz_attr *ret,
                       bool *ret_keep) {
    sz_str ref, own = ret->name;
    SZ_TRY(sz_wire_text(&x->wire, a->ref, &ref));
    if (!scope)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "attribute '%s' refers to '%s' of a function, but "
                       "stands in none", sz_show(x->ctx, own), sz_show(x->ctx, ref));
    *ret_keep = false;
    for (int32_t i = 0; i < scope->n_attrs; i++) {
        if (!sz_str_eq(scope->attrs[i].name, ref)) continue;
        *ret = scope->attrs[i];
        ret->name = own;
        *ret_keep = true;
    }
    return SZ_OK;
}

sz_status onnx_attr_read(onnx *x, const onnx_place *p, sz_span span, sz_attr *ret, bool *ret_keep) {
    found a = {.span = span, .s = sz_str_c(""), .tensor = SZ_NONE, .sparse = SZ_NONE};
    *ret = (sz_attr){.n = 1, .tensor = SZ_NONE, .s = sz_str_c("")};
    *ret_keep = true;
    SZ_TRY(read_found(x, p->graph, &a));
    SZ_TRY(onnx_word(x, a.name, &ret->name));
    if (ret->name.len == 0)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": an attribute without a name", span.at);
    if (a.has_ref && sz_span_len(a.ref) > 0) return refer(x, p->scope, &a, ret, ret_keep);
    return set_value(x, p, &a, choose_type(x, &a, ret->name), ret);
}
