// SPDX-License-Identifier: Apache-2.0
/** @file
 * Run workloads and nets on real libraries and time them. Each case gives a record
 * (sizeup/bench.h) as JSON. docs/benchmarking.md tells how it is measured.
 */
#ifndef SIZEUP_RUN_H
#define SIZEUP_RUN_H

#include <sizeup/machine.h>
#include <sizeup/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options. Zero-initialise. */
typedef struct sz_run_options {
    const char *const *backends; /**< names; none = "onednn" */
    size_t n_backends;
    const char *blas;    /**< file of the library that `blas` opens; NULL = OpenBLAS or BLIS */
    const char *onednn;  /**< file of the library that `onednn` opens; NULL = the one installed */
    const char *program; /**< runs a child: PROGRAM bench case-child REQUEST, which is given to
                              sz_bench_child(); needed */
    const char *const *environment; /**< "NAME=VALUE", NULL-ended: the libraries'; NULL = none */
    int threads;                    /**< 0 = one for each core that may be used */
    const char *threads_range;      /**< "1,2": each in turn; NULL = `threads` */
    const char *const *inputs;      /**< "NAME=1x3x224x224": whole shapes of inputs of a file */
    size_t n_inputs;
    int training; /**< steps of training instead of inference */
    const char *optimizer;   /**< of a step of training: momentum, sgd, adam; NULL = momentum */
    int generate; /**< of a language model's step of one token: it goes on for so many tokens until
                       the cache is cut back to what it was; 0 = one */
    int flash;    /**< its attention: 1 in one kernel, 2 step by step, 0 the library's usual way */
    const char *kv_dtype; /**< numeric format of its cache; NULL = f16 */
    int streams;  /**< batches that a library runs at once; 0 = one */
    int layers;   /**< times of layers too, apart from the others */
    int unchecked; /**< results are not compared with the reference: an earlier run has done it */
    int energy;   /**< energy of a run, by the sensors of the machine */
    int counters; /**< what the processor counts meanwhile */
    double preheat_s;               /**< most time to preheat a case; < 0 = 1 */
    double budget_s;                /**< most time to time a case; 0 = 3 */
    double timeout_s;               /**< without a sign of life a child is ended; 0 = 60 */
    int cold;                       /**< caches are emptied before each call */
    uint64_t seed;                  /**< of the inputs and of the order */
    const sz_machine *roofs;        /**< for the share of the roof; NULL = none */
    const char *no_roofs;           /**< then: why not */
    const volatile int *stop;       /**< when this becomes 1 the rest is left out; NULL = never */
    void (*progress)(void *user, const char *what); /**< told what comes next; NULL = nobody */
    /** Asked before a case is run whether its result is there already: it is then left out. NULL =
     * none is. */
    sz_status (*known)(void *user, const char *case_hash, int *ret_known);
    const char *root; /**< folder with proc/ and sys/ of the sensors; NULL = this machine's */
    /** Takes each record, one line with its newline, as it is finished. */
    sz_status (*emit)(void *user, const char *record, size_t size);
    void *user;
} sz_run_options;

/** What came out. */
typedef struct sz_run_result {
    int64_t cases, measured, failed; /**< failed: their records have the key `error` */
    int64_t known;                   /**< were there already */
} sz_run_result;

/** Run `what`, a family of nets ("gemm", "conv2d:size=28") or a model file, at all combinations of
 * the `words` "NAME=RANGE" ("m=512,1024", "batch=1-64*2"). Of a file they bind its free dimensions;
 * there `batch` is the free first dimension of its inputs, whatever its name, and `dtype` the
 * format that the library is asked for.
 * Or a suite ("deepbench-gemm", "suite:FILE"): each of its workloads, the words in place of its own
 * where it has such a parameter.
 * SZ_ERR_USAGE: no such family, parameter or backend, with the nearest there is; nothing runs then.
 */
SZ_API sz_status sz_bench_run(sz_ctx *ctx, const char *what, const char *const *words,
                              size_t n_words, const sz_run_options *options,
                              sz_run_result *ret_result) SZ_MUST_USE;

/** The part that runs in a child process. `put` gets what is to be written to the parent. */
SZ_API sz_status sz_bench_child(sz_ctx *ctx, const char *request,
                                void (*put)(void *user, const char *line, size_t size),
                                void *user) SZ_MUST_USE;

/** Rows of the table of backends. `i` from 0; returns 0 past the end. */
typedef struct sz_backend_row {
    const char *name, *what;
} sz_backend_row;
SZ_API int sz_list_backend(size_t i, sz_backend_row *ret_row);
/**
 * The row's name for another name of the same: "executor", the library's own executor, is "onednn",
 * on which it walks a net node by node. Any other text is returned as it is.
 */
SZ_API const char *sz_backend_name(const char *name);

/** Rows of the table of suites. `i` from 0; returns 0 past the end. */
typedef struct sz_suite_row {
    const char *name;
    char what[128];
    int64_t workloads; /**< lines; a line with ranges is several cases */
} sz_suite_row;
SZ_API int sz_list_suite(size_t i, sz_suite_row *ret_row);

/** What is there of a backend here. Strings are the caller's buffers. */
typedef struct sz_backend_state {
    char version[160], kernels[64], path[512];
    char off[512];    /**< why it can't be used; "" = it can */
    char advice[160]; /**< a setting that would make it faster, or "" */
} sz_backend_state;
/** Ask backend `i` in a child. `program` and `environment` as in the options. */
SZ_API sz_status sz_backend_ask(sz_ctx *ctx, size_t i, const char *program,
                                const char *const *environment,
                                sz_backend_state *ret_state) SZ_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
