// SPDX-License-Identifier: Apache-2.0
// Why a peak is what it is: speed against the number of independent chains. One chain shows the
// latency; where more chains stop helping, the pipes are full; the product of both is the number of
// chains that a program needs.
#include "machine/survey.h"

#include <math.h>
#include <stdio.h>

#include "base/record.h"
#include "os/pin.h"

struct sz_chain_study {
    sz_ctx *ctx;
    sz_arena arena;
    SZ_VEC(sz_chain_point) points;
    SZ_VEC(sz_chain_summary) summaries;
    SZ_VEC(const char *) lines;
};

// What is swept for each op: it first, then what it is compared with.
typedef struct subject {
    const char *op, *alias, *rival;
} subject;
static const subject subjects[] = {
    {"fma", "mul+add", "max+mul"}, {"max+mul", "mul+max", "fma"}, {"max", NULL, "add"},
    {"add", NULL, "fma"},          {"mul", NULL, "fma"},          {"add+max", "max+add", "fma"},
};
enum { N_SUBJECTS = sizeof subjects / sizeof subjects[0] };

SZ_RECORD_TYPE(chain_point, SZ_CHAIN_POINT_FIELDS)
SZ_RECORD_TYPE(chain_summary, SZ_CHAIN_SUMMARY_FIELDS)

SZ_PRINTF(2, 3)
static sz_status say(sz_chain_study *e, const char *fmt, ...) {
    char text[768];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *kept = sz_arena_strdup(&e->arena, text, strlen(text));
    return kept && sz_vec_push(e->ctx, &e->lines, kept) ? SZ_OK : sz_no_memory(e->ctx);
}

// ---- measuring ---------------------------------------------------------------------------------

typedef struct chain_work {
    const sz_kernel *kernel;
    const sz_kernel_state *fresh;
    sz_kernel_state *state;
} chain_work;

static void run_chains(void *user, int thread, int64_t n) {
    const chain_work *w = user;
    (void)thread;
    while (n > 0) {
        sz_kernel_job job = {.n = n < SZ_KERNEL_MOST ? n : SZ_KERNEL_MOST, .state = w->state};
        *w->state = *w->fresh;
        w->kernel->run(&job);
        n -= job.n;
    }
}

// The widest row with a number of chains to choose; a multiply-add need not be fused.
static const sz_kernel *row_of(const sz_survey *s, const char *op) {
    const bool any_fma = strcmp(op, "fma") == 0;
    const sz_kernel *best = NULL, *k;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_peak || !k->vary || !sz_kernel_runs(k, s->cpu)) continue;
        if (strcmp(k->op, op) != 0 && !(any_fma && strcmp(k->op, "mul+add") == 0)) continue;
        if (!best || sz_kernel_bits(k) > sz_kernel_bits(best)) best = k;
    }
    return best;
}

// Steps of a chain: what one pass does to one accumulator.
static double flops_per_step(const sz_kernel *k) {
    return (double)sz_kernel_lanes(k) * k->lane_flops / k->chains;
}

static sz_status measure_chains(sz_survey *s, sz_chain_study *e, const sz_kernel *k, int chains) {
    sz_kernel_state fresh, state;
    chain_work w = {k, &fresh, &state};
    sz_watch watch = sz_survey_watch(s, false, 0.025, 0.1);
    const sz_work work = {run_chains, &w, sz_kernel_flops(k, chains)};
    sz_reading r;
    watch.chain = sz_clock_beside(s, k);
    sz_kernel_state_init(k, &fresh);
    fresh.chains = chains;
    SZ_TRY(sz_survey_time(s, &watch, &work, &r));
    if (r.why_not) return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE, "'%s': %s", k->name, r.why_not);
    const double per_cycle = r.clock_hz > 0 ? r.per_cycle.median : SZ_NAN;
    const sz_chain_point p = {.op = k->op,
                              .dtype = k->dtype,
                              .isa = k->isa,
                              .chains = chains,
                              .flop_per_s = r.rate.median,
                              .flop_per_cycle = per_cycle,
                              .step_per_cycle = per_cycle / flops_per_step(k),
                              .spread = r.rate.spread,
                              .verdict = sz_verdict_name(r.verdict)};
    return sz_vec_push(e->ctx, &e->points, p) ? SZ_OK : sz_no_memory(e->ctx);
}

static sz_status sweep(sz_survey *s, sz_chain_study *e, const sz_kernel *k) {
    static const int more[] = {14, 16, 20, 24};
    char what[64];
    snprintf(what, sizeof what, "chains of %s", k->op);
    sz_survey_tell(s, what);
    for (int chains = 1; chains <= 12 && chains <= k->chains; chains++)
        SZ_TRY(measure_chains(s, e, k, chains));
    for (size_t i = 0; i < sizeof more / sizeof more[0] && more[i] <= k->chains; i++)
        SZ_TRY(measure_chains(s, e, k, more[i]));
    return SZ_OK;
}

// ---- what follows from it ----------------------------------------------------------------------

static const sz_chain_point *point_of(const sz_chain_study *e, const sz_kernel *k, int chains) {
    for (size_t i = 0; i < e->points.n; i++)
        if (e->points.items[i].op == k->op && e->points.items[i].chains == chains)
            return &e->points.items[i];
    return NULL;
}

// Pipes are whole, where they are near it.
static double near_whole(double x) { return fabs(x - round(x)) <= 0.05 * x ? round(x) : x; }

static sz_chain_summary summarise(const sz_chain_study *e, const sz_kernel *k) {
    sz_chain_summary r = {.op = k->op,
                          .dtype = k->dtype,
                          .isa = k->isa,
                          .lanes = sz_kernel_lanes(k),
                          .instructions = k->lane_work / k->chains,
                          .registers = k->chains > 12 ? 32 : 16};
    double most = 0;
    for (size_t i = 0; i < e->points.n; i++) {
        const sz_chain_point *p = &e->points.items[i];
        if (p->op != k->op) continue;
        if (p->step_per_cycle > most) most = p->step_per_cycle;
        if (p->flop_per_s > r.flop_per_s) r.flop_per_s = p->flop_per_s;
    }
    for (size_t i = e->points.n; i-- > 0;) // the fewest chains that are as good as all
        if (e->points.items[i].op == k->op && e->points.items[i].step_per_cycle >= 0.97 * most)
            r.chains_needed = e->points.items[i].chains;
    r.latency_cycles = 1 / point_of(e, k, 1)->step_per_cycle;
    r.step_per_cycle = most;
    r.flop_per_cycle = most * flops_per_step(k);
    r.pipes = near_whole(most * (double)r.instructions);
    return r;
}

static sz_status say_chains(sz_chain_study *e, const sz_chain_summary *r) {
    const double rate = r->step_per_cycle * (double)r->instructions;
    char pipes[64] = "";
    if (r->pipes == round(r->pipes))
        snprintf(pipes, sizeof pipes, ": %.0f pipe%s can do them", r->pipes,
                 r->pipes > 1 ? "s" : "");
    SZ_TRY(say(e,
               "%s: one chain takes %.1f cycles for a step of %lld instruction%s: that is its "
               "latency. With more chains the rate grows to %.2f instructions in a cycle%s.",
               r->op, r->latency_cycles, (long long)r->instructions, r->instructions > 1 ? "s" : "",
               rate, pipes));
    return say(e,
               "%s: latency x steps in a cycle = %.1f x %.2f = %.1f chains keep the pipes busy; "
               "measured, %lld are enough. With fewer, pipes stand idle.",
               r->op, r->latency_cycles, r->step_per_cycle, r->latency_cycles * r->step_per_cycle,
               (long long)r->chains_needed);
}

// Two instructions for what the other does in one: do they share its pipes?
static const char *why_ratio(double ratio) {
    if (ratio > 1.8)
        return "multiply and maximum take turns on the pipes of the fused multiply-add, so the "
               "same work in two instructions takes twice the time";
    if (ratio < 1.1)
        return "the maximum runs on other pipes than the multiply, so a pair goes through in the "
               "time "
               "of one fused multiply-add, and fusing gains nothing but a register";
    return "multiply and maximum share some of the pipes, not all";
}

static sz_status say_ratio(sz_chain_study *e, const sz_chain_summary *fma,
                           const sz_chain_summary *pair, const sz_chain_point *five) {
    const double ratio = fma->flop_per_cycle / pair->flop_per_cycle;
    SZ_TRY(say(
        e, "At their best %s does %.1f and %s %.1f FLOP in a cycle: %.2f times as much. Here %s.",
        fma->op, fma->flop_per_cycle, pair->op, pair->flop_per_cycle, ratio, why_ratio(ratio)));
    SZ_TRY(say(e,
               "The 3.2 times that is often quoted fits a core with two shared pipes and latencies "
               "of 4 cycles, and code that holds three registers for each chain (sum, product, "
               "operand): 16 registers are enough for five chains. Five chains of multiply then "
               "maximum, 4 + 4 cycles, make 5/8 of a step in a cycle; fused multiply-adds make 2: "
               "3.2 times. Sharing the pipes explains 2 of it, the registers the other 1.6."));
    if (!five) return SZ_OK;
    return say(e,
               "With five chains of %s this machine does %.2f steps in a cycle: %s at its best is "
               "%.1f times as fast.",
               pair->op, five->step_per_cycle, fma->op, fma->flop_per_cycle / five->flop_per_cycle);
}

static sz_status conclude(sz_chain_study *e, const sz_kernel *const *rows, int n) {
    const sz_kernel *fma = NULL, *pair = NULL;
    for (int i = 0; i < n; i++) {
        const sz_chain_summary r = summarise(e, rows[i]);
        if (!sz_vec_push(e->ctx, &e->summaries, r)) return sz_no_memory(e->ctx);
        SZ_TRY(say_chains(e, &r));
        if (strcmp(r.op, "fma") == 0) fma = rows[i];
        if (strcmp(r.op, "max+mul") == 0) pair = rows[i];
    }
    if (!fma || !pair) return SZ_OK;
    const sz_chain_summary one = summarise(e, fma), two = summarise(e, pair);
    return say_ratio(e, &one, &two, point_of(e, pair, 5));
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status find_subject(sz_ctx *ctx, const char *op, const subject **ret_subject) {
    char known[128] = "";
    size_t at = 0;
    for (int i = 0; i < N_SUBJECTS; i++) {
        const subject *s = &subjects[i];
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "", s->op);
        if (strcmp(s->op, op) == 0 || (s->alias && strcmp(s->alias, op) == 0))
            return *ret_subject = s, SZ_OK;
    }
    return sz_fail(ctx, SZ_ERR_USAGE, "no chains of '%s'; there are %s", sz_show(ctx, sz_str_c(op)),
                   known);
}

static sz_status explain(sz_survey *s, sz_chain_study *e, const subject *what) {
    const sz_kernel *rows[2] = {row_of(s, what->op), row_of(s, what->rival)};
    if (!rows[0])
        return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE,
                       "no kernel of '%s' with a number of chains to choose runs on this CPU",
                       what->op);
    SZ_TRY(sz_choose_clock(s));
    if (!s->chain)
        return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE,
                       "the core's clock is not known, and so no latency");
    for (int i = 0; i < 2 && rows[i]; i++) SZ_TRY(sweep(s, e, rows[i]));
    return conclude(e, rows, rows[1] ? 2 : 1);
}

static sz_status start(sz_survey *s, sz_chain_study *e, const char *op) {
    const subject *what = NULL;
    sz_cpu_set mask;
    int cpu = 0; // one thread
    SZ_TRY(find_subject(s->ctx, op, &what));
    SZ_TRY(sz_cpu_parse(s->ctx, s->options->cpu_mask, &mask));
    s->cpu = sz_cpu_detect() & ~mask;
    s->cpus = &cpu;
    s->n_cpus = sz_pin_allowed(&cpu, 1);
    if (s->n_cpus == 0)
        return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE,
                       "the system does not tell which CPUs may be used");
    return explain(s, e, what);
}

sz_status sz_machine_explain(sz_ctx *ctx, const sz_measure_options *options, const char *op,
                             sz_chain_study **ret_study) {
    static const sz_measure_options none = {0};
    sz_survey s = {.ctx = ctx, .options = options ? options : &none, .root = "", .scale = 1};
    sz_chain_study *e = sz_alloc(ctx, sizeof *e);
    if (!e) return sz_no_memory(ctx);
    e->ctx = ctx;
    sz_arena_init(&e->arena, ctx);
    sz_status status = sz_machine_create(ctx, &s.m); // takes the notes of the clock
    if (status == SZ_OK) status = start(&s, e, op);
    for (size_t i = 0; status == SZ_OK && i < s.m->notes.n; i++)
        status = say(e, "Note: %s.", s.m->notes.items[i]);
    sz_machine_destroy(s.m);
    if (status == SZ_OK)
        *ret_study = e;
    else
        sz_chain_study_destroy(e);
    return status;
}

void sz_chain_study_destroy(sz_chain_study *e) {
    if (!e) return;
    sz_ctx *ctx = e->ctx;
    sz_vec_finish(ctx, &e->points);
    sz_vec_finish(ctx, &e->summaries);
    sz_vec_finish(ctx, &e->lines);
    sz_arena_finish(&e->arena);
    sz_free(ctx, e, sizeof *e);
}

size_t sz_chain_study_point_count(const sz_chain_study *e) { return e->points.n; }
sz_chain_point sz_chain_study_point(const sz_chain_study *e, size_t i) {
    return e->points.items[i];
}
size_t sz_chain_study_summary_count(const sz_chain_study *e) { return e->summaries.n; }
sz_chain_summary sz_chain_study_summary(const sz_chain_study *e, size_t i) {
    return e->summaries.items[i];
}
size_t sz_chain_study_line_count(const sz_chain_study *e) { return e->lines.n; }
const char *sz_chain_study_line(const sz_chain_study *e, size_t i) { return e->lines.items[i]; }
