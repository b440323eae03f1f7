// SPDX-License-Identifier: Apache-2.0
// What a kernel's time depends on beside its operations and bytes: its kind, and its sizes as
// logarithms. Kernels of one kind can be compared; those of different kinds can't.
#ifndef SZ_FEATURES_H
#define SZ_FEATURES_H

#include "model/cost/costs.h"
#include "predict/process.h"

// How a kernel's bytes come.
typedef struct sz_fetch {
    double cache_s; // of its memory time what the caches of a core serve
    double waits_s; // what its reads would take if each line waited for the one before; 0 = unknown
    // Of a recurrent layer: what it takes more where each step reads the weights of its inputs too.
    double again_s;
} sz_fetch;

typedef struct sz_features {
    char kind[40];
    int n;
    double x[SZ_PROCESS_AXES];
    double starts; // steps that wait for the one before, >= 1
    double worked; // operations that are done over those that are counted
    double blocks; // that threads divide among them, 0 = not known
    double cold;   // how far the run drives its code out of a core's caches; with what is around
    double compute_s, memory_s; // at the roofs; these and `fetch` are set with what is around
    sz_fetch fetch;
} sz_features;

// Of a row of the costs: a node or a kernel. False: it does nothing, or is not costed.
bool sz_features_of(const sz_costs *costs, size_t row, sz_features *ret_features);
// What every kernel has, whatever its kind: for those of a kind that was never seen.
void sz_features_any(const sz_costs *costs, size_t row, sz_features *ret_features);

// Of the whole run that a kernel is part of.
typedef struct sz_around {
    double bytes; // that it moves, as far as caches can tell them apart
    double cold;  // share of them that the caches of a core don't hold
    double threads; // at least 1
} sz_around;

// What is around it: its times at the roofs and how its bytes come; and, as more axes, how
// unevenly threads divide its blocks, where these are known, the longer of the two times and the
// bytes of a run.
void sz_features_put_around(sz_features *f, double compute_s, double memory_s, sz_fetch fetch,
                            const sz_around *around);

#endif
