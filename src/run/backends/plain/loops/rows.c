// SPDX-License-Identifier: Apache-2.0
// Rows of f32. Sums are kept in 16 parts, which the vectorizer needs and which rounds less.
#include "run/backends/plain/loops/isa.h"
#include "run/backends/plain/loops/functions.h"

enum { PARTS = 16 };

#define FOLD(name, start, parted, joined)                                                          \
    static float name(const float *x, int64_t n) {                                                 \
        float parts[PARTS], all = start;                                                           \
        int64_t i = 0;                                                                             \
        for (int k = 0; k < PARTS; k++) parts[k] = start;                                          \
        for (; i + PARTS <= n; i += PARTS)                                                         \
            for (int k = 0; k < PARTS; k++) {                                                      \
                const float a = parts[k], b = x[i + k];                                            \
                parts[k] = parted;                                                                 \
            }                                                                                      \
        for (; i < n; i++) {                                                                       \
            const float a = all, b = x[i];                                                         \
            all = parted;                                                                          \
        }                                                                                          \
        for (int k = 0; k < PARTS; k++) {                                                          \
            const float a = all, b = parts[k];                                                     \
            all = joined;                                                                          \
        }                                                                                          \
        return all;                                                                                \
    }                                                                                              \
    static void name##_into(float *restrict y, const float *restrict x, int64_t n) {               \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const float a = y[i], b = x[i];                                                        \
            y[i] = parted;                                                                         \
        }                                                                                          \
    }
FOLD(sum, 0.0f, a + b, a + b)
FOLD(max, -INFINITY, b > a ? b : a, b > a ? b : a)
FOLD(min, INFINITY, b < a ? b : a, b < a ? b : a)
FOLD(squares, 0.0f, a + b * b, a + b)

static void scale(float *y, const float *x, int64_t n, float factor, float term) {
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * factor + term;
}

static void softmax(float *y, const float *x, int64_t n, bool is_log) {
    const float top = max(x, n);
    for (int64_t i = 0; i < n; i++) y[i] = sz_expf(x[i] - top);
    const float all = sum(y, n);
    if (is_log)
        for (int64_t i = 0; i < n; i++) y[i] = x[i] - top - logf(all);
    else
        scale(y, y, n, 1 / all, 0);
}

static void normalize(float *y, const float *x, int64_t n, float mean, float inverse,
                      const float *by, const float *bias) {
    if (by && bias)
        for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * inverse * by[i] + bias[i];
    else if (by)
        for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * inverse * by[i];
    else
        for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * inverse;
}

// A sum over elements, in parts.
#define SUM(expression)                                                                            \
    float parts[PARTS] = {0}, all = 0;                                                             \
    int64_t i = 0;                                                                                 \
    for (; i + PARTS <= n; i += PARTS)                                                             \
        for (int k = 0; k < PARTS; k++) {                                                          \
            const int64_t at = i + k;                                                              \
            parts[k] += expression;                                                                \
        }                                                                                          \
    for (; i < n; i++) {                                                                           \
        const int64_t at = i;                                                                      \
        all += expression;                                                                         \
    }                                                                                              \
    for (int k = 0; k < PARTS; k++) all += parts[k];                                               \
    return all

static float squares_around(const float *x, int64_t n, float mean) {
    SUM((x[at] - mean) * (x[at] - mean));
}
static float dot(const float *a, const float *b, int64_t n) { SUM(a[at] * b[at]); }
static float dot3(const float *a, const float *b, const float *c, int64_t n) {
    SUM(a[at] * b[at] * c[at]);
}

static void axpy(float *restrict y, const float *restrict x, int64_t n, float factor) {
    for (int64_t i = 0; i < n; i++) y[i] += factor * x[i];
}

static void fill(float *y, int64_t n, float all) {
    for (int64_t i = 0; i < n; i++) y[i] = all;
}

static void pick(float *restrict y, const float *restrict x, int64_t n, int64_t step) {
    if (step == 2)
        for (int64_t i = 0; i < n; i++) y[i] = x[2 * i];
    else
        for (int64_t i = 0; i < n; i++) y[i] = x[i * step];
}

static void axpy_step(float *restrict y, const float *restrict x, int64_t n, float factor,
                      int64_t step) {
    if (step == 1)
        for (int64_t i = 0; i < n; i++) y[i] += factor * x[i];
    else if (step == 2)
        for (int64_t i = 0; i < n; i++) y[i] += factor * x[2 * i];
    else
        for (int64_t i = 0; i < n; i++) y[i] += factor * x[i * step];
}

enum { LANES = 8, VECTORS = 4 };
typedef float vector __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));

static inline vector load(const float *x, int64_t step) {
    const vector a = *(const vector *)x;
    if (step == 1) return a;
    const vector b = *(const vector *)(x + LANES - 1); // the last element of a second one may lie
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 9, 11, 13, 15); // behind the end
}

// All taps of LANES x `vectors` windows that follow each other, 1 or 2 elements apart.
static inline __attribute__((always_inline)) void many_windows(float *y, const float *x,
                                                               int64_t step, int vectors,
                                                               int64_t taps, const int64_t *at,
                                                               const float *weights) {
    vector sums[VECTORS];
    for (int v = 0; v < vectors; v++) sums[v] = *(const vector *)(y + v * LANES);
    for (int64_t t = 0; t < taps; t++)
        for (int v = 0; v < vectors; v++)
            sums[v] += weights[t] * load(x + at[t] + v * LANES * step, step);
    for (int v = 0; v < vectors; v++) *(vector *)(y + v * LANES) = sums[v];
}

static void windows(float *y, const float *x, int64_t n, int64_t step, int64_t taps,
                    const int64_t *at, const float *weights) {
    int64_t i = 0;
    if (step == 1) {
        for (; i + VECTORS * LANES <= n; i += VECTORS * LANES)
            many_windows(y + i, x + i, 1, VECTORS, taps, at, weights);
        for (; i + LANES <= n; i += LANES) many_windows(y + i, x + i, 1, 1, taps, at, weights);
    } else if (step == 2) {
        for (; i + 2 * LANES <= n; i += 2 * LANES)
            many_windows(y + i, x + 2 * i, 2, 2, taps, at, weights);
        for (; i + LANES <= n; i += LANES) many_windows(y + i, x + 2 * i, 2, 1, taps, at, weights);
    }
    for (; i < n; i++) {
        float sum = y[i];
        for (int64_t t = 0; t < taps; t++) sum += weights[t] * x[at[t] + i * step];
        y[i] = sum;
    }
}

#define STEPPED(name, expression)                                                                  \
    static void name(float *restrict y, const float *restrict x, int64_t n, int64_t step) {        \
        if (step == 1)                                                                             \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const float a = y[i], b = x[i];                                                    \
                y[i] = expression;                                                                 \
            }                                                                                      \
        else if (step == 2)                                                                        \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const float a = y[i], b = x[2 * i];                                                \
                y[i] = expression;                                                                 \
            }                                                                                      \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const float a = y[i], b = x[i * step];                                             \
                y[i] = expression;                                                                 \
            }                                                                                      \
    }
STEPPED(max_step, b > a ? b : a)
STEPPED(add_step, a + b)

const sz_loop_rows SZ_GLUE(sz_rows_,
                           SZ_ISA) = {.fold = {sum, max, min, squares},
                                      .fold_into = {sum_into, max_into, min_into, squares_into},
                                      .scale = scale,
                                      .softmax = softmax,
                                      .normalize = normalize,
                                      .squares_around = squares_around,
                                      .dot = dot,
                                      .dot3 = dot3,
                                      .axpy = axpy,
                                      .fill = fill,
                                      .pick = pick,
                                      .axpy_step = axpy_step,
                                      .windows = windows,
                                      .max_step = max_step,
                                      .add_step = add_step};
