// SPDX-License-Identifier: Apache-2.0
// What a memory plot shows: a model, its costs, and whether of an inference or a training step.
#ifndef SZ_CLI_MEMORY_DRAW_H
#define SZ_CLI_MEMORY_DRAW_H

#include "cli/count.h"
#include "cli/picture.h"

typedef struct memory_job {
    const sz_model *model;
    const sz_costs *costs;
    const sz_cost_options *cost;
    bool training, with_steps; // with_steps: every step as data
} memory_job;

// The picture alone. False: no memory.
bool memory_draw(const memory_job *job, sz_plot *plot);
int memory_write(cli_app *app, const memory_job *job, const cli_picture_options *picture);

#endif
