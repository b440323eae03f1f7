// SPDX-License-Identifier: Apache-2.0
// The loops for AVX2 with FMA. Sixteen registers: 6 rows of accumulators leave one for the product
// of a step that is not fused.
#include "run/lab/loops.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET      __attribute__((target("avx2,fma,popcnt")))
#define LANES       8
#define ROWS        6
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define SET         sz_lab_loops_avx2
#define ISA         "avx2+fma"
#define NEEDS       (SZ_CPU(avx2) | SZ_CPU(fma))

typedef float V __attribute__((vector_size(32)));
#define FMA(a, b, c) _mm256_fmadd_ps((a), (b), (c))
#define MAX(a, b)    _mm256_max_ps((a), (b))
#define SET1(f)      _mm256_set1_ps(f)

#include "run/lab/loops.inc"
#else
typedef int sz_not_built; // a translation unit must hold something
#endif
