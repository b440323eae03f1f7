// SPDX-License-Identifier: Apache-2.0
// A record and a machine whose numbers were made by hand: main memory moves 1 GB/s and a multiply-
// accumulate takes 2 ns, so that a net of two layers of 100 x 200 and 200 x 10 is told to take
//   layer0.fc      4 (100 + 20000 + 200) B = 81.20 us     layer0.fc.add  4 x 600 B = 2.40 us
//   layer0.act     4 x 400 B               =  1.60 us     output     4 x 2210 B    = 8.84 us
//   output.add     4 x 30 B                =  0.12 us     the net                  94.16 us
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sizeup/audit.h>

#include "base/base.h"
#include "predict/calibrated_kernels.h"

static const char *folder;

typedef struct bench {
    sz_ctx *ctx;
    sz_bench_set *set;
    sz_machine *machine;
} bench;

static json_t *record(void) {
    char path[1024];
    snprintf(path, sizeof path, "%s/audit/record.json", folder);
    json_t *r = json_load_file(path, 0, NULL);
    assert_non_null(r);
    return r;
}

static json_t *layer(json_t *r, size_t i) {
    return json_array_get(json_object_get(r, "layers"), i);
}
static void set_text(json_t *o, const char *key, const char *text) {
    json_object_set_new(o, key, json_string(text));
}

// Takes the record.
static bench begin(json_t *r) {
    char path[1024];
    bench b = {.ctx = sz_ctx_create(NULL)};
    char *text = json_dumps(r, 0), *machine;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/audit/machine.json", folder);
    json_t *m = json_load_file(path, 0, NULL);
    machine = json_dumps(m, 0);
    size = strlen(machine);
    assert_int_equal(sz_bench_set_create(b.ctx, &b.set), SZ_OK);
    if (sz_bench_set_add(b.ctx, b.set, text, strlen(text)) != SZ_OK ||
        sz_machine_parse(b.ctx, "plain", machine, size, &b.machine) != SZ_OK)
        fail_msg("%s", sz_ctx_error(b.ctx));
    json_decref(m);
    json_decref(r);
    free(machine);
    free(text);
    return b;
}

static void end(bench *b) {
    sz_machine_destroy(b->machine);
    sz_bench_set_destroy(b->set);
    sz_ctx_destroy(b->ctx);
}

static sz_audit *audit(const bench *b, const sz_calibration *c) {
    const sz_audit_options o = {.machine = b->machine, .calibration = c};
    sz_audit *a = NULL;
    if (sz_audit_create(b->ctx, b->set, 0, &o, &a) != SZ_OK) fail_msg("%s", sz_ctx_error(b->ctx));
    return a;
}

static void near_to(double have, double want) {
    if (!(fabs(have - want) <= 1e-8 * fabs(want) + 1e-18))
        fail_msg("%.12g is not %.12g", have, want);
}

static sz_audit_row row_of(const sz_audit *a, const char *name) {
    for (size_t i = 0; i < sz_audit_count(a); i++) {
        const sz_audit_row r = sz_audit_get(a, i);
        const char *own = r.layer ? r.layer : r.predicted;
        if (strcmp(own, name) == 0) return r;
    }
    fail_msg("no row '%s'", name);
    return (sz_audit_row){0};
}

static sz_audit_cause cause_of(const sz_audit *a, const char *name) {
    for (size_t i = 0; i < sz_audit_cause_count(a); i++)
        if (strcmp(sz_audit_cause_get(a, i).cause, name) == 0) return sz_audit_cause_get(a, i);
    fail_msg("no cause '%s'", name);
    return (sz_audit_cause){0};
}

static void joins_by_nodes(void **state) {
    (void)state;
    bench b = begin(record());
    sz_audit *a = audit(&b, NULL);
    assert_int_equal(sz_audit_count(a), 4);
    const sz_audit_row fused = sz_audit_get(a, 0); // the worst
    assert_string_equal(fused.layer, "first");
    assert_string_equal(fused.predicted, "layer0.fc");
    assert_string_equal(fused.cause, "fusion");
    assert_string_equal(fused.why, "1 layer ran where 3 kernels were predicted");
    near_to(fused.predicted_s, 85.2e-6);
    near_to(fused.measured_s, 100e-6);
    near_to(fused.error_s, 14.8e-6);
    near_to(fused.ratio, 100 / 85.2);
    near_to(fused.share, 14.8 / 36.08);
    assert_string_equal(sz_audit_source(a, 0, 0), "layer0.fc");
    assert_string_equal(sz_audit_source(a, 0, 2), "layer0.act");
    assert_null(sz_audit_source(a, 0, 3));
    const sz_audit_row slow = sz_audit_get(a, 1);
    assert_string_equal(slow.cause, "paper");
    assert_string_equal(slow.why, "reaches 50 % of what level 'roofline' allows");
    near_to(slow.predicted_s, 8.84e-6);
    near_to(slow.ratio, 2);
    const sz_audit_row reorder = sz_audit_get(a, 2), gone = sz_audit_get(a, 3);
    assert_string_equal(reorder.cause, "inserted");
    near_to(reorder.error_s, 5e-6);
    assert_true(isnan(reorder.predicted_s) && isnan(reorder.ratio));
    assert_string_equal(gone.cause, "not measured");
    assert_null(gone.layer);
    near_to(gone.error_s, -0.12e-6);
    sz_audit_destroy(a);
    end(&b);
}

// What each cause takes adds up to what the net is off.
static void sums_up(void **state) {
    (void)state;
    bench b = begin(record());
    sz_audit *a = audit(&b, NULL);
    const sz_audit_sums s = sz_audit_summed(a);
    double errors = 0, shares = 0;
    near_to(s.predicted_s, 94.16e-6);
    near_to(s.measured_s, 130e-6);
    near_to(s.error_s, 35.84e-6);
    near_to(s.layers_predicted_s, 94.16e-6);
    near_to(s.layers_measured_s, 122.68e-6);
    assert_int_equal(s.rows, 4);
    assert_int_equal(s.matched, 1);
    near_to(s.median_error, 0.5); // 8.84 was told of 17.68
    near_to(s.explained, 1);
    assert_true(isnan(s.lo_s) && !s.in_interval);
    for (size_t i = 0; i < sz_audit_cause_count(a); i++) {
        errors += sz_audit_cause_get(a, i).error_s;
        shares += sz_audit_cause_get(a, i).share;
    }
    near_to(errors, s.error_s);
    near_to(shares, 1);
    near_to(cause_of(a, "between").error_s, 7.32e-6);
    near_to(cause_of(a, "fusion").share, 14.8 / 36.08);
    near_to(cause_of(a, "inserted").share, 5 / 36.08);
    sz_audit_destroy(a);
    end(&b);
}

// As measured, and as a compiler would take it: a layer whose node nobody predicts.
static void unforeseen(void **state) {
    (void)state;
    json_t *r = record();
    json_object_set_new(layer(r, 1), "sources", json_pack("[s]", "no such node"));
    bench b = begin(r);
    sz_audit *a = audit(&b, NULL);
    assert_string_equal(row_of(a, "to_blocked").cause, "not predicted");
    sz_audit_destroy(a);
    end(&b);
}

static void faster_than_a_roof(void **state) {
    (void)state;
    json_t *r = record();
    json_object_set_new(layer(r, 2), "of_roof", json_real(1.25));
    bench b = begin(r);
    sz_audit *a = audit(&b, NULL);
    assert_string_equal(row_of(a, "second").cause, "roof");
    assert_string_equal(row_of(a, "second").why,
                        "ran at 1.25 of its roof: the roof, or the count, is too low");
    sz_audit_destroy(a);
    end(&b);

    // 4000 operations at 1 GFLOP/s take 4 us.
    r = record();
    json_object_set_new(layer(r, 2), "time_s", json_real(2e-6));
    b = begin(r);
    a = audit(&b, NULL);
    assert_string_equal(row_of(a, "second").cause, "roof");
    assert_non_null(strstr(row_of(a, "second").why, "ran at 2.00 of its roof"));
    sz_audit_destroy(a);
    end(&b);
}

// ---- with a calibration ------------------------------------------------------------------------

// All kernels take as much: nothing is outside.
static void settle_all(sz_calibration *c) {
    assert_int_equal(sz_calibration_settle(c), SZ_OK);
    for (size_t k = 0; k < c->kinds.n; k++) {
        sz_process *p = &c->kinds.items[k].process;
        p->reach = 1e9;
        for (int a = 0; a < p->axes; a++) p->least[a] = -1e9, p->most[a] = 1e9;
    }
}

// Kernels like those of the net take twice what memory asks, within 10 %.
static sz_calibration *calibrated(const bench *b) {
    sz_calibration *c = NULL;
    sz_model *m = NULL;
    sz_costs *costs = NULL;
    assert_int_equal(sz_calibration_create(b->ctx, &c), SZ_OK);
    c->backend = "ideal", c->version = "1", c->dtype = "f32", c->threads = 1;
    c->fingerprint = "0123456789abcdef";
    sz_buf buf;
    sz_buf_init(&buf, b->ctx);
    assert_int_equal(sz_machine_json(b->ctx, b->machine, &buf), SZ_OK);
    assert_int_equal(sz_machine_parse(b->ctx, "plain", buf.data, buf.size, &c->machine), SZ_OK);
    sz_buf_finish(&buf);
    assert_int_equal(sz_model_load(b->ctx, "mlp:input=100,width=200,layers=1,batch=1", NULL, &m),
                     SZ_OK);
    assert_int_equal(sz_costs_create(b->ctx, m, NULL, &costs), SZ_OK);
    for (size_t row = 0; row < sz_costs_node_count(costs); row++) {
        sz_features f;
        if (!sz_features_of(costs, row, &f)) continue;
        sz_features_put_around(&f, 1e-6, 0, (sz_fetch){0}, &(sz_around){1e6, 0, 1});
        for (int i = 0; i < 8; i++) assert_int_equal(sz_calibration_add(c, &f, 2e-6, i), SZ_OK);
        assert_int_equal(sz_calibration_add_kernel(c, costs, row, "gemm:avx2"), SZ_OK);
    }
    settle_all(c);
    c->half = 0.1, c->fixed_s = 10e-6;
    for (size_t k = 0; k < c->kinds.n; k++) {
        c->kinds.items[k].line = (sz_line){.memory = 2, .cache = 2};
        c->kinds.items[k].half = log(1.1);
    }
    sz_costs_destroy(costs);
    sz_model_destroy(m);
    return c;
}

// `second` alone, told to take 17.68 us, with another time or kernel.
static void expect(double time_s, const char *kernel, const char *refused, const char *cause,
                   const char *why) {
    json_t *r = record();
    if (strcmp(cause, "run") == 0) set_text(r, "verdict", "contended");
    json_object_set_new(layer(r, 2), "time_s", json_real(time_s));
    set_text(layer(r, 2), "kernel", kernel);
    if (refused) set_text(layer(r, 2), "why", refused), set_text(layer(r, 2), "backend", "plain");
    bench b = begin(r);
    sz_calibration *c = calibrated(&b);
    sz_audit *a = audit(&b, c);
    const sz_audit_row row = row_of(a, "second");
    assert_string_equal(sz_estimate_level(sz_audit_estimate(a)), "calibrated");
    near_to(row.predicted_s, 17.68e-6);
    near_to(row.hi_s, 1.1 * 17.68e-6);
    if (strcmp(row.cause, cause) != 0) fail_msg("'%s', not '%s'", row.cause, cause);
    assert_string_equal(row.why, why);
    assert_int_equal(row.in_interval, strcmp(cause, "interval") == 0);
    near_to(sz_audit_summed(a).predicted_s, 10e-6 + 2 * 94.16e-6);
    sz_audit_destroy(a);
    sz_calibration_destroy(c);
    end(&b);
}

static void held_to_a_calibration(void **state) {
    (void)state;
    expect(18e-6, "gemm:avx2", NULL, "interval", "within its interval");
    expect(30e-6, "gemm:avx2", NULL, "unexplained", "beyond its interval, and no cause is known");
    expect(30e-6, "ref:any", NULL, "kernel",
           "ran as 'ref:any', which no such kernel did in the calibration");
    expect(18e-6, "ref:any", NULL, "interval", "within its interval");
    expect(30e-6, "gemm:avx2", NULL, "run", "the run was contended");
    expect(30e-6, "plain", "no such format", "refused",
           "plain ran it, as ideal does not: no such format");
}

static void outside_of_it(void **state) {
    (void)state;
    bench b = begin(record());
    sz_calibration *c = calibrated(&b);
    for (size_t k = 0; k < c->kinds.n; k++) c->kinds.items[k].process.reach = -1; // all is far
    sz_audit *a = audit(&b, c);
    // 17.68 us lies in the interval: a guess that holds needs no cause
    assert_string_equal(row_of(a, "second").cause, "interval");
    sz_audit_destroy(a);
    sz_calibration_destroy(c);
    end(&b);
}

static void kernels_are_kept(void **state) {
    (void)state;
    bench b = begin(record());
    sz_calibration *c = calibrated(&b), *again = NULL;
    sz_buf buf;
    sz_buf_init(&buf, b.ctx);
    c->library = "/lib/libideal.so", c->library_bytes = 12, c->library_changed_s = 34;
    assert_int_equal(sz_calibration_json(b.ctx, c, &buf), SZ_OK);
    if (sz_calibration_parse(b.ctx, buf.data, buf.size, &again) != SZ_OK)
        fail_msg("%s", sz_ctx_error(b.ctx));
    assert_int_equal(again->kernels.n, c->kernels.n);
    assert_true(again->kernels.n >= 3); // of products, sums and the activation
    assert_string_equal(again->kernels.items[0].name, "gemm:avx2");
    assert_string_equal(again->library, "/lib/libideal.so");
    assert_int_equal(again->library_bytes, 12);
    assert_int_equal(again->library_changed_s, 34);
    sz_buf_finish(&buf);
    sz_calibration_destroy(again);
    sz_calibration_destroy(c);
    end(&b);
}

// ---- what can't be compared --------------------------------------------------------------------

static void refuse(json_t *r, const char *why) {
    bench b = begin(r);
    const sz_audit_options o = {.machine = b.machine};
    sz_audit *a = NULL;
    assert_int_not_equal(sz_audit_create(b.ctx, b.set, 0, &o, &a), SZ_OK);
    if (!strstr(sz_ctx_error(b.ctx), why))
        fail_msg("'%s' is not in '%s'", why, sz_ctx_error(b.ctx));
    end(&b);
}

static void refuses(void **state) {
    (void)state;
    json_t *r = record();
    json_object_del(r, "layers_sum_s");
    refuse(r, "it has no times of layers: 'sizeup bench ... --layers' measures them");
    r = record();
    set_text(json_object_get(r, "settings"), "mode", "training");
    refuse(r, "it is of training, and inference alone is predicted");
    r = record();
    json_object_set_new(json_object_get(r, "settings"), "streams", json_integer(2));
    refuse(r, "layers are compared for one stream");
    r = record();
    set_text(r, "error", "killed");
    refuse(r, "it was not measured: killed");
    r = record();
    json_object_clear(json_object_get(r, "spec"));
    refuse(r, "it does not say what was run");
    r = record();
    json_object_set_new(r, "spec", json_pack("{s:s, s:s}", "kind", "model", "model", "gone.onnx"));
    refuse(r, "gone.onnx");
}

// Without times of layers the net as a whole is all that there is.
static void holds_whole_nets(void **state) {
    (void)state;
    json_t *r = record();
    json_object_del(r, "layers_sum_s");
    json_object_del(r, "layers");
    bench b = begin(r);
    const sz_audit_options o = {.machine = b.machine, .whole = 1};
    sz_audit *a = NULL;
    if (sz_audit_create(b.ctx, b.set, 0, &o, &a) != SZ_OK) fail_msg("%s", sz_ctx_error(b.ctx));
    const sz_audit_sums s = sz_audit_summed(a);
    assert_int_equal(sz_audit_count(a), 0);
    assert_int_equal(sz_audit_cause_count(a), 0);
    near_to(s.predicted_s, 94.16e-6);
    near_to(s.measured_s, 130e-6);
    near_to(s.ratio, 130 / 94.16);
    assert_true(s.rows == 0 && s.matched == 0 && isnan(s.layers_measured_s) && isnan(s.explained));
    sz_audit_destroy(a);
    end(&b);
}

int main(int argc, char **argv) {
    if (argc < 2) return 1;
    folder = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_by_nodes),
        cmocka_unit_test(sums_up),
        cmocka_unit_test(unforeseen),
        cmocka_unit_test(faster_than_a_roof),
        cmocka_unit_test(held_to_a_calibration),
        cmocka_unit_test(outside_of_it),
        cmocka_unit_test(kernels_are_kept),
        cmocka_unit_test(refuses),
        cmocka_unit_test(holds_whole_nets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
