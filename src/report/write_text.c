// SPDX-License-Identifier: Apache-2.0
// The text writer: thin rules, numbers that line up at their point and at their prefix, long names
// without their middle.
//
// A table is laid out in two passes over the same cells: measure, then print. A number in SI form
// is a numeral and a suffix ("1.81" and "GB"), each flush right in a part of its own.
#include "report/report.h"

enum { GAP = 2, MIN_SHRUNK = 12, MIN_WRAPPED = 32 };

typedef struct layout {
    size_t numeral, suffix; // widths of the two parts; suffix 0 = one part only
    size_t width;
} layout;

static bool is_left(const sz_column *c) {
    return c->format == SZ_AS_TEXT || (c->flags & SZ_COLUMN_LEFT);
}

// The cell's text in `text`; *ret_cut is where the suffix begins (the end when there is none).
static void show_cell(sz_buf *text, const sz_column *col, const sz_cell *cell, size_t *ret_cut) {
    text->size = 0;
    sz_cell_show(text, SZ_SINK_TERMINAL, cell, col->format, sz_unit_in_cell(col->unit));
    *ret_cut = text->size;
    if (is_left(col) || col->format != SZ_AS_SI) return;
    for (size_t i = 0; i < text->size; i++)
        if (text->data[i] == ' ') *ret_cut = i;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static void measure(const sz_block *b, sz_buf *text, layout *ret) {
    for (size_t i = 0; i < b->cells.n; i++) {
        size_t c = i % b->n_columns, cut;
        if (!sz_is_shown(&b->columns[c])) continue;
        show_cell(text, &b->columns[c], &b->cells.items[i], &cut);
        if (text->failed) return;
        ret[c].numeral = larger(ret[c].numeral, sz_text_width(text->data, cut));
        if (cut < text->size)
            ret[c].suffix = larger(ret[c].suffix,
                                   sz_text_width(text->data + cut + 1, text->size - cut - 1));
    }
    for (size_t c = 0; c < b->n_columns; c++) {
        if (!sz_is_shown(&b->columns[c])) continue;
        text->size = 0;
        sz_head_show(text, &b->columns[c]);
        size_t body = ret[c].numeral + (ret[c].suffix ? 1 + ret[c].suffix : 0);
        ret[c].width = larger(body, sz_text_width(text->data, text->size));
    }
}

static size_t total_width(const sz_block *b, const layout *at) {
    size_t total = 0, shown = 0;
    for (size_t c = 0; c < b->n_columns; c++)
        if (sz_is_shown(&b->columns[c])) total += at[c].width, shown++;
    return shown ? total + GAP * (shown - 1) : 0;
}

// Take columns from the text that goes on below, then from the widest that may lose its middle,
// until the table fits.
static void shrink(const sz_block *b, layout *at, size_t width) {
    size_t all = total_width(b, at);
    for (size_t c = 0; c < b->n_columns && all > width; c++) {
        if (!(b->columns[c].flags & SZ_COLUMN_WRAP) || at[c].width <= MIN_WRAPPED) continue;
        size_t spare = at[c].width - MIN_WRAPPED, over = all - width;
        at[c].width -= spare < over ? spare : over;
    }
    for (size_t c = 0; c < b->n_columns; c++)
        if ((b->columns[c].flags & SZ_COLUMN_SHRINK) && at[c].width > width) at[c].width = width;
    for (size_t total = total_width(b, at); total > width; total--) {
        layout *widest = NULL;
        for (size_t c = 0; c < b->n_columns; c++)
            if (sz_is_shown(&b->columns[c]) && (b->columns[c].flags & SZ_COLUMN_SHRINK) &&
                (!widest || at[c].width > widest->width)) widest = &at[c];
        if (!widest || widest->width <= MIN_SHRUNK) return;
        widest->width--;
    }
}

static void rule(const sz_writing *w, size_t width) {
    for (size_t i = 0; i < width; i++) sz_buf_puts(w->buf, "─");
    sz_buf_putc(w->buf, '\n');
}

static void bold(const sz_writing *w, bool on) {
    if (w->color) sz_buf_puts(w->buf, on ? "\x1b[1m" : "\x1b[0m");
}

// Blanks that are owed: printed only when something follows, so no line ends in blanks.
typedef struct line {
    size_t blanks;
} line;

static void put_padded(const sz_writing *w, line *l, const char *text, size_t n, size_t width,
                       bool left) {
    size_t taken = sz_text_width(text, n), pad = width > taken ? width - taken : 0;
    if (!left) l->blanks += pad;
    if (n) {
        sz_buf_pad(w->buf, ' ', l->blanks);
        l->blanks = 0;
        if (taken > width) sz_text_shorten(w->buf, text, n, width);
        else sz_buf_put(w->buf, text, n);
    }
    if (left) l->blanks += pad;
}

static void put_cell(const sz_writing *w, line *l, const sz_column *col, const layout *at,
                     const sz_buf *text, size_t cut) {
    if (is_left(col) || !at->suffix) {
        put_padded(w, l, text->data, text->size, at->width, is_left(col));
        return;
    }
    put_padded(w, l, text->data, cut, at->width - at->suffix - 1, false);
    l->blanks++;
    size_t after = cut < text->size ? cut + 1 : cut;
    put_padded(w, l, text->data + after, text->size - after, at->suffix, false);
}

// Bytes of the longest start that fits `width`, cut after a word where there is one; *ret_skip also
// counts the blank after it.
static size_t wrap_at(const char *text, size_t n, size_t width, size_t *ret_skip) {
    // No line takes more bytes than this, whatever combines in it: long texts take linear time.
    size_t most = 8 * width + 8, fits = n < most ? n : most, cut = 0;
    while (fits && ((fits < n && ((unsigned char)text[fits] & 0xC0) == 0x80) ||
                    sz_text_width(text, fits) > width)) {
        do fits--;
        while (fits && ((unsigned char)text[fits] & 0xC0) == 0x80); // inside of a character
    }
    for (size_t i = 1; i <= fits && fits < n; i++)
        if (text[i] == ' ') cut = i;
    if (cut == 0) cut = fits;
    *ret_skip = cut + (cut < n && text[cut] == ' ');
    return cut;
}

static void put_wrapped(const sz_writing *w, line *l, const sz_buf *text, const layout *at,
                        size_t indent) {
    size_t skip = 0, n = text->size;
    for (const char *p = text->data; n; p += skip, n -= skip) {
        if (p != text->data) {
            sz_buf_putc(w->buf, '\n');
            l->blanks = indent;
        }
        size_t cut = wrap_at(p, n, at->width, &skip);
        put_padded(w, l, p, cut, at->width, true);
        if (skip == 0) return; // narrower than one character
    }
}

// One line of the table; row NULL is the head.
static void table_line(const sz_writing *w, const sz_block *b, const layout *at, const sz_cell *row,
                       sz_buf *text) {
    line l = {0};
    size_t indent = 0, cut;
    for (size_t c = 0; c < b->n_columns; c++) {
        const sz_column *col = &b->columns[c];
        if (!sz_is_shown(col)) continue;
        if (indent) l.blanks += GAP;
        size_t start = indent + (indent ? GAP : 0);
        indent = start + at[c].width;
        if (row) {
            show_cell(text, col, &row[c], &cut);
            if (col->flags & SZ_COLUMN_WRAP) put_wrapped(w, &l, text, &at[c], start);
            else put_cell(w, &l, col, &at[c], text, cut);
        } else {
            text->size = 0;
            sz_head_show(text, col);
            put_padded(w, &l, text->data, text->size, at[c].width, is_left(col));
        }
    }
    sz_buf_putc(w->buf, '\n');
}

static void print_table(const sz_writing *w, const sz_block *b, const layout *at, sz_buf *text) {
    size_t width = total_width(b, at), next_rule = 0;
    rule(w, width);
    bold(w, true);
    table_line(w, b, at, NULL, text);
    bold(w, false);
    rule(w, width);
    for (size_t row = 0; row < sz_block_rows(b); row++) {
        if (next_rule < b->rules.n && b->rules.items[next_rule] == row) {
            rule(w, width);
            next_rule++;
        }
        table_line(w, b, at, &b->cells.items[row * b->n_columns], text);
    }
    if (sz_block_rows(b)) rule(w, width);
}

static void table(const sz_writing *w, const sz_block *b) {
    layout *at = sz_alloc(w->doc->ctx, b->n_columns * sizeof *at);
    sz_buf text;
    sz_buf_init(&text, w->doc->ctx);
    sz_buf_puts(&text, " "); // so that text.data is never NULL below
    if (at) {
        measure(b, &text, at);
        shrink(b, at, w->width);
        if (!text.failed) print_table(w, b, at, &text);
    }
    if (text.failed || !at) w->buf->failed = SZ_ERR_MEMORY;
    sz_buf_finish(&text);
    sz_free(w->doc->ctx, at, b->n_columns * sizeof *at);
}

// ---- facts -------------------------------------------------------------------------------------

// A number as numeral, unit and short form; other values have a numeral only.
typedef struct fact_text {
    sz_buf numeral, unit, brief;
} fact_text;

static bool is_number(const sz_fact *f) {
    return f->value.kind == SZ_CELL_I64 || f->value.kind == SZ_CELL_F64;
}

static void show_fact(const sz_fact *f, fact_text *t) {
    t->numeral.size = t->unit.size = t->brief.size = 0;
    if (!is_number(f)) {
        sz_cell_show(&t->numeral, SZ_SINK_TERMINAL, &f->value, f->format, NULL);
        return;
    }
    bool exact = f->value.kind == SZ_CELL_I64 && f->format == SZ_AS_SI;
    bool si = !exact && f->format == SZ_AS_SI;
    sz_cell_show(&t->numeral, SZ_SINK_TERMINAL, &f->value, exact ? SZ_AS_INT : f->format,
                 si ? f->unit : NULL);
    size_t cut = t->numeral.size;
    for (size_t i = 0; si && i < t->numeral.size; i++)
        if (t->numeral.data[i] == ' ' && cut == t->numeral.size) cut = i;
    if (cut < t->numeral.size)
        sz_buf_put(&t->unit, t->numeral.data + cut + 1, t->numeral.size - cut - 1);
    else if (!si && f->unit) sz_buf_puts(&t->unit, f->unit);
    t->numeral.size = cut;
    if (!exact || (f->value.i < 1000 && f->value.i > -1000)) return;
    sz_buf_putc(&t->brief, '(');
    sz_cell_show(&t->brief, SZ_SINK_TERMINAL, &f->value, SZ_AS_SI, f->unit);
    sz_buf_putc(&t->brief, ')');
}

typedef struct fact_layout {
    size_t title, numeral, unit, brief;
} fact_layout;

static fact_layout measure_facts(const sz_block *b, fact_text *t) {
    fact_layout at = {0};
    for (size_t i = 0; i < b->facts.n; i++) {
        const sz_fact *f = &b->facts.items[i];
        if (!f->title) continue;
        at.title = larger(at.title, sz_text_width(f->title, strlen(f->title)));
        if (!is_number(f)) continue;
        show_fact(f, t);
        at.numeral = larger(at.numeral, t->numeral.size);
        at.unit = larger(at.unit, sz_text_width(t->unit.data, t->unit.size));
        at.brief = larger(at.brief, sz_text_width(t->brief.data, t->brief.size));
    }
    return at;
}

// A remark gets what is left of the line, but never less than a few words.
static void put_note(const sz_writing *w, const char *note, size_t used) {
    enum { MIN_NOTE = 24 };
    sz_buf text;
    sz_buf_init(&text, w->doc->ctx);
    sz_escape(&text, SZ_SINK_TERMINAL, note, strlen(note));
    if (text.size)
        sz_text_shorten(w->buf, text.data, text.size,
                        used + MIN_NOTE < w->width ? w->width - used : MIN_NOTE);
    if (text.failed) w->buf->failed = text.failed;
    sz_buf_finish(&text);
}

// `again`: the fact before has the same title, which is not repeated.
static void put_fact(const sz_writing *w, const sz_fact *f, const fact_layout *at, fact_text *t,
                     bool again) {
    line l = {.blanks = 2};
    show_fact(f, t);
    put_padded(w, &l, f->title, again ? 0 : strlen(f->title), at->title, true);
    l.blanks += GAP;
    bool number = is_number(f);
    put_padded(w, &l, t->numeral.data, t->numeral.size,
               number ? at->numeral : sz_text_width(t->numeral.data, t->numeral.size), !number);
    if (number && at->unit) {
        l.blanks++;
        put_padded(w, &l, t->unit.data, t->unit.size, at->unit, true);
    }
    if (number && at->brief) {
        l.blanks += GAP;
        put_padded(w, &l, t->brief.data, t->brief.size, at->brief, true);
    }
    if (f->note) {
        size_t numbers = number ? at->numeral + (at->unit ? 1 + at->unit : 0) +
                                      (at->brief ? GAP + at->brief : 0)
                                : sz_text_width(t->numeral.data, t->numeral.size);
        sz_buf_pad(w->buf, ' ', l.blanks + GAP);
        put_note(w, f->note, 2 + at->title + GAP + numbers + GAP);
    }
    sz_buf_putc(w->buf, '\n');
}

static void facts(const sz_writing *w, const sz_block *b) {
    fact_text t;
    sz_buf *const parts[] = {&t.numeral, &t.unit, &t.brief};
    for (size_t i = 0; i < 3; i++) sz_buf_init(parts[i], w->doc->ctx);
    fact_layout at = measure_facts(b, &t);
    const char *before = NULL;
    for (size_t i = 0; i < b->facts.n; i++) {
        const char *title = b->facts.items[i].title;
        if (!title) continue;
        put_fact(w, &b->facts.items[i], &at, &t, before && strcmp(before, title) == 0);
        before = title;
    }
    for (size_t i = 0; i < 3; i++) {
        if (parts[i]->failed) w->buf->failed = parts[i]->failed;
        sz_buf_finish(parts[i]);
    }
}

// ---- lists and figures -------------------------------------------------------------------------

// A sentence, cut into lines after words; the first begins with `first`, the others with blanks.
static void sentence(const sz_writing *w, const char *first, const sz_cell *cell) {
    sz_buf text;
    sz_buf_init(&text, w->doc->ctx);
    sz_cell_show(&text, SZ_SINK_TERMINAL, cell, SZ_AS_TEXT, NULL);
    const size_t indent = strlen(first);
    for (size_t at = 0, skip = 1; at < text.size && skip; at += skip) {
        const size_t n = wrap_at(text.data + at, text.size - at, w->width - indent, &skip);
        sz_buf_puts(w->buf, at ? "" : first);
        if (at) sz_buf_pad(w->buf, ' ', indent);
        sz_buf_put(w->buf, text.data + at, n);
        sz_buf_putc(w->buf, '\n');
    }
    if (text.failed) w->buf->failed = text.failed;
    sz_buf_finish(&text);
}

static void put_line(const sz_writing *w, const char *text) {
    if (sz_text_width(text, strlen(text)) > w->width) {
        sentence(w, "", &(sz_cell){.kind = SZ_CELL_TEXT, .s = text});
        return;
    }
    sz_escape(w->buf, SZ_SINK_TERMINAL, text, strlen(text));
    sz_buf_putc(w->buf, '\n');
}

static void list(const sz_writing *w, const sz_block *b) {
    for (size_t row = 0; row < sz_block_rows(b); row++) {
        const sz_cell *cells = &b->cells.items[row * b->n_columns];
        sentence(w, "- ", &cells[0]);
        if (b->n_columns > 1 && cells[1].kind == SZ_CELL_TEXT) sentence(w, "    ", &cells[1]);
    }
}

static void figure(const sz_writing *w, const sz_block *b) {
    sz_figure_show(w, b,
                   &(sz_plot_options){
                       .format = "text", .width = (int)w->width, .height = 24, .color = w->color});
    if (b->text) sentence(w, "  ", &(sz_cell){.kind = SZ_CELL_TEXT, .s = b->text});
}

// ---- document ----------------------------------------------------------------------------------

static bool has_shown_facts(const sz_block *b) {
    for (size_t i = 0; i < b->facts.n; i++)
        if (b->facts.items[i].title) return true;
    return false;
}

static void heading(const sz_writing *w, const char *text) {
    bold(w, true);
    sz_escape(w->buf, SZ_SINK_TERMINAL, text, strlen(text));
    bold(w, false);
    sz_buf_putc(w->buf, '\n');
}

void sz_write_text(const sz_writing *w) {
    const sz_block *before = NULL;
    for (size_t i = 0; i < w->doc->blocks.n; i++) {
        const sz_block *b = &w->doc->blocks.items[i];
        if (b->kind == SZ_BLOCK_FACTS && !has_shown_facts(b)) continue;
        bool lines = before && before->kind == SZ_BLOCK_LINE && b->kind == SZ_BLOCK_LINE;
        bool close = before && (before->kind == SZ_BLOCK_HEADING || lines ||
                                (before->kind == SZ_BLOCK_TABLE && b->kind == SZ_BLOCK_LINE));
        if (before && !close) sz_buf_putc(w->buf, '\n');
        before = b;
        switch (b->kind) {
        case SZ_BLOCK_TITLE:
        case SZ_BLOCK_HEADING:
            heading(w, b->text ? b->text : "");
            if (b->more) sentence(w, "", &(sz_cell){.kind = SZ_CELL_TEXT, .s = b->more});
            break;
        case SZ_BLOCK_LINE: put_line(w, b->text ? b->text : ""); break;
        case SZ_BLOCK_FACTS: facts(w, b); break;
        case SZ_BLOCK_TABLE: b->as_list ? list(w, b) : table(w, b); break;
        case SZ_BLOCK_FIGURE: figure(w, b); break;
        }
    }
}
