// SPDX-License-Identifier: Apache-2.0
// CPUs this process may use, and threads bound to them.
#ifndef SZ_OS_PIN_H
#define SZ_OS_PIN_H

#include "base/base.h"

// Logical CPUs that this process may run on, lowest first. Writes at most `cap` of them.
int sz_pin_allowed(int *ret_cpus, int cap);

// Bind the calling thread. False when the system refuses.
bool sz_pin_self(int cpu);

// Times the calling thread was taken off its CPU against its will.
int64_t sz_pin_involuntary(void);

#endif
