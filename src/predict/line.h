// SPDX-License-Identifier: Apache-2.0
// Times as a sum of parts, each with a factor: what is left when there is next to nothing to do,
// and what software reaches of the roofs, as long as none hides another.
#ifndef SZ_LINE_H
#define SZ_LINE_H

#include "base/base.h"

// start_s x starts + cold_s x cold + compute x compute_s + memory x memory_s + cache x cache_s +
// waits x waits_s + again x again_s; nothing is below 0.
typedef struct sz_line {
    double start_s, cold_s, compute, memory, cache, waits, again;
} sz_line;

// How often it starts, and how much of a run has driven its code and tables out of a core's caches
// since (0 to 1); seconds at the roofs: of what is computed, of what comes from shared levels of
// memory and from the caches of a core; seconds that all lines together are late, by the latency of
// where they are; of bytes that some libraries read again in each step, and some once; and
// measured.
typedef struct sz_line_point {
    double starts, cold, compute_s, memory_s, cache_s, waits_s, again_s, time_s;
} sz_line_point;

// The line that is nearest to most points, by logarithms of told over measured: least absolute
// deviations, so that a point that is told badly does not bend it. By errors relative to what was
// measured, of which those of points told too fast can't grow beyond 1, it would tell all too fast.
// No point: the sum of the parts.
sz_status sz_line_fit(sz_ctx *ctx, const sz_line_point *points, size_t n, sz_line *ret_line);

static inline double sz_line_at(const sz_line *l, const sz_line_point *p) {
    return l->start_s * p->starts + l->cold_s * p->cold + l->compute * p->compute_s +
           l->memory * p->memory_s + l->cache * p->cache_s + l->waits * p->waits_s +
           l->again * p->again_s;
}

#endif
