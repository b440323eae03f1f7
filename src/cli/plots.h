// SPDX-License-Identifier: Apache-2.0
// The words of `sizeup plot`, one function each.
#ifndef SZ_CLI_PLOTS_H
#define SZ_CLI_PLOTS_H

#include "cli/picture.h"

#include <sizeup/chart.h>

typedef struct plot_options {
    cli_strings machines, binds, inputs, higher;
    const char *dtype, *mode, *optimizer, *precision, *recompute;
    const char *level, *model, *trace, *x, *y, *z, *over, *metric, *match, *store;
    int64_t threads, top, labels;
    bool predicted, linear;
    cli_picture_options picture;
} plot_options;

int plot_layers(cli_app *app, const plot_options *options);
int plot_compare(cli_app *app, const plot_options *options);
int plot_pareto(cli_app *app, const plot_options *options);
int plot_oracle(cli_app *app, const plot_options *options);
int plot_staircase(cli_app *app, const plot_options *options);

// A fresh plot and document of sizeup.plot/1 that says which plot it is and of what.
int plot_start(cli_app *app, const char *what, const char *source, sz_plot **ret_plot,
               sz_doc **ret_doc);

// Layers in the order in which they run, one after the other, as a trace.
typedef struct plot_trace {
    const char *what;                // title of the process
    const sz_chart_layer *tracks[2]; // measured, predicted
    size_t n[2];
    const char *names[2], *keys[2], *notes[2]; // keys: of the time, in arguments
} plot_trace;
void plot_trace_json(const plot_trace *trace, sz_buf *buf);

#endif
