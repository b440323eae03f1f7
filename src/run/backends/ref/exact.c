// SPDX-License-Identifier: Apache-2.0
#include "run/backends/ref/exact.h"

#include <float.h>
#include <math.h>

#include "run/backends/ref/kernel.h"

// ---- error-free transformations ----------------------------------------------------------------

// a + b = sum + *low (Knuth).
static double two_sum(double a, double b, double *low) {
    const double sum = a + b, t = sum - a;
    *low = (a - (sum - t)) + (b - t);
    return sum;
}

// x = high + *low with 26 bits each (Veltkamp).
static double halve(double x, double *low) {
    const double t = 0x1.0000002p27 * x, high = t - (t - x);
    *low = x - high;
    return high;
}

// a b = product + *low (Dekker): needs no fused instruction, so every machine gives the same bits.
static double two_product(double a, double b, double *low) {
    double al, bl;
    const double product = a * b, ah = halve(a, &al), bh = halve(b, &bl);
    *low = al * bl - (((product - ah * bh) - al * bh) - ah * bl);
    return product;
}

sz_exact sz_exact_dot(const double *a, const double *b, int64_t k) {
    double sum = 0, rest = 0, magnitude = 0;
    for (int64_t i = 0; i < k; i++) {
        double of_product, of_sum;
        const double product = two_product(a[i], b[i], &of_product);
        sum = two_sum(sum, product, &of_sum);
        rest += of_product + of_sum;
        magnitude += fabs(product);
    }
    sz_exact e = {.magnitude = magnitude};
    e.high = two_sum(sum, rest, &e.low);
    return e;
}

// ---- scaling -----------------------------------------------------------------------------------

bool sz_exact_exponent(const double *x, int64_t n, int64_t step, int *ret_exponent) {
    double most = 0;
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        const double size = fabs(x[i * step]);
        finite &= size <= DBL_MAX;
        most = size > most ? size : most;
    }
    *ret_exponent = 0;
    if (finite && most > 0) frexp(most, ret_exponent);
    return finite;
}

void sz_exact_scale(const double *x, int64_t n, int64_t step, int exponent, double *y) {
    // In two steps: 2^1074 is no number.
    const int half = exponent / 2;
    const double first = ldexp(1, -half), second = ldexp(1, half - exponent);
    for (int64_t i = 0; i < n; i++) y[i] = x[i * step] * first * second;
}

// ---- sizeup.OzakiMatMul ------------------------------------------------------------------------

// What all the pieces together come near to: the product itself, rounded once.
typedef struct product {
    int64_t m, n, k;
    double *a, *b, *y; // a by rows, b by columns, scaled
    double *exponents; // of rows, then of columns
} product;

static sz_status scale_all(const sz_ref_call *c, const product *p, const double *a,
                           const double *b) {
    for (int64_t i = 0; i < p->m + p->n; i++) {
        const bool row = i < p->m;
        const double *from = row ? a + i * p->k : b + (i - p->m);
        int exponent;
        if (!sz_exact_exponent(from, p->k, row ? 1 : p->n, &exponent))
            return sz_op_fail(c->n, "an operand holds a number that is not finite");
        sz_exact_scale(from, p->k, row ? 1 : p->n, exponent,
                       row ? p->a + i * p->k : p->b + (i - p->m) * p->k);
        p->exponents[i] = exponent;
    }
    return SZ_OK;
}

sz_status sz_ref_ozaki(sz_ref_call *c) {
    product p = {sz_ref_dim(c->in[0], 0), sz_ref_dim(c->in[1], 1), sz_ref_dim(c->in[0], 1)};
    double *a, *b;
    SZ_TRY(sz_ref_charge(c, p.m, p.n, p.k));
    SZ_TRY(sz_ref_in(c, 0, &a));
    SZ_TRY(sz_ref_in(c, 1, &b));
    SZ_TRY(sz_ref_room(c, 0, &p.y));
    SZ_TRY(sz_ref_array(c, p.m * p.k, &p.a));
    SZ_TRY(sz_ref_array(c, p.n * p.k, &p.b));
    SZ_TRY(sz_ref_array(c, p.m + p.n, &p.exponents));
    SZ_TRY(scale_all(c, &p, a, b));
    for (int64_t i = 0; p.y && i < p.m; i++)
        for (int64_t j = 0; j < p.n; j++) {
            const sz_exact e = sz_exact_dot(p.a + i * p.k, p.b + j * p.k, p.k);
            p.y[i * p.n + j] = ldexp(e.high, (int)(p.exponents[i] + p.exponents[p.m + j]));
        }
    return SZ_OK;
}
