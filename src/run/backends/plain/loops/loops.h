// SPDX-License-Identifier: Apache-2.0
// Inner loops, compiled once per instruction set with what the compiler's vectorizer makes of them.
#ifndef SZ_LOOPS_H
#define SZ_LOOPS_H

#include "os/cpu.h"

// n elements of an output from as many of each input, whose elements are `step` apart (0: one for
// all). `numbers`: parameters of the operator.
typedef void sz_loop(const void *const *in, const int64_t *step, void *out, int64_t n,
                     const double *numbers);

// Formats are those of the first input and of the output.
typedef struct sz_loop_row {
    const char *op, *from, *to;
    sz_loop *run;
} sz_loop_row;

typedef enum sz_fold { SZ_FOLD_sum, SZ_FOLD_max, SZ_FOLD_min, SZ_FOLD_squares, SZ_FOLDS } sz_fold;

// Rows of f32.
typedef struct sz_loop_rows {
    // Of a row: its sum, largest, smallest, sum of squares.
    float (*fold[SZ_FOLDS])(const float *x, int64_t n);
    // y = what becomes of y and x, element by element.
    void (*fold_into[SZ_FOLDS])(float *y, const float *x, int64_t n);
    void (*scale)(float *y, const float *x, int64_t n, float factor, float term);
    void (*softmax)(float *y, const float *x, int64_t n, bool is_log);
    // y = (x - mean) x inverse x scale + bias; scale and bias may be NULL.
    void (*normalize)(float *y, const float *x, int64_t n, float mean, float inverse,
                      const float *scale, const float *bias);
    float (*squares_around)(const float *x, int64_t n, float mean); // sum of (x - mean)^2
    float (*dot)(const float *a, const float *b, int64_t n);
    float (*dot3)(const float *a, const float *b, const float *c, int64_t n);
    // y += factor x
    void (*axpy)(float *y, const float *x, int64_t n, float factor);
    void (*fill)(float *y, int64_t n, float all);
    void (*pick)(float *y, const float *x, int64_t n, int64_t step); // y[i] = x[i step]
    // y[i] += factor x[i step]
    void (*axpy_step)(float *y, const float *x, int64_t n, float factor, int64_t step);
    // y[i] += the sum over taps of weights[t] x[at[t] + i step]
    void (*windows)(float *y, const float *x, int64_t n, int64_t step, int64_t taps,
                    const int64_t *at, const float *weights);
    // y[i] = max(y[i], x[i step]); y[i] += x[i step]
    void (*max_step)(float *y, const float *x, int64_t n, int64_t step);
    void (*add_step)(float *y, const float *x, int64_t n, int64_t step);
} sz_loop_rows;

enum { SZ_TILE_ROWS = 14, SZ_TILE_COLUMNS = 32 }; // of any tile, at most

// A tile of a matrix product.
typedef struct sz_tile {
    int rows, columns;
    // y[rows][columns] (rows `stride` apart) += a x b over k: a is packed `rows` by k, b has its
    // `columns` for each k `step` apart: as many where it is packed.
    void (*run)(int64_t k, const void *a, const void *b, int64_t step, void *y, int64_t stride);
    // to[k][width] = from, whose neighbours along k and across are so far apart; beyond the n of
    // them that there are it is 0.
    void (*pack)(int64_t k, int64_t n, int64_t width, const void *from, int64_t along,
                 int64_t across, void *to);
} sz_tile;

typedef struct sz_loops {
    const char *isa;
    const sz_loop_row *rows; // ends with op NULL
    const sz_loop_rows *f32;
    const sz_tile *tile_f32, *tile_f64;
} sz_loops;

const sz_loops *sz_loops_for(sz_cpu_set cpu); // the widest that it can run
const sz_loops *sz_loops_get(size_t i);       // the i-th that is built, NULL past the end
bool sz_loops_run(const sz_loops *l, sz_cpu_set cpu);
// NULL: there is none. `to` NULL = any.
sz_loop *sz_loops_find(const sz_loops *l, const char *op, const char *from, const char *to);

#endif
