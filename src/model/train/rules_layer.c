// SPDX-License-Identifier: Apache-2.0
// Products, convolutions, pools and norms.
#include "model/train/tape.h"

#include <stdio.h>

// ---- products ----------------------------------------------------------------------------------

// y = alpha op(a) op(b): da = alpha g op(b)^T, turned where a was; db = alpha op(a)^T g alike.
// `op` is Gemm for matrices and com.microsoft.FusedMatMul for more axes.
static sz_value_id product(sz_tape *t, sz_value_id a, bool turn_a, sz_value_id b, bool turn_b,
                           double alpha) {
    if (t->status != SZ_OK) return SZ_NONE;
    const bool flat = sz_tape_type(t, a)->rank == 2 && sz_tape_type(t, b)->rank == 2;
    const sz_attr attrs[] = {sz_tape_i("transA", turn_a), sz_tape_i("transB", turn_b),
                             sz_tape_f("alpha", alpha)};
    const int n = alpha == 1 ? 2 : 3;
    return sz_tape_op(t, flat ? "Gemm" : "com.microsoft.FusedMatMul", a, b, SZ_NONE, n, attrs);
}

static void back_product(sz_tape *t, const sz_node *n, sz_value_id g, sz_value_id a, bool turn_a,
                         sz_value_id b, bool turn_b, double alpha) {
    if (sz_tape_wants(t, n, 0)) {
        const sz_value_id da = turn_a ? product(t, b, turn_b, g, true, alpha)
                                      : product(t, g, false, b, !turn_b, alpha);
        if (t->status == SZ_OK && sz_tape_elements(t, da) == sz_tape_elements(t, n->inputs[0]))
            sz_tape_give(t, n, 0, sz_tape_reshape_like(t, da, n->inputs[0]));
        else
            sz_tape_give(t, n, 0, da);
    }
    if (sz_tape_wants(t, n, 1)) {
        const sz_value_id db = turn_b ? product(t, g, true, a, turn_a, alpha)
                                      : product(t, a, !turn_a, g, false, alpha);
        sz_tape_give(t, n, 1, db);
    }
}

// [..., k] as a matrix with k columns.
static sz_value_id as_matrix(sz_tape *t, sz_value_id x) {
    if (t->status != SZ_OK) return SZ_NONE;
    const int32_t rank = sz_tape_type(t, x)->rank;
    if (rank == 2) return x;
    const int64_t dims[] = {sz_tape_span(t, x, 0, rank - 1), sz_tape_type(t, x)->dims[rank - 1]};
    return sz_tape_reshape(t, x, 2, dims);
}

// A matrix that many rows are multiplied with: all rows are one matrix, and no gradients of its
// copies have to be summed.
void sz_back_matmul(sz_tape *t, const sz_node *n) {
    sz_value_id g = sz_tape_dy(t, n, 0), a = n->inputs[0];
    const sz_value_id b = n->inputs[1];
    if (t->status != SZ_OK) return;
    if (sz_tape_type(t, a)->rank < 2 || sz_tape_type(t, b)->rank < 2) {
        sz_tape_refuse(t, n, "one of its operands is a vector");
        return;
    }
    if (sz_tape_type(t, b)->rank == 2) a = as_matrix(t, a), g = as_matrix(t, g);
    back_product(t, n, g, a, false, b, false, 1);
}

void sz_back_matmul_fused(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    if (t->status != SZ_OK) return;
    if (sz_attr_i(n, "transBatchA", 0) || sz_attr_i(n, "transBatchB", 0) ||
        sz_tape_type(t, n->inputs[0])->rank < 2 || sz_tape_type(t, n->inputs[1])->rank < 2) {
        sz_tape_refuse(t, n, "this form of it is not differentiated");
        return;
    }
    back_product(t, n, g, n->inputs[0], sz_attr_i(n, "transA", 0) != 0, n->inputs[1],
                 sz_attr_i(n, "transB", 0) != 0, sz_attr_f(n, "alpha", 1));
}

void sz_back_gemm(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    const double beta = sz_attr_f(n, "beta", 1);
    back_product(t, n, g, n->inputs[0], sz_attr_i(n, "transA", 0) != 0, n->inputs[1],
                 sz_attr_i(n, "transB", 0) != 0, sz_attr_f(n, "alpha", 1));
    if (!sz_tape_wants(t, n, 2)) return;
    sz_value_id dc = sz_tape_sum_to(t, g, n->inputs[2]);
    if (beta != 1) dc = sz_tape_binary(t, "Mul", dc, sz_tape_number(t, g, beta));
    sz_tape_give(t, n, 2, dc);
}

// ---- Einsum ------------------------------------------------------------------------------------

// The letters of "a,b->y" without blanks; false where it is written in another way.
static bool read_einsum(sz_str e, char term[3][32]) {
    int k = 0;
    size_t at = 0;
    for (uint32_t i = 0; i < e.len; i++) {
        const char c = e.p[i];
        if (c == ' ') continue;
        if (c == ',' && k == 0) {
            term[k++][at] = '\0', at = 0;
        } else if (c == '-' && k == 1 && i + 1 < e.len && e.p[i + 1] == '>') {
            term[k++][at] = '\0', at = 0, i++;
        } else {
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            if (!letter || at >= 31 || memchr(term[k], c, at)) return false;
            term[k][at++] = c;
        }
    }
    term[k][at] = '\0';
    return k == 2;
}

// Each letter of an operand stands in the other one or in the result: then its gradient is the
// product of the incoming one with the other operand, with the terms exchanged.
void sz_back_einsum(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    char term[3][32], text[128];
    if (n->n_inputs != 2 || !read_einsum(sz_attr_s(n, "equation", ""), term)) {
        sz_tape_refuse(t, n, "only two operands, each letter once in a term, have one here");
        return;
    }
    for (int i = 0; i < 2; i++) {
        if (!sz_tape_wants(t, n, i)) continue;
        for (const char *c = term[i]; *c; c++)
            if (!strchr(term[1 - i], *c) && !strchr(term[2], *c)) {
                sz_tape_refuse(t, n, "it sums over an axis of one operand alone");
                return;
            }
        const int length = snprintf(text, sizeof text, "%s,%s->%s", term[2], term[1 - i], term[i]);
        char *copy = sz_arena_alloc(t->g->arena, (size_t)length + 1);
        if (!copy) t->status = sz_no_memory(t->ctx);
        if (t->status != SZ_OK) return;
        memcpy(copy, text, (size_t)length);
        const sz_attr attr = {.name = sz_str_c("equation"),
                              .kind = SZ_ATTR_STRING,
                              .n = 1,
                              .s = {copy, (uint32_t)length},
                              .tensor = SZ_NONE};
        sz_tape_give(t, n, i, sz_tape_op(t, "Einsum", g, n->inputs[1 - i], SZ_NONE, 1, &attr));
    }
}

// ---- convolutions ------------------------------------------------------------------------------

static const char *const conv_attrs[] = {"strides",  "pads",         "dilations", "group",
                                         "auto_pad", "kernel_shape", NULL};
enum { CONV_ATTRS = 8 };

// The bias was added at each place of its channel.
static void back_bias(sz_tape *t, const sz_node *n, sz_value_id g) {
    int64_t axes[SZ_MAX_RANK];
    int32_t count = 0;
    if (!sz_tape_wants(t, n, 2) || t->status != SZ_OK) return;
    for (int32_t d = 0; d < sz_tape_type(t, g)->rank; d++)
        if (d != 1) axes[count++] = d;
    const sz_value_id sum = sz_tape_sum(t, g, count, axes);
    sz_tape_give(t, n, 2, sz_tape_reshape_like(t, sum, n->inputs[2]));
}

void sz_back_conv(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    sz_attr attrs[CONV_ATTRS];
    if (t->status != SZ_OK) return;
    const int count = sz_tape_copy_attrs(n, conv_attrs, attrs);
    if (sz_tape_wants(t, n, 0)) {
        const sz_type *x = sz_tape_type(t, n->inputs[0]);
        attrs[count] = sz_tape_list("input_shape", x->rank, x->dims);
        sz_tape_give(
            t, n, 0,
            sz_tape_op(t, "sizeup.train.ConvDataGrad", g, n->inputs[1], SZ_NONE, count + 1, attrs));
    }
    if (!sz_tape_wants(t, n, 1)) {
        back_bias(t, n, g);
        return;
    }
    if (t->status != SZ_OK) return;
    const sz_type *w = sz_tape_type(t, n->inputs[1]);
    sz_value_id out[2] = {SZ_NONE, SZ_NONE};
    const bool bias = sz_tape_wants(t, n, 2);
    attrs[count] = sz_tape_list("weight_shape", w->rank, w->dims);
    sz_tape_node(t, "sizeup.train.ConvWeightGrad", 2, (sz_value_id[]){n->inputs[0], g}, count + 1,
                 attrs, bias ? 2 : 1, NULL, out);
    sz_tape_give(t, n, 1, out[0]);
    if (bias) sz_tape_give(t, n, 2, out[1]);
}

// The other way round: the gradient of its data is a convolution, and that of its weights the one
// of that convolution.
void sz_back_conv_transpose(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    sz_attr attrs[CONV_ATTRS];
    const sz_str pad = sz_attr_s(n, "auto_pad", "NOTSET");
    if (sz_attr_find(n, "output_shape") ||
        (!sz_str_is(pad, "NOTSET") && !sz_str_is(pad, "VALID"))) {
        sz_tape_refuse(t, n, "its pads follow from an output size");
        return;
    }
    if (t->status != SZ_OK) return;
    const int count = sz_tape_copy_attrs(n, conv_attrs, attrs);
    if (sz_tape_wants(t, n, 0))
        sz_tape_give(t, n, 0, sz_tape_op(t, "Conv", g, n->inputs[1], SZ_NONE, count, attrs));
    back_bias(t, n, g);
    if (!sz_tape_wants(t, n, 1) || t->status != SZ_OK) return;
    const sz_type *w = sz_tape_type(t, n->inputs[1]);
    attrs[count] = sz_tape_list("weight_shape", w->rank, w->dims);
    sz_tape_give(
        t, n, 1,
        sz_tape_op(t, "sizeup.train.ConvWeightGrad", g, n->inputs[0], SZ_NONE, count + 1, attrs));
}

// ---- pools -------------------------------------------------------------------------------------

static const char *const pool_attrs[] = {"kernel_shape",  "strides",           "pads",
                                         "dilations",     "auto_pad",          "ceil_mode",
                                         "storage_order", "count_include_pad", NULL};
enum { POOL_ATTRS = 10 };

void sz_back_max_pool(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    sz_attr attrs[POOL_ATTRS];
    const int count = sz_tape_copy_attrs(n, pool_attrs, attrs);
    sz_tape_give(
        t, n, 0,
        sz_tape_op(t, "sizeup.train.MaxPoolGrad", n->inputs[0], n->outputs[0], g, count, attrs));
}

static void average(sz_tape *t, const sz_node *n, sz_attr *attrs, int count) {
    const sz_value_id g = sz_tape_dy(t, n, 0);
    if (t->status != SZ_OK) return;
    const sz_type *x = sz_tape_type(t, n->inputs[0]);
    attrs[count] = sz_tape_list("input_shape", x->rank, x->dims);
    sz_tape_give(
        t, n, 0,
        sz_tape_op(t, "sizeup.train.AveragePoolGrad", g, SZ_NONE, SZ_NONE, count + 1, attrs));
}

void sz_back_average_pool(sz_tape *t, const sz_node *n) {
    sz_attr attrs[POOL_ATTRS];
    average(t, n, attrs, sz_tape_copy_attrs(n, pool_attrs, attrs));
}

// A window as large as the image.
void sz_back_global_average_pool(sz_tape *t, const sz_node *n) {
    sz_attr attrs[2];
    const sz_type *x = sz_tape_type(t, n->inputs[0]);
    if (x->rank < 3) {
        sz_tape_refuse(t, n, "its image has no axes");
        return;
    }
    attrs[0] = sz_tape_list("kernel_shape", x->rank - 2, x->dims + 2);
    average(t, n, attrs, 1);
}

// ---- norms -------------------------------------------------------------------------------------

// Data, scale and two statistics that the forward form gives (step.c).
static void norm(sz_tape *t, const sz_node *n, const char *op, int data, int bias,
                 const sz_attr *attrs, int n_attrs) {
    const sz_value_id g = sz_tape_dy(t, n, 0), in[] = {n->inputs[data], n->inputs[1],
                                                       sz_tape_out(n, 1), sz_tape_out(n, 2), g};
    const bool made[] = {sz_tape_wants(t, n, data), sz_tape_wants(t, n, 1),
                         sz_tape_wants(t, n, bias)};
    sz_value_id out[3] = {SZ_NONE, SZ_NONE, SZ_NONE};
    if (t->status != SZ_OK) return;
    if (made[2] && !sz_tape_same_shape(t, n->inputs[bias], n->inputs[1])) {
        sz_tape_refuse(t, n, "its scale and its bias have different shapes");
        return;
    }
    sz_tape_node(t, op, 5, in, n_attrs, attrs, made[2] ? 3 : made[1] ? 2 : 1, made, out);
    if (made[0]) sz_tape_give(t, n, data, out[0]);
    if (made[1]) sz_tape_give(t, n, 1, out[1]);
    if (made[2]) sz_tape_give(t, n, bias, out[2]);
}

void sz_back_batch_norm(sz_tape *t, const sz_node *n) {
    const sz_attr attrs[] = {sz_tape_f("epsilon", sz_attr_f(n, "epsilon", 1e-5))};
    norm(t, n, "sizeup.train.BatchNormalizationGrad", 0, 2, attrs, 1);
}

void sz_back_layer_norm(sz_tape *t, const sz_node *n) {
    const sz_attr attrs[] = {sz_tape_f("epsilon", sz_attr_f(n, "epsilon", 1e-5)),
                             sz_tape_i("axis", sz_attr_i(n, "axis", -1))};
    norm(t, n, "sizeup.train.LayerNormalizationGrad", 0, 2, attrs, 2);
}

// n = x r with r = 1 / sqrt(mean(x x) + e) is made again; with d = g scale,
// dx = r (d - n mean(d n)), dscale = sum g n.
void sz_back_rms_norm(sz_tape *t, const sz_node *n) {
    const sz_value_id g = sz_tape_dy(t, n, 0), x = n->inputs[0];
    int64_t axes[SZ_MAX_RANK], axis = sz_attr_i(n, "axis", -1);
    int32_t count = 0;
    if (t->status != SZ_OK) return;
    const int32_t rank = sz_tape_type(t, x)->rank;
    for (int64_t d = axis < 0 ? axis + rank : axis; d < rank; d++) axes[count++] = d;
    const sz_value_id e = sz_tape_number(t, x, sz_attr_f(n, "epsilon", 1e-5));
    const sz_value_id square = sz_tape_binary(t, "Mul", x, x);
    const sz_value_id mean = sz_tape_mean(t, square, count, axes);
    const sz_value_id more = sz_tape_binary(t, "Add", mean, e);
    const sz_value_id root = sz_tape_unary(t, "Sqrt", more);
    const sz_value_id unit = sz_tape_binary(t, "Div", x, root);
    if (sz_tape_wants(t, n, 1)) sz_tape_give(t, n, 1, sz_tape_binary(t, "Mul", g, unit));
    if (!sz_tape_wants(t, n, 0)) return;
    const sz_value_id d = sz_tape_binary(t, "Mul", g, n->inputs[1]);
    const sz_value_id part = sz_tape_binary(t, "Mul", d, unit);
    const sz_value_id share = sz_tape_mean(t, part, count, axes);
    const sz_value_id off = sz_tape_binary(t, "Mul", unit, share);
    const sz_value_id left = sz_tape_binary(t, "Sub", d, off);
    sz_tape_give(t, n, 0, sz_tape_binary(t, "Div", left, root));
}

// ---- positions ---------------------------------------------------------------------------------

// Turned back: the sine is negated. X, cos, sin, [positions].
void sz_back_rotary(sz_tape *t, const sz_node *n) {
    static const char *const names[] = {"interleaved", "num_heads", "rotary_embedding_dim", NULL};
    const sz_value_id g = sz_tape_dy(t, n, 0);
    sz_attr attrs[3];
    const int count = sz_tape_copy_attrs(n, names, attrs);
    if (sz_tape_wants(t, n, 1) || sz_tape_wants(t, n, 2)) {
        sz_tape_refuse(t, n, "its tables are trained");
        return;
    }
    const sz_value_id in[] = {g, n->inputs[1], sz_tape_unary(t, "Neg", n->inputs[2]),
                              sz_tape_in(n, 3)};
    sz_value_id out = SZ_NONE;
    if (t->status != SZ_OK) return;
    sz_tape_node(t, "RotaryEmbedding", in[3] == SZ_NONE ? 3 : 4, in, count, attrs, 1, NULL, &out);
    sz_tape_give(t, n, 0, out);
}
