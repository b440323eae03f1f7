// SPDX-License-Identifier: Apache-2.0
// `sizeup results import FILE...`.
#include "cli/stores.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void cli_import_table(sz_doc *doc) {
    static const sz_column columns[] = {
        {"file", "file", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"format", "format", NULL, SZ_AS_TEXT, 0},
        {"cases", "new cases", NULL, SZ_AS_INT, 0},
        {"known", "known", NULL, SZ_AS_INT, 0},
        {"run", "run", NULL, SZ_AS_INT, 0},
    };
    sz_doc_table(doc, "files", columns, CLI_COUNT(columns));
}

static void put_row(sz_doc *doc, const char *path, const char *format, const sz_copied *done,
                    int64_t run) {
    const sz_cell cells[] = {sz_cell_text(path), sz_cell_text(format), sz_cell_i64(done->cases),
                             sz_cell_i64(done->known), sz_cell_i64(run)};
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

// ---- stores ------------------------------------------------------------------------------------

static bool is_sqlite(const char *path) {
    char magic[16];
    FILE *f = fopen(path, "rb");
    const bool is = f && fread(magic, 1, sizeof magic, f) == sizeof magic &&
                    memcmp(magic, "SQLite format 3", sizeof magic) == 0;
    if (f) fclose(f);
    return is;
}

static bool is_store(const char *word) {
    sz_store_driver_row row;
    const char *colon = strchr(word, ':');
    for (size_t i = 0; colon && sz_list_store_driver(i, &row); i++)
        if (strlen(row.scheme) == (size_t)(colon - word) &&
            strncmp(row.scheme, word, (size_t)(colon - word)) == 0)
            return true;
    return is_sqlite(word);
}

// Runs stay runs. The file is a stranger's: all of it is checked before a row of it is read.
static sz_status import_store(cli_app *app, sz_store *store, sz_doc *doc, const char *url) {
    sz_store *from;
    sz_copied done = {0};
    sz_status status = sz_store_open(app->ctx, url, SZ_STORE_READ, &from);
    if (status != SZ_OK) return status;
    status = sz_store_check(app->ctx, from);
    if (status == SZ_OK) status = sz_store_copy(app->ctx, from, store, &done);
    sz_store_close(from);
    if (status == SZ_OK) put_row(doc, url, "store", &done, 0);
    return status;
}

// ---- files -------------------------------------------------------------------------------------

static void put_header(sz_buf *buf, const char *path, const char *format) {
    char now[32], command[4096 + 64];
    const time_t t = time(NULL);
    struct tm utc;
    sz_json json;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &utc));
    snprintf(command, sizeof command, "import of %s, %s", path, format);
    sz_json_init(&json, buf, 0);
    sz_json_begin_object(&json);
    sz_json_key_str(&json, "schema", "sizeup.run/1");
    sz_json_key_str(&json, "started_utc", now);
    sz_json_key_str(&json, "command", command);
    sz_json_key_str(&json, "format", format);
    sz_json_end_object(&json);
}

static sz_status append_all(cli_app *app, sz_store *store, const sz_bench_set *set, int64_t run,
                            sz_copied *done) {
    sz_status status = SZ_OK;
    for (size_t i = 0; status == SZ_OK && i < sz_bench_set_count(set); i++) {
        const char *text = sz_bench_set_text(set, i);
        int64_t number = 0;
        status = sz_store_append(app->ctx, store, run, text, strlen(text), &number);
        if (status == SZ_OK && number)
            done->cases++;
        else if (status == SZ_OK)
            done->known++;
    }
    return status;
}

// The cases of a file are a run. A run that brought nothing new goes again.
static sz_status put_set(cli_app *app, sz_store *store, const sz_bench_set *set, const char *path,
                         const char *format, sz_copied *done, int64_t *ret_run) {
    sz_buf buf;
    int64_t removed;
    if (sz_bench_set_count(set) == 0) return SZ_OK;
    sz_buf_init(&buf, app->out);
    put_header(&buf, path, format);
    sz_status status = sz_buf_status(&buf);
    if (status == SZ_OK) status = sz_store_begin(app->ctx, store, buf.data, buf.size, ret_run);
    sz_buf_finish(&buf);
    if (status != SZ_OK) return status;
    status = append_all(app, store, set, *ret_run, done);
    if (done->cases > 0) return status;
    const sz_status gone = sz_store_remove(app->ctx, store, *ret_run, 0, &removed);
    *ret_run = 0;
    return status != SZ_OK ? status : gone;
}

static sz_status store_set(cli_app *app, sz_store *store, const sz_bench_set *set, const char *path,
                           const char *format, sz_copied *done, int64_t *ret_run) {
    sz_status status = sz_store_hold(app->ctx, store);
    if (status != SZ_OK) return status;
    status = put_set(app, store, set, path, format, done, ret_run);
    const sz_status released = sz_store_release(app->ctx, store);
    return status != SZ_OK ? status : released;
}

static sz_status import_records(cli_app *app, sz_store *store, sz_doc *doc, const char *path) {
    sz_bench_set *set;
    sz_copied done = {0};
    const char *format = NULL;
    int64_t run = 0;
    sz_status status = sz_bench_set_create(app->ctx, &set);
    if (status != SZ_OK) return status;
    status = sz_bench_set_load(app->ctx, set, path, &format);
    if (status == SZ_OK) status = store_set(app, store, set, path, format, &done, &run);
    sz_bench_set_destroy(set);
    if (status == SZ_OK) put_row(doc, path, format, &done, run);
    return status;
}

int cli_import_file(cli_app *app, sz_store *store, sz_doc *doc, const char *path) {
    const sz_status status = is_store(path) ? import_store(app, store, doc, path)
                                            : import_records(app, store, doc, path);
    return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
}
