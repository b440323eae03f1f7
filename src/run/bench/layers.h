// SPDX-License-Identifier: Apache-2.0
// Times of layers, and what the nodes that a layer does are worth.
#ifndef SZ_BENCH_LAYERS_H
#define SZ_BENCH_LAYERS_H

#include <jansson.h>

#include <sizeup/json.h>
#include <sizeup/machine.h>

#include "model/graph/model.h"
#include "run/backends/runner.h"

enum { SZ_MIN_PROFILES = 5, SZ_MAX_PROFILES = 64 };
#define SZ_PROFILE_STEADY 0.005 // change of the sum of the medians between looks, as a share

// How layers are looked at: runs apart from the timed ones, until the sum of their medians stands
// still, at most SZ_MAX_PROFILES or `budget_s`.
typedef struct sz_profile_how {
    double (*clock)(void *user); // seconds
    void *clock_user;
    double budget_s;
    void (*before)(void *user); // before every run; NULL = nothing
    void *user;
} sz_profile_how;
// *ret_runs 0: the library tells no times of layers.
sz_status sz_profile_run(const sz_runner *r, const sz_profile_how *how, int64_t *ret_runs);

// In the child: `layers` as an array of the object that is open, with counts where times are known.
sz_status sz_layers_put(sz_ctx *ctx, sz_json *j, sz_model *m, const sz_runner *r, bool counted);

// In the parent: rates and roofs of layers that have times. The sum of their times; NaN = none.
double sz_layers_rate(json_t *layers, const sz_machine *roofs, int threads);

// The roof of the format that ran, with as many threads; NaN = not known. `m` may be NULL.
double sz_roof_for(const sz_machine *m, const char *dtype, int64_t threads);

#endif
