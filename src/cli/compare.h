// SPDX-License-Identifier: Apache-2.0
// What the parts of `compare` share.
#ifndef SZ_CLI_COMPARE_H
#define SZ_CLI_COMPARE_H

#include "cli/cli.h"

#include <sizeup/bench.h>

extern const cli_word_schema cli_compare_words[];

// Does the word name a family of nets, or a file that is a model?
bool cli_is_model(const char *word);
// The two words of the command as models; gives the exit code.
int cli_compare_models(cli_app *app, const cli_strings *gates, const cli_strings *binds,
                       const cli_strings *inputs);

// A run beside what was predicted of it.
typedef struct cli_compare_predicted_job {
    const sz_bench_set *set;
    const char *machine, *level;
    const char *model; // where its file is now; NULL = where it was
    int64_t top;       // rows to show; below 0: the usual number, 0: all
} cli_compare_predicted_job;
int cli_compare_predicted(cli_app *app, const cli_compare_predicted_job *job);
enum { CLI_COMPARE_PREDICTED_ROWS = 24 };
extern const cli_schema_row cli_compare_predicted_schema[CLI_COMPARE_PREDICTED_ROWS];

#endif
