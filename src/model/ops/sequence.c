// SPDX-License-Identifier: Apache-2.0
// Sequences and optionals. The types of the elements live on in the type of the sequence, so that a
// tensor that goes in and comes out again keeps its shape.
#include <inttypes.h>

#include "model/ops/container.h"
#include "model/ops/numbers.h"
#include "model/ops/rules.h"

static sz_status expect_sequence(const sz_infer *n) {
    const uint8_t kind = sz_in(n, 0)->kind;
    if (kind == SZ_TYPE_SEQUENCE || kind == SZ_TYPE_NONE) return SZ_OK;
    return sz_op_fail(n, "input 0 is no sequence");
}

// A position as the operators take it: from the back when negative, at most `last`. *ret is -1 when
// the number or the length is not known.
static sz_status position(const sz_infer *n, int i, int64_t count, int64_t last, int64_t *ret) {
    const sz_tensor *t = sz_in_value(n, i);
    *ret = -1;
    if (!t || !t->i || t->count != 1 || t->i[0] == SZ_VALUE_UNKNOWN || count < 0) return SZ_OK;
    int64_t at = t->i[0] < 0 ? t->i[0] + count : t->i[0];
    if (at < 0 || at > last)
        return sz_op_fail(n, "position %" PRId64 " of a sequence of %" PRId64, t->i[0], count);
    *ret = at;
    return SZ_OK;
}

static sz_status out_seq(sz_infer *n, const sz_type *elem, int64_t count) {
    sz_type seq;
    SZ_TRY(sz_seq_like(n->graph, elem, count, &seq));
    return sz_out_type(n, 0, &seq);
}

// ---- making ------------------------------------------------------------------------------------

sz_status sz_shape_sequence_construct(sz_infer *n) {
    const int32_t count = n->node->n_inputs;
    const sz_type **items = sz_op_alloc(n, (size_t)count, sizeof *items);
    sz_type seq;
    if (!items) return sz_no_memory(n->ctx);
    for (int i = 0; i < count; i++) items[i] = sz_in(n, i);
    SZ_TRY(sz_seq_of(n->graph, items, count, &seq));
    return sz_out_type(n, 0, &seq);
}

sz_status sz_shape_sequence_empty(sz_infer *n) {
    sz_dtype dtype;
    SZ_TRY(sz_attr_dtype(n, "dtype", sz_dtype_by_name("f32"), &dtype));
    const sz_type elem = sz_type_tensor(dtype, -1, NULL);
    return out_seq(n, &elem, 0);
}

// ---- taking apart ------------------------------------------------------------------------------

sz_status sz_shape_sequence_at(sz_infer *n) {
    const sz_type *seq = sz_in(n, 0);
    int64_t at;
    SZ_TRY(expect_sequence(n));
    SZ_TRY(position(n, 1, seq->n_items, seq->n_items - 1, &at));
    sz_type item = at < 0 ? sz_seq_elem(seq) : sz_seq_item(seq, at);
    return sz_out_type(n, 0, &item);
}

sz_status sz_shape_sequence_length(sz_infer *n) {
    sz_tensor *v = NULL;
    SZ_TRY(expect_sequence(n));
    SZ_TRY(sz_out(n, 0, sz_dtype_by_name("i64"), 0, NULL));
    if (sz_in(n, 0)->n_items < 0) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &v));
    if (v) v->i[0] = sz_in(n, 0)->n_items;
    return SZ_OK;
}

// ---- changing ----------------------------------------------------------------------------------

// All elements of the sequence have one type that says it all, or are listed.
static bool items_known(const sz_type *seq) {
    if (seq->n_items < 0 || seq->n_items >= SZ_MAX_ITEMS) return false;
    return seq->n_items == 0 || seq->items || seq->elem;
}

static sz_status list_items(sz_infer *n, const sz_type *seq, const sz_type ***ret) {
    const sz_type **list = sz_op_alloc(n, (size_t)seq->n_items + 1, sizeof *list);
    if (!list) return sz_no_memory(n->ctx);
    for (int64_t i = 0; i < seq->n_items; i++) list[i] = seq->items ? seq->items[i] : seq->elem;
    *ret = list;
    return SZ_OK;
}

// The sequence with one more element somewhere.
static sz_status insert_anywhere(sz_infer *n, const sz_type *seq, const sz_type *item) {
    const int64_t count = seq->n_items < 0 ? -1 : seq->n_items + 1;
    sz_type elem = seq->n_items == 0 || !seq->elem ? *item : *seq->elem;
    SZ_TRY(sz_type_merge(n->graph, &elem, item, &elem));
    return out_seq(n, &elem, count);
}

sz_status sz_shape_sequence_insert(sz_infer *n) {
    const sz_type *seq = sz_in(n, 0), *item = sz_in(n, 1), **list = NULL;
    const int64_t count = seq->n_items;
    int64_t at = count;
    sz_type grown;
    SZ_TRY(expect_sequence(n));
    if (seq->kind == SZ_TYPE_NONE) return out_seq(n, NULL, -1);
    if (sz_has_in(n, 2)) SZ_TRY(position(n, 2, count, count, &at));
    const bool same = count == 0 || (seq->elem && !seq->items && sz_type_equal(seq->elem, item));
    if (same || !items_known(seq) || at < 0) return insert_anywhere(n, seq, item);
    SZ_TRY(list_items(n, seq, &list));
    for (int64_t i = count; i > at; i--) list[i] = list[i - 1];
    list[at] = item;
    SZ_TRY(sz_seq_of(n->graph, list, count + 1, &grown));
    return sz_out_type(n, 0, &grown);
}

sz_status sz_shape_sequence_erase(sz_infer *n) {
    const sz_type *seq = sz_in(n, 0), **list = NULL;
    const int64_t count = seq->n_items;
    int64_t at = count - 1;
    sz_type shrunk;
    SZ_TRY(expect_sequence(n));
    if (count == 0) return sz_op_fail(n, "erases from an empty sequence");
    if (sz_has_in(n, 1)) SZ_TRY(position(n, 1, count, count - 1, &at));
    if (!seq->items || at < 0) return out_seq(n, seq->elem, count < 0 ? -1 : count - 1);
    SZ_TRY(list_items(n, seq, &list));
    for (int64_t i = at; i + 1 < count; i++) list[i] = list[i + 1];
    SZ_TRY(sz_seq_of(n->graph, list, count - 1, &shrunk));
    return sz_out_type(n, 0, &shrunk);
}

// ---- splitting ---------------------------------------------------------------------------------

// The type of a part of `t`: `dim` on the axis, or no axis at all.
static sz_status part_type(sz_infer *n, const sz_type *t, int axis, int64_t dim, bool keep_axis,
                           sz_type *ret) {
    int64_t *dims = sz_graph_dims(n->graph, t->rank);
    if (!dims) return sz_no_memory(n->ctx);
    int32_t rank = 0;
    for (int32_t k = 0; k < t->rank; k++)
        if (k != axis) dims[rank++] = t->dims[k];
        else if (keep_axis) dims[rank++] = dim;
    *ret = sz_type_tensor(t->dtype, rank, dims);
    return SZ_OK;
}

// Parts of one length; the last may be shorter.
static sz_status split_even(sz_infer *n, const sz_type *t, int axis, int64_t each, bool keep_axis) {
    const int64_t dim = t->dims[axis];
    sz_type part, rest, seq;
    if (each < 1) return sz_op_fail(n, "parts of length %" PRId64, each);
    if (dim < 0) {
        SZ_TRY(part_type(n, t, axis, each == 1 ? 1 : SZ_DIM_UNKNOWN, keep_axis, &part));
        return out_seq(n, &part, -1);
    }
    SZ_TRY(part_type(n, t, axis, each < dim ? each : dim, keep_axis, &part));
    const int64_t whole = dim / each, over = dim % each, count = whole + (over > 0);
    if (over == 0 || count == 1) return out_seq(n, &part, count);
    SZ_TRY(part_type(n, t, axis, over, keep_axis, &rest));
    if (count > SZ_MAX_ITEMS) {
        SZ_TRY(sz_type_merge(n->graph, &part, &rest, &part));
        return out_seq(n, &part, count);
    }
    const sz_type **list = sz_op_alloc(n, (size_t)count, sizeof *list);
    if (!list) return sz_no_memory(n->ctx);
    for (int64_t i = 0; i < count; i++) list[i] = i < whole ? &part : &rest;
    SZ_TRY(sz_seq_of(n->graph, list, count, &seq));
    return sz_out_type(n, 0, &seq);
}

// Parts of the stated lengths.
static sz_status split_listed(sz_infer *n, const sz_type *t, int axis, const sz_tensor *lengths) {
    const size_t count = (size_t)lengths->count;
    sz_type *parts = sz_op_alloc(n, count + 1, sizeof *parts), seq;
    const sz_type **list = sz_op_alloc(n, count + 1, sizeof *list);
    int64_t sum = 0;
    bool all = true;
    if (!parts || !list) return sz_no_memory(n->ctx);
    for (size_t i = 0; i < count; i++) {
        int64_t len = lengths->i[i];
        if (len == SZ_VALUE_UNKNOWN) all = false, len = SZ_DIM_UNKNOWN;
        else if (len < 0 || !sz_add(sum, len, &sum))
            return sz_op_fail(n, "part of length %" PRId64, len);
        SZ_TRY(part_type(n, t, axis, len, true, &parts[i]));
        list[i] = &parts[i];
    }
    if (all && t->dims[axis] >= 0 && sum != t->dims[axis])
        return sz_op_fail(n, "parts of %" PRId64 " in all, the axis has %" PRId64, sum,
                          t->dims[axis]);
    SZ_TRY(sz_seq_of(n->graph, list, (int64_t)count, &seq));
    return sz_out_type(n, 0, &seq);
}

// How the parts are cut is not known; how many there are may be.
static sz_status split_unknown(sz_infer *n, const sz_type *t, int axis) {
    const sz_type *split = sz_in(n, 1);
    int64_t count = split->rank == 1 && split->dims[0] >= 0 ? split->dims[0] : -1;
    sz_type part;
    SZ_TRY(part_type(n, t, axis, SZ_DIM_UNKNOWN, true, &part));
    return out_seq(n, &part, count);
}

sz_status sz_shape_split_to_sequence(sz_infer *n) {
    const sz_type *t = sz_in(n, 0);
    int axis;
    if (t->rank < 0) {
        const sz_type part = sz_type_tensor(t->dtype, -1, NULL);
        return out_seq(n, &part, -1);
    }
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), t->rank, &axis));
    if (!sz_has_in(n, 1)) // `keepdims` counts only here
        return split_even(n, t, axis, 1, sz_attr_i(n->node, "keepdims", 1) != 0);
    const sz_tensor *split = sz_in_value(n, 1);
    if (!split || !split->i) return split_unknown(n, t, axis);
    if (split->rank == 1) return split_listed(n, t, axis, split);
    if (split->count != 1 || split->i[0] == SZ_VALUE_UNKNOWN) return split_unknown(n, t, axis);
    return split_even(n, t, axis, split->i[0], true);
}

// ---- joining -----------------------------------------------------------------------------------

// Sum of the axis over the elements; SZ_DIM_UNKNOWN when it is not known.
static sz_status joined_dim(const sz_infer *n, const sz_type *seq, int axis, int64_t *ret) {
    *ret = SZ_DIM_UNKNOWN;
    if (seq->n_items < 0) return SZ_OK;
    if (!seq->items) return sz_dim_mul(n, seq->n_items, seq->elem->dims[axis], ret);
    int64_t sum = 0;
    for (int64_t i = 0; i < seq->n_items; i++) {
        const sz_type *item = seq->items[i];
        if (item->rank != seq->elem->rank || item->dims[axis] < 0) return SZ_OK;
        if (!sz_add(sum, item->dims[axis], &sum)) return sz_op_fail(n, "a dimension exceeds 2^63");
    }
    *ret = sum;
    return SZ_OK;
}

// Elements that are joined must agree on all other axes.
static sz_status check_joined(const sz_infer *n, const sz_type *seq, int axis) {
    for (int64_t i = 1; seq->items && i < seq->n_items; i++) {
        const sz_type *a = seq->items[0], *b = seq->items[i];
        if (a->rank >= 0 && b->rank >= 0 && a->rank != b->rank)
            return sz_op_fail(n, "joins elements of rank %d and %d", a->rank, b->rank);
        for (int32_t k = 0; k < a->rank && b->rank >= 0; k++)
            if (k != axis && a->dims[k] >= 0 && b->dims[k] >= 0 && a->dims[k] != b->dims[k])
                return sz_op_fail(n, "joins elements with dimensions %" PRId64 " and %" PRId64,
                                  a->dims[k], b->dims[k]);
    }
    return SZ_OK;
}

sz_status sz_shape_concat_from_sequence(sz_infer *n) {
    const sz_type *seq = sz_in(n, 0), elem = sz_seq_elem(seq);
    const bool new_axis = sz_attr_i(n->node, "new_axis", 0) != 0;
    int64_t dims[SZ_MAX_RANK + 1];
    int axis;
    SZ_TRY(expect_sequence(n));
    if (!sz_attr_find(n->node, "axis")) return sz_op_missing_attr(n, "axis");
    if (elem.kind != SZ_TYPE_TENSOR || elem.rank < 0) {
        if (seq->items) SZ_TRY(check_joined(n, seq, -1));
        return sz_out_rank(n, 0, elem.dtype, -1);
    }
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), elem.rank + new_axis, &axis));
    SZ_TRY(check_joined(n, seq, new_axis ? -1 : axis));
    if (elem.rank + new_axis > SZ_MAX_RANK)
        return sz_op_fail(n, "output of rank %d", elem.rank + 1);
    for (int32_t k = 0, from = 0; k < elem.rank + new_axis; k++)
        dims[k] = k == axis && new_axis ? SZ_DIM_UNKNOWN : elem.dims[from++];
    if (new_axis) dims[axis] = seq->n_items >= 0 ? seq->n_items : SZ_DIM_UNKNOWN;
    else SZ_TRY(joined_dim(n, seq, axis, &dims[axis]));
    return sz_out(n, 0, elem.dtype, elem.rank + new_axis, dims);
}

// ---- optionals ---------------------------------------------------------------------------------

sz_status sz_shape_optional(sz_infer *n) {
    const sz_attr *a = sz_attr_find(n->node, "type");
    const bool full = sz_has_in(n, 0);
    sz_type optional;
    if (!full && (!a || a->kind != SZ_ATTR_TYPE)) return sz_op_fail(n, "neither input nor 'type'");
    SZ_TRY(sz_seq_like(n->graph, full ? sz_in(n, 0) : a->type, full, &optional));
    optional.kind = SZ_TYPE_OPTIONAL;
    return sz_out_type(n, 0, &optional);
}

sz_status sz_shape_optional_get_element(sz_infer *n) {
    const sz_type *t = sz_in(n, 0);
    if (t->kind != SZ_TYPE_OPTIONAL) return sz_out_like(n, 0, 0);
    if (t->n_items == 0) return sz_op_fail(n, "takes the element of an empty optional");
    const sz_type elem = sz_seq_elem(t);
    return sz_out_type(n, 0, &elem);
}

sz_status sz_shape_optional_has_element(sz_infer *n) {
    const sz_type *t = sz_in(n, 0);
    sz_tensor *v = NULL;
    int64_t answer = 1; // tensors and sequences are always there
    SZ_TRY(sz_out(n, 0, sz_dtype_by_name("bool"), 0, NULL));
    if (!sz_has_in(n, 0)) answer = 0;
    else if (t->kind == SZ_TYPE_OPTIONAL || t->kind == SZ_TYPE_NONE) answer = t->n_items;
    if (answer < 0) return SZ_OK;
    SZ_TRY(sz_out_value(n, 0, &v));
    if (v) v->i[0] = answer;
    return SZ_OK;
}
