// SPDX-License-Identifier: Apache-2.0
// Every operator that oneDNN runs, against the reference; by the library that is installed, and by
// another one where SIZEUP_ONEDNN names it, so that versions 2 and 3 are held to the same cases.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/graph/model.h"
#include "run/backends/job.h"
#include "run/backends/onednn/onednn.h"

// The C library's memory, and how often it was asked for some.
static int64_t asked;

static void *counted(void *user, void *old, size_t old_size, size_t new_size) {
    (void)user, (void)old_size;
    asked++;
    if (new_size > 0) return realloc(old, new_size);
    free(old);
    return NULL;
}

static sz_ctx *counting_ctx(void) {
    static const sz_allocator a = {.realloc = counted};
    sz_ctx *ctx = sz_ctx_create(&a);
    assert_non_null(ctx);
    return ctx;
}

static const char *const cases[] = {
#define CASE(...) __VA_ARGS__,
#include "onednn_cases.def"
#undef CASE
};

static bool is_low(const char *graph) { return strstr(graph, "bf16") || strstr(graph, "to=16"); }

static int complain(const char *graph, const char *why) {
    print_message("%s\n  %s\n", graph, why);
    return 1;
}

// All nodes run on the library, and the result is the reference's.
static int check_job(sz_ctx *ctx, sz_job *job, const char *graph) {
    char text[160];
    sz_check c;
    if (sz_job_first(job) != SZ_OK || sz_job_check(job, 1000, &c) != SZ_OK)
        return complain(graph, sz_ctx_error(ctx));
    for (size_t k = 0; k < job->nodes.n; k++) {
        if (job->nodes.items[k].why) return complain(graph, job->nodes.items[k].why);
        if (!job->nodes.items[k].step.kernel[0]) return complain(graph, "a kernel has no name");
    }
    if (strcmp(c.how, "whole") != 0) return complain(graph, c.why);
    if (!c.is_right || c.elements < 1) {
        snprintf(text, sizeof text, "off by %g, %g is allowed (%s)", c.error, c.allowed,
                 job->nodes.items[0].step.kernel);
        return complain(graph, text);
    }
    // Once more, with the other inputs and then with these: the same result.
    const sz_value_id out = job->graph->outputs.items[0];
    const sz_buffer *b = job->slots[0][out];
    void *first = malloc(b->bytes);
    assert_non_null(first);
    memcpy(first, b->data, b->bytes);
    const int64_t before = asked;
    for (int k = 0; k < SZ_INPUT_SETS; k++) assert_int_equal(sz_job_run(job), SZ_OK);
    if (asked != before) return complain(graph, "a run asks for memory");
    assert_int_equal(sz_job_first(job), SZ_OK);
    const bool same = memcmp(first, b->data, b->bytes) == 0;
    free(first);
    return same ? 0 : complain(graph, "another result when it runs again");
}

static int check(sz_ctx *ctx, void *library, const char *graph) {
    char text[2048];
    sz_model *m;
    sz_job *job;
    snprintf(text, sizeof text, "graph { %s }", graph);
    if (sz_model_parse(ctx, text, NULL, &m) != SZ_OK) return complain(graph, sz_ctx_error(ctx));
    const sz_run_how how = {.threads = 1, .seed = 5};
    int failed = 0;
    if (sz_job_create(ctx, m->graph, &sz_backend_onednn, library, &how, &job) == SZ_OK) {
        failed = check_job(ctx, job, graph);
        sz_job_destroy(job);
    } else if (is_low(graph)) { // a CPU without instructions for a format: the library says so
        print_message("skipped: %s: %s\n", graph, sz_ctx_error(ctx));
    } else {
        failed = complain(graph, sz_ctx_error(ctx));
    }
    sz_model_destroy(m);
    return failed;
}

static void run_all(const char *path) {
    sz_ctx *ctx = counting_ctx();
    void *library = NULL;
    sz_backend_facts facts;
    int failed = 0;
    if (sz_backend_onednn.open(ctx, path, &library) != SZ_OK) {
        print_message("skipped: %s\n", sz_ctx_error(ctx));
        sz_ctx_destroy(ctx);
        skip();
    }
    sz_backend_onednn.facts(library, &facts);
    print_message("oneDNN %s: %s\n", facts.version, facts.path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        failed += check(ctx, library, cases[i]);
    sz_ctx_destroy(ctx);
    if (failed) fail_msg("%d of %zu cases failed", failed, sizeof cases / sizeof *cases);
}

static void installed_one_is_right(void **state) {
    (void)state;
    run_all(NULL);
}

static void named_one_is_right(void **state) {
    (void)state;
    const char *path = getenv("SIZEUP_ONEDNN");
    if (!path) {
        print_message("skipped: SIZEUP_ONEDNN names no other library\n");
        skip();
    }
    run_all(path);
}

// ---- results that lie as the library likes it --------------------------------------------------

#define TWO_CONVOLUTIONS(op)                                                                       \
    "graph { input x: f32[2,16,9,8] w = const f32[32,16,3,3] c = Conv(x, w) r = " op "(c)"         \
    " v = const f32[16,32,3,3] y = Conv(r, v) output y }"

// The library takes the node, and has no kernel for it when it comes to it.
static sz_status prepare_no_relu(void *library, const sz_node_call *call, sz_step *step) {
    if (sz_node_is(call->node, "Relu"))
        return sz_fail(call->ctx, SZ_ERR_UNAVAILABLE, "it has no such kernel");
    return sz_backend_onednn.prepare(library, call, step);
}

static void make_job(sz_ctx *ctx, const char *graph, const sz_backend *b, void **ret_library,
                     sz_model **ret_model, sz_job **ret_job) {
    void *library = NULL;
    if (b->open(ctx, NULL, &library) != SZ_OK) {
        print_message("skipped: %s\n", sz_ctx_error(ctx));
        sz_ctx_destroy(ctx);
        skip();
    }
    if (ret_library) *ret_library = library;
    assert_int_equal(sz_model_parse(ctx, graph, NULL, ret_model), SZ_OK);
    const sz_run_how how = {.threads = 1, .seed = 5};
    assert_int_equal(sz_job_create(ctx, (*ret_model)->graph, b, library, &how, ret_job), SZ_OK);
    assert_int_equal((*ret_job)->nodes.n, 3);
}

static void assert_right(sz_job *job, int64_t flops, const char *how) {
    sz_check c;
    assert_int_equal(sz_job_first(job), SZ_OK);
    assert_int_equal(sz_job_check(job, flops, &c), SZ_OK);
    assert_string_equal(c.how, how);
    if (!c.is_right) fail_msg("off by %g: %s", c.error, c.why);
    assert_true(c.elements > 0);
}

// Nothing is turned around between them, and what runs node by node is held to dense numbers.
static void results_stay_as_they_lie(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m;
    sz_job *job;
    make_job(ctx, TWO_CONVOLUTIONS("Relu"), &sz_backend_onednn, NULL, &m, &job);
    for (size_t k = 0; k < 3; k++)
        if (strstr(job->nodes.items[k].step.kernel, "reorder"))
            fail_msg("%s", job->nodes.items[k].step.kernel);
    sz_buffer *before[8];
    assert_true(m->graph->values.n <= 8);
    memcpy(before, job->slots[0], m->graph->values.n * sizeof *before);
    assert_right(job, 0, "whole");
    assert_right(job, INT64_MAX, "spots");
    assert_memory_equal(before, job->slots[0], m->graph->values.n * sizeof *before);
    assert_right(job, 0, "whole");
    sz_job_destroy(job);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

static sz_status prepare_dense(void *library, const sz_node_call *call, sz_step *step) {
    static const bool no[] = {false};
    sz_node_call dense = *call;
    dense.loose = no;
    return sz_backend_onednn.prepare(library, &dense, step);
}

// Two jobs on one graph at once, of which one leaves nothing as it lies.
static void jobs_are_told_apart(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_backend dense = sz_backend_onednn;
    sz_model *m;
    sz_job *job, *other;
    void *library = NULL;
    const sz_run_how how = {.threads = 1, .seed = 5};
    dense.prepare = prepare_dense;
    make_job(ctx, TWO_CONVOLUTIONS("Relu"), &sz_backend_onednn, &library, &m, &job);
    if (sz_job_create(ctx, m->graph, &dense, library, &how, &other) != SZ_OK)
        fail_msg("%s", sz_ctx_error(ctx));
    for (size_t k = 0; k < 3; k++) assert_null(other->nodes.items[k].step.show);
    assert_right(other, 0, "whole");
    assert_right(job, 0, "whole");
    assert_right(other, INT64_MAX, "spots");
    sz_job_destroy(job);
    assert_right(other, 0, "whole");
    sz_job_destroy(other);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

// Others read dense numbers: those of which it is known, and those that step in.
static void others_read_dense_numbers(void **state) {
    (void)state;
    sz_backend lacking = sz_backend_onednn;
    lacking.prepare = prepare_no_relu;
    const struct {
        const char *graph;
        const sz_backend *backend;
    } rows[] = {{TWO_CONVOLUTIONS("Sin"), &sz_backend_onednn},
                {TWO_CONVOLUTIONS("Relu"), &lacking}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sz_ctx *ctx = sz_ctx_create(NULL);
        sz_model *m;
        sz_job *job;
        make_job(ctx, rows[i].graph, rows[i].backend, NULL, &m, &job);
        assert_non_null(job->nodes.items[1].why);
        assert_null(job->nodes.items[0].step.show);
        assert_right(job, 0, "whole");
        assert_right(job, INT64_MAX, "spots");
        sz_job_destroy(job);
        sz_model_destroy(m);
        sz_ctx_destroy(ctx);
    }
}

// ---- what is refused ---------------------------------------------------------------------------

static const struct {
    const char *graph, *why;
} refused[] = {
    {"input x: f64[3,4] y = Relu(x) output y", "only f32 and bf16"},
    {"input x: f32[3,0] y = Relu(x) output y", "an empty operand"},
    {"input x: f32[1,1,1,1,1,2,3] y = Relu(x) output y", "an operand with more than 6 axes"},
    {"input x: f32[3,4] y = Sin(x) output y", "no primitive for this operator"},
    {"input x: f32[3,4] input e: f32[] y = Pow(x, e) output y",
     "an exponent that is no constant number"},
    {"input x: f32[3,1] input z: f32[4] y = Add(x, z) output y", "both are broadcast"},
    {"input x: bf16[4] input z: bf16[3,4] y = Div(x, z) output y", "the first is broadcast"},
    {"input x: f32[2,3,8] y, i = MaxPool(x) {kernel_shape=[2]} output y, i",
     "indices of the largest"},
    {"input x: f32[2,3,4,5,6,7] w = const f32[3,3,1,1,1,1] y = Conv(x, w) output y",
     "not 1, 2 or 3 axes in the window"},
    {"input x: f32[1,2,4] s = const f32[3] {1, 1, 2} y = Resize(x, _, s)"
     " {mode=\"linear\", coordinate_transformation_mode=\"align_corners\"} output y",
     "coordinates that are not the library's"},
    {"input x: f32[1,2,9] s = const f32[3] {1, 1, 0.5} y = Resize(x, _, s)"
     " {mode=\"cubic\"} output y",
     "cubic"},
    {"input x: f32[3,1] a = const i64[1] {1} y = ReduceSum(x, a) output y", "nothing to reduce"},
    {"input x: f32[5,2,3] w = const f32[1,16,3] r = const f32[1,16,4] y = LSTM(x, w, r)"
     " {hidden_size=4, clip=1.0} output y",
     "clipping"},
    {"input x: f32[5,2,3] w = const f32[1,12,3] r = const f32[1,12,4] y = GRU(x, w, r)"
     " {hidden_size=4, activations=[\"Relu\", \"Tanh\"]} output y",
     "other activations"},
    {"input x: f32[3,4] y = Cast(x) {to=3} output y",
     "whole numbers, which it rounds where ONNX cuts off"},
    {"input x: u8[3,4] w = const i8[4,2] z = const u8[] {7} y = MatMulInteger(x, w, z) output y",
     "zero points"},
};

static void what_it_cannot_is_refused(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char text[1024];
        sz_model *m;
        snprintf(text, sizeof text, "graph { %s }", refused[i].graph);
        if (sz_model_parse(ctx, text, NULL, &m) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
        const char *why = sz_backend_onednn.refuses(NULL, m->graph, sz_graph_node(m->graph, 0));
        if (!why) fail_msg("%s: is not refused", refused[i].graph);
        assert_string_equal(why, refused[i].why);
        sz_model_destroy(m);
    }
    sz_ctx_destroy(ctx);
}

// Each is told apart in one sentence, which says what is needed.
static const char *fakes; // folder

static void other_libraries_are_told(void **state) {
    (void)state;
    static const struct {
        const char *name, *why;
    } rows[] = {{"nothing", "the library has no dnnl_version"},
                {"old", "version 2.5.0 is not called here"},
                {"newer", "version 4.0.0 is not called here"},
                {"lacks", "the library has no dnnl_engine_create"},
                {"lacks3", "the library has no dnnl_engine_create"}};
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[1024];
        void *library = NULL;
        snprintf(path, sizeof path, "%s/fake_dnnl_%s.so", fakes, rows[i].name);
        assert_int_equal(sz_backend_onednn.open(ctx, path, &library), SZ_ERR_UNAVAILABLE);
        assert_non_null(strstr(sz_ctx_error(ctx), rows[i].why));
        assert_non_null(
            strstr(sz_ctx_error(ctx), "oneDNN 2.6 or later of version 2 or 3 is needed"));
    }
    sz_ctx_destroy(ctx);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(installed_one_is_right),    cmocka_unit_test(named_one_is_right),
        cmocka_unit_test(results_stay_as_they_lie),  cmocka_unit_test(jobs_are_told_apart),
        cmocka_unit_test(others_read_dense_numbers), cmocka_unit_test(what_it_cannot_is_refused),
        cmocka_unit_test(other_libraries_are_told)};
    fakes = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
