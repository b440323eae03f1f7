// SPDX-License-Identifier: Apache-2.0
// OpenVINO IR: one layer with its ports.
#include "model/import/openvino.h"

#include <inttypes.h>
#include <stdio.h>

sz_status ir_layer_fail(ir *x, const ir_layer *l, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return sz_fail(x->ctx, SZ_ERR_INPUT, "line %" PRId64 ":%" PRId64 ": layer '%s' (%s): %s",
                   l->line, l->column, sz_show(x->ctx, l->name), sz_show(x->ctx, l->type), text);
}

// ---- the tag -----------------------------------------------------------------------------------

// "opset13" -> 13; other sets ("extension", "ie_internal_opset") have no numbers.
static int32_t opset_of(sz_str version) {
    int64_t v;
    if (version.len < 6 || memcmp(version.p, "opset", 5) != 0) return 1;
    if (!ir_int((sz_str){version.p + 5, version.len - 5}, &v) || v < 1 || v > 1000) return 1;
    return (int32_t)v;
}

static ir_role role_of(sz_str type) {
    static const struct {
        const char *type;
        ir_role role;
    } roles[] = {{"Parameter", IR_PARAMETER},
                 {"Input", IR_PARAMETER},
                 {"Result", IR_RESULT},
                 {"Output", IR_RESULT},
                 {"Const", IR_CONST}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (sz_str_is(type, roles[i].type)) return roles[i].role;
    return IR_NODE;
}

sz_status ir_layer_begin(ir *x, ir_frame *f) {
    ir_layer l = {.line = x->xml.line, .column = x->xml.column, .offset = x->xml.offset};
    sz_str version;
    SZ_TRY(ir_need(x, "id", &f->id));
    SZ_TRY(ir_need(x, "type", &l.type));
    l.name = f->id;
    if (sz_xml_attribute(&x->xml, "name", &version)) SZ_TRY(ir_copy(x, version, &l.name));
    // the graph of a compiled model states no opsets
    l.is_executed = !sz_xml_attribute(&x->xml, "version", &version);
    l.opset = opset_of(version);
    l.role = role_of(l.type);
    if (sz_map_get(&f->ids, f->id, NULL))
        return sz_xml_fail(&x->xml, "layer id '%s' is given twice", sz_show(x->ctx, f->id));
    f->layer = l;
    f->has_data = f->has_bytes = false;
    f->shape = (sz_str){NULL, 0};
    f->element_type = 0;
    f->in.n = f->out.n = f->types.n = f->names.n = f->attrs.n = f->links.n = f->backs.n = 0;
    f->n_bodies = 0;
    f->bodies[0] = f->bodies[1] = -1;
    return SZ_OK;
}

// ---- ports -------------------------------------------------------------------------------------

sz_status ir_port_begin(ir *x, ir_frame *f, bool is_output) {
    sz_str text;
    f->port = (ir_open_port){.is_output = is_output};
    SZ_TRY(ir_need(x, "id", &text));
    if (!ir_int(text, &f->port.id))
        return sz_xml_fail(&x->xml, "port id '%s' is no integer", sz_show(x->ctx, text));
    if (!is_output) return SZ_OK;
    if (sz_xml_attribute(&x->xml, "precision", &text)) f->port.dtype = ir_dtype(text);
    f->port.names = sz_str_c("");
    return sz_xml_attribute(&x->xml, "names", &text) ? ir_copy(x, text, &f->port.names) : SZ_OK;
}

// The first of several names; commas inside of a name are written "\,".
static sz_status first_name(ir *x, sz_str *name) {
    char *own = sz_arena_strdup(x->root->arena, name->p, name->len);
    uint32_t n = 0;
    if (!own) return sz_no_memory(x->ctx);
    for (uint32_t i = 0; i < name->len && name->p[i] != ','; i++) {
        if (name->p[i] == '\\' && i + 1 < name->len && name->p[i + 1] == ',') i++;
        own[n++] = name->p[i];
    }
    *name = (sz_str){own, n};
    return SZ_OK;
}

sz_status ir_dim(ir *x, ir_frame *f, sz_str text) {
    int64_t d;
    if (!f->port.is_output) return SZ_OK;
    if (!ir_int(text, &d) || d < -1)
        return sz_xml_fail(&x->xml, "dimension '%s' is no size", sz_show(x->ctx, text));
    if (f->port.rank == SZ_MAX_RANK)
        return sz_xml_fail(&x->xml, "a port has more than %d dimensions", SZ_MAX_RANK);
    f->port.dims[f->port.rank++] = d;
    return SZ_OK;
}

sz_status ir_port_end(ir *x, ir_frame *f) {
    const ir_open_port *p = &f->port;
    const ir_port port = {p->id, SZ_NONE};
    if (!p->is_output) return sz_vec_push(x->ctx, &f->in, port) ? SZ_OK : sz_no_memory(x->ctx);
    // a scalar and a tensor of unknown rank look alike: neither has a <dim>
    sz_type type = sz_type_tensor(p->dtype, p->rank ? p->rank : -1, NULL);
    sz_str name = p->names;
    if (p->rank) {
        int64_t *dims = sz_graph_dims(x->root, p->rank);
        if (!dims) return sz_no_memory(x->ctx);
        memcpy(dims, p->dims, (size_t)p->rank * sizeof *dims);
        type.dims = dims;
    }
    if (name.len) SZ_TRY(first_name(x, &name));
    if (!sz_vec_push(x->ctx, &f->types, type) || !sz_vec_push(x->ctx, &f->names, name) ||
        !sz_vec_push(x->ctx, &f->out, port))
        return sz_no_memory(x->ctx);
    return SZ_OK;
}

// ---- values ------------------------------------------------------------------------------------

// A name that the graph does not have: the tensor's, the layer's, or one with a number behind.
static sz_status add_value(ir *x, ir_frame *f, size_t o, sz_value_kind kind, sz_value_id *ret_id) {
    char text[SZ_DIGITS_SIZE + 1] = ".";
    sz_str name = f->names.items[o];
    if (name.len && sz_graph_find(f->graph, name) == SZ_NONE)
        return sz_graph_add_value(f->graph, name, kind, ret_id);
    name = f->layer.name;
    size_t digits = f->out.n > 1 ? sz_digits(text + 1, (int64_t)o) + 1 : 0;
    for (;;) {
        char *joined = sz_arena_alloc(x->root->arena, name.len + digits + 1);
        if (!joined) return sz_no_memory(x->ctx);
        memcpy(joined, name.p, name.len);
        memcpy(joined + name.len, text, digits);
        const sz_str whole = {joined, name.len + (uint32_t)digits};
        if (sz_graph_find(f->graph, whole) == SZ_NONE)
            return sz_graph_add_value(f->graph, whole, kind, ret_id);
        text[0] = '@';
        digits = sz_digits(text + 1, (int64_t)x->unnamed++) + 1;
    }
}

// ---- inputs ------------------------------------------------------------------------------------

// Free dimensions have no names in the file: they are called by the input and the axis.
static sz_status free_dim(ir *x, ir_frame *f, sz_value_id id, int32_t axis, int64_t *ret_dim) {
    const sz_str name = sz_graph_value(f->graph, id)->name;
    char text[SZ_DIGITS_SIZE + 1] = ".";
    const size_t digits = sz_digits(text + 1, axis) + 1;
    char *joined = sz_arena_alloc(x->root->arena, name.len + digits + 1);
    *ret_dim = SZ_DIM_UNKNOWN;
    if (f->graph != x->root) return SZ_OK;
    if (!joined) return sz_no_memory(x->ctx);
    if (x->root->symbols.n >= SZ_IR_MAX_SYMBOLS)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than %d free dimensions", SZ_IR_MAX_SYMBOLS);
    memcpy(joined, name.p, name.len);
    memcpy(joined + name.len, text, digits);
    SZ_TRY(sz_graph_symbol(x->root, (sz_str){joined, name.len + (uint32_t)digits}, ret_dim));
    sz_symbol *s = &x->root->symbols.items[SZ_SYMBOL_OF(*ret_dim)];
    if (s->input == SZ_NONE) s->input = id, s->axis = axis;
    return SZ_OK;
}

static sz_status add_parameter(ir *x, ir_frame *f) {
    sz_value_id id;
    if (f->out.n != 1) return ir_layer_fail(x, &f->layer, "has %zu outputs, not 1", f->out.n);
    sz_type type = f->types.items[0];
    if (f->element_type) type.dtype = f->element_type;
    if (type.rank < 0 && f->shape.p && f->shape.len == 0) type.rank = 0; // "..." = unknown
    SZ_TRY(add_value(x, f, 0, SZ_VALUE_INPUT, &id));
    int64_t *dims = (int64_t *)type.dims; // made by ir_port_end
    for (int32_t k = 0; k < type.rank; k++)
        if (dims[k] < 0) SZ_TRY(free_dim(x, f, id, k, &dims[k]));
    sz_graph_value(f->graph, id)->type = type;
    f->out.items[0].value = id;
    return sz_vec_push(x->ctx, &f->graph->inputs, id) ? SZ_OK : sz_no_memory(x->ctx);
}

// ---- constants ---------------------------------------------------------------------------------

// The weights: the file of the same name with the ending "bin".
static sz_status find_side(ir *x) {
    const char *path = x->source->name, *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    const size_t len = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    sz_source *file = NULL;
    char *name = sz_arena_alloc(x->root->arena, len + 5);
    if (!name) return sz_no_memory(x->ctx);
    memcpy(name, base, len);
    memcpy(name + len, ".bin", 4);
    sz_side side = {.name = {name, (uint32_t)len + 4}};
    SZ_TRY(x->source->sibling(x->source, x->ctx, side.name, &file));
    side.present = file != NULL;
    side.size = file ? file->size : 0;
    if (!file)
        sz_warn(x->ctx,
                "side file '%s' is absent: sizes are told from dims, and shapes that stand "
                "in it as the file states them",
                sz_show(x->ctx, side.name));
    if (!sz_vec_push(x->ctx, &x->root->sides, side)) return sz_no_memory(x->ctx);
    x->side = (int32_t)(x->root->sides.n - 1);
    return SZ_OK;
}

static sz_status check_bytes(ir *x, const ir_frame *f, const sz_type *type) {
    const sz_side *side = &x->root->sides.items[x->side];
    int64_t elements;
    if (!sz_in_range(f->const_offset, f->const_size, INT64_MAX))
        return ir_layer_fail(x, &f->layer, "its bytes go beyond 2^63");
    if (side->present && !sz_in_range(f->const_offset, f->const_size, side->size))
        return ir_layer_fail(x, &f->layer,
                             "bytes %" PRIu64 " + %" PRIu64 " lie beyond the end of "
                             "side file '%s' (%" PRIu64 " bytes)",
                             f->const_offset, f->const_size, sz_show(x->ctx, side->name),
                             side->size);
    if (sz_dtype_get(type->dtype)->bits == 0) return SZ_OK; // strings have any length
    sz_status status = sz_type_elements(x->ctx, type, &elements);
    if (status != SZ_OK) return ir_layer_fail(x, &f->layer, "its elements exceed 2^63");
    if (elements < 0) return SZ_OK;
    const int64_t bytes = sz_dtype_bytes(type->dtype, elements);
    if (bytes < 0 || (uint64_t)bytes != f->const_size)
        return ir_layer_fail(x, &f->layer, "has %" PRIu64 " bytes, dims and type ask for %" PRId64,
                             f->const_size, bytes);
    return SZ_OK;
}

static sz_status add_constant(ir *x, ir_frame *f) {
    sz_value_id id;
    if (f->out.n != 1) return ir_layer_fail(x, &f->layer, "has %zu outputs, not 1", f->out.n);
    sz_type type = f->types.items[0];
    if (f->element_type) type.dtype = f->element_type;
    if (type.rank < 0) type.rank = 0; // the rank of a constant is always known
    for (int32_t k = 0; k < type.rank; k++)
        if (type.dims[k] < 0) return ir_layer_fail(x, &f->layer, "has a free dimension");
    sz_constant *c = sz_arena_alloc(x->root->arena, sizeof *c);
    if (!c) return sz_no_memory(x->ctx);
    *c = (sz_constant){.form = SZ_CONST_NOWHERE, .side = SZ_NONE};
    if (f->has_bytes) {
        if (x->side == SZ_NONE) SZ_TRY(find_side(x));
        SZ_TRY(check_bytes(x, f, &type));
        const bool present = x->root->sides.items[x->side].present;
        *c = (sz_constant){.form = present ? SZ_CONST_RAW : SZ_CONST_NOWHERE,
                           .side = x->side,
                           .offset = f->const_offset,
                           .length = f->const_size};
    }
    SZ_TRY(add_value(x, f, 0, SZ_VALUE_CONST, &id));
    sz_graph_value(f->graph, id)->type = type;
    sz_graph_value(f->graph, id)->constant = c;
    f->out.items[0].value = id;
    return SZ_OK;
}

// ---- nodes -------------------------------------------------------------------------------------

// Dimensions that the file leaves open are unknown here, not free: what they are, inference finds.
static sz_status add_outputs(ir *x, ir_frame *f) {
    for (size_t o = 0; o < f->out.n; o++) {
        sz_value_id id;
        sz_type *declared = sz_arena_alloc(x->root->arena, sizeof *declared);
        if (!declared) return sz_no_memory(x->ctx);
        *declared = f->types.items[o];
        SZ_TRY(add_value(x, f, o, SZ_VALUE_NODE, &id));
        sz_value *v = sz_graph_value(f->graph, id);
        v->producer = SZ_NONE;
        v->declared = declared;
        f->out.items[o].value = id;
    }
    return SZ_OK;
}

// The tokens that a cache holds before the first one is read can't be told from the inputs: they
// are a free dimension of their own, which the rule of ReadValue looks up (0 while it is not
// bound).
static sz_status add_past(ir *x, const ir_frame *f) {
    int64_t dim;
    bool is_open = false;
    if (!sz_str_is(f->layer.type, "ReadValue") || f->types.n != 1) return SZ_OK;
    for (int32_t k = 0; k < f->types.items[0].rank; k++)
        is_open = is_open || f->types.items[0].dims[k] < 0;
    return is_open ? sz_graph_symbol(x->root, sz_str_c("past"), &dim) : SZ_OK;
}

static bool ids_rise(const ir_port *ports, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (ports[i].id <= ports[i - 1].id) return false;
    return true;
}

static sz_status keep_ports(ir *x, const ir_layer *l, const ir_port *ports, size_t n,
                            ir_port **ret_own, int32_t *ret_n) {
    if (n > INT32_MAX || (n > SZ_IR_MAX_UNSORTED && !ids_rise(ports, n)))
        return ir_layer_fail(x, l, "has %zu ports with ids that do not rise", n);
    *ret_own = sz_arena_array(x->root->arena, n ? n : 1, sizeof **ret_own);
    if (!*ret_own) return sz_no_memory(x->ctx);
    if (n) memcpy(*ret_own, ports, n * sizeof *ports);
    *ret_n = (int32_t)n;
    return SZ_OK;
}

static sz_status keep_attrs(ir *x, ir_frame *f) {
    ir_layer *l = &f->layer;
    if (l->role != IR_NODE || f->attrs.n == 0) return SZ_OK;
    l->attrs = sz_arena_array(x->root->arena, f->attrs.n, sizeof *l->attrs);
    if (!l->attrs) return sz_no_memory(x->ctx);
    memcpy(l->attrs, f->attrs.items, f->attrs.n * sizeof *l->attrs);
    l->n_attrs = (int32_t)f->attrs.n;
    return SZ_OK;
}

sz_status ir_layer_end(ir *x, ir_frame *f) {
    ir_layer *l = &f->layer;
    if (l->role == IR_PARAMETER) SZ_TRY(add_parameter(x, f));
    if (l->role == IR_CONST) SZ_TRY(add_constant(x, f));
    if (l->role == IR_RESULT && f->in.n != 1)
        return ir_layer_fail(x, l, "has %zu inputs, not 1", f->in.n);
    if (l->role == IR_NODE) SZ_TRY(add_outputs(x, f));
    if (l->role == IR_NODE) SZ_TRY(add_past(x, f));
    SZ_TRY(keep_ports(x, l, f->in.items, f->in.n, &l->in, &l->n_in));
    if (l->role == IR_RESULT) f->out.n = 0; // some writers give it an output that leads nowhere
    SZ_TRY(keep_ports(x, l, f->out.items, f->out.n, &l->out, &l->n_out));
    if (f->n_bodies || f->links.n) SZ_TRY(ir_bodies_join(x, f));
    SZ_TRY(keep_attrs(x, f));
    if (f->layers.n >= INT32_MAX || !sz_vec_push(x->ctx, &f->layers, *l))
        return sz_no_memory(x->ctx);
    return sz_map_put(&f->ids, f->id, (int32_t)(f->layers.n - 1));
}
