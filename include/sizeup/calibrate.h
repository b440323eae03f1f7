// SPDX-License-Identifier: Apache-2.0
/** @file
 * Measure a backend on nets of its own choice, so that the times of other nets can be told.
 * docs/prediction.md tells how.
 */
#ifndef SIZEUP_CALIBRATE_H
#define SIZEUP_CALIBRATE_H

#include <sizeup/predict.h>
#include <sizeup/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options. Zero-initialise; `program`, `environment` and `stop` are those of sz_run_options. */
typedef struct sz_calibrate_options {
    const char *backend; /**< NULL = "onednn" */
    const char *program;
    const char *const *environment;
    const sz_machine *machine; /**< this machine, measured with so many threads; needed */
    int threads;               /**< 0 = 1 */
    const char *dtype;         /**< of the nets: "f32", "bf16", "f16"; NULL = "f32" */
    double budget_s;           /**< time for all of it; 0 = 600 */
    uint64_t seed;             /**< of the choice of nets */
    const volatile int *stop;  /**< when this becomes 1, what was measured so far is used */
    void (*progress)(void *user, const char *what, double done); /**< NULL = nobody; done: 0..1 */
    void *user;
} sz_calibrate_options;

/** Chooses nets, measures them whole and layer by layer with sz_bench_run(), and settles the
 * calibration. SZ_ERR_UNAVAILABLE: the backend is not here, or too few nets could be measured, as
 * where it or the processor lacks the format. SZ_ERR_USAGE: nets can't be made in that format. */
SZ_API sz_status sz_calibrate(sz_ctx *ctx, const sz_calibrate_options *options,
                              sz_calibration **ret_calibration) SZ_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
