// SPDX-License-Identifier: Apache-2.0
// What the files of `sizeup llm` share: its options, and what was found out.
#ifndef SZ_CLI_LLM_H
#define SZ_CLI_LLM_H

#include "cli/cli.h"

#include <sizeup/cost.h>
#include <sizeup/inference.h>
#include <sizeup/llm.h>
#include <sizeup/llm_measure.h>
#include <sizeup/machine.h>
#include <sizeup/serve.h>

typedef struct llm_options {
    int64_t prompt, generate, batch, context, page, draft_tokens, threads;
    double prefix_hit, accept, norm;
    const char *kv_dtype, *attention, *machine, *stack, *dtype, *draft, *reserve;
    int64_t requests, max_batch, cache_tokens, seed; // of a queue
    double swap, link, slo_share;
    const char *arrivals, *prompts, *outputs, *policy, *slo;
    // several devices; training on them
    const char *mode, *recompute, *sequence_parallel, *fused_attention;
    int64_t devices, tp, pp, dp, ep, cp, microbatch, global_batch, interleave, zero, per_node;
    double tokens, node_rate;
    bool plans;
    const char *arch, *type; // of one that is written
    bool zeros;
    bool measure;
    const char *backend, *flash, *budget, *run;
} llm_options;

typedef struct llm_job {
    const llm_options *options;
    int64_t context, steps_at; // steps_at: tokens before the token that stands for all
    sz_dtype kv_dtype;
    sz_model *model;   // of the prompt
    sz_llm_form *form; // of any step
    sz_llm_facts facts;
    sz_cost prefill; // weights and parameters
    sz_llm_work prompt, step;
    sz_activations live, live_of_two; // of the batch; of one sequence more
    int64_t nodes, covered, cache_per_token, cache, total;
    // With a machine:
    sz_machine *machine; // NULL = none was asked for
    sz_model *draft_model;
    sz_llm_form *draft;
    sz_inference_options how;
    sz_llm_plan plan; // of how, where there is more than one device
    sz_inference told;
    sz_serve *serving; // NULL = no queue was asked for
    sz_serve_options server;
    double best_rate_per_s; // NaN: not asked for
    sz_llm_measured *measured; // NULL = it was not asked for
} llm_job;

// Fill in `told`. Gives CLI_DONE or the code of the error that was shown.
int llm_predict(cli_app *app, llm_job *job);

// The queue, where --arrivals asks for one.
int llm_serving_run(cli_app *app, llm_job *job);
void llm_serving_release(llm_job *job);
void llm_serving_json(sz_json *json, const llm_job *job);
void llm_serving_doc(sz_doc *doc, const llm_job *job);
bool llm_serving_draws(const cli_app *app, const llm_job *job); // -o names a picture
int llm_serving_draw(cli_app *app, const llm_job *job);

// A number of the answer: its key in JSON, its title in text.
typedef struct llm_number {
    const char *key, *title;
    int64_t value;
} llm_number;

enum { LLM_NUMBERS = 8 };
void llm_numbers(const llm_job *job, llm_number ret[LLM_NUMBERS]);

int llm_training(cli_app *app, const llm_options *options); // --mode training
// --measure: runs it. What came out, beside what was predicted.
int llm_measure(cli_app *app, llm_job *job);
void llm_measured_json(sz_json *json, const llm_job *job);
void llm_measured_doc(sz_doc *doc, const llm_job *job);
int llm_write(cli_app *app, const llm_options *options);    // `llm write`
int llm_write_json(cli_app *app, const llm_job *job);
int llm_write_doc(cli_app *app, const llm_job *job);

extern const cli_schema_row llm_schema[];
extern const size_t llm_schema_n;
enum { LLM_WRITE_ROWS = 4 };
extern const cli_schema_row llm_write_schema[LLM_WRITE_ROWS];
extern const cli_word_schema llm_words[]; // of training and of plans

// CLI_DONE, or the error that --devices and the degrees contradict each other.
int cli_llm_check_devices(cli_app *app, const llm_options *o, int64_t devices);

#endif
