// SPDX-License-Identifier: Apache-2.0
// Constants that folding made: the node that made one is kept as its recipe. Recipes of recipes are
// worked out from a list, not by recursion.
#include "run/backends/ref/session.h"

static sz_status run_recipe(sz_ref *r, const sz_frame *f, sz_value_id id) {
    const sz_constant *c = sz_graph_value(f->graph, id)->constant;
    const sz_node *n = c->recipe;
    const size_t n_in = (size_t)n->n_inputs, n_out = (size_t)n->n_outputs;
    const size_t size = (n_in + n_out + 1) * sizeof(sz_buffer *);
    sz_buffer **in = sz_alloc(r->ctx, size), **out = in ? in + n_in : NULL;
    sz_status status = in ? SZ_OK : sz_no_memory(r->ctx);
    for (size_t i = 0; status == SZ_OK && i < n_in; i++)
        if (n->inputs[i] != SZ_NONE) status = sz_ref_look_up(r, f, n->inputs[i], &in[i]);
    if (status == SZ_OK) status = sz_ref_node(r, f, n, in, out);
    if (status == SZ_OK) f->slots[id] = sz_buffer_hold(out[c->recipe_output]);
    for (size_t o = 0; in && o < n_out; o++) sz_buffer_release(r->ctx, out[o]);
    sz_free(r->ctx, in, size);
    return status;
}

typedef struct todo {
    const sz_frame *frame;
    sz_value_id id;
} todo;

// The first input of a recipe that is a recipe itself and has no numbers yet.
static bool is_waiting(const sz_ref *r, const todo *t, todo *ret) {
    const sz_node *n = sz_graph_value(t->frame->graph, t->id)->constant->recipe;
    for (int32_t i = 0; i < n->n_inputs; i++) {
        if (n->inputs[i] == SZ_NONE) continue;
        ret->frame = sz_ref_owner(t->frame, n->inputs[i], &ret->id);
        const sz_constant *c = sz_graph_value(ret->frame->graph, ret->id)->constant;
        const bool given = ret->frame->graph == r->graph && r->given[ret->id];
        if (c && c->form == SZ_CONST_RECIPE && !ret->frame->slots[ret->id] && !given) return true;
    }
    return false;
}

sz_status sz_ref_recipe(sz_ref *r, const sz_frame *f, sz_value_id id) {
    SZ_VEC(todo) list = {0};
    todo next = {f, id};
    sz_status status = SZ_OK;
    bool more = sz_vec_push(r->ctx, &list, next);
    if (!more) status = sz_no_memory(r->ctx);
    while (status == SZ_OK && list.n) {
        const todo t = list.items[list.n - 1];
        if (!sz_graph_value(t.frame->graph, t.id)->constant->recipe) {
            status = sz_fail(r->ctx, SZ_ERR_INTERNAL, "a folded constant without its recipe");
        } else if (is_waiting(r, &t, &next)) {
            if (!sz_vec_push(r->ctx, &list, next)) status = sz_no_memory(r->ctx);
        } else {
            status = run_recipe(r, t.frame, t.id);
            list.n--;
        }
    }
    sz_vec_finish(r->ctx, &list);
    return status;
}
