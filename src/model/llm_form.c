// SPDX-License-Identifier: Apache-2.0
// The closed form of a language model, asked for a step.
#include "model/llm_form.h"

#include "model/llm_work.h"
#include "model/ops/llm.h"

void sz_llm_form_destroy(sz_llm_form *form) {
    if (!form) return;
    sz_vec_finish(form->ctx, &form->attention);
    sz_vec_finish(form->ctx, &form->experts);
    sz_vec_finish(form->ctx, &form->tables);
    sz_free(form->ctx, form, sizeof *form);
}

sz_llm_shape sz_llm_form_shape(const sz_llm_form *form) { return form->shape; }

static sz_status too_much(const sz_llm_form *f) {
    return sz_fail(f->ctx, SZ_ERR_LIMIT, "what a step of so many tokens costs exceeds 2^63");
}

// ---- attention ---------------------------------------------------------------------------------

// 1 + 2 + ... + n
static bool triangle(int64_t n, int64_t *ret) {
    return n % 2 ? sz_mul(n, (n + 1) / 2, ret) : sz_mul(n / 2, n + 1, ret);
}

// Query i of `seq` meets past + i + 1 keys, and no more than the window.
static bool half_pairs(const sz_form_attention *a, int64_t seq, int64_t past, int64_t *ret) {
    int64_t growing = seq, first, rest;
    if (a->window > 0) {
        growing = a->window - past;
        growing = growing < 0 ? 0 : growing > seq ? seq : growing;
    }
    return sz_mul(past, growing, &first) && triangle(growing, &rest) &&
           sz_add(first, rest, &first) && sz_mul(a->window, seq - growing, &rest) &&
           sz_add(first, rest, ret);
}

// Pairs of a query and a key; keys of earlier tokens that a step reads.
static bool pairs_of(const sz_form_attention *a, const sz_llm_counting *how, int64_t seq,
                     int64_t past, int64_t *ret_pairs, int64_t *ret_read) {
    int64_t total, most;
    if (a->cache <= 0) past = 0;
    if (!sz_add(past, seq, &total)) return false;
    if (a->window > 0 && sz_add(a->window, seq - 1, &most) && total > most) total = most;
    if (total < seq) total = seq;
    *ret_read = total - seq;
    if (how->half && a->causal) return half_pairs(a, seq, past, ret_pairs);
    return sz_mul(seq, total, ret_pairs);
}

static sz_dtype cache_dtype(const sz_llm_counting *how) {
    return how->kv_dtype ? how->kv_dtype : sz_dtype_by_name("f16");
}

static bool add_attention(const sz_form_attention *a, const sz_llm_counting *how,
                          const sz_form_step *at, sz_llm_work *w) {
    const int64_t seq = a->queries > 0 ? a->queries : at->seq;
    int64_t pairs, read, macs, bytes[2] = {0, 0}, flops;
    if (!pairs_of(a, how, seq, at->past, &pairs, &read)) return false;
    if (!sz_mul(pairs, at->batch, &macs) || !sz_mul(macs, a->pair_macs, &macs) ||
        !sz_mul(macs, a->layers, &macs) || !sz_mul(macs, 2, &flops) ||
        !sz_add(w->macs, macs, &w->macs) || !sz_add(w->flops, flops, &w->flops))
        return false;
    const int64_t tokens[2] = {read, seq};
    for (int i = 0; i < 2 && a->cache > 0; i++) {
        if (!sz_mul(a->cache, at->batch, &bytes[i]) || !sz_mul(bytes[i], tokens[i], &bytes[i]))
            return false;
        bytes[i] = sz_dtype_bytes(cache_dtype(how), bytes[i]);
        if (bytes[i] < 0 || !sz_mul(bytes[i], a->layers, &bytes[i])) return false;
    }
    return sz_add(w->bytes_read, bytes[0], &w->bytes_read) &&
           sz_add(w->bytes_written, bytes[1], &w->bytes_written);
}

// ---- what tokens touch -------------------------------------------------------------------------

static bool add_touched(const sz_llm_form *f, int64_t seq, int64_t tokens, int64_t *read) {
    for (size_t i = 0; i < f->experts.n; i++) {
        const sz_form_experts *e = &f->experts.items[i];
        if (!sz_madd(read, sz_llm_touched(e->bytes, e->experts, e->used, tokens), e->count))
            return false;
    }
    for (size_t i = 0; i < f->tables.n; i++) {
        const sz_form_table *t = &f->tables.items[i];
        const int64_t rows = t->once ? seq : tokens;
        int64_t part = t->bytes;
        if (rows < t->rows) {
            if (!sz_mul(t->bytes / t->rows, rows, &part)) return false;
            part += t->bytes % t->rows * rows / t->rows;
        }
        if (!sz_add(*read, part, read)) return false;
    }
    return true;
}

sz_status sz_form_structure(const sz_llm_form *form, const sz_llm_counting *how,
                            const sz_form_step *at, sz_llm_work *work) {
    int64_t tokens;
    if (!sz_mul(at->batch, at->seq, &tokens)) return too_much(form);
    for (size_t i = 0; i < form->attention.n; i++)
        if (!add_attention(&form->attention.items[i], how, at, work)) return too_much(form);
    return add_touched(form, at->seq, tokens, &work->bytes_read) ? SZ_OK : too_much(form);
}

// ---- all of it ---------------------------------------------------------------------------------

static bool add_terms(const int64_t c[SZ_FORM_TERMS], const sz_form_step *at, int64_t *sum) {
    int64_t tokens;
    return sz_mul(at->batch, at->seq, &tokens) && sz_add(*sum, c[0], sum) &&
           sz_madd(sum, c[1], at->batch) && sz_madd(sum, c[2], at->seq) &&
           sz_madd(sum, c[3], tokens);
}

sz_status sz_llm_form_work(const sz_llm_form *form, const sz_llm_counting *how, int64_t batch,
                           int64_t seq, int64_t past, sz_llm_work *ret_work) {
    const sz_form_step at = {batch, seq, past};
    sz_llm_work w = {0};
    if (batch < 1 || seq < 1 || past < 0)
        return sz_fail(form->ctx, SZ_ERR_USAGE, "a step has 1 sequence and 1 new token or more");
    SZ_TRY(sz_form_structure(form, how, &at, &w));
    if (!add_terms(form->macs, &at, &w.macs) || !add_terms(form->flops, &at, &w.flops) ||
        !add_terms(form->read, &at, &w.bytes_read) ||
        !add_terms(form->written, &at, &w.bytes_written))
        return too_much(form);
    *ret_work = w;
    return SZ_OK;
}

// Pages are of whole tokens; a window that begins inside of a page keeps one more.
static bool kept_tokens(const sz_form_attention *a, int64_t tokens, int64_t page, int64_t *ret) {
    const bool slides = a->window > 0 && a->window < tokens;
    int64_t kept = slides ? a->window : tokens;
    if (page > 1) {
        if (!sz_add(kept, slides ? 2 * (page - 1) : page - 1, &kept)) return false;
        kept -= kept % page;
    }
    *ret = kept;
    return true;
}

sz_status sz_llm_form_cache(const sz_llm_form *form, sz_dtype kv_dtype, int64_t tokens,
                            int64_t page, int64_t *ret_bytes) {
    int64_t all = 0;
    for (size_t i = 0; i < form->attention.n; i++) {
        const sz_form_attention *a = &form->attention.items[i];
        int64_t kept, per_token;
        if (!kept_tokens(a, tokens, page, &kept) || !sz_mul(a->cache, a->layers, &per_token) ||
            !sz_madd(&all, per_token, kept))
            return sz_fail(form->ctx, SZ_ERR_INPUT, "the cache exceeds 2^63");
    }
    const int64_t bytes = sz_dtype_bytes(kv_dtype, all);
    if (bytes < 0) return sz_fail(form->ctx, SZ_ERR_INPUT, "the cache exceeds 2^63");
    *ret_bytes = bytes;
    return SZ_OK;
}
