// SPDX-License-Identifier: Apache-2.0
// Attention, MultiHeadAttention and GroupQueryAttention of com.microsoft.
#include "run/backends/ref/attention.h"

#include "model/ops/numbers.h"

#include <math.h>

// A mask of 0 and 1: per key [batch, total] or [batch, queries, total], or lengths [batch]. What is
// masked gets `filter` added, as ONNX Runtime does it.
static sz_status key_mask(const sz_ref_call *c, int i, double filter, sz_attend *a) {
    if (!sz_ref_has(c, i)) return SZ_OK;
    const sz_buffer *b = c->in[i];
    double *x, *mask;
    SZ_TRY(sz_ref_in(c, i, &x));
    if (b->rank == 1 && b->count == a->batch) { // lengths: one key per column
        SZ_TRY(sz_ref_array(c, a->batch * a->total, &mask));
        for (int64_t k = 0; k < a->batch * a->total; k++)
            mask[k] = k % a->total < (int64_t)x[k / a->total] ? 0 : filter;
        a->mask[0] = (sz_mask){mask, {a->batch, 1, 1, a->total}};
        return SZ_OK;
    }
    const bool two = b->rank == 2 && b->dims[1] == a->total;
    const bool three = b->rank == 3 && b->dims[1] == a->queries && b->dims[2] == a->total;
    if (!(two || three) || b->dims[0] != a->batch)
        return sz_op_fail(c->n, "no reference for a mask of this shape");
    for (int64_t k = 0; k < b->count; k++) x[k] = x[k] > 0 ? 0 : filter;
    a->mask[0] = (sz_mask){x, {a->batch, 1, three ? a->queries : 1, a->total}};
    return SZ_OK;
}

static sz_status finish(sz_ref_call *c, sz_attend *a) {
    double *y;
    for (int m = 0; m < 2; m++) SZ_TRY(sz_ref_check_mask(c, a, &a->mask[m]));
    SZ_TRY(sz_ref_array(c, a->batch * a->heads * a->queries * a->v_size, &a->y));
    SZ_TRY(sz_ref_attend(c, a));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (y && c->out[0]->count != a->batch * a->heads * a->queries * a->v_size)
        return sz_op_fail(c->n, "output 0 does not fit");
    if (y) sz_ref_merge_heads(a->y, a->batch, a->heads, a->queries, a->v_size, y);
    return SZ_OK;
}

// ---- Attention: projections inside -------------------------------------------------------------

// [2, batch, heads, past, size]: keys, then values
static sz_status with_past(sz_ref_call *c, sz_attend *a, int64_t length) {
    double *past, *present;
    SZ_TRY(sz_ref_in(c, 4, &past));
    const int64_t before = past ? c->in[4]->dims[3] : 0, groups = a->batch * a->heads;
    if (past && a->k_size != a->v_size) return sz_op_fail(c->n, "head sizes of the past differ");
    SZ_TRY(sz_ref_expect(c, 4, 2 * groups * before * a->k_size));
    const double *past_v = past ? past + groups * before * a->k_size : NULL;
    SZ_TRY(sz_ref_append(c, past, a->k, groups, before, length, a->k_size, &a->k));
    SZ_TRY(sz_ref_append(c, past_v, a->v, groups, before, length, a->v_size, &a->v));
    a->total = before + length, a->front = before;
    SZ_TRY(sz_ref_room(c, 1, &present));
    if (!present) return SZ_OK;
    const size_t half = (size_t)(groups * a->total * a->k_size);
    if (a->k_size != a->v_size || c->out[1]->count != (int64_t)(2 * half))
        return sz_op_fail(c->n, "output 1 does not fit");
    memcpy(present, a->k, half * sizeof *present);
    memcpy(present + half, a->v, half * sizeof *present);
    return SZ_OK;
}

// input, weights, bias, mask, past, attention_bias
sz_status sz_ref_ms_attention(sz_ref_call *c) {
    const sz_node *node = c->n->node;
    const sz_buffer *x = c->in[0], *w = c->in[1];
    const int64_t *sizes, rows = x->dims[0] * x->dims[1], width = w->dims[1];
    if (w->dims[0] != x->dims[2]) return sz_op_fail(c->n, "inner sizes differ");
    double *xs, *ws, *bias, *qkv;
    int64_t qk = width / 3, v = width / 3;
    if (sz_attr_i(node, "do_rotary", 0) || sz_attr_i(node, "past_present_share_buffer", 0))
        return sz_op_fail(c->n, "no reference for rotary positions or a shared cache here");
    if (sz_attr_ints(node, "qkv_hidden_sizes", &sizes) == 3) qk = sizes[0], v = sizes[2];
    if (qk < 0 || v < 0 || qk > width || 2 * qk + v != width)
        return sz_op_fail(c->n, "the weights do not fit");
    sz_attend a = {.batch = x->dims[0], .queries = x->dims[1], .left = -1, .right = -1};
    a.heads = a.kv_heads = sz_attr_i(node, "num_heads", 1);
    if (a.heads < 1 || qk % a.heads || v % a.heads) return sz_op_fail(c->n, "heads do not fit");
    a.k_size = qk / a.heads, a.v_size = v / a.heads;
    SZ_TRY(sz_ref_check_sizes(c, &a, a.queries + (sz_ref_has(c, 4) ? c->in[4]->dims[3] : 0)));
    SZ_TRY(sz_ref_in(c, 0, &xs));
    SZ_TRY(sz_ref_in(c, 1, &ws));
    SZ_TRY(sz_ref_in(c, 2, &bias));
    if (bias && c->in[2]->count != width) return sz_op_fail(c->n, "the bias does not fit");
    SZ_TRY(sz_ref_array(c, rows * width, &qkv));
    const sz_matrix mx = {xs, x->dims[2], 1}, mw = {ws, width, 1};
    SZ_TRY(sz_ref_product(c, rows, width, x->dims[2], mx, mw, qkv, width));
    SZ_TRY(sz_ref_split_heads(c, qkv, bias, a.batch, a.queries, a.heads, a.k_size, width, 0, &a.q));
    SZ_TRY(
        sz_ref_split_heads(c, qkv, bias, a.batch, a.queries, a.heads, a.k_size, width, qk, &a.k));
    SZ_TRY(sz_ref_split_heads(c, qkv, bias, a.batch, a.queries, a.heads, a.v_size, width, 2 * qk,
                              &a.v));
    SZ_TRY(with_past(c, &a, a.queries));
    const double scale = sz_attr_f(node, "scale", 0);
    const double filter = sz_attr_f(node, "mask_filter_value", -10000);
    a.scale = scale != 0 ? scale : 1 / sqrt((double)a.k_size);
    a.causal = sz_attr_i(node, "unidirectional", 0) != 0;
    a.hidden = -INFINITY; // what lies ahead is not seen, whatever the filter of the mask
    SZ_TRY(key_mask(c, 3, filter, &a));
    SZ_TRY(sz_ref_mask(c, 5, &a.mask[1]));
    return finish(c, &a);
}

// ---- MultiHeadAttention ------------------------------------------------------------------------

// query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value
sz_status sz_ref_ms_multi_head(sz_ref_call *c) {
    const sz_node *node = c->n->node;
    const sz_buffer *q = c->in[0], *k = c->n_in > 1 ? c->in[1] : NULL;
    const sz_buffer *v = c->n_in > 2 ? c->in[2] : NULL;
    double *xq, *xk, *xv, *bias, *pk, *pv;
    if (q->rank != 3 || !k || !v || k->rank == 5 || k->rank != v->rank || sz_ref_has(c, 8))
        return sz_op_fail(c->n, "no reference for packed or shared operands");
    sz_attend a = {.batch = q->dims[0], .queries = q->dims[1], .left = -1, .right = -1};
    a.heads = a.kv_heads = sz_attr_i(node, "num_heads", 1);
    a.k_size = q->dims[2] / a.heads;
    a.v_size = v->rank == 4 ? v->dims[3] : v->dims[2] / a.heads;
    SZ_TRY(sz_ref_check_sizes(c, &a, k->dims[k->rank == 4 ? 2 : 1]));
    const int64_t length = k->dims[k->rank == 4 ? 2 : 1], qk = a.heads * a.k_size;
    SZ_TRY(sz_ref_expect(c, 0, a.batch * a.queries * qk));
    SZ_TRY(sz_ref_in(c, 0, &xq));
    SZ_TRY(sz_ref_in(c, 1, &xk));
    SZ_TRY(sz_ref_in(c, 2, &xv));
    SZ_TRY(sz_ref_in(c, 3, &bias));
    if (k->count != a.batch * length * qk || v->count != a.batch * length * a.heads * a.v_size ||
        (bias && c->in[3]->count != 2 * qk + a.heads * a.v_size))
        return sz_op_fail(c->n, "sizes do not fit");
    SZ_TRY(sz_ref_split_heads(c, xq, bias, a.batch, a.queries, a.heads, a.k_size, qk, 0, &a.q));
    a.k = xk, a.v = xv;
    if (k->rank == 3) {
        SZ_TRY(sz_ref_split_heads(c, xk, bias ? bias + qk : NULL, a.batch, length, a.heads,
                                  a.k_size, qk, 0, &a.k));
        SZ_TRY(sz_ref_split_heads(c, xv, bias ? bias + 2 * qk : NULL, a.batch, length, a.heads,
                                  a.v_size, a.heads * a.v_size, 0, &a.v));
    }
    SZ_TRY(sz_ref_in(c, 6, &pk));
    SZ_TRY(sz_ref_in(c, 7, &pv));
    const int64_t before = pk && pv && k->rank == 3 ? c->in[6]->dims[2] : 0;
    if (before) SZ_TRY(sz_ref_expect(c, 6, a.batch * a.heads * before * a.k_size));
    if (before) SZ_TRY(sz_ref_expect(c, 7, a.batch * a.heads * before * a.v_size));
    SZ_TRY(sz_ref_append(c, pk, a.k, a.batch * a.heads, before, length, a.k_size, &a.k));
    SZ_TRY(sz_ref_append(c, pv, a.v, a.batch * a.heads, before, length, a.v_size, &a.v));
    a.total = before + length, a.front = before;
    SZ_TRY(sz_ref_copy_out(c, 1, a.k, a.batch * a.heads * a.total * a.k_size));
    SZ_TRY(sz_ref_copy_out(c, 2, a.v, a.batch * a.heads * a.total * a.v_size));
    const double scale = sz_attr_f(node, "scale", 0);
    a.scale = scale != 0 ? scale : 1 / sqrt((double)a.k_size);
    a.causal = sz_attr_i(node, "unidirectional", 0) != 0, a.hidden = -INFINITY;
    SZ_TRY(key_mask(c, 4, sz_attr_f(node, "mask_filter_value", -10000), &a));
    SZ_TRY(sz_ref_mask(c, 5, &a.mask[1]));
    return finish(c, &a);
}

// ---- GroupQueryAttention -----------------------------------------------------------------------

// Positions of the queries: the lengths that input 5 gives (minus one) end with them.
static sz_status read_lengths(const sz_ref_call *c, sz_attend *a) {
    a->valid = sz_arena_array(c->n->graph->arena, (size_t)a->batch + 1, sizeof *a->valid);
    a->fronts = sz_arena_array(c->n->graph->arena, (size_t)a->batch + 1, sizeof *a->fronts);
    if (!a->valid || !a->fronts) return sz_no_memory(c->ctx);
    if (!sz_ref_has(c, 5) || c->in[5]->count != a->batch)
        return sz_op_fail(c->n, "one length per batch is needed");
    sz_buffer_integers(c->in[5], 0, a->batch, a->valid);
    for (int64_t b = 0; b < a->batch; b++) {
        a->valid[b]++;
        a->fronts[b] = a->valid[b] - a->queries;
        if (a->valid[b] > a->total || a->fronts[b] < 0)
            return sz_op_fail(c->n, "a length does not fit the keys");
    }
    return SZ_OK;
}

static sz_status turn(const sz_ref_call *c, const sz_attend *a, double *x, int64_t n_heads) {
    const sz_node *node = c->n->node;
    double *cosines, *sines;
    SZ_TRY(sz_ref_in(c, 7, &cosines));
    SZ_TRY(sz_ref_in(c, 8, &sines));
    if (!cosines || !sines) return sz_op_fail(c->n, "rotary positions need their tables");
    const int64_t half = sz_ref_dim(c->in[7], -1), rows = half ? c->in[7]->count / half : 0;
    if (2 * half > a->k_size || c->in[8]->count != c->in[7]->count)
        return sz_op_fail(c->n, "the tables of positions do not fit");
    for (int64_t k = 0; k < a->batch * n_heads * a->queries; k++) {
        const int64_t row = a->fronts[k / (n_heads * a->queries)] + k % a->queries;
        if (row >= rows) return sz_op_fail(c->n, "a position lies outside of its table");
        sz_ref_rotate(x + k * a->k_size, cosines + row * half, sines + row * half, half,
                      sz_attr_i(node, "rotary_interleaved", 0) != 0);
    }
    return SZ_OK;
}

// Keys or values into the cache behind what each batch has; output o gets all of it.
static sz_status cache(sz_ref_call *c, const sz_attend *a, int past, int o, const double *x,
                       double **ret) {
    double *old, *out;
    SZ_TRY(sz_ref_in(c, past, &old));
    SZ_TRY(sz_ref_array(c, a->batch * a->kv_heads * a->total * a->k_size, ret));
    const int64_t room = old ? c->in[past]->dims[2] : 0, size = a->k_size;
    SZ_TRY(sz_ref_expect(c, past, a->batch * a->kv_heads * room * size));
    for (int64_t g = 0; g < a->batch * a->kv_heads; g++) {
        const int64_t front = a->fronts[g / a->kv_heads];
        double *to = *ret + g * a->total * size;
        const int64_t kept = front < room ? front : room;
        if (kept > 0) memcpy(to, old + g * room * size, (size_t)(kept * size) * sizeof *to);
        memcpy(to + front * size, x + g * a->queries * size,
               (size_t)(a->queries * size) * sizeof *to);
    }
    SZ_TRY(sz_ref_room(c, o, &out));
    if (out && c->out[o]->count != a->batch * a->kv_heads * a->total * size)
        return sz_op_fail(c->n, "no reference for a cache of another size");
    if (out) memcpy(out, *ret, (size_t)c->out[o]->count * sizeof *out);
    return SZ_OK;
}

// query, key, value, past_key, past_value, seqlens_k, total_sequence_length, cos, sin
sz_status sz_ref_ms_group_query(sz_ref_call *c) {
    const sz_node *node = c->n->node;
    const sz_buffer *q = c->in[0];
    const bool packed = !sz_ref_has(c, 1);
    double *xq, *xk, *xv, *k, *v;
    if (sz_ref_has(c, 9) || sz_ref_has(c, 10) || sz_ref_has(c, 11) || q->rank != 3)
        return sz_op_fail(c->n, "no reference for these optional inputs");
    sz_attend a = {.batch = q->dims[0], .queries = q->dims[1], .right = -1, .hidden = -INFINITY};
    a.heads = sz_attr_i(node, "num_heads", 1), a.kv_heads = sz_attr_i(node, "kv_num_heads", 1);
    a.k_size = q->dims[2] / (packed ? a.heads + 2 * a.kv_heads : a.heads);
    a.v_size = a.k_size;
    SZ_TRY(sz_ref_check_sizes(c, &a, a.queries + (sz_ref_has(c, 3) ? c->in[3]->dims[2] : 0)));
    const int64_t own = a.heads * a.k_size, kv = a.kv_heads * a.k_size;
    if (q->dims[2] != (packed ? own + 2 * kv : own)) return sz_op_fail(c->n, "sizes do not fit");
    if (!packed && (c->in[1]->count != a.batch * a.queries * kv || !sz_ref_has(c, 2) ||
                    c->in[2]->count != c->in[1]->count))
        return sz_op_fail(c->n, "sizes do not fit");
    SZ_TRY(sz_ref_in(c, 0, &xq));
    SZ_TRY(sz_ref_in(c, packed ? 0 : 1, &xk));
    SZ_TRY(sz_ref_in(c, packed ? 0 : 2, &xv));
    SZ_TRY(sz_ref_split_heads(c, xq, NULL, a.batch, a.queries, a.heads, a.k_size, q->dims[2], 0,
                              &a.q));
    SZ_TRY(sz_ref_split_heads(c, xk, NULL, a.batch, a.queries, a.kv_heads, a.k_size,
                              packed ? q->dims[2] : kv, packed ? own : 0, &k));
    SZ_TRY(sz_ref_split_heads(c, xv, NULL, a.batch, a.queries, a.kv_heads, a.k_size,
                              packed ? q->dims[2] : kv, packed ? own + kv : 0, &v));
    const int64_t past = sz_ref_has(c, 3) ? c->in[3]->dims[2] : 0;
    const int64_t total = (int64_t)sz_ref_scalar(c, 6, (double)(past + a.queries));
    a.total = past > total ? past : total; // a larger past is the cache itself
    SZ_TRY(read_lengths(c, &a));
    if (sz_attr_i(node, "do_rotary", 0)) {
        SZ_TRY(turn(c, &a, a.q, a.heads));
        SZ_TRY(turn(c, &a, k, a.kv_heads));
    }
    SZ_TRY(cache(c, &a, 3, 1, k, &a.k));
    SZ_TRY(cache(c, &a, 4, 2, v, &a.v));
    const double scale = sz_attr_f(node, "scale", 0);
    a.scale = scale != 0 ? scale : 1 / sqrt((double)a.k_size);
    a.softcap = sz_attr_f(node, "softcap", 0);
    a.causal = true;
    const int64_t window = sz_attr_i(node, "local_window_size", -1);
    a.left = window > 0 ? window - 1 : -1;
    return finish(c, &a);
}
