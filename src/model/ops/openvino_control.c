// SPDX-License-Identifier: Apache-2.0
// OpenVINO's TensorIterator and Loop. model/import/openvino_body.c says what their attributes mean.
#include "model/ops/body.h"
#include "model/ops/control.h"
#include "model/ops/loop.h"
#include "model/ops/openvino.h"
#include "model/ops/rules.h"

#include <inttypes.h>

enum { SLICE_NUMBERS = 6 };

typedef struct slice_row {
    int64_t index, axis, start, end, stride, part;
} slice_row;

typedef struct iteration {
    sz_graph *body;
    const int64_t *inputs, *outputs, *slices, *concats;
    int32_t n_inputs, n_outputs, n_slices, n_concats;
    int64_t carried;
} iteration;

static slice_row row_of(const int64_t *list, int32_t k) {
    const int64_t *v = list + k * SLICE_NUMBERS;
    return (slice_row){v[0], v[1], v[2], v[3], v[4], v[5]};
}

static sz_status check_list(const sz_infer *n, const int64_t *list, int32_t count, int64_t least,
                            int64_t end, int32_t step) {
    for (int32_t k = 0; k < count; k += step)
        if (list[k] < least || list[k] >= end)
            return sz_op_fail(n, "its port map names %" PRId64 ", which is not there", list[k]);
    return SZ_OK;
}

static sz_status check(const sz_infer *n, const iteration *t) {
    const int64_t in = (int64_t)t->body->inputs.n, out = (int64_t)t->body->outputs.n;
    if (t->n_inputs != in)
        return sz_op_fail(n, "inputs of the body: %d of %" PRId64, t->n_inputs, in);
    if (t->n_outputs != n->node->n_outputs)
        return sz_op_fail(n, "outputs: %d of %d", t->n_outputs, n->node->n_outputs);
    if (t->carried < 0 || t->carried > in || t->carried > out)
        return sz_op_fail(n, "%" PRId64 " values are carried", t->carried);
    if (t->n_slices % SLICE_NUMBERS || t->n_concats % SLICE_NUMBERS)
        return sz_op_fail(n, "its port map is cut off");
    SZ_TRY(check_list(n, t->inputs, t->n_inputs, -1, n->node->n_inputs, 1));
    SZ_TRY(check_list(n, t->outputs, t->n_outputs, 0, out, 1));
    SZ_TRY(check_list(n, t->slices, t->n_slices, 0, in, SLICE_NUMBERS));
    return check_list(n, t->concats, t->n_concats, 0, n->node->n_outputs, SLICE_NUMBERS);
}

static sz_status read_iteration(const sz_infer *n, iteration *t) {
    SZ_TRY(sz_body_attr(n, "body", &t->body));
    t->n_inputs = sz_attr_ints(n->node, "inputs", &t->inputs);
    t->n_outputs = sz_attr_ints(n->node, "outputs", &t->outputs);
    t->n_slices = sz_attr_ints(n->node, "slices", &t->slices);
    t->n_concats = sz_attr_ints(n->node, "concats", &t->concats);
    t->carried = sz_attr_i(n->node, "carried", 0);
    SZ_TRY(check(n, t));
    t->n_slices /= SLICE_NUMBERS;
    t->n_concats /= SLICE_NUMBERS;
    return SZ_OK;
}

// ---- trips -------------------------------------------------------------------------------------

// Slices of `part` elements, `stride` apart, from start to end; either may count from the end.
static int64_t slices_of(int64_t dim, const slice_row *s) {
    int64_t step = s->stride < 0 ? -s->stride : s->stride;
    int64_t start = s->start < 0 ? s->start + dim + 1 : s->start;
    int64_t end = s->end < 0 ? s->end + dim + 1 : s->end;
    if (dim < 0 || s->stride == INT64_MIN || step == 0) return -1;
    const int64_t span = s->stride < 0 ? start - end : end - start;
    return start < 0 || end < 0 || span < 0 || span > dim ? -1 : span / step;
}

static int64_t sliced_trips(const sz_infer *n, const iteration *t) {
    for (int32_t k = 0; k < t->n_slices; k++) {
        const slice_row s = row_of(t->slices, k);
        const int64_t input = t->inputs[s.index];
        const int32_t rank = input < 0 ? -1 : sz_in_rank(n, (int)input);
        if (rank < 0 || s.axis < -rank || s.axis >= rank) continue;
        const int64_t trips = slices_of(sz_in_dim(n, (int)input, (int)s.axis), &s);
        if (trips >= 0) return trips;
    }
    return -1;
}

// 1, 0, or -1 when it is not known.
static int truth(const sz_tensor *t) {
    if (!t || !t->i || t->count != 1 || t->i[0] == SZ_VALUE_UNKNOWN) return -1;
    return t->i[0] != 0;
}

// Loop: inputs 0 and 1 are the trip count (-1: no limit) and whether to begin at all.
static int64_t loop_trips(const sz_infer *n, const iteration *t) {
    const int64_t condition = sz_attr_i(n->node, "condition", -1);
    int64_t limit;
    if (truth(sz_in_value(n, 1)) == 0) return 0;
    if (!sz_ov_scalar(n, 0, &limit)) limit = -1;
    if (limit < 0) limit = sliced_trips(n, t);
    if (condition < 0 || condition >= (int64_t)t->body->outputs.n) return limit;
    const int goes_on = truth(sz_body_output_known(n, t->body, (int)condition));
    if (goes_on == 0) return 1;
    return goes_on == 1 ? limit : -1;
}

bool sz_ov_trips(const sz_infer *n, int64_t *ret_trips) {
    iteration t;
    if (read_iteration(n, &t) != SZ_OK) return false;
    *ret_trips = strcmp(n->op->name, "Loop") == 0 ? loop_trips(n, &t) : sliced_trips(n, &t);
    return *ret_trips >= 0;
}

// ---- shapes ------------------------------------------------------------------------------------

static sz_status with_dim(sz_infer *n, const sz_type *t, int64_t axis, int64_t dim, sz_type *ret) {
    *ret = *t;
    if (t->kind != SZ_TYPE_TENSOR || t->rank < 0) return SZ_OK;
    int at;
    SZ_TRY(sz_op_axis(n, axis, t->rank, &at));
    int64_t *dims = sz_graph_dims(n->graph, t->rank);
    if (!dims) return sz_no_memory(n->ctx);
    memcpy(dims, t->dims, (size_t)t->rank * sizeof *dims);
    dims[at] = dim;
    ret->dims = dims;
    return SZ_OK;
}

static const slice_row *slice_for(const int64_t *list, int32_t count, int64_t index,
                                  slice_row *room) {
    for (int32_t k = 0; k < count; k++) {
        *room = row_of(list, k);
        if (room->index == index) return room;
    }
    return NULL;
}

static sz_status set_input(sz_infer *n, const iteration *t, int32_t k) {
    sz_type type = {.rank = -1, .n_items = -1};
    slice_row room;
    const int64_t from = t->inputs[k];
    if (from < 0) // the number of the iteration: its type stands in the body
        return sz_body_input(t->body, k, &type, NULL);
    type = *sz_in(n, (int)from);
    const slice_row *s = slice_for(t->slices, t->n_slices, k, &room);
    if (s) SZ_TRY(with_dim(n, &type, s->axis, s->part, &type));
    return sz_body_input(t->body, k, &type, s || k < t->carried ? NULL : sz_in_value(n, (int)from));
}

static sz_status settle(sz_infer *n, const iteration *t) {
    sz_type *types = sz_op_alloc(n, (size_t)t->carried + 1, sizeof *types);
    if (!types) return sz_no_memory(n->ctx);
    for (int32_t k = 0; k < t->n_inputs; k++) SZ_TRY(set_input(n, t, k));
    for (int64_t k = 0; k < t->carried; k++) types[k] = *sz_in(n, (int)t->inputs[k]);
    sz_carried c = {.n = n, .body = t->body, .count = (int)t->carried, .types = types};
    return sz_carried_settle(&c);
}

static sz_status set_output(sz_infer *n, const iteration *t, int32_t o, int64_t trips) {
    const int64_t from = t->outputs[o];
    sz_type type = *sz_body_output(t->body, (int)from);
    slice_row room;
    const slice_row *s = slice_for(t->concats, t->n_concats, o, &room);
    if (!s) return sz_out_type(n, o, &type);
    int64_t all = SZ_DIM_UNKNOWN;
    SZ_TRY(sz_dim_mul(n, trips < 0 ? SZ_DIM_UNKNOWN : trips, s->part, &all));
    SZ_TRY(with_dim(n, &type, s->axis, all, &type));
    return sz_out_type(n, o, &type);
}

sz_status sz_shape_ov_iterate(sz_infer *n) {
    iteration t;
    int64_t trips = -1;
    SZ_TRY(read_iteration(n, &t));
    for (int64_t k = 0; k < t.carried; k++)
        if (t.inputs[k] < 0) return sz_op_fail(n, "a carried value that nothing begins");
    SZ_TRY(settle(n, &t));
    if (!sz_ov_trips(n, &trips)) trips = -1;
    for (int32_t o = 0; o < t.n_outputs; o++) SZ_TRY(set_output(n, &t, o, trips));
    return SZ_OK;
}
