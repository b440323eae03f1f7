// SPDX-License-Identifier: Apache-2.0
// Drawings as SVG 1.1: text stays text, so it can be searched, and the same drawing always gives
// the same bytes. The picture has a ground of its own, so it looks the same on a dark page, unless
// both themes are asked for.
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

static const char *const paint_names[] = {"p", "g", "n"}; // paper, ground, none

// "7", "t7" for a tint, "p" for the paper.
static void put_paint_name(sz_buf *b, int paint) {
    if (paint >= 0)
        sz_buf_printf(b, "%s%d", paint & SZ_PAINT_TINT ? "t" : "",
                      sz_color_index(paint & ~SZ_PAINT_TINT));
    else
        sz_buf_puts(b, paint_names[-1 - paint]);
}

static void put_paint(sz_buf *b, const sz_drawing *d, const char *attr, int paint) {
    if (paint == SZ_PAINT_NONE)
        sz_buf_printf(b, " %s=\"none\"", attr);
    else
        sz_buf_printf(b, " %s=\"#%06x\"", attr, sz_paint_rgb(paint, d->theme == SZ_PLOT_DARK));
}

// Fill and stroke; where both themes are wanted, also the classes that turn them dark.
enum { NO_STROKE = -4 }; // nothing is said of one
static void put_paints(sz_buf *b, const sz_drawing *d, int fill, int stroke) {
    put_paint(b, d, "fill", fill);
    if (stroke != NO_STROKE) put_paint(b, d, "stroke", stroke);
    if (d->theme != SZ_PLOT_AUTO) return;
    sz_buf_puts(b, " class=\"szpf");
    put_paint_name(b, fill);
    if (stroke != NO_STROKE) {
        sz_buf_puts(b, " szps");
        put_paint_name(b, stroke);
    }
    sz_buf_putc(b, '"');
}

static void put_dark_rule(sz_buf *b, int paint) {
    static const struct { const char *name, *attr; } rules[] = {{"f", "fill"}, {"s", "stroke"}};
    for (int i = 0; i < 2; i++) {
        sz_buf_printf(b, ".szp%s", rules[i].name);
        put_paint_name(b, paint);
        sz_buf_printf(b, "{%s:#%06x}", rules[i].attr, sz_paint_rgb(paint, true));
    }
}

void sz_svg_dark_rules(sz_buf *b) {
    for (int i = 0; i < SZ_N_COLORS; i++) {
        put_dark_rule(b, i);
        put_dark_rule(b, i | SZ_PAINT_TINT);
    }
    put_dark_rule(b, SZ_PAINT_PAPER);
    put_dark_rule(b, SZ_PAINT_GROUND);
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

// The end of an element, with what the mouse shows.
static void put_end(sz_buf *b, const char *element, const char *tip) {
    if (!tip) {
        sz_buf_puts(b, "/>\n");
        return;
    }
    sz_buf_puts(b, "><title>");
    put_text(b, tip);
    sz_buf_printf(b, "</title></%s>\n", element);
}

static void write_box(sz_buf *b, const sz_drawing *d, const sz_shape *s) {
    const bool bar = s->role == SZ_ROLE_DATA;
    sz_buf_puts(b, "<rect");
    put_attr(b, "x", s->x);
    put_attr(b, "y", s->y);
    put_attr(b, "width", s->w);
    put_attr(b, "height", s->h);
    if (bar) sz_buf_puts(b, " rx=\"1.5\"");
    put_paints(b, d, bar ? s->color : SZ_PAINT_PAPER, bar ? NO_STROKE : s->color);
    put_end(b, "rect", s->text);
}

static void write_line(sz_buf *b, const sz_drawing *d, const sz_shape *s) {
    sz_buf_puts(b, "<polyline points=\"");
    put_points(b, d->points.items + s->first, s->n);
    sz_buf_putc(b, '"');
    put_paints(b, d, SZ_PAINT_NONE, s->color);
    put_attr(b, "stroke-width", s->size);
    if (s->role == SZ_ROLE_DATA) sz_buf_puts(b, " stroke-linejoin=\"round\"");
    if (s->role == SZ_ROLE_LEADER) sz_buf_puts(b, " stroke-opacity=\"0.55\"");
    if (s->dashed) sz_buf_puts(b, " stroke-dasharray=\"6 4\"");
    sz_buf_puts(b, "/>\n");
}

static void write_area(sz_buf *b, const sz_drawing *d, const sz_shape *s) {
    sz_buf_puts(b, "<polygon points=\"");
    put_points(b, d->points.items + s->first, s->n);
    sz_buf_putc(b, '"');
    put_paints(b, d, s->color | SZ_PAINT_TINT, NO_STROKE);
    if (s->kind == SZ_SHAPE_BAND) sz_buf_puts(b, " fill-opacity=\"0.55\"");
    sz_buf_puts(b, "/>\n");
}

// Dots of a cloud in one path: a stroke of no length with round ends is a dot.
static void write_cloud(sz_buf *b, const sz_drawing *d, size_t first, size_t n) {
    sz_buf_puts(b, "<path d=\"");
    for (size_t i = first; i < first + n; i++) {
        sz_buf_putc(b, 'M');
        put_number(b, d->shapes.items[i].x);
        sz_buf_putc(b, ' ');
        put_number(b, d->shapes.items[i].y);
        sz_buf_puts(b, "h0");
    }
    sz_buf_putc(b, '"');
    put_paints(b, d, SZ_PAINT_NONE, d->shapes.items[first].color);
    put_attr(b, "stroke-width", 2 * d->shapes.items[first].size);
    sz_buf_puts(b, " stroke-linecap=\"round\" stroke-opacity=\"0.4\"/>\n");
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

static void write_mark(sz_buf *b, const sz_drawing *d, const sz_shape *s) {
    const bool ring = s->mark == SZ_MARK_RING;
    put_outline(b, s);
    put_paints(b, d, ring ? SZ_PAINT_PAPER : s->color, ring ? s->color : SZ_PAINT_PAPER);
    sz_buf_puts(b, ring ? " stroke-width=\"1.4\"" : " fill-opacity=\"0.8\"");
    put_end(b, s->mark == SZ_MARK_CIRCLE || ring ? "circle" : "polygon", s->text);
}

static void write_text(sz_buf *b, const sz_drawing *d, const sz_shape *s) {
    static const char *const anchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
    sz_buf_puts(b, "<text");
    put_attr(b, "x", s->x);
    put_attr(b, "y", s->y + 0.35 * s->size); // its base line
    put_attr(b, "font-size", s->size);
    put_paints(b, d, s->color, s->halo ? SZ_PAINT_PAPER : NO_STROKE);
    sz_buf_puts(b, anchors[s->anchor + 1]);
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
        sz_buf_puts(b, " paint-order=\"stroke\" stroke-width=\"3\" stroke-linejoin=\"round\"");
    sz_buf_putc(b, '>');
    put_text(b, s->text);
    sz_buf_puts(b, "</text>\n");
}

static void write_shape(sz_buf *b, const sz_drawing *d, const sz_shape *s) {
    switch (s->kind) {
    case SZ_SHAPE_BOX:
        write_box(b, d, s);
        return;
    case SZ_SHAPE_AREA:
    case SZ_SHAPE_BAND:
        write_area(b, d, s);
        return;
    case SZ_SHAPE_LINE:
        write_line(b, d, s);
        return;
    case SZ_SHAPE_MARK:
        write_mark(b, d, s);
        return;
    case SZ_SHAPE_TEXT:
        write_text(b, d, s);
        return;
    }
}

// Dots of one colour that follow each other from shape `first` on.
static size_t cloud_length(const sz_drawing *d, size_t first) {
    size_t n = 0;
    while (first + n < d->shapes.n && d->shapes.items[first + n].role == SZ_ROLE_CLOUD &&
           d->shapes.items[first + n].color == d->shapes.items[first].color)
        n++;
    return n;
}

// Inside of a page its title is an attribute: an element would be shown wherever the mouse is.
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
    sz_buf_puts(b, "</title>\n");
    if (d->theme == SZ_PLOT_AUTO) {
        sz_buf_puts(b, "<style>@media (prefers-color-scheme:dark){");
        sz_svg_dark_rules(b);
        sz_buf_puts(b, "}</style>\n");
    }
    sz_buf_puts(b, "<rect width=\"100%\" height=\"100%\"");
    put_paints(b, d, SZ_PAINT_GROUND, NO_STROKE);
    sz_buf_puts(b, "/>\n");
}

sz_status sz_write_svg(const sz_drawing *d, const char *label, sz_buf *b) {
    put_head(d, label, b);
    for (size_t i = 0; i < d->shapes.n;) {
        const size_t dots = cloud_length(d, i);
        if (dots > 0)
            write_cloud(b, d, i, dots);
        else
            write_shape(b, d, &d->shapes.items[i]);
        i += dots > 0 ? dots : 1;
    }
    sz_buf_puts(b, "</svg>\n");
    return sz_buf_status(b);
}
