// SPDX-License-Identifier: Apache-2.0
// `sizeup llm MODEL`: parameters, memory, and what a prompt and a token cost; with a machine, how
// long they take.
#include "cli/llm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const cli_option options_table[] = {
    {"prompt", 0, CLI_INT, "N", "512", "tokens of the prompt", offsetof(llm_options, prompt)},
    {"generate", 0, CLI_INT, "N", "128", "tokens that follow it", offsetof(llm_options, generate)},
    {"batch", 0, CLI_INT, "B", "1", "sequences at a time", offsetof(llm_options, batch)},
    {"context", 0, CLI_INT, "N", "0",
     "tokens the cache has room for; 0: prompt and what follows. Training: of a sequence",
     offsetof(llm_options, context)},
    {"kv-dtype", 0, CLI_STRING, "D", "f16", "numeric format of the cache ('list dtypes')",
     offsetof(llm_options, kv_dtype)},
    {"page", 0, CLI_INT, "N", "1", "tokens of a page of the cache", offsetof(llm_options, page)},
    {"attention", 0, CLI_CHOICE, "full|half", "full",
     "count all keys for each query, or those up to its own", offsetof(llm_options, attention)},
    {"prefix-hit", 0, CLI_NUMBER, "X", "0", "share of the prompt that is in the cache already",
     offsetof(llm_options, prefix_hit)},
    {"machine", 'm', CLI_STRING, "NAME", NULL, "how long it takes there ('machine list', a file)",
     offsetof(llm_options, machine)},
    {"stack", 0, CLI_STRING, "NAME", "none",
     "program that runs it ('list stacks'); none: a bound, no estimate",
     offsetof(llm_options, stack)},
    {"dtype", 'd', CLI_STRING, "NAME", NULL, "format that is computed in: f16, bf16, fp8, int8 ...",
     offsetof(llm_options, dtype)},
    {"threads", 't', CLI_INT, "N", NULL, "threads; 0: all that were measured",
     offsetof(llm_options, threads)},
    {"norm", 0, CLI_NUMBER, "P", NULL, "how compute and memory overlap: 1 not at all; 0: wholly",
     offsetof(llm_options, norm)},
    {"reserve", 0, CLI_STRING, "BYTES", NULL,
     "memory that the runtime keeps; default: 0.5e9 on a GPU, else 0",
     offsetof(llm_options, reserve)},
    {"draft-tokens", 0, CLI_INT, "K", "0", "speculate: tokens that a draft proposes per step",
     offsetof(llm_options, draft_tokens)},
    {"accept", 0, CLI_NUMBER, "A", "0.7", "chance that a proposed token is taken",
     offsetof(llm_options, accept)},
    {"draft", 0, CLI_STRING, "MODEL", NULL, "model that proposes; default: it costs nothing",
     offsetof(llm_options, draft)},
    // a queue of requests
    {"arrivals", 0, CLI_STRING, "WHEN", NULL,
     "simulate a queue; poisson:RATE, gamma:RATE,CV, uniform:RATE, constant:RATE, trace:FILE",
     offsetof(llm_options, arrivals)},
    {"requests", 0, CLI_INT, "N", "1000", "of the queue; of a trace no more than that",
     offsetof(llm_options, requests)},
    {"prompts", 0, CLI_STRING, "LENGTH", NULL,
     "N, uniform:A-B or lognormal:MEDIAN,SIGMA tokens; default: --prompt",
     offsetof(llm_options, prompts)},
    {"outputs", 0, CLI_STRING, "LENGTH", NULL, "the same of what follows; default: --generate",
     offsetof(llm_options, outputs)},
    {"policy", 0, CLI_STRING, "NAME", "continuous",
     "static:BATCH, continuous, chunked:TOKENS, disaggregated[:PREFILL,DECODE]",
     offsetof(llm_options, policy)},
    {"max-batch", 0, CLI_INT, "B", "256", "sequences at a time", offsetof(llm_options, max_batch)},
    {"cache-tokens", 0, CLI_INT, "N", "0",
     "room of the cache; 0: what the memory of the machine leaves",
     offsetof(llm_options, cache_tokens)},
    {"swap", 0, CLI_NUMBER, "B/S", "0", "rate to swap caches out at; 0: compute them again",
     offsetof(llm_options, swap)},
    {"link", 0, CLI_NUMBER, "B/S", "0", "rate between prefill and decode; 0: no time",
     offsetof(llm_options, link)},
    {"slo", 0, CLI_STRING, "PROMISE", NULL,
     "ttft=S,tpot=S of a request: goodput, and the highest rate that keeps it",
     offsetof(llm_options, slo)},
    {"slo-share", 0, CLI_NUMBER, "X", "0.99", "share of the requests that must keep it",
     offsetof(llm_options, slo_share)},
    {"seed", 0, CLI_INT, "N", "1", "of random numbers: of the queue, of weights",
     offsetof(llm_options, seed)},
    // running it
    {"measure", 0, CLI_FLAG, NULL, NULL, "run it here too, and show measured beside predicted",
     offsetof(llm_options, measure)},
    {"backend", 'b', CLI_CHOICE, "llama|openvino", "llama", "measure: library that runs it",
     offsetof(llm_options, backend)},
    {"run", 0, CLI_STRING, "FILE", NULL,
     "measure: the file that runs; usual: MODEL, of OpenVINO openvino_model.xml in it",
     offsetof(llm_options, run)},
    {"flash", 0, CLI_CHOICE, "on|off", NULL, "measure: attention in one kernel",
     offsetof(llm_options, flash)},
    {"time-budget", 0, CLI_STRING, "TIME", "3s", "measure: most time for each of the two",
     offsetof(llm_options, budget)},
    // writing one
    {"arch", 0, CLI_STRING, "NAME", NULL, "write: architecture: llama, qwen2, gpt2 ...",
     offsetof(llm_options, arch)},
    {"type", 0, CLI_STRING, "NAME", "f16", "write: format of matrices: f16, q8_0, q4_0, q4_k ...",
     offsetof(llm_options, type)},
    {"zeros", 0, CLI_FLAG, NULL, NULL, "write: no numbers; the file takes no room on the disk",
     offsetof(llm_options, zeros)},
    // several devices
    {"mode", 0, CLI_CHOICE, "inference|training", "inference", "what the model is asked for",
     offsetof(llm_options, mode)},
    {"devices", 0, CLI_INT, "N", "0", "how many; 0: tp x cp x pp x dp",
     offsetof(llm_options, devices)},
    {"tp", 0, CLI_INT, "N", "1", "tensor parallelism", offsetof(llm_options, tp)},
    {"pp", 0, CLI_INT, "N", "1", "pipeline parallelism", offsetof(llm_options, pp)},
    {"dp", 0, CLI_INT, "N", "1", "data parallelism; --batch is of each replica",
     offsetof(llm_options, dp)},
    {"ep", 0, CLI_INT, "N", "1", "devices that share whole experts; 1: split as the rest is",
     offsetof(llm_options, ep)},
    {"cp", 0, CLI_INT, "N", "1", "training: context parallelism, devices that share a sequence",
     offsetof(llm_options, cp)},
    {"per-node", 0, CLI_INT, "N", "8", "devices of a node", offsetof(llm_options, per_node)},
    {"node-rate", 0, CLI_NUMBER, "B/S", "25e9", "between nodes, of each device",
     offsetof(llm_options, node_rate)},
    // training on them
    {"microbatch", 0, CLI_INT, "N", "1", "training: sequences of a device at a time",
     offsetof(llm_options, microbatch)},
    {"global-batch", 0, CLI_INT, "N", "0", "training: sequences in all; 0: dp x microbatch",
     offsetof(llm_options, global_batch)},
    {"interleave", 0, CLI_INT, "N", "1", "training: parts of the net on a stage",
     offsetof(llm_options, interleave)},
    {"zero", 0, CLI_INT, "N", "0", "training: stage of ZeRO, 0 to 3", offsetof(llm_options, zero)},
    {"recompute", 0, CLI_CHOICE, "none|selective|full", "none", "training: what is computed again",
     offsetof(llm_options, recompute)},
    {"sequence-parallel", 0, CLI_CHOICE, "no|yes", "no", "training: norms split by tokens",
     offsetof(llm_options, sequence_parallel)},
    {"fused-attention", 0, CLI_CHOICE, "no|yes", "no",
     "training: scores stay on the chip, as flash attention has it",
     offsetof(llm_options, fused_attention)},
    {"tokens", 0, CLI_NUMBER, "N", "0", "training: of the whole run; gives days",
     offsetof(llm_options, tokens)},
    {"plans", 0, CLI_FLAG, NULL, NULL, "training: search plans of --devices",
     offsetof(llm_options, plans)},
};

static const char notes[] =
    "MODEL is a GGUF file, a folder or file of safetensors, or a config.json; of training also\n"
    "gpt:layers=L,hidden=H,heads=A,seq=S,vocab=V,positions=S.\n"
    "'llm write --arch llama layers=12 hidden=768 heads=12 ffn=2048 -o FILE.gguf' makes one with\n"
    "random weights; 'list words' has the words.\n"
    "Attention is counted over all keys; the cache is read and written where it is.\n"
    "With --machine, a step takes what --stack was seen to take whatever the model, and the "
    "longer\n"
    "of operations / (roof x share) and bytes / (bandwidth x share). Stack 'none' has no shares:\n"
    "its times are bounds.\n";

const cli_usage cli_llm_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(llm_options),
    .min_args = 1,
    .max_args = -1,
    .notes = notes,
    .schema = llm_schema,
    .n_schema = &llm_schema_n,
    .words = llm_words,
};

// ---- counting ----------------------------------------------------------------------------------

// Encoders have no past, others more lengths than one: the net knows which sizes it wants.
static sz_status load(cli_app *app, const char *path, sz_model **ret_model,
                      sz_llm_form **ret_form) {
    const sz_load_options any = {.allow_symbols = 1};
    sz_status status = sz_model_load(app->ctx, path, &any, ret_model);
    return status == SZ_OK ? sz_llm_form_create(app->ctx, *ret_model, ret_form) : status;
}

// The graph at the size of the prompt: what is alive, and what is not known.
static sz_status count(cli_app *app, llm_job *job, int64_t batch, sz_activations *ret_live) {
    sz_costs *costs = NULL;
    sz_status status = sz_model_llm_bind(app->ctx, job->model, batch, job->options->prompt, 0);
    if (status == SZ_OK) status = sz_costs_create(app->ctx, job->model, NULL, &costs);
    if (status != SZ_OK) return status;
    job->prefill = sz_costs_total(costs);
    *ret_live = sz_costs_activations(costs);
    job->nodes = (int64_t)sz_costs_node_count(costs);
    job->covered = sz_costs_covered(costs);
    sz_costs_destroy(costs);
    return SZ_OK;
}

static int cache(cli_app *app, llm_job *job) {
    const int64_t batch = job->options->batch;
    const sz_status status = sz_llm_form_cache(job->form, job->kv_dtype, job->context,
                                               job->options->page, &job->cache);
    if (status != SZ_OK) return cli_fail(app, status);
    job->cache_per_token = sz_dtype_bytes(job->kv_dtype, job->facts.cache_per_token);
    if (__builtin_mul_overflow(job->cache, batch, &job->cache) ||
        __builtin_add_overflow(job->cache, job->prefill.weight_bytes, &job->total) ||
        __builtin_add_overflow(job->total, job->live.peak_bytes, &job->total))
        return cli_error(app, CLI_USAGE,
                         "the caches of %" PRId64 " sequences of %" PRId64
                         " tokens exceed 2^63 B: lower --batch or --context",
                         batch, job->context);
    return CLI_DONE;
}

static sz_status work(llm_job *job) {
    const llm_options *o = job->options;
    const sz_llm_counting how = {.half = strcmp(o->attention, "half") == 0,
                                 .kv_dtype = job->kv_dtype};
    const int64_t hit = (int64_t)((double)o->prompt * o->prefix_hit);
    const int64_t past = hit < o->prompt ? hit : o->prompt - 1;
    const sz_status status = sz_llm_form_work(job->form, &how, o->batch, o->prompt - past, past,
                                              &job->prompt);
    if (status != SZ_OK) return status;
    return sz_llm_form_work(job->form, &how, o->batch, 1 + o->draft_tokens, job->steps_at,
                            &job->step);
}

static sz_status run(cli_app *app, llm_job *job) {
    const llm_options *o = job->options;
    sz_status status = load(app, app->args[0], &job->model, &job->form);
    if (status == SZ_OK && o->machine) status = count(app, job, o->batch + 1, &job->live_of_two);
    if (status == SZ_OK) status = count(app, job, o->batch, &job->live);
    if (status == SZ_OK) status = sz_model_llm(app->ctx, job->model, &job->facts);
    if (status == SZ_OK) status = work(job);
    if (status == SZ_OK && o->draft) status = load(app, o->draft, &job->draft_model, &job->draft);
    return status;
}

static int check(const cli_app *app, const llm_options *o, llm_job *job) {
    job->kv_dtype = sz_dtype_by_name(o->kv_dtype);
    if (!job->kv_dtype)
        return cli_error(app, CLI_USAGE,
                         "no numeric format is called '%s'; 'sizeup list dtypes' shows all",
                         o->kv_dtype);
    if (o->prompt < 1 || o->batch < 1 || o->prompt > INT32_MAX || o->generate > INT32_MAX ||
        o->batch > INT32_MAX || o->context > INT32_MAX)
        return cli_error(app, CLI_USAGE,
                         "a prompt of 1 token or more, and a batch of 1 or more, are needed, and "
                         "no number beyond 2^31");
    if (o->context > 0 && o->context < o->prompt + o->generate)
        return cli_error(app, CLI_USAGE,
                         "--context %" PRId64 " has no room for a prompt of %" PRId64
                         " and %" PRId64 " tokens behind it: give %" PRId64 " or more",
                         o->context, o->prompt, o->generate, o->prompt + o->generate);
    if (o->prefix_hit < 0 || o->prefix_hit > 1)
        return cli_error(app, CLI_USAGE, "--prefix-hit is a share: 0 to 1");
    if (o->draft_tokens > 1024)
        return cli_error(app, CLI_USAGE, "--draft-tokens: no more than 1024");
    return CLI_DONE;
}

static void release(llm_job *job) {
    sz_llm_form_destroy(job->form);
    sz_llm_form_destroy(job->draft);
    sz_model_destroy(job->model);
    sz_model_destroy(job->draft_model);
    sz_machine_destroy(job->machine);
    llm_serving_release(job);
    sz_llm_measured_destroy(job->measured);
}

int cli_llm(cli_app *app, const void *options) {
    llm_job job = {.options = options};
    const llm_options *o = options;
    if (strcmp(app->args[0], "write") == 0) return llm_write(app, o);
    if (app->n_args > 1)
        return cli_error(app, CLI_USAGE, "unexpected word '%s'; see 'sizeup help llm'",
                         app->args[1]);
    if (strcmp(o->mode, "training") == 0) return llm_training(app, o);
    int code = check(app, o, &job);
    if (code != CLI_DONE) return code;
    job.context = o->context > 0 ? o->context : o->prompt + o->generate;
    job.steps_at = o->prompt + o->generate / 2;
    const sz_status status = run(app, &job);
    code = status == SZ_OK ? cache(app, &job) : cli_fail(app, status);
    if (code == CLI_DONE) code = llm_predict(app, &job);
    if (code == CLI_DONE) code = llm_measure(app, &job);
    if (code == CLI_DONE) code = llm_serving_run(app, &job);
    if (code == CLI_DONE && llm_serving_draws(app, &job))
        code = llm_serving_draw(app, &job);
    else if (code == CLI_DONE)
        code = cli_wants(app, "json") ? llm_write_json(app, &job) : llm_write_doc(app, &job);
    release(&job);
    return code;
}
