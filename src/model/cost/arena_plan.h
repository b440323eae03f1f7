// SPDX-License-Identifier: Apache-2.0
// Places of buffers in one arena.
#ifndef SZ_ARENA_PLAN_H
#define SZ_ARENA_PLAN_H

#include "model/cost/costs.h"

// Gives every buffer of the costs its offset, and fills in the size of the arena. Buffers that are
// alive in one step never overlap. n log n steps, beside a number of looks that is limited.
sz_status sz_arena_place(sz_costs *costs);

#endif
