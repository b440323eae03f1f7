// SPDX-License-Identifier: Apache-2.0
// What the processor counts in the timed slices of a case, over all threads of the library.
#ifndef SZ_BENCH_COUNTED_H
#define SZ_BENCH_COUNTED_H

#include <sizeup/json.h>

#include "machine/measure/counters.h"

typedef struct sz_counted {
    double sums[SZ_COUNTERS]; // NaN = not known
    double flops;             // that were executed; NaN = not known
    double share;             // least part of the time that a counter was at work; 1 = all of it
    int64_t runs;
} sz_counted;

void sz_counted_init(sz_counted *c);
// Add what was counted since sz_counters_begin() while the case ran `runs` times.
void sz_counted_add(sz_counted *c, const sz_counters *counters, int64_t runs);
// The object `counters` of the object that is open: of one run, and `why` by name for the rest.
// `counted`: FLOPs of a run by the rules of the house, -1 = not known.
void sz_counted_put(const sz_counted *c, const sz_counters *counters, int64_t counted,
                    sz_json *json);

#endif
