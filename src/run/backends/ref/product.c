// SPDX-License-Identifier: Apache-2.0
// The matrix product under every contraction: doubles, in blocks that stay in the caches. Terms are
// added in the order of k within blocks of KC, so results do not depend on the machine.
#include "run/backends/ref/kernel.h"

enum { MR = 4, NR = 4, KC = 256, MC = 64, NC = 512 };

typedef double pair __attribute__((vector_size(16))); // compilers turn it into what the machine has

// Panels: MR rows of a, k after k; NR columns of b, k after k. Zeros fill up the last panel.
static void pack(double *to, const double *from, int64_t n, int64_t step, int64_t k, int64_t k_step,
                 int width) {
    for (int64_t i = 0; i < n; i += width)
        for (int64_t p = 0; p < k; p++)
            for (int64_t j = i; j < i + width; j++) *to++ = j < n ? from[j * step + p * k_step] : 0;
}

// sums[MR][NR] = panel a x panel b
static void tile(int64_t k, const double *a, const double *b, double *sums) {
    pair s[MR][NR / 2] = {{{0, 0}}};
    for (int64_t p = 0; p < k; p++, a += MR, b += NR) {
        const pair b0 = {b[0], b[1]}, b1 = {b[2], b[3]};
        for (int i = 0; i < MR; i++) {
            const pair x = {a[i], a[i]};
            s[i][0] += x * b0;
            s[i][1] += x * b1;
        }
    }
    memcpy(sums, s, sizeof s);
}

static void block(int64_t m, int64_t n, int64_t k, const double *a, const double *b, double *y,
                  int64_t stride) {
    double sums[MR * NR];
    for (int64_t j = 0; j < n; j += NR)
        for (int64_t i = 0; i < m; i += MR) {
            tile(k, a + i * k, b + j * k, sums);
            for (int64_t r = 0; r < MR && i + r < m; r++)
                for (int64_t q = 0; q < NR && j + q < n; q++)
                    y[(i + r) * stride + j + q] += sums[r * NR + q];
        }
}

// A row times a matrix needs no packing.
static void row_times(int64_t n, int64_t k, sz_matrix a, sz_matrix b, double *y) {
    for (int64_t p = 0; p < k; p++) {
        const double x = a.at[p * a.column];
        const double *from = b.at + p * b.row;
        for (int64_t j = 0; j < n; j++) y[j] += x * from[j * b.column];
    }
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void in_blocks(int64_t m, int64_t n, int64_t k, sz_matrix a, sz_matrix b, double *y,
                      int64_t stride, double *pa, double *pb) {
    for (int64_t j = 0; j < n; j += NC)
        for (int64_t p = 0; p < k; p += KC) {
            const int64_t nb = least(NC, n - j), kb = least(KC, k - p);
            pack(pb, b.at + j * b.column + p * b.row, nb, b.column, kb, b.row, NR);
            for (int64_t i = 0; i < m; i += MC) {
                const int64_t mb = least(MC, m - i);
                pack(pa, a.at + i * a.row + p * a.column, mb, a.row, kb, a.column, MR);
                block(mb, nb, kb, pa, pb, y + i * stride + j, stride);
            }
        }
}

sz_status sz_ref_product(const sz_ref_call *c, int64_t m, int64_t n, int64_t k, sz_matrix a,
                         sz_matrix b, double *y, int64_t stride) {
    SZ_TRY(sz_ref_charge(c, m, n, k));
    if (m == 0 || n == 0 || k == 0) return SZ_OK;
    if (m == 1 && b.column == 1) {
        row_times(n, k, a, b, y);
        return SZ_OK;
    }
    const size_t size_a = (size_t)MC * KC * sizeof(double),
                 size_b = (size_t)NC * KC * sizeof(double);
    double *pa = sz_alloc(c->ctx, size_a), *pb = sz_alloc(c->ctx, size_b);
    if (pa && pb) in_blocks(m, n, k, a, b, y, stride, pa, pb);
    const bool done = pa && pb;
    sz_free(c->ctx, pa, size_a);
    sz_free(c->ctx, pb, size_b);
    return done ? SZ_OK : sz_no_memory(c->ctx);
}
