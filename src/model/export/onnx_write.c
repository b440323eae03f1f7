// SPDX-License-Identifier: Apache-2.0
// ONNX: ModelProto, GraphProto, NodeProto, AttributeProto, TypeProto. Bodies are written before the
// graphs that hold them, each once, so nothing recurses.
#include "model/export/onnx.h"

#include <stdio.h>

enum { IR_VERSION = 10, MAX_WRAPPERS = 32 };

// ---- types -------------------------------------------------------------------------------------

static void put_dim(const onnx_writer *w, int64_t dim) {
    const size_t at = sz_proto_begin(w->out, 1);
    const bool is_symbol = dim <= SZ_DIM_SYMBOL(0) &&
                           (size_t)SZ_SYMBOL_OF(dim) < w->root->symbols.n;
    if (dim >= 0) sz_proto_int(w->out, 1, dim);
    if (is_symbol) onnx_put(w->out, 2, w->root->symbols.items[SZ_SYMBOL_OF(dim)].name);
    sz_proto_end(w->out, at);
}

static sz_status put_tensor_type(onnx_writer *w, const sz_type *t) {
    int64_t code = 0;
    if (t->dtype) SZ_TRY(onnx_code(w, t->dtype, &code));
    const size_t at = sz_proto_begin(w->out, t->kind == SZ_TYPE_SPARSE ? TYPE_SPARSE : TYPE_TENSOR);
    sz_proto_int(w->out, 1, code);
    if (t->rank >= 0) {
        const size_t shape = sz_proto_begin(w->out, 2);
        for (int32_t d = 0; d < t->rank; d++) put_dim(w, t->dims[d]);
        sz_proto_end(w->out, shape);
    }
    sz_proto_end(w->out, at);
    return SZ_OK;
}

// TypeProto in `field`: containers around a tensor, from the outside in.
static sz_status put_type(onnx_writer *w, uint32_t field, const sz_type *t) {
    static const uint32_t fields[] = {[SZ_TYPE_SEQUENCE] = TYPE_SEQUENCE,
                                      [SZ_TYPE_OPTIONAL] = TYPE_OPTIONAL,
                                      [SZ_TYPE_MAP] = TYPE_MAP};
    size_t open[2 * MAX_WRAPPERS + 1];
    int n = 0;
    open[n++] = sz_proto_begin(w->out, field);
    for (; t && t->kind > SZ_TYPE_SPARSE && n + 2 < 2 * MAX_WRAPPERS; t = t->elem) {
        const bool is_map = t->kind == SZ_TYPE_MAP;
        int64_t key = 0;
        if (is_map) SZ_TRY(onnx_code(w, t->dtype, &key));
        open[n++] = sz_proto_begin(w->out, fields[t->kind]);
        if (is_map) sz_proto_int(w->out, 1, key);
        open[n++] = sz_proto_begin(w->out, is_map ? 2 : 1);
    }
    if (t && t->kind != SZ_TYPE_NONE) SZ_TRY(put_tensor_type(w, t));
    while (n > 0) sz_proto_end(w->out, open[--n]);
    return SZ_OK;
}

// What the file stated, as long as that holds.
static const sz_type *stated(const onnx_writer *w, const sz_value *v) {
    const bool holds = v->declared && v->declared->kind != SZ_TYPE_NONE && !w->root->reshaped;
    return holds ? v->declared : NULL;
}

static sz_status put_info(onnx_writer *w, uint32_t field, const sz_value *v, const sz_type *t) {
    const size_t at = sz_proto_begin(w->out, field);
    onnx_put(w->out, INFO_NAME, v->name);
    if (t && t->kind != SZ_TYPE_NONE) SZ_TRY(put_type(w, INFO_TYPE, t));
    sz_proto_end(w->out, at);
    return SZ_OK;
}

// ---- attributes --------------------------------------------------------------------------------

// AttributeType, by sz_attr_kind.
static const uint8_t attr_types[] = {
    [SZ_ATTR_INT] = 2,     [SZ_ATTR_FLOAT] = 1,   [SZ_ATTR_STRING] = 3, [SZ_ATTR_INTS] = 7,
    [SZ_ATTR_FLOATS] = 6,  [SZ_ATTR_STRINGS] = 8, [SZ_ATTR_TENSOR] = 4, [SZ_ATTR_GRAPH] = 5,
    [SZ_ATTR_GRAPHS] = 10, [SZ_ATTR_TYPE] = 13,   [SZ_ATTR_OTHER] = 0};

static void put_body(const onnx_writer *w, uint32_t field, const sz_graph *body) {
    const sz_buf *b = &w->bodies[body->number];
    sz_proto_bytes(w->out, field, b->data ? b->data : "", b->size);
}

static sz_status put_value(onnx_writer *w, sz_graph *g, const sz_attr *a) {
    sz_buf *b = w->out;
    switch (a->kind) {
    case SZ_ATTR_INT:
        sz_proto_int(b, ATTR_I, a->i);
        return SZ_OK;
    case SZ_ATTR_FLOAT:
        sz_proto_float(b, ATTR_F, a->f);
        return SZ_OK;
    case SZ_ATTR_STRING:
        onnx_put(b, ATTR_S, a->s);
        return SZ_OK;
    case SZ_ATTR_TENSOR:
        return onnx_tensor_write(w, ATTR_T, g, a->tensor, sz_str_c(""));
    case SZ_ATTR_TYPE:
        return put_type(w, ATTR_TP, a->type);
    default:
        break;
    }
    for (int32_t i = 0; i < a->n; i++) {
        if (a->kind == SZ_ATTR_INTS) sz_proto_int(b, ATTR_INTS, a->ints[i]);
        if (a->kind == SZ_ATTR_FLOATS) sz_proto_float(b, ATTR_FLOATS, a->floats[i]);
        if (a->kind == SZ_ATTR_STRINGS) onnx_put(b, ATTR_STRINGS, a->strings[i]);
        if (a->kind == SZ_ATTR_GRAPH) put_body(w, ATTR_G, a->graphs[i]);
        if (a->kind == SZ_ATTR_GRAPHS) put_body(w, ATTR_GRAPHS, a->graphs[i]);
    }
    return SZ_OK;
}

static sz_status put_attr(onnx_writer *w, sz_graph *g, const sz_node *n, const sz_attr *a) {
    if (a->kind == SZ_ATTR_NONE) return SZ_OK;
    if (attr_types[a->kind] == 0 || (a->kind == SZ_ATTR_TENSOR && a->tensor == SZ_NONE))
        return sz_fail(w->ctx, SZ_ERR_UNAVAILABLE, "attribute '%s' of node '%s' was not kept",
                       sz_show(w->ctx, a->name), sz_show(w->ctx, n->name));
    const size_t at = sz_proto_begin(w->out, NODE_ATTR);
    onnx_put(w->out, ATTR_NAME, a->name);
    SZ_TRY(put_value(w, g, a));
    sz_proto_int(w->out, ATTR_TYPE, attr_types[a->kind]);
    sz_proto_end(w->out, at);
    return SZ_OK;
}

// ---- graphs ------------------------------------------------------------------------------------

static void put_names(const onnx_writer *w, uint32_t field, const sz_graph *g,
                      const sz_value_id *ids, int32_t n) {
    for (int32_t i = 0; i < n; i++)
        onnx_put(w->out, field, ids[i] == SZ_NONE ? sz_str_c("") : sz_graph_value(g, ids[i])->name);
}

static sz_status put_node(onnx_writer *w, sz_graph *g, sz_node_id id) {
    const sz_node *n = sz_graph_node(g, id);
    const size_t at = sz_proto_begin(w->out, GRAPH_NODE);
    char number[16];
    snprintf(number, sizeof number, "%d", id);
    put_names(w, NODE_INPUT, g, n->inputs, n->n_inputs);
    put_names(w, NODE_OUTPUT, g, n->outputs, n->n_outputs);
    const bool is_numbered = w->options->number_nodes && g == w->root;
    onnx_put(w->out, NODE_NAME, is_numbered ? sz_str_c(number) : n->name);
    onnx_put(w->out, NODE_OP, n->op);
    for (int32_t a = 0; a < n->n_attrs; a++) SZ_TRY(put_attr(w, g, n, &n->attrs[a]));
    if (n->domain.len) onnx_put(w->out, NODE_DOMAIN, n->domain);
    sz_proto_end(w->out, at);
    return SZ_OK;
}

static sz_status put_values(onnx_writer *w, sz_graph *g) {
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_value *v = sz_graph_value(g, (sz_value_id)i);
        if (v->kind == SZ_VALUE_CONST && v->name.len && !v->is_retired)
            SZ_TRY(onnx_tensor_write(w, GRAPH_INITIALIZER, g, (sz_value_id)i, v->name));
    }
    for (size_t i = 0; i < g->inputs.n; i++) {
        const sz_value *v = sz_graph_value(g, g->inputs.items[i]);
        SZ_TRY(put_info(w, GRAPH_INPUT, v, &v->type));
    }
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_value *v = sz_graph_value(g, (sz_value_id)i);
        if (v->kind == SZ_VALUE_CONST && v->is_default && !w->root->fixed_defaults)
            SZ_TRY(put_info(w, GRAPH_INPUT, v, &v->type));
        if (v->kind == SZ_VALUE_NODE && !v->is_output && stated(w, v))
            SZ_TRY(put_info(w, GRAPH_VALUE_INFO, v, v->declared));
    }
    for (size_t i = 0; i < g->outputs.n; i++) {
        const sz_value *v = sz_graph_value(g, g->outputs.items[i]);
        SZ_TRY(put_info(w, GRAPH_OUTPUT, v, stated(w, v) ? v->declared : &v->type));
    }
    return SZ_OK;
}

// The fields of a GraphProto.
static sz_status put_graph(onnx_writer *w, sz_graph *g) {
    for (size_t k = 0; k < g->nodes.n; k++) SZ_TRY(put_node(w, g, sz_graph_nth(g, k)));
    onnx_put(w->out, GRAPH_NAME, g->name.len ? g->name : sz_str_c("graph"));
    return put_values(w, g);
}

static sz_status put_bodies(onnx_writer *w) {
    sz_buf *whole = w->out;
    sz_status status = SZ_OK;
    // A body was made after the graph that holds it.
    for (size_t i = w->root->children.n; status == SZ_OK && i-- > 0;) {
        sz_graph *body = w->root->children.items[i];
        w->out = &w->bodies[body->number];
        status = put_graph(w, body);
        if (status == SZ_OK) status = sz_buf_status(w->out);
    }
    w->out = whole;
    return status;
}

// ---- the model ---------------------------------------------------------------------------------

typedef struct opset {
    sz_str domain;
    int32_t version;
} opset;
typedef SZ_VEC(opset) opsets;

static sz_status collect_opsets(const onnx_writer *w, const sz_graph *g, opsets *all) {
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        size_t k = 0;
        while (k < all->n && !sz_str_eq(all->items[k].domain, n->domain)) k++;
        const opset one = {n->domain, n->opset > 0 ? n->opset : 1};
        if (k == all->n && !sz_vec_push(w->ctx, all, one)) return sz_no_memory(w->ctx);
        if (all->items[k].version != one.version)
            return sz_fail(w->ctx, SZ_ERR_UNAVAILABLE,
                           "node '%s' follows version %d of its operators, others version %d: a "
                           "file has one",
                           sz_show(w->ctx, n->name), one.version, all->items[k].version);
    }
    return SZ_OK;
}

static sz_status put_opsets(const onnx_writer *w, opsets *all) {
    static const opset usual = {{"", 0}, 17};
    SZ_TRY(collect_opsets(w, w->root, all));
    for (size_t i = 0; i < w->root->children.n; i++)
        SZ_TRY(collect_opsets(w, w->root->children.items[i], all));
    if (all->n == 0 && !sz_vec_push(w->ctx, all, usual)) return sz_no_memory(w->ctx);
    for (size_t i = 0; i < all->n; i++) {
        const size_t at = sz_proto_begin(w->out, MODEL_OPSET);
        onnx_put(w->out, OPSET_DOMAIN, all->items[i].domain);
        sz_proto_int(w->out, OPSET_VERSION, all->items[i].version);
        sz_proto_end(w->out, at);
    }
    return SZ_OK;
}

static sz_status put_model(onnx_writer *w) {
    opsets all = {NULL, 0, 0};
    sz_proto_int(w->out, MODEL_IR_VERSION, IR_VERSION);
    onnx_put(w->out, MODEL_PRODUCER, sz_str_c("sizeup"));
    const sz_status status = put_opsets(w, &all);
    sz_vec_finish(w->ctx, &all);
    SZ_TRY(status);
    SZ_TRY(put_bodies(w));
    const size_t at = sz_proto_begin(w->out, MODEL_GRAPH);
    SZ_TRY(put_graph(w, w->root));
    sz_proto_end(w->out, at);
    if (w->out->size >= (size_t)INT32_MAX)
        return sz_fail(w->ctx, SZ_ERR_LIMIT, "the model takes more than 2 GB");
    return sz_buf_status(w->out);
}

sz_status sz_export_onnx(sz_graph *g, const sz_export_options *options, sz_buf *buf) {
    static const sz_export_options none;
    onnx_writer w = {.ctx = g->ctx, .root = g, .options = options ? options : &none, .out = buf};
    const size_t n = g->children.n + 1;
    w.bodies = sz_alloc(g->ctx, n * sizeof *w.bodies);
    if (!w.bodies) return sz_no_memory(g->ctx);
    for (size_t i = 0; i < n; i++) sz_buf_init(&w.bodies[i], g->ctx);
    const sz_status status = put_model(&w);
    for (size_t i = 0; i < n; i++) sz_buf_finish(&w.bodies[i]);
    sz_free(g->ctx, w.bodies, n * sizeof *w.bodies);
    return status;
}
