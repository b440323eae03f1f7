// SPDX-License-Identifier: Apache-2.0
// `sizeup compare A B` of two models: what each costs, side by side.
#include "cli/compare.h"
#include "cli/count.h"

#include <stdlib.h>
#include <string.h>

#include <sizeup/cost.h>

static const cli_schema_row schema[] = {
    {1, "a", CLI_J_STRING, "what A is", NULL, false},
    {1, "b", CLI_J_STRING, "what B is", NULL, false},
    {1, "rows", CLI_J_ARRAY, "counts of both", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_count_change_type, false},
    {1, "by_op", CLI_J_ARRAY, "operators, largest FLOPs first", NULL, false},
    {2, "op", CLI_J_STRING, NULL, NULL, false},
    {2, "a_nodes", CLI_J_INTEGER, NULL, NULL, false},
    {2, "b_nodes", CLI_J_INTEGER, NULL, NULL, false},
    {2, "a_flops", CLI_J_INTEGER, NULL, NULL, false},
    {2, "b_flops", CLI_J_INTEGER, NULL, NULL, false},
    {1, "passed", CLI_J_BOOL, "no gate is broken", NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
const cli_word_schema cli_compare_words[] = {
    {"models", schema, CLI_COUNT(schema)},
    {"predicted", cli_compare_predicted_schema, CLI_COMPARE_PREDICTED_ROWS},
    {NULL, NULL, 0}};

bool cli_is_model(const char *word) {
    const size_t n = strcspn(word, ":");
    sz_net_row net;
    sz_model *m;
    for (size_t i = 0; sz_list_net(i, &net); i++)
        if (strlen(net.name) == n && strncmp(net.name, word, n) == 0) return true;
    sz_ctx *ctx = sz_ctx_create(NULL);
    const sz_load_options o = {.allow_symbols = 1};
    const bool is = ctx && sz_model_load(ctx, word, &o, &m) == SZ_OK;
    if (is) sz_model_destroy(m);
    sz_ctx_destroy(ctx);
    return is;
}

typedef struct side {
    sz_model *model;
    sz_costs *costs;
} side;

static sz_status load(cli_app *app, const char *word, const cli_strings *binds,
                      const cli_strings *inputs, side *s) {
    const sz_load_options o = cli_load_options(binds, inputs);
    const sz_status status = sz_model_load(app->ctx, word, &o, &s->model);
    return status == SZ_OK ? sz_costs_create(app->ctx, s->model, NULL, &s->costs) : status;
}

static void release(side *s) {
    sz_costs_destroy(s->costs);
    sz_model_destroy(s->model);
}

static bool is_data(const cli_app *app) { return !cli_wants(app, "text") && !cli_wants(app, "md"); }

static void put_counts(const cli_app *app, sz_doc *doc, const side *a, const side *b,
                       const int *broken) {
    static const sz_column columns[] = {
        {"name", "count", NULL, SZ_AS_TEXT, 0},
        {"unit", "unit", NULL, SZ_AS_TEXT, 0},
        {"a", "A", NULL, SZ_AS_SI, 0},
        {"b", "B", NULL, SZ_AS_SI, 0},
        {"ratio", "B / A", NULL, SZ_AS_NUMBER, 0},
        {"broken", "gate", NULL, SZ_AS_TEXT, 0},
    };
    sz_doc_table(doc, "rows", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_count_change_count(); i++) {
        const sz_count_change c = sz_costs_change(a->costs, b->costs, i);
        const sz_cell gate = is_data(app) ? sz_cell_bool(broken[i])
                                          : sz_cell_text(broken[i] ? "broken" : "");
        const sz_cell cells[] = {sz_cell_text(c.name), sz_cell_text(c.unit), sz_cell_f64(c.a),
                                 sz_cell_f64(c.b),     sz_cell_f64(c.ratio), gate};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static sz_op_cost op_of(const side *s, const char *name) {
    for (size_t i = 0; i < sz_costs_op_count(s->costs); i++) {
        const sz_op_cost op = sz_costs_op(s->costs, i);
        if (strcmp(op.op, name) == 0) return op;
    }
    return (sz_op_cost){.op = name};
}

static void put_op(const cli_app *app, sz_doc *doc, const sz_op_cost *a, const sz_op_cost *b) {
    const sz_cell cells[] = {sz_cell_text(a->op), sz_cell_i64(a->nodes), sz_cell_i64(b->nodes),
                             sz_cell_i64(a->cost.flops), sz_cell_i64(b->cost.flops)};
    if (is_data(app) || a->nodes != b->nodes || a->cost.flops != b->cost.flops)
        sz_doc_row(doc, cells, CLI_COUNT(cells));
}

// People see the operators that differ.
static void put_ops(const cli_app *app, sz_doc *doc, const side *a, const side *b) {
    static const sz_column columns[] = {
        {"op", "operator", NULL, SZ_AS_TEXT, 0},    {"a_nodes", "nodes A", NULL, SZ_AS_INT, 0},
        {"b_nodes", "nodes B", NULL, SZ_AS_INT, 0}, {"a_flops", "FLOPs A", NULL, SZ_AS_SI, 0},
        {"b_flops", "FLOPs B", NULL, SZ_AS_SI, 0},
    };
    sz_doc_table(doc, "by_op", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_costs_op_count(a->costs); i++) {
        const sz_op_cost one = sz_costs_op(a->costs, i), other = op_of(b, one.op);
        put_op(app, doc, &one, &other);
    }
    for (size_t i = 0; i < sz_costs_op_count(b->costs); i++) {
        const sz_op_cost other = sz_costs_op(b->costs, i), one = op_of(a, other.op);
        if (one.nodes == 0) put_op(app, doc, &one, &other);
    }
}

static int write_comparison(cli_app *app, const side *a, const side *b, const int *broken) {
    bool passed = true;
    sz_doc *doc;
    for (size_t i = 0; i < sz_count_change_count(); i++) passed &= !broken[i];
    if (sz_doc_create(app->out, "sizeup.compare.models/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    sz_doc_fact(doc, "a", "A", sz_cell_text(app->args[0]), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "b", "B", sz_cell_text(app->args[1]), SZ_AS_TEXT, NULL);
    put_counts(app, doc, a, b, broken);
    put_ops(app, doc, a, b);
    sz_doc_fact(doc, "passed", NULL, sz_cell_bool(passed), SZ_AS_TEXT, NULL);
    const int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code == CLI_DONE && !passed ? CLI_NO : code;
}

static int compare(cli_app *app, const side *a, const side *b, const cli_strings *gates,
                   int *broken) {
    for (size_t i = 0; i < gates->n; i++) {
        const sz_status status = sz_costs_gate(app->ctx, a->costs, b->costs, gates->items[i],
                                               broken);
        if (status != SZ_OK) return cli_fail(app, status);
    }
    return write_comparison(app, a, b, broken);
}

int cli_compare_models(cli_app *app, const cli_strings *gates, const cli_strings *binds,
                       const cli_strings *inputs) {
    side a = {NULL, NULL}, b = {NULL, NULL};
    int *broken = calloc(sz_count_change_count(), sizeof *broken);
    sz_status status = load(app, app->args[0], binds, inputs, &a);
    if (status == SZ_OK) status = load(app, app->args[1], binds, inputs, &b);
    int code = CLI_BUG;
    if (status != SZ_OK)
        code = cli_fail(app, status);
    else if (broken)
        code = compare(app, &a, &b, gates, broken);
    free(broken);
    release(&a);
    release(&b);
    return code;
}
