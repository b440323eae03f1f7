// SPDX-License-Identifier: Apache-2.0
// A scale and a shift per channel behind a convolution or a matrix product go into its weights:
//     s (W x + b) + t = (s W) x + (s b + t).
// BatchNormalization at inference is s = gamma / sqrt(variance + epsilon), t = beta - s mean; a Mul
// or an Add with one constant per channel is the half of it. New weights are constants made of the
// old ones.
//
// Needs: types; all parameters constant. Keeps: types. The product must have no other user. Floats
// are rounded in another order. A group of transposed convolutions stays: their channels do not lie
// along one axis of the weights.
#include "model/passes/pass.h"

// What the node behind does, per channel; SZ_NONE: nothing.
typedef struct affine {
    sz_value_id scale, shift; // [channels], or of one element
} affine;

// The product in front.
typedef struct product {
    sz_node_id id;
    sz_value_id weights, bias; // bias SZ_NONE: none
    int64_t channels;
    int32_t axis;              // of the channels in the output
    int64_t dims[SZ_MAX_RANK]; // of a scale that goes into the weights
    int32_t rank;
    bool takes_bias;
} product;

// ---- building ----------------------------------------------------------------------------------

static sz_status combine(sz_pass_job *job, const char *op, sz_value_id a, sz_value_id b,
                         sz_value_id like, sz_value_id *ret) {
    const sz_build build = {
        .op = op, .inputs = {a, b}, .n_inputs = b == SZ_NONE ? 1 : 2, .like = like};
    return sz_build_constant(job, &build, ret);
}

// `dims` has one element per channel. One number for all channels broadcasts as it is, but it must
// not add axes.
static sz_status reshape(sz_pass_job *job, sz_value_id v, const int64_t *dims, int32_t rank,
                         sz_value_id *ret) {
    static const int64_t one[] = {1};
    const bool single = sz_count_elements(job, v) == 1;
    sz_value_id shape;
    *ret = v;
    if (single && sz_type_of(job, v)->rank <= 1) return SZ_OK;
    SZ_TRY(sz_build_ints(job, single ? one : dims, single ? 1 : rank, v, &shape));
    return combine(job, "Reshape", v, shape, v, ret);
}

// ---- the product -------------------------------------------------------------------------------

static bool is_plain_gemm(const sz_node *n) {
    return sz_attr_f(n, "alpha", 1.0) == 1.0 && sz_attr_f(n, "beta", 1.0) == 1.0;
}

static void ones(product *p, int32_t rank, int32_t axis) {
    p->rank = rank;
    for (int32_t i = 0; i < rank; i++) p->dims[i] = i == axis ? p->channels : 1;
}

static bool read_conv(const sz_pass_job *job, product *p, bool transposed) {
    const sz_type *w = sz_type_of(job, p->weights);
    const sz_node *n = sz_edit_node_of(job->e, p->id);
    if (transposed && (sz_attr_i(n, "group", 1) != 1 || !sz_makes(job, SZ_FUSE_TRANSPOSED_NORM)))
        return false;
    p->axis = 1;
    p->bias = sz_edit_in(job->e, p->id, 2);
    p->takes_bias = true;
    ones(p, w->rank, transposed ? 1 : 0);
    return w->rank >= 3;
}

static bool read_matrix(const sz_pass_job *job, product *p) {
    const sz_type *w = sz_type_of(job, p->weights);
    const sz_type *y = sz_type_of(job, sz_edit_out(job->e, p->id, 0));
    const sz_node *n = sz_edit_node_of(job->e, p->id);
    const bool gemm = sz_is_op(job, p->id, "Gemm"), trans = gemm && sz_attr_i(n, "transB", 0);
    if (w->rank != 2 || (gemm && !is_plain_gemm(n))) return false;
    p->axis = y->rank - 1;
    p->takes_bias = gemm;
    p->bias = gemm ? sz_edit_in(job->e, p->id, 2) : SZ_NONE;
    ones(p, trans ? 2 : 1, 0);
    return true;
}

static bool read_product(const sz_pass_job *job, sz_node_id id, product *p) {
    *p = (product){.id = id, .bias = SZ_NONE};
    if (id == SZ_NONE || !sz_has_one_output(job, id)) return false;
    const sz_type *y = sz_type_of(job, sz_edit_out(job->e, id, 0));
    const bool conv = sz_is_op(job, id, "Conv"), transposed = sz_is_op(job, id, "ConvTranspose");
    const bool matrix = sz_is_op(job, id, "Gemm") || sz_is_op(job, id, "MatMul");
    if (!conv && !transposed && !matrix) return false;
    p->weights = sz_edit_in(job->e, id, 1);
    if (!sz_type_is_static(y) || y->rank < 2) return false;
    if (!sz_is_constant(job, p->weights) || !sz_type_is_static(sz_type_of(job, p->weights)))
        return false;
    p->channels = y->dims[matrix ? y->rank - 1 : 1];
    if (matrix ? !read_matrix(job, p) : !read_conv(job, p, transposed)) return false;
    return p->bias == SZ_NONE || sz_is_constant(job, p->bias);
}

// ---- what is behind ----------------------------------------------------------------------------

// Is it one constant per channel, or one in all?
static bool is_per_channel(const sz_pass_job *job, const product *p, sz_value_id v) {
    const sz_type *t = sz_type_of(job, v), *y = sz_type_of(job, sz_edit_out(job->e, p->id, 0));
    if (!sz_is_constant(job, v) || !sz_type_is_static(t) || t->dtype != y->dtype) return false;
    if (t->rank > y->rank) return false;
    if (sz_count_elements(job, v) == 1) return true;
    for (int32_t i = 0; i < t->rank; i++) {
        const int32_t axis = y->rank - t->rank + i;
        if (t->dims[i] != (axis == p->axis ? p->channels : 1)) return false;
    }
    return t->rank > 0 && y->rank - t->rank <= p->axis;
}

static sz_status read_norm(sz_pass_job *job, sz_node_id id, const product *p, affine *ret,
                           bool *ret_found) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    const sz_type *w = sz_type_of(job, p->weights);
    const double epsilon = sz_attr_f(n, "epsilon", 1e-5);
    sz_value_id v[5], eps, t;
    *ret_found = false;
    if (p->axis != 1 || sz_attr_i(n, "training_mode", 0) || !sz_has_one_output(job, id))
        return SZ_OK;
    for (int i = 1; i < 5; i++) {
        v[i] = sz_edit_in(job->e, id, i);
        if (!sz_is_constant(job, v[i]) || sz_type_of(job, v[i])->dtype != w->dtype ||
            sz_count_elements(job, v[i]) != p->channels)
            return SZ_OK;
    }
    SZ_TRY(sz_build_scalar(job, w->dtype, epsilon, v[4], &eps));
    SZ_TRY(combine(job, "Add", v[4], eps, v[4], &t));
    SZ_TRY(combine(job, "Sqrt", t, SZ_NONE, v[4], &t));
    SZ_TRY(combine(job, "Div", v[1], t, v[1], &ret->scale));
    SZ_TRY(combine(job, "Mul", v[3], ret->scale, v[3], &t));
    *ret_found = true;
    return combine(job, "Sub", v[2], t, v[2], &ret->shift);
}

static sz_status read_affine(sz_pass_job *job, sz_node_id id, const product *p, affine *ret,
                             bool *ret_found) {
    const sz_value_id y = sz_edit_out(job->e, p->id, 0), v = sz_other_input(job, id, y);
    const int64_t channels[] = {p->channels};
    *ret = (affine){SZ_NONE, SZ_NONE};
    *ret_found = false;
    if (sz_is_op(job, id, "BatchNormalization")) return read_norm(job, id, p, ret, ret_found);
    const bool add = sz_is_op(job, id, "Add"), mul = sz_is_op(job, id, "Mul");
    if ((!add && !mul) || v == y || v == SZ_NONE || !is_per_channel(job, p, v)) return SZ_OK;
    // a bias is made from one number per channel only
    if (add && (!p->takes_bias ||
                (sz_count_elements(job, v) == 1 && p->bias == SZ_NONE && p->channels != 1)))
        return SZ_OK;
    *ret_found = true;
    SZ_TRY(reshape(job, v, channels, 1, &ret->scale));
    if (add) ret->shift = ret->scale, ret->scale = SZ_NONE;
    return SZ_OK;
}

// ---- putting it together -----------------------------------------------------------------------

static sz_status set_bias(sz_pass_job *job, const product *p, sz_value_id bias) {
    const sz_node *n = sz_edit_node_of(job->e, p->id);
    sz_node_id node;
    if (n->n_inputs > 2) return sz_edit_set_input(job->e, p->id, 2, bias);
    // one input more: a new node in its place
    const sz_value_id out = n->outputs[0];
    sz_value_id y;
    const sz_build b = {.op = sz_is_op(job, p->id, "Gemm")   ? "Gemm"
                              : sz_is_op(job, p->id, "Conv") ? "Conv"
                                                             : "ConvTranspose",
                        .inputs = {n->inputs[0], n->inputs[1], bias},
                        .n_inputs = 3,
                        .attrs = n->attrs,
                        .n_attrs = n->n_attrs,
                        .like = out};
    const sz_str name = n->name;
    SZ_TRY(sz_build_node(job, &b, p->id, &y, &node));
    sz_edit_node_of(job->e, node)->name = name;
    sz_edit_node_of(job->e, node)->opset = sz_edit_node_of(job->e, p->id)->opset;
    return sz_bypass(job, p->id, y);
}

static sz_status new_bias(sz_pass_job *job, const product *p, const affine *a, sz_value_id *ret) {
    const int64_t channels[] = {p->channels};
    const sz_value_id like = p->bias != SZ_NONE ? p->bias : a->shift;
    *ret = p->bias;
    if (a->scale != SZ_NONE && *ret != SZ_NONE)
        SZ_TRY(combine(job, "Mul", *ret, a->scale, like, ret));
    if (a->shift == SZ_NONE) return SZ_OK;
    if (*ret != SZ_NONE) return combine(job, "Add", *ret, a->shift, like, ret);
    if (sz_type_of(job, a->shift)->rank == 1) return *ret = a->shift, SZ_OK;
    SZ_TRY(sz_build_ints(job, channels, 1, like, ret)); // one channel: the shape [1]
    return combine(job, "Reshape", a->shift, *ret, like, ret);
}

// A matrix product has no place for the shift: an addition stays.
static sz_status add_shift(sz_pass_job *job, sz_node_id id, const product *p, sz_value_id shift) {
    const sz_value_id y = sz_edit_out(job->e, p->id, 0);
    sz_value_id sum;
    sz_node_id node;
    const sz_build b = {
        .op = "Add", .inputs = {y, shift}, .n_inputs = 2, .like = sz_edit_out(job->e, id, 0)};
    SZ_TRY(sz_build_node(job, &b, id, &sum, &node));
    return sz_bypass(job, id, sum);
}

static sz_status fold(sz_pass_job *job, sz_node_id id, product *p, const affine *a) {
    sz_value_id scale, weights, bias;
    if (a->scale != SZ_NONE) {
        SZ_TRY(reshape(job, a->scale, p->dims, p->rank, &scale));
        SZ_TRY(combine(job, "Mul", p->weights, scale, p->weights, &weights));
        SZ_TRY(sz_edit_set_input(job->e, p->id, 1, weights));
    }
    if (!p->takes_bias && a->shift != SZ_NONE) return add_shift(job, id, p, a->shift);
    SZ_TRY(sz_bypass(job, id, sz_edit_out(job->e, p->id, 0)));
    if (sz_edit_is_dead(job->e, p->id)) return SZ_OK; // nobody read the result
    SZ_TRY(new_bias(job, p, a, &bias));
    return bias == p->bias ? SZ_OK : set_bias(job, p, bias);
}

sz_status sz_pass_fold_norms(sz_pass_job *job) {
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        product p;
        affine a;
        bool found;
        if (sz_edit_is_dead(job->e, id) || sz_edit_out(job->e, id, 0) == SZ_NONE) continue;
        for (int k = 0; k < 2; k++) {
            const sz_value_id y = sz_edit_in(job->e, id, k);
            if (y == SZ_NONE || sz_edit_only_user(job->e, y) != id) continue;
            if (!read_product(job, sz_edit_producer(job->e, y), &p)) continue;
            if (!sz_same_type(sz_type_of(job, y), sz_type_of(job, sz_edit_out(job->e, id, 0))))
                continue;
            SZ_TRY(read_affine(job, id, &p, &a, &found));
            if (!found) continue;
            SZ_TRY(fold(job, id, &p, &a));
            break;
        }
    }
    return SZ_OK;
}
