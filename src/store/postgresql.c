// SPDX-License-Identifier: Apache-2.0
// The store on a PostgreSQL server that several people share: a schema `sizeup` in a database.
// libpq is opened when it is asked for. A password is in the URL or comes by libpq's own ways
// (PGPASSWORD, a password file); it is never shown.
#include "store/postgresql.h"

#include <stdio.h>
#include <stdlib.h>

#include "os/dynlib.h"
#include "store/value.h"

enum { VERSION = 2, COMMAND_OK = 1, TUPLES_OK = 2, MOST_MESSAGE = 200 };

// Fields of an error: libpq, PG_DIAG_SQLSTATE and PG_DIAG_MESSAGE_PRIMARY.
enum { FIELD_STATE = 'C', FIELD_MESSAGE = 'M' };

// ---- failing -----------------------------------------------------------------------------------

static const struct {
    const char *state; // begin of it; PostgreSQL, appendix A
    sz_status status;
    const char *why;
} failures[] = {
    {"53100", SZ_ERR_IO, "cannot grow: the disk is full; what was stored before is safe"},
    {"55P03", SZ_ERR_UNAVAILABLE, "is being written by another process for more than 10 s"},
    {"25006", SZ_ERR_IO, "is read-only: give another one with --store"},
    {"42501", SZ_ERR_UNAVAILABLE,
     "does not let this user do that: it needs rights on the schema 'sizeup'"},
    {"42P01", SZ_ERR_INPUT, "lacks a table of its own: it is damaged"},
    {"42703", SZ_ERR_INPUT, "lacks a column of its own: it is damaged"},
};

// The first line of what the server said, as one clause.
static const char *first_line(sz_ctx *ctx, const char *text) {
    const size_t n = text ? strcspn(text, "\n") : 0;
    return n ? sz_show(ctx, (sz_str){text, n < MOST_MESSAGE ? n : MOST_MESSAGE})
             : "no reason given";
}

static sz_status fail(sz_ctx *ctx, const sz_pq *q, const void *result) {
    const char *state = result ? q->resultErrorField(result, FIELD_STATE) : NULL;
    const char *message = result ? q->resultErrorField(result, FIELD_MESSAGE) : NULL;
    for (size_t i = 0; state && i < sizeof failures / sizeof *failures; i++)
        if (strcmp(state, failures[i].state) == 0)
            return sz_fail(ctx, failures[i].status, "store '%s' %s", q->shown, failures[i].why);
    if (q->status(q->connection) != 0)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                       "the connection to store '%s' was lost: %s; what was stored before is safe",
                       q->shown, first_line(ctx, q->errorMessage(q->connection)));
    return sz_fail(ctx, SZ_ERR_IO, "store '%s': %s; what was stored before is safe", q->shown,
                   first_line(ctx, message));
}

// ---- statements --------------------------------------------------------------------------------

sz_status sz_pq_ask(sz_ctx *ctx, const sz_pq *q, const char *sql, const char *const *values, int n,
                    void **ret_result) {
    void *r = q->execParams(q->connection, sql, n, NULL, values, NULL, NULL, 0);
    const int status = r ? q->resultStatus(r) : -1;
    if (status == COMMAND_OK || status == TUPLES_OK) {
        *ret_result = r;
        return SZ_OK;
    }
    const sz_status failed = fail(ctx, q, r);
    if (r) q->clear(r);
    return failed;
}

sz_status sz_pq_number(sz_ctx *ctx, const sz_pq *q, const char *sql, const char *const *values,
                       int n, int64_t *ret_number) {
    void *r;
    SZ_TRY(sz_pq_ask(ctx, q, sql, values, n, &r));
    if (ret_number) *ret_number = q->ntuples(r) > 0 ? strtoll(q->getvalue(r, 0, 0), NULL, 10) : 0;
    q->clear(r);
    return SZ_OK;
}

static sz_status run(sz_ctx *ctx, const sz_pq *q, const char *sql) {
    return sz_pq_number(ctx, q, sql, NULL, 0, NULL);
}

sz_status sz_pq_start(sz_ctx *ctx, const sz_pq *q) {
    return run(ctx, q, q->is_held ? "SAVEPOINT part" : "BEGIN ISOLATION LEVEL READ COMMITTED");
}

sz_status sz_pq_end(sz_ctx *ctx, const sz_pq *q, sz_status status) {
    if (status == SZ_OK) return run(ctx, q, q->is_held ? "RELEASE part" : "COMMIT");
    void *r = q->execParams(q->connection, q->is_held ? "ROLLBACK TO part" : "ROLLBACK", 0, NULL,
                            NULL, NULL, NULL, 0);
    if (r) q->clear(r); // the first failure is the one to tell
    return status;
}

// ---- schema ------------------------------------------------------------------------------------

static const struct {
    int version;
    const char *sql;
} steps[] = {
#define STEP(version, sql) {version, sql},
#include "store/postgresql.def"
#undef STEP
};

// -1: there is no schema; 0: one that is not ours.
static sz_status ask_version(sz_ctx *ctx, const sz_pq *q, int64_t *ret_version) {
    int64_t schemas, tables;
    SZ_TRY(sz_pq_number(ctx, q, "SELECT count(*) FROM pg_namespace WHERE nspname = 'sizeup'", NULL,
                        0, &schemas));
    SZ_TRY(sz_pq_number(ctx, q,
                        "SELECT count(*) FROM pg_tables WHERE schemaname = 'sizeup' AND "
                        "tablename = 'version'",
                        NULL, 0, &tables));
    *ret_version = schemas ? 0 : -1;
    if (tables == 0) return SZ_OK;
    return sz_pq_number(ctx, q, "SELECT max(version) FROM sizeup.version", NULL, 0, ret_version);
}

static sz_status check_version(sz_ctx *ctx, const sz_pq *q, int64_t version) {
    if (version == 0)
        return sz_fail(ctx, SZ_ERR_INPUT,
                       "store '%s' has a schema 'sizeup' that is not of sizeup: it stays as it is",
                       q->shown);
    if (version > VERSION)
        return sz_fail(ctx, SZ_ERR_INPUT,
                       "store '%s' is of a newer version (%lld) of sizeup; this one knows %d",
                       q->shown, (long long)version, VERSION);
    return SZ_OK;
}

// Two who open a new store at once: one waits, and finds it made.
static sz_status make_schema(sz_ctx *ctx, const sz_pq *q) {
    int64_t version;
    SZ_TRY(run(ctx, q, "SELECT pg_advisory_xact_lock(1400507760)")); // "SzUp"
    SZ_TRY(ask_version(ctx, q, &version));
    SZ_TRY(check_version(ctx, q, version));
    if (version == VERSION) return SZ_OK;
    if (version < 0) {
        SZ_TRY(run(ctx, q, "CREATE SCHEMA sizeup"));
        SZ_TRY(run(ctx, q, "CREATE TABLE sizeup.version(version integer NOT NULL)"));
    }
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i].version > version) SZ_TRY(run(ctx, q, steps[i].sql));
    SZ_TRY(run(ctx, q, "DELETE FROM sizeup.version"));
    char text[16];
    snprintf(text, sizeof text, "%d", VERSION);
    return sz_pq_number(ctx, q, "INSERT INTO sizeup.version VALUES($1::integer)",
                        (const char *[]){text}, 1, NULL);
}

static sz_status open_schema(sz_ctx *ctx, const sz_pq *q, sz_store_mode mode) {
    int64_t version;
    SZ_TRY(ask_version(ctx, q, &version));
    if (mode == SZ_STORE_WRITE && version < VERSION) {
        SZ_TRY(sz_pq_start(ctx, q));
        return sz_pq_end(ctx, q, make_schema(ctx, q));
    }
    if (version < 0)
        return sz_fail(ctx, SZ_ERR_INPUT, "there is no store at '%s': nothing was stored there yet",
                       q->shown);
    SZ_TRY(check_version(ctx, q, version));
    if (version == VERSION) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_INPUT,
                   "store '%s' is of an older version: it is brought up to date when something is "
                   "stored in it",
                   q->shown);
}

// ---- opening -----------------------------------------------------------------------------------

static void ignore(void *user, const char *message) { (void)user, (void)message; }

static sz_status open_library(sz_ctx *ctx, sz_pq *q) {
    static const char *const names[] = {"libpq.so.5", NULL};
    if (sz_dynlib_open(ctx, names, &q->library) != SZ_OK)
        return sz_fail(
            ctx, SZ_ERR_UNAVAILABLE,
            "a store on PostgreSQL needs its library libpq.so.5, which is not installed");
#define F(result, name, parameters)                                                                \
    if (!sz_dynlib_symbol(q->library, "PQ" #name, &q->name))                                       \
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "libpq.so.5 has no PQ" #name);
    SZ_PQ_FUNCTIONS(F)
#undef F
    return SZ_OK;
}

// What is wrong with a URL is not repeated: it may hold a password.
static sz_status no_url(sz_ctx *ctx) {
    return sz_fail(ctx, SZ_ERR_USAGE,
                   "this is no URL of PostgreSQL: postgresql://USER@HOST:PORT/DATABASE");
}

static sz_status check_url(sz_ctx *ctx, const sz_pq *q, const char *url) {
    char *error = NULL;
    sz_pq_option *options = q->conninfoParse(url, &error);
    if (error) q->freemem(error);
    bool good = options != NULL;
    for (const sz_pq_option *o = options; o && o->keyword; o++) // libpq would repeat it
        if (strcmp(o->keyword, "port") == 0 && o->value)
            good = o->value[strspn(o->value, "0123456789,")] == '\0';
    if (options) q->conninfoFree(options);
    return good ? SZ_OK : no_url(ctx);
}

// Parameters of later places win: those of the URL over ours.
static sz_status connect_to(sz_ctx *ctx, sz_pq *q, const char *url) {
    const char *const keys[] = {"connect_timeout", "fallback_application_name", "dbname", NULL};
    const char *const values[] = {"10", "sizeup", url, NULL};
    q->connection = q->connectdbParams(keys, values, 1);
    if (!q->connection) return sz_no_memory(ctx);
    if (q->status(q->connection) != 0)
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE, "store '%s' does not answer: %s", q->shown,
                       first_line(ctx, q->errorMessage(q->connection)));
    q->setNoticeProcessor(q->connection, ignore, NULL);
    if (q->setClientEncoding(q->connection, "UTF8") != 0) return fail(ctx, q, NULL);
    SZ_TRY(run(ctx, q, "SET synchronous_commit TO on")); // stored is stored
    return run(ctx, q, "SET lock_timeout TO '10s'");
}

static void close_all(sz_ctx *ctx, sz_pq *q) {
    if (q->connection) q->finish(q->connection);
    sz_free(ctx, q, sizeof *q); // the library stays open
}

// The path of the store is what is shown of it.
static sz_status hide_password(sz_ctx *ctx, sz_store *s, const char *url) {
    const size_t size = strlen(url) + 64;
    char *shown = sz_alloc(ctx, size);
    if (!shown) return sz_no_memory(ctx);
    sz_store_redact(url, shown, size);
    sz_free(ctx, s->path, s->path_size);
    s->path = shown, s->path_size = size;
    return SZ_OK;
}

static sz_status open_store(sz_ctx *ctx, sz_store *s, sz_pq *q, const char *url) {
    if (strncmp(url, "postgresql://", 13) != 0) return no_url(ctx);
    SZ_TRY(hide_password(ctx, s, url));
    q->shown = s->path;
    SZ_TRY(open_library(ctx, q));
    SZ_TRY(check_url(ctx, q, url));
    SZ_TRY(connect_to(ctx, q, url));
    SZ_TRY(open_schema(ctx, q, s->mode));
    return s->mode == SZ_STORE_READ ? run(ctx, q, "SET default_transaction_read_only TO on")
                                    : SZ_OK;
}

static sz_status pq_open(sz_ctx *ctx, sz_store *s) {
    sz_pq *q = sz_alloc(ctx, sizeof *q);
    const size_t size = s->path_size + sizeof "postgresql:";
    char *url = sz_alloc(ctx, size);
    sz_status status = q && url ? SZ_OK : sz_no_memory(ctx);
    if (status == SZ_OK) {
        snprintf(url, size, "postgresql:%s", s->path);
        status = open_store(ctx, s, q, url);
        memset(url, 0, size);
    }
    if (url) sz_free(ctx, url, size);
    if (status == SZ_OK)
        s->inside = q;
    else if (q)
        close_all(ctx, q);
    return status;
}

static void pq_close(sz_store *s) { close_all(s->ctx, s->inside); }

// ---- the rest ----------------------------------------------------------------------------------

static sz_status pq_hold(sz_ctx *ctx, sz_store *s, bool hold) {
    sz_pq *q = s->inside;
    if (q->is_held == hold) return SZ_OK;
    q->is_held = false;
    if (!hold) return sz_pq_end(ctx, q, SZ_OK);
    SZ_TRY(sz_pq_start(ctx, q));
    q->is_held = true;
    return SZ_OK;
}

// Reads every document, and follows every key.
static sz_status pq_check(sz_ctx *ctx, sz_store *s) {
    const sz_pq *q = s->inside;
    int64_t bad;
    SZ_TRY(sz_pq_number(ctx, q,
                        "SELECT count(*) FROM sizeup.result LEFT JOIN sizeup.run ON "
                        "run.id = result.run WHERE run.id IS NULL OR "
                        "result.id IS DISTINCT FROM (record::json->>'id')",
                        NULL, 0, &bad));
    if (bad == 0) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_INPUT, "store '%s' is damaged: %lld of its rows do not fit",
                   q->shown, (long long)bad);
}

const sz_store_driver sz_store_postgresql = {.open = pq_open,
                                             .close = pq_close,
                                             .begin = sz_pq_begin,
                                             .append = sz_pq_append,
                                             .each_run = sz_pq_runs,
                                             .each = sz_pq_each,
                                             .remove = sz_pq_remove,
                                             .check = pq_check,
                                             .hold = pq_hold};
