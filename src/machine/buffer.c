// SPDX-License-Identifier: Apache-2.0
// The large buffer that bandwidths and latencies are measured on.
#include "machine/survey.h"
#include "machine/measure/traps.h"

#include <stdio.h>

#include "os/clock.h"
#include "os/pages.h"
#include "os/procfs.h"

static const size_t MIB = (size_t)1 << 20, BLOCK = (size_t)1 << 16;
static const size_t LEAST_MIB = 256;

// Four times all last-level caches: what is walked is long gone when the walk comes round again.
static size_t wanted_bytes(const sz_machine *m) {
    int64_t caches = 0;
    for (size_t i = 0; i < m->levels.n; i++) {
        const sz_level *l = &m->levels.items[i].level;
        int64_t all;
        if (strcmp(l->name, "DRAM") == 0 || !sz_mul(l->capacity_bytes, l->instances, &all))
            continue;
        if (all > caches) caches = all;
    }
    const size_t least = LEAST_MIB * MIB;
    if (caches > INT64_MAX / 4) return least;
    return (size_t)caches * 4 > least ? (size_t)caches * 4 : least;
}

// Not more than a quarter of what is free: this must never push a machine into swapping.
static size_t allowed_bytes(const sz_survey *s) {
    const int64_t free_bytes = sz_pages_available(s->root), limit = s->options->memory_bytes;
    int64_t most = free_bytes > 0 ? free_bytes / 4 : (int64_t)(LEAST_MIB * MIB);
    const int64_t group = s->m->has_host ? s->m->host.memory_limit_bytes : 0;
    if (limit > 0 && limit < most) most = limit;
    if (group > 0 && group / 4 < most) most = group / 4;
    return (size_t)most;
}

// ---- filling -----------------------------------------------------------------------------------

// Virtual machines may get their memory at no more than 0.3 GB/s, so the fill has a budget.
typedef struct fill {
    const sz_buffer *buffer;
    const volatile int *stop;
    size_t *filled; // one per thread
    double until;
} fill;

// Random f32 in [0.5, 1): memory controllers and hypervisors treat zeros as special, and denormals
// would slow the triad down. xorshift64: Marsaglia, J. Stat. Soft. 8(14), 2003.
static void fill_block(unsigned char *at, size_t bytes, uint64_t *seed) {
    uint64_t x = *seed, *words = (uint64_t *)(void *)at;
    for (size_t i = 0; i < bytes / 8; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        words[i] = (x & 0x007fffff007fffffu) | 0x3f0000003f000000u;
    }
    *seed = x;
}

static void run_fill(void *user, int thread, int64_t n) {
    fill *f = user;
    unsigned char *at = f->buffer->bytes + (size_t)thread * f->buffer->slice;
    uint64_t seed = 0x9e3779b97f4a7c15u * (uint64_t)(thread + 1);
    size_t done = 0;
    (void)n;
    for (; done < f->buffer->slice && sz_clock_s() < f->until; done += BLOCK) {
        if (f->stop && *f->stop) break;
        fill_block(at + done, BLOCK, &seed);
    }
    f->filled[thread] = done;
}

static sz_status fill_slices(sz_survey *s) {
    const size_t size = (size_t)s->n_cpus * sizeof(size_t);
    const sz_watch watch = sz_survey_watch(s, true, 1, 1);
    fill f = {&s->buffer, s->options->stop, sz_alloc(s->ctx, size), s->step_until};
    const sz_work work = {run_fill, &f, 1};
    if (!f.filled) return sz_no_memory(s->ctx);
    sz_status status = sz_watch_once(s->ctx, &watch, &work);
    s->buffer.filled = s->buffer.slice;
    for (int i = 0; i < s->n_cpus; i++)
        if (f.filled[i] < s->buffer.filled) s->buffer.filled = f.filled[i];
    sz_free(s->ctx, f.filled, size);
    return status;
}

// ---- memory nodes ------------------------------------------------------------------------------

static bool contains(const int *cpus, int n, int cpu) {
    for (int i = 0; i < n; i++)
        if (cpus[i] == cpu) return true;
    return false;
}

// How many of the first CPUs in use are on the memory node of the very first one.
static int near_threads(const sz_survey *s) {
    enum { MAX_NODES = 64, MAX_MEMBERS = 1024 };
    int members[MAX_MEMBERS], near = 1;
    for (int node = 0; node < MAX_NODES; node++) {
        char path[80], list[4096];
        snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", node);
        if (!sz_proc_line(s->root, path, list, sizeof list)) continue;
        int n = sz_proc_cpus(list, members, MAX_MEMBERS);
        if (n > MAX_MEMBERS) n = MAX_MEMBERS;
        if (!contains(members, n, s->cpus[0])) continue;
        while (near < s->n_cpus && contains(members, n, s->cpus[near])) near++;
        break;
    }
    return near;
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status note_size(sz_survey *s) {
    const size_t have = s->buffer.filled * (size_t)s->n_cpus, wanted = s->buffer.wanted;
    if (have >= wanted / 100 * 99) return SZ_OK;
    if (have < wanted / 2) s->m->ok = false; // some of it may have come from the last cache
    return sz_machine_add_note(s->m,
                               "DRAM was measured on %zu MiB; %zu MiB would be 4 x the last cache: "
                               "memory or time did not allow more",
                               have / MIB, wanted / MIB);
}

sz_status sz_map_buffer(sz_survey *s) {
    const size_t wanted = wanted_bytes(s->m), allowed = allowed_bytes(s);
    const size_t size = wanted < allowed ? wanted : allowed;
    sz_buffer *b = &s->buffer;
    b->wanted = wanted;
    b->slice = size / (size_t)s->n_cpus / (2 * MIB) * (2 * MIB);
    if (b->slice == 0)
        return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE, "too little memory is free to measure it");
    // A limit on addresses is not told in advance.
    for (; b->slice >= 2 * MIB && !b->bytes; b->slice = b->slice / (4 * MIB) * (2 * MIB)) {
        b->size = b->slice * (size_t)s->n_cpus;
        b->bytes = sz_pages_map(b->size);
        if (b->bytes) break;
    }
    if (!b->bytes)
        return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE, "the system refused a buffer of %zu MiB",
                       b->size / MIB);
    b->near_threads = near_threads(s);
    return SZ_OK;
}

// The pages were asked to be large; is that what they are?
static sz_status note_pages(sz_survey *s) {
    char mode[64];
    const int64_t huge = sz_pages_huge();
    if (huge < 0 || (size_t)huge >= s->buffer.filled * (size_t)s->n_cpus / 2) return SZ_OK;
    if (!sz_proc_line(s->root, "/sys/kernel/mm/transparent_hugepage/enabled", mode, sizeof mode))
        snprintf(mode, sizeof mode, "not told");
    return sz_machine_add_note(s->m,
                               "memory was measured on small pages, because the system gave no "
                               "large ones (transparent huge pages: %s)",
                               mode);
}

sz_status sz_fill_buffer(sz_survey *s) {
    if (!s->buffer.bytes) return SZ_OK;
    SZ_TRY(fill_slices(s));
    SZ_TRY(sz_survey_check(s));
    if (s->buffer.filled < MIB) {
        sz_unmap_buffer(s);
        return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE,
                       "the system gives pages too slowly to measure it");
    }
    if (sz_trap_constant(s->buffer.bytes, s->buffer.filled))
        SZ_TRY(sz_disturbed(s, "the buffer does not hold random numbers: rates may be too high"));
    SZ_TRY(note_pages(s));
    return note_size(s);
}

void sz_unmap_buffer(sz_survey *s) {
    sz_pages_unmap(s->buffer.bytes, s->buffer.size);
    s->buffer.bytes = NULL;
    s->buffer.filled = 0;
}

// A thread's own slice; all near slices when they are filled to the end and so lie without gaps.
size_t sz_near_bytes(const sz_buffer *b) {
    return b->filled < b->slice ? b->filled : b->slice * (size_t)b->near_threads;
}

static void run_flush(void *user, int thread, int64_t n) {
    const sz_survey *s = user;
    const sz_kernel *k = sz_kernel_widest(SZ_KERNEL_load, s->cpu);
    sz_kernel_job job = {.n = (int64_t)(s->buffer.filled / SZ_KERNEL_STEP),
                         .src = s->buffer.bytes + (size_t)thread * s->buffer.slice,
                         .mask = UINT64_MAX};
    (void)n;
    k->run(&job);
}

sz_status sz_flush_caches(sz_survey *s) {
    const sz_watch all = sz_survey_watch(s, true, 1, 1);
    const sz_work work = {run_flush, s, 1};
    return sz_watch_once(s->ctx, &all, &work);
}
