// SPDX-License-Identifier: Apache-2.0
// Recurrent layers: one node of sizeup.train goes back through time.
#include "model/train/tape.h"

// Of RNN, its function may be any with a derivative from its result.
static bool has_usual_functions(const sz_node *n) {
    static const char *const usual[] = {"Sigmoid", "Tanh", "Tanh"};
    static const char *const single[] = {"Tanh", "Relu", "Sigmoid"};
    const sz_attr *a = sz_attr_find(n, "activations");
    const int each = sz_str_is(n->op, "LSTM") ? 3 : sz_str_is(n->op, "GRU") ? 2 : 1;
    if (!a || a->kind != SZ_ATTR_STRINGS) return true;
    for (int32_t i = 0; i < a->n; i++) {
        bool known = each > 1 && sz_str_is(a->strings[i], usual[i % each]);
        for (int k = 0; each == 1 && k < 3; k++)
            known |= sz_str_is(a->strings[i], single[k]) && sz_str_eq(a->strings[i], a->strings[0]);
        if (!known) return false;
    }
    return true;
}

static const char *refusal(const sz_node *n) {
    if (sz_tape_in(n, 4) != SZ_NONE) return "its sequences have lengths";
    if (sz_tape_in(n, 7) != SZ_NONE) return "it has peepholes";
    if (sz_attr_find(n, "clip")) return "it clips";
    if (sz_attr_i(n, "input_forget", 0)) return "its gates are coupled";
    if (sz_attr_i(n, "layout", 0)) return "its batch comes first";
    return has_usual_functions(n) ? NULL : "its functions are others than usual";
}

// Inputs of the node by those of the forward one: lengths are no part of it.
static const int sources[] = {0, 1, 2, 3, 5, 6};

static void back(sz_tape *t, const sz_node *n, const char *op, int states) {
    static const char *const names[] = {"direction", "hidden_size", "linear_before_reset",
                                        "activations", NULL};
    const char *why = refusal(n);
    const int given = 4 + states, result = 1 + states; // inputs, and outputs of the forward node
    sz_value_id in[12], out[6];
    bool made[6];
    sz_attr attrs[4];
    if (why) {
        sz_tape_refuse(t, n, why);
        return;
    }
    for (int i = 0; i < given; i++) {
        in[i] = sz_tape_in(n, sources[i]);
        made[i] = sz_tape_wants(t, n, sources[i]);
        out[i] = SZ_NONE;
    }
    for (int o = 0; o < result; o++) {
        in[given + o] = sz_tape_out(n, o);
        in[given + result + o] = sz_tape_dy(t, n, o);
    }
    sz_tape_node(t, op, given + 2 * result, in, sz_tape_copy_attrs(n, names, attrs), attrs, given,
                 made, out);
    for (int i = 0; i < given; i++)
        if (made[i]) sz_tape_give(t, n, sources[i], out[i]);
}

void sz_back_rnn(sz_tape *t, const sz_node *n) { back(t, n, "sizeup.train.RNNGrad", 1); }
void sz_back_gru(sz_tape *t, const sz_node *n) { back(t, n, "sizeup.train.GRUGrad", 1); }
void sz_back_lstm(sz_tape *t, const sz_node *n) { back(t, n, "sizeup.train.LSTMGrad", 2); }
