// SPDX-License-Identifier: Apache-2.0
// Levels of memory, disk, links and overheads: kernels, knees, and measuring in bad places.
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/measure/walk.h"
#include "machine/survey.h"
#include "os/clock.h"
#include "os/disk.h"
#include "os/folder.h"
#include "os/pages.h"

// ---- kernels -----------------------------------------------------------------------------------

enum { SIZE = 64 * 1024, FLOATS = SIZE / 4, STEPS = SIZE / SZ_KERNEL_STEP };

typedef struct arrays {
    unsigned char *all;
    float *a, *b, *c;
} arrays;

static arrays make_arrays(void) {
    arrays m = {.all = aligned_alloc(4096, 3 * SIZE)};
    assert_non_null(m.all);
    m.a = (float *)(void *)m.all, m.b = m.a + FLOATS, m.c = m.b + FLOATS;
    for (int i = 0; i < 3 * FLOATS; i++) m.a[i] = 0.5f + (float)(i % 997);
    return m;
}

static sz_kernel_job job_on(const arrays *m) {
    return (sz_kernel_job){.n = STEPS,
                           .src = (unsigned char *)m->a,
                           .src2 = (unsigned char *)m->b,
                           .dst = (unsigned char *)m->c,
                           .mask = SIZE - 1};
}

static void check_moved(const sz_kernel *k, const arrays *m, const float *before) {
    for (int i = 0; i < FLOATS; i++) switch (k->family) {
        case SZ_KERNEL_store:
        case SZ_KERNEL_store_nt:
            assert_true(m->c[i] == m->a[i % (k->bits / 32)]);
            break;
        case SZ_KERNEL_copy_rep:
            assert_true(m->c[i] == m->a[i]);
            break;
        case SZ_KERNEL_triad:
        case SZ_KERNEL_triad_nt:
            assert_true(m->c[i] == m->a[i] + 0.5f * m->b[i]);
            break;
        default:
            assert_true(m->c[i] != before[i] && fabsf(m->c[i] - before[i]) < 1e-3f);
        }
}

static void kernels_move(void **state) {
    const sz_kernel *k;
    int ran = 0;
    (void)state;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        const bool mine = k->family == SZ_KERNEL_store || k->family == SZ_KERNEL_store_nt ||
                          k->family == SZ_KERNEL_copy_rep || k->family == SZ_KERNEL_triad ||
                          k->family == SZ_KERNEL_triad_nt || k->family == SZ_KERNEL_update;
        if (!mine || !sz_kernel_runs(k, sz_cpu_detect())) continue;
        arrays m = make_arrays(), old = make_arrays();
        sz_kernel_job job = job_on(&m);
        k->run(&job);
        assert_int_equal(job.offset, 0); // round once
        check_moved(k, &m, old.c);
        job.n = 3;
        k->run(&job);
        assert_int_equal(job.offset, 3 * SZ_KERNEL_STEP);
        free(m.all), free(old.all), ran++;
    }
    assert_true(ran >= 3);
}

// A working set of any length: the offset comes back to 0 at its end, and nothing lies beyond.
static void any_length(void **state) {
    const sz_kernel *k;
    (void)state;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_load_any || !sz_kernel_runs(k, sz_cpu_detect())) continue;
        unsigned char *p = aligned_alloc(512, 3 * SZ_KERNEL_STEP);
        memset(p, 1, 3 * SZ_KERNEL_STEP);
        sz_kernel_job job = {.n = 7, .src = p, .mask = 3 * SZ_KERNEL_STEP};
        k->run(&job);
        assert_int_equal(job.offset, SZ_KERNEL_STEP);
        job.n = 2;
        k->run(&job);
        assert_int_equal(job.offset, 0);
        free(p);
    }
}

// Nothing beyond the four places is read (a sanitizer or a guard would tell), all four are: the row
// in C leaves the exclusive or of what it read.
static void four_places(void **state) {
    enum { APART = 2 * SZ_KERNEL_STEP };
    const sz_kernel *k;
    int ran = 0;
    (void)state;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_load_four || !sz_kernel_runs(k, sz_cpu_detect())) continue;
        unsigned char *p = aligned_alloc(512, 3 * APART + SZ_KERNEL_STEP);
        memset(p, 0, 3 * APART + SZ_KERNEL_STEP);
        for (int place = 0; place < 4; place++) p[place * APART + 64 * place] = 1 << place;
        sz_kernel_job job = {.n = 1, .src = p, .mask = UINT64_MAX, .cursor = APART};
        k->run(&job);
        assert_int_equal(job.offset, SZ_KERNEL_STEP);
        if (k->portable) assert_int_equal(job.sink, 15);
        free(p), ran++;
    }
    assert_true(ran > 0);
}

// Arrays do not begin at the same place of a large page, and stay within what they divide.
static void arrays_apart(void **state) {
    (void)state;
    for (size_t n = 2; n <= 4; n++)
        for (size_t mib = 1; mib <= 1024; mib *= 2) {
            const size_t size = mib << 20, apart = sz_walk_apart(size, n);
            assert_true(n * apart <= size && n * apart >= size / 4);
            assert_int_equal(apart % 4096, 0);
            if (mib >= 64) assert_true(apart % (2 << 20) != 0);
        }
}

static void gather_follows(void **state) {
    static const uint64_t words[] = {3, 0, 1, 2}; // 0 3 2 1 0
    uint64_t cursors[16];
    const sz_kernel *k = sz_kernel_widest(SZ_KERNEL_gather, 0);
    sz_kernel_job job = {
        .n = 5, .src = (const unsigned char *)words, .dst = (unsigned char *)cursors};
    (void)state;
    for (uint64_t i = 0; i < 16; i++) cursors[i] = i % 4;
    k->run(&job);
    for (uint64_t i = 0; i < 16; i++) assert_int_equal(cursors[i], (i + 3) % 4);
}

static void kernels_declare_their_bytes(void **state) {
    const sz_kernel *k;
    (void)state;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family < SZ_KERNEL_store || k->family > SZ_KERNEL_load_four) continue;
        assert_int_equal((k->loads + k->stores) * k->bits / 8, k->bytes);
        assert_int_equal(k->bytes % SZ_KERNEL_STEP, 0);
    }
}

// ---- knees -------------------------------------------------------------------------------------

// A machine as a list of caches: latency of a working set by what does not fit.
static size_t synthetic_curve(const int64_t *caches, const double *latencies, size_t n,
                              sz_curve_point *points) {
    int64_t sizes[SZ_CURVE_POINTS];
    const size_t count = sz_curve_sizes((int64_t)1 << 30, sizes, SZ_CURVE_POINTS);
    for (size_t i = 0; i < count; i++) {
        double t = latencies[0];
        for (size_t c = 0; c < n; c++) {
            const double miss = 1 - (double)caches[c] / (double)sizes[i];
            if (miss > 0) t += miss * (latencies[c + 1] - latencies[c]);
        }
        points[i] = (sz_curve_point){.bytes = sizes[i], .latency_s = t * 1e-9};
    }
    return count;
}

static void sizes_are_spaced(void **state) {
    int64_t sizes[SZ_CURVE_POINTS];
    const size_t n = sz_curve_sizes((int64_t)2 << 30, sizes, SZ_CURVE_POINTS);
    (void)state;
    assert_int_equal(sizes[0], 4096);
    assert_true(n > 40 && sizes[n - 1] <= (int64_t)2 << 30);
    for (size_t i = 1; i < n; i++) {
        assert_int_equal(sizes[i] % SZ_KERNEL_STEP, 0);
        assert_true(fabs((double)sizes[i] / (double)sizes[i - 1] - 4.0 / 3) < 0.08);
    }
    assert_int_equal(sz_curve_sizes(4095, sizes, SZ_CURVE_POINTS), 0);
    assert_int_equal(sz_curve_sizes(INT64_MAX, sizes, SZ_CURVE_POINTS), SZ_CURVE_POINTS);
}

// Each knee within a step of the grid, or somewhat more where the rise is slow.
static void knees_are_found(void **state) {
    static const struct {
        size_t n;
        int64_t caches[3];
        double latencies[4];
    } machines[] = {
        {3, {48 << 10, 2 << 20, 32 << 20}, {1.3, 4.4, 30, 150}},
        {3, {32 << 10, 256 << 10, 8 << 20}, {1, 3, 12, 80}},
        {2, {64 << 10, 512 << 10}, {2, 8, 120}},
        {1, {16 << 10}, {3, 90}},
        {0, {0}, {100}},
    };
    sz_curve_point points[SZ_CURVE_POINTS];
    int64_t knees[SZ_MAX_KNEES];
    (void)state;
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        const size_t n = synthetic_curve(machines[i].caches, machines[i].latencies, machines[i].n,
                                         points);
        assert_int_equal(sz_find_knees(points, n, knees), machines[i].n);
        for (size_t c = 0; c < machines[i].n; c++) {
            const double ratio = (double)knees[c] / (double)machines[i].caches[c];
            assert_true(ratio > 0.6 && ratio < 1.4);
        }
    }
}

// One disturbed point is no knee, and short or empty curves have none.
static void knees_forgive(void **state) {
    static const int64_t caches[] = {32 << 10, 1 << 20};
    static const double latencies[] = {1, 4, 100};
    sz_curve_point points[SZ_CURVE_POINTS];
    int64_t knees[SZ_MAX_KNEES];
    const size_t n = synthetic_curve(caches, latencies, 2, points);
    (void)state;
    points[3].latency_s *= 5;
    points[14].latency_s *= 3;
    assert_int_equal(sz_find_knees(points, n, knees), 2);
    assert_int_equal(sz_find_knees(points, 2, knees), 0);
    assert_int_equal(sz_find_knees(points, 0, knees), 0);
}

// ---- recorded curves ---------------------------------------------------------------------------

static const char *here; // tests/machine

typedef struct recorded {
    size_t n, sweeps;
    int64_t bytes[SZ_CURVE_POINTS];
    double seconds[SZ_CURVE_POINTS][5];
} recorded;

static void read_curve(const char *name, recorded *r) {
    char path[4096], line[256];
    snprintf(path, sizeof path, "%s/curves/%s", here, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    *r = (recorded){.sweeps = 5};
    while (fgets(line, sizeof line, f)) {
        long long bytes;
        double *t = r->seconds[r->n];
        if (line[0] == '#') continue;
        assert_int_equal(sscanf(line, "%lld %lf %lf %lf %lf %lf", &bytes, &t[0], &t[1], &t[2],
                                &t[3], &t[4]), 6);
        r->bytes[r->n++] = bytes;
        assert_in_range(r->n, 1, SZ_CURVE_POINTS - 1);
    }
    fclose(f);
}

// As if a stranger had come by: `share` in 256 of the readings are up to `times` as slow.
static void disturb(recorded *r, uint64_t seed, unsigned share, double times) {
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->sweeps; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if ((seed >> 56) < share)
                r->seconds[i][k] *= 1 + (times - 1) * (double)(seed >> 40 & 0xffff) / 65536;
        }
}

static size_t knees_of(recorded r, int64_t *ret_knees) {
    sz_curve_point points[SZ_CURVE_POINTS];
    for (size_t i = 0; i < r.n; i++)
        points[i] = (sz_curve_point){.bytes = r.bytes[i],
                                     .latency_s = sz_settle(r.seconds[i], r.sweeps)};
    return sz_find_knees(points, r.n, ret_knees);
}

static sz_machine *machine_of(sz_ctx *ctx, const int64_t *caches, size_t n);

// Bandwidths of a shared host: L1 of 32 KiB and L2 of 512 KiB as the maker says; of the 32 MiB of
// L3 the strangers leave less than half.
static void recorded_knees(void **state) {
    static const int64_t claims[] = {32 << 10, 512 << 10, 32 << 20};
    static const char *const names[] = {"zen3-shared-1.txt", "zen3-shared-2.txt"};
    for (size_t i = 0; i < 2; i++)
        for (uint64_t seed = 0; seed < 50; seed++) {
            int64_t knees[SZ_MAX_KNEES];
            recorded r;
            read_curve(names[i], &r);
            if (seed > 0) disturb(&r, seed, 16, 3); // one reading in 16
            const size_t n = knees_of(r, knees);
            sz_machine *m = machine_of(*state, claims, 3);
            assert_int_equal(sz_use_knees(m, 2, knees, n), SZ_OK);
            const sz_mem_level *l = m->levels.items;
            assert_in_range(l[0].level.knee_bytes, 23 << 10, 33 << 10);
            // Its step is a third in time, at the edge of what shows.
            if (seed == 0 || l[1].level.knee_bytes > 0)
                assert_in_range(l[1].level.knee_bytes, 280 << 10, 720 << 10);
            // Undisturbed 9.2 MiB; noise may move it by three steps of the grid.
            if (seed == 0) assert_in_range(l[2].level.knee_bytes, 9 << 20, 10 << 20);
            assert_in_range(l[2].level.knee_bytes, 5 << 20, 24 << 20);
            assert_int_equal(l[2].level.capacity_bytes, 32 << 20);
            sz_machine_destroy(m);
        }
}

// As many knees as caches, but not of the same ones: what lies near a claim is its, and the last
// cache may be found smaller.
static void knees_find_their_caches(void **state) {
    static const int64_t claims[] = {32 << 10, 512 << 10, 32 << 20};
    static const int64_t lost_l2[] = {30 << 10, 5316 << 10, 94388 << 10};
    static const int64_t only_l3[] = {9 << 20};
    sz_machine *m = machine_of(*state, claims, 3);
    assert_int_equal(sz_use_knees(m, 2, lost_l2, 3), SZ_OK);
    assert_int_equal(m->levels.items[0].level.knee_bytes, 30 << 10);
    assert_int_equal(m->levels.items[1].level.knee_bytes, 0);
    assert_int_equal(m->levels.items[2].level.knee_bytes, 5316 << 10);
    assert_int_equal(sz_use_knees(m, 2, only_l3, 1), SZ_OK);
    assert_int_equal(m->levels.items[0].level.knee_bytes, 0);
    assert_int_equal(m->levels.items[2].level.knee_bytes, 9 << 20);
    assert_int_equal(sz_use_knees(m, 2, only_l3, 0), SZ_OK); // none at all
    assert_int_equal(m->levels.items[2].level.knee_bytes, 0);
    sz_machine_destroy(m);
}

static sz_machine *machine_of(sz_ctx *ctx, const int64_t *caches, size_t n) {
    static const char *const names[] = {"L1", "L2", "L3"};
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_create(ctx, &m), SZ_OK);
    for (size_t i = 0; i <= n; i++) {
        const sz_level l = {.name = i < n ? names[i] : "DRAM",
                            .capacity_bytes = i < n ? caches[i] : (int64_t)8 << 30,
                            .instances = 2};
        assert_int_equal(sz_machine_add_level(m, &l, NULL), SZ_OK);
    }
    return m;
}

static void knees_against_claims(void **state) {
    static const int64_t claims[] = {48 << 10, 2 << 20, 480 << 20};
    static const int64_t knees[] = {40 << 10, 1300 << 10, 30 << 20};
    static const int64_t with_tlb[] = {40 << 10, 380 << 10, 1300 << 10, 400 << 20};
    sz_machine *m = machine_of(*state, claims, 3);
    assert_int_equal(sz_use_knees(m, 2, knees, 3), SZ_OK);
    assert_int_equal(m->levels.items[1].level.knee_bytes, 1300 << 10);
    assert_int_equal(m->notes.n, 1);
    assert_string_equal(m->notes.items[0],
                        "L3: the system says 491520 KiB, but the working-set curve leaves it at "
                        "30720 KiB: others share it, or a hypervisor shows the host's whole cache");
    sz_machine_destroy(m);
    m = machine_of(*state, claims, 3); // one knee too many
    assert_int_equal(sz_use_knees(m, 2, with_tlb, 4), SZ_OK);
    assert_int_equal(m->levels.items[1].level.knee_bytes, 1300 << 10);
    assert_int_equal(m->levels.items[2].level.knee_bytes, 400 << 20);
    assert_int_equal(m->notes.n, 0);
    sz_machine_destroy(m);
    m = machine_of(*state, claims, 3); // the last cache does not show
    assert_int_equal(sz_use_knees(m, 2, knees, 2), SZ_OK);
    assert_int_equal(m->levels.items[2].level.knee_bytes, 0);
    assert_string_equal(m->notes.items[0], "L3: the working-set curve shows no end of it");
    sz_machine_destroy(m);
}

static void knees_make_caches(void **state) {
    static const int64_t knees[] = {40 << 10, 1300 << 10, 30 << 20};
    sz_machine *m = machine_of(*state, NULL, 0);
    assert_int_equal(sz_use_knees(m, 4, knees, 3), SZ_OK);
    assert_int_equal(m->levels.n, 4);
    assert_string_equal(m->levels.items[0].level.name, "L1");
    assert_int_equal(m->levels.items[1].level.capacity_bytes, 1300 << 10);
    assert_int_equal(m->levels.items[1].level.instances, 4);
    assert_int_equal(m->levels.items[2].level.instances, 1);
    assert_string_equal(m->levels.items[3].level.name, "DRAM");
    sz_machine_destroy(m);
}

// ---- disk --------------------------------------------------------------------------------------

static int entries(const char *folder) {
    DIR *d = opendir(folder);
    int n = 0;
    assert_non_null(d);
    while (readdir(d)) n++;
    closedir(d);
    return n - 2; // "." and ".."
}

// What was allocated or left out, but not written, is found.
static void unwritten_is_found(void **state) {
    char folder[] = "levels-disk-XXXXXX"; // here, because /tmp may be memory
    sz_disk_file f;
    unsigned char *block = sz_pages_map(1 << 20);
    assert_non_null(mkdtemp(folder));
    memset(block, 7, 1 << 20);
    if (sz_disk_open(*state, folder, &f) == SZ_OK) {
        assert_int_equal(entries(folder), 0); // no name
        assert_int_equal(sz_disk_write(&f, 0, block, 1 << 20), 0);
        assert_int_equal(sz_disk_sync(&f), 0);
        assert_true(sz_disk_written(&f, 1 << 20));
        assert_int_equal(sz_disk_write(&f, 4 << 20, block, 1 << 20), 0);
        assert_int_equal(sz_disk_sync(&f), 0);
        assert_false(sz_disk_written(&f, 5 << 20)); // a hole
        assert_int_equal(sz_disk_read(&f, 0, block, 4096), 0);
        sz_disk_close(&f);
    }
    sz_pages_unmap(block, 1 << 20);
    assert_int_equal(rmdir(folder), 0);
}

static void no_disk(void **state) {
    sz_disk_file f;
    struct stat st;
    assert_int_equal(sz_disk_open(*state, "/nonexistent", &f), SZ_ERR_UNAVAILABLE);
    assert_string_equal(sz_ctx_error(*state),
                        "cannot make a file in '/nonexistent': No such file or directory");
    assert_int_equal(sz_disk_open(*state, "/proc", &f), SZ_ERR_UNAVAILABLE);
    assert_int_equal(sz_disk_open(*state, "/proc/self/status", &f), SZ_ERR_UNAVAILABLE);
    if (stat("/dev/shm", &st) != 0 || access("/dev/shm", W_OK) != 0) return;
    assert_int_equal(sz_disk_open(*state, "/dev/shm", &f), SZ_ERR_UNAVAILABLE);
    assert_string_equal(sz_ctx_error(*state), "'/dev/shm' is kept in memory, not on a disk");
}

// ---- measuring ---------------------------------------------------------------------------------

static const char *why(const sz_machine *m, const char *what) {
    for (size_t i = 0; i < m->gaps.n; i++)
        if (strcmp(m->gaps.items[i].what, what) == 0) return m->gaps.items[i].why;
    return "";
}

static bool has_note(const sz_machine *m, const char *start) {
    for (size_t i = 0; i < m->notes.n; i++)
        if (strncmp(m->notes.items[i], start, strlen(start)) == 0) return true;
    return false;
}

// Everything, on whatever machine this is: relations, not constants.
static void measures_everything(void **state) {
    char folder[] = "levels-all-XXXXXX";
    assert_non_null(mkdtemp(folder));
    const sz_measure_options all = {
        .budget_s = 2.4, .threads = 2, .thorough = 1, .disk = folder, .memory_bytes = 64 << 20};
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_measure(*state, &all, &m), SZ_OK);
    assert_int_equal(rmdir(folder), 0); // nothing was left in it
    const sz_mem_level *dram = &m->levels.items[sz_main_memory(m)];
    assert_true(dram->bandwidths.n >= 4 && dram->level.latency_s > 1e-10);
    for (size_t i = 0; i < dram->bandwidths.n; i++) {
        const sz_bandwidth *b = &dram->bandwidths.items[i];
        const double moved = b->with_write_allocate_byte_per_s / b->byte_per_s;
        const bool plain = b->stores && strcmp(b->stores, "plain") == 0;
        if (plain && strcmp(b->mix, "store") == 0) assert_true(fabs(moved - 2) < 1e-9);
        if (plain && strcmp(b->mix, "copy") == 0) assert_true(fabs(moved - 1.5) < 1e-9);
        if (strcmp(b->mix, "load") == 0) assert_true(fabs(moved - 1) < 1e-9);
        assert_true(b->working_set_bytes <= 64 << 20);
    }
    assert_true(m->curve.n >= 5);
    for (size_t i = 1; i < m->curve.n; i++)
        assert_true(m->curve.items[i].bytes > m->curve.items[i - 1].bytes);
    assert_true(m->overhead.timer_s > 1e-10 && m->overhead.syscall_s > 1e-9);
    assert_true(m->overhead.dispatch_s > 1e-11 && m->overhead.page_fault_s > 1e-9);
    assert_true(m->links.n >= 1 || why(m, "network")[0]);
    assert_true(strcmp(m->levels.items[m->levels.n - 1].level.name, "disk") == 0 ||
                why(m, "disk")[0]);
    sz_machine_destroy(m);
}

typedef struct stopper {
    volatile int stop;
    const char *at;
} stopper;

static void stop_at(void *user, const char *what) {
    stopper *s = user;
    if (strcmp(what, s->at) == 0) s->stop = 1;
}

// Wherever it is stopped, what was done until then is there.
static void stops(void **state) {
    static const char *const places[] = {"clock",     "memory",  "bandwidths", "latencies",
                                         "overheads", "network", "disk",       "latency curve"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        stopper s = {.at = places[i]};
        const sz_measure_options options = {.budget_s = 0.2,
                                            .threads = 1,
                                            .memory_bytes = 16 << 20,
                                            .thorough = 1,
                                            .disk = ".",
                                            .stop = &s.stop,
                                            .progress = stop_at,
                                            .user = &s};
        sz_machine *m = NULL;
        assert_int_equal(sz_machine_measure(*state, &options, &m), SZ_OK);
        assert_int_equal(s.stop, 1);
        assert_true(has_note(m, "stopped by the user"));
        assert_false(m->ok);
        assert_int_equal(m->peaks.n > 0, i > 0);
        const bool after_links = strcmp(places[i], "disk") == 0;
        assert_int_equal(m->links.n > 0 || why(m, "network")[0], after_links);
        sz_machine_destroy(m);
    }
}

static void write_file(sz_ctx *ctx, const char *root, const char *path, const char *text) {
    char full[256];
    snprintf(full, sizeof full, "%s%s", root, path);
    assert_int_equal(sz_folder_write(ctx, full, text, strlen(text)), SZ_OK);
}

static void remove_file(const char *root, const char *path) {
    char full[256];
    snprintf(full, sizeof full, "%s%s", root, path);
    remove(full);
}

// A tree without /sys and with little memory: the caches come from the curve, one CPU cannot fork
// and join, and all the rest is measured.
static void bad_places(void **state) {
    char root[] = "levels-root-XXXXXX";
    assert_non_null(mkdtemp(root));
    write_file(*state, root, "/proc/cpuinfo", "model name\t: Small\n");
    write_file(*state, root, "/proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 400000 kB\n");
    const sz_measure_options options = {
        .root = root, .budget_s = 0.8, .threads = 1, .disk = "/nonexistent"};
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_measure(*state, &options, &m), SZ_OK);
    const sz_mem_level *dram = &m->levels.items[sz_main_memory(m)];
    assert_true(dram->bandwidths.n >= 4);
    for (size_t i = 0; i < dram->bandwidths.n; i++)
        assert_true(dram->bandwidths.items[i].working_set_bytes <= 100000 << 10);
    assert_string_equal(why(m, "cache sizes"), "the system does not tell them in /sys");
    assert_string_equal(why(m, "fork and join"), "there is one CPU to use: no second thread");
    assert_string_equal(why(m, "disk"),
                        "cannot make a file in '/nonexistent': No such file or directory");
    assert_true(has_note(m, "DRAM was measured on "));
    assert_true(m->peaks.n > 0 && m->overhead.timer_s > 0 && isnan(m->overhead.fork_join_s));
    sz_machine_destroy(m);
    remove_file(root, "/proc/cpuinfo"), remove_file(root, "/proc/meminfo");
    remove_file(root, "/proc"), remove_file(root, "");
}

// Too little memory for any buffer: a gap, and no level with numbers.
static void no_room(void **state) {
    const sz_measure_options options = {.budget_s = 0.2, .threads = 1, .memory_bytes = 1 << 20};
    sz_machine *m = NULL;
    assert_int_equal(sz_machine_measure(*state, &options, &m), SZ_OK);
    assert_string_equal(why(m, "memory"), "too little memory is free to measure it");
    assert_string_equal(why(m, "disk"), "not measured: no folder was given for it");
    assert_int_equal(m->levels.items[sz_main_memory(m)].bandwidths.n, 0);
    sz_machine_destroy(m);
}

static int make_ctx(void **state) {
    *state = sz_ctx_create(NULL);
    return *state ? 0 : -1;
}

static int drop_ctx(void **state) {
    const size_t left = sz_ctx_memory_used(*state);
    sz_ctx_destroy(*state);
    return left == 0 ? 0 : -1;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_ctx, drop_ctx)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_move),
        cmocka_unit_test(any_length),
        cmocka_unit_test(four_places),
        cmocka_unit_test(arrays_apart),
        cmocka_unit_test(gather_follows),
        cmocka_unit_test(kernels_declare_their_bytes),
        cmocka_unit_test(sizes_are_spaced),
        cmocka_unit_test(knees_are_found),
        cmocka_unit_test(knees_forgive),
        TEST(recorded_knees),
        TEST(knees_find_their_caches),
        TEST(knees_against_claims),
        TEST(knees_make_caches),
        TEST(unwritten_is_found),
        TEST(no_disk),
        TEST(measures_everything),
        TEST(stops),
        TEST(bad_places),
        TEST(no_room),
    };
    if (argc != 2) return 2;
    here = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
