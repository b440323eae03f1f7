// SPDX-License-Identifier: Apache-2.0
// Adding matrices against multiplying them.
#include "run/lab/product.h"

typedef struct addition {
    const sz_lab_loops *loops;
    float *c;
    const float *a, *b;
    int64_t n, at; // floats of each, place; one unit is SZ_LAB_GRAIN floats
} addition;

static void run_addition(void *user, int thread, int64_t n) {
    addition *w = user;
    (void)thread;
    while (n > 0) {
        const int64_t left = (w->n - w->at) / SZ_LAB_GRAIN, units = n < left ? n : left;
        w->loops->add(w->c + w->at, w->a + w->at, w->b + w->at, units * SZ_LAB_GRAIN);
        w->at += units * SZ_LAB_GRAIN;
        if (w->at == w->n) w->at = 0;
        n -= units;
    }
}

static bool addition_holds(addition *w) {
    w->at = 0;
    run_addition(w, 0, w->n / SZ_LAB_GRAIN);
    for (int64_t i = 0; i < w->n; i += 10007)
        if (w->c[i] != w->a[i] + w->b[i]) return false;
    return true;
}

// Time the sum of arrays of n floats (a multiple of the grain); the row is for `flops` additions.
static sz_status time_addition(sz_lab *lab, int64_t n, double flops, sz_lab_row *row) {
    float *at = (float *)(void *)lab->bytes;
    addition w = {.loops = lab->loops, .c = at, .a = at + n, .b = at + 2 * n, .n = n};
    sz_reading r;
    *row = (sz_lab_row){.x = SZ_NAN,
                        .flops = flops,
                        .elements = flops,
                        .bytes_read = 8 * flops,
                        .bytes_written = 4 * flops,
                        .working_set_bytes = 12.0 * (double)n,
                        .verified = addition_holds(&w)};
    SZ_TRY(sz_lab_time(lab, run_addition, &w, &r));
    sz_lab_take(row, &r, flops / SZ_LAB_GRAIN);
    sz_lab_predict(lab->machine, row, flops / sz_lab_roof_add(lab->machine));
    return SZ_OK;
}

static sz_status time_product(sz_lab *lab, int64_t n, sz_lab_row *row) {
    const double nn = (double)n * (double)n;
    float *at = (float *)(void *)lab->bytes;
    sz_product p;
    sz_product_init(&p, lab->loops, SZ_STEP_FMA, n, at, at + n * n, at + 2 * n * n);
    *row = (sz_lab_row){.x = SZ_NAN,
                        .flops = 2 * nn * (double)n,
                        .elements = nn,
                        .bytes_read = 8 * nn,
                        .bytes_written = 4 * nn,
                        .working_set_bytes = 12 * nn,
                        .verified = sz_product_holds(&p)};
    SZ_TRY(sz_product_time(lab, &p, row));
    sz_lab_predict(lab->machine, row, row->flops / sz_lab_roof(lab->machine, SZ_STEP_FMA));
    return SZ_OK;
}

sz_status sz_lab_add_vs_matmul(sz_lab *lab) {
    const bool quick = lab->options->quick;
    const int64_t n = quick ? 768 : 1024, grain = SZ_LAB_GRAIN;
    const int64_t small = n * n / grain * grain;
    const size_t needed = (size_t)(2 * n * n + sz_product_floats(lab->loops, n)) * sizeof(float);
    sz_lab_row same, product, equal;
    SZ_TRY(sz_lab_buffer(lab, quick ? (size_t)48 << 20 : (size_t)768 << 20, needed));
    const int64_t large = (int64_t)(lab->size / 12) / grain * grain;
    // The product first: what is added afterwards overwrites its matrices.
    sz_lab_tell(lab, "multiply");
    SZ_TRY(time_product(lab, n, &product));
    sz_lab_tell(lab, "add");
    SZ_TRY(time_addition(lab, small, (double)n * (double)n, &same));
    SZ_TRY(time_addition(lab, large, product.flops, &equal));
    SZ_TRY(sz_lab_add(lab, &same, "add, %lld x %lld", (long long)n, (long long)n));
    SZ_TRY(sz_lab_add(lab, &product, "multiply, %lld x %lld", (long long)n, (long long)n));
    SZ_TRY(sz_lab_add(lab, &equal, "add, as many FLOPs, arrays of %.0f MB", 4e-6 * (double)large));
    SZ_TRY(sz_lab_compare(lab, "same shape: multiply / add", 57, product.time_s / same.time_s,
                          product.predicted_s / same.predicted_s));
    SZ_TRY(sz_lab_compare(lab, "equal FLOPs: add / multiply", 39, equal.time_s / product.time_s,
                          equal.predicted_s / product.predicted_s));
    return sz_lab_find(lab,
                       "the product does %.0f times the FLOPs of the sum in %.0f times its time: a "
                       "FLOP of the product takes 1/%.0f of the time of a FLOP of the sum",
                       product.flops / same.flops, product.time_s / same.time_s,
                       product.flops / same.flops * same.time_s / product.time_s);
}
