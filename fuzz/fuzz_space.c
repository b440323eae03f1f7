// SPDX-License-Identifier: Apache-2.0
// Specifications of spaces, and tables of metrics: any bytes are a space, a table, or a sentence.
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <sizeup/explore.h>

enum { MOST_SETTINGS = 2000 };

// Some settings of what was read: asked for all that can be asked.
static void visit(sz_ctx *ctx, const sz_space *s) {
    const sz_search_options how = {0};
    uint32_t setting[SZ_SPACE_PARAMETERS];
    sz_proposer grid;
    char text[64];
    if (sz_search_create(ctx, "grid", s, &how, &grid) != SZ_OK) return;
    if (sz_space_size(s) <= MOST_SETTINGS)
        for (int i = 0; i < MOST_SETTINGS && grid.next(grid.self, setting); i++) {
            sz_space_tidy(s, setting);
            if (!sz_space_allows(s, setting)) abort();
            sz_space_text(s, setting, text, sizeof text);
        }
    if (sz_space_size(s) <= MOST_SETTINGS && sz_space_explain(ctx, s) != SZ_OK &&
        !*sz_ctx_error(ctx))
        abort();
    sz_proposer_release(&grid);
}

static void read_space(sz_ctx *ctx, const char *bytes, size_t size) {
    sz_space *s;
    if (sz_space_read(ctx, "s", bytes, size, &s) != SZ_OK) {
        if (!*sz_ctx_error(ctx)) abort();
        return;
    }
    if (sz_space_ready(ctx, s) == SZ_OK) visit(ctx, s);
    sz_space_destroy(s);
}

static void read_table(sz_ctx *ctx, const char *bytes, size_t size) {
    sz_space *s;
    if (sz_space_create(ctx, &s) != SZ_OK) return;
    if (sz_space_add(ctx, s, "a", "1-4") == SZ_OK && sz_space_add(ctx, s, "b", "1,2,x") == SZ_OK &&
        sz_space_join(ctx, s, "t", bytes, size, "accuracy") == SZ_OK &&
        sz_space_ready(ctx, s) == SZ_OK)
        visit(ctx, s);
    sz_space_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    if (!ctx) return 0;
    sz_ctx_set_memory_limit(ctx, (size_t)64 << 20);
    read_space(ctx, (const char *)bytes, size);
    sz_ctx_clear(ctx);
    read_table(ctx, (const char *)bytes, size);
    sz_ctx_destroy(ctx);
    return 0;
}
