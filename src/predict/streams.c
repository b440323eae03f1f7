// SPDX-License-Identifier: Apache-2.0
// Several runs of a net side by side, each with its share of the threads.
#include "predict/predict.h"

#include <math.h>

sz_status sz_share_threads(sz_estimate *e) {
    const int streams = e->options.streams;
    const char *name = e->machine->identity.name;
    if (streams <= 1) return SZ_OK;
    const int64_t all = e->options.threads > 0 ? e->options.threads : e->machine->cpu.threads;
    if (all <= 0)
        return sz_fail(e->ctx, SZ_ERR_UNAVAILABLE,
                       "streams share threads, and machine '%s' does not say how many it has; "
                       "--threads does",
                       name);
    if (all % streams != 0)
        return sz_fail(e->ctx, SZ_ERR_USAGE,
                       "%lld thread%s can't be shared evenly by %d streams; give a multiple of %d "
                       "with --threads",
                       (long long)all, all == 1 ? "" : "s", streams, streams);
    e->all_threads = all;
    e->options.threads = (int)(all / streams);
    return SZ_OK;
}

// What all threads can move together; of the whole device where only that is known.
static double together(const sz_estimate *e) {
    const size_t dram = (size_t)sz_main_memory(e->machine);
    const double w = sz_best_bandwidth(e->machine, dram, NULL, e->all_threads);
    return isnan(w) ? sz_best_bandwidth(e->machine, dram, NULL, 0) : w;
}

void sz_sum_streams(sz_estimate *e) {
    sz_prediction *t = &e->total;
    const int streams = e->options.streams;
    if (streams <= 1) return;
    const double rate = together(e);
    const double limit = rate > 0 ? streams * e->far_bytes / rate : 0;
    t->time_s = fmax(t->time_s, limit);
    t->time_lo_s = fmax(t->time_lo_s, limit);
    t->time_hi_s = fmax(t->time_hi_s, limit);
}
