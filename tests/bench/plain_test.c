// SPDX-License-Identifier: Apache-2.0
// Own kernels: functions against libm in double, for every instruction set that this CPU has;
// operators against the reference on odd shapes; views, buffers that serve in turn, and the check
// of products at some elements.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/graph/model.h"
#include "run/backends/check.h"
#include "run/backends/plain/plain.h"

// ---- functions ---------------------------------------------------------------------------------

static double d_sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double d_gelu(double x) { return 0.5 * x * erfc(-x * 0.70710678118654752); }
static double d_softplus(double x) { return log1p(exp(x)); }

static const struct {
    const char *op;
    double (*f)(double);
    double from, to;
    double near_zero; // absolute error that is fine too, as a share of the largest |x|
} functions[] = {
    {"Exp", exp, -87, 88, 0},   {"Tanh", tanh, -12, 12, 0},    {"Sigmoid", d_sigmoid, -80, 80, 0},
    {"Erf", erf, -6, 6, 0},     {"Gelu", d_gelu, -8, 8, 2e-7}, {"Softplus", d_softplus, -20, 40, 0},
    {"Sqrt", sqrt, 0, 1e6, 0},  {"Log", log, 1e-6, 100, 1e-8}, {"Sin", sin, -30, 30, 1e-8},
    {"Floor", floor, -9, 9, 0}, {"Round", rint, -9, 9, 0}};

static void check_function(const sz_loops *l, size_t k) {
    enum { N = 20011 };
    static float x[N], y[N];
    const double numbers[SZ_NEST_NUMBERS] = {0};
    sz_loop *loop = sz_loops_find(l, functions[k].op, "f32", "f32");
    assert_non_null(loop);
    for (int i = 0; i < N; i++)
        x[i] = (float)(functions[k].from + (functions[k].to - functions[k].from) * i / (N - 1));
    loop((const void *const[]){x}, (const int64_t[]){1}, y, N, numbers);
    for (int i = 0; i < N; i++) {
        const double want = functions[k].f((double)x[i]), off = fabs((double)y[i] - want);
        const double fine = 1e-6 * fabs(want) + functions[k].near_zero * fabs((double)x[i]) + 1e-37;
        if (!(off <= fine))
            fail_msg("%s of %.9g on %s: %.9g, not %.9g", functions[k].op, (double)x[i], l->isa,
                     (double)y[i], want);
    }
}

static void functions_are_right(void **state) {
    (void)state;
    for (size_t i = 0; sz_loops_get(i); i++) {
        if (!sz_loops_run(sz_loops_get(i), sz_cpu_detect())) {
            print_message("skipped: no %s here\n", sz_loops_get(i)->isa);
            continue;
        }
        for (size_t k = 0; k < sizeof functions / sizeof *functions; k++)
            check_function(sz_loops_get(i), k);
    }
}

// Ends of the range, and what is no number.
static void ends_are_right(void **state) {
    (void)state;
    const double none[SZ_NEST_NUMBERS] = {0};
    const float x[] = {-1000, 1000, -INFINITY, INFINITY, NAN, 0};
    float y[6];
    for (size_t i = 0; sz_loops_get(i); i++) {
        const sz_loops *l = sz_loops_get(i);
        if (!sz_loops_run(l, sz_cpu_detect())) continue;
        sz_loops_find(l, "Exp", "f32", "f32")((const void *const[]){x}, (const int64_t[]){1}, y, 6,
                                              none);
        assert_true(y[0] == 0 && isinf(y[1]) && y[2] == 0 && isinf(y[3]) && isnan(y[4]));
        assert_true(y[5] == 1);
        sz_loops_find(l, "Tanh", "f32", "f32")((const void *const[]){x}, (const int64_t[]){1}, y, 6,
                                               none);
        assert_true(y[0] == -1 && y[1] == 1 && y[2] == -1 && y[3] == 1 && isnan(y[4]) && y[5] == 0);
        sz_loops_find(l, "Erf", "f32", "f32")((const void *const[]){x}, (const int64_t[]){1}, y, 6,
                                              none);
        assert_true(y[0] == -1 && y[1] == 1 && y[2] == -1 && y[3] == 1 && isnan(y[4]) && y[5] == 0);
    }
}

// ---- operators ---------------------------------------------------------------------------------

static const char *const graphs[] = {
    // moves: axes that change places, of every width, also of size 1 and in blocks
    "input x: f32[3,5,7] y = Transpose(x) {perm=[2,0,1]} output y",
    "input x: f32[65,130] y = Transpose(x) {perm=[1,0]} output y",
    "input x: f32[2,33,4,17] y = Transpose(x) {perm=[0,2,1,3]} output y",
    "input x: f32[2,33,4,17] y = Transpose(x) {perm=[3,1,0,2]} output y",
    "input x: i64[9,1,11] y = Transpose(x) {perm=[2,1,0]} output y",
    "input x: f64[70,80] y = Transpose(x) output y",
    "input x: f32[2,3] input z: f32[2,4] y = Concat(x, z) {axis=-1} output y",
    "input x: f32[7,12] a, b, c = Split(x) {axis=1, num_outputs=3} output a, b, c",
    "input x: f32[] input z: f32[4,1] y = Add(x, z) output y",
    "input x: f32[4,1,3] input z: f32[2,1] y = Mul(x, z) output y",
    "input x: f32[2,3,4,5] input z: f32[3,1,1] y = Sub(x, z) output y",
    "input x: f32[3,1,1] input z: f32[2,3,4,5] y = Div(x, z) output y",
    "input x: f32[2,40000] input z: f32[40000] y = Add(x, z) output y",
    "input x: f32[5,6] input z: f32[6] input w: f32[5,1] y = Max(x, z, w) output y",
    "input x: f32[2,8,3,5] y = DepthToSpace(x) {blocksize=2} output y",
    "input x: f32[2,8,3,5] y = DepthToSpace(x) {blocksize=2, mode=\"CRD\"} output y",
    "input x: f32[2,2,6,4] y = SpaceToDepth(x) {blocksize=2} output y",
    // rows and channels
    "input x: f32[3,5,7] y = ReduceSum(x) output y",
    "input x: f32[37] y = Softmax(x) output y",
    "input x: f32[3,5,7] y = Softmax(x) {axis=1} output y",
    "input x: f32[3,5,7] y = LogSoftmax(x) {axis=-1} output y",
    "input x: f32[4,3,9] input s: f32[9] input b: f32[9] "
    "y, m, v = LayerNormalization(x, s, b) output y, m, v",
    "input x: f32[4,3,9] input s: f32[3,9] "
    "y, m, v = LayerNormalization(x, s) {axis=-2} output y, m, v",
    "input x: f32[2,4,3,3] input s: f32[4] input b: f32[4] "
    "y = GroupNormalization(x, s, b) {num_groups=2} output y",
    "input x: f32[3,4,5] input s: f32[4] input b: f32[4] input m: f32[4] input v: f32[4] "
    "y, a, c = BatchNormalization(x, s, b, m, v) {training_mode=1, momentum=0.0} output y, a, c",
    // windows
    "input x: f32[2,3,9,11] y = MaxPool(x) "
    "{kernel_shape=[3,2], strides=[2,3], pads=[1,0,1,1], ceil_mode=1} output y",
    "input x: f32[2,3,9,11] y = AveragePool(x) "
    "{kernel_shape=[3,2], strides=[2,3], pads=[1,0,1,1], ceil_mode=1} output y",
    "input x: f32[1,2,13] y = AveragePool(x) "
    "{kernel_shape=[3], strides=[2], pads=[1,1], count_include_pad=1} output y",
    "input x: f32[1,2,5,6,7] y = MaxPool(x) {kernel_shape=[2,3,2], strides=[1,2,2]} output y",
    // products: edges of tiles and of blocks, batches of every kind, turned sides, factors, biases
    "input x: f32[37,300] input w: f32[300,29] y = MatMul(x, w) output y",
    "input x: f64[37,300] input w: f64[300,29] y = MatMul(x, w) output y",
    "input x: f32[200,5] input w: f32[5,1040] y = MatMul(x, w) output y",
    "input x: f64[100,6] input w: f64[6,530] y = MatMul(x, w) output y",
    "input x: f32[1,70] input w: f32[70,70] y = MatMul(x, w) output y",
    "input x: f32[7] input w: f32[7] y = MatMul(x, w) output y",
    "input x: f32[7] input w: f32[3,7,4] y = MatMul(x, w) output y",
    "input x: f32[2,5,7] input w: f32[7] y = MatMul(x, w) output y",
    "input x: f32[2,3,5,7] input w: f32[7,9] y = MatMul(x, w) output y",
    "input x: f32[5,7] input w: f32[2,3,7,9] y = MatMul(x, w) output y",
    "input x: f32[2,1,5,7] input w: f32[3,7,4] y = MatMul(x, w) output y",
    "input x: f32[3,5,7] input w: f32[2,1,7,4] y = MatMul(x, w) output y",
    "input x: f32[2,1,4,20,7] input w: f32[1,3,4,7,18] y = MatMul(x, w) output y",
    "input x: f32[3,7,25] input w: f32[3,7,34] y = com.microsoft.FusedMatMul(x, w) "
    "{transA=1, alpha=0.125} output y",
    "input x: f32[3,25,7] input w: f32[34,7] y = com.microsoft.FusedMatMul(x, w) "
    "{transB=1} output y",
    "input x: f32[7,25] input w: f32[44,7] input c: f32[44] y = Gemm(x, w, c) "
    "{transA=1, transB=1, alpha=0.5, beta=2.0} output y",
    "input x: f32[25,7] input w: f32[7,44] input c: f32[25,44] y = Gemm(x, w, c) output y",
    "input x: f64[25,7] input w: f64[7,44] input c: f64[25,1] y = Gemm(x, w, c) output y",
    "input x: f32[130,7] input w: f32[7,4] input c: f32[1,4] y = Gemm(x, w, c) output y",
    "input x: f32[5,7] input w: f32[7,4] input c: f32[] y = Gemm(x, w, c) {beta=0.5} output y",
    "input x: f32[5,7] input w: f32[7,4] y = Gemm(x, w) {alpha=3.0} output y",
    "input x: f32[4,0] input w: f32[0,3] y = MatMul(x, w) output y",
    // convolutions: as products, by few filters, on points; each axis with its own window
    "input x: f32[2,4,9,7] input w: f32[6,4,3,2] input b: f32[6] y = Conv(x, w, b) "
    "{strides=[2,1], pads=[1,0,1,1], dilations=[1,2]} output y",
    "input x: f32[2,8,9,7] input w: f32[10,4,3,3] y = Conv(x, w) {group=2, pads=[1,1,1,1]} "
    "output y",
    "input x: f32[2,6,15,13] input w: f32[6,1,3,3] input b: f32[6] y = Conv(x, w, b) "
    "{group=6, pads=[1,1,1,1]} output y",
    "input x: f32[2,6,15,13] input w: f32[12,1,5,3] y = Conv(x, w) "
    "{group=6, strides=[2,2], pads=[2,1,2,1]} output y",
    "input x: f32[1,2,150,160] input w: f32[4,1,3,5] y = Conv(x, w) "
    "{group=2, strides=[2,1], pads=[1,2,1,2], dilations=[2,1]} output y",
    "input x: f32[1,2,3,17000] input w: f32[2,1,3,3] y = Conv(x, w) {group=2} output y",
    "input x: f32[1,4,3,5,50] input w: f32[4,1,2,2,3] y = Conv(x, w) {group=4} output y",
    "input x: f32[1,20,9,30] input w: f32[2,20,3,3] y = Conv(x, w) output y",
    "input x: f32[1,6,15,40] input w: f32[6,1,3,3] y = Conv(x, w) {group=6, strides=[3,3]} "
    "output y",
    "input x: f32[2,5,11,13] input w: f32[20,5,1,1] input b: f32[20] y = Conv(x, w, b) output y",
    "input x: f32[1,5,11,13] input w: f32[20,5,1,1] y = Conv(x, w) {strides=[2,2]} output y",
    "input x: f32[1,5,4,4] input w: f32[20,5,1,1] y = Conv(x, w) {pads=[1,1,1,1]} output y",
    "input x: f32[1,40,6,6] input w: f32[150,40,3,3] y = Conv(x, w) {pads=[1,1,1,1]} output y",
    "input x: f32[1,4,170] input w: f32[6,4,3] y = Conv(x, w) "
    "{auto_pad=\"SAME_LOWER\", strides=[2]} output y",
    "input x: f32[1,3,5,6,7] input w: f32[4,3,2,3,2] input b: f32[4] y = Conv(x, w, b) "
    "{pads=[0,1,1,1,1,0], strides=[1,2,1]} output y",
    "input x: f32[1,2,3,3] input w: f32[4,2,5,5] y = Conv(x, w) {pads=[2,2,2,2]} output y",
    // training
    "input x: f32[5,7] input g: f32[5,7] y = sizeup.train.ReluGrad(x, g) output y",
    "input x: f32[5,7] input g: f32[5,7] y = sizeup.train.TanhGrad(x, g) output y",
    "input x: f32[5,7] input g: f32[5,7] y = sizeup.train.SigmoidGrad(x, g) output y",
    "input x: f32[5,7] input g: f32[5,7] y = sizeup.train.GeluGrad(x, g) output y",
    "input x: f32[5,7] input g: f32[5,7] "
    "y = sizeup.train.GeluGrad(x, g) {approximate=\"tanh\"} output y",
    "input x: f32[3,5,7] input g: f32[3,5,7] y = sizeup.train.SoftmaxGrad(x, g) output y",
    "input x: f32[6,70] input s: f32[70] input m: f32[6] input r: f32[6] input g: f32[6,70] "
    "dx, ds, db = sizeup.train.LayerNormalizationGrad(x, s, m, r, g) output dx, ds, db",
    "input x: f32[3,4,5] input s: f32[4] input m: f32[4] input v: f32[4] input g: f32[3,4,5] "
    "dx, ds, db = sizeup.train.BatchNormalizationGrad(x, s, m, v, g) output dx, ds, db",
    "input x: f32[2,3,6,7] y = MaxPool(x) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]} "
    "input g: f32[2,3,3,4] dx = sizeup.train.MaxPoolGrad(x, y, g) "
    "{kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]} output dx",
    "input g: f32[2,3,3,4] dx = sizeup.train.AveragePoolGrad(g) {kernel_shape=[3,3], "
    "strides=[2,2], pads=[1,1,1,1], input_shape=[2,3,6,7]} output dx",
    "input x: f32[6,11] input t: i64[6] l, p = SoftmaxCrossEntropyLoss(x, t) "
    "dx = sizeup.train.SoftmaxCrossEntropyLossGrad(p, t) output l, dx",
    "input i: i64[3,4] input g: f32[3,4,5] "
    "dw = sizeup.train.GatherGrad(i, g) {data_shape=[9,5]} output dw",
    "input r: f32[] input t: i64[] input x: f32[33] input g: f32[33] input v: f32[33] "
    "a, b = ai.onnx.preview.training.Momentum(r, t, x, g, v) "
    "{alpha=0.9, beta=1.0, mode=\"standard\", norm_coefficient=0.01} output a, b",
    "input r: f32[] input t: i64[] input x: f32[20000] input g: f32[20000] input v: f32[20000] "
    "input h: f32[20000] a, b, c = ai.onnx.preview.training.Adam(r, t, x, g, v, h) output a, b, c",
};

// The same products that large nets are checked by, in every form.
static const char *const products[] = {
    "input x: f32[2,4,9,7] input w: f32[6,2,3,2] input b: f32[6] y = Conv(x, w, b) "
    "{group=2, strides=[2,1], pads=[1,0,1,1], dilations=[1,2]} output y",
    "input x: f32[1,4,17] input w: f32[6,4,3] y = Conv(x, w) "
    "{auto_pad=\"SAME_LOWER\", strides=[2]} output y",
    "input x: f32[2,4,5,3] input w: f32[4,3,3,2] input b: f32[6] y = ConvTranspose(x, w, b) "
    "{group=2, strides=[2,3], pads=[1,0,0,1], output_padding=[1,2]} output y",
    "input g: f32[2,6,5,6] input w: f32[6,2,3,2] dx = sizeup.train.ConvDataGrad(g, w) "
    "{group=2, strides=[2,1], pads=[1,0,1,1], dilations=[1,2], input_shape=[2,4,9,7]} output dx",
    "input x: f32[2,4,9,7] input g: f32[2,6,5,6] dw, db = sizeup.train.ConvWeightGrad(x, g) "
    "{group=2, strides=[2,1], pads=[1,0,1,1], dilations=[1,2], weight_shape=[6,2,3,2]} "
    "output dw, db",
    "input x: f32[2,1,5,7] input w: f32[3,7,4] y = MatMul(x, w) output y",
    "input x: f32[7] input w: f32[3,7,4] y = MatMul(x, w) output y",
    "input x: f32[2,5,7] input w: f32[7] y = MatMul(x, w) output y",
    "input x: f32[7,5] input w: f32[4,7] input c: f32[4] y = Gemm(x, w, c) "
    "{transA=1, transB=1, alpha=0.5, beta=2.0} output y",
    "input x: f32[3,7,5] input w: f32[3,7,4] y = com.microsoft.FusedMatMul(x, w) "
    "{transA=1, alpha=0.125} output y",
    "input x: u8[5,7] input w: i8[7,4] input z: u8[] y = MatMulInteger(x, w, z) output y",
};

static const sz_loops *with; // what own kernels are made of; NULL = the best for this CPU

// The model of a job lives as long as it.
static sz_job *job_of(sz_ctx *ctx, const sz_backend *b, const char *body, sz_model **ret_model) {
    void *library = NULL;
    char text[1024];
    sz_job *job;
    snprintf(text, sizeof text, "graph g opset=21 { %s }", body);
    if (sz_model_parse(ctx, text, NULL, ret_model) != SZ_OK)
        fail_msg("%s: %s", body, sz_ctx_error(ctx));
    assert_int_equal(b->open(ctx, NULL, &library), SZ_OK);
    if (b == &sz_backend_plain && with) ((sz_plain *)library)->loops = with;
    if (sz_job_create(ctx, (*ret_model)->graph, b, library, &(sz_run_how){.threads = 2, .seed = 3},
                      &job) != SZ_OK)
        fail_msg("%s: %s", body, sz_ctx_error(ctx));
    return job;
}

static void must_be_right(const char *body, const sz_check *c, double most) {
    if (!c->is_right || c->error > most) fail_msg("%s: off by %g (%s)", body, c->error, c->why);
}

static void operator_is_right(sz_ctx *ctx, const char *body) {
    sz_model *m;
    sz_check c;
    sz_job *job = job_of(ctx, &sz_backend_plain, body, &m);
    for (size_t k = 0; k < job->nodes.n; k++)
        if (job->nodes.items[k].why) fail_msg("%s: %s", body, job->nodes.items[k].why);
    assert_int_equal(sz_job_first(job), SZ_OK);
    assert_int_equal(sz_job_check(job, 1, &c), SZ_OK);
    assert_string_equal(c.how, "whole");
    must_be_right(body, &c, 1e-5);
    assert_true(c.elements > 0);
    assert_int_equal(sz_check_nodes(job, &c), SZ_OK);
    must_be_right(body, &c, 1e-5);
    sz_job_destroy(job);
    sz_model_destroy(m);
}

static void operators_are_right(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t k = 0; (with = sz_loops_get(k)); k++)
        for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++)
            if (sz_loops_run(with, sz_cpu_detect())) operator_is_right(ctx, graphs[i]);
    with = NULL;
    sz_ctx_destroy(ctx);
}

// The reference and the spots are two ways to the same numbers.
static void spots_agree_with_reference(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        sz_model *m;
        sz_check c;
        sz_job *job = job_of(ctx, &sz_backend_ref, products[i], &m);
        assert_int_equal(sz_check_nodes(job, &c), SZ_OK);
        assert_string_equal(c.how, "spots");
        must_be_right(products[i], &c, 1e-6);
        assert_non_null(strstr(c.why, "1 products"));
        sz_job_destroy(job);
        sz_model_destroy(m);
    }
    sz_ctx_destroy(ctx);
}

// ---- memory ------------------------------------------------------------------------------------

// Views are no nodes; a view of an input that is an output is written all the same.
static void views_share(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m;
    sz_check c;
    sz_job *job = job_of(ctx, &sz_backend_plain,
                         "input x: f32[6,4] s = const i64[2] {3,8} a = Reshape(x, s) "
                         "b = Relu(a) c = Flatten(b) {axis=0} d = Identity(c) e = Identity(x) "
                         "output b, d, e",
                         &m);
    assert_int_equal(job->nodes.n, 2); // Relu, and the copy of the input
    assert_int_equal(sz_job_first(job), SZ_OK);
    assert_int_equal(sz_job_check(job, 1, &c), SZ_OK);
    must_be_right("views", &c, 0);
    const sz_buffer *b = job->slots[0][m->graph->outputs.items[0]];
    const sz_buffer *d = job->slots[0][m->graph->outputs.items[1]];
    assert_ptr_equal(b->data, d->data);
    assert_true(d->rank == 2 && d->dims[0] == 1 && d->dims[1] == 24);
    // the view of an input differs by set, as the input does
    const sz_value_id a = sz_graph_find(m->graph, sz_str_c("a"));
    assert_ptr_not_equal(job->slots[0][a]->data, job->slots[1][a]->data);
    sz_job_destroy(job);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

// A chain of 8 needs two buffers beside its input; what is an output, or read late, stays.
static void buffers_serve_in_turn(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m;
    sz_check c;
    sz_job *job = job_of(ctx, &sz_backend_plain,
                         "input x: f32[1000] a = Exp(x) b = Tanh(a) c = Relu(b) d = Neg(c) "
                         "e = Exp(d) f = Tanh(e) h = Relu(f) i = Add(h, a) output i, d",
                         &m);
    assert_int_equal(job->nodes.n, 8);
    size_t blocks = 0;
    for (size_t k = 0; k < job->blocks.n; k++) blocks += job->blocks.items[k].bytes == 4000;
    assert_true(blocks <= 2 + 4); // two sets of x; a, d and two that take turns
    assert_int_equal(sz_job_first(job), SZ_OK);
    assert_int_equal(sz_job_check(job, 1, &c), SZ_OK);
    must_be_right("chain", &c, 1e-6);
    sz_job_destroy(job);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_right), cmocka_unit_test(ends_are_right),
        cmocka_unit_test(operators_are_right), cmocka_unit_test(spots_agree_with_reference),
        cmocka_unit_test(views_share),         cmocka_unit_test(buffers_serve_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
