// SPDX-License-Identifier: Apache-2.0
// JSON of model files, strictly as RFC 8259 has it: a tree in one growing array. Texts without
// escapes stay in the bytes that were read. Memory goes through the context, which jansson's does
// not, and no call recurses.
#ifndef SZ_JTREE_H
#define SZ_JTREE_H

#include "base/base.h"

typedef enum sz_jtree_kind {
    SZ_JTREE_NULL,
    SZ_JTREE_FALSE,
    SZ_JTREE_TRUE,
    SZ_JTREE_NUMBER,
    SZ_JTREE_TEXT,
    SZ_JTREE_LIST,
    SZ_JTREE_MAP
} sz_jtree_kind;

typedef struct sz_jtree_node {
    sz_str key;          // of a member of a map
    sz_str text;         // of a text; the digits of a number
    int32_t child, next; // SZ_JTREE_END = none
    uint32_t n;          // members of a list or map
    uint8_t kind;
    uint64_t at; // in the file
} sz_jtree_node;

enum { SZ_JTREE_END = -1 };

typedef struct sz_jtree {
    sz_ctx *ctx;
    sz_arena *arena; // of texts with escapes
    const char *text;
    size_t len, i;
    uint64_t base;               // place of text[0] in the file
    SZ_VEC(sz_jtree_node) nodes; // 0 is the root
} sz_jtree;

// Reads the one value that `text` is; it must stay alive as long as the tree.
sz_status sz_jtree_read(sz_jtree *j, sz_ctx *ctx, sz_arena *arena, const char *text, size_t len,
                        uint64_t base);
// The same for a map of very many members: each becomes the tree by itself (node 0, with its key)
// and is handed out; keys that are there twice are the taker's to find. Needs: all fields but nodes
// set.
sz_status sz_jtree_each(sz_jtree *j, sz_status (*take_member)(void *with, const sz_jtree *j),
                        void *with);
void sz_jtree_finish(sz_jtree *j);

// Member of a map by its key; NULL when there is none or `map` is no map (NULL included).
const sz_jtree_node *sz_jtree_get(const sz_jtree *j, const sz_jtree_node *map, const char *key);
static inline const sz_jtree_node *sz_jtree_first(const sz_jtree *j, const sz_jtree_node *of) {
    return of && of->child >= 0 ? &j->nodes.items[of->child] : NULL;
}
static inline const sz_jtree_node *sz_jtree_next(const sz_jtree *j, const sz_jtree_node *n) {
    return n->next >= 0 ? &j->nodes.items[n->next] : NULL;
}
// A whole number written as one (no fraction, no exponent) in [0, 2^63).
bool sz_jtree_size(const sz_jtree_node *n, int64_t *ret);

#endif
