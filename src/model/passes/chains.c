// SPDX-License-Identifier: Apache-2.0
// Two in a row that are one: transposes compose or cancel, a view of a view is one view, a cast of
// a cast that lost nothing is one cast. Negations and the like: neutral.c.
//
// Needs: types. Keeps: types. The first of the two goes only when nobody else uses it.
#include "model/passes/pass.h"

// ---- transposes --------------------------------------------------------------------------------

// perm of a Transpose of this rank, written out; false when it is malformed.
static bool read_perm(const sz_node *n, int32_t rank, int64_t *perm) {
    const int64_t *given;
    const int32_t count = sz_attr_ints(n, "perm", &given);
    for (int32_t i = 0; i < rank; i++) {
        perm[i] = count == 0 ? rank - 1 - i : i < count ? given[i] : -1;
        if (perm[i] < 0 || perm[i] >= rank) return false;
    }
    return count == 0 || count == rank;
}

static sz_status set_perm(sz_pass_job *job, sz_node_id id, const int64_t *perm, int32_t rank) {
    sz_attr *attr = sz_arena_alloc(job->g->arena, sizeof *attr);
    int64_t *ints = sz_graph_dims(job->g, rank);
    if (!attr || !ints) return sz_no_memory(job->g->ctx);
    memcpy(ints, perm, (size_t)rank * sizeof *ints);
    *attr = sz_attr_of_ints("perm", rank, ints);
    sz_node *n = sz_edit_node_of(job->e, id);
    n->attrs = attr;
    n->n_attrs = 1;
    return SZ_OK;
}

// The second reads what the first read. The first goes when it is not needed any more.
static sz_status skip(sz_pass_job *job, sz_node_id first, sz_node_id second) {
    SZ_TRY(sz_edit_set_input(job->e, second, 0, sz_edit_in(job->e, first, 0)));
    job->changed++;
    SZ_TRY(sz_edit_absorb(job->e, second, first));
    return sz_edit_remove(job->e, first);
}

static sz_status transposes(sz_pass_job *job, sz_node_id first, sz_node_id second) {
    int64_t a[SZ_MAX_RANK], b[SZ_MAX_RANK], both[SZ_MAX_RANK];
    const sz_type *t = sz_type_of(job, sz_edit_in(job->e, first, 0));
    if (!sz_type_is_static(t) || t->rank < 1) return SZ_OK;
    if (!read_perm(sz_edit_node_of(job->e, first), t->rank, a) ||
        !read_perm(sz_edit_node_of(job->e, second), t->rank, b))
        return SZ_OK;
    bool identity = true;
    for (int32_t i = 0; i < t->rank; i++) {
        both[i] = a[b[i]];
        identity &= both[i] == i;
    }
    if (identity) return sz_bypass(job, second, sz_edit_in(job->e, first, 0));
    SZ_TRY(set_perm(job, second, both, t->rank));
    return skip(job, first, second);
}

// ---- views -------------------------------------------------------------------------------------

static bool is_view(const sz_pass_job *job, sz_node_id id) {
    static const char *const views[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (sz_is_op(job, id, views[i])) return true;
    return false;
}

// One Reshape to the final shape. Dims of 0 would mean "as before" in it.
static sz_status views(sz_pass_job *job, sz_node_id first, sz_node_id second) {
    const sz_value_id from = sz_edit_in(job->e, first, 0), to = sz_edit_out(job->e, second, 0);
    const sz_type *t = sz_type_of(job, to);
    sz_value_id shape, y;
    sz_node_id node;
    if (!sz_type_is_static(t) || !sz_type_is_static(sz_type_of(job, from))) return SZ_OK;
    if (sz_same_type(t, sz_type_of(job, from))) return sz_bypass(job, second, from);
    for (int32_t i = 0; i < t->rank; i++)
        if (t->dims[i] == 0) return SZ_OK;
    SZ_TRY(sz_build_ints(job, t->dims, t->rank, to, &shape));
    const sz_build b = {.op = "Reshape", .inputs = {from, shape}, .n_inputs = 2, .like = to};
    SZ_TRY(sz_build_node(job, &b, second, &y, &node));
    SZ_TRY(sz_edit_absorb(job->e, node, first));
    return sz_bypass(job, second, y);
}

// ---- casts -------------------------------------------------------------------------------------

// Every number of `a` is a number of `b`.
static bool is_lossless(sz_dtype a, sz_dtype b) {
    const sz_dtype_info *from = sz_dtype_get(a), *to = sz_dtype_get(b);
    if (a == b) return true;
    if (from->cls == SZ_CLASS_BOOL) return to->cls == SZ_CLASS_INT || to->cls == SZ_CLASS_UINT;
    if (from->cls == SZ_CLASS_FLOAT && to->cls == SZ_CLASS_FLOAT)
        return from->bits >= 16 && to->bits >= 32 && to->bits > from->bits;
    if (from->cls == SZ_CLASS_UINT && to->cls == SZ_CLASS_INT) return to->bits > from->bits;
    return from->cls == to->cls && (from->cls == SZ_CLASS_INT || from->cls == SZ_CLASS_UINT) &&
           to->bits >= from->bits;
}

static sz_status casts(sz_pass_job *job, sz_node_id first, sz_node_id second) {
    const sz_value_id x = sz_edit_in(job->e, first, 0);
    const sz_type *a = sz_type_of(job, x), *c = sz_type_of(job, sz_edit_out(job->e, second, 0));
    const sz_type *b = sz_type_of(job, sz_edit_out(job->e, first, 0));
    if (!a->dtype || !b->dtype || !c->dtype || !is_lossless(a->dtype, b->dtype)) return SZ_OK;
    if (a->dtype == c->dtype && sz_same_type(a, c)) return sz_bypass(job, second, x);
    return skip(job, first, second);
}

// ---- all ---------------------------------------------------------------------------------------

sz_status sz_pass_chains(sz_pass_job *job) {
    sz_node_id next;
    for (sz_node_id id = job->e->head; id != SZ_NONE; id = next) {
        next = sz_edit_next(job->e, id);
        if (sz_edit_is_dead(job->e, id)) continue;
        const sz_node_id before = sz_edit_producer(job->e, sz_edit_in(job->e, id, 0));
        if (before == SZ_NONE || sz_edit_out(job->e, id, 0) == SZ_NONE) continue;
        if (sz_is_op(job, id, "Transpose") && sz_is_op(job, before, "Transpose"))
            SZ_TRY(transposes(job, before, id));
        else if (is_view(job, id) && is_view(job, before))
            SZ_TRY(views(job, before, id));
        else if (sz_is_op(job, id, "Cast") && sz_is_op(job, before, "Cast"))
            SZ_TRY(casts(job, before, id));
    }
    return SZ_OK;
}
