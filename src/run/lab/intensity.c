// SPDX-License-Identifier: Apache-2.0
// Speed against arithmetic intensity: each float of a long array goes through k multiply-adds in
// registers and into a sum.
#include "run/lab/lab.h"

typedef struct stream {
    const sz_lab_loops *loops;
    const float *x;
    int64_t n, at; // floats, place; one unit is SZ_LAB_GRAIN floats
    int k;
    float sum;
} stream;

static const float FACTOR = 0.5f, TERM = 1;

static void run_stream(void *user, int thread, int64_t n) {
    stream *w = user;
    (void)thread;
    while (n > 0) {
        const int64_t left = (w->n - w->at) / SZ_LAB_GRAIN, units = n < left ? n : left;
        w->sum = w->loops->poly(w->x + w->at, units * SZ_LAB_GRAIN, w->k, FACTOR, TERM);
        w->at += units * SZ_LAB_GRAIN;
        if (w->at == w->n) w->at = 0;
        n -= units;
    }
}

// k steps of x / 2 + 1 leave 2 + (x - 2) / 2^k.
static bool holds(const stream *w) {
    double sum = 0;
    for (int64_t i = 0; i < SZ_LAB_GRAIN; i++) {
        double x = w->x[i];
        for (int j = 0; j < w->k; j++) x = x * FACTOR + TERM;
        sum += x;
    }
    return sz_lab_near(w->loops->poly(w->x, SZ_LAB_GRAIN, w->k, FACTOR, TERM), sum, 1e-4);
}

static sz_status time_steps(sz_lab *lab, int64_t n, int k, sz_lab_row *row) {
    const double count = (double)n, flops = (2.0 * k + 1) * count;
    stream w = {.loops = lab->loops, .x = (const float *)(const void *)lab->bytes, .n = n, .k = k};
    sz_reading r;
    *row = (sz_lab_row){.x = flops / (4 * count),
                        .flops = flops,
                        .elements = count,
                        .bytes_read = 4 * count,
                        .working_set_bytes = 4 * count,
                        .verified = holds(&w)};
    SZ_TRY(sz_lab_time(lab, run_stream, &w, &r));
    sz_lab_take(row, &r, count / SZ_LAB_GRAIN);
    sz_lab_predict(lab->machine, row,
                   2 * k * count / sz_lab_roof(lab->machine, SZ_STEP_FMA) +
                       count / sz_lab_roof_add(lab->machine));
    return sz_lab_add(lab, row, "%d multiply-add%s and 1 add per float", k, k == 1 ? "" : "s");
}

sz_status sz_lab_intensity(sz_lab *lab) {
    static const int steps[] = {0, 1, 2, 4, 8, 12, 16, 24, 32, 64, 128, 256};
    enum { N_STEPS = sizeof steps / sizeof steps[0] };
    const bool quick = lab->options->quick;
    const size_t wanted = quick ? (size_t)48 << 20 : (size_t)768 << 20;
    sz_lab_row first = {0}, row = {0}, free_until = {0};
    SZ_TRY(sz_lab_buffer(lab, wanted, (size_t)16 << 20));
    const int64_t n = (int64_t)(lab->size / 4) / SZ_LAB_GRAIN * SZ_LAB_GRAIN;
    for (int i = 0; i < N_STEPS; i += quick ? 3 : 1) {
        sz_lab_tell(lab, "one intensity after the other");
        SZ_TRY(time_steps(lab, n, steps[i], &row));
        if (i == 0) first = row;
        if (row.time_s < 1.1 * first.time_s) free_until = row;
    }
    SZ_TRY(sz_lab_compare(lab, "time with the most FLOPs / with one per float", SZ_NAN,
                          row.time_s / first.time_s, row.predicted_s / first.predicted_s));
    SZ_TRY(sz_lab_compare(lab, "rate with the most FLOPs / with one per float", SZ_NAN,
                          row.flops / row.time_s / (first.flops / first.time_s),
                          row.flops / row.predicted_s / (first.flops / first.predicted_s)));
    return sz_lab_find(lab,
                       "up to %.3g FLOP/B all operations beside the first are free: %.0f times the "
                       "FLOPs in less than 1.1 times the time",
                       free_until.x, free_until.flops / first.flops);
}
