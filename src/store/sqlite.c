// SPDX-License-Identifier: Apache-2.0
// The store as one SQLite file. The rollback journal and full synchronisation make each case whole
// and lasting; the write-ahead log is not used, because SQLite before 3.51.3 can damage a file that
// several processes check-point (Debian 12 has 3.40.1). A file from elsewhere is a stranger's file:
// its schema must be ours word by word, and nothing in it is trusted to run.
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/folder.h"
#include "store/value.h"

enum {
    VERSION = 2,
    APPLICATION = 0x537a5570, // "SzUp"
    BUSY_MS = 10000
};

// ---- failing -----------------------------------------------------------------------------------

static sz_status refuse(sz_ctx *ctx, const sz_sqlite *q, sz_status status, const char *why) {
    return sz_fail(ctx, status, "store '%s' %s", sz_show(ctx, sz_str_c(q->path)), why);
}

static sz_status fail_io(sz_ctx *ctx, const sz_sqlite *q) {
    const int error = sqlite3_system_errno(q->db);
    return sz_fail(ctx, SZ_ERR_IO,
                   "cannot read or write store '%s': %s; what was stored before is safe",
                   sz_show(ctx, sz_str_c(q->path)), error ? strerror(error) : "the disk failed");
}

sz_status sz_sqlite_fail(sz_ctx *ctx, const sz_sqlite *q, int code) {
    switch (code & 0xff) {
    case SQLITE_NOTADB:
        return refuse(ctx, q, SZ_ERR_INPUT, "is not a SQLite file, or was encrypted");
    case SQLITE_CORRUPT:
        return refuse(ctx, q, SZ_ERR_INPUT,
                      "is damaged; 'sqlite3 FILE .recover' can save what is left of it");
    case SQLITE_FULL:
        return refuse(ctx, q, SZ_ERR_IO,
                      "cannot grow: the disk is full; what was stored before is safe");
    case SQLITE_READONLY:
        return refuse(ctx, q, SZ_ERR_IO, "is read-only: give another one with --store");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return refuse(ctx, q, SZ_ERR_UNAVAILABLE,
                      "is being written by another process for more than 10 s");
    case SQLITE_TOOBIG:
        return refuse(ctx, q, SZ_ERR_LIMIT, "takes no document above 64 MiB");
    case SQLITE_NOMEM:
        return sz_no_memory(ctx);
    case SQLITE_IOERR:
        return fail_io(ctx, q);
    default:
        return sz_fail(ctx, SZ_ERR_INTERNAL, "store '%s': %s", sz_show(ctx, sz_str_c(q->path)),
                       sqlite3_errmsg(q->db));
    }
}

sz_status sz_sqlite_run(sz_ctx *ctx, const sz_sqlite *q, const char *sql) {
    const int code = sqlite3_exec(q->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? SZ_OK : sz_sqlite_fail(ctx, q, code);
}

// A statement that gives one number; `fallback` when it gives no row.
static sz_status ask(sz_ctx *ctx, const sz_sqlite *q, const char *sql, int64_t fallback,
                     int64_t *ret_number) {
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(q->db, sql, -1, &s, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        *ret_number = sqlite3_column_int64(s, 0);
    else
        *ret_number = fallback;
    sqlite3_finalize(s);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SZ_OK : sz_sqlite_fail(ctx, q, code);
}

// ---- schema ------------------------------------------------------------------------------------

typedef struct step {
    int version;
    const char *sql;
} step;
static const step steps[] = {
#define STEP(version, sql) {version, sql},
#include "store/schema.def"
#undef STEP
};

static int run_steps(sqlite3 *db, int64_t after, int64_t upto) {
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < sizeof steps / sizeof *steps; i++)
        if (steps[i].version > after && steps[i].version <= upto)
            code = sqlite3_exec(db, steps[i].sql, NULL, NULL, NULL);
    return code;
}

static const char list_schema[] = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') "
                                  "FROM sqlite_schema ORDER BY type, name";

// Are the rows of both statements the same text?
static bool same_rows(sqlite3_stmt *a, sqlite3_stmt *b, int *ret_code) {
    for (;;) {
        const int ours = sqlite3_step(a), theirs = sqlite3_step(b);
        *ret_code = theirs == SQLITE_ROW ? SQLITE_OK : theirs;
        if (theirs != SQLITE_ROW && theirs != SQLITE_DONE) return false;
        if (ours != theirs) return false;
        if (ours == SQLITE_DONE) return true;
        const char *x = (const char *)sqlite3_column_text(a, 0);
        const char *y = (const char *)sqlite3_column_text(b, 0);
        if (!x || !y || strcmp(x, y) != 0) return false;
    }
}

// A file that has more or other tables, views, triggers or columns than we make is not read: they
// could run things, or mean something else.
static sz_status check_schema(sz_ctx *ctx, const sz_sqlite *q, int64_t version) {
    sqlite3 *model = NULL;
    sqlite3_stmt *a = NULL, *b = NULL;
    bool same = false;
    int code = sqlite3_open_v2(":memory:", &model, SQLITE_OPEN_READWRITE, NULL);
    if (code == SQLITE_OK) code = run_steps(model, 0, version);
    if (code == SQLITE_OK) code = sqlite3_prepare_v2(model, list_schema, -1, &a, NULL);
    if (code == SQLITE_OK) code = sqlite3_prepare_v2(q->db, list_schema, -1, &b, NULL);
    if (code == SQLITE_OK) same = same_rows(a, b, &code);
    sqlite3_finalize(a);
    sqlite3_finalize(b);
    sqlite3_close(model);
    if (code != SQLITE_OK && code != SQLITE_DONE) return sz_sqlite_fail(ctx, q, code);
    if (same) return SZ_OK;
    return refuse(ctx, q, SZ_ERR_INPUT,
                  "has tables that sizeup did not make: it will not be touched");
}

static sz_status check_owner(sz_ctx *ctx, const sz_sqlite *q, int64_t application,
                             int64_t version) {
    if (application != APPLICATION)
        return refuse(ctx, q, SZ_ERR_INPUT, "is a SQLite file of another program");
    if (version > VERSION)
        return sz_fail(ctx, SZ_ERR_INPUT,
                       "store '%s' was made by a newer sizeup (version %lld, this one knows %d): "
                       "update sizeup",
                       sz_show(ctx, sz_str_c(q->path)), (long long)version, VERSION);
    if (version < 1) return refuse(ctx, q, SZ_ERR_INPUT, "has no version: it is damaged");
    return check_schema(ctx, q, version);
}

static sz_status migrate(sz_ctx *ctx, const sz_sqlite *q, int64_t from) {
    char numbers[128];
    int code = run_steps(q->db, from, VERSION);
    if (code != SQLITE_OK) return sz_sqlite_fail(ctx, q, code);
    snprintf(numbers, sizeof numbers, "PRAGMA application_id=%d; PRAGMA user_version=%d",
             APPLICATION, VERSION);
    return sz_sqlite_run(ctx, q, numbers);
}

// Look at the file; make it or bring it up to date, all in the transaction that is open, so that of
// several processes that come at once one does it and the others find it done.
static sz_status inspect(sz_ctx *ctx, sz_sqlite *q, bool may_write, int64_t *ret_version) {
    int64_t application, version, objects;
    SZ_TRY(ask(ctx, q, "PRAGMA application_id", 0, &application));
    SZ_TRY(ask(ctx, q, "PRAGMA user_version", 0, &version));
    SZ_TRY(ask(ctx, q, "SELECT count(*) FROM sqlite_schema", 0, &objects));
    const bool fresh = application == 0 && version == 0 && objects == 0;
    if (!fresh) SZ_TRY(check_owner(ctx, q, application, version));
    *ret_version = version;
    return may_write && version < VERSION ? migrate(ctx, q, version) : SZ_OK;
}

sz_status sz_sqlite_start(sz_ctx *ctx, const sz_sqlite *q) {
    return sz_sqlite_run(ctx, q, q->held ? "SAVEPOINT part" : "BEGIN IMMEDIATE");
}

sz_status sz_sqlite_end(sz_ctx *ctx, const sz_sqlite *q, sz_status status) {
    const char *keep = q->held ? "RELEASE part" : "COMMIT";
    const char *undo = q->held ? "ROLLBACK TO part; RELEASE part" : "ROLLBACK";
    if (status == SZ_OK) status = sz_sqlite_run(ctx, q, keep);
    if (status != SZ_OK) sqlite3_exec(q->db, undo, NULL, NULL, NULL);
    return status;
}

static sz_status sqlite_hold(sz_ctx *ctx, sz_store *s, bool hold) {
    sz_sqlite *q = s->inside;
    if (hold) SZ_TRY(sz_sqlite_start(ctx, q));
    q->held = hold;
    // A disk that is full may have ended the transaction already, and said so.
    if (hold || sqlite3_get_autocommit(q->db)) return SZ_OK;
    return sz_sqlite_end(ctx, q, SZ_OK);
}

// Reading takes no lock that keeps others out, but an old file has to be brought up to date first.
static sz_status prepare(sz_ctx *ctx, sz_sqlite *q, sz_store_mode mode) {
    const bool read_only = sqlite3_db_readonly(q->db, "main") == 1;
    int64_t version = 0;
    if (mode == SZ_STORE_WRITE && read_only) return sz_sqlite_fail(ctx, q, SQLITE_READONLY);
    SZ_TRY(sz_sqlite_run(ctx, q, "BEGIN"));
    SZ_TRY(sz_sqlite_end(ctx, q, inspect(ctx, q, false, &version)));
    if (version == VERSION) return SZ_OK;
    if (version == 0 && mode == SZ_STORE_READ)
        return refuse(ctx, q, SZ_ERR_INPUT, "is empty: it holds no results");
    if (read_only)
        return refuse(ctx, q, SZ_ERR_INPUT,
                      "has an older version and is read-only: it cannot be brought up to date");
    SZ_TRY(sz_sqlite_run(ctx, q, "BEGIN IMMEDIATE"));
    return sz_sqlite_end(ctx, q, inspect(ctx, q, true, &version));
}

// ---- opening -----------------------------------------------------------------------------------

static sz_status harden(sz_ctx *ctx, const sz_sqlite *q) {
    sqlite3_busy_timeout(q->db, BUSY_MS);
    sqlite3_db_config(q->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(q->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(q->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(q->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_limit(q->db, SQLITE_LIMIT_LENGTH, SZ_MAX_RECORD);
    sqlite3_limit(q->db, SQLITE_LIMIT_ATTACHED, 0);
    return sz_sqlite_run(ctx, q,
                         "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                         "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;"
                         "PRAGMA synchronous=FULL; PRAGMA journal_mode=DELETE");
}

static sz_status look_at_file(sz_ctx *ctx, const sz_sqlite *q, sz_store_mode mode) {
    struct stat st;
    if (stat(q->path, &st) != 0) {
        if (errno != ENOENT)
            return sz_fail(ctx, SZ_ERR_INPUT, "cannot open store '%s': %s",
                           sz_show(ctx, sz_str_c(q->path)), strerror(errno));
        if (mode == SZ_STORE_WRITE) return sz_folder_make_above(ctx, q->path);
        return sz_fail(ctx, SZ_ERR_INPUT, "there is no store '%s' yet",
                       sz_show(ctx, sz_str_c(q->path)));
    }
    if (!S_ISREG(st.st_mode)) return refuse(ctx, q, SZ_ERR_INPUT, "is not a file");
    if (access(q->path, R_OK) != 0) return refuse(ctx, q, SZ_ERR_INPUT, strerror(errno));
    return SZ_OK;
}

static sz_status connect(sz_ctx *ctx, sz_sqlite *q, sz_store_mode mode) {
    const int create = mode == SZ_STORE_WRITE ? SQLITE_OPEN_CREATE : 0;
    SZ_TRY(look_at_file(ctx, q, mode));
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | create;
    const int code = sqlite3_open_v2(q->path, &q->db, flags, NULL);
    if (code == SQLITE_CANTOPEN)
        return sz_fail(ctx, SZ_ERR_IO, "cannot open store '%s': %s",
                       sz_show(ctx, sz_str_c(q->path)), strerror(sqlite3_system_errno(q->db)));
    if (code != SQLITE_OK) return sz_sqlite_fail(ctx, q, code);
    sqlite3_extended_result_codes(q->db, 1);
    SZ_TRY(harden(ctx, q));
    return prepare(ctx, q, mode);
}

static void disconnect(sz_ctx *ctx, sz_sqlite *q) {
    sqlite3_close(q->db);
    sz_free(ctx, q, sizeof *q);
}

static void sqlite_close(sz_store *s) { disconnect(s->ctx, s->inside); }

static sz_status sqlite_open(sz_ctx *ctx, sz_store *s) {
    sz_sqlite *q = sz_alloc(s->ctx, sizeof *q);
    if (!q) return sz_no_memory(ctx);
    q->path = s->path;
    s->inside = q;
    sz_status status = connect(ctx, q, s->mode);
    if (status != SZ_OK) disconnect(s->ctx, q);
    return status;
}

static sz_status sqlite_check(sz_ctx *ctx, sz_store *s) {
    const sz_sqlite *q = s->inside;
    sqlite3_stmt *look = NULL;
    int code = sqlite3_prepare_v2(q->db, "PRAGMA quick_check(1)", -1, &look, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(look);
    const char *word = code == SQLITE_ROW ? (const char *)sqlite3_column_text(look, 0) : NULL;
    const bool sound = word && strcmp(word, "ok") == 0;
    sqlite3_finalize(look);
    if (code != SQLITE_ROW && code != SQLITE_DONE) return sz_sqlite_fail(ctx, q, code);
    return sound ? SZ_OK : sz_sqlite_fail(ctx, q, SQLITE_CORRUPT);
}

const sz_store_driver sz_store_sqlite = {
    sqlite_open,    sqlite_close,     sz_sqlite_begin, sz_sqlite_append, sz_sqlite_runs,
    sz_sqlite_each, sz_sqlite_remove, sqlite_check,    sqlite_hold,
};
