// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention: what the operators share.
#ifndef SZ_REF_ATTENTION_H
#define SZ_REF_ATTENTION_H

#include "run/backends/ref/kernel.h"

typedef struct sz_mask { // added to the scores [batch, heads, queries, keys]; 1 = broadcast
    const double *at;    // NULL: none
    int64_t dims[4];
} sz_mask;

typedef struct sz_attend {
    int64_t batch, heads, kv_heads, queries, total, k_size, v_size;
    double *q, *k, *v, *y;      // [batch, heads, length, size]
    double scale, softcap;      // softcap 0: none
    bool causal;                // query i sees keys up to i + front
    double hidden;              // what is added to the others
    int64_t front, left, right; // keys before the queries; window, -1 = open
    int64_t *fronts, *valid;    // per batch, NULL: `front`, all
    sz_mask mask[2];
    double *seen; // scores of one stage for the caller, NULL: nobody asks
    int stage;    // 0 scaled, 1 capped, 2 with masks, 3 after the softmax
} sz_attend;

// Sizes are such that their products do not overflow; before anything is made of them.
sz_status sz_ref_check_sizes(const sz_ref_call *c, const sz_attend *a, int64_t length);
sz_status sz_ref_attend(const sz_ref_call *c, const sz_attend *a);
// x [batch, length, width], columns from `from` on, plus a bias over all columns -> [batch, heads,
// length, size]
sz_status sz_ref_split_heads(const sz_ref_call *c, const double *x, const double *bias,
                             int64_t batch, int64_t length, int64_t n_heads, int64_t size,
                             int64_t width, int64_t from, double **ret);
void sz_ref_merge_heads(const double *x, int64_t batch, int64_t n_heads, int64_t length,
                        int64_t size, double *y);
// [groups, before, size] and [groups, length, size] -> [groups, before + length, size]
sz_status sz_ref_append(const sz_ref_call *c, const double *past, const double *x, int64_t groups,
                        int64_t before, int64_t length, int64_t size, double **ret);
// Input i as a mask; bool: true = seen.
sz_status sz_ref_mask(const sz_ref_call *c, int i, sz_mask *ret);
sz_status sz_ref_check_mask(const sz_ref_call *c, const sz_attend *a, const sz_mask *m);
// Fails when input i is there and does not have so many elements.
sz_status sz_ref_expect(const sz_ref_call *c, int i, int64_t elements);
// Output o, where it is wanted, is these `count` numbers.
sz_status sz_ref_copy_out(sz_ref_call *c, int o, const double *x, int64_t count);
// One head, turned in place.
void sz_ref_rotate(double *x, const double *cosines, const double *sines, int64_t half,
                   bool interleaved);

#endif
