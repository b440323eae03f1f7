// SPDX-License-Identifier: Apache-2.0
// The kernels that measured the machine, run again beside an experiment: so that a prediction is
// made from what the machine does at the time of the experiment, not from what it did when it was
// measured, when its neighbours and its clock were others.
#ifndef SZ_LAB_RATES_H
#define SZ_LAB_RATES_H

#include "machine/measure/walk.h"
#include "run/lab/lab.h"

// A kernel that is run again, and the number of the model that it tells.
typedef struct sz_lab_again {
    sz_lab_known *now;
    const sz_kernel *kernel;
    sz_walk walk;                 // of a memory kernel
    sz_kernel_state state, fresh; // of a peak kernel
} sz_lab_again;

enum { SZ_LAB_AGAIN = SZ_LAB_ROOFS + (SZ_LAB_LEVELS + SZ_LAB_BETWEEN) * (SZ_N_MIXES + 1) + 1 };

// Find the kernels for all rates of the model that are used and can be measured in the lab's
// buffer. Returns how many there are.
size_t sz_lab_again_list(sz_lab *lab, sz_lab_model *now, sz_lab_again list[SZ_LAB_AGAIN]);

// What the stopwatch runs; one unit is worth sz_lab_again_unit() bytes or FLOPs.
void sz_lab_again_run(void *again, int thread, int64_t n);
double sz_lab_again_unit(const sz_lab_again *again);

// Take what was read, and tell it beside what was saved.
sz_status sz_lab_again_take(sz_lab *lab, const sz_lab_model *saved, sz_lab_model *now,
                            const sz_lab_again *list, const sz_reading *readings, size_t n);

#endif
