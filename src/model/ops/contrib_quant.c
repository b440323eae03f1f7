// SPDX-License-Identifier: Apache-2.0
// com.microsoft products with packed weights, mixtures of experts, quantized gathers.
// Unpacking weights is left out of all counts: how often it is done is the kernel's choice.
#include "model/ops/attention.h"
#include "model/ops/matmul.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

// ---- MatMulNBits and its like ------------------------------------------------------------------

static sz_status size_attr(const sz_infer *n, const char *name, int64_t *ret) {
    if (!sz_attr_find(n->node, name)) return sz_op_missing_attr(n, name);
    *ret = sz_attr_i(n->node, name, 0);
    return *ret >= 1 ? SZ_OK : sz_op_fail(n, "%s is %lld, at least 1 is needed", name,
                                          (long long)*ret);
}

// rows of input `a` x K x N; biases in the given inputs.
static sz_status packed_product(sz_costing *c, int a, int64_t k, int64_t width) {
    int64_t last = sz_in_dim(&c->in, a, -1);
    int64_t rows = last > 0 ? sz_cost_in_elements(c, a) / last : 0;
    return sz_cost_add_macs(c, 3, (int64_t[]){rows, k, width});
}

static sz_status bias_of(sz_costing *c, int input, int output) {
    if (!sz_has_in(&c->in, input)) return SZ_OK;
    return sz_epilogue_bias(c, sz_cost_out_elements(c, output));
}

sz_status sz_shape_ms_matmul_bits(sz_infer *n) {
    int64_t k, width;
    SZ_TRY(size_attr(n, "K", &k));
    SZ_TRY(size_attr(n, "N", &width));
    return sz_packed_product_out(n, 0, k, width, 0);
}

sz_status sz_cost_ms_matmul_bits(sz_costing *c) {
    SZ_TRY(packed_product(c, 0, sz_attr_i(c->in.node, "K", 0), sz_attr_i(c->in.node, "N", 0)));
    return bias_of(c, 5, 0);
}

// MatMulBnb4: transB 0 turns the product round, for the backward pass.
sz_status sz_shape_ms_matmul_bnb4(sz_infer *n) {
    bool forward = sz_attr_i(n->node, "transB", 1) != 0;
    int64_t k, width;
    SZ_TRY(size_attr(n, "K", &k));
    SZ_TRY(size_attr(n, "N", &width));
    return sz_packed_product_out(n, 0, forward ? k : width, forward ? width : k, 0);
}

// An optional norm of the input, before fused projections: skip is input 1, its scale input 2.
static sz_status fused_norm(sz_costing *c) {
    if (sz_has_in(&c->in, 1))
        SZ_TRY(sz_cost_add_epilogue(c, 1, (int64_t[]){c->work->in_elements}));
    if (!sz_has_in(&c->in, 2)) return SZ_OK;
    return sz_cost_add_epilogue(c, 2, (int64_t[]){c->work->in_elements, 4});
}

// MatMulNBitsMlp: activation(A x gate) * (A x up).
sz_status sz_shape_ms_matmul_mlp(sz_infer *n) {
    SZ_TRY(sz_shape_ms_matmul_bits(n));
    return sz_out_like(n, 1, 0);
}

sz_status sz_cost_ms_matmul_mlp(sz_costing *c) {
    const sz_node *node = c->in.node;
    int64_t k = sz_attr_i(node, "K", 0), width = sz_attr_i(node, "N", 0);
    SZ_TRY(packed_product(c, 0, k, width));
    SZ_TRY(packed_product(c, 0, k, width));
    SZ_TRY(fused_norm(c));
    SZ_TRY(bias_of(c, 5, 0));
    SZ_TRY(bias_of(c, 8, 0));
    return sz_epilogue(c, 1 + sz_activation_work(sz_attr_s(node, "activation", "silu")));
}

sz_status sz_shape_ms_matmul_qkv(sz_infer *n) {
    int64_t k, q, kv;
    SZ_TRY(size_attr(n, "K", &k));
    SZ_TRY(size_attr(n, "Nq", &q));
    SZ_TRY(size_attr(n, "Nkv", &kv));
    for (int o = 0; o < 3; o++) SZ_TRY(sz_packed_product_out(n, 0, k, o == 0 ? q : kv, o));
    return sz_out_like(n, 3, 0);
}

sz_status sz_cost_ms_matmul_qkv(sz_costing *c) {
    const sz_node *node = c->in.node;
    int64_t k = sz_attr_i(node, "K", 0);
    SZ_TRY(packed_product(c, 0, k, sz_attr_i(node, "Nq", 0)));
    for (int o = 0; o < 2; o++) SZ_TRY(packed_product(c, 0, k, sz_attr_i(node, "Nkv", 0)));
    SZ_TRY(fused_norm(c));
    for (int o = 0; o < 3; o++) SZ_TRY(bias_of(c, 5 + 3 * o, o));
    return SZ_OK;
}

// Weights [N, K] of 8 bits, or [N, K / 2] with two values of 4 bits in a byte.
static sz_status block_out(sz_infer *n, int64_t per_byte) {
    int64_t k;
    SZ_TRY(sz_dim_mul(n, sz_in_dim(n, 1, 1), per_byte, &k));
    return sz_packed_product_out(n, 0, k, sz_in_dim(n, 1, 0), 0);
}

sz_status sz_shape_ms_matmul_fp8(sz_infer *n) { return block_out(n, 1); }
sz_status sz_shape_ms_matmul_fp4(sz_infer *n) { return block_out(n, 2); }

sz_status sz_cost_ms_matmul_fp8(sz_costing *c) {
    SZ_TRY(packed_product(c, 0, sz_in_dim(&c->in, 0, -1), sz_in_dim(&c->in, 1, 0)));
    return bias_of(c, 4, 0);
}

sz_status sz_cost_ms_matmul_fp4(sz_costing *c) {
    SZ_TRY(packed_product(c, 0, sz_in_dim(&c->in, 0, -1), sz_in_dim(&c->in, 1, 0)));
    return bias_of(c, 5, 0);
}

// MatMulFpQ4: a blob; its shape [K, N] is an input.
sz_status sz_shape_ms_matmul_blob(sz_infer *n) {
    const sz_tensor *t = sz_in_value(n, 2);
    bool known = t && t->i && t->count == 2 && t->i[0] >= 0 && t->i[1] >= 0;
    return sz_packed_product_out(n, 0, known ? t->i[0] : SZ_DIM_UNKNOWN,
                                 known ? t->i[1] : SZ_DIM_UNKNOWN, 0);
}

sz_status sz_cost_ms_matmul_blob(sz_costing *c) {
    return packed_product(c, 0, sz_in_dim(&c->in, 0, -1), sz_out_get(&c->in, 0)->dims
                          [sz_out_get(&c->in, 0)->rank - 1]);
}

// ---- mixtures of experts -----------------------------------------------------------------------

// Inputs of the three weight matrices, and the bits of their stored elements.
typedef struct experts {
    int weights[3];
    int last; // inputs up to here that have one row per expert
} experts;

static const experts plain = {{2, 4, 6}, 7}, quantized = {{2, 5, 8}, 16};

// Values per stored element: packed weights are bytes that hold 8 / bits values.
static int64_t per_element(const sz_infer *n, int input, int which) {
    static const char *const names[] = {"fc1_expert_weight_bits", "fc2_expert_weight_bits",
                                        "fc3_expert_weight_bits"};
    sz_str kind = sz_attr_s(n->node, "quant_type", "int");
    int64_t bits = sz_attr_i(n->node, "expert_weight_bits", 4);
    if (sz_dtype_get(sz_in_dtype(n, input))->bits != 8) return 1;
    if (sz_str_is(kind, "fp8")) return 1;
    if (sz_str_is(kind, "fp4") || sz_str_is(kind, "nvfp4") || sz_str_is(kind, "wfp4afp8")) return 2;
    bits = sz_attr_i(n->node, names[which], bits);
    return bits == 2 || bits == 4 ? 8 / bits : 1;
}

// Tokens x k experts run; each token and expert meets every value of the expert's matrices once.
// Read are the weights of as many experts as can be picked: min(experts, tokens x k).
static sz_status moe_cost(sz_costing *c, const experts *e) {
    const sz_infer *n = &c->in;
    int64_t k = sz_attr_i(n->node, "k", 1), count = sz_in_dim(n, e->weights[0], 0);
    int64_t width = sz_in_dim(n, 0, -1), tokens, runs;
    tokens = width > 0 ? c->work->in_elements / width : 0;
    if (k < 1 || (count >= 0 && k > count))
        return sz_op_fail(n, "k is %lld of %lld experts", (long long)k, (long long)count);
    if (!sz_mul(tokens, k, &runs)) return sz_op_fail(n, "tokens x k exceed 2^63");
    for (int i = 0; i < 3 && count > 0; i++) {
        int64_t values = sz_cost_in_elements(c, e->weights[i]) / count;
        if (!sz_has_in(n, e->weights[i])) continue;
        SZ_TRY(sz_cost_add_macs(c, 3, (int64_t[]){runs, values, per_element(n, e->weights[i], i)}));
    }
    for (int i = 2; i <= e->last; i++)
        if (sz_has_in(n, i) && sz_in_rank(n, i) >= 1 && sz_in_dim(n, i, 0) == count)
            SZ_TRY(sz_read_rows(c, i, runs, count));
    // Router softmax, and mixing the k results of every token.
    SZ_TRY(sz_cost_add_epilogue(c, 2, (int64_t[]){sz_cost_in_elements(c, 1), SZ_SOFTMAX_WORK}));
    return sz_cost_add_epilogue(c, 3, (int64_t[]){c->work->out_elements, k, 2});
}

static sz_status moe_out(sz_infer *n, const experts *e) {
    for (int i = 0; i < 3; i++) SZ_TRY(sz_need_rank(n, e->weights[i], 3));
    return sz_out_like(n, 0, 0);
}

sz_status sz_shape_ms_moe(sz_infer *n) { return moe_out(n, &plain); }
sz_status sz_shape_ms_qmoe(sz_infer *n) { return moe_out(n, &quantized); }
sz_status sz_cost_ms_moe(sz_costing *c) { return moe_cost(c, &plain); }
sz_status sz_cost_ms_qmoe(sz_costing *c) { return moe_cost(c, &quantized); }

// ---- GatherBlockQuantized ----------------------------------------------------------------------

// Gather, then scale: the dtype is that of the scales. Bytes hold 8 / bits values along the last
// axis.
sz_status sz_shape_ms_gather_quantized(sz_infer *n) {
    const sz_type *data = sz_in(n, 0), *at = sz_in(n, 1);
    int64_t dims[2 * SZ_MAX_RANK], bits = sz_attr_i(n->node, "bits", 4);
    bool packed = data->dtype == sz_dtype_by_name("u8") && (bits == 2 || bits == 4);
    int32_t rank = 0;
    int axis;
    if (data->rank < 0 || at->rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 2), -1);
    if (data->rank == 0) return sz_op_fail(n, "data is a scalar");
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "gather_axis", 0), data->rank, &axis));
    for (int i = 0; i < data->rank; i++) {
        int64_t dim = data->dims[i];
        if (packed && i == data->rank - 1) SZ_TRY(sz_dim_mul(n, dim, 8 / bits, &dim));
        if (i != axis) dims[rank++] = dim;
        for (int k = 0; i == axis && k < at->rank; k++) dims[rank++] = at->dims[k];
    }
    if (rank > SZ_MAX_RANK) return sz_op_fail(n, "more than %d dimensions", SZ_MAX_RANK);
    return sz_out(n, 0, sz_in_dtype(n, 2), rank, dims);
}

// One product per element, and a difference where zero points are given.
sz_status sz_cost_ms_gather_quantized(sz_costing *c) {
    int axis, rank = sz_in_rank(&c->in, 0);
    SZ_TRY(sz_op_axis(&c->in, sz_attr_i(c->in.node, "gather_axis", 0), rank, &axis));
    for (int i = 0; i <= 3; i++)
        if (i != 1 && sz_in_rank(&c->in, i) == rank)
            SZ_TRY(sz_read_rows(c, i, sz_cost_in_elements(c, 1), sz_in_dim(&c->in, i, axis)));
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements,
                                               sz_has_in(&c->in, 3) ? 2 : 1});
}
