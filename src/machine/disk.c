// SPDX-License-Identifier: Apache-2.0
// The disk: one file of random numbers, written and read past the system's caches.
#include "machine/survey.h"

#include "os/clock.h"
#include "os/disk.h"
#include "os/pages.h"

enum { BLOCK = 1 << 20, PAGE = 4096, MAX_SAMPLES = 20000 };
static const int64_t MOST = (int64_t)1 << 30, LEAST = (int64_t)16 << 20;
static const double FASTEST = 60e9; // B/s; no disk is, so something answered in its stead

typedef struct probe {
    sz_survey *survey;
    sz_disk_file file;
    unsigned char *block; // BLOCK bytes
    double *samples;      // MAX_SAMPLES, seconds per request
    size_t n;
    int64_t size; // written
    double until;
    uint64_t seed;
    int error; // errno of what failed
} probe;

static uint64_t next_random(probe *p) { // xorshift64: Marsaglia, J. Stat. Soft. 8(14), 2003
    uint64_t x = p->seed;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return p->seed = x;
}

// Fresh numbers for each block, because a host may store equal blocks once. A page begins with its
// place, so that reads can be checked.
static void fill(probe *p, int64_t at, size_t bytes) {
    uint64_t *words = (uint64_t *)(void *)p->block;
    for (size_t i = 0; i < bytes / 8; i++)
        words[i] = i % (PAGE / 8) == 0 ? (uint64_t)at + i * 8 : next_random(p);
}

static bool holds(const probe *p, int64_t at, size_t bytes) {
    const uint64_t *words = (const uint64_t *)(const void *)p->block;
    for (size_t i = 0; i < bytes / 8; i += PAGE / 8)
        if (words[i] != (uint64_t)at + i * 8) return false;
    return true;
}

static void begin(probe *p, double seconds) {
    p->n = 0, p->error = 0;
    p->until = sz_clock_s() + seconds * p->survey->scale;
}

static bool goes_on(const probe *p) {
    const volatile int *stop = p->survey->options->stop;
    return p->n < MAX_SAMPLES && p->error == 0 && sz_clock_s() < p->until && !(stop && *stop);
}

// ---- runs --------------------------------------------------------------------------------------

// The time that all took, waiting for the disk to have it in the end.
static double write_all(probe *p, int64_t most) {
    double spent = 0;
    for (p->size = 0; p->size < most && goes_on(p); p->size += BLOCK) {
        fill(p, p->size, BLOCK);
        const double start = sz_clock_s();
        p->error = sz_disk_write(&p->file, p->size, p->block, BLOCK);
        if (p->error) break;
        spent += p->samples[p->n++] = sz_clock_s() - start;
    }
    const double start = sz_clock_s();
    const int error = sz_disk_sync(&p->file);
    if (!p->error) p->error = error;
    return spent + sz_clock_s() - start;
}

static double read_some(probe *p, size_t bytes, bool random) {
    const int64_t places = p->size / (int64_t)bytes;
    double spent = 0;
    for (int64_t i = 0; goes_on(p); i++) {
        const int64_t place = random ? (int64_t)(next_random(p) % (uint64_t)places) : i % places;
        const int64_t at = place * (int64_t)bytes;
        const double start = sz_clock_s();
        p->error = sz_disk_read(&p->file, at, p->block, bytes);
        spent += p->samples[p->n++] = sz_clock_s() - start;
        if (!p->error && !holds(p, at, bytes)) p->error = -1;
    }
    return spent;
}

static double write_random(probe *p, size_t bytes) {
    const uint64_t places = (uint64_t)p->size / bytes;
    double spent = 0;
    while (goes_on(p)) {
        const int64_t at = (int64_t)(next_random(p) % places * bytes);
        fill(p, at, bytes);
        const double start = sz_clock_s();
        p->error = sz_disk_write(&p->file, at, p->block, bytes);
        spent += p->samples[p->n++] = sz_clock_s() - start;
    }
    const double start = sz_clock_s();
    const int error = sz_disk_sync(&p->file);
    if (!p->error) p->error = error;
    return spent + sz_clock_s() - start;
}

// ---- records -----------------------------------------------------------------------------------

static sz_status failed(probe *p) {
    sz_ctx *ctx = p->survey->ctx;
    SZ_TRY(sz_survey_check(p->survey));
    if (p->error < 0)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "what was read is not what was written");
    if (p->error)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "the disk failed: %s", strerror(p->error));
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "no request ended in the time given");
}

// The samples of requests of `bytes` each as rates. *ret_latency_s: median of a request.
static sz_status add_rate(probe *p, sz_mem_level *level, const char *mix, bool random, size_t bytes,
                          double spent, double *ret_latency_s) {
    if (p->error || p->n == 0) return failed(p);
    const double per_s = (double)p->n * (double)bytes / spent;
    for (size_t i = 0; i < p->n; i++) p->samples[i] = (double)bytes / p->samples[i];
    const sz_stats r = sz_stats_of(p->samples, p->n);
    if (ret_latency_s) *ret_latency_s = (double)bytes / r.median;
    if (per_s > FASTEST)
        return sz_fail(p->survey->ctx, SZ_ERR_UNAVAILABLE,
                       "it answered faster than any disk: something else did, not trusted");
    const sz_bandwidth b = {.mix = mix,
                            .access = random ? "random" : "sequential",
                            .threads = 1,
                            .byte_per_s = r.median,
                            .with_write_allocate_byte_per_s = SZ_NAN,
                            .byte_per_cycle = SZ_NAN,
                            .window_byte_per_s = per_s,
                            .working_set_bytes = p->size,
                            .n = r.n,
                            .median = r.median,
                            .best = r.best,
                            .p5 = r.p5,
                            .p95 = r.p95,
                            .ci_lo = r.ci_lo,
                            .ci_hi = r.ci_hi,
                            .spread = r.spread,
                            .disturbed = SZ_NAN};
    return sz_vec_push(p->survey->ctx, &level->bandwidths, b) ? SZ_OK
                                                              : sz_no_memory(p->survey->ctx);
}

static sz_status measure(probe *p, sz_mem_level *level, int64_t most) {
    begin(p, 0.8);
    double spent = write_all(p, most);
    // A quota may be met before the disk is full: what was written is then enough, if it is enough.
    if (p->error && p->size >= LEAST) p->error = 0;
    SZ_TRY(add_rate(p, level, "store", false, BLOCK, spent, NULL));
    if (!sz_disk_written(&p->file, p->size))
        return sz_fail(p->survey->ctx, SZ_ERR_UNAVAILABLE,
                       "the file system did not put the file on the disk");
    begin(p, 0.5);
    spent = read_some(p, BLOCK, false);
    SZ_TRY(add_rate(p, level, "load", false, BLOCK, spent, NULL));
    begin(p, 0.3);
    spent = read_some(p, PAGE, true);
    level->level.latency_n = (int64_t)p->n;
    SZ_TRY(add_rate(p, level, "load", true, PAGE, spent, &level->level.latency_s));
    level->level.latency_spread = level->bandwidths.items[level->bandwidths.n - 1].spread;
    begin(p, 0.3);
    spent = write_random(p, PAGE);
    return add_rate(p, level, "store", true, PAGE, spent, NULL);
}

// A quarter of what is free at most, and never more than 1 GiB.
static sz_status measure_file(probe *p) {
    sz_survey *s = p->survey;
    const int64_t quarter = p->file.free_bytes / 4, most = (quarter < MOST ? quarter : MOST);
    const sz_level disk = {.name = "disk",
                           .capacity_bytes = p->file.disk_bytes,
                           .instances = 1,
                           .line_bytes = PAGE,
                           .latency_s = SZ_NAN,
                           .latency_spread = SZ_NAN,
                           .latency_small_pages_s = SZ_NAN};
    sz_mem_level *level;
    if (most < LEAST)
        return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE, "too little space is free in '%s'",
                       s->options->disk);
    SZ_TRY(sz_machine_add_level(s->m, &disk, &level));
    const sz_status status = measure(p, level, most / BLOCK * BLOCK);
    if (level->bandwidths.n == 0) { // nothing is known of it
        sz_vec_finish(s->ctx, &level->bandwidths);
        s->m->levels.n--;
    }
    return status;
}

sz_status sz_measure_disk(sz_survey *s) {
    const size_t samples = MAX_SAMPLES * sizeof(double);
    probe p = {.survey = s, .seed = 0x9e3779b97f4a7c15u ^ (uint64_t)(sz_clock_s() * 1e9)};
    if (!s->options->disk)
        return sz_machine_add_gap(s->m, "disk", "not measured: no folder was given for it");
    SZ_TRY(sz_disk_open(s->ctx, s->options->disk, &p.file));
    p.block = sz_pages_map(BLOCK);
    p.samples = sz_alloc(s->ctx, samples);
    sz_status status = p.block && p.samples ? measure_file(&p) : sz_no_memory(s->ctx);
    sz_free(s->ctx, p.samples, samples);
    sz_pages_unmap(p.block, BLOCK);
    sz_disk_close(&p.file);
    return status;
}
