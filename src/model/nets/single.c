// SPDX-License-Identifier: Apache-2.0
// Families of one operator.
#include "model/nets/families.h"

#define END  SZ_PARAM_END
#define SIZE SZ_PARAM_SIZE

// ---- matrix products ---------------------------------------------------------------------------

#define MNK                                                                                        \
    SIZE("m", 1024, "rows of the result"), SIZE("n", 1024, "columns of the result"),               \
        SIZE("k", 1024, "length of the dot products")

const sz_net_param sz_family_gemm_params[] = {
    MNK, SZ_PARAM_FLAG("bias", 0, "1 = add a vector to each row"), END};
void sz_family_gemm(sz_net *n) {
    const int64_t m = sz_net_get(n, "m"), c = sz_net_get(n, "n"), k = sz_net_get(n, "k");
    int64_t rows = m;
    if (!sz_mul(n->batch, m, &rows)) sz_net_fail(n, "batch x m exceeds 2^63");
    const sz_value_id a = sz_net_input(n, "a", n->dtype, SZ_SHAPE(rows, k));
    if (sz_dtype_get(n->dtype)->cls == SZ_CLASS_FLOAT) {
        sz_net_output(n, sz_net_linear(n, "gemm", a, k, c, sz_net_get(n, "bias") != 0));
        return;
    }
    const sz_value_id b = sz_net_weight(n, "gemm.weight", SZ_SHAPE(k, c));
    sz_net_output(n, sz_net_binary(n, "gemm", "MatMulInteger", a, b));
}

const sz_net_param sz_family_batchmatmul_params[] = {MNK, END};
void sz_family_batchmatmul(sz_net *n) {
    const int64_t m = sz_net_get(n, "m"), c = sz_net_get(n, "n"), k = sz_net_get(n, "k");
    const bool is_float = sz_dtype_get(n->dtype)->cls == SZ_CLASS_FLOAT;
    const sz_value_id a = sz_net_input(n, "a", n->dtype, SZ_SHAPE(n->batch, m, k));
    const sz_value_id b = sz_net_input(n, "b", n->dtype, SZ_SHAPE(n->batch, k, c));
    sz_net_output(n, sz_net_binary(n, "matmul", is_float ? "MatMul" : "MatMulInteger", a, b));
}

// ---- convolutions ------------------------------------------------------------------------------

#define CONV(size, pad_)                                                                           \
    SIZE("channels", 64, "input channels"), SIZE("filters", 64, "output channels"),                \
        SIZE("size", size, "input size along each axis"),                                          \
        {"kernel", 3, 1, 1024, NULL, "window along each axis"},                                    \
        {"stride", 1, 1, 1024, NULL, "step of the window"},                                        \
        {"pad", pad_, 0, 1024, NULL, "zeros added at each end"},                                   \
        {"dilation", 1, 1, 1024, NULL, "distance of the window's taps"},                           \
        SIZE("groups", 1, "groups of channels"), SZ_PARAM_FLAG("bias", 1, "1 = with a bias"),      \
        SZ_PARAM_FLAG("transposed", 0, "1 = transposed convolution"), END

static void conv(sz_net *n, int32_t spatial) {
    const int64_t size = sz_net_get(n, "size");
    const sz_net_conv c = {.spatial = spatial,
                           .in = sz_net_get(n, "channels"),
                           .out = sz_net_get(n, "filters"),
                           .kernel = sz_net_get(n, "kernel"),
                           .stride = sz_net_get(n, "stride"),
                           .pad = sz_net_get(n, "pad"),
                           .dilation = sz_net_get(n, "dilation"),
                           .groups = sz_net_get(n, "groups"),
                           .bias = sz_net_get(n, "bias") != 0,
                           .transposed = sz_net_get(n, "transposed") != 0};
    const int64_t dims[] = {n->batch, c.in, size, size, size};
    const sz_value_id x = sz_net_input(n, "x", n->dtype, 2 + spatial, dims);
    sz_net_output(n, sz_net_convolution(n, "conv", x, &c));
}

const sz_net_param sz_family_conv1d_params[] = {CONV(1024, 1)};
void sz_family_conv1d(sz_net *n) { conv(n, 1); }
const sz_net_param sz_family_conv2d_params[] = {CONV(56, 1)};
void sz_family_conv2d(sz_net *n) { conv(n, 2); }
const sz_net_param sz_family_conv3d_params[] = {CONV(16, 1)};
void sz_family_conv3d(sz_net *n) { conv(n, 3); }

// ---- recurrent layers --------------------------------------------------------------------------

#define RECURRENT                                                                                  \
    SIZE("input", 512, "features of a step"), SIZE("units", 512, "features of the state"),         \
        SIZE("steps", 64, "steps of the sequence"), SZ_PARAM_LAYERS(1, "stacked layers"),          \
        SZ_PARAM_FLAG("bidirectional", 0, "1 = both directions"), END

// ONNX: X [T, B, I], W [dirs, gates x H, I], R [dirs, gates x H, H], B [dirs, 2 x gates x H].
static sz_value_id recurrent_layer(sz_net *n, const char *op, int64_t gates, sz_value_id x,
                                   int64_t in) {
    const int64_t units = sz_net_get(n, "units"), steps = sz_net_get(n, "steps");
    const int64_t dirs = 1 + sz_net_get(n, "bidirectional");
    const sz_value_id w = sz_net_weight(n, "weight", SZ_SHAPE(dirs, gates * units, in));
    const sz_value_id r = sz_net_weight(n, "recurrence", SZ_SHAPE(dirs, gates * units, units));
    const sz_value_id b = sz_net_weight(n, "bias", SZ_SHAPE(dirs, 2 * gates * units));
    x = sz_net_node(n, &(sz_net_op){.name = "cell",
                                    .op = op,
                                    .n_inputs = 4,
                                    .inputs = {x, w, r, b},
                                    .n_attrs = 2,
                                    .attrs = {sz_net_int("hidden_size", units),
                                              sz_net_text("direction", dirs > 1 ? "bidirectional"
                                                                                : "forward")}});
    // [T, dirs, B, H] -> [T, B, dirs x H]
    x = sz_net_transpose(n, "swap", x, SZ_SHAPE(0, 2, 1, 3));
    return sz_net_reshape(n, "merge", x, SZ_SHAPE(steps, n->batch, dirs * units));
}

static void recurrent(sz_net *n, const char *op, int64_t gates) {
    const int64_t dirs = 1 + sz_net_get(n, "bidirectional");
    int64_t in = sz_net_get(n, "input");
    sz_value_id x = sz_net_input(n, "x", n->dtype, SZ_SHAPE(sz_net_get(n, "steps"), n->batch, in));
    for (int64_t i = 0; i < sz_net_get(n, "layers") && n->status == SZ_OK; i++) {
        const size_t outside = sz_net_enter(n, "layer%lld.", (long long)i);
        x = recurrent_layer(n, op, gates, x, in);
        sz_net_leave(n, outside);
        in = dirs * sz_net_get(n, "units");
    }
    sz_net_output(n, x);
}

const sz_net_param sz_family_rnn_params[] = {RECURRENT};
void sz_family_rnn(sz_net *n) { recurrent(n, "RNN", 1); }
const sz_net_param sz_family_lstm_params[] = {RECURRENT};
void sz_family_lstm(sz_net *n) { recurrent(n, "LSTM", 4); }
const sz_net_param sz_family_gru_params[] = {RECURRENT};
void sz_family_gru(sz_net *n) { recurrent(n, "GRU", 3); }

// ---- attention ---------------------------------------------------------------------------------

const sz_net_param sz_family_attention_params[] = {
    SIZE("heads", 12, "query heads"),
    {"kv_heads", 0, 0, SZ_NET_MAX_SIZE, NULL, "heads of keys and values (0 = as many)"},
    SIZE("head_dim", 64, "features of a head"),
    SIZE("seq", 128, "queries"),
    {"keys", 0, 0, SZ_NET_MAX_SIZE, NULL, "keys (0 = as many as queries)"},
    SZ_PARAM_FLAG("causal", 0, "1 = a query sees no later key"),
    END};
void sz_family_attention(sz_net *n) {
    sz_net_attention a = {.batch = n->batch,
                          .heads = sz_net_get(n, "heads"),
                          .kv_heads = sz_net_get(n, "kv_heads"),
                          .queries = sz_net_get(n, "seq"),
                          .keys = sz_net_get(n, "keys"),
                          .head_dim = sz_net_get(n, "head_dim"),
                          .causal = sz_net_get(n, "causal") != 0};
    if (!a.kv_heads) a.kv_heads = a.heads;
    if (!a.keys) a.keys = a.queries;
    const sz_value_id q = sz_net_input(n, "q", n->dtype,
                                       SZ_SHAPE(n->batch, a.heads, a.queries, a.head_dim));
    const sz_value_id k = sz_net_input(n, "k", n->dtype,
                                       SZ_SHAPE(n->batch, a.kv_heads, a.keys, a.head_dim));
    const sz_value_id v = sz_net_input(n, "v", n->dtype,
                                       SZ_SHAPE(n->batch, a.kv_heads, a.keys, a.head_dim));
    const size_t outside = sz_net_enter(n, "attention.");
    sz_net_output(n, sz_net_attend(n, q, k, v, &a));
    sz_net_leave(n, outside);
}

// ---- rows of a matrix --------------------------------------------------------------------------

#define ROWS                                                                                       \
    SIZE("rows", 1024, "rows, for each sample"), SIZE("width", 1024, "length of a row"), END

static sz_value_id rows_input(sz_net *n, const char *name) {
    return sz_net_input(n, name, n->dtype,
                        SZ_SHAPE(n->batch, sz_net_get(n, "rows"), sz_net_get(n, "width")));
}

const sz_net_param sz_family_softmax_params[] = {ROWS};
void sz_family_softmax(sz_net *n) {
    sz_net_output(n, sz_net_unary(n, "softmax", "Softmax", rows_input(n, "x")));
}
const sz_net_param sz_family_layernorm_params[] = {ROWS};
void sz_family_layernorm(sz_net *n) {
    sz_net_output(n, sz_net_layer_norm(n, "norm", rows_input(n, "x"), sz_net_get(n, "width")));
}
const sz_net_param sz_family_rmsnorm_params[] = {ROWS};
void sz_family_rmsnorm(sz_net *n) {
    sz_net_output(n, sz_net_rms_norm(n, "norm", rows_input(n, "x"), sz_net_get(n, "width")));
}
const sz_net_param sz_family_add_params[] = {ROWS};
void sz_family_add(sz_net *n) {
    const sz_value_id a = rows_input(n, "a"), b = rows_input(n, "b");
    sz_net_output(n, sz_net_binary(n, "add", "Add", a, b));
}
const sz_net_param sz_family_mul_params[] = {ROWS};
void sz_family_mul(sz_net *n) {
    const sz_value_id a = rows_input(n, "a"), b = rows_input(n, "b");
    sz_net_output(n, sz_net_binary(n, "mul", "Mul", a, b));
}
const sz_net_param sz_family_relu_params[] = {ROWS};
void sz_family_relu(sz_net *n) {
    sz_net_output(n, sz_net_unary(n, "relu", "Relu", rows_input(n, "x")));
}
const sz_net_param sz_family_gelu_params[] = {ROWS};
void sz_family_gelu(sz_net *n) {
    sz_net_output(n, sz_net_unary(n, "gelu", "Gelu", rows_input(n, "x")));
}
const sz_net_param sz_family_exp_params[] = {ROWS};
void sz_family_exp(sz_net *n) {
    sz_net_output(n, sz_net_unary(n, "exp", "Exp", rows_input(n, "x")));
}
const sz_net_param sz_family_transpose_params[] = {ROWS};
void sz_family_transpose(sz_net *n) {
    sz_net_output(n, sz_net_transpose(n, "transpose", rows_input(n, "x"), SZ_SHAPE(0, 2, 1)));
}
// A Concat of one tensor: reads it once and writes it once, as memcpy does.
const sz_net_param sz_family_copy_params[] = {ROWS};
void sz_family_copy(sz_net *n) {
    const sz_value_id x = rows_input(n, "x");
    sz_net_output(n, sz_net_node(n, &(sz_net_op){.name = "copy",
                                                 .op = "Concat",
                                                 .n_inputs = 1,
                                                 .inputs = {x},
                                                 .n_attrs = 1,
                                                 .attrs = {sz_net_int("axis", 0)}}));
}

const sz_net_param sz_family_reduce_params[] = {
    SIZE("rows", 1024, "rows, for each sample"), SIZE("width", 1024, "length of a row"),
    SZ_PARAM_WORDS("axis", "width|rows", "the axis that is summed up"), END};
void sz_family_reduce(sz_net *n) {
    const sz_value_id x = rows_input(n, "x");
    const int64_t axis = sz_net_is(n, "axis", "width") ? 2 : 1;
    const sz_value_id axes = sz_net_ints(n, "axes", SZ_SHAPE(axis));
    sz_net_output(n, sz_net_binary(n, "reduce", "ReduceSum", x, axes));
}

// ---- images ------------------------------------------------------------------------------------

#define IMAGE SIZE("channels", 64, "channels"), SIZE("size", 56, "height and width")

static sz_value_id image_input(sz_net *n) {
    const int64_t size = sz_net_get(n, "size");
    return sz_net_input(n, "x", n->dtype,
                        SZ_SHAPE(n->batch, sz_net_get(n, "channels"), size, size));
}

const sz_net_param sz_family_batchnorm_params[] = {IMAGE, END};
void sz_family_batchnorm(sz_net *n) {
    const sz_value_id x = image_input(n);
    sz_net_output(n, sz_net_batch_norm(n, "norm", x, sz_net_get(n, "channels")));
}

const sz_net_param sz_family_groupnorm_params[] = {IMAGE, SIZE("groups", 32, "groups of channels"),
                                                   END};
void sz_family_groupnorm(sz_net *n) {
    const int64_t channels = sz_net_get(n, "channels"), groups = sz_net_get(n, "groups");
    const sz_value_id x = image_input(n);
    if (channels % groups) sz_net_fail(n, "groups must divide channels");
    const sz_value_id w = sz_net_weight(n, "norm.weight", SZ_SHAPE(channels));
    const sz_value_id b = sz_net_weight(n, "norm.bias", SZ_SHAPE(channels));
    sz_net_output(n, sz_net_node(n, &(sz_net_op){.name = "norm",
                                                 .op = "GroupNormalization",
                                                 .n_inputs = 3,
                                                 .inputs = {x, w, b},
                                                 .n_attrs = 1,
                                                 .attrs = {sz_net_int("num_groups", groups)}}));
}

const sz_net_param sz_family_pool_params[] = {
    IMAGE,
    {"kernel", 2, 1, 1024, NULL, "window"},
    {"stride", 2, 1, 1024, NULL, "step"},
    {"pad", 0, 0, 1024, NULL, "border added at each end"},
    SZ_PARAM_WORDS("op", "max|average", "what is done in a window"),
    END};
void sz_family_pool(sz_net *n) {
    const char *op = sz_net_is(n, "op", "max") ? "MaxPool" : "AveragePool";
    sz_net_output(n, sz_net_pool(n, "pool", op, image_input(n), 2, sz_net_get(n, "kernel"),
                                 sz_net_get(n, "stride"), sz_net_get(n, "pad")));
}

// ---- tables ------------------------------------------------------------------------------------

const sz_net_param sz_family_gather_params[] = {
    SIZE("rows", 1000000, "rows of the table"), SIZE("width", 64, "length of a row"),
    SIZE("count", 1024, "rows taken, for each sample"), END};
void sz_family_gather(sz_net *n) {
    const sz_value_id table = sz_net_input(n, "table", n->dtype,
                                           SZ_SHAPE(sz_net_get(n, "rows"), sz_net_get(n, "width")));
    const sz_value_id ids = sz_net_input(n, "ids", sz_dtype_by_name("i64"),
                                         SZ_SHAPE(n->batch, sz_net_get(n, "count")));
    sz_net_output(n, sz_net_binary(n, "gather", "Gather", table, ids));
}

const sz_net_param sz_family_embedding_params[] = {SIZE("vocab", 50257, "tokens that there are"),
                                                   SIZE("hidden", 768, "features of a token"),
                                                   SIZE("seq", 128, "tokens of a sample"), END};
void sz_family_embedding(sz_net *n) {
    const sz_value_id ids = sz_net_input(n, "ids", sz_dtype_by_name("i64"),
                                         SZ_SHAPE(n->batch, sz_net_get(n, "seq")));
    sz_net_output(
        n, sz_net_embedding(n, "embedding", ids, sz_net_get(n, "vocab"), sz_net_get(n, "hidden")));
}
