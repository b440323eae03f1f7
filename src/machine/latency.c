// SPDX-License-Identifier: Apache-2.0
// Latencies: a chain of loads, each of which gives the address of the next.
#include "machine/survey.h"

#include "os/clock.h"
#include "os/pages.h"

enum { WORDS_PER_LINE = 8 };

// A cycle through `count` places. Place i is a random line of the i-th of equal stretches of
// memory, so that a short cycle can span a large buffer and no prefetcher guesses the next line.
typedef struct cycle {
    uint64_t *words;
    uint64_t count;
    uint64_t lines_apart; // lines per stretch, at least 1
} cycle;

static uint64_t mix_bits(uint64_t x) { // splitmix64's finaliser: Steele, Lea, Flood, 2014
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t place(const cycle *c, uint64_t i) {
    return (i * c->lines_apart + mix_bits(i + 1) % c->lines_apart) * WORDS_PER_LINE;
}

// Sattolo, Inf. Proc. Lett. 22(6), 1986: a random permutation that is one single cycle.
static void build_cycle(const cycle *c) {
    uint64_t x = 0x2545f4914f6cdd1du;
    for (uint64_t i = 0; i < c->count; i++) c->words[place(c, i)] = i;
    for (uint64_t i = c->count - 1; i > 0; i--) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        uint64_t a = place(c, i), b = place(c, x % i), t = c->words[a];
        c->words[a] = c->words[b];
        c->words[b] = t;
    }
    for (uint64_t i = 0; i < c->count; i++) c->words[place(c, i)] = place(c, c->words[place(c, i)]);
}

// ---- work --------------------------------------------------------------------------------------

typedef struct chase {
    cycle cycle;
    sz_kernel_job job;
    const sz_kernel *kernel;
} chase;

static void run_build(void *user, int thread, int64_t n) {
    chase *c = user;
    (void)thread, (void)n;
    build_cycle(&c->cycle);
    c->job.cursor = place(&c->cycle, 0);
}

// The cursor stays where it is between batches: from the same start each batch would walk the same
// few lines.
static void run_chase(void *user, int thread, int64_t n) {
    chase *c = user;
    (void)thread;
    c->job.n = n;
    c->kernel->run(&c->job);
}

// In main memory, with caches put out before; or in a core's own cache.
static sz_status time_chase(sz_survey *s, chase *c, bool cold, sz_reading *ret) {
    sz_watch watch = sz_survey_watch(s, false, cold ? 0.03 : 0.01, cold ? 0 : 0.06);
    watch.own = !cold;
    const sz_work build = {run_build, c, 1}, work = {run_chase, c, 1};
    SZ_TRY(sz_survey_check(s));
    SZ_TRY(sz_watch_once(s->ctx, &watch, &build));
    if (cold) SZ_TRY(sz_flush_caches(s));
    return sz_survey_time(s, &watch, &work, ret);
}

// ---- levels ------------------------------------------------------------------------------------

// A cache that strangers share loses lines while it is chased, and a random chase then tells how
// busy they are. So the working set is loaded again before each few steps, which alone are timed.
typedef struct fresh {
    chase chase;
    const sz_kernel *load;
    int64_t steps_of_load;
    double samples[1000]; // seconds per step
    size_t n;
    double until;
} fresh;

static void run_fresh(void *user, int thread, int64_t n) {
    enum { STEPS = 500, MOST = sizeof(((fresh *)NULL)->samples) / sizeof(double) };
    fresh *f = user;
    (void)thread, (void)n;
    while (f->n < MOST && (f->n < 20 || sz_clock_s() < f->until)) {
        sz_kernel_job over = {.n = f->steps_of_load, .src = f->chase.job.src, .mask = UINT64_MAX};
        f->load->run(&over);
        f->chase.job.n = STEPS;
        const double start = sz_clock_s();
        f->chase.kernel->run(&f->chase.job);
        f->samples[f->n++] = (sz_clock_s() - start) / STEPS;
    }
}

// The rates, as the stopwatch gives them.
static sz_status time_fresh(sz_survey *s, const chase *c, size_t set, sz_reading *ret) {
    const sz_watch watch = sz_survey_watch(s, false, 1, 1);
    fresh *f = sz_alloc(s->ctx, sizeof *f);
    const sz_work build = {run_build, &f->chase, 1}, work = {run_fresh, f, 1};
    if (!f) return sz_no_memory(s->ctx);
    f->chase = *c;
    f->load = sz_kernel_widest(SZ_KERNEL_load, s->cpu);
    f->steps_of_load = (int64_t)(set / SZ_KERNEL_STEP);
    sz_status status = sz_survey_check(s);
    if (status == SZ_OK) status = sz_watch_once(s->ctx, &watch, &build);
    f->until = sz_clock_s() + 0.06 * s->scale;
    if (status == SZ_OK) status = sz_watch_once(s->ctx, &watch, &work);
    for (size_t i = 0; i < f->n; i++) f->samples[i] = 1 / f->samples[i];
    if (status == SZ_OK) ret->rate = sz_stats_of(f->samples, f->n), ret->level = ret->rate.median;
    sz_free(s->ctx, f, sizeof *f);
    return status;
}

// A level is chased in `size` bytes at `bytes`. Main memory is so in a cycle of more steps than are
// taken, spread over it, so that every step meets a line that the flush put out of the caches.
static sz_status chase_level(sz_survey *s, size_t level, unsigned char *bytes, size_t size,
                             sz_reading *ret) {
    enum { STEPS = 1 << 19, OWN_CACHES = 2 }; // deeper ones are shared
    const bool dram = strcmp(s->m->levels.items[level].level.name, "DRAM") == 0;
    const size_t set = dram ? size : sz_cache_set(s, level, 1, 1);
    const uint64_t lines = set / 64, count = dram && lines > STEPS ? STEPS : lines;
    ret->rate.n = 0;
    if (set == 0 || set > size) return SZ_OK; // the bandwidths have said why
    chase c = {.cycle = {(uint64_t *)(void *)bytes, count, lines / count},
               .job = {.src = bytes},
               .kernel = sz_kernel_widest(SZ_KERNEL_chase, s->cpu)};
    if (!dram && level >= OWN_CACHES) return time_fresh(s, &c, set, ret);
    return time_chase(s, &c, dram, ret);
}

// Main memory is chased in the same size on large pages and on small ones: what a larger one adds
// is the cost of its page tables.
static size_t chased_bytes(const sz_survey *s) {
    const size_t most = (size_t)512 << 20;
    return s->buffer.filled < most ? s->buffer.filled : most;
}

// After the bandwidths: it leaves numbers in the buffer that are no f32.
sz_status sz_measure_latencies(sz_survey *s) {
    if (!s->buffer.bytes) return SZ_OK;
    for (size_t i = 0; i < s->m->levels.n; i++) {
        sz_level *l = &s->m->levels.items[i].level;
        sz_reading r = {0};
        SZ_TRY(chase_level(s, i, s->buffer.bytes, chased_bytes(s), &r));
        if (r.rate.n == 0) continue;
        l->latency_s = 1 / r.level;
        l->latency_n = r.rate.n;
        l->latency_spread = r.rate.spread;
        l->latency_verdict = sz_verdict_name(r.verdict);
    }
    return SZ_OK;
}

// ---- small pages -------------------------------------------------------------------------------

typedef struct touch {
    unsigned char *bytes;
    size_t size, done;
    double until;
} touch;

// The first thread makes the pages, so that they are near it.
static void run_touch(void *user, int thread, int64_t n) {
    enum { PAGE = 4096, PAGES = 256 };
    touch *t = user;
    (void)thread, (void)n;
    for (; t->done < t->size && sz_clock_s() < t->until; t->done += (size_t)PAGE * PAGES)
        for (size_t i = 0; i < PAGES; i++) t->bytes[t->done + i * PAGE] = 1;
}

static sz_status chase_small(sz_survey *s, touch *t) {
    const sz_watch one = sz_survey_watch(s, false, 1, 1);
    const sz_work work = {run_touch, t, 1};
    SZ_TRY(sz_watch_once(s->ctx, &one, &work));
    if (t->done < t->size)
        return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE, "the system gives pages too slowly");
    for (size_t i = 0; i < s->m->levels.n; i++) {
        sz_reading r = {0};
        SZ_TRY(chase_level(s, i, t->bytes, t->size, &r));
        if (r.rate.n > 0) s->m->levels.items[i].level.latency_small_pages_s = 1 / r.level;
    }
    return SZ_OK;
}

sz_status sz_measure_small_pages(sz_survey *s) {
    if (!s->buffer.bytes) return SZ_OK;
    touch t = {.size = chased_bytes(s) >> 20 << 20, .until = s->step_until};
    t.bytes = sz_pages_map_small(t.size);
    if (!t.bytes) return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE, "the system refused the memory");
    const sz_status status = chase_small(s, &t);
    sz_pages_unmap(t.bytes, t.size);
    return status;
}

// ---- curve -------------------------------------------------------------------------------------

// A cycle through all lines of a working set that grows: each new line is put in after a random old
// one, which makes any cycle as likely as any other.
typedef struct grown {
    chase chase;
    uint64_t lines, wanted;
    uint64_t seed;
    double until;
    const volatile int *stop;
} grown;

static void grow(grown *g) {
    enum { STRIDE = WORDS_PER_LINE, LOOK = 4096 };
    uint64_t *words = g->chase.cycle.words, x = g->seed;
    for (uint64_t i = g->lines; i < g->wanted; i++) {
        if (i % LOOK == 0 && (sz_clock_s() >= g->until || (g->stop && *g->stop))) break;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        const uint64_t before = i ? x % i * STRIDE : 0;
        words[i * STRIDE] = i ? words[before] : 0;
        words[before] = i * STRIDE;
        g->lines = i + 1;
    }
    g->seed = x;
}

// Grow, then go round once, as far as a quarter of a million steps reach.
static void run_grow(void *user, int thread, int64_t n) {
    enum { MOST = 1 << 18 };
    grown *g = user;
    (void)thread, (void)n;
    grow(g);
    if (g->lines < g->wanted) return;
    g->chase.job.n = g->lines < MOST ? (int64_t)g->lines : MOST;
    g->chase.kernel->run(&g->chase.job);
}

static sz_status time_point(sz_survey *s, grown *g, int64_t bytes, bool *ret_more) {
    const sz_watch watch = sz_survey_watch(s, false, 0.012, 0.02);
    const sz_work more = {run_grow, g, 1}, work = {run_chase, &g->chase, 1};
    sz_curve_point p = {.bytes = bytes, .byte_per_s = SZ_NAN};
    sz_reading r;
    g->wanted = (uint64_t)bytes / 64;
    *ret_more = false;
    SZ_TRY(sz_survey_check(s));
    SZ_TRY(sz_watch_once(s->ctx, &watch, &more));
    if (g->lines < g->wanted) return SZ_OK;
    SZ_TRY(sz_survey_time(s, &watch, &work, &r));
    p.latency_s = 1 / r.rate.median;
    *ret_more = !sz_survey_late(s);
    return sz_vec_push(s->ctx, &s->m->curve, p) ? SZ_OK : sz_no_memory(s->ctx);
}

// Look-ups in a large table: independent addresses, so that a core has many misses under way.
static sz_status time_gather(sz_survey *s, grown *g) {
    enum { CHASES = 16 };
    const int dram = sz_main_memory(s->m);
    const sz_kernel *k = sz_kernel_widest(SZ_KERNEL_gather, s->cpu);
    const size_t set = g->lines * 64;
    uint64_t cursors[CHASES];
    sz_reading r;
    if (!k || dram < 0 || set < s->buffer.wanted / 4) return SZ_OK; // a cache could hold it
    for (uint64_t i = 0; i < CHASES; i++) cursors[i] = g->lines / CHASES * i * WORDS_PER_LINE;
    chase c = {.kernel = k, .job = {.src = g->chase.job.src, .dst = (unsigned char *)cursors}};
    const sz_watch watch = sz_survey_watch(s, false, 0.03, 0.06);
    const sz_work work = {run_chase, &c, k->bytes};
    SZ_TRY(sz_survey_time(s, &watch, &work, &r));
    sz_bandwidth b = sz_bandwidth_of(k, &r, 1, set);
    b.access = "random";
    return sz_vec_push(s->ctx, &s->m->levels.items[dram].bandwidths, b) ? SZ_OK
                                                                        : sz_no_memory(s->ctx);
}

// Also in a short measurement when the system does not tell its caches, but then only as far as
// caches reach.
sz_status sz_measure_latency_curve(sz_survey *s) {
    const bool known = s->m->levels.n > 1, thorough = s->options->thorough;
    int64_t sizes[SZ_CURVE_POINTS], knees[SZ_MAX_KNEES];
    if (!s->buffer.bytes || (known && !thorough)) return SZ_OK;
    const int64_t near = (int64_t)(s->buffer.slice * (size_t)s->buffer.near_threads);
    const int64_t most = thorough || near < 256 << 20 ? near : 256 << 20;
    const size_t n = sz_curve_sizes(most, sizes, SZ_CURVE_POINTS);
    grown g = {.chase = {.cycle = {(uint64_t *)(void *)s->buffer.bytes, 0, 1},
                         .job = {.src = s->buffer.bytes},
                         .kernel = sz_kernel_widest(SZ_KERNEL_chase, s->cpu)},
               .seed = 0x2545f4914f6cdd1du,
               .until = s->step_until,
               .stop = s->options->stop};
    bool more = true;
    for (size_t i = 0; i < n && more; i++) SZ_TRY(time_point(s, &g, sizes[i], &more));
    if (!known) {
        const size_t found = sz_find_knees(s->m->curve.items, s->m->curve.n, knees);
        SZ_TRY(sz_use_knees(s->m, s->n_cpus, knees, found));
    }
    return thorough ? time_gather(s, &g) : SZ_OK;
}
