// SPDX-License-Identifier: Apache-2.0
// An experiment in progress.
#ifndef SZ_LAB_INSIDE_H
#define SZ_LAB_INSIDE_H

#include "machine/machine.h"
#include "machine/measure/stopwatch.h"
#include "run/lab/loops.h"
#include "run/lab/model.h"

#include <sizeup/lab.h>

struct sz_lab {
    sz_ctx *ctx;
    sz_arena arena;
    sz_lab_info info;
    const sz_machine *machine;     // while it runs
    const sz_lab_options *options; // while it runs
    const sz_lab_loops *loops;
    sz_cpu_set features;
    int cpu;              // logical CPU it runs on
    unsigned char *bytes; // buffer of random f32 in [0.5, 1), NULL = none
    size_t size, mapped;  // filled, mapped
    SZ_VEC(sz_lab_row) rows;
    SZ_VEC(sz_lab_ratio) ratios;
    SZ_VEC(sz_lab_rate) rates;
    SZ_VEC(const char *) findings;
    sz_lab_order order;
};

// ---- steps of every experiment -----------------------------------------------------------------

// Make the buffer, `wanted` bytes or as many as memory and time allow; `least` at least, or the
// experiment is not possible here.
sz_status sz_lab_buffer(sz_lab *lab, size_t wanted, size_t least);

void sz_lab_tell(const sz_lab *lab, const char *what);

// A case: work of which `units` units make what the row tells. Its result was checked before.
typedef struct sz_lab_case {
    void (*run)(void *user, int thread, int64_t n);
    void *user;
    double units;
    double ops[SZ_LAB_ROOFS]; // FLOPs under each roof
    bool unknown;             // limited by instructions for which no roof is known
    const char *where_off;    // why the model may miss it; NULL = no reason is known
    sz_lab_row row;           // what, x, flops, elements, bytes, working set, verified
} sz_lab_case;

// Name the case; the text is the lab's.
sz_status sz_lab_name(sz_lab *lab, sz_lab_case *c, const char *fmt, ...) SZ_PRINTF(3, 4);

// Time all cases and, in turn with them, the kernels of the machine whose rates the model uses;
// predict, complete the rows and add them. Once per experiment.
sz_status sz_lab_measure(sz_lab *lab, sz_lab_case *cases, size_t n);

sz_status sz_lab_compare(sz_lab *lab, const char *what, double original, double measured,
                         double predicted);
sz_status sz_lab_find(sz_lab *lab, const char *fmt, ...) SZ_PRINTF(2, 3);

bool sz_lab_near(double a, double b, double tolerance); // relative

// A rate as saved and as it is now (rates.c): what is shown of it.
sz_status sz_lab_add_rate(sz_lab *lab, double saved, double now, const char *fmt, ...)
    SZ_PRINTF(4, 5);

// The rate that is reached when nothing disturbs: the 95th percentile of the batches. Neighbours
// that share memory or a core slow some batches down, and not all cases alike; they speed none up.
double sz_lab_fast_end(const sz_stats *rate);

// Of finished rows: is the order of times that of the predictions?
sz_lab_order sz_lab_order_of(const sz_lab_row *rows, size_t n);

#define LAB(name, ident, what, x_label, original, why) sz_status sz_lab_##ident(sz_lab *lab);
#include "run/lab/labs.def"
#undef LAB

#endif
