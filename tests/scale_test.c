// SPDX-License-Identifier: Apache-2.0
// Training on many devices: collectives and memory against hand calculation, iteration times beside
// published ones, the search against all plans.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "predict/scale/collectives.h"

static void near(double a, double b) {
    if (fabs(a - b) > 1e-9 * fabs(b)) fail_msg("%.12g, not %.12g", a, b);
}

// ---- collectives -------------------------------------------------------------------------------

// A start of 1 s, 1 byte a second: sums can be done by hand.
static const sz_network flat = {{{16, 1, 1, 1, "one"}}, 1};
static const sz_network nodes = {{{8, 0, 8, 1, "in"}, {64, 0, 1, 1, "across"}}, 2};

static void closed_forms(void **unused) {
    (void)unused;
    near(sz_collective_s(&flat, SZ_ALL_REDUCE, 4, 1, 4000), 2 * 3 + 2 * 0.75 * 4000); // ring
    near(sz_collective_s(&flat, SZ_ALL_REDUCE, 16, 1, 1), 4 * (1 + 1));               // doubling
    near(sz_collective_s(&flat, SZ_ALL_REDUCE, 13, 1, 3), 2 * 4 + 2 * 3);             // tree
    near(sz_collective_s(&flat, SZ_ALL_GATHER, 4, 1, 400), 2 + 300);
    near(sz_collective_s(&flat, SZ_REDUCE_SCATTER, 3, 1, 300), 2 + 200); // no power of two: a ring
    near(sz_collective_s(&flat, SZ_ALL_TO_ALL, 4, 1, 400), 3 + 300);
    near(sz_collective_s(&flat, SZ_BROADCAST, 8, 1, 100), 3 + 100);
    near(sz_collective_s(&flat, SZ_SEND, 2, 1, 100), 1 + 100);
    near(sz_collective_s(&flat, SZ_ALL_REDUCE, 1, 1, 100), 0);
}

static void levels(void **unused) {
    (void)unused;
    // 800 bytes: scatter 7/8 x 800 / 8, reduce 100 bytes over 2 nodes, gather: 87.5 + 100 + 87.5
    near(sz_collective_s(&nodes, SZ_ALL_REDUCE, 16, 1, 800), 275);
    // strides of 8: each in a node of its own
    near(sz_collective_s(&nodes, SZ_ALL_REDUCE, 2, 8, 800), 800);
    near(sz_collective_s(&nodes, SZ_SEND, 2, 4, 800), 100);
    near(sz_collective_s(&nodes, SZ_SEND, 2, 8, 800), 800);
    // half of the pieces leave the node
    near(sz_collective_s(&nodes, SZ_ALL_TO_ALL, 16, 1, 1600), 800);
    assert_true(isinf(sz_collective_s(&nodes, SZ_ALL_REDUCE, 65, 1, 1)));
    assert_true(isinf(sz_collective_s(&nodes, SZ_ALL_REDUCE, 16, 8, 1)));
    assert_true(isinf(sz_collective_s(&nodes, SZ_SEND, 2, 64, 1)));
}

// ---- memory and operations ---------------------------------------------------------------------

static const sz_scale_device a100 = {312e12, 0.9 * 2.039e12, 80e9};
// Efficiencies and starts: see docs/language-models.md.
static const sz_network selene = {
    {{8, 38e-6 / 6, 300e9, 0.53, "NVLink3"}, {4096, 38e-6 / 6, 25e9, 0.7, "InfiniBand HDR"}}, 2};

static sz_scale_training of(const sz_scale_model *m, sz_scale_plan p) {
    sz_scale_training r;
    sz_ctx *ctx = sz_ctx_create(NULL);
    if (sz_scale_plan_check(ctx, m, &selene, &p) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
    sz_ctx_destroy(ctx);
    sz_training_predict(m, &a100, &selene, &p, &r);
    return r;
}

static double activations(const sz_scale_model *m, sz_scale_plan p, sz_recompute recompute,
                          int split) {
    p.recompute = recompute;
    p.sequence_parallel = split;
    return of(m, p).activation_bytes / (1024.0 * 1024 * 1024);
}

// Korthikanti et al., table 2 and equation 2 to 6, by hand. sbh x layers = 2.25 GiB for 22B.
static void activation_bytes(void **unused) {
    (void)unused;
    const sz_scale_model m22 = sz_scale_gpt(48, 6144, 64, 2048, 51200);
    const sz_scale_plan p22 = {8, 1, 1, 4, 4, 1, 0, 0, SZ_RECOMPUTE_NONE};
    near(activations(&m22, p22, SZ_RECOMPUTE_NONE, 0), 59.25); // 10 + 24 / 8 + 320 / 3 / 8
    near(activations(&m22, p22, SZ_RECOMPUTE_NONE, 1), 39.5625);
    near(activations(&m22, p22, SZ_RECOMPUTE_SELECTIVE, 0), 29.25);
    near(activations(&m22, p22, SZ_RECOMPUTE_SELECTIVE, 1), 9.5625);
    near(activations(&m22, p22, SZ_RECOMPUTE_FULL, 0), 4.5);
    // 175B: 5as/h = 80; 8 stages, v = 3: 1 + 7/24 as much is held. sbh x 96 = 2.25 GiB
    const sz_scale_model m175 = sz_scale_gpt(96, 12288, 96, 2048, 51200);
    const sz_scale_plan p175 = {8, 8, 1, 1, 64, 3, 0, 0, SZ_RECOMPUTE_NONE};
    near(activations(&m175, p175, SZ_RECOMPUTE_NONE, 0), 2.25 * 23 * 31 / 24);
    near(activations(&m175, p175, SZ_RECOMPUTE_NONE, 1), 2.25 * 14.25 * 31 / 24);
    near(activations(&m175, p175, SZ_RECOMPUTE_SELECTIVE, 1), 2.25 * 4.25 * 31 / 24);
}

static void states(void **unused) {
    (void)unused;
    sz_scale_model m = sz_scale_gpt(96, 12288, 96, 2048, 51200);
    // 12 L h^2 (1 + 13 / 12h + (V + s) / 12Lh), and the last norm
    const double h = 12288;
    near(96 * m.layer_params + m.outer_params, 12 * 96 * h * h + 13 * 96 * h + 53248 * h + 2 * h);
    m.outer_params = m.end_params = 0;
    sz_scale_plan p = {8, 8, 2, 1, 64, 1, 0, 0, SZ_RECOMPUTE_NONE};
    const double n = 96 * m.layer_params / 64;
    const double want[] = {18 * n, 12 * n, 10 * n, 9 * n};
    for (p.zero = 0; p.zero <= 3; p.zero++) {
        const sz_scale_training r = of(&m, p);
        near(r.weight_bytes + r.gradient_bytes + r.optimizer_bytes, want[p.zero]);
    }
}

// The closed forms of Narayanan et al., equation 3, and of Korthikanti et al., appendix A.
static void operations(void **unused) {
    (void)unused;
    const double L = 48, h = 6144, s = 2048, V = 51200, B = 4;
    const sz_scale_model m = sz_scale_gpt(48, 6144, 64, 2048, 51200);
    sz_scale_plan p = {8, 1, 1, 4, 4, 1, 0, 0, SZ_RECOMPUTE_FULL};
    sz_scale_training r = of(&m, p);
    near(r.model_flops, 72 * B * s * L * h * h * (1 + s / (6 * h) + V / (12 * L * h)));
    near(r.hardware_flops, 96 * B * s * L * h * h * (1 + s / (6 * h) + V / (16 * L * h)));
    p.recompute = SZ_RECOMPUTE_SELECTIVE;
    r = of(&m, p);
    near(r.hardware_flops - r.model_flops, 4 * B * s * s * h * L);
    near(r.time_s, r.compute_s + r.tensor_s + r.pipeline_s + r.bubble_s + r.data_s + r.optimizer_s);
}

// The bubble is (p - 1) / (v m) of what is no bubble, where nothing but layers takes time.
static void bubble(void **unused) {
    (void)unused;
    sz_scale_model m = sz_scale_gpt(96, 12288, 96, 2048, 51200);
    m.outer_flops = 0;
    const sz_scale_training r = of(
        &m, (sz_scale_plan){8, 8, 1, 1, 64, 3, 0, 1, SZ_RECOMPUTE_SELECTIVE});
    near(r.bubble_s / (r.compute_s + r.tensor_s), 7.0 / (3 * 64));
}

// ---- published iteration times -----------------------------------------------------------------

typedef struct published {
    int64_t heads, hidden, layers;
    sz_scale_plan plan;
    double time_s, tflop_per_s, mfu; // the row says one of the first two
} published;

#define FULL SZ_RECOMPUTE_FULL
#define SOME SZ_RECOMPUTE_SELECTIVE
// Korthikanti et al. 2022, table 5: full recomputation, then their own way. Times, batches and
// degrees as Calculon has them (calculon/llm/validation.py, validation/seqsel/tab5).
static const published korthikanti[] = {
    {64, 6144, 48, {8, 1, 1, 4, 4, 1, 0, 0, FULL}, 1.42, 0, 0},
    {96, 12288, 96, {8, 8, 1, 1, 64, 3, 0, 0, FULL}, 18.13, 0, 0},
    {128, 20480, 105, {8, 35, 1, 1, 280, 3, 0, 0, FULL}, 49.05, 0, 0},
    {160, 25600, 128, {8, 64, 1, 1, 512, 1, 0, 0, FULL}, 94.42, 0, 0},
    {64, 6144, 48, {8, 1, 1, 4, 4, 1, 0, 1, SOME}, 1.10, 0, 0.415},
    {96, 12288, 96, {8, 8, 1, 1, 64, 3, 0, 1, SOME}, 13.75, 0, 0.514},
    {128, 20480, 105, {8, 35, 1, 1, 280, 3, 0, 1, SOME}, 37.83, 0, 0.560},
    {160, 25600, 128, {8, 64, 1, 1, 512, 1, 0, 1, SOME}, 71.49, 0, 0.563},
};
// Narayanan et al. 2021, table 1, as MLCarbon has it (data/megatron_table.csv). It does not say
// microbatches nor interleaving: 1 and 1 are ours.
static const published narayanan[] = {
    {24, 2304, 24, {1, 1, 32, 1, 512, 1, 0, 0, FULL}, 0, 137, 0},
    {32, 3072, 30, {2, 1, 32, 1, 512, 1, 0, 0, FULL}, 0, 138, 0},
    {32, 4096, 36, {4, 1, 32, 1, 512, 1, 0, 0, FULL}, 0, 142, 0},
    {48, 6144, 40, {8, 1, 32, 1, 1024, 1, 0, 0, FULL}, 0, 135, 0},
    {64, 8192, 48, {8, 2, 32, 1, 1536, 1, 0, 0, FULL}, 0, 138, 0},
    {80, 10240, 60, {8, 4, 32, 1, 1792, 1, 0, 0, FULL}, 0, 140, 0},
    {96, 12288, 80, {8, 8, 24, 1, 2304, 1, 0, 0, FULL}, 0, 148, 0},
    {128, 16384, 96, {8, 16, 15, 1, 2160, 1, 0, 0, FULL}, 0, 155, 0},
    {128, 20480, 105, {8, 35, 9, 1, 2520, 1, 0, 0, FULL}, 0, 163, 0},
    {160, 25600, 128, {8, 64, 6, 1, 3072, 1, 0, 0, FULL}, 0, 163, 0},
};
enum { KORTHIKANTI = 8, NARAYANAN = 10 };

static double rate_of(const published *row, double *ret_time_s, double *ret_predicted_s) {
    const sz_scale_model m = sz_scale_gpt(row->layers, row->hidden, row->heads, 2048, 51200);
    const sz_scale_training r = of(&m, row->plan);
    const double devices = (double)(row->plan.tensor * row->plan.pipeline * row->plan.data);
    const double tflop = r.hardware_flops / devices / 1e12;
    *ret_time_s = row->time_s > 0 ? row->time_s : tflop / row->tflop_per_s;
    *ret_predicted_s = r.time_s;
    // a row that was copied wrong would not give the utilisation that its own table prints
    if (row->mfu > 0) {
        const double mfu = r.model_flops / (*ret_time_s * devices * 312e12);
        if (fabs(mfu - row->mfu) > 0.003) fail_msg("the row's MFU is %g, not %g", mfu, row->mfu);
    }
    return tflop / *ret_time_s;
}

static double mean_rate(const published *rows, int n) {
    double sum = 0, time, predicted;
    for (int i = 0; i < n; i++) sum += rate_of(&rows[i], &time, &predicted);
    return sum / n;
}

// Constant rate: the mean of the other paper's rows, as ours are not fitted to these either.
static double score(const char *name, const published *rows, int n, double naive_rate) {
    double ours = 0, naive = 0;
    for (int i = 0; i < n; i++) {
        double time, predicted;
        const double rate = rate_of(&rows[i], &time, &predicted);
        ours += fabs(predicted / time - 1) / n;
        naive += fabs(rate / naive_rate - 1) / n;
        printf("%s row %d: %.2f s published, %.2f s predicted\n", name, i + 1, time, predicted);
    }
    printf("%s: n %d, MAPE %.1f %%, of a constant %.0f TFLOP/s %.1f %%\n", name, n, 100 * ours,
           naive_rate, 100 * naive);
    return ours;
}

static void published_times(void **unused) {
    (void)unused;
    const double ours = score("Korthikanti", korthikanti, KORTHIKANTI,
                              mean_rate(narayanan, NARAYANAN));
    const double theirs = score("Narayanan", narayanan, NARAYANAN,
                                mean_rate(korthikanti, KORTHIKANTI));
    assert_true(ours < 0.12 && theirs < 0.10); // what was reached; it may not get worse
}

// ---- plans -------------------------------------------------------------------------------------

static void search(void **unused) {
    (void)unused;
    static sz_scale_found found, again;
    const sz_scale_model m = sz_scale_gpt(96, 12288, 96, 2048, 51200);
    sz_scale_search(&m, &a100, &selene, 512, 1536, &found);
    sz_scale_search(&m, &a100, &selene, 512, 1536, &again);
    assert_true(found.n > 0 && found.fitting > 0 && found.fitting < found.tried);
    assert_int_equal(found.n, again.n);
    sz_ctx *ctx = sz_ctx_create(NULL);
    for (size_t i = 0; i < found.n; i++) {
        assert_int_equal(sz_scale_plan_check(ctx, &m, &selene, &found.plans[i]), SZ_OK);
        const sz_scale_training r = of(&m, found.plans[i]);
        near(r.time_s, found.results[i].time_s);
        near(again.results[i].time_s, found.results[i].time_s);
        assert_true(r.total_bytes <= a100.capacity_bytes);
        if (i == 0) continue;
        assert_true(r.time_s >= found.results[i - 1].time_s);
        assert_true(r.total_bytes < found.results[i - 1].total_bytes);
    }
    sz_ctx_destroy(ctx);
}

// Counted by hand: one layer has no pipeline, and there are two devices.
static void search_small(void **unused) {
    (void)unused;
    static sz_scale_found found;
    const sz_scale_model m = sz_scale_gpt(1, 64, 2, 32, 100);
    sz_scale_search(&m, &a100, &selene, 2, 2, &found);
    // data 2: one microbatch size, 4 stages of ZeRO x 3; tensor 2: two sizes x 3 x 2
    assert_int_equal(found.tried, 12 + 12);
    assert_int_equal(found.fitting, 24);
}

// Everything with small numbers that the check of plans lets pass. What the search leaves out says
// the same as a plan that it tries: sharing among one device, splitting by one.
static int all_plans(const sz_scale_model *m, int64_t devices, int64_t batch,
                     const sz_scale_device *g, sz_scale_training *ret) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    int n = 0;
    for (int64_t i = 0; i < 8 * 8 * 8 * 8 * 8 * 4 * 3 * 2; i++) {
        int64_t at[8], rest = i;
        static const int64_t sizes[8] = {2, 3, 4, 8, 8, 8, 8, 8};
        for (int k = 0; k < 8; rest /= sizes[k++]) at[k] = rest % sizes[k];
        const sz_scale_plan p = {at[3] + 1, at[4] + 1,  at[5] + 1,  at[6] + 1,          batch,
                                 at[7] + 1, (int)at[2], (int)at[0], (sz_recompute)at[1]};
        if (p.tensor * p.pipeline * p.data != devices) continue;
        if (sz_scale_plan_check(ctx, m, &selene, &p) != SZ_OK) continue;
        if ((p.zero > 0 && p.data == 1) || (p.sequence_parallel && p.tensor == 1)) continue;
        if (p.interleave > 1 && batch / p.data / p.microbatch % p.pipeline) continue;
        sz_training_predict(m, g, &selene, &p, &ret[n]);
        if (ret[n].total_bytes <= g->capacity_bytes) n++;
    }
    sz_ctx_destroy(ctx);
    return n;
}

// On the front stands what no other plan beats in one thing without losing in the other.
static void search_all(void **unused) {
    (void)unused;
    static sz_scale_found found;
    static sz_scale_training all[1 << 14];
    const sz_scale_model m = sz_scale_gpt(8, 512, 8, 256, 1000);
    // so little memory that some plans do not fit
    const sz_scale_device g = {312e12, 0.9 * 2.039e12, 150e6};
    sz_scale_search(&m, &g, &selene, 8, 8, &found);
    const int n = all_plans(&m, 8, 8, &g, all);
    assert_int_equal(found.fitting, n);
    assert_true(found.fitting < found.tried && found.n > 1);
    size_t on_front = 0;
    for (int i = 0; i < n; i++) {
        bool is_beaten = false, is_found = false;
        for (int k = 0; k < n && !is_beaten; k++) {
            const bool less = all[k].time_s < all[i].time_s ||
                              all[k].total_bytes < all[i].total_bytes;
            is_beaten = less && all[k].time_s <= all[i].time_s &&
                        all[k].total_bytes <= all[i].total_bytes;
        }
        for (size_t k = 0; k < found.n; k++)
            is_found = is_found || (found.results[k].time_s == all[i].time_s &&
                                    found.results[k].total_bytes == all[i].total_bytes);
        assert_int_equal(is_found, !is_beaten);
        on_front += !is_beaten;
    }
    assert_true(on_front >= found.n); // ties stand there once
}

static void speed(void **unused) {
    (void)unused;
    static sz_scale_found found;
    const sz_scale_model m = sz_scale_gpt(96, 12288, 96, 2048, 51200);
    int64_t tried = 0;
    const clock_t start = clock();
    while (tried < 1000000) {
        sz_scale_search(&m, &a100, &selene, 3072, 46080, &found);
        tried += found.tried;
    }
    const double time_s = (double)(clock() - start) / CLOCKS_PER_SEC;
    printf("%lld plans of the search in %.2f s\n", (long long)tried, time_s);
    assert_true(time_s < 60);
}

// ---- bad input ---------------------------------------------------------------------------------

static void refuse(sz_scale_plan p, const char *sentence) {
    const sz_scale_model m = sz_scale_gpt(96, 12288, 96, 2048, 51200);
    sz_ctx *ctx = sz_ctx_create(NULL);
    assert_int_equal(sz_scale_plan_check(ctx, &m, &selene, &p), SZ_ERR_USAGE);
    assert_string_equal(sz_ctx_error(ctx), sentence);
    sz_ctx_destroy(ctx);
}

static void bad_plans(void **unused) {
    (void)unused;
    refuse((sz_scale_plan){7, 1, 1, 1, 1, 1, 0, 0, FULL},
           "96 heads do not divide by tensor parallelism 7: the nearest that does is 6");
    refuse((sz_scale_plan){8, 9, 1, 1, 1, 1, 0, 0, FULL},
           "96 layers do not divide by pipeline parallelism x interleaving 9: the nearest that "
           "does is 8");
    refuse((sz_scale_plan){8, 8, 3, 1, 64, 1, 0, 0, FULL},
           "64 sequences of a global batch do not divide by data parallelism x microbatch 3: the "
           "nearest that does is 2");
    refuse((sz_scale_plan){8, 8, 128, 1, 128, 1, 0, 0, FULL},
           "the plan has 8192 devices, the network 4096: lower a degree of parallelism");
    refuse((sz_scale_plan){8, 1, 1, 1, 1, 2, 0, 0, FULL},
           "interleaving needs a pipeline: give --pp 2 or more");
    refuse((sz_scale_plan){8, 1, 1, 1, 1, 1, 4, 0, FULL}, "ZeRO has no stage 4: give 0 to 3");
    refuse((sz_scale_plan){INT64_MAX, 1, 1, 1, 1, 1, 0, 0, FULL},
           "tensor parallelism is 9223372036854775807: give 1 to 1048576");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms),
        cmocka_unit_test(levels),
        cmocka_unit_test(activation_bytes),
        cmocka_unit_test(states),
        cmocka_unit_test(operations),
        cmocka_unit_test(bubble),
        cmocka_unit_test(published_times),
        cmocka_unit_test(search),
        cmocka_unit_test(search_all),
        cmocka_unit_test(search_small),
        cmocka_unit_test(speed),
        cmocka_unit_test(bad_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
