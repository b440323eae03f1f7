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

#ifdef __cplusplus
}
#endif
#endif
