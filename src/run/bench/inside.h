// SPDX-License-Identifier: Apache-2.0
// What the parts of a benchmark share: the request to a child, and the record of a case.
#ifndef SZ_BENCH_INSIDE_H
#define SZ_BENCH_INSIDE_H

#include <jansson.h>

#include <sizeup/run.h>

#include "run/bench/plan.h"
#include "run/results/records.h"

enum { MAX_THREAD_COUNTS = 64 };

// What is the same for all cases of a run.
typedef struct sz_bench_sweep {
    sz_ctx *ctx;
    const sz_run_options *options;
    int threads; // of the cases that are run now
    int thread_counts[MAX_THREAD_COUNTS];
    size_t n_thread_counts;
    double preheat_s, budget_s, timeout_s;
    sz_machine *here;    // as described at the begin
    struct sz_env *env;  // before the cases that are run now
    json_t *machine;     // key `machine` of the records
    int64_t evict_bytes; // cold caches: bytes that are walked through
} sz_bench_sweep;

// The file that a backend is to open, NULL = the usual one.
static inline const char *sz_bench_library(const sz_run_options *o, const char *backend) {
    if (strcmp(backend, "onednn") == 0) return o->onednn;
    return strcmp(backend, "blas") == 0 ? o->blas : NULL;
}

// Emit the record of a case. `answer`: the child's line about it, NULL when there is none; `facts`:
// of the library, may be NULL; `error`: why there is no measurement, NULL when there is one.
sz_status sz_bench_emit(const sz_bench_sweep *run, const sz_case *c, const char *backend,
                        const json_t *answer, const json_t *facts, const char *started,
                        const char *error);

// The case_hash that its record has.
sz_status sz_bench_hash(const sz_bench_sweep *run, const sz_case *c, const char *backend,
                        char ret_hash[SZ_HASH_DIGITS + 1]);

// A sentence when the case ran in another format than was asked for.
bool sz_bench_other_format(const sz_case *c, const json_t *answer, char *buf, size_t cap);

#endif
