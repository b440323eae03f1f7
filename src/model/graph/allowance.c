// SPDX-License-Identifier: Apache-2.0
#include "model/graph/allowance.h"

size_t sz_allowance(uint64_t header_bytes) {
    const uint64_t most = (SIZE_MAX / 2 - SZ_MEMORY_FLOOR) / SZ_MEMORY_FACTOR;
    if (header_bytes > most) header_bytes = most;
    return SZ_MEMORY_FLOOR + (size_t)header_bytes * SZ_MEMORY_FACTOR;
}

size_t sz_allowance_begin(sz_ctx *ctx, const sz_model *model) {
    size_t all = sz_allowance(model->graph->header_bytes);
    size_t left = model->memory < all ? all - model->memory : 1;
    return sz_ctx_set_job_limit(ctx, sz_ctx_memory_used(ctx) + left);
}
