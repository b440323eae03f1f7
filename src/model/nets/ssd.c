// SPDX-License-Identifier: Apache-2.0
// Liu et al., "SSD: Single Shot MultiBox Detector", with six maps over VGG-16 as torchvision's
// ssd300_vgg16 has it. What chooses among the boxes (softmax, suppression) is not part of it.
#include "model/nets/images.h"

#include <stdio.h>

enum { MAPS = 6, BOX = 4 };

const sz_net_param sz_family_ssd_params[] = {
    SZ_PARAM_SIZE("image", 300, "height and width"),
    SZ_PARAM_SIZE("in_channels", 3, "channels of the image"),
    SZ_PARAM_SIZE("classes", 91, "kinds of things, with that of nothing"),
    SZ_PARAM_SIZE("width", 64, "channels of the first stage"), SZ_PARAM_END};

typedef struct map {
    sz_value_id x;
    int64_t channels, size;
} map;

static sz_value_id conv(sz_net *n, const char *name, sz_value_id x, const sz_net_conv *c) {
    char relu[32];
    snprintf(relu, sizeof relu, "%s.relu", name);
    return sz_net_unary(n, relu, "Relu", sz_net_convolution(n, name, x, c));
}

// Halved with the last line kept: 75 becomes 38.
static sz_value_id pool_up(sz_net *n, sz_value_id x) {
    return sz_net_node(n, &(sz_net_op){.name = "pool",
                                       .op = "MaxPool",
                                       .n_inputs = 1,
                                       .inputs = {x},
                                       .n_attrs = 3,
                                       .attrs = {sz_net_list("kernel_shape", SZ_SHAPE(2, 2)),
                                                 sz_net_list("strides", SZ_SHAPE(2, 2)),
                                                 sz_net_int("ceil_mode", 1)}});
}

// Numbers of each place divided by their length, then a factor for each channel.
static sz_value_id rescaled(sz_net *n, sz_value_id x, int64_t channels) {
    const sz_value_id axes = sz_net_ints(n, "norm.axes", SZ_SHAPE(1));
    const sz_value_id length = sz_net_binary(n, "norm.length", "ReduceL2", x, axes);
    const sz_value_id scale = sz_net_weight(n, "norm.scale", SZ_SHAPE(channels, 1, 1));
    return sz_net_binary(n, "norm.scaled", "Mul", sz_net_binary(n, "norm", "Div", x, length),
                         scale);
}

// Up to the fifth stage; the first map is the end of the fourth.
static map base(sz_net *n, int64_t width, map *ret_first) {
    static const int64_t convs[] = {2, 2, 3, 3, 3};
    map m = {sz_net_image(n), sz_net_get(n, "in_channels"), sz_net_get(n, "image")};
    for (int stage = 0; stage < 5; stage++) {
        const int64_t out = sz_net_mul(n, width, stage < 3 ? 1 << stage : 8);
        const size_t outside = sz_net_enter(n, "stage%d.", stage);
        m.x = sz_net_vgg_convs(n, m.x, convs[stage], m.channels, out);
        m.channels = out;
        if (stage == 3) *ret_first = (map){rescaled(n, m.x, out), out, m.size};
        if (stage == 2)
            m.x = pool_up(n, m.x);
        else if (stage < 4)
            m.x = sz_net_pool(n, "pool", "MaxPool", m.x, 2, 2, 2, 0);
        else
            m.x = sz_net_pool(n, "pool", "MaxPool", m.x, 2, 3, 1, 1);
        if (stage < 4) m.size = (m.size + (stage == 2)) / 2;
        sz_net_leave(n, outside);
    }
    return m;
}

// Two convolutions in place of VGG's linear layers; their windows are spread.
static map wide_layers(sz_net *n, map m, int64_t width) {
    const int64_t out = sz_net_mul(n, width, 16);
    const sz_net_conv spread = {.spatial = 2,
                                .in = m.channels,
                                .out = out,
                                .kernel = 3,
                                .stride = 1,
                                .pad = 6,
                                .dilation = 6,
                                .bias = true};
    const sz_net_conv point = {
        .spatial = 2, .in = out, .out = out, .kernel = 1, .stride = 1, .bias = true};
    m.x = conv(n, "fc6", m.x, &spread);
    return (map){conv(n, "fc7", m.x, &point), out, m.size};
}

// A smaller map: halved, or without its border.
static map smaller(sz_net *n, int i, map m, int64_t middle, int64_t out, bool halves) {
    const size_t outside = sz_net_enter(n, "extra%d.", i);
    const sz_net_conv point = {
        .spatial = 2, .in = m.channels, .out = middle, .kernel = 1, .stride = 1, .bias = true};
    const sz_net_conv window = {.spatial = 2,
                                .in = middle,
                                .out = out,
                                .kernel = 3,
                                .stride = halves ? 2 : 1,
                                .pad = halves,
                                .bias = true};
    m.x = conv(n, "conv0", m.x, &point);
    m.x = conv(n, "conv1", m.x, &window);
    sz_net_leave(n, outside);
    return (map){m.x, out, halves ? (m.size - 1) / 2 + 1 : m.size - 2};
}

// `each` numbers for each box of each place: [batch, boxes, each].
static sz_value_id head(sz_net *n, const char *name, const map *m, int64_t boxes, int64_t each) {
    char turned[48], flat[48];
    const sz_net_conv c = {.spatial = 2,
                           .in = m->channels,
                           .out = sz_net_mul(n, boxes, each),
                           .kernel = 3,
                           .stride = 1,
                           .pad = 1,
                           .bias = true};
    snprintf(turned, sizeof turned, "%s.turned", name);
    snprintf(flat, sizeof flat, "%s.flat", name);
    sz_value_id x = sz_net_convolution(n, name, m->x, &c);
    x = sz_net_transpose(n, turned, x, SZ_SHAPE(0, 2, 3, 1));
    const int64_t all = sz_net_mul(n, boxes, sz_net_mul(n, m->size, m->size));
    return sz_net_reshape(n, flat, x, SZ_SHAPE(n->batch, all, each));
}

static void heads(sz_net *n, const char *name, const map maps[MAPS], int64_t each) {
    static const int64_t boxes[MAPS] = {4, 6, 6, 6, 4, 4};
    sz_net_op all = {.name = name,
                     .op = "Concat",
                     .n_inputs = MAPS,
                     .n_attrs = 1,
                     .attrs = {sz_net_int("axis", 1)}};
    for (int i = 0; i < MAPS; i++) {
        char one[32];
        snprintf(one, sizeof one, "%s%d", name, i);
        all.inputs[i] = head(n, one, &maps[i], boxes[i], each);
    }
    sz_net_output(n, sz_net_node(n, &all));
}

void sz_family_ssd(sz_net *n) {
    const int64_t width = sz_net_get(n, "width");
    map maps[MAPS];
    if (sz_net_get(n, "image") < 268) {
        sz_net_fail(n, "image is too small for six maps: at least 268");
        return;
    }
    maps[1] = wide_layers(n, base(n, width, &maps[0]), width);
    maps[2] = smaller(n, 0, maps[1], 4 * width, 8 * width, true);
    maps[3] = smaller(n, 1, maps[2], 2 * width, 4 * width, true);
    maps[4] = smaller(n, 2, maps[3], 2 * width, 4 * width, false);
    maps[5] = smaller(n, 3, maps[4], 2 * width, 4 * width, false);
    heads(n, "boxes", maps, BOX);
    heads(n, "classes", maps, sz_net_get(n, "classes"));
}
