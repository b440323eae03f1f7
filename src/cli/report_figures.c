// SPDX-License-Identifier: Apache-2.0
// Figures of a report: the roofline by level of memory, and memory over time.
#include "cli/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sizeup/chart.h>

#include "cli/memory_draw.h"
#include "cli/roofline.h"

// ---- roofline ----------------------------------------------------------------------------------

enum { MAX_VIEWS = 8, MAX_DOTS = 600 };

typedef struct views {
    sz_doc_view items[MAX_VIEWS];
    char names[MAX_VIEWS][64];
    size_t n;
} views;

static bool draw_view(const report_job *job, const roofline *r, const char *name, views *v) {
    sz_plot *plot = NULL;
    if (v->n == MAX_VIEWS) return true;
    if (sz_plot_create(job->app->out, &plot) != SZ_OK) return false;
    roofline_draw(r, plot);
    sz_plot_title(plot, NULL, NULL); // the caption says it
    snprintf(v->names[v->n], sizeof v->names[0], "%s", name);
    v->items[v->n] = (sz_doc_view){v->names[v->n], plot};
    v->n++;
    return true;
}

// The dots as they would be if all bytes came from one level of memory.
static bool draw_level(const report_job *job, roofline *r, const slope_row *slope, views *v) {
    dot_row *kept = r->dots, *dots = malloc((r->n_dots + 1) * sizeof *dots);
    double all = 0;
    char name[64];
    if (!dots) return false;
    memcpy(dots, kept, r->n_dots * sizeof *dots);
    for (size_t i = 0; i < r->n_dots; i++) {
        const double bytes = dots[i].flops / dots[i].time.intensity;
        dots[i].time.time_s = fmax(dots[i].time.compute_s, bytes / slope->byte_per_s);
        dots[i].flop_per_s = dots[i].flops / dots[i].time.time_s;
        all += dots[i].time.time_s;
    }
    for (size_t i = 0; i < r->n_dots; i++) dots[i].share = dots[i].time.time_s / all;
    char are[80];
    snprintf(name, sizeof name, "all bytes from %s", slope->name);
    snprintf(are, sizeof are, "if all their bytes came from %.40s", slope->name);
    r->dots = dots, r->dots_are = are;
    const bool fits = draw_view(job, r, name, v);
    r->dots = kept, r->dots_are = NULL;
    free(dots);
    return fits;
}

static int color_of(const roofline *r, const char *op) {
    int last = 0;
    for (int k = 0; k < SZ_PLOT_N_SERIES && r->kinds[k]; k++, last++)
        if (op && strcmp(r->kinds[k], op) == 0) return SZ_PLOT_SERIES + k;
    return SZ_PLOT_SERIES + (last ? last - 1 : 0);
}

// The layers as they ran.
static bool draw_measured(const report_job *job, roofline *r, views *v) {
    const size_t n = sz_bench_set_layer_count(job->set, job->record);
    dot_row *kept = r->dots, *dots = calloc(n + 1, sizeof *dots);
    const size_t n_kept = r->n_dots, idle = r->idle_nodes;
    if (!dots) return false;
    r->n_dots = 0, r->idle_nodes = 0;
    for (size_t i = 0; i < n; i++) {
        const sz_bench_layer l = sz_bench_set_layer(job->set, job->record, i);
        if (!(l.flop_per_s > 0) || !(l.bytes_moved > 0) || !(l.time_s > 0)) continue;
        dots[r->n_dots++] = (dot_row){.time = {.name = l.name,
                                               .op = l.op ? l.op : "?",
                                               .time_s = l.time_s,
                                               .intensity = l.flops / l.bytes_moved},
                                      .name = l.name ? l.name : "?",
                                      .flops = l.flops,
                                      .flop_per_s = l.flop_per_s,
                                      .share = isnan(l.share) ? 0 : l.share,
                                      .color = color_of(r, l.op)};
    }
    r->dots = dots, r->dots_are = "as they ran";
    const bool fits = r->n_dots == 0 || draw_view(job, r, "as measured", v);
    r->dots = kept, r->n_dots = n_kept, r->idle_nodes = idle, r->dots_are = NULL;
    free(dots);
    return fits;
}

static int larger_share(const void *a, const void *b) {
    const dot_row *x = a, *y = b;
    return x->share < y->share ? 1 : x->share > y->share ? -1 : strcmp(x->name, y->name);
}

// Of very many layers those that take time; what is left out is said.
static void keep_largest(roofline *r) {
    if (r->n_dots <= MAX_DOTS) return;
    qsort(r->dots, r->n_dots, sizeof *r->dots, larger_share);
    for (size_t i = MAX_DOTS; i < r->n_dots; i++) r->left_share += r->dots[i].share;
    r->left_nodes = r->n_dots - MAX_DOTS;
    r->n_dots = MAX_DOTS;
}

static bool draw_views(const report_job *job, roofline *r, views *v) {
    keep_largest(r);
    if (!draw_view(job, r, "as predicted", v)) return false;
    r->linear = true;
    const bool fits = draw_view(job, r, "linear axes", v);
    r->linear = false;
    if (!fits || (job->bench && !draw_measured(job, r, v))) return false;
    for (size_t i = r->n_slopes; i-- > 0;)
        if (!r->slopes[i].link && !draw_level(job, r, &r->slopes[i], v)) return false;
    return true;
}

// Threads as the prediction takes them: those asked for, else the whole device, else the most.
static int64_t threads_of(const report_job *job) {
    int64_t most = 0;
    for (size_t i = 0; i < sz_machine_roof_count(job->machine); i++) {
        const int64_t n = sz_machine_roof(job->machine, i).threads;
        if (n == job->threads) return n;
        if (n > most) most = n;
    }
    return most;
}

bool report_put_roofline(report_job *job) {
    roofline r = {.n_machines = 1, .costs = job->costs, .model = sz_model_path(job->model)};
    views v = {.n = 0};
    sz_doc_heading(job->doc, "Roofline");
    if (!job->estimate) {
        sz_doc_line(job->doc, "Not known: %s.", job->machine_why);
        return true;
    }
    r.machines[0] = job->machine, r.estimates[0] = job->estimate, r.threads[0] = threads_of(job);
    bool fits = roofline_collect(&r, job->o->dtype);
    if (fits && r.n_dots > 0) {
        fits = draw_views(job, &r, &v);
        sz_doc_figure(job->doc,
                      "Each dot is a layer, its area the share of the time; the lines are what "
                      "the machine can do. Right of a ring arithmetic is the limit, left of it "
                      "memory.",
                      "Roofline: speed of the layers over operations per byte, below the peaks and "
                      "bandwidths of the machine; the table of layers has the same numbers",
                      v.items, v.n);
    } else if (fits) {
        sz_doc_line(job->doc, "No node calculates anything: there is no dot to show.");
    }
    roofline_finish(&r);
    return fits;
}

// ---- slowest layers ----------------------------------------------------------------------------

static void chart_predicted(const report_job *job, sz_chart_layer *rows) {
    for (size_t i = 0; i < sz_estimate_node_count(job->estimate); i++) {
        const sz_node_time t = sz_estimate_node(job->estimate, i);
        rows[i] = (sz_chart_layer){t.name && *t.name ? t.name : t.op, t.op, NAN, t.time_s,
                                   t.time_lo_s, t.time_hi_s};
        if (!(t.time_lo_s < t.time_hi_s)) rows[i].predicted_lo_s = rows[i].predicted_hi_s = NAN;
    }
}

static void chart_both(const report_job *job, sz_chart_layer *rows) {
    for (size_t i = 0; i < sz_audit_count(job->audit); i++) {
        const sz_audit_row r = sz_audit_get(job->audit, i);
        rows[i] = (sz_chart_layer){r.layer ? r.layer : r.predicted,
                                   r.op,
                                   r.layers > 0 ? r.measured_s : NAN,
                                   r.kernels > 0 ? r.predicted_s : NAN,
                                   r.lo_s,
                                   r.hi_s};
        if (!(r.lo_s < r.hi_s)) rows[i].predicted_lo_s = rows[i].predicted_hi_s = NAN;
    }
}

// A record may list its layers without having timed them. Gives how many have a time.
static size_t chart_measured(const report_job *job, sz_chart_layer *rows) {
    const size_t n = job->bench ? sz_bench_set_layer_count(job->set, job->record) : 0;
    size_t timed = 0;
    for (size_t i = 0; i < n; i++) {
        const sz_bench_layer l = sz_bench_set_layer(job->set, job->record, i);
        if (l.time_s > 0)
            rows[timed++] = (sz_chart_layer){l.name, l.op, l.time_s, NAN, NAN, NAN};
    }
    return timed;
}

// The longest of them as bars; a net of no time has none.
static bool put_slowest(const report_job *job, const sz_chart_layer *rows, size_t n,
                        const char *caption) {
    const sz_chart_layers_options how = {.top = 12};
    sz_plot *plot = NULL;
    sz_status status = sz_plot_create(job->app->out, &plot);
    if (status == SZ_OK) status = sz_chart_layers(job->side, rows, n, &how, plot);
    if (status != SZ_OK) {
        sz_plot_destroy(plot);
        return status == SZ_ERR_INPUT;
    }
    sz_plot_title(plot, NULL, NULL);
    sz_doc_figure(job->doc, caption, caption, &(sz_doc_view){"slowest layers", plot}, 1);
    return true;
}

bool report_put_slowest(report_job *job) {
    const size_t told = job->estimate ? sz_estimate_node_count(job->estimate) : 0;
    const size_t both = job->audit ? sz_audit_count(job->audit) : 0;
    const size_t listed = job->bench ? sz_bench_set_layer_count(job->set, job->record) : 0;
    sz_chart_layer *rows = calloc(told + both + listed + 1, sizeof *rows); // more than any
    bool fits = rows != NULL;
    const size_t ran = fits && !both ? chart_measured(job, rows) : 0;
    if (fits && both) {
        chart_both(job, rows);
        fits = put_slowest(job, rows, both, "The slowest layers: bars are what was measured, "
                                            "marks what was predicted.");
    } else if (fits && ran) {
        fits = put_slowest(job, rows, ran, "The slowest layers, as measured.");
    } else if (fits && told) {
        chart_predicted(job, rows);
        fits = put_slowest(job, rows, told, "The slowest layers, as predicted.");
    }
    free(rows);
    return fits;
}

// ---- memory ------------------------------------------------------------------------------------

bool report_put_memory(report_job *job) {
    const sz_cost_options how = {0};
    const memory_job memory = {.model = job->model, .costs = job->costs, .cost = &how};
    const sz_memory m = sz_costs_memory(job->costs);
    sz_plot *plot = NULL;
    char alt[300];
    sz_doc_heading(job->doc, "Memory over time");
    if (sz_costs_node_count(job->costs) == 0) {
        sz_doc_line(job->doc, "No node runs: there is nothing to show.");
        return true;
    }
    if (sz_plot_create(job->app->out, &plot) != SZ_OK || !memory_draw(&memory, plot)) {
        sz_plot_destroy(plot);
        return false;
    }
    sz_plot_title(plot, NULL, NULL);
    snprintf(alt, sizeof alt,
             "Bytes of activations alive while the nodes run: at most %s as written, %s in place",
             report_si((double)sz_costs_activations(job->costs).peak_bytes, "B").s,
             report_si((double)m.in_place_peak_bytes, "B").s);
    sz_doc_figure(job->doc,
                  "Activations alive while each node runs, in the order of running. The line is "
                  "what is left with views and in-place operators.",
                  alt, &(sz_doc_view){"memory", plot}, 1);
    return true;
}
