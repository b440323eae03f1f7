// SPDX-License-Identifier: Apache-2.0
// The scanner under the text form of graphs (docs/graph-text.md). Shared by the reader of graphs
// and by the tests, which read types and numbers in the same notation. Never looks past `end`; the
// text need not end in NUL.
#ifndef SZ_TEXT_H
#define SZ_TEXT_H

#include "model/graph/graph.h"

typedef struct sz_text {
    sz_ctx *ctx;
    sz_graph *graph; // its arena keeps the strings, its root the symbols
    const char *start, *at, *end;
} sz_text;

void sz_text_init(sz_text *t, sz_graph *g, const char *text, size_t len);

// Fail with "line L:C: <message>" for the present place.
sz_status sz_text_fail(const sz_text *t, const char *fmt, ...) SZ_PRINTF(2, 3);
// Put the present place before an error that somebody else set.
sz_status sz_text_place(const sz_text *t, sz_status status);

// All of these skip white space and comments first.
bool sz_text_done(sz_text *t);
char sz_text_peek(sz_text *t); // next character, 0 at the end
bool sz_text_take(sz_text *t, char c);
sz_status sz_text_expect(sz_text *t, char c);
sz_str sz_text_word(sz_text *t);                // bare word ahead (not taken); len 0 = none
bool sz_text_take_word(sz_text *t, const char *word);
// What follows the bare word ahead: the first character after it and the white space behind it.
char sz_text_after_word(sz_text *t);
sz_status sz_text_string(sz_text *t, sz_str *ret); // "quoted", escapes resolved
// Bare or quoted; *ret_quoted tells which and may be NULL.
sz_status sz_text_name(sz_text *t, sz_str *ret, bool *ret_quoted);
sz_status sz_scan_int(sz_text *t, int64_t *ret);
// A number; without point, exponent, inf or nan it is an integer and *ret_is_int is set.
// Without the suffix d a float is rounded to single precision, as the formats store attributes.
sz_status sz_scan_number(sz_text *t, bool *ret_is_int, int64_t *ret_i, double *ret_f);

sz_status sz_text_type(sz_text *t, sz_type *ret);
// "{1, 2, 3}" as the numbers of a tensor of this type, which must be static.
sz_status sz_text_numbers(sz_text *t, const sz_type *type, const sz_tensor **ret);
// The same where the shape is not stated: as many as there are, at most `max`; see (*ret)->count.
sz_status sz_text_items(sz_text *t, sz_dtype dtype, int64_t max, const sz_tensor **ret);

// The value of an attribute: number, string, list of these, type. Name and n are the caller's.
sz_status sz_text_attr(sz_text *t, sz_attr *ret);

bool sz_text_is_bare(sz_str name); // may it stand without quotes?

#endif
