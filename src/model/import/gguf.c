// SPDX-License-Identifier: Apache-2.0
// GGUF, versions 1 to 3, in one file or in shards: header to checkpoint to graph.
#include "model/import/gguf.h"

#include "model/import/import.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int sz_gguf_sniff(const unsigned char *head, size_t len) {
    return len >= 4 && memcmp(head, "GGUF", 4) == 0 ? 100 : 0;
}

// ---- tensors -----------------------------------------------------------------------------------

static sz_dtype dtype_of(uint64_t code) {
    static const struct {
        uint64_t code;
        const char *name;
    } rows[] = {
#define GGUF_TYPE(code, name) {code, #name},
#include "model/import/gguf_types.def"
#undef GGUF_TYPE
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code) return sz_dtype_by_name(rows[i].name);
    return 0;
}

static sz_status tensor_fail(gguf *x, const gguf_tensor *t, const char *fmt, ...) SZ_PRINTF(3, 4);
static sz_status tensor_fail(gguf *x, const gguf_tensor *t, const char *fmt, ...) {
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return gguf_fail(x, t->at, "tensor '%s': %s", sz_show(x->ctx, t->name), text);
}

// The file lists dimensions from the innermost to the outermost one.
static sz_status read_dims(gguf *x, gguf_tensor *t) {
    uint64_t rank, dim;
    SZ_TRY(gguf_number(x, 4, &rank));
    if (rank > SZ_GGUF_MAX_RANK)
        return tensor_fail(x, t, "%" PRIu64 " dimensions, the format allows %d", rank,
                           SZ_GGUF_MAX_RANK);
    int64_t *dims = sz_arena_array(x->arena, rank ? (size_t)rank : 1, sizeof *dims);
    if (!dims) return sz_no_memory(x->ctx);
    for (int32_t i = (int32_t)rank - 1; i >= 0; i--) {
        SZ_TRY(gguf_size(x, &dim));
        if (dim > INT64_MAX)
            return tensor_fail(x, t, "a dimension is %" PRIu64 ", beyond 2^63", dim);
        dims[i] = (int64_t)dim;
    }
    t->rank = (int32_t)rank;
    t->dims = dims;
    return SZ_OK;
}

static sz_status measure(gguf *x, gguf_tensor *t) {
    const sz_dtype_info *d = sz_dtype_get(t->dtype);
    int64_t n = 1;
    for (int32_t i = 0; i < t->rank; i++)
        if (!sz_mul(n, t->dims[i], &n)) return tensor_fail(x, t, "its elements exceed 2^63");
    const int64_t row = t->rank > 0 ? t->dims[t->rank - 1] : 1;
    if (row % d->block_elements != 0)
        return tensor_fail(x, t, "rows of %" PRId64 " elements are no whole blocks of %d (%s)", row,
                           d->block_elements, d->name);
    const int64_t bytes = sz_dtype_bytes(t->dtype, n);
    if (bytes < 0) return tensor_fail(x, t, "its bytes exceed 2^63");
    t->bytes = (uint64_t)bytes;
    return SZ_OK;
}

static sz_status read_tensor(gguf *x, gguf_tensor *t) {
    uint64_t type;
    t->at = x->at;
    SZ_TRY(gguf_string(x, "a tensor's name", SZ_GGUF_MAX_NAME, &t->name));
    if (t->name.len == 0) sz_warn(x->ctx, "a tensor has no name");
    if (sz_map_get(&x->names, t->name, NULL)) return tensor_fail(x, t, "is there twice");
    SZ_TRY(sz_map_put(&x->names, t->name, 1));
    SZ_TRY(read_dims(x, t));
    SZ_TRY(gguf_number(x, 4, &type));
    SZ_TRY(gguf_number(x, 8, &t->offset));
    t->dtype = dtype_of(type);
    if (!t->dtype)
        return tensor_fail(x, t, "type %" PRIu64 " is not known, or was removed from the format",
                           type);
    return measure(x, t);
}

// ---- layout ------------------------------------------------------------------------------------

static int by_offset(const void *a, const void *b) {
    const gguf_tensor *s = *(gguf_tensor *const *)a, *t = *(gguf_tensor *const *)b;
    if (s->offset != t->offset) return s->offset < t->offset ? -1 : 1;
    return s->at < t->at ? -1 : s->at > t->at;
}

static uint64_t align(const gguf *x, uint64_t n) {
    return n + (x->alignment - n % x->alignment) % x->alignment;
}

// Blocks of q8_1 had 40 bytes before they had 36: the place of the next tensor tells.
static void widen(gguf *x, gguf_tensor *t, uint64_t next) {
    if (t->dtype != sz_dtype_by_name("q8_1")) return;
    const uint64_t wide = t->bytes / 36 * 40;
    if (align(x, t->bytes) == next - t->offset || align(x, wide) != next - t->offset) return;
    t->dtype = sz_dtype_by_name("q8_1_f32");
    t->bytes = wide;
}

// `t` in order of place; what lies behind t[i] starts at t[i + 1], or the data end.
static sz_status check_order(gguf *x, gguf_tensor **t, size_t n, uint64_t data) {
    uint64_t end = 0;
    for (size_t i = 0; i < n; i++) {
        widen(x, t[i], i + 1 < n ? t[i + 1]->offset : data);
        if (t[i]->offset < end)
            sz_warn(x->ctx, "tensor '%s' shares bytes with the one before it",
                    sz_show(x->ctx, t[i]->name));
        else if (t[i]->offset > align(x, end))
            sz_warn(x->ctx, "%" PRIu64 " bytes before tensor '%s' belong to no tensor",
                    t[i]->offset - end, sz_show(x->ctx, t[i]->name));
        if (t[i]->offset + t[i]->bytes > end) end = t[i]->offset + t[i]->bytes;
    }
    if (data > align(x, end))
        sz_warn(x->ctx, "%" PRIu64 " bytes follow the last tensor", data - end);
    return SZ_OK;
}

// Every tensor lies inside the file.
static sz_status check_places(gguf *x, uint64_t start, uint64_t data) {
    for (size_t i = 0; i < x->tensors.n; i++) {
        const gguf_tensor *t = &x->tensors.items[i];
        if (t->offset % x->alignment != 0)
            return tensor_fail(x, t, "offset %" PRIu64 " is no multiple of the alignment, %" PRIu64,
                               t->offset, x->alignment);
        if (sz_in_range(t->offset, t->bytes, data)) continue;
        uint64_t end = start;
        const bool fits = !__builtin_add_overflow(end, t->offset, &end) &&
                          !__builtin_add_overflow(end, t->bytes, &end);
        if (data == 0 && fits)
            return tensor_fail(x, t,
                               "the weights are not in the file: this is its header only; "
                               "'truncate -s SIZE' makes a copy of it as long as the whole file");
        return tensor_fail(x, t,
                           "%" PRIu64 " bytes at %" PRIu64 " lie outside of the data, which "
                           "has %" PRIu64 " (is the file cut off?)",
                           t->bytes, t->offset, data);
    }
    return SZ_OK;
}

static sz_status check_layout(gguf *x) {
    const uint64_t start = align(x, x->at), size = x->source->size;
    const uint64_t data = size > start ? size - start : 0;
    const size_t n = x->tensors.n;
    SZ_TRY(check_places(x, start, data));
    gguf_tensor **order = sz_alloc(x->ctx, (n ? n : 1) * sizeof *order);
    if (!order) return sz_no_memory(x->ctx);
    for (size_t i = 0; i < n; i++) order[i] = &x->tensors.items[i];
    if (n) qsort(order, n, sizeof *order, by_offset);
    const sz_status status = check_order(x, order, n, data);
    sz_free(x->ctx, order, (n ? n : 1) * sizeof *order);
    return status;
}

// ---- roles -------------------------------------------------------------------------------------

// Until 2024 experts were stored one by one: "blk.0.ffn_up.7.weight" is one of "ffn_up_exps".
static bool is_expert(sz_checkpoint *cp, sz_str name, sz_str *ret_role) {
    static const char *const parts[] = {".ffn_gate.", ".ffn_up.", ".ffn_down."};
    static const char end[] = ".weight";
    const uint32_t tail = sizeof end - 1;
    if (name.len <= tail || memcmp(name.p + name.len - tail, end, tail) != 0) return false;
    uint32_t at = name.len - tail;
    const uint32_t behind = at;
    while (at > 0 && name.p[at - 1] >= '0' && name.p[at - 1] <= '9') at--;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && at < behind; i++) {
        const uint32_t len = (uint32_t)strlen(parts[i]);
        if (at <= len || memcmp(name.p + at - len, parts[i], len) != 0) continue;
        *ret_role = sz_checkpoint_text(cp, "%.*s_exps%s", (int)(at - 1), name.p, end);
        return true;
    }
    return false;
}

// T5's output of attention is "attn_o" in GGUF, that of all others "attn_output".
static sz_str role_of(sz_checkpoint *cp, sz_str name) {
    static const char end[] = "attn_o.weight";
    const uint32_t tail = sizeof end - 1;
    if (name.len <= tail || memcmp(name.p + name.len - tail, end, tail) != 0) return name;
    return sz_checkpoint_text(cp, "%.*sattn_output.weight", (int)(name.len - tail), name.p);
}

// Weights of the net are called by their role already. Tables of angles are counted as weights,
// for they are stored as such.
static sz_status take_tensors(gguf *x, sz_checkpoint *cp) {
    for (size_t i = 0; i < x->tensors.n; i++) {
        const gguf_tensor *t = &x->tensors.items[i];
        sz_weight w = {.name = t->name,
                       .role = t->name,
                       .dtype = t->dtype,
                       .rank = t->rank,
                       .dims = t->dims,
                       .scales = SZ_NONE,
                       .next_scale = SZ_NONE,
                       .value = SZ_NONE};
        bool added = false;
        if (is_expert(cp, t->name, &w.role)) SZ_TRY(sz_checkpoint_add_expert(cp, &w, &added));
        if (added) continue;
        w.role = role_of(cp, t->name);
        SZ_TRY(sz_checkpoint_add(cp, &w));
    }
    x->n_tensors += (int64_t)x->tensors.n;
    return SZ_OK;
}

// ---- files -------------------------------------------------------------------------------------

static sz_status read_file(gguf *x, sz_source *source, sz_checkpoint *cp) {
    uint64_t n_tensors, n_keys;
    SZ_TRY(gguf_open(x, source));
    const uint64_t at = x->at;
    SZ_TRY(gguf_size(x, &n_tensors));
    SZ_TRY(gguf_size(x, &n_keys));
    // a key takes at least 4 + 1 + 4 + 1 bytes, a tensor 4 + 4 + 4 + 8
    if (n_keys > gguf_left(x) / 10)
        return gguf_fail(x, at, "%" PRIu64 " keys do not fit into the file", n_keys);
    if (n_tensors > gguf_left(x) / 20)
        return gguf_fail(x, at, "%" PRIu64 " tensors do not fit into the file", n_tensors);
    x->alignment = 32;
    x->tensors.n = 0;
    SZ_TRY(gguf_read_keys(x, n_keys));
    for (uint64_t i = 0; i < n_tensors; i++) {
        gguf_tensor t = {0};
        SZ_TRY(read_tensor(x, &t));
        if (!sz_vec_push(x->ctx, &x->tensors, t)) return sz_no_memory(x->ctx);
    }
    SZ_TRY(check_layout(x));
    return take_tensors(x, cp);
}

// "net-00001-of-00003.gguf": where in the name the number of the shard stands.
static const char *shard_number(const char *name, int64_t count) {
    char end[32];
    const size_t len = strlen(name);
    const int n = snprintf(end, sizeof end, "-of-%05" PRId64 ".gguf", count);
    if (n < 0 || len < (size_t)n + 6 || strcmp(name + len - n, end) != 0) return NULL;
    const char *at = name + len - n - 5;
    return at[-1] == '-' ? at : NULL;
}

static sz_status read_shard(gguf *x, sz_source *main_, const char *at, int64_t k, sz_checkpoint *cp,
                            bool *ret_found) {
    const char *slash = strrchr(main_->name, '/'), *base = slash ? slash + 1 : main_->name;
    char name[SZ_MAX_SIDE_NAME + 1];
    sz_source *side = NULL;
    const int n = snprintf(name, sizeof name, "%.*s%05" PRId64 "%s", (int)(at - base), base, k + 1,
                           at + 5);
    if (n < 0 || (size_t)n >= sizeof name) return SZ_OK;
    SZ_TRY(main_->sibling(main_, x->ctx, sz_str_c(name), &side));
    if (!side) return SZ_OK;
    *ret_found = true;
    x->shard = k;
    const sz_status status = read_file(x, side, cp);
    return status == SZ_OK
               ? SZ_OK
               : sz_place(x->ctx, status, "shard '%s'", sz_show(x->ctx, sz_str_c(name)));
}

// The other shards; where they are not beside this one, the totals are said to be partial.
static sz_status read_shards(gguf *x, sz_source *main_, sz_checkpoint *cp) {
    const gguf_value *count = gguf_find(x, "split.count"), *no = gguf_find(x, "split.no");
    const gguf_value *all = gguf_find(x, "split.tensors.count");
    int64_t missing = 0;
    if (!count) return SZ_OK;
    if (!gguf_is_whole(count) || (no && !gguf_is_whole(no)))
        return gguf_fail(x, count->at, "split.count or split.no is no whole number");
    if (count->i > SZ_GGUF_MAX_SHARDS)
        return gguf_fail(x, count->at, "split.count is %" PRId64 ", the limit is %d", count->i,
                         SZ_GGUF_MAX_SHARDS);
    if (count->i < 1 || (no && (no->i < 0 || no->i >= count->i)))
        return gguf_fail(x, count->at, "shard %" PRId64 " of %" PRId64 " can't be",
                         no ? no->i + 1 : 1, count->i);
    const int64_t own = no ? no->i : 0;
    const char *at = shard_number(main_->name, count->i);
    x->is_later_shard = true;
    x->n_shards = count->i;
    for (int64_t k = 0; k < count->i; k++) {
        bool found = k == own;
        if (!found && at) SZ_TRY(read_shard(x, main_, at, k, cp, &found));
        missing += !found;
    }
    if (missing)
        sz_warn(x->ctx, "%" PRId64 " of %" PRId64 " shards are not there: all totals are partial",
                missing, count->i);
    else if (all && all->i != x->n_tensors)
        sz_warn(x->ctx,
                "split.tensors.count is %" PRId64 ", but the shards have %" PRId64 " tensors",
                all->i, x->n_tensors);
    return SZ_OK;
}

// ---- the graph ---------------------------------------------------------------------------------

static sz_status build(gguf *x, sz_checkpoint *cp, sz_graph *g) {
    const gguf_value *name = gguf_find(x, "general.name");
    x->arena = &cp->arena;
    SZ_TRY(read_file(x, g->source, cp));
    SZ_TRY(read_shards(x, g->source, cp));
    SZ_TRY(gguf_describe(x, cp));
    gguf_compare(x, cp);
    if (x->n_tensors == 0) sz_warn(x->ctx, "the file has no tensors: all totals are 0");
    g->format = sz_str_c("gguf");
    name = gguf_find(x, "general.name");
    if (name && name->text.p) {
        const char *copy = sz_arena_strdup(g->arena, name->text.p, name->text.len);
        if (!copy) return sz_no_memory(x->ctx);
        g->name = (sz_str){copy, name->text.len};
    }
    g->header_bytes = x->fetched;
    return sz_llm_build(cp, g);
}

sz_status sz_gguf_read(sz_ctx *ctx, sz_source *source, sz_graph **ret_graph) {
    gguf x = {.ctx = ctx, .memory_base = sz_ctx_memory_used(ctx)};
    sz_checkpoint cp;
    sz_graph *g = NULL;
    SZ_TRY(sz_graph_create(ctx, &g));
    sz_checkpoint_init(&cp, ctx);
    sz_map_init(&x.keys, ctx);
    sz_map_init(&x.names, ctx);
    x.window = sz_alloc(ctx, SZ_GGUF_WINDOW);
    g->source = source;
    sz_status status = x.window ? build(&x, &cp, g) : sz_no_memory(ctx);
    g->source = NULL; // the caller hands it over
    sz_free(ctx, x.window, SZ_GGUF_WINDOW);
    sz_vec_finish(ctx, &x.values);
    sz_vec_finish(ctx, &x.tensors);
    sz_map_finish(&x.keys);
    sz_map_finish(&x.names);
    sz_checkpoint_finish(&cp);
    if (status != SZ_OK)
        sz_graph_destroy(g);
    else
        *ret_graph = g;
    return status;
}
