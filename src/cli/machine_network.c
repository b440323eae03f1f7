// SPDX-License-Identifier: Apache-2.0
// `mpirun -n N sizeup machine network`: the network between ranks, kept with a machine.
#include "cli/interrupt.h"
#include "cli/machines.h"
#include "cli/ranks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <sizeup/network.h>

// ---- text --------------------------------------------------------------------------------------

static sz_cell shared(const char *text) { return sz_cell_text(text ? text : ""); }

static double worst_error(const sz_machine *m, size_t link) {
    double worst = NAN;
    for (size_t i = 0; i < sz_machine_segment_count(m, link); i++)
        worst = fmax(worst, sz_machine_segment(m, link, i).error);
    return worst;
}

static void put_network_links(sz_doc *doc, const sz_machine *m) {
    static const sz_column columns[] = {
        {"name", "exchange", NULL, SZ_AS_TEXT, 0},
        {"level", "farthest", NULL, SZ_AS_TEXT, 0},
        {"latency_s", "shortest", "s", SZ_AS_SI, 0},
        {"byte_per_s", "bus B/s", NULL, SZ_AS_SI, 0},
        {"segments", "lines", NULL, SZ_AS_INT, 0},
        {"error", "fit within", NULL, SZ_AS_PERCENT, 0},
    };
    sz_doc_table(doc, "network", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_machine_link_count(m); i++) {
        const sz_link l = sz_machine_link(m, i);
        const sz_link_scope scope = sz_machine_link_scope(m, i);
        if (!scope.level) continue;
        const sz_cell cells[] = {shared(l.name),
                                 shared(scope.level),
                                 sz_cell_f64(l.latency_s),
                                 sz_cell_f64(l.byte_per_s),
                                 sz_cell_i64((int64_t)sz_machine_segment_count(m, i)),
                                 sz_cell_f64(worst_error(m, i))};
        sz_doc_row(doc, cells, CLI_COUNT(cells));
    }
}

// People get every third size, files get all of them.
static bool is_shown(const cli_app *app, size_t i, size_t n) {
    return !cli_wants(app, "text") || i % 3 == 0 || i + 1 == n;
}

static void put_message(sz_doc *doc, const char *name, const sz_message *t) {
    const sz_cell cells[] = {shared(name),
                             sz_cell_i64(t->bytes),
                             sz_cell_f64(t->median_s),
                             sz_cell_f64(t->ci_lo_s),
                             sz_cell_f64(t->ci_hi_s),
                             sz_cell_f64(t->bus_byte_per_s),
                             sz_cell_i64(t->n),
                             sz_cell_f64(t->spread),
                             shared(t->verdict)};
    sz_doc_row(doc, cells, CLI_COUNT(cells));
}

static void put_messages(const cli_app *app, sz_doc *doc, const sz_machine *m) {
    static const sz_column columns[] = {
        {"name", "exchange", NULL, SZ_AS_TEXT, SZ_COLUMN_SHRINK},
        {"bytes", "message", "B", SZ_AS_SI, 0},
        {"median_s", "median", "s", SZ_AS_SI, 0},
        {"ci_lo_s", "from", "s", SZ_AS_SI, 0},
        {"ci_hi_s", "to", "s", SZ_AS_SI, 0},
        {"bus_byte_per_s", "bus B/s", NULL, SZ_AS_SI, 0},
        {"n", "samples", NULL, SZ_AS_INT, 0},
        {"spread", "spread", NULL, SZ_AS_PERCENT, 0},
        {"verdict", "verdict", NULL, SZ_AS_TEXT, 0},
    };
    sz_doc_table(doc, "messages", columns, CLI_COUNT(columns));
    for (size_t i = 0; i < sz_machine_link_count(m); i++) {
        const size_t n = sz_machine_message_count(m, i);
        for (size_t k = 0; k < n; k++) {
            const sz_message t = sz_machine_message(m, i, k);
            if (is_shown(app, k, n)) put_message(doc, sz_machine_link(m, i).name, &t);
        }
    }
    sz_doc_line(doc, "median: until the last rank is done; from, to: its 95 %% interval.");
    sz_doc_line(doc, "bus: bytes over time, times 2(n-1)/n (all_reduce), (n-1)/n (all_gather,");
    sz_doc_line(doc, "reduce_scatter, all_to_all) or 1.");
}

static int write_network(cli_app *app, const sz_machine *m, const char *library,
                         const char *saved) {
    sz_doc *doc;
    if (cli_wants(app, "json")) return cli_machine_write_json(app, m);
    if (sz_doc_create(app->out, "sizeup.machine/1", &doc) != SZ_OK)
        return cli_error(app, CLI_BUG, "no memory for the output");
    sz_doc_heading(doc, sz_machine_identity(m).name);
    sz_doc_fact(doc, "mpi", "MPI", sz_cell_text(library), SZ_AS_TEXT, NULL);
    put_network_links(doc, m);
    put_messages(app, doc, m);
    if (saved[0]) sz_doc_line(doc, "Saved as %s", saved);
    const int code = cli_write_doc(app, doc);
    sz_doc_destroy(doc);
    return code;
}

// ---- the machine -------------------------------------------------------------------------------

// The one that the links are for. Without a name: 'here' as it was measured, else as the system
// describes it.
static sz_status open_machine(cli_app *app, const char *name, bool *ret_measured,
                              sz_machine **ret_machine) {
    *ret_measured = true;
    const sz_status status = cli_machine_load(app, name ? name : "here", ret_machine);
    if (status != SZ_ERR_UNAVAILABLE || name) return status;
    sz_ctx_clear(app->ctx);
    *ret_measured = false;
    return sz_machine_describe(app->ctx, NULL, ret_machine);
}

static int save(cli_app *app, const cli_network *o, const sz_machine *m, bool measured,
                char *ret_saved, size_t cap) {
    char folder[4096];
    sz_status status = SZ_OK;
    const bool as_here = measured && !o->machine;
    ret_saved[0] = '\0';
    if (!as_here && !o->save) {
        cli_warn(app, "not saved: give --save NAME%s",
                 o->machine ? "" : ", or run 'sizeup machine measure' first");
        return CLI_DONE;
    }
    if (!cli_machine_folder(folder, sizeof folder))
        return cli_error(app, CLI_UNAVAILABLE,
                         "not saved: neither XDG_DATA_HOME nor HOME is an absolute path");
    if (as_here) status = sz_machine_save(app->ctx, m, folder, "here");
    if (status == SZ_OK && o->save) status = sz_machine_save(app->ctx, m, folder, o->save);
    if (status != SZ_OK) return cli_fail(app, status);
    snprintf(ret_saved, cap, "%s%s%s", as_here ? "'here'" : "", as_here && o->save ? ", " : "",
             o->save ? o->save : "");
    return CLI_DONE;
}

// ---- all ---------------------------------------------------------------------------------------

static void tell(void *user, const char *what) {
    const cli_app *app = user;
    if (app->progress) fprintf(stderr, "\r\033[Kmeasuring: %s", what);
}

// Every rank measures; the first one shows and keeps.
static int measure(cli_app *app, const cli_network *o, sz_ranks *ranks, sz_machine *m,
                   bool measured) {
    const sz_network_options how = {.budget_s = o->budget_s,
                                    .most_bytes = o->most_bytes,
                                    .stop = cli_catch_interrupts(),
                                    .progress = tell,
                                    .user = app};
    char saved[160];
    const sz_status status = sz_machine_measure_network(app->ctx, m, ranks, &how);
    cli_release_interrupts();
    if (sz_ranks_self(ranks) != 0) return status == SZ_OK ? CLI_DONE : cli_fail(app, status);
    if (app->progress) fputs("\r\033[K", stderr);
    if (status != SZ_OK) return cli_fail(app, status);
    const int kept = save(app, o, m, measured, saved, sizeof saved);
    const int code = write_network(app, m, sz_ranks_library(ranks), saved);
    return code == CLI_DONE ? kept : code;
}

int cli_machine_network(cli_app *app, const cli_network *o) {
    sz_ranks *ranks = NULL;
    sz_machine *m = NULL;
    bool measured = false;
    if (cli_launched() == 0)
        return cli_error(app, CLI_UNAVAILABLE,
                         "no launcher of MPI started this: run 'mpirun -n 2 sizeup machine "
                         "network'");
    if (cli_ranks_open(app, &ranks) != SZ_OK) return CLI_UNAVAILABLE;
    const bool is_first = sz_ranks_self(ranks) == 0;
    const sz_status status = is_first ? open_machine(app, o->machine, &measured, &m) : SZ_OK;
    const int code = status == SZ_OK ? measure(app, o, ranks, m, measured) : cli_fail(app, status);
    sz_machine_destroy(m);
    return cli_ranks_end(ranks, code);
}
