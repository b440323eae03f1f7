// SPDX-License-Identifier: Apache-2.0
// Losses of classification.
#include "run/backends/ref/kernel.h"

#include <math.h>

// Minus the log probability of the target of each position, weighted; then the mean, the sum, or
// all of them. Scores are [batch, classes, ...], targets [batch, ...].
static sz_status likelihood(sz_ref_call *c, const double *scores) {
    const sz_buffer *x = c->in[0], *t = c->in[1];
    const sz_str how = sz_attr_s(c->n->node, "reduction", "mean");
    const sz_attr *ignored = sz_attr_find(c->n->node, "ignore_index");
    const int64_t classes = x->dims[1], inner = sz_ref_span(x, 2, x->rank);
    double *weights, *y, sum = 0, total = 0;
    SZ_TRY(sz_ref_in(c, 2, &weights));
    SZ_TRY(sz_ref_room(c, 0, &y));
    if (t->count != x->dims[0] * inner || (weights && c->in[2]->count != classes))
        return sz_op_fail(c->n, "targets or weights do not fit the scores");
    const bool all = sz_str_is(how, "none");
    for (int64_t k = 0; k < t->count; k++) {
        int64_t target;
        sz_buffer_integers(t, k, 1, &target);
        const bool skip = ignored && ignored->kind == SZ_ATTR_INT && target == ignored->i;
        if (!skip && (target < 0 || target >= classes))
            return sz_op_fail(c->n, "target %lld is no class", (long long)target);
        const double w = skip ? 0 : weights ? weights[target] : 1;
        const int64_t at = (k / inner * classes + target) * inner + k % inner;
        const double loss = skip ? 0 : -w * scores[at];
        if (all && y) y[k] = loss;
        sum += loss, total += w;
    }
    if (!all && y) y[0] = sz_str_is(how, "sum") ? sum : sum / total;
    return SZ_OK;
}

sz_status sz_ref_likelihood_loss(sz_ref_call *c) {
    double *x;
    SZ_TRY(sz_ref_in(c, 0, &x));
    if (c->in[0]->rank < 2) return sz_op_fail(c->n, "scores have no classes");
    return likelihood(c, x);
}

sz_status sz_ref_cross_entropy_loss(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    double *x, *logs;
    SZ_TRY(sz_ref_in(c, 0, &x));
    if (b->rank < 2) return sz_op_fail(c->n, "scores have no classes");
    const int64_t classes = b->dims[1], inner = sz_ref_span(b, 2, b->rank);
    for (int64_t k = 0; b->count && k < b->dims[0] * inner; k++) {
        double *line = x + k / inner * classes * inner + k % inner, most = -INFINITY, sum = 0;
        for (int64_t j = 0; j < classes; j++) most = fmax(most, line[j * inner]);
        for (int64_t j = 0; j < classes; j++) sum += exp(line[j * inner] - most);
        for (int64_t j = 0; j < classes; j++) line[j * inner] -= most + log(sum);
    }
    SZ_TRY(sz_ref_room(c, 1, &logs));
    if (logs) memcpy(logs, x, (size_t)b->count * sizeof *logs);
    return likelihood(c, x);
}
