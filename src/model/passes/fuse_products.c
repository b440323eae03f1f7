// SPDX-License-Identifier: Apache-2.0
// What runs on the output tile of a convolution or a matrix product while it is in registers: bias,
// scale, activation, residual addition; and what is done to operands while they are read:
// transposing the last two axes, a constant factor.
//
// Needs: activation groups, where activations were written out. Each result must have the next node
// as its only user. Groups the nodes.
#include "model/passes/pass.h"

enum { MAX_NODES = 24 };

typedef struct product {
    sz_pass_job *job;
    sz_node_id id, last;
    bool conv, integer;
    sz_node_id nodes[MAX_NODES];
    int n;
    bool has_bias, has_activation, has_residual, has_scale;
    sz_value_id scales; // of an integer product: what its float result is multiplied with
} product;

static bool makes(const product *p, sz_fusion conv, sz_fusion matmul) {
    if (sz_is_op(p->job, p->id, "ConvTranspose") && !sz_makes(p->job, SZ_FUSE_CONV_TRANSPOSED))
        return false;
    return sz_makes(p->job, p->conv ? conv : matmul);
}

static sz_value_id result(const product *p) { return sz_edit_out(p->job->e, p->last, 0); }

static bool keeps_type(const product *p, sz_node_id id) {
    return sz_same_type(sz_type_of(p->job, result(p)),
                        sz_type_of(p->job, sz_edit_out(p->job->e, id, 0)));
}

static bool take(product *p, sz_node_id id) {
    if (p->n == MAX_NODES) return false;
    p->nodes[p->n++] = p->last = id;
    return true;
}

// ---- behind ------------------------------------------------------------------------------------

// Of integer products: the result as a float, and the scales of both operands.
static bool take_rescale(product *p, sz_node_id id) {
    if (!p->integer) return false;
    if (sz_is_op(p->job, id, "Cast") && p->n == 1) return take(p, id);
    const sz_value_id scale = sz_other_input(p->job, id, result(p));
    if (!sz_is_op(p->job, id, "Mul") || p->has_scale || !keeps_type(p, id)) return false;
    if (sz_type_of(p->job, scale)->rank > 1) return false;
    p->has_scale = true;
    p->scales = scale;
    return take(p, id);
}

static bool take_scale(product *p, sz_node_id id) {
    double scale;
    const bool mul = sz_is_op(p->job, id, "Mul"), div = sz_is_op(p->job, id, "Div");
    if (p->conv || p->has_scale || p->n > 1 || !sz_makes(p->job, SZ_FUSE_MATMUL_SCALE))
        return false;
    if ((!mul && !div) || !keeps_type(p, id)) return false;
    if (div && sz_edit_in(p->job->e, id, 0) != result(p)) return false;
    if (!sz_scalar(p->job, sz_other_input(p->job, id, result(p)), &scale)) return false;
    p->has_scale = true;
    return take(p, id);
}

// One number per channel, or one in all.
static bool is_bias(const product *p, const sz_type *t) {
    const int32_t rank = sz_type_of(p->job, result(p))->rank;
    const int32_t axis = p->conv ? 1 : rank - 1;
    for (int32_t i = 0; i < t->rank; i++)
        if (t->dims[i] != 1 && rank - t->rank + i != axis) return false;
    return true;
}

static bool take_bias(product *p, sz_node_id id) {
    if (p->has_bias || p->has_activation || !makes(p, SZ_FUSE_CONV_BIAS, SZ_FUSE_MATMUL_BIAS))
        return false;
    if (!sz_is_op(p->job, id, "Add") || !keeps_type(p, id)) return false;
    const sz_value_id bias = sz_other_input(p->job, id, result(p));
    if (!sz_is_constant(p->job, bias) || sz_count_elements(p->job, bias) < 0) return false;
    if (!is_bias(p, sz_type_of(p->job, bias))) return false;
    p->has_bias = true;
    return take(p, id);
}

static bool take_residual(product *p, sz_node_id id) {
    if (p->has_residual || !makes(p, SZ_FUSE_CONV_RESIDUAL, SZ_FUSE_MATMUL_RESIDUAL)) return false;
    if (!sz_is_op(p->job, id, "Add") || !keeps_type(p, id)) return false;
    const sz_value_id other = sz_other_input(p->job, id, result(p));
    if (other == result(p) || sz_edit_group_of(p->job->e, id) != SZ_NONE) return false;
    if (!sz_same_type(sz_type_of(p->job, other), sz_type_of(p->job, result(p)))) return false;
    p->has_residual = true;
    return take(p, id);
}

static bool is_activation(const product *p, sz_node_id id) {
    static const char *const simple[] = {"Relu",      "Sigmoid",     "Tanh",
                                         "LeakyRelu", "HardSigmoid", "Clip"};
    if (sz_makes(p->job, SZ_FUSE_SIMPLE_ONLY)) {
        if (!SZ_IS_ANY(p->job, id, simple)) return false;
    } else if (sz_kind_of(p->job, id) != SZ_KIND_ACTIVATION) {
        return false;
    }
    const sz_node *n = sz_edit_node_of(p->job->e, id);
    for (int32_t i = 1; i < n->n_inputs; i++) // bounds, slopes
        if (n->inputs[i] != SZ_NONE && !sz_is_constant(p->job, n->inputs[i])) return false;
    return sz_edit_in(p->job->e, id, 0) == result(p);
}

static bool take_activation(product *p, sz_node_id id) {
    if (p->has_activation || !makes(p, SZ_FUSE_CONV_ACTIVATION, SZ_FUSE_MATMUL_ACTIVATION))
        return false;
    if (!is_activation(p, id) || !keeps_type(p, id)) return false;
    p->has_activation = true;
    return take(p, id);
}

// The activation group that alone reads the result; SZ_NONE when there is none.
static int32_t reading_group(const product *p) {
    const sz_edit *e = p->job->e;
    const sz_value_id v = result(p);
    int32_t group = SZ_NONE;
    if (v == SZ_NONE || sz_edit_is_pinned(e, v)) return SZ_NONE;
    for (int32_t u = e->values.items[v].first; u != SZ_NONE; u = e->uses.items[u].next) {
        const int32_t own = sz_edit_group_of(e, e->uses.items[u].node);
        if (own == SZ_NONE || (group != SZ_NONE && own != group)) return SZ_NONE;
        group = own;
    }
    return group;
}

// An activation that is written out, its bias with it.
static bool take_group(product *p) {
    const int32_t group = reading_group(p);
    if (group == SZ_NONE || p->has_activation || sz_makes(p->job, SZ_FUSE_SIMPLE_ONLY))
        return false;
    if (!makes(p, SZ_FUSE_CONV_ACTIVATION, SZ_FUSE_MATMUL_ACTIVATION)) return false;
    const sz_edit_group *g = &p->job->e->groups.items[group];
    if (g->kind != SZ_GROUP_ACTIVATION || !keeps_type(p, g->anchor)) return false;
    p->has_activation = true;
    return take(p, g->anchor);
}

static void take_behind(product *p) {
    for (;;) {
        if (take_group(p)) continue;
        const sz_node_id user = sz_edit_only_user(p->job->e, result(p));
        if (user == SZ_NONE || sz_edit_group_of(p->job->e, user) != SZ_NONE) return;
        if (!sz_has_one_output(p->job, user)) return;
        if (take_rescale(p, user) || take_scale(p, user) || take_bias(p, user)) continue;
        if (take_activation(p, user) || take_residual(p, user)) continue;
        return;
    }
}

// ---- in front ----------------------------------------------------------------------------------

// Swaps the last two axes and nothing else.
static bool swaps_last(const sz_pass_job *job, sz_node_id id) {
    const sz_type *t = sz_type_of(job, sz_edit_in(job->e, id, 0));
    const int64_t *perm;
    const int32_t n = sz_attr_ints(sz_edit_node_of(job->e, id), "perm", &perm);
    if (t->rank < 2) return false;
    if (n == 0) return t->rank == 2;
    for (int32_t i = 0; i < n - 2; i++)
        if (perm[i] != i) return false;
    return n == t->rank && perm[n - 1] == n - 2 && perm[n - 2] == n - 1;
}

static bool scales(const sz_pass_job *job, sz_node_id id) {
    double scale;
    const bool mul = sz_is_op(job, id, "Mul"), div = sz_is_op(job, id, "Div");
    return (mul || div) && (sz_scalar(job, sz_edit_in(job->e, id, 1), &scale) ||
                            (mul && sz_scalar(job, sz_edit_in(job->e, id, 0), &scale)));
}

static void take_operand(product *p, int i) {
    sz_pass_job *job = p->job;
    sz_value_id v = sz_edit_in(job->e, p->id, i);
    sz_node_id user = p->id;
    for (int step = 0; step < 2 && v != SZ_NONE; step++) {
        const sz_node_id at = sz_edit_producer(job->e, v);
        if (at == SZ_NONE || sz_edit_only_user(job->e, v) != user || p->n == MAX_NODES) return;
        if (sz_edit_group_of(job->e, at) != SZ_NONE) return;
        const bool turns = sz_makes(job, SZ_FUSE_MATMUL_TRANSPOSE) &&
                           sz_is_op(job, at, "Transpose") && swaps_last(job, at);
        const bool factor = sz_makes(job, SZ_FUSE_MATMUL_SCALE) && scales(job, at);
        if (!turns && !factor) return;
        p->nodes[p->n++] = at;
        double scale;
        v = turns || sz_scalar(job, sz_edit_in(job->e, at, 1), &scale) ? sz_edit_in(job->e, at, 0)
                                                                       : sz_edit_in(job->e, at, 1);
        user = at;
    }
}

// Of an integer product: the DynamicQuantizeLinear that makes its operand and one of its scales,
// when it does so for this product alone.
static bool take_quantizer(product *p) {
    const sz_pass_job *job = p->job;
    const sz_node_id quantizer = sz_edit_producer(job->e, sz_edit_in(job->e, p->id, 0));
    const sz_node_id scale = sz_edit_producer(job->e, p->scales);
    const int n = p->n;
    if (!p->integer || !sz_makes(job, SZ_FUSE_INTEGER) || p->n + 2 > MAX_NODES) return false;
    if (!sz_is_op(job, quantizer, "DynamicQuantizeLinear")) return false;
    if (sz_edit_group_of(job->e, quantizer) != SZ_NONE) return false;
    if (sz_is_op(job, scale, "Mul")) p->nodes[p->n++] = scale;
    p->nodes[p->n++] = quantizer;
    if (sz_edit_is_closed(job->e, p->nodes, p->n, p->last)) return true;
    p->n = n;
    return false;
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status match(sz_pass_job *job, sz_node_id id) {
    static const char *const convs[] = {"Conv", "ConvTranspose", "ConvInteger"};
    static const char *const matrices[] = {"MatMul", "Gemm", "MatMulInteger", "Einsum"};
    product p = {.job = job, .id = id, .last = id, .nodes = {id}, .n = 1, .scales = SZ_NONE};
    p.conv = SZ_IS_ANY(job, id, convs);
    if (!p.conv && !SZ_IS_ANY(job, id, matrices)) return SZ_OK;
    const sz_group_kind kind = sz_edit_kind_of(job->e, id);
    const bool plain = kind == SZ_GROUP_NONE;
    if (!plain && kind != SZ_GROUP_CONV && kind != SZ_GROUP_MATMUL) return SZ_OK;
    p.integer = sz_is_op(job, id, "MatMulInteger") || sz_is_op(job, id, "ConvInteger");
    take_behind(&p);
    take_quantizer(&p);
    if (sz_is_op(job, id, "MatMul"))
        for (int i = 0; i < 2 && plain; i++) take_operand(&p, i);
    return sz_try_group(job, p.conv ? SZ_GROUP_CONV : SZ_GROUP_MATMUL, id, p.nodes, p.n, p.last,
                        NULL);
}

sz_status sz_pass_fuse_products(sz_pass_job *job) {
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        if (!sz_edit_is_dead(job->e, id)) SZ_TRY(match(job, id));
    }
    return SZ_OK;
}
