// SPDX-License-Identifier: Apache-2.0
// How cases are timed: preheated until steady, several calls to a sample where one is short against
// the clock, in random rounds so that a disturbance meets all of them, until the median is known.
//
// Time comes from a function, so that a test can make it. docs/benchmarking.md tells why it is so.
#ifndef SZ_PROTOCOL_H
#define SZ_PROTOCOL_H

#include "machine/measure/verdict.h"

typedef struct sz_timed {
    sz_status (*run)(void *user, int64_t n); // n times; this is timed
    void (*before)(void *user);              // before every sample, not timed; NULL = nothing
    void *user;
} sz_timed;

typedef struct sz_protocol {
    double (*clock)(void *user); // seconds
    void *clock_user;
    double preheat_s;                   // most time to preheat a case; 0 = one call only
    double budget_s;                    // most time to time a case, with what comes before samples
    uint64_t seed;                      // of the order of the rounds
    bool one_call;                      // a sample is one call, however short: with cold caches
    const volatile int *stop;           // when this becomes 1 the rest is left out; NULL = never
    void (*tell)(void *user, size_t i); // told before work on case i begins; NULL = nobody
    void *tell_user;
    // Told when timed runs of case i begin (0 runs) and when they end: for what is counted
    // meanwhile, or looked at between. NULL = nobody.
    sz_status (*around)(void *user, size_t i, int64_t runs);
    void *around_user;
    // Told once case i has all its samples, while others may go on; NULL = nobody.
    sz_status (*finished)(void *user, size_t i);
    void *finished_user;
} sz_protocol;

typedef struct sz_timing {
    SZ_VEC(double) samples; // seconds of one call, in the order of time
    int64_t calls;          // to a sample
    double warmup_s, spent_s; // spent_s: with what comes before samples
    bool is_steady;       // preheating ended because it was, not because the time was up
    const char *stopped;  // "interval", "time", "samples" or "interrupted": what ended it
    double wall_s, cpu_s; // of the samples; of the calling thread
    int64_t involuntary;  // times that the thread was taken off its CPU meanwhile
} sz_timing;

enum { SZ_MAX_SAMPLES = 1000, SZ_MIN_SAMPLES = 20, SZ_MIN_ROUNDS = 4 };
#define SZ_SAMPLE_S  2e-4 // a sample is at least so long
// Of a case in a round, or half of its time if that is less; several cases take at least
// SZ_MIN_ROUNDS, if there is time. Before it the case runs for a while that is not counted, since
// the others have driven it out of the caches: a product that writes 6 MB took 5 ms and not 1.2 in
// its first five runs.
#define SZ_SLICE_S   0.05
#define SZ_REWARM_S  0.01
#define SZ_PRECISION 0.01 // half the interval of the median, as a share of it
#define SZ_STEADY    0.01 // change over the last runs of the preheating, as a share of their mean

// `ret` has one element per case, zeroed; sz_timing_finish frees one.
sz_status sz_protocol_run(sz_ctx *ctx, const sz_protocol *p, const sz_timed *cases, size_t n,
                          sz_timing *ret) SZ_MUST_USE;
void sz_timing_finish(sz_ctx *ctx, sz_timing *t);

// Change over n values by the line of least squares through them, as a share of their mean.
double sz_slope(const double *values, size_t n);

// What is to be said of a timing: the evidence for the rules of machine/measure/verdict.h.
// `clock_change`: of the core's clock, NaN = not known. One thread: its share of the CPU counts.
sz_status sz_timing_judge(sz_ctx *ctx, const sz_timing *t, int threads, double clock_change,
                          sz_verdict *ret_verdict) SZ_MUST_USE;
// What to do then; "" when nothing.
const char *sz_timing_next_step(const sz_timing *t, sz_verdict verdict);

#endif
