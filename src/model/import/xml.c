// SPDX-License-Identifier: Apache-2.0
#include "model/import/xml.h"

#include "model/graph/allowance.h"
#include "model/import/limits.h"

#include <inttypes.h>
#include <stdio.h>

enum { END_OF_FILE = -1 };

// ---- failing -----------------------------------------------------------------------------------

static sz_status fail_at(sz_xml *x, int64_t line, int64_t column, const char *text) {
    return sz_fail(x->ctx, SZ_ERR_INPUT, "line %" PRId64 ":%" PRId64 ": %s", line, column, text);
}

sz_status sz_xml_fail(sz_xml *x, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return fail_at(x, x->line, x->column, text);
}

// At the byte that was read last.
static sz_status bad(sz_xml *x, const char *text) {
    return fail_at(x, x->now_line, x->now_column > 1 ? x->now_column - 1 : 1, text);
}

// ---- bytes -------------------------------------------------------------------------------------

sz_status sz_xml_init(sz_xml *x, sz_ctx *ctx, sz_source *source) {
    *x = (sz_xml){.ctx = ctx,
                  .source = source,
                  .line = 1,
                  .column = 1,
                  .now_line = 1,
                  .now_column = 1,
                  .memory_base = sz_ctx_memory_used(ctx)};
    sz_ctx_set_job_limit(ctx, x->memory_base + sz_allowance(0));
    x->window = sz_alloc(ctx, SZ_XML_WINDOW);
    return x->window ? SZ_OK : sz_no_memory(ctx);
}

void sz_xml_finish(sz_xml *x) {
    sz_free(x->ctx, x->window, SZ_XML_WINDOW);
    x->window = NULL;
    sz_vec_finish(x->ctx, &x->attrs);
    sz_vec_finish(x->ctx, &x->buf);
    sz_vec_finish(x->ctx, &x->names);
    sz_vec_finish(x->ctx, &x->starts);
}

uint64_t sz_xml_header(const sz_xml *x) { return x->at + x->have; }

static sz_status refill(sz_xml *x) {
    const uint64_t at = x->at + x->have, left = x->source->size - at;
    const size_t len = left < SZ_XML_WINDOW ? (size_t)left : SZ_XML_WINDOW;
    SZ_TRY(x->source->read(x->source, x->ctx, at, x->window, len));
    x->at = at;
    x->have = len;
    x->next = 0;
    sz_ctx_set_job_limit(x->ctx, x->memory_base + sz_allowance(sz_xml_header(x)));
    return SZ_OK;
}

// The next byte, or END_OF_FILE.
static inline sz_status get(sz_xml *x, int *ret_byte) {
    if (x->next == x->have) {
        if (x->at + x->have == x->source->size) return *ret_byte = END_OF_FILE, SZ_OK;
        SZ_TRY(refill(x));
    }
    const int c = x->window[x->next++];
    x->now_column++;
    if (c == '\n') x->now_line++, x->now_column = 1;
    *ret_byte = c;
    return SZ_OK;
}

static sz_status get_inside(sz_xml *x, int *ret_byte) {
    SZ_TRY(get(x, ret_byte));
    if (*ret_byte != END_OF_FILE) return SZ_OK;
    return sz_xml_fail(x, "the file ends inside of what begins here (is it cut off?)");
}

static inline bool is_blank(int c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// No look at the classes of Unicode: every byte above 127 may stand in a name.
static bool is_name(int c, bool first) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
    return letter || c >= 0x80 || (!first && ((c >= '0' && c <= '9') || c == '-' || c == '.'));
}

static sz_status keep(sz_xml *x, int c) {
    if (x->buf.n >= SZ_XML_MAX_TOKEN)
        return sz_xml_fail(x, "a tag or text is longer than %d bytes", SZ_XML_MAX_TOKEN);
    return sz_vec_push(x->ctx, &x->buf, (char)c) ? SZ_OK : sz_no_memory(x->ctx);
}

// ---- character references ----------------------------------------------------------------------

static sz_status keep_utf8(sz_xml *x, uint32_t c) {
    if (c < 0x80) return keep(x, (int)c);
    static const uint32_t leads[] = {0, 0xC0, 0xE0, 0xF0};
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    SZ_TRY(keep(x, (int)(leads[more] | c >> (6 * more))));
    for (int k = more - 1; k >= 0; k--) SZ_TRY(keep(x, (int)(0x80u | (c >> (6 * k) & 0x3Fu))));
    return SZ_OK;
}

static int digit_of(char c, uint32_t base) {
    const int v = c >= '0' && c <= '9'   ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                         : 99;
    return v < (int)base ? v : -1;
}

// "#38" or "#x26" as the number of a character.
static bool code_of(const char *text, uint32_t *ret_code) {
    const uint32_t base = text[1] == 'x' ? 16 : 10;
    uint32_t code = 0;
    const char *p = text + (base == 16 ? 2 : 1);
    if (!*p) return false;
    for (; *p; p++) {
        const int d = digit_of(*p, base);
        if (d < 0) return false;
        code = code * base + (uint32_t)d; // at most 10 digits come here
        if (code > 0x10FFFF) return false;
    }
    *ret_code = code;
    return code != 0 && (code < 0xD800 || code > 0xDFFF);
}

// After '&'.
static sz_status read_reference(sz_xml *x) {
    static const struct {
        const char *name;
        char c;
    } named[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    char text[12];
    size_t n = 0;
    int c;
    uint32_t code;
    for (;;) {
        SZ_TRY(get_inside(x, &c));
        if (c == ';') break;
        if (n + 1 == sizeof text || c < 0x21) return bad(x, "'&' that begins no known entity");
        text[n++] = (char)c;
    }
    text[n] = '\0';
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(named[i].name, text) == 0) return keep(x, named[i].c);
    if (text[0] == '#' && code_of(text, &code)) return keep_utf8(x, code);
    return bad(x, "an entity that is none of lt, gt, amp, quot, apos and no character");
}

// A byte of text or of a value: control bytes are not allowed in XML.
static sz_status keep_text(sz_xml *x, int c) {
    if (c == '&') return read_reference(x);
    if (c < 0x20 && !is_blank(c)) return bad(x, "a control byte");
    return keep(x, c);
}

// ---- comments and the like ---------------------------------------------------------------------

// Skips until `end` was read, or keeps what stands before it.
static sz_status read_until(sz_xml *x, const char *end, bool keeps) {
    const size_t len = strlen(end);
    char last[4] = {0};
    int c;
    for (;;) {
        SZ_TRY(get_inside(x, &c));
        memmove(last, last + 1, len - 1);
        last[len - 1] = (char)c;
        if (keeps) SZ_TRY(keep(x, c));
        if (memcmp(last, end, len) == 0) break;
    }
    if (keeps) x->buf.n -= len;
    return SZ_OK;
}

static sz_status expect(sz_xml *x, const char *text, const char *what) {
    int c;
    for (; *text; text++) {
        SZ_TRY(get_inside(x, &c));
        if (c != *text) return bad(x, what);
    }
    return SZ_OK;
}

// After "<!". *ret_text: CDATA was kept.
static sz_status read_declaration(sz_xml *x, bool *ret_text) {
    int c;
    *ret_text = false;
    SZ_TRY(get_inside(x, &c));
    if (c == '-') {
        SZ_TRY(expect(x, "-", "'<!-' that begins no comment"));
        return read_until(x, "-->", false);
    }
    if (c == 'D') return sz_xml_fail(x, "a DOCTYPE, which is not read: models need none");
    if (c != '[') return bad(x, "'<!' that begins neither a comment nor CDATA");
    if (x->starts.n == 0) return bad(x, "text outside of the root element");
    SZ_TRY(expect(x, "CDATA[", "'<![' that begins no CDATA"));
    SZ_TRY(read_until(x, "]]>", true));
    *ret_text = true;
    return SZ_OK;
}

// ---- tags --------------------------------------------------------------------------------------

// A name that begins with `c`; *ret_next is the byte behind it. It lies in buf[*ret_at ...].
static sz_status read_name(sz_xml *x, int c, int *ret_next, size_t *ret_at) {
    *ret_at = x->buf.n;
    if (!is_name(c, true)) return bad(x, "a name is expected here");
    while (is_name(c, false)) {
        SZ_TRY(keep(x, c));
        SZ_TRY(get_inside(x, &c));
    }
    *ret_next = c;
    return SZ_OK;
}

static sz_status skip_blanks(sz_xml *x, int *c) {
    while (is_blank(*c)) SZ_TRY(get_inside(x, c));
    return SZ_OK;
}

// Pointers into `buf` are set when the tag is complete, since it grows; offsets stand there before.
static sz_str in_buf(const sz_xml *x, size_t at, size_t end) {
    return (sz_str){x->buf.items + at, (uint32_t)(end - at)};
}

typedef struct place {
    uint32_t at, end;
} place;
typedef struct tag {
    place name;
    SZ_VEC(place) parts; // name, value, name, value ...
} tag;

static sz_status add_part(sz_xml *x, tag *t, size_t at) {
    const place p = {(uint32_t)at, (uint32_t)x->buf.n};
    return sz_vec_push(x->ctx, &t->parts, p) ? SZ_OK : sz_no_memory(x->ctx);
}

static sz_status read_attribute(sz_xml *x, tag *t, int *c) {
    size_t at;
    if (t->parts.n >= 2 * SZ_XML_MAX_ATTRS)
        return sz_xml_fail(x, "more than %d attributes in a tag", SZ_XML_MAX_ATTRS);
    SZ_TRY(read_name(x, *c, c, &at));
    SZ_TRY(add_part(x, t, at));
    SZ_TRY(skip_blanks(x, c));
    if (*c != '=') return bad(x, "an attribute without '='");
    SZ_TRY(get_inside(x, c));
    SZ_TRY(skip_blanks(x, c));
    const int quote = *c;
    if (quote != '"' && quote != '\'') return bad(x, "a value without quotes");
    at = x->buf.n;
    for (;;) {
        SZ_TRY(get_inside(x, c));
        if (*c == quote) break;
        if (*c == '<') return bad(x, "'<' in a value");
        SZ_TRY(keep_text(x, *c));
    }
    SZ_TRY(add_part(x, t, at));
    SZ_TRY(get_inside(x, c));
    if (!is_blank(*c) && *c != '/' && *c != '>') return bad(x, "no blank between attributes");
    return SZ_OK;
}

static sz_status set_attrs(sz_xml *x, const tag *t) {
    x->attrs.n = 0;
    for (size_t i = 0; i < t->parts.n; i += 2) {
        const place n = t->parts.items[i], v = t->parts.items[i + 1];
        const sz_xml_attr a = {in_buf(x, n.at, n.end), in_buf(x, v.at, v.end)};
        for (size_t k = 0; k < x->attrs.n; k++)
            if (sz_str_eq(x->attrs.items[k].name, a.name))
                return sz_xml_fail(x, "attribute '%s' is given twice", sz_show(x->ctx, a.name));
        if (!sz_vec_push(x->ctx, &x->attrs, a)) return sz_no_memory(x->ctx);
    }
    return SZ_OK;
}

static sz_status open_element(sz_xml *x, const tag *t) {
    if (x->starts.n >= SZ_XML_MAX_DEPTH)
        return sz_xml_fail(x, "elements are nested deeper than %d", SZ_XML_MAX_DEPTH);
    if (x->starts.n == 0 && x->had_root) return sz_xml_fail(x, "a second root element");
    x->had_root = true;
    if (!sz_vec_push(x->ctx, &x->starts, (uint32_t)x->names.n)) return sz_no_memory(x->ctx);
    for (uint32_t i = t->name.at; i < t->name.end; i++)
        if (!sz_vec_push(x->ctx, &x->names, x->buf.items[i])) return sz_no_memory(x->ctx);
    x->name = in_buf(x, t->name.at, t->name.end);
    x->kind = SZ_XML_START;
    x->depth = (int)x->starts.n;
    return set_attrs(x, t);
}

static sz_status read_open(sz_xml *x, tag *t, int c) {
    size_t at;
    SZ_TRY(read_name(x, c, &c, &at));
    t->name = (place){(uint32_t)at, (uint32_t)x->buf.n};
    for (;;) {
        SZ_TRY(skip_blanks(x, &c));
        if (c == '>' || c == '/') break;
        SZ_TRY(read_attribute(x, t, &c));
    }
    x->is_empty_tag = c == '/';
    if (c == '/') SZ_TRY(expect(x, ">", "'/' that does not end a tag"));
    return open_element(x, t);
}

// The innermost open element ends. Its name stays in `names` until the next event.
static void close_element(sz_xml *x) {
    const uint32_t at = x->starts.items[--x->starts.n];
    x->name = (sz_str){x->names.items + at, (uint32_t)(x->names.n - at)};
    x->names.n = at;
    x->kind = SZ_XML_END;
    x->depth = (int)x->starts.n;
}

static sz_status read_close(sz_xml *x) {
    size_t at;
    int c;
    SZ_TRY(get_inside(x, &c));
    SZ_TRY(read_name(x, c, &c, &at));
    SZ_TRY(skip_blanks(x, &c));
    if (c != '>') return bad(x, "'>' is expected here");
    const sz_str name = in_buf(x, at, x->buf.n);
    if (x->starts.n == 0) return sz_xml_fail(x, "'</%s>' without a start", sz_show(x->ctx, name));
    close_element(x);
    if (!sz_str_eq(x->name, name))
        return sz_xml_fail(x, "'</%s>' where '</%s>' is expected", sz_show(x->ctx, name),
                           sz_show(x->ctx, x->name));
    return SZ_OK;
}

static sz_status read_start_tag(sz_xml *x, int c) {
    tag t = {0};
    sz_status status = read_open(x, &t, c);
    sz_vec_finish(x->ctx, &t.parts);
    return status;
}

// ---- events ------------------------------------------------------------------------------------

static sz_status at_end(sz_xml *x) {
    if (x->starts.n > 0) {
        const uint32_t at = x->starts.items[x->starts.n - 1];
        const sz_str open = {x->names.items + at, (uint32_t)(x->names.n - at)};
        return sz_xml_fail(x, "the file ends inside of '<%s>' (is it cut off?)",
                           sz_show(x->ctx, open));
    }
    if (!x->had_root) return sz_xml_fail(x, "the file has no element");
    x->kind = SZ_XML_EOF;
    return SZ_OK;
}

static void set_text(sz_xml *x) {
    x->kind = SZ_XML_TEXT;
    x->text = in_buf(x, 0, x->buf.n);
}

static void mark(sz_xml *x) {
    x->line = x->now_line;
    x->column = x->now_column;
    x->offset = x->at + x->next;
    x->buf.n = 0;
}

// Text up to the next '<', which stays unread. *ret_any: there is more than white space.
static sz_status read_text(sz_xml *x, bool *ret_any) {
    int c;
    *ret_any = false;
    for (;;) {
        SZ_TRY(get(x, &c));
        if (c == END_OF_FILE) return SZ_OK;
        if (c == '<') {
            x->next--, x->now_column--; // a '<' never ends a line
            return SZ_OK;
        }
        if (is_blank(c) && !*ret_any) {
            mark(x);
            continue;
        }
        if (x->starts.n == 0) return bad(x, "text outside of the root element");
        *ret_any = true;
        SZ_TRY(keep_text(x, c));
    }
}

// At a '<'; *ret_done false: a comment, read on.
static sz_status read_markup(sz_xml *x, bool *ret_done) {
    int c;
    mark(x);
    SZ_TRY(get(x, &c));
    *ret_done = true;
    if (c == END_OF_FILE) return at_end(x);
    SZ_TRY(get_inside(x, &c));
    if (c == '/') return read_close(x);
    if (c != '?' && c != '!') return read_start_tag(x, c);
    *ret_done = false;
    if (c == '?') return read_until(x, "?>", false);
    SZ_TRY(read_declaration(x, ret_done));
    if (*ret_done) set_text(x);
    return SZ_OK;
}

static sz_status skip_mark(sz_xml *x) {
    static const unsigned char utf8[] = {0xEF, 0xBB, 0xBF};
    if (x->at || x->have) return SZ_OK;
    if (x->source->size) SZ_TRY(refill(x));
    if (x->have >= 3 && memcmp(x->window, utf8, 3) == 0) x->next = 3;
    return SZ_OK;
}

sz_status sz_xml_next(sz_xml *x) {
    bool done = false;
    SZ_TRY(skip_mark(x));
    if (x->is_empty_tag) {
        x->is_empty_tag = false;
        close_element(x);
        return SZ_OK;
    }
    while (!done) {
        mark(x);
        SZ_TRY(read_text(x, &done));
        if (done)
            set_text(x);
        else
            SZ_TRY(read_markup(x, &done));
    }
    return SZ_OK;
}

sz_status sz_xml_skip(sz_xml *x) {
    const int depth = x->depth;
    do SZ_TRY(sz_xml_next(x));
    while (x->kind != SZ_XML_END || x->depth >= depth);
    return SZ_OK;
}

bool sz_xml_attribute(const sz_xml *x, const char *name, sz_str *ret_value) {
    for (size_t i = 0; i < x->attrs.n; i++)
        if (sz_str_is(x->attrs.items[i].name, name)) {
            *ret_value = x->attrs.items[i].value;
            return true;
        }
    *ret_value = sz_str_c("");
    return false;
}
