// SPDX-License-Identifier: Apache-2.0
#include "cli/stores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- opening -----------------------------------------------------------------------------------

// The command line may read the environment; the library may not.
bool cli_data_place(const char *name, char *buf, size_t cap) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int len = -1;
    if (data && data[0] == '/')
        len = snprintf(buf, cap, "%s/sizeup/%s", data, name);
    else if (home && home[0] == '/')
        len = snprintf(buf, cap, "%s/.local/share/sizeup/%s", home, name);
    return len > 0 && (size_t)len < cap;
}

bool cli_store_url(const char *url, char *buf, size_t cap) {
    if (!url) return cli_data_place("results.db", buf, cap);
    const int len = snprintf(buf, cap, "%s", url);
    return len > 0 && (size_t)len < cap;
}

bool cli_has_store(const cli_app *app, const char *url) {
    char buf[4096];
    if (cli_store_url(url, buf, sizeof buf)) return true;
    cli_error(app, CLI_UNAVAILABLE,
              "there is no place for a store: neither XDG_DATA_HOME nor HOME is an absolute path; "
              "give --store");
    return false;
}

sz_status cli_store_open(cli_app *app, const char *url, sz_store_mode mode, sz_store **ret_store) {
    char buf[4096];
    // An empty word is no store: the library says so.
    if (!cli_store_url(url, buf, sizeof buf)) buf[0] = '\0';
    return sz_store_open(app->ctx, buf, mode, ret_store);
}

// ---- places ------------------------------------------------------------------------------------

// "3", "3.2", or "last" and "last-N" with *ret_back = N.
static bool read_place(const char *word, int64_t *ret_run, int64_t *ret_number, int64_t *ret_back) {
    long long run = 0, number = 0, back = -1;
    int end = 0;
    if (strlen(word) > 30) return false;
    if (strncmp(word, "last", 4) == 0) {
        back = 0, end = 4;
        if (word[4] == '-' && sscanf(word + 5, "%lld%n", &back, &end) == 1) end += 5;
        if (back < 0) return false;
    } else if (sscanf(word, "%lld%n", &run, &end) != 1 || run <= 0) {
        return false;
    } else if (word[end] == '.') {
        int more = 0;
        if (sscanf(word + end + 1, "%lld%n", &number, &more) != 1 || number <= 0) return false;
        end += 1 + more;
    }
    *ret_run = run, *ret_number = number, *ret_back = back;
    return word[end] == '\0' && strspn(word, "last0123456789.-") == strlen(word);
}

bool cli_is_place(const char *word) {
    int64_t run, number, back;
    return read_place(word, &run, &number, &back);
}

typedef struct run_list {
    int64_t *runs;
    size_t n;
} run_list;

static sz_status add_run(void *user, const sz_stored *found) {
    run_list *list = user;
    int64_t *runs = realloc(list->runs, (list->n + 1) * sizeof *runs);
    if (!runs) return SZ_ERR_MEMORY;
    list->runs = runs;
    list->runs[list->n++] = found->run;
    return SZ_OK;
}

// The run that is `back` before the last; 0 when there is none.
static sz_status find_last(cli_app *app, sz_store *store, int64_t back, int64_t *ret_run) {
    run_list list = {0};
    sz_status status = sz_store_each_run(app->ctx, store, add_run, &list);
    const bool found = (uint64_t)back < list.n;
    *ret_run = found ? list.runs[list.n - 1 - (size_t)back] : 0;
    free(list.runs);
    return status;
}

sz_status cli_find_place(cli_app *app, sz_store *store, const char *word, int64_t *ret_run,
                         int64_t *ret_number) {
    int64_t back;
    if (!read_place(word, ret_run, ret_number, &back)) back = 0, *ret_number = 0;
    return back < 0 ? SZ_OK : find_last(app, store, back, ret_run);
}

typedef struct loading {
    cli_app *app;
    sz_bench_set *set;
} loading;

static sz_status load_one(void *user, const sz_stored *found) {
    const loading *l = user;
    return sz_bench_set_add(l->app->ctx, l->set, found->json, found->size);
}

sz_status cli_load_place(cli_app *app, sz_store *store, const char *word, sz_bench_set *set) {
    sz_store_query query = {0};
    loading l = {app, set};
    sz_status status = cli_find_place(app, store, word, &query.run, &query.number);
    if (status != SZ_OK) return status;
    if (query.run == 0) query.run = INT64_MAX; // no run has that number
    return sz_store_each(app->ctx, store, &query, load_one, &l);
}

// ---- a record ----------------------------------------------------------------------------------

static void put_field(sz_doc *doc, const sz_field *f, const void *record) {
    const char *at = (const char *)record + f->offset;
    double number;
    const char *text;
    int64_t whole;
    if (f->kind == SZ_FIELD_F64) {
        memcpy(&number, at, sizeof number);
        const sz_format format = *f->unit ? SZ_AS_SI : SZ_AS_NUMBER;
        if (!isnan(number))
            sz_doc_fact_note(doc, NULL, f->name, sz_cell_f64(number), format, f->unit, f->doc);
    } else if (f->kind == SZ_FIELD_STR) {
        memcpy(&text, at, sizeof text);
        if (text) sz_doc_fact(doc, NULL, f->name, sz_cell_text(text), SZ_AS_TEXT, NULL);
    } else if (f->kind == SZ_FIELD_I64) {
        memcpy(&whole, at, sizeof whole);
        if (whole)
            sz_doc_fact_note(doc, NULL, f->name, sz_cell_i64(whole), SZ_AS_INT, NULL, f->doc);
    }
}

static void put_record(sz_doc *doc, const sz_record_type *type, const void *record) {
    for (size_t i = 0; i < type->n_fields; i++) put_field(doc, &type->fields[i], record);
}

static void put_text(sz_doc *doc, const char *title, const char *text) {
    if (text) sz_doc_fact(doc, NULL, title, sz_cell_text(text), SZ_AS_TEXT, NULL);
}

void cli_put_bench(sz_doc *doc, const sz_bench *b) {
    sz_doc_heading(doc, b->case_name ? b->case_name : "a case without a name");
    put_text(doc, "started", b->started_utc);
    put_text(doc, "verdict", b->verdict);
    put_text(doc, "next step", b->next_step);
    put_text(doc, "case hash", b->case_hash);
    put_record(doc, sz_ran_as_type(), &b->ran_as);
    put_record(doc, sz_bench_time_type(), &b->time);
    put_record(doc, sz_bench_count_type(), &b->count);
    put_record(doc, sz_bench_rate_type(), &b->rate);
    put_record(doc, sz_bench_energy_type(), &b->energy);
    if (b->accuracy.pieces) put_record(doc, sz_bench_accuracy_type(), &b->accuracy);
    put_text(doc, "again", b->reproducer);
}
