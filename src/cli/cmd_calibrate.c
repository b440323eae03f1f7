// SPDX-License-Identifier: Apache-2.0
// `sizeup calibrate`: measure a backend, so that 'predict --level calibrated' can tell its times.
#include "cli/calibrations.h"

#include <math.h>
#include <stdio.h>

#include <sizeup/calibrate.h>

#include "cli/interrupt.h"
#include "cli/machines.h"

typedef struct calibrate_options {
    const char *backend, *budget, *machine, *dtype;
    int64_t threads, seed;
} calibrate_options;

static const cli_option options_table[] = {
    {"backend", 'b', CLI_STRING, "NAME", "onednn", "of 'list backends'; executor = onednn",
     offsetof(calibrate_options, backend)},
    {"threads", 't', CLI_INT, "N", "1", "threads of the library",
     offsetof(calibrate_options, threads)},
    {"dtype", 'd', CLI_STRING, "NAME", "f32", "format of the nets: f32, bf16, f16",
     offsetof(calibrate_options, dtype)},
    {"budget", 0, CLI_STRING, "TIME", "10min", "time for all of it: 90s, 10min",
     offsetof(calibrate_options, budget)},
    {"machine", 'm', CLI_STRING, "NAME", "here", "the record of this machine",
     offsetof(calibrate_options, machine)},
    {"seed", 0, CLI_INT, "N", "1", "of the choice of nets", offsetof(calibrate_options, seed)},
};

static const char notes[] =
    "Random nets are made, run whole and layer by layer on the backend, and kept with the "
    "machine:\n"
    "what each kind of kernel takes beyond its roofline time, by its sizes. No net that exists is\n"
    "among them. Errors are those of nets told by the others alone; beside them stand the "
    "roofline\n"
    "and the roofline times one constant.\n";

static const cli_schema_row schema[] = {
    {1, "backend", CLI_J_STRING, NULL, NULL, false},
    {1, "version", CLI_J_STRING, "of the library", NULL, false},
    {1, "threads", CLI_J_INTEGER, NULL, NULL, false},
    {1, "dtype", CLI_J_STRING, "of the nets", NULL, false},
    {1, "nets", CLI_J_INTEGER, "that were measured", NULL, false},
    {1, "fixed_s", CLI_J_NUMBER, "of a net, beside its kernels", NULL, false},
    {1, "factor", CLI_J_NUMBER, "of the sum of its kernels", NULL, false},
    {1, "usual_least", CLI_J_NUMBER,
     "factor: what strangers on the host cost meanwhile, by how long a net takes; 1 = nothing",
     NULL, false},
    {1, "usual_most", CLI_J_NUMBER, "the same of the nets that met most", NULL, false},
    {1, "scores", CLI_J_ARRAY, "errors: whole nets first, then by kind of kernel", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_calibration_score_type, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
static const size_t n_schema = CLI_COUNT(schema);

const cli_usage cli_calibrate_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(calibrate_options),
    .min_args = 0,
    .max_args = 0,
    .notes = notes,
    .schema = schema,
    .n_schema = &n_schema,
};

// ---- output ------------------------------------------------------------------------------------

typedef struct answer {
    sz_ctx *ctx;
    const sz_calibration *calibration;
} answer;

static void put_json(sz_json *j, const void *what) {
    const answer *a = what;
    const sz_calibration_facts f = sz_calibration_about(a->calibration);
    sz_json_key_str(j, "backend", f.backend);
    sz_json_key_str(j, "version", f.version);
    sz_json_key_i64(j, "threads", f.threads);
    sz_json_key_str(j, "dtype", f.dtype);
    sz_json_key_i64(j, "nets", (int64_t)f.nets);
    sz_json_key_f64(j, "fixed_s", f.fixed_s);
    sz_json_key_f64(j, "factor", f.factor);
    sz_json_key_f64(j, "usual_least", f.usual_least);
    sz_json_key_f64(j, "usual_most", f.usual_most);
    sz_json_key_array(j, "scores");
    for (size_t i = 0; i < sz_calibration_score_count(a->calibration); i++) {
        sz_calibration_score s;
        if (sz_calibration_score_of(a->ctx, a->calibration, i, &s) != SZ_OK) break;
        sz_json_begin_object(j);
        sz_json_record(j, sz_calibration_score_type(), &s);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}

static void fill_doc(sz_doc *doc, const void *what) {
    const answer *a = what;
    const sz_calibration *c = a->calibration;
    static const sz_column columns[] = {
        {"kind", "kind", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"n", "n", NULL, SZ_AS_INT, 0},
        {"median_error", "error", NULL, SZ_AS_PERCENT, 0},
        {"p90_error", "9 in 10", NULL, SZ_AS_PERCENT, 0},
        {"within_10", "in 10 %", NULL, SZ_AS_PERCENT, 0},
        {"constant_error", "x constant", NULL, SZ_AS_PERCENT, 0},
        {"roofline_error", "roofline", NULL, SZ_AS_PERCENT, 0},
    };
    const sz_calibration_facts f = sz_calibration_about(c);
    char text[256];
    snprintf(text, sizeof text, "%s %s, %d threads, %s", f.backend, f.version ? f.version : "",
             f.threads, f.dtype ? f.dtype : "f32");
    sz_doc_heading(doc, text);
    sz_doc_fact(doc, "nets", "nets", sz_cell_i64((int64_t)f.nets), SZ_AS_INT, NULL);
    snprintf(text, sizeof text, "%.3g us + %.3f x the sum of the kernels", f.fixed_s * 1e6,
             f.factor);
    sz_doc_fact(doc, NULL, "a whole net", sz_cell_text(text), SZ_AS_TEXT, NULL);
    if (f.usual_most > 1.01) {
        snprintf(text, sizeof text,
                 "x %.3f to %.3f, by how long a net takes: what strangers on the host cost "
                 "meanwhile",
                 f.usual_least, f.usual_most);
        sz_doc_fact(doc, NULL, "usually", sz_cell_text(text), SZ_AS_TEXT, NULL);
    }
    sz_doc_table(doc, "scores", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_calibration_score_count(c); i++) {
        sz_calibration_score s;
        if (sz_calibration_score_of(a->ctx, c, i, &s) != SZ_OK) return;
        const sz_cell cells[] = {sz_cell_text(s.kind),         sz_cell_i64(s.n),
                                 sz_cell_f64(s.median_error),  sz_cell_f64(s.p90_error),
                                 sz_cell_f64(s.within_10),     sz_cell_f64(s.constant_error),
                                 sz_cell_f64(s.roofline_error)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

// ---- run ---------------------------------------------------------------------------------------

static void progress(void *user, const char *what, double done) {
    const cli_app *app = user;
    if (app->progress) fprintf(stderr, "\r\033[K%3.0f %%: %.80s", 100 * done, what);
}

// What was measured is shown also where it can't be kept.
static int keep(cli_app *app, const sz_calibration *c) {
    char folder[4096];
    if (!cli_calibration_folder(folder, sizeof folder))
        return cli_error(app, CLI_UNAVAILABLE,
                         "not kept: neither XDG_DATA_HOME nor HOME is an absolute path");
    const sz_status status = sz_calibration_save(app->ctx, c, folder);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}

static int run(cli_app *app, const calibrate_options *o, const sz_machine *machine) {
    sz_calibrate_options how = {.backend = o->backend,
                                .program = "/proc/self/exe",
                                .environment = cli_environment(),
                                .machine = machine,
                                .threads = (int)o->threads,
                                .dtype = o->dtype,
                                .seed = (uint64_t)o->seed,
                                .progress = progress,
                                .user = app};
    sz_calibration *c = NULL;
    int code = cli_read_time(app, "budget", o->budget, &how.budget_s);
    if (code != CLI_DONE) return code;
    how.stop = cli_catch_interrupts();
    const sz_status status = sz_calibrate(app->ctx, &how, &c);
    cli_release_interrupts();
    if (app->progress) fputs("\r\033[K", stderr);
    if (status != SZ_OK) return cli_fail(app, status);
    static const cli_answer form = {"sizeup.calibrate/1", put_json, fill_doc};
    code = cli_write_answer(app, &form, &(answer){app->ctx, c});
    if (code == CLI_DONE) code = keep(app, c);
    sz_calibration_destroy(c);
    return code;
}

int cli_calibrate(cli_app *app, const void *options) {
    const calibrate_options *o = options;
    sz_machine *machine = NULL;
    if (o->threads < 1 || o->threads > 100000)
        return cli_error(app, CLI_USAGE, "option '--threads' needs a number from 1 to 100000");
    const sz_status status = cli_machine_load(app, o->machine, &machine);
    if (status != SZ_OK) return cli_fail(app, status);
    const int code = run(app, o, machine);
    sz_machine_destroy(machine);
    return code;
}
