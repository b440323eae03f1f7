// SPDX-License-Identifier: Apache-2.0
// What a machine should do on one thread: roofs, and bandwidths by level and mix.
#ifndef SZ_LAB_MODEL_H
#define SZ_LAB_MODEL_H

#include "machine/machine.h"
#include "run/lab/loops.h"

#include <sizeup/lab.h>

// Kinds of work that have a roof: a step of a product, and a lone addition.
enum { SZ_LAB_ROOF_ADD = SZ_N_STEPS, SZ_LAB_ROOFS };

// Mixes of reads and writes, in the order of the share that is written: 0, 1/3, 1/2, 1.
typedef enum sz_lab_mix {
    SZ_MIX_LOAD,
    SZ_MIX_TRIAD,
    SZ_MIX_COPY,
    SZ_MIX_STORE,
    SZ_N_MIXES
} sz_lab_mix;
const char *sz_lab_mix_name(sz_lab_mix mix);

// A rate, and what it comes from.
typedef struct sz_lab_known {
    double per_s;      // bytes or FLOPs; NaN = not known. Of those measured now: the fast end
    double median;     // of those measured now
    bool measured;     // else made from others by a rule
    int64_t set_bytes; // memory that was walked, 0 = not known
    bool used;         // some prediction needed it
} sz_lab_known;

typedef struct sz_lab_level {
    const char *name;
    bool dram;
    double size; // bytes that it is trusted to hold; of main memory infinite
    double most; // bytes that it holds at most
    sz_lab_known mix[SZ_N_MIXES];
} sz_lab_level;

// A working set that a cache does not quite hold: as it were a level between the two.
typedef struct sz_lab_between {
    double bytes;
    size_t beyond; // level that serves what the one before it does not hold
    sz_lab_level level;
} sz_lab_between;

enum { SZ_LAB_LEVELS = 8, SZ_LAB_BETWEEN = 8 };
typedef struct sz_lab_model {
    const sz_machine *machine;
    sz_lab_known roof[SZ_LAB_ROOFS];
    sz_lab_level level[SZ_LAB_LEVELS]; // the nearest first
    size_t n_levels;
    sz_lab_between between[SZ_LAB_BETWEEN]; // the working sets that were asked for
    size_t n_between;
} sz_lab_model;

// By what the machine's record says.
void sz_lab_model_init(sz_lab_model *model, const sz_machine *m);

// Make the rates that were not measured from those that were. Again after rates have changed.
void sz_lab_model_fill(sz_lab_model *model);

// Seconds for the operations, by roof; NaN where one is not known.
double sz_lab_compute_time(sz_lab_model *model, const double ops[SZ_LAB_ROOFS]);

// Seconds to read and write the bytes of the row when the program walks working_set_bytes round and
// round; sets level and bytes_with_write_allocate.
double sz_lab_memory_time(sz_lab_model *model, sz_lab_row *row);

#endif
