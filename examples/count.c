// SPDX-License-Identifier: Apache-2.0
// Counts a model through the library: what it costs in all, and which node costs most.
// Build: cc count.c $(pkg-config --cflags --libs sizeup) -o count
#include <sizeup/cost.h>
#include <sizeup/model.h>

#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    sz_model *model = NULL;
    sz_costs *costs = NULL;
    const char *path = argc > 1 ? argv[1] : "model.onnx";
    int failed = !ctx || sz_model_load(ctx, path, NULL, &model) != SZ_OK ||
                 sz_costs_create(ctx, model, NULL, &costs) != SZ_OK;
    if (failed) {
        fprintf(stderr, "count: %s\n", ctx ? sz_ctx_error(ctx) : "no memory");
    } else {
        sz_cost total = sz_costs_total(costs);
        sz_node_cost most = {0};
        for (size_t i = 0; i < sz_costs_node_count(costs); i++) {
            sz_node_cost node = sz_costs_node(costs, i);
            if (!most.name || node.cost.flops > most.cost.flops) most = node;
        }
        printf("parameters %" PRId64 "\nmacs %" PRId64 "\nflops %" PRId64 "\n", total.params,
               total.macs, total.flops);
        if (most.name)
            printf("most work: %s (%s), %" PRId64 " flops\n", most.name, most.op, most.cost.flops);
    }
    sz_costs_destroy(costs);
    sz_model_destroy(model);
    sz_ctx_destroy(ctx);
    return failed;
}
