// SPDX-License-Identifier: Apache-2.0
// Operators that a runtime has no kernel for, written out as its own function bodies say: HardSwish
// is x * HardSigmoid(x) with alpha 1/6 and beta 1/2.
//
// Needs: types. Keeps: types. Only recipes of such runtimes list it: it makes more work, not less.
#include "model/passes/pass.h"

static sz_status float_attrs(sz_pass_job *job, double alpha, double beta, const sz_attr **ret) {
    sz_attr *attrs = sz_arena_array(job->g->arena, 2, sizeof *attrs);
    if (!attrs) return sz_no_memory(job->g->ctx);
    attrs[0] = (sz_attr){
        .name = sz_str_c("alpha"), .kind = SZ_ATTR_FLOAT, .n = 1, .f = alpha, .tensor = SZ_NONE};
    attrs[1] = (sz_attr){
        .name = sz_str_c("beta"), .kind = SZ_ATTR_FLOAT, .n = 1, .f = beta, .tensor = SZ_NONE};
    *ret = attrs;
    return SZ_OK;
}

static sz_status hard_swish(sz_pass_job *job, sz_node_id id) {
    const sz_value_id x = sz_edit_in(job->e, id, 0), out = sz_edit_out(job->e, id, 0);
    sz_value_id gate, y;
    sz_node_id node;
    sz_build b = {.op = "HardSigmoid", .inputs = {x}, .n_inputs = 1, .n_attrs = 2, .like = out};
    SZ_TRY(float_attrs(job, (double)(1.0f / 6.0f), 0.5, &b.attrs));
    SZ_TRY(sz_build_node(job, &b, id, &gate, &node));
    SZ_TRY(sz_edit_absorb(job->e, node, id));
    const sz_build m = {.op = "Mul", .inputs = {x, gate}, .n_inputs = 2, .like = out};
    SZ_TRY(sz_build_node(job, &m, id, &y, &node));
    return sz_bypass(job, id, y);
}

sz_status sz_pass_expand(sz_pass_job *job) {
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        if (sz_is_op(job, id, "HardSwish") && sz_edit_out(job->e, id, 0) != SZ_NONE)
            SZ_TRY(hard_swish(job, id));
    }
    return SZ_OK;
}
