// SPDX-License-Identifier: Apache-2.0
// What stands in the place of attention in recurrent nets: Mamba 1 and 2, RWKV.
#include "model/nets/llm_graph.h"

#include "model/ops/llm.h"

#include <stdio.h>

static sz_value_id scan(sz_lm *m, const sz_value_id *in, int64_t states) {
    return sz_net_node(&m->net, &(sz_net_op){.name = "ssm_scan",
                                             .op = "SelectiveScan",
                                             .domain = SZ_LLM_DOMAIN,
                                             .n_inputs = in[5] == SZ_NONE ? 5 : 6,
                                             .inputs = {in[0], in[1], in[2], in[3], in[4], in[5]},
                                             .n_attrs = 1,
                                             .attrs = {sz_net_int("states", states)}});
}

// The weight [channels, taps] of a convolution along the tokens, each channel by itself.
static sz_value_id convolve(sz_lm *m, const char *name, sz_value_id x) {
    char text[64];
    snprintf(text, sizeof text, "%s.weight", name);
    sz_weight *w = sz_lm_find(m, text);
    snprintf(text, sizeof text, "%s.bias", name);
    sz_weight *bias = sz_lm_find(m, text);
    if (!w || w->rank < 2 || x == SZ_NONE) return x;
    const int64_t dims[] = {w->dims[0], 1, w->dims[w->rank - 1]};
    sz_net_op op = {.name = name,
                    .op = "CausalConvWithState",
                    .n_attrs = 1,
                    .attrs = {sz_net_int("channels_last", 1)}};
    op.inputs[op.n_inputs++] = x;
    op.inputs[op.n_inputs++] = sz_lm_value_as(m, w, 3, dims);
    if (bias) op.inputs[op.n_inputs++] = sz_lm_value(m, bias);
    return sz_net_node(&m->net, &op);
}

sz_value_id sz_lm_convolve(sz_lm *m, const char *name, sz_value_id x) {
    const sz_value_id y = convolve(m, name, x);
    const char *const act = strcmp(name, "ssm_conv1d") == 0 ? "ssm_act" : name + 4;
    return y == x ? x : sz_net_unary(&m->net, act, "Swish", y);
}

// dt = softplus(...): its bias may be all of it.
static sz_value_id steps(sz_lm *m, sz_value_id dt) {
    sz_weight *bias = sz_lm_find(m, "ssm_dt.bias");
    if (sz_lm_has(m, "ssm_dt"))
        dt = sz_lm_linear(m, "ssm_dt", dt);
    else if (bias)
        dt = sz_net_binary(&m->net, "ssm_dt", "Add", dt, sz_lm_value(m, bias));
    return sz_net_unary(&m->net, "ssm_softplus", "Softplus", dt);
}

// Gu and Dao 2023: x and z from one product; dt, B and C from x.
static sz_value_id mamba(sz_lm *m, sz_value_id x, int64_t inner) {
    sz_value_id xz[2], rest[3], in[6];
    const int64_t rank = sz_lm_has(m, "ssm_dt") ? m->llm->ssm_rank : 0;
    const int64_t rows = sz_lm_rows(m, "ssm_x"), states = (rows - rank) / 2;
    if (rank <= 0 || states <= 0) {
        sz_lm_fail(m, "the rank of the time steps (%lld) does not fit their weights",
                   (long long)rank);
        return SZ_NONE;
    }
    x = sz_lm_linear(m, "ssm_in", x);
    sz_lm_split(m, "ssm_in_parts", x, 2, (const int64_t[]){inner, inner}, xz);
    in[0] = sz_lm_convolve(m, "ssm_conv1d", xz[0]);
    const sz_value_id all = sz_lm_linear(m, "ssm_x", in[0]);
    sz_lm_split(m, "ssm_x_parts", all, 3, (const int64_t[]){rank, states, states}, rest);
    in[1] = steps(m, sz_lm_norm(m, "ssm_dt_norm", rest[0]));
    in[2] = sz_lm_value(m, sz_lm_find(m, "ssm_a"));
    in[3] = sz_lm_norm(m, "ssm_b_norm", rest[1]);
    in[4] = sz_lm_norm(m, "ssm_c_norm", rest[2]);
    in[5] = sz_lm_value(m, sz_lm_find(m, "ssm_d"));
    const sz_value_id y = scan(m, in, states);
    const sz_value_id z = sz_net_unary(&m->net, "ssm_gate", "Swish", xz[1]);
    return sz_lm_linear(m, "ssm_out", sz_net_binary(&m->net, "ssm_gated", "Mul", y, z));
}

// Dao and Gu 2024: z, x, B, C and dt from one product; a number per head for A and D.
static sz_value_id mamba2(sz_lm *m, sz_value_id x, int64_t inner) {
    sz_value_id parts[3], xbc[3], in[6];
    const sz_weight *a = sz_lm_find(m, "ssm_a");
    const int64_t rows = sz_lm_rows(m, "ssm_in"), heads = a && a->rank > 0 ? a->dims[0] : 0;
    const int64_t mixed = rows - inner - heads, bc = (mixed - inner) / 2;
    const int64_t groups = m->llm->ssm_groups > 0 ? m->llm->ssm_groups : 1;
    if (heads <= 0 || bc <= 0 || inner % heads) {
        sz_lm_fail(m, "sizes of the state space contradict each other: %lld heads, %lld inner",
                   (long long)heads, (long long)inner);
        return SZ_NONE;
    }
    x = sz_lm_linear(m, "ssm_in", x);
    sz_lm_split(m, "ssm_in_parts", x, 3, (const int64_t[]){inner, mixed, heads}, parts);
    sz_lm_split(m, "ssm_conv_parts", sz_lm_convolve(m, "ssm_conv1d", parts[1]), 3,
                (const int64_t[]){inner, bc, bc}, xbc);
    in[0] = xbc[0];
    in[1] = steps(m, parts[2]);
    in[2] = sz_lm_value(m, sz_lm_find(m, "ssm_a"));
    in[3] = xbc[1];
    in[4] = xbc[2];
    in[5] = sz_lm_value(m, sz_lm_find(m, "ssm_d"));
    sz_value_id y = scan(m, in, bc / groups);
    const sz_value_id z = sz_net_unary(&m->net, "ssm_gate", "Swish", parts[0]);
    y = sz_net_binary(&m->net, "ssm_gated", "Mul", y, z);
    sz_weight *norm = sz_lm_find(m, "ssm_norm.weight");
    if (norm && norm->rank == 2) // by groups
        y = sz_lm_head_norm(m, "ssm_norm", y, norm->dims[0], norm->dims[1]);
    else
        y = sz_lm_norm(m, "ssm_norm", y);
    return sz_lm_linear(m, "ssm_out", y);
}

// Peng et al.: receptance, key, value and gate; what mixes a token with the one before, and the
// small products that make the decay, have no place here and are reported.
static sz_value_id time_mix(sz_lm *m, sz_value_id x) {
    static const char *const products[] = {"time_mix_receptance", "time_mix_key", "time_mix_value",
                                           "time_mix_gate"};
    sz_value_id in[4] = {SZ_NONE, SZ_NONE, SZ_NONE, SZ_NONE};
    const int64_t rows = sz_lm_rows(m, "time_mix_receptance");
    const int64_t size = m->llm->wkv_head > 0 ? m->llm->wkv_head : 64;
    for (int i = 0; i < 4; i++) in[i] = sz_lm_linear(m, products[i], x);
    if (in[1] == SZ_NONE || in[2] == SZ_NONE) return SZ_NONE;
    sz_value_id y = sz_net_node(&m->net, &(sz_net_op){.name = "time_mix",
                                                      .op = "TimeMix",
                                                      .domain = SZ_LLM_DOMAIN,
                                                      .n_inputs = 3,
                                                      .inputs = {in[0], in[1], in[2]},
                                                      .n_attrs = 1,
                                                      .attrs = {sz_net_int("head_size", size)}});
    if (rows % size == 0) y = sz_lm_head_norm(m, "time_mix_ln", y, rows / size, size);
    if (in[3] != SZ_NONE) {
        in[3] = sz_net_unary(&m->net, "time_mix_open", "Swish", in[3]);
        y = sz_net_binary(&m->net, "time_mix_gated", "Mul", y, in[3]);
    }
    return sz_lm_linear(m, "time_mix_output", y);
}

// LFM2: b, c and x from one product; c times a convolution of b times x.
static sz_value_id short_convolution(sz_lm *m, sz_value_id x) {
    const int64_t width = sz_lm_rows(m, "shortconv.in_proj") / 3;
    sz_value_id parts[3];
    x = sz_lm_linear(m, "shortconv.in_proj", x);
    sz_lm_split(m, "shortconv.parts", x, 3, (const int64_t[]){width, width, width}, parts);
    x = sz_net_binary(&m->net, "shortconv.in", "Mul", parts[0], parts[2]);
    x = convolve(m, "shortconv.conv", x);
    x = sz_net_binary(&m->net, "shortconv.out", "Mul", parts[1], x);
    return sz_lm_linear(m, "shortconv.out_proj", x);
}

sz_value_id sz_lm_recurrence(sz_lm *m, sz_value_id x) {
    if (sz_lm_has(m, "shortconv.in_proj") && sz_lm_has(m, "shortconv.out_proj"))
        return short_convolution(m, x);
    if (sz_lm_has(m, "time_mix_receptance")) return time_mix(m, x);
    if (sz_lm_is_delta(m)) return sz_lm_delta(m, x);
    const sz_weight *out = sz_lm_find(m, "ssm_out.weight");
    const int64_t inner = out && out->rank == 2 ? out->dims[1] : 0;
    if (inner <= 0 || !sz_lm_has(m, "ssm_in") || !sz_lm_find(m, "ssm_a")) return SZ_NONE;
    return sz_lm_has(m, "ssm_x") ? mamba(m, x, inner) : mamba2(m, x, inner);
}

sz_value_id sz_lm_channel_mix(sz_lm *m, sz_value_id x) {
    sz_value_id k = sz_lm_linear(m, "channel_mix_key", x);
    if (k == SZ_NONE) return SZ_NONE;
    k = sz_net_unary(&m->net, "channel_mix_relu", "Relu", k);
    k = sz_net_binary(&m->net, "channel_mix_square", "Mul", k, k);
    k = sz_lm_linear(m, "channel_mix_value", k);
    sz_value_id r = sz_lm_linear(m, "channel_mix_receptance", x);
    if (r == SZ_NONE) return k;
    r = sz_net_unary(&m->net, "channel_mix_open", "Sigmoid", r);
    return sz_net_binary(&m->net, "channel_mix_gated", "Mul", r, k);
}
