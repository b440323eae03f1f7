// SPDX-License-Identifier: Apache-2.0
// Normalizations that are written out (layer norm, RMS norm, L2 norm: found by what they compute,
// region.h) with the scale and shift behind them; and the residual addition in front of a
// normalization, whose sum is written once for both of its readers.
//
// Needs: static shapes along the axes. Groups the nodes; but for the residual sum they must have no
// other use.
#include "model/passes/region.h"

#include <math.h>

static void moments(const double *x, double *ret_mean, double *ret_square) {
    double sum = 0, square = 0;
    for (int k = 0; k < SZ_LANES; k++) sum += x[k], square += x[k] * x[k];
    *ret_mean = sum / SZ_LANES;
    *ret_square = square / SZ_LANES;
}
static void layer_norm(const double *x, double *y, double count) {
    double mean, square;
    moments(x, &mean, &square);
    for (int k = 0; k < SZ_LANES; k++) y[k] = (x[k] - mean) / sqrt(square - mean * mean);
    (void)count;
}
static void rms_norm(const double *x, double *y, double count) {
    double mean, square;
    moments(x, &mean, &square);
    for (int k = 0; k < SZ_LANES; k++) y[k] = x[k] / sqrt(square);
    (void)count;
}
static void l2_norm(const double *x, double *y, double count) {
    double mean, square;
    moments(x, &mean, &square);
    for (int k = 0; k < SZ_LANES; k++) y[k] = x[k] / sqrt(square * count);
}

static const sz_function functions[] = {
    {"layer-norm", layer_norm}, {"rms-norm", rms_norm}, {"l2-norm", l2_norm}};
enum { LAYER_NORM = 0 };
static const sz_function_set set = {
    .rows = functions, .n = sizeof functions / sizeof *functions, .reduces = true, .vectors = true};

// ---- residual ----------------------------------------------------------------------------------

// The addition that makes the value and is all elements with all elements; SZ_NONE otherwise.
static sz_node_id residual_of(const sz_pass_job *job, sz_value_id v) {
    const sz_node_id add = sz_edit_producer(job->e, v);
    if (add == SZ_NONE || !sz_is_op(job, add, "Add")) return SZ_NONE;
    if (sz_edit_group_of(job->e, add) != SZ_NONE) return SZ_NONE;
    for (int k = 0; k < 2; k++) {
        const sz_value_id in = sz_edit_in(job->e, add, k);
        if (!sz_same_type(sz_type_of(job, in), sz_type_of(job, v))) return SZ_NONE;
    }
    return add;
}

// The bias that is added to one of the terms of the residual sum, too.
static sz_node_id bias_of(const sz_pass_job *job, sz_node_id residual) {
    for (int k = 0; k < 2; k++) {
        const sz_value_id v = sz_edit_in(job->e, residual, k);
        const sz_node_id add = sz_edit_producer(job->e, v);
        if (add == SZ_NONE || !sz_is_op(job, add, "Add")) continue;
        if (sz_edit_only_user(job->e, v) != residual) continue;
        if (sz_edit_group_of(job->e, add) != SZ_NONE) continue;
        for (int i = 0; i < 2; i++)
            if (sz_is_constant(job, sz_edit_in(job->e, add, i))) return add;
    }
    return SZ_NONE;
}

// Does anybody but the norm read its input?
static bool has_other_readers(const sz_pass_job *job, sz_value_id v, sz_node_id norm) {
    const sz_edit *e = job->e;
    const int32_t group = sz_edit_group_of(e, norm);
    if (sz_edit_is_pinned(e, v)) return true;
    for (int32_t u = e->values.items[v].first; u != SZ_NONE; u = e->uses.items[u].next) {
        const sz_node_id user = e->uses.items[u].node;
        if (user != norm && (group == SZ_NONE || sz_edit_group_of(e, user) != group)) return true;
    }
    return false;
}

static bool is_layer_norm(const sz_pass_job *job, sz_node_id id) {
    return sz_is_op(job, id, "LayerNormalization");
}

// `plain`: it is a layer norm. The last reader of the sum that is a norm takes it: the norm's other
// operands are constants, so no path leaves the group by the sum and comes back.
static sz_status add_residual(sz_pass_job *job, sz_node_id anchor, sz_value_id input, bool plain) {
    if (!sz_makes(job, SZ_FUSE_SKIP_NORM)) return SZ_OK;
    const sz_node_id add = residual_of(job, input);
    if (add == SZ_NONE) return SZ_OK;
    if (!sz_makes(job, SZ_FUSE_SKIP_SUM) && (!plain || has_other_readers(job, input, anchor)))
        return SZ_OK;
    const sz_node_id nodes[] = {anchor, add, bias_of(job, add)};
    job->changed++;
    return sz_edit_join(job->e, SZ_GROUP_NORM, anchor, nodes, nodes[2] == SZ_NONE ? 2 : 3);
}

// A norm that is one operator: its operands but the first must be constants.
static bool is_norm(const sz_pass_job *job, sz_node_id id) {
    static const char *const norms[] = {"LayerNormalization", "SimplifiedLayerNormalization",
                                        "RMSNormalization"};
    const sz_node *n = sz_edit_node_of(job->e, id);
    bool found = SZ_IS_ANY(job, id, norms);
    for (int32_t i = 1; found && i < n->n_inputs; i++)
        found = n->inputs[i] == SZ_NONE || sz_is_constant(job, n->inputs[i]);
    return found && sz_edit_group_of(job->e, id) == SZ_NONE;
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status written_out(sz_pass_job *job, sz_node_id id) {
    sz_region r;
    bool done;
    static const char *const ends[] = {"Add", "Sub", "Mul", "Div"};
    bool may_end = SZ_IS_ANY(job, id, ends);
    if (!may_end) return SZ_OK;
    sz_region_match(job, id, &set, &r);
    if (!r.function) return SZ_OK;
    SZ_TRY(sz_try_group(job, SZ_GROUP_NORM, id, r.nodes, r.n, id, &done));
    return done ? add_residual(job, id, r.input, r.function == &functions[LAYER_NORM]) : SZ_OK;
}

sz_status sz_pass_fuse_norms(sz_pass_job *job) {
    sz_node_id previous;
    for (sz_node_id id = job->e->tail; id != SZ_NONE; id = previous) {
        previous = job->e->nodes.items[id].prev;
        if (is_norm(job, id))
            SZ_TRY(add_residual(job, id, sz_edit_in(job->e, id, 0), is_layer_norm(job, id)));
        else if (sz_makes(job, SZ_FUSE_NORM))
            SZ_TRY(written_out(job, id));
    }
    return SZ_OK;
}
