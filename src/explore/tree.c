// SPDX-License-Identifier: Apache-2.0
#include "explore/tree.h"

#include <stdio.h>

// A list or mapping that is open. `indent`: column of its items; -1 = flow, up to its bracket.
typedef struct level {
    sz_twig *node;
    int indent;
    bool wants_more; // flow: a comma came, or nothing yet
} level;

typedef struct reader {
    sz_ctx *ctx;
    sz_arena *arena;
    const char *name, *at, *end, *line_start;
    int line;
    level open[SZ_TREE_DEPTH];
    size_t n_open;
    size_t n_nodes;
    sz_twig *root;
    const char *key; // waits for its value
    int key_line, key_column;
} reader;

SZ_PRINTF(2, 3)
static sz_status fail(const reader *r, const char *fmt, ...) {
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return sz_fail(r->ctx, SZ_ERR_INPUT, "file '%s': line %d: %s", r->name, r->line, what);
}

static int column(const reader *r) { return (int)(r->at - r->line_start); }
static level *top(reader *r) { return r->n_open > 0 ? &r->open[r->n_open - 1] : NULL; }
static bool in_flow(reader *r) { return r->n_open > 0 && top(r)->indent < 0; }

// Past blanks, comments and ends of lines.
static sz_status skip(reader *r) {
    for (; r->at < r->end; r->at++) {
        const char c = *r->at;
        if (c == '#' && (r->at == r->line_start || r->at[-1] == ' ' || r->at[-1] == '\t')) {
            while (r->at < r->end && *r->at != '\n') r->at++;
            if (r->at == r->end) return SZ_OK;
        }
        if (*r->at == '\n') {
            r->line++;
            r->line_start = r->at + 1;
        } else if (c == '\t' && !in_flow(r)) {
            return fail(r, "a tab: indent by spaces");
        } else if (c != ' ' && c != '\r' && c != '\t') {
            return SZ_OK;
        }
    }
    return SZ_OK;
}

// ---- nodes -------------------------------------------------------------------------------------

static sz_status check_key(const reader *r, const sz_twig *map) {
    for (const sz_twig *k = map->first; k; k = k->next)
        if (strcmp(k->key, r->key) == 0)
            return fail(r, "key '%s' is there twice, first in line %d", r->key, k->line);
    return SZ_OK;
}

// Into the list or mapping that is open, or as the root.
static sz_status add(reader *r, sz_twig_kind kind, const char *text, sz_twig **ret) {
    level *l = top(r);
    sz_twig *t = sz_arena_alloc(r->arena, sizeof *t);
    if (!t) return sz_no_memory(r->ctx);
    if (r->n_nodes++ == SZ_TREE_NODES) return fail(r, "more than %d entries", SZ_TREE_NODES);
    *t = (sz_twig){
        .kind = kind, .key = r->key, .text = text, .line = r->key ? r->key_line : r->line};
    if (!l) {
        if (r->root) return fail(r, "something stands behind the end");
        r->root = t;
    } else {
        if (l->node->kind == SZ_TWIG_MAP && !r->key) return fail(r, "'key: value' is needed here");
        if (l->node->kind == SZ_TWIG_MAP) SZ_TRY(check_key(r, l->node));
        if (l->node->last)
            l->node->last->next = t;
        else
            l->node->first = t;
        l->node->last = t;
        l->wants_more = false;
    }
    r->key = NULL;
    if (ret) *ret = t;
    return SZ_OK;
}

static sz_status open_node(reader *r, sz_twig_kind kind, int indent) {
    sz_twig *t;
    SZ_TRY(add(r, kind, NULL, &t));
    if (r->n_open == SZ_TREE_DEPTH) return fail(r, "more than %d levels", SZ_TREE_DEPTH);
    r->open[r->n_open++] = (level){t, indent, true};
    return SZ_OK;
}

// ---- words -------------------------------------------------------------------------------------

static bool read_hex(const char *p, uint32_t *ret) {
    *ret = 0;
    for (int i = 0; i < 4; i++) {
        const char c = p[i];
        const int v = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
        if (v < 0) return false;
        *ret = *ret * 16 + (uint32_t)v;
    }
    return true;
}

static size_t put_utf8(char *to, uint32_t c) {
    if (c < 0x80) return to[0] = (char)c, 1;
    if (c < 0x800) return to[0] = (char)(0xc0 | c >> 6), to[1] = (char)(0x80 | (c & 63)), 2;
    to[0] = (char)(0xe0 | c >> 12);
    to[1] = (char)(0x80 | (c >> 6 & 63));
    to[2] = (char)(0x80 | (c & 63));
    return 3;
}

// An escape behind its backslash; the text never grows.
static sz_status read_escape(reader *r, char *to, size_t *n) {
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    const char *k = r->at < r->end ? strchr(from, *r->at) : NULL;
    uint32_t c;
    if (k && *k) {
        to[(*n)++] = into[k - from];
        r->at++;
        return SZ_OK;
    }
    if (r->end - r->at < 5 || *r->at != 'u' || !read_hex(r->at + 1, &c))
        return fail(r, "an escape that is none of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
    if (c == 0 || (c >= 0xd800 && c < 0xe000))
        return fail(r, "\\u%04x is no character that names have", c);
    *n += put_utf8(to + *n, c);
    r->at += 5;
    return SZ_OK;
}

static sz_status read_quoted(reader *r, const char **ret) {
    const char quote = *r->at++;
    const size_t left = (size_t)(r->end - r->at);
    const char *close = memchr(r->at, quote, left);
    while (close && quote == '"' && close > r->at) { // an odd number of backslashes escapes it
        size_t slashes = 0;
        while (close - slashes > r->at && close[-1 - (ptrdiff_t)slashes] == '\\') slashes++;
        if (slashes % 2 == 0) break;
        close = memchr(close + 1, quote, (size_t)(r->end - close - 1));
    }
    const char *newline = memchr(r->at, '\n', left);
    if (!close || (newline && newline < close)) return fail(r, "a quote is open");
    char *text = sz_arena_array(r->arena, (size_t)(close - r->at) + 1, 1);
    size_t n = 0;
    if (!text) return sz_no_memory(r->ctx);
    while (r->at < close) {
        if (quote == '"' && *r->at == '\\') {
            r->at++;
            SZ_TRY(read_escape(r, text, &n));
        } else {
            text[n++] = *r->at++;
        }
    }
    r->at = close + 1;
    *ret = text;
    return SZ_OK;
}

// Ends where it would be something else: a comment, the end of the line, ": ", in flow , ] }.
static const char *end_of_plain(reader *r) {
    const bool flow = in_flow(r);
    const char *p = r->at;
    for (; p < r->end && *p != '\n' && *p != '\r'; p++) {
        if (*p == '#' && p > r->at && (p[-1] == ' ' || p[-1] == '\t')) break;
        if (*p == ':' && (p + 1 == r->end || strchr(" \t\r\n", p[1]))) break;
        if (flow && strchr(",[]{}", *p)) break;
    }
    while (p > r->at && (p[-1] == ' ' || p[-1] == '\t')) p--;
    return p;
}

static sz_status read_plain(reader *r, const char **ret) {
    const char *end = end_of_plain(r);
    const char first = *r->at;
    if (strchr("&*!|>%@`", first) && first)
        return fail(r,
                    "'%c' begins something of YAML that is not read here: put the word in "
                    "quotes",
                    first);
    if (end == r->at) return fail(r, "a word is missing before '%c'", first);
    if (memchr(r->at, 0, (size_t)(end - r->at))) return fail(r, "a byte 0 in the text");
    *ret = sz_arena_strdup(r->arena, r->at, (size_t)(end - r->at));
    r->at = end;
    return *ret ? SZ_OK : sz_no_memory(r->ctx);
}

static sz_status read_word(reader *r, const char **ret) {
    return *r->at == '"' || *r->at == '\'' ? read_quoted(r, ret) : read_plain(r, ret);
}

// Is the word just read a key? Moves past its colon.
static bool takes_colon(reader *r) {
    const char *p = r->at;
    while (p < r->end && (*p == ' ' || *p == '\t')) p++;
    if (p == r->end || *p != ':') return false;
    r->at = p + 1;
    return true;
}

// ---- structure ---------------------------------------------------------------------------------

static sz_status open_flow(reader *r) {
    const sz_twig_kind kind = *r->at == '[' ? SZ_TWIG_LIST : SZ_TWIG_MAP;
    r->at++;
    return open_node(r, kind, -1);
}

static sz_status close_flow(reader *r) {
    const char wanted = top(r)->node->kind == SZ_TWIG_LIST ? ']' : '}';
    if (*r->at != wanted)
        return fail(r, "'%c' where '%c' is open", *r->at, wanted == ']' ? '[' : '{');
    if (r->key) SZ_TRY(add(r, SZ_TWIG_WORD, "", NULL));
    r->n_open--;
    r->at++;
    return SZ_OK;
}

static sz_status flow_comma(reader *r) {
    if (r->key) SZ_TRY(add(r, SZ_TWIG_WORD, "", NULL));
    if (top(r)->wants_more) return fail(r, "nothing stands before a comma");
    top(r)->wants_more = true;
    r->at++;
    return SZ_OK;
}

static void keep_key(reader *r, const char *word, int at_column) {
    r->key = word;
    r->key_line = r->line;
    r->key_column = at_column;
}

static sz_status step_flow(reader *r) {
    const char *word;
    if (*r->at == ']' || *r->at == '}') return close_flow(r);
    if (*r->at == ',') return flow_comma(r);
    if (!top(r)->wants_more) return fail(r, "a comma is missing");
    if (*r->at == '[' || *r->at == '{') return open_flow(r);
    SZ_TRY(read_word(r, &word));
    if (top(r)->node->kind == SZ_TWIG_MAP && !r->key) {
        if (!takes_colon(r)) return fail(r, "':' is missing behind key '%s'", word);
        keep_key(r, word, 0);
        return SZ_OK;
    }
    return add(r, SZ_TWIG_WORD, word, NULL);
}

// Lists and mappings further in than this column are at their end.
static sz_status close_to(reader *r, int at_column, bool is_dash) {
    if (r->key && (at_column < r->key_column || (at_column == r->key_column && !is_dash)))
        SZ_TRY(add(r, SZ_TWIG_WORD, "", NULL)); // "key:" and nothing
    while (r->n_open > 0 && !r->key) {
        const level *l = top(r);
        const bool is_of_it = l->indent == at_column && (l->node->kind == SZ_TWIG_LIST) == is_dash;
        const bool is_odd = l->indent == at_column && is_dash && l->node->kind == SZ_TWIG_MAP;
        if (l->indent < at_column || is_of_it || is_odd) break; // dash() says what is odd
        r->n_open--;
    }
    return SZ_OK;
}

static sz_status dash(reader *r) {
    const int at = column(r);
    const level *l = top(r);
    if (!(l && l->node->kind == SZ_TWIG_LIST && l->indent == at && !r->key)) {
        if (l && !r->key && l->node->kind == SZ_TWIG_MAP)
            return fail(r, "a list item among keys: indent it below its key");
        SZ_TRY(open_node(r, SZ_TWIG_LIST, at));
    }
    r->at++;
    return SZ_OK;
}

// A word in block style at this column: a key, or a value.
static sz_status block_word(reader *r) {
    const int at = column(r);
    const char *word;
    SZ_TRY(read_word(r, &word));
    if (!takes_colon(r)) {
        if (r->root && r->n_open == 0) return fail(r, "'%s' is neither key nor item", word);
        return add(r, SZ_TWIG_WORD, word, NULL);
    }
    const level *l = top(r);
    if (!(l && l->node->kind == SZ_TWIG_MAP && l->indent == at && !r->key)) {
        if (r->key && r->line == r->key_line)
            return fail(r, "two keys in one line: '%s' and '%s'", r->key, word);
        if (l && !r->key && l->node->kind == SZ_TWIG_MAP)
            return fail(r, "key '%s' is indented unlike the keys before it", word);
        SZ_TRY(open_node(r, SZ_TWIG_MAP, at));
    }
    keep_key(r, word, at);
    return SZ_OK;
}

static sz_status step_block(reader *r, bool begins_line) {
    const bool is_dash = *r->at == '-' && (r->at + 1 == r->end || strchr(" \r\n", r->at[1]));
    if (begins_line) {
        if (r->end - r->at >= 3 && memcmp(r->at, "---", 3) == 0 && column(r) == 0) {
            if (r->root) return fail(r, "a second document");
            r->at += 3;
            return SZ_OK;
        }
        SZ_TRY(close_to(r, column(r), is_dash));
    }
    if (is_dash) return dash(r);
    if (*r->at == '[' || *r->at == '{') return open_flow(r);
    return block_word(r);
}

static sz_status read_all(reader *r) {
    int last = 0; // line that had something
    for (;;) {
        SZ_TRY(skip(r));
        if (r->at >= r->end) break;
        const bool begins_line = r->line != last;
        last = r->line;
        SZ_TRY(in_flow(r) ? step_flow(r) : step_block(r, begins_line));
        last = r->line;
    }
    if (in_flow(r)) return fail(r, "'%c' is open", top(r)->node->kind == SZ_TWIG_LIST ? '[' : '{');
    if (r->key) SZ_TRY(add(r, SZ_TWIG_WORD, "", NULL));
    return r->root ? SZ_OK : fail(r, "there is nothing in it");
}

sz_status sz_tree_read(sz_ctx *ctx, sz_arena *arena, const char *name, const char *text,
                       size_t size, sz_twig **ret_root) {
    reader r = {.ctx = ctx,
                .arena = arena,
                .name = name,
                .at = text,
                .end = text + size,
                .line_start = text,
                .line = 1};
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) r.at += 3, r.line_start += 3;
    SZ_TRY(read_all(&r));
    *ret_root = r.root;
    return SZ_OK;
}
