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

// A sentence of any length as lines for people: the first begins with `first`, the others with
// `indent`.
void cli_put_wrapped(sz_doc *doc, const char *first, const char *indent, const char *text);

#endif
