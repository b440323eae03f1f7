// SPDX-License-Identifier: Apache-2.0
// A graph made ready to run on a library, node by node, with numbers in memory.
#ifndef SZ_JOB_H
#define SZ_JOB_H

#include "run/backends/backend.h"

enum { SZ_JOB_SETS = 2 }; // of inputs, taken in turn

typedef struct sz_job_node {
    const sz_node *node;
    sz_step step;
    const char *backend;
    const char
        *why; // the library refused it, and the reference runs it; NULL = the library runs it
} sz_job_node;

typedef struct sz_job {
    sz_ctx *ctx;
    sz_graph *graph;
    SZ_VEC(sz_job_node) nodes;      // those that the outputs need, in the order of the run
    sz_buffer **slots[SZ_JOB_SETS]; // by value; only inputs of the graph differ
    sz_ref *numbers[SZ_JOB_SETS];   // where inputs and constants come from
    bool *needed;
    bool *constant;   // by value: known before the run, as it follows from constants
    int32_t *readers; // of each value
    sz_arena arena;
    int next; // set of the next run
} sz_job;

// Bytes that a job on this graph needs, about. SZ_ERR_INPUT when a type depends on data.
sz_status sz_job_bytes(sz_ctx *ctx, const sz_graph *g, int64_t *ret_bytes);

// What the library refuses, the reference runs, if there is more than one node; else the job is
// refused: SZ_ERR_UNAVAILABLE with the reason.
sz_status sz_job_create(sz_ctx *ctx, sz_graph *g, const sz_backend *backend, void *library,
                        int threads, uint64_t seed, sz_job **ret_job);
void sz_job_destroy(sz_job *job); // NULL is fine

sz_status sz_job_run(sz_job *job);   // with the next set of inputs
sz_status sz_job_first(sz_job *job); // with the first set; the outputs are then in their buffers
sz_dtype
sz_job_lowest(const sz_job *job); // format of fewest bits that a node of the library ran in

// How far the outputs are from what the reference says.
typedef struct sz_check {
    const char *how;       // "whole", "spots" or "none"
    char why[256];         // "none": why not
    double error, allowed; // largest error, as a share of the largest number of an output
    int64_t elements;      // compared
    bool is_right;
} sz_check;
// After sz_job_first. `flops`: of the graph; large ones are checked at some elements only.
sz_status sz_job_check(sz_job *job, int64_t flops, sz_check *ret_check);

#endif
