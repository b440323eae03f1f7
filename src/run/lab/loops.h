// SPDX-License-Identifier: Apache-2.0
// The loops of the experiments, one set per instruction set, all made from loops.inc: C with the
// vectors written out, so that compiler and options matter little.
#ifndef SZ_LAB_LOOPS_H
#define SZ_LAB_LOOPS_H

#include "base/base.h"
#include "os/cpu.h"

// What a multiply-accumulate of a matrix product, or a step of a register loop, does.
typedef enum sz_lab_step { SZ_STEP_FMA, SZ_STEP_MUL_MAX, SZ_STEP_ADD_MAX, SZ_N_STEPS } sz_lab_step;

enum {
    SZ_LAB_ACCUMULATORS = 12,
    SZ_LAB_PASSES = 4,   // of a register loop, over all accumulators, per iteration
    SZ_LAB_LONGEST = 16, // floats of the longest vector
    SZ_LAB_GRAIN = 768,  // floats: every length is a multiple of it (12 x 16 x 4)
    SZ_LAB_ROWS = 4,     // that dots, sums and accumulate take at a time
    SZ_LAB_BLOCK = 96,   // rows of A that stay in the second cache: a multiple of every `rows`
    SZ_LAB_DEPTH = 256   // steps of a block of a matrix product
};

typedef struct sz_lab_loops {
    const char *isa;
    sz_cpu_set needs;
    int lanes;      // floats of a vector
    int rows, cols; // of a block of a matrix product
    // a = a * f + t; a = max(a * f, t); a = max(a + t, f): n iterations over the accumulators.
    void (*step[SZ_N_STEPS])(float *state, float f, float t, int64_t n);
    void (*steps_add)(float *state, float f, float t, int64_t n); // a + t, then - t
    // Block of C (rows x cols, `stride` floats from row to row) from packed panels of A and B.
    // `later`: where the part of the next panel of B begins that is fetched meanwhile; when all
    // blocks of SZ_LAB_BLOCK rows are done, so is that panel.
    void (*block[SZ_N_STEPS])(const float *a, const float *b, float *c, int64_t stride,
                              const float *later);
    void (*pack)(float *to, const float *a, int64_t stride); // rows x SZ_LAB_DEPTH of A
    void (*add)(float *c, const float *a, const float *b, int64_t n);
    float (*dot)(const float *a, const float *b, int64_t n);
    // Four rows of n floats, `stride` floats from one to the next: what is shared by the rows is
    // loaded once for all four. out[i] = row i . v; out[i] = sum of row i; s += sum of the rows.
    void (*dots)(float *out, const float *rows, int64_t stride, const float *v, int64_t n);
    void (*sums)(float *out, const float *rows, int64_t stride, int64_t n);
    void (*accumulate)(float *s, const float *rows, int64_t stride, int64_t n);
    void (*scale)(float *o, float u, const float *v, int64_t n);       // o = u * v
    float (*poly)(const float *x, int64_t n, int k, float f, float t); // sum of k steps x*f+t each
    void (*copy)(void *to, const void *from, int64_t bytes);
    void (*shift)(void *to, const void *from, int64_t bytes);       // by one bit; reads 8 more
    int64_t (*differ)(const void *a, const void *b, int64_t bytes); // bits that differ
} sz_lab_loops;

// The widest set that runs on a CPU with these features; never NULL.
const sz_lab_loops *sz_lab_loops_for(sz_cpu_set cpu);

extern const sz_lab_loops sz_lab_loops_c;
#if defined(__x86_64__)
extern const sz_lab_loops sz_lab_loops_avx2, sz_lab_loops_avx512;
#endif

#endif
