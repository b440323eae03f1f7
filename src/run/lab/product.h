// SPDX-License-Identifier: Apache-2.0
// A product of square matrices of f32 by the loops of the lab, blocked for caches and registers.
#ifndef SZ_LAB_PRODUCT_H
#define SZ_LAB_PRODUCT_H

#include "run/lab/lab.h"

enum { SZ_LAB_PRODUCT_N = 768 }; // n is a multiple of this: whole blocks, depths and panels

// One unit of work multiplies a block of A (SZ_LAB_BLOCK rows, SZ_LAB_DEPTH columns) with as many
// rows of B and joins the result into C. Each unit also packs its block of A, and its share of the
// rows of B that the next depth needs, so that all units are alike: a batch of some of them tells
// the time of the whole product.
//
// What is near: a panel of B (as wide as a block of registers) in the first cache, the block of A
// in the second, all of the packed B beyond. Goto, van de Geijn: Anatomy of high-performance matrix
// multiplication, ACM TOMS 34(3), 2008.
typedef struct sz_product {
    const sz_lab_loops *loops;
    sz_lab_step step;
    int64_t n;
    const float *a, *b;          // n x n
    float *c;                    // n x n
    float *packed_a;             // block x depth
    float *packed_b, *packing_b; // depth x n, in panels: of this depth, of the next one
    int64_t depth, row;          // columns of A, rows of A that come next
} sz_product;

int64_t sz_product_units(const sz_product *p);

// Floats that a product of this size needs beside a and b.
int64_t sz_product_floats(int64_t n);

// `space`: sz_product_floats() floats.
void sz_product_init(sz_product *p, const sz_lab_loops *loops, sz_lab_step step, int64_t n,
                     const float *a, const float *b, float *space);
void sz_product_run(void *product, int thread, int64_t n);

// Right after sz_product_init(): make the whole product once and compare some of its elements with
// sums in double.
bool sz_product_holds(sz_product *p);

// The case of the whole product; checks it.
sz_lab_case sz_product_case(sz_product *p);

#endif
