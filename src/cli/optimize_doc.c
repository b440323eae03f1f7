// SPDX-License-Identifier: Apache-2.0
// The outputs of `sizeup optimize`.
#include "cli/optimize.h"

#include <math.h>
#include <string.h>

// ---- text --------------------------------------------------------------------------------------

typedef struct line {
    const char *key, *title;
    int64_t before, after;
} line;

static double change(int64_t before, int64_t after) {
    return before ? (double)after / (double)before - 1 : NAN;
}

static void put_sides(sz_doc *doc, const optimize_job *job) {
    static const sz_column columns[] = {
        {"what", "", NULL, SZ_AS_TEXT, 0},
        {"before", "as written", NULL, SZ_AS_SI, 0},
        {"after", "as executed", NULL, SZ_AS_SI, 0},
        {"change", "change", NULL, SZ_AS_PERCENT, 0},
    };
    const optimize_side *b = &job->before, *a = &job->after;
    const line lines[] = {
        {"kernels", "nodes, kernels", b->rows, a->rows},
        {"params", "parameters", b->total.params, a->total.params},
        {"weight_bytes", "weights, B", b->total.weight_bytes, a->total.weight_bytes},
        {"macs", "MACs", b->total.macs, a->total.macs},
        {"flops", "FLOPs", b->total.flops, a->total.flops},
        {"bytes_read", "read, B", b->total.bytes_read, a->total.bytes_read},
        {"bytes_written", "written, B", b->total.bytes_written, a->total.bytes_written},
        {"bytes_moved", "moved, B", b->total.bytes_moved, a->total.bytes_moved},
        {"activation_bytes", "activations, B", b->live.total_bytes, a->live.total_bytes},
        {"peak_activation_bytes", "peak activations, B", b->live.peak_bytes, a->live.peak_bytes},
    };
    sz_doc_table(doc, "sides", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < CLI_COUNT(lines); i++) {
        const sz_cell cells[] = {sz_cell_text(lines[i].title), sz_cell_i64(lines[i].before),
                                 sz_cell_i64(lines[i].after),
                                 sz_cell_f64(change(lines[i].before, lines[i].after))};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    const sz_cell intensity[] = {sz_cell_text("intensity, FLOP/B"),
                                 sz_cell_f64(b->total.arithmetic_intensity),
                                 sz_cell_f64(a->total.arithmetic_intensity)};
    sz_doc_row(doc, intensity, CLI_COUNT(intensity));
}

static void put_pass_table(sz_doc *doc, const optimize_job *job) {
    static const sz_column columns[] = {
        {"name", "pass", NULL, SZ_AS_TEXT, 0},
        {"changed", "changed", NULL, SZ_AS_INT, 0},
        {"what", "what it does", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "passes", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_model_pass_count(job->model); i++) {
        const sz_pass_result r = sz_model_pass(job->model, i);
        sz_pass_row row = {0};
        for (size_t k = 0; sz_list_pass(k, &row) && strcmp(row.name, r.name) != 0; k++) continue;
        if (r.changed == 0) continue;
        const sz_cell cells[] = {sz_cell_text(r.name), sz_cell_i64(r.changed),
                                 sz_cell_text(row.what)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void put_groups(sz_doc *doc, const optimize_job *job, size_t shown) {
    static const sz_column columns[] = {
        {"name", "group", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"kind", "kind", NULL, SZ_AS_TEXT, 0},
        {"op", "operators", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"nodes", "nodes", NULL, SZ_AS_INT, 0},
        {"flops", "FLOPs", NULL, SZ_AS_SI, 0},
        {"bytes_moved", "moved", "B", SZ_AS_SI, 0},
        {"saved_bytes", "saved", "B", SZ_AS_SI, 0},
    };
    sz_doc_table(doc, "groups", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < shown; i++) {
        const sz_node_cost row = sz_costs_node(job->costs, job->groups[i]);
        const sz_cell cells[] = {sz_cell_text(count_layer_name(job->costs, job->groups[i], &row)),
                                 sz_cell_text(row.kind),
                                 sz_cell_text(row.op),
                                 sz_cell_i64((int64_t)row.n_nodes),
                                 sz_cell_i64(row.cost.flops),
                                 sz_cell_i64(row.cost.bytes_moved),
                                 sz_cell_i64(row.unfused_bytes - row.cost.bytes_moved)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    if (shown < job->n_groups)
        sz_doc_line(doc, "the %zu of %zu groups that save most bytes; --top 0 shows all", shown,
                    job->n_groups);
}

void optimize_fill_doc(const optimize_job *job, sz_doc *doc, size_t shown) {
    const optimize_side *a = &job->after;
    sz_doc_heading(doc, sz_model_path(job->model));
    sz_doc_fact(doc, "recipe", "as run by", sz_cell_text(job->options->recipe), SZ_AS_TEXT, NULL);
    put_sides(doc, job);
    put_pass_table(doc, job);
    if (job->n_groups) put_groups(doc, job, shown);
    if (a->covered < a->rows || job->before.covered < job->before.rows)
        sz_doc_line(doc,
                    "Not costed: %lld of %lld nodes before, %lld of %lld kernels after. The sums "
                    "leave them out.",
                    (long long)(job->before.rows - job->before.covered),
                    (long long)job->before.rows, (long long)(a->rows - a->covered),
                    (long long)a->rows);
}

// ---- JSON --------------------------------------------------------------------------------------

static void put_passes(sz_json *json, const sz_model *model) {
    sz_json_key_array(json, "passes");
    for (size_t i = 0; i < sz_model_pass_count(model); i++) {
        const sz_pass_result r = sz_model_pass(model, i);
        sz_json_begin_object(json);
        sz_json_key_str(json, "name", r.name);
        sz_json_key_i64(json, "changed", r.changed);
        sz_json_end_object(json);
    }
    sz_json_end_array(json);
}

void cli_put_passes(sz_json *json, const sz_model *model, const char *recipe) {
    sz_json_key_object(json, "optimized");
    sz_json_key_str(json, "recipe", recipe ? recipe : "generic");
    put_passes(json, model);
    sz_json_end_object(json);
}

void cli_put_sources(sz_json *json, const sz_node_cost *row) {
    sz_json_key_array(json, "sources");
    for (size_t i = 0; i < row->n_sources; i++) sz_json_str(json, row->sources[i]);
    sz_json_end_array(json);
}

static void put_side(sz_json *json, const char *key, const optimize_side *side) {
    sz_json_key_object(json, key);
    sz_json_record(json, sz_cost_type(), &side->total);
    sz_json_key_i64(json, "peak_activation_bytes", side->live.peak_bytes);
    sz_json_key_i64(json, "activation_bytes", side->live.total_bytes);
    sz_json_key_i64(json, "kernels", side->rows);
    sz_json_key_i64(json, "costed", side->covered);
    sz_json_end_object(json);
}

static void put_group(sz_json *json, const optimize_job *job, size_t i) {
    const sz_node_cost row = sz_costs_node(job->costs, i);
    sz_json_begin_object(json);
    sz_json_key_str(json, "name", row.name);
    sz_json_key_str(json, "kind", row.kind);
    sz_json_key_str(json, "op", row.op);
    sz_json_key_i64(json, "nodes", (int64_t)row.n_nodes);
    cli_put_sources(json, &row);
    sz_json_key_i64(json, "flops", row.cost.flops);
    sz_json_key_i64(json, "bytes_moved", row.cost.bytes_moved);
    sz_json_key_i64(json, "unfused_bytes", row.unfused_bytes);
    sz_json_key_str(json, "unknown", row.unknown);
    sz_json_end_object(json);
}

void optimize_write_json(const cli_app *app, const optimize_job *job, sz_buf *buf) {
    sz_json json;
    sz_json_init(&json, buf, 2);
    sz_json_begin_object(&json);
    sz_json_key_str(&json, "schema", "sizeup.optimize/1");
    sz_json_key_str(&json, "model", sz_model_path(job->model));
    sz_json_key_str(&json, "recipe", job->options->recipe);
    put_side(&json, "before", &job->before);
    put_side(&json, "after", &job->after);
    put_passes(&json, job->model);
    sz_json_key_array(&json, "groups");
    for (size_t i = 0; i < job->n_groups; i++) put_group(&json, job, job->groups[i]);
    sz_json_end_array(&json);
    sz_json_warnings(&json, app->ctx);
    sz_json_end_object(&json);
}

// ---- its schema --------------------------------------------------------------------------------

#define SIDE_ROWS                                                                                  \
    {2, NULL, CLI_J_RECORD, NULL, sz_cost_type, false},                                            \
        {2, "peak_activation_bytes", CLI_J_INTEGER, "most bytes alive at one time", NULL, false},  \
        {2, "activation_bytes", CLI_J_INTEGER, "all results that are written", NULL, false},       \
        {2, "kernels", CLI_J_INTEGER, "nodes, or groups of nodes, that run", NULL, false}, {       \
        2, "costed", CLI_J_INTEGER, "of them, those in the sums", NULL, false                      \
    }

const cli_schema_row optimize_schema[] = {
    {1, "model", CLI_J_STRING, "its path", NULL, false},
    {1, "recipe", CLI_J_STRING, "whose fusions: 'list recipes'", NULL, false},
    {1, "before", CLI_J_OBJECT, "as written", NULL, false},
    SIDE_ROWS,
    {1, "after", CLI_J_OBJECT, "as executed", NULL, false},
    SIDE_ROWS,
    CLI_PASS_ROWS(1),
    {1, "groups", CLI_J_ARRAY, "most bytes saved first", NULL, false},
    {2, "name", CLI_J_STRING, "its main node", NULL, false},
    {2, "kind", CLI_J_STRING, "convolution, matmul, attention, norm ...", NULL, false},
    {2, "op", CLI_J_STRING, "its operators", NULL, false},
    {2, "nodes", CLI_J_INTEGER, NULL, NULL, false},
    {2, "sources", CLI_J_STRINGS, "nodes of the file in it", NULL, false},
    {2, "flops", CLI_J_INTEGER, NULL, NULL, false},
    {2, "bytes_moved", CLI_J_INTEGER, "what still crosses memory", NULL, false},
    {2, "unfused_bytes", CLI_J_INTEGER, "what its nodes would move one by one", NULL, false},
    {2, "unknown", CLI_J_STRING, "why it is not costed; null when it is", NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
const size_t optimize_schema_n = CLI_COUNT(optimize_schema);
