// SPDX-License-Identifier: Apache-2.0
// What surrounds the CPU and changes what it does: sockets, clock policy, hypervisor, control
// group, load, environment.
#include "machine/machine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/procfs.h"

#define CPU0 "/sys/devices/system/cpu/cpu0/"

// ---- sockets and nodes -------------------------------------------------------------------------

// Kernels before 5.3 call the list of a package otherwise; very bare ones have only its number.
static int64_t count_sockets(const char *root, const int *cpus, int n) {
    static const char *const files[] = {"topology/package_cpus_list",
                                        "topology/core_siblings_list"};
    char path[128], text[4096];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpus[0], files[i]);
        if (sz_proc_line(root, path, text, sizeof text))
            return sz_count_groups(root, cpus, n, files[i]);
    }
    int64_t highest = 0;
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/physical_package_id",
                 cpus[i]);
        const int64_t id = sz_proc_int(root, path, 0);
        if (id > highest && id < n) highest = id;
    }
    return highest + 1;
}

static int64_t count_nodes(const char *root) {
    char text[4096];
    if (sz_proc_line(root, "/sys/devices/system/node/online", text, sizeof text)) {
        const int n = sz_proc_cpus(text, NULL, 0);
        if (n > 0) return n;
    }
    int64_t n = 0;
    for (int node = 0; node < 64; node++) {
        char path[80];
        snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", node);
        n += sz_proc_line(root, path, text, sizeof text);
    }
    return n > 0 ? n : 1;
}

// ---- clock -------------------------------------------------------------------------------------

static double khz(const char *root, const char *path) {
    const int64_t v = sz_proc_int(root, path, 0);
    return v > 0 ? 1e3 * (double)v : SZ_NAN;
}

static const char *turbo_of(const char *root) {
    const int64_t off = sz_proc_int(root, "/sys/devices/system/cpu/intel_pstate/no_turbo", -1);
    const int64_t on = sz_proc_int(root, "/sys/devices/system/cpu/cpufreq/boost", -1);
    if (off >= 0) return off ? "off" : "on";
    if (on >= 0) return on ? "on" : "off";
    return NULL;
}

static sz_status copy_line(sz_machine *m, const char *root, const char *path,
                           const char **ret_text) {
    char text[128];
    if (!sz_proc_line(root, path, text, sizeof text)) return SZ_OK;
    *ret_text = sz_machine_text(m, text);
    return *ret_text ? SZ_OK : sz_no_memory(m->ctx);
}

static sz_status describe_clock(sz_machine *m, const char *root) {
    m->host.clock_min_hz = khz(root, CPU0 "cpufreq/cpuinfo_min_freq");
    m->host.clock_max_hz = khz(root, CPU0 "cpufreq/cpuinfo_max_freq");
    m->host.turbo = turbo_of(root);
    return copy_line(m, root, CPU0 "cpufreq/scaling_governor", &m->host.governor);
}

// The word in brackets of "always [madvise] never".
static sz_status describe_pages(sz_machine *m, const char *root) {
    char text[128];
    if (!sz_proc_line(root, "/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text))
        return SZ_OK;
    const char *open = strchr(text, '[');
    const size_t n = open ? strcspn(open + 1, "]") : 0;
    if (n == 0) return SZ_OK;
    m->host.huge_pages = sz_arena_strdup(&m->arena, open + 1, n);
    return m->host.huge_pages ? SZ_OK : sz_no_memory(m->ctx);
}

// ---- hypervisor --------------------------------------------------------------------------------

typedef struct known {
    const char *sign, *name;
} known;

// Signatures by CPUID, as the hypervisors document them.
static const known signatures[] = {{"KVMKVMKVM", "KVM"},           {"Linux KVM Hv", "KVM"},
                                   {"VMwareVMware", "VMware"},     {"Microsoft Hv", "Hyper-V"},
                                   {"XenVMMXenVMM", "Xen"},        {"bhyve bhyve ", "bhyve"},
                                   {"TCGTCGTCGTCG", "QEMU (TCG)"}, {"ACRNACRNACRN", "ACRN"}};
// Makers of virtual mainboards.
static const known makers[] = {{"QEMU", "QEMU"},
                               {"VMware, Inc.", "VMware"},
                               {"Amazon EC2", "Amazon EC2"},
                               {"Google", "Google Compute Engine"},
                               {"innotek GmbH", "VirtualBox"},
                               {"Xen", "Xen"},
                               {"OpenStack Foundation", "OpenStack"}};

static const char *look_up(const known *list, size_t n, const char *text) {
    for (size_t i = 0; i < n; i++)
        if (strncmp(text, list[i].sign, strlen(list[i].sign)) == 0) return list[i].name;
    return NULL;
}
#define LOOK_UP(list, text) look_up(list, sizeof(list) / sizeof(list)[0], text)

// By the mainboard: for Arm, which has no such flag, and for captured trees. The names of cloud
// machines without a hypervisor hold "metal".
static const char *by_board(const char *root) {
    char maker[128], product[128] = "";
    sz_proc_line(root, "/sys/class/dmi/id/product_name", product, sizeof product);
    if (strstr(product, "metal")) return NULL;
    if (strcmp(product, "Virtual Machine") == 0) return "Hyper-V";
    if (strncmp(product, "KVM", 3) == 0) return "KVM";
    if (!sz_proc_line(root, "/sys/class/dmi/id/sys_vendor", maker, sizeof maker)) return NULL;
    return LOOK_UP(makers, maker);
}

static const char *hypervisor_of(const char *root) {
    char sign[13], cpuinfo[16384], flags[8192];
    if (root[0] == '\0' && sz_cpu_hypervisor(sign)) {
        const char *name = LOOK_UP(signatures, sign);
        return name ? name : "unknown";
    }
    const char *board = by_board(root);
    if (board) return board;
    if (sz_proc_read(root, "/proc/cpuinfo", cpuinfo, sizeof cpuinfo) > 0 &&
        sz_proc_value(cpuinfo, "flags", flags, sizeof flags) && strstr(flags, " hypervisor "))
        return "unknown";
    return "none";
}

static const char *counters_of(const char *root) {
    static const char *const units[] = {"cpu", "cpu_core", "armv8_pmuv3_0", "armv8_pmuv3",
                                        "armv8_cortex_a76"};
    char path[96], text[32];
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        snprintf(path, sizeof path, "/sys/bus/event_source/devices/%s/type", units[i]);
        if (sz_proc_line(root, path, text, sizeof text)) return "yes";
    }
    return "no";
}

// ---- load --------------------------------------------------------------------------------------

static double load_of(const char *root) {
    char text[64], *end;
    if (!sz_proc_line(root, "/proc/loadavg", text, sizeof text)) return SZ_NAN;
    const double v = strtod(text, &end);
    return end != text && isfinite(v) && v >= 0 ? v : SZ_NAN;
}

sz_status sz_describe_host(sz_machine *m, const char *root, const int *cpus, int n) {
    sz_host *h = &m->host;
    m->has_host = true;
    h->sockets = count_sockets(root, cpus, n);
    h->nodes = count_nodes(root);
    h->hypervisor = hypervisor_of(root);
    h->counters = counters_of(root);
    h->quota_cpus = sz_proc_quota_cpus(root);
    h->memory_limit_bytes = sz_proc_memory_limit(root);
    h->load = load_of(root);
    h->steal = sz_proc_steal_share(root);
    SZ_TRY(describe_clock(m, root));
    SZ_TRY(describe_pages(m, root));
    return copy_line(m, root, "/sys/devices/system/cpu/smt/control", &h->smt);
}

// ---- environment -------------------------------------------------------------------------------

// What the libraries we time, their threads and the loader listen to.
static bool changes_libraries(const char *word) {
    static const char *const starts[] = {
        "OPENBLAS_", "GOTO_", "OMP_",   "GOMP_", "KMP_",        "MKL_",           "DNNL_",
        "ONEDNN_",   "BLIS_", "ARMPL_", "BLAS_", "LD_PRELOAD=", "GLIBC_TUNABLES="};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (strncmp(word, starts[i], strlen(starts[i])) == 0) return true;
    return false;
}

sz_status sz_describe_environment(sz_machine *m, const char *const *environment) {
    for (size_t i = 0; environment && environment[i]; i++) {
        const char *word = environment[i], *equals = strchr(word, '=');
        if (!equals || !changes_libraries(word)) continue;
        const sz_variable v = {sz_arena_strdup(&m->arena, word, (size_t)(equals - word)),
                               sz_machine_text(m, equals + 1)};
        if (!v.name || !v.value || !sz_vec_push(m->ctx, &m->variables, v))
            return sz_no_memory(m->ctx);
    }
    return SZ_OK;
}
