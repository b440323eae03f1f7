// SPDX-License-Identifier: Apache-2.0
// Fuzz target: runs small graphs by the reference executor. Bytes that begin with "graph" are the
// text form; all others choose a random graph, piece by piece. Whatever the graph: outputs or a
// sentence, within limits on memory and work, and no memory left.
#include "fuzz.h"

#include "model/graph/model.h"
#include "run/backends/ref/ref.h"

#include <stdarg.h>
#include <string.h>

#include "../tests/random_graph.h"

enum { MEMORY = 64 << 20, WORK = 1 << 22, MAX_TEXT = 1 << 16, STEPS = 12 };

static void run(sz_ctx *ctx, const sz_model *m) {
    const sz_ref_options options = {.memory_limit = MEMORY, .work_limit = WORK};
    sz_ref *r = NULL;
    if (sz_ref_create(ctx, m->graph, &options, &r) != SZ_OK) return;
    const sz_status status = sz_ref_run(r);
    fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
    fuzz_check(status != SZ_ERR_INTERNAL, "a failure that is a bug of ours");
    for (size_t k = 0; status == SZ_OK && k < m->graph->outputs.n; k++)
        fuzz_check(sz_ref_output(r, k) != NULL, "an output is missing");
    sz_ref_destroy(r);
}

static void run_text(const char *text) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    const sz_load_options options = {.allow_symbols = 1};
    sz_model *m = NULL;
    if (!ctx) return;
    const sz_status status = sz_model_parse(ctx, text, &options, &m);
    fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
    if (status == SZ_OK) run(ctx, m);
    sz_model_destroy(m);
    sz_ctx_clear(ctx);
    fuzz_check(sz_ctx_memory_used(ctx) == 0, "memory is left");
    sz_ctx_destroy(ctx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char word[] = "graph";
    if (size > MAX_TEXT) return 0;
    if (size >= sizeof word - 1 && memcmp(data, word, sizeof word - 1) == 0) {
        char *text = malloc(size + 1);
        if (!text) return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        run_text(text);
        free(text);
        return 0;
    }
    rg *g = calloc(1, sizeof *g);
    if (!g) return 0;
    g->choices = data, g->n_choices = size;
    rg_graph(g, STEPS);
    run_text(g->text);
    free(g);
    return 0;
}
