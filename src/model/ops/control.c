// SPDX-License-Identifier: Apache-2.0
// If, Scan and SequenceMap; how often bodies run. Loop is in loop.c.
#include "model/ops/control.h"

#include <inttypes.h>

#include "model/ops/body.h"
#include "model/ops/container.h"
#include "model/ops/loop.h"
#include "model/ops/openvino.h"
#include "model/ops/rules.h"

// The driver of costs looks into the bodies itself.
sz_status sz_cost_control(sz_costing *c) {
    (void)c;
    return SZ_OK;
}

// ---- If ----------------------------------------------------------------------------------------

// 1 = then, 0 = else, -1 = depends on data
static int known_condition(const sz_infer *n) {
    const sz_tensor *cond = sz_in_value(n, 0);
    if (!cond || !cond->i || cond->count != 1 || cond->i[0] == SZ_VALUE_UNKNOWN) return -1;
    return cond->i[0] != 0;
}

static sz_status set_from_branch(sz_infer *n, sz_graph *branch) {
    for (int o = 0; o < n->node->n_outputs; o++) {
        if (!sz_has_out(n, o)) continue;
        SZ_TRY(sz_out_type(n, o, sz_body_output(branch, o)));
        sz_graph_value(n->graph, n->node->outputs[o])->known = sz_body_output_known(n, branch, o);
    }
    return SZ_OK;
}

static sz_status set_from_both(sz_infer *n, sz_graph *yes, sz_graph *no) {
    for (int o = 0; o < n->node->n_outputs; o++) {
        sz_type type;
        if (!sz_has_out(n, o)) continue;
        SZ_TRY(sz_type_merge(n->graph, sz_body_output(yes, o), sz_body_output(no, o), &type));
        SZ_TRY(sz_out_type(n, o, &type));
        const sz_tensor *a = sz_body_output_known(n, yes, o), *b = sz_body_output_known(n, no, o);
        sz_graph_value(n->graph, n->node->outputs[o])->known = sz_tensor_equal(a, b) ? a : NULL;
    }
    return SZ_OK;
}

// The branch that is never taken may contradict itself: exporters write If around a Squeeze that
// fits in one case only. It is a warning then.
static sz_status run_branch(sz_infer *n, sz_graph *branch, bool is_dead) {
    sz_status status = sz_body_run(n, branch);
    if (status != SZ_ERR_INPUT || !is_dead) return status;
    sz_warn(n->ctx, "%s; it is in a branch of '%s' that is never taken", sz_ctx_error(n->ctx),
            sz_show(n->ctx, n->node->name));
    return SZ_OK;
}

sz_status sz_shape_if(sz_infer *n) {
    sz_graph *yes = NULL, *no = NULL;
    const int cond = known_condition(n);
    SZ_TRY(sz_body_attr(n, "then_branch", &yes));
    SZ_TRY(sz_body_attr(n, "else_branch", &no));
    if (yes->outputs.n != no->outputs.n)
        return sz_op_fail(n, "branches have %zu and %zu outputs", yes->outputs.n, no->outputs.n);
    if ((size_t)n->node->n_outputs > yes->outputs.n)
        return sz_op_fail(n, "has %d outputs, its branches have %zu", n->node->n_outputs,
                          yes->outputs.n);
    SZ_TRY(run_branch(n, yes, cond == 0));
    SZ_TRY(run_branch(n, no, cond == 1));
    if (cond < 0) return set_from_both(n, yes, no);
    return set_from_branch(n, cond ? yes : no);
}

// ---- Scan --------------------------------------------------------------------------------------

// Where things are in a Scan: inputs are [lengths,] states, scanned; outputs are states, collected.
typedef struct scan {
    sz_graph *body;
    int first;                        // input that holds the first state: 1 in opset 8, else 0
    int n_states, n_scanned, n_collected;
    int n_batch;                      // leading batch axes that the body does not see: 1 in opset 8
    int64_t batch, trips;             // sizes; SZ_DIM_UNKNOWN where not known
} scan;

static sz_status read_scan(const sz_infer *n, scan *s) {
    *s = (scan){.first = n->opset < 9, .n_batch = n->opset < 9};
    SZ_TRY(sz_body_attr(n, "body", &s->body));
    if (!sz_attr_find(n->node, "num_scan_inputs")) return sz_op_missing_attr(n, "num_scan_inputs");
    int64_t m = sz_attr_i(n->node, "num_scan_inputs", 0);
    int64_t given = n->node->n_inputs - s->first;
    if (m < 1 || m > given)
        return sz_op_fail(n, "'num_scan_inputs' is %" PRId64 " with %" PRId64 " inputs", m, given);
    s->n_scanned = (int)m;
    s->n_states = (int)(given - m);
    if ((int64_t)s->body->inputs.n != given)
        return sz_op_fail(n, "the body has %zu inputs, expected %" PRId64, s->body->inputs.n,
                          given);
    if (s->body->outputs.n < (size_t)s->n_states ||
        s->body->outputs.n < (size_t)n->node->n_outputs || s->body->outputs.n > INT32_MAX)
        return sz_op_fail(n, "the body has %zu outputs, expected at least %d", s->body->outputs.n,
                          s->n_states > n->node->n_outputs ? s->n_states : n->node->n_outputs);
    s->n_collected = (int)s->body->outputs.n - s->n_states;
    return SZ_OK;
}

static sz_status agree(const sz_infer *n, const char *what, int64_t dim, int64_t *acc) {
    if (dim >= 0 && *acc >= 0 && dim != *acc)
        return sz_op_fail(n, "%s of the scan inputs differ: %" PRId64 " and %" PRId64, what, *acc,
                          dim);
    if (*acc < 0 && dim != SZ_DIM_UNKNOWN) *acc = dim;
    return SZ_OK;
}

static int64_t listed(const int64_t *list, int32_t n, int i) { return list && i < n ? list[i] : 0; }

// The type that the body sees: without the batch axis and without `axis` (-1: none of its own).
static sz_status without_axes(const scan *s, const sz_type *t, int axis, sz_type *ret) {
    *ret = *t;
    if (t->kind != SZ_TYPE_TENSOR || t->rank < 0) return SZ_OK;
    int64_t *dims = sz_graph_dims(s->body, t->rank);
    if (!dims) return sz_no_memory(s->body->ctx);
    int32_t rank = 0;
    for (int32_t k = 0; k < t->rank; k++)
        if (k >= s->n_batch && k != axis) dims[rank++] = t->dims[k];
    ret->rank = rank, ret->dims = dims;
    return SZ_OK;
}

static sz_status scanned_inputs(sz_infer *n, scan *s) {
    const int64_t *axes = NULL;
    int32_t n_axes = s->n_batch ? 0 : sz_attr_ints(n->node, "scan_input_axes", &axes);
    s->trips = s->batch = SZ_DIM_UNKNOWN;
    for (int k = 0; k < s->n_scanned; k++) {
        int i = s->first + s->n_states + k, axis = s->n_batch;
        const sz_type *t = sz_in(n, i);
        sz_type slice;
        if (t->rank >= 0) {
            if (t->rank <= s->n_batch) return sz_op_fail(n, "input %d has no axis to scan", i);
            if (!s->n_batch) SZ_TRY(sz_op_axis(n, listed(axes, n_axes, k), t->rank, &axis));
            SZ_TRY(agree(n, "lengths", t->dims[axis], &s->trips));
            if (s->n_batch) SZ_TRY(agree(n, "batch sizes", t->dims[0], &s->batch));
        }
        SZ_TRY(without_axes(s, t, axis, &slice));
        SZ_TRY(sz_body_input(s->body, s->n_states + k, &slice, NULL));
    }
    return SZ_OK;
}

// `t` with `dim` put in at `axis`, which may count from the end.
static sz_status with_axis(sz_infer *n, const sz_type *t, int64_t axis, int64_t dim, sz_type *ret) {
    int at;
    *ret = *t;
    if (t->kind != SZ_TYPE_TENSOR || t->rank < 0) return SZ_OK;
    if (t->rank >= SZ_MAX_RANK) return sz_op_fail(n, "output of rank %d", t->rank + 1);
    SZ_TRY(sz_op_axis(n, axis, t->rank + 1, &at));
    int64_t *dims = sz_graph_dims(n->graph, t->rank + 1);
    if (!dims) return sz_no_memory(n->ctx);
    for (int32_t k = 0, from = 0; k <= t->rank; k++) dims[k] = k == at ? dim : t->dims[from++];
    ret->rank = t->rank + 1, ret->dims = dims;
    return SZ_OK;
}

static sz_status scan_outputs(sz_infer *n, const scan *s, const sz_type *states) {
    const int64_t *axes = NULL;
    int32_t n_axes = s->n_batch ? 0 : sz_attr_ints(n->node, "scan_output_axes", &axes);
    for (int o = 0; o < n->node->n_outputs; o++) {
        bool is_state = o < s->n_states;
        sz_type type = is_state ? states[o] : *sz_body_output(s->body, o);
        int64_t axis = is_state ? 0 : listed(axes, n_axes, o - s->n_states);
        if (!is_state) SZ_TRY(with_axis(n, &type, axis, s->trips, &type));
        if (s->n_batch) SZ_TRY(with_axis(n, &type, 0, s->batch, &type));
        SZ_TRY(sz_out_type(n, o, &type));
    }
    return SZ_OK;
}

sz_status sz_shape_scan_loop(sz_infer *n) {
    scan s;
    SZ_TRY(read_scan(n, &s));
    SZ_TRY(scanned_inputs(n, &s));
    sz_type *states = sz_op_alloc(n, (size_t)s.n_states + 1, sizeof *states);
    if (!states) return sz_no_memory(n->ctx);
    for (int k = 0; k < s.n_states; k++)
        SZ_TRY(without_axes(&s, sz_in(n, s.first + k), -1, &states[k]));
    sz_carried c = {.n = n, .body = s.body, .count = s.n_states, .types = states};
    SZ_TRY(sz_carried_settle(&c));
    return scan_outputs(n, &s, states);
}

// In opset 8 the body runs for every element of every sequence, up to the lengths when they are
// given.
static bool batch_trips(const sz_infer *n, const scan *s, int64_t *ret_trips) {
    if (!sz_has_in(n, 0))
        return s->batch >= 0 && s->trips >= 0 && sz_mul(s->batch, s->trips, ret_trips);
    const sz_tensor *lengths = sz_in_value(n, 0);
    *ret_trips = 0;
    if (!lengths || !lengths->i) return false;
    for (int64_t k = 0; k < lengths->count; k++)
        if (lengths->i[k] < 0 || !sz_add(*ret_trips, lengths->i[k], ret_trips)) return false;
    return true;
}

static bool scan_trips(const sz_infer *n, int64_t *ret_trips) {
    const int64_t *axes;
    int32_t n_axes = sz_attr_ints(n->node, "scan_input_axes", &axes);
    scan s;
    if (read_scan(n, &s) != SZ_OK) return false;
    s.trips = s.batch = SZ_DIM_UNKNOWN;
    for (int k = 0; k < s.n_scanned; k++) {
        int i = s.first + s.n_states + k;
        int64_t axis = s.n_batch ? 1 : listed(axes, n_axes, k);
        int64_t dim = sz_in_dim(n, i, (int)axis);
        if (dim >= 0) s.trips = dim;
        if (sz_in_dim(n, i, 0) >= 0) s.batch = sz_in_dim(n, i, 0);
    }
    if (s.n_batch) return batch_trips(n, &s, ret_trips);
    *ret_trips = s.trips;
    return s.trips >= 0;
}

// ---- SequenceMap -------------------------------------------------------------------------------

static bool has_items(const sz_infer *n) {
    for (int i = 0; i < n->node->n_inputs; i++)
        if (sz_in(n, i)->items) return true;
    return false;
}

// Run the body on element `at` of the sequences, or on what all elements have in common (-1).
static sz_status run_element(sz_infer *n, sz_graph *body, int64_t at) {
    for (int i = 0; i < n->node->n_inputs; i++) {
        const sz_type *t = sz_in(n, i);
        bool is_seq = t->kind == SZ_TYPE_SEQUENCE || i == 0;
        sz_type elem = !is_seq ? *t : at < 0 ? sz_seq_elem(t) : sz_seq_item(t, at);
        SZ_TRY(sz_body_input(body, i, &elem, is_seq ? NULL : sz_in_value(n, i)));
    }
    return sz_body_run(n, body);
}

static sz_status map_uniform(sz_infer *n, sz_graph *body, int64_t count) {
    SZ_TRY(run_element(n, body, -1));
    for (int o = 0; o < n->node->n_outputs; o++) {
        sz_type seq;
        SZ_TRY(sz_seq_like(n->graph, sz_body_output(body, o), count, &seq));
        SZ_TRY(sz_out_type(n, o, &seq));
    }
    return SZ_OK;
}

// One run per element. `types` has room for count types per output.
static sz_status map_each(sz_infer *n, sz_graph *body, sz_trace *trace, int64_t count,
                          const sz_type **types) {
    const int n_out = n->node->n_outputs;
    for (int64_t k = 0; k < count; k++) {
        SZ_TRY(run_element(n, body, k));
        SZ_TRY(sz_trace_add(trace));
        for (int o = 0; o < n_out; o++) {
            sz_type *copy = sz_op_alloc(n, 1, sizeof *copy);
            if (!copy) return sz_no_memory(n->ctx);
            *copy = *sz_body_output(body, o);
            types[o * count + k] = copy;
        }
    }
    for (int o = 0; o < n_out; o++) {
        sz_type seq;
        SZ_TRY(sz_seq_of(n->graph, &types[o * count], count, &seq));
        SZ_TRY(sz_out_type(n, o, &seq));
    }
    sz_trace_keep(trace);
    return SZ_OK;
}

static sz_status map_items(sz_infer *n, sz_graph *body, int64_t count) {
    sz_trace *trace = NULL;
    SZ_TRY(sz_trace_create(n, body, &trace));
    bool affordable = count <= SZ_MAX_ITEMS;
    for (int64_t k = 1; k < count && affordable; k++) affordable = sz_trace_charge(trace);
    sz_status status;
    const size_t room = (size_t)count * (size_t)n->node->n_outputs + 1;
    const sz_type **types = affordable ? sz_op_alloc(n, room, sizeof *types) : NULL;
    if (!affordable) status = map_uniform(n, body, count);
    else if (!types) status = sz_no_memory(n->ctx);
    else status = map_each(n, body, trace, count, types);
    sz_trace_destroy(trace);
    return status;
}

sz_status sz_shape_sequence_map(sz_infer *n) {
    sz_graph *body = NULL;
    const sz_type *first = sz_in(n, 0);
    SZ_TRY(sz_body_attr(n, "body", &body));
    if (body->inputs.n != (size_t)n->node->n_inputs)
        return sz_op_fail(n, "has %d inputs, its body has %zu", n->node->n_inputs, body->inputs.n);
    if (body->outputs.n < (size_t)n->node->n_outputs)
        return sz_op_fail(n, "has %d outputs, its body has %zu", n->node->n_outputs,
                          body->outputs.n);
    if (first->kind != SZ_TYPE_SEQUENCE && first->kind != SZ_TYPE_NONE)
        return sz_op_fail(n, "input 0 is no sequence");
    for (int i = 1; i < n->node->n_inputs; i++) {
        const sz_type *t = sz_in(n, i);
        if (t->kind == SZ_TYPE_SEQUENCE && t->n_items >= 0 && first->n_items >= 0 &&
            t->n_items != first->n_items)
            return sz_op_fail(n, "sequences of %" PRId64 " and %" PRId64 " elements",
                              first->n_items, t->n_items);
    }
    const int64_t count = first->kind == SZ_TYPE_SEQUENCE ? first->n_items : -1;
    return has_items(n) && count > 0 ? map_items(n, body, count) : map_uniform(n, body, count);
}

// ---- trips -------------------------------------------------------------------------------------

bool sz_control_trips(const sz_infer *n, int64_t *ret_trips) {
    if (n->op->shape == sz_shape_loop) return sz_loop_trips(n, ret_trips);
    if (n->op->shape == sz_shape_scan_loop) return scan_trips(n, ret_trips);
    if (n->op->shape == sz_shape_ov_iterate) return sz_ov_trips(n, ret_trips);
    if (n->op->shape != sz_shape_sequence_map) return false;
    *ret_trips = sz_in(n, 0)->n_items;
    return *ret_trips >= 0;
}
