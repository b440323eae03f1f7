// SPDX-License-Identifier: Apache-2.0
#include "model/passes/run.h"

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

sz_status sz_passes_move_strides(sz_graph *g, const char *recipe) {
    static const char name[] = "strides";
    const sz_recipe *r = recipe ? sz_recipe_find(recipe) : NULL;
    sz_pass_list list;
    if (!r || !strstr(r->passes, name)) return SZ_OK;
    SZ_TRY(sz_pass_list_read(g->ctx, name, &list));
    return sz_passes_run(g, r, &list);
}
