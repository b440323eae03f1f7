// SPDX-License-Identifier: Apache-2.0
// The Markdown writer.
#include "report/report.h"

static void put(const sz_writing *w, const char *text) {
    sz_escape(w->buf, SZ_SINK_MARKDOWN, text, strlen(text));
}

static bool is_left(const sz_column *c) {
    return c->format == SZ_AS_TEXT || (c->flags & SZ_COLUMN_LEFT);
}

static void table_head(const sz_writing *w, const sz_block *b) {
    for (size_t c = 0; c < b->n_columns; c++) {
        if (!sz_is_shown(&b->columns[c])) continue;
        sz_buf head;
        sz_buf_init(&head, w->doc->ctx);
        sz_head_show(&head, &b->columns[c]);
        sz_buf_puts(w->buf, "| ");
        sz_escape(w->buf, SZ_SINK_MARKDOWN, head.data, head.size);
        sz_buf_putc(w->buf, ' ');
        if (head.failed) w->buf->failed = head.failed;
        sz_buf_finish(&head);
    }
    sz_buf_puts(w->buf, "|\n");
    for (size_t c = 0; c < b->n_columns; c++) {
        if (!sz_is_shown(&b->columns[c])) continue;
        sz_buf_puts(w->buf, is_left(&b->columns[c]) ? "|:---" : "|---:");
    }
    sz_buf_puts(w->buf, "|\n");
}

static void table(const sz_writing *w, const sz_block *b) {
    table_head(w, b);
    for (size_t row = 0; row < sz_block_rows(b); row++) {
        for (size_t c = 0; c < b->n_columns; c++) {
            const sz_column *col = &b->columns[c];
            if (!sz_is_shown(col)) continue;
            sz_buf_puts(w->buf, "| ");
            sz_cell_show(w->buf, SZ_SINK_MARKDOWN, &b->cells.items[row * b->n_columns + c],
                         col->format, sz_unit_in_cell(col->unit));
            sz_buf_putc(w->buf, ' ');
        }
        sz_buf_puts(w->buf, "|\n");
    }
}

static void list(const sz_writing *w, const sz_block *b) {
    for (size_t row = 0; row < sz_block_rows(b); row++) {
        const sz_cell *cells = &b->cells.items[row * b->n_columns];
        sz_buf_puts(w->buf, "- ");
        sz_cell_show(w->buf, SZ_SINK_MARKDOWN, &cells[0], SZ_AS_TEXT, NULL);
        if (b->n_columns > 1 && cells[1].kind != SZ_CELL_NONE) {
            sz_buf_puts(w->buf, "  \n  ");
            sz_cell_show(w->buf, SZ_SINK_MARKDOWN, &cells[1], SZ_AS_TEXT, NULL);
        }
        sz_buf_putc(w->buf, '\n');
    }
}

// As characters, in ASCII: what escapes are to a fence is not needed there.
static void figure(const sz_writing *w, const sz_block *b) {
    const sz_plot_options options = {.format = "text", .ascii = 1, .width = (int)w->width};
    sz_buf_puts(w->buf, "```\n");
    sz_figure_show(w, b, &options);
    sz_buf_puts(w->buf, "```\n\n");
    if (b->text) put(w, b->text);
    sz_buf_putc(w->buf, '\n');
}

static void facts(const sz_writing *w, const sz_block *b) {
    for (size_t i = 0; i < b->facts.n; i++) {
        const sz_fact *f = &b->facts.items[i];
        if (!f->title) continue;
        bool exact = f->value.kind == SZ_CELL_I64 && f->format == SZ_AS_SI;
        sz_buf_puts(w->buf, "- ");
        put(w, f->title);
        sz_buf_puts(w->buf, ": ");
        sz_cell_show(w->buf, SZ_SINK_MARKDOWN, &f->value, exact ? SZ_AS_INT : f->format, f->unit);
        if (exact && (f->value.i >= 1000 || f->value.i <= -1000)) {
            sz_buf_puts(w->buf, " (");
            sz_cell_show(w->buf, SZ_SINK_MARKDOWN, &f->value, SZ_AS_SI, f->unit);
            sz_buf_putc(w->buf, ')');
        }
        if (f->note) sz_buf_putc(w->buf, ' '), put(w, f->note);
        sz_buf_putc(w->buf, '\n');
    }
}

void sz_write_md(const sz_writing *w) {
    for (size_t i = 0; i < w->doc->blocks.n; i++) {
        const sz_block *b = &w->doc->blocks.items[i];
        if (i) sz_buf_putc(w->buf, '\n');
        switch (b->kind) {
        case SZ_BLOCK_TITLE:
        case SZ_BLOCK_HEADING:
        case SZ_BLOCK_LINE:
            if (b->kind == SZ_BLOCK_TITLE) sz_buf_puts(w->buf, "# ");
            if (b->kind == SZ_BLOCK_HEADING) sz_buf_puts(w->buf, "## ");
            put(w, b->text ? b->text : "");
            if (b->more) sz_buf_puts(w->buf, "\n\n"), put(w, b->more);
            sz_buf_putc(w->buf, '\n');
            break;
        case SZ_BLOCK_FACTS: facts(w, b); break;
        case SZ_BLOCK_TABLE: b->as_list ? list(w, b) : table(w, b); break;
        case SZ_BLOCK_FIGURE: figure(w, b); break;
        }
    }
}
