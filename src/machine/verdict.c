// SPDX-License-Identifier: Apache-2.0
// Can the measurement of a machine be trusted as a whole? Each reading has its own verdict; here is
// what only the whole run shows.
#include "machine/survey.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "machine/measure/traps.h"
#include "os/clock.h"
#include "os/procfs.h"

sz_status sz_disturbed(sz_survey *s, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    s->m->ok = false;
    return sz_machine_add_note(s->m, "%s", text);
}

// ---- what the system counted -------------------------------------------------------------------

sz_counts sz_count_now(void) {
    return (sz_counts){.time_s = sz_clock_s(),
                       .process_s = sz_clock_process_s(),
                       .steal = sz_proc_steal_ticks(""),
                       .busy = sz_proc_busy_ticks(""),
                       .throttled = sz_proc_throttled("")};
}

// Readings are made of batches that ran undisturbed, or their medians; so stolen time is a fact to
// know, and no fault of theirs unless it is much.
static sz_status judge_steal(sz_survey *s, const sz_counts *before, const sz_counts *after) {
    static const double MUCH = 0.1;
    const int64_t per_s = sysconf(_SC_CLK_TCK), ticks = after->steal - before->steal;
    const double seconds = after->time_s - before->time_s;
    if (before->steal < 0 || !sz_was_stolen(ticks, per_s, seconds)) return SZ_OK;
    const double stolen_s = (double)ticks / (double)per_s;
    if (stolen_s > MUCH * seconds * s->n_cpus) s->m->ok = false;
    return sz_machine_add_note(s->m, "the hypervisor gave %.2f s of CPU time to other guests",
                               stolen_s);
}

// A thread that shares its CPU with another process loses a good part of the wall time.
static sz_status judge_interruptions(sz_survey *s) {
    static const double LOST = 0.03;
    if (!(s->cpu_s < (1 - LOST) * s->wall_s)) return SZ_OK;
    return sz_disturbed(s, "threads had no CPU for %.0f %% of the time: something else is running",
                        100 * (1 - s->cpu_s / s->wall_s));
}

// Others on other CPUs take no CPU time from a thread, but memory and power, and perhaps half of
// its core.
static sz_status judge_others(sz_survey *s, const sz_counts *before, const sz_counts *after) {
    static const double BUSY = 0.15; // of the CPUs in use
    const double seconds = after->time_s - before->time_s;
    const double busy = (double)(after->busy - before->busy) / (double)sysconf(_SC_CLK_TCK);
    const double others = (busy - (after->process_s - before->process_s)) / seconds;
    if (before->busy < 0 || after->busy < 0 || !(others > BUSY * s->n_cpus)) return SZ_OK;
    return sz_disturbed(s, "other processes used %.1f CPUs meanwhile", others);
}

static sz_status judge_quota(sz_survey *s, int64_t throttled, int64_t after) {
    const double quota = s->m->host.quota_cpus;
    if (!(quota < s->n_cpus)) return SZ_OK; // also when there is none: NaN
    SZ_TRY(sz_machine_add_note(s->m,
                               "this control group may use %.2f CPUs of %d: rates are those of the "
                               "moments when it ran, and long runs are slower",
                               quota, s->n_cpus));
    if (throttled < 0 || after <= throttled) return SZ_OK;
    return sz_disturbed(s, "the quota of the control group stopped this process %lld times",
                        (long long)(after - throttled));
}

// ---- the readings ------------------------------------------------------------------------------

typedef struct tally {
    int64_t n, of[SZ_UNSTEADY + 1];
    double worst; // spread
} tally;

static void count(tally *t, const char *verdict, double spread) {
    if (!verdict) return;
    t->n++;
    if (spread > t->worst) t->worst = spread;
    for (int v = 0; v <= SZ_UNSTEADY; v++)
        t->of[v] += strcmp(verdict, sz_verdict_name((sz_verdict)v)) == 0;
}

// One sentence for a group of readings that are not all valid: how many of which verdict, and what
// to do about the most frequent one.
static sz_status tell(sz_survey *s, const char *what, const tally *t) {
    char text[256] = "";
    size_t at = 0;
    int most = SZ_NOISY;
    if (t->of[SZ_VALID] == t->n) return SZ_OK;
    for (int v = SZ_NOISY; v <= SZ_UNSTEADY; v++) {
        if (t->of[v] > t->of[most]) most = v;
        if (t->of[v] == 0) continue;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%lld %s", at ? ", " : "",
                               (long long)t->of[v], sz_verdict_name((sz_verdict)v));
    }
    return sz_disturbed(s, "%s: of %lld readings %s (spread up to %.0f %%): %s", what,
                        (long long)t->n, text, 100 * t->worst,
                        sz_verdict_next_step((sz_verdict)most));
}

static bool is_roof(const sz_machine *m, const sz_peak *p) {
    for (size_t i = 0; i < m->roofs.n; i++)
        if (m->roofs.items[i].flop_per_s == p->flop_per_s) return true;
    return false;
}

static sz_status judge_peaks(sz_survey *s) {
    tally t = {0};
    for (size_t i = 0; i < s->m->peaks.n; i++) {
        const sz_peak *p = &s->m->peaks.items[i];
        if (is_roof(s->m, p)) count(&t, p->verdict, p->spread);
    }
    return tell(s, "roofs", &t);
}

// Only main memory: deep caches are shared with the whole host, and their spread is their nature.
static sz_status judge_bandwidths(sz_survey *s) {
    const int dram = sz_main_memory(s->m);
    tally t = {0};
    if (dram < 0) return SZ_OK;
    const sz_mem_level *l = &s->m->levels.items[dram];
    for (size_t i = 0; i < l->bandwidths.n; i++)
        count(&t, l->bandwidths.items[i].verdict, l->bandwidths.items[i].spread);
    return tell(s, "DRAM", &t);
}

static double roof_of(const sz_machine *m, const char *dtype, int threads) {
    for (size_t i = 0; i < m->roofs.n; i++) {
        const sz_roof *r = &m->roofs.items[i];
        if (r->threads == threads && strcmp(r->dtype, dtype) == 0 && strcmp(r->op, "fma") == 0)
            return r->flop_per_s;
    }
    return 0;
}

// Two logical CPUs of one core share its pipes: all threads then give little more than one per
// core.
static sz_status judge_scaling(sz_survey *s) {
    const double one = roof_of(s->m, "f32", 1), all = roof_of(s->m, "f32", s->n_cpus);
    if (!sz_trap_shared_cores(one, all, s->n_cpus)) return SZ_OK;
    return sz_machine_add_note(s->m,
                               "%d threads reach %.1f times one thread: they share cores, power or "
                               "CPU time",
                               s->n_cpus, all / one);
}

// A clock that fell between the first peak and the last: the hot machine is the real one.
static sz_status judge_clock(sz_survey *s) {
    double first = 0, last = 0;
    for (size_t i = 0; i < s->m->peaks.n; i++) {
        const sz_peak *p = &s->m->peaks.items[i];
        if (p->threads != 1 || !(p->clock_hz > 0)) continue;
        if (first == 0) first = p->clock_hz;
        last = p->clock_hz;
    }
    if (first == 0 || last > 0.95 * first) return SZ_OK;
    return sz_machine_add_note(s->m,
                               "the clock fell from %.2f to %.2f GHz between the peaks: "
                               "compare FLOP per cycle",
                               first * 1e-9, last * 1e-9);
}

// A stranger on the other thread of a core slows batches and shows nowhere else.
static sz_status judge_neighbours(sz_survey *s) {
    static const double MANY = 0.2;
    double disturbed = 0, n = 0;
    for (size_t i = 0; i < s->m->peaks.n; i++)
        if (s->m->peaks.items[i].disturbed >= 0) disturbed += s->m->peaks.items[i].disturbed, n++;
    if (n == 0 || disturbed < MANY * n) return SZ_OK;
    return sz_machine_add_note(
        s->m,
        "%.0f %% of the batches of the peaks were slowed, though they had their "
        "CPU: the cores are shared with strangers, and long runs are slower "
        "than the roofs",
        100 * disturbed / n);
}

sz_status sz_judge(sz_survey *s, const sz_counts *before, const sz_counts *after) {
    SZ_TRY(judge_steal(s, before, after));
    SZ_TRY(judge_interruptions(s));
    SZ_TRY(judge_others(s, before, after));
    SZ_TRY(judge_neighbours(s));
    SZ_TRY(judge_peaks(s));
    SZ_TRY(judge_bandwidths(s));
    SZ_TRY(judge_scaling(s));
    SZ_TRY(judge_clock(s));
    return judge_quota(s, before->throttled, after->throttled);
}
