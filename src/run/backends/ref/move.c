// SPDX-License-Identifier: Apache-2.0
// Views, what reads metadata, and what has as many outputs as the data say. The rest of data
// movement is done by the value rules of the operator table.
#include "run/backends/ref/kernel.h"

#include "model/ops/numbers.h"

// The same bytes in another shape: Reshape, Flatten, Squeeze, Unsqueeze, Identity.
sz_status sz_ref_view(sz_ref_call *c) {
    const sz_buffer *x = c->in[0];
    if (!sz_ref_wants(c, 0)) return SZ_OK;
    if (c->out[0]->bytes != x->bytes || c->out[0]->dtype != x->dtype)
        return sz_op_fail(c->n, "a view of %lld elements holds %lld", (long long)x->count,
                          (long long)c->out[0]->count);
    if (x->bytes) memcpy(c->out[0]->data, x->data, x->bytes);
    return SZ_OK;
}

sz_status sz_ref_identity(sz_ref_call *c) {
    if (c->n_out > 0) c->out[0] = sz_buffer_hold(c->in[0]);
    return SZ_OK;
}

// The bits as they are, read as another format of the same width.
sz_status sz_ref_bit_cast(sz_ref_call *c) {
    if (!sz_ref_wants(c, 0)) return SZ_OK;
    if (c->out[0]->bytes != c->in[0]->bytes) return sz_op_fail(c->n, "widths differ");
    memcpy(c->out[0]->data, c->in[0]->data, c->in[0]->bytes);
    return SZ_OK;
}

sz_status sz_ref_non_zero(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    double *x;
    int64_t n = 0;
    SZ_TRY(sz_ref_in(c, 0, &x));
    for (int64_t k = 0; k < b->count; k++) n += x[k] != 0;
    // a scalar counts as one axis, but has no index
    const int64_t dims[2] = {b->rank, n};
    SZ_TRY(sz_buffer_create(c->ctx, sz_dtype_by_name("i64"), 2, dims, &c->out[0]));
    int64_t *y = c->out[0]->data;
    for (int64_t k = 0, at = 0; k < b->count; k++) {
        if (x[k] == 0) continue;
        int64_t rest = k;
        for (int d = b->rank - 1; d >= 0; rest /= b->dims[d], d--)
            y[d * n + at] = rest % b->dims[d];
        at++;
    }
    return SZ_OK;
}

// A table looked up by rows, as Gather: element after element, of any format.
sz_status sz_ref_gather(sz_ref_call *c) {
    const sz_buffer *x = c->in[0], *at = c->in[1];
    int axis;
    if (!sz_ref_wants(c, 0)) return SZ_OK;
    SZ_TRY(sz_op_axis(c->n, sz_attr_i(c->n->node, "axis", 0), x->rank, &axis));
    const size_t chunk = (size_t)sz_ref_span(x, axis + 1, x->rank) * sz_buffer_width(x->dtype);
    const int64_t outer = sz_ref_span(x, 0, axis), n = at->count, dim = x->dims[axis];
    for (int64_t k = 0; k < n; k++) {
        int64_t index;
        sz_buffer_integers(at, k, 1, &index);
        if (index < -dim || index >= dim)
            return sz_op_fail(c->n, "index %lld lies outside of an axis of %lld", (long long)index,
                              (long long)dim);
        if (index < 0) index += dim;
        for (int64_t o = 0; o < outer; o++)
            memcpy((char *)c->out[0]->data + (size_t)(o * n + k) * chunk,
                   (char *)x->data + (size_t)(o * dim + index) * chunk, chunk);
    }
    return SZ_OK;
}

// Ones on diagonal k.
sz_status sz_ref_eye_like(sz_ref_call *c) {
    double *y;
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (!y || c->out[0]->rank != 2) return SZ_OK;
    const int64_t k = sz_attr_i(c->n->node, "k", 0), columns = c->out[0]->dims[1];
    for (int64_t i = 0; i < c->out[0]->dims[0]; i++) {
        int64_t j;
        if (sz_add(i, k, &j) && j >= 0 && j < columns) y[i * columns + j] = 1;
    }
    return SZ_OK;
}

// Outside of training, and with ratio 0, everything passes.
sz_status sz_ref_dropout(sz_ref_call *c) {
    const bool by_input = c->n->opset >= 12;
    const double ratio = by_input ? sz_ref_scalar(c, 1, 0.5) : sz_attr_f(c->n->node, "ratio", 0.5);
    const bool trains = by_input ? sz_ref_scalar(c, 2, 0) != 0
                                 : c->n->opset < 7 && !sz_attr_i(c->n->node, "is_test", 0);
    double *mask;
    if (trains && ratio != 0) return sz_op_fail(c->n, "no reference for random numbers");
    if (sz_ref_wants(c, 0)) SZ_TRY(sz_ref_view(c));
    SZ_TRY(sz_ref_room(c, 1, &mask));
    for (int64_t k = 0; mask && k < c->out[1]->count; k++) mask[k] = 1;
    return SZ_OK;
}
