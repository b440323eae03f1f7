// SPDX-License-Identifier: Apache-2.0
// Operators that only move elements.
#include "run/backends/plain/plain.h"

// A dense input and the dense output, axes still to be set.
static sz_move moved(const sz_plain_step *s, int from, int to) {
    const sz_type *y = sz_plain_out_type(s, to);
    return (sz_move){.from = from, .to = to, .width = (int)sz_buffer_width(y->dtype)};
}

// All elements in their order: what a view is where it can't be one.
sz_status sz_plain_copy(sz_plain_step *s) {
    if (!sz_plain_out_type(s, 0)) return sz_plain_refuse(s, "no first output");
    for (int o = 1; o < s->call.node->n_outputs; o++)
        if (sz_plain_out_type(s, o)) return sz_plain_refuse(s, "a second output");
    sz_move m = moved(s, 0, 0);
    m.rank = 1, m.from_step[0] = 1, m.to_step[0] = 1;
    m.dims[0] = sz_plain_count(sz_plain_out_type(s, 0));
    if (sz_plain_count(sz_plain_type(s, 0)) != m.dims[0]) return sz_plain_refuse(s, "sizes differ");
    return sz_plain_move(s, &m);
}

sz_status sz_plain_transpose(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0), *y = sz_plain_out_type(s, 0);
    const int64_t *perm = NULL;
    const bool given = sz_attr_ints(s->call.node, "perm", &perm) == x->rank;
    sz_move m = moved(s, 0, 0);
    int64_t steps[SZ_MAX_RANK];
    sz_plain_steps(x, steps);
    sz_plain_steps(y, m.to_step);
    m.rank = x->rank;
    for (int32_t d = 0; d < x->rank; d++) {
        const int64_t at = given ? perm[d] : x->rank - 1 - d;
        m.dims[d] = y->dims[d], m.from_step[d] = steps[at];
    }
    return sz_plain_move(s, &m);
}

sz_status sz_plain_expand(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0), *y = sz_plain_out_type(s, 0);
    sz_move m = moved(s, 0, 0);
    int64_t steps[SZ_MAX_RANK];
    sz_plain_steps(x, steps);
    sz_plain_steps(y, m.to_step);
    m.rank = y->rank;
    for (int32_t d = 0; d < y->rank; d++) {
        const int32_t at = d - (y->rank - x->rank);
        m.dims[d] = y->dims[d];
        m.from_step[d] = at < 0 || x->dims[at] == 1 ? 0 : steps[at];
    }
    return sz_plain_move(s, &m);
}

// Each axis is one for the repeats and one for what is repeated.
sz_status sz_plain_tile(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0), *y = sz_plain_out_type(s, 0);
    sz_move m = moved(s, 0, 0);
    int64_t from[SZ_MAX_RANK], to[SZ_MAX_RANK];
    if (2 * x->rank > SZ_MAX_RANK) return sz_plain_refuse(s, "too many axes");
    sz_plain_steps(x, from);
    sz_plain_steps(y, to);
    m.rank = 2 * x->rank;
    for (int32_t d = 0; d < x->rank; d++) {
        m.dims[2 * d] = x->dims[d] ? y->dims[d] / x->dims[d] : 0, m.dims[2 * d + 1] = x->dims[d];
        m.to_step[2 * d] = to[d] * x->dims[d], m.to_step[2 * d + 1] = to[d];
        m.from_step[2 * d + 1] = from[d];
    }
    return sz_plain_move(s, &m);
}

// ---- parts -------------------------------------------------------------------------------------

// Starts and steps by axis of the input, as ONNX cuts them.
static sz_status read_slice(sz_plain_step *s, int64_t *start, int64_t *step) {
    const sz_type *x = sz_plain_type(s, 0);
    const bool old = s->call.node->n_inputs == 1;
    const int64_t *starts, *axes, *steps;
    int n, n_axes, n_steps;
    SZ_TRY(sz_plain_ints(s, old ? "starts" : NULL, old ? -1 : 1, &n, &starts));
    SZ_TRY(sz_plain_ints(s, old ? "axes" : NULL, old ? -1 : 3, &n_axes, &axes));
    SZ_TRY(sz_plain_ints(s, NULL, old ? -1 : 4, &n_steps, &steps));
    for (int32_t d = 0; d < x->rank; d++) start[d] = 0, step[d] = 1;
    for (int k = 0; k < n; k++) {
        int32_t d;
        if (!sz_plain_axis(k < n_axes ? axes[k] : k, x->rank, &d))
            return sz_plain_refuse(s, "no such axis");
        const int64_t size = x->dims[d];
        step[d] = k < n_steps ? steps[k] : 1;
        const int64_t most = step[d] < 0 ? size - 1 : size;
        int64_t at = starts[k] < 0 ? starts[k] + size : starts[k];
        at = at < 0 ? 0 : at;
        start[d] = at > most ? most : at;
    }
    return SZ_OK;
}

sz_status sz_plain_slice(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0), *y = sz_plain_out_type(s, 0);
    sz_move m = moved(s, 0, 0);
    int64_t start[SZ_MAX_RANK], step[SZ_MAX_RANK];
    SZ_TRY(read_slice(s, start, step));
    sz_plain_steps(x, m.from_step);
    sz_plain_steps(y, m.to_step);
    m.rank = y->rank;
    for (int32_t d = 0; d < y->rank; d++) {
        m.dims[d] = y->dims[d];
        m.from_at += start[d] * m.from_step[d];
        m.from_step[d] *= step[d];
    }
    return sz_plain_move(s, &m);
}

// Parts of one axis, of the inputs or of the outputs, one behind the other.
static sz_status join(sz_plain_step *s, bool splits, int64_t given) {
    const int n = splits ? s->call.node->n_outputs : s->call.node->n_inputs;
    const sz_type *whole = splits ? sz_plain_type(s, 0) : sz_plain_out_type(s, 0);
    int64_t at = 0, steps[SZ_MAX_RANK];
    int32_t axis;
    if (!sz_plain_axis(given, whole->rank, &axis)) return sz_plain_refuse(s, "no such axis");
    sz_plain_steps(whole, steps);
    for (int k = 0; k < n; k++) {
        const sz_type *t = splits ? sz_plain_out_type(s, k) : sz_plain_type(s, k);
        if (!t) return sz_plain_refuse(s, "a part is left out");
        sz_move m = moved(s, splits ? 0 : k, splits ? k : 0);
        m.rank = t->rank;
        for (int32_t d = 0; d < t->rank; d++) m.dims[d] = t->dims[d];
        sz_plain_steps(t, splits ? m.to_step : m.from_step);
        memcpy(splits ? m.from_step : m.to_step, steps, sizeof steps);
        *(splits ? &m.from_at : &m.to_at) = at * steps[axis];
        at += t->dims[axis];
        SZ_TRY(sz_plain_move(s, &m));
    }
    return SZ_OK;
}

sz_status sz_plain_concat(sz_plain_step *s) {
    return join(s, false, sz_attr_i(s->call.node, "axis", 1));
}
sz_status sz_plain_split(sz_plain_step *s) {
    return join(s, true, sz_attr_i(s->call.node, "axis", 0));
}

// ---- around ------------------------------------------------------------------------------------

static sz_status pad_value(sz_plain_step *s, int64_t *ret_bits) {
    const sz_type *x = sz_plain_type(s, 0);
    const sz_buffer *b = sz_plain_known(s, 2);
    *ret_bits = 0;
    if (sz_plain_type(s, 2) && !b) return sz_plain_refuse(s, "the value is only known in the run");
    if (b && b->count > 0) memcpy(ret_bits, b->data, sz_buffer_width(b->dtype));
    const double old = sz_attr_f(s->call.node, "value", 0);
    if (old != 0 && sz_plain_is(x, "f32")) {
        const float f = (float)old;
        memcpy(ret_bits, &f, sizeof f);
    } else if (old != 0) {
        return sz_plain_refuse(s, "a value of another format");
    }
    return SZ_OK;
}

sz_status sz_plain_pad(sz_plain_step *s) {
    const sz_type *x = sz_plain_type(s, 0), *y = sz_plain_out_type(s, 0);
    const int64_t *pads, *axes;
    int64_t value, before[SZ_MAX_RANK] = {0};
    int n, n_axes;
    if (!sz_str_is(sz_attr_s(s->call.node, "mode", "constant"), "constant"))
        return sz_plain_refuse(s, "padding that repeats or reflects");
    SZ_TRY(sz_plain_ints(s, "pads", 1, &n, &pads));
    SZ_TRY(sz_plain_ints(s, NULL, 3, &n_axes, &axes));
    SZ_TRY(pad_value(s, &value));
    for (int k = 0; k < n / 2; k++) {
        int32_t d;
        if (!sz_plain_axis(k < n_axes ? axes[k] : k, x->rank, &d))
            return sz_plain_refuse(s, "no such axis");
        before[d] = pads[k];
    }
    sz_move m = moved(s, 0, 0);
    sz_plain_steps(x, m.from_step);
    sz_plain_steps(y, m.to_step);
    m.rank = x->rank;
    for (int32_t d = 0; d < x->rank; d++) {
        const int64_t from = before[d] < 0 ? -before[d] : 0, to = before[d] > 0 ? before[d] : 0;
        const int64_t have = x->dims[d] - from, room = y->dims[d] - to;
        m.dims[d] = have < room ? have : room;
        m.from_at += from * m.from_step[d], m.to_at += to * m.to_step[d];
    }
    SZ_TRY(sz_plain_fill(s, 0, &value, m.width));
    return sz_plain_move(s, &m);
}

// ---- depth and space ---------------------------------------------------------------------------

// Axes batch, block row, block column, channel, row, column of [n, c, h, w] with the block in the
// channels, and their places in [n, c, h * block, w * block].
static sz_status blocks(sz_plain_step *s, bool to_space) {
    const sz_type *deep = to_space ? sz_plain_type(s, 0) : sz_plain_out_type(s, 0);
    const int64_t b = sz_attr_i(s->call.node, "blocksize", 1);
    const bool crd = sz_str_is(sz_attr_s(s->call.node, "mode", "DCR"), "CRD");
    sz_move m = moved(s, 0, 0);
    if (deep->rank != 4 || b < 1) return sz_plain_refuse(s, "no image");
    const int64_t c = deep->dims[1] / (b * b), h = deep->dims[2], w = deep->dims[3];
    const int64_t dims[] = {deep->dims[0], c, h, b, w, b}; // as they lie in space
    const int64_t space[] = {c * h * w * b * b, h * w * b * b, w * b * b, w * b, b, 1};
    const int64_t row = crd ? b * h * w : b * c * h * w, column = crd ? h * w : c * h * w;
    const int64_t depth[] = {c * h * w * b * b, crd ? b * b * h * w : h * w, w, row, 1, column};
    m.rank = 6;
    for (int d = 0; d < 6; d++) {
        m.dims[d] = dims[d];
        m.from_step[d] = to_space ? depth[d] : space[d];
        m.to_step[d] = to_space ? space[d] : depth[d];
    }
    return sz_plain_move(s, &m);
}

sz_status sz_plain_depth_to_space(sz_plain_step *s) { return blocks(s, true); }
sz_status sz_plain_space_to_depth(sz_plain_step *s) { return blocks(s, false); }
