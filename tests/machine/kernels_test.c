// SPDX-License-Identifier: Apache-2.0
// Every kernel row that this CPU runs does the work it declares; and the stopwatch's statistics.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "machine/kernels/kernels.h"
#include "machine/measure/stopwatch.h"
#include "machine/survey.h"
#include "os/pin.h"
#include "peak_rows.h"

enum { SIZE = 64 * 1024, STEPS = SIZE / SZ_KERNEL_STEP };

static sz_cpu_set cpu;

// ---- peak kernels ------------------------------------------------------------------------------

static void peaks_compute(void **state) {
    const sz_kernel *k;
    int ran = 0;
    (void)state;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_peak || !sz_kernel_runs(k, cpu)) continue;
        const char *why = check_peak_row(k);
        if (why) fail_msg("%s %s", k->name, why);
        ran++;
    }
    assert_true(ran >= 20); // the C rows run anywhere
}

// Numbers stay normal in as many iterations as are promised.
static const char *check_long(const sz_kernel *k) {
    sz_kernel_state state;
    sz_kernel_state_init(k, &state);
    run_row(k, &state, SZ_KERNEL_MOST);
    return sz_kernel_state_normal(k, &state) ? NULL : "numbers do not stay normal";
}

static void peaks_stay_normal(void **state) {
    const sz_kernel *k;
    (void)state;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_peak || k->portable || !sz_kernel_runs(k, cpu)) continue;
        const char *why = check_long(k);
        if (why) fail_msg("%s: %s", k->name, why);
    }
}

// Also the rows that this CPU lacks.
static void peaks_declare_their_work(void **state) {
    const sz_kernel *k;
    (void)state;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_peak) continue;
        const char *why = check_cost(k);
        if (why) fail_msg("%s %s", k->name, why);
    }
}

// A wrong number in any lane is found.
static void law_sees_every_lane(void **state) {
    const sz_kernel *k = sz_kernel_get(0);
    sz_kernel_state registers;
    (void)state;
    for (int acc = 0; acc < k->chains; acc++)
        for (int lane = 0; lane < sz_kernel_lanes(k); lane++) {
            sz_kernel_state_init(k, &registers);
            run_row(k, &registers, 5);
            assert_true(sz_kernel_state_holds(k, &registers, 5));
            const double value = sz_kernel_value(k, &registers, acc, lane);
            sz_kernel_set_value(k, &registers, acc, lane, value * 1.0001);
            assert_false(sz_kernel_state_holds(k, &registers, 5));
            sz_kernel_set_value(k, &registers, acc, lane, 1e-40);
            assert_false(sz_kernel_state_normal(k, &registers));
        }
}

// The bound on believable results: pipes x lanes x operations.
static void bounds(void **state) {
    static const struct {
        const char *name;
        double flops;
    } rows[] = {{"x86_avx512_fma_f32", 64},    {"x86_avx512_maxmul_f32", 64},
                {"x86_avx512_fmaadd_f32", 96}, {"x86_avx512_dot_int8", 256},
                {"x86_avx512_add_int32", 64},  {"x86_amx_dot_bf16", 1024},
                {"x86_avx512_div_f64", 8},     {"arm_neon_fma_f64", 24}};
    (void)state;
    for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
        const sz_kernel *k;
        for (size_t i = 0; (k = sz_kernel_get(i)) && strcmp(k->name, rows[j].name) != 0; i++) {
        }
        assert_non_null(k);
        assert_true(fabs(sz_kernel_bound(k) - rows[j].flops) < 1e-9);
    }
}

// ---- clocks ------------------------------------------------------------------------------------

static void picks_a_clock(void **state) {
    static const double agree[] = {3.5e9, 3.52e9, 3.49e9}, first_off[] = {1.75e9, 3.5e9, 3.51e9},
                        last_off[] = {3.5e9, 3.51e9, 7e9}, none[] = {1e9, 2e9, 3e9};
    (void)state;
    assert_int_equal(sz_pick_clock(agree, 3), 0);
    assert_int_equal(sz_pick_clock(first_off, 3), 1);
    assert_int_equal(sz_pick_clock(last_off, 3), 0);
    assert_int_equal(sz_pick_clock(none, 3), -1);
    assert_int_equal(sz_pick_clock(agree, 1), 0); // nothing to compare with
    assert_int_equal(sz_pick_clock(agree, 0), -1);
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// The chains of this CPU tell the same clock. Each is read beside the first one and the median of
// the ratios counts, so neither interruptions nor a wandering clock do; a wrong latency would be
// off by a factor of 4/3 or more.
static void clocks_agree(void **state) {
    enum { PAIRS = 501 };
    static double ratio[PAIRS];
    const sz_kernel *k, *first = NULL;
    (void)state;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_clock || k->bits > 64 || !sz_kernel_runs(k, cpu)) continue;
        if (!first) first = k;
        for (int j = 0; j < PAIRS; j++) ratio[j] = sz_watch_clock(k) / sz_watch_clock(first);
        qsort(ratio, PAIRS, sizeof *ratio, by_size);
        if (fabs(ratio[PAIRS / 2] - 1) > 0.2)
            fail_msg("%s tells %.3f times the clock of %s", k->name, ratio[PAIRS / 2], first->name);
    }
}

// ---- explanation -------------------------------------------------------------------------------

static void explains(void **state) {
    sz_chain_study *study = NULL;
    const sz_measure_options options = {.cpu_mask = "avx512f"};
    assert_int_equal(sz_machine_explain(*state, &options, "sin", &study), SZ_ERR_USAGE);
    assert_string_equal(sz_ctx_error(*state),
                        "no chains of 'sin'; there are fma, max+mul, max, add, mul, add+max");
    const sz_status status = sz_machine_explain(*state, &options, "mul+max", &study);
    if (status == SZ_ERR_UNAVAILABLE) return; // no such rows on this CPU, or no clock
    assert_int_equal(status, SZ_OK);
    assert_int_equal(sz_chain_study_summary_count(study), 2);
    assert_true(sz_chain_study_line_count(study) >= 6);
    const sz_chain_summary s = sz_chain_study_summary(study, 0);
    assert_string_equal(s.op, "max+mul");
    assert_true(s.latency_cycles > 1 && s.latency_cycles < 40);
    assert_true(s.chains_needed >= 2 && s.chains_needed <= 24);
    assert_true(sz_chain_study_point(study, 0).flop_per_s < s.flop_per_s);
    sz_chain_study_destroy(study);
    assert_int_equal(sz_ctx_memory_used(*state), 0);
}

// ---- memory kernels ----------------------------------------------------------------------------

typedef struct arrays {
    unsigned char *all, *a, *b, *c;
} arrays;

static arrays make_arrays(void) {
    arrays m = {.all = aligned_alloc(4096, 3 * SIZE)};
    assert_non_null(m.all);
    m.a = m.all, m.b = m.all + SIZE, m.c = m.all + 2 * SIZE;
    for (int i = 0; i < 3 * SIZE / 4; i++) ((float *)(void *)m.all)[i] = 0.5f + (float)(i % 997);
    return m;
}

static void check_result(const sz_kernel *k, const arrays *m) {
    const float *a = (float *)(void *)m->a, *b = (float *)(void *)m->b, *c = (float *)(void *)m->c;
    for (int i = 0; i < SIZE / 4; i++) {
        if (k->family == SZ_KERNEL_triad)
            assert_true(c[i] == a[i] + 0.5f * b[i]);
        else
            assert_true(c[i] == a[i]);
    }
}

static void memory_kernels_move(void **state) {
    const sz_kernel *k;
    arrays m = make_arrays();
    (void)state;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        const bool stores = k->family == SZ_KERNEL_copy || k->family == SZ_KERNEL_copy_nt ||
                            k->family == SZ_KERNEL_triad;
        if ((!stores && k->family != SZ_KERNEL_load) || !sz_kernel_runs(k, cpu)) continue;
        sz_kernel_job job = {.n = STEPS, .src = m.a, .src2 = m.b, .dst = m.c, .mask = SIZE - 1};
        memset(m.c, 0, SIZE);
        k->run(&job);
        assert_int_equal(job.offset, 0); // round once
        if (stores) check_result(k, &m);
        job.n = 3;
        k->run(&job);
        assert_int_equal(job.offset, 3 * SZ_KERNEL_STEP);
    }
    free(m.all);
}

static void memory_kernels_declare_their_bytes(void **state) {
    static const struct {
        sz_kernel_family family;
        int arrays;
    } rows[] = {
        {SZ_KERNEL_load, 1}, {SZ_KERNEL_copy, 2}, {SZ_KERNEL_copy_nt, 2}, {SZ_KERNEL_triad, 3}};
    const sz_kernel *k;
    (void)state;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++)
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            if (k->family != rows[j].family) continue;
            assert_int_equal(k->bytes, rows[j].arrays * SZ_KERNEL_STEP);
            assert_int_equal((k->loads + k->stores) * k->bits / 8, k->bytes);
        }
}

static void chase_follows(void **state) {
    static const uint64_t words[] = {3, 0, 1, 2}; // 0 3 2 1 0
    const sz_kernel *k = sz_kernel_widest(SZ_KERNEL_chase, cpu);
    sz_kernel_job job = {.n = 5, .src = (const unsigned char *)words};
    (void)state;
    k->run(&job);
    assert_int_equal(job.cursor, 3);
}

// ---- masks -------------------------------------------------------------------------------------

static void mask_hides_rows(void **state) {
    (void)state;
    assert_string_equal(sz_kernel_widest(SZ_KERNEL_load, 0)->isa, "c");
    const sz_kernel *k;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++)
        if (sz_kernel_runs(k, 0)) assert_true(k->needs == 0);
}

static void mask_words(void **state) {
    sz_ctx *ctx = *state;
    sz_cpu_set set = 1;
    assert_int_equal(sz_cpu_parse(ctx, "avx512f, fma", &set), SZ_OK);
    assert_true(set == (SZ_CPU(avx512f) | SZ_CPU(fma)));
    assert_int_equal(sz_cpu_parse(ctx, NULL, &set), SZ_OK);
    assert_true(set == 0);
    assert_int_equal(sz_cpu_parse(ctx, "sse2,avx9", &set), SZ_ERR_USAGE);
    assert_string_equal(sz_ctx_error(ctx), "unknown CPU feature 'avx9'");
}

// ---- statistics --------------------------------------------------------------------------------

static void statistics(void **state) {
    double samples[101], one[] = {7};
    (void)state;
    for (int i = 0; i <= 100; i++) samples[i] = (i * 37) % 101; // 0..100 in some order
    const sz_stats s = sz_stats_of(samples, 101);
    assert_int_equal(s.n, 101);
    assert_true(s.median == 50 && s.best == 100 && s.p5 == 5 && s.p95 == 95);
    assert_true(fabs(s.spread - 1.8) < 1e-12);
    // 0.98 x sqrt(101) = 9.85 ranks on each side
    assert_true(fabs(s.ci_lo - 40.15) < 0.01 && fabs(s.ci_hi - 59.85) < 0.01);
    const sz_stats t = sz_stats_of(one, 1);
    assert_true(t.median == 7 && t.ci_lo == 7 && t.ci_hi == 7 && t.spread == 0);
    const sz_stats sum = sz_stats_sum(s, t);
    assert_true(sum.n == 102 && sum.median == 57 && sum.p95 == 102);
}

// ---- stopwatch ---------------------------------------------------------------------------------

static void spin(void *user, int thread, int64_t n) {
    const sz_kernel *k = sz_kernel_get(0);
    sz_kernel_state *states = user;
    sz_kernel_job job = {.n = n, .state = &states[thread]};
    k->run(&job);
}

static void stopwatch_times(void **state) {
    sz_kernel_state states[2];
    int cpus[2] = {0, 0};
    const int n = sz_pin_allowed(cpus, 2);
    sz_reading r;
    for (int i = 0; i < 2; i++) sz_kernel_state_init(sz_kernel_get(0), &states[i]);
    const sz_watch watch = {.cpus = cpus,
                            .n_threads = n,
                            .chain = sz_kernel_widest(SZ_KERNEL_clock, 0),
                            .round_s = 0.03,
                            .budget_s = 0.3};
    const sz_work work = {spin, states, sz_kernel_flops(sz_kernel_get(0), 0)};
    assert_int_equal(sz_watch_time(*state, &watch, &work, &r), SZ_OK);
    assert_true(r.rate.n >= n && r.rate.median > 1e6 && r.rate.best >= r.rate.median);
    assert_true(r.rate.ci_lo <= r.rate.median && r.rate.median <= r.rate.ci_hi);
    if (watch.chain) assert_true(r.clock_hz > 1e8 && r.clock_hz < 2e10);
    assert_int_equal(sz_ctx_memory_used(*state), 0);
}

static int make_ctx(void **state) {
    *state = sz_ctx_create(NULL);
    return *state ? 0 : -1;
}

static int drop_ctx(void **state) {
    sz_ctx_destroy(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peaks_compute),
        cmocka_unit_test(peaks_stay_normal),
        cmocka_unit_test(peaks_declare_their_work),
        cmocka_unit_test(law_sees_every_lane),
        cmocka_unit_test(bounds),
        cmocka_unit_test(picks_a_clock),
        cmocka_unit_test(clocks_agree),
        cmocka_unit_test_setup_teardown(explains, make_ctx, drop_ctx),
        cmocka_unit_test(memory_kernels_move),
        cmocka_unit_test(memory_kernels_declare_their_bytes),
        cmocka_unit_test(chase_follows),
        cmocka_unit_test(mask_hides_rows),
        cmocka_unit_test_setup_teardown(mask_words, make_ctx, drop_ctx),
        cmocka_unit_test(statistics),
        cmocka_unit_test_setup_teardown(stopwatch_times, make_ctx, drop_ctx),
    };
    cpu = sz_cpu_detect();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
