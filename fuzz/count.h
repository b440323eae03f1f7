// SPDX-License-Identifier: Apache-2.0
// From the bytes of a file to its costs, as `sizeup count` does it: what the targets of the formats
// share.
#ifndef SZ_FUZZ_COUNT_H
#define SZ_FUZZ_COUNT_H

#include "fuzz.h"

#include <sizeup/cost.h>

static inline void fuzz_costs(sz_ctx *ctx, const sz_model *model) {
    sz_costs *costs = NULL;
    if (sz_costs_create(ctx, model, NULL, &costs) != SZ_OK) return;
    sz_cost total = sz_costs_total(costs);
    fuzz_check(total.macs >= 0 && total.flops >= 0 && total.bytes_moved >= 0, "a count below 0");
    fuzz_check(sz_costs_activations(costs).peak_bytes >= 0, "a peak below 0");
    for (size_t i = 0; i < sz_costs_node_count(costs); i++) (void)sz_costs_node(costs, i);
    sz_costs_destroy(costs);
}

static inline int fuzz_count(const uint8_t *data, size_t size, const char *format) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_load_options options = {.format = format, .allow_symbols = 1};
    sz_model *model = NULL;
    if (!ctx) return 0;
    sz_status status = sz_model_load_memory(ctx, "fuzz", data, size, &options, &model);
    fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
    fuzz_check(status != SZ_ERR_INTERNAL, "a failure that is a bug of ours");
    if (status == SZ_OK) fuzz_costs(ctx, model);
    sz_model_destroy(model);
    sz_ctx_clear(ctx);
    fuzz_check(sz_ctx_memory_used(ctx) == 0, "memory is left");
    sz_ctx_destroy(ctx);
    return 0;
}

#endif
