// SPDX-License-Identifier: Apache-2.0
// Tables, lists, facts and figures of a page.
#include "report/html.h"

#include <math.h>
#include <stdio.h>

static void put(const sz_writing *w, const char *html) { sz_buf_puts(w->buf, html); }

static bool on_page(const sz_column *c) {
    return !(c->flags & SZ_COLUMN_DATA) || (c->title && (c->flags & SZ_COLUMN_PAGE));
}

static bool is_number(const sz_cell *cell) {
    return cell->kind == SZ_CELL_I64 || cell->kind == SZ_CELL_F64;
}
static double number_of(const sz_cell *cell) {
    return cell->kind == SZ_CELL_I64 ? (double)cell->i : cell->kind == SZ_CELL_F64 ? cell->f : NAN;
}

// ---- bars --------------------------------------------------------------------------------------

static bool same_scale(const sz_column *a, const sz_column *b) {
    return (a->flags & b->flags & SZ_COLUMN_BAR) && a->format == b->format &&
           strcmp(a->unit ? a->unit : "", b->unit ? b->unit : "") == 0;
}

// The longest bar of column c, over all columns that share its scale.
static double scale_of(const sz_block *b, size_t c) {
    double most = 0;
    for (size_t i = 0; i < b->cells.n; i++) {
        const double v = number_of(&b->cells.items[i]);
        if (v > most && same_scale(&b->columns[c], &b->columns[i % b->n_columns])) most = v;
    }
    return most;
}

static void put_bar(const sz_writing *w, double v, double most) {
    const int tenths = v > 0 && most > 0 ? (int)(1000 * v / most + 0.5) : 0;
    sz_buf_printf(w->buf, "<i style=\"--w:%d.%d%%\"></i>", tenths / 10, tenths % 10);
}

// ---- tables ------------------------------------------------------------------------------------

// Seven digits are enough to sort by, and short; whole numbers are exact.
static void put_key(const sz_writing *w, const sz_cell *cell) {
    put(w, " data-v=\"");
    if (cell->kind == SZ_CELL_I64) {
        sz_buf_i64(w->buf, cell->i);
    } else {
        const double a = fabs(cell->f);
        const int places = a > 0 ? 6 - (int)floor(log10(a)) : 0;
        const double scale = places > -300 && places < 300 ? pow(10, places) : 1;
        sz_buf_f64(w->buf, round(cell->f * scale) / scale);
    }
    put(w, "\"");
}

static void put_cell(const sz_writing *w, const sz_column *col, const sz_cell *cell, bool head,
                     double most) {
    put(w, head ? "<th scope=\"row\"" : "<td");
    if (most > 0 && is_number(cell)) put(w, " class=\"b\"");
    if (is_number(cell))
        put_key(w, cell);
    else if (col->format != SZ_AS_TEXT)
        put(w, " class=\"n\"");
    put(w, ">");
    if (most > 0 && is_number(cell)) put_bar(w, number_of(cell), most);
    if (cell->kind == SZ_CELL_NONE)
        put(w, "\xE2\x80\x93"); // a dash: not known
    else
        sz_cell_show(w->buf, SZ_SINK_XML, cell, col->format, sz_unit_in_cell(col->unit));
    put(w, head ? "</th>" : "</td>");
}

static void put_column_heads(const sz_writing *w, const sz_block *b) {
    put(w, "<thead><tr>");
    for (size_t c = 0; c < b->n_columns; c++) {
        if (!on_page(&b->columns[c])) continue;
        const bool left = b->columns[c].format == SZ_AS_TEXT;
        sz_buf head;
        sz_buf_init(&head, w->doc->ctx);
        sz_head_show(&head, &b->columns[c]);
        put(w, left ? "<th scope=\"col\" class=\"t\">" : "<th scope=\"col\">");
        sz_escape(w->buf, SZ_SINK_XML, head.data ? head.data : "", head.size);
        put(w, "</th>");
        if (head.failed) w->buf->failed = head.failed;
        sz_buf_finish(&head);
    }
    put(w, "</tr></thead>\n");
}

// The first column of text names the row.
static size_t naming_column(const sz_block *b) {
    for (size_t c = 0; c < b->n_columns; c++)
        if (on_page(&b->columns[c]) && b->columns[c].format == SZ_AS_TEXT) return c;
    return b->n_columns;
}

static void put_rows(const sz_writing *w, const sz_block *b, const double *scales) {
    const size_t head = naming_column(b);
    size_t next_rule = 0;
    put(w, "<tbody>\n");
    for (size_t row = 0; row < sz_block_rows(b); row++) {
        const bool ruled = next_rule < b->rules.n && b->rules.items[next_rule] == row;
        next_rule += ruled;
        put(w, ruled ? "<tr class=\"rule\">" : "<tr>");
        for (size_t c = 0; c < b->n_columns; c++)
            if (on_page(&b->columns[c]))
                put_cell(w, &b->columns[c], &b->cells.items[row * b->n_columns + c], c == head,
                         scales[c]);
        put(w, "</tr>\n");
    }
    put(w, "</tbody>\n");
}

// Long tables scroll in a frame of their own, with their head in sight.
void sz_html_table(const sz_writing *w, const sz_block *b, const char *label) {
    enum { TALL = 24 };
    const size_t rows = sz_block_rows(b);
    double *scales = sz_alloc(w->doc->ctx, (b->n_columns + 1) * sizeof *scales);
    if (!scales) {
        w->buf->failed = SZ_ERR_MEMORY;
        return;
    }
    for (size_t c = 0; c < b->n_columns; c++)
        scales[c] = b->columns[c].flags & SZ_COLUMN_BAR ? scale_of(b, c) : 0;
    sz_buf_printf(w->buf, "<div class=\"scroll%s\" role=\"region\" tabindex=\"0\" aria-label=\"",
                  rows > TALL ? " tall" : "");
    sz_html_text(w, label ? label : "table");
    put(w, "\">\n<table>\n");
    put_column_heads(w, b);
    put_rows(w, b, scales);
    put(w, "</table>\n</div>\n");
    sz_free(w->doc->ctx, scales, (b->n_columns + 1) * sizeof *scales);
}

void sz_html_list(const sz_writing *w, const sz_block *b) {
    put(w, "<ul class=\"findings\">\n");
    for (size_t row = 0; row < sz_block_rows(b); row++) {
        const sz_cell *cells = &b->cells.items[row * b->n_columns];
        put(w, "<li><p>");
        sz_cell_show(w->buf, SZ_SINK_XML, &cells[0], SZ_AS_TEXT, NULL);
        put(w, "</p>");
        if (b->n_columns > 1 && cells[1].kind == SZ_CELL_TEXT) {
            put(w, "<p class=\"because\">");
            sz_html_text(w, cells[1].s);
            put(w, "</p>");
        }
        put(w, "</li>\n");
    }
    put(w, "</ul>\n");
}

// ---- facts -------------------------------------------------------------------------------------

static void put_fact(const sz_writing *w, const sz_fact *f) {
    const bool number = is_number(&f->value);
    const bool exact = f->value.kind == SZ_CELL_I64 && f->format == SZ_AS_SI &&
                       (f->value.i >= 1000 || f->value.i <= -1000);
    const bool wide = !number && (f->value.kind != SZ_CELL_NONE || f->format == SZ_AS_TEXT);
    const bool typed = f->format == SZ_AS_COMMAND && f->value.kind == SZ_CELL_TEXT;
    const bool goes_on = wide && f->title && !*f->title; // with the one before
    put(w, goes_on ? "<div class=\"text more\"><dt>" : wide ? "<div class=\"text\"><dt>"
                                                            : "<div><dt>");
    sz_html_text(w, f->title);
    put(w, "</dt><dd");
    if (number) put_key(w, &f->value);
    put(w, ">");
    if (typed) put(w, "<code>");
    if (f->value.kind == SZ_CELL_NONE)
        put(w, "not known");
    else
        sz_cell_show(w->buf, SZ_SINK_XML, &f->value, f->format, f->unit);
    put(w, typed ? "</code></dd>" : "</dd>");
    if (exact) {
        put(w, "<dd class=\"note\">");
        sz_buf_grouped(w->buf, f->value.i);
        put(w, "</dd>");
    }
    if (f->note) {
        put(w, "<dd class=\"note\">");
        sz_html_text(w, f->note);
        put(w, "</dd>");
    }
    put(w, "</div>\n");
}

void sz_html_facts(const sz_writing *w, const sz_block *b) {
    bool any = false;
    for (size_t i = 0; i < b->facts.n; i++) {
        if (!b->facts.items[i].title) continue;
        if (!any) put(w, "<dl>\n");
        any = true;
        put_fact(w, &b->facts.items[i]);
    }
    if (any) put(w, "</dl>\n");
}

// ---- figures -----------------------------------------------------------------------------------

// Views are chosen by buttons of a form that need no script: the style sheet shows what is checked.
static void put_choice(const sz_writing *w, const sz_block *b, size_t index) {
    for (size_t i = 0; i < b->views.n && b->views.n > 1; i++) {
        sz_buf_printf(w->buf, "<input type=\"radio\" name=\"v%zu\" id=\"v%zu-%zu\"%s>", index,
                      index, i, i ? "" : " checked");
        sz_buf_printf(w->buf, "<label for=\"v%zu-%zu\">", index, i);
        sz_html_text(w, b->views.items[i].name);
        put(w, "</label>\n");
    }
}

static void put_view(const sz_writing *w, const sz_block *b, size_t i) {
    enum { WIDTH = 920, HEIGHT = 480, LABEL = 700 };
    char label[LABEL];
    snprintf(label, sizeof label, "%s%s%s",
             b->more   ? b->more
             : b->text ? b->text
                       : "plot",
             b->views.n > 1 ? ": " : "", b->views.n > 1 ? b->views.items[i].name : "");
    const sz_plot_options options = {
        .format = "svg", .width = WIDTH, .height = HEIGHT, .theme = SZ_PLOT_AUTO, .label = label};
    put(w, "<div class=\"view\">");
    const sz_status status = sz_plot_write(w->doc->ctx, b->views.items[i].plot, &options, w->buf);
    if (status != SZ_OK && !w->buf->failed) w->buf->failed = (int)status;
    put(w, "</div>\n");
}

void sz_html_figure(const sz_writing *w, const sz_block *b, size_t index) {
    put(w, b->views.n > 1 ? "<figure class=\"views\">\n" : "<figure>\n");
    put_choice(w, b, index);
    for (size_t i = 0; i < b->views.n; i++) put_view(w, b, i);
    put(w, "<figcaption>");
    sz_html_text(w, b->text);
    put(w, "</figcaption>\n</figure>\n");
}
