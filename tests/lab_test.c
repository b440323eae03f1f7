// SPDX-License-Identifier: Apache-2.0
// The lab: every experiment, quick, on every instruction set of this CPU; its results are right,
// and the model predicts what can be worked out by hand.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "run/lab/lab.h"
#include "run/lab/overlap.h"

static sz_ctx *ctx;

// 100 GFLOP/s, 10 GB/s loads, 8 GB/s copies: 12 GB/s with write-allocate.
static const char machine_text[] =
    "{\"schema\":\"sizeup.machine/1\",\"name\":\"paper\",\"source\":\"measured\","
    "\"peaks\":[{\"device\":\"cpu\",\"unit\":\"vector\",\"op\":\"fma\",\"dtype\":\"f32\","
    "\"threads\":1,\"flop_per_s\":100e9}],"
    "\"levels\":[{\"name\":\"L1\",\"capacity_bytes\":32768,"
    "\"bandwidth\":[{\"mix\":\"load\",\"threads\":1,\"byte_per_s\":200e9}]},"
    "{\"name\":\"DRAM\",\"capacity_bytes\":1000000000,\"bandwidth\":["
    "{\"mix\":\"load\",\"threads\":1,\"byte_per_s\":10e9},"
    "{\"mix\":\"copy\",\"threads\":1,\"byte_per_s\":8e9}]}]}";

static bool near(double a, double b) { return fabs(a - b) <= 1e-9 * fabs(b); }

static sz_machine *paper(void) {
    sz_machine *m;
    assert_int_equal(sz_machine_parse(ctx, "paper", machine_text, strlen(machine_text), &m), SZ_OK);
    return m;
}

static void check(const char *name, const char *mask) {
    sz_machine *m = paper();
    const sz_lab_options options = {.quick = 1, .cpu_mask = mask, .case_s = 0.02};
    sz_lab *lab = NULL;
    sz_status status = sz_lab_run(ctx, name, m, &options, &lab);
    if (status != SZ_OK) print_message("%s\n", sz_ctx_error(ctx));
    assert_int_equal(status, SZ_OK);
    sz_machine_destroy(m); // the lab keeps nothing of it
    assert_true(sz_lab_row_count(lab) > 0 && sz_lab_ratio_count(lab) > 0);
    assert_true(sz_lab_finding_count(lab) > 0);
    for (size_t i = 0; i < sz_lab_row_count(lab); i++) {
        const sz_lab_row r = sz_lab_row_at(lab, i);
        assert_true(r.verified);
        assert_true(r.time_s > 0 && r.n > 0 && strlen(r.what) > 0);
        assert_true(isnan(r.predicted_s) || (r.predicted_s > 0 && r.bound));
        assert_true(isnan(r.predicted_s) || near(r.predicted_ratio * r.time_s, r.predicted_s));
        assert_true(!r.within || (r.predicted_ratio >= 0.8 && r.predicted_ratio <= 1.25));
    }
    for (size_t i = 0; i < sz_lab_ratio_count(lab); i++)
        assert_true(sz_lab_ratio_at(lab, i).measured > 0);
    for (size_t i = 0; i < sz_lab_rate_count(lab); i++)
        assert_false(sz_lab_rate_at(lab, i).now <= 0);
    assert_true(sz_lab_rate_count(lab) > 0);
    sz_lab_destroy(lab);
}

static void test_all(void **state) {
    static const char *const masks[] = {NULL, "avx512f", "avx512f,avx2"};
    sz_lab_info info;
    (void)state;
    for (size_t i = 0; sz_list_lab(i, &info); i++) {
        check(info.name, NULL);
#if defined(__x86_64__)
        for (int k = 1; k < 3; k++) check(info.name, masks[k]);
#else
        (void)masks;
#endif
    }
}

// Points made by an exponent give it back, whatever the rates; a perfect corner gives the most.
static void test_overlap(void **state) {
    static const double exponents[] = {1, 1.5, 2, 3.3, 8, 1000};
    static const int steps[] = {0, 1, 2, 4, 8, 12, 16, 24, 32, 64, 128, 256};
    enum { N = sizeof steps / sizeof steps[0] };
    (void)state;
    for (size_t k = 0; k < sizeof exponents / sizeof exponents[0]; k++) {
        const double p = exponents[k];
        sz_overlap_point points[N];
        sz_overlap_fit fit;
        for (int i = 0; i < N; i++) {
            const double memory_s = 4 / 20e9, compute_s = 2 * (steps[i] + 1) / 113e9;
            const double most = fmax(memory_s, compute_s), least = fmin(memory_s, compute_s);
            points[i] = (sz_overlap_point){4, 2 * (steps[i] + 1),
                                           most * pow(1 + pow(least / most, p), 1 / p)};
        }
        assert_int_equal(sz_overlap_fit_points(ctx, points, N, &fit), SZ_OK);
        const double want = fmin(p, SZ_OVERLAP_MOST);
        if (!(fabs(fit.p / want - 1) < 0.02 && fit.spread < 0.01))
            fail_msg("p = %g became %g, within %g", p, fit.p, fit.spread);
        assert_int_equal(sz_overlap_fit_points(ctx, points, 2, &fit), SZ_ERR_UNAVAILABLE);
        // All memory: no corner.
        assert_int_equal(sz_overlap_fit_points(ctx, points, 3, &fit), SZ_ERR_UNAVAILABLE);
    }
}

// Sweeps of this machine: whatever it is, it lies between nothing and all.
static void test_measured_overlap(void **state) {
    sz_machine *m = paper();
    const sz_lab_options options = {.case_s = 0.02};
    (void)state;
    assert_int_equal(sz_machine_measure_overlap(ctx, m, &options), SZ_OK);
    const sz_overlap o = sz_machine_overlap(m);
    if (o.n > 0) {
        print_message("p = %.2f (%.2f to %.2f), n = %lld, within %.1f %%\n", o.p, o.p_lo, o.p_hi,
                      (long long)o.n, 100 * o.spread);
        assert_true(o.p >= 1 && o.p <= SZ_OVERLAP_MOST && o.p_lo <= o.p_hi && o.spread >= 0);
        assert_int_equal(o.n, 12 * o.sweeps);
        assert_non_null(o.method);
    } else {
        assert_true(sz_machine_gap_count(m) > 0);
    }
    sz_machine_destroy(m);
}

static void test_unknown(void **state) {
    sz_machine *m = paper();
    sz_lab *lab = NULL;
    (void)state;
    assert_int_equal(sz_lab_run(ctx, "alchemy", m, NULL, &lab), SZ_ERR_USAGE);
    assert_non_null(strstr(sz_ctx_error(ctx), "add-vs-matmul"));
    assert_null(lab);
    sz_machine_destroy(m);
}

// Reads go at the rate of loads; what is written is first read, and shares the bus of a copy.
static void test_memory_model(void **state) {
    sz_machine *m = paper();
    sz_lab_model model;
    sz_lab_row reads = {.bytes_read = 1e9, .working_set_bytes = 1e8};
    sz_lab_row writes = {.bytes_written = 1e9, .working_set_bytes = 1e8};
    sz_lab_row both = {.bytes_read = 1e9, .bytes_written = 1e9, .working_set_bytes = 1e8};
    sz_lab_row small = {.bytes_read = 1e9, .working_set_bytes = 1e4};
    (void)state;
    sz_lab_model_init(&model, m);
    assert_true(near(sz_lab_memory_time(&model, &reads), 0.1));
    assert_true(near(sz_lab_memory_time(&model, &writes), 2 / 12.0));
    assert_true(near(sz_lab_memory_time(&model, &both), 3 / 12.0));
    assert_true(near(sz_lab_memory_time(&model, &small), 0.005));
    assert_string_equal(small.level, "L1");
    assert_true(both.bytes_with_write_allocate == 3e9);
    // The original question: outer product and column sums against matrix x vector.
    const double outer = sz_lab_memory_time(&model, &writes) + sz_lab_memory_time(&model, &reads);
    assert_true(near(outer / sz_lab_memory_time(&model, &reads), 1 + 20 / 12.0));
    sz_machine_destroy(m);
}

// A third written is a triad: where none was measured, between loads (10) and copies (8). A quarter
// written is half way to the copy.
static void test_mixes(void **state) {
    sz_machine *m = paper();
    sz_lab_model model;
    sz_lab_row triad = {.bytes_read = 2e9, .bytes_written = 1e9, .working_set_bytes = 1e8};
    sz_lab_row quarter = {.bytes_read = 3e9, .bytes_written = 1e9, .working_set_bytes = 1e8};
    (void)state;
    sz_lab_model_init(&model, m);
    assert_true(near(sz_lab_memory_time(&model, &triad), 4 / 12.0));
    assert_true(near(sz_lab_memory_time(&model, &quarter), 4 * (0.5 / 10 + 0.5 / 8)));
    sz_machine_destroy(m);
}

// A set of twice what the cache holds: loads over it took time half way between cache (200 GB/s)
// and memory (10 GB/s), so half of any traffic comes from beyond.
static void test_between_levels(void **state) {
    sz_machine *m = paper();
    sz_lab_model model;
    sz_lab_row loads = {.bytes_read = 1e9, .working_set_bytes = 65536};
    sz_lab_row copy = {.bytes_read = 5e8, .bytes_written = 5e8, .working_set_bytes = 65536};
    const double half = (1 / 200.0 + 1 / 10.0) / 2;
    (void)state;
    sz_lab_model_init(&model, m);
    assert_true(near(sz_lab_memory_time(&model, &loads), 0.1)); // not known: all from beyond
    assert_int_equal(model.n_between, 1);
    sz_lab_known *load = &model.between[0].level.mix[SZ_MIX_LOAD];
    load->per_s = 1e9 / half, load->measured = true;
    sz_lab_model_fill(&model);
    assert_true(near(sz_lab_memory_time(&model, &loads), half));
    assert_true(near(sz_lab_memory_time(&model, &copy), (1 / 200.0 + 1 / 8.0) / 2));
    sz_machine_destroy(m);
}

static void test_roofs(void **state) {
    sz_machine *m = paper();
    sz_lab_model model;
    (void)state;
    sz_lab_model_init(&model, m);
    assert_true(near(model.roof[SZ_STEP_FMA].per_s, 100e9));
    assert_true(near(model.roof[SZ_STEP_MUL_MAX].per_s, 50e9)); // two instructions
    assert_true(near(model.roof[SZ_LAB_ROOF_ADD].per_s, 50e9));
    const double ops[SZ_LAB_ROOFS] = {[SZ_STEP_FMA] = 200e9, [SZ_LAB_ROOF_ADD] = 50e9};
    assert_true(near(sz_lab_compute_time(&model, ops), 3));
    assert_true(model.roof[SZ_STEP_FMA].used && !model.roof[SZ_STEP_MUL_MAX].used);
    sz_machine_destroy(m);
}

// Only pairs that the model tells apart count: 1 and 1.2 are the same to it.
static void test_order(void **state) {
    const sz_lab_row rows[] = {{.what = "a", .predicted_s = 1, .time_s = 1.1},
                               {.what = "b", .predicted_s = 1.2, .time_s = 1.0},
                               {.what = "c", .predicted_s = 3, .time_s = 1.05},
                               {.what = "d", .predicted_s = SZ_NAN, .time_s = 9}};
    (void)state;
    sz_lab_order order = sz_lab_order_of(rows, 4);
    assert_int_equal(order.pairs, 2);
    assert_int_equal(order.wrong, 1);
    assert_string_equal(order.longer, "c");
    assert_string_equal(order.shorter, "a");
    order = sz_lab_order_of(rows, 2);
    assert_true(order.pairs == 0 && order.wrong == 0 && !order.longer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_measured_overlap),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_memory_model),
        cmocka_unit_test(test_mixes),
        cmocka_unit_test(test_between_levels),
        cmocka_unit_test(test_roofs),
        cmocka_unit_test(test_order),
    };
    ctx = sz_ctx_create(NULL);
    const int failed = ctx ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    sz_ctx_destroy(ctx);
    return failed;
}
