// SPDX-License-Identifier: Apache-2.0
// Kinds of cores: performance and efficiency cores of laptops, big and little ones of phones.
#include "machine/machine.h"

#include <stdio.h>

#include "os/procfs.h"

enum { MAX_KINDS = 8, LIST_BYTES = 4096 };

typedef struct kind {
    const char *name;
    int64_t capacity; // relative speed by /sys, of the fastest member
    int *cpus;        // room for all CPUs
    int n;
} kind;

// ---- facts of a kind ---------------------------------------------------------------------------

// "0-3,8" of sorted numbers; cut where there is no room.
static void put_list(char *buf, size_t cap, const int *cpus, int n) {
    size_t at = 0;
    buf[0] = '\0';
    for (int i = 0; i < n && at + 24 < cap;) {
        int last = i;
        while (last + 1 < n && cpus[last + 1] == cpus[last] + 1) last++;
        const char *comma = at ? "," : "";
        if (last > i)
            at += (size_t)snprintf(buf + at, cap - at, "%s%d-%d", comma, cpus[i], cpus[last]);
        else
            at += (size_t)snprintf(buf + at, cap - at, "%s%d", comma, cpus[i]);
        i = last + 1;
    }
}

// Size of the data cache of a depth, of that CPU; 0 = not known.
static int64_t cache_bytes(const char *root, int cpu, int depth) {
    for (int index = 0; index < 5; index++) {
        char path[128], type[32];
        const size_t base = (size_t)snprintf(
            path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/", cpu, index);
#define CACHE_FILE(name) (snprintf(path + base, sizeof path - base, name), path)
        if (!sz_proc_line(root, CACHE_FILE("type"), type, sizeof type)) continue;
        if (strcmp(type, "Instruction") == 0) continue;
        if (sz_proc_int(root, CACHE_FILE("level"), 0) != depth) continue;
        return sz_proc_int(root, CACHE_FILE("size"), 0);
#undef CACHE_FILE
    }
    return 0;
}

static double max_clock(const char *root, int cpu) {
    char path[128];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/cpuinfo_max_freq", cpu);
    const int64_t khz = sz_proc_int(root, path, 0);
    return khz > 0 ? 1e3 * (double)khz : SZ_NAN;
}

static sz_status add_kind(sz_machine *m, const char *root, const kind *k) {
    char list[LIST_BYTES];
    put_list(list, sizeof list, k->cpus, k->n);
    sz_core_kind c = {
        .name = k->name,
        .cpus = sz_machine_text(m, list),
        .cores = sz_count_groups(root, k->cpus, k->n, "topology/thread_siblings_list"),
        .threads = k->n,
        .clock_max_hz = max_clock(root, k->cpus[0]),
        .l1_bytes = cache_bytes(root, k->cpus[0], 1),
        .l2_bytes = cache_bytes(root, k->cpus[0], 2)};
    if (!c.cpus || !sz_vec_push(m->ctx, &m->kinds, c)) return sz_no_memory(m->ctx);
    return SZ_OK;
}

// ---- finding the kinds -------------------------------------------------------------------------

// Kernels for Intel's hybrid parts name a counter unit for each kind of core.
static int kinds_by_unit(const char *root, int n_cpus, kind *kinds) {
    static const struct {
        const char *path, *name;
    } units[] = {{"/sys/devices/cpu_core/cpus", "performance"},
                 {"/sys/devices/cpu_atom/cpus", "efficiency"},
                 {"/sys/devices/cpu_lowpower/cpus", "low power"}};
    int n = 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        char list[LIST_BYTES];
        if (!sz_proc_line(root, units[i].path, list, sizeof list)) continue;
        kinds[n].name = units[i].name;
        kinds[n].n = sz_proc_cpus(list, kinds[n].cpus, n_cpus);
        if (kinds[n].n > n_cpus) kinds[n].n = n_cpus;
        n += kinds[n].n > 0;
    }
    return n;
}

static bool alike(int64_t a, int64_t b) { return 10 * a >= 9 * b && 10 * b >= 9 * a; }

// Else by relative speed, which Arm kernels have always told and others tell lately. Favoured cores
// of one design differ by a few per cent: that makes no kind.
static int kinds_by_capacity(const char *root, const int *cpus, int n_cpus, kind *kinds) {
    int n = 0;
    for (int i = 0; i < n_cpus; i++) {
        char path[96];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpu_capacity", cpus[i]);
        const int64_t capacity = sz_proc_int(root, path, 0);
        int k = 0;
        if (capacity <= 0) return 0;
        while (k < n && !alike(kinds[k].capacity, capacity)) k++;
        if (k == MAX_KINDS) return 0;
        if (k == n) kinds[n].capacity = capacity, kinds[n].n = 0, n++;
        kinds[k].cpus[kinds[k].n++] = cpus[i];
    }
    return n;
}

// The fastest first.
static void sort_kinds(kind *kinds, int n) {
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && kinds[k].capacity > kinds[k - 1].capacity; k--) {
            const kind t = kinds[k];
            kinds[k] = kinds[k - 1];
            kinds[k - 1] = t;
        }
    for (int i = 0; i < n; i++)
        kinds[i].name = i == 0 ? "performance" : i == n - 1 ? "efficiency" : "middle";
}

static sz_status find_kinds(sz_machine *m, const char *root, const int *cpus, int n, kind *kinds) {
    int found = kinds_by_unit(root, n, kinds);
    if (found < 2) {
        found = kinds_by_capacity(root, cpus, n, kinds);
        sort_kinds(kinds, found);
    }
    for (int i = 0; found > 1 && i < found; i++) SZ_TRY(add_kind(m, root, &kinds[i]));
    return SZ_OK;
}

sz_status sz_describe_cores(sz_machine *m, const char *root, const int *cpus, int n) {
    const size_t size = (size_t)MAX_KINDS * (size_t)n * sizeof *cpus;
    kind kinds[MAX_KINDS] = {{0}};
    if (n < 2) return SZ_OK;
    int *room = sz_alloc(m->ctx, size);
    if (!room) return sz_no_memory(m->ctx);
    for (int i = 0; i < MAX_KINDS; i++) kinds[i].cpus = room + (size_t)i * (size_t)n;
    sz_status status = find_kinds(m, root, cpus, n, kinds);
    sz_free(m->ctx, room, size);
    return status;
}
