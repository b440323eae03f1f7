// SPDX-License-Identifier: Apache-2.0
// `machine measure --explain OP`: speed against the number of independent chains.
#include "cli/interrupt.h"
#include "cli/machines.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void tell(void *user, const char *what) {
    const cli_app *app = user;
    if (app->progress) fprintf(stderr, "\r\033[Kmeasuring: %s", what);
}

// The rate as a bar of blocks: full width at the best of all.
static void bar(char *buf, size_t cap, double share) {
    enum { WIDTH = 24 };
    const int n = share > 0 ? (int)(share * WIDTH + 0.5) : 0;
    size_t at = 0;
    buf[0] = '\0';
    for (int i = 0; i < n && i < WIDTH && at + 2 < cap; i++) buf[at++] = '#', buf[at] = '\0';
}

static double best_of(const sz_chain_study *e) {
    double best = 0;
    for (size_t i = 0; i < sz_chain_study_point_count(e); i++)
        best = fmax(best, sz_chain_study_point(e, i).flop_per_cycle);
    return best;
}

static void put_points(sz_doc *doc, const sz_chain_study *e) {
    static const sz_column columns[] = {
        {"op", "operation", NULL, SZ_AS_TEXT, 0},
        {"isa", "isa", NULL, SZ_AS_TEXT, 0},
        {"chains", "chains", NULL, SZ_AS_INT, 0},
        {"flop_per_s", "FLOP/s", NULL, SZ_AS_SI, 0},
        {"flop_per_cycle", "per cycle", NULL, SZ_AS_NUMBER, 0},
        {"step_per_cycle", "steps per cycle", NULL, SZ_AS_NUMBER, 0},
        {NULL, "", NULL, SZ_AS_TEXT, SZ_COLUMN_SHOW},
    };
    const double best = best_of(e);
    sz_doc_table(doc, "chains", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_chain_study_point_count(e); i++) {
        const sz_chain_point p = sz_chain_study_point(e, i);
        char text[64];
        bar(text, sizeof text, p.flop_per_cycle / best);
        const sz_cell cells[] = {
            sz_cell_text(p.op),        sz_cell_text(p.isa),           sz_cell_i64(p.chains),
            sz_cell_f64(p.flop_per_s), sz_cell_f64(p.flop_per_cycle), sz_cell_f64(p.step_per_cycle),
            sz_cell_text(text)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static void put_summaries(sz_doc *doc, const sz_chain_study *e) {
    static const sz_column columns[] = {
        {"op", "operation", NULL, SZ_AS_TEXT, 0},
        {"dtype", "format", NULL, SZ_AS_TEXT, 0},
        {"isa", "isa", NULL, SZ_AS_TEXT, 0},
        {"lanes", "lanes", NULL, SZ_AS_INT, 0},
        {"registers", "registers", NULL, SZ_AS_INT, 0},
        {"instructions", NULL, NULL, SZ_AS_INT, SZ_COLUMN_DATA},
        {"latency_cycles", "latency", NULL, SZ_AS_NUMBER, 0},
        {"step_per_cycle", "steps per cycle", NULL, SZ_AS_NUMBER, 0},
        {"pipes", "pipes", NULL, SZ_AS_NUMBER, 0},
        {"chains_needed", "chains needed", NULL, SZ_AS_INT, 0},
        {"flop_per_s", "FLOP/s", NULL, SZ_AS_SI, 0},
        {"flop_per_cycle", NULL, NULL, SZ_AS_NUMBER, SZ_COLUMN_DATA},
    };
    sz_doc_table(doc, "summary", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_chain_study_summary_count(e); i++) {
        const sz_chain_summary s = sz_chain_study_summary(e, i);
        const sz_cell cells[] = {sz_cell_text(s.op),
                                 sz_cell_text(s.dtype),
                                 sz_cell_text(s.isa),
                                 sz_cell_i64(s.lanes),
                                 sz_cell_i64(s.registers),
                                 sz_cell_i64(s.instructions),
                                 sz_cell_f64(s.latency_cycles),
                                 sz_cell_f64(s.step_per_cycle),
                                 sz_cell_f64(s.pipes),
                                 sz_cell_i64(s.chains_needed),
                                 sz_cell_f64(s.flop_per_s),
                                 sz_cell_f64(s.flop_per_cycle)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

static int write_explanation(cli_app *app, const sz_chain_study *e, const char *op) {
    sz_doc *doc;
    char title[64];
    if (sz_doc_create(app->out, "sizeup.machine.explain/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    snprintf(title, sizeof title, "%.32s against independent chains", op);
    sz_doc_heading(doc, title);
    put_points(doc, e);
    put_summaries(doc, e);
    for (size_t i = 0; i < sz_chain_study_line_count(e); i++)
        cli_put_wrapped(doc, "- ", "  ", sz_chain_study_line(e, i));
    int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

int cli_machine_explain(cli_app *app, const char *op, const char *cpu_mask) {
    sz_chain_study *e = NULL;
    const sz_measure_options how = {
        .cpu_mask = cpu_mask, .progress = tell, .user = app, .stop = cli_catch_interrupts()};
    sz_status status = sz_machine_explain(app->ctx, &how, op, &e);
    if (app->progress) fputs("\r\033[K", stderr);
    cli_release_interrupts();
    int code = status == SZ_OK ? write_explanation(app, e, op) : cli_fail(app, status);
    sz_chain_study_destroy(e);
    return code;
}
