// SPDX-License-Identifier: Apache-2.0
// What the control groups of this process allow it. cgroups(7); the files of version 1 and 2:
// Linux Documentation/admin-guide/cgroup-v1/memory.rst, scheduler/sched-bwc.rst, cgroup-v2.rst.
#include "os/procfs.h"

#include <stdio.h>

enum { MAX_GROUP_BYTES = 1024, MAX_DEPTH = 64 };

// Folders under which a controller of either version may be mounted.
typedef struct mounts {
    const char *controller; // of version 1; NULL = version 2
    const char *base;
} mounts;

static const mounts cpu_mounts[] = {{NULL, "/sys/fs/cgroup"},
                                    {NULL, "/sys/fs/cgroup/unified"},
                                    {"cpu", "/sys/fs/cgroup/cpu"},
                                    {"cpu", "/sys/fs/cgroup/cpu,cpuacct"}};
static const mounts memory_mounts[] = {{NULL, "/sys/fs/cgroup"},
                                       {NULL, "/sys/fs/cgroup/unified"},
                                       {"memory", "/sys/fs/cgroup/memory"}};

// Is `word` one of the n bytes "a,b,c"?
static bool has_word(const char *list, size_t n, const char *word) {
    const size_t len = strlen(word);
    for (size_t at = 0; at + len <= n; at++) {
        if (strncmp(list + at, word, len) == 0 && (at == 0 || list[at - 1] == ',') &&
            (at + len == n || list[at + len] == ','))
            return true;
    }
    return false;
}

// The group of this process: lines "ID:CONTROLLERS:PATH", no controllers for version 2.
static void group_path(const char *root, const char *controller, char *buf, size_t cap) {
    char text[4096];
    buf[0] = '\0';
    if (sz_proc_read(root, "/proc/self/cgroup", text, sizeof text) <= 0) return;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *words = line + strcspn(line, ":\n");
        if (*words++ != ':') continue;
        const size_t n = strcspn(words, ":\n");
        if (words[n] != ':') continue;
        if (controller ? !has_word(words, n, controller) : n != 0) continue;
        const char *path = words + n + 1;
        const size_t len = strcspn(path, "\n");
        if (len >= cap) return;
        memcpy(buf, path, len);
        buf[len] = '\0';
        return;
    }
}

// Visit the group and all groups above it: the tightest limit holds. In a container the path may be
// the host's; then only the top folder is there, and it is the container's own.
typedef void visit_group(const char *root, const char *folder, double *least);

static double least_of(const char *root, const mounts *list, size_t n, visit_group *visit) {
    double least = __builtin_nan("");
    for (size_t i = 0; i < n; i++) {
        char group[MAX_GROUP_BYTES], folder[MAX_GROUP_BYTES + 64];
        group_path(root, list[i].controller, group, sizeof group);
        for (int depth = 0; depth < MAX_DEPTH; depth++) {
            snprintf(folder, sizeof folder, "%s%s", list[i].base,
                     strcmp(group, "/") == 0 ? "" : group);
            visit(root, folder, &least);
            char *last = strrchr(group, '/');
            if (!last || group[0] == '\0') break;
            *last = '\0';
        }
    }
    return least;
}

static void keep_least(double *least, double v) {
    if (v > 0 && !(*least <= v)) *least = v;
}

static void visit_quota(const char *root, const char *folder, double *least) {
    char path[MAX_GROUP_BYTES + 128], text[64];
    long long quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", folder); // version 2: "max 100000" or two numbers
    if (sz_proc_line(root, path, text, sizeof text) &&
        sscanf(text, "%lld %lld", &quota, &period) == 2 && period > 0)
        keep_least(least, (double)quota / (double)period);
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder); // version 1: -1 = no limit
    quota = sz_proc_int(root, path, 0);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    period = sz_proc_int(root, path, 0);
    if (period > 0) keep_least(least, (double)quota / (double)period);
}

static void visit_memory(const char *root, const char *folder, double *least) {
    static const char *const files[] = {"memory.max", "memory.high", "memory.limit_in_bytes"};
    // Version 1 says "no limit" by a number near 2^63.
    static const double none = 1e18;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[MAX_GROUP_BYTES + 128];
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        const double v = (double)sz_proc_int(root, path, 0); // "max" is no number
        if (v < none) keep_least(least, v);
    }
}

double sz_proc_quota_cpus(const char *root) {
    return least_of(root, cpu_mounts, sizeof cpu_mounts / sizeof cpu_mounts[0], visit_quota);
}

int64_t sz_proc_memory_limit(const char *root) {
    const double v = least_of(root, memory_mounts, sizeof memory_mounts / sizeof memory_mounts[0],
                              visit_memory);
    return v > 0 ? (int64_t)v : 0;
}

static void visit_throttled(const char *root, const char *folder, double *least) {
    char path[MAX_GROUP_BYTES + 128], text[1024], value[32];
    long long n;
    snprintf(path, sizeof path, "%s/cpu.stat", folder);
    if (sz_proc_read(root, path, text, sizeof text) <= 0) return;
    // Lines "nr_throttled 17": no colon, so that the reader of "key: value" does not do.
    const char *at = strstr(text, "nr_throttled ");
    if (!at) return;
    snprintf(value, sizeof value, "%.20s", at + strlen("nr_throttled "));
    if (sscanf(value, "%lld", &n) == 1 && n >= 0) // the group's own, and those above it
        *least = (*least > 0 ? *least : 0) + (double)n;
}

int64_t sz_proc_throttled(const char *root) {
    const double v = least_of(root, cpu_mounts, sizeof cpu_mounts / sizeof cpu_mounts[0],
                              visit_throttled);
    return v >= 0 ? (int64_t)v : -1;
}
