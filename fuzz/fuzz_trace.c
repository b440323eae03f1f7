// SPDX-License-Identifier: Apache-2.0
// Fuzz target: traces of requests (--arrivals trace:FILE). Whatever the bytes: requests in order of
// their arrival with tokens of their own, or a message.
#include "fuzz.h"

#include <math.h>
#include <string.h>

#include "predict/serving/traffic.h"

static void check(const sz_requests *all) {
    double last = 0;
    for (size_t i = 0; i < all->n; i++) {
        const sz_traffic_request *r = &all->items[i];
        fuzz_check(isfinite(r->arrival_s) && r->arrival_s >= last, "an arrival out of order");
        fuzz_check(r->prompt >= 1 && r->output >= 1, "a request without tokens");
        last = r->arrival_s;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    char *text = malloc(size + 1); // as the reader of files does, which writes ends of lines
    sz_requests all = {0};
    if (ctx && text) {
        memcpy(text, data, size);
        const sz_status status = sz_trace_parse(ctx, "fuzz", text, size, 0, &all);
        fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
        if (status == SZ_OK) fuzz_check(all.n > 0, "a trace without requests");
        check(&all);
        sz_vec_finish(ctx, &all);
        sz_ctx_clear(ctx);
        fuzz_check(sz_ctx_memory_used(ctx) == 0, "memory is left");
    }
    free(text);
    sz_ctx_destroy(ctx);
    return 0;
}
