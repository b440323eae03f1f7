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

#endif
