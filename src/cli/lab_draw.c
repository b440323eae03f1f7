// SPDX-License-Identifier: Apache-2.0
// A finished experiment as a plot and as a document.
#include "cli/lab.h"
#include "cli/machines.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// ---- plot --------------------------------------------------------------------------------------

// What stands after "N = 1000: " names the series; cases of the same name are one.
static const char *series_of(const char *what) {
    const char *colon = strstr(what, ": ");
    return colon ? colon + 2 : what;
}

// Rates against x: measured as points on a line, predicted dashed. `one`: all rows are one series.
static void draw_series(const sz_lab *lab, sz_plot *plot, size_t first, int color, bool one) {
    enum { MOST = 64 };
    double x[MOST], measured[MOST], predicted[MOST];
    const char *name = series_of(sz_lab_row_at(lab, first).what);
    size_t n = 0;
    for (size_t i = first; i < sz_lab_row_count(lab) && n < MOST; i++) {
        const sz_lab_row r = sz_lab_row_at(lab, i);
        if (!one && strcmp(series_of(r.what), name) != 0) continue;
        x[n] = r.x, measured[n] = r.flops / r.time_s, predicted[n++] = r.flops / r.predicted_s;
    }
    const sz_plot_line dashed = {x, predicted, n, one ? "predicted" : NULL, color, SZ_PLOT_DASHED};
    const sz_plot_line line = {x, measured, n, one ? "measured" : name, color, SZ_PLOT_MARKED};
    sz_plot_add_line(plot, &dashed);
    sz_plot_add_line(plot, &line);
}

static bool seen_before(const sz_lab *lab, size_t i) {
    const char *name = series_of(sz_lab_row_at(lab, i).what);
    for (size_t k = 0; k < i; k++)
        if (strcmp(series_of(sz_lab_row_at(lab, k).what), name) == 0) return true;
    return false;
}

static void draw_rates(const sz_lab *lab, sz_plot *plot) {
    const bool one = strstr(sz_lab_about(lab).x_label, "FLOP/B") != NULL;
    const sz_plot_axis x = {sz_lab_about(lab).x_label, 0, 0, 0}, y = {"FLOP/s", 0, 0, 0};
    int color = SZ_PLOT_SERIES;
    sz_plot_set_axis(plot, 0, &x);
    sz_plot_set_axis(plot, 1, &y);
    for (size_t i = 0; i < sz_lab_row_count(lab); i++)
        if (one ? i == 0 : !seen_before(lab, i)) draw_series(lab, plot, i, color++, one);
    sz_plot_note(
        plot,
        "Points: measured, one thread, undisturbed batches. Dashed: predicted from the roofs and "
        "bandwidths of this machine.");
}

// Time against predicted time; on the line they are equal.
static void draw_times(const sz_lab *lab, sz_plot *plot) {
    double lo = INFINITY, hi = 0;
    for (size_t i = 0; i < sz_lab_row_count(lab); i++) {
        const sz_lab_row r = sz_lab_row_at(lab, i);
        if (isnan(r.predicted_s)) continue;
        const sz_plot_point p = {.x = r.predicted_s,
                                 .y = r.time_s,
                                 .share = 0.15,
                                 .label = r.what,
                                 .tip = r.what,
                                 .color = SZ_PLOT_SERIES};
        sz_plot_add_point(plot, &p);
        lo = fmin(lo, fmin(r.predicted_s, r.time_s)), hi = fmax(hi, fmax(r.predicted_s, r.time_s));
    }
    lo /= 2, hi *= 2;
    for (int k = -1; k <= 1; k++) {
        const double f = k < 0 ? 0.75 : k > 0 ? 1.25 : 1;
        const double xs[2] = {lo, hi}, ys[2] = {lo * f, hi * f};
        const sz_plot_line line = {xs,
                                   ys,
                                   2,
                                   k ? NULL : "as predicted",
                                   SZ_PLOT_GREY,
                                   (k ? SZ_PLOT_DASHED : 0u) | SZ_PLOT_ALONG};
        sz_plot_add_line(plot, &line);
    }
    const sz_plot_axis x = {"predicted time, s", lo, hi, 0}, y = {"measured time, s", lo, hi, 0};
    sz_plot_set_axis(plot, 0, &x);
    sz_plot_set_axis(plot, 1, &y);
    sz_plot_note(plot, "Dashed: 25 %% more and less than predicted.");
}

void lab_draw(const sz_lab *lab, const sz_machine *machine, sz_plot *plot) {
    const sz_lab_info info = sz_lab_about(lab);
    const char *cpu = sz_machine_cpu(machine).model;
    char title[200], sub[200];
    snprintf(sub, sizeof sub, "%s: %s, one thread, %s", sz_machine_identity(machine).name,
             cpu ? cpu : "", sz_lab_isa(lab));
    snprintf(title, sizeof title, "%s", info.what);
    if (title[0] >= 'a' && title[0] <= 'z') title[0] = (char)(title[0] - 'a' + 'A');
    sz_plot_title(plot, title, sub);
    if (info.x_label)
        draw_rates(lab, plot);
    else
        draw_times(lab, plot);
}

// ---- document ----------------------------------------------------------------------------------

static void fill_rows(const sz_lab *lab, sz_doc *doc) {
    static const sz_column columns[] = {
        {NULL, "case", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK | SZ_COLUMN_SHOW},
        {NULL, "FLOPs", NULL, SZ_AS_SI, SZ_COLUMN_SHOW},
        {NULL, "FLOP/s", NULL, SZ_AS_SI, SZ_COLUMN_SHOW},
        {NULL, "B/s", NULL, SZ_AS_SI, SZ_COLUMN_SHOW},
        {NULL, "time", "s", SZ_AS_SI, SZ_COLUMN_SHOW},
        {NULL, "n", NULL, SZ_AS_INT, SZ_COLUMN_SHOW},
        {NULL, "spread", NULL, SZ_AS_PERCENT, SZ_COLUMN_SHOW},
        {NULL, "predicted", "s", SZ_AS_SI, SZ_COLUMN_SHOW},
        {NULL, "predicted/measured", NULL, SZ_AS_NUMBER, SZ_COLUMN_SHOW},
        {NULL, "limit", NULL, SZ_AS_TEXT, SZ_COLUMN_SHOW},
    };
    sz_doc_table(doc, NULL, columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_lab_row_count(lab); i++) {
        const sz_lab_row r = sz_lab_row_at(lab, i);
        char limit[64] = "";
        if (r.bound)
            snprintf(limit, sizeof limit, "%s",
                     strcmp(r.bound, "memory") == 0 && r.level ? r.level : r.bound);
        const bool bytes = r.byte_per_s > 0;
        const sz_cell cells[] = {
            sz_cell_text(r.what),           r.flops > 0 ? sz_cell_f64(r.flops) : sz_cell_none(),
            sz_cell_f64(r.flop_per_s),      bytes ? sz_cell_f64(r.byte_per_s) : sz_cell_none(),
            sz_cell_f64(r.time_s),          sz_cell_i64(r.n),
            sz_cell_f64(r.spread),          sz_cell_f64(r.predicted_s),
            sz_cell_f64(r.predicted_ratio), sz_cell_text(limit)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void fill_ratios(const sz_lab *lab, sz_doc *doc) {
    static const sz_column columns[] = {
        {NULL, "ratio of times", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK | SZ_COLUMN_SHOW},
        {NULL, "original", NULL, SZ_AS_NUMBER, SZ_COLUMN_SHOW},
        {NULL, "here", NULL, SZ_AS_NUMBER, SZ_COLUMN_SHOW},
        {NULL, "predicted", NULL, SZ_AS_NUMBER, SZ_COLUMN_SHOW},
    };
    sz_doc_table(doc, NULL, columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_lab_ratio_count(lab); i++) {
        const sz_lab_ratio r = sz_lab_ratio_at(lab, i);
        const sz_cell cells[] = {sz_cell_text(r.what), sz_cell_f64(r.original),
                                 sz_cell_f64(r.measured), sz_cell_f64(r.predicted)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void put_sentence(sz_doc *doc, const char *head, const char *text) {
    char line[1200];
    snprintf(line, sizeof line, "%s%s.", head, text);
    cli_put_wrapped(doc, "", "  ", line);
}

typedef struct near_count {
    int64_t all, near, saved; // predicted cases; within the factor, by rates of now, as saved
} near_count;

static near_count count_near(const sz_lab *lab) {
    near_count n = {0};
    for (size_t i = 0; i < sz_lab_row_count(lab); i++) {
        const sz_lab_row r = sz_lab_row_at(lab, i);
        if (isnan(r.predicted_ratio)) continue;
        const double saved = r.saved_predicted_s / r.median_s;
        n.all++;
        n.near += r.within;
        n.saved += fmax(saved, 1 / saved) <= 1.25;
    }
    return n;
}

static void fill_rates(const sz_lab *lab, const char *name, sz_doc *doc) {
    static const sz_column columns[] = {
        {NULL, "rate of one thread", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK | SZ_COLUMN_SHOW},
        {NULL, "as saved", "/s", SZ_AS_SI, SZ_COLUMN_SHOW},
        {NULL, "now", "/s", SZ_AS_SI, SZ_COLUMN_SHOW},
        {NULL, "change", NULL, SZ_AS_PERCENT, SZ_COLUMN_SHOW},
    };
    if (sz_lab_rate_count(lab) == 0) return;
    sz_doc_table(doc, NULL, columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_lab_rate_count(lab); i++) {
        const sz_lab_rate r = sz_lab_rate_at(lab, i);
        const sz_cell cells[] = {sz_cell_text(r.what), sz_cell_f64(r.saved), sz_cell_f64(r.now),
                                 sz_cell_f64(r.change)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    sz_doc_line(doc, "FLOP or B; as saved: in '%s'; now: the same kernels, among the cases.", name);
}

static void put_order(const sz_lab *lab, sz_doc *doc) {
    const sz_lab_order order = sz_lab_ordering(lab);
    char line[400];
    if (order.wrong == 0) {
        sz_doc_line(doc, "Ordering: as predicted, in all %lld pairs that the model tells apart.",
                    (long long)order.pairs);
        return;
    }
    snprintf(line, sizeof line,
             "Ordering: of %lld pairs that the model tells apart %lld are the other way round; "
             "'%s' should take longer than '%s' and does not.",
             (long long)order.pairs, (long long)order.wrong, order.longer, order.shorter);
    cli_put_wrapped(doc, "", "  ", line);
}

static void fill_people(const sz_lab *lab, const sz_machine *machine, sz_doc *doc) {
    const sz_lab_info info = sz_lab_about(lab);
    const near_count n = count_near(lab);
    const char *name = sz_machine_identity(machine).name;
    fill_rows(lab, doc);
    fill_ratios(lab, doc);
    fill_rates(lab, name, doc);
    put_sentence(doc, "Original: ", info.original);
    for (size_t i = 0; i < sz_lab_finding_count(lab); i++)
        put_sentence(doc, i ? "" : "Here: ", sz_lab_finding(lab, i));
    put_sentence(doc, "Why: ", info.why);
    sz_doc_line(
        doc, "Within 25 %%: %lld of %lld cases by the rates of now, %lld by those saved in '%s'.",
        (long long)n.near, (long long)n.all, (long long)n.saved, name);
    put_order(lab, doc);
    sz_doc_line(doc,
                "Loops of the lab's own, in C with vectors written out, for %s; one thread; "
                "results checked.",
                sz_lab_isa(lab));
    sz_doc_line(doc, "time: undisturbed, 5 %% of n batches are faster; spread: (95th - 5th "
                     "percentile) / median.");
}

static void fill_data(const sz_lab *lab, const sz_machine *machine, sz_doc *doc) {
    const sz_lab_info info = sz_lab_about(lab);
    const near_count n = count_near(lab);
    const sz_lab_order order = sz_lab_ordering(lab);
    sz_doc_fact(doc, "lab", NULL, sz_cell_text(info.name), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "what", NULL, sz_cell_text(info.what), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "machine", NULL, sz_cell_text(sz_machine_identity(machine).name), SZ_AS_TEXT,
                NULL);
    sz_doc_fact(doc, "fingerprint", NULL, sz_cell_text(sz_machine_identity(machine).fingerprint),
                SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "isa", NULL, sz_cell_text(sz_lab_isa(lab)), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "original", NULL, sz_cell_text(info.original), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "why", NULL, sz_cell_text(info.why), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "predicted_cases", NULL, sz_cell_i64(n.all), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "within_25_percent", NULL, sz_cell_i64(n.near), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "saved_within_25_percent", NULL, sz_cell_i64(n.saved), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "ordered_pairs", NULL, sz_cell_i64(order.pairs), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "wrong_pairs", NULL, sz_cell_i64(order.wrong), SZ_AS_INT, NULL);
    sz_doc_record_table(doc, "rows", sz_lab_row_type());
    for (size_t i = 0; i < sz_lab_row_count(lab); i++) {
        const sz_lab_row row = sz_lab_row_at(lab, i);
        sz_doc_record_row(doc, sz_lab_row_type(), &row);
    }
    sz_doc_record_table(doc, "ratios", sz_lab_ratio_type());
    for (size_t i = 0; i < sz_lab_ratio_count(lab); i++) {
        const sz_lab_ratio ratio = sz_lab_ratio_at(lab, i);
        sz_doc_record_row(doc, sz_lab_ratio_type(), &ratio);
    }
    sz_doc_record_table(doc, "rates", sz_lab_rate_type());
    for (size_t i = 0; i < sz_lab_rate_count(lab); i++) {
        const sz_lab_rate rate = sz_lab_rate_at(lab, i);
        sz_doc_record_row(doc, sz_lab_rate_type(), &rate);
    }
    static const sz_column columns[] = {{"finding", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA}};
    sz_doc_table(doc, "findings", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_lab_finding_count(lab); i++) {
        const sz_cell cell = sz_cell_text(sz_lab_finding(lab, i));
        sz_doc_row(doc, &cell, 1);
    }
}

void lab_fill_doc(const cli_app *app, const sz_lab *lab, const sz_machine *machine, sz_doc *doc) {
    const bool people = cli_wants(app, "text") || cli_wants(app, "md");
    if (people)
        fill_people(lab, machine, doc);
    else
        fill_data(lab, machine, doc);
}
