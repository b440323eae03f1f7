// SPDX-License-Identifier: Apache-2.0
// One encoder per sink. A text is cut into characters; what a sink must not see is replaced.
#include "base/base.h"

#include <sizeup/text.h>

typedef struct range {
    uint32_t first, last;
} range;

// Characters that steer a terminal or an eye instead of being seen: C0, DEL and C1 controls, and
// the invisible ones that reorder or hide text (CVE-2021-42574).
static const range controls[] = {
    {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},   {0x180E, 0x180E},
    {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB},
    {0xE0000, 0xE0FFF},
};

// Characters that take two columns (East Asian wide, emoji) and none (combining). Coarse blocks: an
// error here only shifts a column.
static const range wide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
};
static const range combining[] = {
    {0x300, 0x36F}, {0x483, 0x489}, {0x591, 0x5BD}, {0x64B, 0x65F},
    {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
};

static bool in_ranges(uint32_t c, const range *ranges, size_t n) {
    for (size_t i = 0; i < n && c >= ranges[i].first; i++)
        if (c <= ranges[i].last) return true;
    return false;
}
#define IN(c, ranges) in_ranges(c, ranges, sizeof ranges / sizeof ranges[0])

static bool is_control(uint32_t c) { return IN(c, controls); }

// Decode one UTF-8 character (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
// Returns its bytes, 0 when p[0] begins none.
static size_t decode(const unsigned char *p, size_t n, uint32_t *ret_c) {
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
    for (size_t k = 0; k < 4; k++) {
        if ((p[0] & forms[k].mask) != forms[k].lead) continue;
        if (n <= k) return 0;
        uint32_t c = p[0] & (unsigned char)~forms[k].mask;
        for (size_t i = 1; i <= k; i++) {
            if ((p[i] & 0xC0) != 0x80) return 0;
            c = c << 6 | (p[i] & 0x3F);
        }
        if (c < forms[k].least || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return 0;
        *ret_c = c;
        return k + 1;
    }
    return 0;
}

static const char hex[] = "0123456789abcdef";

static void put_hex(sz_buf *buf, const char *prefix, uint32_t c, int digits) {
    sz_buf_puts(buf, prefix);
    for (int i = digits - 1; i >= 0; i--) sz_buf_putc(buf, hex[c >> (4 * i) & 15]);
}

// A control character for people: \n, \x1b, \u202e.
static void show_control(sz_buf *buf, uint32_t c) {
    static const char letters[] = "abtnvfr"; // 7 .. 13
    if (c >= 7 && c <= 13) {
        sz_buf_putc(buf, '\\');
        sz_buf_putc(buf, letters[c - 7]);
    } else if (c < 0x80) put_hex(buf, "\\x", c, 2);
    else put_hex(buf, "\\u", c, c > 0xFFFF ? 6 : 4);
}

// ---- what each sink adds -----------------------------------------------------------------------

// Put an ASCII character the sink would act on in another form; false: it may stand as it is.
static bool markdown_special(sz_buf *buf, uint32_t c) {
    if (c == '<') sz_buf_puts(buf, "&lt;");
    else if (c == '>') sz_buf_puts(buf, "&gt;");
    else if (c == '&') sz_buf_puts(buf, "&amp;");
    else if (strchr("\\`*[]|~", (int)c)) {
        sz_buf_putc(buf, '\\');
        sz_buf_putc(buf, (char)c);
    } else return false;
    return true;
}

static bool json_special(sz_buf *buf, uint32_t c) {
    if (c != '"' && c != '\\') return false;
    sz_buf_putc(buf, '\\');
    sz_buf_putc(buf, (char)c);
    return true;
}

static bool csv_special(sz_buf *buf, uint32_t c) {
    if (c != '"') return false;
    sz_buf_puts(buf, "\"\"");
    return true;
}

static bool xml_special(sz_buf *buf, uint32_t c) {
    if (c == '<') sz_buf_puts(buf, "&lt;");
    else if (c == '>') sz_buf_puts(buf, "&gt;");
    else if (c == '&') sz_buf_puts(buf, "&amp;");
    else if (c == '"') sz_buf_puts(buf, "&quot;");
    else return false;
    return true;
}

static bool no_special(sz_buf *buf, uint32_t c) {
    (void)buf, (void)c;
    return false;
}

static void json_control(sz_buf *buf, uint32_t c) {
    if (c == '\n' || c == '\t' || c == '\r') show_control(buf, c);
    else if (c <= 0xFFFF) put_hex(buf, "\\u", c, 4);
    else { // a surrogate pair
        put_hex(buf, "\\u", 0xD800 + ((c - 0x10000) >> 10), 4);
        put_hex(buf, "\\u", 0xDC00 + ((c - 0x10000) & 0x3FF), 4);
    }
}

// In Markdown a backslash that we add is itself text.
static void markdown_control(sz_buf *buf, uint32_t c) {
    sz_buf_putc(buf, '\\');
    show_control(buf, c);
}

// special: ASCII the sink acts on. control: how a control is shown. invalid: what stands before the
// two digits of a byte that is not UTF-8.
typedef struct sink_row {
    bool (*special)(sz_buf *buf, uint32_t c);
    void (*control)(sz_buf *buf, uint32_t c);
    const char *invalid;
} sink_row;

static const sink_row sinks[] = {
    [SZ_SINK_TERMINAL] = {no_special, show_control, "\\x"},
    [SZ_SINK_MARKDOWN] = {markdown_special, markdown_control, "\\\\x"},
    [SZ_SINK_CSV] = {csv_special, show_control, "\\x"},
    [SZ_SINK_JSON] = {json_special, json_control, "\\\\x"},
    [SZ_SINK_XML] = {xml_special, show_control, "\\x"},
};

// Printable ASCII that no sink acts on: nearly all of nearly all names.
#define BIT(c) (1ull << ((c) & 63))
static const uint64_t acted_on[2] = {
    BIT('"') | BIT('&') | BIT('*') | BIT('<') | BIT('>'),
    BIT('\\') | BIT('`') | BIT('[') | BIT(']') | BIT('|') | BIT('~'),
};

static bool is_plain(unsigned char c) {
    return c >= ' ' && c < 0x7F && !(acted_on[c >> 6] >> (c & 63) & 1);
}

static void escape(sz_buf *buf, const sink_row *sink, const unsigned char *p, size_t n) {
    size_t i = 0;
    while (i < n) {
        size_t start = i;
        while (i < n && is_plain(p[i])) i++;
        sz_buf_put(buf, (const char *)p + start, i - start);
        if (i == n) return;
        uint32_t c = 0;
        size_t len = decode(p + i, n - i, &c);
        if (len == 0) put_hex(buf, sink->invalid, p[i], 2);
        else if (is_control(c)) sink->control(buf, c);
        else if (c >= 0x80 || !sink->special(buf, c)) sz_buf_put(buf, (const char *)p + i, len);
        i += len ? len : 1;
    }
}

// RFC 4180 quotes. A start that a spreadsheet takes for a formula gets a ' before it (OWASP "CSV
// injection"); tab, CR and NUL are escaped to text already, but the ' says that it was one of them.
static void escape_csv(sz_buf *buf, const unsigned char *p, size_t n) {
    bool formula = n && (strchr("=+-@\t\r\n", p[0]) != NULL); // strchr finds the NUL, too
    bool quote = false;
    for (size_t i = 0; i < n; i++) quote = quote || p[i] == ',' || p[i] == '"' || p[i] == '\'';
    quote = quote || (n && (p[0] == ' ' || p[n - 1] == ' '));
    if (quote) sz_buf_putc(buf, '"');
    if (formula) sz_buf_putc(buf, '\'');
    escape(buf, &sinks[SZ_SINK_CSV], p, n);
    if (quote) sz_buf_putc(buf, '"');
}

void sz_escape(sz_buf *buf, sz_sink sink, const char *text, size_t n) {
    const unsigned char *p = (const unsigned char *)text;
    if ((unsigned)sink >= sizeof sinks / sizeof sinks[0]) sink = SZ_SINK_TERMINAL;
    if (sink == SZ_SINK_CSV) escape_csv(buf, p, n);
    else escape(buf, &sinks[sink], p, n);
}

// ---- width -------------------------------------------------------------------------------------

// Width of the character at p; *ret_len its bytes.
static size_t width_at(const char *p, size_t n, size_t *ret_len) {
    uint32_t c = 0;
    size_t len = decode((const unsigned char *)p, n, &c);
    *ret_len = len ? len : 1;
    return c < 0x300 ? 1 : IN(c, combining) ? 0 : IN(c, wide) ? 2 : 1;
}

size_t sz_text_width(const char *text, size_t n) {
    size_t width = 0, len;
    for (size_t i = 0; i < n; i += len) width += width_at(text + i, n - i, &len);
    return width;
}

// Bytes of the longest start of text that takes at most `width` columns.
static size_t head_of(const char *text, size_t n, size_t width) {
    size_t i = 0, len;
    for (; i < n; i += len) {
        size_t w = width_at(text + i, n - i, &len);
        if (w > width) break;
        width -= w;
    }
    return i;
}

void sz_text_shorten(sz_buf *buf, const char *text, size_t n, size_t width) {
    size_t total = sz_text_width(text, n);
    if (total <= width) {
        sz_buf_put(buf, text, n);
        return;
    }
    if (width == 0) return;
    // The end of a layer's name says more than its start.
    size_t head = head_of(text, n, (width - 1) / 3), tail = n;
    size_t room = width - 1 - (width - 1) / 3;
    size_t skip = total - room, len;
    for (tail = 0; tail < n && skip > 0; tail += len) {
        size_t w = width_at(text + tail, n - tail, &len);
        skip -= w < skip ? w : skip;
    }
    sz_buf_put(buf, text, head);
    sz_buf_puts(buf, "…");
    sz_buf_put(buf, text + tail, n - tail);
}

// ---- nearest word ------------------------------------------------------------------------------

enum { MAX_WORD = 40 };

// Edit distance (insert, delete, replace, each 1); words longer than MAX_WORD are far from all.
static size_t distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), row[MAX_WORD + 1];
    if (n > MAX_WORD || m > MAX_WORD) return MAX_WORD;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *sz_text_nearest(const char *word, const char *const *candidates) {
    const char *best = NULL;
    size_t least = strlen(word) / 3 + 2; // further away is no hint
    for (size_t i = 0; candidates[i]; i++) {
        size_t d = distance(word, candidates[i]);
        if (d < least && d < strlen(candidates[i])) best = candidates[i], least = d;
    }
    return best;
}
