// SPDX-License-Identifier: Apache-2.0
// `sizeup predict MODEL --machine NAME`: how long a model takes, on paper.
#include "cli/calibrations.h"
#include "cli/count.h"
#include "cli/machines.h"
#include "cli/predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sizeup/predict.h>
#include <sizeup/run.h>

typedef struct predict_options {
    cli_strings binds, inputs;
    const char *machine, *level, *dtype, *optimized, *recipe, *backend;
    const char *price, *carbon, *pue, *from, *to, *time, *host, *overlap, *split;
    int64_t threads, top, streams;
} predict_options;

static const cli_option options_table[] = {
    {"machine", 'm', CLI_STRING, "NAME", "here",
     "here, a name of 'machine list', a file; several: A,B,C or all",
     offsetof(predict_options, machine)},
    {"level", 'l', CLI_STRING, "LEVEL", "roofline", "bound, roofline, tiles, sum or calibrated",
     offsetof(predict_options, level)},
    {"dtype", 'd', CLI_STRING, "NAME", NULL, "compute and store floats as f32, f16, bf16, int8 ...",
     offsetof(predict_options, dtype)},
    {"threads", 't', CLI_INT, "N", NULL, "threads; 0: all that were measured",
     offsetof(predict_options, threads)},
    {"streams", 0, CLI_INT, "K", "1", "runs side by side, that share the threads evenly",
     offsetof(predict_options, streams)},
    {"top", 0, CLI_INT, "N", "-1", "only the N slowest nodes; 0: all of them",
     offsetof(predict_options, top)},
    {"optimized", 0, CLI_CHOICE, "yes|no|auto", "auto",
     "as a compiler would run it: a row for each kernel; auto: as the backend does, else no",
     offsetof(predict_options, optimized)},
    {"for", 0, CLI_STRING, "NAME", NULL, "of --optimized: which compiler ('list recipes')",
     offsetof(predict_options, recipe)},
    {"price", 0, CLI_STRING, "N", NULL, "of the machine per hour; of several: N or A=N,B=N",
     offsetof(predict_options, price)},
    {"carbon", 0, CLI_STRING, "G", NULL, "grams of CO2 equivalent per kWh of the electricity",
     offsetof(predict_options, carbon)},
    {"pue", 0, CLI_STRING, "N", NULL, "energy of the whole facility over that of its machines",
     offsetof(predict_options, pue)},
    {"from", 0, CLI_STRING, "NAME", NULL, "the machine on which --time was measured",
     offsetof(predict_options, from)},
    {"to", 0, CLI_STRING, "NAME", NULL, "carry that time to this machine",
     offsetof(predict_options, to)},
    {"time", 0, CLI_STRING, "TIME", NULL, "of one run, as measured: 500us, 12ms, 1.5s",
     offsetof(predict_options, time)},
    {"host", 0, CLI_STRING, "NAME", NULL,
     "runs what --machine does not; else the host that its record names",
     offsetof(predict_options, host)},
    {"split", 0, CLI_STRING, "best|most", NULL,
     "of a machine with a host: least time, or all it can run; else as its record says",
     offsetof(predict_options, split)},
    {"overlap", 0, CLI_STRING, "P", NULL,
     "of level roofline: norm of the two times, 1: sum, inf: the longer; else as measured",
     offsetof(predict_options, overlap)},
    {"backend", 0, CLI_STRING, "NAME", "onednn", "of level calibrated: what was calibrated",
     offsetof(predict_options, backend)},
    CLI_MODEL_OPTIONS(predict_options),
};

static const char notes[] =
    "roofline: each node takes the longer of moving its bytes and doing its operations.\n"
    "sum: it takes both, one after the other. bound: all bytes or all operations, whichever is\n"
    "longer; no program is faster with its data in main memory. tiles: roofline of a GPU whose\n"
    "library cuts matrix products into tiles, each on one of its units.\n"
    "Text shows the 15 slowest nodes; --top 0 shows all.\n"
    "--machine all compares machines: which is best, and how near the net comes to any roof.\n"
    "--from A --to B --time T carries a measured time to another machine.\n";

static const cli_schema_row schema[] = {
    {1, "model", CLI_J_STRING, "its path", NULL, false},
    {1, "machine", CLI_J_STRING, NULL, NULL, false},
    {1, "fingerprint", CLI_J_STRING, "of the machine", NULL, false},
    {1, "level", CLI_J_STRING, "that was used: bound, roofline, sum or calibrated", NULL, false},
    {1, "asked_level", CLI_J_STRING, "that was asked for", NULL, false},
    {1, "level_why", CLI_J_STRING, "why another one was used", NULL, false},
    {1, "assumptions", CLI_J_OBJECT, "a number or a sentence per key", NULL, false},
    {1, "roofs", CLI_J_ARRAY, "which roof served which format", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_roof_use_type, false},
    {1, "total", CLI_J_OBJECT, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_prediction_type, false},
    {1, "nodes", CLI_J_ARRAY, "in file order, or as --top says", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_node_time_type, false},
    {1, "unknown", CLI_J_ARRAY, "nodes that are not costed and not in the time", NULL, false},
    {2, "node", CLI_J_STRING, NULL, NULL, false},
    {2, "op", CLI_J_STRING, NULL, NULL, false},
    {2, "why", CLI_J_STRING, NULL, NULL, false},
    {1, "fallbacks", CLI_J_ARRAY, "nodes that run on another device", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_fallback_type, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
static const size_t n_schema = CLI_COUNT(schema);

const cli_usage cli_predict_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(predict_options),
    .min_args = 1,
    .max_args = 1,
    .notes = notes,
    .schema = schema,
    .n_schema = &n_schema,
    .words = cli_predict_words,
};

// What a run has at hand.
typedef struct predict_job {
    const cli_app *app;
    const predict_options *options;
    sz_model *model;
    sz_costs *costs;
    sz_machine *machine, *host; // host: as --host says, or NULL
    sz_estimate *estimate;
    sz_calibration *calibration; // NULL = none is asked for, or there is none
    sz_calibration *other;       // of more threads, where two serve
    char why[CLI_LEVEL_WHY];     // another level than was asked for is shown
    size_t *rows;                // nodes to show
    size_t n_rows;
} predict_job;

// ---- which nodes -------------------------------------------------------------------------------

typedef struct ranked {
    double time_s;
    size_t index;
} ranked;

static int slowest_first(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->time_s != y->time_s) return x->time_s < y->time_s ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

enum { SHOWN = 15 };

static bool choose_rows(const cli_app *app, predict_job *job) {
    const bool people = cli_wants(app, "text") || cli_wants(app, "md");
    const size_t n = sz_estimate_node_count(job->estimate);
    const int64_t top = job->options->top < 0 ? (people ? SHOWN : 0) : job->options->top;
    ranked *all = malloc((n + 1) * sizeof *all);
    job->rows = malloc((n + 1) * sizeof *job->rows);
    if (all && job->rows) {
        for (size_t i = 0; i < n; i++)
            all[i] = (ranked){sz_estimate_node(job->estimate, i).time_s, i};
        if (top > 0) qsort(all, n, sizeof *all, slowest_first);
        job->n_rows = top > 0 && (uint64_t)top < n ? (size_t)top : n;
        for (size_t i = 0; i < job->n_rows; i++) job->rows[i] = all[i].index;
    }
    free(all);
    return all && job->rows;
}

// ---- JSON --------------------------------------------------------------------------------------

static void put_assumptions(sz_json *j, const sz_estimate *e) {
    sz_json_key_object(j, "assumptions");
    for (size_t i = 0; i < sz_estimate_assumption_count(e); i++) {
        const sz_assumption a = sz_estimate_assumption(e, i);
        if (isnan(a.number))
            sz_json_key_str(j, a.key, a.text);
        else
            sz_json_key_f64(j, a.key, a.number);
    }
    sz_json_end_object(j);
}

static void put_roofs(sz_json *j, const sz_estimate *e) {
    sz_json_key_array(j, "roofs");
    for (size_t i = 0; i < sz_estimate_roof_count(e); i++) {
        const sz_roof_use use = sz_estimate_roof(e, i);
        sz_json_begin_object(j);
        sz_json_record(j, sz_roof_use_type(), &use);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}

static void put_nodes(sz_json *j, const predict_job *job) {
    sz_json_key_array(j, "nodes");
    for (size_t i = 0; i < job->n_rows; i++) {
        const sz_node_time t = sz_estimate_node(job->estimate, job->rows[i]);
        sz_json_begin_object(j);
        sz_json_record(j, sz_node_time_type(), &t);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}

static void put_unknown(sz_json *j, const sz_costs *costs) {
    sz_json_key_array(j, "unknown");
    for (size_t i = 0; i < sz_costs_node_count(costs); i++) {
        const sz_node_cost n = sz_costs_node(costs, i);
        if (!n.unknown) continue;
        sz_json_begin_object(j);
        sz_json_key_str(j, "node", n.name);
        sz_json_key_str(j, "op", n.op);
        sz_json_key_str(j, "why", n.unknown);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}

static void put_json(sz_json *j, const void *what) {
    const predict_job *job = what;
    const sz_identity id = sz_machine_identity(job->machine);
    const sz_prediction total = sz_estimate_total(job->estimate);
    sz_json_key_str(j, "model", sz_model_path(job->model));
    sz_json_key_str(j, "machine", id.name);
    sz_json_key_str(j, "fingerprint", id.fingerprint);
    sz_json_key_str(j, "level", sz_estimate_level(job->estimate));
    sz_json_key_str(j, "asked_level", job->options->level);
    sz_json_key_str(j, "level_why", job->why[0] ? job->why : NULL);
    put_assumptions(j, job->estimate);
    put_roofs(j, job->estimate);
    sz_json_key_object(j, "total");
    sz_json_record(j, sz_prediction_type(), &total);
    sz_json_end_object(j);
    put_nodes(j, job);
    put_unknown(j, job->costs);
    predict_put_fallbacks(j, job->estimate);
}

// ---- document ----------------------------------------------------------------------------------

static void put_seconds(sz_doc *doc, const char *title, double s, const char *note) {
    sz_doc_fact_note(doc, NULL, title, sz_cell_f64(s), SZ_AS_SI, "s", note);
}

// Of one run, and of a day of runs one after the other.
static void fill_expenses(sz_doc *doc, const sz_prediction *t) {
    const double runs = 86400 / t->time_s;
    char note[160];
    if (!isnan(t->energy_j)) {
        sz_doc_fact_note(doc, NULL, "energy", sz_cell_f64(t->energy_j), SZ_AS_SI, "J",
                         t->energy_method);
        if (t->samples > 1)
            sz_doc_fact(doc, NULL, "energy per sample", sz_cell_f64(t->energy_per_sample_j),
                        SZ_AS_SI, "J");
        sz_doc_fact(doc, NULL, "energy per day", sz_cell_f64(t->energy_j * runs / 3.6e3), SZ_AS_SI,
                    "Wh");
    }
    if (!isnan(t->energy_lo_j))
        sz_doc_fact_note(doc, NULL, "arithmetic, memory", sz_cell_f64(t->energy_lo_j), SZ_AS_SI,
                         "J", "alone, bottom up: the rest of the chip comes on top");
    if (!isnan(t->carbon_g)) {
        snprintf(note, sizeof note, "CO2 equivalent; %.4g kg a day", t->carbon_g * runs * 1e-3);
        sz_doc_fact_note(doc, NULL, "carbon", sz_cell_f64(t->carbon_g), SZ_AS_SI, "g", note);
    }
    if (!isnan(t->cost)) {
        const double samples = t->samples > 0 ? (double)t->samples : 1;
        snprintf(note, sizeof note, "%.4g for a million samples, %.4g a day",
                 t->cost / samples * 1e6, t->cost * runs);
        sz_doc_fact_note(doc, NULL, "cost", sz_cell_f64(t->cost), SZ_AS_NUMBER, NULL, note);
    }
}

// What the two ends are depends on the level: limits on paper, or an interval of what was measured.
static void fill_times(sz_doc *doc, const predict_job *job, const sz_prediction *t) {
    const bool measured = strcmp(sz_estimate_level(job->estimate), "calibrated") == 0;
    put_seconds(doc, "time", t->time_s,
                job->options->streams > 1 ? "for a round of the streams, a run in each"
                : measured                ? "for one run of the whole graph, by the calibration"
                                          : "for one run of the whole graph, on paper");
    put_seconds(doc, measured ? "interval from" : "at least", t->time_lo_s,
                measured ? "90 %: so many of the nets that calibrated were as near"
                         : "perfect overlap, data in the nearest cache that holds it");
    put_seconds(doc, measured ? "interval to" : "no overlap", t->time_hi_s,
                measured ? NULL : "memory time + compute time; real programs may need more");
}

static void fill_head(sz_doc *doc, const predict_job *job) {
    const sz_identity id = sz_machine_identity(job->machine);
    const sz_prediction t = sz_estimate_total(job->estimate);
    sz_doc_heading(doc, sz_model_path(job->model));
    sz_doc_fact_note(doc, NULL, "machine", sz_cell_text(id.name), SZ_AS_TEXT, NULL,
                     sz_machine_cpu(job->machine).model);
    sz_doc_fact(doc, NULL, "level", sz_cell_text(sz_estimate_level(job->estimate)), SZ_AS_TEXT,
                NULL);
    fill_times(doc, job, &t);
    put_seconds(doc, "memory time", t.communication_s, NULL);
    put_seconds(doc, "compute time", t.computation_s, NULL);
    predict_fill_split(doc, job->estimate);
    sz_doc_fact(doc, NULL, "limited by", sz_cell_text(t.bound), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, NULL, "runs per second", sz_cell_f64(t.throughput_per_s), SZ_AS_NUMBER, NULL);
    fill_expenses(doc, &t);
}

static void fill_roofs(sz_doc *doc, const predict_job *job) {
    static const sz_column columns[] = {
        {"dtype", "format", NULL, SZ_AS_TEXT, 0}, {"work", "work", NULL, SZ_AS_TEXT, 0},
        {"nodes", "nodes", NULL, SZ_AS_INT, 0},   {"flop_per_s", "FLOP/s", NULL, SZ_AS_SI, 0},
        {"roof", "roof", NULL, SZ_AS_TEXT, 0},
    };
    sz_doc_table(doc, "roofs", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_estimate_roof_count(job->estimate); i++) {
        const sz_roof_use use = sz_estimate_roof(job->estimate, i);
        const sz_cell cells[] = {sz_cell_text(use.dtype), sz_cell_text(use.work),
                                 sz_cell_i64(use.nodes), sz_cell_f64(use.flop_per_s),
                                 sz_cell_text(use.roof)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_nodes(sz_doc *doc, const predict_job *job) {
    static const sz_column columns[] = {
        {"name", "node", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"op", "op", NULL, SZ_AS_TEXT, 0},
        {"time_s", "time", "s", SZ_AS_SI, 0},
        {NULL, "share", NULL, SZ_AS_PERCENT, SZ_COLUMN_SHOW},
        {"memory_s", "memory", "s", SZ_AS_SI, 0},
        {"compute_s", "compute", "s", SZ_AS_SI, 0},
        {"bound", "limited by", NULL, SZ_AS_TEXT, 0},
        {"intensity", "FLOP/B", NULL, SZ_AS_NUMBER, 0},
        {"device", "on", NULL, SZ_AS_TEXT, 0}, // of two processors only
    };
    const size_t n_columns = CLI_COUNT(columns) -
                             (isnan(sz_estimate_total(job->estimate).host_alone_s) ? 1 : 0);
    double all = 0;
    const size_t n = sz_estimate_node_count(job->estimate);
    for (size_t i = 0; i < n; i++) all += sz_estimate_node(job->estimate, i).time_s;
    sz_doc_table(doc, "nodes", columns, n_columns);
    for (size_t i = 0; i < job->n_rows; i++) {
        const sz_node_time t = sz_estimate_node(job->estimate, job->rows[i]);
        const size_t at = sz_estimate_index(job->estimate, job->rows[i]);
        const sz_node_cost node = sz_costs_node(job->costs, at);
        const sz_cell cells[] = {sz_cell_text(count_layer_name(job->costs, at, &node)),
                                 sz_cell_text(t.op),
                                 sz_cell_f64(t.time_s),
                                 sz_cell_f64(all > 0 ? t.time_s / all : NAN),
                                 sz_cell_f64(t.memory_s),
                                 sz_cell_f64(t.compute_s),
                                 sz_cell_text(t.bound),
                                 sz_cell_f64(t.intensity),
                                 sz_cell_text(t.device)};
        sz_doc_row(doc, cells, n_columns);
    }
    if (job->n_rows < n) sz_doc_line(doc, "The %zu slowest of %zu nodes.", job->n_rows, n);
}

static void fill_assumptions(sz_doc *doc, const predict_job *job) {
    sz_doc_line(doc, "Assumed:");
    for (size_t i = 0; i < sz_estimate_assumption_count(job->estimate); i++) {
        const sz_assumption a = sz_estimate_assumption(job->estimate, i);
        char text[640];
        if (isnan(a.number))
            snprintf(text, sizeof text, "%s: %s", a.key, a.text);
        else
            snprintf(text, sizeof text, "%s = %.4g: %s", a.key, a.number, a.text);
        cli_put_wrapped(doc, "- ", "  ", text);
    }
}

// How many rows of a table people see; 0 = all.
static size_t people_rows(const cli_app *app, const predict_job *job) {
    const bool people = cli_wants(app, "text") || cli_wants(app, "md");
    return job->options->top < 0 ? (people ? SHOWN : 0) : (size_t)job->options->top;
}

// CSV takes the first table: there it is the nodes.
static void fill_doc(sz_doc *doc, const void *what) {
    const predict_job *job = what;
    fill_head(doc, job);
    fill_nodes(doc, job);
    predict_fill_fallbacks(doc, job->estimate, people_rows(job->app, job));
    fill_roofs(doc, job);
    fill_assumptions(doc, job);
}

// ---- run ---------------------------------------------------------------------------------------

static int write_out(cli_app *app, predict_job *job) {
    static const cli_answer form = {"sizeup.predict/1", put_json, fill_doc};
    if (!choose_rows(app, job)) return cli_error(app, CLI_BUG, "no memory for the output");
    return cli_write_answer(app, &form, job);
}

// A positive number, or nothing.
static int read_number(const cli_app *app, const char *option, const char *text, double *ret) {
    char *end;
    if (!text) return CLI_DONE;
    *ret = strtod(text, &end);
    if (end != text && !*end && *ret > 0 && *ret < 1e12) return CLI_DONE;
    return cli_error(app, CLI_USAGE, "option '--%s' needs a number above 0, not '%s'", option,
                     text);
}

// From 1 on, or "inf".
static int read_overlap(const cli_app *app, const char *text, double *ret) {
    *ret = SZ_OVERLAP_MEASURED;
    if (!text) return CLI_DONE;
    if (strcmp(text, "inf") == 0) {
        *ret = INFINITY;
        return CLI_DONE;
    }
    const int code = read_number(app, "overlap", text, ret);
    if (code != CLI_DONE || *ret >= 1) return code;
    return cli_error(app, CLI_USAGE,
                     "option '--overlap' needs a number from 1 on, or inf: 1 adds the times up");
}

// The numbers of a custom machine have commas between them too.
static bool is_many(const predict_options *o) {
    if (strncmp(o->machine, "custom:", 7) == 0) return false;
    return strcmp(o->machine, "all") == 0 || strchr(o->machine, ',');
}

static int read_how(const cli_app *app, const predict_options *o, sz_predict_options *how) {
    *how = (sz_predict_options){.level = o->level,
                                .dtype = o->dtype,
                                .threads = (int)o->threads,
                                .streams = (int)o->streams};
    int code = CLI_DONE;
    how->split = o->split;
    if (!is_many(o)) code = read_number(app, "price", o->price, &how->price_per_h);
    if (code == CLI_DONE) code = read_overlap(app, o->overlap, &how->overlap);
    if (code == CLI_DONE) code = read_number(app, "carbon", o->carbon, &how->carbon_g_per_kwh);
    return code == CLI_DONE ? read_number(app, "pue", o->pue, &how->pue) : code;
}

// As the user says; else as the calibrated backend runs it.
static const char *recipe_of(const predict_job *job, bool *ret_optimized) {
    const predict_options *o = job->options;
    const char *own = job->calibration ? sz_calibration_about(job->calibration).recipe : NULL;
    *ret_optimized = strcmp(o->optimized, "yes") == 0 ||
                     (strcmp(o->optimized, "auto") == 0 && (o->recipe || own));
    return o->recipe ? o->recipe : own;
}

static sz_status load(cli_app *app, predict_job *job) {
    const predict_options *o = job->options;
    bool optimized;
    sz_load_options load = cli_load_options(&o->binds, &o->inputs);
    const sz_optimize_options optimize = {.recipe = recipe_of(job, &optimized)};
    if (optimized) load.optimize = &optimize;
    const sz_status status = sz_model_load(app->ctx, app->args[0], &load, &job->model);
    if (status != SZ_OK) return status;
    return sz_costs_create(app->ctx, job->model, NULL, &job->costs);
}

// Threads of a stream; where nothing is said, a run has one.
static int threads_of_run(const sz_predict_options *how, const sz_machine *machine) {
    if (how->streams <= 1) return how->threads > 0 ? how->threads : 1;
    const int64_t all = how->threads > 0 ? how->threads : sz_machine_cpu(machine).threads;
    return all >= how->streams ? (int)(all / how->streams) : 1;
}

// Where the backend was not calibrated, the next best level serves and says so.
static void find_calibration(cli_app *app, sz_predict_options *how, predict_job *job) {
    if (strcmp(how->level, "calibrated") != 0) return;
    const cli_calibration_wants wants = {.backend = sz_backend_name(job->options->backend),
                                         .dtype = how->dtype,
                                         .threads = threads_of_run(how, job->machine)};
    how->level = cli_calibration_find(app, &wants, &job->calibration, &job->other, job->why);
    how->calibration = job->calibration, how->other = job->other;
}

// The host by --host, else as the record names it: a saved measurement of that name comes first.
static sz_status load_host(cli_app *app, sz_predict_options *how, predict_job *job) {
    const char *asked = job->options->host;
    const char *named = job->machine ? sz_machine_coprocessor(job->machine).host : NULL;
    if (!asked && !named) return SZ_OK;
    if (asked && job->machine && !named && sz_machine_operator_count(job->machine) == 0)
        cli_warn(app, "machine '%s' runs every operator: '--host' changes nothing",
                 sz_machine_identity(job->machine).name);
    const sz_status status = cli_machine_load(app, asked ? asked : named, &job->host);
    if (status == SZ_OK) how->host = job->host;
    return status;
}

// The machine first: without it the rest is in vain.
static int run_one(cli_app *app, sz_predict_options *how, predict_job *job) {
    sz_status status = cli_machine_load(app, job->options->machine, &job->machine);
    if (status == SZ_OK) status = load_host(app, how, job);
    if (status == SZ_OK) find_calibration(app, how, job);
    if (status == SZ_OK) status = load(app, job);
    if (status == SZ_OK)
        status = sz_estimate_create(app->ctx, job->costs, job->machine, how, &job->estimate);
    return status == SZ_OK ? write_out(app, job) : cli_fail(app, status);
}

static int run_many(cli_app *app, sz_predict_options *how, predict_job *job) {
    sz_status status = load_host(app, how, job);
    if (status == SZ_OK) status = load(app, job);
    const cli_predict_many many = {.app = app,
                                   .machines = job->options->machine,
                                   .prices = job->options->price,
                                   .model = job->model,
                                   .costs = job->costs,
                                   .how = *how};
    return status == SZ_OK ? cli_predict_across(&many) : cli_fail(app, status);
}

static int run_rescale(cli_app *app, const sz_predict_options *how, predict_job *job) {
    const predict_options *o = job->options;
    cli_predict_rescale r = {.app = app, .from = o->from, .to = o->to, .how = *how};
    // The same arithmetic on both sides, whichever of them was measured.
    if (r.how.overlap == SZ_OVERLAP_MEASURED) r.how.overlap = 0;
    if (!o->from || !o->to || !o->time)
        return cli_error(app, CLI_USAGE, "--from, --to and --time go together");
    const int code = cli_read_time(app, "time", o->time, &r.measured_s);
    if (code != CLI_DONE) return code;
    const sz_status status = load(app, job);
    r.model = job->model, r.costs = job->costs;
    return status == SZ_OK ? cli_predict_rescaled(&r) : cli_fail(app, status);
}

static int run(cli_app *app, sz_predict_options *how, predict_job *job) {
    const predict_options *o = job->options;
    if (o->from || o->to || o->time) return run_rescale(app, how, job);
    return is_many(o) ? run_many(app, how, job) : run_one(app, how, job);
}

int cli_predict(cli_app *app, const void *options) {
    predict_job job = {.app = app, .options = options};
    if (job.options->threads > 100000) return cli_error(app, CLI_USAGE, "too many threads");
    if (job.options->streams < 1 || job.options->streams > 100000)
        return cli_error(app, CLI_USAGE, "option '--streams' needs a number from 1 to 100000");
    sz_predict_options how;
    int code = read_how(app, options, &how);
    if (code != CLI_DONE) return code;
    code = run(app, &how, &job);
    free(job.rows);
    sz_estimate_destroy(job.estimate);
    sz_calibration_destroy(job.other);
    sz_calibration_destroy(job.calibration);
    sz_costs_destroy(job.costs);
    sz_model_destroy(job.model);
    sz_machine_destroy(job.machine);
    sz_machine_destroy(job.host);
    return code;
}
