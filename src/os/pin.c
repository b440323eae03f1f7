// SPDX-License-Identifier: Apache-2.0
#include "os/pin.h"

#include <sched.h>
#include <sys/resource.h>

// More than the largest machines Linux runs on today; one set is 1 KiB.
enum { MAX_CPUS = 8192 };

int sz_pin_allowed(int *ret_cpus, int cap) {
    unsigned char bytes[CPU_ALLOC_SIZE(MAX_CPUS)] __attribute__((aligned(16)));
    cpu_set_t *set = (cpu_set_t *)(void *)bytes;
    int n = 0;
    CPU_ZERO_S(sizeof bytes, set);
    if (sched_getaffinity(0, sizeof bytes, set) != 0) return 0;
    for (int cpu = 0; cpu < MAX_CPUS && n < cap; cpu++)
        if (CPU_ISSET_S((size_t)cpu, sizeof bytes, set)) ret_cpus[n++] = cpu;
    return n;
}

bool sz_pin_self(int cpu) {
    unsigned char bytes[CPU_ALLOC_SIZE(MAX_CPUS)] __attribute__((aligned(16)));
    cpu_set_t *set = (cpu_set_t *)(void *)bytes;
    if (cpu < 0 || cpu >= MAX_CPUS) return false;
    CPU_ZERO_S(sizeof bytes, set);
    CPU_SET_S((size_t)cpu, sizeof bytes, set);
    return sched_setaffinity(0, sizeof bytes, set) == 0; // 0 = the calling thread
}

int64_t sz_pin_involuntary(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
}
