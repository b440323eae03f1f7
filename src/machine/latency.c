// SPDX-License-Identifier: Apache-2.0
// Latencies: a chain of loads, each of which gives the address of the next.
#include "machine/survey.h"

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

// Stream over the whole buffer, to put the lines of the cycle out of the caches.
static void run_flush(void *user, int thread, int64_t n) {
    const sz_survey *s = user;
    const sz_kernel *k = sz_kernel_widest(SZ_KERNEL_load, s->cpu);
    sz_kernel_job job = {.n = (int64_t)(s->buffer.filled / SZ_KERNEL_STEP),
                         .src = s->buffer.bytes + (size_t)thread * s->buffer.slice,
                         .mask = UINT64_MAX};
    (void)n;
    k->run(&job);
}

static sz_status flush(sz_survey *s) {
    const sz_watch all = sz_survey_watch(s, true, 1, 1);
    const sz_work work = {run_flush, s, 1};
    return sz_watch_once(s->ctx, &all, &work);
}

static sz_status measure_chase(sz_survey *s, size_t level, chase *c, bool cold, double round_s) {
    const sz_watch watch = sz_survey_watch(s, false, round_s, 0);
    const sz_work build = {run_build, c, 1}, work = {run_chase, c, 1};
    sz_level *l = &s->m->levels.items[level].level;
    sz_reading r;
    SZ_TRY(sz_watch_once(s->ctx, &watch, &build));
    if (cold) SZ_TRY(flush(s));
    SZ_TRY(sz_survey_time(s, &watch, &work, &r));
    l->latency_s = 1 / r.rate.median;
    l->latency_n = r.rate.n;
    l->latency_spread = r.rate.spread;
    return SZ_OK;
}

// ---- levels ------------------------------------------------------------------------------------

static sz_status chase_cache(sz_survey *s, size_t level, const sz_kernel *k) {
    const size_t set = sz_cache_set(s, level, 1);
    if (set == 0) return SZ_OK; // the bandwidths have said why
    chase c = {.cycle = {(uint64_t *)(void *)s->buffer.bytes, set / 64, 1},
               .job = {.src = s->buffer.bytes}, .kernel = k};
    return measure_chase(s, level, &c, false, 0.025);
}

// The cycle has more steps than are taken, so that every step meets a line that the flush put out.
static sz_status chase_dram(sz_survey *s, size_t level, const sz_kernel *k) {
    enum { STEPS = 1 << 19 };
    const uint64_t lines = s->buffer.filled / 64;
    const uint64_t count = lines < STEPS ? lines : STEPS;
    chase c = {.cycle = {(uint64_t *)(void *)s->buffer.bytes, count, lines / count},
               .job = {.src = s->buffer.bytes}, .kernel = k};
    return measure_chase(s, level, &c, true, 0.03);
}

// Last of all: it leaves numbers in the buffer that are no f32.
sz_status sz_measure_latencies(sz_survey *s) {
    const sz_kernel *k = sz_kernel_widest(SZ_KERNEL_chase, s->cpu);
    if (!s->buffer.bytes || !k) return SZ_OK;
    sz_survey_tell(s, "latencies");
    for (size_t i = 0; i < s->m->levels.n; i++) {
        bool dram = strcmp(s->m->levels.items[i].level.name, "DRAM") == 0;
        SZ_TRY(dram ? chase_dram(s, i, k) : chase_cache(s, i, k));
    }
    return SZ_OK;
}
