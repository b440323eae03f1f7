// SPDX-License-Identifier: Apache-2.0
#include "model/train/ends.h"

#include <stdio.h>

#include "model/ops/numbers.h"
#include "model/ops/rule.h"

// ---- losses ------------------------------------------------------------------------------------

// An output that a linear layer made, through views, casts and the addition of a bias, holds
// scores of classes; others are compared with a target, element by element.
static bool is_linear(const sz_graph *g, sz_value_id v) {
    static const char *const through[] = {"Add", "BiasAdd", "Identity", "Cast"};
    for (int steps = 0; steps < 8; steps++) {
        const sz_value *x = sz_graph_value(g, v);
        if (x->kind != SZ_VALUE_NODE || x->producer == SZ_NONE) return false;
        const sz_node *n = sz_graph_node(g, x->producer);
        if (sz_str_is(n->op, "MatMul") || sz_str_is(n->op, "Gemm") || sz_str_is(n->op, "Conv") ||
            sz_str_is(n->op, "ConvTranspose"))
            return true;
        bool pass = false;
        for (size_t i = 0; i < sizeof through / sizeof *through; i++)
            pass |= sz_str_is(n->op, through[i]);
        if (!pass) return false;
        v = n->inputs[0];
        // a residual branch is no bias: it is added to data
        if (n->n_inputs > 1 && n->inputs[1] != SZ_NONE) {
            const bool first = sz_graph_value(g, n->inputs[0])->constant != NULL;
            if (!first && !sz_graph_value(g, n->inputs[1])->constant) return false;
            if (first) v = n->inputs[1];
        }
    }
    return false;
}

static bool is_image(const sz_graph *g, sz_value_id v) {
    const sz_value *x = sz_graph_value(g, v);
    const sz_node *n = x->producer == SZ_NONE ? NULL : sz_graph_node(g, x->producer);
    return n && (sz_str_is(n->op, "Conv") || sz_str_is(n->op, "ConvTranspose"));
}

static sz_value_id cross_entropy(sz_tape *t, sz_loss *l) {
    const sz_type *y = sz_tape_type(t, l->output);
    const int32_t rank = y->rank;
    int64_t dims[SZ_MAX_RANK];
    l->scores = l->output;
    if (!is_image(t->g, l->output) && rank > 2) { // rows of scores
        const int64_t flat[] = {sz_tape_span(t, l->output, 0, rank - 1), y->dims[rank - 1]};
        l->scores = sz_tape_reshape(t, l->output, 2, flat);
    }
    if (t->status != SZ_OK) return SZ_NONE;
    y = sz_tape_type(t, l->scores);
    for (int32_t d = 0; d + 1 < y->rank; d++) dims[d] = y->dims[d ? d + 1 : 0];
    l->target = sz_tape_input(t, "labels", sz_dtype_by_name("i64"), y->rank - 1, dims);
    sz_value_id out[2] = {SZ_NONE, SZ_NONE};
    sz_tape_node(t, "SoftmaxCrossEntropyLoss", 2, (sz_value_id[]){l->scores, l->target}, 0, NULL, 2,
                 NULL, out);
    l->kept = out[1];
    return out[0];
}

// The mean of (y - target)^2.
static sz_value_id mean_square(sz_tape *t, sz_loss *l) {
    const sz_type *y = sz_tape_type(t, l->output);
    int64_t axes[SZ_MAX_RANK];
    const int32_t rank = y->rank;
    for (int32_t d = 0; d < rank; d++) axes[d] = d;
    l->scores = SZ_NONE;
    l->target = sz_tape_input(t, "target", y->dtype, rank, y->dims);
    l->kept = sz_tape_binary(t, "Sub", l->output, l->target);
    const sz_value_id square = sz_tape_binary(t, "Mul", l->kept, l->kept);
    if (rank == 0) return square;
    const sz_value_id which = sz_tape_ints(t, rank, axes);
    const sz_attr attr = sz_tape_i("keepdims", 0);
    return sz_tape_op(t, "ReduceMean", square, which, SZ_NONE, 1, &attr);
}

static bool has_scores(const sz_tape *t, sz_value_id v) {
    const sz_type *y = sz_tape_type(t, v);
    if (y->rank < 2 || !is_linear(t->g, v)) return false;
    return y->dims[is_image(t->g, v) ? 1 : y->rank - 1] > 1;
}

static void set_outputs(sz_tape *t, sz_value_id loss) {
    sz_graph *g = t->g;
    for (size_t o = 0; o < g->outputs.n; o++)
        sz_graph_value(g, g->outputs.items[o])->is_output = false;
    g->outputs.n = 0;
    sz_tape_output(t, loss);
}

void sz_train_losses(sz_tape *t, sz_train_step *step) {
    sz_graph *g = t->g;
    sz_value_id *each = sz_arena_array(g->arena, g->outputs.n + 1, sizeof *each);
    t->losses = sz_arena_array(g->arena, g->outputs.n + 1, sizeof *t->losses);
    if (!each || !t->losses) t->status = sz_no_memory(t->ctx);
    for (size_t o = 0; o < g->outputs.n && t->status == SZ_OK; o++) {
        const sz_value_id v = g->outputs.items[o];
        if (!t->depends[v] || !t->reaches[v]) continue;
        if (!sz_type_is_static(sz_tape_type(t, v))) {
            t->status = sz_fail(t->ctx, SZ_ERR_INPUT, "the type of output '%s' depends on data",
                                sz_show(t->ctx, sz_graph_value(g, v)->name));
            return;
        }
        sz_loss *l = &t->losses[t->n_losses];
        l->output = v;
        t->at = sz_str_c("loss");
        each[t->n_losses++] = has_scores(t, v) ? cross_entropy(t, l) : mean_square(t, l);
    }
    if (t->status == SZ_OK && t->n_losses == 0)
        t->status = sz_fail(t->ctx, SZ_ERR_UNAVAILABLE,
                            "there is nothing to train: no output depends on a weight");
    if (t->status != SZ_OK) return;
    step->loss = each[0];
    if (t->n_losses > 1)
        sz_tape_node(t, "Sum", (int)t->n_losses, each, 0, NULL, 1, NULL, &step->loss);
    set_outputs(t, step->loss);
}

static sz_value_id score_gradient(sz_tape *t, const sz_loss *l) {
    const sz_value_id d = sz_tape_binary(t, "sizeup.train.SoftmaxCrossEntropyLossGrad", l->kept,
                                         l->target);
    return sz_tape_reshape_like(t, d, l->output);
}

static sz_value_id square_gradient(sz_tape *t, const sz_loss *l) {
    const int64_t n = sz_tape_elements(t, l->output);
    const sz_value_id factor = sz_tape_number(t, l->output, 2.0 / (double)(n > 0 ? n : 1));
    return sz_tape_binary(t, "Mul", l->kept, factor);
}

void sz_train_start(sz_tape *t, sz_train_step *step) {
    (void)step;
    t->at = sz_str_c("loss");
    for (size_t k = 0; k < t->n_losses && t->status == SZ_OK; k++) {
        const sz_loss *l = &t->losses[k];
        const sz_value_id g = l->scores == SZ_NONE ? square_gradient(t, l) : score_gradient(t, l);
        sz_tape_add_share(t, l->output, g);
    }
}

// ---- optimizers --------------------------------------------------------------------------------

typedef struct optimizer {
    const char *name, *op;
    int states;
    double alpha, beta; // of Momentum: decay, weight of the gradient; of Adam: two decays
} optimizer;

// sgd is Momentum without any: its gradient stands where a state would, which alpha 0 leaves out.
static const optimizer optimizers[] = {
    {"momentum", "Momentum", 1, 0.9, 1},
    {"sgd", "Momentum", 0, 0, 1},
    {"adam", "Adam", 2, 0.9, 0.999},
};

static const optimizer *find_optimizer(const char *name) {
    for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++)
        if (!name || strcmp(name, optimizers[i].name) == 0) return &optimizers[i];
    return NULL;
}

static int optimizer_attrs(const optimizer *o, sz_attr *attrs) {
    int n = 0;
    attrs[n++] = sz_tape_f("alpha", o->alpha);
    attrs[n++] = sz_tape_f("beta", o->beta);
    attrs[n++] = sz_tape_f("norm_coefficient", 0);
    if (strcmp(o->op, "Adam") == 0)
        attrs[n++] = sz_tape_f("epsilon", 1e-8);
    else
        attrs[n++] = (sz_attr){.name = sz_str_c("mode"),
                               .kind = SZ_ATTR_STRING,
                               .n = 1,
                               .s = sz_str_c("standard"),
                               .tensor = SZ_NONE};
    return n;
}

typedef struct update {
    const optimizer *o;
    sz_value_id rate, count; // the number of this update
    sz_train_pair *pairs;
    size_t n;
} update;

static void pair(sz_tape *t, update *u, sz_value_id updated, sz_value_id constant,
                 sz_train_what what) {
    if (t->status != SZ_OK) return;
    u->pairs[u->n++] = (sz_train_pair){updated, constant, what};
    sz_tape_output(t, updated);
}

static void update_weight(sz_tape *t, update *u, sz_value_id w) {
    sz_value_id in[6] = {u->rate, u->count, w, sz_tape_sum_shares(t, w)}, out[3];
    sz_attr attrs[5];
    char op[64];
    const int n_attrs = optimizer_attrs(u->o, attrs), states = u->o->states;
    t->at = sz_graph_value(t->g, w)->name;
    if (states == 0) in[4] = in[3];
    for (int s = 0; s < states; s++) in[4 + s] = sz_tape_zeros(t, s ? "square" : "velocity", w);
    if (t->status != SZ_OK) return;
    snprintf(op, sizeof op, "ai.onnx.preview.training.%s", u->o->op);
    const char *kept = sz_arena_strdup(t->g->arena, op, strlen(op)); // the node points into it
    if (!kept) t->status = sz_no_memory(t->ctx);
    if (t->status != SZ_OK) return;
    sz_tape_node(t, kept, states ? 4 + states : 5, in, n_attrs, attrs, 1 + states, NULL, out);
    pair(t, u, out[0], w, SZ_TRAIN_WEIGHT);
    for (int s = 0; s < states; s++) pair(t, u, out[1 + s], in[4 + s], SZ_TRAIN_STATE);
}

void sz_train_update(sz_tape *t, const sz_train_options *o, sz_train_step *step) {
    update u = {.o = find_optimizer(o->optimizer)};
    size_t n = 0;
    if (t->status != SZ_OK) return;
    if (!u.o) {
        t->status = sz_fail(t->ctx, SZ_ERR_USAGE,
                            "unknown optimizer '%s': a step has momentum, sgd or adam",
                            sz_show(t->ctx, sz_str_c(o->optimizer)));
        return;
    }
    for (size_t v = 0; v < t->n_values; v++) n += t->trained[v] && t->shares[v];
    u.pairs = sz_arena_array(t->g->arena, 3 * n + 1, sizeof *u.pairs);
    if (!u.pairs) t->status = sz_no_memory(t->ctx);
    step->optimizer = u.o->name;
    step->rate = o->rate > 0 ? o->rate : 0.001;
    t->at = sz_str_c("optimizer");
    u.rate = sz_tape_scalar(t, "rate", sz_dtype_by_name("f32"), step->rate);
    const sz_value_id before = sz_tape_scalar(t, "updates", sz_dtype_by_name("i64"), 0);
    const sz_value_id one = sz_tape_scalar(t, "one", sz_dtype_by_name("i64"), 1);
    u.count = sz_tape_binary(t, "Add", before, one);
    pair(t, &u, u.count, before, SZ_TRAIN_COUNT);
    for (size_t v = 0; v < t->n_values && t->status == SZ_OK; v++)
        if (t->trained[v] && t->shares[v]) update_weight(t, &u, (sz_value_id)v);
    step->pairs = u.pairs, step->n_pairs = u.n, step->n_weights = n;
}
