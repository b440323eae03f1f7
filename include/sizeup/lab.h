// SPDX-License-Identifier: Apache-2.0
/** @file
 * The lab: classic experiments on what computers do at equal numbers of FLOPs. Each runs in some
 * seconds, checks its results, and stands beside what the model of the machine predicts.
 */
#ifndef SIZEUP_LAB_H
#define SIZEUP_LAB_H

#include <sizeup/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One case of an experiment. The time is the median of n batches on one thread. */
#define SZ_LAB_ROW_FIELDS(F)                                                                       \
    F(const char *, what, SZ_FIELD_STR, "", "the case")                                            \
    F(double, x, SZ_FIELD_F64, "", "N, or the intensity: where it stands in the plot")             \
    F(double, flops, SZ_FIELD_F64, "FLOP", "operations")                                           \
    F(double, elements, SZ_FIELD_F64, "", "elements that are worked on")                           \
    F(double, bytes_read, SZ_FIELD_F64, "B", "bytes that the program reads")                       \
    F(double, bytes_written, SZ_FIELD_F64, "B", "bytes that it writes")                            \
    F(double, bytes_with_write_allocate, SZ_FIELD_F64, "B",                                        \
      "the same with the lines that are read because they are about to be written")                \
    F(double, working_set_bytes, SZ_FIELD_F64, "B", "memory it walks")                             \
    F(double, time_s, SZ_FIELD_F64, "s", "time: median")                                           \
    F(int64_t, n, SZ_FIELD_I64, "", "batches timed")                                               \
    F(double, spread, SZ_FIELD_F64, "", "(p95 - p5) / median")                                     \
    F(double, predicted_s, SZ_FIELD_F64, "s", "time by the model of the machine")                  \
    F(double, predicted_ratio, SZ_FIELD_F64, "", "time / predicted time")                          \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "rate")                                          \
    F(double, byte_per_s, SZ_FIELD_F64, "B/s", "bytes read and written per second")                \
    F(const char *, bound, SZ_FIELD_STR, "", "what limits by the model: memory or compute")        \
    F(const char *, level, SZ_FIELD_STR, "", "memory that its bytes come from, by the model")      \
    F(int, verified, SZ_FIELD_BOOL, "", "its numerical result was checked and is right")
typedef struct sz_lab_row {
    SZ_LAB_ROW_FIELDS(SZ_FIELD_MEMBER)
} sz_lab_row;
SZ_API const sz_record_type *sz_lab_row_type(void);

/** What the experiment is about: one time over another. */
#define SZ_LAB_RATIO_FIELDS(F)                                                                     \
    F(const char *, what, SZ_FIELD_STR, "", "what is compared")                                    \
    F(double, original, SZ_FIELD_F64, "", "as published; null: no number is known")                \
    F(double, measured, SZ_FIELD_F64, "", "here")                                                  \
    F(double, predicted, SZ_FIELD_F64, "", "by the model of this machine")
typedef struct sz_lab_ratio {
    SZ_LAB_RATIO_FIELDS(SZ_FIELD_MEMBER)
} sz_lab_ratio;
SZ_API const sz_record_type *sz_lab_ratio_type(void);

/** Options. Zero-initialise. */
typedef struct sz_lab_options {
    const char *cpu_mask;                           /**< CPU features to do without; NULL = none */
    int quick;                                      /**< small sizes, a second or two: for tests */
    void (*progress)(void *user, const char *what); /**< told what comes next; NULL = not */
    void *user;
} sz_lab_options;

/** Names of the experiments. `i` from 0; returns 0 past the end. */
typedef struct sz_lab_info {
    const char *name, *what;
    const char *x_label;        /**< of the plot; NULL: measured against predicted time */
    const char *original, *why; /**< what the original found; why it is so */
} sz_lab_info;
SZ_API int sz_list_lab(size_t i, sz_lab_info *ret_info);

/** A finished experiment. Strings are its own. */
typedef struct sz_lab sz_lab;

/** Run one. `machine` is this machine, measured: it makes the predictions. SZ_ERR_USAGE: no such
 * experiment. `*ret_lab` is yours to destroy. */
SZ_API sz_status sz_lab_run(sz_ctx *ctx, const char *name, const sz_machine *machine,
                            const sz_lab_options *options, sz_lab **ret_lab) SZ_MUST_USE;
SZ_API void sz_lab_destroy(sz_lab *lab); /**< NULL is fine */

SZ_API sz_lab_info sz_lab_about(const sz_lab *lab);
SZ_API const char *sz_lab_isa(const sz_lab *lab); /**< instruction set of its loops */
SZ_API size_t sz_lab_row_count(const sz_lab *lab);
SZ_API sz_lab_row sz_lab_row_at(const sz_lab *lab, size_t i);
SZ_API size_t sz_lab_ratio_count(const sz_lab *lab);
SZ_API sz_lab_ratio sz_lab_ratio_at(const sz_lab *lab, size_t i);
/** What this machine shows, sentence by sentence; also what was left out and why. */
SZ_API size_t sz_lab_finding_count(const sz_lab *lab);
SZ_API const char *sz_lab_finding(const sz_lab *lab, size_t i);

#ifdef __cplusplus
}
#endif
#endif
