// SPDX-License-Identifier: Apache-2.0
// Of `machine show`: links and overheads.
#include "cli/machines.h"

#include <math.h>

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
