// SPDX-License-Identifier: Apache-2.0
// Optimizers, line by line as the pseudo code of ai.onnx.preview.training has them.
#include "run/backends/ref/kernel.h"

#include <math.h>

typedef struct rates {
    double rate, count; // learning rate R, update count T
    double alpha, beta, epsilon, norm, norm_after;
    bool nesterov;
} rates;

typedef struct parts { // of one tensor
    const double *x, *g, *v, *h;
    double *x_new, *v_new, *h_new; // NULL where an output is left out
    int64_t n;
} parts;

typedef void update(const rates *r, const parts *p);

static void put(double *to, int64_t k, double x) {
    if (to) to[k] = x;
}

static void momentum(const rates *r, const parts *p) {
    const double beta = r->count > 0 ? r->beta : 1;
    for (int64_t k = 0; k < p->n; k++) {
        const double g = r->norm * p->x[k] + p->g[k];
        const double v = r->alpha * p->v[k] + beta * g;
        put(p->v_new, k, v);
        put(p->x_new, k, p->x[k] - r->rate * (r->nesterov ? g + r->alpha * v : v));
    }
}

static void adam(const rates *r, const parts *p) {
    const double rate = r->count > 0 ? r->rate * sqrt(1 - pow(r->beta, r->count)) /
                                           (1 - pow(r->alpha, r->count))
                                     : r->rate;
    for (int64_t k = 0; k < p->n; k++) {
        const double g = r->norm * p->x[k] + p->g[k];
        const double v = r->alpha * p->v[k] + (1 - r->alpha) * g;
        const double h = r->beta * p->h[k] + (1 - r->beta) * g * g;
        const double x = p->x[k] - rate * v / (sqrt(h) + r->epsilon);
        put(p->v_new, k, v);
        put(p->h_new, k, h);
        put(p->x_new, k, (1 - r->norm_after) * x);
    }
}

static void adagrad(const rates *r, const parts *p) {
    const double rate = r->rate / (1 + r->count * r->alpha); // alpha: decay_factor
    for (int64_t k = 0; k < p->n; k++) {
        const double g = r->norm * p->x[k] + p->g[k];
        const double v = p->v[k] + g * g;
        put(p->v_new, k, v);
        put(p->x_new, k, p->x[k] - rate * g / (sqrt(v) + r->epsilon));
    }
}

// R, T, then lists of equal length: tensors, gradients, one or two states.
static sz_status each_tensor(sz_ref_call *c, int lists, rates r, update *f) {
    const int n = (c->n_in - 2) / lists; // whole, says the shape rule
    r.rate = sz_ref_scalar(c, 0, 0);
    r.count = sz_ref_scalar(c, 1, 0);
    r.norm = sz_attr_f(c->n->node, "norm_coefficient", 0);
    for (int i = 0; i < n; i++) {
        double *in[4] = {NULL}, *out[3] = {NULL};
        for (int list = 0; list < lists; list++) {
            SZ_TRY(sz_ref_in(c, 2 + list * n + i, &in[list]));
            if (!in[list] || c->in[2 + list * n + i]->count != c->in[2 + i]->count)
                return sz_op_fail(c->n, "a list has a tensor of another size");
        }
        for (int list = 0; list + 1 < lists; list++)
            SZ_TRY(sz_ref_room(c, list * n + i, &out[list]));
        f(&r, &(parts){in[0], in[1], in[2], in[3], out[0], out[1], out[2], c->in[2 + i]->count});
    }
    return SZ_OK;
}

sz_status sz_ref_momentum(sz_ref_call *c) {
    const sz_node *node = c->n->node;
    const rates r = {.alpha = sz_attr_f(node, "alpha", 0),
                     .beta = sz_attr_f(node, "beta", 1),
                     .nesterov = sz_str_is(sz_attr_s(node, "mode", "standard"), "nesterov")};
    return each_tensor(c, 3, r, momentum);
}

sz_status sz_ref_adam(sz_ref_call *c) {
    const sz_node *node = c->n->node;
    const rates r = {.alpha = sz_attr_f(node, "alpha", 0.9),
                     .beta = sz_attr_f(node, "beta", 0.999),
                     .epsilon = sz_attr_f(node, "epsilon", 1e-6),
                     .norm_after = sz_attr_f(node, "norm_coefficient_post", 0)};
    return each_tensor(c, 4, r, adam);
}

sz_status sz_ref_adagrad(sz_ref_call *c) {
    const rates r = {.alpha = sz_attr_f(c->n->node, "decay_factor", 0),
                     .epsilon = sz_attr_f(c->n->node, "epsilon", 1e-6)};
    return each_tensor(c, 3, r, adagrad);
}
