// SPDX-License-Identifier: Apache-2.0
#include "predict/cholesky.h"

#include <math.h>

// Four sums at a time: one after the other each would wait for the last addition.
static double dot(const double *a, const double *b, size_t n) {
    double s[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++) s[k] += a[i + (size_t)k] * b[i + (size_t)k];
    for (; i < n; i++) s[0] += a[i] * b[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

bool sz_cholesky(double *a, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double *row = a + i * n;
        for (size_t j = 0; j < i; j++) {
            const double *other = a + j * n;
            row[j] = (row[j] - dot(row, other, j)) / other[j];
        }
        const double left = row[i] - dot(row, row, i);
        if (!(left > 0)) return false;
        row[i] = sqrt(left);
    }
    return true;
}

double sz_cholesky_log_root(const double *l, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += log(l[i * n + i]);
    return sum;
}

void sz_cholesky_solve(const double *l, size_t n, double *b) {
    for (size_t i = 0; i < n; i++) b[i] = (b[i] - dot(l + i * n, b, i)) / l[i * n + i];
    for (size_t i = n; i-- > 0;) {
        b[i] /= l[i * n + i];
        for (size_t j = 0; j < i; j++) b[j] -= l[i * n + j] * b[i];
    }
}

// Row i of the inverse needs only rows before it, which are inverted already. What was read of a
// row holds what was summed up.
void sz_cholesky_invert(double *l, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double *row = l + i * n;
        for (size_t k = 0; k < i; k++) {
            const double *other = l + k * n, c = row[k];
            for (size_t j = 0; j < k; j++) row[j] += c * other[j];
            row[k] = c * other[k];
        }
        for (size_t j = 0; j < i; j++) row[j] = -row[j] / row[i];
        row[i] = 1 / row[i];
    }
}

double sz_cholesky_inverse_at(const double *inverse, size_t n, size_t i, size_t j) {
    double sum = 0;
    for (size_t k = i > j ? i : j; k < n; k++) sum += inverse[k * n + i] * inverse[k * n + j];
    return sum;
}

void sz_cholesky_invert_all(double *inverse, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double *row = inverse + i * n;
        const double own = row[i];
        for (size_t j = 0; j <= i; j++) row[j] *= own;
        for (size_t k = i + 1; k < n; k++) {
            const double *other = inverse + k * n, c = other[i];
            for (size_t j = 0; j <= i; j++) row[j] += c * other[j];
        }
    }
}
