// SPDX-License-Identifier: Apache-2.0
#include "machine/measure/verdict.h"

#include <math.h>

// A pinned thread on a CPU of its own has all of the wall time; the rest is for the timer tick.
static const double WHOLE_CPU = 0.9;
// Work in the gaps between batches (the chains for the clock) costs the window some 5 %.
static const double WHOLE_WINDOW = 0.8;
static const double SAME_CLOCK = 0.05, SAME_SPEED = 0.03, CLOCKS_AGREE = 0.02, STOLEN = 0.01;
// Interruptions by some short task of the system are many and take nothing: they count only where
// time was lost, or where it is not known whether it was.
static const double LOST_NOTHING = 0.98;
enum { BATCHES_PER_SWITCH = 50, TWICE = 2 };

// What nothing disturbs repeats to the cycle; what a neighbour lets through differs from batch to
// batch.
static const double PLATEAU = 0.01;

static bool reached(const sz_evidence *e) {
    return e->own && e->reached >= TWICE && e->tail < PLATEAU;
}

static bool misplaced(const sz_evidence *e) { return !e->pinned || e->shared_cpu; }

// Comparisons with NaN are false: what is not known accuses nobody.
static bool contended(const sz_evidence *e) {
    const bool interrupted = e->batches > 0 && e->involuntary * BATCHES_PER_SWITCH > e->batches;
    return misplaced(e) || e->cpu_share < WHOLE_CPU || e->window_share < WHOLE_WINDOW ||
           (interrupted && !(e->cpu_share >= LOST_NOTHING));
}

// Work per cycle stays while the rate moves: then the clock moved.
static bool throttled(const sz_evidence *e, double noisy) {
    return e->clock_change < -SAME_CLOCK || (e->spread > noisy && e->cycle_spread < e->spread / 3);
}

static bool unsteady(const sz_evidence *e) {
    return e->modes > 0 || fabs(e->drift) > SAME_SPEED || e->clock_change > SAME_CLOCK;
}

sz_verdict sz_verdict_of(const sz_evidence *e) {
    const double noisy = e->noisy > 0 ? e->noisy : SZ_NOISY_SPREAD;
    if (reached(e) && !misplaced(e)) return e->clock_change < -SAME_CLOCK ? SZ_THROTTLED : SZ_VALID;
    if (contended(e)) return SZ_CONTENDED;
    if (throttled(e, noisy)) return SZ_THROTTLED;
    if (unsteady(e)) return SZ_UNSTEADY;
    return e->spread > noisy || e->error > noisy / 2 ? SZ_NOISY : SZ_VALID;
}

static const struct {
    const char *name, *next_step;
} verdicts[] = {
    [SZ_VALID] = {"valid", ""},
    [SZ_NOISY] = {"noisy", "measure again, with more time (without --quick)"},
    [SZ_THROTTLED] = {"throttled", "compare FLOP per cycle, or fix the clock: governor "
                                   "'performance', turbo off, better cooling"},
    [SZ_CONTENDED] = {"contended", "stop what else runs, or give fewer threads (--threads)"},
    [SZ_UNSTEADY] = {"unsteady", "measure again at another time and compare the two"},
};

const char *sz_verdict_name(sz_verdict v) { return verdicts[v].name; }
const char *sz_verdict_next_step(sz_verdict v) { return verdicts[v].next_step; }

bool sz_clocks_agree(double a_hz, double b_hz) { return fabs(a_hz - b_hz) <= CLOCKS_AGREE * a_hz; }

bool sz_was_stolen(int64_t ticks, int64_t ticks_per_s, double seconds) {
    if (ticks <= 0 || ticks_per_s <= 0) return false;
    return (double)ticks / (double)ticks_per_s > STOLEN * seconds;
}
