// SPDX-License-Identifier: Apache-2.0
// Matrix products.
#include "run/backends/onednn/onednn.h"

// As matrices in batches: what turns an operand is told by its attribute. A vector is a row on the
// left and a column on the right.
static sz_dnnl_view matrices(const sz_type *t, bool is_left, bool is_turned) {
    sz_dnnl_view v = sz_dnnl_view_of(t);
    if (t->rank == 1) {
        const int64_t dims[] = {is_left ? 1 : t->dims[0], is_left ? t->dims[0] : 1};
        return sz_dnnl_dense(2, dims);
    }
    if (is_turned) sz_dnnl_exchange(&v, v.rank - 2, v.rank - 1);
    return v;
}

// More axes in front, of size 1.
static void deepen(sz_dnnl_view *v, int rank) {
    const int more = rank - v->rank;
    for (int d = rank - 1; d >= 0; d--) {
        v->dims[d] = d < more ? 1 : v->dims[d - more];
        v->strides[d] = d < more ? v->dims[more] * v->strides[more] : v->strides[d - more];
    }
    v->rank = rank;
}

// [.., m, k] x [k, n] is one product of all rows.
static void flatten(sz_dnnl_view *v) {
    const int64_t dims[] = {sz_dnnl_product(v->dims, 0, v->rank - 1), v->dims[v->rank - 1]};
    *v = sz_dnnl_dense(2, dims);
}

SZ_DNNL_REFUSES(matmul) {
    if (sz_attr_i(n, "transBatchA", 0) || sz_attr_i(n, "transBatchB", 0))
        return "axes of the batch that change places";
    return sz_dnnl_f32_or_bf16(g, n);
}

static const char *zero_point(const sz_graph *g, const sz_node *n, int i) {
    const sz_tensor *zero = sz_dnnl_numbers(g, n, i);
    if (!sz_node_type(g, n, i)) return NULL;
    for (int64_t k = 0; zero && k < zero->count; k++)
        if (sz_dnnl_number(zero, k) != 0) return "zero points";
    return zero ? NULL : "zero points that are not known";
}

const char *sz_dnnl_zero_points(const sz_graph *g, const sz_node *n) {
    const char *why = zero_point(g, n, 2);
    return why ? why : zero_point(g, n, 3);
}

SZ_DNNL_REFUSES(matmul_integer) {
    if (!sz_dnnl_is(g, n, 1, "i8")) return "unsigned weights";
    return sz_dnnl_zero_points(g, n);
}

SZ_DNNL_PLANS(matmul) {
    const sz_node *n = p->call->node;
    const sz_type *a = sz_dnnl_in_type(p, 0), *b = sz_dnnl_in_type(p, 1);
    const bool turned = sz_attr_i(n, "transA", 0) != 0;
    sz_dnnl_view x = matrices(a, true, turned);
    sz_dnnl_view w = matrices(b, false, sz_attr_i(n, "transB", 0) != 0);
    sz_dnnl_view y = sz_dnnl_view_of(sz_dnnl_out_type(p, 0));
    if (a->rank == 1 || b->rank == 1) { // an axis of the result is left out
        int64_t dims[SZ_DNNL_AXES];
        const sz_dnnl_view *deep = x.rank > w.rank ? &x : &w;
        memcpy(dims, deep->dims, sizeof dims);
        dims[deep->rank - 2] = x.dims[x.rank - 2], dims[deep->rank - 1] = w.dims[w.rank - 1];
        y = sz_dnnl_dense(deep->rank, dims);
    }
    if (w.rank == 2 && x.rank > 2 && !turned) flatten(&x), flatten(&y);
    const int rank = x.rank > w.rank ? x.rank : w.rank;
    if (x.rank < rank) deepen(&x, rank);
    if (w.rank < rank) deepen(&w, rank);
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_MATMUL, SZ_DNNL_INFERENCE, 0);
    s->factor = (float)sz_attr_f(n, "alpha", 1);
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, &x);
    sz_dnnl_in(p, SZ_DNNL_WEIGHTS, 1, &w)->any = p->call->fixed[1];
    sz_dnnl_out(p, SZ_DNNL_DST, 0, &y);
}

SZ_DNNL_REFUSES(gemm) {
    const sz_type *c = sz_node_type(g, n, 2);
    if (c && sz_attr_f(n, "alpha", 1) != sz_attr_f(n, "beta", 1))
        return "a bias with a factor other than that of the product";
    if (c && c->rank > 2) return "a bias with more than 2 axes";
    return sz_dnnl_f32_or_bf16(g, n);
}

SZ_DNNL_PLANS(gemm) {
    const sz_node *n = p->call->node;
    const sz_type *c = sz_dnnl_in_type(p, 2);
    const sz_dnnl_view x = matrices(sz_dnnl_in_type(p, 0), true, sz_attr_i(n, "transA", 0) != 0);
    const sz_dnnl_view w = matrices(sz_dnnl_in_type(p, 1), false, sz_attr_i(n, "transB", 0) != 0);
    sz_dnnl_stage *s = sz_dnnl_stage_add(p, SZ_DNNL_MATMUL, SZ_DNNL_INFERENCE, 0);
    s->factor = (float)sz_attr_f(n, "alpha", 1);
    sz_dnnl_in(p, SZ_DNNL_SRC, 0, &x);
    sz_dnnl_in(p, SZ_DNNL_WEIGHTS, 1, &w)->any = p->call->fixed[1];
    sz_dnnl_out(p, SZ_DNNL_DST, 0, NULL);
    if (!c) return;
    const sz_dnnl_view bias = sz_dnnl_aligned(c, 2);
    sz_dnnl_in(p, SZ_DNNL_BIAS, 2, &bias);
}
