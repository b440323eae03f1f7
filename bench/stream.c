// SPDX-License-Identifier: Apache-2.0
// What plain C reaches: loops over arrays of doubles, as a compiler makes them. A peer for `make
// bench`, no part of the library.
//
//     stream KERNEL BYTES MILLISECONDS     (threads: OMP_NUM_THREADS)
//
// BYTES are of all arrays together. Prints bytes per second as they are asked for (no line that is
// read because it will be written), the median of 11 timings.
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMINGS = 11 };

typedef struct arrays {
    double *a, *b, *c;
    size_t n; // of each thread's part
} arrays;

static double load(const arrays *t) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < t->n; i++) sum += t->a[i];
    return sum;
}
static double store(const arrays *t) {
    for (size_t i = 0; i < t->n; i++) t->a[i] = 1.5;
    return 0;
}
static double copy(const arrays *t) {
    double *restrict a = t->a;
    const double *restrict b = t->b;
    for (size_t i = 0; i < t->n; i++) a[i] = b[i];
    return 0;
}
static double triad(const arrays *t) {
    double *restrict a = t->a;
    const double *restrict b = t->b, *restrict c = t->c;
    for (size_t i = 0; i < t->n; i++) a[i] = b[i] + 0.75 * c[i];
    return 0;
}
static double update(const arrays *t) {
    for (size_t i = 0; i < t->n; i++) t->a[i] *= 0.999999;
    return 0;
}

static const struct {
    const char *name;
    int arrays, words; // words moved per element
    double (*run)(const arrays *t);
} kernels[] = {{"load", 1, 1, load},
               {"store", 1, 1, store},
               {"copy", 2, 2, copy},
               {"triad", 3, 3, triad},
               {"update", 1, 2, update}};

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *make(size_t n, unsigned seed) {
    double *p = aligned_alloc(4096, (n * sizeof *p + 4095) / 4096 * 4096);
    if (!p) exit(1);
    for (size_t i = 0; i < n; i++) p[i] = (double)rand_r(&seed) / RAND_MAX + 0.5;
    return p;
}

// Seconds of `passes` passes by all threads, each on its own part.
static double pass(double (*run)(const arrays *), arrays *parts, long passes, double *sink) {
    double sum = 0, start = 0, end = 0;
#pragma omp parallel reduction(+ : sum)
    {
        const arrays *mine = &parts[omp_get_thread_num()];
#pragma omp barrier
#pragma omp master
        start = omp_get_wtime();
        for (long i = 0; i < passes; i++) {
            sum += run(mine);
            __asm__ volatile("" ::: "memory"); // each pass is done
        }
#pragma omp barrier
#pragma omp master
        end = omp_get_wtime();
    }
    *sink += sum;
    return end - start;
}

int main(int argc, char **argv) {
    size_t k = 0;
    const size_t n_kernels = sizeof kernels / sizeof kernels[0];
    if (argc != 4) return 2;
    while (k < n_kernels && strcmp(kernels[k].name, argv[1]) != 0) k++;
    if (k == n_kernels) return 2;
    const int threads = omp_get_max_threads();
    const size_t n = (size_t)atoll(argv[2]) / 8 / (size_t)(kernels[k].arrays * threads);
    const double each_s = atof(argv[3]) * 1e-3 / TIMINGS;
    arrays *parts = calloc((size_t)threads, sizeof *parts);
    double sink = 0, rates[TIMINGS];
    if (!parts || n == 0) return 1;
#pragma omp parallel
    {
        const int t = omp_get_thread_num();
        parts[t].n = n;
        parts[t].a = make(n, 1u + (unsigned)t);
        if (kernels[k].arrays > 1) parts[t].b = make(n, 1001u + (unsigned)t);
        if (kernels[k].arrays > 2) parts[t].c = make(n, 2001u + (unsigned)t);
    }
    long passes = 1;
    while (pass(kernels[k].run, parts, passes, &sink) < each_s / 2) passes *= 2;
    for (int i = 0; i < TIMINGS; i++) {
        const double bytes = 8.0 * kernels[k].words * (double)n * threads * (double)passes;
        rates[i] = bytes / pass(kernels[k].run, parts, passes, &sink);
    }
    qsort(rates, TIMINGS, sizeof rates[0], by_value);
    printf("%.6e %g\n", rates[TIMINGS / 2], sink);
    return 0;
}
