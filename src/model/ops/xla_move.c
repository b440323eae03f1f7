// SPDX-License-Identifier: Apache-2.0
// Instructions of XLA that move: their results are stated, and held against what they move.
#include "model/ops/xla.h"

#include "model/ops/rules.h"

#include <ctype.h>
#include <inttypes.h>

// Both are tensors whose rank is known.
static bool is_known(const sz_type *a, const sz_type *b) {
    return a->kind == SZ_TYPE_TENSOR && b->kind == SZ_TYPE_TENSOR && a->rank >= 0 && b->rank >= 0;
}

static sz_status differ(const sz_infer *n, const sz_type *from, const sz_type *to) {
    return sz_op_fail(n, "the operand is %s, the result can't be %s", sz_type_text(n->graph, from),
                      sz_type_text(n->graph, to));
}

sz_status sz_shape_xla_reshape(sz_infer *n) {
    int64_t from = -1, to = -1;
    SZ_TRY(sz_shape_xla_result(n));
    const sz_type *a = sz_in(n, 0), *b = sz_out_get(n, 0);
    if (!is_known(a, b)) return SZ_OK;
    if (sz_type_elements(n->ctx, a, &from) != SZ_OK || sz_type_elements(n->ctx, b, &to) != SZ_OK)
        return sz_op_place(n, SZ_ERR_INPUT);
    return from >= 0 && to >= 0 && from != to ? differ(n, a, b) : SZ_OK;
}

sz_status sz_shape_xla_transpose(sz_infer *n) {
    const int64_t *axes;
    SZ_TRY(sz_shape_xla_result(n));
    const sz_type *a = sz_in(n, 0), *b = sz_out_get(n, 0);
    const int32_t count = sz_attr_ints(n->node, "dimensions", &axes);
    bool seen[SZ_MAX_RANK] = {false};
    if (!is_known(a, b)) return SZ_OK;
    if (count != a->rank || b->rank != a->rank)
        return sz_op_fail(n, "dimensions has %d axes, the operand %d, the result %d", (int)count,
                          (int)a->rank, (int)b->rank);
    for (int32_t k = 0; k < count; k++) {
        if (axes[k] < 0 || axes[k] >= count || seen[axes[k]])
            return sz_op_fail(n, "dimensions is no order of %d axes", count);
        seen[axes[k]] = true;
        const int64_t x = a->dims[axes[k]], y = b->dims[k];
        if (x >= 0 && y >= 0 && x != y) return differ(n, a, b);
    }
    return SZ_OK;
}

// A part is nowhere longer than the whole.
sz_status sz_shape_xla_slice(sz_infer *n) {
    SZ_TRY(sz_shape_xla_result(n));
    const sz_type *a = sz_in(n, 0), *b = sz_out_get(n, 0);
    if (!is_known(a, b)) return SZ_OK;
    if (a->rank != b->rank) return differ(n, a, b);
    for (int32_t k = 0; k < a->rank; k++)
        if (a->dims[k] >= 0 && b->dims[k] > a->dims[k]) return differ(n, a, b);
    return SZ_OK;
}

// "0_1_2x-3_4": low, high and, if it is there, interior of each axis.
static bool padding_of(sz_str *s, int64_t *ret) {
    ret[0] = ret[1] = ret[2] = 0;
    for (int k = 0; k < 3; k++) {
        const bool negative = s->len > 0 && *s->p == '-';
        if (negative) s->p++, s->len--;
        if (s->len == 0 || !isdigit((unsigned char)*s->p)) return false;
        for (; s->len > 0 && isdigit((unsigned char)*s->p); s->p++, s->len--)
            if (!sz_mul(ret[k], 10, &ret[k]) || !sz_add(ret[k], *s->p - '0', &ret[k])) return false;
        if (negative) ret[k] = -ret[k];
        if (s->len == 0 || *s->p != '_') break;
        s->p++, s->len--;
    }
    if (s->len > 0 && *s->p == 'x') s->p++, s->len--;
    return true;
}

sz_status sz_shape_xla_pad(sz_infer *n) {
    SZ_TRY(sz_shape_xla_result(n));
    const sz_type *a = sz_in(n, 0), *b = sz_out_get(n, 0);
    sz_str padding = sz_attr_s(n->node, "padding", "");
    if (!is_known(a, b)) return SZ_OK;
    if (a->rank != b->rank) return differ(n, a, b);
    for (int32_t k = 0; k < a->rank && padding.len > 0; k++) {
        int64_t p[3], gaps, size = a->dims[k];
        if (!padding_of(&padding, p)) return sz_op_fail(n, "padding is no list of numbers");
        if (size < 0 || b->dims[k] < 0) continue;
        if (!sz_mul(size > 1 ? size - 1 : 0, p[2], &gaps) || !sz_add(size, gaps, &size) ||
            !sz_add(size, p[0], &size) || !sz_add(size, p[1], &size))
            return sz_op_fail(n, "padding exceeds 2^63");
        if (size != b->dims[k]) return differ(n, a, b);
    }
    return SZ_OK;
}

sz_status sz_shape_xla_concatenate(sz_infer *n) {
    const int64_t *axes;
    SZ_TRY(sz_shape_xla_result(n));
    const sz_type *b = sz_out_get(n, 0);
    int64_t sum = 0;
    if (b->kind != SZ_TYPE_TENSOR || b->rank < 0) return SZ_OK;
    if (sz_attr_ints(n->node, "dimensions", &axes) != 1 || axes[0] < 0 || axes[0] >= b->rank)
        return sz_op_fail(n, "dimensions is no axis of the result");
    for (int i = 0; i < n->node->n_inputs; i++) {
        const sz_type *a = sz_in(n, i);
        if (!is_known(a, b)) return SZ_OK;
        if (a->rank != b->rank) return differ(n, a, b);
        for (int32_t k = 0; k < a->rank; k++)
            if (k != axes[0] && a->dims[k] >= 0 && b->dims[k] >= 0 && a->dims[k] != b->dims[k])
                return differ(n, a, b);
        const int64_t size = a->dims[axes[0]];
        if (size < 0 || sum < 0)
            sum = -1;
        else if (!sz_add(sum, size, &sum))
            return sz_op_fail(n, "sizes exceed 2^63");
    }
    if (sum < 0 || b->dims[axes[0]] < 0 || sum == b->dims[axes[0]]) return SZ_OK;
    return sz_op_fail(n, "the operands have %lld along axis %d, the result %lld", (long long)sum,
                      (int)axes[0], (long long)b->dims[axes[0]]);
}

sz_status sz_shape_xla_item(sz_infer *n) {
    const sz_type *t = sz_in(n, 0);
    const int64_t index = sz_attr_i(n->node, "index", 0);
    if (t->kind == SZ_TYPE_SEQUENCE && t->n_items > 0 && !sz_xla_item(t, index))
        return sz_op_fail(n, "index %" PRId64 " of a tuple of %" PRId64, index,
                          (int64_t)t->n_items);
    return sz_shape_xla_result(n);
}

sz_status sz_shape_xla_size(sz_infer *n) {
    const int64_t *axes;
    const sz_type *t = sz_in(n, 0);
    if (!sz_attr_find(n->node, "dimensions")) return sz_shape_xla_result(n); // not all files say it
    if (sz_attr_ints(n->node, "dimensions", &axes) != 1 || axes[0] < 0 ||
        (t->kind == SZ_TYPE_TENSOR && t->rank >= 0 && axes[0] >= t->rank))
        return sz_op_fail(n, "dimensions is no axis of the operand");
    return sz_shape_xla_result(n);
}
