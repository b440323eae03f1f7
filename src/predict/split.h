// SPDX-License-Identifier: Apache-2.0
// A net on two processors: a machine that does not run all of it, and its host.
#ifndef SZ_SPLIT_H
#define SZ_SPLIT_H

#include "model/graph/graph.h"
#include "predict/predict.h"

// Is every operator of the machine's list one that we know? SZ_ERR_INPUT with the nearest name.
sz_status sz_check_operators(sz_ctx *ctx, const sz_machine *machine) SZ_MUST_USE;

// Values that are known before a net runs: constants, and what is made of such alone. By value.
void sz_find_fixed(const sz_graph *g, bool *fixed);

// Does the machine run all nodes of the row? `fixed` as sz_find_fixed() tells. Else `why` says what
// stands against it.
bool sz_runs_row(const sz_estimate *e, const bool *fixed, size_t row, char *why, size_t size);

// Does part of the work of this estimate fall to a host?
bool sz_is_split(const sz_estimate *e);

// Does the machine get all that it can run, or what is best for the net?
bool sz_takes_all(const sz_estimate *e);

// Fill in the whole estimate of such a machine.
sz_status sz_split(sz_estimate *e) SZ_MUST_USE;

#endif
