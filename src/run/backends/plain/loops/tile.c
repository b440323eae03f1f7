// SPDX-License-Identifier: Apache-2.0
// The heart of a matrix product: a tile of the result that stays in registers. Its shape is what
// the registers of the instruction set hold, with one more row of the right side and one number of
// the left.
#include "run/backends/plain/loops/isa.h"

#if defined __AVX512F__
enum { ROWS = 14, VECTORS = 2, BYTES = 64 }; // of 32 registers
#elif defined __AVX__
enum { ROWS = 6, VECTORS = 2, BYTES = 32 }; // of 16
#elif defined __aarch64__
enum { ROWS = 8, VECTORS = 3, BYTES = 16 }; // of 32
#else
enum { ROWS = 6, VECTORS = 2, BYTES = 16 }; // of 16
#endif

#define TILE(T, name)                                                                              \
    typedef T name##_vector __attribute__((vector_size(BYTES), aligned(sizeof(T))));               \
    enum { name##_LANES = BYTES / sizeof(T), name##_COLUMNS = VECTORS * name##_LANES };            \
    static void name##_run(int64_t k, const void *left, const void *right, int64_t step,           \
                           void *out, int64_t stride) {                                            \
        name##_vector sums[ROWS][VECTORS] = {0};                                                   \
        const T *a = left, *b = right;                                                             \
        for (int64_t i = 0; i < k; i++, a += ROWS, b += step) {                                    \
            name##_vector x[VECTORS];                                                              \
            for (int c = 0; c < VECTORS; c++)                                                      \
                x[c] = *(const name##_vector *)(b + c * name##_LANES);                             \
            _Pragma("GCC unroll 14") for (int r = 0; r < ROWS; r++) for (int c = 0; c < VECTORS;   \
                                                                         c++)                      \
                sums[r][c] += a[r] * x[c];                                                         \
        }                                                                                          \
        _Pragma("GCC unroll 14") for (int r = 0; r < ROWS; r++) {                                  \
            T *y = (T *)out + r * stride;                                                          \
            for (int c = 0; c < VECTORS; c++)                                                      \
                *(name##_vector *)(y + c * name##_LANES) += sums[r][c];                            \
        }                                                                                          \
    }                                                                                              \
    static void name##_pack(int64_t k, int64_t n, int64_t width, const void *from, int64_t along,  \
                            int64_t across, void *to) {                                            \
        const T *x = from;                                                                         \
        T *y = to;                                                                                 \
        for (int64_t i = 0; i < k; i++, y += width) {                                              \
            if (across == 1 && n == width)                                                         \
                memcpy(y, x + i * along, (size_t)width * sizeof *y);                               \
            else                                                                                   \
                for (int64_t r = 0; r < width; r++) y[r] = r < n ? x[i * along + r * across] : 0;  \
        }                                                                                          \
    }
TILE(float, f32)
TILE(double, f64)

static const sz_tile tile_f32 = {ROWS, f32_COLUMNS, f32_run, f32_pack};
static const sz_tile tile_f64 = {ROWS, f64_COLUMNS, f64_run, f64_pack};

const sz_loops SZ_GLUE(sz_loops_, SZ_ISA) = {.isa = SZ_WORD(SZ_ISA),
                                             .rows = SZ_GLUE(sz_elements_, SZ_ISA),
                                             .f32 = &SZ_GLUE(sz_rows_, SZ_ISA),
                                             .tile_f32 = &tile_f32,
                                             .tile_f64 = &tile_f64};
