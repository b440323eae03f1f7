// SPDX-License-Identifier: Apache-2.0
// Convolutions and pooling, forward and backward. What goes back describes the forward primitive by
// its dimensions, as ONNX states those of the source or of the weights.
#include "run/backends/onednn/onednn.h"

enum { MOST_AXES = 3 };

// ---- windows -----------------------------------------------------------------------------------

static void read_axes(const sz_node *n, const char *name, int64_t def, int count, int64_t *ret) {
    const int64_t *given = NULL;
    const int32_t have = sz_attr_ints(n, name, &given);
    for (int d = 0; d < count; d++) ret[d] = d < have ? given[d] : def;
}

// Padding that makes `out` windows of `in`, halves on both sides.
static void pad_same(sz_dnnl_window *w, int d, int64_t in, int64_t out, bool more_on_the_left) {
    const int64_t reach = (w->kernel[d] - 1) * (w->dilation[d] + 1) + 1;
    int64_t both = (out - 1) * w->stride[d] + reach - in;
    if (both < 0) both = 0;
    w->left[d] = more_on_the_left ? both - both / 2 : both / 2;
    w->right[d] = both - w->left[d];
}

// `x` and `y`: dims of the large and of the small image. `kernel`: of the weights, NULL = the
// attribute tells.
static sz_dnnl_window read_window(const sz_node *n, int axes, const int64_t *x, const int64_t *y,
                                  const int64_t *kernel) {
    sz_dnnl_window w = {.axes = axes};
    int64_t pads[2 * MOST_AXES];
    const sz_str pad = sz_attr_s(n, "auto_pad", "NOTSET");
    read_axes(n, "kernel_shape", 1, axes, w.kernel);
    read_axes(n, "strides", 1, axes, w.stride);
    read_axes(n, "dilations", 1, axes, w.dilation);
    read_axes(n, "pads", 0, 2 * axes, pads);
    for (int d = 0; d < axes; d++) {
        if (kernel) w.kernel[d] = kernel[d];
        w.dilation[d]--;
        w.left[d] = pads[d], w.right[d] = pads[axes + d];
        if (sz_str_is(pad, "VALID")) w.left[d] = w.right[d] = 0;
        if (sz_str_is(pad, "SAME_UPPER") || sz_str_is(pad, "SAME_LOWER"))
            pad_same(&w, d, x[2 + d], y[2 + d], sz_str_is(pad, "SAME_LOWER"));
    }
    return w;
}

// A last window that reaches beyond the end makes padding longer.
static void reach_out(sz_dnnl_window *w, const int64_t *x, const int64_t *y) {
    for (int d = 0; d < w->axes; d++) {
        const int64_t reach = (w->kernel[d] - 1) * (w->dilation[d] + 1) + 1;
        const int64_t right = (y[2 + d] - 1) * w->stride[d] + reach - x[2 + d] - w->left[d];
        if (right > w->right[d]) w->right[d] = right;
    }
}

static const char *no_image(const sz_type *x) {
    return x->rank < 3 || x->rank > 2 + MOST_AXES ? "not 1, 2 or 3 axes in the window" : NULL;
}

// Weights with groups have the group as an axis of its own.
static sz_dnnl_view weights_of(const sz_type *t, int64_t groups) {
    int64_t dims[SZ_DNNL_AXES] = {groups, t->dims[0] / groups};
    if (groups == 1) return sz_dnnl_view_of(t);
    for (int32_t d = 1; d < t->rank; d++) dims[d + 1] = t->dims[d];
    return sz_dnnl_dense(t->rank + 1, dims);
}

// ---- convolution -------------------------------------------------------------------------------

SZ_DNNL_REFUSES(conv) {
    const char *why = no_image(sz_node_type(g, n, 0));
    return why ? why : sz_dnnl_f32_or_bf16(g, n);
}

SZ_DNNL_REFUSES(conv_integer) {
    if (!sz_dnnl_is(g, n, 1, "i8")) return "unsigned weights";
    const char *why = sz_dnnl_zero_points(g, n);
    return why ? why : no_image(sz_node_type(g, n, 0));
}

static sz_dnnl_stage *add_conv(sz_dnnl_plan *p, sz_dnnl_direction direction, const sz_type *x,
                               const sz_type *w, const sz_type *y) {
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_CONV, direction, SZ_DNNL_CONV_DIRECT);
    s->window = read_window(p->call->node, x->rank - 2, x->dims, y->dims, w->dims + 2);
    return s;
}

SZ_DNNL_PLANS(conv) {
    const sz_node *n = p->call->node;
    const sz_type *x = sz_dnnl_in_type(p, 0), *w = sz_dnnl_in_type(p, 1);
    const sz_dnnl_view weights = weights_of(w, sz_attr_i(n, "group", 1));
    const bool whole = sz_node_is(n, "ConvInteger"); // zero points are no bias
    add_conv(p, SZ_DNNL_INFERENCE, x, w, sz_dnnl_out_type(p, 0));
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL)->any = true;
    sz_dnnl_in(p, SZ_DNNL_WEIGHTS, 1, &weights)->any = true;
    if (sz_dnnl_in_type(p, 2) && !whole) sz_dnnl_in(p, SZ_DNNL_BIAS, 2, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL)->any = true;
}

SZ_DNNL_REFUSES(conv_data_grad) { return sz_dnnl_no_conv(g, n); }
SZ_DNNL_REFUSES(conv_weight_grad) { return sz_dnnl_no_conv(g, n); }

SZ_DNNL_PLANS(conv_data_grad) {
    const sz_type *w = sz_dnnl_in_type(p, 1);
    const sz_dnnl_view weights = weights_of(w, sz_attr_i(p->call->node, "group", 1));
    add_conv(p, SZ_DNNL_BACKWARD_DATA, sz_dnnl_out_type(p, 0), w, sz_dnnl_in_type(p, 0));
    sz_dnnl_in(p, SZ_DNNL_DIFF + SZ_DNNL_DST, 0, NULL)->any = true;
    sz_dnnl_in(p, SZ_DNNL_WEIGHTS, 1, &weights)->any = true;
    sz_dnnl_out(p, SZ_DNNL_DIFF + SZ_DNNL_SRC, 0, NULL)->any = true;
}

SZ_DNNL_PLANS(conv_weight_grad) {
    const sz_node *n = p->call->node;
    const sz_type *w = sz_dnnl_out_type(p, 0);
    const sz_dnnl_view weights = weights_of(w, sz_attr_i(n, "group", 1));
    add_conv(p, SZ_DNNL_BACKWARD_WEIGHTS, sz_dnnl_in_type(p, 0), w, sz_dnnl_in_type(p, 1));
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL)->any = true;
    sz_dnnl_in(p, SZ_DNNL_DIFF + SZ_DNNL_DST, 1, NULL)->any = true;
    sz_dnnl_out(p, SZ_DNNL_DIFF + SZ_DNNL_WEIGHTS, 0, &weights)->any = true;
    if (sz_dnnl_has_out(n, 1)) sz_dnnl_out(p, SZ_DNNL_DIFF + SZ_DNNL_BIAS, 1, NULL);
}

// ---- transposed convolution --------------------------------------------------------------------

SZ_DNNL_REFUSES(deconv) {
    const sz_str pad = sz_attr_s(n, "auto_pad", "NOTSET");
    const int64_t *shape;
    if (!sz_str_is(pad, "NOTSET") && !sz_str_is(pad, "")) return "automatic padding";
    if (sz_attr_ints(n, "output_shape", &shape) > 0) return "padding that follows from the result";
    return sz_dnnl_no_conv(g, n);
}

// ONNX has sources first in the weights, the library results. The padding on the right is what is
// left of the result.
SZ_DNNL_PLANS(deconv) {
    const sz_node *n = p->call->node;
    const sz_type *x = sz_dnnl_in_type(p, 0), *w = sz_dnnl_in_type(p, 1);
    const sz_type *y = sz_dnnl_out_type(p, 0);
    const int64_t groups = sz_attr_i(n, "group", 1);
    sz_dnnl_view weights = weights_of(w, groups);
    sz_dnnl_exchange(&weights, groups > 1, 1 + (groups > 1));
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_DECONV, SZ_DNNL_INFERENCE,
                                         SZ_DNNL_DECONV_DIRECT);
    sz_dnnl_window v = read_window(n, x->rank - 2, y->dims, x->dims, w->dims + 2);
    for (int d = 0; d < v.axes; d++)
        v.right[d] = (x->dims[2 + d] - 1) * v.stride[d] + (v.kernel[d] - 1) * (v.dilation[d] + 1) +
                     1 - v.left[d] - y->dims[2 + d];
    s->window = v;
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL)->any = true;
    sz_dnnl_in(p, SZ_DNNL_WEIGHTS, 1, &weights)->any = true;
    if (sz_dnnl_in_type(p, 2)) sz_dnnl_in(p, SZ_DNNL_BIAS, 2, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL)->any = true;
}

// ---- pooling -----------------------------------------------------------------------------------

static bool is_named(const sz_node *n, const char *part) {
    const size_t len = strlen(part);
    for (size_t i = 0; i + len <= n->op.len; i++)
        if (memcmp(n->op.p + i, part, len) == 0) return true;
    return false;
}

static const char *no_pooling(const sz_graph *g, const sz_node *n, const sz_type *x) {
    if (sz_attr_i(n, "ceil_mode", 0) && sz_attr_i(n, "count_include_pad", 0))
        return "averages of windows beyond the end";
    if (sz_attr_i(n, "storage_order", 0)) return "columns first";
    const char *why = no_image(x);
    return why ? why : sz_dnnl_f32_or_bf16(g, n);
}

SZ_DNNL_REFUSES(pool) {
    if (sz_dnnl_has_out(n, 1)) return "indices of the largest";
    return no_pooling(g, n, sz_node_type(g, n, 0));
}

static sz_dnnl_stage *add_pool(sz_dnnl_plan *p, sz_dnnl_direction direction, const sz_type *x,
                               const sz_type *y) {
    const sz_node *n = p->call->node;
    const bool all = sz_attr_i(n, "count_include_pad", 0) != 0;
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_POOL, direction,
                                         is_named(n, "Max") ? SZ_DNNL_POOL_MAX
                                         : all              ? SZ_DNNL_POOL_AVG_PADDED
                                                            : SZ_DNNL_POOL_AVG);
    s->window = read_window(n, x->rank - 2, x->dims, y->dims,
                            is_named(n, "Global") ? x->dims + 2 : NULL);
    if (sz_attr_i(n, "ceil_mode", 0)) reach_out(&s->window, x->dims, y->dims);
    return s;
}

SZ_DNNL_PLANS(pool) {
    add_pool(p, SZ_DNNL_INFERENCE, sz_dnnl_in_type(p, 0), sz_dnnl_out_type(p, 0));
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
}

SZ_DNNL_REFUSES(max_pool_grad) { return no_pooling(g, n, sz_node_type(g, n, 0)); }
SZ_DNNL_REFUSES(average_pool_grad) { return no_pooling(g, n, sz_node_type(g, n, 0)); }

// Which element was the largest is not in the graph: the forward primitive runs once more for it.
SZ_DNNL_PLANS(max_pool_grad) {
    const sz_type *x = sz_dnnl_in_type(p, 0), *y = sz_dnnl_in_type(p, 2);
    const sz_dnnl_view result = sz_dnnl_view_of(y);
    const int largest = sz_dnnl_new_temp(p), where = sz_dnnl_new_temp(p);
    add_pool(p, SZ_DNNL_TRAINING, x, y);
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, NULL);
    sz_dnnl_temp(p, SZ_DNNL_DST, largest, true, sz_dnnl_type_of(y->dtype), &result);
    sz_dnnl_hidden(p, SZ_DNNL_WORKSPACE, where, true);
    add_pool(p, SZ_DNNL_BACKWARD_DATA, x, y);
    sz_dnnl_in(p, SZ_DNNL_DIFF + SZ_DNNL_DST, 2, NULL);
    sz_dnnl_hidden(p, SZ_DNNL_WORKSPACE, where, false);
    sz_dnnl_out(p, SZ_DNNL_DIFF + SZ_DNNL_SRC, 0, NULL);
}

SZ_DNNL_PLANS(average_pool_grad) {
    add_pool(p, SZ_DNNL_BACKWARD_DATA, sz_dnnl_out_type(p, 0), sz_dnnl_in_type(p, 0));
    sz_dnnl_in(p, SZ_DNNL_DIFF + SZ_DNNL_DST, 0, NULL);
    sz_dnnl_out(p, SZ_DNNL_DIFF + SZ_DNNL_SRC, 0, NULL);
}
