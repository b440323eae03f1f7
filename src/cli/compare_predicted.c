// SPDX-License-Identifier: Apache-2.0
// `sizeup compare RUN --predicted`: layer by layer, what was measured beside what was predicted.
#include "cli/calibrations.h"
#include "cli/compare.h"
#include "cli/machines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sizeup/audit.h>

// ---- schema ------------------------------------------------------------------------------------

const cli_schema_row cli_compare_predicted_schema[CLI_COMPARE_PREDICTED_ROWS] = {
    {1, "run", CLI_J_STRING, "what was compared", NULL, false},
    {1, "machine", CLI_J_STRING, "for which it is predicted", NULL, false},
    {1, "cases", CLI_J_ARRAY, "measured cases with times of layers", NULL, false},
    {2, "case", CLI_J_STRING, NULL, NULL, false},
    {2, "id", CLI_J_STRING, "of the record", NULL, false},
    {2, "backend", CLI_J_STRING, "that ran", NULL, false},
    {2, "version", CLI_J_STRING, "of the library that ran", NULL, false},
    {2, "threads", CLI_J_INTEGER, "that ran", NULL, false},
    {2, "dtype", CLI_J_STRING, "that ran", NULL, false},
    {2, "verdict", CLI_J_STRING, "of the run", NULL, false},
    {2, "asked_level", CLI_J_STRING, "of the prediction", NULL, false},
    {2, "level", CLI_J_STRING, "that was used", NULL, false},
    {2, "level_why", CLI_J_STRING, "why not the one that was asked for", NULL, false},
    {2, "total", CLI_J_OBJECT, "the whole net", NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_audit_sums_type, false},
    {2, "causes", CLI_J_ARRAY, "errors by cause; with their signs they add up to that of the net",
     NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_audit_cause_type, false},
    {2, "layers", CLI_J_ARRAY, "largest absolute error first", NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_audit_row_type, false},
    {3, "sources", CLI_J_STRINGS, "nodes of the net that it does", NULL, false},
    {1, "not_compared", CLI_J_ARRAY, "cases of the run that can't be", NULL, false},
    {2, "case", CLI_J_STRING, NULL, NULL, false},
    {2, "why", CLI_J_STRING, NULL, NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};

// ---- a case ------------------------------------------------------------------------------------

typedef struct compared {
    const sz_bench *bench;
    sz_calibration *calibration, *other;
    sz_audit *audit;
    char why[CLI_LEVEL_WHY]; // it can't be compared
    char level_why[CLI_LEVEL_WHY];
} compared;

typedef struct job {
    cli_app *app;
    const cli_compare_predicted_job *o;
    sz_machine *machine;
    compared *cases;
    size_t n, n_compared;
} job;

static void compare_case(job *j, size_t i, compared *c) {
    const sz_audit_wants w = sz_audit_wants_of(j->o->set, i);
    sz_audit_options how = {.machine = j->machine, .level = j->o->level, .model = j->o->model};
    if (strcmp(j->o->level, "calibrated") == 0)
        how.level = cli_calibration_find(
            j->app,
            &(cli_calibration_wants){.backend = w.backend ? w.backend : "?",
                                     .dtype = w.dtype,
                                     .version = sz_bench_set_get(j->o->set, i)->ran_as.version,
                                     .threads = w.threads},
            &c->calibration, &c->other, c->level_why);
    how.calibration = c->calibration, how.other = c->other;
    if (sz_audit_create(j->app->ctx, j->o->set, i, &how, &c->audit) == SZ_OK) {
        j->n_compared++;
        return;
    }
    snprintf(c->why, sizeof c->why, "%s", sz_ctx_error(j->app->ctx));
}

// ---- JSON --------------------------------------------------------------------------------------

static void put_total(sz_json *j, const sz_audit *a) {
    const sz_audit_sums sums = sz_audit_summed(a);
    sz_json_key_object(j, "total");
    sz_json_record(j, sz_audit_sums_type(), &sums);
    sz_json_end_object(j);
    sz_json_key_array(j, "causes");
    for (size_t i = 0; i < sz_audit_cause_count(a); i++) {
        const sz_audit_cause c = sz_audit_cause_get(a, i);
        sz_json_begin_object(j);
        sz_json_record(j, sz_audit_cause_type(), &c);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}

static void put_rows(sz_json *j, const sz_audit *a) {
    sz_json_key_array(j, "layers");
    for (size_t i = 0; i < sz_audit_count(a); i++) {
        const sz_audit_row r = sz_audit_get(a, i);
        sz_json_begin_object(j);
        sz_json_record(j, sz_audit_row_type(), &r);
        sz_json_key_array(j, "sources");
        const char *source;
        for (size_t k = 0; (source = sz_audit_source(a, i, k)); k++) sz_json_str(j, source);
        sz_json_end_array(j);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}

static void put_case(sz_json *j, const job *k, const compared *c) {
    sz_json_begin_object(j);
    sz_json_key_str(j, "case", c->bench->case_name);
    sz_json_key_str(j, "id", c->bench->id);
    sz_json_key_str(j, "backend", c->bench->ran_as.backend);
    sz_json_key_str(j, "version", c->bench->ran_as.version);
    sz_json_key_i64(j, "threads", c->bench->ran_as.threads);
    sz_json_key_str(j, "dtype", c->bench->ran_as.dtype);
    sz_json_key_str(j, "verdict", c->bench->verdict);
    sz_json_key_str(j, "asked_level", k->o->level);
    sz_json_key_str(j, "level", sz_estimate_level(sz_audit_estimate(c->audit)));
    sz_json_key_str(j, "level_why", c->level_why[0] ? c->level_why : NULL);
    put_total(j, c->audit);
    put_rows(j, c->audit);
    sz_json_end_object(j);
}

static void put_json(const job *k, sz_buf *buf) {
    sz_json j;
    sz_json_init(&j, buf, 4);
    sz_json_begin_object(&j);
    sz_json_key_str(&j, "schema", "sizeup.compare.predicted/1");
    sz_json_key_str(&j, "run", k->app->args[0]);
    sz_json_key_str(&j, "machine", sz_machine_identity(k->machine).name);
    sz_json_key_array(&j, "cases");
    for (size_t i = 0; i < k->n; i++)
        if (k->cases[i].audit) put_case(&j, k, &k->cases[i]);
    sz_json_end_array(&j);
    sz_json_key_array(&j, "not_compared");
    for (size_t i = 0; i < k->n; i++) {
        if (k->cases[i].audit) continue;
        sz_json_begin_object(&j);
        sz_json_key_str(&j, "case", k->cases[i].bench->case_name);
        sz_json_key_str(&j, "why", k->cases[i].why);
        sz_json_end_object(&j);
    }
    sz_json_end_array(&j);
    sz_json_warnings(&j, k->app->ctx);
    sz_json_end_object(&j);
}

// ---- documents ---------------------------------------------------------------------------------

static const sz_column columns[] = {
    {"case", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"layer", "layer", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"predicted", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"op", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"kernel", "kernel", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"predicted_s", "told", "s", SZ_AS_SI, 0},
    {"lo_s", NULL, "s", SZ_AS_SI, SZ_COLUMN_DATA},
    {"hi_s", NULL, "s", SZ_AS_SI, SZ_COLUMN_DATA},
    {"measured_s", "measured", "s", SZ_AS_SI, 0},
    {"ratio", "ratio", NULL, SZ_AS_NUMBER, 0},
    {"share", "of error", NULL, SZ_AS_PERCENT, 0},
    {"cause", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"why", "why", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
};

static void put_row(sz_doc *doc, const compared *c, size_t i) {
    const sz_audit_row r = sz_audit_get(c->audit, i);
    const sz_cell cells[] = {sz_cell_text(c->bench->case_name),
                             sz_cell_text(r.layer ? r.layer : r.predicted),
                             sz_cell_text(r.predicted),
                             sz_cell_text(r.op),
                             sz_cell_text(r.kernel),
                             sz_cell_f64(r.predicted_s),
                             sz_cell_f64(r.lo_s),
                             sz_cell_f64(r.hi_s),
                             sz_cell_f64(r.measured_s),
                             sz_cell_f64(r.ratio),
                             sz_cell_f64(r.share),
                             sz_cell_text(r.cause),
                             sz_cell_text(r.why)};
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

static void put_causes(sz_doc *doc, const sz_audit *a) {
    static const sz_column by_cause[] = {
        {"cause", "cause", NULL, SZ_AS_TEXT, 0},
        {"rows", "rows", NULL, SZ_AS_INT, 0},
        {"predicted_s", "told", "s", SZ_AS_SI, 0},
        {"measured_s", "measured", "s", SZ_AS_SI, 0},
        {"error_s", "difference", "s", SZ_AS_SI, 0},
        {"share", "of error", NULL, SZ_AS_PERCENT, 0},
        {"what", "what it is", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, NULL, by_cause, CLI_COUNT(by_cause));
    for (size_t i = 0; i < sz_audit_cause_count(a); i++) {
        const sz_audit_cause c = sz_audit_cause_get(a, i);
        const sz_cell cells[] = {sz_cell_text(c.cause),      sz_cell_i64(c.rows),
                                 sz_cell_f64(c.predicted_s), sz_cell_f64(c.measured_s),
                                 sz_cell_f64(c.error_s),     sz_cell_f64(c.share),
                                 sz_cell_text(c.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void put_head(sz_doc *doc, const job *j, const compared *c) {
    const sz_audit_sums s = sz_audit_summed(c->audit);
    const sz_bench *b = c->bench;
    char text[200], note[160] = "";
    snprintf(text, sizeof text, "%s %s, %lld thread%s, %s: %s", b->ran_as.backend,
             b->ran_as.version ? b->ran_as.version : "", (long long)b->ran_as.threads,
             b->ran_as.threads == 1 ? "" : "s", b->ran_as.dtype ? b->ran_as.dtype : "?",
             b->verdict ? b->verdict : "no verdict");
    sz_doc_heading(doc, b->case_name ? b->case_name : "?");
    sz_doc_fact(doc, NULL, "ran as", sz_cell_text(text), SZ_AS_TEXT, NULL);
    snprintf(text, sizeof text, "%s on machine '%s'",
             sz_estimate_level(sz_audit_estimate(c->audit)), sz_machine_identity(j->machine).name);
    sz_doc_fact(doc, NULL, "level", sz_cell_text(text), SZ_AS_TEXT, NULL);
    if (!isnan(s.lo_s))
        snprintf(note, sizeof note, "90 %% interval %.4g to %.4g ms: %s", s.lo_s * 1e3,
                 s.hi_s * 1e3, s.in_interval ? "holds" : "does not hold");
    sz_doc_fact_note(doc, NULL, "told", sz_cell_f64(s.predicted_s), SZ_AS_SI, "s", note);
    snprintf(note, sizeof note, "median of %lld", (long long)b->time.n);
    sz_doc_fact_note(doc, NULL, "measured", sz_cell_f64(s.measured_s), SZ_AS_SI, "s", note);
    sz_doc_fact(doc, NULL, "measured / told", sz_cell_f64(s.ratio), SZ_AS_NUMBER, NULL);
    snprintf(text, sizeof text,
             "%lld rows; %lld are one layer and one kernel: %lld in their "
             "interval, median error %.1f %%",
             (long long)s.rows, (long long)s.matched, (long long)s.held, 100 * s.median_error);
    sz_doc_fact(doc, NULL, "layers", sz_cell_text(text), SZ_AS_TEXT, NULL);
}

static void fill_case(sz_doc *doc, const job *j, const compared *c) {
    enum { SHOWN = 15 };
    const size_t n = sz_audit_count(c->audit);
    const size_t most = j->o->top < 0 ? SHOWN : j->o->top == 0 ? n : (size_t)j->o->top;
    put_head(doc, j, c);
    put_causes(doc, c->audit);
    sz_doc_table(doc, "layers", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < n && i < most; i++) put_row(doc, c, i);
    if (most < n) sz_doc_line(doc, "The %zu worst of %zu rows.", most, n);
}

static void fill_data(sz_doc *doc, const job *j) {
    sz_doc_table(doc, "layers", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < j->n; i++)
        for (size_t k = 0; j->cases[i].audit && k < sz_audit_count(j->cases[i].audit); k++)
            put_row(doc, &j->cases[i], k);
}

static int write_doc(const job *j) {
    sz_doc *doc;
    if (sz_doc_create(j->app->out, NULL, &doc) != SZ_OK)
        return cli_error(j->app, CLI_BUG, "no memory for the output");
    if (cli_wants(j->app, "csv")) fill_data(doc, j);
    for (size_t i = 0; i < j->n && !cli_wants(j->app, "csv"); i++) {
        const compared *c = &j->cases[i];
        if (c->audit)
            fill_case(doc, j, c);
        else
            sz_doc_line(doc, "%s: not compared: %s",
                        c->bench->case_name ? c->bench->case_name : "?", c->why);
    }
    const int code = cli_write_doc(j->app, doc);
    sz_doc_destroy(doc);
    return code;
}

// ---- all ---------------------------------------------------------------------------------------

static int write_out(const job *j) {
    sz_buf buf;
    if (!cli_wants(j->app, "json")) return write_doc(j);
    cli_stream(j->app, &buf);
    put_json(j, &buf);
    const int code = cli_write(j->app, &buf);
    sz_buf_finish(&buf);
    return code;
}

static int compare_all(job *j) {
    for (size_t i = 0; i < j->n; i++) {
        j->cases[i].bench = sz_bench_set_get(j->o->set, i);
        compare_case(j, i, &j->cases[i]);
    }
    if (j->n_compared > 0) return write_out(j);
    return cli_error(j->app, CLI_INPUT, "no case of '%s' can be compared: %s", j->app->args[0],
                     j->n ? j->cases[0].why : "it has none");
}

int cli_compare_predicted(cli_app *app, const cli_compare_predicted_job *o) {
    job j = {.app = app, .o = o, .n = sz_bench_set_count(o->set)};
    const sz_status status = cli_machine_load(app, o->machine, &j.machine);
    if (status != SZ_OK) return cli_fail(app, status);
    j.cases = calloc(j.n + 1, sizeof *j.cases);
    const int code = j.cases ? compare_all(&j) : cli_error(app, CLI_BUG, "no memory");
    for (size_t i = 0; j.cases && i < j.n; i++) {
        sz_audit_destroy(j.cases[i].audit);
        sz_calibration_destroy(j.cases[i].other);
        sz_calibration_destroy(j.cases[i].calibration);
    }
    free(j.cases);
    sz_machine_destroy(j.machine);
    return code;
}
