// SPDX-License-Identifier: Apache-2.0
// HLO: from computations and instructions to graphs.
#include "model/import/hlo.h"

#include <inttypes.h>
#include <stdlib.h>

#define XLA "xla"

// ---- life --------------------------------------------------------------------------------------

sz_status hlo_init(hlo *x, sz_ctx *ctx) {
    *x = (hlo){.ctx = ctx};
    sz_map_init(&x->comp_names, ctx);
    sz_map_init(&x->words, ctx);
    SZ_TRY(sz_graph_create(ctx, &x->root));
    x->root->format = sz_str_c("hlo");
    return SZ_OK;
}

sz_status hlo_finish(hlo *x, sz_status status, uint64_t header_bytes, sz_graph **ret_graph) {
    sz_map_finish(&x->comp_names);
    sz_map_finish(&x->words);
    sz_vec_finish(x->ctx, &x->comps);
    sz_vec_finish(x->ctx, &x->word_list);
    sz_vec_finish(x->ctx, &x->layouts);
    sz_vec_finish(x->ctx, &x->params);
    sz_vec_finish(x->ctx, &x->in);
    sz_vec_finish(x->ctx, &x->attrs);
    sz_vec_finish(x->ctx, &x->ints);
    if (status != SZ_OK) {
        sz_graph_destroy(x->root);
        return status;
    }
    x->root->header_bytes = header_bytes;
    *ret_graph = x->root;
    return SZ_OK;
}

sz_status hlo_word(hlo *x, sz_str s, sz_str *ret) {
    int32_t at;
    if (sz_map_get(&x->words, s, &at)) {
        *ret = x->word_list.items[at];
        return SZ_OK;
    }
    const char *copy = sz_arena_strdup(x->root->arena, s.p, s.len);
    if (!copy) return sz_no_memory(x->ctx);
    *ret = (sz_str){copy, s.len};
    if (!sz_vec_push(x->ctx, &x->word_list, *ret)) return sz_no_memory(x->ctx);
    return sz_map_put(&x->words, *ret, (int32_t)(x->word_list.n - 1));
}

static void *keep(hlo *x, size_t n, size_t size, const void *items) {
    void *copy = sz_arena_array(x->root->arena, n ? n : 1, size);
    if (copy && n > 0) memcpy(copy, items, n * size);
    return copy;
}

// ---- types -------------------------------------------------------------------------------------

bool hlo_dtype(sz_str name, sz_dtype *ret, bool *ret_other) {
    static const struct {
        const char *hlo, *name;
    } rows[] = {{"pred", "bool"},        {"s2", "i2"},    {"s4", "i4"},     {"s8", "i8"},
                {"s16", "i16"},          {"s32", "i32"},  {"s64", "i64"},   {"f4e2m1fn", "f4e2m1"},
                {"f8e8m0fnu", "f8e8m0"}, {"token", NULL}, {"opaque", NULL}, {"tuple", NULL}};
    char text[24];
    const char *own = text;
    *ret_other = false, *ret = 0;
    if (name.len == 0 || name.len >= sizeof text) return false;
    memcpy(text, name.p, name.len);
    text[name.len] = '\0';
    if (strcmp(text, "string") == 0 || strncmp(text, "i", 1) == 0) return false;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        if (strcmp(text, rows[k].hlo) == 0) own = rows[k].name;
    *ret_other = own == NULL;
    if (own) *ret = sz_dtype_by_name(own);
    return *ret_other || *ret != 0;
}

static sz_type *new_type(hlo *x) { return sz_arena_alloc(x->root->arena, sizeof(sz_type)); }

const sz_type *hlo_tensor(hlo *x, sz_dtype dtype, int32_t rank, const int64_t *dims) {
    const sz_type *last = x->last_tensor; // runs of instructions have the same type
    if (last && last->dtype == dtype && last->rank == rank &&
        (rank == 0 || memcmp(last->dims, dims, (size_t)rank * sizeof *dims) == 0))
        return last;
    sz_type *t = new_type(x);
    int64_t *own = sz_graph_dims(x->root, rank);
    if (!t || !own) return NULL;
    if (rank > 0) memcpy(own, dims, (size_t)rank * sizeof *own);
    *t = sz_type_tensor(dtype, rank, own);
    x->last_tensor = t;
    return t;
}

const sz_type *hlo_tuple(hlo *x, size_t n, const sz_type *const *items) {
    sz_type *t = new_type(x);
    const sz_type **own = sz_arena_array(x->root->arena, n ? n : 1, sizeof *own);
    if (!t || !own) return NULL;
    if (n > 0) memcpy(own, items, n * sizeof *own);
    *t = (sz_type){.kind = SZ_TYPE_SEQUENCE, .rank = -1, .n_items = (int64_t)n, .items = own};
    return t;
}

// ---- computations ------------------------------------------------------------------------------

sz_status hlo_comp_begin(hlo *x, sz_str name, bool is_entry) {
    if (is_entry && x->has_entry)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "the module has two entry computations");
    if (sz_map_get(&x->comp_names, name, NULL))
        return sz_fail(x->ctx, SZ_ERR_INPUT, "computation '%s' is defined twice",
                       sz_show(x->ctx, name));
    x->open = (hlo_comp){.expanded = 1, .depth = 1};
    const char *copy = sz_arena_strdup(x->root->arena, name.p, name.len);
    if (!copy) return sz_no_memory(x->ctx);
    x->open.name = (sz_str){copy, name.len};
    x->open.graph = x->root;
    if (!is_entry) SZ_TRY(sz_graph_create_body(x->root, &x->open.graph));
    if (!is_entry) x->open.graph->name = x->open.name;
    x->has_entry = x->has_entry || is_entry;
    x->params.n = x->layouts.n = 0;
    x->result = x->last = SZ_NONE;
    return SZ_OK;
}

static sz_status add_inputs(hlo *x) {
    sz_graph *g = x->open.graph;
    for (size_t k = 0; k < x->params.n; k++) {
        if (x->params.items[k] == SZ_NONE)
            return sz_fail(x->ctx, SZ_ERR_INPUT, "computation '%s' has no parameter(%zu)",
                           sz_show(x->ctx, x->open.name), k);
        if (!sz_vec_push(x->ctx, &g->inputs, x->params.items[k])) return sz_no_memory(x->ctx);
    }
    return SZ_OK;
}

static sz_status add_output(hlo *x, sz_value_id id) {
    sz_value *v = sz_graph_value(x->open.graph, id);
    if (v->is_output) return SZ_OK;
    v->is_output = true;
    return sz_vec_push(x->ctx, &x->open.graph->outputs, id) ? SZ_OK : sz_no_memory(x->ctx);
}

// The entry gives the members of its tuple one by one; other computations give what the root is.
static sz_status add_outputs(hlo *x) {
    const sz_graph *g = x->open.graph;
    const sz_value *v = sz_graph_value(g, x->result);
    const sz_node *n = v->producer == SZ_NONE ? NULL : sz_graph_node(g, v->producer);
    if (g != x->root || !n || !sz_str_is(n->op, "tuple") || n->n_inputs == 0)
        return add_output(x, x->result);
    for (int32_t k = 0; k < n->n_inputs; k++) SZ_TRY(add_output(x, n->inputs[k]));
    return SZ_OK;
}

sz_status hlo_comp_end(hlo *x) {
    if (x->result == SZ_NONE) x->result = x->last; // as XLA takes it
    if (x->result == SZ_NONE)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "computation '%s' is empty",
                       sz_show(x->ctx, x->open.name));
    SZ_TRY(add_inputs(x));
    SZ_TRY(add_outputs(x));
    if (x->comps.n >= INT32_MAX || !sz_vec_push(x->ctx, &x->comps, x->open))
        return sz_no_memory(x->ctx);
    return sz_map_put(&x->comp_names, x->open.name, (int32_t)(x->comps.n - 1));
}

// ---- instructions ------------------------------------------------------------------------------

static sz_status add_value(hlo *x, const hlo_instruction *i, sz_value_kind kind,
                           sz_value_id *ret_id) {
    SZ_TRY(sz_graph_add_value(x->open.graph, i->name, kind, ret_id));
    x->last = *ret_id;
    if (!sz_vec_push(x->ctx, &x->layouts, i->layout)) return sz_no_memory(x->ctx);
    if (!i->is_root) return SZ_OK;
    if (x->result != SZ_NONE)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "computation '%s' has two roots",
                       sz_show(x->ctx, x->open.name));
    x->result = *ret_id;
    return SZ_OK;
}

sz_status hlo_add_param(hlo *x, const hlo_instruction *i, int64_t number) {
    sz_value_id id;
    if (number < 0 || number >= SZ_HLO_MAX_PARAMS)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "parameter(%" PRId64 ") is out of range (0 to %d)",
                       number, SZ_HLO_MAX_PARAMS - 1);
    while (x->params.n <= (size_t)number)
        if (!sz_vec_push(x->ctx, &x->params, SZ_NONE)) return sz_no_memory(x->ctx);
    if (x->params.items[number] != SZ_NONE)
        return sz_fail(x->ctx, SZ_ERR_INPUT, "parameter(%" PRId64 ") is defined twice", number);
    SZ_TRY(add_value(x, i, SZ_VALUE_INPUT, &id));
    sz_graph_value(x->open.graph, id)->type = *i->type;
    x->params.items[number] = id;
    return SZ_OK;
}

sz_status hlo_add_const(hlo *x, const hlo_instruction *i, const sz_tensor *numbers) {
    sz_value_id id;
    SZ_TRY(add_value(x, i, SZ_VALUE_CONST, &id));
    sz_constant *c = sz_arena_alloc(x->root->arena, sizeof *c);
    if (!c) return sz_no_memory(x->ctx);
    *c = (sz_constant){
        .form = numbers ? SZ_CONST_VALUE : SZ_CONST_NOWHERE, .side = SZ_NONE, .tensor = numbers};
    sz_value *v = sz_graph_value(x->open.graph, id);
    v->type = *i->type;
    v->constant = c;
    return SZ_OK;
}

sz_status hlo_layout(hlo *x, hlo_instruction *i, int32_t n, const int64_t *axes) {
    bool usual = true;
    i->layout = NULL;
    if (i->type->kind != SZ_TYPE_TENSOR || n != i->type->rank) return SZ_OK;
    for (int32_t k = 0; k < n; k++) usual = usual && axes[k] == n - 1 - k;
    if (usual) return SZ_OK;
    i->layout = keep(x, (size_t)n, sizeof *axes, axes);
    return i->layout ? SZ_OK : sz_no_memory(x->ctx);
}

static int64_t axis_at(const int64_t *layout, int32_t rank, int32_t k) {
    return layout ? layout[k] : rank - 1 - k;
}

// A transpose that only says what the layouts say already moves nothing.
static sz_status mark_transpose(hlo *x, const hlo_instruction *i) {
    const int64_t *perm = NULL;
    int32_t n = 0;
    if (!sz_str_is(i->opcode, "transpose") || x->in.n != 1) return SZ_OK;
    for (size_t k = 0; k < x->attrs.n; k++)
        if (sz_str_is(x->attrs.items[k].name, "dimensions"))
            perm = x->attrs.items[k].ints, n = x->attrs.items[k].n;
    const int64_t *from = x->layouts.items[x->in.items[0]];
    const sz_type *t = &sz_graph_value(x->open.graph, x->in.items[0])->type;
    if (t->kind == SZ_TYPE_NONE) t = sz_graph_value(x->open.graph, x->in.items[0])->declared;
    if (!perm || !t || n != i->type->rank || t->rank != n) return SZ_OK;
    for (int32_t k = 0; k < n; k++) {
        const int64_t out = axis_at(i->layout, n, k);
        if (out < 0 || out >= n || perm[out] != axis_at(from, n, k)) return SZ_OK;
    }
    return hlo_attr_int(x, "is_bitcast", 1);
}

sz_status hlo_add_node(hlo *x, const hlo_instruction *i) {
    sz_value_id id;
    sz_node n = {.domain = sz_str_c(XLA), .opset = 1, .offset = i->at};
    if (!sz_add(x->open.expanded, 1, &x->open.expanded) || x->open.expanded > SZ_HLO_MAX_EXPANDED)
        return sz_fail(x->ctx, SZ_ERR_LIMIT,
                       "computations call each other so often that they stand for more than %d "
                       "instructions",
                       SZ_HLO_MAX_EXPANDED);
    SZ_TRY(mark_transpose(x, i));
    SZ_TRY(add_value(x, i, SZ_VALUE_NODE, &id));
    SZ_TRY(hlo_word(x, i->opcode, &n.op));
    sz_graph_value(x->open.graph, id)->declared = i->type;
    n.name = sz_graph_value(x->open.graph, id)->name;
    n.n_inputs = (int32_t)x->in.n;
    n.n_attrs = (int32_t)x->attrs.n;
    n.n_outputs = 1;
    n.inputs = keep(x, x->in.n, sizeof *x->in.items, x->in.items);
    if (x->attrs.n > 0) n.attrs = keep(x, x->attrs.n, sizeof *x->attrs.items, x->attrs.items);
    n.outputs = keep(x, 1, sizeof id, &id);
    if (!n.inputs || !n.outputs || (x->attrs.n > 0 && !n.attrs)) return sz_no_memory(x->ctx);
    return sz_graph_add_node(x->open.graph, &n, NULL);
}

// ---- attributes --------------------------------------------------------------------------------

static sz_status push_attr(hlo *x, sz_str name, sz_attr a) {
    SZ_TRY(hlo_word(x, name, &a.name));
    for (size_t k = 0; k < x->attrs.n; k++)
        if (sz_str_eq(x->attrs.items[k].name, a.name))
            return sz_fail(x->ctx, SZ_ERR_INPUT, "attribute '%s' is given twice",
                           sz_show(x->ctx, name));
    if (x->attrs.n >= SZ_HLO_MAX_ATTRS)
        return sz_fail(x->ctx, SZ_ERR_LIMIT, "more than %d attributes", SZ_HLO_MAX_ATTRS);
    return sz_vec_push(x->ctx, &x->attrs, a) ? SZ_OK : sz_no_memory(x->ctx);
}

sz_status hlo_attr_int(hlo *x, const char *name, int64_t value) {
    return push_attr(x, sz_str_c(name), (sz_attr){.kind = SZ_ATTR_INT, .n = 1, .i = value});
}

sz_status hlo_attr_ints(hlo *x, const char *name, size_t n, const int64_t *values) {
    const int64_t *own = keep(x, n, sizeof *own, values);
    if (!own) return sz_no_memory(x->ctx);
    const sz_attr a = {.kind = SZ_ATTR_INTS, .n = (int32_t)n, .ints = own};
    return push_attr(x, sz_str_c(name), a);
}

sz_status hlo_attr_text(hlo *x, sz_str name, sz_str value) {
    const char *own = sz_arena_strdup(x->root->arena, value.p, value.len);
    if (!own) return sz_no_memory(x->ctx);
    return push_attr(x, name, (sz_attr){.kind = SZ_ATTR_STRING, .n = 1, .s = {own, value.len}});
}

// The callers' costs hold those of the computation: how many, how deep.
static sz_status charge(hlo *x, const hlo_comp *c) {
    if (!sz_add(x->open.expanded, c->expanded, &x->open.expanded) ||
        x->open.expanded > SZ_HLO_MAX_EXPANDED)
        return sz_fail(x->ctx, SZ_ERR_LIMIT,
                       "computations call each other so often that they stand for more than %d "
                       "instructions",
                       SZ_HLO_MAX_EXPANDED);
    if (c->depth + 1 > x->open.depth) x->open.depth = c->depth + 1;
    if (x->open.depth > SZ_MAX_BODIES)
        return sz_fail(x->ctx, SZ_ERR_LIMIT,
                       "computations call each other more than %d levels deep", SZ_MAX_BODIES);
    return SZ_OK;
}

sz_status hlo_attr_comps(hlo *x, const char *name, size_t n, const int64_t *comps) {
    sz_graph **graphs = sz_arena_array(x->root->arena, n ? n : 1, sizeof *graphs);
    if (!graphs) return sz_no_memory(x->ctx);
    for (size_t k = 0; k < n; k++) {
        const hlo_comp *c = &x->comps.items[comps[k]];
        if (c->graph == x->root)
            return sz_fail(x->ctx, SZ_ERR_INPUT, "the entry computation '%s' is called",
                           sz_show(x->ctx, c->name));
        SZ_TRY(charge(x, c));
        graphs[k] = c->graph;
    }
    const bool is_list = n != 1 || strcmp(name, "branches") == 0;
    const sz_attr a = {
        .kind = is_list ? SZ_ATTR_GRAPHS : SZ_ATTR_GRAPH, .n = (int32_t)n, .graphs = graphs};
    return push_attr(x, sz_str_c(name), a);
}

// ---- backend_config ----------------------------------------------------------------------------

// Behind `"key":`, or NULL. The text is JSON of a compiler; only a few numbers in it matter.
static const char *behind_key(sz_str json, const char *key) {
    const size_t len = strlen(key);
    const char *end = json.p + json.len;
    for (const char *p = json.p; p && (size_t)(end - p) > len + 2; p++) {
        p = memchr(p, '"', (size_t)(end - p));
        if (!p || (size_t)(end - p) <= len + 2) return NULL;
        if (memcmp(p + 1, key, len) == 0 && p[len + 1] == '"') return p + len + 2;
    }
    return NULL;
}

// The digits that follow, over blanks, colons, brackets, braces and quotes; false at anything
// else.
static bool next_number(const char **p, const char *end, const char *skip, int64_t *ret) {
    while (*p < end && strchr(skip, **p) && **p) ++*p;
    if (*p >= end || **p < '0' || **p > '9') return false;
    for (*ret = 0; *p < end && **p >= '0' && **p <= '9'; ++*p)
        if (!sz_mul(*ret, 10, ret) || !sz_add(*ret, **p - '0', ret)) return false;
    return true;
}

static sz_status take_trips(hlo *x, sz_str json) {
    const char *p = behind_key(json, "known_trip_count");
    const sz_str rest = {p, p ? (uint32_t)(json.p + json.len - p) : 0};
    int64_t trips;
    if (p) p = behind_key(rest, "n");
    if (!p || !next_number(&p, json.p + json.len, " \t:\"", &trips)) return SZ_OK;
    return hlo_attr_int(x, "trips", trips);
}

static sz_status take_axes(hlo *x, sz_str json, const char *key, const char *name) {
    const char *p = behind_key(json, key), *end = json.p + json.len;
    int64_t axis;
    if (!p) return SZ_OK;
    const char *close = memchr(p, ']', (size_t)(end - p));
    if (!close) return SZ_OK;
    x->ints.n = 0;
    while (next_number(&p, close, " \t:[\",", &axis))
        if (!sz_vec_push(x->ctx, &x->ints, axis)) return sz_no_memory(x->ctx);
    return hlo_attr_ints(x, name, x->ints.n, x->ints.items);
}

sz_status hlo_backend_config(hlo *x, sz_str json) {
    SZ_TRY(take_trips(x, json));
    SZ_TRY(take_axes(x, json, "lhs_contracting_dimensions", "lhs_contracting_dims"));
    SZ_TRY(take_axes(x, json, "rhs_contracting_dimensions", "rhs_contracting_dims"));
    SZ_TRY(take_axes(x, json, "lhs_batch_dimensions", "lhs_batch_dims"));
    return take_axes(x, json, "rhs_batch_dimensions", "rhs_batch_dims");
}
