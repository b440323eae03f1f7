// SPDX-License-Identifier: Apache-2.0
// Symmetric positive definite matrices by rows, n x n, of which the lower triangle counts.
#ifndef SZ_CHOLESKY_H
#define SZ_CHOLESKY_H

#include "base/base.h"

// A = L L', in place. False: it is not positive definite.
bool sz_cholesky(double *a, size_t n);
double sz_cholesky_log_root(const double *l, size_t n);       // half of log det A
void sz_cholesky_solve(const double *l, size_t n, double *b); // A x = b, in place
// The inverse of L, in place of L.
void sz_cholesky_invert(double *l, size_t n);
// Element (i, j) of the inverse of A, by the inverse of L.
double sz_cholesky_inverse_at(const double *inverse, size_t n, size_t i, size_t j);
// All of the inverse of A, in place of the inverse of L.
void sz_cholesky_invert_all(double *inverse, size_t n);

#endif
