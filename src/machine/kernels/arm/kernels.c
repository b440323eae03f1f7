// SPDX-License-Identifier: Apache-2.0
// Kernels of 64-bit ARM with NEON. Registers v0-v11 accumulate, v12 is the factor, v13 the term.
#include "machine/kernels/kernels.h"

#if defined(__aarch64__)

#define CLOBBERS                                                                                   \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "cc",  \
        "memory"
// The preprocessor repeats, not .irp: the assemblers of GCC and clang disagree on "v\\r\\().4s".
#define EACH(M)                                                                                    \
    M("0") M("1") M("2") M("3") M("4") M("5") M("6") M("7") M("8") M("9") M("10") M("11")
#define LOAD_ACC(r) "ldr q" r ", [%[acc], #64*" r "]\n\t"
#define STORE_ACC(r) "str q" r ", [%[acc], #64*" r "]\n\t"

// once: what three passes do to register r, last: what the fourth does.
#define PEAK(function, once, last)                                                                 \
    void sz_kernel_##function(sz_kernel_job *job) {                                                \
        int64_t n = job->n;                                                                        \
        __asm__ volatile("ldr q12, [%[factor]]\n\t"                                                \
                         "ldr q13, [%[term]]\n\t"                                                  \
                         EACH(LOAD_ACC)                                                            \
                         ".p2align 6\n"                                                            \
                         "1:\n\t"                                                                  \
                         ".rept 3\n\t" EACH(once) ".endr\n\t"                                      \
                         EACH(last)                                                                \
                         "subs %[n], %[n], #1\n\t"                                                 \
                         "b.ne 1b\n\t"                                                             \
                         EACH(STORE_ACC)                                                           \
                         : [n] "+r"(n)                                                             \
                         : [factor] "r"(job->state->factor), [term] "r"(job->state->term),         \
                           [acc] "r"(job->state->acc)                                              \
                         : CLOBBERS);                                                              \
    }

#define FMLA_S(r) "fmla v" r ".4s, v12.4s, v13.4s\n\t"
#define FMLS_S(r) "fmls v" r ".4s, v12.4s, v13.4s\n\t"
#define FMLA_D(r) "fmla v" r ".2d, v12.2d, v13.2d\n\t"
#define FMLS_D(r) "fmls v" r ".2d, v12.2d, v13.2d\n\t"
#define FADD_S(r) "fadd v" r ".4s, v" r ".4s, v13.4s\n\t"
#define FSUB_S(r) "fsub v" r ".4s, v" r ".4s, v13.4s\n\t"
PEAK(arm_neon_fma_f32, FMLA_S, FMLS_S)
PEAK(arm_neon_fma_f64, FMLA_D, FMLS_D)
PEAK(arm_neon_add_f32, FADD_S, FSUB_S)

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

// 96 dependent exclusive-ors of 1 cycle each.
void sz_kernel_arm_clock_eor(sz_kernel_job *job) {
    int64_t n = job->n;
    uint64_t x = 3, y = 5;
    __asm__ volatile(".p2align 6\n"
                     "1:\n\t"
                     ".rept 96\n\teor %[x], %[x], %[y]\n\t.endr\n\t"
                     "subs %[n], %[n], #1\n\t"
                     "b.ne 1b\n\t"
                     : [n] "+r"(n), [x] "+r"(x)
                     : [y] "r"(y)
                     : "cc");
    job->sink ^= x;
}

#else
typedef int sz_not_built; // a translation unit must hold something
#endif
