// SPDX-License-Identifier: Apache-2.0
// What a file says of a net, held against its weights.
#include "model/nets/llm_check.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct check {
    sz_checkpoint *cp;
    const sz_llm_words *words;
    const sz_llm *said;
} check;

static void differ(const check *c, const char *name, int64_t said, int64_t is) {
    if (said > 0 && is > 0 && said != is)
        sz_warn(c->cp->ctx,
                "%s'%s' is %" PRId64 ", but the weights say %" PRId64 ": the weights are counted",
                c->words->file, name, said, is);
}

// "blk.12.NAME" -> 12, and what follows; -1 where it is no role of a block.
static int64_t block_of(sz_str role, sz_str *ret_name) {
    static const char *const stacks[] = {"blk.", "enc.blk.", "dec.blk."};
    for (size_t s = 0; role.p && s < sizeof stacks / sizeof *stacks; s++) {
        const uint32_t first = (uint32_t)strlen(stacks[s]);
        int64_t n = 0;
        uint32_t i = first;
        if (role.len <= first || memcmp(role.p, stacks[s], first) != 0) continue;
        for (; i < role.len && role.p[i] >= '0' && role.p[i] <= '9' && n < 1 << 30; i++)
            n = n * 10 + (role.p[i] - '0');
        if (i == first || i + 1 >= role.len || role.p[i] != '.') return -1;
        *ret_name = (sz_str){role.p + i + 1, role.len - i - 1};
        return n;
    }
    return -1;
}

// The other weight of the same block.
static const sz_weight *neighbour(const check *c, const sz_weight *w, sz_str name,
                                  const char *other) {
    char role[512];
    const int before = (int)(w->role.len - name.len);
    const int n = snprintf(role, sizeof role, "%.*s%s", before, w->role.p, other);
    return n > 0 && (size_t)n < sizeof role ? sz_checkpoint_find(c->cp, role) : NULL;
}

static const char *shown(const check *c, const sz_weight *w) {
    return sz_show(c->cp->ctx, w->role);
}

// ---- blocks ------------------------------------------------------------------------------------

// The blocks of a decoder behind an encoder have a number of their own, so they are not compared.
static void check_blocks(const check *c) {
    int64_t most = 0;
    bool has_any = false;
    for (size_t i = 0; i < c->cp->weights.n; i++) {
        const sz_str role = c->cp->weights.items[i].role;
        sz_str name;
        const int64_t n = block_of(role, &name);
        has_any = has_any || n >= 0;
        if (n + 1 > most && role.p[0] == 'b') most = n + 1;
    }
    differ(c, c->words->layers, c->said->layers, most);
    if (!has_any && c->said->layers > 0 && sz_checkpoint_find(c->cp, "token_embd.weight"))
        sz_warn(c->cp->ctx, "%s'%s' is %" PRId64 ", but there are no weights of blocks",
                c->words->file, c->words->layers, c->said->layers);
}

// Parts that no kind of block does without: the first block that lacks one is named.
static void check_parts(const check *c) {
    static const struct {
        const char *has, *also, *lacks, *then;
    } rows[] = {
        {"attn_q.weight", "attn_k.weight", "attn_v.weight", "its keys are taken as its values"},
        {"attn_q.weight", "attn_k.weight", "attn_output.weight", "it is counted without"},
        {"attn_qkv.weight", "attn_qkv.weight", "attn_output.weight", "it is counted without"},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (size_t i = 0; i < c->cp->weights.n; i++) {
            const sz_weight *w = &c->cp->weights.items[i];
            sz_str name;
            if (block_of(w->role, &name) < 0 || !sz_str_is(name, rows[r].has) ||
                !neighbour(c, w, name, rows[r].also) || neighbour(c, w, name, rows[r].lacks) ||
                neighbour(c, w, name, "ssm_out.weight"))
                continue;
            sz_warn(c->cp->ctx, "'%s' has no '%s' beside it: %s", shown(c, w), rows[r].lacks,
                    rows[r].then);
            break;
        }
}

// ---- widths ------------------------------------------------------------------------------------

static void check_table(const check *c) {
    const sz_weight *words = sz_checkpoint_find(c->cp, "token_embd.weight");
    if (!words || words->rank != 2) return;
    differ(c, c->words->hidden, c->said->hidden, words->dims[1]);
    differ(c, c->words->vocab, c->said->vocab, words->dims[0]);
}

// Blocks may have layers of several widths: only one that is nowhere said is named. The first Qwen
// says twice what it has.
static void check_ffn(const check *c) {
    const sz_llm *d = c->said;
    const int64_t ffn = d->arch.p && sz_str_is(d->arch, "qwen") ? d->ffn / 2 : d->ffn;
    if (!c->words->ffn) return;
    for (size_t i = 0; i < c->cp->weights.n; i++) {
        const sz_weight *w = &c->cp->weights.items[i];
        sz_str name;
        if (block_of(w->role, &name) < 0 || !sz_str_is(name, "ffn_down.weight") || w->rank != 2)
            continue;
        const int64_t width = w->dims[1];
        if (width == ffn || width == d->expert_ffn || width == d->shared_ffn) continue;
        differ(c, c->words->ffn, d->ffn, width);
        return;
    }
}

static void check_empty(const check *c) {
    const sz_weight *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < c->cp->weights.n; i++) {
        const sz_weight *w = &c->cp->weights.items[i];
        bool is_empty = false;
        for (int32_t k = 0; k < w->rank; k++) is_empty = is_empty || w->dims[k] == 0;
        if (!is_empty || !w->role.p) continue;
        if (!first) first = w;
        n++;
    }
    if (first)
        sz_warn(c->cp->ctx, "'%s' has a dimension of 0 (%zu such weights): it holds nothing",
                shown(c, first), n);
}

// ---- experts -----------------------------------------------------------------------------------

static bool is_of_experts(sz_str name) {
    static const char *const names[] = {"ffn_gate_exps.weight", "ffn_up_exps.weight",
                                        "ffn_down_exps.weight", "ffn_gate_up_exps.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sz_str_is(name, names[i])) return true;
    return false;
}

// The router of a block chooses among as many experts as each of its weights has.
static bool is_even(const check *c, const sz_weight *w, sz_str name) {
    const sz_weight *router = neighbour(c, w, name, "ffn_gate_inp.weight");
    if (!router || router->rank != 2 || router->dims[0] == w->dims[0]) return true;
    sz_warn(c->cp->ctx, "'%s' has %" PRId64 " experts, but '%s' chooses among %" PRId64,
            shown(c, w), w->dims[0], shown(c, router), router->dims[0]);
    return false;
}

static void check_experts(const check *c) {
    const sz_llm *d = c->said;
    int64_t found = 0;
    bool even = true;
    for (size_t i = 0; i < c->cp->weights.n; i++) {
        const sz_weight *w = &c->cp->weights.items[i];
        sz_str name;
        if (block_of(w->role, &name) < 0 || !is_of_experts(name) || w->rank != 3) continue;
        if (even) even = is_even(c, w, name);
        if (w->dims[0] > found) found = w->dims[0];
    }
    differ(c, c->words->experts, d->experts, found);
    if (found == 0 && d->experts > 0 && d->layers > d->leading_dense)
        sz_warn(c->cp->ctx, "%s'%s' is %" PRId64 ", but there are no weights of experts",
                c->words->file, c->words->experts, d->experts);
    if (found > 0 && d->experts_used <= 0)
        sz_warn(c->cp->ctx,
                "%s'%s' is missing: that a token uses 1 of %" PRId64 " experts is a guess",
                c->words->file, c->words->used, found);
}

void sz_llm_check(sz_checkpoint *cp, const sz_llm_words *words) {
    const check c = {cp, words, &cp->llm};
    check_blocks(&c);
    check_parts(&c);
    check_table(&c);
    check_ffn(&c);
    check_empty(&c);
    check_experts(&c);
}
