// SPDX-License-Identifier: Apache-2.0
// A training step: rules of single operators worked out by hand, totals that torch counts on the
// same nets, and the published formulas of memory.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/graph/model.h"
#include "model/ops/gradient.h"

#include <sizeup/cost.h>

static const char *folder; // of this file

typedef struct step {
    sz_ctx *ctx;
    sz_model *model;
    sz_costs *costs;
} step;

static step cost(sz_ctx *ctx, sz_model *model, const sz_cost_options *options) {
    step s = {ctx, model, NULL};
    if (sz_costs_create(ctx, model, options, &s.costs) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
    return s;
}

static step parse(const char *text, const sz_cost_options *options) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    assert_non_null(ctx);
    if (sz_model_parse(ctx, text, NULL, &model) != SZ_OK)
        fail_msg("%s in %s", sz_ctx_error(ctx), text);
    return cost(ctx, model, options);
}

static void done(step *s) {
    sz_costs_destroy(s->costs);
    sz_model_destroy(s->model);
    sz_ctx_destroy(s->ctx);
}

// ---- single operators --------------------------------------------------------------------------

// `a` is data that depends on a parameter: f32[2,3,4,4], 96 elements, 384 bytes. The last statement
// is looked at: gradients of data and of parameters, bytes that it makes the step keep, and bytes
// of statistics.
typedef struct rule_case {
    const char *text;
    int64_t data, weight, stored, statistics;
} rule_case;

static const rule_case rules[] = {
    // ---- one operand: the operations of the table, X or Y
    {"y = Neg(a)", 96, 0, 0, 0},
    {"y = Relu(a)", 96, 0, 384, 0},
    {"y = Sigmoid(a)", 3 * 96, 0, 384, 0},
    {"y = Tanh(a)", 3 * 96, 0, 384, 0},
    {"y = Gelu(a)", 11 * 96, 0, 384, 0},
    {"y = Gelu(a) {approximate=\"tanh\"}", 18 * 96, 0, 384, 0},
    {"y = Swish(a)", 9 * 96, 0, 384, 0},
    {"y = Swish(a) {alpha=2.0}", 10 * 96, 0, 384, 0},
    {"y = Clip(a) {}", 0, 0, 384, 0},
    {"lo = const f32[] {0.0}; hi = const f32[] {6.0}; y = Clip(a, lo, hi)", 2 * 96, 0, 384, 0},
    {"y = Softmax(a)", 4 * 96, 0, 384, 0},
    {"y = Cast(a) {to=10}", 0, 0, 0, 0},
    {"y = Identity(a)", 0, 0, 0, 0},
    {"y = Transpose(a) {perm=[1,0,2,3]}", 0, 0, 0, 0},
    {"y = Floor(a)", 0, 0, 0, 0},
    // ---- two operands. A bias of 3 channels sums 96 - 3 times; its own gradient is the weight's
    {"c = const f32[3,1,1]; y = Add(a, c)", 0, 93, 0, 0},
    {"c = const f32[3,1,1]; y = Mul(a, c)", 96, 96 + 93, 384, 0},
    {"c = const f32[] {2.0}; y = Mul(a, c)", 96, 0, 0, 0},
    {"y = Mul(a, a)", 192, 0, 384, 0},
    {"y = Sub(a, a)", 96, 0, 0, 0},
    {"c = const f32[] {2.0}; y = Div(a, c)", 96, 0, 0, 0},
    {"y = Div(a, a)", 4 * 96, 0, 768, 0},
    {"c = const f32[] {2.0}; y = Pow(a, c)", 2 * 96, 0, 384, 0},
    {"c = const f32[] {3.0}; y = Pow(a, c)", 3 * 96, 0, 384, 0},
    {"y = Max(a, a)", 2 * 96, 0, 768, 0},
    {"y = Sum(a, a, a)", 0, 0, 0, 0},
    {"y = Mean(a, a)", 96, 0, 0, 0},
    {"c = const f32[3,1,1]; y = PRelu(a, c)", 2 * 96, 96 + 93, 384, 0},
    {"z = const f32[] {0.0}; m = const bool[2,3,4,4]; y = Where(m, a, z)", 0, 0, 0, 0},
    {"y = SwiGLU(a, a)", 12 * 96, 0, 384, 0},
    // ---- movement
    {"s = const i64[4] {2,3,4,8}; b = Concat(a, a) {axis=3}; y = Expand(b, s)", 0, 0, 0, 0},
    {"s = const i64[5] {5,2,3,4,4}; y = Expand(a, s)", 480 - 96, 0, 0, 0},
    // rows of a table: 2 x 5 of them with 8 numbers; the indices, 80 bytes, are kept
    {"i = const i64[2,5]; t = const f32[100,8]; y = Gather(t, i)", 0, 80, 0, 0},
    {"y = Slice@9(a) {starts=[0], ends=[1], axes=[0]}", 0, 0, 0, 0},
    // mask: a byte per element; times mask, times scale
    {"y = Dropout(a)", 2 * 96, 0, 96, 0},
    {"r = const f32[] {0.0}; t = const bool[] {true}; y = Dropout(a, r, t)", 0, 0, 0, 0},
    // ---- pools: 2 x 3 x 2 x 2 = 24 results. Indices of 8 bytes; 4 in each window
    {"y = MaxPool(a) {kernel_shape=[2,2], strides=[2,2]}", 24, 0, 192, 0},
    {"y = AveragePool(a) {kernel_shape=[2,2], strides=[2,2]}", 24 * 5, 0, 0, 0},
    {"y = LpPool(a) {kernel_shape=[2,2], strides=[2,2]}", 24 * 9, 0, 384 + 96, 0},
    {"y = GlobalAveragePool(a)", 6, 0, 0, 0},
    {"y = GlobalMaxPool(a)", 0, 0, 48, 0},
    // ---- norms. Rows: 2*3*4 = 24 of 4 numbers; f32 mean and deviation each
    {"g = const f32[4]; b = const f32[4]; y = LayerNormalization(a, g, b)", 960 + 48, 3 * 96, 384,
     192},
    {"g = const f32[4]; y = RMSNormalization(a, g)", 7 * 96 + 24, 2 * 96, 384, 96},
    // 3 channels; the two sums go to the weights: 3 per element
    {"g = const f32[3]; b = const f32[3]; m = const f32[3]; v = const f32[3];"
     "y = BatchNormalization(a, g, b, m, v)",
     6 * 96 + 9, 3 * 96, 384, 24},
    {"g = const f32[3]; b = const f32[3]; y = InstanceNormalization(a, g, b)", 960 + 12, 3 * 96,
     384, 48},
    {"y = MeanVarianceNormalization(a)", 7 * 96 + 6, 0, 384, 12},
    {"y = LpNormalization(a)", 5 * 96, 0, 384, 96},
    {"y = LRN(a) {size=5}", 12 * 96, 0, 3 * 384, 0},
    // ---- reductions to 24 results
    {"x3 = const i64[1] {3}; y = ReduceMean(a, x3)", 24, 0, 0, 0},
    {"x3 = const i64[1] {3}; y = ReduceSum(a, x3)", 0, 0, 0, 0},
    {"x3 = const i64[1] {3}; y = ReduceL2(a, x3)", 96 + 24, 0, 384 + 96, 0},
    {"x3 = const i64[1] {3}; y = ReduceLogSumExp(a, x3)", 3 * 96, 0, 384 + 96, 0},
    // ---- losses: scores 2x3x4x4, 2*4*4 labels of 8 bytes; logarithms are kept
    {"l = const i64[2,4,4]; y = SoftmaxCrossEntropyLoss(a, l)", 2 * 96 + 32, 0, 384, 0},
    // ---- contractions. MatMul of 24 rows, 4 x 5: 480 MACs = 960 FLOPs a gradient
    {"w = const f32[4,5]; y = MatMul(a, w)", 960, 960, 384, 0},
    {"b = Transpose(a) {perm=[0,1,3,2]}; y = MatMul(a, b)", 2 * 768, 0, 384, 0},
    // 3 x 3 with padding: 2*6*16*27 = 5184 MACs
    {"w = const f32[6,3,3,3]; b = const f32[6]; y = Conv(a, w, b) {pads=[1,1,1,1]}", 10368, 10368,
     384, 0},
    {"w = const f32[3,6,2,2]; y = ConvTranspose(a, w) {strides=[2,2]}", 4608, 4608, 384, 0},
    {"w = const f32[4,5]; y = Einsum(a, w) {equation=\"bcij,jk->bcik\"}", 960, 960, 384, 0},
};

static step run_case(const rule_case *c) {
    char text[2048];
    const sz_cost_options options = {.training = 1};
    snprintf(text, sizeof text,
             "graph g opset=24 { input x: f32[2,3,4,4]; p = const f32[2,3,4,4]; a = Add(x, p); %s; "
             "output y }",
             c->text);
    return parse(text, &options);
}

static void rules_by_hand(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const rule_case *c = &rules[i];
        step s = run_case(c);
        const sz_training t = sz_costs_training(s.costs);
        const sz_node_training n = sz_costs_node_training(s.costs,
                                                          sz_costs_node_count(s.costs) - 1);
        if (n.unknown || n.backward_data_flops != c->data || n.backward_weight_flops != c->weight ||
            t.stored_activation_bytes != c->stored || t.stored_statistic_bytes != c->statistics)
            fail_msg("%s: data %" PRId64 " weight %" PRId64 " stored %" PRId64
                     " statistics %" PRId64 " unknown %s",
                     c->text, n.backward_data_flops, n.backward_weight_flops,
                     t.stored_activation_bytes, t.stored_statistic_bytes,
                     n.unknown ? n.unknown : "no");
        done(&s);
    }
}

// 5 steps of 2 samples, 3 inputs, 4 states: 40 cells. LSTM: 40*4*(3+4) = 1120 MACs forward. Back:
// the states' part 640, inputs 480, W 480, R 640. Kept: four gates and c, 5*40*4 bytes, the states
// Y (160) and X (120).
static void recurrent_layers(void **state) {
    (void)state;
    static const struct {
        const char *op;
        int gates, third;
        int64_t saved; // numbers per cell, beside Y
    } cells[] = {{"LSTM", 4, 1, 5}, {"GRU", 3, 0, 3}, {"RNN", 1, 0, 0}};
    const sz_cost_options options = {.training = 1};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        char text[1024];
        const int64_t g = cells[i].gates;
        snprintf(text, sizeof text,
                 "graph g { input x: f32[5,2,3]; p = const f32[5,2,3]; a = Add(x, p)"
                 " w = const f32[1,%d,3]; r = const f32[1,%d,4]; y = %s(a, w, r) {hidden_size=4}"
                 " output y }",
                 4 * (int)g, 4 * (int)g, cells[i].op);
        step s = parse(text, &options);
        const sz_training t = sz_costs_training(s.costs);
        const sz_node_training n = sz_costs_node_training(s.costs, 1);
        assert_int_equal(sz_costs_node(s.costs, 1).cost.macs, 40 * g * 7);
        assert_int_equal(n.backward_macs, 2 * 40 * g * 7);
        assert_int_equal(n.backward_data_flops, 2 * 40 * g * 7);
        assert_int_equal(n.backward_weight_flops, 2 * 40 * g * 7);
        assert_int_equal(t.stored_activation_bytes, 4 * (cells[i].saved * 40 + 40 + 30));
        done(&s);
    }
}

// 2 samples, 3 heads, 4 queries and keys, heads of 5: 96 scores, 480 MACs each product. Backward
// four of them. Q, K, V take 480 bytes each, the probabilities 384; run again, they are not kept.
static void fused_attention(void **state) {
    (void)state;
    static const char *const words[] = {"none", "selective", "full"};
    for (int i = 0; i < 3; i++) {
        const sz_cost_options options = {.training = 1, .recompute = words[i]};
        step s = parse("graph g { input x: f32[2,3,4,5]; p = const f32[2,3,4,5]; q = Add(x, p)"
                       " k = Neg(q); v = Neg(k); y = Attention(q, k, v); output y }",
                       &options);
        const sz_training t = sz_costs_training(s.costs);
        const sz_node_training n = sz_costs_node_training(s.costs, 3);
        assert_int_equal(sz_costs_node(s.costs, 3).cost.macs, 960);
        assert_int_equal(n.backward_macs, 1920);
        if (i < 2) assert_int_equal(t.stored_activation_bytes, 3 * 480 + (i == 0 ? 384 : 0));
        if (i == 1) assert_int_equal(t.recompute_flops, 1920);
        done(&s);
    }
}

// The body of a loop counts with its trips: 7 times tanh of 6 elements, 3 operations and 24 bytes
// each, and 6 additions where the state is handed on.
static void bodies(void **state) {
    (void)state;
    const sz_cost_options options = {.training = 1};
    step s = parse("graph g { input x: f32[6]; p = const f32[6]; a = Add(x, p); n = const i64[] {7}"
                   " c = const bool[] {true}; y = Loop(n, c, a) {body=graph {"
                   " input i: i64[], k: bool[], h: f32[6]; k2 = Identity(k); t = Tanh(h)"
                   " output k2, t }}; output y }",
                   &options);
    const sz_node_training n = sz_costs_node_training(s.costs, 1);
    assert_null(n.unknown);
    assert_int_equal(n.backward_data_flops, 7 * 18);
    assert_int_equal(sz_costs_training(s.costs).stored_activation_bytes, 7 * 24);
    done(&s);
    s = parse("graph g { input x: f32[6], c: bool[]; p = const f32[6]; a = Add(x, p)"
              " y = If(c) {then_branch=graph { t = Tanh(a) output t }, else_branch=graph {"
              " r = Relu(a) output r }}; output y }",
              &options);
    assert_int_equal(sz_costs_node_training(s.costs, 1).backward_data_flops, 18);
    done(&s);
}

// An operator without a rule is named, and what is before it still has its gradients.
static void says_what_it_does_not_know(void **state) {
    (void)state;
    const sz_cost_options options = {.training = 1};
    step s = parse("graph g { input x: f32[4,4]; w = const f32[4,4]; a = MatMul(x, w); y = Det(a)"
                   " output y }",
                   &options);
    assert_non_null(sz_costs_node_training(s.costs, 1).unknown);
    assert_int_equal(sz_costs_training(s.costs).nodes_without_gradient, 1);
    assert_int_equal(sz_costs_node_training(s.costs, 0).backward_macs, 64);
    done(&s);
}

// Every row belongs to an operator, once; operators of these kinds all have one.
static void table(void **state) {
    (void)state;
    static const sz_op_kind all[] = {
        SZ_KIND_NORM,   SZ_KIND_ACTIVATION, SZ_KIND_SOFTMAX, SZ_KIND_POOL, SZ_KIND_ELEMENTWISE,
        SZ_KIND_REDUCE, SZ_KIND_CAST,       SZ_KIND_MOVE,    SZ_KIND_VIEW, SZ_KIND_RESIZE,
        SZ_KIND_SHAPE,  SZ_KIND_RANDOM,     SZ_KIND_LOSS};
    for (size_t i = 0; sz_gradient_get(i); i++) {
        const sz_gradient *r = sz_gradient_get(i);
        const int32_t row = sz_op_find(sz_str_c(r->domain), sz_str_c(r->name));
        if (row == SZ_NONE) fail_msg("no operator %s", r->name);
        if (sz_gradient_of(row) != r) fail_msg("%s twice", r->name);
    }
    for (int32_t i = 0; i < sz_op_count(); i++) {
        const sz_op *op = sz_op_get(i);
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            if (*op->domain == '\0' && op->kind == all[k] && !sz_gradient_of(i))
                fail_msg("%s has no gradient", op->name);
    }
}

// ---- torch -------------------------------------------------------------------------------------

// torch 2.15 FlopCounterMode over forward and backward of all outputs, inputs without gradient:
// torchvision 0.29 and transformers 5.24 (eager attention) on the shapes of the files; unet, dcgan,
// conv1d and whisper from these very files by onnx2torch 1.5.15. It multiplies the gradient of a
// grouped convolution's weights by the number of groups once too often, so its total is ours plus
// 2 x MACs x (groups - 1) for each of them, to the unit.
static const struct {
    const char *model;
    int64_t total;
} torch_totals[] = {
    {"mlp", 2407424},
    {"einsum", 29884416},
    {"resnet18", 10648412160},
    {"resnet18.bn", 10648412160},
    {"resnet50", 24299077632},
    {"vgg16", 92648177664},
    {"densenet121", 16768942080},
    {"squeezenet1_1", 2052330240},
    {"mobilenet_v2", 12279700992},
    {"efficientnet_b0", 32185843584},
    {"conv1d", 15019618304},
    {"unet", 55213817856},
    {"dcgan", 626130944},
    {"vit_b_16", 105151758336},
    {"swin_t.dynamo", 26914498560},
    {"bert_base", 67045294080},
    {"gpt2_prefill.dynamo", 96684539904},
    {"whisper_tiny_encoder", 110260224000},
};

static int64_t grouped(const sz_model *m, const sz_costs *c) {
    int64_t sum = 0;
    for (size_t i = 0; i < m->graph->nodes.n; i++) {
        const sz_node *n = &m->graph->nodes.items[i];
        if (sz_str_is(n->op, "Conv"))
            sum += 2 * sz_costs_node(c, i).cost.macs * (sz_attr_i(n, "group", 1) - 1);
    }
    return sum;
}

static void totals_of_torch(void **state) {
    (void)state;
    const sz_cost_options options = {.training = 1};
    const sz_cost_options as_torch = {.training = 1, .convention = "torch"};
    for (size_t i = 0; i < sizeof torch_totals / sizeof *torch_totals; i++) {
        char path[1024];
        sz_ctx *ctx = sz_ctx_create(NULL);
        sz_model *model = NULL;
        snprintf(path, sizeof path, "%s/models/%s.onnx", folder, torch_totals[i].model);
        if (sz_model_load(ctx, path, NULL, &model) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
        step s = cost(ctx, model, &options);
        const int64_t ours = 2 * (sz_costs_total(s.costs).macs +
                                  sz_costs_training(s.costs).backward_macs);
        if (ours + grouped(model, s.costs) != torch_totals[i].total)
            fail_msg("%s: %" PRId64, torch_totals[i].model, ours);
        assert_int_equal(sz_costs_training(s.costs).nodes_without_gradient, 0);
        sz_costs_destroy(s.costs);
        s = cost(ctx, model, &as_torch); // the convention says it by itself
        const sz_training t = sz_costs_training(s.costs);
        assert_int_equal(t.forward_flops + t.backward_flops, ours);
        done(&s);
    }
}

// ---- memory ------------------------------------------------------------------------------------

typedef struct layer {
    int b, s, h, a, layers;
} layer;

typedef struct text {
    char buf[16384];
    size_t n;
} text;

static void put(text *t, const char *fmt, ...) SZ_PRINTF(2, 3);
static void put(text *t, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    t->n += (size_t)vsnprintf(t->buf + t->n, sizeof t->buf - t->n, fmt, args);
    va_end(args);
    assert_true(t->n < sizeof t->buf);
}

// A layer of Megatron-LM in f16: attention with dropout on its probabilities, dropout before both
// residual sums, a hidden layer of 4 h with GELU. `i` numbers names.
static void put_layer(text *t, const layer *l, int i) {
    const int h = l->h;
    put(t, "g%d = const f16[%d]; c%d = const f16[%d]; n%d = LayerNormalization(x%d, g%d, c%d)\n", i,
        h, i, h, i, i, i, i);
    for (const char *k = "qkv"; *k; k++)
        put(t,
            "%cw%d = const f16[%d,%d]; %cb%d = const f16[%d]; %cm%d = MatMul(n%d, %cw%d)\n"
            "%cs%d = Add(%cm%d, %cb%d); %cr%d = Reshape(%cs%d, heads)\n"
            "%c%d = Transpose(%cr%d) {perm=[%s]}\n",
            *k, i, h, h, *k, i, h, *k, i, i, *k, i, *k, i, *k, i, *k, i, *k, i, *k, i, *k, i, *k, i,
            *k == 'k' ? "0,2,3,1" : "0,2,1,3");
    put(t,
        "s%d = MatMul(q%d, k%d); d%d = Div(s%d, scale); p%d = Softmax(d%d)\n"
        "pd%d = Dropout(p%d, ratio, yes); o%d = MatMul(pd%d, v%d)\n"
        "ot%d = Transpose(o%d) {perm=[0,2,1,3]}; om%d = Reshape(ot%d, rows)\n"
        "ow%d = const f16[%d,%d]; ob%d = const f16[%d]; oo%d = MatMul(om%d, ow%d)\n"
        "oa%d = Add(oo%d, ob%d); od%d = Dropout(oa%d, ratio, yes); z%d = Add(od%d, x%d)\n",
        i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, i, h, h, i, h, i, i, i, i, i, i, i, i, i, i,
        i);
    put(t,
        "mg%d = const f16[%d]; mc%d = const f16[%d]; mn%d = LayerNormalization(z%d, mg%d, mc%d)\n"
        "fw%d = const f16[%d,%d]; fb%d = const f16[%d]; fm%d = MatMul(mn%d, fw%d)\n"
        "fa%d = Add(fm%d, fb%d); fg%d = Gelu(fa%d) {approximate=\"tanh\"}\n"
        "ew%d = const f16[%d,%d]; eb%d = const f16[%d]; em%d = MatMul(fg%d, ew%d)\n"
        "ea%d = Add(em%d, eb%d); ed%d = Dropout(ea%d, ratio, yes); x%d = Add(ed%d, z%d)\n",
        i, h, i, h, i, i, i, i, i, h, 4 * h, i, 4 * h, i, i, i, i, i, i, i, i, i, 4 * h, h, i, h, i,
        i, i, i, i, i, i, i, i + 1, i, i);
}

static void put_net(text *t, const layer *l) {
    put(t,
        "graph m opset=22 { input x0: f16[%d,%d,%d]; heads = const i64[4] {0,0,%d,%d}\n"
        "rows = const i64[3] {0,0,%d}; ratio = const f32[] {0.1}; yes = const bool[] {true}\n"
        "scale = const f16[] {8.0}\n",
        l->b, l->s, l->h, l->a, l->h / l->a, l->h);
    for (int i = 0; i < l->layers; i++) put_layer(t, l, i);
    put(t, "output x%d }", l->layers);
}

// Korthikanti et al. 2022, equations 1 to 3 without parallelism: bytes per layer s b h (34 + 5 a s
// / h), 34 s b h with selective recomputation, 2 s b h with full. Mean and deviation of both norms,
// which the paper leaves out as small, are counted apart: 2 norms, 2 f32 numbers, s b rows.
static void megatron(void **state) {
    (void)state;
    static const layer nets[] = {
        {2, 32, 64, 4, 1},  {1, 128, 64, 8, 2},     {4, 16, 256, 16, 3},
        {3, 100, 48, 6, 5}, {1, 2048, 1024, 16, 2}, {1, 2048, 12288, 96, 1}}; // the last: GPT-3
    static const char *const words[] = {"none", "selective", "full"};
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        const layer *l = &nets[i];
        static text t;
        t.n = 0;
        put_net(&t, l);
        const int64_t sb = (int64_t)l->s * l->b, sbh = sb * l->h;
        const int64_t scores = (int64_t)l->a * l->s * sb;
        const int64_t want[] = {34 * sbh + 5 * scores, 34 * sbh, 2 * sbh};
        for (int k = 0; k < 3; k++) {
            const sz_cost_options options = {.training = 1, .recompute = words[k]};
            step s = parse(t.buf, &options);
            const sz_training r = sz_costs_training(s.costs);
            assert_int_equal(r.stored_activation_bytes, l->layers * want[k]);
            assert_int_equal(r.stored_statistic_bytes, k == 2 ? 0 : l->layers * 16 * sb);
            // Selective: both products of the core again, 4 b s^2 h; scale 1, softmax 5, dropout 2.
            if (k == 1)
                assert_int_equal(r.recompute_flops,
                                 l->layers * (4 * sb * l->s * l->h + 8 * scores));
            if (k == 2) assert_int_equal(r.recompute_flops, r.forward_flops);
            // 24 b s h^2 + 4 b s^2 h forward, twice that backward (Narayanan et al. 2021).
            assert_int_equal(2 * sz_costs_total(s.costs).macs,
                             l->layers * (24 * sbh * l->h + 4 * sb * l->s * l->h));
            assert_int_equal(r.backward_macs, 2 * sz_costs_total(s.costs).macs);
            done(&s);
        }
    }
}

// Rajbhandari et al. 2020, section 3.1: mixed precision with Adam keeps 2 + 2 + 12 bytes per
// parameter: weights, gradients, and f32 copy, momentum and variance. In f32 it is 4 + 4 + 8.
static void model_states(void **state) {
    (void)state;
    static const struct {
        const char *optimizer, *precision;
        int64_t weights, gradients, states;
    } rows[] = {{"adam", "mixed", 2, 2, 12},  {"adam", "f32", 4, 4, 8},
                {"sgd", "mixed", 2, 2, 4},    {"sgd", "model", 4, 4, 0},
                {"momentum", "f32", 4, 4, 4}, {"adamw", "mixed", 2, 2, 12},
                {NULL, NULL, 4, 4, 8}};
    enum { PARAMETERS = 20 * 30 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const sz_cost_options options = {
            .training = 1, .optimizer = rows[i].optimizer, .precision = rows[i].precision};
        step s = parse("graph g { input x: f32[1,20]; w = const f32[20,30]; y = MatMul(x, w)"
                       " output y }",
                       &options);
        const sz_training t = sz_costs_training(s.costs);
        assert_int_equal(t.trainable_params, PARAMETERS);
        assert_int_equal(t.weight_bytes, PARAMETERS * rows[i].weights);
        assert_int_equal(t.gradient_bytes, PARAMETERS * rows[i].gradients);
        assert_int_equal(t.optimizer_state_bytes, PARAMETERS * rows[i].states);
        done(&s);
    }
    const sz_cost_options factored = {.training = 1, .optimizer = "adafactor"}; // 20 + 30 numbers
    step s = parse(
        "graph g { input x: f32[1,20]; w = const f32[20,30]; y = MatMul(x, w) output y }",
        &factored);
    assert_int_equal(sz_costs_training(s.costs).optimizer_state_bytes, 200);
    done(&s);
}

// Worked by hand in docs/training.md: x f32[2,3] -> Gemm 3x4 -> Relu -> Gemm 4x5. Weights 12 + 20
// numbers, 128 bytes, with Adam's 256. Forward: x 24 bytes, h 32, r 32 (Relu in a buffer of its
// own), y 40. Kept: x for dW1, r for Relu and dW2. Backward: dy 40 comes with y; dW2 80, dr 32,
// then dh 32, dW1 48.
//   Gemm 1  x 24 + h 32 = 56                        Gemm 2 back  x 24 + r 32 + dy 40 + dr 32 + dW2
//   80 = 208 Relu    x 24 + h 32 + r 32 = 88                 Relu back    x 24 + r 32 + dr 32 + dh
//   32 + dW2 80 = 200 Gemm 2  x 24 + r 32 + y 40 = 96                 Gemm 1 back  x 24 + dh 32 +
//   dW2 80 + dW1 48 = 184
// and dy is born while y is alive still: x 24 + r 32 + y 40 + dy 40 + dr 32 + dW2 80 = 248.
static void peak_by_hand(void **state) {
    (void)state;
    const sz_cost_options options = {.training = 1};
    step s = parse("graph g { input x: f32[2,3]; a = const f32[3,4]; b = const f32[4,5]"
                   " h = Gemm(x, a); r = Relu(h); y = Gemm(r, b); output y }",
                   &options);
    const sz_training t = sz_costs_training(s.costs);
    const sz_training_peak p = sz_costs_training_peak(s.costs);
    assert_int_equal(t.stored_activation_bytes, 24 + 32);
    assert_int_equal(t.backward_data_flops, 2 * 2 * 4 * 5 + 8);   // dr, and 1 per element of Relu
    assert_int_equal(t.backward_weight_flops, 2 * 2 * (12 + 20)); // dW2, dW1
    assert_int_equal(t.optimizer_flops, 32 * 14);
    assert_int_equal(t.peak_bytes, 128 + 256 + 248);
    assert_string_equal(p.phase, "backward");
    assert_int_equal(p.node, 2);
    done(&s);
}

// A parameter that two nodes use is one gradient, added up; a look-up alone may have a sparse one:
// 6 rows of 8 numbers and 6 indices of 8 bytes.
static void shared_and_sparse(void **state) {
    (void)state;
    const sz_cost_options options = {.training = 1};
    step s = parse("graph g { input i: i64[2,3]; t = const f32[100,8]; y = Gather(t, i) output y }",
                   &options);
    sz_training r = sz_costs_training(s.costs);
    assert_int_equal(r.gradient_bytes, 3200);
    assert_int_equal(r.sparse_gradient_bytes, 6 * (32 + 8));
    assert_int_equal(r.stored_activation_bytes, 48);
    done(&s);
    s = parse("graph g { input i: i64[2,3]; t = const f32[100,8]; e = Gather(t, i)"
              " w = Transpose(t) {perm=[1,0]}; y = MatMul(e, w) output y }",
              &options);
    r = sz_costs_training(s.costs);
    assert_int_equal(r.trainable_params, 800);
    assert_int_equal(r.sparse_gradient_bytes, 3200);
    assert_int_equal(sz_costs_node_training(s.costs, 0).backward_weight_flops, 48 + 800);
    done(&s);
}

// Recomputation of a chain without attention: the pieces that need least memory, and never more
// than without.
static void chains(void **state) {
    (void)state;
    static text t;
    int64_t peak[2] = {0, 0}, stored[2] = {0, 0};
    t.n = 0;
    put(&t, "graph g { input x0: f32[1,8,32,32]\n");
    for (int i = 0; i < 16; i++)
        put(&t,
            "w%d = const f32[8,8,3,3]; c%d = Conv(x%d, w%d) {pads=[1,1,1,1]}; x%d = Tanh(c%d)\n", i,
            i, i, i, i + 1, i);
    put(&t, "output x16 }");
    for (int k = 0; k < 2; k++) {
        const sz_cost_options options = {.training = 1, .recompute = k ? "full" : "none"};
        step s = parse(t.buf, &options);
        stored[k] = sz_costs_training(s.costs).stored_activation_bytes;
        peak[k] = sz_costs_training(s.costs).peak_bytes;
        done(&s);
    }
    assert_int_equal(stored[0], 17 * 32768); // the input and 16 results of tanh
    assert_true(stored[1] <= 8 * 32768);     // seams and the last piece: about two roots of 16
    assert_true(peak[1] < peak[0]);
}

static void refuses(void **state) {
    (void)state;
    static const sz_cost_options bad[] = {{.training = 1, .optimizer = "adan"},
                                          {.training = 1, .precision = "f8"},
                                          {.training = 1, .recompute = "some"}};
    static const char *const graph = "graph g { input x: f32[2]; y = Relu(x) output y }";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sz_ctx *ctx = sz_ctx_create(NULL);
        sz_model *model = NULL;
        sz_costs *costs = NULL;
        assert_int_equal(sz_model_parse(ctx, graph, NULL, &model), SZ_OK);
        assert_int_equal(sz_costs_create(ctx, model, &bad[i], &costs), SZ_ERR_USAGE);
        assert_non_null(strstr(sz_ctx_error(ctx), "known are:"));
        sz_model_destroy(model);
        sz_ctx_destroy(ctx);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(rules_by_hand),
        cmocka_unit_test(recurrent_layers),
        cmocka_unit_test(fused_attention),
        cmocka_unit_test(bodies),
        cmocka_unit_test(says_what_it_does_not_know),
        cmocka_unit_test(totals_of_torch),
        cmocka_unit_test(megatron),
        cmocka_unit_test(model_states),
        cmocka_unit_test(peak_by_hand),
        cmocka_unit_test(shared_and_sparse),
        cmocka_unit_test(chains),
        cmocka_unit_test(refuses),
    };
    folder = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
