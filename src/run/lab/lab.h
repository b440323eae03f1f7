// SPDX-License-Identifier: Apache-2.0
// An experiment in progress.
#ifndef SZ_LAB_INSIDE_H
#define SZ_LAB_INSIDE_H

#include "machine/machine.h"
#include "machine/measure/stopwatch.h"
#include "run/lab/loops.h"

#include <sizeup/lab.h>

struct sz_lab {
    sz_ctx *ctx;
    sz_arena arena;
    sz_lab_info info;
    const sz_machine *machine;     // while it runs
    const sz_lab_options *options; // while it runs
    const sz_lab_loops *loops;
    int cpu;              // logical CPU it runs on
    unsigned char *bytes; // buffer of random f32 in [0.5, 1), NULL = none
    size_t size, mapped;  // filled, mapped
    SZ_VEC(sz_lab_row) rows;
    SZ_VEC(sz_lab_ratio) ratios;
    SZ_VEC(const char *) findings;
};

// ---- steps of every experiment -----------------------------------------------------------------

// Make the buffer, `wanted` bytes or as many as memory and time allow; `least` at least, or the
// experiment is not possible here.
sz_status sz_lab_buffer(sz_lab *lab, size_t wanted, size_t least);

// Time n units of work(user, thread, n); seconds per unit as a rate of units.
sz_status sz_lab_time(sz_lab *lab, void (*run)(void *user, int thread, int64_t n), void *user,
                      sz_reading *ret_reading);

void sz_lab_tell(const sz_lab *lab, const char *what);

// Complete the row (rates, ratio) and add it. `what` is copied.
sz_status sz_lab_add(sz_lab *lab, const sz_lab_row *row, const char *fmt, ...) SZ_PRINTF(3, 4);
sz_status sz_lab_compare(sz_lab *lab, const char *what, double original, double measured,
                         double predicted);
sz_status sz_lab_find(sz_lab *lab, const char *fmt, ...) SZ_PRINTF(2, 3);

// Take time, n and spread from a reading in which `units` units make the case.
void sz_lab_take(sz_lab_row *row, const sz_reading *r, double units);

bool sz_lab_near(double a, double b, double tolerance); // relative

// ---- model.c: what the machine should do -------------------------------------------------------

// Best roof of one thread for this operation on f32; NaN when the machine has none like it.
double sz_lab_roof(const sz_machine *m, sz_lab_step step);
double sz_lab_roof_add(const sz_machine *m);

// Seconds to read and write these bytes when the program walks working_set_bytes round and round;
// sets the level. Bytes and set are those of the row.
double sz_lab_memory_time(const sz_machine *m, sz_lab_row *row);

// The longer of the two; sets predicted_s and bound.
void sz_lab_predict(const sz_machine *m, sz_lab_row *row, double compute_s);

#define LAB(name, ident, what, x_label, original, why) sz_status sz_lab_##ident(sz_lab *lab);
#include "run/lab/labs.def"
#undef LAB

#endif
