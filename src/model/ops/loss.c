// SPDX-License-Identifier: Apache-2.0
// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: scores [N, C, d...], target [N, d...].
#include "model/ops/rules.h"

#include <inttypes.h>

static sz_status check_target(const sz_infer *n) {
    const sz_type *x = sz_in(n, 0), *t = sz_in(n, 1);
    if (x->rank >= 0 && x->rank < 2)
        return sz_op_fail(n, "scores have rank %d, at least 2 is needed", x->rank);
    if (x->rank >= 0 && t->rank >= 0 && x->rank != t->rank + 1)
        return sz_op_fail(n, "scores have rank %d and target has rank %d", x->rank, t->rank);
    for (int32_t d = 0; d < t->rank && x->rank >= 0; d++) {
        int64_t a = x->dims[d == 0 ? 0 : d + 1], b = t->dims[d];
        if (a >= 0 && b >= 0 && a != b)
            return sz_op_fail(n, "target has %" PRId64 " on axis %d, scores have %" PRId64, b, d,
                              a);
    }
    int64_t classes = sz_in_dim(n, 0, 1), weights = sz_in_dim(n, 2, 0);
    if (x->rank >= 0 && classes >= 0 && weights >= 0 && classes != weights)
        return sz_op_fail(n, "%" PRId64 " weights for %" PRId64 " classes", weights, classes);
    return SZ_OK;
}

static bool is_reduction(sz_str s) {
    return sz_str_is(s, "none") || sz_str_is(s, "sum") || sz_str_is(s, "mean");
}

// Output 1, the logarithms of the probabilities, exists only for SoftmaxCrossEntropyLoss.
sz_status sz_shape_loss(sz_infer *n) {
    sz_str reduction = sz_attr_s(n->node, "reduction", "mean");
    const sz_type *x = sz_in(n, 0), *t = sz_in(n, 1);
    if (!is_reduction(reduction))
        return sz_op_fail(n, "unknown reduction '%s'", sz_show(n->ctx, reduction));
    SZ_TRY(check_target(n));
    SZ_TRY(sz_out_like(n, 1, 0));
    if (!sz_str_is(reduction, "none")) return sz_out(n, 0, x->dtype, 0, NULL);
    if (t->rank >= 0) return sz_out(n, 0, x->dtype, t->rank, t->dims);
    return sz_out_rank(n, 0, x->dtype, x->rank < 0 ? -1 : x->rank - 1);
}

// Per target: negate, times its weight where there is one; sum: one addition more; mean: the same,
// and with weights one more to sum these; then one division.
static sz_status cost_likelihood(sz_costing *c) {
    const int64_t targets = sz_cost_in_elements(c, 1), weighted = sz_has_in(&c->in, 2);
    const sz_str reduction = sz_attr_s(c->in.node, "reduction", "mean");
    const bool mean = sz_str_is(reduction, "mean"), sum = sz_str_is(reduction, "sum");
    int64_t work = 1 + weighted + (sum || mean) + (mean && weighted);
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){targets, work}));
    return sz_cost_add_flops(c, 1, (int64_t[]){mean});
}

sz_status sz_cost_likelihood_loss(sz_costing *c) { return cost_likelihood(c); }

// LogSoftmax over the classes first: `work` per score and a logarithm per target.
sz_status sz_cost_cross_entropy_loss(sz_costing *c) {
    SZ_TRY(sz_cost_add_flops(c, 2, (int64_t[]){c->work->in_elements, (int64_t)c->in.op->work}));
    SZ_TRY(sz_cost_add_flops(c, 1, (int64_t[]){sz_cost_in_elements(c, 1)}));
    return cost_likelihood(c);
}
