// SPDX-License-Identifier: Apache-2.0
// A checkpoint: the weights of a model by name, type and size, and what its file says about the
// net. GGUF and safetensors hold no graph, so their importers fill this in and llm_graph.c builds
// the net around the weights.
//
// A *role* is what a weight is for, in the words of GGUF: "blk.3.attn_q.weight". The importers turn
// their own names into roles; a weight without one is counted but has no place in the net.
#ifndef SZ_CHECKPOINT_H
#define SZ_CHECKPOINT_H

#include "model/graph/graph.h"

typedef struct sz_weight {
    sz_str name;         // in the file
    sz_str role;         // p == NULL: not known
    sz_dtype dtype;      // of the numbers that it stands for, packed or not
    int32_t rank;        // of those numbers, outermost axis first
    const int64_t *dims; // in the arena of the checkpoint
    int32_t scales;      // first of the scales and zero points of this weight, SZ_NONE = none
    int32_t next_scale;  // of a scale: the next one of the same weight
    bool is_scale;       // belongs to another weight: no parameter
    bool is_data;      // a table that the code of the model makes, kept all the same: no parameter
    bool placed;       // has a place in the net
    sz_value_id value; // in the graph, SZ_NONE = not made yet
} sz_weight;

// What a net is like beside its weights. 0 = not said.
typedef struct sz_llm {
    sz_str arch;       // as GGUF calls it: "llama", "qwen2moe"; p == NULL: not said
    const char *act;   // "silu", "gelu", "relu", "relu2"; NULL: not known
    bool is_known;     // `arch` is in the table of architectures
    bool is_encoder;   // no mask, no cache, no head
    bool parallel;     // attention and feed-forward of a block start from the same input
    bool has_features; // the encoder takes features of sound or images, no tokens
    bool has_rope;     // rotary positions
    bool has_head;     // ends in logits; of the table of the embedding where none is stored
    bool is_tied;      // no weight of the head is stored
    uint64_t kinds;    // which weights a block has, see llm_weights.h; of nets without weights
    int64_t layers, hidden, heads, kv_heads, key_length, value_length, ffn, vocab, context;
    int64_t rope_dim, kv_lora_rank, q_lora_rank;
    int64_t experts, experts_used, experts_shared, expert_ffn, leading_dense;
    int64_t shared_ffn; // of all shared experts
    int64_t moe_every;  // experts in each n-th block, counted from 1; 0 = in all
    int64_t token_types;
    int64_t window, window_every; // sliding window in tokens; all but each n-th block (0 = all)
    int64_t n_windows;            // entries of `windowed`
    const bool *windowed;         // per block, where the file says so; arena
    int64_t n_heads_of, n_kv_heads_of;
    const int64_t *heads_of, *kv_heads_of; // per block, where the file says so; arena
    int64_t ssm_conv, ssm_inner, ssm_state, ssm_rank, ssm_groups, wkv_head;
    double softcap;       // of attention scores
    sz_dtype activations; // numeric format of what is computed
    sz_dtype matrices;    // of blocks, where hyper-parameters alone tell weights; 0: the same
} sz_llm;

typedef struct sz_checkpoint {
    sz_ctx *ctx;
    sz_arena arena;
    SZ_VEC(sz_weight) weights;
    sz_map roles; // role -> number of the weight
    sz_llm llm;
    bool is_starved; // there was no memory for something that it should say: no net is built
} sz_checkpoint;

void sz_checkpoint_init(sz_checkpoint *cp, sz_ctx *ctx);
void sz_checkpoint_finish(sz_checkpoint *cp);

// A copy of printf's text in the arena; p == NULL = no memory.
sz_str sz_checkpoint_text(sz_checkpoint *cp, const char *fmt, ...) SZ_PRINTF(2, 3);
// Adds a weight; a role that is taken already is dropped with a warning.
sz_status sz_checkpoint_add(sz_checkpoint *cp, const sz_weight *w);
// One of several experts, with the role of all of them: their weight grows by it, unless it is not
// like the first one.
sz_status sz_checkpoint_add_expert(sz_checkpoint *cp, const sz_weight *w, bool *ret_added);
// By role; NULL when there is none.
sz_weight *sz_checkpoint_find(const sz_checkpoint *cp, const char *role);

// The graph of the net, in `ret_graph` (which the caller has created): free dimensions 'batch',
// 'seq' and 'past'. Weights without a place become nodes whose cost is not known.
sz_status sz_llm_build(sz_checkpoint *cp, sz_graph *graph);

#endif
