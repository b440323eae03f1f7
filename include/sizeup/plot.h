// SPDX-License-Identifier: Apache-2.0
/** @file
 * A plot: lines, points, bars and areas on two axes, filled in once and drawn as SVG, PNG, PDF or
 * in a terminal. <sizeup/chart.h> fills in whole pictures.
 *
 * The plot keeps values, not pixels. Drawing lays it out for the place where it goes: ticks, labels
 * that do not overlap, a legend. All strings are copied and may hold any byte; the writers escape
 * them.
 *
 * Filling in never fails visibly: no memory is remembered and reported by sz_plot_write().
 */
#ifndef SIZEUP_PLOT_H
#define SIZEUP_PLOT_H

#include <sizeup/text.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sz_plot sz_plot;

/** Colours by what they are for; series count on from SZ_PLOT_SERIES and repeat. Beside its colour
 * a series has its own shape of points, so that it can be told without colours. */
enum {
    SZ_PLOT_INK,    /**< text, main lines */
    SZ_PLOT_GREY,   /**< second to it */
    SZ_PLOT_FAINT,  /**< grid */
    SZ_PLOT_ROOF,   /**< rates of computation */
    SZ_PLOT_MEMORY, /**< rates of memory */
    SZ_PLOT_ROOF2,  /**< the same of a second machine */
    SZ_PLOT_MEMORY2,
    SZ_PLOT_SERIES,
    SZ_PLOT_N_SERIES = 8
};

SZ_API sz_status sz_plot_create(sz_ctx *ctx, sz_plot **ret_plot) SZ_MUST_USE;
SZ_API void sz_plot_destroy(sz_plot *plot); /**< NULL is fine */

/** `subtitle` may be NULL. */
SZ_API void sz_plot_title(sz_plot *plot, const char *title, const char *subtitle);
/** A line of small text below the picture. */
SZ_API void sz_plot_note(sz_plot *plot, const char *fmt, ...) SZ_PRINTF(2, 3);

/** An axis: 0 = x, 1 = y. Logarithmic axes take positive ends; other ends or lo >= hi are replaced
 * by what fits. Lines and points outside are cut off. */
typedef struct sz_plot_axis {
    const char *label;
    double lo, hi;
    int linear;
} sz_plot_axis;
SZ_API void sz_plot_set_axis(sz_plot *plot, int which, const sz_plot_axis *axis);
/** The unit of an axis, "s" or "B": its numbers get a prefix. On a logarithmic axis each number has
 * its own and the unit beside it, on a linear one the axis has one, named behind its label. */
SZ_API void sz_plot_set_unit(sz_plot *plot, int which, const char *unit);
/** An axis of names: place i from 0 on is names[i], on the y axis from the top down. A picture gets
 * as high as its names need. */
SZ_API void sz_plot_set_names(sz_plot *plot, int which, const char *const *names, size_t n);

enum {
    SZ_PLOT_DASHED = 1,
    SZ_PLOT_BOLD = 2,
    SZ_PLOT_ALONG = 4, /**< the label stands on the line, not to the right of its end */
    SZ_PLOT_MARKED = 8, /**< a mark at each of its points */
    SZ_PLOT_FILLED = 16, /**< the area below it is filled, in the order of the lines: a stack is
                              added from its highest line down */
    SZ_PLOT_THIN = 32
};
/** A line through n points, straight on the axes as drawn. Points that are not finite end it. */
typedef struct sz_plot_line {
    const double *x, *y;
    size_t n;
    const char *label; /**< NULL = none */
    int color;
    unsigned flags;
} sz_plot_line;
SZ_API void sz_plot_add_line(sz_plot *plot, const sz_plot_line *line);

/** A point. */
typedef struct sz_plot_point {
    double x, y;
    double share;      /**< area, 1 = the largest; 0 = a small ring */
    const char *label; /**< shown when there is a free place beside it; NULL = none */
    const char *tip;   /**< shown by the mouse where there is one; NULL = none */
    int color;
} sz_plot_point;
SZ_API void sz_plot_add_point(sz_plot *plot, const sz_plot_point *point);

/** Where a point may be as well: a line over both ends of its intervals. NaN = no interval. */
typedef struct sz_plot_whisker {
    double x, y, x_lo, x_hi, y_lo, y_hi;
    int color;
} sz_plot_whisker;
SZ_API void sz_plot_add_whisker(sz_plot *plot, const sz_plot_whisker *whisker);

/** Very many points that are ground to the others: small and faint, without labels. Where several
 * would lie on one spot of the picture one is drawn, so a million of them make no large file. */
SZ_API void sz_plot_add_cloud(sz_plot *plot, const double *x, const double *y, size_t n, int color);

/** What is between two lines over the same n places. */
SZ_API void sz_plot_add_band(sz_plot *plot, const double *x, const double *lo, const double *hi,
                             size_t n, int color);

/** A bar over the place `at` of a y axis of names. */
typedef struct sz_plot_bar {
    double at, from, to;
    double thickness;  /**< of the space of a name; 0 = usual */
    const char *note;  /**< in a column right of the axes; NULL = none */
    const char *tip;   /**< as of a point */
    int color;
} sz_plot_bar;
SZ_API void sz_plot_add_bar(sz_plot *plot, const sz_plot_bar *bar);
/** The same note without a bar. */
SZ_API void sz_plot_add_row_note(sz_plot *plot, double at, const char *note, int color);

/** An entry of the legend, for the series of that colour. */
SZ_API void sz_plot_add_legend(sz_plot *plot, int color, const char *text);
/** The same with a mark of the area of points with that share. */
SZ_API void sz_plot_add_legend_area(sz_plot *plot, int color, double share, const char *text);

typedef struct sz_plot_options {
    const char *format; /**< "svg", "png", "pdf" or "text" */
    int width, height;  /**< pixels, or columns and lines; 0 = 900 x 560, or 100 x 32. A picture may
                             come out higher when its labels need it */
    int ascii;          /**< text: no character outside of ASCII */
    int color;          /**< text: with colours */
    int theme;          /**< SZ_PLOT_LIGHT ... */
    const char *label;  /**< svg: what it is, for a picture that is part of a page of HTML: as wide
                             as there is room, without a ground. NULL = a picture of its own */
} sz_plot_options;

/** Colours of pictures. SZ_PLOT_AUTO: light, and in SVG dark where the viewer asks for it, by a
 * style sheet of classes that start with "szp". */
enum { SZ_PLOT_LIGHT, SZ_PLOT_DARK, SZ_PLOT_AUTO };

/** Draw at the end of `buf`. SZ_ERR_USAGE: no such format. SZ_ERR_UNAVAILABLE: PNG and PDF, where
 * the library that draws them (cairo) is not installed. */
SZ_API sz_status sz_plot_write(sz_ctx *ctx, const sz_plot *plot, const sz_plot_options *options,
                               sz_buf *buf) SZ_MUST_USE;

/** Rows of the formats table. `i` from 0; returns 0 past the end. */
typedef struct sz_plot_format_row {
    const char *name, *extension, *what;
} sz_plot_format_row;
SZ_API int sz_list_plot_format(size_t i, sz_plot_format_row *ret_row);

#ifdef __cplusplus
}
#endif
#endif
