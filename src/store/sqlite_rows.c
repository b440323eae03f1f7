// SPDX-License-Identifier: Apache-2.0
// Rows of a SQLite store. Values are bound, never written into a statement.
#include "store/sqlite.h"

#include <stdlib.h>

#include "store/value.h"

// A value of a statement: numbers are bound where the text is NULL.
typedef struct bound {
    int64_t number;
    const char *text;
} bound;

static int prepare(const sz_sqlite *q, const char *sql, const bound *values, int n,
                   sqlite3_stmt **ret_stmt) {
    int code = sqlite3_prepare_v2(q->db, sql, -1, ret_stmt, NULL);
    for (int i = 0; code == SQLITE_OK && i < n; i++)
        code = values[i].text
                   ? sqlite3_bind_text(*ret_stmt, i + 1, values[i].text, -1, SQLITE_STATIC)
                   : sqlite3_bind_int64(*ret_stmt, i + 1, values[i].number);
    return code;
}

// Run a statement; the first number of its last row, 0 when it gives none.
static sz_status run(sz_ctx *ctx, const sz_sqlite *q, const char *sql, const bound *values, int n,
                     int64_t *ret_number) {
    sqlite3_stmt *s = NULL;
    int code = prepare(q, sql, values, n, &s);
    int64_t number = 0;
    if (code == SQLITE_OK) code = sqlite3_step(s);
    while (code == SQLITE_ROW) {
        number = sqlite3_column_int64(s, 0);
        code = sqlite3_step(s);
    }
    sqlite3_finalize(s);
    if (ret_number) *ret_number = number;
    return code == SQLITE_DONE ? SZ_OK : sz_sqlite_fail(ctx, q, code);
}

// ---- writing -----------------------------------------------------------------------------------

sz_status sz_sqlite_begin(sz_ctx *ctx, sz_store *s, json_t *header, int64_t *ret_run) {
    const sz_sqlite *q = s->inside;
    char *line = sz_value_line(header, false);
    if (!line) return sz_no_memory(ctx);
    sz_status status = sz_sqlite_start(ctx, q);
    if (status == SZ_OK) {
        status = run(ctx, q, "INSERT INTO run(header) VALUES(?)", &(bound){0, line}, 1, NULL);
        const int64_t id = sqlite3_last_insert_rowid(q->db);
        status = sz_sqlite_end(ctx, q, status);
        if (status == SZ_OK) *ret_run = id;
    }
    free(line);
    return status;
}

static sz_status insert(sz_ctx *ctx, const sz_sqlite *q, int64_t run_id, const json_t *record,
                        const char *line, int64_t *ret_number) {
    const char *id = sz_value_text(record, "id"), *hash = sz_value_text(record, "case_hash");
    int64_t n = 0, number = 0;
    *ret_number = 0;
    SZ_TRY(run(ctx, q, "SELECT count(*) FROM run WHERE id=?", &(bound){run_id, NULL}, 1, &n));
    if (n == 0) return sz_store_missing(ctx, run_id, 0);
    SZ_TRY(run(ctx, q, "SELECT count(*) FROM result WHERE id=?", &(bound){0, id}, 1, &n));
    if (n > 0) return SZ_OK;
    SZ_TRY(run(ctx, q, "SELECT max(number) FROM result WHERE run=?", &(bound){run_id, NULL}, 1,
               &number));
    const bound values[] = {
        {run_id, NULL}, {number + 1, NULL}, {0, line}, {0, id}, {0, hash ? hash : ""}};
    SZ_TRY(run(ctx, q,
               "INSERT INTO result(run, number, record, id, case_hash) "
               "VALUES(?1, ?2, ?3, ?4, nullif(?5, ''))",
               values, 5, NULL));
    *ret_number = number + 1;
    return SZ_OK;
}

sz_status sz_sqlite_append(sz_ctx *ctx, sz_store *s, int64_t run_id, json_t *record,
                           int64_t *ret_number) {
    const sz_sqlite *q = s->inside;
    char *line = sz_value_line(record, false);
    if (!line) return sz_no_memory(ctx);
    sz_status status = sz_sqlite_start(ctx, q);
    int64_t number = 0;
    if (status == SZ_OK) {
        status = insert(ctx, q, run_id, record, line, &number);
        status = sz_sqlite_end(ctx, q, status);
    }
    free(line);
    if (status == SZ_OK) *ret_number = number;
    return status;
}

static sz_status remove_rows(sz_ctx *ctx, const sz_sqlite *q, int64_t run_id, int64_t number,
                             int64_t *ret_removed) {
    const bound values[] = {{run_id, NULL}, {number, NULL}};
    int64_t n = 0;
    SZ_TRY(run(ctx, q, "SELECT count(*) FROM run WHERE id=?", values, 1, &n));
    if (n == 0) return sz_store_missing(ctx, run_id, 0);
    SZ_TRY(run(ctx, q, "DELETE FROM result WHERE run=?1 AND (?2=0 OR number=?2)", values, 2, NULL));
    const int64_t removed = sqlite3_changes64(q->db);
    if (number != 0 && removed == 0) return sz_store_missing(ctx, run_id, number);
    if (number == 0) SZ_TRY(run(ctx, q, "DELETE FROM run WHERE id=?", values, 1, NULL));
    *ret_removed = removed;
    return SZ_OK;
}

sz_status sz_sqlite_remove(sz_ctx *ctx, sz_store *s, int64_t run_id, int64_t number,
                           int64_t *ret_removed) {
    const sz_sqlite *q = s->inside;
    int64_t removed = 0;
    SZ_TRY(sz_sqlite_start(ctx, q));
    SZ_TRY(sz_sqlite_end(ctx, q, remove_rows(ctx, q, run_id, number, &removed)));
    *ret_removed = removed;
    return SZ_OK;
}

// ---- reading -----------------------------------------------------------------------------------

// Columns: run, number, document. The text is the statement's until the next step.
static sz_status emit_row(sz_ctx *ctx, const sz_sqlite *q, sqlite3_stmt *row, sz_emit *emit,
                          void *user) {
    sz_document d = {.run = sqlite3_column_int64(row, 0), .number = sqlite3_column_int64(row, 1)};
    d.text = (const char *)sqlite3_column_text(row, 2);
    d.size = (size_t)sqlite3_column_bytes(row, 2);
    if (!d.text) return sz_no_memory(ctx);
    return sz_store_emit_text(ctx, q->path, &d, emit, user);
}

static sz_status emit_all(sz_ctx *ctx, const sz_sqlite *q, const char *sql, const bound *values,
                          int n, sz_emit *emit, void *user) {
    sqlite3_stmt *s = NULL;
    sz_status status = SZ_OK;
    int code = prepare(q, sql, values, n, &s);
    if (code == SQLITE_OK) code = sqlite3_step(s);
    while (code == SQLITE_ROW && status == SZ_OK) {
        status = emit_row(ctx, q, s, emit, user);
        if (status == SZ_OK) code = sqlite3_step(s);
    }
    if (status == SZ_OK && code != SQLITE_DONE) status = sz_sqlite_fail(ctx, q, code);
    sqlite3_finalize(s);
    return status;
}

sz_status sz_sqlite_runs(sz_ctx *ctx, sz_store *s, sz_emit *emit, void *user) {
    return emit_all(ctx, s->inside, "SELECT id, 0, header FROM run ORDER BY id", NULL, 0, emit,
                    user);
}

sz_status sz_sqlite_each(sz_ctx *ctx, sz_store *s, const sz_store_query *query,
                         const char *case_hash, sz_emit *emit, void *user) {
    if (case_hash)
        return emit_all(ctx, s->inside,
                        "SELECT run, number, record FROM result WHERE case_hash=? "
                        "ORDER BY run, number",
                        &(bound){0, case_hash}, 1, emit, user);
    const bound values[] = {{query->run, NULL}, {query->number, NULL}};
    return emit_all(ctx, s->inside,
                    "SELECT run, number, record FROM result WHERE (?1=0 OR run=?1) AND "
                    "(?2=0 OR number=?2) ORDER BY run, number",
                    values, 2, emit, user);
}
