// SPDX-License-Identifier: Apache-2.0
// What the files of `sizeup explore` share: its options, and what was found.
#ifndef SZ_CLI_EXPLORE_H
#define SZ_CLI_EXPLORE_H

#include "cli/cli.h"

#include <sizeup/explore.h>

typedef struct explore_options {
    cli_strings models, machines, constraints;
    const char *batch, *spec, *by, *pareto, *oracle, *best, *metrics, *higher, *price, *dominance;
    const char *show, *search, *budget;
    int64_t top, seed, points, per_node;
    double node_rate;
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
} explore_job;

// The space with its machines, ready. Gives CLI_DONE or the code of the error that was shown.
int explore_space_make(explore_job *job);
// An option, else what the specification wishes, else `usual`.
const char *explore_wish(const explore_job *job, const char *option, const char *key,
                         const char *usual);
int explore_write_json(const explore_job *job);
int explore_write_doc(const explore_job *job);

extern const cli_schema_row explore_schema[];
extern const size_t explore_schema_n;

#endif
