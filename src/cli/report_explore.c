// SPDX-License-Identifier: Apache-2.0
// What `sizeup explore` found, in a report: the front, the oracle, the best fixed setting.
#include "cli/report.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sizeup/chart.h>

enum { MOST_BYTES = 1 << 28 };

// ---- the file ----------------------------------------------------------------------------------

static char *read_file(const report_job *job, const char *path, size_t *ret_size) {
    FILE *f = fopen(path, "rb");
    size_t cap = 1 << 16, n = 0;
    char *text = f ? malloc(cap) : NULL;
    while (text && n < MOST_BYTES) {
        n += fread(text + n, 1, cap - n, f);
        if (n < cap) break;
        char *more = realloc(text, cap *= 2);
        if (!more) free(text);
        text = more;
    }
    const bool bad = !f || !text || ferror(f) || n >= MOST_BYTES;
    if (f) fclose(f);
    if (!bad) return *ret_size = n, text;
    cli_error(job->app, CLI_INPUT, "can't read '%s'%s", path,
              n >= MOST_BYTES ? ": it is longer than 256 MiB" : "");
    free(text);
    return NULL;
}

// ---- tables ------------------------------------------------------------------------------------

enum { MAX_COLUMNS = 24 };

// Names of the members of an object, in their order, as columns.
static size_t columns_of(json_t *object, const char **names, size_t n) {
    const char *key;
    json_t *v;
    json_object_foreach(object, key, v) {
        if (json_is_object(v) || json_is_array(v)) continue;
        if (n < MAX_COLUMNS) names[n++] = key;
    }
    return n;
}

static sz_cell cell_of(const json_t *v) {
    if (json_is_string(v)) return sz_cell_text(json_string_value(v));
    if (json_is_integer(v)) return sz_cell_i64(json_integer_value(v));
    if (json_is_real(v)) return sz_cell_f64(json_real_value(v));
    return json_is_boolean(v) ? sz_cell_bool(json_is_true(v)) : sz_cell_none();
}

// "_s" and its like are units of a key; *ret_end: the bytes of the key before it.
static const char *unit_of(const char *key, size_t *ret_end) {
    static const char *const rows[][2] = {
        {"_per_s", "1/s"}, {"_per_j", "1/J"}, {"_bytes", "B"}, {"_s", "s"}, {"_j", "J"}};
    const size_t n = strlen(key);
    for (size_t i = 0; i < CLI_COUNT(rows); i++) {
        const size_t m = strlen(rows[i][0]);
        if (n > m && strcmp(key + n - m, rows[i][0]) == 0) return *ret_end = n - m, rows[i][1];
    }
    return *ret_end = n, NULL;
}

typedef struct front_table {
    json_t *root; // the whole file
    const char *names[MAX_COLUMNS];
    char titles[MAX_COLUMNS][64];
    size_t n, n_parameters;
    json_t *points;
} front_table;

void report_explore_finish(report_job *job) {
    front_table *t = job->explored;
    if (t) json_decref(t->root);
    free(t);
}

// Heads of tables are our own words everywhere else, so no writer expects a strange one. Of a
// metric the unit stands beside it: "latency" for latency_s.
static const char *title_of(front_table *t, size_t c) {
    const bool is_metric = c >= t->n_parameters;
    size_t n;
    unit_of(t->names[c], &n);
    if (!is_metric) n = strlen(t->names[c]);
    snprintf(t->titles[c], sizeof t->titles[c], "%.*s", n < 63 ? (int)n : 63, t->names[c]);
    for (char *p = t->titles[c]; *p; p++) {
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f) *p = '?';
        if (is_metric && *p == '_') *p = ' ';
    }
    return t->titles[c];
}

static void put_front_row(const report_job *job, const front_table *t, const json_t *point) {
    sz_cell cells[MAX_COLUMNS];
    for (size_t c = 0; c < t->n; c++) {
        const char *part = c < t->n_parameters ? "parameters" : "metrics";
        cells[c] = cell_of(json_object_get(json_object_get(point, part), t->names[c]));
    }
    sz_doc_row(job->doc, cells, t->n);
}

// Columns by the first point: all points of a document have the same keys.
static void put_front_table(const report_job *job) {
    front_table *t = job->explored;
    t->points = json_object_get(t->root, "points");
    json_t *first = json_array_get(t->points, 0), *point;
    sz_column columns[MAX_COLUMNS];
    size_t i, on_front = 0;
    t->n_parameters = columns_of(json_object_get(first, "parameters"), t->names, 0);
    t->n = columns_of(json_object_get(first, "metrics"), t->names, t->n_parameters);
    for (size_t c = 0; c < t->n; c++) {
        const json_t *v = json_object_get(json_object_get(first, "parameters"), t->names[c]);
        const bool is_text = c < t->n_parameters && (!v || json_is_string(v));
        size_t end;
        const char *unit = unit_of(t->names[c], &end);
        columns[c] = (sz_column){t->names[c], title_of(t, c), c < t->n_parameters ? NULL : unit,
                                 is_text               ? SZ_AS_TEXT
                                 : c < t->n_parameters ? SZ_AS_NUMBER
                                                       : SZ_AS_SI,
                                 c < t->n_parameters ? 0 : SZ_COLUMN_BAR};
    }
    json_array_foreach(t->points, i, point)
        on_front += json_is_true(json_object_get(point, "on_front"));
    sz_doc_line(job->doc, "%zu points, %zu of them on the front:", json_array_size(t->points),
                on_front);
    if (t->n == 0 || on_front == 0) return;
    sz_doc_table(job->doc, "front", columns, t->n);
    json_array_foreach(t->points, i, point) if (json_is_true(json_object_get(point, "on_front")))
        put_front_row(job, t, point);
}

// "batch=8, dtype=f32"
static void setting_text(json_t *parameters, char *buf, size_t cap) {
    const char *key;
    json_t *v;
    size_t used = 0;
    buf[0] = '\0';
    json_object_foreach(parameters, key, v) {
        char *dump = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
        const char *text = json_is_string(v) ? json_string_value(v) : dump;
        if (text && used < cap)
            used += (size_t)snprintf(buf + used, cap - used, "%s%s=%s", used ? ", " : "", key,
                                     text);
        free(dump);
    }
}

static void put_oracle_table(const report_job *job, json_t *root) {
    const char *of = json_string_value(json_object_get(root, "best"));
    size_t end;
    const sz_column columns[] = {
        {"value", "value", NULL, SZ_AS_TEXT, 0},
        {"metric", "best", of ? unit_of(of, &end) : NULL, SZ_AS_SI, SZ_COLUMN_BAR},
        {"setting", "with the setting", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    json_t *rows = json_object_get(root, "oracle"), *row;
    json_t *fixed = json_object_get(root, "best_fixed");
    const json_t *regret = json_object_get(fixed, "mean_regret");
    size_t i;
    char text[600];
    if (json_array_size(rows) == 0) return;
    sz_doc_table(job->doc, "oracle", columns, CLI_COUNT(columns));
    json_array_foreach(rows, i, row) {
        json_t *best = json_object_get(row, "best");
        const json_t *value = json_object_get(row, "value");
        char *dump = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
        setting_text(json_object_get(best, "parameters"), text, sizeof text);
        const sz_cell cells[] = {sz_cell_text(dump ? dump : json_string_value(value)),
                                 cell_of(json_object_get(best, "metric")), sz_cell_text(text)};
        sz_doc_row(job->doc, cells, CLI_COUNT(cells));
        free(dump);
    }
    setting_text(json_object_get(fixed, "parameters"), text, sizeof text);
    if (json_is_number(regret))
        sz_doc_line(job->doc, "The one setting that loses least: %s, on average %s worse.", text,
                    report_percent(json_number_value(regret)).s);
}

// ---- pictures ----------------------------------------------------------------------------------

typedef sz_status fill_chart(sz_ctx *ctx, const sz_chart_data *data, sz_plot *plot);

static sz_status fill_front(sz_ctx *ctx, const sz_chart_data *data, sz_plot *plot) {
    return sz_chart_front(ctx, data, &(sz_chart_front_options){.x = NULL}, plot);
}
static sz_status fill_oracle(sz_ctx *ctx, const sz_chart_data *data, sz_plot *plot) {
    return sz_chart_oracle(ctx, data, &(sz_chart_oracle_options){.parameter = NULL}, plot);
}

// A picture that can't be had is said in a word.
static void put_chart(const report_job *job, const sz_chart_data *data, fill_chart *fill,
                      const char *caption) {
    sz_plot *plot = NULL;
    sz_status status = sz_plot_create(job->side, &plot);
    if (status == SZ_OK) status = fill(job->side, data, plot);
    if (status == SZ_OK) {
        sz_plot_title(plot, NULL, NULL);
        sz_doc_figure(job->doc, caption, caption, &(sz_doc_view){"plot", plot}, 1);
        return;
    }
    sz_doc_line(job->doc, "No picture: %s.", sz_ctx_error(job->side));
    sz_plot_destroy(plot);
}

static int put_document(const report_job *job, const sz_chart_data *data) {
    json_t *root = ((front_table *)job->explored)->root;
    sz_doc_heading(job->doc, "Settings: the front");
    put_chart(job, data, fill_front,
              "Pareto front: no other setting is as good in all of its metrics and better in one. "
              "The table has its points.");
    put_front_table(job);
    if (json_array_size(json_object_get(root, "oracle")) == 0) return CLI_DONE;
    sz_doc_heading(job->doc, "Settings: the oracle");
    put_chart(job, data, fill_oracle,
              "For each value the best of all other settings, and what one fixed setting gives.");
    put_oracle_table(job, root);
    return CLI_DONE;
}

int report_put_explore(report_job *job) {
    const char *path = job->o->explore;
    size_t size = 0;
    json_error_t where;
    sz_chart_data *data = NULL;
    int code;
    if (!path) return CLI_DONE;
    front_table *t = job->explored = calloc(1, sizeof *t);
    if (!t) return cli_error(job->app, CLI_BUG, "no memory for the output");
    char *text = read_file(job, path, &size);
    if (!text) return CLI_INPUT;
    json_t *root = t->root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    const char *schema = json_string_value(json_object_get(root, "schema"));
    if (!root) {
        code = cli_error(job->app, CLI_INPUT, "'%s' line %d: %s", path, where.line, where.text);
    } else if (!schema || strcmp(schema, "sizeup.explore/1") != 0) {
        code = cli_error(job->app, CLI_INPUT,
                         "'%s' is not what 'sizeup explore --format json' writes: its schema is "
                         "not sizeup.explore/1",
                         path);
    } else {
        sz_status status = sz_chart_data_create(job->side, &data);
        if (status == SZ_OK) status = sz_chart_data_read(job->side, data, text, size);
        code = status == SZ_OK
                   ? put_document(job, data)
                   : cli_error(job->app, CLI_INPUT, "'%s': %s", path, sz_ctx_error(job->side));
    }
    sz_chart_data_destroy(data);
    free(text);
    return code;
}
