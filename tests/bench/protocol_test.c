// SPDX-License-Identifier: Apache-2.0
// The protocol on jobs that take made-up times on a clock that is made up too.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "run/bench/protocol.h"

typedef struct world {
    double now;
    size_t order[100000]; // cases, in the order in which they were told
    size_t n_order;
    sz_ctx *ctx;
    const void *last; // job that ran
    double others;    // `cold` of a job after others have run
} world;

typedef struct job {
    world *w;
    double base, cold, noise, drift; // seconds of a call; cold: more at first, halved by each call
    int64_t calls, samples, evicted;
    uint64_t random;
} job;

static double clock_of(void *user) {
    world *w = user;
    w->now += 3e-8; // a clock takes time too
    return w->now;
}

static double uniform(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0;
}

static sz_status run(void *user, int64_t n) {
    job *j = user;
    if (j->w->others > 0 && j->w->last != j) j->cold = j->w->others;
    j->w->last = j;
    const double wobble = 1 + j->noise * (uniform(&j->random) - 0.5) * 2;
    for (int64_t i = 0; i < n; i++) {
        j->w->now += (j->base + j->cold) * wobble * (1 + j->drift * (double)j->samples);
        j->cold /= 2;
    }
    j->calls += n, j->samples++;
    return SZ_OK;
}
static void evict(void *user) { ((job *)user)->evicted++; }
static void told(void *user, size_t i) {
    world *w = user;
    if (w->n_order < 100000) w->order[w->n_order++] = i;
}

static sz_protocol protocol(world *w) {
    return (sz_protocol){.clock = clock_of,
                         .clock_user = w,
                         .preheat_s = 1,
                         .budget_s = 2,
                         .seed = 1,
                         .tell = told,
                         .tell_user = w};
}

static world *new_world(void) {
    world *w = calloc(1, sizeof *w);
    w->ctx = sz_ctx_create(NULL);
    return w;
}
static void end_world(world *w) {
    sz_ctx_destroy(w->ctx);
    free(w);
}

static void stops_when_known(void **state) {
    (void)state;
    world *w = new_world();
    job j = {.w = w, .base = 1e-3, .noise = 0.02, .random = 7};
    const sz_timed timed = {run, NULL, &j};
    const sz_protocol p = protocol(w);
    sz_timing t = {.calls = 0};
    sz_verdict v;
    assert_int_equal(sz_protocol_run(w->ctx, &p, &timed, 1, &t), SZ_OK);
    assert_string_equal(t.stopped, "interval");
    assert_true(t.samples.n >= SZ_MIN_SAMPLES && t.spent_s < 1);
    assert_int_equal(t.calls, 1); // a call is longer than a sample has to be
    assert_true(t.is_steady);
    assert_int_equal(sz_timing_judge(w->ctx, &t, 2, 0, &v), SZ_OK);
    assert_int_equal(v, SZ_VALID);
    assert_string_equal(sz_timing_next_step(&t, v), "");
    sz_timing_finish(w->ctx, &t);
    end_world(w);
}

static void stops_at_the_time_and_says_noisy(void **state) {
    (void)state;
    world *w = new_world();
    job j = {.w = w, .base = 0.02, .noise = 0.6, .random = 7};
    const sz_timed timed = {run, NULL, &j};
    const sz_protocol p = protocol(w);
    sz_timing t = {.calls = 0};
    sz_verdict v;
    assert_int_equal(sz_protocol_run(w->ctx, &p, &timed, 1, &t), SZ_OK);
    assert_string_equal(t.stopped, "time");
    assert_true(t.spent_s >= 2 && t.spent_s < 2.1);
    assert_int_equal(sz_timing_judge(w->ctx, &t, 2, 0, &v), SZ_OK);
    assert_int_equal(v, SZ_NOISY);
    assert_non_null(strstr(sz_timing_next_step(&t, v), "--time-budget"));
    sz_timing_finish(w->ctx, &t);
    end_world(w);
}

// A call of 100 ns on a clock that takes 30: one sample of many calls is off by less than 0.1 %.
static void calibrates_short_calls(void **state) {
    (void)state;
    world *w = new_world();
    job j = {.w = w, .base = 1e-7, .random = 7};
    const sz_timed timed = {run, NULL, &j};
    const sz_protocol p = protocol(w);
    sz_timing t = {.calls = 0};
    assert_int_equal(sz_protocol_run(w->ctx, &p, &timed, 1, &t), SZ_OK);
    assert_true((double)t.calls * 1e-7 >= SZ_SAMPLE_S && t.calls < 4000);
    assert_true(fabs(t.samples.items[0] / 1e-7 - 1) < 1e-3);
    sz_timing_finish(w->ctx, &t);
    end_world(w);
}

// What is slow at first is not in the samples, and the preheating says how long it took.
static void preheats_until_steady(void **state) {
    (void)state;
    world *w = new_world();
    job j = {.w = w, .base = 1e-3, .cold = 0.1, .random = 7};
    const sz_timed timed = {run, NULL, &j};
    sz_protocol p = protocol(w);
    sz_timing t = {.calls = 0};
    assert_int_equal(sz_protocol_run(w->ctx, &p, &timed, 1, &t), SZ_OK);
    assert_true(t.is_steady && t.warmup_s > 0.2 && t.warmup_s < 0.3);
    for (size_t i = 0; i < t.samples.n; i++) assert_true(t.samples.items[i] < 1.02e-3);
    sz_timing_finish(w->ctx, &t);

    t = (sz_timing){.calls = 0}; // no time: one call, and it says that it is not steady
    j.cold = 0.1, j.calls = 0, p.preheat_s = 0;
    assert_int_equal(sz_protocol_run(w->ctx, &p, &timed, 1, &t), SZ_OK);
    assert_false(t.is_steady);
    assert_true(t.samples.items[0] > 0.04);
    sz_timing_finish(w->ctx, &t);
    end_world(w);
}

static void interleaves_cases(void **state) {
    (void)state;
    world *w = new_world();
    job jobs[3];
    sz_timed timed[3];
    sz_timing t[3] = {{.calls = 0}};
    for (size_t i = 0; i < 3; i++) {
        jobs[i] = (job){.w = w, .base = 0.01, .noise = 0.5, .random = i};
        timed[i] = (sz_timed){run, NULL, &jobs[i]};
    }
    const sz_protocol p = protocol(w);
    assert_int_equal(sz_protocol_run(w->ctx, &p, timed, 3, t), SZ_OK);
    // After the preheating of each, every round has all three, and not always in one order.
    size_t orders = 0;
    for (size_t at = 3; at + 3 <= w->n_order && at < 3 + 3 * 30; at += 3) {
        const size_t *o = w->order + at;
        assert_int_equal((1u << o[0]) | (1u << o[1]) | (1u << o[2]), 7);
        orders |= (size_t)1 << (o[0] * 3 + o[1]);
    }
    assert_true(__builtin_popcountll(orders) >= 4);
    for (size_t i = 0; i < 3; i++) sz_timing_finish(w->ctx, &t[i]);
    end_world(w);
}

// Others have emptied its caches: calls of 5, 3 and 2 ms are 10 ms, and those that follow count,
// 1.5 ms and less. Where caches are to be cold the first one does.
static void warms_up_after_others(void **state) {
    (void)state;
    for (int one_call = 0; one_call < 2; one_call++) {
        world *w = new_world();
        job jobs[2];
        sz_timed timed[2];
        sz_timing t[2] = {{.calls = 0}};
        w->others = 4e-3;
        for (size_t i = 0; i < 2; i++) {
            jobs[i] = (job){.w = w, .base = 1e-3, .random = i};
            timed[i] = (sz_timed){run, NULL, &jobs[i]};
        }
        sz_protocol p = protocol(w);
        p.one_call = one_call;
        assert_int_equal(sz_protocol_run(w->ctx, &p, timed, 2, t), SZ_OK);
        for (size_t i = 0; i < 2; i++) {
            double most = 0;
            for (size_t k = 0; k < t[i].samples.n; k++) most = fmax(most, t[i].samples.items[k]);
            assert_true(one_call ? most > 4.9e-3 : most < 1.6e-3);
            sz_timing_finish(w->ctx, &t[i]);
        }
        end_world(w);
    }
}

static void judges_drift(void **state) {
    (void)state;
    world *w = new_world();
    job j = {.w = w, .base = 0.01, .noise = 0.3, .drift = 0.0015, .random = 7};
    const sz_timed timed = {run, NULL, &j};
    sz_protocol p = protocol(w);
    sz_timing t = {.calls = 0};
    sz_verdict v;
    p.budget_s = 4;
    assert_int_equal(sz_protocol_run(w->ctx, &p, &timed, 1, &t), SZ_OK);
    assert_int_equal(sz_timing_judge(w->ctx, &t, 2, 0, &v), SZ_OK);
    assert_int_equal(v, SZ_UNSTEADY);
    assert_int_equal(sz_timing_judge(w->ctx, &t, 2, -0.2, &v), SZ_OK);
    assert_int_equal(v, SZ_THROTTLED); // the clock fell: that is the cause
    t.wall_s = 1, t.cpu_s = 0.5;
    assert_int_equal(sz_timing_judge(w->ctx, &t, 1, -0.2, &v), SZ_OK);
    assert_int_equal(v, SZ_CONTENDED); // half of the CPU only
    sz_timing_finish(w->ctx, &t);
    end_world(w);
}

static void empties_caches_before_each_call(void **state) {
    (void)state;
    world *w = new_world();
    job j = {.w = w, .base = 1e-6, .random = 7};
    const sz_timed timed = {run, evict, &j};
    sz_protocol p = protocol(w);
    sz_timing t = {.calls = 0};
    p.one_call = true;
    assert_int_equal(sz_protocol_run(w->ctx, &p, &timed, 1, &t), SZ_OK);
    assert_int_equal(t.calls, 1);
    assert_int_equal(j.evicted, j.calls);
    assert_true(j.calls > SZ_MIN_SAMPLES);
    sz_timing_finish(w->ctx, &t);
    end_world(w);
}

static void evict_slowly(void *user) {
    job *j = user;
    j->evicted++;
    j->w->now += 0.1;
}

// 300 MiB of caches take 0.1 s to empty, for a call of 1 us: by the time of the calls alone a
// budget of 50 ms would be 50,000 samples.
static void emptying_counts_as_time(void **state) {
    (void)state;
    world *w = new_world();
    job j = {.w = w, .base = 1e-6, .noise = 0.5, .random = 7};
    const sz_timed timed = {run, evict_slowly, &j};
    sz_protocol p = protocol(w);
    sz_timing t = {.calls = 0};
    p.one_call = true, p.budget_s = 0.05;
    assert_int_equal(sz_protocol_run(w->ctx, &p, &timed, 1, &t), SZ_OK);
    assert_string_equal(t.stopped, "time");
    assert_int_equal(t.samples.n, SZ_MIN_SAMPLES);
    assert_true(w->n_order >= SZ_MIN_SAMPLES); // a sign of life at each
    sz_timing_finish(w->ctx, &t);
    end_world(w);
}

static void slope_by_hand(void **state) {
    (void)state;
    const double even[] = {5, 5, 5}, rises[] = {1, 2, 3};
    assert_true(sz_slope(even, 3) == 0);
    assert_true(fabs(sz_slope(rises, 3) - 1) < 1e-12); // from 1 to 3 around 2
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_when_known),
        cmocka_unit_test(stops_at_the_time_and_says_noisy),
        cmocka_unit_test(calibrates_short_calls),
        cmocka_unit_test(preheats_until_steady),
        cmocka_unit_test(interleaves_cases),
        cmocka_unit_test(warms_up_after_others),
        cmocka_unit_test(judges_drift),
        cmocka_unit_test(empties_caches_before_each_call),
        cmocka_unit_test(emptying_counts_as_time),
        cmocka_unit_test(slope_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
