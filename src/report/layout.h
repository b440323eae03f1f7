// SPDX-License-Identifier: Apache-2.0
// A plot while it is laid out: shared by the files that place its parts.
#ifndef SZ_LAYOUT_H
#define SZ_LAYOUT_H

#include "report/drawing.h"

typedef struct sz_layout {
    const sz_plot *plot;
    const sz_look *look;
    sz_drawing *d;
    sz_scale axes[2];
    double left, top, right, bottom; // of the area between the axes
    double label_w;                  // of the column to its right; 0 = none
    double name_w;                   // of names on the left; 0 = none
    double lean;                     // degrees by which names below the x axis lean
    sz_places places;
} sz_layout;

static inline double sz_line_height(const sz_look *k, double size) {
    return k->cell_h > 0 ? k->cell_h : size * 1.3;
}
static inline bool sz_has_end_label(const sz_plot_line *line) {
    return line->label && *line->label && !(line->flags & SZ_PLOT_ALONG);
}

// ---- plot_frame.c: title, axes, legend, notes; sets the area
void sz_layout_margins(sz_layout *l);
void sz_layout_frame(sz_layout *l);
void sz_layout_words(sz_layout *l);

// ---- shapes
sz_shape sz_text_shape(double x, double y, double size, int anchor, int color, const char *text);
void sz_layout_text(sz_layout *l, double x, double y, double size, int anchor, int color,
                    const char *text);
void sz_layout_line(sz_layout *l, sz_xy a, sz_xy b, double width, int color, sz_role role);
const char *sz_layout_copy(sz_layout *l, const char *text);
// A text that may be long, as much of it as fits.
const char *sz_layout_shortened(sz_layout *l, const char *text, double size, double width);

// ---- plot_layout.c
sz_xy sz_layout_place(const sz_layout *l, double x, double y);
bool sz_layout_clip(const sz_layout *l, sz_xy *a, sz_xy *b);

// ---- plot_rows.c: names along an axis, bars; whiskers, clouds, bands
double sz_names_left(sz_layout *l);                // room that names on the y axis need
double sz_names_below(sz_layout *l, double width); // ... on the x axis, beside that of numbers
double sz_names_height(const sz_layout *l);        // least height of the area
double sz_row_notes_width(const sz_layout *l);
void sz_layout_names(sz_layout *l);
void sz_layout_bands(sz_layout *l);
void sz_layout_clouds(sz_layout *l);
void sz_layout_bars(sz_layout *l);
void sz_layout_whiskers(sz_layout *l);
void sz_layout_row_notes(sz_layout *l);

#endif
