// SPDX-License-Identifier: Apache-2.0
// The document of `sizeup count`: header, a line per node, sums by operator, totals, coverage.
#include "cli/count.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double share(int64_t part, int64_t whole) {
    return whole ? (double)part / (double)whole : NAN;
}

static const char *plural(size_t n) { return n == 1 ? "" : "s"; }

// ---- header ------------------------------------------------------------------------------------

static const char *known(const char *text) { return text && *text ? text : "not known"; }

static void put_ports(sz_doc *doc, const char *title, const sz_model *model, size_t n,
                      sz_port (*get)(const sz_model *model, size_t i)) {
    enum { MAX_SHOWN = 4 };
    char text[512];
    for (size_t i = 0; i < n && i < MAX_SHOWN; i++) {
        sz_port port = get(model, i);
        snprintf(text, sizeof text, "%s  %s %s", known(port.name), port.dtype ? port.dtype : "",
                 port.shape && *port.shape ? port.shape : port.rank == 0 ? "scalar" : "?");
        sz_doc_fact(doc, NULL, title, sz_cell_text(text), SZ_AS_TEXT, NULL);
    }
    if (n <= MAX_SHOWN) return;
    snprintf(text, sizeof text, "... and %zu more", n - MAX_SHOWN);
    sz_doc_fact(doc, NULL, title, sz_cell_text(text), SZ_AS_TEXT, NULL);
}

static void put_header(sz_doc *doc, const count_job *job) {
    const sz_model *model = job->model;
    char text[128];
    const char *path = sz_model_path(model);
    sz_doc_heading(doc, known(path));
    snprintf(text, sizeof text, "%s, by %s", known(sz_model_format(model)),
             known(sz_model_producer(model)));
    sz_doc_fact(doc, NULL, "format", sz_cell_text(text), SZ_AS_TEXT, NULL);
    put_ports(doc, "input", model, sz_model_input_count(model), sz_model_input);
    put_ports(doc, "output", model, sz_model_output_count(model), sz_model_output);
    if (job->costs && strcmp(sz_costs_convention(job->costs), "sizeup") != 0)
        sz_doc_fact(doc, NULL, "counted as", sz_cell_text(sz_costs_convention(job->costs)),
                    SZ_AS_TEXT, NULL);
}

// ---- tables ------------------------------------------------------------------------------------

// Columns of a cost, in text and as data; `cost_cells` fills them in the same order.
#define COST_COLUMNS                                                                               \
    {"params", "params", NULL, SZ_AS_SI, 0}, {"macs", "MACs", NULL, SZ_AS_SI, 0},                  \
    {"flops", "FLOPs", NULL, SZ_AS_SI, 0}, {"weight_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},  \
    {"bytes_read", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},                                           \
    {"bytes_written", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},                                        \
    {"bytes_moved", "moved", "B", SZ_AS_SI, 0},                                                    \
    {"arithmetic_intensity", "FLOP/B", NULL, SZ_AS_NUMBER, 0},                                     \
    {NULL, "FLOPs%", NULL, SZ_AS_PERCENT, SZ_COLUMN_SHOW}
enum { COST_CELLS = 9 };

static void cost_cells(sz_cell *cells, const sz_cost *cost, int64_t all_flops) {
    const sz_cell filled[COST_CELLS] = {
        sz_cell_i64(cost->params),        sz_cell_i64(cost->macs),
        sz_cell_i64(cost->flops),         sz_cell_i64(cost->weight_bytes),
        sz_cell_i64(cost->bytes_read),    sz_cell_i64(cost->bytes_written),
        sz_cell_i64(cost->bytes_moved),   sz_cell_f64(cost->arithmetic_intensity),
        sz_cell_f64(share(cost->flops, all_flops)),
    };
    memcpy(cells, filled, sizeof filled);
}

static const sz_column node_columns[] = {
    {"name", "layer", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"op", "op", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"domain", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"output_dtype", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"output_shape", "output", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    COST_COLUMNS,
    {"activation_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},
    {"live_bytes", NULL, "B", SZ_AS_SI, SZ_COLUMN_DATA},
    {"note", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"unknown", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
};
enum { NODE_TEXTS = 5 };

static void put_node(sz_doc *doc, const count_job *job, size_t i, int64_t all_flops) {
    sz_node_cost node = sz_costs_node(job->costs, i);
    sz_port out = {0};
    if (node.n_outputs) out = sz_costs_node_output(job->costs, i, 0);
    sz_cell cells[CLI_COUNT(node_columns)] = {
        sz_cell_text(count_layer_name(job->costs, i, &node)),
        sz_cell_text(node.op),
        sz_cell_text(node.domain),
        sz_cell_text(out.dtype),
        sz_cell_text(out.shape),
    };
    if (!node.unknown) cost_cells(cells + NODE_TEXTS, &node.cost, all_flops); // else "-", not 0
    cells[NODE_TEXTS + COST_CELLS] = sz_cell_i64(node.activation_bytes);
    cells[NODE_TEXTS + COST_CELLS + 1] = sz_cell_i64(node.live_bytes);
    cells[NODE_TEXTS + COST_CELLS + 2] = sz_cell_text(node.note);
    cells[NODE_TEXTS + COST_CELLS + 3] = sz_cell_text(node.unknown);
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

static void put_nodes(sz_doc *doc, const count_job *job) {
    sz_cost total = sz_costs_total(job->costs);
    size_t n = sz_costs_node_count(job->costs);
    sz_doc_table(doc, "nodes", node_columns, CLI_COUNT(node_columns));
    for (size_t i = 0; i < job->n_rows; i++) put_node(doc, job, job->rows[i], total.flops);
    if (job->by_size)
        sz_doc_line(doc, "the %zu of %zu nodes with most FLOPs; --top 0 shows all", job->n_rows, n);
}

static const sz_column op_columns[] = {
    {"op", "operator", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"nodes", "nodes", NULL, SZ_AS_INT, 0},
    COST_COLUMNS,
};
enum { OP_TEXTS = 2 };

static void put_ops(sz_doc *doc, const count_job *job) {
    sz_cost total = sz_costs_total(job->costs);
    sz_doc_table(doc, "by_op", op_columns, CLI_COUNT(op_columns));
    for (size_t i = 0; i < sz_costs_op_count(job->costs); i++) {
        sz_op_cost op = sz_costs_op(job->costs, i);
        sz_cell cells[CLI_COUNT(op_columns)] = {sz_cell_text(op.op), sz_cell_i64(op.nodes)};
        bool unknown = op.kind && strcmp(op.kind, "unknown") == 0; // "-", not 0
        if (!unknown) cost_cells(cells + OP_TEXTS, &op.cost, total.flops);
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

// ---- totals ------------------------------------------------------------------------------------

void count_put_amount(sz_doc *doc, const char *key, const char *title, int64_t v,
                      const char *unit) {
    sz_doc_fact(doc, key, title, sz_cell_i64(v), SZ_AS_SI, unit);
}

static void put_totals(sz_doc *doc, const count_job *job) {
    sz_cost total = sz_costs_total(job->costs);
    sz_activations live = sz_costs_activations(job->costs);
    const sz_memory memory = sz_costs_memory(job->costs);
    char note[300] = "";
    if (live.peak_node >= 0) {
        size_t at = (size_t)live.peak_node;
        sz_node_cost node = sz_costs_node(job->costs, at);
        snprintf(note, sizeof note, "at %s", count_layer_name(job->costs, at, &node));
    }
    sz_doc_heading(doc, "total");
    count_put_amount(doc, "params", "parameters", total.params, NULL);
    count_put_amount(doc, "weight_bytes", "weights", total.weight_bytes, "B");
    count_put_amount(doc, "macs", "MACs", total.macs, NULL);
    count_put_amount(doc, "flops", "FLOPs", total.flops, NULL);
    sz_xla_totals xla;
    if (sz_costs_xla(job->costs, &xla)) {
        count_put_amount(doc, "transcendentals", "transcendentals", xla.transcendentals, NULL);
        count_put_amount(doc, "bytes_accessed", "bytes accessed", xla.bytes_accessed, "B");
    }
    count_put_amount(doc, "bytes_read", "read", total.bytes_read, "B");
    count_put_amount(doc, "bytes_written", "written", total.bytes_written, "B");
    count_put_amount(doc, "bytes_moved", "moved", total.bytes_moved, "B");
    sz_doc_fact(doc, "arithmetic_intensity", "intensity", sz_cell_f64(total.arithmetic_intensity),
                SZ_AS_NUMBER, "FLOP/B");
    count_put_amount(doc, "activation_bytes", "activations", live.total_bytes, "B");
    sz_doc_fact_note(doc, "peak_activation_bytes", "peak activations", sz_cell_i64(live.peak_bytes),
                     SZ_AS_SI, "B", *note ? note : NULL);
    count_put_amount(doc, "in_place_peak_bytes", "  in place", memory.in_place_peak_bytes, "B");
    count_put_amount(doc, "arena_bytes", "  arena", memory.arena_bytes, "B");
}

// What a simple model of performance divides by a bandwidth and by a rate.
static void put_overhead(sz_doc *doc, const count_job *job) {
    const sz_demand o = sz_costs_demand(job->costs);
    sz_doc_heading(doc, "overheads");
    sz_doc_fact_note(doc, "communication_bytes", "communication",
                     sz_cell_i64(o.communication_bytes), SZ_AS_SI, "B",
                     "weights and data between layers");
    count_put_amount(doc, "layer_bytes", "  between layers", o.layer_bytes, "B");
    count_put_amount(doc, "computation_flops", "computation", o.computation_flops, "FLOP");
}

// ---- coverage ----------------------------------------------------------------------------------

static const sz_column unknown_columns[] = {
    {NULL, "not costed", NULL, SZ_AS_TEXT, SZ_COLUMN_SHOW | SZ_COLUMN_SHRINK},
    {NULL, "op", NULL, SZ_AS_TEXT, SZ_COLUMN_SHOW},
    {NULL, "why", NULL, SZ_AS_TEXT, SZ_COLUMN_SHOW | SZ_COLUMN_WRAP},
};

// Operator with its domain, as people write it: com.microsoft.Attention.
static const char *full_op(const sz_node_cost *node, char *text, size_t size) {
    if (!node->domain || !*node->domain) return node->op;
    snprintf(text, size, "%s.%s", node->domain, node->op);
    return text;
}

static void put_coverage(sz_doc *doc, const count_job *job) {
    enum { MAX_SHOWN = 20 };
    size_t n = sz_costs_node_count(job->costs), unknown = 0;
    sz_doc_line(doc, "%lld of %zu node%s costed", (long long)sz_costs_covered(job->costs), n,
                plural(n));
    for (size_t i = 0; i < n; i++) {
        sz_node_cost node = sz_costs_node(job->costs, i);
        if (!node.unknown || ++unknown > MAX_SHOWN) continue;
        if (unknown == 1) sz_doc_table(doc, NULL, unknown_columns, CLI_COUNT(unknown_columns));
        char op[200];
        const sz_cell cells[] = {sz_cell_text(count_layer_name(job->costs, i, &node)),
                                 sz_cell_text(full_op(&node, op, sizeof op)),
                                 sz_cell_text(node.unknown)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    if (unknown > MAX_SHOWN)
        sz_doc_line(doc, "... and %zu more; --format json names them all", unknown - MAX_SHOWN);
    if (unknown) sz_doc_line(doc, "The sums leave these nodes out: they are lower bounds.");
}

// What a reader should know of a node: which branch was counted, how often a loop runs.
static void put_notes(sz_doc *doc, const count_job *job) {
    enum { MAX_SHOWN = 10 };
    size_t n = sz_costs_node_count(job->costs), shown = 0;
    for (size_t i = 0; i < n && shown < MAX_SHOWN; i++) {
        sz_node_cost node = sz_costs_node(job->costs, i);
        if (!node.note || !*node.note) continue;
        sz_doc_line(doc, "note: %s (%s): %s", count_layer_name(job->costs, i, &node), node.op,
                    node.note);
        shown++;
    }
}

static void put_formula(sz_doc *doc, const sz_formula *formula) {
    static const sz_column columns[] = {
        {"metric", "cost", NULL, SZ_AS_TEXT, 0},
        {"formula", "as a function of the free dimensions", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
        {"why", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    };
    sz_doc_table(doc, "formula", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_formula_count(formula); i++) {
        sz_formula_row row = sz_formula_get(formula, i);
        char none[200];
        snprintf(none, sizeof none, "none: %s", row.why ? row.why : "not known");
        const sz_cell cells[] = {sz_cell_text(row.metric), sz_cell_text(row.text ? row.text : none),
                                 sz_cell_text(row.why)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    for (size_t i = 0; i < sz_formula_count(formula); i++) {
        const sz_formula_row row = sz_formula_get(formula, i);
        if (row.text && row.why) sz_doc_line(doc, "%s: %s", row.metric, row.why);
    }
    if (sz_formula_multiple(formula) > 1)
        sz_doc_line(doc, "for sizes that are multiples of %lld",
                    (long long)sz_formula_multiple(formula));
}

void count_fill_doc(const count_job *job, sz_doc *doc) {
    put_header(doc, job);
    if (job->formula) put_formula(doc, job->formula);
    if (!job->costs) return;
    if (job->with_nodes) put_nodes(doc, job);
    if (job->with_nodes && job->training) count_put_node_training(doc, job);
    if (job->with_ops) put_ops(doc, job);
    put_totals(doc, job);
    put_overhead(doc, job);
    if (job->training) count_put_training(doc, job);
    put_coverage(doc, job);
    put_notes(doc, job);
}
