// SPDX-License-Identifier: Apache-2.0
// Which nets a backend is calibrated on: random ones, of the sorts that people run, in sizes that
// cover what nets use.
#ifndef SZ_CALIBRATE_CHOOSE_H
#define SZ_CALIBRATE_CHOOSE_H

#include "base/base.h"

enum { SZ_NET_SORTS = 10 };

// Spec of net `i` of a series, "transformer:layers=1,hidden=320,...", in `buf`; returns its sort.
// `errors`, NULL at first: how far off each sort is told by the others. Its share of the nets grows
// with that, as in the best allocation to strata by Neyman (1934).
int sz_choose_net(uint64_t seed, uint64_t i, const double *errors, char *buf, size_t cap);

#endif
