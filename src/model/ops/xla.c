// SPDX-License-Identifier: Apache-2.0
// Instructions of XLA: shape rules and the costs of those that call no computation.
#include "model/ops/xla.h"

#include "model/ops/fourier.h"
#include "model/ops/rules.h"

#include <inttypes.h>

// ---- tuples and bodies -------------------------------------------------------------------------

const sz_type *sz_xla_item(const sz_type *t, int64_t i) {
    if (t->kind != SZ_TYPE_SEQUENCE) return i == 0 ? t : NULL;
    if (i < 0 || i >= t->n_items) return NULL;
    return t->items ? t->items[i] : t->elem;
}

sz_graph *sz_xla_body(const sz_node *n, const char *name) {
    const sz_attr *a = sz_attr_find(n, name);
    return a && a->graphs && a->n > 0 ? a->graphs[0] : NULL;
}

// ---- shape rules -------------------------------------------------------------------------------

// The type that the file states.
sz_status sz_shape_xla_result(sz_infer *n) {
    for (int o = 0; o < n->node->n_outputs; o++) {
        if (!sz_has_out(n, o)) continue;
        const sz_value *v = sz_graph_value(n->graph, n->node->outputs[o]);
        if (v->declared)
            SZ_TRY(sz_out_type(n, o, v->declared));
        else
            SZ_TRY(sz_out_rank(n, o, 0, -1));
    }
    return SZ_OK;
}

static bool same_dims(const sz_type *a, const sz_type *b) {
    if (a->rank != b->rank) return a->rank < 0 || b->rank < 0;
    for (int32_t i = 0; i < a->rank; i++)
        if (a->dims[i] >= 0 && b->dims[i] >= 0 && a->dims[i] != b->dims[i]) return false;
    return true;
}

// Operands have the shape of the result; a few may be scalars (of select and clamp).
static sz_status check_operands(const sz_infer *n, const sz_type *result) {
    for (int i = 0; i < n->node->n_inputs; i++) {
        const sz_type *t = sz_in(n, i);
        if (t->kind != SZ_TYPE_TENSOR || result->kind != SZ_TYPE_TENSOR || t->rank == 0) continue;
        if (!same_dims(t, result))
            return sz_op_fail(n, "operand %d is %s, the result %s", i, sz_type_text(n->graph, t),
                              sz_type_text(n->graph, result));
    }
    return SZ_OK;
}

// Where no type is stated it is that of the operand with the highest rank.
sz_status sz_shape_xla_elementwise(sz_infer *n) {
    SZ_TRY(sz_shape_xla_result(n));
    if (!sz_has_out(n, 0)) return SZ_OK;
    if (!sz_graph_value(n->graph, n->node->outputs[0])->declared) {
        int from = 0;
        for (int i = 1; i < n->node->n_inputs; i++)
            if (sz_in_rank(n, i) > sz_in_rank(n, from)) from = i;
        SZ_TRY(sz_out_like(n, 0, from));
    }
    return check_operands(n, sz_out_get(n, 0));
}

// Computations state the types of everything in them.
sz_status sz_shape_xla_body(sz_infer *n) {
    for (int32_t a = 0; a < n->node->n_attrs; a++)
        for (int32_t k = 0; n->node->attrs[a].graphs && k < n->node->attrs[a].n; k++)
            SZ_TRY(sz_infer_body(n, n->node->attrs[a].graphs[k]));
    return sz_shape_xla_result(n);
}

// ---- products ----------------------------------------------------------------------------------

// Product of the dims of operand 0 that `name` lists.
static sz_status listed_dims(const sz_infer *n, const char *name, int64_t *ret) {
    const int64_t *axes;
    const int32_t count = sz_attr_ints(n->node, name, &axes);
    const sz_type *t = sz_in(n, 0);
    *ret = 1;
    for (int32_t k = 0; k < count; k++) {
        if (axes[k] < 0 || axes[k] >= t->rank)
            return sz_op_fail(n, "%s: axis %" PRId64 " of rank %d is out of range", name, axes[k],
                              t->rank);
        if (!sz_mul(*ret, t->dims[axes[k]], ret)) return sz_op_fail(n, "macs exceed 2^63");
    }
    return SZ_OK;
}

// Sizes over which the operands are multiplied and summed are the same in both.
static sz_status check_contracted(const sz_infer *n, const char *left, const char *right) {
    const int64_t *a, *b;
    const int32_t na = sz_attr_ints(n->node, left, &a), nb = sz_attr_ints(n->node, right, &b);
    if (na != nb) return sz_op_fail(n, "%s has %d axes, %s has %d", left, na, right, nb);
    for (int32_t k = 0; k < na; k++) {
        const int64_t x = a[k] < 0 ? -1 : sz_in_dim(n, 0, (int)(a[k] & INT32_MAX));
        const int64_t y = b[k] < 0 ? -1 : sz_in_dim(n, 1, (int)(b[k] & INT32_MAX));
        if (x < 0 || y < 0) return sz_op_fail(n, "%s or %s is out of range", left, right);
        if (x != y) return sz_op_fail(n, "inner sizes differ: %" PRId64 " and %" PRId64, x, y);
    }
    return SZ_OK;
}

// A dot is told by its axes. The contracted sizes are compared where the rows of a ragged one
// allow.
sz_status sz_cost_xla_dot(sz_costing *c) {
    int64_t inner;
    // a third operand says which numbers of a sparse matrix are there
    if (sz_str_is(c->in.node->op, "dot") && sz_has_in(&c->in, 2) &&
        sz_dtype_get(sz_in_dtype(&c->in, 2))->cls == SZ_CLASS_FLOAT)
        return sz_op_fail(&c->in, "a dot has two operands of floats, not three");
    SZ_TRY(listed_dims(&c->in, "lhs_contracting_dims", &inner));
    SZ_TRY(check_contracted(&c->in, "lhs_contracting_dims", "rhs_contracting_dims"));
    SZ_TRY(check_contracted(&c->in, "lhs_batch_dims", "rhs_batch_dims"));
    return sz_cost_add_macs(c, 2, (const int64_t[]){c->work->out_elements, inner});
}

// LU without a pivot takes n^3 / 3 MACs, and half of that where the matrix is symmetric.
sz_status sz_cost_xla_cholesky(sz_costing *c) {
    const int64_t n = sz_in_dim(&c->in, 0, -1);
    int64_t macs;
    if (n <= 0) return SZ_OK;
    if (!sz_mul(c->work->in_elements, n, &macs)) return sz_op_fail(&c->in, "macs exceed 2^63");
    return sz_cost_add_macs(c, 1, (const int64_t[]){macs / 6});
}

// Each right-hand side: n (n - 1) / 2 MACs and n divisions. Half of the matrix is read.
sz_status sz_cost_xla_triangular_solve(sz_costing *c) {
    const int64_t n = sz_in_dim(&c->in, 0, -1), right = sz_cost_in_elements(c, 1);
    int64_t macs, matrix = 0;
    if (n <= 0) return SZ_OK;
    if (!sz_mul(right, n - 1, &macs)) return sz_op_fail(&c->in, "macs exceed 2^63");
    SZ_TRY(sz_type_bytes(c->in.ctx, sz_in(&c->in, 0), &matrix));
    if (matrix > 0) c->work->bytes_read -= matrix / 2;
    SZ_TRY(sz_cost_add_macs(c, 1, (const int64_t[]){macs / 2}));
    const bool unit = sz_attr_i(c->in.node, "unit_diagonal", 0) != 0;
    return unit ? SZ_OK : sz_cost_add_flops(c, 1, &right);
}

// The transforms run over the last axes; `fft_length` has their sizes. Those of a real transform
// are the sizes on the real side.
sz_status sz_cost_xla_fft(sz_costing *c) {
    const int64_t *lengths;
    const int32_t n = sz_attr_ints(c->in.node, "fft_length", &lengths);
    const sz_str type = sz_attr_s(c->in.node, "fft_type", "FFT");
    const bool real = sz_str_is(type, "RFFT") || sz_str_is(type, "IRFFT");
    int64_t points = 1, whole = c->work->out_elements, batch = 1;
    const sz_type *t = sz_in(&c->in, 0);
    for (int32_t k = 0; k < n; k++)
        if (lengths[k] < 0 || !sz_mul(points, lengths[k], &points))
            return sz_op_fail(&c->in, "fft_length is out of range");
    if (points == 0 || whole == 0) return SZ_OK;
    if (n > t->rank) return sz_op_fail(&c->in, "fft_length has %d axes of rank %d", n, t->rank);
    for (int32_t k = 0; k < t->rank - n; k++)
        if (!sz_mul(batch, t->dims[k], &batch)) return sz_op_fail(&c->in, "sizes exceed 2^63");
    return sz_cost_add_fft(c, batch, points, real);
}

// ---- movement ----------------------------------------------------------------------------------

// dynamic-update-slice: the update is read and written, the rest stays where it is.
sz_status sz_cost_xla_update(sz_costing *c) {
    int64_t whole = 0, update = 0;
    SZ_TRY(sz_type_bytes(c->in.ctx, sz_in(&c->in, 0), &whole));
    SZ_TRY(sz_type_bytes(c->in.ctx, sz_in(&c->in, 1), &update));
    if (update > whole) return sz_op_fail(&c->in, "the update is larger than what it goes into");
    if (c->in.node->inputs[0] != c->in.node->inputs[1] && whole > 0) c->work->bytes_read -= whole;
    c->work->bytes_written = update;
    return SZ_OK;
}

// Of which the layouts say all already (`is_bitcast`) moves nothing.
sz_status sz_cost_xla_transpose(sz_costing *c) {
    return sz_attr_i(c->in.node, "is_bitcast", 0) ? sz_cost_free(c) : SZ_OK;
}

// What is sent away is read.
sz_status sz_cost_xla_sent(sz_costing *c) {
    c->work->bytes_written = 0;
    return SZ_OK;
}

static sz_status add_sums(sz_costing *c) {
    for (int i = 0; i < c->in.node->n_inputs; i++)
        SZ_TRY(sz_cost_add_flops(c, 1, (const int64_t[]){sz_cost_in_elements(c, i)}));
    return SZ_OK;
}

// all-reduce and reduce-scatter: each element is added to what came from elsewhere.
sz_status sz_cost_xla_collective_sum(sz_costing *c) { return add_sums(c); }

// The result of the first half of a pair holds the operand too (it stays alive): only what is new
// is written. copy-start states (destination, source, token), others (operands, results, ...).
sz_status sz_cost_xla_start(sz_costing *c) {
    const sz_type *t = sz_out_get(&c->in, 0);
    const bool copies = sz_str_is(c->in.node->op, "copy-start");
    if (t->kind == SZ_TYPE_SEQUENCE && t->n_items >= 2) {
        const sz_type *fresh = sz_xla_item(t, copies ? 0 : 1);
        int64_t bytes = -1;
        if (fresh) SZ_TRY(sz_type_bytes(c->in.ctx, fresh, &bytes));
        // all-reduce-start states results alone
        if (bytes >= 0 && c->in.op->work == 0) c->work->bytes_written = bytes;
    }
    return c->in.op->work > 0 ? add_sums(c) : SZ_OK;
}

// ---- searches ----------------------------------------------------------------------------------

int64_t sz_log2_up(int64_t x) {
    int64_t bits = 0;
    for (uint64_t p = 1; p < (uint64_t)x; p *= 2) bits++;
    return bits;
}

// As TopK of ONNX (search.c).
sz_status sz_cost_xla_topk(sz_costing *c) {
    const sz_type *best = sz_xla_item(sz_out_get(&c->in, 0), 0);
    const int64_t k = best && best->rank > 0 ? best->dims[best->rank - 1] : 0;
    if (k <= 0) return SZ_OK;
    return sz_cost_add_flops(c, 2, (const int64_t[]){c->work->in_elements, 1 + sz_log2_up(k)});
}

// ---- applications of a computation -------------------------------------------------------------

static sz_status elements(const sz_infer *n, const sz_type *t, int64_t *ret) {
    *ret = 0;
    if (!t || t->kind != SZ_TYPE_TENSOR) return SZ_OK;
    sz_status status = sz_type_elements(n->ctx, t, ret);
    if (*ret < 0) *ret = 0;
    return status == SZ_OK ? SZ_OK : sz_op_place(n, status);
}

sz_status sz_xla_window(const sz_infer *n, int64_t *ret_elements) {
    const int64_t *sizes;
    const int32_t count = sz_attr_ints(n->node, "window_size", &sizes);
    *ret_elements = 1;
    for (int32_t k = 0; k < count; k++)
        if (sizes[k] < 0 || !sz_mul(*ret_elements, sizes[k], ret_elements))
            return sz_op_fail(n, "the window has a size that is out of range");
    return SZ_OK;
}

// A sort compares each element with about log2 of its row's length.
static sz_status comparisons(const sz_infer *n, int64_t *ret) {
    const int64_t *axes;
    const int32_t count = sz_attr_ints(n->node, "dimensions", &axes);
    const sz_type *t = sz_in(n, 0);
    int64_t axis = count > 0 ? axes[0] : t->rank - 1, all;
    if (t->rank < 1) return *ret = 0, SZ_OK;
    if (axis < 0 || axis >= t->rank) return sz_op_fail(n, "the sorted axis is out of range");
    SZ_TRY(elements(n, t, &all));
    return sz_mul(all, sz_log2_up(t->dims[axis]), ret) ? SZ_OK
                                                       : sz_op_fail(n, "comparisons exceed 2^63");
}

static sz_status windows(const sz_infer *n, const sz_type *t, int64_t *ret) {
    int64_t window, count;
    SZ_TRY(sz_xla_window(n, &window));
    SZ_TRY(elements(n, t, &count));
    return sz_mul(window, count, ret) ? SZ_OK : sz_op_fail(n, "windows exceed 2^63");
}

// Of n operands, n updates and the indices between them.
static const sz_type *first_update(const sz_infer *n) {
    return sz_in(n, (n->node->n_inputs - 1) / 2 + 1);
}

sz_status sz_xla_applications(const sz_infer *n, int64_t *ret_times) {
    const sz_str op = n->node->op;
    if (sz_str_is(op, "sort")) return comparisons(n, ret_times);
    if (sz_str_is(op, "reduce-window"))
        return windows(n, sz_xla_item(sz_out_get(n, 0), 0), ret_times);
    if (sz_str_is(op, "select-and-scatter")) return windows(n, sz_in(n, 1), ret_times);
    if (sz_str_is(op, "scatter")) return elements(n, first_update(n), ret_times);
    if (sz_str_is(op, "map")) return elements(n, sz_out_get(n, 0), ret_times);
    return elements(n, sz_in(n, 0), ret_times);
}

// The driver of costs looks into the computations itself.
sz_status sz_cost_xla_body(sz_costing *c) {
    (void)c;
    return SZ_OK;
}
