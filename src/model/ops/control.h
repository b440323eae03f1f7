// SPDX-License-Identifier: Apache-2.0
// What the cost driver asks about control flow.
#ifndef SZ_CONTROL_H
#define SZ_CONTROL_H

#include "model/ops/rule.h"

// How often the body of this Loop, Scan or SequenceMap runs; false when that depends on data.
// Needs: types inferred.
bool sz_control_trips(const sz_infer *n, int64_t *ret_trips);

#endif
