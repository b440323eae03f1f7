// SPDX-License-Identifier: Apache-2.0
// Runs one node: a scratch graph with just this node and the real types and numbers of its inputs,
// the shape rule on it, then the kernel or the value rule.
#include "run/backends/ref/session.h"

#include "model/ops/numbers.h"
#include "model/ops/ops.h"

// Larger inputs are not shown to shape rules as numbers: no rule asks for so many.
enum { SHOWN_INTEGERS = 65536, SHOWN_FLOATS = 1024 };

sz_status sz_ref_tensor(sz_graph *g, const sz_buffer *b, const sz_tensor **ret_tensor) {
    sz_tensor *t = sz_tensor_new(g, b->dtype, b->rank, b->dims, b->count);
    if (!t) return sz_no_memory(g->ctx);
    if (t->f) sz_buffer_doubles(b, 0, b->count, t->f);
    if (t->i) sz_buffer_integers(b, 0, b->count, t->i);
    *ret_tensor = t;
    return SZ_OK;
}

static sz_type type_of(const sz_buffer *b) {
    if (!b->is_sequence) return sz_type_tensor(b->dtype, b->rank, b->dims);
    return (sz_type){.kind = SZ_TYPE_SEQUENCE, .rank = -1, .n_items = b->count};
}

// Appends a value; names don't matter here.
static sz_status add_value(sz_graph *g, const sz_buffer *b, bool shown, sz_value_id *ret_id) {
    if (!sz_vec_room(g->ctx, &g->values)) return sz_no_memory(g->ctx);
    sz_value v = {.name = sz_str_c(""),
                  .kind = SZ_VALUE_INPUT,
                  .producer = SZ_NONE,
                  .outer = SZ_NONE,
                  .known_tried = true,
                  .type = {.rank = -1, .n_items = -1}};
    if (b) v.type = type_of(b);
    if (b && shown && !b->is_sequence) SZ_TRY(sz_ref_tensor(g, b, &v.known));
    *ret_id = (sz_value_id)g->values.n;
    g->values.items[g->values.n++] = v;
    return SZ_OK;
}

static bool is_shown(const sz_buffer *b, sz_ref_form form) {
    if (form == SZ_REF_VALUE) return true;
    return b->count <= (sz_is_float(b->dtype) ? SHOWN_FLOATS : SHOWN_INTEGERS);
}

// Attributes that are constants of the graph come along.
static sz_status copy_attrs(sz_ref *r, const sz_frame *f, sz_graph *g, sz_node *node) {
    sz_attr *attrs = sz_arena_array(g->arena, (size_t)node->n_attrs + 1, sizeof *attrs);
    if (!attrs) return sz_no_memory(g->ctx);
    for (int32_t a = 0; a < node->n_attrs; a++) {
        attrs[a] = node->attrs[a];
        if (attrs[a].kind != SZ_ATTR_TENSOR) continue;
        sz_buffer *b = NULL;
        SZ_TRY(sz_ref_constant(r, f->graph, attrs[a].tensor, &b));
        sz_status status = add_value(g, b, true, &attrs[a].tensor);
        // the type points into the buffer: the dims of the numbers live as long as the graph
        sz_value *v = status == SZ_OK ? sz_graph_value(g, attrs[a].tensor) : NULL;
        if (v) v->type.dims = v->known->dims;
        sz_buffer_release(g->ctx, b);
        SZ_TRY(status);
    }
    node->attrs = attrs;
    return SZ_OK;
}

static sz_status fill_scratch(sz_ref *r, const sz_frame *f, sz_graph *g, sz_node node,
                              sz_ref_form form, sz_buffer **in) {
    sz_value_id *ins = sz_arena_array(g->arena, (size_t)node.n_inputs + 1, sizeof *ins);
    sz_value_id *outs = sz_arena_array(g->arena, (size_t)node.n_outputs + 1, sizeof *outs);
    if (!ins || !outs) return sz_no_memory(g->ctx);
    for (int32_t i = 0; i < node.n_inputs; i++) {
        ins[i] = SZ_NONE;
        if (in[i]) SZ_TRY(add_value(g, in[i], is_shown(in[i], form), &ins[i]));
    }
    for (int32_t o = 0; o < node.n_outputs; o++) {
        outs[o] = SZ_NONE;
        if (node.outputs[o] != SZ_NONE) SZ_TRY(add_value(g, NULL, false, &outs[o]));
    }
    node.inputs = ins, node.outputs = outs;
    SZ_TRY(copy_attrs(r, f, g, &node));
    if (!sz_vec_room(g->ctx, &g->nodes)) return sz_no_memory(g->ctx);
    g->nodes.items[g->nodes.n++] = node;
    return SZ_OK;
}

// ---- outputs -----------------------------------------------------------------------------------

static sz_status make_outputs(sz_ref_call *c) {
    for (int o = 0; o < c->n_out; o++) {
        const sz_type *t = sz_out_get(c->n, o);
        if (!sz_has_out(c->n, o)) continue;
        if (t->kind != SZ_TYPE_TENSOR || !sz_type_is_static(t) || !t->dtype)
            return sz_op_fail(c->n, "the type of output %d can't be told from its inputs", o);
        sz_status status = sz_buffer_create(c->ctx, t->dtype, t->rank, t->dims, &c->out[o]);
        if (status != SZ_OK) return sz_op_place(c->n, status);
    }
    return SZ_OK;
}

// The numbers that the rules worked out.
static sz_status take_values(sz_ref_call *c) {
    for (int o = 0; o < c->n_out; o++) {
        if (!sz_has_out(c->n, o)) continue;
        const sz_tensor *t = sz_graph_value(c->n->graph, c->n->node->outputs[o])->known;
        if (!t || t->s) return sz_op_fail(c->n, "no reference for these inputs of the operator");
        if (sz_has_unknown(t))
            return sz_op_fail(c->n, "ONNX does not define this result (a division by zero, or a "
                                    "number that its format can't hold)");
        sz_status status = sz_buffer_create(c->ctx, t->dtype, t->rank, t->dims, &c->out[o]);
        if (status != SZ_OK) return sz_op_place(c->n, status);
        if (t->f) sz_buffer_put_doubles(c->out[o], 0, t->count, t->f);
        if (t->i) sz_buffer_put_integers(c->out[o], 0, t->count, t->i);
    }
    return SZ_OK;
}

// Nothing to fill in: axes may be as long as they like beside one of size 0.
static bool is_empty(const sz_ref_call *c) {
    for (int o = 0; o < c->n_out; o++)
        if (c->out[o] && c->out[o]->count) return false;
    return true;
}

static sz_status run_form(sz_ref_call *c, const sz_ref_row *row) {
    if (row->form == SZ_REF_OWN) return row->run(c);
    SZ_TRY(sz_ops_infer_node(c->n->graph, c->n->node));
    if (row->form == SZ_REF_VALUE) return take_values(c);
    SZ_TRY(make_outputs(c));
    if (is_empty(c)) return SZ_OK;
    SZ_TRY(row->run(c));
    for (int o = 0; o < c->n_out; o++)
        if (c->room[o]) sz_buffer_put_doubles(c->out[o], 0, c->out[o]->count, c->room[o]);
    return SZ_OK;
}

static sz_status charge_node(const sz_ref_call *c) {
    int64_t elements = 1;
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i] && !sz_add(elements, c->in[i]->count, &elements)) elements = INT64_MAX;
    return sz_ref_charge(c, elements, 1, 1);
}

sz_status sz_ref_node(sz_ref *r, const sz_frame *f, const sz_node *node, sz_buffer **in,
                      sz_buffer **out) {
    const sz_ref_row *row = sz_ref_find(node);
    sz_infer real = {
        .ctx = r->ctx, .graph = f->graph, .node = node, .opset = node->opset, .depth = f->depth};
    if (!row)
        return sz_op_place(&real,
                           sz_fail(r->ctx, SZ_ERR_UNAVAILABLE, "no reference for operator '%s'",
                                   sz_show(r->ctx, node->op)));
    sz_graph *g;
    SZ_TRY(sz_graph_create(r->ctx, &g));
    g->is_scratch = true;
    sz_status status = fill_scratch(r, f, g, *node, row->form, in);
    if (status == SZ_OK) {
        sz_infer n = {.ctx = r->ctx,
                      .graph = g,
                      .node = &g->nodes.items[0],
                      .op = sz_op_get(node->row),
                      .opset = node->opset,
                      .depth = f->depth};
        sz_ref_call c = {.ctx = r->ctx,
                         .n = &n,
                         .ref = r,
                         .frame = f,
                         .n_in = node->n_inputs,
                         .n_out = node->n_outputs,
                         .in = in,
                         .out = out};
        c.room = sz_arena_array(g->arena, (size_t)c.n_out + 1, sizeof *c.room);
        status = c.room ? charge_node(&c) : sz_no_memory(r->ctx);
        if (status == SZ_OK) status = run_form(&c, row);
    }
    sz_graph_destroy(g);
    return status;
}
