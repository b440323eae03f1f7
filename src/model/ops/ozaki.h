// SPDX-License-Identifier: Apache-2.0
// sizeup.OzakiMatMul: a product of matrices in f64 or f32, put together from exact products of
// pieces in a lower format. Ozaki, Ogita, Oishi and Rump 2012, "Error-free transformations of
// matrix multiplication by using fast routines of matrix multiplication"; Mukunoki et al. 2020,
// "DGEMM using tensor cores"; Ootomo, Ozaki and Yokota 2024, "DGEMM on integer matrix
// multiplication unit".
//
// Attributes: pieces (i8, bf16 or f32), count (pieces of an operand), products (triangle: those
// that matter for the last bits that are kept; all), split (run: both operands in each run; before:
// the second one beforehand, as a weight), phi (spread of the exponents of synthetic numbers).
#ifndef SZ_OZAKI_H
#define SZ_OZAKI_H

#include "model/ops/rule.h"

enum { SZ_OZAKI_MOST = 32 }; // pieces

typedef struct sz_ozaki {
    sz_dtype pieces;
    int count;
    bool all;          // products
    bool split_before; // the second operand
} sz_ozaki;

bool sz_is_ozaki(const sz_node *n);
// NULL when the attributes make sense, else what is wrong with them.
const char *sz_ozaki_read(const sz_node *n, sz_ozaki *ret_ozaki);
// Of pieces: count^2, or count (count + 1) / 2.
int sz_ozaki_products(const sz_ozaki *o);
// Sums of products of the same weight: 2 count - 1, or count.
int sz_ozaki_orders(const sz_ozaki *o);

#endif
