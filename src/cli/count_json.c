// SPDX-License-Identifier: Apache-2.0
// The JSON of `sizeup count`, streamed: no tree of it is ever built.
#include "cli/count.h"
#include "cli/optimize.h"

// Dims as numbers; a dim that is not known is null, or the name of its symbol.
static void put_shape(sz_json *json, const sz_model *model, const sz_port *port) {
    if (port->rank < 0) {
        sz_json_null(json);
        return;
    }
    sz_json_begin_array(json);
    for (int i = 0; i < port->rank; i++) {
        int64_t dim = port->dims[i];
        uint64_t symbol = dim <= -2 ? (uint64_t)(-2 - dim) : UINT64_MAX;
        if (dim >= 0) sz_json_i64(json, dim);
        else if (symbol < sz_model_symbol_count(model))
            sz_json_str(json, sz_model_symbol(model, (size_t)symbol, NULL));
        else sz_json_null(json);
    }
    sz_json_end_array(json);
}

static void put_port(sz_json *json, const sz_model *model, sz_port port) {
    sz_json_begin_object(json);
    sz_json_key_str(json, "name", port.name);
    sz_json_key_str(json, "dtype", port.dtype);
    sz_json_key(json, "shape");
    put_shape(json, model, &port);
    sz_json_end_object(json);
}

static void put_model(sz_json *json, const sz_model *model) {
    sz_json_key_object(json, "model");
    sz_json_key_str(json, "path", sz_model_path(model));
    sz_json_key_str(json, "format", sz_model_format(model));
    sz_json_key_str(json, "producer", sz_model_producer(model));
    sz_json_key_i64(json, "nodes", sz_model_node_count(model));
    sz_json_key_array(json, "inputs");
    for (size_t i = 0; i < sz_model_input_count(model); i++)
        put_port(json, model, sz_model_input(model, i));
    sz_json_end_array(json);
    sz_json_key_array(json, "outputs");
    for (size_t i = 0; i < sz_model_output_count(model); i++)
        put_port(json, model, sz_model_output(model, i));
    sz_json_end_array(json);
    sz_json_end_object(json);
}

static void put_formula(sz_json *json, const sz_formula *formula) {
    sz_json_key_object(json, "formula");
    sz_json_key_array(json, "symbols");
    for (size_t i = 0; i < sz_formula_symbol_count(formula); i++)
        sz_json_str(json, sz_formula_symbol(formula, i));
    sz_json_end_array(json);
    sz_json_key_i64(json, "multiple", sz_formula_multiple(formula));
    sz_json_key_object(json, "metrics");
    for (size_t i = 0; i < sz_formula_count(formula); i++) {
        sz_formula_row row = sz_formula_get(formula, i);
        sz_json_key_object(json, row.metric);
        sz_json_key_str(json, "formula", row.text);
        sz_json_key_str(json, "why", row.why);
        sz_json_key_i64(json, "multiple", row.multiple);
        sz_json_end_object(json);
    }
    sz_json_end_object(json);
    sz_json_end_object(json);
}

// The name of a node, null when there is none (-1).
static void put_node_name(sz_json *json, const sz_costs *costs, const char *key, int64_t at) {
    sz_json_key(json, key);
    if (at < 0) {
        sz_json_null(json);
        return;
    }
    const sz_node_cost node = sz_costs_node(costs, (size_t)at);
    sz_json_str(json, count_layer_name(costs, (size_t)at, &node));
}

static void put_training(sz_json *json, const count_job *job) {
    const sz_training training = sz_costs_training(job->costs);
    const sz_training_peak peak = sz_costs_training_peak(job->costs);
    sz_json_key_object(json, "training");
    sz_json_key_str(json, "optimizer", job->options->optimizer);
    sz_json_key_str(json, "precision", job->options->precision);
    sz_json_key_str(json, "recompute", job->options->recompute);
    sz_json_record(json, sz_training_type(), &training);
    sz_json_key_str(json, "peak_phase", peak.phase);
    put_node_name(json, job->costs, "peak_node", peak.node);
    sz_json_end_object(json);
}

static void put_total(sz_json *json, const count_job *job) {
    sz_cost total = sz_costs_total(job->costs);
    sz_activations live = sz_costs_activations(job->costs);
    const sz_memory memory = sz_costs_memory(job->costs);
    sz_json_key_object(json, "total");
    sz_json_record(json, sz_cost_type(), &total);
    sz_xla_totals xla;
    if (sz_costs_xla(job->costs, &xla)) {
        sz_json_key_i64(json, "transcendentals", xla.transcendentals);
        sz_json_key_i64(json, "bytes_accessed", xla.bytes_accessed);
    }
    sz_json_key_i64(json, "peak_activation_bytes", live.peak_bytes);
    sz_json_key_i64(json, "activation_bytes", live.total_bytes);
    put_node_name(json, job->costs, "peak_activation_node", live.peak_node);
    sz_json_record(json, sz_memory_type(), &memory);
    put_node_name(json, job->costs, "in_place_peak_node", memory.peak_node);
    sz_json_key_str(json, "arena_method", memory.method);
    const sz_demand overhead = sz_costs_demand(job->costs);
    sz_json_key_object(json, "overhead");
    sz_json_record(json, sz_demand_type(), &overhead);
    sz_json_end_object(json);
    if (job->training) put_training(json, job);
    sz_json_end_object(json);
}

static void put_coverage(sz_json *json, const sz_costs *costs) {
    size_t n = sz_costs_node_count(costs);
    sz_json_key_object(json, "coverage");
    sz_json_key_i64(json, "nodes", (int64_t)n);
    sz_json_key_i64(json, "costed", sz_costs_covered(costs));
    sz_json_key_array(json, "unknown");
    for (size_t i = 0; i < n; i++) {
        sz_node_cost node = sz_costs_node(costs, i);
        if (!node.unknown) continue;
        sz_json_begin_object(json);
        sz_json_key_str(json, "node", count_layer_name(costs, i, &node));
        sz_json_key_str(json, "op", node.op);
        sz_json_key_str(json, "domain", node.domain);
        sz_json_key_str(json, "why", node.unknown);
        sz_json_end_object(json);
    }
    sz_json_end_array(json);
    sz_json_end_object(json);
}

static void put_ops(sz_json *json, const sz_costs *costs) {
    sz_json_key_object(json, "by_op");
    for (size_t i = 0; i < sz_costs_op_count(costs); i++) {
        sz_op_cost op = sz_costs_op(costs, i);
        sz_json_key_object(json, op.op);
        sz_json_key_i64(json, "nodes", op.nodes);
        sz_json_record(json, sz_cost_type(), &op.cost);
        sz_json_end_object(json);
    }
    sz_json_end_object(json);
}

static void put_node(sz_json *json, const count_job *job, size_t i) {
    sz_node_cost node = sz_costs_node(job->costs, i);
    sz_json_begin_object(json);
    sz_json_key_str(json, "name", node.name);
    sz_json_key_str(json, "op", node.op);
    sz_json_key_str(json, "domain", node.domain);
    sz_json_key_str(json, "kind", node.kind);
    sz_json_record(json, sz_cost_type(), &node.cost);
    sz_json_key_i64(json, "activation_bytes", node.activation_bytes);
    sz_json_key_i64(json, "live_bytes", node.live_bytes);
    if (job->training) {
        const sz_node_training training = sz_costs_node_training(job->costs, i);
        sz_json_key_object(json, "training");
        sz_json_record(json, sz_node_training_type(), &training);
        sz_json_key_str(json, "unknown", training.unknown);
        sz_json_end_object(json);
    }
    sz_json_key_str(json, "signature", node.signature);
    sz_json_key_str(json, "note", node.note);
    sz_json_key_str(json, "unknown", node.unknown);
    if (node.n_sources) cli_put_sources(json, &node);
    sz_json_key_array(json, "outputs");
    for (size_t o = 0; o < node.n_outputs; o++)
        put_port(json, job->model, sz_costs_node_output(job->costs, i, o));
    sz_json_end_array(json);
    sz_json_end_object(json);
}

static void put_costs(sz_json *json, const count_job *job) {
    put_total(json, job);
    put_coverage(json, job->costs);
    if (job->with_ops) put_ops(json, job->costs);
    if (!job->with_nodes) return;
    sz_json_key_array(json, "nodes");
    for (size_t i = 0; i < job->n_rows; i++) put_node(json, job, job->rows[i]);
    sz_json_end_array(json);
}

void count_write_json(const count_job *job, sz_buf *buf) {
    sz_json json;
    sz_json_init(&json, buf, 2);
    sz_json_begin_object(&json);
    sz_json_key_str(&json, "schema", "sizeup.count/1");
    put_model(&json, job->model);
    const char *convention = job->options->convention;
    sz_json_key_str(&json, "convention", convention ? convention : "sizeup");
    sz_json_key_str(&json, "mode", job->options->mode);
    if (job->options->optimized) cli_put_passes(&json, job->model, job->options->recipe);
    if (job->formula) put_formula(&json, job->formula);
    if (job->costs) put_costs(&json, job);
    sz_json_warnings(&json, job->app->ctx);
    sz_json_end_object(&json);
}

// ---- its schema --------------------------------------------------------------------------------

#define PORT_ROWS(depth)                                                                           \
    {depth, "name", CLI_J_STRING, NULL, NULL, false},                                              \
    {depth, "dtype", CLI_J_STRING, "as 'list dtypes' names it", NULL, false},                      \
    {depth, "shape", CLI_J_SHAPE, "null: not known or not a tensor", NULL, false}

const cli_schema_row count_schema[] = {
    {1, "model", CLI_J_OBJECT, NULL, NULL, false},
    {2, "path", CLI_J_STRING, NULL, NULL, false},
    {2, "format", CLI_J_STRING, NULL, NULL, false},
    {2, "producer", CLI_J_STRING, NULL, NULL, false},
    {2, "nodes", CLI_J_INTEGER, NULL, NULL, false},
    {2, "inputs", CLI_J_ARRAY, NULL, NULL, false},
    PORT_ROWS(3),
    {2, "outputs", CLI_J_ARRAY, NULL, NULL, false},
    PORT_ROWS(3),
    {1, "convention", CLI_J_STRING, "what a FLOP and a MAC are", NULL, false},
    {1, "mode", CLI_J_STRING, "inference or training", NULL, false},
    {1, "optimized", CLI_J_OBJECT, "with --optimized", NULL, true},
    {2, "recipe", CLI_J_STRING, "whose fusions: 'list recipes'", NULL, false},
    CLI_PASS_ROWS(2),
    {1, "formula", CLI_J_OBJECT, "with --formula", NULL, true},
    {2, "symbols", CLI_J_STRINGS, "free dimensions", NULL, false},
    {2, "multiple", CLI_J_INTEGER, "sizes must be multiples of it", NULL, false},
    {2, "metrics", CLI_J_MAP, "polynomials in the symbols", NULL, false},
    {3, "formula", CLI_J_STRING, "null: there is none", NULL, false},
    {3, "why", CLI_J_STRING, "why there is none, or up to which sizes it holds", NULL, false},
    {3, "multiple", CLI_J_INTEGER, "sizes must be multiples of it", NULL, false},
    {1, "total", CLI_J_OBJECT, "not there while dimensions are free", NULL, true},
    {2, NULL, CLI_J_RECORD, NULL, sz_cost_type, false},
    {2, "transcendentals", CLI_J_INTEGER, "convention xla, of XLA's instructions", NULL, true},
    {2, "bytes_accessed", CLI_J_INTEGER, "the same, as XLA's cost analysis has it", NULL, true},
    {2, "peak_activation_bytes", CLI_J_INTEGER, "most bytes alive at one node, in file order", NULL,
     false},
    {2, "activation_bytes", CLI_J_INTEGER, "outputs of all nodes together", NULL, false},
    {2, "peak_activation_node", CLI_J_STRING, "the node of the peak", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_memory_type, false},
    {2, "in_place_peak_node", CLI_J_STRING, "the node of that peak", NULL, false},
    {2, "arena_method", CLI_J_STRING, "greedy by size, or stacked", NULL, false},
    {2, "overhead", CLI_J_OBJECT, "of the simple model of performance", NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_demand_type, false},
    {2, "training", CLI_J_OBJECT, "with --mode training", NULL, true},
    {3, "optimizer", CLI_J_STRING, NULL, NULL, false},
    {3, "precision", CLI_J_STRING, "model: as the file says", NULL, false},
    {3, "recompute", CLI_J_STRING, "what runs again instead of being kept", NULL, false},
    {3, NULL, CLI_J_RECORD, NULL, sz_training_type, false},
    {3, "peak_phase", CLI_J_STRING, "forward, recompute, backward or update", NULL, false},
    {3, "peak_node", CLI_J_STRING, "null: at the update", NULL, false},
    {1, "coverage", CLI_J_OBJECT, "not there while dimensions are free", NULL, true},
    {2, "nodes", CLI_J_INTEGER, "nodes of the model", NULL, false},
    {2, "costed", CLI_J_INTEGER, "of them, those in the sums", NULL, false},
    {2, "unknown", CLI_J_ARRAY, "the others", NULL, false},
    {3, "node", CLI_J_STRING, NULL, NULL, false},
    {3, "op", CLI_J_STRING, NULL, NULL, false},
    {3, "domain", CLI_J_STRING, NULL, NULL, false},
    {3, "why", CLI_J_STRING, NULL, NULL, false},
    {1, "by_op", CLI_J_MAP, "sums by operator; not with --by total", NULL, true},
    {2, "nodes", CLI_J_INTEGER, NULL, NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_cost_type, false},
    {1, "nodes", CLI_J_ARRAY, "in file order, or as --top says; only with --by node", NULL, true},
    {2, "name", CLI_J_STRING, NULL, NULL, false},
    {2, "op", CLI_J_STRING, NULL, NULL, false},
    {2, "domain", CLI_J_STRING, "\"\" is ai.onnx", NULL, false},
    {2, "kind", CLI_J_STRING, "what the operator is: contraction, norm ...", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_cost_type, false},
    {2, "activation_bytes", CLI_J_INTEGER, "its outputs", NULL, false},
    {2, "live_bytes", CLI_J_INTEGER, "activations alive while it runs", NULL, false},
    {2, "training", CLI_J_OBJECT, "with --mode training", NULL, true},
    {3, NULL, CLI_J_RECORD, NULL, sz_node_training_type, false},
    {3, "unknown", CLI_J_STRING, "why its backward pass is not known; null when it is", NULL,
     false},
    {2, "signature", CLI_J_STRING, "joins cost, measurement and prediction", NULL, false},
    {2, "note", CLI_J_STRING, "branches, trip count; null when there is nothing to say", NULL,
     false},
    {2, "unknown", CLI_J_STRING, "why it is not costed; null when it is", NULL, false},
    {2, "sources", CLI_J_STRINGS, "with --optimized: nodes of the file in it", NULL, true},
    {2, "outputs", CLI_J_ARRAY, NULL, NULL, false},
    PORT_ROWS(3),
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
const size_t count_schema_n = CLI_COUNT(count_schema);
