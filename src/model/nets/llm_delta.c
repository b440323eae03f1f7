// SPDX-License-Identifier: Apache-2.0
// Gated delta networks (Yang et al. 2024, 2412.06464): a state per head in the place of a cache. As
// Qwen3-Next and Kimi Linear have them.
#include "model/nets/llm_graph.h"

#include "model/ops/llm.h"

typedef struct delta {
    int64_t k_heads, k_size, v_heads, v_size;
    sz_value_id q, k, v, gate; // gate: of the output
    sz_value_id decay, beta;
} delta;

bool sz_lm_is_delta(sz_lm *m) { return sz_lm_has(m, "ssm_beta") || sz_lm_has(m, "ssm_ba"); }

// Its matrices are costed by their role then.
static void not_understood(sz_lm *m) {
    if (!m->told_delta)
        sz_warn(m->net.ctx,
                "'%s': the sizes of its delta network do not fit what the file says of its heads: "
                "what its state costs is not counted",
                m->at);
    m->told_delta = true;
}

// softplus(a + its bias), times a number per head.
static sz_value_id decay(sz_lm *m, sz_value_id a) {
    sz_weight *bias = sz_lm_find(m, "ssm_dt.bias"), *rate = sz_lm_find(m, "ssm_a");
    if (bias) a = sz_net_binary(&m->net, "ssm_dt", "Add", a, sz_lm_value(m, bias));
    a = sz_net_unary(&m->net, "ssm_softplus", "Softplus", a);
    if (!rate || rate->rank < 1) return a;
    int64_t n = 1;
    for (int32_t i = 0; i < rate->rank; i++)
        if (!sz_mul(n, rate->dims[i], &n)) return a;
    const sz_value_id r = sz_lm_value_as(m, rate, 1, &n);
    return sz_net_binary(&m->net, "ssm_decay", "Mul", a, r);
}

// Queries, keys and values in one product, with the gate or without.
static bool joined(sz_lm *m, sz_value_id x, delta *d) {
    const sz_llm *l = m->llm;
    const sz_weight *out = sz_lm_find(m, "ssm_out.weight");
    const int64_t inner = out && out->rank == 2 ? out->dims[1] : 0;
    sz_value_id parts[3];
    *d = (delta){.k_heads = l->ssm_groups, .k_size = l->ssm_state, .v_heads = l->ssm_rank};
    const bool has_in = sz_lm_has(m, "ssm_in");
    const int64_t rows = has_in ? sz_lm_rows(m, "ssm_in") - inner : sz_lm_rows(m, "attn_qkv");
    int64_t keys;
    if (d->v_heads <= 0 || inner <= 0 || inner % d->v_heads || d->k_heads <= 0 ||
        !sz_mul(d->k_heads, d->k_size, &keys) || rows - inner != 2 * keys) {
        not_understood(m);
        return false;
    }
    d->v_size = inner / d->v_heads;
    x = sz_lm_linear(m, has_in ? "ssm_in" : "attn_qkv", x);
    parts[0] = x;
    d->gate = SZ_NONE;
    if (has_in) {
        sz_lm_split(m, "ssm_in_parts", x, 2, (const int64_t[]){rows, inner}, parts);
        d->gate = parts[1];
    }
    x = sz_lm_convolve(m, "ssm_conv1d", parts[0]);
    sz_lm_split(m, "ssm_conv_parts", x, 3, (const int64_t[]){keys, keys, inner}, parts);
    d->q = parts[0], d->k = parts[1], d->v = parts[2];
    return true;
}

static void steps_of_joined(sz_lm *m, sz_value_id x, delta *d) {
    sz_value_id ba[2] = {SZ_NONE, SZ_NONE};
    if (sz_lm_has(m, "ssm_ba")) {
        const sz_value_id both = sz_lm_linear(m, "ssm_ba", x);
        sz_lm_split(m, "ssm_ba_parts", both, 2, (const int64_t[]){d->v_heads, d->v_heads}, ba);
    } else {
        ba[0] = sz_lm_linear(m, "ssm_beta", x);
        ba[1] = sz_lm_linear(m, "ssm_alpha", x);
    }
    d->beta = ba[0];
    d->decay = ba[1] == SZ_NONE ? SZ_NONE : decay(m, ba[1]);
    if (d->gate == SZ_NONE) d->gate = sz_lm_linear(m, "attn_gate", x);
    if (d->gate != SZ_NONE) d->gate = sz_net_unary(&m->net, "ssm_gate", "Swish", d->gate);
}

// The same with a number per channel, scaled by one per head.
static sz_value_id decay_of_channels(sz_lm *m, sz_value_id a, const delta *d) {
    sz_weight *rate = sz_lm_find(m, "ssm_a");
    if (a == SZ_NONE) return a;
    a = sz_net_unary(&m->net, "ssm_softplus", "Softplus", a);
    if (!rate) return a;
    a = sz_net_reshape(&m->net, "ssm_decay.heads", a, SZ_SHAPE(0, 0, d->k_heads, d->k_size));
    const sz_value_id r = sz_lm_value_as(m, rate, 2, (const int64_t[]){d->k_heads, 1});
    a = sz_net_binary(&m->net, "ssm_decay", "Mul", a, r);
    return sz_net_reshape(&m->net, "ssm_decay.join", a, SZ_SHAPE(0, 0, d->k_heads * d->k_size));
}

// Kimi Linear: three products with a convolution each; decay and gate by way of a narrow middle.
static bool apart(sz_lm *m, sz_value_id x, delta *d) {
    const int64_t heads = m->llm->heads, k = sz_lm_rows(m, "attn_k"), v = sz_lm_rows(m, "attn_v");
    if (heads <= 0 || k <= 0 || v <= 0 || k % heads || v % heads ||
        k != sz_lm_rows(m, "attn_q")) {
        not_understood(m);
        return false;
    }
    *d = (delta){heads, k / heads, heads, v / heads, SZ_NONE, SZ_NONE, SZ_NONE,
                 SZ_NONE, SZ_NONE, SZ_NONE};
    d->q = sz_lm_convolve(m, "ssm_conv1d_q", sz_lm_linear(m, "attn_q", x));
    d->k = sz_lm_convolve(m, "ssm_conv1d_k", sz_lm_linear(m, "attn_k", x));
    d->v = sz_lm_convolve(m, "ssm_conv1d_v", sz_lm_linear(m, "attn_v", x));
    d->decay = decay_of_channels(m, sz_lm_linear(m, "ssm_f_b", sz_lm_linear(m, "ssm_f_a", x)), d);
    d->beta = sz_lm_linear(m, "ssm_beta", x);
    d->gate = sz_lm_linear(m, "ssm_g_b", sz_lm_linear(m, "ssm_g_a", x));
    if (d->gate != SZ_NONE) d->gate = sz_net_unary(&m->net, "ssm_gate", "Sigmoid", d->gate);
    return true;
}

sz_value_id sz_lm_delta(sz_lm *m, sz_value_id x) {
    const bool is_joined = sz_lm_has(m, "ssm_in") || sz_lm_has(m, "attn_qkv");
    delta d;
    if (is_joined ? !joined(m, x, &d) : !apart(m, x, &d)) return SZ_NONE;
    if (is_joined) steps_of_joined(m, x, &d);
    if (d.beta != SZ_NONE) d.beta = sz_net_unary(&m->net, "ssm_open", "Sigmoid", d.beta);
    sz_value_id y = sz_net_node(&m->net, &(sz_net_op){
                                             .name = "delta",
                                             .op = "LinearAttention",
                                             .n_inputs = 6,
                                             .inputs = {d.q, d.k, d.v, SZ_NONE, d.decay, d.beta},
                                             .n_attrs = 2,
                                             .attrs = {sz_net_int("q_num_heads", d.k_heads),
                                                       sz_net_int("kv_num_heads", d.v_heads)}});
    y = sz_lm_head_norm(m, "ssm_norm", y, d.v_heads, d.v_size);
    if (d.gate != SZ_NONE) y = sz_net_binary(&m->net, "ssm_gated", "Mul", y, d.gate);
    return sz_lm_linear(m, is_joined ? "ssm_out" : "attn_output", y);
}
