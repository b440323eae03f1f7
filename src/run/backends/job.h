// SPDX-License-Identifier: Apache-2.0
// A graph made ready to run on a library, node by node, with numbers in memory.
#ifndef SZ_JOB_H
#define SZ_JOB_H

#include "run/backends/profiles.h"
#include "run/backends/runner.h"

typedef struct sz_job_node {
    const sz_node *node;
    sz_node_id id;
    sz_step step;
    const char *backend;
    const char *why; // the library refused it, and own kernels or the reference run it; NULL = no
} sz_job_node;

// Memory that holds one value at a time.
typedef struct sz_job_block {
    char *page, *data; // page NULL: a part of a chunk
    size_t bytes;
    bool free; // while the job is made: no value that is still to be read lies here
} sz_job_block;

// In a check: where the numbers lie as the library likes it, and how many are still to read them.
typedef struct sz_job_shown {
    sz_buffer *laid; // NULL = they are dense
    int32_t to_read;
} sz_job_shown;

struct sz_plain;

typedef struct sz_job {
    sz_ctx *ctx;
    sz_graph *graph;
    SZ_VEC(sz_job_node) nodes;        // those that the outputs need, in the order of the run
    sz_buffer **slots[SZ_INPUT_SETS]; // by value; only inputs of the graph differ
    sz_ref *numbers[SZ_INPUT_SETS];   // where inputs and constants come from
    bool *needed;
    bool *constant;       // by value: known before the run, as it follows from constants
    int32_t *readers;     // of each value
    sz_value_id *becomes; // by value: the constant whose memory it shares, as it is its next one
    bool *changes;        // by value: a constant that a step changes
    sz_trained trained;
    sz_value_id *root;   // by value: whose numbers it is, under a shape of its own
    bool *loose;         // by value: it may lie in any layout, since the library alone reads it
    sz_job_shown *shown; // by value
    bool *wants_dense;   // by value: something else has to read it after all; of sz_job_create
    bool is_mistaken;    // such a one lies otherwise
    SZ_VEC(sz_job_block) blocks;
    SZ_VEC(char *) chunks;  // that small blocks are parts of
    size_t in_chunk;        // bytes of the last one that are taken
    struct sz_plain *plain; // for what the library refuses
    sz_arena arena;
    sz_run_how how;
    int next;             // set of the next run
    sz_profiles profiles; // by node; none before the first
} sz_job;

// Bytes that a job on this graph needs, about. SZ_ERR_INPUT when a type depends on data.
sz_status sz_job_bytes(sz_ctx *ctx, const sz_graph *g, int64_t *ret_bytes);

// What the library refuses, own kernels run, and else the reference, if there is more than one
// node; a single one that is refused is SZ_ERR_UNAVAILABLE with the reason. Reshape and its kin are
// no nodes of the job: their outputs share the buffers of their inputs.
sz_status sz_job_create(sz_ctx *ctx, sz_graph *g, const sz_backend *backend, void *library,
                        const sz_run_how *how, sz_job **ret_job);
void sz_job_destroy(sz_job *job); // NULL is fine

sz_status sz_job_run(sz_job *job);   // with the next set of inputs
sz_status sz_job_first(sz_job *job); // with the first set; the outputs are then in their buffers
// Format of fewest bits that a node of the library ran in.
sz_dtype sz_job_lowest(const sz_job *job);
// After sz_job_first. `flops`: of the graph; large ones are checked at some elements only.
sz_status sz_job_check(sz_job *job, int64_t flops, sz_check *ret_check);

// The same of a step of training: loss, weights and states after one step (check_step.c).
sz_status sz_job_check_step(sz_job *job, int64_t flops, sz_check *ret_check);

// A job as a runner.
extern const sz_runner_type sz_job_runner;

#endif
