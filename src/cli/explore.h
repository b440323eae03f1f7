// SPDX-License-Identifier: Apache-2.0
// What the files of `sizeup explore` share: its options, and what was found.
#ifndef SZ_CLI_EXPLORE_H
#define SZ_CLI_EXPLORE_H

#include "cli/cli.h"

#include <sizeup/explore.h>
#include <sizeup/ranks.h>

typedef struct explore_options {
    cli_strings models, machines, constraints;
    const char *batch, *spec, *by, *pareto, *oracle, *best, *metrics, *higher, *price, *dominance;
    const char *show, *search, *budget;
    int64_t top, seed, points, per_node;
    double node_rate;
    const char *store, *time_budget, *preheat, *timeout, *mode, *blas, *onednn; // of --by bench
    bool resume, energy;
} explore_options;

enum { EXPLORE_MACHINES = 512, EXPLORE_FRONT = 3 };

typedef struct explore_job {
    cli_app *app;
    const explore_options *options;
    sz_space *space;
    sz_machine *machines[EXPLORE_MACHINES];
    double prices[EXPLORE_MACHINES];
    size_t n_machines;
    char calibrations[4096]; // folder
    sz_ranks *ranks; // NULL: this process is alone
    sz_evaluator evaluator;
    sz_proposer proposer;
    const char *by, *search;
    size_t front_metrics[EXPLORE_FRONT], n_front_metrics;
    bool asked_front;
    bool asked_oracle;
    size_t oracle_parameter, best;
    sz_dominance dominance;
    sz_points *points;
    sz_explored done;
    // what was found
    unsigned char *on_front;
    sz_front front;
    sz_oracle oracle;
    sz_sensitivity sensitivity[SZ_SPACE_PARAMETERS]; // for `best`
    bool known[SZ_METRICS_MAX];                      // some point has the metric
    struct explore_measured *measured;               // of --by bench, else NULL
    int64_t skipped;                                 // settings that a guided search left out
} explore_job;

// The space with its machines, ready. Gives CLI_DONE or the code of the error that was shown.
int explore_space_make(explore_job *job);
// An option, else what the specification wishes, else `usual`.
const char *explore_wish(const explore_job *job, const char *option, const char *key,
                         const char *usual);
int explore_write_json(const explore_job *job);
int explore_write_doc(const explore_job *job);

// Over ranks, where a launcher of MPI started the program (explore_ranks.c). Opened before all
// else; the end gives the code of the command, and ends all ranks where it is a failure.
int explore_ranks_open(explore_job *job);
int explore_ranks_end(explore_job *job, int code);
bool explore_ranks_serves(const explore_job *job); // is this a rank that only evaluates?
int explore_ranks_serve(explore_job *job);
// sz_explore_run(), over the ranks that there are.
sz_status explore_ranks_run(explore_job *job, const sz_point_sink *sinks, size_t n_sinks,
                            const sz_explore_options *how);

extern const cli_schema_row explore_schema[];
extern const size_t explore_schema_n;

#endif
