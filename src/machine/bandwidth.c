// SPDX-License-Identifier: Apache-2.0
// Bandwidths of each level of memory, in every way that data can be moved, and the curve of working
// sets.
#include "machine/survey.h"

#include <math.h>
#include <stdio.h>

#include "machine/measure/walk.h"

static void run_walk(void *user, int thread, int64_t n) {
    sz_walk_run((sz_walk *)user + thread, n);
}

// ---- variants ----------------------------------------------------------------------------------

// A way to move data. Lines that are about to be written are read first unless the store goes past
// the caches, so stores alone move twice what was asked for, copies 3/2, triads 4/3. An update has
// the line already. The hardware fetches ahead of each place that is read only so far: reading at
// four keeps more lines under way, in main memory. What `rep movsb` does is the core's own
// business.
typedef struct variant {
    sz_kernel_family family;
    int arrays;
    const char *stores;
    double with_allocate;    // lines moved over lines asked for
    bool in_caches, in_dram; // in a usual measurement too
    bool overwrites;         // what it reads is not what it found
} variant;

// Stores and updates come last, because they write over the random numbers: the store kernels write
// one line's worth of them everywhere.
static const variant variants[] = {
    {SZ_KERNEL_load, 1, NULL, 1, true, true, false},
    {SZ_KERNEL_load_four, 4, NULL, 1, false, true, false},
    {SZ_KERNEL_copy, 2, "plain", 3.0 / 2, true, true, false},
    {SZ_KERNEL_copy_nt, 2, "past caches", 1, false, true, false},
    {SZ_KERNEL_copy_rep, 2, "rep movsb", 0, false, false, false},
    {SZ_KERNEL_triad, 3, "plain", 4.0 / 3, false, true, false},
    {SZ_KERNEL_triad_nt, 3, "past caches", 1, false, false, false},
    {SZ_KERNEL_update, 1, "plain", 1, false, false, true},
    {SZ_KERNEL_store_nt, 1, "past caches", 1, false, false, true},
    {SZ_KERNEL_store, 1, "plain", 2, true, true, true},
};

sz_bandwidth sz_bandwidth_of(const sz_kernel *k, const sz_reading *r, int threads, size_t set) {
    const bool clock = r->clock_hz > 0;
    return (sz_bandwidth){.mix = k->op,
                          .access = "sequential",
                          .isa = k->isa,
                          .threads = threads,
                          .byte_per_s = r->level,
                          .with_write_allocate_byte_per_s = r->level,
                          .byte_per_cycle = clock ? r->level_per_cycle : SZ_NAN,
                          .window_byte_per_s = r->window_rate,
                          .working_set_bytes = (int64_t)set,
                          .n = r->rate.n,
                          .median = r->rate.median,
                          .best = r->rate.best,
                          .p5 = r->rate.p5,
                          .p95 = r->rate.p95,
                          .ci_lo = r->rate.ci_lo,
                          .ci_hi = r->rate.ci_hi,
                          .spread = r->rate.spread,
                          .disturbed = r->disturbed,
                          .verdict = sz_verdict_name(r->verdict),
                          .next_step = sz_verdict_next_step(r->verdict)};
}

static sz_status add_bandwidth(sz_survey *s, size_t level, const variant *v, sz_bandwidth b) {
    b.stores = v->stores;
    if (v->family == SZ_KERNEL_load_four) b.access = "4 places";
    // In the first level the line is there, and nothing has to be read for it.
    if (level > 0) b.with_write_allocate_byte_per_s *= v->with_allocate;
    if (v->with_allocate == 0) b.with_write_allocate_byte_per_s = SZ_NAN;
    return sz_vec_push(s->ctx, &s->m->levels.items[level].bandwidths, b) ? SZ_OK
                                                                         : sz_no_memory(s->ctx);
}

// ---- works of a level --------------------------------------------------------------------------

// One way at one level. The ways of a level that leave each other's data alone take turns, so that
// a slow phase of the machine meets all of them a little and none altogether.
typedef struct way {
    const variant *variant;
    const sz_kernel *kernel;
    sz_walk *walks; // one per thread
    int threads;
    size_t walked; // bytes, by all threads
} way;

typedef struct ways {
    sz_ctx *ctx;
    SZ_VEC(way) list;
} ways;

static void drop_ways(ways *w) {
    for (size_t i = 0; i < w->list.n; i++)
        sz_free(w->ctx, w->list.items[i].walks, (size_t)w->list.items[i].threads * sizeof(sz_walk));
    sz_vec_finish(w->ctx, &w->list);
}

// set = bytes of each array in a cache, 0 = main memory.
static sz_status add_way(ways *list, sz_survey *s, const variant *v, const sz_kernel *k, bool all,
                         size_t set) {
    const size_t each = set ? set : all ? s->buffer.filled : sz_near_bytes(&s->buffer);
    way w = {.variant = v, .kernel = k, .threads = all ? s->n_cpus : 1};
    w.walks = sz_alloc(s->ctx, (size_t)w.threads * sizeof *w.walks);
    if (!w.walks) return sz_no_memory(s->ctx);
    for (int i = 0; i < w.threads; i++)
        w.walks[i] = sz_walk_make(k, v->arrays, s->buffer.bytes + (size_t)i * s->buffer.slice, each,
                               set > 0);
    w.walked = (size_t)v->arrays * w.walks[0].bytes * (size_t)w.threads;
    if (sz_vec_push(s->ctx, &list->list, w)) return SZ_OK;
    sz_free(s->ctx, w.walks, (size_t)w.threads * sizeof *w.walks);
    return sz_no_memory(s->ctx);
}

// Is a cache the core's own? The last one before main memory is shared with the whole host,
// whatever a hypervisor says of it.
static bool own_cache(const sz_machine *m, size_t level) {
    const sz_level *l = &m->levels.items[level].level;
    return level == 0 ? m->levels.n > 1 : level + 2 < m->levels.n && l->shared_by <= 2;
}

// Memory is shared with the whole host, so its batches are long and its spread is large.
static sz_watch watch_of(const sz_survey *s, size_t level, const way *w) {
    const bool dram = level + 1 == s->m->levels.n, all = w->threads > 1;
    const bool past = w->variant->stores && strcmp(w->variant->stores, "past caches") == 0;
    sz_watch watch = sz_survey_watch(s, all, dram ? 0.05 : 0.02, dram ? 0.15 : 0.08);
    watch.noisy = dram ? 0.2 : 0.1;
    watch.own = !past && own_cache(s->m, level);
    if (!watch.own) return watch;
    watch.round_s = 0.01;
    watch.batch_s = 0.05e-3;
    watch.rounds = s->options->thorough ? 8 : 4;
    if (s->options->thorough) watch.budget_s *= 2; // spent only while others disturb
    return watch;
}

static sz_status take_ways(sz_survey *s, size_t level, const ways *w, const sz_reading *readings) {
    for (size_t i = 0; i < w->list.n; i++) {
        const way *at = &w->list.items[i];
        SZ_TRY(add_bandwidth(s, level, at->variant,
                             sz_bandwidth_of(at->kernel, &readings[i], at->threads, at->walked)));
    }
    return SZ_OK;
}

static sz_status time_ways(sz_survey *s, size_t level, const ways *w) {
    sz_turns t;
    SZ_TRY(sz_turns_init(s->ctx, w->list.n, &t));
    for (size_t i = 0; i < t.n; i++) {
        t.watches[i] = watch_of(s, level, &w->list.items[i]);
        t.works[i] = (sz_work){.run = run_walk,
                               .user = w->list.items[i].walks,
                               .per_unit = w->list.items[i].kernel->bytes};
    }
    sz_status status = sz_survey_interleave(s, t.watches, t.works, t.n, t.readings);
    if (status == SZ_OK) status = take_ways(s, level, w, t.readings);
    sz_turns_finish(s->ctx, &t);
    return status;
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

size_t sz_cache_set(const sz_survey *s, size_t level, int threads, int arrays) {
    const sz_level *l = &s->m->levels.items[level].level;
    const size_t above = level > 0 ? (size_t)s->m->levels.items[level - 1].level.capacity_bytes : 0;
    size_t share = (size_t)l->capacity_bytes;
    if (threads > l->instances) // several threads to an instance
        share = share * (size_t)l->instances / (size_t)threads;
    if (above > 0 && share > above * DEEP_FACTOR / 2 * 3) share = above * DEEP_FACTOR / 2 * 3;
    if (share > s->buffer.filled) share = s->buffer.filled;
    size_t set = power_of_two_below(share / 3 * 2 / (size_t)arrays);
    if (set * (size_t)arrays <= above) set = power_of_two_below(share / (size_t)arrays);
    return set * (size_t)arrays > above && set >= SZ_KERNEL_STEP ? set : 0;
}

static sz_status add_variant(ways *list, sz_survey *s, size_t level, const variant *v, bool dram) {
    const sz_kernel *k = sz_kernel_widest(v->family, s->cpu);
    if (!dram && v->family == SZ_KERNEL_load_four) return SZ_OK;
    const size_t one = dram ? 0 : sz_cache_set(s, level, 1, v->arrays);
    const size_t all = dram ? 0 : sz_cache_set(s, level, s->n_cpus, v->arrays);
    if (!k || (!s->options->thorough && !(dram ? v->in_dram : v->in_caches))) return SZ_OK;
    if (dram || one > 0) SZ_TRY(add_way(list, s, v, k, false, one));
    return s->n_cpus > 1 && (dram || all > 0) ? add_way(list, s, v, k, true, all) : SZ_OK;
}

static sz_status measure_variants(sz_survey *s, size_t level, bool dram, bool overwriting) {
    ways list = {.ctx = s->ctx};
    sz_status status = SZ_OK;
    for (size_t i = 0; status == SZ_OK && i < sizeof variants / sizeof variants[0]; i++)
        if (variants[i].overwrites == overwriting)
            status = add_variant(&list, s, level, &variants[i], dram);
    if (status == SZ_OK && list.list.n > 0) status = time_ways(s, level, &list);
    drop_ways(&list);
    return status;
}

static sz_status measure_level(sz_survey *s, size_t level) {
    const char *name = s->m->levels.items[level].level.name;
    const bool dram = strcmp(name, "DRAM") == 0;
    char text[64];
    snprintf(text, sizeof text, "bandwidths of %s", name);
    sz_survey_tell(s, text);
    SZ_TRY(measure_variants(s, level, dram, false));
    SZ_TRY(measure_variants(s, level, dram, true));
    if (dram || (sz_cache_set(s, level, 1, 1) > 0 && sz_cache_set(s, level, s->n_cpus, 1) > 0))
        return SZ_OK;
    return sz_machine_add_gap(s->m, name, "a thread's share is no larger than the cache above it");
}

sz_status sz_measure_bandwidths(sz_survey *s) {
    if (!s->buffer.bytes) return SZ_OK;
    for (size_t i = 0; i < s->m->levels.n; i++) SZ_TRY(measure_level(s, i));
    return SZ_OK;
}

// ---- working-set curve -------------------------------------------------------------------------

static void run_any(void *user, int thread, int64_t n) {
    sz_walk *w = user;
    (void)thread;
    w->job.n = n;
    w->kernel->run(&w->job);
}

// The knees of the bandwidth: those of the latency come too early in a cache that strangers share,
// because a chase leaves them the time to put its lines out.
static sz_status use_curve(sz_survey *s) {
    sz_curve_point points[SZ_CURVE_POINTS];
    int64_t knees[SZ_MAX_KNEES];
    size_t n = 0;
    for (; n < s->m->curve.n && n < SZ_CURVE_POINTS; n++) {
        points[n] = s->m->curve.items[n];
        if (!(points[n].byte_per_s > 0)) break;
        points[n].latency_s = 1 / points[n].byte_per_s;
    }
    if (n == 0 || s->m->levels.n == 0 || s->m->levels.items[0].level.knee_bytes > 0) return SZ_OK;
    const size_t found = sz_find_knees(points, n, knees);
    return sz_use_knees(s->m, s->n_cpus, knees, found);
}

// One working set in one sweep, by one thread. A set is walked a few times, or a large cache would
// not get the time to hold it.
static sz_status time_set(sz_survey *s, const sz_kernel *k, int64_t bytes, double *ret_seconds) {
    static const double SLOW = 10e9, WALKS = 3, LEAST_S = 0.005, MOST_S = 0.06;
    sz_walk w = {.kernel = k, .job = {.src = s->buffer.bytes, .mask = (uint64_t)bytes}};
    const double round_s = fmin(fmax(WALKS * (double)bytes / SLOW, LEAST_S), MOST_S);
    const sz_watch watch = sz_survey_watch(s, false, round_s, 0);
    const sz_work work = {.run = run_any, .user = &w, .per_unit = k->bytes};
    sz_reading r;
    SZ_TRY(sz_survey_time(s, &watch, &work, &r));
    *ret_seconds = 1 / r.rate.median;
    return SZ_OK;
}

// Loads over each working set of the curve that the buffer holds, in several sweeps.
sz_status sz_measure_bandwidth_curve(sz_survey *s) {
    enum { SWEEPS = 5 };
    const sz_kernel *k = sz_kernel_widest(SZ_KERNEL_load_any, s->cpu);
    double seconds[SZ_CURVE_POINTS][SWEEPS];
    size_t n = 0, sweeps = 0;
    if (!s->buffer.bytes || !k) return SZ_OK;
    while (n < s->m->curve.n && n < SZ_CURVE_POINTS &&
           (size_t)s->m->curve.items[n].bytes <= sz_near_bytes(&s->buffer))
        n++;
    for (; sweeps < SWEEPS && (sweeps == 0 || !sz_survey_late(s)); sweeps++)
        for (size_t i = 0; i < n; i++)
            SZ_TRY(time_set(s, k, s->m->curve.items[i].bytes, &seconds[i][sweeps]));
    for (size_t i = 0; i < n; i++)
        s->m->curve.items[i].byte_per_s = 1 / sz_settle(seconds[i], sweeps);
    return use_curve(s);
}
