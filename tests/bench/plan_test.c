// SPDX-License-Identifier: Apache-2.0
// Plans: which cases a request stands for, what each costs, what is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/bench/plan.h"

static void makes_all_combinations(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const char *const words[] = {"m=2,4", "n=3", "dtype=f32,bf16"};
    sz_bench_plan plan;
    assert_int_equal(sz_bench_plan_make(ctx, "gemm:k=5", words, 3, NULL, &plan), SZ_OK);
    assert_int_equal(plan.cases.n, 4);
    const sz_case *c = &plan.cases.items[1];
    assert_string_equal(c->name, "gemm:k=5,m=2,n=3,dtype=bf16");
    assert_string_equal(c->words, "gemm k=5 m=2 n=3 dtype=bf16");
    assert_string_equal(c->spec, "{\"kind\": \"gemm\", \"m\": 2, \"n\": 3, \"k\": 5, \"bias\": 0, "
                                 "\"ta\": 0, \"tb\": 0, \"batch\": 1, \"dtype\": \"bf16\"}");
    assert_string_equal(c->dtype, "bf16");
    assert_string_equal(c->asked, "bf16");
    assert_int_equal(c->macs, 2 * 3 * 5);
    assert_int_equal(c->flops, 2 * 2 * 3 * 5);
    assert_int_equal(c->bytes_moved, 2 * (2 * 5 + 5 * 3 + 2 * 3));
    assert_string_equal(plan.cases.items[3].name, "gemm:k=5,m=4,n=3,dtype=bf16");
    sz_bench_plan_finish(ctx, &plan);
    sz_ctx_destroy(ctx);
}

static void takes_other_names(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const char *const words[] = {"batch=2", "size=8"};
    sz_bench_plan plan;
    assert_int_equal(sz_bench_plan_make(ctx, "conv", words, 2, NULL, &plan), SZ_OK);
    assert_string_equal(plan.cases.items[0].name, "conv2d:batch=2,size=8");
    assert_int_equal(plan.cases.items[0].samples, 2);
    assert_string_equal(plan.cases.items[0].asked, "f32"); // the usual one
    assert_int_equal(plan.cases.items[0].macs, (int64_t)2 * 64 * 64 * 9 * 8 * 8);
    sz_bench_plan_finish(ctx, &plan);
    sz_ctx_destroy(ctx);
}

static void refuses(sz_ctx *ctx, const char *what, const char *word, const char *why) {
    sz_bench_plan plan;
    assert_int_equal(sz_bench_plan_make(ctx, what, &word, word ? 1 : 0, NULL, &plan),
                     SZ_ERR_USAGE);
    if (!strstr(sz_ctx_error(ctx), why)) fail_msg("%s %s: %s", what, word, sz_ctx_error(ctx));
}

static void refuses_nonsense(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    refuses(ctx, "gem", NULL, "did you mean 'gemm'?");
    refuses(ctx, "quux", NULL, "'sizeup list models'");
    refuses(ctx, "gemm", "mm=3", "'mm'");
    refuses(ctx, "gemm", "m=8-1", "8-1");
    refuses(ctx, "gemm", "m", "'m'");
    refuses(ctx, "gemm:m=1", "m=2", "'m' is given twice");
    refuses(ctx, "gemm", "m=1-20000", "20000 cases");
    sz_ctx_destroy(ctx);
}

// 3 matrices of 4 GB and more on a machine with 1 GB: said before anything is allocated, and a
// small case beside it stays.
static void knows_what_fits(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const char *const words[] = {"m=16,32768", "n=32768", "k=16"};
    sz_bench_plan plan;
    const sz_plan_how how = {.available = 1 << 30};
    assert_int_equal(sz_bench_plan_make(ctx, "gemm", words, 3, &how, &plan), SZ_OK);
    assert_null(plan.cases.items[0].error);
    assert_non_null(plan.cases.items[1].error);
    assert_non_null(strstr(plan.cases.items[1].error, "GB of memory, 1.07 GB are free"));
    assert_true(plan.cases.items[1].memory > (int64_t)4 << 30);
    sz_bench_plan_finish(ctx, &plan);
    sz_ctx_destroy(ctx);
}

// Sizes that do not go together end the run if no other case is left; beside one that is good they
// cost only themselves.
static void all_wrong_is_an_error(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const char *const words[] = {"size=2,9", "kernel=5", "pad=0"};
    const char *const wrong[] = {"size=2-4", "kernel=5", "pad=0"};
    sz_bench_plan plan;
    assert_int_equal(sz_bench_plan_make(ctx, "conv2d", words, 3, NULL, &plan), SZ_OK);
    assert_int_equal(plan.cases.n, 2);
    assert_non_null(strstr(plan.cases.items[0].error, "kernel larger than padded input"));
    assert_null(plan.cases.items[1].error);
    sz_bench_plan_finish(ctx, &plan);
    assert_int_equal(sz_bench_plan_make(ctx, "conv2d", wrong, 3, NULL, &plan), SZ_ERR_INPUT);
    assert_non_null(strstr(sz_ctx_error(ctx), "kernel larger than padded input"));
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_all_combinations),
        cmocka_unit_test(takes_other_names),
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(knows_what_fits),
        cmocka_unit_test(all_wrong_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
