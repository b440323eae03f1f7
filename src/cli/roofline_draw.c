// SPDX-License-Identifier: Apache-2.0
// A roofline as a plot, and its numbers as a document.
#include "cli/roofline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *machine_name(const roofline *r, int machine) {
    return sz_machine_identity(r->machines[machine]).name;
}

static int roof_color(const roofline *r, int machine) {
    if (r->n_machines > 2) return SZ_PLOT_SERIES + machine;
    return machine ? SZ_PLOT_ROOF2 : SZ_PLOT_ROOF;
}
static int slope_color(const roofline *r, int machine) {
    if (r->n_machines > 2) return SZ_PLOT_SERIES + machine;
    return machine ? SZ_PLOT_MEMORY2 : SZ_PLOT_MEMORY;
}

// "3.12 TFLOP/s" with the prefix that people use.
static void rate_text(double v, const char *unit, char *buf, size_t cap) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t i = 0;
    while (v >= 999.5 && i + 1 < CLI_COUNT(prefixes)) v /= 1000, i++;
    snprintf(buf, cap, "%.3g %s%s", v, prefixes[i], unit);
}

// ---- range -------------------------------------------------------------------------------------

typedef struct range {
    double x0, x1, y0, y1;
} range;

static double top_roof(const roofline *r, int machine) {
    double top = 0;
    for (size_t i = 0; i < r->n_roofs; i++)
        if (r->roofs[i].machine == machine) top = fmax(top, r->roofs[i].roof.flop_per_s);
    return top;
}

static double fastest_slope(const roofline *r, int machine) {
    double top = 0;
    for (size_t i = 0; i < r->n_slopes; i++)
        if (r->slopes[i].machine == machine && !r->slopes[i].link)
            top = fmax(top, r->slopes[i].byte_per_s);
    return top;
}

// From well left of the lowest ridge of main memory to well right of the highest, and all dots.
static range find_range(const roofline *r) {
    range g = {INFINITY, 0, INFINITY, 0};
    for (size_t i = 0; i < r->n_roofs; i++) {
        g.y0 = fmin(g.y0, r->roofs[i].roof.flop_per_s / 6);
        g.y1 = fmax(g.y1, r->roofs[i].roof.flop_per_s * 2);
        for (size_t k = 0; k < r->n_slopes; k++) {
            if (r->slopes[k].machine != r->roofs[i].machine) continue;
            if (!roofline_main_memory(&r->slopes[k])) continue;
            const double ridge = roofline_ridge(&r->roofs[i], &r->slopes[k]);
            g.x0 = fmin(g.x0, ridge / 12), g.x1 = fmax(g.x1, ridge * 6);
        }
    }
    if (!(g.x0 < g.x1)) g.x0 = 0.1, g.x1 = 1000;
    for (size_t i = 0; i < r->n_dots; i++) {
        g.x0 = fmin(g.x0, r->dots[i].time.intensity / 1.5);
        g.x1 = fmax(g.x1, r->dots[i].time.intensity * 1.5);
        g.y0 = fmin(g.y0, r->dots[i].flop_per_s / 2);
    }
    return g;
}

static double lowest_roof_above(const roofline *r, double flop_per_s) {
    double lowest = INFINITY;
    for (size_t i = 0; i < r->n_roofs; i++)
        if (r->roofs[i].roof.flop_per_s >= flop_per_s * 0.999)
            lowest = fmin(lowest, r->roofs[i].roof.flop_per_s);
    return lowest;
}

static double main_rate(const roofline *r) {
    double most = 0;
    for (size_t i = 0; i < r->n_slopes; i++)
        if (roofline_main_memory(&r->slopes[i])) most = fmax(most, r->slopes[i].byte_per_s);
    return most;
}

// Linear axes show one power of ten well: they begin at 0 and reach just beyond the dots, and to
// the roof above them and its ridge where these are not far away.
static range find_linear_range(const roofline *r) {
    enum { FAR = 4 };
    double x = 0, y = 0;
    for (size_t i = 0; i < r->n_dots; i++) {
        x = fmax(x, r->dots[i].time.intensity);
        y = fmax(y, r->dots[i].flop_per_s);
    }
    for (int m = 0; r->n_dots == 0 && m < r->n_machines; m++) y = fmax(y, top_roof(r, m));
    const double roof = lowest_roof_above(r, y), rate = main_rate(r), ridge = roof / rate;
    if (roof < FAR * y) y = fmax(y, roof);
    if (r->n_dots == 0) x = rate > 0 ? 2 * ridge : 1000;
    if (ridge < FAR * x) x = fmax(x, 1.3 * ridge);
    return (range){0, x > 0 ? 1.08 * x : 1, 0, y > 0 ? 1.12 * y : 1};
}

// ---- roofs -------------------------------------------------------------------------------------

static int higher_first(const void *a, const void *b) {
    const roof_row *x = a, *y = b;
    if (x->machine != y->machine) return x->machine - y->machine;
    if (x->roof.flop_per_s != y->roof.flop_per_s)
        return x->roof.flop_per_s < y->roof.flop_per_s ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

static const char *after_dtype(const char *name) {
    const char *blank = strchr(name, ' ');
    return blank ? blank : "";
}

// Names of roofs that lie on one another, on one line: "f16 = bf16 fma, matrix", "f32 fma = mul".
static void joined_names(const roofline *r, const roof_row *roofs, size_t n, char *buf,
                         size_t cap) {
    enum { NAMED = 3, SIZE = 96 };
    size_t used = 0;
    buf[0] = '\0';
    if (r->n_machines > 1)
        used = (size_t)snprintf(buf, cap, "%s: ", machine_name(r, roofs[0].machine));
    for (size_t i = 0; i < n && i < NAMED && used < cap; i++) {
        char name[SIZE], next[SIZE] = "";
        roofline_roof_name(&roofs[i], name, sizeof name);
        if (i + 1 < n && i + 1 < NAMED) roofline_roof_name(&roofs[i + 1], next, sizeof next);
        const char *shown = name, *work = after_dtype(name);
        if (i && strcmp(roofs[i].roof.dtype, roofs[i - 1].roof.dtype) == 0) shown = work + 1;
        const bool named_next = strcmp(work, after_dtype(next)) == 0; // by the one that follows
        used += (size_t)snprintf(buf + used, cap - used, "%s%.*s", i ? " = " : "",
                                 (int)(named_next ? work - shown : SIZE), shown);
    }
    if (n > NAMED && used < cap) snprintf(buf + used, cap - used, " = %zu more", n - NAMED);
}

// Do two rates lie on one line?
static bool as_one(double a, double b) { return fabs(a / b - 1) < 0.015; }

static bool one_slope(const slope_row *a, const slope_row *b) {
    return a->machine == b->machine && a->link == b->link && as_one(a->byte_per_s, b->byte_per_s);
}

// Does an earlier slope stand for this one too?
static bool is_repeated(const roofline *r, size_t slope) {
    for (size_t i = 0; i < slope; i++)
        if (one_slope(&r->slopes[i], &r->slopes[slope])) return true;
    return false;
}

// Ridges with main memory, each with its number, and those of the highest roof with every level.
static void draw_ridges(const roofline *r, const roof_row *roof, bool top, sz_plot *plot) {
    for (size_t k = 0; k < r->n_slopes; k++) {
        const slope_row *s = &r->slopes[k];
        const bool main = roofline_main_memory(s);
        if (s->machine != roof->machine || !(main || top) || is_repeated(r, k)) continue;
        const double ridge = roofline_ridge(roof, s);
        char text[24];
        snprintf(text, sizeof text, ridge < 10 ? "%.2g" : "%.0f", ridge);
        const int color = main ? roof_color(r, roof->machine) : slope_color(r, roof->machine);
        const sz_plot_point p = {
            .x = ridge, .y = roof->roof.flop_per_s, .label = text, .color = color};
        sz_plot_add_point(plot, &p);
    }
}

static void draw_roof(const roofline *r, const roof_row *roofs, size_t n, const range *g,
                      sz_plot *plot) {
    const double y = roofs[0].roof.flop_per_s, fast = fastest_slope(r, roofs[0].machine);
    const double xs[2] = {fast > 0 ? fmax(y / fast, g->x0) : g->x0, g->x1}, ys[2] = {y, y};
    const bool top = y >= top_roof(r, roofs[0].machine);
    char names[200], rate[32], label[256];
    joined_names(r, roofs, n, names, sizeof names);
    rate_text(y, "FLOP/s", rate, sizeof rate);
    snprintf(label, sizeof label, "%s %s", names, rate);
    const sz_plot_line line = {
        xs, ys, 2, label, roof_color(r, roofs[0].machine), top ? SZ_PLOT_BOLD : 0};
    sz_plot_add_line(plot, &line);
    draw_ridges(r, roofs, top, plot);
}

// Roofs within 1.5 % of each other are one line.
static void draw_roofs(const roofline *r, const range *g, sz_plot *plot) {
    roof_row *sorted = malloc((r->n_roofs + 1) * sizeof *sorted);
    if (!sorted) return;
    memcpy(sorted, r->roofs, r->n_roofs * sizeof *sorted);
    qsort(sorted, r->n_roofs, sizeof *sorted, higher_first);
    for (size_t i = 0, n; i < r->n_roofs; i += n) {
        n = 1;
        while (i + n < r->n_roofs && sorted[i + n].machine == sorted[i].machine &&
               as_one(sorted[i + n].roof.flop_per_s, sorted[i].roof.flop_per_s))
            n++;
        draw_roof(r, &sorted[i], n, g, plot);
    }
    free(sorted);
}

// Names of memories and links that lie on one another: "PCIe = host 64 GB/s".
static void slope_names(const roofline *r, size_t slope, char *buf, size_t cap) {
    enum { NAMED = 2 };
    const slope_row *s = &r->slopes[slope];
    size_t used = (size_t)snprintf(buf, cap, "%s%s%s",
                                   r->n_machines > 1 ? machine_name(r, s->machine) : "",
                                   r->n_machines > 1 ? ": " : "", s->name);
    size_t n = 1;
    for (size_t i = slope + 1; i < r->n_slopes; i++) {
        if (!one_slope(s, &r->slopes[i])) continue;
        if (n++ < NAMED && used < cap)
            used += (size_t)snprintf(buf + used, cap - used, " = %s", r->slopes[i].name);
    }
    if (n > NAMED && used < cap) snprintf(buf + used, cap - used, " = %zu more", n - NAMED);
}

// On linear axes a cache can be so fast that its line is the axis.
static bool is_too_steep(const roofline *r, const range *g, const slope_row *s) {
    return r->linear && !roofline_main_memory(s) && g->y1 / s->byte_per_s < g->x1 / 40;
}

static void draw_slopes(const roofline *r, const range *g, sz_plot *plot) {
    char steep[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < r->n_slopes; i++) {
        const slope_row *s = &r->slopes[i];
        if (is_too_steep(r, g, s)) {
            if (used < sizeof steep)
                used += (size_t)snprintf(steep + used, sizeof steep - used, "%s%s",
                                         used ? ", " : "", s->name);
            continue;
        }
        if (is_repeated(r, i)) continue;
        const double end = top_roof(r, s->machine) / s->byte_per_s;
        const double xs[2] = {fmin(g->x0, g->y0 / s->byte_per_s), end};
        const double ys[2] = {xs[0] * s->byte_per_s, end * s->byte_per_s};
        char rate[32], names[160], label[200];
        rate_text(s->byte_per_s, "B/s", rate, sizeof rate);
        slope_names(r, i, names, sizeof names);
        snprintf(label, sizeof label, "%s %s", names, rate);
        const unsigned bold = roofline_main_memory(s) ? SZ_PLOT_BOLD : 0;
        const sz_plot_line line = {xs,
                                   ys,
                                   2,
                                   label,
                                   slope_color(r, s->machine),
                                   SZ_PLOT_ALONG | bold | (s->link ? SZ_PLOT_DASHED : 0u)};
        sz_plot_add_line(plot, &line);
    }
    if (used) sz_plot_note(plot, "Too steep for these axes: %s.", steep);
}

// ---- dots --------------------------------------------------------------------------------------

static int by_place(const void *a, const void *b) {
    const dot_row *x = *(const dot_row *const *)a, *y = *(const dot_row *const *)b;
    if (x->color != y->color) return x->color - y->color;
    if (x->time.intensity != y->time.intensity)
        return x->time.intensity < y->time.intensity ? -1 : 1;
    if (x->flop_per_s != y->flop_per_s) return x->flop_per_s < y->flop_per_s ? -1 : 1;
    return (x > y) - (x < y);
}

static bool alike(const dot_row *a, const dot_row *b) {
    return a->color == b->color && b->time.intensity < a->time.intensity * 1.005 &&
           fabs(b->flop_per_s / a->flop_per_s - 1) < 0.005;
}

static void draw_dot(const roofline *r, const dot_row *d, size_t n, double share, double most,
                     sz_plot *plot) {
    char rate[32], more[32] = "", tip[400];
    rate_text(d->flop_per_s, "FLOP/s", rate, sizeof rate);
    if (n > 1) snprintf(more, sizeof more, " and %zu alike", n - 1);
    snprintf(tip, sizeof tip, "%.200s%s: %s%s%s, %.3g FLOP/B, %s, %.1f %% of the time", d->name,
             more, d->time.op, r->n_machines > 1 ? " on " : "",
             r->n_machines > 1 ? machine_name(r, d->machine) : "", d->time.intensity, rate,
             100 * share);
    const sz_plot_point p = {.x = d->time.intensity,
                             .y = d->flop_per_s,
                             .share = fmax(share / most, 1e-9),
                             .tip = tip,
                             .color = d->color};
    sz_plot_add_point(plot, &p);
}

// Two passes: the largest share sets the scale of the areas.
static void draw_dots(const roofline *r, sz_plot *plot) {
    const dot_row **sorted = malloc((r->n_dots + 1) * sizeof *sorted);
    double most = 0;
    if (!sorted) return;
    for (size_t i = 0; i < r->n_dots; i++) sorted[i] = &r->dots[i];
    qsort(sorted, r->n_dots, sizeof *sorted, by_place);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0, n; i < r->n_dots; i += n) {
            double share = 0;
            for (n = 0; i + n < r->n_dots && alike(sorted[i], sorted[i + n]); n++)
                share += sorted[i + n]->share;
            if (pass == 0)
                most = fmax(most, share);
            else
                draw_dot(r, sorted[i], n, share, most, plot);
        }
    }
    free(sorted);
}

static void draw_words(const roofline *r, sz_plot *plot) {
    char title[400], sub[400] = "";
    size_t used = 0;
    for (int i = 0; i < r->n_machines && used < sizeof sub; i++) {
        const char *model = sz_machine_cpu(r->machines[i]).model;
        char how[40] = "";
        if (r->threads[i] > 0)
            snprintf(how, sizeof how, ", %lld thread%s", (long long)r->threads[i],
                     r->threads[i] == 1 ? "" : "s");
        used += (size_t)snprintf(sub + used, sizeof sub - used, "%s%s: %s%s", i ? "; " : "",
                                 machine_name(r, i), model ? model : "", how);
    }
    if (r->model) {
        const char *slash = strrchr(r->model, '/');
        snprintf(title, sizeof title, "Roofline of %s", slash && slash[1] ? slash + 1 : r->model);
    } else
        snprintf(title, sizeof title, "Roofline%s", r->n_machines > 1 ? "s" : "");
    sz_plot_title(plot, title, sub);
    if (!r->model) {
        sz_plot_note(plot, "Rings: ridge points with main memory, in FLOP/B.");
        return;
    }
    for (int i = 0; i < SZ_PLOT_N_SERIES && r->kinds[i]; i++)
        sz_plot_add_legend(plot, SZ_PLOT_SERIES + i, r->kinds[i]);
    sz_plot_note(plot, "Dots: layers, %s; in pictures, area = share of time.",
                 r->dots_are ? r->dots_are : "as fast as the roofs allow (predicted)");
    sz_plot_note(plot, "Rings: ridge points, in FLOP/B.");
    if (r->idle_nodes)
        sz_plot_note(plot, "Not shown: %zu node%s that only move%s data, %.1f %% of the time.",
                     r->idle_nodes, r->idle_nodes == 1 ? "" : "s", r->idle_nodes == 1 ? "s" : "",
                     100 * r->idle_share);
    if (r->left_nodes)
        sz_plot_note(plot, "Not shown: the %zu fastest of the other nodes, %.1f %% of the time.",
                     r->left_nodes, 100 * r->left_share);
}

void roofline_draw(const roofline *r, sz_plot *plot) {
    const range g = r->linear ? find_linear_range(r) : find_range(r);
    const sz_plot_axis x = {"arithmetic intensity, FLOP/B", g.x0, g.x1, r->linear};
    const sz_plot_axis y = {r->linear ? "speed" : "FLOP/s", g.y0, g.y1, r->linear};
    sz_plot_set_axis(plot, 0, &x);
    sz_plot_set_axis(plot, 1, &y);
    if (r->linear) sz_plot_set_unit(plot, 1, "FLOP/s"); // one prefix for the axis
    draw_words(r, plot);
    draw_slopes(r, &g, plot);
    draw_roofs(r, &g, plot);
    draw_dots(r, plot);
}

// ---- document ----------------------------------------------------------------------------------

static void fill_points(const roofline *r, sz_doc *doc, bool people) {
    enum { SHOWN = 15 };
    static const sz_column columns[] = {
        {"machine", "machine", NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
        {"node", "node", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"op", "op", NULL, SZ_AS_TEXT, 0},
        {"flops", "FLOPs", "FLOP", SZ_AS_SI, SZ_COLUMN_DATA},
        {"intensity_flop_per_byte", "FLOP/B", NULL, SZ_AS_NUMBER, 0},
        {"flop_per_s", "FLOP/s", NULL, SZ_AS_SI, 0},
        {"time_s", "time", "s", SZ_AS_SI, 0},
        {"time_share", "share", NULL, SZ_AS_PERCENT, 0},
        {"bound", "limited by", NULL, SZ_AS_TEXT, 0},
        {"roof", "roof", NULL, SZ_AS_TEXT, 0},
    };
    sz_doc_table(doc, "points", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < r->n_dots; i++) {
        const dot_row *d = &r->dots[i];
        if (people && i >= SHOWN) break;
        const sz_cell cells[] = {sz_cell_text(machine_name(r, d->machine)),
                                 sz_cell_text(d->name),
                                 sz_cell_text(d->time.op),
                                 sz_cell_f64(d->flops),
                                 sz_cell_f64(d->time.intensity),
                                 sz_cell_f64(d->flop_per_s),
                                 sz_cell_f64(d->time.time_s),
                                 sz_cell_f64(d->share),
                                 sz_cell_text(d->time.bound),
                                 sz_cell_text(d->time.roof)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    if (people && r->n_dots > SHOWN)
        sz_doc_line(doc, "The first %d of %zu nodes; --format csv has them all.", SHOWN, r->n_dots);
}

// Ridges: for people only those with main memory and links.
static void fill_ridges(const roofline *r, sz_doc *doc, bool people) {
    static const sz_column columns[] = {
        {"machine", "machine", NULL, SZ_AS_TEXT, 0},
        {"roof", "roof", NULL, SZ_AS_TEXT, 0},
        {"flop_per_s", "FLOP/s", NULL, SZ_AS_SI, 0},
        {"memory", "memory", NULL, SZ_AS_TEXT, 0},
        {"byte_per_s", "B/s", NULL, SZ_AS_SI, 0},
        {"ridge_flop_per_byte", "ridge FLOP/B", NULL, SZ_AS_NUMBER, 0},
        {"element_bytes", "B/element", NULL, SZ_AS_INT, 0},
        {"matmul_n", "matmul n", NULL, SZ_AS_INT, 0},
    };
    sz_doc_table(doc, "ridges", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < r->n_roofs; i++) {
        for (size_t k = 0; k < r->n_slopes; k++) {
            const slope_row *s = &r->slopes[k];
            const roof_row *roof = &r->roofs[i];
            if (s->machine != roof->machine) continue;
            if (people && !roofline_main_memory(s) && !s->link) continue;
            const double ridge = roofline_ridge(roof, s), n = roofline_matmul(roof, ridge);
            const int bytes = roofline_element_bytes(roof->roof.dtype);
            char name[96];
            roofline_roof_name(roof, name, sizeof name);
            const sz_cell cells[] = {sz_cell_text(machine_name(r, s->machine)),
                                     sz_cell_text(name),
                                     sz_cell_f64(roof->roof.flop_per_s),
                                     sz_cell_text(s->name),
                                     sz_cell_f64(s->byte_per_s),
                                     sz_cell_f64(ridge),
                                     bytes ? sz_cell_i64(bytes) : sz_cell_none(),
                                     isnan(n) ? sz_cell_none() : sz_cell_i64((int64_t)ceil(n))};
            sz_doc_row(doc, cells, CLI_COUNT(cells));
        }
    }
    sz_doc_line(doc, "An n x n x n matmul does 2 n^3 FLOP and moves at least 3 n^2 elements of b "
                     "bytes:");
    sz_doc_line(doc, "2 n / (3 b) FLOP/B. It meets a ridge at n = 1.5 x b x ridge: 6 x ridge for "
                     "f32, 3 x for f16.");
}

void roofline_fill_doc(const cli_app *app, const roofline *r, sz_doc *doc) {
    const bool people = cli_wants(app, "text") || cli_wants(app, "md");
    sz_doc_fact(doc, "plot", NULL, sz_cell_text("roofline"), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "model", NULL, sz_cell_text(r->model), SZ_AS_TEXT, NULL);
    if (r->model) fill_points(r, doc, people);
    fill_ridges(r, doc, people);
}
