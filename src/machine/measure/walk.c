// SPDX-License-Identifier: Apache-2.0
#include "machine/measure/walk.h"

enum { PAGE = 4096, SKEW = 17 * PAGE, LARGE_PAGE = 1 << 21 };

size_t sz_walk_apart(size_t size, size_t n) {
    const size_t each = size / n / LARGE_PAGE * LARGE_PAGE;
    return each < 4 * LARGE_PAGE ? size / n / PAGE * PAGE : each - LARGE_PAGE + SKEW;
}

sz_walk sz_walk_make(const sz_kernel *k, int arrays, unsigned char *at, size_t size, bool round) {
    const size_t apart = round || arrays == 1 ? size : sz_walk_apart(size, (size_t)arrays);
    return (sz_walk){.kernel = k,
                     .bytes = apart / SZ_KERNEL_STEP * SZ_KERNEL_STEP,
                     .round = round,
                     .job = {.src = at,
                             .dst = arrays > 1 ? at + apart : at,
                             .cursor = apart,
                             .src2 = arrays > 2 ? at + 2 * apart : NULL,
                             .mask = round ? size - 1 : UINT64_MAX}};
}

void sz_walk_run(sz_walk *w, int64_t n) {
    while (n > 0) {
        const int64_t left = w->round ? n : (int64_t)((w->bytes - w->job.offset) / SZ_KERNEL_STEP);
        w->job.n = n < left ? n : left;
        w->kernel->run(&w->job);
        if (!w->round && w->job.offset >= w->bytes) w->job.offset = 0;
        n -= w->job.n;
    }
}

void sz_peak_run(const sz_kernel *k, const sz_kernel_state *fresh, sz_kernel_state *state,
                 int64_t n) {
    while (n > 0) {
        sz_kernel_job job = {.n = n < SZ_KERNEL_MOST ? n : SZ_KERNEL_MOST, .state = state};
        *state = *fresh;
        k->run(&job);
        n -= job.n;
    }
}
