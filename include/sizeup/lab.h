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

/** One case of an experiment, timed in n batches on one thread. */
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
    F(double, time_s, SZ_FIELD_F64, "s", "time when nothing disturbs: only 5 % of n are faster")   \
    F(double, median_s, SZ_FIELD_F64, "s", "median")                                               \
    F(int64_t, n, SZ_FIELD_I64, "", "batches timed")                                               \
    F(double, spread, SZ_FIELD_F64, "", "(p95 - p5) / median")                                     \
    F(const char *, verdict, SZ_FIELD_STR, "", "valid, noisy, contended, ...: can it be trusted")  \
    F(double, predicted_s, SZ_FIELD_F64, "s", "time by the model, from the rates at that time")    \
    F(double, predicted_ratio, SZ_FIELD_F64, "", "predicted time / time")                          \
    F(int, within, SZ_FIELD_BOOL, "", "the prediction holds: within a factor of 1.25")             \
    F(double, saved_predicted_s, SZ_FIELD_F64, "s", "time by the model, from the saved rates")     \
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

/** A rate that the model uses: as the machine's record says, and as the same kernel measured it
 * again among the cases of the experiment. */
#define SZ_LAB_RATE_FIELDS(F)                                                                      \
    F(const char *, what, SZ_FIELD_STR, "", "roof, or level and mix")                              \
    F(double, saved, SZ_FIELD_F64, "/s", "FLOPs or bytes per second, as saved: median")            \
    F(double, now, SZ_FIELD_F64, "/s", "median while the experiment ran; null: can not be had")    \
    F(double, change, SZ_FIELD_F64, "", "now / saved - 1")
typedef struct sz_lab_rate {
    SZ_LAB_RATE_FIELDS(SZ_FIELD_MEMBER)
} sz_lab_rate;
SZ_API const sz_record_type *sz_lab_rate_type(void);

/** Are the times in the order that was predicted? Pairs of cases whose predictions differ by more
 * than the factor of 1.25 within which the model is meant to hold. */
typedef struct sz_lab_order {
    int64_t pairs, wrong;
    const char *longer, *shorter; /**< first pair in the wrong order, as predicted; NULL = none */
} sz_lab_order;

/** Options. Zero-initialise. */
typedef struct sz_lab_options {
    const char *cpu_mask;                           /**< CPU features to do without; NULL = none */
    int quick;                                      /**< small sizes, a second or two */
    double case_s;                                  /**< time for each case; 0 = usual */
    int64_t memory_bytes;                           /**< of 'intensity': its array; 0 = usual */
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

/** Measure how well this machine, measured before, overlaps moving and computing: five sweeps of
 * 'intensity', and the median of the exponents that fit them, into its record, where
 * sz_machine_overlap() tells it. Where that can't be had, the record says why. */
SZ_API sz_status sz_machine_measure_overlap(sz_ctx *ctx, sz_machine *machine,
                                            const sz_lab_options *options) SZ_MUST_USE;

SZ_API sz_lab_info sz_lab_about(const sz_lab *lab);
SZ_API const char *sz_lab_isa(const sz_lab *lab); /**< instruction set of its loops */
SZ_API size_t sz_lab_row_count(const sz_lab *lab);
SZ_API sz_lab_row sz_lab_row_at(const sz_lab *lab, size_t i);
SZ_API size_t sz_lab_ratio_count(const sz_lab *lab);
SZ_API sz_lab_ratio sz_lab_ratio_at(const sz_lab *lab, size_t i);
SZ_API size_t sz_lab_rate_count(const sz_lab *lab);
SZ_API sz_lab_rate sz_lab_rate_at(const sz_lab *lab, size_t i);
SZ_API sz_lab_order sz_lab_ordering(const sz_lab *lab);
/** What this machine shows, sentence by sentence; also what was left out and why. */
SZ_API size_t sz_lab_finding_count(const sz_lab *lab);
SZ_API const char *sz_lab_finding(const sz_lab *lab, size_t i);

#ifdef __cplusplus
}
#endif
#endif
