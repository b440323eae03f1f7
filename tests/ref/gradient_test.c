// SPDX-License-Identifier: Apache-2.0
// Gradients of the reference executor: every operator of sizeup.train against differences of its
// forward operator, in f64. A case has a forward graph, whose outputs are summed with weights that
// play the incoming gradient `dy`, and a graph that makes the gradients of the same inputs.
#include "model/graph/model.h"
#include "run/backends/ref/ref.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

enum { MAX_ELEMENTS = 512 };

typedef struct gradient_case {
    const char *forward;  // output y
    const char *backward; // outputs: the gradients of `inputs`
    const char *inputs[6];
} gradient_case;

#define BN_IN "input x: f64[2,3,2,2] input s: f64[3] input b: f64[3] "
#define LN_IN "input x: f64[2,3,4] input s: f64[4] input b: f64[4] "

#define LSTM_IN                                                                                    \
    "input x: f64[3,2,3] input w: f64[1,8,3] input r: f64[1,8,2] input b: f64[1,16] "              \
    "input h: f64[1,2,2] input c: f64[1,2,2] "
#define GRU_IN                                                                                     \
    "input x: f64[3,2,3] input w: f64[1,6,3] input r: f64[1,6,2] input b: f64[1,12] "              \
    "input h: f64[1,2,2] "
#define RNN_IN                                                                                     \
    "input x: f64[3,2,3] input w: f64[1,2,3] input r: f64[1,2,2] input b: f64[1,4] "               \
    "input h: f64[1,2,2] "

static const gradient_case cases[] = {
    {"input x: f64[2,2,5,4] input w: f64[3,2,3,2] "
     "y = Conv(x, w) {strides=[2,1], pads=[1,0,1,1]} ",
     "input x: f64[2,2,5,4] input w: f64[3,2,3,2] input dy: f64[2,3,3,4] "
     "dx = sizeup.train.ConvDataGrad(dy, w) "
     "{strides=[2,1], pads=[1,0,1,1], input_shape=[2,2,5,4]} "
     "dw = sizeup.train.ConvWeightGrad(x, dy) "
     "{strides=[2,1], pads=[1,0,1,1], weight_shape=[3,2,3,2]} output dx, dw",
     {"x", "w"}},
    {"input x: f64[1,4,7] input w: f64[6,2,2] input b: f64[6] "
     "y = Conv(x, w, b) {group=2, dilations=[2], auto_pad=\"SAME_UPPER\", strides=[2]} ",
     "input x: f64[1,4,7] input w: f64[6,2,2] input b: f64[6] input dy: f64[1,6,4] "
     "dx = sizeup.train.ConvDataGrad(dy, w) {group=2, dilations=[2], "
     "auto_pad=\"SAME_UPPER\", strides=[2], input_shape=[1,4,7]} "
     "dw, db = sizeup.train.ConvWeightGrad(x, dy) {group=2, dilations=[2], "
     "auto_pad=\"SAME_UPPER\", strides=[2], weight_shape=[6,2,2]} output dx, dw, db",
     {"x", "w", "b"}},
    // a transposed convolution: data by Conv, weights with data and gradient exchanged
    {"input x: f64[1,2,3,3] input w: f64[2,3,3,3] "
     "y = ConvTranspose(x, w) {strides=[2,2], pads=[1,1,1,1]} ",
     "input x: f64[1,2,3,3] input w: f64[2,3,3,3] input dy: f64[1,3,5,5] "
     "dx = Conv(dy, w) {strides=[2,2], pads=[1,1,1,1]} "
     "dw = sizeup.train.ConvWeightGrad(dy, x) "
     "{strides=[2,2], pads=[1,1,1,1], weight_shape=[2,3,3,3]} output dx, dw",
     {"x", "w"}},
    {"input x: f64[1,2,5,5] y = MaxPool(x) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]} ",
     "input x: f64[1,2,5,5] input dy: f64[1,2,3,3] "
     "y = MaxPool(x) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]} "
     "dx = sizeup.train.MaxPoolGrad(x, y, dy) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]} "
     "output dx",
     {"x"}},
    {"input x: f64[1,2,5,5] y = AveragePool(x) {kernel_shape=[3,2], strides=[2,1], "
     "pads=[1,0,1,1]} ",
     "input x: f64[1,2,5,5] input dy: f64[1,2,3,5] dx = sizeup.train.AveragePoolGrad(dy) "
     "{kernel_shape=[3,2], strides=[2,1], pads=[1,0,1,1], input_shape=[1,2,5,5]} output dx",
     {"x"}},
    {"input x: f64[1,2,6] y = AveragePool(x) {kernel_shape=[3], strides=[2], pads=[1,1], "
     "count_include_pad=1, ceil_mode=1} ",
     "input x: f64[1,2,6] input dy: f64[1,2,4] dx = sizeup.train.AveragePoolGrad(dy) "
     "{kernel_shape=[3], strides=[2], pads=[1,1], count_include_pad=1, ceil_mode=1, "
     "input_shape=[1,2,6]} output dx",
     {"x"}},
    {"input x: f64[2,2,3,3] y = GlobalAveragePool(x) ",
     "input x: f64[2,2,3,3] input dy: f64[2,2,1,1] dx = sizeup.train.AveragePoolGrad(dy) "
     "{kernel_shape=[3,3], input_shape=[2,2,3,3]} output dx",
     {"x"}},
    {"input x: f64[3,4] y = Relu(x) ",
     "input x: f64[3,4] input dy: f64[3,4] y = Relu(x) dx = sizeup.train.ReluGrad(y, dy) "
     "output dx",
     {"x"}},
    {"input x: f64[3,4] y = Gelu(x) ",
     "input x: f64[3,4] input dy: f64[3,4] dx = sizeup.train.GeluGrad(x, dy) output dx",
     {"x"}},
    {"input x: f64[3,4] y = Gelu(x) {approximate=\"tanh\"} ",
     "input x: f64[3,4] input dy: f64[3,4] "
     "dx = sizeup.train.GeluGrad(x, dy) {approximate=\"tanh\"} output dx",
     {"x"}},
    {"input x: f64[3,4] y = Tanh(x) ",
     "input x: f64[3,4] input dy: f64[3,4] y = Tanh(x) dx = sizeup.train.TanhGrad(y, dy) "
     "output dx",
     {"x"}},
    {"input x: f64[3,4] y = Sigmoid(x) ",
     "input x: f64[3,4] input dy: f64[3,4] y = Sigmoid(x) "
     "dx = sizeup.train.SigmoidGrad(y, dy) output dx",
     {"x"}},
    {"input x: f64[2,3,4] y = Softmax(x) {axis=1} ",
     "input x: f64[2,3,4] input dy: f64[2,3,4] y = Softmax(x) {axis=1} "
     "dx = sizeup.train.SoftmaxGrad(y, dy) {axis=1} output dx",
     {"x"}},
    {LN_IN "y = LayerNormalization(x, s, b) {epsilon=0.01, stash_type=11} ",
     LN_IN "input dy: f64[2,3,4] "
           "y, m, r = LayerNormalization(x, s, b) {epsilon=0.01, stash_type=11} "
           "dx, ds, db = sizeup.train.LayerNormalizationGrad(x, s, m, r, dy) {epsilon=0.01} "
           "output dx, ds, db",
     {"x", "s", "b"}},
    {"input x: f64[2,3,4] input s: f64[3,4] "
     "y = LayerNormalization(x, s) {axis=1, stash_type=11} ",
     "input x: f64[2,3,4] input s: f64[3,4] input dy: f64[2,3,4] "
     "y, m, r = LayerNormalization(x, s) {axis=1, stash_type=11} "
     "dx, ds = sizeup.train.LayerNormalizationGrad(x, s, m, r, dy) {axis=1} output dx, ds",
     {"x", "s"}},
    {BN_IN "z = const f64[3] {0.0, 0.0, 0.0} "
           "y = BatchNormalization(x, s, b, z, z) {training_mode=1, momentum=0.0, epsilon=0.01} ",
     BN_IN "input dy: f64[2,3,2,2] z = const f64[3] {0.0, 0.0, 0.0} "
           "y, m, v = BatchNormalization(x, s, b, z, z) "
           "{training_mode=1, momentum=0.0, epsilon=0.01} "
           "dx, ds, db = sizeup.train.BatchNormalizationGrad(x, s, m, v, dy) {epsilon=0.01} "
           "output dx, ds, db",
     {"x", "s", "b"}},
    {"input x: f64[5,3] i = const i64[2,2] {1, -1, 1, 0} y = Gather(x, i) ",
     "input x: f64[5,3] i = const i64[2,2] {1, -1, 1, 0} input dy: f64[2,2,3] "
     "dx = sizeup.train.GatherGrad(i, dy) {data_shape=[5,3]} output dx",
     {"x"}},
    {"input x: f64[2,4,3] i = const i64[3] {3, 0, 3} y = Gather(x, i) {axis=1} ",
     "input x: f64[2,4,3] i = const i64[3] {3, 0, 3} input dy: f64[2,3,3] "
     "dx = sizeup.train.GatherGrad(i, dy) {axis=1, data_shape=[2,4,3]} output dx",
     {"x"}},
    // recurrent layers: all weights, biases and initial states
    {LSTM_IN "y = LSTM(x, w, r, b, _, h, c) {hidden_size=2} ",
     LSTM_IN "input dy: f64[3,1,2,2] y, yh, yc = LSTM(x, w, r, b, _, h, c) {hidden_size=2} "
             "dx, dw, dr, db, dh, dc = sizeup.train.LSTMGrad(x, w, r, b, h, c, y, yh, yc, dy) "
             "{hidden_size=2} output dx, dw, dr, db, dh, dc",
     {"x", "w", "r", "b", "h", "c"}},
    {LSTM_IN "_, y = LSTM(x, w, r, b, _, h, c) {hidden_size=2, direction=\"reverse\"} ",
     LSTM_IN "input dy: f64[1,2,2] y, yh, yc = LSTM(x, w, r, b, _, h, c) "
             "{hidden_size=2, direction=\"reverse\"} "
             "dx, dw, dr, db, dh, dc = sizeup.train.LSTMGrad(x, w, r, b, h, c, y, yh, yc, _, dy) "
             "{hidden_size=2, direction=\"reverse\"} output dx, dw, dr, db, dh, dc",
     {"x", "w", "r", "b", "h", "c"}},
    {LSTM_IN "_, _, y = LSTM(x, w, r, b, _, h, c) {hidden_size=2} ",
     LSTM_IN "input dy: f64[1,2,2] y, yh, yc = LSTM(x, w, r, b, _, h, c) {hidden_size=2} "
             "dx, dw, dr, db, dh, dc = "
             "sizeup.train.LSTMGrad(x, w, r, b, h, c, y, yh, yc, _, _, dy) "
             "{hidden_size=2} output dx, dw, dr, db, dh, dc",
     {"x", "w", "r", "b", "h", "c"}},
    {"input x: f64[3,2,3] input w: f64[2,8,3] input r: f64[2,8,2] "
     "y = LSTM(x, w, r) {hidden_size=2, direction=\"bidirectional\"} ",
     "input x: f64[3,2,3] input w: f64[2,8,3] input r: f64[2,8,2] input dy: f64[3,2,2,2] "
     "y, yh, yc = LSTM(x, w, r) {hidden_size=2, direction=\"bidirectional\"} "
     "dx, dw, dr = sizeup.train.LSTMGrad(x, w, r, _, _, _, y, yh, yc, dy) "
     "{hidden_size=2, direction=\"bidirectional\"} output dx, dw, dr",
     {"x", "w", "r"}},
    {GRU_IN "y = GRU(x, w, r, b, _, h) {hidden_size=2} ",
     GRU_IN "input dy: f64[3,1,2,2] y, yh = GRU(x, w, r, b, _, h) {hidden_size=2} "
            "dx, dw, dr, db, dh = sizeup.train.GRUGrad(x, w, r, b, h, y, yh, dy) "
            "{hidden_size=2} output dx, dw, dr, db, dh",
     {"x", "w", "r", "b", "h"}},
    {GRU_IN "_, y = GRU(x, w, r, b, _, h) {hidden_size=2, linear_before_reset=1, "
            "direction=\"reverse\"} ",
     GRU_IN "input dy: f64[1,2,2] y, yh = GRU(x, w, r, b, _, h) {hidden_size=2, "
            "linear_before_reset=1, direction=\"reverse\"} "
            "dx, dw, dr, db, dh = sizeup.train.GRUGrad(x, w, r, b, h, y, yh, _, dy) "
            "{hidden_size=2, linear_before_reset=1, direction=\"reverse\"} "
            "output dx, dw, dr, db, dh",
     {"x", "w", "r", "b", "h"}},
    {"input x: f64[3,2,3] input w: f64[2,6,3] input r: f64[2,6,2] input b: f64[2,12] "
     "y = GRU(x, w, r, b) {hidden_size=2, linear_before_reset=1, direction=\"bidirectional\"} ",
     "input x: f64[3,2,3] input w: f64[2,6,3] input r: f64[2,6,2] input b: f64[2,12] "
     "input dy: f64[3,2,2,2] y, yh = GRU(x, w, r, b) "
     "{hidden_size=2, linear_before_reset=1, direction=\"bidirectional\"} "
     "dx, dw, dr, db = sizeup.train.GRUGrad(x, w, r, b, _, y, yh, dy) "
     "{hidden_size=2, linear_before_reset=1, direction=\"bidirectional\"} "
     "output dx, dw, dr, db",
     {"x", "w", "r", "b"}},
    {RNN_IN "y = RNN(x, w, r, b, _, h) {hidden_size=2} ",
     RNN_IN "input dy: f64[3,1,2,2] y, yh = RNN(x, w, r, b, _, h) {hidden_size=2} "
            "dx, dw, dr, db, dh = sizeup.train.RNNGrad(x, w, r, b, h, y, yh, dy) "
            "{hidden_size=2} output dx, dw, dr, db, dh",
     {"x", "w", "r", "b", "h"}},
    {RNN_IN "y = RNN(x, w, r, b, _, h) {hidden_size=2, activations=[\"Sigmoid\"]} ",
     RNN_IN "input dy: f64[3,1,2,2] y, yh = RNN(x, w, r, b, _, h) {hidden_size=2, "
            "activations=[\"Sigmoid\"]} "
            "dx, dw, dr, db, dh = sizeup.train.RNNGrad(x, w, r, b, h, y, yh, dy) "
            "{hidden_size=2, activations=[\"Sigmoid\"]} output dx, dw, dr, db, dh",
     {"x", "w", "r", "b", "h"}},
    // losses are last: dy is 1
    {"input x: f64[3,4] t = const i64[3] {2, 0, 2} y = SoftmaxCrossEntropyLoss(x, t) ",
     "input x: f64[3,4] t = const i64[3] {2, 0, 2} input dy: f64[] "
     "l, p = SoftmaxCrossEntropyLoss(x, t) "
     "d = sizeup.train.SoftmaxCrossEntropyLossGrad(p, t) dx = Mul(d, dy) output dx",
     {"x"}},
    {"input x: f64[2,3,2] t = const i64[2,2] {2, 0, 9, 1} "
     "y = SoftmaxCrossEntropyLoss(x, t) {ignore_index=9} ",
     "input x: f64[2,3,2] t = const i64[2,2] {2, 0, 9, 1} input dy: f64[] "
     "l, p = SoftmaxCrossEntropyLoss(x, t) {ignore_index=9} "
     "d = sizeup.train.SoftmaxCrossEntropyLossGrad(p, t) {ignore_index=9} "
     "dx = Mul(d, dy) output dx",
     {"x"}},
    {"input x: f64[3,4] t = const i64[3] {2, 0, 2} "
     "y = SoftmaxCrossEntropyLoss(x, t) {reduction=\"sum\"} ",
     "input x: f64[3,4] t = const i64[3] {2, 0, 2} input dy: f64[] "
     "l, p = SoftmaxCrossEntropyLoss(x, t) {reduction=\"sum\"} "
     "d = sizeup.train.SoftmaxCrossEntropyLossGrad(p, t) {reduction=\"sum\"} "
     "dx = Mul(d, dy) output dx",
     {"x"}},
};

typedef struct fixture {
    sz_model *m;
    sz_ref *r;
} fixture;

static fixture begin(sz_ctx *ctx, const char *body, const char *end) {
    char text[4096];
    fixture f;
    snprintf(text, sizeof text, "graph g opset=20 { %s%s }", body, end);
    if (sz_model_parse(ctx, text, NULL, &f.m) != SZ_OK) fail_msg("%s: %s", text, sz_ctx_error(ctx));
    assert_int_equal(sz_ref_create(ctx, f.m->graph, NULL, &f.r), SZ_OK);
    return f;
}

static void finish(fixture *f) {
    sz_ref_destroy(f->r);
    sz_model_destroy(f->m);
}

// Numbers of an input in [-1, 1] that differ from each other, from 0 and by more than a step.
static int64_t numbers(const fixture *f, const char *name, double *x) {
    const sz_value_id id = sz_graph_find(f->m->graph, sz_str_c(name));
    if (id == SZ_NONE) fail_msg("no input '%s'", name);
    const sz_type *t = &sz_graph_value(f->m->graph, id)->type;
    int64_t n = 1;
    for (int32_t d = 0; d < t->rank; d++) n *= t->dims[d];
    assert_true(n <= MAX_ELEMENTS);
    for (int64_t k = 0; k < n; k++)
        x[k] = sin(1.7 * (double)(k + 1) + (double)name[0]) + 0.003 * (double)k;
    return n;
}

static void give(sz_ctx *ctx, const fixture *f, const char *name, const double *x) {
    const sz_value_id id = sz_graph_find(f->m->graph, sz_str_c(name));
    const sz_type *t = &sz_graph_value(f->m->graph, id)->type;
    sz_buffer *b;
    assert_int_equal(sz_buffer_create(ctx, t->dtype, t->rank, t->dims, &b), SZ_OK);
    sz_buffer_put_doubles(b, 0, b->count, x);
    assert_int_equal(sz_ref_give(f->r, id, b), SZ_OK);
    sz_buffer_release(ctx, b);
}

// The sum of the outputs, each times its part of dy.
static double weighted(sz_ctx *ctx, const fixture *f, const double *dy) {
    double sum = 0;
    if (sz_ref_run(f->r) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
    const sz_buffer *y = sz_ref_output(f->r, 0);
    for (int64_t k = 0; k < y->count; k++) {
        double v;
        sz_buffer_doubles(y, k, 1, &v);
        sum += v * dy[k];
    }
    return sum;
}

static void check_input(sz_ctx *ctx, const gradient_case *c, int i, const fixture *forward,
                        const sz_buffer *got, const double *dy) {
    double x[MAX_ELEMENTS];
    const double step = 1e-5;
    const int64_t n = numbers(forward, c->inputs[i], x);
    assert_int_equal(got->count, n);
    for (int64_t k = 0; k < n; k++) {
        double gradient;
        const double at = x[k];
        x[k] = at + step;
        give(ctx, forward, c->inputs[i], x);
        const double above = weighted(ctx, forward, dy);
        x[k] = at - step;
        give(ctx, forward, c->inputs[i], x);
        const double below = weighted(ctx, forward, dy);
        x[k] = at;
        sz_buffer_doubles(got, k, 1, &gradient);
        const double want = (above - below) / (2 * step);
        if (!(fabs(gradient - want) <= 1e-7 * (1 + fabs(want))))
            fail_msg("%s: d%s[%d] is %.12g, differences say %.12g", c->backward, c->inputs[i],
                     (int)k, gradient, want);
    }
    give(ctx, forward, c->inputs[i], x);
}

static void check_case(const gradient_case *c) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    double x[MAX_ELEMENTS], dy[MAX_ELEMENTS];
    fixture forward = begin(ctx, c->forward, "output y");
    fixture backward = begin(ctx, c->backward, "");
    for (int i = 0; i < 6 && c->inputs[i]; i++) {
        numbers(&forward, c->inputs[i], x);
        give(ctx, &forward, c->inputs[i], x);
        give(ctx, &backward, c->inputs[i], x);
    }
    numbers(&backward, "dy", dy);
    give(ctx, &backward, "dy", dy);
    if (sz_ref_run(backward.r) != SZ_OK) fail_msg("%s: %s", c->backward, sz_ctx_error(ctx));
    for (int i = 0; i < 6 && c->inputs[i]; i++)
        check_input(ctx, c, i, &forward, sz_ref_output(backward.r, (size_t)i), dy);
    finish(&forward);
    finish(&backward);
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
}

static void test_differences(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) check_case(&cases[k]);
}

// ---- optimizers --------------------------------------------------------------------------------

// One step of x = 1 with gradient 0.5, by the pseudo code of ai.onnx.preview.training worked out by
// hand; the node tests of ONNX have more of them (tests/ref/run.sh).
static void test_optimizers(void **state) {
    (void)state;
    static const struct {
        const char *op, *attrs;
        double want[3];
    } rows[] = {
        {"xn, vn = ai.onnx.preview.training.Momentum(r, t, x, g, v)",
         "{mode=\"standard\", alpha=0.9, beta=1.0, norm_coefficient=0.0}",
         {1 - 0.1 * 0.59, 0.59}},
        {"xn, vn = ai.onnx.preview.training.Momentum(r, t, x, g, v)",
         "{mode=\"standard\", alpha=0.0, beta=1.0, norm_coefficient=0.0}",
         {0.95, 0.5}},
        {"xn, vn, hn = ai.onnx.preview.training.Adam(r, t, x, g, v, h)",
         "{alpha=0.9, beta=0.999, epsilon=0.01}",
         {0.9927954210811565, 0.14, 0.20005}},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sz_ctx *ctx = sz_ctx_create(NULL);
        char text[1024];
        snprintf(text, sizeof text,
                 "r = const f64[] {0.1} t = const i64[] {2} x = const f64[1] {1.0} "
                 "g = const f64[1] {0.5} v = const f64[1] {0.1} h = const f64[1] {0.2} %s %s "
                 "output xn, vn%s",
                 rows[k].op, rows[k].attrs, k == 2 ? ", hn" : "");
        fixture f = begin(ctx, text, "");
        if (sz_ref_run(f.r) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
        for (size_t o = 0; o < (k == 2 ? 3u : 2u); o++) {
            double x;
            sz_buffer_doubles(sz_ref_output(f.r, o), 0, 1, &x);
            if (fabs(x - rows[k].want[o]) > 1e-7) // attributes are f32
                fail_msg("%s: %.17g", rows[k].op, x);
        }
        finish(&f);
        sz_ctx_destroy(ctx);
    }
}

// ---- what kernels refuse -----------------------------------------------------------------------

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"input dy: f32[2,3] i = const i64[2] {0, 5} "
         "dw = sizeup.train.GatherGrad(i, dy) {data_shape=[5,3]} output dw",
         "outside of the table"},
        {"input p: f32[2,3] t = const i64[2] {0, 3} "
         "dx = sizeup.train.SoftmaxCrossEntropyLossGrad(p, t) output dx",
         "label 3 is no class"},
        {"input p: f32[2,3] t = const i64[2] {0, 2} "
         "dx = sizeup.train.SoftmaxCrossEntropyLossGrad(p, t) {reduction=\"none\"} output dx",
         "no gradient for this reduction"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sz_ctx *ctx = sz_ctx_create(NULL);
        fixture f = begin(ctx, rows[k].text, "");
        assert_int_not_equal(sz_ref_run(f.r), SZ_OK);
        if (!strstr(sz_ctx_error(ctx), rows[k].part)) fail_msg("%s", sz_ctx_error(ctx));
        finish(&f);
        sz_ctx_destroy(ctx);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_optimizers),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
