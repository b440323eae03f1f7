// SPDX-License-Identifier: Apache-2.0
// Results by name, for every command that reads or writes the store.
#ifndef SZ_CLI_STORES_H
#define SZ_CLI_STORES_H

#include "cli/cli.h"

#include <sizeup/bench.h>
#include <sizeup/results.h>

// Open the store of --store URL; NULL: results.db in the data folder, by XDG_DATA_HOME or HOME.
sz_status cli_store_open(cli_app *app, const char *url, sz_store_mode mode, sz_store **ret_store);
// Where that is. False when neither variable is set.
bool cli_store_url(const char *url, char *buf, size_t cap);

// The same, said on standard error when there is none.
bool cli_has_store(const cli_app *app, const char *url);

// Is the word a run or case: "3", "3.2", "last", "last-1"?
bool cli_is_place(const char *word);
// Which one. SZ_ERR_INPUT when the store has no run for "last".
sz_status cli_find_place(cli_app *app, sz_store *store, const char *word, int64_t *ret_run,
                         int64_t *ret_number);
// Add its records to a set.
sz_status cli_load_place(cli_app *app, sz_store *store, const char *word, sz_bench_set *set);

// `results import`: the table of files, and a row for one. Gives CLI_DONE or the exit code of what
// was said to be wrong.
void cli_import_table(sz_doc *doc);
int cli_import_file(cli_app *app, sz_store *store, sz_doc *doc, const char *path);

// The record in full, for people.
void cli_put_bench(sz_doc *doc, const sz_bench *bench);

#endif
