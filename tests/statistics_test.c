// SPDX-License-Identifier: Apache-2.0
// Statistics against what other programs say of the same samples: numpy, scipy and statsmodels (the
// numbers are in statistics_peers.def, made by statistics_peers.py), hyperfine's and Google
// Benchmark's own output (results/), and cases small enough to count by hand.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "machine/measure/stats.h"
#include "machine/measure/summary.h"
#include "machine/measure/two_samples.h"

static const char *folder;
static int setup(void **state) { return !(*state = sz_ctx_create(NULL)); }
static int teardown(void **state) {
    assert_int_equal(sz_ctx_memory_used(*state), 0);
    sz_ctx_destroy(*state);
    return 0;
}

static void assert_near(double got, double want, double tolerance, const char *what) {
    if (isnan(want) && isnan(got)) return;
    if (fabs(got - want) <= tolerance * fmax(fabs(want), 1e-300) || got == want) return;
    fail_msg("%s: %.17g, expected %.17g", what, got, want);
}

// ---- numpy, scipy, statsmodels -----------------------------------------------------------------

#define SAMPLE(name, ...) static const double name[] = {__VA_ARGS__};
#define SUMMARY(...)
#define SHIFT(...)
#define HOLM(...)
#include "statistics_peers.def"
#undef SAMPLE
#undef SUMMARY
#undef SHIFT
#undef HOLM

typedef struct expected {
    const char *name;
    const double *values;
    double n, median, mean, stddev, q1, q3, p90, p99, mad, ci_lo, ci_hi, mild, severe, drift, rho,
        lag1;
} expected;

static void check_summary(sz_ctx *ctx, const expected *e) {
    sz_summary s;
    assert_int_equal(sz_summarize(ctx, e->values, (size_t)e->n, &s), SZ_OK);
    assert_int_equal(s.n, (int64_t)e->n);
    assert_near(s.median, e->median, 1e-15, e->name);
    assert_near(s.mean, e->mean, 1e-14, e->name);
    assert_near(s.stddev, e->stddev, 1e-12, e->name);
    assert_near(s.q1, e->q1, 1e-14, e->name);
    assert_near(s.q3, e->q3, 1e-14, e->name);
    assert_near(s.p90, e->p90, 1e-14, e->name);
    assert_near(s.p99, e->p99, 1e-14, e->name);
    assert_near(s.mad, e->mad, 1e-12, e->name);
    if (!isnan(e->ci_lo)) {
        assert_near(s.ci_lo, e->ci_lo, 0, e->name);
        assert_near(s.ci_hi, e->ci_hi, 0, e->name);
        assert_true(s.confidence >= 0.95);
    }
    assert_int_equal(s.mild, (int64_t)e->mild);
    assert_int_equal(s.severe, (int64_t)e->severe);
    assert_near(s.drift, e->drift, 1e-9, e->name);
    assert_near(s.rank_correlation, e->rho, 1e-12, e->name);
    assert_near(s.autocorrelation, e->lag1, 1e-9, e->name);
}

static void test_summaries(void **state) {
#define SAMPLE(...)
#define SHIFT(...)
#define HOLM(...)
#define SUMMARY(name, ...) check_summary(*state, &(expected){#name, name, __VA_ARGS__});
#include "statistics_peers.def"
#undef SUMMARY
#undef SHIFT
}

static void check_shift(sz_ctx *ctx, const char *name, const double *a, size_t na, const double *b,
                        size_t nb, const double want[6]) {
    sz_shift s, back;
    assert_int_equal(sz_compare_samples(ctx, a, na, b, nb, &s), SZ_OK);
    assert_near(s.u, want[0], 0, name);
    assert_near(s.p, want[1], 1e-9, name);
    assert_int_equal(s.exact, want[2] != 0);
    assert_near(s.shift, want[3], 1e-12, name);
    assert_near(s.lo, want[4], 1e-12, name);
    assert_near(s.hi, want[5], 1e-12, name);
    // The other way round: the same finding with the other sign.
    assert_int_equal(sz_compare_samples(ctx, b, nb, a, na, &back), SZ_OK);
    assert_near(back.p, s.p, 1e-12, name);
    assert_true(back.shift == -s.shift && back.lo == -s.hi && back.hi == -s.lo);
    assert_true(back.u == (double)na * (double)nb - s.u);
}

static void test_shifts(void **state) {
#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define SUMMARY(...)
#define SHIFT(a, b, ...)                                                                           \
    check_shift(*state, #a " " #b, a, COUNT(a), b, COUNT(b), (const double[]){__VA_ARGS__});
#include "statistics_peers.def"
#undef SHIFT
#undef SUMMARY
#undef HOLM
}

static void test_holm(void **state) {
#define SUMMARY(...)
#define SHIFT(...)
#define HOLM(...) static const double numbers[] = {__VA_ARGS__};
#include "statistics_peers.def"
    double p[7];
    memcpy(p, numbers, 3 * sizeof *p);
    p[3] = NAN; // not tested: does not count
    memcpy(p + 4, numbers + 3, 3 * sizeof *p);
    assert_int_equal(sz_holm(*state, p, 7), SZ_OK);
    assert_true(isnan(p[3]));
    for (size_t i = 0; i < 6; i++) assert_near(p[i < 3 ? i : i + 1], numbers[6 + i], 1e-12, "Holm");
    assert_int_equal(sz_holm(*state, p, 0), SZ_OK);
}

// ---- hyperfine, Google Benchmark ---------------------------------------------------------------

static json_t *load(const char *name) {
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/results/%s", folder, name);
    json_t *root = json_load_file(path, 0, &error);
    if (!root) fail_msg("%s: %s", path, error.text);
    return root;
}

static double number_of(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static void test_hyperfine(void **state) {
    json_t *root = load("hyperfine.json"), *run;
    size_t i, n = 0;
    json_array_foreach(json_object_get(root, "results"), i, run) {
        double values[64];
        sz_summary s;
        const json_t *times = json_object_get(run, "times");
        for (n = 0; n < json_array_size(times); n++)
            values[n] = json_number_value(json_array_get(times, n));
        assert_int_equal(sz_summarize(*state, values, n, &s), SZ_OK);
        assert_near(s.mean, number_of(run, "mean"), 1e-14, "mean");
        assert_near(s.stddev, number_of(run, "stddev"), 1e-12, "stddev");
        assert_near(s.median, number_of(run, "median"), 1e-14, "median");
        assert_near(s.min, number_of(run, "min"), 0, "min");
        assert_near(s.max, number_of(run, "max"), 0, "max");
    }
    assert_true(n >= 10);
    json_decref(root);
}

static void check_aggregate(const sz_summary *s, const json_t *row) {
    const char *name = json_string_value(json_object_get(row, "aggregate_name"));
    const double want = number_of(row, "real_time");
    const double got = strcmp(name, "mean") == 0     ? s->mean
                       : strcmp(name, "median") == 0 ? s->median
                       : strcmp(name, "stddev") == 0 ? s->stddev
                                                     : s->stddev / s->mean;
    assert_near(got, want, 1e-12, name);
}

static void test_google_benchmark(void **state) {
    json_t *root = load("google-benchmark.json"), *row;
    double values[64];
    size_t i, n = 0, checked = 0;
    sz_summary s = {0};
    json_array_foreach(json_object_get(root, "benchmarks"), i, row) {
        const char *type = json_string_value(json_object_get(row, "run_type"));
        if (strcmp(type, "iteration") == 0) {
            if (number_of(row, "repetition_index") == 0) n = 0;
            values[n++] = number_of(row, "real_time");
            continue;
        }
        assert_int_equal(sz_summarize(*state, values, n, &s), SZ_OK);
        check_aggregate(&s, row);
        checked++;
    }
    assert_int_equal(checked, 8);
    json_decref(root);
}

// ---- by hand -----------------------------------------------------------------------------------

// Binomial sums that can be counted: n = 6: 1/64 each side; n = 9: (1 + 9)/512; n = 10: (1 + 10) /
// 1024; n = 5: 1/32 is above 2.5 %, so even the extremes cover only 30/32.
static void test_median_rank(void **state) {
    double c;
    (void)state;
    assert_int_equal(sz_median_rank(6, 0.95, &c), 1);
    assert_near(c, 1 - 2.0 / 64, 1e-12, "n = 6");
    assert_int_equal(sz_median_rank(9, 0.95, &c), 2);
    assert_near(c, 1 - 20.0 / 512, 1e-12, "n = 9");
    assert_int_equal(sz_median_rank(10, 0.95, &c), 2);
    assert_near(c, 1 - 22.0 / 1024, 1e-12, "n = 10");
    assert_int_equal(sz_median_rank(5, 0.95, &c), 1);
    assert_near(c, 30.0 / 32, 1e-12, "n = 5");
    assert_int_equal(sz_median_rank(1, 0.95, &c), 1);
    assert_true(c == 0);
    // 100 values: the 40th and the 61st, with 96.48 %: Conover's table A3 and any textbook.
    assert_int_equal(sz_median_rank(100, 0.95, &c), 40);
    assert_near(c, 0.9648, 1e-4, "n = 100");
    // A million: n/2 - 1.96 sqrt(n)/2 = 499020.
    const size_t rank = sz_median_rank(1000000, 0.95, &c);
    assert_true(rank >= 499019 && rank <= 499021 && c >= 0.95 && c < 0.9503);
}

// 3 against 3 without overlap: one of 20 orders, both sides: p = 0.1 exactly; the extremes of the
// nine differences cover 1 - 2/20.
static void test_smallest(void **state) {
    static const double a[] = {1, 2, 3}, b[] = {14, 15, 17};
    sz_shift s;
    assert_int_equal(sz_compare_samples(*state, a, 3, b, 3, &s), SZ_OK);
    assert_true(s.u == 9 && s.exact);
    assert_near(s.p, 0.1, 1e-14, "p");
    assert_near(s.confidence, 0.9, 1e-14, "confidence");
    assert_true(s.lo == 11 && s.hi == 16 && s.shift == 13);
    assert_int_equal(sz_compare_samples(*state, a, 1, b, 1, &s), SZ_OK);
    assert_true(s.p == 1 && s.shift == 13 && s.lo == 13 && s.hi == 13);
    // Equal constants: no difference, no division by zero.
    static const double same[] = {5, 5, 5, 5};
    assert_int_equal(sz_compare_samples(*state, same, 4, same, 4, &s), SZ_OK);
    assert_true(s.p == 1 && s.shift == 0 && s.lo == 0 && s.hi == 0);
}

static void test_one_value(void **state) {
    static const double one[] = {2};
    sz_summary s;
    assert_int_equal(sz_summarize(*state, one, 1, &s), SZ_OK);
    assert_true(s.median == 2 && s.mean == 2 && isnan(s.stddev) && s.mad == 0);
    assert_true(s.ci_lo == 2 && s.ci_hi == 2 && s.confidence == 0);
    assert_true(s.drift == 0 && s.autocorrelation == 0 && s.effective_n == 1);
}

// 1000 values on a straight line from 1 to 2, more than there are points: the drift is the whole
// way over the median, 1 / 1.5; neighbours are alike, so few values are independent.
static void test_drift(void **state) {
    double values[1000];
    sz_summary s;
    for (int i = 0; i < 1000; i++) values[i] = 1 + i / 999.0;
    assert_int_equal(sz_summarize(*state, values, 1000, &s), SZ_OK);
    assert_near(s.drift, 1 / 1.5, 1e-9, "drift");
    assert_near(s.rank_correlation, 1, 1e-12, "rank correlation");
    assert_true(s.drift_p < 1e-100 && s.effective_n < 10);
    // Up and down in turn: no drift, and neighbours that differ are no more than n values.
    for (int i = 0; i < 1000; i++) values[i] = i % 2 ? 1.5 : 1;
    assert_int_equal(sz_summarize(*state, values, 1000, &s), SZ_OK);
    assert_true(fabs(s.drift) < 1e-9 && s.autocorrelation < -0.99 && s.effective_n == 1000);
    assert_true(s.modes > 0.3); // two speeds
}

static void test_large(void **state) {
    enum { N = 20000 };
    double *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b);
    sz_shift s;
    assert_non_null(a);
    assert_non_null(b);
    for (size_t i = 0; i < N; i++) a[i] = (double)((i * 7919) % N), b[i] = a[i] + 0.5;
    // 400 million pairs: the median of all differences is the shift itself.
    assert_int_equal(sz_compare_samples(*state, a, N, b, N, &s), SZ_OK);
    assert_true(s.shift == 0.5);
    assert_true(s.lo <= 0.5 && s.hi >= 0.5);
    free(a);
    free(b);
}

static void test_tukey(void **state) {
    (void)state;
    assert_int_equal(sz_tukey(3.5, 1, 2), SZ_INLIER); // at the fence is not beyond
    assert_int_equal(sz_tukey(3.6, 1, 2), SZ_MILD);
    assert_int_equal(sz_tukey(5, 1, 2), SZ_MILD);
    assert_int_equal(sz_tukey(5.1, 1, 2), SZ_SEVERE);
    assert_int_equal(sz_tukey(-0.6, 1, 2), SZ_MILD);
    assert_int_equal(sz_tukey(-2.1, 1, 2), SZ_SEVERE);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_summaries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shifts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_holm, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hyperfine, setup, teardown),
        cmocka_unit_test_setup_teardown(test_google_benchmark, setup, teardown),
        cmocka_unit_test_setup_teardown(test_smallest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drift, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large, setup, teardown),
        cmocka_unit_test(test_median_rank),
        cmocka_unit_test(test_tukey),
    };
    folder = argc > 1 ? argv[1] : "tests";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
