// SPDX-License-Identifier: Apache-2.0
// Integer kernels: DequantizeLinear, an operator, an activation, QuantizeLinear read and write
// small integers and never make a float tensor. Weights stay in their small format. A product of
// which only the weights are quantized takes them in as they are, too.
//
// Needs: unshare first, so that each reader has a DequantizeLinear of its own. Groups the nodes;
// they must have no other use. All data that the operator reads must be quantized.
#include "model/passes/pass.h"

enum { MAX_NODES = 40 };

static const char *const products[] = {"Conv", "ConvTranspose", "MatMul", "Gemm"};
static const char *const others[] = {
    "Add",           "Mul",          "Sub",         "Div",
    "Concat",        "MaxPool",      "AveragePool", "GlobalAveragePool",
    "GlobalMaxPool", "Sigmoid",      "LeakyRelu",   "Softmax",
    "Transpose",     "Reshape",      "Flatten",     "Squeeze",
    "Unsqueeze",     "Resize",       "Slice",       "Split",
    "Pad",           "Gather",       "Where",       "Tanh",
    "HardSwish",     "Clip",         "Relu",        "ReduceMean",
    "Expand",        "DepthToSpace", "SpaceToDepth"};
static const char *const activations[] = {"Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSwish"};

typedef struct kernel {
    sz_node_id nodes[MAX_NODES];
    int n, n_floats; // n_floats: data inputs that are not quantized
} kernel;

// Only its float data must be quantized: shapes, indices and conditions are none.
static void take_inputs(const sz_pass_job *job, sz_node_id id, kernel *k) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    for (int32_t i = 0; i < n->n_inputs; i++) {
        const sz_value_id v = n->inputs[i];
        if (v == SZ_NONE || !sz_is_float_type(sz_type_of(job, v))) continue;
        const sz_node_id maker = sz_edit_producer(job->e, v);
        const bool own = maker != SZ_NONE && sz_edit_only_user(job->e, v) == id;
        bool seen = false;
        for (int m = 0; m < k->n; m++) seen |= k->nodes[m] == maker;
        if (own && (seen || sz_is_op(job, maker, "DequantizeLinear"))) {
            if (!seen && k->n < MAX_NODES - 4)
                k->nodes[k->n++] = maker;
            else if (!seen)
                k->n_floats++;
        } else {
            k->n_floats += !sz_is_constant(job, v);
        }
    }
}

// The activation and the QuantizeLinear behind. false: the result stays a float.
static bool take_outputs(const sz_pass_job *job, sz_node_id id, kernel *k, sz_node_id *ret_last) {
    sz_node_id user = sz_edit_only_user(job->e, sz_edit_out(job->e, id, 0)), act = SZ_NONE;
    *ret_last = id;
    if (user != SZ_NONE && SZ_IS_ANY(job, user, activations)) {
        act = user;
        user = sz_edit_only_user(job->e, sz_edit_out(job->e, act, 0));
    }
    if (user == SZ_NONE || !sz_is_op(job, user, "QuantizeLinear")) return false;
    if (act != SZ_NONE) k->nodes[k->n++] = act;
    k->nodes[k->n++] = user;
    *ret_last = user;
    return true;
}

static sz_status match(sz_pass_job *job, sz_node_id id) {
    const bool product = SZ_IS_ANY(job, id, products);
    if (!product && !SZ_IS_ANY(job, id, others)) return SZ_OK;
    if (!sz_has_one_output(job, id) || sz_edit_group_of(job->e, id) != SZ_NONE) return SZ_OK;
    kernel k = {.nodes = {id}, .n = 1};
    sz_node_id last;
    take_inputs(job, id, &k);
    if (k.n == 1) return SZ_OK;
    const bool all = k.n_floats == 0;
    const bool quantized = take_outputs(job, id, &k, &last);
    if (all && (quantized || product))
        return sz_try_group(job, SZ_GROUP_INTEGER, id, k.nodes, k.n, last, NULL);
    if (!product) return SZ_OK;
    if (quantized) { // of mixed formats: without what is behind
        k = (kernel){.nodes = {id}, .n = 1};
        take_inputs(job, id, &k);
    }
    const bool conv = sz_is_op(job, id, "Conv") || sz_is_op(job, id, "ConvTranspose");
    return sz_try_group(job, conv ? SZ_GROUP_CONV : SZ_GROUP_MATMUL, id, k.nodes, k.n, id, NULL);
}

sz_status sz_pass_fuse_integers(sz_pass_job *job) {
    if (!sz_makes(job, SZ_FUSE_INTEGER)) return SZ_OK;
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        if (!sz_edit_is_dead(job->e, id)) SZ_TRY(match(job, id));
    }
    return SZ_OK;
}
