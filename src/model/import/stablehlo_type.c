// SPDX-License-Identifier: Apache-2.0
// StableHLO text: types.
#include "model/import/stablehlo.h"

#include <inttypes.h>

// ---- element types -----------------------------------------------------------------------------

sz_dtype shlo_dtype(sz_str name) {
    static const struct {
        const char *mlir, *ours;
    } rows[] = {{"f32", "f32"},
                {"f64", "f64"},
                {"f16", "f16"},
                {"bf16", "bf16"},
                {"i1", "bool"},
                {"i2", "i2"},
                {"i4", "i4"},
                {"i8", "i8"},
                {"i16", "i16"},
                {"i32", "i32"},
                {"i64", "i64"},
                {"si8", "i8"},
                {"si32", "i32"},
                {"si64", "i64"},
                {"ui2", "u2"},
                {"ui4", "u4"},
                {"ui8", "u8"},
                {"ui16", "u16"},
                {"ui32", "u32"},
                {"ui64", "u64"},
                {"index", "i64"},
                {"complex<f32>", "c64"},
                {"complex<f64>", "c128"},
                {"f8E4M3FN", "f8e4m3fn"},
                {"f8E4M3FNUZ", "f8e4m3fnuz"},
                {"f8E5M2", "f8e5m2"},
                {"f8E5M2FNUZ", "f8e5m2fnuz"},
                {"f4E2M1FN", "f4e2m1"},
                {"f6E2M3FN", "f6e2m3"},
                {"f6E3M2FN", "f6e3m2"},
                {"f8E8M0FNU", "f8e8m0"},
                {"f8E4M3", "f8e4m3"},
                {"f8E3M4", "f8e3m4"},
                {"f8E4M3B11FNUZ", "f8e4m3b11fnuz"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is(name, rows[i].mlir)) return sz_dtype_by_name(rows[i].ours);
    return 0;
}

// "!quant.uniform<i8:f32, 0.1:3>": what is stored.
static sz_dtype stored_dtype(sz_str text) {
    const char *open = text.len && text.p[0] == '!' ? memchr(text.p, '<', text.len) : NULL;
    uint32_t n = 0;
    if (!open) return shlo_dtype(text);
    const uint32_t left = text.len - (uint32_t)(open + 1 - text.p);
    while (n < left && shlo_is_word(open[1 + n])) n++;
    return shlo_dtype((sz_str){open + 1, n});
}

// ---- tensors -----------------------------------------------------------------------------------

static sz_type *new_type(shlo *x) { return sz_arena_alloc(x->root->arena, sizeof(sz_type)); }

// Digits or '?', then 'x'. *ret_there false: no dimension begins here.
static sz_status read_dim(shlo *x, int64_t *ret_dim, bool *ret_there) {
    size_t n = 0;
    int64_t v = 0;
    int c;
    SZ_TRY(shlo_peek(x, 0, &c));
    if (c == '?') {
        n = 1, v = SZ_DIM_UNKNOWN;
    } else {
        for (; c >= '0' && c <= '9' && n < SHLO_AHEAD; n++) {
            if (!sz_mul(v, 10, &v) || !sz_add(v, c - '0', &v))
                return shlo_fail(x, "a dimension exceeds 2^63");
            SZ_TRY(shlo_peek(x, n + 1, &c));
        }
    }
    SZ_TRY(shlo_peek(x, n, &c));
    *ret_there = n > 0 && c == 'x';
    *ret_dim = v;
    for (size_t k = 0; *ret_there && k <= n; k++) SZ_TRY(shlo_get(x, &c));
    return SZ_OK;
}

// After "tensor<".
static sz_status read_tensor(shlo *x, const sz_type **ret_type) {
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = 0;
    bool there = true;
    int c, next;
    sz_str text;
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    SZ_TRY(shlo_peek(x, 1, &next));
    if (c == '*' && next == 'x') {
        rank = -1;
        SZ_TRY(shlo_get(x, &c));
        SZ_TRY(shlo_get(x, &c));
    }
    while (rank >= 0) {
        int64_t dim = 0;
        SZ_TRY(read_dim(x, &dim, &there));
        if (!there) break;
        if (rank == SZ_MAX_RANK) return shlo_fail(x, "rank above the limit of %d", SZ_MAX_RANK);
        dims[rank++] = dim;
    }
    SZ_TRY(shlo_until(x, ",", &text));
    const sz_dtype dtype = stored_dtype(text);
    if (text.len == 0) return shlo_fail(x, "a tensor without a type of its elements");
    SZ_TRY(shlo_accept(x, ',', &there));
    if (there) SZ_TRY(shlo_until(x, "", &text)); // its encoding: bounds, sparsity
    SZ_TRY(shlo_expect(x, '>'));
    int64_t *own = sz_graph_dims(x->root, rank);
    sz_type *t = new_type(x);
    if (!t || !own) return sz_no_memory(x->ctx);
    if (rank > 0) memcpy(own, dims, (size_t)rank * sizeof *own);
    *t = sz_type_tensor(dtype, rank, own);
    *ret_type = t;
    return SZ_OK;
}

// ---- tuples and the rest -----------------------------------------------------------------------

const sz_type *shlo_tuple(shlo *x, size_t n, const sz_type *const *items) {
    sz_type *t = new_type(x);
    const sz_type **own = sz_arena_array(x->root->arena, n ? n : 1, sizeof *own);
    if (!t || !own) return NULL;
    if (n > 0) memcpy(own, items, n * sizeof *own);
    *t = (sz_type){.kind = SZ_TYPE_SEQUENCE, .rank = -1, .n_items = (int64_t)n, .items = own};
    return t;
}

static sz_status read_opaque(shlo *x, const sz_type **ret_type) {
    *ret_type = shlo_tuple(x, 0, NULL);
    return *ret_type ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status skip_brackets(shlo *x) {
    bool there;
    sz_str text;
    int c;
    SZ_TRY(shlo_peek(x, 0, &c));
    if (c != '<') return SZ_OK;
    SZ_TRY(shlo_accept(x, '<', &there));
    SZ_TRY(shlo_until(x, "", &text));
    return shlo_expect(x, '>');
}

static sz_status read_tuple(shlo *x, const sz_type **ret_type);

// A type that is no tuple: tuples in tuples are opaque, so nothing nests.
static sz_status read_plain(shlo *x, bool in_tuple, const sz_type **ret_type) {
    sz_str word;
    int c;
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    if (c == '!') {
        int32_t index;
        SZ_TRY(shlo_get(x, &c));
        SZ_TRY(shlo_word(x, &word));
        if (!sz_map_get(&x->aliases, word, &index)) {
            SZ_TRY(skip_brackets(x));
            return read_opaque(x, ret_type);
        }
        return shlo_fail(x, "the type '!%s' stands for another, which is not read: write it out",
                         sz_show(x->ctx, word));
    }
    SZ_TRY(shlo_word(x, &word));
    if (word.len == 0) return shlo_fail(x, "a type is expected here");
    const bool is_tensor = sz_str_is(word, "tensor"), is_tuple = sz_str_is(word, "tuple");
    SZ_TRY(shlo_peek(x, 0, &c));
    if ((is_tensor || (is_tuple && !in_tuple)) && c == '<') {
        SZ_TRY(shlo_get(x, &c));
        return is_tensor ? read_tensor(x, ret_type) : read_tuple(x, ret_type);
    }
    SZ_TRY(skip_brackets(x));
    return read_opaque(x, ret_type);
}

// After "tuple<".
static sz_status read_tuple(shlo *x, const sz_type **ret_type) {
    const size_t first = x->types.n;
    bool more;
    SZ_TRY(shlo_accept(x, '>', &more));
    for (more = !more; more;) {
        const sz_type *t;
        SZ_TRY(read_plain(x, true, &t));
        if (!sz_vec_push(x->ctx, &x->types, t)) return sz_no_memory(x->ctx);
        SZ_TRY(shlo_accept(x, ',', &more));
        if (!more) SZ_TRY(shlo_expect(x, '>'));
    }
    *ret_type = shlo_tuple(x, x->types.n - first, x->types.items + first);
    x->types.n = first;
    return *ret_type ? SZ_OK : sz_no_memory(x->ctx);
}

sz_status shlo_type(shlo *x, const sz_type **ret_type) { return read_plain(x, false, ret_type); }

// ---- signatures --------------------------------------------------------------------------------

static sz_status read_one(shlo *x, bool in_parens) {
    const sz_type *t;
    bool there;
    sz_str text;
    SZ_TRY(shlo_type(x, &t));
    if (!sz_vec_push(x->ctx, &x->types, t)) return sz_no_memory(x->ctx);
    if (!in_parens) return SZ_OK;
    SZ_TRY(shlo_accept(x, '{', &there)); // attributes of a result
    if (!there) return SZ_OK;
    SZ_TRY(shlo_until(x, "", &text));
    return shlo_expect(x, '}');
}

// Types with commas between, perhaps in parentheses.
static sz_status read_list(shlo *x) {
    bool parens, more = true, there;
    SZ_TRY(shlo_accept(x, '(', &parens));
    if (parens) {
        SZ_TRY(shlo_accept(x, ')', &there));
        if (there) return SZ_OK;
    }
    while (more) {
        SZ_TRY(read_one(x, parens));
        SZ_TRY(shlo_accept(x, ',', &more));
    }
    return parens ? shlo_expect(x, ')') : SZ_OK;
}

sz_status shlo_signature(shlo *x, shlo_op *op) {
    int c, next;
    op->has_types = true;
    x->types.n = op->first_type;
    SZ_TRY(read_list(x));
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    SZ_TRY(shlo_peek(x, 1, &next));
    if (c != '-' || next != '>') return SZ_OK;
    SZ_TRY(shlo_get(x, &c));
    SZ_TRY(shlo_get(x, &c));
    op->has_arrow = true;
    op->arrow = x->types.n;
    return read_list(x);
}
