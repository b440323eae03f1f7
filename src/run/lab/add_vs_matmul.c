// SPDX-License-Identifier: Apache-2.0
// Adding matrices against multiplying them.
#include "machine/measure/walk.h"
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

// The sum of arrays of w->n floats (a multiple of the grain); the case is of `flops` additions.
static sz_lab_case addition_case(addition *w, double flops) {
    sz_lab_case c = {.run = run_addition,
                     .user = w,
                     .units = flops / SZ_LAB_GRAIN,
                     .row = {.x = SZ_NAN,
                             .flops = flops,
                             .elements = flops,
                             .bytes_read = 8 * flops,
                             .bytes_written = 4 * flops,
                             .working_set_bytes = 12.0 * (double)w->n,
                             .verified = addition_holds(w)}};
    c.ops[SZ_LAB_ROOF_ADD] = flops;
    return c;
}

// In `size` bytes; n 0: as many as fit.
static addition make_addition(const sz_lab *lab, float *at, size_t size, int64_t n) {
    const int64_t next = (int64_t)(sz_walk_apart(size, 3) / sizeof *at), grain = SZ_LAB_GRAIN;
    const int64_t most = next / grain * grain;
    return (addition){
        .loops = lab->loops, .c = at, .a = at + next, .b = at + 2 * next, .n = n ? n : most};
}

enum { SAME, PRODUCT, EQUAL, N_CASES };

static sz_status conclude(sz_lab *lab, const sz_lab_case cases[N_CASES]) {
    const sz_lab_row *same = &cases[SAME].row, *product = &cases[PRODUCT].row;
    const sz_lab_row *equal = &cases[EQUAL].row;
    const double times = product->flops / same->flops, ratio = product->time_s / same->time_s;
    SZ_TRY(sz_lab_compare(lab, "same shape: multiply / add", 57, ratio,
                          product->predicted_s / same->predicted_s));
    SZ_TRY(sz_lab_compare(lab, "equal FLOPs: add / multiply", 39, equal->time_s / product->time_s,
                          equal->predicted_s / product->predicted_s));
    return sz_lab_find(lab,
                       "the product does %.0f times the FLOPs of the sum in %.0f times its time: a "
                       "FLOP of the product takes 1/%.0f of the time of a FLOP of the sum",
                       times, ratio, times / ratio);
}

// The product has its own memory before that of the sums, whose results would make its numbers
// grow from round to round.
sz_status sz_lab_add_vs_matmul(sz_lab *lab) {
    const bool quick = lab->options->quick;
    const int64_t n = quick ? SZ_LAB_PRODUCT_N : 3 * SZ_LAB_PRODUCT_N;
    const size_t own = (size_t)(2 * n * n + sz_product_floats(n)) * sizeof(float);
    const size_t small = (size_t)(n * n) * sizeof(float) / (1 << 20) + 5; // MiB, with room apart
    const size_t least = own + (3 * small << 20);
    SZ_TRY(sz_lab_buffer(lab, quick ? least : (size_t)768 << 20, least));
    float *at = (float *)(void *)lab->bytes, *sums = at + own / sizeof(float);
    sz_product p;
    sz_product_init(&p, lab->loops, SZ_STEP_FMA, n, at, at + n * n, at + 2 * n * n);
    addition same = make_addition(lab, sums, 3 * small << 20, n * n);
    addition equal = make_addition(lab, sums, lab->size - own, 0);
    const long long side = n;
    sz_lab_case cases[N_CASES] = {[PRODUCT] = sz_product_case(&p)};
    cases[SAME] = addition_case(&same, (double)n * (double)n);
    cases[EQUAL] = addition_case(&equal, cases[PRODUCT].row.flops);
    SZ_TRY(sz_lab_name(lab, &cases[SAME], "add, %lld x %lld", side, side));
    SZ_TRY(sz_lab_name(lab, &cases[PRODUCT], "multiply, %lld x %lld", side, side));
    SZ_TRY(sz_lab_name(lab, &cases[EQUAL], "add, as many FLOPs, arrays of %.0f MB",
                       4e-6 * (double)equal.n));
    SZ_TRY(sz_lab_measure(lab, cases, N_CASES));
    return conclude(lab, cases);
}
