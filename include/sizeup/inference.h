// SPDX-License-Identifier: Apache-2.0
/** @file
 * How long a language model takes on a machine, on paper: time to the first token, time per token,
 * memory, and what fits.
 *
 * A step takes fixed + (compute^p + memory^p)^(1/p) seconds: compute is the operations over the
 * roof of their format, memory the bytes over the bandwidth of main memory. Without a stack nothing
 * is fixed, both run at the machine's full rates and overlap wholly (p infinite): a lower bound.
 * A stack says what share of those rates a program was seen to reach, as a range: an estimate with
 * an interval.
 */
#ifndef SIZEUP_INFERENCE_H
#define SIZEUP_INFERENCE_H

#include <sizeup/llm.h>
#include <sizeup/machine.h>
#include <sizeup/record.h>
#include <sizeup/scale.h>
#include <sizeup/serving.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A program that runs language models, and what share of a machine it was seen to use. NaN: not
 * known. */
#define SZ_STACK_FIELDS(F)                                                                         \
    F(const char *, name, SZ_FIELD_STR, "", "for --stack")                                         \
    F(const char *, on, SZ_FIELD_STR, "", "kinds of machines it was seen on; empty = any")         \
    F(double, memory_lo, SZ_FIELD_F64, "", "share of the bandwidth in decoding, low end")          \
    F(double, memory_hi, SZ_FIELD_F64, "", "the same, high end")                                   \
    F(double, compute_lo, SZ_FIELD_F64, "", "share of the operations in a prompt, low end")        \
    F(double, compute_hi, SZ_FIELD_F64, "", "the same, high end")                                  \
    F(double, fixed_s, SZ_FIELD_F64, "s", "that each step takes whatever the model")               \
    F(const char *, source, SZ_FIELD_STR, "", "where the numbers come from")
typedef struct sz_stack {
    SZ_STACK_FIELDS(SZ_FIELD_MEMBER)
} sz_stack;
SZ_API const sz_record_type *sz_stack_type(void);
/** The i-th stack; 0 past the end. */
SZ_API int sz_list_stack(size_t i, sz_stack *ret_stack);

/** Devices that share a model. `batch` is of each of the `data` replicas. A batch passes the stages
 * of the pipeline one after the other, as a whole. */
typedef struct sz_llm_plan {
    int64_t tensor, pipeline, data; /**< degrees; their product is the number of devices */
    int64_t experts;                /**< that many devices share the experts, whole; 1: they are
                                       split as the rest is */
    sz_network net;                 /**< not looked at by a single device */
} sz_llm_plan;

/** SZ_ERR_USAGE with the nearest degree that would do, where one does not divide. */
SZ_API sz_status sz_llm_plan_check(sz_ctx *ctx, const sz_llm_form *form,
                                   const sz_llm_plan *plan) SZ_MUST_USE;

/** Zero-initialise; prompt, generate and batch must be 1 or more. */
typedef struct sz_inference_options {
    int64_t prompt, generate, batch;
    int64_t context; /**< tokens that the cache has room for; 0: prompt + generate */
    int64_t page;    /**< tokens of a page of the cache; 0 or 1: none */
    sz_llm_counting counting;
    double prefix_hit;      /**< share of the prompt whose cache is there already, 0 to 1 */
    int64_t draft_tokens;   /**< that a draft proposes per step; 0: no speculation */
    double accept;          /**< chance that a proposed token is taken, 0 to 1 */
    const sz_llm_form *draft; /**< NULL: proposals cost nothing */
    const char *stack;      /**< NULL: "none" */
    const char *dtype;      /**< that is computed in; NULL: the model's */
    int threads;            /**< 0 = all that the machine was measured with */
    double norm;            /**< p above; 0 = infinite */
    double reserve_bytes;   /**< memory that the runtime keeps for itself; below 0: by the machine's
                               kind */
    /** Activations of a prompt in bytes, constant and per sequence. */
    double activation_bytes, activation_bytes_per_sequence;
    const sz_llm_plan *plan; /**< NULL: one device */
} sz_inference_options;

#define SZ_PHASE_FIELDS(F)                                                                         \
    F(double, time_s, SZ_FIELD_F64, "s", "mean of a step")                                         \
    F(double, time_lo_s, SZ_FIELD_F64, "s", "with the best shares that the stack was seen to reach") \
    F(double, time_hi_s, SZ_FIELD_F64, "s", "with the worst; not known without a stack")           \
    F(double, compute_s, SZ_FIELD_F64, "s", "of operations")                                       \
    F(double, memory_s, SZ_FIELD_F64, "s", "of bytes")                                             \
    F(double, network_s, SZ_FIELD_F64, "s", "of messages between devices, an estimate")            \
    F(const char *, level, SZ_FIELD_STR, "",                                                       \
      "estimate; bound: no program is faster, and how much slower it is nobody knows; mixed: a "   \
      "bound, and messages")                                                                       \
    F(const char *, bound, SZ_FIELD_STR, "", "memory, compute, network or overhead")
typedef struct sz_phase {
    SZ_PHASE_FIELDS(SZ_FIELD_MEMBER)
} sz_phase;
SZ_API const sz_record_type *sz_phase_type(void);

/** Memory in bytes, with a plan of the fullest device and of one replica's batch. NaN where the
 * machine does not say what it has. max_batch, max_context: -1 = not known, 0 = not even one. */
typedef struct sz_inference_memory {
    double weights, cache, activations, reserve, total, machine;
    int64_t max_batch, max_context;
} sz_inference_memory;

typedef struct sz_inference {
    const char *stack, *source; /**< what was assumed of the program, and from where */
    const char *roof;           /**< of the machine, that products run under */
    sz_phase prefill, decode; /**< decode: of a step, mean over all that are generated */
    double ttft_s, tpot_s, e2e_s;
    double tokens_per_step; /**< of a sequence; more than 1 with speculation */
    double tokens_per_s;    /**< of all sequences and replicas, while they decode */
    double power_w, tokens_per_j;
    const char *energy_method;
    sz_inference_memory memory;
} sz_inference;

/** SZ_ERR_USAGE for an unknown stack or dtype, SZ_ERR_UNAVAILABLE where the machine lacks a roof or
 * a bandwidth. Warns about more tokens than the model was trained for, and about memory. */
SZ_API sz_status sz_inference_predict(sz_ctx *ctx, const sz_llm_form *form,
                                      const sz_machine *machine,
                                      const sz_inference_options *options,
                                      sz_inference *ret_inference) SZ_MUST_USE;

/** @name Any step in some nanoseconds
 *  For simulations of servers: prompts and decoding sequences mixed. Middle of the stack's range.
 *  Windows are met by the mean length of the sequences.
 *  @{ */
typedef struct sz_llm_pace sz_llm_pace;
SZ_API sz_status sz_llm_pace_create(sz_ctx *ctx, const sz_llm_form *form,
                                    const sz_machine *machine,
                                    const sz_inference_options *options,
                                    sz_llm_pace **ret_pace) SZ_MUST_USE;
SZ_API void sz_llm_pace_destroy(sz_llm_pace *pace); /**< NULL is fine */
/** The model keeps `pace`. Its calls allocate nothing. */
SZ_API sz_step_model sz_llm_step_model(const sz_llm_pace *pace);
/** @} */

#ifdef __cplusplus
}
#endif
#endif
