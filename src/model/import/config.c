// SPDX-License-Identifier: Apache-2.0
// config.json of Hugging Face models: what it says about the net.
#include "model/import/safetensors.h"

#include "model/nets/llm_archs.h"
#include "model/nets/llm_check.h"
#include "model/nets/llm_weights.h"

#include <inttypes.h>
#include <stddef.h>

static const struct {
    const char *key;
    size_t field;
} fields[] = {
#define FIELD(key, name) {key, offsetof(sz_llm, name)},
#include "model/import/config_fields.def"
#undef FIELD
};
enum { FIELDS = sizeof fields / sizeof *fields };

static const sz_jtree_node *get(const st *x, const sz_jtree_node *map, const char *key) {
    return sz_jtree_get(&x->config, map, key);
}

static bool is_true(const st *x, const sz_jtree_node *map, const char *key) {
    const sz_jtree_node *n = get(x, map, key);
    return n && n->kind == SZ_JTREE_TRUE;
}

static bool is_false(const st *x, const sz_jtree_node *map, const char *key) {
    const sz_jtree_node *n = get(x, map, key);
    return n && n->kind == SZ_JTREE_FALSE;
}

// ---- numbers -----------------------------------------------------------------------------------

// Keys that may well be 0 or null.
static bool may_be_zero(const char *key) {
    static const char *const keys[] = {"n_shared_experts", "first_k_dense_replace",
                                       "num_experts",      "shared_expert_intermediate_size",
                                       "sliding_window",   "num_local_experts",
                                       "type_vocab_size"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

static bool may_be_null(const char *key) {
    static const char *const keys[] = {"hidden_size", "num_hidden_layers", "num_attention_heads",
                                       "vocab_size"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return false;
    return true;
}

static void read_field(st *x, const sz_jtree_node *map, size_t row) {
    const char *key = fields[row].key;
    const sz_jtree_node *n = get(x, map, key);
    int64_t *to = (int64_t *)((char *)&x->cp->llm + fields[row].field), v;
    const int64_t most = (int64_t)1 << 40;
    if (!n || (n->kind == SZ_JTREE_NULL && may_be_null(key))) return;
    if (n->kind == SZ_JTREE_TEXT && sz_str_is(n->text, "auto")) return;
    if (!sz_jtree_size(n, &v))
        sz_warn(x->ctx, "config.json: '%s' is no whole number from 0 to 2^63: it is not used", key);
    else if (v > most || (v == 0 && !may_be_zero(key)))
        sz_warn(x->ctx, "config.json: '%s' is %" PRId64 ", which can't be: it is not used", key, v);
    else if (*to == 0)
        *to = v;
}

// ---- layers with a window ----------------------------------------------------------------------

static void read_windows(st *x, const sz_jtree_node *map) {
    sz_llm *d = &x->cp->llm;
    const sz_jtree_node *types = get(x, map, "layer_types");
    int64_t i = 0;
    if (is_false(x, map, "use_sliding_window")) d->window = 0;
    if (!types || types->kind != SZ_JTREE_LIST) return;
    if (d->layers > 0 && types->n != d->layers)
        sz_warn(x->ctx, "config.json: layer_types has %u entries for %" PRId64 " layers", types->n,
                d->layers);
    bool *windowed = sz_arena_array(&x->cp->arena, types->n ? types->n : 1, sizeof *windowed);
    if (!windowed) x->cp->is_starved = true;
    if (!windowed) return;
    for (const sz_jtree_node *t = sz_jtree_first(&x->config, types); t;
         t = sz_jtree_next(&x->config, t))
        windowed[i++] = t->kind == SZ_JTREE_TEXT && sz_str_is(t->text, "sliding_attention");
    d->windowed = windowed;
    d->n_windows = i;
}

// ---- formats -----------------------------------------------------------------------------------

static sz_dtype dtype_of(sz_str name) {
    static const char *const rows[][2] = {{"float32", "f32"},        {"float16", "f16"},
                                          {"bfloat16", "bf16"},      {"float64", "f64"},
                                          {"float8_e4m3fn", "bf16"}, {"auto", "bf16"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sz_str_is(name, rows[i][0])) return sz_dtype_by_name(rows[i][1]);
    return 0;
}

// What norms are stored in is what is computed with; else what config.json says; else f32.
static sz_dtype activations(st *x, const sz_jtree_node *map) {
    const sz_jtree_node *said = get(x, map, "torch_dtype");
    if (!said) said = get(x, map, "dtype");
    for (size_t i = 0; i < x->tensors.n; i++) {
        const st_tensor *t = &x->tensors.items[i];
        if (sz_dtype_get(t->dtype)->cls == SZ_CLASS_FLOAT && t->rank == 1 &&
            sz_dtype_get(t->dtype)->bits >= 16)
            return t->dtype;
    }
    if (said && said->kind == SZ_JTREE_TEXT && !dtype_of(said->text))
        sz_warn(x->ctx, "config.json: dtype '%s' is not known: f32 is taken",
                sz_show(x->ctx, said->text));
    const sz_dtype t = said && said->kind == SZ_JTREE_TEXT ? dtype_of(said->text) : 0;
    return t ? t : sz_dtype_by_name("f32");
}

static void read_quant(st *x, const sz_jtree_node *root) {
    const sz_jtree_node *q = get(x, root, "quantization_config"),
                        *mlx = get(x, root, "quantization");
    const bool is_mlx = !q && mlx != NULL;
    if (is_mlx) q = mlx;
    if (!q || q->kind != SZ_JTREE_MAP) return;
    const sz_jtree_node *method = get(x, q, "quant_method");
    x->quant.method = is_mlx                                    ? sz_str_c("mlx")
                      : method && method->kind == SZ_JTREE_TEXT ? method->text
                                                                : (sz_str){0};
    sz_jtree_size(get(x, q, "bits"), &x->quant.bits);
    sz_jtree_size(get(x, q, "group_size"), &x->quant.group);
    const sz_jtree_node *groups = sz_jtree_first(&x->config, get(x, q, "config_groups"));
    const sz_jtree_node *weights = get(x, groups, "weights");
    if (weights) sz_jtree_size(get(x, weights, "num_bits"), &x->quant.bits);
    if (get(x, q, "bits") && (x->quant.bits < 1 || x->quant.bits > 16))
        sz_warn(x->ctx, "config.json: weights of %" PRId64 " bits can't be", x->quant.bits);
    const sz_jtree_node *group = get(x, q, "group_size");
    if (group && x->quant.group == 0 && sz_str_is(group->text, "0"))
        sz_warn(x->ctx, "config.json: groups of 0 weights can't be");
}

// What weights are stored in that are not there to be looked at.
static void packed_unseen(st *x) {
    sz_llm *d = &x->cp->llm;
    const sz_str method = x->quant.method;
    if (!x->is_config_only || !method.p) return;
    if (sz_str_is(method, "fp8")) {
        d->matrices = sz_dtype_by_name("f8e4m3fn");
        sz_warn(x->ctx, "config.json says fp8, and its weights are not there: matrices of blocks "
                        "are taken as 8 bits each, without their scales");
        return;
    }
    sz_warn(x->ctx,
            "config.json says the weights are packed ('%s'), and they are not there: all are "
            "counted in %s; put the safetensors files beside it",
            sz_show(x->ctx, method), sz_dtype_get(d->activations)->name);
}

// ---- architectures -----------------------------------------------------------------------------

static bool ends_in(sz_str s, const char *end) {
    const size_t n = strlen(end);
    return s.len >= n && memcmp(s.p + s.len - n, end, n) == 0;
}

// "LlamaForCausalLM" ends in logits, "LlamaModel" does not.
static bool wants_head(st *x, const sz_jtree_node *root, bool usual) {
    const sz_jtree_node *list = get(x, root, "architectures");
    const sz_jtree_node *first = sz_jtree_first(&x->config, list);
    if (!first || first->kind != SZ_JTREE_TEXT) return usual;
    return !ends_in(first->text, "Model") || ends_in(first->text, "LMHeadModel");
}

static sz_status read_arch(st *x, const sz_jtree_node *root, const sz_jtree_node *map) {
    sz_llm *d = &x->cp->llm;
    const sz_jtree_node *type = get(x, map, "model_type");
    if (!type) type = get(x, root, "model_type");
    if (type && type->kind != SZ_JTREE_TEXT) return st_fail(x, type->at, "model_type is no text");
    if (!type) {
        if (x->is_config_only)
            return st_fail(x, 0,
                           "this JSON is no config.json (no model_type) and no index of "
                           "safetensors files (no weight_map)");
        sz_warn(x->ctx, "config.json has no model_type: the net is told from its weights");
        return SZ_OK;
    }
    const char *arch = sz_llm_arch_of(type->text);
    const sz_str name = arch ? sz_str_c(arch) : type->text;
    d->arch = sz_checkpoint_text(x->cp, "%.*s", (int)(name.len < 64 ? name.len : 64), name.p);
    if (!arch)
        sz_warn(x->ctx,
                "model_type '%s' is not known: activations, positions and windows are taken "
                "as Llama's",
                sz_show(x->ctx, type->text));
    return SZ_OK;
}

static bool is_tied(st *x, const sz_jtree_node *root, const sz_jtree_node *map) {
    // those that do not say so in transformers' configuration class: its base has them tied
    static const char *const usual[] = {"gpt2",    "gptneo",    "bloom",      "mpt",    "opt",
                                        "gemma",   "gemma2",    "gemma3",     "falcon", "bert",
                                        "cohere2", "command_r", "starcoder2", "mamba",  "t5",
                                        "bart",    "starcoder"};
    const sz_jtree_node *n = get(x, map, "tie_word_embeddings");
    if (!n) n = get(x, root, "tie_word_embeddings");
    if (n && n->kind != SZ_JTREE_TRUE && n->kind != SZ_JTREE_FALSE)
        sz_warn(x->ctx, "config.json: 'tie_word_embeddings' is neither true nor false: the usual "
                        "value is taken");
    else if (n)
        return n->kind == SZ_JTREE_TRUE;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (x->cp->llm.arch.p && sz_str_is(x->cp->llm.arch, usual[i])) return true;
    return false;
}

// ---- what follows from what --------------------------------------------------------------------

// Four times the width is what some families mean where they say nothing; of others it is a guess.
static int64_t usual_ffn(st *x) {
    static const char *const plain[] = {"gpt2", "gptneo",  "gptj", "falcon",
                                        "mpt",  "bloom",   "opt",  "starcoder",
                                        "phi2", "gptneox", "bert"};
    const sz_llm *d = &x->cp->llm;
    bool is_plain = !x->is_config_only || d->kinds & STATE_SPACE || !d->kinds || d->hidden <= 0;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        is_plain = is_plain || (d->arch.p && sz_str_is(d->arch, plain[i]));
    if (!is_plain)
        sz_warn(x->ctx, "config.json: 'intermediate_size' is missing: 4 x %" PRId64 " is a guess",
                d->hidden);
    return 4 * d->hidden;
}

static void usual_sizes(st *x) {
    sz_llm *d = &x->cp->llm;
    if (d->kv_heads == 0) d->kv_heads = d->heads;
    if (d->key_length == 0 && d->heads > 0) {
        if (d->hidden % d->heads && d->kv_lora_rank == 0)
            sz_warn(x->ctx, "config.json: %" PRId64 " is no multiple of %" PRId64 " heads",
                    d->hidden, d->heads);
        d->key_length = d->hidden / d->heads;
    }
    if (d->value_length == 0) d->value_length = d->key_length;
    x->ffn_is_guess = d->ffn == 0;
    if (x->ffn_is_guess) d->ffn = usual_ffn(x);
    if (d->expert_ffn == 0) d->expert_ffn = d->ffn;
    if (d->shared_ffn == 0) d->shared_ffn = d->experts_shared * d->expert_ffn;
    if (d->heads > 0 && (d->kv_heads > d->heads || d->heads % d->kv_heads != 0))
        sz_warn(x->ctx, "config.json: %" PRId64 " heads of keys do not divide %" PRId64 " heads",
                d->kv_heads, d->heads);
    if (d->experts_used > d->experts)
        sz_warn(x->ctx, "config.json: %" PRId64 " of %" PRId64 " experts are used, which can't be",
                d->experts_used, d->experts);
}

static void special_sizes(st *x, const sz_jtree_node *map) {
    sz_llm *d = &x->cp->llm;
    int64_t plain, expand = 2;
    const char *const key = get(x, map, "mamba_expand") ? "mamba_expand" : "expand";
    if (sz_jtree_size(get(x, map, "qk_nope_head_dim"), &plain) && plain < (int64_t)1 << 40)
        d->key_length = plain + d->rope_dim;
    if (d->kinds & STATE_SPACE || d->ssm_state > 0) {
        sz_jtree_size(get(x, map, key), &expand);
        d->ssm_inner = d->ffn > 0 && !get(x, map, key) ? d->ffn
                       : expand < 1 << 20              ? expand * d->hidden
                                                       : 0;
        if (d->ssm_rank == 0) d->ssm_rank = (d->hidden + 15) / 16;
    }
    if (is_true(x, map, "multi_query") && !is_true(x, map, "new_decoder_architecture"))
        d->kv_heads = 1;
    int64_t norms = 0; // of a parallel block: two, unless it says so
    if (is_true(x, map, "new_decoder_architecture") &&
        !(sz_jtree_size(get(x, map, "num_ln_in_parallel_attn"), &norms) && norms == 1))
        d->kinds |= NORM_BESIDE;
    const sz_jtree_node *topk = get(x, map, "topk_method");
    const sz_jtree_node *type = get(x, map, "model_type"); // of the third version where not said
    const bool is_third = type && type->kind == SZ_JTREE_TEXT &&
                          sz_str_is(type->text, "deepseek_v3");
    if (topk ? topk->kind == SZ_JTREE_TEXT && sz_str_is(topk->text, "noaux_tc") : is_third)
        d->kinds |= CORRECTION;
}

static void biases(st *x, const sz_jtree_node *map) {
    sz_llm *d = &x->cp->llm;
    if (!d->kinds) return;
    if (is_true(x, map, "attention_bias")) d->kinds |= BIAS_QKV | BIAS_OUT;
    if (is_true(x, map, "qkv_bias")) d->kinds |= BIAS_QKV;
    if (is_true(x, map, "mlp_bias")) d->kinds |= BIAS_FFN;
    if (is_false(x, map, "attention_bias")) d->kinds &= ~(uint64_t)(BIAS_QKV | BIAS_OUT);
    if (is_false(x, map, "use_bias") && !(d->kinds & STATE_SPACE))
        d->kinds &= ~(uint64_t)(BIAS_QKV | BIAS_OUT | BIAS_FFN);
    if (is_true(x, map, "use_qk_norm")) d->kinds |= HEAD_NORMS;
}

static void strange(st *x, const sz_jtree_node *map) {
    const sz_jtree_node *rope = get(x, map, "rope_scaling");
    const sz_jtree_node *factor = rope ? get(x, rope, "factor") : NULL;
    if (factor && factor->kind == SZ_JTREE_NUMBER && sz_str_is(factor->text, "0"))
        sz_warn(x->ctx, "config.json: a factor of 0 for rotary positions can't be");
    if (get(x, map, "auto_map"))
        sz_warn(x->ctx, "config.json asks for code of its repository, which is never run: what the "
                        "other keys say is counted");
    for (const sz_jtree_node *n = sz_jtree_first(&x->config, map); n;
         n = sz_jtree_next(&x->config, n)) {
        if (sz_str_is(n->key, "_attn_implementation_internal"))
            sz_warn(x->ctx, "config.json names code for attention, which is never run");
        double value = 0;
        if (n->kind == SZ_JTREE_NUMBER && memchr(n->text.p, 'e', n->text.len)) {
            const uint32_t e = (uint32_t)((const char *)memchr(n->text.p, 'e', n->text.len) -
                                          n->text.p);
            for (uint32_t i = e + 1; i < n->text.len; i++)
                if (n->text.p[i] >= '0' && n->text.p[i] <= '9')
                    value = value * 10 + (n->text.p[i] - '0');
            if (value > 308 && n->text.p[e + 1] != '-')
                sz_warn(x->ctx, "config.json: '%s' is beyond all numbers", sz_show(x->ctx, n->key));
        }
    }
}

sz_status st_describe(st *x) {
    sz_llm *d = &x->cp->llm;
    if (!x->config.nodes.n) {
        sz_llm_by_arch(d);
        d->activations = activations(x, NULL);
        return SZ_OK;
    }
    const sz_jtree_node *root = &x->config.nodes.items[0], *map = get(x, root, "text_config");
    if (!map || map->kind != SZ_JTREE_MAP) map = root;
    SZ_TRY(read_arch(x, root, map));
    sz_llm_by_arch(d);
    const int64_t every = d->window_every;
    d->window_every = 0;
    for (size_t i = 0; i < FIELDS; i++) read_field(x, map, i);
    if (d->window_every == 0) d->window_every = every;
    special_sizes(x, map);
    usual_sizes(x);
    biases(x, map);
    read_windows(x, map);
    read_quant(x, root);
    strange(x, root);
    d->is_tied = is_tied(x, root, map);
    d->has_head = !d->is_encoder && wants_head(x, root, true);
    d->activations = activations(x, map);
    packed_unseen(x);
    return SZ_OK;
}

// ---- against the weights -----------------------------------------------------------------------

// Whether the head is stored, against what is said of it.
static void compare_head(st *x, const sz_jtree_node *root) {
    const sz_jtree_node *map = get(x, root, "text_config"), *n;
    n = map ? get(x, map, "tie_word_embeddings") : NULL;
    if (!n) n = get(x, root, "tie_word_embeddings");
    if (!n || !x->cp->llm.has_head || !sz_checkpoint_find(x->cp, "token_embd.weight")) return;
    const bool is_stored = sz_checkpoint_find(x->cp, "output.weight") != NULL;
    if (n->kind == SZ_JTREE_TRUE && is_stored)
        sz_warn(x->ctx, "config.json says that the head is the table of the embedding "
                        "(tie_word_embeddings), but a head is stored: it counts");
    if (n->kind == SZ_JTREE_FALSE && !is_stored)
        sz_warn(x->ctx, "config.json says that there is a head (tie_word_embeddings), but none is "
                        "stored: the table of the embedding is taken for it");
}

void st_compare(st *x) {
    const sz_llm_words said = {.file = "config.json: ",
                               .layers = "num_hidden_layers",
                               .hidden = "hidden_size",
                               .vocab = "vocab_size",
                               .ffn = x->ffn_is_guess ? NULL : "intermediate_size",
                               .experts = "num_experts",
                               .used = "num_experts_per_tok"};
    if (x->is_config_only || !x->config.nodes.n) return;
    sz_llm_check(x->cp, &said);
    compare_head(x, &x->config.nodes.items[0]);
}
