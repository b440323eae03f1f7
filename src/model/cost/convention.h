// SPDX-License-Identifier: Apache-2.0
// Counting conventions: what a peer tool would print for a node, so that we agree with each on
// purpose.
#ifndef SZ_CONVENTION_H
#define SZ_CONVENTION_H

#include "model/ops/rule.h"

typedef struct sz_convention {
    int32_t id;
    const char *name, *unit, *what;
    bool body_once; // the body of a loop counts once, however often it runs
    bool has_terms;  // all but sizeup's own
    bool counts_hlo; // has its own count of XLA's instructions (xla_count.def)
} sz_convention;

// NULL when there is none of that name; name NULL = sizeup.
const sz_convention *sz_convention_find(const char *name);
const sz_convention *sz_convention_get(size_t i); // NULL past the end

// A node as a convention sees it: shapes through in (sz_in ..., sz_out_get), work beside.
typedef struct sz_counted {
    const sz_infer *in;
    const sz_work *work;
} sz_counted;

// Operations that the tool counts for the node, in its own unit. *ret_why is one clause (static)
// that says what it counts, NULL for sizeup's own convention.
sz_status sz_convention_count(const sz_convention *by, const sz_counted *c, int64_t *ret_count,
                              const char **ret_why);

#endif
