// SPDX-License-Identifier: Apache-2.0
// Activations that are written out in simple operators: GELU (with erf, with tanh, quick), SiLU,
// HardSwish, Mish, softplus, sigmoid, ReLU6. They are found by what they compute: region.h.
//
// Needs: known numbers of the constants in them. Groups the nodes; they must have no other use.
#include "model/passes/region.h"

#include <math.h>

#define EACH(expression)                                                                           \
    for (int k = 0; k < SZ_LANES; k++) {                                                           \
        const double v = x[k];                                                                     \
        y[k] = (expression);                                                                       \
    }                                                                                              \
    (void)count

static void gelu_erf(const double *x, double *y, double count) {
    EACH(0.5 * v * (1 + erf(v / sqrt(2))));
}
// Hendrycks and Gimpel 2016: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
static void gelu_tanh(const double *x, double *y, double count) {
    EACH(0.5 * v * (1 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v))));
}
static void gelu_quick(const double *x, double *y, double count) {
    EACH(v / (1 + exp(-1.702 * v)));
}
static void silu(const double *x, double *y, double count) { EACH(v / (1 + exp(-v))); }
static void mish(const double *x, double *y, double count) { EACH(v * tanh(log1p(exp(v)))); }
static void hard_swish(const double *x, double *y, double count) {
    EACH(v * fmin(fmax(v / 6 + 0.5, 0), 1));
}
static void hard_sigmoid(const double *x, double *y, double count) {
    EACH(fmin(fmax(v / 6 + 0.5, 0), 1));
}
static void sigmoid(const double *x, double *y, double count) { EACH(1 / (1 + exp(-v))); }
static void softplus(const double *x, double *y, double count) { EACH(log1p(exp(v))); }
static void relu6(const double *x, double *y, double count) { EACH(fmin(fmax(v, 0), 6)); }

// In the order of families: a recipe knows some of them.
static const sz_function functions[] = {
    {"gelu", gelu_erf},
    {"gelu-tanh", gelu_tanh},
    {"gelu-quick", gelu_quick},
    {"silu", silu},
    {"mish", mish},
    {"hard-swish", hard_swish},
    {"sigmoid", sigmoid},
    {"hard-sigmoid", hard_sigmoid},
    {"softplus", softplus},
    {"relu6", relu6},
};
enum { FIRST_SILU = 2, FIRST_OTHER = 4 };
static const sz_function_set set = {.rows = functions,
                                    .n = sizeof functions / sizeof *functions,
                                    .reduces = false,
                                    .vectors = false};

static bool is_known(const sz_pass_job *job, const sz_function *f) {
    const int i = (int)(f - functions);
    if (i < FIRST_SILU) return sz_makes(job, SZ_FUSE_GELU);
    return sz_makes(job, i < FIRST_OTHER ? SZ_FUSE_SILU : SZ_FUSE_ACTIVATION);
}

// The last node of them all: what an activation can end with.
static bool may_end(const sz_pass_job *job, sz_node_id id) {
    static const char *const ends[] = {"Mul", "Div", "Min", "Clip", "Log", "Reciprocal"};
    return SZ_IS_ANY(job, id, ends);
}

// The bias in front: an addition of a constant whose sum only the activation uses.
static sz_status add_bias(sz_pass_job *job, sz_region *r) {
    const sz_node_id add = sz_edit_producer(job->e, r->input);
    if (!sz_makes(job, SZ_FUSE_BIAS_ACTIVATION) || !sz_is_op(job, add, "Add")) return SZ_OK;
    if (r->n == SZ_REGION_NODES || sz_edit_group_of(job->e, add) != SZ_NONE) return SZ_OK;
    if (!sz_is_constant(job, sz_edit_in(job->e, add, 0)) &&
        !sz_is_constant(job, sz_edit_in(job->e, add, 1)))
        return SZ_OK;
    r->nodes[r->n] = add;
    if (sz_edit_is_closed(job->e, r->nodes, r->n + 1, r->nodes[0])) r->n++;
    return SZ_OK;
}

sz_status sz_pass_fuse_activations(sz_pass_job *job) {
    sz_node_id previous;
    for (sz_node_id id = job->e->tail; id != SZ_NONE; id = previous) {
        previous = job->e->nodes.items[id].prev;
        sz_region r;
        if (!may_end(job, id)) continue;
        sz_region_match(job, id, &set, &r);
        if (!r.function || !is_known(job, r.function)) continue;
        SZ_TRY(add_bias(job, &r));
        SZ_TRY(sz_try_group(job, SZ_GROUP_ACTIVATION, id, r.nodes, r.n, id, NULL));
    }
    return SZ_OK;
}
