// SPDX-License-Identifier: Apache-2.0
// Arithmetic and activations, element by element. g is the incoming gradient, y the result.
#include "model/train/tape.h"

// ---- arithmetic --------------------------------------------------------------------------------

// Add and Sum: the same gradient for all.
void sz_back_add(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    for (int i = 0; i < n->n_inputs; i++)
        if (sz_tape_wants(t, n, i)) sz_tape_give(t, n, i, g);
}

void sz_back_average(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const sz_value_id count = sz_tape_number(t, g, n->n_inputs);
    const sz_value_id share = sz_tape_binary(t, "Div", g, count);
    for (int i = 0; i < n->n_inputs; i++)
        if (sz_tape_wants(t, n, i)) sz_tape_give(t, n, i, share);
}

// A broadcast operand is summed first: less is left to negate.
void sz_back_sub(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    if (sz_tape_wants(t, n, 0)) sz_tape_give(t, n, 0, g);
    if (!sz_tape_wants(t, n, 1)) return;
    const sz_value_id sum = sz_tape_sum_to(t, g, n->inputs[1]);
    sz_tape_give(t, n, 1, sz_tape_unary(t, "Neg", sum));
}

void sz_back_mul(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    for (int i = 0; i < 2; i++)
        if (sz_tape_wants(t, n, i))
            sz_tape_give(t, n, i, sz_tape_binary(t, "Mul", g, n->inputs[1 - i]));
}

// g / b and -g y / b
void sz_back_div(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const sz_value_id quotient = sz_tape_binary(t, "Div", g, n->inputs[1]);
    if (sz_tape_wants(t, n, 0)) sz_tape_give(t, n, 0, quotient);
    if (!sz_tape_wants(t, n, 1)) return;
    const sz_value_id part = sz_tape_binary(t, "Mul", quotient, n->outputs[0]);
    const sz_value_id sum = sz_tape_sum_to(t, part, n->inputs[1]);
    sz_tape_give(t, n, 1, sz_tape_unary(t, "Neg", sum));
}

// g p x^(p-1); a square: g 2 x.
void sz_back_pow(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), x = n->inputs[0];
    const sz_tensor *p = NULL;
    if (sz_tape_wants(t, n, 1)) {
        sz_tape_refuse(t, n, "the derivative by an exponent is not made");
        return;
    }
    if (t->status != SZ_OK) return;
    t->status = sz_graph_known(t->g, n->inputs[1], &p);
    if (!p || p->count != 1 || !(p->f || p->i)) {
        sz_tape_refuse(t, n, "its exponent is not one number that is known");
        return;
    }
    const double e = p->f ? p->f[0] : (double)p->i[0];
    const sz_value_id factor = sz_tape_number(t, x, e), less = sz_tape_number(t, x, e - 1);
    const sz_value_id power = e == 2 ? x : sz_tape_binary(t, "Pow", x, less);
    const sz_value_id slope = sz_tape_binary(t, "Mul", power, factor);
    sz_tape_give(t, n, 0, sz_tape_binary(t, "Mul", g, slope));
}

// g where `mask`, else 0; or the other way round.
static sz_value_id masked(sz_tape *t, sz_value_id mask, sz_value_id g, bool is_true) {
    const sz_value_id zero = sz_tape_number(t, g, 0);
    return sz_tape_op(t, "Where", mask, is_true ? g : zero, is_true ? zero : g, 0, NULL);
}

// To the operand that won; the first of equal ones.
void sz_back_largest(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const bool max = sz_str_is(n->op, "Max");
    if (n->n_inputs == 1 && sz_tape_wants(t, n, 0)) sz_tape_give(t, n, 0, g);
    if (n->n_inputs == 1) return;
    if (n->n_inputs != 2) {
        sz_tape_refuse(t, n, "it has more than two operands");
        return;
    }
    const sz_value_id mask = sz_tape_binary(t, max ? "GreaterOrEqual" : "LessOrEqual", n->inputs[0],
                                            n->inputs[1]);
    for (int i = 0; i < 2; i++)
        if (sz_tape_wants(t, n, i)) sz_tape_give(t, n, i, masked(t, mask, g, i == 0));
}

void sz_back_where(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    for (int i = 1; i < 3; i++)
        if (sz_tape_wants(t, n, i)) sz_tape_give(t, n, i, masked(t, n->inputs[0], g, i == 1));
}

// ---- functions of one number -------------------------------------------------------------------

static void give_times(sz_tape *t, const sz_node *n, const char *op, sz_value_id g, sz_value_id x) {
    sz_tape_give(t, n, 0, sz_tape_binary(t, op, g, x));
}

void sz_back_neg(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    sz_tape_give(t, n, 0, sz_tape_unary(t, "Neg", g));
}

void sz_back_abs(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), sign = sz_tape_unary(t, "Sign", n->inputs[0]);
    give_times(t, n, "Mul", g, sign);
}

void sz_back_exp(sz_tape *t, const sz_node *n) {
    give_times(t, n, "Mul", sz_tape_dy(t, n, 0), n->outputs[0]);
}

void sz_back_log(sz_tape *t, const sz_node *n) {
    give_times(t, n, "Div", sz_tape_dy(t, n, 0), n->inputs[0]);
}

void sz_back_sqrt(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), two = sz_tape_number(t, g, 2);
    const sz_value_id twice = sz_tape_binary(t, "Mul", n->outputs[0], two);
    give_times(t, n, "Div", g, twice);
}

// 2 / sqrt(pi) exp(-x x)
void sz_back_erf(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), x = n->inputs[0];
    const sz_value_id square = sz_tape_binary(t, "Mul", x, x);
    const sz_value_id less = sz_tape_unary(t, "Neg", square);
    const sz_value_id power = sz_tape_unary(t, "Exp", less);
    const sz_value_id factor = sz_tape_number(t, g, 1.1283791670955126);
    const sz_value_id slope = sz_tape_binary(t, "Mul", power, factor);
    give_times(t, n, "Mul", g, slope);
}

void sz_back_sin(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), cosine = sz_tape_unary(t, "Cos", n->inputs[0]);
    give_times(t, n, "Mul", g, cosine);
}

void sz_back_cos(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), sine = sz_tape_unary(t, "Sin", n->inputs[0]);
    const sz_value_id part = sz_tape_binary(t, "Mul", g, sine);
    sz_tape_give(t, n, 0, sz_tape_unary(t, "Neg", part));
}

// -g y y
void sz_back_reciprocal(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), y = n->outputs[0];
    const sz_value_id once = sz_tape_binary(t, "Mul", g, y);
    const sz_value_id twice = sz_tape_binary(t, "Mul", once, y);
    sz_tape_give(t, n, 0, sz_tape_unary(t, "Neg", twice));
}

// ---- activations -------------------------------------------------------------------------------

void sz_back_relu(sz_tape *t, const sz_node *n) {
    give_times(t, n, "sizeup.train.ReluGrad", n->outputs[0], sz_tape_dy(t, n, 0));
}

void sz_back_tanh(sz_tape *t, const sz_node *n) {
    give_times(t, n, "sizeup.train.TanhGrad", n->outputs[0], sz_tape_dy(t, n, 0));
}

void sz_back_sigmoid(sz_tape *t, const sz_node *n) {
    give_times(t, n, "sizeup.train.SigmoidGrad", n->outputs[0], sz_tape_dy(t, n, 0));
}

static sz_value_id gelu_grad(sz_tape *t, sz_value_id x, sz_value_id g, bool fast) {
    const sz_attr form = {.name = sz_str_c("approximate"),
                          .kind = SZ_ATTR_STRING,
                          .n = 1,
                          .s = sz_str_c(fast ? "tanh" : "none"),
                          .tensor = SZ_NONE};
    return sz_tape_op(t, "sizeup.train.GeluGrad", x, g, SZ_NONE, 1, &form);
}

void sz_back_gelu(sz_tape *t, const sz_node *n) {
    const sz_str form = sz_attr_s(n, "approximate", "none");
    const sz_value_id g = sz_tape_dy(t, n, 0);
    sz_tape_give(t, n, 0, gelu_grad(t, n->inputs[0], g, sz_str_is(form, "tanh")));
}

// Of the sum with a bias (BiasGelu by erf, FastGelu by tanh, its bias may be left out).
void sz_back_bias_gelu(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), bias = sz_tape_in(n, 1);
    sz_value_id x = n->inputs[0];
    if (bias != SZ_NONE) x = sz_tape_binary(t, "Add", x, bias);
    const sz_value_id dx = gelu_grad(t, x, g, sz_str_is(n->op, "FastGelu"));
    for (int i = 0; i < n->n_inputs; i++)
        if (sz_tape_wants(t, n, i)) sz_tape_give(t, n, i, dx);
}

// y = x s with s = sigmoid(a x): s + a y (1 - s).
void sz_back_swish(sz_tape *t, const sz_node *n) {
    const double alpha = sz_attr_f(n, "alpha", sz_str_is(n->op, "QuickGelu") ? 1.702 : 1);
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const sz_value_id one = sz_tape_number(t, g, 1), a = sz_tape_number(t, g, alpha);
    sz_value_id x = n->inputs[0];
    if (alpha != 1) x = sz_tape_binary(t, "Mul", x, a);
    const sz_value_id s = sz_tape_unary(t, "Sigmoid", x);
    const sz_value_id rest = sz_tape_binary(t, "Sub", one, s);
    sz_value_id more = sz_tape_binary(t, "Mul", n->outputs[0], rest);
    if (alpha != 1) more = sz_tape_binary(t, "Mul", more, a);
    const sz_value_id slope = sz_tape_binary(t, "Add", s, more);
    give_times(t, n, "Mul", g, slope);
}

void sz_back_softplus(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), s = sz_tape_unary(t, "Sigmoid", n->inputs[0]);
    give_times(t, n, "Mul", g, s);
}

// x < 0: g a
void sz_back_leaky_relu(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), zero = sz_tape_number(t, g, 0);
    const sz_value_id alpha = sz_tape_number(t, g, sz_attr_f(n, "alpha", 0.01));
    const sz_value_id below = sz_tape_binary(t, "Less", n->inputs[0], zero);
    const sz_value_id scaled = sz_tape_binary(t, "Mul", g, alpha);
    sz_tape_give(t, n, 0, sz_tape_op(t, "Where", below, scaled, g, 0, NULL));
}

// y > 0: g, else g (y + a)
void sz_back_elu(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), zero = sz_tape_number(t, g, 0);
    const sz_value_id alpha = sz_tape_number(t, g, sz_attr_f(n, "alpha", 1));
    const sz_value_id above = sz_tape_binary(t, "Greater", n->inputs[0], zero);
    const sz_value_id slope = sz_tape_binary(t, "Add", n->outputs[0], alpha);
    const sz_value_id part = sz_tape_binary(t, "Mul", g, slope);
    sz_tape_give(t, n, 0, sz_tape_op(t, "Where", above, g, part, 0, NULL));
}

// g where low < x and x < high; a bound that is left out does not bound.
static sz_value_id between(sz_tape *t, sz_value_id x, sz_value_id g, sz_value_id low,
                           sz_value_id high, sz_value_id inside) {
    const sz_value_id zero = sz_tape_number(t, g, 0);
    sz_value_id dx = inside;
    if (low != SZ_NONE) {
        const sz_value_id mask = sz_tape_binary(t, "Less", x, low);
        dx = sz_tape_op(t, "Where", mask, zero, dx, 0, NULL);
    }
    if (high == SZ_NONE) return dx;
    const sz_value_id mask = sz_tape_binary(t, "Greater", x, high);
    return sz_tape_op(t, "Where", mask, zero, dx, 0, NULL);
}

void sz_back_clip(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    sz_value_id low = sz_tape_in(n, 1), high = sz_tape_in(n, 2);
    if (sz_attr_find(n, "min")) low = sz_tape_number(t, g, sz_attr_f(n, "min", 0));
    if (sz_attr_find(n, "max")) high = sz_tape_number(t, g, sz_attr_f(n, "max", 0));
    sz_tape_give(t, n, 0, between(t, n->inputs[0], g, low, high, g));
}

// max(0, min(1, a x + b)): the slope is a where the result is neither bound.
void sz_back_hard_sigmoid(sz_tape *t, const sz_node *n) {
    const double a = sz_attr_f(n, "alpha", 0.2), b = sz_attr_f(n, "beta", 0.5);
    const sz_value_id g = sz_tape_dy(t, n, 0), alpha = sz_tape_number(t, g, a);
    if (!(a > 0)) {
        sz_tape_refuse(t, n, "its slope is not above 0");
        return;
    }
    const sz_value_id low = sz_tape_number(t, g, -b / a), high = sz_tape_number(t, g, (1 - b) / a);
    const sz_value_id inside = sz_tape_binary(t, "Mul", g, alpha);
    sz_tape_give(t, n, 0, between(t, n->inputs[0], g, low, high, inside));
}

// x max(0, min(1, x / 6 + 1 / 2)): 0 below -3, 1 above 3, between x / 3 + 1 / 2.
void sz_back_hard_swish(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), x = n->inputs[0];
    const sz_value_id low = sz_tape_number(t, g, -3), high = sz_tape_number(t, g, 3);
    const sz_value_id third = sz_tape_number(t, g, 1.0 / 3), half = sz_tape_number(t, g, 0.5);
    const sz_value_id part = sz_tape_binary(t, "Mul", x, third);
    const sz_value_id slope = sz_tape_binary(t, "Add", part, half);
    const sz_value_id middle = sz_tape_binary(t, "Mul", g, slope);
    const sz_value_id above = sz_tape_binary(t, "Greater", x, high);
    const sz_value_id right = sz_tape_op(t, "Where", above, g, middle, 0, NULL);
    sz_tape_give(t, n, 0, between(t, x, g, low, SZ_NONE, right));
}

// ---- softmax -----------------------------------------------------------------------------------

// The axis from opset 13 on; before, all axes from `axis` on make up a row: only a single one,
// the last, is the same.
static int64_t softmax_axis(sz_tape *t, const sz_node *n) {
    const bool matrix = n->opset < 13;
    const int64_t axis = sz_attr_i(n, "axis", matrix ? 1 : -1);
    const int32_t rank = t->status == SZ_OK ? sz_tape_type(t, n->inputs[0])->rank : 1;
    if (matrix && axis != rank - 1 && axis != -1)
        sz_tape_refuse(t, n, "its rows are more than one axis");
    return axis;
}

void sz_back_softmax(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const sz_attr axis = sz_tape_i("axis", softmax_axis(t, n));
    sz_tape_give(t, n, 0,
                 sz_tape_op(t, "sizeup.train.SoftmaxGrad", n->outputs[0], g, SZ_NONE, 1, &axis));
}

// g - exp(y) sum g
void sz_back_log_softmax(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const int64_t axis = softmax_axis(t, n);
    const sz_value_id sum = sz_tape_sum(t, g, 1, &axis);
    const sz_value_id p = sz_tape_unary(t, "Exp", n->outputs[0]);
    const sz_value_id part = sz_tape_binary(t, "Mul", p, sum);
    sz_tape_give(t, n, 0, sz_tape_binary(t, "Sub", g, part));
}
