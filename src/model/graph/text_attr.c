// SPDX-License-Identifier: Apache-2.0
// Plain attribute values of the text form: 1, 0.5, "s", [1, 2], floats[], type f32[2].
#include "model/graph/text.h"

typedef struct list {
    SZ_VEC(int64_t) ints;
    SZ_VEC(double) floats;
    SZ_VEC(sz_str) strings;
} list;

static sz_status list_item(sz_text *t, list *l) {
    bool is_int, kept;
    int64_t i;
    double f;
    sz_str s;
    if (sz_text_peek(t) == '"') {
        SZ_TRY(sz_text_string(t, &s));
        kept = sz_vec_push(t->ctx, &l->strings, s);
    } else {
        SZ_TRY(sz_scan_number(t, &is_int, &i, &f));
        kept = is_int ? sz_vec_push(t->ctx, &l->ints, i) : sz_vec_push(t->ctx, &l->floats, f);
    }
    return kept ? SZ_OK : sz_no_memory(t->ctx);
}

// Up to the closing bracket.
static sz_status list_items(sz_text *t, list *l) {
    size_t n = 0;
    while (!sz_text_take(t, ']')) {
        if (n++ > 0) SZ_TRY(sz_text_expect(t, ','));
        if (n > INT32_MAX) return sz_text_fail(t, "list of more than 2^31 elements");
        SZ_TRY(list_item(t, l));
        if (l->ints.n != n && l->floats.n != n && l->strings.n != n)
            return sz_text_fail(t, "a list holds integers, floats or strings, not a mix");
    }
    return SZ_OK;
}

static void *keep(sz_text *t, const void *items, size_t n, size_t size) {
    void *copy = sz_arena_array(t->graph->arena, n ? n : 1, size);
    if (copy && n) memcpy(copy, items, n * size);
    return copy;
}

static sz_status keep_list(sz_text *t, const list *l, sz_attr_kind empty, sz_attr *a) {
    size_t n = l->ints.n + l->floats.n + l->strings.n; // two of them are 0
    a->n = (int32_t)n;
    a->kind = (uint8_t)empty;
    if (l->ints.n > 0) a->kind = SZ_ATTR_INTS;
    if (l->floats.n > 0) a->kind = SZ_ATTR_FLOATS;
    if (l->strings.n > 0) a->kind = SZ_ATTR_STRINGS;
    const void *kept;
    if (a->kind == SZ_ATTR_FLOATS)
        kept = a->floats = keep(t, l->floats.items, n, sizeof *l->floats.items);
    else if (a->kind == SZ_ATTR_STRINGS)
        kept = a->strings = keep(t, l->strings.items, n, sizeof *l->strings.items);
    else
        kept = a->ints = keep(t, l->ints.items, n, sizeof *l->ints.items);
    return kept ? SZ_OK : sz_no_memory(t->ctx);
}

// Behind the opening bracket. `empty` is the kind of a list that holds nothing.
static sz_status list_attr(sz_text *t, sz_attr_kind empty, sz_attr *a) {
    list l = {0};
    sz_status status = list_items(t, &l);
    if (status == SZ_OK) status = keep_list(t, &l, empty, a);
    sz_vec_finish(t->ctx, &l.ints);
    sz_vec_finish(t->ctx, &l.floats);
    sz_vec_finish(t->ctx, &l.strings);
    return status;
}

static sz_status number_attr(sz_text *t, sz_attr *a) {
    bool is_int;
    SZ_TRY(sz_scan_number(t, &is_int, &a->i, &a->f));
    a->kind = is_int ? SZ_ATTR_INT : SZ_ATTR_FLOAT;
    if (is_int) a->f = 0;
    return SZ_OK;
}

static sz_status type_attr(sz_text *t, sz_attr *a) {
    sz_type type;
    SZ_TRY(sz_text_type(t, &type));
    a->kind = SZ_ATTR_TYPE;
    a->type = keep(t, &type, 1, sizeof type);
    return a->type ? SZ_OK : sz_no_memory(t->ctx);
}

static sz_status word_attr(sz_text *t, sz_attr *a) {
    static const struct {
        const char *word;
        sz_attr_kind kind;
    } lists[] = {{"ints", SZ_ATTR_INTS}, {"floats", SZ_ATTR_FLOATS}, {"strings", SZ_ATTR_STRINGS}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (!sz_text_take_word(t, lists[i].word)) continue;
        SZ_TRY(sz_text_expect(t, '['));
        return list_attr(t, lists[i].kind, a);
    }
    if (sz_text_take_word(t, "type")) return type_attr(t, a);
    if (sz_text_take_word(t, "other")) return a->kind = SZ_ATTR_OTHER, SZ_OK;
    if (sz_text_take_word(t, "true")) return a->kind = SZ_ATTR_INT, a->i = 1, SZ_OK;
    if (sz_text_take_word(t, "false")) return a->kind = SZ_ATTR_INT, SZ_OK;
    return number_attr(t, a); // inf and nan, or an error
}

sz_status sz_text_attr(sz_text *t, sz_attr *ret) {
    if (sz_text_peek(t) == '"') {
        ret->kind = SZ_ATTR_STRING;
        return sz_text_string(t, &ret->s);
    }
    if (sz_text_take(t, '[')) return list_attr(t, SZ_ATTR_INTS, ret);
    return sz_text_word(t).len > 0 ? word_attr(t, ret) : number_attr(t, ret);
}
