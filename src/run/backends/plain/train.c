// SPDX-License-Identifier: Apache-2.0
// Operators of training: gradients by row and channel, look-ups, the loss, optimizers.
#include "run/backends/plain/plain.h"

#include <math.h>

enum { COLUMNS = 64, RANGES = 16 };

typedef struct plan {
    int64_t rows, n, inner; // rows of n elements that lie `inner` apart
    int64_t batch, channels;
    float epsilon;
    bool is_mean, wide;
    int64_t count, size; // indices, rows of a table
} plan;

static const float *floats(const sz_plain_step *s, int set, int input) {
    return sz_plain_data(s, set, input);
}
static float *room(const sz_plain_step *s, int output) {
    return sz_plain_out_type(s, output) ? s->call.out[output]->data : NULL;
}

static sz_status new_plan(sz_plain_step *s, plan **ret_plan) {
    *ret_plan = sz_plain_new(s, sizeof **ret_plan);
    return *ret_plan ? SZ_OK : sz_no_memory(s->call.ctx);
}

static bool are_f32(const sz_plain_step *s, int inputs) {
    for (int i = 0; i < inputs; i++)
        if (!sz_plain_is(sz_plain_type(s, i), "f32")) return false;
    for (int o = 0; o < s->call.node->n_outputs; o++)
        if (sz_plain_out_type(s, o) && !sz_plain_is(sz_plain_out_type(s, o), "f32")) return false;
    return true;
}

static sz_status add(sz_plain_step *s,
                     bool (*run)(const sz_plain_step *, const void *, int, int64_t, int64_t),
                     const plan *p, int64_t units, int64_t bytes) {
    return sz_plain_add(
        s, &(sz_plain_pass){.run = run, .plan = p, .units = units, .bytes = bytes + 16});
}

// ---- softmax -----------------------------------------------------------------------------------

// y (g - sum y g)
static bool run_softmax(const sz_plain_step *s, const void *user, int set, int64_t from,
                        int64_t to) {
    const plan *p = user;
    for (int64_t u = from; u < to; u++) {
        const float *y = floats(s, set, 0) + u * p->n, *g = floats(s, set, 1) + u * p->n;
        float *dx = room(s, 0) + u * p->n;
        const float sum = s->library->loops->f32->dot(y, g, p->n);
        for (int64_t i = 0; i < p->n; i++) dx[i] = y[i] * (g[i] - sum);
    }
    return true;
}

sz_status sz_plain_softmax_grad(sz_plain_step *s) {
    const sz_type *y = sz_plain_type(s, 0);
    plan *p;
    SZ_TRY(new_plan(s, &p));
    const int64_t axis = sz_attr_i(s->call.node, "axis", -1);
    if (!are_f32(s, 2)) return sz_plain_refuse(s, "only f32");
    if (y->rank < 1 || (axis != -1 && axis != y->rank - 1))
        return sz_plain_refuse(s, "not the last axis");
    p->n = y->dims[y->rank - 1];
    return add(s, run_softmax, p, sz_plain_span(y, 0, y->rank - 1), 24 * p->n);
}

// ---- norms -------------------------------------------------------------------------------------

// With x' = (x - mean) r and d = g scale: dx = r (d - mean d - x' mean(d x')); Ba et al. 2016.
static bool run_layer(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    const sz_loop_rows *l = s->library->loops->f32;
    const float *scale = floats(s, set, 1);
    for (int64_t u = from; u < to; u++) {
        const float *x = floats(s, set, 0) + u * p->n, *g = floats(s, set, 4) + u * p->n;
        const float mean = floats(s, set, 2)[u], r = floats(s, set, 3)[u], n = (float)p->n;
        const float sum = l->dot(g, scale, p->n);
        float *dx = room(s, 0) + u * p->n;
        l->normalize(dx, x, p->n, mean, r, NULL, NULL);
        const float with = l->dot3(g, scale, dx, p->n) / n, all = sum / n;
        for (int64_t i = 0; i < p->n; i++) dx[i] = r * (g[i] * scale[i] - all - dx[i] * with);
    }
    return true;
}

// dscale = sum over rows of g x', dbias = sum of g: a few columns at a time.
static bool run_layer_sums(const sz_plain_step *s, const void *user, int set, int64_t from,
                           int64_t to) {
    const plan *p = user;
    float *dscale = room(s, 1), *dbias = room(s, 2);
    for (int64_t u = from; u < to; u++) {
        const int64_t at = u * COLUMNS, n = p->n - at < COLUMNS ? p->n - at : COLUMNS;
        float by_scale[COLUMNS] = {0}, by_bias[COLUMNS] = {0};
        for (int64_t row = 0; row < p->rows; row++) {
            const float *x = floats(s, set, 0) + row * p->n + at;
            const float *g = floats(s, set, 4) + row * p->n + at;
            const float mean = floats(s, set, 2)[row], r = floats(s, set, 3)[row];
            for (int64_t i = 0; i < n; i++) {
                by_scale[i] += g[i] * (x[i] - mean) * r;
                by_bias[i] += g[i];
            }
        }
        if (dscale) memcpy(dscale + at, by_scale, (size_t)n * sizeof *dscale);
        if (dbias) memcpy(dbias + at, by_bias, (size_t)n * sizeof *dbias);
    }
    return true;
}

sz_status sz_plain_layer_norm_grad(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0);
    int32_t axis;
    plan *p;
    SZ_TRY(new_plan(s, &p));
    if (!are_f32(s, 5)) return sz_plain_refuse(s, "only f32");
    if (!sz_plain_axis(sz_attr_i(s->call.node, "axis", -1), x->rank, &axis))
        return sz_plain_refuse(s, "no such axis");
    p->rows = sz_plain_span(x, 0, axis), p->n = sz_plain_span(x, axis, x->rank);
    if (sz_plain_count(sz_plain_type(s, 1)) != p->n) return sz_plain_refuse(s, "a shared scale");
    if (room(s, 0)) SZ_TRY(add(s, run_layer, p, p->rows, 24 * p->n));
    if (!room(s, 1) && !room(s, 2)) return SZ_OK;
    return add(s, run_layer_sums, p, (p->n + COLUMNS - 1) / COLUMNS, 8 * COLUMNS * p->rows);
}

// dscale = sum g x', dbias = sum g, dx = scale r (g - (dbias + x' dscale) / N); Ioffe and Szegedy
// 2015.
static bool run_batch(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    const sz_loop_rows *l = s->library->loops->f32;
    float *dscale = room(s, 1), *dbias = room(s, 2);
    for (int64_t c = from; c < to; c++) {
        const float mean = floats(s, set, 2)[c];
        const float r = 1 / sqrtf(floats(s, set, 3)[c] + p->epsilon);
        float with = 0, sum = 0;
        for (int64_t b = 0; b < p->batch; b++) {
            const int64_t at = (b * p->channels + c) * p->n;
            const float *x = floats(s, set, 0) + at, *g = floats(s, set, 4) + at;
            const float part = l->fold[SZ_FOLD_sum](g, p->n);
            with += l->dot(g, x, p->n) - mean * part, sum += part;
        }
        with *= r;
        if (dscale) dscale[c] = with;
        if (dbias) dbias[c] = sum;
        const float n = (float)(p->batch * p->n), factor = floats(s, set, 1)[c] * r;
        for (int64_t b = 0; b < p->batch && room(s, 0); b++) {
            const int64_t at = (b * p->channels + c) * p->n;
            const float *x = floats(s, set, 0) + at, *g = floats(s, set, 4) + at;
            float *dx = room(s, 0) + at;
            for (int64_t i = 0; i < p->n; i++)
                dx[i] = factor * (g[i] - (sum + (x[i] - mean) * r * with) / n);
        }
    }
    return true;
}

sz_status sz_plain_batch_norm_grad(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0);
    plan *p;
    SZ_TRY(new_plan(s, &p));
    if (!are_f32(s, 5) || x->rank < 2) return sz_plain_refuse(s, "only images of f32");
    p->batch = x->dims[0], p->channels = x->dims[1], p->n = sz_plain_span(x, 2, x->rank);
    p->epsilon = (float)sz_attr_f(s->call.node, "epsilon", 1e-5);
    for (int i = 1; i < 4; i++)
        if (sz_plain_count(sz_plain_type(s, i)) != p->channels)
            return sz_plain_refuse(s, "an operand that does not fit the channels");
    return add(s, run_batch, p, p->channels, 24 * p->batch * p->n);
}

// ---- look-ups ----------------------------------------------------------------------------------

static int64_t index_at(const void *indices, bool wide, int64_t k) {
    return wide ? ((const int64_t *)indices)[k] : ((const int32_t *)indices)[k];
}

// Each unit owns a range of rows of the table, so that no two threads add to the same.
static bool run_gather(const sz_plain_step *s, const void *user, int set, int64_t from,
                       int64_t to) {
    const plan *p = user;
    const void *indices = sz_plain_data(s, set, 0);
    const float *g = floats(s, set, 1);
    float *dw = room(s, 0);
    const int64_t low = p->size * from / RANGES, high = p->size * to / RANGES;
    for (int64_t k = 0; k < p->count; k++) {
        int64_t row = index_at(indices, p->wide, k);
        row = row < 0 ? row + p->size : row;
        if (row < 0 || row >= p->size) return false;
        if (row < low || row >= high) continue;
        s->library->loops->f32->fold_into[SZ_FOLD_sum](dw + row * p->inner, g + k * p->inner,
                                                       p->inner);
    }
    return true;
}

sz_status sz_plain_gather_grad(sz_plain_step *s) {
    const sz_type *i = sz_plain_type(s, 0), *w = sz_plain_out_type(s, 0);
    const float zero = 0;
    plan *p;
    SZ_TRY(new_plan(s, &p));
    if (!w || !sz_plain_is(w, "f32") || !sz_plain_is(sz_plain_type(s, 1), "f32"))
        return sz_plain_refuse(s, "only f32");
    if (!sz_plain_is(i, "i64") && !sz_plain_is(i, "i32"))
        return sz_plain_refuse(s, "indices of another format");
    if (sz_attr_i(s->call.node, "axis", 0) != 0 || w->rank < 1)
        return sz_plain_refuse(s, "not the first axis");
    p->size = w->dims[0], p->inner = sz_plain_span(w, 1, w->rank), p->count = sz_plain_count(i);
    p->wide = sz_plain_is(i, "i64");
    if (sz_plain_count(sz_plain_type(s, 1)) != p->count * p->inner)
        return sz_plain_refuse(s, "a gradient that does not fit");
    SZ_TRY(sz_plain_fill(s, 0, &zero, sizeof zero));
    return add(s, run_gather, p, RANGES, 12 * p->inner * p->count / RANGES);
}

// ---- loss --------------------------------------------------------------------------------------

static bool run_logs(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    for (int64_t u = from; u < to; u++)
        s->library->loops->f32->softmax(room(s, 1) + u * p->n, floats(s, set, 0) + u * p->n, p->n,
                                        true);
    return true;
}

static bool run_loss(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    const void *labels = sz_plain_data(s, set, 1);
    double sum = 0;
    (void)from;
    (void)to;
    for (int64_t k = 0; k < p->rows; k++) {
        const int64_t label = index_at(labels, p->wide, k);
        if (label < 0 || label >= p->n) return false;
        sum -= (double)room(s, 1)[k * p->n + label];
    }
    *room(s, 0) = (float)(p->is_mean ? sum / (double)p->rows : sum);
    return true;
}

static bool run_loss_grad(const sz_plain_step *s, const void *user, int set, int64_t from,
                          int64_t to) {
    const plan *p = user;
    const void *labels = sz_plain_data(s, set, 1);
    const float share = p->is_mean ? 1 / (float)p->rows : 1;
    for (int64_t u = from; u < to; u++) {
        const float *logs = floats(s, set, 0) + u * p->n;
        float *dx = room(s, 0) + u * p->n;
        const int64_t label = index_at(labels, p->wide, u);
        if (label < 0 || label >= p->n) return false;
        for (int64_t i = 0; i < p->n; i++) dx[i] = share * expf(logs[i]);
        dx[label] -= share;
    }
    return true;
}

static sz_status read_loss(sz_plain_step *s, plan **ret_plan) {
    const sz_type *x = sz_plain_type(s, 0), *t = sz_plain_type(s, 1);
    const sz_str how = sz_attr_s(s->call.node, "reduction", "mean");
    plan *p;
    SZ_TRY(new_plan(s, &p));
    if (!are_f32(s, 1) || !sz_plain_out_type(s, 0)) return sz_plain_refuse(s, "only f32");
    if (x->rank != 2) return sz_plain_refuse(s, "scores that are no matrix");
    if (!sz_plain_is(t, "i64") && !sz_plain_is(t, "i32"))
        return sz_plain_refuse(s, "labels of another format");
    if (sz_plain_type(s, 2) || sz_attr_find(s->call.node, "ignore_index"))
        return sz_plain_refuse(s, "weights of classes, or labels to ignore");
    if (!sz_str_is(how, "mean") && !sz_str_is(how, "sum")) return sz_plain_refuse(s, "no sum");
    p->rows = x->dims[0], p->n = x->dims[1];
    p->is_mean = sz_str_is(how, "mean"), p->wide = sz_plain_is(t, "i64");
    if (sz_plain_count(t) != p->rows || p->n == 0) return sz_plain_refuse(s, "labels do not fit");
    *ret_plan = p;
    return SZ_OK;
}

sz_status sz_plain_loss(sz_plain_step *s) {
    plan *p;
    SZ_TRY(read_loss(s, &p));
    if (!room(s, 1)) return sz_plain_refuse(s, "the logarithms are not asked for");
    SZ_TRY(add(s, run_logs, p, p->rows, 24 * p->n));
    return add(s, run_loss, p, 1, p->rows);
}

sz_status sz_plain_loss_grad(sz_plain_step *s) {
    plan *p;
    SZ_TRY(read_loss(s, &p));
    return add(s, run_loss_grad, p, p->rows, 40 * p->n);
}

// ---- optimizers --------------------------------------------------------------------------------

enum { BLOCK = 1 << 14 };

// Of one tensor of the list. Outputs may lie where the inputs are.
typedef struct update {
    int x, g, v, h; // inputs
    int x_out, v_out, h_out;
    int64_t n;
    double alpha, beta, epsilon, norm, norm_after;
    bool nesterov, is_adam;
} update;

static double one_number(const sz_plain_step *s, int set, int input) {
    double x = 0;
    sz_buffer_doubles(s->call.in[set][input], 0, 1, &x);
    return x;
}

static bool run_update(const sz_plain_step *s, const void *user, int set, int64_t from,
                       int64_t to) {
    const update *u = user;
    const double rate = one_number(s, set, 0), count = one_number(s, set, 1);
    const float *x = floats(s, set, u->x), *g = floats(s, set, u->g), *v = floats(s, set, u->v);
    const float *h = u->is_adam ? floats(s, set, u->h) : NULL;
    float *x_out = room(s, u->x_out), *v_out = room(s, u->v_out);
    float *h_out = u->is_adam ? room(s, u->h_out) : NULL;
    const float a = (float)u->alpha, norm = (float)u->norm, e = (float)u->epsilon;
    const float b = (float)(u->is_adam || count > 0 ? u->beta : 1);
    const float one_a = (float)(1 - u->alpha), one_b = (float)(1 - u->beta);
    const float keep = (float)(1 - u->norm_after);
    const float step = (float)(u->is_adam && count > 0 ? rate * sqrt(1 - pow(u->beta, count)) /
                                                             (1 - pow(u->alpha, count))
                                                       : rate);
    const int64_t first = from * BLOCK, end = to * BLOCK < u->n ? to * BLOCK : u->n;
    for (int64_t i = first; i < end; i++) {
        const float d = norm * x[i] + g[i];
        if (u->is_adam) {
            const float v1 = a * v[i] + one_a * d, h1 = b * h[i] + one_b * d * d;
            const float x1 = keep * (x[i] - step * v1 / (sqrtf(h1) + e));
            if (v_out) v_out[i] = v1;
            if (h_out) h_out[i] = h1;
            if (x_out) x_out[i] = x1;
        } else {
            const float v1 = a * v[i] + b * d;
            const float x1 = x[i] - step * (u->nesterov ? d + a * v1 : v1);
            if (v_out) v_out[i] = v1;
            if (x_out) x_out[i] = x1;
        }
    }
    return true;
}

sz_status sz_plain_optimizer(sz_plain_step *s) {
    const sz_node *n = s->call.node;
    const bool is_adam = sz_str_is(n->op, "Adam");
    const int lists = is_adam ? 4 : 3, many = (n->n_inputs - 2) / lists;
    for (int i = 2; i < n->n_inputs; i++)
        if (!sz_plain_is(sz_plain_type(s, i), "f32")) return sz_plain_refuse(s, "only f32");
    for (int i = 0; i < many; i++) {
        update *u = sz_plain_new(s, sizeof *u);
        if (!u) return sz_no_memory(s->call.ctx);
        *u = (update){.x = 2 + i,
                      .g = 2 + many + i,
                      .v = 2 + 2 * many + i,
                      .h = 2 + 3 * many + i,
                      .x_out = i,
                      .v_out = many + i,
                      .h_out = 2 * many + i,
                      .n = sz_plain_count(sz_plain_type(s, 2 + i)),
                      .alpha = sz_attr_f(n, "alpha", is_adam ? 0.9 : 0),
                      .beta = sz_attr_f(n, "beta", is_adam ? 0.999 : 1),
                      .epsilon = sz_attr_f(n, "epsilon", 1e-6),
                      .norm = sz_attr_f(n, "norm_coefficient", 0),
                      .norm_after = sz_attr_f(n, "norm_coefficient_post", 0),
                      .nesterov = sz_str_is(sz_attr_s(n, "mode", "standard"), "nesterov"),
                      .is_adam = is_adam};
        for (int list = 1; list < lists; list++)
            if (sz_plain_count(sz_plain_type(s, 2 + list * many + i)) != u->n)
                return sz_plain_refuse(s, "a list has a tensor of another size");
        SZ_TRY(sz_plain_add(s, &(sz_plain_pass){.run = run_update,
                                                .plan = u,
                                                .units = (u->n + BLOCK - 1) / BLOCK,
                                                .bytes = 4 * 7 * BLOCK}));
    }
    return SZ_OK;
}
