// SPDX-License-Identifier: Apache-2.0
// `sizeup machine compare A B [--fail 'NAME:-3%']`.
#include "cli/machines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct comparing {
    cli_app *app;
    sz_machine *a, *b;
    sz_comparison *c;
    int *broken; // one per row
    bool passed;
} comparing;

static void put_table(sz_doc *doc, const comparing *w) {
    const sz_column columns[] = {
        {"kind", "kind", NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
        {"name", "what", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"unit", "unit", NULL, SZ_AS_TEXT, 0},
        {"a", "A", NULL, SZ_AS_SI, 0},
        {"b", "B", NULL, SZ_AS_SI, 0},
        {"ratio", "B / A", NULL, SZ_AS_NUMBER, 0},
        {"better", "better", NULL, SZ_AS_TEXT, 0},
        {"broken", "gate", NULL, SZ_AS_TEXT, 0},
    };
    const char *kind = NULL;
    const bool data = !cli_wants(w->app, "text") && !cli_wants(w->app, "md");
    sz_doc_table(doc, "rows", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_comparison_count(w->c); i++) {
        const sz_machine_difference d = sz_comparison_row(w->c, i);
        if (kind && strcmp(kind, d.kind) != 0) sz_doc_rule(doc);
        kind = d.kind;
        const sz_cell gate = data ? sz_cell_bool(w->broken[i])
                                  : sz_cell_text(w->broken[i] ? "broken" : "");
        const sz_cell cells[] = {sz_cell_text(d.kind),
                                 sz_cell_text(d.name),
                                 sz_cell_text(d.unit),
                                 sz_cell_f64(d.a),
                                 sz_cell_f64(d.b),
                                 sz_cell_f64(d.ratio),
                                 d.better ? sz_cell_text(data               ? d.better
                                                         : *d.better == 'a' ? "A"
                                                                            : "B")
                                          : sz_cell_none(),
                                 gate};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

// Do two measurements of one machine agree? The clock wanders, so work per cycle is what tells.
static void put_agreement(sz_doc *doc, const sz_comparison *c) {
    static const double AGREE = 0.03;
    int64_t both = 0, agree = 0;
    for (size_t i = 0; i < sz_comparison_count(c); i++) {
        const sz_machine_difference d = sz_comparison_row(c, i);
        if (strcmp(d.kind, "per cycle") != 0 || isnan(d.ratio)) continue;
        both++;
        agree += fabs(d.ratio - 1) <= AGREE;
    }
    if (both == 0) return;
    sz_doc_line(doc,
                "Work per cycle: %lld of the %lld readings that are valid in both agree within "
                "%.0f %%.",
                (long long)agree, (long long)both, 100 * AGREE);
    sz_doc_line(doc, "L3, DRAM and links are shared with others: there, see the spreads.");
}

static void put_machine(sz_doc *doc, const char *letter, const char *key, const sz_machine *m) {
    const sz_identity id = sz_machine_identity(m);
    sz_doc_fact_note(doc, key, letter, sz_cell_text(id.name), SZ_AS_TEXT, NULL,
                     sz_machine_cpu(m).model);
    if (!sz_machine_ok(m))
        sz_doc_line(doc, "The measurement of %s was disturbed: see 'sizeup machine show %s'.",
                    letter, id.name);
}

static int write_comparison(comparing *w) {
    sz_doc *doc;
    if (sz_doc_create(w->app->out, "sizeup.machine.compare/1", &doc) != SZ_OK)
        return cli_error(w->app, CLI_BUG, "no memory for the output");
    put_machine(doc, "A", "a", w->a);
    put_machine(doc, "B", "b", w->b);
    put_table(doc, w);
    put_agreement(doc, w->c);
    sz_doc_fact(doc, "passed", NULL, sz_cell_bool(w->passed), SZ_AS_TEXT, NULL);
    int code = cli_write_doc(w->app, doc);
    sz_doc_destroy(doc);
    return code == CLI_DONE && !w->passed ? CLI_NO : code;
}

static int compare(comparing *w, const char *a, const char *b, const cli_strings *gates) {
    sz_status status = cli_machine_load(w->app, a, &w->a);
    if (status == SZ_OK) status = cli_machine_load(w->app, b, &w->b);
    if (status == SZ_OK) status = sz_machine_compare(w->app->ctx, w->a, w->b, &w->c);
    if (status != SZ_OK) return cli_fail(w->app, status);
    const size_t n = sz_comparison_count(w->c);
    w->broken = calloc(n + 1, sizeof *w->broken);
    if (!w->broken) return cli_error(w->app, CLI_BUG, "no memory");
    for (size_t i = 0; i < gates->n; i++) {
        status = sz_comparison_gate(w->app->ctx, w->c, gates->items[i], w->broken);
        if (status != SZ_OK) return cli_fail(w->app, status);
    }
    w->passed = true;
    for (size_t i = 0; i < n; i++) w->passed &= !w->broken[i];
    return write_comparison(w);
}

int cli_machine_compare(cli_app *app, const char *a, const char *b, const cli_strings *gates) {
    comparing w = {.app = app};
    int code = compare(&w, a, b, gates);
    free(w.broken);
    sz_comparison_destroy(w.c);
    sz_machine_destroy(w.a);
    sz_machine_destroy(w.b);
    return code;
}
