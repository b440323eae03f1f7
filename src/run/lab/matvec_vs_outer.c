// SPDX-License-Identifier: Apache-2.0
// Matrix x vector against outer product and column sums, which do the same 2N^2 - N FLOPs. The unit
// of work is a row; the walk goes round the matrix, so that one that fits a cache stays in it.
#include "run/lab/lab.h"

#include <stdio.h>

typedef enum work_kind { MATVEC, OUTER, COLUMN_SUM, ROW_SUM, N_WORKS } work_kind;

static const char *const names[N_WORKS] = {"matrix x vector", "outer product", "column sums",
                                           "row sums"};

typedef struct walk {
    const sz_lab_loops *loops;
    work_kind kind;
    int64_t n, row;              // side, row that comes next
    float *matrix, *u, *v, *out; // n x n; n each
} walk;

static void one_row(const walk *w, int64_t i) {
    float *row = w->matrix + i * w->n;
    if (w->kind == MATVEC)
        w->out[i] = w->loops->dot(row, w->v, w->n);
    else if (w->kind == OUTER)
        w->loops->scale(row, w->u[i], w->v, w->n);
    else if (w->kind == COLUMN_SUM)
        w->loops->accumulate(w->out, row, w->n);
    else
        w->out[i] = w->loops->sum(row, w->n);
}

static void run_rows(void *user, int thread, int64_t n) {
    walk *w = user;
    (void)thread;
    for (; n > 0; n--) {
        one_row(w, w->row);
        if (++w->row == w->n) w->row = 0;
    }
}

// Elements of the result after one pass, against sums in double. `w->matrix` holds what it was made
// from: anything for MATVEC and OUTER, the outer product for the sums.
static bool holds(walk *w) {
    enum { SAMPLES = 8 };
    memset(w->out, 0, (size_t)w->n * sizeof *w->out);
    w->row = 0;
    run_rows(w, 0, w->n);
    for (int64_t s = 0; s < SAMPLES; s++) {
        const int64_t at = s * 7919 % w->n, other = s * 104729 % w->n;
        double sum = 0;
        for (int64_t k = 0; k < w->n; k++) {
            if (w->kind == MATVEC) sum += (double)w->matrix[at * w->n + k] * w->v[k];
            if (w->kind == COLUMN_SUM) sum += w->matrix[k * w->n + at];
            if (w->kind == ROW_SUM) sum += w->matrix[at * w->n + k];
        }
        if (w->kind == OUTER) {
            if (w->matrix[at * w->n + other] != w->u[at] * w->v[other]) return false;
        } else if (!sz_lab_near(w->out[at], sum, 1e-3))
            return false;
    }
    return true;
}

// FLOPs and bytes of a whole pass.
static sz_lab_row expected(const sz_lab *lab, const walk *w) {
    const double n = (double)w->n, bytes = 4 * n * n;
    sz_lab_row row = {.x = n, .elements = n * n, .working_set_bytes = bytes};
    const double add = sz_lab_roof_add(lab->machine);
    double compute_s = 0;
    if (w->kind == MATVEC) {
        row.flops = n * (2 * n - 1);
        row.bytes_read = bytes;
        compute_s = row.flops / sz_lab_roof(lab->machine, SZ_STEP_FMA);
    } else {
        row.flops = w->kind == OUTER ? n * n : n * (n - 1);
        row.bytes_read = w->kind == OUTER ? 0 : bytes;
        row.bytes_written = w->kind == OUTER ? bytes : 0;
        compute_s = row.flops / add;
    }
    sz_lab_predict(lab->machine, &row, compute_s);
    return row;
}

// The vectors keep their places whatever the size, so that they stay random numbers in [0.5, 1):
// what an earlier size has left there, large sums, would drown small ones in rounding.
enum { LARGEST = 20000, MATRIX = (3 * LARGEST + 1023) / 1024 * 1024 };

static sz_status time_size(sz_lab *lab, int64_t n, sz_lab_row rows[N_WORKS]) {
    float *at = (float *)(void *)lab->bytes;
    walk w = {.loops = lab->loops, .n = n, .u = at};
    w.v = at + LARGEST, w.out = at + 2 * LARGEST, w.matrix = at + MATRIX;
    for (int k = 0; k < N_WORKS; k++) { // the sums come after the outer product and use it
        sz_reading r;
        w.kind = (work_kind)k;
        rows[k] = expected(lab, &w);
        rows[k].verified = holds(&w);
        SZ_TRY(sz_lab_time(lab, run_rows, &w, &r));
        sz_lab_take(&rows[k], &r, (double)n);
        SZ_TRY(sz_lab_add(lab, &rows[k], "N = %lld: %s", (long long)n, names[k]));
    }
    return SZ_OK;
}

static size_t space(int64_t n) { return ((size_t)n * (size_t)n + MATRIX) * sizeof(float); }

static sz_status compare_size(sz_lab *lab, int64_t n, const sz_lab_row r[N_WORKS]) {
    char what[80] = "";
    const double twice = r[OUTER].time_s + r[COLUMN_SUM].time_s;
    const double expect = r[OUTER].predicted_s + r[COLUMN_SUM].predicted_s;
    snprintf(what, sizeof what, "N = %lld: outer product + column sums / matrix x vector",
             (long long)n);
    return sz_lab_compare(lab, what, SZ_NAN, twice / r[MATVEC].time_s,
                          expect / r[MATVEC].predicted_s);
}

sz_status sz_lab_matvec_vs_outer(sz_lab *lab) {
    static const int64_t sizes[] = {1000, 2000, 4000, 8000, 12000, LARGEST};
    enum { N_SIZES = sizeof sizes / sizeof sizes[0], QUICK = 2 };
    const int most = lab->options->quick ? QUICK : N_SIZES;
    sz_lab_row rows[N_WORKS];
    double last = 0, last_n = 0, along = 0;
    SZ_TRY(sz_lab_buffer(lab, space(sizes[most - 1]), space(sizes[0])));
    for (int i = 0; i < most; i++) {
        char what[64];
        snprintf(what, sizeof what, "N = %lld", (long long)sizes[i]);
        sz_lab_tell(lab, what);
        if (space(sizes[i]) > lab->size) {
            SZ_TRY(sz_lab_find(lab,
                               "N = %lld was left out: its matrix takes %.1f GB, and memory or "
                               "time did not allow more than %.1f GB",
                               (long long)sizes[i], 1e-9 * (double)space(sizes[i]),
                               1e-9 * (double)lab->size));
            continue;
        }
        SZ_TRY(time_size(lab, sizes[i], rows));
        SZ_TRY(compare_size(lab, sizes[i], rows));
        last = (rows[OUTER].time_s + rows[COLUMN_SUM].time_s) / rows[MATVEC].time_s;
        last_n = (double)sizes[i];
        along = rows[ROW_SUM].time_s / rows[COLUMN_SUM].time_s;
    }
    return sz_lab_find(
        lab,
        "at N = %.0f the same FLOPs take %.1f times as long as outer product and "
        "column sums; sums along rows take %.2f times the time of sums along columns",
        last_n, last, along);
}
