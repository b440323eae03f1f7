// SPDX-License-Identifier: Apache-2.0
// Peak kernels in C: portable, and honest about what a compiler makes of plain loops. They are also
// the reference for the rows of other instruction sets, register by register: 12 accumulators of
// 128 bits.
#include "machine/kernels/exp.h"
#include "machine/kernels/kernels.h"

#include <math.h>

enum { CHAINS = 12 };

// The f, t and l of kernels.def. GCC and clang vectorise loops over fixed arrays of this size for
// any instruction set they target. a is the accumulator, next the one after it.
#define EACH(count, STEP)                                                                          \
    for (int j = 0; j < CHAINS * (count); j++) {                                                   \
        const value a = acc[j], next = j + (count) < CHAINS * (count) ? acc[j + (count)] : f;      \
        acc[j] = STEP;                                                                             \
        (void)next;                                                                                \
    }
#define PEAK(function, type, count, passes, ONCE, LAST)                                            \
    void sz_kernel_##function(sz_kernel_job *job) {                                                \
        typedef type value;                                                                        \
        value acc[CHAINS * (count)], f, t, l;                                                      \
        for (int r = 0; r < CHAINS; r++)                                                           \
            memcpy(acc + r * (count), job->state->acc[r], (count) * sizeof(value));                \
        memcpy(&f, job->state->operand[0], sizeof f);                                              \
        memcpy(&t, job->state->operand[1], sizeof t);                                              \
        memcpy(&l, job->state->operand[2], sizeof l);                                              \
        for (int64_t i = 0; i < job->n; i++) {                                                     \
            for (int pass = 1; pass < (passes); pass++) EACH(count, ONCE)                          \
            EACH(count, LAST)                                                                      \
        }                                                                                          \
        for (int r = 0; r < CHAINS; r++)                                                           \
            memcpy(job->state->acc[r], acc + r * (count), (count) * sizeof(value));                \
        (void)f, (void)t, (void)l;                                                                 \
    }

// clang-format off
#define FLOATS(suffix, type, count, root)                                                          \
    PEAK(c_muladd_##suffix, type, count, 4, a * f + t, a * f + t)                                  \
    PEAK(c_add_##suffix, type, count, 4, a + t, a - t)                                             \
    PEAK(c_mul_##suffix, type, count, 4, a * f, a * l)                                             \
    PEAK(c_max_##suffix, type, count, 4, a > next ? a : next, a > next ? a : next)                 \
    PEAK(c_maxmul_##suffix, type, count, 4, a * f > t ? a * f : t, a * f > t ? a * f : t)          \
    PEAK(c_addmax_##suffix, type, count, 4, a + f > t ? a + f : t, a + f > t ? a + f : t)          \
    PEAK(c_div_##suffix, type, count, 4, a / f, a / l)                                             \
    PEAK(c_sqrt_##suffix, type, count, 4, root(a * f), root(a * f))                                \
    PEAK(c_exp_##suffix, type, count, 1, exp_##suffix(a), exp_##suffix(a))

#define ONE(x) x,
// clang-format on
static const float constants_f32[] = {SZ_EXP_F32(ONE)};
static const double constants_f64[] = {SZ_EXP_F64(ONE)};

static inline float exp_f32(float a) {
    const float *k = constants_f32;
    float t = a * k[EXP_MINUS_LOG2E] + k[EXP_MAGIC], n = t - k[EXP_MAGIC], p = k[EXP_C0 + 6];
    uint32_t power, bits;
    a = a + n * k[EXP_LN2_HIGH] + n * k[EXP_LN2_LOW];
    for (int i = 5; i >= 0; i--) p = p * a + k[EXP_C0 + i];
    memcpy(&power, &t, sizeof power);
    memcpy(&bits, &p, sizeof bits);
    bits += power << 23;
    memcpy(&p, &bits, sizeof p);
    return p;
}

static inline double exp_f64(double a) {
    const double *k = constants_f64;
    double t = a * k[EXP_MINUS_LOG2E] + k[EXP_MAGIC], n = t - k[EXP_MAGIC], p = k[EXP_C0 + 11];
    uint64_t power, bits;
    a = a + n * k[EXP_LN2_HIGH] + n * k[EXP_LN2_LOW];
    for (int i = 10; i >= 0; i--) p = p * a + k[EXP_C0 + i];
    memcpy(&power, &t, sizeof power);
    memcpy(&bits, &p, sizeof bits);
    bits += power << 52;
    memcpy(&p, &bits, sizeof p);
    return p;
}

FLOATS(f32, float, 4, sqrtf)
FLOATS(f64, double, 2, sqrt)
PEAK(c_add_int32, uint32_t, 4, 4, a + t, a - t)

// ---- dot products ------------------------------------------------------------------------------

static inline uint32_t dot_u8_s8(uint32_t x, uint32_t y) {
    int32_t sum = 0;
    for (int i = 0; i < 32; i += 8) sum += (int32_t)(x >> i & 255) * (int8_t)(y >> i & 255);
    return (uint32_t)sum;
}
PEAK(c_dot_int8, uint32_t, 4, 4, a + dot_u8_s8(f, t), a + dot_u8_s8(f, l))

// A bf16 is the upper half of an f32. `pair` holds two.
static inline float half_of(float pair, int upper) {
    uint32_t bits;
    memcpy(&bits, &pair, sizeof bits);
    bits = upper ? bits & 0xffff0000u : bits << 16;
    memcpy(&pair, &bits, sizeof pair);
    return pair;
}
static inline float dot_bf16(float a, float x, float y) {
    return a + half_of(x, 1) * half_of(y, 1) + half_of(x, 0) * half_of(y, 0);
}
PEAK(c_dot_bf16, float, 4, 4, dot_bf16(a, f, t), dot_bf16(a, f, l))
