// SPDX-License-Identifier: Apache-2.0
// Lays a plot out: title, axes, lines, points and legend become shapes of a display list, and every
// label gets a place where it hides nothing. The same steps serve pictures and terminals; only the
// look differs.
#include "report/layout.h"

#include <math.h>
#include <stdlib.h>

// ---- lines -------------------------------------------------------------------------------------

// Cut the segment to the area (Liang, Barsky 1984); false when nothing is left.
bool sz_layout_clip(const sz_layout *l, sz_xy *a, sz_xy *b) {
    const double dx = b->x - a->x, dy = b->y - a->y;
    const double p[4] = {-dx, dx, -dy, dy};
    const double q[4] = {a->x - l->left, l->right - a->x, a->y - l->top, l->bottom - a->y};
    double enter = 0, leave = 1;
    for (int i = 0; i < 4; i++) {
        if (fabs(p[i]) < 1e-12) {
            if (q[i] < -1e-6) return false;
            continue;
        }
        const double t = q[i] / p[i];
        if (p[i] < 0)
            enter = fmax(enter, t);
        else
            leave = fmin(leave, t);
    }
    if (enter > leave) return false;
    const sz_xy from = *a;
    *a = (sz_xy){from.x + enter * dx, from.y + enter * dy};
    *b = (sz_xy){from.x + leave * dx, from.y + leave * dy};
    return true;
}

sz_xy sz_layout_place(const sz_layout *l, double x, double y) {
    return (sz_xy){sz_scale_at(&l->axes[0], x), sz_scale_at(&l->axes[1], y)};
}

static void put_mark(sz_layout *l, sz_xy at, double radius, sz_mark mark, int color,
                     const char *tip) {
    const sz_shape s = {.kind = SZ_SHAPE_MARK,
                        .x = at.x,
                        .y = at.y,
                        .size = radius,
                        .mark = mark,
                        .color = color,
                        .text = tip};
    if (!isfinite(at.x) || !isfinite(at.y)) return;
    if (at.x < l->left - 1 || at.x > l->right + 1 || at.y < l->top - 1 || at.y > l->bottom + 1)
        return;
    sz_shape_add(l->d, &s);
    sz_places_take(&l->places, &(sz_label_box){at.x, at.y, 2 * radius, 2 * radius, 0});
}

// Draw one line, cut to the area; *ret_end is where it ends. False when nothing of it is seen.
static bool put_curve(sz_layout *l, const sz_plot_line *line, sz_xy *ret_end) {
    sz_shape s = {.kind = SZ_SHAPE_LINE,
                  .color = line->color,
                  .first = l->d->points.n,
                  .size = line->flags & SZ_PLOT_BOLD   ? 2.2
                          : line->flags & SZ_PLOT_THIN ? 0.8
                                                       : 1.5,
                  .dashed = line->flags & SZ_PLOT_DASHED};
    bool seen = false;
    for (size_t i = 0; i + 1 < line->n; i++) {
        sz_xy a = sz_layout_place(l, line->x[i], line->y[i]);
        sz_xy b = sz_layout_place(l, line->x[i + 1], line->y[i + 1]);
        if (!isfinite(a.x + a.y) || !isfinite(b.x + b.y) || !sz_layout_clip(l, &a, &b)) continue;
        const sz_xy *last = s.n ? &l->d->points.items[l->d->points.n - 1] : NULL;
        if (last && (fabs(last->x - a.x) > 0.01 || fabs(last->y - a.y) > 0.01)) {
            sz_shape_add(l->d, &s); // it left the area between
            s.first = l->d->points.n, s.n = 0, last = NULL;
        }
        if (!last && sz_vec_push(l->d->ctx, &l->d->points, a)) s.n++;
        if (sz_vec_push(l->d->ctx, &l->d->points, b)) s.n++;
        sz_places_line(&l->places, a, b);
        *ret_end = b;
        seen = true;
    }
    if (s.n > 1) sz_shape_add(l->d, &s);
    for (size_t i = 0; line->flags & SZ_PLOT_MARKED && i < line->n; i++)
        put_mark(l, sz_layout_place(l, line->x[i], line->y[i]), l->look->mark_least,
                 sz_mark_of(line->color), line->color, NULL);
    return seen;
}

// What is below a line, down to the axis; points outside are moved to the edge.
static void put_area(sz_layout *l, const sz_plot_line *line) {
    sz_shape s = {.kind = SZ_SHAPE_AREA, .color = line->color, .first = l->d->points.n};
    for (size_t i = 0; i < line->n; i++) {
        sz_xy p = sz_layout_place(l, line->x[i], line->y[i]);
        if (!isfinite(p.x + p.y)) continue;
        p.x = fmin(fmax(p.x, l->left), l->right);
        p.y = fmin(fmax(p.y, l->top), l->bottom);
        if (!sz_vec_push(l->d->ctx, &l->d->points, p)) continue;
        if (s.n++) sz_places_line(&l->places, l->d->points.items[l->d->points.n - 2], p);
    }
    if (s.n < 2) return;
    const sz_xy *points = l->d->points.items + s.first;
    const sz_xy lower[] = {{points[s.n - 1].x, l->bottom}, {points[0].x, l->bottom}};
    for (int i = 0; i < 2; i++)
        if (!sz_vec_push(l->d->ctx, &l->d->points, lower[i])) l->d->failed = true;
    s.n += 2;
    sz_shape_add(l->d, &s);
}

// ---- labels at the ends of lines ---------------------------------------------------------------

typedef struct end_label {
    sz_xy end;
    const sz_plot_line *line;
    double y;
} end_label;

static int upper_first(const void *a, const void *b) {
    const end_label *x = a, *y = b;
    if (x->end.y != y->end.y) return x->end.y < y->end.y ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static void put_end_label(sz_layout *l, const end_label *e) {
    const sz_look *k = l->look;
    const double x = l->right + (k->cell_w > 0 ? 2.5 * k->cell_w : 26);
    if (k->cell_w == 0) {
        sz_layout_line(l, e->end, (sz_xy){l->right + 4, e->end.y}, 0.8, e->line->color,
                       SZ_ROLE_LEADER);
        sz_layout_line(l, (sz_xy){l->right + 4, e->end.y}, (sz_xy){x - 4, e->y}, 0.8,
                       e->line->color, SZ_ROLE_LEADER);
    }
    sz_shape s = sz_text_shape(x, e->y, k->text, -1, e->line->color,
                               sz_layout_shortened(l, e->line->label, k->text, l->label_w));
    s.bold = e->line->flags & SZ_PLOT_BOLD;
    sz_shape_add(l->d, &s);
}

static void put_end_labels(sz_layout *l, end_label *ends, size_t n) {
    const sz_look *k = l->look;
    const double lh = sz_line_height(k, k->text) * (k->cell_h > 0 ? 1 : 1.05);
    double *at = sz_arena_array(&l->d->arena, n + 1, sizeof *at);
    if (!at) {
        l->d->failed = true;
        return;
    }
    qsort(ends, n, sizeof *ends, upper_first);
    for (size_t i = 0; i < n; i++) at[i] = ends[i].end.y;
    sz_spread(at, n, lh, l->top + lh / 2, l->bottom - lh / 2);
    for (size_t i = 0; i < n; i++) {
        ends[i].y = at[i];
        if (k->cell_h > 0) { // whole lines of the terminal, each its own
            ends[i].y = (floor(at[i] / k->cell_h) + 0.5) * k->cell_h;
            if (i && ends[i].y < ends[i - 1].y + k->cell_h / 2)
                ends[i].y = ends[i - 1].y + k->cell_h;
        }
        put_end_label(l, &ends[i]);
    }
}

enum { SZ_DENSE = 240 }; // points of a line

static void put_curves(sz_layout *l) {
    const size_t n = l->plot->curves.n;
    end_label *ends = sz_arena_array(&l->d->arena, n + 1, sizeof *ends);
    size_t n_ends = 0;
    if (!ends) {
        l->d->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (l->plot->curves.items[i].line.flags & SZ_PLOT_FILLED)
            put_area(l, &l->plot->curves.items[i].line);
    for (size_t i = 0; i < n; i++) {
        const sz_plot_line *line = &l->plot->curves.items[i].line;
        sz_xy end;
        if (line->flags & SZ_PLOT_FILLED && line->n > SZ_DENSE) continue; // no room for an outline
        if (put_curve(l, line, &end) && sz_has_end_label(line))
            ends[n_ends++] = (end_label){end, line, 0};
    }
    put_end_labels(l, ends, n_ends);
}

// ---- labels on lines ---------------------------------------------------------------------------

// The longest segment of a line that is seen.
static bool longest(const sz_layout *l, const sz_plot_line *line, sz_xy *ret_a, sz_xy *ret_b) {
    double best = 0;
    for (size_t i = 0; i + 1 < line->n; i++) {
        sz_xy a = sz_layout_place(l, line->x[i], line->y[i]);
        sz_xy b = sz_layout_place(l, line->x[i + 1], line->y[i + 1]);
        if (!isfinite(a.x + a.y) || !isfinite(b.x + b.y) || !sz_layout_clip(l, &a, &b)) continue;
        const double length = hypot(b.x - a.x, b.y - a.y);
        if (length > best) best = length, *ret_a = a, *ret_b = b;
    }
    return best > 0;
}

// How far the middle of a label may lie from its line: beside it, or clear of the rings on it.
static double beside(const sz_look *k, double height, int i) {
    const double off = height / 2 + (i & 2 ? k->mark_least + 1.5 : 1);
    return i & 1 ? -off : off;
}

// Try places along the line, above and below it; the least clash wins.
static void put_along(sz_layout *l, const sz_plot_line *line) {
    enum { STEPS = 24, SIDES = 4 };
    const sz_look *k = l->look;
    const bool cells = k->cell_w > 0;
    const double w = sz_look_width(k, line->label, k->small), h = sz_line_height(k, k->small);
    sz_xy a = {0, 0}, b = {0, 0};
    sz_label_box best = {0};
    int least = 3;
    if (!longest(l, line, &a, &b)) return;
    const double length = hypot(b.x - a.x, b.y - a.y), ux = (b.x - a.x) / length;
    const double uy = (b.y - a.y) / length, degrees = atan2(uy, ux) * 57.29577951308232;
    for (int i = 0; i < SIDES * STEPS && least > 0; i++) {
        const int step = i / SIDES;
        const double t = cells ? length * step / STEPS
                               : w / 2 + k->gap + (length - w - 2 * k->gap) * step / STEPS;
        const double off = beside(k, h, i);
        sz_label_box box = {a.x + ux * t + uy * off, a.y + uy * t - ux * off, w, h, degrees};
        if (cells) // upright beside the line, whole cells
            box = (sz_label_box){
                (floor((a.x + ux * t) / k->cell_w) + (i & 1 ? 2 : -1)) * k->cell_w +
                    (i & 1 ? w / 2 : -w / 2),
                (floor((a.y + uy * t) / k->cell_h) + 0.5) * k->cell_h, w, h - 1, 0};
        const int clash = sz_places_clash(&l->places, &box);
        if (clash < least) least = clash, best = box;
    }
    if (least >= 2 && cells) return; // no place that would not hide something
    sz_shape s = sz_text_shape(best.x, best.y, k->small, 0, line->color, line->label);
    s.angle = best.angle;
    s.halo = true;
    sz_shape_add(l->d, &s);
    sz_places_take(&l->places, &best);
}

// ---- points ------------------------------------------------------------------------------------

double sz_look_radius(const sz_look *k, double share) {
    if (!(share > 0)) return k->mark_least;
    return k->mark_least + (k->mark_most - k->mark_least) * sqrt(fmin(share, 1));
}

static double radius_of(const sz_layout *l, double share) { return sz_look_radius(l->look, share); }

static void put_point_label(sz_layout *l, const sz_plot_point *p, bool past_lines) {
    static const double sides[8][2] = {{-1, -1}, {1, 1}, {1, -1}, {-1, 1},
                                       {0, -1},  {0, 1}, {1, 0},  {-1, 0}};
    const sz_look *k = l->look;
    const sz_xy at = sz_layout_place(l, p->x, p->y);
    const double w = sz_look_width(k, p->label, k->small), h = sz_line_height(k, k->small);
    const double r = radius_of(l, p->share);
    // Small text in a light colour is hard to read: the mark has the colour of its series.
    const int label_color = p->color >= SZ_PLOT_SERIES ? SZ_PLOT_INK : p->color;
    for (int i = 0; i < 8; i++) {
        const double dx = sides[i][0] * (w / 2 + r + (sides[i][1] != 0 ? 0 : 2));
        const double dy = sides[i][1] * (h / 2 + r * (sides[i][0] != 0 ? 0.4 : 1.1));
        sz_label_box box = {at.x + dx, at.y + dy, w, h, 0};
        if (k->cell_w > 0)
            box = (sz_label_box){floor(box.x / k->cell_w) * k->cell_w,
                                 (floor(at.y / k->cell_h) + 0.5 + sides[i][1]) * k->cell_h,
                                 w + k->cell_w, h - 1, 0}; // half a blank on each side
        if (sz_places_clash(&l->places, &box) > (past_lines ? 1 : 0)) continue;
        sz_shape s = sz_text_shape(box.x, box.y, k->small, 0, label_color, p->label);
        s.halo = true;
        sz_shape_add(l->d, &s);
        sz_places_take(&l->places, &box);
        return;
    }
    if (!past_lines) put_point_label(l, p, true);
}

// The large ones first, so that none hides another.
static int larger_first(const void *a, const void *b) {
    const sz_plot_point *x = *(const sz_plot_point *const *)a,
                        *y = *(const sz_plot_point *const *)b;
    if (x->share != y->share) return x->share < y->share ? 1 : -1;
    return (x > y) - (x < y);
}

static const sz_plot_point **sorted_points(sz_layout *l) {
    const size_t n = l->plot->points.n;
    const sz_plot_point **sorted = sz_arena_array(&l->d->arena, n + 1, sizeof *sorted);
    if (!sorted) {
        l->d->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) sorted[i] = &l->plot->points.items[i];
    qsort(sorted, n, sizeof *sorted, larger_first);
    return sorted;
}

static void put_points(sz_layout *l) {
    const size_t n = l->plot->points.n;
    const sz_plot_point **sorted = sorted_points(l);
    for (size_t i = 0; sorted && i < n; i++) {
        const sz_plot_point *p = sorted[i];
        put_mark(l, sz_layout_place(l, p->x, p->y), radius_of(l, p->share),
                 p->share > 0 ? sz_mark_of(p->color) : SZ_MARK_RING, p->color, p->tip);
    }
    for (size_t i = 0; i < l->plot->curves.n; i++) {
        const sz_plot_line *line = &l->plot->curves.items[i].line;
        if (line->flags & SZ_PLOT_ALONG && line->label && *line->label) put_along(l, line);
    }
    for (size_t i = 0; i < n; i++) // in the order they were given: the first are the main ones
        if (l->plot->points.items[i].label) put_point_label(l, &l->plot->points.items[i], false);
}

// ---- all ---------------------------------------------------------------------------------------

sz_status sz_draw(sz_ctx *ctx, const sz_plot *plot, const sz_look *look, sz_drawing *ret_drawing) {
    sz_drawing d = {.ctx = ctx, .title = plot->title};
    sz_layout l = {.plot = plot, .look = look, .d = &d, .places.ctx = ctx};
    sz_arena_init(&d.arena, ctx);
    sz_scale_fit(plot, 0, &l.axes[0]);
    sz_scale_fit(plot, 1, &l.axes[1]);
    sz_layout_margins(&l);
    l.places.left = l.left, l.places.right = l.right;
    l.places.top = l.top, l.places.bottom = l.bottom;
    sz_layout_frame(&l);
    sz_layout_words(&l);
    sz_layout_bands(&l);
    sz_layout_clouds(&l);
    sz_layout_bars(&l);
    put_curves(&l);
    sz_layout_whiskers(&l);
    put_points(&l);
    sz_layout_row_notes(&l);
    const bool failed = d.failed || l.places.failed;
    sz_places_finish(&l.places);
    if (failed) {
        sz_drawing_finish(&d);
        return sz_no_memory(ctx);
    }
    *ret_drawing = d;
    return SZ_OK;
}
