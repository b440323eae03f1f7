// SPDX-License-Identifier: Apache-2.0
// Attention with a recurrent state instead of scores, and the causal convolution that feeds it.
#include "model/ops/attention.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

// ---- LinearAttention ---------------------------------------------------------------------------

typedef struct linear {
    int64_t batch, length, q_heads, kv_heads, k_size, v_size, window;
} linear;

static sz_status heads_attr(const sz_infer *n, const char *name, int64_t *ret) {
    *ret = sz_attr_i(n->node, name, 0);
    if (!sz_attr_find(n->node, name)) return sz_op_missing_attr(n, name);
    if (*ret < 1) return sz_op_fail(n, "%s is %lld, at least 1 is needed", name, (long long)*ret);
    return SZ_OK;
}

static sz_status linear_read(const sz_infer *n, linear *s) {
    SZ_TRY(heads_attr(n, "q_num_heads", &s->q_heads));
    SZ_TRY(heads_attr(n, "kv_num_heads", &s->kv_heads));
    s->window = sz_attr_i(n->node, "state_window", 0);
    for (int i = 0; i < 3; i++)
        SZ_TRY(sz_need_rank(n, i, 3));
    s->batch = sz_in_dim(n, 0, 0);
    s->length = sz_in_dim(n, 0, 1);
    SZ_TRY(sz_dim_div(n, "hidden size", sz_in_dim(n, 0, 2), s->q_heads, &s->k_size));
    return sz_dim_div(n, "hidden size", sz_in_dim(n, 2, 2), s->kv_heads, &s->v_size);
}

sz_status sz_shape_linear_attention(sz_infer *n) {
    sz_dtype t = sz_has_in(n, 3) ? sz_in_dtype(n, 3) : sz_in_dtype(n, 0);
    int64_t hidden;
    linear s;
    SZ_TRY(linear_read(n, &s));
    SZ_TRY(sz_dim_mul(n, s.q_heads > s.kv_heads ? s.q_heads : s.kv_heads, s.v_size, &hidden));
    SZ_TRY(sz_out(n, 0, sz_in_dtype(n, 0), 3, (int64_t[]){s.batch, s.length, hidden}));
    int64_t state[] = {s.window, s.batch, s.kv_heads, s.k_size, s.v_size};
    return s.window > 0 ? sz_out(n, 1, t, 5, state) : sz_out(n, 1, t, 4, state + 1);
}

// What the update rule does to each element of the state per token.
typedef struct update {
    bool gated; // scaled by a decay
    bool delta; // corrected by what it answers now
} update;

static update read_update(const sz_infer *n) {
    sz_str s = sz_attr_s(n->node, "update_rule", "gated_delta");
    bool both = sz_str_is(s, "gated_delta");
    return (update){.gated = both || sz_str_is(s, "gated"), .delta = both || sz_str_is(s, "delta")};
}

// Per token and state: the outer product of key and value, with a delta rule also the answer of the
// state to the key; per query head the answer to the query. Decay: one product per element.
static sz_status recurrence(sz_costing *c, int64_t tokens, int64_t states, int64_t queries,
                            int64_t k_size, int64_t v_size) {
    update u = read_update(&c->in);
    int64_t per_state = u.delta ? 2 : 1, reads;
    if (tokens < 0 || states < 0 || queries < 0 || k_size < 0 || v_size < 0)
        return sz_cost_unknown(c, "its head sizes are not known");
    if (!sz_mul(states, per_state, &reads) || !sz_add(reads, queries, &reads))
        return sz_op_fail(&c->in, "heads exceed 2^63");
    SZ_TRY(sz_cost_add_macs(c, 4, (int64_t[]){tokens, reads, k_size, v_size}));
    if (u.gated) SZ_TRY(sz_cost_add_epilogue(c, 4, (int64_t[]){tokens, states, k_size, v_size}));
    if (u.delta) SZ_TRY(sz_cost_add_epilogue(c, 4, (int64_t[]){tokens, states, v_size, 2}));
    return sz_cost_add_epilogue(c, 3, (int64_t[]){tokens, queries, v_size}); // scale
}

sz_status sz_cost_linear_attention(sz_costing *c) {
    int64_t tokens;
    linear s;
    SZ_TRY(linear_read(&c->in, &s));
    SZ_TRY(sz_dim_mul(&c->in, s.batch, s.length, &tokens));
    return recurrence(c, tokens, s.kv_heads, s.q_heads > s.kv_heads ? s.q_heads : s.kv_heads,
                      s.k_size, s.v_size);
}

// ---- com.microsoft.GatedDeltaNet ---------------------------------------------------------------

// Token-major: [tokens, heads, size] or [batch, length, heads, size]; packed: Q, K and V in one
// last axis, told apart by the state [batch, value heads, v_size, k_size].
typedef struct delta_net {
    bool packed;
    int32_t rank;
    int64_t q_heads, k_heads, v_heads, k_size, v_size;
} delta_net;

static sz_status delta_read(const sz_infer *n, delta_net *s) {
    int64_t v, rest;
    s->packed = !sz_has_in(n, 1);
    s->rank = sz_in_rank(n, 0);
    s->v_heads = sz_in_dim(n, s->packed ? 6 : 2, s->packed ? 1 : -2);
    s->v_size = s->packed ? sz_in_dim(n, 6, 2) : sz_in_dim(n, 2, -1);
    s->k_size = s->packed ? sz_in_dim(n, 6, 3) : sz_in_dim(n, 0, -1);
    s->q_heads = s->packed ? SZ_DIM_UNKNOWN : sz_in_dim(n, 0, -2);
    s->k_heads = s->packed ? SZ_DIM_UNKNOWN : sz_in_dim(n, 1, -2);
    if (!s->packed || s->rank < 1) return SZ_OK;
    if (s->v_heads < 0 || s->v_size < 0 || s->k_size <= 0) return SZ_OK;
    SZ_TRY(sz_dim_mul(n, s->v_heads, s->v_size, &v));
    rest = sz_in_dim(n, 0, -1);
    if (rest < v) return SZ_OK;
    SZ_TRY(sz_dim_div(n, "width of query and key", (rest - v) / 2, s->k_size, &s->q_heads));
    s->k_heads = s->q_heads;
    return SZ_OK;
}

static int64_t out_heads(const delta_net *s) {
    if (s->q_heads < 0 || s->v_heads < 0) return SZ_DIM_UNKNOWN;
    return s->q_heads > s->v_heads ? s->q_heads : s->v_heads;
}

static int64_t batches(const sz_infer *n) {
    int64_t ends = sz_in_dim(n, 3, 0);
    if (sz_has_in(n, 6)) return sz_in_dim(n, 6, 0);
    if (sz_has_in(n, 3)) return ends > 0 ? ends - 1 : SZ_DIM_UNKNOWN;
    return sz_in_rank(n, 0) == 4 ? sz_in_dim(n, 0, 0) : 1;
}

sz_status sz_shape_ms_gated_delta_net(sz_infer *n) {
    sz_dtype t = sz_has_in(n, 6) ? sz_in_dtype(n, 6) : sz_dtype_by_name("f32");
    int64_t dims[SZ_MAX_RANK], cap = sz_attr_i(n->node, "state_update_capacity", 0);
    int64_t width = SZ_DIM_UNKNOWN, part;
    int lead;
    delta_net s;
    SZ_TRY(delta_read(n, &s));
    lead = s.packed ? s.rank - 1 : s.rank - 2;
    if (s.rank < 0 || lead < 1 || lead > 2) SZ_TRY(sz_out_rank(n, 0, sz_in_dtype(n, 0), -1));
    else {
        for (int i = 0; i < lead; i++) dims[i] = sz_in_dim(n, 0, i);
        dims[lead] = out_heads(&s);
        dims[lead + 1] = s.v_size;
        SZ_TRY(sz_out(n, 0, sz_in_dtype(n, 0), lead + 2, dims));
    }
    SZ_TRY(sz_out(n, 1, t, 4, (int64_t[]){batches(n), s.v_heads, s.v_size, s.k_size}));
    SZ_TRY(sz_dim_mul(n, s.k_heads, s.k_size, &part));
    SZ_TRY(sz_dim_add(n, s.v_heads, part, &width));
    SZ_TRY(sz_dim_mul(n, s.v_heads, s.v_size, &part));
    SZ_TRY(sz_dim_add(n, width, part, &width));
    SZ_TRY(sz_dim_mul(n, width, cap > 0 ? cap : 0, &width));
    return sz_out(n, 2, t, 2, (int64_t[]){batches(n), width});
}

sz_status sz_cost_ms_gated_delta_net(sz_costing *c) {
    int64_t tokens = 1;
    delta_net s;
    SZ_TRY(delta_read(&c->in, &s));
    for (int i = 0; i < (s.packed ? s.rank - 1 : s.rank - 2); i++)
        SZ_TRY(sz_dim_mul(&c->in, tokens, sz_in_dim(&c->in, 0, i), &tokens));
    return recurrence(c, tokens, s.v_heads, out_heads(&s), s.k_size, s.v_size);
}

// ---- CausalConvWithState -----------------------------------------------------------------------

typedef struct causal {
    int64_t kernel, dilation, state;
    int ndim;
    bool last;
} causal;

static sz_status causal_read(const sz_infer *n, causal *s) {
    s->dilation = sz_attr_i(n->node, "dilation", 1);
    s->ndim = (int)sz_attr_i(n->node, "ndim", 1);
    s->last = sz_attr_i(n->node, "channels_last", 0) != 0;
    s->kernel = sz_in_rank(n, 1) >= 3 ? sz_in_dim(n, 1, 2) : SZ_DIM_UNKNOWN;
    s->state = SZ_DIM_UNKNOWN;
    if (s->dilation < 1)
        return sz_op_fail(n, "dilation is %lld, at least 1 is needed", (long long)s->dilation);
    if (s->ndim < 1 || s->ndim > 3)
        return sz_op_fail(n, "ndim is %d, 1 to 3 are possible", s->ndim);
    if (sz_in_rank(n, 1) >= 0 && sz_in_rank(n, 1) != s->ndim + 2)
        return sz_op_fail(n, "weights have %d dimensions, %d are needed", (int)sz_in_rank(n, 1),
                          s->ndim + 2);
    if (s->kernel < 1) return SZ_OK;
    return sz_dim_mul(n, s->kernel - 1, s->dilation, &s->state);
}

sz_status sz_shape_causal_conv(sz_infer *n) {
    int64_t dims[SZ_MAX_RANK] = {0}, window = sz_attr_i(n->node, "state_window", 0);
    int32_t rank = sz_in_rank(n, 0);
    sz_dtype t = sz_in_dtype(n, 0);
    causal s;
    SZ_TRY(causal_read(n, &s));
    SZ_TRY(sz_out_like(n, 0, 0));
    if (sz_has_in(n, 3)) return sz_out_like(n, 1, 3); // a state keeps its shape
    if (rank < 3 || s.ndim != 1 || rank >= SZ_MAX_RANK) return sz_out_rank(n, 1, t, -1);
    dims[0] = window;
    for (int i = 0; i < rank; i++) dims[i + 1] = sz_in_dim(n, 0, i);
    dims[s.last ? 2 : rank] = s.state;
    return window > 0 ? sz_out(n, 1, t, rank + 1, dims) : sz_out(n, 1, t, rank, dims + 1);
}

// Depthwise: every output element multiplies the whole kernel. Without a past state the taps before
// the start meet zeros.
sz_status sz_cost_causal_conv(sz_costing *c) {
    const sz_infer *n = &c->in;
    const sz_type *w = sz_in(n, 1);
    int64_t f[SZ_MAX_RANK + 1], length, taps, lines;
    int k = 0;
    causal s;
    SZ_TRY(causal_read(n, &s));
    f[k++] = c->work->out_elements;
    c->work->kernel = 1;
    for (int i = 2; i < w->rank; i++) {
        f[k++] = w->dims[i];
        if (!sz_mul(c->work->kernel, w->dims[i], &c->work->kernel))
            return sz_op_fail(n, "kernel exceeds 2^63");
    }
    SZ_TRY(sz_cost_add_macs(c, k, f));
    if (sz_has_in(n, 2)) SZ_TRY(sz_epilogue_bias(c, c->work->out_elements));
    SZ_TRY(sz_epilogue(c, sz_activation_work(sz_attr_s(n->node, "activation", "none"))));
    length = sz_in_dim(n, 0, s.last ? 1 : 2);
    if (s.ndim != 1 || sz_has_in(n, 3) || length <= 0 || s.kernel < 1) return SZ_OK;
    sz_axis a = {.in = length, .kernel = s.kernel, .stride = 1, .dilation = s.dilation,
                 .before = s.state, .out = length};
    taps = sz_axis_taps(&a, length, length);
    lines = c->work->out_elements / length;
    if (taps >= 0 && sz_mul(lines, taps, &taps)) c->work->skipped_macs = c->work->macs - taps;
    return SZ_OK;
}

// com.microsoft.VarlenCausalConvWithState: packed sequences, [tokens, channels]; state is input 4.
sz_status sz_shape_ms_causal_conv_packed(sz_infer *n) {
    int64_t cap = sz_attr_i(n->node, "state_update_capacity", 0);
    SZ_TRY(sz_need_rank(n, 0, 2));
    SZ_TRY(sz_need_rank(n, 1, 3));
    SZ_TRY(sz_out_like(n, 0, 0));
    SZ_TRY(sz_out_like(n, 1, 4));
    return sz_out(n, 2, sz_in_dtype(n, 0), 3,
                  (int64_t[]){sz_in_dim(n, 4, 0), cap > 0 ? cap : 0, sz_in_dim(n, 0, 1)});
}

sz_status sz_cost_ms_causal_conv_packed(sz_costing *c) {
    int64_t kernel = sz_in_dim(&c->in, 1, -1);
    SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){c->work->out_elements, kernel}));
    c->work->kernel = kernel;
    if (sz_has_in(&c->in, 3)) SZ_TRY(sz_epilogue_bias(c, c->work->out_elements));
    return sz_epilogue(c, sz_activation_work(sz_attr_s(c->in.node, "activation", "none")));
}
