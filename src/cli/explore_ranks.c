// SPDX-License-Identifier: Apache-2.0
// `mpirun -n N sizeup explore ...`: the same command over ranks. Rank 0 shows what was found, the
// others evaluate for it.
#include "cli/explore.h"
#include "cli/ranks.h"

#include <inttypes.h>
#include <string.h>

#include <sizeup/spread.h>

bool explore_ranks_serves(const explore_job *job) {
    return job->ranks && sz_ranks_self(job->ranks) > 0;
}

// A rank that works: its lines would only repeat those of rank 0.
int explore_ranks_open(explore_job *job) {
    if (cli_launched() < 2) return CLI_DONE;
    if (cli_ranks_open(job->app, &job->ranks) != SZ_OK) return CLI_UNAVAILABLE;
    if (explore_ranks_serves(job)) job->app->quiet = true, job->app->progress = false;
    return CLI_DONE;
}

int explore_ranks_serve(explore_job *job) {
    const sz_status status = sz_explore_serve(job->app->ctx, job->ranks, job->space,
                                              &job->evaluator);
    return status == SZ_OK ? CLI_DONE : cli_fail(job->app, status);
}

// Where ranks were lost, numbers are the same but took longer.
static void tell(const explore_job *job, const sz_spread *spread) {
    if (spread->lost == 0) return;
    cli_warn(job->app,
             "%" PRId64 " of %" PRId64 " ranks were lost; %" PRId64
             " settings were evaluated again",
             spread->lost, spread->ranks, spread->again);
}

sz_status explore_ranks_run(explore_job *job, const sz_point_sink *sinks, size_t n_sinks,
                            const sz_explore_options *how) {
    sz_spread spread;
    if (!job->ranks)
        return sz_explore_run(job->app->ctx, job->space, &job->evaluator, &job->proposer, sinks,
                              n_sinks, how, job->points, &job->done);
    const sz_status status = sz_explore_spread(job->app->ctx, job->ranks, job->space,
                                               &job->evaluator, &job->proposer, sinks, n_sinks, how,
                                               NULL, job->points, &job->done, &spread);
    if (status == SZ_OK) tell(job, &spread);
    return status;
}

int explore_ranks_end(explore_job *job, int code) {
    return job->ranks ? cli_ranks_end(job->ranks, code) : code;
}
