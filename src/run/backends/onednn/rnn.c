// SPDX-License-Identifier: Apache-2.0
// Recurrent layers. The library has its gates in another order than ONNX, one bias where ONNX has
// two, and both directions side by side where ONNX has them one after the other.
#include "run/backends/onednn/onednn.h"

// Gates of the library, each by its number in ONNX.
static const struct kind {
    const char *op;
    int algorithm, gates;
    int8_t order[4];
    int states;
} kinds[] = {{"LSTM", SZ_DNNL_LSTM, 4, {0, 2, 3, 1}, 2}, // i f c o of i o f c
             {"GRU", SZ_DNNL_GRU, 3, {0, 1, 2}, 1},      // u r o of z r h
             {"RNN", SZ_DNNL_RNN_VANILLA, 1, {0}, 1}};

static const struct kind *kind_of(const sz_node *n) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (sz_node_is(n, kinds[i].op)) return &kinds[i];
    return &kinds[0];
}

enum { X, W, R, B, LENGTHS, H0, C0, PEEPHOLES }; // inputs
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
static void part_ways(sz_dnnl_plan *p, const layer *l, int made) {
    const int64_t theirs[] = {l->steps, l->batch, l->ways, l->units};
    const int64_t onnx[] = {l->steps, l->ways, l->batch, l->units};
    const sz_dnnl_view from = sz_dnnl_dense(4, theirs);
    sz_dnnl_view to = sz_dnnl_dense(4, onnx);
    sz_dnnl_exchange(&to, 1, 2);
    sz_dnnl_stage_add(p, SZ_DNNL_REORDER, SZ_DNNL_INFERENCE, 0);
    sz_dnnl_temp(p, SZ_DNNL_SRC, made, false, SZ_DNNL_F32, &from);
    sz_dnnl_out(p, SZ_DNNL_DST, Y, &to);
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

static void add_states(sz_dnnl_plan *p, const layer *l) {
    const sz_node *n = p->call->node;
    const int64_t dims[] = {1, l->ways, l->batch, l->units};
    const sz_dnnl_view state = sz_dnnl_dense(4, dims);
    const bool given = sz_dnnl_in_type(p, H0) || sz_dnnl_in_type(p, C0);
    const bool kept = sz_dnnl_has_out(n, YH) || sz_dnnl_has_out(n, YC);
    for (int k = 0; k < l->kind->states; k++) {
        const int from = k ? SZ_DNNL_SRC_ITER_C : SZ_DNNL_SRC_ITER;
        const int to = k ? SZ_DNNL_DST_ITER_C : SZ_DNNL_DST_ITER;
        if (sz_dnnl_in_type(p, H0 + k))
            sz_dnnl_in(p, from, H0 + k, &state);
        else if (given)
            sz_dnnl_zeros(p, from, &state);
        if (sz_dnnl_has_out(n, YH + k))
            sz_dnnl_out(p, to, YH + k, &state);
        else if (kept)
            sz_dnnl_temp(p, to, sz_dnnl_new_temp(p), true, SZ_DNNL_F32, &state);
    }
}

SZ_DNNL_PLANS(recurrent) {
    const sz_node *n = p->call->node;
    const layer l = read_layer(p);
    const sz_dnnl_view w = gates_view(&l, l.inputs), r = gates_view(&l, l.units);
    const int64_t bias_dims[] = {1, l.ways, l.kind->gates + l.linear, l.units};
    const int64_t step_dims[] = {l.steps, l.batch, l.ways * l.units};
    const sz_dnnl_view bias = sz_dnnl_dense(4, bias_dims), steps = sz_dnnl_dense(3, step_dims);
    const bool ordered = in_order(l.kind);
    const int new_w = ordered ? -1 : reorder_gates(p, &l, W, &w);
    const int new_r = ordered ? -1 : reorder_gates(p, &l, R, &r);
    const int new_b = sz_dnnl_in_type(p, B) ? join_biases(p, &l, &bias) : -1;
    const int made = l.ways > 1 || !sz_dnnl_has_out(n, Y) ? sz_dnnl_new_temp(p) : -1;
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_RNN, SZ_DNNL_INFERENCE, 0);
    set_algorithm(s, n, &l);
    sz_dnnl_in(p, SZ_DNNL_SRC, X, NULL);
    add_weights(p, SZ_DNNL_WEIGHTS, W, new_w, &w);
    add_weights(p, SZ_DNNL_WEIGHTS_ITER, R, new_r, &r);
    if (new_b >= 0)
        sz_dnnl_temp(p, SZ_DNNL_BIAS, new_b, false, SZ_DNNL_F32, &bias);
    else
        sz_dnnl_zeros(p, SZ_DNNL_BIAS, &bias);
    add_states(p, &l);
    if (made >= 0)
        sz_dnnl_temp(p, SZ_DNNL_DST, made, true, SZ_DNNL_F32, &steps);
    else
        sz_dnnl_out(p, SZ_DNNL_DST, Y, &steps);
    if (made >= 0 && sz_dnnl_has_out(n, Y)) part_ways(p, &l, made);
}
