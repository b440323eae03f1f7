// SPDX-License-Identifier: Apache-2.0
#include "machine/measure/traps.h"

bool sz_trap_too_fast(double per_cycle, double bound_per_cycle) {
    return per_cycle > 1.05 * bound_per_cycle;
}

// A word here and there against its neighbours and against the first one: data that is worth the
// name has few that are equal.
bool sz_trap_constant(const void *bytes, size_t size) {
    enum { LOOKS = 4096 };
    const size_t words = size / sizeof(uint64_t), step = words / LOOKS + 1;
    uint64_t first, here, next;
    size_t looked = 0, equal = 0;
    if (words < 2) return true;
    memcpy(&first, bytes, sizeof first);
    for (size_t i = 1; i + 1 < words; i += step, looked++) {
        const char *at = (const char *)bytes + i * sizeof here;
        memcpy(&here, at, sizeof here);
        memcpy(&next, at + sizeof here, sizeof next);
        equal += here == next || here == first;
    }
    return 2 * equal >= looked;
}

bool sz_trap_shared_cores(double one, double all, int64_t threads) {
    return threads > 1 && one > 0 && all < 0.75 * one * (double)threads;
}
