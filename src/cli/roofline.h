// SPDX-License-Identifier: Apache-2.0
// What a roofline plot shows: machines, their roofs and levels of memory, and the nodes of a model.
#ifndef SZ_CLI_ROOFLINE_H
#define SZ_CLI_ROOFLINE_H

#include "cli/picture.h"

#include <sizeup/predict.h>

enum { ROOFLINE_MACHINES = 4 };

typedef struct roof_row {
    int machine;
    size_t index; // of the roof
    sz_roof roof;
} roof_row;

// A level of memory, or a link, with its rate.
typedef struct slope_row {
    int machine;
    size_t level; // index, for a link none
    bool link;
    char name[40];
    double byte_per_s;
} slope_row;

// A node on a machine.
typedef struct dot_row {
    int machine;
    sz_node_time time;
    const char *name;
    double flops, flop_per_s, share; // of the time of all nodes on this machine
    int color;
} dot_row;

typedef struct roofline {
    const char *model; // path, NULL = none
    sz_machine *machines[ROOFLINE_MACHINES];
    int64_t threads[ROOFLINE_MACHINES]; // of the roofs shown; 0 = the whole device
    sz_estimate *estimates[ROOFLINE_MACHINES];
    int n_machines;
    const sz_costs *costs;
    roof_row *roofs;
    slope_row *slopes;
    dot_row *dots;
    size_t n_roofs, n_slopes, n_dots;
    double idle_share; // of the time of the first machine: nodes without operations
    size_t idle_nodes;
    double left_share; // of very many layers those that were left out, the fastest
    size_t left_nodes;
    bool linear;      // axes; else logarithmic
    const char *dots_are; // NULL = "as fast as the roofs allow (predicted)"
    const char *kinds[SZ_PLOT_N_SERIES]; // operators by colour, NULL = none; the last is "other"
} roofline;

// Rows from what is loaded. `dtype`: only roofs of it, and those the estimates use; NULL = all.
// False: no memory.
bool roofline_collect(roofline *r, const char *dtype);
void roofline_finish(roofline *r); // the rows; not what they point to

// Intensity where the slope meets the roof.
double roofline_ridge(const roof_row *roof, const slope_row *slope);
// Side of the square matmul with that intensity; NaN when the roof does no multiply-adds.
double roofline_matmul(const roof_row *roof, double ridge);
int roofline_element_bytes(const char *dtype); // 0 = not known

bool roofline_main_memory(const slope_row *slope);                    // DRAM
void roofline_roof_name(const roof_row *roof, char *buf, size_t cap); // "f16 fma, matrix"

void roofline_draw(const roofline *r, sz_plot *plot);
void roofline_fill_doc(const cli_app *app, const roofline *r, sz_doc *doc);

#endif
