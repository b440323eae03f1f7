// SPDX-License-Identifier: Apache-2.0
// `sizeup compare A B [--fail 'median:+3%']`: two runs, files of results, or machines.
#include "cli/compare.h"
#include "cli/machines.h"
#include "cli/stores.h"
#include "cli/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct compare_options {
    cli_strings fail, binds, inputs;
    const char *match, *store, *machine, *level, *model;
    bool predicted;
    int64_t top;
    double alpha;
} compare_options;

static const cli_option options_table[] = {
    {"fail", 0, CLI_LIST, "NAME:+3%", NULL,
     "exit 1 when NAME (median, p99, joule ...) rises by more (-: falls); may be repeated",
     offsetof(compare_options, fail)},
    {"bind", 0, CLI_WORDS, "SYMBOL=N", NULL, "of models: bind free dimensions",
     offsetof(compare_options, binds)},
    {"input", 0, CLI_LIST, "NAME=SHAPE", NULL, "of models: shape of an input; may be repeated",
     offsetof(compare_options, inputs)},
    {"match", 0, CLI_CHOICE, "case|work", "case",
     "case: same work, settings and machine; work: whatever the machine",
     offsetof(compare_options, match)},
    {"alpha", 0, CLI_NUMBER, "P", "0.05",
     "chance that one difference among all cases is luck and is reported all the same",
     offsetof(compare_options, alpha)},
    {"predicted", 0, CLI_FLAG, NULL, NULL,
     "one run with layers (bench --layers) beside what predict tells of it",
     offsetof(compare_options, predicted)},
    {"machine", 'm', CLI_STRING, "NAME", "here", "of --predicted: for which it is predicted",
     offsetof(compare_options, machine)},
    {"level", 'l', CLI_STRING, "LEVEL", "calibrated",
     "of --predicted: calibrated, roofline, sum or bound", offsetof(compare_options, level)},
    {"model", 0, CLI_STRING, "FILE", NULL, "of --predicted: where the model's file is now",
     offsetof(compare_options, model)},
    {"top", 0, CLI_INT, "N", "-1", "of --predicted: the N worst layers; 0: all of them",
     offsetof(compare_options, top)},
    {"store", 0, CLI_STRING, "URL", NULL, "where runs are; usual: results.db in the data folder",
     offsetof(compare_options, store)},
};

static const char notes[] = "A and B are runs or cases of the store (3, 3.2, last, last-1), files "
                            "that 'results import' can\n"
                            "read, or models, or machines, for which the gates are those of "
                            "'machine compare'. Ratios are\n"
                            "B / A: above 1 B is slower, or has more. A difference of times counts "
                            "when it is found by the\n"
                            "test of Mann and Whitney, corrected for the number of cases; "
                            "docs/statistics.md tells how.\n"
                            "Of models all counts are compared: --fail macs:+0%, bytes:+5%, "
                            "peak:+0%.\n"
                            "RUN --predicted holds a prediction to a run, layer by layer, and says "
                            "which are off and why.\n";

static const cli_schema_row schema[] = {
    {1, "a", CLI_J_STRING, "what A is", NULL, false},
    {1, "b", CLI_J_STRING, "what B is", NULL, false},
    {1, "rows", CLI_J_ARRAY, "cases that both have", NULL, false},
    {2, NULL, CLI_J_RECORD, NULL, sz_change_type, false},
    {1, "only_a", CLI_J_ARRAY, "cases that B does not have", NULL, false},
    {2, "name", CLI_J_STRING, NULL, NULL, false},
    {1, "only_b", CLI_J_ARRAY, "cases that A does not have", NULL, false},
    {2, "name", CLI_J_STRING, NULL, NULL, false},
    {1, NULL, CLI_J_RECORD, NULL, sz_changes_type, false},
    {1, "passed", CLI_J_BOOL, "no gate is broken", NULL, false},
    {1, "warnings", CLI_J_STRINGS, NULL, NULL, false},
};
static const size_t n_schema = CLI_COUNT(schema);

const cli_usage cli_compare_usage = {
    .options = options_table,
    .n_options = CLI_COUNT(options_table),
    .size = sizeof(compare_options),
    .min_args = 1,
    .max_args = 2,
    .notes = notes,
    .schema = schema,
    .n_schema = &n_schema,
    .words = cli_compare_words,
};

// ---- output ------------------------------------------------------------------------------------

static const sz_column columns[] = {
    {"name", "case", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"case_hash", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"a_s", "A", "s", SZ_AS_SI, 0},
    {"b_s", "B", "s", SZ_AS_SI, 0},
    {"ratio", "B / A", NULL, SZ_AS_NUMBER, 0},
    {"shift", NULL, NULL, SZ_AS_NUMBER, SZ_COLUMN_DATA},
    {"shift_lo", "from", NULL, SZ_AS_NUMBER, 0},
    {"shift_hi", "to", NULL, SZ_AS_NUMBER, 0},
    {"p", NULL, NULL, SZ_AS_NUMBER, SZ_COLUMN_DATA},
    {"p_corrected", "p", NULL, SZ_AS_TEXT, 0},
    {"n_a", "n", NULL, SZ_AS_INT, 0},
    {"n_b", "n", NULL, SZ_AS_INT, 0},
    {"method", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"finding", "finding", NULL, SZ_AS_TEXT, 0},
    {"note", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"broken", "gate", NULL, SZ_AS_TEXT, 0},
};

static bool is_data(const cli_app *app) { return !cli_wants(app, "text") && !cli_wants(app, "md"); }

// Below 0.0001 a p says no more than that.
static sz_cell p_cell(const cli_app *app, double p, char *text, size_t cap) {
    if (is_data(app) || isnan(p)) return sz_cell_f64(p);
    if (p < 0.0001) return sz_cell_text("< 0.0001");
    snprintf(text, cap, "%.4f", p);
    return sz_cell_text(text);
}

static void put_row(const cli_app *app, sz_doc *doc, const sz_change *r) {
    char p[32];
    const sz_cell cells[] = {
        sz_cell_text(r->name),
        sz_cell_text(r->case_hash),
        sz_cell_f64(r->a_s),
        sz_cell_f64(r->b_s),
        sz_cell_f64(r->ratio),
        sz_cell_f64(r->shift),
        sz_cell_f64(r->shift_lo),
        sz_cell_f64(r->shift_hi),
        sz_cell_f64(r->p),
        p_cell(app, r->p_corrected, p, sizeof p),
        sz_cell_i64(r->n_a),
        sz_cell_i64(r->n_b),
        sz_cell_text(r->method),
        sz_cell_text(r->finding),
        sz_cell_text(r->note),
        is_data(app) ? sz_cell_bool(r->broken) : sz_cell_text(r->broken ? "broken" : ""),
    };
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

static void put_only_table(sz_doc *doc, const sz_bench_comparison *c, int side) {
    static const sz_column name[] = {{"name", "not compared", NULL, SZ_AS_TEXT, 0}};
    sz_doc_table(doc, side ? "only_b" : "only_a", name, 1);
    for (size_t i = 0; sz_bench_comparison_only(c, side, i); i++) {
        const sz_cell cell = sz_cell_text(sz_bench_comparison_only(c, side, i));
        sz_doc_row(doc, &cell, 1);
    }
}

static void put_only(const cli_app *app, sz_doc *doc, const sz_bench_comparison *c, int side) {
    if (is_data(app)) put_only_table(doc, c, side);
    for (size_t i = 0; sz_bench_comparison_only(c, side, i); i++) {
        if (i == 10) {
            sz_doc_line(doc, "Only in %s: and others; --format json lists all", side ? "B" : "A");
            break;
        }
        sz_doc_line(doc, "Only in %s: %s", side ? "B" : "A", sz_bench_comparison_only(c, side, i));
    }
}

static void put_notes(sz_doc *doc, const sz_bench_comparison *c) {
    for (size_t i = 0; i < sz_bench_comparison_count(c); i++) {
        const sz_change r = sz_bench_comparison_row(c, i);
        if (r.note) sz_doc_line(doc, "%s: %s", r.name, r.note);
    }
}

static void put_sums(sz_doc *doc, const sz_bench_comparison *c) {
    const sz_changes s = sz_bench_comparison_sums(c);
    sz_doc_fact(doc, "compared", NULL, sz_cell_i64(s.compared), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "tested", NULL, sz_cell_i64(s.tested), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "slower", NULL, sz_cell_i64(s.slower), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "faster", NULL, sz_cell_i64(s.faster), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "broken", NULL, sz_cell_i64(s.broken), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "other_machine", NULL, sz_cell_i64(s.other_machine), SZ_AS_INT, NULL);
    sz_doc_fact(doc, "mean_ratio", NULL, sz_cell_f64(s.mean_ratio), SZ_AS_NUMBER, NULL);
    sz_doc_fact(doc, "passed", NULL, sz_cell_bool(s.broken == 0), SZ_AS_TEXT, NULL);
    sz_doc_line(doc, "%lld compared, %lld tested: %lld slower, %lld faster in B.",
                (long long)s.compared, (long long)s.tested, (long long)s.slower,
                (long long)s.faster);
    if (!isnan(s.mean_ratio)) sz_doc_line(doc, "Geometric mean of B / A: %.4g.", s.mean_ratio);
    if (s.slower > 1 && s.faster > 1)
        sz_doc_line(doc, "Both ways: look for a cause that is not the change, such as the clock.");
    if (s.other_machine)
        sz_doc_line(doc, "%lld more match but for the machine: --match work compares them.",
                    (long long)s.other_machine);
}

static void put_broken(sz_doc *doc, const sz_bench_comparison *c) {
    for (size_t i = 0; i < sz_bench_comparison_count(c); i++) {
        const sz_change r = sz_bench_comparison_row(c, i);
        if (r.broken) sz_doc_line(doc, "Gate broken: %s: B / A = %.4g", r.name, r.ratio);
    }
}

static int write_comparison(cli_app *app, const sz_bench_comparison *c) {
    sz_doc *doc;
    if (sz_doc_create(app->out, "sizeup.compare/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    sz_doc_fact(doc, "a", "A", sz_cell_text(app->args[0]), SZ_AS_TEXT, NULL);
    sz_doc_fact(doc, "b", "B", sz_cell_text(app->args[1]), SZ_AS_TEXT, NULL);
    sz_doc_table(doc, "rows", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_bench_comparison_count(c); i++) {
        const sz_change r = sz_bench_comparison_row(c, i);
        put_row(app, doc, &r);
    }
    put_notes(doc, c);
    put_only(app, doc, c, 0);
    put_only(app, doc, c, 1);
    put_sums(doc, c);
    put_broken(doc, c);
    int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code == CLI_DONE && sz_bench_comparison_sums(c).broken ? CLI_NO : code;
}

// ---- run ---------------------------------------------------------------------------------------

static sz_status compare(cli_app *app, const compare_options *o, const sz_bench_set *a,
                         const sz_bench_set *b, sz_bench_comparison **ret_comparison) {
    const sz_compare_options how = {strcmp(o->match, "work") == 0, o->alpha};
    sz_status status = sz_bench_compare(app->ctx, a, b, &how, ret_comparison);
    for (size_t i = 0; status == SZ_OK && i < o->fail.n; i++)
        status = sz_bench_comparison_gate(app->ctx, *ret_comparison, o->fail.items[i]);
    return status;
}

static int compare_records(cli_app *app, const compare_options *o, cli_word_kind a_is,
                           cli_word_kind b_is) {
    sz_bench_set *a = NULL, *b = NULL;
    sz_bench_comparison *c = NULL;
    sz_status status = cli_load_records(app, o->store, app->args[0], a_is, &a);
    if (status == SZ_OK) status = cli_load_records(app, o->store, app->args[1], b_is, &b);
    if (status == SZ_OK) status = compare(app, o, a, b, &c);
    int code = status == SZ_OK ? write_comparison(app, c) : cli_fail(app, status);
    const bool nothing = status == SZ_OK && code == CLI_DONE && sz_bench_comparison_count(c) == 0;
    if (nothing) code = cli_error(app, CLI_INPUT, "A and B have no case in common");
    sz_bench_comparison_destroy(c);
    sz_bench_set_destroy(a);
    sz_bench_set_destroy(b);
    return code;
}

static int compare_predicted(cli_app *app, const compare_options *o) {
    cli_compare_predicted_job job = {
        .machine = o->machine, .level = o->level, .model = o->model, .top = o->top};
    sz_bench_set *set = NULL;
    if (app->n_args != 1)
        return cli_error(app, CLI_USAGE, "--predicted takes one run, not '%s' too", app->args[1]);
    const cli_word_kind what = cli_kind_of(app->args[0]);
    if (what != CLI_PLACE && what != CLI_RECORDS)
        return cli_error(app, CLI_USAGE, "'%s' is neither a run nor a file of results",
                         app->args[0]);
    if (what == CLI_PLACE && !cli_has_store(app, o->store)) return CLI_UNAVAILABLE;
    const sz_status status = cli_load_records(app, o->store, app->args[0], what, &set);
    job.set = set;
    const int code = status == SZ_OK ? cli_compare_predicted(app, &job) : cli_fail(app, status);
    sz_bench_set_destroy(set);
    return code;
}

int cli_compare(cli_app *app, const void *options) {
    const compare_options *o = options;
    if (o->predicted) return compare_predicted(app, o);
    if (app->n_args < 2)
        return cli_error(app, CLI_USAGE, "'compare' needs A B, or one run and --predicted; see "
                                         "'sizeup help compare'");
    if (!(o->alpha > 0 && o->alpha < 1))
        return cli_error(app, CLI_USAGE, "option '--alpha' needs a number between 0 and 1");
    const cli_word_kind a = cli_kind_of(app->args[0]), b = cli_kind_of(app->args[1]);
    if (a == CLI_MODEL && b == CLI_MODEL)
        return cli_compare_models(app, &o->fail, &o->binds, &o->inputs);
    if (a == CLI_MODEL || b == CLI_MODEL)
        return cli_error(app, CLI_USAGE, "'%s' is a model, but '%s' is none",
                         app->args[a != CLI_MODEL], app->args[a == CLI_MODEL]);
    if (a == CLI_MACHINE && b == CLI_MACHINE)
        return cli_machine_compare(app, app->args[0], app->args[1], &o->fail);
    if ((a == CLI_PLACE || b == CLI_PLACE) && !cli_has_store(app, o->store)) return CLI_UNAVAILABLE;
    if (a != CLI_MACHINE && b != CLI_MACHINE) return compare_records(app, o, a, b);
    return cli_error(app, CLI_USAGE,
                     "'%s' holds results, but '%s' is neither a run nor a file of results",
                     app->args[a == CLI_MACHINE], app->args[a != CLI_MACHINE]);
}
