// SPDX-License-Identifier: Apache-2.0
#include "model/nets/llm_archs.h"

#include "model/nets/llm_weights.h"

enum { PARALLEL = 1, NO_ROPE = 2, ENCODER = 4, FEATURES = 8, BOTH_WAYS = 16 };

static const struct {
    const char *name, *types, *act;
    int flags;
    int64_t window_every;
    uint64_t kinds;
} table[] = {
#define ARCH(name, types, act, flags, every, kinds) {#name, types, #act, flags, every, kinds},
#include "model/nets/llm_archs.def"
#undef ARCH
};
enum { ARCHS = sizeof table / sizeof *table };

// GGUF writes some names with a dash.
static bool is_called(sz_str arch, const char *name) {
    if (arch.len != strlen(name)) return false;
    for (uint32_t i = 0; i < arch.len; i++)
        if (arch.p[i] != name[i] && !(arch.p[i] == '-' && name[i] == '_')) return false;
    return true;
}

void sz_llm_by_arch(sz_llm *llm) {
    llm->has_rope = true;
    llm->has_head = true;
    for (size_t i = 0; i < ARCHS && llm->arch.p; i++) {
        if (!is_called(llm->arch, table[i].name)) continue;
        llm->is_known = true;
        llm->act = table[i].act;
        llm->parallel = (table[i].flags & PARALLEL) != 0;
        llm->has_rope = !(table[i].flags & NO_ROPE);
        llm->is_encoder = (table[i].flags & (ENCODER | BOTH_WAYS)) != 0;
        llm->has_features = (table[i].flags & FEATURES) != 0;
        llm->has_head = !(table[i].flags & ENCODER);
        llm->window_every = table[i].window_every;
        llm->kinds = table[i].kinds;
        return;
    }
}

// A word of "a b c"?
static bool is_among(sz_str word, const char *words) {
    while (*words) {
        const size_t n = strcspn(words, " ");
        if (word.len == n && memcmp(word.p, words, n) == 0) return true;
        words += n + (words[n] == ' ');
    }
    return false;
}

const char *sz_llm_arch_of(sz_str model_type) {
    for (size_t i = 0; i < ARCHS; i++)
        if (is_among(model_type, table[i].types)) return table[i].name;
    return NULL;
}
