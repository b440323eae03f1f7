// SPDX-License-Identifier: Apache-2.0
// Families of one operator.
#include "model/nets/families.h"

#define END  SZ_PARAM_END
#define SIZE SZ_PARAM_SIZE
#define AXES SZ_PARAM_AXES

// ---- matrix products ---------------------------------------------------------------------------

#define MNK                                                                                        \
    SIZE("m", 1024, "rows of the result"), SIZE("n", 1024, "columns of the result"),               \
        SIZE("k", 1024, "length of the dot products")

const sz_net_param sz_family_gemm_params[] = {
    MNK,
    SZ_PARAM_FLAG("bias", 0, "1 = add a vector to each row"),
    SZ_PARAM_FLAG("ta", 0, "1 = the first matrix lies transposed, [k,m]"),
    SZ_PARAM_FLAG("tb", 0, "1 = the second matrix lies transposed, [n,k]"),
    END};

// One of them transposed, or both.
static sz_value_id turned_gemm(sz_net *n, int64_t rows, int64_t c, int64_t k) {
    const bool ta = sz_net_get(n, "ta") != 0, tb = sz_net_get(n, "tb") != 0;
    const sz_value_id a = sz_net_input(n, "a", n->dtype, SZ_SHAPE(ta ? k : rows, ta ? rows : k));
    const sz_value_id b = sz_net_weight(n, "gemm.weight", SZ_SHAPE(tb ? c : k, tb ? k : c));
    sz_net_op op = {.name = "gemm",
                    .op = "Gemm",
                    .n_inputs = 2,
                    .inputs = {a, b},
                    .n_attrs = 2,
                    .attrs = {sz_net_int("transA", ta), sz_net_int("transB", tb)}};
    if (sz_net_get(n, "bias"))
        op.inputs[op.n_inputs++] = sz_net_weight(n, "gemm.bias", SZ_SHAPE(c));
    return sz_net_node(n, &op);
}

void sz_family_gemm(sz_net *n) {
    const int64_t m = sz_net_get(n, "m"), c = sz_net_get(n, "n"), k = sz_net_get(n, "k");
    const bool turned = sz_net_get(n, "ta") != 0 || sz_net_get(n, "tb") != 0;
    const bool is_float = sz_dtype_get(n->dtype)->cls == SZ_CLASS_FLOAT;
    const int64_t rows = sz_net_mul(n, n->batch, m);
    if (!is_float && (turned || sz_net_get(n, "bias")))
        sz_net_fail(n, "bias, ta and tb are for floating point: MatMulInteger has none of them");
    if (turned) {
        sz_net_output(n, turned_gemm(n, rows, c, k));
        return;
    }
    const sz_value_id a = sz_net_input(n, "a", n->dtype, SZ_SHAPE(rows, k));
    if (is_float) {
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

#define CONV(size)                                                                                 \
    SIZE("channels", 64, "input channels"), SIZE("filters", 64, "output channels"),                \
        AXES("size", size, 1, SZ_NET_MAX_SIZE, "input size along the axes"),                       \
        AXES("kernel", 3, 1, 1024, "window"), AXES("stride", 1, 1, 1024, "step of the window"),    \
        AXES("pad", 1, 0, 1024, "zeros added at each end"),                                        \
        AXES("dilation", 1, 1, 1024, "distance of the window's taps"),                             \
        SIZE("groups", 1, "groups of channels"), SZ_PARAM_FLAG("bias", 1, "1 = with a bias"),      \
        SZ_PARAM_FLAG("transposed", 0, "1 = transposed convolution"), END

// [batch, channels, size...]
static sz_value_id field_input(sz_net *n, int32_t spatial) {
    int64_t dims[2 + SZ_NET_SPATIAL] = {n->batch, sz_net_get(n, "channels")};
    sz_net_axes(n, "size", spatial, dims + 2);
    return sz_net_input(n, "x", n->dtype, 2 + spatial, dims);
}

static void conv(sz_net *n, int32_t spatial) {
    sz_net_window w;
    sz_net_axes(n, "kernel", spatial, w.kernel);
    sz_net_axes(n, "stride", spatial, w.stride);
    sz_net_axes(n, "pad", spatial, w.pad);
    sz_net_axes(n, "dilation", spatial, w.dilation);
    const sz_net_conv c = {.spatial = spatial,
                           .in = sz_net_get(n, "channels"),
                           .out = sz_net_get(n, "filters"),
                           .groups = sz_net_get(n, "groups"),
                           .bias = sz_net_get(n, "bias") != 0,
                           .transposed = sz_net_get(n, "transposed") != 0,
                           .axes = &w};
    const sz_value_id x = field_input(n, spatial);
    sz_net_output(n, sz_net_convolution(n, "conv", x, &c));
}

const sz_net_param sz_family_conv1d_params[] = {CONV(1024)};
void sz_family_conv1d(sz_net *n) { conv(n, 1); }
const sz_net_param sz_family_conv2d_params[] = {CONV(56)};
void sz_family_conv2d(sz_net *n) { conv(n, 2); }
const sz_net_param sz_family_conv3d_params[] = {CONV(16)};
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
    SZ_PARAM_FLAG("project", 0, "1 = with the linear layers before and after it"),
    SZ_PARAM_FLAG("bias", 1, "1 = those layers have biases"),
    END};

// Queries from x [B, S, H x D]; keys and values too, or from `memory` where they are others.
static sz_value_id projected(sz_net *n, const sz_net_attention *a) {
    const int64_t width = a->heads * a->head_dim;
    const bool bias = sz_net_get(n, "bias") != 0, apart = a->keys != a->queries;
    const sz_value_id x = sz_net_input(n, "x", n->dtype, SZ_SHAPE(n->batch, a->queries, width));
    sz_value_id memory = x;
    if (apart)
        memory = sz_net_input(n, "memory", n->dtype, SZ_SHAPE(n->batch, a->keys, width));
    sz_net_heads h = {.tokens = a->queries,
                      .in = width,
                      .heads = a->heads,
                      .head_dim = a->head_dim,
                      .bias = bias};
    const sz_value_id q = sz_net_split_heads(n, "query", x, &h);
    h.tokens = a->keys, h.heads = a->kv_heads;
    const sz_value_id k = sz_net_split_heads(n, "key", memory, &h);
    const sz_value_id v = sz_net_split_heads(n, "value", memory, &h);
    sz_value_id y = sz_net_attend(n, q, k, v, a);
    y = sz_net_transpose(n, "turn", y, SZ_SHAPE(0, 2, 1, 3));
    y = sz_net_reshape(n, "merge", y, SZ_SHAPE(n->batch, a->queries, width));
    return sz_net_linear(n, "output", y, width, width, bias);
}

static sz_value_id bare_attention(sz_net *n, const sz_net_attention *a) {
    const sz_value_id q = sz_net_input(n, "q", n->dtype,
                                       SZ_SHAPE(n->batch, a->heads, a->queries, a->head_dim));
    const sz_value_id k = sz_net_input(n, "k", n->dtype,
                                       SZ_SHAPE(n->batch, a->kv_heads, a->keys, a->head_dim));
    const sz_value_id v = sz_net_input(n, "v", n->dtype,
                                       SZ_SHAPE(n->batch, a->kv_heads, a->keys, a->head_dim));
    const size_t outside = sz_net_enter(n, "attention.");
    const sz_value_id y = sz_net_attend(n, q, k, v, a);
    sz_net_leave(n, outside);
    return y;
}

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
    sz_net_output(n, sz_net_get(n, "project") ? projected(n, &a) : bare_attention(n, &a));
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

#define TWO                                                                                        \
    SZ_PARAM_WORDS("with", "same|row|column|scalar",                                               \
                   "the second operand: as large, or broadcast: a row, a column, one number"),     \
        ROWS

static void two_operands(sz_net *n, const char *name, const char *op) {
    const int64_t rows = sz_net_get(n, "rows"), width = sz_net_get(n, "width");
    const bool same = sz_net_is(n, "with", "same");
    const bool row = sz_net_is(n, "with", "row"), column = sz_net_is(n, "with", "column");
    const sz_value_id a = rows_input(n, "a");
    const sz_value_id b = sz_net_input(n, "b", n->dtype,
                                       SZ_SHAPE(same ? n->batch : 1, same || column ? rows : 1,
                                                same || row ? width : 1));
    sz_net_output(n, sz_net_binary(n, name, op, a, b));
}

const sz_net_param sz_family_add_params[] = {TWO};
void sz_family_add(sz_net *n) { two_operands(n, "add", "Add"); }
const sz_net_param sz_family_mul_params[] = {TWO};
void sz_family_mul(sz_net *n) { two_operands(n, "mul", "Mul"); }
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

const sz_net_param sz_family_transpose_params[] = {
    AXES("shape", 0, 0, SZ_NET_MAX_SIZE, "of a sample, such as 12x128x64 (0 = rows x width)"),
    AXES("order", 0, 0, 7, "axes of the result: 0x2x1x3; 0 is batch (0 = the others turned round)"),
    ROWS};

// Axes behind the batch; how many.
static int32_t sample_shape(sz_net *n, int64_t ret[SZ_NET_NUMBERS]) {
    const int32_t count = sz_net_list_of(n, "shape", ret);
    for (int32_t d = 0; d < count; d++)
        if (ret[d] == 0 && count > 1) sz_net_fail(n, "shape has an axis of size 0");
    if (count > 1 || ret[0] > 0) return count;
    ret[0] = sz_net_get(n, "rows"), ret[1] = sz_net_get(n, "width");
    return 2;
}

static void check_order(sz_net *n, int32_t rank, int32_t count, const int64_t *order) {
    unsigned seen = 0;
    for (int32_t d = 0; d < count; d++) seen |= 1u << order[d];
    if (count != rank || seen != (1u << rank) - 1)
        sz_net_fail(n, "order is none of the %d axes: each of 0 to %d once", rank, rank - 1);
}

void sz_family_transpose(sz_net *n) {
    int64_t dims[1 + SZ_NET_NUMBERS] = {n->batch}, order[SZ_NET_NUMBERS];
    const int32_t rank = 1 + sample_shape(n, dims + 1);
    int32_t count = sz_net_list_of(n, "order", order);
    if (rank > SZ_NET_NUMBERS) sz_net_fail(n, "shape has more than %d axes", SZ_NET_NUMBERS - 1);
    if (n->status != SZ_OK) return;
    if (count == 1 && order[0] == 0)
        for (count = 1; count < rank; count++) order[count] = rank - count;
    check_order(n, rank, count, order);
    const sz_value_id x = sz_net_input(n, "x", n->dtype, rank, dims);
    sz_net_output(n, sz_net_transpose(n, "transpose", x, rank, order));
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
    SZ_PARAM_WORDS("axis", "width|rows", "the axis that goes away"),
    SZ_PARAM_WORDS("op", "sum|mean|max|min|prod|l2", "what is done with it"), END};
void sz_family_reduce(sz_net *n) {
    static const char *const ops[] = {"ReduceSum", "ReduceMean", "ReduceMax",
                                      "ReduceMin", "ReduceProd", "ReduceL2"};
    const sz_value_id x = rows_input(n, "x");
    const int64_t axis = sz_net_is(n, "axis", "width") ? 2 : 1;
    const sz_value_id axes = sz_net_ints(n, "axes", SZ_SHAPE(axis));
    sz_net_output(n, sz_net_binary(n, "reduce", ops[sz_net_get(n, "op")], x, axes));
}

// ---- images ------------------------------------------------------------------------------------

#define IMAGE                                                                                      \
    SIZE("channels", 64, "channels"), AXES("size", 56, 1, SZ_NET_MAX_SIZE, "height and width")

static sz_value_id image_input(sz_net *n) { return field_input(n, 2); }

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
    {"dims", 2, 1, 3, NULL, "axes of the field: 1, 2 or 3"},
    AXES("kernel", 2, 1, 1024, "window"),
    AXES("stride", 2, 1, 1024, "step"),
    AXES("pad", 0, 0, 1024, "border added at each end"),
    SZ_PARAM_WORDS("op", "max|average|lp|global_max|global_average", "what is done in a window"),
    END};
void sz_family_pool(sz_net *n) {
    static const char *const ops[] = {"MaxPool", "AveragePool", "LpPool", "GlobalMaxPool",
                                      "GlobalAveragePool"};
    const int32_t dims = (int32_t)sz_net_get(n, "dims");
    const char *op = ops[sz_net_get(n, "op")];
    const sz_value_id x = field_input(n, dims);
    sz_net_window w;
    sz_net_axes(n, "kernel", dims, w.kernel);
    sz_net_axes(n, "stride", dims, w.stride);
    sz_net_axes(n, "pad", dims, w.pad);
    if (strncmp(op, "Global", 6) == 0) {
        sz_net_output(n, sz_net_unary(n, "pool", op, x));
        return;
    }
    for (int32_t d = 0; d < dims; d++)
        if (w.pad[d] >= w.kernel[d])
            sz_net_fail(n, "pad=%lld must be less than kernel=%lld, or a window is all border",
                        (long long)w.pad[d], (long long)w.kernel[d]);
    sz_net_output(n, sz_net_pool_window(n, "pool", op, x, dims, &w));
}

// ---- tables ------------------------------------------------------------------------------------

#define IDS                                                                                        \
    SZ_PARAM_WORDS("ids", "uniform|zipf",                                                          \
                   "which rows: all alike, or small indices as often as words of a language")

// The generator of inputs reads the distribution off the name.
static sz_value_id ids_input(sz_net *n, int32_t rank, const int64_t *dims) {
    return sz_net_input(n, sz_net_is(n, "ids", "zipf") ? "ids.zipf" : "ids",
                        sz_dtype_by_name("i64"), rank, dims);
}

const sz_net_param sz_family_gather_params[] = {
    SIZE("rows", 1000000, "rows of the table"), SIZE("width", 64, "length of a row"),
    SIZE("count", 1024, "rows taken, for each sample"), IDS, END};
void sz_family_gather(sz_net *n) {
    const sz_value_id table = sz_net_input(n, "table", n->dtype,
                                           SZ_SHAPE(sz_net_get(n, "rows"), sz_net_get(n, "width")));
    const sz_value_id ids = ids_input(n, SZ_SHAPE(n->batch, sz_net_get(n, "count")));
    sz_net_output(n, sz_net_binary(n, "gather", "Gather", table, ids));
}

// Rows added to those of a table at indices, which may repeat: the other half of a layer of a graph
// net, or of the gradient of an embedding.
const sz_net_param sz_family_scatter_params[] = {
    SIZE("rows", 10000, "rows of the table"), SIZE("width", 64, "length of a row"),
    SIZE("count", 1024, "rows added, for each sample"), IDS, END};
void sz_family_scatter(sz_net *n) {
    const int64_t width = sz_net_get(n, "width"), count = sz_net_get(n, "count");
    const sz_value_id table = sz_net_input(n, "table", n->dtype,
                                           SZ_SHAPE(sz_net_get(n, "rows"), width));
    const sz_value_id ids = ids_input(n, SZ_SHAPE(n->batch, count, 1));
    const sz_value_id rows = sz_net_input(n, "updates", n->dtype, SZ_SHAPE(n->batch, count, width));
    sz_net_output(n, sz_net_node(n, &(sz_net_op){.name = "scatter",
                                                 .op = "ScatterND",
                                                 .n_inputs = 3,
                                                 .inputs = {table, ids, rows},
                                                 .n_attrs = 1,
                                                 .attrs = {sz_net_text("reduction", "add")}}));
}

const sz_net_param sz_family_embedding_params[] = {SIZE("vocab", 50257, "tokens that there are"),
                                                   SIZE("hidden", 768, "features of a token"),
                                                   SIZE("seq", 128, "tokens of a sample"), IDS,
                                                   END};
void sz_family_embedding(sz_net *n) {
    const sz_value_id ids = ids_input(n, SZ_SHAPE(n->batch, sz_net_get(n, "seq")));
    sz_net_output(
        n, sz_net_embedding(n, "embedding", ids, sz_net_get(n, "vocab"), sz_net_get(n, "hidden")));
}
