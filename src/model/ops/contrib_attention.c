// SPDX-License-Identifier: Apache-2.0
// com.microsoft attention with dense batches: Attention and its quantized and decoding forms,
// MultiHeadAttention, GroupQueryAttention. Facts: the operator schemas of ONNX Runtime 1.31.
#include "model/ops/attention.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

// ---- shared ------------------------------------------------------------------------------------

static sz_status heads_of(const sz_infer *n, const char *name, int64_t *ret) {
    *ret = sz_attr_i(n->node, name, 0);
    if (!sz_attr_find(n->node, name)) return sz_op_missing_attr(n, name);
    return *ret >= 1 ? SZ_OK : sz_op_fail(n, "%s is %lld, at least 1 is needed", name,
                                          (long long)*ret);
}

// A whole number that an operand holds; SZ_DIM_UNKNOWN when absent or not known or negative.
static int64_t number(const sz_infer *n, int i) {
    const sz_tensor *t = sz_in_value(n, i);
    return t && t->i && t->count == 1 && t->i[0] >= 0 ? t->i[0] : SZ_DIM_UNKNOWN;
}

// The caches are one buffer of `capacity` positions that is read and written in place: only `used`
// positions are read and `fresh` ones written.
static sz_status shared_cache(sz_costing *c, int in, int out, int64_t used, int64_t fresh,
                              int64_t capacity) {
    int64_t bytes;
    if (used < 0 || fresh < 0 || capacity <= 0 || used > capacity) return SZ_OK;
    SZ_TRY(sz_read_rows(c, in, used, capacity));
    if (!sz_has_out(&c->in, out)) return SZ_OK;
    SZ_TRY(sz_type_bytes(c->in.ctx, sz_out_get(&c->in, out), &bytes));
    if (bytes > 0 && fresh < capacity)
        c->work->bytes_written -= bytes / capacity * (capacity - fresh);
    return SZ_OK;
}

// ---- Attention: projections inside -------------------------------------------------------------

// Inputs of the operators that project one input to Q, K and V by one weight matrix.
typedef struct fused_form {
    int w, bias, mask, past, add, past_len, dtype_of;
} fused_form;

static const fused_form plain = {1, 2, 3, 4, 5, 6, 0};
static const fused_form quantized = {1, 2, 5, 8, SZ_NONE, SZ_NONE, 3};

typedef struct fused {
    sz_heads h;
    int64_t input, width; // of the weights
    int64_t cache;        // positions in `present`
} fused;

// Width of V: the attribute says it, else a third of the weights.
static sz_status value_width(const sz_infer *n, int64_t width, int64_t *ret_v, int64_t *ret_qk) {
    const int64_t *sizes;
    int32_t have = sz_attr_ints(n->node, "qkv_hidden_sizes", &sizes);
    if (have != 0 && have != 3) return sz_op_fail(n, "qkv_hidden_sizes has %d values", (int)have);
    if (have == 0) {
        SZ_TRY(sz_dim_div(n, "width of the weights", width, 3, ret_v));
        *ret_qk = *ret_v;
        return SZ_OK;
    }
    if (sizes[0] < 1 || sizes[2] < 1 || sizes[0] != sizes[1])
        return sz_op_fail(n, "qkv_hidden_sizes are %lld, %lld, %lld", (long long)sizes[0],
                          (long long)sizes[1], (long long)sizes[2]);
    *ret_qk = sizes[0];
    *ret_v = sizes[2];
    return SZ_OK;
}

static sz_status fused_lengths(const sz_infer *n, const fused_form *f, fused *s) {
    bool shares = sz_attr_i(n->node, "past_present_share_buffer", 0) != 0;
    int64_t before;
    s->h.past = sz_has_in(n, f->past) ? sz_in_dim(n, f->past, 3) : 0;
    SZ_TRY(sz_dim_add(n, s->h.past, s->h.q_len, &s->h.total));
    s->cache = s->h.total;
    if (!shares || !sz_has_in(n, f->past)) return SZ_OK;
    s->cache = s->h.total = s->h.past; // the whole buffer, unless its fill is known
    before = f->past_len >= 0 ? number(n, f->past_len) : SZ_DIM_UNKNOWN;
    if (before < 0) return SZ_OK;
    return sz_dim_add(n, before, s->h.q_len, &s->h.total);
}

static sz_status fused_read(const sz_infer *n, const fused_form *f, fused *s) {
    int64_t v = SZ_DIM_UNKNOWN, qk = SZ_DIM_UNKNOWN, inner;
    SZ_TRY(heads_of(n, "num_heads", &s->h.q_heads));
    s->h.kv_heads = s->h.q_heads;
    SZ_TRY(sz_need_rank(n, 0, 3));
    SZ_TRY(sz_need_rank(n, f->w, 2));
    s->h.batch = sz_in_dim(n, 0, 0);
    s->h.q_len = s->h.kv_len = sz_in_dim(n, 0, 1);
    s->input = sz_in_dim(n, 0, 2);
    s->width = sz_in_dim(n, f->w, 1);
    inner = sz_in_dim(n, f->w, 0);
    if (s->input >= 0 && inner >= 0 && s->input != inner)
        return sz_op_fail(n, "inner sizes differ: %lld and %lld", (long long)s->input,
                          (long long)inner);
    SZ_TRY(value_width(n, s->width, &v, &qk));
    SZ_TRY(sz_dim_div(n, "hidden size", qk, s->h.q_heads, &s->h.k_size));
    SZ_TRY(sz_dim_div(n, "hidden size", v, s->h.q_heads, &s->h.v_size));
    return fused_lengths(n, f, s);
}

static sz_status fused_out(sz_infer *n, const fused_form *f) {
    sz_dtype t = sz_in_dtype(n, f->dtype_of);
    int64_t hidden;
    fused s;
    SZ_TRY(fused_read(n, f, &s));
    SZ_TRY(sz_dim_mul(n, s.h.q_heads, s.h.v_size, &hidden));
    SZ_TRY(sz_out(n, 0, t, 3, (int64_t[]){s.h.batch, s.h.q_len, hidden}));
    return sz_out(n, 1, t, 5, (int64_t[]){2, s.h.batch, s.h.q_heads, s.cache, s.h.k_size});
}

static int64_t score_work(const sz_costing *c, int mask, int add) {
    int64_t work = SZ_SOFTMAX_WORK + SZ_SCALE_WORK;
    if (sz_has_in(&c->in, mask) || sz_attr_i(c->in.node, "unidirectional", 0) != 0) work++;
    return work + (sz_has_in(&c->in, add) ? 1 : 0);
}

static sz_status fused_cost(sz_costing *c, const fused_form *f) {
    int64_t tokens, bias;
    fused s;
    SZ_TRY(fused_read(&c->in, f, &s));
    if (s.width < 0 || s.input < 0) return sz_cost_unknown(c, "its weights are left out");
    SZ_TRY(sz_dim_mul(&c->in, s.h.batch, s.h.q_len, &tokens));
    SZ_TRY(sz_cost_add_macs(c, 3, (int64_t[]){tokens, s.input, s.width}));
    if (sz_has_in(&c->in, f->bias)) {
        SZ_TRY(sz_dim_mul(&c->in, tokens, s.width, &bias));
        SZ_TRY(sz_epilogue_bias(c, bias));
    }
    if (s.cache == s.h.past && s.h.past > 0)
        SZ_TRY(shared_cache(c, f->past, 1, s.h.total - s.h.q_len, s.h.q_len, s.cache));
    return sz_attention_cost(c, &s.h, score_work(c, f->mask, f->add));
}

sz_status sz_shape_ms_attention(sz_infer *n) { return fused_out(n, &plain); }
sz_status sz_cost_ms_attention(sz_costing *c) { return fused_cost(c, &plain); }
sz_status sz_shape_ms_qattention(sz_infer *n) { return fused_out(n, &quantized); }
sz_status sz_cost_ms_qattention(sz_costing *c) { return fused_cost(c, &quantized); }

// QOrderedAttention: three weight matrices, no caches.
static sz_status ordered_read(const sz_infer *n, sz_heads *h, int64_t *ret_width) {
    int64_t q = sz_in_dim(n, 5, 1), v = sz_in_dim(n, 7, 1);
    SZ_TRY(heads_of(n, "num_heads", &h->q_heads));
    SZ_TRY(sz_need_rank(n, 0, 3));
    for (int i = 5; i <= 7; i++) SZ_TRY(sz_need_rank(n, i, 2));
    h->kv_heads = h->q_heads;
    h->batch = sz_in_dim(n, 0, 0);
    h->q_len = h->kv_len = h->total = sz_in_dim(n, 0, 1);
    h->past = 0;
    SZ_TRY(sz_dim_div(n, "hidden size", q, h->q_heads, &h->k_size));
    SZ_TRY(sz_dim_div(n, "hidden size", v, h->q_heads, &h->v_size));
    SZ_TRY(sz_dim_add(n, q, sz_in_dim(n, 6, 1), ret_width));
    return sz_dim_add(n, *ret_width, v, ret_width);
}

sz_status sz_shape_ms_attention_ordered(sz_infer *n) {
    int64_t width;
    sz_heads h;
    SZ_TRY(ordered_read(n, &h, &width));
    return sz_out(n, 0, sz_in_dtype(n, 0), 3,
                  (int64_t[]){h.batch, h.q_len, sz_in_dim(n, 7, 1)});
}

sz_status sz_cost_ms_attention_ordered(sz_costing *c) {
    int64_t width, bias;
    sz_heads h;
    SZ_TRY(ordered_read(&c->in, &h, &width));
    SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){c->work->in_elements, width}));
    SZ_TRY(sz_dim_mul(&c->in, h.batch, h.q_len, &bias));
    SZ_TRY(sz_dim_mul(&c->in, bias, width, &bias));
    SZ_TRY(sz_epilogue_bias(c, bias));
    return sz_attention_cost(c, &h, score_work(c, 17, 19));
}

// ---- MultiHeadAttention ------------------------------------------------------------------------

typedef struct multi_form {
    int bias, mask, add, past_k, past_v, past_len;
} multi_form;

static const multi_form multi = {3, 4, 5, 6, 7, 8}, decoding = {10, 3, 4, 5, 6, 7};

typedef struct multi_sizes {
    sz_heads h;
    int64_t cache;
    bool shares;
} multi_sizes;

// Sizes of K and V: [batch, length, heads x size], [batch, heads, length, size] (then it is all the
// keys there are), K and V together [batch, length, heads, 2, size], or in the query.
static sz_status multi_keys(const sz_infer *n, const multi_form *f, sz_heads *h, int64_t q_width,
                            bool *ret_whole) {
    int32_t qr = sz_in_rank(n, 0), kr = sz_in_rank(n, 1), vr = sz_in_rank(n, 2);
    *ret_whole = false;
    h->kv_len = h->q_len;
    if (qr == 5) {
        h->k_size = h->v_size = sz_in_dim(n, 0, 4);
        return SZ_OK;
    }
    if (!sz_has_in(n, 1)) { // Q, K and V side by side
        h->v_size = sz_in_dim(n, f->past_v, 3);
        h->k_size = sz_in_dim(n, f->past_k, 3);
        if (h->v_size >= 0 && h->k_size >= 0) return SZ_OK;
        SZ_TRY(sz_dim_div(n, "width of the query", q_width, 3, &q_width));
        SZ_TRY(sz_dim_div(n, "hidden size", q_width, h->q_heads, &h->k_size));
        h->v_size = h->k_size;
        return SZ_OK;
    }
    SZ_TRY(sz_dim_div(n, "hidden size", q_width, h->q_heads, &h->k_size));
    h->kv_len = sz_in_dim(n, 1, kr == 4 ? 2 : 1);
    h->v_size = SZ_DIM_UNKNOWN;
    *ret_whole = kr == 4;
    if (kr == 5) h->v_size = sz_in_dim(n, 1, 4);
    else if (vr == 4) h->v_size = sz_in_dim(n, 2, 3);
    else if (vr == 3) SZ_TRY(sz_dim_div(n, "hidden size", sz_in_dim(n, 2, 2), h->q_heads,
                                        &h->v_size));
    return SZ_OK;
}

static sz_status multi_read(const sz_infer *n, const multi_form *f, multi_sizes *s) {
    int64_t before = number(n, f->past_len);
    bool whole;
    SZ_TRY(heads_of(n, "num_heads", &s->h.q_heads));
    if (sz_in_rank(n, 0) != 5) SZ_TRY(sz_need_rank(n, 0, 3));
    s->h.kv_heads = s->h.q_heads;
    s->h.batch = sz_in_dim(n, 0, 0);
    s->h.q_len = sz_in_dim(n, 0, 1);
    SZ_TRY(multi_keys(n, f, &s->h, sz_in_dim(n, 0, 2), &whole));
    s->h.past = sz_has_in(n, f->past_k) && !whole ? sz_in_dim(n, f->past_k, 2) : 0;
    s->shares = sz_has_in(n, f->past_k) && !whole && sz_has_in(n, f->past_len);
    SZ_TRY(sz_dim_add(n, s->h.past, s->h.kv_len, &s->h.total));
    s->cache = s->h.total;
    if (!s->shares) return SZ_OK;
    s->cache = s->h.total = s->h.past;
    return before < 0 ? SZ_OK : sz_dim_add(n, before, s->h.kv_len, &s->h.total);
}

static sz_status multi_out(sz_infer *n, const multi_form *f) {
    sz_dtype t = sz_in_dtype(n, 0);
    int64_t hidden;
    multi_sizes s;
    SZ_TRY(multi_read(n, f, &s));
    const sz_heads *h = &s.h;
    SZ_TRY(sz_dim_mul(n, h->q_heads, h->v_size, &hidden));
    SZ_TRY(sz_out(n, 0, t, 3, (int64_t[]){h->batch, h->q_len, hidden}));
    SZ_TRY(sz_out(n, 1, t, 4, (int64_t[]){h->batch, h->q_heads, s.cache, h->k_size}));
    SZ_TRY(sz_out(n, 2, t, 4, (int64_t[]){h->batch, h->q_heads, s.cache, h->v_size}));
    return sz_out(n, 3, t, 4, (int64_t[]){h->batch, h->q_heads, h->q_len, h->total});
}

static sz_status multi_cost(sz_costing *c, const multi_form *f) {
    multi_sizes s;
    SZ_TRY(multi_read(&c->in, f, &s));
    const sz_heads *h = &s.h;
    if (sz_has_in(&c->in, f->bias)) { // added to what Q, K and V come from
        int64_t bias = sz_cost_in_elements(c, 0);
        for (int i = 1; i <= 2; i++)
            if (!sz_add(bias, sz_cost_in_elements(c, i), &bias))
                return sz_op_fail(&c->in, "bias additions exceed 2^63");
        SZ_TRY(sz_epilogue_bias(c, bias));
    }
    if (s.shares && h->total >= h->kv_len) {
        SZ_TRY(shared_cache(c, f->past_k, 1, h->total - h->kv_len, h->kv_len, s.cache));
        SZ_TRY(shared_cache(c, f->past_v, 2, h->total - h->kv_len, h->kv_len, s.cache));
    }
    return sz_attention_cost(c, h, score_work(c, f->mask, f->add));
}

sz_status sz_shape_ms_multi_head(sz_infer *n) { return multi_out(n, &multi); }
sz_status sz_cost_ms_multi_head(sz_costing *c) { return multi_cost(c, &multi); }
sz_status sz_shape_ms_multi_head_decoding(sz_infer *n) { return multi_out(n, &decoding); }
sz_status sz_cost_ms_multi_head_decoding(sz_costing *c) { return multi_cost(c, &decoding); }

// ---- GroupQueryAttention, SparseAttention ------------------------------------------------------

typedef struct group_form {
    int total; // input with the total length
} group_form;

static const group_form group = {6}, sparse = {7}, selected = {10};

typedef struct group_sizes {
    sz_heads h;
    int64_t cache, hidden;
    bool in_place;
} group_sizes;

static sz_status group_lengths(const sz_infer *n, int total_input, group_sizes *s) {
    int64_t total = number(n, total_input);
    bool past = sz_has_in(n, 3);
    s->h.past = past ? sz_in_dim(n, 3, 2) : 0;
    SZ_TRY(sz_dim_add(n, s->h.past, s->h.kv_len, &s->h.total));
    s->cache = s->h.total;
    s->in_place = false;
    if (past && (total_input == sparse.total || sz_attr_i(n->node, "sliding_window_cache", 0))) {
        s->cache = s->h.past; // always a buffer of fixed size
        s->in_place = true;
        s->h.total = total >= 0 && (s->h.past < 0 || total < s->h.past) ? total : s->h.past;
        return SZ_OK;
    }
    if (total < 0) return SZ_OK;
    s->h.total = total;
    // A past that already has room for the total is the buffer that `present` shares.
    s->in_place = past && s->h.past >= total;
    if (s->in_place) s->cache = s->h.past;
    else s->cache = past && s->h.past < 0 ? SZ_DIM_UNKNOWN : total;
    return SZ_OK;
}

static sz_status group_read(const sz_infer *n, const group_form *f, group_sizes *s) {
    int64_t width = sz_in_dim(n, 0, 2), parts;
    SZ_TRY(heads_of(n, "num_heads", &s->h.q_heads));
    SZ_TRY(heads_of(n, "kv_num_heads", &s->h.kv_heads));
    if (s->h.q_heads % s->h.kv_heads != 0)
        return sz_op_fail(n, "%lld query heads do not share %lld key heads evenly",
                          (long long)s->h.q_heads, (long long)s->h.kv_heads);
    SZ_TRY(sz_need_rank(n, 0, 3));
    s->h.batch = sz_in_dim(n, 0, 0);
    s->h.q_len = sz_in_dim(n, 0, 1);
    s->h.kv_len = sz_has_in(n, 1) ? sz_in_dim(n, 1, 1) : s->h.q_len;
    if (sz_in_rank(n, 1) == 4) s->h.kv_len = sz_in_dim(n, 1, 2);
    parts = s->h.q_heads;
    if (!sz_has_in(n, 1)) // Q, K and V side by side
        if (!sz_madd(&parts, 2, s->h.kv_heads)) return sz_op_fail(n, "heads exceed 2^63");
    SZ_TRY(sz_dim_div(n, "width of the query", width, parts, &s->h.k_size));
    s->h.v_size = s->h.k_size;
    SZ_TRY(sz_dim_mul(n, s->h.q_heads, s->h.k_size, &s->hidden));
    return group_lengths(n, f->total, s);
}

static sz_status group_out(sz_infer *n, const group_form *f) {
    bool past = sz_has_in(n, 3);
    group_sizes s;
    SZ_TRY(group_read(n, f, &s));
    const sz_heads *h = &s.h;
    SZ_TRY(sz_out(n, 0, sz_in_dtype(n, 0), 3, (int64_t[]){h->batch, h->q_len, s.hidden}));
    for (int o = 1; o <= 2; o++) { // a cache of 4 bits holds two values per element
        int64_t size = past ? sz_in_dim(n, 2 + o, 3) : h->k_size;
        SZ_TRY(sz_out(n, o, sz_in_dtype(n, past ? 2 + o : 0), 4,
                      (int64_t[]){h->batch, h->kv_heads, s.cache, size}));
    }
    return sz_out(n, 3, sz_in_dtype(n, 0), 4,
                  (int64_t[]){h->batch, h->q_heads, h->q_len, h->total});
}

static sz_status group_cost(sz_costing *c, const group_form *f) {
    const sz_node *node = c->in.node;
    int64_t work = SZ_SOFTMAX_WORK + SZ_SCALE_WORK + (sz_attr_i(node, "causal", 1) != 0);
    int64_t both;
    group_sizes s;
    SZ_TRY(group_read(&c->in, f, &s));
    const sz_heads *h = &s.h;
    if (sz_attr_f(node, "softcap", 0) != 0) work += 3;
    if (f == &group && sz_has_in(&c->in, 10)) work++;
    if (sz_attr_i(node, "do_rotary", 0) != 0) { // 3 per element of Q and K
        if (!sz_add(h->q_heads, h->kv_heads, &both)) return sz_op_fail(&c->in, "heads exceed 2^63");
        SZ_TRY(sz_cost_add_epilogue(c, 5, (int64_t[]){h->batch, h->q_len, both, h->k_size, 3}));
    }
    if (s.in_place && h->total >= h->kv_len)
        for (int o = 1; o <= 2; o++)
            SZ_TRY(shared_cache(c, 2 + o, o, h->total - h->kv_len, h->kv_len, s.cache));
    return sz_attention_cost(c, h, work);
}

sz_status sz_shape_ms_group_query(sz_infer *n) { return group_out(n, &group); }
sz_status sz_cost_ms_group_query(sz_costing *c) { return group_cost(c, &group); }
sz_status sz_shape_ms_sparse_attention(sz_infer *n) { return group_out(n, &sparse); }
// The blocks that its layout leaves out are counted as if they were there, like any mask.
sz_status sz_cost_ms_sparse_attention(sz_costing *c) { return group_cost(c, &sparse); }
sz_status sz_shape_ms_dynamic_sparse(sz_infer *n) { return group_out(n, &selected); }

sz_status sz_cost_ms_selected(sz_costing *c) {
    return sz_cost_unknown(c, "how many keys a query meets depends on the data");
}
