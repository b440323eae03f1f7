// SPDX-License-Identifier: Apache-2.0
/** @file
 * Language models whose files hold only weights (GGUF, safetensors): what their nets say beyond
 * parameters and operations.
 */
#ifndef SIZEUP_LLM_H
#define SIZEUP_LLM_H

#include <sizeup/dtype.h>
#include <sizeup/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sz_llm_facts {
    const char *arch; /**< "llama", "qwen2moe" ...; "" where it is not said; the model's */
    /** Parameters of experts that one token does not use. All others are active. */
    int64_t idle_params;
    /** Elements of the table that tokens are looked up in, where it is not the head as well. */
    int64_t embedding_params;
    /** Numbers that attention keeps of a token: keys and values, or a latent. Without windows. */
    int64_t cache_per_token;
} sz_llm_facts;

/** Fails with SZ_ERR_INPUT on a model that is no net of language. */
SZ_API sz_status sz_model_llm(sz_ctx *ctx, const sz_model *model,
                              sz_llm_facts *ret_facts) SZ_MUST_USE;

/** Bytes that one sequence of `tokens` tokens keeps in the cache, numbers in `dtype`; layers with a
 * sliding window keep no more than that many tokens. */
SZ_API sz_status sz_model_llm_cache(sz_ctx *ctx, const sz_model *model, int64_t tokens,
                                    sz_dtype dtype, int64_t *ret_bytes) SZ_MUST_USE;

/** @name One step as a closed form
 *  @{ */

/** Give the free dimensions of a model that was loaded with `allow_symbols` sizes, again and again:
 * `batch` sequences of `seq` new tokens each behind `past` tokens. Costs made of it before must be
 * destroyed first. */
SZ_API sz_status sz_model_llm_bind(sz_ctx *ctx, sz_model *model, int64_t batch, int64_t seq,
                                   int64_t past) SZ_MUST_USE;

/** What does not depend on the step. Strings are the form's. */
typedef struct sz_llm_shape {
    sz_llm_facts facts;
    int64_t params, weight_bytes;
    int64_t layers;  /**< with attention or a state in its place */
    int64_t width;   /**< numbers that a layer hands to the next one, per token */
    int64_t expert_bytes; /**< of weight_bytes, those of experts */
    int64_t expert_layers;
    int64_t heads, kv_heads; /**< that all layers can be divided by; 0: no attention */
    int64_t trained; /**< tokens that it was trained for, 0 = not said */
    const char *dtype; /**< of what is computed */
} sz_llm_shape;

/** How attention and the cache are counted. Zero-initialise. */
typedef struct sz_llm_counting {
    int half;          /**< a causal query meets the keys up to its own, not all of them */
    sz_dtype kv_dtype; /**< of the cache; 0 = f16 */
} sz_llm_counting;

typedef struct sz_llm_work {
    int64_t macs, flops, bytes_read, bytes_written;
} sz_llm_work;

/** The cost of any step without the graph: polynomials in batch, new tokens and tokens before, with
 * the kinks of windows and the expectation of experts touched. Exact: the same as counting the
 * graph. Leaves `model` (loaded with `allow_symbols`) bound to one token. */
typedef struct sz_llm_form sz_llm_form;
SZ_API sz_status sz_llm_form_create(sz_ctx *ctx, sz_model *model,
                                    sz_llm_form **ret_form) SZ_MUST_USE;
SZ_API void sz_llm_form_destroy(sz_llm_form *form); /**< NULL is fine */
SZ_API sz_llm_shape sz_llm_form_shape(const sz_llm_form *form);
/** SZ_ERR_LIMIT where a number exceeds 2^63. */
SZ_API sz_status sz_llm_form_work(const sz_llm_form *form, const sz_llm_counting *how,
                                  int64_t batch, int64_t seq, int64_t past,
                                  sz_llm_work *ret_work) SZ_MUST_USE;
/** Bytes that the cache of one sequence of `tokens` tokens takes in pages of `page` tokens (0 or 1:
 * none). Layers with a window keep no more than that. */
SZ_API sz_status sz_llm_form_cache(const sz_llm_form *form, sz_dtype kv_dtype, int64_t tokens,
                                   int64_t page, int64_t *ret_bytes) SZ_MUST_USE;
/** @} */

#ifdef __cplusplus
}
#endif
#endif
