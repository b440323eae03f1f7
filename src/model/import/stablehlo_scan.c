// SPDX-License-Identifier: Apache-2.0
// StableHLO text: characters and the texts made of them.
#include "model/import/stablehlo.h"

#include "model/graph/allowance.h"

#include <inttypes.h>
#include <stdio.h>

sz_status shlo_fail(shlo *x, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return sz_fail(x->ctx, SZ_ERR_INPUT, "line %" PRId64 ":%" PRId64 ": %s", x->line, x->column,
                   text);
}

// ---- bytes -------------------------------------------------------------------------------------

sz_status shlo_scan_init(shlo *x) {
    x->line = x->column = 1;
    x->memory_base = sz_ctx_memory_used(x->ctx);
    sz_ctx_set_job_limit(x->ctx, x->memory_base + sz_allowance(0));
    x->window = sz_alloc(x->ctx, SZ_SHLO_WINDOW);
    return x->window ? SZ_OK : sz_no_memory(x->ctx);
}

uint64_t shlo_header(const shlo *x) { return x->at + x->have; }

// Moves what is unread to the front and fills the rest.
static sz_status refill(shlo *x) {
    const size_t unread = x->have - x->next;
    memmove(x->window, x->window + x->next, unread);
    x->at += x->next;
    x->next = 0;
    x->have = unread;
    const uint64_t left = x->source->size - (x->at + unread);
    const size_t room = SZ_SHLO_WINDOW - unread, len = left < room ? (size_t)left : room;
    if (len == 0) return SZ_OK;
    SZ_TRY(x->source->read(x->source, x->ctx, x->at + unread, x->window + unread, len));
    x->have = unread + len;
    sz_ctx_set_job_limit(x->ctx, x->memory_base + sz_allowance(shlo_header(x)));
    return SZ_OK;
}

sz_status shlo_peek(shlo *x, size_t ahead, int *ret_byte) {
    if (x->next + ahead >= x->have && x->at + x->have < x->source->size) SZ_TRY(refill(x));
    *ret_byte = x->next + ahead < x->have ? x->window[x->next + ahead] : SHLO_EOF;
    return SZ_OK;
}

sz_status shlo_get(shlo *x, int *ret_byte) {
    SZ_TRY(shlo_peek(x, 0, ret_byte));
    if (*ret_byte == SHLO_EOF) return shlo_fail(x, "the file ends here (is it cut off?)");
    x->next++;
    x->column++;
    if (*ret_byte == '\n') x->line++, x->column = 1;
    return SZ_OK;
}

static bool is_blank(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

sz_status shlo_space(shlo *x) {
    int c, next;
    for (;;) {
        SZ_TRY(shlo_peek(x, 0, &c));
        if (c == '/') {
            SZ_TRY(shlo_peek(x, 1, &next));
            if (next != '/') return SZ_OK;
            while (c != '\n' && c != SHLO_EOF) {
                SZ_TRY(shlo_get(x, &c));
                if (c != '\n') SZ_TRY(shlo_peek(x, 0, &c));
            }
            continue;
        }
        if (!is_blank(c)) return SZ_OK;
        SZ_TRY(shlo_get(x, &c));
    }
}

sz_status shlo_accept(shlo *x, char wanted, bool *ret_there) {
    int c;
    SZ_TRY(shlo_space(x));
    SZ_TRY(shlo_peek(x, 0, &c));
    *ret_there = c == wanted;
    return *ret_there ? shlo_get(x, &c) : SZ_OK;
}

sz_status shlo_expect(shlo *x, char wanted) {
    bool there;
    SZ_TRY(shlo_accept(x, wanted, &there));
    return there ? SZ_OK : shlo_fail(x, "'%c' is expected here", wanted);
}

// ---- texts -------------------------------------------------------------------------------------

sz_status shlo_keep(shlo *x, sz_str text, sz_str *ret_copy) {
    char *copy = sz_arena_strdup(&x->scratch, text.p ? text.p : "", text.len);
    if (!copy) return sz_no_memory(x->ctx);
    *ret_copy = (sz_str){copy, text.len};
    return SZ_OK;
}

sz_status shlo_keep_long(shlo *x, sz_str text, sz_str *ret_copy) {
    char *copy = sz_arena_strdup(x->root->arena, text.p ? text.p : "", text.len);
    if (!copy) return sz_no_memory(x->ctx);
    *ret_copy = (sz_str){copy, text.len};
    return SZ_OK;
}

// Text behind SZ_SHLO_MAX_TEXT is read and forgotten: weights may stand in the file as one string.
static sz_status add(shlo *x, int c) {
    if (x->buf.n >= SZ_SHLO_MAX_TEXT) return SZ_OK;
    return sz_vec_push(x->ctx, &x->buf, (char)c) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_str in_buf(const shlo *x) {
    return (sz_str){x->buf.n ? x->buf.items : "", (uint32_t)x->buf.n};
}

bool shlo_is_word(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '$';
}

// Names of values and symbols may also hold '-'; no arrow begins inside of a word.
sz_status shlo_word(shlo *x, sz_str *ret_word) {
    int c, next;
    x->buf.n = 0;
    for (;;) {
        SZ_TRY(shlo_peek(x, 0, &c));
        if (c == '-' && x->buf.n) {
            SZ_TRY(shlo_peek(x, 1, &next));
            if (!shlo_is_word(next)) break;
        } else if (!shlo_is_word(c)) {
            break;
        }
        if (x->buf.n >= SZ_SHLO_MAX_TEXT) return shlo_fail(x, "a name is too long");
        SZ_TRY(add(x, c));
        SZ_TRY(shlo_get(x, &c));
    }
    *ret_word = in_buf(x);
    return SZ_OK;
}

// At a '"'. Escapes are kept as they stand.
static sz_status add_quoted(shlo *x, bool keeps_quotes) {
    int c;
    SZ_TRY(shlo_get(x, &c));
    if (keeps_quotes) SZ_TRY(add(x, c));
    for (;;) {
        SZ_TRY(shlo_get(x, &c));
        if (c == '\n') return shlo_fail(x, "a line ends inside of a string");
        if (c == '"') break;
        SZ_TRY(add(x, c));
        if (c != '\\') continue;
        SZ_TRY(shlo_get(x, &c));
        SZ_TRY(add(x, c));
    }
    return keeps_quotes ? add(x, '"') : SZ_OK;
}

sz_status shlo_quoted(shlo *x, sz_str *ret_text) {
    x->buf.n = 0;
    SZ_TRY(add_quoted(x, false));
    *ret_text = in_buf(x);
    return SZ_OK;
}

// One byte outside of strings; depth of brackets. *ret_arrow: it begins "->", whose '>' is none.
static sz_status step(shlo *x, int c, int64_t *depth) {
    int next;
    if (c == '"') return add_quoted(x, true);
    SZ_TRY(shlo_get(x, &c));
    SZ_TRY(add(x, c));
    if (c == '-') {
        SZ_TRY(shlo_peek(x, 0, &next));
        if (next != '>') return SZ_OK;
        SZ_TRY(shlo_get(x, &c));
        return add(x, c);
    }
    if (strchr("([{<", c) && c) ++*depth;
    if (strchr(")]}>", c) && c) --*depth;
    return SZ_OK;
}

sz_status shlo_until(shlo *x, const char *stops, sz_str *ret_text) {
    int64_t depth = 0;
    int c;
    x->buf.n = 0;
    SZ_TRY(shlo_space(x));
    for (;;) {
        SZ_TRY(shlo_peek(x, 0, &c));
        if (c == SHLO_EOF) return shlo_fail(x, "the file ends here (is it cut off?)");
        if (depth == 0 && c && strchr(stops, c)) break;
        if (depth == 0 && c && strchr(")]}>", c)) break;
        SZ_TRY(step(x, c, &depth));
    }
    sz_str text = in_buf(x);
    while (text.len && is_blank(text.p[text.len - 1])) text.len--;
    return shlo_keep(x, text, ret_text);
}
