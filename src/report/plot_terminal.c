// SPDX-License-Identifier: Apache-2.0
// Drawings in a terminal: lines as braille dots, 2 x 4 to a cell, marks and text as characters. In
// ASCII a line is the character that leans as it does.
#include "report/drawing.h"

#include <math.h>

typedef struct cell {
    unsigned char dots;   // braille, bit by bit
    char slope;           // ASCII character of a line
    short color;          // of what is there; -1 = nothing
    const char *glyph;    // a character; NULL = dots. "" = covered by a wide one before it
    unsigned char length; // bytes of it
    bool bold;
} cell;

typedef struct grid {
    cell *cells;
    int columns, rows;
    double cell_w, cell_h;
    bool ascii, color;
} grid;

static cell *at(const grid *g, int column, int row) {
    if (column < 0 || row < 0 || column >= g->columns || row >= g->rows) return NULL;
    return &g->cells[(size_t)row * (size_t)g->columns + (size_t)column];
}

// ---- lines -------------------------------------------------------------------------------------

static void put_dot(const grid *g, double x, double y, int color, char slope) {
    static const unsigned char bits[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}}; // Unicode 2800
    const int dx = (int)floor(x / g->cell_w * 2), dy = (int)floor(y / g->cell_h * 4);
    cell *c = dx < 0 || dy < 0 ? NULL : at(g, dx / 2, dy / 4);
    if (!c) return;
    c->dots |= bits[dy % 4][dx % 2];
    c->color = (short)color;
    c->slope = slope;
    c->glyph = NULL; // over the shade of an area
}

static char slope_of(double dx, double dy) { // in cells
    if (fabs(dy) < 0.3 * fabs(dx)) return '-';
    if (fabs(dx) < 0.3 * fabs(dy)) return '|';
    return (dx < 0) == (dy < 0) ? '\\' : '/';
}

static void draw_line(const grid *g, const sz_drawing *d, const sz_shape *s) {
    for (size_t i = 0; i + 1 < s->n; i++) {
        const sz_xy a = d->points.items[s->first + i], b = d->points.items[s->first + i + 1];
        const double dx = (b.x - a.x) / g->cell_w, dy = (b.y - a.y) / g->cell_h;
        const int steps = 1 + (int)(2 * fmax(2 * fabs(dx), 4 * fabs(dy)));
        const char slope = slope_of(dx, dy);
        for (int k = 0; k <= steps; k++) {
            if (s->dashed && k / 8 % 2) continue;
            put_dot(g, a.x + (b.x - a.x) * k / steps, a.y + (b.y - a.y) * k / steps, s->color,
                    slope);
        }
    }
}

// ---- characters --------------------------------------------------------------------------------

static void put_glyph(const grid *g, int column, int row, const char *glyph, size_t length,
                      int color, bool bold) {
    cell *c = at(g, column, row);
    if (!c) return;
    *c = (cell){
        .glyph = glyph, .length = (unsigned char)length, .color = (short)color, .bold = bold};
}

// Shades by the order of the areas, so that a stack can be told without colours.
static const char *shade_of(const grid *g, int number) {
    static const char *const shades[] = {"\xe2\x96\x91", "\xe2\x96\x92", "\xe2\x96\x93",
                                         "\xe2\x96\x88"};
    static const char *const plain[] = {".", ":", "%", "#"};
    return g->ascii ? plain[number % 4] : shades[number % 4];
}

// The last two points are the lower corners.
static void draw_area(const grid *g, const sz_drawing *d, const sz_shape *s, int number) {
    const sz_xy *p = d->points.items + s->first;
    const char *shade = shade_of(g, number);
    const int bottom = s->n > 2 ? (int)floor((p[s->n - 1].y - 1) / g->cell_h) : 0;
    for (size_t i = 0; i + 3 < s->n; i++) {
        const int last = (int)floor(p[i + 1].x / g->cell_w - 0.5);
        for (int column = (int)ceil(p[i].x / g->cell_w - 0.5); column <= last; column++) {
            const double x = (column + 0.5) * g->cell_w, w = p[i + 1].x - p[i].x;
            const double y = w > 0 ? p[i].y + (p[i + 1].y - p[i].y) * (x - p[i].x) / w : p[i].y;
            for (int row = (int)floor(y / g->cell_h + 0.5); row <= bottom; row++)
                put_glyph(g, column, row, shade, strlen(shade), s->color, false);
        }
    }
}

// The first half of its points is the upper line, the rest the lower one backwards.
static void draw_band(const grid *g, const sz_drawing *d, const sz_shape *s) {
    const sz_xy *p = d->points.items + s->first;
    const char *shade = shade_of(g, 0);
    for (size_t i = 0; i + 1 < s->n / 2; i++) {
        const sz_xy a = p[i], b = p[i + 1], c = p[s->n - 1 - i], e = p[s->n - 2 - i];
        const int last = (int)floor(b.x / g->cell_w - 0.5);
        for (int column = (int)ceil(a.x / g->cell_w - 0.5); column <= last; column++) {
            const double w = b.x - a.x, part = ((column + 0.5) * g->cell_w - a.x) / (w > 0 ? w : 1);
            const double upper = a.y + (b.y - a.y) * part, lower = c.y + (e.y - c.y) * part;
            for (int row = (int)floor(upper / g->cell_h + 0.5); row + 0.5 < lower / g->cell_h;
                 row++)
                put_glyph(g, column, row, shade, strlen(shade), s->color, false);
        }
    }
}

// Bars of other series look other; that of the first ends at an eighth of a cell.
static void draw_bar(const grid *g, const sz_shape *s) {
    static const char *const blocks[] = {"\xe2\x96\x88", "\xe2\x96\x93", "\xe2\x96\x92",
                                         "\xe2\x96\x91"};
    static const char *const eighths[] = {"",
                                          "\xe2\x96\x8f",
                                          "\xe2\x96\x8e",
                                          "\xe2\x96\x8d",
                                          "\xe2\x96\x8c",
                                          "\xe2\x96\x8b",
                                          "\xe2\x96\x8a",
                                          "\xe2\x96\x89"};
    static const char *const plain[] = {"#", "=", "+", "-"};
    const int kind = s->color >= SZ_PLOT_SERIES ? (s->color - SZ_PLOT_SERIES) % 4 : 0;
    const int row = (int)floor((s->y + s->h / 2) / g->cell_h), start = (int)floor(s->x / g->cell_w);
    const int units = (int)floor(s->w / g->cell_w * 8 + 0.5), whole = units / 8;
    const char *block = g->ascii ? plain[kind] : blocks[kind];
    const char *end = kind == 0 && !g->ascii ? eighths[units % 8] : units % 8 > 3 ? block : "";
    for (int i = 0; i < whole; i++)
        put_glyph(g, start + i, row, block, strlen(block), s->color, false);
    if (!whole && !*end) end = g->ascii ? "|" : eighths[1]; // little, but something
    if (*end) put_glyph(g, start + whole, row, end, strlen(end), s->color, false);
}

// Its left edge is enough: the row of numbers below is the lower one.
static void draw_frame(const grid *g, const sz_shape *s) {
    const int left = (int)floor(s->x / g->cell_w) - 1, top = (int)floor(s->y / g->cell_h);
    const int bottom = (int)floor((s->y + s->h) / g->cell_h);
    const char *side = g->ascii ? "|" : "\xe2\x94\x82";
    for (int row = top; row <= bottom; row++)
        put_glyph(g, left, row, side, strlen(side), SZ_PLOT_GREY, false);
}

static void draw_mark(const grid *g, const sz_shape *s) {
    static const char *const glyphs[SZ_N_MARKS] = {
        [SZ_MARK_CIRCLE] = "\xe2\x97\x8f",  [SZ_MARK_SQUARE] = "\xe2\x96\xa0",
        [SZ_MARK_DIAMOND] = "\xe2\x97\x86", [SZ_MARK_UP] = "\xe2\x96\xb2",
        [SZ_MARK_DOWN] = "\xe2\x96\xbc",    [SZ_MARK_CROSS] = "\xe2\x9c\x9a",
        [SZ_MARK_X] = "\xe2\x9c\x96",       [SZ_MARK_STAR] = "\xe2\x98\x85",
        [SZ_MARK_RING] = "\xe2\x97\x8b"};
    static const char *const plain[SZ_N_MARKS] = {
        [SZ_MARK_CIRCLE] = "@", [SZ_MARK_SQUARE] = "#", [SZ_MARK_DIAMOND] = "*",
        [SZ_MARK_UP] = "^",     [SZ_MARK_DOWN] = "v",   [SZ_MARK_CROSS] = "+",
        [SZ_MARK_X] = "x",      [SZ_MARK_STAR] = "%",   [SZ_MARK_RING] = "o"};
    const char *glyph = g->ascii ? plain[s->mark] : glyphs[s->mark];
    if (s->area > 0) glyph = shade_of(g, s->area - 1);
    put_glyph(g, (int)floor(s->x / g->cell_w), (int)floor(s->y / g->cell_h), glyph, strlen(glyph),
              s->color, false);
}

// What stands for a sign in ASCII, one character wide.
static const char *plain_sign(const char *text, size_t n) {
    static const char *const signs[][2] = {
        {"\xc2\xb5", "u"}, {"\xc3\x97", "x"}, {"\xe2\x80\x93", "-"}, {"\xe2\x80\xa6", "~"}};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (strlen(signs[i][0]) == n && memcmp(signs[i][0], text, n) == 0) return signs[i][1];
    return "?";
}

// `text` is escaped already: valid UTF-8 without controls.
static void draw_text(const grid *g, const sz_shape *s, const char *text, size_t n) {
    const double width = (double)sz_text_width(text, n);
    const double start = s->x / g->cell_w - (s->anchor + 1) * 0.5 * width;
    const int row = (int)floor(s->y / g->cell_h);
    int column = (int)floor(start + 0.5 - 1e-9);
    if (column < 0) column = 0;
    for (size_t i = 0; i < n;) {
        size_t len = 1;
        while (i + len < n && ((unsigned char)text[i + len] & 0xC0) == 0x80) len++;
        const bool foreign = g->ascii && (unsigned char)text[i] >= 0x80;
        const char *instead = foreign ? plain_sign(text + i, len) : "";
        const size_t w = sz_text_width(text + i, len);
        if (w > 0)
            put_glyph(g, column, row, foreign ? instead : text + i, foreign ? 1 : len, s->color,
                      s->bold);
        if (w > 1) put_glyph(g, column + 1, row, instead, foreign, s->color, s->bold);
        column += (int)w;
        i += len;
    }
}

static const char *escaped(sz_drawing *d, const char *text, size_t *ret_n) {
    sz_buf buf;
    char *copy = NULL;
    sz_buf_init(&buf, d->ctx);
    sz_escape(&buf, SZ_SINK_TERMINAL, text, strlen(text));
    if (sz_buf_status(&buf) == SZ_OK)
        copy = sz_arena_strdup(&d->arena, buf.data ? buf.data : "", buf.size);
    *ret_n = copy ? buf.size : 0;
    sz_buf_finish(&buf);
    return copy;
}

// ---- bytes -------------------------------------------------------------------------------------

static void set_color(const grid *g, sz_buf *buf, const cell *c, int *now) {
    const int want = !c || c->color < 0 ? -1 : c->color + (c->bold ? 1000 : 0);
    if (!g->color || want == *now) return;
    *now = want;
    sz_buf_puts(buf, "\x1b[0m");
    if (!c || c->color < 0) return;
    const int ansi = sz_color_of(c->color).ansi;
    if (c->bold) sz_buf_puts(buf, "\x1b[1m");
    if (ansi >= 0) sz_buf_printf(buf, "\x1b[38;5;%dm", ansi);
}

static bool is_blank(const cell *c) { return !c->glyph && !c->dots; }

static void put_cell(const grid *g, sz_buf *buf, const cell *c) {
    if (c->glyph)
        sz_buf_put(buf, c->glyph, c->length);
    else if (!c->dots)
        sz_buf_putc(buf, ' ');
    else if (g->ascii)
        sz_buf_putc(buf, c->slope);
    else { // U+2800 + dots
        sz_buf_putc(buf, (char)0xE2);
        sz_buf_putc(buf, (char)(0xA0 | c->dots >> 6));
        sz_buf_putc(buf, (char)(0x80 | (c->dots & 0x3F)));
    }
}

static void put_row(const grid *g, sz_buf *buf, int row) {
    int n = g->columns, color = -1;
    while (n > 0 && is_blank(at(g, n - 1, row))) n--;
    for (int i = 0; i < n; i++) {
        const cell *c = at(g, i, row);
        set_color(g, buf, is_blank(c) ? NULL : c, &color);
        put_cell(g, buf, c);
    }
    set_color(g, buf, NULL, &color);
    sz_buf_putc(buf, '\n');
}

static sz_status draw_all(const grid *g, const sz_drawing *d, sz_drawing *texts) {
    int areas = 0;
    for (size_t i = 0; i < d->shapes.n; i++) {
        const sz_shape *s = &d->shapes.items[i];
        if (s->kind == SZ_SHAPE_AREA) draw_area(g, d, s, areas++);
        if (s->kind == SZ_SHAPE_BAND) draw_band(g, d, s);
        if (s->kind == SZ_SHAPE_BOX && s->role == SZ_ROLE_DATA) draw_bar(g, s);
        if (s->role == SZ_ROLE_CLOUD) put_dot(g, s->x, s->y, s->color, '.');
    }
    for (size_t i = 0; i < d->shapes.n; i++) { // lines below, then marks, then text
        const sz_shape *s = &d->shapes.items[i];
        if (s->kind == SZ_SHAPE_LINE && s->role == SZ_ROLE_DATA) draw_line(g, d, s);
        if (s->kind == SZ_SHAPE_BOX && s->role == SZ_ROLE_FRAME) draw_frame(g, s);
    }
    for (size_t i = d->shapes.n; i-- > 0;) // the largest come first: on top of the smaller
        if (d->shapes.items[i].kind == SZ_SHAPE_MARK && d->shapes.items[i].role != SZ_ROLE_CLOUD)
            draw_mark(g, &d->shapes.items[i]);
    for (size_t i = 0; i < d->shapes.n; i++) {
        const sz_shape *s = &d->shapes.items[i];
        size_t n;
        if (s->kind != SZ_SHAPE_TEXT) continue;
        const char *text = escaped(texts, s->text, &n);
        if (!text) return sz_no_memory(d->ctx);
        draw_text(g, s, text, n);
    }
    return SZ_OK;
}

sz_status sz_write_terminal(const sz_drawing *d, const sz_look *look,
                            const sz_plot_options *options, sz_buf *buf) {
    grid g = {.columns = (int)(d->width / look->cell_w),
              .rows = (int)(d->height / look->cell_h),
              .cell_w = look->cell_w,
              .cell_h = look->cell_h,
              .ascii = options->ascii != 0,
              .color = options->color != 0};
    const size_t n = (size_t)g.columns * (size_t)g.rows;
    sz_drawing texts = {.ctx = d->ctx}; // only its arena: holds the escaped texts
    g.cells = sz_alloc(d->ctx, n * sizeof *g.cells);
    if (!g.cells) return sz_no_memory(d->ctx);
    sz_arena_init(&texts.arena, d->ctx);
    for (size_t i = 0; i < n; i++) g.cells[i].color = -1;
    sz_status status = draw_all(&g, d, &texts);
    for (int row = 0; status == SZ_OK && row < g.rows; row++) put_row(&g, buf, row);
    sz_arena_finish(&texts.arena);
    sz_free(d->ctx, g.cells, n * sizeof *g.cells);
    return status == SZ_OK ? sz_buf_status(buf) : status;
}
