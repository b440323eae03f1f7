// SPDX-License-Identifier: Apache-2.0
// An allocator that counts, checks and fails on request.
#ifndef SZ_TEST_HOOK_H
#define SZ_TEST_HOOK_H

#include <stdbool.h>
#include <stddef.h>

#include <sizeup/ctx.h>

typedef struct hook {
    long count;     // requests for memory so far
    long fail_at;   // the request that fails, from 1; 0 = none
    bool all_after; // and all that come after it
    long refused;   // requests that failed
    size_t live_bytes, live_blocks;
    const char *fault; // first misuse of the allocator, NULL = none
} hook;

// The hook counts from now on; `fail_at` 0 = nothing fails.
void hook_arm(hook *h, long fail_at, bool all_after);
sz_allocator hook_allocator(hook *h);

#endif
