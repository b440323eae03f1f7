// SPDX-License-Identifier: Apache-2.0
// Rules of domain llm (llm.def).
#include "model/ops/attention.h"
#include "model/ops/llm.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

#include <math.h>

// ---- products ----------------------------------------------------------------------------------

sz_status sz_shape_llm_embed(sz_infer *n) {
    const sz_type *ids = sz_in(n, 1);
    const sz_dtype dtype = (sz_dtype)sz_attr_i(n->node, "dtype", sz_in_dtype(n, 0));
    int64_t dims[SZ_MAX_RANK];
    if (ids->rank < 0 || ids->rank >= SZ_MAX_RANK) return sz_out_rank(n, 0, dtype, -1);
    SZ_TRY(sz_need_rank(n, 0, 2));
    for (int32_t i = 0; i < ids->rank; i++) dims[i] = ids->dims[i];
    dims[ids->rank] = sz_in_dim(n, 0, 1);
    return sz_out(n, 0, dtype, ids->rank + 1, dims);
}

sz_status sz_cost_llm_embed(sz_costing *c) {
    return sz_read_rows(c, 0, sz_cost_in_elements(c, 1), sz_in_dim(&c->in, 0, 0));
}

static sz_status widths(const sz_infer *n, int64_t in, int64_t weight) {
    if (in < 0 || weight < 0 || in == weight) return SZ_OK;
    return sz_op_fail(n, "inner sizes differ: the input has %lld, the weight %lld", (long long)in,
                      (long long)weight);
}

sz_status sz_shape_llm_linear(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    int64_t dims[SZ_MAX_RANK];
    SZ_TRY(sz_need_rank(n, 1, 2));
    if (x->rank < 1) return sz_out_rank(n, 0, x->dtype, -1);
    SZ_TRY(widths(n, sz_in_dim(n, 0, -1), sz_in_dim(n, 1, 1)));
    for (int32_t i = 0; i < x->rank; i++) dims[i] = x->dims[i];
    dims[x->rank - 1] = sz_in_dim(n, 1, 0);
    return sz_out(n, 0, x->dtype, x->rank, dims);
}

sz_status sz_cost_llm_linear(sz_costing *c) {
    const int64_t in = sz_in_dim(&c->in, 1, 1);
    SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){c->work->out_elements, in}));
    return sz_has_in(&c->in, 2) ? sz_epilogue_bias(c, c->work->out_elements) : SZ_OK;
}

// x [B,S,in] or, behind another of its kind, [B,S,k,in]; weight [experts, out, in]; route [B,S,k].
sz_status sz_shape_llm_experts(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    SZ_TRY(sz_need_rank(n, 1, 3));
    SZ_TRY(sz_need_rank(n, 2, 3));
    if (x->rank >= 0 && x->rank != 3 && x->rank != 4)
        return sz_op_fail(n, "the input has %d dimensions, 3 or 4 are needed", (int)x->rank);
    SZ_TRY(widths(n, sz_in_dim(n, 0, -1), sz_in_dim(n, 1, 2)));
    const sz_type *r = sz_in(n, 2);
    if (r->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    return sz_out(n, 0, x->dtype, 4,
                  (int64_t[]){r->dims[0], r->dims[1], r->dims[2], sz_in_dim(n, 1, 1)});
}

// How many of `experts` are read when `tokens` tokens choose `used` each, all choices alike:
// experts x (1 - (1 - used / experts)^tokens), in bytes of `all`.
int64_t sz_llm_touched(int64_t all, int64_t experts, int64_t used, int64_t tokens) {
    if (used >= experts || tokens <= 0) return tokens <= 0 ? 0 : all;
    const double missed = pow(1.0 - (double)used / (double)experts, (double)tokens);
    if (tokens == 1) return all / experts * used + all % experts * used / experts;
    const double bytes = (double)all * (1.0 - missed);
    return bytes < (double)all ? (int64_t)bytes : all;
}

sz_status sz_cost_llm_experts(sz_costing *c) {
    const sz_infer *n = &c->in;
    const sz_type *r = sz_in(n, 2);
    const int64_t experts = sz_in_dim(n, 1, 0), used = sz_in_dim(n, 2, 2);
    int64_t bytes, tokens;
    SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){c->work->out_elements, sz_in_dim(n, 1, 2)}));
    if (sz_has_in(n, 3)) SZ_TRY(sz_epilogue_bias(c, c->work->out_elements));
    if (used > experts)
        return sz_op_fail(n, "%lld of %lld experts are used", (long long)used, (long long)experts);
    if (!sz_mul(r->dims[0], r->dims[1], &tokens)) return sz_op_fail(n, "tokens exceed 2^63");
    for (int i = 1; i < n->node->n_inputs; i++) {
        if (i == 2 || !sz_has_in(n, i)) continue;
        SZ_TRY(sz_type_bytes(n->ctx, sz_in(n, i), &bytes));
        if (bytes > 0) c->work->bytes_read -= bytes - sz_llm_touched(bytes, experts, used, tokens);
    }
    return SZ_OK;
}

sz_status sz_shape_llm_route(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    const int64_t used = sz_attr_i(n->node, "used", 1);
    SZ_TRY(sz_need_rank(n, 0, 3));
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, 3);
    if (used < 1 || (x->dims[2] >= 0 && used > x->dims[2]))
        return sz_op_fail(n, "%lld of %lld experts are used", (long long)used,
                          (long long)x->dims[2]);
    return sz_out(n, 0, x->dtype, 3, (int64_t[]){x->dims[0], x->dims[1], used});
}

sz_status sz_shape_llm_combine(sz_infer *n) {
    const sz_type *y = sz_in(n, 0);
    SZ_TRY(sz_need_rank(n, 0, 4));
    if (y->rank < 0) return sz_out_rank(n, 0, y->dtype, 3);
    return sz_out(n, 0, y->dtype, 3, (int64_t[]){y->dims[0], y->dims[1], y->dims[3]});
}

// Gives nothing to anyone.
sz_status sz_shape_llm_unplaced(sz_infer *n) {
    return sz_out(n, 0, sz_dtype_by_name("f32"), 1, (int64_t[]){0});
}

sz_status sz_cost_llm_product(sz_costing *c) {
    const sz_type *w = sz_in(&c->in, 0);
    const int64_t tokens = sz_cost_in_elements(c, 1), used = sz_attr_i(c->in.node, "used", 0);
    int64_t bytes, n = sz_cost_in_elements(c, 0);
    if (used > 0 && w->rank == 3 && w->dims[0] > 0) {
        if (used > w->dims[0])
            return sz_op_fail(&c->in, "%lld of %lld experts are used", (long long)used,
                              (long long)w->dims[0]);
        n = n / w->dims[0] * used;
        SZ_TRY(sz_type_bytes(c->in.ctx, w, &bytes));
        if (bytes > 0)
            c->work->bytes_read -= bytes - sz_llm_touched(bytes, w->dims[0], used, tokens);
    }
    return sz_cost_add_macs(c, 2, (int64_t[]){tokens, n});
}

sz_status sz_cost_llm_unplaced(sz_costing *c) {
    return sz_cost_unknown(c, "what this weight is for is not known");
}

// ---- attention ---------------------------------------------------------------------------------

// q [B,S,heads x size], k and v [B,T,kv_heads x size].
static sz_status heads_of(const sz_infer *n, sz_heads *h) {
    const int64_t past = sz_has_in(n, 3) ? sz_in_dim(n, 3, 0) : 0;
    for (int i = 0; i < 3; i++) SZ_TRY(sz_need_rank(n, i, 3));
    *h = (sz_heads){.batch = sz_in_dim(n, 0, 0),
                    .q_heads = sz_attr_i(n->node, "heads", 0),
                    .kv_heads = sz_attr_i(n->node, "kv_heads", 0),
                    .q_len = sz_in_dim(n, 0, 1),
                    .kv_len = sz_in_dim(n, 1, 1),
                    .past = past};
    int64_t q_size;
    if (h->q_heads < 1 || h->kv_heads < 1 || h->q_heads % h->kv_heads != 0)
        return sz_op_fail(n, "%lld query heads do not share %lld key heads evenly",
                          (long long)h->q_heads, (long long)h->kv_heads);
    SZ_TRY(sz_dim_div(n, "width of the queries", sz_in_dim(n, 0, 2), h->q_heads, &q_size));
    SZ_TRY(sz_dim_div(n, "width of the keys", sz_in_dim(n, 1, 2), h->kv_heads, &h->k_size));
    SZ_TRY(sz_dim_div(n, "width of the values", sz_in_dim(n, 2, 2), h->kv_heads, &h->v_size));
    SZ_TRY(widths(n, q_size, h->k_size));
    return sz_dim_add(n, h->kv_len, past, &h->total);
}

sz_status sz_shape_llm_attention(sz_infer *n) {
    sz_heads h;
    int64_t width;
    if (sz_in_rank(n, 0) < 0 || sz_in_rank(n, 1) < 0 || sz_in_rank(n, 2) < 0)
        return sz_out_rank(n, 0, sz_in_dtype(n, 0), 3);
    SZ_TRY(heads_of(n, &h));
    SZ_TRY(sz_dim_mul(n, h.q_heads, h.v_size, &width));
    return sz_out(n, 0, sz_in_dtype(n, 0), 3, (int64_t[]){h.batch, h.q_len, width});
}

// Keys and values of earlier tokens are read, those of the new ones written. A sliding window keeps
// no more of them than the queries of this step can meet.
static sz_status cache_bytes(sz_costing *c, const sz_heads *h) {
    const int64_t per_token = sz_attr_i(c->in.node, "cache", 0);
    const sz_dtype dtype = (sz_dtype)sz_attr_i(c->in.node, "cache_dtype", 0);
    int64_t past = h->total - h->kv_len, read, written;
    if (per_token <= 0) return SZ_OK;
    if (!sz_mul(per_token, h->batch, &read) || !sz_mul(read, h->kv_len, &written) ||
        !sz_mul(read, past, &read))
        return sz_op_fail(&c->in, "cache exceeds 2^63");
    if ((read = sz_dtype_bytes(dtype, read)) < 0 ||
        (written = sz_dtype_bytes(dtype, written)) < 0 ||
        !sz_add(c->work->bytes_read, read, &c->work->bytes_read) ||
        !sz_add(c->work->bytes_written, written, &c->work->bytes_written))
        return sz_op_fail(&c->in, "cache exceeds 2^63");
    return SZ_OK;
}

sz_status sz_cost_llm_attention(sz_costing *c) {
    const int64_t window = sz_attr_i(c->in.node, "window", 0);
    const bool causal = sz_attr_i(c->in.node, "is_causal", 0) != 0;
    int64_t most, work = SZ_SOFTMAX_WORK + SZ_SCALE_WORK + causal;
    sz_heads h;
    SZ_TRY(heads_of(&c->in, &h));
    if (h.batch < 0 || h.q_len < 0 || h.total < 0)
        return sz_cost_unknown(c, "its number of queries or keys is not known");
    // chunks of queries: the last one meets `window` keys, the first one q_len - 1 earlier ones
    if (window > 0 && sz_add(window, h.q_len - 1, &most) && h.total > most) h.total = most;
    if (h.total < h.kv_len) h.total = h.kv_len;
    if (sz_attr_f(c->in.node, "softcap", 0) != 0) work += 3; // quotient, tanh, product
    SZ_TRY(sz_read_rows(c, 3, 0, h.past));                   // positions are not read
    SZ_TRY(cache_bytes(c, &h));
    return sz_attention_cost(c, &h, work);
}

sz_status sz_cost_llm_rotary(sz_costing *c) {
    const int64_t size = sz_attr_i(c->in.node, "head_dim", 1);
    int64_t turned = sz_attr_i(c->in.node, "rotary_dim", size), elements = c->work->in_elements;
    if (size > 0 && turned < size) elements = elements / size * (turned > 0 ? turned : 0);
    return sz_cost_add_flops(c, 2, (int64_t[]){elements, 3});
}

// ---- recurrences -------------------------------------------------------------------------------

// Gu and Dao, "Mamba": h = exp(dt A) h + dt B x, y = C h + D x. Per token and state: exp and its
// product 2, dt B x 2, product and sum 2; the product with C is a MAC. D x: 2 per channel.
sz_status sz_cost_llm_scan(sz_costing *c) {
    const int64_t states = sz_attr_i(c->in.node, "states", 0), x = c->work->in_elements;
    SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){x, states}));
    SZ_TRY(sz_cost_add_epilogue(c, 3, (int64_t[]){x, states, 6}));
    return sz_cost_add_epilogue(c, 2, (int64_t[]){x, 2});
}

sz_status sz_shape_llm_time_mix(sz_infer *n) { return sz_out_like(n, 0, 2); }

// Peng et al., "RWKV" 5 and later: S = diag(w) S + k v', y = r S. Per token and element of the
// state of a head, size x size: k v' and r S are MACs, the decay and its sum 2 operations.
sz_status sz_cost_llm_time_mix(sz_costing *c) {
    const int64_t size = sz_attr_i(c->in.node, "head_size", 1), x = c->work->in_elements;
    SZ_TRY(sz_cost_add_macs(c, 3, (int64_t[]){x, size, 2}));
    return sz_cost_add_epilogue(c, 3, (int64_t[]){x, size, 2});
}
