// SPDX-License-Identifier: Apache-2.0
// What a kernel's time depends on beside its operations and bytes: its kind, and its sizes as
// logarithms. Kernels of one kind can be compared; those of different kinds can't.
#ifndef SZ_FEATURES_H
#define SZ_FEATURES_H

#include "model/cost/costs.h"
#include "predict/process.h"

typedef struct sz_features {
    char kind[40];
    int n;
    double x[SZ_PROCESS_AXES];
} sz_features;

// Of a row of the costs: a node or a kernel. False: it does nothing, or is not costed.
bool sz_features_of(const sz_costs *costs, size_t row, sz_features *ret_features);
// What every kernel has, whatever its kind: for those of a kind that was never seen.
void sz_features_any(const sz_costs *costs, size_t row, sz_features *ret_features);

// What is around it, as more axes: its roofline time, which says where its bytes come from, and the
// bytes of a run as far as caches can tell them apart.
void sz_features_put_around(sz_features *f, double base_s, double run_bytes);

#endif
