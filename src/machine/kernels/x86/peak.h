// SPDX-License-Identifier: Apache-2.0
// What the peak kernels of x86-64 are made of. Inline assembly, because compilers spill, reorder or
// fold the same loop written with intrinsics: 17 to 100 % of what the pipes can do, by compiler and
// version. Accumulators are registers from 0 on; constants and scratch are above them.
#ifndef SZ_X86_PEAK_H
#define SZ_X86_PEAK_H

#include "machine/kernels/kernels.h"

// The state as the assembly sees it.
_Static_assert(offsetof(sz_kernel_state, operand) == 0, "operands first");
_Static_assert(offsetof(sz_kernel_state, acc) == 1024, "then accumulators");
_Static_assert(SZ_KERNEL_MAX_REGISTER == 256, "of 256 bytes each");

#define CLOBBERS_16                                                                                \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory"
#define CLOBBERS_32                                                                                \
    CLOBBERS_16, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",  \
        "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"

// The text of an assembly is longer than what C promises for a string.
#pragma GCC diagnostic ignored "-Woverlength-strings"

// `op` for each accumulator r in use.
#define UP_TO_16 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14"
#define UP_TO_24 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23"
#define EACH(registers, op)                                                                        \
    ".irp r, " registers "\n\t.if \\r < %c[chains]\n\t" op "\n\t.endif\n\t.endr\n\t"

// Four passes over all accumulators, of which the last may differ.
#define FOUR(registers, once, last)                                                                \
    ".rept 3\n\t" EACH(registers, once) ".endr\n\t" EACH(registers, last)

// The loop. a, b, c, d: numbers of the registers that hold the operands.
// clang-format off
#define LOOP(n_chains, registers, reg, a, b, c, d, move, body, finish, clobbers)                   \
    __asm__ volatile(move " (%[s]), %%" reg a "\n\t"                                               \
                     move " 256(%[s]), %%" reg b "\n\t"                                            \
                     move " 512(%[s]), %%" reg c "\n\t"                                            \
                     move " 768(%[s]), %%" reg d "\n\t"                                            \
                     EACH(registers, move " 1024+256*\\r(%[s]), %%" reg "\\r")                     \
                     ".p2align 6\n"                                                                \
                     "1:\n\t" body                                                                 \
                     "dec %[n]\n\t"                                                                \
                     "jnz 1b\n\t"                                                                  \
                     EACH(registers, move " %%" reg "\\r, 1024+256*\\r(%[s])")                     \
                     finish                                                                        \
                     : [n] "+r"(n)                                                                 \
                     : [s] "r"(job->state), [chains] "i"(n_chains)                                 \
                     : clobbers)
// clang-format on

// Operands in 12-15 of 16 registers, or in 28-31 of 32. Rows with more accumulators or scratch take
// the place of operands that they do not use: see there.
#define LOOP_16(n_chains, reg, move, body, finish)                                                 \
    LOOP(n_chains, UP_TO_16, reg, "12", "13", "14", "15", move, body, finish, CLOBBERS_16)
#define LOOP_32(n_chains, reg, move, body, finish)                                                 \
    LOOP(n_chains, UP_TO_24, reg, "28", "29", "30", "31", move, body, finish, CLOBBERS_32)

// A function with a fixed number of chains.
#define FIXED(function, features, loop, n_chains, reg, move, body, finish)                         \
    __attribute__((target(features))) void sz_kernel_##function(sz_kernel_job *job) {              \
        int64_t n = job->n;                                                                        \
        loop(n_chains, reg, move, body, finish);                                                   \
    }

// A function with the number of chains as a parameter; beyond 12 some numbers are left out.
#define CASE(n_chains, loop, reg, move, body, finish)                                              \
    case n_chains:                                                                                 \
        loop(n_chains, reg, move, body, finish);                                                   \
        break;
#define CASES_11(loop, ...)                                                                        \
    CASE(1, loop, __VA_ARGS__)                                                                     \
    CASE(2, loop, __VA_ARGS__)                                                                     \
    CASE(3, loop, __VA_ARGS__)                                                                     \
    CASE(4, loop, __VA_ARGS__)                                                                     \
    CASE(5, loop, __VA_ARGS__)                                                                     \
    CASE(6, loop, __VA_ARGS__)                                                                     \
    CASE(7, loop, __VA_ARGS__)                                                                     \
    CASE(8, loop, __VA_ARGS__)                                                                     \
    CASE(9, loop, __VA_ARGS__)                                                                     \
    CASE(10, loop, __VA_ARGS__)                                                                    \
    CASE(11, loop, __VA_ARGS__)
#define VARY_16(function, features, reg, move, body, finish)                                       \
    __attribute__((target(features))) void sz_kernel_##function(sz_kernel_job *job) {              \
        int64_t n = job->n;                                                                        \
        switch (job->state->chains) {                                                              \
            CASES_11(LOOP_16, reg, move, body, finish)                                             \
            CASE(12, LOOP_16, reg, move, body, finish)                                             \
        }                                                                                          \
    }
#define VARY_32(function, features, reg, move, body, finish)                                       \
    __attribute__((target(features))) void sz_kernel_##function(sz_kernel_job *job) {              \
        int64_t n = job->n;                                                                        \
        switch (job->state->chains) {                                                              \
            CASES_11(LOOP_32, reg, move, body, finish)                                             \
            CASE(12, LOOP_32, reg, move, body, finish)                                             \
            CASE(14, LOOP_32, reg, move, body, finish)                                             \
            CASE(16, LOOP_32, reg, move, body, finish)                                             \
            CASE(20, LOOP_32, reg, move, body, finish)                                             \
            CASE(24, LOOP_32, reg, move, body, finish)                                             \
        }                                                                                          \
    }

// One pass of max: each accumulator with the next one, the last with a constant; so the largest
// number moves on by one register per pass, which tells how many passes were made.
#define NEXT(op, r, next, last)                                                                    \
    ".if " r "+1 < %c[chains]\n\t" op(r, next) ".elseif " r                                        \
                                               " < %c[chains]\n\t" op(r, last) ".endif\n\t"
#define NEXT_16(op)                                                                                \
    NEXT(op, "0", "1", "12")                                                                       \
    NEXT(op, "1", "2", "12")                                                                       \
    NEXT(op, "2", "3", "12") NEXT(op, "3", "4", "12") NEXT(op, "4", "5", "12")                     \
        NEXT(op, "5", "6", "12") NEXT(op, "6", "7", "12") NEXT(op, "7", "8", "12")                 \
            NEXT(op, "8", "9", "12") NEXT(op, "9", "10", "12") NEXT(op, "10", "11", "12")          \
                NEXT(op, "11", "11", "12")
#define NEXT_32(op)                                                                                \
    NEXT(op, "0", "1", "28")                                                                       \
    NEXT(op, "1", "2", "28")                                                                       \
    NEXT(op, "2", "3", "28") NEXT(op, "3", "4", "28") NEXT(op, "4", "5", "28")                     \
        NEXT(op, "5", "6", "28") NEXT(op, "6", "7", "28") NEXT(op, "7", "8", "28")                 \
            NEXT(op, "8", "9", "28") NEXT(op, "9", "10", "28") NEXT(op, "10", "11", "28")          \
                NEXT(op, "11", "12", "28") NEXT(op, "12", "13", "28") NEXT(op, "13", "14", "28")   \
                    NEXT(op, "14", "15", "28") NEXT(op, "15", "16", "28")                          \
                        NEXT(op, "16", "17", "28") NEXT(op, "17", "18", "28")                      \
                            NEXT(op, "18", "19", "28") NEXT(op, "19", "20", "28")                  \
                                NEXT(op, "20", "21", "28") NEXT(op, "21", "22", "28")              \
                                    NEXT(op, "22", "23", "28") NEXT(op, "23", "23", "28")

// Four equal passes. Two operations on each accumulator are two sweeps, all of the first before the
// second: next to each other, what waits would fill the scheduler.
#define FOUR_TIMES(pass) ".rept 4\n\t" pass ".endr\n\t"
#define SWEEPS(registers, first, second) FOUR_TIMES(EACH(registers, first) EACH(registers, second))

#endif
