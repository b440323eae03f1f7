// SPDX-License-Identifier: Apache-2.0
// Drivers over the operator table.
#ifndef SZ_OPS_H
#define SZ_OPS_H

#include "model/ops/rule.h"

// Sets node->row of every node (bodies too) from the operator table.
sz_status sz_ops_resolve(sz_graph *g);

// Infer types and small numbers of all values, in node order (needs: verified, resolved, symbols
// bound or left symbolic). Contradictions inside the file are errors, a declared type that differs
// from the inferred one is a warning (the inferred one is kept).
sz_status sz_ops_infer(sz_graph *g);

// The same for one node, which need not stand in the graph yet; its row is set, its inputs are
// inferred and its outputs are values of the graph. Not for operators with bodies.
sz_status sz_ops_infer_node(sz_graph *g, const sz_node *node);

#endif
