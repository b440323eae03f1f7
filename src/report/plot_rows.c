// SPDX-License-Identifier: Apache-2.0
// Parts of a plot beside lines and points: names along an axis, bars with their notes, whiskers,
// clouds of faint dots, and what is between two lines.
#include "report/layout.h"

#include <math.h>

static const double LEAN = -30; // degrees of names that are too wide to stand side by side

static bool in_cells(const sz_layout *l) { return l->look->cell_w > 0; }

// ---- names -------------------------------------------------------------------------------------

static double widest_name(const sz_layout *l, int which) {
    const sz_names names = l->axes[which].names;
    double widest = 0;
    for (size_t i = 0; i < names.n; i++)
        widest = fmax(widest, sz_look_width(l->look, names.items[i], l->look->text));
    return widest;
}

double sz_names_left(sz_layout *l) {
    l->name_w = fmin(widest_name(l, 1), l->look->width * 0.32);
    return l->name_w;
}

double sz_names_height(const sz_layout *l) {
    const size_t n = l->axes[1].names.n;
    const double row = in_cells(l) ? l->look->cell_h : n > 12 ? 22 : 28;
    return (double)n * row;
}

// Names under the axis that don't fit side by side lean, and take what the one on the left has.
static double leaning_width(const sz_layout *l, double slot) {
    const double room = (l->left + slot / 2 - 4) / cos(LEAN * 0.017453292519943295);
    return fmin(fmin(widest_name(l, 0), room), 170);
}

double sz_names_below(sz_layout *l, double width) {
    const size_t n = l->axes[0].names.n;
    l->lean = 0;
    if (n == 0 || in_cells(l) || widest_name(l, 0) + l->look->gap <= width / (double)n) return 0;
    l->lean = LEAN;
    return fmax(0, leaning_width(l, width / (double)n) * 0.5 - 4);
}

static void put_rows_names(sz_layout *l) {
    const sz_look *k = l->look;
    const sz_names names = l->axes[1].names;
    for (size_t i = 0; i < names.n; i++) {
        const double y = sz_scale_at(&l->axes[1], (double)i);
        sz_layout_text(l, l->left - (in_cells(l) ? 1.5 * k->cell_w : k->gap), y, k->text, 1,
                       SZ_PLOT_INK, sz_layout_shortened(l, names.items[i], k->text, l->name_w));
    }
}

static void put_names_below(sz_layout *l) {
    const sz_look *k = l->look;
    const sz_names names = l->axes[0].names;
    const double slot = (l->right - l->left) / (double)(names.n ? names.n : 1);
    const double y = l->bottom + sz_line_height(k, k->text) * (in_cells(l) ? 0.5 : 0.85);
    const double room = l->lean != 0 ? leaning_width(l, slot) : slot - (in_cells(l) ? 8 : 0);
    for (size_t i = 0; i < names.n && room > 0; i++) {
        const double x = sz_scale_at(&l->axes[0], (double)i);
        sz_shape s = sz_text_shape(x, y, k->text, l->lean != 0 ? 1 : 0, SZ_PLOT_INK,
                                   sz_layout_shortened(l, names.items[i], k->text, room));
        s.angle = l->lean;
        // Leaning ones that would run into each other: every second, third ...
        const double step = sz_line_height(k, k->text) / (0.5 * slot);
        if (l->lean != 0 && step > 1 && i % (size_t)ceil(step) != 0) continue;
        sz_shape_add(l->d, &s);
    }
}

void sz_layout_names(sz_layout *l) {
    put_rows_names(l);
    put_names_below(l);
}

// ---- bars --------------------------------------------------------------------------------------

void sz_layout_bars(sz_layout *l) {
    const size_t n = l->axes[1].names.n;
    const double row = n ? (l->bottom - l->top) / (double)n : 0;
    for (size_t i = 0; n > 0 && i < l->plot->bars.n; i++) {
        const sz_plot_bar *b = &l->plot->bars.items[i];
        const sz_xy from = sz_layout_place(l, b->from, b->at),
                    to = sz_layout_place(l, b->to, b->at);
        const double h = row * (b->thickness > 0 ? fmin(b->thickness, 1) : 0.62);
        const double x0 = fmax(fmin(from.x, to.x), l->left),
                     x1 = fmin(fmax(from.x, to.x), l->right);
        const sz_shape s = {.kind = SZ_SHAPE_BOX,
                            .x = x0,
                            .y = to.y - h / 2,
                            .w = x1 - x0,
                            .h = h,
                            .color = b->color,
                            .text = b->tip};
        if (!isfinite(from.x + to.x + to.y) || !(x1 > x0)) continue;
        sz_shape_add(l->d, &s);
    }
}

double sz_row_notes_width(const sz_layout *l) {
    double widest = 0;
    for (size_t i = 0; i < l->plot->row_notes.n; i++)
        widest = fmax(widest,
                      sz_look_width(l->look, l->plot->row_notes.items[i].text, l->look->text));
    return fmin(widest, l->look->width * 0.36);
}

void sz_layout_row_notes(sz_layout *l) {
    const sz_look *k = l->look;
    for (size_t i = 0; i < l->plot->row_notes.n; i++) {
        const sz_row_note *n = &l->plot->row_notes.items[i];
        const double y = sz_scale_at(&l->axes[1], n->at);
        if (!isfinite(y) || y < l->top || y > l->bottom) continue;
        sz_layout_text(l, l->right + (in_cells(l) ? 1.5 * k->cell_w : 12), y, k->text, -1, n->color,
                       sz_layout_shortened(l, n->text, k->text, l->label_w));
    }
}

// ---- whiskers ----------------------------------------------------------------------------------

static void put_whisker(sz_layout *l, sz_xy a, sz_xy b, int color) {
    const double cap = in_cells(l) ? 0 : 3.2, dx = b.x - a.x, dy = b.y - a.y;
    const double length = hypot(dx, dy);
    sz_xy p = a, q = b;
    if (!isfinite(length) || !(length > 0) || !sz_layout_clip(l, &p, &q)) return;
    sz_layout_line(l, p, q, 1.2, color, SZ_ROLE_DATA);
    sz_places_line(&l->places, p, q);
    const double ux = cap * dy / length, uy = cap * dx / length; // across
    if (cap > 0 && hypot(p.x - a.x, p.y - a.y) < 0.5)
        sz_layout_line(l, (sz_xy){a.x - ux, a.y - uy}, (sz_xy){a.x + ux, a.y + uy}, 1.2, color,
                       SZ_ROLE_DATA);
    if (cap > 0 && hypot(q.x - b.x, q.y - b.y) < 0.5)
        sz_layout_line(l, (sz_xy){b.x - ux, b.y - uy}, (sz_xy){b.x + ux, b.y + uy}, 1.2, color,
                       SZ_ROLE_DATA);
}

void sz_layout_whiskers(sz_layout *l) {
    for (size_t i = 0; i < l->plot->whiskers.n; i++) {
        const sz_plot_whisker *w = &l->plot->whiskers.items[i];
        put_whisker(l, sz_layout_place(l, w->x_lo, w->y), sz_layout_place(l, w->x_hi, w->y),
                    w->color);
        put_whisker(l, sz_layout_place(l, w->x, w->y_lo), sz_layout_place(l, w->x, w->y_hi),
                    w->color);
    }
}

// ---- clouds ------------------------------------------------------------------------------------

typedef struct raster {
    unsigned char *taken; // a byte per spot of the picture
    size_t columns, rows;
    double spot_w, spot_h;
} raster;

// The first dot on a spot is drawn; it says all that the others would.
static bool take_spot(const sz_layout *l, const raster *r, sz_xy at) {
    if (!isfinite(at.x + at.y) || at.x < l->left || at.x > l->right || at.y < l->top ||
        at.y > l->bottom)
        return false;
    const size_t column = (size_t)((at.x - l->left) / r->spot_w);
    const size_t row = (size_t)((at.y - l->top) / r->spot_h);
    if (column >= r->columns || row >= r->rows) return false;
    unsigned char *taken = &r->taken[row * r->columns + column];
    if (*taken) return false;
    *taken = 1;
    return true;
}

static void put_cloud(sz_layout *l, const sz_cloud *c) {
    raster r = {.spot_w = in_cells(l) ? l->look->cell_w / 2 : 4,
                .spot_h = in_cells(l) ? l->look->cell_h / 4 : 4};
    r.columns = (size_t)((l->right - l->left) / r.spot_w) + 1;
    r.rows = (size_t)((l->bottom - l->top) / r.spot_h) + 1;
    r.taken = sz_arena_array(&l->d->arena, r.columns * r.rows, 1);
    if (!r.taken) {
        l->d->failed = true;
        return;
    }
    for (size_t i = 0; i < c->n; i++) {
        const sz_xy at = sz_layout_place(l, c->x[i], c->y[i]);
        if (!take_spot(l, &r, at)) continue;
        const sz_shape s = {.kind = SZ_SHAPE_MARK,
                            .role = SZ_ROLE_CLOUD,
                            .x = at.x,
                            .y = at.y,
                            .size = c->n > 400 ? 1.5 : 2.2,
                            .color = c->color};
        sz_shape_add(l->d, &s);
    }
}

void sz_layout_clouds(sz_layout *l) {
    for (size_t i = 0; i < l->plot->clouds.n; i++) put_cloud(l, &l->plot->clouds.items[i]);
}

// ---- bands -------------------------------------------------------------------------------------

static bool push_inside(sz_layout *l, sz_xy p) {
    p.x = fmin(fmax(p.x, l->left), l->right);
    p.y = fmin(fmax(p.y, l->top), l->bottom);
    if (sz_vec_push(l->d->ctx, &l->d->points, p)) return true;
    l->d->failed = true;
    return false;
}

// Places first .. first + n - 1 of it: the upper line from left to right, the lower one back.
static void put_band(sz_layout *l, const sz_band *b, size_t first, size_t n) {
    sz_shape s = {.kind = SZ_SHAPE_BAND, .color = b->color, .first = l->d->points.n};
    for (size_t i = 0; i < n; i++)
        s.n += push_inside(l, sz_layout_place(l, b->x[first + i], b->hi[first + i]));
    for (size_t i = n; i-- > 0;)
        s.n += push_inside(l, sz_layout_place(l, b->x[first + i], b->lo[first + i]));
    if (s.n == 2 * n) sz_shape_add(l->d, &s);
}

void sz_layout_bands(sz_layout *l) {
    for (size_t i = 0; i < l->plot->bands.n; i++) {
        const sz_band *b = &l->plot->bands.items[i];
        size_t first = 0;
        for (size_t k = 0; k <= b->n; k++) { // what is not known parts it
            if (k < b->n && isfinite(sz_layout_place(l, b->x[k], b->lo[k]).y +
                                     sz_layout_place(l, b->x[k], b->hi[k]).y))
                continue;
            if (k > first + 1) put_band(l, b, first, k - first);
            first = k + 1;
        }
    }
}
