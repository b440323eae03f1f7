// SPDX-License-Identifier: Apache-2.0
// The loops for AVX-512. Thirty-two registers: 12 rows of accumulators and all that is needed
// beside.
#include "run/lab/loops.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET      __attribute__((target("avx512f,popcnt")))
#define LANES       16
#define ROWS        12
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define SET         sz_lab_loops_avx512
#define ISA         "avx512f"
#define NEEDS       SZ_CPU(avx512f)

typedef float V __attribute__((vector_size(64)));
#define FMA(a, b, c) _mm512_fmadd_ps((a), (b), (c))
#define MAX(a, b)    _mm512_max_ps((a), (b))
#define SET1(f)      _mm512_set1_ps(f)

#include "run/lab/loops.inc"
#else
typedef int sz_not_built; // a translation unit must hold something
#endif
