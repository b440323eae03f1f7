// SPDX-License-Identifier: Apache-2.0
// `sizeup llm MODEL`: parameters, memory, and what a prompt and a token cost. Nothing is predicted.
#include "cli/cli.h"

#include <sizeup/cost.h>
#include <sizeup/llm.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct llm_options {
    int64_t prompt, generate, batch, context;
    const char *kv_dtype;
} llm_options;

static const cli_option options_table[] = {
    {"prompt", 0, CLI_INT, "N", "512", "tokens of the prompt", offsetof(llm_options, prompt)},
    {"generate", 0, CLI_INT, "N", "128", "tokens that follow it", offsetof(llm_options, generate)},
    {"batch", 0, CLI_INT, "B", "1", "sequences at a time", offsetof(llm_options, batch)},
    {"context", 0, CLI_INT, "N", "0", "tokens the cache has room for; 0: prompt and what follows",
     offsetof(llm_options, context)},
    {"kv-dtype", 0, CLI_STRING, "D", "f16", "numeric format of the cache ('list dtypes')",
     offsetof(llm_options, kv_dtype)},
};

static const cli_schema_row llm_schema[] = {
    {1, "model", CLI_J_OBJECT, NULL, NULL, false},
    {2, "path", CLI_J_STRING, NULL, NULL, false},
    {2, "format", CLI_J_STRING, NULL, NULL, false},
    {1, "arch", CLI_J_STRING, "as GGUF calls it", NULL, false},
    {1, "prompt", CLI_J_INTEGER, "tokens", NULL, false},
    {1, "generate", CLI_J_INTEGER, "tokens", NULL, false},
    {1, "batch", CLI_J_INTEGER, "sequences", NULL, false},
    {1, "context", CLI_J_INTEGER, "tokens of the cache, of one sequence", NULL, false},
    {1, "kv_dtype", CLI_J_STRING, NULL, NULL, false},
    {1, "params", CLI_J_INTEGER, NULL, NULL, false},
    {1, "active_params", CLI_J_INTEGER, "of one token: all but those of experts it does not use",
     NULL, false},
    {1, "active_params_without_embedding", CLI_J_INTEGER,
     "the same without the table that tokens are looked up in, unless it is the head", NULL, false},
    {1, "weight_bytes", CLI_J_INTEGER, NULL, NULL, false},
    {1, "bits_per_weight", CLI_J_NUMBER, "weight_bytes x 8 / params", NULL, false},
    {1, "kv_cache_bytes_per_token", CLI_J_INTEGER, "of one sequence, without windows", NULL, false},
    {1, "kv_cache_bytes", CLI_J_INTEGER, "of the batch, with windows", NULL, false},
    {1, "activation_bytes", CLI_J_INTEGER, "peak of a prompt, of the batch", NULL, false},
    {1, "total_bytes", CLI_J_INTEGER, "weights, cache and activations", NULL, false},
    {1, "prefill", CLI_J_OBJECT, "the prompt, of the batch", NULL, false},
    {2, "macs", CLI_J_INTEGER, NULL, NULL, false},
    {2, "flops", CLI_J_INTEGER, NULL, NULL, false},
    {2, "bytes_moved", CLI_J_INTEGER, NULL, NULL, false},
    {1, "decode", CLI_J_OBJECT, "a token for each sequence, behind prompt and half of what follows",
     NULL, false},
    {2, "macs_per_token", CLI_J_INTEGER, "of one sequence", NULL, false},
    {2, "flops_per_token", CLI_J_INTEGER, "of one sequence", NULL, false},
    {2, "bytes_per_token", CLI_J_INTEGER, "of a step, shared by the batch", NULL, false},
    {1, "coverage", CLI_J_OBJECT, NULL, NULL, false},
    {2, "nodes", CLI_J_INTEGER, NULL, NULL, false},
    {2, "costed", CLI_J_INTEGER, NULL, NULL, false},
};
static const size_t llm_schema_n = CLI_COUNT(llm_schema);

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

typedef struct llm_job {
    const llm_options *options;
    int64_t context, steps_at; // steps_at: tokens before the token that stands for all
    sz_model *model;           // of the prompt
    sz_llm_facts facts;
    sz_cost prefill, decode;
    sz_activations live;
    int64_t nodes, covered, cache_per_token, cache, total;
} llm_job;

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

// ---- writing -----------------------------------------------------------------------------------

typedef struct number {
    const char *key, *title;
    int64_t value;
} number;

static double bits_per_weight(const llm_job *job) {
    const sz_cost *c = &job->prefill;
    return c->params > 0 ? 8.0 * (double)c->weight_bytes / (double)c->params : 0;
}

static void write_numbers(sz_json *json, const number *rows, size_t n) {
    for (size_t i = 0; i < n; i++) sz_json_key_i64(json, rows[i].key, rows[i].value);
}

static void write_costs(sz_json *json, const llm_job *job) {
    const int64_t batch = job->options->batch;
    sz_json_key_object(json, "prefill");
    sz_json_key_i64(json, "macs", job->prefill.macs);
    sz_json_key_i64(json, "flops", job->prefill.flops);
    sz_json_key_i64(json, "bytes_moved", job->prefill.bytes_moved);
    sz_json_end_object(json);
    sz_json_key_object(json, "decode");
    sz_json_key_i64(json, "macs_per_token", job->decode.macs / batch);
    sz_json_key_i64(json, "flops_per_token", job->decode.flops / batch);
    sz_json_key_i64(json, "bytes_per_token", job->decode.bytes_moved / batch);
    sz_json_end_object(json);
    sz_json_key_object(json, "coverage");
    sz_json_key_i64(json, "nodes", job->nodes);
    sz_json_key_i64(json, "costed", job->covered);
    sz_json_end_object(json);
}

static int write_json(cli_app *app, const llm_job *job, const number *rows, size_t n) {
    sz_json json;
    sz_buf buf;
    cli_stream(app, &buf);
    sz_json_init(&json, &buf, 1);
    sz_json_begin_object(&json);
    sz_json_key_str(&json, "schema", "sizeup.llm/1");
    sz_json_key_object(&json, "model");
    sz_json_key_str(&json, "path", sz_model_path(job->model));
    sz_json_key_str(&json, "format", sz_model_format(job->model));
    sz_json_end_object(&json);
    sz_json_key_str(&json, "arch", job->facts.arch);
    sz_json_key_i64(&json, "prompt", job->options->prompt);
    sz_json_key_i64(&json, "generate", job->options->generate);
    sz_json_key_i64(&json, "batch", job->options->batch);
    sz_json_key_i64(&json, "context", job->context);
    sz_json_key_str(&json, "kv_dtype", job->options->kv_dtype);
    write_numbers(&json, rows, n);
    sz_json_key_f64(&json, "bits_per_weight", bits_per_weight(job));
    write_costs(&json, job);
    sz_json_warnings(&json, app->ctx);
    sz_json_end_object(&json);
    sz_buf_puts(&buf, "\n");
    const int code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}

static void put_row(sz_doc *doc, const char *title, int64_t value) {
    const sz_cell cells[] = {sz_cell_text(title), sz_cell_i64(value)};
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

static int write_doc(cli_app *app, const llm_job *job, const number *rows, size_t n) {
    static const sz_column columns[] = {{"what", "what", NULL, SZ_AS_TEXT, 0},
                                        {"value", "value", NULL, SZ_AS_SI, 0}};
    const int64_t batch = job->options->batch;
    sz_doc *doc;
    if (sz_doc_create(app->out, "sizeup.llm/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    sz_doc_table(doc, "llm", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < n; i++) put_row(doc, rows[i].title, rows[i].value);
    put_row(doc, "prefill, MACs", job->prefill.macs);
    put_row(doc, "prefill, FLOPs", job->prefill.flops);
    put_row(doc, "prefill, moved, B", job->prefill.bytes_moved);
    put_row(doc, "decode, MACs per token", job->decode.macs / batch);
    put_row(doc, "decode, FLOPs per token", job->decode.flops / batch);
    put_row(doc, "decode, moved per token, B", job->decode.bytes_moved / batch);
    const int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

static int write_out(cli_app *app, const llm_job *job) {
    const sz_cost *c = &job->prefill;
    const int64_t active = c->params - job->facts.idle_params;
    const number rows[] = {{"params", "parameters", c->params},
                           {"active_params", "active per token", active},
                           {"active_params_without_embedding", "active, without the embedding",
                            active - job->facts.embedding_params},
                           {"weight_bytes", "weights, B", c->weight_bytes},
                           {"kv_cache_bytes_per_token", "cache per token, B", job->cache_per_token},
                           {"kv_cache_bytes", "cache, B", job->cache},
                           {"activation_bytes", "activations, peak, B", job->live.peak_bytes},
                           {"total_bytes", "memory, B", job->total}};
    if (cli_wants(app, "json")) return write_json(app, job, rows, CLI_COUNT(rows));
    return write_doc(app, job, rows, CLI_COUNT(rows));
}

int cli_llm(cli_app *app, const void *options) {
    llm_job job = {.options = options};
    const llm_options *o = options;
    const sz_dtype dtype = sz_dtype_by_name(o->kv_dtype);
    if (!dtype) return cli_error(app, CLI_USAGE, "no numeric format is called '%s'", o->kv_dtype);
    if (o->prompt < 1 || o->batch < 1 || o->prompt > INT32_MAX || o->generate > INT32_MAX)
        return cli_error(app, CLI_USAGE,
                         "a prompt of 1 token or more, and a batch of 1 or more, are "
                         "needed");
    job.context = o->context > 0 ? o->context : o->prompt + o->generate;
    job.steps_at = o->prompt + o->generate / 2;
    const sz_status status = run(app, &job, dtype);
    const int code = status == SZ_OK ? write_out(app, &job) : cli_fail(app, status);
    sz_model_destroy(job.model);
    return code;
}
