// SPDX-License-Identifier: Apache-2.0
// Each library against the reference on small shapes, odd ones too. A library that is not here is
// skipped with its own words.
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

static const struct {
    const char *backend, *model;
    bool alone; // the library runs all of it
} cases[] = {
    {"blas", "gemm:m=7,n=5,k=3", true},
    {"blas", "gemm:m=64,n=33,k=129,dtype=f64", true},
    {"blas", "gemm:m=1,n=100,k=31,batch=3", true},
    {"blas", "batchmatmul:m=9,n=8,k=7,batch=4", true},
    {"blas", "gemm:m=4,n=6,k=8,bias=1", false},
    {"blas", "mlp:layers=2,batch=3", false},
    {"onednn", "gemm:m=7,n=5,k=3", true},
    {"onednn", "gemm:m=64,n=33,k=129", true},
    {"onednn", "gemm:m=64,n=33,k=129,dtype=bf16", true},
    {"onednn", "gemm:m=17,n=33,k=65,dtype=i8", true},
    {"onednn", "gemm:m=4,n=6,k=8,bias=1", true},
    {"onednn", "batchmatmul:m=9,n=8,k=7,batch=4", true},
    {"onednn", "conv1d:channels=3,filters=5,size=20", true},
    {"onednn", "conv2d:channels=3,filters=8,size=9", true},
    {"onednn", "conv2d:channels=16,filters=32,size=10,stride=2,batch=2", true},
    {"onednn", "conv2d:channels=8,filters=8,size=9,groups=8", true},
    {"onednn", "conv2d:channels=8,filters=12,size=11,groups=4,dilation=2,pad=2", true},
    {"onednn", "conv2d:channels=16,filters=16,size=8,dtype=bf16", true},
    {"onednn", "conv3d:channels=4,filters=6,size=5", true},
    {"onednn", "softmax:rows=5,width=37", true},
    {"onednn", "layernorm:rows=5,width=37", true},
    {"onednn", "batchnorm:channels=5,size=7", true},
    {"onednn", "pool:channels=5,size=9,kernel=3,stride=2,pad=1", true},
    {"onednn", "pool:channels=5,size=9,kernel=3,stride=2,pad=1,op=average", true},
    {"onednn", "relu:rows=5,width=37", true},
    {"onednn", "gelu:rows=5,width=37", true},
    {"onednn", "exp:rows=5,width=37", true},
    {"onednn", "add:rows=5,width=37", true},
    {"onednn", "mul:rows=5,width=37,dtype=bf16", true},
    {"onednn", "attention:heads=2,head_dim=8,seq=6", false},
    {"onednn", "mlp:layers=2,batch=3", false},
    {"ref", "gru:input=3,units=4,steps=2", true},
    {"ref", "gather:rows=50,width=3,count=4", true},
};

static void check(sz_ctx *ctx, size_t i, void *library) {
    const sz_backend *b = sz_backend_find(cases[i].backend);
    sz_model *m;
    sz_job *job;
    sz_check c;
    assert_int_equal(sz_model_load(ctx, cases[i].model, NULL, &m), SZ_OK);
    const sz_status status = sz_job_create(ctx, m->graph, b, library,
                                           &(sz_run_how){.threads = 1, .seed = 5}, &job);
    // A CPU without instructions for a format: the library says so.
    if (status == SZ_ERR_UNAVAILABLE && strstr(cases[i].model, "bf16")) {
        print_message("skipped: %s: %s\n", cases[i].model, sz_ctx_error(ctx));
        sz_model_destroy(m);
        return;
    }
    if (status != SZ_OK)
        fail_msg("%s on %s: %s", cases[i].model, cases[i].backend, sz_ctx_error(ctx));
    assert_int_equal(sz_job_first(job), SZ_OK);
    assert_int_equal(sz_job_check(job, 1000, &c), SZ_OK);
    assert_string_equal(c.how, "whole");
    assert_true(c.elements > 0);
    if (!c.is_right)
        fail_msg("%s on %s: off by %g, %g is allowed", cases[i].model, cases[i].backend, c.error,
                 c.allowed);
    if (cases[i].alone)
        for (size_t k = 0; k < job->nodes.n; k++)
            if (job->nodes.items[k].why)
                fail_msg("%s: %s", cases[i].model, job->nodes.items[k].why);
    // The sets of inputs differ, so that no value repeats from call to call.
    const sz_value_id in = m->graph->inputs.items[0];
    const sz_buffer *first = job->slots[0][in], *second = job->slots[1][in];
    assert_int_not_equal(memcmp(first->data, second->data, first->bytes), 0);
    for (int k = 0; k < 3; k++) assert_int_equal(sz_job_run(job), SZ_OK);
    sz_job_destroy(job);
    sz_model_destroy(m);
}

static void run_all(const char *name) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    void *library = NULL;
    if (sz_backend_find(name)->open(ctx, NULL, &library) != SZ_OK) {
        print_message("skipped: %s\n", sz_ctx_error(ctx));
        sz_ctx_destroy(ctx);
        skip();
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(cases[i].backend, name) == 0) check(ctx, i, library);
    sz_ctx_destroy(ctx);
}

static void ref_is_itself(void **state) {
    (void)state;
    run_all("ref");
}
static void blas_is_right(void **state) {
    (void)state;
    run_all("blas");
}
static void onednn_is_right(void **state) {
    (void)state;
    run_all("onednn");
}

// A step that gives 1 % too much, around a right one.
static sz_step right_step;
static sz_buffer *spoiled;
static sz_status run_spoiled(void *state, int set) {
    const sz_status status = right_step.run(state, set);
    float *y = spoiled->data;
    for (int64_t i = 0; i < spoiled->count; i++) y[i] *= 1.01f;
    return status;
}

// A wrong number in a result is seen, whole and by spots; large products are looked at by spots.
static void wrong_results_are_seen(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *m;
    sz_job *job;
    sz_check c;
    assert_int_equal(sz_model_load(ctx, "gemm:m=8,n=8,k=8", NULL, &m), SZ_OK);
    assert_int_equal(sz_job_create(ctx, m->graph, &sz_backend_ref, NULL,
                                   &(sz_run_how){.threads = 1, .seed = 5}, &job),
                     SZ_OK);
    assert_int_equal(sz_job_first(job), SZ_OK);
    const int64_t large = INT64_MAX;
    assert_int_equal(sz_job_check(job, large, &c), SZ_OK);
    assert_string_equal(c.how, "spots");
    assert_true(c.is_right && c.error < 1e-6);
    spoiled = job->slots[0][m->graph->outputs.items[0]];
    right_step = job->nodes.items[0].step;
    job->nodes.items[0].step.run = run_spoiled;
    assert_int_equal(sz_job_check(job, large, &c), SZ_OK);
    assert_string_equal(c.how, "spots");
    assert_false(c.is_right);
    job->nodes.items[0].step = right_step;
    float *y = spoiled->data;
    assert_int_equal(sz_job_first(job), SZ_OK);
    y[17] = __builtin_nanf("");
    assert_int_equal(sz_job_check(job, 1, &c), SZ_OK);
    assert_string_equal(c.how, "whole");
    assert_false(c.is_right);
    sz_job_destroy(job);
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

// One node that the library has no way to run is refused, not run by the reference in its name.
static void refuses_what_it_cannot(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    void *library = NULL;
    sz_model *m;
    sz_job *job;
    if (sz_backend_blas.open(ctx, NULL, &library) != SZ_OK) {
        print_message("skipped: %s\n", sz_ctx_error(ctx));
        sz_ctx_destroy(ctx);
        skip();
    }
    assert_int_equal(sz_model_load(ctx, "gemm:dtype=bf16,m=4,n=4,k=4", NULL, &m), SZ_OK);
    assert_int_equal(sz_job_create(ctx, m->graph, &sz_backend_blas, library,
                                   &(sz_run_how){.threads = 1, .seed = 5}, &job),
                     SZ_ERR_UNAVAILABLE);
    assert_non_null(strstr(sz_ctx_error(ctx), "only f32 and f64"));
    sz_model_destroy(m);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ref_is_itself),          cmocka_unit_test(blas_is_right),
        cmocka_unit_test(onednn_is_right),        cmocka_unit_test(wrong_results_are_seen),
        cmocka_unit_test(refuses_what_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
