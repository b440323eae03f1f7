// SPDX-License-Identifier: Apache-2.0
// Windows that slide over spatial axes: the geometry that convolutions and their blocked and
// channels-last forms share, and small facts about fused activations.
#ifndef SZ_SPATIAL_H
#define SZ_SPATIAL_H

#include "model/ops/rule.h"

// One spatial axis. Sizes below 0 are not known.
typedef struct sz_axis {
    int64_t in, kernel, stride, dilation, before, after, out;
} sz_axis;

typedef enum sz_auto_pad { SZ_PAD_NOTSET, SZ_PAD_VALID, SZ_PAD_UPPER, SZ_PAD_LOWER } sz_auto_pad;

typedef struct sz_space {
    int n;             // spatial axes
    sz_auto_pad pad;
    bool ceil;         // round the output size up (pools)
    sz_axis axis[SZ_MAX_RANK];
} sz_space;

// Reads and checks strides, dilations, pads, auto_pad and ceil_mode for `axes` spatial axes.
sz_status sz_spatial_read(const sz_infer *n, int axes, sz_space *ret_space);
// Kernel sizes from kernel_shape and, when `dims` is not NULL, from the spatial dims of the
// weights; both must agree.
sz_status sz_space_kernel(const sz_infer *n, sz_space *s, const int64_t *dims);
// Output sizes of a window that slides over the input, and the pads that auto_pad chooses.
sz_status sz_space_out(const sz_infer *n, sz_space *s);
// The same for a transposed convolution.
sz_status sz_space_out_transposed(const sz_infer *n, sz_space *s);

// How many of the kernel x positions multiplications of one axis fall inside [0, limit), when
// position p multiplies element p * stride - before + tap * dilation.
// -1 when it would take too long to tell (more than 2^14 positions and taps at a time).
int64_t sz_axis_taps(const sz_axis *a, int64_t positions, int64_t limit);

// Fails when input i has a known rank that is not `rank`.
sz_status sz_need_rank(const sz_infer *n, int i, int rank);

// Elementary operations per element of a fused activation, by its name in any case; 0 when none.
int64_t sz_activation_work(sz_str name);
// Adds work per element of output 0 to the epilogue.
sz_status sz_epilogue(sz_costing *c, int64_t work);
// The same, also counted as bias additions.
sz_status sz_epilogue_bias(sz_costing *c, int64_t elements);
// Takes the bytes of input i out of the traffic and puts those of `rows` of its `all` rows in:
// tables of which only some rows are read. Nothing changes when rows >= all.
sz_status sz_read_rows(sz_costing *c, int i, int64_t rows, int64_t all);

#endif
