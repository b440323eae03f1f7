// SPDX-License-Identifier: Apache-2.0
// What passes share: asking about nodes and values.
#include "model/passes/pass.h"

static const sz_type no_type = {.kind = SZ_TYPE_NONE, .rank = -1, .n_items = -1};

bool sz_is_op(const sz_pass_job *job, sz_node_id id, const char *op) {
    if (id == SZ_NONE || sz_edit_is_dead(job->e, id)) return false;
    const sz_node *n = sz_edit_node_of(job->e, id);
    return n->row != SZ_NONE && sz_str_is(n->op, op) && !*sz_op_get(n->row)->domain;
}

bool sz_is_any(const sz_pass_job *job, sz_node_id id, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (sz_is_op(job, id, list[i])) return true;
    return false;
}

sz_op_kind sz_kind_of(const sz_pass_job *job, sz_node_id id) {
    if (id == SZ_NONE || sz_edit_is_dead(job->e, id)) return SZ_KIND_COUNT;
    const int32_t row = sz_edit_node_of(job->e, id)->row;
    return row == SZ_NONE ? SZ_KIND_COUNT : sz_op_get(row)->kind;
}

const sz_type *sz_type_of(const sz_pass_job *job, sz_value_id v) {
    return v == SZ_NONE ? &no_type : &sz_edit_value_of(job->e, v)->type;
}

// The value where it is defined: here or around.
static const sz_value *defined(const sz_pass_job *job, sz_value_id v) {
    const sz_graph *g = job->g;
    const sz_value *value = sz_graph_value(g, v);
    while (value->kind == SZ_VALUE_CAPTURED) {
        g = g->parent;
        value = sz_graph_value(g, value->outer);
    }
    return value;
}

bool sz_is_constant(const sz_pass_job *job, sz_value_id v) {
    if (v == SZ_NONE) return false;
    const sz_value *value = defined(job, v);
    if (!value->constant || value->kind != SZ_VALUE_CONST) return false;
    return !value->is_default || sz_graph_root(job->g)->fixed_defaults;
}

const sz_tensor *sz_numbers(const sz_pass_job *job, sz_value_id v) {
    const sz_tensor *t = NULL;
    if (v == SZ_NONE || (defined(job, v)->kind == SZ_VALUE_CONST && !sz_is_constant(job, v)))
        return NULL;
    if (sz_graph_known(job->g, v, &t) != SZ_OK || !t) return NULL;
    for (int64_t k = 0; t->i && k < t->count; k++)
        if (t->i[k] == SZ_VALUE_UNKNOWN) return NULL;
    return t->s ? NULL : t;
}

bool sz_scalar(const sz_pass_job *job, sz_value_id v, double *ret) {
    if (v == SZ_NONE || sz_count_elements(job, v) != 1) return false;
    const sz_tensor *t = sz_numbers(job, v);
    if (!t || t->count != 1) return false;
    *ret = t->f ? t->f[0] : (double)t->i[0];
    return true;
}

enum { MAX_LOOK = 4096 }; // elements that are looked at to see whether they are all alike

bool sz_is_filled(const sz_pass_job *job, sz_value_id v, double x) {
    const int64_t n = sz_count_elements(job, v);
    if (n < 1 || n > MAX_LOOK) return false;
    const sz_tensor *t = sz_numbers(job, v);
    for (int64_t k = 0; t && k < t->count; k++)
        if ((t->f ? t->f[k] : (double)t->i[k]) != x) return false;
    return t && t->count > 0;
}

bool sz_same_shape(const sz_type *a, const sz_type *b) {
    if (!sz_type_is_static(a) || !sz_type_is_static(b) || a->rank != b->rank) return false;
    for (int32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

bool sz_same_type(const sz_type *a, const sz_type *b) {
    return a->kind == b->kind && a->dtype == b->dtype && a->dtype && sz_same_shape(a, b);
}

int64_t sz_count_elements(const sz_pass_job *job, sz_value_id v) {
    int64_t n = 1;
    const sz_type *t = sz_type_of(job, v);
    if (!sz_type_is_static(t)) return -1;
    for (int32_t i = 0; i < t->rank; i++)
        if (!sz_mul(n, t->dims[i], &n)) return -1;
    return n;
}

sz_value_id sz_other_input(const sz_pass_job *job, sz_node_id id, sz_value_id v) {
    const sz_value_id a = sz_edit_in(job->e, id, 0), b = sz_edit_in(job->e, id, 1);
    return a == v ? b : a;
}

int sz_input_count(const sz_pass_job *job, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    int count = 0;
    for (int32_t i = 0; i < n->n_inputs; i++) count += n->inputs[i] != SZ_NONE;
    return count;
}

bool sz_is_float_type(const sz_type *t) {
    return t->dtype && sz_dtype_get(t->dtype)->cls == SZ_CLASS_FLOAT;
}

bool sz_has_one_output(const sz_pass_job *job, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(job->e, id);
    for (int32_t o = 1; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE) return false;
    return n->n_outputs > 0 && n->outputs[0] != SZ_NONE;
}

// ---- changing ----------------------------------------------------------------------------------

sz_status sz_bypass(sz_pass_job *job, sz_node_id id, sz_value_id v) {
    const sz_value_id out = sz_edit_out(job->e, id, 0);
    const sz_node_id maker = sz_edit_producer(job->e, v);
    const sz_node_id heir = maker != SZ_NONE ? maker : sz_edit_only_user(job->e, out);
    bool done;
    SZ_TRY(sz_edit_replace(job->e, out, v, &done));
    if (!done) return SZ_OK;
    job->changed++;
    if (heir != SZ_NONE) SZ_TRY(sz_edit_absorb(job->e, heir, id));
    return sz_edit_remove(job->e, id);
}

sz_status sz_try_group(sz_pass_job *job, sz_group_kind kind, sz_node_id anchor,
                       const sz_node_id *nodes, int n, sz_node_id last, bool *ret_done) {
    const bool closed = n > 1 && sz_edit_is_closed(job->e, nodes, n, last);
    if (ret_done) *ret_done = closed;
    if (!closed) return SZ_OK;
    job->changed += n;
    return sz_edit_join(job->e, kind, anchor, nodes, n);
}
