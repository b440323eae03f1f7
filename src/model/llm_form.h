// SPDX-License-Identifier: Apache-2.0
// What one step of a language model costs as a closed form of batch, new tokens and tokens before.
//
// All nodes but three kinds are polynomials of the first degree in batch and tokens, so four
// points give them. The three are kept by their sizes: attention meets pairs of tokens, experts and
// tables are read as far as tokens touch them.
#ifndef SZ_LLM_FORM_H
#define SZ_LLM_FORM_H

#include "base/base.h"

#include <sizeup/llm.h>

// Attention of layers that are alike.
typedef struct sz_form_attention {
    int64_t layers;
    int64_t pair_macs; // of a query and a key, all heads
    int64_t cache;     // elements kept of a token
    int64_t window;    // 0 = none
    int64_t queries;   // 0 = the new tokens; of a decoder behind an encoder as many as it has
    bool causal;
} sz_form_attention;

// Weights of experts that are alike.
typedef struct sz_form_experts {
    int64_t count, bytes, experts, used;
    double log_missed; // logarithm of 1 - used / experts
} sz_form_experts;

// Tables that tokens are looked up in.
typedef struct sz_form_table {
    int64_t rows, bytes;
    bool once; // by the tokens of one sequence, for all of the batch: positions
} sz_form_table;

// constant, x batch, x tokens of a sequence, x both
enum { SZ_FORM_TERMS = 4 };

struct sz_llm_form {
    sz_ctx *ctx;
    int64_t macs[SZ_FORM_TERMS], flops[SZ_FORM_TERMS];
    int64_t read[SZ_FORM_TERMS], written[SZ_FORM_TERMS];
    SZ_VEC(sz_form_attention) attention;
    SZ_VEC(sz_form_experts) experts;
    SZ_VEC(sz_form_table) tables;
    sz_llm_shape shape;
    sz_str block; // whose layers were gathered last: "blk.3."; of the graph, while it is gathered
};

#endif
