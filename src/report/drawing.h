// SPDX-License-Identifier: Apache-2.0
// The inside of plots. A plot holds values; sz_draw() lays it out for a look (a picture or a
// terminal) as a display list of lines, boxes, marks and texts; a writer per format turns the list
// into bytes. Coordinates of the list grow to the right and down.
#ifndef SZ_DRAWING_H
#define SZ_DRAWING_H

#include "base/base.h"

#include <sizeup/plot.h>

// ---- the plot ----------------------------------------------------------------------------------

typedef struct sz_curve {
    sz_plot_line line; // its arrays and label are in the arena
} sz_curve;

typedef struct sz_legend {
    int color;
    const char *text;
    double share; // its mark is as large as a point with that share; NaN = as usual
} sz_legend;

typedef struct sz_cloud {
    const double *x, *y;
    size_t n;
    int color;
} sz_cloud;

typedef struct sz_band {
    const double *x, *lo, *hi;
    size_t n;
    int color;
} sz_band;

typedef struct sz_row_note {
    double at;
    const char *text;
    int color;
} sz_row_note;

typedef struct sz_names {
    const char *const *items;
    size_t n; // 0 = the axis is one of numbers
} sz_names;

struct sz_plot {
    sz_ctx *ctx;
    sz_arena arena;
    const char *title, *subtitle;
    sz_plot_axis axes[2];
    const char *units[2]; // NULL = none
    sz_names names[2];
    SZ_VEC(sz_plot_whisker) whiskers;
    SZ_VEC(sz_cloud) clouds;
    SZ_VEC(sz_band) bands;
    SZ_VEC(sz_plot_bar) bars;
    SZ_VEC(sz_row_note) row_notes;
    SZ_VEC(sz_curve) curves;
    SZ_VEC(sz_plot_point) points;
    SZ_VEC(sz_legend) legend;
    SZ_VEC(const char *) notes;
    bool failed; // something was lost for want of memory
};

// ---- colours and marks -------------------------------------------------------------------------

// Marks of the series, in order, then the ring of a point without a share.
typedef enum sz_mark {
    SZ_MARK_CIRCLE,
    SZ_MARK_SQUARE,
    SZ_MARK_DIAMOND,
    SZ_MARK_UP,
    SZ_MARK_DOWN,
    SZ_MARK_CROSS,
    SZ_MARK_X,
    SZ_MARK_STAR,
    SZ_MARK_RING,
    SZ_N_MARKS
} sz_mark;

typedef struct sz_color {
    unsigned rgb, dark; // 0xRRGGBB on light and on dark ground
    int ansi;           // of the 256 colours of a terminal; -1 = as the terminal likes
} sz_color;
enum { SZ_N_COLORS = SZ_PLOT_SERIES + SZ_PLOT_N_SERIES };
sz_color sz_color_of(int color);
int sz_color_index(int color); // the same colour from 0 to SZ_N_COLORS - 1
sz_mark sz_mark_of(int color);

// What a shape is painted with: a colour, its tint on paper, or one of these.
enum { SZ_PAINT_PAPER = -1, SZ_PAINT_GROUND = -2, SZ_PAINT_NONE = -3, SZ_PAINT_TINT = 1 << 16 };
unsigned sz_paint_rgb(int paint, bool dark);

// Corners of the shapes that are no circles, for a radius of 1. Gives their number.
size_t sz_mark_corners(sz_mark mark, const double (**ret_xy)[2]);

// ---- axes --------------------------------------------------------------------------------------

typedef struct sz_scale {
    double lo, hi;
    double from, to; // where they lie on the picture
    bool linear;
    const char *unit;   // NULL = none
    int prefix;         // of a linear axis with a unit: its thousands
    sz_names names;
} sz_scale;

typedef struct sz_tick {
    double value;
    bool labelled; // else a minor one
} sz_tick;
enum { SZ_MAX_TICKS = 128 };

void sz_scale_fit(const sz_plot *plot, int which, sz_scale *ret_scale);
double sz_scale_at(const sz_scale *s, double v); // NaN where a logarithmic axis has no place
size_t sz_scale_ticks(const sz_scale *s, sz_tick ret_ticks[SZ_MAX_TICKS]);
void sz_tick_text(double v, char *buf, size_t cap); // "10 G", "0.5"
void sz_scale_text(const sz_scale *s, double v, char *buf, size_t cap); // the same with its unit
const char *sz_prefix(int thousands); // "k", "\u00b5"; "" for 0

// ---- display list ------------------------------------------------------------------------------

typedef struct sz_xy {
    double x, y;
} sz_xy;

typedef enum sz_shape_kind {
    SZ_SHAPE_BOX,
    SZ_SHAPE_AREA,
    SZ_SHAPE_BAND, // points: the upper line, then the lower one backwards
    SZ_SHAPE_LINE,
    SZ_SHAPE_MARK,
    SZ_SHAPE_TEXT
} sz_shape_kind;

typedef enum sz_role {
    SZ_ROLE_DATA,
    SZ_ROLE_GRID,
    SZ_ROLE_FRAME,
    SZ_ROLE_LEADER,
    SZ_ROLE_CLOUD
} sz_role;

// What each kind uses: box x y w h, of role DATA it is a bar, with text (tip); area first n, its
// lower corners are its last two points; band first n; line first n size (width); mark x y size
// (radius) mark text (tip), of role CLOUD it is a faint dot; text x y (y: its middle) size anchor
// angle text.
typedef struct sz_shape {
    sz_shape_kind kind;
    sz_role role;
    int color;
    double x, y, w, h, size;
    double angle; // of a text: degrees, downwards positive
    int area;     // of a mark in the legend: stands for that area, from 1
    int anchor;   // -1: x is its start, 0: its middle, 1: its end
    bool dashed, bold, halo;
    sz_mark mark;
    const char *text;
    size_t first, n; // points of a line
} sz_shape;

typedef struct sz_drawing {
    sz_ctx *ctx;
    sz_arena arena;
    double width, height;
    const char *title;
    int theme;
    SZ_VEC(sz_shape) shapes;
    SZ_VEC(sz_xy) points;
    bool failed;
} sz_drawing;

// Where a drawing goes.
typedef struct sz_look {
    double width, height;
    double text, small, title;    // sizes of text
    double cell_w, cell_h;        // cell of a terminal; 0 = proportional text
    double mark_least, mark_most; // radii of marks
    double gap;                   // between things
} sz_look;

sz_status sz_draw(sz_ctx *ctx, const sz_plot *plot, const sz_look *look, sz_drawing *ret_drawing);
void sz_drawing_finish(sz_drawing *d);
void sz_shape_add(sz_drawing *d, const sz_shape *shape);
double sz_look_width(const sz_look *look, const char *text, double size);
double sz_look_radius(const sz_look *look, double share); // of a point

// ---- places for labels -------------------------------------------------------------------------

typedef struct sz_label_box {
    double x, y, w, h, angle; // its middle, its size, degrees
} sz_label_box;

typedef struct sz_places {
    sz_ctx *ctx;
    SZ_VEC(sz_label_box) boxes;
    SZ_VEC(sz_xy) segments;          // two points each
    double left, top, right, bottom; // labels stay inside
    bool failed;
} sz_places;

void sz_places_finish(sz_places *p);
void sz_places_take(sz_places *p, const sz_label_box *box);
void sz_places_line(sz_places *p, sz_xy a, sz_xy b);
// What stands in the way: 0 = free, 1 = only lines, 2 = other labels or marks, or it is outside.
int sz_places_clash(const sz_places *p, const sz_label_box *box);

// Shift n places, sorted, apart so that they are at least `apart` from each other and stay between
// lo and hi, with the least movement.
void sz_spread(double *at, size_t n, double apart, double lo, double hi);

// ---- writers -----------------------------------------------------------------------------------

// Rules of CSS that turn the classes of the theme SZ_PLOT_AUTO dark.
void sz_svg_dark_rules(sz_buf *buf);
// `label`: of a picture inside of a page, or NULL.
sz_status sz_write_svg(const sz_drawing *d, const char *label, sz_buf *buf);
sz_status sz_write_png(const sz_drawing *d, sz_buf *buf);
sz_status sz_write_pdf(const sz_drawing *d, sz_buf *buf);
sz_status sz_write_terminal(const sz_drawing *d, const sz_look *look,
                            const sz_plot_options *options, sz_buf *buf);

#endif
