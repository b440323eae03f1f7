// SPDX-License-Identifier: Apache-2.0
// Describe a machine from /proc and /sys under a root folder.
#include "machine/machine.h"

#include <math.h>
#include <stdio.h>

#include "os/procfs.h"

enum { MAX_CPUS = 8192, MAX_CACHES = 16, CPUINFO_BYTES = 16384 };

// ---- processor ---------------------------------------------------------------------------------

// ARM kernels name no model in /proc/cpuinfo; the device tree names the board.
static void arm_model(const char *root, const char *cpuinfo, char *buf, size_t cap) {
    char board[128] = "", part[32] = "", maker[32] = "";
    if (!sz_proc_line(root, "/proc/device-tree/model", board, sizeof board))
        sz_proc_line(root, "/sys/firmware/devicetree/base/model", board, sizeof board);
    sz_proc_value(cpuinfo, "CPU implementer", maker, sizeof maker);
    sz_proc_value(cpuinfo, "CPU part", part, sizeof part);
    snprintf(buf, cap, "%s%sCPU implementer %s part %s", board, board[0] ? ", " : "",
             maker[0] ? maker : "unknown", part[0] ? part : "unknown");
}

static sz_status describe_isa(sz_machine *m, sz_cpu_set set) {
    for (int i = 0; sz_cpu_name(i); i++) {
        const char *name = sz_cpu_name(i);
        if ((set >> i & 1) && !sz_vec_push(m->ctx, &m->isa, name)) return sz_no_memory(m->ctx);
    }
    return SZ_OK;
}

static sz_status describe_processor(sz_machine *m, const char *root) {
    char cpuinfo[CPUINFO_BYTES], words[CPUINFO_BYTES], model[256];
    if (sz_proc_read(root, "/proc/cpuinfo", cpuinfo, sizeof cpuinfo) <= 0)
        return sz_fail(m->ctx, SZ_ERR_IO, "cannot read '%s/proc/cpuinfo'", root);
    if (!sz_proc_value(cpuinfo, "model name", model, sizeof model))
        arm_model(root, cpuinfo, model, sizeof model);
    m->cpu.model = sz_machine_text(m, model);
    if (!m->cpu.model) return sz_no_memory(m->ctx);
    if (root[0] == '\0') return describe_isa(m, sz_cpu_detect());
    if (!sz_proc_value(cpuinfo, "flags", words, sizeof words) &&
        !sz_proc_value(cpuinfo, "Features", words, sizeof words))
        words[0] = '\0';
    return describe_isa(m, sz_cpu_from_words(words));
}

// ---- topology ----------------------------------------------------------------------------------

// Is `cpu` the lowest of the list in that file? Counting such CPUs counts the groups.
static bool leads_group(const char *root, int cpu, const char *file) {
    char path[160], list[4096];
    int first;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, file);
    if (!sz_proc_line(root, path, list, sizeof list) || sz_proc_cpus(list, &first, 1) < 1)
        return true;
    return first == cpu;
}

int64_t sz_count_groups(const char *root, const int *cpus, int n, const char *file) {
    int64_t groups = 0;
    for (int i = 0; i < n; i++) groups += leads_group(root, cpus[i], file);
    return groups;
}

// The lines "cpu0 ...", "cpu1 ..." of /proc/stat: for systems that show no /sys.
static int counted_cpus(const char *root, int *cpus) {
    char text[32768]; // some 400 CPUs
    int n = 0, cpu;
    if (sz_proc_read(root, "/proc/stat", text, sizeof text) <= 0) return 0;
    for (const char *line = text; line && n < MAX_CPUS; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "cpu", 3) != 0 || line[3] < '0' || line[3] > '9') continue;
        if (sscanf(line + 3, "%d", &cpu) == 1 && cpu >= 0) cpus[n++] = cpu;
    }
    return n;
}

static int online_cpus(const char *root, int *cpus) {
    char list[4096];
    int n = -1;
    if (sz_proc_line(root, "/sys/devices/system/cpu/online", list, sizeof list))
        n = sz_proc_cpus(list, cpus, MAX_CPUS);
    if (n < 1) n = counted_cpus(root, cpus);
    if (n > MAX_CPUS) n = MAX_CPUS;
    if (n < 1) cpus[0] = 0, n = 1;
    return n;
}

// Cache `index` of the first CPU as a level; false when it is no data cache or has no size.
static bool read_cache(const char *root, int cpu, int index, int *ret_depth, sz_level *ret_level) {
    char path[128], type[32], list[4096];
    const size_t base = (size_t)snprintf(
        path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/", cpu, index);
#define CACHE_FILE(name) (snprintf(path + base, sizeof path - base, name), path)
    if (!sz_proc_line(root, CACHE_FILE("type"), type, sizeof type)) return false;
    if (strcmp(type, "Instruction") == 0) return false;
    *ret_depth = (int)sz_proc_int(root, CACHE_FILE("level"), 0);
    ret_level->capacity_bytes = sz_proc_int(root, CACHE_FILE("size"), 0);
    ret_level->line_bytes = sz_proc_int(root, CACHE_FILE("coherency_line_size"), 64);
    if (sz_proc_line(root, CACHE_FILE("shared_cpu_list"), list, sizeof list))
        ret_level->shared_by = sz_proc_cpus(list, NULL, 0);
    if (ret_level->shared_by < 1) ret_level->shared_by = 1;
#undef CACHE_FILE
    return *ret_depth >= 1 && *ret_depth <= 9 && ret_level->capacity_bytes > 0;
}

static sz_status describe_caches(sz_machine *m, const char *root, const int *cpus, int n) {
    for (int index = 0; index < MAX_CACHES; index++) {
        char shared[64];
        int depth;
        sz_level level = {.latency_s = SZ_NAN, .latency_spread = SZ_NAN,
                          .latency_small_pages_s = SZ_NAN};
        if (!read_cache(root, cpus[0], index, &depth, &level)) continue;
        snprintf(shared, sizeof shared, "cache/index%d/shared_cpu_list", index);
        level.instances = sz_count_groups(root, cpus, n, shared);
        SZ_TRY(sz_machine_printf(m, &level.name, "L%d", depth));
        if (!sz_machine_find_level(m, level.name)) SZ_TRY(sz_machine_add_level(m, &level, NULL));
    }
    if (m->levels.n == 0)
        return sz_machine_add_gap(m, "cache sizes", "the system does not tell them in /sys");
    return SZ_OK;
}

static sz_status describe_memory(sz_machine *m, const char *root) {
    char text[4096], value[64];
    long long kib = 0;
    if (sz_proc_read(root, "/proc/meminfo", text, sizeof text) > 0 &&
        sz_proc_value(text, "MemTotal", value, sizeof value))
        sscanf(value, "%lld", &kib);
    if (kib > 0 && kib < INT64_MAX / 1024) m->cpu.memory_bytes = kib * 1024;
    const sz_level *last = m->levels.n ? &m->levels.items[m->levels.n - 1].level : NULL;
    sz_level dram = {.name = "DRAM", .capacity_bytes = m->cpu.memory_bytes, .instances = 1,
                     .line_bytes = last ? last->line_bytes : 64, .latency_s = SZ_NAN,
                     .latency_spread = SZ_NAN, .latency_small_pages_s = SZ_NAN,
                     .shared_by = m->cpu.threads};
    return sz_machine_add_level(m, &dram, NULL);
}

// ---- fingerprint -------------------------------------------------------------------------------

// FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
static uint64_t hash_text(uint64_t hash, const char *text) {
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

// Kernels differ in how much memory they keep: round to an eighth of the highest power of two.
static int64_t round_memory(int64_t bytes) {
    int64_t step = 1;
    while (step <= bytes / 16) step *= 2;
    return (bytes + step / 2) / step * step;
}

sz_status sz_fingerprint(sz_machine *m) {
    char text[256];
    uint64_t hash = hash_text(0xcbf29ce484222325u, m->cpu.model);
    snprintf(text, sizeof text, "|%lld|%lld|%lld", (long long)m->cpu.cores,
             (long long)m->cpu.threads, (long long)round_memory(m->cpu.memory_bytes));
    hash = hash_text(hash, text);
    for (size_t i = 0; i < m->levels.n; i++) {
        const sz_level *l = &m->levels.items[i].level;
        if (strcmp(l->name, "DRAM") == 0) continue;
        snprintf(text, sizeof text, "|%s %lld x %lld", l->name, (long long)l->instances,
                 (long long)l->capacity_bytes);
        hash = hash_text(hash, text);
    }
    return sz_machine_printf(m, &m->identity.fingerprint, "%016llx", (unsigned long long)hash);
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status describe_topology(sz_machine *m, const char *root, int *cpus) {
    const int n = online_cpus(root, cpus);
    m->cpu.threads = n;
    m->cpu.cores = sz_count_groups(root, cpus, n, "topology/thread_siblings_list");
    SZ_TRY(describe_caches(m, root, cpus, n));
    SZ_TRY(describe_memory(m, root));
    SZ_TRY(sz_describe_cores(m, root, cpus, n));
    return sz_describe_host(m, root, cpus, n);
}

sz_status sz_describe(sz_machine *m, const char *root) {
    m->identity.source = "measured";
    m->identity.kind = "cpu";
    m->identity.name = "here";
    SZ_TRY(describe_processor(m, root));
    int *cpus = sz_alloc(m->ctx, MAX_CPUS * sizeof *cpus);
    if (!cpus) return sz_no_memory(m->ctx);
    sz_status status = describe_topology(m, root, cpus);
    sz_free(m->ctx, cpus, MAX_CPUS * sizeof *cpus);
    SZ_TRY(status);
    return sz_fingerprint(m);
}

static void hide(sz_machine *m, sz_cpu_set mask) {
    size_t kept = 0;
    for (size_t i = 0; i < m->isa.n; i++) {
        bool hidden = false;
        for (int k = 0; sz_cpu_name(k); k++)
            if ((mask >> k & 1) && strcmp(m->isa.items[i], sz_cpu_name(k)) == 0) hidden = true;
        if (!hidden) m->isa.items[kept++] = m->isa.items[i];
    }
    m->isa.n = kept;
}

sz_status sz_describe_all(sz_machine *m, const sz_measure_options *options) {
    sz_cpu_set mask = 0;
    SZ_TRY(sz_cpu_parse(m->ctx, options->cpu_mask, &mask));
    SZ_TRY(sz_describe(m, options->root ? options->root : ""));
    hide(m, mask);
    if (options->name) m->identity.name = sz_machine_text(m, options->name);
    if (!m->identity.name) return sz_no_memory(m->ctx);
    return sz_describe_environment(m, options->environment);
}
