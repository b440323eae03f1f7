// SPDX-License-Identifier: Apache-2.0
// Building graphs: values, nodes, bodies, symbols.
#include "model/graph/graph.h"

#include "base/source.h"

static sz_status new_graph(sz_ctx *ctx, sz_graph **ret_graph) {
    sz_graph *g = sz_alloc(ctx, sizeof *g);
    if (!g) return sz_no_memory(ctx);
    g->ctx = ctx;
    sz_map_init(&g->names, ctx);
    *ret_graph = g;
    return SZ_OK;
}

sz_status sz_graph_create(sz_ctx *ctx, sz_graph **ret_graph) {
    SZ_TRY(new_graph(ctx, ret_graph));
    sz_arena_init(&(*ret_graph)->own_arena, ctx);
    (*ret_graph)->arena = &(*ret_graph)->own_arena;
    return SZ_OK;
}

static void destroy_one(sz_graph *g) {
    sz_ctx *ctx = g->ctx;
    sz_vec_finish(ctx, &g->values);
    sz_vec_finish(ctx, &g->nodes);
    sz_vec_finish(ctx, &g->inputs);
    sz_vec_finish(ctx, &g->outputs);
    sz_vec_finish(ctx, &g->symbols);
    sz_vec_finish(ctx, &g->sides);
    sz_map_finish(&g->names);
    sz_free(ctx, g, sizeof *g);
}

void sz_graph_destroy(sz_graph *g) {
    if (!g) return;
    sz_ctx *ctx = g->ctx;
    for (size_t i = 0; i < g->children.n; i++) destroy_one(g->children.items[i]);
    sz_vec_finish(ctx, &g->children);
    sz_source_close(g->source, ctx);
    sz_arena_finish(&g->own_arena);
    destroy_one(g);
}

sz_graph *sz_graph_root(const sz_graph *g) {
    while (g->parent) g = g->parent;
    return (sz_graph *)g;
}

sz_status sz_graph_create_body(sz_graph *parent, sz_graph **ret_graph) {
    sz_graph *root = sz_graph_root(parent), *g = NULL;
    if (!sz_vec_room(root->ctx, &root->children)) return sz_no_memory(root->ctx);
    SZ_TRY(new_graph(root->ctx, &g));
    g->arena = root->arena;
    g->parent = parent;
    root->children.items[root->children.n++] = g;
    g->number = (int32_t)root->children.n;
    *ret_graph = g;
    return SZ_OK;
}

sz_status sz_graph_add_value(sz_graph *g, sz_str name, sz_value_kind kind, sz_value_id *ret_id) {
    if (sz_map_get(&g->names, name, NULL))
        return sz_fail(g->ctx, SZ_ERR_INPUT, "value '%s' is defined twice", sz_show(g->ctx, name));
    if (g->values.n >= INT32_MAX) return sz_fail(g->ctx, SZ_ERR_LIMIT, "more than 2^31 values");
    char *copy = sz_arena_strdup(g->arena, name.p, name.len);
    if (!copy || !sz_vec_room(g->ctx, &g->values)) return sz_no_memory(g->ctx);
    sz_value_id id = (sz_value_id)g->values.n;
    sz_str own = {copy, name.len};
    SZ_TRY(sz_map_put(&g->names, own, id));
    g->values.items[g->values.n++] = (sz_value){.name = own,
                                                .kind = (uint8_t)kind,
                                                .producer = SZ_NONE,
                                                .outer = SZ_NONE,
                                                .type = {.rank = -1, .n_items = -1}};
    *ret_id = id;
    return SZ_OK;
}

sz_value_id sz_graph_find(const sz_graph *g, sz_str name) {
    int32_t id;
    return sz_map_get(&g->names, name, &id) ? id : SZ_NONE;
}

sz_status sz_graph_capture(sz_graph *g, sz_str name, sz_value_id *ret_id) {
    sz_graph *owner = g;
    sz_value_id id = SZ_NONE;
    while (owner && (id = sz_graph_find(owner, name)) == SZ_NONE) owner = owner->parent;
    *ret_id = id;
    // Walk down again: every level between owner and g gets a captured value. Depth is limited by
    // the importer, so the quadratic search for the next level down is short.
    while (id != SZ_NONE && owner != g) {
        sz_graph *next = g;
        while (next->parent != owner) next = next->parent;
        sz_value_id inner;
        SZ_TRY(sz_graph_add_value(next, name, SZ_VALUE_CAPTURED, &inner));
        sz_graph_value(next, inner)->outer = id;
        sz_graph_value(next, inner)->type = sz_graph_value(owner, id)->type;
        owner = next;
        *ret_id = id = inner;
    }
    return SZ_OK;
}

static sz_status set_producer(sz_graph *g, sz_value_id value, sz_node_id id) {
    sz_value *v = sz_graph_value(g, value);
    if (v->producer != SZ_NONE || v->kind != SZ_VALUE_NODE)
        return sz_fail(g->ctx, SZ_ERR_INPUT, "value '%s' is defined twice",
                       sz_show(g->ctx, v->name));
    v->producer = id;
    return SZ_OK;
}

sz_status sz_graph_add_node(sz_graph *g, const sz_node *node, sz_node_id *ret_id) {
    if (g->nodes.n >= INT32_MAX) return sz_fail(g->ctx, SZ_ERR_LIMIT, "more than 2^31 nodes");
    sz_node_id id = (sz_node_id)g->nodes.n;
    for (int32_t o = 0; o < node->n_outputs; o++)
        if (node->outputs[o] != SZ_NONE) SZ_TRY(set_producer(g, node->outputs[o], id));
    if (!sz_vec_push(g->ctx, &g->nodes, *node)) return sz_no_memory(g->ctx);
    g->nodes.items[id].row = SZ_NONE;
    if (ret_id) *ret_id = id;
    return SZ_OK;
}

sz_status sz_graph_symbol(sz_graph *g, sz_str name, int64_t *ret_dim) {
    sz_graph *root = sz_graph_root(g);
    for (size_t i = 0; i < root->symbols.n; i++)
        if (sz_str_eq(root->symbols.items[i].name, name)) {
            *ret_dim = SZ_DIM_SYMBOL(i);
            return SZ_OK;
        }
    char *copy = sz_arena_strdup(root->arena, name.p, name.len);
    if (!copy || !sz_vec_room(root->ctx, &root->symbols)) return sz_no_memory(root->ctx);
    *ret_dim = SZ_DIM_SYMBOL(root->symbols.n);
    root->symbols.items[root->symbols.n++] =
        (sz_symbol){{copy, name.len}, SZ_NONE, 0, -1, -1, false};
    return SZ_OK;
}

int64_t *sz_graph_dims(sz_graph *g, int32_t rank) {
    return sz_arena_array(g->arena, rank > 0 ? (size_t)rank : 1, sizeof(int64_t));
}
