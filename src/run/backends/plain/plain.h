// SPDX-License-Identifier: Apache-2.0
// Own kernels in portable C: fast where the reference is exact, and for whatever a library refuses.
//
// A node becomes a step: a few passes in a row, each of independent units that threads share. All
// sizes, strides and places are worked out when the step is made; a run only walks them.
// plain.def lists the operators; the inner loops are in loops/, compiled once per instruction set.
#ifndef SZ_PLAIN_H
#define SZ_PLAIN_H

#include "model/ops/rule.h"
#include "run/backends/backend.h"
#include "run/backends/plain/crew.h"
#include "run/backends/plain/loops/loops.h"

typedef struct sz_plain {
    sz_ctx *ctx;
    const sz_loops *loops; // for this CPU
    sz_crew *crew;
} sz_plain;

typedef struct sz_plain_step sz_plain_step;

typedef struct sz_plain_pass {
    // Units from..to, of the given set of inputs. False: an index from the data is out of range.
    bool (*run)(const sz_plain_step *s, const void *plan, int set, int64_t from, int64_t to);
    const void *plan;
    int64_t units, bytes; // of a unit: bytes moved, or work that takes as long
} sz_plain_pass;

struct sz_plain_step {
    const sz_plain *library;
    sz_node_call call; // its arrays are the job's
    sz_arena arena;    // plans
    sz_dtype sums;     // format in which it adds up; 0 = it does not say
    SZ_VEC(sz_plain_pass) passes;
};

void sz_plain_close(sz_plain *p); // NULL is fine

// Makes the passes of a node. SZ_ERR_UNAVAILABLE with the reason where there is no kernel for it.
typedef sz_status sz_plain_planner(sz_plain_step *s);

// ---- for planners ------------------------------------------------------------------------------

sz_status sz_plain_refuse(const sz_plain_step *s, const char *why);
// Room in the arena of the step; NULL = no memory.
void *sz_plain_new(sz_plain_step *s, size_t size);
sz_status sz_plain_add(sz_plain_step *s, const sz_plain_pass *pass);

// NULL where it is left out.
const sz_type *sz_plain_type(const sz_plain_step *s, int input);
const sz_type *sz_plain_out_type(const sz_plain_step *s, int output);
static inline const char *sz_plain_name(const sz_type *t) { return sz_dtype_get(t->dtype)->name; }
bool sz_plain_is(const sz_type *t, const char *dtype); // NULL is no format
int64_t sz_plain_count(const sz_type *t);
int64_t sz_plain_span(const sz_type *t, int32_t from, int32_t to); // product of dims[from..to)
// An axis from 0; false when there is none such.
bool sz_plain_axis(int64_t given, int32_t rank, int32_t *ret_axis);
// Numbers of an input that are known before the run; NULL when they are not, or it is left out.
const sz_buffer *sz_plain_known(const sz_plain_step *s, int input);
// The same as integers: an attribute, or (at >= 0) that input. *ret_n = -1: neither is given.
sz_status sz_plain_ints(sz_plain_step *s, const char *attr, int at, int *ret_n,
                        const int64_t **ret_ints);
// All inputs that are there, and output 0, have this format.
bool sz_plain_all(const sz_plain_step *s, const char *dtype);

static inline void *sz_plain_data(const sz_plain_step *s, int set, int input) {
    return input < 0 ? s->call.out[-1 - input]->data : s->call.in[set][input]->data;
}

// ---- walking -----------------------------------------------------------------------------------

enum { SZ_WALKED = 6 };

// Axes that are walked in row-major order, with a place for each of several tensors.
typedef struct sz_walk {
    int rank, n;
    const int64_t *dims;
    const int64_t *step[SZ_WALKED];
    int64_t index[SZ_MAX_RANK], at[SZ_WALKED];
} sz_walk;

void sz_walk_begin(sz_walk *w, int64_t unit); // dims, steps, rank and n are set
static inline void sz_walk_next(sz_walk *w) {
    for (int d = w->rank - 1; d >= 0; d--) {
        for (int i = 0; i < w->n; i++) w->at[i] += w->step[i][d];
        if (++w->index[d] < w->dims[d]) return;
        for (int i = 0; i < w->n; i++) w->at[i] -= w->step[i][d] * w->dims[d];
        w->index[d] = 0;
    }
}

// ---- moving (move.c) ---------------------------------------------------------------------------

// Elements from an input to an output: axes with steps in elements on both sides. Inputs below 0
// are outputs: -1 is the first.
typedef struct sz_move {
    int from, to, width; // width: bytes of an element
    int rank;
    int64_t from_at, to_at;
    int64_t dims[SZ_MAX_RANK], from_step[SZ_MAX_RANK], to_step[SZ_MAX_RANK];
} sz_move;

// Steps of a dense tensor.
void sz_plain_steps(const sz_type *t, int64_t *ret_steps);
sz_status sz_plain_move(sz_plain_step *s, const sz_move *m);
// One value everywhere in an output.
sz_status sz_plain_fill(sz_plain_step *s, int output, const void *value, int width);

// ---- windows (windows.c) -----------------------------------------------------------------------

enum { SZ_WINDOW_AXES = 3 };

// Windows over images; axes in front that are not there have size 1.
typedef struct sz_windows {
    int64_t in[SZ_WINDOW_AXES], out[SZ_WINDOW_AXES], kernel[SZ_WINDOW_AXES];
    int64_t stride[SZ_WINDOW_AXES], dilation[SZ_WINDOW_AXES];
    int64_t before[SZ_WINDOW_AXES], after[SZ_WINDOW_AXES];
    int64_t in_size, out_size, taps; // products
} sz_windows;

// Of images x and results y. `kernel`: sizes by the weights, NULL = by the attribute alone.
sz_status sz_plain_windows(sz_plain_step *s, const sz_type *x, const int64_t *kernel,
                           const sz_type *y, sz_windows *ret_windows);
// Windows *ret_from..*ret_to along axis d whose tap k lies on an element.
void sz_windows_inside(const sz_windows *w, int d, int64_t k, int64_t *ret_from, int64_t *ret_to);

// What a tap meets: windows from..to of each axis; that of window o lies at `at` + the sum of
// o x step.
typedef struct sz_tap {
    int64_t from[SZ_WINDOW_AXES], to[SZ_WINDOW_AXES], at, step[SZ_WINDOW_AXES];
} sz_tap;
bool sz_windows_tap(const sz_windows *w, int64_t k0, int64_t k1, int64_t k2, sz_tap *ret_tap);

// ---- element by element (nest.c) ---------------------------------------------------------------

enum { SZ_NEST_INPUTS = 5, SZ_NEST_NUMBERS = 8 };

typedef struct sz_nest {
    sz_loop *loop;
    int n_in, in[SZ_NEST_INPUTS], width[SZ_NEST_INPUTS], out, out_width;
    int rank;
    int64_t dims[SZ_MAX_RANK], step[SZ_NEST_INPUTS][SZ_MAX_RANK];
    int64_t block, blocks; // elements of the last axis that are one unit
    double numbers[SZ_NEST_NUMBERS];
} sz_nest;

// A nest over output `out` with these inputs broadcast to it; then sz_plain_add_nest.
sz_status sz_plain_nest(sz_plain_step *s, sz_loop *loop, int out, int n_in, const int *in,
                        sz_nest *ret_nest);
sz_status sz_plain_add_nest(sz_plain_step *s, const sz_nest *n);

#define PLAIN(domain, op, function) sz_plain_planner sz_plain_##function;
#include "run/backends/plain/plain.def"
#undef PLAIN

#endif
