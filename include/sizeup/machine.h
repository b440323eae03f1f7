// SPDX-License-Identifier: Apache-2.0
/** @file
 * What a machine can do: its peaks, bandwidths and latencies, measured or from a data sheet.
 *
 * Units are plain SI. A number that is not known is NaN (double), 0 (int64_t) or NULL (text); what
 * was not measured is listed with the reason.
 */
#ifndef SIZEUP_MACHINE_H
#define SIZEUP_MACHINE_H

#include <sizeup/record.h>
#include <sizeup/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A machine. Immutable once it was made. Strings are the machine's. */
typedef struct sz_machine sz_machine;

/** @name Records
 *  @{ */

/** How well a number is known: statistics over n batches, in the unit of the number. The number
 * itself is the median; a sum of threads has the sums of their statistics. All 0 for a data sheet.
 */
#define SZ_SPREAD_FIELDS(F, unit)                                                                     \
    F(int64_t, n, SZ_FIELD_I64, "", "batches timed")                                                  \
    F(double, median, SZ_FIELD_F64, unit, "median of the batches")                                    \
    F(double, best, SZ_FIELD_F64, unit, "best batch")                                                 \
    F(double, p5, SZ_FIELD_F64, unit, "5th percentile")                                               \
    F(double, p95, SZ_FIELD_F64, unit, "95th percentile")                                             \
    F(double, ci_lo, SZ_FIELD_F64, unit, "95 % confidence interval of the median, low end")           \
    F(double, ci_hi, SZ_FIELD_F64, unit, "95 % confidence interval of the median, high end")          \
    F(double, spread, SZ_FIELD_F64, "", "(p95 - p5) / median")

#define SZ_IDENTITY_FIELDS(F)                                                                         \
    F(const char *, name, SZ_FIELD_STR, "", "name of the machine, lower case")                        \
    F(const char *, fingerprint, SZ_FIELD_STR, "", "the same for machines that are alike")            \
    F(const char *, source, SZ_FIELD_STR, "", "measured or datasheet")                                \
    F(const char *, kind, SZ_FIELD_STR, "", "cpu, gpu, soc, ...")                                     \
    F(const char *, notes, SZ_FIELD_STR, "", "where the numbers come from")                           \
    F(const char *, measured_utc, SZ_FIELD_STR, "", "date and time of the measurement")
typedef struct sz_identity {
    SZ_IDENTITY_FIELDS(SZ_FIELD_MEMBER)
} sz_identity;

#define SZ_CPU_FIELDS(F)                                                                              \
    F(const char *, model, SZ_FIELD_STR, "", "name of the processor")                                 \
    F(int64_t, cores, SZ_FIELD_I64, "", "physical cores")                                             \
    F(int64_t, threads, SZ_FIELD_I64, "", "logical CPUs")                                             \
    F(double, clock_hz, SZ_FIELD_F64, "Hz", "clock of a core at work on one thread")                  \
    F(double, clock_all_hz, SZ_FIELD_F64, "Hz", "clock of a core while all are at work")              \
    F(int64_t, memory_bytes, SZ_FIELD_I64, "B", "main memory")
typedef struct sz_cpu_facts {
    SZ_CPU_FIELDS(SZ_FIELD_MEMBER)
} sz_cpu_facts;

#define SZ_PEAK_FIELDS(F)                                                                          \
    F(const char *, device, SZ_FIELD_STR, "", "cpu, gpu, npu, ...")                                \
    F(const char *, unit, SZ_FIELD_STR, "", "scalar, vector or matrix")                            \
    F(const char *, op, SZ_FIELD_STR, "", "fma, mul+add, add, ...")                                \
    F(const char *, dtype, SZ_FIELD_STR, "", "numeric format")                                     \
    F(const char *, isa, SZ_FIELD_STR, "", "instruction set")                                      \
    F(int64_t, threads, SZ_FIELD_I64, "", "threads; 0 = the whole device")                         \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "rate: the median, or the data sheet's")         \
    F(double, theoretical_flop_per_s, SZ_FIELD_F64, "FLOP/s",                                      \
      "pipes x lanes x operations x clock")                                                        \
    F(double, flop_per_cycle, SZ_FIELD_F64, "FLOP", "per core and cycle of the core's clock")      \
    F(double, clock_hz, SZ_FIELD_F64, "Hz", "clock of the core beside the batches")                \
    F(double, window_flop_per_s, SZ_FIELD_F64, "FLOP/s",                                           \
      "all work over wall time, interruptions in")                                                 \
    SZ_SPREAD_FIELDS(F, "FLOP/s")
typedef struct sz_peak {
    SZ_PEAK_FIELDS(SZ_FIELD_MEMBER)
} sz_peak;

#define SZ_LEVEL_FIELDS(F)                                                                            \
    F(const char *, name, SZ_FIELD_STR, "", "L1, L2, L3, DRAM, ...")                                  \
    F(int64_t, capacity_bytes, SZ_FIELD_I64, "B", "size of one instance")                             \
    F(int64_t, instances, SZ_FIELD_I64, "", "how many of it the machine has")                         \
    F(int64_t, line_bytes, SZ_FIELD_I64, "B", "line")                                                 \
    F(double, latency_s, SZ_FIELD_F64, "s", "of a dependent load: the median")                        \
    F(int64_t, latency_n, SZ_FIELD_I64, "", "batches timed for the latency")                          \
    F(double, latency_spread, SZ_FIELD_F64, "", "(p95 - p5) / median of the latency")
typedef struct sz_level {
    SZ_LEVEL_FIELDS(SZ_FIELD_MEMBER)
} sz_level;

#define SZ_BANDWIDTH_FIELDS(F)                                                                        \
    F(const char *, mix, SZ_FIELD_STR, "", "load, store, copy or triad")                              \
    F(const char *, stores, SZ_FIELD_STR, "", "plain, or past the caches")                            \
    F(const char *, isa, SZ_FIELD_STR, "", "instruction set")                                         \
    F(int64_t, threads, SZ_FIELD_I64, "", "threads; 0 = the whole device")                            \
    F(double, byte_per_s, SZ_FIELD_F64, "B/s", "bytes asked for per second: the median")              \
    F(double, byte_per_cycle, SZ_FIELD_F64, "B", "per core and cycle of the core's clock")            \
    F(double, window_byte_per_s, SZ_FIELD_F64, "B/s", "all work over wall time, interruptions in")    \
    F(int64_t, working_set_bytes, SZ_FIELD_I64, "B", "memory walked, all threads together")           \
    SZ_SPREAD_FIELDS(F, "B/s")
typedef struct sz_bandwidth {
    SZ_BANDWIDTH_FIELDS(SZ_FIELD_MEMBER)
} sz_bandwidth;

#define SZ_LINK_FIELDS(F)                                                                             \
    F(const char *, name, SZ_FIELD_STR, "", "NVLink, PCIe, ...")                                      \
    F(double, latency_s, SZ_FIELD_F64, "s", "of a short message")                                     \
    F(double, byte_per_s, SZ_FIELD_F64, "B/s", "in one direction")
typedef struct sz_link {
    SZ_LINK_FIELDS(SZ_FIELD_MEMBER)
} sz_link;

#define SZ_OVERHEAD_FIELDS(F)                                                                         \
    F(double, dispatch_s, SZ_FIELD_F64, "s", "to start one operator")                                 \
    F(double, fork_join_s, SZ_FIELD_F64, "s", "to start and join all threads")
typedef struct sz_overhead {
    SZ_OVERHEAD_FIELDS(SZ_FIELD_MEMBER)
} sz_overhead;

#define SZ_POWER_FIELDS(F)                                                                            \
    F(double, idle_w, SZ_FIELD_F64, "W", "power at rest")                                             \
    F(double, tdp_w, SZ_FIELD_F64, "W", "thermal design power")                                       \
    F(const char *, method, SZ_FIELD_STR, "", "how power is known")
typedef struct sz_power {
    SZ_POWER_FIELDS(SZ_FIELD_MEMBER)
} sz_power;

#define SZ_ROOF_FIELDS(F)                                                                             \
    F(const char *, name, SZ_FIELD_STR, "", "for people: f32 fma, 2 threads")                         \
    F(const char *, device, SZ_FIELD_STR, "", "cpu, gpu, npu, ...")                                   \
    F(const char *, unit, SZ_FIELD_STR, "", "scalar, vector or matrix")                               \
    F(const char *, op, SZ_FIELD_STR, "", "fma (any multiply-add), add, ...")                         \
    F(const char *, dtype, SZ_FIELD_STR, "", "numeric format")                                        \
    F(int64_t, threads, SZ_FIELD_I64, "", "threads; 0 = the whole device")                            \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "best peak of this kind")
typedef struct sz_roof {
    SZ_ROOF_FIELDS(SZ_FIELD_MEMBER)
} sz_roof;

/** Something that is not known of the machine, and the reason. */
#define SZ_GAP_FIELDS(F)                                                                              \
    F(const char *, what, SZ_FIELD_STR, "", "what is not known")                                      \
    F(const char *, why, SZ_FIELD_STR, "", "the reason")
typedef struct sz_gap {
    SZ_GAP_FIELDS(SZ_FIELD_MEMBER)
} sz_gap;

SZ_API const sz_record_type *sz_identity_type(void);
SZ_API const sz_record_type *sz_cpu_facts_type(void);
SZ_API const sz_record_type *sz_peak_type(void);
SZ_API const sz_record_type *sz_level_type(void);
SZ_API const sz_record_type *sz_bandwidth_type(void);
SZ_API const sz_record_type *sz_link_type(void);
SZ_API const sz_record_type *sz_overhead_type(void);
SZ_API const sz_record_type *sz_power_type(void);
SZ_API const sz_record_type *sz_roof_type(void);
SZ_API const sz_record_type *sz_gap_type(void);
/** @} */

/** @name Get a machine
 *  `*ret_machine` is yours to destroy, set only on success.
 *  @{ */

/** Options of a measurement. Zero-initialise. */
typedef struct sz_measure_options {
    const char *name;     /**< NULL = "here" */
    const char
        *root; /**< folder with proc/ and sys/ to describe the machine from; NULL = this one */
    const char *cpu_mask; /**< CPU features to do without, "avx512f,fma"; NULL = none */
    int threads;          /**< most threads to use; 0 = all this process may use */
    double budget_s;      /**< time to spend, about; 0 = 8 */
    void (*progress)(void *user, const char *what); /**< told what comes next; NULL = not */
    void *user;
} sz_measure_options;

/** Measure this machine. `options` may be NULL. */
SZ_API sz_status sz_machine_measure(sz_ctx *ctx, const sz_measure_options *options,
                                    sz_machine **ret_machine) SZ_MUST_USE;

/** Describe a machine from a folder that holds proc/ and sys/ (NULL = this one) without measuring.
 */
SZ_API sz_status sz_machine_describe(sz_ctx *ctx, const char *root,
                                     sz_machine **ret_machine) SZ_MUST_USE;

/** Read from JSON text; `name` stands for it in messages. */
SZ_API sz_status sz_machine_parse(sz_ctx *ctx, const char *name, const char *text, size_t size,
                                  sz_machine **ret_machine) SZ_MUST_USE;

/** By name or file. A word with '/' or ending in ".json" is a file. Else: the measurement of that
 * name in the folder `store` (NULL = none), else the data sheet of that name. SZ_ERR_UNAVAILABLE
 * when "here" was never measured, SZ_ERR_INPUT with the known names when there is none. */
SZ_API sz_status sz_machine_load(sz_ctx *ctx, const char *name_or_file, const char *store,
                                 sz_machine **ret_machine) SZ_MUST_USE;
/** NULL is fine. */
SZ_API void sz_machine_destroy(sz_machine *machine);
/** @} */

/** Put the machine as JSON at the end of `buf`: schema sizeup.machine/1. */
SZ_API sz_status sz_machine_json(sz_ctx *ctx, const sz_machine *machine, sz_buf *buf) SZ_MUST_USE;

/** Save under STORE/NAME.json, where sz_machine_load() finds it; makes the folder. The file is
 * complete or not there. NAME: lower-case letters, digits, '.', '_', '-', not starting with '.'. */
SZ_API sz_status sz_machine_save(sz_ctx *ctx, const sz_machine *machine, const char *store,
                                 const char *name) SZ_MUST_USE;

/** Names of the built-in data sheets; NULL past the end. */
SZ_API const char *sz_list_machine(size_t i);
/** Names of the saved measurements in a folder, sorted, NULL-ended; freed by
 * sz_machine_names_free(). A folder that is not there holds none. */
SZ_API sz_status sz_machine_names(sz_ctx *ctx, const char *store, char ***ret_names) SZ_MUST_USE;
SZ_API void sz_machine_names_free(sz_ctx *ctx, char **names);

/** @name Facts
 *  Each get function takes an index below its count.
 *  @{ */
SZ_API sz_identity sz_machine_identity(const sz_machine *machine);
SZ_API sz_cpu_facts sz_machine_cpu(const sz_machine *machine);
SZ_API size_t sz_machine_isa_count(const sz_machine *machine);
SZ_API const char *sz_machine_isa(const sz_machine *machine, size_t i);
SZ_API size_t sz_machine_peak_count(const sz_machine *machine);
SZ_API sz_peak sz_machine_peak(const sz_machine *machine, size_t i);
/** Levels of memory, nearest to the core first. */
SZ_API size_t sz_machine_level_count(const sz_machine *machine);
SZ_API sz_level sz_machine_level(const sz_machine *machine, size_t i);
SZ_API size_t sz_machine_bandwidth_count(const sz_machine *machine, size_t level);
SZ_API sz_bandwidth sz_machine_bandwidth(const sz_machine *machine, size_t level, size_t i);
SZ_API size_t sz_machine_link_count(const sz_machine *machine);
SZ_API sz_link sz_machine_link(const sz_machine *machine, size_t i);
SZ_API sz_overhead sz_machine_overhead(const sz_machine *machine);
SZ_API sz_power sz_machine_power(const sz_machine *machine);
/** Roofs: the best peak of each kind of work, format and number of threads. */
SZ_API size_t sz_machine_roof_count(const sz_machine *machine);
SZ_API sz_roof sz_machine_roof(const sz_machine *machine, size_t i);
/** Intensity in FLOP/B from which on the roof, not the bandwidth of the level, limits; NaN = not
 * known. */
SZ_API double sz_machine_ridge(const sz_machine *machine, size_t roof, size_t level);
SZ_API size_t sz_machine_gap_count(const sz_machine *machine);
SZ_API sz_gap sz_machine_gap(const sz_machine *machine, size_t i);
/** Verdict of a measurement: 1 = undisturbed. The notes say what was seen. */
SZ_API int sz_machine_ok(const sz_machine *machine);
SZ_API size_t sz_machine_note_count(const sz_machine *machine);
SZ_API const char *sz_machine_note(const sz_machine *machine, size_t i);
/** @} */

/** Rows of the kernels table, for `sizeup list`. `i` from 0; returns 0 past the end. */
typedef struct sz_kernel_row {
    const char *name, *family, *op, *dtype, *isa;
    int flops, loads, stores, bytes; /**< per iteration */
    int runs;                        /**< built in and runs on this CPU */
} sz_kernel_row;
SZ_API int sz_list_kernel(size_t i, sz_kernel_row *ret_row);

#ifdef __cplusplus
}
#endif
#endif
