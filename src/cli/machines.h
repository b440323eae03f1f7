// SPDX-License-Identifier: Apache-2.0
// Machines by name, for every command that takes --machine.
#ifndef SZ_CLI_MACHINES_H
#define SZ_CLI_MACHINES_H

#include "cli/cli.h"

#include <sizeup/machine.h>

// Folder of saved measurements, by XDG_DATA_HOME or HOME. False when neither is set.
bool cli_machine_folder(char *buf, size_t cap);

// A machine by name or file, saved or built in.
sz_status cli_machine_load(cli_app *app, const char *name, sz_machine **ret_machine);

// Several, at most `most`: names with commas between, or "all": the saved ones and all data sheets.
// Those that were loaded stay the caller's when it fails.
sz_status cli_machines_load(cli_app *app, const char *names, sz_machine **machines, size_t most,
                            size_t *ret_n);

// A sentence of any length as lines for people: the first begins with `first`, the others with
// `indent`.
void cli_put_wrapped(sz_doc *doc, const char *first, const char *indent, const char *text);

// Links and overheads.
void cli_put_costs(sz_doc *doc, const sz_machine *m);
// How memory and compute overlap, where that was measured; operators, where it does not run all.
void cli_put_overlap(sz_doc *doc, const sz_machine *m);
void cli_put_operators(sz_doc *doc, const sz_machine *m);

// `machine compare A B`, with the gates of --fail.
int cli_machine_compare(cli_app *app, const char *a, const char *b, const cli_strings *gates);
// `machine describe`; root and mask may be NULL.
int cli_machine_describe(cli_app *app, const char *root, const char *cpu_mask);
int cli_machine_write_json(cli_app *app, const sz_machine *m);
// `machine library-child NAME THREADS`, which `machine measure --libraries` starts: one library in
// a process of its own.
int cli_library_child(cli_app *app);
// "2, with 4 threads"
void cli_cores_text(const sz_cpu_facts *cpu, char *buf, size_t cap);
// What surrounds the CPU, as facts; the libraries that were timed, as a table.
void cli_put_host(sz_doc *doc, const sz_machine *m);
void cli_put_libraries(sz_doc *doc, const sz_machine *m);
const char *const *cli_environment(void); // "NAME=VALUE", NULL-ended

// `machine measure --explain OP`; mask may be NULL.
int cli_machine_explain(cli_app *app, const char *op, const char *cpu_mask);

// `machine network`, in every rank of an MPI.
typedef struct cli_network {
    const char *machine, *save; // NULL: here; under no name of its own
    double budget_s;            // 0: the usual
    int64_t most_bytes;         // of messages; 0: the usual
} cli_network;
int cli_machine_network(cli_app *app, const cli_network *o);

// `machine list`.
int cli_machine_list(cli_app *app);

// Where the numbers of a data sheet come from, and its table of energies; nothing of a machine that
// was measured.
void cli_put_citations(sz_doc *doc, const sz_machine *m);
void cli_put_energy(sz_doc *doc, const sz_machine *m);

#endif
