// SPDX-License-Identifier: Apache-2.0
// One training step from the forward graph.
//
// Backward: a contraction Y = X W has the gradients dX = dY W^T and dW = X^T dY, each with the MACs
// of the forward pass. The gradient of an operand that no parameter precedes (the model's input) is
// not computed. Any other operator costs as much again per gradient: one multiplication with the
// local derivative for each elementary operation.
// Stored: what those formulas need and that is not a parameter, each tensor once.
#include "model/cost/costs.h"

typedef struct optimizer {
    const char *name;
    int64_t flops;  // per parameter and update
    int64_t states; // f32 numbers kept per parameter
} optimizer;

// Adam (Kingma and Ba 2015, algorithm 1): m 3, v 4, two bias corrections 2, sqrt, + eps, /, x lr,
// -. SGD: x lr, -. Momentum: v = mu v + g, p -= lr v.
static const optimizer optimizers[] = {{"adam", 14, 2}, {"sgd", 2, 0}, {"momentum", 4, 1}};

static const optimizer *find_optimizer(const char *name) {
    for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++)
        if (!name || strcmp(optimizers[i].name, name) == 0) return &optimizers[i];
    return NULL;
}

typedef enum keep { KEEP_NOTHING, KEEP_INPUTS, KEEP_OUTPUTS } keep;

// What the derivative of an operator of this kind is computed from.
static const uint8_t keeps[SZ_KIND_COUNT] = {
    [SZ_KIND_CONTRACTION] = KEEP_INPUTS, [SZ_KIND_NORM] = KEEP_INPUTS,
    [SZ_KIND_ACTIVATION] = KEEP_INPUTS,  [SZ_KIND_SOFTMAX] = KEEP_OUTPUTS,
    [SZ_KIND_POOL] = KEEP_INPUTS,        [SZ_KIND_ELEMENTWISE] = KEEP_INPUTS,
    [SZ_KIND_LOSS] = KEEP_INPUTS,        [SZ_KIND_SEARCH] = KEEP_NOTHING,
};

// Linear operators need nothing: d(a + b) = da + db.
static bool is_linear(const sz_node *n) {
    static const char *const linear[] = {
        "Add", "Sub", "Sum", "Neg", "Mean", "AveragePool", "GlobalAveragePool", "Relu"};
    for (size_t i = 0; i < sizeof linear / sizeof *linear; i++)
        if (sz_str_is(n->op, linear[i])) return true;
    return false;
}

static keep keep_of(const sz_node *n) {
    if (n->row == SZ_NONE) return KEEP_NOTHING;
    if (sz_str_is(n->op, "Relu")) return KEEP_OUTPUTS; // its sign is the derivative
    return is_linear(n) ? KEEP_NOTHING : keeps[sz_op_get(n->row)->kind];
}

typedef struct step {
    sz_graph *g;
    uint8_t *grad, *stored; // per value
    sz_training t;
} step;

static bool is_trainable(const sz_value *v) {
    return v->constant && sz_dtype_get(v->type.dtype)->cls == SZ_CLASS_FLOAT && v->type.rank > 0;
}

static bool has_grad(const step *s, sz_value_id id) {
    return id != SZ_NONE && (s->grad[id] || is_trainable(sz_graph_value(s->g, id)));
}

static int64_t operands_with_grad(const step *s, const sz_node *n) {
    int64_t count = 0;
    for (int32_t i = 0; i < n->n_inputs; i++) count += has_grad(s, n->inputs[i]);
    return count;
}

static sz_status store(step *s, sz_value_id id) {
    int64_t bytes;
    if (id == SZ_NONE || s->stored[id] || sz_graph_value(s->g, id)->constant) return SZ_OK;
    s->stored[id] = 1;
    SZ_TRY(sz_type_bytes(s->g->ctx, &sz_graph_value(s->g, id)->type, &bytes));
    if (bytes > 0 && !sz_add(s->t.stored_activation_bytes, bytes, &s->t.stored_activation_bytes))
        return sz_fail(s->g->ctx, SZ_ERR_INPUT, "stored activations exceed 2^63 bytes");
    return SZ_OK;
}

static sz_status store_for(step *s, const sz_node *n) {
    const keep what = keep_of(n);
    for (int32_t i = 0; what == KEEP_INPUTS && i < n->n_inputs; i++) SZ_TRY(store(s, n->inputs[i]));
    for (int32_t o = 0; what == KEEP_OUTPUTS && o < n->n_outputs; o++)
        SZ_TRY(store(s, n->outputs[o]));
    return SZ_OK;
}

// dX and dW of a contraction: its first two operands (bias gradients are additions, not MACs).
static int64_t contraction_gradients(const step *s, const sz_node *n) {
    int64_t count = 0;
    for (int32_t i = 0; i < n->n_inputs && count < 2; i++) count += has_grad(s, n->inputs[i]);
    if (n->n_inputs > 0 && !has_grad(s, n->inputs[0]) && count == 2)
        count = 1; // weight and bias only
    return count;
}

static sz_status add_node(step *s, const sz_node *n, const sz_node_cost *cost) {
    if (operands_with_grad(s, n) == 0) return SZ_OK;
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE &&
            sz_dtype_get(sz_graph_value(s->g, n->outputs[o])->type.dtype)->cls == SZ_CLASS_FLOAT)
            s->grad[n->outputs[o]] = 1;
    int64_t other = cost->cost.flops - 2 * cost->cost.macs;
    if (other < 0) other = 0;
    if (!sz_madd(&s->t.backward_flops, 2 * cost->cost.macs, contraction_gradients(s, n)) ||
        !sz_add(s->t.backward_flops, other, &s->t.backward_flops))
        return sz_fail(s->g->ctx, SZ_ERR_INPUT, "backward flops exceed 2^63");
    return store_for(s, n);
}

static sz_status finish(sz_costs *c, step *s, const optimizer *opt) {
    sz_training *t = &s->t;
    t->forward_flops = c->total.flops;
    t->gradient_bytes = c->total.weight_bytes;
    bool fits = sz_mul(c->total.params, opt->flops, &t->optimizer_flops) &&
                sz_mul(c->total.params, opt->states * 4, &t->optimizer_state_bytes);
    fits = fits && sz_add(c->total.weight_bytes, t->gradient_bytes, &t->peak_bytes) &&
           sz_add(t->peak_bytes, t->optimizer_state_bytes, &t->peak_bytes) &&
           sz_add(t->peak_bytes, t->stored_activation_bytes, &t->peak_bytes);
    if (!fits) return sz_fail(c->ctx, SZ_ERR_INPUT, "training totals exceed 2^63");
    c->training = *t;
    return SZ_OK;
}

sz_status sz_costs_training_step(sz_costs *c) {
    const optimizer *opt = find_optimizer(c->optimizer);
    if (!opt)
        return sz_fail(c->ctx, SZ_ERR_USAGE, "optimizer '%s' is unknown: adam, sgd, momentum",
                       c->optimizer);
    step s = {.g = c->graph};
    s.grad = sz_arena_alloc(&c->arena, c->graph->values.n);
    s.stored = sz_arena_alloc(&c->arena, c->graph->values.n);
    if (!s.grad || !s.stored) return sz_no_memory(c->ctx);
    for (size_t k = 0; k < c->n_nodes; k++) {
        const sz_node_id i = sz_graph_nth(c->graph, k);
        SZ_TRY(add_node(&s, sz_graph_node(c->graph, i), &c->nodes[i]));
    }
    return finish(c, &s, opt);
}
