// SPDX-License-Identifier: Apache-2.0
// Sums of products in about 106 bits, to tell how far others are off.
//
// Ogita, Rump and Oishi 2005, "Accurate sum and dot product", algorithm Dot2: the error is below
// 2^-53 of the result, which lies in `high`, plus k^2 2^-106 of the sum of magnitudes. With `low`
// the first part goes as well.
#ifndef SZ_EXACT_H
#define SZ_EXACT_H

#include "base/base.h"

typedef struct sz_exact {
    double high, low; // the sum is high + low
    double magnitude; // sum of |a| |b|, rounded as sums are
} sz_exact;

// The exponent e with |x| < 2^e for all n numbers, 0 when all are 0; false: one is not finite.
bool sz_exact_exponent(const double *x, int64_t n, int64_t step, int *ret_exponent);
// y = x 2^-e. Below 2^-1022 of the largest, bits are lost; nobody could tell.
void sz_exact_scale(const double *x, int64_t n, int64_t step, int exponent, double *y);
// Of k numbers below 1, as scaled: then no product overflows, and what underflows does not matter.
sz_exact sz_exact_dot(const double *a, const double *b, int64_t k);

#endif
