// SPDX-License-Identifier: Apache-2.0
// Element by element, with one operand or several; and copies in another order or format.
#include "run/backends/onednn/onednn.h"

// ---- one operand -------------------------------------------------------------------------------

// alpha and beta: of the attribute where one is named, else as they stand.
static const struct {
    const char *op;
    int algorithm;
    float alpha, beta;
    const char *attribute; // of alpha
} rows[] = {
    {"Relu", SZ_DNNL_RELU, 0, 0, NULL},
    {"LeakyRelu", SZ_DNNL_RELU, 0.01f, 0, "alpha"},
    {"Elu", SZ_DNNL_ELU, 1, 0, "alpha"},
    {"Exp", SZ_DNNL_EXP, 0, 0, NULL},
    {"Log", SZ_DNNL_LOG, 0, 0, NULL},
    {"Tanh", SZ_DNNL_TANH, 0, 0, NULL},
    {"Sigmoid", SZ_DNNL_LOGISTIC, 0, 0, NULL},
    {"Sqrt", SZ_DNNL_SQRT, 0, 0, NULL},
    {"Abs", SZ_DNNL_ABS, 0, 0, NULL},
    {"Neg", SZ_DNNL_AFFINE, -1, 0, NULL},
    {"Reciprocal", SZ_DNNL_POW, 1, -1, NULL},
    {"Round", SZ_DNNL_ROUND, 0, 0, NULL},
    {"Softplus", SZ_DNNL_SOFT_RELU, 1, 0, NULL}, // version 2 takes no alpha
    {"Mish", SZ_DNNL_MISH, 0, 0, NULL},
    {"HardSwish", SZ_DNNL_HARDSWISH, 1.0f / 6, 0.5f, NULL}, // version 2 has these built in
    {"Swish", SZ_DNNL_SWISH, 1, 0, "alpha"},
    {"QuickGelu", SZ_DNNL_SWISH, 1.702f, 0, "alpha"},
    {"Gelu", SZ_DNNL_GELU_ERF, 0, 0, NULL},
    {"FastGelu", SZ_DNNL_GELU_TANH, 0, 0, NULL},
    {"ReluGrad", SZ_DNNL_RELU_OF_RESULT, 0, 0, NULL},
    {"TanhGrad", SZ_DNNL_TANH_OF_RESULT, 0, 0, NULL},
    {"SigmoidGrad", SZ_DNNL_LOGISTIC_OF_RESULT, 0, 0, NULL},
    {"GeluGrad", SZ_DNNL_GELU_ERF, 0, 0, NULL},
};

static sz_dnnl_stage *add_each(sz_dnnl_plan *p, sz_dnnl_direction direction) {
    const sz_node *n = p->call->node;
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_ELTWISE, direction, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!sz_str_is(n->op, rows[i].op)) continue;
        s->algorithm = rows[i].algorithm;
        s->alpha = rows[i].alpha, s->beta = rows[i].beta;
        if (rows[i].attribute) s->alpha = (float)sz_attr_f(n, rows[i].attribute, s->alpha);
    }
    const bool tanh = sz_str_is(sz_attr_s(n, "approximate", "none"), "tanh");
    if (s->algorithm == SZ_DNNL_GELU_ERF && tanh) s->algorithm = SZ_DNNL_GELU_TANH;
    return s;
}

SZ_DNNL_REFUSES(each) { return sz_dnnl_f32_or_bf16(g, n); }

SZ_DNNL_PLANS(each) {
    add_each(p, SZ_DNNL_INFERENCE);
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
}

SZ_DNNL_REFUSES(fast_gelu) { return sz_node_type(g, n, 1) ? "a bias" : sz_dnnl_f32_or_bf16(g, n); }

SZ_DNNL_REFUSES(each_grad) { return sz_dnnl_f32_or_bf16(g, n); }

// Most take the result of the forward pass, Gelu its source.
SZ_DNNL_PLANS(each_grad) {
    const bool of_source = sz_str_is(p->call->node->op, "GeluGrad");
    add_each(p, SZ_DNNL_BACKWARD_DATA);
    sz_dnnl_in(p, of_source ? SZ_DNNL_SRC : SZ_DNNL_DST, 0, NULL);
    sz_dnnl_in(p, SZ_DNNL_DIFF + SZ_DNNL_DST, 1, NULL);
    sz_dnnl_out(p, SZ_DNNL_DIFF + SZ_DNNL_SRC, 0, NULL);
}

// Clipped to 0..1 after a line: version 2 has no primitive for both.
SZ_DNNL_PLANS(hard_sigmoid) {
    const sz_node *n = p->call->node;
    sz_dnnl_eltwise_add(p, SZ_DNNL_AFFINE, (float)sz_attr_f(n, "alpha", 0.2),
                        (float)sz_attr_f(n, "beta", 0.5));
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
    sz_dnnl_eltwise_add(p, SZ_DNNL_CLIP, 0, 1);
    sz_dnnl_out(p, SZ_DNNL_SRC, 0, NULL)->is_written = false;
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
}

// ---- constants beside the operand --------------------------------------------------------------

// Limits were attributes before opset 11.
static bool limit(const sz_graph *g, const sz_node *n, int i, const char *name, float def,
                  float *ret) {
    const sz_tensor *t = sz_dnnl_numbers(g, n, i);
    if (sz_node_type(g, n, i) && (!t || t->count != 1)) return false;
    *ret = t ? (float)sz_dnnl_number(t, 0) : (float)sz_attr_f(n, name, def);
    return true;
}

static const float LARGEST = 3.4028234663852886e38f;

SZ_DNNL_REFUSES(clip) {
    float low, high;
    if (!limit(g, n, 1, "min", -LARGEST, &low) || !limit(g, n, 2, "max", LARGEST, &high))
        return "limits that are not known before it runs";
    return low > high ? "limits that cross" : sz_dnnl_f32_or_bf16(g, n);
}

SZ_DNNL_PLANS(clip) {
    float low = -LARGEST, high = LARGEST;
    limit(p->call->graph, p->call->node, 1, "min", low, &low);
    limit(p->call->graph, p->call->node, 2, "max", high, &high);
    sz_dnnl_eltwise_add(p, SZ_DNNL_CLIP, low, high);
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
}

SZ_DNNL_REFUSES(pow) {
    const sz_tensor *t = sz_dnnl_numbers(g, n, 1);
    if (!t || t->count != 1) return "an exponent that is no constant number";
    if (!sz_dnnl_same_dims(sz_node_type(g, n, 0), &sz_graph_value(g, n->outputs[0])->type))
        return "the first is broadcast";
    return sz_dnnl_f32_or_bf16(g, n);
}

SZ_DNNL_PLANS(pow) {
    const sz_tensor *t = sz_dnnl_numbers(p->call->graph, p->call->node, 1);
    sz_dnnl_eltwise_add(p, SZ_DNNL_POW, 1, (float)sz_dnnl_number(t, 0));
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
}

SZ_DNNL_REFUSES(prelu) {
    if (sz_node_type(g, n, 1)->rank > sz_node_type(g, n, 0)->rank) return "slopes with more axes";
    return sz_dnnl_f32_or_bf16(g, n);
}

SZ_DNNL_PLANS(prelu) {
    const sz_dnnl_view slopes = sz_dnnl_aligned(sz_dnnl_in_type(p, 1), sz_dnnl_in_type(p, 0)->rank);
    sz_dnnl_stage_add(p, SZ_DNNL_PRELU, SZ_DNNL_INFERENCE, 0);
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_in(p, SZ_DNNL_WEIGHTS, 1, &slopes)->any = true;
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
}

// ---- two operands ------------------------------------------------------------------------------

static const struct {
    const char *op;
    int algorithm;
    float turned; // a o b = turned * (b o a), 0 = it is not
} pairs[] = {{"Add", SZ_DNNL_BINARY_ADD, 1},  {"Mul", SZ_DNNL_BINARY_MUL, 1},
             {"Sub", SZ_DNNL_BINARY_SUB, -1}, {"Div", SZ_DNNL_BINARY_DIV, 0},
             {"Max", SZ_DNNL_BINARY_MAX, 1},  {"Min", SZ_DNNL_BINARY_MIN, 1}};

static int pair_of(const sz_node *n) {
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (sz_node_is(n, pairs[i].op)) return (int)i;
    return 0;
}

// Only the second may be broadcast.
SZ_DNNL_REFUSES(binary) {
    if (n->n_inputs != 2) return "other than two operands";
    const sz_type *a = sz_node_type(g, n, 0), *b = sz_node_type(g, n, 1);
    const sz_type *y = &sz_graph_value(g, n->outputs[0])->type;
    if (!sz_dnnl_same_dims(a, y)) {
        if (!sz_dnnl_same_dims(b, y)) return "both are broadcast";
        if (pairs[pair_of(n)].turned == 0 && !sz_dnnl_is(g, n, 0, "f32"))
            return "the first is broadcast";
    }
    return sz_dnnl_f32_or_bf16(g, n);
}

// a / b = b^-1 a, where a is broadcast.
static void add_quotient(sz_dnnl_plan *p, const sz_dnnl_view *a, const sz_dnnl_view *all) {
    const int inverse = sz_dnnl_new_temp(p);
    sz_dnnl_eltwise_add(p, SZ_DNNL_POW, 1, -1);
    sz_dnnl_in(p, SZ_DNNL_SRC, 1, all);
    sz_dnnl_temp(p, SZ_DNNL_DST, inverse, true, SZ_DNNL_F32, all);
    sz_dnnl_stage_add(p, SZ_DNNL_BINARY, SZ_DNNL_INFERENCE, SZ_DNNL_BINARY_MUL);
    sz_dnnl_temp(p, SZ_DNNL_SRC, inverse, false, SZ_DNNL_F32, all);
    sz_dnnl_in(p, SZ_DNNL_SRC_1, 0, a);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, all);
}

SZ_DNNL_PLANS(binary) {
    const int i = pair_of(p->call->node);
    const sz_type *a = sz_dnnl_in_type(p, 0), *y = sz_dnnl_out_type(p, 0);
    const int whole = sz_dnnl_same_dims(a, y) ? 0 : 1;
    const sz_dnnl_view other = sz_dnnl_aligned(sz_dnnl_in_type(p, !whole), y->rank);
    const sz_dnnl_view all = sz_dnnl_view_of(y);
    if (whole == 1 && pairs[i].turned == 0) {
        add_quotient(p, y->rank ? &other : &all, &all);
        return;
    }
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_BINARY, SZ_DNNL_INFERENCE, pairs[i].algorithm);
    if (whole == 1) s->factor = pairs[i].turned;
    sz_dnnl_in(p, SZ_DNNL_SRC, whole, &all);
    sz_dnnl_in(p, SZ_DNNL_SRC_1, !whole, y->rank ? &other : &all);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, &all);
}

// ---- many operands -----------------------------------------------------------------------------

SZ_DNNL_REFUSES(sum) {
    if (n->n_inputs < 2 || n->n_inputs >= SZ_DNNL_OPERANDS) return "not 2 to 23 operands";
    for (int32_t i = 1; i < n->n_inputs; i++)
        if (!sz_dnnl_same_dims(sz_node_type(g, n, 0), sz_node_type(g, n, i)))
            return "operands of different shapes";
    return sz_dnnl_f32_or_bf16(g, n);
}

static void add_many(sz_dnnl_plan *p) {
    for (int32_t i = 0; i < p->call->node->n_inputs; i++)
        sz_dnnl_in(p, SZ_DNNL_MULTIPLE + i, i, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
}

SZ_DNNL_PLANS(sum) {
    sz_dnnl_stage_add(p, SZ_DNNL_SUM, SZ_DNNL_INFERENCE, 0);
    add_many(p);
}

static const char *no_copy(const sz_graph *g, const sz_node *n) {
    if (sz_dnnl_type_of(sz_node_type(g, n, 0)->dtype) == SZ_DNNL_NO_TYPE)
        return "a format that the library has not";
    return NULL;
}

SZ_DNNL_REFUSES(concat) {
    if (n->n_inputs >= SZ_DNNL_OPERANDS) return "more than 23 operands";
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (!sz_node_type(g, n, i) || !sz_node_type(g, n, i)->rank ||
            sz_node_type(g, n, i)->dims[0] < 1)
            return "an empty operand";
    return no_copy(g, n);
}

SZ_DNNL_PLANS(concat) {
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_CONCAT, SZ_DNNL_INFERENCE, 0);
    const int64_t axis = sz_attr_i(p->call->node, "axis", 0);
    s->axis = (int)(axis < 0 ? axis + sz_dnnl_in_type(p, 0)->rank : axis);
    add_many(p);
}

// ---- copies ------------------------------------------------------------------------------------

SZ_DNNL_REFUSES(transpose) { return no_copy(g, n); }
SZ_DNNL_REFUSES(copy) { return no_copy(g, n); }

// To whole numbers the library rounds where ONNX cuts off.
SZ_DNNL_REFUSES(cast) {
    const sz_type *y = &sz_graph_value(g, n->outputs[0])->type;
    const sz_dtype_info *to = sz_dtype_get(y->dtype);
    if (sz_dnnl_type_of(y->dtype) == SZ_DNNL_NO_TYPE) return "a format that the library has not";
    if (to->cls != SZ_CLASS_FLOAT) return "whole numbers, which it rounds where ONNX cuts off";
    return no_copy(g, n);
}

// The source as the result sees it: axis d of the result is axis perm[d] of the source.
SZ_DNNL_PLANS(transpose) {
    const sz_node *n = p->call->node;
    const sz_type *x = sz_dnnl_in_type(p, 0);
    const sz_dnnl_view from = sz_dnnl_view_of(x);
    sz_dnnl_view seen = from;
    const int64_t *perm = NULL;
    const bool given = sz_attr_ints(n, "perm", &perm) == x->rank && x->rank > 0;
    for (int32_t d = 0; d < x->rank && sz_node_is(n, "Transpose"); d++) {
        const int64_t axis = given ? perm[d] : x->rank - 1 - d;
        seen.dims[d] = from.dims[axis], seen.strides[d] = from.strides[axis];
    }
    sz_dnnl_stage_add(p, SZ_DNNL_REORDER, SZ_DNNL_INFERENCE, 0);
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, &seen);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
}
