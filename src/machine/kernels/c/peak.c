// SPDX-License-Identifier: Apache-2.0
// Peak kernels in C: portable, and honest about what a compiler makes of plain loops. They are also
// the reference for the rows of other instruction sets.
#include "machine/kernels/kernels.h"

// GCC and clang vectorise loops over fixed arrays of this size for any instruction set they target.
#define EACH(count, STEP)                                                                          \
    for (int j = 0; j < SZ_KERNEL_ACCUMULATORS * (count); j++) acc[j] = STEP;
#define PEAK(function, type, count, ONCE, LAST)                                                    \
    void sz_kernel_##function(sz_kernel_job *job) {                                                \
        type acc[SZ_KERNEL_ACCUMULATORS * (count)], factor, term;                                  \
        for (int r = 0; r < SZ_KERNEL_ACCUMULATORS; r++)                                           \
            memcpy(acc + r * (count), job->state->acc[r], (count) * sizeof(type));                 \
        memcpy(&factor, job->state->factor, sizeof factor);                                        \
        memcpy(&term, job->state->term, sizeof term);                                              \
        for (int64_t i = 0; i < job->n; i++) {                                                     \
            EACH(count, ONCE) EACH(count, ONCE) EACH(count, ONCE) EACH(count, LAST)                \
        }                                                                                          \
        for (int r = 0; r < SZ_KERNEL_ACCUMULATORS; r++)                                           \
            memcpy(job->state->acc[r], acc + r * (count), (count) * sizeof(type));                 \
        (void)factor;                                                                              \
    }

PEAK(c_muladd_f32, float, 4, acc[j] * factor + term, acc[j] * factor + term)
PEAK(c_muladd_f64, double, 2, acc[j] * factor + term, acc[j] * factor + term)
PEAK(c_add_f32, float, 4, acc[j] + term, acc[j] - term)
