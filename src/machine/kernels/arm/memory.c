// SPDX-License-Identifier: Apache-2.0
// Memory kernels of 64-bit ARM with NEON, and the chains that give the clock.
#include "machine/kernels/kernels.h"

#if defined(__aarch64__)

#define CLOBBERS "v0", "v1", "v2", "v3", "cc", "memory"

#define MEMORY(function, body)                                                                     \
    void sz_kernel_##function(sz_kernel_job *job) {                                                \
        int64_t n = job->n;                                                                        \
        uint64_t offset = job->offset, from, to;                                                   \
        __asm__ volatile(".p2align 6\n"                                                            \
                         "1:\n\t"                                                                  \
                         "add %[from], %[src], %[offset]\n\t"                                      \
                         "add %[to], %[dst], %[offset]\n\t"                                        \
                         ".irp x, 0,1,2,3,4,5,6,7\n\t" body ".endr\n\t"                            \
                         "add %[offset], %[offset], #512\n\t"                                      \
                         "and %[offset], %[offset], %[mask]\n\t"                                   \
                         "subs %[n], %[n], #1\n\t"                                                 \
                         "b.ne 1b\n\t"                                                             \
                         : [n] "+r"(n), [offset] "+r"(offset), [from] "=&r"(from), [to] "=&r"(to)  \
                         : [src] "r"(job->src), [dst] "r"(job->dst), [mask] "r"(job->mask)         \
                         : CLOBBERS);                                                              \
        job->offset = offset;                                                                      \
    }

#define LOAD "ldp q0, q1, [%[from], #64*\\x]\n\tldp q2, q3, [%[from], #64*\\x+32]\n\t"
#define STORE "stp q0, q1, [%[to], #64*\\x]\n\tstp q2, q3, [%[to], #64*\\x+32]\n\t"
MEMORY(arm_neon_load, LOAD)
MEMORY(arm_neon_copy, LOAD STORE)

// 96 dependent operations on two different registers, of 1 cycle each.
#define CHAIN(function, op)                                                                        \
    void sz_kernel_##function(sz_kernel_job *job) {                                                \
        int64_t n = job->n;                                                                        \
        uint64_t x = 3, y = 5;                                                                     \
        __asm__ volatile(".p2align 6\n"                                                            \
                         "1:\n\t"                                                                  \
                         ".rept 96\n\t" op " %[x], %[x], %[y]\n\t.endr\n\t"                        \
                         "subs %[n], %[n], #1\n\t"                                                 \
                         "b.ne 1b\n\t"                                                             \
                         : [n] "+r"(n), [x] "+r"(x)                                                \
                         : [y] "r"(y)                                                              \
                         : "cc");                                                                  \
        job->sink ^= x;                                                                            \
    }
CHAIN(arm_clock_eor, "eor")
CHAIN(arm_clock_add, "add")
CHAIN(arm_clock_orn, "orn")

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
