// SPDX-License-Identifier: Apache-2.0
// Names of weights to roles.
#include "model/import/safetensors.h"

#include <inttypes.h>
#include <stdio.h>

enum { IN_BLOCK, TURNED_IN_BLOCK, IN_EXPERT, IN_NET };

static const struct row {
    const char *name, *role;
    int place;
} rows[] = {
#define BLOCK(name, role)  {name, role, IN_BLOCK},
#define TURNED(name, role) {name, role, TURNED_IN_BLOCK},
#define EXPERT(name, role) {name, role, IN_EXPERT},
#define NET(name, role)    {name, role, IN_NET},
#include "model/import/safetensors_names.def"
#undef BLOCK
#undef TURNED
#undef EXPERT
#undef NET
};
enum { ROWS = sizeof rows / sizeof *rows };

static const struct row *find_row(sz_str name, int place) {
    for (size_t i = 0; i < ROWS; i++)
        if ((rows[i].place == place || (place == IN_BLOCK && rows[i].place == TURNED_IN_BLOCK)) &&
            sz_str_is(name, rows[i].name))
            return &rows[i];
    return NULL;
}

static bool begins(sz_str s, const char *with) {
    const size_t n = strlen(with);
    return s.len >= n && memcmp(s.p, with, n) == 0;
}

static bool has(sz_str s, const char *part) {
    const size_t n = strlen(part);
    for (uint32_t i = 0; i + n <= s.len; i++)
        if (memcmp(s.p + i, part, n) == 0) return true;
    return false;
}

static sz_str behind(sz_str s, size_t n) { return (sz_str){s.p + n, s.len - (uint32_t)n}; }

// "12.rest" -> 12, and the rest; -1 when it does not begin with a number and a point.
static int64_t number(sz_str *s) {
    int64_t n = 0;
    uint32_t i = 0;
    for (; i < s->len && s->p[i] >= '0' && s->p[i] <= '9'; i++)
        if (!sz_mul(n, 10, &n) || !sz_add(n, s->p[i] - '0', &n)) return -1;
    if (i == 0 || i >= s->len || s->p[i] != '.') return -1;
    *s = behind(*s, i + 1);
    return n;
}

// The first "layers.N." or the like: *ret_before what stands before it, *s what follows it.
static int64_t block_of(sz_str *s, sz_str *ret_before) {
    static const char *const words[] = {"layers.", "layer.", "h.", "blocks.", "block."};
    for (uint32_t at = 0; at < s->len; at++) {
        if (at > 0 && s->p[at - 1] != '.') continue;
        for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
            const sz_str here = behind(*s, at);
            if (!begins(here, words[w])) continue;
            sz_str rest = behind(here, strlen(words[w]));
            const int64_t n = number(&rest);
            if (n < 0) continue;
            *ret_before = (sz_str){s->p, at};
            *s = rest;
            return n;
        }
    }
    return -1;
}

// Towers for images and sound beside a language model have no place in its net.
static bool is_tower(sz_str name) {
    static const char *const words[] = {"vision",      "visual",    "image",
                                        "audio_tower", "projector", "mtp."};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (has(name, words[i])) return true;
    return false;
}

bool st_is_data(sz_str name) {
    static const char *const ends[] = {".rotary_emb.inv_freq",   "rotary_pos_emb.inv_freq",
                                       ".attn.bias",
                                       ".attn.masked_bias",      ".attention.bias",
                                       ".attention.masked_bias", "position_ids",
                                       "final_logits_bias"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t n = strlen(ends[i]);
        if (name.len >= n && memcmp(name.p + name.len - n, ends[i], n) == 0) return true;
    }
    return sz_str_is(name, "position_ids");
}

// Two stacks of blocks: names begin with the one's or the other's.
static const char *stack_of(const st *x, sz_str before) {
    const sz_jtree_node *root = x->config.nodes.n ? &x->config.nodes.items[0] : NULL;
    const sz_jtree_node *both = sz_jtree_get(&x->config, root, "is_encoder_decoder");
    if (!both || both->kind != SZ_JTREE_TRUE) return "";
    return has(before, "encoder") ? "enc." : has(before, "decoder") ? "dec." : "";
}

// In some nets the norm behind attention is the one before the next layer, in others it is not. The
// second layer of a block of T5's encoder is its last one.
static const char *settle(const st *x, const struct row *row, int64_t block, sz_str before) {
    if (strcmp(row->name, "layer.1.layer_norm") == 0)
        return has(before, "decoder") ? row->role : "ffn_norm";
    if (strcmp(row->name, "post_attention_layernorm") != 0) return row->role;
    const bool other = st_find_text(x, "%.*slayers.%" PRId64 ".post_feedforward_layernorm.weight",
                                    (int)before.len, before.p, block) != NULL;
    return other ? "post_attention_norm" : row->role;
}

// GPT-2's products alone are stored turned; others have its names and not its habit.
static bool is_turned(const st *x, const struct row *row) {
    static const char *const straight[] = {"starcoder", "starcoder2", "gptneo", "qwen", "exaone"};
    const sz_str arch = x->cp->llm.arch;
    for (size_t i = 0; arch.p && i < sizeof straight / sizeof *straight; i++)
        if (sz_str_is(arch, straight[i])) return false;
    return row->place == TURNED_IN_BLOCK;
}

static sz_str role_in_block(st *x, sz_str rest, sz_str before, int64_t block, const char *end,
                            int64_t *ret_expert, bool *ret_turned) {
    static const char *const homes[] = {"mlp.experts.", "block_sparse_moe.experts.",
                                        "feed_forward.experts.", "mixer.experts."};
    const struct row *row = find_row(rest, IN_BLOCK);
    for (size_t i = 0; !row && i < sizeof homes / sizeof *homes; i++) {
        if (!begins(rest, homes[i])) continue;
        sz_str name = behind(rest, strlen(homes[i]));
        *ret_expert = number(&name);
        row = *ret_expert >= 0 ? find_row(name, IN_EXPERT) : NULL;
    }
    if (!row) return (sz_str){0};
    *ret_turned = is_turned(x, row);
    return sz_checkpoint_text(x->cp, "%sblk.%" PRId64 ".%s.%s", stack_of(x, before), block,
                              settle(x, row, block, before), end);
}

static sz_str role_in_net(st *x, sz_str name, const char *end) {
    static const char *const leads[] = {"model.",      "transformer.", "bert.",
                                        "roberta.",    "gpt_neox.",    "backbone.",
                                        "decoder.",    "encoder.",     "language_model.",
                                        "vit.",        "distilbert.",  "deberta.",
                                        "text_model.", "mpnet.",       "vision_model."};
    const char *stack = stack_of(x, name);
    for (size_t i = 0; i < sizeof leads / sizeof *leads;) {
        if (begins(name, leads[i]))
            name = behind(name, strlen(leads[i])), i = 0;
        else
            i++;
    }
    const struct row *row = find_row(name, IN_NET);
    if (!row) return (sz_str){0};
    if (strcmp(row->role, "position_embd") == 0 && *stack == 'e') return (sz_str){0};
    if (strcmp(row->role, "output_norm") != 0) stack = "";
    return sz_checkpoint_text(x->cp, "%s%s.%s", stack, row->role, end);
}

sz_str st_role(st *x, sz_str base, const char *end, int64_t *ret_expert, bool *ret_turned) {
    sz_str rest = base, before = {0};
    *ret_expert = -1;
    *ret_turned = false;
    if (!x->cp->llm.is_encoder && is_tower(base)) return (sz_str){0};
    const int64_t block = block_of(&rest, &before);
    if (block < 0) return role_in_net(x, base, end);
    return role_in_block(x, rest, before, block, end, ret_expert, ret_turned);
}
