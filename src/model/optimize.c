// SPDX-License-Identifier: Apache-2.0
// sz_model_optimize: passes over a loaded model, within the memory that its file allows.
#include "model/graph/allowance.h"
#include "model/passes/run.h"

#include <sizeup/optimize.h>

static sz_status run(sz_ctx *ctx, sz_model *m, const sz_recipe *recipe, sz_pass_list *list) {
    const size_t used = sz_ctx_memory_used(ctx), refused = sz_ctx_refused(ctx);
    const size_t limit = sz_allowance_begin(ctx, m);
    sz_status status = sz_passes_run(m->graph, recipe, list);
    if (status == SZ_OK && sz_ctx_refused(ctx) != refused) status = sz_no_memory(ctx);
    sz_ctx_set_job_limit(ctx, limit);
    m->memory += sz_ctx_memory_used(ctx) - used;
    return status;
}

static sz_status keep_results(sz_model *m, const sz_pass_list *list) {
    sz_pass_result *results = sz_arena_array(m->graph->arena, (size_t)list->n + 1, sizeof *results);
    if (!results) return sz_no_memory(m->ctx);
    for (int i = 0; i < list->n; i++)
        results[i] = (sz_pass_result){list->passes[i]->name, list->changed[i]};
    m->passes = results;
    m->n_passes = (size_t)list->n;
    m->is_optimized = true;
    m->text = NULL;
    return SZ_OK;
}

sz_status sz_model_optimize(sz_ctx *ctx, sz_model *model, const sz_optimize_options *options) {
    const char *name = options ? options->recipe : NULL;
    const sz_recipe *recipe = sz_recipe_find(name);
    sz_pass_list list;
    if (!recipe)
        return sz_fail(ctx, SZ_ERR_USAGE, "recipe '%s' is unknown; 'sizeup list recipes' shows all",
                       sz_show(ctx, sz_str_c(name)));
    if (model->is_optimized || model->graph->plan)
        return sz_fail(ctx, SZ_ERR_USAGE, "the model is optimized already");
    SZ_TRY(sz_pass_list_read(ctx, options && options->passes ? options->passes : recipe->passes,
                             &list));
    sz_status status = run(ctx, model, recipe, &list);
    if (status == SZ_OK) status = keep_results(model, &list);
    return status == SZ_OK ? SZ_OK : sz_place(ctx, status, "file '%s'", sz_model_path(model));
}

size_t sz_model_pass_count(const sz_model *model) { return model->n_passes; }

sz_pass_result sz_model_pass(const sz_model *model, size_t i) {
    return i < model->n_passes ? model->passes[i] : (sz_pass_result){.name = ""};
}
