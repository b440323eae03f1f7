// SPDX-License-Identifier: Apache-2.0
// Instructions of XLA that call computations, by any convention; and all of them by XLA's own.
#ifndef SZ_XLA_BODY_H
#define SZ_XLA_BODY_H

#include "model/cost/node_cost.h"

// What HloCostAnalysis says of an instruction.
typedef struct sz_xla_count {
    int64_t flops, transcendentals, bytes;
} sz_xla_count;

// `in` of the domain "xla". Fails on overflow only.
sz_status sz_xla_count_node(const sz_infer *in, sz_xla_count *ret);

// What it counts of an instruction, in a clause.
const char *sz_xla_why(sz_str op);

// Bytes of a value as XLA sees them: a tuple is a table of pointers.
sz_status sz_xla_size(const sz_infer *in, const sz_type *t, int64_t *ret);

// Who reads each value of a computation: the nodes, in order and once each.
typedef struct sz_users {
    sz_ctx *ctx;
    const sz_graph *graph;
    int32_t *first; // values + 1 of them
    sz_node_id *nodes;
    size_t n_nodes;
} sz_users;
sz_status sz_users_init(sz_users *u, const sz_graph *g);
void sz_users_finish(sz_users *u);

// Bytes of parameter `id` that a fusion reads: as HloCostAnalysis says it (`as_xla`), or what its
// slices and gathers take, the whole at most.
sz_status sz_fusion_reads(const sz_infer *in, const sz_users *u, sz_value_id id, bool as_xla,
                          int64_t *ret);
// Bytes that the fusion `in` writes: of an update in place only the update.
sz_status sz_fusion_writes(const sz_infer *in, bool as_xla, int64_t *ret);

#endif
