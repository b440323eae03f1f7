// SPDX-License-Identifier: Apache-2.0
// OpenVINO's products, attention, recurrent layers, norms and quantizers.
#include "model/ops/matmul.h"
#include "model/ops/openvino.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

#include <inttypes.h>

// ---- products ----------------------------------------------------------------------------------

static sz_product product_of(const sz_infer *n) {
    return (sz_product){.a = 0,
                        .b = 1,
                        .bias = SZ_NONE,
                        .ta = sz_attr_i(n->node, "transpose_a", 0) != 0,
                        .tb = sz_attr_i(n->node, "transpose_b", 0) != 0};
}

sz_status sz_shape_ov_matmul(sz_infer *n) {
    const sz_product p = product_of(n);
    return sz_product_out(n, &p, sz_in_dtype(n, 0));
}

sz_status sz_cost_ov_matmul(sz_costing *c) {
    const sz_product p = product_of(&c->in);
    return sz_product_cost(c, &p);
}

// x [..., K] times weights [N, K], and a bias.
static const sz_product connected = {.a = 0, .b = 1, .bias = 2, .tb = true};

sz_status sz_shape_ov_connected(sz_infer *n) {
    return sz_product_out(n, &connected, sz_ov_dtype(n, "output_type", sz_in_dtype(n, 0)));
}

sz_status sz_cost_ov_connected(sz_costing *c) { return sz_product_cost(c, &connected); }

// LU decomposition and two triangular systems: n^3 MACs per matrix, as for com.microsoft.Inverse.
sz_status sz_cost_ov_inverse(sz_costing *c) {
    const sz_type *x = sz_in(&c->in, 0);
    if (x->rank < 2) return sz_cost_unknown(c, "its input is no matrix");
    return sz_cost_add_macs(c, 2, (int64_t[]){c->work->in_elements, x->dims[x->rank - 1]});
}

// ---- attention ---------------------------------------------------------------------------------

// query [N..., L, E], key [N..., S, E], value [N..., S, V]; batches broadcast.
static sz_status attention_shape(const sz_infer *n, int64_t *dims, int32_t *ret_rank) {
    const sz_product scores = {.a = 0, .b = 1, .bias = SZ_NONE, .tb = true};
    int64_t inner;
    for (int i = 0; i < 3; i++)
        if (sz_in_rank(n, i) >= 0 && sz_in_rank(n, i) < 2)
            return sz_op_fail(n, "input %d has %d dimensions, 2 are needed", i, sz_in_rank(n, i));
    return sz_product_shape(n, &scores, dims, ret_rank, &inner);
}

sz_status sz_shape_ov_attention(sz_infer *n) {
    int64_t dims[SZ_MAX_RANK];
    int32_t rank;
    SZ_TRY(attention_shape(n, dims, &rank));
    if (rank < 0 || sz_in_rank(n, 2) < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    const int64_t keys = sz_in_dim(n, 2, -2);
    if (keys >= 0 && dims[rank - 1] >= 0 && keys != dims[rank - 1])
        return sz_op_fail(n, "%" PRId64 " keys and %" PRId64 " values", dims[rank - 1], keys);
    dims[rank - 1] = sz_in_dim(n, 2, -1);
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

// MACs: scores x (E + V). Per score: scale, softmax (5), and a mask: an addition where it is given,
// a choice, which is no operation, where it is causal.
sz_status sz_cost_ov_attention(sz_costing *c) {
    const sz_infer *n = &c->in;
    const bool causal = sz_attr_i(n->node, "causal", 0) != 0;
    int64_t dims[SZ_MAX_RANK], scores = 1, width;
    int32_t rank;
    SZ_TRY(attention_shape(n, dims, &rank));
    for (int32_t k = 0; k < rank; k++)
        if (!sz_mul(scores, dims[k], &scores)) return sz_op_fail(n, "macs exceed 2^63");
    if (!sz_add(sz_in_dim(n, 1, -1), sz_in_dim(n, 2, -1), &width))
        return sz_op_fail(n, "macs exceed 2^63");
    SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){scores, width}));
    const bool adds = !causal && sz_has_in(n, 3) && sz_in_rank(n, 3) > 0;
    return sz_cost_add_epilogue(c, 2, (int64_t[]){scores, 6 + adds});
}

// ---- recurrent layers --------------------------------------------------------------------------

// Inputs of a form: x, first states, (lengths,) weights, recurrent weights, bias. Activations per
// hidden element and step as in recurrent.c; AUGRU also weighs its update gate: sub, mul.
typedef struct cell_form {
    int gates, activation;
    bool has_cell, is_sequence;
} cell_form;

typedef struct cell {
    int64_t batch, steps, input, hidden, directions;
} cell;

static int weights_of(const cell_form *f) { return 2 + f->has_cell + f->is_sequence; }

static sz_status cell_read(const sz_infer *n, const cell_form *f, cell *s) {
    const int w = weights_of(f), rank = f->is_sequence ? 3 : 2;
    int64_t rows;
    for (int i = 0; i < 2; i++) SZ_TRY(sz_need_rank(n, i, rank));
    SZ_TRY(sz_need_rank(n, w, rank));
    s->batch = sz_in_dim(n, 0, 0);
    s->steps = f->is_sequence ? sz_in_dim(n, 0, 1) : 1;
    s->input = sz_in_dim(n, 0, rank - 1);
    s->hidden = sz_attr_i(n->node, "hidden_size", sz_in_dim(n, 1, rank - 1));
    s->directions = sz_str_is(sz_attr_s(n->node, "direction", ""), "bidirectional") ? 2 : 1;
    SZ_TRY(sz_dim_mul(n, s->hidden, f->gates, &rows));
    const int64_t have = sz_in_dim(n, w, rank - 2), inner = sz_in_dim(n, w, rank - 1);
    if (have >= 0 && rows >= 0 && have != rows)
        return sz_op_fail(n, "gates x hidden size differ: %" PRId64 " and %" PRId64, have, rows);
    if (inner >= 0 && s->input >= 0 && inner != s->input)
        return sz_op_fail(n, "inner sizes differ: %" PRId64 " and %" PRId64, s->input, inner);
    return SZ_OK;
}

static sz_status cell_out(sz_infer *n, const cell_form *f) {
    const sz_dtype t = sz_in_dtype(n, 0);
    cell s;
    SZ_TRY(cell_read(n, f, &s));
    const int64_t state[] = {s.batch, s.hidden}, last[] = {s.batch, s.directions, s.hidden};
    const int64_t all[] = {s.batch, s.directions, s.steps, s.hidden};
    if (f->is_sequence) SZ_TRY(sz_out(n, 0, t, 4, all));
    for (int o = f->is_sequence; o < n->node->n_outputs; o++)
        SZ_TRY(f->is_sequence ? sz_out(n, o, t, 3, last) : sz_out(n, o, t, 2, state));
    return SZ_OK;
}

// Steps x batch x directions x gates x hidden x (input + hidden). The bias is one sum per gate
// (input and recurrence are added beforehand); GRU with linear_before_reset has four for its three.
static sz_status cell_cost(sz_costing *c, const cell_form *f) {
    cell s;
    int64_t width, biases = f->gates;
    SZ_TRY(cell_read(&c->in, f, &s));
    if (s.hidden < 0) return sz_cost_unknown(c, "its hidden size is not known");
    if (!sz_add(s.input, s.hidden, &width)) return sz_op_fail(&c->in, "macs exceed 2^63");
    SZ_TRY(sz_cost_add_macs(
        c, 6, (int64_t[]){s.steps, s.batch, s.directions, f->gates, s.hidden, width}));
    if (sz_attr_i(c->in.node, "linear_before_reset", 0)) biases++;
    int64_t cells = s.steps;
    if (!sz_mul(cells, s.batch, &cells) || !sz_mul(cells, s.directions, &cells) ||
        !sz_mul(cells, s.hidden, &cells) || !sz_mul(cells, biases, &biases))
        return sz_op_fail(&c->in, "cells exceed 2^63");
    if (sz_has_in(&c->in, weights_of(f) + 2)) SZ_TRY(sz_epilogue_bias(c, biases));
    return sz_cost_add_epilogue(c, 2, (int64_t[]){cells, f->activation});
}

#define CELL_RULES(rule, ...)                                                                      \
    static const cell_form rule##_form = {__VA_ARGS__};                                            \
    sz_status sz_shape_##rule(sz_infer *n) { return cell_out(n, &rule##_form); }                   \
    sz_status sz_cost_##rule(sz_costing *c) { return cell_cost(c, &rule##_form); }

CELL_RULES(ov_rnn_cell, .gates = 1, .activation = 1)
CELL_RULES(ov_rnn_sequence, .gates = 1, .activation = 1, .is_sequence = true)
CELL_RULES(ov_gru_cell, .gates = 3, .activation = 14)
CELL_RULES(ov_gru_sequence, .gates = 3, .activation = 14, .is_sequence = true)
CELL_RULES(ov_augru_cell, .gates = 3, .activation = 16)
CELL_RULES(ov_augru_sequence, .gates = 3, .activation = 16, .is_sequence = true)
CELL_RULES(ov_lstm_cell, .gates = 4, .activation = 18, .has_cell = true)
CELL_RULES(ov_lstm_sequence, .gates = 4, .activation = 18, .has_cell = true, .is_sequence = true)

// ---- norms -------------------------------------------------------------------------------------

// From opset 5 on the data come first; before, they stood behind gamma and beta.
sz_status sz_shape_ov_batch_norm(sz_infer *n) { return sz_out_like(n, 0, n->opset >= 5 ? 0 : 2); }

// x / sqrt(sum of squares over the axes + eps): square, add, div per element (`work`); per row eps
// and the root.
sz_status sz_cost_ov_normalize(sz_costing *c) {
    int32_t count = 0;
    const int64_t *axes = sz_ov_ints(&c->in, 1, &count);
    const int32_t rank = sz_in_rank(&c->in, 0);
    bool reduced[SZ_MAX_RANK] = {false};
    int64_t rows = 1;
    for (int32_t k = 0; k < rank && !axes; k++) reduced[k] = k == 1; // usual: the channels
    for (int32_t k = 0; k < count && axes; k++) {
        const int64_t axis = axes[k] < 0 ? axes[k] + rank : axes[k];
        if (axis >= 0 && axis < rank) reduced[axis] = true;
    }
    for (int32_t k = 0; k < rank; k++)
        if (!reduced[k] && !sz_mul(rows, sz_in_dim(&c->in, 0, k), &rows)) rows = 0;
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){c->work->in_elements, (int64_t)c->in.op->work}));
    return sz_cost_add_flops(c, 2, (int64_t[]){rows, 2});
}

// The same over the last axis; per row div (mean), eps, root.
sz_status sz_cost_ov_rms(sz_costing *c) {
    const int64_t line = sz_in_dim(&c->in, 0, -1);
    const int64_t rows = line > 0 ? c->work->in_elements / line : 0;
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){c->work->in_elements, (int64_t)c->in.op->work}));
    return sz_cost_add_flops(c, 2, (int64_t[]){rows, 3});
}

// x sigmoid(x): 5; with another beta than 1 a product more.
sz_status sz_cost_ov_swish(sz_costing *c) {
    const sz_tensor *beta = sz_in_value(&c->in, 1);
    const bool scaled = sz_has_in(&c->in, 1) &&
                        !(beta && beta->f && beta->count == 1 && beta->f[0] == 1);
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, 5 + scaled});
}

// ---- states ------------------------------------------------------------------------------------

// What a variable holds before anything was assigned: its first value, or the shape that it states.
// Where the first value is empty and the stated size is free (a cache of keys before the first
// token), the size is the symbol "past", 0 until it is bound.
sz_status sz_shape_ov_read_value(sz_infer *n) {
    const sz_graph *root = sz_graph_root(n->graph);
    const sz_dtype dtype = sz_ov_dtype(n, "variable_type", sz_in_dtype(n, 0));
    const sz_type *x = sz_in(n, 0);
    int64_t past = 0, dims[SZ_MAX_RANK];
    if (!sz_has_in(n, 0) || x->rank < 0) return sz_out_rank(n, 0, dtype, -1);
    for (size_t i = 0; i < root->symbols.n; i++)
        if (sz_str_is(root->symbols.items[i].name, "past") && root->symbols.items[i].bound > 0)
            past = root->symbols.items[i].bound;
    for (int32_t k = 0; k < x->rank; k++) dims[k] = x->dims[k] == 0 ? past : x->dims[k];
    return sz_out(n, 0, dtype, x->rank, dims);
}
