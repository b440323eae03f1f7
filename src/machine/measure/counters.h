// SPDX-License-Identifier: Apache-2.0
// Counters of the calling thread in user space. A kernel that lets nobody count, or a machine
// without counters (most virtual ones), leaves gaps, not failures.
#ifndef SZ_COUNTERS_H
#define SZ_COUNTERS_H

#include "base/base.h"
#include "os/perf.h"

typedef enum sz_counter_id {
#define COUNTER(name, type, config, what) SZ_COUNTER_##name,
#include "machine/measure/counters.def"
#undef COUNTER
    SZ_COUNTERS
} sz_counter_id;

enum { SZ_FLOP_EVENTS = 5 }; // events that tell a core's operations, at most

// Which of them this core has (flop_events.def).
typedef struct sz_flop_events {
    int n;
    uint64_t config[SZ_FLOP_EVENTS];
    double each[SZ_FLOP_EVENTS]; // operations that one count stands for
    char why[160];               // n = 0: why it has none
} sz_flop_events;

// Of the processor that /proc/cpuinfo below `root` names; NULL or "" is this machine.
void sz_flop_events_of(const char *root, sz_flop_events *ret_events);

typedef struct sz_counters {
    const sz_perf_api *api;
    int fds[SZ_COUNTERS]; // minus an errno where it could not be opened
    sz_perf_value start[SZ_COUNTERS];
    sz_flop_events flops; // of the heirs only
    int flop_fds[SZ_FLOP_EVENTS];
    sz_perf_value flop_start[SZ_FLOP_EVENTS];
} sz_counters;

const char *sz_counter_name(size_t i, const char **ret_what); // NULL past the end

// `api` NULL = the kernel of this machine.
void sz_counters_open(sz_counters *c, const sz_perf_api *api);
// The same over all threads that the calling one starts afterwards, too, and their floating-point
// operations, by the events of the processor that `root` names.
void sz_counters_open_heirs(sz_counters *c, const sz_perf_api *api, const char *root);
void sz_counters_close(sz_counters *c);
bool sz_counter_works(const sz_counters *c, sz_counter_id id);
// Why it does not, as a clause; NULL when it does.
const char *sz_counter_why_not(const sz_counters *c, sz_counter_id id);

void sz_counters_begin(sz_counters *c);
// Since begin, NaN where not known. A counter that shared its place with others ran for a part of
// the time only and is scaled up to all of it.
void sz_counters_end(const sz_counters *c, double ret[SZ_COUNTERS]);
// Floating-point operations since begin: all widths and formats of vector and scalar units, as the
// processor counts them. NaN: not known.
double sz_counters_flops(const sz_counters *c);
const char *sz_counters_why_no_flops(const sz_counters *c); // NULL when they are counted
// Least part of the time since begin that one of them was at work; 1 = all were, all the time.
double sz_counters_share(const sz_counters *c);

#endif
