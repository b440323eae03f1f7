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
    } rows[] = {{"seq", SZ_TYPE_SEQUENCE},
                {"optional", SZ_TYPE_OPTIONAL},
                {"map", SZ_TYPE_MAP},
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

// A wrapper that is open: its element type comes first, then perhaps the types of its items.
typedef struct open_type {
    sz_type type;
    bool in_items;
    size_t first; // of its items
} open_type;

typedef struct type_reader {
    sz_text *t;
    open_type open[MAX_WRAPPERS];
    int depth;
    SZ_VEC(const sz_type *) items;
} type_reader;

static sz_status take_element(type_reader *r, open_type *o, const sz_type *inner) {
    if (o->type.kind == SZ_TYPE_SPARSE) {
        o->type.dtype = inner->dtype, o->type.rank = inner->rank, o->type.dims = inner->dims;
    } else if (inner->kind != SZ_TYPE_NONE) {
        o->type.elem = copy_type(r->t, inner);
        if (!o->type.elem) return sz_no_memory(r->t->ctx);
    }
    return SZ_OK;
}

static sz_status take_item(type_reader *r, const sz_type *inner) {
    const sz_type *copy = copy_type(r->t, inner);
    return copy && sz_vec_push(r->t->ctx, &r->items, copy) ? SZ_OK : sz_no_memory(r->t->ctx);
}

static sz_status keep_items(type_reader *r, open_type *o) {
    const size_t n = r->items.n - o->first;
    const sz_type **copy = sz_arena_array(r->t->graph->arena, n, sizeof *copy);
    if (!copy) return sz_no_memory(r->t->ctx);
    memcpy(copy, r->items.items + o->first, n * sizeof *copy);
    o->type.n_items = (int64_t)n, o->type.items = copy;
    r->items.n = o->first;
    return SZ_OK;
}

// What stands between the element type and the closing parenthesis: "; 3" or "; f32[1], f32[2]".
// *ret_more: the type of an item comes next.
static sz_status behind_element(type_reader *r, open_type *o, bool *ret_more) {
    sz_text *t = r->t;
    *ret_more = false;
    if (o->type.kind != SZ_TYPE_SEQUENCE && o->type.kind != SZ_TYPE_OPTIONAL) return SZ_OK;
    if (!sz_text_take(t, ';')) return SZ_OK;
    const char c = sz_text_peek(t);
    if (o->type.kind == SZ_TYPE_SEQUENCE && (c < '0' || c > '9')) {
        o->in_items = *ret_more = true;
        o->first = r->items.n;
        return SZ_OK;
    }
    SZ_TRY(sz_scan_int(t, &o->type.n_items));
    if (o->type.kind == SZ_TYPE_OPTIONAL && (o->type.n_items < 0 || o->type.n_items > 1))
        return sz_text_fail(t, "an optional holds 0 or 1 values");
    return SZ_OK;
}

// `type` is complete: it belongs to the innermost wrapper that is open. Closes what ends here.
static sz_status close_types(type_reader *r, sz_type *type, bool *ret_more) {
    while (r->depth > 0) {
        open_type *o = &r->open[r->depth - 1];
        if (o->in_items) {
            SZ_TRY(take_item(r, type));
            *ret_more = sz_text_take(r->t, ',');
            if (!*ret_more) SZ_TRY(keep_items(r, o));
        } else {
            SZ_TRY(take_element(r, o, type));
            SZ_TRY(behind_element(r, o, ret_more));
        }
        if (*ret_more) return SZ_OK;
        SZ_TRY(sz_text_expect(r->t, ')'));
        *type = o->type;
        r->depth--;
    }
    *ret_more = false;
    return SZ_OK;
}

static sz_status read_type(type_reader *r, sz_type *ret) {
    for (bool more = true; more;) {
        bool found;
        sz_type outer;
        SZ_TRY(wrapper(r->t, &outer, &found));
        if (found) {
            if (r->depth == MAX_WRAPPERS) return sz_text_fail(r->t, "type nested too deeply");
            r->open[r->depth++] = (open_type){outer, false, 0};
            continue;
        }
        SZ_TRY(tensor_type(r->t, ret));
        SZ_TRY(close_types(r, ret, &more));
    }
    return SZ_OK;
}

sz_status sz_text_type(sz_text *t, sz_type *ret) {
    type_reader r = {.t = t};
    sz_status status = read_type(&r, ret);
    sz_vec_finish(t->ctx, &r.items);
    return status;
}

// ---- numbers -----------------------------------------------------------------------------------

static sz_status one_int(sz_text *t, int64_t *ret) {
    if (sz_text_take(t, '?'))
        *ret = SZ_VALUE_UNKNOWN;
    else if (sz_text_take_word(t, "true"))
        *ret = 1;
    else if (sz_text_take_word(t, "false"))
        *ret = 0;
    else
        return sz_scan_int(t, ret);
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
        if (n == max) return sz_text_fail(t, "more than %lld numbers", (long long)max);
        if (v->f)
            SZ_TRY(one_float(t, &v->f[n]));
        else if (v->s)
            SZ_TRY(sz_text_string(t, &v->s[n]));
        else
            SZ_TRY(one_int(t, &v->i[n]));
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
