// SPDX-License-Identifier: Apache-2.0
// Operators that go by indices.
#include "run/backends/plain/plain.h"

// Index k, from 0; -1 = out of range.
static inline int64_t index_at(const void *indices, bool wide, int64_t k, int64_t size) {
    const int64_t i = wide ? ((const int64_t *)indices)[k] : ((const int32_t *)indices)[k];
    const int64_t at = i < 0 ? i + size : i;
    return at >= 0 && at < size ? at : -1;
}

typedef struct plan {
    int64_t outer, size, inner, count; // of the table around its axis; indices
    int width;
    bool wide; // indices of 64 bits
    int data, indices;
    bool into; // GatherElements: a step of `inner` per index
    // of the elements' form
    int rank;
    int32_t axis;
    int64_t dims[SZ_MAX_RANK], step[SZ_MAX_RANK], own[SZ_MAX_RANK];
} plan;

static sz_status begin(sz_plain_step *s, int data, int indices, plan **ret_plan) {
    const sz_type *x = sz_plain_type(s, data), *i = sz_plain_type(s, indices);
    plan *p = sz_plain_new(s, sizeof *p);
    if (!p) return sz_no_memory(s->call.ctx);
    if (!sz_plain_is(i, "i64") && !sz_plain_is(i, "i32"))
        return sz_plain_refuse(s, "indices of another format");
    if (!sz_plain_axis(sz_attr_i(s->call.node, "axis", 0), x->rank, &p->axis))
        return sz_plain_refuse(s, "no such axis");
    p->outer = sz_plain_span(x, 0, p->axis), p->size = x->dims[p->axis];
    p->inner = sz_plain_span(x, p->axis + 1, x->rank), p->count = sz_plain_count(i);
    p->width = (int)sz_buffer_width(x->dtype), p->wide = sz_plain_is(i, "i64");
    p->data = data, p->indices = indices;
    *ret_plan = p;
    return SZ_OK;
}

static bool run_gather(const sz_plain_step *s, const void *user, int set, int64_t from,
                       int64_t to) {
    const plan *p = user;
    const char *x = sz_plain_data(s, set, p->data);
    const void *indices = sz_plain_data(s, set, p->indices);
    char *y = s->call.out[0]->data;
    const int64_t bytes = p->inner * p->width;
    for (int64_t u = from; u < to; u++) {
        const int64_t at = index_at(indices, p->wide, u % p->count, p->size);
        if (at < 0) return false;
        memcpy(y + u * bytes, x + (u / p->count * p->size + at) * bytes, (size_t)bytes);
    }
    return true;
}

sz_status sz_plain_gather(sz_plain_step *s) {
    plan *p;
    SZ_TRY(begin(s, 0, 1, &p));
    return sz_plain_add(s, &(sz_plain_pass){.run = run_gather,
                                            .plan = p,
                                            .units = p->outer * p->count,
                                            .bytes = 2 * p->inner * p->width + 16});
}

static bool run_elements(const sz_plain_step *s, const void *user, int set, int64_t from,
                         int64_t to) {
    const plan *p = user;
    const char *x = sz_plain_data(s, set, p->data);
    const void *indices = sz_plain_data(s, set, p->indices);
    char *y = s->call.out[0]->data;
    sz_walk w = {.rank = p->rank, .n = 1, .dims = p->dims, .step = {p->step}};
    sz_walk_begin(&w, from);
    for (int64_t u = from; u < to; u++, sz_walk_next(&w)) {
        const int64_t at = index_at(indices, p->wide, u, p->size);
        if (at < 0) return false;
        memcpy(y + u * p->width, x + (w.at[0] + at * p->inner) * p->width, (size_t)p->width);
    }
    return true;
}

// The place along the axis comes from the index, along the others from the output.
sz_status sz_plain_gather_elements(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0), *i = sz_plain_type(s, 1);
    plan *p;
    SZ_TRY(begin(s, 0, 1, &p));
    p->rank = x->rank;
    sz_plain_steps(x, p->step);
    p->step[p->axis] = 0;
    for (int32_t d = 0; d < x->rank; d++) p->dims[d] = i->dims[d];
    return sz_plain_add(
        s, &(sz_plain_pass){.run = run_elements, .plan = p, .units = p->count, .bytes = 64});
}

// ---- along an axis -----------------------------------------------------------------------------

static bool run_largest(const sz_plain_step *s, const void *user, int set, int64_t from,
                        int64_t to) {
    const plan *p = user;
    const float *x = sz_plain_data(s, set, 0);
    int64_t *y = s->call.out[0]->data;
    const float sign = p->into ? -1 : 1;
    for (int64_t u = from; u < to; u++) {
        const float *row = x + u / p->inner * p->size * p->inner + u % p->inner;
        int64_t best = 0;
        for (int64_t k = 1; k < p->size; k++) {
            const float a = sign * row[k * p->inner], b = sign * row[best * p->inner];
            if (a > b || (a == b && p->wide)) best = k;
        }
        y[u] = best;
    }
    return true;
}

static sz_status along(sz_plain_step *s, int64_t axis, plan **ret_plan) {
    const sz_type *x = sz_plain_type(s, 0);
    plan *p = sz_plain_new(s, sizeof *p);
    if (!p) return sz_no_memory(s->call.ctx);
    if (!sz_plain_is(x, "f32")) return sz_plain_refuse(s, "only f32");
    if (!sz_plain_axis(axis, x->rank, &p->axis)) return sz_plain_refuse(s, "no such axis");
    p->outer = sz_plain_span(x, 0, p->axis), p->size = x->dims[p->axis];
    p->inner = sz_plain_span(x, p->axis + 1, x->rank);
    *ret_plan = p;
    return SZ_OK;
}

sz_status sz_plain_arg(sz_plain_step *s) {
    plan *p;
    SZ_TRY(along(s, sz_attr_i(s->call.node, "axis", 0), &p));
    p->into = sz_str_is(s->call.node->op, "ArgMin");
    p->wide = sz_attr_i(s->call.node, "select_last_index", 0) != 0;
    if (p->size == 0) return sz_plain_refuse(s, "nothing to choose from");
    return sz_plain_add(s, &(sz_plain_pass){.run = run_largest,
                                            .plan = p,
                                            .units = p->outer * p->inner,
                                            .bytes = 4 * p->size + 16});
}

static bool run_sums(const sz_plain_step *s, const void *user, int set, int64_t from, int64_t to) {
    const plan *p = user;
    const float *x = sz_plain_data(s, set, 0);
    float *y = s->call.out[0]->data;
    for (int64_t u = from; u < to; u++) {
        const int64_t start = u / p->inner * p->size * p->inner + u % p->inner;
        float sum = 0;
        for (int64_t k = 0; k < p->size; k++) {
            const int64_t at = start + (p->wide ? p->size - 1 - k : k) * p->inner;
            const float v = x[at]; // into: without the element itself
            y[at] = p->into ? sum : sum + v;
            sum += v;
        }
    }
    return true;
}

sz_status sz_plain_cum_sum(sz_plain_step *s) {
    const int64_t *axis;
    int n;
    plan *p;
    SZ_TRY(sz_plain_ints(s, NULL, 1, &n, &axis));
    if (n != 1) return sz_plain_refuse(s, "no axis");
    SZ_TRY(along(s, axis[0], &p));
    p->into = sz_attr_i(s->call.node, "exclusive", 0) != 0;
    p->wide = sz_attr_i(s->call.node, "reverse", 0) != 0;
    return sz_plain_add(s, &(sz_plain_pass){.run = run_sums,
                                            .plan = p,
                                            .units = p->outer * p->inner,
                                            .bytes = 8 * p->size + 16});
}
