// SPDX-License-Identifier: Apache-2.0
#include "os/perf.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

// It takes place in the kernel alone: without the kernel it would always be 0.
static bool is_of_kernel(uint32_t type, uint64_t config) {
    return type == PERF_TYPE_SOFTWARE && config == PERF_COUNT_SW_CONTEXT_SWITCHES;
}

static int system_open(uint32_t type, uint64_t config, int cpu) {
    struct perf_event_attr attr = {.type = type,
                                   .size = sizeof attr,
                                   .config = config,
                                   .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED |
                                                  PERF_FORMAT_TOTAL_TIME_RUNNING,
                                   .inherit = cpu == SZ_PERF_HEIRS,
                                   .exclude_kernel = cpu < 0 && !is_of_kernel(type, config),
                                   .exclude_hv = cpu < 0};
    const long fd = syscall(SYS_perf_event_open, &attr, cpu < 0 ? 0 : -1, cpu < 0 ? -1 : cpu, -1,
                            PERF_FLAG_FD_CLOEXEC);
    return fd >= 0 ? (int)fd : -errno;
}

static bool system_read(int fd, sz_perf_value *ret_value) {
    uint64_t words[3];
    if (read(fd, words, sizeof words) != (ssize_t)sizeof words) return false;
    *ret_value = (sz_perf_value){words[0], words[1], words[2]};
    return true;
}

static void system_close(int fd) { close(fd); }

const sz_perf_api *sz_perf_system(void) {
    static const sz_perf_api api = {system_open, system_read, system_close};
    return &api;
}
