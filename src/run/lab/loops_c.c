// SPDX-License-Identifier: Apache-2.0
// The loops with what every CPU of the architecture has: SSE2, NEON, or plain C elsewhere.
#include "run/lab/loops.h"

#define TARGET
#define LANES       4
#define ROWS        4
#define EACH_ROW(X) X(0) X(1) X(2) X(3)
#define SET         sz_lab_loops_c
#define NEEDS       0

typedef float V __attribute__((vector_size(16)));

#if defined(__x86_64__)
#include <xmmintrin.h>
#define ISA          "sse2"
#define FMA(a, b, c) ((a) * (b) + (c))
#define MAX(a, b)    _mm_max_ps((a), (b))
#define SET1(f)      _mm_set1_ps(f)
#elif defined(__aarch64__)
#include <arm_neon.h>
#define ISA          "neon"
#define FMA(a, b, c) ((V)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define MAX(a, b)    ((V)vmaxq_f32((float32x4_t)(a), (float32x4_t)(b)))
#define SET1(f)      ((V)vdupq_n_f32(f))
#else
#define ISA          "c"
#define FMA(a, b, c) ((a) * (b) + (c))
#define MAX(a, b)    larger((a), (b))
#define SET1(f)      ((V){(f), (f), (f), (f)})
static V larger(V a, V b) {
    for (int i = 0; i < LANES; i++) a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
}
#endif

#include "run/lab/loops.inc"

const sz_lab_loops *sz_lab_loops_for(sz_cpu_set cpu) {
    const sz_lab_loops *best = &sz_lab_loops_c;
#if defined(__x86_64__)
    static const sz_lab_loops *const wider[] = {&sz_lab_loops_avx2, &sz_lab_loops_avx512};
    for (size_t i = 0; i < sizeof wider / sizeof wider[0]; i++)
        if ((wider[i]->needs & ~cpu) == 0) best = wider[i];
#endif
    (void)cpu;
    return best;
}
