// SPDX-License-Identifier: Apache-2.0
// What a file says of a net, held against its weights.
#ifndef SZ_LLM_CHECK_H
#define SZ_LLM_CHECK_H

#include "model/nets/checkpoint.h"

// How a format calls what it says; `file` stands before each name. ffn == NULL: it does not say it.
typedef struct sz_llm_words {
    const char *file, *layers, *hidden, *vocab, *ffn, *experts, *used;
} sz_llm_words;

// A warning for each contradiction and for what a block lacks: the weights are counted as they are.
void sz_llm_check(sz_checkpoint *cp, const sz_llm_words *words);

#endif
