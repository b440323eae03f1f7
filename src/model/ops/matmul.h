// SPDX-License-Identifier: Apache-2.0
// Matrix products: what plain, transposed, quantized and fused forms share.
#ifndef SZ_MATMUL_H
#define SZ_MATMUL_H

#include "model/ops/rule.h"

// Which input is what, and how the operands are turned before the product.
typedef struct sz_product {
    int a, b, bias;        // inputs; SZ_NONE = has none
    bool ta, tb;           // last two axes swapped
    bool batch_a, batch_b; // first axis moved behind the batch axes
} sz_product;

// Output of a numpy-like product with broadcast batches: rank -1 when not known.
// Fails when the inner sizes differ. *ret_inner may be unknown.
sz_status sz_product_shape(const sz_infer *n, const sz_product *p, int64_t *ret_dims,
                           int32_t *ret_rank, int64_t *ret_inner);
sz_status sz_product_out(sz_infer *n, const sz_product *p, sz_dtype dtype);
// MACs and bias; epilogues are the caller's.
sz_status sz_product_cost(sz_costing *c, const sz_product *p);
// Output [..., width] for an input [..., inner] that is multiplied with a packed weight matrix.
sz_status sz_packed_product_out(sz_infer *n, int a, int64_t inner, int64_t width, int o);

#endif
