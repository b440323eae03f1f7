// SPDX-License-Identifier: Apache-2.0
// Suites: all of their lines can be planned, they hold what was published, words replace what a
// line says, and a file with a slip is refused with the place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sizeup/cost.h>
#include <sizeup/model.h>

#include "run/bench/plan.h"
#include "run/bench/suite.h"

static void plan(sz_ctx *ctx, const char *what, const char *word, sz_bench_plan *ret_plan) {
    if (sz_bench_plan_make(ctx, what, &word, word ? 1 : 0, NULL, ret_plan) != SZ_OK)
        fail_msg("%s: %s", what, sz_ctx_error(ctx));
}

static void every_line_can_be_planned(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    assert_true(sz_n_suites >= 12);
    for (size_t i = 0; i < sz_n_suites; i++) {
        sz_bench_plan p;
        plan(ctx, sz_suites[i].name, NULL, &p);
        assert_true(p.cases.n > 0);
        for (size_t k = 0; k < p.cases.n; k++)
            if (p.cases.items[k].error)
                fail_msg("%s: %s: %s", sz_suites[i].name, p.cases.items[k].name,
                         p.cases.items[k].error);
        sz_bench_plan_finish(ctx, &p);
    }
    sz_ctx_destroy(ctx);
}

// Sums over the distinct shapes of DeepBench's published result lists, worked out from those lists:
// M N K; N K C R S P Q; T N gates H (H + H). And of the list for small devices.
static const struct {
    const char *name;
    size_t cases;
    int64_t macs;
} published[] = {
    {"deepbench-gemm-train", 160, 13351871989568},
    {"deepbench-conv-train", 90, 277244523008},
    {"deepbench-rnn-train", 53, 13727506563072},
    {"deepbench-gemm-inference-device", 13, 14441435136},
    {"deepbench-gemm-inference-server", 75, -1},
    {"deepbench-conv-inference-server", 103, -1},
    {"deepbench-conv-inference-device", 15, -1},
    {"deepbench-rnn-inference-server", 69, -1},
    {"deepbench-rnn-inference-device", 3, 672 * 32 * 64 + 96 * 64 * 128 + 150 * 4 * 256 * 512},
    {"deepbench-gemm-inference", 84, -1}, // four are in both lists
    {"deepbench-rnn", 124, -1},           // one is in two lists
};

static void holds_what_was_published(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        sz_bench_plan p;
        int64_t macs = 0;
        plan(ctx, published[i].name, NULL, &p);
        for (size_t k = 0; k < p.cases.n; k++) macs += p.cases.items[k].macs;
        if (p.cases.n != published[i].cases)
            fail_msg("%s: %zu cases, not %zu", published[i].name, p.cases.n, published[i].cases);
        if (published[i].macs >= 0 && macs != published[i].macs)
            fail_msg("%s: %lld MACs, not %lld", published[i].name, (long long)macs,
                     (long long)published[i].macs);
        sz_bench_plan_finish(ctx, &p);
    }
    sz_ctx_destroy(ctx);
}

typedef struct facts {
    int64_t macs, params;
} facts;

static bool has(const facts *all, size_t n, facts one) {
    for (size_t i = 0; i < n; i++)
        if (all[i].macs == one.macs && all[i].params == one.params) return true;
    return false;
}

// MACs and parameters of the nodes of an operator in a net, each once.
static size_t distinct(sz_ctx *ctx, const char *spec, const char *op, facts *ret, size_t cap) {
    sz_model *m;
    sz_costs *costs;
    size_t n = 0;
    assert_int_equal(sz_model_load(ctx, spec, NULL, &m), SZ_OK);
    assert_int_equal(sz_costs_create(ctx, m, NULL, &costs), SZ_OK);
    for (size_t i = 0; i < sz_costs_node_count(costs); i++) {
        const sz_node_cost c = sz_costs_node(costs, i);
        const facts one = {c.cost.macs, c.cost.params};
        if (strcmp(c.op, op) == 0 && c.cost.params > 0 && !has(ret, n, one)) ret[n++] = one;
        assert_true(n < cap);
    }
    sz_costs_destroy(costs);
    sz_model_destroy(m);
    return n;
}

static size_t of_suite(sz_ctx *ctx, const char *name, facts *ret, size_t cap) {
    sz_bench_plan p;
    plan(ctx, name, NULL, &p);
    assert_true(p.cases.n < cap);
    const size_t n = p.cases.n;
    for (size_t i = 0; i < n; i++) {
        sz_model *m;
        sz_costs *costs;
        assert_int_equal(sz_model_load(ctx, p.cases.items[i].model, NULL, &m), SZ_OK);
        assert_int_equal(sz_costs_create(ctx, m, NULL, &costs), SZ_OK);
        const sz_cost c = sz_costs_total(costs);
        ret[i] = (facts){c.macs, c.params};
        sz_costs_destroy(costs);
        sz_model_destroy(m);
    }
    sz_bench_plan_finish(ctx, &p);
    return n;
}

// What the nets are made of is in the suites: by MACs and parameters.
static void nets_consist_of_their_suites(void **state) {
    (void)state;
    static const struct {
        const char *net, *op, *suite;
    } pairs[] = {{"resnet:depth=50", "Conv", "resnet50-convs"},
                 {"bert:seq=128,pooler=0", "MatMul", "transformer-layers"},
                 {"llama:layers=1,seq=512", "MatMul", "transformer-layers"},
                 {"llama:layers=1,seq=1,past=511,kv_heads=8,ffn=14336,vocab=128256", "MatMul",
                  "transformer-layers"}};
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        facts net[64], suite[64];
        const size_t n_net = distinct(ctx, pairs[i].net, pairs[i].op, net, 64);
        const size_t n_suite = of_suite(ctx, pairs[i].suite, suite, 64);
        size_t missing = 0;
        for (size_t k = 0; k < n_net; k++) missing += !has(suite, n_suite, net[k]);
        if (n_net < 2 || missing > 0)
            fail_msg("%s: %zu kinds of %s are not in %s", pairs[i].net, missing, pairs[i].op,
                     pairs[i].suite);
        for (size_t k = 0; i == 0 && k < n_suite; k++)
            if (!has(net, n_net, suite[k])) fail_msg("case %zu is not in the net", k);
    }
    sz_ctx_destroy(ctx);
}

// ---- files of one's own ------------------------------------------------------------------------

static char path[64];

static const char *write_suite(const char *text) {
    static char what[80];
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    snprintf(what, sizeof what, "suite:%s", path);
    return what;
}

static void words_replace(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const char *what = write_suite("# two of one kind, one of another\n"
                                   "gemm m=3 n=4 k=5 # note\n"
                                   "\n"
                                   "gemm n=4 m=3,6 k=5\tsecond column\n"
                                   "  softmax rows=7 width=9\r\n");
    sz_bench_plan p;
    plan(ctx, what, "m=6", &p);
    assert_int_equal(p.cases.n, 2); // both lines of gemm become the same, and are run once
    assert_string_equal(p.cases.items[0].name, "gemm:m=6,n=4,k=5");
    assert_string_equal(p.cases.items[1].name, "softmax:rows=7,width=9");
    sz_bench_plan_finish(ctx, &p);
    plan(ctx, what, "dtype=f64", &p);
    assert_int_equal(p.cases.n, 3);
    assert_string_equal(p.cases.items[0].name, "gemm:m=3,n=4,k=5,dtype=f64");
    assert_string_equal(p.cases.items[1].name, "gemm:n=4,m=6,k=5,dtype=f64");
    assert_string_equal(p.cases.items[2].words, "softmax rows=7 width=9 dtype=f64");
    sz_bench_plan_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

static void refuses_slips(void **state) {
    (void)state;
    static const struct {
        const char *text, *word, *message;
    } slips[] = {
        {"gemm\ngem m=3\n", NULL, "line 2: no file and no workload is called 'gem': did you mean"},
        {"gemm m=3 m=4\n", NULL, "line 1: 'm' is given twice"},
        {"gemm m=3\ngemm m=3 q=4\n", NULL, "line 2: net 'gemm' has no parameter 'q'"},
        {"gemm m=4-2\n", NULL, "line 1: 'm': range '4-2' ends before it begins"},
        {"\n# nothing\n", NULL, "has no workload in it"},
        {"gemm\n", "units=3", "no workload of it has a parameter 'units'"},
        {"gemm\n\x01\n", NULL, "line 2: a control byte"},
        {"gemm m=1-9000\ngemm n=1-9000\n", NULL, "line 2: these are 18000 cases"},
        {"deepbench-rnn\n", NULL, "line 1: no file and no workload is called 'deepbench-rnn'"},
    };
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        sz_bench_plan p;
        const char *what = write_suite(slips[i].text), *word = slips[i].word;
        assert_int_not_equal(sz_bench_plan_make(ctx, what, &word, word ? 1 : 0, NULL, &p), SZ_OK);
        if (!strstr(sz_ctx_error(ctx), slips[i].message))
            fail_msg("%s: %s", slips[i].text, sz_ctx_error(ctx));
    }
    sz_ctx_destroy(ctx);
}

// It counts once, so that the good line beside it is run.
static void broken_lines_may_be_repeated(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const char *what = write_suite("gemm m=3\n"
                                   "conv2d size=2 kernel=5 pad=0\n"
                                   "conv2d kernel=5 pad=0 size=2\n");
    sz_bench_plan p;
    plan(ctx, what, NULL, &p);
    assert_int_equal(p.cases.n, 2);
    assert_null(p.cases.items[0].error);
    assert_non_null(strstr(p.cases.items[1].error, "kernel larger than padded input"));
    sz_bench_plan_finish(ctx, &p);
    sz_ctx_destroy(ctx);
}

static void only_whole_words_of_a_name(void **state) {
    (void)state;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_bench_plan p;
    plan(ctx, "transformer", "layers=1", &p); // the family, though transformer-layers is a suite
    assert_int_equal(p.cases.n, 1);
    assert_string_equal(p.cases.items[0].name, "transformer:layers=1");
    sz_bench_plan_finish(ctx, &p);
    sz_ctx_destroy(ctx);
    assert_true(sz_suite_is("deepbench"));
    assert_true(sz_suite_is("deepbench-gemm"));
    assert_true(sz_suite_is("suite:x"));
    assert_false(sz_suite_is("deepbench-gem"));
    assert_false(sz_suite_is("deepbench-"));
    assert_false(sz_suite_is(""));
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/sizeup-suite-%ld", (long)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_can_be_planned),
        cmocka_unit_test(holds_what_was_published),
        cmocka_unit_test(nets_consist_of_their_suites),
        cmocka_unit_test(words_replace),
        cmocka_unit_test(refuses_slips),
        cmocka_unit_test(broken_lines_may_be_repeated),
        cmocka_unit_test(only_whole_words_of_a_name),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
