// SPDX-License-Identifier: Apache-2.0
// Edits: uses of values, the list of nodes, replacing and removing. Groups and the way back to a
// plain graph: edit_finish.c.
#include "model/graph/edit.h"

#include <stdio.h>

// ---- uses --------------------------------------------------------------------------------------

static sz_value_id *inputs_of(sz_edit *e, sz_node_id id) {
    return (sz_value_id *)sz_edit_node_of(e, id)->inputs;
}

static void link_use(sz_edit *e, int32_t use, sz_value_id v) {
    sz_edit_value *value = &e->values.items[v];
    e->uses.items[use].prev = SZ_NONE;
    e->uses.items[use].next = value->first;
    if (value->first != SZ_NONE) e->uses.items[value->first].prev = use;
    value->first = use;
    value->n++;
}

static void unlink_use(sz_edit *e, int32_t use, sz_value_id v) {
    sz_edit_value *value = &e->values.items[v];
    const sz_use *u = &e->uses.items[use];
    if (u->prev != SZ_NONE)
        e->uses.items[u->prev].next = u->next;
    else
        value->first = u->next;
    if (u->next != SZ_NONE) e->uses.items[u->next].prev = u->prev;
    value->n--;
}

static sz_status add_uses(sz_edit *e, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(e, id);
    if (e->uses.n + (size_t)n->n_inputs >= INT32_MAX)
        return sz_fail(e->g->ctx, SZ_ERR_LIMIT, "more than 2^31 inputs of nodes");
    e->nodes.items[id].first_use = (int32_t)e->uses.n;
    for (int32_t i = 0; i < n->n_inputs; i++) {
        const sz_use use = {id, SZ_NONE, SZ_NONE};
        if (!sz_vec_push(e->g->ctx, &e->uses, use)) return sz_no_memory(e->g->ctx);
        if (n->inputs[i] != SZ_NONE) link_use(e, (int32_t)e->uses.n - 1, n->inputs[i]);
    }
    return SZ_OK;
}

static sz_status add_value_row(sz_edit *e) {
    const sz_edit_value row = {.first = SZ_NONE};
    return sz_vec_push(e->g->ctx, &e->values, row) ? SZ_OK : sz_no_memory(e->g->ctx);
}

static sz_status add_node_row(sz_edit *e) {
    const sz_edit_node row = {
        .prev = SZ_NONE, .next = SZ_NONE, .group = SZ_NONE, .group_next = SZ_NONE};
    return sz_vec_push(e->g->ctx, &e->nodes, row) ? SZ_OK : sz_no_memory(e->g->ctx);
}

// ---- pins --------------------------------------------------------------------------------------

// What the bodies of a node capture is pinned while one node holds the body: by = 1 or -1.
static void pin_captures(sz_edit *e, const sz_node *n, int by) {
    for (int32_t a = 0; a < n->n_attrs; a++)
        for (int32_t k = 0; n->attrs[a].graphs && k < n->attrs[a].n; k++) {
            const sz_graph *body = n->attrs[a].graphs[k];
            uint8_t *owners = &e->owners[body->number];
            if (*owners == UINT8_MAX) continue; // so many owners: never let go
            *owners = (uint8_t)(*owners + by);
            if (*owners != (by > 0)) continue; // not the first one, not the last one
            for (size_t i = 0; i < body->values.n; i++)
                if (body->values.items[i].kind == SZ_VALUE_CAPTURED)
                    e->values.items[body->values.items[i].outer].pins += by;
        }
}

static void pin_attrs(sz_edit *e, const sz_node *n, int by) {
    for (int32_t a = 0; a < n->n_attrs; a++)
        if (n->attrs[a].kind == SZ_ATTR_TENSOR && n->attrs[a].tensor != SZ_NONE)
            e->values.items[n->attrs[a].tensor].pins += by;
    pin_captures(e, n, by);
}

// ---- beginning ---------------------------------------------------------------------------------

static void append(sz_edit *e, sz_node_id id) {
    e->nodes.items[id].prev = e->tail;
    if (e->tail == SZ_NONE)
        e->head = id;
    else
        e->nodes.items[e->tail].next = id;
    e->tail = id;
}

static sz_status index_graph(sz_edit *e) {
    sz_graph *g = e->g;
    for (size_t i = 0; i < g->values.n; i++) SZ_TRY(add_value_row(e));
    for (size_t i = 0; i < g->nodes.n; i++) SZ_TRY(add_node_row(e));
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        append(e, id);
        SZ_TRY(add_uses(e, id));
        pin_attrs(e, sz_edit_node_of(e, id), 1);
    }
    for (size_t i = 0; i < g->outputs.n; i++) e->values.items[g->outputs.items[i]].pins++;
    for (size_t i = 0; i < g->values.n; i++) {
        const bool idle = sz_edit_use_count(e, (sz_value_id)i) == 0;
        e->values.items[i].was_idle = idle && g->values.items[i].kind == SZ_VALUE_CONST;
    }
    return SZ_OK;
}

sz_status sz_edit_begin(sz_graph *g, sz_edit **ret_edit) {
    sz_edit *e = sz_alloc(g->ctx, sizeof *e);
    if (!e) return sz_no_memory(g->ctx);
    e->g = g;
    e->head = e->tail = SZ_NONE;
    e->n_owners = sz_graph_root(g)->children.n + 1;
    e->owners = sz_alloc(g->ctx, e->n_owners);
    sz_status status = e->owners ? index_graph(e) : sz_no_memory(g->ctx);
    if (status != SZ_OK) {
        sz_edit_drop(e);
        return status;
    }
    *ret_edit = e;
    return SZ_OK;
}

void sz_edit_drop(sz_edit *e) {
    if (!e) return;
    sz_ctx *ctx = e->g->ctx;
    sz_vec_finish(ctx, &e->uses);
    sz_vec_finish(ctx, &e->values);
    sz_vec_finish(ctx, &e->nodes);
    sz_vec_finish(ctx, &e->groups);
    sz_vec_finish(ctx, &e->prune);
    sz_free(ctx, e->owners, e->n_owners);
    sz_free(ctx, e, sizeof *e);
}

// ---- asking ------------------------------------------------------------------------------------

sz_value_id sz_edit_in(const sz_edit *e, sz_node_id id, int i) {
    const sz_node *n = sz_edit_node_of(e, id);
    return i >= 0 && i < n->n_inputs ? n->inputs[i] : SZ_NONE;
}

sz_value_id sz_edit_out(const sz_edit *e, sz_node_id id, int o) {
    const sz_node *n = sz_edit_node_of(e, id);
    return o >= 0 && o < n->n_outputs ? n->outputs[o] : SZ_NONE;
}

sz_node_id sz_edit_producer(const sz_edit *e, sz_value_id v) {
    if (v == SZ_NONE) return SZ_NONE;
    const sz_value *value = sz_edit_value_of(e, v);
    return value->kind == SZ_VALUE_NODE ? value->producer : SZ_NONE;
}

sz_node_id sz_edit_only_user(const sz_edit *e, sz_value_id v) {
    if (v == SZ_NONE) return SZ_NONE;
    const sz_edit_value *value = &e->values.items[v];
    if (value->pins || value->first == SZ_NONE) return SZ_NONE;
    const sz_node_id user = e->uses.items[value->first].node;
    // x * x and the like: a few uses by one node
    for (int32_t u = value->first; u != SZ_NONE; u = e->uses.items[u].next)
        if (e->uses.items[u].node != user) return SZ_NONE;
    return user;
}

// ---- changing ----------------------------------------------------------------------------------

static sz_status own_inputs(sz_edit *e, sz_node_id id) {
    sz_node *n = sz_edit_node_of(e, id);
    if (e->nodes.items[id].own_inputs) return SZ_OK;
    sz_value_id *copy = sz_arena_array(e->g->arena, (size_t)n->n_inputs + 1, sizeof *copy);
    if (!copy) return sz_no_memory(e->g->ctx);
    if (n->n_inputs) memcpy(copy, n->inputs, (size_t)n->n_inputs * sizeof *copy);
    n->inputs = copy;
    e->nodes.items[id].own_inputs = true;
    return SZ_OK;
}

sz_status sz_edit_set_input(sz_edit *e, sz_node_id id, int i, sz_value_id v) {
    SZ_TRY(own_inputs(e, id));
    const int32_t use = e->nodes.items[id].first_use + i;
    const sz_value_id old = inputs_of(e, id)[i];
    if (old != SZ_NONE) unlink_use(e, use, old);
    if (v != SZ_NONE) link_use(e, use, v);
    inputs_of(e, id)[i] = v;
    return SZ_OK;
}

// Moves the uses one by one: each is unlinked and linked again in constant time.
static sz_status move_uses(sz_edit *e, sz_value_id from, sz_value_id to) {
    while (e->values.items[from].first != SZ_NONE) {
        const int32_t use = e->values.items[from].first;
        const sz_node_id node = e->uses.items[use].node;
        SZ_TRY(sz_edit_set_input(e, node, use - e->nodes.items[node].first_use, to));
    }
    return SZ_OK;
}

static sz_status set_output(sz_edit *e, sz_node_id id, sz_value_id old, sz_value_id v) {
    sz_node *n = sz_edit_node_of(e, id);
    sz_value_id *copy = sz_arena_array(e->g->arena, (size_t)n->n_outputs, sizeof *copy);
    if (!copy) return sz_no_memory(e->g->ctx);
    for (int32_t o = 0; o < n->n_outputs; o++) copy[o] = n->outputs[o] == old ? v : n->outputs[o];
    n->outputs = copy;
    return SZ_OK;
}

sz_status sz_edit_replace(sz_edit *e, sz_value_id from, sz_value_id to, bool *ret_done) {
    const sz_node_id maker = sz_edit_producer(e, to), old = sz_edit_producer(e, from);
    *ret_done = false;
    if (from == to) return SZ_OK;
    if (!sz_edit_is_pinned(e, from)) {
        *ret_done = true;
        return move_uses(e, from, to);
    }
    if (maker == SZ_NONE || old == SZ_NONE || maker == old || sz_edit_is_pinned(e, to))
        return SZ_OK;
    SZ_TRY(set_output(e, old, from, SZ_NONE));
    SZ_TRY(set_output(e, maker, to, from));
    SZ_TRY(move_uses(e, to, from));
    sz_value *kept = sz_edit_value_of(e, from), *gone = sz_edit_value_of(e, to);
    kept->producer = maker;
    kept->type = gone->type;
    kept->known = gone->known;
    gone->producer = SZ_NONE;
    *ret_done = true;
    return SZ_OK;
}

sz_status sz_edit_put_behind(sz_edit *e, sz_node_id id, sz_value_id *ret_source) {
    const sz_value_id v = sz_edit_in(e, id, 0), old = sz_edit_out(e, id, 0);
    const sz_node_id maker = sz_edit_producer(e, v);
    SZ_TRY(sz_edit_new_value(e, v, SZ_VALUE_NODE, ret_source));
    sz_value *source = sz_edit_value_of(e, *ret_source), *made = sz_edit_value_of(e, v);
    SZ_TRY(set_output(e, maker, v, *ret_source));
    SZ_TRY(set_output(e, id, old, v));
    source->producer = maker, source->type = made->type;
    made->producer = id;
    sz_edit_value_of(e, old)->producer = SZ_NONE;
    return sz_edit_set_input(e, id, 0, *ret_source);
}

static bool is_unused(const sz_edit *e, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(e, id);
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE && sz_edit_use_count(e, n->outputs[o])) return false;
    return true;
}

static void take_out_of_list(sz_edit *e, sz_node_id id) {
    sz_edit_node *row = &e->nodes.items[id];
    if (row->prev == SZ_NONE)
        e->head = row->next;
    else
        e->nodes.items[row->prev].next = row->next;
    if (row->next == SZ_NONE)
        e->tail = row->prev;
    else
        e->nodes.items[row->next].prev = row->prev;
}

// Out of the graph; its inputs are to be looked at. `prev` and `next` stay as they were, so that a
// walk that stands on the node can go on.
static sz_status kill(sz_edit *e, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(e, id);
    sz_edit_node *row = &e->nodes.items[id];
    row->dead = true;
    take_out_of_list(e, id);
    for (int32_t i = 0; i < n->n_inputs; i++) {
        if (n->inputs[i] == SZ_NONE) continue;
        unlink_use(e, row->first_use + i, n->inputs[i]);
        if (!sz_vec_push(e->g->ctx, &e->prune, n->inputs[i])) return sz_no_memory(e->g->ctx);
    }
    pin_attrs(e, n, -1);
    for (int32_t a = 0; a < n->n_attrs; a++) // what its bodies captured may be idle now
        for (int32_t k = 0; n->attrs[a].graphs && k < n->attrs[a].n; k++) {
            const sz_graph *body = n->attrs[a].graphs[k];
            for (size_t i = 0; i < body->values.n; i++)
                if (body->values.items[i].kind == SZ_VALUE_CAPTURED &&
                    !sz_vec_push(e->g->ctx, &e->prune, body->values.items[i].outer))
                    return sz_no_memory(e->g->ctx);
        }
    return SZ_OK;
}

static sz_status prune(sz_edit *e) {
    while (e->prune.n) {
        const sz_value_id v = e->prune.items[--e->prune.n];
        const sz_node_id maker = sz_edit_producer(e, v);
        if (maker == SZ_NONE || e->nodes.items[maker].dead || !is_unused(e, maker)) continue;
        SZ_TRY(kill(e, maker));
    }
    return SZ_OK;
}

sz_status sz_edit_remove(sz_edit *e, sz_node_id id) {
    if (e->nodes.items[id].dead || !is_unused(e, id)) return SZ_OK;
    const sz_node *n = sz_edit_node_of(e, id);
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE) sz_edit_value_of(e, n->outputs[o])->producer = SZ_NONE;
    SZ_TRY(kill(e, id));
    return prune(e);
}

// ---- origins -----------------------------------------------------------------------------------

static sz_status own_origin(sz_edit *e, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(e, id);
    sz_edit_node *row = &e->nodes.items[id];
    if (row->origin || row->is_new) return SZ_OK;
    sz_origin *origin = sz_arena_alloc(e->g->arena, sizeof *origin);
    if (!origin) return sz_no_memory(e->g->ctx);
    origin->name = n->name;
    for (int32_t o = 0; o < n->n_outputs && !origin->name.len; o++)
        if (n->outputs[o] != SZ_NONE) origin->name = sz_edit_value_of(e, n->outputs[o])->name;
    row->origin = row->origin_end = origin;
    return SZ_OK;
}

sz_status sz_edit_absorb(sz_edit *e, sz_node_id into, sz_node_id from) {
    sz_edit_node *a = &e->nodes.items[into], *b = &e->nodes.items[from];
    if (into == from) return SZ_OK;
    SZ_TRY(own_origin(e, into));
    SZ_TRY(own_origin(e, from));
    if (!b->origin) return SZ_OK;
    if (a->origin)
        a->origin_end->next = b->origin;
    else
        a->origin = b->origin;
    a->origin_end = b->origin_end;
    // the list has moved: a copy of the first row stands for `from`, should it be absorbed again
    sz_origin *rest = sz_arena_alloc(e->g->arena, sizeof *rest);
    if (!rest) return sz_no_memory(e->g->ctx);
    rest->name = b->origin->name;
    b->origin = b->origin_end = rest;
    return SZ_OK;
}

// ---- new ---------------------------------------------------------------------------------------

sz_status sz_edit_new_value(sz_edit *e, sz_value_id like, sz_value_kind kind, sz_value_id *ret) {
    const sz_str base = like == SZ_NONE ? sz_str_c("value") : sz_edit_value_of(e, like)->name;
    char name[160];
    do snprintf(name, sizeof name, "%.100s.%lld", sz_show(e->g->ctx, base), (long long)++e->names);
    while (sz_graph_find(e->g, sz_str_c(name)) != SZ_NONE);
    SZ_TRY(sz_graph_add_value(e->g, sz_str_c(name), kind, ret));
    return add_value_row(e);
}

static void put_before(sz_edit *e, sz_node_id id, sz_node_id before) {
    sz_edit_node *own = &e->nodes.items[id], *next = &e->nodes.items[before];
    own->next = before;
    own->prev = next->prev;
    if (next->prev == SZ_NONE)
        e->head = id;
    else
        e->nodes.items[next->prev].next = id;
    next->prev = id;
}

sz_status sz_edit_add_node(sz_edit *e, sz_node_id before, const sz_node *node, sz_node_id *ret) {
    const int32_t row = node->row;
    SZ_TRY(sz_graph_add_node(e->g, node, ret));
    sz_edit_node_of(e, *ret)->row = row; // adding forgets it
    SZ_TRY(add_node_row(e));
    e->nodes.items[*ret].is_new = true;
    if (before == SZ_NONE)
        append(e, *ret);
    else
        put_before(e, *ret, before);
    SZ_TRY(add_uses(e, *ret));
    pin_attrs(e, sz_edit_node_of(e, *ret), 1);
    return SZ_OK;
}

// ---- constants ---------------------------------------------------------------------------------

static bool is_complete(const sz_tensor *t) {
    for (int64_t k = 0; t->i && k < t->count; k++)
        if (t->i[k] == SZ_VALUE_UNKNOWN) return false;
    return true;
}

sz_status sz_edit_freeze(sz_edit *e, sz_node_id id, int64_t made_of, bool is_recipe) {
    sz_graph *g = e->g;
    sz_node *recipe = sz_arena_alloc(g->arena, sizeof *recipe);
    if (!recipe) return sz_no_memory(g->ctx);
    *recipe = *sz_edit_node_of(e, id);
    for (int32_t o = 0; o < recipe->n_outputs; o++) {
        if (recipe->outputs[o] == SZ_NONE) continue;
        sz_value *v = sz_edit_value_of(e, recipe->outputs[o]);
        sz_constant *c = sz_arena_alloc(g->arena, sizeof *c);
        if (!c) return sz_no_memory(g->ctx);
        const bool known = v->known && is_complete(v->known);
        *c = (sz_constant){.form = known ? SZ_CONST_VALUE : SZ_CONST_RECIPE,
                           .side = SZ_NONE,
                           .tensor = known ? v->known : NULL,
                           .is_folded = true,
                           .made_of = made_of,
                           .recipe = is_recipe ? recipe : NULL,
                           .recipe_output = o};
        v->kind = SZ_VALUE_CONST;
        v->producer = SZ_NONE;
        v->constant = c;
    }
    SZ_TRY(kill(e, id));
    return prune(e);
}
