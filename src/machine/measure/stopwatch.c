// SPDX-License-Identifier: Apache-2.0
#include "machine/measure/stopwatch.h"

#include <pthread.h>
#include <stdlib.h>

#include "os/clock.h"
#include "os/pin.h"

enum {
    MAX_SAMPLES = 2000, // per thread, over all rounds, unless the watch asks for less
    MAX_ROUNDS = 64,    // whose levels are kept
    MIN_ROUNDS = 3,     // of own work, unless the watch asks for more
    CHAIN_UNITS = 400,  // 400 x 96 cycles: some 10 us, long against the clock's 25 ns
    MIN_SAMPLES = 60
};
static const double BATCH_S = 0.3e-3, PREHEAT_S = 2e-3, STABLE = 0.01;
static const double SAME_LEVEL = 0.01, DISTURBED = 0.05;
// A unit of work is at least one turn of a loop, which takes a cycle. Faster than any clock by far
// means that the compiler took the work, or a call without effect, out of the loop.
static const double IMPOSSIBLE_UNITS_PER_S = 1e12;

typedef struct sample {
    double start_s, end_s, clock_hz;
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
    sample *samples; // as many as the watch keeps
    size_t n, first; // `first` of this round
    int64_t batch_units;
    int64_t involuntary;
    double levels[MAX_ROUNDS]; // of each round
    int rounds;
    double cpu_s, wall_s;    // while it timed batches
    bool once, pinned, idle; // idle: its work takes no time
} worker;

// What reading the time takes is taken off. Of two tries, because one that was interrupted would
// make the clock too high, and the best of many clocks would be just that one.
double sz_watch_clock(const sz_kernel *chain) {
    sz_kernel_job job = {.n = CHAIN_UNITS};
    const double first = sz_clock_s(), start = sz_clock_s();
    chain->run(&job);
    const double end = sz_clock_s(), last = sz_clock_s();
    const double read = start - first < last - end ? start - first : last - end;
    const double took = end - start - read;
    return took > 0 ? (double)chain->cycles * CHAIN_UNITS / took : 0;
}

static size_t most_samples(const sz_watch *watch) {
    return watch->most > 0 && watch->most < MAX_SAMPLES ? watch->most : MAX_SAMPLES;
}
static double batch_time(const sz_watch *watch) {
    return watch->batch_s > 0 ? watch->batch_s : BATCH_S;
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
    const double until = sz_clock_s() + PREHEAT_S, batch_s = batch_time(w->watch);
    int64_t units = 1;
    double took = least_of_three(w, units);
    while (took < batch_s / 4 && (double)units < IMPOSSIBLE_UNITS_PER_S)
        took = least_of_three(w, units *= 2);
    w->idle = (double)units >= IMPOSSIBLE_UNITS_PER_S * took;
    if (w->idle) {
        w->batch_units = 1;
        return;
    }
    while (sz_clock_s() < until) run_units(w, units);
    double batch = took > 0 ? (double)units * batch_s / took : (double)units;
    w->batch_units = batch < 1 ? 1 : (int64_t)batch;
}

// The clock of a batch is the higher one of before and after: an interruption of the chain makes it
// too low.
static void time_batches(worker *w) {
    const sz_kernel *chain = w->watch->chain;
    const size_t most = most_samples(w->watch);
    const double until = sz_clock_s() + w->watch->round_s;
    double before = chain ? sz_watch_clock(chain) : 0, after = 0;
    for (w->first = w->n; w->n < most; before = after, w->n++) {
        sample *s = &w->samples[w->n];
        s->start_s = sz_clock_s();
        if (s->start_s >= until) break;
        w->work->run(w->work->user, w->id, w->batch_units);
        s->end_s = sz_clock_s();
        after = chain ? sz_watch_clock(chain) : 0;
        s->clock_hz = before > after ? before : after;
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
        worth += (double)w->batch_units * per_unit;
        w->samples[kept++] = w->samples[i];
    }
    w->n = kept;
    return worth;
}

static int by_clock(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// A chain that was interrupted, or that a stranger on the same core slowed, makes the clock too low
// and the work per cycle a record. A clock hardly changes within 10 ms, so the whole round has that
// of nearly its fastest chain.
static void mend_clocks(worker *w, double *scratch) {
    const size_t n = w->n - w->first;
    sample *round = w->samples + w->first;
    if (n == 0 || !w->watch->chain) return;
    for (size_t i = 0; i < n; i++) scratch[i] = round[i].clock_hz;
    qsort(scratch, n, sizeof *scratch, by_clock);
    for (size_t i = 0; i < n; i++) round[i].clock_hz = scratch[n * 9 / 10];
}

typedef enum column { RATE, PER_CYCLE, CLOCK } column;

static sz_stats column_stats(const worker *w, column what, double per_unit, double *scratch) {
    for (size_t i = 0; i < w->n; i++) {
        const sample *s = &w->samples[i];
        double rate = (double)w->batch_units * per_unit / (s->end_s - s->start_s);
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

static void gather_evidence(const worker *workers, const sz_watch *watch, int reached,
                            double *scratch, sz_reading *r) {
    sz_evidence *e = &r->evidence;
    r->cpu_s = r->wall_s = 0;
    *e = (sz_evidence){.batches = r->batches,
                       .involuntary = r->involuntary,
                       .pinned = r->pinned,
                       .spread = r->rate.spread,
                       .modes = r->rate.modes,
                       .error = sz_stats_error(&r->rate),
                       .cycle_spread = watch->chain ? r->per_cycle.spread : SZ_UNKNOWN,
                       .noisy = watch->noisy,
                       .own = watch->own,
                       .reached = reached,
                       .tail = watch->chain ? r->per_cycle.tail : r->rate.tail};
    for (int i = 0; i < watch->n_threads; i++) {
        const worker *w = &workers[i];
        r->cpu_s += w->cpu_s, r->wall_s += w->wall_s;
        e->drift = larger(e->drift, change(w, watch->chain ? PER_CYCLE : RATE, scratch));
        if (watch->chain) e->clock_change = larger(e->clock_change, change(w, CLOCK, scratch));
        for (int k = 0; k < i; k++) e->shared_cpu |= watch->cpus[k] == watch->cpus[i];
        if (w->idle) r->why_not = "the work takes no time: it was not done";
    }
    e->cpu_share = r->wall_s > 0 ? r->cpu_s / r->wall_s : SZ_UNKNOWN;
    e->window_share = r->rate.median > 0 ? r->window_rate / r->rate.median : SZ_UNKNOWN;
    r->verdict = sz_verdict_of(e);
}

static void divide(sz_stats *s, double by) {
    s->median /= by, s->best /= by, s->top /= by, s->p5 /= by, s->p95 /= by, s->ci_lo /= by,
        s->ci_hi /= by;
}

// Of batches by one thread, which are more than 5 % below the level?
static double count_disturbed(const worker *w, column what, double level, double *scratch) {
    double n = 0;
    column_stats(w, what, 1, scratch);
    for (size_t i = 0; i < w->n; i++) n += scratch[i] < (1 - DISTURBED) * level;
    return n;
}

static void evaluate(const worker *workers, const sz_watch *watch, double per_unit, double *scratch,
                     sz_reading *r) {
    const int n = watch->n_threads;
    const column what = watch->chain ? PER_CYCLE : RATE;
    double level = 0, disturbed = 0;
    memset(&r->rate, 0, sizeof r->rate);
    memset(&r->per_cycle, 0, sizeof r->per_cycle);
    r->clock_hz = 0, r->involuntary = 0, r->pinned = true;
    for (int i = 0; i < n; i++) {
        const worker *w = &workers[i];
        r->involuntary += w->involuntary;
        r->pinned &= w->pinned;
        if (w->n == 0) continue;
        r->rate = sz_stats_sum(r->rate, column_stats(w, RATE, per_unit, scratch));
        const sz_stats s = column_stats(w, what, per_unit, scratch);
        disturbed += count_disturbed(w, what, s.top / per_unit, scratch);
        level += watch->chain ? 0 : s.top;
        if (!watch->chain) continue;
        const double clock = column_stats(w, CLOCK, per_unit, scratch).median;
        r->per_cycle = sz_stats_sum(r->per_cycle, s);
        r->clock_hz += clock / n;
        level += s.top * clock;
    }
    divide(&r->per_cycle, n);
    r->batches = r->rate.n;
    // The best work per cycle and the usual clock may never have met: no batch, no level.
    const double met = level < r->rate.best ? level : r->rate.best;
    r->level = watch->own ? met : r->rate.median;
    r->level_per_cycle = watch->own ? r->per_cycle.top : r->per_cycle.median;
    r->disturbed = watch->own && r->batches > 0 ? disturbed / (double)r->batches : SZ_UNKNOWN;
}

// Keep the level of the last round alone.
static void keep_level(worker *w, double *scratch) {
    worker part = *w;
    part.samples += w->first;
    part.n -= w->first;
    if (part.n == 0 || w->rounds == MAX_ROUNDS) return;
    w->levels[w->rounds++] =
        column_stats(&part, w->watch->chain ? PER_CYCLE : RATE, 1, scratch).top;
}

// In how many rounds did a thread meet the best of their levels?
static int count_reached(const worker *w) {
    double best = 0;
    int n = 0;
    for (int i = 0; i < w->rounds; i++) best = w->levels[i] > best ? w->levels[i] : best;
    for (int i = 0; i < w->rounds; i++) n += w->levels[i] >= (1 - SAME_LEVEL) * best;
    return n;
}

// The same of the thread that met its own the least often.
static int least_reached(const worker *workers, int n) {
    int least = count_reached(&workers[0]);
    for (int i = 1; i < n; i++) {
        const int reached = count_reached(&workers[i]);
        if (reached < least) least = reached;
    }
    return least;
}

static bool all_have_samples(const worker *workers, int n) {
    for (int i = 0; i < n; i++)
        if (workers[i].n < MIN_SAMPLES) return false;
    return true;
}

static bool any_full(const worker *workers, int n) {
    for (int i = 0; i < n; i++)
        if (workers[i].n >= most_samples(workers[i].watch)) return true;
    return false;
}

// ---- memory ------------------------------------------------------------------------------------

typedef struct crew {
    worker *workers;
    sample *samples;
    double *scratch;
    int n_workers, rounds;
    double spent_s;
    size_t most;
    bool done;
} crew;

static void crew_finish(sz_ctx *ctx, crew *c) {
    const size_t n = (size_t)c->n_workers;
    sz_free(ctx, c->scratch, c->most * sizeof *c->scratch);
    sz_free(ctx, c->samples, n * c->most * sizeof *c->samples);
    sz_free(ctx, c->workers, n * sizeof *c->workers);
}

static sz_status crew_init(sz_ctx *ctx, crew *c, const sz_watch *watch, const sz_work *work,
                           bool once) {
    const size_t n = (size_t)watch->n_threads, most = most_samples(watch);
    *c = (crew){.workers = sz_alloc(ctx, n * sizeof *c->workers),
                .samples = sz_alloc(ctx, n * most * sizeof *c->samples),
                .scratch = sz_alloc(ctx, most * sizeof *c->scratch),
                .n_workers = watch->n_threads,
                .most = most};
    if (!c->workers || !c->samples || !c->scratch) {
        crew_finish(ctx, c);
        return sz_no_memory(ctx);
    }
    for (size_t i = 0; i < n; i++)
        c->workers[i] = (worker){.id = (int)i,
                                 .cpu = watch->cpus[i],
                                 .watch = watch,
                                 .work = work,
                                 .samples = c->samples + i * most,
                                 .once = once};
    return SZ_OK;
}

// ---- rounds ------------------------------------------------------------------------------------

static bool known(const crew *c, const sz_watch *watch, const sz_reading *r) {
    if (!all_have_samples(c->workers, watch->n_threads)) return false;
    const int rounds = watch->rounds > MIN_ROUNDS ? watch->rounds : MIN_ROUNDS;
    const int enough = rounds > MIN_ROUNDS ? 3 : 2; // to have been at the level by no accident
    if (watch->own)
        return c->rounds >= rounds && r->evidence.reached >= enough && r->verdict == SZ_VALID;
    return sz_stats_error(&r->rate) < STABLE;
}

// A round of one work, and what is known after it.
static sz_status next_round(sz_ctx *ctx, const sz_watch *watch, const sz_work *work, crew *c,
                            sz_reading *r) {
    const int n = watch->n_threads;
    const double began = sz_clock_s();
    double start, end, worth = 0;
    SZ_TRY(run_round(ctx, c->workers, n));
    common_window(c->workers, n, &start, &end);
    for (int i = 0; i < n; i++) worth += keep_window(&c->workers[i], start, end, work->per_unit);
    for (int i = 0; watch->own && i < n; i++) {
        mend_clocks(&c->workers[i], c->scratch);
        keep_level(&c->workers[i], c->scratch);
    }
    r->window_rate = end > start ? worth / (end - start) : 0;
    evaluate(c->workers, watch, work->per_unit, c->scratch, r);
    gather_evidence(c->workers, watch, least_reached(c->workers, n), c->scratch, r);
    if (work->check && !r->why_not) r->why_not = work->check(work->user);
    c->rounds++;
    c->spent_s += sz_clock_s() - began;
    // What a core shares with nobody gets the time that the others leave.
    c->done = known(c, watch, r) || any_full(c->workers, n) || r->why_not ||
              (!watch->own && c->spent_s >= watch->budget_s);
    return SZ_OK;
}

static bool stopped(const sz_watch *watch) { return watch->stop && *watch->stop; }

// In turn until each is known well enough or the time of all is spent. Each gets one round.
static sz_status take_turns(sz_ctx *ctx, const sz_watch *watches, const sz_work *works, size_t n,
                            crew *crews, sz_reading *readings) {
    double until = sz_clock_s();
    size_t left = n;
    for (size_t i = 0; i < n; i++) until += watches[i].budget_s;
    do {
        for (size_t i = 0; i < n; i++) {
            if (crews[i].done) continue;
            if (crews[i].rounds > 0 && (stopped(&watches[i]) || sz_clock_s() >= until)) continue;
            SZ_TRY(next_round(ctx, &watches[i], &works[i], &crews[i], &readings[i]));
            left -= crews[i].done;
        }
    } while (left > 0 && !stopped(watches) && sz_clock_s() < until);
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
    for (size_t i = 0; i < made; i++) crew_finish(ctx, &crews[i]);
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
    crew_finish(ctx, &c);
    return status;
}

const sz_kernel *sz_watch_chain(void) {
    const sz_kernel *k;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++)
        if (k->family == SZ_KERNEL_clock && k->bits <= 64 && sz_kernel_runs(k, sz_cpu_detect()))
            return k;
    return NULL;
}

sz_status sz_turns_init(sz_ctx *ctx, size_t n, sz_turns *ret_turns) {
    sz_turns t = {.n = n};
    t.watches = sz_alloc(ctx, n * sizeof *t.watches);
    t.works = sz_alloc(ctx, n * sizeof *t.works);
    t.readings = sz_alloc(ctx, n * sizeof *t.readings);
    if (t.watches && t.works && t.readings) {
        *ret_turns = t;
        return SZ_OK;
    }
    sz_turns_finish(ctx, &t);
    return sz_no_memory(ctx);
}

void sz_turns_finish(sz_ctx *ctx, sz_turns *t) {
    sz_free(ctx, t->readings, t->n * sizeof *t->readings);
    sz_free(ctx, t->works, t->n * sizeof *t->works);
    sz_free(ctx, t->watches, t->n * sizeof *t->watches);
    *t = (sz_turns){0};
}
