// SPDX-License-Identifier: Apache-2.0
// Values that a body hands to its next run.
#ifndef SZ_LOOP_H
#define SZ_LOOP_H

#include "model/ops/rule.h"

enum { SZ_MAX_LOOP_STEPS = 1000 }; // trips that are played through one by one

// Input first_in + k of the body takes what output first_out + k gave in the run before.
typedef struct sz_carried {
    sz_infer *n;
    sz_graph *body;
    int first_in, first_out, count;
    sz_type *types;                 // `count`, in: before the first run; out: what always holds
    const sz_tensor *const *known;  // numbers before the first run, kept where the body hands them
                                    // on unchanged; NULL = none
    bool is_stable;                 // out: the types never change
    bool gave_up;                   // out: the budget is used up, the types of the body don't fit
} sz_carried;

// Runs the body until the types of the carried values hold for every run.
sz_status sz_carried_settle(sz_carried *c);

// Trip count of a Loop as its inference found it.
bool sz_loop_trips(const sz_infer *n, int64_t *ret_trips);

#endif
