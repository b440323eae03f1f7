// SPDX-License-Identifier: Apache-2.0
// Which format of a product runs where, in which format it adds up, and with which words the rest
// is refused. Nothing runs in another format than it says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "model/graph/model.h"
#include "run/backends/check.h"
#include "run/backends/job.h"
#include "run/bench/inside.h"
#include "open_library.h"

static const struct {
    const char *backend, *dtype;
    const char *ran_as, *sums; // NULL = refused
    const char *words;         // of the refusal; of a format that the CPU may lack beside ran_as
} rows[] = {
    {"ref", "f64", "f64", "f64", NULL},
    {"ref", "f32", "f64", "f64", NULL},
    {"ref", "f16", "f64", "f64", NULL},
    {"ref", "bf16", "f64", "f64", NULL},
    {"ref", "i8", "f64", "f64", NULL},
    {"ref", "u8", "f64", "f64", NULL},
    {"blas", "f64", "f64", "f64", NULL},
    {"blas", "f32", "f32", "f32", NULL},
    {"blas", "f16", NULL, NULL, "only f32 and f64"},
    {"blas", "bf16", NULL, NULL, "only f32 and f64"},
    {"blas", "i8", NULL, NULL, "only matrix products"},
    {"blas", "u8", NULL, NULL, "only matrix products"},
    {"onednn", "f64", NULL, NULL, "only f32 and bf16"},
    {"onednn", "f32", "f32", "f32", NULL},
    {"onednn", "f16", NULL, NULL, "only f32 and bf16"},
    {"onednn", "bf16", "bf16", "f32", "it has no kernel for these formats and sizes"},
    {"onednn", "i8", "i8", "i32", NULL},
    {"onednn", "u8", NULL, NULL, "unsigned weights"},
};

static void check(sz_ctx *ctx, size_t i, void *library) {
    const sz_backend *b = sz_backend_find(rows[i].backend);
    char spec[64];
    sz_model *m;
    sz_job *job;
    snprintf(spec, sizeof spec, "gemm:m=16,n=16,k=16,dtype=%s", rows[i].dtype);
    assert_int_equal(sz_model_load(ctx, spec, NULL, &m), SZ_OK);
    const sz_status status = sz_job_create(ctx, m->graph, b, library,
                                           &(sz_run_how){.threads = 1, .seed = 5}, &job);
    if (status != SZ_OK) {
        if (!rows[i].words || !strstr(sz_ctx_error(ctx), rows[i].words))
            fail_msg("%s on %s: %s", spec, b->name, sz_ctx_error(ctx));
        assert_int_equal(status, SZ_ERR_UNAVAILABLE);
        sz_ctx_clear(ctx);
    } else {
        if (!rows[i].ran_as) fail_msg("%s runs on %s", spec, b->name);
        assert_string_equal(sz_dtype_get(sz_job_runner.lowest(job))->name, rows[i].ran_as);
        assert_string_equal(sz_dtype_get(sz_job_runner.sums(job))->name, rows[i].sums);
        const sz_run_layer l = sz_job_runner.layer(job, 0);
        assert_string_equal(l.dtype, rows[i].ran_as);
        assert_string_equal(l.sums, rows[i].sums);
        sz_job_destroy(job);
    }
    sz_model_destroy(m);
}

static void run_all(const char *name) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    void *library;
    const bool is_here = open_library(ctx, name, &library);
    for (size_t i = 0; is_here && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].backend, name) == 0) check(ctx, i, library);
    sz_ctx_destroy(ctx);
    if (!is_here) skip();
}

static void ref_works_in_f64(void **state) {
    (void)state;
    run_all("ref");
}
static void blas_has_two_formats(void **state) {
    (void)state;
    run_all("blas");
}
static void onednn_has_three(void **state) {
    (void)state;
    run_all("onednn");
}

// Of a net, the step of fewest bits names the run, and its sums stand beside it.
static void lowest_names_the_run(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m;
    sz_job *job;
    assert_int_equal(sz_model_load(ctx, "mlp:layers=2,batch=2", NULL, &m), SZ_OK);
    assert_int_equal(sz_job_create(ctx, m->graph, &sz_backend_ref, NULL,
                                   &(sz_run_how){.threads = 1, .seed = 5}, &job),
                     SZ_OK);
    assert_true(job->nodes.n >= 3);
    job->nodes.items[1].step.ran_as = sz_dtype_by_name("bf16");
    job->nodes.items[1].step.sums = sz_dtype_by_name("f32");
    assert_int_equal(sz_job_runner.lowest(job), sz_dtype_by_name("bf16"));
    assert_int_equal(sz_job_runner.sums(job), sz_dtype_by_name("f32"));
    job->nodes.items[1].step.sums = 0; // not known, whatever others say
    assert_int_equal(sz_job_runner.sums(job), 0);
    sz_job_destroy(job);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

// One number of a net is off by a share of the largest one.
static bool may_be_off(sz_ctx *ctx, const char *spec, const char *lowest, double share) {
    sz_model *m;
    sz_ref *numbers;
    sz_check c;
    const sz_ref_options o = {.seed = 5};
    assert_int_equal(sz_model_load(ctx, spec, NULL, &m), SZ_OK);
    assert_int_equal(sz_ref_create(ctx, m->graph, &o, &numbers), SZ_OK);
    assert_int_equal(sz_ref_run(numbers), SZ_OK);
    const sz_buffer *want = sz_ref_output(numbers, 0);
    sz_buffer *got;
    assert_int_equal(sz_buffer_create(ctx, want->dtype, want->rank, want->dims, &got), SZ_OK);
    assert_string_equal(sz_dtype_get(want->dtype)->name, "f32");
    memcpy(got->data, want->data, want->bytes);
    float largest = 0, *numbers_got = got->data;
    for (int64_t i = 0; i < got->count; i++) largest = fmaxf(largest, fabsf(numbers_got[i]));
    numbers_got[0] += (float)share * largest;
    assert_int_equal(sz_check_outputs(ctx, m->graph, numbers, (const sz_buffer *const[]){got},
                                      sz_dtype_by_name(lowest), &c),
                     SZ_OK);
    sz_buffer_release(ctx, got);
    sz_ref_destroy(numbers);
    sz_model_destroy(m);
    return c.is_right;
}

// Nine products one behind the other: 0.02 for one in bf16, three times as much for the net. In f32
// rounding is far below what is allowed, and nothing grows.
static void deep_nets_round_more(void **state) {
    (void)state;
    static const char deep[] = "mlp:layers=8,input=8,width=8,output=4", one[] = "gemm:m=4,n=4,k=4";
    sz_ctx *ctx = sz_ctx_create(NULL);
    assert_true(may_be_off(ctx, one, "bf16", 0.019));
    assert_false(may_be_off(ctx, one, "bf16", 0.021));
    assert_true(may_be_off(ctx, deep, "bf16", 0.059));
    assert_false(may_be_off(ctx, deep, "bf16", 0.061));
    assert_true(may_be_off(ctx, deep, "f16", 0.0119));
    assert_false(may_be_off(ctx, deep, "f16", 0.0121));
    assert_false(may_be_off(ctx, deep, "f32", 1.1e-4));
    sz_ctx_destroy(ctx);
}

static void warns(const char *asked, const char *answer, const char *words) {
    const sz_case c = {.asked = asked};
    char text[128] = "";
    json_t *line = json_loads(answer, 0, NULL);
    assert_non_null(line);
    assert_int_equal(sz_bench_other_format(&c, line, text, sizeof text), words != NULL);
    assert_string_equal(text, words ? words : "");
    json_decref(line);
}

// Asked for one format, ran in another: a sentence, whatever way it went.
static void other_formats_are_told(void **state) {
    (void)state;
    warns("f16", "{\"dtype\": \"bf16\", \"sums\": \"f32\"}",
          "asked for f16, ran as bf16 with sums in f32");
    warns("f32", "{\"dtype\": \"f64\", \"sums\": \"f64\"}", "asked for f32, ran as f64");
    warns("f32", "{\"dtype\": \"bf16\"}", "asked for f32, ran as bf16");
    warns("bf16", "{\"dtype\": \"bf16\", \"sums\": \"f32\"}", NULL);
    warns(NULL, "{\"dtype\": \"i8\"}", NULL);  // a file, as it is written
    warns("f64", "{\"error\": \"no\"}", NULL); // nothing ran
    warns("f64", "{\"dtype\": \"i8\", \"accuracy\": {\"pieces\": \"i8\"}}", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ref_works_in_f64),       cmocka_unit_test(blas_has_two_formats),
        cmocka_unit_test(onednn_has_three),       cmocka_unit_test(lowest_names_the_run),
        cmocka_unit_test(deep_nets_round_more),
        cmocka_unit_test(other_formats_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
