// SPDX-License-Identifier: Apache-2.0
// A product of square matrices of f32 by the loops of the lab, blocked for caches and registers.
#ifndef SZ_LAB_PRODUCT_H
#define SZ_LAB_PRODUCT_H

#include "run/lab/lab.h"

// n: a multiple of SZ_LAB_DEPTH and of the columns of a block. One unit of work multiplies
// SZ_LAB_DEPTH columns of A with a panel of as many rows of B and joins the result into C: short
// enough for a batch of the stopwatch. sz_product_units() are the whole product.
typedef struct sz_product {
    const sz_lab_loops *loops;
    sz_lab_step step;
    int64_t n, padded;  // padded: rows of C that are computed
    const float *a, *b; // n x n
    float *c;           // padded x n
    float *packed_a;    // padded x depth
    float *packed_b;    // depth x columns of a block
    int64_t depth, col; // columns of A, columns of C that come next
} sz_product;

int64_t sz_product_units(const sz_product *p);

// Floats that a product of this size needs beside a and b.
int64_t sz_product_floats(const sz_lab_loops *loops, int64_t n);

// `space`: sz_product_floats() floats.
void sz_product_init(sz_product *p, const sz_lab_loops *loops, sz_lab_step step, int64_t n,
                     const float *a, const float *b, float *space);
void sz_product_run(void *product, int thread, int64_t n);

// Right after sz_product_init(): make the whole product once and compare some of its elements with
// sums in double.
bool sz_product_holds(sz_product *p);

// Set time, n and spread of the row to those of the whole product.
sz_status sz_product_time(sz_lab *lab, sz_product *p, sz_lab_row *row);

#endif
