// SPDX-License-Identifier: Apache-2.0
#include "run/lab/product.h"

#include <math.h>

int64_t sz_product_floats(int64_t n) {
    return n * n + SZ_LAB_BLOCK * SZ_LAB_DEPTH + 2 * SZ_LAB_DEPTH * n;
}

static int64_t blocks(const sz_product *p) { return p->n / SZ_LAB_BLOCK; }

int64_t sz_product_units(const sz_product *p) { return p->n / SZ_LAB_DEPTH * blocks(p); }

static void pack_a(const sz_product *p) {
    for (int64_t i = 0; i < SZ_LAB_BLOCK; i += p->loops->rows)
        p->loops->pack(p->packed_a + i * SZ_LAB_DEPTH, p->a + (p->row + i) * p->n + p->depth, p->n);
}

// Rows [from, to) of those of B from `depth` on, into panels. Whole rows: memory likes to be read
// in order.
static void pack_b(const sz_product *p, float *packed, int64_t depth, int64_t from, int64_t to) {
    const int64_t cols = p->loops->cols;
    for (int64_t k = from; k < to; k++) {
        const float *row = p->b + (depth + k) * p->n;
        for (int64_t i = 0; i < p->n; i += cols)
            p->loops->copy(packed + i * SZ_LAB_DEPTH + k * cols, row + i,
                           cols * (int64_t)sizeof *row);
    }
}

void sz_product_init(sz_product *p, const sz_lab_loops *loops, sz_lab_step step, int64_t n,
                     const float *a, const float *b, float *space) {
    *p = (sz_product){.loops = loops, .step = step, .n = n, .a = a, .b = b, .c = space};
    p->packed_a = p->c + n * n;
    p->packed_b = p->packed_a + SZ_LAB_BLOCK * SZ_LAB_DEPTH;
    p->packing_b = p->packed_b + SZ_LAB_DEPTH * n;
    memset(p->c, 0, (size_t)(n * n) * sizeof *p->c);
    pack_b(p, p->packed_b, 0, 0, SZ_LAB_DEPTH);
}

static void next(sz_product *p) {
    p->row += SZ_LAB_BLOCK;
    if (p->row < p->n) return;
    float *packed = p->packed_b;
    p->packed_b = p->packing_b;
    p->packing_b = packed;
    p->row = 0;
    p->depth = (p->depth + SZ_LAB_DEPTH) % p->n;
}

static void one_block(sz_product *p) {
    const int rows = p->loops->rows, cols = p->loops->cols;
    const int64_t panels = p->n / cols, block = p->row / SZ_LAB_BLOCK;
    pack_a(p);
    pack_b(p, p->packing_b, (p->depth + SZ_LAB_DEPTH) % p->n, SZ_LAB_DEPTH * block / blocks(p),
           SZ_LAB_DEPTH * (block + 1) / blocks(p));
    for (int64_t panel = 0; panel < panels; panel++)
        for (int64_t i = 0; i < SZ_LAB_BLOCK; i += rows) {
            const float *b = p->packed_b + panel * cols * SZ_LAB_DEPTH;
            const float *later = b + (SZ_LAB_BLOCK + i) * cols * SZ_LAB_DEPTH / SZ_LAB_BLOCK;
            p->loops->block[p->step](p->packed_a + i * SZ_LAB_DEPTH, b,
                                     p->c + (p->row + i) * p->n + panel * cols, p->n, later);
        }
    next(p);
}

void sz_product_run(void *product, int thread, int64_t n) {
    (void)thread;
    for (; n > 0; n--) one_block(product);
}

static double expected(const sz_product *p, int64_t row, int64_t col) {
    double sum = 0;
    for (int64_t k = 0; k < p->n; k++) {
        const double a = p->a[row * p->n + k], b = p->b[k * p->n + col];
        if (p->step == SZ_STEP_FMA)
            sum += a * b;
        else
            sum = fmax(sum, p->step == SZ_STEP_MUL_MAX ? a * b : a + b);
    }
    return sum;
}

bool sz_product_holds(sz_product *p) {
    enum { SAMPLES = 24 };
    sz_product_run(p, 0, sz_product_units(p));
    for (int64_t s = 0; s < SAMPLES; s++) {
        const int64_t row = s * 7919 % p->n, col = s * 104729 % p->n;
        if (!sz_lab_near(p->c[row * p->n + col], expected(p, row, col), 1e-4)) return false;
    }
    return true;
}

sz_lab_case sz_product_case(sz_product *p) {
    const double nn = (double)p->n * (double)p->n, flops = 2 * nn * (double)p->n;
    sz_lab_case c = {.run = sz_product_run,
                     .user = p,
                     .units = (double)sz_product_units(p),
                     .row = {.x = SZ_NAN,
                             .flops = flops,
                             .elements = nn,
                             .bytes_read = 8 * nn,
                             .bytes_written = 4 * nn,
                             .working_set_bytes = 12 * nn,
                             .verified = sz_product_holds(p)}};
    c.ops[p->step] = flops;
    c.where_off = "beside its operations a product loads, spreads and stores elements, and a core "
                  "starts only so many instructions in a cycle";
    return c;
}
