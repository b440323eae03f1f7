// SPDX-License-Identifier: Apache-2.0
// llama.cpp, private to src/run/backends/llama*.c: what was opened, and one net on it.
#ifndef SZ_BACKEND_LLAMA_H
#define SZ_BACKEND_LLAMA_H

#include "run/backends/llama_shim.h"
#include "run/backends/runner.h"

typedef struct sz_llama {
    void *library;
    // The model that was loaded last: several cases of one file share it.
    void *model;
    char path[4096];
    int64_t users;
    double load_s;
#define F(result, name, parameters) result(*name) parameters;
    SZ_LLAMA_FUNCTIONS(F)
#undef F
} sz_llama;

// SZ_ERR_UNAVAILABLE: "llama.cpp WHAT: its own words".
sz_status sz_llama_said(sz_ctx *ctx, const sz_llama *lib, const char *what);

sz_status sz_llama_compile(sz_ctx *ctx, void *library, sz_graph *g, const sz_run_how *how,
                           sz_runner *ret_runner);

#endif
