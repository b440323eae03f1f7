// SPDX-License-Identifier: Apache-2.0
// The node signature: text that joins cost, measurement and prediction of the same work.
#ifndef SZ_SIGNATURE_H
#define SZ_SIGNATURE_H

#include "model/graph/graph.h"

// "Conv f32 1x3x224x224 w64x3x7x7 b s2 p3": operator, dtype, shapes of what flows in, shapes of
// constant operands (w), attributes that change the work. Arena memory; "" when there is none left.
const char *sz_signature(sz_graph *g, sz_node_id id);

#endif
