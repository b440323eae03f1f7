// SPDX-License-Identifier: Apache-2.0
// Splitting with rounding to nearest, as in Ozaki et al. 2012: what is left over after a piece is
// at most half of its last bit, so a piece of w bits with its sign carries w bits.
#include "run/backends/ozaki_split.h"

#include <float.h>
#include <math.h>

#include "run/backends/ref/exact.h"

// GCC makes vectors of these loops from level 3 on, clang from 2 on. Results are the same.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

// Rows are taken in parts of this many columns, which stay in the first cache.
enum { PART = 1024 };

// ---- exponents ---------------------------------------------------------------------------------

static bool is_double(const sz_buffer *b) { return sz_buffer_width(b->dtype) == sizeof(double); }

static const double *row_of(const sz_split *s, const sz_buffer *from, int64_t i) {
    if (is_double(from)) return (const double *)from->data + i * s->columns;
    const float *x = (const float *)from->data + i * s->columns;
    for (int64_t j = 0; j < s->columns; j++) s->given[j] = x[j];
    return s->given;
}

static void keep_largest(const double *x, int64_t n, double *most) {
    for (int64_t j = 0; j < n; j++) {
        const double size = fabs(x[j]);
        most[j] = size > most[j] || !(size <= DBL_MAX) ? size : most[j];
    }
}

// 2^-exponent may be no number, so there are two factors; the second is 1 in all usual cases.
static void set_line(const sz_split *s, int64_t line, int exponent) {
    const int up = s->width - 1 - exponent, first = up > 1000 ? 1000 : up < -1000 ? -1000 : up;
    s->exponents[line] = exponent;
    s->factors[0][line] = ldexp(1, first), s->factors[1][line] = ldexp(1, up - first);
}

static bool set_lines(const sz_split *s, const sz_buffer *from, int64_t *ret_line) {
    int exponent;
    if (s->by_column) memset(s->most, 0, (size_t)s->columns * sizeof *s->most);
    for (int64_t i = 0; i < s->rows; i++) {
        const double *x = row_of(s, from, i);
        *ret_line = i;
        if (s->by_column)
            keep_largest(x, s->columns, s->most);
        else if (sz_exact_exponent(x, s->columns, 1, &exponent))
            set_line(s, i, exponent);
        else
            return false;
    }
    for (int64_t j = 0; s->by_column && j < s->columns; j++) {
        *ret_line = j;
        if (!sz_exact_exponent(&s->most[j], 1, 1, &exponent)) return false;
        set_line(s, j, exponent);
    }
    return true;
}

// ---- pieces ------------------------------------------------------------------------------------

static void scale_row(const sz_split *s, int64_t i, const double *x, int64_t from, int64_t n) {
    if (s->by_column) {
        const double *f = s->factors[0] + from, *g = s->factors[1] + from;
        for (int64_t j = 0; j < n; j++) s->row[j] = x[from + j] * f[j] * g[j];
    } else {
        const double f = s->factors[0][i], g = s->factors[1][i];
        for (int64_t j = 0; j < n; j++) s->row[j] = x[from + j] * f * g;
    }
}

// Whole numbers of up to 2^51: adding and taking away 1.5 x 2^52 rounds to nearest.
static double whole(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

// Takes a piece off n numbers and shifts the rest up.
#define PEEL(type, piece)                                                                          \
    do {                                                                                           \
        type *to = (type *)s->pieces[p] + at;                                                      \
        for (int64_t j = 0; j < n; j++) {                                                          \
            const double w = whole(x[j]);                                                          \
            to[j] = piece;                                                                         \
            x[j] = (x[j] - w) * shift;                                                             \
        }                                                                                          \
    } while (0)

// Up to 9 bits: the upper half of an f32 has them all.
static uint16_t bf16(double w) {
    const float f = (float)w;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)(bits >> 16);
}

static void peel(const sz_split *s, int p, int64_t at, int64_t n) {
    const double shift = ldexp(1, s->width);
    double *x = s->row;
    switch (s->form) {
    case SZ_PIECE_I8:
        PEEL(int8_t, (int8_t)(int32_t)w);
        return;
    case SZ_PIECE_BF16:
        PEEL(uint16_t, bf16(w));
        return;
    case SZ_PIECE_F32:
        PEEL(float, (float)w);
        return;
    }
}

bool sz_split_operand(const sz_split *s, const sz_buffer *from, int64_t *ret_line) {
    if (!set_lines(s, from, ret_line)) return false;
    for (int64_t i = 0; i < s->rows; i++) {
        const double *x = row_of(s, from, i);
        for (int64_t j = 0; j < s->columns; j += PART) {
            const int64_t n = s->columns - j < PART ? s->columns - j : PART;
            scale_row(s, i, x, j, n);
            for (int p = 0; p < s->count; p++) peel(s, p, i * s->columns + j, n);
        }
    }
    return true;
}

// ---- sums --------------------------------------------------------------------------------------

static void add_product(const void *product, bool is_integer, int64_t at, int64_t n, double *to) {
    const int32_t *i = (const int32_t *)product + at;
    const float *f = (const float *)product + at;
    if (is_integer)
        for (int64_t e = 0; e < n; e++) to[e] += i[e];
    else
        for (int64_t e = 0; e < n; e++) to[e] += (double)f[e];
}

// Products are whole numbers below 2^31, so adding up those of an order makes no error. Orders are
// added from the smallest on: each addition then errs by half a unit of the larger sum, and what it
// errs is shrunk with it. Compensation would have nothing left to win but the last rounding.
void sz_split_fold(const void *const *products, int n, bool is_integer, bool first, double shrink,
                   double *sum, int64_t count) {
    double order[PART];
    for (int64_t at = 0; at < count; at += PART) {
        const int64_t part = count - at < PART ? count - at : PART;
        memset(order, 0, sizeof order);
        for (int p = 0; p < n; p++) add_product(products[p], is_integer, at, part, order);
        if (first)
            memcpy(sum + at, order, (size_t)part * sizeof *order);
        else
            for (int64_t e = 0; e < part; e++) sum[at + e] = sum[at + e] * shrink + order[e];
    }
}

// Powers of two that stay numbers when they meet.
static bool is_tame(const sz_split *s) {
    bool tame = true;
    for (int64_t i = 0; i < sz_split_lines(s); i++)
        tame &= s->exponents[i] < 400 && s->exponents[i] > -400;
    return tame;
}

static void finish_row(const sz_split *a, const sz_split *b, int64_t i, const double *sum,
                       bool tame, double *y) {
    const int down = 2 - 2 * a->width, row = a->exponents[i] + down;
    const double of_row = tame ? ldexp(1, row) : 1;
    for (int64_t j = 0; tame && j < b->columns; j++) y[j] = sum[j] * of_row * b->most[j];
    for (int64_t j = 0; !tame && j < b->columns; j++) y[j] = ldexp(sum[j], row + b->exponents[j]);
}

void sz_split_finish(const sz_split *a, const sz_split *b, const double *sum, sz_buffer *y) {
    const bool tame = is_tame(a) && is_tame(b), wide = is_double(y);
    // its largest numbers are not needed any more
    for (int64_t j = 0; tame && j < b->columns; j++) b->most[j] = ldexp(1, b->exponents[j]);
    for (int64_t i = 0; i < a->rows; i++) {
        double *row = wide ? (double *)y->data + i * b->columns : b->given;
        finish_row(a, b, i, sum + i * b->columns, tame, row);
        float *to = (float *)y->data + i * b->columns;
        for (int64_t j = 0; !wide && j < b->columns; j++) to[j] = (float)row[j];
    }
}
