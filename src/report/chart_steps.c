// SPDX-License-Identifier: Apache-2.0
// The chart of a metric over a size: a line per setting of the other parameters, and where it
// leaps, as kernels do that work in tiles.
#include "report/chart_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_LINES = SZ_PLOT_N_SERIES, LEAPS = 3 };

typedef struct step {
    double x;
    sz_chart_interval y;
    uint32_t group;
    size_t point;
} step;

typedef struct leap {
    const step *from, *to;
    double loss; // cost per size after it over that before it
} leap;

typedef struct steps {
    const sz_chart_data *d;
    const sz_chart_parameter *p;
    const sz_chart_metric *m;
    sz_arena *arena;
    step *all; // by group, then by x
    size_t n, first[MOST_LINES], length[MOST_LINES], n_lines, left_out;
    leap leaps[LEAPS];
    size_t n_leaps;
} steps;

static int in_order(const void *a, const void *b) {
    const step *p = a, *q = b;
    if (p->group != q->group) return p->group < q->group ? -1 : 1;
    if (p->x != q->x) return p->x < q->x ? -1 : 1;
    return (p->point > q->point) - (p->point < q->point);
}

static double number_at(const steps *s, size_t point) {
    return s->d->words.items[sz_chart_word_of(s->p, point)].number;
}

static sz_status collect(sz_ctx *ctx, steps *s) {
    uint32_t *group;
    size_t n_groups;
    SZ_TRY(sz_chart_groups(s->d, s->arena, s->p, &group, &n_groups));
    s->all = sz_arena_array(s->arena, s->d->n + 1, sizeof *s->all);
    if (!s->all) return sz_no_memory(ctx);
    for (size_t i = 0; i < s->d->n; i++) {
        const step t = {number_at(s, i), sz_chart_value_of(s->m, i), group[i], i};
        if (isfinite(t.x) && isfinite(t.y.value)) s->all[s->n++] = t;
    }
    if (s->n == 0)
        return sz_fail(ctx, SZ_ERR_INPUT, "no setting has '%s' as a number and '%s'", s->p->name,
                       s->m->key);
    qsort(s->all, s->n, sizeof *s->all, in_order);
    return SZ_OK;
}

// The longest lines; at most as many as there are colours.
static void find_lines(steps *s) {
    for (size_t i = 0, n; i < s->n; i += n) {
        for (n = 1; i + n < s->n && s->all[i + n].group == s->all[i].group;) n++;
        size_t at = s->n_lines;
        if (at == MOST_LINES) {
            s->left_out++;
            at = 0;
            for (size_t k = 1; k < MOST_LINES; k++)
                if (s->length[k] < s->length[at]) at = k;
            if (s->length[at] >= n) continue;
        } else {
            s->n_lines++;
        }
        s->first[at] = i, s->length[at] = n;
    }
}

// ---- leaps -------------------------------------------------------------------------------------

static double cost(const steps *s, double v) { return s->m->higher ? 1 / v : v; }

// From one size to the next the cost grew by more than the size, and by more than the noise.
static bool is_leap(const steps *s, const step *a, const step *b, leap *ret) {
    if (!(a->x > 0) || !(b->x > a->x) || !(a->y.value > 0) || !(b->y.value > 0)) return false;
    const double grown = cost(s, b->y.value) / cost(s, a->y.value);
    // A rate counts each item, a time all of them.
    const double fair = s->m->higher ? 1 : b->x / a->x;
    const bool apart = s->m->higher ? !(b->y.hi >= a->y.lo) : !(b->y.lo <= a->y.hi);
    *ret = (leap){a, b, grown / fair};
    return ret->loss > 1.05 && apart;
}

static void keep_leap(steps *s, const leap *l) {
    size_t k = s->n_leaps < LEAPS ? s->n_leaps++ : LEAPS;
    if (k == LEAPS && s->leaps[LEAPS - 1].loss >= l->loss) return;
    if (k == LEAPS) k--;
    while (k > 0 && s->leaps[k - 1].loss < l->loss) s->leaps[k] = s->leaps[k - 1], k--;
    s->leaps[k] = *l;
}

static void find_leaps(steps *s) {
    for (size_t k = 0; k < s->n_lines; k++)
        for (size_t i = s->first[k]; i + 1 < s->first[k] + s->length[k]; i++) {
            leap l;
            if (is_leap(s, &s->all[i], &s->all[i + 1], &l)) keep_leap(s, &l);
        }
}

static void draw_leaps(const steps *s, sz_plot *plot) {
    for (size_t i = 0; i < s->n_leaps; i++) {
        const leap *l = &s->leaps[i];
        char label[120];
        snprintf(label, sizeof label, "%.6g: %+.0f %%", l->to->x,
                 100 * (l->to->y.value / l->from->y.value - 1));
        sz_plot_add_point(plot,
                          &(sz_plot_point){l->to->x, l->to->y.value, 0, label, label, SZ_PLOT_INK});
    }
    if (s->n_leaps)
        sz_plot_note(plot, "Rings: leaps that cost more than 5 %% per item over the size before.");
}

// ---- lines -------------------------------------------------------------------------------------

static sz_status draw_line(sz_ctx *ctx, const steps *s, size_t k, const bool *shown,
                           sz_plot *plot) {
    enum { MARKED = 48 };
    const step *t = s->all + s->first[k];
    const size_t n = s->length[k];
    const int color = SZ_PLOT_SERIES + (int)k;
    double *x = sz_arena_array(s->arena, n, sizeof *x), *y = sz_arena_array(s->arena, n, sizeof *y);
    char label[80];
    if (!x || !y) return sz_no_memory(ctx);
    for (size_t i = 0; i < n; i++) {
        x[i] = t[i].x, y[i] = t[i].y.value;
        if (n <= MARKED)
            sz_plot_add_whisker(
                plot, &(sz_plot_whisker){x[i], y[i], NAN, NAN, t[i].y.lo, t[i].y.hi, color});
    }
    sz_chart_setting(s->d, t[0].point, shown, 40, label, sizeof label);
    sz_plot_add_line(plot, &(sz_plot_line){x, y, n, s->n_lines > 1 ? label : NULL, color,
                                           n <= MARKED ? SZ_PLOT_MARKED : 0});
    return SZ_OK;
}

// What all sizes would cost if each item cost as at the best size; a rate stays at its best.
static void draw_fair(const steps *s, sz_plot *plot) {
    const step *t = s->all + s->first[0];
    const size_t n = s->length[0];
    double least = INFINITY, x[2] = {t[0].x, t[n - 1].x}, y[2];
    for (size_t i = 0; i < n; i++)
        if (t[i].x > 0 && t[i].y.value > 0)
            least = fmin(least, cost(s, t[i].y.value) / (s->m->higher ? 1 : t[i].x));
    if (!isfinite(least) || n < 3 || s->n_lines > 1 || !(x[0] > 0)) return;
    for (int i = 0; i < 2; i++) y[i] = s->m->higher ? 1 / least : least * x[i];
    sz_plot_add_line(plot, &(sz_plot_line){x, y, 2, s->m->higher ? "the best" : "each as the best",
                                           SZ_PLOT_GREY, SZ_PLOT_DASHED});
}

// Sizes that double stand on a logarithmic axis, sizes of even steps on a linear one.
static void set_axes(const steps *s, sz_plot *plot) {
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < s->n; i++) lo = fmin(lo, s->all[i].x), hi = fmax(hi, s->all[i].x);
    const size_t n = s->length[0];
    const bool logarithmic = lo > 0 && hi / lo >= 8 && (double)n < 3 * log2(hi / lo) + 2;
    char name[160];
    const char *unit;
    sz_chart_metric_name(s->m->key, name, sizeof name, &unit);
    sz_plot_set_axis(plot, 0, &(sz_plot_axis){s->p->name, 0, 0, !logarithmic});
    sz_plot_set_axis(plot, 1, &(sz_plot_axis){name, 0, 0, !logarithmic});
    if (*unit) sz_plot_set_unit(plot, 1, unit);
}

static void put_words(const steps *s, const char *title, const bool *shown, sz_plot *plot) {
    char text[300], name[160], common[200];
    const char *unit;
    sz_chart_metric_name(s->m->key, name, sizeof name, &unit);
    snprintf(text, sizeof text, "%s over %s", name, s->p->name);
    if (text[0] >= 'a' && text[0] <= 'z') text[0] = (char)(text[0] - 'a' + 'A');
    sz_chart_common(s->d, s->all[s->first[0]].point, shown, s->p, common, sizeof common);
    sz_plot_title(plot, title ? title : text, *common ? common : NULL);
    if (s->left_out)
        sz_plot_note(plot, "Not shown: %zu shorter lines of other settings.", s->left_out);
}

static sz_status choose(sz_ctx *ctx, steps *s, const sz_chart_steps_options *o) {
    const char *p = o->parameter;
    for (size_t i = 0; !p && i < s->d->parameters.n; i++) {
        const sz_chart_parameter *c = &s->d->parameters.items[i];
        s->p = c;
        if (c->varies && isfinite(number_at(s, 0))) p = c->name;
    }
    if (!p) return sz_fail(ctx, SZ_ERR_INPUT, "no parameter has several numbers");
    SZ_TRY(sz_chart_find_parameter(ctx, s->d, p, &s->p));
    return sz_chart_find_metric(ctx, s->d, o->metric ? o->metric : "latency", &s->m);
}

static sz_status draw(sz_ctx *ctx, steps *s, const sz_chart_steps_options *o, sz_plot *plot) {
    size_t heads[MOST_LINES];
    SZ_TRY(choose(ctx, s, o));
    SZ_TRY(collect(ctx, s));
    find_lines(s);
    find_leaps(s);
    for (size_t k = 0; k < s->n_lines; k++) heads[k] = s->all[s->first[k]].point;
    const bool *shown = sz_chart_shown(s->arena, s->d, heads, s->n_lines, s->p);
    if (!shown) return sz_no_memory(ctx);
    set_axes(s, plot);
    put_words(s, o->title, shown, plot);
    draw_fair(s, plot);
    for (size_t k = 0; k < s->n_lines; k++) SZ_TRY(draw_line(ctx, s, k, shown, plot));
    draw_leaps(s, plot);
    return SZ_OK;
}

sz_status sz_chart_steps(sz_ctx *ctx, const sz_chart_data *data,
                         const sz_chart_steps_options *options, sz_plot *plot) {
    sz_arena arena;
    sz_arena_init(&arena, ctx);
    steps s = {.d = data, .arena = &arena};
    const sz_status status = draw(ctx, &s, options, plot);
    sz_arena_finish(&arena);
    return status;
}
