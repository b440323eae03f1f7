// SPDX-License-Identifier: Apache-2.0
// How much memory a model file may ask for: 64 MiB plus 4 bytes for each byte of header (all that
// is read of it; weights are not). Importing, inference and costing together stay below it.
#ifndef SZ_ALLOWANCE_H
#define SZ_ALLOWANCE_H

#include "model/graph/model.h"

#define SZ_MEMORY_FLOOR ((size_t)64 << 20)
enum { SZ_MEMORY_FACTOR = 4 };

size_t sz_allowance(uint64_t header_bytes);

// Limit the context to what the file of the model has left beside the model itself; for work on
// the model. Returns the limit before, which sz_ctx_set_job_limit() takes back.
size_t sz_allowance_begin(sz_ctx *ctx, const sz_model *model);

#endif
