// SPDX-License-Identifier: Apache-2.0
// What a report says of a run: what was predicted of its layers, and in what surroundings it ran.
#include "cli/report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- predicted and measured --------------------------------------------------------------------

typedef struct span {
    double lo, hi;
} span;

static bool is_point(const sz_audit_row *r) { return r->predicted_s > 0 && r->measured_s > 0; }

static span find_span(const sz_audit *a) {
    span s = {INFINITY, 0};
    for (size_t i = 0; i < sz_audit_count(a); i++) {
        const sz_audit_row r = sz_audit_get(a, i);
        if (!is_point(&r)) continue;
        s.lo = fmin(s.lo, fmin(r.predicted_s, r.measured_s));
        s.hi = fmax(s.hi, fmax(r.predicted_s, r.measured_s));
    }
    return s;
}

static void draw_points(const sz_audit *a, sz_plot *plot) {
    double most = 0;
    for (size_t i = 0; i < sz_audit_count(a); i++) {
        const sz_audit_row r = sz_audit_get(a, i);
        if (is_point(&r)) most = fmax(most, fabs(r.error_s));
    }
    for (size_t i = 0; i < sz_audit_count(a); i++) {
        const sz_audit_row r = sz_audit_get(a, i);
        char tip[600];
        if (!is_point(&r)) continue;
        snprintf(tip, sizeof tip, "%.160s: measured %s, predicted %s; %.200s",
                 r.layer ? r.layer : r.predicted, report_si(r.measured_s, "s").s,
                 report_si(r.predicted_s, "s").s, r.why ? r.why : "no cause was found");
        const sz_plot_point p = {.x = r.predicted_s,
                                 .y = r.measured_s,
                                 .share = fmax(fabs(r.error_s) / most, 1e-9),
                                 .tip = tip,
                                 .color = SZ_PLOT_SERIES + (r.in_interval ? 2 : 0)};
        sz_plot_add_point(plot, &p);
    }
}

static bool draw_scatter(const report_job *job, int linear, sz_doc_view *ret_view) {
    const sz_audit *a = job->audit;
    const bool has_intervals = !isnan(sz_audit_summed(a).lo_s);
    const span s = find_span(a);
    const double lo = linear ? 0 : s.lo / 1.6, hi = s.hi * (linear ? 1.05 : 1.6);
    const double ends[] = {lo, hi}, twice[] = {2 * lo, 2 * hi}, half[] = {lo / 2, hi / 2};
    sz_plot *plot = NULL;
    if (sz_plot_create(job->app->out, &plot) != SZ_OK) return false;
    sz_plot_set_axis(plot, 0, &(sz_plot_axis){"predicted", lo, hi, linear});
    sz_plot_set_axis(plot, 1, &(sz_plot_axis){"measured", lo, hi, linear});
    for (int axis = 0; axis < 2; axis++) sz_plot_set_unit(plot, axis, "s");
    sz_plot_add_line(plot, &(sz_plot_line){ends, ends, 2, "as predicted", SZ_PLOT_INK, 0});
    sz_plot_add_line(plot, &(sz_plot_line){ends, twice, 2, "twice as long", SZ_PLOT_GREY,
                                           SZ_PLOT_DASHED | SZ_PLOT_THIN | SZ_PLOT_ALONG});
    sz_plot_add_line(plot, &(sz_plot_line){ends, half, 2, "half as long", SZ_PLOT_GREY,
                                           SZ_PLOT_DASHED | SZ_PLOT_THIN | SZ_PLOT_ALONG});
    draw_points(a, plot);
    sz_plot_add_legend(plot, SZ_PLOT_SERIES,
                       has_intervals ? "outside of its 90 % interval" : "a layer");
    if (has_intervals) sz_plot_add_legend(plot, SZ_PLOT_SERIES + 2, "within its 90 % interval");
    *ret_view = (sz_doc_view){linear ? "linear" : "logarithmic", plot};
    return true;
}

static bool put_scatter(const report_job *job) {
    sz_doc_view views[2];
    const span s = find_span(job->audit);
    if (!(s.lo < s.hi)) return true;
    if (!draw_scatter(job, 0, &views[0])) return false;
    if (!draw_scatter(job, 1, &views[1])) {
        sz_plot_destroy(views[0].plot);
        return false;
    }
    sz_doc_figure(job->doc,
                  "Each mark is a layer, its area the absolute error. Above the diagonal it took "
                  "longer than predicted.",
                  "Measured over predicted time of the layers, with the diagonal; the table below "
                  "has the same numbers",
                  views, 2);
    return true;
}

static void put_causes(const report_job *job) {
    static const sz_column columns[] = {
        {"cause", "cause", NULL, SZ_AS_TEXT, 0},
        {"rows", "layers", NULL, SZ_AS_INT, 0},
        {"predicted_s", "predicted", "s", SZ_AS_SI, 0},
        {"measured_s", "measured", "s", SZ_AS_SI, 0},
        {"share", "of the error", NULL, SZ_AS_PERCENT, SZ_COLUMN_BAR},
        {"what", "what it is", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_line(job->doc, "Why the two part, by cause:");
    sz_doc_table(job->doc, "causes", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_audit_cause_count(job->audit); i++) {
        const sz_audit_cause c = sz_audit_cause_get(job->audit, i);
        const sz_cell cells[] = {sz_cell_text(c.cause),      sz_cell_i64(c.rows),
                                 sz_cell_f64(c.predicted_s), sz_cell_f64(c.measured_s),
                                 sz_cell_f64(c.share),       sz_cell_text(c.what)};
        sz_doc_row(job->doc, cells, CLI_COUNT(cells));
    }
}

static void put_rows(const report_job *job) {
    enum { SHOWN = 15 };
    static const sz_column columns[] = {
        {"layer", "layer", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"op", "operator", NULL, SZ_AS_TEXT, SZ_COLUMN_PAGE},
        {"kernel", "kernel", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"predicted_s", "predicted", "s", SZ_AS_SI, 0},
        {"measured_s", "measured", "s", SZ_AS_SI, 0},
        {"ratio", "ratio", NULL, SZ_AS_NUMBER, 0},
        {"share", "of the error", NULL, SZ_AS_PERCENT, SZ_COLUMN_BAR},
        {"of_roof", "of roof", NULL, SZ_AS_PERCENT, SZ_COLUMN_PAGE},
        {"why", "why", NULL, SZ_AS_TEXT, SZ_COLUMN_PAGE},
    };
    const size_t n = sz_audit_count(job->audit);
    const size_t shown = report_for_people(job) && n > SHOWN ? SHOWN : n;
    sz_doc_table(job->doc, "audit", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < shown; i++) {
        const sz_audit_row r = sz_audit_get(job->audit, i);
        const sz_cell cells[] = {sz_cell_text(r.layer ? r.layer : r.predicted),
                                 sz_cell_text(r.op),
                                 sz_cell_text(r.kernel),
                                 sz_cell_f64(r.predicted_s),
                                 sz_cell_f64(r.measured_s),
                                 sz_cell_f64(r.ratio),
                                 sz_cell_f64(r.share),
                                 sz_cell_f64(r.of_roof),
                                 sz_cell_text(r.why)};
        sz_doc_row(job->doc, cells, CLI_COUNT(cells));
    }
    if (shown < n) sz_doc_line(job->doc, "The %zu worst of %zu rows.", shown, n);
}

static void put_cases(const report_job *job) {
    static const sz_column columns[] = {
        {"case", "case", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"backend", "library", NULL, SZ_AS_TEXT, 0},
        {"dtype", "format", NULL, SZ_AS_TEXT, 0},
        {"threads", "threads", NULL, SZ_AS_INT, 0},
        {"median_s", "median", "s", SZ_AS_SI, SZ_COLUMN_BAR},
        {"n", "n", NULL, SZ_AS_INT, 0},
        {"samples_per_s", "samples/s", NULL, SZ_AS_SI, 0},
        {"samples_per_j", "samples/J", NULL, SZ_AS_SI, SZ_COLUMN_PAGE},
        {"verdict", "verdict", NULL, SZ_AS_TEXT, 0},
    };
    const size_t n = sz_bench_set_count(job->set);
    if (n < 2) return;
    sz_doc_line(job->doc, "All %zu cases of the run; the page is about '%s'.", n,
                job->bench->case_name ? job->bench->case_name : "?");
    sz_doc_table(job->doc, "cases", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < n; i++) {
        const sz_bench *b = sz_bench_set_get(job->set, i);
        const sz_cell cells[] = {sz_cell_text(b->case_name),
                                 sz_cell_text(b->ran_as.backend),
                                 sz_cell_text(b->ran_as.dtype),
                                 sz_cell_i64(b->ran_as.threads),
                                 sz_cell_f64(b->time.median_s),
                                 sz_cell_i64(b->time.n),
                                 sz_cell_f64(b->rate.samples_per_s),
                                 sz_cell_f64(b->energy.samples_per_j),
                                 sz_cell_text(b->verdict)};
        sz_doc_row(job->doc, cells, CLI_COUNT(cells));
    }
}

// All that a run without times of layers can be held to.
static void put_whole(const report_job *job) {
    const sz_audit_sums s = sz_audit_summed(job->audit);
    sz_doc_line(job->doc,
                "The whole net: %s measured, %s predicted, %.3g times as long. Where the time "
                "went is not known: the run has no times of layers, 'sizeup bench ... --layers' "
                "measures them.",
                report_si(s.measured_s, "s").s, report_si(s.predicted_s, "s").s, s.ratio);
}

bool report_put_measured(report_job *job) {
    if (!job->bench) return true;
    sz_doc_heading(job->doc, "Predicted and measured");
    put_cases(job);
    if (!job->audit) {
        sz_doc_line(job->doc, "Not held to a prediction: %s.", job->audit_why);
        return true;
    }
    sz_doc_line(job->doc, "Predicted at level '%s'%s%s.",
                sz_estimate_level(sz_audit_estimate(job->audit)), job->level_why[0] ? ", as " : "",
                job->level_why);
    if (sz_audit_count(job->audit) == 0) {
        put_whole(job);
        return true;
    }
    if (!put_scatter(job)) return false;
    put_causes(job);
    put_rows(job);
    return true;
}

// ---- environment -------------------------------------------------------------------------------

// Values of a flat object; what lies deeper is shown as JSON.
static void put_object(const report_job *job, const char *title, const char *text) {
    const char *key;
    json_t *object = text ? json_loads(text, 0, NULL) : NULL, *v;
    json_object_foreach(object, key, v) {
        char name[160], *dump = NULL;
        snprintf(name, sizeof name, "%s: %.120s", title, key);
        if (json_is_null(v)) continue;
        if (!json_is_string(v)) dump = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        const char *shown = json_is_string(v) ? json_string_value(v) : dump;
        if (shown && strlen(shown) < 400)
            sz_doc_fact(job->doc, NULL, name, sz_cell_text(shown), SZ_AS_TEXT, NULL);
        free(dump);
    }
    json_decref(object);
}

static void put_machine(const report_job *job) {
    const sz_identity id = sz_machine_identity(job->machine);
    const sz_cpu_facts cpu = sz_machine_cpu(job->machine);
    sz_doc *doc = job->doc;
    sz_doc_fact_note(doc, "machine", "machine", sz_cell_text(id.name), SZ_AS_TEXT, NULL, cpu.model);
    sz_doc_fact(doc, "machine_source", "its numbers", sz_cell_text(id.source), SZ_AS_TEXT, NULL);
    if (id.measured_utc)
        sz_doc_fact(doc, "machine_measured_utc", "measured at", sz_cell_text(id.measured_utc),
                    SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "fingerprint", "fingerprint", sz_cell_text(id.fingerprint), SZ_AS_TEXT, NULL);
    for (size_t i = 0; i < sz_machine_note_count(job->machine); i++)
        sz_doc_fact(doc, NULL, i ? "" : "notes of the measurement",
                    sz_cell_text(sz_machine_note(job->machine, i)), SZ_AS_TEXT, NULL);
}

// "load_byte_per_s" is a rate of bytes: the end of a key is its unit.
static const char *unit_of(const char *key) {
    static const char *const rows[][2] = {{"byte_per_s", "B/s"}, {"flop_per_s", "FLOP/s"},
                                          {"_bytes", "B"},       {"_hz", "Hz"},
                                          {"_s", "s"},           {"_w", "W"},
                                          {"_j", "J"}};
    const size_t n = strlen(key);
    for (size_t i = 0; i < CLI_COUNT(rows); i++) {
        const size_t m = strlen(rows[i][0]);
        if (n > m && strcmp(key + n - m, rows[i][0]) == 0) return rows[i][1];
    }
    return NULL;
}

static void put_assumptions(const report_job *job) {
    sz_doc_line(job->doc, "What the prediction assumes:");
    for (size_t i = 0; i < sz_estimate_assumption_count(job->estimate); i++) {
        const sz_assumption a = sz_estimate_assumption(job->estimate, i);
        const char *unit = unit_of(a.key);
        if (isnan(a.number))
            sz_doc_line(job->doc, "- %s: %s", a.key, a.text);
        else if (unit)
            sz_doc_line(job->doc, "- %s = %s: %s", a.key, report_si(a.number, unit).s, a.text);
        else
            sz_doc_line(job->doc, "- %s = %.4g: %s", a.key, a.number, a.text);
    }
}

// A word for a shell, quoted where it needs to be.
static void put_word(sz_buf *buf, const char *option, const char *word) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "_./:=,+-@%";
    if (!word) return;
    sz_buf_printf(buf, " %s%s", option, *option ? " " : "");
    if (*word && word[strspn(word, plain)] == '\0') {
        sz_buf_puts(buf, word);
        return;
    }
    sz_buf_putc(buf, '\'');
    for (const char *p = word; *p; p++)
        if (*p == '\'')
            sz_buf_puts(buf, "'\\''");
        else
            sz_buf_putc(buf, *p);
    sz_buf_putc(buf, '\'');
}

// Names of machines, binds ... by one option, as they were given: "h100,m2".
static void put_words(sz_buf *buf, const char *option, const cli_strings *words) {
    sz_buf one;
    if (words->n == 0) return;
    sz_buf_init(&one, buf->ctx);
    for (size_t i = 0; i < words->n; i++)
        sz_buf_printf(&one, "%s%s", i ? "," : "", words->items[i]);
    sz_buf_putc(&one, '\0');
    if (sz_buf_status(&one) == SZ_OK) put_word(buf, option, one.data);
    sz_buf_finish(&one);
}

static void put_again(const report_job *job) {
    const report_options *o = job->o;
    char threads[24];
    sz_buf buf;
    sz_buf_init(&buf, job->app->out);
    sz_buf_puts(&buf, "sizeup report");
    put_word(&buf, "", job->app->args[0]);
    put_words(&buf, "--machine", &o->machines);
    put_words(&buf, "--bind", &o->binds);
    for (size_t i = 0; i < o->inputs.n; i++) put_word(&buf, "--input", o->inputs.items[i]);
    put_word(&buf, "--dtype", o->dtype);
    if (strcmp(o->level, "roofline") != 0) put_word(&buf, "--level", o->level);
    if (strcmp(o->recipe, "generic") != 0) put_word(&buf, "--for", o->recipe);
    snprintf(threads, sizeof threads, "%lld", (long long)o->threads);
    if (o->threads > 0) put_word(&buf, "--threads", threads);
    put_word(&buf, "--model", o->model);
    put_word(&buf, "--explore", o->explore);
    sz_buf_puts(&buf, " -o report.html");
    sz_buf_putc(&buf, '\0');
    if (sz_buf_status(&buf) == SZ_OK)
        sz_doc_fact(job->doc, "again", "this page again", sz_cell_text(buf.data), SZ_AS_COMMAND,
                    NULL);
    sz_buf_finish(&buf);
}

void report_put_environment(report_job *job) {
    const sz_bench *b = job->bench;
    sz_doc *doc = job->doc;
    sz_doc_heading(doc, "Environment, and how to do it again");
    sz_doc_fact(doc, "sizeup", "sizeup", sz_cell_text(sz_version()), SZ_AS_TEXT, NULL);
    if (job->machine) put_machine(job);
    if (b) {
        sz_doc_fact(doc, "started_utc", "run started", sz_cell_text(b->started_utc), SZ_AS_TEXT,
                    NULL);
        sz_doc_fact(doc, "library", "library", sz_cell_text(b->ran_as.version), SZ_AS_TEXT, NULL);
        put_object(job, "env", b->env_json);
        put_object(job, "software", b->software_json);
        put_object(job, "settings", b->settings_json);
        sz_doc_fact(doc, "reproducer", "measure again", sz_cell_text(b->reproducer), SZ_AS_COMMAND,
                    NULL);
    }
    put_again(job);
    if (job->estimate) put_assumptions(job);
}
