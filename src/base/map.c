// SPDX-License-Identifier: Apache-2.0
// Byte strings -> int32: open addressing, linear probing, at most three quarters full.
#include "base/base.h"

typedef struct sz_map_slot {
    sz_str key; // p == NULL: free
    uint32_t hash;
    int32_t value;
} slot;

size_t sz_digits(char buf[SZ_DIGITS_SIZE], int64_t v) {
    char text[SZ_DIGITS_SIZE], *p = text + sizeof text;
    uint64_t rest = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    if (v < 0) *--p = '-';
    size_t n = (size_t)(text + sizeof text - p);
    memcpy(buf, p, n);
    return n;
}

// FNV-1a folded with a final mix: names of exporters differ in their last bytes.
static uint32_t hash_of(sz_str s) {
    uint64_t h = 0xcbf29ce484222325u;
    for (uint32_t i = 0; i < s.len; i++) h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    h ^= h >> 32;
    return (uint32_t)(h * 0x9E3779B1u);
}

void sz_map_init(sz_map *m, sz_ctx *ctx) { *m = (sz_map){.ctx = ctx}; }

void sz_map_finish(sz_map *m) {
    sz_free(m->ctx, m->slots, m->cap * sizeof *m->slots);
    m->slots = NULL;
    m->cap = m->n = 0;
}

static slot *find(slot *slots, uint32_t cap, sz_str key, uint32_t hash) {
    uint32_t i = hash & (cap - 1);
    while (slots[i].key.p && !(slots[i].hash == hash && sz_str_eq(slots[i].key, key)))
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

bool sz_map_get(const sz_map *m, sz_str key, int32_t *ret_value) {
    if (!m->cap) return false;
    const slot *s = find(m->slots, m->cap, key, hash_of(key));
    if (!s->key.p) return false;
    if (ret_value) *ret_value = s->value;
    return true;
}

static bool grow(sz_map *m) {
    if (m->cap > UINT32_MAX / 4) return false;
    uint32_t cap = m->cap ? m->cap * 2 : 64;
    slot *slots = sz_alloc(m->ctx, cap * sizeof *slots);
    if (!slots) return false;
    for (uint32_t i = 0; i < m->cap; i++)
        if (m->slots[i].key.p) *find(slots, cap, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    sz_free(m->ctx, m->slots, m->cap * sizeof *m->slots);
    m->slots = slots;
    m->cap = cap;
    return true;
}

sz_status sz_map_put(sz_map *m, sz_str key, int32_t value) {
    if (m->n + 1 > m->cap / 4 * 3 && !grow(m)) return sz_no_memory(m->ctx);
    if (!key.p) key.p = "";
    uint32_t hash = hash_of(key);
    slot *s = find(m->slots, m->cap, key, hash);
    if (!s->key.p) m->n++;
    *s = (slot){key, hash, value};
    return SZ_OK;
}
