// SPDX-License-Identifier: Apache-2.0
// Totals, layers and operators of a report, as written and as executed.
#include "cli/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/count.h"

bool report_for_people(const report_job *job) {
    return cli_wants(job->app, "text") || cli_wants(job->app, "md");
}

// ---- totals ------------------------------------------------------------------------------------

static void put_count(sz_doc *doc, const char *key, const char *title, int64_t v,
                      const char *unit) {
    sz_doc_fact(doc, key, title, sz_cell_i64(v), SZ_AS_SI, unit);
}

static void put_model(const report_job *job) {
    sz_doc *doc = job->doc;
    const sz_port in = sz_model_input_count(job->model) ? sz_model_input(job->model, 0)
                                                        : (sz_port){"", "", "", 0, NULL};
    char text[300] = "";
    sz_doc_fact(doc, "path", "model", sz_cell_text(sz_model_path(job->model)), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "format", "format", sz_cell_text(sz_model_format(job->model)), SZ_AS_TEXT,
                NULL);
    if (in.name && *in.name)
        snprintf(text, sizeof text, "%.120s %s %.100s%s", in.name, in.dtype, in.shape,
                 sz_model_input_count(job->model) > 1 ? ", and others" : "");
    if (*text) sz_doc_fact(doc, "input", "input", sz_cell_text(text), SZ_AS_TEXT, NULL);
}

static void put_times(const report_job *job) {
    const sz_prediction t = sz_estimate_total(job->estimate);
    sz_doc *doc = job->doc;
    const bool calibrated = strcmp(sz_estimate_level(job->estimate), "calibrated") == 0;
    sz_doc_fact_note(doc, "predicted_s", "time, predicted", sz_cell_f64(t.time_s), SZ_AS_SI, "s",
                     "of one run, on paper");
    sz_doc_fact_note(doc, "predicted_lo_s", "at least", sz_cell_f64(t.time_lo_s), SZ_AS_SI, "s",
                     calibrated ? "90 % interval" : "everything overlaps");
    sz_doc_fact_note(doc, "predicted_hi_s", calibrated ? "at most" : "without overlap",
                     sz_cell_f64(t.time_hi_s), SZ_AS_SI, "s",
                     calibrated ? "90 % interval" : "a real program may need more");
    sz_doc_fact(doc, "throughput_per_s", "runs per second", sz_cell_f64(t.throughput_per_s),
                SZ_AS_NUMBER, NULL);
    sz_doc_fact_note(doc, "energy_j", "energy of a run", sz_cell_f64(t.energy_j), SZ_AS_SI, "J",
                     t.energy_method);
    sz_doc_fact(doc, "bound", NULL, sz_cell_text(t.bound), SZ_AS_TEXT, NULL);
}

static void put_measured_time(const report_job *job) {
    const sz_bench *b = job->bench;
    sz_doc_fact_note(job->doc, "measured_s", "time, measured", sz_cell_f64(b->time.median_s),
                     SZ_AS_SI, "s", report_spread(b).s);
    sz_doc_fact(job->doc, "measured_samples_per_s", "samples per second",
                sz_cell_f64(b->rate.samples_per_s), SZ_AS_NUMBER, NULL);
    sz_doc_fact(job->doc, "measured_of_roof", "share of the roof", sz_cell_f64(b->rate.of_roof),
                SZ_AS_PERCENT, NULL);
}

void report_put_totals(report_job *job) {
    const sz_cost t = sz_costs_total(job->costs);
    const sz_activations a = sz_costs_activations(job->costs);
    sz_doc *doc = job->doc;
    sz_doc_heading(doc, "In all");
    if (job->bench) put_measured_time(job);
    if (job->estimate) put_times(job);
    put_count(doc, "params", "parameters", t.params, NULL);
    put_count(doc, "macs", "multiply-accumulates", t.macs, "MAC");
    put_count(doc, "flops", "operations", t.flops, "FLOP");
    put_count(doc, "weight_bytes", "weights", t.weight_bytes, "B");
    put_count(doc, "bytes_moved", "bytes moved, at least", t.bytes_moved, "B");
    sz_doc_fact(doc, "arithmetic_intensity", "operations per byte",
                sz_cell_f64(t.arithmetic_intensity), SZ_AS_NUMBER, "FLOP/B");
    put_count(doc, "peak_activation_bytes", "activations, at most", a.peak_bytes, "B");
    put_count(doc, "nodes", "nodes", (int64_t)sz_costs_node_count(job->costs), NULL);
    put_model(job);
}

// ---- layers ------------------------------------------------------------------------------------

typedef struct ranked {
    double time_s;
    size_t node; // of the costs
    sz_node_time time;
    bool has_time;
} ranked;

static int slowest_first(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->time_s != y->time_s) return x->time_s < y->time_s ? 1 : -1;
    return (x->node > y->node) - (x->node < y->node);
}

static const sz_column layer_columns[] = {
    {"index", "#", NULL, SZ_AS_INT, SZ_COLUMN_PAGE},
    {"name", "layer", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"op", "operator", NULL, SZ_AS_TEXT, 0},
    {"shape", "output", NULL, SZ_AS_TEXT, SZ_COLUMN_PAGE},
    {"time_s", "time", "s", SZ_AS_SI, 0},
    {"share", "share", NULL, SZ_AS_PERCENT, SZ_COLUMN_BAR},
    {"bound", "limited by", NULL, SZ_AS_TEXT, 0},
    {"level", "bytes from", NULL, SZ_AS_TEXT, SZ_COLUMN_PAGE},
    {"flops", "operations", NULL, SZ_AS_SI, 0},
    {"bytes_moved", "moved", "B", SZ_AS_SI, 0},
    {"intensity", "FLOP/B", NULL, SZ_AS_NUMBER, 0},
    {"params", "parameters", NULL, SZ_AS_SI, SZ_COLUMN_PAGE},
    {"macs", "MACs", NULL, SZ_AS_SI, SZ_COLUMN_PAGE},
    {"device", "on", NULL, SZ_AS_TEXT, SZ_COLUMN_PAGE},
    {"note", "note", NULL, SZ_AS_TEXT, SZ_COLUMN_PAGE},
};

static void put_layer(const report_job *job, const ranked *r) {
    const sz_node_cost n = sz_costs_node(job->costs, r->node);
    const sz_node_time *t = &r->time;
    const bool known = !n.unknown, runs = r->has_time && t->time_s > 0;
    const char *shape = n.n_outputs ? sz_costs_node_output(job->costs, r->node, 0).shape : NULL;
    const sz_cell cells[] = {sz_cell_i64((int64_t)r->node),
                             sz_cell_text(count_layer_name(job->costs, r->node, &n)),
                             sz_cell_text(n.op),
                             sz_cell_text(shape),
                             r->has_time ? sz_cell_f64(t->time_s) : sz_cell_none(),
                             r->has_time ? sz_cell_f64(t->time_s / job->facts.nodes_s)
                                         : sz_cell_none(),
                             runs ? sz_cell_text(t->bound) : sz_cell_none(),
                             runs ? sz_cell_text(t->level) : sz_cell_none(),
                             known ? sz_cell_i64(n.cost.flops) : sz_cell_none(),
                             known ? sz_cell_i64(n.cost.bytes_moved) : sz_cell_none(),
                             known ? sz_cell_f64(n.cost.arithmetic_intensity) : sz_cell_none(),
                             known ? sz_cell_i64(n.cost.params) : sz_cell_none(),
                             known ? sz_cell_i64(n.cost.macs) : sz_cell_none(),
                             r->has_time ? sz_cell_text(t->device) : sz_cell_none(),
                             sz_cell_text(n.unknown ? n.unknown : n.note)};
    sz_doc_row(job->doc, cells, CLI_COUNT(cells));
}

static bool differs(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") != 0; }

// Columns at the end that tell nothing are left out: few machines have two processors.
static size_t columns_needed(const report_job *job) {
    bool note = false, device = false;
    for (size_t i = 0; i < sz_costs_node_count(job->costs); i++) {
        const sz_node_cost n = sz_costs_node(job->costs, i);
        note |= n.unknown || n.note;
    }
    for (size_t i = 0; job->estimate && i < sz_estimate_node_count(job->estimate); i++)
        device |= differs(sz_estimate_node(job->estimate, i).device,
                          sz_estimate_node(job->estimate, 0).device);
    return CLI_COUNT(layer_columns) - (note ? 0 : device ? 1 : 2);
}

static bool put_layer_table(report_job *job) {
    enum { SHOWN = 15 };
    const size_t n = sz_costs_node_count(job->costs);
    const bool people = report_for_people(job);
    ranked *rows = calloc(n + 1, sizeof *rows);
    if (!rows) return false;
    for (size_t i = 0; i < n; i++) rows[i].node = i;
    for (size_t i = 0; job->estimate && i < sz_estimate_node_count(job->estimate); i++) {
        ranked *r = &rows[sz_estimate_index(job->estimate, i)];
        r->time = sz_estimate_node(job->estimate, i);
        r->time_s = r->time.time_s, r->has_time = true;
    }
    if (people) qsort(rows, n, sizeof *rows, slowest_first);
    sz_doc_table(job->doc, "layers", layer_columns, columns_needed(job));
    const size_t shown = people && n > SHOWN ? SHOWN : n;
    for (size_t i = 0; i < shown; i++) put_layer(job, &rows[i]);
    free(rows);
    if (shown < n) sz_doc_line(job->doc, "The %zu slowest of %zu nodes.", shown, n);
    return true;
}

typedef struct timed_op {
    sz_op_cost op;
    double s; // NaN: not known
    size_t index;
} timed_op;

// By time; where that is not known, or the same, in the order of the costs.
static int slowest_op_first(const void *a, const void *b) {
    const timed_op *x = a, *y = b;
    if (x->s > y->s || x->s < y->s) return x->s < y->s ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

static timed_op *timed_ops(const report_job *job) {
    const size_t n = sz_costs_op_count(job->costs);
    const size_t n_nodes = job->estimate ? sz_estimate_node_count(job->estimate) : 0;
    timed_op *rows = calloc(n + 1, sizeof *rows);
    for (size_t i = 0; rows && i < n; i++) {
        rows[i] = (timed_op){sz_costs_op(job->costs, i), n_nodes ? 0 : NAN, i};
        for (size_t k = 0; k < n_nodes; k++) {
            const sz_node_time t = sz_estimate_node(job->estimate, k);
            if (strcmp(t.op, rows[i].op.op) == 0) rows[i].s += t.time_s;
        }
    }
    if (rows) qsort(rows, n, sizeof *rows, slowest_op_first);
    return rows;
}

static bool put_operators(const report_job *job) {
    static const sz_column columns[] = {
        {"op", "operator", NULL, SZ_AS_TEXT, 0},
        {"nodes", "nodes", NULL, SZ_AS_INT, 0},
        {"time_s", "time", "s", SZ_AS_SI, 0},
        {"share", "share", NULL, SZ_AS_PERCENT, SZ_COLUMN_BAR},
        {"flops", "operations", NULL, SZ_AS_SI, 0},
        {"bytes_moved", "moved", "B", SZ_AS_SI, 0},
        {"params", "parameters", NULL, SZ_AS_SI, 0},
    };
    timed_op *rows = timed_ops(job);
    if (!rows) return false;
    sz_doc_heading(job->doc, "Operators");
    sz_doc_table(job->doc, "operators", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_costs_op_count(job->costs); i++) {
        const sz_op_cost o = rows[i].op;
        const sz_cell cells[] = {sz_cell_text(o.op),
                                 sz_cell_i64(o.nodes),
                                 sz_cell_f64(rows[i].s),
                                 sz_cell_f64(rows[i].s / job->facts.nodes_s),
                                 sz_cell_i64(o.cost.flops),
                                 sz_cell_i64(o.cost.bytes_moved),
                                 sz_cell_i64(o.cost.params)};
        sz_doc_row(job->doc, cells, CLI_COUNT(cells));
    }
    free(rows);
    return true;
}

void report_put_layers(report_job *job) {
    if (!put_operators(job)) cli_error(job->app, CLI_BUG, "no memory for the output");
    sz_doc_heading(job->doc, "Layers");
    if (!report_for_people(job) && !report_put_slowest(job))
        cli_error(job->app, CLI_BUG, "no memory for the output");
    if (job->estimate)
        sz_doc_line(job->doc,
                    "As written, one row a node; times on paper: level '%s' on machine '%s'.",
                    sz_estimate_level(job->estimate), sz_machine_identity(job->machine).name);
    if (!put_layer_table(job)) cli_error(job->app, CLI_BUG, "no memory for the output");
}

// ---- as executed -------------------------------------------------------------------------------

static void put_change(const report_job *job, const char *what, double before, double after,
                       const char *unit) {
    const sz_cell cells[] = {sz_cell_text(what), sz_cell_text(report_si(before, unit).s),
                             sz_cell_text(report_si(after, unit).s),
                             sz_cell_f64(after / before - 1)};
    sz_doc_row(job->doc, cells, CLI_COUNT(cells));
}

static void put_sides(const report_job *job) {
    static const sz_column columns[] = {
        {"what", "", NULL, SZ_AS_TEXT, 0},
        {"written", "as written", NULL, SZ_AS_TEXT, 0},
        {"executed", "as executed", NULL, SZ_AS_TEXT, 0},
        {"change", "change", NULL, SZ_AS_PERCENT, 0},
    };
    const sz_cost a = sz_costs_total(job->costs), b = sz_costs_total(job->lean_costs);
    const sz_memory m = sz_costs_memory(job->costs), n = sz_costs_memory(job->lean_costs);
    sz_doc_table(job->doc, "executed", columns, CLI_COUNT(columns));
    if (job->lean_estimate && job->facts.now_s > 0)
        put_change(job, "time, on paper", job->facts.now_s,
                   sz_estimate_total(job->lean_estimate).time_s, "s");
    put_change(job, "kernels", (double)sz_costs_node_count(job->costs),
               (double)sz_costs_node_count(job->lean_costs), "");
    put_change(job, "operations", (double)a.flops, (double)b.flops, "FLOP");
    put_change(job, "bytes moved", (double)a.bytes_moved, (double)b.bytes_moved, "B");
    put_change(job, "parameters", (double)a.params, (double)b.params, "");
    put_change(job, "one block for the activations", (double)m.arena_bytes, (double)n.arena_bytes,
               "B");
}

typedef struct fused {
    size_t row;
    int64_t saved;
} fused;

static int most_saved_first(const void *a, const void *b) {
    const fused *x = a, *y = b;
    if (x->saved != y->saved) return x->saved < y->saved ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

static bool put_groups(const report_job *job) {
    enum { SHOWN = 20 };
    static const sz_column columns[] = {
        {"name", "kernel", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"op", "nodes in it", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"kind", "fusion", NULL, SZ_AS_TEXT, 0},
        {"bytes_moved", "moved", "B", SZ_AS_SI, 0},
        {"saved_bytes", "saved", "B", SZ_AS_SI, SZ_COLUMN_BAR},
    };
    const size_t n = sz_costs_node_count(job->lean_costs);
    fused *rows = calloc(n + 1, sizeof *rows);
    size_t used = 0;
    if (!rows) return false;
    for (size_t i = 0; i < n; i++) {
        const sz_node_cost c = sz_costs_node(job->lean_costs, i);
        if (c.n_nodes > 1) rows[used++] = (fused){i, c.unfused_bytes - c.cost.bytes_moved};
    }
    qsort(rows, used, sizeof *rows, most_saved_first);
    if (used) sz_doc_line(job->doc, "Fused kernels, those that save most first:");
    if (used) sz_doc_table(job->doc, "fused", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < used && i < SHOWN; i++) {
        const sz_node_cost c = sz_costs_node(job->lean_costs, rows[i].row);
        const sz_cell cells[] = {sz_cell_text(c.name), sz_cell_text(c.op), sz_cell_text(c.kind),
                                 sz_cell_i64(c.cost.bytes_moved), sz_cell_i64(rows[i].saved)};
        sz_doc_row(job->doc, cells, CLI_COUNT(cells));
    }
    if (used > SHOWN) sz_doc_line(job->doc, "%d of %zu fused kernels.", SHOWN, used);
    free(rows);
    return true;
}

void report_put_lean(report_job *job) {
    sz_doc_heading(job->doc, "As executed");
    if (!job->lean_costs) {
        sz_doc_line(job->doc, "Not known: %s.", job->lean_why);
        return;
    }
    sz_doc_line(job->doc,
                "What a compiler makes of the net by the recipe '%s': nodes rewritten, and those "
                "that run as one kernel fused.",
                job->recipe);
    put_sides(job);
    if (!put_groups(job)) cli_error(job->app, CLI_BUG, "no memory for the output");
}
