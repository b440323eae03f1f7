// SPDX-License-Identifier: Apache-2.0
// A measured record beside a prediction: 2 runs in 4 s that took 60 J, so 2 s, 30 J and 15 W a run.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/base.h"

#include <sizeup/energy.h>

// As `bench --energy` writes it, with the keys that matter here. The times of the timed slices
// differ from those in the window of the sensor, which is the one that counts.
#define RECORD(energy)                                                                             \
    "{\"schema\":\"sizeup.bench/1\",\"id\":\"1\",\"case\":\"gemm\",\"case_hash\":\"a\","           \
    "\"work_hash\":\"b\",\"spec\":{\"workload\":\"gemm:m=8\"},\"settings\":{\"threads\":1},"       \
    "\"time\":{\"n\":10,\"median_s\":1.9},\"energy\":{" energy "},\"machine\":{\"name\":\"x\"}}"

static const char measured[] = RECORD(
    "\"joule\":30,\"method\":\"rapl\",\"uncertainty_j\":0.5,\"idle_w\":4,\"window_s\":4,"
    "\"runs\":2,\"ticks\":40");
// Of another tool: no window, only joules and the median.
static const char imported[] = RECORD("\"joule\":38,\"method\":\"sampled\"");
static const char none[] = RECORD("\"why\":\"rapl: no powercap in /sys\"");

static sz_status compare(sz_ctx *ctx, const char *record, const sz_prediction *p,
                         sz_energy_pair *ret) {
    sz_bench_set *set = NULL;
    assert_int_equal(sz_bench_set_create(ctx, &set), SZ_OK);
    if (sz_bench_set_add(ctx, set, record, strlen(record)) != SZ_OK)
        fail_msg("%s", sz_ctx_error(ctx));
    const sz_status status = sz_energy_beside(ctx, p, sz_bench_set_get(set, 0), ret);
    ret->sensor = NULL; // the set's
    sz_bench_set_destroy(set);
    return status;
}

static sz_prediction prediction(double time_s, double watts, double least_j, double tdp_w) {
    sz_prediction p = {.time_s = time_s};
    p.power_w = watts;
    p.energy_j = watts * time_s;
    p.energy_lo_j = least_j;
    p.energy_hi_j = tdp_w * time_s;
    return p;
}

static void near_to(double have, double want) {
    if (!(fabs(have - want) <= 1e-12 * fabs(want))) fail_msg("%.12g is not %.12g", have, want);
}

static void factors(void **state) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_energy_pair e;
    (void)state;
    // 1 s at 12 W are 12 J: the time is off by 2, the power by 1.25.
    const sz_prediction quick = prediction(1, 12, 5, 20);
    assert_int_equal(compare(ctx, measured, &quick, &e), SZ_OK);
    near_to(e.measured_j, 30);
    near_to(e.measured_w, 15);
    near_to(e.predicted_j, 12);
    near_to(e.ratio, 2.5);
    near_to(e.time_ratio, 2);
    near_to(e.power_ratio, 1.25);
    near_to(e.most_j, 20 * 2);
    assert_string_equal(e.finding, "the difference is mostly one of time");
    // 2.1 s at 5 W: now it is the power.
    const sz_prediction weak = prediction(2.1, 5, NAN, 20);
    assert_int_equal(compare(ctx, measured, &weak, &e), SZ_OK);
    near_to(e.power_ratio, 3);
    assert_string_equal(e.finding, "the difference is mostly one of power");
    // Without a window the median counts: 1.9 s, 20 W.
    assert_int_equal(compare(ctx, imported, &quick, &e), SZ_OK);
    near_to(e.measured_w, 20);
    near_to(e.time_ratio, 1.9);
    sz_ctx_destroy(ctx);
}

static void limits(void **state) {
    static const struct {
        double watts, least_j, tdp_w;
        const char *finding;
    } cases[] = {
        {15.2, 5, 20, "as predicted, within a tick of the sensor"},
        {15.2, 30.4, 20, "as predicted, within a tick of the sensor"},
        {15.2, 31, 20,
         "less than arithmetic and main memory take: the sensor leaves something out"},
        {10, 5, 14,
         "more than the thermal design power allows: the sensor sees more than the device"},
        {10, 5, 14.9, "the difference is mostly one of power"}};
    sz_ctx *ctx = sz_ctx_create(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sz_prediction p = prediction(2, cases[i].watts, cases[i].least_j, cases[i].tdp_w);
        sz_energy_pair e;
        assert_int_equal(compare(ctx, measured, &p, &e), SZ_OK);
        assert_string_equal(e.finding, cases[i].finding);
    }
    sz_ctx_destroy(ctx);
}

static void refusals(void **state) {
    const sz_prediction known = prediction(1, 12, 5, 20), unknown = prediction(1, NAN, NAN, NAN);
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_energy_pair e;
    (void)state;
    assert_int_equal(compare(ctx, none, &known, &e), SZ_ERR_UNAVAILABLE);
    assert_string_equal(sz_ctx_error(ctx), "the record has no energy: rapl: no powercap in /sys");
    assert_int_equal(compare(ctx, measured, &unknown, &e), SZ_ERR_UNAVAILABLE);
    assert_non_null(strstr(sz_ctx_error(ctx), "the power of the machine is not known"));
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(factors), cmocka_unit_test(limits),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
