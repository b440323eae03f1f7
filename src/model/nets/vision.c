// SPDX-License-Identifier: Apache-2.0
// Families for small devices, for segmentation and for detection.
#include "model/nets/images.h"

#include <stdio.h>

// ---- mobilenet ---------------------------------------------------------------------------------

// Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2: expansion,
// channels, repeats, stride.
static const int64_t mobile_stages[][4] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2},
                                           {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2},
                                           {6, 320, 1, 1}};

const sz_net_param sz_family_mobilenet_params[] = {
    SZ_PARAM_IMAGE(224),
    {"width", 100, 10, 400, NULL, "channels, in percent of the paper's"},
    SZ_PARAM_END};

// The nearest multiple of 8 that is not below 90 %, as the authors' code has it.
static int64_t scaled(int64_t channels, int64_t percent) {
    int64_t rounded = (channels * percent + 400) / 800 * 8;
    if (rounded < 8) rounded = 8;
    return 1000 * rounded < 9 * channels * percent ? rounded + 8 : rounded;
}

static sz_value_id relu6(sz_net *n, const char *name, sz_value_id x) {
    char low[32], high[32];
    snprintf(low, sizeof low, "%s.min", name);
    snprintf(high, sizeof high, "%s.max", name);
    const sz_value_id zero = sz_net_number(n, low, 0), six = sz_net_number(n, high, 6);
    return sz_net_node(
        n, &(sz_net_op){.name = name, .op = "Clip", .n_inputs = 3, .inputs = {x, zero, six}});
}

static sz_value_id inverted_residual(sz_net *n, sz_value_id x, int64_t in, int64_t out,
                                     int64_t expansion, int64_t stride) {
    const sz_value_id skip = x;
    const int64_t wide = in * expansion;
    const sz_net_conv depthwise = {.spatial = 2,
                                   .in = wide,
                                   .out = wide,
                                   .groups = wide,
                                   .kernel = 3,
                                   .stride = stride,
                                   .pad = 1};
    if (expansion > 1) x = relu6(n, "relu0", sz_net_conv_norm(n, 0, x, in, wide, 1, 1));
    x = relu6(n, "relu1", sz_net_conv_norm_of(n, 1, x, &depthwise));
    x = sz_net_conv_norm(n, 2, x, wide, out, 1, 1);
    return in == out && stride == 1 ? sz_net_binary(n, "add", "Add", x, skip) : x;
}

void sz_family_mobilenet(sz_net *n) {
    const int64_t percent = sz_net_get(n, "width");
    int64_t in = scaled(32, percent), blocks = 0;
    sz_value_id x = sz_net_image(n);
    x = relu6(n, "relu1", sz_net_conv_norm(n, 1, x, sz_net_get(n, "in_channels"), in, 3, 2));
    for (size_t s = 0; s < sizeof mobile_stages / sizeof *mobile_stages; s++) {
        const int64_t out = scaled(mobile_stages[s][1], percent);
        for (int64_t i = 0; i < mobile_stages[s][2]; i++) {
            const size_t outside = sz_net_enter(n, "block%lld.", (long long)blocks++);
            x = inverted_residual(n, x, in, out, mobile_stages[s][0],
                                  i == 0 ? mobile_stages[s][3] : 1);
            sz_net_leave(n, outside);
            in = out;
        }
    }
    const int64_t last = scaled(1280, percent > 100 ? percent : 100);
    sz_net_classifier(n, relu6(n, "relu2", sz_net_conv_norm(n, 2, x, in, last, 1, 1)), last);
}

// ---- deeplab -----------------------------------------------------------------------------------

// Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", as torchvision has
// it: an image is halved three times, then windows widen; no multi-grid.
const sz_net_param sz_family_deeplab_params[] = {
    {"depth", 50, 50, 152, NULL, "of the residual net: 50, 101 or 152"},
    SZ_PARAM_SIZE("image", 520, "height and width"),
    SZ_PARAM_SIZE("in_channels", 3, "channels of the image"),
    SZ_PARAM_SIZE("classes", 21, "channels of the output"),
    SZ_PARAM_SIZE("width", 64, "channels of the first stage"),
    SZ_PARAM_FLAG("aux", 0, "1 = with the second head that training has"),
    SZ_PARAM_END};

// After a 3x3 or 7x7 window with stride 2 and its border.
static int64_t halved(int64_t size) { return (size - 1) / 2 + 1; }

static sz_value_id resize(sz_net *n, const char *name, sz_value_id x, int64_t channels,
                          int64_t size) {
    char text[48];
    snprintf(text, sizeof text, "%s.sizes", name);
    const sz_value_id sizes = sz_net_ints(n, text, SZ_SHAPE(n->batch, channels, size, size));
    return sz_net_node(n, &(sz_net_op){.name = name,
                                       .op = "Resize",
                                       .n_inputs = 4,
                                       .inputs = {x, SZ_NONE, SZ_NONE, sizes},
                                       .n_attrs = 1,
                                       .attrs = {sz_net_text("mode", "linear")}});
}

// The mean of the image, spread over it again.
static sz_value_id pooled_branch(sz_net *n, sz_value_id x, int64_t in, int64_t out, int64_t size) {
    const size_t outside = sz_net_enter(n, "pooled.");
    x = sz_net_unary(n, "mean", "GlobalAveragePool", x);
    x = sz_net_unary(n, "relu", "Relu", sz_net_conv_norm(n, 0, x, in, out, 1, 1));
    const sz_value_id shape = sz_net_ints(n, "shape", SZ_SHAPE(n->batch, out, size, size));
    x = sz_net_binary(n, "spread", "Expand", x, shape);
    sz_net_leave(n, outside);
    return x;
}

static sz_value_id pyramid(sz_net *n, sz_value_id x, int64_t in, int64_t out, int64_t size) {
    static const int64_t rates[] = {12, 24, 36};
    sz_net_op all = {.name = "concat",
                     .op = "Concat",
                     .n_inputs = 5,
                     .n_attrs = 1,
                     .attrs = {sz_net_int("axis", 1)}};
    all.inputs[0] = sz_net_unary(n, "relu0", "Relu", sz_net_conv_norm(n, 0, x, in, out, 1, 1));
    for (int i = 0; i < 3; i++) {
        const sz_net_conv c = {.spatial = 2,
                               .in = in,
                               .out = out,
                               .kernel = 3,
                               .stride = 1,
                               .pad = rates[i],
                               .dilation = rates[i]};
        char relu[16];
        snprintf(relu, sizeof relu, "relu%d", i + 1);
        all.inputs[1 + i] = sz_net_unary(n, relu, "Relu", sz_net_conv_norm_of(n, i + 1, x, &c));
    }
    all.inputs[4] = pooled_branch(n, x, in, out, size);
    x = sz_net_node(n, &all);
    return sz_net_unary(n, "relu4", "Relu", sz_net_conv_norm(n, 4, x, 5 * out, out, 1, 1));
}

// A 3x3 convolution to `width` channels, then a number for each class and place, made large again.
static void dense_head(sz_net *n, sz_value_id x, int64_t in, int64_t width) {
    const int64_t classes = sz_net_get(n, "classes");
    const sz_net_conv last = {
        .spatial = 2, .in = width, .out = classes, .kernel = 1, .stride = 1, .bias = true};
    x = sz_net_unary(n, "relu", "Relu", sz_net_conv_norm(n, 9, x, in, width, 3, 1));
    x = sz_net_convolution(n, "last", x, &last);
    sz_net_output(n, resize(n, "large", x, classes, sz_net_get(n, "image")));
}

void sz_family_deeplab(sz_net *n) {
    const int64_t size = halved(halved(halved(sz_net_get(n, "image"))));
    sz_value_id stages[4];
    const int64_t width = sz_net_get(n, "width"), pyramid_width = 4 * width;
    const sz_value_id x = sz_net_residual(n, sz_net_image(n), width, true, stages);
    size_t outside = sz_net_enter(n, "head.");
    const sz_value_id y = pyramid(n, x, 32 * width, pyramid_width, size);
    dense_head(n, y, pyramid_width, pyramid_width);
    sz_net_leave(n, outside);
    if (!sz_net_get(n, "aux")) return;
    outside = sz_net_enter(n, "aux.");
    dense_head(n, stages[2], 16 * width, 4 * width);
    sz_net_leave(n, outside);
}
