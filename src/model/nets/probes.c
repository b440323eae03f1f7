// SPDX-License-Identifier: Apache-2.0
// Random convolutional nets, by seed: small, with the layers that nets for images use, in sizes
// that none of them has. A library is calibrated on these and judged on others.
#include "base/knuth.h"
#include "model/nets/families.h"

#include <stdio.h>

const sz_net_param sz_family_probe_params[] = {
    {"seed", 1, 0, 1000000000, NULL, "which net"},
    {"steps", 14, 1, 200, NULL, "layers"},
    SZ_PARAM_SIZE("work", 300, "most million multiply-adds of a layer and sample"),
    SZ_PARAM_END};

typedef struct probe {
    sz_net *n;
    uint64_t random;
    sz_value_id x;
    int64_t channels, size, work;
} probe;

static int64_t below(probe *p, int64_t n) {
    return (int64_t)((sz_knuth(&p->random) >> 33) % (uint64_t)n);
}
static bool in_percent(probe *p, int64_t percent) { return below(p, 100) < percent; }

static int64_t one_of(probe *p, const int64_t *sizes, int64_t n) { return sizes[below(p, n)]; }
#define ONE_OF(p, ...)                                                                             \
    one_of(p, (const int64_t[]){__VA_ARGS__},                                                      \
           (int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))

static const int64_t channels_of_nets[] = {
    8,   16,  24,  32,  40,  48,  64,  72,  80,  96,  112, 128,  144,  160,  192,  224,
    240, 256, 320, 384, 480, 512, 576, 640, 672, 768, 960, 1024, 1152, 1280, 1536, 2048};
enum { SIZES = sizeof channels_of_nets / sizeof *channels_of_nets };

// At a height and width nets have about as many channels as make 3,584 of the product (64 at 56 up
// to 512 at 7, as in He et al. 2016), a quarter of them or four times as many. Of those the ones
// that keep a layer within its work, or the most that do.
static int64_t random_channels(probe *p, int64_t size, int64_t work_per_channel) {
    const int64_t middle = 3584 / (size > 0 ? size : 1), most = p->work * 1000000;
    int64_t first = SIZES, n = 0, largest = channels_of_nets[0];
    for (int64_t i = 0; i < SIZES; i++) {
        const int64_t c = channels_of_nets[i];
        if (c * work_per_channel > most) break;
        largest = c;
        if (4 * c < middle || c > 4 * middle) continue;
        if (n++ == 0) first = i;
    }
    return n > 0 ? channels_of_nets[first + below(p, n)] : largest;
}

// ---- layers ------------------------------------------------------------------------------------

static void activate(probe *p) {
    const int64_t which = below(p, 100);
    if (which < 60) {
        p->x = sz_net_unary(p->n, "relu", "Relu", p->x);
    } else if (which < 75) {
        const sz_value_id s = sz_net_unary(p->n, "sigmoid", "Sigmoid", p->x);
        p->x = sz_net_binary(p->n, "silu", "Mul", p->x, s);
    } else if (which < 85) {
        p->x = sz_net_unary(p->n, "hardswish", "HardSwish", p->x);
    }
}

static void convolve(probe *p, int64_t kernel, int64_t stride, int64_t out, int64_t groups) {
    const sz_net_conv c = {.spatial = 2,
                           .in = p->channels,
                           .out = out,
                           .kernel = kernel,
                           .stride = stride,
                           .pad = kernel / 2,
                           .groups = groups};
    p->x = sz_net_convolution(p->n, "conv", p->x, &c);
    p->channels = out;
    p->size = (p->size + 2 * (kernel / 2) - kernel) / stride + 1;
    if (in_percent(p, 80)) p->x = sz_net_batch_norm(p->n, "bn", p->x, out);
}

// Sometimes a shortcut around one layer, where nothing changed its shape.
static void finish_layer(probe *p, sz_value_id before, int64_t channels, int64_t size) {
    const bool fits = channels == p->channels && size == p->size;
    if (fits && in_percent(p, 15)) p->x = sz_net_binary(p->n, "add", "Add", p->x, before);
    activate(p);
}

static int64_t random_stride(probe *p) { return p->size >= 14 && in_percent(p, 20) ? 2 : 1; }

// One of a single place has no stride: libraries give it to the layer before.
static void dense_layer(probe *p, int64_t kernel) {
    const int64_t stride = kernel > 1 ? random_stride(p) : 1;
    int64_t out = in_percent(p, 35) ? p->channels : 0;
    const int64_t size = p->size / stride;
    if (!out || out * out * kernel * kernel * size * size > p->work * 1000000)
        out = random_channels(p, size, p->channels * kernel * kernel * size * size);
    convolve(p, kernel, stride, out, 1);
}

static void depthwise_layer(probe *p) {
    convolve(p, ONE_OF(p, 3, 3, 5, 7), random_stride(p), p->channels, p->channels);
}

static void grouped_layer(probe *p) {
    const int64_t groups = ONE_OF(p, 2, 4, 8, 32);
    const bool fits = p->channels % groups == 0 && p->channels / groups >= 2;
    convolve(p, 3, 1, p->channels, fits ? groups : p->channels);
}

static void pooling_layer(probe *p) {
    const bool is_max = in_percent(p, 60);
    const int64_t stride = in_percent(p, 70) ? 2 : 1;
    p->x = sz_net_pool(p->n, "pool", is_max ? "MaxPool" : "AveragePool", p->x, 2, 3, stride, 1);
    p->size = (p->size + 2 - 3) / stride + 1;
}

// A gate per channel (Hu et al. 2018).
static void gate_layer(probe *p) {
    const int64_t inner = p->channels >= 32 ? p->channels / 4 : 8;
    const sz_net_conv down = {
        .spatial = 2, .in = p->channels, .out = inner, .kernel = 1, .stride = 1, .bias = true};
    const sz_net_conv up = {
        .spatial = 2, .in = inner, .out = p->channels, .kernel = 1, .stride = 1, .bias = true};
    sz_value_id g = sz_net_unary(p->n, "squeeze", "GlobalAveragePool", p->x);
    g = sz_net_convolution(p->n, "reduce", g, &down);
    g = sz_net_unary(p->n, "gate.relu", "Relu", g);
    g = sz_net_convolution(p->n, "expand", g, &up);
    g = sz_net_unary(p->n, "gate.sigmoid", "Sigmoid", g);
    p->x = sz_net_binary(p->n, "gate", "Mul", p->x, g);
}

// Twice the size with learned weights, and joined with something of the same size, as in decoders.
static bool growing_layer(probe *p) {
    const int64_t out = p->channels / 2 >= 8 ? p->channels / 2 : 8, size = 2 * p->size;
    if (size > 112 || out * p->channels * 4 * p->size * p->size > p->work * 1000000) return false;
    const sz_net_conv c = {
        .spatial = 2, .in = p->channels, .out = out, .kernel = 2, .stride = 2, .transposed = true};
    const sz_value_id grown = sz_net_convolution(p->n, "up", p->x, &c);
    const sz_value_id skip = sz_net_unary(p->n, "skip", "Relu", grown);
    p->x = sz_net_node(p->n, &(sz_net_op){.name = "concat",
                                          .op = "Concat",
                                          .n_inputs = 2,
                                          .inputs = {grown, skip},
                                          .n_attrs = 1,
                                          .attrs = {sz_net_int("axis", 1)}});
    p->channels = 2 * out, p->size = size;
    return true;
}

// A convolution of a block, with its activation; the one before the sum has none.
static void block_layer(probe *p, const char *name, int64_t kernel, int64_t stride, int64_t out,
                        int64_t groups, bool is_last) {
    const size_t outside = sz_net_enter(p->n, "%s.", name);
    convolve(p, kernel, stride, out, groups);
    if (!is_last) activate(p);
    sz_net_leave(p->n, outside);
}

// Several layers with a shortcut around them: two alike, narrow in the middle (He et al. 2016), or
// wide there and by channel (Sandler et al. 2018). Libraries add in place where the shortcut's
// numbers are not what the last convolution reads. A third of them halve height and width, with a
// convolution on the shortcut.
static void block(probe *p) {
    const sz_value_id before = p->x;
    const int64_t which = below(p, 3), in = p->channels, size_in = p->size;
    const int64_t stride = p->size >= 14 && in_percent(p, 33) ? 2 : 1;
    const int64_t size = p->size / stride, area = size * size;
    const int64_t out = stride == 1 ? in : random_channels(p, size, 9 * in * area);
    const int64_t per_channel = area * (which == 2 ? out : 9 * out);
    int64_t middle = which == 0 ? out : which == 1 ? out / 4 : 4 * in;
    while (middle > 8 && middle * per_channel > p->work * 1000000) middle /= 2;
    if (middle < 8) middle = 8;
    if (which == 0) {
        block_layer(p, "part1", 3, stride, middle, 1, false);
        block_layer(p, "part3", 3, 1, out, 1, true);
    } else {
        block_layer(p, "part1", 1, 1, middle, 1, false);
        block_layer(p, "part2", 3, stride, middle, which == 2 ? middle : 1, false);
        block_layer(p, "part3", 1, 1, out, 1, true);
    }
    const sz_value_id inner = p->x;
    p->x = before;
    if (stride > 1) {
        const int64_t small = p->size;
        p->channels = in, p->size = size_in;
        block_layer(p, "shortcut", 1, stride, out, 1, true);
        p->size = small;
    }
    p->x = sz_net_binary(p->n, "add", "Add", inner, p->x);
    activate(p);
}

static void layer(probe *p) {
    const sz_value_id before = p->x;
    const int64_t channels = p->channels, size = p->size, which = below(p, 100);
    if (which < 16 && p->channels >= 8) {
        block(p);
        return;
    }
    if (which < 42)
        dense_layer(p, 3);
    else if (which < 66)
        dense_layer(p, 1);
    else if (which < 78)
        depthwise_layer(p);
    else if (which < 82)
        dense_layer(p, ONE_OF(p, 5, 7));
    else if (which < 86)
        grouped_layer(p);
    else if (which < 92 && p->size >= 7)
        pooling_layer(p);
    else if (which < 96)
        gate_layer(p);
    else if (!growing_layer(p))
        dense_layer(p, 3);
    finish_layer(p, before, channels, size);
}

void sz_family_probe(sz_net *n) {
    probe p = {.n = n, .random = (uint64_t)sz_net_get(n, "seed") * 2654435761u + 1};
    p.work = sz_net_get(n, "work");
    for (int i = 0; i < 4; i++) (void)below(&p, 2); // the first numbers of near seeds are alike
    p.size = ONE_OF(&p, 7, 8, 14, 16, 20, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 224);
    p.channels = p.size > 100 ? 3 : random_channels(&p, p.size, 1);
    p.x = sz_net_input(n, "image", n->dtype, SZ_SHAPE(n->batch, p.channels, p.size, p.size));
    const int64_t steps = sz_net_get(n, "steps");
    for (int64_t i = 0; i < steps && n->status == SZ_OK; i++) {
        const size_t outside = sz_net_enter(n, "layer%lld.", (long long)i);
        layer(&p);
        sz_net_leave(n, outside);
    }
    p.x = sz_net_unary(n, "mean", "GlobalAveragePool", p.x);
    p.x = sz_net_reshape(n, "flatten", p.x, SZ_SHAPE(n->batch, p.channels));
    sz_net_output(n, sz_net_linear(n, "fc", p.x, p.channels, ONE_OF(&p, 10, 100, 1000), true));
}
