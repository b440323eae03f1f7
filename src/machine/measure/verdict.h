// SPDX-License-Identifier: Apache-2.0
// Can a reading be trusted, and what is to be done when it cannot? The rules are here and take
// numbers only, so that a test can hand them any machine.
#ifndef SZ_VERDICT_H
#define SZ_VERDICT_H

#include "base/base.h"

#define SZ_UNKNOWN __builtin_nan("")

// The first that fits, from the cause that would make the others: contended, throttled, unsteady,
// noisy, valid. But what a core's own units do has a level that only disturbances hide: once it was
// met at several times, and by many batches alike, the reading is valid, whatever happened to the
// batches that were not used.
typedef enum sz_verdict {
    SZ_VALID,
    SZ_NOISY,     // the batches differ much, for no reason seen
    SZ_THROTTLED, // the clock fell, or explains the differences
    SZ_CONTENDED, // something else used the CPU
    SZ_UNSTEADY   // two speeds, or it changed while it was measured
} sz_verdict;

#define SZ_NOISY_SPREAD 0.05

// What was seen beside the numbers. NaN = not known.
typedef struct sz_evidence {
    int64_t batches, involuntary; // involuntary: times that a thread was taken off its CPU
    bool pinned;                  // every thread got its CPU
    bool shared_cpu;              // two threads had the same logical CPU
    double cpu_share;             // CPU time over wall time of the threads
    double window_share;          // all work over wall time, as a share of the median rate
    double spread, cycle_spread;  // of the rate, and of the work per cycle
    double modes;                 // distance of two groups of batches, 0 = one group
    double drift;                 // change per cycle from the first third to the last, signed
    double clock_change;          // the same of the clock
    double error;                 // half the confidence interval, as a share of the median
    double noisy;                 // spread from which on it is noisy; 0 = SZ_NOISY_SPREAD
    bool own;                     // of a core's own units: the level is what is read
    int reached;                  // rounds whose level is within 1 % of the reading
    double tail;                  // (99th - 97th percentile) / reading
} sz_evidence;

sz_verdict sz_verdict_of(const sz_evidence *evidence);
const char *sz_verdict_name(sz_verdict verdict);
const char *sz_verdict_next_step(sz_verdict verdict); // "" for SZ_VALID

// Do two chains of operations tell the same clock? A chain whose latency is not what was believed
// is off by a factor, not by a few per cent.
bool sz_clocks_agree(double a_hz, double b_hz);

// Did the hypervisor, or the quota of the control group, take CPU time? `ticks` stolen and periods
// throttled while `seconds` went by.
bool sz_was_stolen(int64_t ticks, int64_t ticks_per_s, double seconds);

#endif
