// SPDX-License-Identifier: Apache-2.0
// Peaks: kernels that this CPU runs, on one thread and on all. The widest row
// of each kind of work comes first and is all that a quick measurement takes; a
// thorough one adds the other rows.
#include "machine/survey.h"

#include <math.h>

#include "machine/measure/traps.h"
#include "machine/measure/walk.h"
#include "os/pages.h"

typedef struct peak_work {
    const sz_kernel *kernel;
    sz_kernel_state *fresh;
    sz_kernel_state *states; // one per thread, for all works: they take turns
    int threads;
} peak_work;

static void run_peak(void *user, int thread, int64_t n) {
    const peak_work *w = user;
    sz_peak_run(w->kernel, w->fresh, &w->states[thread], n);
}

// A short run against the closed form: a kernel that skips work must never make
// a record.
static bool computes(const sz_kernel *k, sz_kernel_state *state) {
    enum { FEW = 2, MANY = 200 };
    sz_kernel_job job = {.n = FEW, .state = state};
    sz_kernel_state_init(k, state);
    k->run(&job);
    if (!sz_kernel_state_holds(k, state, FEW)) return false;
    job.n = MANY - FEW;
    k->run(&job);
    return sz_kernel_state_holds(k, state, MANY);
}

// ---- one reading -------------------------------------------------------------------------------

// Instructions per cycle in theory. Pipes are whole: where the rate is near a whole number of
// instructions in a cycle, or of cycles for an instruction (units that are not pipelined), that
// number is the design of the core. It may be somewhat missed, but hardly surpassed. Nothing is
// told by the rows of c/, because the compiler chose the instructions, by mixtures of many
// instructions, and by a level that was not met twice.
static double pipes_of(const sz_kernel *k, const sz_reading *r) {
    static const double MISSED = 0.95, SURPASSED = 1.02, MISSED_CYCLES = 0.98;
    if (k->portable || r->clock_hz <= 0 || strcmp(k->op, "exp") == 0) return SZ_NAN;
    if (r->evidence.reached < 2) return SZ_NAN;
    const double rate = r->level_per_cycle / sz_kernel_flops_each(k);
    const double whole = rate >= 0.9 ? round(rate) : 1 / round(1 / rate);
    const double least = rate >= 0.9 ? MISSED : MISSED_CYCLES;
    return rate >= least * whole && rate <= SURPASSED * whole ? whole : SZ_NAN;
}

static double theoretical(const sz_kernel *k, const sz_reading *r, int threads) {
    return pipes_of(k, r) * sz_kernel_flops_each(k) * r->clock_hz * threads;
}

// A stranger who never rests leaves a level of its own, which many batches meet: 3.5 instructions a
// cycle, say. What fits no design of a core, while many batches were slower still, is such a level.
static sz_verdict verdict_of(const sz_kernel *k, const sz_reading *r) {
    static const double MANY = 0.2;
    if (r->verdict != SZ_VALID || k->portable || strcmp(k->op, "exp") == 0) return r->verdict;
    return isnan(pipes_of(k, r)) && r->disturbed > MANY ? SZ_CONTENDED : SZ_VALID;
}

static sz_peak make_peak(const sz_kernel *k, const sz_reading *r, int threads) {
    const bool clock = r->clock_hz > 0;
    const sz_verdict verdict = verdict_of(k, r);
    const double theory = theoretical(k, r, threads);
    return (sz_peak){.device = "cpu",
                     .unit = sz_kernel_unit(k),
                     .op = k->op,
                     .dtype = k->dtype,
                     .isa = k->isa,
                     .threads = threads,
                     .flop_per_s = r->level,
                     .theoretical_flop_per_s = theory,
                     .fraction = r->level / theory,
                     .pipes = pipes_of(k, r),
                     .flop_per_cycle = clock ? r->level_per_cycle : SZ_NAN,
                     .clock_hz = clock ? r->clock_hz : SZ_NAN,
                     .window_flop_per_s = r->window_rate,
                     .n = r->rate.n,
                     .median = r->rate.median,
                     .best = r->rate.best,
                     .p5 = r->rate.p5,
                     .p95 = r->rate.p95,
                     .ci_lo = r->rate.ci_lo,
                     .ci_hi = r->rate.ci_hi,
                     .spread = r->rate.spread,
                     .disturbed = r->disturbed,
                     .verdict = sz_verdict_name(verdict),
                     .next_step = sz_verdict_next_step(verdict)};
}

// After each round: a kernel whose numbers leave the normal ones runs at another speed.
static const char *check_numbers(void *user) {
    const peak_work *w = user;
    for (int i = 0; i < w->threads; i++)
        if (!sz_kernel_state_normal(w->kernel, &w->states[i]))
            return "left numbers that are not normal: not trusted";
    return NULL;
}

// What the cores could do at most, or the reason why the reading is none.
static const char *refusal(const sz_kernel *k, const sz_reading *r) {
    if (r->why_not) return r->why_not;
    if (!k->portable && r->clock_hz > 0 && sz_trap_too_fast(r->level_per_cycle, sz_kernel_bound(k)))
        return "ran faster than the pipes of any core can: not trusted";
    return NULL;
}

// ---- a program of works ------------------------------------------------------------------------

// All works with what they need: they run a round each in turn, so that a slow phase of the machine
// meets all of them a little and none altogether.
typedef struct program {
    sz_ctx *ctx;
    SZ_VEC(peak_work) works;
    sz_kernel_state *states; // n_cpus for all works, and a fresh one of each kernel
    size_t size, n_fresh;
} program;

static sz_status program_init(program *p, sz_survey *s) {
    *p = (program){.ctx = s->ctx};
    for (size_t i = 0; sz_kernel_get(i); i++) p->n_fresh++;
    p->size = ((size_t)s->n_cpus + p->n_fresh) * sizeof *p->states;
    p->states = sz_pages_map(p->size); // pages that are not used cost nothing
    p->n_fresh = 0;
    return p->states ? SZ_OK : sz_no_memory(s->ctx);
}

static void program_finish(program *p) {
    sz_vec_finish(p->ctx, &p->works);
    if (p->states) sz_pages_unmap(p->states, p->size);
}

static sz_status add_work(program *p, sz_survey *s, const sz_kernel *k, sz_kernel_state *fresh,
                          bool all) {
    const peak_work w = {k, fresh, p->states, all ? s->n_cpus : 1};
    return sz_vec_push(s->ctx, &p->works, w) ? SZ_OK : sz_no_memory(s->ctx);
}

static sz_status add_kernel(program *p, sz_survey *s, const sz_kernel *k, bool all) {
    if (!computes(k, p->states))
        return sz_machine_add_gap(s->m, k->name, "its results were wrong: not trusted");
    sz_kernel_state *fresh = &p->states[(size_t)s->n_cpus + p->n_fresh++];
    sz_kernel_state_init(k, fresh);
    SZ_TRY(add_work(p, s, k, fresh, false));
    return all && s->n_cpus > 1 ? add_work(p, s, k, fresh, true) : SZ_OK;
}

// Short batches: the shorter, the more of them run undisturbed.
static sz_watch watch_of(const sz_survey *s, const peak_work *w) {
    sz_watch watch = sz_survey_watch(s, w->threads > 1, 0.01, s->options->thorough ? 0.14 : 0.1);
    watch.own = true;
    watch.batch_s = 0.05e-3;
    watch.rounds = s->options->thorough ? 8 : 4;
    watch.most = s->n_cpus > 32 ? (size_t)(64000 / s->n_cpus) + 100
                                : 2000; // of works that all stay
    watch.chain = sz_clock_beside(s, w->kernel);
    return watch;
}

// The first round on tiles may be thirty times slower: the core must get leave for the power.
static sz_status warm_tiles(sz_survey *s, const sz_watch *watches, const sz_work *works,
                            const program *p) {
    sz_reading r;
    for (size_t i = 0; i < p->works.n; i++)
        if (strcmp(sz_kernel_unit(p->works.items[i].kernel), "matrix") == 0)
            SZ_TRY(sz_survey_time(s, &watches[i], &works[i], &r));
    return SZ_OK;
}

static sz_status take_peaks(sz_survey *s, const program *p, const sz_reading *readings) {
    for (size_t i = 0; i < p->works.n; i++) {
        const peak_work *w = &p->works.items[i];
        const char *why = refusal(w->kernel, &readings[i]);
        const sz_peak peak = make_peak(w->kernel, &readings[i], w->threads);
        if (why)
            SZ_TRY(sz_machine_add_gap(s->m, w->kernel->name, why));
        else if (!sz_vec_push(s->ctx, &s->m->peaks, peak))
            return sz_no_memory(s->ctx);
    }
    return SZ_OK;
}

static sz_status run_program(sz_survey *s, const program *p) {
    sz_turns t;
    SZ_TRY(sz_turns_init(s->ctx, p->works.n, &t));
    for (size_t i = 0; i < t.n; i++) {
        peak_work *w = &p->works.items[i];
        t.watches[i] = watch_of(s, w);
        t.works[i] = (sz_work){run_peak, w, sz_kernel_flops(w->kernel, 0), check_numbers};
    }
    sz_status status = warm_tiles(s, t.watches, t.works, p);
    if (status == SZ_OK) status = sz_survey_interleave(s, t.watches, t.works, t.n, t.readings);
    if (status == SZ_OK) status = take_peaks(s, p, t.readings);
    sz_turns_finish(s->ctx, &t);
    return status;
}

// ---- which rows --------------------------------------------------------------------------------

// What a quick measurement takes, and of which on all threads too. A
// multiply-add may be fused or not.
typedef struct wanted {
    const char *op, *dtype;
    bool all;
} wanted;
static const wanted main_rows[] = {
    {"fma", "f32", true},      {"fma", "f64", true},      {"add", "f32", true},
    {"add", "f64", false},     {"mul", "f32", false},     {"mul", "f64", false},
    {"max+mul", "f32", false}, {"max+mul", "f64", false}, {"div", "f32", false},
    {"div", "f64", false},     {"exp", "f32", false},     {"exp", "f64", false},
    {"dot", "bf16", true},     {"dot", "int8", true},
};

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }

// Two rows for the same work on the same unit; the wider one counts, a fused
// one at equal width, and any before one of c/.
static bool rivals(const sz_kernel *a, const sz_kernel *b) {
    const bool both = same(a->op, b->op) || (same(a->op, "fma") && same(b->op, "mul+add")) ||
                      (same(a->op, "mul+add") && same(b->op, "fma"));
    return both && same(a->dtype, b->dtype) && same(sz_kernel_unit(a), sz_kernel_unit(b));
}

static bool better(const sz_kernel *a, const sz_kernel *b) {
    if (a->portable != b->portable) return b->portable;
    if (sz_kernel_bits(a) != sz_kernel_bits(b)) return sz_kernel_bits(a) > sz_kernel_bits(b);
    if (same(a->op, b->op)) return a > b;
    return same(a->op, "fma");
}

static bool is_widest(const sz_survey *s, const sz_kernel *k) {
    const sz_kernel *other;
    for (size_t i = 0; (other = sz_kernel_get(i)); i++)
        if (other != k && other->family == SZ_KERNEL_peak && rivals(k, other) && better(other, k) &&
            sz_kernel_runs(other, s->cpu))
            return false;
    return !same(sz_kernel_unit(k), "scalar");
}

// The C rows for short formats are references: what a compiler makes of them is
// no roof.
static bool is_reference(const sz_kernel *k) {
    return k->portable && (same(k->op, "dot") || same(k->dtype, "int32"));
}

static const wanted *main_row(const sz_survey *s, const sz_kernel *k) {
    for (size_t i = 0; i < sizeof main_rows / sizeof main_rows[0]; i++) {
        const wanted *w = &main_rows[i];
        const bool op = same(w->op, k->op) || (same(w->op, "fma") && same(k->op, "mul+add"));
        if (op && same(w->dtype, k->dtype)) return is_widest(s, k) ? w : NULL;
    }
    return NULL;
}

static sz_status add_rows(program *p, sz_survey *s, bool others) {
    const sz_kernel *k;
    for (size_t i = 0; (k = sz_kernel_get(i)); i++) {
        if (k->family != SZ_KERNEL_peak || is_reference(k) || !sz_kernel_runs(k, s->cpu)) continue;
        const wanted *w = main_row(s, k);
        if ((w == NULL) != others) continue;
        SZ_TRY(add_kernel(p, s, k, w ? w->all || s->options->thorough : is_widest(s, k)));
    }
    return SZ_OK;
}

// ---- what there is not -------------------------------------------------------------------------

static bool measured(const sz_machine *m, const char *op, const char *dtype) {
    for (size_t i = 0; i < m->peaks.n; i++)
        if (same(m->peaks.items[i].op, op) && same(m->peaks.items[i].dtype, dtype)) return true;
    return false;
}

static sz_status list_gaps(sz_survey *s) {
    static const struct {
        const char *what, *op, *dtype;
        sz_cpu_set any; // features that could do it
    } formats[] = {
        {"bf16 dot", "dot", "bf16", SZ_CPU(avx512_bf16) | SZ_CPU(amx_bf16) | SZ_CPU(bf16)},
        {"f16 fma", "fma", "f16", SZ_CPU(avx512_fp16) | SZ_CPU(neon_fp16)},
        {"int8 dot", "dot", "int8",
         SZ_CPU(avx512_vnni) | SZ_CPU(avx_vnni) | SZ_CPU(amx_int8) | SZ_CPU(neon_dot)}};
    if ((s->cpu & SZ_CPU(amx_tile)) && !sz_kernel_tiles_allowed())
        SZ_TRY(sz_machine_add_gap(s->m, "tiles (AMX)",
                                  "the system does not let this process use them"));
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const bool has = s->cpu & formats[i].any;
        if (measured(s->m, formats[i].op, formats[i].dtype)) continue;
        if (has && !s->options->thorough) continue; // left out: said below
        SZ_TRY(sz_machine_add_gap(s->m, formats[i].what,
                                  has ? "this CPU has it, but no kernel of ours that runs here"
                                      : "this CPU has no instruction for it"));
    }
    if (s->options->thorough) return SZ_OK;
    return sz_machine_add_gap(s->m,
                              "max, add+max, fma+add, sqrt, f16, int32, narrow vectors, scalars",
                              "left out of a quick measurement");
}

// The clock of the fastest kernel of f32: what the machine is bought for.
static void note_clocks(sz_machine *m) {
    double best_one = 0, best_all = 0;
    for (size_t i = 0; i < m->peaks.n; i++) {
        const sz_peak *p = &m->peaks.items[i];
        if (strcmp(p->dtype, "f32") != 0) continue;
        if (p->threads == 1 && p->flop_per_s > best_one)
            best_one = p->flop_per_s, m->cpu.clock_hz = p->clock_hz;
        if (p->threads > 1 && p->flop_per_s > best_all)
            best_all = p->flop_per_s, m->cpu.clock_all_hz = p->clock_hz;
    }
    if (best_all == 0) m->cpu.clock_all_hz = m->cpu.clock_hz;
}

sz_status sz_measure_peaks(sz_survey *s) {
    program p;
    sz_survey_tell(s, "peaks");
    sz_status status = program_init(&p, s);
    if (status == SZ_OK) status = add_rows(&p, s, false);
    if (status == SZ_OK && s->options->thorough) status = add_rows(&p, s, true);
    if (status == SZ_OK && p.works.n > 0) status = run_program(s, &p);
    program_finish(&p);
    note_clocks(s->m);
    return status == SZ_OK ? list_gaps(s) : status;
}
