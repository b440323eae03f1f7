// SPDX-License-Identifier: Apache-2.0
// The time of any mixture of prompts and decoding sequences, in some nanoseconds.
#include "predict/llm/llm.h"

#include "model/llm_form.h"

#include <math.h>

enum { MOST_GROUPS = 8 }; // of attention or of experts; the rest joins the last one

// Attention of layers with the same window.
typedef struct group {
    double window;      // infinite = none
    double pair_macs;   // of a query and a key
    double token_bytes; // that the cache keeps of a token
} group;

typedef struct expert_group {
    double bytes, log_missed;
} expert_group;

struct sz_llm_pace {
    sz_ctx *ctx;
    sz_llm_rates rates;
    double compute_share, memory_share;
    // constant, and per token
    double macs[2], other[2], read[2], written[2];
    size_t n_groups, n_experts;
    group groups[MOST_GROUPS];
    expert_group experts[MOST_GROUPS];
};

// ---- making ------------------------------------------------------------------------------------

static void add_group(sz_llm_pace *p, const sz_form_attention *a, double element_bytes) {
    const double window = a->window > 0 ? (double)a->window : INFINITY;
    size_t i = 0;
    while (i < p->n_groups && p->groups[i].window != window) i++;
    if (i == MOST_GROUPS)
        i--;
    else if (i == p->n_groups)
        p->groups[p->n_groups++] = (group){.window = window};
    p->groups[i].pair_macs += (double)a->layers * (double)a->pair_macs;
    p->groups[i].token_bytes += (double)a->layers * (double)a->cache * element_bytes;
}

static void add_experts(sz_llm_pace *p, const sz_form_experts *e) {
    size_t i = 0;
    while (i < p->n_experts && p->experts[i].log_missed != e->log_missed) i++;
    if (i == MOST_GROUPS)
        i--;
    else if (i == p->n_experts)
        p->experts[p->n_experts++] = (expert_group){.log_missed = e->log_missed};
    p->experts[i].bytes += (double)e->count * (double)e->bytes;
}

static void take(const int64_t terms[SZ_FORM_TERMS], double ret[2]) {
    ret[0] = (double)terms[0];
    ret[1] = (double)terms[1] + (double)terms[2] + (double)terms[3];
}

static void fill(sz_llm_pace *p, const sz_llm_form *f, sz_dtype kv) {
    const sz_dtype_info *d = sz_dtype_get(kv);
    const double element = d->block_bytes ? (double)d->block_bytes / d->block_elements
                                          : d->bits / 8.0;
    double flops[2];
    take(f->macs, p->macs);
    take(f->flops, flops);
    take(f->read, p->read);
    take(f->written, p->written);
    for (int i = 0; i < 2; i++) p->other[i] = flops[i] - 2 * p->macs[i];
    for (size_t i = 0; i < f->attention.n; i++) add_group(p, &f->attention.items[i], element);
    for (size_t i = 0; i < f->experts.n; i++) add_experts(p, &f->experts.items[i]);
    for (size_t i = 0; i < f->tables.n; i++)
        p->read[1] += (double)f->tables.items[i].bytes / (double)f->tables.items[i].rows;
    const sz_llm_seconds one = sz_llm_shares(&p->rates, (sz_llm_seconds){1, 1}, SZ_LLM_MIDDLE);
    p->compute_share = one.compute;
    p->memory_share = one.memory;
}

sz_status sz_llm_pace_create(sz_ctx *ctx, const sz_llm_form *form, const sz_machine *machine,
                             const sz_inference_options *options, sz_llm_pace **ret_pace) {
    const sz_dtype kv = options->counting.kv_dtype;
    if (options->plan)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "the pace of a server is known for one device: leave out the degrees of "
                       "parallelism");
    sz_llm_pace *p = sz_alloc(ctx, sizeof *p);
    if (!p) return sz_no_memory(ctx);
    *p = (sz_llm_pace){.ctx = ctx};
    const sz_status status = sz_llm_find_rates(ctx, form, machine, options, &p->rates);
    if (status != SZ_OK) {
        sz_llm_pace_destroy(p);
        return status;
    }
    fill(p, form, kv ? kv : sz_dtype_by_name("f16"));
    *ret_pace = p;
    return SZ_OK;
}

void sz_llm_pace_destroy(sz_llm_pace *pace) {
    if (pace) sz_free(pace->ctx, pace, sizeof *pace);
}

// ---- asking ------------------------------------------------------------------------------------

// A chunk of c tokens behind k meets c (k + c / 2) keys, so the earlier ones are k = pairs / c - c
// / 2: exact for one chunk, and the mean of several.
static double earlier(double tokens, double pairs) {
    return tokens > 0 ? fmax(0, pairs / tokens - 0.5 * tokens) : 0;
}

static void add_attention(const sz_llm_pace *p, const sz_serving_step *s, double *macs,
                          double *read, double *written) {
    const double prompt = (double)s->prompt_tokens, decodes = (double)s->decodes;
    const double past = earlier(prompt, s->prompt_pairs);
    const double cached = (double)s->cached_tokens;
    for (size_t i = 0; i < p->n_groups; i++) {
        const group *g = &p->groups[i];
        const double pairs = fmin(s->prompt_pairs, prompt * g->window);
        const double met = fmin(cached, decodes * g->window);
        *macs += (pairs + met + decodes) * g->pair_macs;
        *read += (met + fmin(past, g->window)) * g->token_bytes;
        *written += (prompt + decodes) * g->token_bytes;
    }
}

static double seconds(const void *self, const sz_serving_step *s) {
    const sz_llm_pace *p = self;
    const double tokens = (double)s->prompt_tokens + (double)s->decodes;
    double macs = p->macs[0] + p->macs[1] * tokens, read = p->read[0] + p->read[1] * tokens;
    double written = p->written[0] + p->written[1] * tokens;
    if (tokens <= 0) return 0;
    add_attention(p, s, &macs, &read, &written);
    for (size_t i = 0; i < p->n_experts; i++)
        read += p->experts[i].bytes * -expm1(tokens * p->experts[i].log_missed);
    const double compute = p->compute_share *
                           (macs / p->rates.mac_per_s +
                            (p->other[0] + p->other[1] * tokens) / p->rates.flop_per_s);
    const double memory = p->memory_share * sz_memory_time(&p->rates.memory, read, written);
    if (isinf(p->rates.norm)) return p->rates.stack.fixed_s + fmax(compute, memory);
    return p->rates.stack.fixed_s +
           pow(pow(compute, p->rates.norm) + pow(memory, p->rates.norm), 1 / p->rates.norm);
}

sz_step_model sz_llm_step_model(const sz_llm_pace *pace) {
    return (sz_step_model){.self = pace, .seconds = seconds};
}
