// SPDX-License-Identifier: Apache-2.0
// OpenVINO IR: bodies of TensorIterator, Loop and If, and what their port maps say.
//
// A branch of an If becomes a body that captures what its parameters take, as in ONNX. The body of
// an iteration keeps its inputs; attributes of the node say what goes in and comes out:
//   inputs   per input of the body: input of the node, -1 = the number of the iteration
//   carried  so many inputs of the body take the first outputs of the body in the next run
//   slices   six numbers per sliced input: input of the body, axis, start, end, stride, part
//   outputs  per output of the node: output of the body
//   concats  six numbers per joined output: output of the node, axis, start, end, stride, part
//   condition  output of the body that says whether to go on
#include "model/import/openvino.h"

void ir_body_finish(ir *x, ir_body *b) {
    sz_map_finish(&b->ids);
    sz_vec_finish(x->ctx, &b->layers);
}

// ---- reading -----------------------------------------------------------------------------------

sz_status ir_link_read(ir *x, ir_frame *f, int branch, bool is_output) {
    ir_link l = {.is_output = is_output, .branch = branch};
    sz_str text;
    SZ_TRY(ir_need(x, "internal_layer_id", &l.internal));
    SZ_TRY(ir_int_attribute(x, "external_port_id", -1, &l.external));
    l.has_axis = sz_xml_attribute(&x->xml, "axis", &text);
    SZ_TRY(ir_int_attribute(x, "axis", 0, &l.axis));
    SZ_TRY(ir_int_attribute(x, "start", 0, &l.start));
    SZ_TRY(ir_int_attribute(x, "end", -1, &l.end));
    SZ_TRY(ir_int_attribute(x, "stride", 1, &l.stride));
    SZ_TRY(ir_int_attribute(x, "part_size", 1, &l.part));
    sz_xml_attribute(&x->xml, "purpose", &text);
    if (sz_str_is(text, "current_iteration")) l.purpose = 'i';
    if (sz_str_is(text, "execution_condition")) l.purpose = 'c';
    return sz_vec_push(x->ctx, &f->links, l) ? SZ_OK : sz_no_memory(x->ctx);
}

sz_status ir_back_read(ir *x, ir_frame *f) {
    ir_back b;
    SZ_TRY(ir_need(x, "from-layer", &b.from));
    SZ_TRY(ir_need(x, "to-layer", &b.to));
    return sz_vec_push(x->ctx, &f->backs, b) ? SZ_OK : sz_no_memory(x->ctx);
}

// ---- looking up --------------------------------------------------------------------------------

static sz_status find_inner(ir *x, const ir_frame *f, const ir_body *b, sz_str id, ir_role role,
                            const ir_layer **ret) {
    int32_t index;
    const ir_layer *l = sz_map_get(&b->ids, id, &index) ? &b->layers.items[index] : NULL;
    if (!l || l->role != role)
        return ir_layer_fail(x, &f->layer, "its body has no %s of id '%s'",
                             role == IR_RESULT ? "Result" : "Parameter", sz_show(x->ctx, id));
    *ret = l;
    return SZ_OK;
}

static sz_status find_outer(ir *x, const ir_frame *f, const ir_link *l, int64_t *ret_index) {
    const ir_layer *o = &f->layer;
    const ir_port *ports = l->is_output ? o->out : o->in;
    const ir_port *p = ir_port_find(ports, l->is_output ? o->n_out : o->n_in, l->external);
    if (!p)
        return ir_layer_fail(x, o, "its port map names %s port %lld, which is not there",
                             l->is_output ? "output" : "input", (long long)l->external);
    *ret_index = p - ports;
    return SZ_OK;
}

// ---- If ----------------------------------------------------------------------------------------

static sz_status capture(ir *x, const ir_frame *f, const ir_body *b, const ir_link *l) {
    const ir_layer *parameter;
    int64_t index;
    SZ_TRY(find_inner(x, f, b, l->internal, IR_PARAMETER, &parameter));
    SZ_TRY(find_outer(x, f, l, &index));
    const ir_capture c = {b->graph, parameter->out[0].value, &f->layer.in[index]};
    return sz_vec_push(x->ctx, &x->captures, c) ? SZ_OK : sz_no_memory(x->ctx);
}

// Outputs of the branch in the order of the outputs of the node.
static sz_status branch_outputs(ir *x, ir_frame *f, int branch, const ir_body *b) {
    const size_t n = (size_t)f->layer.n_out;
    b->graph->outputs.n = 0;
    for (size_t o = 0; o < n; o++)
        if (!sz_vec_push(x->ctx, &b->graph->outputs, SZ_NONE)) return sz_no_memory(x->ctx);
    for (size_t i = 0; i < f->links.n; i++) {
        const ir_link *l = &f->links.items[i];
        const ir_layer *result;
        int64_t index;
        if (l->branch != branch || !l->is_output) continue;
        SZ_TRY(find_outer(x, f, l, &index));
        SZ_TRY(find_inner(x, f, b, l->internal, IR_RESULT, &result));
        b->graph->outputs.items[index] = result->in[0].value;
    }
    for (size_t o = 0; o < n; o++)
        if (b->graph->outputs.items[o] == SZ_NONE)
            return ir_layer_fail(x, &f->layer, "a branch gives nothing for output %zu", o);
    return SZ_OK;
}

static sz_status join_branch(ir *x, ir_frame *f, int branch) {
    if (f->bodies[branch] < 0) return ir_layer_fail(x, &f->layer, "a branch is missing");
    const ir_body *b = &x->bodies.items[f->bodies[branch]];
    size_t captured = 0;
    for (size_t i = 0; i < f->links.n; i++) {
        const ir_link *l = &f->links.items[i];
        if (l->branch != branch || l->is_output) continue;
        SZ_TRY(capture(x, f, b, l));
        captured++;
    }
    if (captured != b->graph->inputs.n)
        return ir_layer_fail(x, &f->layer, "%zu lines of its port map for %zu parameters", captured,
                             b->graph->inputs.n);
    b->graph->inputs.n = 0;
    SZ_TRY(branch_outputs(x, f, branch, b));
    return ir_add_graph(x, f, branch ? "else_branch" : "then_branch", b->graph);
}

// Gives the value another name, and what had that name yet another one.
static sz_status rename_value(ir *x, sz_graph *g, sz_value_id id, sz_str name) {
    const sz_value_id other = sz_graph_find(g, name);
    if (other == id) return SZ_OK;
    if (other != SZ_NONE) {
        char text[SZ_DIGITS_SIZE + 1] = "@";
        sz_str free_name;
        do {
            const size_t digits = sz_digits(text + 1, (int64_t)x->unnamed++) + 1;
            char *joined = sz_arena_alloc(g->arena, name.len + digits + 1);
            if (!joined) return sz_no_memory(x->ctx);
            memcpy(joined, name.p, name.len);
            memcpy(joined + name.len, text, digits);
            free_name = (sz_str){joined, name.len + (uint32_t)digits};
        } while (sz_graph_find(g, free_name) != SZ_NONE);
        sz_graph_value(g, other)->name = free_name;
        SZ_TRY(sz_map_put(&g->names, free_name, other));
    }
    sz_graph_value(g, id)->name = name;
    return sz_map_put(&g->names, name, id);
}

// From the outside in: an inner body may capture what an outer one has captured. Inner layers end
// first, so the list is walked from its end.
sz_status ir_captures_join(ir *x) {
    for (size_t i = x->captures.n; i-- > 0;) {
        const ir_capture *c = &x->captures.items[i];
        sz_value *v = sz_graph_value(c->body, c->value);
        if (v->kind != SZ_VALUE_INPUT) continue; // mapped twice
        v->kind = SZ_VALUE_CAPTURED;
        v->outer = c->from->value;
        v->type = sz_graph_value(c->body->parent, v->outer)->type;
        SZ_TRY(rename_value(x, c->body, c->value, sz_graph_value(c->body->parent, v->outer)->name));
    }
    return SZ_OK;
}

// ---- iterations --------------------------------------------------------------------------------

static size_t place_of(const sz_value_id *ids, size_t n, sz_value_id id) {
    size_t i = 0;
    while (i < n && ids[i] != id) i++;
    return i;
}

// Parameters and results that back edges join come first, in step.
static sz_status order_carried(ir *x, ir_frame *f, const ir_body *b) {
    sz_graph *g = b->graph;
    if (f->backs.n > g->inputs.n)
        return ir_layer_fail(x, &f->layer, "has %zu back edges and %zu parameters", f->backs.n,
                             g->inputs.n);
    const size_t results = g->outputs.n;
    for (size_t k = 0; k < f->backs.n; k++) // room: a result may feed two parameters
        if (!sz_vec_push(x->ctx, &g->outputs, SZ_NONE)) return sz_no_memory(x->ctx);
    if (results > 0)
        memmove(g->outputs.items + f->backs.n, g->outputs.items,
                results * sizeof *g->outputs.items);
    for (size_t k = 0; k < f->backs.n; k++) {
        const ir_layer *from, *to;
        SZ_TRY(find_inner(x, f, b, f->backs.items[k].from, IR_RESULT, &from));
        SZ_TRY(find_inner(x, f, b, f->backs.items[k].to, IR_PARAMETER, &to));
        const size_t at = place_of(g->inputs.items, g->inputs.n, to->out[0].value);
        if (at < k) return ir_layer_fail(x, &f->layer, "two back edges lead to one parameter");
        const sz_value_id other = g->inputs.items[k];
        g->inputs.items[k] = to->out[0].value;
        g->inputs.items[at] = other;
        g->outputs.items[k] = from->in[0].value;
    }
    return SZ_OK;
}

typedef struct port_lists {
    SZ_VEC(int64_t) inputs;
    SZ_VEC(int64_t) outputs;
    SZ_VEC(int64_t) slices;
    SZ_VEC(int64_t) concats;
    int64_t condition;
} port_lists;

enum { UNSET = -2 };

static bool add_axis(ir *x, port_lists *p, const ir_link *l, int64_t index) {
    const int64_t numbers[] = {index, l->axis, l->start, l->end, l->stride, l->part};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!(l->is_output ? sz_vec_push(x->ctx, &p->concats, numbers[i])
                           : sz_vec_push(x->ctx, &p->slices, numbers[i])))
            return false;
    return true;
}

static sz_status link_input(ir *x, ir_frame *f, const ir_body *b, const ir_link *l, port_lists *p) {
    const ir_layer *inner;
    int64_t outer = -1;
    SZ_TRY(find_inner(x, f, b, l->internal, IR_PARAMETER, &inner));
    if (l->purpose != 'i') SZ_TRY(find_outer(x, f, l, &outer));
    const size_t at = place_of(b->graph->inputs.items, b->graph->inputs.n, inner->out[0].value);
    p->inputs.items[at] = outer;
    return !l->has_axis || add_axis(x, p, l, (int64_t)at) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status link_output(ir *x, ir_frame *f, const ir_body *b, const ir_link *l,
                             port_lists *p) {
    const ir_layer *inner;
    int64_t outer;
    SZ_TRY(find_inner(x, f, b, l->internal, IR_RESULT, &inner));
    const int64_t at = (int64_t)place_of(b->graph->outputs.items, b->graph->outputs.n,
                                         inner->in[0].value);
    if (l->purpose == 'c') p->condition = at;
    if (l->purpose == 'c' && l->external < 0) return SZ_OK;
    SZ_TRY(find_outer(x, f, l, &outer));
    p->outputs.items[outer] = at;
    return !l->has_axis || add_axis(x, p, l, outer) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status check_set(ir *x, const ir_frame *f, const int64_t *list, size_t n,
                           const char *what) {
    for (size_t i = 0; i < n; i++)
        if (list[i] == UNSET)
            return ir_layer_fail(x, &f->layer, "its port map has nothing for %s %zu", what, i);
    return SZ_OK;
}

static sz_status add_lists(ir *x, ir_frame *f, const ir_body *b, const port_lists *p) {
    SZ_TRY(check_set(x, f, p->inputs.items, p->inputs.n, "parameter"));
    SZ_TRY(check_set(x, f, p->outputs.items, p->outputs.n, "output"));
    SZ_TRY(ir_add_graph(x, f, "body", b->graph));
    SZ_TRY(ir_add_int(x, f, "carried", (int64_t)f->backs.n));
    SZ_TRY(ir_add_ints(x, f, "inputs", p->inputs.items, p->inputs.n));
    SZ_TRY(ir_add_ints(x, f, "outputs", p->outputs.items, p->outputs.n));
    if (p->slices.n) SZ_TRY(ir_add_ints(x, f, "slices", p->slices.items, p->slices.n));
    if (p->concats.n) SZ_TRY(ir_add_ints(x, f, "concats", p->concats.items, p->concats.n));
    return p->condition < 0 ? SZ_OK : ir_add_int(x, f, "condition", p->condition);
}

static sz_status fill_lists(ir *x, ir_frame *f, const ir_body *b, port_lists *p) {
    for (size_t i = 0; i < b->graph->inputs.n; i++)
        if (!sz_vec_push(x->ctx, &p->inputs, UNSET)) return sz_no_memory(x->ctx);
    for (int32_t o = 0; o < f->layer.n_out; o++)
        if (!sz_vec_push(x->ctx, &p->outputs, UNSET)) return sz_no_memory(x->ctx);
    for (size_t i = 0; i < f->links.n; i++) {
        const ir_link *l = &f->links.items[i];
        SZ_TRY(l->is_output ? link_output(x, f, b, l, p) : link_input(x, f, b, l, p));
    }
    return add_lists(x, f, b, p);
}

static sz_status join_iteration(ir *x, ir_frame *f) {
    port_lists p = {.condition = -1};
    if (f->bodies[0] < 0) return ir_layer_fail(x, &f->layer, "has a port map and no body");
    const ir_body *b = &x->bodies.items[f->bodies[0]];
    SZ_TRY(order_carried(x, f, b));
    sz_status status = fill_lists(x, f, b, &p);
    sz_vec_finish(x->ctx, &p.inputs);
    sz_vec_finish(x->ctx, &p.outputs);
    sz_vec_finish(x->ctx, &p.slices);
    sz_vec_finish(x->ctx, &p.concats);
    return status;
}

sz_status ir_bodies_join(ir *x, ir_frame *f) {
    if (f->layer.role != IR_NODE)
        return ir_layer_fail(x, &f->layer, "has a body, which only operators may have");
    if (f->layer.n_in > SZ_IR_MAX_UNSORTED || f->links.n > SZ_IR_MAX_LINKS)
        return ir_layer_fail(x, &f->layer, "a port map of %zu lines, the limit is %d", f->links.n,
                             SZ_IR_MAX_LINKS);
    SZ_TRY(sz_str_is(f->layer.type, "If") ? SZ_OK : join_iteration(x, f));
    for (int k = 0; k < 2 && sz_str_is(f->layer.type, "If"); k++) SZ_TRY(join_branch(x, f, k));
    // the layers of the bodies are done with
    for (int k = 0; k < f->n_bodies; k++) ir_body_finish(x, &x->bodies.items[--x->bodies.n]);
    return SZ_OK;
}
