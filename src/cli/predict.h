// SPDX-License-Identifier: Apache-2.0
// What the files of `sizeup predict` share.
#ifndef SZ_CLI_PREDICT_H
#define SZ_CLI_PREDICT_H

#include "cli/cli.h"

#include <sizeup/predict.h>

extern const cli_word_schema cli_predict_words[];

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

// Nodes on the host of a machine, as JSON and as a table of at most `most` rows (0 = all); and what
// the net would take without them. Nothing where the machine runs every operator.
void predict_put_fallbacks(sz_json *j, const sz_estimate *e);
void predict_fill_fallbacks(sz_doc *doc, const sz_estimate *e, size_t most);
void predict_fill_split(sz_doc *doc, const sz_estimate *e);

#endif
