// SPDX-License-Identifier: Apache-2.0
// Layers that several families share.
#include "model/nets/build.h"

#include <stdio.h>

// "fc" + ".weight"; families give short names.
enum { NAME = 96 };
static const char *join(char buf[NAME], const char *name, const char *tail) {
    snprintf(buf, NAME, "%.60s%s", name, tail);
    return buf;
}

sz_value_id sz_net_activation(sz_net *n, const char *name, const char *param, sz_value_id x) {
    static const struct {
        const char *word, *op;
    } rows[] = {{"relu", "Relu"}, {"gelu", "Gelu"}, {"silu", "Swish"}, {"tanh", "Tanh"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_net_is(n, param, rows[i].word)) return sz_net_unary(n, name, rows[i].op, x);
    return x;
}

sz_value_id sz_net_linear(sz_net *n, const char *name, sz_value_id x, int64_t in, int64_t out,
                          bool bias) {
    char buf[NAME];
    const sz_value_id w = sz_net_weight(n, join(buf, name, ".weight"), SZ_SHAPE(in, out));
    const sz_value_id y = sz_net_binary(n, name, "MatMul", x, w);
    if (!bias) return y;
    const sz_value_id b = sz_net_weight(n, join(buf, name, ".bias"), SZ_SHAPE(out));
    return sz_net_binary(n, join(buf, name, ".add"), "Add", y, b);
}

sz_value_id sz_net_reshape(sz_net *n, const char *name, sz_value_id x, int32_t rank,
                           const int64_t *dims) {
    char buf[NAME];
    const sz_value_id shape = sz_net_ints(n, join(buf, name, ".shape"), rank, dims);
    return sz_net_binary(n, name, "Reshape", x, shape);
}

sz_value_id sz_net_transpose(sz_net *n, const char *name, sz_value_id x, int32_t rank,
                             const int64_t *order) {
    return sz_net_node(n, &(sz_net_op){.name = name,
                                       .op = "Transpose",
                                       .n_inputs = 1,
                                       .inputs = {x},
                                       .n_attrs = 1,
                                       .attrs = {sz_net_list("perm", rank, order)}});
}

sz_value_id sz_net_embedding(sz_net *n, const char *name, sz_value_id ids, int64_t rows,
                             int64_t width) {
    char buf[NAME];
    const sz_value_id table = sz_net_weight(n, join(buf, name, ".weight"), SZ_SHAPE(rows, width));
    return sz_net_binary(n, name, "Gather", table, ids);
}

// ---- norms -------------------------------------------------------------------------------------

sz_value_id sz_net_layer_norm(sz_net *n, const char *name, sz_value_id x, int64_t width) {
    char buf[NAME];
    const sz_value_id w = sz_net_weight(n, join(buf, name, ".weight"), SZ_SHAPE(width));
    const sz_value_id b = sz_net_weight(n, join(buf, name, ".bias"), SZ_SHAPE(width));
    return sz_net_node(n, &(sz_net_op){.name = name,
                                       .op = "LayerNormalization",
                                       .n_inputs = 3,
                                       .inputs = {x, w, b},
                                       .n_attrs = 1,
                                       .attrs = {sz_net_int("axis", -1)}});
}

sz_value_id sz_net_rms_norm(sz_net *n, const char *name, sz_value_id x, int64_t width) {
    char buf[NAME];
    const sz_value_id w = sz_net_weight(n, join(buf, name, ".weight"), SZ_SHAPE(width));
    return sz_net_node(n, &(sz_net_op){.name = name,
                                       .op = "RMSNormalization",
                                       .n_inputs = 2,
                                       .inputs = {x, w},
                                       .n_attrs = 1,
                                       .attrs = {sz_net_int("axis", -1)}});
}

sz_value_id sz_net_batch_norm(sz_net *n, const char *name, sz_value_id x, int64_t channels) {
    static const char *const parts[] = {".weight", ".bias", ".running_mean", ".running_var"};
    sz_net_op op = {.name = name, .op = "BatchNormalization", .n_inputs = 5, .inputs = {x}};
    char buf[NAME];
    for (int i = 0; i < 4; i++)
        op.inputs[i + 1] = sz_net_weight(n, join(buf, name, parts[i]), SZ_SHAPE(channels));
    return sz_net_node(n, &op);
}

// ---- windows -----------------------------------------------------------------------------------

static void fill(int64_t *to, int32_t count, int64_t value) {
    for (int32_t i = 0; i < count; i++) to[i] = value;
}

static sz_net_window window_of(const sz_net_conv *c) {
    sz_net_window w;
    if (c->axes) return *c->axes;
    fill(w.kernel, SZ_NET_SPATIAL, c->kernel);
    fill(w.stride, SZ_NET_SPATIAL, c->stride);
    fill(w.pad, SZ_NET_SPATIAL, c->pad);
    fill(w.dilation, SZ_NET_SPATIAL, c->dilation ? c->dilation : 1);
    return w;
}

// As many at the end of an axis as at its begin.
static sz_attr pads_of(const sz_net_window *w, int32_t spatial, int64_t both[2 * SZ_NET_SPATIAL]) {
    for (int32_t d = 0; d < spatial; d++) both[d] = both[spatial + d] = w->pad[d];
    return sz_net_list("pads", 2 * spatial, both);
}

static sz_value_id conv_weight(sz_net *n, const char *name, const sz_net_conv *c,
                               const sz_net_window *w) {
    char buf[NAME];
    int64_t dims[2 + SZ_NET_SPATIAL];
    dims[0] = c->transposed ? c->in : c->out;
    dims[1] = (c->transposed ? c->out : c->in) / (c->groups ? c->groups : 1);
    for (int32_t d = 0; d < c->spatial; d++) dims[2 + d] = w->kernel[d];
    return sz_net_weight(n, join(buf, name, ".weight"), 2 + c->spatial, dims);
}

sz_value_id sz_net_convolution(sz_net *n, const char *name, sz_value_id x, const sz_net_conv *c) {
    int64_t pads[2 * SZ_NET_SPATIAL];
    const int64_t groups = c->groups ? c->groups : 1;
    const sz_net_window w = window_of(c);
    char buf[NAME];
    if (c->in % groups || c->out % groups)
        sz_net_fail(n, "groups=%lld must divide the channels, %lld and %lld", (long long)groups,
                    (long long)c->in, (long long)c->out);
    if (n->status != SZ_OK) return SZ_NONE;
    sz_net_op op = {.name = name,
                    .op = c->transposed ? "ConvTranspose" : "Conv",
                    .n_inputs = 2,
                    .inputs = {x, conv_weight(n, name, c, &w)},
                    .n_attrs = 5,
                    .attrs = {sz_net_list("kernel_shape", c->spatial, w.kernel),
                              sz_net_list("strides", c->spatial, w.stride),
                              sz_net_list("dilations", c->spatial, w.dilation),
                              sz_net_int("group", groups),
                              c->same ? sz_net_text("auto_pad", "SAME_UPPER")
                                      : pads_of(&w, c->spatial, pads)}};
    if (c->bias)
        op.inputs[op.n_inputs++] = sz_net_weight(n, join(buf, name, ".bias"), SZ_SHAPE(c->out));
    return sz_net_node(n, &op);
}

sz_value_id sz_net_pool_window(sz_net *n, const char *name, const char *op, sz_value_id x,
                               int32_t spatial, const sz_net_window *w) {
    int64_t pads[2 * SZ_NET_SPATIAL];
    return sz_net_node(n, &(sz_net_op){.name = name,
                                       .op = op,
                                       .n_inputs = 1,
                                       .inputs = {x},
                                       .n_attrs = 3,
                                       .attrs = {sz_net_list("kernel_shape", spatial, w->kernel),
                                                 sz_net_list("strides", spatial, w->stride),
                                                 pads_of(w, spatial, pads)}});
}

sz_value_id sz_net_pool(sz_net *n, const char *name, const char *op, sz_value_id x, int32_t spatial,
                        int64_t kernel, int64_t stride, int64_t pad) {
    const sz_net_window w = window_of(
        &(sz_net_conv){.kernel = kernel, .stride = stride, .pad = pad});
    return sz_net_pool_window(n, name, op, x, spatial, &w);
}

// ---- attention ---------------------------------------------------------------------------------

sz_value_id sz_net_split_heads(sz_net *n, const char *name, sz_value_id x, const sz_net_heads *h) {
    char buf[NAME];
    x = sz_net_linear(n, name, x, h->in, h->heads * h->head_dim, h->bias);
    x = sz_net_reshape(n, join(buf, name, ".heads"), x,
                       SZ_SHAPE(n->batch, h->tokens, h->heads, h->head_dim));
    return sz_net_transpose(n, join(buf, name, ".turn"), x, SZ_SHAPE(0, 2, 1, 3));
}

// K heads become H: each is read by H / K query heads, as a view that broadcasts.
static sz_value_id grouped(sz_net *n, const char *name, sz_value_id x, const sz_net_attention *a) {
    char buf[NAME];
    const int64_t group = a->heads / a->kv_heads, d = a->head_dim, t = a->keys, b = a->batch;
    if (group == 1) return x;
    x = sz_net_reshape(n, join(buf, name, ".split"), x, SZ_SHAPE(b, a->kv_heads, 1, t, d));
    const sz_value_id shape = sz_net_ints(n, join(buf, name, ".sizes"),
                                          SZ_SHAPE(b, a->kv_heads, group, t, d));
    x = sz_net_binary(n, join(buf, name, ".repeat"), "Expand", x, shape);
    return sz_net_reshape(n, join(buf, name, ".merge"), x, SZ_SHAPE(b, a->heads, t, d));
}

// Query s sees the keys 0 ... s + T - S: those before it and itself.
static void make_mask(sz_net *n, const sz_net_attention *a) {
    char prefix[SZ_NET_PREFIX];
    memcpy(prefix, n->prefix, sizeof prefix);
    n->prefix[0] = '\0';
    const sz_value_id rows = sz_net_range(n, "mask.rows", a->keys - a->queries,
                                          SZ_SHAPE(a->queries, 1));
    const sz_value_id columns = sz_net_range(n, "mask.columns", 0, SZ_SHAPE(1, a->keys));
    n->mask = sz_net_binary(n, "mask", "GreaterOrEqual", rows, columns);
    n->below = sz_net_number(n, "mask.below", -1000000000);
    memcpy(n->prefix, prefix, sizeof prefix);
}

sz_value_id sz_net_attend(sz_net *n, sz_value_id q, sz_value_id k, sz_value_id v,
                          const sz_net_attention *a) {
    if (a->heads % a->kv_heads)
        sz_net_fail(n, "kv_heads=%lld must divide heads=%lld", (long long)a->kv_heads,
                    (long long)a->heads);
    if (a->causal && a->keys < a->queries)
        sz_net_fail(n, "causal attention needs as many keys as queries: %lld and %lld",
                    (long long)a->keys, (long long)a->queries);
    if (n->status != SZ_OK) return SZ_NONE;
    k = sz_net_transpose(n, "k_t", grouped(n, "k", k, a), SZ_SHAPE(0, 1, 3, 2));
    sz_value_id x = sz_net_binary(n, "scores", "MatMul", q, k);
    const sz_value_id size = sz_net_number(n, "head_dim", a->head_dim);
    x = sz_net_binary(n, "scale", "Div", x, sz_net_unary(n, "head_dim.sqrt", "Sqrt", size));
    if (a->causal) {
        if (n->mask == SZ_NONE) make_mask(n, a);
        x = sz_net_node(n, &(sz_net_op){.name = "masked",
                                        .op = "Where",
                                        .n_inputs = 3,
                                        .inputs = {n->mask, x, n->below}});
    }
    x = sz_net_node(n, &(sz_net_op){.name = "softmax",
                                    .op = "Softmax",
                                    .n_inputs = 1,
                                    .inputs = {x},
                                    .n_attrs = 1,
                                    .attrs = {sz_net_int("axis", -1)}});
    return sz_net_binary(n, "context", "MatMul", x, grouped(n, "v", v, a));
}
