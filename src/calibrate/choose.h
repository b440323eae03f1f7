// SPDX-License-Identifier: Apache-2.0
// Which nets a backend is calibrated on: random ones, of the sorts that people run, in sizes that
// cover what nets use.
#ifndef SZ_CALIBRATE_CHOOSE_H
#define SZ_CALIBRATE_CHOOSE_H

#include "base/base.h"

// Spec of net `i` of a series, "transformer:layers=1,hidden=320,...", in `buf`.
void sz_choose_net(uint64_t seed, uint64_t i, char *buf, size_t cap);

#endif
