// SPDX-License-Identifier: Apache-2.0
// sizeup.train: shapes and costs of the gradients of operators. The costs are those that
// gradients.def derives from the forward operator.
#include "model/ops/numbers.h"
#include "model/ops/rules.h"
#include "model/ops/spatial.h"

// ---- shapes ------------------------------------------------------------------------------------

// Two inputs of one shape that has to be known: the kernels walk both together.
static sz_status same_shape(const sz_infer *n, int a, int b) {
    const sz_type *x = sz_in(n, a), *y = sz_in(n, b);
    if (x->rank < 0 || y->rank < 0) return SZ_OK;
    bool same = x->rank == y->rank;
    for (int32_t d = 0; same && d < x->rank; d++)
        same = x->dims[d] == y->dims[d] || x->dims[d] < 0 || y->dims[d] < 0;
    if (same) return SZ_OK;
    return sz_op_fail(n, "inputs %d and %d have different shapes: %s and %s", a, b,
                      sz_type_text(n->graph, x), sz_type_text(n->graph, y));
}

sz_status sz_shape_grad_each(sz_infer *n) {
    SZ_TRY(same_shape(n, 0, 1));
    return sz_out_like(n, 0, 1);
}

sz_status sz_shape_grad_softmax(sz_infer *n) {
    const int32_t rank = sz_in_rank(n, 0);
    int axis;
    if (rank > 0) SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", -1), rank, &axis));
    return sz_shape_grad_each(n);
}

// A shape that an attribute states: `rank` numbers, -1 = any number of them.
static sz_status stated(const sz_infer *n, const char *name, int32_t rank, int32_t *ret_rank,
                        const int64_t **ret_dims) {
    const sz_attr *a = sz_attr_find(n->node, name);
    if (!a || a->kind != SZ_ATTR_INTS) return sz_op_missing_attr(n, name);
    if (a->n > SZ_MAX_RANK || (rank >= 0 && a->n != rank))
        return sz_op_fail(n, "%s has %d numbers, %d are needed", name, (int)a->n, (int)rank);
    for (int32_t d = 0; d < a->n; d++)
        if (a->ints[d] < 0) return sz_op_fail(n, "%s is negative on axis %d", name, (int)d);
    return *ret_rank = a->n, *ret_dims = a->ints, SZ_OK;
}

// The convolution of x with w gives dy: sizes are checked as far as they are known.
static sz_status check_conv(const sz_infer *n, int32_t rank, const int64_t *x, const int64_t *w,
                            const int64_t *dy) {
    const int64_t group = sz_attr_i(n->node, "group", 1);
    int64_t channels;
    sz_space s;
    if (rank < 3) return sz_op_fail(n, "%d dimensions, at least 3 are needed", (int)rank);
    if (group < 1) return sz_op_fail(n, "group is %lld", (long long)group);
    SZ_TRY(sz_dim_mul(n, w[1], group, &channels));
    if (channels >= 0 && x[1] >= 0 && channels != x[1])
        return sz_op_fail(n, "%lld channels of data, the weights take %lld", (long long)x[1],
                          (long long)channels);
    if (w[0] >= 0 && dy[1] >= 0 && (w[0] != dy[1] || w[0] % group != 0))
        return sz_op_fail(n, "%lld channels of the gradient, the weights give %lld in %lld groups",
                          (long long)dy[1], (long long)w[0], (long long)group);
    if (x[0] >= 0 && dy[0] >= 0 && x[0] != dy[0])
        return sz_op_fail(n, "%lld samples of data, %lld of the gradient", (long long)x[0],
                          (long long)dy[0]);
    SZ_TRY(sz_spatial_read(n, rank - 2, &s));
    SZ_TRY(sz_space_kernel(n, &s, w + 2));
    for (int i = 0; i < s.n; i++) s.axis[i].in = x[2 + i];
    SZ_TRY(sz_space_out(n, &s));
    for (int i = 0; i < s.n; i++)
        if (s.axis[i].out >= 0 && dy[2 + i] >= 0 && s.axis[i].out != dy[2 + i])
            return sz_op_fail(n, "the gradient has %lld on axis %d, the output had %lld",
                              (long long)dy[2 + i], i + 2, (long long)s.axis[i].out);
    return SZ_OK;
}

// dY, W -> dX
sz_status sz_shape_grad_conv_data(sz_infer *n) {
    const sz_type *dy = sz_in(n, 0), *w = sz_in(n, 1);
    const int64_t *dims;
    int32_t rank;
    SZ_TRY(stated(n, "input_shape", dy->rank, &rank, &dims));
    if (dy->rank >= 0 && w->rank >= 0 && dy->rank != w->rank)
        return sz_op_fail(n, "gradient and weights have %d and %d dimensions", (int)dy->rank,
                          (int)w->rank);
    if (dy->rank >= 0 && w->rank >= 0) SZ_TRY(check_conv(n, rank, dims, w->dims, dy->dims));
    return sz_out(n, 0, dy->dtype, rank, dims);
}

// X, dY -> dW, [dB]
sz_status sz_shape_grad_conv_weight(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *dy = sz_in(n, 1);
    const int64_t *dims;
    int32_t rank;
    SZ_TRY(stated(n, "weight_shape", dy->rank, &rank, &dims));
    if (dy->rank >= 0 && x->rank >= 0 && dy->rank != x->rank)
        return sz_op_fail(n, "data and gradient have %d and %d dimensions", (int)x->rank,
                          (int)dy->rank);
    if (dy->rank >= 0 && x->rank >= 0) SZ_TRY(check_conv(n, rank, x->dims, dims, dy->dims));
    SZ_TRY(sz_out(n, 0, dy->dtype, rank, dims));
    return sz_out(n, 1, dy->dtype, 1, dims);
}

// X, Y, dY -> dX
sz_status sz_shape_grad_max_pool(sz_infer *n) {
    if (!sz_attr_find(n->node, "kernel_shape")) return sz_op_missing_attr(n, "kernel_shape");
    SZ_TRY(same_shape(n, 1, 2));
    return sz_out_like(n, 0, 0);
}

// dY -> dX
sz_status sz_shape_grad_average_pool(sz_infer *n) {
    const sz_type *dy = sz_in(n, 0);
    const int64_t *dims;
    int32_t rank;
    SZ_TRY(stated(n, "input_shape", dy->rank, &rank, &dims));
    if (rank < 3) return sz_op_fail(n, "%d dimensions, at least 3 are needed", (int)rank);
    if (!sz_attr_find(n->node, "kernel_shape")) return sz_op_missing_attr(n, "kernel_shape");
    return sz_out(n, 0, dy->dtype, rank, dims);
}

// X, scale, two statistics, dY -> dX, dscale, dbias
sz_status sz_shape_grad_norm(sz_infer *n) {
    SZ_TRY(same_shape(n, 0, 4));
    SZ_TRY(sz_out_like(n, 0, 0));
    SZ_TRY(sz_out_like(n, 1, 1));
    return sz_out_like(n, 2, 1);
}

// indices, dY -> dW. dY has the axes of the indices in place of `axis`.
sz_status sz_shape_grad_gather(sz_infer *n) {
    const sz_type *at = sz_in(n, 0), *dy = sz_in(n, 1);
    const int64_t *dims;
    int32_t rank;
    int axis;
    SZ_TRY(stated(n, "data_shape", -1, &rank, &dims));
    SZ_TRY(sz_op_axis(n, sz_attr_i(n->node, "axis", 0), rank, &axis));
    if (at->rank >= 0 && dy->rank >= 0) {
        bool fits = dy->rank == rank - 1 + at->rank;
        for (int32_t d = 0; fits && d < dy->rank; d++) {
            const int32_t behind = d - at->rank + 1;
            const int64_t want = d < axis              ? dims[d]
                                 : d < axis + at->rank ? at->dims[d - axis]
                                                       : dims[behind];
            fits = want < 0 || dy->dims[d] < 0 || want == dy->dims[d];
        }
        if (!fits) return sz_op_fail(n, "gradient, indices and data_shape do not fit");
    }
    return sz_out(n, 0, dy->dtype, rank, dims);
}

// log_prob [N, C, ...], labels [N, ...]
sz_status sz_shape_grad_cross_entropy(sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *t = sz_in(n, 1);
    if (x->rank >= 0 && x->rank < 2)
        return sz_op_fail(n, "scores have rank %d, at least 2 is needed", (int)x->rank);
    if (x->rank >= 0 && t->rank >= 0 && x->rank != t->rank + 1)
        return sz_op_fail(n, "scores have rank %d and target has rank %d", (int)x->rank,
                          (int)t->rank);
    for (int32_t d = 0; d < t->rank && x->rank >= 0; d++) {
        const int64_t a = x->dims[d == 0 ? 0 : d + 1];
        if (a >= 0 && t->dims[d] >= 0 && a != t->dims[d])
            return sz_op_fail(n, "target has %lld on axis %d, scores have %lld",
                              (long long)t->dims[d], (int)d, (long long)a);
    }
    return sz_out_like(n, 0, 0);
}

// ---- costs -------------------------------------------------------------------------------------

static int64_t work_of(const sz_costing *c) { return (int64_t)c->in.op->work; }

// Elements of dY x channels per group x taps: the MACs of the forward pass.
static sz_status conv_macs(sz_costing *c, int64_t dy, const int64_t *w, int32_t rank) {
    int64_t f[SZ_MAX_RANK + 1];
    int k = 0;
    f[k++] = dy;
    for (int32_t d = 1; d < rank; d++) f[k++] = w[d];
    return sz_cost_add_macs(c, k, f);
}

sz_status sz_cost_grad_conv_data(sz_costing *c) {
    const sz_type *w = sz_in(&c->in, 1);
    return conv_macs(c, c->work->in_elements, w->dims, w->rank);
}

// The bias takes one addition for each element of dY but the first of its channel.
sz_status sz_cost_grad_conv_weight(sz_costing *c) {
    const sz_type *dy = sz_in(&c->in, 1);
    const int64_t all = sz_cost_in_elements(c, 1), *w;
    const int32_t rank = sz_attr_ints(c->in.node, "weight_shape", &w);
    SZ_TRY(conv_macs(c, all, w, rank));
    if (!sz_has_out(&c->in, 1) || dy->rank < 2 || all == 0) return SZ_OK;
    return sz_cost_add_epilogue(c, 1, (int64_t[]){all - dy->dims[1]});
}

static sz_status per_input(sz_costing *c, int i, int64_t work) {
    return sz_cost_add_flops(c, 2, (int64_t[]){sz_cost_in_elements(c, i), work});
}

// One addition for each output of the pool. Where the maximum stood is found again by comparing,
// which a pool that hands its indices over would not: it is not counted.
sz_status sz_cost_grad_max_pool(sz_costing *c) { return per_input(c, 2, work_of(c)); }

// g / n, then added to each of the window; a window as large as the image is written, not added.
sz_status sz_cost_grad_average_pool(sz_costing *c) {
    const sz_type *dy = sz_in(&c->in, 0);
    const int64_t *kernel;
    const int32_t count = sz_attr_ints(c->in.node, "kernel_shape", &kernel);
    bool global = true;
    int64_t window = 1;
    for (int32_t i = 0; i < count; i++)
        if (!sz_mul(window, kernel[i], &window)) return sz_op_fail(&c->in, "flops exceed 2^63");
    for (int32_t d = 2; d < dy->rank; d++) global &= dy->dims[d] == 1;
    c->work->kernel = window;
    SZ_TRY(per_input(c, 0, work_of(c)));
    return global ? SZ_OK : per_input(c, 0, window);
}

sz_status sz_cost_grad_gelu(sz_costing *c) {
    const sz_str form = sz_attr_s(c->in.node, "approximate", "none");
    return per_input(c, 0, sz_str_is(form, "tanh") ? 18 : work_of(c));
}

// `work` per element and `per_row` per row for the data; the scale takes 2 (and the 2 of the
// normalized input where no data wants it), the bias 1.
static sz_status norm_cost(sz_costing *c, int64_t rows, int64_t per_row) {
    const bool data = sz_has_out(&c->in, 0);
    if (data) SZ_TRY(per_input(c, 0, work_of(c)));
    if (data) SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){rows, per_row}));
    if (sz_has_out(&c->in, 1)) SZ_TRY(per_input(c, 0, data ? 2 : 4));
    return sz_has_out(&c->in, 2) ? per_input(c, 0, 1) : SZ_OK;
}

sz_status sz_cost_grad_layer_norm(sz_costing *c) {
    return norm_cost(c, sz_cost_in_elements(c, 2), 2);
}

// The sums of scale and bias are needed for the data, too.
sz_status sz_cost_grad_batch_norm(sz_costing *c) {
    const bool data = sz_has_out(&c->in, 0);
    SZ_TRY(norm_cost(c, sz_cost_in_elements(c, 2), 3));
    if (data && !sz_has_out(&c->in, 1)) SZ_TRY(per_input(c, 0, 2));
    return data && !sz_has_out(&c->in, 2) ? per_input(c, 0, 1) : SZ_OK;
}

sz_status sz_cost_grad_gather(sz_costing *c) { return per_input(c, 1, work_of(c)); }

sz_status sz_cost_grad_cross_entropy(sz_costing *c) {
    SZ_TRY(per_input(c, 0, work_of(c)));
    return per_input(c, 1, 1);
}
