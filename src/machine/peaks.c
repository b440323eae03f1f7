// SPDX-License-Identifier: Apache-2.0
// Peaks: every kernel of the family that this CPU runs, on one thread and on all.
#include "machine/survey.h"
#include "machine/measure/traps.h"

#include <math.h>

#include "os/pages.h"

typedef struct peak_work {
    const sz_kernel *kernel;
    sz_kernel_state *states; // one per thread
} peak_work;

static void run_peak(void *user, int thread, int64_t n) {
    const peak_work *w = user;
    sz_kernel_job job = {.n = n, .state = &w->states[thread]};
    w->kernel->run(&job);
}

// A short run against the closed form: a kernel that skips work must never make a record.
static bool computes(const sz_kernel *k, sz_kernel_state *state) {
    enum { ITERATIONS = 200 };
    sz_kernel_job job = {.n = ITERATIONS, .state = state};
    sz_kernel_state_init(k, state);
    k->run(&job);
    return sz_kernel_state_holds(k, state, ITERATIONS);
}

// FLOP of one instruction. An unfused multiply-add is two instructions.
static double flop_per_instruction(const sz_kernel *k) {
    double lanes = k->bits / (strcmp(k->dtype, "f64") == 0 ? 64.0 : 32.0);
    return strcmp(k->op, "fma") == 0 ? 2 * lanes : lanes;
}

// Pipes are whole: where the rate per cycle is near a whole number of instructions, that number is
// the design of the core. The rows of c/ tell nothing, because the compiler chose the instructions.
static double theoretical(const sz_kernel *k, const sz_reading *r, int threads) {
    if (k->portable || r->clock_hz <= 0) return SZ_NAN;
    const double each = flop_per_instruction(k), pipes = r->per_cycle.median / each;
    const double whole = round(pipes);
    if (whole < 1 || fabs(pipes - whole) > 0.05 * whole) return SZ_NAN;
    return whole * each * r->clock_hz * threads;
}

// No core has more than 4 pipes for such instructions; above that, something did not run.
static bool believable(const sz_kernel *k, const sz_reading *r) {
    return k->portable || r->clock_hz <= 0 ||
           !sz_trap_too_fast(r->per_cycle.median, 4 * flop_per_instruction(k));
}

static sz_peak make_peak(const sz_kernel *k, const sz_reading *r, int threads) {
    const bool clock = r->clock_hz > 0;
    return (sz_peak){.device = "cpu",
                     .unit = "vector",
                     .op = k->op,
                     .dtype = k->dtype,
                     .isa = k->isa,
                     .threads = threads,
                     .flop_per_s = r->rate.median,
                     .theoretical_flop_per_s = theoretical(k, r, threads),
                     .flop_per_cycle = clock ? r->per_cycle.median : SZ_NAN,
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
                     .verdict = sz_verdict_name(r->verdict),
                     .next_step = sz_verdict_next_step(r->verdict)};
}

static sz_status measure_peak(sz_survey *s, const sz_kernel *k, sz_kernel_state *states, bool all) {
    sz_watch watch = sz_survey_watch(s, all, 0.025, 0.08);
    peak_work w = {k, states};
    const sz_work work = {run_peak, &w, k->flops};
    sz_reading r;
    if (s->chain && s->wide_chain && k->bits >= s->wide_chain->bits) watch.chain = s->wide_chain;
    for (int i = 0; i < watch.n_threads; i++) sz_kernel_state_init(k, &states[i]);
    SZ_TRY(sz_survey_time(s, &watch, &work, &r));
    if (r.why_not) return sz_machine_add_gap(s->m, k->name, r.why_not);
    if (!believable(k, &r))
        return sz_machine_add_gap(s->m, k->name, "ran faster than any core could: not trusted");
    sz_peak peak = make_peak(k, &r, watch.n_threads);
    return sz_vec_push(s->ctx, &s->m->peaks, peak) ? SZ_OK : sz_no_memory(s->ctx);
}

static sz_status measure_kernel(sz_survey *s, const sz_kernel *k, sz_kernel_state *states) {
    if (!computes(k, &states[0]))
        return sz_machine_add_gap(s->m, k->name, "its results were wrong: not trusted");
    SZ_TRY(measure_peak(s, k, states, false));
    return s->n_cpus > 1 ? measure_peak(s, k, states, true) : SZ_OK;
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
    const size_t size = (size_t)s->n_cpus * sizeof(sz_kernel_state);
    sz_kernel_state *states = sz_pages_map(size);
    const sz_kernel *k;
    sz_status status = SZ_OK;
    if (!states) return sz_no_memory(s->ctx);
    sz_survey_tell(s, "peaks");
    for (size_t i = 0; status == SZ_OK && (k = sz_kernel_get(i)); i++)
        if (k->family == SZ_KERNEL_peak && sz_kernel_runs(k, s->cpu))
            status = measure_kernel(s, k, states);
    sz_pages_unmap(states, size);
    if (status == SZ_OK) note_clocks(s->m);
    return status;
}
