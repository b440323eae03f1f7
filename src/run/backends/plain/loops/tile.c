// SPDX-License-Identifier: Apache-2.0
// The heart of a matrix product: 6 rows by 16 columns that stay in registers.
#include "run/backends/plain/loops/isa.h"

enum { ROWS = SZ_TILE_ROWS, COLUMNS = SZ_TILE_COLUMNS, LANES = 8 };

typedef float vector __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));

void SZ_GLUE(sz_tile_, SZ_ISA)(int64_t k, const float *a, const float *b, float *y,
                               int64_t stride) {
    vector sums[ROWS][2] = {0};
    for (int64_t i = 0; i < k; i++, a += ROWS, b += COLUMNS) {
        const vector left = *(const vector *)b, right = *(const vector *)(b + LANES);
#pragma GCC unroll 6
        for (int r = 0; r < ROWS; r++) {
            const vector all = {a[r], a[r], a[r], a[r], a[r], a[r], a[r], a[r]};
            sums[r][0] += all * left;
            sums[r][1] += all * right;
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < ROWS; r++) {
        *(vector *)(y + r * stride) += sums[r][0];
        *(vector *)(y + r * stride + LANES) += sums[r][1];
    }
}

const sz_loops SZ_GLUE(sz_loops_, SZ_ISA) = {.isa = SZ_WORD(SZ_ISA),
                                             .rows = SZ_GLUE(sz_elements_, SZ_ISA),
                                             .f32 = &SZ_GLUE(sz_rows_, SZ_ISA),
                                             .tile = SZ_GLUE(sz_tile_, SZ_ISA)};
