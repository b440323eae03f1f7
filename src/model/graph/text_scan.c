// SPDX-License-Identifier: Apache-2.0
// Scanner of the text form: places, words, strings, numbers.
#include "model/graph/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_NUMBER = 64 }; // characters; the longest shortest form of a double has 24

void sz_text_init(sz_text *t, sz_graph *g, const char *text, size_t len) {
    *t = (sz_text){.ctx = g->ctx, .graph = g, .start = text, .at = text, .end = text + len};
}

// ---- places ------------------------------------------------------------------------------------

static void line_and_column(const sz_text *t, unsigned *ret_line, unsigned *ret_column) {
    unsigned line = 1, column = 1;
    for (const char *p = t->start; p < t->at; p++) {
        column++;
        if (*p == '\n') line++, column = 1;
    }
    *ret_line = line, *ret_column = column;
}

sz_status sz_text_place(const sz_text *t, sz_status status) {
    unsigned line, column;
    line_and_column(t, &line, &column);
    return sz_place(t->ctx, status, "line %u:%u", line, column);
}

sz_status sz_text_fail(const sz_text *t, const char *fmt, ...) {
    char message[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return sz_text_place(t, sz_fail(t->ctx, SZ_ERR_INPUT, "%s", message));
}

// ---- characters --------------------------------------------------------------------------------

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_inner(char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '/' || c == ':' || c == '-';
}

static const char *after_space(const sz_text *t, const char *p) {
    for (; p < t->end; p++) {
        if (*p == '#') {
            while (p < t->end && *p != '\n') p++;
            if (p == t->end) break;
        }
        if (!is_space(*p)) break;
    }
    return p;
}

bool sz_text_done(sz_text *t) {
    t->at = after_space(t, t->at);
    return t->at == t->end;
}

char sz_text_peek(sz_text *t) { return sz_text_done(t) ? 0 : *t->at; }

bool sz_text_take(sz_text *t, char c) {
    if (sz_text_done(t) || *t->at != c) return false;
    t->at++;
    return true;
}

sz_status sz_text_expect(sz_text *t, char c) {
    if (sz_text_take(t, c)) return SZ_OK;
    if (sz_text_done(t)) return sz_text_fail(t, "expected '%c', found the end", c);
    return sz_text_fail(t, "expected '%c', found '%s'", c, sz_show(t->ctx, (sz_str){t->at, 1}));
}

// ---- words and strings -------------------------------------------------------------------------

// A colon ends a word unless more of the word follows it, so that "x: f32[2]" reads as meant.
sz_str sz_text_word(sz_text *t) {
    if (sz_text_done(t) || !is_letter(*t->at)) return (sz_str){t->at, 0};
    const char *p = t->at;
    while (p < t->end && is_inner(*p)) p++;
    while (p[-1] == ':') p--;
    return (sz_str){t->at, (uint32_t)(p - t->at)};
}

bool sz_text_is_bare(sz_str name) {
    if (name.len == 0 || !is_letter(name.p[0]) || name.p[name.len - 1] == ':') return false;
    for (uint32_t i = 1; i < name.len; i++)
        if (!is_inner(name.p[i])) return false;
    return !sz_str_is(name, "_"); // stands for "left out"
}

bool sz_text_take_word(sz_text *t, const char *word) {
    sz_str w = sz_text_word(t);
    if (!sz_str_is(w, word)) return false;
    t->at += w.len;
    return true;
}

char sz_text_after_word(sz_text *t) {
    sz_str w = sz_text_word(t);
    const char *p = after_space(t, w.p + w.len);
    return p == t->end ? 0 : *p;
}

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The escape at t->at, which is behind the backslash.
static sz_status escape(sz_text *t, char *ret) {
    if (t->end - t->at >= 1 && (*t->at == '"' || *t->at == '\\')) {
        *ret = *t->at++;
        return SZ_OK;
    }
    if (t->end - t->at >= 3 && *t->at == 'x') {
        int high = hex_digit(t->at[1]), low = hex_digit(t->at[2]);
        if (high >= 0 && low >= 0) {
            *ret = (char)(unsigned char)(high * 16 + low);
            t->at += 3;
            return SZ_OK;
        }
    }
    return sz_text_fail(t, "expected \\\", \\\\ or \\xNN after the backslash");
}

sz_status sz_text_string(sz_text *t, sz_str *ret) {
    SZ_TRY(sz_text_expect(t, '"'));
    const char *p = t->at; // the result is never longer than what is between the quotes
    while (p < t->end && *p != '"') p += *p == '\\' && p + 1 < t->end ? 2 : 1;
    if (p >= t->end) return sz_text_fail(t, "string without closing quote");
    char *out = sz_arena_alloc(t->graph->arena, (size_t)(p - t->at) + 1);
    if (!out) return sz_no_memory(t->ctx);
    uint32_t n = 0;
    while (*t->at != '"') {
        char c = *t->at++;
        if (c == '\\') SZ_TRY(escape(t, &c));
        out[n++] = c;
    }
    t->at++;
    *ret = (sz_str){out, n};
    return SZ_OK;
}

sz_status sz_text_name(sz_text *t, sz_str *ret, bool *ret_quoted) {
    bool quoted = sz_text_peek(t) == '"';
    if (ret_quoted) *ret_quoted = quoted;
    if (quoted) return sz_text_string(t, ret);
    sz_str w = sz_text_word(t);
    if (w.len == 0) return sz_text_fail(t, "expected a name");
    char *copy = sz_arena_strdup(t->graph->arena, w.p, w.len);
    if (!copy) return sz_no_memory(t->ctx);
    t->at += w.len;
    *ret = (sz_str){copy, w.len};
    return SZ_OK;
}

// ---- numbers -----------------------------------------------------------------------------------

sz_status sz_scan_int(sz_text *t, int64_t *ret) {
    bool is_int;
    double f;
    const char *from = (sz_text_done(t), t->at);
    SZ_TRY(sz_scan_number(t, &is_int, ret, &f));
    if (is_int) return SZ_OK;
    t->at = from;
    return sz_text_fail(t, "expected an integer");
}

// Length of the number ahead: sign, digits, point, exponent. Loose; strtod decides.
static size_t number_length(const sz_text *t, bool *ret_is_int) {
    const char *p = t->at;
    *ret_is_int = true;
    if (p < t->end && (*p == '-' || *p == '+')) p++;
    for (; p < t->end; p++) {
        if (is_digit(*p)) continue;
        bool sign = (*p == '-' || *p == '+') && (p[-1] == 'e' || p[-1] == 'E');
        if (*p != '.' && *p != 'e' && *p != 'E' && !sign) break;
        *ret_is_int = false;
    }
    return (size_t)(p - t->at);
}

// strtod for text with a point, whatever the locale of the program calls a decimal point.
static bool to_double(char *text, double *ret) {
    char half[8], *rest, *point = strchr(text, '.');
    snprintf(half, sizeof half, "%.1f", 0.5);
    if (point) *point = half[1];
    *ret = strtod(text, &rest);
    return rest != text && *rest == 0;
}

static bool infinite_or_nan(sz_text *t, double *ret) {
    const char *from = t->at;
    bool minus = sz_text_take(t, '-');
    if (sz_text_take_word(t, "inf")) return *ret = minus ? -INFINITY : INFINITY, true;
    if (sz_text_take_word(t, "nan")) return *ret = NAN, true;
    t->at = from;
    return false;
}

sz_status sz_scan_number(sz_text *t, bool *ret_is_int, int64_t *ret_i, double *ret_f) {
    char buffer[MAX_NUMBER + 1];
    *ret_i = 0;
    if (sz_text_done(t)) return sz_text_fail(t, "expected a number, found the end");
    if (infinite_or_nan(t, ret_f)) return *ret_is_int = false, SZ_OK;
    size_t len = number_length(t, ret_is_int);
    if (len == 0) return sz_text_fail(t, "expected a number");
    if (len > MAX_NUMBER) return sz_text_fail(t, "number of more than %d characters", MAX_NUMBER);
    memcpy(buffer, t->at, len);
    buffer[len] = 0;
    if (*ret_is_int) {
        char *rest;
        errno = 0;
        long long i = strtoll(buffer, &rest, 10);
        if (*rest || rest == buffer) return sz_text_fail(t, "expected a number");
        if (errno == ERANGE) return sz_text_fail(t, "integer beyond 64 bits");
        *ret_i = i, *ret_f = (double)i;
    } else {
        if (!to_double(buffer, ret_f)) return sz_text_fail(t, "expected a number");
        float single = (float)*ret_f;
        bool wide = t->at + len < t->end && t->at[len] == 'd';
        if (wide) len++;
        else if (!isinf(single)) *ret_f = (double)single;
    }
    t->at += len;
    return SZ_OK;
}
