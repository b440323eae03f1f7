// SPDX-License-Identifier: Apache-2.0
// Plots as values, the table of formats, and colours.
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
    const sz_legend row = {color, keep(p, text)};
    if (!sz_vec_push(p->ctx, &p->legend, row)) p->failed = true;
}

// ---- colours and marks -------------------------------------------------------------------------

// Series: told apart also by readers who see no red or green, and by their lightness in print.
static const sz_color colors[SZ_PLOT_SERIES + SZ_PLOT_N_SERIES] = {
    [SZ_PLOT_INK] = {0x1f2933, -1},
    [SZ_PLOT_GREY] = {0x616e7c, 245},
    [SZ_PLOT_FAINT] = {0xe4e7eb, 240},
    [SZ_PLOT_ROOF] = {0x33527a, 110},
    [SZ_PLOT_MEMORY] = {0x2b7f78, 73},
    [SZ_PLOT_ROOF2] = {0xa14a1f, 173},
    [SZ_PLOT_MEMORY2] = {0xa87718, 178},
    [SZ_PLOT_SERIES] = {0x3b6fb6, 68},
    {0xd9822b, 172},
    {0x2f9e6e, 71},
    {0xb5446e, 168},
    {0x7b61c4, 98},
    {0x8d6e4b, 137},
    {0x2aa1b3, 37},
    {0x7b8794, 246},
};

sz_color sz_color_of(int color) {
    if (color < 0) color = SZ_PLOT_INK;
    if (color >= SZ_PLOT_SERIES)
        color = SZ_PLOT_SERIES + (color - SZ_PLOT_SERIES) % SZ_PLOT_N_SERIES;
    return colors[color];
}

unsigned sz_tint_of(int color) {
    const unsigned rgb = sz_color_of(color).rgb;
    unsigned tint = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        const unsigned c = rgb >> shift & 0xFF, paper = SZ_PAPER >> shift & 0xFF;
        tint |= (c * 45 + paper * 55) / 100 << shift;
    }
    return tint;
}

sz_mark sz_mark_of(int color) {
    return color < SZ_PLOT_SERIES ? SZ_MARK_CIRCLE
                                  : (sz_mark)((color - SZ_PLOT_SERIES) % SZ_MARK_RING);
}

// All of about the area of the circle of radius 1.
static const double square[][2] = {{-.87, -.87}, {.87, -.87}, {.87, .87}, {-.87, .87}};
static const double diamond[][2] = {{0, -1.2}, {1.2, 0}, {0, 1.2}, {-1.2, 0}};
static const double up[][2] = {{0, -1.25}, {1.2, .9}, {-1.2, .9}};
static const double down[][2] = {{0, 1.25}, {1.2, -.9}, {-1.2, -.9}};
static const double cross[][2] = {{-.4, -1.2}, {.4, -1.2}, {.4, -.4},   {1.2, -.4},
                                  {1.2, .4},   {.4, .4},   {.4, 1.2},   {-.4, 1.2},
                                  {-.4, .4},   {-1.2, .4}, {-1.2, -.4}, {-.4, -.4}};
static const double x_shape[][2] = {{0.57, -1.13}, {1.13, -0.57},  {0.57, 0},      {1.13, 0.57},
                                    {0.57, 1.13},  {0, 0.57},      {-0.57, 1.13},  {-1.13, 0.57},
                                    {-0.57, 0},    {-1.13, -0.57}, {-0.57, -1.13}, {0, -0.57}};
static const double star[][2] = {{0, -1.35},     {0.35, -0.49}, {1.28, -0.42}, {0.57, 0.19},
                                 {0.79, 1.09},   {0, 0.6},      {-0.79, 1.09}, {-0.57, 0.19},
                                 {-1.28, -0.42}, {-0.35, -0.49}};

size_t sz_mark_corners(sz_mark mark, const double (**ret_xy)[2]) {
    static const struct {
        const double (*xy)[2];
        size_t n;
    } shapes[SZ_N_MARKS] = {
        [SZ_MARK_SQUARE] = {square, 4}, [SZ_MARK_DIAMOND] = {diamond, 4},
        [SZ_MARK_UP] = {up, 3},         [SZ_MARK_DOWN] = {down, 3},
        [SZ_MARK_CROSS] = {cross, 12},  [SZ_MARK_X] = {x_shape, 12},
        [SZ_MARK_STAR] = {star, 10},
    };
    *ret_xy = shapes[mark].xy;
    return shapes[mark].n;
}

// ---- write -------------------------------------------------------------------------------------

static const sz_plot_format_row formats[] = {
    {"svg", ".svg", "vector graphics with text that can be searched"},
    {"png", ".png", "pixels, drawn by the library cairo"},
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

sz_status sz_plot_write(sz_ctx *ctx, const sz_plot *plot, const sz_plot_options *options,
                        sz_buf *buf) {
    const char *format = options->format ? options->format : "text";
    const bool svg = strcmp(format, "svg") == 0, png = strcmp(format, "png") == 0;
    const bool text = strcmp(format, "text") == 0;
    if (!svg && !png && !text)
        return sz_fail(ctx, SZ_ERR_USAGE, "unknown format '%s' of plots; there are svg, png, text",
                       format);
    if (plot->failed) return sz_no_memory(ctx);
    const sz_look look = text ? terminal_look(options) : picture_look(options);
    sz_drawing d;
    SZ_TRY(sz_draw(ctx, plot, &look, &d));
    sz_status status = svg   ? sz_write_svg(&d, options->label, buf)
                       : png ? sz_write_png(&d, buf)
                             : sz_write_terminal(&d, &look, options, buf);
    sz_drawing_finish(&d);
    if (status == SZ_OK) status = sz_buf_status(buf);
    return status == SZ_ERR_MEMORY ? sz_no_memory(ctx) : status;
}
