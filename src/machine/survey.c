// SPDX-License-Identifier: Apache-2.0
// Measure this machine: what is done in which order, and whether the result can be trusted.
#include "machine/survey.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/pin.h"
#include "os/procfs.h"

enum { MAX_CPUS = 1024 };
static const double USUAL_BUDGET_S = 8;

sz_watch sz_survey_watch(const sz_survey *s, bool all, double round_s, double budget_s) {
    return (sz_watch){.cpus = s->cpus,
                      .n_threads = all ? s->n_cpus : 1,
                      .chain = s->chain,
                      .round_s = round_s,
                      .budget_s = budget_s * s->scale};
}

bool sz_survey_stopped(sz_survey *s) {
    if (s->options->stop && *s->options->stop) s->stopped = true;
    return s->stopped;
}

bool sz_survey_late(const sz_survey *s) {
    return s->step_until > 0 && sz_clock_s() >= s->step_until;
}

sz_status sz_survey_check(sz_survey *s) {
    if (!sz_survey_stopped(s)) return SZ_OK;
    return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE, "stopped by the user");
}

// Add up what disturbed a reading.
static sz_status take_note(sz_survey *s, const sz_reading *r) {
    s->cpu_s += r->cpu_s;
    s->wall_s += r->wall_s;
    if (r->pinned || !s->m->ok) return SZ_OK;
    s->m->ok = false;
    return sz_machine_add_note(s->m, "threads could not be bound to their CPUs");
}

sz_status sz_survey_time(sz_survey *s, const sz_watch *watch, const sz_work *work,
                         sz_reading *ret) {
    sz_watch within = *watch;
    SZ_TRY(sz_survey_check(s));
    if (s->step_until > 0) {
        const double left = s->step_until - sz_clock_s();
        if (left < within.budget_s) within.budget_s = left > 0 ? left : 0;
    }
    sz_status status = sz_watch_time(s->ctx, &within, work, ret);
    if (status == SZ_ERR_UNAVAILABLE) { // a quota may have slept through a short round
        within.round_s *= 5;
        status = sz_watch_time(s->ctx, &within, work, ret);
    }
    SZ_TRY(status);
    // A disturbance is over soon or lasts minutes: one more try tells which, and costs little.
    if ((ret->verdict == SZ_CONTENDED || ret->verdict == SZ_UNSTEADY) && !sz_survey_late(s)) {
        sz_reading again;
        SZ_TRY(sz_watch_time(s->ctx, &within, work, &again));
        if (again.verdict == SZ_VALID || again.rate.spread < ret->rate.spread) *ret = again;
    }
    return take_note(s, ret);
}

sz_status sz_survey_interleave(sz_survey *s, sz_watch *watches, const sz_work *works, size_t n,
                               sz_reading *ret) {
    double left = s->step_until - sz_clock_s();
    SZ_TRY(sz_survey_check(s));
    if (left < 0) left = 0;
    for (size_t i = 0; i < n; i++) {
        watches[i].stop = s->options->stop;
        if (s->step_until > 0 && watches[i].budget_s * (double)n > left)
            watches[i].budget_s = left / (double)n;
    }
    sz_status status = sz_watch_interleave(s->ctx, watches, works, n, ret);
    if (status == SZ_ERR_UNAVAILABLE) { // a quota may have slept through a short round
        for (size_t i = 0; i < n; i++) watches[i].round_s *= 5;
        status = sz_watch_interleave(s->ctx, watches, works, n, ret);
    }
    SZ_TRY(status);
    for (size_t i = 0; i < n; i++) SZ_TRY(take_note(s, &ret[i]));
    return SZ_OK;
}

void sz_survey_tell(const sz_survey *s, const char *what) {
    if (s->options->progress) s->options->progress(s->options->user, what);
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status release_buffer(sz_survey *s) {
    sz_unmap_buffer(s);
    return SZ_OK;
}

typedef struct step {
    const char *name;
    sz_status (*run)(sz_survey *s);
    double budget_s; // of a quick measurement; longer ones get more in proportion
    double full_s;   // of a thorough one, where that is more; it is spent only while others disturb
    bool thorough;   // left out of a quick measurement
} step;

// The latency curve writes over the buffer, so it comes before the fill, and the latencies after
// the bandwidths. The disk comes last: it may leave the system busy writing.
static const step steps[] = {
    {"clock", sz_choose_clock, 0.5, 0, false},
    {"counters", sz_check_counters, 0.1, 0, false},
    {"peaks", sz_measure_peaks, 3, 20, false},
    {"memory", sz_map_buffer, 0.2, 0, false},
    {"latency curve", sz_measure_latency_curve, 2.5, 0, false},
    {"memory", sz_fill_buffer, 1.5, 0, false},
    {"bandwidth curve", sz_measure_bandwidth_curve, 1, 6, true},
    {"bandwidths", sz_measure_bandwidths, 1.8, 16, false},
    {"latencies", sz_measure_latencies, 0.3, 0, false},
    {"latencies on small pages", sz_measure_small_pages, 1, 0, true},
    {"memory", release_buffer, 0.2, 0, false},
    {"overheads", sz_measure_overheads, 0.4, 0, false},
    {"network", sz_measure_links, 0.4, 0, false},
    {"power", sz_measure_power, 0.6, 3, false},
    {"disk", sz_measure_disk, 2.5, 0, false},
};

static double budget_of(const sz_survey *s, const step *at) {
    static const double FULL = 3; // scale of a full measurement
    const double usual = at->budget_s * s->scale, full = at->full_s * s->scale / FULL;
    return s->options->thorough && full > usual ? full : usual;
}

// What cannot be had here is a gap, and no reason to lose the rest.
static sz_status run_step(sz_survey *s, const step *at) {
    if (sz_survey_stopped(s) || (at->thorough && !s->options->thorough)) return SZ_OK;
    s->step_until = sz_clock_s() + budget_of(s, at);
    sz_survey_tell(s, at->name);
    const sz_status status = at->run(s);
    s->step_until = 0;
    if (status != SZ_ERR_UNAVAILABLE || sz_survey_stopped(s))
        return s->stopped && status == SZ_ERR_UNAVAILABLE ? SZ_OK : status;
    return sz_machine_add_gap(s->m, at->name, sz_ctx_error(s->ctx));
}

static sz_status measure_all(sz_survey *s) {
    const sz_counts before = sz_count_now();
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) SZ_TRY(run_step(s, &steps[i]));
    sz_unmap_buffer(s);
    const sz_counts after = sz_count_now();
    SZ_TRY(sz_make_roofs(s->m));
    if (s->options->program && !sz_survey_stopped(s))
        SZ_TRY(sz_measure_libraries(s->m, s->options, s->n_cpus));
    if (s->stopped)
        SZ_TRY(sz_disturbed(s, "stopped by the user: what is missing was not measured"));
    return sz_judge(s, &before, &after);
}

static sz_status name_machine(sz_survey *s) {
    char now[21];
    sz_clock_utc(now);
    s->m->identity.name = sz_machine_text(s->m, s->options->name ? s->options->name : "here");
    s->m->identity.measured_utc = sz_machine_text(s->m, now);
    s->m->identity.notes = "measured by sizeup: short batches on pinned threads; of a core's own "
                           "units the undisturbed level, of shared memory the median";
    s->m->power.method = "not measured";
    return s->m->identity.name && s->m->identity.measured_utc ? SZ_OK : sz_no_memory(s->ctx);
}

static sz_status survey(sz_survey *s) {
    sz_cpu_set mask;
    SZ_TRY(sz_cpu_parse(s->ctx, s->options->cpu_mask, &mask));
    s->cpu = sz_cpu_detect() & ~mask;
    const int most = s->options->threads > 0 && s->options->threads < MAX_CPUS ? s->options->threads
                                                                               : MAX_CPUS;
    s->n_cpus = sz_pin_allowed(s->cpus, most);
    if (s->n_cpus == 0)
        return sz_fail(s->ctx, SZ_ERR_UNAVAILABLE,
                       "the system does not tell which CPUs may be used");
    SZ_TRY(sz_describe_all(s->m, s->options));
    SZ_TRY(name_machine(s));
    return measure_all(s);
}

sz_status sz_machine_measure(sz_ctx *ctx, const sz_measure_options *options,
                             sz_machine **ret_machine) {
    static const sz_measure_options none = {0};
    sz_survey s = {.ctx = ctx, .options = options ? options : &none};
    s.root = s.options->root ? s.options->root : "";
    s.scale = (s.options->budget_s > 0 ? s.options->budget_s : USUAL_BUDGET_S) / USUAL_BUDGET_S;
    SZ_TRY(sz_machine_create(ctx, &s.m));
    s.cpus = sz_alloc(ctx, MAX_CPUS * sizeof *s.cpus);
    sz_status status = s.cpus ? survey(&s) : sz_no_memory(ctx);
    sz_unmap_buffer(&s);
    sz_free(ctx, s.cpus, MAX_CPUS * sizeof *s.cpus);
    if (status == SZ_OK)
        *ret_machine = s.m;
    else
        sz_machine_destroy(s.m);
    return status;
}
