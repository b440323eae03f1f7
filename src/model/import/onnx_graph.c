// SPDX-License-Identifier: Apache-2.0
// ONNX: GraphProto.
#include "model/import/onnx.h"

typedef struct graph_reader {
    onnx *x;
    onnx_place place;
    bool is_main;
    sz_span span;
    sz_span nodes; // from the first node to the last; empty when there is none
} graph_reader;

// ---- parts that are kept for later -------------------------------------------------------------

static sz_status sort_parts(graph_reader *r) {
    onnx *x = r->x;
    sz_span span = r->span;
    uint64_t seen = 0;
    sz_field f;
    x->items.n = 0;
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        if (f.type != SZ_WIRE_BYTES) continue;
        onnx_item item = {f.span, f.number};
        switch (f.number) {
        case GRAPH_NODE:
            if (sz_span_len(r->nodes) == 0) r->nodes.at = f.at;
            r->nodes.end = f.span.end;
            break;
        case GRAPH_NAME:
            onnx_once(x, &seen, &f, "name of a graph");
            SZ_TRY(onnx_copy(x, f.span, &r->place.graph->name));
            break;
        case GRAPH_INITIALIZER:
        case GRAPH_SPARSE:
        case GRAPH_INPUT:
        case GRAPH_OUTPUT:
        case GRAPH_VALUE_INFO:
            if (!sz_vec_push(x->ctx, &x->items, item)) return sz_no_memory(x->ctx);
            break;
        default: break;
        }
    }
}

typedef sz_status part_fn(graph_reader *r, sz_span span);

static sz_status for_parts(graph_reader *r, uint32_t field, part_fn *fn) {
    for (size_t i = 0; i < r->x->items.n; i++)
        if (r->x->items.items[i].field == field) SZ_TRY(fn(r, r->x->items.items[i].span));
    return SZ_OK;
}

// ---- initializers ------------------------------------------------------------------------------

// The constant under the name, in the words of the scope. A second one of that name replaces the
// first, as ONNX Runtime does it.
static sz_status add_constant(graph_reader *r, sz_span name_span, const sz_type *type,
                              const sz_constant *c) {
    onnx *x = r->x;
    sz_graph *g = r->place.graph;
    sz_str name;
    SZ_TRY(sz_wire_text(&x->wire, name_span, &name));
    if (name.len == 0)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": an initializer without a name",
                       name_span.at);
    SZ_TRY(onnx_full_name(x, r->place.scope, name, &name));
    sz_value_id id = sz_graph_find(g, name);
    if (id == SZ_NONE) SZ_TRY(sz_graph_add_value(g, name, SZ_VALUE_CONST, &id));
    else
        sz_warn(x->ctx, "initializer '%s' is given twice: the last one counts",
                sz_show(x->ctx, name));
    sz_graph_value(g, id)->type = *type;
    sz_graph_value(g, id)->constant = c;
    return SZ_OK;
}

static sz_status read_initializer(graph_reader *r, sz_span span) {
    onnx_tensor t;
    sz_type type;
    const sz_constant *c = NULL;
    SZ_TRY(onnx_tensor_read(r->x, span, &t));
    SZ_TRY(onnx_tensor_constant(r->x, &t, &type, &c));
    return add_constant(r, t.name, &type, c);
}

static sz_status read_sparse(graph_reader *r, sz_span span) {
    sz_span name = {span.at, span.at};
    sz_type type;
    const sz_constant *c = NULL;
    SZ_TRY(onnx_sparse_read(r->x, span, &name, &type, &c));
    return add_constant(r, name, &type, c);
}

// ---- inputs, outputs, value_info ---------------------------------------------------------------

typedef struct value_info {
    sz_span name, type;
    bool has_type;
} value_info;

static sz_status read_info(onnx *x, sz_span span, value_info *v) {
    uint64_t seen = 0;
    sz_field f;
    *v = (value_info){.name = {span.at, span.at}};
    for (bool more;;) {
        SZ_TRY(sz_wire_next(&x->wire, &span, &f, &more));
        if (!more) return SZ_OK;
        if (onnx_tag(&f) == ONNX_BYTES(INFO_NAME)) {
            onnx_once(x, &seen, &f, "name of a value");
            v->name = f.span;
        } else if (onnx_tag(&f) == ONNX_BYTES(INFO_TYPE)) {
            onnx_once(x, &seen, &f, "type of a value");
            v->has_type = true;
            v->type = f.span;
        }
    }
}

static bool differ(const sz_type *a, const sz_type *b) {
    if (a->kind != SZ_TYPE_TENSOR || b->kind != SZ_TYPE_TENSOR) return false;
    if (a->dtype && b->dtype && a->dtype != b->dtype) return true;
    if (a->rank < 0 || b->rank < 0) return false;
    if (a->rank != b->rank) return true;
    for (int32_t i = 0; i < a->rank; i++)
        if (a->dims[i] >= 0 && b->dims[i] >= 0 && a->dims[i] != b->dims[i]) return true;
    return false;
}

// An initializer that is an input as well (all of them were, before IR version 4) is a constant.
static sz_status input_of_constant(graph_reader *r, sz_value_id id, const value_info *info) {
    onnx *x = r->x;
    sz_graph *g = r->place.graph;
    sz_type type;
    sz_graph_value(g, id)->is_default = true;
    sz_graph_root(g)->fixed_defaults = x->ir_version < 4;
    if (!info->has_type) return SZ_OK;
    SZ_TRY(onnx_type_read(x, info->type, sz_graph_value(g, id)->name, SZ_NONE, &type));
    const sz_value *v = sz_graph_value(g, id);
    if (differ(&type, &v->type))
        sz_warn(x->ctx, "input '%s' is %s, its initializer %s: the initializer counts",
                sz_show(x->ctx, v->name), sz_type_text(g, &type), sz_type_text(g, &v->type));
    return SZ_OK;
}

static sz_status set_input_type(graph_reader *r, sz_value_id id, const value_info *info) {
    sz_graph *g = r->place.graph;
    sz_type type;
    if (!info->has_type) {
        if (r->is_main)
            sz_warn(r->x->ctx, "input '%s' has no type",
                    sz_show(r->x->ctx, sz_graph_value(g, id)->name));
        return SZ_OK;
    }
    SZ_TRY(onnx_type_read(r->x, info->type, sz_graph_value(g, id)->name,
                          r->is_main ? id : SZ_NONE, &type));
    sz_graph_value(g, id)->type = type;
    return SZ_OK;
}

static sz_status read_input(graph_reader *r, sz_span span) {
    onnx *x = r->x;
    sz_graph *g = r->place.graph;
    value_info info;
    sz_str name;
    SZ_TRY(read_info(x, span, &info));
    SZ_TRY(sz_wire_text(&x->wire, info.name, &name));
    if (name.len == 0)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": a graph input without a name", span.at);
    SZ_TRY(onnx_full_name(x, r->place.scope, name, &name));
    sz_value_id id = sz_graph_find(g, name);
    bool is_constant = id != SZ_NONE && sz_graph_value(g, id)->kind == SZ_VALUE_CONST;
    if (is_constant) SZ_TRY(input_of_constant(r, id, &info));
    else {
        sz_status status = sz_graph_add_value(g, name, SZ_VALUE_INPUT, &id);
        if (status != SZ_OK) return sz_place(x->ctx, status, "graph input @%" PRIu64, span.at);
        SZ_TRY(set_input_type(r, id, &info));
    }
    if (is_constant && r->is_main) return SZ_OK;
    // inputs of a body are told apart by their places, so all of them stay
    return sz_vec_push(x->ctx, &g->inputs, id) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status declare(graph_reader *r, sz_value_id id, const value_info *info) {
    sz_graph *g = r->place.graph;
    if (!info->has_type) return SZ_OK;
    sz_type *type = sz_arena_alloc(g->arena, sizeof *type);
    if (!type) return sz_no_memory(r->x->ctx);
    SZ_TRY(onnx_type_read(r->x, info->type, sz_graph_value(g, id)->name, SZ_NONE, type));
    sz_graph_value(g, id)->declared = type;
    return SZ_OK;
}

static sz_status read_output(graph_reader *r, sz_span span) {
    onnx *x = r->x;
    sz_graph *g = r->place.graph;
    value_info info;
    sz_str name;
    sz_value_id id = SZ_NONE;
    SZ_TRY(read_info(x, span, &info));
    SZ_TRY(sz_wire_text(&x->wire, info.name, &name));
    if (name.len == 0)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": a graph output without a name",
                       span.at);
    const char *shown = sz_show(x->ctx, name); // the text may move while the name is looked up
    SZ_TRY(onnx_value_read(x, &r->place, name, &id));
    const sz_value *v = id == SZ_NONE ? NULL : sz_graph_value(g, id);
    if (!v || (v->kind == SZ_VALUE_NODE && v->producer == SZ_NONE))
        return sz_fail(x->ctx, SZ_ERR_INPUT,
                       "@%" PRIu64 ": graph output '%s' is produced by nothing", span.at, shown);
    if (v->is_output) sz_warn(x->ctx, "graph output '%s' is given twice", shown);
    sz_graph_value(g, id)->is_output = true;
    SZ_TRY(declare(r, id, &info));
    return sz_vec_push(x->ctx, &g->outputs, id) ? SZ_OK : sz_no_memory(x->ctx);
}

// What the file says of a value inside. Of one that is not there it says nothing.
static sz_status read_value_info(graph_reader *r, sz_span span) {
    value_info info;
    sz_str name;
    SZ_TRY(read_info(r->x, span, &info));
    SZ_TRY(sz_wire_text(&r->x->wire, info.name, &name));
    SZ_TRY(onnx_full_name(r->x, r->place.scope, name, &name));
    sz_value_id id = sz_graph_find(r->place.graph, name);
    if (id == SZ_NONE || sz_graph_value(r->place.graph, id)->kind != SZ_VALUE_NODE) return SZ_OK;
    return declare(r, id, &info);
}

// ---- the graph ---------------------------------------------------------------------------------

static sz_status read_graph(graph_reader *r) {
    SZ_TRY(sort_parts(r));
    SZ_TRY(for_parts(r, GRAPH_INITIALIZER, read_initializer));
    SZ_TRY(for_parts(r, GRAPH_SPARSE, read_sparse));
    SZ_TRY(for_parts(r, GRAPH_INPUT, read_input));
    SZ_TRY(onnx_nodes_read(r->x, &r->place, r->nodes));
    if (r->is_main && r->place.graph->nodes.n == 0)
        sz_warn(r->x->ctx, "the graph has no node: nothing is computed");
    SZ_TRY(for_parts(r, GRAPH_OUTPUT, read_output));
    return for_parts(r, GRAPH_VALUE_INFO, read_value_info);
}

sz_status onnx_graph_read(onnx *x, const onnx_body *body) {
    graph_reader r = {.x = x, .is_main = body->depth == 0, .span = body->span};
    r.place = (onnx_place){body->graph, body->scope, body->depth};
    sz_status status = read_graph(&r);
    if (status == SZ_OK || r.is_main || status == SZ_ERR_MEMORY) return status;
    return sz_place(x->ctx, status, "body '%s' @%" PRIu64, sz_show(x->ctx, body->graph->name),
                    body->span.at);
}
