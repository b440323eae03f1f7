// SPDX-License-Identifier: Apache-2.0
// `sizeup plot layers MODEL|RUN`: the time of each layer, measured, predicted, or both.
#include "cli/calibrations.h"
#include "cli/count.h"
#include "cli/machines.h"
#include "cli/plots.h"
#include "cli/stores.h"
#include "cli/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sizeup/audit.h>

typedef struct layers_job {
    cli_app *app;
    const plot_options *o;
    // What the strings of the rows belong to.
    sz_bench_set *set;
    sz_machine *machine;
    sz_calibration *calibration, *other;
    sz_audit *audit;
    sz_model *model;
    sz_costs *costs;
    sz_estimate *estimate;
    sz_chart_layer *rows; // of the picture
    size_t n;
    sz_chart_layer *ran, *told; // of the trace: measured and predicted, each in its order
    size_t n_ran, n_told;
    char title[300], subtitle[400], level_why[CLI_LEVEL_WHY];
} layers_job;

static sz_chart_layer *new_rows(const layers_job *j, size_t n) {
    sz_chart_layer *rows = calloc(n + 1, sizeof *rows);
    if (!rows) cli_error(j->app, CLI_BUG, "no memory for the output");
    return rows;
}

// ---- predicted ---------------------------------------------------------------------------------

static sz_chart_layer *estimated(const layers_job *j, const sz_estimate *e, size_t *ret_n) {
    *ret_n = sz_estimate_node_count(e);
    sz_chart_layer *rows = new_rows(j, *ret_n);
    for (size_t i = 0; rows && i < *ret_n; i++) {
        const sz_node_time t = sz_estimate_node(e, i);
        const bool named = t.name && *t.name;
        rows[i] = (sz_chart_layer){.name = named ? t.name : t.op,
                                   .kind = t.op,
                                   .measured_s = NAN,
                                   .predicted_s = t.time_s,
                                   .predicted_lo_s = t.time_lo_s,
                                   .predicted_hi_s = t.time_hi_s};
        if (!(t.time_lo_s < t.time_hi_s)) rows[i].predicted_lo_s = rows[i].predicted_hi_s = NAN;
    }
    return rows;
}

static int load_machine(layers_job *j) {
    const cli_strings *names = &j->o->machines;
    if (names->n > 1) return cli_error(j->app, CLI_USAGE, "layers are predicted for one machine");
    const sz_status status = cli_machine_load(j->app, names->n ? names->items[0] : "here",
                                              &j->machine);
    return status == SZ_OK ? CLI_DONE : cli_fail(j->app, status);
}

static int predict_model(layers_job *j) {
    const plot_options *o = j->o;
    const char *level = o->level ? o->level : "roofline";
    const sz_load_options load = cli_load_options(&o->binds, &o->inputs);
    if (strcmp(level, "calibrated") == 0)
        return cli_error(j->app, CLI_USAGE,
                         "'calibrated' needs a run: plot layers RUN --predicted");
    const int code = load_machine(j);
    if (code != CLI_DONE) return code;
    const sz_predict_options how = {
        .level = level, .dtype = o->dtype, .threads = (int)(o->threads > 100000 ? 0 : o->threads)};
    sz_status status = sz_model_load(j->app->ctx, j->app->args[1], &load, &j->model);
    if (status == SZ_OK) status = sz_costs_create(j->app->ctx, j->model, NULL, &j->costs);
    if (status == SZ_OK)
        status = sz_estimate_create(j->app->ctx, j->costs, j->machine, &how, &j->estimate);
    if (status != SZ_OK) return cli_fail(j->app, status);
    j->rows = estimated(j, j->estimate, &j->n);
    j->told = estimated(j, j->estimate, &j->n_told);
    snprintf(j->title, sizeof j->title, "Layers of %.200s", cli_base_name(j->app->args[1]));
    snprintf(j->subtitle, sizeof j->subtitle, "predicted for machine '%.60s', level %s",
             sz_machine_identity(j->machine).name, sz_estimate_level(j->estimate));
    return j->rows && j->told ? CLI_DONE : CLI_BUG;
}

// ---- measured ----------------------------------------------------------------------------------

static sz_chart_layer *measured(const layers_job *j, size_t record, size_t *ret_n) {
    *ret_n = sz_bench_set_layer_count(j->set, record);
    sz_chart_layer *rows = new_rows(j, *ret_n);
    for (size_t i = 0; rows && i < *ret_n; i++) {
        const sz_bench_layer l = sz_bench_set_layer(j->set, record, i);
        rows[i] = (sz_chart_layer){l.name, l.op, l.time_s, NAN, NAN, NAN};
    }
    return rows;
}

static int audit_record(layers_job *j, size_t record) {
    const plot_options *o = j->o;
    const int code = load_machine(j);
    if (code != CLI_DONE) return code;
    const sz_audit_wants w = sz_audit_wants_of(j->set, record);
    sz_audit_options how = {
        .machine = j->machine, .level = o->level ? o->level : "calibrated", .model = o->model};
    if (strcmp(how.level, "calibrated") == 0)
        how.level = cli_calibration_find(
            j->app,
            &(cli_calibration_wants){.backend = w.backend ? w.backend : "?",
                                     .dtype = w.dtype,
                                     .version = sz_bench_set_get(j->set, record)->ran_as.version,
                                     .threads = w.threads},
            &j->calibration, &j->other, j->level_why);
    how.calibration = j->calibration, how.other = j->other;
    const sz_status status = sz_audit_create(j->app->ctx, j->set, record, &how, &j->audit);
    return status == SZ_OK ? CLI_DONE : cli_fail(j->app, status);
}

// The least that both sides can be compared by: one layer and one kernel, or several of them.
static sz_chart_layer *joined(const layers_job *j, size_t *ret_n) {
    *ret_n = sz_audit_count(j->audit);
    sz_chart_layer *rows = new_rows(j, *ret_n);
    for (size_t i = 0; rows && i < *ret_n; i++) {
        const sz_audit_row r = sz_audit_get(j->audit, i);
        rows[i] = (sz_chart_layer){
            r.layer ? r.layer : r.predicted,     r.op,   r.layers > 0 ? r.measured_s : NAN,
            r.kernels > 0 ? r.predicted_s : NAN, r.lo_s, r.hi_s};
        if (!(r.lo_s < r.hi_s)) rows[i].predicted_lo_s = rows[i].predicted_hi_s = NAN;
    }
    return rows;
}

// The first case with layers.
static bool find_record(const layers_job *j, size_t *ret_record, size_t *ret_others) {
    const size_t n = sz_bench_set_count(j->set);
    size_t found = 0;
    for (size_t i = n; i-- > 0;)
        if (sz_bench_set_layer_count(j->set, i) > 0) *ret_record = i, found++;
    *ret_others = found > 0 ? found - 1 : 0;
    return found > 0;
}

static void name_run(layers_job *j, size_t record) {
    const sz_bench *b = sz_bench_set_get(j->set, record);
    int used = snprintf(j->subtitle, sizeof j->subtitle, "%.40s %.40s, %lld thread%s, %.20s",
                        b->ran_as.backend ? b->ran_as.backend : "?",
                        b->ran_as.version ? b->ran_as.version : "", (long long)b->ran_as.threads,
                        b->ran_as.threads == 1 ? "" : "s", b->ran_as.dtype ? b->ran_as.dtype : "?");
    if (j->audit)
        snprintf(j->subtitle + used, sizeof j->subtitle - (size_t)used,
                 "; predicted for machine '%.60s', level %s", sz_machine_identity(j->machine).name,
                 sz_estimate_level(sz_audit_estimate(j->audit)));
    snprintf(j->title, sizeof j->title, "Layers of %.200s",
             b->case_name ? cli_base_name(b->case_name) : "?");
}

static int show_run(layers_job *j, cli_word_kind what) {
    size_t record = 0, others;
    if (what == CLI_PLACE && !cli_has_store(j->app, j->o->store)) return CLI_UNAVAILABLE;
    const sz_status status = cli_load_records(j->app, j->o->store, j->app->args[1], what, &j->set);
    if (status != SZ_OK) return cli_fail(j->app, status);
    if (!find_record(j, &record, &others))
        return cli_error(j->app, CLI_INPUT, "no case of '%s' has layers: bench with --layers",
                         j->app->args[1]);
    if (others)
        cli_warn(j->app, "%zu more case%s of '%s' %s layers; RUN.N names one", others,
                 others == 1 ? "" : "s", j->app->args[1], others == 1 ? "has" : "have");
    const int code = j->o->predicted ? audit_record(j, record) : CLI_DONE;
    if (code != CLI_DONE) return code;
    if (j->level_why[0]) cli_warn(j->app, "%s", j->level_why);
    j->ran = measured(j, record, &j->n_ran);
    j->rows = j->audit ? joined(j, &j->n) : measured(j, record, &j->n);
    if (j->audit) j->told = estimated(j, sz_audit_estimate(j->audit), &j->n_told);
    name_run(j, record);
    return j->ran && j->rows && (j->told || !j->audit) ? CLI_DONE : CLI_BUG;
}

// ---- output ------------------------------------------------------------------------------------

static int write_trace(layers_job *j) {
    sz_buf buf;
    const plot_trace t = {
        .what = j->title,
        .tracks = {j->ran, j->told},
        .n = {j->n_ran, j->n_told},
        .names = {"measured", "predicted"},
        .keys = {"measured_s", "predicted_s"},
        .notes = {"layers in the order in which they ran, each as long as its usual time; laid end "
                  "to end, those that take no time left out",
                  "kernels in their order, each as long as predicted; laid end to end, those that "
                  "take no time left out"}};
    cli_app to_file = *j->app; // the trace is a file of its own beside the picture
    to_file.output = j->o->trace;
    sz_buf_init(&buf, j->app->out);
    plot_trace_json(&t, &buf);
    sz_buf_putc(&buf, '\n');
    const int code = cli_write(&to_file, &buf);
    j->app->warned = to_file.warned;
    sz_buf_finish(&buf);
    return code;
}

static void put_rows(sz_doc *doc, const layers_job *j) {
    static const sz_column columns[] = {
        {"name", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
        {"op", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
        {"measured_s", NULL, "s", SZ_AS_SI, SZ_COLUMN_DATA},
        {"predicted_s", NULL, "s", SZ_AS_SI, SZ_COLUMN_DATA},
        {"predicted_lo_s", NULL, "s", SZ_AS_SI, SZ_COLUMN_DATA},
        {"predicted_hi_s", NULL, "s", SZ_AS_SI, SZ_COLUMN_DATA},
    };
    sz_doc_table(doc, "layers", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < j->n; i++) {
        const sz_chart_layer *l = &j->rows[i];
        const sz_cell cells[] = {sz_cell_text(l->name),          sz_cell_text(l->kind),
                                 sz_cell_f64(l->measured_s),     sz_cell_f64(l->predicted_s),
                                 sz_cell_f64(l->predicted_lo_s), sz_cell_f64(l->predicted_hi_s)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static int draw(layers_job *j) {
    const plot_options *o = j->o;
    sz_plot *plot = NULL;
    sz_doc *doc = NULL;
    int code = plot_start(j->app, "layers", j->app->args[1], &plot, &doc);
    if (code == CLI_DONE) {
        const sz_chart_layers_options how = {j->title, j->subtitle,
                                             (int)(o->top > 10000 ? 10000 : o->top)};
        const sz_status status = sz_chart_layers(j->app->ctx, j->rows, j->n, &how, plot);
        if (status != SZ_OK) code = cli_fail(j->app, status);
    }
    if (code == CLI_DONE && o->trace) code = write_trace(j);
    if (code == CLI_DONE) {
        if (!cli_wants(j->app, "text") && !cli_wants(j->app, "md")) put_rows(doc, j);
        code = cli_write_picture(j->app, &(cli_picture){plot, doc, &o->picture});
    }
    sz_doc_destroy(doc);
    sz_plot_destroy(plot);
    return code;
}

int plot_layers(cli_app *app, const plot_options *o) {
    layers_job j = {.app = app, .o = o};
    if (app->n_args < 2) return cli_error(app, CLI_USAGE, "plot layers needs a MODEL or a RUN");
    const cli_word_kind what = cli_kind_of(app->args[1]);
    // A word that names nothing is told about as a model: its loader knows why it is none.
    int code = what == CLI_PLACE || what == CLI_RECORDS ? show_run(&j, what) : predict_model(&j);
    if (code == CLI_DONE) code = draw(&j);
    free(j.rows);
    free(j.ran);
    free(j.told);
    sz_audit_destroy(j.audit);
    sz_calibration_destroy(j.other);
    sz_calibration_destroy(j.calibration);
    sz_estimate_destroy(j.estimate);
    sz_costs_destroy(j.costs);
    sz_model_destroy(j.model);
    sz_machine_destroy(j.machine);
    sz_bench_set_destroy(j.set);
    return code;
}
