// SPDX-License-Identifier: Apache-2.0
// Training graphs: the gradients of small graphs and of small nets of every family against
// differences of their own loss, in f64; costs against those that `count --mode training` derives
// from the net; what is refused.
//
// With plain descent and a rate of 1 a new weight is the old one minus its gradient.
#include "model/cost/training.h"
#include "model/graph/model.h"
#include "model/train/train.h"
#include "run/backends/ref/ref.h"

#include <sizeup/cost.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

typedef struct fixture {
    sz_ctx *ctx;
    sz_model *m;
    sz_train_step step;
    sz_ref *r;
} fixture;

static const char *subject; // of messages
static const char *tests_folder = ".";

static void begin(fixture *f, const char *what, bool is_text, const sz_train_options *o) {
    subject = what;
    f->ctx = sz_ctx_create(NULL);
    f->r = NULL;
    const sz_status status = is_text ? sz_model_parse(f->ctx, what, NULL, &f->m)
                                     : sz_model_load(f->ctx, what, NULL, &f->m);
    if (status != SZ_OK) fail_msg("%s: %s", what, sz_ctx_error(f->ctx));
    if (sz_train_graph(f->ctx, f->m->graph, o, &f->step) != SZ_OK)
        fail_msg("%s: %s", what, sz_ctx_error(f->ctx));
    if (sz_ref_create(f->ctx, f->m->graph, NULL, &f->r) != SZ_OK)
        fail_msg("%s: %s", what, sz_ctx_error(f->ctx));
}

static void end(fixture *f) {
    sz_ref_destroy(f->r);
    sz_model_destroy(f->m);
    sz_ctx_clear(f->ctx);
    assert_int_equal(sz_ctx_memory_used(f->ctx), 0);
    sz_ctx_destroy(f->ctx);
}

static double at(const sz_buffer *b, int64_t k) {
    double x;
    sz_buffer_doubles(b, k, 1, &x);
    return x;
}

static double loss_of(fixture *f) {
    if (sz_ref_run(f->r) != SZ_OK) fail_msg("%s: %s", subject, sz_ctx_error(f->ctx));
    assert_int_equal(f->m->graph->outputs.items[0], f->step.loss);
    return at(sz_ref_output(f->r, 0), 0);
}

static size_t output_of(const fixture *f, sz_value_id v) {
    for (size_t o = 0; o < f->m->graph->outputs.n; o++)
        if (f->m->graph->outputs.items[o] == v) return o;
    fail_msg("an update is no output");
    return 0;
}

// Elements of a weight that are looked at: all of small ones.
static int64_t stride_of(int64_t count, int64_t most) { return count <= most ? 1 : count / most; }

// `tolerance`: of the largest gradient of the weight; a hundredth of it in absolute numbers, which
// is what rounding of the loss leaves of a gradient that is 0 (a bias before a normalization).
static void check_weight(fixture *f, const sz_train_pair *p, int64_t most, double step,
                         double tolerance) {
    sz_buffer *w;
    const char *name = sz_show(f->ctx, sz_graph_value(f->m->graph, p->constant)->name);
    assert_int_equal(sz_ref_source(f->r, p->constant, &w), SZ_OK);
    loss_of(f);
    const sz_buffer *updated = sz_ref_output(f->r, output_of(f, p->updated));
    assert_int_equal(updated->count, w->count);
    double *gradient = calloc((size_t)w->count + 1, sizeof *gradient), largest = 0;
    assert_non_null(gradient);
    for (int64_t k = 0; k < w->count; k++) {
        gradient[k] = at(w, k) - at(updated, k);
        largest = fmax(largest, fabs(gradient[k]));
    }
    assert_int_equal(sz_ref_give(f->r, p->constant, w), SZ_OK);
    for (int64_t k = 0; k < w->count; k += stride_of(w->count, most)) {
        const double x = at(w, k), more = x + step, less = x - step;
        sz_buffer_put_doubles(w, k, 1, &more);
        const double above = loss_of(f);
        sz_buffer_put_doubles(w, k, 1, &less);
        const double below = loss_of(f);
        sz_buffer_put_doubles(w, k, 1, &x);
        const double want = (above - below) / (2 * step);
        if (!(fabs(want - gradient[k]) <= tolerance * largest + tolerance / 100))
            fail_msg("%s: gradient of %s[%d] is %.10g, differences say %.10g", subject, name,
                     (int)k, gradient[k], want);
    }
    free(gradient);
    sz_buffer_release(f->ctx, w);
}

static void check_gradients(const char *what, bool is_text, size_t weights, int64_t most,
                            double step, double tolerance) {
    const sz_train_options o = {"sgd", 1};
    fixture f;
    begin(&f, what, is_text, &o);
    if (weights) assert_int_equal(f.step.n_weights, weights);
    assert_true(f.step.n_weights > 0);
    size_t seen = 0;
    for (size_t k = 0; k < f.step.n_pairs; k++) {
        if (f.step.pairs[k].what != SZ_TRAIN_WEIGHT) continue;
        // of deep nets, whose kinds of layers repeat, some
        if (f.step.n_weights < 50 || seen % 7 == 0)
            check_weight(&f, &f.step.pairs[k], most, step, tolerance);
        seen++;
    }
    assert_int_equal(seen, f.step.n_weights);
    end(&f);
}

// ---- operators ---------------------------------------------------------------------------------

// A weight `w`, something done to it, an output: every operator with a rule stands in one.
#define NET(text) "graph g opset=20 { " text " output y }"
#define W23       "w = const f64[2,3] "
#define IN23      "input x: f64[2,3] "
#define P23       "p = const f64[2,3] {0.5, 1.5, 2.0, 0.25, 3.0, 0.75} a = Add(w, p) b = Mul(a, a) "

typedef struct operator_case {
    size_t weights;
    const char *text;
} operator_case;

static const operator_case operators[] = {
    {1, NET(W23 IN23 "y = Add(x, w)")},
    {1, NET("w = const f64[3] " IN23 "y = Add(x, w)")},
    {1, NET("w = const f64[2,1] " IN23 "y = Add(w, x)")},
    {1, NET("w = const f64[3] " IN23 "a = Add(w, x) b = Add(w, x) c = Mul(w, a) y = Sum(a, b, c)")},
    {1, NET("w = const f64[3] " IN23 "a = Mul(w, x) s = Sub(x, a) y = Sub(a, s)")},
    {1, NET("w = const f64[1,3] " IN23 "a = Mul(w, x) b = Mul(a, a) y = Mul(b, w)")},
    {2, NET(W23 "v = const f64[3] " IN23 "t = Mul(x, v) e = Exp(t) a = Mul(x, w) y = Div(a, e)")},
    {1, NET(W23 IN23 "two = const f64[] {2.0} a = Add(w, x) y = Pow(a, two)")},
    {1, NET(W23 IN23 "three = const f64[] {3.0} a = Add(w, x) y = Pow(a, three)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Max(a, x)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Min(x, a)")},
    {1, NET(W23 IN23 "a = Mul(w, x) b = Neg(a) y = Mean(a, b, a)")},
    {1, NET("w = const f64[3] " IN23 "c = const bool[2,3] {true, false, true, true, false, false} "
            "a = Mul(w, x) y = Where(c, a, x) ")},
    {1, NET("w = const f64[3] " IN23 "c = const bool[2,3] {true, false, true, true, false, false} "
            "a = Mul(w, w) b = Add(w, w) z = Where(c, a, b) y = Add(z, x) ")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Abs(a)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Exp(a)")},
    {1, NET(W23 IN23 "a = Mul(w, x) b = Exp(a) c = Add(b, b) y = Log(c)")},
    {1, NET(W23 IN23 "a = Mul(w, x) b = Exp(a) y = Sqrt(b)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Erf(a)")},
    {1, NET(W23 IN23 "a = Mul(w, x) b = Sin(a) y = Cos(b)")},
    {1, NET(W23 IN23 "a = Mul(w, x) b = Exp(a) y = Reciprocal(b)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Relu(a)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = LeakyRelu(a) {alpha=0.25}")},
    {1, NET(W23 IN23 "l = const f64[] {-0.5} h = const f64[] {0.5} a = Mul(w, x) "
                     "y = Clip(a, l, h)")},
    {1, NET(W23 IN23 "h = const f64[] {0.25} a = Mul(w, x) y = Clip(a, _, h)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Elu(a) {alpha=0.5}")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = HardSigmoid(a) {alpha=0.5, beta=0.25}")},
    {1, NET(W23 IN23 "a = Mul(w, x) b = Add(a, a) c = Add(b, b) y = HardSwish(c)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Softplus(a)")},
    {1, "graph g opset=24 { " W23 IN23 "a = Mul(w, x) b = Swish(a) y = Swish(b) {alpha=1.5} "
        "output y }"},
    {1, NET(W23 IN23 "a = Mul(w, x) y = com.microsoft.QuickGelu(a)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Tanh(a)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Sigmoid(a)")},
    {1, NET(W23 IN23 "a = Mul(w, x) b = Gelu(a) c = Gelu(b) {approximate=\"tanh\"} "
                     "y = com.microsoft.Gelu(c)")},
    {2, NET(W23 IN23 "b = const f64[3] a = Mul(w, x) c = com.microsoft.BiasGelu(a, b) "
                     "y = com.microsoft.FastGelu(c)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Softmax(a)")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = Softmax(a) {axis=0}")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = LogSoftmax(a) {axis=0}")},
    {1, NET(W23 IN23 "a = Mul(w, x) b = Identity(a) c = Dropout(b) y = Cast(c) {to=11}")},
    {1, NET(W23 IN23 "s = const i64[2] {3, 2} a = Mul(w, x) b = Reshape(a, s) y = Flatten(b)")},
    {1, NET(W23 IN23 "k = const i64[1] {1} a = Mul(w, x) b = Unsqueeze(a, k) c = Mul(b, b) "
                     "y = Squeeze(c, k)")},
    {1, NET("w = const f64[3,1] s = const i64[3] {2, 3, 4} input x: f64[2,3,4] "
            "e = Expand(w, s) y = Mul(e, x)")},
    {1, NET(W23 "r = const i64[2] {2, 3} input x: f64[4,9] t = Tile(w, r) y = Mul(t, x)")},
    {1, NET("w = const f64[2,3,4] input x: f64[4,2,3] t = Transpose(w) {perm=[2,0,1]} "
            "y = Mul(t, x)")},
    {1, NET("w = const f64[2,3,4] input x: f64[4,3,2] t = Transpose(w) y = Mul(t, x)")},
    {2, NET(W23 "v = const f64[2,1] input x: f64[2,7] c = Concat(w, v, w) {axis=-1} "
                "y = Mul(c, x)")},
    {1, NET("w = const f64[2,6] input x: f64[2,2] a, b, c = Split(w) {axis=1, num_outputs=3} "
            "d = Mul(a, x) y = Mul(d, c)")},
    {1, NET("w = const f64[5,6] s = const i64[2] {1, -5} e = const i64[2] {4, 100} "
            "k = const i64[2] {0, 1} input x: f64[3,5] c = Slice(w, s, e, k) y = Mul(c, x)")},
    {1, NET("w = const f64[7,6] s = const i64[2] {1, 0} e = const i64[2] {7, 6} "
            "k = const i64[2] {0, 1} p = const i64[2] {3, 2} input x: f64[2,3] "
            "c = Slice(w, s, e, k, p) y = Mul(c, x)")},
    {1, "graph g opset=9 { w = const f64[5,6] input x: f64[3,5] "
        "c = Slice(w) {starts=[1,1], ends=[4,6]} y = Mul(c, x) output y }"},
    {1, NET(W23 "p = const i64[4] {1, 0, 2, 1} input x: f64[5,4] c = Pad(w, p) y = Mul(c, x)")},
    {1, NET("w = const f64[3,3] input x: f64[3,3] c = Trilu(w) {upper=0} y = Mul(c, x)")},
    {1, NET("w = const f64[5,3] i = const i64[2,2] {1, -1, 1, 0} input x: f64[2,2,3] "
            "c = Gather(w, i) y = Mul(c, x)")},
    {1, NET("w = const f64[2,5] i = const i64[] {3} input x: f64[2] c = Gather(w, i) {axis=1} "
            "y = Mul(c, x)")},
    {1, NET(W23 IN23 "a = Mul(w, x) k = const i64[1] {1} y = ReduceSum(a, k)")},
    {1, NET(W23 IN23 "a = Mul(w, x) k = const i64[1] {0} y = ReduceSum(a, k) {keepdims=0}")},
    {1, NET(W23 IN23 "a = Mul(w, x) y = ReduceMean(a) {keepdims=0}")},
    {1, "graph g opset=13 { " W23 IN23 "a = Mul(w, x) y = ReduceMean(a) {axes=[-1]} output y }"},
    {1, NET(W23 IN23 "a = Mul(w, x) k = const i64[1] {-1} y = ReduceSumSquare(a, k)")},
    {1, NET(W23 IN23 "a = Mul(w, x) k = const i64[1] {0} y = ReduceL2(a, k) {keepdims=0}")},
    {1, NET("w = const f64[1,2,4,4] input x: f64[1,2,4,4] a = Mul(w, x) "
            "b = MaxPool(a) {kernel_shape=[2,2], strides=[1,2]} "
            "y = AveragePool(b) {kernel_shape=[2,2], pads=[1,0,0,0]}")},
    {1, NET("w = const f64[1,2,3,4] input x: f64[1,2,3,4] a = Mul(w, x) "
            "y = GlobalAveragePool(a)")},
    {3, NET("w = const f64[2,3,2,2] s = const f64[3] b = const f64[3] m = const f64[3] "
            "v = const f64[3] input x: f64[2,3,2,2] a = Mul(w, x) "
            "c = BatchNormalization(a, s, b, m, v) y = Mul(c, x)")},
    {3, NET("w = const f64[2,3,4] s = const f64[4] b = const f64[4] input x: f64[2,3,4] "
            "a = Mul(w, x) c = LayerNormalization(a, s, b) {stash_type=11} y = Mul(c, x)")},
    {2, "graph g opset=24 { w = const f64[2,3,4] s = const f64[4] input x: f64[2,3,4] "
        "a = Mul(w, x) c = RMSNormalization(a, s) {stash_type=11} y = Mul(c, x) output y }"},
    {3, NET("w = const f64[1,8,3] r = const f64[1,8,2] b = const f64[1,16] input x: f64[4,2,3] "
            "y = LSTM(x, w, r, b) {hidden_size=2}")},
    {6, NET("v = const f64[4,2,3] w = const f64[2,8,3] r = const f64[2,8,2] b = const f64[2,16] "
            "h = const f64[2,2,2] c = const f64[2,2,2] input x: f64[4,2,3] a = Mul(v, x) "
            "_, y = LSTM(a, w, r, b, _, h, c) {hidden_size=2, direction=\"bidirectional\"}")},
    {2, NET("w = const f64[1,8,3] r = const f64[1,8,2] input x: f64[4,2,3] "
            "s, h, c = LSTM(x, w, r) {hidden_size=2, direction=\"reverse\"} t = Mul(s, h) "
            "y = Mul(t, c)")},
    {4, NET("v = const f64[4,2,3] w = const f64[1,6,3] r = const f64[1,6,2] b = const f64[1,12] "
            "input x: f64[4,2,3] a = Mul(v, x) y, _ = GRU(a, w, r, b) {hidden_size=2}")},
    {4, NET("v = const f64[4,2,3] w = const f64[2,6,3] r = const f64[2,6,2] b = const f64[2,12] "
            "input x: f64[4,2,3] a = Mul(v, x) y = GRU(a, w, r, b) "
            "{hidden_size=2, linear_before_reset=1, direction=\"bidirectional\"}")},
    {3, NET("w = const f64[1,2,3] r = const f64[1,2,2] b = const f64[1,4] input x: f64[4,2,3] "
            "y = RNN(x, w, r, b) {hidden_size=2}")},
    // a linear layer at the end has scores: cross entropy
    {1, NET("w = const f64[3,4] " IN23 "y = MatMul(x, w)")},
    {1, NET("w = const f64[3,4] input x: f64[2,2,3] y = MatMul(x, w)")},
    {2, NET("v = const f64[2,3,4] w = const f64[2,4,3] input x: f64[2,3,4] "
            "a = Mul(v, x) b = MatMul(a, w) y = Tanh(b)")},
    {2, NET("v = const f64[2,1,3,4] w = const f64[5,4,3] input x: f64[2,1,3,4] "
            "a = Mul(v, x) b = MatMul(a, w) y = Tanh(b)")},
    {2, NET("v = const f64[2,4,3] w = const f64[2,3,4] input x: f64[2,4,3] a = Mul(v, x) "
            "b = com.microsoft.FusedMatMul(a, w) {transA=1, transB=1, alpha=0.5} y = Tanh(b)")},
    {3, NET("w = const f64[4,3] v = const f64[2,3] c = const f64[4] " IN23 "a = Mul(v, x) "
            "y = Gemm(a, w, c) {transB=1, alpha=0.5, beta=2.0}")},
    {2, NET("w = const f64[2,4] v = const f64[2,3] " IN23 "a = Mul(v, x) "
            "b = Gemm(a, w) {transA=1} y = Tanh(b)")},
    {2, NET("w = const f64[4,2] v = const f64[2,3] " IN23 "a = Mul(v, x) "
            "b = Gemm(a, w) {transA=1, transB=1} y = Tanh(b)")},
    {2, NET("v = const f64[2,3,4] w = const f64[2,5,4] input x: f64[2,3,4] a = Mul(v, x) "
            "b = Einsum(a, w) {equation=\"bik,bjk->bij\"} y = Tanh(b)")},
    {3, NET("v = const f64[1,4,5] w = const f64[6,2,3] b = const f64[6] input x: f64[1,4,5] "
            "a = Mul(v, x) y = Conv(a, w, b) {group=2, pads=[1,0], strides=[2]}")},
    {3, NET("v = const f64[1,2,3,3] w = const f64[2,3,3,3] b = const f64[3] "
            "input x: f64[1,2,3,3] a = Mul(v, x) "
            "y = ConvTranspose(a, w, b) {strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]}")},
    {1, "graph g opset=24 { w = const f64[1,2,3,4] input x: f64[1,2,3,4] "
        "c = const f64[1,3,2] {1.0, 0.5, 0.25, 0.75, 0.1, 0.9} "
        "s = const f64[1,3,2] {0.0, 0.5, 0.75, 0.25, 0.9, 0.1} a = Mul(w, x) "
        "b = RotaryEmbedding(a, c, s) y = Mul(b, x) output y }"},
};

static void test_operators(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof operators / sizeof *operators; k++)
        check_gradients(operators[k].text, true, operators[k].weights, 64, 1e-6, 1e-6);
}

// ---- families ----------------------------------------------------------------------------------

static const char *const nets[] = {
    "mlp:batch=3,input=5,width=6,layers=2,output=4,dtype=f64",
    "mlp:batch=3,input=5,width=6,layers=2,output=4,dtype=f64,act=silu",
    "mlp:batch=3,input=5,width=6,layers=2,output=4,dtype=f64,act=tanh",
    "cnn:batch=2,image=8,channels=2,blocks=2,classes=3,act=gelu,dtype=f64",
    "resnet:depth=18,batch=2,image=64,width=1,classes=3,dtype=f64",
    "unet:batch=1,image=8,channels=2,depth=2,classes=2,dtype=f64",
    "cosmoflow:batch=1,size=8,channels=2,blocks=2,dtype=f64",
    "transformer:layers=1,heads=2,hidden=8,seq=3,batch=2,dtype=f64",
    "transformer:layers=1,heads=2,kv_heads=1,hidden=8,seq=3,causal=1,gated=1,norm=rms,dtype=f64",
    "bert:layers=1,heads=2,hidden=8,seq=3,vocab=11,positions=6,batch=2,dtype=f64",
    "gpt:layers=2,heads=2,hidden=8,seq=3,vocab=11,positions=6,dtype=f64",
    "llama:layers=1,heads=2,hidden=8,seq=3,vocab=11,kv_heads=1,dtype=f64",
    "vit:layers=1,heads=2,hidden=8,image=8,patch=4,classes=3,dtype=f64",
    "dlrm:tables=2,rows=5,dim=4,dtype=f64",
    "rnn:input=3,units=4,steps=3,batch=2,layers=2,bidirectional=1,dtype=f64",
    "lstm:input=3,units=4,steps=3,batch=2,layers=2,bidirectional=1,dtype=f64",
    "gru:input=3,units=4,steps=3,batch=2,layers=2,bidirectional=1,dtype=f64",
    "ncf:users=5,items=6,factors=4,width=8,batch=3,dtype=f64",
};

// Their loss is far from linear and has kinks: steps are small.
static void test_families(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof nets / sizeof *nets; k++)
        check_gradients(nets[k], false, 0, 1, 1e-8, 1e-3);
}

// ---- costs -------------------------------------------------------------------------------------

static sz_costs *costs_of(sz_ctx *ctx, const sz_model *m, int training) {
    const sz_cost_options o = {.training = training, .optimizer = "momentum"};
    sz_costs *costs;
    if (sz_costs_create(ctx, m, &o, &costs) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
    return costs;
}

// The step that is run has the multiply-accumulates that are derived from the net alone.
static void check_costs(const char *what) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m;
    sz_train_step step;
    if (sz_model_load(ctx, what, NULL, &m) != SZ_OK) fail_msg("%s: %s", what, sz_ctx_error(ctx));
    sz_costs *costs = costs_of(ctx, m, 1);
    const int64_t forward = sz_costs_total(costs).macs;
    const sz_training derived = sz_costs_training(costs);
    sz_costs_destroy(costs);
    if (sz_train_graph(ctx, m->graph, NULL, &step) != SZ_OK)
        fail_msg("%s: %s", what, sz_ctx_error(ctx));
    costs = costs_of(ctx, m, 0);
    const int64_t macs = sz_costs_total(costs).macs;
    const int64_t covered = sz_costs_covered(costs);
    if (covered != (int64_t)sz_costs_node_count(costs))
        fail_msg("%s: a node of the step has no known cost", what);
    if (macs != forward + derived.backward_macs)
        fail_msg("%s: the step has %lld MACs, %lld + %lld are derived", what, (long long)macs,
                 (long long)forward, (long long)derived.backward_macs);
    int64_t params = 0;
    for (size_t k = 0; k < step.n_pairs; k++) {
        int64_t n;
        if (step.pairs[k].what != SZ_TRAIN_WEIGHT) continue;
        assert_int_equal(
            sz_type_elements(ctx, &sz_graph_value(m->graph, step.pairs[k].constant)->type, &n),
            SZ_OK);
        params += n;
    }
    if (params != derived.trainable_params)
        fail_msg("%s: %lld parameters are trained, %lld are derived", what, (long long)params,
                 (long long)derived.trainable_params);
    sz_costs_destroy(costs);
    sz_model_destroy(m);
    sz_ctx_clear(ctx);
    sz_ctx_destroy(ctx);
}

static void test_costs(void **state) {
    (void)state;
    static const char *const whole[] = {
        "mlp:batch=32",
        "cnn:batch=4",
        "resnet:depth=18,batch=2",
        "resnet:depth=50,batch=2",
        "vgg",
        "unet",
        "cosmoflow:size=32",
        "transformer:batch=2",
        "bert:batch=2",
        "gpt:batch=2",
        "llama:layers=2",
        "vit",
        "dlrm:rows=1000",
        "rnn:layers=2",
        "lstm:layers=2,bidirectional=1,batch=4",
        "gru:layers=3",
        "ncf:batch=8",
    };
    for (size_t k = 0; k < sizeof whole / sizeof *whole; k++) check_costs(whole[k]);
}

// Exported files of the same kinds of nets.
static void test_files(void **state) {
    (void)state;
    static const char *const files[] = {"mlp",
                                        "resnet18",
                                        "resnet18.bn",
                                        "vgg16",
                                        "unet",
                                        "densenet121",
                                        "mobilenet_v2",
                                        "efficientnet_b0",
                                        "dcgan",
                                        "conv1d",
                                        "bert_base",
                                        "gpt2",
                                        "vit_b_16",
                                        "swin_t.dynamo",
                                        "whisper_tiny_encoder",
                                        "llama_tiny",
                                        "einsum"};
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/models/%s.onnx", tests_folder, files[k]);
        check_costs(path);
    }
}

// ---- what is refused ---------------------------------------------------------------------------

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *text, *optimizer, *part;
    } rows[] = {
        {"graph g opset=20 { w = const f32[4] input x: f32[4] a = Mul(w, x) y = LRN(a) {size=3} "
         "output y }",
         NULL, "node 'y': operator 'LRN' has no gradient: there is no rule for it"},
        {"graph g opset=20 { w = const f32[1,16,3] r = const f32[1,16,4] input x: f32[5,2,3] "
         "y = LSTM(x, w, r) {hidden_size=4, clip=1.0} output y }",
         NULL, "node 'y': operator 'LSTM' has no gradient: it clips"},
        {"graph g opset=20 { w = const f32[1,12,3] r = const f32[1,12,4] input x: f32[5,2,3] "
         "y = GRU(x, w, r) {hidden_size=4, activations=[\"Relu\", \"Tanh\"]} output y }",
         NULL, "its functions are others than usual"},
        {"graph g opset=20 { w = const f32[1,12,3] r = const f32[1,12,4] input x: f32[2,5,3] "
         "y = GRU(x, w, r) {hidden_size=4, layout=1} output y }",
         NULL, "its batch comes first"},
        {"graph g opset=20 { input x: f32[4] y = Relu(x) output y }", NULL,
         "there is nothing to train"},
        {"graph g opset=20 { w = const f32[4] input x: f32[4] y = Mul(w, x) output y }", "lion",
         "unknown optimizer 'lion'"},
        {"graph g opset=20 { w = const f32[4] p = const f32[4] input x: f32[4] a = Mul(w, x) "
         "b = Mul(p, x) y = Pow(x, a) output y }",
         NULL, "operator 'Pow' has no gradient: the derivative by an exponent is not made"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sz_ctx *ctx = sz_ctx_create(NULL);
        const sz_train_options o = {rows[k].optimizer, 0};
        sz_model *m;
        sz_train_step step;
        if (sz_model_parse(ctx, rows[k].text, NULL, &m) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
        assert_int_not_equal(sz_train_graph(ctx, m->graph, &o, &step), SZ_OK);
        if (!strstr(sz_ctx_error(ctx), rows[k].part)) fail_msg("%s", sz_ctx_error(ctx));
        sz_model_destroy(m);
        sz_ctx_clear(ctx);
        sz_ctx_destroy(ctx);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) tests_folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_families),
    };
    return cmocka_run_group_tests_name("training graphs", tests, NULL, NULL);
}
