// SPDX-License-Identifier: Apache-2.0
#include "run/lab/product.h"

#include <math.h>

static int64_t padded_rows(const sz_lab_loops *l, int64_t n) {
    return (n + l->rows - 1) / l->rows * l->rows;
}

int64_t sz_product_floats(const sz_lab_loops *l, int64_t n) {
    const int64_t rows = padded_rows(l, n);
    return rows * n + rows * SZ_LAB_DEPTH + SZ_LAB_DEPTH * l->cols;
}

int64_t sz_product_units(const sz_product *p) {
    return p->n / SZ_LAB_DEPTH * (p->n / p->loops->cols);
}

// Rows [from, to) of the columns of A from `depth` on, as panels in which the elements lie in the
// order of their use.
static void pack_a(const sz_product *p, int64_t from, int64_t to) {
    const int rows = p->loops->rows;
    for (int64_t i = from; i < to; i++) {
        const float *row = p->a + i * p->n + p->depth;
        float *at = p->packed_a + i / rows * rows * SZ_LAB_DEPTH + i % rows;
        for (int64_t k = 0; k < SZ_LAB_DEPTH; k++) at[k * rows] = i < p->n ? row[k] : 0;
    }
}

static void pack_b(const sz_product *p) {
    const int cols = p->loops->cols;
    for (int64_t k = 0; k < SZ_LAB_DEPTH; k++)
        memcpy(p->packed_b + k * cols, p->b + (p->depth + k) * p->n + p->col,
               (size_t)cols * sizeof *p->b);
}

void sz_product_init(sz_product *p, const sz_lab_loops *loops, sz_lab_step step, int64_t n,
                     const float *a, const float *b, float *space) {
    *p = (sz_product){.loops = loops,
                      .step = step,
                      .n = n,
                      .padded = padded_rows(loops, n),
                      .a = a,
                      .b = b,
                      .c = space};
    p->packed_a = p->c + p->padded * n;
    p->packed_b = p->packed_a + p->padded * SZ_LAB_DEPTH;
    memset(p->c, 0, (size_t)(p->padded * n) * sizeof *p->c);
}

// The panel of B stays in the first cache while all of A goes by.
static void one_panel(sz_product *p) {
    const int rows = p->loops->rows, cols = p->loops->cols;
    if (p->col == 0) pack_a(p, 0, p->padded);
    pack_b(p);
    for (int64_t i = 0; i < p->padded; i += rows)
        p->loops->block[p->step](p->packed_a + i * SZ_LAB_DEPTH, p->packed_b,
                                 p->c + i * p->n + p->col, p->n);
    p->col += cols;
    if (p->col < p->n) return;
    p->col = 0;
    p->depth = (p->depth + SZ_LAB_DEPTH) % p->n;
}

void sz_product_run(void *product, int thread, int64_t n) {
    (void)thread;
    for (; n > 0; n--) one_panel(product);
}

// Rows of A one by one, from the first to the last of every depth.
static void run_packing(void *product, int thread, int64_t n) {
    sz_product *p = product;
    (void)thread;
    for (; n > 0; n--) {
        pack_a(p, p->col, p->col + 1);
        if (++p->col < p->n) continue;
        p->col = 0;
        p->depth = (p->depth + SZ_LAB_DEPTH) % p->n;
    }
}

// A is packed in one of many units, which the median of the batches does not see: timed by itself.
sz_status sz_product_time(sz_lab *lab, sz_product *p, sz_lab_row *row) {
    const double depths = (double)(p->n / SZ_LAB_DEPTH);
    sz_reading pack, r;
    SZ_TRY(sz_lab_time(lab, run_packing, p, &pack));
    p->col = p->depth = 0;
    SZ_TRY(sz_lab_time(lab, sz_product_run, p, &r));
    sz_lab_take(row, &r, (double)sz_product_units(p));
    row->time_s += depths * (double)p->n / pack.rate.median;
    return SZ_OK;
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
