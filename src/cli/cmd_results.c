// SPDX-License-Identifier: Apache-2.0
// `sizeup results`: what is in the store, and what goes in and out of it.
#include "cli/stores.h"

#include <stdio.h>
#include <string.h>

typedef struct results_options {
    const char *store, *like, *machine, *since, *until, *run;
} results_options;

static const cli_option options_table[] = {
    {"store", 0, CLI_STRING, "URL", NULL,
     "sqlite:FILE, jsonl:FILE or a path; usual: results.db in the data folder",
     offsetof(results_options, store)},
    {"case", 0, CLI_STRING, "TEXT", NULL, "cases whose name has TEXT in it; with * and ?: is like",
     offsetof(results_options, like)},
    {"machine", 0, CLI_STRING, "NAME", NULL, "cases of a machine, by name or fingerprint",
     offsetof(results_options, machine)},
    {"since", 0, CLI_STRING, "DATE", NULL, "started on or after: 2026-11, 2026-11-28T12:00",
     offsetof(results_options, since)},
    {"until", 0, CLI_STRING, "DATE", NULL, "started on or before",
     offsetof(results_options, until)},
    {"run", 0, CLI_STRING, "RUN", NULL, "cases of a run: 3, last, last-1",
     offsetof(results_options, run)},
};

static const char notes[] =
    "runs                    the runs in the store; without a word too\n"
    "list [NAME=VALUE...]    the cases: m=1024 backend=onednn spec.kind=gemm 'kernel=*avx512*'\n"
    "show RUN|RUN.CASE       a run with its cases, or a case in full: 3, 3.2, last\n"
    "export [NAME=VALUE...]  cases as JSON lines; --format json: an array, csv: a column per key\n"
    "import FILE...          results of sizeup, hyperfine, Google Benchmark, llama-bench and the\n"
    "                        benchmarker; another store: a SQLite file or jsonl:FILE\n"
    "delete RUN|RUN.CASE...  remove, and say what was removed\n"
    "check                   read all of the store and say whether it is sound\n";

static const cli_schema_row schema[] = {
    {1, "store", CLI_J_STRING, "path of the store", NULL, false},
    {1, "runs", CLI_J_ARRAY, "with runs and show", NULL, true},
    {2, "run", CLI_J_INTEGER, "number of the run", NULL, false},
    {2, "started_utc", CLI_J_STRING, "begin of the run", NULL, false},
    {2, "cases", CLI_J_INTEGER, "cases that the run has", NULL, false},
    {2, "what", CLI_J_STRING, "command line, or file and format", NULL, false},
    {1, "cases", CLI_J_ARRAY, "with list and show", NULL, true},
    {2, "place", CLI_J_STRING, "RUN.CASE", NULL, false},
    {2, "case", CLI_J_STRING, NULL, NULL, false},
    {2, "median_s", CLI_J_NUMBER, "median of the times", NULL, false},
    {2, "mean_s", CLI_J_NUMBER, "mean of the times", NULL, false},
    {2, "n", CLI_J_INTEGER, "runs timed; 0 = not known", NULL, false},
    {2, "backend", CLI_J_STRING, NULL, NULL, false},
    {2, "dtype", CLI_J_STRING, NULL, NULL, false},
    {2, "verdict", CLI_J_STRING, NULL, NULL, false},
    {2, "started_utc", CLI_J_STRING, NULL, NULL, false},
    {2, "case_hash", CLI_J_STRING, "the same for the same case", NULL, false},
    {2, "id", CLI_J_STRING, NULL, NULL, false},
    {1, "removed", CLI_J_ARRAY, "with delete", NULL, true},
    {2, "place", CLI_J_STRING, "RUN or RUN.CASE", NULL, false},
    {2, "cases", CLI_J_INTEGER, "cases that went", NULL, false},
    {1, "files", CLI_J_ARRAY, "with import", NULL, true},
    {2, "file", CLI_J_STRING, NULL, NULL, false},
    {2, "format", CLI_J_STRING, NULL, NULL, false},
    {2, "cases", CLI_J_INTEGER, "cases that are new", NULL, false},
    {2, "known", CLI_J_INTEGER, "cases that were there already", NULL, false},
    {2, "run", CLI_J_INTEGER, "run that they are in; 0 = several or none", NULL, false},
    {1, "sound", CLI_J_BOOL, "with check", NULL, true},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
static const size_t n_schema = CLI_COUNT(schema);

const cli_usage cli_results_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(results_options),
    .max_args = -1,
    .extra_format = "jsonl",
    .notes = notes,
    .schema = schema,
    .n_schema = &n_schema,
};

typedef struct results {
    cli_app *app;
    const results_options *o;
    sz_store *store;
    sz_doc *doc;
    const char *const *words; // after the action
    int n_words;
    int code;      // of an action that goes on after an error
    int64_t cases; // counted
} results;

static sz_status begin_doc(results *w) {
    sz_status status = sz_doc_create(w->app->out, "sizeup.results/1", &w->doc);
    if (status == SZ_OK)
        sz_doc_fact(w->doc, "store", "store", sz_cell_text(sz_store_path(w->store)), SZ_AS_TEXT,
                    NULL);
    return status;
}

// The query of the options, and of the words of list and export.
static sz_status make_query(results *w, sz_store_query *ret_query) {
    const results_options *o = w->o;
    *ret_query = (sz_store_query){.case_like = o->like,
                                  .machine = o->machine,
                                  .since = o->since,
                                  .until = o->until,
                                  .where = w->words,
                                  .n_where = (size_t)w->n_words};
    if (!o->run) return SZ_OK;
    sz_status status = cli_find_place(w->app, w->store, o->run, &ret_query->run,
                                      &ret_query->number);
    if (ret_query->run == 0) ret_query->run = INT64_MAX;
    return status;
}

// ---- runs --------------------------------------------------------------------------------------

static sz_status count_case(void *user, const sz_stored *found) {
    results *w = user;
    (void)found;
    w->cases++;
    return SZ_OK;
}

static sz_status put_run(void *user, const sz_stored *found) {
    results *w = user;
    const sz_store_query query = {.run = found->run};
    w->cases = 0;
    sz_status status = sz_store_each(w->app->ctx, w->store, &query, count_case, w);
    const sz_cell cells[] = {sz_cell_i64(found->run), sz_cell_text(found->started_utc),
                             sz_cell_i64(w->cases), sz_cell_text(found->command)};
    sz_doc_row(w->doc, cells, CLI_COUNT(cells));
    return status;
}

static const sz_column run_columns[] = {
    {"run", "run", NULL, SZ_AS_INT, 0},
    {"started_utc", "started", NULL, SZ_AS_TEXT, 0},
    {"cases", "cases", NULL, SZ_AS_INT, 0},
    {"what", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
};

static sz_status list_runs(results *w) {
    sz_status status = begin_doc(w);
    if (status != SZ_OK) return status;
    sz_doc_table(w->doc, "runs", run_columns, CLI_COUNT(run_columns));
    return sz_store_each_run(w->app->ctx, w->store, put_run, w);
}

// ---- cases -------------------------------------------------------------------------------------

static const sz_column case_columns[] = {
    {"place", "case", NULL, SZ_AS_TEXT, 0},
    {"case", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"median_s", "median", "s", SZ_AS_SI, 0},
    {"mean_s", "mean", "s", SZ_AS_SI, 0},
    {"n", "n", NULL, SZ_AS_INT, 0},
    {"backend", "backend", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"dtype", "dtype", NULL, SZ_AS_TEXT, 0},
    {"verdict", "verdict", NULL, SZ_AS_TEXT, 0},
    {"started_utc", "started", NULL, SZ_AS_TEXT, 0},
    {"case_hash", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"id", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
};

static void place_text(const sz_stored *found, char *text, size_t cap) {
    snprintf(text, cap, "%lld.%lld", (long long)found->run, (long long)found->number);
}

static sz_status put_case(void *user, const sz_stored *found) {
    results *w = user;
    sz_bench_set *set;
    char place[64];
    place_text(found, place, sizeof place);
    sz_status status = sz_bench_set_create(w->app->ctx, &set);
    if (status != SZ_OK) return status;
    status = sz_bench_set_add(w->app->ctx, set, found->json, found->size);
    if (status == SZ_OK) {
        const sz_bench *b = sz_bench_set_get(set, 0);
        const sz_cell cells[] = {sz_cell_text(place),
                                 sz_cell_text(b->case_name),
                                 sz_cell_f64(b->time.median_s),
                                 sz_cell_f64(b->time.mean_s),
                                 sz_cell_i64(b->time.n),
                                 sz_cell_text(b->ran_as.backend),
                                 sz_cell_text(b->ran_as.dtype),
                                 sz_cell_text(b->verdict),
                                 sz_cell_text(b->started_utc),
                                 sz_cell_text(b->case_hash),
                                 sz_cell_text(b->id)};
        sz_doc_row(w->doc, cells, CLI_COUNT(cells));
        w->cases++;
    }
    sz_bench_set_destroy(set);
    return status;
}

static sz_status put_cases(results *w, const sz_store_query *query) {
    sz_doc_table(w->doc, "cases", case_columns, CLI_COUNT(case_columns));
    w->cases = 0;
    return sz_store_each(w->app->ctx, w->store, query, put_case, w);
}

static sz_status list_cases(results *w) {
    sz_store_query query;
    sz_status status = make_query(w, &query);
    if (status == SZ_OK) status = begin_doc(w);
    if (status == SZ_OK) status = put_cases(w, &query);
    if (status == SZ_OK && w->cases == 0) sz_doc_line(w->doc, "No case is like that.");
    return status;
}

// ---- show --------------------------------------------------------------------------------------

typedef struct showing {
    results *w;
    int64_t run;
    bool found;
} showing;

static sz_status put_wanted_run(void *user, const sz_stored *found) {
    showing *s = user;
    if (found->run != s->run) return SZ_OK;
    s->found = true;
    return put_run(s->w, found);
}

static sz_status show_run(results *w, const char *word, int64_t run) {
    showing s = {w, run, false};
    const sz_store_query query = {.run = run};
    sz_status status = begin_doc(w);
    if (status != SZ_OK) return status;
    sz_doc_table(w->doc, "runs", run_columns, CLI_COUNT(run_columns));
    status = sz_store_each_run(w->app->ctx, w->store, put_wanted_run, &s);
    if (status == SZ_OK && !s.found) {
        w->code = cli_error(w->app, CLI_INPUT, "there is no run '%s' in the store", word);
        return SZ_OK;
    }
    return status == SZ_OK ? put_cases(w, &query) : status;
}

static int write_record(results *w, const char *text) {
    sz_buf buf;
    sz_buf_init(&buf, w->app->out);
    sz_buf_puts(&buf, text);
    sz_buf_putc(&buf, '\n');
    const int code = cli_write(w->app, &buf);
    sz_buf_finish(&buf);
    return code;
}

// In JSON the record itself, with all of its keys.
static sz_status show_case(results *w, const sz_bench_set *set) {
    if (cli_wants(w->app, "json") || cli_wants(w->app, "jsonl"))
        return w->code = write_record(w, sz_bench_set_text(set, 0)), SZ_OK;
    sz_status status = begin_doc(w);
    if (status == SZ_OK) cli_put_bench(w->doc, sz_bench_set_get(set, 0));
    return status;
}

static sz_status show(results *w) {
    const char *word = w->n_words ? w->words[0] : "last";
    int64_t run, number;
    sz_bench_set *set;
    if (!cli_is_place(word))
        return w->code = cli_error(w->app, CLI_USAGE, "'%s' is no run such as 3, 3.2 or last",
                                   word),
               SZ_OK;
    sz_status status = cli_find_place(w->app, w->store, word, &run, &number);
    if (status != SZ_OK || number == 0) return status == SZ_OK ? show_run(w, word, run) : status;
    status = sz_bench_set_create(w->app->ctx, &set);
    if (status != SZ_OK) return status;
    status = cli_load_place(w->app, w->store, word, set);
    if (status == SZ_OK && sz_bench_set_count(set) == 0)
        w->code = cli_error(w->app, CLI_INPUT, "there is no case %s in the store", word);
    else if (status == SZ_OK)
        status = show_case(w, set);
    sz_bench_set_destroy(set);
    return status;
}

// ---- export, delete, check ---------------------------------------------------------------------

static sz_status export(results *w) {
    sz_store_query query;
    sz_buf buf;
    const char *format = cli_wants(w->app, "text") ? "jsonl" : w->app->format;
    sz_status status = make_query(w, &query);
    if (status != SZ_OK) return status;
    cli_stream(w->app, &buf);
    status = sz_store_export(w->app->ctx, w->store, &query, format, &buf);
    if (status == SZ_OK || w->app->stream_error) w->code = cli_write(w->app, &buf), status = SZ_OK;
    sz_buf_finish(&buf);
    return status;
}

static sz_status delete_one(results *w, const char *word) {
    int64_t run, number, removed = 0;
    if (!cli_is_place(word))
        return w->code = cli_error(w->app, CLI_USAGE, "'%s' is no run such as 3, 3.2 or last",
                                   word),
               SZ_OK;
    sz_status status = cli_find_place(w->app, w->store, word, &run, &number);
    if (status == SZ_OK && run == 0)
        return w->code = cli_error(w->app, CLI_INPUT, "there is no run '%s' in the store", word),
               SZ_OK;
    if (status == SZ_OK) status = sz_store_remove(w->app->ctx, w->store, run, number, &removed);
    if (status != SZ_OK) return status;
    char place[64];
    if (number)
        snprintf(place, sizeof place, "%lld.%lld", (long long)run, (long long)number);
    else
        snprintf(place, sizeof place, "%lld", (long long)run);
    const sz_cell cells[] = {sz_cell_text(place), sz_cell_i64(removed)};
    sz_doc_row(w->doc, cells, CLI_COUNT(cells));
    return SZ_OK;
}

static sz_status delete (results *w) {
    static const sz_column columns[] = {{"place", "removed", NULL, SZ_AS_TEXT, 0},
                                        {"cases", "cases", NULL, SZ_AS_INT, 0}};
    if (w->n_words == 0)
        return w->code = cli_error(w->app, CLI_USAGE, "'results delete' needs runs or cases"),
               SZ_OK;
    sz_status status = begin_doc(w);
    if (status != SZ_OK) return status;
    sz_doc_table(w->doc, "removed", columns, CLI_COUNT(columns));
    for (int i = 0; i < w->n_words && status == SZ_OK && !w->code; i++)
        status = delete_one(w, w->words[i]);
    return status;
}

static sz_status check(results *w) {
    sz_status status = begin_doc(w);
    if (status == SZ_OK) status = sz_store_check(w->app->ctx, w->store);
    if (status == SZ_OK) sz_doc_fact(w->doc, "sound", "sound", sz_cell_bool(1), SZ_AS_TEXT, NULL);
    return status;
}

// ---- import ------------------------------------------------------------------------------------

static sz_status import(results *w) {
    sz_status status = begin_doc(w);
    if (status != SZ_OK) return status;
    if (w->n_words == 0)
        return w->code = cli_error(w->app, CLI_USAGE, "'results import' needs a file"), SZ_OK;
    cli_import_table(w->doc);
    for (int i = 0; i < w->n_words; i++) {
        const int code = cli_import_file(w->app, w->store, w->doc, w->words[i]);
        if (code && !w->code) w->code = code; // the others are still imported
    }
    return SZ_OK;
}

// ---- run ---------------------------------------------------------------------------------------

typedef struct action {
    const char *name;
    sz_status (*run)(results *w);
    sz_store_mode mode;
    bool takes_words;
} action;
static const action actions[] = {
    {"runs", list_runs, SZ_STORE_READ, false}, {"list", list_cases, SZ_STORE_READ, true},
    {"show", show, SZ_STORE_READ, true},       {"export", export, SZ_STORE_READ, true},
    {"import", import, SZ_STORE_WRITE, true},  {"delete", delete, SZ_STORE_WRITE, true},
    {"check", check, SZ_STORE_READ, false},
};

static const action *find_action(const char *word) {
    for (size_t i = 0; i < CLI_COUNT(actions); i++)
        if (strcmp(actions[i].name, word) == 0) return &actions[i];
    return strchr(word, '=') ? &actions[1] : NULL;
}

// Nothing was ever stored: that is no failure of looking.
static int say_empty(cli_app *app) {
    return cli_error(app, CLI_UNAVAILABLE,
                     "no results are stored yet: 'sizeup results import FILE' brings some in");
}

static bool is_missing(const results_options *o) {
    char url[4096];
    if (o->store || !cli_store_url(NULL, url, sizeof url)) return false;
    FILE *f = fopen(url, "r");
    if (f) fclose(f);
    return !f;
}

static int finish(results *w, sz_status status) {
    int code = w->code;
    if (status != SZ_OK) code = cli_fail(w->app, status);
    // What was done before an error is said: what was removed, which files went in.
    if (w->doc && (status == SZ_OK || w->n_words > 1) && (code == CLI_DONE || w->n_words > 1)) {
        const int written = cli_write_doc(w->app, w->doc);
        if (code == CLI_DONE) code = written;
    }
    return code;
}

int cli_results(cli_app *app, const void *options) {
    results w = {.app = app, .o = options};
    const char *names[CLI_COUNT(actions) + 1] = {NULL};
    for (size_t i = 0; i < CLI_COUNT(actions); i++) names[i] = actions[i].name;
    const action *a = app->n_args ? find_action(app->args[0]) : &actions[0];
    if (!a) return cli_unknown(app, "action", app->args[0], names);
    const int skip = app->n_args > 0 && !strchr(app->args[0], '=');
    w.words = app->args + skip, w.n_words = app->n_args - skip;
    if (!a->takes_words && w.n_words > 0)
        return cli_error(app, CLI_USAGE, "unexpected word '%s'", w.words[0]);
    if (w.o->run && !cli_is_place(w.o->run))
        return cli_error(app, CLI_USAGE, "option '--run' needs a run such as 3 or last, not '%s'",
                         w.o->run);
    if (!cli_has_store(app, w.o->store)) return CLI_UNAVAILABLE;
    if (a->mode == SZ_STORE_READ && is_missing(w.o)) return say_empty(app);
    sz_status status = cli_store_open(app, w.o->store, a->mode, &w.store);
    if (status == SZ_OK) status = a->run(&w);
    const int code = finish(&w, status);
    sz_doc_destroy(w.doc);
    sz_store_close(w.store);
    return code;
}
