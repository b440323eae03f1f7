// SPDX-License-Identifier: Apache-2.0
/** @file
 * How long a language model really takes: a prompt, and tokens one by one behind it, on a library
 * that runs it (sizeup/run.h: in a child process, by the protocol of every benchmark).
 */
#ifndef SIZEUP_LLM_MEASURE_H
#define SIZEUP_LLM_MEASURE_H

#include <sizeup/record.h>
#include <sizeup/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Zero-initialise; prompt, generate and batch must be 1 or more. */
typedef struct sz_llm_measure_options {
    int64_t prompt, generate, batch;
    const char *backend; /**< NULL = "llama" */
    /** What is common to all benchmarks: program, environment, threads, preheat_s, budget_s,
     * timeout_s, seed, kv_dtype, flash, progress, stop. The rest is not looked at. */
    sz_run_options run;
} sz_llm_measure_options;

/** Seconds of a step: of the prompt, or of one token for each sequence. */
#define SZ_LLM_STEP_FIELDS(F)                                                                      \
    F(double, median_s, SZ_FIELD_F64, "s", "median")                                               \
    F(double, ci_lo_s, SZ_FIELD_F64, "s", "95 % confidence interval of the median, low end")       \
    F(double, ci_hi_s, SZ_FIELD_F64, "s", "95 % confidence interval of the median, high end")      \
    F(double, min_s, SZ_FIELD_F64, "s", "quickest")                                                \
    F(double, mean_s, SZ_FIELD_F64, "s", "mean")                                                   \
    F(double, p90_s, SZ_FIELD_F64, "s", "90th percentile")                                         \
    F(int64_t, n, SZ_FIELD_I64, "", "steps that were timed")                                       \
    F(double, warmup_s, SZ_FIELD_F64, "s", "preheating before them")                               \
    F(double, compile_s, SZ_FIELD_F64, "s", "preparation: model, room for the cache, its filling") \
    F(double, load_s, SZ_FIELD_F64, "s", "of which reading the model's file")                      \
    F(const char *, verdict, SZ_FIELD_STR, "", "valid, noisy, contended, throttled or unsteady")   \
    F(const char *, next_step, SZ_FIELD_STR, "", "what to do then")
typedef struct sz_llm_step {
    SZ_LLM_STEP_FIELDS(SZ_FIELD_MEMBER)
} sz_llm_step;
SZ_API const sz_record_type *sz_llm_step_type(void);

typedef struct sz_llm_measured sz_llm_measured;
/** SZ_ERR_UNAVAILABLE with the library's reason where it does not run the model. */
SZ_API sz_status sz_llm_measure(sz_ctx *ctx, const char *path,
                                const sz_llm_measure_options *options,
                                sz_llm_measured **ret_measured) SZ_MUST_USE;
SZ_API void sz_llm_measured_destroy(sz_llm_measured *measured); /**< NULL is fine */
/** The prompt; a token behind it, contexts from the prompt's on in turn. Strings are its own. */
SZ_API sz_llm_step sz_llm_measured_prefill(const sz_llm_measured *measured);
SZ_API sz_llm_step sz_llm_measured_decode(const sz_llm_measured *measured);
/** What ran: its version, and how it was set, as it says itself. */
SZ_API const char *sz_llm_measured_version(const sz_llm_measured *measured);
SZ_API const char *sz_llm_measured_kernel(const sz_llm_measured *measured);
SZ_API int sz_llm_measured_threads(const sz_llm_measured *measured);

#ifdef __cplusplus
}
#endif
#endif
