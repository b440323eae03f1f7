// SPDX-License-Identifier: Apache-2.0
// Of `machine show`: links and overheads, how memory and compute overlap, and what it runs.
#include "cli/machines.h"

#include <math.h>
#include <stdio.h>

static void put_links(sz_doc *doc, const sz_machine *m) {
    static const sz_column columns[] = {
        {"name", "link", NULL, SZ_AS_TEXT, 0},
        {"latency_s", "latency", "s", SZ_AS_SI, 0},
        {"byte_per_s", "B/s", NULL, SZ_AS_SI, 0},
        {"method", "how", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    };
    if (sz_machine_link_count(m) == 0) return;
    sz_doc_table(doc, "links", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_machine_link_count(m); i++) {
        const sz_link l = sz_machine_link(m, i);
        const sz_cell cells[] = {sz_cell_text(l.name), sz_cell_f64(l.latency_s),
                                 sz_cell_f64(l.byte_per_s), sz_cell_text(l.method ? l.method : "")};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

// One row per field of the record, so that a new one needs no change here.
static void put_overheads(sz_doc *doc, const sz_machine *m) {
    static const sz_column columns[] = {
        {"what", "overhead", NULL, SZ_AS_TEXT, 0},
        {"seconds", "time", "s", SZ_AS_SI, 0},
    };
    const sz_overhead o = sz_machine_overhead(m);
    const sz_record_type *type = sz_overhead_type();
    bool any = false;
    for (size_t i = 0; i < type->n_fields; i++) {
        const sz_field *f = &type->fields[i];
        const double seconds = *(const double *)(const void *)((const char *)&o + f->offset);
        if (isnan(seconds) || seconds <= 0) continue;
        if (!any) sz_doc_table(doc, "overheads", columns, CLI_COUNT(columns));
        any = true;
        const sz_cell cells[] = {sz_cell_text(f->doc), sz_cell_f64(seconds)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

void cli_put_costs(sz_doc *doc, const sz_machine *m) {
    put_links(doc, m);
    put_overheads(doc, m);
}

void cli_put_overlap(sz_doc *doc, const sz_machine *m) {
    const sz_overlap o = sz_machine_overlap(m);
    char note[160];
    if (o.n <= 0) return;
    snprintf(note, sizeof note,
             "p of the norm of memory and compute time; %.2f to %.2f by sweep, n = %lld, fit "
             "within %.1f %%",
             o.p_lo, o.p_hi, (long long)o.n, 100 * o.spread);
    sz_doc_fact_note(doc, NULL, "overlap", sz_cell_f64(o.p), SZ_AS_NUMBER, NULL, note);
}

// Of a machine that does not run every operator.
void cli_put_operators(sz_doc *doc, const sz_machine *m) {
    static const sz_column columns[] = {
        {"op", "operator", NULL, SZ_AS_TEXT, 0},
        {"dtypes", "formats", NULL, SZ_AS_TEXT, 0},
        {"max_kernel", "window", NULL, SZ_AS_INT, 0},
        {"max_stride", "stride", NULL, SZ_AS_INT, 0},
        {"max_batch", "batch", NULL, SZ_AS_INT, 0},
        {"max_rank", "axes", NULL, SZ_AS_INT, 0},
        {"native", "its name there", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    };
    const sz_coprocessor c = sz_machine_coprocessor(m);
    if (c.host) sz_doc_line(doc, "What it does not run, '%s' does.", c.host);
    if (sz_machine_operator_count(m) == 0) return;
    sz_doc_table(doc, "operators", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_machine_operator_count(m); i++) {
        const sz_operator o = sz_machine_operator(m, i);
        const int64_t limits[] = {o.max_kernel, o.max_stride, o.max_batch, o.max_rank};
        sz_cell cells[7] = {sz_cell_text(o.op), sz_cell_text(o.dtypes ? o.dtypes : "any")};
        for (size_t k = 0; k < CLI_COUNT(limits); k++)
            cells[2 + k] = limits[k] ? sz_cell_i64(limits[k]) : sz_cell_none();
        cells[6] = sz_cell_text(o.native ? o.native : "");
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
    sz_doc_line(doc, "Limits on the longest window, stride and batch, and on axes longer than 1.");
}
