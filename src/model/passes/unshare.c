// SPDX-License-Identifier: Apache-2.0
// A DequantizeLinear that several nodes read is written once for each of them, so that each can
// become an integer kernel by itself. What is read by one group of nodes only stays.
//
// Needs: nothing. Keeps: types, values. Before fuse-integers, in recipes that make integer kernels.
#include "model/passes/pass.h"

static sz_status copy_for(sz_pass_job *job, sz_node_id id, sz_node_id user, sz_value_id out) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    sz_value_id y;
    sz_node_id copy;
    const sz_build b = {
        .op = "DequantizeLinear",
        .inputs = {sz_edit_in(job->e, id, 0), sz_edit_in(job->e, id, 1), sz_edit_in(job->e, id, 2)},
        .n_inputs = n->n_inputs,
        .attrs = n->attrs,
        .n_attrs = n->n_attrs,
        .like = out};
    const int32_t opset = n->opset;
    SZ_TRY(sz_build_node(job, &b, user, &y, &copy));
    sz_edit_node_of(job->e, copy)->opset = opset;
    SZ_TRY(sz_edit_absorb(job->e, copy, id));
    const int32_t n_inputs = sz_edit_node_of(job->e, user)->n_inputs;
    for (int32_t i = 0; i < n_inputs; i++)
        if (sz_edit_in(job->e, user, i) == out) SZ_TRY(sz_edit_set_input(job->e, user, i, y));
    job->changed++;
    return SZ_OK;
}

sz_status sz_pass_unshare(sz_pass_job *job) {
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        if (!sz_is_op(job, id, "DequantizeLinear") || !sz_has_one_output(job, id)) continue;
        if (sz_edit_node_of(job->e, id)->n_inputs > 3) continue;
        const sz_value_id out = sz_edit_out(job->e, id, 0);
        while (job->e->values.items[out].n > 1 && sz_edit_only_user(job->e, out) == SZ_NONE) {
            const sz_node_id user = job->e->uses.items[job->e->values.items[out].first].node;
            SZ_TRY(copy_for(job, id, user, out));
        }
    }
    return SZ_OK;
}
