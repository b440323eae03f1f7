// SPDX-License-Identifier: Apache-2.0
// What training needs to know of a language model: one sequence through all of its layers, summed
// up from the graph and its backward pass, and sorted by what devices can share.
#ifndef SZ_LLM_TRAIN_H
#define SZ_LLM_TRAIN_H

#include "base/base.h"

#include <sizeup/llm.h>

// Sums over all layers; of one sequence where there are tokens in it. 16 bits a number.
typedef struct sz_llm_layers {
    int64_t layers, width, heads, kv_heads, vocab;
    int64_t params;         // of the layers, experts included
    int64_t expert_params;  // of these those of experts
    int64_t outer_params;   // before and behind the layers
    int64_t largest_end;    // of these the larger side; all, where one table serves both
    int64_t macs;           // forward, attention included
    int64_t attention_macs; // of these the two products of attention
    int64_t outer_macs;     // behind the layers
    int64_t whole_bytes;    // kept for backward: what sums and norms of the whole width work on
    int64_t split_bytes;    // the rest, that tensor parallel devices share
    int64_t score_bytes;    // probabilities of attention
    int64_t keys_width;     // numbers of the keys and values of a token
    int64_t experts, experts_used, expert_layers;
    int64_t shared_layers; // of the expert layers: have experts that all tokens take
} sz_llm_layers;

// The model has free sizes, and is left bound to one sequence of `seq` tokens.
sz_status sz_llm_gather_layers(sz_ctx *ctx, sz_model *model, int64_t seq, sz_llm_layers *ret);

#endif
