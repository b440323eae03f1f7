// SPDX-License-Identifier: Apache-2.0
// Counters that the kernel keeps: perf_event_open(2). What a caller needs is a table of functions,
// so that a test can stand for the kernel.
#ifndef SZ_OS_PERF_H
#define SZ_OS_PERF_H

#include "base/base.h"

typedef struct sz_perf_value {
    uint64_t count;
    uint64_t enabled_ns, running_ns; // a counter that shared its place ran for a part of the time
} sz_perf_value;

enum {
    SZ_PERF_THREAD = -1, // instead of a CPU: the calling thread
    SZ_PERF_HEIRS = -2   // and the threads that it starts from now on, and theirs
};

typedef struct sz_perf_api {
    // A counter of the calling thread in user space (cpu < 0), or of everything on a CPU. Its
    // descriptor, or minus an errno.
    int (*open)(uint32_t type, uint64_t config, int cpu);
    bool (*read)(int fd, sz_perf_value *ret_value);
    void (*close)(int fd);
} sz_perf_api;

const sz_perf_api *sz_perf_system(void);

#endif
