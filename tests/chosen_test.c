// SPDX-License-Identifier: Apache-2.0
// Which calibrations serve a prediction, and what it tells between two of them. Kernels take twice
// their roofline time with one thread and eight times with four, so that it is four times with two.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "predict/calibration.h"

static const char SPEC[] = "mlp:input=100,width=200,layers=1,batch=1";

static const char machine_json[] =
    "{\"schema\":\"sizeup.machine/1\",\"name\":\"four\",\"source\":\"measured\","
    "\"fingerprint\":\"0123456789abcdef\",\"cpu\":{\"threads\":4},\"peaks\":["
    "{\"dtype\":\"f32\",\"op\":\"fma\",\"threads\":1,\"flop_per_s\":1e9},"
    "{\"dtype\":\"f32\",\"op\":\"fma\",\"threads\":2,\"flop_per_s\":2e9},"
    "{\"dtype\":\"f32\",\"op\":\"fma\",\"threads\":4,\"flop_per_s\":4e9}],"
    "\"levels\":["
    "{\"name\":\"L2\",\"capacity_bytes\":100000,\"instances\":1,\"bandwidth\":["
    "{\"mix\":\"load\",\"threads\":1,\"byte_per_s\":8e9},"
    "{\"mix\":\"load\",\"threads\":2,\"byte_per_s\":16e9},"
    "{\"mix\":\"load\",\"threads\":4,\"byte_per_s\":32e9}]},"
    "{\"name\":\"DRAM\",\"capacity_bytes\":16000000000,\"bandwidth\":["
    "{\"mix\":\"load\",\"threads\":1,\"byte_per_s\":1e9},"
    "{\"mix\":\"load\",\"threads\":2,\"byte_per_s\":1.5e9},"
    "{\"mix\":\"load\",\"threads\":4,\"byte_per_s\":2e9}]}]}";

typedef struct bench {
    sz_ctx *ctx;
    sz_machine *machine;
    sz_model *model;
    sz_costs *costs;
} bench;

static bench begin(const char *spec) {
    bench b = {.ctx = sz_ctx_create(NULL)};
    assert_int_equal(
        sz_machine_parse(b.ctx, "four", machine_json, sizeof machine_json - 1, &b.machine), SZ_OK);
    if (sz_model_load(b.ctx, spec, NULL, &b.model) != SZ_OK) fail_msg("%s", sz_ctx_error(b.ctx));
    assert_int_equal(sz_costs_create(b.ctx, b.model, NULL, &b.costs), SZ_OK);
    return b;
}

static void end(bench *b) {
    sz_costs_destroy(b->costs);
    sz_model_destroy(b->model);
    sz_machine_destroy(b->machine);
    sz_ctx_destroy(b->ctx);
}

static sz_prediction predict(const bench *b, const sz_predict_options *how) {
    sz_estimate *e = NULL;
    if (sz_estimate_create(b->ctx, b->costs, b->machine, how, &e) != SZ_OK)
        fail_msg("%s", sz_ctx_error(b->ctx));
    const sz_prediction t = sz_estimate_total(e);
    sz_estimate_destroy(e);
    return t;
}

// All kernels take as much: nothing is outside.
static void settle_all(sz_calibration *c) {
    assert_int_equal(sz_calibration_settle(c), SZ_OK);
    for (size_t k = 0; k < c->kinds.n; k++) {
        sz_process *p = &c->kinds.items[k].process;
        p->reach = 1e9;
        for (int a = 0; a < p->axes; a++) p->least[a] = -1e9, p->most[a] = 1e9;
    }
}

static sz_calibration *calibrated(const bench *b, const char *dtype, int threads, double ratio,
                                  double half) {
    sz_calibration *c = NULL;
    assert_int_equal(sz_calibration_create(b->ctx, &c), SZ_OK);
    c->backend = "ideal", c->version = "1", c->dtype = dtype, c->threads = threads;
    c->fingerprint = "0123456789abcdef";
    assert_int_equal(
        sz_machine_parse(b->ctx, "four", machine_json, sizeof machine_json - 1, &c->machine),
        SZ_OK);
    for (size_t row = 0; row < sz_costs_node_count(b->costs); row++) {
        sz_features f;
        if (!sz_features_of(b->costs, row, &f)) continue;
        sz_features_put_around(&f, 1e-6, 0, (sz_fetch){0}, &(sz_around){1e6, 0, 1});
        for (int i = 0; i < 8; i++)
            assert_int_equal(sz_calibration_add(c, &f, ratio * 1e-6, i), SZ_OK);
    }
    settle_all(c);
    c->half = half;
    for (size_t k = 0; k < c->kinds.n; k++) {
        c->kinds.items[k].line = (sz_line){.memory = ratio, .cache = ratio};
        c->kinds.items[k].half = half;
    }
    return c;
}

static void near_to(double have, double want) {
    if (!(fabs(have - want) <= 1e-8 * fabs(want))) fail_msg("%.12g is not %.12g", have, want);
}

static bool warned(const sz_ctx *ctx, const char *text) {
    for (size_t i = 0; i < sz_ctx_warning_count(ctx); i++)
        if (strstr(sz_ctx_warning(ctx, i), text)) return true;
    return false;
}

// ---- threads -----------------------------------------------------------------------------------

static void between_two(void **state) {
    (void)state;
    bench b = begin(SPEC);
    sz_calibration *one = calibrated(&b, "f32", 1, 2, 0.1),
                   *four = calibrated(&b, "f32", 4, 8, 0.2);
    one->fixed_s = 10e-6, four->fixed_s = 30e-6;
    const double paper = predict(&b, &(sz_predict_options){.threads = 2}).communication_s;
    const sz_prediction t = predict(
        &b, &(sz_predict_options){
                .level = "calibrated", .threads = 2, .calibration = one, .other = four});
    near_to(t.time_s, 20e-6 + 4 * paper);
    near_to(t.time_hi_s, t.time_s * exp(0.2));
    assert_true(warned(b.ctx, "calibrated with 1 and 4 threads, not 2"));
    sz_calibration_destroy(one);
    sz_calibration_destroy(four);
    end(&b);
}

// With the number that was calibrated the other one says nothing.
static void one_that_fits(void **state) {
    (void)state;
    bench b = begin(SPEC);
    sz_calibration *one = calibrated(&b, "f32", 1, 2, 0.1);
    const double paper = predict(&b, &(sz_predict_options){.threads = 1}).communication_s;
    near_to(
        predict(&b, &(sz_predict_options){.level = "calibrated", .threads = 1, .calibration = one})
            .time_s,
        2 * paper);
    assert_int_equal(sz_ctx_warning_count(b.ctx), 0);
    sz_calibration_destroy(one);
    end(&b);
}

static void carried(void **state) {
    (void)state;
    bench b = begin(SPEC);
    sz_calibration *one = calibrated(&b, "f32", 1, 2, 0.1);
    const double paper = predict(&b, &(sz_predict_options){.threads = 4}).communication_s;
    const sz_prediction t = predict(
        &b, &(sz_predict_options){.level = "calibrated", .threads = 4, .calibration = one});
    near_to(t.time_s, 2 * paper);
    near_to(t.time_hi_s, t.time_s * exp(0.2)); // doubled
    assert_true(warned(b.ctx, "calibrated with 1 thread, not 4"));
    sz_calibration_destroy(one);
    end(&b);
}

static void never_seen(void **state) {
    (void)state;
    bench b = begin(SPEC);
    sz_calibration *one = calibrated(&b, "f32", 1, 2, 0.1);
    bench other = begin("lstm:input=16,units=16,steps=4");
    (void)predict(&other, &(sz_predict_options){.level = "calibrated", .calibration = one});
    assert_true(warned(other.ctx, "never calibrated: 'LSTM'"));
    sz_calibration_destroy(one);
    end(&other);
    end(&b);
}

// ---- files -------------------------------------------------------------------------------------

static void save(const bench *b, const char *folder, const char *dtype, int threads) {
    sz_calibration *c = calibrated(b, dtype, threads, 2, 0.1);
    if (sz_calibration_save(b->ctx, c, folder) != SZ_OK) fail_msg("%s", sz_ctx_error(b->ctx));
    sz_calibration_destroy(c);
}

static void expect(const bench *b, const char *folder, const char *dtype, int threads, int one,
                   int other) {
    sz_calibration *c = NULL, *o = NULL;
    if (sz_calibration_choose(b->ctx, folder, "ideal", dtype, threads, &c, &o) != SZ_OK)
        fail_msg("%s", sz_ctx_error(b->ctx));
    assert_int_equal(c->threads, one);
    assert_string_equal(c->dtype, dtype ? dtype : "f32");
    assert_int_equal(o ? o->threads : 0, other);
    sz_calibration_destroy(o);
    sz_calibration_destroy(c);
}

static void chosen(void **state) {
    (void)state;
    bench b = begin(SPEC);
    char folder[] = "/tmp/sizeup-chosen-XXXXXX", path[128];
    sz_calibration *c = NULL, *o = NULL;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sz_calibration_choose(b.ctx, folder, "ideal", NULL, 1, &c, &o),
                     SZ_ERR_UNAVAILABLE);
    assert_string_equal(sz_ctx_error(b.ctx),
                        "backend 'ideal' was not calibrated with 1 thread: 'sizeup calibrate "
                        "--backend ideal --threads 1' does it");
    save(&b, folder, "f32", 2);
    save(&b, folder, "f32", 8);
    save(&b, folder, "bf16", 4);
    expect(&b, folder, NULL, 2, 2, 0);
    expect(&b, folder, "f32", 8, 8, 0);
    expect(&b, folder, NULL, 4, 2, 8); // between
    expect(&b, folder, NULL, 1, 2, 0); // the nearest
    expect(&b, folder, NULL, 16, 8, 0);
    expect(&b, folder, "bf16", 4, 4, 0);
    expect(&b, folder, "bf16", 1, 4, 0);
    assert_int_equal(sz_calibration_choose(b.ctx, folder, "ideal", "f16", 2, &c, &o),
                     SZ_ERR_UNAVAILABLE);
    assert_string_equal(sz_ctx_error(b.ctx),
                        "backend 'ideal' was not calibrated in f16 with 2 threads: 'sizeup "
                        "calibrate --backend ideal --threads 2 --dtype f16' does it");
    assert_int_equal(sz_calibration_choose(b.ctx, folder, "other/one", NULL, 2, &c, &o),
                     SZ_ERR_USAGE);
    static const char *const names[] = {"ideal-t2.json", "ideal-t8.json", "ideal-bf16-t4.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
    end(&b);
}

// As long as its file is as it was, a library is taken to be the same.
static void current(void **state) {
    (void)state;
    bench b = begin(SPEC);
    char path[] = "/tmp/sizeup-library-XXXXXX";
    sz_calibration *c = calibrated(&b, "f32", 1, 2, 0.1);
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "library", 7), 7);
    assert_int_equal(sz_calibration_is_current(c), 0); // it was not noted
    struct stat s;
    assert_int_equal(fstat(fd, &s), 0);
    c->library = path, c->library_bytes = 7, c->library_changed_s = (int64_t)s.st_mtime;
    assert_int_equal(sz_calibration_is_current(c), 1);
    assert_int_equal(write(fd, "s", 1), 1);
    assert_int_equal(sz_calibration_is_current(c), 0);
    close(fd);
    unlink(path);
    assert_int_equal(sz_calibration_is_current(c), 0);
    sz_calibration_destroy(c);
    end(&b);
}

// ---- streams -----------------------------------------------------------------------------------

// Bytes of the net: 94160, all from main memory where each of two streams has half of the cache
// (50 kB), at 1 GB/s with one thread. Together the two have 1.5 GB/s, not 2.
static void streams(void **state) {
    (void)state;
    bench b = begin(SPEC);
    const sz_prediction t = predict(&b, &(sz_predict_options){.threads = 2, .streams = 2});
    const sz_prediction sum = predict(
        &b, &(sz_predict_options){.level = "sum", .threads = 2, .streams = 2});
    // Level sum knows no caches: each run moves all bytes.
    near_to(sum.throughput_per_s, 2 / fmax(sum.time_s, 2 * 94160 / 1.5e9));
    assert_true(sum.time_s >= 2 * 94160 / 1.5e9);
    assert_true(t.time_s <= sum.time_s);
    near_to(t.throughput_per_s, 2 / t.time_s);
    sz_estimate *e = NULL;
    const sz_predict_options uneven = {.threads = 4, .streams = 3};
    assert_int_equal(sz_estimate_create(b.ctx, b.costs, b.machine, &uneven, &e), SZ_ERR_USAGE);
    assert_non_null(strstr(sz_ctx_error(b.ctx), "4 threads can't be shared evenly by 3 streams"));
    end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between_two), cmocka_unit_test(one_that_fits), cmocka_unit_test(carried),
        cmocka_unit_test(never_seen),  cmocka_unit_test(chosen),        cmocka_unit_test(current),
        cmocka_unit_test(streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
