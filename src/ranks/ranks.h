// SPDX-License-Identifier: Apache-2.0
// Ranks for the rest of the house: the plug-in's table, with its codes as sentences.
#ifndef SZ_RANKS_INSIDE_H
#define SZ_RANKS_INSIDE_H

#include "base/base.h"
#include "ranks/plugin.h"

#include <sizeup/ranks.h>

struct sz_ranks {
    sz_ctx *ctx;
    void *plugin; // NULL: the table is a test's
    const sz_ranks_table *call;
    int self, count;
    bool some_are_gone; // it was noticed
    char library[128];
};

// Ranks of a table that is there already; for tests too.
sz_status sz_ranks_begin(sz_ctx *ctx, const sz_ranks_table *table, sz_ranks **ret_ranks);

// SZ_OK for 0, else the plug-in's sentence with `what` was done.
sz_status sz_ranks_said(const sz_ranks *r, int code, const char *what);

// A message, when it has come. Sleeps between looks, since MPI waits with a busy CPU, which would
// take it from those who measure or work. *stop (may be NULL) ends the wait with
// SZ_ERR_UNAVAILABLE.
sz_status sz_ranks_wait(const sz_ranks *r, void *bytes, size_t cap, int from, int tag,
                        const volatile int *stop, int *ret_from, size_t *ret_n);

// A short sleep between two looks.
void sz_ranks_rest(void);

// All meet here, asleep until the last one comes. *all_go_on: in, whether this one would go on;
// out, whether all would.
sz_status sz_ranks_meet(const sz_ranks *r, bool *all_go_on);

// The same bytes of each rank, put together in the order of the ranks: n bytes in, n x count out.
sz_status sz_ranks_gather(const sz_ranks *r, const void *mine, size_t n, void *ret_all);

// Tags, one for each kind of talk.
enum {
    SZ_TAG_MEET = 1,
    SZ_TAG_GO,
    SZ_TAG_GATHER,
    SZ_TAG_PING,
    SZ_TAG_RESULT,
    SZ_TAG_WORK,
    SZ_TAG_DONE,
    SZ_TAG_RECORD
};

#endif
