// SPDX-License-Identifier: Apache-2.0
// What a case is run by: a job, which walks the graph node by node (job.c), or a library that takes
// a net whole. Made once, then run many times; one case has one runner.
#ifndef SZ_RUNNER_H
#define SZ_RUNNER_H

#include <sizeup/bench.h>

#include "run/backends/backend.h"

struct sz_train_step; // model/train/train.h

enum { SZ_INPUT_SETS = 2 }; // of inputs, taken in turn, so that no value repeats from call to call

// How a case is to be run. Zeroed is usual.
typedef struct sz_run_how {
    int threads;
    uint64_t seed;      // of inputs and synthetic weights
    sz_dtype precision; // that a library is asked for; 0 = as the net is written
    bool training;
    const struct sz_train_step *step; // of training: what the graph says of itself
    int streams;                      // of a library that runs several batches at once; 0 = one
    bool layers;      // times of layers are wanted: a library may have to be told beforehand
    const char *path; // of the model's file, NULL = it has none (a family of nets)
    // Of language models:
    int generate;      // tokens, one by one, until the cache is cut back; 0 = one
    int flash;         // 1: attention in one kernel, 2: step by step; 0 = the backend's usual way
    const char *cache; // format of the cache; NULL = f16
} sz_run_how;

// A part of the net as it ran, in the order of the run. Strings live as long as the runner.
typedef struct sz_run_layer {
    sz_str name, op;
    const char *kernel, *backend;
    const char *why;   // the library refused it, and something slower ran; NULL = it ran
    const char *dtype; // that the arithmetic touched; NULL = not known
    const char *sums;  // format in which it adds up; NULL = not known
    // Nodes of the graph that it does, in their order. One that the library took apart is in each
    // of the layers that it became.
    const sz_node_id *sources;
    int32_t n_sources; // 0 = none is known: the library put it in
    // Of a layer without sources: the tensor that it lays out otherwise, SZ_NONE = none is known.
    sz_value_id turned;
    double time_s;     // of a usual run, NaN = not measured
    double quick_s;    // of the quickest quarter of the runs, NaN likewise
} sz_run_layer;

// How far outputs are from what the reference says.
typedef struct sz_check {
    const char *how;       // "whole", "spots" or "none"
    char why[256];         // "none": why not
    double error, allowed; // largest error, as a share of the largest number of an output
    int64_t elements;      // compared
    int64_t unseen;        // nodes that were not looked at, where it went node by node
    bool is_right;
    sz_bench_accuracy accuracy; // pieces NULL = not of pieces
} sz_check;

// What training has come to. Losses are those of the first set of inputs, NaN before a step.
typedef struct sz_trained {
    double loss_first, loss_last;
    int64_t steps;
} sz_trained;

typedef struct sz_runner_type {
    // One batch, or one step of training, with the next set of inputs.
    sz_status (*run)(void *state);
    // Before every sample, which is then one call; not timed. NULL = nothing. What fails in it is
    // told by the next run.
    void (*before)(void *state);
    // The same with the first set; then compare its outputs with the reference. `flops`: of the
    // graph, -1 = not known; what is too much for the reference is checked at spots.
    sz_status (*check)(void *state, int64_t flops, sz_check *ret_check);
    // One run that is looked at layer by layer; called several times, apart from timing.
    sz_status (*profile)(void *state); // NULL = the library tells no times of layers
    size_t (*layer_count)(void *state);
    sz_run_layer (*layer)(void *state, size_t i);
    // What ran: the format of fewest bits, and the threads.
    sz_dtype (*lowest)(void *state);
    sz_dtype (*sums)(void *state); // in which that adds up; 0 or no function = not known
    int (*threads)(void *state);
    void (*trained)(void *state, sz_trained *ret); // of a step of training; NULL = it runs none
    double (*load_s)(void *state); // that reading the model took, a part of making the runner; NULL
                                   // = nothing is read, or it is not told apart
    void (*finish)(void *state);                   // frees it
} sz_runner_type;

typedef struct sz_runner {
    const sz_runner_type *type;
    void *state;
} sz_runner;

// By the library's `compile`, else a job. `g` is inferred, stays the caller's and outlives the
// runner. SZ_ERR_UNAVAILABLE with the reason when the library does not take the net.
sz_status sz_runner_create(sz_ctx *ctx, sz_graph *g, const sz_backend *backend, void *library,
                           const sz_run_how *how, sz_runner *ret_runner);
void sz_runner_finish(sz_runner *r); // one that was never made is fine

// ---- for runners -------------------------------------------------------------------------------

// Compare outputs with those of a run of the reference on the same numbers. `numbers`: made for
// the graph; its inputs are given already. outputs[o] by output of the graph. `lowest`: format that
// ran.
sz_status sz_check_outputs(sz_ctx *ctx, sz_graph *g, sz_ref *numbers,
                           const sz_buffer *const *outputs, sz_dtype lowest, sz_check *ret_check);
// The same, unless it is too much work for the reference, or it lacks an operator: `how` is "none"
// then.
sz_status sz_check_net(sz_ctx *ctx, sz_graph *g, sz_ref *numbers, const sz_buffer *const *outputs,
                       sz_dtype lowest, int64_t flops, sz_check *ret_check);
void sz_check_none(sz_check *c, const char *why);

#endif
