// SPDX-License-Identifier: Apache-2.0
// Which values the bytes of each row belong to: for whoever asks where they come from.
#ifndef SZ_FLOW_H
#define SZ_FLOW_H

#include "model/cost/costs.h"

typedef struct sz_flow {
    sz_value_id value; // whose memory it is: of a view, what it shows
    double bytes;      // those of a row add up to what it reads, and to what it writes
    bool is_written;   // else it is read
    bool is_weight, is_output;
} sz_flow;

typedef struct sz_flows {
    SZ_VEC(sz_flow) items; // of all rows, row by row
    size_t *first;         // of row i: items first[i] .. first[i + 1] - 1
    size_t n_rows;
} sz_flows;

sz_status sz_flows_find(sz_ctx *ctx, const sz_costs *costs, sz_flows *ret_flows) SZ_MUST_USE;
void sz_flows_finish(sz_ctx *ctx, sz_flows *flows);

// By value: the value whose memory it shows, itself if it is no view.
void sz_flow_roots(const sz_graph *g, sz_value_id *root);

#endif
