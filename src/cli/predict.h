// SPDX-License-Identifier: Apache-2.0
// What the files of `sizeup predict` share.
#ifndef SZ_CLI_PREDICT_H
#define SZ_CLI_PREDICT_H

#include "cli/cli.h"

#include <sizeup/predict.h>

// A prediction on several machines.
typedef struct cli_predict_many {
    cli_app *app;
    const char *machines; // "all", or names with commas between
    const char *prices;   // "2.5", or "h100=2.5,a100=1.2"; NULL = none
    const sz_model *model;
    const sz_costs *costs;
    sz_predict_options how;
} cli_predict_many;

int cli_predict_across(const cli_predict_many *job);

// A measured time, carried from one machine to another.
typedef struct cli_predict_rescale {
    cli_app *app;
    const char *from, *to;
    double measured_s;
    const sz_model *model;
    const sz_costs *costs;
    sz_predict_options how;
} cli_predict_rescale;

int cli_predict_rescaled(const cli_predict_rescale *job);

#endif
