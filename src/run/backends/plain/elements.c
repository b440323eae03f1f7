// SPDX-License-Identifier: Apache-2.0
// Operators that go element by element: which loop, which numbers, which inputs.
#include "run/backends/plain/plain.h"

#include <math.h>
#include <stdio.h>

static sz_loop *loop_of(const sz_plain_step *s, const char *op) {
    const sz_type *x = sz_plain_type(s, 0);
    return x ? sz_loops_find(s->library->loops, op, sz_plain_name(x),
                             sz_plain_name(sz_plain_out_type(s, 0)))
             : NULL;
}

static sz_status add(sz_plain_step *s, const char *op, int n_in, const int *in, double first,
                     double second) {
    sz_nest n;
    SZ_TRY(sz_plain_nest(s, loop_of(s, op), 0, n_in, in, &n));
    n.numbers[0] = first, n.numbers[1] = second;
    return sz_plain_add_nest(s, &n);
}

// The operator's name, ended by a NUL.
static const char *name_of(const sz_plain_step *s, char *buf, size_t cap) {
    const sz_str op = s->call.node->op;
    snprintf(buf, cap, "%.*s", (int)op.len, op.p);
    return buf;
}

// ---- one operand -------------------------------------------------------------------------------

// Attributes by operator: names and defaults of ONNX.
static const struct {
    const char *op, *first, *second;
    double first_default, second_default;
} parameters[] = {
    {"LeakyRelu", "alpha", NULL, 0.01, 0},    {"Elu", "alpha", NULL, 1, 0},
    {"ThresholdedRelu", "alpha", NULL, 1, 0}, {"HardSigmoid", "alpha", "beta", 0.2, 0.5},
    {"Swish", "alpha", NULL, 1, 0},           {"QuickGelu", "alpha", NULL, 1.702, 0}};

sz_status sz_plain_unary(sz_plain_step *s) {
    char op[32];
    double first = 0, second = 0;
    name_of(s, op, sizeof op);
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        if (strcmp(parameters[i].op, op) != 0) continue;
        first = sz_attr_f(s->call.node, parameters[i].first, parameters[i].first_default);
        if (parameters[i].second)
            second = sz_attr_f(s->call.node, parameters[i].second, parameters[i].second_default);
    }
    return add(s, op, 1, (int[]){0}, first, second);
}

sz_status sz_plain_gelu(sz_plain_step *s) {
    const bool tanh = sz_str_is(sz_attr_s(s->call.node, "approximate", "none"), "tanh");
    return add(s, tanh ? "GeluTanh" : "Gelu", 1, (int[]){0}, 0, 0);
}

sz_status sz_plain_gelu_grad(sz_plain_step *s) {
    const bool tanh = sz_str_is(sz_attr_s(s->call.node, "approximate", "none"), "tanh");
    return add(s, tanh ? "GeluTanhGrad" : "GeluGrad", 2, (int[]){0, 1}, 0, 0);
}

static sz_status limit(const sz_plain_step *s, const char *attr, int input, double def,
                       double *ret) {
    const sz_buffer *b = sz_plain_known(s, input);
    *ret = sz_attr_f(s->call.node, attr, def);
    if (sz_plain_type(s, input) && !b)
        return sz_plain_refuse(s, "a limit that is only known in the run");
    if (b && b->count > 0) sz_buffer_doubles(b, 0, 1, ret);
    return SZ_OK;
}

sz_status sz_plain_clip(sz_plain_step *s) {
    double low, high;
    SZ_TRY(limit(s, "min", 1, -INFINITY, &low));
    SZ_TRY(limit(s, "max", 2, INFINITY, &high));
    return add(s, "Clip", 1, (int[]){0}, low, high);
}

sz_status sz_plain_cast(sz_plain_step *s) {
    if (sz_plain_type(s, 0)->dtype == sz_plain_out_type(s, 0)->dtype) return sz_plain_copy(s);
    return add(s, "Cast", 1, (int[]){0}, 0, 0);
}

// ---- several -----------------------------------------------------------------------------------

sz_status sz_plain_binary(sz_plain_step *s) {
    char op[32];
    const sz_type *a = sz_plain_type(s, 0), *b = sz_plain_type(s, 1);
    if (!a || !b || a->dtype != b->dtype) return sz_plain_refuse(s, "operands of two formats");
    if (sz_attr_find(s->call.node, "axis") || sz_attr_find(s->call.node, "broadcast"))
        return sz_plain_refuse(s, "broadcast as it was before opset 7");
    return add(s, name_of(s, op, sizeof op), 2, (int[]){0, 1}, 0, 0);
}

// Sum, Max, Min of any number: the first two, then the result with each of the rest.
sz_status sz_plain_many(sz_plain_step *s) {
    char op[32];
    const char *name = strcmp(name_of(s, op, sizeof op), "Sum") == 0 ? "Add" : op;
    const sz_type *y = sz_plain_out_type(s, 0);
    const int n = s->call.node->n_inputs;
    if (n == 1) return sz_plain_copy(s);
    for (int i = 0; i < n; i++)
        if (sz_plain_type(s, i)->dtype != y->dtype) return sz_plain_refuse(s, "two formats");
    SZ_TRY(add(s, name, 2, (int[]){0, 1}, 0, 0));
    for (int i = 2; i < n; i++) SZ_TRY(add(s, name, 2, (int[]){-1, i}, 0, 0));
    return SZ_OK;
}

sz_status sz_plain_where(sz_plain_step *s) {
    char bits[8];
    sz_nest n;
    snprintf(bits, sizeof bits, "%d", 8 * (int)sz_buffer_width(sz_plain_out_type(s, 0)->dtype));
    sz_loop *loop = sz_loops_find(s->library->loops, "Where", bits, bits);
    SZ_TRY(sz_plain_nest(s, loop, 0, 3, (int[]){0, 1, 2}, &n));
    return sz_plain_add_nest(s, &n);
}

// With a bias where there is one.
sz_status sz_plain_fast_gelu(sz_plain_step *s) {
    if (sz_plain_type(s, 1)) return add(s, "FastGelu", 2, (int[]){0, 1}, 0, 0);
    return add(s, "GeluTanh", 1, (int[]){0}, 0, 0);
}

// ---- whole numbers for floats ------------------------------------------------------------------

// The scale is one number, or one per place of an axis.
static sz_status quantize(sz_plain_step *s, const char *op) {
    const sz_type *x = sz_plain_type(s, 0), *scale = sz_plain_type(s, 1);
    const sz_type *zero = sz_plain_type(s, 2);
    const int64_t many = sz_plain_count(scale);
    sz_nest n;
    int32_t axis = 0;
    if (!sz_plain_is(scale, "f32")) return sz_plain_refuse(s, "only scales of f32");
    if (sz_attr_i(s->call.node, "block_size", 0)) return sz_plain_refuse(s, "scales by block");
    if (zero && sz_plain_count(zero) != many) return sz_plain_refuse(s, "zero points do not fit");
    SZ_TRY(sz_plain_nest(s, loop_of(s, op), 0, 1, (int[]){0}, &n));
    if (many != 1 && (!sz_plain_axis(sz_attr_i(s->call.node, "axis", 1), x->rank, &axis) ||
                      x->dims[axis] != many || scale->rank != 1))
        return sz_plain_refuse(s, "scales that do not fit an axis");
    n.n_in = zero ? 3 : 2;
    n.in[1] = 1, n.width[1] = 4, n.in[2] = 2, n.numbers[0] = zero != NULL;
    if (zero) n.width[2] = (int)sz_buffer_width(zero->dtype);
    if (many != 1) n.step[1][axis] = 1, n.step[2][axis] = zero != NULL;
    return sz_plain_add_nest(s, &n);
}

sz_status sz_plain_quantize(sz_plain_step *s) { return quantize(s, "QuantizeLinear"); }
sz_status sz_plain_dequantize(sz_plain_step *s) { return quantize(s, "DequantizeLinear"); }
