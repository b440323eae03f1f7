// SPDX-License-Identifier: Apache-2.0
// What the data movement rules share: integer operands whose elements may be unknown, copying
// elements of any class, and an order over elements.
#ifndef SZ_MOVE_H
#define SZ_MOVE_H

#include "model/ops/rule.h"

// ---- operands ----------------------------------------------------------------------------------

// Integers that come from input `i` when it is present, else from attribute `name`.
// Unlike sz_op_ints this keeps what is known of a list with single unknown elements.
typedef struct sz_operand {
    bool given;       // input or attribute is there
    bool known;       // v is set; single elements may be SZ_VALUE_UNKNOWN
    int32_t n;        // how many; -1 when not even that is known
    const int64_t *v;
} sz_operand;

sz_status sz_operand_read(const sz_infer *n, int i, const char *name, sz_operand *ret);
// Element k, or SZ_VALUE_UNKNOWN.
static inline int64_t sz_operand_at(const sz_operand *o, int32_t k) {
    return o->known ? o->v[k] : SZ_VALUE_UNKNOWN;
}
bool sz_operand_is_full(const sz_operand *o); // known, and every element too

// Axes of an operand that may be left out: ret_axes[k] in [0, rank) for k < *ret_n. Left out means
// 0 .. count-1. *ret_n = -1: present but not known. Fails when their number is not `count`
// (count -1 = any).
sz_status sz_operand_axes(const sz_infer *n, const sz_operand *axes, int32_t rank, int32_t count,
                          int *ret_axes, int32_t *ret_n);

// Product of dims[from..to): SZ_DIM_UNKNOWN when a factor is not known and none is 0.
sz_status sz_dims_product(const sz_infer *n, const int64_t *dims, int32_t from, int32_t to,
                          int64_t *ret);
// Product of sizes that are known and whose tensor is small: cannot overflow.
int64_t sz_small_product(const int64_t *dims, int32_t from, int32_t to);
// Copy of the dims of a type with a known rank.
void sz_dims_copy(int64_t *to, const sz_type *t);

// ---- numbers -----------------------------------------------------------------------------------

// New numbers for output o, for a rule that worked out `dims` itself. *ret is NULL (skip it) when
// the output is left out, too large, has other dims (the file declared them), or holds another
// class of elements than `like`.
sz_status sz_move_out(sz_infer *n, int o, const sz_tensor *like, int32_t rank, const int64_t *dims,
                      sz_tensor **ret);
// Element `from` of src becomes element `to` of dst; both hold the same class.
static inline void sz_move_element(sz_tensor *dst, int64_t to, const sz_tensor *src, int64_t from) {
    if (dst->i) dst->i[to] = src->i[from];
    if (dst->f) dst->f[to] = src->f[from];
    if (dst->s) dst->s[to] = src->s[from];
}
// Every element becomes element 0 of src; 0, false or "" when src is NULL.
void sz_move_fill(sz_tensor *dst, const sz_tensor *src);

// Copy between two strided boxes of the same dims:
// dst[to0 + sum(index * to)] = src[from0 + sum(index * from)].
enum { SZ_BOX_RANK = 2 * SZ_MAX_RANK };
typedef struct sz_box {
    int32_t rank;
    int64_t dims[SZ_BOX_RANK], from[SZ_BOX_RANK], to[SZ_BOX_RANK];
    int64_t from0, to0;
} sz_box;
void sz_move_box(sz_tensor *dst, const sz_tensor *src, const sz_box *box);
// Distance in elements between neighbours along each axis of a dense row-major tensor.
void sz_row_major(int32_t rank, const int64_t *dims, int64_t *ret_strides);

// Index into an axis of `dim` elements, negative ones from the end. false: unknown or out of range.
bool sz_move_index(int64_t index, int64_t dim, int64_t *ret);

// < 0, 0, > 0 as element a of t comes before, equals, comes after element b. NaN is the last.
int sz_compare_elements(const sz_tensor *t, int64_t a, int64_t b);
// Sorts n numbers with a total order: heap sort, so in place and without recursion.
typedef int sz_compare_fn(const void *with, int64_t a, int64_t b);
void sz_sort(int64_t *items, int64_t n, sz_compare_fn *compare, const void *with);

#endif
