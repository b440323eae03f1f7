// SPDX-License-Identifier: Apache-2.0
// Prototypes of every rule that the table names (made from the table), and the rules that families
// share.
#ifndef SZ_RULES_H
#define SZ_RULES_H

#include "model/ops/rule.h"

#define OP(domain, name, since, kind, min_in, max_in, max_out, shape, value, cost, work)           \
    sz_shape_rule sz_shape_##shape;                                                                \
    sz_value_rule sz_value_##value;                                                                \
    sz_cost_rule sz_cost_##cost;
#include "model/ops/ops.def"
#undef OP

// Shared rules (common.c):
// shape  unknown: all outputs unknown.  same: output 0 has the type of input 0.
//        broadcast: numpy broadcasting over all inputs, dtype of input 0.  compare: the same, dtype
//        bool.
// value  none: never known.  same: passes input 0's numbers on.
// cost   none: "no cost rule", the node is reported as unknown.  free: no bytes, no work (views,
// metadata).
//        move: bytes only.  elementwise: work x elements of output 0.
//        input: work x elements of input 0 (reductions).
sz_shape_rule sz_shape_same, sz_shape_broadcast, sz_shape_compare, sz_shape_unknown;
sz_value_rule sz_value_none, sz_value_same;
sz_cost_rule sz_cost_none, sz_cost_free, sz_cost_move, sz_cost_elementwise, sz_cost_input;

#endif
