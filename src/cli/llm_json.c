// SPDX-License-Identifier: Apache-2.0
// `sizeup llm`: its answer as JSON, and the schema of it.
#include "cli/llm.h"

const cli_schema_row llm_schema[] = {
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
const size_t llm_schema_n = CLI_COUNT(llm_schema);

static double bits_per_weight(const llm_job *job) {
    const sz_cost *c = &job->prefill;
    return c->params > 0 ? 8.0 * (double)c->weight_bytes / (double)c->params : 0;
}

static void write_numbers(sz_json *json, const llm_number *rows, size_t n) {
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

int llm_write_json(cli_app *app, const llm_job *job) {
    llm_number rows[LLM_NUMBERS];
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
    llm_numbers(job, rows);
    write_numbers(&json, rows, LLM_NUMBERS);
    sz_json_key_f64(&json, "bits_per_weight", bits_per_weight(job));
    write_costs(&json, job);
    sz_json_warnings(&json, app->ctx);
    sz_json_end_object(&json);
    sz_buf_puts(&buf, "\n");
    const int code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}
