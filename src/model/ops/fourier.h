// SPDX-License-Identifier: Apache-2.0
// What the operators that transform share.
#ifndef SZ_FOURIER_H
#define SZ_FOURIER_H

#include "model/ops/rule.h"

// flops += `count` fast transforms of `points` points, half of that when one side is real.
sz_status sz_cost_add_fft(sz_costing *c, int64_t count, int64_t points, bool real);

#endif
