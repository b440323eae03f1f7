// SPDX-License-Identifier: Apache-2.0
// The weights that a net has by its hyper-parameters alone: for a config.json without weights, and
// for the shape of weights whose file flattens them.
#ifndef SZ_LLM_WEIGHTS_H
#define SZ_LLM_WEIGHTS_H

#include "model/nets/checkpoint.h"

// What an architecture has beside the plain block (norm, attention, feed-forward).
enum {
    GATED = 1 << 0, // gate and up
    NORM2 = 1 << 1, // a norm of its own before the feed-forward layer
    BIAS_QKV = 1 << 2,
    BIAS_OUT = 1 << 3,
    BIAS_FFN = 1 << 4,
    BIAS_NORM = 1 << 5, // layer norms, not RMS norms
    BIAS_HEAD = 1 << 6,
    BIAS_ROUTER = 1 << 7,
    BIAS_EXPERTS = 1 << 8,
    HEAD_NORMS = 1 << 9,    // norms of queries and keys per head
    WHOLE_NORMS = 1 << 10,  // norms of queries and keys over all heads
    POST_NORMS = 1 << 11,   // norms behind both layers, inside the sum
    NORMS_BEHIND = 1 << 12, // norms behind the sums only, as BERT has them
    POSITIONS = 1 << 13,    // a learned table of positions
    TYPES = 1 << 14,        // a table of token types
    EMBED_NORM = 1 << 15,
    POOLER = 1 << 16,
    SINKS = 1 << 17,
    SHARED_GATE = 1 << 18,
    STATE_SPACE = 1 << 19, // Mamba in the place of attention and feed-forward
    CORRECTION = 1 << 20,  // biases that steer the choice of experts
    NORM_BESIDE = 1 << 21  // parallel layers with a norm each
};

// Fills an empty checkpoint with the weights of cp->llm. Fails with a sentence where a size is
// missing or the architecture is not one of those whose weights are known.
sz_status sz_llm_weights(sz_checkpoint *cp);

// Dims of a weight by its role; returns its rank, 0 when not known.
int32_t sz_llm_weight_dims(const sz_llm *llm, sz_str role, int64_t *ret_dims);

#endif
