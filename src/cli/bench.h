// SPDX-License-Identifier: Apache-2.0
// What the parts of `bench` share.
#ifndef SZ_CLI_BENCH_H
#define SZ_CLI_BENCH_H

#include "cli/cli.h"

#include <sizeup/bench.h>
#include <sizeup/results.h>

extern const cli_schema_row cli_bench_schema[];
extern const size_t cli_bench_n_schema;

// The cases as a table, then what is to be said of them. `top`: layers of each that are shown.
void cli_bench_table(const cli_app *app, const sz_bench_set *set, int64_t top, sz_doc *doc);

// What is asked for as words of `sz_bench_run`: those of the command line, then one for each of
// --batch, --dtype and the parts of --bind. To be released by cli_bench_release.
typedef struct cli_bench_words {
    const char **items;
    size_t n;
    char *text; // of the words that were made
} cli_bench_words;
// False: no memory.
bool cli_bench_words_make(const cli_app *app, const char *batch, const char *dtype,
                          const cli_strings *binds, cli_bench_words *ret_words);
void cli_bench_words_release(cli_bench_words *words);

// The command line that was given, fit for a shell; `more` is added unless it is empty or
// there.
void cli_bench_again(const char *more, char *buf, size_t cap);

// The last measured record of the store with this case_hash, for which all of `wanted`
// (SZ_ASKED_...) was asked. *ret_found: it is put at the end of `buf`, on a line, with the key
// `from_store`.
sz_status cli_bench_find(cli_app *app, sz_store *store, const char *case_hash, unsigned wanted,
                         sz_buf *buf, bool *ret_found);

#endif
