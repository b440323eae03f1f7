// SPDX-License-Identifier: Apache-2.0
// A measurement of this machine in progress. The order of its steps is in survey.c; each has a
// budget and a file of its own. Where one is not possible it leaves a gap, and the next one runs.
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
    size_t wanted;       // what would have been enough, all slices together
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
    double step_until;       // end of the budget of this step, 0 = none
    sz_buffer buffer;        // bytes NULL when there is none
    double cpu_s, wall_s;    // of threads while they timed batches
    bool stopped;            // by the user
} sz_survey;

// A watch for one thread or for all.
sz_watch sz_survey_watch(const sz_survey *s, bool all, double round_s, double budget_s);
// Time `work`, and add up what disturbed it. Once the budget of the step is spent one round is all
// that a reading gets. Fails when the user has stopped the survey.
sz_status sz_survey_time(sz_survey *s, const sz_watch *watch, const sz_work *work, sz_reading *ret);
// The same for works that take turns, within the budget of the step.
sz_status sz_survey_interleave(sz_survey *s, sz_watch *watches, const sz_work *works, size_t n,
                               sz_reading *ret_readings);
void sz_survey_tell(const sz_survey *s, const char *what);
bool sz_survey_stopped(sz_survey *s);           // did the user ask to stop?
bool sz_survey_late(const sz_survey *s);        // is the budget of this step spent?
sz_status sz_survey_check(sz_survey *s);        // SZ_ERR_UNAVAILABLE when stopped

// What the system counts while it is measured; -1 = not known.
typedef struct sz_counts {
    double time_s, process_s; // wall time; CPU time of this process
    int64_t steal, busy;      // ticks of all CPUs: given to other guests; at work
    int64_t throttled;        // periods in which the quota stopped this process
} sz_counts;
sz_counts sz_count_now(void);
// What can be said of the whole (verdict.c), with the counts before and after.
sz_status sz_judge(sz_survey *s, const sz_counts *before, const sz_counts *after);
// Note what disturbed the measurement.
sz_status sz_disturbed(sz_survey *s, const char *fmt, ...) SZ_PRINTF(2, 3);

sz_status sz_measure_peaks(sz_survey *s);

// clock.c: set the chains that tell the clock, or say that it is not known.
sz_status sz_choose_clock(sz_survey *s);
// The chain to run beside a kernel: with work on registers as wide as the kernel's.
const sz_kernel *sz_clock_beside(const sz_survey *s, const sz_kernel *work);
// The first of n clocks that another one agrees with; -1 = none.
int sz_pick_clock(const double *hz, int n);

// buffer.c. Mapping touches no page.
sz_status sz_map_buffer(sz_survey *s);
sz_status sz_fill_buffer(sz_survey *s);
void sz_unmap_buffer(sz_survey *s);
// Put what the caches hold out of them, by loads over the whole buffer.
sz_status sz_flush_caches(sz_survey *s);
// Bytes of the buffer that one thread alone walks: filled ones that are near it.
size_t sz_near_bytes(const sz_buffer *b);

sz_status sz_measure_bandwidths(sz_survey *s);
sz_status sz_measure_bandwidth_curve(sz_survey *s); // needs the filled buffer
// Writes over the buffer; also the only way to know the caches when the system tells nothing.
sz_status sz_measure_latency_curve(sz_survey *s);
sz_status sz_measure_latencies(sz_survey *s);       // writes over the buffer
sz_status sz_measure_small_pages(sz_survey *s);
sz_status sz_measure_overheads(sz_survey *s);
sz_status sz_measure_links(sz_survey *s);
sz_status sz_measure_disk(sz_survey *s);

// power.c: power at rest and at work, or why no sensor tells it.
sz_status sz_measure_power(sz_survey *s);
// The clock against the processor's own counter of cycles, or why that cannot be read.
sz_status sz_check_counters(sz_survey *s);

// A bandwidth as the record: what the kernel is, and how well it is known.
sz_bandwidth sz_bandwidth_of(const sz_kernel *k, const sz_reading *r, int threads, size_t set);

// Bytes of each of `arrays` that a thread walks at a cache level so that they all stay in it: a
// power of two, together at most two thirds of the thread's share. 0 = there is no such size
// above the level before.
size_t sz_cache_set(const sz_survey *s, size_t level, int threads, int arrays);

// ---- knees -------------------------------------------------------------------------------------

// Working sets from 4 KiB on, each 4/3 of the one before and a multiple of 512 bytes; up to `most`.
// Writes at most `cap` of them.
enum { SZ_CURVE_POINTS = 80 };
size_t sz_curve_sizes(int64_t most, int64_t *ret_sizes, size_t cap);

// Where the latency (or the time per byte, put in its place) leaves a plateau: the largest working
// set that still has it, for each plateau but the last.
enum { SZ_MAX_KNEES = 8 };
double sz_settle(double *seconds, size_t n); // of one working set in n sweeps
size_t sz_find_knees(const sz_curve_point *points, size_t n, int64_t ret_knees[SZ_MAX_KNEES]);

// Give the knees to the caches they belong to and say where they differ from what the system
// claims; where it claims nothing, make the caches from the knees.
sz_status sz_use_knees(sz_machine *m, int n_cpus, const int64_t *knees, size_t n);

#endif
