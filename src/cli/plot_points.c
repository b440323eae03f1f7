// SPDX-License-Identifier: Apache-2.0
// `sizeup plot pareto|oracle|staircase FILE`: pictures of settings and their metrics.
#include "cli/plots.h"
#include "cli/stores.h"
#include "cli/words.h"

#include <string.h>
#include <unistd.h>

int plot_start(cli_app *app, const char *what, const char *source, sz_plot **ret_plot,
               sz_doc **ret_doc) {
    *ret_plot = NULL;
    *ret_doc = NULL;
    if (sz_plot_create(app->out, ret_plot) != SZ_OK ||
        sz_doc_create(app->out, "sizeup.plot/1", ret_doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    sz_doc_fact(*ret_doc, "plot", NULL, sz_cell_text(what), SZ_AS_TEXT, NULL);
    sz_doc_fact(*ret_doc, "source", NULL, sz_cell_text(source), SZ_AS_TEXT, NULL);
    return CLI_DONE;
}

static sz_status add_records(cli_app *app, const sz_bench_set *set, sz_chart_data *data) {
    sz_status status = SZ_OK;
    for (size_t i = 0; status == SZ_OK && i < sz_bench_set_count(set); i++) {
        const char *text = sz_bench_set_text(set, i);
        if (text) status = sz_chart_data_read(app->ctx, data, text, strlen(text));
    }
    return status;
}

// A run of the store, or a file of results that is no JSON of ours.
static int load_records(cli_app *app, const plot_options *o, const char *word, cli_word_kind what,
                        sz_chart_data *data) {
    sz_bench_set *set = NULL;
    if (what == CLI_PLACE && !cli_has_store(app, o->store)) return CLI_UNAVAILABLE;
    sz_status status = cli_load_records(app, o->store, word, what, &set);
    if (status == SZ_OK) status = add_records(app, set, data);
    sz_bench_set_destroy(set);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}

static int load_file(cli_app *app, const char *path, sz_chart_data *data) {
    sz_buf buf;
    int code = cli_read_file(app, path, &buf);
    if (code == CLI_DONE &&
        sz_chart_data_read(app->ctx, data, buf.data ? buf.data : "", buf.size) != SZ_OK)
        code = cli_error(app, CLI_INPUT, "file '%s': %s", path, sz_ctx_error(app->ctx));
    sz_buf_finish(&buf);
    return code;
}

static int load(cli_app *app, const plot_options *o, sz_chart_data *data) {
    const char *word = app->args[1];
    const bool is_file = strcmp(word, "-") == 0 || access(word, F_OK) == 0;
    int code = !is_file && cli_is_place(word) ? load_records(app, o, word, CLI_PLACE, data)
                                              : load_file(app, word, data);
    if (code == CLI_DONE && sz_chart_data_count(data) == 0)
        code = cli_error(app, CLI_INPUT, "'%s' has no points", word);
    for (size_t i = 0; code == CLI_DONE && i < o->higher.n; i++)
        if (sz_chart_data_set_higher(app->ctx, data, o->higher.items[i]) != SZ_OK)
            code = cli_error(app, CLI_USAGE, "%s", sz_ctx_error(app->ctx));
    return code;
}

typedef sz_status draw_points(sz_ctx *ctx, const sz_chart_data *data, const plot_options *o,
                              sz_plot *plot);

static int run(cli_app *app, const plot_options *o, const char *what, draw_points *draw) {
    sz_chart_data *data = NULL;
    sz_plot *plot = NULL;
    sz_doc *doc = NULL;
    if (app->n_args < 2)
        return cli_error(app, CLI_USAGE, "plot %s needs a FILE of 'explore' or 'bench', or a run",
                         what);
    if (sz_chart_data_create(app->ctx, &data) != SZ_OK) return cli_error(app, CLI_BUG, "no memory");
    int code = load(app, o, data);
    if (code == CLI_DONE) code = plot_start(app, what, app->args[1], &plot, &doc);
    if (code == CLI_DONE) {
        const sz_status status = draw(app->ctx, data, o, plot);
        if (status != SZ_OK) code = cli_fail(app, status);
    }
    if (code == CLI_DONE) {
        sz_doc_fact(doc, "settings", NULL, sz_cell_i64((int64_t)sz_chart_data_count(data)),
                    SZ_AS_INT, NULL);
        code = cli_write_picture(app, &(cli_picture){plot, doc, &o->picture});
    }
    sz_doc_destroy(doc);
    sz_plot_destroy(plot);
    sz_chart_data_destroy(data);
    return code;
}

// ---- words -------------------------------------------------------------------------------------

static sz_status draw_pareto(sz_ctx *ctx, const sz_chart_data *data, const plot_options *o,
                             sz_plot *plot) {
    const int labels = o->labels == 0 ? -1 : o->labels > 1000 ? 1000 : (int)o->labels;
    const sz_chart_front_options how = {.x = o->x, .y = o->y, .z = o->z, .labels = labels};
    return sz_chart_front(ctx, data, &how, plot);
}

static sz_status draw_oracle(sz_ctx *ctx, const sz_chart_data *data, const plot_options *o,
                             sz_plot *plot) {
    return sz_chart_oracle(
        ctx, data, &(sz_chart_oracle_options){.parameter = o->over, .metric = o->metric}, plot);
}

static sz_status draw_steps(sz_ctx *ctx, const sz_chart_data *data, const plot_options *o,
                            sz_plot *plot) {
    return sz_chart_steps(
        ctx, data, &(sz_chart_steps_options){.parameter = o->over, .metric = o->metric}, plot);
}

int plot_pareto(cli_app *app, const plot_options *o) { return run(app, o, "pareto", draw_pareto); }
int plot_oracle(cli_app *app, const plot_options *o) { return run(app, o, "oracle", draw_oracle); }
int plot_staircase(cli_app *app, const plot_options *o) {
    return run(app, o, "staircase", draw_steps);
}
