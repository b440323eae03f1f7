// SPDX-License-Identifier: Apache-2.0
// com.microsoft: formats, layouts, hashes, padding, searches and what else there is. Also the
// layout changes of com.microsoft.nchwc. Facts: the operator schemas of ONNX Runtime 1.31.
#include "model/ops/numbers.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

// Dims of input i; unknown ones for an unknown rank are the caller's business.
static void copy_dims(const sz_infer *n, int i, int64_t *dims) {
    for (int d = 0; d < sz_in_rank(n, i); d++) dims[d] = sz_in_dim(n, i, d);
}

static sz_status same_dims(sz_infer *n, int o, int i, sz_dtype dtype) {
    const sz_type *x = sz_in(n, i);
    return x->rank < 0 ? sz_out_rank(n, o, dtype, -1) : sz_out(n, o, dtype, x->rank, x->dims);
}

// ---- costs that can't be told ------------------------------------------------------------------

// BeamSearch, GreedySearch, Sampling, WhisperBeamSearch.
sz_status sz_cost_ms_search(sz_costing *c) {
    return sz_cost_unknown(c, "how often its decoder runs depends on the data");
}

// EPContext, Snpe: a compiled part of the model.
sz_status sz_cost_ms_opaque(sz_costing *c) {
    return sz_cost_unknown(c, "it holds compiled code, the operators in it are not in the file");
}

sz_status sz_cost_ms_data(sz_costing *c) {
    return sz_cost_unknown(c, "its work depends on the data");
}

// Sequences [batch, max_length] or [batch, returned, max_length].
static int64_t whole_number(const sz_infer *n, int i) {
    const sz_tensor *t = sz_in_value(n, i);
    return t && t->i && t->count == 1 && t->i[0] >= 0 ? t->i[0] : SZ_DIM_UNKNOWN;
}

sz_status sz_shape_ms_beam_search(sz_infer *n) {
    int64_t dims[] = {sz_in_dim(n, 0, 0), whole_number(n, 4), whole_number(n, 1)};
    for (int o = 2; o < n->node->n_outputs; o++)
        SZ_TRY(sz_out_rank(n, o, sz_dtype_by_name("f32"), -1));
    SZ_TRY(sz_out(n, 0, sz_dtype_by_name("i32"), 3, dims));
    return sz_out(n, 1, sz_dtype_by_name("f32"), 2, dims);
}

sz_status sz_shape_ms_greedy_search(sz_infer *n) {
    int64_t dims[] = {sz_in_dim(n, 0, 0), whole_number(n, 1)};
    SZ_TRY(sz_out_rank(n, 1, sz_dtype_by_name("f32"), 2));
    return sz_out(n, 0, sz_in_dtype(n, 0), 2, dims);
}

// ---- formats -----------------------------------------------------------------------------------

// Attribute `dtype` or `to`, float when absent.
sz_status sz_shape_ms_dequantize_order(sz_infer *n) {
    sz_dtype t;
    SZ_TRY(sz_attr_dtype(n, "to", sz_dtype_by_name("f32"), &t));
    return same_dims(n, 0, 0, t);
}

sz_status sz_shape_ms_quantize_order(sz_infer *n) {
    return same_dims(n, 0, 0, sz_dtype_by_name("i8"));
}

// DequantizeBFP: the dims are the numbers of input 1.
sz_status sz_shape_ms_dequantize_bfp(sz_infer *n) {
    const sz_tensor *shape = sz_in_value(n, 1);
    int64_t dims[SZ_MAX_RANK];
    sz_dtype t;
    SZ_TRY(sz_attr_dtype(n, "dtype", sz_dtype_by_name("f32"), &t));
    if (!shape || !shape->i || shape->count > SZ_MAX_RANK) return sz_out_rank(n, 0, t, -1);
    for (int64_t i = 0; i < shape->count; i++) {
        if (shape->i[i] < 0 && shape->i[i] != SZ_VALUE_UNKNOWN)
            return sz_op_fail(n, "shape holds %lld", (long long)shape->i[i]);
        dims[i] = shape->i[i] < 0 ? SZ_DIM_UNKNOWN : shape->i[i];
    }
    return sz_out(n, 0, t, (int32_t)shape->count, dims);
}

// QuantizeBFP: how many bytes depends on the type of floating-point blocks.
sz_status sz_shape_ms_quantize_bfp(sz_infer *n) {
    int64_t rank = sz_in_rank(n, 0) >= 0 ? sz_in_rank(n, 0) : SZ_DIM_UNKNOWN;
    SZ_TRY(sz_out_rank(n, 0, sz_dtype_by_name("u8"), 1));
    SZ_TRY(sz_out(n, 1, sz_dtype_by_name("i64"), 1, &rank));
    return sz_out(n, 2, sz_dtype_by_name("i64"), 1, &rank);
}

// ---- shapes and layouts ------------------------------------------------------------------------

// ExpandDims: a 1 before axis (from -rank - 1 to rank).
sz_status sz_shape_ms_expand_dims(sz_infer *n) {
    const sz_tensor *t = sz_in_value(n, 1);
    int32_t rank = sz_in_rank(n, 0);
    int64_t dims[SZ_MAX_RANK + 1];
    int axis;
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (!t || !t->i || t->count != 1 || t->i[0] == SZ_VALUE_UNKNOWN)
        return sz_out_rank(n, 0, sz_in_dtype(n, 0), rank + 1);
    SZ_TRY(sz_op_axis(n, t->i[0], rank + 1, &axis));
    for (int d = 0; d <= rank; d++)
        dims[d] = d == axis ? 1 : sz_in_dim(n, 0, d < axis ? d : d - 1);
    return sz_out(n, 0, sz_in_dtype(n, 0), rank + 1, dims);
}

// UnfoldTensor: windows of `size` along `dim`, every `step`, as a new last axis.
sz_status sz_shape_ms_unfold(sz_infer *n) {
    int64_t size = sz_attr_i(n->node, "size", 0), step = sz_attr_i(n->node, "step", 1);
    int32_t rank = sz_in_rank(n, 0);
    int64_t dims[SZ_MAX_RANK + 1];
    int axis;
    if (size < 1 || step < 1)
        return sz_op_fail(n, "size is %lld and step is %lld", (long long)size, (long long)step);
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "dim", -1), rank, &axis));
    copy_dims(n, 0, dims);
    if (dims[axis] >= 0 && dims[axis] < size)
        return sz_op_fail(n, "size %lld is larger than the axis: %lld", (long long)size,
                          (long long)dims[axis]);
    dims[axis] = dims[axis] >= 0 ? (dims[axis] - size) / step + 1 : SZ_DIM_UNKNOWN;
    dims[rank] = size;
    return sz_out(n, 0, sz_in_dtype(n, 0), rank + 1, dims);
}

// Unique of com.microsoft: values, place of each input among them, counts.
sz_status sz_shape_ms_unique(sz_infer *n) {
    SZ_TRY(sz_out_rank(n, 0, sz_in_dtype(n, 0), 1));
    SZ_TRY(same_dims(n, 1, 0, sz_dtype_by_name("i64")));
    return sz_out_rank(n, 2, sz_dtype_by_name("i64"), 1);
}

// RemovePadding: [batch, length, hidden] -> tokens, where they were, starts, longest.
sz_status sz_shape_ms_remove_padding(sz_infer *n) {
    int64_t starts;
    SZ_TRY(sz_out(n, 0, sz_in_dtype(n, 0), 2, (int64_t[]){SZ_DIM_UNKNOWN, sz_in_dim(n, 0, 2)}));
    SZ_TRY(sz_out(n, 1, sz_in_dtype(n, 1), 2,
                  (int64_t[]){sz_in_dim(n, 0, 0), sz_in_dim(n, 0, 1)}));
    SZ_TRY(sz_dim_add(n, sz_in_dim(n, 0, 0), 1, &starts));
    SZ_TRY(sz_out(n, 2, sz_in_dtype(n, 1), 1, &starts));
    return sz_out(n, 3, sz_in_dtype(n, 1), 1, (int64_t[]){1});
}

sz_status sz_shape_ms_restore_padding(sz_infer *n) {
    return sz_out(n, 0, sz_in_dtype(n, 0), 3,
                  (int64_t[]){sz_in_dim(n, 1, 0), sz_in_dim(n, 1, 1), sz_in_dim(n, 0, 1)});
}

// CropAndResize: [N, C, H, W] and regions -> [regions, C, height, width].
sz_status sz_shape_ms_crop_and_resize(sz_infer *n) {
    const sz_tensor *t = sz_in_value(n, 3);
    int64_t size[2] = {SZ_DIM_UNKNOWN, SZ_DIM_UNKNOWN};
    for (int i = 0; t && t->i && t->count == 2 && i < 2; i++) {
        if (t->i[i] == SZ_VALUE_UNKNOWN) continue;
        if (t->i[i] < 1) return sz_op_fail(n, "crop size is %lld", (long long)t->i[i]);
        size[i] = t->i[i];
    }
    return sz_out(n, 0, sz_in_dtype(n, 0), 4,
                  (int64_t[]){sz_in_dim(n, 1, 0), sz_in_dim(n, 0, 1), size[0], size[1]});
}

// Bilinear: 4 products and 3 sums of neighbours; nearest: a copy.
sz_status sz_cost_ms_crop_and_resize(sz_costing *c) {
    bool nearest = sz_str_is(sz_attr_s(c->in.node, "mode", "bilinear"), "nearest");
    return nearest ? SZ_OK : sz_cost_elementwise(c);
}

// ReorderInput: channels into blocks. The runtime pads them to its block size, which the file does
// not say, but the weights of the convolution that reads them show it: it stands close behind.
static int64_t padded_channels(const sz_infer *n, int64_t channels) {
    enum { REACH = 16 };
    const size_t first = (size_t)n->id + 1;
    if (!sz_has_out(n, 0)) return channels;
    for (size_t k = first; channels >= 0 && k < n->graph->nodes.n && k < first + REACH; k++) {
        const sz_node *conv = sz_graph_node(n->graph, (sz_node_id)k);
        if (conv->n_inputs < 2 || conv->inputs[0] != n->node->outputs[0] ||
            conv->inputs[1] == SZ_NONE || !sz_str_is(conv->op, "Conv"))
            continue;
        const sz_type *w = &sz_graph_value(n->graph, conv->inputs[1])->type;
        int64_t padded;
        if (w->rank < 2 || w->dims[1] < 0 ||
            !sz_mul(w->dims[1], sz_attr_i(conv, "group", 1), &padded))
            break;
        return padded > channels ? padded : channels;
    }
    return channels;
}

sz_status sz_shape_nchwc_in(sz_infer *n) {
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = sz_in_rank(n, 0);
    const bool last = sz_attr_i(n->node, "channels_last", 0) != 0;
    if (rank < 3) return sz_out_like(n, 0, 0);
    dims[0] = sz_in_dim(n, 0, 0);
    dims[1] = padded_channels(n, sz_in_dim(n, 0, last ? rank - 1 : 1));
    for (int d = 2; d < rank; d++) dims[d] = sz_in_dim(n, 0, last ? d - 1 : d);
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

// ReorderOutput: back to `channels` channels.
sz_status sz_shape_nchwc_out(sz_infer *n) {
    int64_t dims[SZ_MAX_RANK], channels = sz_attr_i(n->node, "channels", 0);
    bool last = sz_attr_i(n->node, "channels_last", 0) != 0;
    int32_t rank = sz_in_rank(n, 0);
    if (rank < 3) return sz_out_rank(n, 0, sz_in_dtype(n, 0), rank);
    if (channels < 1) return sz_op_fail(n, "channels is %lld", (long long)channels);
    copy_dims(n, 0, dims);
    for (int d = 1; last && d < rank - 1; d++) dims[d] = dims[d + 1];
    dims[last ? rank - 1 : 1] = channels;
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

// Upsample by whole factors.
sz_status sz_shape_nchwc_upsample(sz_infer *n) {
    const int64_t *scales;
    int32_t count = sz_attr_ints(n->node, "scales", &scales), rank = sz_in_rank(n, 0);
    int64_t dims[SZ_MAX_RANK];
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (count != rank) return sz_op_fail(n, "scales has %d values, %d are needed", (int)count,
                                         (int)rank);
    for (int d = 0; d < rank; d++) {
        if (scales[d] < 1) return sz_op_fail(n, "scale is %lld", (long long)scales[d]);
        SZ_TRY(sz_dim_mul(n, sz_in_dim(n, 0, d), scales[d], &dims[d]));
    }
    return sz_out(n, 0, sz_in_dtype(n, 0), rank, dims);
}

sz_status sz_cost_nchwc_upsample(sz_costing *c) {
    bool linear = sz_str_is(sz_attr_s(c->in.node, "mode", "nearest"), "linear");
    return linear ? sz_cost_elementwise(c) : SZ_OK;
}

// ---- hashes, n-grams, text ---------------------------------------------------------------------

sz_status sz_shape_ms_hash(sz_infer *n) {
    bool positive = sz_attr_i(n->node, "positive", 1) != 0;
    return same_dims(n, 0, 0, sz_dtype_by_name(positive ? "u32" : "i32"));
}

// `work` integer operations for a key of 4 bytes; 8 more for each further 4 bytes.
sz_status sz_cost_ms_hash(sz_costing *c) {
    int bits = sz_dtype_get(sz_in_dtype(&c->in, 0))->bits;
    if (bits == 0) return sz_cost_unknown(c, "the lengths of its strings are not known");
    int64_t work = (int64_t)c->in.op->work + (bits > 32 ? 8 * (bits / 32 - 1) : 0);
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, work});
}

typedef struct ngram {
    int64_t n, heads;
} ngram;

static sz_status ngram_read(const sz_infer *n, ngram *s, int64_t *ret_width) {
    s->n = sz_attr_i(n->node, "max_ngram_size", 0);
    s->heads = sz_attr_i(n->node, "n_head_per_ngram", 0);
    if (s->n < 2 || s->heads < 1)
        return sz_op_fail(n, "max_ngram_size is %lld and n_head_per_ngram is %lld",
                          (long long)s->n, (long long)s->heads);
    return sz_dim_mul(n, s->n - 1, s->heads, ret_width);
}

sz_status sz_shape_ms_ngram(sz_infer *n) {
    ngram s;
    int64_t width;
    SZ_TRY(ngram_read(n, &s, &width));
    SZ_TRY(sz_out(n, 0, sz_in_dtype(n, 0), 3,
                  (int64_t[]){sz_in_dim(n, 0, 0), sz_in_dim(n, 0, 1), width}));
    return sz_out(n, 1, sz_in_dtype(n, 0), 2, (int64_t[]){sz_in_dim(n, 0, 0), s.n - 1});
}

sz_status sz_shape_ms_ngram_packed(sz_infer *n) {
    int64_t width, batch = sz_in_dim(n, 3, 0), cap = sz_attr_i(n->node, "state_update_capacity", 0);
    ngram s;
    SZ_TRY(ngram_read(n, &s, &width));
    batch = batch > 0 ? batch - 1 : SZ_DIM_UNKNOWN;
    SZ_TRY(sz_out(n, 0, sz_in_dtype(n, 0), 2, (int64_t[]){sz_in_dim(n, 0, 0), width}));
    SZ_TRY(sz_out(n, 1, sz_in_dtype(n, 0), 2, (int64_t[]){batch, s.n - 1}));
    SZ_TRY(sz_out(n, 2, sz_dtype_by_name("i32"), 2, (int64_t[]){batch, s.n - 1}));
    return sz_out(n, 3, sz_in_dtype(n, 0), 3, (int64_t[]){batch, cap > 0 ? cap : 0, s.n - 1});
}

// Per token: n products and n - 1 exclusive-ors; per hash a remainder, and an offset (`offset_in`).
static sz_status ngram_cost(sz_costing *c, int offset_in) {
    int64_t width;
    ngram s;
    SZ_TRY(ngram_read(&c->in, &s, &width));
    if (s.n > INT32_MAX) return sz_op_fail(&c->in, "flops exceed 2^63");
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){c->work->in_elements, 2 * s.n - 1}));
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements,
                                               1 + sz_has_in(&c->in, offset_in)});
}

sz_status sz_cost_ms_ngram(sz_costing *c) { return ngram_cost(c, 4); }
sz_status sz_cost_ms_ngram_packed(sz_costing *c) { return ngram_cost(c, 5); }

// NGramRepeatBlock: scores, some of them blocked.
sz_status sz_shape_ms_ngram_block(sz_infer *n) { return sz_out_like(n, 0, 1); }

// Tokenizer: one more axis, as long as the most tokens found.
sz_status sz_shape_ms_tokenizer(sz_infer *n) {
    int64_t dims[SZ_MAX_RANK + 1];
    int32_t rank = sz_in_rank(n, 0);
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    copy_dims(n, 0, dims);
    dims[rank] = SZ_DIM_UNKNOWN;
    return sz_out(n, 0, sz_in_dtype(n, 0), rank + 1, dims);
}

// BifurcationDetector: merged tokens, and where their end matches.
sz_status sz_shape_ms_bifurcation(sz_infer *n) {
    SZ_TRY(sz_out_rank(n, 0, sz_in_dtype(n, 1), 1));
    return sz_out_like(n, 1, 2);
}

// WordConvEmbedding: words as characters [..., characters] -> [..., filters]: every character is
// looked up, windows of the word are convolved, and the maximum over them is taken.
// W [filters, 1, window, char size], C [characters, char size].
sz_status sz_shape_ms_word_embedding(sz_infer *n) {
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = sz_in_rank(n, 0);
    sz_dtype t = sz_in_dtype(n, 1);
    if (rank < 0) return sz_out_rank(n, 0, t, -1);
    if (rank < 1) return sz_op_fail(n, "input is a scalar");
    copy_dims(n, 0, dims);
    dims[rank - 1] = sz_in_dim(n, 1, 0);
    return sz_out(n, 0, t, rank, dims);
}

sz_status sz_cost_ms_word_embedding(sz_costing *c) {
    const sz_infer *n = &c->in;
    int64_t length = sz_in_dim(n, 0, -1), window = sz_in_dim(n, 1, 2), size = sz_in_dim(n, 1, 3);
    int64_t places = length - window + 1;
    if (sz_in_rank(n, 1) != 4 || length < 0)
        return sz_cost_unknown(c, "its weights do not have 4 dimensions");
    if (places < 0) places = 0;
    SZ_TRY(sz_cost_add_macs(c, 4, (int64_t[]){c->work->out_elements, places, window, size}));
    SZ_TRY(sz_epilogue(c, places)); // maximum over the windows
    c->work->kernel = window;
    return sz_read_rows(c, 3, c->work->in_elements, sz_in_dim(n, 3, 0));
}

// ---- the rest ----------------------------------------------------------------------------------

// IsAllFinite: one test per element of every input.
sz_status sz_shape_ms_all_finite(sz_infer *n) {
    return sz_out(n, 0, sz_dtype_by_name("bool"), 0, NULL);
}

sz_status sz_cost_ms_all_finite(sz_costing *c) {
    for (int i = 0; i < c->in.node->n_inputs; i++) {
        int64_t elements = sz_cost_in_elements(c, i);
        SZ_TRY(sz_cost_add_flops(c, 1, &elements));
    }
    return SZ_OK;
}

// DynamicTimeWarping: a path through a cost matrix.
sz_status sz_shape_ms_time_warping(sz_infer *n) {
    return sz_out(n, 0, sz_dtype_by_name("i32"), 2, (int64_t[]){2, SZ_DIM_UNKNOWN});
}
