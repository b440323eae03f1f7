// SPDX-License-Identifier: Apache-2.0
// Which nodes of a graph were put in to turn a tensor around in memory. As an operator each is a
// Transpose that keeps all axes in their places, so the graph computes what it did; it is told by
// its name.
#ifndef SZ_PASS_LAYOUTS_H
#define SZ_PASS_LAYOUTS_H

#include "model/graph/graph.h"

typedef enum sz_turn {
    SZ_TURN_NONE,
    SZ_TURN_TO_LAST, // from planes, N C H W, to channels that lie together, N H W C
    SZ_TURN_TO_PLANES
} sz_turn;

sz_turn sz_turn_of(const sz_node *n);

#endif
