// SPDX-License-Identifier: Apache-2.0
// What one node costs: the driver over the cost rules, bodies included.
#ifndef SZ_NODE_COST_H
#define SZ_NODE_COST_H

#include "model/cost/convention.h"
#include "model/ops/rule.h"

typedef struct sz_node_result {
    sz_work work;
    int64_t counted;     // operations by the convention
    const char *unknown; // why it is not costed, NULL when it is; arena of the graph
    const char *note;    // e.g. both branches of an If; NULL when none
    // By XLA's convention, of its own instructions only:
    bool has_xla;
    int64_t transcendentals, bytes_accessed;
} sz_node_result;

// Cost of a node in a graph whose types are inferred. Bodies: If = the larger branch, Loop, Scan
// and SequenceMap = body x trips where static, else unknown.
sz_status sz_cost_node_by(sz_graph *g, sz_node_id id, const sz_convention *convention,
                          sz_node_result *ret_result);

// The same by the convention `sizeup`, work only.
sz_status sz_cost_node(sz_graph *g, sz_node_id id, sz_work *ret_work, const char **ret_unknown);

#endif
