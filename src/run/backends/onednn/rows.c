// SPDX-License-Identifier: Apache-2.0
// What goes over rows or channels: softmax, normalization, reduction; forward and backward.
#include "run/backends/onednn/onednn.h"

static int axis_of(const sz_node *n, int rank, int64_t def) {
    const int64_t axis = sz_attr_i(n, "axis", def);
    return (int)(axis < 0 ? axis + rank : axis);
}

// ---- softmax -----------------------------------------------------------------------------------

// Before opset 13 all axes from `axis` on were one.
SZ_DNNL_REFUSES(softmax) {
    const int rank = sz_node_type(g, n, 0)->rank;
    if (rank < 1) return "a single number";
    if (n->opset < 13 && axis_of(n, rank, 1) != rank - 1)
        return "several axes at once, as before opset 13";
    return sz_dnnl_f32_or_bf16(g, n);
}

static sz_dnnl_stage *add_softmax(sz_dnnl_plan *p, sz_dnnl_direction direction) {
    const sz_node *n = p->call->node;
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_SOFTMAX_KIND, direction,
                                         sz_node_is(n, "LogSoftmax") ? SZ_DNNL_LOG_SOFTMAX
                                                                     : SZ_DNNL_SOFTMAX);
    const bool old = n->domain.len == 0 && n->opset < 13;
    s->axis = axis_of(n, sz_dnnl_in_type(p, 0)->rank, old ? 1 : -1);
    return s;
}

SZ_DNNL_PLANS(softmax) {
    add_softmax(p, SZ_DNNL_INFERENCE);
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
}

SZ_DNNL_REFUSES(softmax_grad) { return sz_dnnl_f32_or_bf16(g, n); }

SZ_DNNL_PLANS(softmax_grad) {
    add_softmax(p, SZ_DNNL_BACKWARD_DATA);
    sz_dnnl_in(p, SZ_DNNL_DST, 0, NULL);
    sz_dnnl_in(p, SZ_DNNL_DIFF + SZ_DNNL_DST, 1, NULL);
    sz_dnnl_out(p, SZ_DNNL_DIFF + SZ_DNNL_SRC, 0, NULL);
}

// ---- layer normalization -----------------------------------------------------------------------

// All axes from `axis` on are one row.
static sz_dnnl_view rows_of(const sz_node *n, const sz_type *x) {
    const int axis = axis_of(n, x->rank, -1);
    const int64_t dims[] = {sz_dnnl_product(x->dims, 0, axis),
                            sz_dnnl_product(x->dims, axis, x->rank)};
    return sz_dnnl_dense(2, dims);
}

static bool is_row(const sz_type *t, int64_t width) {
    return sz_dnnl_product(t->dims, 0, t->rank) == width;
}

SZ_DNNL_REFUSES(layer_norm) {
    const sz_type *x = sz_node_type(g, n, 0), *shift = sz_node_type(g, n, 2);
    const sz_dnnl_view v = rows_of(n, x);
    if (!is_row(sz_node_type(g, n, 1), v.dims[1]) || (shift && !is_row(shift, v.dims[1])))
        return "a scale or shift that is broadcast";
    return sz_dnnl_only_f32(g, n);
}

// The library keeps variances, ONNX 1 / sqrt(variance + epsilon).
static void add_inverse_deviation(sz_dnnl_plan *p, int variance, const sz_dnnl_view *stats,
                                  float epsilon) {
    sz_dnnl_eltwise_add(p, SZ_DNNL_AFFINE, 1, epsilon);
    sz_dnnl_temp(p, SZ_DNNL_SRC, variance, false, SZ_DNNL_F32, stats);
    sz_dnnl_temp(p, SZ_DNNL_DST, variance, true, SZ_DNNL_F32, stats);
    sz_dnnl_eltwise_add(p, SZ_DNNL_POW, 1, -0.5f);
    sz_dnnl_temp(p, SZ_DNNL_SRC, variance, false, SZ_DNNL_F32, stats);
    sz_dnnl_out(p, SZ_DNNL_DST, 2, stats);
}

SZ_DNNL_PLANS(layer_norm) {
    const sz_node *n = p->call->node;
    const sz_dnnl_view rows = rows_of(n, sz_dnnl_in_type(p, 0));
    const sz_dnnl_view stats = sz_dnnl_dense(1, &rows.dims[0]),
                       row = sz_dnnl_dense(1, &rows.dims[1]);
    const bool mean = sz_dnnl_has_out(n, 1), deviation = sz_dnnl_has_out(n, 2);
    const bool keeps = mean || deviation;
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_LAYER_NORM,
                                         keeps ? SZ_DNNL_TRAINING : SZ_DNNL_INFERENCE, 0);
    s->epsilon = (float)sz_attr_f(n, "epsilon", 1e-5);
    s->flags = SZ_DNNL_WITH_SCALE;
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, &rows);
    sz_dnnl_in(p, SZ_DNNL_SCALE, 1, &row);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, &rows);
    if (sz_dnnl_in_type(p, 2)) {
        sz_dnnl_in(p, SZ_DNNL_SHIFT, 2, &row);
        s->flags |= SZ_DNNL_WITH_SHIFT;
    }
    if (!keeps) return;
    const int variance = sz_dnnl_new_temp(p);
    if (mean)
        sz_dnnl_out(p, SZ_DNNL_MEAN, 1, &stats);
    else
        sz_dnnl_temp(p, SZ_DNNL_MEAN, sz_dnnl_new_temp(p), true, SZ_DNNL_F32, &stats);
    sz_dnnl_temp(p, SZ_DNNL_VARIANCE, variance, true, SZ_DNNL_F32, &stats);
    if (deviation) add_inverse_deviation(p, variance, &stats, s->epsilon);
}

SZ_DNNL_REFUSES(layer_norm_grad) {
    const sz_dnnl_view v = rows_of(n, sz_node_type(g, n, 0));
    if (!is_row(sz_node_type(g, n, 1), v.dims[1])) return "a scale that is broadcast";
    return sz_dnnl_only_f32(g, n);
}

SZ_DNNL_PLANS(layer_norm_grad) {
    const sz_node *n = p->call->node;
    const sz_dnnl_view rows = rows_of(n, sz_dnnl_in_type(p, 0));
    const sz_dnnl_view stats = sz_dnnl_dense(1, &rows.dims[0]),
                       row = sz_dnnl_dense(1, &rows.dims[1]);
    const float epsilon = (float)sz_attr_f(n, "epsilon", 1e-5);
    const int variance = sz_dnnl_new_temp(p);
    sz_dnnl_eltwise_add(p, SZ_DNNL_POW, 1, -2); // back to variances
    sz_dnnl_in(p, SZ_DNNL_SRC, 3, &stats);
    sz_dnnl_temp(p, SZ_DNNL_DST, variance, true, SZ_DNNL_F32, &stats);
    sz_dnnl_eltwise_add(p, SZ_DNNL_AFFINE, 1, -epsilon);
    sz_dnnl_temp(p, SZ_DNNL_SRC, variance, false, SZ_DNNL_F32, &stats);
    sz_dnnl_temp(p, SZ_DNNL_DST, variance, true, SZ_DNNL_F32, &stats);
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_LAYER_NORM, SZ_DNNL_BACKWARD, 0);
    s->epsilon = epsilon, s->flags = SZ_DNNL_WITH_SCALE;
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, &rows);
    sz_dnnl_in(p, SZ_DNNL_SCALE, 1, &row);
    sz_dnnl_in(p, SZ_DNNL_MEAN, 2, &stats);
    sz_dnnl_temp(p, SZ_DNNL_VARIANCE, variance, false, SZ_DNNL_F32, &stats);
    sz_dnnl_in(p, SZ_DNNL_DIFF + SZ_DNNL_DST, 4, &rows);
    sz_dnnl_out(p, SZ_DNNL_DIFF + SZ_DNNL_SRC, 0, &rows);
    if (sz_dnnl_has_out(n, 1))
        sz_dnnl_out(p, SZ_DNNL_DIFF_SCALE, 1, &row);
    else
        sz_dnnl_temp(p, SZ_DNNL_DIFF_SCALE, sz_dnnl_new_temp(p), true, SZ_DNNL_F32, &row);
    if (!sz_dnnl_has_out(n, 2)) return;
    s->flags |= SZ_DNNL_WITH_SHIFT;
    sz_dnnl_zeros(p, SZ_DNNL_SHIFT, &row)->is_formal = true;
    sz_dnnl_out(p, SZ_DNNL_DIFF_SHIFT, 2, &row);
}

// ---- batch normalization -----------------------------------------------------------------------

SZ_DNNL_REFUSES(batch_norm) {
    const sz_type *x = sz_node_type(g, n, 0);
    if (x->rank < 2 || x->rank > 5) return "not 2 to 5 axes";
    if (sz_attr_i(n, "training_mode", 0) && sz_attr_f(n, "momentum", 0.9) != 0)
        return "running statistics with a momentum";
    return sz_dnnl_only_f32(g, n);
}

// With momentum 0 the running statistics are those of the batch.
SZ_DNNL_PLANS(batch_norm) {
    const sz_node *n = p->call->node;
    const bool training = sz_attr_i(n, "training_mode", 0) != 0;
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_BATCH_NORM,
                                         training ? SZ_DNNL_TRAINING : SZ_DNNL_INFERENCE, 0);
    const sz_dnnl_view channels = sz_dnnl_view_of(sz_dnnl_in_type(p, 1));
    s->epsilon = (float)sz_attr_f(n, "epsilon", 1e-5);
    s->flags = SZ_DNNL_WITH_SCALE | SZ_DNNL_WITH_SHIFT;
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_in(p, SZ_DNNL_SCALE, 1, NULL);
    sz_dnnl_in(p, SZ_DNNL_SHIFT, 2, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
    if (!training) {
        s->flags |= SZ_DNNL_GIVEN_STATS;
        sz_dnnl_in(p, SZ_DNNL_MEAN, 3, NULL);
        sz_dnnl_in(p, SZ_DNNL_VARIANCE, 4, NULL);
        return;
    }
    for (int o = 1; o <= 2; o++) {
        const int role = o == 1 ? SZ_DNNL_MEAN : SZ_DNNL_VARIANCE;
        if (sz_dnnl_has_out(n, o))
            sz_dnnl_out(p, role, o, NULL);
        else
            sz_dnnl_temp(p, role, sz_dnnl_new_temp(p), true, SZ_DNNL_F32, &channels);
    }
}

SZ_DNNL_REFUSES(batch_norm_grad) {
    const sz_type *x = sz_node_type(g, n, 0);
    if (x->rank < 2 || x->rank > 5) return "not 2 to 5 axes";
    return sz_dnnl_only_f32(g, n);
}

SZ_DNNL_PLANS(batch_norm_grad) {
    const sz_node *n = p->call->node;
    const sz_dnnl_view channels = sz_dnnl_view_of(sz_dnnl_in_type(p, 1));
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_BATCH_NORM, SZ_DNNL_BACKWARD, 0);
    s->epsilon = (float)sz_attr_f(n, "epsilon", 1e-5);
    s->flags = SZ_DNNL_WITH_SCALE | SZ_DNNL_WITH_SHIFT;
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_in(p, SZ_DNNL_SCALE, 1, NULL);
    sz_dnnl_in(p, SZ_DNNL_MEAN, 2, NULL);
    sz_dnnl_in(p, SZ_DNNL_VARIANCE, 3, NULL);
    if (p->lib->by->back_has_shift) sz_dnnl_zeros(p, SZ_DNNL_SHIFT, &channels)->is_formal = true;
    sz_dnnl_in(p, SZ_DNNL_DIFF + SZ_DNNL_DST, 4, NULL);
    sz_dnnl_out(p, SZ_DNNL_DIFF + SZ_DNNL_SRC, 0, NULL);
    for (int o = 1; o <= 2; o++) {
        const int role = o == 1 ? SZ_DNNL_DIFF_SCALE : SZ_DNNL_DIFF_SHIFT;
        if (sz_dnnl_has_out(n, o))
            sz_dnnl_out(p, role, o, NULL);
        else
            sz_dnnl_temp(p, role, sz_dnnl_new_temp(p), true, SZ_DNNL_F32, &channels);
    }
}

// ---- group normalization -----------------------------------------------------------------------

static int64_t groups_of(const sz_node *n, const sz_type *x) {
    return sz_node_is(n, "InstanceNormalization") ? x->dims[1]
                                                  : sz_attr_i(n, "num_groups", x->dims[1]);
}

SZ_DNNL_REFUSES(group_norm) {
    const sz_type *x = sz_node_type(g, n, 0), *scale = sz_node_type(g, n, 1);
    if (x->rank < 3) return "no axes besides the channels";
    if (scale->dims[0] != x->dims[1] && scale->dims[0] != groups_of(n, x))
        return "a scale of neither channels nor groups";
    return sz_dnnl_only_f32(g, n);
}

static void add_factor(sz_dnnl_plan *p, int algorithm, int input, int made,
                       const sz_dnnl_view *image, const sz_dnnl_view *factor, bool is_last) {
    sz_dnnl_stage_add(p, SZ_DNNL_BINARY, SZ_DNNL_INFERENCE, algorithm);
    sz_dnnl_temp(p, SZ_DNNL_SRC, made, false, SZ_DNNL_F32, image);
    sz_dnnl_in(p, SZ_DNNL_SRC_1, input, factor);
    if (is_last)
        sz_dnnl_out(p, SZ_DNNL_DST, 0, image);
    else
        sz_dnnl_temp(p, SZ_DNNL_DST, made, true, SZ_DNNL_F32, image);
}

// A batch of one image with a channel for each group of each image, then scale and shift. Versions
// before 3.3 have no primitive of its own.
SZ_DNNL_PLANS(group_norm) {
    const sz_node *n = p->call->node;
    const sz_type *x = sz_dnnl_in_type(p, 0);
    const int64_t all = sz_dnnl_product(x->dims, 0, x->rank), images = x->dims[0];
    const int64_t groups = groups_of(n, x), factors = sz_dnnl_in_type(p, 1)->dims[0];
    const int64_t flat[] = {1, images * groups, all / (images * groups)};
    const int64_t deep[] = {images, factors, all / (images * factors)}, one[] = {1, factors, 1};
    const sz_dnnl_view normed = sz_dnnl_dense(3, flat), image = sz_dnnl_dense(3, deep);
    const sz_dnnl_view factor = sz_dnnl_dense(3, one);
    const int made = sz_dnnl_new_temp(p);
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_BATCH_NORM, SZ_DNNL_INFERENCE, 0);
    s->epsilon = (float)sz_attr_f(n, "epsilon", 1e-5);
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, &normed);
    sz_dnnl_temp(p, SZ_DNNL_DST, made, true, SZ_DNNL_F32, &normed);
    add_factor(p, SZ_DNNL_BINARY_MUL, 1, made, &image, &factor, false);
    add_factor(p, SZ_DNNL_BINARY_ADD, 2, made, &image, &factor, true);
}

// ---- reduction ---------------------------------------------------------------------------------

static const struct {
    const char *op;
    int algorithm;
    float p;
} reductions[] = {
    {"ReduceSum", SZ_DNNL_REDUCE_SUM, 0},  {"ReduceMean", SZ_DNNL_REDUCE_MEAN, 0},
    {"ReduceMax", SZ_DNNL_REDUCE_MAX, 0},  {"ReduceMin", SZ_DNNL_REDUCE_MIN, 0},
    {"ReduceProd", SZ_DNNL_REDUCE_MUL, 0}, {"ReduceL1", SZ_DNNL_REDUCE_NORM, 1},
    {"ReduceL2", SZ_DNNL_REDUCE_NORM, 2},  {"ReduceSumSquare", SZ_DNNL_REDUCE_POWER_SUM, 2}};

// Dims of the result with all axes kept; false = the axes are not known.
static bool reduced(const sz_graph *g, const sz_node *n, int64_t *ret_dims) {
    const sz_type *x = sz_node_type(g, n, 0);
    const int64_t *axes = NULL;
    int64_t count = sz_attr_ints(n, "axes", &axes);
    const sz_tensor *given = sz_dnnl_numbers(g, n, 1);
    if (sz_node_type(g, n, 1) && !given) return false;
    if (given) count = given->count, axes = given->i;
    const bool all = count == 0 && !sz_attr_i(n, "noop_with_empty_axes", 0);
    for (int32_t d = 0; d < x->rank; d++) ret_dims[d] = all ? 1 : x->dims[d];
    for (int64_t k = 0; k < count; k++) {
        const int64_t axis = axes[k] < 0 ? axes[k] + x->rank : axes[k];
        if (axis < 0 || axis >= x->rank) return false;
        ret_dims[axis] = 1;
    }
    return true;
}

SZ_DNNL_REFUSES(reduce) {
    const sz_type *x = sz_node_type(g, n, 0);
    int64_t dims[SZ_DNNL_AXES];
    if (!reduced(g, n, dims)) return "axes that are not known before it runs";
    if (sz_dnnl_product(dims, 0, x->rank) == sz_dnnl_product(x->dims, 0, x->rank))
        return "nothing to reduce";
    return sz_dnnl_f32_or_bf16(g, n);
}

SZ_DNNL_PLANS(reduce) {
    const sz_node *n = p->call->node;
    int64_t dims[SZ_DNNL_AXES];
    reduced(p->call->graph, n, dims);
    const sz_dnnl_view y = sz_dnnl_dense(sz_dnnl_in_type(p, 0)->rank, dims);
    for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++) {
        if (!sz_node_is(n, reductions[i].op)) continue;
        sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_REDUCTION, SZ_DNNL_INFERENCE,
                                             reductions[i].algorithm);
        s->alpha = reductions[i].p;
    }
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, &y);
}
