// SPDX-License-Identifier: Apache-2.0
// Attention of language models: by heads, grouped heads (Ainslie et al. 2023), or a latent
// (DeepSeek-V2); and what stands in its place in recurrent nets.
#include "model/nets/llm_graph.h"

#include "model/ops/llm.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct heads {
    int64_t heads, kv_heads, cache; // cache: elements kept per token
    bool causal;
} heads;

// What the file says of the block at hand; 0 = nothing.
static int64_t per_block(const int64_t *list, int64_t n, int64_t block, int64_t all) {
    return list && block < n ? list[block] : all;
}

// MACs do not depend on the number of heads: where it is not said, one head of keys will do.
static void count_heads(sz_lm *m, int64_t q_width, int64_t k_width, heads *h) {
    const sz_llm *d = m->llm;
    h->heads = per_block(d->heads_of, d->n_heads_of, m->block, d->heads);
    h->kv_heads = per_block(d->kv_heads_of, d->n_kv_heads_of, m->block, d->kv_heads);
    if (h->heads <= 0) {
        h->kv_heads = 1;
        h->heads = k_width > 0 && q_width >= k_width ? q_width / k_width : 1;
        sz_warn(m->net.ctx, "the number of heads is not known: the work of softmax is a guess");
    } else if (h->kv_heads <= 0)
        h->kv_heads = h->heads;
}

// Queries and keys are whole heads of one size. Where the file says another number of heads of keys
// than its weights have, the weights are counted.
static bool match_heads(sz_lm *m, const int64_t *widths, heads *h) {
    const int64_t size = h->heads > 0 && widths[0] % h->heads == 0 ? widths[0] / h->heads : 0;
    const bool fits = size > 0 && widths[1] > 0 && widths[1] % size == 0 &&
                      h->heads % (widths[1] / size) == 0;
    if (h->kv_heads > 0 && widths[0] % h->heads == 0 && widths[1] == h->kv_heads * size &&
        h->heads % h->kv_heads == 0)
        return true;
    if (!fits) {
        sz_lm_fail(m,
                   "queries of %" PRId64 " and keys of %" PRId64 " numbers do not divide into "
                   "%" PRId64 " and %" PRId64 " heads: the file says a wrong number of heads, or "
                   "these are not its weights",
                   widths[0], widths[1], h->heads, h->kv_heads);
        return false;
    }
    if (!m->told_heads)
        sz_warn(m->net.ctx,
                "'%s': the file says %" PRId64 " heads of keys, but keys of %" PRId64
                " numbers are %" PRId64 ": the weights are counted",
                m->at, h->kv_heads, widths[1], widths[1] / size);
    m->told_heads = true;
    h->kv_heads = widths[1] / size;
    return true;
}

static bool is_windowed(const sz_lm *m) {
    const sz_llm *d = m->llm;
    if (d->window <= 0) return false;
    if (d->windowed && m->block < d->n_windows) return d->windowed[m->block];
    return d->window_every <= 1 || m->block % d->window_every < d->window_every - 1;
}

static sz_value_id attend(sz_lm *m, const char *name, const sz_value_id *qkv, const heads *h) {
    const sz_llm *d = m->llm;
    sz_net_op op = {.name = name,
                    .op = "Attention",
                    .domain = SZ_LLM_DOMAIN,
                    .n_inputs = 3,
                    .inputs = {qkv[0], qkv[1], qkv[2], SZ_NONE, SZ_NONE}};
    sz_weight *sinks = sz_lm_find(m, "attn_sinks.weight");
    if (!sinks) sinks = sz_lm_find(m, "attn_rel_b.weight"); // biases by distance, per head
    op.attrs[op.n_attrs++] = sz_net_int("heads", h->heads);
    op.attrs[op.n_attrs++] = sz_net_int("kv_heads", h->kv_heads);
    if (h->causal) op.attrs[op.n_attrs++] = sz_net_int("is_causal", 1);
    if (h->cache > 0) {
        op.attrs[op.n_attrs++] = sz_net_int("cache", h->cache);
        op.attrs[op.n_attrs++] = sz_net_int("cache_dtype", sz_dtype_by_name("f16"));
        op.inputs[3] = m->past;
        op.n_inputs = 4;
    }
    if (is_windowed(m)) op.attrs[op.n_attrs++] = sz_net_int("window", d->window);
    if (d->softcap != 0) op.attrs[op.n_attrs++] = sz_net_float("softcap", d->softcap);
    if (sinks && !sinks->placed) {
        op.inputs[4] = sz_lm_value(m, sinks);
        op.n_inputs = 5;
    }
    return sz_net_node(&m->net, &op);
}

// Tables of the angles, kept in some files; the first user takes them.
static sz_value_id table(sz_lm *m, const char *role) {
    sz_weight *w = sz_checkpoint_find(m->cp, role);
    return w && !w->placed ? sz_lm_value(m, w) : SZ_NONE;
}

static sz_value_id rotate(sz_lm *m, const char *name, sz_value_id x, int64_t size, int64_t turned) {
    if (!m->llm->has_rope || m->is_encoder != m->llm->is_encoder) return x;
    sz_net_op op = {.name = name,
                    .op = "Rotary",
                    .domain = SZ_LLM_DOMAIN,
                    .n_inputs = 1,
                    .inputs = {x},
                    .n_attrs = 2,
                    .attrs = {sz_net_int("head_dim", size), sz_net_int("rotary_dim", turned)}};
    sz_value_id f = table(m, "rope_freqs.weight");
    if (f == SZ_NONE) f = table(m, "rope_factors_long.weight");
    if (f != SZ_NONE) op.inputs[op.n_inputs++] = f;
    const sz_value_id g = f != SZ_NONE ? table(m, "rope_factors_short.weight") : SZ_NONE;
    if (g != SZ_NONE) op.inputs[op.n_inputs++] = g;
    return sz_net_node(&m->net, &op);
}

// ---- latent ------------------------------------------------------------------------------------

// DeepSeek-V2, section 2.1: keys and values are products of a latent of `rank` numbers, which is
// all that is cached, beside one rotary key for all heads. Written as the paper does; a runtime
// may multiply the matrices in another order.
static sz_value_id latent(sz_lm *m, sz_value_id x) {
    sz_net *n = &m->net;
    sz_value_id q = sz_lm_linear(m, "attn_q", x), kv[2], parts[2], qkv[3];
    const bool is_low_rank = q == SZ_NONE;
    if (is_low_rank) q = sz_lm_norm(m, "attn_q_a_norm", sz_lm_linear(m, "attn_q_a", x));
    if (is_low_rank) q = sz_lm_linear(m, "attn_q_b", q);
    const int64_t q_width = sz_lm_rows(m, is_low_rank ? "attn_q_b" : "attn_q");
    const int64_t heads_ = m->llm->heads > 0 ? m->llm->heads : 1, size = q_width / heads_;
    const int64_t rank = m->llm->kv_lora_rank, a = sz_lm_rows(m, "attn_kv_a_mqa");
    const int64_t rope = a - rank, plain = size - rope;
    if (rank <= 0 || rope <= 0 || plain <= 0 || q_width % heads_) {
        sz_lm_fail(m,
                   "sizes of the latent attention contradict each other: queries of %" PRId64
                   " numbers, %" PRId64 " heads, a latent of %" PRId64 " with rank %" PRId64,
                   q_width, heads_, a, rank);
        return SZ_NONE;
    }
    q = rotate(m, "attn_q_rope", q, size, rope);
    const sz_value_id both = sz_lm_linear(m, "attn_kv_a_mqa", x);
    sz_lm_split(m, "attn_kv_a_parts", both, 2, (const int64_t[]){rank, rope}, kv);
    kv[0] = sz_lm_norm(m, "attn_kv_a_norm", kv[0]);
    kv[1] = rotate(m, "attn_k_rope", kv[1], rope, rope);
    if (sz_lm_has(m, "attn_kv_b")) {
        const int64_t rows = sz_lm_rows(m, "attn_kv_b"), keys = plain * heads_;
        const sz_value_id b = sz_lm_linear(m, "attn_kv_b", kv[0]);
        sz_lm_split(m, "attn_kv_b_parts", b, 2, (const int64_t[]){keys, rows - keys}, parts);
    } else { // as two tensors of matrices per head; that of the keys is stored turned
        sz_weight *k = sz_lm_find(m, "attn_k_b.weight");
        if (k) sz_lm_value_as(m, k, 2, (const int64_t[]){plain * heads_, rank});
        parts[0] = sz_lm_linear(m, "attn_k_b", kv[0]);
        parts[1] = sz_lm_linear(m, "attn_v_b", kv[0]);
    }
    const sz_value_id times = sz_net_ints(n, "attn_k_tile.times", 3,
                                          (const int64_t[]){1, 1, heads_});
    const sz_value_id tiled = sz_net_binary(n, "attn_k_tile", "Tile", kv[1], times);
    qkv[0] = q;
    qkv[1] = sz_net_node(n, &(sz_net_op){.name = "attn_k",
                                         .op = "Concat",
                                         .n_inputs = 2,
                                         .inputs = {parts[0], tiled},
                                         .n_attrs = 1,
                                         .attrs = {sz_net_int("axis", -1)}});
    qkv[2] = parts[1];
    const heads h = {.heads = heads_, .kv_heads = heads_, .cache = a, .causal = true};
    return sz_lm_linear(m, "attn_output", attend(m, "attn", qkv, &h));
}

// ---- heads -------------------------------------------------------------------------------------

static bool project(sz_lm *m, sz_value_id x, sz_value_id *qkv, int64_t *widths) {
    if (!sz_lm_has(m, "attn_qkv")) {
        static const char *const names[] = {"attn_q", "attn_k", "attn_v"};
        for (int i = 0; i < 3; i++) {
            qkv[i] = sz_lm_linear(m, names[i], x);
            widths[i] = sz_lm_rows(m, names[i]);
        }
        if (qkv[2] == SZ_NONE) qkv[2] = qkv[1], widths[2] = widths[1]; // keys serve as values
        return qkv[0] != SZ_NONE && qkv[1] != SZ_NONE;
    }
    const int64_t rows = sz_lm_rows(m, "attn_qkv");
    heads h;
    count_heads(m, rows, rows, &h);
    const int64_t all = h.heads + 2 * h.kv_heads;
    const bool fits = all > 0 && rows % all == 0;
    widths[0] = fits ? rows / all * h.heads : rows / 3;
    widths[1] = widths[2] = fits ? rows / all * h.kv_heads : rows / 3;
    const sz_value_id both = sz_lm_linear(m, "attn_qkv", x);
    sz_lm_split(m, "attn_qkv_parts", both, 3, widths, qkv);
    return true;
}

// What opens the output, element by element: a product of its own, or (Qwen3-Next) the second half
// of a product of queries that is twice as wide as what the output takes.
static sz_value_id output_gate(sz_lm *m, sz_value_id x, sz_value_id *qkv, int64_t *widths) {
    const sz_weight *out = sz_lm_find(m, "attn_output.weight");
    const int64_t taken = out && out->rank == 2 ? out->dims[1] : 0;
    sz_value_id gate = SZ_NONE, parts[2];
    if (taken > 0 && widths[0] % 2 == 0 && widths[0] / 2 == taken) {
        sz_lm_split(m, "attn_q_halves", qkv[0], 2, (const int64_t[]){taken, taken}, parts);
        qkv[0] = parts[0], gate = parts[1], widths[0] = taken;
    } else if (sz_lm_rows(m, "attn_gate") == widths[0]) {
        gate = sz_lm_linear(m, "attn_gate", x);
    }
    return gate == SZ_NONE ? gate : sz_net_unary(&m->net, "attn_open", "Sigmoid", gate);
}

sz_value_id sz_lm_attention(sz_lm *m, sz_value_id x) {
    sz_value_id qkv[3] = {SZ_NONE, SZ_NONE, SZ_NONE};
    int64_t widths[3];
    heads h = {0};
    if (sz_lm_is_delta(m)) return SZ_NONE;
    if (sz_lm_has(m, "attn_kv_a_mqa")) return latent(m, x);
    if (!sz_lm_has(m, "attn_qkv") && !(sz_lm_has(m, "attn_q") && sz_lm_has(m, "attn_k")))
        return SZ_NONE;
    if (!project(m, x, qkv, widths)) return SZ_NONE;
    count_heads(m, widths[0], widths[1], &h);
    const sz_value_id open = output_gate(m, x, qkv, widths);
    if (!match_heads(m, widths, &h)) return SZ_NONE;
    h.causal = !m->is_encoder;
    if (h.causal && !sz_add(widths[1], widths[2], &h.cache)) h.cache = 0;
    const int64_t size = widths[0] / h.heads;
    const int64_t turned = m->llm->rope_dim > 0 ? m->llm->rope_dim : size;
    qkv[0] = sz_lm_head_norm(m, "attn_q_norm", qkv[0], h.heads, size);
    qkv[1] = sz_lm_head_norm(m, "attn_k_norm", qkv[1], h.kv_heads, widths[1] / h.kv_heads);
    qkv[0] = rotate(m, "attn_q_rope", qkv[0], size, turned);
    qkv[1] = rotate(m, "attn_k_rope", qkv[1], size, turned);
    sz_value_id y = sz_lm_norm(m, "attn_sub_norm", attend(m, "attn", qkv, &h));
    if (open != SZ_NONE) y = sz_net_binary(&m->net, "attn_gated", "Mul", y, open);
    const sz_value_id out = sz_lm_linear(m, "attn_output", y);
    return out == SZ_NONE ? y : out;
}

// Queries of the decoder meet keys and values of what the encoder gave.
sz_value_id sz_lm_cross_attention(sz_lm *m, sz_value_id x) {
    sz_value_id qkv[3];
    heads h = {0};
    if (!sz_lm_has(m, "cross_attn_q") || m->memory == SZ_NONE) return SZ_NONE;
    qkv[0] = sz_lm_linear(m, "cross_attn_q", x);
    qkv[1] = sz_lm_linear(m, "cross_attn_k", m->memory);
    qkv[2] = sz_lm_linear(m, "cross_attn_v", m->memory);
    const int64_t widths[] = {sz_lm_rows(m, "cross_attn_q"), sz_lm_rows(m, "cross_attn_k")};
    count_heads(m, widths[0], widths[1], &h);
    if (!match_heads(m, widths, &h)) return SZ_NONE;
    return sz_lm_linear(m, "cross_attn_output", attend(m, "cross_attn", qkv, &h));
}
