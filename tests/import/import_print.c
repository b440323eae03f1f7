// SPDX-License-Identifier: Apache-2.0
// Prints what the importer makes of each file: the graph in text form, or the error; then warnings.
// Then imports it once more for each allocation that may fail, which must end in a clean error.
// import_print [--alloc] FILE...
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/import/import.h"
#include "os/source.h"

enum { LONGEST_TEXT = 8000 };

static sz_status import(sz_ctx *ctx, const char *path, sz_graph **ret_graph) {
    sz_source *source = NULL;
    SZ_TRY(sz_source_open(ctx, path, &source));
    SZ_TRY(sz_import(ctx, source, NULL, ret_graph));
    sz_status status = sz_graph_verify(*ret_graph);
    if (status == SZ_OK) return SZ_OK;
    sz_graph_destroy(*ret_graph);
    *ret_graph = NULL;
    return status;
}

static void print_graph(sz_ctx *ctx, sz_graph *g) {
    const char *text = "";
    if (sz_graph_print(g, &text) != SZ_OK) printf("can't be printed: %s\n", sz_ctx_error(ctx));
    if (strlen(text) > LONGEST_TEXT)
        printf("%zu nodes, %zu inputs, %zu symbols\n", g->nodes.n, g->inputs.n, g->symbols.n);
    else
        printf("%s", text);
    for (size_t i = 0; i < g->sides.n; i++)
        printf("side %.*s %s %ju\n", (int)g->sides.items[i].name.len, g->sides.items[i].name.p,
               g->sides.items[i].present ? "present" : "absent", (uintmax_t)g->sides.items[i].size);
}

static void print(const char *path) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_graph *g = NULL;
    if (!ctx) exit(70);
    if (import(ctx, path, &g) == SZ_OK) print_graph(ctx, g);
    else printf("error: %s\n", sz_ctx_error(ctx));
    for (size_t i = 0; i < sz_ctx_warning_count(ctx); i++)
        printf("warning: %s\n", sz_ctx_warning(ctx, i));
    sz_graph_destroy(g);
    sz_ctx_clear(ctx);
    if (sz_ctx_memory_used(ctx)) printf("LEAK: %zu bytes\n", sz_ctx_memory_used(ctx));
    sz_ctx_destroy(ctx);
}

// ---- failing allocations -----------------------------------------------------------------------

static long allocations, fail_at; // of the run at hand; 0 = none fails

static void *counted_realloc(void *user, void *old, size_t old_size, size_t new_size) {
    (void)user, (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return ++allocations == fail_at ? NULL : realloc(old, new_size);
}

// One import in which allocation n fails; true when it was reached.
static int import_failing(const char *path, long n) {
    const sz_allocator allocator = {counted_realloc, NULL};
    sz_graph *g = NULL;
    allocations = 0;
    fail_at = n;
    sz_ctx *ctx = sz_ctx_create(&allocator);
    if (!ctx) return 1;
    sz_status status = import(ctx, path, &g);
    if (status != SZ_OK && !*sz_ctx_error(ctx)) printf("allocation %ld: no message\n", n);
    sz_graph_destroy(g);
    sz_ctx_clear(ctx);
    if (sz_ctx_memory_used(ctx)) printf("allocation %ld: memory is left\n", n);
    sz_ctx_destroy(ctx);
    return allocations >= n;
}

int main(int argc, char **argv) {
    int alloc = argc > 1 && strcmp(argv[1], "--alloc") == 0;
    for (int i = 1 + alloc; i < argc; i++) {
        printf("== %s\n", argv[i]);
        if (!alloc) print(argv[i]);
        for (long n = 1; alloc && import_failing(argv[i], n); n++) continue;
    }
    return 0;
}
