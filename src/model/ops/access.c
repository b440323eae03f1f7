// SPDX-License-Identifier: Apache-2.0
// What rules see of a node: inputs, attributes, outputs; all total.
#include "model/ops/rule.h"

#include <inttypes.h>
#include <stdio.h>

static const sz_type no_type = {.kind = SZ_TYPE_NONE, .rank = -1, .n_items = -1};

bool sz_has_in(const sz_infer *n, int i) {
    return i >= 0 && i < n->node->n_inputs && n->node->inputs[i] != SZ_NONE;
}

const sz_type *sz_in(const sz_infer *n, int i) {
    return sz_has_in(n, i) ? &sz_graph_value(n->graph, n->node->inputs[i])->type : &no_type;
}

// ---- the budget for large values ---------------------------------------------------------------

bool sz_op_afford(const sz_infer *n, int64_t steps) {
    if (steps <= SZ_TINY_VALUE_ELEMENTS) return true;
    sz_graph *root = sz_graph_root(n->graph);
    if (root->is_scratch) return true;
    if (steps > SZ_MAX_LOOKED_ELEMENTS - root->looked_elements) return false;
    root->looked_elements += steps;
    return true;
}

// The numbers of an input as far as they have been read; *ret_count is right before that too.
static const sz_tensor *numbers_of(const sz_infer *n, int i, int64_t *ret_count) {
    const sz_graph *g = n->graph;
    const sz_value *v = sz_graph_value(g, n->node->inputs[i]);
    while (v->kind == SZ_VALUE_CAPTURED) {
        g = g->parent;
        v = sz_graph_value(g, v->outer);
    }
    const sz_tensor *t = v->known;
    if (!t && v->constant && v->constant->form == SZ_CONST_VALUE) t = v->constant->tensor;
    *ret_count = t ? t->count : 0;
    if (t || !v->constant || v->known_tried || v->constant->form != SZ_CONST_RAW) return t;
    if (sz_type_elements(n->ctx, &v->type, ret_count) != SZ_OK) *ret_count = 0;
    if (*ret_count > SZ_MAX_VALUE_ELEMENTS) *ret_count = 0; // is never read
    return NULL;
}

// Elements that a rule may look at, and bytes of strings, which it may compare.
static int64_t look_cost(const sz_infer *n, int i) {
    int64_t count = 0;
    const sz_tensor *t = numbers_of(n, i, &count);
    int64_t cost = count > SZ_TINY_VALUE_ELEMENTS ? count : 0;
    for (int64_t k = 0; t && t->s && k < count; k++) cost += t->s[k].len; // 2^16 x 2^32 at most
    return cost;
}

void sz_op_begin(sz_infer *n) {
    sz_graph *root = sz_graph_root(n->graph);
    n->blind = false;
    if (root->is_scratch) return;
    for (int i = 0; i < n->node->n_inputs; i++) {
        if (n->node->inputs[i] == SZ_NONE) continue;
        // once it is used up, it is used up: not even what a value costs is worked out any more
        const bool spent = root->looked_elements > SZ_MAX_LOOKED_ELEMENTS;
        if (!spent && sz_op_afford(n, look_cost(n, i))) continue;
        root->looked_elements = SZ_MAX_LOOKED_ELEMENTS + 1;
        n->blind = true;
        return;
    }
}

// Is it too large to be looked at by a rule that can't afford it?
static bool is_hidden(const sz_infer *n, const sz_tensor *t) {
    return n->blind && (t->s || t->count > SZ_TINY_VALUE_ELEMENTS);
}

// ---- inputs and outputs ------------------------------------------------------------------------

const sz_tensor *sz_in_value(const sz_infer *n, int i) {
    const sz_tensor *t = NULL;
    if (!sz_has_in(n, i)) return NULL;
    // A read that fails leaves its sentence in the context, but numbers that can't be had are not
    // an error here: say it as a warning and go on without them.
    if (sz_graph_known(n->graph, n->node->inputs[i], &t) != SZ_OK) {
        sz_warn(n->ctx, "%s", sz_ctx_error(n->ctx));
        return NULL;
    }
    return t && !is_hidden(n, t) ? t : NULL;
}

int32_t sz_in_rank(const sz_infer *n, int i) { return sz_in(n, i)->rank; }

int64_t sz_in_dim(const sz_infer *n, int i, int axis) {
    const sz_type *t = sz_in(n, i);
    if (axis < 0) axis += t->rank;
    return axis >= 0 && axis < t->rank ? t->dims[axis] : SZ_DIM_UNKNOWN;
}

sz_dtype sz_in_dtype(const sz_infer *n, int i) { return sz_in(n, i)->dtype; }

bool sz_has_out(const sz_infer *n, int o) {
    return o >= 0 && o < n->node->n_outputs && n->node->outputs[o] != SZ_NONE;
}

static sz_value *out_value(const sz_infer *n, int o) {
    return sz_graph_value(n->graph, n->node->outputs[o]);
}

sz_status sz_out(sz_infer *n, int o, sz_dtype dtype, int32_t rank, const int64_t *dims) {
    if (!sz_has_out(n, o)) return SZ_OK;
    if (rank > SZ_MAX_RANK)
        return sz_op_fail(n, "output %d would have rank %d, the limit is %d", o, rank, SZ_MAX_RANK);
    const int64_t lowest = SZ_DIM_SYMBOL((int64_t)sz_graph_root(n->graph)->symbols.n - 1);
    for (int32_t i = 0; i < rank; i++)
        if (dims[i] < lowest && dims[i] != SZ_DIM_UNKNOWN)
            return sz_op_fail(n, "output %d would have dimension %" PRId64, o, dims[i]);
    int64_t *own = sz_graph_dims(n->graph, rank);
    if (!own) return sz_no_memory(n->ctx);
    if (rank > 0) memcpy(own, dims, (size_t)rank * sizeof *own);
    out_value(n, o)->type = sz_type_tensor(dtype, rank, own);
    return SZ_OK;
}

sz_status sz_out_rank(sz_infer *n, int o, sz_dtype dtype, int32_t rank) {
    if (rank < 0) {
        if (sz_has_out(n, o)) out_value(n, o)->type = sz_type_tensor(dtype, -1, NULL);
        return SZ_OK;
    }
    int64_t dims[SZ_MAX_RANK];
    for (int i = 0; i < SZ_MAX_RANK; i++) dims[i] = SZ_DIM_UNKNOWN;
    return sz_out(n, o, dtype, rank, dims);
}

sz_status sz_out_type(sz_infer *n, int o, const sz_type *type) {
    // Types are immutable once set and live in the arena, so sharing their insides is a copy.
    if (sz_has_out(n, o)) out_value(n, o)->type = *type;
    return SZ_OK;
}

sz_status sz_out_like(sz_infer *n, int o, int i) { return sz_out_type(n, o, sz_in(n, i)); }

const sz_type *sz_out_get(const sz_infer *n, int o) {
    return sz_has_out(n, o) ? &out_value(n, o)->type : &no_type;
}

sz_status sz_out_value(sz_infer *n, int o, sz_tensor **ret) {
    *ret = NULL;
    if (!sz_has_out(n, o)) return SZ_OK;
    sz_value *v = out_value(n, o);
    int64_t count;
    sz_status status = sz_type_elements(n->ctx, &v->type, &count);
    if (status != SZ_OK) return sz_op_place(n, status);
    sz_graph *root = sz_graph_root(n->graph);
    if (count < 0 || v->type.dtype == 0) return SZ_OK;
    if (count > SZ_MAX_VALUE_ELEMENTS && !root->is_scratch) return SZ_OK;
    if (!root->is_scratch && count > SZ_TINY_VALUE_ELEMENTS &&
        root->known_elements + count > SZ_MAX_KNOWN_ELEMENTS)
        return SZ_OK;
    sz_tensor *t = sz_tensor_new(n->graph, v->type.dtype, v->type.rank, v->type.dims, count);
    if (!t) return sz_no_memory(n->ctx);
    root->known_elements += count;
    v->known = t;
    *ret = t;
    return SZ_OK;
}

// ---- attributes --------------------------------------------------------------------------------

const sz_attr *sz_attr_find(const sz_node *node, const char *name) {
    for (int32_t i = 0; i < node->n_attrs; i++)
        if (sz_str_is(node->attrs[i].name, name)) return &node->attrs[i];
    return NULL;
}

static const sz_attr *typed(const sz_node *node, const char *name, sz_attr_kind kind) {
    const sz_attr *a = sz_attr_find(node, name);
    return a && a->kind == kind ? a : NULL;
}

int64_t sz_attr_i(const sz_node *node, const char *name, int64_t def) {
    const sz_attr *a = typed(node, name, SZ_ATTR_INT);
    return a ? a->i : def;
}

double sz_attr_f(const sz_node *node, const char *name, double def) {
    const sz_attr *a = typed(node, name, SZ_ATTR_FLOAT);
    return a ? a->f : def;
}

sz_str sz_attr_s(const sz_node *node, const char *name, const char *def) {
    const sz_attr *a = typed(node, name, SZ_ATTR_STRING);
    return a ? a->s : sz_str_c(def);
}

int32_t sz_attr_ints(const sz_node *node, const char *name, const int64_t **ret_ints) {
    const sz_attr *a = typed(node, name, SZ_ATTR_INTS);
    *ret_ints = a ? a->ints : NULL;
    return a ? a->n : 0;
}

// ---- failing -----------------------------------------------------------------------------------

sz_status sz_op_place(const sz_infer *n, sz_status status) {
    return sz_place(n->ctx, status, "node '%s' (%s) @%" PRIu64, sz_show(n->ctx, n->node->name),
                    sz_show(n->ctx, n->node->op), n->node->offset);
}

sz_status sz_op_fail(const sz_infer *n, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return sz_op_place(n, sz_fail(n->ctx, SZ_ERR_INPUT, "%s", text));
}

sz_status sz_op_missing_attr(const sz_infer *n, const char *name) {
    return sz_op_fail(n, "attribute '%s' is required and absent", name);
}

sz_status sz_op_axis(const sz_infer *n, int64_t axis, int32_t rank, int *ret_axis) {
    if (axis < -(int64_t)rank || axis >= rank)
        return sz_op_fail(n, "axis %" PRId64 " of rank %d is out of range", axis, rank);
    *ret_axis = (int)(axis < 0 ? axis + rank : axis);
    return SZ_OK;
}

void *sz_op_alloc(const sz_infer *n, size_t count, size_t size) {
    return sz_arena_array(n->graph->arena, count, size);
}

// ---- dims --------------------------------------------------------------------------------------

sz_status sz_dim_mul(const sz_infer *n, int64_t a, int64_t b, int64_t *ret) {
    *ret = SZ_DIM_UNKNOWN;
    if (a == 1 || b == 1) *ret = a == 1 ? b : a;
    if (a < 0 || b < 0 || a == 1 || b == 1) return SZ_OK;
    return sz_mul(a, b, ret) ? SZ_OK : sz_op_fail(n, "a dimension exceeds 2^63");
}

sz_status sz_dim_add(const sz_infer *n, int64_t a, int64_t b, int64_t *ret) {
    *ret = SZ_DIM_UNKNOWN;
    if (a == 0 || b == 0) *ret = a == 0 ? b : a;
    if (a < 0 || b < 0 || a == 0 || b == 0) return SZ_OK;
    return sz_add(a, b, ret) ? SZ_OK : sz_op_fail(n, "a dimension exceeds 2^63");
}

static sz_status broadcast_dim(const sz_infer *n, int64_t a, int64_t b, int64_t *ret) {
    if (a == b || b == 1) {
        *ret = a;
    } else if (a == 1) {
        *ret = b;
    } else if (a >= 0 && b >= 0) {
        return sz_op_fail(n, "shapes do not broadcast: %" PRId64 " and %" PRId64, a, b);
    } else { // one is not known: a known size (0 or above 1) must be what the other turns out to be
        *ret = a >= 0 ? a : b >= 0 ? b : SZ_DIM_UNKNOWN;
    }
    return SZ_OK;
}

sz_status sz_op_broadcast(const sz_infer *n, const sz_type *a, const sz_type *b, int64_t *ret_dims,
                          int32_t *ret_rank) {
    *ret_rank = -1;
    if (a->rank < 0 || b->rank < 0) return SZ_OK;
    int32_t rank = a->rank > b->rank ? a->rank : b->rank;
    for (int32_t i = 0; i < rank; i++) {
        int32_t ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        SZ_TRY(broadcast_dim(n, ia < 0 ? 1 : a->dims[ia], ib < 0 ? 1 : b->dims[ib], &ret_dims[i]));
    }
    *ret_rank = rank;
    return SZ_OK;
}

sz_status sz_op_ints(const sz_infer *n, int i, const char *name, bool *ret_known, int32_t *ret_n,
                     const int64_t **ret_ints) {
    *ret_known = true;
    *ret_n = 0;
    *ret_ints = NULL;
    if (sz_has_in(n, i)) {
        const sz_tensor *t = sz_in_value(n, i);
        *ret_known = t && t->i;
        if (!*ret_known) return SZ_OK;
        for (int64_t k = 0; k < t->count; k++)
            if (t->i[k] == SZ_VALUE_UNKNOWN) *ret_known = false;
        if (!*ret_known) return SZ_OK;
        *ret_n = (int32_t)t->count;
        *ret_ints = t->i;
        return SZ_OK;
    }
    if (name) *ret_n = sz_attr_ints(n->node, name, ret_ints);
    return SZ_OK;
}
