// SPDX-License-Identifier: Apache-2.0
// Energy, cost, many machines and carried times, worked out by hand on machines with round numbers.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"

#include <sizeup/predict.h>

// 64 MACs = 128 FLOP; reads 160 B, writes 64 B. A batch of 2.
static const char net[] = "graph net opset=17 {"
                          "  input x: f32[2,4]"
                          "  w = const f32[4,8]"
                          "  y = MatMul(x, w)"
                          "  output y }";

// All bytes at `bandwidth`, all operations at `rate`.
#define MACHINE(name, dtype, rate, bandwidth, more)                                                \
    "{\"schema\":\"sizeup.machine/1\",\"name\":\"" name "\",\"source\":\"datasheet\","             \
    "\"kind\":\"gpu\",\"peaks\":[{\"unit\":\"vector\",\"op\":\"fma\",\"dtype\":\"" dtype           \
    "\",\"threads\":0,\"flop_per_s\":" #rate "}],\"levels\":[{\"name\":\"DRAM\","                  \
    "\"capacity_bytes\":1000,\"bandwidth\":[{\"mix\":\"load\",\"threads\":0,"                      \
    "\"byte_per_s\":" #bandwidth "}]}]" more "}"

// 1.28 s of compute, 2.24 s of memory.
static const char slow[] = MACHINE("slow", "f32", 100, 100, ",\"power\":{\"tdp_w\":10}");
// 0.64 s of compute, 0.32 s of memory; power between 4 and 12 W.
static const char fast[] = MACHINE(
    "fast", "f32", 200, 700,
    ",\"power\":{\"tdp_w\":20,\"idle_w\":4,\"busy_w\":12},\"energy\":{\"per_op\":["
    "{\"op\":\"mul\",\"dtype\":\"f32\",\"joule\":0.25},{\"op\":\"add\",\"dtype\":\"f32\","
    "\"joule\":0.5}],\"per_byte\":[{\"level\":\"DRAM\",\"joule\":2}]}");
static const char narrow[] = MACHINE("narrow", "int8", 1000000, 1000000, "");

typedef struct fixture {
    sz_ctx *ctx;
    sz_model *model;
    sz_costs *costs;
    sz_machine *machines[3];
} fixture;

static int open_fixture(void **state) {
    static fixture f;
    const char *const texts[] = {slow, fast, narrow};
    f.ctx = sz_ctx_create(NULL);
    if (sz_model_parse(f.ctx, net, NULL, &f.model) != SZ_OK) return -1;
    if (sz_costs_create(f.ctx, f.model, NULL, &f.costs) != SZ_OK) return -1;
    for (int i = 0; i < 3; i++)
        if (sz_machine_parse(f.ctx, "text", texts[i], strlen(texts[i]), &f.machines[i]) != SZ_OK)
            fail_msg("%s", sz_ctx_error(f.ctx));
    *state = &f;
    return 0;
}

static int close_fixture(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 3; i++) sz_machine_destroy(f->machines[i]);
    sz_costs_destroy(f->costs);
    sz_model_destroy(f->model);
    sz_ctx_clear(f->ctx);
    const size_t left = sz_ctx_memory_used(f->ctx);
    sz_ctx_destroy(f->ctx);
    return left == 0 ? 0 : -1;
}

static void near_to(double have, double want) {
    if (!(fabs(have - want) <= 1e-9 * fabs(want))) fail_msg("%.12g is not %.12g", have, want);
}

static sz_prediction predict(const fixture *f, int machine, sz_predict_options options) {
    sz_estimate *e = NULL;
    assert_int_equal(sz_estimate_create(f->ctx, f->costs, f->machines[machine], &options, &e),
                     SZ_OK);
    const sz_prediction t = sz_estimate_total(e);
    sz_estimate_destroy(e);
    return t;
}

// 2.24 s at 10 W are at most 22.4 J, of which each of 2 samples has half. 3600 an hour are 2.24; a
// facility that takes 1.5 times as much at 3.6e6 g per kWh emits 22.4 x 1.5 g.
static void only_tdp(void **state) {
    const sz_prediction t = predict(
        *state, 0,
        (sz_predict_options){.price_per_h = 3600, .carbon_g_per_kwh = 3.6e6, .pue = 1.5});
    near_to(t.time_s, 2.24);
    near_to(t.energy_j, 22.4);
    near_to(t.energy_hi_j, 22.4);
    assert_true(isnan(t.energy_lo_j));
    assert_int_equal(t.samples, 2);
    near_to(t.energy_per_sample_j, 11.2);
    near_to(t.cost, 2.24);
    near_to(t.carbon_g, 22.4 * 1.5);
}

// Memory and compute one after the other: 0.96 s, of which compute is 2/3: 4 + 8 x 2/3 W. Bottom
// up: 64 x 0.75 J and 224 B x 2 J.
static void measured_power(void **state) {
    const sz_prediction t = predict(*state, 1, (sz_predict_options){.level = "sum"});
    near_to(t.time_s, 0.96);
    near_to(t.power_w, 4 + 8 * 2.0 / 3);
    near_to(t.energy_j, t.power_w * 0.96);
    near_to(t.energy_hi_j, 20 * 0.96);
    near_to(t.energy_lo_j, 64 * 0.75 + 224 * 2);
    assert_true(isnan(t.cost) && isnan(t.carbon_g));
}

// The narrow machine is the fastest, but what it runs is another net.
static void across(void **state) {
    const fixture *f = *state;
    const double prices[] = {1, 1000, 0};
    sz_across *a = NULL;
    assert_int_equal(sz_across_create(f->ctx, f->costs, (const sz_machine *const *)f->machines, 3,
                                      NULL, prices, &a),
                     SZ_OK);
    const sz_across_score s = sz_across_scored(a);
    assert_int_equal(sz_across_count(a), 3);
    near_to(sz_across_get(a, 0).of_roof, 1.28 / 2.24);
    near_to(sz_across_get(a, 1).of_roof, 1);
    near_to(sz_across_get(a, 1).samples_per_s, 2 / 0.64);
    assert_int_equal(sz_across_get(a, 2).in_score, 0);
    assert_non_null(sz_across_get(a, 2).note);
    assert_int_equal(s.machines, 2);
    near_to(s.geometric_mean, sqrt(1.28 / 2.24));
    near_to(s.worst, 1.28 / 2.24);
    assert_string_equal(s.worst_machine, "slow");
    assert_string_equal(s.best_time, "fast");
    assert_string_equal(s.best_energy, "fast");
    assert_string_equal(s.best_cost, "slow");
    assert_int_equal(sz_ctx_warning_count(f->ctx), 0);
    sz_across_destroy(a);
}

// 4.48 s where paper says 2.24: half of the paper speed there, so 0.64 / 0.5 s here. Were all of it
// compute it would take 4.48 / 2, were it memory 4.48 / 7.
static void rescaled(void **state) {
    const fixture *f = *state;
    sz_rescaled r;
    assert_int_equal(sz_rescale(f->ctx, f->costs, f->machines[0], f->machines[1], NULL, 4.48, &r),
                     SZ_OK);
    near_to(r.efficiency, 0.5);
    near_to(r.time_s, 1.28);
    near_to(r.by_compute_s, 2.24);
    near_to(r.by_memory_s, 0.64);
    near_to(r.time_lo_s, 0.64);
    near_to(r.time_hi_s, 2.24);
    // Faster than paper allows: no machine is more than 100 % efficient, and a warning says so.
    assert_int_equal(sz_rescale(f->ctx, f->costs, f->machines[0], f->machines[1], NULL, 1.12, &r),
                     SZ_OK);
    near_to(r.time_s, 0.64);
    assert_int_equal(sz_ctx_warning_count(f->ctx), 1);
    assert_int_equal(sz_rescale(f->ctx, f->costs, f->machines[0], f->machines[1], NULL, 0, &r),
                     SZ_ERR_USAGE);
}

// 128 FLOP at 0.5 J each and 224 B at 1 J, at 10 W: 28.8 s where the roofs allow 2.24. Of the time
// at the roofs, 1.28 s of compute is 1.28 / 28.8. The bound, and time_lo, know nothing of power.
static void limited(void **state) {
    static const char text[] = MACHINE(
        "limited", "f32", 100, 100,
        ",\"power\":{\"tdp_w\":10},\"energy\":{\"per_op\":[{\"op\":\"chip fma\","
        "\"dtype\":\"f32\",\"joule\":1}],\"per_byte\":[{\"level\":\"DRAM\","
        "\"joule\":1}]}");
    const fixture *f = *state;
    const sz_machine *machines[1];
    sz_machine *m = NULL;
    sz_across *a = NULL;
    assert_int_equal(sz_machine_parse(f->ctx, "text", text, sizeof text - 1, &m), SZ_OK);
    const fixture one = {f->ctx, f->model, f->costs, {m}};
    const sz_prediction t = predict(&one, 0, (sz_predict_options){.level = "roofline"});
    near_to(t.time_s, 28.8);
    near_to(t.time_lo_s, 2.24);
    near_to(t.energy_j, 288);
    near_to(predict(&one, 0, (sz_predict_options){.level = "sum"}).time_s, 28.8 + 2.24);
    near_to(predict(&one, 0, (sz_predict_options){.level = "bound"}).time_s, 2.24);
    machines[0] = m;
    assert_int_equal(sz_across_create(f->ctx, f->costs, machines, 1, NULL, NULL, &a), SZ_OK);
    near_to(sz_across_get(a, 0).of_roof, 1.28 / 28.8);
    sz_across_destroy(a);
    sz_machine_destroy(m);
}

// 64 multiply-adds at 0.5 J each: one is one operation of the table.
static void fused_energy(void **state) {
    static const char text[] = MACHINE(
        "fused", "f32", 100, 100,
        ",\"energy\":{\"per_op\":[{\"op\":\"fma\",\"dtype\":\"f32\",\"joule\":0.5}],"
        "\"per_byte\":[{\"level\":\"DRAM\",\"joule\":1}]}");
    const fixture *f = *state;
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_parse(f->ctx, "text", text, sizeof text - 1, &m), SZ_OK);
    const fixture one = {f->ctx, f->model, f->costs, {m}};
    near_to(predict(&one, 0, (sz_predict_options){.level = "roofline"}).energy_lo_j, 32 + 224);
    sz_machine_destroy(m);
}

// The same by parts: 64 multiply-adds, and 224 bytes of main memory.
static void energy_parts(void **state) {
    static const char text[] = MACHINE(
        "parts", "f32", 100, 100,
        ",\"energy\":{\"per_op\":[{\"op\":\"fma\",\"dtype\":\"f32\",\"joule\":0.5}],"
        "\"per_byte\":[]}");
    const fixture *f = *state;
    const sz_predict_options how = {.level = "roofline"};
    sz_machine *m = NULL;
    sz_estimate *e = NULL;
    assert_int_equal(sz_machine_parse(f->ctx, "text", text, sizeof text - 1, &m), SZ_OK);
    assert_int_equal(sz_estimate_create(f->ctx, f->costs, m, &how, &e), SZ_OK);
    assert_int_equal(sz_estimate_energy_part_count(e), 3);
    const sz_energy_part macs = sz_estimate_energy_part(e, 0), far = sz_estimate_energy_part(e, 2);
    assert_string_equal(macs.what, "multiply-accumulates");
    near_to(macs.count, 64);
    near_to(macs.joule, 32);
    assert_true(sz_estimate_energy_part(e, 1).count == 0);
    assert_string_equal(far.what, "DRAM");
    near_to(far.count, 224);
    assert_true(isnan(far.joule)); // the record does not tell it
    sz_estimate_destroy(e);
    sz_machine_destroy(m);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(only_tdp), TEST(measured_power), TEST(across),
                                       TEST(rescaled), TEST(limited),        TEST(fused_energy),
                                       TEST(energy_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
