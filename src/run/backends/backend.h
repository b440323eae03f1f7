// SPDX-License-Identifier: Apache-2.0
// Libraries that run nodes, behind one table. To add one: a row in backends.def and a file with
// `const sz_backend sz_backend_NAME`; docs/how-to/add-a-backend.md.
//
// A library is opened at run time, in a child process of its own: nothing links to it, and nothing
// of it is trusted. A node that it takes becomes a step: prepared once, then run many times.
#ifndef SZ_BACKEND_H
#define SZ_BACKEND_H

#include "model/graph/graph.h"
#include "run/backends/ref/ref.h"

// What a library says of itself. Empty text = not known.
typedef struct sz_backend_facts {
    char path[512], version[160], kernels[64]; // kernels: which set of them it chose
    char advice[160];                          // a setting that makes it faster, "" = none
} sz_backend_facts;

// A node to be prepared. There may be several sets of inputs, so that no value repeats from call to
// call; what is not an input of the graph has the same buffer in all.
typedef struct sz_node_call {
    sz_ctx *ctx;
    sz_graph *graph;
    const sz_node *node;
    int n_sets;
    sz_buffer *const *const *in; // in[set][i]; NULL where an input is left out
    sz_buffer *const *out;       // out[o]; NULL where it is left out
    const bool *fixed;           // input i is there before the run: it may be packed beforehand
    const bool *last;            // output o is read by no other node: it may stay in any layout
    // Output o is read by nodes of this library alone: it may lie in its buffer in any layout.
    const bool *loose;
    int threads;
} sz_node_call;

typedef struct sz_step {
    void *state;
    sz_status (*run)(void *state, int set);
    sz_status (*fetch)(void *state); // bring `last` outputs into their buffers; NULL = they are
    // The first output, dense, where it lies otherwise in its buffer (`loose`); NULL = it does not.
    sz_status (*show)(void *state, sz_buffer *to);
    void (*finish)(sz_ctx *ctx, void *state);
    char kernel[96];
    sz_dtype ran_as; // lowest format that the arithmetic touches
    sz_dtype sums;   // format in which it adds up; 0 = not known
} sz_step;

struct sz_run_how;
struct sz_runner;

typedef struct sz_backend {
    const char *name, *what;
    // SZ_ERR_UNAVAILABLE with the reason. `path`: a file to open instead of the usual ones, or
    // NULL. The library stays open until the process ends.
    sz_status (*open)(sz_ctx *ctx, const char *path, void **ret_library);
    void (*facts)(void *library, sz_backend_facts *ret_facts);
    // Why the node can't be run; NULL = it can. Types are known.
    const char *(*refuses)(void *library, const sz_graph *g, const sz_node *node);
    sz_status (*prepare)(void *library, const sz_node_call *call, sz_step *ret_step);
    // Of a library that takes a net whole (runner.h), instead of the two above; else NULL.
    sz_status (*compile)(sz_ctx *ctx, void *library, sz_graph *g, const struct sz_run_how *how,
                         struct sz_runner *ret_runner);
} sz_backend;

#define BACKEND(name) extern const sz_backend sz_backend_##name;
#include "run/backends/backends.def"
#undef BACKEND

const sz_backend *sz_backend_get(size_t i); // NULL past the end
const sz_backend *sz_backend_find(const char *name);

// ---- for backends ------------------------------------------------------------------------------

static inline const sz_type *sz_node_type(const sz_graph *g, const sz_node *n, int i) {
    return i < n->n_inputs && n->inputs[i] != SZ_NONE ? &sz_graph_value(g, n->inputs[i])->type
                                                      : NULL;
}
static inline bool sz_node_is(const sz_node *n, const char *op) {
    return n->domain.len == 0 && sz_str_is(n->op, op);
}

#endif
