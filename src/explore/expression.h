// SPDX-License-Identifier: Apache-2.0
// Constraints: "batch*seq <= 8192 and (dtype = f32 or machine.memory > 16e9)".
//
// or < and < not < comparison < + - < * / % < sign. Numbers, names, words and 'words in quotes'. A
// comparison of two words, or of a word and a value that is one, is of the text. Parsed by a stack
// of operators, run by a stack of values: no recursion.
#ifndef SZ_EXPLORE_EXPRESSION_H
#define SZ_EXPLORE_EXPRESSION_H

#include "base/base.h"

struct sz_space;

typedef struct sz_instruction {
    uint8_t op;
    uint32_t at; // parameter or fact
    double number;
    const char *word; // of a word or of a parameter's name
} sz_instruction;

typedef struct sz_expression {
    sz_instruction *code;
    uint32_t n;
    uint64_t uses; // bit p: parameter p is looked at
} sz_expression;

enum { SZ_EXPRESSION_DEPTH = 64, SZ_EXPRESSION_LONG = 512 };

// Names are those of the space; other words stand for themselves, but only beside = or !=.
sz_status sz_expression_read(sz_ctx *ctx, const struct sz_space *space, sz_arena *arena,
                             const char *text, sz_expression *ret_expression);
// Does it hold? A number that is not known makes a comparison false.
bool sz_expression_holds(const sz_expression *expression, const struct sz_space *space,
                         const uint32_t *setting);

#endif
