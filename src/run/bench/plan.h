// SPDX-License-Identifier: Apache-2.0
// Which cases a request stands for, and what each is worth.
#ifndef SZ_BENCH_PLAN_H
#define SZ_BENCH_PLAN_H

#include "base/base.h"

enum { SZ_MAX_CASES = 10000 };

typedef struct sz_case {
    const char *name;  // "gemm:m=512,n=512"
    const char *model; // what sz_model_load takes
    const char *file;  // the same where it is a file, else NULL
    const char *const *binds;
    size_t n_binds;
    const char *words; // the command line again: "gemm m=512 n=512"
    const char *spec;  // JSON object: the family with all its parameters, or the file
    int64_t macs, flops, bytes_moved;
    const char *const *inputs; // of a file: whole shapes, "NAME=1x3x224x224"
    size_t n_inputs;
    const char *precision; // of a file: format that the library is asked for; NULL = as written
    int64_t samples;   // of a batch
    int64_t memory;    // bytes that running it needs
    const char *dtype; // of its first input, NULL = it has none
    const char *asked; // format that was asked for, NULL = as the file has it
    const char *error; // why it can't be run; NULL = it can
} sz_case;

typedef struct sz_bench_plan {
    sz_arena arena;
    SZ_VEC(sz_case) cases;
} sz_bench_plan;

typedef struct sz_plan_how {
    int64_t available; // bytes of memory, 0 = not known
    const char *const *inputs;
    size_t n_inputs;
    bool training;         // a case is a step of training
    const char *optimizer; // of it; NULL = the usual one
} sz_plan_how;

// SZ_ERR_USAGE: no such family or parameter, a range that is none. A case that is wrong in itself
// has its `error`, unless all are. `how` may be NULL.
sz_status sz_bench_plan_make(sz_ctx *ctx, const char *what, const char *const *words,
                             size_t n_words, const sz_plan_how *how, sz_bench_plan *ret_plan);
void sz_bench_plan_finish(sz_ctx *ctx, sz_bench_plan *plan);

#endif
