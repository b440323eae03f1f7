// SPDX-License-Identifier: Apache-2.0
// Fuzz target: files of results. Whatever the bytes: records or a message, and no memory left. What
// was read is compared with itself, which must find nothing.
#include "fuzz.h"

#include <string.h>

#include <sizeup/bench.h>

static void compare(sz_ctx *ctx, const sz_bench_set *set) {
    sz_bench_comparison *c = NULL;
    const sz_status status = sz_bench_compare(ctx, set, set, NULL, &c);
    fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
    if (status != SZ_OK) return;
    const sz_changes sums = sz_bench_comparison_sums(c);
    fuzz_check(sums.slower == 0 && sums.faster == 0, "a set differs from itself");
    sz_bench_comparison_destroy(c);
}

// Each record must be readable again, and be the same.
static void read_again(sz_ctx *ctx, const sz_bench_set *set) {
    for (size_t i = 0; i < sz_bench_set_count(set) && i < 8; i++) {
        sz_bench_set *again = NULL;
        const char *text = sz_bench_set_text(set, i);
        if (sz_bench_set_create(ctx, &again) != SZ_OK) return;
        fuzz_check(sz_bench_set_add(ctx, again, text, strlen(text)) == SZ_OK,
                   "a record cannot be read again");
        fuzz_check(strcmp(sz_bench_set_text(again, 0), text) == 0, "a record changes when read");
        sz_bench_set_destroy(again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_bench_set *set = NULL;
    if (!ctx) return 0;
    if (sz_bench_set_create(ctx, &set) == SZ_OK) {
        const sz_status status = sz_bench_set_read(ctx, set, (const char *)data, size, NULL);
        fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
        if (status == SZ_OK) {
            read_again(ctx, set);
            compare(ctx, set);
        }
        sz_bench_set_destroy(set);
    }
    sz_ctx_clear(ctx);
    fuzz_check(sz_ctx_memory_used(ctx) == 0, "memory is left");
    sz_ctx_destroy(ctx);
    return 0;
}
