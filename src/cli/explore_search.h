// SPDX-License-Identifier: Apache-2.0
// `sizeup explore --by bench`: settings that are measured, and what a guided search left out.
#ifndef SZ_CLI_EXPLORE_SEARCH_H
#define SZ_CLI_EXPLORE_SEARCH_H

#include "cli/bench_store.h"
#include "cli/explore.h"

#include <sizeup/run.h>

struct explore_measured {
    cli_bench_store kept;
    sz_run_options how;
    sz_evaluator paper;
    sz_ranks *ranks; // that this process serves: rank 0 keeps its records; else NULL
    unsigned wanted; // SZ_ASKED_...
    int64_t from_store;
};

// The evaluator on paper of the job becomes one that measures. Gives CLI_DONE or the code of the
// error that was shown.
int explore_measure(explore_job *job);
// Ends with the run when this becomes 1.
void explore_measure_until(explore_job *job, const volatile int *stop);
// A record that another rank sent goes into the store of this cli_bench_store.
sz_status explore_measure_keep(void *user, const char *record, size_t size);
void explore_measure_finish(explore_job *job);

// Settings that a guided search left out become points with the reason. Sets job->skipped.
sz_status explore_add_skipped(explore_job *job);

// After the output: how to go on where the run was stopped. Gives the exit code.
int explore_measure_end(const explore_job *job);

#endif
