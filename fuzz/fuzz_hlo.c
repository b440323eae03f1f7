// SPDX-License-Identifier: Apache-2.0
// Fuzz target: from the bytes of an HLO module, text or protobuf, to its costs by both conventions.
#include "fuzz.h"

#include <sizeup/cost.h>

static void count(sz_ctx *ctx, const sz_model *model, const char *convention) {
    sz_cost_options options = {.convention = convention};
    sz_costs *costs = NULL;
    sz_status status = sz_costs_create(ctx, model, &options, &costs);
    fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
    if (status != SZ_OK) return;
    sz_cost total = sz_costs_total(costs);
    fuzz_check(total.macs >= 0 && total.bytes_moved >= 0, "a count below 0");
    for (size_t i = 0; i < sz_costs_node_count(costs); i++) (void)sz_costs_node(costs, i);
    sz_costs_destroy(costs);
}

// Modules are small or repeat themselves: what is printed can be read again.
static void print(sz_ctx *ctx, sz_model *model) {
    sz_model *copy = NULL;
    if (sz_model_node_count(model) > 1000) return;
    const char *text = sz_model_text(model);
    if (text && sz_model_parse(ctx, text, NULL, &copy) == SZ_OK) sz_model_destroy(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_load_options options = {.format = "hlo", .allow_symbols = 1};
    sz_model *model = NULL;
    if (!ctx) return 0;
    sz_ctx_set_memory_limit(ctx, (size_t)256 << 20);
    sz_status status = sz_model_load_memory(ctx, "fuzz.hlo", data, size, &options, &model);
    fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
    fuzz_check(status != SZ_ERR_INTERNAL, "a failure that is a bug of ours");
    if (status == SZ_OK) {
        count(ctx, model, "sizeup");
        count(ctx, model, "xla");
        print(ctx, model);
    }
    sz_model_destroy(model);
    sz_ctx_clear(ctx);
    fuzz_check(sz_ctx_memory_used(ctx) == 0, "memory is left");
    sz_ctx_destroy(ctx);
    return 0;
}
