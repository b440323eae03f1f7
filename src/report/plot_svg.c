// SPDX-License-Identifier: Apache-2.0
// Drawings as SVG 1.1: text stays text, so it can be searched, and the same drawing always gives
// the same bytes. The picture has a ground of its own, so it looks the same on a dark page.
#include "report/drawing.h"

#include <math.h>

// One decimal with a point, whatever the locale.
static void put_number(sz_buf *b, double v) {
    const int64_t tenths = (int64_t)llround(v * 10);
    if (tenths < 0) sz_buf_putc(b, '-');
    const int64_t u = tenths < 0 ? -tenths : tenths;
    sz_buf_i64(b, u / 10);
    if (u % 10 == 0) return;
    sz_buf_putc(b, '.');
    sz_buf_putc(b, (char)('0' + u % 10));
}

static void put_attr(sz_buf *b, const char *name, double v) {
    sz_buf_printf(b, " %s=\"", name);
    put_number(b, v);
    sz_buf_putc(b, '"');
}

static void put_text(sz_buf *b, const char *text) { sz_escape(b, SZ_SINK_XML, text, strlen(text)); }

static void put_points(sz_buf *b, const sz_xy *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i) sz_buf_putc(b, ' ');
        put_number(b, p[i].x);
        sz_buf_putc(b, ',');
        put_number(b, p[i].y);
    }
}

static void write_box(sz_buf *b, const sz_shape *s) {
    sz_buf_puts(b, "<rect");
    put_attr(b, "x", s->x);
    put_attr(b, "y", s->y);
    put_attr(b, "width", s->w);
    put_attr(b, "height", s->h);
    sz_buf_printf(b, " fill=\"#%06x\" stroke=\"#%06x\"/>\n", (unsigned)SZ_PAPER,
                  sz_color_of(s->color).rgb);
}

static void write_line(sz_buf *b, const sz_drawing *d, const sz_shape *s) {
    sz_buf_puts(b, "<polyline points=\"");
    put_points(b, d->points.items + s->first, s->n);
    sz_buf_printf(b, "\" fill=\"none\" stroke=\"#%06x\"", sz_color_of(s->color).rgb);
    put_attr(b, "stroke-width", s->size);
    if (s->role == SZ_ROLE_DATA) sz_buf_puts(b, " stroke-linejoin=\"round\"");
    if (s->role == SZ_ROLE_LEADER) sz_buf_puts(b, " stroke-opacity=\"0.55\"");
    if (s->dashed) sz_buf_puts(b, " stroke-dasharray=\"6 4\"");
    sz_buf_puts(b, "/>\n");
}

static void write_area(sz_buf *b, const sz_drawing *d, const sz_shape *s) {
    sz_buf_puts(b, "<polygon points=\"");
    put_points(b, d->points.items + s->first, s->n);
    sz_buf_printf(b, "\" fill=\"#%06x\"/>\n", sz_tint_of(s->color));
}

static void put_outline(sz_buf *b, const sz_shape *s) {
    const double(*corners)[2];
    const size_t n = sz_mark_corners(s->mark, &corners);
    if (n == 0) {
        sz_buf_puts(b, "<circle");
        put_attr(b, "cx", s->x);
        put_attr(b, "cy", s->y);
        put_attr(b, "r", s->size);
        return;
    }
    sz_buf_puts(b, "<polygon points=\"");
    for (size_t i = 0; i < n; i++) {
        const sz_xy p = {s->x + corners[i][0] * s->size, s->y + corners[i][1] * s->size};
        if (i) sz_buf_putc(b, ' ');
        put_points(b, &p, 1);
    }
    sz_buf_putc(b, '"');
}

static void write_mark(sz_buf *b, const sz_shape *s) {
    const unsigned rgb = sz_color_of(s->color).rgb;
    put_outline(b, s);
    if (s->mark == SZ_MARK_RING)
        sz_buf_printf(b, " fill=\"#%06x\" stroke=\"#%06x\" stroke-width=\"1.4\"",
                      (unsigned)SZ_PAPER, rgb);
    else
        sz_buf_printf(b, " fill=\"#%06x\" fill-opacity=\"0.8\" stroke=\"#%06x\"", rgb,
                      (unsigned)SZ_PAPER);
    if (!s->text) {
        sz_buf_puts(b, "/>\n");
        return;
    }
    sz_buf_puts(b, "><title>");
    put_text(b, s->text);
    sz_buf_printf(b, "</title></%s>\n",
                  s->mark == SZ_MARK_CIRCLE || s->mark == SZ_MARK_RING ? "circle" : "polygon");
}

static void write_text(sz_buf *b, const sz_shape *s) {
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    sz_buf_puts(b, "<text");
    put_attr(b, "x", s->x);
    put_attr(b, "y", s->y + 0.35 * s->size); // its base line
    put_attr(b, "font-size", s->size);
    sz_buf_printf(b, " fill=\"#%06x\"%s", sz_color_of(s->color).rgb, anchors[s->anchor + 1]);
    if (s->bold) sz_buf_puts(b, " font-weight=\"600\"");
    if (s->angle != 0) {
        sz_buf_puts(b, " transform=\"rotate(");
        put_number(b, s->angle);
        sz_buf_putc(b, ' ');
        put_number(b, s->x);
        sz_buf_putc(b, ' ');
        put_number(b, s->y);
        sz_buf_puts(b, ")\"");
    }
    if (s->halo)
        sz_buf_printf(b,
                      " paint-order=\"stroke\" stroke=\"#%06x\" stroke-width=\"3\""
                      " stroke-linejoin=\"round\"",
                      (unsigned)SZ_PAPER);
    sz_buf_putc(b, '>');
    put_text(b, s->text);
    sz_buf_puts(b, "</text>\n");
}

// Inside of a page its title is an attribute: as an element it would be shown wherever the mouse is.
static void put_head(const sz_drawing *d, const char *label, sz_buf *b) {
    sz_buf_puts(b, "<svg xmlns=\"http://www.w3.org/2000/svg\"");
    if (!label) put_attr(b, "width", d->width), put_attr(b, "height", d->height);
    sz_buf_puts(b, " viewBox=\"0 0 ");
    put_number(b, d->width);
    sz_buf_putc(b, ' ');
    put_number(b, d->height);
    sz_buf_puts(b, "\" role=\"img\" ");
    if (label) {
        sz_buf_puts(b, "aria-label=\"");
        put_text(b, label);
        sz_buf_puts(b, "\">\n");
        return;
    }
    sz_buf_puts(b, "font-family=\"'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\">\n<title>");
    put_text(b, d->title ? d->title : "plot");
    sz_buf_printf(b, "</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#%06x\"/>\n",
                  (unsigned)SZ_GROUND);
}

sz_status sz_write_svg(const sz_drawing *d, const char *label, sz_buf *b) {
    put_head(d, label, b);
    for (size_t i = 0; i < d->shapes.n; i++) {
        const sz_shape *s = &d->shapes.items[i];
        if (s->kind == SZ_SHAPE_BOX)
            write_box(b, s);
        else if (s->kind == SZ_SHAPE_AREA)
            write_area(b, d, s);
        else if (s->kind == SZ_SHAPE_LINE)
            write_line(b, d, s);
        else if (s->kind == SZ_SHAPE_MARK)
            write_mark(b, s);
        else
            write_text(b, s);
    }
    sz_buf_puts(b, "</svg>\n");
    return sz_buf_status(b);
}
