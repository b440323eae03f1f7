// SPDX-License-Identifier: Apache-2.0
// The one stopwatch: pinned threads that preheat, start together and time short batches until the
// median is stable or the budget ends.
//
// Batches last about 0.3 ms: long against the clock's resolution and short against a time slice, so
// that on a busy machine most batches run undisturbed and the median is that of an idle machine. A
// chain of dependent integer operations before and after each batch tells the core's clock.
//
// What a core does by itself (its pipes, its nearest caches) can only be slowed down: by an
// interruption, or by a stranger on the other thread of the core, which no counter in a guest
// shows. For such work (`own`) the reading is the 98th percentile of the work per cycle, and rounds
// follow until some of them, at different times, have reached it. For memory that is shared it is
// the median: what is usual.
#ifndef SZ_STOPWATCH_H
#define SZ_STOPWATCH_H

#include "machine/kernels/kernels.h"
#include "machine/measure/stats.h"
#include "machine/measure/verdict.h"

// What to time. `run` does n units of work as thread `thread`; it must not fail.
typedef struct sz_work {
    void (*run)(void *user, int thread, int64_t n);
    void *user;
    double per_unit; // what one unit is worth: FLOP, bytes or steps
    // After each round, where it is not NULL: why its results are none, or NULL.
    const char *(*check)(void *user);
} sz_work;

typedef struct sz_watch {
    const int *cpus; // one per thread
    int n_threads;
    const sz_kernel *chain;   // clock row, NULL = no clock
    double round_s;           // time of one round
    double budget_s;          // rounds follow until the median is known to 1 % or this is spent
    double noisy;             // spread from which on a reading is noisy; 0 = SZ_NOISY_SPREAD
    bool own;                 // of units that the core shares with nobody
    double batch_s;           // time of a batch; 0 = 0.3 ms
    int rounds;               // of own work, before it may be known; 0 = 3
    size_t most;              // batches to keep of each thread; 0 = 2000
    const volatile int *stop; // no more rounds once it is 1; NULL = never
} sz_watch;

typedef struct sz_reading {
    sz_stats rate;      // worth per second: sum of the threads' statistics while all were at work
    sz_stats per_cycle; // worth per core cycle, mean of the threads; n = 0 without a clock
    double level, level_per_cycle; // the reading: of own work the undisturbed one, else the medians
    double disturbed;     // share of the batches more than 5 % below the level; NaN unless `own`
    double cpu_s, wall_s; // of the threads while they timed batches
    double clock_hz;      // median of the threads' medians, 0 = not known
    double window_rate;   // all work of the last round over the time when all were at work
    int64_t involuntary;  // times that a thread was taken off its CPU
    int64_t batches;
    bool pinned;          // every thread got its CPU
    sz_evidence evidence; // what the verdict comes from
    sz_verdict verdict;
    const char *why_not; // NULL, or why the reading is none: then no number of it means anything
} sz_reading;

sz_status sz_watch_time(sz_ctx *ctx, const sz_watch *watch, const sz_work *work,
                        sz_reading *ret_reading) SZ_MUST_USE;

// The same for several works, a round of each in turn, so that a disturbance of some seconds meets
// all of them and each is seen at several times. `ret` has one element per work.
sz_status sz_watch_interleave(sz_ctx *ctx, const sz_watch *watches, const sz_work *works, size_t n,
                              sz_reading *ret_readings) SZ_MUST_USE;

// What an interleaving needs: watches and works to be filled in, and readings that come out.
typedef struct sz_turns {
    size_t n;
    sz_watch *watches;
    sz_work *works;
    sz_reading *readings;
} sz_turns;
// Zeroed, n of each. After a failure there is nothing to finish.
sz_status sz_turns_init(sz_ctx *ctx, size_t n, sz_turns *ret_turns) SZ_MUST_USE;
void sz_turns_finish(sz_ctx *ctx, sz_turns *turns); // of a zeroed one too

// Run work->run(user, t, 1) once on each thread, pinned, all at the same time.
sz_status sz_watch_once(sz_ctx *ctx, const sz_watch *watch, const sz_work *work) SZ_MUST_USE;

// The chain that tells the clock of this CPU; NULL = there is none.
const sz_kernel *sz_watch_chain(void);

// Clock from one run of the chain, Hz. Whatever comes between makes it too low, never too high.
double sz_watch_clock(const sz_kernel *chain);

#endif
