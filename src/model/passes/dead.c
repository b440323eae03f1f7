// SPDX-License-Identifier: Apache-2.0
// Dead code: nodes that no output of the graph depends on go, and what only they needed.
//
// Needs: nothing. Keeps: everything else. Operators of ONNX have no side effects.
#include "model/passes/pass.h"

sz_status sz_pass_dead(sz_pass_job *job) {
    sz_node_id previous;
    for (sz_node_id id = job->e->tail; id != SZ_NONE; id = previous) {
        previous = job->e->nodes.items[id].prev;
        if (sz_edit_is_dead(job->e, id)) continue;
        SZ_TRY(sz_edit_remove(job->e, id));
        job->changed += sz_edit_is_dead(job->e, id);
    }
    return SZ_OK;
}
