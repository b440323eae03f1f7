// SPDX-License-Identifier: Apache-2.0
// Bandwidths: loads from each cache; loads, copies and the triad from main memory.
#include "machine/survey.h"

enum { PAGE = 4096 };

// One thread's walk over arrays of equal length. In a cache it goes round by the mask; in main
// memory it goes on from batch to batch, so that every batch meets data that was not touched for
// long.
typedef struct walk {
    const sz_kernel *kernel;
    sz_kernel_job job;
    size_t bytes; // of each array, a multiple of SZ_KERNEL_STEP
    bool round;   // in a cache
} walk;

static void run_walk(void *user, int thread, int64_t n) {
    walk *w = (walk *)user + thread;
    while (n > 0) {
        int64_t left = w->round ? n : (int64_t)((w->bytes - w->job.offset) / SZ_KERNEL_STEP);
        w->job.n = n < left ? n : left;
        w->kernel->run(&w->job);
        if (!w->round && w->job.offset >= w->bytes) w->job.offset = 0;
        n -= w->job.n;
    }
}

static int arrays_of(const sz_kernel *k) {
    return k->family == SZ_KERNEL_load ? 1 : k->family == SZ_KERNEL_triad ? 3 : 2;
}

// Divide [at, at + size) into the arrays of the kernel.
static walk make_walk(const sz_kernel *k, unsigned char *at, size_t size, bool round) {
    const int arrays = arrays_of(k);
    const size_t each = round ? size : size / (size_t)arrays / PAGE * PAGE;
    return (walk){.kernel = k,
                  .bytes = each,
                  .round = round,
                  .job = {.src = at,
                          .dst = arrays > 1 ? at + each : NULL,
                          .src2 = arrays > 2 ? at + 2 * each : NULL,
                          .mask = round ? each - 1 : UINT64_MAX}};
}

// What thread `t` may walk in main memory: its slice; alone, all slices of the near memory, when
// they are filled to the end and so lie without gaps.
static size_t dram_bytes(const sz_buffer *b, bool all) {
    if (all || b->filled < b->slice) return b->filled;
    return b->slice * (size_t)b->near_threads;
}

static sz_bandwidth make_bandwidth(const sz_kernel *k, const sz_reading *r, int threads,
                                   size_t set) {
    const bool clock = r->clock_hz > 0;
    const char *stores = k->family == SZ_KERNEL_copy_nt ? "past the caches" : "plain";
    return (sz_bandwidth){.mix = k->op,
                          .stores = k->family == SZ_KERNEL_load ? NULL : stores,
                          .isa = k->isa,
                          .threads = threads,
                          .byte_per_s = r->rate.median,
                          .byte_per_cycle = clock ? r->per_cycle.median : SZ_NAN,
                          .window_byte_per_s = r->window_rate,
                          .working_set_bytes = (int64_t)set,
                          .n = r->rate.n,
                          .median = r->rate.median,
                          .best = r->rate.best,
                          .p5 = r->rate.p5,
                          .p95 = r->rate.p95,
                          .ci_lo = r->rate.ci_lo,
                          .ci_hi = r->rate.ci_hi,
                          .spread = r->rate.spread};
}

// Time a kernel at a level. set = bytes per thread in a cache, 0 = main memory.
static sz_status measure_walk(sz_survey *s, size_t level, const sz_kernel *k, bool all,
                              size_t set) {
    const sz_watch watch = sz_survey_watch(s, all, set ? 0.025 : 0.06, set ? 0.1 : 0.2);
    const size_t each = set ? set : dram_bytes(&s->buffer, all);
    const size_t bytes = (size_t)watch.n_threads * sizeof(walk);
    walk *walks = sz_alloc(s->ctx, bytes);
    sz_reading r;
    if (!walks) return sz_no_memory(s->ctx);
    for (int i = 0; i < watch.n_threads; i++)
        walks[i] = make_walk(k, s->buffer.bytes + (size_t)i * s->buffer.slice, each, set > 0);
    const sz_work work = {run_walk, walks, k->bytes};
    sz_status status = sz_survey_time(s, &watch, &work, &r);
    sz_free(s->ctx, walks, bytes);
    SZ_TRY(status);
    sz_bandwidth b = make_bandwidth(k, &r, watch.n_threads, each * (size_t)watch.n_threads);
    return sz_vec_push(s->ctx, &s->m->levels.items[level].bandwidths, b) ? SZ_OK
                                                                         : sz_no_memory(s->ctx);
}

static sz_status measure_both(sz_survey *s, size_t level, const sz_kernel *k, size_t one,
                              size_t all) {
    SZ_TRY(measure_walk(s, level, k, false, one));
    return s->n_cpus > 1 ? measure_walk(s, level, k, true, all) : SZ_OK;
}

// ---- levels ------------------------------------------------------------------------------------

static size_t power_of_two_below(size_t n) {
    size_t p = 1;
    while (p <= n / 2) p *= 2;
    return n ? p : 0;
}

// Deep caches are shared, on a cloud host with strangers too: a walk a few times the level above is
// served by the cache and is short enough to stay in it.
enum { DEEP_FACTOR = 8 };

size_t sz_cache_set(const sz_survey *s, size_t level, int threads) {
    const sz_level *l = &s->m->levels.items[level].level;
    const size_t above = level > 0 ? (size_t)s->m->levels.items[level - 1].level.capacity_bytes : 0;
    size_t share = (size_t)l->capacity_bytes;
    if (threads > l->instances) // several threads to an instance
        share = share * (size_t)l->instances / (size_t)threads;
    size_t set = power_of_two_below(share / 2);
    if (above > 0 && set > above * DEEP_FACTOR) set = power_of_two_below(above * DEEP_FACTOR);
    if (set > s->buffer.filled) set = power_of_two_below(s->buffer.filled);
    return set > above && set >= SZ_KERNEL_STEP ? set : 0;
}

static sz_status measure_cache(sz_survey *s, size_t level) {
    const size_t one = sz_cache_set(s, level, 1), all = sz_cache_set(s, level, s->n_cpus);
    const char *name = s->m->levels.items[level].level.name;
    sz_survey_tell(s, name);
    if (one == 0 || all == 0)
        return sz_machine_add_gap(s->m, name,
                                  "a thread's share is no larger than the cache above it");
    return measure_both(s, level, sz_kernel_widest(SZ_KERNEL_load, s->cpu), one, all);
}

static sz_status measure_dram(sz_survey *s, size_t level) {
    static const sz_kernel_family families[] = {SZ_KERNEL_load, SZ_KERNEL_copy, SZ_KERNEL_copy_nt,
                                                SZ_KERNEL_triad};
    sz_survey_tell(s, "DRAM");
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const sz_kernel *k = sz_kernel_widest(families[i], s->cpu);
        if (k) SZ_TRY(measure_both(s, level, k, 0, 0));
    }
    return SZ_OK;
}

sz_status sz_measure_bandwidths(sz_survey *s) {
    if (!s->buffer.bytes) return SZ_OK;
    for (size_t i = 0; i < s->m->levels.n; i++) {
        bool dram = strcmp(s->m->levels.items[i].level.name, "DRAM") == 0;
        SZ_TRY(dram ? measure_dram(s, i) : measure_cache(s, i));
    }
    return SZ_OK;
}
