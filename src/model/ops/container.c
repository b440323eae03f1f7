// SPDX-License-Identifier: Apache-2.0
// Types of sequences and optionals: comparing, merging, making.
#include "model/ops/container.h"

static const sz_type nothing = {.kind = SZ_TYPE_NONE, .rank = -1, .n_items = -1};

enum { MAX_NESTED = 8 };

// ---- comparing ---------------------------------------------------------------------------------

static bool same_dims(const sz_type *a, const sz_type *b) {
    if (a->rank != b->rank) return false;
    for (int32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

// Without what is inside.
static bool same_shell(const sz_type *a, const sz_type *b) {
    return a->kind == b->kind && a->dtype == b->dtype && a->n_items == b->n_items &&
           same_dims(a, b);
}

static bool same_items(const sz_type *a, const sz_type *b) {
    if (!a->items || !b->items) return a->items == b->items;
    for (int64_t i = 0; i < a->n_items; i++) {
        const sz_type *x = a->items[i], *y = b->items[i];
        if (x == y) continue;
        // Elements that are containers themselves are compared by identity alone.
        if (x->kind != SZ_TYPE_TENSOR || !same_shell(x, y)) return false;
    }
    return true;
}

bool sz_type_equal(const sz_type *a, const sz_type *b) {
    for (int depth = 0; a && b && depth < MAX_NESTED; depth++) {
        if (a == b) return true;
        if (!same_shell(a, b) || !same_items(a, b)) return false;
        a = a->elem, b = b->elem;
    }
    return a == b;
}

bool sz_tensor_equal(const sz_tensor *a, const sz_tensor *b) {
    if (a == b) return true;
    if (!a || !b || a->dtype != b->dtype) return false;
    if (a->count != b->count || a->rank != b->rank) return false;
    for (int32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    size_t n = (size_t)a->count;
    if (a->i && b->i) return memcmp(a->i, b->i, n * sizeof *a->i) == 0;
    if (a->f && b->f) return memcmp(a->f, b->f, n * sizeof *a->f) == 0;
    for (size_t k = 0; k < n; k++)
        if (!a->s || !b->s || !sz_str_eq(a->s[k], b->s[k])) return false;
    return true;
}

// ---- merging -----------------------------------------------------------------------------------

static sz_status merge_shell(sz_graph *g, const sz_type *a, const sz_type *b, sz_type *ret) {
    *ret = nothing;
    if (a->kind != b->kind) return SZ_OK;
    ret->kind = a->kind;
    ret->dtype = a->dtype == b->dtype ? a->dtype : 0;
    ret->n_items = a->n_items == b->n_items ? a->n_items : -1;
    ret->items = same_items(a, b) && ret->n_items >= 0 ? a->items : NULL;
    if (a->rank != b->rank || a->rank < 0) return SZ_OK;
    int64_t *dims = sz_graph_dims(g, a->rank);
    if (!dims) return sz_no_memory(g->ctx);
    for (int32_t i = 0; i < a->rank; i++)
        dims[i] = a->dims[i] == b->dims[i] ? a->dims[i] : SZ_DIM_UNKNOWN;
    ret->rank = a->rank, ret->dims = dims;
    return SZ_OK;
}

sz_status sz_type_merge(sz_graph *g, const sz_type *a, const sz_type *b, sz_type *ret) {
    sz_type *to = ret;
    if (sz_type_equal(a, b)) {
        *ret = *a;
        return SZ_OK;
    }
    for (int depth = 0; depth < MAX_NESTED; depth++) {
        sz_type merged;
        SZ_TRY(merge_shell(g, a, b, &merged));
        *to = merged;
        a = a->elem, b = b->elem;
        if (!a || !b || merged.kind == SZ_TYPE_NONE) break;
        sz_type *elem = sz_arena_alloc(g->arena, sizeof *elem);
        if (!elem) return sz_no_memory(g->ctx);
        to->elem = elem;
        to = elem;
    }
    return SZ_OK;
}

// ---- sequences ---------------------------------------------------------------------------------

sz_status sz_seq_like(sz_graph *g, const sz_type *elem, int64_t count, sz_type *ret) {
    *ret = (sz_type){.kind = SZ_TYPE_SEQUENCE, .rank = -1, .n_items = count};
    if (!elem || elem->kind == SZ_TYPE_NONE) return SZ_OK;
    sz_type *copy = sz_arena_alloc(g->arena, sizeof *copy);
    if (!copy) return sz_no_memory(g->ctx);
    *copy = *elem;
    ret->elem = copy;
    return SZ_OK;
}

// Copies of the types: lists must not point into values, whose types change.
static sz_status copy_items(sz_graph *g, const sz_type *const *items, int64_t count,
                            const sz_type *const **ret) {
    const sz_type **list = sz_arena_array(g->arena, (size_t)count, sizeof *list);
    sz_type *copies = sz_arena_array(g->arena, (size_t)count, sizeof *copies);
    if (!list || !copies) return sz_no_memory(g->ctx);
    for (int64_t i = 0; i < count; i++) {
        copies[i] = *items[i];
        list[i] = &copies[i];
    }
    *ret = list;
    return SZ_OK;
}

sz_status sz_seq_of(sz_graph *g, const sz_type *const *items, int64_t count, sz_type *ret) {
    sz_type elem = count > 0 ? *items[0] : nothing;
    bool uniform = true;
    for (int64_t i = 1; i < count; i++) {
        if (sz_type_equal(&elem, items[i])) continue;
        uniform = false;
        SZ_TRY(sz_type_merge(g, &elem, items[i], &elem));
    }
    SZ_TRY(sz_seq_like(g, &elem, count, ret));
    if (uniform || count > SZ_MAX_ITEMS) return SZ_OK;
    return copy_items(g, items, count, &ret->items);
}

sz_type sz_seq_elem(const sz_type *seq) { return seq->elem ? *seq->elem : nothing; }

sz_type sz_seq_item(const sz_type *seq, int64_t i) {
    if (seq->items && i >= 0 && i < seq->n_items) return *seq->items[i];
    return sz_seq_elem(seq);
}
