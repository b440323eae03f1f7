// SPDX-License-Identifier: Apache-2.0
// ai.onnx.preview.training: optimizers, and the gradient of a graph.
#include "model/ops/rules.h"

// Inputs of an optimizer: learning rate, update count, then groups of equal length: tensors,
// gradients, state. Outputs: new tensors, new state.
enum { FIRST = 2 };

static sz_status tensors_of(const sz_infer *n, int groups, int *ret_count) {
    int rest = n->node->n_inputs - FIRST;
    if (rest < groups || rest % groups != 0)
        return sz_op_fail(n, "%d inputs behind the update count are no %d lists", rest, groups);
    *ret_count = rest / groups;
    return SZ_OK;
}

static sz_status optimizer_shape(sz_infer *n, int groups) {
    int count = 0;
    SZ_TRY(tensors_of(n, groups, &count));
    for (int o = 0; o < n->node->n_outputs; o++) {
        int group = o / count;
        if (group > 0) group++; // gradients go in and do not come out
        if (group >= groups) return sz_op_fail(n, "more outputs than tensors and state");
        SZ_TRY(sz_out_like(n, o, FIRST + group * count + o % count));
    }
    return SZ_OK;
}

sz_status sz_shape_adagrad(sz_infer *n) { return optimizer_shape(n, 3); }
sz_status sz_shape_momentum(sz_infer *n) { return optimizer_shape(n, 3); }
sz_status sz_shape_adam(sz_infer *n) { return optimizer_shape(n, 4); }

// Elementary operations per element, each line of the operator's pseudo code in turn; what is done
// once per tensor (powers of the decay, the learning rate) is not counted.
static sz_status optimizer_cost(sz_costing *c, int groups, int64_t per_element) {
    int count = 0;
    SZ_TRY(tensors_of(&c->in, groups, &count));
    for (int i = 0; i < count; i++) {
        const int64_t factors[] = {per_element, sz_cost_in_elements(c, FIRST + i)};
        SZ_TRY(sz_cost_add_flops(c, 2, factors));
    }
    return SZ_OK;
}

// Regularized gradient 2, squares 2, root and epsilon 2, update 3.
sz_status sz_cost_adagrad(sz_costing *c) { return optimizer_cost(c, 3, (int64_t)c->in.op->work); }

// Regularized gradient 2, mean of gradients 3, mean of squares 4, root and epsilon 2, update 3,
// regularization after the update 1.
sz_status sz_cost_adam(sz_costing *c) { return optimizer_cost(c, 4, (int64_t)c->in.op->work); }

// Regularized gradient 2, momentum 3, update 2; Nesterov looks ahead with 2 more.
sz_status sz_cost_momentum(sz_costing *c) {
    const bool nesterov = sz_str_is(sz_attr_s(c->in.node, "mode", "standard"), "nesterov");
    return optimizer_cost(c, 3, (int64_t)c->in.op->work + (nesterov ? 2 : 0));
}

// ---- Gradient ----------------------------------------------------------------------------------

// The i-th output is the gradient by the i-th of `xs`, whose value is the i-th input.
sz_status sz_shape_gradient(sz_infer *n) {
    const sz_attr *xs = sz_attr_find(n->node, "xs");
    if (!xs || xs->kind != SZ_ATTR_STRINGS) return sz_op_missing_attr(n, "xs");
    if (n->node->n_outputs > xs->n || n->node->n_inputs < xs->n)
        return sz_op_fail(n, "'xs' names %d tensors: %d inputs, %d outputs", xs->n,
                          n->node->n_inputs, n->node->n_outputs);
    for (int o = 0; o < n->node->n_outputs; o++) SZ_TRY(sz_out_like(n, o, o));
    return SZ_OK;
}

sz_status sz_cost_gradient(sz_costing *c) {
    return sz_cost_unknown(c, "the cost of a gradient is that of the graph it differentiates");
}
