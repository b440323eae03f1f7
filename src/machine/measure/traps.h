// SPDX-License-Identifier: Apache-2.0
// Ways to fool a measurement, each as a check of what goes in or comes out.
#ifndef SZ_TRAPS_H
#define SZ_TRAPS_H

#include "base/base.h"

// Did work that has a bound go faster than it? 5 % are for the clock's own error. Never a record:
// something was not done.
bool sz_trap_too_fast(double per_cycle, double bound_per_cycle);

// Is memory that will be moved filled with what data looks like? Equal words can be moved faster
// than data by hardware that compresses them, and pages that were never written are all the same
// page. Looks at some thousand words.
bool sz_trap_constant(const void *bytes, size_t size);

// Do n threads share cores? They then do little more work than one: less than 0.75 n times as much.
bool sz_trap_shared_cores(double one, double all, int64_t threads);

#endif
