// SPDX-License-Identifier: Apache-2.0
// Work for the stopwatch: a kernel that walks memory, and one that keeps to registers.
#ifndef SZ_WALK_H
#define SZ_WALK_H

#include "machine/kernels/kernels.h"

// One thread's walk over arrays of equal length. In a cache it goes round by the mask; in main
// memory it goes on from batch to batch, so that every batch meets data that was not touched for
// long.
typedef struct sz_walk {
    const sz_kernel *kernel;
    sz_kernel_job job;
    size_t bytes; // of each array, a multiple of SZ_KERNEL_STEP
    bool round;   // in a cache
} sz_walk;

// Bytes from the beginning of one of n arrays that divide `size` to that of the next. Not a power
// of two: arrays that are that far apart meet in the same banks of memory and the same sets of
// caches. Large pages are 2 MiB, and each may be anywhere, so it is the place in a page that
// counts.
size_t sz_walk_apart(size_t size, size_t n);

// Over [at, at + size), divided into the arrays of the kernel; `size` is that of each when it goes
// round. A single array is both read and written; the places of load_four are arrays too.
sz_walk sz_walk_make(const sz_kernel *k, int arrays, unsigned char *at, size_t size, bool round);

// n steps.
void sz_walk_run(sz_walk *walk, int64_t n);

// n iterations of a peak kernel. Each call starts from fresh numbers: in few enough iterations
// they stay normal.
void sz_peak_run(const sz_kernel *k, const sz_kernel_state *fresh, sz_kernel_state *state,
                 int64_t n);

#endif
