// SPDX-License-Identifier: Apache-2.0
// `mpirun -n N sizeup explore ...`: the same command over ranks. Rank 0 shows what was found, the
// others evaluate for it.
#include "cli/explore_search.h"
#include "cli/ranks.h"

#include <string.h>

#include <sizeup/spread.h>

bool explore_ranks_serves(const explore_job *job) {
    return job->ranks && sz_ranks_self(job->ranks) > 0;
}

// A rank that works: its lines would only repeat those of rank 0.
int explore_ranks_open(explore_job *job) {
    if (cli_launched() < 2) {
        if (cli_ranks_are_strangers())
            cli_warn(job->app, "Slurm started several tasks that know nothing of each other, so "
                               "each explores all of the space: give srun '--mpi=pmix'");
        return CLI_DONE;
    }
    if (cli_ranks_open(job->app, &job->ranks) != SZ_OK) return CLI_UNAVAILABLE;
    if (explore_ranks_serves(job)) job->app->quiet = true, job->app->progress = false;
    return CLI_DONE;
}

int explore_ranks_serve(explore_job *job) {
    const sz_status status = sz_explore_serve(job->app->ctx, job->ranks, job->space,
                                              &job->evaluator);
    return status == SZ_OK ? CLI_DONE : cli_fail(job->app, status);
}

// A rank is silent while it measures: what is done together may all come to its time limit.
static sz_spread_options spread_options(explore_job *job) {
    struct explore_measured *m = job->measured;
    if (!m) return (sz_spread_options){0};
    const double longest = m->how.preheat_s + m->how.budget_s + m->how.timeout_s;
    return (sz_spread_options){.silence_s = 600 + 16 * longest,
                               .record = explore_measure_keep,
                               .user = &m->kept};
}

sz_status explore_ranks_run(explore_job *job, const sz_point_sink *sinks, size_t n_sinks,
                            const sz_explore_options *how) {
    sz_spread spread;
    if (!job->ranks)
        return sz_explore_run(job->app->ctx, job->space, &job->evaluator, &job->proposer, sinks,
                              n_sinks, how, job->points, &job->done);
    const sz_spread_options with = spread_options(job);
    return sz_explore_spread(job->app->ctx, job->ranks, job->space, &job->evaluator,
                             &job->proposer, sinks, n_sinks, how, &with, job->points, &job->done,
                             &spread);
}

int explore_ranks_end(explore_job *job, int code) {
    return job->ranks ? cli_ranks_end(job->ranks, code) : code;
}
