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

static sz_status add_steps(sz_lab *lab, stream *w, int64_t n, int k, sz_lab_case *ret_case) {
    const double count = (double)n, flops = (2.0 * k + 1) * count;
    *w = (stream){
        .loops = lab->loops, .x = (const float *)(const void *)lab->bytes, .n = n, .k = k};
    *ret_case = (sz_lab_case){.run = run_stream,
                              .user = w,
                              .units = count / SZ_LAB_GRAIN,
                              .where_off = "near the ridge memory and arithmetic take as long, and "
                                           "a core does not overlap them perfectly",
                              .row = {.x = flops / (4 * count),
                                      .flops = flops,
                                      .elements = count,
                                      .bytes_read = 4 * count,
                                      .working_set_bytes = 4 * count,
                                      .verified = holds(w)}};
    ret_case->ops[SZ_STEP_FMA] = 2 * k * count;
    ret_case->ops[SZ_LAB_ROOF_ADD] = count;
    return sz_lab_name(lab, ret_case, "%d multiply-add%s and 1 add per float", k,
                       k == 1 ? "" : "s");
}

static sz_status conclude(sz_lab *lab, const sz_lab_case *c, int n) {
    const sz_lab_row *first = &c[0].row, *last = &c[n - 1].row, *free_until = first;
    for (int i = 0; i < n; i++)
        if (c[i].row.time_s < 1.1 * first->time_s) free_until = &c[i].row;
    SZ_TRY(sz_lab_compare(lab, "time with the most FLOPs / with one per float", SZ_NAN,
                          last->time_s / first->time_s, last->predicted_s / first->predicted_s));
    SZ_TRY(sz_lab_compare(lab, "rate with the most FLOPs / with one per float", SZ_NAN,
                          last->flops / last->time_s / (first->flops / first->time_s),
                          last->flops / last->predicted_s / (first->flops / first->predicted_s)));
    return sz_lab_find(lab,
                       "up to %.3g FLOP/B all operations beside the first are free: %.0f times the "
                       "FLOPs in less than 1.1 times the time",
                       free_until->x, free_until->flops / first->flops);
}

sz_status sz_lab_intensity(sz_lab *lab) {
    static const int steps[] = {0, 1, 2, 4, 8, 12, 16, 24, 32, 64, 128, 256};
    enum { N_STEPS = sizeof steps / sizeof steps[0] };
    const bool quick = lab->options->quick;
    const size_t usual = quick ? (size_t)48 << 20 : (size_t)768 << 20;
    const int64_t asked = lab->options->memory_bytes;
    const size_t wanted = asked > 0 ? (size_t)asked : usual;
    sz_lab_case cases[N_STEPS];
    stream streams[N_STEPS];
    int used = 0;
    SZ_TRY(sz_lab_buffer(lab, wanted, (size_t)16 << 20));
    const int64_t n = (int64_t)(lab->size / 4) / SZ_LAB_GRAIN * SZ_LAB_GRAIN;
    for (int i = 0; i < N_STEPS; i += quick ? 3 : 1, used++)
        SZ_TRY(add_steps(lab, &streams[used], n, steps[i], &cases[used]));
    SZ_TRY(sz_lab_measure(lab, cases, (size_t)used));
    return conclude(lab, cases, used);
}
