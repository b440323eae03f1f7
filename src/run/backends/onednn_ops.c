// SPDX-License-Identifier: Apache-2.0
// Which operators oneDNN 2 has a primitive for, and how each is described to it.
#include "run/backends/onednn.h"

#ifdef SZ_HAVE_DNNL

dnnl_data_type_t sz_dnnl_type(sz_dtype t) {
    static const struct {
        const char *name;
        dnnl_data_type_t type;
    } rows[] = {{"f32", dnnl_f32}, {"bf16", dnnl_bf16}, {"f16", dnnl_f16},
                {"i8", dnnl_s8},   {"u8", dnnl_u8},     {"i32", dnnl_s32}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(sz_dtype_get(t)->name, rows[i].name) == 0) return rows[i].type;
    return dnnl_data_type_undef;
}

// ---- operands ----------------------------------------------------------------------------------

typedef dnnl_memory_desc_t md;

// The buffer as it lies: dense, or with strides of its own. 0 axes make one of size 1.
static const md *user_desc(sz_dnnl_plan *p, sz_dnnl_arg *a, sz_dtype t, int rank,
                           const int64_t *dims, const int64_t *strides) {
    dnnl_dims_t size = {1}, step = {1};
    int64_t stride = 1;
    for (int d = rank - 1; d >= 0; d--) {
        size[d] = dims[d];
        step[d] = strides ? strides[d] : stride;
        stride *= dims[d];
    }
    const dnnl_status_t s = p->lib->memory_desc_init_by_strides(&a->user, rank ? rank : 1, size,
                                                                sz_dnnl_type(t), step);
    if (s != dnnl_success && p->status == dnnl_success) p->status = s;
    return &a->user;
}

typedef struct seen {
    int rank; // 0 = as the value has it
    const int64_t *dims, *strides;
} seen;

static sz_dnnl_arg *add(sz_dnnl_plan *p, int index, bool is_output, int which, const seen *as) {
    const sz_node *n = p->call->node;
    sz_dnnl_arg *a = &p->args[p->n_args++];
    const sz_value_id id = is_output ? n->outputs[which] : n->inputs[which];
    const sz_type *t = &sz_graph_value(p->call->graph, id)->type;
    *a = (sz_dnnl_arg){.index = index, .is_output = is_output, .which = which};
    if (as)
        user_desc(p, a, t->dtype, as->rank, as->dims, as->strides);
    else
        user_desc(p, a, t->dtype, t->rank, t->dims, NULL);
    return a;
}

static const md *input(sz_dnnl_plan *p, int index, int which, const seen *as) {
    return &add(p, index, false, which, as)->user;
}
static const md *output(sz_dnnl_plan *p, int index, const seen *as) {
    return &add(p, index, true, 0, as)->user;
}

// The same numbers in whatever layout the primitive likes best.
static md any(sz_dnnl_plan *p, const md *user) {
    md m = *user;
    const dnnl_status_t s = p->lib->memory_desc_init_by_tag(&m, user->ndims, user->dims,
                                                            user->data_type, dnnl_format_tag_any);
    if (s != dnnl_success && p->status == dnnl_success) p->status = s;
    return m;
}

static void done(sz_dnnl_plan *p, dnnl_status_t s) {
    if (p->status == dnnl_success) p->status = s;
}

static const char *dtype_of(const sz_graph *g, const sz_node *n, int i) {
    const sz_type *t = sz_node_type(g, n, i);
    return t ? sz_dtype_get(t->dtype)->name : "";
}
static bool is_one_of(const char *word, const char *a, const char *b) {
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}
static const char *f32_or_bf16(const sz_graph *g, const sz_node *n) {
    return is_one_of(dtype_of(g, n, 0), "f32", "bf16") ? NULL : "only f32 and bf16";
}
static const char *only_f32(const sz_graph *g, const sz_node *n) {
    return is_one_of(dtype_of(g, n, 0), "f32", "f32") ? NULL : "only f32";
}

// ---- matrix products ---------------------------------------------------------------------------

static const char *no_matmul(const sz_graph *g, const sz_node *n) {
    const sz_type *a = sz_node_type(g, n, 0), *b = sz_node_type(g, n, 1);
    const bool whole = sz_node_is(n, "MatMulInteger");
    if (a->rank < 2 || b->rank < 2) return "an operand is a vector";
    if (b->rank > 2 && a->rank != b->rank) return "batches of different ranks";
    if (whole && n->n_inputs > 2) return "zero points";
    if (whole && !is_one_of(dtype_of(g, n, 1), "i8", "i8")) return "unsigned weights";
    return whole ? NULL : f32_or_bf16(g, n);
}

// [.., m, k] x [k, n] is one product of all rows.
static void plan_matmul(sz_dnnl_plan *p) {
    const sz_graph *g = p->call->graph;
    const sz_type *a = sz_node_type(g, p->call->node, 0), *b = sz_node_type(g, p->call->node, 1);
    int64_t rows = 1;
    for (int32_t d = 0; d < a->rank - 1; d++) rows *= a->dims[d];
    const int64_t flat_a[] = {rows, a->dims[a->rank - 1]};
    const int64_t flat_y[] = {rows, b->dims[b->rank - 1]};
    const seen as_a = {2, flat_a, NULL}, as_y = {2, flat_y, NULL};
    const bool flat = b->rank == 2;
    const md *src = input(p, DNNL_ARG_SRC, 0, flat ? &as_a : NULL);
    const md *weights = input(p, DNNL_ARG_WEIGHTS, 1, NULL);
    const md *dst = output(p, DNNL_ARG_DST, flat ? &as_y : NULL);
    const md packed = p->call->fixed[1] ? any(p, weights) : *weights;
    done(p, p->lib->matmul_desc_init(&p->desc.matmul, src, &packed, NULL, dst));
}

static const char *no_gemm(const sz_graph *g, const sz_node *n) {
    const sz_type *c = sz_node_type(g, n, 2);
    if (sz_attr_f(n, "alpha", 1) != 1 || (c && sz_attr_f(n, "beta", 1) != 1)) return "a factor";
    if (c && c->rank > 2) return "a bias with more than 2 axes";
    return f32_or_bf16(g, n);
}

static void plan_gemm(sz_dnnl_plan *p) {
    const sz_node *n = p->call->node;
    const sz_graph *g = p->call->graph;
    const sz_type *a = sz_node_type(g, n, 0), *b = sz_node_type(g, n, 1);
    const sz_type *c = sz_node_type(g, n, 2);
    const bool ta = sz_attr_i(n, "transA", 0) != 0, tb = sz_attr_i(n, "transB", 0) != 0;
    const int64_t m = a->dims[ta], k = a->dims[!ta], cols = b->dims[!tb];
    const int64_t dims_a[] = {m, k}, step_a[] = {ta ? 1 : k, ta ? m : 1};
    const int64_t dims_b[] = {k, cols}, step_b[] = {tb ? 1 : cols, tb ? k : 1};
    const md *src = input(p, DNNL_ARG_SRC, 0, &(seen){2, dims_a, step_a});
    const md *weights = input(p, DNNL_ARG_WEIGHTS, 1, &(seen){2, dims_b, step_b});
    const md *dst = output(p, DNNL_ARG_DST, NULL), *bias = NULL;
    int64_t dims_c[] = {1, 1};
    for (int32_t d = 0; c && d < c->rank; d++) dims_c[2 - c->rank + d] = c->dims[d];
    if (c) bias = input(p, DNNL_ARG_BIAS, 2, &(seen){2, dims_c, NULL});
    const md packed = p->call->fixed[1] ? any(p, weights) : *weights;
    done(p, p->lib->matmul_desc_init(&p->desc.matmul, src, &packed, bias, dst));
}

// ---- windows -----------------------------------------------------------------------------------

enum { MOST_AXES = 3 };

typedef struct window {
    int spatial;
    dnnl_dims_t kernel, stride, dilation; // dilation: 0 = dense
    dnnl_dims_t left, right;
} window;

static void read_axes(const sz_node *n, const char *name, int64_t def, int count, int64_t *ret) {
    const int64_t *given = NULL;
    const int32_t have = sz_attr_ints(n, name, &given);
    for (int d = 0; d < count; d++) ret[d] = d < have ? given[d] : def;
}

static window read_window(const sz_node *n, int spatial) {
    window w = {.spatial = spatial};
    int64_t pads[2 * MOST_AXES];
    read_axes(n, "kernel_shape", 1, spatial, w.kernel);
    read_axes(n, "strides", 1, spatial, w.stride);
    read_axes(n, "dilations", 1, spatial, w.dilation);
    read_axes(n, "pads", 0, 2 * spatial, pads);
    for (int d = 0; d < spatial; d++) {
        w.dilation[d]--;
        w.left[d] = pads[d], w.right[d] = pads[spatial + d];
    }
    return w;
}

static const char *no_window(const sz_graph *g, const sz_node *n) {
    const sz_type *x = sz_node_type(g, n, 0);
    const sz_str pad = sz_attr_s(n, "auto_pad", "NOTSET");
    if (x->rank < 3 || x->rank > 2 + MOST_AXES) return "not 1, 2 or 3 axes in the window";
    if (!sz_str_is(pad, "NOTSET") && !sz_str_is(pad, "")) return "automatic padding";
    return f32_or_bf16(g, n);
}

// Weights with groups have the group as an axis of its own.
static void plan_conv(sz_dnnl_plan *p) {
    const sz_node *n = p->call->node;
    const sz_graph *g = p->call->graph;
    const sz_type *x = sz_node_type(g, n, 0), *t = sz_node_type(g, n, 1);
    const int64_t groups = sz_attr_i(n, "group", 1);
    window w = read_window(n, x->rank - 2);
    int64_t dims[SZ_MAX_RANK] = {groups, t->dims[0] / groups};
    for (int32_t d = 1; d < t->rank; d++) dims[d + 1] = t->dims[d];
    const seen as = {t->rank + 1, dims, NULL};
    const md *src = input(p, DNNL_ARG_SRC, 0, NULL);
    const md *weights = input(p, DNNL_ARG_WEIGHTS, 1, groups > 1 ? &as : NULL);
    const md *bias = sz_node_type(g, n, 2) ? input(p, DNNL_ARG_BIAS, 2, NULL) : NULL;
    const md *dst = output(p, DNNL_ARG_DST, NULL);
    const md any_src = any(p, src), any_weights = any(p, weights), any_dst = any(p, dst);
    done(p, p->lib->dilated_convolution_forward_desc_init(
                &p->desc.conv, dnnl_forward_inference, dnnl_convolution_direct, &any_src,
                &any_weights, bias, &any_dst, w.stride, w.dilation, w.left, w.right));
}

static const char *no_pool(const sz_graph *g, const sz_node *n) {
    if (n->n_outputs > 1 && n->outputs[1] != SZ_NONE) return "indices of the largest";
    if (sz_attr_i(n, "ceil_mode", 0)) return "windows beyond the end";
    return no_window(g, n);
}

static void plan_pool(sz_dnnl_plan *p) {
    const sz_node *n = p->call->node;
    const sz_type *x = sz_node_type(p->call->graph, n, 0);
    const window w = read_window(n, x->rank - 2);
    const bool all = sz_attr_i(n, "count_include_pad", 0) != 0;
    const dnnl_alg_kind_t alg = sz_node_is(n, "MaxPool") ? dnnl_pooling_max
                                : all                    ? dnnl_pooling_avg_include_padding
                                                         : dnnl_pooling_avg_exclude_padding;
    const md *src = input(p, DNNL_ARG_SRC, 0, NULL), *dst = output(p, DNNL_ARG_DST, NULL);
    done(p,
         p->lib->pooling_v2_forward_desc_init(&p->desc.pool, dnnl_forward_inference, alg, src, dst,
                                              w.stride, w.kernel, w.dilation, w.left, w.right));
}

// ---- rows and channels -------------------------------------------------------------------------

static const char *no_softmax(const sz_graph *g, const sz_node *n) {
    return n->opset < 13 ? "softmax as it was before opset 13" : f32_or_bf16(g, n);
}

static void plan_softmax(sz_dnnl_plan *p) {
    const sz_type *x = sz_node_type(p->call->graph, p->call->node, 0);
    const int64_t axis = sz_attr_i(p->call->node, "axis", -1);
    const md *src = input(p, DNNL_ARG_SRC, 0, NULL), *dst = output(p, DNNL_ARG_DST, NULL);
    done(p, p->lib->softmax_v2_forward_desc_init(&p->desc.softmax, dnnl_forward_inference,
                                                 dnnl_softmax_accurate, src, dst,
                                                 (int)(axis < 0 ? axis + x->rank : axis)));
}

static const char *no_layer_norm(const sz_graph *g, const sz_node *n) {
    const sz_type *x = sz_node_type(g, n, 0);
    const int64_t axis = sz_attr_i(n, "axis", -1);
    if (axis != -1 && axis != x->rank - 1) return "more than the last axis";
    if (x->rank < 2) return "a single row";
    for (int32_t o = 1; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE) return "means and variances as outputs";
    return only_f32(g, n);
}

static void plan_layer_norm(sz_dnnl_plan *p) {
    const sz_node *n = p->call->node;
    const md *src = input(p, DNNL_ARG_SRC, 0, NULL);
    input(p, DNNL_ARG_SCALE, 1, NULL);
    unsigned flags = dnnl_use_scale;
    if (sz_node_type(p->call->graph, n, 2)) {
        input(p, DNNL_ARG_SHIFT, 2, NULL);
        flags |= dnnl_use_shift;
    }
    output(p, DNNL_ARG_DST, NULL);
    done(p, p->lib->layer_normalization_forward_desc_init(
                &p->desc.layer_norm, dnnl_forward_inference, src, NULL,
                (float)sz_attr_f(n, "epsilon", 1e-5), flags));
}

static const char *no_batch_norm(const sz_graph *g, const sz_node *n) {
    return sz_attr_i(n, "training_mode", 0) ? "the form for training" : only_f32(g, n);
}

static void plan_batch_norm(sz_dnnl_plan *p) {
    const md *src = input(p, DNNL_ARG_SRC, 0, NULL);
    input(p, DNNL_ARG_SCALE, 1, NULL);
    input(p, DNNL_ARG_SHIFT, 2, NULL);
    input(p, DNNL_ARG_MEAN, 3, NULL);
    input(p, DNNL_ARG_VARIANCE, 4, NULL);
    output(p, DNNL_ARG_DST, NULL);
    done(p, p->lib->batch_normalization_forward_desc_init(
                &p->desc.batch_norm, dnnl_forward_inference, src,
                (float)sz_attr_f(p->call->node, "epsilon", 1e-5),
                dnnl_use_global_stats | dnnl_use_scale | dnnl_use_shift));
}

// ---- element by element ------------------------------------------------------------------------

static const struct {
    const char *op;
    dnnl_alg_kind_t alg;
} eltwise[] = {{"Relu", dnnl_eltwise_relu},    {"Exp", dnnl_eltwise_exp},
               {"Tanh", dnnl_eltwise_tanh},    {"Sigmoid", dnnl_eltwise_logistic},
               {"Sqrt", dnnl_eltwise_sqrt},    {"Abs", dnnl_eltwise_abs},
               {"Gelu", dnnl_eltwise_gelu_erf}};

static void plan_eltwise(sz_dnnl_plan *p) {
    const sz_node *n = p->call->node;
    dnnl_alg_kind_t alg = dnnl_alg_kind_undef;
    for (size_t i = 0; i < sizeof eltwise / sizeof *eltwise; i++)
        if (sz_node_is(n, eltwise[i].op)) alg = eltwise[i].alg;
    if (sz_str_is(sz_attr_s(n, "approximate", "none"), "tanh")) alg = dnnl_eltwise_gelu_tanh;
    const md *src = input(p, DNNL_ARG_SRC, 0, NULL);
    output(p, DNNL_ARG_DST, NULL);
    done(p, p->lib->eltwise_forward_desc_init(&p->desc.eltwise, dnnl_forward_inference, alg, src, 0,
                                              0));
}

static const char *no_binary(const sz_graph *g, const sz_node *n) {
    const sz_type *a = sz_node_type(g, n, 0), *b = sz_node_type(g, n, 1);
    const sz_type *y = &sz_graph_value(g, n->outputs[0])->type;
    if (a->rank != y->rank || b->rank > a->rank || a->rank < 1) return "the first is broadcast";
    for (int32_t d = 0; d < a->rank; d++)
        if (a->dims[d] != y->dims[d]) return "the first is broadcast";
    return f32_or_bf16(g, n);
}

static void plan_binary(sz_dnnl_plan *p) {
    const sz_node *n = p->call->node;
    const sz_type *a = sz_node_type(p->call->graph, n, 0), *b = sz_node_type(p->call->graph, n, 1);
    int64_t dims[SZ_MAX_RANK];
    for (int32_t d = 0; d < a->rank; d++) {
        const int32_t from = d - (a->rank - b->rank);
        dims[d] = from < 0 ? 1 : b->dims[from];
    }
    const dnnl_alg_kind_t alg = sz_node_is(n, "Add")   ? dnnl_binary_add
                                : sz_node_is(n, "Mul") ? dnnl_binary_mul
                                : sz_node_is(n, "Sub") ? dnnl_binary_sub
                                                       : dnnl_binary_div;
    const md *src = input(p, DNNL_ARG_SRC_0, 0, NULL);
    const md *other = input(p, DNNL_ARG_SRC_1, 1, &(seen){a->rank, dims, NULL});
    const md *dst = output(p, DNNL_ARG_DST, NULL);
    done(p, p->lib->binary_desc_init(&p->desc.binary, alg, src, other, dst));
}

// ---- the table ---------------------------------------------------------------------------------

static const sz_dnnl_op ops[] = {
    {"MatMul", no_matmul, plan_matmul},
    {"MatMulInteger", no_matmul, plan_matmul},
    {"Gemm", no_gemm, plan_gemm},
    {"Conv", no_window, plan_conv},
    {"MaxPool", no_pool, plan_pool},
    {"AveragePool", no_pool, plan_pool},
    {"Softmax", no_softmax, plan_softmax},
    {"LayerNormalization", no_layer_norm, plan_layer_norm},
    {"BatchNormalization", no_batch_norm, plan_batch_norm},
    {"Relu", f32_or_bf16, plan_eltwise},
    {"Exp", f32_or_bf16, plan_eltwise},
    {"Tanh", f32_or_bf16, plan_eltwise},
    {"Sigmoid", f32_or_bf16, plan_eltwise},
    {"Sqrt", f32_or_bf16, plan_eltwise},
    {"Abs", f32_or_bf16, plan_eltwise},
    {"Gelu", f32_or_bf16, plan_eltwise},
    {"Add", no_binary, plan_binary},
    {"Sub", no_binary, plan_binary},
    {"Mul", no_binary, plan_binary},
    {"Div", no_binary, plan_binary},
};

const sz_dnnl_op *sz_dnnl_find(const sz_node *n) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (sz_node_is(n, ops[i].op)) return &ops[i];
    return NULL;
}
#endif
