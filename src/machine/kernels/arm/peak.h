// SPDX-License-Identifier: Apache-2.0
// What the peak kernels of 64-bit ARM are made of. Registers 0-23 accumulate, 28 holds the factor,
// 29 the term, 30 what the last pass uses.
#ifndef SZ_ARM_PEAK_H
#define SZ_ARM_PEAK_H

#include "machine/kernels/kernels.h"

// The state as the assembly sees it.
_Static_assert(offsetof(sz_kernel_state, operand) == 0, "operands first");
_Static_assert(offsetof(sz_kernel_state, acc) == 1024, "then accumulators");
_Static_assert(SZ_KERNEL_MAX_REGISTER == 256, "of 256 bytes each");

#define CLOBBERS                                                                                   \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", \
        "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", \
        "v28", "v29", "v30", "v31", "cc", "memory"

// M(r, the next register) for each accumulator in use; the one after the last is the factor's. The
// preprocessor repeats, not .irp: the assemblers of GCC and clang disagree on "v\\r\\().4s".
#pragma GCC diagnostic ignored "-Woverlength-strings"
#define USE(M, r, next)                                                                            \
    ".if " r "+1 < %c[chains]\n\t" M(r, next) ".elseif " r                                         \
                                              " < %c[chains]\n\t" M(r, "28") ".endif\n\t"
#define EACH(M)                                                                                    \
    USE(M, "0", "1")                                                                               \
    USE(M, "1", "2") USE(M, "2", "3") USE(M, "3", "4") USE(M, "4", "5") USE(M, "5", "6")           \
        USE(M, "6", "7") USE(M, "7", "8") USE(M, "8", "9") USE(M, "9", "10") USE(M, "10", "11")    \
            USE(M, "11", "12") USE(M, "12", "13") USE(M, "13", "14") USE(M, "14", "15")            \
                USE(M, "15", "16") USE(M, "16", "17") USE(M, "17", "18") USE(M, "18", "19")        \
                    USE(M, "19", "20") USE(M, "20", "21") USE(M, "21", "22") USE(M, "22", "23")    \
                        USE(M, "23", "24")
#define FOUR(once, last) ".rept 3\n\t" EACH(once) ".endr\n\t" EACH(last)

// Two operations for each, all of the first before the second: side by side their chain would fill
// the scheduler.
#define TWICE_FOUR(first, second) ".rept 4\n\t" EACH(first) EACH(second) ".endr\n\t"

// load and store move an accumulator, operand(r, offset) loads one.
// clang-format off
#define LOOP(n_chains, start, operand, load, store, body)                                          \
    __asm__ volatile(start                                                                         \
                     operand("28", "0") operand("29", "256") operand("30", "512")                  \
                     EACH(load)                                                                    \
                     ".p2align 6\n"                                                                \
                     "1:\n\t" body                                                                 \
                     "subs %[n], %[n], #1\n\t"                                                     \
                     "b.ne 1b\n\t"                                                                 \
                     EACH(store)                                                                   \
                     : [n] "+r"(n), [at] "=&r"(at)                                                 \
                     : [s] "r"(job->state), [k] "r"(constants), [chains] "i"(n_chains)             \
                     : CLOBBERS)
// clang-format on

// A function with a fixed number of chains. `constants` is what %[k] points to.
#define FIXED_WITH(function, table, n_chains, ...)                                                 \
    void sz_kernel_##function(sz_kernel_job *job) {                                                \
        const void *constants = (table);                                                           \
        int64_t n = job->n;                                                                        \
        uint64_t at;                                                                               \
        LOOP(n_chains, __VA_ARGS__);                                                               \
    }
#define FIXED(function, ...) FIXED_WITH(function, NULL, 24, __VA_ARGS__)

// A function with the number of chains as a parameter; beyond 12 some numbers are left out.
#define CASE(n_chains, ...)                                                                        \
    case n_chains:                                                                                 \
        LOOP(n_chains, __VA_ARGS__);                                                               \
        break;
#define VARY(function, ...)                                                                        \
    void sz_kernel_##function(sz_kernel_job *job) {                                                \
        const void *constants = NULL;                                                              \
        int64_t n = job->n;                                                                        \
        uint64_t at;                                                                               \
        switch (job->state->chains) {                                                              \
            CASE(1, __VA_ARGS__)                                                                   \
            CASE(2, __VA_ARGS__)                                                                   \
            CASE(3, __VA_ARGS__)                                                                   \
            CASE(4, __VA_ARGS__)                                                                   \
            CASE(5, __VA_ARGS__)                                                                   \
            CASE(6, __VA_ARGS__)                                                                   \
            CASE(7, __VA_ARGS__)                                                                   \
            CASE(8, __VA_ARGS__)                                                                   \
            CASE(9, __VA_ARGS__)                                                                   \
            CASE(10, __VA_ARGS__)                                                                  \
            CASE(11, __VA_ARGS__)                                                                  \
            CASE(12, __VA_ARGS__)                                                                  \
            CASE(14, __VA_ARGS__)                                                                  \
            CASE(16, __VA_ARGS__)                                                                  \
            CASE(20, __VA_ARGS__)                                                                  \
            CASE(24, __VA_ARGS__)                                                                  \
        }                                                                                          \
    }

#endif
