// SPDX-License-Identifier: Apache-2.0
// ai.onnx Attention, FlexAttention and RotaryEmbedding, and what attention operators share.
#include "model/ops/attention.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

// ---- shared ------------------------------------------------------------------------------------

sz_status sz_dim_div(const sz_infer *n, const char *what, int64_t a, int64_t b, int64_t *ret) {
    *ret = SZ_DIM_UNKNOWN;
    if (a < 0 || b <= 0) return SZ_OK;
    if (a % b != 0)
        return sz_op_fail(n, "%s %lld does not divide by %lld", what, (long long)a, (long long)b);
    *ret = a / b;
    return SZ_OK;
}

// Needs: times the head sizes it does not overflow, or a factor is 0.
static int64_t scores_of(const sz_heads *h) {
    int64_t n;
    const bool fits = sz_mul(h->batch, h->q_heads, &n) && sz_mul(n, h->q_len, &n) &&
                      sz_mul(n, h->total, &n) && h->k_size + h->v_size > 0;
    return fits ? n : 0;
}

sz_status sz_attention_cost(sz_costing *c, const sz_heads *h, int64_t score_work) {
    int64_t width;
    if (h->batch < 0 || h->q_heads < 0 || h->q_len < 0 || h->total < 0 || h->k_size < 0 ||
        h->v_size < 0)
        return sz_cost_unknown(c, "its number of heads, queries or keys is not known");
    if (!sz_add(h->k_size, h->v_size, &width)) return sz_op_fail(&c->in, "head size exceeds 2^63");
    SZ_TRY(sz_cost_add_macs(c, 5, (int64_t[]){h->batch, h->q_heads, h->q_len, h->total, width}));
    c->work->scores = scores_of(h);
    c->work->score_macs = c->work->scores * h->k_size; // parts of the macs: no overflow
    c->work->value_macs = c->work->scores * h->v_size;
    return sz_cost_add_epilogue(c, 5, (int64_t[]){h->batch, h->q_heads, h->q_len, h->total,
                                                  score_work});
}

// ---- ai.onnx Attention -------------------------------------------------------------------------

// One of Q, K, V: [batch, heads, length, size] or [batch, length, heads x size].
static sz_status operand(const sz_infer *n, int i, const char *heads_attr, int64_t *ret_heads,
                         int64_t *ret_length, int64_t *ret_size) {
    int32_t rank = sz_in_rank(n, i);
    *ret_heads = sz_attr_i(n->node, heads_attr, SZ_DIM_UNKNOWN);
    *ret_length = *ret_size = SZ_DIM_UNKNOWN;
    if (rank < 0) return *ret_heads = SZ_DIM_UNKNOWN, SZ_OK;
    if (rank == 4) {
        *ret_heads = sz_in_dim(n, i, 1);
        *ret_length = sz_in_dim(n, i, 2);
        *ret_size = sz_in_dim(n, i, 3);
        return SZ_OK;
    }
    if (rank != 3)
        return sz_op_fail(n, "input %d has %d dimensions, 3 or 4 are needed", i, (int)rank);
    if (*ret_heads == SZ_DIM_UNKNOWN) return sz_op_missing_attr(n, heads_attr);
    if (*ret_heads < 1)
        return sz_op_fail(n, "%s is %lld, at least 1 is needed", heads_attr, (long long)*ret_heads);
    *ret_length = sz_in_dim(n, i, 1);
    return sz_dim_div(n, "hidden size", sz_in_dim(n, i, 2), *ret_heads, ret_size);
}

static sz_status heads_read(const sz_infer *n, sz_heads *h) {
    int64_t q_size, v_heads, v_len;
    h->batch = sz_in_dim(n, 0, 0);
    SZ_TRY(operand(n, 0, "q_num_heads", &h->q_heads, &h->q_len, &q_size));
    SZ_TRY(operand(n, 1, "kv_num_heads", &h->kv_heads, &h->kv_len, &h->k_size));
    SZ_TRY(operand(n, 2, "kv_num_heads", &v_heads, &v_len, &h->v_size));
    if (q_size >= 0 && h->k_size >= 0 && q_size != h->k_size)
        return sz_op_fail(n, "head sizes of query and key differ: %lld and %lld",
                          (long long)q_size, (long long)h->k_size);
    if (h->k_size < 0) h->k_size = q_size;
    if (h->q_heads >= 0 && h->kv_heads > 0 && h->q_heads % h->kv_heads != 0)
        return sz_op_fail(n, "%lld query heads do not share %lld key heads evenly",
                          (long long)h->q_heads, (long long)h->kv_heads);
    h->past = sz_has_in(n, 4) ? sz_in_dim(n, 4, 2) : 0;
    return sz_dim_add(n, h->kv_len, h->past, &h->total);
}

static sz_status attention_out(sz_infer *n, const sz_heads *h) {
    sz_dtype t = sz_in_dtype(n, 0);
    int32_t rank = sz_in_rank(n, 0);
    int64_t hidden;
    if (rank < 0) return sz_out_rank(n, 0, t, -1);
    if (rank == 4)
        return sz_out(n, 0, t, 4, (int64_t[]){h->batch, h->q_heads, h->q_len, h->v_size});
    SZ_TRY(sz_dim_mul(n, h->q_heads, h->v_size, &hidden));
    return sz_out(n, 0, t, 3, (int64_t[]){h->batch, h->q_len, hidden});
}

sz_status sz_shape_attention(sz_infer *n) {
    sz_heads h;
    SZ_TRY(heads_read(n, &h));
    SZ_TRY(attention_out(n, &h));
    SZ_TRY(sz_out(n, 1, sz_in_dtype(n, 1), 4,
                  (int64_t[]){h.batch, h.kv_heads, h.total, h.k_size}));
    SZ_TRY(sz_out(n, 2, sz_in_dtype(n, 2), 4,
                  (int64_t[]){h.batch, h.kv_heads, h.total, h.v_size}));
    return sz_out(n, 3, sz_in_dtype(n, 0), 4, (int64_t[]){h.batch, h.q_heads, h.q_len, h.total});
}

sz_status sz_cost_attention(sz_costing *c) {
    const sz_node *node = c->in.node;
    int64_t work = SZ_SOFTMAX_WORK + SZ_SCALE_WORK;
    sz_heads h;
    SZ_TRY(heads_read(&c->in, &h));
    if (sz_has_in(&c->in, 3) || sz_attr_i(node, "is_causal", 0) != 0) work += 1;
    if (sz_attr_f(node, "softcap", 0) != 0) work += 3; // quotient, tanh, product
    return sz_attention_cost(c, &h, work);
}

// ai.onnx.preview FlexAttention. Its score_mod and prob_mod bodies work on the scores inside the
// operator and are not costed.
sz_status sz_shape_attention_flex(sz_infer *n) {
    sz_heads h;
    for (int i = 0; i < 3; i++)
        SZ_TRY(sz_need_rank(n, i, 4));
    SZ_TRY(heads_read(n, &h));
    return sz_out(n, 0, sz_in_dtype(n, 0), 4,
                  (int64_t[]){h.batch, h.q_heads, h.q_len, h.v_size});
}

// ---- RotaryEmbedding ---------------------------------------------------------------------------

// Three operations per element of the turned part: two products and a sum. `ids`, `cos`, `sin`:
// inputs.
static sz_status rotary_cost(sz_costing *c, int ids, int cos_in, int sin_in) {
    const sz_infer *n = &c->in;
    const sz_type *x = sz_in(n, 0);
    int64_t turned = sz_attr_i(n->node, "rotary_embedding_dim", 0), size = 0, rows;
    int64_t heads = sz_attr_i(n->node, "num_heads", 0), elements = c->work->in_elements;
    if (x->rank == 4) size = x->dims[3];
    else if (x->rank == 3 && heads > 0) size = x->dims[2] / heads;
    if (turned > 0 && size > turned) elements = elements / size * turned;
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){elements, 3}));
    if (x->rank < 3 || !sz_has_in(n, ids)) return SZ_OK;
    rows = x->dims[x->rank == 4 ? 2 : 1];
    if (sz_cost_in_elements(c, ids) > 1 && !sz_mul(rows, x->dims[0], &rows)) return SZ_OK;
    SZ_TRY(sz_read_rows(c, cos_in, rows, sz_in_dim(n, cos_in, 0)));
    return sz_read_rows(c, sin_in, rows, sz_in_dim(n, sin_in, 0));
}

sz_status sz_cost_rotary(sz_costing *c) { return rotary_cost(c, 3, 1, 2); }
sz_status sz_cost_ms_rotary(sz_costing *c) { return rotary_cost(c, 1, 2, 3); }

// com.microsoft.GemmaRotaryEmbedding: sine and cosine of the angles, then two tensors are turned.
sz_status sz_shape_ms_rotary_gemma(sz_infer *n) {
    SZ_TRY(sz_out_like(n, 0, 1));
    return sz_out_like(n, 1, 3);
}

sz_status sz_cost_ms_rotary_gemma(sz_costing *c) {
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){c->work->in_elements, 2}));
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){sz_cost_in_elements(c, 1), 3}));
    return sz_cost_add_flops(c, 2, (int64_t[]){sz_cost_in_elements(c, 3), 3});
}
