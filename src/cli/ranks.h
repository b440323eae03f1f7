// SPDX-License-Identifier: Apache-2.0
// Was the program started by a launcher such as mpirun? Then the other ranks can be reached.
#ifndef SZ_CLI_RANKS_H
#define SZ_CLI_RANKS_H

#include "cli/cli.h"

#include <sizeup/ranks.h>

// Ranks that a launcher says it started; 0 = there is none.
int64_t cli_launched(void);

// Tasks of Slurm that were started without what MPI finds its ranks by.
bool cli_ranks_are_strangers(void);

// Join the others, by the plug-in that SIZEUP_MPI names or that lies beside the program or among
// the installed libraries. SZ_ERR_UNAVAILABLE with what to do.
sz_status cli_ranks_open(cli_app *app, sz_ranks **ret_ranks);

// The end of a command on ranks: `code` of this one. Where it failed the others would wait for it
// for ever, so all are ended with that code.
int cli_ranks_end(sz_ranks *ranks, int code);

#endif
