// SPDX-License-Identifier: Apache-2.0
// `sizeup llm MODEL`: parameters, memory, and what a prompt and a token cost. Nothing is predicted.
#include "cli/llm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const cli_option options_table[] = {
    {"prompt", 0, CLI_INT, "N", "512", "tokens of the prompt", offsetof(llm_options, prompt)},
    {"generate", 0, CLI_INT, "N", "128", "tokens that follow it", offsetof(llm_options, generate)},
    {"batch", 0, CLI_INT, "B", "1", "sequences at a time", offsetof(llm_options, batch)},
    {"context", 0, CLI_INT, "N", "0", "tokens the cache has room for; 0: prompt and what follows",
     offsetof(llm_options, context)},
    {"kv-dtype", 0, CLI_STRING, "D", "f16", "numeric format of the cache ('list dtypes')",
     offsetof(llm_options, kv_dtype)},
    // training on many devices
    {"mode", 0, CLI_CHOICE, "inference|training", "inference", "what the model is asked for", offsetof(llm_options, mode)},
    {"devices", 0, CLI_INT, "N", "0", "training: how many; 0: tp x pp x dp", offsetof(llm_options, devices)},
    {"tp", 0, CLI_INT, "N", "1", "training: tensor parallelism", offsetof(llm_options, tp)},
    {"pp", 0, CLI_INT, "N", "1", "training: pipeline parallelism", offsetof(llm_options, pp)},
    {"dp", 0, CLI_INT, "N", "1", "training: data parallelism", offsetof(llm_options, dp)},
    {"microbatch", 0, CLI_INT, "N", "1", "training: sequences of a device at a time", offsetof(llm_options, microbatch)},
    {"global-batch", 0, CLI_INT, "N", "0", "training: sequences in all; 0: dp x microbatch", offsetof(llm_options, global_batch)},
    {"interleave", 0, CLI_INT, "N", "1", "training: parts of the net on a stage", offsetof(llm_options, interleave)},
    {"zero", 0, CLI_INT, "N", "0", "training: stage of ZeRO, 0 to 3", offsetof(llm_options, zero)},
    {"recompute", 0, CLI_CHOICE, "none|selective|full", "none", "training: what is computed again", offsetof(llm_options, recompute)},
    {"sequence-parallel", 0, CLI_CHOICE, "no|yes", "no", "training: norms split by tokens", offsetof(llm_options, sequence_parallel)},
    {"tokens", 0, CLI_NUMBER, "N", "0", "training: of the whole run; gives days", offsetof(llm_options, tokens)},
    {"per-node", 0, CLI_INT, "N", "8", "training: devices of a node", offsetof(llm_options, per_node)},
    {"node-rate", 0, CLI_NUMBER, "B/S", "25e9", "training: between nodes, of each device", offsetof(llm_options, node_rate)},
    {"plans", 0, CLI_FLAG, NULL, NULL, "training: search plans of --devices", offsetof(llm_options, plans)},
};

static const char notes[] =
    "MODEL is a GGUF file, a folder or file of safetensors, or a config.json.\n"
    "Attention is counted over all keys; the cache is read and written where it is.\n";

const cli_usage cli_llm_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(llm_options),
    .min_args = 1,
    .max_args = 1,
    .notes = notes,
    .schema = llm_schema,
    .n_schema = &llm_schema_n,
};

// ---- counting ----------------------------------------------------------------------------------

static sz_status load(cli_app *app, int64_t batch, int64_t seq, int64_t past, sz_model **ret) {
    char texts[3][48];
    const char *binds[3] = {texts[0], texts[1], texts[2]};
    snprintf(texts[0], sizeof texts[0], "batch=%" PRId64, batch);
    snprintf(texts[1], sizeof texts[1], "seq=%" PRId64, seq);
    snprintf(texts[2], sizeof texts[2], "past=%" PRId64, past);
    sz_model *free_model = NULL;
    // encoders have no past: ask the net which sizes it wants
    const sz_load_options any = {.allow_symbols = 1};
    sz_status status = sz_model_load(app->ctx, app->args[0], &any, &free_model);
    if (status != SZ_OK) return status;
    size_t n = 0;
    const char *wanted[3];
    for (size_t i = 0; i < sz_model_symbol_count(free_model); i++) {
        const char *name = sz_model_symbol(free_model, i, NULL);
        for (size_t k = 0; k < 3 && n < 3; k++)
            if (strncmp(binds[k], name, strlen(name)) == 0 && binds[k][strlen(name)] == '=')
                wanted[n++] = binds[k];
    }
    sz_model_destroy(free_model);
    const sz_load_options options = {.binds = wanted, .n_binds = n};
    return sz_model_load(app->ctx, app->args[0], &options, ret);
}

static sz_status count(cli_app *app, sz_model *model, sz_cost *ret_total, sz_activations *ret_live,
                       llm_job *job) {
    sz_costs *costs = NULL;
    const sz_status status = sz_costs_create(app->ctx, model, NULL, &costs);
    if (status != SZ_OK) return status;
    *ret_total = sz_costs_total(costs);
    if (ret_live) *ret_live = sz_costs_activations(costs);
    job->nodes = (int64_t)sz_costs_node_count(costs);
    job->covered = sz_costs_covered(costs);
    sz_costs_destroy(costs);
    return SZ_OK;
}

static sz_status cache(cli_app *app, llm_job *job, sz_dtype dtype) {
    const int64_t batch = job->options->batch;
    sz_status status = sz_model_llm_cache(app->ctx, job->model, job->context, dtype, &job->cache);
    job->cache_per_token = sz_dtype_bytes(dtype, job->facts.cache_per_token);
    if (status == SZ_OK &&
        (__builtin_mul_overflow(job->cache, batch, &job->cache) ||
         __builtin_add_overflow(job->cache, job->prefill.weight_bytes, &job->total) ||
         __builtin_add_overflow(job->total, job->live.peak_bytes, &job->total)))
        return SZ_ERR_LIMIT;
    return status;
}

static sz_status run(cli_app *app, llm_job *job, sz_dtype dtype) {
    const llm_options *o = job->options;
    sz_model *step = NULL;
    sz_status status = load(app, o->batch, o->prompt, 0, &job->model);
    if (status == SZ_OK) status = sz_model_llm(app->ctx, job->model, &job->facts);
    if (status == SZ_OK) status = count(app, job->model, &job->prefill, &job->live, job);
    if (status == SZ_OK) status = load(app, o->batch, 1, job->steps_at, &step);
    if (status == SZ_OK) status = count(app, step, &job->decode, NULL, job);
    sz_model_destroy(step);
    return status == SZ_OK ? cache(app, job, dtype) : status;
}

int cli_llm(cli_app *app, const void *options) {
    llm_job job = {.options = options};
    const llm_options *o = options;
    if (strcmp(o->mode, "training") == 0) return llm_training(app, o);
    const sz_dtype dtype = sz_dtype_by_name(o->kv_dtype);
    if (!dtype) return cli_error(app, CLI_USAGE, "no numeric format is called '%s'", o->kv_dtype);
    if (o->prompt < 1 || o->batch < 1 || o->prompt > INT32_MAX || o->generate > INT32_MAX)
        return cli_error(app, CLI_USAGE,
                         "a prompt of 1 token or more, and a batch of 1 or more, are "
                         "needed");
    job.context = o->context > 0 ? o->context : o->prompt + o->generate;
    job.steps_at = o->prompt + o->generate / 2;
    const sz_status status = run(app, &job, dtype);
    const int code = status == SZ_OK ? (cli_wants(app, "json") ? llm_write_json(app, &job)
                                                               : llm_write_doc(app, &job))
                                     : cli_fail(app, status);
    sz_model_destroy(job.model);
    return code;
}
