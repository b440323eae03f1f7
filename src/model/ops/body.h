// SPDX-License-Identifier: Apache-2.0
// Running inference over a body, once or step by step.
#ifndef SZ_BODY_H
#define SZ_BODY_H

#include "model/ops/rule.h"

// The graph attribute `name`; fails when it is absent.
sz_status sz_body_attr(const sz_infer *n, const char *name, sz_graph **ret_body);

// Gives formal input i of the body a type and, when not NULL, numbers. What `type` leaves open is
// taken from what the file says about the input.
sz_status sz_body_input(sz_graph *body, int i, const sz_type *type, const sz_tensor *known);
// The type that the file gives formal input i; kind NONE when none.
sz_type sz_body_declared(sz_graph *body, int i);
const sz_type *sz_body_output(const sz_graph *body, int o);
const sz_tensor *sz_body_output_known(const sz_infer *n, sz_graph *body, int o); // NULL = not known
// Does output o hand on formal input i, directly or through Identity nodes?
bool sz_body_passes(const sz_graph *body, int o, int i);

// Forget what earlier runs found, and infer.
sz_status sz_body_run(sz_infer *n, sz_graph *body);

// Repeated runs: what holds in all of them. The values of the body and of the bodies inside it are
// watched; afterwards sz_trace_keep gives each the type and the numbers that all runs agree on.
typedef struct sz_trace sz_trace;
sz_status sz_trace_create(sz_infer *n, sz_graph *body, sz_trace **ret_trace);
void sz_trace_destroy(sz_trace *t); // NULL is fine
sz_status sz_trace_add(sz_trace *t);  // after a run
void sz_trace_keep(sz_trace *t);
// Charge one more run to the budget of the model; false when it is used up. Without it, loops in
// loops in loops would take exponential time.
bool sz_trace_charge(sz_trace *t);

#endif
