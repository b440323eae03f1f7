// SPDX-License-Identifier: Apache-2.0
// Which of two processors runs which task, when one of them works at a time and what crosses
// between them takes time: a cut of least cost (Stone 1977), so no other choice takes less.
#ifndef SZ_CUT_H
#define SZ_CUT_H

#include "base/base.h"

enum { SZ_CUT_HOST = -1 }; // in place of a task: the world around, which is with the host

// Something that a task makes and others read. It crosses at most once, whoever reads it there.
typedef struct sz_cut_tensor {
    int32_t maker;          // task, or SZ_CUT_HOST
    const int32_t *readers; // tasks, or SZ_CUT_HOST; `n_readers` of them
    size_t n_readers;
    double cost; // to carry it across, at least 0
} sz_cut_tensor;

typedef struct sz_cut_problem {
    size_t n_tasks;
    const double *device, *host; // cost of each task there; infinite = it can't run there
    size_t n_tensors;
    const sz_cut_tensor *tensors;
    bool one_part; // a task that reads what a task of the host made is the host's
} sz_cut_problem;

// on_host[i] for each task, and the cost of all. Costs count as multiples of a part in 2^50 of
// their sum. SZ_ERR_UNAVAILABLE: some task can run on neither.
sz_status sz_cut_solve(sz_ctx *ctx, const sz_cut_problem *problem, bool *on_host,
                       double *ret_cost) SZ_MUST_USE;

// Cost of a choice; infinite where it is not allowed.
double sz_cut_cost(const sz_cut_problem *problem, const bool *on_host);
// Does the tensor cross, under this choice?
bool sz_cut_crosses(const sz_cut_tensor *tensor, const bool *on_host);

#endif
