// SPDX-License-Identifier: Apache-2.0
// Plots as values, and the table of formats.
#include "report/drawing.h"

#include <math.h>
#include <stdio.h>

sz_status sz_plot_create(sz_ctx *ctx, sz_plot **ret_plot) {
    sz_plot *p = sz_alloc(ctx, sizeof *p);
    if (!p) return sz_no_memory(ctx);
    p->ctx = ctx;
    sz_arena_init(&p->arena, ctx);
    *ret_plot = p;
    return SZ_OK;
}

void sz_plot_destroy(sz_plot *p) {
    if (!p) return;
    sz_vec_finish(p->ctx, &p->curves);
    sz_vec_finish(p->ctx, &p->points);
    sz_vec_finish(p->ctx, &p->whiskers);
    sz_vec_finish(p->ctx, &p->clouds);
    sz_vec_finish(p->ctx, &p->bands);
    sz_vec_finish(p->ctx, &p->bars);
    sz_vec_finish(p->ctx, &p->row_notes);
    sz_vec_finish(p->ctx, &p->legend);
    sz_vec_finish(p->ctx, &p->notes);
    sz_arena_finish(&p->arena);
    sz_free(p->ctx, p, sizeof *p);
}

static const char *keep(sz_plot *p, const char *text) {
    if (!text) return NULL;
    const char *copy = sz_arena_strdup(&p->arena, text, strlen(text));
    if (!copy) p->failed = true;
    return copy;
}

void sz_plot_title(sz_plot *p, const char *title, const char *subtitle) {
    p->title = keep(p, title);
    p->subtitle = keep(p, subtitle);
}

void sz_plot_note(sz_plot *p, const char *fmt, ...) {
    char text[512]; // longer ones are cut
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *copy = keep(p, text);
    if (!copy || !sz_vec_push(p->ctx, &p->notes, copy)) p->failed = true;
}

void sz_plot_set_axis(sz_plot *p, int which, const sz_plot_axis *axis) {
    sz_plot_axis *a = &p->axes[which == 1];
    *a = *axis;
    a->label = keep(p, axis->label);
}

void sz_plot_set_unit(sz_plot *p, int which, const char *unit) {
    p->units[which == 1] = keep(p, unit);
}

void sz_plot_set_names(sz_plot *p, int which, const char *const *names, size_t n) {
    const char **copy = sz_arena_array(&p->arena, n ? n : 1, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++) copy[i] = keep(p, names[i] ? names[i] : "");
    if (copy)
        p->names[which == 1] = (sz_names){copy, n};
    else
        p->failed = true;
}

static const double *keep_numbers(sz_plot *p, const double *v, size_t n) {
    double *copy = sz_arena_array(&p->arena, n ? n : 1, sizeof *copy);
    if (copy && n) memcpy(copy, v, n * sizeof *v);
    return copy;
}

void sz_plot_add_line(sz_plot *p, const sz_plot_line *line) {
    sz_curve c = {*line};
    c.line.x = keep_numbers(p, line->x, line->n);
    c.line.y = keep_numbers(p, line->y, line->n);
    c.line.label = keep(p, line->label);
    if (!c.line.x || !c.line.y || !sz_vec_push(p->ctx, &p->curves, c)) p->failed = true;
}

void sz_plot_add_point(sz_plot *p, const sz_plot_point *point) {
    sz_plot_point copy = *point;
    copy.label = keep(p, point->label);
    copy.tip = keep(p, point->tip);
    if (!sz_vec_push(p->ctx, &p->points, copy)) p->failed = true;
}

void sz_plot_add_legend(sz_plot *p, int color, const char *text) {
    sz_plot_add_legend_area(p, color, NAN, text);
}

void sz_plot_add_legend_area(sz_plot *p, int color, double share, const char *text) {
    const sz_legend row = {color, keep(p, text), share};
    if (!sz_vec_push(p->ctx, &p->legend, row)) p->failed = true;
}

void sz_plot_add_whisker(sz_plot *p, const sz_plot_whisker *whisker) {
    if (!sz_vec_push(p->ctx, &p->whiskers, *whisker)) p->failed = true;
}

void sz_plot_add_cloud(sz_plot *p, const double *x, const double *y, size_t n, int color) {
    const sz_cloud c = {keep_numbers(p, x, n), keep_numbers(p, y, n), n, color};
    if (!c.x || !c.y || !sz_vec_push(p->ctx, &p->clouds, c)) p->failed = true;
}

void sz_plot_add_band(sz_plot *p, const double *x, const double *lo, const double *hi, size_t n,
                      int color) {
    const sz_band b = {keep_numbers(p, x, n), keep_numbers(p, lo, n), keep_numbers(p, hi, n), n,
                       color};
    if (!b.x || !b.lo || !b.hi || !sz_vec_push(p->ctx, &p->bands, b)) p->failed = true;
}

void sz_plot_add_bar(sz_plot *p, const sz_plot_bar *bar) {
    sz_plot_bar copy = *bar;
    copy.tip = keep(p, bar->tip);
    if (!sz_vec_push(p->ctx, &p->bars, copy)) p->failed = true;
    if (bar->note) sz_plot_add_row_note(p, bar->at, bar->note, SZ_PLOT_INK);
}

void sz_plot_add_row_note(sz_plot *p, double at, const char *note, int color) {
    const sz_row_note row = {at, keep(p, note), color};
    if (!row.text || !sz_vec_push(p->ctx, &p->row_notes, row)) p->failed = true;
}

// ---- write -------------------------------------------------------------------------------------

static const sz_plot_format_row formats[] = {
    {"svg", ".svg", "vector graphics with text that can be searched"},
    {"png", ".png", "pixels, drawn by the library cairo"},
    {"pdf", ".pdf", "a page of vector graphics, drawn by the library cairo"},
    {"text", "", "characters of a terminal"},
};
enum { N_FORMATS = sizeof formats / sizeof formats[0] };

int sz_list_plot_format(size_t i, sz_plot_format_row *ret_row) {
    if (i >= N_FORMATS) return 0;
    *ret_row = formats[i];
    return 1;
}

static int within(int v, int fallback, int least, int most) {
    return v <= 0 ? fallback : v < least ? least : v > most ? most : v;
}

static sz_look picture_look(const sz_plot_options *o) {
    return (sz_look){.width = within(o->width, 900, 320, 8000),
                     .height = within(o->height, 560, 240, 8000),
                     .text = 12,
                     .small = 11,
                     .title = 17,
                     .mark_least = 3.4,
                     .mark_most = 15,
                     .gap = 8};
}

// A cell is 8 x 16 units, as wide to high as on most terminals.
static sz_look terminal_look(const sz_plot_options *o) {
    return (sz_look){.width = within(o->width, 100, 40, 400) * 8.0,
                     .height = within(o->height, 32, 12, 200) * 16.0,
                     .text = 16,
                     .small = 16,
                     .title = 16,
                     .cell_w = 8,
                     .cell_h = 16,
                     .mark_least = 3,
                     .mark_most = 3,
                     .gap = 8};
}

static sz_status write_drawing(const sz_drawing *d, const sz_look *look,
                               const sz_plot_options *options, const char *format, sz_buf *buf) {
    if (strcmp(format, "svg") == 0) return sz_write_svg(d, options->label, buf);
    if (strcmp(format, "png") == 0) return sz_write_png(d, buf);
    if (strcmp(format, "pdf") == 0) return sz_write_pdf(d, buf);
    return sz_write_terminal(d, look, options, buf);
}

static bool is_format(const char *name) {
    for (size_t i = 0; i < N_FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0) return true;
    return false;
}

sz_status sz_plot_write(sz_ctx *ctx, const sz_plot *plot, const sz_plot_options *options,
                        sz_buf *buf) {
    const char *format = options->format ? options->format : "text";
    if (!is_format(format))
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "unknown format '%s' of plots; there are svg, png, pdf, text", format);
    if (plot->failed) return sz_no_memory(ctx);
    const sz_look look = strcmp(format, "text") == 0 ? terminal_look(options)
                                                     : picture_look(options);
    sz_drawing d;
    SZ_TRY(sz_draw(ctx, plot, &look, &d));
    d.theme = options->theme;
    sz_status status = write_drawing(&d, &look, options, format, buf);
    sz_drawing_finish(&d);
    if (status == SZ_OK) status = sz_buf_status(buf);
    return status == SZ_ERR_MEMORY ? sz_no_memory(ctx) : status;
}
