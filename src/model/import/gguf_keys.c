// SPDX-License-Identifier: Apache-2.0
// The keys of a GGUF file: reading them, and what they say about the net.
#include "model/import/gguf.h"

#include "model/nets/llm_archs.h"
#include "model/nets/llm_check.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

static const struct {
    int bytes;
    bool is_signed, is_float;
} kinds[GGUF_KINDS] = {
    [GGUF_U8] = {1, false, false}, [GGUF_I8] = {1, true, false},    [GGUF_U16] = {2, false, false},
    [GGUF_I16] = {2, true, false}, [GGUF_U32] = {4, false, false},  [GGUF_I32] = {4, true, false},
    [GGUF_F32] = {4, false, true}, [GGUF_BOOL] = {1, false, false}, [GGUF_U64] = {8, false, false},
    [GGUF_I64] = {8, true, false}, [GGUF_F64] = {8, false, true}};

// ---- values ------------------------------------------------------------------------------------

static int64_t whole(gguf_kind kind, uint64_t bits) {
    const int n = kinds[kind].bytes * 8;
    if (!kinds[kind].is_signed) return bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
    const uint64_t sign = (uint64_t)1 << (n - 1);
    return n == 64 ? (int64_t)bits : (int64_t)((bits ^ sign) - sign);
}

static double real(gguf_kind kind, uint64_t bits) {
    double d;
    float f;
    const uint32_t half = (uint32_t)bits;
    if (kind == GGUF_F64) return memcpy(&d, &bits, sizeof d), d;
    return memcpy(&f, &half, sizeof f), (double)f;
}

static sz_status read_kind(gguf *x, gguf_kind *ret) {
    const uint64_t at = x->at;
    uint64_t kind;
    SZ_TRY(gguf_number(x, 4, &kind));
    if (kind >= GGUF_KINDS)
        return gguf_fail(x, at, "value type %" PRIu64 " is not known, 0 to %d are", kind,
                         GGUF_KINDS - 1);
    *ret = (gguf_kind)kind;
    return SZ_OK;
}

static sz_status read_scalar(gguf *x, gguf_kind kind, int64_t *ret_i, double *ret_f) {
    const uint64_t at = x->at;
    uint64_t bits;
    SZ_TRY(gguf_number(x, kinds[kind].bytes, &bits));
    if (kind == GGUF_BOOL && bits > 1)
        return gguf_fail(x, at, "a bool is %" PRIu64 ", neither 0 nor 1", bits);
    if (kinds[kind].is_float)
        *ret_f = real(kind, bits);
    else
        *ret_i = whole(kind, bits);
    return SZ_OK;
}

static sz_status read_text(gguf *x, sz_str *ret) {
    const uint64_t at = x->at;
    uint64_t len;
    SZ_TRY(gguf_size(x, &len));
    if (len > gguf_left(x))
        return gguf_fail(x, at, "a string of %" PRIu64 " bytes, but %" PRIu64 " are left", len,
                         gguf_left(x));
    if (len > SZ_GGUF_MAX_TEXT) return gguf_skip(x, len); // long texts are no names
    x->at = at;
    return gguf_string(x, "a string", SZ_GGUF_MAX_TEXT, ret);
}

static sz_status read_numbers(gguf *x, gguf_value *v) {
    int64_t *ints = sz_arena_array(x->arena, v->count ? (size_t)v->count : 1, sizeof *ints);
    double f;
    if (!ints) return sz_no_memory(x->ctx);
    for (int64_t i = 0; i < v->count; i++) SZ_TRY(read_scalar(x, v->of, &ints[i], &f));
    v->ints = ints;
    return SZ_OK;
}

// The head of an array: kind and number of its elements, which must fit into what is left.
static sz_status array_head(gguf *x, gguf_kind *ret_of, uint64_t *ret_n) {
    const uint64_t at = x->at;
    SZ_TRY(read_kind(x, ret_of));
    SZ_TRY(gguf_size(x, ret_n));
    const uint64_t least = *ret_of == GGUF_ARRAY    ? 12
                           : *ret_of == GGUF_STRING ? (x->version == 1 ? 4 : 8)
                                                    : (uint64_t)kinds[*ret_of].bytes;
    if (*ret_n > gguf_left(x) / least)
        return gguf_fail(x, at, "an array of %" PRIu64 " elements, but %" PRIu64 " bytes are left",
                         *ret_n, gguf_left(x));
    return SZ_OK;
}

// Arrays of arrays are walked with a stack of what is left of each.
static sz_status skip_arrays(gguf *x, uint64_t n) {
    uint64_t left[SZ_GGUF_MAX_NESTED];
    int depth = 0;
    left[0] = n;
    while (depth >= 0) {
        gguf_kind of;
        uint64_t count;
        if (left[depth] == 0) {
            depth--;
            continue;
        }
        left[depth]--;
        const uint64_t at = x->at;
        SZ_TRY(array_head(x, &of, &count));
        if (of == GGUF_STRING)
            SZ_TRY(gguf_skip_strings(x, count));
        else if (of != GGUF_ARRAY)
            SZ_TRY(gguf_skip(x, count * (uint64_t)kinds[of].bytes));
        else if (++depth < SZ_GGUF_MAX_NESTED)
            left[depth] = count;
        else
            return gguf_fail(x, at, "arrays are nested deeper than %d", SZ_GGUF_MAX_NESTED);
    }
    return SZ_OK;
}

static sz_status read_array(gguf *x, gguf_value *v) {
    uint64_t n;
    SZ_TRY(array_head(x, &v->of, &n));
    v->count = (int64_t)n; // at most the size of the file
    if (v->of == GGUF_STRING) return gguf_skip_strings(x, n);
    if (v->of == GGUF_ARRAY) return skip_arrays(x, n);
    if (n > SZ_GGUF_MAX_NUMBERS || kinds[v->of].is_float)
        return gguf_skip(x, n * (uint64_t)kinds[v->of].bytes);
    return read_numbers(x, v);
}

static sz_status read_value(gguf *x, gguf_value *v) {
    SZ_TRY(read_kind(x, &v->kind));
    if (v->kind == GGUF_STRING) return read_text(x, &v->text);
    if (v->kind == GGUF_ARRAY) return read_array(x, v);
    return read_scalar(x, v->kind, &v->i, &v->f);
}

// ---- keys --------------------------------------------------------------------------------------

static bool is_plain(sz_str key) {
    for (uint32_t i = 0; i < key.len; i++)
        if (key.p[i] <= ' ' || key.p[i] > '~') return false;
    return true;
}

static bool is_same(const gguf_value *a, const gguf_value *b) {
    return a->kind == b->kind && a->kind != GGUF_ARRAY && a->i == b->i &&
           memcmp(&a->f, &b->f, sizeof a->f) == 0 && sz_str_eq(a->text, b->text);
}

static sz_status keep(gguf *x, const gguf_value *v) {
    int32_t old;
    if (sz_map_get(&x->keys, v->key, &old)) {
        if (!is_same(v, &x->values.items[old]))
            return gguf_fail(x, v->at, "key '%s' is there twice, with two values",
                             sz_show(x->ctx, v->key));
        sz_warn(x->ctx, "key '%s' is there twice", sz_show(x->ctx, v->key));
        return SZ_OK;
    }
    if (!sz_vec_push(x->ctx, &x->values, *v)) return sz_no_memory(x->ctx);
    return sz_map_put(&x->keys, v->key, (int32_t)(x->values.n - 1));
}

// general.alignment holds for the shard at hand, all other keys for the model.
static sz_status set_alignment(gguf *x, const gguf_value *v) {
    if (!sz_str_is(v->key, "general.alignment")) return SZ_OK;
    if (v->kind != GGUF_U32)
        return gguf_fail(x, v->at, "general.alignment is no 32-bit number without sign");
    if (v->i < 8 || v->i > SZ_GGUF_MAX_ALIGNMENT || (v->i & (v->i - 1)) != 0)
        return gguf_fail(x, v->at,
                         "general.alignment is %" PRId64 ", a power of 2 from 8 to %d is "
                         "needed",
                         v->i, SZ_GGUF_MAX_ALIGNMENT);
    x->alignment = (uint64_t)v->i;
    return SZ_OK;
}

// What a later shard says of itself is what its name says.
static sz_status check_shard(gguf *x, const gguf_value *v) {
    const bool is_no = sz_str_is(v->key, "split.no");
    if (!x->is_later_shard || (!is_no && !sz_str_is(v->key, "split.count"))) return SZ_OK;
    const int64_t wanted = is_no ? x->shard : x->n_shards;
    if (gguf_is_whole(v) && v->i == wanted) return SZ_OK;
    return gguf_fail(x, v->at,
                     "%s is not %" PRId64 ", as the name and the first shard say: this is a shard "
                     "of another model, or has the name of another one",
                     is_no ? "split.no" : "split.count", wanted);
}

sz_status gguf_read_keys(gguf *x, uint64_t n) {
    for (uint64_t k = 0; k < n; k++) {
        gguf_value v = {.at = x->at};
        SZ_TRY(gguf_string(x, "a key", SZ_GGUF_MAX_KEY, &v.key));
        if (v.key.len == 0) return gguf_fail(x, v.at, "a key without a name");
        if (!is_plain(v.key))
            sz_warn(x->ctx, "key '%s' has letters that the format does not allow",
                    sz_show(x->ctx, v.key));
        SZ_TRY(read_value(x, &v));
        SZ_TRY(set_alignment(x, &v));
        SZ_TRY(check_shard(x, &v));
        if (!x->is_later_shard) SZ_TRY(keep(x, &v));
    }
    return SZ_OK;
}

const gguf_value *gguf_find(const gguf *x, const char *key) {
    int32_t i;
    return sz_map_get(&x->keys, sz_str_c(key), &i) ? &x->values.items[i] : NULL;
}

// ---- the net -----------------------------------------------------------------------------------

enum { NEEDED = 1, NOT_ZERO = 2 };

static const struct {
    const char *key; // behind the name of the architecture
    size_t field;    // of sz_llm
    int flags;
} fields[] = {
#define FIELD(key, name, flags)                                                                    \
    { key, offsetof(sz_llm, name), flags }
    FIELD("block_count", layers, NEEDED | NOT_ZERO),
    FIELD("embedding_length", hidden, NEEDED | NOT_ZERO),
    FIELD("context_length", context, NOT_ZERO),
    FIELD("feed_forward_length", ffn, 0),
    FIELD("attention.head_count", heads, NOT_ZERO),
    FIELD("attention.head_count_kv", kv_heads, NOT_ZERO),
    FIELD("attention.key_length", key_length, NOT_ZERO),
    FIELD("attention.value_length", value_length, NOT_ZERO),
    FIELD("attention.kv_lora_rank", kv_lora_rank, NOT_ZERO),
    FIELD("attention.q_lora_rank", q_lora_rank, 0),
    FIELD("attention.sliding_window", window, 0),
    FIELD("rope.dimension_count", rope_dim, 0),
    FIELD("vocab_size", vocab, NOT_ZERO),
    FIELD("expert_count", experts, 0),
    FIELD("expert_used_count", experts_used, 0),
    FIELD("expert_shared_count", experts_shared, 0),
    FIELD("expert_feed_forward_length", expert_ffn, 0),
    FIELD("leading_dense_block_count", leading_dense, 0),
    FIELD("ssm.conv_kernel", ssm_conv, 0),
    FIELD("ssm.inner_size", ssm_inner, 0),
    FIELD("ssm.state_size", ssm_state, 0),
    FIELD("ssm.time_step_rank", ssm_rank, 0),
    FIELD("ssm.group_count", ssm_groups, 0),
    FIELD("wkv.head_size", wkv_head, 0),
#undef FIELD
};

// "ARCH.NAME"; its value or NULL.
static const gguf_value *find_of(const gguf *x, const sz_llm *llm, const char *name) {
    char key[256];
    snprintf(key, sizeof key, "%.*s.%s", (int)llm->arch.len, llm->arch.p ? llm->arch.p : "", name);
    return gguf_find(x, key);
}

bool gguf_is_whole(const gguf_value *v) {
    return v->kind != GGUF_STRING && v->kind != GGUF_ARRAY && !kinds[v->kind].is_float;
}

static void read_field(gguf *x, sz_llm *llm, size_t row) {
    const gguf_value *v = find_of(x, llm, fields[row].key);
    const int64_t most = (int64_t)1 << 40;
    if (!v) {
        if (fields[row].flags & NEEDED && llm->arch.p)
            sz_warn(x->ctx, "key '%s.%s' is missing", sz_show(x->ctx, llm->arch), fields[row].key);
        return;
    }
    if (v->kind == GGUF_ARRAY && v->ints) return; // per block, see read_lists
    if (!gguf_is_whole(v))
        sz_warn(x->ctx, "key '%s' is no whole number: it is not used", sz_show(x->ctx, v->key));
    else if (v->i < 0 || v->i > most || (v->i == 0 && fields[row].flags & NOT_ZERO))
        sz_warn(x->ctx, "key '%s' is %" PRId64 ", which can't be: it is not used",
                sz_show(x->ctx, v->key), v->i);
    else
        *(int64_t *)((char *)llm + fields[row].field) = v->i;
}

static const int64_t *list_of(gguf *x, sz_checkpoint *cp, const char *name, int64_t *ret_n) {
    const gguf_value *v = find_of(x, &cp->llm, name);
    if (!v || v->kind != GGUF_ARRAY || !v->ints) return NULL;
    if (cp->llm.layers > 0 && v->count != cp->llm.layers)
        sz_warn(x->ctx, "key '%s' has %" PRId64 " numbers for %" PRId64 " blocks",
                sz_show(x->ctx, v->key), v->count, cp->llm.layers);
    int64_t *copy = sz_arena_array(&cp->arena, v->count ? (size_t)v->count : 1, sizeof *copy);
    for (int64_t i = 0; copy && i < v->count; i++) copy[i] = v->ints[i];
    if (!copy) cp->is_starved = true;
    *ret_n = copy ? v->count : 0;
    return copy;
}

static void read_lists(gguf *x, sz_checkpoint *cp) {
    sz_llm *llm = &cp->llm;
    int64_t n = 0;
    llm->heads_of = list_of(x, cp, "attention.head_count", &llm->n_heads_of);
    llm->kv_heads_of = list_of(x, cp, "attention.head_count_kv", &llm->n_kv_heads_of);
    const int64_t *windows = list_of(x, cp, "attention.sliding_window_pattern", &n);
    bool *copy = windows ? sz_arena_array(&cp->arena, n ? (size_t)n : 1, sizeof *copy) : NULL;
    for (int64_t i = 0; copy && i < n; i++) copy[i] = windows[i] != 0;
    if (windows && !copy) cp->is_starved = true;
    llm->windowed = copy;
    llm->n_windows = copy ? n : 0;
    const gguf_value *every = find_of(x, llm, "attention.sliding_window_pattern");
    if (every && gguf_is_whole(every) && every->i > 0) llm->window_every = every->i;
}

// The architecture, or what the other keys begin with where it is not said.
static void read_arch(gguf *x, sz_checkpoint *cp) {
    static const char end[] = ".block_count";
    const gguf_value *v = gguf_find(x, "general.architecture");
    if (v && v->kind == GGUF_STRING && v->text.len > 0 && v->text.len < 64 &&
        is_plain(v->text)) {
        cp->llm.arch = sz_checkpoint_text(cp, "%.*s", (int)v->text.len, v->text.p);
        return;
    }
    sz_warn(x->ctx, v ? "key 'general.architecture' is no name: the net is told from its tensors"
                      : "key 'general.architecture' is missing: the net is told from its tensors");
    for (size_t i = 0; i < x->values.n; i++) {
        const sz_str key = x->values.items[i].key;
        const uint32_t len = sizeof end - 1;
        if (key.len <= len || key.len > 64 || memcmp(key.p + key.len - len, end, len) != 0 ||
            !is_plain(key))
            continue;
        cp->llm.arch = sz_checkpoint_text(cp, "%.*s", (int)(key.len - len), key.p);
        return;
    }
}

static void check_floats(gguf *x) {
    for (size_t i = 0; i < x->values.n; i++) {
        const gguf_value *v = &x->values.items[i];
        if ((v->kind == GGUF_F32 || v->kind == GGUF_F64) && !isfinite(v->f))
            sz_warn(x->ctx, "key '%s' is not a finite number", sz_show(x->ctx, v->key));
    }
}

sz_status gguf_describe(gguf *x, sz_checkpoint *cp) {
    sz_llm *llm = &cp->llm;
    const gguf_value *softcap, *causal;
    read_arch(x, cp);
    sz_llm_by_arch(llm);
    if (llm->arch.p && !llm->is_known)
        sz_warn(x->ctx,
                "architecture '%s' is not known: activations, positions and windows are "
                "taken as Llama's",
                sz_show(x->ctx, llm->arch));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) read_field(x, llm, i);
    read_lists(x, cp);
    causal = find_of(x, llm, "attention.causal");
    if (causal && causal->kind == GGUF_BOOL && causal->i == 0 && !llm->is_encoder) {
        llm->is_encoder = true; // every token sees all: nothing is cached
        llm->has_head = sz_checkpoint_find(cp, "output.weight") != NULL;
    }
    softcap = find_of(x, llm, "attn_logit_softcapping");
    if (softcap && softcap->kind == GGUF_F32) llm->softcap = softcap->f;
    if (llm->experts_used > llm->experts)
        sz_warn(x->ctx, "%" PRId64 " of %" PRId64 " experts are used, which can't be",
                llm->experts_used, llm->experts);
    if (llm->heads > 0 && llm->kv_heads > llm->heads)
        sz_warn(x->ctx, "%" PRId64 " heads of keys for %" PRId64 " of queries, which can't be",
                llm->kv_heads, llm->heads);
    check_floats(x);
    llm->activations = sz_dtype_by_name("f32"); // llama.cpp computes in f32
    return SZ_OK;
}

// ---- against the weights -----------------------------------------------------------------------

static void compare_words(gguf *x, int64_t rows) {
    const gguf_value *words = gguf_find(x, "tokenizer.ggml.tokens");
    const gguf_value *scores = gguf_find(x, "tokenizer.ggml.scores");
    const int64_t n = words && words->kind == GGUF_ARRAY ? words->count : 0;
    if (n > 0 && rows > 0 && n != rows)
        sz_warn(x->ctx,
                "there are %" PRId64 " tokens, but the table of the embedding has %" PRId64
                " rows: the table is counted",
                n, rows);
    if (!scores) return;
    if (scores->kind != GGUF_ARRAY || scores->of != GGUF_F32)
        sz_warn(x->ctx, "key 'tokenizer.ggml.scores' holds no 32-bit floats");
    else if (n > 0 && scores->count != n)
        sz_warn(x->ctx, "%" PRId64 " tokens have %" PRId64 " scores", n, scores->count);
}

void gguf_compare(gguf *x, sz_checkpoint *cp) {
    static const sz_llm_words said = {.file = "",
                                      .layers = "block_count",
                                      .hidden = "embedding_length",
                                      .vocab = "vocab_size",
                                      .ffn = "feed_forward_length",
                                      .experts = "expert_count",
                                      .used = "expert_used_count"};
    const sz_weight *words = sz_checkpoint_find(cp, "token_embd.weight");
    sz_llm_check(cp, &said);
    compare_words(x, words && words->rank == 2 ? words->dims[0] : 0);
}
