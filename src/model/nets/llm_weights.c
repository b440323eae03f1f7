// SPDX-License-Identifier: Apache-2.0
// Weights by hyper-parameters, from a table.
#include "model/nets/llm_weights.h"

#include <inttypes.h>
#include <stdio.h>

// Decided per net or block, beside the kinds of the architecture.
enum {
    LATENT = 1 << 24,
    Q_LOW_RANK = 1 << 25,
    MIXTURE = 1 << 26,
    SHARED = 1 << 27,
    HEAD = 1 << 28
};

enum { NET, BLOCK };

enum { MAX_BLOCKS = 10000 }; // of a net that is made of nothing but numbers

// SIZE, its two factors, and the keys of config.json that it is made of.
#define SIZES(X)                                                                                   \
    X(ONE, 1, 1, "")                                                                               \
    X(VOCAB, d->vocab, 1, "vocab_size")                                                            \
    X(HIDDEN, d->hidden, 1, "hidden_size")                                                         \
    X(CONTEXT, d->context, 1, "max_position_embeddings")                                           \
    X(TOKEN_TYPES, d->token_types, 1, "type_vocab_size")                                           \
    X(HEADS, d->heads, 1, "num_attention_heads")                                                   \
    X(KEY, d->key_length, 1, "num_attention_heads or head_dim")                                    \
    X(Q_WIDTH, d->heads, d->key_length, "num_attention_heads")                                     \
    X(K_WIDTH, d->kv_heads, d->key_length, "num_key_value_heads or num_attention_heads")           \
    X(V_WIDTH, d->kv_heads, d->value_length, "num_key_value_heads or v_head_dim")                  \
    X(O_WIDTH, d->heads, d->value_length, "num_attention_heads or v_head_dim")                     \
    X(Q_RANK, d->q_lora_rank, 1, "q_lora_rank")                                                    \
    X(KV_RANK, d->kv_lora_rank, 1, "kv_lora_rank")                                                 \
    X(KV_A_WIDTH, d->kv_lora_rank + d->rope_dim, 1, "kv_lora_rank")                                \
    X(KV_B_WIDTH, d->heads, d->key_length - d->rope_dim + d->value_length,                         \
      "num_attention_heads or qk_nope_head_dim")                                                   \
    X(FFN, d->ffn, 1, "intermediate_size")                                                         \
    X(EXPERTS, d->experts, 1, "num_experts")                                                       \
    X(EXPERT_FFN, d->expert_ffn, 1, "moe_intermediate_size")                                       \
    X(SHARED_FFN, d->shared_ffn, 1, "shared_expert_intermediate_size")                             \
    X(INNER, d->ssm_inner, 1, "hidden_size or expand")                                             \
    X(INNER_TWICE, d->ssm_inner, 2, "hidden_size or expand")                                       \
    X(TAPS, d->ssm_conv, 1, "conv_kernel")                                                         \
    X(X_WIDTH, d->ssm_rank + 2 * d->ssm_state, 1, "state_size")                                    \
    X(DT_RANK, d->ssm_rank, 1, "time_step_rank")                                                   \
    X(STATE, d->ssm_state, 1, "state_size")

enum {
#define SIZE(name, a, b, keys) name,
    SIZES(SIZE)
#undef SIZE
        SIZE_COUNT
};

// All fields of `d` are at most 2^40 (the importers see to it), so sums of a few do not overflow.
static bool size_of(const sz_llm *d, int which, int64_t *ret) {
    int64_t a = 0, b = 0;
    switch (which) {
#define SIZE(name, x, y, keys)                                                                     \
    case name:                                                                                     \
        a = (x), b = (y);                                                                          \
        break;
        SIZES(SIZE)
#undef SIZE
    default:
        return false;
    }
    return a > 0 && b > 0 && sz_mul(a, b, ret);
}

static const char *keys_of(int which) {
    static const char *const keys[SIZE_COUNT] = {
#define SIZE(name, x, y, keys) keys,
        SIZES(SIZE)
#undef SIZE
    };
    return keys[which];
}

static const struct row {
    int place;
    const char *role;
    uint64_t need, bar;
    int rows, columns, depth;
} table[] = {
#define WEIGHT(place, role, need, bar, rows, columns, depth)                                       \
    {place, role, need, bar, rows, columns, depth},
#include "model/nets/llm_weights.def"
#undef WEIGHT
};
enum { ROWS = sizeof table / sizeof *table };

static int32_t dims_of(const sz_llm *d, const struct row *r, int64_t *dims) {
    int32_t rank = 0;
    if (r->depth != ONE && !size_of(d, r->depth, &dims[rank++])) return 0;
    if ((r->rows != ONE || r->depth != ONE) && !size_of(d, r->rows, &dims[rank++])) return 0;
    return size_of(d, r->columns, &dims[rank]) ? rank + 1 : 0;
}

// What is missing for the dims of a weight.
static const char *missing(const sz_llm *d, const struct row *r) {
    int64_t n;
    if (!size_of(d, r->depth, &n)) return keys_of(r->depth);
    if (!size_of(d, r->rows, &n)) return keys_of(r->rows);
    return keys_of(r->columns);
}

// Is block `i` one of experts?
static bool is_mixture(const sz_llm *d, int64_t i) {
    if (d->experts <= 0 || i < d->leading_dense) return false;
    return d->moe_every <= 1 || (i + 1) % d->moe_every == 0;
}

static uint64_t kinds_of(const sz_llm *d, int64_t block) {
    uint64_t k = d->kinds;
    if (d->kv_lora_rank > 0) k |= LATENT;
    if (d->q_lora_rank > 0) k |= Q_LOW_RANK;
    if (d->shared_ffn > 0) k |= SHARED;
    if (d->has_head && !d->is_tied) k |= HEAD;
    return block >= 0 && is_mixture(d, block) ? k | MIXTURE : k;
}

int32_t sz_llm_weight_dims(const sz_llm *llm, sz_str role, int64_t *ret_dims) {
    int64_t block = -1;
    if (role.len > 4 && memcmp(role.p, "blk.", 4) == 0) {
        uint32_t i = 4;
        for (block = 0; i < role.len && role.p[i] >= '0' && role.p[i] <= '9'; i++)
            if (block < MAX_BLOCKS) block = block * 10 + (role.p[i] - '0');
        role = i < role.len ? (sz_str){role.p + i + 1, role.len - i - 1} : (sz_str){0};
    }
    const uint64_t kinds = kinds_of(llm, block);
    for (size_t i = 0; i < ROWS; i++)
        if ((table[i].need & ~kinds) == 0 && (table[i].bar & kinds) == 0 &&
            sz_str_is(role, table[i].role))
            return dims_of(llm, &table[i], ret_dims);
    return 0;
}

static bool ends_in_bias(const char *role) {
    const size_t n = strlen(role);
    return n > 5 && strcmp(role + n - 5, ".bias") == 0;
}

static sz_status add(sz_checkpoint *cp, const struct row *r, int64_t block) {
    int64_t dims[3];
    sz_weight w = {.scales = SZ_NONE, .next_scale = SZ_NONE, .value = SZ_NONE};
    w.rank = dims_of(&cp->llm, r, dims);
    w.dtype = cp->llm.activations;
    // The choice of experts stays wide, as norms and biases do.
    const bool is_wide = r->place != BLOCK || w.rank < 2 || r->rows == EXPERTS || r->rows == ONE ||
                         ends_in_bias(r->role);
    if (cp->llm.matrices && !is_wide) w.dtype = cp->llm.matrices;
    if (!w.rank)
        return sz_fail(cp->ctx, SZ_ERR_INPUT,
                       "@0: '%s' needs %s, which is missing, 0 or too large", r->role,
                       missing(&cp->llm, r));
    w.role = r->place == BLOCK ? sz_checkpoint_text(cp, "blk.%" PRId64 ".%s", block, r->role)
                               : sz_checkpoint_text(cp, "%s", r->role);
    w.name = w.role;
    int64_t *own = sz_arena_array(&cp->arena, (size_t)w.rank, sizeof *own);
    if (!own || !w.role.p) return sz_no_memory(cp->ctx);
    for (int32_t i = 0; i < w.rank; i++) own[i] = dims[i];
    w.dims = own;
    return sz_checkpoint_add(cp, &w);
}

static sz_status add_all(sz_checkpoint *cp, int place, int64_t block) {
    const uint64_t kinds = kinds_of(&cp->llm, block);
    for (size_t i = 0; i < ROWS; i++)
        if (table[i].place == place && (table[i].need & ~kinds) == 0 && (table[i].bar & kinds) == 0)
            SZ_TRY(add(cp, &table[i], block));
    return SZ_OK;
}

sz_status sz_llm_weights(sz_checkpoint *cp) {
    const sz_llm *d = &cp->llm;
    if (cp->is_starved) return sz_no_memory(cp->ctx);
    if (!d->kinds)
        return sz_fail(cp->ctx, SZ_ERR_INPUT,
                       "@0: which weights '%s' has is not known from its "
                       "hyper-parameters: put its safetensors files beside config.json",
                       d->arch.p ? sz_show(cp->ctx, d->arch) : "a net without a name");
    if (d->layers < 1)
        return sz_fail(cp->ctx, SZ_ERR_INPUT, "@0: the net needs num_hidden_layers, which is "
                                              "missing or 0");
    if (d->layers > MAX_BLOCKS)
        return sz_fail(cp->ctx, SZ_ERR_INPUT,
                       "@0: %" PRId64 " blocks (num_hidden_layers), %d at most", d->layers,
                       MAX_BLOCKS);
    SZ_TRY(add_all(cp, NET, -1));
    for (int64_t i = 0; i < d->layers; i++) SZ_TRY(add_all(cp, BLOCK, i));
    return SZ_OK;
}
