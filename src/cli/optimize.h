// SPDX-License-Identifier: Apache-2.0
// The parts of `sizeup optimize`, and what other commands print of an optimized model.
#ifndef SZ_CLI_OPTIMIZE_H
#define SZ_CLI_OPTIMIZE_H

#include "cli/count.h"

#include <sizeup/optimize.h>

typedef struct optimize_options {
    cli_strings binds, inputs;
    const char *passes, *recipe, *write;
    int64_t top; // -1: not given
} optimize_options;

// Sums of one graph, kept when its costs are gone.
typedef struct optimize_side {
    sz_cost total;
    sz_activations live;
    int64_t rows, covered; // nodes, or kernels
} optimize_side;

typedef struct optimize_job {
    const optimize_options *options;
    sz_model *model;
    sz_costs *costs; // of the optimized graph
    optimize_side before, after;
    int64_t nodes;  // left in the graph
    size_t *groups; // rows of the costs that are groups, most bytes saved first
    size_t n_groups;
} optimize_job;

void optimize_fill_doc(const optimize_job *job, sz_doc *doc, size_t shown);
void optimize_write_json(const cli_app *app, const optimize_job *job, sz_buf *buf);

// "recipe" and "passes" in an object "optimized".
void cli_put_passes(sz_json *json, const sz_model *model, const char *recipe);
// "sources": [names of nodes of the file]
void cli_put_sources(sz_json *json, const sz_node_cost *row);

#define CLI_PASS_ROWS(depth)                                                                       \
    {depth, "passes", CLI_J_ARRAY, "in the order in which they ran", NULL, false},                 \
        {(depth) + 1, "name", CLI_J_STRING, NULL, NULL, false}, {                                  \
        (depth) + 1, "changed", CLI_J_INTEGER, "nodes taken out, put in or grouped", NULL, false   \
    }

extern const cli_schema_row optimize_schema[];
extern const size_t optimize_schema_n;

#endif
