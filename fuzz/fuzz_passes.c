// SPDX-License-Identifier: Apache-2.0
// Fuzz target: from the bytes of an ONNX file through all passes of a recipe to the costs of what
// runs, and to the text form and back. A byte in the middle picks the recipe.
#include "fuzz.h"

#include <sizeup/cost.h>
#include <sizeup/optimize.h>

static void count(sz_ctx *ctx, const sz_model *model) {
    sz_costs *costs = NULL;
    if (sz_costs_create(ctx, model, NULL, &costs) != SZ_OK) return;
    const sz_cost total = sz_costs_total(costs);
    fuzz_check(total.macs >= 0 && total.flops >= 0 && total.bytes_moved >= 0, "a count below 0");
    for (size_t i = 0; i < sz_costs_node_count(costs); i++) {
        const sz_node_cost row = sz_costs_node(costs, i);
        fuzz_check(row.n_nodes != 1, "a group of one");
        fuzz_check(row.unfused_bytes >= 0, "bytes below 0");
    }
    sz_costs_destroy(costs);
}

static void read_back(sz_ctx *ctx, sz_model *model) {
    sz_model *copy = NULL;
    const char *text = sz_model_text(model);
    if (!text) return;
    const sz_load_options options = {.allow_symbols = 1};
    if (sz_model_parse(ctx, text, &options, &copy) == SZ_OK) count(ctx, copy);
    sz_model_destroy(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sz_recipe_row recipe = {0};
    size_t n = 0;
    while (sz_list_recipe(n, &recipe)) n++;
    sz_list_recipe(size ? data[size / 2] % n : 0, &recipe);
    sz_ctx *ctx = sz_ctx_create(NULL);
    if (!ctx) return 0;
    const sz_optimize_options how = {.recipe = recipe.name};
    const sz_load_options options = {.format = "onnx", .allow_symbols = 1, .optimize = &how};
    sz_model *model = NULL;
    const sz_status status =
        sz_model_load_memory(ctx, "fuzz.onnx", data, size, &options, &model);
    fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
    fuzz_check(status != SZ_ERR_INTERNAL, "a failure that is a bug of ours");
    if (status == SZ_OK) {
        count(ctx, model);
        read_back(ctx, model);
    }
    sz_model_destroy(model);
    sz_ctx_clear(ctx);
    fuzz_check(sz_ctx_memory_used(ctx) == 0, "memory is left");
    sz_ctx_destroy(ctx);
    return 0;
}
