// SPDX-License-Identifier: Apache-2.0
// The step: which values have a gradient, forward forms, the backward pass. Losses and optimizers
// are in ends.c.
#include "model/train/ends.h"

#include "model/cost/training.h"
#include "model/ops/numbers.h"
#include "model/ops/ops.h"

#define ONNX ""
#define MS   "com.microsoft"

static const sz_rule_row rules[] = {
#define RULE(domain, op, function) {domain, #op, sz_back_##function},
#include "model/train/rules.def"
#undef RULE
};

const sz_rule_row *sz_rule_of(const sz_node *n) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (sz_str_is(n->op, rules[i].op) && sz_str_is(n->domain, rules[i].domain))
            return &rules[i];
    return NULL;
}

// ---- which values have a gradient --------------------------------------------------------------

static bool is_float(const sz_graph *g, sz_value_id v) {
    const sz_type *type = &sz_graph_value(g, v)->type;
    return type->kind == SZ_TYPE_TENSOR && sz_is_float(type->dtype);
}

bool sz_tape_can(const sz_graph *g, const sz_node *n, int i) {
    if (i >= n->n_inputs || n->inputs[i] == SZ_NONE || !is_float(g, n->inputs[i])) return false;
    const sz_gradient *row = n->row == SZ_NONE ? NULL : sz_gradient_of(n->row);
    if (!row) return true; // not known: it is refused when its turn comes
    if (!row->rule) return false;
    return row->inputs == SZ_ALL_INPUTS || (i < 31 && (row->inputs >> i & 1));
}

static bool any_wanted(const sz_tape *t, const sz_node *n) {
    for (int i = 0; i < n->n_inputs; i++)
        if (sz_tape_wants(t, n, i)) return true;
    return false;
}

// Forward: what depends on a weight.
static void find_depending(sz_tape *t) {
    const sz_graph *g = t->g;
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node *n = sz_graph_node(g, sz_graph_nth(g, k));
        bool depends = false;
        for (int i = 0; i < n->n_inputs; i++) {
            if (!sz_tape_can(g, n, i)) continue;
            const sz_value_id v = n->inputs[i];
            if (sz_graph_value(g, v)->constant && sz_is_trained(g, n, i))
                t->trained[v] = t->depends[v] = true;
            depends |= t->depends[v];
        }
        for (int o = 0; o < n->n_outputs && depends; o++)
            if (n->outputs[o] != SZ_NONE && is_float(g, n->outputs[o]))
                t->depends[n->outputs[o]] = true;
    }
}

// Backward: what an output depends on.
static void find_reaching(sz_tape *t) {
    const sz_graph *g = t->g;
    for (size_t o = 0; o < g->outputs.n; o++)
        if (is_float(g, g->outputs.items[o])) t->reaches[g->outputs.items[o]] = true;
    for (size_t k = g->nodes.n; k-- > 0;) {
        const sz_node *n = sz_graph_node(g, sz_graph_nth(g, k));
        bool reaches = false;
        for (int o = 0; o < n->n_outputs; o++) {
            const sz_value_id v = n->outputs[o];
            reaches |= v != SZ_NONE && t->reaches[v] && t->depends[v];
        }
        for (int i = 0; i < n->n_inputs && reaches; i++)
            if (sz_tape_can(g, n, i)) t->reaches[n->inputs[i]] = true;
    }
}

// Is the node on the way from a weight to an output?
static bool is_active(const sz_tape *t, const sz_node *n) {
    bool reaches = false;
    for (int o = 0; o < n->n_outputs; o++) {
        const sz_value_id v = n->outputs[o];
        reaches |= v != SZ_NONE && t->reaches[v] && t->depends[v];
    }
    return reaches && any_wanted(t, n);
}

static void check_node(sz_tape *t, const sz_node *n) {
    if (!sz_rule_of(n)) {
        sz_tape_refuse(t, n, "there is no rule for it");
        return;
    }
    for (int k = 0; k < n->n_inputs + n->n_outputs; k++) {
        const sz_value_id v = k < n->n_inputs ? n->inputs[k] : n->outputs[k - n->n_inputs];
        if (v == SZ_NONE) continue;
        const sz_type *type = sz_tape_type(t, v);
        if (type->kind != SZ_TYPE_TENSOR || !sz_type_is_static(type)) {
            sz_tape_refuse(t, n, "the type of an operand depends on data");
            return;
        }
    }
}

static bool is_recurrent(const sz_node *n) {
    return n->domain.len == 0 &&
           (sz_str_is(n->op, "LSTM") || sz_str_is(n->op, "GRU") || sz_str_is(n->op, "RNN"));
}

// ---- forward forms -----------------------------------------------------------------------------

// The outputs of a node that now has `count`.
static void set_node_outputs(sz_tape *t, sz_node_id id, const sz_value_id *out, int count) {
    sz_value_id *copy = sz_arena_array(t->g->arena, (size_t)count, sizeof *copy);
    if (!copy) t->status = sz_no_memory(t->ctx);
    if (t->status != SZ_OK) return;
    memcpy(copy, out, (size_t)count * sizeof *copy);
    sz_node *n = sz_graph_node(t->g, id);
    n->outputs = copy, n->n_outputs = count;
}

// Outputs 1 and 2 of a norm, in the format of `like`.
static void add_outputs(sz_tape *t, sz_node_id id, int32_t rank, const int64_t *dims,
                        sz_dtype dtype) {
    const sz_node old = *sz_graph_node(t->g, id);
    sz_value_id out[3] = {old.outputs[0], sz_tape_out(&old, 1), sz_tape_out(&old, 2)};
    for (int o = 1; o < 3; o++) {
        if (out[o] != SZ_NONE) continue;
        out[o] = sz_tape_made(t, o == 1 ? "mean" : "deviation", id, dtype, rank, dims);
    }
    set_node_outputs(t, id, out, 3);
}

// All states and the last ones, whichever of them the net reads.
static void train_recurrent(sz_tape *t, sz_node_id id, int count) {
    const sz_node old = *sz_graph_node(t->g, id);
    const sz_type *x = sz_tape_type(t, old.inputs[0]), *r = sz_tape_type(t, old.inputs[2]);
    const sz_dtype dtype = x->dtype;
    sz_value_id out[3];
    if (x->rank != 3 || r->rank != 3 || sz_attr_i(&old, "layout", 0)) return; // its rule refuses
    const int64_t dims[] = {x->dims[0], r->dims[0], x->dims[1], r->dims[2]};
    for (int o = 0; o < count; o++) {
        out[o] = sz_tape_out(&old, o);
        if (out[o] != SZ_NONE) continue;
        out[o] = sz_tape_made(t, o == 0 ? "states" : o == 1 ? "state" : "cell", id, dtype,
                              o == 0 ? 4 : 3, o == 0 ? dims : dims + 1);
    }
    set_node_outputs(t, id, out, count);
}

// Statistics of the batch. With a momentum of 0 the running ones are those of the batch, which the
// backward pass needs.
static void train_batch_norm(sz_tape *t, sz_node_id id) {
    const sz_node old = *sz_graph_node(t->g, id);
    sz_attr *attrs = sz_arena_array(t->g->arena, 3, sizeof *attrs);
    const sz_type *mean = sz_tape_type(t, old.inputs[3]);
    if (!attrs) t->status = sz_no_memory(t->ctx);
    if (t->status != SZ_OK) return;
    if (mean->rank != 1) {
        sz_tape_refuse(t, &old, "its statistics are not one per channel");
        return;
    }
    attrs[0] = sz_tape_f("epsilon", sz_attr_f(&old, "epsilon", 1e-5));
    attrs[1] = sz_tape_f("momentum", 0);
    attrs[2] = sz_tape_i("training_mode", 1);
    add_outputs(t, id, mean->rank, mean->dims, mean->dtype);
    sz_node *n = sz_graph_node(t->g, id);
    n->attrs = attrs, n->n_attrs = 3;
    if (n->opset < 15) n->opset = 15;
}

static void train_layer_norm(sz_tape *t, sz_node_id id) {
    const sz_node old = *sz_graph_node(t->g, id);
    int64_t dims[SZ_MAX_RANK];
    const sz_type *x = sz_tape_type(t, old.inputs[0]);
    const int64_t axis = sz_attr_i(&old, "axis", -1);
    const int64_t stash = sz_attr_i(&old, "stash_type", 1);
    const int64_t first = axis < 0 ? axis + x->rank : axis;
    for (int32_t d = 0; d < x->rank; d++) dims[d] = d < first ? x->dims[d] : 1;
    add_outputs(t, id, x->rank, dims, sz_dtype_from_onnx(stash));
}

static void train_form(sz_tape *t, sz_node_id id) {
    const sz_node *n = sz_graph_node(t->g, id);
    t->at = n->name;
    if (sz_str_is(n->op, "BatchNormalization"))
        train_batch_norm(t, id);
    else if (sz_str_is(n->op, "LayerNormalization"))
        train_layer_norm(t, id);
    else if (sz_str_is(n->op, "LSTM"))
        train_recurrent(t, id, 3);
    else if (is_recurrent(n))
        train_recurrent(t, id, 2);
    else if (sz_str_is(n->op, "Dropout") && n->n_outputs > 1 && n->outputs[1] != SZ_NONE)
        sz_tape_refuse(t, n, "its mask is an output");
}

// ---- backward ----------------------------------------------------------------------------------

static void go_back(sz_tape *t, const bool *active, size_t n_forward) {
    for (size_t k = n_forward; k-- > 0 && t->status == SZ_OK;) {
        const sz_node_id id = sz_graph_nth(t->g, k);
        const sz_node n = *sz_graph_node(t->g, id); // rules add nodes: it would move
        bool any = false;
        if (!active[id]) continue;
        for (int o = 0; o < n.n_outputs; o++)
            any |= n.outputs[o] != SZ_NONE && (size_t)n.outputs[o] < t->n_values &&
                   t->shares[n.outputs[o]] != NULL;
        if (!any) continue;
        t->at = n.name;
        const bool first = n.outputs[0] != SZ_NONE && t->shares[n.outputs[0]];
        if (!first && !is_recurrent(&n) && !sz_str_is(n.op, "Split")) {
            sz_tape_refuse(t, &n, "only its second output is used");
            return;
        }
        sz_rule_of(&n)->rule(t, &n);
    }
}

// Nodes behind those that were there run behind them.
static sz_status extend_order(sz_tape *t, size_t n_before) {
    sz_graph *g = t->g;
    if (!g->order) return SZ_OK;
    sz_node_id *order = sz_arena_array(g->arena, g->nodes.n, sizeof *order);
    if (!order) return sz_no_memory(t->ctx);
    for (size_t k = 0; k < g->nodes.n; k++) order[k] = k < n_before ? g->order[k] : (sz_node_id)k;
    g->order = order;
    return SZ_OK;
}

static sz_status differentiate(sz_tape *t, const sz_train_options *o, sz_train_step *step) {
    sz_graph *g = t->g;
    const size_t n_net = g->nodes.n;
    bool *active = sz_arena_array(g->arena, n_net + 1, sizeof *active);
    if (!active) return sz_no_memory(t->ctx);
    find_depending(t);
    find_reaching(t);
    for (size_t k = 0; k < n_net && t->status == SZ_OK; k++) {
        const sz_node *n = sz_graph_node(g, (sz_node_id)k);
        active[k] = is_active(t, n);
        if (active[k]) check_node(t, n);
    }
    for (size_t k = 0; k < n_net && t->status == SZ_OK; k++)
        if (active[k]) train_form(t, (sz_node_id)k);
    sz_train_losses(t, step);
    step->n_forward = g->nodes.n;
    if (t->status == SZ_OK) t->status = extend_order(t, n_net);
    sz_train_start(t, step);
    go_back(t, active, n_net);
    step->n_backward = g->nodes.n - step->n_forward;
    sz_train_update(t, o, step);
    return t->status == SZ_OK ? extend_order(t, n_net) : t->status;
}

sz_status sz_train_graph(sz_ctx *ctx, sz_graph *g, const sz_train_options *options,
                         sz_train_step *step) {
    static const sz_train_options usual = {NULL, 0};
    const size_t n = g->values.n + 1;
    sz_tape t = {.ctx = ctx, .g = g, .n_values = g->values.n};
    t.depends = sz_arena_array(g->arena, n, sizeof *t.depends);
    t.reaches = sz_arena_array(g->arena, n, sizeof *t.reaches);
    t.trained = sz_arena_array(g->arena, n, sizeof *t.trained);
    t.shares = sz_arena_array(g->arena, n, sizeof *t.shares);
    if (!t.depends || !t.reaches || !t.trained || !t.shares) return sz_no_memory(ctx);
    *step = (sz_train_step){.loss = SZ_NONE};
    g->plan = NULL; // groups of an optimized graph are not those of the step
    return differentiate(&t, options ? options : &usual, step);
}
