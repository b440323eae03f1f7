// SPDX-License-Identifier: Apache-2.0
// Points are what `predict` and `llm` tell of the same setting, number by number.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sizeup/explore.h>
#include <sizeup/inference.h>
#include <sizeup/predict.h>

static sz_ctx *ctx;
static const char *folder; // tests

static void ok(sz_status status) {
    if (status != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
}

typedef struct bench {
    sz_space *space;
    sz_machine *machines[2];
    sz_evaluator evaluator;
} bench;

static void open_bench(bench *b, const char *spec) {
    static const char *const names[] = {"h100", "a100"};
    static const double prices[] = {2, 1};
    ok(sz_space_read(ctx, "s", spec, strlen(spec), &b->space));
    ok(sz_space_add(ctx, b->space, "machine", "h100,a100"));
    for (int i = 0; i < 2; i++) ok(sz_machine_load(ctx, names[i], NULL, &b->machines[i]));
    ok(sz_space_machine_facts(ctx, b->space, (const sz_machine *const *)b->machines, 2));
    ok(sz_space_ready(ctx, b->space));
    const sz_predict_setup setup = {
        .machines = (const sz_machine *const *)b->machines, .price_per_h = prices, .n_machines = 2};
    ok(sz_evaluator_predict(ctx, b->space, &setup, &b->evaluator));
}

static void close_bench(bench *b) {
    sz_evaluator_release(&b->evaluator);
    for (int i = 0; i < 2; i++) sz_machine_destroy(b->machines[i]);
    sz_space_destroy(b->space);
}

static sz_points *sweep(const bench *b) {
    sz_points *p;
    sz_proposer grid;
    sz_explored done;
    const sz_search_options how = {0};
    ok(sz_points_create(ctx, b->space, &p));
    ok(sz_search_create(ctx, "grid", b->space, &how, &grid));
    ok(sz_explore_run(ctx, b->space, &b->evaluator, &grid, NULL, 0, NULL, p, &done));
    sz_proposer_release(&grid);
    assert_int_equal(done.proposed, sz_points_count(p));
    return p;
}

static double number(const bench *b, const uint32_t *setting, const char *name) {
    size_t at;
    assert_true(sz_space_find(b->space, name, &at));
    return sz_space_number(b->space, at, setting[at]);
}

static const char *word(const bench *b, const uint32_t *setting, const char *name) {
    size_t at;
    assert_true(sz_space_find(b->space, name, &at));
    return sz_space_value(b->space, at, setting[at]);
}

static const sz_machine *machine(const bench *b, const uint32_t *setting) {
    size_t at;
    assert_true(sz_space_find(b->space, "machine", &at));
    return b->machines[setting[at]];
}

static void near(double a, double b) {
    if (!(fabs(a - b) <= 1e-12 * fabs(b))) fail_msg("%.17g is not %.17g", a, b);
}

// ---- nets --------------------------------------------------------------------------------------

static void check_net(const bench *b, const sz_points *p, size_t i) {
    const uint32_t *setting = sz_points_setting(p, i);
    const double price = machine(b, setting) == b->machines[0] ? 2 : 1;
    const sz_predict_options how = {.level = word(b, setting, "level"),
                                    .dtype = word(b, setting, "dtype"),
                                    .overlap = SZ_OVERLAP_MEASURED,
                                    .price_per_h = price};
    char spec[128];
    sz_model *m;
    sz_costs *c;
    sz_estimate *e;
    snprintf(spec, sizeof spec, "transformer:heads=4,hidden=128,layers=%g,batch=%g",
             number(b, setting, "layers"), number(b, setting, "batch"));
    ok(sz_model_load(ctx, spec, NULL, &m));
    ok(sz_costs_create(ctx, m, NULL, &c));
    ok(sz_estimate_create(ctx, c, machine(b, setting), &how, &e));
    const sz_prediction t = sz_estimate_total(e);
    const double samples = number(b, setting, "batch");
    near(sz_points_value(p, i, SZ_METRIC_LATENCY), t.time_s);
    near(sz_points_value(p, i, SZ_METRIC_THROUGHPUT), samples / t.time_s);
    near(sz_points_value(p, i, SZ_METRIC_ENERGY), t.energy_j);
    near(sz_points_value(p, i, SZ_METRIC_THROUGHPUT_PER_JOULE), samples / t.energy_j);
    near(sz_points_value(p, i, SZ_METRIC_COST), t.cost);
    near(sz_points_value(p, i, SZ_METRIC_THROUGHPUT_PER_COST), samples / t.cost);
    near(sz_points_value(p, i, SZ_METRIC_PARAMS), (double)sz_costs_total(c).params);
    if (strcmp(how.dtype, "f32") == 0) // as written: the counts themselves
        near(sz_points_value(p, i, SZ_METRIC_MEMORY),
             (double)sz_costs_total(c).weight_bytes + (double)sz_costs_activations(c).peak_bytes);
    sz_estimate_destroy(e);
    sz_costs_destroy(c);
    sz_model_destroy(m);
}

static void nets_are_predicted(void **state) {
    (void)state;
    bench b;
    open_bench(&b, "model: 'transformer:heads=4,hidden=128,layers=1,3'\nbatch: 1,4\n"
                   "parameters: {dtype: [f32, f16], level: [roofline, sum, bound]}\n");
    sz_points *p = sweep(&b);
    assert_int_equal(sz_points_count(p), 2 * 2 * 2 * 3 * 2);
    for (size_t i = 0; i < sz_points_count(p); i++) check_net(&b, p, i);
    sz_points_destroy(p);
    close_bench(&b);
}

// ---- language models ---------------------------------------------------------------------------

static void check_llm(const bench *b, const sz_points *p, size_t i, const sz_llm_form *form) {
    const uint32_t *setting = sz_points_setting(p, i);
    sz_llm_plan plan = {
        .tensor = (int64_t)number(b, setting, "tp"), .pipeline = 1, .data = 1, .experts = 1};
    const sz_inference_options how = {.prompt = (int64_t)number(b, setting, "prompt"),
                                      .generate = 16,
                                      .batch = (int64_t)number(b, setting, "batch"),
                                      .stack = "tensorrt-llm",
                                      .counting = {.kv_dtype = sz_dtype_by_name("f16")},
                                      .reserve_bytes = -1,
                                      .plan = plan.tensor > 1 ? &plan : NULL};
    sz_inference r;
    ok(sz_network_of_machine(ctx, machine(b, setting), 8, 25e9, &plan.net));
    ok(sz_inference_predict(ctx, form, machine(b, setting), &how, &r));
    sz_metrics m;
    sz_points_metrics(p, i, &m);
    near(m.value[SZ_METRIC_LATENCY], r.e2e_s);
    near(m.value[SZ_METRIC_TTFT], r.ttft_s);
    near(m.value[SZ_METRIC_TPOT], r.tpot_s);
    near(m.value[SZ_METRIC_THROUGHPUT], r.tokens_per_s);
    near(m.value[SZ_METRIC_THROUGHPUT_PER_DEVICE], r.tokens_per_s / (double)plan.tensor);
    near(m.value[SZ_METRIC_THROUGHPUT_PER_JOULE], r.tokens_per_j);
    near(m.value[SZ_METRIC_ENERGY], r.power_w * r.e2e_s);
    near(m.lo[SZ_METRIC_TTFT], r.prefill.time_lo_s);
    near(m.hi[SZ_METRIC_TTFT], r.prefill.time_hi_s);
    near(m.lo[SZ_METRIC_LATENCY], r.prefill.time_lo_s + 15 * r.decode.time_lo_s);
    near(m.hi[SZ_METRIC_THROUGHPUT], (double)how.batch / r.decode.time_lo_s);
    // The memory without the activations, which `how` has none of.
    assert_true(m.value[SZ_METRIC_MEMORY] > r.memory.weights + r.memory.cache + r.memory.reserve);
}

static void language_models_are_predicted(void **state) {
    (void)state;
    const sz_load_options any = {.allow_symbols = 1};
    char path[512], spec[1024];
    bench b;
    sz_model *m;
    sz_llm_form *form;
    snprintf(path, sizeof path, "%s/explore/llama-8b", folder);
    snprintf(spec, sizeof spec,
             "model: '%s'\nbatch: 1,8\nparameters: {prompt: [64, 512], "
             "generate: 16, tp: [1, 4], stack: tensorrt-llm}\n",
             path);
    open_bench(&b, spec);
    ok(sz_model_load(ctx, path, &any, &m));
    ok(sz_llm_form_create(ctx, m, &form));
    sz_points *p = sweep(&b);
    assert_int_equal(sz_points_count(p), 2 * 2 * 2 * 2);
    for (size_t i = 0; i < sz_points_count(p); i++) check_llm(&b, p, i, form);
    sz_points_destroy(p);
    sz_llm_form_destroy(form);
    sz_model_destroy(m);
    close_bench(&b);
}

// ---- what can't be had -------------------------------------------------------------------------

static void refusals_say_why(void **state) {
    (void)state;
    bench b;
    sz_oracle o;
    open_bench(&b, "model: 'resnet:depth=18,77'\nbatch: 1,100000\n");
    sz_points *p = sweep(&b);
    size_t refused = 0;
    for (size_t i = 0; i < sz_points_count(p); i++) {
        const char *why = sz_points_why(p, i);
        const bool is_odd = number(&b, sz_points_setting(p, i), "depth") == 77;
        const bool is_large = number(&b, sz_points_setting(p, i), "batch") > 1;
        assert_int_equal(why != NULL, is_odd || is_large);
        assert_int_equal(isnan(sz_points_value(p, i, SZ_METRIC_LATENCY)), why != NULL);
        if (why) assert_non_null(strstr(why, is_odd ? "77" : "GB"));
        refused += why != NULL;
    }
    assert_int_equal(refused, 6);
    ok(sz_oracle_find(ctx, p, 0, SZ_METRIC_LATENCY, &o));
    sz_oracle_finish(ctx, &o);
    sz_points_destroy(p);
    close_bench(&b);
}

static int end(void **state) {
    (void)state;
    sz_ctx_destroy(ctx);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_are_predicted),
        cmocka_unit_test(language_models_are_predicted),
        cmocka_unit_test(refusals_say_why),
    };
    folder = argc > 1 ? argv[1] : "tests";
    ctx = sz_ctx_create(NULL);
    return ctx ? cmocka_run_group_tests(tests, NULL, end) : 1;
}
