// SPDX-License-Identifier: Apache-2.0
// What the parts of a benchmark share: the request to a child, and the record of a case.
#ifndef SZ_BENCH_INSIDE_H
#define SZ_BENCH_INSIDE_H

#include <jansson.h>

#include <sizeup/run.h>

#include "run/bench/plan.h"

// What is the same for all cases of a run.
typedef struct sz_bench_sweep {
    sz_ctx *ctx;
    const sz_run_options *options;
    int threads;
    double preheat_s, budget_s, timeout_s;
    sz_machine *here;    // as described at the begin
    json_t *machine;     // key `machine` of the records
    int64_t evict_bytes; // cold caches: bytes that are walked through
} sz_bench_sweep;

// Emit the record of a case. `answer`: the child's line about it, NULL when there is none; `facts`:
// of the library, may be NULL; `error`: why there is no measurement, NULL when there is one.
sz_status sz_bench_emit(const sz_bench_sweep *run, const sz_case *c, const char *backend,
                        const json_t *answer, const json_t *facts, const char *started,
                        const char *error);

// A sentence when the case ran in another format than was asked for.
bool sz_bench_other_format(const sz_case *c, const json_t *answer, char *buf, size_t cap);

#endif
