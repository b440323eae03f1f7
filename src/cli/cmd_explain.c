// SPDX-License-Identifier: Apache-2.0
// `sizeup explain MODEL --against CONVENTION`: where two ways of counting differ, and why.
#include "cli/count.h"

#include <string.h>

typedef struct explain_options {
    cli_strings binds, inputs;
    const char *convention, *against;
} explain_options;

static const cli_option options_table[] = {
    CLI_MODEL_OPTIONS(explain_options),
    {"against", 'a', CLI_STRING, "NAME", NULL, "the other convention ('list conventions'); needed",
     offsetof(explain_options, against)},
    {"convention", 'c', CLI_STRING, "NAME", "sizeup", "the one convention",
     offsetof(explain_options, convention)},
};

static const cli_schema_row schema[] = {
    {1, "model", CLI_J_STRING, "its path", NULL, false},
    {1, "convention", CLI_J_STRING, NULL, NULL, false},
    {1, "convention_unit", CLI_J_STRING, "what it counts: FLOP or MAC", NULL, false},
    {1, "against", CLI_J_STRING, NULL, NULL, false},
    {1, "against_unit", CLI_J_STRING, NULL, NULL, false},
    {1, "ours", CLI_J_INTEGER, "total by convention", NULL, false},
    {1, "theirs", CLI_J_INTEGER, "total by against", NULL, false},
    {1, "difference", CLI_J_NUMBER, "theirs minus ours; null when units differ", NULL, false},
    {1, "differences", CLI_J_ARRAY, "by operator, largest first", NULL, false},
    {2, "op", CLI_J_STRING, NULL, NULL, false},
    {2, "nodes", CLI_J_INTEGER, NULL, NULL, false},
    {2, "ours", CLI_J_INTEGER, NULL, NULL, false},
    {2, "theirs", CLI_J_INTEGER, NULL, NULL, false},
    {2, "difference", CLI_J_NUMBER, "theirs minus ours; null when units differ", NULL, false},
    {2, "why", CLI_J_STRING, NULL, NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
static const size_t n_schema = CLI_COUNT(schema);

const cli_usage cli_explain_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(explain_options),
    .min_args = 1,
    .max_args = 1,
    .schema = schema,
    .n_schema = &n_schema,
};

// What the headline number of a convention is; "" when there is no such convention.
static const char *unit_of(const char *convention) {
    sz_convention_row row;
    for (size_t i = 0; sz_list_convention(i, &row); i++)
        if (strcmp(row.name, convention) == 0) return row.unit;
    return "";
}

static sz_cell difference(bool same_unit, int64_t ours, int64_t theirs) {
    return same_unit ? sz_cell_i64(theirs - ours) : sz_cell_none();
}

static void put_totals(sz_doc *doc, const explain_options *o, const char *path, int64_t ours,
                       int64_t theirs) {
    const char *our_unit = unit_of(o->convention), *their_unit = unit_of(o->against);
    bool same = strcmp(our_unit, their_unit) == 0;
    sz_doc_heading(doc, path);
    sz_doc_fact(doc, "model", NULL, sz_cell_text(path), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "convention", NULL, sz_cell_text(o->convention), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "convention_unit", NULL, sz_cell_text(our_unit), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "against", NULL, sz_cell_text(o->against), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "against_unit", NULL, sz_cell_text(their_unit), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "ours", o->convention, sz_cell_i64(ours), SZ_AS_SI, our_unit);
    sz_doc_fact(doc, "theirs", o->against, sz_cell_i64(theirs), SZ_AS_SI, their_unit);
    sz_doc_fact(doc, "difference", same ? "difference" : NULL, difference(same, ours, theirs),
                SZ_AS_SI, their_unit);
}

static void put_rows(sz_doc *doc, const explain_options *o, const sz_explanation *x) {
    const char *our_unit = unit_of(o->convention), *their_unit = unit_of(o->against);
    bool same = strcmp(our_unit, their_unit) == 0;
    // Both names stand in heads; the options outlive the document. A MAC less a FLOP is no number.
    const sz_column columns[] = {
        {"op", "operator", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"nodes", "nodes", NULL, SZ_AS_INT, 0},
        {"ours", o->convention, our_unit, SZ_AS_INT, 0},
        {"theirs", o->against, their_unit, SZ_AS_INT, 0},
        {"difference", "difference", NULL, SZ_AS_INT, same ? 0 : SZ_COLUMN_DATA},
        {"why", "why", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    sz_doc_table(doc, "differences", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_explanation_count(x); i++) {
        sz_difference d = sz_explanation_get(x, i);
        const sz_cell cells[] = {
            sz_cell_text(d.op),    sz_cell_i64(d.nodes),
            sz_cell_i64(d.ours),   sz_cell_i64(d.theirs),
            difference(same, d.ours, d.theirs), sz_cell_text(d.why ? d.why : ""),
        };
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    if (sz_explanation_count(x) == 0) sz_doc_line(doc, "the two count the same on this model");
}

static int report(cli_app *app, const explain_options *o, const sz_model *model,
                  const sz_explanation *x) {
    sz_doc *doc;
    if (sz_doc_create(app->out, "sizeup.explain/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    int64_t ours = 0, theirs = 0;
    sz_explanation_totals(x, &ours, &theirs);
    const char *path = sz_model_path(model);
    put_totals(doc, o, path ? path : app->args[0], ours, theirs);
    put_rows(doc, o, x);
    int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

int cli_explain(cli_app *app, const void *options) {
    const explain_options *o = options;
    if (!o->against)
        return cli_error(app, CLI_USAGE,
                         "'explain' needs --against NAME; 'list conventions' tells the names");
    sz_load_options load = cli_load_options(&o->binds, &o->inputs);
    sz_model *model = NULL;
    sz_status status = sz_model_load(app->ctx, app->args[0], &load, &model);
    if (status != SZ_OK) return cli_fail(app, status);
    sz_explanation *x = NULL;
    status = sz_explain(app->ctx, model, o->convention, o->against, &x);
    int code = status == SZ_OK ? report(app, o, model, x) : cli_fail(app, status);
    sz_explanation_destroy(x);
    sz_model_destroy(model);
    return code;
}
