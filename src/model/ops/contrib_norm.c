// SPDX-License-Identifier: Apache-2.0
// com.microsoft norms, activations, embeddings and small fusions of them.
// Operations per element and per row agree with the ai.onnx norms: `work` of the table per element,
// and per row of one statistic 5 (layer norm), 4 (group norm), 3 (RMS norm).
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

enum { LAYER_ROW = 5, GROUP_ROW = 4, RMS_ROW = 3, GELU = 5, FAST_GELU = 8, SILU = 5, SIGMOID = 4 };

static int64_t work_of(const sz_costing *c) { return (int64_t)c->in.op->work; }

static sz_status add(sz_costing *c, int64_t elements, int64_t per_element, int64_t rows,
                     int64_t per_row) {
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){elements, per_element}));
    return sz_cost_add_flops(c, 2, (int64_t[]){rows, per_row});
}

// Rows of `width` elements in input 0.
static int64_t rows_of(const sz_costing *c, int64_t width) {
    return width > 0 ? c->work->in_elements / width : 0;
}

// ---- layer norms -------------------------------------------------------------------------------

// Statistics of one number per row: the input's dims with 1 in place of the axes from `axis` on.
static sz_status out_statistic(sz_infer *n, int o, int axis) {
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = sz_in_rank(n, 0);
    for (int d = 0; d < rank; d++) dims[d] = d < axis ? sz_in_dim(n, 0, d) : 1;
    return sz_out(n, o, sz_dtype_by_name("f32"), rank, dims);
}

// SimplifiedLayerNormalization (ORT writes it into the domain of ai.onnx): an RMS norm.
sz_status sz_shape_simplified_norm(sz_infer *n) {
    int axis;
    SZ_TRY(sz_out_like(n, 0, 0));
    if (sz_in_rank(n, 0) < 0) return sz_out_rank(n, 1, sz_dtype_by_name("f32"), -1);
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", -1), sz_in_rank(n, 0), &axis));
    return out_statistic(n, 1, axis);
}

sz_status sz_cost_simplified_norm(sz_costing *c) {
    int64_t width = 1;
    int axis, rank = sz_in_rank(&c->in, 0);
    SZ_TRY(sz_op_axis(&c->in, sz_attr_i(c->in.node, "axis", -1), rank, &axis));
    for (int d = axis; d < rank; d++)
        if (!sz_mul(width, sz_in_dim(&c->in, 0, d), &width)) width = 0;
    return add(c, c->work->in_elements, work_of(c), rows_of(c, width), RMS_ROW);
}

// input, skip, gamma, ... -> output, mean, inverse deviation, sum of input and skip.
sz_status sz_shape_ms_skip_norm(sz_infer *n) {
    int64_t have = sz_in_dim(n, 0, -1), want = sz_in_rank(n, 2) == 1 ? sz_in_dim(n, 2, 0) : -1;
    int32_t rank = sz_in_rank(n, 0);
    if (have >= 0 && want >= 0 && have != want)
        return sz_op_fail(n, "gamma has %lld elements, a row has %lld", (long long)want,
                          (long long)have);
    SZ_TRY(sz_out_like(n, 0, 0));
    SZ_TRY(sz_out_like(n, 3, 0));
    for (int o = 1; o <= 2 && rank >= 1; o++) SZ_TRY(out_statistic(n, o, rank - 1));
    return SZ_OK;
}

// One addition for the skip, one for a bias (`bias_in`).
static sz_status skip_cost(sz_costing *c, int64_t per_element, int64_t per_row, int bias_in) {
    int64_t extra = 1 + sz_has_in(&c->in, bias_in);
    return add(c, c->work->in_elements, per_element + extra,
               rows_of(c, sz_in_dim(&c->in, 0, -1)), per_row);
}

sz_status sz_cost_ms_skip_layer_norm(sz_costing *c) {
    return skip_cost(c, work_of(c) - !sz_has_in(&c->in, 3), LAYER_ROW, 4);
}

sz_status sz_cost_ms_skip_rms_norm(sz_costing *c) { return skip_cost(c, work_of(c), RMS_ROW, 3); }

// BranchwiseRMSNorm: a row is a branch: the last axis, or a part of it.
sz_status sz_cost_ms_branch_norm(sz_costing *c) {
    int64_t branches = sz_attr_i(c->in.node, "num_branches", 0);
    int64_t width = sz_in_dim(&c->in, 0, -1);
    if (branches > 0) width /= branches;
    return add(c, c->work->in_elements, work_of(c) - !sz_has_in(&c->in, 1), rows_of(c, width),
               RMS_ROW);
}

// GatedRMSNorm: rows as long as the scale; times the activated gate.
sz_status sz_cost_ms_gated_norm(sz_costing *c) {
    bool plain = sz_str_is(sz_attr_s(c->in.node, "activation", "silu"), "sigmoid");
    int64_t gate = 1 + (plain ? SIGMOID : SILU);
    return add(c, c->work->in_elements, work_of(c) + gate, rows_of(c, sz_in_dim(&c->in, 1, 0)),
               RMS_ROW);
}

// QOrderedLayerNormalization: between dequantize (1) and quantize (4).
sz_status sz_cost_ms_ordered_norm(sz_costing *c) {
    return add(c, c->work->in_elements, work_of(c) + 5 - !sz_has_in(&c->in, 3),
               rows_of(c, sz_in_dim(&c->in, 0, -1)), LAYER_ROW);
}

// ---- group norms -------------------------------------------------------------------------------

// GroupNorm and SkipGroupNorm: activation 1 is SiLU. Skip: one addition, and one for a bias.
static sz_status group_cost(sz_costing *c, int64_t extra) {
    int64_t rows, groups = sz_attr_i(c->in.node, "groups", 1);
    if (sz_attr_i(c->in.node, "activation", 0) == 1) extra += SILU;
    if (groups < 1) return sz_op_fail(&c->in, "groups is %lld", (long long)groups);
    if (sz_in_rank(&c->in, 0) < 2) return sz_op_fail(&c->in, "input has less than 2 dimensions");
    if (!sz_mul(groups, sz_in_dim(&c->in, 0, 0), &rows)) rows = 0;
    return add(c, c->work->in_elements, work_of(c) + extra, rows, GROUP_ROW);
}

sz_status sz_cost_ms_group_norm(sz_costing *c) { return group_cost(c, 0); }
sz_status sz_cost_ms_skip_group_norm(sz_costing *c) {
    return group_cost(c, 1 + sz_has_in(&c->in, 4));
}

sz_status sz_shape_ms_skip_group_norm(sz_infer *n) {
    SZ_TRY(sz_out_like(n, 0, 0));
    return sz_out_like(n, 1, 0);
}

// ---- activations -------------------------------------------------------------------------------

// FastGelu: one addition more with a bias.
sz_status sz_cost_ms_fast_gelu(sz_costing *c) {
    return add(c, c->work->in_elements, FAST_GELU + sz_has_in(&c->in, 1), 0, 0);
}

// x * sigmoid(alpha * x): `work`, and one product unless alpha is 1.
sz_status sz_cost_ms_quick_gelu(sz_costing *c) {
    bool scaled = sz_attr_f(c->in.node, "alpha", 1.702) != 1;
    return add(c, c->work->in_elements, work_of(c) + scaled, 0, 0);
}

// ScaledSiLU: the scale may be an input, and is an attribute of 1 by default.
sz_status sz_cost_ms_scaled_silu(sz_costing *c) {
    bool scaled = sz_has_in(&c->in, 1) || sz_attr_f(c->in.node, "alpha", 1) != 1;
    return add(c, c->work->in_elements, work_of(c) + scaled, 0, 0);
}

// BiasSplitGelu: (left + bias) * gelu(right + bias), [N, S, D] -> [N, S, D / 2].
sz_status sz_shape_ms_bias_split_gelu(sz_infer *n) {
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = sz_in_rank(n, 0);
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (rank < 1) return sz_op_fail(n, "input is a scalar");
    for (int d = 0; d < rank; d++) dims[d] = sz_in_dim(n, 0, d);
    if (dims[rank - 1] >= 0 && dims[rank - 1] % 2)
        return sz_op_fail(n, "last dimension %lld is odd", (long long)dims[rank - 1]);
    dims[rank - 1] = dims[rank - 1] >= 0 ? dims[rank - 1] / 2 : SZ_DIM_UNKNOWN;
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

// BiasDropout and its kin at inference: additions alone. data, bias, residual.
sz_status sz_cost_ms_bias_dropout(sz_costing *c) {
    return add(c, c->work->in_elements, 1 + sz_has_in(&c->in, 2), 0, 0);
}

sz_status sz_shape_ms_bias_dropout(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    SZ_TRY(sz_out_like(n, 0, 0));
    if (x->rank < 0) return sz_out_rank(n, 1, sz_dtype_by_name("bool"), -1);
    return sz_out(n, 1, sz_dtype_by_name("bool"), x->rank, x->dims);
}

// The mask has one bit per element, in words of 32.
sz_status sz_shape_ms_bitmask_dropout(sz_infer *n) {
    int64_t elements;
    SZ_TRY(sz_out_like(n, 0, 0));
    SZ_TRY(sz_type_elements(n->ctx, sz_in(n, 0), &elements));
    elements = elements < 0 ? SZ_DIM_UNKNOWN : elements / 32 + (elements % 32 != 0);
    return sz_out(n, 1, sz_dtype_by_name("u32"), 1, &elements);
}

// LinearAttentionGate: decay = scale * softplus(a + bias); beta = sigmoid(b).
sz_status sz_shape_ms_attention_gate(sz_infer *n) {
    SZ_TRY(sz_out_like(n, 0, 0));
    return sz_out_like(n, 1, sz_has_in(n, 3) ? 3 : 0);
}

sz_status sz_cost_ms_attention_gate(sz_costing *c) {
    return add(c, c->work->in_elements, work_of(c), sz_cost_in_elements(c, 3), SIGMOID);
}

// EngramGate: per element two RMS norms (8), their dot product (2) and the gated value (1); per row
// two norms (6), quotient, abs, max, root, sign, product and sigmoid (4): 16. A second output is
// one norm more.
sz_status sz_shape_ms_engram_gate(sz_infer *n) {
    SZ_TRY(sz_out_like(n, 0, 0));
    return sz_out_like(n, 1, 0);
}

sz_status sz_cost_ms_engram_gate(sz_costing *c) {
    int64_t rows = rows_of(c, sz_in_dim(&c->in, 0, -1));
    bool normed = sz_has_out(&c->in, 1);
    return add(c, c->work->in_elements, work_of(c) + (normed ? 4 : 0), rows,
               16 + (normed ? RMS_ROW : 0));
}

// HyperConnectionPreMix: a weighted sum over branches.
static int64_t branches_of(const sz_infer *n) {
    int64_t branches = sz_attr_i(n->node, "num_branches", 0);
    return branches > 0 ? branches : sz_in_dim(n, 0, -2);
}

sz_status sz_shape_ms_hyper_pre(sz_infer *n) {
    bool flat = sz_attr_i(n->node, "num_branches", 0) > 0;
    int64_t dims[SZ_MAX_RANK], branches = branches_of(n);
    int32_t rank = sz_in_rank(n, 0);
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (rank < (flat ? 1 : 2)) return sz_op_fail(n, "streams have rank %d", (int)rank);
    for (int d = 0; d < rank; d++) dims[d] = sz_in_dim(n, 0, d);
    if (!flat) { // [..., C, H] -> [..., H]
        dims[rank - 2] = dims[rank - 1];
        return sz_out(n, 0, sz_in_dtype(n, 0), rank - 1, dims);
    }
    if (dims[rank - 1] >= 0 && dims[rank - 1] % branches)
        return sz_op_fail(n, "width %lld does not divide into %lld branches",
                          (long long)dims[rank - 1], (long long)branches);
    dims[rank - 1] = dims[rank - 1] >= 0 ? dims[rank - 1] / branches : SZ_DIM_UNKNOWN;
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

// HyperConnectionPostMix: a small matrix of C x C mixes the streams; the branch output is weighed
// in.
sz_status sz_cost_ms_hyper_post(sz_costing *c) {
    if (branches_of(&c->in) < 0) return sz_op_fail(&c->in, "streams have less than 2 dimensions");
    if (sz_has_in(&c->in, 3))
        SZ_TRY(sz_cost_add_macs(c, 2, (int64_t[]){c->work->in_elements, branches_of(&c->in)}));
    return sz_epilogue(c, 2);
}

// ---- embeddings --------------------------------------------------------------------------------

// input_ids, segment_ids, word, position, segment tables, gamma, beta, mask, position_ids
// -> output [batch, length, hidden], mask_index [batch], sum of embeddings.
static sz_status embed_out(sz_infer *n, sz_dtype dtype) {
    int64_t dims[] = {sz_in_dim(n, 0, 0), sz_in_dim(n, 0, 1), sz_in_dim(n, 2, 1)};
    if (sz_in_rank(n, 0) >= 0 && sz_in_rank(n, 0) != 2)
        return sz_op_fail(n, "input_ids have rank %d, 2 is needed", (int)sz_in_rank(n, 0));
    SZ_TRY(sz_out(n, 0, dtype, 3, dims));
    SZ_TRY(sz_out(n, 1, sz_dtype_by_name("i32"), 1, dims));
    return sz_out(n, 2, dtype, 3, dims);
}

sz_status sz_shape_ms_embed_norm(sz_infer *n) { return embed_out(n, sz_in_dtype(n, 2)); }
sz_status sz_shape_ms_embed_norm_quantized(sz_infer *n) { return embed_out(n, sz_in_dtype(n, 8)); }

// Of the tables only the rows that tokens name are read. Additions of two or three embeddings, then
// a layer norm; quantized tables are first scaled: a difference and a product per value.
// Positions that are not given (input `ids`) are 0, 1, ... for every sequence.
static sz_status embed_cost(sz_costing *c, int64_t per_value, int ids) {
    int64_t out = c->work->out_elements, rows = c->work->in_elements;
    int64_t tables = sz_has_in(&c->in, 4) ? 3 : 2;
    int64_t places = sz_has_in(&c->in, ids) ? rows : sz_in_dim(&c->in, 0, 1);
    for (int i = 2; i <= 4; i++)
        SZ_TRY(sz_read_rows(c, i, i == 3 ? places : rows,
                            sz_has_in(&c->in, i) ? sz_in_dim(&c->in, i, 0) : 0));
    SZ_TRY(sz_cost_add_flops(c, 3, (int64_t[]){out, tables, per_value}));
    return add(c, out, work_of(c) + tables - 1, rows, LAYER_ROW);
}

sz_status sz_cost_ms_embed_norm(sz_costing *c) { return embed_cost(c, 0, 8); }
sz_status sz_cost_ms_embed_norm_quantized(sz_costing *c) {
    return embed_cost(c, 2, SZ_NONE);
}
