// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention: what ai.onnx and com.microsoft share.
#ifndef SZ_ATTENTION_H
#define SZ_ATTENTION_H

#include "model/ops/rule.h"

// Sizes of one attention; below 0 = not known. Masks, causal or local, never reduce the count:
// every query meets every key, as in all published counts.
typedef struct sz_heads {
    int64_t batch, q_heads, kv_heads;
    int64_t q_len, past, kv_len, total; // total = keys that a query meets
    int64_t k_size, v_size;             // of one head
} sz_heads;

enum {
    SZ_SOFTMAX_WORK = 5, // per score: maximum, difference, exponential, sum, quotient
    SZ_SCALE_WORK = 1
};

// a / b for sizes; unknown when either is; fails when it does not divide.
sz_status sz_dim_div(const sz_infer *n, const char *what, int64_t a, int64_t b, int64_t *ret);
// MACs: batch x heads x queries x keys x (k_size + v_size); epilogue: score_work per score.
sz_status sz_attention_cost(sz_costing *c, const sz_heads *h, int64_t score_work);

#endif
