// SPDX-License-Identifier: Apache-2.0
// What the parts of `compare` share.
#ifndef SZ_CLI_COMPARE_H
#define SZ_CLI_COMPARE_H

#include "cli/cli.h"

extern const cli_word_schema cli_compare_words[];

// Does the word name a family of nets, or a file that is a model?
bool cli_is_model(const char *word);
// The two words of the command as models; gives the exit code.
int cli_compare_models(cli_app *app, const cli_strings *gates, const cli_strings *binds,
                       const cli_strings *inputs);

#endif
