// SPDX-License-Identifier: Apache-2.0
// The inside of the SQLite driver: opening in sqlite.c, rows in sqlite_rows.c.
#ifndef SZ_STORE_SQLITE_H
#define SZ_STORE_SQLITE_H

#include "store/store.h"

#include <sqlite3.h>

typedef struct sz_sqlite {
    sqlite3 *db;
    const char *path; // of the store
    bool held;        // a transaction around several is open
} sz_sqlite;

// One sentence for a result code of SQLite.
sz_status sz_sqlite_fail(sz_ctx *ctx, const sz_sqlite *q, int code);
sz_status sz_sqlite_run(sz_ctx *ctx, const sz_sqlite *q, const char *sql);
// Begin a transaction that writes; within a held one, a part of it.
sz_status sz_sqlite_start(sz_ctx *ctx, const sz_sqlite *q);
// Commit when `status` is SZ_OK, else roll back; the first failure is given.
sz_status sz_sqlite_end(sz_ctx *ctx, const sz_sqlite *q, sz_status status);

sz_status sz_sqlite_begin(sz_ctx *ctx, sz_store *s, json_t *header, int64_t *ret_run);
sz_status sz_sqlite_append(sz_ctx *ctx, sz_store *s, int64_t run, json_t *record,
                           int64_t *ret_number);
sz_status sz_sqlite_runs(sz_ctx *ctx, sz_store *s, sz_emit *emit, void *user);
sz_status sz_sqlite_each(sz_ctx *ctx, sz_store *s, const sz_store_query *query,
                         const char *case_hash, sz_emit *emit, void *user);
sz_status sz_sqlite_remove(sz_ctx *ctx, sz_store *s, int64_t run, int64_t number,
                           int64_t *ret_removed);

#endif
