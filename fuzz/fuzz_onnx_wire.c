// SPDX-License-Identifier: Apache-2.0
// Fuzz target: the ONNX reader alone. Whatever the bytes: a graph or a message, and no memory left.
#include "fuzz.h"

#include "base/source.h"
#include "model/import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_source *source = NULL;
    sz_graph *graph = NULL;
    if (!ctx) return 0;
    if (sz_source_from_memory(ctx, "fuzz.onnx", data, size, &source) == SZ_OK) {
        sz_status status = sz_import(ctx, source, "onnx", &graph);
        fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
        if (status == SZ_OK) status = sz_graph_verify(graph);
        fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
        sz_graph_destroy(graph);
    }
    sz_ctx_clear(ctx);
    fuzz_check(sz_ctx_memory_used(ctx) == 0, "memory is left");
    sz_ctx_destroy(ctx);
    return 0;
}
