// SPDX-License-Identifier: Apache-2.0
// Normalizations.
#include "run/backends/ref/kernel.h"

#include <math.h>

// Mean and variance of n elements.
static void moments(const double *x, int64_t n, double *ret_mean, double *ret_variance) {
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < n; k++) sum += x[k];
    *ret_mean = sum / (double)n;
    for (int64_t k = 0; k < n; k++) squares += (x[k] - *ret_mean) * (x[k] - *ret_mean);
    *ret_variance = squares / (double)n;
}

// Input i with one number per channel.
static sz_status per_channel(const sz_ref_call *c, int i, int64_t channels, double **ret) {
    SZ_TRY(sz_ref_in(c, i, ret));
    if (*ret && c->in[i]->count != channels)
        return sz_op_fail(c->n, "input %d does not have one number per channel", i);
    return SZ_OK;
}

// ---- batch -------------------------------------------------------------------------------------

// Channel `ch` of all images: mean and variance.
static void channel_moments(const double *x, int64_t batch, int64_t channels, int64_t size,
                            int64_t ch, double *ret_mean, double *ret_variance) {
    double sum = 0, squares = 0;
    const double n = (double)(batch * size);
    for (int64_t b = 0; b < batch; b++)
        for (int64_t k = 0; k < size; k++) sum += x[(b * channels + ch) * size + k];
    *ret_mean = sum / n;
    for (int64_t b = 0; b < batch; b++)
        for (int64_t k = 0; k < size; k++) {
            const double d = x[(b * channels + ch) * size + k] - *ret_mean;
            squares += d * d;
        }
    *ret_variance = squares / n;
}

sz_status sz_ref_batch_norm(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    const double epsilon = sz_attr_f(c->n->node, "epsilon", 1e-5);
    const double momentum = sz_attr_f(c->n->node, "momentum", 0.9);
    const bool trains = sz_attr_i(c->n->node, "training_mode", 0) != 0;
    const int64_t channels = b->rank > 1 ? b->dims[1] : 1, size = sz_ref_span(b, 2, b->rank);
    double *x, *p[4], *y, *run[2];
    SZ_TRY(sz_ref_in(c, 0, &x));
    for (int i = 0; i < 4; i++) SZ_TRY(per_channel(c, i + 1, channels, &p[i]));
    SZ_TRY(sz_ref_room(c, 0, &y));
    for (int o = 0; o < 2; o++) SZ_TRY(sz_ref_room(c, o + 1, &run[o]));
    for (int64_t ch = 0; ch < channels; ch++) {
        double mean = p[2][ch], variance = p[3][ch];
        if (trains) channel_moments(x, b->dims[0], channels, size, ch, &mean, &variance);
        if (run[0]) run[0][ch] = p[2][ch] * momentum + mean * (1 - momentum);
        if (run[1]) run[1][ch] = p[3][ch] * momentum + variance * (1 - momentum);
        const double scale = p[0][ch] / sqrt(variance + epsilon);
        for (int64_t k = 0; y && k < b->dims[0] * size; k++) {
            const int64_t at = (k / size * channels + ch) * size + k % size;
            y[at] = (x[at] - mean) * scale + p[1][ch];
        }
    }
    return SZ_OK;
}

// ---- groups of channels ------------------------------------------------------------------------

// Groups of one image are normalized; scale and bias per channel, or per group.
static sz_status group_norm(sz_ref_call *c, int64_t groups) {
    const sz_buffer *b = c->in[0];
    const double epsilon = sz_attr_f(c->n->node, "epsilon", 1e-5);
    const int64_t channels = b->dims[1], size = sz_ref_span(b, 2, b->rank);
    double *x, *scale, *bias, *y;
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, 1, &scale));
    SZ_TRY(sz_ref_in(c, 2, &bias));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y || b->count == 0) return SZ_OK;
    const int64_t per_group = channels / groups, n = per_group * size;
    const int64_t each = c->in[1]->count == channels ? 1 : per_group; // channels of one scale
    if (c->in[1]->count * each != channels || c->in[2]->count != c->in[1]->count)
        return sz_op_fail(c->n, "scale and bias do not fit");
    for (int64_t g = 0; g < b->dims[0] * groups; g++) {
        double mean, variance;
        moments(x + g * n, n, &mean, &variance);
        for (int64_t k = g * n; k < (g + 1) * n; k++) {
            const int64_t ch = k / size % channels / each;
            y[k] = (x[k] - mean) / sqrt(variance + epsilon) * scale[ch] + bias[ch];
        }
    }
    return SZ_OK;
}

sz_status sz_ref_instance_norm(sz_ref_call *c) { return group_norm(c, c->in[0]->dims[1]); }
sz_status sz_ref_group_norm(sz_ref_call *c) {
    return group_norm(c, sz_attr_i(c->n->node, "num_groups", 1));
}

// ---- rows --------------------------------------------------------------------------------------

// Rows from `axis` on; `centred` takes the mean away (LayerNormalization), else not (RMS).
// Scale and bias are broadcast to the row: one number, or as many as its last elements.
typedef struct row_norm {
    const double *scale, *bias;
    int64_t scales, biases, n;
    double epsilon;
    bool centred;
} row_norm;

static void norm_row(const row_norm *r, const double *x, double *y, double *ret_mean,
                     double *ret_inverse) {
    double mean = 0, variance = 0;
    moments(x, r->n, &mean, &variance);
    if (!r->centred) variance += mean * mean, mean = 0; // the mean of the squares
    const double inverse = 1 / sqrt(variance + r->epsilon);
    for (int64_t k = 0; k < r->n; k++)
        y[k] = (x[k] - mean) * inverse * (r->scale ? r->scale[k % r->scales] : 1) +
               (r->bias ? r->bias[k % r->biases] : 0);
    if (ret_mean) *ret_mean = mean;
    if (ret_inverse) *ret_inverse = inverse;
}

static sz_status fits_row(const sz_ref_call *c, int i, int64_t n) {
    if (!sz_ref_has(c, i)) return SZ_OK;
    const sz_buffer *b = c->in[i];
    // a 1 in front or at the end would be broadcast: only dense rows have a reference
    if (b->count < 1 || n % b->count != 0) return sz_op_fail(c->n, "input %d does not fit", i);
    if (b->count > 1 && b->rank > 0 && sz_ref_dim(b, -1) == 1 && sz_ref_dim(c->in[0], -1) != 1)
        return sz_op_fail(c->n, "no reference for a scale that is 1 along the last axis");
    return SZ_OK;
}

static sz_status row_norms(sz_ref_call *c, bool centred) {
    const sz_buffer *b = c->in[0];
    int axis;
    double *x, *y, *scale, *bias, *extra[2];
    SZ_TRY(sz_op_axis(c->n, sz_attr_i(c->n->node, "axis", -1), b->rank, &axis));
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, 1, &scale));
    SZ_TRY(sz_ref_in(c, 2, &bias));
    SZ_TRY(sz_ref_room(c, 0, &y));
    for (int o = 0; o < 2; o++) SZ_TRY(sz_ref_room(c, o + 1, &extra[o]));
    if (!y || b->count == 0) return SZ_OK;
    row_norm r = {scale,
                  bias,
                  scale ? c->in[1]->count : 0,
                  bias ? c->in[2]->count : 0,
                  sz_ref_span(b, axis, b->rank),
                  sz_attr_f(c->n->node, "epsilon", 1e-5),
                  centred};
    for (int i = 1; i <= 2; i++) SZ_TRY(fits_row(c, i, r.n));
    double *inverse = centred ? extra[1] : extra[0];
    for (int64_t k = 0; k < b->count / r.n; k++)
        norm_row(&r, x + k * r.n, y + k * r.n, centred && extra[0] ? extra[0] + k : NULL,
                 inverse ? inverse + k : NULL);
    return SZ_OK;
}

sz_status sz_ref_layer_norm(sz_ref_call *c) { return row_norms(c, true); }
sz_status sz_ref_rms_norm(sz_ref_call *c) { return row_norms(c, false); }

// input, skip, gamma, beta, bias (simplified: input, skip, gamma, bias)
sz_status sz_ref_skip_norm(sz_ref_call *c) {
    const bool centred = strcmp(c->n->op->name, "SkipLayerNormalization") == 0;
    const int i_bias = centred ? 4 : 3;
    const sz_buffer *b = c->in[0];
    double *x, *skip, *scale, *beta = NULL, *bias, *y, *mean, *inverse, *sum;
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_in(c, 1, &skip));
    SZ_TRY(sz_ref_in(c, 2, &scale));
    if (centred) SZ_TRY(sz_ref_in(c, 3, &beta));
    SZ_TRY(sz_ref_in(c, i_bias, &bias));
    SZ_TRY(sz_ref_room(c, 0, &y));
    SZ_TRY(sz_ref_room(c, 1, &mean));
    SZ_TRY(sz_ref_room(c, 2, &inverse));
    SZ_TRY(sz_ref_room(c, 3, &sum));
    if (b->rank < 1 || b->count == 0) return SZ_OK;
    const int64_t n = sz_ref_dim(b, -1), skips = c->in[1]->count;
    if (skips < 1 || b->count % skips != 0 || c->in[2]->count != n ||
        (bias && c->in[i_bias]->count != n) || (beta && c->in[3]->count != n))
        return sz_op_fail(c->n, "sizes do not fit");
    for (int64_t k = 0; k < b->count; k++) x[k] += skip[k % skips] + (bias ? bias[k % n] : 0);
    const row_norm r = {
        scale, beta, n, n, n, sz_attr_f(c->n->node, "epsilon", centred ? 1e-12 : 1e-5), centred};
    for (int64_t k = 0; k < b->count / n; k++)
        norm_row(&r, x + k * n, y + k * n, mean ? mean + k : NULL, inverse ? inverse + k : NULL);
    if (sum) memcpy(sum, x, (size_t)b->count * sizeof *sum);
    return SZ_OK;
}

// ---- others ------------------------------------------------------------------------------------

// x / (bias + alpha / size x the sum of squares over `size` channels) ^ beta
sz_status sz_ref_lrn(sz_ref_call *c) {
    const sz_node *node = c->n->node;
    const sz_buffer *b = c->in[0];
    const double alpha = sz_attr_f(node, "alpha", 1e-4), beta = sz_attr_f(node, "beta", 0.75);
    const double bias = sz_attr_f(node, "bias", 1);
    const int64_t size = sz_attr_i(node, "size", 1), channels = b->dims[1];
    const int64_t inner = sz_ref_span(b, 2, b->rank);
    double *x, *y;
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (size < 1) return sz_op_fail(c->n, "size is below 1");
    for (int64_t k = 0; y && k < b->count; k++) {
        const int64_t ch = k / inner % channels;
        int64_t first = ch - (size - 1) / 2, last = ch + size / 2;
        double sum = 0;
        if (first < 0) first = 0;
        if (last >= channels) last = channels - 1;
        for (int64_t j = first; j <= last; j++) {
            const double v = x[k + (j - ch) * inner];
            sum += v * v;
        }
        y[k] = x[k] / pow(bias + alpha / (double)size * sum, beta);
    }
    return SZ_OK;
}

sz_status sz_ref_lp_norm(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    const bool squares = sz_attr_i(c->n->node, "p", 2) == 2;
    int axis;
    double *x, *y;
    SZ_TRY(sz_op_axis(c->n, sz_attr_i(c->n->node, "axis", -1), b->rank, &axis));
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y || b->count == 0) return SZ_OK;
    const int64_t n = b->dims[axis], step = sz_ref_span(b, axis + 1, b->rank);
    for (int64_t k = 0; k < b->count / n; k++) {
        const int64_t at = k / step * n * step + k % step;
        double sum = 0;
        for (int64_t j = 0; j < n; j++)
            sum += squares ? x[at + j * step] * x[at + j * step] : fabs(x[at + j * step]);
        if (squares) sum = sqrt(sum);
        for (int64_t j = 0; j < n; j++) y[at + j * step] = sum > 0 ? x[at + j * step] / sum : 0;
    }
    return SZ_OK;
}

// (x - mean) / sqrt(variance) over the axes named, 0, 2 and 3 when none are.
sz_status sz_ref_mean_variance_norm(sz_ref_call *c) {
    static const int64_t usual[] = {0, 2, 3};
    const sz_buffer *b = c->in[0];
    const int64_t *axes;
    int32_t count = sz_attr_ints(c->n->node, "axes", &axes);
    int64_t step[SZ_MAX_RANK], groups = 1;
    bool gone[SZ_MAX_RANK] = {false};
    double *x, *y, *sums;
    if (!axes) axes = usual, count = 3;
    for (int32_t k = 0; k < count; k++) {
        int axis;
        SZ_TRY(sz_op_axis(c->n, axes[k], b->rank, &axis));
        gone[axis] = true;
    }
    for (int32_t d = b->rank - 1; d >= 0; d--) { // offset into the groups
        step[d] = gone[d] ? 0 : groups;
        if (!gone[d]) groups *= b->dims[d];
    }
    SZ_TRY(sz_ref_in(c, 0, &x));
    SZ_TRY(sz_ref_room(c, 0, &y));
    SZ_TRY(sz_ref_array(c, 2 * groups, &sums));
    const double n = groups ? (double)(b->count / groups) : 1;
    for (int pass = 0; y && pass < 3; pass++)
        for (int64_t k = 0; k < b->count; k++) {
            int64_t g = 0, rest = k;
            for (int32_t d = b->rank - 1; d >= 0; rest /= b->dims[d], d--)
                g += rest % b->dims[d] * step[d];
            const double off = x[k] - sums[2 * g] / n;
            if (pass == 0)
                sums[2 * g] += x[k];
            else if (pass == 1)
                sums[2 * g + 1] += off * off;
            else
                y[k] = off / (sqrt(sums[2 * g + 1] / n) + 1e-9);
        }
    return SZ_OK;
}
