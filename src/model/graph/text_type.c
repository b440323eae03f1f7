// SPDX-License-Identifier: Apache-2.0
// Types and numbers of the text form: "f32[N,3,?]", "seq(f32[2])", "{1, 2, 3}".
#include "model/graph/text.h"

enum { MAX_WRAPPERS = 8 }; // seq(optional(...)) and so on; files of today nest two

// ---- types -------------------------------------------------------------------------------------

static sz_status dim(sz_text *t, int64_t *ret) {
    char c = sz_text_peek(t);
    if (sz_text_take(t, '?')) {
        *ret = SZ_DIM_UNKNOWN;
        return SZ_OK;
    }
    if (c >= '0' && c <= '9') return sz_scan_int(t, ret);
    sz_str name;
    if (c != '"' && sz_text_word(t).len == 0)
        return sz_text_fail(t, "expected a dimension: a number, a name or ?");
    SZ_TRY(sz_text_name(t, &name, NULL));
    return sz_graph_symbol(t->graph, name, ret);
}

static sz_status dtype(sz_text *t, sz_dtype *ret) {
    *ret = 0;
    if (sz_text_take(t, '?')) return SZ_OK;
    sz_str word = sz_text_word(t);
    char name[32];
    if (word.len > 0 && word.len < sizeof name) {
        memcpy(name, word.p, word.len);
        name[word.len] = 0;
        *ret = sz_dtype_by_name(name);
    }
    if (*ret == 0) return sz_text_fail(t, "expected a type, found '%s'", sz_show(t->ctx, word));
    t->at += word.len;
    return SZ_OK;
}

static sz_status dims_list(sz_text *t, sz_type *ret) {
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = 0;
    while (!sz_text_take(t, ']')) {
        if (rank > 0) SZ_TRY(sz_text_expect(t, ','));
        if (rank == SZ_MAX_RANK) return sz_text_fail(t, "more than %d dimensions", SZ_MAX_RANK);
        SZ_TRY(dim(t, &dims[rank]));
        rank++;
    }
    int64_t *copy = sz_graph_dims(t->graph, rank);
    if (!copy) return sz_no_memory(t->ctx);
    if (rank > 0) memcpy(copy, dims, (size_t)rank * sizeof *dims);
    ret->rank = rank, ret->dims = copy;
    return SZ_OK;
}

// "f32[2,3]"; "f32[]" is a scalar; "f32[...]" has a rank that is not known; "?" says nothing.
static sz_status tensor_type(sz_text *t, sz_type *ret) {
    *ret = (sz_type){.kind = SZ_TYPE_TENSOR, .rank = -1, .n_items = -1};
    SZ_TRY(dtype(t, &ret->dtype));
    if (!sz_text_take(t, '[')) {
        if (ret->dtype)
            return sz_text_fail(t, "expected '[' after %s: [] is a scalar, [...] any shape",
                                sz_dtype_get(ret->dtype)->name);
        ret->kind = SZ_TYPE_NONE;
        return SZ_OK;
    }
    if (!sz_text_take(t, '.')) return dims_list(t, ret);
    SZ_TRY(sz_text_expect(t, '.'));
    SZ_TRY(sz_text_expect(t, '.'));
    return sz_text_expect(t, ']');
}

// One of seq( optional( map(KEY, sparse(
static sz_status wrapper(sz_text *t, sz_type *ret, bool *ret_found) {
    static const struct {
        const char *word;
        sz_type_kind kind;
    } rows[] = {{"seq", SZ_TYPE_SEQUENCE}, {"optional", SZ_TYPE_OPTIONAL}, {"map", SZ_TYPE_MAP},
                {"sparse", SZ_TYPE_SPARSE}};
    *ret_found = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!sz_text_take_word(t, rows[i].word)) continue;
        *ret = (sz_type){.kind = (uint8_t)rows[i].kind, .rank = -1, .n_items = -1};
        *ret_found = true;
        SZ_TRY(sz_text_expect(t, '('));
        if (ret->kind != SZ_TYPE_MAP) return SZ_OK;
        SZ_TRY(dtype(t, &ret->dtype));
        return sz_text_expect(t, ',');
    }
    return SZ_OK;
}

static const sz_type *copy_type(sz_text *t, const sz_type *type) {
    sz_type *copy = sz_arena_alloc(t->graph->arena, sizeof *copy);
    if (copy) *copy = *type;
    return copy;
}

// "; 3" or "; f32[1], f32[2]" behind the element type of a sequence
static sz_status items(sz_text *t, sz_type *seq) {
    const sz_type *list[256];
    const int max = (int)(sizeof list / sizeof *list);
    int n = 0;
    char c = sz_text_peek(t);
    if (c >= '0' && c <= '9') return sz_scan_int(t, &seq->n_items);
    do {
        sz_type item;
        if (n == max) return sz_text_fail(t, "more than %d element types", max);
        SZ_TRY(tensor_type(t, &item));
        if (!(list[n++] = copy_type(t, &item))) return sz_no_memory(t->ctx);
    } while (sz_text_take(t, ','));
    const sz_type **copy = sz_arena_array(t->graph->arena, (size_t)n, sizeof *copy);
    if (!copy) return sz_no_memory(t->ctx);
    memcpy(copy, list, (size_t)n * sizeof *copy);
    seq->n_items = n, seq->items = copy;
    return SZ_OK;
}

// Close one wrapper around *inner.
static sz_status close_wrapper(sz_text *t, sz_type *outer, const sz_type *inner) {
    if (outer->kind == SZ_TYPE_SPARSE) {
        outer->dtype = inner->dtype, outer->rank = inner->rank, outer->dims = inner->dims;
    } else if (inner->kind != SZ_TYPE_NONE) {
        outer->elem = copy_type(t, inner);
        if (!outer->elem) return sz_no_memory(t->ctx);
    }
    if (outer->kind == SZ_TYPE_SEQUENCE && sz_text_take(t, ';')) SZ_TRY(items(t, outer));
    if (outer->kind == SZ_TYPE_OPTIONAL && sz_text_take(t, ';')) {
        SZ_TRY(sz_scan_int(t, &outer->n_items));
        if (outer->n_items < 0 || outer->n_items > 1)
            return sz_text_fail(t, "an optional holds 0 or 1 values");
    }
    return sz_text_expect(t, ')');
}

sz_status sz_text_type(sz_text *t, sz_type *ret) {
    sz_type open[MAX_WRAPPERS], type;
    int depth = 0;
    for (bool found = true; found;) {
        sz_type outer;
        SZ_TRY(wrapper(t, &outer, &found));
        if (!found) break;
        if (depth == MAX_WRAPPERS) return sz_text_fail(t, "type nested too deeply");
        open[depth++] = outer;
    }
    SZ_TRY(tensor_type(t, &type));
    while (depth > 0) {
        sz_type outer = open[--depth];
        SZ_TRY(close_wrapper(t, &outer, &type));
        type = outer;
    }
    *ret = type;
    return SZ_OK;
}

// ---- numbers -----------------------------------------------------------------------------------

static sz_status one_int(sz_text *t, int64_t *ret) {
    if (sz_text_take(t, '?')) *ret = SZ_VALUE_UNKNOWN;
    else if (sz_text_take_word(t, "true")) *ret = 1;
    else if (sz_text_take_word(t, "false")) *ret = 0;
    else return sz_scan_int(t, ret);
    return SZ_OK;
}

static sz_status one_float(sz_text *t, double *ret) {
    int64_t i;
    bool is_int;
    return sz_scan_number(t, &is_int, &i, ret);
}

static sz_status new_tensor(sz_text *t, const sz_type *type, int64_t count, sz_tensor **ret) {
    const sz_dtype_info *d = sz_dtype_get(type->dtype);
    if (d->cls == SZ_CLASS_COMPLEX || d->cls == SZ_CLASS_BLOCK || d->cls == SZ_CLASS_NONE)
        return sz_text_fail(t, "numbers of type %s can't be written", d->name);
    *ret = sz_tensor_new(t->graph, type->dtype, type->rank, type->dims, count);
    return *ret ? SZ_OK : sz_no_memory(t->ctx);
}

// Numbers up to the closing brace, at most as many as there is room for.
static sz_status fill(sz_text *t, sz_tensor *v, int64_t max, int64_t *ret_n) {
    int64_t n = 0;
    SZ_TRY(sz_text_expect(t, '{'));
    while (!sz_text_take(t, '}')) {
        if (n > 0) SZ_TRY(sz_text_expect(t, ','));
        if (n == max)
            return sz_text_fail(t, "more than %lld numbers", (long long)max);
        if (v->f) SZ_TRY(one_float(t, &v->f[n]));
        else if (v->s) SZ_TRY(sz_text_string(t, &v->s[n]));
        else SZ_TRY(one_int(t, &v->i[n]));
        n++;
    }
    *ret_n = n;
    return SZ_OK;
}

sz_status sz_text_items(sz_text *t, sz_dtype type, int64_t max, const sz_tensor **ret) {
    const sz_type list = sz_type_tensor(type, 1, &max);
    sz_tensor *v;
    SZ_TRY(new_tensor(t, &list, max, &v));
    SZ_TRY(fill(t, v, max, &v->count));
    *ret = v;
    return SZ_OK;
}

sz_status sz_text_numbers(sz_text *t, const sz_type *type, const sz_tensor **ret) {
    int64_t count, n;
    sz_tensor *v;
    if (type->kind != SZ_TYPE_TENSOR || !sz_type_is_static(type))
        return sz_text_fail(t, "numbers need a tensor type with all dimensions known");
    sz_status status = sz_type_elements(t->ctx, type, &count);
    if (status != SZ_OK) return sz_text_place(t, status);
    if (count > SZ_MAX_VALUE_ELEMENTS)
        return sz_text_fail(t, "more than %d numbers", SZ_MAX_VALUE_ELEMENTS);
    SZ_TRY(new_tensor(t, type, count, &v));
    SZ_TRY(fill(t, v, count, &n));
    if (n != count)
        return sz_text_fail(t, "%lld numbers for %lld elements", (long long)n, (long long)count);
    *ret = v;
    return SZ_OK;
}
