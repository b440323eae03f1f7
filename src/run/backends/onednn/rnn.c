// SPDX-License-Identifier: Apache-2.0
// Recurrent layers and their gradients. The library has its gates in another order than ONNX, one
// bias where ONNX has two, and both directions side by side where ONNX has them one after the
// other.
#include "run/backends/onednn/onednn.h"

// Gates of the library, each by its number in ONNX.
static const struct kind {
    const char *op, *gradient;
    int algorithm, gates;
    int8_t order[4];
    int states;
} kinds[] = {{"LSTM", "LSTMGrad", SZ_DNNL_LSTM, 4, {0, 2, 3, 1}, 2}, // i f c o of i o f c
             {"GRU", "GRUGrad", SZ_DNNL_GRU, 3, {0, 1, 2}, 1},       // u r o of z r h
             {"RNN", "RNNGrad", SZ_DNNL_RNN_VANILLA, 1, {0}, 1}};

static const struct kind *kind_of(const sz_node *n) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (sz_str_is(n->op, kinds[i].op) || sz_str_is(n->op, kinds[i].gradient)) return &kinds[i];
    return &kinds[0];
}

enum { X, W, R, B, LENGTHS, H0, C0, PEEPHOLES }; // inputs; a gradient has its states from 4 on
enum { Y, YH, YC };                              // outputs

static int way_of(const sz_node *n) {
    const sz_str direction = sz_attr_s(n, "direction", "forward");
    return sz_str_is(direction, "reverse")         ? SZ_DNNL_REVERSED
           : sz_str_is(direction, "bidirectional") ? SZ_DNNL_BOTH_WAYS
                                                   : SZ_DNNL_FORWARDS;
}

// Activations other than the usual ones have no primitive; RNN may have a few.
static const char *no_activations(const sz_node *n) {
    const sz_attr *a = sz_attr_find(n, "activations");
    static const char *const usual[] = {"Sigmoid", "Tanh", "Tanh"};
    const struct kind *k = kind_of(n);
    const int each = k->gates == 4 ? 3 : k->gates == 3 ? 2 : 1;
    if (!a || a->kind != SZ_ATTR_STRINGS) return NULL;
    for (int64_t i = 0; i < a->n; i++) {
        const bool rnn = k->gates == 1;
        if (rnn && sz_str_eq(a->strings[i], a->strings[0]) &&
            (sz_str_is(a->strings[0], "Relu") || sz_str_is(a->strings[0], "Sigmoid") ||
             sz_str_is(a->strings[0], "Tanh")))
            continue;
        if (rnn || !sz_str_is(a->strings[i], usual[i % each])) return "other activations";
    }
    return NULL;
}

SZ_DNNL_REFUSES(recurrent) {
    if (sz_node_type(g, n, LENGTHS)) return "lengths of sequences";
    if (sz_node_type(g, n, PEEPHOLES)) return "peepholes";
    if (sz_attr_find(n, "clip")) return "clipping";
    if (sz_attr_i(n, "layout", 0)) return "the batch first";
    if (sz_attr_i(n, "input_forget", 0)) return "coupled gates";
    const char *why = no_activations(n);
    return why ? why : sz_dnnl_only_f32(g, n);
}

// ---- sizes -------------------------------------------------------------------------------------

typedef struct layer {
    const struct kind *kind;
    bool linear; // before reset
    int64_t steps, batch, inputs, units, ways;
} layer;

static layer read_layer(const sz_dnnl_plan *p) {
    const sz_type *x = sz_dnnl_in_type(p, X), *r = sz_dnnl_in_type(p, R);
    const sz_node *n = p->call->node;
    layer l = {.kind = kind_of(n),
               .steps = x->dims[0],
               .batch = x->dims[1],
               .inputs = x->dims[2],
               .units = r->dims[2],
               .ways = r->dims[0]};
    l.linear = l.kind->gates == 3 && sz_attr_i(n, "linear_before_reset", 0) != 0;
    return l;
}

// [ways, gates, units, width] of ONNX as the library's [1, ways, width, gates, units].
static sz_dnnl_view gates_view(const layer *l, int64_t width) {
    const int64_t dims[] = {1, l->ways, l->kind->gates, l->units, width};
    sz_dnnl_view v = sz_dnnl_dense(5, dims);
    sz_dnnl_exchange(&v, 3, 4);
    sz_dnnl_exchange(&v, 2, 3);
    return v;
}

// ---- weights -----------------------------------------------------------------------------------

static bool in_order(const struct kind *k) {
    for (int i = 0; i < k->gates; i++)
        if (k->order[i] != i) return false;
    return true;
}

// Input `which` with its gates in the library's order, in a new buffer.
static int reorder_gates(sz_dnnl_plan *p, const layer *l, int which, const sz_dnnl_view *view) {
    const int made = sz_dnnl_new_temp(p);
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_BLOCKS, SZ_DNNL_INFERENCE, 0);
    s->blocks = (sz_dnnl_blocks){.groups = (int)l->ways,
                                 .n_from = l->kind->gates,
                                 .n_to = l->kind->gates,
                                 .length = sz_dnnl_product(view->dims, 0, 5) /
                                           (l->ways * l->kind->gates)};
    for (int k = 0; k < l->kind->gates; k++)
        s->blocks.first[k] = l->kind->order[k], s->blocks.second[k] = -1;
    sz_dnnl_in(p, SZ_DNNL_SRC, which, NULL);
    sz_dnnl_temp(p, SZ_DNNL_DST, made, true, SZ_DNNL_F32, view);
    return made;
}

// The two biases of a gate are added up, but for the last one of a GRU that is linear before reset,
// which keeps both: a gate more.
static int join_biases(sz_dnnl_plan *p, const layer *l, const sz_dnnl_view *view) {
    const int made = sz_dnnl_new_temp(p), gates = l->kind->gates;
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_BLOCKS, SZ_DNNL_INFERENCE, 0);
    s->blocks = (sz_dnnl_blocks){
        .groups = (int)l->ways, .n_from = 2 * gates, .n_to = gates + l->linear, .length = l->units};
    for (int k = 0; k < gates; k++) {
        s->blocks.first[k] = l->kind->order[k];
        s->blocks.second[k] = (int8_t)(gates + l->kind->order[k]);
    }
    if (l->linear) {
        s->blocks.second[2] = -1;
        s->blocks.first[3] = 5, s->blocks.second[3] = -1;
    }
    sz_dnnl_in(p, SZ_DNNL_SRC, B, NULL);
    sz_dnnl_temp(p, SZ_DNNL_DST, made, true, SZ_DNNL_F32, view);
    return made;
}

static void add_weights(sz_dnnl_plan *p, int role, int which, int temp, const sz_dnnl_view *view) {
    if (temp >= 0)
        sz_dnnl_temp(p, role, temp, false, SZ_DNNL_F32, view)->any = true;
    else
        sz_dnnl_in(p, role, which, view)->any = true;
}

// ---- results -----------------------------------------------------------------------------------

// Both directions of a step lie side by side in the library.
static void ways_views(const layer *l, sz_dnnl_view *ret_theirs, sz_dnnl_view *ret_onnx) {
    const int64_t theirs[] = {l->steps, l->batch, l->ways, l->units};
    const int64_t onnx[] = {l->steps, l->ways, l->batch, l->units};
    *ret_theirs = sz_dnnl_dense(4, theirs);
    *ret_onnx = sz_dnnl_dense(4, onnx);
    sz_dnnl_exchange(ret_onnx, 1, 2);
}

static void part_ways(sz_dnnl_plan *p, const layer *l, int made) {
    sz_dnnl_view from, to;
    ways_views(l, &from, &to);
    sz_dnnl_stage_add(p, SZ_DNNL_REORDER, SZ_DNNL_INFERENCE, 0);
    sz_dnnl_temp(p, SZ_DNNL_SRC, made, false, SZ_DNNL_F32, &from);
    sz_dnnl_out(p, SZ_DNNL_DST, Y, &to);
}

// Input `which`, all states of ONNX, as the library has them; -1: as it lies.
static int join_ways(sz_dnnl_plan *p, const layer *l, int which) {
    sz_dnnl_view from, to;
    if (l->ways == 1 || !sz_dnnl_in_type(p, which)) return -1;
    const int made = sz_dnnl_new_temp(p);
    ways_views(l, &to, &from);
    sz_dnnl_stage_add(p, SZ_DNNL_REORDER, SZ_DNNL_INFERENCE, 0);
    sz_dnnl_in(p, SZ_DNNL_SRC, which, &from);
    sz_dnnl_temp(p, SZ_DNNL_DST, made, true, SZ_DNNL_F32, &to);
    return made;
}

static void set_algorithm(sz_dnnl_stage *s, const sz_node *n, const layer *l) {
    const sz_attr *a = sz_attr_find(n, "activations");
    s->algorithm = l->linear ? SZ_DNNL_GRU_LINEAR : l->kind->algorithm;
    s->way = way_of(n);
    s->activation = SZ_DNNL_TANH;
    if (!a || a->kind != SZ_ATTR_STRINGS || a->n < 1) return;
    if (sz_str_is(a->strings[0], "Relu")) s->activation = SZ_DNNL_RELU;
    if (sz_str_is(a->strings[0], "Sigmoid")) s->activation = SZ_DNNL_LOGISTIC;
}

// ---- what a layer and its gradient have in common ----------------------------------------------

typedef struct parts {
    layer l;
    sz_dnnl_view w, r, bias, steps, state;
    int new_w, new_r, new_b; // buffers in between; -1 = as they lie, or none
} parts;

static parts prepare(sz_dnnl_plan *p) {
    parts t = {.l = read_layer(p)};
    const layer *l = &t.l;
    const int64_t bias[] = {1, l->ways, l->kind->gates + l->linear, l->units};
    const int64_t steps[] = {l->steps, l->batch, l->ways * l->units};
    const int64_t state[] = {1, l->ways, l->batch, l->units};
    t.w = gates_view(l, l->inputs), t.r = gates_view(l, l->units);
    t.bias = sz_dnnl_dense(4, bias);
    t.steps = sz_dnnl_dense(3, steps);
    t.state = sz_dnnl_dense(4, state);
    const bool ordered = in_order(l->kind);
    t.new_w = ordered ? -1 : reorder_gates(p, l, W, &t.w);
    t.new_r = ordered ? -1 : reorder_gates(p, l, R, &t.r);
    t.new_b = sz_dnnl_in_type(p, B) ? join_biases(p, l, &t.bias) : -1;
    return t;
}

static bool has_in(const sz_dnnl_plan *p, int first, int count) {
    for (int k = 0; k < count; k++)
        if (sz_dnnl_in_type(p, first + k)) return true;
    return false;
}

// One for the state, and one for the memory of an LSTM, whose role is the next number: input from
// `first` on, else zeros.
static void add_in_states(sz_dnnl_plan *p, const parts *t, int role, int first) {
    for (int k = 0; k < t->l.kind->states; k++)
        if (sz_dnnl_in_type(p, first + k))
            sz_dnnl_in(p, role + k, first + k, &t->state);
        else
            sz_dnnl_zeros(p, role + k, &t->state);
}

// Stage with data, weights, biases and initial states, which are inputs from `first` on. In
// training there are always some: without, versions 2.6 and 3.2 add up a wrong gradient of R.
static sz_dnnl_stage *add_layer(sz_dnnl_plan *p, const parts *t, sz_dnnl_direction direction,
                                int first) {
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_RNN, direction, 0);
    set_algorithm(s, p->call->node, &t->l);
    sz_dnnl_in(p, SZ_DNNL_SRC, X, NULL);
    add_weights(p, SZ_DNNL_WEIGHTS, W, t->new_w, &t->w);
    add_weights(p, SZ_DNNL_WEIGHTS_ITER, R, t->new_r, &t->r);
    if (t->new_b >= 0)
        sz_dnnl_temp(p, SZ_DNNL_BIAS, t->new_b, false, SZ_DNNL_F32, &t->bias);
    else
        sz_dnnl_zeros(p, SZ_DNNL_BIAS, &t->bias);
    if (direction != SZ_DNNL_INFERENCE || has_in(p, first, t->l.kind->states))
        add_in_states(p, t, SZ_DNNL_SRC_ITER, first);
    return s;
}

// ---- forward -----------------------------------------------------------------------------------

static void add_last_states(sz_dnnl_plan *p, const layer *l, const sz_dnnl_view *state,
                            bool is_kept) {
    const sz_node *n = p->call->node;
    bool any = is_kept;
    for (int k = 0; k < l->kind->states; k++) any |= sz_dnnl_has_out(n, YH + k);
    for (int k = 0; any && k < l->kind->states; k++) {
        const int to = SZ_DNNL_DST_ITER + k;
        if (sz_dnnl_has_out(n, YH + k))
            sz_dnnl_out(p, to, YH + k, state);
        else
            sz_dnnl_temp(p, to, sz_dnnl_new_temp(p), true, SZ_DNNL_F32, state);
    }
}

// Does a node of the graph go back through this layer?
static bool is_trained(const sz_dnnl_plan *p, const layer *l) {
    const sz_graph *g = p->call->graph;
    const sz_node *n = p->call->node;
    const int result = 4 + l->kind->states;
    for (size_t k = 0; sz_dnnl_has_out(n, Y) && k < g->nodes.n; k++) {
        const sz_node *b = &g->nodes.items[k];
        if (sz_str_is(b->op, l->kind->gradient) && sz_str_is(b->domain, "sizeup.train") &&
            b->n_inputs > result && b->inputs[result] == n->outputs[Y])
            return true;
    }
    return false;
}

SZ_DNNL_PLANS(recurrent) {
    const sz_node *n = p->call->node;
    const parts t = prepare(p);
    const layer *l = &t.l;
    const int made = l->ways > 1 || !sz_dnnl_has_out(n, Y) ? sz_dnnl_new_temp(p) : -1;
    const bool kept = is_trained(p, l);
    add_layer(p, &t, kept ? SZ_DNNL_TRAINING : SZ_DNNL_INFERENCE, H0);
    add_last_states(p, l, &t.state, kept);
    if (made >= 0)
        sz_dnnl_temp(p, SZ_DNNL_DST, made, true, SZ_DNNL_F32, &t.steps);
    else
        sz_dnnl_out(p, SZ_DNNL_DST, Y, &t.steps);
    if (kept) {
        p->kept_temp = sz_dnnl_new_temp(p);
        p->kept = (sz_dnnl_left){.graph = p->call->graph, .value = n->outputs[Y]};
        sz_dnnl_hidden(p, SZ_DNNL_WORKSPACE, p->kept_temp, true);
    }
    if (made >= 0 && sz_dnnl_has_out(n, Y)) part_ways(p, l, made);
}

// ---- backward ----------------------------------------------------------------------------------

SZ_DNNL_REFUSES(recurrent_grad) {
    const char *why = no_activations(n);
    return why ? why : sz_dnnl_only_f32(g, n);
}

// What the forward step kept, if the library ran it.
static const sz_dnnl_left *find_kept(const sz_dnnl_plan *p, sz_value_id result) {
    const sz_dnnl_left *k = p->lib->kept;
    while (k && (k->graph != p->call->graph || k->value != result)) k = k->next;
    return k;
}

// Else the forward primitive runs once more, for what it keeps: all results stand in buffers in
// between, states first.
static int run_again(sz_dnnl_plan *p, const parts *t, int workspace) {
    add_layer(p, t, SZ_DNNL_TRAINING, 4);
    const int first = p->temps;
    sz_dnnl_temp(p, SZ_DNNL_DST, sz_dnnl_new_temp(p), true, SZ_DNNL_F32, &t->steps);
    for (int k = 0; k < t->l.kind->states; k++)
        sz_dnnl_temp(p, SZ_DNNL_DST_ITER + k, sz_dnnl_new_temp(p), true, SZ_DNNL_F32, &t->state);
    sz_dnnl_hidden(p, SZ_DNNL_WORKSPACE, workspace, true);
    return first;
}

// Output o in a buffer in between where it is not wanted.
static void add_result(sz_dnnl_plan *p, int role, int o, const sz_dnnl_view *view) {
    if (sz_dnnl_has_out(p->call->node, o))
        sz_dnnl_out(p, SZ_DNNL_DIFF + role, o, view);
    else
        sz_dnnl_temp(p, SZ_DNNL_DIFF + role, sz_dnnl_new_temp(p), true, SZ_DNNL_F32, view);
}

// Gradient of weights, which the library adds to what is there. -1: it goes where it belongs.
static int add_weight_result(sz_dnnl_plan *p, const parts *t, int role, int o,
                             const sz_dnnl_view *view) {
    const bool direct = in_order(t->l.kind) && sz_dnnl_has_out(p->call->node, o);
    const int made = direct ? -1 : sz_dnnl_new_temp(p);
    sz_dnnl_operand *to = direct
                              ? sz_dnnl_out(p, SZ_DNNL_DIFF + role, o, view)
                              : sz_dnnl_temp(p, SZ_DNNL_DIFF + role, made, true, SZ_DNNL_F32, view);
    to->any = to->adds_up = true;
    return made;
}

// Back into the order of ONNX.
static void order_weights(sz_dnnl_plan *p, const layer *l, int made, int o,
                          const sz_dnnl_view *view) {
    if (made < 0 || !sz_dnnl_has_out(p->call->node, o)) return;
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_BLOCKS, SZ_DNNL_INFERENCE, 0);
    const int gates = l->kind->gates;
    s->blocks = (sz_dnnl_blocks){.groups = (int)l->ways,
                                 .n_from = gates,
                                 .n_to = gates,
                                 .length = sz_dnnl_product(view->dims, 0, 5) / (l->ways * gates)};
    for (int k = 0; k < gates; k++)
        s->blocks.first[l->kind->order[k]] = (int8_t)k, s->blocks.second[k] = -1;
    sz_dnnl_temp(p, SZ_DNNL_SRC, made, false, SZ_DNNL_F32, view);
    sz_dnnl_out(p, SZ_DNNL_DST, o, NULL);
}

// Both biases of a gate have the same gradient, but for those that join_biases keeps apart.
static void part_biases(sz_dnnl_plan *p, const parts *t, int made) {
    const int gates = t->l.kind->gates;
    if (!sz_dnnl_has_out(p->call->node, B)) return;
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_BLOCKS, SZ_DNNL_INFERENCE, 0);
    s->blocks = (sz_dnnl_blocks){.groups = (int)t->l.ways,
                                 .n_from = gates + t->l.linear,
                                 .n_to = 2 * gates,
                                 .length = t->l.units};
    for (int k = 0; k < gates; k++) {
        const int at = t->l.kind->order[k];
        s->blocks.first[at] = s->blocks.first[gates + at] = (int8_t)k;
        s->blocks.second[at] = s->blocks.second[gates + at] = -1;
    }
    if (t->l.linear) s->blocks.first[5] = 3;
    sz_dnnl_temp(p, SZ_DNNL_SRC, made, false, SZ_DNNL_F32, &t->bias);
    sz_dnnl_out(p, SZ_DNNL_DST, B, NULL);
}

static void add_steps(sz_dnnl_plan *p, const parts *t, int role, int which, int joined) {
    if (joined >= 0)
        sz_dnnl_temp(p, role, joined, false, SZ_DNNL_F32, &t->steps);
    else if (sz_dnnl_in_type(p, which))
        sz_dnnl_in(p, role, which, &t->steps);
    else
        sz_dnnl_zeros(p, role, &t->steps);
}

// What the forward pass gave: inputs from `result` on, or buffers in between from `again` on.
static void add_results(sz_dnnl_plan *p, const parts *t, int result, int joined, int again) {
    add_steps(p, t, SZ_DNNL_DST, result, again >= 0 ? again : joined);
    for (int k = 0; again >= 0 && k < t->l.kind->states; k++)
        sz_dnnl_temp(p, SZ_DNNL_DST_ITER + k, again + 1 + k, false, SZ_DNNL_F32, &t->state);
    if (again < 0) add_in_states(p, t, SZ_DNNL_DST_ITER, result + 1);
}

// Outputs, and buffers in between for gradients of weights (W, R, B).
static void add_gradients(sz_dnnl_plan *p, const parts *t, int made[3]) {
    const sz_dnnl_view x = sz_dnnl_view_of(sz_dnnl_in_type(p, X));
    add_result(p, SZ_DNNL_SRC, X, &x);
    made[0] = add_weight_result(p, t, SZ_DNNL_WEIGHTS, W, &t->w);
    made[1] = add_weight_result(p, t, SZ_DNNL_WEIGHTS_ITER, R, &t->r);
    made[2] = sz_dnnl_new_temp(p);
    sz_dnnl_temp(p, SZ_DNNL_DIFF + SZ_DNNL_BIAS, made[2], true, SZ_DNNL_F32, &t->bias)->adds_up =
        true;
    for (int k = 0; k < t->l.kind->states; k++)
        add_result(p, SZ_DNNL_SRC_ITER + k, 4 + k, &t->state);
}

SZ_DNNL_PLANS(recurrent_grad) {
    const parts t = prepare(p);
    const int states = t.l.kind->states, result = 4 + states, gradient = result + 1 + states;
    const int workspace = sz_dnnl_new_temp(p);
    int made[3], again = -1;
    const sz_dnnl_left *kept = find_kept(p, p->call->node->inputs[result]);
    for (int k = 0; kept && k < states; k++) // the library reads them, too
        if (!sz_dnnl_in_type(p, result + 1 + k)) kept = NULL;
    const int y = kept ? join_ways(p, &t.l, result) : -1, dy = join_ways(p, &t.l, gradient);
    if (kept)
        p->kept_temp = workspace, p->kept = *kept;
    else
        again = run_again(p, &t, workspace);
    add_layer(p, &t, SZ_DNNL_BACKWARD, 4);
    add_results(p, &t, result, y, again);
    add_steps(p, &t, SZ_DNNL_DIFF + SZ_DNNL_DST, gradient, dy);
    add_in_states(p, &t, SZ_DNNL_DIFF + SZ_DNNL_DST_ITER, gradient + 1);
    sz_dnnl_hidden(p, SZ_DNNL_WORKSPACE, workspace, false);
    add_gradients(p, &t, made);
    order_weights(p, &t.l, made[0], W, &t.w);
    order_weights(p, &t.l, made[1], R, &t.r);
    part_biases(p, &t, made[2]);
}
