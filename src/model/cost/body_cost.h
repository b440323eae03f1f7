// SPDX-License-Identifier: Apache-2.0
// Parts of the driver over cost rules that operators with bodies need.
#ifndef SZ_BODY_COST_H
#define SZ_BODY_COST_H

#include "model/cost/node_cost.h"

// All nodes of a body. Fails when `depth` levels of bodies are too many.
sz_status sz_cost_body(sz_graph *body, const sz_convention *by, int depth, sz_node_result *ret);
// *sum += times x w; false on overflow.
bool sz_work_add(sz_work *sum, const sz_work *w, int64_t times);
// Does input i stand among those before it? Only the first 64 are looked at.
bool sz_is_named_before(const sz_node *n, int32_t i);
// More MACs, else more operations, else more bytes.
bool sz_result_is_larger(const sz_node_result *a, const sz_node_result *b);
// Bytes of all inputs (each once) and outputs.
sz_status sz_cost_prefill(sz_graph *g, const sz_node *n, sz_work *ret_work);
sz_status sz_result_note(sz_graph *g, const char *text, sz_node_result *r);

// An instruction of XLA that calls computations.
sz_status sz_xla_body_cost(const sz_infer *in, const sz_convention *by, sz_node_result *r);

#endif
