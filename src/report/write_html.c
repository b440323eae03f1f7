// SPDX-License-Identifier: Apache-2.0
// The HTML writer: one page that needs nothing from outside, can be read with scripts off, and
// prints. Headings make sections with a list of links. A policy in its head forbids every script
// but the page's own, so that a name that got through an escape would still be only text.
#include "report/drawing.h"
#include "report/html.h"

void sz_html_text(const sz_writing *w, const char *text) {
    if (text) sz_escape(w->buf, SZ_SINK_XML, text, strlen(text));
}

static void put(const sz_writing *w, const char *html) { sz_buf_puts(w->buf, html); }

static void put_asset(const sz_writing *w, const char *name) {
    for (size_t i = 0; i < sz_n_assets; i++)
        if (strcmp(sz_assets[i].name, name) == 0)
            sz_buf_put(w->buf, sz_assets[i].text, sz_assets[i].size);
}

// ---- head --------------------------------------------------------------------------------------

// The block whose text names the page: its title, else its first heading; NULL = there is none.
static const sz_block *title_of(const sz_doc *doc) {
    const sz_block *heading = NULL;
    for (size_t i = 0; i < doc->blocks.n; i++) {
        const sz_block *b = &doc->blocks.items[i];
        if (b->kind == SZ_BLOCK_TITLE) return b;
        if (b->kind == SZ_BLOCK_HEADING && !heading) heading = b;
    }
    return heading;
}

static void put_title(const sz_writing *w, const sz_block *title) {
    sz_html_text(w, title && title->text ? title->text
                    : w->doc->schema     ? w->doc->schema
                                         : "sizeup");
}

static void put_head(const sz_writing *w, const sz_block *title) {
    put(w, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
           "style-src 'unsafe-inline'; script-src 'sha256-");
    put_asset(w, "script-hash");
    put(w, "'; base-uri 'none'; form-action 'none'\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    put_title(w, title);
    put(w, "</title>\n<style>\n");
    put_asset(w, "style");
    put(w, "@media screen and (prefers-color-scheme:dark){");
    sz_svg_dark_rules(w->buf);
    put(w,
        "}\n</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n"
        "<header>\n<h1>");
    put_title(w, title);
    put(w, "</h1>\n");
    if (title && title->more) {
        put(w, "<p class=\"subtitle\">");
        sz_html_text(w, title->more);
        put(w, "</p>\n");
    }
    put(w, "</header>\n");
}

// Links to the sections; a page of one or two needs none.
static void put_links(const sz_writing *w, const sz_block *title) {
    enum { WORTH_IT = 3 };
    size_t n = 0;
    for (size_t i = 0; i < w->doc->blocks.n; i++)
        n += w->doc->blocks.items[i].kind == SZ_BLOCK_HEADING;
    if (n < WORTH_IT) return;
    put(w, "<nav aria-label=\"Sections\">\n<ol>\n");
    for (size_t i = 0; i < w->doc->blocks.n; i++) {
        const sz_block *b = &w->doc->blocks.items[i];
        if (b->kind != SZ_BLOCK_HEADING || b == title) continue;
        sz_buf_printf(w->buf, "<li><a href=\"#s%zu\">", i);
        sz_html_text(w, b->text);
        put(w, "</a></li>\n");
    }
    put(w, "</ol>\n</nav>\n");
}

// ---- body --------------------------------------------------------------------------------------

typedef struct body {
    const sz_writing *w;
    const sz_block *title, *heading; // heading: of the section that is open, or NULL
    bool open;
} body;

static void open_section(body *o, size_t i, const sz_block *heading) {
    if (o->open) put(o->w, "</section>\n");
    if (heading) {
        sz_buf_printf(o->w->buf, "<section id=\"s%zu\" aria-labelledby=\"h%zu\">\n<h2 id=\"h%zu\">",
                      i, i, i);
        sz_html_text(o->w, heading->text);
        put(o->w, "</h2>\n");
    } else {
        put(o->w, "<section>\n");
    }
    o->open = true;
    o->heading = heading;
}

static bool goes_on(const sz_doc *doc, size_t i) {
    const sz_block *b = i < doc->blocks.n ? &doc->blocks.items[i] : NULL;
    return b && b->kind == SZ_BLOCK_LINE && b->text && strncmp(b->text, "  ", 2) == 0;
}

// Lines that begin with blanks go on with the paragraph before. Gives how many blocks were taken.
static size_t put_paragraph(const sz_writing *w, size_t i) {
    const char *text = w->doc->blocks.items[i].text ? w->doc->blocks.items[i].text : "";
    size_t n = 1;
    const bool item = strncmp(text, "- ", 2) == 0;
    put(w, item ? "<p class=\"item\">" : "<p>");
    sz_html_text(w, item ? text + 2 : text);
    for (; goes_on(w->doc, i + n); n++) {
        put(w, " ");
        sz_html_text(w, w->doc->blocks.items[i + n].text + 2);
    }
    put(w, "</p>\n");
    return n;
}

static size_t put_block(body *o, size_t i) {
    const sz_block *b = &o->w->doc->blocks.items[i];
    const char *label = o->heading ? o->heading->text : o->title ? o->title->text : NULL;
    switch (b->kind) {
    case SZ_BLOCK_TITLE:
    case SZ_BLOCK_HEADING:
        break;
    case SZ_BLOCK_LINE:
        return put_paragraph(o->w, i);
    case SZ_BLOCK_FACTS:
        sz_html_facts(o->w, b);
        break;
    case SZ_BLOCK_TABLE:
        if (b->as_list)
            sz_html_list(o->w, b);
        else
            sz_html_table(o->w, b, label);
        break;
    case SZ_BLOCK_FIGURE:
        sz_html_figure(o->w, b, i);
        break;
    }
    return 1;
}

static void put_warnings(const sz_writing *w) {
    if (w->doc->warnings.n == 0) return;
    put(w, "<section class=\"warnings\" aria-label=\"Warnings\">\n<h2>Warnings</h2>\n<ul>\n");
    for (size_t i = 0; i < w->doc->warnings.n; i++) {
        put(w, "<li>");
        sz_html_text(w, w->doc->warnings.items[i]);
        put(w, "</li>\n");
    }
    put(w, "</ul>\n</section>\n");
}

void sz_write_html(const sz_writing *w) {
    body o = {.w = w, .title = title_of(w->doc)};
    put_head(w, o.title);
    put_links(w, o.title);
    put(w, "<main id=\"main\">\n");
    for (size_t i = 0; i < w->doc->blocks.n;) {
        const sz_block *b = &w->doc->blocks.items[i];
        if (b->kind == SZ_BLOCK_HEADING && b != o.title)
            open_section(&o, i, b);
        else if (!o.open && b->kind != SZ_BLOCK_TITLE && b != o.title)
            open_section(&o, i, NULL);
        i += put_block(&o, i);
    }
    if (o.open) put(w, "</section>\n");
    put_warnings(w);
    put(w, "</main>\n<footer><p>Made by sizeup " SZ_VERSION ".</p></footer>\n<script>");
    put_asset(w, "script");
    put(w, "</script>\n</body>\n</html>\n");
}
