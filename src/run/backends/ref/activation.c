// SPDX-License-Identifier: Apache-2.0
// Activations by name, as fused and recurrent operators call them, and the GELU family.
#include "run/backends/ref/kernel.h"

#include <math.h>

#define FUNCTION(name, expr)                                                                       \
    static double name(double x, double alpha, double beta) {                                      \
        (void)alpha, (void)beta;                                                                   \
        return expr;                                                                               \
    }
double sz_sigmoid(double x) { return 1 / (1 + exp(-x)); }
// Hendrycks and Gimpel 2016: x times the normal distribution function, and its tanh approximation.
double sz_gelu(double x) { return 0.5 * x * (1 + erf(x * 0.70710678118654752)); }
double sz_gelu_tanh(double x) {
    return 0.5 * x * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
}
FUNCTION(f_relu, x < 0 ? 0 : x)
FUNCTION(f_leaky, x < 0 ? alpha * x : x)
FUNCTION(f_sigmoid, sz_sigmoid(x))
FUNCTION(f_tanh, tanh(x))
FUNCTION(f_scaled_tanh, alpha *tanh(beta *x))
FUNCTION(f_hard_sigmoid, fmax(0, fmin(1, alpha *x + beta)))
FUNCTION(f_hard_swish, x *fmax(0, fmin(1, alpha *x + beta)))
FUNCTION(f_elu, x < 0 ? alpha * expm1(x) : x)
FUNCTION(f_softplus, x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)))
FUNCTION(f_softsign, x / (1 + fabs(x)))
FUNCTION(f_affine, alpha *x + beta)
FUNCTION(f_thresholded, x > alpha ? x : 0)
FUNCTION(f_clip, x<alpha ? alpha : x> beta ? beta : x)
FUNCTION(f_gelu, sz_gelu(x))
FUNCTION(f_fast_gelu, sz_gelu_tanh(x))
FUNCTION(f_swish, x *sz_sigmoid(alpha *x))

bool sz_ref_activation(sz_str name, sz_activation *ret) {
    static const struct {
        const char *name;
        sz_activation a;
    } rows[] = {
        {"relu", {f_relu, 0, 0}},
        {"leakyrelu", {f_leaky, 0.01, 0}},
        {"sigmoid", {f_sigmoid, 0, 0}},
        {"tanh", {f_tanh, 0, 0}},
        {"scaledtanh", {f_scaled_tanh, 1, 1}},
        {"hardsigmoid", {f_hard_sigmoid, 0.2, 0.5}},
        {"hardswish", {f_hard_swish, 1.0 / 6, 0.5}},
        {"elu", {f_elu, 1, 0}},
        {"softplus", {f_softplus, 0, 0}},
        {"softsign", {f_softsign, 0, 0}},
        {"affine", {f_affine, 1, 0}},
        {"thresholdedrelu", {f_thresholded, 1, 0}},
        {"clip", {f_clip, -INFINITY, INFINITY}},
        {"gelu", {f_gelu, 0, 0}},
        {"fastgelu", {f_fast_gelu, 0, 0}},
        {"silu", {f_swish, 1, 0}},
        {"swish", {f_swish, 1, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is_word(name, rows[i].name)) return *ret = rows[i].a, true;
    return false;
}

// ---- kernels -----------------------------------------------------------------------------------

// f of input 0, plus input 1 as a bias over the last axis where there is one.
static sz_status map(sz_ref_call *c, sz_activation a) {
    double *x, *bias, *y;
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, 1, &bias));
    SZ_TRY(sz_ref_room(c, 0, &y));
    const int64_t n = c->in[0]->count, width = bias ? c->in[1]->count : 1;
    if (bias && (width == 0 || n % width != 0)) return sz_op_fail(c->n, "the bias does not fit");
    for (int64_t k = 0; y && k < n; k++)
        y[k] = a.f(x[k] + (bias ? bias[k % width] : 0), a.alpha, a.beta);
    return SZ_OK;
}

sz_status sz_ref_gelu(sz_ref_call *c) {
    const bool fast = sz_str_is(sz_attr_s(c->n->node, "approximate", "none"), "tanh");
    return map(c, (sz_activation){fast ? f_fast_gelu : f_gelu, 0, 0});
}
sz_status sz_ref_fast_gelu(sz_ref_call *c) { return map(c, (sz_activation){f_fast_gelu, 0, 0}); }
sz_status sz_ref_quick_gelu(sz_ref_call *c) {
    return map(c, (sz_activation){f_swish, sz_attr_f(c->n->node, "alpha", 1.702), 0});
}

// ---- softmax -----------------------------------------------------------------------------------

void sz_ref_softmax(double *x, int64_t n, int64_t step) {
    double most = -INFINITY, sum = 0;
    for (int64_t k = 0; k < n; k++)
        if (x[k * step] > most) most = x[k * step];
    if (most == -INFINITY) most = 0; // all masked out: 0 / 0, as the formula says
    for (int64_t k = 0; k < n; k++) sum += x[k * step] = exp(x[k * step] - most);
    for (int64_t k = 0; k < n; k++) x[k * step] /= sum;
}

static void log_softmax(double *x, int64_t n, int64_t step) {
    double most = -INFINITY, sum = 0;
    for (int64_t k = 0; k < n; k++)
        if (x[k * step] > most) most = x[k * step];
    for (int64_t k = 0; k < n; k++) sum += exp(x[k * step] - most);
    for (int64_t k = 0; k < n; k++) x[k * step] -= most + log(sum);
}

static void hardmax(double *x, int64_t n, int64_t step) {
    int64_t best = 0;
    for (int64_t k = 1; k < n; k++)
        if (x[k * step] > x[best * step]) best = k;
    for (int64_t k = 0; k < n; k++) x[k * step] = k == best;
}

// Along one axis since opset 13; before that over all axes from `axis` on.
sz_status sz_ref_softmax_family(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    const bool matrix = c->n->opset < 13;
    double *x, *y;
    int axis = 0;
    if (b->rank > 0)
        SZ_TRY(sz_op_axis(c->n, sz_attr_i(c->n->node, "axis", matrix ? 1 : -1), b->rank, &axis));
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y || b->count == 0) return SZ_OK;
    memcpy(y, x, (size_t)b->count * sizeof *y);
    const int64_t step = matrix || b->rank == 0 ? 1 : sz_ref_span(b, axis + 1, b->rank);
    const int64_t n = b->rank == 0 ? 1 : matrix ? sz_ref_span(b, axis, b->rank) : b->dims[axis];
    const char *name = c->n->op->name;
    for (int64_t k = 0; k < b->count / n; k++) {
        double *line = y + k / step * n * step + k % step;
        if (name[0] == 'L')
            log_softmax(line, n, step);
        else if (name[0] == 'H')
            hardmax(line, n, step);
        else
            sz_ref_softmax(line, n, step);
    }
    return SZ_OK;
}
