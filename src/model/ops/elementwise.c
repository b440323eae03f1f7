// SPDX-License-Identifier: Apache-2.0
// Shapes and costs of the element-by-element operators. Their numbers: elementwise_values.c.
#include "model/ops/elementwise.h"

#include "model/ops/numbers.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- broadcasting ------------------------------------------------------------------------------

sz_type sz_legacy_operand(const sz_infer *n, int64_t *dims) {
    sz_type b = *sz_in(n, 1);
    int32_t rank = sz_in_rank(n, 0);
    int64_t axis = sz_attr_i(n->node, "axis", -1);
    // Without an axis (or with -1) the dims of B are aligned on the right, as numpy does it.
    if (!sz_attr_i(n->node, "broadcast", 0) || axis < 0 || b.rank < 0 || rank < 0) return b;
    if (axis > rank - b.rank) return b;
    for (int32_t i = 0; i < rank - axis; i++) dims[i] = i < b.rank ? b.dims[i] : 1;
    return sz_type_tensor(b.dtype, rank - (int32_t)axis, dims);
}

static sz_dtype first_dtype(const sz_infer *n, int a, int b) {
    return sz_in_dtype(n, a) ? sz_in_dtype(n, a) : sz_in_dtype(n, b);
}

static sz_status two_operands(sz_infer *n, sz_dtype dtype) {
    int64_t aligned[SZ_MAX_RANK], dims[SZ_MAX_RANK];
    int32_t rank = -1;
    sz_type b = sz_legacy_operand(n, aligned);
    if (sz_in_rank(n, 0) >= 0 && b.rank >= 0)
        SZ_TRY(sz_op_broadcast(n, sz_in(n, 0), &b, dims, &rank));
    return rank < 0 ? sz_out_rank(n, 0, dtype, -1) : sz_out(n, 0, dtype, rank, dims);
}

// Arithmetic of two operands; knows the `broadcast` and `axis` attributes of opsets 1 to 6.
sz_status sz_shape_binary(sz_infer *n) { return two_operands(n, first_dtype(n, 0, 1)); }
// The same with a truth value as the result.
sz_status sz_shape_relation(sz_infer *n) {
    return two_operands(n, sz_dtype_from_onnx(SZ_ONNX_BOOL));
}

sz_status sz_shape_where(sz_infer *n) {
    int64_t dims[2][SZ_MAX_RANK];
    sz_dtype dtype = first_dtype(n, 1, 2);
    int32_t rank = -1;
    for (int i = 0; i < 3; i++)
        if (sz_in_rank(n, i) < 0) return sz_out_rank(n, 0, dtype, -1);
    SZ_TRY(sz_op_broadcast(n, sz_in(n, 0), sz_in(n, 1), dims[0], &rank));
    sz_type both = sz_type_tensor(dtype, rank, dims[0]);
    SZ_TRY(sz_op_broadcast(n, &both, sz_in(n, 2), dims[1], &rank));
    return sz_out(n, 0, dtype, rank, dims[1]);
}

// Does input i broadcast to the shape of input 0 without making it larger?
static bool fits_first(const sz_infer *n, int i) {
    const sz_type *x = sz_in(n, 0), *s = sz_in(n, i);
    if (x->rank < 0 || s->rank < 0) return true;
    if (s->rank > x->rank) return false;
    for (int32_t d = 1; d <= s->rank; d++) {
        int64_t a = x->dims[x->rank - d], b = s->dims[s->rank - d];
        if (a >= 0 && b >= 0 && b != 1 && a != b) return false;
    }
    return true;
}

// The slope may be smaller than the input, never larger. Before opset 7 it was one number per
// channel, and exporters of later opsets still write that: it costs the same, so it is no error.
sz_status sz_shape_prelu(sz_infer *n) {
    if (!fits_first(n, 1) && n->opset >= 7)
        sz_warn(n->ctx, "node '%s' (PRelu): the slope does not broadcast to the input",
                sz_show(n->ctx, n->node->name));
    return sz_shape_same(n);
}

// SwiGLU does not broadcast: both operands have one shape.
sz_status sz_shape_swiglu(sz_infer *n) {
    const sz_type *a = sz_in(n, 0), *b = sz_in(n, 1);
    if (a->rank >= 0 && b->rank >= 0 && (a->rank != b->rank || !fits_first(n, 1)))
        return sz_op_fail(n, "gate and value differ in shape");
    for (int32_t i = 0; i < a->rank && b->rank >= 0; i++)
        if (a->dims[i] >= 0 && b->dims[i] >= 0 && a->dims[i] != b->dims[i])
            return sz_op_fail(n, "gate and value differ: %" PRId64 " and %" PRId64, a->dims[i],
                              b->dims[i]);
    return sz_shape_same(n);
}

// ---- one input, another dtype ------------------------------------------------------------------

static sz_status same_dims(sz_infer *n, int o, sz_dtype dtype) {
    const sz_type *x = sz_in(n, 0);
    return x->rank < 0 ? sz_out_rank(n, o, dtype, -1) : sz_out(n, o, dtype, x->rank, x->dims);
}

sz_status sz_shape_predicate(sz_infer *n) {
    return same_dims(n, 0, sz_dtype_from_onnx(SZ_ONNX_BOOL));
}

// Cast of opsets 1 to 5 names its target in words.
static sz_status dtype_by_word(const sz_infer *n, sz_str word, sz_dtype *ret_dtype) {
    static const struct { const char *word; int onnx; } rows[] = {
        {"FLOAT", 1}, {"UINT8", 2},    {"INT8", 3},    {"UINT16", 4},  {"INT16", 5},
        {"INT32", 6}, {"INT64", 7},    {"STRING", 8},  {"BOOL", 9},    {"FLOAT16", 10},
        {"DOUBLE", 11}, {"UINT32", 12}, {"UINT64", 13}, {"COMPLEX64", 14}, {"COMPLEX128", 15},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is(word, rows[i].word)) {
            *ret_dtype = sz_dtype_from_onnx(rows[i].onnx);
            return SZ_OK;
        }
    return sz_op_fail(n, "unknown data type '%s' in attribute 'to'", sz_show(n->ctx, word));
}

static sz_status target_dtype(const sz_infer *n, sz_dtype *ret_dtype) {
    const sz_attr *to = sz_attr_find(n->node, "to");
    if (!to) return sz_op_missing_attr(n, "to");
    if (to->kind == SZ_ATTR_STRING) return dtype_by_word(n, to->s, ret_dtype);
    return sz_attr_dtype(n, "to", 0, ret_dtype);
}

sz_status sz_shape_cast(sz_infer *n) {
    sz_dtype to = 0;
    SZ_TRY(target_dtype(n, &to));
    return same_dims(n, 0, to);
}

sz_status sz_shape_cast_like(sz_infer *n) { return same_dims(n, 0, sz_in_dtype(n, 1)); }

sz_status sz_shape_bit_cast(sz_infer *n) {
    sz_dtype to = 0, from = sz_in_dtype(n, 0);
    SZ_TRY(target_dtype(n, &to));
    const sz_dtype_info *a = sz_dtype_get(from), *b = sz_dtype_get(to);
    if (from && a->bits != b->bits)
        return sz_op_fail(n, "%s has %d bits and %s has %d", a->name, a->bits, b->name, b->bits);
    return same_dims(n, 0, to);
}

// ---- dropout -----------------------------------------------------------------------------------

sz_status sz_shape_dropout(sz_infer *n) {
    sz_dtype mask = n->opset < 10 ? sz_in_dtype(n, 0) : sz_dtype_from_onnx(SZ_ONNX_BOOL);
    SZ_TRY(same_dims(n, 1, mask));
    return sz_shape_same(n);
}

bool sz_dropout_trains(const sz_infer *n) {
    const sz_tensor *mode = sz_in_value(n, 2); // an input from opset 12 on, default false
    return mode && mode->i && mode->count == 1 && mode->i[0] == 1;
}

// ---- random ------------------------------------------------------------------------------------

sz_status sz_shape_random(sz_infer *n) {
    const int64_t *dims;
    sz_dtype dtype;
    int32_t rank = sz_attr_ints(n->node, "shape", &dims);
    if (!sz_attr_find(n->node, "shape")) return sz_op_missing_attr(n, "shape");
    for (int32_t i = 0; i < rank; i++)
        if (dims[i] < 0) return sz_op_fail(n, "shape holds %" PRId64, dims[i]);
    SZ_TRY(sz_attr_dtype(n, "dtype", sz_dtype_from_onnx(SZ_ONNX_FLOAT), &dtype));
    return sz_out(n, 0, dtype, rank, dims);
}

// RandomNormalLike, RandomUniformLike, Bernoulli: the dtype is the input's unless it is named.
sz_status sz_shape_random_like(sz_infer *n) {
    sz_dtype dtype;
    SZ_TRY(sz_attr_dtype(n, "dtype", sz_in_dtype(n, 0), &dtype));
    return same_dims(n, 0, dtype);
}

sz_status sz_shape_multinomial(sz_infer *n) {
    sz_dtype dtype;
    int64_t samples = sz_attr_i(n->node, "sample_size", 1);
    int32_t rank = sz_in_rank(n, 0);
    SZ_TRY(sz_attr_dtype(n, "dtype", sz_dtype_from_onnx(SZ_ONNX_INT32), &dtype));
    if (rank >= 0 && rank != 2) return sz_op_fail(n, "input has rank %d, 2 is needed", rank);
    if (samples < 0) return sz_op_fail(n, "sample_size is %" PRId64, samples);
    return sz_out(n, 0, dtype, 2, (int64_t[]){sz_in_dim(n, 0, 0), samples});
}

// ---- costs -------------------------------------------------------------------------------------

static sz_status bytes_of(const sz_costing *c, const sz_type *t, int64_t *ret_bytes) {
    SZ_TRY(sz_type_bytes(c->in.ctx, t, ret_bytes));
    if (*ret_bytes < 0) *ret_bytes = 0;
    return SZ_OK;
}

static sz_status per_output(sz_costing *c, int64_t work) {
    return sz_cost_add_flops(c, 2, (int64_t[]){c->work->out_elements, work});
}

// Sum, Max, Min, Mean of k operands: k - 1 operations per element, `work` more at the end.
sz_status sz_cost_variadic(sz_costing *c) {
    int64_t operands = 0;
    for (int32_t i = 0; i < c->in.node->n_inputs; i++) operands += sz_has_in(&c->in, i);
    return per_output(c, (operands > 0 ? operands - 1 : 0) + (int64_t)c->in.op->work);
}

// `work` for each bound that is there: attributes before opset 11, inputs since.
sz_status sz_cost_clip(sz_costing *c) {
    const sz_node *node = c->in.node;
    int bounds = (sz_has_in(&c->in, 1) || sz_attr_find(node, "min")) +
                 (sz_has_in(&c->in, 2) || sz_attr_find(node, "max"));
    return per_output(c, bounds * (int64_t)c->in.op->work);
}

// With the tanh form x^3 (one power), scale, add, scale, tanh, add, halve, multiply: 8.
sz_status sz_cost_gelu(sz_costing *c) {
    bool tanh_form = sz_str_is(sz_attr_s(c->in.node, "approximate", "none"), "tanh");
    return per_output(c, tanh_form ? 8 : (int64_t)c->in.op->work);
}

// One multiplication more when alpha is not 1.
sz_status sz_cost_swish(sz_costing *c) {
    bool scaled = sz_attr_number(c->in.node, "alpha", 1.0) != 1.0;
    return per_output(c, (int64_t)c->in.op->work + scaled);
}

// At inference the data pass through and only a mask, where asked for, is written.
// In training: multiply by the mask and by the scale.
sz_status sz_cost_dropout(sz_costing *c) {
    if (sz_dropout_trains(&c->in)) return per_output(c, (int64_t)c->in.op->work);
    c->work->bytes_read = 0;
    return bytes_of(c, sz_out_get(&c->in, 1), &c->work->bytes_written);
}

// The second input gives only its dtype.
sz_status sz_cost_first_input(sz_costing *c) {
    return bytes_of(c, sz_in(&c->in, 0), &c->work->bytes_read);
}

// Random numbers are written; of the input of the Like forms only the shape is used.
sz_status sz_cost_random(sz_costing *c) {
    c->work->bytes_read = 0;
    return SZ_OK;
}
