// SPDX-License-Identifier: Apache-2.0
// llama.cpp as sizeup calls it: a flat interface of our own. Theirs passes structures by value that
// change with every release; llama_shim.c is compiled against their header by tools/get-llama, and
// what it exports is what stands here. Structures begin with their size, so that a library that was
// built before this changed is refused with a word.
#ifndef SZ_LLAMA_SHIM_H
#define SZ_LLAMA_SHIM_H

#include <stdint.h>

enum { SZ_LLAMA_INTERFACE = 1 };

// How sequences are to be run.
typedef struct sz_llama_asked {
    uint32_t size;                      // of this structure
    int32_t threads, sequences, tokens; // tokens: of the cache, for each sequence
    int32_t at_once;                    // tokens of one call, of all sequences
    int32_t flash;                      // 1: attention in one kernel, 0: step by step
    const char *cache;                  // format of the cache, as ggml calls it: "f16"
} sz_llama_asked;

// What the library made of it, read back.
typedef struct sz_llama_got {
    uint32_t size;
    int32_t threads, threads_batch, tokens, at_once, piece; // piece: tokens it computes together
    int32_t words, is_recurrent;
    int64_t params, bytes;
} sz_llama_got;

// F(result, name without sz_llama_, parameters). Pointers are NULL and numbers not 0 where
// something is wrong; why() tells what then, in its own words.
#define SZ_LLAMA_FUNCTIONS(F)                                                                      \
    F(int, interface, (void))                                                                      \
    F(const char *, version, (void))                                                               \
    F(const char *, features, (void))                                                              \
    F(const char *, why, (void))                                                                   \
    F(void *, load, (const char *path))                                                            \
    F(void, unload, (void *model))                                                                 \
    F(void *, begin, (void *model, const sz_llama_asked *asked, sz_llama_got *got))                \
    F(void, end, (void *state))                                                                    \
    /* `n` tokens for each sequence, at `past` and behind; the last logits are kept */             \
    F(int, step, (void *state, const int32_t *tokens, int32_t n, int32_t past))                    \
    /* sequences are as long as `past` again */                                                    \
    F(int, forget, (void *state, int32_t past))                                                    \
    F(const float *, logits, (void *state, int32_t sequence))

#endif
