// SPDX-License-Identifier: Apache-2.0
// What surrounds the area of a plot: margins, title, numbers of the axes, legend and notes.
#include "report/layout.h"

#include <math.h>
#include <stdio.h>

sz_shape sz_text_shape(double x, double y, double size, int anchor, int color, const char *text) {
    return (sz_shape){.kind = SZ_SHAPE_TEXT,
                      .x = x,
                      .y = y,
                      .size = size,
                      .anchor = anchor,
                      .color = color,
                      .text = text};
}

void sz_layout_text(sz_layout *l, double x, double y, double size, int anchor, int color,
                    const char *text) {
    const sz_shape s = sz_text_shape(x, y, size, anchor, color, text);
    sz_shape_add(l->d, &s);
}

void sz_layout_line(sz_layout *l, sz_xy a, sz_xy b, double width, int color, sz_role role) {
    const sz_shape s = {.kind = SZ_SHAPE_LINE,
                        .role = role,
                        .size = width,
                        .color = color,
                        .first = l->d->points.n,
                        .n = 2};
    if (!sz_vec_push(l->d->ctx, &l->d->points, a) || !sz_vec_push(l->d->ctx, &l->d->points, b))
        l->d->failed = true;
    else
        sz_shape_add(l->d, &s);
}

// ---- margins -----------------------------------------------------------------------------------

static double tick_width(const sz_layout *l, const sz_scale *s, double size) {
    sz_tick ticks[SZ_MAX_TICKS];
    const size_t n = sz_scale_ticks(s, ticks);
    double widest = 0;
    for (size_t i = 0; i < n; i++) {
        char text[32];
        if (!ticks[i].labelled) continue;
        sz_scale_text(s, ticks[i].value, text, sizeof text);
        widest = fmax(widest, sz_look_width(l->look, text, size));
    }
    return widest;
}

// Names from a file can be of any length: a column of labels takes a third of the width at most.
static double column_width(const sz_layout *l, size_t *ret_n) {
    double widest = 0;
    *ret_n = 0;
    for (size_t i = 0; i < l->plot->curves.n; i++) {
        const sz_plot_line *line = &l->plot->curves.items[i].line;
        if (!sz_has_end_label(line)) continue;
        const double bold = line->flags & SZ_PLOT_BOLD && l->look->cell_w == 0 ? 1.1 : 1;
        widest = fmax(widest, bold * sz_look_width(l->look, line->label, l->look->text));
        ++*ret_n;
    }
    return fmin(widest, l->look->width * 0.36);
}

// Number of the area of that colour from 1, 0 when there is none.
static int area_of(const sz_layout *l, int color) {
    int number = 0;
    for (size_t i = 0; i < l->plot->curves.n; i++) {
        const sz_plot_line *line = &l->plot->curves.items[i].line;
        number += (line->flags & SZ_PLOT_FILLED) != 0;
        if (line->flags & SZ_PLOT_FILLED && line->color == color) return number;
    }
    return 0;
}

// What stands for a colour in the legend: dots of a cloud, bars, areas, else marks.
static sz_mark legend_mark(const sz_layout *l, int color) {
    const sz_plot *p = l->plot;
    for (size_t i = 0; i < p->clouds.n; i++)
        if (p->clouds.items[i].color == color) return SZ_MARK_CIRCLE;
    for (size_t i = 0; i < p->points.n; i++)
        if (p->points.items[i].color == color) return sz_mark_of(color);
    for (size_t i = 0; i < p->bars.n; i++)
        if (p->bars.items[i].color == color) return SZ_MARK_SQUARE;
    return area_of(l, color) ? SZ_MARK_SQUARE : sz_mark_of(color);
}

// Rows of the legend when its entries flow over `width`; with `l->d` it is drawn from y on.
static int legend(sz_layout *l, double x0, double width, double y, bool draw) {
    const sz_look *k = l->look;
    const double room = k->cell_w > 0 ? 2 * k->cell_w : 18, space = k->cell_w > 0 ? 16 : 18;
    double x = 0;
    int rows = l->plot->legend.n > 0;
    for (size_t i = 0; i < l->plot->legend.n; i++) {
        const sz_legend *e = &l->plot->legend.items[i];
        if (k->cell_w > 0 && !isnan(e->share)) continue; // cells have one size
        const double size = k->cell_w > 0 ? 3 : isnan(e->share) ? 4.6 : sz_look_radius(k, e->share);
        const double mark = room + 2 * fmax(size - 4.6, 0); // a large one takes more
        const double w = mark + sz_look_width(k, e->text, k->text);
        if (x > 0 && x + w > width) x = 0, rows++;
        if (draw) {
            const double at = y +
                              (rows - 1) * sz_line_height(k, k->text) * (k->cell_h > 0 ? 1 : 1.2);
            const sz_shape s = {.kind = SZ_SHAPE_MARK,
                                .x = x0 + x + (k->cell_w > 0 ? 4 : 6 + (mark - room) / 2),
                                .y = at,
                                .size = size,
                                .color = e->color,
                                .area = area_of(l, e->color),
                                .mark = legend_mark(l, e->color)};
            sz_shape_add(l->d, &s);
            sz_layout_text(l, x0 + x + mark, at, k->text, -1, SZ_PLOT_INK, e->text);
        }
        x += w + space;
    }
    return rows;
}

static double outer(const sz_look *k) { return k->cell_h > 0 ? 0 : 18; }

void sz_layout_margins(sz_layout *l) {
    const sz_look *k = l->look;
    const double lh = sz_line_height(k, k->text), row = k->cell_h > 0 ? lh : lh * 1.2;
    size_t n_labels;
    double head = outer(k), foot = outer(k) * 0.7;
    if (l->plot->title) head += sz_line_height(k, k->title);
    if (l->plot->subtitle) head += lh;
    head += k->cell_h > 0 ? lh : lh * 1.5; // name of the y axis
    if (k->cell_h == 0 && (l->plot->title || l->plot->subtitle)) head += 6;
    foot += 2 * lh + (k->cell_h > 0 ? 0 : 8);
    foot += (double)l->plot->notes.n * sz_line_height(k, k->small);
    foot += legend(l, 0, k->width - 2 * outer(k), 0, false) * row;
    foot += k->cell_h > 0 ? 0 : 6;
    l->label_w = column_width(l, &n_labels);
    const double before = n_labels > 0 ? 26 : 12; // leaders lead to labels, none to notes
    l->label_w = fmax(l->label_w, sz_row_notes_width(l));
    l->left = outer(k) + fmax(tick_width(l, &l->axes[1], k->text), sz_names_left(l)) + k->gap;
    l->right = k->width - outer(k) - (l->label_w > 0 ? l->label_w + before : 0);
    l->top = head;
    foot += sz_names_below(l, l->right - l->left);
    // Higher when the labels of the lines need it, as high as names on the left make it.
    const double need = (double)n_labels * lh + lh, rows = sz_names_height(l);
    double height = rows > 0 ? fmax(rows, need) + head + foot : k->height;
    if (height - head - foot < need) height = need + head + foot;
    if (k->cell_h > 0) {
        l->left = ceil(l->left / k->cell_w) * k->cell_w + k->cell_w / 2;
        l->right = floor(l->right / k->cell_w) * k->cell_w - k->cell_w / 2;
        height = ceil(height / k->cell_h) * k->cell_h;
        foot += 1; // the lower edge belongs to the last row of the area, not to the next one
    }
    l->bottom = height - foot;
    l->d->width = k->width;
    l->d->height = height;
    l->axes[0].from = l->left, l->axes[0].to = l->right;
    l->axes[1].from = l->bottom, l->axes[1].to = l->top;
    if (l->axes[1].names.n > 0) l->axes[1].from = l->top, l->axes[1].to = l->bottom;
}

// ---- frame -------------------------------------------------------------------------------------

const char *sz_layout_copy(sz_layout *l, const char *text) {
    char *s = sz_arena_strdup(&l->d->arena, text, strlen(text));
    if (!s) l->d->failed = true;
    return s;
}

static void put_x_ticks(sz_layout *l) {
    const sz_look *k = l->look;
    const double y = l->bottom + sz_line_height(k, k->text) * (k->cell_h > 0 ? 0.5 : 0.85);
    sz_tick ticks[SZ_MAX_TICKS];
    const size_t n = sz_scale_ticks(&l->axes[0], ticks);
    double free_from = -1;
    for (size_t i = 0; i < n; i++) {
        const double x = sz_scale_at(&l->axes[0], ticks[i].value);
        char text[32];
        sz_layout_line(l, (sz_xy){x, l->top}, (sz_xy){x, l->bottom}, ticks[i].labelled ? 1 : 0.5,
                       SZ_PLOT_FAINT, SZ_ROLE_GRID);
        sz_scale_text(&l->axes[0], ticks[i].value, text, sizeof text);
        const double w = sz_look_width(k, text, k->text);
        const double at = fmin(x, k->width - w / 2 - (k->cell_w > 0 ? 0 : 2));
        if (!ticks[i].labelled || at - w / 2 < free_from) continue;
        sz_layout_text(l, at, y, k->text, 0, SZ_PLOT_GREY, sz_layout_copy(l, text));
        free_from = at + w / 2 + k->gap;
    }
}

static void put_y_ticks(sz_layout *l) {
    const sz_look *k = l->look;
    sz_tick ticks[SZ_MAX_TICKS];
    const size_t n = sz_scale_ticks(&l->axes[1], ticks);
    double last = 1e300;
    for (size_t i = 0; i < n; i++) {
        double y = sz_scale_at(&l->axes[1], ticks[i].value);
        char text[32];
        sz_layout_line(l, (sz_xy){l->left, y}, (sz_xy){l->right, y}, ticks[i].labelled ? 1 : 0.5,
                       SZ_PLOT_FAINT, SZ_ROLE_GRID);
        if (!ticks[i].labelled || last - y < sz_line_height(k, k->text)) continue;
        sz_scale_text(&l->axes[1], ticks[i].value, text, sizeof text);
        if (k->cell_h > 0) y = fmax(y, l->top + 0.5); // at the very top: not in the row above
        sz_layout_text(l, l->left - (k->cell_w > 0 ? 1.5 * k->cell_w : k->gap), y, k->text, 1,
                       SZ_PLOT_GREY, sz_layout_copy(l, text));
        last = y;
    }
}

void sz_layout_frame(sz_layout *l) {
    const sz_shape s = {.kind = SZ_SHAPE_BOX,
                        .role = SZ_ROLE_FRAME,
                        .x = l->left,
                        .y = l->top,
                        .w = l->right - l->left,
                        .h = l->bottom - l->top,
                        .color = SZ_PLOT_FAINT};
    sz_shape_add(l->d, &s);
    put_x_ticks(l);
    put_y_ticks(l);
    sz_layout_names(l);
}

// A text that may be long, as much of it as fits.
const char *sz_layout_shortened(sz_layout *l, const char *text, double size, double width) {
    const double w = sz_look_width(l->look, text, size);
    if (w <= width) return text;
    const size_t n = strlen(text);
    const char *result = NULL;
    sz_buf buf;
    sz_buf_init(&buf, l->d->ctx);
    sz_text_shorten(&buf, text, n, (size_t)((double)sz_text_width(text, n) * width / w * 0.97));
    if (sz_buf_status(&buf) == SZ_OK) result = sz_arena_strdup(&l->d->arena, buf.data, buf.size);
    sz_buf_finish(&buf);
    if (!result) l->d->failed = true;
    return result;
}

// "time" and "ms" of a linear axis in milliseconds: "time, ms".
static void put_axis_label(sz_layout *l, int which, double x, double y, int anchor) {
    const sz_look *k = l->look;
    const sz_scale *s = &l->axes[which];
    const char *label = l->plot->axes[which].label;
    char text[256];
    if (!label) return;
    const char *aside = strstr(label, " ("); // "time (lower is better)": the unit goes before it
    const int head = (int)(aside ? aside - label : (ptrdiff_t)strlen(label));
    if (s->unit && s->linear)
        snprintf(text, sizeof text, "%.*s, %s%.32s%.100s", head < 120 ? head : 120, label,
                 sz_prefix(s->prefix), s->unit, label + head);
    else
        snprintf(text, sizeof text, "%.250s", label);
    const char *whole = sz_layout_copy(l, text);
    if (whole)
        sz_layout_text(l, x, y, k->text, anchor, SZ_PLOT_INK,
                       sz_layout_shortened(l, whole, k->text, k->width - 2 * outer(k)));
}

void sz_layout_words(sz_layout *l) {
    const sz_look *k = l->look;
    const sz_plot *p = l->plot;
    const double lh = sz_line_height(k, k->text), x = outer(k), room = k->width - 2 * outer(k);
    double y = outer(k);
    if (p->title) {
        y += sz_line_height(k, k->title) / 2;
        sz_shape s = sz_text_shape(x, y, k->title, -1, SZ_PLOT_INK,
                                   sz_layout_shortened(l, p->title, k->title, room));
        s.bold = true;
        sz_shape_add(l->d, &s);
        y += sz_line_height(k, k->title) / 2;
    }
    if (p->subtitle)
        sz_layout_text(l, x, y + lh / 2, k->text, -1, SZ_PLOT_GREY,
                       sz_layout_shortened(l, p->subtitle, k->text, room));
    put_axis_label(l, 1, x, l->top - (k->cell_h > 0 ? 0.5 : 0.95) * lh, -1);
    y = l->bottom + lh * (k->cell_h > 0 ? 1.5 : 2.1) + sz_names_below(l, l->right - l->left);
    put_axis_label(l, 0, l->right, y, 1);
    y += k->cell_h > 0 ? lh : lh * 1.35;
    legend(l, x, room, y, true);
    y = l->d->height - outer(k) * 0.7 - ((double)p->notes.n - 0.5) * sz_line_height(k, k->small);
    for (size_t i = 0; i < p->notes.n; i++, y += sz_line_height(k, k->small))
        sz_layout_text(l, x, y, k->small, -1, SZ_PLOT_GREY,
                       sz_layout_shortened(l, p->notes.items[i], k->small, room));
}
