// SPDX-License-Identifier: Apache-2.0
// The inside of the inference of language models.
#ifndef SZ_PREDICT_LLM_H
#define SZ_PREDICT_LLM_H

#include "predict/predict.h"

#include <sizeup/inference.h>

// What a machine and a stack make of operations and bytes.
typedef struct sz_llm_rates {
    const sz_machine *machine;
    sz_memory_rates memory;
    double mac_per_s, flop_per_s; // flops other than of multiply-accumulates
    const char *roof;
    sz_stack stack;
    bool no_stack; // it is "none": roofs alone
    double norm;   // infinite: the longer of both
} sz_llm_rates;

// Seconds of operations and bytes at full rates, before any share.
typedef struct sz_llm_seconds {
    double compute, memory;
} sz_llm_seconds;

// Which end of the stack's range.
typedef enum sz_llm_end { SZ_LLM_BEST, SZ_LLM_MIDDLE, SZ_LLM_WORST } sz_llm_end;

// SZ_ERR_USAGE with the nearest name.
sz_status sz_find_stack(sz_ctx *ctx, const char *name, sz_stack *ret_stack);

sz_status sz_llm_find_rates(sz_ctx *ctx, const sz_llm_form *form, const sz_machine *machine,
                            const sz_inference_options *o, sz_llm_rates *ret_rates);
// Is the time of such a step no estimate, but only a bound?
bool sz_llm_is_bound(const sz_llm_rates *r, sz_llm_seconds s);
double sz_llm_step_s(const sz_llm_rates *r, sz_llm_seconds s, sz_llm_end end);
// What compute and memory take by the stack's shares, without its fixed part.
sz_llm_seconds sz_llm_shares(const sz_llm_rates *r, sz_llm_seconds s, sz_llm_end end);
sz_llm_seconds sz_llm_seconds_of(const sz_llm_rates *r, const sz_llm_work *w);

// plan.c, of a plan that was checked. Seconds of one step, all stages; before any share.
sz_status sz_llm_plan_seconds(const sz_llm_rates *rates, const sz_llm_form *form,
                              const sz_inference_options *o, int64_t seq, int64_t past,
                              sz_llm_seconds *ret);
double sz_llm_plan_network_s(const sz_llm_form *form, const sz_inference_options *o, int64_t seq);
double sz_llm_plan_weights(const sz_llm_form *form, const sz_llm_plan *plan);
// Of the layers, those of the fullest stage.
double sz_llm_plan_stage_share(const sz_llm_form *form, const sz_llm_plan *plan);
// Of the heads of keys, those of one device.
double sz_llm_plan_cache_share(const sz_llm_form *form, const sz_llm_plan *plan);

// fit.c: needs the machine's memory, weights and cache.
sz_status sz_llm_memory(sz_ctx *ctx, const sz_llm_form *form, const sz_machine *machine,
                        const sz_inference_options *o, sz_inference_memory *ret);

#endif
