// SPDX-License-Identifier: Apache-2.0
// What the files that build a language model share. Which layers a block has is told by the weights
// that are there: one builder serves all architectures.
#ifndef SZ_LLM_GRAPH_H
#define SZ_LLM_GRAPH_H

#include "model/nets/build.h"
#include "model/nets/checkpoint.h"

typedef struct sz_lm {
    sz_net net;
    sz_checkpoint *cp;
    const sz_llm *llm;
    char at[64];   // role of the block at hand: "blk.3."
    int64_t block; // its number
    bool is_encoder;
    bool told_heads, told_delta; // of what the file says wrongly, once
    int64_t batch, seq;            // free dimensions of the stack at hand
    sz_value_id ids, past, memory; // SZ_NONE: none; memory: output of the encoder
} sz_lm;

// The file is to blame: the block at hand, and what of it makes no sense.
void sz_lm_fail(sz_lm *m, const char *fmt, ...) SZ_PRINTF(2, 3);
// Weight of the block at hand (or, with at == "", of the net) by the end of its role.
sz_weight *sz_lm_find(sz_lm *m, const char *role);
bool sz_lm_has(sz_lm *m, const char *role);
// The weight as a value; it has its place from now on.
sz_value_id sz_lm_value(sz_lm *m, sz_weight *w);
// The same with other dims of as many elements.
sz_value_id sz_lm_value_as(sz_lm *m, sz_weight *w, int32_t rank, const int64_t *dims);

// x by NAME.weight, with its bias and scales; SZ_NONE when there is no such weight.
sz_value_id sz_lm_linear(sz_lm *m, const char *name, sz_value_id x);
int64_t sz_lm_rows(sz_lm *m, const char *name); // outputs of NAME.weight, 0 = none
// Norm of the last axis by NAME.weight, RMS or with NAME.bias; x itself when there is none.
sz_value_id sz_lm_norm(sz_lm *m, const char *name, sz_value_id x);
// The same per head of `size`.
sz_value_id sz_lm_head_norm(sz_lm *m, const char *name, sz_value_id x, int64_t heads, int64_t size);
sz_value_id sz_lm_act(sz_lm *m, const char *name, sz_value_id x);
// The last axis cut into parts of the given sizes.
void sz_lm_split(sz_lm *m, const char *name, sz_value_id x, int32_t n, const int64_t *sizes,
                 sz_value_id *ret);

// The layers of the block at hand; SZ_NONE where its weights have none of that kind.
sz_value_id sz_lm_attention(sz_lm *m, sz_value_id x);
sz_value_id sz_lm_cross_attention(sz_lm *m, sz_value_id x);
sz_value_id sz_lm_recurrence(sz_lm *m, sz_value_id x);
sz_value_id sz_lm_delta(sz_lm *m, sz_value_id x);
bool sz_lm_is_delta(sz_lm *m); // its products of queries, keys and values are no attention's
// A convolution along the tokens by NAME.weight, each channel by itself, and Swish.
sz_value_id sz_lm_convolve(sz_lm *m, const char *name, sz_value_id x);
sz_value_id sz_lm_feed_forward(sz_lm *m, sz_value_id x);
sz_value_id sz_lm_channel_mix(sz_lm *m, sz_value_id x);

#endif
