// SPDX-License-Identifier: Apache-2.0
// RNN, GRU, LSTM and their relatives.
// MACs: steps x batch x directions x gates x hidden x (input + hidden), with 1, 3 and 4 gates.
// sequence_lens may end a sequence early; all steps are counted.
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

typedef struct cell_form {
    int gates;
    int activation;     // elementary operations per hidden element and step, with their products
    bool has_cell;      // third output
    bool turned;        // weights are [directions, input, gates x hidden]
} cell_form;

typedef struct cell {
    int64_t steps, batch, input, hidden, directions;
    bool batch_first;
} cell;

// LSTM: 3 sigmoids (4 each), 2 tanh, 3 products, 1 sum; GRU: 2 sigmoids, 1 tanh, 3 products, 2
// sums; RNN: 1 tanh.
static const cell_form rnn = {.gates = 1, .activation = 1};
static const cell_form gru = {.gates = 3, .activation = 14};
static const cell_form lstm = {.gates = 4, .activation = 18, .has_cell = true};
static const cell_form lstm_dynamic = {.gates = 4, .activation = 18, .has_cell = true,
                                       .turned = true};

static sz_status read_direction(const sz_infer *n, int64_t *ret) {
    sz_str s = sz_attr_s(n->node, "direction", "forward");
    *ret = sz_str_is(s, "bidirectional") ? 2 : 1;
    if (*ret == 2 || sz_str_is(s, "forward") || sz_str_is(s, "reverse")) return SZ_OK;
    return sz_op_fail(n, "direction '%s' is not known", sz_show(n->ctx, s));
}

static sz_status differ(const sz_infer *n, const char *what, int64_t have, int64_t want) {
    if (have < 0 || want < 0 || have == want) return SZ_OK;
    return sz_op_fail(n, "%s: %lld and %lld", what, (long long)have, (long long)want);
}

// W and R must fit directions, gates, hidden and input size.
static sz_status check_weights(const sz_infer *n, const cell_form *f, const cell *s) {
    int out = f->turned ? 2 : 1, in = f->turned ? 1 : 2;
    int64_t rows;
    SZ_TRY(sz_dim_mul(n, s->hidden, f->gates, &rows));
    for (int i = 1; i <= 2; i++) {
        const char *who = i == 1 ? "W" : "R";
        if (sz_in_rank(n, i) < 0) continue;
        if (sz_in_rank(n, i) != 3)
            return sz_op_fail(n, "%s has %d dimensions, 3 are needed", who, (int)sz_in_rank(n, i));
        SZ_TRY(differ(n, "directions of weights and attribute differ", sz_in_dim(n, i, 0),
                      s->directions));
        SZ_TRY(differ(n, "gates x hidden size differ", sz_in_dim(n, i, out), rows));
        SZ_TRY(differ(n, "inner sizes differ", i == 1 ? s->input : s->hidden,
                      sz_in_dim(n, i, in)));
    }
    return SZ_OK;
}

static sz_status cell_read(const sz_infer *n, const cell_form *f, cell *s) {
    const sz_type *x = sz_in(n, 0);
    s->batch_first = sz_attr_i(n->node, "layout", 0) != 0;
    s->hidden = sz_attr_i(n->node, "hidden_size", SZ_DIM_UNKNOWN);
    if (s->hidden < 0) s->hidden = sz_in_rank(n, 2) == 3 ? sz_in_dim(n, 2, f->turned ? 1 : 2)
                                                         : SZ_DIM_UNKNOWN;
    SZ_TRY(read_direction(n, &s->directions));
    if (x->rank >= 0 && x->rank != 3)
        return sz_op_fail(n, "input has %d dimensions, 3 are needed", (int)x->rank);
    s->steps = sz_in_dim(n, 0, s->batch_first ? 1 : 0);
    s->batch = sz_in_dim(n, 0, s->batch_first ? 0 : 1);
    s->input = sz_in_dim(n, 0, 2);
    if (x->rank < 0) s->steps = s->batch = s->input = SZ_DIM_UNKNOWN;
    return check_weights(n, f, s);
}

static sz_status cell_out(sz_infer *n, const cell_form *f) {
    sz_dtype t = sz_in_dtype(n, 0);
    cell s;
    SZ_TRY(cell_read(n, f, &s));
    int64_t all[] = {s.steps, s.directions, s.batch, s.hidden};
    int64_t all_first[] = {s.batch, s.steps, s.directions, s.hidden};
    int64_t last[] = {s.directions, s.batch, s.hidden};
    int64_t last_first[] = {s.batch, s.directions, s.hidden};
    SZ_TRY(sz_out(n, 0, t, 4, s.batch_first ? all_first : all));
    SZ_TRY(sz_out(n, 1, t, 3, s.batch_first ? last_first : last));
    return f->has_cell ? sz_out(n, 2, t, 3, s.batch_first ? last_first : last) : SZ_OK;
}

static sz_status cell_cost(sz_costing *c, const cell_form *f) {
    cell s;
    int64_t cells, width, bias;
    SZ_TRY(cell_read(&c->in, f, &s));
    if (s.hidden < 0) return sz_cost_unknown(c, "its hidden size is not known");
    if (!sz_add(s.input, s.hidden, &width))
        return sz_op_fail(&c->in, "input plus hidden size exceed 2^63");
    SZ_TRY(sz_cost_add_macs(c, 6, (int64_t[]){s.steps, s.batch, s.directions, f->gates, s.hidden,
                                              width}));
    cells = s.steps; // cannot overflow but when a factor of the macs was 0
    if (!sz_mul(cells, s.batch, &cells) || !sz_mul(cells, s.directions, &cells) ||
        !sz_mul(cells, s.hidden, &cells) || !sz_mul(cells, 2 * f->gates, &bias))
        return sz_op_fail(&c->in, "cells exceed 2^63");
    if (sz_has_in(&c->in, 3)) SZ_TRY(sz_epilogue_bias(c, bias)); // of input and of recurrence
    return sz_cost_add_epilogue(c, 2, (int64_t[]){cells, f->activation});
}

sz_status sz_shape_rnn(sz_infer *n) { return cell_out(n, &rnn); }
sz_status sz_cost_rnn(sz_costing *c) { return cell_cost(c, &rnn); }
sz_status sz_shape_gru(sz_infer *n) { return cell_out(n, &gru); }
sz_status sz_cost_gru(sz_costing *c) { return cell_cost(c, &gru); }
sz_status sz_shape_lstm(sz_infer *n) { return cell_out(n, &lstm); }
sz_status sz_cost_lstm(sz_costing *c) { return cell_cost(c, &lstm); }
sz_status sz_shape_lstm_dynamic(sz_infer *n) { return cell_out(n, &lstm_dynamic); }
sz_status sz_cost_lstm_dynamic(sz_costing *c) { return cell_cost(c, &lstm_dynamic); }

// ---- sizeup.train: back through time ------------------------------------------------------------

// Inputs: X, W, R, B, the initial states, then what the forward node gave (Y and the last states),
// then the gradients of that. Outputs: the gradients of X, W, R, B and of the initial states.
typedef struct back_form {
    const cell_form *cell;
    int states;
    int work, work_after; // per cell; with linear_before_reset: see gradient_layer.c
} back_form;

static const back_form rnn_back = {&rnn, 1, 4, 4};
static const back_form gru_back = {&gru, 1, 20, 18};
static const back_form lstm_back = {&lstm, 2, 24, 24};

static sz_status check_shape(const sz_infer *n, int i, int rank, const int64_t *want) {
    if (sz_in_rank(n, i) < 0) return SZ_OK;
    bool same = sz_in_rank(n, i) == rank;
    for (int d = 0; same && d < rank; d++) {
        const int64_t have = sz_in_dim(n, i, d);
        same = have < 0 || want[d] < 0 || have == want[d];
    }
    return same ? SZ_OK : sz_op_fail(n, "the shape of input %d is not that of the layer", i);
}

static sz_status back_out(sz_infer *n, const back_form *f) {
    const int result = 4 + f->states, gradient = result + 1 + f->states;
    int64_t bias;
    cell s;
    SZ_TRY(cell_read(n, f->cell, &s));
    if (s.batch_first) return sz_op_fail(n, "the batch comes first, which has no gradient here");
    if (!sz_has_in(n, result)) return sz_op_fail(n, "input %d (Y) is left out", result);
    const int64_t all[] = {s.steps, s.directions, s.batch, s.hidden};
    SZ_TRY(sz_dim_mul(n, s.hidden, 2 * f->cell->gates, &bias));
    SZ_TRY(check_shape(n, 3, 2, (int64_t[]){s.directions, bias}));
    for (int k = 0; k < f->states; k++) {
        SZ_TRY(check_shape(n, 4 + k, 3, all + 1));
        SZ_TRY(check_shape(n, result + 1 + k, 3, all + 1));
        SZ_TRY(check_shape(n, gradient + 1 + k, 3, all + 1));
    }
    SZ_TRY(check_shape(n, result, 4, all));
    SZ_TRY(check_shape(n, gradient, 4, all));
    for (int o = 0; o < 4 + f->states; o++) {
        if (!sz_has_out(n, o)) continue;
        if (!sz_has_in(n, o))
            return sz_op_fail(n, "output %d is the gradient of an input that is left out", o);
        SZ_TRY(sz_out_like(n, o, o));
    }
    return SZ_OK;
}

// The gates' gradients times R go to the state before, times W to the input; both weights get outer
// products.
static sz_status back_cost(sz_costing *c, const back_form *f) {
    const bool after = sz_attr_i(c->in.node, "linear_before_reset", 0) != 0;
    const sz_infer *n = &c->in;
    const int gates = f->cell->gates;
    int64_t cells;
    cell s;
    SZ_TRY(cell_read(n, f->cell, &s));
    if (s.hidden < 0) return sz_cost_unknown(c, "its hidden size is not known");
    const int64_t times_input = sz_has_out(n, 0) + sz_has_out(n, 1);
    const int64_t times_state = 1 + sz_has_out(n, 2);
    SZ_TRY(sz_cost_add_macs(c, 7, (int64_t[]){s.steps, s.batch, s.directions, gates, s.hidden,
                                              s.input, times_input}));
    SZ_TRY(sz_cost_add_macs(c, 7, (int64_t[]){s.steps, s.batch, s.directions, gates, s.hidden,
                                              s.hidden, times_state}));
    cells = s.steps; // cannot overflow but when a factor of the macs was 0
    if (!sz_mul(cells, s.batch, &cells) || !sz_mul(cells, s.directions, &cells) ||
        !sz_mul(cells, s.hidden, &cells))
        return sz_op_fail(n, "cells exceed 2^63");
    if (sz_has_out(n, 3)) SZ_TRY(sz_cost_add_epilogue(c, 2, (int64_t[]){cells, gates}));
    return sz_cost_add_epilogue(c, 2, (int64_t[]){cells, after ? f->work_after : f->work});
}

sz_status sz_shape_grad_rnn(sz_infer *n) { return back_out(n, &rnn_back); }
sz_status sz_cost_grad_rnn(sz_costing *c) { return back_cost(c, &rnn_back); }
sz_status sz_shape_grad_gru(sz_infer *n) { return back_out(n, &gru_back); }
sz_status sz_cost_grad_gru(sz_costing *c) { return back_cost(c, &gru_back); }
sz_status sz_shape_grad_lstm(sz_infer *n) { return back_out(n, &lstm_back); }
sz_status sz_cost_grad_lstm(sz_costing *c) { return back_cost(c, &lstm_back); }

// ---- com.microsoft.AttnLSTM --------------------------------------------------------------------

// An LSTM whose input at each step is joined with the attention over a memory (Bahdanau). The inner
// size of W covers both, so W is not checked against X.
static sz_status attn_read(const sz_infer *n, cell *s) {
    SZ_TRY(read_direction(n, &s->directions));
    s->hidden = sz_attr_i(n->node, "hidden_size", sz_in_rank(n, 2) == 3 ? sz_in_dim(n, 2, 2)
                                                                        : SZ_DIM_UNKNOWN);
    if (sz_in_rank(n, 0) >= 0 && sz_in_rank(n, 0) != 3)
        return sz_op_fail(n, "input has %d dimensions, 3 are needed", (int)sz_in_rank(n, 0));
    s->steps = sz_in_dim(n, 0, 0);
    s->batch = sz_in_dim(n, 0, 1);
    s->input = sz_in_rank(n, 1) == 3 ? sz_in_dim(n, 1, 2) : SZ_DIM_UNKNOWN;
    return SZ_OK;
}

sz_status sz_shape_lstm_attention(sz_infer *n) {
    sz_dtype t = sz_in_dtype(n, 0);
    cell s;
    SZ_TRY(attn_read(n, &s));
    SZ_TRY(sz_out(n, 0, t, 4, (int64_t[]){s.steps, s.directions, s.batch, s.hidden}));
    SZ_TRY(sz_out(n, 1, t, 3, (int64_t[]){s.directions, s.batch, s.hidden}));
    return sz_out(n, 2, t, 3, (int64_t[]){s.directions, s.batch, s.hidden});
}

// Per step: gates, query layer, one dot product per memory entry, context, attention layer.
// Once: keys = memory x memory layer.
sz_status sz_cost_lstm_attention(sz_costing *c) {
    const sz_infer *n = &c->in;
    cell s;
    int64_t memory = sz_in_dim(n, 11, 1), depth = sz_in_dim(n, 11, 2), attn = sz_in_dim(n, 8, 2);
    int64_t layer = sz_has_in(n, 13) ? sz_in_dim(n, 13, 2) : 0, both, width, keys;
    SZ_TRY(attn_read(n, &s));
    for (int i = 8; i <= 11; i++)
        if (!sz_has_in(n, i)) return sz_cost_unknown(c, "its attention inputs are left out");
    if (memory < 0 || depth < 0 || attn < 0 || layer < 0 || s.input < 0 || s.hidden < 0)
        return sz_cost_unknown(c, "its attention inputs have unusual ranks");
    if (!sz_add(s.input, s.hidden, &width) || !sz_add(depth, s.hidden, &both) ||
        !sz_add(attn, depth, &keys))
        return sz_op_fail(n, "sizes exceed 2^63");
    int64_t d = s.directions, b = s.batch, t = s.steps;
    SZ_TRY(sz_cost_add_macs(c, 6, (int64_t[]){t, b, d, 4, s.hidden, width}));
    SZ_TRY(sz_cost_add_macs(c, 5, (int64_t[]){t, b, d, s.hidden, attn}));
    SZ_TRY(sz_cost_add_macs(c, 5, (int64_t[]){t, b, d, memory, keys}));
    SZ_TRY(sz_cost_add_macs(c, 5, (int64_t[]){t, b, d, both, layer}));
    return sz_cost_add_macs(c, 5, (int64_t[]){b, d, memory, depth, attn});
}
