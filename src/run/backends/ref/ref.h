// SPDX-License-Identifier: Apache-2.0
// The reference executor: runs a graph node by node in plain C, to be right and not fast.
//
// Arithmetic is done in double (integers exactly) and rounded to the format of each output, so a
// result is as exact as its format allows. Types and shapes follow from the numbers of the run, so
// what depends on data runs too. docs/reference-executor.md tells what it is for and what it can't.
#ifndef SZ_REF_H
#define SZ_REF_H

#include "model/graph/graph.h"

// Numbers in memory. Elements lie dense and row-major in the byte order of this machine; those of
// less than 8 bits take a byte each. Floats of 16 bits and fewer are kept as their bits.
typedef struct sz_buffer {
    sz_dtype dtype;
    int32_t rank;
    int64_t dims[SZ_MAX_RANK];
    int64_t count; // elements
    size_t bytes;
    void *data;
    int32_t holders;  // the buffer is freed when the last one lets go
    bool is_sequence; // of `count` buffers in items; data is NULL then
    struct sz_buffer **items;
} sz_buffer;

size_t sz_buffer_width(sz_dtype t); // bytes of an element in memory; 0: can't be held
// Numbers are zero. Fails when the elements do not fit the memory limit of ctx.
sz_status sz_buffer_create(sz_ctx *ctx, sz_dtype dtype, int32_t rank, const int64_t *dims,
                           sz_buffer **ret_buffer);
// A sequence of `count` buffers, to be filled in.
sz_status sz_buffer_create_sequence(sz_ctx *ctx, int64_t count, sz_buffer **ret_buffer);
sz_buffer *sz_buffer_hold(sz_buffer *b);           // one more holder; NULL is fine
void sz_buffer_release(sz_ctx *ctx, sz_buffer *b); // NULL is fine

// Elements from..from + n as numbers, and back. Writing rounds to the format; integers are cut as
// ONNX casts them (bits above are dropped), narrow floats saturate.
void sz_buffer_doubles(const sz_buffer *b, int64_t from, int64_t n, double *ret);
void sz_buffer_integers(const sz_buffer *b, int64_t from, int64_t n, int64_t *ret);
void sz_buffer_put_doubles(sz_buffer *b, int64_t from, int64_t n, const double *x);
// Element k as its bits; those beyond the format are dropped.
void sz_buffer_put_bits(sz_buffer *b, int64_t k, uint64_t bits);
void sz_buffer_put_integers(sz_buffer *b, int64_t from, int64_t n, const int64_t *x);

typedef struct sz_ref_options {
    size_t memory_limit; // bytes that a run may hold at once; 0 = 8 GiB
    int64_t work_limit;  // multiplications and elements that a run may take; 0 = no limit
    uint64_t seed;       // of synthetic numbers
    // What a node reads is moved at random by up to so many times 2^-24 of it, half a unit in the
    // last place of f32, to see how much rounding matters; 0 = it is not.
    double noise;
} sz_ref_options;

typedef struct sz_ref sz_ref;

// Can every node be run? *ret_why is NULL then, else a sentence that names the first that can't,
// in the arena of the graph.
sz_status sz_ref_supports(sz_graph *g, const char **ret_why);

// `g` is inferred and stays the caller's; it must outlive the run and is not changed. `options` may
// be NULL.
sz_status sz_ref_create(sz_ctx *ctx, sz_graph *g, const sz_ref_options *options, sz_ref **ret_ref);
void sz_ref_destroy(sz_ref *r); // NULL is fine
// Numbers of a graph input, or of a constant instead of those in the file. Holds the buffer.
sz_status sz_ref_give(sz_ref *r, sz_value_id id, sz_buffer *b);
// For a graph that was made from another one by passes, which keep the ids of values: the weights
// that a run of `from` would take. Synthetic ones depend on who reads them, and passes change that.
sz_status sz_ref_take_weights(sz_ref *r, sz_ref *from);
// Runs the nodes that the outputs need. Inputs that were not given, and weights that are not in the
// file, get synthetic numbers.
sz_status sz_ref_run(sz_ref *r);
// Output k of the graph; NULL before a run. Stays with r until the next run.
const sz_buffer *sz_ref_output(const sz_ref *r, size_t k);
// The numbers that a run would take for an input or a constant. The caller releases the buffer.
sz_status sz_ref_source(sz_ref *r, sz_value_id id, sz_buffer **ret_buffer);

#endif
