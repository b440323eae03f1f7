// SPDX-License-Identifier: Apache-2.0
// `sizeup optimize MODEL`: what a model costs as a compiler would run it, and what was fused.
#include "cli/optimize.h"

#include <stdlib.h>
#include <string.h>

static const cli_option options_table[] = {
    CLI_MODEL_OPTIONS(optimize_options),
    {"for", 'f', CLI_STRING, "NAME", "generic", "as this compiler does ('list recipes')",
     offsetof(optimize_options, recipe)},
    {"passes", 'p', CLI_STRING, "LIST", NULL, "only these passes, in this order ('list passes')",
     offsetof(optimize_options, passes)},
    {"write", 'w', CLI_STRING, "FILE", NULL,
     "the optimized graph: ONNX if called .onnx, else text",
     offsetof(optimize_options, write)},
    {"top", 0, CLI_INT, "N", "-1", "only the N groups that save most bytes; 0: all of them",
     offsetof(optimize_options, top)},
};

static const char notes[] =
    "A group is what runs as one kernel: what flows inside of it moves no bytes.\n"
    "Text shows the 12 groups that save most bytes; --top 0 shows all.\n"
    "'count --optimized' and 'predict --optimized yes' count the same graph.\n";

const cli_usage cli_optimize_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(optimize_options),
    .min_args = 1,
    .max_args = 1,
    .notes = notes,
    .schema = optimize_schema,
    .n_schema = &optimize_schema_n,
};

// ---- both sides --------------------------------------------------------------------------------

static sz_status cost(cli_app *app, optimize_job *job, optimize_side *ret_side) {
    sz_status status = sz_costs_create(app->ctx, job->model, NULL, &job->costs);
    if (status != SZ_OK) return status;
    *ret_side = (optimize_side){sz_costs_total(job->costs), sz_costs_activations(job->costs),
                                (int64_t)sz_costs_node_count(job->costs),
                                sz_costs_covered(job->costs)};
    return SZ_OK;
}

static sz_status prepare(cli_app *app, optimize_job *job) {
    const optimize_options *o = job->options;
    const sz_load_options load = cli_load_options(&o->binds, &o->inputs);
    const sz_optimize_options how = {.recipe = o->recipe, .passes = o->passes};
    sz_status status = sz_model_load(app->ctx, app->args[0], &load, &job->model);
    if (status == SZ_OK) status = cost(app, job, &job->before);
    if (status != SZ_OK) return status;
    sz_costs_destroy(job->costs);
    job->costs = NULL;
    status = sz_model_optimize(app->ctx, job->model, &how);
    return status == SZ_OK ? cost(app, job, &job->after) : status;
}

// ---- which groups ------------------------------------------------------------------------------

typedef struct ranked {
    int64_t saved;
    size_t row;
} ranked;

static int most_saved_first(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->saved != y->saved) return x->saved < y->saved ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static bool choose_groups(optimize_job *job) {
    const size_t n = sz_costs_node_count(job->costs);
    ranked *all = malloc((n + 1) * sizeof *all);
    job->groups = malloc((n + 1) * sizeof *job->groups);
    if (all && job->groups) {
        for (size_t i = 0; i < n; i++) {
            const sz_node_cost row = sz_costs_node(job->costs, i);
            if (row.n_nodes)
                all[job->n_groups++] = (ranked){row.unfused_bytes - row.cost.bytes_moved, i};
        }
        qsort(all, job->n_groups, sizeof *all, most_saved_first);
        for (size_t i = 0; i < job->n_groups; i++) job->groups[i] = all[i].row;
    }
    free(all);
    return all && job->groups;
}

// ---- run ---------------------------------------------------------------------------------------

static bool is_onnx(const char *path) {
    const size_t n = strlen(path);
    return n > 5 && strcmp(path + n - 5, ".onnx") == 0;
}

static int write_graph(cli_app *app, sz_model *model, const char *path) {
    const char *text = is_onnx(path) ? "" : sz_model_text(model);
    sz_status status = SZ_OK;
    cli_app to = *app;
    sz_buf buf;
    if (!text) return cli_error(app, CLI_BUG, "no memory for the text of the graph");
    to.output = path;
    sz_buf_init(&buf, app->out);
    sz_buf_puts(&buf, text);
    if (is_onnx(path)) status = sz_model_write_onnx(model, &buf);
    const int code = status == SZ_OK ? cli_write(&to, &buf) : cli_fail(app, status);
    sz_buf_finish(&buf);
    return code;
}

static int write_json(cli_app *app, const optimize_job *job) {
    sz_buf buf;
    cli_stream(app, &buf);
    optimize_write_json(app, job, &buf);
    const int code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}

static int write_out(cli_app *app, optimize_job *job) {
    enum { SHOWN = 12 };
    const int64_t top = job->options->top;
    if (!choose_groups(job)) return cli_error(app, CLI_BUG, "no memory for the output");
    if (job->options->write) {
        const int code = write_graph(app, job->model, job->options->write);
        if (code) return code;
    }
    if (top > 0 && (uint64_t)top < job->n_groups) job->n_groups = (size_t)top;
    if (cli_wants(app, "json")) return write_json(app, job);
    const size_t shown = top < 0 && !cli_wants(app, "csv") ? SHOWN : job->n_groups;
    sz_doc *doc;
    if (sz_doc_create(app->out, "sizeup.optimize/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    optimize_fill_doc(job, doc, shown < job->n_groups ? shown : job->n_groups);
    const int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

int cli_optimize(cli_app *app, const void *options) {
    optimize_job job = {.options = options};
    const sz_status status = prepare(app, &job);
    if (status == SZ_OK) job.nodes = sz_model_node_count(job.model);
    const int code = status == SZ_OK ? write_out(app, &job) : cli_fail(app, status);
    free(job.groups);
    sz_costs_destroy(job.costs);
    sz_model_destroy(job.model);
    return code;
}
