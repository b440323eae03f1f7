// SPDX-License-Identifier: Apache-2.0
// JSON of model files, strictly as RFC 8259 has it: a tree in one growing array. Texts without
// escapes stay in the bytes that were read. Memory goes through the context, which jansson's does
// not, and no call recurses.
#ifndef SZ_IMPORT_JSON_H
#define SZ_IMPORT_JSON_H

#include "base/base.h"

typedef enum sz_json_kind {
    SZ_JSON_NULL, SZ_JSON_FALSE, SZ_JSON_TRUE, SZ_JSON_NUMBER, SZ_JSON_TEXT, SZ_JSON_LIST,
    SZ_JSON_MAP
} sz_json_kind;

typedef struct sz_json_node {
    sz_str key;  // of a member of a map
    sz_str text; // of a text; the digits of a number
    int32_t child, next; // SZ_JSON_END = none
    uint32_t n;  // members of a list or map
    uint8_t kind;
    uint64_t at; // in the file
} sz_json_node;

enum { SZ_JSON_END = -1 };

typedef struct sz_json {
    sz_ctx *ctx;
    sz_arena *arena; // of texts with escapes
    const char *text;
    size_t len, i;
    uint64_t base; // place of text[0] in the file
    SZ_VEC(sz_json_node) nodes; // 0 is the root
} sz_json;

// Reads the one value that `text` is; it must stay alive as long as the tree.
sz_status sz_json_read(sz_json *j, sz_ctx *ctx, sz_arena *arena, const char *text, size_t len,
                       uint64_t base);
void sz_json_finish(sz_json *j);

// Member of a map by its key; NULL when there is none or `map` is no map (NULL included).
const sz_json_node *sz_json_get(const sz_json *j, const sz_json_node *map, const char *key);
static inline const sz_json_node *sz_json_first(const sz_json *j, const sz_json_node *of) {
    return of && of->child >= 0 ? &j->nodes.items[of->child] : NULL;
}
static inline const sz_json_node *sz_json_next(const sz_json *j, const sz_json_node *n) {
    return n->next >= 0 ? &j->nodes.items[n->next] : NULL;
}
// A whole number written as one (no fraction, no exponent) in [0, 2^63).
bool sz_json_size(const sz_json_node *n, int64_t *ret);

#endif
