// SPDX-License-Identifier: Apache-2.0
// The time of a prompt and of all the steps that follow it.
#include "predict/llm/llm.h"

#include <inttypes.h>
#include <math.h>

// Up to so many generated tokens each step is asked; beyond, steps stand for some neighbours.
enum { MOST_STEPS = 1 << 20 };

typedef struct job {
    sz_ctx *ctx;
    const sz_llm_form *form;
    const sz_inference_options *o;
    sz_llm_rates rates;
    double network_s; // of a step of one token, whatever came before it
} job;

// ---- one step ----------------------------------------------------------------------------------

// Times of a step, and of what it does beside.
typedef struct spell {
    double mid, lo, hi, compute, memory, network;
    bool is_bound;
} spell;

static sz_status add_step(const job *j, const sz_llm_form *form, int64_t seq, int64_t past,
                          double times, spell *sum) {
    sz_llm_work w;
    sz_llm_seconds s;
    double network = 0;
    if (j->o->plan) {
        SZ_TRY(sz_llm_plan_seconds(&j->rates, form, j->o, seq, past, &s));
        network = seq == 1 ? j->network_s : sz_llm_plan_network_s(form, j->o, seq);
    } else {
        SZ_TRY(sz_llm_form_work(form, &j->o->counting, j->o->batch, seq, past, &w));
        s = sz_llm_seconds_of(&j->rates, &w);
    }
    const sz_llm_seconds shares = sz_llm_shares(&j->rates, s, SZ_LLM_MIDDLE);
    sum->mid += times * (network + sz_llm_step_s(&j->rates, s, SZ_LLM_MIDDLE));
    sum->lo += times * (network + sz_llm_step_s(&j->rates, s, SZ_LLM_BEST));
    sum->hi += times * (network + sz_llm_step_s(&j->rates, s, SZ_LLM_WORST));
    sum->compute += times * shares.compute;
    sum->memory += times * shares.memory;
    sum->network += times * network;
    sum->is_bound = sum->is_bound || sz_llm_is_bound(&j->rates, s);
    return SZ_OK;
}

static const char *bound_of(const job *j, const spell *s) {
    const double fixed = j->rates.stack.fixed_s;
    const double work = fmax(s->compute, s->memory);
    if (s->network > work && s->network > fixed) return "network";
    if (fixed > work) return "overhead";
    return s->compute > s->memory ? "compute" : "memory";
}

static sz_phase phase_of(const job *j, const spell *s) {
    return (sz_phase){.time_s = s->mid,
                      .time_lo_s = s->lo,
                      .time_hi_s = s->is_bound ? SZ_NAN : s->hi,
                      .compute_s = s->compute,
                      .memory_s = s->memory,
                      .network_s = s->network,
                      .level = !s->is_bound     ? "estimate"
                               : s->network > 0 ? "mixed"
                                                : "bound",
                      .bound = bound_of(j, s)};
}

// ---- prompt ------------------------------------------------------------------------------------

static sz_status prefill(const job *j, sz_inference *ret) {
    const int64_t hit = (int64_t)floor((double)j->o->prompt * j->o->prefix_hit);
    const int64_t past = hit < j->o->prompt ? hit : j->o->prompt - 1;
    spell s = {0};
    SZ_TRY(add_step(j, j->form, j->o->prompt - past, past, 1, &s));
    if (j->o->draft_tokens > 0 && j->o->draft)
        SZ_TRY(add_step(j, j->o->draft, j->o->prompt - past, past, 1, &s));
    ret->prefill = phase_of(j, &s);
    ret->ttft_s = s.mid;
    return SZ_OK;
}

// ---- tokens ------------------------------------------------------------------------------------

// Leviathan et al. 2023: k proposals, each taken with chance a: (1 - a^(k + 1)) / (1 - a) tokens.
static double tokens_per_step(const sz_inference_options *o) {
    if (o->draft_tokens <= 0) return 1;
    if (o->accept >= 1) return (double)(o->draft_tokens + 1);
    return (1 - pow(o->accept, (double)(o->draft_tokens + 1))) / (1 - o->accept);
}

static sz_status decode_at(const job *j, int64_t past, double times, spell *sum) {
    const int64_t proposed = j->o->draft_tokens;
    for (int64_t i = 0; proposed > 0 && j->o->draft && i < proposed; i++)
        SZ_TRY(add_step(j, j->o->draft, 1, past + i, times, sum));
    return add_step(j, j->form, 1 + proposed, past, times, sum);
}

// The first token comes with the prompt; each of the others meets one token more than the one
// before.
static sz_status decode(const job *j, sz_inference *ret) {
    const int64_t steps = j->o->generate > 1 ? j->o->generate - 1 : 1;
    const int64_t group = (steps + MOST_STEPS - 1) / MOST_STEPS;
    spell sum = {0};
    for (int64_t at = 0; at < steps; at += group) {
        const int64_t n = steps - at < group ? steps - at : group;
        SZ_TRY(decode_at(j, j->o->prompt + at + (n - 1) / 2, (double)n / (double)steps, &sum));
    }
    ret->decode = phase_of(j, &sum);
    ret->tokens_per_step = tokens_per_step(j->o);
    ret->tpot_s = sum.mid / ret->tokens_per_step;
    ret->tokens_per_s = (double)j->o->batch / ret->tpot_s;
    if (j->o->plan) ret->tokens_per_s *= (double)j->o->plan->data;
    ret->e2e_s = ret->ttft_s + (double)(j->o->generate - 1) * ret->tpot_s;
    return SZ_OK;
}

// ---- power -------------------------------------------------------------------------------------

static void set_power(const job *j, sz_inference *r) {
    const sz_power *p = &j->rates.machine->power;
    const double stages = j->o->plan ? (double)j->o->plan->pipeline : 1; // one works, others wait
    const double busy = fmax(r->decode.compute_s, r->decode.memory_s) / stages;
    r->power_w = SZ_NAN;
    if (p->idle_w >= 0 && p->busy_w > p->idle_w) {
        r->power_w = p->idle_w + (p->busy_w - p->idle_w) * fmin(1, busy / r->decode.time_s);
        r->energy_method = "power between rest and full work, by utilisation";
    } else if (p->tdp_w > 0) {
        r->power_w = p->tdp_w;
        r->energy_method = "TDP x time: at most";
    }
    const sz_llm_plan *plan = j->o->plan;
    if (plan) r->power_w *= (double)(plan->tensor * plan->pipeline * plan->data);
    r->tokens_per_j = r->tokens_per_s / r->power_w;
}

// ---- all of it ---------------------------------------------------------------------------------

static sz_status check(sz_ctx *ctx, const sz_inference_options *o) {
    if (o->prompt < 1 || o->generate < 1 || o->batch < 1)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "a prompt of 1 token or more, 1 generated token or more and a batch of 1 or "
                       "more are needed");
    if (!(o->prefix_hit >= 0 && o->prefix_hit <= 1) || !(o->accept >= 0 && o->accept <= 1))
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "shares of a prompt and of accepted tokens lie between 0 and 1");
    if (o->draft_tokens < 0 || o->draft_tokens > 1024)
        return sz_fail(ctx, SZ_ERR_USAGE, "%" PRId64 " proposed tokens: 0 to 1024 are possible",
                       o->draft_tokens);
    if (o->plan && o->draft_tokens > 0)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "speculation is known for one device: leave out the draft's tokens, or the "
                       "degrees of parallelism");
    if (o->norm > 0 && o->norm < 1)
        return sz_fail(ctx, SZ_ERR_USAGE, "the norm is %g: 1 (nothing overlaps) or more is needed",
                       o->norm);
    return SZ_OK;
}

static void warn_trained(sz_ctx *ctx, const sz_llm_form *form, const sz_inference_options *o) {
    const int64_t trained = sz_llm_form_shape(form).trained;
    const int64_t asked = o->context > 0 ? o->context : o->prompt + o->generate;
    if (trained > 0 && asked > trained)
        sz_warn(ctx,
                "%" PRId64 " tokens are asked for, and the model was trained for %" PRId64
                ": it runs, but what it says there is another matter",
                asked, trained);
}

sz_status sz_inference_predict(sz_ctx *ctx, const sz_llm_form *form, const sz_machine *machine,
                               const sz_inference_options *options, sz_inference *ret_inference) {
    job j = {.ctx = ctx, .form = form, .o = options};
    sz_inference r = {0};
    SZ_TRY(check(ctx, options));
    if (options->plan) SZ_TRY(sz_llm_plan_check(ctx, form, options->plan));
    SZ_TRY(sz_llm_find_rates(ctx, form, machine, options, &j.rates));
    if (options->plan) j.network_s = sz_llm_plan_network_s(form, options, 1);
    SZ_TRY(prefill(&j, &r));
    SZ_TRY(decode(&j, &r));
    SZ_TRY(sz_llm_memory(ctx, form, machine, options, &r.memory));
    set_power(&j, &r);
    warn_trained(ctx, form, options);
    r.stack = j.rates.stack.name;
    r.source = j.rates.stack.source;
    r.roof = j.rates.roof;
    *ret_inference = r;
    return SZ_OK;
}
