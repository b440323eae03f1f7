// SPDX-License-Identifier: Apache-2.0
// The simulated queue: closed forms of queueing theory, what must be conserved, and what policies
// promise of each other. Step models are made up so that numbers follow from them.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "predict/serving/random.h"
#include "predict/serving/traffic.h"

#include <sizeup/serve.h>

static double second(const void *self, const sz_serving_step *step) {
    (void)step;
    return *(const double *)self;
}

// 10 ms a step, 0.1 ms a prompt token, 0.2 ms a sequence, and a little for what it attends to.
static double lively(const void *self, const sz_serving_step *step) {
    (void)self;
    return 0.01 + 1e-4 * (double)step->prompt_tokens + 1e-8 * step->prompt_pairs +
           2e-4 * (double)step->decodes + 1e-7 * (double)step->cached_tokens;
}
static const sz_step_model lively_model = {NULL, lively};

static sz_traffic *traffic(sz_ctx *ctx, const char *arrivals, const char *prompt,
                           const char *output, int64_t n, uint64_t seed) {
    sz_traffic *t = NULL;
    const sz_traffic_options o = {arrivals, prompt, output, n, seed};
    if (sz_traffic_create(ctx, &o, &t) != SZ_OK) fail_msg("%s", sz_ctx_error(ctx));
    return t;
}

static sz_serve *serve(sz_ctx *ctx, const sz_traffic *t, const sz_step_model *m, const char *policy,
                       sz_serve_options o) {
    sz_serve *s = NULL;
    if (sz_serve_policy(ctx, policy, &o) != SZ_OK || sz_serve_create(ctx, t, m, &o, &s) != SZ_OK)
        fail_msg("%s: %s", policy, sz_ctx_error(ctx));
    return s;
}

// ---- random numbers ----------------------------------------------------------------------------

static void logarithms(void **unused) {
    (void)unused;
    sz_random r = {7};
    for (int i = 0; i < 100000; i++) {
        const double x = 40 * sz_random_uniform(&r) - 20, e = exp(x);
        assert_true(fabs(sz_exact_exp(x) / e - 1) < 4e-15);
        assert_true(fabs(sz_exact_log(e) - log(e)) <= 4e-15 * (1 + fabs(x)));
    }
    // splitmix64 from 0: the first number of the published reference
    sz_random zero = {0};
    assert_true(sz_random_bits(&zero) == 0xe220a8397b1dcdafu);
}

// Mean and variance of gaps, within 5 standard errors.
static void moments(void **unused) {
    (void)unused;
    enum { N = 200000 };
    static const double shapes[] = {0.25, 0.5, 1, 4, 100};
    for (size_t k = 0; k < 5; k++) {
        sz_random r = {11 + k};
        double sum = 0, squares = 0;
        for (int i = 0; i < N; i++) {
            const double v = sz_random_gamma(&r, shapes[k]) / shapes[k];
            sum += v, squares += (v - 1) * (v - 1);
        }
        const double variance = 1 / shapes[k], kurtosis = 3 + 6 / shapes[k];
        assert_true(fabs(sum / N - 1) < 5 * sqrt(variance / N));
        assert_true(fabs(squares / N / variance - 1) < 5 * sqrt((kurtosis - 1) / N));
    }
}

// ---- closed forms ------------------------------------------------------------------------------

// Mean over seeds, and its standard error.
typedef struct estimate {
    double mean, error;
} estimate;

static estimate estimate_ttft(const char *policy, sz_serve_options o, double step_s, double rate) {
    enum { SEEDS = 10 };
    double sum = 0, squares = 0;
    char arrivals[40];
    snprintf(arrivals, sizeof arrivals, "poisson:%.17g", rate);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        sz_ctx *ctx = sz_ctx_create(NULL);
        sz_traffic *t = traffic(ctx, arrivals, "16", "1", 40000, 100 + seed);
        const sz_step_model m = {&step_s, second};
        sz_serve *s = serve(ctx, t, &m, policy, o);
        const double v = sz_serve_summary(s).ttft_s.mean;
        sum += v, squares += v * v;
        sz_serve_destroy(s);
        sz_traffic_destroy(t);
        sz_ctx_destroy(ctx);
    }
    const double mean = sum / SEEDS;
    return (estimate){mean, sqrt((squares / SEEDS - mean * mean) / (SEEDS - 1))};
}

// One prompt at a time that takes D: TTFT = D + R D^2 / (2 (1 - R D)) (Pollaczek and Khinchine).
// Tensor parallel is the same with D / K. Within 4.3 standard errors of 10 seeds (t, 99.8 %).
static void one_server(void **unused) {
    (void)unused;
    for (int k = 1; k <= 9; k++) {
        const double d = 0.5, rate = 0.1 * k / d;
        const estimate e = estimate_ttft("static:1", (sz_serve_options){0}, d, rate);
        const double want = d + rate * d * d / (2 * (1 - rate * d));
        print_message("R D = %.1f: TTFT %.5f +- %.5f s, closed form %.5f s\n", rate * d, e.mean,
                      e.error, want);
        assert_true(e.error > 0 && fabs(e.mean - want) < 4.3 * e.error);
        const double speed = 1.7, fast = rate * speed;
        const estimate p = estimate_ttft("continuous", (sz_serve_options){.max_batch = 1},
                                         d / speed, fast);
        const double parallel = d / speed + fast * d * d / (2 * speed * (speed - fast * d));
        assert_true(fabs(p.mean - parallel) < 4.3 * p.error);
    }
}

// All requests at once: steps of a full batch, so tokens per second are batch / step.
static void saturation(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const double step_s = 0.02;
    const sz_step_model m = {&step_s, second};
    sz_traffic *t = traffic(ctx, "constant:1", "64", "100", 6400, 1);
    for (size_t i = 0; i < t->all.n; i++) t->all.items[i].arrival_s = 0;
    sz_serve *s = serve(ctx, t, &m, "continuous", (sz_serve_options){.max_batch = 64});
    const sz_serve_result r = sz_serve_summary(s);
    // 100 waves of 64: one step of prompts, which makes the first token, and 99 of decoding
    assert_true(fabs(r.tokens_per_s - 64 / step_s) < 1e-3);
    assert_int_equal(r.steps, 100 * 100);
    assert_true(r.busy > 0.999999);
    sz_serve_destroy(s);
    sz_traffic_destroy(t);
    sz_ctx_destroy(ctx);
}

// One request alone, by hand: prompt 20, three tokens, pages of 16.
static void by_hand(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_traffic *t = traffic(ctx, "constant:1", "20", "3", 1, 1);
    const sz_serve_options o = {.cache_tokens = 160, .slo_ttft_s = 0.0123, .watts = 100};
    sz_serve *s = serve(ctx, t, &lively_model, "continuous", o);
    const sz_serve_result r = sz_serve_summary(s);
    const double first = 0.01 + 20e-4 + 210e-8, a = 0.01 + 2e-4 + 21e-7, b = 0.01 + 2e-4 + 22e-7;
    assert_true(fabs(r.ttft_s.p99 - first) < 1e-12);
    assert_true(fabs(r.tpot_s.p50 - (a + b) / 2) < 1e-12);
    assert_true(fabs(r.e2e_s.mean - first - a - b) < 1e-12);
    assert_true(fabs(r.cache_peak - 0.2) < 1e-12 && fabs(r.cache_mean - 0.2) < 1e-12);
    assert_true(r.slo_share == 1 && r.cache_peak_tokens == 32);
    assert_true(fabs(r.joule_per_token - 100 * (first + a + b) / 3) < 1e-9);
    sz_serve_destroy(s);
    sz_traffic_destroy(t);
    sz_ctx_destroy(ctx);
}

// ---- what must hold for every policy -----------------------------------------------------------

static const char *const policies[] = {"static:8",      "continuous",        "chunked:256",
                                       "disaggregated", "disaggregated:2,3", "chunked:16"};

static void check_conserved(const sz_traffic *t, const sz_serve *s, const char *policy) {
    const sz_serve_result r = sz_serve_summary(s);
    int64_t prompts = 0, outputs = 0;
    double e2e = 0;
    for (size_t i = 0; i < sz_traffic_count(t); i++) {
        const sz_traffic_request q = sz_traffic_at(t, i);
        const sz_serve_times x = sz_serve_request(s, i);
        prompts += q.prompt, outputs += q.output, e2e += x.e2e_s;
        assert_true(x.ttft_s > 0 && x.e2e_s >= x.ttft_s);
        if (q.output > 1) assert_true(x.itl_max_s >= x.tpot_s * (1 - 1e-12));
    }
    if (r.prompt_tokens != prompts || r.output_tokens != outputs) fail_msg("%s: tokens", policy);
    assert_int_equal(r.refused, 0);
    assert_true(r.computed_tokens >= prompts);
    assert_int_equal(r.itl_s.n, outputs - (int64_t)sz_traffic_count(t));
    assert_true(r.cache_peak <= 1 && r.cache_mean >= 0 && r.cache_mean <= r.cache_peak);
    assert_true(r.busy > 0 && r.busy <= 1 + 1e-12);
    // Little: what is in the system on average = arrivals per second x time in it
    const double little = (double)sz_traffic_count(t) / r.makespan_s * r.e2e_s.mean;
    if (fabs(r.in_system_mean / little - 1) > 1e-9)
        fail_msg("%s: L = %.12g, lambda W = %.12g", policy, r.in_system_mean, little);
    assert_true(fabs(e2e / r.e2e_s.mean / (double)sz_traffic_count(t) - 1) < 1e-9);
    double at = 0, waiting = 0;
    for (size_t i = 0; i < sz_serve_moment_count(s); i++) {
        const sz_serve_moment m = sz_serve_moment_at(s, i);
        assert_true(i == 0 || fabs(m.from_s - at) < 1e-12);
        assert_true(m.cache_tokens >= 0 && m.waiting >= 0 && m.running >= 0);
        waiting += m.waiting * (m.to_s - m.from_s);
        at = m.to_s;
    }
    assert_true(fabs(waiting / r.makespan_s - r.queue_mean) < 1e-9 * (1 + r.queue_mean));
}

static void conserved(void **unused) {
    (void)unused;
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++)
        for (int swap = 0; swap < 2; swap++)
            for (int scarce = 0; scarce < 2; scarce++) {
                sz_ctx *ctx = sz_ctx_create(NULL);
                sz_traffic *t = traffic(ctx, "gamma:4,2", "uniform:1-400", "uniform:1-200", 2000,
                                        31 + p);
                const sz_serve_options o = {.cache_tokens = scarce ? 1600 : 1000000,
                                            .swap_byte_per_s = swap ? 1e9 : 0,
                                            .cache_byte_per_token = 1e5,
                                            .link_s = 1e-3,
                                            .link_byte_per_s = 1e9};
                sz_serve *s = serve(ctx, t, &lively_model, policies[p], o);
                const sz_serve_result r = sz_serve_summary(s);
                check_conserved(t, s, policies[p]);
                // room for all: nobody is sent away. Too little: somebody is, unless all was kept
                if (!scarce || p == 0) assert_int_equal(r.preemptions, 0);
                if (scarce && p != 0) assert_true(r.preemptions > 0);
                assert_int_equal(r.swaps, swap ? r.preemptions : 0);
                if (scarce && p != 0 && !swap)
                    assert_true(r.computed_tokens > r.prompt_tokens);
                else
                    assert_int_equal(r.computed_tokens, r.prompt_tokens);
                sz_serve_destroy(s);
                sz_traffic_destroy(t);
                sz_ctx_destroy(ctx);
            }
}

static sz_serve_result run(const char *policy, const char *arrivals, sz_serve_options o) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_traffic *t = traffic(ctx, arrivals, "lognormal:600,1", "lognormal:100,0.7", 3000, 5);
    sz_serve *s = serve(ctx, t, &lively_model, policy, o);
    const sz_serve_result r = sz_serve_summary(s);
    sz_serve_destroy(s);
    sz_traffic_destroy(t);
    sz_ctx_destroy(ctx);
    return r;
}

// A step of a budget T is bounded, one of whole prompts is not; a batch that waits is worst.
static void order(void **unused) {
    (void)unused;
    const sz_serve_options o = {.max_batch = 64};
    const sz_serve_result chunked = run("chunked:256", "poisson:3", o);
    const sz_serve_result whole = run("continuous", "poisson:3", o);
    const sz_serve_result fixed = run("static:64", "poisson:3", o);
    const sz_serve_result apart = run("disaggregated", "poisson:3", o);
    assert_true(chunked.itl_s.max < whole.itl_s.max);
    assert_true(chunked.itl_s.p99 < whole.itl_s.p99);
    assert_true(whole.ttft_s.mean < fixed.ttft_s.mean);
    assert_true(whole.e2e_s.mean < fixed.e2e_s.mean);
    assert_true(apart.itl_s.p99 < whole.itl_s.p99); // no prompt comes between its tokens
    const sz_serve_result hits = run("continuous", "poisson:3",
                                     (sz_serve_options){.max_batch = 64, .prefix_hit = 0.5});
    assert_true(hits.ttft_s.mean < whole.ttft_s.mean);
    assert_true(fabs((double)hits.computed_tokens / (double)whole.computed_tokens - 0.5) < 0.01);
}

static void same_seed(void **unused) {
    (void)unused;
    const sz_serve_options o = {.cache_tokens = 40000};
    const sz_serve_result a = run("chunked:512", "gamma:3,2", o),
                          b = run("chunked:512", "gamma:3,2", o);
    assert_memory_equal(&a, &b, sizeof a);
}

// ---- the highest rate --------------------------------------------------------------------------

// One server with steps of D: the rate at which 99 % wait less is below 1 / D, and it is the edge.
static void best_rate(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const double step_s = 0.1;
    const sz_step_model m = {&step_s, second};
    sz_traffic *t = traffic(ctx, "poisson:1", "16", "1", 20000, 3);
    sz_serve_options o = {.slo_ttft_s = 0.5};
    double rate = -1;
    assert_int_equal(sz_serve_policy(ctx, "static:1", &o), SZ_OK);
    assert_int_equal(sz_serve_best_rate(ctx, t, &m, &o, 0, &rate), SZ_OK);
    assert_true(rate > 5 && rate < 10);
    for (int above = 0; above < 2; above++) {
        o.rate_factor = above ? rate * 1.006 : rate;
        sz_serve *s;
        assert_int_equal(sz_serve_create(ctx, t, &m, &o, &s), SZ_OK);
        assert_int_equal(sz_serve_summary(s).slo_share >= 0.99, !above);
        sz_serve_destroy(s);
    }
    o.slo_ttft_s = 0.05; // less than a step
    assert_int_equal(sz_serve_best_rate(ctx, t, &m, &o, 0, &rate), SZ_OK);
    assert_true(rate == 0);
    o.slo_ttft_s = 1e6;
    assert_int_equal(sz_serve_best_rate(ctx, t, &m, &o, 0, &rate), SZ_OK);
    assert_true(isinf(rate));
    sz_traffic_destroy(t);
    sz_ctx_destroy(ctx);
}

// ---- bad input ---------------------------------------------------------------------------------

static void never_fits(void **unused) {
    (void)unused;
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_traffic *t = traffic(ctx, "constant:1", "uniform:1-1000", "10", 1000, 1);
    sz_serve *s = serve(ctx, t, &lively_model, "continuous",
                        (sz_serve_options){.cache_tokens = 512});
    const sz_serve_result r = sz_serve_summary(s);
    int64_t too_long = 0;
    for (size_t i = 0; i < 1000; i++) too_long += sz_traffic_at(t, i).prompt + 9 > 512;
    assert_true(too_long > 300);
    assert_int_equal(r.refused, too_long);
    assert_int_equal(r.ttft_s.n, 1000 - too_long);
    assert_int_equal(sz_ctx_warning_count(ctx), 1);
    assert_non_null(strstr(sz_ctx_warning(ctx, 0), "they can never fit"));
    sz_serve_destroy(s);
    sz_serve_options o = {.cache_tokens = 8};
    assert_int_equal(sz_serve_policy(ctx, "continuous", &o), SZ_OK);
    assert_int_equal(sz_serve_create(ctx, t, &lively_model, &o, &s), SZ_ERR_INPUT);
    assert_non_null(strstr(sz_ctx_error(ctx), "no request can ever fit"));
    sz_traffic_destroy(t);
    sz_ctx_destroy(ctx);
}

static void traces(void **unused) {
    (void)unused;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"arrival_s,prompt,output\n0,10,2\n0.5,20,3\r\n\n1,1,1", NULL},
        {"", "file 't' has no requests"},
        {"arrival_s,prompt,output\n", "file 't' has no requests"},
        {"a,b\n0,1,1\n", "file 't' line 1: it must be 'arrival_s,prompt,output'"},
        {"arrival_s,prompt,output\nx,1,1\n", "file 't' line 2: arrival_s is no number of seconds "
                                             "from 0 on, with a comma behind: 'x'"},
        {"arrival_s,prompt,output\n2,1,1\n1,1,1\n",
         "file 't' line 3: arrivals go back in time; sort the lines by arrival_s: '1'"},
        {"arrival_s,prompt,output\n0,1.5,1\n", "file 't' line 2: prompt is no whole number from 1 "
                                               "to 100000000, with a comma behind: '1.5'"},
        {"arrival_s,prompt,output\n0,1,0\n", "file 't' line 2: output is no whole number from 1 to "
                                             "100000000 at the end of the line: '0'"},
        {"arrival_s,prompt,output\n0,1,1,7\n", "file 't' line 2: output is no whole number from 1 "
                                               "to 100000000 at the end of the line: '1'"},
        {"arrival_s,prompt,output\nnan,1,1\n", "file 't' line 2: arrival_s is no number of seconds "
                                               "from 0 on, with a comma behind: 'nan'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sz_ctx *ctx = sz_ctx_create(NULL);
        sz_requests all = {0};
        char text[200];
        const size_t size = strlen(rows[i].text);
        memcpy(text, rows[i].text, size);
        const sz_status status = sz_trace_parse(ctx, "t", text, size, 0, &all);
        assert_int_equal(status == SZ_OK, rows[i].error == NULL);
        if (rows[i].error) assert_string_equal(sz_ctx_error(ctx), rows[i].error);
        if (!rows[i].error) assert_int_equal(all.n, 3);
        sz_vec_finish(ctx, &all);
        sz_ctx_destroy(ctx);
    }
}

static void bad_texts(void **unused) {
    (void)unused;
    static const char *const arrivals[] = {
        "",        "poisson",   "poisson:0",   "poisson:-1",   "poisson:1x",
        "gamma:1", "gamma:1,0", "poisson:nan", "poisson:1e99", "trace:/nowhere/at/all"};
    static const char *const lengths[] = {
        "",     "0",          "1.5", "uniform:5-1", "lognormal:10", "-3", "lognormal:10,9",
        "1e30", "uniform:0-4"};
    static const char *const words[] = {
        "",          "static",       "static:0",        "chunked:",
        "chunked:x", "continuous:4", "disaggregated:1", "disaggregated:1,0"};
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_traffic *t;
    sz_serve_options o = {0};
    for (size_t i = 0; i < sizeof arrivals / sizeof *arrivals; i++) {
        const sz_traffic_options bad = {arrivals[i], "16", "16", 10, 1};
        assert_int_not_equal(sz_traffic_create(ctx, &bad, &t), SZ_OK);
    }
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        const sz_traffic_options bad = {"poisson:1", lengths[i], "16", 10, 1};
        assert_int_equal(sz_traffic_create(ctx, &bad, &t), SZ_ERR_USAGE);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_int_equal(sz_serve_policy(ctx, words[i], &o), SZ_ERR_USAGE);
    sz_ctx_destroy(ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logarithms), cmocka_unit_test(moments),    cmocka_unit_test(by_hand),
        cmocka_unit_test(saturation), cmocka_unit_test(one_server), cmocka_unit_test(conserved),
        cmocka_unit_test(order),      cmocka_unit_test(same_seed),  cmocka_unit_test(best_rate),
        cmocka_unit_test(never_fits), cmocka_unit_test(traces),     cmocka_unit_test(bad_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
