// SPDX-License-Identifier: Apache-2.0
// Several devices for one model: what each of them does and keeps, and what they say to each other.
// Ranks: tensor parallel innermost, then data, then pipeline.
#include "predict/llm/llm.h"

#include "model/llm_form.h"
#include "model/llm_work.h"
#include "predict/scale/collectives.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { NUMBER_BYTES = 2, MOST = 1 << 20 }; // numbers travel in 16 bits

// ---- is it a plan at all -----------------------------------------------------------------------

static int64_t distance(int64_t a, int64_t b) { return a > b ? a - b : b - a; }

// Of the degrees up to `most` that do, the one nearest to `asked`.
typedef bool does(const sz_llm_form *f, const sz_llm_plan *p, int64_t degree);

static sz_status refuse(sz_ctx *ctx, const sz_llm_form *f, const sz_llm_plan *p, does *ok,
                        int64_t most, int64_t asked, const char *what) {
    int64_t best = 1;
    for (int64_t i = 2; i <= most && i <= MOST; i++)
        if (ok(f, p, i) && distance(i, asked) < distance(best, asked)) best = i;
    return sz_fail(ctx, SZ_ERR_USAGE, "%s can't be divided by %" PRId64 ": the nearest is %" PRId64,
                   what, asked, best);
}

// Devices beyond the heads of keys keep copies of these.
static bool splits_heads(const sz_llm_form *f, const sz_llm_plan *p, int64_t t) {
    const int64_t heads = f->shape.heads, keys = f->shape.kv_heads;
    (void)p;
    return t == 1 || (heads > 0 && keys > 0 && heads % t == 0 && (keys % t == 0 || t % keys == 0));
}

static bool splits_layers(const sz_llm_form *f, const sz_llm_plan *p, int64_t n) {
    (void)p;
    return n == 1 || f->shape.layers >= n; // some stages have one more than others
}

// Whole experts on each device; they serve whole replicas.
static bool splits_experts(const sz_llm_form *f, const sz_llm_plan *p, int64_t e) {
    if (e == 1) return true;
    if (f->experts.n == 0 || e % p->tensor || p->tensor * p->data % e) return false;
    for (size_t i = 0; i < f->experts.n; i++)
        if (f->experts.items[i].experts % e) return false;
    return true;
}

sz_status sz_llm_plan_check(sz_ctx *ctx, const sz_llm_form *form, const sz_llm_plan *plan) {
    const int64_t degrees[] = {plan->tensor, plan->pipeline, plan->data, plan->experts};
    char what[128];
    int64_t devices = 1;
    for (size_t i = 0; i < 4; i++) {
        if (degrees[i] < 1 || degrees[i] > MOST)
            return sz_fail(ctx, SZ_ERR_USAGE,
                           "a degree of parallelism is %" PRId64 ": give 1 to %d", degrees[i],
                           MOST);
        if (i < 3 && !sz_mul(devices, degrees[i], &devices)) devices = INT64_MAX;
    }
    const int64_t most = plan->net.n ? plan->net.levels[plan->net.n - 1].devices : 1;
    if (devices > most)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "the plan has %" PRId64 " devices, the network %" PRId64
                       ": lower a degree of parallelism",
                       devices, most);
    snprintf(what, sizeof what, "%" PRId64 " heads, %" PRId64 " of keys,", form->shape.heads,
             form->shape.kv_heads);
    if (!splits_heads(form, plan, plan->tensor))
        return refuse(ctx, form, plan, splits_heads, form->shape.heads, plan->tensor, what);
    snprintf(what, sizeof what, "%" PRId64 " layers", form->shape.layers);
    if (!splits_layers(form, plan, plan->pipeline))
        return refuse(ctx, form, plan, splits_layers, form->shape.layers, plan->pipeline, what);
    snprintf(what, sizeof what,
             "experts on the %" PRId64 " devices of a stage, %" PRId64 " to a replica,",
             plan->tensor * plan->data, plan->tensor);
    if (!splits_experts(form, plan, plan->experts))
        return refuse(ctx, form, plan, splits_experts, plan->tensor * plan->data, plan->experts,
                      what);
    return SZ_OK;
}

// ---- work --------------------------------------------------------------------------------------

static double touched(const sz_llm_form *f, double tokens) {
    double bytes = 0;
    for (size_t i = 0; i < f->experts.n; i++) {
        const sz_form_experts *e = &f->experts.items[i];
        bytes += (double)e->count * (double)e->bytes * -expm1(tokens * e->log_missed);
    }
    return bytes;
}

double sz_llm_plan_cache_share(const sz_llm_form *form, const sz_llm_plan *p) {
    const int64_t keys = form->shape.kv_heads, split = p->tensor < keys ? p->tensor : keys;
    return split > 0 ? 1 / (double)split : 1;
}

// Stages pass a batch on, so what one of them does after the other adds up to a T-th of it all.
// Only what attention keeps, and experts that several replicas share, are divided otherwise.
sz_status sz_llm_plan_seconds(const sz_llm_rates *rates, const sz_llm_form *form,
                              const sz_inference_options *o, int64_t seq, int64_t past,
                              sz_llm_seconds *ret) {
    const sz_llm_plan *p = o->plan;
    const sz_form_step at = {o->batch, seq, past};
    sz_llm_form only = *form; // attention
    sz_llm_work all, kept = {0};
    only.experts.n = only.tables.n = 0;
    SZ_TRY(sz_llm_form_work(form, &o->counting, o->batch, seq, past, &all));
    *ret = sz_llm_seconds_of(rates, &all);
    if (p->tensor * p->experts == 1) return SZ_OK;
    SZ_TRY(sz_form_structure(&only, &o->counting, &at, &kept));
    const double t = (double)p->tensor, share = sz_llm_plan_cache_share(form, p);
    const double tokens = (double)o->batch * (double)seq;
    double read = ((double)all.bytes_read - (double)kept.bytes_read) / t;
    const double written = ((double)all.bytes_written - (double)kept.bytes_written) / t;
    if (p->experts > 1) {
        const double e = (double)p->experts;
        read += touched(form, tokens * e / t) / e - touched(form, tokens) / t;
    }
    ret->compute /= t;
    ret->memory = sz_memory_time(&rates->memory, read + share * (double)kept.bytes_read,
                                 written + share * (double)kept.bytes_written);
    return SZ_OK;
}

// ---- messages ----------------------------------------------------------------------------------

// Two sums per layer over the tensor parallel devices, a message from stage to stage. Shared
// experts are sent their tokens and send them back, and the second sum is a gather.
double sz_llm_plan_network_s(const sz_llm_form *form, const sz_inference_options *o, int64_t seq) {
    const sz_llm_plan *p = o->plan;
    const sz_llm_shape *s = &form->shape;
    const double bytes = NUMBER_BYTES * (double)s->width * (double)o->batch * (double)seq;
    const double shared = p->experts > 1 ? (double)s->expert_layers : 0;
    double sum = (2 * (double)s->layers - shared) *
                 sz_collective_s(&p->net, SZ_ALL_REDUCE, p->tensor, 1, bytes);
    if (p->pipeline > 1)
        sum += (double)(p->pipeline - 1) *
               sz_collective_s(&p->net, SZ_SEND, 2, p->tensor * p->data, bytes);
    if (shared <= 0) return sum;
    const double used = (double)form->experts.items[0].used;
    return sum + shared * (2 * sz_collective_s(&p->net, SZ_ALL_TO_ALL, p->experts, 1,
                                               bytes * used / (double)p->tensor) +
                           sz_collective_s(&p->net, SZ_ALL_GATHER, p->tensor, 1, bytes));
}

// ---- memory ------------------------------------------------------------------------------------

double sz_llm_plan_stage_share(const sz_llm_form *form, const sz_llm_plan *p) {
    const int64_t layers = form->shape.layers, n = p->pipeline;
    return layers > 0 ? (double)((layers + n - 1) / n) / (double)layers : 1 / (double)n;
}

// The fullest stage: its layers, and the table of tokens or the head.
double sz_llm_plan_weights(const sz_llm_form *form, const sz_llm_plan *p) {
    const sz_llm_shape *s = &form->shape;
    const double t = (double)p->tensor, stage = sz_llm_plan_stage_share(form, p);
    const double experts = (double)s->expert_bytes;
    const double e = p->experts > 1 ? (double)p->experts : t;
    const bool is_tied = s->facts.embedding_params == 0;
    double table = 0;
    for (size_t i = 0; i < form->tables.n; i++)
        if ((double)form->tables.items[i].bytes > table)
            table = (double)form->tables.items[i].bytes;
    const double dense = (double)s->weight_bytes - experts;
    if (p->pipeline == 1) return dense / t + experts / e;
    const double layers = dense - table * (is_tied ? 1 : 2);
    return ((layers > 0 ? layers : 0) * stage + table) / t + experts / e * stage;
}
