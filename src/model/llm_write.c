// SPDX-License-Identifier: Apache-2.0
// A language model from hyper-parameters alone, written as GGUF: its weights are those that
// nets/llm_weights.def says such a net has.
#include <sizeup/llm_write.h>

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/record.h"
#include "model/export/gguf.h"
#include "model/nets/llm_archs.h"
#include "model/nets/llm_weights.h"

enum { FUSED_QKV = 1, FUSED_UP = 2, LAYER_NORM = 4, TIED = 8 };

static const struct writable {
    const char *name;
    int flags;
} writables[] = {
#define WRITABLE(name, flags) {#name, flags},
#include "model/llm_write.def"
#undef WRITABLE
};
enum { WRITABLES = sizeof writables / sizeof *writables };

static const struct word {
    const char *name;
    size_t field; // of sz_llm
    const char *key, *what;
} words[] = {
#define WORD(name, field, key, what) {#name, offsetof(sz_llm, field), key, what},
#include "model/llm_write_words.def"
#undef WORD
};
enum { WORDS = sizeof words / sizeof *words, MAX_KEYS = WORDS + 12, MAX_SIZE = 1 << 24 };

int sz_list_llm_word(size_t i, sz_llm_word_row *row) {
    if (i >= WORDS) return 0;
    *row = (sz_llm_word_row){words[i].name, words[i].what};
    return 1;
}

const char *sz_list_llm_writable(size_t i) { return i < WRITABLES ? writables[i].name : NULL; }

SZ_RECORD_TYPE(llm_written, SZ_LLM_WRITTEN_FIELDS)

typedef struct writer {
    sz_ctx *ctx;
    const sz_llm_design *design;
    const struct writable *arch;
    sz_checkpoint cp;
    sz_dtype type;
    SZ_VEC(sz_gguf_out) tensors;
    sz_gguf_key keys[MAX_KEYS];
    size_t n_keys;
} writer;

// ---- words -------------------------------------------------------------------------------------

static sz_status unknown_word(const writer *w, const char *text, size_t n) {
    const char *names[WORDS + 1] = {NULL};
    char own[64];
    for (size_t i = 0; i < WORDS; i++) names[i] = words[i].name;
    snprintf(own, sizeof own, "%.*s", (int)(n < 63 ? n : 63), text);
    const char *near = sz_text_nearest(own, names);
    return sz_fail(w->ctx, SZ_ERR_USAGE,
                   "a language model has no '%s'%s%s%s; words are NAME=NUMBER",
                   sz_show(w->ctx, sz_str_c(own)), near ? ": did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

static sz_status set_word(writer *w, const char *text) {
    const size_t n = strcspn(text, "=");
    char *end;
    for (size_t i = 0; i < WORDS; i++) {
        if (strlen(words[i].name) != n || memcmp(words[i].name, text, n) != 0 || !text[n]) continue;
        const long long v = strtoll(text + n + 1, &end, 10);
        const bool is_tied = words[i].field == offsetof(sz_llm, is_tied);
        if (end == text + n + 1 || *end || v < 0 || v > (is_tied ? 1 : MAX_SIZE))
            return sz_fail(w->ctx, SZ_ERR_USAGE, "'%s' is no number from 0 to %d",
                           sz_show(w->ctx, sz_str_c(text)), is_tied ? 1 : MAX_SIZE);
        if (is_tied)
            w->cp.llm.is_tied = v != 0;
        else
            *(int64_t *)((char *)&w->cp.llm + words[i].field) = v;
        return SZ_OK;
    }
    return unknown_word(w, text, n);
}

// ---- the architecture --------------------------------------------------------------------------

static sz_status find_arch(writer *w) {
    const char *given = w->design->arch ? w->design->arch : "";
    const char *arch = sz_llm_arch_of(sz_str_c(given));
    const char *names[WRITABLES + 1] = {NULL};
    sz_buf all;
    for (size_t i = 0; i < WRITABLES; i++) {
        names[i] = writables[i].name;
        if (strcmp(names[i], given) == 0 || (arch && strcmp(names[i], arch) == 0))
            w->arch = &writables[i];
    }
    if (w->arch) return SZ_OK;
    sz_buf_init(&all, w->ctx);
    for (size_t i = 0; i < WRITABLES; i++) sz_buf_printf(&all, i ? ", %s" : "%s", names[i]);
    const sz_status status = sz_fail(w->ctx, SZ_ERR_USAGE,
                                     "architecture '%s' can't be written; these can: %.*s",
                                     sz_show(w->ctx, sz_str_c(given)), (int)all.size, all.data);
    sz_buf_finish(&all);
    return status;
}

static sz_status find_type(writer *w) {
    const char *given = w->design->type ? w->design->type : "f16";
    sz_buf all;
    w->type = sz_dtype_by_name(given);
    if (w->type && sz_noise_knows(w->type)) return SZ_OK;
    sz_buf_init(&all, w->ctx);
    sz_noise_names(&all, ", ");
    const sz_status status = sz_fail(w->ctx, SZ_ERR_USAGE,
                                     "no weights are written in '%s'; they are in: %.*s",
                                     sz_show(w->ctx, sz_str_c(given)), (int)all.size, all.data);
    sz_buf_finish(&all);
    return status;
}

static void usual(int64_t *field, int64_t value) {
    if (*field <= 0) *field = value;
}

// What was not said.
static sz_status complete(writer *w) {
    sz_llm *d = &w->cp.llm;
    const struct {
        const char *name;
        int64_t value;
    } needed[] = {
        {"layers", d->layers}, {"hidden", d->hidden}, {"heads", d->heads}, {"ffn", d->ffn}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (needed[i].value <= 0)
            return sz_fail(w->ctx, SZ_ERR_USAGE, "'%s' is missing: %s=NUMBER", needed[i].name,
                           needed[i].name);
    if (d->key_length <= 0 && d->hidden % d->heads)
        return sz_fail(w->ctx, SZ_ERR_USAGE,
                       "%" PRId64 " heads do not divide hidden=%" PRId64 ": say head_dim=NUMBER",
                       d->heads, d->hidden);
    usual(&d->kv_heads, d->heads);
    usual(&d->key_length, d->hidden / d->heads);
    usual(&d->vocab, 32000);
    usual(&d->context, 4096);
    if (d->experts > 0) usual(&d->experts_used, d->experts < 2 ? d->experts : 2);
    if (d->experts > 0) usual(&d->expert_ffn, d->ffn);
    d->value_length = d->key_length;
    d->rope_dim = d->has_rope ? d->key_length : 0;
    d->is_tied = d->is_tied || w->arch->flags & TIED;
    if (d->heads % d->kv_heads)
        return sz_fail(w->ctx, SZ_ERR_USAGE, "kv_heads=%" PRId64 " do not divide heads=%" PRId64,
                       d->kv_heads, d->heads);
    if (d->key_length % 2)
        return sz_fail(w->ctx, SZ_ERR_USAGE,
                       "heads of %" PRId64
                       " numbers can't be turned in pairs: say an even head_dim",
                       d->key_length);
    if (d->experts_used > d->experts)
        return sz_fail(w->ctx, SZ_ERR_USAGE, "experts_used=%" PRId64 " of experts=%" PRId64,
                       d->experts_used, d->experts);
    return SZ_OK;
}

static sz_status describe(writer *w) {
    sz_llm *d = &w->cp.llm;
    SZ_TRY(find_arch(w));
    SZ_TRY(find_type(w));
    d->arch = sz_str_c(w->arch->name);
    sz_llm_by_arch(d);
    for (size_t i = 0; i < w->design->n_words; i++) SZ_TRY(set_word(w, w->design->words[i]));
    d->activations = sz_dtype_by_name("f32");
    return complete(w);
}

// ---- tensors -----------------------------------------------------------------------------------

static uint32_t code_of(sz_dtype t) {
    static const struct {
        uint32_t code;
        const char *name;
    } rows[] = {
#define GGUF_TYPE(code, name) {code, #name},
#include "model/import/gguf_types.def"
#undef GGUF_TYPE
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, sz_dtype_get(t)->name) == 0) return rows[i].code;
    return 0;
}

static bool ends_with(sz_str s, const char *end) {
    const size_t n = strlen(end);
    return s.len >= n && memcmp(s.p + s.len - n, end, n) == 0;
}

// What several weights of the table are one of in this architecture: `from` becomes `to`, `rows`
// wide, and the others are left out.
typedef struct fusion {
    int flag;
    const char *from, *to, *gone[2];
    int64_t rows;
} fusion;

static sz_status rename_weight(writer *w, const fusion *f, const char *end, sz_gguf_out *t) {
    char from[64];
    const int axis = t->rank - (t->rank > 1 ? 2 : 1);
    snprintf(from, sizeof from, "%s.%s", f->from, end);
    if (!ends_with(t->name, from)) return SZ_OK;
    int64_t *dims = sz_arena_array(&w->cp.arena, (size_t)t->rank, sizeof *dims);
    if (!dims) return sz_no_memory(w->ctx);
    memcpy(dims, t->dims, (size_t)t->rank * sizeof *dims);
    dims[axis] = f->rows;
    t->dims = dims;
    t->name = sz_checkpoint_text(&w->cp, "%.*s%s.%s", (int)(t->name.len - strlen(from)), t->name.p,
                                 f->to, end);
    return t->name.p ? SZ_OK : sz_no_memory(w->ctx);
}

static sz_status fuse(writer *w, sz_gguf_out *t, bool *ret_gone) {
    const sz_llm *d = &w->cp.llm;
    const fusion all[] = {{FUSED_QKV,
                           "attn_q",
                           "attn_qkv",
                           {"attn_k", "attn_v"},
                           (d->heads + 2 * d->kv_heads) * d->key_length},
                          {FUSED_UP, "ffn_up", "ffn_up", {"ffn_gate", NULL}, 2 * d->ffn}};
    static const char *const ends[] = {"weight", "bias"};
    char gone[64];
    *ret_gone = false;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!(w->arch->flags & all[i].flag)) continue;
        for (size_t e = 0; e < 2; e++) {
            for (size_t k = 0; k < 2 && all[i].gone[k]; k++) {
                snprintf(gone, sizeof gone, ".%s.%s", all[i].gone[k], ends[e]);
                *ret_gone |= ends_with(t->name, gone);
            }
            SZ_TRY(rename_weight(w, &all[i], ends[e], t));
        }
    }
    return SZ_OK;
}

// Norms are 1 and biases 0. A matrix keeps the size of what it is given; those that add to the
// stream between blocks are smaller, so that many blocks do not make it grow.
static void set_noise(const writer *w, sz_gguf_out *t) {
    const int64_t row = t->dims[t->rank - 1];
    const bool adds = ends_with(t->name, "attn_output.weight") ||
                      ends_with(t->name, "ffn_down.weight") ||
                      ends_with(t->name, "ffn_down_exps.weight");
    const bool is_matrix = t->rank > 1 && ends_with(t->name, ".weight");
    t->dtype = is_matrix ? w->type : sz_dtype_by_name("f32");
    // What chooses experts is small and kept exact, as converters do it.
    if (ends_with(t->name, "ffn_gate_inp.weight") || ends_with(t->name, "position_embd.weight"))
        t->dtype = sz_dtype_by_name("f32");
    t->code = code_of(t->dtype);
    t->noise = is_matrix                    ? SZ_NOISE_RANDOM
               : ends_with(t->name, "bias") ? SZ_NOISE_ZEROS
                                            : SZ_NOISE_ONES;
    if (w->design->zeros) t->noise = SZ_NOISE_ZEROS;
    t->spread = 1 / sqrt((double)row);
    if (adds) t->spread /= sqrt(2 * (double)w->cp.llm.layers);
}

static sz_status add_tensors(writer *w) {
    SZ_TRY(sz_llm_weights(&w->cp));
    for (size_t i = 0; i < w->cp.weights.n; i++) {
        const sz_weight *from = &w->cp.weights.items[i];
        sz_gguf_out t = {.name = from->role, .rank = from->rank, .dims = from->dims};
        bool gone;
        SZ_TRY(fuse(w, &t, &gone));
        if (gone) continue;
        set_noise(w, &t);
        if (!sz_vec_push(w->ctx, &w->tensors, t)) return sz_no_memory(w->ctx);
    }
    return SZ_OK;
}

// ---- keys --------------------------------------------------------------------------------------

static sz_gguf_key *add_key(writer *w, const char *name, bool of_arch) {
    sz_gguf_key *k = &w->keys[w->n_keys++];
    const sz_str text = of_arch ? sz_checkpoint_text(&w->cp, "%s.%s", w->arch->name, name)
                                : sz_checkpoint_text(&w->cp, "%s", name);
    *k = (sz_gguf_key){.name = text.p};
    return k;
}

// llama.cpp tells files of one format by these numbers; what it has none for says nothing.
static void add_file_type(writer *w) {
    static const struct {
        const char *name;
        uint32_t code;
    } rows[] = {{"f32", 0},   {"f16", 1},   {"q4_0", 2},    {"q4_1", 3},  {"q8_0", 7},
                {"q5_0", 8},  {"q5_1", 9},  {"q2_k", 10},   {"q3_k", 11}, {"q4_k", 14},
                {"q5_k", 16}, {"q6_k", 18}, {"iq4_nl", 25}, {"bf16", 32}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, sz_dtype_get(w->type)->name) == 0)
            add_key(w, "general.file_type", false)->whole = rows[i].code;
}

static sz_status add_keys(writer *w) {
    const sz_llm *d = &w->cp.llm;
    add_key(w, "general.architecture", false)->text = w->arch->name;
    add_key(w, "general.name", false)->text = "random weights";
    add_key(w, "general.quantization_version", false)->whole = 2;
    add_file_type(w);
    for (size_t i = 0; i < WORDS; i++) {
        if (!words[i].key) continue;
        const int64_t v = *(const int64_t *)((const char *)d + words[i].field);
        if (v > 0) add_key(w, words[i].key, true)->whole = (uint32_t)v;
    }
    add_key(w, "attention.value_length", true)->whole = (uint32_t)d->value_length;
    if (d->rope_dim) add_key(w, "rope.dimension_count", true)->whole = (uint32_t)d->rope_dim;
    sz_gguf_key *small = add_key(w,
                                 w->arch->flags & LAYER_NORM ? "attention.layer_norm_epsilon"
                                                             : "attention.layer_norm_rms_epsilon",
                                 true);
    small->is_real = true, small->real = 1e-5;
    add_key(w, "tokenizer.ggml.model", false)->text = "none";
    for (size_t i = 0; i < w->n_keys; i++)
        if (!w->keys[i].name) return sz_no_memory(w->ctx);
    return SZ_OK;
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status add_up(const writer *w, sz_llm_written *ret) {
    *ret = (sz_llm_written){.arch = w->arch->name,
                            .type = sz_dtype_get(w->type)->name,
                            .tensors = (int64_t)w->tensors.n};
    for (size_t i = 0; i < w->tensors.n; i++) {
        const sz_gguf_out *t = &w->tensors.items[i];
        int64_t n = 1;
        bool fits = true;
        for (int32_t k = 0; k < t->rank; k++) fits = fits && sz_mul(n, t->dims[k], &n);
        fits = fits && sz_add(ret->params, n, &ret->params);
        if (!fits || !sz_add(ret->weight_bytes, t->bytes, &ret->weight_bytes))
            return sz_fail(w->ctx, SZ_ERR_LIMIT, "its parameters exceed 2^63");
    }
    return SZ_OK;
}

static sz_status write_all(writer *w, sz_buf *buf, sz_llm_written *ret) {
    int64_t data;
    SZ_TRY(describe(w));
    SZ_TRY(add_tensors(w));
    SZ_TRY(add_keys(w));
    SZ_TRY(sz_gguf_lay_out(w->ctx, w->tensors.items, w->tensors.n, &data));
    SZ_TRY(add_up(w, ret));
    return sz_gguf_put(w->keys, w->n_keys, w->tensors.items, w->tensors.n, w->design->seed, buf);
}

sz_status sz_llm_write(sz_ctx *ctx, const sz_llm_design *design, sz_buf *buf,
                       sz_llm_written *ret_written) {
    writer *w = sz_alloc(ctx, sizeof *w);
    if (!w) return sz_no_memory(ctx);
    w->ctx = ctx, w->design = design;
    sz_checkpoint_init(&w->cp, ctx);
    const sz_status status = write_all(w, buf, ret_written);
    sz_vec_finish(ctx, &w->tensors);
    sz_checkpoint_finish(&w->cp);
    sz_free(ctx, w, sizeof *w);
    return status;
}
