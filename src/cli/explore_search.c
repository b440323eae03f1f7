// SPDX-License-Identifier: Apache-2.0
#include "cli/explore_search.h"

#include "cli/bench.h"
#include "cli/machines.h"
#include "cli/stores.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sizeup/spread.h>

typedef struct explore_measured measured;

// ---- records -----------------------------------------------------------------------------------

static sz_status emit(void *user, const char *record, size_t size) {
    measured *m = user;
    if (m->ranks) return sz_explore_send_record(m->ranks, record, size);
    cli_bench_store_keep(&m->kept, record, size);
    return SZ_OK;
}

sz_status explore_measure_keep(void *user, const char *record, size_t size) {
    cli_bench_store_keep(user, record, size);
    return SZ_OK;
}

static sz_status find(void *user, const char *case_hash, sz_buf *record, int *ret_found) {
    measured *m = user;
    bool found = false;
    *ret_found = 0;
    if (!m->kept.store) return SZ_OK;
    const sz_status status = cli_bench_find(m->kept.app, m->kept.store, case_hash, m->wanted,
                                            record, &found);
    *ret_found = found;
    m->from_store += found;
    return status;
}

static void progress(void *user, const char *what) {
    (void)user;
    fprintf(stderr, "\r\033[Kmeasuring: %.80s", what);
}

// ---- options -----------------------------------------------------------------------------------

static int read_times(const explore_job *job, sz_run_options *how) {
    const explore_options *o = job->options;
    int code = cli_read_time(job->app, "preheat", o->preheat, &how->preheat_s);
    if (code == CLI_DONE)
        code = cli_read_time(job->app, "time-budget", o->time_budget, &how->budget_s);
    if (code == CLI_DONE) code = cli_read_time(job->app, "timeout", o->timeout, &how->timeout_s);
    if (code == CLI_DONE && !(how->budget_s > 0 && how->timeout_s > 0))
        return cli_error(job->app, CLI_USAGE, "'--time-budget' and '--timeout' must be above 0");
    return code;
}

static int read_options(explore_job *job, measured *m) {
    const explore_options *o = job->options;
    m->how = (sz_run_options){.program = "/proc/self/exe",
                              .environment = cli_environment(),
                              .blas = o->blas,
                              .onednn = o->onednn,
                              .training = strcmp(o->mode, "training") == 0,
                              .energy = o->energy,
                              .seed = (uint64_t)o->seed,
                              .emit = emit,
                              .progress = job->app->progress ? progress : NULL,
                              .user = m};
    m->wanted = o->energy ? SZ_ASKED_ENERGY : 0;
    if (o->resume && o->store && strcmp(o->store, "none") == 0)
        return cli_error(job->app, CLI_USAGE,
                         "'--resume' needs the store that '--store none' does without");
    if (!cli_has_store(job->app, o->store)) return CLI_UNAVAILABLE;
    return read_times(job, &m->how);
}

// A rank that serves keeps nothing, and looks where it may what is there already.
static sz_status open_store(explore_job *job, measured *m) {
    const explore_options *o = job->options;
    if (!explore_ranks_serves(job)) return cli_bench_store_open(job->app, o->store, &m->kept);
    m->ranks = job->ranks;
    m->kept.app = job->app;
    if (o->resume && cli_store_open(job->app, o->store, SZ_STORE_READ, &m->kept.store) != SZ_OK)
        m->kept.store = NULL;
    return SZ_OK;
}

static sz_status open(explore_job *job, measured *m) {
    const sz_status status = open_store(job, m);
    if (status != SZ_OK) return status;
    m->paper = job->evaluator;
    job->evaluator = (sz_evaluator){0};
    const sz_measure_setup setup = {
        .run = &m->how, .find = job->options->resume ? find : NULL, .paper = &m->paper};
    return sz_evaluator_measure(job->app->ctx, job->space, &setup, &job->evaluator);
}

int explore_measure(explore_job *job) {
    job->measured = calloc(1, sizeof *job->measured);
    if (!job->measured) return cli_error(job->app, CLI_UNAVAILABLE, "out of memory");
    const int code = read_options(job, job->measured);
    if (code != CLI_DONE) return code;
    const sz_status status = open(job, job->measured);
    return status == SZ_OK ? CLI_DONE : cli_fail(job->app, status);
}

void explore_measure_until(explore_job *job, const volatile int *stop) {
    if (job->measured) job->measured->how.stop = stop;
}

void explore_measure_finish(explore_job *job) {
    if (!job->measured) return;
    sz_evaluator_release(&job->measured->paper);
    cli_bench_store_close(&job->measured->kept);
    free(job->measured);
    job->measured = NULL;
}

// ---- afterwards --------------------------------------------------------------------------------

sz_status explore_add_skipped(explore_job *job) {
    uint32_t setting[SZ_SPACE_PARAMETERS];
    char why[SZ_WHY_SIZE];
    sz_metrics none;
    sz_status status = SZ_OK;
    sz_metrics_clear(&none);
    for (size_t i = 0;
         status == SZ_OK && sz_search_candidate(&job->proposer, i, setting, why, sizeof why); i++) {
        if (!*why || job->done.stopped) continue;
        status = sz_points_add(job->app->ctx, job->points, setting, &none, why);
        job->skipped++;
    }
    return status;
}

int explore_measure_end(const explore_job *job) {
    char line[2048];
    const cli_bench_store *kept = &job->measured->kept;
    const bool is_kept = kept->store && !kept->lost;
    if (!job->done.stopped) return kept->lost ? CLI_UNAVAILABLE : CLI_DONE;
    cli_bench_again("--resume", line, sizeof line);
    return cli_error(job->app, CLI_NO,
                     "the space is not done: %" PRId64 " settings were looked at%s%s",
                     job->done.proposed, is_kept ? "; to go on: " : "", is_kept ? line : "");
}
