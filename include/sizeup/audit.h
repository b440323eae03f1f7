// SPDX-License-Identifier: Apache-2.0
/** @file
 * What was predicted beside what was measured, layer by layer, and where the two part.
 *
 *     sz_audit *audit;
 *     sz_audit_create(ctx, set, 0, &(sz_audit_options){.machine = here}, &audit);
 *     for (size_t i = 0; i < sz_audit_count(audit); i++) // worst first
 *         print(sz_audit_get(audit, i));
 *
 * Layers that ran and kernels that were predicted are joined where they do a node in common. A row
 * is the least that both sides can be compared by: one layer and one kernel, or several where the
 * library fused other nodes than was predicted. Its cause is found in what the record, the machine
 * and the calibration say, in the order of sz_list_audit_cause(): the first that holds.
 */
#ifndef SIZEUP_AUDIT_H
#define SIZEUP_AUDIT_H

#include <sizeup/bench.h>
#include <sizeup/predict.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SZ_AUDIT_ROW_FIELDS(F)                                                                     \
    F(const char *, layer, SZ_FIELD_STR, "", "that ran; of several the longest; null: none did")   \
    F(const char *, predicted, SZ_FIELD_STR, "",                                                   \
      "kernel that was predicted; of several the longest; null: none was")                         \
    F(const char *, op, SZ_FIELD_STR, "", "operator of the layer, else of the kernel")             \
    F(const char *, kernel, SZ_FIELD_STR, "", "of the library, that ran")                          \
    F(int64_t, layers, SZ_FIELD_I64, "", "layers with a time in this row")                         \
    F(int64_t, kernels, SZ_FIELD_I64, "", "predicted kernels with a time in it")                   \
    F(double, predicted_s, SZ_FIELD_F64, "s", "sum of the kernels")                                \
    F(double, lo_s, SZ_FIELD_F64, "s", "sum of the low ends of their 90 % intervals")              \
    F(double, hi_s, SZ_FIELD_F64, "s", "sum of the high ends")                                     \
    F(double, measured_s, SZ_FIELD_F64, "s", "sum of the layers")                                  \
    F(double, ratio, SZ_FIELD_F64, "", "measured over predicted")                                  \
    F(double, error_s, SZ_FIELD_F64, "s",                                                          \
      "measured less predicted; what only one side has counts in full")                            \
    F(double, share, SZ_FIELD_F64, "", "of the sum of all absolute errors")                        \
    F(int, in_interval, SZ_FIELD_BOOL, "", "the measured time lies in the interval")               \
    F(double, of_roof, SZ_FIELD_F64, "", "share of the roof that was reached, by the record")      \
    F(const char *, cause, SZ_FIELD_STR, "", "of the difference, of sz_list_audit_cause()")        \
    F(const char *, why, SZ_FIELD_STR, "", "the cause, in a sentence")
typedef struct sz_audit_row {
    SZ_AUDIT_ROW_FIELDS(SZ_FIELD_MEMBER)
} sz_audit_row;

#define SZ_AUDIT_SUMS_FIELDS(F)                                                                    \
    F(double, predicted_s, SZ_FIELD_F64, "s", "of the whole net")                                  \
    F(double, lo_s, SZ_FIELD_F64, "s", "its 90 % interval, low end; null: the level has none")     \
    F(double, hi_s, SZ_FIELD_F64, "s", "its high end")                                             \
    F(double, measured_s, SZ_FIELD_F64, "s", "median of the whole net")                            \
    F(double, ratio, SZ_FIELD_F64, "", "measured over predicted")                                  \
    F(double, error_s, SZ_FIELD_F64, "s", "measured less predicted")                               \
    F(int, in_interval, SZ_FIELD_BOOL, "", "the measured time of the net lies in the interval")    \
    F(double, layers_predicted_s, SZ_FIELD_F64, "s", "sum over the rows")                          \
    F(double, layers_measured_s, SZ_FIELD_F64, "s", "sum over the rows")                           \
    F(int64_t, rows, SZ_FIELD_I64, "", "rows")                                                     \
    F(int64_t, matched, SZ_FIELD_I64, "", "rows of one layer and one kernel")                      \
    F(int64_t, held, SZ_FIELD_I64, "", "matched rows whose interval holds")                        \
    F(double, median_error, SZ_FIELD_F64, "",                                                      \
      "median over the matched rows of |predicted - measured| / measured")                         \
    F(double, explained, SZ_FIELD_F64, "", "share of the absolute errors that has a cause")
typedef struct sz_audit_sums {
    SZ_AUDIT_SUMS_FIELDS(SZ_FIELD_MEMBER)
} sz_audit_sums;

/** Errors by cause. Those with a sign add up to the error of the net. */
#define SZ_AUDIT_CAUSE_FIELDS(F)                                                                   \
    F(const char *, cause, SZ_FIELD_STR, "", "name")                                               \
    F(const char *, what, SZ_FIELD_STR, "", "what it means")                                       \
    F(int64_t, rows, SZ_FIELD_I64, "", "rows that have it")                                        \
    F(double, predicted_s, SZ_FIELD_F64, "s", "sum over them")                                     \
    F(double, measured_s, SZ_FIELD_F64, "s", "sum over them")                                      \
    F(double, error_s, SZ_FIELD_F64, "s", "measured less predicted")                               \
    F(double, share, SZ_FIELD_F64, "", "of the sum of all absolute errors")
typedef struct sz_audit_cause {
    SZ_AUDIT_CAUSE_FIELDS(SZ_FIELD_MEMBER)
} sz_audit_cause;

SZ_API const sz_record_type *sz_audit_row_type(void);
SZ_API const sz_record_type *sz_audit_sums_type(void);
SZ_API const sz_record_type *sz_audit_cause_type(void);

/** How to predict. Zero-initialise; model, backend, threads and format are the record's. */
typedef struct sz_audit_options {
    const sz_machine *machine; /**< needed */
    const char *level;         /**< NULL = "calibrated" with a calibration, else "roofline" */
    const sz_calibration *calibration; /**< of the record's backend, threads and format, or NULL */
    const sz_calibration *other;       /**< as in sz_predict_options */
    const char *model; /**< where the file of the record's model is now; NULL = where it was */
    int whole; /**< a record without times of layers will do: no rows, no causes, the sums of the
                    whole net */
} sz_audit_options;

/** What a record asks a calibration for: the backend, threads and format that ran. */
typedef struct sz_audit_wants {
    const char *backend, *dtype; /**< the record's strings; dtype NULL = not known */
    int threads;
} sz_audit_wants;
SZ_API sz_audit_wants sz_audit_wants_of(const sz_bench_set *set, size_t record);

/** The model of a record again, with its inputs and free dimensions as they were. `model`: where
 * its file is now, NULL = where it was; `optimize` as in sz_load_options. */
struct sz_optimize_options;
SZ_API sz_status sz_audit_model(sz_ctx *ctx, const sz_bench_set *set, size_t record,
                                const char *model, const struct sz_optimize_options *optimize,
                                sz_model **ret_model) SZ_MUST_USE;

typedef struct sz_audit sz_audit;
/** Predict record `record` of the set and join. The set and the calibration must outlive it; the
 * machine need not. SZ_ERR_UNAVAILABLE: the record has no times of layers (but see `whole`), or
 * is of what is not predicted (training, several streams); the model can't be had again is the
 * error of loading. */
SZ_API sz_status sz_audit_create(sz_ctx *ctx, const sz_bench_set *set, size_t record,
                                 const sz_audit_options *options, sz_audit **ret_audit) SZ_MUST_USE;
SZ_API void sz_audit_destroy(sz_audit *audit); /**< NULL is fine */

/** Rows, largest absolute error first. Strings are the audit's. */
SZ_API size_t sz_audit_count(const sz_audit *audit);
SZ_API sz_audit_row sz_audit_get(const sz_audit *audit, size_t i);
/** The nodes of the net that row i does, by the layers that ran, else by the prediction. NULL past
 * the end. */
SZ_API const char *sz_audit_source(const sz_audit *audit, size_t i, size_t k);
SZ_API sz_audit_sums sz_audit_summed(const sz_audit *audit);
/** Causes that came up, in the order of the table; the last may be what lies between layers. */
SZ_API size_t sz_audit_cause_count(const sz_audit *audit);
SZ_API sz_audit_cause sz_audit_cause_get(const sz_audit *audit, size_t i);
/** The prediction, with its level and all that it assumes. */
SZ_API const sz_estimate *sz_audit_estimate(const sz_audit *audit);

/** Rows of the table of causes. `i` from 0; returns 0 past the end. */
typedef struct sz_audit_cause_row {
    const char *name, *what;
} sz_audit_cause_row;
SZ_API int sz_list_audit_cause(size_t i, sz_audit_cause_row *ret_row);

#ifdef __cplusplus
}
#endif
#endif
