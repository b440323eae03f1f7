// SPDX-License-Identifier: Apache-2.0
// `sizeup llm`: its answer as JSON, and the schema of it.
#include "cli/llm.h"

#define SPREAD_SCHEMA                                                                              \
    {3, "p50", CLI_J_NUMBER, NULL, NULL, false}, {3, "p90", CLI_J_NUMBER, NULL, NULL, false},      \
        {3, "p95", CLI_J_NUMBER, NULL, NULL, false}, {3, "p99", CLI_J_NUMBER, NULL, NULL, false},  \
        {3, "mean", CLI_J_NUMBER, NULL, NULL, false}, {                                            \
        3, "max", CLI_J_NUMBER, NULL, NULL, false                                                  \
    }

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
    {2, NULL, CLI_J_RECORD, NULL, sz_phase_type, true},
    {1, "decode", CLI_J_OBJECT, "a token for each sequence, behind prompt and half of what follows",
     NULL, false},
    {2, "macs_per_token", CLI_J_INTEGER, "of one sequence", NULL, false},
    {2, "flops_per_token", CLI_J_INTEGER, "of one sequence", NULL, false},
    {2, "bytes_per_token", CLI_J_INTEGER, "of a step, shared by the batch", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_phase_type, true},
    {1, "machine", CLI_J_STRING, "with --machine, as all that follows", NULL, true},
    {1, "fits", CLI_J_BOOL, "left out, as what follows, where the machine does not say what it has",
     NULL, true},
    {1, "max_batch", CLI_J_INTEGER, "sequences of this context that fit", NULL, true},
    {1, "max_context", CLI_J_INTEGER, "tokens of each sequence of this batch that fit", NULL, true},
    {1, "memory", CLI_J_OBJECT, NULL, NULL, true},
    {2, "weight_bytes", CLI_J_NUMBER, "of the draft too", NULL, true},
    {2, "kv_cache_bytes", CLI_J_NUMBER, "of the draft too", NULL, true},
    {2, "activation_bytes", CLI_J_NUMBER, NULL, NULL, true},
    {2, "reserve_bytes", CLI_J_NUMBER, "of the runtime", NULL, true},
    {2, "total_bytes", CLI_J_NUMBER, NULL, NULL, true},
    {2, "machine_bytes", CLI_J_NUMBER, "null: not known", NULL, true},
    {1, "ttft_s", CLI_J_NUMBER, "time to the first token: the prompt", NULL, true},
    {1, "tpot_s", CLI_J_NUMBER, "time per token after the first, mean over all", NULL, true},
    {1, "e2e_s", CLI_J_NUMBER, "all tokens", NULL, true},
    {1, "tokens_per_step", CLI_J_NUMBER, "of a sequence; above 1 with speculation", NULL, true},
    {1, "tokens_per_s", CLI_J_NUMBER, "of all sequences, while they decode", NULL, true},
    {1, "tokens_per_j", CLI_J_NUMBER, NULL, NULL, true},
    {1, "power_w", CLI_J_NUMBER, NULL, NULL, true},
    {1, "energy_method", CLI_J_STRING, NULL, NULL, true},
    {1, "stack", CLI_J_STRING, "program that is assumed", NULL, true},
    {1, "stack_source", CLI_J_STRING, "where its numbers come from", NULL, true},
    {1, "roof", CLI_J_STRING, "that products run under", NULL, true},
    {1, "plan", CLI_J_OBJECT,
     "of several devices; times and memory are of it, batch and memory of one replica and its "
     "fullest device",
     NULL, true},
    {2, "devices", CLI_J_INTEGER, NULL, NULL, false},
    {2, "tp", CLI_J_INTEGER, NULL, NULL, false},
    {2, "pp", CLI_J_INTEGER, NULL, NULL, false},
    {2, "dp", CLI_J_INTEGER, NULL, NULL, false},
    {2, "ep", CLI_J_INTEGER, NULL, NULL, false},
    {2, "network", CLI_J_ARRAY, "innermost level first", NULL, false},
    {3, "level", CLI_J_STRING, "link, or between nodes", NULL, false},
    {3, "devices", CLI_J_INTEGER, "within it", NULL, false},
    {3, "byte_per_s", CLI_J_NUMBER, "of a device, one direction", NULL, false},
    {3, "efficiency", CLI_J_NUMBER, "share that collectives are assumed to reach", NULL, false},
    {3, "latency_s", CLI_J_NUMBER, "of each step of a collective", NULL, false},
    {1, "serving", CLI_J_OBJECT, "with --arrivals", NULL, true},
    {2, "level", CLI_J_STRING, "of the times of steps: estimate, or bound", NULL, false},
    {2, "arrivals", CLI_J_STRING, NULL, NULL, false},
    {2, "policy", CLI_J_STRING, NULL, NULL, false},
    {2, "seed", CLI_J_INTEGER, NULL, NULL, false},
    {2, "requests", CLI_J_INTEGER, NULL, NULL, false},
    {2, "refused", CLI_J_INTEGER, "that can never fit", NULL, false},
    {2, "ttft_s", CLI_J_OBJECT, "from arrival to first token", NULL, false},
    SPREAD_SCHEMA,
    {2, "tpot_s", CLI_J_OBJECT, "mean of a request, after its first token", NULL, false},
    SPREAD_SCHEMA,
    {2, "itl_s", CLI_J_OBJECT, "gaps between tokens; percentiles to 0.4 %", NULL, false},
    SPREAD_SCHEMA,
    {2, "e2e_s", CLI_J_OBJECT, "from arrival to last token", NULL, false},
    SPREAD_SCHEMA,
    {2, "tokens_per_s", CLI_J_NUMBER, "of output", NULL, false},
    {2, "requests_per_s", CLI_J_NUMBER, NULL, NULL, false},
    {2, "goodput", CLI_J_NUMBER, "requests per second that keep --slo; null without", NULL, false},
    {2, "slo_share", CLI_J_NUMBER, "of the requests", NULL, false},
    {2, "best_rate_per_s", CLI_J_NUMBER,
     "highest rate that keeps --slo; null: not asked for, or no limit", NULL, false},
    {2, "kv_occupancy", CLI_J_NUMBER, "mean share of all pages; null: no limit", NULL, false},
    {2, "kv_occupancy_peak", CLI_J_NUMBER, NULL, NULL, false},
    {2, "queue_mean", CLI_J_NUMBER, "requests that wait", NULL, false},
    {2, "queue_peak", CLI_J_INTEGER, NULL, NULL, false},
    {2, "busy", CLI_J_NUMBER, "share of the time of all devices", NULL, false},
    {2, "steps", CLI_J_INTEGER, NULL, NULL, false},
    {2, "preemptions", CLI_J_INTEGER, NULL, NULL, false},
    {2, "swaps", CLI_J_INTEGER, "preemptions that were swapped out", NULL, false},
    {2, "makespan_s", CLI_J_NUMBER, "from first arrival to last token", NULL, false},
    {2, "joule_per_token", CLI_J_NUMBER, "of output, while devices work", NULL, false},
    {1, "measured", CLI_J_OBJECT, "with --measure: as it ran here", NULL, true},
    {2, "backend", CLI_J_STRING, "library that ran it", NULL, false},
    {2, "version", CLI_J_STRING, "of it", NULL, false},
    {2, "threads", CLI_J_INTEGER, "read back from it", NULL, false},
    {2, "how", CLI_J_STRING, "cache, attention, and tokens that it takes together", NULL, false},
    {2, "ttft_s", CLI_J_NUMBER, "of the prompt, median", NULL, false},
    {2, "tpot_s", CLI_J_NUMBER, "of a token of each sequence, median", NULL, false},
    {2, "tokens_per_s", CLI_J_NUMBER, "of all sequences, while they decode", NULL, false},
    {2, "prefill", CLI_J_OBJECT, "the prompt", NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_llm_step_type, false},
    {3, "over_predicted", CLI_J_NUMBER, "measured over predicted; null without --machine", NULL,
     false},
    {2, "decode", CLI_J_OBJECT, "a token, with contexts from the prompt's on", NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_llm_step_type, false},
    {3, "over_predicted", CLI_J_NUMBER, "likewise", NULL, false},
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
    sz_json_key_i64(json, "macs", job->prompt.macs);
    sz_json_key_i64(json, "flops", job->prompt.flops);
    sz_json_key_i64(json, "bytes_moved", job->prompt.bytes_read + job->prompt.bytes_written);
    if (job->machine) sz_json_record(json, sz_phase_type(), &job->told.prefill);
    sz_json_end_object(json);
    sz_json_key_object(json, "decode");
    sz_json_key_i64(json, "macs_per_token", job->step.macs / batch);
    sz_json_key_i64(json, "flops_per_token", job->step.flops / batch);
    sz_json_key_i64(json, "bytes_per_token",
                    (job->step.bytes_read + job->step.bytes_written) / batch);
    if (job->machine) sz_json_record(json, sz_phase_type(), &job->told.decode);
    sz_json_end_object(json);
    sz_json_key_object(json, "coverage");
    sz_json_key_i64(json, "nodes", job->nodes);
    sz_json_key_i64(json, "costed", job->covered);
    sz_json_end_object(json);
}

static void write_memory(sz_json *json, const sz_inference_memory *m) {
    sz_json_key(json, "fits");
    if (m->max_batch < 0)
        sz_json_null(json);
    else
        sz_json_bool(json, m->total <= m->machine);
    if (m->max_batch >= 0) sz_json_key_i64(json, "max_batch", m->max_batch);
    if (m->max_batch >= 0) sz_json_key_i64(json, "max_context", m->max_context);
    sz_json_key_object(json, "memory");
    sz_json_key_f64(json, "weight_bytes", m->weights);
    sz_json_key_f64(json, "kv_cache_bytes", m->cache);
    sz_json_key_f64(json, "activation_bytes", m->activations);
    sz_json_key_f64(json, "reserve_bytes", m->reserve);
    sz_json_key_f64(json, "total_bytes", m->total);
    sz_json_key_f64(json, "machine_bytes", m->machine);
    sz_json_end_object(json);
}

static void write_plan(sz_json *json, const sz_llm_plan *p) {
    sz_json_key_object(json, "plan");
    sz_json_key_i64(json, "devices", p->tensor * p->pipeline * p->data);
    sz_json_key_i64(json, "tp", p->tensor);
    sz_json_key_i64(json, "pp", p->pipeline);
    sz_json_key_i64(json, "dp", p->data);
    sz_json_key_i64(json, "ep", p->experts);
    sz_json_key_array(json, "network");
    for (size_t i = 0; i < p->net.n; i++) {
        const sz_link_level *l = &p->net.levels[i];
        sz_json_begin_object(json);
        sz_json_key_str(json, "level", l->name);
        sz_json_key_i64(json, "devices", l->devices);
        sz_json_key_f64(json, "byte_per_s", l->byte_per_s);
        sz_json_key_f64(json, "efficiency", l->efficiency);
        sz_json_key_f64(json, "latency_s", l->latency_s);
        sz_json_end_object(json);
    }
    sz_json_end_array(json);
    sz_json_end_object(json);
}

static void write_told(sz_json *json, const llm_job *job) {
    const sz_inference *t = &job->told;
    sz_json_key_str(json, "machine", sz_machine_identity(job->machine).name);
    write_memory(json, &t->memory);
    sz_json_key_f64(json, "ttft_s", t->ttft_s);
    sz_json_key_f64(json, "tpot_s", t->tpot_s);
    sz_json_key_f64(json, "e2e_s", t->e2e_s);
    sz_json_key_f64(json, "tokens_per_step", t->tokens_per_step);
    sz_json_key_f64(json, "tokens_per_s", t->tokens_per_s);
    sz_json_key_f64(json, "tokens_per_j", t->tokens_per_j);
    sz_json_key_f64(json, "power_w", t->power_w);
    sz_json_key_str(json, "energy_method", t->energy_method);
    sz_json_key_str(json, "stack", t->stack);
    sz_json_key_str(json, "stack_source", t->source);
    sz_json_key_str(json, "roof", t->roof);
    if (job->how.plan) write_plan(json, job->how.plan);
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
    if (job->machine) write_told(&json, job);
    if (job->serving) llm_serving_json(&json, job);
    if (job->measured) llm_measured_json(&json, job);
    sz_json_warnings(&json, app->ctx);
    sz_json_end_object(&json);
    sz_buf_puts(&buf, "\n");
    const int code = cli_write(app, &buf);
    sz_buf_finish(&buf);
    return code;
}
