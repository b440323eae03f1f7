// SPDX-License-Identifier: Apache-2.0
// What a word of the command line names, for commands that take runs, files, machines and models.
#ifndef SZ_CLI_WORDS_H
#define SZ_CLI_WORDS_H

#include "cli/cli.h"

#include <sizeup/bench.h>

typedef enum cli_word_kind {
    CLI_PLACE,   // a run or case of the store
    CLI_RECORDS, // a file of results
    CLI_MACHINE, // any other word
    CLI_MODEL
} cli_word_kind;

cli_word_kind cli_kind_of(const char *word);
// The records of a place (in the store of --store URL; NULL = the usual one) or of a file.
sz_status cli_load_records(cli_app *app, const char *store, const char *word, cli_word_kind what,
                           sz_bench_set **ret_set);
// All bytes of a file, "-" = standard input; says what is wrong. The buffer is to be finished
// whatever comes back.
int cli_read_file(cli_app *app, const char *path, sz_buf *ret_buf);

#endif
