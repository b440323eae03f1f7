// SPDX-License-Identifier: Apache-2.0
// A library of matrix products by the book, and ways in which one can be bad. Row-major, dense and
// not transposed only, which is how it is called.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                 int lda, const float *b, int ldb, float beta, float *c, int ldc);
void cblas_dgemm(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a,
                 int lda, const double *b, int ldb, double beta, double *c, int ldc);

// Only products with 13 rows go wrong: the rest of a sweep must go on.
static void misbehave(int m) {
    if (m != 13) return;
#ifdef FAKE_CRASHES
    abort();
#endif
#ifdef FAKE_EXITS
    exit(3);
#endif
#ifdef FAKE_KILLED
    raise(SIGKILL); // as the system does when memory runs out
#endif
#ifdef FAKE_BABBLES
    printf("\n{\"case\": 0, \"error\": \"babble\"}\n{\"case\": 1}\n{\"at\": 99}\n");
    printf("[{{ half a line");
    fflush(stdout);
#endif
#ifdef FAKE_HANGS
    for (;;) sleep(1);
#endif
}

__attribute__((visibility("default"))) void cblas_sgemm(int order, int ta, int tb, int m, int n,
                                                        int k, float alpha, const float *a, int lda,
                                                        const float *b, int ldb, float beta,
                                                        float *c, int ldc) {
    (void)order, (void)ta, (void)tb, (void)alpha, (void)beta;
    misbehave(m);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float sum = 0;
            for (int p = 0; p < k; p++) sum += a[i * lda + p] * b[p * ldb + j];
            c[i * ldc + j] = sum;
        }
#ifdef FAKE_WRONG
    if (m == 13) c[n / 2] += 1;
#endif
}

#ifndef FAKE_LACKS
__attribute__((visibility("default"))) void cblas_dgemm(int order, int ta, int tb, int m, int n,
                                                        int k, double alpha, const double *a,
                                                        int lda, const double *b, int ldb,
                                                        double beta, double *c, int ldc) {
    (void)order, (void)ta, (void)tb, (void)alpha, (void)beta;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int p = 0; p < k; p++) sum += a[i * lda + p] * b[p * ldb + j];
            c[i * ldc + j] = sum;
        }
}
#endif
