// SPDX-License-Identifier: Apache-2.0
// Shape folding: what inference knows the numbers of needs no node. Shapes, their elements, and
// what is computed from them become constants; whole chains of Shape, Gather, Concat go.
//
// Needs: known numbers (inference). Keeps: types, names of values. The sizes that were bound are
// part of the graph from now on.
#include "model/passes/pass.h"

static bool is_known(const sz_pass_job *job, sz_value_id v) {
    const sz_value *value = sz_edit_value_of(job->e, v);
    if (value->kind != SZ_VALUE_NODE || !value->known || !sz_type_is_static(&value->type))
        return false;
    for (int64_t k = 0; value->known->i && k < value->known->count; k++)
        if (value->known->i[k] == SZ_VALUE_UNKNOWN) return false;
    return true;
}

// All outputs that anybody uses are known, and there is one.
static bool can_fold(const sz_pass_job *job, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    bool any = false;
    for (int32_t o = 0; o < n->n_outputs; o++) {
        if (n->outputs[o] == SZ_NONE) continue;
        if (!is_known(job, n->outputs[o])) return false;
        any = true;
    }
    return any;
}

static bool has_constant_inputs(const sz_pass_job *job, const sz_node *n) {
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE && !sz_is_constant(job, n->inputs[i])) return false;
    return n->n_inputs > 0;
}

static int64_t weights_in(const sz_pass_job *job, const sz_node *n) {
    int64_t sum = 0;
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE && sz_is_constant(job, n->inputs[i]) &&
            !sz_add(sum, sz_weights_in(job, n->inputs[i]), &sum))
            return INT64_MAX;
    return sum;
}

sz_status sz_pass_fold_shapes(sz_pass_job *job) {
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        const sz_node *n = sz_edit_node_of(job->e, id);
        if (sz_edit_is_dead(job->e, id) || n->row == SZ_NONE || !can_fold(job, id)) continue;
        if (sz_is_op(job, id, "Constant")) continue; // the next pass knows where its bytes are
        SZ_TRY(sz_edit_freeze(job->e, id, weights_in(job, n), has_constant_inputs(job, n)));
        job->changed++;
    }
    return SZ_OK;
}
