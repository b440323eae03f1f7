// SPDX-License-Identifier: Apache-2.0
// `sizeup lab [NAME]`: a classic experiment, beside what the model of this machine predicts.
#include "cli/lab.h"
#include "cli/machines.h"

#include <stdio.h>
#include <string.h>

typedef struct lab_options {
    bool quick;
    cli_picture_options picture;
    const char *machine, *cpu_mask;
} lab_options;

static const cli_option options_table[] = {
    {"machine", 'm', CLI_STRING, "NAME", "here",
     "the measurement of this machine that predicts; 'here' is made when there is none",
     offsetof(lab_options, machine)},
    {"quick", 0, CLI_FLAG, NULL, NULL, "small sizes, a second or two: shows that it works",
     offsetof(lab_options, quick)},
    {"cpu-mask", 0, CLI_STRING, "LIST", NULL, "do without these CPU features: avx512f,fma",
     offsetof(lab_options, cpu_mask)},
    CLI_PICTURE_OPTIONS(lab_options),
};

static const char notes[] =
    "Without a name: the experiments there are. Each takes less than 20 seconds, checks its "
    "results\n"
    "and prints what the original found, what this machine shows, and why.\n"
    "-o FILE.svg or FILE.png writes its plot.\n";

static const cli_schema_row schema[] = {
    {1, "lab", CLI_J_STRING, "name of the experiment", NULL, false},
    {1, "what", CLI_J_STRING, NULL, NULL, false},
    {1, "machine", CLI_J_STRING, "that predicts", NULL, false},
    {1, "fingerprint", CLI_J_STRING, "of the machine", NULL, false},
    {1, "isa", CLI_J_STRING, "instruction set of the loops", NULL, false},
    {1, "original", CLI_J_STRING, "what the original found", NULL, false},
    {1, "why", CLI_J_STRING, NULL, NULL, false},
    {1, "predicted_cases", CLI_J_INTEGER, NULL, NULL, false},
    {1, "within_25_percent", CLI_J_INTEGER, "of them, by the rates of the time", NULL, false},
    {1, "saved_within_25_percent", CLI_J_INTEGER, "by the rates as saved", NULL, false},
    {1, "ordered_pairs", CLI_J_INTEGER, "pairs of cases that the model tells apart", NULL, false},
    {1, "wrong_pairs", CLI_J_INTEGER, "of them, with times in the other order", NULL, false},
    {1, "rows", CLI_J_ARRAY, "cases", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_lab_row_type, false},
    {1, "ratios", CLI_J_ARRAY, "times over times", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_lab_ratio_type, false},
    {1, "rates", CLI_J_ARRAY, "that the model uses", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_lab_rate_type, false},
    {1, "findings", CLI_J_ARRAY, "what this machine shows", NULL, false},
    {2, "finding", CLI_J_STRING, NULL, NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
static const size_t n_schema = CLI_COUNT(schema);

static const cli_schema_row list_schema[] = {
    {1, "labs", CLI_J_ARRAY, "experiments", NULL, false},
    {2, "name", CLI_J_STRING, NULL, NULL, false},
    {2, "what", CLI_J_STRING, NULL, NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};

static const cli_word_schema words[] = {
    {"list", list_schema, CLI_COUNT(list_schema)},
    {NULL, NULL, 0},
};

const cli_usage cli_lab_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(lab_options),
    .max_args = 1,
    .notes = notes,
    .schema = schema,
    .n_schema = &n_schema,
    .words = words,
};

static void tell(void *user, const char *what) {
    const cli_app *app = user;
    if (app->progress) fprintf(stderr, "\r\033[K%s", what);
}

static void end_progress(const cli_app *app) {
    if (app->progress) fputs("\r\033[K", stderr);
}

// ---- the list ----------------------------------------------------------------------------------

static int list(cli_app *app) {
    static const sz_column columns[] = {
        {"name", "experiment", NULL, SZ_AS_TEXT, 0},
        {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc *doc;
    sz_lab_info info;
    if (sz_doc_create(app->out, "sizeup.lab.list/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    sz_doc_table(doc, "labs", columns, CLI_COUNT(columns));
    for (size_t i = 0; sz_list_lab(i, &info); i++) {
        const sz_cell cells[] = {sz_cell_text(info.name), sz_cell_text(info.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    const int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

static bool is_known(const char *name) {
    sz_lab_info info;
    for (size_t i = 0; sz_list_lab(i, &info); i++)
        if (strcmp(info.name, name) == 0) return true;
    return false;
}

static int unknown(const cli_app *app, const char *name) {
    const char *names[32] = {NULL};
    sz_lab_info info;
    for (size_t i = 0; i + 1 < CLI_COUNT(names) && sz_list_lab(i, &info); i++) names[i] = info.name;
    return cli_unknown(app, "experiment", name, names);
}

// ---- the machine -------------------------------------------------------------------------------

// A quick measurement, saved as 'here' so that the next experiment need not wait for it.
static sz_status measure_here(cli_app *app, const lab_options *o, sz_machine **ret_machine) {
    const sz_measure_options how = {
        .budget_s = 8, .cpu_mask = o->cpu_mask, .progress = tell, .user = app};
    char folder[4096];
    sz_status status = sz_machine_measure(app->ctx, &how, ret_machine);
    end_progress(app);
    if (status != SZ_OK || !cli_machine_folder(folder, sizeof folder)) return status;
    status = sz_machine_save(app->ctx, *ret_machine, folder, "here");
    if (status == SZ_OK && !app->quiet)
        fputs("this machine was not measured yet: a quick measurement is saved as 'here'\n",
              stderr);
    return status;
}

static sz_status load(cli_app *app, const lab_options *o, sz_machine **ret_machine) {
    const sz_status status = cli_machine_load(app, o->machine, ret_machine);
    if (status != SZ_ERR_UNAVAILABLE || strcmp(o->machine, "here") != 0) return status;
    sz_ctx_clear(app->ctx);
    return measure_here(app, o, ret_machine);
}

// ---- run ---------------------------------------------------------------------------------------

static int show(cli_app *app, const lab_options *o, const sz_lab *lab, const sz_machine *machine) {
    sz_plot *plot = NULL;
    sz_doc *doc = NULL;
    int code = CLI_BUG;
    if (sz_plot_create(app->out, &plot) != SZ_OK ||
        sz_doc_create(app->out, "sizeup.lab/1", &doc) != SZ_OK) {
        cli_error(app, CLI_BUG, "no memory for the output");
    } else {
        lab_draw(lab, machine, plot);
        lab_fill_doc(app, lab, machine, doc);
        const cli_picture picture = {plot, doc, &o->picture};
        code = cli_write_picture(app, &picture);
    }
    sz_doc_destroy(doc);
    sz_plot_destroy(plot);
    return code;
}

int cli_lab(cli_app *app, const void *options) {
    const lab_options *o = options;
    const sz_lab_options how = {
        .cpu_mask = o->cpu_mask, .quick = o->quick, .progress = tell, .user = app};
    sz_machine *machine = NULL;
    sz_lab *lab = NULL;
    if (app->n_args == 0) return list(app);
    if (!is_known(app->args[0])) return unknown(app, app->args[0]);
    sz_status status = load(app, o, &machine);
    if (status == SZ_OK) status = sz_lab_run(app->ctx, app->args[0], machine, &how, &lab);
    end_progress(app);
    const int code = status == SZ_OK ? show(app, o, lab, machine) : cli_fail(app, status);
    sz_lab_destroy(lab);
    sz_machine_destroy(machine);
    return code;
}
