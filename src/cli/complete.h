// SPDX-License-Identifier: Apache-2.0
// What shells and readers are told of the tables of the command: completions and manual pages.
#ifndef SZ_CLI_COMPLETE_H
#define SZ_CLI_COMPLETE_H

#include "cli/cli.h"

// What may stand in place of the last of `words`, the words behind the program's name.
int cli_complete(cli_app *app, const char *const *words, int n);

// The script that brings this to a shell: "bash", "zsh", "fish".
typedef struct cli_script {
    const char *shell, *text;
    size_t size;
} cli_script;
extern const cli_script cli_scripts[];
extern const size_t cli_n_scripts;

// The manual page of a command, or of the program (NULL), as source for man(7).
int cli_print_man(cli_app *app, const cli_command *command);
// The examples of `sizeup help`.
void cli_put_examples(sz_buf *buf);

#endif
