// SPDX-License-Identifier: Apache-2.0
// Seconds that devices take to talk: a start per message and a rate per level of the network, and
// of the ways to do it (ring, tree, doubling, level by level) the fastest, as libraries choose.
// Formulas: Thakur, Rabenseifner and Gropp 2005.
#ifndef SZ_PREDICT_SCALE_COLLECTIVES_H
#define SZ_PREDICT_SCALE_COLLECTIVES_H

#include <sizeup/scale.h>

// Seconds for `bytes` (of the whole message, per device) over `devices` that are `stride` ranks
// apart. Ranks fill the innermost level first. 0 for one device; INFINITY for more devices than the
// network has, or a rate that is not positive.
double sz_collective_s(const sz_network *net, sz_collective what, int64_t devices, int64_t stride,
                       double bytes);

#endif
