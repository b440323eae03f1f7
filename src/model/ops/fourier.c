// SPDX-License-Identifier: Apache-2.0
// Fourier transforms, determinants, inverses. A transform has no MACs: it is costed as a fast one,
// 5 N log2 N flops for N complex points and half of that for real ones (the count that FFT
// benchmarks use), not as the N^2 sum of its definition.
#include "model/ops/fourier.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

#include <math.h>

// ---- shared ------------------------------------------------------------------------------------

// flops += count transforms of `points` points.
sz_status sz_cost_add_fft(sz_costing *c, int64_t count, int64_t points, bool real) {
    double work = points > 1 ? 5.0 * (double)points * log2((double)points) : 0;
    if (real) work /= 2;
    if (work > 9e18) return sz_op_fail(&c->in, "flops exceed 2^63");
    return sz_cost_add_flops(c, 2, (int64_t[]){count, (int64_t)(work + 0.5)});
}

// A whole number that an operand holds. *ret_known false: it is there but not known.
static int64_t scalar(const sz_infer *n, int i, int64_t def, bool *ret_known) {
    const sz_tensor *t = sz_in_value(n, i);
    *ret_known = true;
    if (!sz_has_in(n, i)) return def;
    if (t && t->i && t->count == 1 && t->i[0] != SZ_VALUE_UNKNOWN) return t->i[0];
    *ret_known = false;
    return def;
}

static int64_t half_plus_one(int64_t n) { return n < 0 ? SZ_DIM_UNKNOWN : n / 2 + 1; }

// ---- DFT ---------------------------------------------------------------------------------------

typedef struct dft {
    bool inverse, onesided, axis_known;
    int axis;
    int32_t rank;
    int64_t points; // of one transform; below 0 = not known
} dft;

// The axis is an attribute before opset 20 and input 2 since.
static sz_status dft_axis(const sz_infer *n, dft *s) {
    bool by_input = n->opset >= 20;
    int64_t axis = sz_attr_i(n->node, "axis", 1);
    s->axis_known = true;
    if (by_input) axis = scalar(n, 2, -2, &s->axis_known);
    if (s->rank < 0) return SZ_OK;
    if (s->rank < 2) return sz_op_fail(n, "input has %d dimensions, 2 are needed", (int)s->rank);
    SZ_TRY(sz_op_axis(n, axis, s->rank, &s->axis));
    if (s->axis == s->rank - 1)
        return sz_op_fail(n, "axis %lld holds the complex parts", (long long)axis);
    return SZ_OK;
}

static sz_status dft_read(const sz_infer *n, dft *s) {
    bool length_known;
    int64_t length = scalar(n, 1, SZ_DIM_UNKNOWN, &length_known), size;
    s->inverse = sz_attr_i(n->node, "inverse", 0) != 0;
    s->onesided = sz_attr_i(n->node, "onesided", 0) != 0;
    s->rank = sz_in_rank(n, 0);
    s->axis = 0;
    s->points = SZ_DIM_UNKNOWN;
    SZ_TRY(dft_axis(n, s));
    if (s->rank < 0) return SZ_OK;
    if (sz_has_in(n, 1) && length_known && length < 1)
        return sz_op_fail(n, "dft_length is %lld, at least 1 is needed", (long long)length);
    size = s->axis_known ? sz_in_dim(n, 0, s->axis) : SZ_DIM_UNKNOWN;
    if (!length_known) size = SZ_DIM_UNKNOWN;
    else if (sz_has_in(n, 1)) size = length;
    else if (s->inverse && s->onesided) {
        if (size <= 0) size = SZ_DIM_UNKNOWN;
        else SZ_TRY(sz_dim_mul(n, size - 1, 2, &size));
    }
    s->points = size;
    return SZ_OK;
}

sz_status sz_shape_dft(sz_infer *n) {
    sz_dtype t = sz_in_dtype(n, 0);
    int64_t dims[SZ_MAX_RANK], parts;
    dft s;
    SZ_TRY(dft_read(n, &s));
    if (s.rank < 0) return sz_out_rank(n, 0, t, -1);
    parts = sz_in_dim(n, 0, s.rank - 1);
    if (parts >= 0 && parts != 1 && parts != 2)
        return sz_op_fail(n, "last dimension is %lld, 1 (real) or 2 (complex) are possible",
                          (long long)parts);
    for (int i = 0; i < s.rank; i++)
        dims[i] = s.axis_known ? sz_in_dim(n, 0, i) : SZ_DIM_UNKNOWN;
    if (s.axis_known)
        dims[s.axis] = s.onesided && !s.inverse ? half_plus_one(s.points) : s.points;
    dims[s.rank - 1] = s.onesided && s.inverse ? 1 : 2;
    return sz_out(n, 0, t, s.rank, dims);
}

sz_status sz_cost_dft(sz_costing *c) {
    int64_t count = 1;
    bool real;
    dft s;
    SZ_TRY(dft_read(&c->in, &s));
    if (s.points < 0 || s.rank < 2) return sz_cost_unknown(c, "its length is not known");
    for (int i = 0; i < s.rank - 1; i++)
        if (i != s.axis && !sz_mul(count, sz_in_dim(&c->in, 0, i), &count))
            return sz_op_fail(&c->in, "transforms exceed 2^63");
    real = sz_in_dim(&c->in, 0, s.rank - 1) == 1 || (s.inverse && s.onesided);
    SZ_TRY(sz_cost_add_fft(c, count, s.points, real));
    // 1/N of the inverse
    return s.inverse ? sz_cost_add_flops(c, 1, &c->work->out_elements) : SZ_OK;
}

// ---- STFT --------------------------------------------------------------------------------------

typedef struct stft {
    int64_t batch, signal, frames, points, step;
    bool onesided, complex_in, step_known;
} stft;

// Points of a frame: frame_length, else the window, else the whole signal.
static sz_status stft_points(const sz_infer *n, stft *s) {
    bool known;
    int64_t length = scalar(n, 3, SZ_DIM_UNKNOWN, &known);
    int64_t window = sz_has_in(n, 2) ? sz_in_dim(n, 2, 0) : SZ_DIM_UNKNOWN;
    s->points = window;
    if (!sz_has_in(n, 3)) {
        if (!sz_has_in(n, 2)) s->points = s->signal;
        return SZ_OK;
    }
    if (!known) return SZ_OK;
    if (length < 1)
        return sz_op_fail(n, "frame_length is %lld, at least 1 is needed", (long long)length);
    if (window >= 0 && window != length)
        return sz_op_fail(n, "frame_length is %lld but the window has %lld", (long long)length,
                          (long long)window);
    s->points = length;
    return SZ_OK;
}

static sz_status stft_read(const sz_infer *n, stft *s) {
    int32_t rank = sz_in_rank(n, 0);
    if (rank >= 0 && rank != 2 && rank != 3)
        return sz_op_fail(n, "signal has %d dimensions, 3 are needed", (int)rank);
    s->step = scalar(n, 1, 0, &s->step_known);
    s->signal = sz_in_dim(n, 0, 1);
    s->onesided = sz_attr_i(n->node, "onesided", 1) != 0;
    s->complex_in = rank == 3 && sz_in_dim(n, 0, 2) == 2;
    s->batch = sz_in_dim(n, 0, 0);
    s->frames = SZ_DIM_UNKNOWN;
    if (s->step_known && s->step < 1)
        return sz_op_fail(n, "frame_step is %lld, at least 1 is needed", (long long)s->step);
    SZ_TRY(stft_points(n, s));
    if (s->points < 0 || s->signal < 0 || !s->step_known) return SZ_OK;
    if (s->points > s->signal)
        return sz_op_fail(n, "frame larger than the signal: %lld and %lld", (long long)s->points,
                          (long long)s->signal);
    s->frames = (s->signal - s->points) / s->step + 1;
    return SZ_OK;
}

sz_status sz_shape_stft(sz_infer *n) {
    stft s;
    SZ_TRY(stft_read(n, &s));
    int64_t bins = s.onesided ? half_plus_one(s.points) : s.points;
    return sz_out(n, 0, sz_in_dtype(n, 0), 4, (int64_t[]){s.batch, s.frames, bins, 2});
}

// A transform per frame, and the products with the window.
sz_status sz_cost_stft(sz_costing *c) {
    int64_t count;
    stft s;
    SZ_TRY(stft_read(&c->in, &s));
    if (s.points < 0 || s.frames < 0)
        return sz_cost_unknown(c, "its frame step or frame length is not known");
    if (!sz_mul(s.batch, s.frames, &count)) return sz_op_fail(&c->in, "frames exceed 2^63");
    SZ_TRY(sz_cost_add_fft(c, count, s.points, !s.complex_in));
    if (!sz_has_in(&c->in, 2)) return SZ_OK;
    return sz_cost_add_flops(c, 3, (int64_t[]){count, s.points, s.complex_in ? 2 : 1});
}

// ---- com.microsoft Rfft, Irfft -----------------------------------------------------------------

static sz_status ms_fft_read(const sz_infer *n, int *ret_signal) {
    int64_t signal = sz_attr_i(n->node, "signal_ndim", 1);
    int32_t rank = sz_in_rank(n, 0);
    if (signal < 1 || signal > 3 || (rank >= 0 && signal > rank))
        return sz_op_fail(n, "signal_ndim is %lld", (long long)signal);
    *ret_signal = (int)signal;
    return SZ_OK;
}

sz_status sz_shape_ms_rfft(sz_infer *n) {
    int64_t dims[SZ_MAX_RANK + 1];
    int32_t rank = sz_in_rank(n, 0);
    int signal;
    SZ_TRY(ms_fft_read(n, &signal));
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    for (int i = 0; i < rank; i++) dims[i] = sz_in_dim(n, 0, i);
    dims[rank - 1] = half_plus_one(dims[rank - 1]);
    dims[rank] = 2;
    return sz_out(n, 0, sz_in_dtype(n, 0), rank + 1, dims);
}

sz_status sz_shape_ms_irfft(sz_infer *n) {
    int64_t dims[SZ_MAX_RANK];
    int32_t rank = sz_in_rank(n, 0);
    int signal;
    SZ_TRY(ms_fft_read(n, &signal));
    if (rank < 0) return sz_out_rank(n, 0, sz_in_dtype(n, 0), -1);
    if (rank < 2) return sz_op_fail(n, "input has %d dimensions, 2 are needed", (int)rank);
    for (int i = 0; i < rank - 1; i++) dims[i] = sz_in_dim(n, 0, i);
    if (dims[rank - 2] > 0) SZ_TRY(sz_dim_mul(n, dims[rank - 2] - 1, 2, &dims[rank - 2]));
    else dims[rank - 2] = SZ_DIM_UNKNOWN;
    return sz_out(n, 0, sz_in_dtype(n, 0), rank - 1, dims);
}

// Points of a transform: the last `signal` axes of the real side.
static sz_status ms_fft_cost(sz_costing *c, const sz_type *real, int signal) {
    int64_t points = 1, count = 1;
    for (int i = 0; i < real->rank; i++) {
        int64_t *into = i >= real->rank - signal ? &points : &count;
        if (!sz_mul(*into, real->dims[i], into)) return sz_op_fail(&c->in, "points exceed 2^63");
    }
    return sz_cost_add_fft(c, count, points, true);
}

sz_status sz_cost_ms_rfft(sz_costing *c) {
    int signal;
    SZ_TRY(ms_fft_read(&c->in, &signal));
    return ms_fft_cost(c, sz_in(&c->in, 0), signal);
}

sz_status sz_cost_ms_irfft(sz_costing *c) {
    int signal;
    SZ_TRY(ms_fft_read(&c->in, &signal));
    return ms_fft_cost(c, sz_out_get(&c->in, 0), signal);
}

// ---- matrices ----------------------------------------------------------------------------------

static sz_status square(const sz_infer *n) {
    int32_t rank = sz_in_rank(n, 0);
    int64_t a = sz_in_dim(n, 0, -2), b = sz_in_dim(n, 0, -1);
    if (rank >= 0 && rank < 2)
        return sz_op_fail(n, "input has %d dimensions, 2 are needed", (int)rank);
    if (rank >= 0 && a >= 0 && b >= 0 && a != b)
        return sz_op_fail(n, "matrix is not square: %lld and %lld", (long long)a, (long long)b);
    return SZ_OK;
}

sz_status sz_shape_det(sz_infer *n) {
    const sz_type *x = sz_in(n, 0);
    SZ_TRY(square(n));
    if (x->rank < 0) return sz_out_rank(n, 0, x->dtype, -1);
    return sz_out(n, 0, x->dtype, x->rank - 2, x->dims);
}

// LU decomposition: n^3 / 3 MACs per matrix, to the nearest whole.
sz_status sz_cost_det(sz_costing *c) {
    int64_t size = sz_in_dim(&c->in, 0, -1), cube;
    if (!sz_mul(size, size, &cube) || !sz_mul(cube, size, &cube) || !sz_add(cube, 1, &cube))
        return sz_op_fail(&c->in, "macs exceed 2^63");
    return sz_cost_add_macs(c, 2, (int64_t[]){c->work->out_elements, cube / 3});
}

// com.microsoft.Inverse: n^3 MACs per matrix (LU, then n solves).
sz_status sz_shape_ms_inverse(sz_infer *n) {
    SZ_TRY(square(n));
    return sz_out_like(n, 0, 0);
}

sz_status sz_cost_ms_inverse(sz_costing *c) {
    return sz_cost_add_macs(c, 2, (int64_t[]){c->work->in_elements, sz_in_dim(&c->in, 0, -1)});
}

// com.microsoft.CDist: distances of all pairs of rows. A difference and a MAC per component.
sz_status sz_shape_ms_cdist(sz_infer *n) {
    int64_t a = sz_in_dim(n, 0, 1), b = sz_in_dim(n, 1, 1);
    for (int i = 0; i < 2; i++)
        SZ_TRY(sz_need_rank(n, i, 2));
    if (a >= 0 && b >= 0 && a != b)
        return sz_op_fail(n, "inner sizes differ: %lld and %lld", (long long)a, (long long)b);
    return sz_out(n, 0, sz_in_dtype(n, 0), 2, (int64_t[]){sz_in_dim(n, 0, 0), sz_in_dim(n, 1, 0)});
}

sz_status sz_cost_ms_cdist(sz_costing *c) {
    int64_t f[] = {c->work->out_elements, sz_in_dim(&c->in, 0, 1)};
    SZ_TRY(sz_cost_add_macs(c, 2, f));
    SZ_TRY(sz_cost_add_epilogue(c, 2, f));
    bool root = sz_str_is(sz_attr_s(c->in.node, "metric", "sqeuclidean"), "euclidean");
    return root ? sz_epilogue(c, 1) : SZ_OK;
}
