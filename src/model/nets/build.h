// SPDX-License-Identifier: Apache-2.0
// What a family builds its graph with. The first failure sticks: after it every call does nothing
// and gives SZ_NONE, so families have no checks of their own. Never two calls that build in the
// arguments of one: C leaves their order open.
//
// Names: a prefix ("layer1.0.") goes before every name of a node or weight. A weight is called
// prefix + name, the output of a node as the node.
#ifndef SZ_NETS_BUILD_H
#define SZ_NETS_BUILD_H

#include "model/nets/nets.h"

enum { SZ_NET_PREFIX = 160, SZ_NET_PARAMS = 40, SZ_NET_NUMBERS = 8 };

struct sz_net {
    sz_ctx *ctx;
    sz_graph *graph;
    sz_status status;
    const sz_net_family *family;
    int64_t values[SZ_NET_PARAMS];
    sz_str given[SZ_NET_PARAMS]; // as it was written, empty where it was not
    sz_dtype dtype;
    int64_t batch;
    char prefix[SZ_NET_PREFIX];
    sz_value_id mask, below; // of causal attention, made once; SZ_NONE = not yet
};

// Value of a parameter; a name that the family has not is a bug (SZ_ERR_INTERNAL).
int64_t sz_net_get(sz_net *n, const char *name);
// The word given for a parameter of words is `word`.
bool sz_net_is(sz_net *n, const char *name, const char *word);
// The numbers of a parameter of numbers; how many there are.
int32_t sz_net_list_of(sz_net *n, const char *name, int64_t ret[SZ_NET_NUMBERS]);
// One for each of `count` axes: a single number is that of all.
void sz_net_axes(sz_net *n, const char *name, int32_t count, int64_t *ret);
// Fail with a sentence about the parameters (SZ_ERR_USAGE); only the first is kept.
void sz_net_fail(sz_net *n, const char *fmt, ...) SZ_PRINTF(2, 3);

// Product of sizes; one that exceeds 2^63 fails, and is 1.
int64_t sz_net_mul(sz_net *n, int64_t a, int64_t b);

// Append to the prefix; returns its length before, for sz_net_leave.
size_t sz_net_enter(sz_net *n, const char *fmt, ...) SZ_PRINTF(2, 3);
void sz_net_leave(sz_net *n, size_t length);

// Rank and dims of a shape as two arguments.
#define SZ_SHAPE(...)                                                                              \
    (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) { __VA_ARGS__ }

sz_value_id sz_net_input(sz_net *n, const char *name, sz_dtype dtype, int32_t rank,
                         const int64_t *dims);
void sz_net_output(sz_net *n, sz_value_id value);
// A constant of which only the type is known, in the dtype of the net.
sz_value_id sz_net_weight(sz_net *n, const char *name, int32_t rank, const int64_t *dims);
sz_value_id sz_net_weight_of(sz_net *n, const char *name, sz_dtype dtype, int32_t rank,
                             const int64_t *dims);
// int64 numbers: a vector.
sz_value_id sz_net_ints(sz_net *n, const char *name, int32_t count, const int64_t *values);
// A whole number as a scalar in the dtype of the net: an int64 constant and a Cast, so that it does
// not count as a parameter.
sz_value_id sz_net_number(sz_net *n, const char *name, int64_t value);
// first, first + 1, ... as int64 with the given dims.
sz_value_id sz_net_range(sz_net *n, const char *name, int64_t first, int32_t rank,
                         const int64_t *dims);

// Attributes.
sz_attr sz_net_int(const char *name, int64_t value);
sz_attr sz_net_float(const char *name, double value);
sz_attr sz_net_text(const char *name, const char *value);
// The numbers are copied when the node is made.
sz_attr sz_net_list(const char *name, int32_t count, const int64_t *values);

// A node of ONNX's operator `op` with one output. Inputs and attributes are arrays; inputs may be
// SZ_NONE where an optional one is left out.
typedef struct sz_net_op {
    const char *name, *op;
    const char *domain;                   // NULL = ai.onnx
    int32_t n_inputs, n_attrs, n_outputs; // n_outputs: 0 = 1
    sz_value_id inputs[8];
    const sz_value_id *many; // instead of `inputs`, when there are more
    sz_attr attrs[8];
} sz_net_op;
sz_value_id sz_net_node(sz_net *n, const sz_net_op *op);
// The same; all outputs in ret (n_outputs of them).
void sz_net_node_outputs(sz_net *n, const sz_net_op *op, sz_value_id *ret);
// Without attributes.
sz_value_id sz_net_unary(sz_net *n, const char *name, const char *op, sz_value_id a);
sz_value_id sz_net_binary(sz_net *n, const char *name, const char *op, sz_value_id a,
                          sz_value_id b);

// ---- layers that several families share --------------------------------------------------------

// "relu", "gelu", "silu", "tanh", "none".
#define SZ_NET_ACTIVATIONS "relu|gelu|silu|tanh|none"
// The activation that parameter `param` asks for, called `name`.
sz_value_id sz_net_activation(sz_net *n, const char *name, const char *param, sz_value_id x);
// x [..., in] -> [..., out] by a weight [in, out]: MatMul, and Add where it has a bias.
sz_value_id sz_net_linear(sz_net *n, const char *name, sz_value_id x, int64_t in, int64_t out,
                          bool bias);
sz_value_id sz_net_reshape(sz_net *n, const char *name, sz_value_id x, int32_t rank,
                           const int64_t *dims);
sz_value_id sz_net_transpose(sz_net *n, const char *name, sz_value_id x, int32_t rank,
                             const int64_t *order);
// Rows of a table [rows, width] by ids.
sz_value_id sz_net_embedding(sz_net *n, const char *name, sz_value_id ids, int64_t rows,
                             int64_t width);
sz_value_id sz_net_layer_norm(sz_net *n, const char *name, sz_value_id x, int64_t width);
sz_value_id sz_net_rms_norm(sz_net *n, const char *name, sz_value_id x, int64_t width);
sz_value_id sz_net_batch_norm(sz_net *n, const char *name, sz_value_id x, int64_t channels);

enum { SZ_NET_SPATIAL = 3 };
// A convolution over `spatial` axes, the same on each unless `axes` says otherwise.
typedef struct sz_net_conv {
    int32_t spatial;
    int64_t in, out, kernel, stride, pad, dilation, groups; // dilation, groups: 0 = 1
    bool bias, transposed;
    bool same; // as large an output as the input, / stride; `pad` is not looked at
    const struct sz_net_window *axes; // instead of the four numbers; NULL = none
} sz_net_conv;
typedef struct sz_net_window {
    int64_t kernel[SZ_NET_SPATIAL], stride[SZ_NET_SPATIAL], pad[SZ_NET_SPATIAL];
    int64_t dilation[SZ_NET_SPATIAL];
} sz_net_window;
sz_value_id sz_net_convolution(sz_net *n, const char *name, sz_value_id x, const sz_net_conv *c);
// Max or average pooling.
sz_value_id sz_net_pool(sz_net *n, const char *name, const char *op, sz_value_id x, int32_t spatial,
                        int64_t kernel, int64_t stride, int64_t pad);
sz_value_id sz_net_pool_window(sz_net *n, const char *name, const char *op, sz_value_id x,
                               int32_t spatial, const sz_net_window *window);

// Softmax attention by its parts: q [B,H,S,D], k and v [B,K,T,D] with K heads that divide H.
typedef struct sz_net_attention {
    int64_t batch, heads, kv_heads, queries, keys, head_dim;
    bool causal;
} sz_net_attention;
// What makes heads: x [B, tokens, in] -> [B, heads, tokens, head_dim], by a linear layer.
typedef struct sz_net_heads {
    int64_t tokens, in, heads, head_dim;
    bool bias;
} sz_net_heads;
sz_value_id sz_net_split_heads(sz_net *n, const char *name, sz_value_id x, const sz_net_heads *h);
sz_value_id sz_net_attend(sz_net *n, sz_value_id q, sz_value_id k, sz_value_id v,
                          const sz_net_attention *a);

#endif
