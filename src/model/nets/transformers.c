// SPDX-License-Identifier: Apache-2.0
// Families of transformers. One block serves all; a family says how its blocks are made.
#include "model/nets/families.h"

#include <stdio.h>

// Vaswani et al., "Attention Is All You Need"; norms before the layers as in Radford et al. 2019,
// RMS norm, rotary positions and gated units as in Touvron et al. 2023, grouped heads as in Ainslie
// et al. 2023.
typedef struct block {
    int64_t hidden, heads, kv_heads, head_dim, ffn, seq, past;
    bool pre_norm, rms, gated, causal, bias, qkv_bias, rotary;
    sz_value_id cos, sin; // rotary
} block;

#define SIZES(layers_, heads_, hidden_, ffn_doc)                                                   \
    SZ_PARAM_LAYERS(layers_, "blocks"), SZ_PARAM_SIZE("heads", heads_, "query heads"),             \
        SZ_PARAM_SIZE("hidden", hidden_, "features of a token"), {                                 \
        "ffn", 0, 0, SZ_NET_MAX_SIZE, NULL, ffn_doc                                                \
    }
#define TOKENS    SZ_PARAM_SIZE("seq", 128, "tokens of a sample")
#define USUAL_FFN "units of the feed-forward layer (0 = 4 x hidden)"

static block block_of(sz_net *n) {
    block b = {.hidden = sz_net_get(n, "hidden"),
               .heads = sz_net_get(n, "heads"),
               .ffn = sz_net_get(n, "ffn"),
               .bias = true,
               .qkv_bias = true,
               .cos = SZ_NONE,
               .sin = SZ_NONE};
    b.kv_heads = b.heads;
    b.head_dim = b.hidden / b.heads;
    if (b.ffn == 0) b.ffn = 4 * b.hidden;
    if (b.hidden % b.heads)
        sz_net_fail(n, "heads=%lld must divide hidden=%lld", (long long)b.heads,
                    (long long)b.hidden);
    return b;
}

static sz_value_id norm(sz_net *n, const block *b, const char *name, sz_value_id x) {
    return b->rms ? sz_net_rms_norm(n, name, x, b->hidden)
                  : sz_net_layer_norm(n, name, x, b->hidden);
}

// ---- attention ---------------------------------------------------------------------------------

static sz_value_id rotate(sz_net *n, const block *b, const char *name, sz_value_id x) {
    return sz_net_node(n, &(sz_net_op){.name = name,
                                       .op = "RotaryEmbedding",
                                       .n_inputs = 3,
                                       .inputs = {x, b->cos, b->sin}});
}

static sz_value_id project(sz_net *n, const block *b, const char *name, sz_value_id x,
                           int64_t heads) {
    const sz_net_heads h = {.tokens = b->seq,
                            .in = b->hidden,
                            .heads = heads,
                            .head_dim = b->head_dim,
                            .bias = b->qkv_bias};
    return sz_net_split_heads(n, name, x, &h);
}

// Keys or values of earlier tokens, which come in, before those of this step; all go out.
static sz_value_id cached(sz_net *n, const block *b, const char *name, sz_value_id x) {
    char past[64];
    if (b->past == 0) return x;
    snprintf(past, sizeof past, "past_%s", name);
    const sz_value_id before = sz_net_input(n, past, n->dtype,
                                            SZ_SHAPE(n->batch, b->kv_heads, b->past, b->head_dim));
    const sz_value_id all = sz_net_node(n, &(sz_net_op){.name = name,
                                                        .op = "Concat",
                                                        .n_inputs = 2,
                                                        .inputs = {before, x},
                                                        .n_attrs = 1,
                                                        .attrs = {sz_net_int("axis", 2)}});
    sz_net_output(n, all);
    return all;
}

static sz_value_id self_attention(sz_net *n, const block *b, sz_value_id x) {
    const sz_net_attention a = {.batch = n->batch,
                                .heads = b->heads,
                                .kv_heads = b->kv_heads,
                                .queries = b->seq,
                                .keys = b->past + b->seq,
                                .head_dim = b->head_dim,
                                .causal = b->causal};
    sz_value_id q = project(n, b, "query", x, b->heads);
    sz_value_id k = project(n, b, "key", x, b->kv_heads);
    const sz_value_id v = project(n, b, "value", x, b->kv_heads);
    if (b->rotary) {
        q = rotate(n, b, "query.rotary", q);
        k = rotate(n, b, "key.rotary", k);
    }
    const sz_value_id keys = cached(n, b, "keys", k);
    const sz_value_id values = cached(n, b, "values", v);
    x = sz_net_attend(n, q, keys, values, &a);
    x = sz_net_transpose(n, "turn", x, SZ_SHAPE(0, 2, 1, 3));
    x = sz_net_reshape(n, "merge", x, SZ_SHAPE(n->batch, b->seq, b->heads * b->head_dim));
    return sz_net_linear(n, "output", x, b->heads * b->head_dim, b->hidden, b->bias);
}

// ---- the block ---------------------------------------------------------------------------------

static sz_value_id feed_forward(sz_net *n, const block *b, sz_value_id x) {
    sz_value_id up = sz_net_linear(n, b->gated ? "gate" : "up", x, b->hidden, b->ffn, b->bias);
    up = sz_net_activation(n, "act", "act", up);
    if (b->gated) {
        const sz_value_id other = sz_net_linear(n, "up", x, b->hidden, b->ffn, b->bias);
        up = sz_net_binary(n, "gated", "Mul", up, other);
    }
    return sz_net_linear(n, "down", up, b->ffn, b->hidden, b->bias);
}

typedef sz_value_id layer_fn(sz_net *n, const block *b, sz_value_id x);

// x + layer(norm(x)), or norm(x + layer(x)).
static sz_value_id residual(sz_net *n, const block *b, const char *name, sz_value_id x,
                            layer_fn *layer) {
    const size_t outside = sz_net_enter(n, "%s.", name);
    sz_value_id y = layer(n, b, b->pre_norm ? norm(n, b, "norm", x) : x);
    y = sz_net_binary(n, "add", "Add", x, y);
    if (!b->pre_norm) y = norm(n, b, "norm", y);
    sz_net_leave(n, outside);
    return y;
}

static sz_value_id blocks(sz_net *n, const block *b, sz_value_id x) {
    for (int64_t i = 0; i < sz_net_get(n, "layers") && n->status == SZ_OK; i++) {
        const size_t outside = sz_net_enter(n, "layer%lld.", (long long)i);
        x = residual(n, b, "attention", x, self_attention);
        x = residual(n, b, "mlp", x, feed_forward);
        sz_net_leave(n, outside);
    }
    return x;
}

// ---- families ----------------------------------------------------------------------------------

const sz_net_param sz_family_transformer_params[] = {
    SIZES(12, 12, 768, USUAL_FFN),
    TOKENS,
    {"kv_heads", 0, 0, SZ_NET_MAX_SIZE, NULL, "heads of keys and values (0 = heads)"},
    {"past", 0, 0, SZ_NET_MAX_SIZE, NULL, "tokens whose keys and values are kept from before"},
    SZ_PARAM_FLAG("causal", 0, "1 = a token sees no later one"),
    SZ_PARAM_FLAG("gated", 0, "1 = act(gate) x up in the feed-forward layer"),
    SZ_PARAM_FLAG("bias", 1, "1 = linear layers with biases"),
    SZ_PARAM_WORDS("norm", "layer|rms", "normalization"),
    SZ_PARAM_WORDS("order", "post|pre", "the norm after each layer, or before it"),
    {"act", 1, 0, 0, SZ_NET_ACTIVATIONS, "activation"},
    SZ_PARAM_END};

void sz_family_transformer(sz_net *n) {
    block b = block_of(n);
    b.seq = sz_net_get(n, "seq");
    b.past = sz_net_get(n, "past");
    if (sz_net_get(n, "kv_heads")) b.kv_heads = sz_net_get(n, "kv_heads");
    b.causal = sz_net_get(n, "causal") != 0;
    b.gated = sz_net_get(n, "gated") != 0;
    b.bias = b.qkv_bias = sz_net_get(n, "bias") != 0;
    b.rms = sz_net_is(n, "norm", "rms");
    b.pre_norm = sz_net_is(n, "order", "pre");
    const sz_value_id x = sz_net_input(n, "x", n->dtype, SZ_SHAPE(n->batch, b.seq, b.hidden));
    sz_net_output(n, blocks(n, &b, x));
}

static sz_value_id ids_input(sz_net *n, const char *name, int64_t seq) {
    return sz_net_input(n, name, sz_dtype_by_name("i64"), SZ_SHAPE(n->batch, seq));
}

// Learned positions first ... first + seq - 1, added.
static sz_value_id add_positions(sz_net *n, sz_value_id x, int64_t first, int64_t seq,
                                 int64_t hidden) {
    const int64_t rows = sz_net_get(n, "positions");
    if (first + seq > rows)
        sz_net_fail(n, "%lld tokens are more than positions=%lld", (long long)(first + seq),
                    (long long)rows);
    const sz_value_id ids = sz_net_range(n, "positions.ids", first, SZ_SHAPE(1, seq));
    const sz_value_id p = sz_net_embedding(n, "positions", ids, rows, hidden);
    return sz_net_binary(n, "positions.add", "Add", x, p);
}

static sz_value_id first_token(sz_net *n, sz_value_id x) {
    const sz_value_id zero = sz_net_range(n, "first.index", 0, 0, NULL);
    return sz_net_node(n, &(sz_net_op){.name = "first",
                                       .op = "Gather",
                                       .n_inputs = 2,
                                       .inputs = {x, zero},
                                       .n_attrs = 1,
                                       .attrs = {sz_net_int("axis", 1)}});
}

const sz_net_param sz_family_bert_params[] = {
    SIZES(12, 12, 768, USUAL_FFN),
    TOKENS,
    SZ_PARAM_SIZE("vocab", 30522, "tokens that there are"),
    SZ_PARAM_SIZE("positions", 512, "positions that were learned"),
    SZ_PARAM_SIZE("types", 2, "types of tokens"),
    SZ_PARAM_FLAG("pooler", 1, "1 = with the pooler"),
    {"act", 1, 0, 0, SZ_NET_ACTIVATIONS, "activation"},
    SZ_PARAM_END};

void sz_family_bert(sz_net *n) {
    block b = block_of(n);
    b.seq = sz_net_get(n, "seq");
    const sz_value_id ids = ids_input(n, "input_ids", b.seq);
    const sz_value_id types = ids_input(n, "token_type_ids", b.seq);
    sz_value_id x = sz_net_embedding(n, "words", ids, sz_net_get(n, "vocab"), b.hidden);
    const sz_value_id t = sz_net_embedding(n, "types", types, sz_net_get(n, "types"), b.hidden);
    x = sz_net_binary(n, "types.add", "Add", x, t);
    x = add_positions(n, x, 0, b.seq, b.hidden);
    x = sz_net_layer_norm(n, "norm", x, b.hidden);
    x = blocks(n, &b, x);
    sz_net_output(n, x);
    if (!sz_net_get(n, "pooler")) return;
    const sz_value_id pooled = sz_net_linear(n, "pooler", first_token(n, x), b.hidden, b.hidden,
                                             true);
    sz_net_output(n, sz_net_unary(n, "pooler.tanh", "Tanh", pooled));
}

// [B, S, hidden] x [vocab, hidden], transposed without a copy.
static void logits(sz_net *n, sz_value_id x, const block *b, sz_value_id table, int64_t vocab) {
    const int64_t rows = sz_net_mul(n, n->batch, b->seq);
    x = sz_net_reshape(n, "tokens", x, SZ_SHAPE(rows, b->hidden));
    x = sz_net_node(n, &(sz_net_op){.name = "head",
                                    .op = "Gemm",
                                    .n_inputs = 2,
                                    .inputs = {x, table},
                                    .n_attrs = 1,
                                    .attrs = {sz_net_int("transB", 1)}});
    sz_net_output(n, sz_net_reshape(n, "logits", x, SZ_SHAPE(n->batch, b->seq, vocab)));
}

const sz_net_param sz_family_gpt_params[] = {
    SIZES(12, 12, 768, USUAL_FFN),
    TOKENS,
    SZ_PARAM_SIZE("vocab", 50257, "tokens that there are"),
    SZ_PARAM_SIZE("positions", 1024, "positions that were learned"),
    {"past", 0, 0, SZ_NET_MAX_SIZE, NULL, "tokens whose keys and values are kept from before"},
    {"act", 1, 0, 0, SZ_NET_ACTIVATIONS, "activation"},
    SZ_PARAM_END};

void sz_family_gpt(sz_net *n) {
    block b = block_of(n);
    const int64_t vocab = sz_net_get(n, "vocab");
    b.seq = sz_net_get(n, "seq");
    b.past = sz_net_get(n, "past");
    b.causal = b.pre_norm = true;
    const sz_value_id ids = ids_input(n, "input_ids", b.seq);
    const sz_value_id table = sz_net_weight(n, "words.weight", SZ_SHAPE(vocab, b.hidden));
    sz_value_id x = sz_net_binary(n, "words", "Gather", table, ids);
    x = add_positions(n, x, b.past, b.seq, b.hidden);
    x = sz_net_layer_norm(n, "norm", blocks(n, &b, x), b.hidden);
    logits(n, x, &b, table, vocab);
}

// ---- llama -------------------------------------------------------------------------------------

const sz_net_param sz_family_llama_params[] = {
    SIZES(32, 32, 4096, "units of the feed-forward layer (0 = 11008 for hidden=4096, in ratio)"),
    TOKENS,
    {"kv_heads", 0, 0, SZ_NET_MAX_SIZE, NULL, "heads of keys and values (0 = heads)"},
    {"head_dim", 0, 0, SZ_NET_MAX_SIZE, NULL, "features of a head (0 = hidden / heads)"},
    SZ_PARAM_SIZE("vocab", 32000, "tokens that there are"),
    {"past", 0, 0, SZ_NET_MAX_SIZE, NULL, "tokens whose keys and values are kept from before"},
    SZ_PARAM_SIZE("theta", 10000, "base of the rotary angles"),
    SZ_PARAM_FLAG("tied", 0, "1 = the head shares the table of the embedding"),
    SZ_PARAM_FLAG("qkv_bias", 0, "1 = biases on queries, keys and values"),
    {"act", 2, 0, 0, SZ_NET_ACTIVATIONS, "activation of the gate"},
    SZ_PARAM_END};

// cos and sin of position x theta^(-2i / head_dim), [B, S, head_dim / 2]. Su et al., "RoFormer".
static void rotary_angles(sz_net *n, block *b) {
    const int64_t half = b->head_dim / 2;
    const size_t outside = sz_net_enter(n, "rotary.");
    const sz_attr to = sz_net_int("to", sz_dtype_get(n->dtype)->onnx);
    const sz_value_id steps = sz_net_range(n, "steps", 0, SZ_SHAPE(1, 1, half));
    const sz_value_id places = sz_net_range(n, "places", b->past, SZ_SHAPE(1, b->seq, 1));
    sz_value_id i = sz_net_node(n, &(sz_net_op){.name = "i",
                                                .op = "Cast",
                                                .n_inputs = 1,
                                                .inputs = {steps},
                                                .n_attrs = 1,
                                                .attrs = {to}});
    sz_value_id p = sz_net_node(n, &(sz_net_op){.name = "p",
                                                .op = "Cast",
                                                .n_inputs = 1,
                                                .inputs = {places},
                                                .n_attrs = 1,
                                                .attrs = {to}});
    i = sz_net_binary(n, "exponent", "Div", i, sz_net_number(n, "half", half));
    i = sz_net_binary(n, "period", "Pow", sz_net_number(n, "theta", sz_net_get(n, "theta")), i);
    p = sz_net_binary(n, "angle", "Div", p, i);
    const sz_value_id all = sz_net_ints(n, "sizes", SZ_SHAPE(n->batch, b->seq, half));
    p = sz_net_binary(n, "angles", "Expand", p, all);
    b->cos = sz_net_unary(n, "cos", "Cos", p);
    b->sin = sz_net_unary(n, "sin", "Sin", p);
    sz_net_leave(n, outside);
}

static block llama_block(sz_net *n) {
    const int64_t kv_heads = sz_net_get(n, "kv_heads"), head_dim = sz_net_get(n, "head_dim");
    const int64_t hidden = sz_net_get(n, "hidden"), heads = sz_net_get(n, "heads");
    const int64_t ffn = sz_net_get(n, "ffn");
    block b = {.hidden = hidden,
               .heads = heads,
               .kv_heads = kv_heads ? kv_heads : heads,
               .head_dim = head_dim ? head_dim : hidden / heads,
               .ffn = ffn ? ffn : hidden * 11008 / 4096,
               .seq = sz_net_get(n, "seq"),
               .past = sz_net_get(n, "past"),
               .pre_norm = true,
               .rms = true,
               .gated = true,
               .causal = true,
               .rotary = true,
               .qkv_bias = sz_net_get(n, "qkv_bias") != 0};
    if (!head_dim && hidden % heads)
        sz_net_fail(n, "heads=%lld must divide hidden=%lld, or head_dim be given", (long long)heads,
                    (long long)hidden);
    if (b.head_dim % 2)
        sz_net_fail(n, "rotary positions need an even head_dim, not %lld", (long long)b.head_dim);
    if (b.ffn < 1) sz_net_fail(n, "ffn must be given: hidden=%lld is too small", (long long)hidden);
    return b;
}

void sz_family_llama(sz_net *n) {
    const int64_t vocab = sz_net_get(n, "vocab");
    block b = llama_block(n);
    const sz_value_id ids = ids_input(n, "input_ids", b.seq);
    const sz_value_id table = sz_net_weight(n, "words.weight", SZ_SHAPE(vocab, b.hidden));
    sz_value_id x = sz_net_binary(n, "words", "Gather", table, ids), head = table;
    rotary_angles(n, &b);
    x = sz_net_rms_norm(n, "norm", blocks(n, &b, x), b.hidden);
    if (!sz_net_get(n, "tied")) head = sz_net_weight(n, "head.weight", SZ_SHAPE(vocab, b.hidden));
    logits(n, x, &b, head, vocab);
}

// ---- vit ---------------------------------------------------------------------------------------

const sz_net_param sz_family_vit_params[] = {
    SIZES(12, 12, 768, USUAL_FFN),
    SZ_PARAM_SIZE("image", 224, "height and width"),
    SZ_PARAM_SIZE("in_channels", 3, "channels of the image"),
    SZ_PARAM_SIZE("patch", 16, "height and width of a patch"),
    SZ_PARAM_SIZE("classes", 1000, "outputs of the classifier"),
    {"act", 1, 0, 0, SZ_NET_ACTIVATIONS, "activation"},
    SZ_PARAM_END};

// The image as tokens: a row for each patch behind the class token, [B, 1 + patches, hidden].
static sz_value_id patches(sz_net *n, const block *b, int64_t count) {
    const int64_t size = sz_net_get(n, "image"), patch = sz_net_get(n, "patch");
    const int64_t channels = sz_net_get(n, "in_channels");
    const sz_net_conv c = {.spatial = 2,
                           .in = channels,
                           .out = b->hidden,
                           .kernel = patch,
                           .stride = patch,
                           .bias = true};
    sz_value_id x = sz_net_input(n, "image", n->dtype, SZ_SHAPE(n->batch, channels, size, size));
    x = sz_net_convolution(n, "patches", x, &c);
    x = sz_net_reshape(n, "tokens", x, SZ_SHAPE(n->batch, b->hidden, count));
    x = sz_net_transpose(n, "turn", x, SZ_SHAPE(0, 2, 1));
    const sz_value_id token = sz_net_weight(n, "class.weight", SZ_SHAPE(1, 1, b->hidden));
    const sz_value_id sizes = sz_net_ints(n, "class.sizes", SZ_SHAPE(n->batch, 1, b->hidden));
    const sz_value_id first = sz_net_binary(n, "class", "Expand", token, sizes);
    x = sz_net_node(n, &(sz_net_op){.name = "concat",
                                    .op = "Concat",
                                    .n_inputs = 2,
                                    .inputs = {first, x},
                                    .n_attrs = 1,
                                    .attrs = {sz_net_int("axis", 1)}});
    const sz_value_id places = sz_net_weight(n, "positions.weight",
                                             SZ_SHAPE(1, count + 1, b->hidden));
    return sz_net_binary(n, "positions", "Add", x, places);
}

void sz_family_vit(sz_net *n) {
    const int64_t size = sz_net_get(n, "image"), patch = sz_net_get(n, "patch");
    block b = block_of(n);
    if (size % patch)
        sz_net_fail(n, "patch=%lld must divide image=%lld", (long long)patch, (long long)size);
    const int64_t count = (size / patch) * (size / patch);
    b.seq = count + 1;
    b.pre_norm = true;
    sz_value_id x = blocks(n, &b, patches(n, &b, count));
    x = first_token(n, sz_net_layer_norm(n, "norm", x, b.hidden));
    sz_net_output(n, sz_net_linear(n, "head", x, b.hidden, sz_net_get(n, "classes"), true));
}
