// SPDX-License-Identifier: Apache-2.0
// Rules that many operators share.
#include "model/ops/rules.h"

sz_status sz_shape_unknown(sz_infer *n) {
    for (int32_t o = 0; o < n->node->n_outputs; o++) SZ_TRY(sz_out_rank(n, o, 0, -1));
    return SZ_OK;
}

sz_status sz_shape_same(sz_infer *n) { return sz_out_like(n, 0, 0); }

static sz_status broadcast_all(sz_infer *n, sz_dtype dtype) {
    int64_t dims[2][SZ_MAX_RANK];
    sz_type acc = *sz_in(n, 0);
    int32_t rank = acc.rank;
    for (int i = 1; i < n->node->n_inputs && rank >= 0; i++) {
        if (!sz_has_in(n, i)) continue;
        SZ_TRY(sz_op_broadcast(n, &acc, sz_in(n, i), dims[i % 2], &rank));
        acc = sz_type_tensor(dtype, rank, dims[i % 2]);
    }
    return rank < 0 ? sz_out_rank(n, 0, dtype, -1) : sz_out(n, 0, dtype, rank, acc.dims);
}

sz_status sz_shape_broadcast(sz_infer *n) { return broadcast_all(n, sz_in_dtype(n, 0)); }
sz_status sz_shape_compare(sz_infer *n) { return broadcast_all(n, sz_dtype_by_name("bool")); }

sz_status sz_value_none(sz_infer *n) {
    (void)n;
    return SZ_OK;
}

sz_status sz_value_same(sz_infer *n) {
    if (sz_has_out(n, 0)) sz_graph_value(n->graph, n->node->outputs[0])->known = sz_in_value(n, 0);
    return SZ_OK;
}

// ---- costs -------------------------------------------------------------------------------------

sz_status sz_cost_unknown(sz_costing *c, const char *why) {
    c->unknown = why;
    return SZ_OK;
}

sz_status sz_cost_none(sz_costing *c) { return sz_cost_unknown(c, "no cost rule"); }

sz_status sz_cost_free(sz_costing *c) {
    c->work->bytes_read = c->work->bytes_written = 0;
    return SZ_OK;
}

sz_status sz_cost_move(sz_costing *c) {
    (void)c; // the driver has filled in the bytes
    return SZ_OK;
}

static int64_t elements_of(const sz_costing *c, const sz_type *t) {
    int64_t n;
    return sz_type_elements(c->in.ctx, t, &n) == SZ_OK && n > 0 ? n : 0;
}

int64_t sz_cost_in_elements(const sz_costing *c, int i) { return elements_of(c, sz_in(&c->in, i)); }
int64_t sz_cost_out_elements(const sz_costing *c, int o) {
    return elements_of(c, sz_out_get(&c->in, o));
}

static sz_status add_product(sz_costing *c, const char *what, int n, const int64_t *factors,
                             int64_t *ret_sum) {
    int64_t p = 1;
    for (int i = 0; i < n; i++) {
        if (factors[i] < 0) return sz_op_fail(&c->in, "a size of its work is not known");
        if (factors[i] == 0) return SZ_OK;
        if (!sz_mul(p, factors[i], &p)) return sz_op_fail(&c->in, "%s exceed 2^63", what);
    }
    return sz_add(*ret_sum, p, ret_sum) ? SZ_OK : sz_op_fail(&c->in, "%s exceed 2^63", what);
}

sz_status sz_cost_add_macs(sz_costing *c, int n, const int64_t *factors) {
    return add_product(c, "macs", n, factors, &c->work->macs);
}
sz_status sz_cost_add_flops(sz_costing *c, int n, const int64_t *factors) {
    return add_product(c, "flops", n, factors, &c->work->flops);
}
sz_status sz_cost_add_epilogue(sz_costing *c, int n, const int64_t *factors) {
    return add_product(c, "flops", n, factors, &c->work->epilogue);
}

// work x elements, where work may be a half (0.5 = one operation per two elements), rounded up.
static sz_status add_work(sz_costing *c, int64_t elements) {
    const double work = c->in.op->work;
    int64_t whole = (int64_t)(work * 2.0);
    int64_t twice;
    if (!sz_mul(whole, elements, &twice)) return sz_op_fail(&c->in, "flops exceed 2^63");
    return sz_cost_add_flops(c, 1, (const int64_t[]){twice / 2 + twice % 2});
}

sz_status sz_cost_elementwise(sz_costing *c) { return add_work(c, c->work->out_elements); }
sz_status sz_cost_input(sz_costing *c) { return add_work(c, c->work->in_elements); }
