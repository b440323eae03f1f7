// SPDX-License-Identifier: Apache-2.0
// `sizeup explore` for people, and as CSV: one row for each point.
#include "cli/explore.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = SZ_SPACE_PARAMETERS + SZ_METRICS_MAX + 2 };

// ---- columns -----------------------------------------------------------------------------------

// Which parameters and metrics a table shows. What all points share stands above it.
typedef struct table {
    size_t parameters[SZ_SPACE_PARAMETERS], n_parameters;
    size_t metrics[SZ_METRICS_MAX], n_metrics;
    sz_column columns[COLUMNS];
    size_t n;
} table;

static bool varies(const explore_job *job, size_t p) { return sz_space_values(job->space, p) > 1; }

static sz_format format_of(const sz_metric *m) { return *m->unit ? SZ_AS_SI : SZ_AS_NUMBER; }

// Points that a table is of.
typedef struct rows {
    const size_t *points;
    size_t n;
} rows;

// Is there another value in some row than in the first?
static bool varies_in(const explore_job *job, const rows *r, size_t p) {
    for (size_t i = 1; i < r->n; i++)
        if (sz_points_setting(job->points, r->points[i])[p] !=
            sz_points_setting(job->points, r->points[0])[p])
            return true;
    return false;
}

// What all rows have in common is a line, not columns.
static void put_common(sz_doc *doc, const explore_job *job, const rows *r, int64_t left_out) {
    char text[512] = "";
    size_t used = 0;
    for (size_t p = 0; r->n > 0 && p < sz_space_parameters(job->space); p++) {
        const uint32_t *setting = sz_points_setting(job->points, r->points[0]);
        if ((int64_t)p == left_out || !varies(job, p) || varies_in(job, r, p) ||
            !sz_space_exists(job->space, setting, p))
            continue;
        const int more = snprintf(text + used, sizeof text - used, "%s%s=%s", used ? ", " : "",
                                  sz_space_name(job->space, p),
                                  sz_space_value(job->space, p, setting[p]));
        if (more > 0 && used + (size_t)more < sizeof text) used += (size_t)more;
    }
    if (used) sz_doc_line(doc, "all with %s", text);
}

static void add_parameter(table *t, const explore_job *job, size_t p) {
    const char *name = sz_space_name(job->space, p);
    t->parameters[t->n_parameters++] = p;
    t->columns[t->n++] = (sz_column){name, name, NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK};
}

static void add_metric(table *t, const explore_job *job, size_t metric) {
    const sz_metric m = sz_space_metric(job->space, metric);
    for (size_t i = 0; i < t->n_metrics; i++)
        if (t->metrics[i] == metric) return;
    t->metrics[t->n_metrics++] = metric;
    t->columns[t->n++] = (sz_column){m.key, m.word, *m.unit ? m.unit : NULL, format_of(&m), 0};
}

static sz_cell value_cell(const explore_job *job, const uint32_t *setting, size_t p) {
    if (!sz_space_exists(job->space, setting, p)) return sz_cell_none();
    return sz_cell_text(sz_space_value(job->space, p, setting[p]));
}

static size_t put_point(const table *t, const explore_job *job, size_t i, sz_cell *cells) {
    const uint32_t *setting = sz_points_setting(job->points, i);
    size_t n = 0;
    for (size_t k = 0; k < t->n_parameters; k++)
        cells[n++] = value_cell(job, setting, t->parameters[k]);
    for (size_t k = 0; k < t->n_metrics; k++)
        cells[n++] = sz_cell_f64(sz_points_value(job->points, i, t->metrics[k]));
    return n;
}

// ---- head --------------------------------------------------------------------------------------

static void put_shared(sz_doc *doc, const explore_job *job) {
    for (size_t p = 0; p < sz_space_parameters(job->space); p++)
        if (!varies(job, p))
            sz_doc_fact(doc, NULL, sz_space_name(job->space, p),
                        sz_cell_text(sz_space_value(job->space, p, 0)), SZ_AS_TEXT, NULL);
}

// The reason that the most settings share, with their number.
static void put_refused(sz_doc *doc, const explore_job *job) {
    const char *first = NULL;
    int64_t same = 0;
    for (size_t i = 0; i < sz_points_count(job->points); i++) {
        const char *why = sz_points_why(job->points, i);
        if (why && !first) first = why;
        same += why && first && strcmp(why, first) == 0;
    }
    if (!first) return;
    sz_doc_fact(doc, NULL, "can't be had", sz_cell_i64(job->done.refused), SZ_AS_INT, NULL);
    sz_doc_line(doc, "  %s%s", first, same < job->done.refused ? "; others for other reasons" : "");
}

static void put_head(sz_doc *doc, const explore_job *job) {
    char note[128];
    const int64_t size = sz_space_size(job->space);
    sz_doc_heading(doc, "explored");
    put_shared(doc, job);
    int n = snprintf(note, sizeof note, "of %s%" PRId64 " in the space, by %s",
                     size == INT64_MAX ? "more than " : "", size, job->by);
    if (job->done.seconds >= 1 && n > 0 && (size_t)n < sizeof note)
        snprintf(note + n, sizeof note - (size_t)n, ", in %.3g s", job->done.seconds);
    sz_doc_fact_note(doc, NULL, "settings", sz_cell_i64(job->done.proposed), SZ_AS_INT, NULL, note);
    put_refused(doc, job);
}

// ---- front -------------------------------------------------------------------------------------

typedef struct ranked {
    double value;
    size_t point;
} ranked;

static int least_first(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->point > y->point) - (x->point < y->point);
}

// Points of the front by its first metric, the best first. NULL: no memory.
static size_t *rank_front(const explore_job *job) {
    ranked *order = malloc((job->front.n + 1) * sizeof *order);
    size_t *points = malloc((job->front.n + 1) * sizeof *points), n = 0;
    const size_t m = job->front_metrics[0];
    const bool higher = sz_space_metric(job->space, m).higher;
    for (size_t i = 0; order && i < sz_points_count(job->points); i++) {
        if (!job->on_front[i]) continue;
        const double v = sz_points_value(job->points, i, m);
        order[n++] = (ranked){higher ? -v : v, i};
    }
    if (order) qsort(order, n, sizeof *order, least_first);
    for (size_t i = 0; order && points && i < n; i++) points[i] = order[i].point;
    const bool ok = order && points;
    free(order);
    if (!ok) free(points);
    return ok ? points : NULL;
}

// Of the front, and what is cheap to show beside it.
static void choose_front_columns(table *t, const explore_job *job, const rows *r) {
    static const size_t beside[] = {SZ_METRIC_LATENCY, SZ_METRIC_THROUGHPUT, SZ_METRIC_MEMORY};
    for (size_t p = 0; p < sz_space_parameters(job->space); p++)
        if (varies_in(job, r, p)) add_parameter(t, job, p);
    for (size_t i = 0; i < job->n_front_metrics; i++) add_metric(t, job, job->front_metrics[i]);
    for (size_t i = 0; i < CLI_COUNT(beside); i++)
        if (job->known[beside[i]]) add_metric(t, job, beside[i]);
}

static void describe_front(sz_doc *doc, const explore_job *job) {
    char words[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < job->n_front_metrics; i++) {
        const sz_metric m = sz_space_metric(job->space, job->front_metrics[i]);
        const int more = snprintf(words + used, sizeof words - used, "%s%s %s", i ? ", " : "",
                                  m.higher ? "high" : "low", m.word);
        if (more > 0 && used + (size_t)more < sizeof words) used += (size_t)more;
    }
    sz_doc_heading(doc, "front");
    sz_doc_line(doc, "%zu of %zu settings that no other beats: %s%s", job->front.n,
                sz_points_count(job->points) - job->front.unknown, words,
                job->dominance == SZ_DOMINANCE_SURE ? "" : ", by their values alone");
    if (job->front.unknown > (size_t)job->done.refused)
        sz_doc_line(doc, "%zu settings lack one of these metrics and are left out",
                    job->front.unknown - (size_t)job->done.refused);
}

static void put_front(sz_doc *doc, const explore_job *job, table *t) {
    size_t *points = rank_front(job);
    const size_t top = job->options->top > 0 ? (size_t)job->options->top : SIZE_MAX;
    const rows r = {points, points ? job->front.n < top ? job->front.n : top : 0};
    sz_cell cells[COLUMNS];
    describe_front(doc, job);
    put_common(doc, job, &r, -1);
    choose_front_columns(t, job, &r);
    sz_doc_table(doc, "front", t->columns, t->n);
    for (size_t i = 0; i < r.n; i++) sz_doc_row(doc, cells, put_point(t, job, points[i], cells));
    if (r.n < job->front.n) sz_doc_line(doc, "%zu more: --top 0 shows all", job->front.n - r.n);
    free(points);
}

// ---- oracle ------------------------------------------------------------------------------------

static void put_fixed(sz_doc *doc, const explore_job *job) {
    const sz_oracle *o = &job->oracle;
    const uint32_t *setting;
    char text[512] = "";
    size_t used = 0;
    if (o->best_fixed < 0) {
        sz_doc_line(doc, "no setting of the others exists for every value: there is no best fixed "
                         "one");
        return;
    }
    setting = sz_points_setting(job->points, (size_t)o->best_fixed);
    for (size_t p = 0; p < sz_space_parameters(job->space); p++) {
        if (p == o->parameter || !varies(job, p) || !sz_space_exists(job->space, setting, p))
            continue;
        const int more = snprintf(text + used, sizeof text - used, "%s%s=%s", used ? ", " : "",
                                  sz_space_name(job->space, p),
                                  sz_space_value(job->space, p, setting[p]));
        if (more > 0 && used + (size_t)more < sizeof text) used += (size_t)more;
    }
    sz_doc_line(doc, "best fixed: %s", *text ? text : "there is only one");
    sz_doc_line(doc, "it loses %.3g %% of the best on average, at most %.3g %%",
                100 * o->mean_regret, 100 * o->max_regret);
}

// Its columns; the number of columns of the best point.
static void choose_oracle_columns(table *t, const explore_job *job, const rows *r) {
    const sz_metric m = sz_space_metric(job->space, job->best);
    add_parameter(t, job, job->oracle.parameter);
    for (size_t p = 0; p < sz_space_parameters(job->space); p++)
        if (p != job->oracle.parameter && varies_in(job, r, p)) add_parameter(t, job, p);
    add_metric(t, job, job->best);
    t->columns[t->n++] = (sz_column){NULL, "best fixed", *m.unit ? m.unit : NULL, format_of(&m),
                                     SZ_COLUMN_SHOW};
    t->columns[t->n++] = (sz_column){NULL, "loses", NULL, SZ_AS_PERCENT, SZ_COLUMN_SHOW};
}

static void put_oracle_rows(sz_doc *doc, const explore_job *job, const table *t) {
    const sz_oracle *o = &job->oracle;
    const size_t top = job->options->top > 0 ? (size_t)job->options->top : SIZE_MAX;
    sz_cell cells[COLUMNS];
    for (size_t i = 0; i < o->n && i < top; i++) {
        size_t n = put_point(t, job, (size_t)o->rows[i].best, cells);
        const int64_t fixed = o->rows[i].fixed;
        cells[n++] = fixed < 0
                         ? sz_cell_none()
                         : sz_cell_f64(sz_points_value(job->points, (size_t)fixed, job->best));
        cells[n++] = sz_cell_f64(o->rows[i].regret);
        sz_doc_row(doc, cells, n);
    }
    if (o->n > top) sz_doc_line(doc, "%zu more: --top 0 shows all", o->n - top);
}

static void put_oracle(sz_doc *doc, const explore_job *job, table *t) {
    const sz_oracle *o = &job->oracle;
    const sz_metric m = sz_space_metric(job->space, job->best);
    size_t *points = malloc((o->n + 1) * sizeof *points);
    if (!points) return;
    for (size_t i = 0; i < o->n; i++) points[i] = (size_t)o->rows[i].best;
    const rows r = {points, o->n};
    sz_doc_heading(doc, "oracle");
    sz_doc_line(doc, "for each '%s' the setting with the %s %s",
                sz_space_name(job->space, o->parameter), m.higher ? "highest" : "least", m.word);
    put_common(doc, job, &r, (int64_t)o->parameter);
    choose_oracle_columns(t, job, &r);
    sz_doc_table(doc, "oracle", t->columns, t->n);
    put_oracle_rows(doc, job, t);
    put_fixed(doc, job);
    free(points);
}

// ---- sensitivity -------------------------------------------------------------------------------

static void put_sensitivity(sz_doc *doc, const explore_job *job) {
    static const sz_column columns[] = {
        {"parameter", "parameter", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"first_order", "alone", NULL, SZ_AS_PERCENT, 0},
        {"total", "with the others", NULL, SZ_AS_PERCENT, 0},
        {"spread", "best to worst, x", NULL, SZ_AS_NUMBER, 0},
    };
    sz_doc_heading(doc, "what matters");
    sz_doc_line(doc, "shares of the variance of %s%s", job->sensitivity[0].log ? "log " : "",
                sz_space_metric(job->space, job->best).word);
    sz_doc_table(doc, "sensitivity", columns, CLI_COUNT(columns));
    for (size_t p = 0; p < sz_space_parameters(job->space); p++) {
        const sz_sensitivity *s = &job->sensitivity[p];
        if (!varies(job, p)) continue;
        const sz_cell cells[] = {sz_cell_text(s->parameter), sz_cell_f64(s->first_order),
                                 sz_cell_f64(s->total), sz_cell_f64(s->spread)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

// ---- all ---------------------------------------------------------------------------------------

// Everything that is known of each point.
static void put_data(sz_doc *doc, const explore_job *job, table *t) {
    const bool all = strcmp(job->options->show, "all") == 0;
    sz_cell cells[COLUMNS];
    for (size_t p = 0; p < sz_space_parameters(job->space); p++) add_parameter(t, job, p);
    for (size_t m = 0; m < sz_space_metrics(job->space); m++)
        if (job->known[m]) add_metric(t, job, m);
    t->columns[t->n++] = (sz_column){"on_front", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA};
    t->columns[t->n++] = (sz_column){"why", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA};
    sz_doc_table(doc, "points", t->columns, t->n);
    for (size_t i = 0; i < sz_points_count(job->points); i++) {
        if (!all && !job->on_front[i]) continue;
        size_t n = put_point(t, job, i, cells);
        cells[n++] = sz_cell_bool(job->on_front[i]);
        cells[n++] = sz_cell_text(sz_points_why(job->points, i));
        sz_doc_row(doc, cells, n);
    }
}

int explore_write_doc(const explore_job *job) {
    sz_doc *doc;
    table *tables = calloc(2, sizeof *tables); // their strings outlive the document
    sz_status status = sz_doc_create(job->app->out, NULL, &doc);
    if (!tables || status != SZ_OK) {
        free(tables);
        return cli_error(job->app, CLI_UNAVAILABLE, "out of memory");
    }
    if (cli_wants(job->app, "csv")) {
        put_data(doc, job, &tables[0]);
    } else {
        put_head(doc, job);
        put_front(doc, job, &tables[0]);
        if (job->asked_oracle) put_oracle(doc, job, &tables[1]);
        put_sensitivity(doc, job);
    }
    const int code = cli_write_doc(job->app, doc);
    sz_doc_destroy(doc);
    free(tables);
    return code;
}
