// SPDX-License-Identifier: Apache-2.0
// A net on two processors: a machine that does not run all of it, and its host.
#ifndef SZ_SPLIT_H
#define SZ_SPLIT_H

#include "predict/predict.h"

// Is every operator of the machine's list one that we know? SZ_ERR_INPUT with the nearest name.
sz_status sz_check_operators(sz_ctx *ctx, const sz_machine *machine) SZ_MUST_USE;

// Does the machine run all nodes of the row? Else `why` says what stands against it.
bool sz_runs_row(const sz_estimate *e, size_t row, char *why, size_t size);

// Does part of the work of this estimate fall to a host?
bool sz_is_split(const sz_estimate *e);

// Fill in the whole estimate of such a machine.
sz_status sz_split(sz_estimate *e) SZ_MUST_USE;

#endif
