// SPDX-License-Identifier: Apache-2.0
#include "machine/measure/stopwatch.h"

#include <pthread.h>

#include "os/clock.h"
#include "os/pin.h"

enum {
    MAX_SAMPLES = 2000, // per thread, over all rounds
    CHAIN_UNITS = 400,  // 400 x 96 cycles: some 10 us, long against the clock's 25 ns
    MIN_SAMPLES = 60
};
static const double BATCH_S = 0.3e-3, PREHEAT_S = 2e-3, STABLE = 0.01;
// A unit of work is at least one turn of a loop, which takes a cycle. Faster than any clock by far
// means that the compiler took the work, or a call without effect, out of the loop.
static const double IMPOSSIBLE_UNITS_PER_S = 1e12;

typedef struct sample {
    double start_s, end_s, units, clock_hz;
} sample;

typedef struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int waiting, needed; // waiting threads; `needed` open the gate
    bool aborted;
} gate;

typedef struct worker {
    pthread_t thread;
    int id, cpu;
    const sz_watch *watch;
    const sz_work *work;
    gate *gate;
    sample *samples; // MAX_SAMPLES of them
    size_t n, first; // `first` of this round
    int64_t batch_units;
    int64_t involuntary;
    double cpu_s, wall_s;    // while it timed batches
    bool once, pinned, idle; // idle: its work takes no time
} worker;

double sz_watch_clock(const sz_kernel *chain) {
    sz_kernel_job job = {.n = CHAIN_UNITS};
    const double first = sz_clock_s(), start = sz_clock_s();
    chain->run(&job);
    const double took = sz_clock_s() - start - (start - first); // less what reading the time takes
    return took > 0 ? (double)chain->cycles * CHAIN_UNITS / took : 0;
}

// Sleeping, not spinning: a spinning thread of high priority can starve the one it waits for.
static bool pass_gate(gate *g) {
    pthread_mutex_lock(&g->mutex);
    if (++g->waiting >= g->needed) pthread_cond_broadcast(&g->changed);
    while (g->waiting < g->needed && !g->aborted) pthread_cond_wait(&g->changed, &g->mutex);
    bool open = !g->aborted;
    pthread_mutex_unlock(&g->mutex);
    return open;
}

static void abort_gate(gate *g) {
    pthread_mutex_lock(&g->mutex);
    g->aborted = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->mutex);
}

static double run_units(const worker *w, int64_t units) {
    double start = sz_clock_s();
    w->work->run(w->work->user, w->id, units);
    return sz_clock_s() - start;
}

static double least_of_three(const worker *w, int64_t units) {
    double least = run_units(w, units);
    for (int i = 0; i < 2; i++) {
        double took = run_units(w, units);
        if (took < least) least = took;
    }
    return least;
}

// Find how many units make a batch, and run for a while, so that the clock settles. The least of
// three, because one interruption would make the batches far too short.
static void preheat(worker *w) {
    const double until = sz_clock_s() + PREHEAT_S;
    int64_t units = 1;
    double took = least_of_three(w, units);
    while (took < BATCH_S / 4 && (double)units < IMPOSSIBLE_UNITS_PER_S)
        took = least_of_three(w, units *= 2);
    w->idle = (double)units >= IMPOSSIBLE_UNITS_PER_S * took;
    if (w->idle) {
        w->batch_units = 1;
        return;
    }
    while (sz_clock_s() < until) run_units(w, units);
    double batch = took > 0 ? (double)units * BATCH_S / took : (double)units;
    w->batch_units = batch < 1 ? 1 : (int64_t)batch;
}

static void time_batches(worker *w) {
    const sz_kernel *chain = w->watch->chain;
    const double until = sz_clock_s() + w->watch->round_s;
    double before = chain ? sz_watch_clock(chain) : 0, after = 0;
    for (w->first = w->n; w->n < MAX_SAMPLES; before = after, w->n++) {
        sample *s = &w->samples[w->n];
        s->start_s = sz_clock_s();
        if (s->start_s >= until) break;
        w->work->run(w->work->user, w->id, w->batch_units);
        s->end_s = sz_clock_s();
        s->units = (double)w->batch_units;
        after = chain ? sz_watch_clock(chain) : 0;
        s->clock_hz = (before + after) / 2;
    }
}

static void *worker_main(void *arg) {
    worker *w = arg;
    w->pinned = sz_pin_self(w->cpu);
    if (w->once) {
        if (pass_gate(w->gate)) w->work->run(w->work->user, w->id, 1);
        return NULL;
    }
    const int64_t before = sz_pin_involuntary();
    if (w->batch_units == 0)
        preheat(w);
    else
        run_units(w, w->batch_units);
    if (pass_gate(w->gate)) {
        const double wall = sz_clock_s(), cpu = sz_clock_thread_s();
        time_batches(w);
        w->cpu_s += sz_clock_thread_s() - cpu;
        w->wall_s += sz_clock_s() - wall;
    }
    w->involuntary += sz_pin_involuntary() - before;
    return NULL;
}

// One round of all threads. Fails only when a thread cannot be made.
static sz_status run_round(sz_ctx *ctx, worker *workers, int n) {
    gate g = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .needed = n};
    int made = 0;
    for (; made < n; made++) {
        workers[made].gate = &g;
        if (pthread_create(&workers[made].thread, NULL, worker_main, &workers[made]) != 0) break;
    }
    if (made < n) abort_gate(&g);
    for (int i = 0; i < made; i++) pthread_join(workers[i].thread, NULL);
    pthread_cond_destroy(&g.changed);
    pthread_mutex_destroy(&g.mutex);
    if (made < n)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "the system gave %d of %d threads", made, n);
    return SZ_OK;
}

// ---- evaluation --------------------------------------------------------------------------------

// The time when all threads were at work in the last round.
static void common_window(const worker *workers, int n, double *ret_start, double *ret_end) {
    *ret_start = 0, *ret_end = 1e300;
    for (int i = 0; i < n; i++) {
        const worker *w = &workers[i];
        if (w->n == w->first) continue;
        if (w->samples[w->first].start_s > *ret_start) *ret_start = w->samples[w->first].start_s;
        if (w->samples[w->n - 1].end_s < *ret_end) *ret_end = w->samples[w->n - 1].end_s;
    }
}

// Drop what a thread did alone at the edges of the last round; give the share of the rest.
static double keep_window(worker *w, double start, double end, double per_unit) {
    size_t kept = w->first;
    double worth = 0;
    for (size_t i = w->first; i < w->n; i++) {
        if (w->samples[i].start_s < start || w->samples[i].end_s > end) continue;
        worth += w->samples[i].units * per_unit;
        w->samples[kept++] = w->samples[i];
    }
    w->n = kept;
    return worth;
}

typedef enum column { RATE, PER_CYCLE, CLOCK } column;

static sz_stats column_stats(const worker *w, column what, double per_unit, double *scratch) {
    for (size_t i = 0; i < w->n; i++) {
        const sample *s = &w->samples[i];
        double rate = s->units * per_unit / (s->end_s - s->start_s);
        scratch[i] = what == RATE ? rate : what == CLOCK ? s->clock_hz : rate / s->clock_hz;
    }
    return sz_stats_of(scratch, w->n);
}

// Median of a column over samples [from, to), which stay in order.
static double part_median(const worker *w, column what, size_t from, size_t to, double *scratch) {
    worker part = *w;
    part.samples += from;
    part.n = to - from;
    return part.n ? column_stats(&part, what, 1, scratch).median : 0;
}

// Relative change of a column from the first third of a thread's samples to the last.
static double change(const worker *w, column what, double *scratch) {
    const size_t third = w->n / 3;
    if (third < 5) return 0;
    const double first = part_median(w, what, 0, third, scratch);
    const double last = part_median(w, what, w->n - third, w->n, scratch);
    return first > 0 ? last / first - 1 : 0;
}

static double larger(double a, double b) { return (a < 0 ? -a : a) > (b < 0 ? -b : b) ? a : b; }

static void gather_evidence(const worker *workers, const sz_watch *watch, double *scratch,
                            sz_reading *r) {
    sz_evidence *e = &r->evidence;
    double cpu = 0, wall = 0;
    *e = (sz_evidence){.batches = r->batches,
                       .involuntary = r->involuntary,
                       .pinned = r->pinned,
                       .spread = r->rate.spread,
                       .modes = r->rate.modes,
                       .error = sz_stats_error(&r->rate),
                       .cycle_spread = watch->chain ? r->per_cycle.spread : SZ_UNKNOWN,
                       .noisy = watch->noisy};
    for (int i = 0; i < watch->n_threads; i++) {
        const worker *w = &workers[i];
        cpu += w->cpu_s, wall += w->wall_s;
        e->drift = larger(e->drift, change(w, watch->chain ? PER_CYCLE : RATE, scratch));
        if (watch->chain) e->clock_change = larger(e->clock_change, change(w, CLOCK, scratch));
        for (int k = 0; k < i; k++) e->shared_cpu |= watch->cpus[k] == watch->cpus[i];
        if (w->idle) r->why_not = "the work takes no time: it was not done";
    }
    e->cpu_share = wall > 0 ? cpu / wall : SZ_UNKNOWN;
    e->window_share = r->rate.median > 0 ? r->window_rate / r->rate.median : SZ_UNKNOWN;
    r->verdict = sz_verdict_of(e);
}

static void divide(sz_stats *s, double by) {
    s->median /= by, s->best /= by, s->p5 /= by, s->p95 /= by, s->ci_lo /= by, s->ci_hi /= by;
}

static void evaluate(const worker *workers, int n, double per_unit, bool has_clock, double *scratch,
                     sz_reading *r) {
    memset(&r->rate, 0, sizeof r->rate);
    memset(&r->per_cycle, 0, sizeof r->per_cycle);
    r->clock_hz = 0, r->involuntary = 0, r->pinned = true;
    for (int i = 0; i < n; i++) {
        const worker *w = &workers[i];
        r->involuntary += w->involuntary;
        r->pinned &= w->pinned;
        if (w->n == 0) continue;
        r->rate = sz_stats_sum(r->rate, column_stats(w, RATE, per_unit, scratch));
        if (!has_clock) continue;
        r->per_cycle = sz_stats_sum(r->per_cycle, column_stats(w, PER_CYCLE, per_unit, scratch));
        r->clock_hz += column_stats(w, CLOCK, per_unit, scratch).median / n;
    }
    divide(&r->per_cycle, n);
    r->batches = r->rate.n;
}

static bool all_have_samples(const worker *workers, int n) {
    for (int i = 0; i < n; i++)
        if (workers[i].n < MIN_SAMPLES) return false;
    return true;
}

static bool any_full(const worker *workers, int n) {
    for (int i = 0; i < n; i++)
        if (workers[i].n >= MAX_SAMPLES) return true;
    return false;
}

// ---- memory ------------------------------------------------------------------------------------

typedef struct crew {
    worker *workers;
    sample *samples;
    double *scratch;
    bool done;
} crew;

static void crew_finish(sz_ctx *ctx, crew *c, int n) {
    sz_free(ctx, c->scratch, MAX_SAMPLES * sizeof *c->scratch);
    sz_free(ctx, c->samples, (size_t)n * MAX_SAMPLES * sizeof *c->samples);
    sz_free(ctx, c->workers, (size_t)n * sizeof *c->workers);
}

static sz_status crew_init(sz_ctx *ctx, crew *c, const sz_watch *watch, const sz_work *work,
                           bool once) {
    const size_t n = (size_t)watch->n_threads;
    *c = (crew){.workers = sz_alloc(ctx, n * sizeof *c->workers),
                .samples = sz_alloc(ctx, n * MAX_SAMPLES * sizeof *c->samples),
                .scratch = sz_alloc(ctx, MAX_SAMPLES * sizeof *c->scratch)};
    if (!c->workers || !c->samples || !c->scratch) {
        crew_finish(ctx, c, watch->n_threads);
        return sz_no_memory(ctx);
    }
    for (size_t i = 0; i < n; i++)
        c->workers[i] = (worker){.id = (int)i,
                                 .cpu = watch->cpus[i],
                                 .watch = watch,
                                 .work = work,
                                 .samples = c->samples + i * MAX_SAMPLES,
                                 .once = once};
    return SZ_OK;
}

// ---- rounds ------------------------------------------------------------------------------------

// A round of one work, and what is known after it.
static sz_status next_round(sz_ctx *ctx, const sz_watch *watch, const sz_work *work, crew *c,
                            sz_reading *r, bool *ret_done) {
    const int n = watch->n_threads;
    double start, end, worth = 0;
    SZ_TRY(run_round(ctx, c->workers, n));
    common_window(c->workers, n, &start, &end);
    for (int i = 0; i < n; i++) worth += keep_window(&c->workers[i], start, end, work->per_unit);
    r->window_rate = end > start ? worth / (end - start) : 0;
    evaluate(c->workers, n, work->per_unit, watch->chain != NULL, c->scratch, r);
    gather_evidence(c->workers, watch, c->scratch, r);
    *ret_done = (all_have_samples(c->workers, n) && sz_stats_error(&r->rate) < STABLE) ||
                any_full(c->workers, n) || r->why_not;
    return SZ_OK;
}

// In turn until each is known well enough or the time of all is spent. Each gets one round.
static sz_status take_turns(sz_ctx *ctx, const sz_watch *watches, const sz_work *works, size_t n,
                            crew *crews, sz_reading *readings) {
    double until = sz_clock_s();
    size_t left = n;
    for (size_t i = 0; i < n; i++) until += watches[i].budget_s;
    do {
        for (size_t i = 0; i < n; i++) {
            if (crews[i].done) continue;
            SZ_TRY(
                next_round(ctx, &watches[i], &works[i], &crews[i], &readings[i], &crews[i].done));
            left -= crews[i].done;
        }
    } while (left > 0 && sz_clock_s() < until);
    for (size_t i = 0; i < n; i++)
        if (readings[i].rate.n < watches[i].n_threads)
            return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "no batch ended in the time given");
    return SZ_OK;
}

sz_status sz_watch_interleave(sz_ctx *ctx, const sz_watch *watches, const sz_work *works, size_t n,
                              sz_reading *ret_readings) {
    crew *crews = sz_alloc(ctx, n * sizeof *crews);
    sz_reading *readings = sz_alloc(ctx, n * sizeof *readings);
    sz_status status = crews && readings ? SZ_OK : sz_no_memory(ctx);
    size_t made = 0;
    for (; status == SZ_OK && made < n; made++) {
        status = crew_init(ctx, &crews[made], &watches[made], &works[made], false);
        if (status != SZ_OK) break;
    }
    if (status == SZ_OK) status = take_turns(ctx, watches, works, n, crews, readings);
    if (status == SZ_OK) memcpy(ret_readings, readings, n * sizeof *readings);
    for (size_t i = 0; i < made; i++) crew_finish(ctx, &crews[i], watches[i].n_threads);
    sz_free(ctx, readings, n * sizeof *readings);
    sz_free(ctx, crews, n * sizeof *crews);
    return status;
}

sz_status sz_watch_time(sz_ctx *ctx, const sz_watch *watch, const sz_work *work,
                        sz_reading *ret_reading) {
    return sz_watch_interleave(ctx, watch, work, 1, ret_reading);
}

sz_status sz_watch_once(sz_ctx *ctx, const sz_watch *watch, const sz_work *work) {
    crew c;
    SZ_TRY(crew_init(ctx, &c, watch, work, true));
    sz_status status = run_round(ctx, c.workers, watch->n_threads);
    crew_finish(ctx, &c, watch->n_threads);
    return status;
}

const sz_kernel *sz_watch_chain(void) {
    const sz_kernel *k;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++)
        if (k->family == SZ_KERNEL_clock && k->bits <= 64 && sz_kernel_runs(k, sz_cpu_detect()))
            return k;
    return NULL;
}
