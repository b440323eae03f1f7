// SPDX-License-Identifier: Apache-2.0
// Sums and their kin over any axes, and what is done to rows: softmax.
#include "run/backends/plain/plain.h"

#include <math.h>

enum { BLOCK = 1024 }; // columns of a unit

typedef struct plan {
    sz_fold fold;
    bool is_mean, is_root;
    bool by_row;    // the last axis is one that goes away
    int64_t n;      // elements of the last axis
    int64_t blocks; // by column: units of it
    int64_t turns;  // products of the sizes of the others that go
    int64_t many;   // elements behind one result
    int kept, gone;
    int64_t kept_dims[SZ_MAX_RANK], kept_step[SZ_MAX_RANK];
    int64_t gone_dims[SZ_MAX_RANK], gone_step[SZ_MAX_RANK];
} plan;

static sz_walk walk_of(int rank, const int64_t *dims, const int64_t *step, int64_t unit) {
    sz_walk w = {.rank = rank, .n = 1, .dims = dims, .step = {step}};
    sz_walk_begin(&w, unit);
    return w;
}

static float joined(sz_fold f, float a, float b) {
    if (f == SZ_FOLD_max) return b > a ? b : a;
    if (f == SZ_FOLD_min) return b < a ? b : a;
    return a + b;
}

static void finish(const plan *p, float *y, int64_t n) {
    for (int64_t i = 0; i < n && p->is_mean; i++) y[i] /= (float)p->many;
    for (int64_t i = 0; i < n && p->is_root; i++) y[i] = sqrtf(y[i]);
}

static bool run_rows(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    const sz_loop_rows *loops = s->library->loops->f32;
    const float *x = sz_plain_data(s, set, 0);
    float *y = s->call.out[0]->data;
    sz_walk kept = walk_of(p->kept, p->kept_dims, p->kept_step, from);
    for (int64_t u = from; u < to; u++, sz_walk_next(&kept)) {
        sz_walk gone = walk_of(p->gone, p->gone_dims, p->gone_step, 0);
        float all = loops->fold[p->fold](x + kept.at[0], p->n);
        for (int64_t k = 1; k < p->turns; k++) {
            sz_walk_next(&gone);
            all = joined(p->fold, all, loops->fold[p->fold](x + kept.at[0] + gone.at[0], p->n));
        }
        y[u] = all;
        finish(p, y + u, 1);
    }
    return true;
}

static bool run_columns(const sz_plain_step *s, const void *user, int set, int64_t from,
                        int64_t to) {
    const plan *p = user;
    const sz_loop_rows *loops = s->library->loops->f32;
    float *out = s->call.out[0]->data;
    for (int64_t u = from; u < to; u++) {
        const int64_t row = u / p->blocks, at = u % p->blocks * BLOCK;
        const int64_t n = p->n - at < BLOCK ? p->n - at : BLOCK;
        const sz_walk kept = walk_of(p->kept, p->kept_dims, p->kept_step, row);
        const float *x = (const float *)sz_plain_data(s, set, 0) + kept.at[0] + at;
        float *y = out + row * p->n + at;
        sz_walk gone = walk_of(p->gone, p->gone_dims, p->gone_step, 0);
        for (int64_t i = 0; i < n; i++) y[i] = p->fold == SZ_FOLD_squares ? 0 : x[i];
        int64_t k = p->fold == SZ_FOLD_squares ? 0 : 1;
        if (k == 1) sz_walk_next(&gone);
        for (; k < p->turns; k++, sz_walk_next(&gone))
            loops->fold_into[p->fold](y, x + gone.at[0], n);
        finish(p, y, n);
    }
    return true;
}

static void push(int *n, int64_t *dims, int64_t *steps, int64_t dim, int64_t step) {
    dims[*n] = dim, steps[*n] = step;
    ++*n;
}

// Neighbours that go or stay together are one axis.
static void group(plan *p, const sz_type *x, const bool *goes) {
    int64_t steps[SZ_MAX_RANK];
    bool was_gone = false, any = false;
    sz_plain_steps(x, steps);
    for (int32_t d = 0; d < x->rank; d++) {
        if (x->dims[d] == 1) continue;
        int *n = goes[d] ? &p->gone : &p->kept;
        int64_t *dims = goes[d] ? p->gone_dims : p->kept_dims;
        int64_t *step = goes[d] ? p->gone_step : p->kept_step;
        if (any && was_gone == goes[d])
            dims[*n - 1] *= x->dims[d], step[*n - 1] = steps[d];
        else
            push(n, dims, step, x->dims[d], steps[d]);
        any = true, was_gone = goes[d];
    }
    p->by_row = !any || was_gone;
    int *last = p->by_row ? &p->gone : &p->kept;
    p->n = any ? (p->by_row ? p->gone_dims : p->kept_dims)[--*last] : 1;
}

static sz_status add(sz_plain_step *s, sz_fold fold, const bool *goes, bool is_mean, bool is_root) {
    const sz_type *x = sz_plain_type(s, 0);
    plan *p = sz_plain_new(s, sizeof *p);
    int64_t units = 1;
    if (!p) return sz_no_memory(s->call.ctx);
    if (!sz_plain_all(s, "f32") && !sz_plain_is(x, "f32")) return sz_plain_refuse(s, "only f32");
    if (sz_plain_count(x) == 0) return sz_plain_refuse(s, "nothing to reduce");
    p->fold = fold, p->is_mean = is_mean, p->is_root = is_root;
    group(p, x, goes);
    p->turns = 1;
    for (int d = 0; d < p->gone; d++) p->turns *= p->gone_dims[d];
    for (int d = 0; d < p->kept; d++) units *= p->kept_dims[d];
    p->many = p->turns * (p->by_row ? p->n : 1);
    p->blocks = (p->n + BLOCK - 1) / BLOCK;
    return sz_plain_add(
        s,
        &(sz_plain_pass){.run = p->by_row ? run_rows : run_columns,
                         .plan = p,
                         .units = p->by_row ? units : units * p->blocks,
                         .bytes = 4 * (p->n < BLOCK || p->by_row ? p->n : BLOCK) * p->turns + 16});
}

static sz_status reduce(sz_plain_step *s, sz_fold fold, bool is_mean, bool is_root) {
    const sz_type *x = sz_plain_type(s, 0);
    const int64_t *axes;
    bool goes[SZ_MAX_RANK] = {false};
    int n;
    SZ_TRY(sz_plain_ints(s, "axes", 1, &n, &axes));
    if (n <= 0 && sz_attr_i(s->call.node, "noop_with_empty_axes", 0)) return sz_plain_copy(s);
    for (int32_t d = 0; d < x->rank; d++) goes[d] = n <= 0;
    for (int k = 0; k < n; k++) {
        int32_t d;
        if (!sz_plain_axis(axes[k], x->rank, &d)) return sz_plain_refuse(s, "no such axis");
        goes[d] = true;
    }
    return add(s, fold, goes, is_mean, is_root);
}

sz_status sz_plain_sum(sz_plain_step *s) { return reduce(s, SZ_FOLD_sum, false, false); }
sz_status sz_plain_mean(sz_plain_step *s) { return reduce(s, SZ_FOLD_sum, true, false); }
sz_status sz_plain_max(sz_plain_step *s) { return reduce(s, SZ_FOLD_max, false, false); }
sz_status sz_plain_min(sz_plain_step *s) { return reduce(s, SZ_FOLD_min, false, false); }
sz_status sz_plain_squares(sz_plain_step *s) { return reduce(s, SZ_FOLD_squares, false, false); }
sz_status sz_plain_root(sz_plain_step *s) { return reduce(s, SZ_FOLD_squares, false, true); }

// All axes behind the channels.
static sz_status global(sz_plain_step *s, sz_fold fold) {
    bool goes[SZ_MAX_RANK];
    for (int32_t d = 0; d < SZ_MAX_RANK; d++) goes[d] = d > 1;
    return add(s, fold, goes, fold == SZ_FOLD_sum, false);
}
sz_status sz_plain_global_average(sz_plain_step *s) { return global(s, SZ_FOLD_sum); }
sz_status sz_plain_global_max(sz_plain_step *s) { return global(s, SZ_FOLD_max); }

// ---- softmax -----------------------------------------------------------------------------------

typedef struct soft {
    int64_t n, inner; // elements of a row, how far apart
    bool is_log;
} soft;

static bool run_soft(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const soft *p = user;
    const float *x = sz_plain_data(s, set, 0);
    float *y = s->call.out[0]->data;
    for (int64_t u = from; u < to; u++)
        s->library->loops->f32->softmax(y + u * p->n, x + u * p->n, p->n, p->is_log);
    return true;
}

// Rows of columns: the largest and the sums of a whole line at once.
static bool run_columns_soft(const sz_plain_step *s, const void *user, int set, int64_t from,
                             int64_t to) {
    const soft *p = user;
    for (int64_t u = from; u < to; u++) {
        const int64_t start = u / p->inner * p->n * p->inner + u % p->inner;
        const float *x = (const float *)sz_plain_data(s, set, 0) + start;
        float *y = (float *)s->call.out[0]->data + start, top = -INFINITY, sum = 0;
        for (int64_t k = 0; k < p->n; k++) top = fmaxf(top, x[k * p->inner]);
        for (int64_t k = 0; k < p->n; k++) sum += expf(x[k * p->inner] - top);
        for (int64_t k = 0; k < p->n; k++)
            y[k * p->inner] = p->is_log ? x[k * p->inner] - top - logf(sum)
                                        : expf(x[k * p->inner] - top) / sum;
    }
    return true;
}

sz_status sz_plain_softmax(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0);
    const bool old = s->call.node->opset < 13; // the rows are all axes from this one on
    soft *p = sz_plain_new(s, sizeof *p);
    int32_t axis;
    if (!p) return sz_no_memory(s->call.ctx);
    if (!sz_plain_all(s, "f32")) return sz_plain_refuse(s, "only f32");
    if (!sz_plain_axis(sz_attr_i(s->call.node, "axis", old ? 1 : -1), x->rank, &axis))
        return sz_plain_refuse(s, "no such axis");
    p->n = old ? sz_plain_span(x, axis, x->rank) : x->dims[axis];
    p->inner = old ? 1 : sz_plain_span(x, axis + 1, x->rank);
    p->is_log = sz_str_is(s->call.node->op, "LogSoftmax");
    if (p->n == 0) return sz_plain_refuse(s, "empty rows");
    return sz_plain_add(s, &(sz_plain_pass){.run = p->inner == 1 ? run_soft : run_columns_soft,
                                            .plan = p,
                                            .units = sz_plain_span(x, 0, axis) * p->inner,
                                            .bytes = 16 * p->n + 16});
}
