// SPDX-License-Identifier: Apache-2.0
// One safetensors file: 8 bytes with the length of the header, the header as JSON, the data.
#include "model/import/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>

static sz_dtype dtype_of(sz_str name) {
    static const char *const rows[][2] = {{"F64", "f64"},
                                          {"F32", "f32"},
                                          {"F16", "f16"},
                                          {"BF16", "bf16"},
                                          {"F8_E4M3", "f8e4m3fn"},
                                          {"F8_E5M2", "f8e5m2"},
                                          {"F8_E4M3FNUZ", "f8e4m3fnuz"},
                                          {"F8_E5M2FNUZ", "f8e5m2fnuz"},
                                          {"F8_E8M0", "f8e8m0"},
                                          {"F6_E2M3", "f6e2m3"},
                                          {"F6_E3M2", "f6e3m2"},
                                          {"F4", "f4e2m1"},
                                          {"I64", "i64"},
                                          {"I32", "i32"},
                                          {"I16", "i16"},
                                          {"I8", "i8"},
                                          {"U64", "u64"},
                                          {"U32", "u32"},
                                          {"U16", "u16"},
                                          {"U8", "u8"},
                                          {"BOOL", "bool"},
                                          {"C64", "c64"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is(name, rows[i][0])) return sz_dtype_by_name(rows[i][1]);
    return 0;
}

static sz_status entry_fail(st *x, const sz_jtree_node *n, const char *what) {
    return st_fail(x, n->at, "tensor '%s': %s", sz_show(x->ctx, n->key), what);
}

static sz_status read_shape(st *x, const sz_jtree *j, const sz_jtree_node *entry, st_tensor *t) {
    const sz_jtree_node *shape = sz_jtree_get(j, entry, "shape");
    if (!shape || shape->kind != SZ_JTREE_LIST)
        return entry_fail(x, entry, "it has no list 'shape'");
    if (shape->n > SZ_MAX_RANK) return entry_fail(x, entry, "it has too many dimensions");
    int64_t *dims = sz_arena_array(&x->cp->arena, shape->n ? shape->n : 1, sizeof *dims);
    if (!dims) return sz_no_memory(x->ctx);
    for (const sz_jtree_node *d = sz_jtree_first(j, shape); d; d = sz_jtree_next(j, d))
        if (!sz_jtree_size(d, &dims[t->rank++]))
            return entry_fail(x, entry, "a dimension is no whole number from 0 to 2^63");
    t->dims = dims;
    return SZ_OK;
}

static sz_status read_offsets(st *x, const sz_jtree *j, const sz_jtree_node *entry, st_tensor *t) {
    const sz_jtree_node *list = sz_jtree_get(j, entry, "data_offsets");
    int64_t from, to;
    if (!list || list->kind != SZ_JTREE_LIST || list->n != 2)
        return entry_fail(x, entry, "it has no pair 'data_offsets'");
    const sz_jtree_node *first = sz_jtree_first(j, list);
    if (!sz_jtree_size(first, &from) || !sz_jtree_size(sz_jtree_next(j, first), &to) || to < from)
        return entry_fail(x, entry, "its data_offsets are no pair of rising offsets");
    t->begin = (uint64_t)from;
    t->end = (uint64_t)to;
    return SZ_OK;
}

// The bytes that dtype and shape ask for are those that the offsets give.
static sz_status check_size(st *x, const sz_jtree_node *entry, const st_tensor *t) {
    const int bits = sz_dtype_get(t->dtype)->bits;
    int64_t n = 1;
    for (int32_t i = 0; i < t->rank; i++)
        if (!sz_mul(n, t->dims[i], &n)) return entry_fail(x, entry, "its elements exceed 2^63");
    if (bits % 8 != 0 && n % 8 * bits % 8 != 0)
        return entry_fail(x, entry, "its elements do not fill whole bytes");
    const int64_t bytes = sz_dtype_bytes(t->dtype, n);
    if (bytes < 0) return entry_fail(x, entry, "its bytes exceed 2^63");
    if ((uint64_t)bytes == t->end - t->begin) return SZ_OK;
    return st_fail(x, entry->at,
                   "tensor '%s': its shape asks for %" PRId64 " bytes, its offsets "
                   "give %" PRIu64,
                   sz_show(x->ctx, entry->key), bytes, t->end - t->begin);
}

static sz_status read_entry(st *x, const sz_jtree *j, const sz_jtree_node *entry) {
    st_tensor t = {.shard = (int32_t)x->shards.n - 1, .at = entry->at};
    if (entry->kind != SZ_JTREE_MAP) return entry_fail(x, entry, "it is no map");
    const sz_jtree_node *dtype = sz_jtree_get(j, entry, "dtype");
    t.dtype = dtype && dtype->kind == SZ_JTREE_TEXT ? dtype_of(dtype->text) : 0;
    if (!t.dtype) return entry_fail(x, entry, "its dtype is missing or not known");
    SZ_TRY(read_shape(x, j, entry, &t));
    SZ_TRY(read_offsets(x, j, entry, &t));
    SZ_TRY(check_size(x, entry, &t));
    if (entry->n > 3)
        sz_warn(x->ctx, "tensor '%s' has a key that is not known", sz_show(x->ctx, entry->key));
    if (sz_map_get(&x->names, entry->key, NULL))
        return entry_fail(x, entry, "a tensor of that name is there already");
    const char *copy = sz_arena_strdup(&x->cp->arena, entry->key.p, entry->key.len);
    if (!copy || !sz_vec_room(x->ctx, &x->tensors)) return sz_no_memory(x->ctx);
    t.name = (sz_str){copy, entry->key.len};
    x->tensors.items[x->tensors.n++] = t;
    return sz_map_put(&x->names, t.name, (int32_t)(x->tensors.n - 1));
}

static sz_status check_metadata(st *x, const sz_jtree *j, const sz_jtree_node *meta) {
    if (meta->kind != SZ_JTREE_MAP) return st_fail(x, meta->at, "__metadata__ is no map");
    for (const sz_jtree_node *m = sz_jtree_first(j, meta); m; m = sz_jtree_next(j, m))
        if (m->kind != SZ_JTREE_TEXT)
            return st_fail(x, m->at, "__metadata__: the value of '%s' is no text",
                           sz_show(x->ctx, m->key));
    return SZ_OK;
}

// ---- layout ------------------------------------------------------------------------------------

static int by_place(const void *a, const void *b) {
    const st_tensor *s = *(st_tensor *const *)a, *t = *(st_tensor *const *)b;
    if (s->begin != t->begin) return s->begin < t->begin ? -1 : 1;
    return s->end < t->end ? -1 : s->end > t->end;
}

// Each byte of the data belongs to one tensor.
static sz_status check_order(st *x, st_tensor **t, size_t n, uint64_t data) {
    uint64_t end = 0;
    for (size_t i = 0; i < n; i++) {
        if (t[i]->begin != end)
            return st_fail(x, t[i]->at,
                           "tensor '%s' begins at %" PRIu64 ", but %" PRIu64 " bytes lie before it",
                           sz_show(x->ctx, t[i]->name), t[i]->begin, end);
        end = t[i]->end;
    }
    if (end == data) return SZ_OK;
    if (data == 0)
        return st_fail(x, 0,
                       "the weights are not in the file: this is its header only, of a file "
                       "whose data has %" PRIu64 " bytes; 'truncate -s +%" PRIu64
                       "' makes a copy of "
                       "it as long",
                       end, end);
    return st_fail(x, 0, "the tensors have %" PRIu64 " bytes, the file has %" PRIu64 " for them%s",
                   end, data, data < end ? " (is it cut off?)" : "");
}

static sz_status check_layout(st *x, size_t first, uint64_t data) {
    const size_t n = x->tensors.n - first;
    st_tensor **order = sz_alloc(x->ctx, (n ? n : 1) * sizeof *order);
    if (!order) return sz_no_memory(x->ctx);
    for (size_t i = 0; i < n; i++) order[i] = &x->tensors.items[first + i];
    if (n) qsort(order, n, sizeof *order, by_place);
    const sz_status status = check_order(x, order, n, data);
    sz_free(x->ctx, order, (n ? n : 1) * sizeof *order);
    return status;
}

// ---- the file ----------------------------------------------------------------------------------

static sz_status read_member(void *with, const sz_jtree *j) {
    st *x = with;
    const sz_jtree_node *m = &j->nodes.items[0];
    if (!sz_str_is(m->key, "__metadata__")) return read_entry(x, j, m);
    if (x->has_metadata) return st_fail(x, m->at, "key '__metadata__' is there twice");
    x->has_metadata = true;
    return check_metadata(x, j, m);
}

static sz_status read_header(st *x, sz_jtree *j, uint64_t data) {
    const size_t first = x->tensors.n;
    x->has_metadata = false;
    if (j->text[0] != '{') return st_fail(x, j->base, "the header does not begin with '{'");
    SZ_TRY(sz_jtree_each(j, read_member, x));
    return check_layout(x, first, data);
}

sz_status st_read_shard(st *x, sz_source *source, const char *name) {
    unsigned char head[8];
    uint64_t n = 0;
    sz_jtree j = {.ctx = x->ctx};
    char *text;
    if (source->size < sizeof head)
        return st_fail(x, 0, "the file is shorter than its first number");
    SZ_TRY(source->read(source, x->ctx, 0, head, sizeof head));
    for (int i = 7; i >= 0; i--) n = n << 8 | head[i];
    if (n > source->size - sizeof head || n < 2)
        return st_fail(x, 0, "a header of %" PRIu64 " bytes in a file of %" PRIu64, n,
                       source->size);
    if (n > SZ_ST_MAX_HEADER)
        return st_fail(x, 0, "a header of %" PRIu64 " bytes, the limit is %d", n, SZ_ST_MAX_HEADER);
    const sz_str copy = sz_checkpoint_text(x->cp, "%s", name);
    if (!copy.p || !sz_vec_push(x->ctx, &x->shards, copy)) return sz_no_memory(x->ctx);
    SZ_TRY(st_read_text(x, source, sizeof head, n, &text));
    j = (sz_jtree){.ctx = x->ctx,
                   .arena = &x->cp->arena,
                   .text = text,
                   .len = (size_t)n,
                   .base = sizeof head};
    const sz_status status = read_header(x, &j, source->size - sizeof head - n);
    sz_jtree_finish(&j);
    sz_free(x->ctx, text, (size_t)n);
    return status;
}
