// SPDX-License-Identifier: Apache-2.0
/** @file
 * A store of results: runs, and the cases of each as JSON documents.
 *
 * The store knows records, not their meaning: a document is any JSON object, and the few keys it
 * looks at are `id`, `case`, `case_hash`, `started_utc` and `machine`. A new key never touches it.
 * A case is stored in one transaction, when it is finished: a process that dies loses nothing that
 * was stored, and no half of a case is ever seen. See docs/store.md.
 */
#ifndef SIZEUP_RESULTS_H
#define SIZEUP_RESULTS_H

#include <sizeup/text.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sz_store sz_store;

typedef enum sz_store_mode {
    SZ_STORE_READ, /**< it must be there */
    SZ_STORE_WRITE /**< it is made where it is not, with its folders */
} sz_store_mode;

/** Open a store by URL: "sqlite:PATH", "jsonl:PATH", or a plain path, which means SQLite. Fails
 * with one sentence for a scheme that is not known or not built in, a file of another program, a
 * damaged file, one of a newer version, and one that cannot be read or written. A store of an older
 * version is brought up to date. `*ret_store` is yours to close. */
SZ_API sz_status sz_store_open(sz_ctx *ctx, const char *url, sz_store_mode mode,
                               sz_store **ret_store) SZ_MUST_USE;
SZ_API void sz_store_close(sz_store *store); /**< NULL is fine */
SZ_API const char *sz_store_path(const sz_store *store); /**< without a password */
/** The word as it may be shown: passwords of a URL "postgresql://..." are "***" in it. `buf` needs
 * no more than strlen(word) + 64 bytes; what does not fit is cut off. */
SZ_API void sz_store_redact(const char *word, char *buf, size_t cap);

/** Begin a run. `header` is a JSON object about it. Runs are numbered from 1 on; a number is never
 * used again. */
SZ_API sz_status sz_store_begin(sz_ctx *ctx, sz_store *store, const char *header, size_t size,
                                int64_t *ret_run) SZ_MUST_USE;

/** Store a finished case of a run, a JSON object. It is on the disk when this returns SZ_OK.
 * Without an `id` it gets one that follows from its content. *ret_number is its number in the run,
 * from 1 on; 0 = a case of that id is in the store already and nothing was done. */
SZ_API sz_status sz_store_append(sz_ctx *ctx, sz_store *store, int64_t run, const char *record,
                                 size_t size, int64_t *ret_number) SZ_MUST_USE;

/** Until the release, what is stored may reach the disk together at its end, and other writers
 * wait: for imports of many cases. */
SZ_API sz_status sz_store_hold(sz_ctx *ctx, sz_store *store) SZ_MUST_USE;
SZ_API sz_status sz_store_release(sz_ctx *ctx, sz_store *store) SZ_MUST_USE;

/** How many cases have this case_hash: what --resume asks. */
SZ_API sz_status sz_store_count(sz_ctx *ctx, sz_store *store, const char *case_hash,
                                int64_t *ret_n) SZ_MUST_USE;

/** What to look for. Zero-initialised it means everything. */
typedef struct sz_store_query {
    int64_t run, number;       /**< 0 = any */
    const char *case_like;     /**< `case`, with * and ?; without them, a part of it; NULL = any */
    const char *machine;       /**< name or fingerprint; NULL = any */
    const char *since, *until; /**< begin of `started_utc`: "2026-11-28"; both ends count */
    const char *const *where;  /**< "name=value": a key of the record, "spec.m" or, for the keys of
                                    spec, settings, ran_as and the record itself, "m" alone; a
                                    number equals a number, text may have * and ? */
    size_t n_where;
} sz_store_query;

/** A run or a case that was found; its strings live until the visit returns. */
typedef struct sz_stored {
    int64_t run, number; /**< number 0: the run itself */
    const char *json;    /**< the document, NUL-terminated: header or record */
    size_t size;
    const char *started_utc, *command; /**< these keys of the document; NULL = not there */
} sz_stored;
typedef sz_status sz_store_visit(void *user, const sz_stored *found);

/** Visit all runs, or the cases that a query finds, in the order in which they were stored; stops
 * when the visit fails, with its status. */
SZ_API sz_status sz_store_each_run(sz_ctx *ctx, sz_store *store, sz_store_visit *visit,
                                   void *user) SZ_MUST_USE;
SZ_API sz_status sz_store_each(sz_ctx *ctx, sz_store *store, const sz_store_query *query,
                               sz_store_visit *visit, void *user) SZ_MUST_USE;

/** Remove a case, or with number 0 a run and its cases. *ret_removed cases. SZ_ERR_INPUT when there
 * is none. */
SZ_API sz_status sz_store_remove(sz_ctx *ctx, sz_store *store, int64_t run, int64_t number,
                                 int64_t *ret_removed) SZ_MUST_USE;

/** Is the whole file sound? Reads all of it. */
SZ_API sz_status sz_store_check(sz_ctx *ctx, sz_store *store) SZ_MUST_USE;

/** Copy all runs and cases of a store into another; cases that are there already are left out. */
typedef struct sz_copied {
    int64_t runs, cases, known; /**< known: were there already */
} sz_copied;
SZ_API sz_status sz_store_copy(sz_ctx *ctx, sz_store *from, sz_store *to,
                               sz_copied *ret_copied) SZ_MUST_USE;

/** Put what a query finds at the end of `buf` as "jsonl" (a record per line), "json" (an array) or
 * "csv" (a column per key, nested keys joined by points, arrays as JSON). SZ_ERR_USAGE: no such
 * format. */
SZ_API sz_status sz_store_export(sz_ctx *ctx, sz_store *store, const sz_store_query *query,
                                 const char *format, sz_buf *buf) SZ_MUST_USE;

/** Rows of the drivers table. `i` from 0; returns 0 past the end. */
typedef struct sz_store_driver_row {
    const char *scheme, *what;
    const char *off; /**< why it cannot be used; NULL = it can */
} sz_store_driver_row;
SZ_API int sz_list_store_driver(size_t i, sz_store_driver_row *ret_row);

#ifdef __cplusplus
}
#endif
#endif
