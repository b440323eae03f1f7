// SPDX-License-Identifier: Apache-2.0
#include "model/import/hlo_scan.h"

#include "model/graph/allowance.h"
#include "model/import/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

sz_status hlo_scan_init(hlo_scan *s, sz_ctx *ctx, sz_source *source) {
    *s = (hlo_scan){.ctx = ctx, .source = source, .line = 1, .mark_line = 1};
    s->memory_base = sz_ctx_memory_used(ctx);
    sz_ctx_set_job_limit(ctx, s->memory_base + sz_allowance(0));
    s->window = sz_alloc(ctx, SZ_WIRE_WINDOW);
    return s->window ? SZ_OK : sz_no_memory(ctx);
}

void hlo_scan_finish(hlo_scan *s) {
    sz_free(s->ctx, s->window, SZ_WIRE_WINDOW);
    sz_vec_finish(s->ctx, &s->text);
}

sz_status hlo_scan_place(const hlo_scan *s, sz_status status) {
    return sz_place(s->ctx, status, "line %" PRIu64 ":%" PRIu64, s->mark_line,
                    s->mark - s->mark_start + 1);
}

sz_status hlo_scan_fail(const hlo_scan *s, const char *fmt, ...) {
    char text[1024];
    va_list args;
    if (s->status != SZ_OK) return s->status; // the file could not be read: that sentence stays
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return hlo_scan_place(s, sz_fail(s->ctx, SZ_ERR_INPUT, "%s", text));
}

// ---- bytes -------------------------------------------------------------------------------------

static bool refill(hlo_scan *s) {
    s->at += s->have;
    s->pos = s->have = 0;
    if (s->status != SZ_OK || s->at >= s->source->size) return false;
    const uint64_t left = s->source->size - s->at;
    const size_t n = left < SZ_WIRE_WINDOW ? (size_t)left : SZ_WIRE_WINDOW;
    s->status = s->source->read(s->source, s->ctx, s->at, s->window, n);
    const unsigned char *nul = s->status == SZ_OK ? memchr(s->window, 0, n) : NULL;
    if (nul)
        s->status = sz_fail(s->ctx, SZ_ERR_INPUT, "@%" PRIu64 ": byte 0x00 in a text",
                            s->at + (uint64_t)(nul - s->window));
    if (s->status != SZ_OK) return false;
    s->have = n;
    sz_ctx_set_job_limit(s->ctx, s->memory_base + sz_allowance(s->at + n));
    return true;
}

int hlo_peek_raw(hlo_scan *s) {
    if (s->pos == s->have && !refill(s)) return -1;
    return s->window[s->pos];
}

void hlo_next_raw(hlo_scan *s) {
    if (hlo_peek_raw(s) < 0) return;
    if (s->window[s->pos++] == '\n') s->line++, s->start = s->at + s->pos;
}

static void mark(hlo_scan *s) {
    s->mark = s->at + s->pos;
    s->mark_line = s->line, s->mark_start = s->start;
}

// Behind the slash of what may be a comment. false: it is none, the slash stands for itself.
static bool skip_comment(hlo_scan *s) {
    int c = hlo_peek_raw(s);
    if (c == '/') {
        while (c >= 0 && c != '\n') hlo_next_raw(s), c = hlo_peek_raw(s);
        return true;
    }
    if (c != '*') return false;
    hlo_next_raw(s);
    for (int last = 0; (c = hlo_peek_raw(s)) >= 0; last = c) {
        hlo_next_raw(s);
        if (last == '*' && c == '/') return true;
    }
    return true;
}

static int peek_behind(hlo_scan *s, bool lines) {
    for (;;) {
        int c = hlo_peek_raw(s);
        mark(s);
        if (c == '/') {
            hlo_next_raw(s);
            if (!skip_comment(s)) return '/';
        } else if (c == ' ' || c == '\t' || c == '\r' || (c == '\n' && lines)) {
            hlo_next_raw(s);
        } else {
            return c;
        }
    }
}

int hlo_peek(hlo_scan *s) { return peek_behind(s, true); }
int hlo_peek_line(hlo_scan *s) { return peek_behind(s, false); }

bool hlo_take(hlo_scan *s, char c) {
    if (hlo_peek(s) != c) return false;
    hlo_next_raw(s);
    return true;
}

sz_status hlo_expect(hlo_scan *s, char c, const char *after) {
    if (hlo_take(s, c)) return SZ_OK;
    int found = hlo_peek(s);
    if (found < 0)
        return hlo_scan_fail(s, "the file ends where '%c' is expected after %s", c, after);
    if (found > 0x20 && found < 0x7f)
        return hlo_scan_fail(s, "'%c' where '%c' is expected after %s", found, c, after);
    return hlo_scan_fail(s, "byte 0x%02x where '%c' is expected after %s", (unsigned)found, c,
                         after);
}

// ---- tokens ------------------------------------------------------------------------------------

static bool is_letter(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '$';
}

static sz_status push(hlo_scan *s, int c) {
    return sz_vec_push(s->ctx, &s->text, (char)c) ? SZ_OK : sz_no_memory(s->ctx);
}

static sz_str text_of(const hlo_scan *s) {
    return (sz_str){s->text.n ? s->text.items : "", (uint32_t)s->text.n};
}

sz_status hlo_scan_word(hlo_scan *s, sz_str *ret) {
    s->text.n = 0;
    if (hlo_peek(s) == '%') hlo_next_raw(s);
    if (hlo_peek_raw(s) == '"') return hlo_scan_string(s, ret);
    for (int c; is_letter(c = hlo_peek_raw(s)); hlo_next_raw(s)) {
        if (s->text.n >= SZ_HLO_MAX_NAME)
            return hlo_scan_fail(s, "a name of more than %d bytes", SZ_HLO_MAX_NAME);
        SZ_TRY(push(s, c));
    }
    *ret = text_of(s);
    return SZ_OK;
}

static int hex(int c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Behind a backslash: C's escapes, as printers write them.
static int escaped(hlo_scan *s) {
    int c = hlo_peek_raw(s);
    hlo_next_raw(s);
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    if (c == 'r') return '\r';
    if (c == 'x') {
        int value = 0;
        for (int k = 0; k < 2 && hex(hlo_peek_raw(s)) >= 0; k++) {
            value = value * 16 + hex(hlo_peek_raw(s));
            hlo_next_raw(s);
        }
        return value;
    }
    if (c < '0' || c > '7') return c;
    int value = c - '0';
    for (int k = 0; k < 2; k++) {
        c = hlo_peek_raw(s);
        if (c < '0' || c > '7') break;
        value = value * 8 + c - '0';
        hlo_next_raw(s);
    }
    return value & 0xff;
}

sz_status hlo_scan_string(hlo_scan *s, sz_str *ret) {
    s->text.n = 0;
    hlo_next_raw(s); // the quote
    for (int c; (c = hlo_peek_raw(s)) != '"';) {
        if (c < 0) return hlo_scan_fail(s, "the file ends inside of a string");
        hlo_next_raw(s);
        if (c == '\\') c = escaped(s);
        if (c < 0) return hlo_scan_fail(s, "the file ends inside of a string");
        if (s->text.n >= SZ_WIRE_MAX_TEXT)
            return hlo_scan_fail(s, "a string of more than %d bytes", SZ_WIRE_MAX_TEXT);
        SZ_TRY(push(s, c));
    }
    hlo_next_raw(s);
    *ret = text_of(s);
    return SZ_OK;
}

sz_status hlo_scan_int(hlo_scan *s, int64_t *ret) {
    const bool negative = hlo_peek(s) == '-';
    if (negative) hlo_next_raw(s);
    int c = hlo_peek_raw(s);
    if (c < '0' || c > '9') return hlo_scan_fail(s, "a number is expected");
    for (*ret = 0; (c = hlo_peek_raw(s)) >= '0' && c <= '9'; hlo_next_raw(s))
        if (!sz_mul(*ret, 10, ret) || !sz_add(*ret, c - '0', ret))
            return hlo_scan_fail(s, "a number exceeds 2^63");
    if (negative) *ret = -*ret;
    return SZ_OK;
}

// ---- raw values --------------------------------------------------------------------------------

typedef struct raw {
    bool keep, cut;
    int64_t depth;
} raw;

static sz_status put(hlo_scan *s, raw *r, int c) {
    if (!r->keep || r->cut) return SZ_OK;
    if (s->text.n >= SZ_WIRE_MAX_TEXT) {
        r->cut = true;
        return SZ_OK;
    }
    return push(s, c);
}

// A string inside of a value, as it is written.
static sz_status raw_string(hlo_scan *s, raw *r) {
    int c = '"';
    do {
        hlo_next_raw(s);
        SZ_TRY(put(s, r, c));
        if (c == '\\') {
            if ((c = hlo_peek_raw(s)) >= 0) SZ_TRY(put(s, r, c));
            hlo_next_raw(s);
        }
        if ((c = hlo_peek_raw(s)) < 0) return hlo_scan_fail(s, "the file ends inside of a string");
    } while (c != '"');
    hlo_next_raw(s);
    return put(s, r, '"');
}

static bool ends_value(const raw *r, int c) {
    return c < 0 || (r->depth == 0 && (c == ',' || c == '\n' || c == ')' || c == '}' || c == ']'));
}

static sz_status raw_byte(hlo_scan *s, raw *r, int c) {
    if (c == '"') return raw_string(s, r);
    hlo_next_raw(s);
    if (c == '/' && skip_comment(s)) return SZ_OK;
    if (c == '{' || c == '(' || c == '[') r->depth++;
    if (c == '}' || c == ')' || c == ']') r->depth--;
    if (r->depth > SZ_HLO_MAX_BRACKETS)
        return hlo_scan_fail(s, "brackets nest more than %d levels deep", SZ_HLO_MAX_BRACKETS);
    return c == '\n' || c == '\r' ? SZ_OK : put(s, r, c);
}

sz_status hlo_scan_value(hlo_scan *s, bool keep, sz_str *ret, bool *ret_cut) {
    raw r = {.keep = keep};
    s->text.n = 0;
    hlo_peek_line(s); // marks
    for (int c; !ends_value(&r, c = hlo_peek_raw(s));) SZ_TRY(raw_byte(s, &r, c));
    if (s->status != SZ_OK) return s->status;
    if (r.depth > 0) return hlo_scan_fail(s, "a bracket is never closed");
    while (s->text.n > 0 &&
           (s->text.items[s->text.n - 1] == ' ' || s->text.items[s->text.n - 1] == '\t'))
        s->text.n--;
    if (r.cut) s->text.n = 0;
    *ret_cut = r.cut;
    *ret = text_of(s);
    return SZ_OK;
}

sz_status hlo_skip_to_brace(hlo_scan *s) {
    raw r = {.depth = 1};
    while (r.depth > 0) {
        const int c = hlo_peek_raw(s);
        if (c < 0) return hlo_scan_fail(s, "a bracket is never closed");
        SZ_TRY(raw_byte(s, &r, c));
    }
    return SZ_OK;
}
