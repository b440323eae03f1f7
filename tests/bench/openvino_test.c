// SPDX-License-Identifier: Apache-2.0
// Nets on OpenVINO against the reference: families, files, files without weights, whole numbers.
// What ran is joined to the nodes of the net, and layers add up to the whole. Skipped with its own
// words where the library is not. Usage: openvino_test TESTS-FOLDER OPENVINO-FOLDER
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "machine/measure/stats.h"
#include "model/graph/model.h"
#include "model/ops/ops.h"
#include "os/clock.h"
#include "run/backends/openvino.h"

static const char *tests, *folder;

typedef struct fixture {
    sz_ctx *ctx;
    void *library;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->ctx = sz_ctx_create(NULL);
    if (sz_backend_find("openvino")->open(f->ctx, folder, &f->library) != SZ_OK) {
        print_message("skipped: %s\n", sz_ctx_error(f->ctx));
        f->library = NULL;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    sz_ctx_destroy(f->ctx);
    free(f);
    return 0;
}

typedef struct net {
    sz_model *model;
    sz_runner runner;
    char path[1024];
} net;

// `what`: a family, or "file:NAME" in the folder of models.
static sz_status start(const fixture *f, const char *what, const sz_run_how *how, net *n) {
    sz_run_how own = *how;
    const bool is_file = strncmp(what, "file:", 5) == 0;
    *n = (net){.model = NULL};
    snprintf(n->path, sizeof n->path, "%s/models/%s", tests, is_file ? what + 5 : "");
    if (is_file) own.path = n->path;
    assert_int_equal(sz_model_load(f->ctx, is_file ? n->path : what, NULL, &n->model), SZ_OK);
    const sz_status status = sz_runner_create(f->ctx, n->model->graph, sz_backend_find("openvino"),
                                              f->library, &own, &n->runner);
    if (status != SZ_OK) sz_model_destroy(n->model);
    return status;
}

static void stop(net *n) {
    sz_runner_finish(&n->runner);
    sz_model_destroy(n->model);
}

static const fixture *fixture_of(void **state) {
    if (!((const fixture *)*state)->library) skip();
    return *state;
}

// ---- right results -----------------------------------------------------------------------------

static void nets_are_right(void **state) {
    static const struct {
        const char *what, *dtype; // dtype: that the arithmetic must have touched
    } nets[] = {
        {"mlp:layers=2,batch=3", "f32"},
        {"resnet:depth=18,image=64", "f32"},
        {"bert:layers=2,hidden=64,heads=2,seq=16,vocab=100", "f32"},
        {"lstm:input=16,units=24,steps=5", "f32"},
        {"unet:image=64,channels=4", "f32"},
        {"gemm:m=7,n=5,k=3,bias=1", "f32"},
        {"conv2d:channels=8,filters=12,size=11,groups=4,dilation=2,pad=2", "f32"},
        {"gather:rows=50,width=3,count=4", NULL},
        {"file:mlp.onnx", "f32"},
        {"file:lstm.onnx", "f32"},
        {"file:squeezenet1_1.onnx", "f32"},
        {"file:mlp.int8dyn.onnx", NULL},
        {"file:llama_tiny.int4.onnx", "f32"},
        {"file:resnet18.fp16.onnx", NULL},
    };
    const fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        sz_check c;
        net n;
        if (start(f, nets[i].what, &(sz_run_how){.threads = 1, .seed = 5}, &n) != SZ_OK)
            fail_msg("%s: %s", nets[i].what, sz_ctx_error(f->ctx));
        for (int k = 0; k < 3; k++) assert_int_equal(n.runner.type->run(n.runner.state), SZ_OK);
        if (n.runner.type->check(n.runner.state, 1000, &c) != SZ_OK)
            fail_msg("%s: %s", nets[i].what, sz_ctx_error(f->ctx));
        if (strcmp(c.how, "whole") != 0) fail_msg("%s: %s", nets[i].what, c.why);
        assert_true(c.elements > 0);
        if (!c.is_right) fail_msg("%s: off by %g, %g allowed", nets[i].what, c.error, c.allowed);
        if (nets[i].dtype)
            assert_string_equal(sz_dtype_get(n.runner.type->lowest(n.runner.state))->name,
                                nets[i].dtype);
        assert_int_equal(n.runner.type->threads(n.runner.state), 1);
        stop(&n);
    }
}

// ---- layers ------------------------------------------------------------------------------------

static double sum_of_layers(const net *n) {
    double sum = 0;
    for (size_t i = 0; i < n->runner.type->layer_count(n->runner.state); i++)
        sum += n->runner.type->layer(n->runner.state, i).time_s;
    return sum;
}

static bool *find_constants(const sz_graph *g) { // by node: follows from constants alone
    bool *constant = calloc(g->nodes.n + 1, sizeof *constant);
    assert_non_null(constant);
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node *n = sz_graph_node(g, sz_graph_nth(g, k));
        bool all = n->n_inputs > 0;
        for (int32_t i = 0; i < n->n_inputs; i++) {
            if (n->inputs[i] == SZ_NONE) continue;
            const sz_value *v = sz_graph_value(g, n->inputs[i]);
            all &= v->kind == SZ_VALUE_CONST || (v->kind == SZ_VALUE_NODE && constant[v->producer]);
        }
        constant[sz_graph_nth(g, k)] = all;
    }
    return constant;
}

static int count_products(const sz_graph *g, const sz_run_layer *l) {
    int n = 0;
    for (int32_t k = 0; k < l->n_sources; k++) {
        const sz_node *node = sz_graph_node(g, l->sources[k]);
        n += node->row != SZ_NONE && sz_op_get(node->row)->kind == SZ_KIND_CONTRACTION;
    }
    return n;
}

// Layers called after a product of any sort have a node that multiplies, and no other has; a bias
// that was parted from its convolution may run among elementwise nodes.
static void check_products(const sz_graph *g, const sz_run_layer *l, const char *what) {
    static const char *const types[] = {"Convolution", "GroupConvolution", "FullyConnected",
                                        "LSTMSequence", "GRUSequence"};
    bool multiplies = false;
    const bool has_product = count_products(g, l) > 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        multiplies |= sz_str_is(l->op, types[i]);
    if (multiplies != has_product && !sz_str_is(l->op, "Subgraph"))
        fail_msg("%s: layer '%.*s' is a %.*s and has %s", what, (int)l->name.len, l->name.p,
                 (int)l->op.len, l->op.p, has_product ? "a product" : "no product");
}

// Every node is in a layer that ran: in one, unless the library took it apart, as it does with the
// bias of a convolution. What it put in has none.
static void check_sources(const net *n, const char *what, int most) {
    const sz_graph *g = n->model->graph;
    int *times = calloc(g->nodes.n + 1, sizeof *times);
    assert_non_null(times);
    for (size_t i = 0; i < n->runner.type->layer_count(n->runner.state); i++) {
        const sz_run_layer l = n->runner.type->layer(n->runner.state, i);
        assert_string_equal(l.backend, "openvino");
        assert_true(l.name.len > 0 && l.op.len > 0 && l.kernel[0]);
        if (l.n_sources == 0 && !sz_str_is(l.op, "Reorder"))
            fail_msg("%s: layer '%.*s' has no nodes", what, (int)l.name.len, l.name.p);
        check_products(g, &l, what);
        for (int32_t k = 0; k < l.n_sources; k++) times[l.sources[k]]++;
    }
    bool *constant = find_constants(g);
    for (size_t k = 0; k < g->nodes.n; k++)
        if (constant[k] ? times[k] > 0 : times[k] < 1 || times[k] > most)
            fail_msg("%s: node %zu is in %d layers", what, k, times[k]);
    free(constant);
    free(times);
}

// Timed runs and profiled ones in turn, so that both meet the same machine.
// Medians of the whole net and of its layers, whose times take turns.
static double sum_over_whole(const fixture *f, const char *what, int most) {
    enum { RUNS = 15 };
    const sz_run_how how = {.threads = 1, .seed = 5, .layers = true};
    double times[RUNS];
    net n;
    if (start(f, what, &how, &n) != SZ_OK) fail_msg("%s: %s", what, sz_ctx_error(f->ctx));
    for (int k = 0; k < RUNS; k++) {
        const double before = sz_clock_s();
        assert_int_equal(n.runner.type->run(n.runner.state), SZ_OK);
        times[k] = sz_clock_s() - before;
        assert_int_equal(n.runner.type->profile(n.runner.state), SZ_OK);
    }
    check_sources(&n, what, most);
    sz_sort_values(times, RUNS);
    const double whole = sz_quantile(times, RUNS, 0.5), sum = sum_of_layers(&n);
    print_message("%s: layers %.2f ms, whole %.2f ms (n %d, %.2f to %.2f): %+.1f %%\n", what,
                  1e3 * sum, 1e3 * whole, RUNS, 1e3 * times[0], 1e3 * times[RUNS - 1],
                  100 * (sum / whole - 1));
    stop(&n);
    return sum / whole;
}

static void layers_add_up(void **state) {
    static const char *const nets[] = {"resnet:depth=50", "file:resnet50.onnx", "mobilenet",
                                       "lstm:input=128,units=256,steps=32,layers=2",
                                       "gru:input=128,units=256,steps=32,layers=2"};
    static const int most[] = {1, 2, 1, 1, 1}; // layers of a node; the file has biases
    const fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        bool close = false;
        // Where others use the machine, too, the two medians differ by what they do.
        for (int tries = 0; tries < 6 && !close; tries++) {
            const double ratio = sum_over_whole(f, nets[i], most[i]);
            close = ratio > 0.7 && ratio < 1.3;
        }
        assert_true(close);
    }
}

// Attention is one kernel: no layer that only moves numbers has a product, and one that is not
// called after products has both of attention.
static void attention_is_joined(void **state) {
    static const char *const nets[] = {
        "transformer:layers=2,hidden=64,heads=2,seq=16",
        "gpt:layers=1,hidden=64,heads=1,seq=16,vocab=100",
        "llama:layers=1,heads=4,kv_heads=4,hidden=64,ffn=96,vocab=100,seq=1",
        "llama:layers=2,heads=4,kv_heads=2,hidden=64,ffn=96,vocab=100,seq=24,past=8"};
    const sz_run_how how = {.threads = 1, .seed = 5, .layers = true};
    const fixture *f = fixture_of(state);
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        net n;
        if (start(f, nets[i], &how, &n) != SZ_OK) fail_msg("%s: %s", nets[i], sz_ctx_error(f->ctx));
        assert_int_equal(n.runner.type->profile(n.runner.state), SZ_OK);
        for (size_t k = 0; k < n.runner.type->layer_count(n.runner.state); k++) {
            const sz_run_layer l = n.runner.type->layer(n.runner.state, k);
            const int products = count_products(n.model->graph, &l);
            const bool can = sz_vino_multiplies(l.op.p) || sz_str_is(l.op, "Subgraph");
            if (products > 0 && (!can || (products == 1 && sz_str_is(l.op, "Subgraph"))))
                fail_msg("%s: layer '%.*s' (%.*s) has %d products", nets[i], (int)l.name.len,
                         l.name.p, (int)l.op.len, l.op.p, products);
        }
        stop(&n);
    }
}

// Three layers of 0, 7 and 1200 us that took 50, 90 and 2000 us in the cold first run: the mean of
// the first one falls below a microsecond, and the library says that it did not run: half of one is
// what is known of it. Each keeps its own times.
static void a_layer_of_no_time_shifts_no_other(void **state) {
    enum { RUNS = 200 };
    static const int64_t cold[] = {50, 90, 2000}, warm[] = {0, 7, 1200};
    sz_vino_net one = {.ctx = ((const fixture *)*state)->ctx};
    sz_arena_init(&one.arena, one.ctx);
    for (int64_t k = 1; k <= RUNS; k++) {
        sz_vino_profile items[4] = {{.state = 0, .name = "constant"}};
        for (int i = 0; i < 3; i++) {
            const int64_t mean = (cold[i] + (k - 1) * warm[i]) / k;
            items[i + 1] = (sz_vino_profile){.state = mean > 0 ? SZ_VINO_EXECUTED : 0,
                                             .real_us = mean,
                                             .name = "n",
                                             .exec_type = "ref_f32",
                                             .type = "MatMul"};
        }
        const sz_vino_profiles all = {items, 4};
        assert_int_equal(sz_vino_take_profile(&one, &all, 1.3e-3), SZ_OK);
    }
    assert_int_equal(one.n_layers, 3);
    for (size_t i = 0; i < 3; i++) {
        sz_run_layer l = {.time_s = NAN};
        sz_vino_layer_times(&one, i, &l);
        assert_true(fabs(l.time_s - (double)warm[i] * 1e-6) < 1.5e-6);
        if (i == 0) assert_true(fabs(l.time_s - 0.5e-6) < 1e-12);
    }
    sz_arena_finish(&one.arena);
}

int main(int argc, char **argv) {
    const struct CMUnitTest all[] = {cmocka_unit_test(a_layer_of_no_time_shifts_no_other),
                                     cmocka_unit_test(nets_are_right),
                                     cmocka_unit_test(attention_is_joined),
                                     cmocka_unit_test(layers_add_up)};
    if (argc < 3) return 2;
    tests = argv[1], folder = argv[2];
    return cmocka_run_group_tests(all, set_up, tear_down);
}
