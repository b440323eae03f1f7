// SPDX-License-Identifier: Apache-2.0
// A prepared product of pieces, for those that run and check it.
#ifndef SZ_OZAKI_STEP_H
#define SZ_OZAKI_STEP_H

#include "run/backends/ozaki.h"
#include "run/backends/ozaki_split.h"

// What a step of the library is told; it may keep pointers.
typedef struct sz_ozaki_call {
    sz_buffer buffers[3];
    sz_buffer *in[2], *out[1];
    sz_buffer *const *sets[1];
    bool fixed[2];
} sz_ozaki_call;

typedef struct sz_ozaki_step {
    const sz_backend *backend;
    void *library;
    sz_node_call call; // its arrays are the job's
    sz_ozaki how;
    int64_t m, n, k;
    sz_graph *inner; // one product of pieces
    sz_split a, b;
    void *products[SZ_OZAKI_MOST]; // of an order
    double *sum;
    sz_step *steps; // in the order in which they run
    sz_ozaki_call *calls;
    int n_steps, room_steps;
    char *pages;
    size_t bytes;
} sz_ozaki_step;

// Products whose pieces' numbers add up to `order`.
static inline int sz_ozaki_in_order(const sz_ozaki *o, int order) {
    return order < o->count ? order + 1 : 2 * o->count - 1 - order;
}

#endif
