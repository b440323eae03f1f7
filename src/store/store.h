// SPDX-License-Identifier: Apache-2.0
// The inside of a store, for its drivers. To add one: a row in drivers.def and a file with
// `const sz_store_driver sz_store_<ident>`; docs/how-to/add-a-store-driver.md.
#ifndef SZ_STORE_H
#define SZ_STORE_H

#include "base/base.h"

#include <jansson.h>

#include <sizeup/results.h>

enum { SZ_MAX_RECORD = 64 << 20 }; // bytes of a document

struct sz_store {
    sz_ctx *ctx; // memory of the store itself
    const struct sz_store_driver *driver;
    char *path;
    size_t path_size;
    sz_store_mode mode;
    void *inside; // of the driver
};

// A document that a driver found. `text` may be NULL: then `json` is the document.
typedef struct sz_document {
    int64_t run, number;
    json_t *json;
    const char *text;
    size_t size;
} sz_document;
typedef sz_status sz_emit(void *user, const sz_document *document);

typedef struct sz_store_driver {
    sz_status (*open)(sz_ctx *ctx, sz_store *s); // sets s->inside; on failure leaves nothing
    void (*close)(sz_store *s);
    // Both are on the disk on return, or not there at all.
    sz_status (*begin)(sz_ctx *ctx, sz_store *s, json_t *header, int64_t *ret_run);
    // `record` has an id. *ret_number 0: that id is there already.
    sz_status (*append)(sz_ctx *ctx, sz_store *s, int64_t run, json_t *record, int64_t *ret_number);
    sz_status (*each_run)(sz_ctx *ctx, sz_store *s, sz_emit *emit, void *user);
    // May leave out what the query surely does not mean; the rest is sorted out by the caller.
    sz_status (*each)(sz_ctx *ctx, sz_store *s, const sz_store_query *query, const char *case_hash,
                      sz_emit *emit, void *user);
    sz_status (*remove)(sz_ctx *ctx, sz_store *s, int64_t run, int64_t number,
                        int64_t *ret_removed);
    sz_status (*check)(sz_ctx *ctx, sz_store *s);
    // From true to false what is written may reach the disk together, at the end.
    sz_status (*hold)(sz_ctx *ctx, sz_store *s, bool hold);
} sz_store_driver;

#define DRIVER(scheme, ident, what) extern const sz_store_driver sz_store_##ident;
#define DRIVER_OFF(scheme, what, why)
#include "store/drivers.def"
#undef DRIVER
#undef DRIVER_OFF

// Parses a document that stands as text and emits it. `store`: its name in a message.
sz_status sz_store_emit_text(sz_ctx *ctx, const char *store, const sz_document *document,
                             sz_emit *emit, void *user);
// SZ_ERR_INPUT: "there is no run 3", or "run 3 has no case 2".
sz_status sz_store_missing(sz_ctx *ctx, int64_t run, int64_t number);

#endif
