// SPDX-License-Identifier: Apache-2.0
// `sizeup predict MODEL --machine all` (or A,B,C): one model on many machines.
#include "cli/predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/machines.h"

enum { MOST = 512 };

typedef struct many {
    cli_app *app;
    sz_machine *machines[MOST];
    double prices[MOST];
    size_t n;
} many;

// ---- prices: "2.5" for all, or "h100=2.5,a100=1.2"
// -----------------------------------------------

static int price_of_one(const many *m, const char *word, size_t len, double *prices) {
    const char *equals = memchr(word, '=', len);
    char *end;
    const double price = strtod(equals ? equals + 1 : word, &end);
    bool found = false;
    if (end != word + len || !(price > 0))
        return cli_error(m->app, CLI_USAGE,
                         "option '--price' needs a number, or NAME=NUMBER for each machine, not "
                         "'%.*s'",
                         (int)len, word);
    for (size_t i = 0; i < m->n; i++) {
        const char *name = sz_machine_identity(m->machines[i]).name;
        const bool is_meant = !equals || (strlen(name) == (size_t)(equals - word) &&
                                          strncmp(name, word, strlen(name)) == 0);
        if (is_meant) prices[i] = price;
        found |= is_meant;
    }
    if (found) return CLI_DONE;
    return cli_error(m->app, CLI_USAGE, "'--price' names '%.*s', which is none of the machines",
                     (int)(equals - word), word);
}

static int read_prices(many *m, const char *text) {
    int code = CLI_DONE;
    for (const char *p = text; p && *p && code == CLI_DONE; p += strcspn(p, ","), p += *p == ',')
        code = price_of_one(m, p, strcspn(p, ","), m->prices);
    return code;
}

// ---- output ------------------------------------------------------------------------------------

typedef struct answer {
    const cli_predict_many *job;
    const sz_across *across;
} answer;

static void put_json(sz_json *j, const void *what) {
    const answer *a = what;
    const sz_across_score score = sz_across_scored(a->across);
    sz_json_key_str(j, "model", sz_model_path(a->job->model));
    sz_json_key_str(j, "level", a->job->how.level);
    sz_json_key_array(j, "machines");
    for (size_t i = 0; i < sz_across_count(a->across); i++) {
        const sz_across_row row = sz_across_get(a->across, i);
        sz_json_begin_object(j);
        sz_json_record(j, sz_across_row_type(), &row);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
    sz_json_key_object(j, "score");
    sz_json_record(j, sz_across_score_type(), &score);
    sz_json_end_object(j);
}

static void put_rows(sz_doc *doc, const sz_across *a) {
    static const sz_column columns[] = {
        {"machine", "machine", NULL, SZ_AS_TEXT, 0},
        {"kind", "kind", NULL, SZ_AS_TEXT, 0},
        {"time_s", "time", "s", SZ_AS_SI, 0},
        {"samples_per_s", "samples/s", NULL, SZ_AS_SI, 0},
        {"of_roof", "of roof", NULL, SZ_AS_PERCENT, 0},
        {"bound", "limited by", NULL, SZ_AS_TEXT, 0},
        {"energy_j", "energy", "J", SZ_AS_SI, 0},
        {"cost", "cost", NULL, SZ_AS_NUMBER, 0},
        {"note", "note", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    };
    sz_doc_table(doc, "machines", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_across_count(a); i++) {
        const sz_across_row r = sz_across_get(a, i);
        const sz_cell cells[] = {sz_cell_text(r.machine),
                                 sz_cell_text(r.kind),
                                 sz_cell_f64(r.time_s),
                                 sz_cell_f64(r.samples_per_s),
                                 sz_cell_f64(r.of_roof),
                                 r.bound ? sz_cell_text(r.bound) : sz_cell_none(),
                                 sz_cell_f64(r.energy_j),
                                 sz_cell_f64(r.cost),
                                 r.note ? sz_cell_text(r.note) : sz_cell_none()};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void put_best(sz_doc *doc, const char *what, const char *name, const char *note) {
    if (name) sz_doc_fact_note(doc, NULL, what, sz_cell_text(name), SZ_AS_TEXT, NULL, note);
}

static void put_score(sz_doc *doc, const sz_across *a) {
    const sz_across_score s = sz_across_scored(a);
    sz_doc_fact_note(doc, NULL, "near the roofs", sz_cell_f64(s.geometric_mean), SZ_AS_PERCENT,
                     NULL, "geometric mean over the machines that hold it and have its format");
    if (s.worst_machine)
        sz_doc_fact_note(doc, NULL, "worst", sz_cell_f64(s.worst), SZ_AS_PERCENT, NULL,
                         s.worst_machine);
    put_best(doc, "least time", s.best_time, NULL);
    put_best(doc, "least energy", s.best_energy, "of those whose power is known");
    put_best(doc, "least cost", s.best_cost, "of those with a price");
}

static void fill_doc(sz_doc *doc, const void *what) {
    const answer *a = what;
    sz_doc_heading(doc, sz_model_path(a->job->model));
    sz_doc_fact_note(doc, NULL, "level", sz_cell_text(a->job->how.level), SZ_AS_TEXT, NULL,
                     "on paper; energy is at most where only the TDP is known");
    put_rows(doc, a->across);
    put_score(doc, a->across);
}

// ---- run ---------------------------------------------------------------------------------------

static int run(many *m, const cli_predict_many *job) {
    sz_across *a = NULL;
    sz_status status = cli_machines_load(m->app, job->machines, m->machines, MOST, &m->n);
    if (status != SZ_OK) return cli_fail(job->app, status);
    int code = read_prices(m, job->prices);
    if (code != CLI_DONE) return code;
    status = sz_across_create(job->app->ctx, job->costs, (const sz_machine *const *)m->machines,
                              m->n, &job->how, m->prices, &a);
    static const cli_answer how = {"sizeup.predict.machines/1", put_json, fill_doc};
    code = status == SZ_OK ? cli_write_answer(job->app, &how, &(answer){job, a})
                           : cli_fail(job->app, status);
    sz_across_destroy(a);
    return code;
}

int cli_predict_across(const cli_predict_many *job) {
    many *m = calloc(1, sizeof *m);
    if (!m) return cli_error(job->app, CLI_BUG, "no memory");
    m->app = job->app;
    const int code = run(m, job);
    for (size_t i = 0; i < m->n; i++) sz_machine_destroy(m->machines[i]);
    free(m);
    return code;
}
