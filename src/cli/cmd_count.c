// SPDX-License-Identifier: Apache-2.0
// `sizeup count MODEL`: what a model costs as written.
#include "cli/count.h"

#include <stdlib.h>
#include <string.h>

static const cli_option options_table[] = {
    CLI_MODEL_OPTIONS(count_options),
    {"convention", 'c', CLI_STRING, "NAME", NULL, "count as another tool does ('list conventions')",
     offsetof(count_options, convention)},
    {"by", 0, CLI_CHOICE, "node|op|total", "node", "how far to break the sums down",
     offsetof(count_options, by)},
    {"top", 0, CLI_INT, "N", "-1", "only the N nodes with most FLOPs; 0: all of them",
     offsetof(count_options, top)},
    CLI_TRAINING_OPTIONS(count_options),
    {"optimized", 0, CLI_FLAG, NULL, NULL, "as a compiler would run it: a row for each kernel",
     offsetof(count_options, optimized)},
    {"for", 0, CLI_STRING, "NAME", NULL, "of --optimized: which compiler ('list recipes')",
     offsetof(count_options, recipe)},
    {"formula", 0, CLI_FLAG, NULL, NULL, "the costs as functions of the free dimensions",
     offsetof(count_options, formula)},
    {"strict", 0, CLI_FLAG, NULL, NULL, "exit 1 when a node could not be costed",
     offsetof(count_options, strict)},
};

static const char notes[] =
    "Text shows the 25 nodes with most FLOPs when there are more than 60; --top 0 shows all.\n"
    "JSON and CSV hold all nodes unless --top says otherwise.\n"
    "An unbound free dimension is an error that names it and the option that binds it.\n";

const cli_usage cli_count_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(count_options),
    .min_args = 1,
    .max_args = 1,
    .notes = notes,
    .schema = count_schema,
    .n_schema = &count_schema_n,
};

sz_load_options cli_load_options(const cli_strings *binds, const cli_strings *inputs) {
    return (sz_load_options){.binds = binds->items, .n_binds = binds->n,
                             .inputs = inputs->items, .n_inputs = inputs->n};
}

// ---- which nodes, in which order ---------------------------------------------------------------

typedef struct ranked {
    size_t index;
    int64_t flops, bytes;
} ranked;

// Most flops first, then most bytes, then file order.
static int compare_ranked(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->flops != y->flops) return x->flops < y->flops ? 1 : -1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

static bool rank_rows(count_job *job, size_t keep) {
    size_t n = job->n_rows;
    ranked *all = malloc((n + 1) * sizeof *all);
    if (!all) return false;
    for (size_t i = 0; i < n; i++) {
        sz_node_cost node = sz_costs_node(job->costs, i);
        all[i] = (ranked){i, node.cost.flops, node.cost.bytes_moved};
    }
    qsort(all, n, sizeof *all, compare_ranked);
    for (size_t i = 0; i < keep; i++) job->rows[i] = all[i].index;
    job->n_rows = keep;
    job->by_size = true;
    free(all);
    return true;
}

static bool choose_rows(count_job *job) {
    enum { FOLD_ABOVE = 60, FOLD_TO = 25 };
    size_t n = job->costs ? sz_costs_node_count(job->costs) : 0;
    bool people = cli_wants(job->app, "text") || cli_wants(job->app, "md");
    job->rows = malloc((n + 1) * sizeof *job->rows);
    if (!job->rows) return false;
    for (size_t i = 0; i < n; i++) job->rows[i] = i;
    job->n_rows = n;
    int64_t top = job->options->top;
    if (top < 0) top = people && n > FOLD_ABOVE ? FOLD_TO : 0;
    if (top == 0 || (uint64_t)top >= n) return true;
    return rank_rows(job, (size_t)top);
}

const char *count_layer_name(const sz_costs *costs, size_t i, const sz_node_cost *node) {
    if (node->name && *node->name) return node->name;
    const char *output = node->n_outputs ? sz_costs_node_output(costs, i, 0).name : NULL;
    return output && *output ? output : "(no name)";
}

// ---- run ---------------------------------------------------------------------------------------

static int write_out(cli_app *app, const count_job *job) {
    if (cli_wants(app, "json")) {
        sz_buf buf;
        cli_stream(app, &buf);
        count_write_json(job, &buf);
        int code = cli_write(app, &buf);
        sz_buf_finish(&buf);
        return code;
    }
    sz_doc *doc;
    if (sz_doc_create(app->out, "sizeup.count/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    count_fill_doc(job, doc);
    int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

static int report(cli_app *app, count_job *job) {
    const count_options *o = job->options;
    job->with_nodes = strcmp(o->by, "node") == 0;
    job->with_ops = job->with_nodes || strcmp(o->by, "op") == 0;
    job->training = strcmp(o->mode, "training") == 0;
    int code = choose_rows(job) ? write_out(app, job)
                                : cli_error(app, CLI_BUG, "no memory for the output");
    free(job->rows);
    if (code || !o->strict || !job->costs) return code;
    bool complete = sz_costs_covered(job->costs) == (int64_t)sz_costs_node_count(job->costs);
    return complete ? CLI_DONE : CLI_NO;
}

// Load, cost and find formulas, as far as was asked for. What was made is the caller's, also after
// a failure.
static sz_status prepare(cli_app *app, const count_options *o, sz_model **model, sz_costs **costs,
                         sz_formula **formula) {
    sz_load_options load = cli_load_options(&o->binds, &o->inputs);
    sz_cost_options how = {.convention = o->convention, .optimizer = o->optimizer,
                           .training = strcmp(o->mode, "training") == 0,
                           .precision = o->precision, .recompute = o->recompute};
    const sz_optimize_options optimize = {.recipe = o->recipe};
    if (o->optimized) load.optimize = &optimize;
    load.allow_symbols = o->formula;
    sz_status status = sz_model_load(app->ctx, app->args[0], &load, model);
    if (status != SZ_OK) return status;
    if (!o->formula || sz_model_symbol_count(*model) == 0)
        status = sz_costs_create(app->ctx, *model, &how, costs);
    load.allow_symbols = 0;
    if (status == SZ_OK && o->formula)
        status = sz_formula_create(app->ctx, app->args[0], &load, &how, formula);
    return status;
}

int cli_count(cli_app *app, const void *options) {
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    sz_formula *formula = NULL;
    sz_status status = prepare(app, options, &model, &costs, &formula);
    count_job job = {.app = app, .options = options, .model = model, .costs = costs,
                     .formula = formula};
    int code = status == SZ_OK ? report(app, &job) : cli_fail(app, status);
    sz_formula_destroy(formula);
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    return code;
}
