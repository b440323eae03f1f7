// SPDX-License-Identifier: Apache-2.0
// Nets on a machine with a host: by hand on machines with round numbers, and the Edge TPU against
// what its maker measured.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/base.h"

#include "predict/predict.h"

#include <sizeup/optimize.h>

// Three nodes in a row, 16 numbers each: 64 B in f32 cross between two of them. Erf is the one that
// the device lacks.
static const char chain[] = "graph net opset=17 {"
                            "  input x: f32[4,4]"
                            "  w = const f32[4,4]"
                            "  a = MatMul(x, w)"
                            "  b = Erf(a)"
                            "  c = Relu(b)"
                            "  output c }";

#define PEAK(dtype, op, rate)                                                                      \
    "{\"dtype\":\"" dtype "\",\"op\":\"" op "\",\"threads\":0,\"flop_per_s\":" rate "}"
#define DRAM(rate)                                                                                 \
    "\"levels\":[{\"name\":\"DRAM\",\"capacity_bytes\":1000000000,"                                \
    "\"bandwidth\":[{\"mix\":\"load\",\"threads\":0,\"byte_per_s\":" rate "}]}]"
#define HEAD(name)                                                                                 \
    "{\"schema\":\"sizeup.machine/1\",\"name\":\"" name "\",\"source\":\"datasheet\","

// The host: 100 FLOP/s fused, 10 others, 1000 B/s. The device: ten times that; a link of 64 B/s and
// a hand-over of half a second.
static const char host_json[] = HEAD("slow") "\"peaks\":[" PEAK("f32", "fma", "100") "," PEAK(
    "f32", "add", "10") "]," DRAM("1000") "}";
#define DEVICE(operators, coprocessor)                                                             \
    HEAD("quick")                                                                                  \
    "\"peaks\":[" PEAK("f32", "fma", "1000") "," PEAK("f32", "add", "100") "]," DRAM(              \
        "10000") ",\"links\":[{\"name\":\"wire\",\"byte_per_s\":64}],"                             \
                 "\"operators\":[" operators "],\"coprocessor\":{\"host\":\"slow\"," coprocessor   \
                 "}}"
#define RUNS(op) "{\"op\":\"" op "\"}"
static const char device_json[] = DEVICE(RUNS("MatMul") "," RUNS("Relu"),
                                         "\"link\":\"wire\",\"sync_s\":0.5");

// Of the nodes: MatMul 128 FLOP, 192 B; Erf and Relu 16 operations and 128 B each, where Erf counts
// as one operation per number.
static const double device_matmul = 0.128, device_relu = 0.16;
static const double host_matmul = 1.28, host_erf = 1.6, host_relu = 1.6;
static const double crossing = 1.5; // 64 B at 64 B/s, and the hand-over

typedef struct fixture {
    sz_ctx *ctx;
    sz_model *model;
    sz_costs *costs;
    sz_machine *host;
} fixture;

static int open_fixture(void **state) {
    static fixture f;
    f.ctx = sz_ctx_create(NULL);
    if (sz_model_parse(f.ctx, chain, NULL, &f.model) != SZ_OK) return -1;
    if (sz_costs_create(f.ctx, f.model, NULL, &f.costs) != SZ_OK) return -1;
    if (sz_machine_parse(f.ctx, "slow", host_json, sizeof host_json - 1, &f.host) != SZ_OK)
        return -1;
    *state = &f;
    return 0;
}

static int close_fixture(void **state) {
    fixture *f = *state;
    sz_machine_destroy(f->host);
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

// The estimate keeps the machine: both are the caller's.
static sz_estimate *split(const fixture *f, const char *json, sz_predict_options options,
                          sz_machine **ret_machine) {
    sz_estimate *e = NULL;
    options.host = f->host;
    if (sz_machine_parse(f->ctx, "quick", json, strlen(json), ret_machine) != SZ_OK)
        fail_msg("%s", sz_ctx_error(f->ctx));
    if (sz_estimate_create(f->ctx, f->costs, *ret_machine, &options, &e) != SZ_OK)
        fail_msg("%s", sz_ctx_error(f->ctx));
    return e;
}

static void finish(sz_estimate *e, sz_machine *m) {
    sz_estimate_destroy(e);
    sz_machine_destroy(m);
}

// MatMul on the device, Erf on the host, Relu with it: back again would take 3 crossings. Or all on
// the host, without any: 4.48 s. In on the device: x crosses, a crosses.
static void least_time(void **state) {
    const fixture *f = *state;
    sz_machine *m = NULL;
    sz_estimate *e = split(f, device_json, (sz_predict_options){0}, &m);
    const sz_prediction t = sz_estimate_total(e);
    const double shared = device_matmul + host_erf + host_relu + 2 * crossing;
    assert_true(host_matmul + host_erf + host_relu < shared);
    near_to(t.time_s, host_matmul + host_erf + host_relu);
    near_to(t.host_alone_s, t.time_s);
    near_to(t.device_alone_s, device_matmul + 2 * device_relu + 2 * crossing);
    near_to(t.best_split_s, t.time_s);
    assert_true(t.transfer_s == 0);
    assert_int_equal(sz_estimate_fallback_count(e), 3);
    assert_string_equal(sz_estimate_fallback(e, 0).why, "cheaper here, could run there too");
    assert_string_equal(sz_estimate_fallback(e, 1).why, "does not run Erf");
    assert_string_equal(sz_estimate_fallback(e, 1).device, "slow");
    assert_string_equal(sz_estimate_node(e, 1).device, "slow");
    finish(e, m);
}

// All that can run there: MatMul and Relu. x, a, b and c cross; a and b for Erf, x and c anyway.
static void most(void **state) {
    const fixture *f = *state;
    static const double work = 0.128 + 1.6 + 0.16;
    sz_machine *m = NULL;
    sz_estimate *e = split(f, device_json, (sz_predict_options){.split = "most"}, &m);
    const sz_prediction t = sz_estimate_total(e);
    near_to(t.time_s, work + 4 * crossing);
    near_to(t.transfer_s, 4 * crossing);
    near_to(t.communication_s, 0.0192 + 0.128 + 0.0128 + 4 * crossing);
    near_to(t.computation_s, work);
    assert_int_equal(sz_estimate_fallback_count(e), 1);
    near_to(sz_estimate_fallback(e, 0).transfer_s, 2 * crossing);
    near_to(sz_estimate_fallback(e, 0).time_s, host_erf);
    assert_string_equal(sz_estimate_node(e, 0).device, "quick");
    assert_string_equal(sz_estimate_node(e, 2).device, "quick");
    near_to(t.best_split_s, host_matmul + host_erf + host_relu);
    finish(e, m);
}

// A compiler that cuts once leaves Relu on the host too: x and a cross.
static void one_part(void **state) {
    sz_machine *m = NULL;
    static const char json[] = DEVICE(
        RUNS("MatMul") "," RUNS("Relu"),
        "\"link\":\"wire\",\"sync_s\":0.5,\"one_part\":true,\"takes_all\":true");
    sz_estimate *e = split(*state, json, (sz_predict_options){0}, &m);
    near_to(sz_estimate_total(e).time_s, device_matmul + host_erf + host_relu + 2 * crossing);
    assert_int_equal(sz_estimate_fallback_count(e), 2);
    assert_string_equal(sz_estimate_fallback(e, 1).why,
                        "cut off: a node before it runs on the host");
    finish(e, m);
}

// Without a link both see one memory: only the hand-over is paid. Then the split is worth it.
static void shared_memory(void **state) {
    sz_machine *m = NULL;
    static const char json[] = DEVICE(RUNS("MatMul") "," RUNS("Relu"), "\"sync_s\":0.1");
    sz_estimate *e = split(*state, json, (sz_predict_options){0}, &m);
    near_to(sz_estimate_total(e).time_s, device_matmul + host_erf + device_relu + 4 * 0.1);
    finish(e, m);
}

// sum: 192 B and 128 B from memory beside the work. bound: the host has most to do, as all is at
// once.
static void levels(void **state) {
    sz_machine *m = NULL;
    sz_estimate *e = split(*state, device_json,
                           (sz_predict_options){.level = "sum", .split = "most"}, &m);
    near_to(sz_estimate_total(e).time_s,
            0.128 + 0.0192 + 1.6 + 0.128 + 0.16 + 0.0128 + 4 * crossing);
    finish(e, m);
    e = split(*state, device_json, (sz_predict_options){.level = "bound", .split = "most"}, &m);
    near_to(sz_estimate_total(e).time_s, 4 * crossing);
    finish(e, m);
    static const char json[] = DEVICE(RUNS("MatMul") "," RUNS("Relu"), "\"sync_s\":0.1");
    e = split(*state, json, (sz_predict_options){.level = "bound", .split = "most"}, &m);
    near_to(sz_estimate_total(e).time_s, host_erf);
    finish(e, m);
}

// Half as many bytes cross in f16; the host has no f16 and widens.
static void narrow(void **state) {
    sz_machine *m = NULL;
    sz_estimate *e = split(*state, device_json,
                           (sz_predict_options){.dtype = "f16", .split = "most"}, &m);
    near_to(sz_estimate_total(e).transfer_s, 4 * (0.5 + 0.5));
    finish(e, m);
}

// ---- what a machine runs -----------------------------------------------------------------------

static void refused(const fixture *f, const char *operators, const char *why) {
    char json[2048];
    sz_machine *m = NULL;
    const char *with = DEVICE("@", "\"link\":\"wire\"");
    const char *at = strchr(with, '@');
    snprintf(json, sizeof json, "%.*s%s%s", (int)(at - with), with, operators, at + 1);
    sz_estimate *e = split(f, json, (sz_predict_options){.split = "most"}, &m);
    bool found = false;
    for (size_t i = 0; i < sz_estimate_fallback_count(e); i++)
        found |= strcmp(sz_estimate_fallback(e, i).why, why) == 0;
    if (!found) fail_msg("nothing is refused because '%s'", why);
    finish(e, m);
}

static void reasons(void **state) {
    refused(*state, RUNS("Relu"), "does not run MatMul");
    refused(*state, "{\"op\":\"MatMul\",\"dtypes\":\"int8 f16\"}",
            "runs MatMul in int8 f16, not in f32");
    refused(*state, "{\"op\":\"MatMul\",\"max_rank\":1}",
            "a tensor has 2 axes longer than 1, not at most 1");
    refused(*state, "{\"op\":\"MatMul\",\"max_batch\":3}", "a batch of 4 is more than 3");
}

static void bad(const fixture *f, const char *json, const char *want) {
    sz_machine *m = NULL;
    sz_estimate *e = NULL;
    const sz_predict_options options = {.host = f->host};
    sz_status status = sz_machine_parse(f->ctx, "bad", json, strlen(json), &m);
    if (status == SZ_OK) status = sz_estimate_create(f->ctx, f->costs, m, &options, &e);
    assert_int_equal(status, SZ_ERR_INPUT);
    if (!strstr(sz_ctx_error(f->ctx), want))
        fail_msg("'%s' not in: %s", want, sz_ctx_error(f->ctx));
    sz_machine_destroy(m);
}

static void wrong_descriptions(void **state) {
    bad(*state, DEVICE(RUNS("Convv"), "\"link\":\"wire\""),
        "has 'Convv', which is none: did you mean "
        "'Conv'?");
    bad(*state, DEVICE("{\"op\":\"Conv\",\"dtypes\":\"int8 int9\"}", "\"link\":\"wire\""),
        "machine 'quick': operator 'Conv': unknown dtype 'int9'; known are: f64");
    bad(*state, DEVICE(RUNS("Conv"), "\"link\":\"rope\""),
        "'coprocessor.link' is none of the 'links'");
    bad(*state, DEVICE("{\"op\":3}", "\"link\":\"wire\""), "'operators[0].op' is not a string");
    bad(*state, DEVICE("{\"dtypes\":\"f32\"}", "\"link\":\"wire\""),
        "'operators[0].op' is missing");
    bad(*state, DEVICE(RUNS("Conv"), "\"sync_s\":-1"), "is negative or out of range");
}

// Who runs some operators only and names no host can't tell a time.
static void no_host(void **state) {
    const fixture *f = *state;
    static const char json[] = HEAD("alone") "\"peaks\":[" PEAK("f32", "fma", "1000") "]," DRAM(
        "10000") ",\"operators\":[" RUNS("Conv") "]}";
    sz_machine *m = NULL;
    sz_estimate *e = NULL;
    assert_int_equal(sz_machine_parse(f->ctx, "alone", json, strlen(json), &m), SZ_OK);
    assert_int_equal(sz_estimate_create(f->ctx, f->costs, m, NULL, &e), SZ_ERR_UNAVAILABLE);
    assert_non_null(strstr(sz_ctx_error(f->ctx), "names no host: give one with --host"));
    sz_machine_destroy(m);
}

// ---- weights beyond the chip -------------------------------------------------------------------

// 64 B of weights, 48 of which fit: 16 come over the wire. The rest is on the chip, in no time.
static void streamed(void **state) {
    sz_machine *m = NULL;
    static const char json[] = DEVICE(RUNS("MatMul") "," RUNS("Relu") "," RUNS("Erf"),
                                      "\"link\":\"wire\",\"weights_link\":\"wire\","
                                      "\"onchip_bytes\":48,\"takes_all\":true");
    sz_estimate *e = split(*state, json, (sz_predict_options){0}, &m);
    const sz_prediction t = sz_estimate_total(e);
    near_to(t.communication_s, 16.0 / 64 + 2); // x and c cross too, 64 B each
    near_to(t.time_s, fmax(device_matmul, 0.25) + 2 * device_relu + 2);
    assert_string_equal(sz_estimate_node(e, 0).level, "wire");
    finish(e, m);
}

// Milliseconds by coral.ai, Edge TPU performance benchmarks: desktop CPU with the USB accelerator.
typedef struct published {
    const char *net;
    double measured_s;
    bool fits; // its weights fit the chip
} published;
static const published nets[] = {{"mobilenet", 2.6e-3, true},
                                 {"resnet:depth=50,image=299", 49e-3, false},
                                 {"resnet:depth=152,image=299", 128e-3, false},
                                 {"vgg:depth=16", 296e-3, false},
                                 {"vgg:depth=19", 308e-3, false}};

static sz_prediction on_coral(sz_ctx *ctx, const char *net) {
    const sz_optimize_options optimize = {.recipe = NULL};
    const sz_load_options load = {.optimize = &optimize};
    const sz_predict_options options = {.dtype = "int8"};
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    sz_machine *coral = NULL;
    sz_estimate *e = NULL;
    if (sz_model_load(ctx, net, &load, &model) != SZ_OK ||
        sz_costs_create(ctx, model, NULL, &costs) != SZ_OK ||
        sz_machine_load(ctx, "coral", NULL, &coral) != SZ_OK ||
        sz_estimate_create(ctx, costs, coral, &options, &e) != SZ_OK)
        fail_msg("%s: %s", net, sz_ctx_error(ctx));
    const sz_prediction t = sz_estimate_total(e);
    assert_int_equal(sz_estimate_fallback_count(e), 0);
    sz_estimate_destroy(e);
    sz_machine_destroy(coral);
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    return t;
}

// The cliff: nets whose weights stream come out within 30 %, from a data sheet alone, and never
// slower than measured. What fits the chip waits for things that no sheet tells: there the time is
// a bound and no estimate.
static void edge_tpu(void **state) {
    const fixture *f = *state;
    print_message("%-28s %10s %10s %8s\n", "net", "predicted", "published", "error");
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
        const sz_prediction t = on_coral(f->ctx, nets[i].net);
        const double error = t.time_s / nets[i].measured_s - 1;
        print_message("%-28s %7.2f ms %7.2f ms %+7.1f %%\n", nets[i].net, t.time_s * 1e3,
                      nets[i].measured_s * 1e3, 100 * error);
        assert_true(error < 0);
        if (!nets[i].fits) assert_true(error > -0.3);
    }
    const double cliff = on_coral(f->ctx, "vgg:depth=16").time_s /
                         on_coral(f->ctx, "mobilenet").time_s;
    assert_true(cliff > 100); // published: 114
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_time), cmocka_unit_test(most),
        cmocka_unit_test(one_part),   cmocka_unit_test(shared_memory),
        cmocka_unit_test(levels),     cmocka_unit_test(narrow),
        cmocka_unit_test(reasons),    cmocka_unit_test(wrong_descriptions),
        cmocka_unit_test(no_host),    cmocka_unit_test(streamed),
        cmocka_unit_test(edge_tpu)};
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
