// SPDX-License-Identifier: Apache-2.0
// `sizeup machine list`, and what `machine show` says of a data sheet alone.
#include "cli/machines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- what a row says ---------------------------------------------------------------------------

static double best_rate(const sz_machine *m, const char *dtype) {
    double best = NAN;
    for (size_t i = 0; i < sz_machine_roof_count(m); i++) {
        const sz_roof r = sz_machine_roof(m, i);
        if (strcmp(r.dtype, dtype) == 0 && !(best >= r.flop_per_s)) best = r.flop_per_s;
    }
    return best;
}

static double best_bandwidth(const sz_machine *m) {
    double best = NAN;
    for (size_t level = 0; level < sz_machine_level_count(m); level++) {
        if (strcmp(sz_machine_level(m, level).name, "DRAM") != 0) continue;
        for (size_t i = 0; i < sz_machine_bandwidth_count(m, level); i++) {
            const sz_bandwidth b = sz_machine_bandwidth(m, level, i);
            if (!(best >= b.byte_per_s)) best = b.byte_per_s;
        }
    }
    return best;
}

// Data formats have a column for each format; people have one for 16 bits, which few chips do in
// both ways.
static const sz_column columns[] = {
    {"name", "machine", NULL, SZ_AS_TEXT, 0},
    {"source", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {"kind", NULL, NULL, SZ_AS_TEXT, SZ_COLUMN_DATA},
    {NULL, "kind", NULL, SZ_AS_TEXT, SZ_COLUMN_SHOW},
    {"model", "processor or device", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
    {"f32_flop_per_s", "f32/s", NULL, SZ_AS_SI, 0},
    {"f16_flop_per_s", NULL, NULL, SZ_AS_SI, SZ_COLUMN_DATA},
    {"bf16_flop_per_s", NULL, NULL, SZ_AS_SI, SZ_COLUMN_DATA},
    {NULL, "16-bit/s", NULL, SZ_AS_SI, SZ_COLUMN_SHOW},
    {"int8_op_per_s", "int8/s", NULL, SZ_AS_SI, 0},
    {"byte_per_s", "bytes/s", NULL, SZ_AS_SI, 0},
    {"tdp_w", "TDP", "W", SZ_AS_SI, 0},
};

static void put_row(sz_doc *doc, const char *name, const sz_machine *m) {
    const sz_identity id = sz_machine_identity(m);
    const double f16 = best_rate(m, "f16"), bf16 = best_rate(m, "bf16");
    const bool measured = strcmp(id.source, "measured") == 0;
    const sz_cell cells[] = {sz_cell_text(name),
                             sz_cell_text(id.source),
                             sz_cell_text(id.kind),
                             sz_cell_text(measured ? "measured" : id.kind),
                             sz_cell_text(sz_machine_cpu(m).model),
                             sz_cell_f64(best_rate(m, "f32")),
                             sz_cell_f64(f16),
                             sz_cell_f64(bf16),
                             sz_cell_f64(fmax(f16, bf16)),
                             sz_cell_f64(best_rate(m, "int8")),
                             sz_cell_f64(best_bandwidth(m)),
                             sz_cell_f64(sz_machine_power(m).tdp_w)};
    sz_doc_row(doc, cells, sizeof cells / sizeof cells[0]);
}

// ---- the list ----------------------------------------------------------------------------------

// A saved file may be broken: the rest is listed.
static void put_saved(cli_app *app, sz_doc *doc, const char *name) {
    sz_machine *m = NULL;
    if (cli_machine_load(app, name, &m) == SZ_OK) {
        put_row(doc, name, m);
    } else {
        const sz_cell cells[] = {sz_cell_text(name), sz_cell_text("cannot be read"), sz_cell_none(),
                                 sz_cell_text("broken"), sz_cell_text("cannot be read")};
        sz_doc_row(doc, cells, sizeof cells / sizeof cells[0]);
    }
    sz_machine_destroy(m);
}

static sz_status put_all_saved(cli_app *app, sz_doc *doc) {
    char folder[4096], **saved = NULL;
    if (!cli_machine_folder(folder, sizeof folder)) return SZ_OK;
    sz_status status = sz_machine_names(app->ctx, folder, &saved);
    if (status != SZ_OK) return status;
    for (size_t i = 0; saved[i]; i++) put_saved(app, doc, saved[i]);
    if (saved[0]) sz_doc_rule(doc);
    sz_machine_names_free(app->ctx, saved);
    return SZ_OK;
}

// Groups in this order; a kind that is not here comes last.
static const char *const kinds[] = {"gpu", "accelerator", "cpu", "soc", "mcu"};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static size_t group_of(const sz_machine *m) {
    const char *kind = sz_machine_identity(m).kind;
    size_t group = 0;
    while (group < N_KINDS && strcmp(kinds[group], kind ? kind : "") != 0) group++;
    return group;
}

static void put_groups(sz_doc *doc, sz_machine *const *sheets, size_t n) {
    size_t shown = 0;
    for (size_t group = 0; group <= N_KINDS; group++) {
        bool first = true;
        for (size_t i = 0; i < n; i++) {
            if (group_of(sheets[i]) != group) continue;
            if (first && shown) sz_doc_rule(doc);
            first = false;
            put_row(doc, sz_list_machine(i), sheets[i]);
            shown++;
        }
    }
}

// Data sheets are read past the folder of saved machines, which cannot hold their names.
static sz_status put_all_sheets(cli_app *app, sz_doc *doc) {
    size_t n = 0, loaded = 0;
    while (sz_list_machine(n)) n++;
    sz_machine **sheets = calloc(n ? n : 1, sizeof(sz_machine *));
    if (!sheets) return SZ_ERR_MEMORY;
    sz_status status = SZ_OK;
    while (status == SZ_OK && loaded < n) {
        status = sz_machine_load(app->ctx, sz_list_machine(loaded), NULL, &sheets[loaded]);
        loaded += status == SZ_OK;
    }
    if (status == SZ_OK) put_groups(doc, sheets, n);
    for (size_t i = 0; i < loaded; i++) sz_machine_destroy(sheets[i]);
    free(sheets);
    return status;
}

int cli_machine_list(cli_app *app) {
    sz_doc *doc;
    if (app->n_args > 1) return cli_error(app, CLI_USAGE, "unexpected word '%s'", app->args[1]);
    if (sz_doc_create(app->out, "sizeup.machine.list/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    sz_doc_table(doc, "machines", columns, sizeof columns / sizeof columns[0]);
    sz_status status = put_all_saved(app, doc);
    if (status == SZ_OK) status = put_all_sheets(app, doc);
    int code = status == SZ_OK ? cli_write_doc(app, doc) : cli_fail(app, status);
    sz_doc_destroy(doc);
    return code;
}

// ---- of a data sheet ---------------------------------------------------------------------------

void cli_put_citations(sz_doc *doc, const sz_machine *m) {
    for (size_t i = 0; i < sz_machine_citation_count(m); i++) {
        const sz_citation c = sz_machine_citation(m, i);
        char text[1024];
        snprintf(text, sizeof text, "%s: %s. Check: %s.", c.what, c.source,
                 c.check ? c.check : "not stated");
        cli_put_wrapped(doc, "Source of ", "  ", text);
    }
}

void cli_put_energy(sz_doc *doc, const sz_machine *m) {
    static const sz_column heads[] = {
        {"what", "energy of", NULL, SZ_AS_TEXT, 0},
        {"joule", "each", "J", SZ_AS_SI, 0},
        {"source", "source", NULL, SZ_AS_TEXT, SZ_COLUMN_WRAP},
    };
    char what[96];
    if (!sz_machine_op_energy_count(m) && !sz_machine_byte_energy_count(m)) return;
    sz_doc_table(doc, "energy", heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < sz_machine_op_energy_count(m); i++) {
        const sz_op_energy e = sz_machine_op_energy(m, i);
        snprintf(what, sizeof what, "%s %s", e.dtype, e.op);
        const sz_cell cells[] = {sz_cell_text(what), sz_cell_f64(e.joule), sz_cell_text(e.source)};
        sz_doc_row(doc, cells, sizeof cells / sizeof cells[0]);
    }
    for (size_t i = 0; i < sz_machine_byte_energy_count(m); i++) {
        const sz_byte_energy e = sz_machine_byte_energy(m, i);
        snprintf(what, sizeof what, "a byte of %s", e.level);
        const sz_cell cells[] = {sz_cell_text(what), sz_cell_f64(e.joule), sz_cell_text(e.source)};
        sz_doc_row(doc, cells, sizeof cells / sizeof cells[0]);
    }
}
