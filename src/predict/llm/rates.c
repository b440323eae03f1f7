// SPDX-License-Identifier: Apache-2.0
// From a machine and a stack to the rates of a step.
#include "predict/llm/llm.h"

#include <math.h>
#include <stdio.h>

#define UNKNOWN SZ_NAN
static const sz_stack stacks[] = {
#define STACK(name, on, memory_lo, memory_hi, compute_lo, compute_hi, fixed_s, source)             \
    {name, on, memory_lo, memory_hi, compute_lo, compute_hi, fixed_s, source},
#include "base/record.h"
#include "predict/llm/stacks.def"
#undef STACK
};
enum { N_STACKS = sizeof stacks / sizeof stacks[0] };

SZ_RECORD_TYPE(stack, SZ_STACK_FIELDS)

SZ_RECORD_TYPE(phase, SZ_PHASE_FIELDS)

int sz_list_stack(size_t i, sz_stack *ret_stack) {
    if (i >= N_STACKS) return 0;
    *ret_stack = stacks[i];
    return 1;
}

sz_status sz_find_stack(sz_ctx *ctx, const char *name, sz_stack *ret_stack) {
    const char *names[N_STACKS + 1] = {NULL};
    char all[512] = "";
    size_t n = 0;
    for (size_t i = 0; i < N_STACKS; i++) {
        names[i] = stacks[i].name;
        if (name && strcmp(name, stacks[i].name) != 0) {
            const int k = snprintf(all + n, sizeof all - n, "%s%s", i ? ", " : "", names[i]);
            n = k > 0 && (size_t)k < sizeof all - n ? n + (size_t)k : n;
            continue;
        }
        *ret_stack = stacks[i];
        return SZ_OK;
    }
    const char *near = sz_text_nearest(name, names);
    return sz_fail(ctx, SZ_ERR_USAGE, "no stack is called '%s'%s%s%s; known are: %s",
                   sz_show(ctx, sz_str_c(name)), near ? ", did you mean '" : "", near ? near : "",
                   near ? "'?" : "", all);
}

// ---- rates -------------------------------------------------------------------------------------

static bool has_word(const char *words, const char *word) {
    const char *at = *words && word ? strstr(words, word) : NULL;
    return !*words || at != NULL;
}

static void warn_kind(sz_ctx *ctx, const sz_llm_rates *r) {
    const char *kind = r->machine->identity.kind;
    if (has_word(r->stack.on, kind)) return;
    sz_warn(ctx,
            "stack '%s' was seen on machines of kind %s, and '%s' is of kind %s: its numbers "
            "may not hold",
            r->stack.name, r->stack.on, r->machine->identity.name, kind ? kind : "unknown");
}

static sz_status find_roofs(sz_estimate *e, const char *dtype, sz_llm_rates *r) {
    sz_served *s;
    SZ_TRY(sz_serve(e, dtype, false, &s));
    if (!s->roof)
        return sz_fail(e->ctx, SZ_ERR_UNAVAILABLE, "machine '%s' has no roof for products in %s",
                       e->machine->identity.name, dtype);
    r->mac_per_s = s->flop_per_s / 2;
    r->roof = s->roof->name;
    SZ_TRY(sz_serve(e, dtype, true, &s)); // it may move what the first one points to
    r->flop_per_s = s->roof ? s->flop_per_s : 2 * r->mac_per_s;
    return SZ_OK;
}

static sz_status find(sz_estimate *e, const char *dtype, sz_llm_rates *r) {
    SZ_TRY(sz_choose_threads(e));
    SZ_TRY(sz_choose_memory(e));
    r->memory = e->memory;
    return find_roofs(e, dtype, r);
}

// Runtimes turn packed and narrow weights into f16 at most, whatever the file says of activations.
static const char *dtype_of(const sz_llm_form *form, const char *asked) {
    const sz_llm_shape s = sz_llm_form_shape(form);
    const double bits = s.params > 0 ? 8.0 * (double)s.weight_bytes / (double)s.params : 32;
    if (asked) return asked;
    const char *own = sz_machine_dtype(s.dtype);
    return bits < 24 && strcmp(own, "f32") == 0 ? "f16" : own;
}

sz_status sz_llm_find_rates(sz_ctx *ctx, const sz_llm_form *form, const sz_machine *machine,
                            const sz_inference_options *o, sz_llm_rates *ret_rates) {
    sz_estimate e = {.ctx = ctx, .machine = machine, .options = {.threads = o->threads}};
    sz_llm_rates r = {.machine = machine, .norm = o->norm > 0 ? o->norm : INFINITY};
    if (o->dtype && sz_machine_dtype_bits(o->dtype) == 0)
        return sz_machine_dtype_unknown(ctx, o->dtype);
    SZ_TRY(sz_find_stack(ctx, o->stack ? o->stack : "none", &r.stack));
    r.no_stack = strcmp(r.stack.name, "none") == 0;
    const sz_status status = find(&e, dtype_of(form, o->dtype), &r);
    sz_vec_finish(ctx, &e.served);
    if (status != SZ_OK) return status;
    warn_kind(ctx, &r);
    *ret_rates = r;
    return SZ_OK;
}

// ---- time --------------------------------------------------------------------------------------

// An unknown share leaves the roof itself.
static double share(double lo, double hi, sz_llm_end end) {
    if (isnan(lo)) return 1;
    return end == SZ_LLM_BEST ? hi : end == SZ_LLM_WORST ? lo : 0.5 * (lo + hi);
}

sz_llm_seconds sz_llm_shares(const sz_llm_rates *r, sz_llm_seconds s, sz_llm_end end) {
    const sz_stack *k = &r->stack;
    return (sz_llm_seconds){s.compute / share(k->compute_lo, k->compute_hi, end),
                            s.memory / share(k->memory_lo, k->memory_hi, end)};
}

// Kernels of one CPU differ by 3.8 in how near they come to its roof: where operations hide behind
// the bytes and what is fixed even then, it hardly matters what their share is.
bool sz_llm_is_bound(const sz_llm_rates *r, sz_llm_seconds s) {
    enum { MARGIN = 4 };
    const sz_llm_seconds t = sz_llm_shares(r, s, SZ_LLM_MIDDLE);
    if (r->no_stack) return true;
    return isnan(r->stack.compute_lo) && MARGIN * t.compute > t.memory + r->stack.fixed_s;
}

static double together(double norm, double a, double b) {
    const double longer = a > b ? a : b;
    if (isinf(norm) || longer <= 0) return longer;
    return longer * pow(pow(a / longer, norm) + pow(b / longer, norm), 1 / norm);
}

double sz_llm_step_s(const sz_llm_rates *r, sz_llm_seconds s, sz_llm_end end) {
    const sz_llm_seconds t = sz_llm_shares(r, s, end);
    return r->stack.fixed_s + together(r->norm, t.compute, t.memory);
}

sz_llm_seconds sz_llm_seconds_of(const sz_llm_rates *r, const sz_llm_work *w) {
    return (sz_llm_seconds){
        (double)w->macs / r->mac_per_s + ((double)w->flops - 2.0 * (double)w->macs) / r->flop_per_s,
        sz_memory_time(&r->memory, (double)w->bytes_read, (double)w->bytes_written)};
}
