// SPDX-License-Identifier: Apache-2.0
// Families of convolutional nets.
#include "model/nets/images.h"

#include <stdio.h>

#define IMAGE        SZ_PARAM_IMAGE
#define image_input  sz_net_image
#define classifier   sz_net_classifier
#define conv_norm    sz_net_conv_norm

sz_value_id sz_net_image(sz_net *n) {
    const int64_t size = sz_net_get(n, "image");
    return sz_net_input(n, "image", n->dtype,
                        SZ_SHAPE(n->batch, sz_net_get(n, "in_channels"), size, size));
}

// Mean over the image, then a linear layer.
void sz_net_classifier(sz_net *n, sz_value_id x, int64_t channels) {
    x = sz_net_unary(n, "avgpool", "GlobalAveragePool", x);
    x = sz_net_reshape(n, "flatten", x, SZ_SHAPE(n->batch, channels));
    sz_net_output(n, sz_net_linear(n, "fc", x, channels, sz_net_get(n, "classes"), true));
}

// ---- resnet ------------------------------------------------------------------------------------

const sz_net_param sz_family_resnet_params[] = {
    {"depth", 50, 18, 152, NULL, "18, 34, 50, 101 or 152"},
    IMAGE(224),
    SZ_PARAM_SIZE("width", 64, "channels of the first stage"),
    SZ_PARAM_END};

// He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", table 1. The stride of a
// bottleneck is in its 3x3 convolution, as in torchvision.
typedef struct residual_net {
    int64_t depth;
    bool bottleneck;
    int64_t blocks[4];
} residual_net;

static const residual_net residual_nets[] = {{18, false, {2, 2, 2, 2}},
                                             {34, false, {3, 4, 6, 3}},
                                             {50, true, {3, 4, 6, 3}},
                                             {101, true, {3, 4, 23, 3}},
                                             {152, true, {3, 8, 36, 3}}};

sz_value_id sz_net_conv_norm_of(sz_net *n, int number, sz_value_id x, const sz_net_conv *c) {
    char conv[16], norm[16];
    snprintf(conv, sizeof conv, "conv%d", number);
    snprintf(norm, sizeof norm, "bn%d", number);
    x = sz_net_convolution(n, conv, x, c);
    return sz_net_batch_norm(n, norm, x, c->out);
}

sz_value_id sz_net_conv_norm(sz_net *n, int number, sz_value_id x, int64_t in, int64_t out,
                             int64_t kernel, int64_t stride) {
    const sz_net_conv c = {
        .spatial = 2, .in = in, .out = out, .kernel = kernel, .stride = stride, .pad = kernel / 2};
    return sz_net_conv_norm_of(n, number, x, &c);
}

static sz_value_id shortcut(sz_net *n, sz_value_id x, int64_t in, int64_t out, int64_t stride) {
    if (in == out && stride == 1) return x;
    const size_t outside = sz_net_enter(n, "downsample.");
    x = conv_norm(n, 0, x, in, out, 1, stride);
    sz_net_leave(n, outside);
    return x;
}

static sz_value_id residual_block(sz_net *n, sz_value_id x, bool bottleneck, int64_t in,
                                  int64_t width, int64_t stride, int64_t dilation) {
    const int64_t out = bottleneck ? 4 * width : width;
    const sz_value_id skip = shortcut(n, x, in, out, stride);
    const sz_net_conv c = {.spatial = 2,
                           .in = bottleneck ? width : in,
                           .out = width,
                           .kernel = 3,
                           .stride = stride,
                           .pad = dilation,
                           .dilation = dilation};
    if (bottleneck) {
        x = sz_net_unary(n, "relu1", "Relu", conv_norm(n, 1, x, in, width, 1, 1));
        x = sz_net_unary(n, "relu2", "Relu", sz_net_conv_norm_of(n, 2, x, &c));
        x = conv_norm(n, 3, x, width, out, 1, 1);
    } else {
        x = sz_net_unary(n, "relu1", "Relu", sz_net_conv_norm_of(n, 1, x, &c));
        x = conv_norm(n, 2, x, width, out, 3, 1);
    }
    return sz_net_unary(n, "relu", "Relu", sz_net_binary(n, "add", "Add", x, skip));
}

static const residual_net *find_residual(sz_net *n) {
    const int64_t depth = sz_net_get(n, "depth");
    for (size_t i = 0; i < sizeof residual_nets / sizeof *residual_nets; i++)
        if (residual_nets[i].depth == depth) return &residual_nets[i];
    sz_net_fail(n, "depth=%lld is none of 18, 34, 50, 101 and 152", (long long)depth);
    return &residual_nets[0];
}

// Where windows are dilated, the first block of a stage has the dilation of the stage before.
sz_value_id sz_net_residual(sz_net *n, sz_value_id x, int64_t width, bool dilated,
                            sz_value_id ret_stages[4]) {
    const residual_net *net = find_residual(n);
    int64_t in = width, dilation = 1;
    x = conv_norm(n, 1, x, sz_net_get(n, "in_channels"), width, 7, 2);
    x = sz_net_unary(n, "relu", "Relu", x);
    x = sz_net_pool(n, "maxpool", "MaxPool", x, 2, 3, 2, 1);
    for (int stage = 0; stage < 4; stage++, width *= 2) {
        const bool dilates = dilated && stage > 1;
        for (int64_t i = 0; i < net->blocks[stage]; i++) {
            const size_t outside = sz_net_enter(n, "layer%d.%lld.", stage + 1, (long long)i);
            const int64_t stride = stage > 0 && i == 0 && !dilates ? 2 : 1;
            x = residual_block(n, x, net->bottleneck, in, width, stride, dilation);
            in = net->bottleneck ? 4 * width : width;
            if (dilates && i == 0) dilation *= 2;
            sz_net_leave(n, outside);
        }
        if (ret_stages) ret_stages[stage] = x;
    }
    return x;
}

void sz_family_resnet(sz_net *n) {
    const int64_t width = sz_net_get(n, "width");
    const sz_value_id x = sz_net_residual(n, image_input(n), width, false, NULL);
    classifier(n, x, (find_residual(n)->bottleneck ? 4 : 1) * 8 * width);
}

// ---- plain nets --------------------------------------------------------------------------------

const sz_net_param sz_family_cnn_params[] = {
    SZ_PARAM_SIZE("image", 32, "height and width"),
    SZ_PARAM_SIZE("in_channels", 3, "channels of the image"),
    SZ_PARAM_SIZE("classes", 10, "outputs of the classifier"),
    {"blocks", 4, 1, 20, NULL, "blocks; each halves the image and doubles the channels"},
    SZ_PARAM_SIZE("channels", 32, "channels of the first block"),
    {"kernel", 3, 1, 99, NULL, "window"},
    SZ_PARAM_WORDS("norm", "batch|none", "normalization after a convolution"),
    SZ_PARAM_WORDS("act", SZ_NET_ACTIVATIONS, "activation"),
    SZ_PARAM_END};

void sz_family_cnn(sz_net *n) {
    int64_t in = sz_net_get(n, "in_channels"), out = sz_net_get(n, "channels");
    sz_value_id x = image_input(n);
    for (int64_t i = 0; i < sz_net_get(n, "blocks") && n->status == SZ_OK; i++) {
        const bool norm = sz_net_is(n, "norm", "batch");
        const sz_net_conv c = {.spatial = 2,
                               .in = in,
                               .out = out,
                               .stride = 1,
                               .kernel = sz_net_get(n, "kernel"),
                               .same = true,
                               .bias = !norm};
        const size_t outside = sz_net_enter(n, "block%lld.", (long long)i);
        x = sz_net_convolution(n, "conv", x, &c);
        if (norm) x = sz_net_batch_norm(n, "norm", x, out);
        x = sz_net_activation(n, "act", "act", x);
        x = sz_net_pool(n, "pool", "MaxPool", x, 2, 2, 2, 0);
        sz_net_leave(n, outside);
        in = out;
        out *= 2;
    }
    classifier(n, x, in);
}

// Simonyan and Zisserman, "Very Deep Convolutional Networks", table 1: convolutions of each of the
// five stages of configurations A, B, D and E.
static const struct {
    int64_t depth, convs[5];
} vggs[] = {
    {11, {1, 1, 2, 2, 2}}, {13, {2, 2, 2, 2, 2}}, {16, {2, 2, 3, 3, 3}}, {19, {2, 2, 4, 4, 4}}};

const sz_net_param sz_family_vgg_params[] = {
    {"depth", 16, 11, 19, NULL, "11, 13, 16 or 19"},
    IMAGE(224),
    SZ_PARAM_SIZE("width", 64, "channels of the first stage"),
    SZ_PARAM_SIZE("hidden", 4096, "units of the two hidden linear layers"),
    SZ_PARAM_END};

static const int64_t *find_vgg(sz_net *n) {
    const int64_t depth = sz_net_get(n, "depth");
    for (size_t i = 0; i < sizeof vggs / sizeof *vggs; i++)
        if (vggs[i].depth == depth) return vggs[i].convs;
    sz_net_fail(n, "depth=%lld is none of 11, 13, 16 and 19", (long long)depth);
    return vggs[0].convs;
}

sz_value_id sz_net_vgg_convs(sz_net *n, sz_value_id x, int64_t convs, int64_t in, int64_t out) {
    for (int64_t i = 0; i < convs; i++) {
        char conv[16], relu[16];
        snprintf(conv, sizeof conv, "conv%d", (int)i);
        snprintf(relu, sizeof relu, "relu%d", (int)i);
        const sz_net_conv c = {.spatial = 2,
                               .in = i ? out : in,
                               .out = out,
                               .kernel = 3,
                               .stride = 1,
                               .pad = 1,
                               .bias = true};
        x = sz_net_unary(n, relu, "Relu", sz_net_convolution(n, conv, x, &c));
    }
    return x;
}

void sz_family_vgg(sz_net *n) {
    const int64_t *convs = find_vgg(n);
    const int64_t width = sz_net_get(n, "width"), hidden = sz_net_get(n, "hidden");
    int64_t in = sz_net_get(n, "in_channels"), out = width, size = sz_net_get(n, "image");
    sz_value_id x = image_input(n);
    for (int stage = 0; stage < 5; stage++, size /= 2) {
        const size_t outside = sz_net_enter(n, "stage%d.", stage);
        x = sz_net_vgg_convs(n, x, convs[stage], in, out);
        x = sz_net_pool(n, "pool", "MaxPool", x, 2, 2, 2, 0);
        sz_net_leave(n, outside);
        in = out;
        if (out < 8 * width) out *= 2;
    }
    if (size < 1) sz_net_fail(n, "image must be at least 32");
    const int64_t flat = sz_net_mul(n, in, sz_net_mul(n, size, size));
    x = sz_net_reshape(n, "flatten", x, SZ_SHAPE(n->batch, flat));
    x = sz_net_linear(n, "fc1", x, flat, hidden, true);
    x = sz_net_linear(n, "fc2", sz_net_unary(n, "relu1", "Relu", x), hidden, hidden, true);
    x = sz_net_unary(n, "relu2", "Relu", x);
    sz_net_output(n, sz_net_linear(n, "fc3", x, hidden, sz_net_get(n, "classes"), true));
}

// ---- u-net -------------------------------------------------------------------------------------

enum { UNET_DEPTH = 8 };

const sz_net_param sz_family_unet_params[] = {
    SZ_PARAM_SIZE("image", 256, "height and width, a multiple of 2^depth"),
    SZ_PARAM_SIZE("in_channels", 3, "channels of the image"),
    SZ_PARAM_SIZE("classes", 2, "channels of the output"),
    SZ_PARAM_SIZE("channels", 64, "channels of the first level"),
    {"depth", 4, 1, UNET_DEPTH, NULL, "times that the image is halved"},
    SZ_PARAM_END};

static sz_value_id double_conv(sz_net *n, sz_value_id x, int64_t in, int64_t out) {
    x = sz_net_unary(n, "relu1", "Relu", conv_norm(n, 1, x, in, out, 3, 1));
    return sz_net_unary(n, "relu2", "Relu", conv_norm(n, 2, x, out, out, 3, 1));
}

static sz_value_id up_level(sz_net *n, sz_value_id x, sz_value_id skip, int64_t width) {
    const sz_net_conv up = {.spatial = 2,
                            .in = 2 * width,
                            .out = width,
                            .kernel = 2,
                            .stride = 2,
                            .transposed = true,
                            .bias = true};
    x = sz_net_convolution(n, "up", x, &up);
    x = sz_net_node(n, &(sz_net_op){.name = "concat",
                                    .op = "Concat",
                                    .n_inputs = 2,
                                    .inputs = {x, skip},
                                    .n_attrs = 1,
                                    .attrs = {sz_net_int("axis", 1)}});
    return double_conv(n, x, 2 * width, width);
}

void sz_family_unet(sz_net *n) {
    const int64_t depth = sz_net_get(n, "depth"), channels = sz_net_get(n, "channels");
    sz_value_id skips[UNET_DEPTH], x = image_input(n);
    int64_t in = sz_net_get(n, "in_channels");
    if (sz_net_get(n, "image") % (1 << depth))
        sz_net_fail(n, "image must be a multiple of %d, since depth=%d", 1 << depth, (int)depth);
    for (int64_t i = 0; i <= depth; i++) {
        const size_t outside = sz_net_enter(n, "down%lld.", (long long)i);
        if (i) x = sz_net_pool(n, "pool", "MaxPool", x, 2, 2, 2, 0);
        x = double_conv(n, x, in, channels << i);
        if (i < depth) skips[i] = x;
        in = channels << i;
        sz_net_leave(n, outside);
    }
    for (int64_t i = depth - 1; i >= 0; i--) {
        const size_t outside = sz_net_enter(n, "up%lld.", (long long)i);
        x = up_level(n, x, skips[i], channels << i);
        sz_net_leave(n, outside);
    }
    const sz_net_conv head = {.spatial = 2,
                              .in = channels,
                              .out = sz_net_get(n, "classes"),
                              .kernel = 1,
                              .stride = 1,
                              .bias = true};
    sz_net_output(n, sz_net_convolution(n, "head", x, &head));
}

// ---- volumes -----------------------------------------------------------------------------------

// Mathuriya et al., "CosmoFlow: Using Deep Learning to Learn the Universe at Scale", in the form of
// the MLPerf HPC benchmark: five convolutions with windows of 2, each halved by pooling.
const sz_net_param sz_family_cosmoflow_params[] = {
    SZ_PARAM_SIZE("size", 128, "length of each side of the volume"),
    SZ_PARAM_SIZE("in_channels", 4, "channels of the volume"),
    SZ_PARAM_SIZE("channels", 32, "channels of the first convolution, doubled by each"),
    {"blocks", 5, 1, 10, NULL, "convolutions, each with a pooling"},
    {"kernel", 2, 1, 15, NULL, "window"},
    SZ_PARAM_SIZE("outputs", 4, "parameters to find"),
    SZ_PARAM_END};

static sz_value_id leaky(sz_net *n, const char *name, sz_value_id x) {
    return sz_net_node(n, &(sz_net_op){.name = name,
                                       .op = "LeakyRelu",
                                       .n_inputs = 1,
                                       .inputs = {x},
                                       .n_attrs = 1,
                                       .attrs = {sz_net_float("alpha", 0.3)}});
}

void sz_family_cosmoflow(sz_net *n) {
    int64_t size = sz_net_get(n, "size"), in = sz_net_get(n, "in_channels");
    int64_t out = sz_net_get(n, "channels");
    sz_value_id x = sz_net_input(n, "volume", n->dtype, SZ_SHAPE(n->batch, in, size, size, size));
    for (int64_t i = 0; i < sz_net_get(n, "blocks") && n->status == SZ_OK; i++, size /= 2) {
        const sz_net_conv c = {.spatial = 3,
                               .in = in,
                               .out = out,
                               .stride = 1,
                               .kernel = sz_net_get(n, "kernel"),
                               .same = true,
                               .bias = true};
        const size_t outside = sz_net_enter(n, "block%lld.", (long long)i);
        x = leaky(n, "act", sz_net_convolution(n, "conv", x, &c));
        x = sz_net_pool(n, "pool", "MaxPool", x, 3, 2, 2, 0);
        sz_net_leave(n, outside);
        in = out;
        out *= 2;
    }
    if (size < 1) sz_net_fail(n, "size is too small for so many blocks, each of which halves it");
    const int64_t flat = sz_net_mul(n, sz_net_mul(n, in, size), sz_net_mul(n, size, size));
    x = sz_net_reshape(n, "flatten", x, SZ_SHAPE(n->batch, flat));
    x = leaky(n, "act1", sz_net_linear(n, "fc1", x, flat, 128, true));
    x = leaky(n, "act2", sz_net_linear(n, "fc2", x, 128, 64, true));
    sz_net_output(n, sz_net_linear(n, "fc3", x, 64, sz_net_get(n, "outputs"), true));
}
