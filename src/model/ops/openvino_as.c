// SPDX-License-Identifier: Apache-2.0
// OpenVINO operators that mean what one of ONNX means, and where their operands differ.
#include "model/ops/openvino.h"
#include "model/ops/rows.h"
#include "model/ops/rules.h"

// ---- small things ------------------------------------------------------------------------------

bool sz_ov_scalar(const sz_infer *n, int i, int64_t *ret) {
    const sz_tensor *t = sz_in_value(n, i);
    if (!t || !t->i || t->count != 1 || t->i[0] == SZ_VALUE_UNKNOWN) return false;
    *ret = t->i[0];
    return true;
}

const int64_t *sz_ov_ints(const sz_infer *n, int i, int32_t *ret_n) {
    const sz_tensor *t = sz_in_value(n, i);
    if (!t || !t->i) return NULL;
    for (int64_t k = 0; k < t->count; k++)
        if (t->i[k] == SZ_VALUE_UNKNOWN) return NULL;
    *ret_n = (int32_t)t->count;
    return t->i;
}

sz_dtype sz_ov_dtype(const sz_infer *n, const char *name, sz_dtype def) {
    char text[16];
    const sz_str s = sz_attr_s(n->node, name, "");
    if (s.len == 0 || s.len >= sizeof text) return def;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    return sz_dtype_by_name(text);
}

sz_status sz_ov_retype(sz_infer *n, int o, sz_dtype dtype) {
    sz_type t = *sz_out_get(n, o);
    t.dtype = dtype;
    return sz_out_type(n, o, &t);
}

// ---- dressing ----------------------------------------------------------------------------------

typedef void dress_fn(const sz_infer *n, sz_guise *g);

static void plain(const sz_infer *n, sz_guise *g) { (void)n, (void)g; }

static void softmax(const sz_infer *n, sz_guise *g) {
    sz_guise_int(g, "axis", sz_attr_i(n->node, "axis", 1));
}

static void reduce(const sz_infer *n, sz_guise *g) {
    sz_guise_int(g, "keepdims", sz_attr_i(n->node, "keepdims", 0));
    sz_guise_int(g, "noop_with_empty_axes", 1);
}

static void reshape(const sz_infer *n, sz_guise *g) {
    sz_guise_int(g, "allowzero", !sz_attr_i(n->node, "special_zero", 0));
}

// Without numbers the axes turn around; sz_shape_ov_transpose does not ask then.
static void transpose(const sz_infer *n, sz_guise *g) {
    int32_t count = 0;
    const int64_t *order = sz_ov_ints(n, 1, &count);
    sz_guise_inputs(g, n, 1, (const int[]){0});
    if (order && count > 0) sz_guise_ints(g, "perm", count, order);
}

static void split(const sz_infer *n, sz_guise *g) {
    int64_t axis = 0;
    sz_ov_scalar(n, 1, &axis);
    sz_guise_inputs(g, n, 1, (const int[]){0});
    sz_guise_int(g, "axis", axis);
    sz_guise_int(g, "num_outputs", sz_attr_i(n->node, "num_splits", n->node->n_outputs));
}

static void gather(const sz_infer *n, sz_guise *g) {
    int64_t axis = 0;
    sz_ov_scalar(n, 2, &axis);
    sz_guise_inputs(g, n, 2, (const int[]){0, 1});
    sz_guise_int(g, "axis", axis);
}

static void slice(const sz_infer *n, sz_guise *g) {
    sz_guise_inputs(g, n, 5, (const int[]){0, 1, 2, 4, 3});
}

static void scatter(const sz_infer *n, sz_guise *g) {
    int64_t axis = 0;
    sz_ov_scalar(n, 3, &axis);
    sz_guise_inputs(g, n, 3, (const int[]){0, 1, 2});
    sz_guise_int(g, "axis", axis);
}

static void first_two(const sz_infer *n, sz_guise *g) {
    sz_guise_inputs(g, n, 2, (const int[]){0, 1});
}

static void convert(const sz_infer *n, sz_guise *g) {
    const sz_dtype t = sz_ov_dtype(n, "destination_type", 0);
    sz_guise_int(g, "to", sz_dtype_get(t)->onnx);
}

static void gelu(const sz_infer *n, sz_guise *g) {
    const sz_str mode = sz_attr_s(n->node, "approximation_mode", "ERF");
    sz_guise_text(g, "approximate",
                  sz_str_c(sz_str_is(mode, "TANH") || sz_str_is(mode, "tanh") ? "tanh" : "none"));
}

static void roi_align(const sz_infer *n, sz_guise *g) {
    sz_guise_int(g, "output_height", sz_attr_i(n->node, "pooled_h", 1));
    sz_guise_int(g, "output_width", sz_attr_i(n->node, "pooled_w", 1));
}

// Data, offsets, weights, mask.
static void deform(const sz_infer *n, sz_guise *g) {
    sz_guise_inputs(g, n, 5, (const int[]){0, 2, 1, SZ_NONE, 3});
    sz_guise_int(g, "offset_group", sz_attr_i(n->node, "deformable_group", 1));
}

// Statistics over the axes of input 1; before opset 6 over all axes behind the channels, or also
// over these.
static void mvn(const sz_infer *n, sz_guise *g) {
    int32_t count = 0;
    const int64_t *axes = sz_ov_ints(n, 1, &count);
    const int32_t rank = sz_in_rank(n, 0), first = sz_attr_i(n->node, "across_channels", 0) ? 1 : 2;
    sz_guise_inputs(g, n, 1, (const int[]){0});
    if (!sz_has_in(n, 1) && rank > first) {
        for (int32_t k = first; k < rank; k++) g->ints[k - first] = k;
        count = rank - first;
        axes = g->ints;
    }
    if (axes) sz_guise_ints(g, "axes", count, axes);
}

static const struct row {
    const char *name;
    int32_t row;
    dress_fn *dress;
} rows[] = {
// in the order of the alphabet: look-up halves
#define AS(name, onnx, dress) {#name, SZ_ROW_ONNX_##onnx, dress},
#include "model/ops/openvino_as.def"
#undef AS
};

static const struct row *find(const char *name) {
    size_t low = 0, high = sizeof rows / sizeof *rows;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int order = strcmp(rows[mid].name, name);
        if (order == 0) return &rows[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

sz_status sz_ov_dress(const sz_infer *n, sz_guise *g) {
    const struct row *row = find(n->op->name);
    if (!row) return sz_fail(n->ctx, SZ_ERR_INTERNAL, "no operator stands for '%s'", n->op->name);
    sz_guise_init(g, n, row->row);
    row->dress(n, g);
    return SZ_OK;
}

// ---- the rules ---------------------------------------------------------------------------------

sz_status sz_shape_ov_as(sz_infer *n) {
    sz_guise g;
    SZ_TRY(sz_ov_dress(n, &g));
    return g.view.op->shape(&g.view);
}

sz_status sz_value_ov_as(sz_infer *n) {
    sz_guise g;
    SZ_TRY(sz_ov_dress(n, &g));
    return g.view.op->value(&g.view);
}

sz_status sz_cost_ov_as(sz_costing *c) {
    sz_guise g;
    SZ_TRY(sz_ov_dress(&c->in, &g));
    sz_costing as = {g.view, c->work, NULL};
    SZ_TRY(g.view.op->cost(&as));
    c->unknown = as.unknown;
    return SZ_OK;
}

// As above, where the result depends on numbers that may not be known.

static sz_status rank_only(sz_infer *n) {
    for (int o = 0; o < n->node->n_outputs; o++)
        SZ_TRY(sz_out_rank(n, o, sz_in_dtype(n, 0), sz_in_rank(n, 0)));
    return SZ_OK;
}

sz_status sz_shape_ov_transpose(sz_infer *n) {
    int32_t count;
    return sz_ov_ints(n, 1, &count) ? sz_shape_ov_as(n) : rank_only(n);
}

sz_status sz_shape_ov_split(sz_infer *n) {
    int64_t axis;
    return sz_ov_scalar(n, 1, &axis) ? sz_shape_ov_as(n) : rank_only(n);
}

// Results of another type than ONNX gives them.

sz_status sz_shape_ov_index(sz_infer *n) {
    const sz_dtype i64 = sz_dtype_by_name("i64");
    SZ_TRY(sz_shape_ov_as(n));
    return sz_ov_retype(n, 0, sz_ov_dtype(n, "output_type", i64));
}

sz_status sz_shape_ov_top_k(sz_infer *n) {
    const sz_dtype before = sz_dtype_by_name("i32");
    SZ_TRY(sz_shape_ov_as(n));
    return sz_ov_retype(n, 1, sz_ov_dtype(n, "index_element_type", before));
}

sz_status sz_shape_ov_max_pool(sz_infer *n) {
    SZ_TRY(sz_shape_ov_as(n));
    return sz_ov_retype(n, 1, sz_ov_dtype(n, "index_element_type", sz_dtype_by_name("i64")));
}

sz_status sz_shape_ov_range(sz_infer *n) {
    SZ_TRY(sz_shape_ov_as(n));
    return sz_ov_retype(n, 0, sz_ov_dtype(n, "output_type", sz_in_dtype(n, 0)));
}

// Its numbers are those of ONNX only where they have the type of the operands.
sz_status sz_value_ov_range(sz_infer *n) {
    return sz_out_get(n, 0)->dtype == sz_in_dtype(n, 0) ? sz_value_ov_as(n) : SZ_OK;
}

sz_status sz_shape_ov_convert(sz_infer *n) {
    SZ_TRY(sz_out_like(n, 0, 0));
    return sz_ov_retype(n, 0, sz_ov_dtype(n, "destination_type", 0));
}

sz_status sz_value_ov_convert(sz_infer *n) {
    const sz_dtype t = sz_ov_dtype(n, "destination_type", 0);
    return sz_dtype_get(t)->onnx > 0 ? sz_value_ov_as(n) : SZ_OK;
}
