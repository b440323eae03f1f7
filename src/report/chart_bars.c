// SPDX-License-Identifier: Apache-2.0
// Charts of rows: times of layers as bars, ratios of two runs as dots with their intervals.
#include "report/chart_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// ---- layers ------------------------------------------------------------------------------------

enum { MEASURED = SZ_PLOT_SERIES, PREDICTED = SZ_PLOT_SERIES + 2 };

static double time_of(const sz_chart_layer *l) {
    return isfinite(l->measured_s) ? l->measured_s : l->predicted_s;
}

static int longest_first(const void *a, const void *b) {
    const sz_chart_layer *x = *(const sz_chart_layer *const *)a;
    const sz_chart_layer *y = *(const sz_chart_layer *const *)b;
    if (time_of(x) != time_of(y)) return time_of(x) < time_of(y) ? 1 : -1;
    return (x > y) - (x < y);
}

static void put_note(double time, double whole, char *buf, size_t cap) {
    char text[40];
    sz_chart_number(time, "s", text, sizeof text);
    snprintf(buf, cap, "%.1f %%  %s", 100 * time / whole, text);
}

// A row that was only predicted, beside others that ran, has the colour of predictions.
static int bar_color(const sz_chart_layer *l, bool any_measured) {
    return any_measured && !isfinite(l->measured_s) ? PREDICTED : MEASURED;
}

static void put_layer(sz_plot *plot, const sz_chart_layer *l, double at, double whole,
                      bool any_measured) {
    char note[80], tip[400], told[100] = "";
    const bool both = isfinite(l->measured_s) && isfinite(l->predicted_s);
    put_note(time_of(l), whole, note, sizeof note);
    if (both) {
        char text[40];
        sz_chart_number(l->predicted_s, "s", text, sizeof text);
        snprintf(told, sizeof told, ", predicted %s", text);
    }
    snprintf(tip, sizeof tip, "%.200s: %s%s", l->name ? l->name : "?", note, told);
    sz_plot_add_bar(plot, &(sz_plot_bar){.at = at,
                                         .to = time_of(l),
                                         .note = note,
                                         .tip = tip,
                                         .color = bar_color(l, any_measured)});
    const sz_plot_whisker ends = {.x = l->predicted_s,
                                  .y = at,
                                  .x_lo = l->predicted_lo_s,
                                  .x_hi = l->predicted_hi_s,
                                  .y_lo = NAN,
                                  .y_hi = NAN,
                                  .color = both ? PREDICTED : SZ_PLOT_INK};
    sz_plot_add_whisker(plot, &ends);
    if (both)
        sz_plot_add_point(
            plot, &(sz_plot_point){
                      .x = l->predicted_s, .y = at, .share = 0.02, .tip = tip, .color = PREDICTED});
}

// A bar of all that is not shown would make the others short: a note tells what it takes.
static void put_rest(sz_plot *plot, const sz_chart_layer *const *rows, size_t n, double at,
                     double whole) {
    char note[80];
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += time_of(rows[i]);
    put_note(sum, whole, note, sizeof note);
    sz_plot_add_row_note(plot, at, note, SZ_PLOT_GREY);
}

static void layer_name(const sz_chart_layer *l, char *buf, size_t cap) {
    const bool kind = l->kind && *l->kind && l->name && !strstr(l->name, l->kind);
    snprintf(buf, cap, "%.200s%s%.60s%s", l->name ? l->name : "?", kind ? " (" : "",
             kind ? l->kind : "", kind ? ")" : "");
}

typedef struct layer_sums {
    double whole;
    size_t measured, predicted;
    bool intervals;
} layer_sums;

static layer_sums sums_of(const sz_chart_layer *const *rows, size_t n) {
    layer_sums s = {0};
    for (size_t i = 0; i < n; i++) {
        s.whole += time_of(rows[i]);
        s.measured += isfinite(rows[i]->measured_s);
        s.predicted += isfinite(rows[i]->predicted_s);
        s.intervals |= isfinite(rows[i]->predicted_lo_s);
    }
    return s;
}

static void put_layer_words(sz_plot *plot, const sz_chart_layers_options *o, const layer_sums *s,
                            size_t n) {
    char whole[40];
    const bool both = s->measured && s->predicted;
    sz_chart_number(s->whole, "s", whole, sizeof whole);
    sz_plot_title(plot, o->title ? o->title : "Time of layers", o->subtitle);
    sz_plot_set_axis(plot, 0, &(sz_plot_axis){"time", 0, 0, 1});
    sz_plot_set_unit(plot, 0, "s");
    sz_plot_add_legend(plot, MEASURED, s->measured ? "measured" : "predicted");
    if (both) sz_plot_add_legend(plot, PREDICTED, "predicted");
    sz_plot_note(plot, "Shares are of the sum of %zu layers, %s%s.", n, whole,
                 s->measured && s->measured < n ? " (predicted where nothing was measured)" : "");
    if (s->intervals) sz_plot_note(plot, "Whiskers: 90 %% intervals of the prediction.");
}

// Rows with a time, the longest first.
static const sz_chart_layer **sorted_layers(sz_arena *arena, const sz_chart_layer *layers, size_t n,
                                            size_t *ret_n) {
    const sz_chart_layer **rows = sz_arena_array(arena, n + 1, sizeof *rows);
    *ret_n = 0;
    for (size_t i = 0; rows && i < n; i++)
        if (isfinite(time_of(&layers[i])) && time_of(&layers[i]) >= 0)
            rows[(*ret_n)++] = &layers[i];
    if (rows) qsort(rows, *ret_n, sizeof *rows, longest_first);
    return rows;
}

static sz_status draw_layers(sz_ctx *ctx, sz_arena *arena, const sz_chart_layer **rows, size_t n,
                             const sz_chart_layers_options *o, sz_plot *plot) {
    const size_t most = o->top > 0 ? (size_t)o->top : 20;
    const size_t shown = n <= most + 1 ? n : most; // one left over has a bar of its own
    const layer_sums s = sums_of(rows, n);
    const char **names = sz_arena_array(arena, shown + 1, sizeof *names);
    if (!names) return sz_no_memory(ctx);
    for (size_t i = 0; i <= shown; i++) {
        char name[300];
        if (i == shown)
            snprintf(name, sizeof name, "%zu others", n - shown);
        else
            layer_name(rows[i], name, sizeof name);
        if (!(names[i] = sz_arena_strdup(arena, name, strlen(name)))) return sz_no_memory(ctx);
    }
    put_layer_words(plot, o, &s, n);
    sz_plot_set_names(plot, 1, names, shown + (shown < n));
    const double whole = s.whole > 0 ? s.whole : 1;
    for (size_t i = 0; i < shown; i++) put_layer(plot, rows[i], (double)i, whole, s.measured > 0);
    if (shown < n) put_rest(plot, rows + shown, n - shown, (double)shown, whole);
    return SZ_OK;
}

sz_status sz_chart_layers(sz_ctx *ctx, const sz_chart_layer *layers, size_t n,
                          const sz_chart_layers_options *options, sz_plot *plot) {
    sz_arena arena;
    size_t n_rows = 0;
    sz_arena_init(&arena, ctx);
    const sz_chart_layer **rows = sorted_layers(&arena, layers, n, &n_rows);
    sz_status status = rows ? SZ_OK : sz_no_memory(ctx);
    if (status == SZ_OK && n_rows == 0) status = sz_fail(ctx, SZ_ERR_INPUT, "no layer has a time");
    if (status == SZ_OK) status = draw_layers(ctx, &arena, rows, n_rows, options, plot);
    sz_arena_finish(&arena);
    return status;
}

// ---- two runs ----------------------------------------------------------------------------------

// By what was found: faster, no difference, slower, not tested.
static int change_color(const sz_chart_change *c) {
    static const int colors[] = {SZ_PLOT_SERIES, SZ_PLOT_SERIES + 7, SZ_PLOT_SERIES + 1};
    return c->finding >= -1 && c->finding <= 1 ? colors[c->finding + 1] : SZ_PLOT_GREY;
}

static bool is_ratio(double v) { return isfinite(v) && v > 0; }

static int most_changed_first(const void *a, const void *b) {
    const sz_chart_change *x = *(const sz_chart_change *const *)a;
    const sz_chart_change *y = *(const sz_chart_change *const *)b;
    const double p = fabs(log(x->ratio)), q = fabs(log(y->ratio));
    if (p != q) return p < q ? 1 : -1;
    return (x > y) - (x < y);
}

static int slower_first(const void *a, const void *b) {
    const sz_chart_change *x = *(const sz_chart_change *const *)a;
    const sz_chart_change *y = *(const sz_chart_change *const *)b;
    if (x->ratio != y->ratio) return x->ratio < y->ratio ? 1 : -1;
    return (x > y) - (x < y);
}

// Around 1 and all ratios, and the ends of intervals as far as they leave room for the others: an
// interval of a factor of a thousand is cut off, its row tells its ends.
static void set_ratio_axis(const sz_chart_change *const *rows, size_t n, sz_plot *plot) {
    double lo = 1, hi = 1;
    for (size_t i = 0; i < n; i++) lo = fmin(lo, rows[i]->ratio), hi = fmax(hi, rows[i]->ratio);
    const double room = fmax(hi / lo, 1.5), least = lo / room, most = hi * room;
    for (size_t i = 0; i < n; i++) {
        if (is_ratio(rows[i]->lo)) lo = fmin(lo, fmax(rows[i]->lo, least));
        if (is_ratio(rows[i]->hi)) hi = fmax(hi, fmin(rows[i]->hi, most));
    }
    const double pad = fmax(pow(hi / lo, 0.06), 1.01);
    sz_plot_set_axis(plot, 0, &(sz_plot_axis){"time of B / time of A", lo / pad, hi * pad, 0});
}

static void put_upright(sz_plot *plot, double x, size_t n, unsigned flags, int color) {
    const double xs[2] = {x, x}, ys[2] = {-0.5, (double)n - 0.5};
    sz_plot_add_line(plot, &(sz_plot_line){xs, ys, 2, NULL, color, flags});
}

// "+3.2", "-0.4", "0.0", "+1286".
static const char *percent_text(double ratio, char *buf, size_t cap) {
    const double percent = 100 * (ratio - 1);
    if (fabs(percent) < 0.05)
        snprintf(buf, cap, "0.0");
    else
        snprintf(buf, cap, fabs(percent) < 999.5 ? "%+.1f" : "%+.0f", percent);
    return buf;
}

static void put_change(sz_plot *plot, const sz_chart_change *c, double at) {
    char note[100], tip[600], a[40], b[40], texts[3][24];
    const int color = change_color(c);
    const bool interval = is_ratio(c->lo) && is_ratio(c->hi);
    percent_text(c->ratio, texts[0], sizeof texts[0]);
    snprintf(note, sizeof note, "%s %%", texts[0]);
    if (interval)
        snprintf(note, sizeof note, "%s %%  [%s, %s]", texts[0],
                 percent_text(c->lo, texts[1], sizeof texts[1]),
                 percent_text(c->hi, texts[2], sizeof texts[2]));
    sz_chart_number(c->a_s, "s", a, sizeof a);
    sz_chart_number(c->b_s, "s", b, sizeof b);
    snprintf(tip, sizeof tip, "%.240s: A %s, B %s, %s", c->name ? c->name : "?", a, b, note);
    sz_plot_add_whisker(plot, &(sz_plot_whisker){.x = c->ratio,
                                                 .y = at,
                                                 .x_lo = c->lo,
                                                 .x_hi = c->hi,
                                                 .y_lo = NAN,
                                                 .y_hi = NAN,
                                                 .color = color});
    sz_plot_add_point(plot, &(sz_plot_point){.x = c->ratio,
                                             .y = at,
                                             .share = c->finding == 2 ? 0 : 0.03,
                                             .tip = tip,
                                             .color = color});
    sz_plot_add_row_note(plot, at, note, SZ_PLOT_INK);
}

static void put_change_words(const sz_chart_change *const *rows, size_t n, size_t all,
                             const sz_chart_changes_options *o, sz_plot *plot) {
    static const struct {
        int finding;
        const char *text;
    } legend[] = {{1, "B is slower"}, {-1, "B is faster"}, {0, "no difference found"}};
    size_t untested = 0;
    sz_plot_title(plot, o->title ? o->title : "B beside A", o->subtitle);
    for (size_t k = 0; k < 3; k++) {
        bool there = false;
        for (size_t i = 0; i < n; i++) there |= rows[i]->finding == legend[k].finding;
        const sz_chart_change c = {.finding = legend[k].finding};
        if (there) sz_plot_add_legend(plot, change_color(&c), legend[k].text);
    }
    for (size_t i = 0; i < n; i++) untested += rows[i]->finding == 2;
    sz_plot_note(plot,
                 "Change of the time from A to B, in brackets its 95 %% confidence interval.");
    if (untested) sz_plot_note(plot, "Rings: too few times are known for a test.");
    if (all > 1 && is_ratio(o->mean_ratio))
        sz_plot_note(plot, "Dashed: geometric mean of the medians' ratios of %zu cases, %+.1f %%.",
                     all, 100 * (o->mean_ratio - 1));
    if (n < all) sz_plot_note(plot, "The %zu of %zu cases that differ most.", n, all);
}

static sz_status draw_changes(sz_ctx *ctx, sz_arena *arena, const sz_chart_change **rows, size_t n,
                              const sz_chart_changes_options *o, sz_plot *plot) {
    const size_t most = o->top > 0 ? (size_t)o->top : 40, shown = n < most ? n : most;
    const char **names = sz_arena_array(arena, shown + 1, sizeof *names);
    if (!names) return sz_no_memory(ctx);
    qsort(rows, n, sizeof *rows, most_changed_first);
    qsort(rows, shown, sizeof *rows, slower_first);
    for (size_t i = 0; i < shown; i++) names[i] = rows[i]->name ? rows[i]->name : "?";
    sz_plot_set_names(plot, 1, names, shown);
    set_ratio_axis(rows, shown, plot);
    put_upright(plot, 1, shown, 0, SZ_PLOT_INK);
    if (n > 1 && is_ratio(o->mean_ratio))
        put_upright(plot, o->mean_ratio, shown, SZ_PLOT_DASHED, SZ_PLOT_GREY);
    for (size_t i = 0; i < shown; i++) put_change(plot, rows[i], (double)i);
    put_change_words(rows, shown, n, o, plot);
    return SZ_OK;
}

sz_status sz_chart_changes(sz_ctx *ctx, const sz_chart_change *changes, size_t n,
                           const sz_chart_changes_options *options, sz_plot *plot) {
    sz_arena arena;
    size_t n_rows = 0;
    sz_arena_init(&arena, ctx);
    const sz_chart_change **rows = sz_arena_array(&arena, n + 1, sizeof *rows);
    for (size_t i = 0; rows && i < n; i++)
        if (is_ratio(changes[i].ratio)) rows[n_rows++] = &changes[i];
    sz_status status = rows ? SZ_OK : sz_no_memory(ctx);
    if (status == SZ_OK && n_rows == 0) status = sz_fail(ctx, SZ_ERR_INPUT, "no ratio is known");
    if (status == SZ_OK) status = draw_changes(ctx, &arena, rows, n_rows, options, plot);
    sz_arena_finish(&arena);
    return status;
}
