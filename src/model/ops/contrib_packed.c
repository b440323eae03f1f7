// SPDX-License-Identifier: Apache-2.0
// com.microsoft attention over packed tokens, caches in blocks, windows, and older decoders.
// Facts: the operator schemas of ONNX Runtime 1.31.
#include "model/ops/attention.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

// ---- packed tokens -----------------------------------------------------------------------------

// Sequences lie one behind the other: starts[i] .. starts[i + 1]. Scores in all, over the
// sequences: sum of new x (past + new). `past` is input `past_in` or none. -1: the numbers are not
// known.
static int64_t packed_scores(const sz_infer *n, int starts_in, int past_in) {
    const sz_tensor *starts = sz_in_value(n, starts_in), *past = sz_in_value(n, past_in);
    int64_t scores = 0, keys;
    if (!starts || !starts->i || starts->count < 1) return -1;
    if (sz_has_in(n, past_in) && (!past || !past->i || past->count != starts->count - 1)) return -1;
    for (int64_t i = 0; i + 1 < starts->count; i++) {
        int64_t a = starts->i[i], b = starts->i[i + 1], before = past ? past->i[i] : 0;
        if (a < 0 || b < a || before < 0) return -1;
        if (!sz_add(before, b - a, &keys) || !sz_madd(&scores, b - a, keys)) return -1;
    }
    return scores;
}

static sz_status packed_cost(sz_costing *c, int64_t scores, int64_t heads, int64_t width) {
    SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){scores, width}));
    return sz_cost_add_epilogue(c, 3, (int64_t[]){scores, heads,
                                                  SZ_SOFTMAX_WORK + SZ_SCALE_WORK});
}

// Without the lengths of the sequences: every token meets a whole row of `token_offset`
// [batch, longest sequence]. Exact when no sequence is shorter.
static int64_t scores_or_rows(const sz_infer *n, int offsets, int starts) {
    int64_t scores = packed_scores(n, starts, SZ_NONE), tokens = sz_in_dim(n, 0, 0);
    int64_t longest = sz_in_dim(n, offsets, 1);
    if (scores >= 0) return scores;
    return tokens >= 0 && longest >= 0 && sz_mul(tokens, longest, &scores) ? scores : -1;
}

static sz_status packed_widths(const sz_infer *n, int64_t *ret_qk, int64_t *ret_v) {
    const int64_t *sizes;
    int64_t third;
    int32_t have = sz_attr_ints(n->node, "qkv_hidden_sizes", &sizes);
    if (have != 0 && (have != 3 || sizes[0] < 1 || sizes[2] < 1))
        return sz_op_fail(n, "qkv_hidden_sizes has %d values or one below 1", (int)have);
    SZ_TRY(have ? SZ_OK : sz_dim_div(n, "width of the weights", sz_in_dim(n, 1, 1), 3, &third));
    *ret_qk = have ? sizes[0] : third;
    *ret_v = have ? sizes[2] : third;
    return SZ_OK;
}

sz_status sz_shape_ms_packed_attention(sz_infer *n) {
    int64_t qk, v, a = sz_in_dim(n, 0, 1), b = sz_in_dim(n, 1, 0);
    SZ_TRY(sz_need_rank(n, 0, 2));
    SZ_TRY(sz_need_rank(n, 1, 2));
    if (a >= 0 && b >= 0 && a != b)
        return sz_op_fail(n, "inner sizes differ: %lld and %lld", (long long)a, (long long)b);
    SZ_TRY(packed_widths(n, &qk, &v));
    return sz_out(n, 0, sz_in_dtype(n, 0), 2, (int64_t[]){sz_in_dim(n, 0, 0), v});
}

sz_status sz_cost_ms_packed_attention(sz_costing *c) {
    const sz_infer *n = &c->in;
    int64_t scores = scores_or_rows(n, 3, 4), width = sz_in_dim(n, 1, 1);
    int64_t qk = -1, v = -1, bias, both;
    SZ_TRY(packed_widths(n, &qk, &v));
    if (scores < 0 || qk < 0 || v < 0 || width < 0)
        return sz_cost_unknown(c, "its widths or its token offsets are not known");
    SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){c->work->in_elements, width}));
    SZ_TRY(sz_dim_mul(n, sz_in_dim(n, 0, 0), width, &bias));
    SZ_TRY(sz_epilogue_bias(c, bias));
    SZ_TRY(sz_dim_add(n, qk, v, &both));
    return packed_cost(c, scores, sz_attr_i(n->node, "num_heads", 1), both);
}

sz_status sz_shape_ms_packed_multi_head(sz_infer *n) {
    int64_t width = sz_in_dim(n, 2, 1);
    if (sz_in_rank(n, 0) == 4) // [tokens, heads, 3, size]
        SZ_TRY(sz_dim_mul(n, sz_in_dim(n, 0, 1), sz_in_dim(n, 0, 3), &width));
    return sz_out(n, 0, sz_in_dtype(n, 0), 2, (int64_t[]){sz_in_dim(n, 0, 0), width});
}

sz_status sz_cost_ms_packed_multi_head(sz_costing *c) {
    const sz_infer *n = &c->in;
    int64_t scores = scores_or_rows(n, 4, 5), both;
    int64_t v = sz_out_get(n, 0)->dims[1];
    int64_t qk = sz_in_rank(n, 0) == 4 ? v : sz_in_dim(n, 0, 1);
    if (scores < 0 || qk < 0) return sz_cost_unknown(c, "its token offsets are not known");
    if (sz_has_in(n, 3)) SZ_TRY(sz_epilogue_bias(c, c->work->in_elements));
    SZ_TRY(sz_dim_add(n, qk, v, &both));
    return packed_cost(c, scores, sz_attr_i(n->node, "num_heads", 1), both);
}

// ---- caches in blocks --------------------------------------------------------------------------

typedef struct paged {
    int64_t heads, kv_heads, k_size, v_size, hidden;
} paged;

static sz_status paged_read(const sz_infer *n, paged *s) {
    int64_t parts, def = SZ_DIM_UNKNOWN;
    s->heads = sz_attr_i(n->node, "num_heads", 0);
    s->kv_heads = sz_attr_i(n->node, "kv_num_heads", 0);
    if (s->heads < 1 || s->kv_heads < 1)
        return sz_op_fail(n, "%lld query heads and %lld key heads", (long long)s->heads,
                          (long long)s->kv_heads);
    parts = s->heads;
    if (!sz_has_in(n, 1) && !sz_madd(&parts, 2, s->kv_heads))
        return sz_op_fail(n, "heads exceed 2^63");
    SZ_TRY(sz_dim_div(n, "width of the query", sz_in_dim(n, 0, 1), parts, &s->k_size));
    s->v_size = sz_attr_i(n->node, "v_head_size", def);
    if (s->v_size < 1) s->v_size = s->k_size;
    return sz_dim_mul(n, s->heads, s->v_size, &s->hidden);
}

sz_status sz_shape_ms_paged(sz_infer *n) {
    paged s;
    SZ_TRY(paged_read(n, &s));
    SZ_TRY(sz_out(n, 0, sz_in_dtype(n, 0), 2, (int64_t[]){sz_in_dim(n, 0, 0), s.hidden}));
    SZ_TRY(sz_out_like(n, 1, 3));
    return sz_out_like(n, 2, 4);
}

// PagedAttention: known only with the lengths of the sequences in the graph.
sz_status sz_cost_ms_paged(sz_costing *c) {
    int64_t scores = packed_scores(&c->in, 5, 6), width, both;
    paged s;
    SZ_TRY(paged_read(&c->in, &s));
    if (scores < 0 || s.k_size < 0)
        return sz_cost_unknown(c, "the lengths of its sequences depend on the data");
    SZ_TRY(sz_dim_add(&c->in, s.k_size, s.v_size, &both));
    SZ_TRY(sz_dim_mul(&c->in, s.heads, both, &width));
    return packed_cost(c, scores, s.heads, width);
}

// ---- DecoderAttention --------------------------------------------------------------------------

// Time first: query [queries, batch, hidden], key [keys, batch, hidden]. Three flags that come as
// inputs say where keys come from and whether a cache is used.
typedef struct decoder {
    int64_t queries, batch, hidden, keys, projected; // projected: positions that get K and V
    bool known;
} decoder;

static bool flag(const sz_infer *n, int i, bool *ret) {
    const sz_tensor *t = sz_in_value(n, i);
    if (!t || !t->i || t->count != 1 || t->i[0] == SZ_VALUE_UNKNOWN) return false;
    *ret = t->i[0] != 0;
    return true;
}

static sz_status decoder_read(const sz_infer *n, decoder *s) {
    bool fixed, past, state, cached;
    int64_t cache = sz_in_dim(n, 6, 2);
    SZ_TRY(sz_need_rank(n, 0, 3));
    SZ_TRY(sz_need_rank(n, 1, 3));
    s->queries = sz_in_dim(n, 0, 0);
    s->batch = sz_in_dim(n, 0, 1);
    s->hidden = sz_in_dim(n, 0, 2);
    s->keys = s->projected = SZ_DIM_UNKNOWN;
    s->known = flag(n, 8, &fixed) && flag(n, 9, &past) && flag(n, 10, &state);
    if (!s->known) return SZ_OK;
    cached = past && state;
    s->projected = fixed ? (cached ? 0 : sz_in_dim(n, 1, 0)) : s->queries;
    if (!cached) s->keys = s->projected;
    else if (fixed) s->keys = cache;
    else return sz_dim_add(n, cache, s->queries, &s->keys);
    return SZ_OK;
}

sz_status sz_shape_ms_decoder_attention(sz_infer *n) {
    int64_t heads = sz_attr_i(n->node, "num_heads", 0), size;
    sz_dtype t = sz_in_dtype(n, 0);
    decoder s;
    if (heads < 1) return sz_op_fail(n, "num_heads is %lld", (long long)heads);
    SZ_TRY(decoder_read(n, &s));
    SZ_TRY(sz_dim_div(n, "hidden size", s.hidden, heads, &size));
    SZ_TRY(sz_out_like(n, 0, 0));
    for (int o = 1; o <= 2; o++)
        SZ_TRY(sz_out(n, o, t, 4, (int64_t[]){s.batch, heads, s.keys, size}));
    return SZ_OK;
}

sz_status sz_cost_ms_decoder_attention(sz_costing *c) {
    int64_t scores;
    decoder s;
    SZ_TRY(decoder_read(&c->in, &s));
    if (!s.known || s.keys < 0)
        return sz_cost_unknown(c, "its flags static_kv and use_past are not known");
    SZ_TRY(sz_cost_add_macs(c, 4, (int64_t[]){s.queries, s.batch, s.hidden, s.hidden}));
    SZ_TRY(sz_cost_add_macs(c, 5, (int64_t[]){s.projected, s.batch, s.hidden, s.hidden, 2}));
    SZ_TRY(sz_dim_mul(&c->in, s.queries, s.batch, &scores));
    SZ_TRY(sz_dim_mul(&c->in, scores, s.keys, &scores));
    return packed_cost(c, scores, sz_attr_i(c->in.node, "num_heads", 1), 2 * s.hidden);
}

// ---- Longformer --------------------------------------------------------------------------------

sz_status sz_shape_ms_longformer(sz_infer *n) {
    SZ_TRY(sz_need_rank(n, 0, 3));
    return sz_out_like(n, 0, 0);
}

// Every token meets the window on both sides and itself: 2 W + 1 keys. A token with the global flag
// also meets all, by projections of its own; how many have it is counted when the flags are known,
// else they count as none and a warning says so.
static sz_status longformer(sz_costing *c, int flags_in) {
    const sz_infer *n = &c->in;
    const sz_tensor *flags = sz_in_value(n, flags_in);
    int64_t batch = sz_in_dim(n, 0, 0), length = sz_in_dim(n, 0, 1), hidden = sz_in_dim(n, 0, 2);
    int64_t window = sz_attr_i(n->node, "window", 0), keys = 1, global = 0, rows;
    if (window < 0 || !sz_madd(&keys, 2, window)) return sz_op_fail(n, "window is too large");
    if (keys > length) keys = length;
    for (int64_t i = 0; flags && flags->i && i < flags->count; i++) global += flags->i[i] > 0;
    if (!flags)
        sz_warn(n->ctx, "node '%s': which tokens attend globally depends on the data; none counted",
                sz_show(n->ctx, n->node->name));
    SZ_TRY(sz_dim_mul(n, batch, length, &rows));
    SZ_TRY(sz_cost_add_macs(c, 4, (int64_t[]){rows, hidden, hidden, 3}));
    SZ_TRY(sz_cost_add_macs(c, 4, (int64_t[]){rows, keys, hidden, 2}));
    SZ_TRY(sz_cost_add_epilogue(c, 4, (int64_t[]){rows, keys, sz_attr_i(n->node, "num_heads", 1),
                                                  SZ_SOFTMAX_WORK + SZ_SCALE_WORK}));
    if (global == 0) return SZ_OK;
    // Its own K and V of all tokens, Q of its own; both directions between it and all tokens.
    SZ_TRY(sz_cost_add_macs(c, 4, (int64_t[]){rows, hidden, hidden, 2}));
    SZ_TRY(sz_cost_add_macs(c, 3, (int64_t[]){global, hidden, hidden}));
    return sz_cost_add_macs(c, 4, (int64_t[]){global, length, hidden, 4});
}

sz_status sz_cost_ms_longformer(sz_costing *c) { return longformer(c, 6); }
sz_status sz_cost_ms_longformer_ordered(sz_costing *c) { return longformer(c, 12); }

// ---- position bias -----------------------------------------------------------------------------

// GatedRelativePositionBias: a small product per token and head gates a table [1, heads, S, S].
sz_status sz_shape_ms_gated_bias(sz_infer *n) {
    int64_t batch = sz_in_dim(n, 0, 0), length = sz_in_dim(n, 2, 2);
    SZ_TRY(sz_need_rank(n, 2, 4));
    SZ_TRY(sz_need_rank(n, 3, 2));
    if (sz_has_in(n, 6)) batch = sz_in_dim(n, 6, 0); // packed tokens: the offsets tell
    return sz_out(n, 0, sz_in_dtype(n, 0), 4,
                  (int64_t[]){batch, sz_in_dim(n, 2, 1), length, length});
}

sz_status sz_cost_ms_gated_bias(sz_costing *c) {
    SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){c->work->in_elements, sz_in_dim(&c->in, 3, 1)}));
    SZ_TRY(sz_epilogue_bias(c, c->work->in_elements));
    return sz_epilogue(c, 1);
}

// RelativePositionBias: a gather from a table by distance.
sz_status sz_shape_ms_relative_bias(sz_infer *n) {
    int64_t length[2];
    for (int i = 0; i < 2; i++) {
        const sz_tensor *t = sz_in_value(n, 1 + i);
        length[i] = t && t->i && t->count == 1 && t->i[0] >= 0 ? t->i[0] : SZ_DIM_UNKNOWN;
    }
    return sz_out(n, 0, sz_in_dtype(n, 0), 4,
                  (int64_t[]){1, sz_in_dim(n, 0, 1), length[0], length[1]});
}
