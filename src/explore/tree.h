// SPDX-License-Identifier: Apache-2.0
// A specification as a tree: JSON, and the part of YAML that people write such files in.
//
// Of YAML: mappings and lists by indentation ("key: value", "- item"), flow mappings and lists
// ({a: 1}, [1, 2]) over any number of lines, words plain, in '...' or "...", and # comments. No
// anchors, tags, several documents or texts over several lines: each is refused by name. JSON is
// flow alone. Read with a stack, no deeper than SZ_TREE_DEPTH; keys of a mapping differ.
#ifndef SZ_EXPLORE_TREE_H
#define SZ_EXPLORE_TREE_H

#include "base/base.h"

enum { SZ_TREE_DEPTH = 16, SZ_TREE_NODES = 1000000 };

typedef enum sz_twig_kind { SZ_TWIG_WORD, SZ_TWIG_LIST, SZ_TWIG_MAP } sz_twig_kind;
typedef struct sz_twig {
    sz_twig_kind kind;
    const char *key;  // in a mapping, else NULL
    const char *text; // of a word
    int line;
    struct sz_twig *first, *last, *next; // what is in it
} sz_twig;

// `name` is that of the file, for messages. Memory of the arena.
sz_status sz_tree_read(sz_ctx *ctx, sz_arena *arena, const char *name, const char *text,
                       size_t size, sz_twig **ret_root);

#endif
