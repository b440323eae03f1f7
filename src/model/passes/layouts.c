// SPDX-License-Identifier: Apache-2.0
// Libraries convolve tensors whose channels lie together in memory (N H W C, or blocks of them),
// while files and users hand in planes (N C H W). Where the two meet, the library turns the tensor
// around, and that takes time though no node of the file says so. Here it becomes a node: a
// Transpose that keeps all axes, so the graph computes the same.
//
// Convolutions and pools want channels together; what works number by number, or on each channel,
// hands on what it gets; all other operators, inputs and outputs of the graph are planes. A tensor
// with one channel or one place looks the same both ways. A Transpose reads either.
//
// Needs: static types. Keeps: types, values, names of outputs. Source: the layers "Reorder" that
// OpenVINO 2026.4 shows for nets on a CPU with AVX-512.
#include "model/passes/layouts.h"

#include <stdio.h>

#include "model/passes/pass.h"

static const char to_last[] = "/to_channels_last", to_planes[] = "/to_planes";

static bool ends_with(sz_str s, const char *end) {
    const size_t n = strlen(end);
    return s.len >= n && memcmp(s.p + s.len - n, end, n) == 0;
}

static bool keeps_axes(const sz_node *n) {
    const int64_t *perm;
    const int32_t count = sz_attr_ints(n, "perm", &perm);
    for (int32_t i = 0; i < count; i++)
        if (perm[i] != i) return false;
    return count > 0;
}

sz_turn sz_turn_of(const sz_node *n) {
    if (!sz_str_is(n->op, "Transpose") || !keeps_axes(n)) return SZ_TURN_NONE;
    if (ends_with(n->name, to_last)) return SZ_TURN_TO_LAST;
    return ends_with(n->name, to_planes) ? SZ_TURN_TO_PLANES : SZ_TURN_NONE;
}

// ---- who wants what ----------------------------------------------------------------------------

static const char *const wants_last[] = {"Conv",          "ConvInteger", "QLinearConv", "FusedConv",
                                         "ConvTranspose", "MaxPool",     "AveragePool", "LpPool"};
// They take either, and hand on what they get. So do all that work number by number, or reduce.
static const char *const hands_on[] = {
    "BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN",
    "GlobalAveragePool",  "GlobalMaxPool",         "Resize",             "Upsample",
    "DepthToSpace",       "SpaceToDepth",          "Pad",                "Concat",
    "Split",              "Slice",                 "Identity",           "Dropout"};

typedef struct walk {
    sz_pass_job *job;
    bool *is_last; // by node: it makes, and takes, channels that lie together
    size_t n;      // nodes that were there before
} walk;

static bool has_space(const sz_type *t) {
    return t->kind == SZ_TYPE_TENSOR && t->rank >= 3 && t->rank <= 5;
}

static bool lies_last(const walk *w, sz_value_id v) {
    const sz_node_id maker = sz_edit_producer(w->job->e, v);
    return maker != SZ_NONE && (size_t)maker < w->n && w->is_last[maker];
}

static bool is_by_number(const walk *w, sz_node_id id) {
    const sz_op_kind kind = sz_kind_of(w->job, id);
    return kind == SZ_KIND_ELEMENTWISE || kind == SZ_KIND_ACTIVATION || kind == SZ_KIND_CAST;
}

// Operands that must lie like each other: all of a node that works number by number; of the rest
// the first, the others being weights and sizes.
static int operands(const walk *w, sz_node_id id) {
    const int n = sz_edit_node_of(w->job->e, id)->n_inputs;
    const bool all = is_by_number(w, id) || sz_is_op(w->job, id, "Concat");
    return all || n == 0 ? n : 1;
}

static bool decide(const walk *w, sz_node_id id) {
    bool any = false;
    if (!has_space(sz_type_of(w->job, sz_edit_out(w->job->e, id, 0)))) return false;
    if (SZ_IS_ANY(w->job, id, wants_last)) return true;
    for (int i = 0; i < operands(w, id); i++) any |= lies_last(w, sz_edit_in(w->job->e, id, i));
    return any && (is_by_number(w, id) || SZ_IS_ANY(w->job, id, hands_on) ||
                   sz_kind_of(w->job, id) == SZ_KIND_REDUCE);
}

// An operand with as many axes as the output, and not known before the run.
static bool is_data(const walk *w, sz_node_id id, int i) {
    const sz_value_id v = sz_edit_in(w->job->e, id, i);
    const sz_type *y = sz_type_of(w->job, sz_edit_out(w->job->e, id, 0));
    return i < operands(w, id) && v != SZ_NONE && sz_type_of(w->job, v)->rank == y->rank &&
           !sz_is_constant(w->job, v);
}

// Does the reader not care how its data lie?
static bool reads_either(const walk *w, sz_node_id id) {
    const sz_op_kind kind = sz_kind_of(w->job, id);
    if (kind == SZ_KIND_SHAPE || kind == SZ_KIND_REDUCE || sz_is_op(w->job, id, "Transpose"))
        return true;
    // A view of [N, C, H, W] as [N, C, HW] whose axes are then turned: the two are one move.
    const sz_node_id next = sz_edit_only_user(w->job->e, sz_edit_out(w->job->e, id, 0));
    return kind == SZ_KIND_VIEW && next != SZ_NONE && sz_is_op(w->job, next, "Transpose");
}

// Several places and several channels: else both layouts are one.
static bool looks_other(const sz_type *t) {
    bool has_places = false;
    if (!has_space(t) || !sz_type_is_static(t)) return false;
    for (int32_t i = 2; i < t->rank; i++) has_places |= t->dims[i] > 1;
    return t->dims[1] > 1 && has_places;
}

// ---- turning -----------------------------------------------------------------------------------

static sz_status name_turn(const walk *w, sz_value_id v, const char *end, sz_node_id id) {
    const sz_str name = sz_edit_value_of(w->job->e, v)->name;
    const size_t cap = name.len + strlen(end) + 1;
    char *own = sz_arena_array(w->job->g->arena, cap, 1);
    if (!own) return sz_no_memory(w->job->g->ctx);
    const int n = snprintf(own, cap, "%.*s%s", (int)name.len, name.p, end);
    sz_edit_node_of(w->job->e, id)->name = (sz_str){own, (uint32_t)n};
    return SZ_OK;
}

static sz_status build_turn(const walk *w, sz_value_id v, const char *end, sz_node_id before,
                            sz_value_id *ret_value, sz_node_id *ret_node) {
    const int32_t rank = sz_type_of(w->job, v)->rank;
    int64_t *perm = sz_graph_dims(w->job->g, rank);
    sz_attr *attr = sz_arena_alloc(w->job->g->arena, sizeof *attr);
    if (!perm || !attr) return sz_no_memory(w->job->g->ctx);
    for (int32_t i = 0; i < rank; i++) perm[i] = i;
    *attr = sz_attr_of_ints("perm", rank, perm);
    const sz_build b = {.op = "Transpose",
                        .inputs = {v},
                        .n_inputs = 1,
                        .attrs = attr,
                        .n_attrs = 1,
                        .like = v};
    SZ_TRY(sz_build_node(w->job, &b, before, ret_value, ret_node));
    w->job->changed++;
    return name_turn(w, v, end, *ret_node);
}

// Does this use of a value want the other layout than the value has?
static bool is_odd(const walk *w, int32_t use, bool is_last) {
    const sz_edit *e = w->job->e;
    const sz_node_id id = e->uses.items[use].node;
    const bool reads_last = (size_t)id < w->n && w->is_last[id] &&
                            is_data(w, id, use - e->nodes.items[id].first_use);
    return is_last ? !reads_last && !reads_either(w, id) : reads_last;
}

// Uses of v that want the other layout (odd) or all others are uses of `to` from now on.
static sz_status move_uses(const walk *w, sz_value_id v, bool is_last, bool odd, sz_value_id to) {
    sz_edit *e = w->job->e;
    for (int32_t u = e->values.items[v].first, next; u != SZ_NONE; u = next) {
        const sz_node_id reader = e->uses.items[u].node;
        next = e->uses.items[u].next;
        if ((size_t)reader >= w->n || is_odd(w, u, is_last) != odd) continue; // the turn itself
        SZ_TRY(sz_edit_set_input(e, reader, u - e->nodes.items[reader].first_use, to));
    }
    return SZ_OK;
}

static bool has_odd_use(const walk *w, sz_value_id v, bool is_last) {
    const sz_edit *e = w->job->e;
    for (int32_t u = e->values.items[v].first; u != SZ_NONE; u = e->uses.items[u].next)
        if (is_odd(w, u, is_last)) return true;
    return false;
}

// Who wants the other layout reads a copy. An output of the graph is in planes and keeps its name:
// what it was turned from gets a new one.
static sz_status turn(const walk *w, sz_value_id v, bool is_last, sz_node_id before) {
    const char *end = is_last ? to_planes : to_last;
    const bool is_output = is_last && sz_edit_is_pinned(w->job->e, v);
    sz_value_id turned;
    sz_node_id node;
    if (!looks_other(sz_type_of(w->job, v))) return SZ_OK;
    if (!is_output && !has_odd_use(w, v, is_last)) return SZ_OK;
    SZ_TRY(build_turn(w, v, end, before, &turned, &node));
    if (!is_output) return move_uses(w, v, is_last, true, turned);
    SZ_TRY(sz_edit_put_behind(w->job->e, node, &turned));
    return move_uses(w, v, is_last, false, turned);
}

sz_status sz_pass_layouts(sz_pass_job *job) {
    sz_edit *e = job->e;
    walk w = {.job = job, .n = e->nodes.n};
    w.is_last = sz_arena_array(job->g->arena, w.n + 1, sizeof *w.is_last);
    if (!w.is_last) return sz_no_memory(job->g->ctx);
    for (sz_node_id id = e->head; id != SZ_NONE; id = sz_edit_next(e, id))
        w.is_last[id] = decide(&w, id);
    const sz_node_id first = e->head;
    for (size_t i = 0; i < job->g->inputs.n; i++)
        SZ_TRY(turn(&w, job->g->inputs.items[i], false, first));
    for (sz_node_id id = first, next; id != SZ_NONE; id = next) {
        next = sz_edit_next(e, id);
        const int32_t n_outputs = sz_edit_node_of(e, id)->n_outputs;
        for (int32_t o = 0; o < n_outputs; o++)
            if (sz_edit_out(e, id, o) != SZ_NONE)
                SZ_TRY(turn(&w, sz_edit_out(e, id, o), w.is_last[id], next));
    }
    return SZ_OK;
}
