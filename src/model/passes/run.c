// SPDX-License-Identifier: Apache-2.0
#include "model/passes/run.h"

#include "model/passes/layouts.h"

// ---- the list ----------------------------------------------------------------------------------

static sz_status add_pass(sz_ctx *ctx, sz_pass_list *list, sz_str name) {
    const int32_t i = sz_pass_find(name);
    if (i == SZ_NONE)
        return sz_fail(ctx, SZ_ERR_USAGE, "pass '%s' is unknown; 'sizeup list passes' shows all",
                       sz_show(ctx, name));
    const sz_pass *pass = sz_pass_get(i), *last = list->n ? list->passes[list->n - 1] : NULL;
    if (last && last->sort == SZ_PASS_FUSION && pass->sort == SZ_PASS_REWRITE)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "pass '%s' rewrites nodes that '%s' has grouped: put it in front",
                       pass->name, last->name);
    if (list->n == SZ_MAX_PASSES)
        return sz_fail(ctx, SZ_ERR_USAGE, "more than %d passes", SZ_MAX_PASSES);
    list->passes[list->n++] = pass;
    return SZ_OK;
}

sz_status sz_pass_list_read(sz_ctx *ctx, const char *names, sz_pass_list *ret_list) {
    *ret_list = (sz_pass_list){.n = 0};
    for (const char *at = names; *at;) {
        const size_t len = strcspn(at, ", ");
        if (len) SZ_TRY(add_pass(ctx, ret_list, (sz_str){at, (uint32_t)len}));
        at += len;
        at += strspn(at, ", ");
    }
    return SZ_OK;
}

// ---- running -----------------------------------------------------------------------------------

static sz_status run_passes(sz_edit *e, const sz_recipe *recipe, sz_pass_list *list) {
    for (int i = 0; i < list->n; i++) {
        sz_pass_job job = {.e = e, .g = e->g, .recipe = recipe};
        sz_status status = list->passes[i]->run(&job);
        if (status != SZ_OK) return sz_place(e->g->ctx, status, "pass '%s'", list->passes[i]->name);
        list->changed[i] += job.changed;
    }
    return SZ_OK;
}

static sz_status run_graph(sz_graph *g, const sz_recipe *recipe, sz_pass_list *list) {
    sz_edit *e;
    SZ_TRY(sz_edit_begin(g, &e));
    sz_status status = run_passes(e, recipe, list);
    if (status == SZ_OK) return sz_edit_finish(e);
    sz_edit_drop(e);
    return status;
}

sz_status sz_passes_run(sz_graph *g, const sz_recipe *recipe, sz_pass_list *list) {
    SZ_TRY(run_graph(g, recipe, list));
    for (size_t i = 0; i < g->children.n; i++)
        SZ_TRY(run_graph(g->children.items[i], recipe, list));
    return SZ_OK;
}

// ---- as it runs --------------------------------------------------------------------------------

static sz_value_id made_by(const sz_graph *g, size_t i) {
    const sz_node *n = &g->nodes.items[i];
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE) return n->outputs[o];
    return SZ_NONE;
}

// Values keep their ids. An output of the graph may be what a node made is turned into.
static sz_node_id maker_of(const sz_graph *g, sz_value_id v) {
    if (v == SZ_NONE) return SZ_NONE;
    const sz_node_id id = sz_graph_value(g, v)->producer;
    if (id == SZ_NONE || sz_turn_of(sz_graph_node(g, id)) == SZ_TURN_NONE) return id;
    return sz_graph_value(g, sz_graph_node(g, id)->inputs[0])->producer;
}

static sz_status run_named(sz_graph *g, const sz_recipe *recipe) {
    static const char *const names[] = {"strides", "layouts"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sz_pass_list list;
        if (!strstr(recipe->passes, names[i])) continue;
        SZ_TRY(sz_pass_list_read(g->ctx, names[i], &list));
        SZ_TRY(sz_passes_run(g, recipe, &list));
    }
    if (g->plan && g->plan->n_groups == 0) g->plan = NULL;
    return SZ_OK;
}

sz_status sz_passes_as_run(sz_graph *g, const char *recipe, sz_node_id *ret_moved) {
    const sz_recipe *r = recipe ? sz_recipe_find(recipe) : NULL;
    const size_t n = g->nodes.n;
    for (size_t i = 0; i < n && ret_moved; i++) ret_moved[i] = r ? made_by(g, i) : (sz_node_id)i;
    if (!r) return SZ_OK;
    SZ_TRY(run_named(g, r));
    for (size_t i = 0; i < n && ret_moved; i++) ret_moved[i] = maker_of(g, ret_moved[i]);
    return SZ_OK;
}
