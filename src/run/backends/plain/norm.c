// SPDX-License-Identifier: Apache-2.0
// Normalizations: of rows, of channels, of groups of channels.
#include "run/backends/plain/plain.h"

#include <math.h>

typedef struct plan {
    int64_t n;                    // elements of a row
    int64_t batch, channels, per; // images, channels, channels of a group
    bool is_rms, by_group, trains;
    float epsilon, momentum;
    int skip, scale, bias, extra; // inputs, -1 = left out
    int mean, inverse, sum;       // outputs, -1 = left out
} plan;

static const float *floats(const sz_plain_step *s, int set, int input) {
    return input < 0 ? NULL : sz_plain_data(s, set, input);
}
static float *room(const sz_plain_step *s, int output) {
    return output < 0 ? NULL : s->call.out[output]->data;
}
static int given(const sz_plain_step *s, int input) { return sz_plain_type(s, input) ? input : -1; }
static int wanted(const sz_plain_step *s, int output) {
    return sz_plain_out_type(s, output) ? output : -1;
}

static void moments(const sz_loop_rows *l, const float *x, int64_t n, float *ret_mean,
                    float *ret_variance) {
    *ret_mean = l->fold[SZ_FOLD_sum](x, n) / (float)n;
    *ret_variance = l->squares_around(x, n, *ret_mean) / (float)n;
}

// ---- rows --------------------------------------------------------------------------------------

static bool run_rows(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    const sz_loop_rows *l = s->library->loops->f32;
    const float *scale = floats(s, set, p->scale), *bias = floats(s, set, p->bias);
    const float *skip = floats(s, set, p->skip), *extra = floats(s, set, p->extra);
    float *sums = room(s, p->sum), *means = room(s, p->mean), *inverses = room(s, p->inverse);
    for (int64_t u = from; u < to; u++) {
        const float *x = floats(s, set, 0) + u * p->n;
        float *y = room(s, 0) + u * p->n, mean = 0, variance;
        if (skip) {
            for (int64_t i = 0; i < p->n; i++) y[i] = x[i] + skip[u * p->n + i];
            if (extra) l->fold_into[SZ_FOLD_sum](y, extra, p->n);
            if (sums) memcpy(sums + u * p->n, y, (size_t)p->n * sizeof *y);
            x = y;
        }
        if (p->is_rms)
            variance = l->fold[SZ_FOLD_squares](x, p->n) / (float)p->n;
        else
            moments(l, x, p->n, &mean, &variance);
        const float inverse = 1 / sqrtf(variance + p->epsilon);
        if (means) means[u] = mean;
        if (inverses) inverses[u] = inverse;
        l->normalize(y, x, p->n, mean, inverse, scale, bias);
    }
    return true;
}

static sz_status add_rows(sz_plain_step *s, const plan *from, int32_t axis) {
    const sz_type *x = sz_plain_type(s, 0);
    plan *p = sz_plain_new(s, sizeof *p);
    if (!p) return sz_no_memory(s->call.ctx);
    *p = *from;
    p->n = sz_plain_span(x, axis, x->rank);
    if (!sz_plain_all(s, "f32")) return sz_plain_refuse(s, "only f32");
    for (int o = 1; o < s->call.node->n_outputs; o++)
        if (sz_plain_out_type(s, o) && !sz_plain_is(sz_plain_out_type(s, o), "f32"))
            return sz_plain_refuse(s, "only f32");
    const int whole[] = {p->scale, p->bias, p->extra};
    for (int i = 0; i < 3; i++)
        if (whole[i] >= 0 && sz_plain_count(sz_plain_type(s, whole[i])) != p->n)
            return sz_plain_refuse(s, "a scale or bias that is broadcast");
    if (p->skip >= 0 && sz_plain_count(sz_plain_type(s, p->skip)) != sz_plain_count(x))
        return sz_plain_refuse(s, "a skip that is broadcast");
    return sz_plain_add(s, &(sz_plain_pass){.run = run_rows,
                                            .plan = p,
                                            .units = sz_plain_span(x, 0, axis),
                                            .bytes = 12 * p->n + 16});
}

sz_status sz_plain_layer_norm(sz_plain_step *s) {
    const sz_node *n = s->call.node;
    const bool is_rms = !sz_str_is(n->op, "LayerNormalization");
    int32_t axis;
    if (!sz_plain_axis(sz_attr_i(n, "axis", -1), sz_plain_type(s, 0)->rank, &axis))
        return sz_plain_refuse(s, "no such axis");
    return add_rows(s,
                    &(plan){.is_rms = is_rms,
                            .epsilon = (float)sz_attr_f(n, "epsilon", 1e-5),
                            .skip = -1,
                            .extra = -1,
                            .scale = given(s, 1),
                            .bias = is_rms ? -1 : given(s, 2),
                            .mean = is_rms ? -1 : wanted(s, 1),
                            .inverse = is_rms ? wanted(s, 1) : wanted(s, 2),
                            .sum = -1},
                    axis);
}

// com.microsoft: x, skip, scale, [bias of the norm,] bias of the sum; the sum is output 3.
sz_status sz_plain_skip_norm(sz_plain_step *s) {
    const sz_node *n = s->call.node;
    const bool is_rms = sz_str_is(n->op, "SkipSimplifiedLayerNormalization");
    return add_rows(s,
                    &(plan){.is_rms = is_rms,
                            .epsilon = (float)sz_attr_f(n, "epsilon", 1e-12),
                            .skip = 1,
                            .scale = 2,
                            .bias = is_rms ? -1 : given(s, 3),
                            .extra = given(s, is_rms ? 3 : 4),
                            .mean = wanted(s, 1),
                            .inverse = wanted(s, 2),
                            .sum = wanted(s, 3)},
                    sz_plain_type(s, 0)->rank - 1);
}

// ---- channels ----------------------------------------------------------------------------------

// Of a batch: numbers of a channel are given, or those of the batch.
static bool run_batch(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    const sz_loop_rows *l = s->library->loops->f32;
    const float *x = floats(s, set, 0), *given_mean = floats(s, set, 3);
    const float *given_variance = floats(s, set, 4);
    float *y = room(s, 0), *out_mean = room(s, p->mean), *out_variance = room(s, p->inverse);
    for (int64_t c = from; c < to; c++) {
        float mean = given_mean[c], variance = given_variance[c];
        if (p->trains) {
            float sum = 0, squares = 0;
            for (int64_t b = 0; b < p->batch; b++)
                sum += l->fold[SZ_FOLD_sum](x + (b * p->channels + c) * p->n, p->n);
            mean = sum / (float)(p->batch * p->n);
            for (int64_t b = 0; b < p->batch; b++)
                squares += l->squares_around(x + (b * p->channels + c) * p->n, p->n, mean);
            variance = squares / (float)(p->batch * p->n);
        }
        const float m = p->momentum;
        if (out_mean) out_mean[c] = given_mean[c] * m + mean * (1 - m);
        if (out_variance) out_variance[c] = given_variance[c] * m + variance * (1 - m);
        const float factor = floats(s, set, 1)[c] / sqrtf(variance + p->epsilon);
        const float term = floats(s, set, 2)[c] - mean * factor;
        for (int64_t b = 0; b < p->batch; b++) {
            const int64_t at = (b * p->channels + c) * p->n;
            l->scale(y + at, x + at, p->n, factor, term);
        }
    }
    return true;
}

static bool is_all_f32(const sz_plain_step *s) {
    for (int o = 1; o < s->call.node->n_outputs; o++)
        if (sz_plain_out_type(s, o) && !sz_plain_is(sz_plain_out_type(s, o), "f32")) return false;
    return sz_plain_all(s, "f32") && sz_plain_out_type(s, 0);
}

sz_status sz_plain_batch_norm(sz_plain_step *s) {
    const sz_node *n = s->call.node;
    const sz_type *x = sz_plain_type(s, 0);
    plan *p = sz_plain_new(s, sizeof *p);
    if (!p) return sz_no_memory(s->call.ctx);
    if (!is_all_f32(s) || x->rank < 2) return sz_plain_refuse(s, "only images of f32");
    if (n->n_outputs > 3) return sz_plain_refuse(s, "the form for training of before opset 14");
    *p = (plan){.trains = sz_attr_i(n, "training_mode", 0) != 0,
                .epsilon = (float)sz_attr_f(n, "epsilon", 1e-5),
                .momentum = (float)sz_attr_f(n, "momentum", 0.9),
                .batch = x->dims[0],
                .channels = x->dims[1],
                .n = sz_plain_span(x, 2, x->rank),
                .mean = wanted(s, 1),
                .inverse = wanted(s, 2)};
    for (int i = 1; i < 5; i++)
        if (sz_plain_count(sz_plain_type(s, i)) != p->channels)
            return sz_plain_refuse(s, "an operand that does not fit the channels");
    return sz_plain_add(s, &(sz_plain_pass){.run = run_batch,
                                            .plan = p,
                                            .units = p->channels,
                                            .bytes = 8 * p->batch * p->n + 64});
}

// Each image has its own numbers: of a channel, or of a group of them.
static bool run_groups(const sz_plain_step *s, const void *user, int set, int64_t from,
                       int64_t to) {
    const plan *p = user;
    const sz_loop_rows *l = s->library->loops->f32;
    const int64_t groups = p->channels / p->per, size = p->per * p->n;
    const float *scale = floats(s, set, 1), *bias = floats(s, set, 2);
    for (int64_t u = from; u < to; u++) {
        const float *x = floats(s, set, 0) + u * size;
        float *y = room(s, 0) + u * size, mean, variance;
        moments(l, x, size, &mean, &variance);
        const float inverse = 1 / sqrtf(variance + p->epsilon);
        for (int64_t k = 0; k < p->per; k++) {
            const int64_t c = p->by_group ? u % groups : u % groups * p->per + k;
            l->scale(y + k * p->n, x + k * p->n, p->n, scale[c] * inverse,
                     bias[c] - mean * scale[c] * inverse);
        }
    }
    return true;
}

static sz_status add_groups(sz_plain_step *s, int64_t groups, bool by_group) {
    const sz_type *x = sz_plain_type(s, 0);
    plan *p = sz_plain_new(s, sizeof *p);
    if (!p) return sz_no_memory(s->call.ctx);
    if (!is_all_f32(s) || x->rank < 2) return sz_plain_refuse(s, "only images of f32");
    if (groups < 1 || x->dims[1] % groups) return sz_plain_refuse(s, "no such groups");
    *p = (plan){.batch = x->dims[0],
                .channels = x->dims[1],
                .per = x->dims[1] / groups,
                .n = sz_plain_span(x, 2, x->rank),
                .by_group = by_group,
                .epsilon = (float)sz_attr_f(s->call.node, "epsilon", 1e-5)};
    for (int i = 1; i < 3; i++)
        if (sz_plain_count(sz_plain_type(s, i)) != (by_group ? groups : p->channels))
            return sz_plain_refuse(s, "an operand that does not fit the channels");
    if (p->per * p->n == 0) return sz_plain_refuse(s, "empty images");
    return sz_plain_add(s, &(sz_plain_pass){.run = run_groups,
                                            .plan = p,
                                            .units = p->batch * groups,
                                            .bytes = 12 * p->per * p->n + 64});
}

sz_status sz_plain_instance_norm(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0);
    return add_groups(s, x->rank > 1 ? x->dims[1] : 0, false);
}
sz_status sz_plain_group_norm(sz_plain_step *s) {
    const int64_t groups = sz_attr_i(s->call.node, "num_groups", 0);
    return add_groups(s, groups,
                      s->call.node->opset < 21 && sz_plain_count(sz_plain_type(s, 1)) == groups);
}
