// SPDX-License-Identifier: Apache-2.0
// What a language model needs of a machine's memory, and how much of it fits.
#include "predict/llm/llm.h"

#include <math.h>

// A driver's context on a GPU takes 0.5 to 1 GB (unverified, the low end); elsewhere the runtime
// shares the memory of its process, and nothing is known.
static double reserve_of(const sz_machine *m, double asked) {
    if (asked >= 0) return asked;
    return m->identity.kind && strcmp(m->identity.kind, "gpu") == 0 ? 0.5e9 : 0;
}

static double machine_bytes(const sz_machine *m) {
    const int dram = sz_main_memory(m);
    const sz_level *l = dram < 0 ? NULL : &m->levels.items[dram].level;
    if (l && l->capacity_bytes > 0) return (double)l->capacity_bytes;
    return m->cpu.memory_bytes > 0 ? (double)m->cpu.memory_bytes : SZ_NAN;
}

typedef struct fit {
    const sz_llm_form *form;
    const sz_inference_options *o;
    double weights, reserve, memory;
} fit;

static sz_status cache_of(const fit *f, int64_t context, double *ret) {
    const sz_dtype kv = f->o->counting.kv_dtype ? f->o->counting.kv_dtype : sz_dtype_by_name("f16");
    int64_t bytes, draft = 0;
    SZ_TRY(sz_llm_form_cache(f->form, kv, context, f->o->page, &bytes));
    if (f->o->draft_tokens > 0 && f->o->draft)
        SZ_TRY(sz_llm_form_cache(f->o->draft, kv, context, f->o->page, &draft));
    *ret = (double)bytes + (double)draft;
    const sz_llm_plan *p = f->o->plan;
    if (p) *ret *= sz_llm_plan_cache_share(f->form, p) * sz_llm_plan_stage_share(f->form, p);
    return SZ_OK;
}

static double activations_of(const fit *f, double batch) {
    return f->o->activation_bytes + f->o->activation_bytes_per_sequence * batch;
}

static bool fits(const fit *f, double cache, int64_t batch) {
    return f->weights + f->reserve + cache * (double)batch + activations_of(f, (double)batch) <=
           f->memory;
}

// The largest number of what is asked that fits, by halving; memory grows with both. The cache of a
// sequence only depends on the context.
static sz_status largest(const fit *f, bool of_batch, int64_t context, int64_t *ret) {
    int64_t lo = 0, hi = INT32_MAX;
    double cache = 0;
    if (of_batch) SZ_TRY(cache_of(f, context, &cache));
    while (lo < hi) {
        const int64_t at = lo + (hi - lo + 1) / 2;
        if (!of_batch) SZ_TRY(cache_of(f, at, &cache));
        if (fits(f, cache, of_batch ? at : f->o->batch))
            lo = at;
        else
            hi = at - 1;
    }
    *ret = lo;
    return SZ_OK;
}

static sz_status find_largest(const fit *f, int64_t context, sz_inference_memory *m) {
    m->max_batch = m->max_context = -1;
    if (isnan(f->memory)) return SZ_OK;
    SZ_TRY(largest(f, true, context, &m->max_batch));
    return largest(f, false, context, &m->max_context);
}

static void warn_memory(sz_ctx *ctx, const sz_machine *machine, const sz_inference_memory *m) {
    const char *name = machine->identity.name;
    if (isnan(m->machine))
        sz_warn(ctx, "machine '%s' does not say how much memory it has: what fits is not known",
                name);
    else if (m->total > m->machine)
        sz_warn(ctx,
                "%.4g GB are needed (weights %.4g, cache %.4g, activations %.4g, reserve %.4g) and "
                "machine '%s' has %.4g GB: times are those of a machine that has enough",
                m->total * 1e-9, m->weights * 1e-9, m->cache * 1e-9, m->activations * 1e-9,
                m->reserve * 1e-9, name, m->machine * 1e-9);
}

sz_status sz_llm_memory(sz_ctx *ctx, const sz_llm_form *form, const sz_machine *machine,
                        const sz_inference_options *o, sz_inference_memory *ret) {
    fit f = {.form = form,
             .o = o,
             .weights = (double)sz_llm_form_shape(form).weight_bytes,
             .reserve = reserve_of(machine, o->reserve_bytes),
             .memory = machine_bytes(machine)};
    const int64_t context = o->context > 0 ? o->context : o->prompt + o->generate;
    sz_inference_memory m = {.reserve = f.reserve, .machine = f.memory};
    if (o->plan) f.weights = sz_llm_plan_weights(form, o->plan);
    if (o->draft_tokens > 0 && o->draft)
        f.weights += (double)sz_llm_form_shape(o->draft).weight_bytes;
    m.weights = f.weights;
    SZ_TRY(cache_of(&f, context, &m.cache));
    m.cache *= (double)o->batch;
    m.activations = activations_of(&f, (double)o->batch);
    m.total = m.weights + m.cache + m.activations + m.reserve;
    SZ_TRY(find_largest(&f, context, &m));
    warn_memory(ctx, machine, &m);
    *ret = m;
    return SZ_OK;
}
