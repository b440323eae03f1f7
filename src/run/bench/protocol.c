// SPDX-License-Identifier: Apache-2.0
#include "run/bench/protocol.h"

#include <math.h>

#include "base/knuth.h"
#include "machine/measure/stats.h"
#include "machine/measure/summary.h"
#include "os/clock.h"
#include "os/pin.h"

enum { LAST = 5, MAX_CALLS = 1 << 24 };

static double now(const sz_protocol *p) { return p->clock(p->clock_user); }
static bool stopped(const sz_protocol *p) { return p->stop && *p->stop; }
static void tell(const sz_protocol *p, size_t i) {
    if (p->tell) p->tell(p->tell_user, i);
}

static uint64_t next_random(uint64_t *state) { return sz_knuth(state) >> 33; }

double sz_slope(const double *values, size_t n) {
    double mean = 0, up = 0, down = 0;
    for (size_t i = 0; i < n; i++) mean += values[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)i - (double)(n - 1) / 2;
        up += x * values[i];
        down += x * x;
    }
    return down > 0 && mean > 0 ? up / down * (double)(n - 1) / mean : 0;
}

// ---- preheating --------------------------------------------------------------------------------

// Runs until the time of a call does not change any more. Each run is as long as a sample; what a
// call takes sets the number of calls to the next one.
static sz_status preheat(const sz_protocol *p, const sz_timed *c, sz_timing *t) {
    double last[LAST];
    size_t n = 0;
    const double first = now(p);
    t->calls = 1;
    for (;;) {
        if (c->before) c->before(c->user);
        const double start = now(p);
        SZ_TRY(c->run(c->user, t->calls));
        const double end = now(p), each = (end - start) / (double)t->calls;
        const bool is_short = end - start < SZ_SAMPLE_S && t->calls < MAX_CALLS && !p->one_call;
        t->warmup_s = end - first;
        if (is_short) {
            const double need = each > 0 ? SZ_SAMPLE_S / each * 1.1 : (double)t->calls * 10;
            const double most = fmin((double)t->calls * 10, MAX_CALLS);
            t->calls = (int64_t)fmax(fmin(ceil(need), most), (double)t->calls + 1);
            continue;
        }
        if (n == LAST) memmove(last, last + 1, (LAST - 1) * sizeof *last);
        last[n < LAST ? n++ : LAST - 1] = each;
        t->is_steady = n == LAST && fabs(sz_slope(last, LAST)) < SZ_STEADY;
        if (t->is_steady || t->warmup_s >= p->preheat_s || stopped(p)) return SZ_OK;
    }
}

// ---- rounds ------------------------------------------------------------------------------------

static sz_status sample(sz_ctx *ctx, const sz_protocol *p, const sz_timed *c, sz_timing *t) {
    const double began = now(p);
    if (c->before) c->before(c->user);
    const int64_t switches = sz_pin_involuntary();
    const double cpu = sz_clock_thread_s(), start = now(p);
    SZ_TRY(c->run(c->user, t->calls));
    const double took = now(p) - start;
    t->cpu_s += sz_clock_thread_s() - cpu;
    t->wall_s += took;
    t->involuntary += sz_pin_involuntary() - switches;
    t->spent_s += now(p) - began;
    if (!sz_vec_push(ctx, &t->samples, took / (double)t->calls)) return sz_no_memory(ctx);
    return SZ_OK;
}

// Where preparing a sample takes longer than the sample, the time is up early, but not before there
// are samples enough to judge.
static bool time_is_up(const sz_protocol *p, const sz_timing *t) {
    const bool enough = t->samples.n >= SZ_MIN_SAMPLES;
    return t->wall_s >= p->budget_s || (enough && t->spent_s >= p->budget_s);
}

// Is the median known well enough? By order statistics, of what was seen so far.
static sz_status is_known(sz_ctx *ctx, const sz_timing *t, bool *ret_known) {
    sz_summary s;
    *ret_known = false;
    if (t->samples.n < SZ_MIN_SAMPLES) return SZ_OK;
    SZ_TRY(sz_summarize(ctx, t->samples.items, t->samples.n, &s));
    *ret_known = (s.ci_hi - s.ci_lo) / 2 < SZ_PRECISION * s.median;
    return SZ_OK;
}

// After others have run. What is to meet cold caches stays as it is.
static sz_status rewarm(const sz_protocol *p, const sz_timed *c, sz_timing *t) {
    const double start = now(p);
    if (p->one_call) return SZ_OK;
    do {
        if (c->before) c->before(c->user);
        SZ_TRY(c->run(c->user, t->calls));
    } while (now(p) - start < SZ_REWARM_S && !stopped(p));
    t->warmup_s += now(p) - start;
    return SZ_OK;
}

// `early`: even if the median were known, more rounds follow.
static sz_status slice(sz_ctx *ctx, const sz_protocol *p, size_t i, const sz_timed *c, bool early,
                       sz_timing *t) {
    const double until = t->spent_s + fmin(SZ_SLICE_S, p->budget_s / 2);
    const size_t before = t->samples.n;
    bool known;
    if (p->around) SZ_TRY(p->around(p->around_user, i, 0));
    do {
        SZ_TRY(sample(ctx, p, c, t));
        if (stopped(p))
            t->stopped = "interrupted";
        else if (time_is_up(p, t))
            t->stopped = "time";
        else if (t->samples.n >= SZ_MAX_SAMPLES && !early)
            t->stopped = "samples";
    } while (!t->stopped && t->spent_s < until);
    const int64_t runs = (int64_t)(t->samples.n - before) * t->calls;
    if (p->around) SZ_TRY(p->around(p->around_user, i, runs));
    SZ_TRY(is_known(ctx, t, &known));
    if (known && !early) t->stopped = "interval";
    return SZ_OK;
}

static void shuffle(size_t *order, size_t n, uint64_t *random) {
    for (size_t i = 0; i < n; i++) order[i] = i;
    for (size_t i = n; i > 1; i--) {
        const size_t k = next_random(random) % i, swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
}

static sz_status rounds(sz_ctx *ctx, const sz_protocol *p, const sz_timed *cases, size_t n,
                        sz_timing *ret, size_t *order) {
    uint64_t random = p->seed;
    bool more = true;
    for (int round = 1; more; round++) {
        const bool early = n > 1 && round < SZ_MIN_ROUNDS;
        more = false;
        shuffle(order, n, &random);
        for (size_t k = 0; k < n; k++) {
            const size_t i = order[k];
            if (ret[i].stopped) continue;
            tell(p, i);
            if (n > 1) SZ_TRY(rewarm(p, &cases[i], &ret[i]));
            SZ_TRY(slice(ctx, p, i, &cases[i], early, &ret[i]));
            more |= !ret[i].stopped;
            if (ret[i].stopped && p->finished) SZ_TRY(p->finished(p->finished_user, i));
        }
    }
    return SZ_OK;
}

sz_status sz_protocol_run(sz_ctx *ctx, const sz_protocol *p, const sz_timed *cases, size_t n,
                          sz_timing *ret) {
    for (size_t i = 0; i < n; i++) {
        tell(p, i);
        SZ_TRY(preheat(p, &cases[i], &ret[i]));
    }
    size_t *order = sz_alloc(ctx, (n + 1) * sizeof *order);
    if (!order) return sz_no_memory(ctx);
    const sz_status status = rounds(ctx, p, cases, n, ret, order);
    sz_free(ctx, order, (n + 1) * sizeof *order);
    return status;
}

void sz_timing_finish(sz_ctx *ctx, sz_timing *t) { sz_vec_finish(ctx, &t->samples); }

// ---- judging -----------------------------------------------------------------------------------

sz_status sz_timing_judge(sz_ctx *ctx, const sz_timing *t, int threads, double clock_change,
                          sz_verdict *ret_verdict) {
    sz_summary s;
    const size_t n = t->samples.n;
    SZ_TRY(sz_summarize(ctx, t->samples.items, n, &s));
    double *sorted = sz_alloc(ctx, n * sizeof *sorted);
    if (!sorted) return sz_no_memory(ctx);
    memcpy(sorted, t->samples.items, n * sizeof *sorted);
    sz_sort_values(sorted, n);
    const double spread = (sz_quantile(sorted, n, 0.95) - sz_quantile(sorted, n, 0.05)) / s.median;
    sz_free(ctx, sorted, n * sizeof *sorted);
    // A drift that may be luck is none. A switch counts against the time, not against the samples,
    // which are of any length: at 250 ticks per second one in 50 is what verdict.c allows.
    const sz_evidence e = {.batches = (int64_t)(t->wall_s * 250) + 50,
                           .involuntary = t->involuntary,
                           .pinned = true,
                           .cpu_share = threads == 1 ? t->cpu_s / t->wall_s : SZ_UNKNOWN,
                           .window_share = SZ_UNKNOWN,
                           .spread = spread,
                           .cycle_spread = SZ_UNKNOWN,
                           .modes = n >= SZ_MIN_SAMPLES ? s.modes : 0,
                           .drift = s.drift_p < 0.01 ? s.drift : 0,
                           .clock_change = clock_change,
                           .error = n < 6 ? 1 : (s.ci_hi - s.ci_lo) / (2 * s.median),
                           .noisy = 0.1};
    *ret_verdict = sz_verdict_of(&e);
    return SZ_OK;
}

const char *sz_timing_next_step(const sz_timing *t, sz_verdict verdict) {
    if (verdict == SZ_NOISY && t->stopped && strcmp(t->stopped, "time") == 0)
        return "give it more time (--time-budget), or stop what else runs";
    if (verdict == SZ_NOISY) return "stop what else runs and measure again";
    return sz_verdict_next_step(verdict);
}
