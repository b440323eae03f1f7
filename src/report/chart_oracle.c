// SPDX-License-Identifier: Apache-2.0
// The chart of an oracle: the best of all settings for each value of a parameter, and the one
// setting that loses least.
#include "report/chart_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BEST = SZ_PLOT_SERIES, FIXED = SZ_PLOT_SERIES + 1 };
#define NOBODY UINT32_MAX

typedef struct oracle {
    const sz_chart_data *d;
    const sz_chart_parameter *p;
    const sz_chart_metric *m;
    sz_arena *arena;
    uint32_t *words;  // values of the parameter, in order
    size_t n;         // of them
    uint32_t *column; // by word: its place among them
    size_t *best;     // point of the best of each value
    uint32_t *group;  // of each point: the same for the same setting of all others
    size_t n_groups;
    size_t *fixed;     // point of the best fixed setting at each value; NULL = none has all
    double mean, most; // its regret
    size_t worst;      // value where that is largest
    bool words_only;   // values stand side by side without an order: no line joins them
} oracle;

static double cost(const oracle *o, size_t point) {
    const double v = sz_chart_value_of(o->m, point).value;
    return o->m->higher ? -v : v;
}

// How far from the best, as a share of the best: as explore's tables have it.
static double regret(const oracle *o, size_t point, size_t best) {
    const double v = sz_chart_value_of(o->m, point).value;
    const double b = sz_chart_value_of(o->m, best).value;
    return v == b ? 0 : fabs(v - b) / fabs(b);
}

// ---- values ------------------------------------------------------------------------------------

static bool all_numbers(const oracle *o) {
    for (size_t i = 0; i < o->n; i++)
        if (isnan(o->d->words.items[o->words[i]].number)) return false;
    return true;
}

static void sort_values(oracle *o) {
    for (size_t i = 1; i < o->n; i++) { // few: as they come, mostly in order
        const uint32_t w = o->words[i];
        size_t k = i;
        while (k > 0 && o->d->words.items[o->words[k - 1]].number > o->d->words.items[w].number)
            o->words[k] = o->words[k - 1], k--;
        o->words[k] = w;
    }
}

static sz_status find_values(sz_ctx *ctx, oracle *o) {
    enum { MOST = 2000 };
    o->words = sz_arena_array(o->arena, MOST + 1, sizeof *o->words);
    o->column = sz_arena_array(o->arena, o->d->words.n + 1, sizeof *o->column);
    o->best = sz_arena_array(o->arena, MOST + 1, sizeof *o->best);
    if (!o->words || !o->column || !o->best) return sz_no_memory(ctx);
    for (size_t i = 0; i < o->d->words.n; i++) o->column[i] = NOBODY;
    for (size_t i = 0; i < o->d->n; i++) {
        const uint32_t w = sz_chart_word_of(o->p, i);
        if (w == 0 || !isfinite(cost(o, i)) || o->column[w] != NOBODY) continue;
        if (o->n == MOST)
            return sz_fail(ctx, SZ_ERR_INPUT, "parameter '%s' has more than %d values", o->p->name,
                           MOST);
        o->column[w] = 0;
        o->words[o->n++] = w;
    }
    if (all_numbers(o)) sort_values(o);
    for (size_t i = 0; i < o->n; i++) o->column[o->words[i]] = (uint32_t)i;
    if (o->n > 0) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_INPUT, "no setting has both '%s' and '%s'", o->p->name, o->m->key);
}

// ---- the best ----------------------------------------------------------------------------------

static void find_best(oracle *o) {
    for (size_t i = 0; i < o->n; i++) o->best[i] = SIZE_MAX;
    for (size_t i = 0; i < o->d->n; i++) {
        const uint32_t w = sz_chart_word_of(o->p, i), c = w ? o->column[w] : NOBODY;
        if (c == NOBODY || !isfinite(cost(o, i))) continue;
        if (o->best[c] == SIZE_MAX || cost(o, i) < cost(o, o->best[c])) o->best[c] = i;
    }
}

// By group: values that it has, and the sum of its regrets.
static sz_status find_fixed(sz_ctx *ctx, oracle *o) {
    SZ_TRY(sz_chart_groups(o->d, o->arena, o->p, &o->group, &o->n_groups));
    size_t *has = sz_arena_array(o->arena, o->n_groups + 1, sizeof *has);
    double *sum = sz_arena_array(o->arena, o->n_groups + 1, sizeof *sum);
    if (!has || !sum) return sz_no_memory(ctx);
    for (size_t i = 0; i < o->d->n; i++) {
        const uint32_t w = sz_chart_word_of(o->p, i), c = w ? o->column[w] : NOBODY;
        if (c == NOBODY || !isfinite(cost(o, i))) continue;
        has[o->group[i]]++;
        sum[o->group[i]] += regret(o, i, o->best[c]);
    }
    size_t chosen = SIZE_MAX;
    for (size_t g = 0; g < o->n_groups; g++)
        if (has[g] == o->n && (chosen == SIZE_MAX || sum[g] < sum[chosen])) chosen = g;
    if (chosen == SIZE_MAX) return SZ_OK;
    o->fixed = sz_arena_array(o->arena, o->n + 1, sizeof *o->fixed);
    if (!o->fixed) return sz_no_memory(ctx);
    o->mean = sum[chosen] / (double)o->n;
    for (size_t i = 0; i < o->d->n; i++) {
        const uint32_t w = sz_chart_word_of(o->p, i), c = w ? o->column[w] : NOBODY;
        if (c == NOBODY || o->group[i] != chosen || !isfinite(cost(o, i))) continue;
        o->fixed[c] = i;
        if (regret(o, i, o->best[c]) > o->most) o->most = regret(o, i, o->best[c]), o->worst = c;
    }
    return SZ_OK;
}

// ---- drawing -----------------------------------------------------------------------------------

static double value_at(const oracle *o, size_t point) {
    return sz_chart_value_of(o->m, point).value;
}

// Do they grow by the same step, or by the same factor? Then they stand side by side as words do,
// and each has its label.
static bool is_even(const double *x, size_t n) {
    enum { MOST = 16 };
    bool sums = true, products = x[0] > 0;
    for (size_t i = 1; i + 1 < n; i++) {
        sums &= fabs((x[i + 1] - x[i]) / (x[1] - x[0]) - 1) < 0.01;
        products = products && fabs(x[i + 1] / x[i] / (x[1] / x[0]) - 1) < 0.01;
    }
    return n <= MOST && (sums || products);
}

// Numbers of a wide range stand on a logarithmic axis.
static sz_status set_value_axis(sz_ctx *ctx, oracle *o, double *x, sz_plot *plot) {
    const char **names = sz_arena_array(o->arena, o->n + 1, sizeof *names);
    if (!names) return sz_no_memory(ctx);
    for (size_t i = 0; i < o->n; i++) {
        names[i] = o->d->words.items[o->words[i]].text;
        x[i] = o->d->words.items[o->words[i]].number;
    }
    o->words_only = !all_numbers(o);
    const bool numbers = !o->words_only && o->n > 1 && !is_even(x, o->n);
    for (size_t i = 0; !numbers && i < o->n; i++) x[i] = (double)i;
    const bool linear = !(numbers && x[0] > 0 && x[o->n - 1] / x[0] >= 8);
    sz_plot_set_axis(plot, 0, &(sz_plot_axis){o->p->name, 0, 0, linear});
    if (!numbers) sz_plot_set_names(plot, 0, names, o->n);
    return SZ_OK;
}

// The settings of the oracle are named where they change.
static void draw_best(const oracle *o, const bool *shown, const double *x, sz_plot *plot) {
    char last[120] = "";
    for (size_t i = 0; i < o->n; i++) {
        char label[120], tip[300], v[40], name[160];
        const char *unit;
        const sz_chart_interval ends = sz_chart_value_of(o->m, o->best[i]);
        sz_chart_setting(o->d, o->best[i], shown, 40, label, sizeof label);
        sz_chart_metric_name(o->m->key, name, sizeof name, &unit);
        sz_chart_number(ends.value, unit, v, sizeof v);
        snprintf(tip, sizeof tip, "%s=%.40s: %s, %s", o->p->name,
                 o->d->words.items[o->words[i]].text, v, label);
        sz_plot_add_whisker(plot,
                            &(sz_plot_whisker){x[i], ends.value, NAN, NAN, ends.lo, ends.hi, BEST});
        sz_plot_add_point(plot,
                          &(sz_plot_point){x[i], ends.value, 0.02,
                                           strcmp(label, last) != 0 ? label : NULL, tip, BEST});
        memcpy(last, label, sizeof last);
    }
}

static void draw_fixed(const oracle *o, const double *x, const double *best, double *y,
                       sz_plot *plot) {
    for (size_t i = 0; i < o->n; i++) {
        y[i] = value_at(o, o->fixed[i]);
        if (!o->words_only) continue;
        sz_plot_add_whisker(plot, &(sz_plot_whisker){x[i], y[i], NAN, NAN, fmin(best[i], y[i]),
                                                     fmax(best[i], y[i]), FIXED});
        sz_plot_add_point(plot, &(sz_plot_point){x[i], y[i], 0.02, NULL, NULL, FIXED});
    }
    if (o->words_only) return;
    sz_plot_add_band(plot, x, best, y, o->n, FIXED);
    sz_plot_add_line(plot,
                     &(sz_plot_line){x, y, o->n, NULL, FIXED, SZ_PLOT_DASHED | SZ_PLOT_MARKED});
}

// `all`: which parameters vary; `shown`: which do among the best.
static void put_words(const oracle *o, const char *title, const bool *shown, const bool *all,
                      sz_plot *plot) {
    char text[300], name[160], common[200], sub[220], fixed[160] = "";
    const char *unit;
    sz_chart_metric_name(o->m->key, name, sizeof name, &unit);
    snprintf(text, sizeof text, "Best %s for each %s", name, o->p->name);
    sz_chart_common(o->d, o->best[0], shown, o->p, common, sizeof common);
    snprintf(sub, sizeof sub, "%s%s", *common ? "always: " : "", common);
    sz_plot_title(plot, title ? title : text, *sub ? sub : NULL);
    sz_chart_range_of range = {NAN, NAN};
    for (size_t i = 0; i < o->n; i++) {
        sz_chart_range(&range, value_at(o, o->best[i]));
        if (o->fixed) sz_chart_range(&range, value_at(o, o->fixed[i]));
    }
    sz_chart_metric_axis(o->m, &range, 1, plot);
    sz_plot_add_legend(plot, BEST, "the best of all others, by setting");
    if (!o->fixed) {
        sz_plot_note(plot, "No setting of the others has every value: there is no best fixed one.");
        return;
    }
    sz_chart_setting(o->d, o->fixed[0], all, 100, fixed, sizeof fixed);
    snprintf(text, sizeof text, "the best fixed one%s%s", *fixed ? ": " : "", fixed);
    if (!(o->most > 0)) {
        sz_plot_note(plot, "One setting is the best at every %s.", o->p->name);
        return;
    }
    sz_plot_add_legend(plot, FIXED, text);
    sz_plot_note(plot, "%s: what the fixed setting loses, %.1f %% on average, %.1f %% at %s=%s.",
                 o->words_only ? "Between the two" : "Shaded", 100 * o->mean, 100 * o->most,
                 o->p->name, o->d->words.items[o->words[o->worst]].text);
}

static sz_status choose(sz_ctx *ctx, oracle *o, const sz_chart_oracle_options *how) {
    const char *p = how->parameter ? how->parameter : o->d->oracle;
    const char *m = how->metric ? how->metric : o->d->best;
    for (size_t i = 0; !p && i < o->d->parameters.n; i++)
        if (o->d->parameters.items[i].varies) p = o->d->parameters.items[i].name;
    for (size_t i = 0; !m && i < o->d->metrics.n; i++)
        if (o->d->metrics.items[i].values.n > 0) m = o->d->metrics.items[i].key;
    if (!p || !m)
        return sz_fail(ctx, SZ_ERR_INPUT, "an oracle needs %s",
                       p ? "a metric" : "a parameter that varies");
    SZ_TRY(sz_chart_find_parameter(ctx, o->d, p, &o->p));
    return sz_chart_find_metric(ctx, o->d, m, &o->m);
}

static sz_status draw(sz_ctx *ctx, oracle *o, const sz_chart_oracle_options *how, sz_plot *plot) {
    SZ_TRY(choose(ctx, o, how));
    SZ_TRY(find_values(ctx, o));
    find_best(o);
    SZ_TRY(find_fixed(ctx, o));
    double *x = sz_arena_array(o->arena, o->n + 1, sizeof *x);
    double *y = sz_arena_array(o->arena, o->n + 1, sizeof *y);
    double *fixed = sz_arena_array(o->arena, o->n + 1, sizeof *fixed);
    const bool *shown = sz_chart_shown(o->arena, o->d, o->best, o->n, o->p);
    const bool *all = sz_chart_shown(o->arena, o->d, NULL, 0, o->p);
    if (!x || !y || !fixed || !shown || !all) return sz_no_memory(ctx);
    SZ_TRY(set_value_axis(ctx, o, x, plot));
    put_words(o, how->title, shown, all, plot);
    for (size_t i = 0; i < o->n; i++) y[i] = value_at(o, o->best[i]);
    if (o->fixed && o->most > 0) draw_fixed(o, x, y, fixed, plot);
    if (!o->words_only)
        sz_plot_add_line(plot, &(sz_plot_line){x, y, o->n, NULL, BEST, SZ_PLOT_BOLD});
    draw_best(o, shown, x, plot);
    return SZ_OK;
}

sz_status sz_chart_oracle(sz_ctx *ctx, const sz_chart_data *data,
                          const sz_chart_oracle_options *options, sz_plot *plot) {
    sz_arena arena;
    sz_arena_init(&arena, ctx);
    oracle o = {.d = data, .arena = &arena};
    const sz_status status = draw(ctx, &o, options, plot);
    sz_arena_finish(&arena);
    return status;
}
