// SPDX-License-Identifier: Apache-2.0
// `sizeup report [MODEL|RUN|last]`: all that is known of a net on a machine, or of a run, on one
// page.
#include "cli/calibrations.h"
#include "cli/compare.h"
#include "cli/count.h"
#include "cli/machines.h"
#include "cli/report.h"
#include "cli/stores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_option options_table[] = {
    {"machine", 'm', CLI_WORDS, "NAME,...", NULL,
     "here (the default), a name of 'machine list', a file; others stand beside the first",
     offsetof(report_options, machines)},
    {"level", 'l', CLI_STRING, "LEVEL", "roofline",
     "of times on paper: roofline, sum, bound or calibrated", offsetof(report_options, level)},
    {"dtype", 'd', CLI_STRING, "NAME", NULL, "compute and store floats as f32, f16, bf16, int8 ...",
     offsetof(report_options, dtype)},
    {"threads", 't', CLI_INT, "N", NULL, "threads; 0: all that were measured",
     offsetof(report_options, threads)},
    {"for", 0, CLI_STRING, "NAME", "generic", "the compiler of 'As executed' ('list recipes')",
     offsetof(report_options, recipe)},
    {"backend", 0, CLI_STRING, "NAME", "onednn", "of level calibrated: what was calibrated",
     offsetof(report_options, backend)},
    {"explore", 0, CLI_STRING, "FILE", NULL,
     "show what 'explore --format json' wrote: the front and the oracle",
     offsetof(report_options, explore)},
    {"model", 0, CLI_STRING, "FILE", NULL, "of a run: where the model's file is now",
     offsetof(report_options, model)},
    {"store", 0, CLI_STRING, "URL", NULL, "where runs are; usual: results.db in the data folder",
     offsetof(report_options, store)},
    CLI_MODEL_OPTIONS(report_options),
};

static const char notes[] =
    "RUN is a run or case of the store (3, 3.2, last) or a file that 'results import' reads; of a\n"
    "run with layers (bench --layers) the page holds predictions to what was measured.\n"
    "With -o FILE.html the page needs no network and no script; without it the same is told in "
    "text.\n";

const cli_usage cli_report_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(report_options),
    .min_args = 0,
    .max_args = 1,
    .notes = notes,
    .schema = report_schema,
    .n_schema = &report_schema_n,
};

// ---- what it is of -----------------------------------------------------------------------------

typedef enum subject { MODEL, PLACE, RECORDS } subject;

static bool ends_in(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

// A file of results is told by its name; one of such a name may still be a model.
static subject subject_of(const char *word) {
    static const char *const ends[] = {".json", ".jsonl", ".csv"};
    if (access(word, F_OK) != 0) return cli_is_place(word) ? PLACE : MODEL;
    for (size_t i = 0; i < CLI_COUNT(ends); i++)
        if (ends_in(word, ends[i])) return cli_is_model(word) ? MODEL : RECORDS;
    return MODEL;
}

static sz_status read_run(report_job *job, const char *word, subject what) {
    cli_app *app = job->app;
    sz_status status = sz_bench_set_create(app->ctx, &job->set);
    sz_store *store = NULL;
    if (status != SZ_OK) return status;
    if (what == RECORDS) return sz_bench_set_load(app->ctx, job->set, word, NULL);
    status = cli_store_open(app, job->o->store, SZ_STORE_READ, &store);
    if (status == SZ_OK) status = cli_load_place(app, store, word, job->set);
    sz_store_close(store);
    return status;
}

// The page is about one case: the first with layers, else the first that has a time.
static int choose_case(report_job *job, const char *word) {
    const size_t n = sz_bench_set_count(job->set);
    size_t timed = n;
    if (n == 0) return cli_error(job->app, CLI_INPUT, "there is no case in '%s'", word);
    for (job->record = 0; job->record < n; job->record++) {
        const sz_bench *b = sz_bench_set_get(job->set, job->record);
        if (timed == n && b->time.median_s > 0) timed = job->record;
        if (sz_bench_set_layer_count(job->set, job->record) > 0 && b->time.median_s > 0) break;
    }
    if (job->record == n) job->record = timed < n ? timed : 0;
    job->bench = sz_bench_set_get(job->set, job->record);
    return CLI_DONE;
}

// ---- loading -----------------------------------------------------------------------------------

static sz_status load_model(report_job *job, const sz_optimize_options *optimize, sz_ctx *ctx,
                            sz_model **ret_model) {
    if (job->bench)
        return sz_audit_model(ctx, job->set, job->record, job->o->model, optimize, ret_model);
    sz_load_options load = cli_load_options(&job->o->binds, &job->o->inputs);
    load.optimize = optimize;
    return sz_model_load(ctx, job->app->args[0], &load, ret_model);
}

// A machine that was named must be there; of "here" the page can do without.
static sz_status load_machine(report_job *job) {
    const bool named = job->o->machines.n > 0;
    const char *name = named ? job->o->machines.items[0] : "here";
    const sz_status status = cli_machine_load(job->app, name, &job->machine);
    if (status == SZ_OK || named || status != SZ_ERR_UNAVAILABLE) return status;
    snprintf(job->machine_why, sizeof job->machine_why, "%s", sz_ctx_error(job->app->ctx));
    return SZ_OK;
}

static sz_predict_options how_of(report_job *job) {
    sz_predict_options how = {.level = job->o->level,
                              .dtype = job->o->dtype,
                              .threads = job->threads,
                              .overlap = SZ_OVERLAP_MEASURED};
    if (strcmp(how.level, "calibrated") != 0) return how;
    const cli_calibration_wants wants = {.backend = job->o->backend,
                                         .dtype = how.dtype,
                                         .threads = job->threads > 0 ? job->threads : 1};
    if (!job->calibration)
        how.level = cli_calibration_find(job->app, &wants, &job->calibration, &job->other,
                                         job->paper_why);
    how.calibration = job->calibration, how.other = job->other;
    return how;
}

static sz_status load_written(report_job *job) {
    sz_ctx *ctx = job->app->ctx;
    sz_status status = load_model(job, NULL, ctx, &job->model);
    if (status == SZ_OK) status = sz_costs_create(ctx, job->model, NULL, &job->costs);
    if (status != SZ_OK || !job->machine) return status;
    const sz_predict_options how = how_of(job);
    return sz_estimate_create(ctx, job->costs, job->machine, &how, &job->estimate);
}

// As executed: where that can't be had the page says why.
static void load_lean(report_job *job) {
    const sz_optimize_options optimize = {.recipe = job->o->recipe};
    const sz_predict_options how = {.level = job->paper_level,
                                    .dtype = job->o->dtype,
                                    .threads = job->threads,
                                    .overlap = SZ_OVERLAP_MEASURED};
    job->recipe = job->o->recipe;
    sz_status status = load_model(job, &optimize, job->side, &job->lean);
    if (status == SZ_OK) status = sz_costs_create(job->side, job->lean, NULL, &job->lean_costs);
    if (status == SZ_OK && job->machine)
        status = sz_estimate_create(job->side, job->lean_costs, job->machine, &how,
                                    &job->lean_estimate);
    if (status != SZ_OK)
        snprintf(job->lean_why, sizeof job->lean_why, "%s", sz_ctx_error(job->side));
}

static void hold_to_run(report_job *job) {
    const sz_audit_wants w = sz_audit_wants_of(job->set, job->record);
    sz_audit_options how = {
        .machine = job->machine, .level = "calibrated", .model = job->o->model, .whole = 1};
    if (!job->machine) {
        snprintf(job->audit_why, sizeof job->audit_why, "%s", job->machine_why);
        return;
    }
    const cli_calibration_wants wants = {.backend = w.backend ? w.backend : "?",
                                         .dtype = w.dtype,
                                         .version = job->bench->ran_as.version,
                                         .threads = w.threads};
    how.level = cli_calibration_find(job->app, &wants, &job->run_calibration, &job->run_other,
                                     job->level_why);
    how.calibration = job->run_calibration, how.other = job->run_other;
    if (sz_audit_create(job->app->ctx, job->set, job->record, &how, &job->audit) != SZ_OK)
        snprintf(job->audit_why, sizeof job->audit_why, "%s", sz_ctx_error(job->app->ctx));
}

// ---- the page ----------------------------------------------------------------------------------

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void put_title(const report_job *job) {
    char subtitle[600];
    const char *cpu = job->machine ? sz_machine_cpu(job->machine).model : NULL;
    if (job->bench)
        snprintf(subtitle, sizeof subtitle, "%.200s, measured %.40s",
                 job->bench->case_name ? job->bench->case_name : "a case",
                 job->bench->started_utc ? job->bench->started_utc : "at an unknown time");
    else if (job->machine)
        snprintf(subtitle, sizeof subtitle, "predicted for machine '%.100s'%s%.200s",
                 sz_machine_identity(job->machine).name, cpu ? ": " : "", cpu ? cpu : "");
    else
        snprintf(subtitle, sizeof subtitle, "what it costs; no machine is known");
    sz_doc_title(job->doc, base_name(sz_model_path(job->model)), subtitle);
}

static int put_sections(report_job *job) {
    put_title(job);
    report_put_sentences(job);
    report_put_totals(job);
    report_put_changes(job);
    if (!report_put_roofline(job)) return CLI_BUG;
    report_put_layers(job);
    report_put_lean(job);
    if (!report_put_measured(job) || !report_put_memory(job)) return CLI_BUG;
    int code = report_put_machines(job);
    if (code == CLI_DONE) code = report_put_explore(job);
    if (code != CLI_DONE) return code;
    report_put_energy(job);
    report_put_environment(job);
    return CLI_DONE;
}

static int write_page(report_job *job) {
    cli_app *app = job->app;
    if (sz_doc_create(app->out, "sizeup.report/1", &job->doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    if (cli_wants(app, "text") && app->output &&
        (ends_in(app->output, ".html") || ends_in(app->output, ".htm")))
        app->format = "html";
    int code = put_sections(job);
    if (code == CLI_BUG) cli_error(app, CLI_BUG, "no memory for the output");
    if (code == CLI_DONE) code = cli_write_doc(app, job->doc);
    sz_doc_destroy(job->doc);
    return code;
}

// ---- run ---------------------------------------------------------------------------------------

static int load_all(report_job *job, const char *word) {
    const subject what = subject_of(word);
    sz_status status = SZ_OK;
    int code = CLI_DONE;
    if (what == PLACE && !cli_has_store(job->app, job->o->store)) return CLI_UNAVAILABLE;
    if (what != MODEL) status = read_run(job, word, what);
    if (status == SZ_OK && what != MODEL) code = choose_case(job, word);
    if (code != CLI_DONE) return code;
    job->paper_level = strcmp(job->o->level, "calibrated") == 0 ? "roofline" : job->o->level;
    job->threads = (int)(job->o->threads == 0 && job->bench ? job->bench->ran_as.threads
                                                            : job->o->threads);
    if (status == SZ_OK) status = load_machine(job);
    if (status == SZ_OK) status = load_written(job);
    if (status != SZ_OK) return cli_fail(job->app, status);
    load_lean(job);
    if (job->bench) hold_to_run(job);
    report_find_facts(job);
    return CLI_DONE;
}

static void finish(report_job *job) {
    report_explore_finish(job);
    sz_audit_destroy(job->audit);
    sz_estimate_destroy(job->lean_estimate);
    sz_estimate_destroy(job->estimate);
    sz_calibration_destroy(job->run_other);
    sz_calibration_destroy(job->run_calibration);
    sz_calibration_destroy(job->other);
    sz_calibration_destroy(job->calibration);
    sz_costs_destroy(job->lean_costs);
    sz_costs_destroy(job->costs);
    sz_model_destroy(job->lean);
    sz_model_destroy(job->model);
    sz_machine_destroy(job->machine);
    sz_bench_set_destroy(job->set);
    sz_ctx_destroy(job->side);
}

int cli_report(cli_app *app, const void *options) {
    static const char *const last[] = {"last"};
    report_job job = {.app = app, .o = options, .side = sz_ctx_create(NULL)};
    if (!job.side) return cli_error(app, CLI_BUG, "no memory");
    if (job.o->threads > 100000) return cli_error(app, CLI_USAGE, "too many threads");
    if (app->n_args == 0) app->args = last, app->n_args = 1;
    int code = load_all(&job, app->args[0]);
    if (code == CLI_DONE) code = write_page(&job);
    finish(&job);
    return code;
}
