// SPDX-License-Identifier: Apache-2.0
// Chains of elementwise operators as one loop: a node whose results only one such loop reads joins
// it. Where a recipe does so, the loop also moves data (transpose, slice, expand, pad) while it
// reads them, and a reduction takes in the elementwise work in front of it.
//
// Needs: run last, as what is left of other groups goes into loops. Nothing is computed twice: a
// result with readers in two loops is written.
#include "model/passes/pass.h"

// Instructions of XLA that its loops take in beside the elementwise ones.
static bool is_xla(const sz_pass_job *job, sz_node_id id, const char *const *names, size_t n) {
    const sz_node *node = sz_edit_node_of(job->e, id);
    if (!sz_str_is(node->domain, "xla")) return false;
    for (size_t i = 0; i < n; i++)
        if (sz_str_is(node->op, names[i])) return true;
    return false;
}

static bool is_loop_op(const sz_pass_job *job, sz_node_id id) {
    if (!sz_has_one_output(job, id)) return false;
    switch (sz_kind_of(job, id)) {
    case SZ_KIND_ELEMENTWISE:
    case SZ_KIND_ACTIVATION:
        return true;
    case SZ_KIND_CAST: {
        static const char *const convert[] = {"convert"};
        return sz_is_op(job, id, "Cast") || is_xla(job, id, convert, 1);
    }
    case SZ_KIND_NORM:
        return sz_is_op(job, id, "BatchNormalization") &&
               !sz_attr_i(sz_edit_node_of(job->e, id), "training_mode", 0);
    default:
        return false;
    }
}

static bool is_loop_move(const sz_pass_job *job, sz_node_id id) {
    static const char *const moves[] = {"Transpose", "Slice", "Expand", "Pad", "Tile"};
    static const char *const xla[] = {"broadcast", "iota", "transpose", "slice", "pad", "reverse"};
    if (!sz_makes(job, SZ_FUSE_LOOP_MOVES) || !sz_has_one_output(job, id)) return false;
    return SZ_IS_ANY(job, id, moves) || is_xla(job, id, xla, sizeof xla / sizeof *xla);
}

static bool is_view(const sz_pass_job *job, sz_node_id id) {
    return sz_kind_of(job, id) == SZ_KIND_VIEW && sz_has_one_output(job, id);
}

static bool is_static(const sz_pass_job *job, sz_node_id id) {
    return sz_type_is_static(sz_type_of(job, sz_edit_out(job->e, id, 0)));
}

// Can it be part of a loop: by itself, or with the group that it is in?
static bool may_join(const sz_pass_job *job, sz_node_id id) {
    const sz_group_kind kind = sz_edit_kind_of(job->e, id);
    if (sz_edit_is_dead(job->e, id) || !sz_has_one_output(job, id) || !is_static(job, id))
        return false;
    if (kind == SZ_GROUP_ELEMENTWISE || kind == SZ_GROUP_ACTIVATION) return true;
    if (kind != SZ_GROUP_NONE) return false;
    return is_loop_op(job, id) || is_loop_move(job, id);
}

static bool may_lead(const sz_pass_job *job, sz_node_id id) {
    if (may_join(job, id)) return true;
    if (sz_edit_kind_of(job->e, id) == SZ_GROUP_NONE && is_view(job, id)) return true;
    return sz_makes(job, SZ_FUSE_LOOP_REDUCE) && sz_kind_of(job, id) == SZ_KIND_REDUCE &&
           sz_edit_kind_of(job->e, id) == SZ_GROUP_NONE && sz_has_one_output(job, id);
}

// The one node, or a node of the one group, that reads all of a result; SZ_NONE otherwise.
static sz_node_id only_reader(const sz_pass_job *job, sz_value_id v) {
    const sz_edit *e = job->e;
    sz_node_id reader = SZ_NONE;
    if (sz_edit_is_pinned(e, v)) return SZ_NONE;
    for (int32_t u = e->values.items[v].first; u != SZ_NONE; u = e->uses.items[u].next) {
        const sz_node_id user = e->uses.items[u].node;
        if (reader == SZ_NONE) reader = user;
        const int32_t group = sz_edit_group_of(e, user);
        if (user != reader && (group == SZ_NONE || group != sz_edit_group_of(e, reader)))
            return SZ_NONE;
    }
    return reader;
}

// The member of a group through which its result leaves is the one that the group is named after.
static bool is_end(const sz_pass_job *job, sz_node_id id) {
    const int32_t group = sz_edit_group_of(job->e, id);
    return group == SZ_NONE || job->e->groups.items[group].anchor == id;
}

// A view is worth taking in when there is something behind it to be joined.
static bool leads_on(const sz_pass_job *job, sz_node_id view) {
    const sz_value_id v = sz_edit_in(job->e, view, 0);
    const sz_node_id maker = sz_edit_producer(job->e, v);
    return maker != SZ_NONE && sz_edit_only_user(job->e, v) == view && may_join(job, maker);
}

static sz_status visit(sz_pass_job *job, sz_node_id id) {
    const bool view = sz_edit_kind_of(job->e, id) == SZ_GROUP_NONE && is_view(job, id) &&
                      is_static(job, id) && leads_on(job, id);
    if (sz_edit_is_dead(job->e, id) || !(view || may_join(job, id)) || !is_end(job, id))
        return SZ_OK;
    const sz_node_id reader = only_reader(job, sz_edit_out(job->e, id, 0));
    if (reader == SZ_NONE || !may_lead(job, reader)) return SZ_OK;
    // a view by itself leads nowhere: it would make a loop of one node
    if (sz_edit_kind_of(job->e, reader) == SZ_GROUP_NONE && is_view(job, reader)) return SZ_OK;
    const int32_t group = sz_edit_group_of(job->e, reader);
    const sz_node_id anchor = group == SZ_NONE ? reader : job->e->groups.items[group].anchor;
    const sz_node_id nodes[] = {reader, id};
    job->changed++;
    return sz_edit_join(job->e, SZ_GROUP_ELEMENTWISE, anchor, nodes, 2);
}

sz_status sz_pass_fuse_loops(sz_pass_job *job) {
    if (!sz_makes(job, SZ_FUSE_ELEMENTWISE)) return SZ_OK;
    sz_node_id previous;
    for (sz_node_id id = job->e->tail; id != SZ_NONE; id = previous) {
        previous = job->e->nodes.items[id].prev;
        SZ_TRY(visit(job, id));
    }
    return SZ_OK;
}
