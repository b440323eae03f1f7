// SPDX-License-Identifier: Apache-2.0
// `sizeup plot memory MODEL`: bytes alive over the nodes of an inference, or over a training step,
// as stacked areas, with the layer to blame for the peak.
#include "cli/memory_draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BANDS = 4, MAX_COLUMNS = 360 };

// Bands from the lowest up; `values` are bytes per step.
typedef struct profile {
    const char *bands[MAX_BANDS];
    int colors[MAX_BANDS];
    int n_bands;
    double *values[MAX_BANDS];
    double *line; // a line over the bands, NULL = none
    const char *line_label;
    size_t n, peak; // steps; where the bands are highest
    double total;   // bytes there
} profile;

static void bytes_text(double v, char *buf, size_t cap) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t i = 0;
    while (v >= 999.5 && i + 1 < CLI_COUNT(prefixes)) v /= 1000, i++;
    snprintf(buf, cap, "%.3g %sB", v, prefixes[i]);
}

// ---- profiles ----------------------------------------------------------------------------------

static void finish(profile *p) {
    for (int b = 0; b < MAX_BANDS; b++) free(p->values[b]);
    free(p->line);
}

static bool start(profile *p, size_t n) {
    p->n = n;
    for (int b = 0; b < p->n_bands; b++)
        if (!(p->values[b] = calloc(n + 1, sizeof(double)))) return false;
    return (p->line = calloc(n + 1, sizeof(double))) != NULL;
}

static double height(const profile *p, size_t i) {
    double sum = 0;
    for (int b = 0; b < p->n_bands; b++) sum += p->values[b][i];
    return sum;
}

static void find_peak(profile *p) {
    for (size_t i = 0; i < p->n; i++)
        if (height(p, i) > p->total) p->total = height(p, i), p->peak = i;
}

static bool inference(const sz_costs *costs, profile *p) {
    *p = (profile){.bands = {"waits for later nodes", "read by the node", "made by the node"},
                   .colors = {SZ_PLOT_SERIES + 7, SZ_PLOT_SERIES, SZ_PLOT_SERIES + 1},
                   .n_bands = 3,
                   .line_label = "in place"};
    if (!start(p, sz_costs_node_count(costs))) return false;
    for (size_t i = 0; i < p->n; i++) {
        const sz_memory_step s = sz_costs_memory_step(costs, i);
        p->values[0][i] = (double)s.waiting_bytes;
        p->values[1][i] = (double)s.input_bytes;
        p->values[2][i] = (double)s.output_bytes;
        p->line[i] = (double)s.in_place_bytes;
    }
    find_peak(p);
    return true;
}

static bool training(const sz_costs *costs, profile *p) {
    const sz_training t = sz_costs_training(costs);
    *p = (profile){
        .bands = {"weights, optimizer", "gradients of weights", "activations", "gradients of data"},
        .colors = {SZ_PLOT_SERIES + 7, SZ_PLOT_SERIES + 4, SZ_PLOT_SERIES, SZ_PLOT_SERIES + 1},
        .n_bands = 4};
    if (!start(p, sz_costs_training_moment_count(costs))) return false;
    free(p->line);
    p->line = NULL;
    for (size_t i = 0; i < p->n; i++) {
        const sz_training_moment m = sz_costs_training_moment(costs, i);
        p->values[0][i] = (double)t.weight_bytes + (double)t.optimizer_state_bytes;
        p->values[1][i] = (double)m.weight_gradient_bytes;
        p->values[2][i] = (double)m.activation_bytes;
        p->values[3][i] = (double)m.data_gradient_bytes;
    }
    find_peak(p);
    return true;
}

// ---- picture -----------------------------------------------------------------------------------

// Steps as corners; of long profiles every column shows its highest step.
static size_t corners(const profile *p, int bands, const double *line, double *x, double *y) {
    const size_t columns = p->n < MAX_COLUMNS ? p->n : MAX_COLUMNS;
    size_t n = 0;
    for (size_t c = 0; c < columns; c++) {
        const size_t from = c * p->n / columns, to = (c + 1) * p->n / columns;
        size_t best = from;
        double v = line ? line[from] : 0;
        for (size_t i = from; i < to; i++) {
            if (height(p, i) > height(p, best)) best = i;
            if (line && line[i] > v) v = line[i];
        }
        for (int b = 0; b < bands; b++) v += p->values[b][best];
        x[n] = (double)from, y[n++] = v;
        x[n] = (double)to, y[n++] = v;
    }
    return n;
}

static bool draw_bands(const profile *p, sz_plot *plot) {
    double *x = malloc((2 * MAX_COLUMNS + 2) * sizeof *x);
    double *y = malloc((2 * MAX_COLUMNS + 2) * sizeof *y);
    const bool fits = x && y;
    for (int b = p->n_bands; fits && b > 0; b--) {
        const sz_plot_line line = {.x = x,
                                   .y = y,
                                   .n = corners(p, b, NULL, x, y),
                                   .color = p->colors[b - 1],
                                   .flags = SZ_PLOT_FILLED | SZ_PLOT_THIN};
        sz_plot_add_line(plot, &line);
    }
    if (fits && p->line) {
        const sz_plot_line line = {.x = x,
                                   .y = y,
                                   .n = corners(p, 0, p->line, x, y),
                                   .color = SZ_PLOT_INK,
                                   .label = p->line_label,
                                   .flags = p->n > MAX_COLUMNS / 3 ? SZ_PLOT_THIN : 0};
        sz_plot_add_line(plot, &line);
    }
    for (int b = p->n_bands; b-- > 0;) sz_plot_add_legend(plot, p->colors[b], p->bands[b]);
    free(x);
    free(y);
    return fits;
}

static void draw_level(const profile *p, double bytes, const char *what, sz_plot *plot) {
    const double x[] = {0, (double)p->n}, y[] = {bytes, bytes};
    char label[64], text[24];
    bytes_text(bytes, text, sizeof text);
    snprintf(label, sizeof label, "%s %s", what, text);
    const sz_plot_line line = {
        .x = x, .y = y, .n = 2, .label = label, .color = SZ_PLOT_ROOF2, .flags = SZ_PLOT_DASHED};
    sz_plot_add_line(plot, &line);
}

// Where the loss is taken: the last node forward, the first backward.
static void draw_turn(const memory_job *job, const profile *p, sz_plot *plot) {
    const double at = (double)sz_costs_node_count(job->costs);
    const double x[] = {at, at}, y[] = {0, p->total * 1.04};
    const sz_plot_line line = {.x = x,
                               .y = y,
                               .n = 2,
                               .label = "backward",
                               .color = SZ_PLOT_GREY,
                               .flags = SZ_PLOT_DASHED | SZ_PLOT_ALONG};
    sz_plot_add_line(plot, &line);
}

static void layer_at(const memory_job *job, int64_t node, const char **ret_name,
                     const char **ret_op) {
    *ret_name = "the update", *ret_op = "";
    if (node < 0) return;
    const sz_node_cost n = sz_costs_node(job->costs, (size_t)node);
    *ret_name = count_layer_name(job->costs, (size_t)node, &n);
    *ret_op = n.op;
}

static int64_t node_at_step(const memory_job *job, size_t i) {
    if (job->training) return sz_costs_training_moment(job->costs, i).node;
    return (int64_t)sz_costs_memory_step(job->costs, i).node;
}

static void draw_peak(const memory_job *job, const profile *p, sz_plot *plot) {
    const char *name, *op;
    char bytes[24], label[200];
    layer_at(job, node_at_step(job, p->peak), &name, &op);
    bytes_text(p->total, bytes, sizeof bytes);
    snprintf(label, sizeof label, "%s at %.60s", bytes, name);
    const sz_plot_point point = {(double)p->peak + 0.5, p->total, 0, label, label, SZ_PLOT_INK};
    sz_plot_add_point(plot, &point);
}

static void put_notes(const memory_job *job, const profile *p, sz_plot *plot) {
    char text[24];
    const char *name, *op;
    layer_at(job, node_at_step(job, p->peak), &name, &op);
    sz_plot_note(plot, "most at %s%s%s%s:", name, *op ? " (" : "", op, *op ? ")" : "");
    for (int b = p->n_bands; b-- > 0;) {
        bytes_text(p->values[b][p->peak], text, sizeof text);
        sz_plot_note(plot, "   %s %s", text, p->bands[b]);
    }
}

static bool draw(const memory_job *job, const profile *p, sz_plot *plot) {
    const sz_memory m = sz_costs_memory(job->costs);
    char title[300], subtitle[300];
    snprintf(title, sizeof title, "Memory of %.200s", cli_base_name(sz_model_path(job->model)));
    if (job->training)
        snprintf(subtitle, sizeof subtitle, "one training step: %s, precision %s, recomputation %s",
                 job->cost->optimizer, job->cost->precision, job->cost->recompute);
    else
        snprintf(subtitle, sizeof subtitle, "activations of one inference, %zu nodes", p->n);
    sz_plot_title(plot, title, subtitle);
    sz_plot_set_axis(plot, 0,
                     &(sz_plot_axis){job->training ? "steps: forward, then backward"
                                                   : "nodes in the order of running",
                                     0, (double)(p->n ? p->n : 1), 1});
    sz_plot_set_axis(plot, 1,
                     &(sz_plot_axis){"bytes alive", 0, p->total > 0 ? p->total * 1.12 : 1, 1});
    if (!draw_bands(p, plot)) return false;
    if (job->training)
        draw_turn(job, p, plot);
    else
        draw_level(p, (double)m.arena_bytes, "arena", plot);
    draw_peak(job, p, plot);
    put_notes(job, p, plot);
    return true;
}

// ---- document ----------------------------------------------------------------------------------

static const sz_column step_columns[] = {
    {"step", NULL, NULL, SZ_AS_INT, SZ_COLUMN_DATA},
    {"name", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"op", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"live_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},
    {"output_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},
    {"input_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},
    {"waiting_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},
    {"in_place_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},
};

static void put_steps(const memory_job *job, sz_doc *doc) {
    sz_doc_table(doc, "steps", step_columns, CLI_COUNT(step_columns));
    for (size_t i = 0; i < sz_costs_node_count(job->costs); i++) {
        const sz_memory_step s = sz_costs_memory_step(job->costs, i);
        const char *name, *op;
        layer_at(job, (int64_t)s.node, &name, &op);
        const sz_cell cells[] = {
            sz_cell_i64((int64_t)i),      sz_cell_text(name),           sz_cell_text(op),
            sz_cell_i64(s.live_bytes),    sz_cell_i64(s.output_bytes),  sz_cell_i64(s.input_bytes),
            sz_cell_i64(s.waiting_bytes), sz_cell_i64(s.in_place_bytes)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static const sz_column moment_columns[] = {
    {"step", NULL, NULL, SZ_AS_INT, SZ_COLUMN_DATA},
    {"phase", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"name", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"op", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"activation_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},
    {"data_gradient_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},
    {"weight_gradient_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},
};

static void put_moments(const memory_job *job, sz_doc *doc) {
    sz_doc_table(doc, "steps", moment_columns, CLI_COUNT(moment_columns));
    for (size_t i = 0; i < sz_costs_training_moment_count(job->costs); i++) {
        const sz_training_moment m = sz_costs_training_moment(job->costs, i);
        const char *name, *op;
        layer_at(job, m.node, &name, &op);
        const sz_cell cells[] = {sz_cell_i64((int64_t)i),
                                 sz_cell_text(m.phase),
                                 sz_cell_text(name),
                                 sz_cell_text(op),
                                 sz_cell_i64(m.activation_bytes),
                                 sz_cell_i64(m.data_gradient_bytes),
                                 sz_cell_i64(m.weight_gradient_bytes)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static const sz_column buffer_columns[] = {
    {"buffer", "alive at the in-place peak", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"made_by", "made by", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"bytes", "size", "B", SZ_AS_SI, 0},
    {"share", "share", NULL, SZ_AS_PERCENT, 0},
    {"offset", "offset", "B", SZ_AS_SI, SZ_COLUMN_DATA},
    {"first", "from", NULL, SZ_AS_INT, 0},
    {"last", "to", NULL, SZ_AS_INT, 0},
};

static int larger_first(const void *a, const void *b) {
    const sz_arena_buffer *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void put_buffer(const memory_job *job, const sz_arena_buffer *b, int64_t whole,
                       sz_doc *doc) {
    const char *name = "input of the model", *op;
    if (b->node >= 0) layer_at(job, b->node, &name, &op);
    const sz_cell cells[] = {
        sz_cell_text(b->name),  sz_cell_text(name),
        sz_cell_i64(b->bytes),  sz_cell_f64((double)b->bytes / (double)(whole ? whole : 1)),
        sz_cell_i64(b->offset), sz_cell_i64(b->first),
        sz_cell_i64(b->last)};
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

static int64_t peak_step(const memory_job *job) {
    const sz_memory m = sz_costs_memory(job->costs);
    for (size_t i = 0; i < sz_costs_node_count(job->costs); i++)
        if ((int64_t)sz_costs_memory_step(job->costs, i).node == m.peak_node) return (int64_t)i;
    return -1;
}

static bool put_buffers(const memory_job *job, sz_doc *doc) {
    enum { SHOWN = 12 };
    const int64_t at = peak_step(job), whole = sz_costs_memory(job->costs).in_place_peak_bytes;
    const size_t n = sz_costs_buffer_count(job->costs);
    sz_arena_buffer *alive = malloc((n + 1) * sizeof *alive);
    size_t n_alive = 0;
    if (!alive) return false;
    for (size_t i = 0; i < n; i++) {
        const sz_arena_buffer b = sz_costs_buffer(job->costs, i);
        if (b.first <= at && b.last >= at) alive[n_alive++] = b;
    }
    qsort(alive, n_alive, sizeof *alive, larger_first);
    sz_doc_table(doc, "buffers", buffer_columns, CLI_COUNT(buffer_columns));
    for (size_t i = 0; i < n_alive && i < SHOWN; i++) put_buffer(job, &alive[i], whole, doc);
    if (n_alive > SHOWN) sz_doc_line(doc, "... and %zu smaller ones", n_alive - SHOWN);
    free(alive);
    return true;
}

static void put_fact(const memory_job *job, sz_doc *doc, const char *key, const char *title,
                     int64_t bytes, int64_t node) {
    const char *name, *op;
    char note[300];
    layer_at(job, node, &name, &op);
    snprintf(note, sizeof note, "at %s", name);
    sz_doc_fact_note(doc, key, title, sz_cell_i64(bytes), SZ_AS_SI, "B", note);
}

static bool fill_doc(const memory_job *job, const profile *p, sz_doc *doc) {
    const sz_memory m = sz_costs_memory(job->costs);
    const sz_activations a = sz_costs_activations(job->costs);
    sz_doc_fact(doc, "plot", NULL, sz_cell_text("memory"), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "model", NULL, sz_cell_text(sz_model_path(job->model)), SZ_AS_TEXT, NULL);
    if (job->training) {
        put_fact(job, doc, "peak_bytes", "peak", (int64_t)p->total, node_at_step(job, p->peak));
        if (job->with_steps) put_moments(job, doc);
        return true;
    }
    put_fact(job, doc, "peak_activation_bytes", "peak as written", a.peak_bytes, a.peak_node);
    put_fact(job, doc, "in_place_peak_bytes", "peak in place", m.in_place_peak_bytes, m.peak_node);
    sz_doc_fact_note(doc, "arena_bytes", "arena", sz_cell_i64(m.arena_bytes), SZ_AS_SI, "B",
                     m.method);
    if (job->with_steps) put_steps(job, doc);
    return put_buffers(job, doc);
}

// ---- run ---------------------------------------------------------------------------------------

bool memory_draw(const memory_job *job, sz_plot *plot) {
    profile p = {0};
    const bool made = job->training ? training(job->costs, &p) : inference(job->costs, &p);
    const bool drawn = made && draw(job, &p, plot);
    finish(&p);
    return drawn;
}

int memory_write(cli_app *app, const memory_job *job, const cli_picture_options *picture) {
    profile p = {0};
    sz_plot *plot = NULL;
    sz_doc *doc = NULL;
    int code = CLI_BUG;
    const bool made = job->training ? training(job->costs, &p) : inference(job->costs, &p);
    if (made && sz_plot_create(app->out, &plot) == SZ_OK &&
        sz_doc_create(app->out, "sizeup.plot/1", &doc) == SZ_OK && draw(job, &p, plot) &&
        fill_doc(job, &p, doc))
        code = cli_write_picture(app, &(cli_picture){plot, doc, picture});
    else
        cli_error(app, CLI_BUG, "no memory for the output");
    finish(&p);
    sz_doc_destroy(doc);
    sz_plot_destroy(plot);
    return code;
}
