// SPDX-License-Identifier: Apache-2.0
// The stopwatch of a network: the sizes of one exchange take turns in rounds, in an order that is
// drawn anew, until the median of each is known to 1 % or the time is over. The leader of a team
// (its first member) says what comes next and keeps the times.
//
// A sample is at least 0.2 ms of exchanges. One message: half of the way there and back, as OSU's
// osu_latency. A stream: 16 at once and an answer, as osu_bw. A collective: each call begins at a
// barrier, and the time is that of the member that is done last; the barrier is not timed.
#include "machine/network/network.h"

#include <math.h>

#include "base/splitmix.h"
#include "machine/measure/stats.h"
#include "machine/measure/summary.h"
#include "machine/measure/verdict.h"
#include "os/clock.h"
#include "os/pin.h"

enum {
    MOST_SAMPLES = 400,
    LEAST_SAMPLES = 20,
    MOST_CALLS = 20000,
    WINDOW = 16,
    ROUNDS = 5,
    MOST_AT_ONCE = 50,
    WARM_CALLS = 10
};
static const double SAMPLE_S = 0.2e-3, WARM_S = 5e-3, KNOWN = 0.01;
// A message crosses a kernel or a wire, and both have queues.
static const double NOISY = 0.25, SURE = 0.01;

// What the leader tells the team: `samples` of so many calls of size `index`; 0 calls: check it.
typedef struct order {
    int32_t index, calls, samples; // index < 0: the end
} order;

typedef struct size_state {
    double *times; // MOST_SAMPLES
    size_t n;
    int32_t calls; // 0: not known yet
    bool done;
    double cpu_s, wall_s;
    int64_t involuntary;
} size_state;

// ---- exchanges ---------------------------------------------------------------------------------

static sz_status say(const sz_series *s, int code) {
    return sz_ranks_said(s->r, code, s->exchange->name);
}

static int ping(const sz_series *s, size_t n, int32_t calls, bool leads, int peer) {
    const sz_ranks_table *call = s->r->call;
    size_t got;
    int code = 0;
    for (int32_t i = 0; i < calls && code == 0; i++) {
        if (leads) code = call->send(s->in, n, peer, SZ_TAG_PING);
        if (code == 0) code = call->receive(s->in, n, peer, SZ_TAG_PING, &got);
        if (code == 0 && !leads) code = call->send(s->in, n, peer, SZ_TAG_PING);
    }
    return code;
}

static int stream(const sz_series *s, size_t n, int32_t calls, bool leads, int peer) {
    int code = 0;
    for (int32_t i = 0; i < calls && code == 0; i++)
        code = s->r->call->burst(leads, s->in, n, WINDOW, peer, SZ_TAG_PING);
    return code;
}

static sz_status pair_sample(const sz_series *s, size_t n, int32_t calls, double *ret_s) {
    const bool leads = sz_team_index(s->team, s->r->self) == 0, one = s->exchange->what == SZ_SEND;
    const int peer = s->team->members[leads ? 1 : 0];
    const double start = sz_clock_s();
    SZ_TRY(say(s, (one ? ping : stream)(s, n, calls, leads, peer)));
    *ret_s = (sz_clock_s() - start) / calls / (one ? 2 : WINDOW);
    return SZ_OK;
}

static sz_status team_sample(const sz_series *s, size_t n, int32_t calls, double *ret_s) {
    const sz_ranks_table *call = s->r->call;
    double sum = 0;
    for (int32_t i = 0; i < calls; i++) {
        SZ_TRY(say(s, call->barrier(s->group)));
        const double start = sz_clock_s();
        SZ_TRY(
            say(s, call->collective(s->group, (sz_collective)s->exchange->what, s->in, s->out, n)));
        sum += sz_clock_s() - start;
    }
    *ret_s = sum / calls;
    return say(s, call->most(s->group, ret_s));
}

static sz_status sample(const sz_series *s, size_t n, int32_t calls, double *ret_s) {
    const bool pair = s->exchange->what == SZ_SEND || s->exchange->what == SZ_STREAM;
    return (pair ? pair_sample : team_sample)(s, n, calls, ret_s);
}

// ---- is it right? ------------------------------------------------------------------------------

// Each member gives its place in the team and 1: what must come out follows by hand.
static void give(const sz_series *s, size_t n) {
    const float mine = (float)(sz_team_index(s->team, s->r->self) + 1);
    for (size_t i = 0; i + sizeof mine <= n; i += sizeof mine)
        memcpy(s->in + i, &mine, sizeof mine);
    memset(s->out, 0, n);
}

static bool has(const char *at, size_t i, float value) {
    float v;
    memcpy(&v, at + i * sizeof v, sizeof v);
    return v == value;
}

static bool is_right(const sz_series *s, size_t n) {
    const size_t floats = n / sizeof(float), members = (size_t)s->team->n, each = floats / members;
    const float sum = (float)(members * (members + 1) / 2);
    bool right = true;
    switch (s->exchange->what) {
    case SZ_ALL_REDUCE:
        return has(s->out, 0, sum) && has(s->out, floats - 1, sum);
    case SZ_REDUCE_SCATTER:
        return has(s->out, 0, sum) && has(s->out, each - 1, sum);
    case SZ_ALL_GATHER:
    case SZ_ALL_TO_ALL:
        for (size_t i = 0; i < members; i++)
            right = right && has(s->out, i * each, (float)(i + 1)) &&
                    has(s->out, (i + 1) * each - 1, (float)(i + 1));
        return right;
    default: // from the first to the others
        return has(s->in, 0, 1) && has(s->in, floats - 1, 1);
    }
}

static sz_status check(const sz_series *s, size_t n) {
    double unused, wrong;
    give(s, n);
    SZ_TRY(sample(s, n, 1, &unused));
    wrong = is_right(s, n) ? 0 : 1;
    SZ_TRY(say(s, s->r->call->most(s->group, &wrong)));
    if (wrong == 0) return SZ_OK;
    return sz_fail(s->r->ctx, SZ_ERR_UNAVAILABLE,
                   "%s: %s of %zu bytes among %s gives wrong numbers: nothing was timed",
                   s->r->library, s->exchange->name, n, s->team->what);
}

// ---- the team ----------------------------------------------------------------------------------

static sz_status obey(const sz_series *s, const order *o, double *ret_times) {
    const size_t n = (size_t)s->bytes[o->index];
    double unused;
    if (o->calls == 0) return check(s, n);
    for (int32_t i = 0; i < o->samples; i++)
        SZ_TRY(sample(s, n, o->calls, ret_times ? &ret_times[i] : &unused));
    return SZ_OK;
}

static sz_status follow(const sz_series *s) {
    for (;;) {
        order o;
        SZ_TRY(say(s, s->r->call->agree(s->group, &o, sizeof o)));
        if (o.index < 0) return SZ_OK;
        SZ_TRY(obey(s, &o, NULL));
    }
}

// ---- the leader --------------------------------------------------------------------------------

static sz_status tell(const sz_series *s, order o, double *ret_times) {
    SZ_TRY(say(s, s->r->call->agree(s->group, &o, sizeof o)));
    return o.index < 0 ? SZ_OK : obey(s, &o, ret_times);
}

static bool is_stopped(const sz_series *s) { return s->stop && *s->stop; }

static bool is_late(const sz_series *s, double until) {
    return sz_clock_s() > until || is_stopped(s);
}

// Check, get the connection into its stride, and see how many calls a sample takes.
static sz_status prepare(const sz_series *s, size_t i, size_state *st) {
    double t[WARM_CALLS], spent = 0;
    SZ_TRY(tell(s, (order){(int32_t)i, 0, 0}, NULL));
    int32_t calls = 1;
    for (int k = 0; k < WARM_CALLS && (k < 2 || spent < WARM_S); k++) {
        SZ_TRY(tell(s, (order){(int32_t)i, calls, 1}, &t[k]));
        spent += t[k] * calls;
        const double wanted = ceil(SAMPLE_S / fmax(t[k], 1e-9));
        calls = wanted < MOST_CALLS ? (int32_t)wanted : MOST_CALLS;
    }
    st->calls = calls > 0 ? calls : 1;
    return SZ_OK;
}

static void look(size_state *st) {
    double sorted[MOST_SAMPLES];
    if (st->n < LEAST_SAMPLES) return;
    memcpy(sorted, st->times, st->n * sizeof *sorted);
    const sz_stats so_far = sz_stats_of(sorted, st->n);
    st->done = st->n == MOST_SAMPLES || sz_stats_error(&so_far) < KNOWN;
}

// A turn of one size: as many samples as its time holds, and one at least.
static sz_status turn(const sz_series *s, size_t i, size_state *st, double slice_s, double until) {
    if (st->calls == 0) SZ_TRY(prepare(s, i, st));
    const double cpu = sz_clock_thread_s(), start = sz_clock_s();
    const int64_t switches = sz_pin_involuntary();
    while (st->n < MOST_SAMPLES &&
           (st->n == 0 || (sz_clock_s() - start < slice_s && !is_late(s, until)))) {
        const double each = st->n ? st->times[st->n - 1] * st->calls : SAMPLE_S;
        int32_t k = (int32_t)fmin(MOST_AT_ONCE, fmax(1, slice_s / 4 / fmax(each, 1e-9)));
        if ((size_t)k > MOST_SAMPLES - st->n) k = (int32_t)(MOST_SAMPLES - st->n);
        SZ_TRY(tell(s, (order){(int32_t)i, st->calls, k}, st->times + st->n));
        st->n += (size_t)k;
    }
    st->cpu_s += sz_clock_thread_s() - cpu, st->wall_s += sz_clock_s() - start;
    st->involuntary += sz_pin_involuntary() - switches;
    look(st);
    return SZ_OK;
}

static size_t left(const size_state *states, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += !states[i].done;
    return count;
}

static void shuffle(uint64_t *seed, size_t *order_of, size_t n) {
    for (size_t i = 0; i < n; i++) order_of[i] = i;
    for (size_t i = n; i > 1; i--) {
        const size_t k = (size_t)(sz_splitmix(seed) % i), other = order_of[i - 1];
        order_of[i - 1] = order_of[k];
        order_of[k] = other;
    }
}

static sz_status lead(const sz_series *s, size_state *states) {
    const double until = sz_clock_s() + s->budget_s;
    size_t order_of[SZ_MOST_SIZES];
    uint64_t seed = 1;
    // the first round meets every size, however long it takes
    for (int round = 0; left(states, s->n) > 0 && !is_stopped(s); round++) {
        if (round > 0 && is_late(s, until)) break;
        const double slice = s->budget_s / ROUNDS / (double)s->n;
        shuffle(&seed, order_of, s->n);
        for (size_t i = 0; i < s->n && !(round ? is_late(s, until) : is_stopped(s)); i++)
            if (!states[order_of[i]].done)
                SZ_TRY(turn(s, order_of[i], &states[order_of[i]], slice, until));
    }
    return tell(s, (order){-1, 0, 0}, NULL);
}

// ---- numbers -----------------------------------------------------------------------------------

static sz_verdict judge(const sz_series *s, const size_state *st, const sz_stats *stats,
                        const sz_summary *sum) {
    const sz_evidence e = {.batches = (int64_t)st->n,
                           .involuntary = st->involuntary,
                           .pinned = true, // where ranks run is the launcher's matter
                           .shared_cpu = s->team->crowded,
                           .cpu_share = st->cpu_s / st->wall_s,
                           .window_share = SZ_UNKNOWN,
                           .spread = stats->spread,
                           .cycle_spread = SZ_UNKNOWN,
                           .modes = stats->modes,
                           .drift = sum->drift_p < SURE ? sum->drift : 0,
                           .clock_change = SZ_UNKNOWN,
                           .error = sz_stats_error(stats),
                           .noisy = NOISY};
    return sz_verdict_of(&e);
}

static sz_status settle(sz_ctx *ctx, const sz_series *s, size_t i, const size_state *st,
                        sz_taken *ret) {
    sz_summary sum;
    *ret = (sz_taken){.bytes = s->bytes[i], .n = (int64_t)st->n, .calls = st->calls};
    if (st->n == 0) return SZ_OK;
    SZ_TRY(sz_summarize(ctx, st->times, st->n, &sum));
    const sz_stats stats = sz_stats_of(st->times, st->n); // sorts
    ret->median_s = sum.median, ret->min_s = sum.min;
    ret->ci_lo_s = sum.ci_lo, ret->ci_hi_s = sum.ci_hi;
    ret->spread = stats.spread;
    ret->verdict = judge(s, st, &stats, &sum);
    return SZ_OK;
}

sz_status sz_series_take(sz_ctx *ctx, const sz_series *s, sz_taken *ret) {
    if (sz_team_index(s->team, s->r->self) != 0) return follow(s);
    const size_t each = MOST_SAMPLES * sizeof(double), room = s->n * each;
    size_state states[SZ_MOST_SIZES] = {{0}};
    char *times = sz_alloc(ctx, room);
    if (!times) return sz_no_memory(ctx);
    for (size_t i = 0; i < s->n; i++) states[i].times = (double *)(void *)(times + i * each);
    sz_status status = lead(s, states);
    for (size_t i = 0; i < s->n && status == SZ_OK; i++)
        status = settle(ctx, s, i, &states[i], &ret[i]);
    sz_free(ctx, times, room);
    return status;
}
