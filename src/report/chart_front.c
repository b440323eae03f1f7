// SPDX-License-Identifier: Apache-2.0
// The chart of a Pareto front of two metrics.
#include "report/chart_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FRONT = SZ_PLOT_SERIES + 1, OTHERS = SZ_PLOT_SERIES + 7 };

typedef struct front {
    const sz_chart_data *d;
    const sz_chart_metric *m[2]; // x, y
    const sz_chart_metric *z;    // that the area of the marks shows, or NULL
    sz_chart_range_of z_range;   // of it, on the front
    bool z_log;
    sz_arena *arena;
    size_t *by_x, n;          // points with both metrics, the best x first
    size_t *line, n_line;     // of them: those that no other beats by both values, best x first
    size_t *marked, n_marked; // on the front as the document says; else those of the line
    bool given;
} front;

// A value so that less is better.
static double cost(const sz_chart_metric *m, size_t point) {
    const double v = sz_chart_value_of(m, point).value;
    return m->higher ? -v : v;
}

typedef struct sorted_point {
    double x, y;
    size_t point;
} sorted_point;

static int better_first(const void *a, const void *b) {
    const sorted_point *p = a, *q = b;
    if (p->x != q->x) return p->x < q->x ? -1 : 1;
    if (p->y != q->y) return p->y < q->y ? -1 : 1;
    return (p->point > q->point) - (p->point < q->point);
}

static sz_status sort_points(sz_ctx *ctx, front *f) {
    sorted_point *sorted = sz_arena_array(f->arena, f->d->n + 1, sizeof *sorted);
    f->by_x = sz_arena_array(f->arena, f->d->n + 1, sizeof *f->by_x);
    f->line = sz_arena_array(f->arena, f->d->n + 1, sizeof *f->line);
    f->marked = sz_arena_array(f->arena, f->d->n + 1, sizeof *f->marked);
    if (!sorted || !f->by_x || !f->line || !f->marked) return sz_no_memory(ctx);
    for (size_t i = 0; i < f->d->n; i++) {
        const sorted_point p = {cost(f->m[0], i), cost(f->m[1], i), i};
        if (isfinite(p.x) && isfinite(p.y)) sorted[f->n++] = p;
    }
    qsort(sorted, f->n, sizeof *sorted, better_first);
    double best = INFINITY;
    for (size_t i = 0; i < f->n; i++) {
        f->by_x[i] = sorted[i].point;
        if (!(sorted[i].y < best)) continue;
        best = sorted[i].y;
        f->line[f->n_line++] = sorted[i].point;
    }
    return SZ_OK;
}

// Does the document's front speak of this metric?
static bool is_wanted(sz_ctx *ctx, const sz_chart_data *d, const sz_chart_metric *m) {
    for (size_t i = 0; i < 3 && d->front[i]; i++) {
        const sz_chart_metric *wanted;
        if (sz_chart_find_metric(ctx, d, d->front[i], &wanted) == SZ_OK && wanted == m) return true;
    }
    sz_ctx_clear(ctx);
    return false;
}

static void find_marked(sz_ctx *ctx, front *f) {
    f->given = f->d->has_front && is_wanted(ctx, f->d, f->m[0]) && is_wanted(ctx, f->d, f->m[1]);
    if (!f->given) {
        memcpy(f->marked, f->line, f->n_line * sizeof *f->line);
        f->n_marked = f->n_line;
        return;
    }
    for (size_t i = 0; i < f->n; i++)
        if (f->d->on_front.items[f->by_x[i]]) f->marked[f->n_marked++] = f->by_x[i];
}

// ---- drawing -----------------------------------------------------------------------------------

static double at(const front *f, int axis, size_t point) {
    return sz_chart_value_of(f->m[axis], point).value;
}

// Between two points of the front only the one with the worse x can be had, where less of x is
// better; else the one with the better.
static sz_status draw_line(sz_ctx *ctx, const front *f, sz_plot *plot) {
    double *x = sz_arena_array(f->arena, 2 * f->n_line + 1, sizeof *x);
    double *y = sz_arena_array(f->arena, 2 * f->n_line + 1, sizeof *y);
    size_t n = 0;
    if (!x || !y) return sz_no_memory(ctx);
    for (size_t i = 0; i < f->n_line; i++) {
        if (i > 0) x[n] = at(f, 0, f->line[i]), y[n++] = at(f, 1, f->line[i - 1]);
        x[n] = at(f, 0, f->line[i]), y[n++] = at(f, 1, f->line[i]);
    }
    sz_plot_add_line(plot, &(sz_plot_line){x, y, n, NULL, FRONT, SZ_PLOT_BOLD});
    return SZ_OK;
}

static sz_status draw_cloud(sz_ctx *ctx, const front *f, sz_plot *plot) {
    double *x = sz_arena_array(f->arena, f->n + 1, sizeof *x);
    double *y = sz_arena_array(f->arena, f->n + 1, sizeof *y);
    if (!x || !y) return sz_no_memory(ctx);
    for (size_t i = 0; i < f->n; i++) x[i] = at(f, 0, f->by_x[i]), y[i] = at(f, 1, f->by_x[i]);
    sz_plot_add_cloud(plot, x, y, f->n, OTHERS);
    return SZ_OK;
}

static void put_whisker(const front *f, size_t point, sz_plot *plot) {
    const sz_chart_interval x = sz_chart_value_of(f->m[0], point);
    const sz_chart_interval y = sz_chart_value_of(f->m[1], point);
    sz_plot_add_whisker(plot, &(sz_plot_whisker){x.value, y.value, x.lo, x.hi, y.lo, y.hi, FRONT});
}

// Labels go to the ends and evenly between, so that each part of the front tells what it is.
static bool is_labelled(size_t i, size_t n, size_t labels) {
    if (labels == 0) return false;
    if (n <= labels) return true;
    if (labels == 1) return i == 0;
    for (size_t k = 0; k < labels; k++)
        if (k * (n - 1) / (labels - 1) == i) return true;
    return false;
}

// Of a value of the third metric: a share for the area of a mark. What spans much is shown by its
// logarithm.
enum { SMALLEST = 1, LARGEST = 34 }; // percent
static double area_of(const front *f, double v) {
    const double lo = f->z_range.lo, hi = f->z_range.hi;
    const double at = f->z_log ? log(v / lo) / log(hi / lo) : (v - lo) / (hi - lo);
    return isfinite(v) && lo < hi ? (SMALLEST + (LARGEST - SMALLEST) * at) / 100 : 0.02;
}

static void z_text(const front *f, double v, char *buf, size_t cap) {
    char name[160], number[40];
    const char *unit;
    sz_chart_metric_name(f->z->key, name, sizeof name, &unit);
    sz_chart_number(v, unit, number, sizeof number);
    snprintf(buf, cap, "%.100s %s", name, number);
}

// Three marks say what the sizes mean.
static void put_areas(const front *f, sz_plot *plot) {
    const double lo = f->z_range.lo, hi = f->z_range.hi;
    const double values[3] = {lo, f->z_log ? sqrt(lo * hi) : (lo + hi) / 2, hi};
    char text[160];
    if (!f->z || !(lo < hi)) return;
    for (size_t i = 0; i < 3; i++) {
        z_text(f, values[i], text, sizeof text);
        sz_plot_add_legend_area(plot, FRONT, area_of(f, values[i]), text);
    }
}

static void draw_marks(const front *f, const bool *shown, int labels, sz_plot *plot) {
    const size_t most = labels < 0 ? 0 : labels == 0 ? 12 : (size_t)labels;
    for (size_t i = 0; i < f->n_marked; i++) {
        char label[80], whole[300], tip[640], x[40], y[40], name[160], z[160] = "";
        const char *unit;
        const size_t point = f->marked[i];
        sz_chart_setting(f->d, point, shown, 40, label, sizeof label);
        sz_chart_setting(f->d, point, shown, 280, whole, sizeof whole);
        sz_chart_metric_name(f->m[0]->key, name, sizeof name, &unit);
        sz_chart_number(at(f, 0, point), unit, x, sizeof x);
        sz_chart_metric_name(f->m[1]->key, name, sizeof name, &unit);
        sz_chart_number(at(f, 1, point), unit, y, sizeof y);
        const double v = f->z ? sz_chart_value_of(f->z, point).value : NAN;
        if (isfinite(v)) z_text(f, v, z, sizeof z);
        snprintf(tip, sizeof tip, "%s: %s, %s%s%s", whole, x, y, *z ? ", " : "", z);
        put_whisker(f, point, plot);
        sz_plot_add_point(plot, &(sz_plot_point){at(f, 0, point), at(f, 1, point),
                                                 f->z ? area_of(f, v) : 0.02,
                                                 is_labelled(i, f->n_marked, most) ? label : NULL,
                                                 tip, FRONT});
    }
}

static void put_words(const front *f, const sz_chart_front_options *o, const bool *shown,
                      sz_plot *plot) {
    char sub[400], common[200];
    sz_chart_common(f->d, f->marked[0], shown, NULL, common, sizeof common);
    snprintf(sub, sizeof sub, "%zu of %zu settings%s%s", f->n_marked, f->n,
             *common ? "; on all of the front: " : "", common);
    sz_plot_title(plot, o->title ? o->title : "Pareto front", sub);
    for (int a = 0; a < 2; a++) {
        sz_chart_range_of range = {NAN, NAN};
        for (size_t i = 0; i < f->n; i++) sz_chart_range(&range, at(f, a, f->by_x[i]));
        sz_chart_metric_axis(f->m[a], &range, a, plot);
    }
    sz_plot_add_legend(plot, FRONT, f->given ? "on the front" : "on the front, by the values");
    sz_plot_add_legend(plot, OTHERS, "all settings");
    put_areas(f, plot);
    if (f->d->n > f->n)
        sz_plot_note(plot, "Not shown: %zu settings without one of the two metrics.",
                     f->d->n - f->n);
    if (f->z) {
        const char *unit, *three = f->given && f->d->front[2] ? "The front is of three metrics; "
                                                              : "";
        sz_chart_metric_name(f->z->key, common, sizeof common, &unit);
        if (f->z_range.lo < f->z_range.hi)
            sz_plot_note(plot, "%s%s (%s is better) is the size of the marks in pictures.", three,
                         common, f->z->higher ? "more" : "less");
        else
            sz_plot_note(plot, "%s%s is the same for all settings on the front.", three, common);
    } else if (f->given && f->n_marked > f->n_line)
        sz_plot_note(plot, "Marks beside the line: their intervals leave open whether they are "
                           "beaten.");
}

static sz_status choose_metrics(sz_ctx *ctx, front *f, const sz_chart_front_options *o) {
    const char *names[2] = {o->x ? o->x : f->d->front[0], o->y ? o->y : f->d->front[1]};
    for (int a = 0; a < 2; a++) {
        for (size_t i = 0; !names[a] && i < f->d->metrics.n; i++)
            if (f->d->metrics.items[i].values.n > 0 &&
                (a == 0 || &f->d->metrics.items[i] != f->m[0]))
                names[a] = f->d->metrics.items[i].key;
        if (!names[a])
            return sz_fail(ctx, SZ_ERR_INPUT, "a front needs two metrics, there %s",
                           a ? "is one" : "are none");
        SZ_TRY(sz_chart_find_metric(ctx, f->d, names[a], &f->m[a]));
    }
    if (f->m[0] == f->m[1])
        return sz_fail(ctx, SZ_ERR_INPUT, "a front needs two metrics, not '%s' twice",
                       f->m[0]->key);
    return SZ_OK;
}

// The metric of the areas: that was asked for, else the one of three that is on no axis.
static sz_status choose_area(sz_ctx *ctx, front *f, const sz_chart_front_options *o) {
    if (o->z) {
        SZ_TRY(sz_chart_find_metric(ctx, f->d, o->z, &f->z));
        if (f->z == f->m[0] || f->z == f->m[1])
            return sz_fail(ctx, SZ_ERR_INPUT, "'%s' is on an axis already", f->z->key);
        return SZ_OK;
    }
    for (size_t i = 0; f->given && f->d->front[2] && i < 3; i++) {
        const sz_chart_metric *m;
        SZ_TRY(sz_chart_find_metric(ctx, f->d, f->d->front[i], &m));
        if (m != f->m[0] && m != f->m[1]) f->z = m;
    }
    return SZ_OK;
}

static void find_areas(front *f) {
    f->z_range = (sz_chart_range_of){NAN, NAN};
    for (size_t i = 0; f->z && i < f->n_marked; i++)
        sz_chart_range(&f->z_range, sz_chart_value_of(f->z, f->marked[i]).value);
    f->z_log = sz_chart_range_is_wide(&f->z_range);
}

static sz_status draw(sz_ctx *ctx, front *f, const sz_chart_front_options *o, sz_plot *plot) {
    SZ_TRY(choose_metrics(ctx, f, o));
    SZ_TRY(sort_points(ctx, f));
    if (f->n == 0)
        return sz_fail(ctx, SZ_ERR_INPUT, "no setting has both '%s' and '%s'", f->m[0]->key,
                       f->m[1]->key);
    find_marked(ctx, f);
    SZ_TRY(choose_area(ctx, f, o));
    find_areas(f);
    if (f->n_marked == 0)
        return sz_fail(ctx, SZ_ERR_INPUT, "no setting of the front has both '%s' and '%s'",
                       f->m[0]->key, f->m[1]->key);
    const bool *shown = sz_chart_shown(f->arena, f->d, f->marked, f->n_marked, NULL);
    if (!shown) return sz_no_memory(ctx);
    put_words(f, o, shown, plot);
    SZ_TRY(draw_cloud(ctx, f, plot));
    SZ_TRY(draw_line(ctx, f, plot));
    draw_marks(f, shown, o->labels, plot);
    return SZ_OK;
}

sz_status sz_chart_front(sz_ctx *ctx, const sz_chart_data *data,
                         const sz_chart_front_options *options, sz_plot *plot) {
    sz_arena arena;
    sz_arena_init(&arena, ctx);
    front f = {.d = data, .arena = &arena};
    const sz_status status = draw(ctx, &f, options, plot);
    sz_arena_finish(&arena);
    return status;
}
