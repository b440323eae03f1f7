// SPDX-License-Identifier: Apache-2.0
// Inside of the PostgreSQL driver: the connection (postgresql.c), and its rows (postgresql_rows.c).
// libpq is opened at run time and its header is not needed: what is called is declared here.
#ifndef SZ_STORE_POSTGRESQL_H
#define SZ_STORE_POSTGRESQL_H

#include "store/store.h"

typedef struct sz_pq_option { // PQconninfoOption
    char *keyword, *variable, *compiled, *value, *label, *display;
    int size;
} sz_pq_option;

// F(result, name without PQ, parameters): of libpq 9.3 and later.
#define SZ_PQ_FUNCTIONS(F)                                                                         \
    F(void *, connectdbParams, (const char *const *, const char *const *, int))                    \
    F(sz_pq_option *, conninfoParse, (const char *, char **))                                      \
    F(void, conninfoFree, (sz_pq_option *))                                                        \
    F(int, status, (const void *))                                                                 \
    F(char *, errorMessage, (const void *))                                                        \
    F(void, finish, (void *))                                                                      \
    F(int, setClientEncoding, (void *, const char *))                                              \
    F(void *, setNoticeProcessor, (void *, void (*)(void *, const char *), void *))                \
    F(void *, execParams,                                                                          \
      (void *, const char *, int, const unsigned *, const char *const *, const int *, const int *, \
       int))                                                                                       \
    F(int, resultStatus, (const void *))                                                           \
    F(char *, resultErrorField, (const void *, int))                                               \
    F(int, ntuples, (const void *))                                                                \
    F(char *, getvalue, (const void *, int, int))                                                  \
    F(int, getlength, (const void *, int, int))                                                    \
    F(char *, cmdTuples, (void *))                                                                 \
    F(void, clear, (void *))                                                                       \
    F(void, freemem, (void *))

typedef struct sz_pq {
    const char *shown; // the URL without its password
    void *library, *connection;
    bool is_held;
#define F(result, name, parameters) result(*name) parameters;
    SZ_PQ_FUNCTIONS(F)
#undef F
} sz_pq;

// Run one statement with its values, which are always bound; a result that has to be cleared. On
// failure one sentence, and nothing to clear.
sz_status sz_pq_ask(sz_ctx *ctx, const sz_pq *q, const char *sql, const char *const *values, int n,
                    void **ret_result);
// The same for the first number of the first row, 0 when there is none. ret_number may be NULL.
sz_status sz_pq_number(sz_ctx *ctx, const sz_pq *q, const char *sql, const char *const *values,
                       int n, int64_t *ret_number);

// Begin a transaction; within a held one, a part of it. End: commit when `status` is SZ_OK, else
// roll back; the first failure is given.
sz_status sz_pq_start(sz_ctx *ctx, const sz_pq *q);
sz_status sz_pq_end(sz_ctx *ctx, const sz_pq *q, sz_status status);

sz_status sz_pq_begin(sz_ctx *ctx, sz_store *s, json_t *header, int64_t *ret_run);
sz_status sz_pq_append(sz_ctx *ctx, sz_store *s, int64_t run, json_t *record, int64_t *ret_number);
sz_status sz_pq_runs(sz_ctx *ctx, sz_store *s, sz_emit *emit, void *user);
sz_status sz_pq_each(sz_ctx *ctx, sz_store *s, const sz_store_query *query, const char *case_hash,
                     sz_emit *emit, void *user);
sz_status sz_pq_remove(sz_ctx *ctx, sz_store *s, int64_t run, int64_t number, int64_t *ret_removed);

#endif
