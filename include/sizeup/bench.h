// SPDX-License-Identifier: Apache-2.0
/** @file
 * The record of one measured case, `sizeup.bench/1`: what was to be measured, what really ran, and
 * what came out. Written by whoever measures, read back from a store or a file, also from files of
 * other tools.
 *
 * A number that is not known is NaN (double) or 0 (int64_t), text that is not known is NULL.
 */
#ifndef SIZEUP_BENCH_H
#define SIZEUP_BENCH_H

#include <sizeup/record.h>
#include <sizeup/text.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SZ_RAN_AS_FIELDS(F)                                                                        \
    F(const char *, dtype, SZ_FIELD_STR, "",                                                       \
      "numeric format that ran: the lowest that was touched")                                      \
    F(const char *, accumulation, SZ_FIELD_STR, "", "format in which that adds up")                \
    F(const char *, kernel, SZ_FIELD_STR, "", "kernel that the library chose")                     \
    F(int64_t, threads, SZ_FIELD_I64, "", "threads; 0 = not known")                                \
    F(const char *, backend, SZ_FIELD_STR, "", "library")                                          \
    F(const char *, version, SZ_FIELD_STR, "", "version of the library")
typedef struct sz_ran_as {
    SZ_RAN_AS_FIELDS(SZ_FIELD_MEMBER)
} sz_ran_as;

#define SZ_BENCH_COUNT_FIELDS(F)                                                                   \
    F(double, macs, SZ_FIELD_F64, "MAC", "multiply-accumulates of one run of the case")            \
    F(double, flops, SZ_FIELD_F64, "FLOP", "operations of one run")                                \
    F(double, bytes_moved, SZ_FIELD_F64, "B", "compulsory bytes of one run")
typedef struct sz_bench_count {
    SZ_BENCH_COUNT_FIELDS(SZ_FIELD_MEMBER)
} sz_bench_count;

/** All of one run of the case. docs/statistics.md says how each is worked out. */
#define SZ_BENCH_TIME_FIELDS(F)                                                                    \
    F(double, median_s, SZ_FIELD_F64, "s", "median")                                               \
    F(double, ci_lo_s, SZ_FIELD_F64, "s", "confidence interval of the median, low end")            \
    F(double, ci_hi_s, SZ_FIELD_F64, "s", "confidence interval of the median, high end")           \
    F(double, confidence, SZ_FIELD_F64, "", "what the interval covers")                            \
    F(double, min_s, SZ_FIELD_F64, "s", "shortest")                                                \
    F(double, max_s, SZ_FIELD_F64, "s", "longest")                                                 \
    F(double, mean_s, SZ_FIELD_F64, "s", "mean")                                                   \
    F(double, stddev_s, SZ_FIELD_F64, "s", "standard deviation of the sample")                     \
    F(double, mad_s, SZ_FIELD_F64, "s", "median distance from the median")                         \
    F(double, p90_s, SZ_FIELD_F64, "s", "90th percentile")                                         \
    F(double, p99_s, SZ_FIELD_F64, "s", "99th percentile; below n = 100 near the longest")         \
    F(int64_t, n, SZ_FIELD_I64, "", "runs timed; 0 = not known")                                   \
    F(int64_t, outliers_mild, SZ_FIELD_I64, "", "beyond 1.5 interquartile ranges; kept")           \
    F(int64_t, outliers_severe, SZ_FIELD_I64, "", "beyond 3 interquartile ranges; kept")           \
    F(double, drift, SZ_FIELD_F64, "", "change from first to last, as a share of the median")      \
    F(double, autocorrelation, SZ_FIELD_F64, "", "of neighbours in time")                          \
    F(double, effective_n, SZ_FIELD_F64, "", "independent runs that would tell as much")           \
    F(double, modes, SZ_FIELD_F64, "", "distance of two groups over the median; 0 = one group")    \
    F(double, warmup_s, SZ_FIELD_F64, "s", "preheating")                                           \
    F(double, compile_s, SZ_FIELD_F64, "s", "preparation by the library")
typedef struct sz_bench_time {
    SZ_BENCH_TIME_FIELDS(SZ_FIELD_MEMBER)
} sz_bench_time;

#define SZ_BENCH_RATE_FIELDS(F)                                                                    \
    F(double, samples_per_s, SZ_FIELD_F64, "1/s", "samples per second")                            \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "operations per second")                         \
    F(double, byte_per_s, SZ_FIELD_F64, "B/s", "compulsory bytes per second")                      \
    F(double, of_roof, SZ_FIELD_F64, "", "share of the roof that is reached")
typedef struct sz_bench_rate {
    SZ_BENCH_RATE_FIELDS(SZ_FIELD_MEMBER)
} sz_bench_rate;

#define SZ_BENCH_ENERGY_FIELDS(F)                                                                  \
    F(double, joule, SZ_FIELD_F64, "J", "energy of one run of the case")                           \
    F(double, samples_per_j, SZ_FIELD_F64, "1/J", "samples per joule")                             \
    F(const char *, method, SZ_FIELD_STR, "", "how it was measured")                               \
    F(const char *, why, SZ_FIELD_STR, "", "why it is not known, or what it lacks")
typedef struct sz_bench_energy {
    SZ_BENCH_ENERGY_FIELDS(SZ_FIELD_MEMBER)
} sz_bench_energy;

/** The window in which energy was measured here; only in records that have one. */
#define SZ_BENCH_WINDOW_FIELDS(F)                                                                  \
    F(double, uncertainty_j, SZ_FIELD_F64, "J", "of joule: what a tick of the sensor is worth")    \
    F(double, above_idle_j, SZ_FIELD_F64, "J", "joule without what the machine takes at rest")     \
    F(double, idle_w, SZ_FIELD_F64, "W", "power at rest, measured before")                         \
    F(double, window_s, SZ_FIELD_F64, "s", "time over which energy was measured")                  \
    F(int64_t, runs, SZ_FIELD_I64, "", "runs of the case in it")                                   \
    F(int64_t, ticks, SZ_FIELD_I64, "", "times that the sensor changed in it")
typedef struct sz_bench_window {
    SZ_BENCH_WINDOW_FIELDS(SZ_FIELD_MEMBER)
} sz_bench_window;
SZ_API const sz_record_type *sz_bench_window_type(void);

/** What the processor counted, of one run and of all threads; NaN = it does not count that. */
#define SZ_BENCH_COUNTERS_FIELDS(F)                                                                \
    F(double, cycles, SZ_FIELD_F64, "", "cycles")                                                  \
    F(double, instructions, SZ_FIELD_F64, "", "instructions that were finished")                   \
    F(double, cache_references, SZ_FIELD_F64, "", "accesses to the last cache")                    \
    F(double, cache_misses, SZ_FIELD_F64, "", "accesses that it could not serve")                  \
    F(double, branches, SZ_FIELD_F64, "", "branches")                                              \
    F(double, branch_misses, SZ_FIELD_F64, "", "branches that were guessed wrong")                 \
    F(double, page_faults, SZ_FIELD_F64, "", "pages that had to be found first")                   \
    F(double, context_switches, SZ_FIELD_F64, "", "times that a thread left its CPU")              \
    F(double, flops, SZ_FIELD_F64, "FLOP", "floating-point operations that were executed")         \
    F(double, counted_over_executed, SZ_FIELD_F64, "", "count.flops as a share of them")           \
    F(int64_t, runs, SZ_FIELD_I64, "", "runs that were counted")                                   \
    F(double, running_share, SZ_FIELD_F64, "", "least part of the time that a counter was at work")
typedef struct sz_bench_counters {
    SZ_BENCH_COUNTERS_FIELDS(SZ_FIELD_MEMBER)
} sz_bench_counters;
SZ_API const sz_record_type *sz_bench_counters_type(void);

/** A part of the case as it ran. Rates are by the counts of the nodes that it does. */
#define SZ_BENCH_LAYER_FIELDS(F)                                                                   \
    F(const char *, name, SZ_FIELD_STR, "", "name")                                                \
    F(const char *, op, SZ_FIELD_STR, "", "operator")                                              \
    F(const char *, kernel, SZ_FIELD_STR, "", "kernel that ran")                                   \
    F(const char *, backend, SZ_FIELD_STR, "", "library that ran it")                              \
    F(const char *, why, SZ_FIELD_STR, "", "why the library that was asked for did not")           \
    F(const char *, dtype, SZ_FIELD_STR, "", "numeric format that the arithmetic touched")         \
    F(const char *, accumulation, SZ_FIELD_STR, "", "format in which it adds up")                  \
    F(double, time_s, SZ_FIELD_F64, "s", "mean of the middle third of the runs")                   \
    F(double, quick_s, SZ_FIELD_F64, "s", "mean of the quickest quarter: undisturbed")             \
    F(double, share, SZ_FIELD_F64, "", "of the sum of all layers")                                 \
    F(double, macs, SZ_FIELD_F64, "MAC", "multiply-accumulates")                                   \
    F(double, flops, SZ_FIELD_F64, "FLOP", "operations")                                           \
    F(double, bytes_moved, SZ_FIELD_F64, "B", "compulsory; of a fusion: what crosses its border")  \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "operations per second")                         \
    F(double, byte_per_s, SZ_FIELD_F64, "B/s", "compulsory bytes per second")                      \
    F(double, of_roof, SZ_FIELD_F64, "", "share of the roof that holds it down")                   \
    F(const char *, roof, SZ_FIELD_STR, "", "that roof: compute, or a level of memory")
typedef struct sz_bench_layer {
    SZ_BENCH_LAYER_FIELDS(SZ_FIELD_MEMBER)
} sz_bench_layer;
SZ_API const sz_record_type *sz_bench_layer_type(void);

/** What was asked for beside the time. */
enum { SZ_ASKED_LAYERS = 1, SZ_ASKED_ENERGY = 2, SZ_ASKED_COUNTERS = 4 };

/** How exact a product is that was put together from pieces of a lower format: docs/precision.md.
 * Bits are -log2 of the largest |error| / (|A| |B|); not known where no error was found. */
#define SZ_BENCH_ACCURACY_FIELDS(F)                                                                \
    F(const char *, format, SZ_FIELD_STR, "", "format of the operands and the result")             \
    F(const char *, pieces, SZ_FIELD_STR, "", "format of the pieces")                              \
    F(int64_t, count, SZ_FIELD_I64, "", "pieces of an operand")                                    \
    F(int64_t, piece_bits, SZ_FIELD_I64, "bit", "bits that a piece carries")                       \
    F(int64_t, products, SZ_FIELD_I64, "", "products of pieces")                                   \
    F(double, bits, SZ_FIELD_F64, "bit", "right bits, against the sum of magnitudes")              \
    F(double, bits_promised, SZ_FIELD_F64, "bit",                                                  \
      "the least, against k x largest of the row x largest of the column")                         \
    F(double, bits_plain, SZ_FIELD_F64, "bit", "the same, of a plain product in the format")       \
    F(const char *, plain_by, SZ_FIELD_STR, "", "the library that did it, or sums in order")       \
    F(double, max_relative_error, SZ_FIELD_F64, "", "largest, relative to the element itself")     \
    F(double, useful_macs, SZ_FIELD_F64, "MAC", "m n k, whatever it took")                         \
    F(double, useful_flop_per_s, SZ_FIELD_F64, "FLOP/s", "2 m n k over the median time")
typedef struct sz_bench_accuracy {
    SZ_BENCH_ACCURACY_FIELDS(SZ_FIELD_MEMBER)
} sz_bench_accuracy;

SZ_API const sz_record_type *sz_ran_as_type(void);
SZ_API const sz_record_type *sz_bench_count_type(void);
SZ_API const sz_record_type *sz_bench_time_type(void);
SZ_API const sz_record_type *sz_bench_rate_type(void);
SZ_API const sz_record_type *sz_bench_energy_type(void);
SZ_API const sz_record_type *sz_bench_accuracy_type(void);

/** A measured case. Members that end in _json are JSON texts: an object, or NULL = {}. */
typedef struct sz_bench {
    const char *id;        /**< NULL: the store makes one from the content */
    const char *case_name; /**< key `case`: for people */
    const char *case_hash; /**< of spec, settings and machine; NULL: worked out */
    const char *work_hash; /**< of spec and settings: the same work on any machine; likewise */
    const char *spec_json, *settings_json;
    sz_ran_as ran_as;
    sz_bench_count count;
    sz_bench_time time;
    const double *samples_s; /**< times in their order, key time.samples_s; may be NULL */
    size_t n_samples;
    sz_bench_rate rate;
    sz_bench_energy energy;
    sz_bench_window window;                  /**< in the key `energy` too, where runs > 0 */
    sz_bench_accuracy accuracy;              /**< key there only where `pieces` is known */
    const char *counters_json, *layers_json; /**< layers: an array */
    const char *machine_json, *env_json, *software_json;
    const char *verdict, *next_step, *started_utc, *reproducer;
    unsigned asked;         /**< SZ_ASKED_..., key `asked` */
    double layers_sum_s;    /**< sum of the layers' times */
    double layers_whole_s;  /**< median of whole runs in turn with them; NaN = not known */
    const char *from_store; /**< "RUN.CASE" it was taken from instead of being run; NULL = it ran */
} sz_bench;

/** Everything not known. */
SZ_API void sz_bench_init(sz_bench *bench);

/** Fill in what follows from n > 0 times in their order; warmup_s and compile_s stay. */
SZ_API sz_status sz_bench_summarize(sz_ctx *ctx, const double *samples_s, size_t n,
                                    sz_bench_time *time) SZ_MUST_USE;

/** Put the record at the end of `buf`, on one line that ends with a newline. */
SZ_API sz_status sz_bench_json(sz_ctx *ctx, const sz_bench *bench, sz_buf *buf) SZ_MUST_USE;

/** @name Sets of records: read from files, or put together
 *  @{ */
typedef struct sz_bench_set sz_bench_set;
SZ_API sz_status sz_bench_set_create(sz_ctx *ctx, sz_bench_set **ret_set) SZ_MUST_USE;
SZ_API void sz_bench_set_destroy(sz_bench_set *set); /**< NULL is fine */
SZ_API size_t sz_bench_set_count(const sz_bench_set *set);
/** Record i; it and its strings are the set's. */
SZ_API const sz_bench *sz_bench_set_get(const sz_bench_set *set, size_t i);
/** The whole record as JSON on one line, also the keys that this version does not know. */
SZ_API const char *sz_bench_set_text(const sz_bench_set *set, size_t i);

/** Layers of record i, in the order in which they ran. */
SZ_API size_t sz_bench_set_layer_count(const sz_bench_set *set, size_t i);
SZ_API sz_bench_layer sz_bench_set_layer(const sz_bench_set *set, size_t i, size_t layer);

/** Counters of record i. */
SZ_API sz_bench_counters sz_bench_set_counters(const sz_bench_set *set, size_t i);

/** Add a record of schema sizeup.bench/1. */
SZ_API sz_status sz_bench_set_add(sz_ctx *ctx, sz_bench_set *set, const char *json,
                                  size_t size) SZ_MUST_USE;
/** Add all records of a file, whose format is found by content. Units are converted to SI, and the
 * original is kept whole under the key `imported`. *ret_format (may be NULL) is the format's name.
 * SZ_ERR_INPUT with the place, or with the formats that there are. */
SZ_API sz_status sz_bench_set_read(sz_ctx *ctx, sz_bench_set *set, const char *text, size_t size,
                                   const char **ret_format) SZ_MUST_USE;
/** The same from a path. Files of up to 1 GiB. */
SZ_API sz_status sz_bench_set_load(sz_ctx *ctx, sz_bench_set *set, const char *path,
                                   const char **ret_format) SZ_MUST_USE;

/** Rows of the table of formats that can be imported. `i` from 0; returns 0 past the end. */
typedef struct sz_result_format_row {
    const char *name, *what;
} sz_result_format_row;
SZ_API int sz_list_result_format(size_t i, sz_result_format_row *ret_row);
/** @} */

/** @name Two sets side by side
 *  @{ */

/** A case that both have. The same finding comes out when A and B are swapped, with ratios turned
 * over. */
#define SZ_CHANGE_FIELDS(F)                                                                        \
    F(const char *, name, SZ_FIELD_STR, "", "the case")                                            \
    F(const char *, case_hash, SZ_FIELD_STR, "", "by which the two were found to be the same")     \
    F(double, a_s, SZ_FIELD_F64, "s", "median of A, or its mean where no median is known")         \
    F(double, b_s, SZ_FIELD_F64, "s", "the same of B")                                             \
    F(double, ratio, SZ_FIELD_F64, "", "B / A: above 1 is slower")                                 \
    F(double, shift, SZ_FIELD_F64, "", "Hodges-Lehmann ratio B / A over all pairs of times")       \
    F(double, shift_lo, SZ_FIELD_F64, "", "its 95 % confidence interval, low end")                 \
    F(double, shift_hi, SZ_FIELD_F64, "", "its 95 % confidence interval, high end")                \
    F(double, p, SZ_FIELD_F64, "", "chance of such a difference, or a larger one, by luck")        \
    F(double, p_corrected, SZ_FIELD_F64, "", "the same, corrected for the number of cases (Holm)") \
    F(int64_t, n_a, SZ_FIELD_I64, "", "times of A; 0 = only a summary is known")                   \
    F(int64_t, n_b, SZ_FIELD_I64, "", "times of B")                                                \
    F(const char *, method, SZ_FIELD_STR, "",                                                      \
      "exact or normal (Mann-Whitney), intervals (of the medians), none")                          \
    F(const char *, finding, SZ_FIELD_STR, "", "slower, faster, no difference, not tested")        \
    F(const char *, note, SZ_FIELD_STR, "", "what weakens the finding")                            \
    F(int, broken, SZ_FIELD_BOOL, "", "a gate is broken")
typedef struct sz_change {
    SZ_CHANGE_FIELDS(SZ_FIELD_MEMBER)
} sz_change;
SZ_API const sz_record_type *sz_change_type(void);

/** Options. Zero-initialise. */
typedef struct sz_compare_options {
    int any_machine; /**< the same work matches on whatever machine */
    double alpha;    /**< chance that one false difference is found among all cases; 0 = 0.05 */
} sz_compare_options;

/** Sums over the cases. */
#define SZ_CHANGES_FIELDS(F)                                                                       \
    F(int64_t, compared, SZ_FIELD_I64, "", "cases that both have")                                 \
    F(int64_t, tested, SZ_FIELD_I64, "", "cases of them whose difference could be tested")         \
    F(int64_t, slower, SZ_FIELD_I64, "", "found to be slower in B")                                \
    F(int64_t, faster, SZ_FIELD_I64, "", "found to be faster in B")                                \
    F(int64_t, broken, SZ_FIELD_I64, "", "with a broken gate")                                     \
    F(int64_t, other_machine, SZ_FIELD_I64, "", "would match but for the machine")                 \
    F(double, mean_ratio, SZ_FIELD_F64, "", "geometric mean of the ratios B / A")
typedef struct sz_changes {
    SZ_CHANGES_FIELDS(SZ_FIELD_MEMBER)
} sz_changes;
SZ_API const sz_record_type *sz_changes_type(void);

typedef struct sz_bench_comparison sz_bench_comparison;
/** Records of the same case in one set are joined: their times are put together. The sets must live
 * as long as the comparison. */
SZ_API sz_status sz_bench_compare(sz_ctx *ctx, const sz_bench_set *a, const sz_bench_set *b,
                                  const sz_compare_options *options,
                                  sz_bench_comparison **ret_comparison) SZ_MUST_USE;
SZ_API void sz_bench_comparison_destroy(sz_bench_comparison *comparison); /**< NULL is fine */
/** A gate "median:+3%": the value must not rise by more than that from A to B (a minus: fall). The
 * names are those of time ("median" or "median_s", "mean", "min", "p99" ...), rate and energy. For
 * median and mean a case breaks it only when its difference was found too. SZ_ERR_USAGE: no such
 * gate; SZ_ERR_INPUT: no case has that value on both sides. */
SZ_API sz_status sz_bench_comparison_gate(sz_ctx *ctx, sz_bench_comparison *comparison,
                                          const char *gate) SZ_MUST_USE;
SZ_API sz_changes sz_bench_comparison_sums(const sz_bench_comparison *comparison);
SZ_API size_t sz_bench_comparison_count(const sz_bench_comparison *comparison);
SZ_API sz_change sz_bench_comparison_row(const sz_bench_comparison *comparison, size_t i);
/** Cases that only one set has; side 0 = A, 1 = B. NULL past the end. */
SZ_API const char *sz_bench_comparison_only(const sz_bench_comparison *comparison, int side,
                                            size_t i);
/** @} */

#ifdef __cplusplus
}
#endif
#endif
