// SPDX-License-Identifier: Apache-2.0
// Ranges and their products: "1,2,8", "1-8+1", "1-64*2", and words ("f32,bf16").
//
// A sweep is a list of names, each with the values it takes. Its points are all combinations; the
// last name turns fastest.
#ifndef SZ_RANGE_H
#define SZ_RANGE_H

#include "base/base.h"

enum { SZ_MAX_RANGE = 100000, SZ_MAX_AXES = 64 };
#define SZ_MAX_POINTS ((int64_t)1000000)

typedef struct sz_axis {
    const char *name;
    const char **values; // n of them
    int64_t n;
} sz_axis;

// The values of a range, in its order, each once. Parts between commas are words, or FIRST-LAST,
// FIRST-LAST+STEP or FIRST-LAST*FACTOR of whole numbers (LAST is taken only when it is met; without
// a step it is 1). Memory of the arena. Fails with SZ_ERR_USAGE: what is wrong, in which range.
sz_status sz_range_read(sz_ctx *ctx, sz_arena *arena, const char *text, const char ***ret_values,
                        int64_t *ret_n);

// "NAME=RANGE" as an axis; the name ends at the first '='.
sz_status sz_axis_read(sz_ctx *ctx, sz_arena *arena, const char *text, sz_axis *ret_axis);

// Number of combinations; fails beyond SZ_MAX_POINTS.
sz_status sz_sweep_size(sz_ctx *ctx, const sz_axis *axes, size_t n_axes, int64_t *ret_points);
// Value of axis `axis` at point `point`.
const char *sz_sweep_value(const sz_axis *axes, size_t n_axes, int64_t point, size_t axis);

// Axes of "FAMILY:NAME=RANGE,NAME=RANGE": a part without '=' goes on with the range before it
// ("batch=1,2,8,seq=128"). Appended to axes[*n_axes]; at most SZ_MAX_AXES in all.
sz_status sz_axes_of_spec(sz_ctx *ctx, sz_arena *arena, const char *params, sz_axis *axes,
                          size_t *n_axes);

#endif
