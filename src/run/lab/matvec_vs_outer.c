// SPDX-License-Identifier: Apache-2.0
// Matrix x vector against outer product and column sums, which do the same 2N^2 - N FLOPs. The unit
// of work is some rows; the walk goes round the matrix, so that one that fits a cache stays in it.
#include "run/lab/lab.h"

#include <stdio.h>

typedef enum work_kind { MATVEC, OUTER, COLUMN_SUM, ROW_SUM, N_WORKS } work_kind;

static const char *const names[N_WORKS] = {"matrix x vector", "outer product", "column sums",
                                           "row sums"};

typedef struct walk {
    const sz_lab_loops *loops;
    work_kind kind;
    int64_t n, row;              // side, a multiple of SZ_LAB_ROWS; row that comes next
    float *matrix, *u, *v, *out; // n x n; n each
} walk;

// What reads does so in each quarter of the matrix at the same time: four long walks, where four
// rows one below the other would be many short ones. What writes does so in order.
static void some_rows(const walk *w, int64_t i) {
    const int64_t quarter = w->n / SZ_LAB_ROWS;
    const float *rows = w->matrix + i / SZ_LAB_ROWS * w->n;
    float out[SZ_LAB_ROWS] = {0};
    if (w->kind == MATVEC)
        w->loops->dots(out, rows, quarter * w->n, w->v, w->n);
    else if (w->kind == COLUMN_SUM)
        w->loops->accumulate(w->out, rows, quarter * w->n, w->n);
    else if (w->kind == ROW_SUM)
        w->loops->sums(out, rows, quarter * w->n, w->n);
    for (int r = 0; r < SZ_LAB_ROWS; r++) {
        if (w->kind == OUTER)
            w->loops->scale(w->matrix + (i + r) * w->n, w->u[i + r], w->v, w->n);
        else if (w->kind != COLUMN_SUM)
            w->out[i / SZ_LAB_ROWS + r * quarter] = out[r];
    }
}

static void run_rows(void *user, int thread, int64_t n) {
    walk *w = user;
    (void)thread;
    for (; n > 0; n--) {
        some_rows(w, w->row);
        w->row += SZ_LAB_ROWS;
        if (w->row == w->n) w->row = 0;
    }
}

// Elements of the result after one pass, against sums in double. `w->matrix` holds what it was made
// from: anything for MATVEC and OUTER, the outer product for the sums.
static bool holds(walk *w) {
    enum { SAMPLES = 8 };
    memset(w->out, 0, (size_t)w->n * sizeof *w->out);
    w->row = 0;
    run_rows(w, 0, w->n / SZ_LAB_ROWS);
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

// A whole pass.
static sz_lab_case expected(walk *w) {
    const double n = (double)w->n, bytes = 4 * n * n;
    sz_lab_case c = {.run = run_rows,
                     .user = w,
                     .units = n / SZ_LAB_ROWS,
                     .row = {.x = n,
                             .flops = w->kind == MATVEC  ? n * (2 * n - 1)
                                      : w->kind == OUTER ? n * n
                                                         : n * (n - 1),
                             .elements = n * n,
                             .bytes_read = w->kind == OUTER ? 0 : bytes,
                             .bytes_written = w->kind == OUTER ? bytes : 0,
                             .working_set_bytes = bytes,
                             .verified = holds(w)}};
    c.ops[w->kind == MATVEC ? (int)SZ_STEP_FMA : (int)SZ_LAB_ROOF_ADD] = c.row.flops;
    if (bytes < 64e6)
        c.where_off = "the matrix is near the size of a cache that others share, which holds more "
                      "of it at one time than at another";
    return c;
}

// The vectors keep their places whatever the size, so that they stay random numbers in [0.5, 1):
// what an earlier size has left there, large sums, would drown small ones in rounding.
enum { LARGEST = 20000, MATRIX = (3 * LARGEST + 1023) / 1024 * 1024 };

// The sums come after the outer product and use it.
static sz_status add_size(sz_lab *lab, int64_t n, walk walks[N_WORKS],
                          sz_lab_case ret_cases[N_WORKS]) {
    float *at = (float *)(void *)lab->bytes;
    for (int k = 0; k < N_WORKS; k++) {
        walks[k] = (walk){.loops = lab->loops,
                          .kind = (work_kind)k,
                          .n = n,
                          .u = at,
                          .v = at + LARGEST,
                          .out = at + 2 * LARGEST,
                          .matrix = at + MATRIX};
        ret_cases[k] = expected(&walks[k]);
        SZ_TRY(sz_lab_name(lab, &ret_cases[k], "N = %lld: %s", (long long)n, names[k]));
    }
    return SZ_OK;
}

static size_t space(int64_t n) { return ((size_t)n * (size_t)n + MATRIX) * sizeof(float); }

static sz_status leave_out(sz_lab *lab, int64_t n) {
    return sz_lab_find(lab,
                       "N = %lld was left out: its matrix takes %.1f GB, and memory or time did "
                       "not allow more than %.1f GB",
                       (long long)n, 1e-9 * (double)space(n), 1e-9 * (double)lab->size);
}

static double twice(const sz_lab_case c[N_WORKS]) {
    return (c[OUTER].row.time_s + c[COLUMN_SUM].row.time_s) / c[MATVEC].row.time_s;
}

static sz_status compare_size(sz_lab *lab, const sz_lab_case c[N_WORKS]) {
    char what[80] = "";
    const double expect = c[OUTER].row.predicted_s + c[COLUMN_SUM].row.predicted_s;
    snprintf(what, sizeof what, "N = %.0f: outer product + column sums / matrix x vector",
             c[MATVEC].row.x);
    return sz_lab_compare(lab, what, SZ_NAN, twice(c), expect / c[MATVEC].row.predicted_s);
}

static sz_status conclude(sz_lab *lab, const sz_lab_case *cases, size_t n) {
    for (size_t i = 0; i < n; i += N_WORKS) SZ_TRY(compare_size(lab, &cases[i]));
    const sz_lab_case *last = &cases[n - N_WORKS];
    return sz_lab_find(
        lab,
        "at N = %.0f the same FLOPs take %.1f times as long as outer product and column sums; sums "
        "along rows take %.2f times the time of sums along columns",
        last->row.x, twice(last), last[ROW_SUM].row.time_s / last[COLUMN_SUM].row.time_s);
}

sz_status sz_lab_matvec_vs_outer(sz_lab *lab) {
    static const int64_t sizes[] = {1000, 2000, 4000, 8000, 12000, LARGEST};
    enum { N_SIZES = sizeof sizes / sizeof sizes[0], QUICK = 2 };
    const int most = lab->options->quick ? QUICK : N_SIZES;
    sz_lab_case cases[N_SIZES * N_WORKS];
    walk walks[N_SIZES * N_WORKS];
    size_t n = 0;
    SZ_TRY(sz_lab_buffer(lab, space(sizes[most - 1]), space(sizes[0])));
    sz_lab_tell(lab, "check the results");
    for (int i = 0; i < most; i++) {
        if (space(sizes[i]) > lab->size) {
            SZ_TRY(leave_out(lab, sizes[i]));
            continue;
        }
        SZ_TRY(add_size(lab, sizes[i], &walks[n], &cases[n]));
        n += N_WORKS;
    }
    SZ_TRY(sz_lab_measure(lab, cases, n));
    return conclude(lab, cases, n);
}
