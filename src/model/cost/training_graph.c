// SPDX-License-Identifier: Apache-2.0
// Which values have a gradient: those that depend on a parameter and that an output depends on,
// both through operators with a derivative. Bodies of control flow are graphs of their own: what
// they capture and take in stands for values outside.
#include "model/cost/training.h"

// ---- facts -------------------------------------------------------------------------------------

bool sz_is_control(const sz_node *n) {
    static const char *const names[] = {"If", "Loop", "Scan", "SequenceMap"};
    for (size_t i = 0; n->row != SZ_NONE && i < sizeof names / sizeof *names; i++)
        if (sz_op_get(n->row)->kind == SZ_KIND_CONTROL && sz_str_is(n->op, names[i])) return true;
    return false;
}

// Of containers: what they hold.
static bool is_float(const sz_value *v) {
    const sz_type *t = &v->type;
    while (t->kind != SZ_TYPE_TENSOR && t->kind != SZ_TYPE_SPARSE && t->elem) t = t->elem;
    const sz_dtype_class cls = sz_dtype_get(t->dtype)->cls;
    return cls == SZ_CLASS_FLOAT || cls == SZ_CLASS_COMPLEX;
}

// Loop: number, condition, states as the node takes them; Scan and SequenceMap: all as they stand.
// An If has no inputs of its own.
sz_value_id sz_body_source(const sz_node *n, const sz_graph *body, size_t j) {
    (void)body;
    const bool none = sz_str_is(n->op, "If") || j >= (size_t)n->n_inputs;
    return none ? SZ_NONE : n->inputs[j];
}

bool sz_is_differentiable(const sz_train *t, const sz_graph *g, const sz_node *n, int32_t i) {
    if (n->inputs[i] == SZ_NONE || !is_float(sz_graph_value(g, n->inputs[i]))) return false;
    if (sz_is_control(n)) return true;
    const sz_gradient *row = n->row == SZ_NONE ? NULL : t->rows[n->row];
    if (!row) return true; // not known: the node is reported, and its inputs are not cut off
    if (!row->rule) return false;
    return row->inputs == SZ_ALL_INPUTS || (i < 31 && (row->inputs >> i & 1));
}

// Whose constant operands are numbers of the program: masks, bounds, exponents, means of images.
static bool takes_literals(const sz_node *n) {
    static const char *const names[] = {
        "Where", "Max", "Min", "Pow", "Div", "Sub", "Scatter", "ScatterElements", "ScatterND"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sz_str_is(n->op, names[i])) return true;
    return false;
}

// A float tensor that stands where weights stand. The file does not say which constants are
// trained: single numbers beside arithmetic are literals, as are the numbers of Constant nodes.
bool sz_is_trained(const sz_graph *g, const sz_node *n, int32_t i) {
    const sz_value *v = sz_graph_value(g, n->inputs[i]);
    int64_t elements = 0;
    if (sz_param_is_made(g, n, i, v)) return true;
    if (v->kind != SZ_VALUE_CONST || !v->constant || v->type.rank < 1 || takes_literals(n))
        return false;
    if (sz_type_elements(g->ctx, &v->type, &elements) != SZ_OK) return false;
    const sz_op_kind kind = n->row == SZ_NONE ? SZ_KIND_OTHER : sz_op_get(n->row)->kind;
    const bool layer = kind == SZ_KIND_CONTRACTION || kind == SZ_KIND_NORM;
    return elements > 1 || layer || sz_str_is(n->op, "PRelu");
}

sz_scope *sz_scope_of(sz_train *t, const sz_graph *g) {
    sz_scope *s = &t->scopes[g->number];
    if (s->ready) return s;
    sz_arena *arena = &t->costs->arena;
    s->depends = sz_arena_alloc(arena, g->values.n);
    s->reaches = sz_arena_alloc(arena, g->values.n);
    s->param = sz_arena_alloc(arena, g->values.n);
    s->seen = sz_arena_alloc(arena, g->values.n);
    s->ready = s->depends && s->reaches && s->param && s->seen;
    return s->ready ? s : NULL;
}

bool sz_has_gradient(sz_train *t, const sz_graph *g, sz_value_id id) {
    const sz_scope *s = &t->scopes[g->number];
    return id != SZ_NONE && s->ready && s->depends[id] && s->reaches[id];
}

// ---- forward: what depends on a parameter ------------------------------------------------------

static sz_status depend_graph(sz_train *t, sz_graph *g, int depth);

static bool enter(sz_scope *to, sz_value_id id, bool depends) {
    if (!depends || to->depends[id]) return false;
    to->depends[id] = 1;
    return true;
}

// What flows into a body; true when that is new.
static bool flow_in(const sz_scope *outer, const sz_node *n, const sz_graph *body, sz_scope *s) {
    bool changed = false;
    for (size_t v = 0; v < body->values.n; v++) {
        const sz_value *value = &body->values.items[v];
        if (value->kind == SZ_VALUE_CAPTURED && outer->depends[value->outer]) {
            changed |= enter(s, (sz_value_id)v, is_float(value));
            if (outer->param[value->outer]) s->param[v] = 1;
        }
    }
    for (size_t j = 0; j < body->inputs.n; j++) {
        const sz_value_id from = sz_body_source(n, body, j), to = body->inputs.items[j];
        if (from != SZ_NONE && outer->depends[from])
            changed |= enter(s, to, is_float(sz_graph_value(body, to)));
    }
    return changed;
}

// States that a loop hands to its next trip: output j of the body is input j + 1 of a Loop (after
// the condition), input j of a Scan.
static bool flow_round(const sz_node *n, const sz_graph *body, sz_scope *s) {
    const size_t shift = sz_str_is(n->op, "Loop") ? 1 : 0;
    bool changed = false;
    if (sz_str_is(n->op, "If") || sz_str_is(n->op, "SequenceMap")) return false;
    for (size_t j = 0; j < body->outputs.n && j + shift < body->inputs.n; j++)
        if (s->depends[body->outputs.items[j]])
            changed |= enter(s, body->inputs.items[j + shift],
                             is_float(sz_graph_value(body, body->inputs.items[j + shift])));
    return changed;
}

static sz_status depend_body(sz_train *t, const sz_scope *outer, const sz_node *n, sz_graph *body,
                             int depth, bool *ret_depends) {
    enum { ROUNDS = 8 }; // then every state is taken to depend
    sz_scope *s = sz_scope_of(t, body);
    if (!s) return sz_no_memory(body->ctx);
    flow_in(outer, n, body, s);
    for (int round = 0; round <= ROUNDS; round++) {
        if (round == ROUNDS)
            for (size_t j = 0; j < body->inputs.n; j++)
                enter(s, body->inputs.items[j],
                      is_float(sz_graph_value(body, body->inputs.items[j])));
        SZ_TRY(depend_graph(t, body, depth));
        if (!flow_round(n, body, s)) break;
    }
    for (size_t j = 0; j < body->outputs.n; j++)
        if (s->depends[body->outputs.items[j]]) *ret_depends = true;
    return SZ_OK;
}

static sz_status depend_node(sz_train *t, sz_graph *g, sz_scope *s, const sz_node *n, int depth) {
    bool depends = false, is_view = n->row != SZ_NONE && n->n_inputs > 0 && n->inputs[0] != SZ_NONE;
    for (int32_t i = 0; i < n->n_inputs; i++) {
        if (!sz_is_differentiable(t, g, n, i)) continue;
        if (sz_is_trained(g, n, i)) s->param[n->inputs[i]] = s->depends[n->inputs[i]] = 1;
        depends |= s->depends[n->inputs[i]];
    }
    for (int32_t a = 0; sz_is_control(n) && a < n->n_attrs; a++)
        for (int32_t k = 0; n->attrs[a].graphs && k < n->attrs[a].n; k++)
            SZ_TRY(depend_body(t, s, n, n->attrs[a].graphs[k], depth + 1, &depends));
    is_view = is_view && (sz_op_get(n->row)->kind == SZ_KIND_VIEW ||
                          sz_op_get(n->row)->kind == SZ_KIND_CAST || sz_str_is(n->op, "Transpose"));
    for (int32_t o = 0; o < n->n_outputs && depends; o++)
        if (n->outputs[o] != SZ_NONE && is_float(sz_graph_value(g, n->outputs[o]))) {
            s->depends[n->outputs[o]] = 1;
            if (is_view && s->param[n->inputs[0]]) s->param[n->outputs[o]] = 1;
        }
    return SZ_OK;
}

static sz_status depend_graph(sz_train *t, sz_graph *g, int depth) {
    sz_scope *s = sz_scope_of(t, g);
    if (!s) return sz_no_memory(g->ctx);
    if (depth > SZ_MAX_BODIES)
        return sz_fail(g->ctx, SZ_ERR_LIMIT, "bodies are nested deeper than %d", SZ_MAX_BODIES);
    for (size_t k = 0; k < g->nodes.n; k++)
        SZ_TRY(depend_node(t, g, s, sz_graph_node(g, sz_graph_nth(g, k)), depth));
    return SZ_OK;
}

// ---- backward: what an output depends on -------------------------------------------------------

static void reach_graph(sz_train *t, sz_graph *g, int depth);

// Everything that a body gives out reaches where its node does.
static void reach_body(sz_train *t, sz_scope *outer, const sz_node *n, sz_graph *body, int depth) {
    sz_scope *s = &t->scopes[body->number];
    if (!s->ready) return;
    for (size_t j = 0; j < body->outputs.n; j++)
        if (is_float(sz_graph_value(body, body->outputs.items[j])))
            s->reaches[body->outputs.items[j]] = 1;
    reach_graph(t, body, depth);
    for (size_t v = 0; v < body->values.n; v++)
        if (body->values.items[v].kind == SZ_VALUE_CAPTURED && s->reaches[v])
            outer->reaches[body->values.items[v].outer] = 1;
    for (size_t j = 0; j < body->inputs.n; j++) {
        const sz_value_id from = sz_body_source(n, body, j);
        if (from != SZ_NONE && s->reaches[body->inputs.items[j]]) outer->reaches[from] = 1;
    }
}

static void reach_node(sz_train *t, sz_graph *g, sz_scope *s, const sz_node *n, int depth) {
    bool reaches = false;
    for (int32_t o = 0; o < n->n_outputs; o++)
        reaches |= n->outputs[o] != SZ_NONE && s->reaches[n->outputs[o]] &&
                   s->depends[n->outputs[o]];
    if (!reaches) return;
    for (int32_t a = 0; sz_is_control(n) && a < n->n_attrs; a++)
        for (int32_t k = 0; n->attrs[a].graphs && k < n->attrs[a].n; k++)
            reach_body(t, s, n, n->attrs[a].graphs[k], depth + 1);
    for (int32_t i = 0; !sz_is_control(n) && i < n->n_inputs; i++)
        if (sz_is_differentiable(t, g, n, i)) s->reaches[n->inputs[i]] = 1;
}

// Nesting was checked on the way forward.
static void reach_graph(sz_train *t, sz_graph *g, int depth) {
    sz_scope *s = &t->scopes[g->number];
    for (size_t k = g->nodes.n; k-- > 0;)
        reach_node(t, g, s, sz_graph_node(g, sz_graph_nth(g, k)), depth);
}

sz_status sz_train_gradients(sz_train *t) {
    sz_graph *g = t->g;
    SZ_TRY(depend_graph(t, g, 0));
    sz_scope *s = &t->scopes[g->number];
    for (size_t i = 0; i < g->outputs.n; i++)
        if (is_float(sz_graph_value(g, g->outputs.items[i]))) s->reaches[g->outputs.items[i]] = 1;
    reach_graph(t, g, 0);
    return SZ_OK;
}
