// SPDX-License-Identifier: Apache-2.0
// A measurement of this machine in progress. The steps are in survey.c (the whole), peaks.c,
// bandwidth.c and latency.c.
#ifndef SZ_SURVEY_H
#define SZ_SURVEY_H

#include "machine/machine.h"
#include "machine/measure/stopwatch.h"

// The large buffer, one slice per thread, filled by that thread with random numbers.
typedef struct sz_buffer {
    unsigned char *bytes;
    size_t size;         // mapped
    size_t slice;        // bytes from one slice to the next, a multiple of 2 MiB
    size_t filled;       // of each slice, a multiple of 64 KiB
    int near_threads;    // leading threads whose slices are on the memory node of the first CPU
} sz_buffer;

typedef struct sz_survey {
    sz_ctx *ctx;
    sz_machine *m;
    const char *root;
    const sz_measure_options *options;
    sz_cpu_set cpu;          // features in use
    int *cpus;               // logical CPUs in use
    int n_cpus;
    const sz_kernel *chain;  // that gives the clock, NULL = none
    const sz_kernel *wide_chain; // the same beside work on the widest registers, may be NULL
    double scale;            // budget over the usual one
    sz_buffer buffer;        // bytes NULL when there is none
    int64_t involuntary, batches;
} sz_survey;

// A watch for one thread or for all.
sz_watch sz_survey_watch(const sz_survey *s, bool all, double round_s, double budget_s);
// Time `work`, and add up what disturbed it.
sz_status sz_survey_time(sz_survey *s, const sz_watch *watch, const sz_work *work, sz_reading *ret);
void sz_survey_tell(const sz_survey *s, const char *what);

sz_status sz_measure_peaks(sz_survey *s);
sz_status sz_map_buffer(sz_survey *s);
void sz_unmap_buffer(sz_survey *s);
sz_status sz_measure_bandwidths(sz_survey *s);
sz_status sz_measure_latencies(sz_survey *s);

// Bytes that a thread walks at a cache level so that they stay in it: a power of two, at most half
// of the thread's share. 0 = there is no such size above the level before.
size_t sz_cache_set(const sz_survey *s, size_t level, int threads);

#endif
