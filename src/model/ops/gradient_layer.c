// SPDX-License-Identifier: Apache-2.0
// Backward passes of operators with MACs.
//
// Y = A B has dA = G B^T and dB = A^T G: each has the MACs of the forward pass, whatever the layout
// of A and B, so it holds for products, convolutions and their transposes alike. The gradient of
// one operand needs the other.
#include "model/ops/gradient.h"

static sz_backward *part_of(sz_grading *g, int i) {
    return g->wants[i] == SZ_WANT_WEIGHT ? &g->weight : &g->data;
}

static sz_status too_large(const sz_grading *g) {
    return sz_op_fail(&g->cost.in, "its backward pass exceeds 2^63");
}

static sz_status add_macs(sz_grading *g, int i, int64_t macs) {
    if (!sz_wants(g, i)) return SZ_OK;
    sz_backward *b = part_of(g, i);
    return sz_add(b->macs, macs, &b->macs) ? SZ_OK : too_large(g);
}

static sz_status add_epilogue(sz_grading *g, sz_backward *b, int64_t elements, int64_t work) {
    return elements <= 0 || sz_madd(&b->epilogue, elements, work) ? SZ_OK : too_large(g);
}

static sz_status save(sz_grading *g, int64_t elements, int64_t arrays) {
    return sz_madd(&g->saved_elements, elements, arrays) ? SZ_OK : too_large(g);
}

static int64_t in_of(const sz_grading *g, int i) { return sz_cost_in_elements(&g->cost, i); }

// ---- products and convolutions -----------------------------------------------------------------

// The bias was added to each row: its gradient is summed over them.
static sz_status bias_gradient(sz_grading *g, int i, int64_t elements) {
    if (!sz_wants(g, i)) return SZ_OK;
    return add_epilogue(g, part_of(g, i), elements - in_of(g, i), 1);
}

sz_status sz_gradient_contract(sz_grading *g) {
    for (int i = 0; i < 2; i++) {
        SZ_TRY(add_macs(g, i, g->cost.work->macs));
        if (sz_wants(g, i)) sz_gradient_keep_in(g, 1 - i);
    }
    return bias_gradient(g, 2, g->cost.work->out_elements);
}

// The derivative of the activation inside is told from the result.
sz_status sz_gradient_contract_fused(sz_grading *g) {
    const sz_str name = sz_attr_s(g->cost.in.node, "activation", "");
    SZ_TRY(sz_gradient_contract(g));
    if (name.len == 0) return SZ_OK;
    sz_gradient_keep_out(g, 0);
    return add_epilogue(g, &g->data, g->cost.work->out_elements, sz_activation_gradient_work(name));
}

// With two operands as above. Of more, each gradient is a product of all the others, as large as
// the forward pass; of one, copies are summed or a sum is copied.
sz_status sz_gradient_einsum(sz_grading *g) {
    const int32_t n = g->cost.in.node->n_inputs;
    for (int32_t i = 0; i < n; i++) {
        SZ_TRY(add_macs(g, i, g->cost.work->macs));
        for (int32_t k = 0; k < n && n > 1 && sz_wants(g, i); k++)
            if (k != i) sz_gradient_keep_in(g, k);
    }
    return SZ_OK;
}

// ---- recurrent layers --------------------------------------------------------------------------

enum { X, W, R, B, INITIAL_H = 5, INITIAL_C };

typedef struct cell {
    int64_t cells;            // steps x batch x directions x hidden
    int64_t input, recurrent; // MACs of the two products
} cell;

// R is [directions, gates x hidden, hidden]: the forward MACs are cells x gates x (input + hidden).
static sz_status cell_read(sz_grading *g, int gates, cell *c) {
    const sz_infer *n = &g->cost.in;
    const int64_t hidden = sz_in_dim(n, R, 2), input = sz_in_dim(n, X, 2);
    int64_t width, all;
    if (hidden < 0 || input < 0 || !sz_add(hidden, input, &width) || !sz_mul(width, gates, &all))
        return g->unknown = "its sizes are not known", SZ_OK;
    c->cells = all > 0 ? g->cost.work->macs / all : 0;
    c->recurrent = c->input = 0; // parts of the forward MACs: no overflow
    if (!sz_madd(&c->recurrent, c->cells, gates * hidden)) return too_large(g);
    c->input = g->cost.work->macs - c->recurrent;
    return SZ_OK;
}

// Back through time: at each step the gates' gradients times R go to the state before, times W to
// the input; both weights get outer products. `work` per cell stands with the caller, `arrays` are
// kept per cell beside the states.
static sz_status recurrent(sz_grading *g, int gates, int64_t work, int64_t arrays) {
    cell c = {0};
    SZ_TRY(cell_read(g, gates, &c));
    if (g->unknown) return SZ_OK;
    if (!sz_add(g->data.macs, c.recurrent, &g->data.macs)) return too_large(g);
    SZ_TRY(add_macs(g, X, c.input));
    SZ_TRY(add_macs(g, W, c.input));
    SZ_TRY(add_macs(g, R, c.recurrent));
    SZ_TRY(add_epilogue(g, &g->data, c.cells, work));
    if (sz_wants(g, B)) SZ_TRY(add_epilogue(g, part_of(g, B), c.cells, gates));
    SZ_TRY(save(g, c.cells, arrays));
    if (sz_has_out(&g->cost.in, 0))
        sz_gradient_keep_out(g, 0);
    else
        SZ_TRY(save(g, c.cells, 1)); // the states
    if (sz_wants(g, W)) sz_gradient_keep_in(g, X);
    sz_gradient_keep_in(g, INITIAL_H);
    return SZ_OK;
}

// h = tanh(...): g from above + g from the next step: add; (1 - h h) g: mul, sub, mul.
sz_status sz_gradient_rnn(sz_grading *g) { return recurrent(g, 1, 4, 0); }

// h = (1 - z) n + z h'. Sum of both gradients: add. dn = g (1 - z): sub, mul; dz = g (h' - n): sub,
// mul; g z: mul; through tanh and two sigmoids: 3 each; dr: mul, sum with the products: add. With
// linear_before_reset d(R h) = dn r: mul, and R h is kept; without, r h' is formed again, dr and
// the part of h' take mul and mul, add.
sz_status sz_gradient_gru(sz_grading *g) {
    const bool before = sz_attr_i(g->cost.in.node, "linear_before_reset", 0) != 0;
    return recurrent(g, 3, before ? 18 : 20, before ? 4 : 3);
}

// Hochreiter and Schmidhuber 1997 with forget gates, h = o tanh(c), c = f c' + i n. Sum of both
// gradients: add. do = g tanh(c): tanh, mul; dc += g o (1 - tanh^2): mul, mul, sub, mul, add;
// di = dc n, dn = dc i, df = dc c', dc' = dc f: 4; through three sigmoids and a tanh: 12. Kept:
// four gates and c.
sz_status sz_gradient_lstm(sz_grading *g) {
    sz_gradient_keep_in(g, INITIAL_C);
    return recurrent(g, 4, 24, 5);
}

// ---- attention ---------------------------------------------------------------------------------

// P = softmax(s Q K^T), Y = P V: dV = P^T G, dP = G V^T, dS = P (dP - sum dP P): mul, add, sub,
// mul, times s: mul; dQ = dS K, dK = dS^T Q. P is kept (or computed again: see recomputation).
static sz_status core(sz_grading *g, bool q, bool k, bool v) {
    const sz_work *w = g->cost.work;
    const bool cap = sz_attr_f(g->cost.in.node, "softcap", 0) != 0; // through tanh: 3, quotient 1
    const int64_t times_score = q + k, times_value = v + (q || k);
    if (!sz_madd(&g->data.macs, w->score_macs, times_score) ||
        !sz_madd(&g->data.macs, w->value_macs, times_value))
        return too_large(g);
    if (q || k) SZ_TRY(add_epilogue(g, &g->data, w->scores, cap ? 9 : 5));
    g->score_elements = w->scores;
    return SZ_OK;
}

// One input holds all of Q, K and V where the others are left out.
sz_status sz_gradient_attention(sz_grading *g) {
    const bool packed = !sz_has_in(&g->cost.in, 1);
    SZ_TRY(core(g, sz_wants(g, 0), sz_wants(g, packed ? 0 : 1), sz_wants(g, packed ? 0 : 2)));
    for (int i = 0; i < 3; i++) sz_gradient_keep_in(g, i);
    if (!sz_wants(g, 3)) return SZ_OK; // a bias of all three
    return add_epilogue(g, part_of(g, 3), in_of(g, 0), 3);
}

// com.microsoft.Attention projects X to Q, K and V by one matrix first; the three are kept.
sz_status sz_gradient_attention_fused(sz_grading *g) {
    const sz_work *w = g->cost.work;
    const int64_t inner = sz_in_dim(&g->cost.in, 0, -1), width = sz_in_dim(&g->cost.in, 1, 1);
    int64_t projected;
    if (inner <= 0 || width < 0 || !sz_mul(in_of(g, 0) / inner, width, &projected))
        return g->unknown = "its sizes are not known", SZ_OK;
    SZ_TRY(core(g, true, true, true));
    SZ_TRY(add_macs(g, 0, w->macs - w->score_macs - w->value_macs));
    SZ_TRY(add_macs(g, 1, w->macs - w->score_macs - w->value_macs));
    SZ_TRY(save(g, projected, 1));
    if (sz_wants(g, 1)) sz_gradient_keep_in(g, 0);
    return bias_gradient(g, 2, projected);
}

// ---- language models ---------------------------------------------------------------------------

// As `contract`, of the experts that each token takes; whose they were is kept.
sz_status sz_gradient_llm_experts(sz_grading *g) {
    for (int i = 0; i < 2; i++) {
        SZ_TRY(add_macs(g, i, g->cost.work->macs));
        if (!sz_wants(g, i)) continue;
        sz_gradient_keep_in(g, 1 - i);
        sz_gradient_keep_in(g, 2);
    }
    return bias_gradient(g, 3, g->cost.work->out_elements);
}

// The probabilities of all experts are kept, an array of its own.
sz_status sz_gradient_llm_route(sz_grading *g) {
    if (!sz_wants(g, 0)) return SZ_OK;
    SZ_TRY(save(g, in_of(g, 0), 1));
    return sz_gradient_add(g, 0, in_of(g, 0), (int64_t)g->row->work);
}

sz_status sz_gradient_llm_combine(sz_grading *g) {
    SZ_TRY(sz_gradient_add(g, 0, in_of(g, 0), (int64_t)g->row->work));
    SZ_TRY(sz_gradient_add(g, 1, in_of(g, 0), (int64_t)g->row->finish));
    if (sz_wants(g, 0)) sz_gradient_keep_in(g, 1);
    if (sz_wants(g, 1)) sz_gradient_keep_in(g, 0);
    return SZ_OK;
}

// Sinks and biases by distance stand beside the scores, so theirs are summed up.
sz_status sz_gradient_llm_attention(sz_grading *g) {
    SZ_TRY(sz_gradient_attention(g));
    if (!sz_wants(g, 4)) return SZ_OK;
    return add_epilogue(g, part_of(g, 4), g->cost.work->scores, 1);
}
