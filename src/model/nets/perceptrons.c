// SPDX-License-Identifier: Apache-2.0
// Families of perceptrons and recommenders.
#include "model/nets/families.h"

#include <stdio.h>

const sz_net_param sz_family_mlp_params[] = {
    SZ_PARAM_SIZE("input", 784, "features"),
    SZ_PARAM_SIZE("width", 512, "units of a hidden layer"),
    SZ_PARAM_LAYERS(2, "hidden layers"),
    SZ_PARAM_SIZE("output", 10, "outputs"),
    SZ_PARAM_WORDS("act", SZ_NET_ACTIVATIONS, "activation"),
    SZ_PARAM_FLAG("bias", 1, "1 = with biases"),
    SZ_PARAM_END};

void sz_family_mlp(sz_net *n) {
    const bool bias = sz_net_get(n, "bias") != 0;
    const int64_t width = sz_net_get(n, "width");
    int64_t in = sz_net_get(n, "input");
    sz_value_id x = sz_net_input(n, "x", n->dtype, SZ_SHAPE(n->batch, in));
    for (int64_t i = 0; i < sz_net_get(n, "layers") && n->status == SZ_OK; i++) {
        const size_t outside = sz_net_enter(n, "layer%lld.", (long long)i);
        x = sz_net_activation(n, "act", "act", sz_net_linear(n, "fc", x, in, width, bias));
        sz_net_leave(n, outside);
        in = width;
    }
    sz_net_output(n, sz_net_linear(n, "output", x, in, sz_net_get(n, "output"), bias));
}

// Layers of the given widths with a Relu after each.
static sz_value_id perceptron(sz_net *n, const char *name, sz_value_id x, int64_t in,
                              size_t n_widths, const int64_t *widths) {
    for (size_t i = 0; i < n_widths; i++) {
        const size_t outside = sz_net_enter(n, "%s%d.", name, (int)i);
        x = sz_net_unary(n, "relu", "Relu", sz_net_linear(n, "fc", x, in, widths[i], true));
        sz_net_leave(n, outside);
        in = widths[i];
    }
    return x;
}

static sz_value_id concat(sz_net *n, const char *name, sz_value_id a, sz_value_id b) {
    return sz_net_node(n, &(sz_net_op){.name = name,
                                       .op = "Concat",
                                       .n_inputs = 2,
                                       .inputs = {a, b},
                                       .n_attrs = 1,
                                       .attrs = {sz_net_int("axis", 1)}});
}

// ---- dlrm --------------------------------------------------------------------------------------

// Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation
// Systems": each table gives one row; the dot products of all pairs of rows go into the top.
enum { MAX_TABLES = 300 };

const sz_net_param sz_family_dlrm_params[] = {
    SZ_PARAM_SIZE("dense", 13, "numeric features"),
    {"tables", 26, 1, MAX_TABLES, NULL, "categorical features, a table each"},
    SZ_PARAM_SIZE("rows", 1000000, "rows of each table"),
    SZ_PARAM_SIZE("dim", 64, "length of an embedding"),
    SZ_PARAM_END};

// [B, F, D] -> the F (F - 1) / 2 products of different rows.
static sz_value_id interactions(sz_net *n, sz_value_id rows, int64_t features, int64_t pairs) {
    static const int64_t swap[] = {0, 2, 1};
    int64_t *ids = sz_arena_array(n->graph->arena, (size_t)pairs, sizeof *ids), k = 0;
    if (!ids) {
        n->status = n->status == SZ_OK ? sz_no_memory(n->ctx) : n->status;
        return SZ_NONE;
    }
    for (int64_t i = 0; i < features; i++)
        for (int64_t j = 0; j < i; j++) ids[k++] = i * features + j;
    const sz_value_id turned = sz_net_transpose(n, "turn", rows, 3, swap);
    sz_value_id x = sz_net_binary(n, "dots", "MatMul", rows, turned);
    x = sz_net_reshape(n, "flatten", x, SZ_SHAPE(n->batch, features * features));
    const sz_value_id wanted = sz_net_ints(n, "pairs.ids", (int32_t)pairs, ids);
    return sz_net_node(n, &(sz_net_op){.name = "pairs",
                                       .op = "Gather",
                                       .n_inputs = 2,
                                       .inputs = {x, wanted},
                                       .n_attrs = 1,
                                       .attrs = {sz_net_int("axis", 1)}});
}

// The row of each table, behind the dense features: [B, 1 + tables, D].
static sz_value_id stack_rows(sz_net *n, sz_value_id dense) {
    const int64_t dim = sz_net_get(n, "dim"), tables = sz_net_get(n, "tables");
    sz_value_id rows[1 + MAX_TABLES] = {
        sz_net_reshape(n, "dense.row", dense, SZ_SHAPE(n->batch, 1, dim))};
    for (int64_t i = 0; i < tables && n->status == SZ_OK; i++) {
        char ids[32];
        snprintf(ids, sizeof ids, "ids%d", (int)i);
        const sz_value_id id = sz_net_input(n, ids, sz_dtype_by_name("i64"), SZ_SHAPE(n->batch, 1));
        const size_t outside = sz_net_enter(n, "table%d.", (int)i);
        rows[1 + i] = sz_net_embedding(n, "row", id, sz_net_get(n, "rows"), dim);
        sz_net_leave(n, outside);
    }
    return sz_net_node(n, &(sz_net_op){.name = "stack",
                                       .op = "Concat",
                                       .many = rows,
                                       .n_inputs = (int32_t)(1 + tables),
                                       .n_attrs = 1,
                                       .attrs = {sz_net_int("axis", 1)}});
}

void sz_family_dlrm(sz_net *n) {
    const int64_t dense = sz_net_get(n, "dense"), dim = sz_net_get(n, "dim");
    const int64_t features = 1 + sz_net_get(n, "tables"), pairs = features * (features - 1) / 2;
    const int64_t bottom[] = {512, 256, dim};
    static const int64_t top[] = {1024, 1024, 512, 256};
    const sz_value_id input = sz_net_input(n, "dense", n->dtype, SZ_SHAPE(n->batch, dense));
    const sz_value_id x = perceptron(n, "bottom", input, dense, 3, bottom);
    const sz_value_id crossed = interactions(n, stack_rows(n, x), features, pairs);
    sz_value_id y = concat(n, "features", x, crossed);
    y = perceptron(n, "top", y, dim + pairs, 4, top);
    sz_net_output(n,
                  sz_net_unary(n, "click", "Sigmoid", sz_net_linear(n, "last", y, 256, 1, true)));
}

// ---- ncf ---------------------------------------------------------------------------------------

// He et al., "Neural Collaborative Filtering": a product of embeddings beside a perceptron over
// other embeddings. Sizes as in MLPerf training v0.5 (MovieLens 20M).
const sz_net_param sz_family_ncf_params[] = {
    SZ_PARAM_SIZE("users", 138493, "users"),
    SZ_PARAM_SIZE("items", 26744, "items"),
    SZ_PARAM_SIZE("factors", 64, "length of the embeddings that are multiplied"),
    {"width", 256, 8, SZ_NET_MAX_SIZE, NULL,
     "units of the first layer, a multiple of 4; the others: width, width / 2, width / 4"},
    SZ_PARAM_AXES("layers", 0, 0, SZ_NET_MAX_SIZE,
                  "instead: input and layers of the perceptron, such as 64x32x16x8 (0 = by width)"),
    SZ_PARAM_END};

// Widths of the perceptron, its input first; how many.
static int32_t ncf_widths(sz_net *n, int64_t ret[SZ_NET_NUMBERS]) {
    const int64_t width = sz_net_get(n, "width");
    const int32_t count = sz_net_list_of(n, "layers", ret);
    if (count == 1 && ret[0] == 0) {
        if (width % 4) sz_net_fail(n, "width=%lld is no multiple of 4", (long long)width);
        ret[0] = ret[1] = width, ret[2] = width / 2, ret[3] = width / 4;
        return 4;
    }
    for (int32_t i = 0; i < count; i++)
        if (ret[i] == 0) sz_net_fail(n, "a layer has no units");
    if (count < 2)
        sz_net_fail(n, "layers needs 2 numbers or more: the width of the input, then the layers");
    if (ret[0] % 2)
        sz_net_fail(n, "layers begins with %lld, the length of two embeddings: it must be even",
                    (long long)ret[0]);
    return count;
}

static sz_value_id look_up(sz_net *n, const char *name, sz_value_id id, const char *rows,
                           int64_t width) {
    return sz_net_embedding(n, name, id, sz_net_get(n, rows), width);
}

void sz_family_ncf(sz_net *n) {
    const int64_t factors = sz_net_get(n, "factors");
    int64_t widths[SZ_NET_NUMBERS];
    const int32_t count = ncf_widths(n, widths);
    const int64_t width = widths[0], last = widths[count - 1];
    const sz_dtype i64 = sz_dtype_by_name("i64");
    if (n->status != SZ_OK) return;
    const sz_value_id user = sz_net_input(n, "user", i64, SZ_SHAPE(n->batch));
    const sz_value_id item = sz_net_input(n, "item", i64, SZ_SHAPE(n->batch));
    const sz_value_id a = look_up(n, "user_factors", user, "users", factors);
    const sz_value_id b = look_up(n, "item_factors", item, "items", factors);
    const sz_value_id product = sz_net_binary(n, "product", "Mul", a, b);
    const sz_value_id c = look_up(n, "user_features", user, "users", width / 2);
    const sz_value_id d = look_up(n, "item_features", item, "items", width / 2);
    sz_value_id x = concat(n, "features", c, d);
    x = perceptron(n, "layer", x, width, (size_t)count - 1, widths + 1);
    x = sz_net_linear(n, "last", concat(n, "both", product, x), factors + last, 1, true);
    sz_net_output(n, sz_net_unary(n, "score", "Sigmoid", x));
}
