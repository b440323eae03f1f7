// SPDX-License-Identifier: Apache-2.0
// What the rest of the model wing must know of domain llm.
#ifndef SZ_OPS_LLM_H
#define SZ_OPS_LLM_H

#include "model/graph/graph.h"

#define SZ_LLM_DOMAIN "llm"

// Inputs from this one on hold scales and zero points of the weight: bytes, but no parameters.
enum {
    SZ_LLM_LINEAR_SCALES = 3,
    SZ_LLM_EXPERT_SCALES = 4,
    SZ_LLM_EMBED_SCALES = 2,
    SZ_LLM_UNPLACED_SCALES = 1,
    SZ_LLM_PRODUCT_SCALES = 2
};

// How many of `all` bytes of `experts` experts are read when `tokens` tokens choose `used` each.
int64_t sz_llm_touched(int64_t all, int64_t experts, int64_t used, int64_t tokens);

#endif
