// SPDX-License-Identifier: Apache-2.0
// Gradients of operators that are no contractions and no pools; those stand beside their forward
// forms. The derivatives are those of model/ops/gradients.def.
#include "run/backends/ref/kernel.h"

#include <math.h>

// ---- element by element ------------------------------------------------------------------------

// f of what the operator kept (input 0), times the incoming gradient (input 1).
static sz_status times(sz_ref_call *c, double (*f)(double)) {
    double *kept, *dy, *dx;
    SZ_TRY(sz_ref_in(c, 0, &kept));
    SZ_TRY(sz_ref_in(c, 1, &dy));
    SZ_TRY(sz_ref_room(c, 0, &dx));
    for (int64_t k = 0; dx && k < c->out[0]->count; k++) dx[k] = dy[k] * f(kept[k]);
    return SZ_OK;
}

static double by_relu(double y) { return y > 0 ? 1 : 0; }
static double by_tanh(double y) { return 1 - y * y; }
static double by_sigmoid(double y) { return y * (1 - y); }

// P(x) + x p(x) with the normal distribution and its density, 1 / sqrt(2 pi) = 0.39894...
static double by_gelu(double x) {
    return 0.5 * (1 + erf(x * 0.70710678118654752)) + x * 0.39894228040143268 * exp(-x * x / 2);
}

// u = k (x + c x^3): (1 + tanh u) / 2 + x / 2 (1 - tanh^2 u) k (1 + 3 c x^2)
static double by_gelu_tanh(double x) {
    const double k = 0.79788456080286536, c = 0.044715, t = tanh(k * (x + c * x * x * x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * k * (1 + 3 * c * x * x);
}

sz_status sz_ref_relu_grad(sz_ref_call *c) { return times(c, by_relu); }
sz_status sz_ref_tanh_grad(sz_ref_call *c) { return times(c, by_tanh); }
sz_status sz_ref_sigmoid_grad(sz_ref_call *c) { return times(c, by_sigmoid); }
sz_status sz_ref_gelu_grad(sz_ref_call *c) {
    const bool fast = sz_str_is(sz_attr_s(c->n->node, "approximate", "none"), "tanh");
    return times(c, fast ? by_gelu_tanh : by_gelu);
}

// Y, dY -> y (g - sum g y) along the axis.
sz_status sz_ref_softmax_grad(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    int axis = 0;
    double *y, *dy, *dx;
    if (b->rank > 0) SZ_TRY(sz_op_axis(c->n, sz_attr_i(c->n->node, "axis", -1), b->rank, &axis));
    SZ_TRY(sz_ref_in(c, 0, &y));
    SZ_TRY(sz_ref_in(c, 1, &dy));
    SZ_TRY(sz_ref_room(c, 0, &dx));
    const int64_t n = b->rank ? b->dims[axis] : 1;
    const int64_t step = b->rank ? sz_ref_span(b, axis + 1, b->rank) : 1;
    for (int64_t k = 0; dx && k < b->count / n; k++) {
        const int64_t at = k / step * n * step + k % step;
        double sum = 0;
        for (int64_t j = 0; j < n; j++) sum += y[at + j * step] * dy[at + j * step];
        for (int64_t j = 0; j < n; j++)
            dx[at + j * step] = y[at + j * step] * (dy[at + j * step] - sum);
    }
    return SZ_OK;
}

// ---- norms -------------------------------------------------------------------------------------

typedef struct norm_grad {
    const double *x, *scale, *a, *b, *dy; // a, b: statistics
    double *dx, *dscale, *dbias;
} norm_grad;

static sz_status read_norm(sz_ref_call *c, norm_grad *g) {
    double *in[5];
    for (int i = 0; i < 5; i++) {
        SZ_TRY(sz_ref_in(c, i, &in[i]));
        if (!in[i]) return sz_op_fail(c->n, "input %d is left out", i);
    }
    *g = (norm_grad){.x = in[0], .scale = in[1], .a = in[2], .b = in[3], .dy = in[4]};
    SZ_TRY(sz_ref_room(c, 0, &g->dx));
    SZ_TRY(sz_ref_room(c, 1, &g->dscale));
    return sz_ref_room(c, 2, &g->dbias);
}

// Ba et al. 2016, with n = (x - mean) r and d = g scale: dx = r (d - mean d - n mean(d n)).
static void layer_row(const norm_grad *g, int64_t row, int64_t n, int64_t scales) {
    const double mean = g->a[row], r = g->b[row], *x = g->x + row * n, *dy = g->dy + row * n;
    double sum = 0, with_n = 0;
    for (int64_t k = 0; k < n; k++) {
        const double d = dy[k] * g->scale[k % scales], unit = (x[k] - mean) * r;
        sum += d, with_n += d * unit;
        if (g->dscale) g->dscale[k % scales] += dy[k] * unit;
        if (g->dbias) g->dbias[k % scales] += dy[k];
    }
    sum /= (double)n, with_n /= (double)n;
    for (int64_t k = 0; g->dx && k < n; k++)
        g->dx[row * n + k] = r * (dy[k] * g->scale[k % scales] - sum - (x[k] - mean) * r * with_n);
}

// X, scale, Mean, InvStdDev, dY -> dX, dscale, dbias
sz_status sz_ref_layer_norm_grad(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    norm_grad g;
    int axis;
    SZ_TRY(sz_op_axis(c->n, sz_attr_i(c->n->node, "axis", -1), b->rank, &axis));
    SZ_TRY(read_norm(c, &g));
    const int64_t n = sz_ref_span(b, axis, b->rank), scales = c->in[1]->count;
    if (n == 0) return SZ_OK;
    const int64_t rows = b->count / n;
    if (scales < 1 || n % scales != 0 || c->in[2]->count != rows || c->in[3]->count != rows)
        return sz_op_fail(c->n, "scale or statistics do not fit");
    for (int64_t row = 0; row < rows; row++) layer_row(&g, row, n, scales);
    return SZ_OK;
}

// Ioffe and Szegedy 2015: with n = (x - mean) r, dscale = sum g n, dbias = sum g,
// dx = scale r (g - dbias / N - n dscale / N).
static void batch_channel(const norm_grad *g, const sz_buffer *b, int64_t size, int64_t ch,
                          double epsilon) {
    const int64_t channels = b->rank > 1 ? b->dims[1] : 1, all = b->dims[0] * size;
    const double mean = g->a[ch], r = 1 / sqrt(g->b[ch] + epsilon);
    double dscale = 0, dbias = 0;
    for (int64_t k = 0; k < all; k++) {
        const int64_t at = (k / size * channels + ch) * size + k % size;
        dscale += g->dy[at] * (g->x[at] - mean) * r, dbias += g->dy[at];
    }
    if (g->dscale) g->dscale[ch] = dscale;
    if (g->dbias) g->dbias[ch] = dbias;
    for (int64_t k = 0; g->dx && k < all; k++) {
        const int64_t at = (k / size * channels + ch) * size + k % size;
        const double unit = (g->x[at] - mean) * r;
        g->dx[at] = g->scale[ch] * r * (g->dy[at] - (dbias + unit * dscale) / (double)all);
    }
}

// X, scale, mean, variance, dY -> dX, dscale, dbias; statistics are those of the batch.
sz_status sz_ref_batch_norm_grad(sz_ref_call *c) {
    const sz_buffer *b = c->in[0];
    norm_grad g;
    SZ_TRY(read_norm(c, &g));
    if (b->rank < 1) return sz_op_fail(c->n, "input has no axes");
    const int64_t channels = b->rank > 1 ? b->dims[1] : 1, size = sz_ref_span(b, 2, b->rank);
    for (int i = 1; i < 4; i++)
        if (c->in[i]->count != channels)
            return sz_op_fail(c->n, "input %d does not have one number per channel", i);
    for (int64_t ch = 0; b->count && ch < channels; ch++)
        batch_channel(&g, b, size, ch, sz_attr_f(c->n->node, "epsilon", 1e-5));
    return SZ_OK;
}

// ---- look-ups ----------------------------------------------------------------------------------

// indices, dY -> dW: each row that was read gets what its copies got, added up.
sz_status sz_ref_gather_grad(sz_ref_call *c) {
    const sz_buffer *table = c->out[0], *at = c->in[0];
    int axis;
    double *dy, *dw;
    SZ_TRY(sz_op_axis(c->n, sz_attr_i(c->n->node, "axis", 0), table->rank, &axis));
    SZ_TRY(sz_ref_in(c, 1, &dy));
    SZ_TRY(sz_ref_room(c, 0, &dw));
    const int64_t outer = sz_ref_span(table, 0, axis), rows = table->dims[axis];
    const int64_t inner = sz_ref_span(table, axis + 1, table->rank);
    if (c->in[1]->count != outer * at->count * inner)
        return sz_op_fail(c->n, "the gradient does not fit the indices");
    for (int64_t k = 0; dw && k < outer * at->count; k++) {
        int64_t row;
        sz_buffer_integers(at, k % at->count, 1, &row);
        if (row < 0) row += rows;
        if (row < 0 || row >= rows) return sz_op_fail(c->n, "an index lies outside of the table");
        double *to = dw + (k / at->count * rows + row) * inner;
        for (int64_t j = 0; j < inner; j++) to[j] += dy[k * inner + j];
    }
    return SZ_OK;
}

// ---- loss --------------------------------------------------------------------------------------

// log_prob, labels -> (exp(log_prob) - 1 at the label) / n, for a loss that is the last node: its
// own gradient is 1. n: labels that count for a mean, 1 for a sum.
sz_status sz_ref_cross_entropy_loss_grad(sz_ref_call *c) {
    const sz_buffer *b = c->in[0], *t = c->in[1];
    const sz_str how = sz_attr_s(c->n->node, "reduction", "mean");
    const sz_attr *ignored = sz_attr_find(c->n->node, "ignore_index");
    const int64_t classes = b->dims[1], inner = sz_ref_span(b, 2, b->rank);
    double *logs, *dx, n = 0;
    SZ_TRY(sz_ref_in(c, 0, &logs));
    SZ_TRY(sz_ref_room(c, 0, &dx));
    if (t->count != b->dims[0] * inner) return sz_op_fail(c->n, "labels do not fit the scores");
    if (!sz_str_is(how, "mean") && !sz_str_is(how, "sum"))
        return sz_op_fail(c->n, "no gradient for this reduction");
    for (int pass = 0; dx && pass < 2; pass++) // first counts the labels
        for (int64_t k = 0; k < t->count; k++) {
            int64_t label;
            sz_buffer_integers(t, k, 1, &label);
            if (ignored && ignored->kind == SZ_ATTR_INT && label == ignored->i) continue;
            if (label < 0 || label >= classes)
                return sz_op_fail(c->n, "label %lld is no class", (long long)label);
            if (pass == 0) n++;
            const double share = sz_str_is(how, "mean") ? 1 / n : 1;
            const int64_t at = k / inner * classes * inner + k % inner;
            for (int64_t j = 0; pass == 1 && j < classes; j++)
                dx[at + j * inner] = share * (exp(logs[at + j * inner]) - (j == label));
        }
    return SZ_OK;
}
