// SPDX-License-Identifier: Apache-2.0
// Times of layers, and what the nodes that a layer does are worth.
#ifndef SZ_BENCH_LAYERS_H
#define SZ_BENCH_LAYERS_H

#include <jansson.h>

#include <sizeup/json.h>
#include <sizeup/machine.h>

#include "model/graph/model.h"
#include "run/backends/runner.h"

enum { SZ_MIN_PROFILES = 5, SZ_MAX_PROFILES = 64, SZ_MOST_IN_BLOCK = 16 };
#define SZ_PROFILE_STEADY  0.005 // change of the sum of the medians between looks, as a share
#define SZ_PROFILE_LEAST_S 0.1   // that short runs are looked at, if there is so much time
#define SZ_PROFILE_BLOCK_S 0.02

// How layers are looked at: in runs apart from the timed ones, until the sum of their times stands
// still, at most SZ_MAX_PROFILES or `budget_s`. Whole runs are timed in turn with them, so that
// both meet the same machine: in blocks of SZ_PROFILE_BLOCK_S or 16 runs, since the first runs find
// caches that others have filled (of whole runs the first is not counted, and the quickest quarter
// is of later ones); long runs, which hardly notice, one by one.
typedef struct sz_profiling {
    const sz_runner *r;
    double (*clock)(void *user); // seconds
    void *clock_user;
    double budget_s;
    void (*before)(void *user); // before every run; NULL = nothing
    void *user;
    // What comes out. runs 0: the library tells no times of layers.
    int64_t runs, whole_runs;
    bool is_done;
    // Within.
    double whole_s[SZ_MAX_PROFILES], spent_s, last_s, slowest_s;
} sz_profiling;

// A block of each; nothing once it is done. Those of several cases can take turns, too.
sz_status sz_profile_turn(sz_profiling *p);

// Of the whole runs: the median, and the mean of the quickest quarter. NaN = there were none.
typedef struct sz_profile_whole {
    double median_s, quick_s;
} sz_profile_whole;
sz_profile_whole sz_profile_end(sz_profiling *p);

// In the child: `layers` as an array of the object that is open, with counts where times are known.
// Counts are of what ran: strides are where the backend has moved them.
sz_status sz_layers_put(sz_ctx *ctx, sz_json *j, sz_model *m, const char *backend,
                        const sz_runner *r, bool counted);

// In the parent: rates and roofs of layers that have times. The sum of their times; NaN = none.
double sz_layers_rate(json_t *layers, const sz_machine *roofs, int threads);

// The roof of the format that ran, with as many threads; NaN = not known. `m` may be NULL.
double sz_roof_for(const sz_machine *m, const char *dtype, int64_t threads);

#endif
