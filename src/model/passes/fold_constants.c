// SPDX-License-Identifier: Apache-2.0
// Constant folding: a node whose inputs are all constants runs before the net does. Its outputs
// become constants with the node as their recipe; their numbers are computed where they are few.
//
// Dequantized weights stay in their small format: that is what they were quantized for. What grows
// much beyond its inputs (Expand, ConstantOfShape) and is large stays a node, as storing it would
// cost more than making it. XLA's broadcasts and counts (iota) always stay: they are part of the
// loops that read them. Default values that a caller may replace are no constants.
// Needs: types (inference). Keeps: types, names of values.
#include "model/passes/pass.h"

enum { SMALL_BYTES = 1 << 20 }; // always folded

static bool is_pure(const sz_pass_job *job, sz_node_id id) {
    switch (sz_kind_of(job, id)) {
    case SZ_KIND_RANDOM:
    case SZ_KIND_CONTROL:
    case SZ_KIND_SEQUENCE:
    case SZ_KIND_OTHER:
    case SZ_KIND_COUNT:
        return false;
    default:
        break;
    }
    const sz_node *n = sz_edit_node_of(job->e, id);
    if (sz_str_is(n->domain, "xla") && (sz_str_is(n->op, "broadcast") || sz_str_is(n->op, "iota")))
        return false;
    const bool trains = sz_str_is(n->op, "Dropout") && n->n_inputs > 2;
    return !trains && !sz_str_is(n->op, "DequantizeLinear") && n->n_inputs > 0;
}

static int64_t bytes_of(const sz_pass_job *job, sz_value_id v) {
    int64_t bytes = -1;
    const sz_type *t = sz_type_of(job, v);
    if (!sz_type_is_static(t) || !t->dtype) return -1;
    return sz_type_bytes(job->g->ctx, t, &bytes) == SZ_OK ? bytes : -1;
}

// Sums the bytes of inputs; false when one is no constant.
static bool sum_inputs(const sz_pass_job *job, const sz_node *n, int64_t *ret_bytes,
                       int64_t *ret_weights) {
    *ret_bytes = *ret_weights = 0;
    for (int32_t i = 0; i < n->n_inputs; i++) {
        const sz_value_id v = n->inputs[i];
        if (v == SZ_NONE) continue;
        const int64_t bytes = sz_is_constant(job, v) ? bytes_of(job, v) : -1;
        if (bytes < 0) return false;
        if (!sz_add(*ret_bytes, bytes, ret_bytes)) *ret_bytes = INT64_MAX;
        if (!sz_add(*ret_weights, sz_weights_in(job, v), ret_weights)) *ret_weights = INT64_MAX;
    }
    return true;
}

static bool outputs_fit(const sz_pass_job *job, const sz_node *n, int64_t input_bytes) {
    bool any = false;
    for (int32_t o = 0; o < n->n_outputs; o++) {
        if (n->outputs[o] == SZ_NONE) continue;
        const int64_t bytes = bytes_of(job, n->outputs[o]);
        if (bytes < 0 || (bytes > SMALL_BYTES && bytes / 2 > input_bytes)) return false;
        any = true;
    }
    return any;
}

// The value of a Constant node: its bytes are where the file has them.
static sz_status take_literal(sz_pass_job *job, sz_node_id id) {
    const sz_value_id out = sz_edit_out(job->e, id, 0);
    sz_value *v = sz_edit_value_of(job->e, out);
    const sz_constant *before = v->constant;
    SZ_TRY(sz_edit_freeze(job->e, id, sz_weights_in(job, out), false));
    sz_constant *c = (sz_constant *)v->constant;
    *c = *before;
    // in a body it is a number of the program, as it was before
    if (job->g->parent && v->type.rank < 2) c->is_folded = true, c->made_of = 0;
    job->changed++;
    return SZ_OK;
}

sz_status sz_pass_fold_constants(sz_pass_job *job) {
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        if (sz_edit_is_dead(job->e, id)) continue;
        const sz_node *n = sz_edit_node_of(job->e, id);
        int64_t bytes, weights;
        if (sz_is_op(job, id, "Constant") && sz_edit_out(job->e, id, 0) != SZ_NONE &&
            sz_edit_value_of(job->e, sz_edit_out(job->e, id, 0))->constant) {
            SZ_TRY(take_literal(job, id));
            continue;
        }
        if (!is_pure(job, id) || !sum_inputs(job, n, &bytes, &weights)) continue;
        if (!outputs_fit(job, n, bytes)) continue;
        SZ_TRY(sz_edit_freeze(job->e, id, weights, true));
        job->changed++;
    }
    return SZ_OK;
}
