// SPDX-License-Identifier: Apache-2.0
// What `sizeup predict` says of nodes that run on the host of a machine.
#include "cli/predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
void predict_put_fallbacks(sz_json *j, const sz_estimate *e) {
    sz_json_key_array(j, "fallbacks");
    for (size_t i = 0; i < sz_estimate_fallback_count(e); i++) {
        const sz_fallback f = sz_estimate_fallback(e, i);
        sz_json_begin_object(j);
        sz_json_record(j, sz_fallback_type(), &f);
        sz_json_end_object(j);
    }
    sz_json_end_array(j);
}

static void put_seconds(sz_doc *doc, const char *title, double s, const char *note) {
    if (!isnan(s)) sz_doc_fact_note(doc, NULL, title, sz_cell_f64(s), SZ_AS_SI, "s", note);
}

void predict_fill_split(sz_doc *doc, const sz_estimate *e) {
    const sz_prediction t = sz_estimate_total(e);
    char note[96];
    if (isnan(t.host_alone_s)) return;
    put_seconds(doc, "transfer", t.transfer_s, "between the two processors, part of memory time");
    snprintf(note, sizeof note, "%zu of %zu nodes fall back to the host",
             sz_estimate_fallback_count(e), sz_estimate_node_count(e));
    put_seconds(doc, "without fallbacks", t.device_alone_s,
                "if the machine ran every operator itself");
    if (t.best_split_s < 0.999 * t.time_s)
        put_seconds(doc, "best split", t.best_split_s,
                    "if each node ran where the net takes least: --split best");
    put_seconds(doc, "on the host alone", t.host_alone_s, note);
}

// What a row costs beside its neighbours: its time there and what crosses for it.
typedef struct costly {
    double s;
    size_t index;
} costly;

static int most_first(const void *a, const void *b) {
    const costly *x = a, *y = b;
    if (x->s != y->s) return x->s < y->s ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

static void put_rows(sz_doc *doc, const sz_estimate *e, const costly *all, size_t n) {
    static const sz_column columns[] = {
        {"node", "fallback", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"op", "op", NULL, SZ_AS_TEXT, 0},
        {"device", "on", NULL, SZ_AS_TEXT, 0},
        {"time_s", "time", "s", SZ_AS_SI, 0},
        {"transfer_s", "transfer", "s", SZ_AS_SI, 0},
        {"why", "why", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    };
    sz_doc_table(doc, "fallbacks", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < n; i++) {
        const sz_fallback f = sz_estimate_fallback(e, all[i].index);
        const sz_cell cells[] = {sz_cell_text(f.node),      sz_cell_text(f.op),
                                 sz_cell_text(f.device),    sz_cell_f64(f.time_s),
                                 sz_cell_f64(f.transfer_s), sz_cell_text(f.why)};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

void predict_fill_fallbacks(sz_doc *doc, const sz_estimate *e, size_t most) {
    const size_t n = sz_estimate_fallback_count(e);
    const size_t shown = most > 0 && most < n ? most : n;
    costly *all = n ? malloc(n * sizeof *all) : NULL;
    if (!all) return;
    for (size_t i = 0; i < n; i++) {
        const sz_fallback f = sz_estimate_fallback(e, i);
        all[i] = (costly){f.time_s + f.transfer_s, i};
    }
    if (shown < n) qsort(all, n, sizeof *all, most_first);
    put_rows(doc, e, all, shown);
    if (shown < n) sz_doc_line(doc, "The %zu of %zu fallbacks that cost most.", shown, n);
    free(all);
}
