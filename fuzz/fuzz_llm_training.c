// SPDX-License-Identifier: Apache-2.0
// Fuzz target: from the bytes of a config.json, a safetensors or GGUF file to the closed form of a
// step and to an iteration of training. Numbers are whole and sensible, or there is a message.
#include "fuzz.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <sizeup/llm.h>
#include <sizeup/scale.h>

static void train(sz_ctx *ctx, sz_model *model) {
    static const sz_network net = {{{64, 1e-6, 100e9, 1, "link"}}, 1};
    static const sz_scale_device device = {.flop_per_s = 1e14, .byte_per_s = 1e12};
    const sz_scale_plan plan = {
        .tensor = 1, .pipeline = 1, .data = 2, .microbatch = 1, .batch = 2, .interleave = 1};
    sz_scale_model m;
    sz_scale_training t;
    const sz_status status = sz_scale_model_of(ctx, model, 16, &m);
    fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
    fuzz_check(status != SZ_ERR_INTERNAL, "a failure that is a bug of ours");
    if (status != SZ_OK) return;
    const double sums[] = {m.layer_params, m.outer_params, m.layer_flops, m.attention_flops,
                           m.whole_bytes,  m.split_bytes,  m.score_bytes, m.expert_params};
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        fuzz_check(isfinite(sums[i]) && sums[i] >= 0, "a sum below 0");
    if (sz_scale_plan_check(ctx, &m, &net, &plan) != SZ_OK) return;
    sz_training_predict(&m, &device, &net, &plan, &t);
    fuzz_check(isfinite(t.time_s) && t.time_s >= 0 && t.total_bytes >= 0, "a time below 0");
}

static void ask(sz_ctx *ctx, sz_model *model) {
    sz_llm_form *form = NULL;
    sz_llm_work work;
    const sz_llm_counting how = {0};
    const sz_status status = sz_llm_form_create(ctx, model, &form);
    fuzz_check(status == SZ_OK || *sz_ctx_error(ctx), "a failure without a message");
    if (status != SZ_OK) return;
    if (sz_llm_form_work(form, &how, 3, 5, 7, &work) == SZ_OK)
        fuzz_check(work.macs >= 0 && work.bytes_read >= 0, "a count below 0");
    sz_llm_form_destroy(form);
    train(ctx, model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sz_ctx *ctx = sz_ctx_create(NULL);
    const bool is_gguf = size >= 4 && memcmp(data, "GGUF", 4) == 0;
    const sz_load_options options = {.format = is_gguf ? "gguf" : "safetensors",
                                     .allow_symbols = 1};
    sz_model *model = NULL;
    if (!ctx) return 0;
    if (sz_model_load_memory(ctx, "fuzz", data, size, &options, &model) == SZ_OK) ask(ctx, model);
    sz_model_destroy(model);
    sz_ctx_clear(ctx);
    fuzz_check(sz_ctx_memory_used(ctx) == 0, "memory is left");
    sz_ctx_destroy(ctx);
    return 0;
}
