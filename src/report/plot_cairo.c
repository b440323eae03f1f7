// SPDX-License-Identifier: Apache-2.0
// Drawings as PNG and PDF, by the library cairo. It is opened only when one is asked for, by a
// table of its functions, so that the program starts and runs without it.
#include "report/drawing.h"

#include <dlfcn.h>

// The part of cairo's stable interface (version 1) that is used. Its headers are not needed.
typedef struct cairo_surface cairo_surface;
typedef struct cairo cairo;
typedef int cairo_write(void *closure, const unsigned char *data, unsigned length);
typedef struct cairo_extents {
    double x_bearing, y_bearing, width, height, x_advance, y_advance;
} cairo_extents;
enum { FORMAT_RGB24 = 1, SLANT_NORMAL = 0, WEIGHT_NORMAL = 0, WEIGHT_BOLD = 1 };
enum { JOIN_ROUND = 1, PDF_TITLE = 0 };
enum { SUCCESS = 0, WRITE_ERROR = 11 };

#define CAIRO_FUNCTIONS(F)                                                                         \
    F(cairo_surface *, image_surface_create, (int format, int width, int height))                  \
    F(int, surface_status, (cairo_surface *))                                                      \
    F(int, surface_write_to_png_stream, (cairo_surface *, cairo_write *, void *closure))           \
    F(cairo_surface *, pdf_surface_create_for_stream,                                              \
      (cairo_write *, void *closure, double width, double height))                                 \
    F(void, pdf_surface_set_metadata, (cairo_surface *, int what, const char *text))               \
    F(void, surface_finish, (cairo_surface *))                                                     \
    F(void, surface_destroy, (cairo_surface *))                                                    \
    F(cairo *, create, (cairo_surface *))                                                          \
    F(void, destroy, (cairo *))                                                                    \
    F(int, status, (cairo *))                                                                      \
    F(void, scale, (cairo *, double, double))                                                      \
    F(void, save, (cairo *))                                                                       \
    F(void, restore, (cairo *))                                                                    \
    F(void, translate, (cairo *, double, double))                                                  \
    F(void, rotate, (cairo *, double radians))                                                     \
    F(void, set_source_rgba, (cairo *, double, double, double, double))                            \
    F(void, set_line_width, (cairo *, double))                                                     \
    F(void, set_line_join, (cairo *, int))                                                         \
    F(void, set_dash, (cairo *, const double *, int, double))                                      \
    F(void, move_to, (cairo *, double, double))                                                    \
    F(void, line_to, (cairo *, double, double))                                                    \
    F(void, close_path, (cairo *))                                                                 \
    F(void, new_path, (cairo *))                                                                   \
    F(void, arc, (cairo *, double x, double y, double r, double from, double to))                  \
    F(void, rectangle, (cairo *, double, double, double, double))                                  \
    F(void, paint, (cairo *))                                                                      \
    F(void, fill_preserve, (cairo *))                                                              \
    F(void, fill, (cairo *))                                                                       \
    F(void, stroke, (cairo *))                                                                     \
    F(void, select_font_face, (cairo *, const char *family, int slant, int weight))                \
    F(void, set_font_size, (cairo *, double))                                                      \
    F(void, text_extents, (cairo *, const char *, cairo_extents *))                                \
    F(void, show_text, (cairo *, const char *))                                                    \
    F(void, text_path, (cairo *, const char *))

typedef struct cairo_api {
#define MEMBER(type, name, arguments) type(*name) arguments;
    CAIRO_FUNCTIONS(MEMBER)
#undef MEMBER
} cairo_api;

// A picture in progress.
typedef struct canvas {
    cairo_api api;
    cairo *c;
    sz_ctx *ctx;
    bool dark;
} canvas;

// POSIX lets a pointer to data be a function; C does not, so the bytes are copied.
static bool find_functions(void *library, cairo_api *api) {
    static const struct {
        const char *name;
        size_t offset;
    } rows[] = {
#define ROW(type, name, arguments) {"cairo_" #name, offsetof(cairo_api, name)},
        CAIRO_FUNCTIONS(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *function = dlsym(library, rows[i].name);
        if (!function) return false;
        memcpy((char *)api + rows[i].offset, &function, sizeof function);
    }
    return true;
}

// ---- shapes ------------------------------------------------------------------------------------

static void set_paint(const canvas *v, int paint, double alpha) {
    const unsigned rgb = sz_paint_rgb(paint, v->dark);
    v->api.set_source_rgba(v->c, (rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0,
                           (rgb & 255) / 255.0, alpha);
}

static void draw_box(const canvas *v, const sz_shape *s) {
    const bool bar = s->role == SZ_ROLE_DATA;
    v->api.rectangle(v->c, s->x, s->y, s->w, s->h);
    set_paint(v, bar ? s->color : SZ_PAINT_PAPER, 1);
    if (bar) {
        v->api.fill(v->c);
        return;
    }
    v->api.fill_preserve(v->c);
    set_paint(v, s->color, 1);
    v->api.set_line_width(v->c, 1);
    v->api.stroke(v->c);
}

static void draw_dot(const canvas *v, const sz_shape *s) {
    v->api.new_path(v->c);
    v->api.arc(v->c, s->x, s->y, s->size, 0, 6.283185307179586);
    set_paint(v, s->color, 0.4);
    v->api.fill(v->c);
}

static void follow(const canvas *v, const sz_drawing *d, const sz_shape *s) {
    for (size_t i = 0; i < s->n; i++) {
        const sz_xy p = d->points.items[s->first + i];
        if (i)
            v->api.line_to(v->c, p.x, p.y);
        else
            v->api.move_to(v->c, p.x, p.y);
    }
}

static void draw_area(const canvas *v, const sz_drawing *d, const sz_shape *s) {
    v->api.new_path(v->c);
    follow(v, d, s);
    v->api.close_path(v->c);
    set_paint(v, s->color | SZ_PAINT_TINT, s->kind == SZ_SHAPE_BAND ? 0.55 : 1);
    v->api.fill(v->c);
}

static void draw_line(const canvas *v, const sz_drawing *d, const sz_shape *s) {
    static const double dash[] = {6, 4};
    follow(v, d, s);
    set_paint(v, s->color, s->role == SZ_ROLE_LEADER ? 0.55 : 1);
    v->api.set_line_width(v->c, s->size);
    v->api.set_dash(v->c, dash, s->dashed ? 2 : 0, 0);
    v->api.stroke(v->c);
    v->api.set_dash(v->c, dash, 0, 0);
}

static void draw_mark(const canvas *v, const sz_shape *s) {
    const double(*corners)[2];
    const size_t n = sz_mark_corners(s->mark, &corners);
    const bool ring = s->mark == SZ_MARK_RING;
    v->api.new_path(v->c);
    if (n == 0) v->api.arc(v->c, s->x, s->y, s->size, 0, 6.283185307179586);
    for (size_t i = 0; i < n; i++) {
        const double x = s->x + corners[i][0] * s->size, y = s->y + corners[i][1] * s->size;
        if (i)
            v->api.line_to(v->c, x, y);
        else
            v->api.move_to(v->c, x, y);
    }
    if (n) v->api.close_path(v->c);
    set_paint(v, ring ? SZ_PAINT_PAPER : s->color, ring ? 1 : 0.8);
    v->api.fill_preserve(v->c);
    set_paint(v, ring ? s->color : SZ_PAINT_PAPER, 1);
    v->api.set_line_width(v->c, ring ? 1.4 : 1);
    v->api.stroke(v->c);
}

static void draw_escaped(const canvas *v, const sz_shape *s, const char *text) {
    cairo_extents e;
    v->api.select_font_face(v->c, "sans-serif", SLANT_NORMAL,
                            s->bold ? WEIGHT_BOLD : WEIGHT_NORMAL);
    v->api.set_font_size(v->c, s->size);
    v->api.text_extents(v->c, text, &e);
    v->api.save(v->c);
    v->api.translate(v->c, s->x, s->y);
    v->api.rotate(v->c, s->angle * 3.14159265358979323846 / 180);
    v->api.move_to(v->c, -(s->anchor + 1) * 0.5 * e.x_advance, 0.35 * s->size);
    if (s->halo) {
        v->api.text_path(v->c, text);
        set_paint(v, SZ_PAINT_PAPER, 1);
        v->api.set_line_width(v->c, 3);
        v->api.stroke(v->c); // takes the path with it
        v->api.move_to(v->c, -(s->anchor + 1) * 0.5 * e.x_advance, 0.35 * s->size);
    }
    set_paint(v, s->color, 1);
    v->api.show_text(v->c, text); // stays text in a PDF
    v->api.new_path(v->c);
    v->api.restore(v->c);
}

// cairo wants valid UTF-8 and stops at a NUL: names from files go through the encoder.
static sz_status escaped(const canvas *v, const char *text, sz_buf *ret_buf) {
    sz_buf_init(ret_buf, v->ctx);
    sz_escape(ret_buf, SZ_SINK_TERMINAL, text, strlen(text));
    sz_buf_putc(ret_buf, '\0');
    return sz_buf_status(ret_buf);
}

static sz_status draw_text(const canvas *v, const sz_shape *s) {
    sz_buf buf;
    const sz_status status = escaped(v, s->text, &buf);
    if (status == SZ_OK) draw_escaped(v, s, buf.data);
    sz_buf_finish(&buf);
    return status;
}

static sz_status draw_shape(const canvas *v, const sz_drawing *d, const sz_shape *s) {
    switch (s->kind) {
    case SZ_SHAPE_BOX:
        draw_box(v, s);
        break;
    case SZ_SHAPE_AREA:
    case SZ_SHAPE_BAND:
        draw_area(v, d, s);
        break;
    case SZ_SHAPE_LINE:
        draw_line(v, d, s);
        break;
    case SZ_SHAPE_MARK:
        if (s->role == SZ_ROLE_CLOUD)
            draw_dot(v, s);
        else
            draw_mark(v, s);
        break;
    case SZ_SHAPE_TEXT:
        return draw_text(v, s);
    }
    return SZ_OK;
}

static sz_status draw_all(const canvas *v, const sz_drawing *d) {
    set_paint(v, SZ_PAINT_GROUND, 1);
    v->api.paint(v->c);
    v->api.set_line_join(v->c, JOIN_ROUND);
    for (size_t i = 0; i < d->shapes.n; i++) SZ_TRY(draw_shape(v, d, &d->shapes.items[i]));
    return SZ_OK;
}

// ---- write -------------------------------------------------------------------------------------

static int take_bytes(void *closure, const unsigned char *data, unsigned length) {
    sz_buf *buf = closure;
    sz_buf_put(buf, (const char *)data, length);
    return sz_buf_status(buf) == SZ_OK ? SUCCESS : WRITE_ERROR;
}

static sz_status paint(canvas *v, const sz_drawing *d, cairo_surface *surface, double scale) {
    sz_status status = SZ_OK;
    v->c = v->api.create(surface);
    if (v->api.surface_status(surface) != SUCCESS || v->api.status(v->c) != SUCCESS)
        status = sz_no_memory(v->ctx);
    if (status == SZ_OK) {
        v->api.scale(v->c, scale, scale);
        status = draw_all(v, d);
    }
    v->api.destroy(v->c);
    return status;
}

static sz_status written(const canvas *v, const char *format, int result, const sz_buf *buf) {
    if (sz_buf_status(buf) != SZ_OK) return sz_no_memory(v->ctx);
    if (result == SUCCESS) return SZ_OK;
    return sz_fail(v->ctx, SZ_ERR_UNAVAILABLE, "cairo could not write the %s", format);
}

// Twice the size in pixels, so that small text is crisp.
static sz_status write_png(canvas *v, const sz_drawing *d, sz_buf *buf) {
    enum { SCALE = 2 };
    cairo_surface *surface = v->api.image_surface_create(FORMAT_RGB24, (int)(d->width * SCALE),
                                                         (int)(d->height * SCALE));
    sz_status status = paint(v, d, surface, SCALE);
    if (status == SZ_OK)
        status = written(v, "PNG", v->api.surface_write_to_png_stream(surface, take_bytes, buf),
                         buf);
    v->api.surface_destroy(surface);
    return status;
}

// A page as large as the picture: a pixel of 1/96 inch is 0.75 points.
static sz_status write_pdf(canvas *v, const sz_drawing *d, sz_buf *buf) {
    const double point = 0.75;
    cairo_surface *surface = v->api.pdf_surface_create_for_stream(take_bytes, buf, d->width * point,
                                                                  d->height * point);
    sz_buf title;
    sz_status status = escaped(v, d->title ? d->title : "plot", &title);
    if (status == SZ_OK) {
        v->api.pdf_surface_set_metadata(surface, PDF_TITLE, title.data);
        status = paint(v, d, surface, point);
    }
    sz_buf_finish(&title);
    v->api.surface_finish(surface);
    if (status == SZ_OK) status = written(v, "PDF", v->api.surface_status(surface), buf);
    v->api.surface_destroy(surface);
    return status;
}

typedef sz_status writer(canvas *v, const sz_drawing *d, sz_buf *buf);

static sz_status write_with(const sz_drawing *d, const char *format, writer *write, sz_buf *buf) {
    canvas v = {.ctx = d->ctx, .dark = d->theme == SZ_PLOT_DARK};
    void *library = dlopen("libcairo.so.2", RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        return sz_fail(d->ctx, SZ_ERR_UNAVAILABLE,
                       "no %s: the library cairo (libcairo.so.2) is not installed; SVG needs "
                       "nothing",
                       format);
    // The library stays open: the fonts it has loaded may have threads and exit handlers of theirs.
    if (!find_functions(library, &v.api))
        return sz_fail(d->ctx, SZ_ERR_UNAVAILABLE,
                       "no %s: this libcairo.so.2 lacks functions that are needed", format);
    return write(&v, d, buf);
}

sz_status sz_write_png(const sz_drawing *d, sz_buf *buf) {
    return write_with(d, "PNG", write_png, buf);
}

sz_status sz_write_pdf(const sz_drawing *d, sz_buf *buf) {
    return write_with(d, "PDF", write_pdf, buf);
}
