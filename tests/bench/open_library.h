// SPDX-License-Identifier: Apache-2.0
// Tests of libraries: one that is not here is skipped with its own words.
#ifndef SZ_TEST_OPEN_LIBRARY_H
#define SZ_TEST_OPEN_LIBRARY_H

#include "run/backends/backend.h"

static inline bool open_library(sz_ctx *ctx, const char *name, void **ret_library) {
    *ret_library = NULL;
    if (sz_backend_find(name)->open(ctx, NULL, ret_library) == SZ_OK) return true;
    print_message("skipped: %s\n", sz_ctx_error(ctx));
    sz_ctx_clear(ctx);
    return false;
}

#endif
