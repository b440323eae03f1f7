// SPDX-License-Identifier: Apache-2.0
// The reference executor: real nets against the numbers of ONNX Runtime (tests/ref/golden, same
// weights and inputs), small graphs against numbers worked out by hand, limits and failures.
// Usage: ref_test TESTS
#include "model/graph/model.h"
#include "run/backends/ref/ref.h"

#include <sizeup/optimize.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// Uses types of the headers above without including them.
#include <cmocka.h>

enum { MAX_PATH = 4096, MAX_LINE = 4096, MAX_BINDS = 16 };

static const char *tests_folder = ".";

// ---- a graph and its run -----------------------------------------------------------------------

typedef struct fixture {
    sz_ctx *ctx;
    sz_model *m;
    sz_ref *r;
} fixture;

static fixture begin(const char *text, const sz_ref_options *options) {
    fixture f = {.ctx = sz_ctx_create(NULL)};
    assert_non_null(f.ctx);
    if (sz_model_parse(f.ctx, text, NULL, &f.m) != SZ_OK) fail_msg("%s", sz_ctx_error(f.ctx));
    assert_int_equal(sz_ref_create(f.ctx, f.m->graph, options, &f.r), SZ_OK);
    return f;
}

static void end(fixture *f) {
    sz_ref_destroy(f->r);
    sz_model_destroy(f->m);
    sz_ctx_clear(f->ctx);
    assert_int_equal(sz_ctx_memory_used(f->ctx), 0);
    sz_ctx_destroy(f->ctx);
}

static void give(fixture *f, const char *name, const double *x) {
    const sz_value_id id = sz_graph_find(f->m->graph, sz_str_c(name));
    const sz_type *t = &sz_graph_value(f->m->graph, id)->type;
    sz_buffer *b;
    assert_int_equal(sz_buffer_create(f->ctx, t->dtype, t->rank, t->dims, &b), SZ_OK);
    sz_buffer_put_doubles(b, 0, b->count, x);
    assert_int_equal(sz_ref_give(f->r, id, b), SZ_OK);
    sz_buffer_release(f->ctx, b);
}

static void run(fixture *f) {
    if (sz_ref_run(f->r) != SZ_OK) fail_msg("%s", sz_ctx_error(f->ctx));
}

static void expect(const fixture *f, size_t output, int64_t count, const double *want) {
    const sz_buffer *b = sz_ref_output(f->r, output);
    assert_non_null(b);
    assert_int_equal(b->count, count);
    for (int64_t k = 0; k < count; k++) {
        double x;
        sz_buffer_doubles(b, k, 1, &x);
        if (fabs(x - want[k]) > 1e-6) fail_msg("output %zu [%d] is %g", output, (int)k, x);
    }
}

static void expect_failure(fixture *f, const char *part) {
    assert_int_not_equal(sz_ref_run(f->r), SZ_OK);
    if (!strstr(sz_ctx_error(f->ctx), part)) fail_msg("%s", sz_ctx_error(f->ctx));
    assert_null(sz_ref_output(f->r, 0));
}

// ---- real nets ---------------------------------------------------------------------------------

// "NAME TYPE DIMS SUM LARGEST : numbers": how far the output is, over its largest number.
static double compare_line(char *line, const sz_buffer *b) {
    char *at = line, *word;
    for (int k = 0; k < 3; k++) word = strsep(&at, " "); // name, type, dims
    (void)word;
    const double sum = strtod(at, &at), largest = strtod(at, &at);
    double total = 0, most = 0;
    const int64_t step = (b->count + 15) / 16 > 1 ? (b->count + 15) / 16 : 1;
    at = strchr(at, ':') + 1;
    for (int64_t k = 0; k < b->count; k++) {
        double x;
        sz_buffer_doubles(b, k, 1, &x);
        total += x;
        if (k % step == 0) most = fmax(most, fabs(x - strtod(at, &at)));
    }
    // errors of single elements have no common sign: the sum may be off by a little more
    const double off = fabs(total - sum) / sqrt((double)b->count);
    return fmax(most, off) / (largest > 0 ? largest : 1);
}

static size_t read_binds(char *line, const char **binds) {
    size_t n = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *at = line, *word; (word = strsep(&at, " ")) && n < MAX_BINDS;)
        if (strchr(word, '=')) binds[n++] = word;
    return n;
}

static void check_net(const char *name, double tolerance) {
    char path[MAX_PATH], head[MAX_LINE], line[MAX_LINE] = "";
    const char *binds[MAX_BINDS];
    sz_load_options options = {.binds = binds};
    fixture f = {.ctx = sz_ctx_create(NULL)};
    snprintf(path, sizeof path, "%s/ref/golden/%s.txt", tests_folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) && line[0] == '#') continue;
    if (strncmp(line, "bind ", 5) == 0) {
        memcpy(head, line, sizeof head);
        options.n_binds = read_binds(head, binds);
        assert_non_null(fgets(line, sizeof line, file));
    }
    snprintf(path, sizeof path, "%s/models/%s.onnx", tests_folder, name);
    if (sz_model_load(f.ctx, path, &options, &f.m) != SZ_OK) fail_msg("%s", sz_ctx_error(f.ctx));
    assert_int_equal(sz_ref_create(f.ctx, f.m->graph, NULL, &f.r), SZ_OK);
    run(&f);
    size_t k = 0;
    do {
        assert_non_null(sz_ref_output(f.r, k));
        const double off = compare_line(line, sz_ref_output(f.r, k));
        if (!(off <= tolerance)) fail_msg("%s: output %zu is off by %g", name, k, off);
        k++;
    } while (fgets(line, sizeof line, file));
    assert_int_equal(k, f.m->graph->outputs.n);
    fclose(file);
    end(&f);
}

// ONNX Runtime adds up in single precision: that is what the tolerance is for. Sums of integers are
// exact.
static void test_nets(void **state) {
    (void)state;
    static const char *const names[] = {"mlp",
                                        "lstm",
                                        "conv1d",
                                        "einsum",
                                        "dcgan",
                                        "squeezenet1_1",
                                        "mobilenet_v2",
                                        "llama_tiny",
                                        "llama_tiny.int4",
                                        "llama_tiny.int8dyn",
                                        "llama_tiny.fused",
                                        "mixtral_tiny",
                                        "lstm.int8dyn"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) check_net(names[k], 3e-5);
}

// ---- by hand -----------------------------------------------------------------------------------

static void test_gemm(void **state) {
    (void)state;
    fixture f = begin(
        "graph g opset=13 { input a: f32[2,2] b = const f32[2,2] {1.0, 2.0, 3.0, 4.0} "
        "c = const f32[2] {10.0, 20.0} y = Gemm(a, b, c) {transB=1, alpha=2.0} "
        "output y }",
        NULL);
    give(&f, "a", (double[]){1, 0, 1, 1});
    run(&f);
    expect(&f, 0, 4, (double[]){12, 26, 16, 34});
    end(&f);
}

// Two 1-pixel-padded windows of ones over ones: corners meet 4 taps, of each of the two channels.
static void test_conv(void **state) {
    (void)state;
    fixture f = begin("graph g opset=13 { input x: f32[1,2,2,2] input w: f32[1,2,3,3] "
                      "y = Conv(x, w) {pads=[1,1,1,1]} t = ConvTranspose(y, w) {strides=[2,2]} "
                      "output y, t }",
                      NULL);
    double ones[18];
    for (int k = 0; k < 18; k++) ones[k] = 1;
    give(&f, "x", ones);
    give(&f, "w", ones);
    run(&f);
    expect(&f, 0, 4, (double[]){8, 8, 8, 8});
    // 2 x 2 kernels of 3 x 3 at distance 2: the middle row and column meet two, the middle four
    const double row[] = {8, 8, 16, 8, 8}, middle[] = {16, 16, 32, 16, 16};
    double want[50];
    for (int k = 0; k < 50; k++) want[k] = (k / 5 % 5 == 2 ? middle : row)[k % 5];
    expect(&f, 1, 50, want);
    end(&f);
}

static const char loop_text[] =
    "graph g opset=13 { input x: f32[2] n = const i64[] {3} go = const bool[] {true} "
    "y, all = Loop(n, go, x) {body=graph { input i: i64[] input c: bool[] input v: f32[2] "
    "d = Identity(c) t = Mul(v, two) u = Add(t, x) output d, u, t }} "
    "two = const f32[] {2.0} output y, all }";

// v -> 2 v + x, three times; `all` collects 2 v.
static void test_loop(void **state) {
    (void)state;
    fixture f = begin(loop_text, NULL);
    give(&f, "x", (double[]){1, 10});
    run(&f);
    expect(&f, 0, 2, (double[]){15, 150});
    expect(&f, 1, 6, (double[]){2, 20, 6, 60, 14, 140});
    end(&f);
}

// Running sum over axis 0, and the same backwards.
static void test_scan(void **state) {
    (void)state;
    fixture f = begin("graph g opset=13 { input s: f32[] input x: f32[3] "
                      "y, z = Scan(s, x) {num_scan_inputs=1, scan_input_directions=[1], "
                      "body=graph { input a: f32[] input b: f32[] c = Add(a, b) d = Identity(c) "
                      "output c, d }} output y, z }",
                      NULL);
    give(&f, "s", (double[]){100});
    give(&f, "x", (double[]){1, 2, 3});
    run(&f);
    expect(&f, 0, 1, (double[]){106});
    expect(&f, 1, 3, (double[]){103, 105, 106});
    end(&f);
}

// The branch that is taken decides the shape, and the data decide the branch.
static void test_branches_and_data(void **state) {
    (void)state;
    fixture f = begin("graph g opset=13 { input x: f32[3] zero = const f32[] {0.0} "
                      "s = ReduceSum(x) {keepdims=0} c = Greater(s, zero) "
                      "y = If(c) {then_branch=graph { t = Neg(x) output t }, "
                      "else_branch=graph { k = const i64[1] {-1} e = ReduceMax(x) {keepdims=1} "
                      "output e }} n = NonZero(x) output y, n }",
                      NULL);
    give(&f, "x", (double[]){1, 0, 2});
    run(&f);
    expect(&f, 0, 3, (double[]){-1, 0, -2});
    expect(&f, 1, 2, (double[]){0, 2});
    give(&f, "x", (double[]){-1, 0, -2});
    run(&f); // the same session once more
    expect(&f, 0, 1, (double[]){0});
    end(&f);
}

// Folding keeps what made a constant; the run works it out, a chain of thousands too.
static void test_recipes(void **state) {
    (void)state;
    enum { CHAIN = 3000 };
    char *text = calloc(1, 64 * (CHAIN + 8));
    assert_non_null(text);
    size_t at = (size_t)sprintf(
        text, "graph g opset=13 { input x: f32[2] w = const f32[2]\nc0 = Neg(w)\n");
    for (int k = 1; k < CHAIN; k++) at += (size_t)sprintf(text + at, "c%d = Neg(c%d)\n", k, k - 1);
    sprintf(text + at, "y = Add(x, c%d) output y }", CHAIN - 1);
    fixture f = begin(text, NULL);
    free(text);
    sz_ref_destroy(f.r);
    const sz_optimize_options o = {.passes = "fold-constants"};
    assert_int_equal(sz_model_optimize(f.ctx, f.m, &o), SZ_OK);
    assert_int_equal(f.m->graph->nodes.n, 1);
    assert_int_equal(sz_ref_create(f.ctx, f.m->graph, NULL, &f.r), SZ_OK);
    give(&f, "x", (double[]){1, 2});
    give(&f, "w", (double[]){0.25, 0.5});
    run(&f);
    expect(&f, 0, 2, (double[]){1.25, 2.5}); // an even number of signs
    end(&f);
}

// ---- formats -----------------------------------------------------------------------------------

static void test_formats(void **state) {
    (void)state;
    static const struct {
        const char *dtype;
        double in, out;
    } rows[] = {
        {"f32", 0.1, 0.10000000149011612},
        {"f64", 0.1, 0.1},
        {"f16", 1.0 / 3, 0.333251953125},
        {"f16", 1e-7, 1.1920928955078125e-07},
        {"f16", 70000, INFINITY},
        {"f16", -65504, -65504},
        {"bf16", 1.0 / 3, 0.333984375},
        {"f8e4m3fn", 0.3, 0.3125},
        {"f8e4m3fn", 1e6, 448},
        {"f8e5m2", -0.3, -0.3125},
        {"f4e2m1", 2.5, 2},
        {"i8", -128, -128},
        {"u8", 255, 255},
        {"i4", -8, -8},
        {"u4", 15, 15},
        {"bool", 7, 1},
        {"i64", -5e15, -5e15},
        {"u16", 65535, 65535},
    };
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        sz_buffer *b;
        double x;
        const sz_dtype t = sz_dtype_by_name(rows[k].dtype);
        assert_int_equal(sz_buffer_create(ctx, t, 0, NULL, &b), SZ_OK);
        sz_buffer_put_doubles(b, 0, 1, &rows[k].in);
        sz_buffer_doubles(b, 0, 1, &x);
        if (x != rows[k].out) fail_msg("%s: %g became %.17g", rows[k].dtype, rows[k].in, x);
        sz_buffer_release(ctx, b);
    }
    assert_int_equal(sz_ctx_memory_used(ctx), 0);
    sz_ctx_destroy(ctx);
}

// Synthetic weights: by name and seed, with the variance of He et al.
static void test_weights(void **state) {
    (void)state;
    static const char text[] = "graph g opset=13 { input x: f32[1,64] w = const f32[64,500] "
                               "y = MatMul(x, w) output y }";
    fixture f = begin(text, NULL), other = begin(text, &(sz_ref_options){.seed = 1});
    const sz_value_id w = sz_graph_find(f.m->graph, sz_str_c("w"));
    sz_buffer *a, *b, *c;
    double mean = 0, squares = 0;
    assert_int_equal(sz_ref_source(f.r, w, &a), SZ_OK);
    assert_int_equal(sz_ref_source(f.r, w, &b), SZ_OK);
    assert_int_equal(sz_ref_source(other.r, w, &c), SZ_OK);
    assert_memory_equal(a->data, b->data, a->bytes);
    assert_memory_not_equal(a->data, c->data, a->bytes);
    for (int64_t k = 0; k < a->count; k++) {
        double x;
        sz_buffer_doubles(a, k, 1, &x);
        mean += x, squares += x * x;
    }
    assert_true(fabs(mean / (double)a->count) < 0.005);
    assert_true(fabs(squares / (double)a->count - 2.0 / 64) < 0.001);
    sz_buffer_release(f.ctx, a);
    sz_buffer_release(f.ctx, b);
    sz_buffer_release(other.ctx, c);
    end(&f);
    end(&other);
}

// ---- limits and failures -----------------------------------------------------------------------

static void test_limits(void **state) {
    (void)state;
    fixture f = begin("graph g opset=13 { input x: f32[1000,1000] y = Relu(x) output y }",
                      &(sz_ref_options){.memory_limit = 1 << 20});
    expect_failure(&f, "a tensor of 4000000 bytes does not fit");
    end(&f);
    f = begin(
        "graph g opset=13 { input x: f32[] n = const i64[] {1000000000} go = const bool[] {true} "
        "y = Loop(n, go, x) {body=graph { input i: i64[] input c: bool[] input v: f32[] "
        "d = Identity(c) t = Neg(v) output d, t }} output y }",
        &(sz_ref_options){.work_limit = 10000});
    expect_failure(&f, "more work than its limit");
    end(&f);
    f = begin("graph g opset=13 { input x: f32[100,100] y = MatMul(x, x) output y }",
              &(sz_ref_options){.work_limit = 999999});
    expect_failure(&f, "more work than its limit");
    end(&f);
}

static void test_failures(void **state) {
    (void)state;
    const char *why;
    fixture f = begin("graph g opset=18 { input x: f32[4] y = Bernoulli(x) output y }", NULL);
    assert_int_equal(sz_ref_supports(f.m->graph, &why), SZ_OK);
    assert_string_equal(why, "no reference for operator 'Bernoulli'");
    expect_failure(&f, "no reference for operator 'Bernoulli'");
    end(&f);
    f = begin("graph g opset=13 { input x: f32[4] i = const i64[1] {4} y = Gather(x, i) output y }",
              NULL);
    assert_int_equal(sz_ref_supports(f.m->graph, &why), SZ_OK);
    assert_null(why);
    expect_failure(&f, "index 4 lies outside of an axis of 4");
    sz_buffer *b;
    assert_int_equal(sz_buffer_create(f.ctx, sz_dtype_by_name("f32"), 1, (int64_t[]){5}, &b),
                     SZ_OK);
    assert_int_equal(sz_ref_give(f.r, 0, b), SZ_ERR_USAGE);
    sz_buffer_release(f.ctx, b);
    end(&f);
}

// ---- memory that runs out ----------------------------------------------------------------------

typedef struct scarce {
    long left; // requests that are still granted
} scarce;

static void *scarce_realloc(void *user, void *old, size_t old_size, size_t new_size) {
    scarce *s = user;
    (void)old_size;
    if (new_size == 0) return free(old), NULL;
    if (s->left == 0) return NULL;
    s->left--;
    return realloc(old, new_size);
}

// The n-th request fails, for all n: an error, never a crash, and nothing is left behind.
static void test_no_memory(void **state) {
    (void)state;
    for (long n = 1; n < 100000; n++) {
        scarce s = {n};
        const sz_allocator a = {scarce_realloc, &s};
        sz_model *m = NULL;
        sz_ref *r = NULL;
        sz_ctx *ctx = sz_ctx_create(&a);
        if (!ctx) continue;
        sz_status status = sz_model_parse(ctx, loop_text, NULL, &m);
        if (status == SZ_OK) status = sz_ref_create(ctx, m->graph, NULL, &r);
        if (status == SZ_OK) status = sz_ref_run(r);
        const bool done = status == SZ_OK;
        sz_ref_destroy(r);
        sz_model_destroy(m);
        sz_ctx_clear(ctx);
        assert_int_equal(sz_ctx_memory_used(ctx), 0);
        sz_ctx_destroy(ctx);
        if (done) return;
        assert_int_equal(status, SZ_ERR_MEMORY);
    }
    fail_msg("never enough memory");
}

int main(int argc, char **argv) {
    if (argc > 1) tests_folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm),      cmocka_unit_test(test_conv),
        cmocka_unit_test(test_loop),      cmocka_unit_test(test_scan),
        cmocka_unit_test(test_recipes),   cmocka_unit_test(test_branches_and_data),
        cmocka_unit_test(test_formats),   cmocka_unit_test(test_weights),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_failures),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_nets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
