// SPDX-License-Identifier: Apache-2.0
// Rows of a store on PostgreSQL. Values are bound, never written into a statement.
#include "store/postgresql.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/value.h"

enum { PAGE = 64, DIGITS = 24 }; // rows that are fetched at a time; a number as text

static const char *digits(int64_t n, char buf[DIGITS]) {
    snprintf(buf, DIGITS, "%lld", (long long)n);
    return buf;
}

// ---- writing -----------------------------------------------------------------------------------

sz_status sz_pq_begin(sz_ctx *ctx, sz_store *s, json_t *header, int64_t *ret_run) {
    const sz_pq *q = s->inside;
    char *line = sz_value_line(header, false);
    int64_t run = 0;
    if (!line) return sz_no_memory(ctx);
    sz_status status = sz_pq_start(ctx, q);
    if (status == SZ_OK) {
        status = sz_pq_number(ctx, q, "INSERT INTO sizeup.run(header) VALUES($1) RETURNING id",
                              (const char *[]){line}, 1, &run);
        status = sz_pq_end(ctx, q, status);
    }
    free(line);
    if (status == SZ_OK) *ret_run = run;
    return status;
}

// The row of the run is locked first: another writer of it waits, and then sees the numbers there
// are. An id that is known, of whatever run, gives no row.
static sz_status insert(sz_ctx *ctx, const sz_pq *q, int64_t run, const json_t *record,
                        const char *line, int64_t *ret_number) {
    char text[DIGITS];
    const char *hash = sz_value_text(record, "case_hash");
    const char *values[] = {digits(run, text), line, sz_value_text(record, "id"), hash};
    int64_t there = 0;
    SZ_TRY(sz_pq_number(ctx, q, "SELECT id FROM sizeup.run WHERE id = $1::bigint FOR UPDATE",
                        values, 1, &there));
    if (there == 0) return sz_store_missing(ctx, run, 0);
    return sz_pq_number(ctx, q,
                        "INSERT INTO sizeup.result(run, number, record, id, case_hash) "
                        "SELECT $1::bigint, 1 + coalesce(max(number), 0), $2::text, $3::text, "
                        "$4::text FROM sizeup.result WHERE run = $1::bigint "
                        "ON CONFLICT (id) DO NOTHING RETURNING number",
                        values, 4, ret_number);
}

sz_status sz_pq_append(sz_ctx *ctx, sz_store *s, int64_t run, json_t *record, int64_t *ret_number) {
    const sz_pq *q = s->inside;
    char *line = sz_value_line(record, false);
    int64_t number = 0;
    if (!line) return sz_no_memory(ctx);
    sz_status status = sz_pq_start(ctx, q);
    if (status == SZ_OK) status = sz_pq_end(ctx, q, insert(ctx, q, run, record, line, &number));
    free(line);
    if (status == SZ_OK) *ret_number = number;
    return status;
}

static sz_status delete_rows(sz_ctx *ctx, const sz_pq *q, int64_t run, int64_t number,
                             int64_t *ret_removed) {
    char text[2][DIGITS];
    const char *values[] = {digits(run, text[0]), digits(number, text[1])};
    int64_t there = 0;
    void *r;
    SZ_TRY(sz_pq_number(ctx, q, "SELECT id FROM sizeup.run WHERE id = $1::bigint FOR UPDATE",
                        values, 1, &there));
    if (there == 0) return sz_store_missing(ctx, run, 0);
    SZ_TRY(sz_pq_ask(ctx, q,
                     "DELETE FROM sizeup.result WHERE run = $1::bigint AND "
                     "($2::bigint = 0 OR number = $2::bigint)",
                     values, 2, &r));
    const int64_t removed = strtoll(q->cmdTuples(r), NULL, 10);
    q->clear(r);
    if (number != 0 && removed == 0) return sz_store_missing(ctx, run, number);
    *ret_removed = removed;
    if (number != 0) return SZ_OK;
    return sz_pq_number(ctx, q, "DELETE FROM sizeup.run WHERE id = $1::bigint", values, 1, NULL);
}

sz_status sz_pq_remove(sz_ctx *ctx, sz_store *s, int64_t run, int64_t number,
                       int64_t *ret_removed) {
    const sz_pq *q = s->inside;
    int64_t removed = 0;
    SZ_TRY(sz_pq_start(ctx, q));
    SZ_TRY(sz_pq_end(ctx, q, delete_rows(ctx, q, run, number, &removed)));
    *ret_removed = removed;
    return SZ_OK;
}

// ---- reading -----------------------------------------------------------------------------------

// Columns: run, number, document. *run and *number become those of the last row.
static sz_status emit_page(sz_ctx *ctx, const sz_pq *q, void *page, int64_t *run, int64_t *number,
                           sz_emit *emit, void *user) {
    const int rows = q->ntuples(page);
    for (int i = 0; i < rows; i++) {
        const sz_document d = {.run = strtoll(q->getvalue(page, i, 0), NULL, 10),
                               .number = strtoll(q->getvalue(page, i, 1), NULL, 10),
                               .text = q->getvalue(page, i, 2),
                               .size = (size_t)q->getlength(page, i, 2)};
        *run = d.run, *number = d.number;
        SZ_TRY(sz_store_emit_text(ctx, q->shown, &d, emit, user));
    }
    return SZ_OK;
}

// Page by page, each from the last row on, so that no transaction is open meanwhile: who takes the
// documents may write. $1 and $2 are the last run and number.
static sz_status emit_all(sz_ctx *ctx, const sz_pq *q, const char *sql, const char *third,
                          const char *fourth, sz_emit *emit, void *user) {
    const int n = fourth ? 4 : third ? 3 : 2;
    int64_t run = 0, number = 0;
    for (int rows = PAGE; rows == PAGE;) {
        char text[2][DIGITS];
        const char *values[] = {digits(run, text[0]), digits(number, text[1]), third, fourth};
        void *page;
        SZ_TRY(sz_pq_ask(ctx, q, sql, values, n, &page));
        rows = q->ntuples(page);
        const sz_status status = emit_page(ctx, q, page, &run, &number, emit, user);
        q->clear(page);
        SZ_TRY(status);
    }
    return SZ_OK;
}

sz_status sz_pq_runs(sz_ctx *ctx, sz_store *s, sz_emit *emit, void *user) {
    return emit_all(ctx, s->inside,
                    "SELECT id, 0, header FROM sizeup.run WHERE id > $1::bigint AND "
                    "$2::bigint = 0 ORDER BY id LIMIT 64",
                    NULL, NULL, emit, user);
}

sz_status sz_pq_each(sz_ctx *ctx, sz_store *s, const sz_store_query *query, const char *case_hash,
                     sz_emit *emit, void *user) {
    char text[2][DIGITS];
    if (case_hash)
        return emit_all(ctx, s->inside,
                        "SELECT run, number, record FROM sizeup.result WHERE "
                        "(run, number) > ($1::bigint, $2::bigint) AND case_hash = $3::text "
                        "ORDER BY run, number LIMIT 64",
                        case_hash, NULL, emit, user);
    return emit_all(ctx, s->inside,
                    "SELECT run, number, record FROM sizeup.result WHERE "
                    "(run, number) > ($1::bigint, $2::bigint) AND "
                    "($3::bigint = 0 OR run = $3::bigint) AND "
                    "($4::bigint = 0 OR number = $4::bigint) ORDER BY run, number LIMIT 64",
                    digits(query->run, text[0]), digits(query->number, text[1]), emit, user);
}
