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

/** How well a number is known: statistics over n batches, in the unit of the number. Of what a
 * core does by itself (its pipes, its own caches) the number is the 98th percentile of the work
 * per cycle, times the clock: the level that only disturbances hide. Of shared memory it is the
 * median. A sum of threads has the sums of their statistics. All 0 for a data sheet.
 */
#define SZ_SPREAD_FIELDS(F, unit)                                                                  \
    F(int64_t, n, SZ_FIELD_I64, "", "batches timed")                                               \
    F(double, median, SZ_FIELD_F64, unit, "median of the batches")                                 \
    F(double, best, SZ_FIELD_F64, unit, "best batch")                                              \
    F(double, p5, SZ_FIELD_F64, unit, "5th percentile")                                            \
    F(double, p95, SZ_FIELD_F64, unit, "95th percentile")                                          \
    F(double, ci_lo, SZ_FIELD_F64, unit, "95 % confidence interval of the median, low end")        \
    F(double, ci_hi, SZ_FIELD_F64, unit, "95 % confidence interval of the median, high end")       \
    F(double, spread, SZ_FIELD_F64, "", "(p95 - p5) / median")                                     \
    F(double, disturbed, SZ_FIELD_F64, "",                                                         \
      "share of the batches more than 5 % below the number; of a core's own units only")           \
    F(const char *, verdict, SZ_FIELD_STR, "", "valid, noisy, throttled, contended or unsteady")   \
    F(const char *, next_step, SZ_FIELD_STR, "", "what to do about the verdict")

#define SZ_IDENTITY_FIELDS(F)                                                                      \
    F(const char *, name, SZ_FIELD_STR, "", "name of the machine, lower case")                     \
    F(const char *, fingerprint, SZ_FIELD_STR, "", "the same for machines that are alike")         \
    F(const char *, source, SZ_FIELD_STR, "", "measured or datasheet")                             \
    F(const char *, kind, SZ_FIELD_STR, "", "cpu, gpu, soc, ...")                                  \
    F(const char *, notes, SZ_FIELD_STR, "", "where the numbers come from")                        \
    F(const char *, measured_utc, SZ_FIELD_STR, "", "date and time of the measurement")
typedef struct sz_identity {
    SZ_IDENTITY_FIELDS(SZ_FIELD_MEMBER)
} sz_identity;

#define SZ_CPU_FIELDS(F)                                                                           \
    F(const char *, model, SZ_FIELD_STR, "", "name of the processor")                              \
    F(int64_t, cores, SZ_FIELD_I64, "", "physical cores")                                          \
    F(int64_t, threads, SZ_FIELD_I64, "", "logical CPUs")                                          \
    F(double, clock_hz, SZ_FIELD_F64, "Hz", "clock of a core at work on one thread")               \
    F(double, clock_all_hz, SZ_FIELD_F64, "Hz", "clock of a core while all are at work")           \
    F(int64_t, memory_bytes, SZ_FIELD_I64, "B", "main memory")
typedef struct sz_cpu_facts {
    SZ_CPU_FIELDS(SZ_FIELD_MEMBER)
} sz_cpu_facts;

#define SZ_PEAK_FIELDS(F)                                                                          \
    F(const char *, device, SZ_FIELD_STR, "", "cpu, gpu, npu, ...")                                \
    F(const char *, unit, SZ_FIELD_STR, "", "scalar, vector or matrix")                            \
    F(const char *, op, SZ_FIELD_STR, "", "fma, add, mul, max+mul, div, exp, dot, ...")            \
    F(const char *, dtype, SZ_FIELD_STR, "", "numeric format")                                     \
    F(const char *, isa, SZ_FIELD_STR, "", "instruction set")                                      \
    F(int64_t, threads, SZ_FIELD_I64, "", "threads; 0 = the whole device")                         \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "rate: undisturbed, or the data sheet's")        \
    F(double, theoretical_flop_per_s, SZ_FIELD_F64, "FLOP/s",                                      \
      "pipes x lanes x operations x clock")                                                        \
    F(double, fraction, SZ_FIELD_F64, "", "flop_per_s as a share of theoretical_flop_per_s")       \
    F(double, pipes, SZ_FIELD_F64, "",                                                             \
      "instructions per cycle: the whole number, or one over it, that fits")                       \
    F(double, flop_per_cycle, SZ_FIELD_F64, "FLOP", "per core and cycle of the core's clock")      \
    F(double, clock_hz, SZ_FIELD_F64, "Hz", "clock of the core beside the batches")                \
    F(double, window_flop_per_s, SZ_FIELD_F64, "FLOP/s",                                           \
      "all work over wall time, interruptions in")                                                 \
    SZ_SPREAD_FIELDS(F, "FLOP/s")
typedef struct sz_peak {
    SZ_PEAK_FIELDS(SZ_FIELD_MEMBER)
} sz_peak;

#define SZ_LEVEL_FIELDS(F)                                                                         \
    F(const char *, name, SZ_FIELD_STR, "", "L1, L2, L3, DRAM, ...")                               \
    F(int64_t, capacity_bytes, SZ_FIELD_I64, "B", "size of one instance")                          \
    F(int64_t, instances, SZ_FIELD_I64, "", "how many of it the machine has")                      \
    F(int64_t, line_bytes, SZ_FIELD_I64, "B", "line")                                              \
    F(double, latency_s, SZ_FIELD_F64, "s", "of a dependent load: the median")                     \
    F(int64_t, latency_n, SZ_FIELD_I64, "", "batches timed for the latency")                       \
    F(double, latency_spread, SZ_FIELD_F64, "", "(p95 - p5) / median of the latency")              \
    F(const char *, latency_verdict, SZ_FIELD_STR, "", "verdict of the latency")                   \
    F(int64_t, shared_by, SZ_FIELD_I64, "", "logical CPUs that share one instance")                \
    F(double, latency_small_pages_s, SZ_FIELD_F64, "s", "the same on pages of 4 KiB")              \
    F(int64_t, knee_bytes, SZ_FIELD_I64, "B", "where the working-set curve leaves this level")
typedef struct sz_level {
    SZ_LEVEL_FIELDS(SZ_FIELD_MEMBER)
} sz_level;

#define SZ_BANDWIDTH_FIELDS(F)                                                                     \
    F(const char *, mix, SZ_FIELD_STR, "", "load, store, copy, triad, update or gather")           \
    F(const char *, stores, SZ_FIELD_STR, "", "plain, past caches or rep movsb")                   \
    F(const char *, access, SZ_FIELD_STR, "", "sequential, 4 places (at a time) or random")        \
    F(const char *, isa, SZ_FIELD_STR, "", "instruction set")                                      \
    F(int64_t, threads, SZ_FIELD_I64, "", "threads; 0 = the whole device")                         \
    F(double, byte_per_s, SZ_FIELD_F64, "B/s", "bytes asked for per second")                       \
    F(double, with_write_allocate_byte_per_s, SZ_FIELD_F64, "B/s",                                 \
      "the same with the lines that are read because they are about to be written")                \
    F(double, byte_per_cycle, SZ_FIELD_F64, "B", "per core and cycle of the core's clock")         \
    F(double, window_byte_per_s, SZ_FIELD_F64, "B/s", "all work over wall time, interruptions in") \
    F(int64_t, working_set_bytes, SZ_FIELD_I64, "B", "memory walked, all threads together")        \
    SZ_SPREAD_FIELDS(F, "B/s")
typedef struct sz_bandwidth {
    SZ_BANDWIDTH_FIELDS(SZ_FIELD_MEMBER)
} sz_bandwidth;

#define SZ_LINK_FIELDS(F)                                                                          \
    F(const char *, name, SZ_FIELD_STR, "", "NVLink, PCIe, ...")                                   \
    F(double, latency_s, SZ_FIELD_F64, "s", "of a short message")                                  \
    F(double, byte_per_s, SZ_FIELD_F64, "B/s", "in one direction")                                 \
    F(const char *, method, SZ_FIELD_STR, "", "how it was measured")                               \
    F(int64_t, latency_n, SZ_FIELD_I64, "", "messages timed for the latency")                      \
    F(double, latency_spread, SZ_FIELD_F64, "", "(p95 - p5) / median of the latency")              \
    F(int64_t, n, SZ_FIELD_I64, "", "pieces timed for the bandwidth")                              \
    F(double, spread, SZ_FIELD_F64, "", "(p95 - p5) / median of the bandwidth")
typedef struct sz_link {
    SZ_LINK_FIELDS(SZ_FIELD_MEMBER)
} sz_link;

#define SZ_OVERHEAD_FIELDS(F)                                                                      \
    F(double, dispatch_s, SZ_FIELD_F64, "s", "to start one operator")                              \
    F(double, fork_join_s, SZ_FIELD_F64, "s",                                                      \
      "to start and join all threads, straight after work")                                        \
    F(double, fork_join_idle_s, SZ_FIELD_F64, "s", "the same after 20 ms at rest")                 \
    F(double, thread_s, SZ_FIELD_F64, "s", "to create a thread and join it")                       \
    F(double, timer_s, SZ_FIELD_F64, "s", "to read the clock")                                     \
    F(double, syscall_s, SZ_FIELD_F64, "s", "the shortest call of the system")                     \
    F(double, page_fault_s, SZ_FIELD_F64, "s", "first touch of a page of 4 KiB")                   \
    F(double, huge_page_fault_s, SZ_FIELD_F64, "s", "first touch of a page of 2 MiB")
typedef struct sz_overhead {
    SZ_OVERHEAD_FIELDS(SZ_FIELD_MEMBER)
} sz_overhead;

/** One working set of the curve that finds the caches: one thread, loads. */
#define SZ_CURVE_FIELDS(F)                                                                         \
    F(int64_t, bytes, SZ_FIELD_I64, "B", "working set")                                            \
    F(double, byte_per_s, SZ_FIELD_F64, "B/s", "of loads, one after the other")                    \
    F(double, latency_s, SZ_FIELD_F64, "s", "of a dependent load at random")
typedef struct sz_curve_point {
    SZ_CURVE_FIELDS(SZ_FIELD_MEMBER)
} sz_curve_point;

#define SZ_POWER_FIELDS(F)                                                                         \
    F(double, idle_w, SZ_FIELD_F64, "W", "power at rest")                                          \
    F(double, busy_w, SZ_FIELD_F64, "W", "power while all threads multiply and add f32")           \
    F(double, joule_per_flop, SZ_FIELD_F64, "J", "busy_w over the rate reached meanwhile")         \
    F(double, tdp_w, SZ_FIELD_F64, "W", "thermal design power, or the limit that is set")          \
    F(const char *, method, SZ_FIELD_STR, "", "how power is known")
typedef struct sz_power {
    SZ_POWER_FIELDS(SZ_FIELD_MEMBER)
} sz_power;

#define SZ_ROOF_FIELDS(F)                                                                          \
    F(const char *, name, SZ_FIELD_STR, "", "for people: f32 fma, 2 threads")                      \
    F(const char *, device, SZ_FIELD_STR, "", "cpu, gpu, npu, ...")                                \
    F(const char *, unit, SZ_FIELD_STR, "", "scalar, vector or matrix")                            \
    F(const char *, op, SZ_FIELD_STR, "", "fma (any multiply-add), add, ...")                      \
    F(const char *, dtype, SZ_FIELD_STR, "", "numeric format")                                     \
    F(int64_t, threads, SZ_FIELD_I64, "", "threads; 0 = the whole device")                         \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "best peak of this kind")
typedef struct sz_roof {
    SZ_ROOF_FIELDS(SZ_FIELD_MEMBER)
} sz_roof;

/** What surrounds a CPU and changes what it does; only of machines that were described here. */
#define SZ_HOST_FIELDS(F)                                                                          \
    F(int64_t, sockets, SZ_FIELD_I64, "", "processor packages")                                    \
    F(int64_t, nodes, SZ_FIELD_I64, "", "memory (NUMA) nodes")                                     \
    F(double, clock_min_hz, SZ_FIELD_F64, "Hz", "lowest clock that the system may set")            \
    F(double, clock_max_hz, SZ_FIELD_F64, "Hz", "highest clock that the system may set")           \
    F(const char *, governor, SZ_FIELD_STR, "", "policy of the clock")                             \
    F(const char *, turbo, SZ_FIELD_STR, "", "on or off")                                          \
    F(const char *, smt, SZ_FIELD_STR, "", "on, off, ...: several threads to a core")              \
    F(const char *, huge_pages, SZ_FIELD_STR, "",                                                  \
      "transparent huge pages: always, madvise, never")                                            \
    F(const char *, hypervisor, SZ_FIELD_STR, "", "name of the hypervisor; none = real hardware")  \
    F(const char *, counters, SZ_FIELD_STR, "",                                                    \
      "yes or no: the kernel offers counters of the CPU")                                          \
    F(double, quota_cpus, SZ_FIELD_F64, "", "CPUs' worth of time that the control group may use")  \
    F(int64_t, memory_limit_bytes, SZ_FIELD_I64, "B", "limit of the control group")                \
    F(double, load, SZ_FIELD_F64, "", "processes that ran or waited, mean of the last minute")     \
    F(double, steal, SZ_FIELD_F64, "", "share of CPU time since boot that other guests got")
typedef struct sz_host {
    SZ_HOST_FIELDS(SZ_FIELD_MEMBER)
} sz_host;

/** Cores that are alike, on a machine that has several kinds. */
#define SZ_CORE_KIND_FIELDS(F)                                                                     \
    F(const char *, name, SZ_FIELD_STR, "", "performance, efficiency, ...")                        \
    F(const char *, cpus, SZ_FIELD_STR, "", "logical CPUs: 0-11")                                  \
    F(int64_t, cores, SZ_FIELD_I64, "", "physical cores")                                          \
    F(int64_t, threads, SZ_FIELD_I64, "", "logical CPUs")                                          \
    F(double, clock_max_hz, SZ_FIELD_F64, "Hz", "highest clock")                                   \
    F(int64_t, l1_bytes, SZ_FIELD_I64, "B", "first-level data cache of a core")                    \
    F(int64_t, l2_bytes, SZ_FIELD_I64, "B", "one instance of the second-level cache")
typedef struct sz_core_kind {
    SZ_CORE_KIND_FIELDS(SZ_FIELD_MEMBER)
} sz_core_kind;

/** A variable of the environment that changes what libraries do. */
#define SZ_VARIABLE_FIELDS(F)                                                                      \
    F(const char *, name, SZ_FIELD_STR, "", "variable")                                            \
    F(const char *, value, SZ_FIELD_STR, "", "its value")
typedef struct sz_variable {
    SZ_VARIABLE_FIELDS(SZ_FIELD_MEMBER)
} sz_variable;

/** A matrix product of an installed library against the roof that was measured. */
#define SZ_LIBRARY_RUN_FIELDS(F)                                                                   \
    F(const char *, library, SZ_FIELD_STR, "", "OpenBLAS, BLIS or oneDNN")                         \
    F(const char *, version, SZ_FIELD_STR, "", "as the library says")                              \
    F(const char *, setting, SZ_FIELD_STR, "", "variable that was set; none = as installed")       \
    F(const char *, kernel, SZ_FIELD_STR, "", "kernel set that the library chose")                 \
    F(const char *, isa, SZ_FIELD_STR, "", "instruction set of those kernels")                     \
    F(const char *, cpu_isa, SZ_FIELD_STR, "", "widest instruction set of this CPU")               \
    F(int64_t, threads, SZ_FIELD_I64, "", "threads asked for")                                     \
    F(int64_t, size, SZ_FIELD_I64, "", "rows and columns of the square f32 matrices")              \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "median")                                        \
    F(double, best_flop_per_s, SZ_FIELD_F64, "FLOP/s", "best")                                     \
    F(double, of_roof, SZ_FIELD_F64, "", "share of the f32 fma roof with as many threads")         \
    F(double, clock_hz, SZ_FIELD_F64, "Hz", "clock of the calling core beside the runs")           \
    F(double, of_roof_per_cycle, SZ_FIELD_F64, "", "the same share, per cycle of the clock")       \
    F(double, busy_cpus, SZ_FIELD_F64, "", "CPU time over wall time")                              \
    F(int64_t, n, SZ_FIELD_I64, "", "runs timed")                                                  \
    F(const char *, verdict, SZ_FIELD_STR, "", "valid, contended, unsteady, ...")                  \
    F(const char *, advice, SZ_FIELD_STR, "", "what to set, or what is wrong")
typedef struct sz_library_run {
    SZ_LIBRARY_RUN_FIELDS(SZ_FIELD_MEMBER)
} sz_library_run;

/** Something that is not known of the machine, and the reason. */
#define SZ_GAP_FIELDS(F)                                                                           \
    F(const char *, what, SZ_FIELD_STR, "", "what is not known")                                   \
    F(const char *, why, SZ_FIELD_STR, "", "the reason")
typedef struct sz_gap {
    SZ_GAP_FIELDS(SZ_FIELD_MEMBER)
} sz_gap;

/** What one operation costs, by itself: no memory, no instruction. A multiply-add (op "fma") is one
 * operation here, although it counts as 2 FLOP. */
#define SZ_OP_ENERGY_FIELDS(F)                                                                     \
    F(const char *, op, SZ_FIELD_STR, "", "add, mul, fma, ...")                                    \
    F(const char *, dtype, SZ_FIELD_STR, "", "numeric format")                                     \
    F(double, joule, SZ_FIELD_F64, "J", "energy of one operation")                                 \
    F(const char *, source, SZ_FIELD_STR, "", "where the number comes from")
typedef struct sz_op_energy {
    SZ_OP_ENERGY_FIELDS(SZ_FIELD_MEMBER)
} sz_op_energy;

#define SZ_BYTE_ENERGY_FIELDS(F)                                                                   \
    F(const char *, level, SZ_FIELD_STR, "", "level of memory, or a piece of it: DRAM, SRAM 8 KB") \
    F(double, joule, SZ_FIELD_F64, "J", "energy to read or write one byte there")                  \
    F(const char *, source, SZ_FIELD_STR, "", "where the number comes from")
typedef struct sz_byte_energy {
    SZ_BYTE_ENERGY_FIELDS(SZ_FIELD_MEMBER)
} sz_byte_energy;

/** Where numbers of a data sheet come from. */
#define SZ_CITATION_FIELDS(F)                                                                      \
    F(const char *, what, SZ_FIELD_STR, "", "which numbers: peaks, memory, power, ...")            \
    F(const char *, source, SZ_FIELD_STR, "", "the document")                                      \
    F(const char *, check, SZ_FIELD_STR, "", "what they were compared with; 'unchecked': nothing")
typedef struct sz_citation {
    SZ_CITATION_FIELDS(SZ_FIELD_MEMBER)
} sz_citation;

/** An operator that a machine runs, where it does not run all. A machine without such rows runs
 * every operator. Names are those of ONNX ("Conv"); operators of other domains are written
 * "com.microsoft.QLinearAdd". */
#define SZ_OPERATOR_FIELDS(F)                                                                      \
    F(const char *, op, SZ_FIELD_STR, "", "operator")                                              \
    F(const char *, dtypes, SZ_FIELD_STR, "", "formats it is computed in, with blanks between")    \
    F(int64_t, max_rank, SZ_FIELD_I64, "", "most axes of a tensor longer than 1; 0 = no limit")    \
    F(int64_t, max_kernel, SZ_FIELD_I64, "", "longest side of a window; 0 = no limit")             \
    F(int64_t, max_stride, SZ_FIELD_I64, "", "longest step of a window; 0 = no limit")             \
    F(int64_t, max_batch, SZ_FIELD_I64, "", "longest first axis of what it makes; 0 = no limit")   \
    F(int, constant_weights, SZ_FIELD_BOOL, "",                                                    \
      "every operand beside the first must be a constant")                                         \
    F(const char *, native, SZ_FIELD_STR, "", "what the maker's list calls it")
typedef struct sz_operator {
    SZ_OPERATOR_FIELDS(SZ_FIELD_MEMBER)
} sz_operator;

/** How a machine works for another one, its host: what it does not run, the host runs. */
#define SZ_COPROCESSOR_FIELDS(F)                                                                   \
    F(const char *, host, SZ_FIELD_STR, "", "name of the machine that runs the rest")              \
    F(const char *, link, SZ_FIELD_STR, "",                                                        \
      "link that tensors cross between the two; none: they share their memory")                    \
    F(double, sync_s, SZ_FIELD_F64, "s", "to hand over, for each tensor that crosses")             \
    F(const char *, weights_link, SZ_FIELD_STR, "",                                                \
      "link that weights beyond onchip_bytes come over in each run; none: main memory")            \
    F(int64_t, onchip_bytes, SZ_FIELD_I64, "B",                                                    \
      "memory in which weights stay from run to run, and tensors within one")                      \
    F(int, one_part, SZ_FIELD_BOOL, "",                                                            \
      "what follows a node of the host is the host's too: its compiler cuts a net once")           \
    F(int, takes_all, SZ_FIELD_BOOL, "",                                                           \
      "its compiler gives it all that it can run, also where the host would be faster")
typedef struct sz_coprocessor {
    SZ_COPROCESSOR_FIELDS(SZ_FIELD_MEMBER)
} sz_coprocessor;

/** How well a core overlaps moving and computing: a loop that does both takes the p-norm of the two
 * times, (memory^p + compute^p)^(1/p). 1: nothing overlaps; the longer alone as p grows. */
#define SZ_OVERLAP_FIELDS(F)                                                                       \
    F(double, p, SZ_FIELD_F64, "", "exponent; 64 stands for all above")                            \
    F(double, p_lo, SZ_FIELD_F64, "", "least that a single sweep gave")                            \
    F(double, p_hi, SZ_FIELD_F64, "", "most that a single sweep gave")                             \
    F(int64_t, n, SZ_FIELD_I64, "", "loops timed, of all sweeps")                                  \
    F(int64_t, sweeps, SZ_FIELD_I64, "", "sweeps over the intensity")                              \
    F(double, spread, SZ_FIELD_F64, "",                                                            \
      "root of the mean square of (fitted - timed) / timed, between the ends")                     \
    F(const char *, method, SZ_FIELD_STR, "", "what was timed")
typedef struct sz_overlap {
    SZ_OVERLAP_FIELDS(SZ_FIELD_MEMBER)
} sz_overlap;

SZ_API const sz_record_type *sz_operator_type(void);
SZ_API const sz_record_type *sz_coprocessor_type(void);
SZ_API const sz_record_type *sz_overlap_type(void);
SZ_API const sz_record_type *sz_identity_type(void);
SZ_API const sz_record_type *sz_cpu_facts_type(void);
SZ_API const sz_record_type *sz_peak_type(void);
SZ_API const sz_record_type *sz_level_type(void);
SZ_API const sz_record_type *sz_bandwidth_type(void);
SZ_API const sz_record_type *sz_link_type(void);
SZ_API const sz_record_type *sz_overhead_type(void);
SZ_API const sz_record_type *sz_curve_point_type(void);
SZ_API const sz_record_type *sz_power_type(void);
SZ_API const sz_record_type *sz_roof_type(void);
SZ_API const sz_record_type *sz_gap_type(void);
SZ_API const sz_record_type *sz_op_energy_type(void);
SZ_API const sz_record_type *sz_byte_energy_type(void);
SZ_API const sz_record_type *sz_citation_type(void);
SZ_API const sz_record_type *sz_host_type(void);
SZ_API const sz_record_type *sz_core_kind_type(void);
SZ_API const sz_record_type *sz_variable_type(void);
SZ_API const sz_record_type *sz_library_run_type(void);
/** @} */

/** @name Get a machine
 *  `*ret_machine` is yours to destroy, set only on success.
 *  @{ */

/** Options of a measurement. Zero-initialise. */
typedef struct sz_measure_options {
    const char *name; /**< NULL = "here" */
    const char
        *root; /**< folder with proc/ and sys/ to describe the machine from; NULL = this one */
    const char *cpu_mask;           /**< CPU features to do without, "avx512f,fma"; NULL = none */
    const char *const *environment; /**< "NAME=VALUE", NULL-ended: those that change libraries are
                                       kept, and all are the libraries'; NULL = none */
    const char *program;      /**< measure the installed libraries too, each in a child that runs
                                 PROGRAM machine library-child NAME THREADS; NULL = not */
    int threads;              /**< most threads to use; 0 = all this process may use */
    double budget_s;          /**< time to spend, about; 0 = 8 */
    int thorough;             /**< all variants: curve, small pages, all kinds of store */
    const char *disk;         /**< folder to measure the disk in; NULL = not */
    int64_t memory_bytes;     /**< most memory to use; 0 = a quarter of what is free */
    const volatile int *stop; /**< when this becomes 1 the rest is left out; NULL = never */
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

/** The same with all options that describing can use: root, cpu_mask, environment, name. */
SZ_API sz_status sz_machine_describe_with(sz_ctx *ctx, const sz_measure_options *options,
                                          sz_machine **ret_machine) SZ_MUST_USE;

/** A machine that is a line of text: "cpu:cores=8,clock=3e9,fma=32,dram=50e9,l2=1M", or one of two
 * numbers: "custom:flops=1e12,bandwidth=1e11", with latency, memory, tdp as it likes. */
SZ_API sz_status sz_machine_synthetic(sz_ctx *ctx, const char *text,
                                      sz_machine **ret_machine) SZ_MUST_USE;
/** Keys of such a line; NULL past the end. */
SZ_API const char *sz_list_synthetic(size_t i, const char **ret_help);

/** Read from JSON text; `name` stands for it in messages. */
SZ_API sz_status sz_machine_parse(sz_ctx *ctx, const char *name, const char *text, size_t size,
                                  sz_machine **ret_machine) SZ_MUST_USE;

/** By name or file. A word that starts with "cpu:" or "custom:" is a synthetic machine, one with
 * '/' or ending in ".json" is a file. Else: the measurement of that
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
/** Points of the working-set curve, smallest first; none when it was not measured. */
SZ_API size_t sz_machine_curve_count(const sz_machine *machine);
SZ_API sz_curve_point sz_machine_curve(const sz_machine *machine, size_t i);
SZ_API sz_overhead sz_machine_overhead(const sz_machine *machine);
SZ_API sz_power sz_machine_power(const sz_machine *machine);
/** Energy per operation and per byte, where they are known. */
SZ_API size_t sz_machine_op_energy_count(const sz_machine *machine);
SZ_API sz_op_energy sz_machine_op_energy(const sz_machine *machine, size_t i);
SZ_API size_t sz_machine_byte_energy_count(const sz_machine *machine);
SZ_API sz_byte_energy sz_machine_byte_energy(const sz_machine *machine, size_t i);
/** Operators that it runs; none = all. */
SZ_API size_t sz_machine_operator_count(const sz_machine *machine);
SZ_API sz_operator sz_machine_operator(const sz_machine *machine, size_t i);
/** How it works for a host; all of it not known where it works alone. */
SZ_API sz_coprocessor sz_machine_coprocessor(const sz_machine *machine);
/** n = 0: not measured. */
SZ_API sz_overlap sz_machine_overlap(const sz_machine *machine);
/** Sources of a data sheet. */
SZ_API size_t sz_machine_citation_count(const sz_machine *machine);
SZ_API sz_citation sz_machine_citation(const sz_machine *machine, size_t i);
/** Roofs: the best peak of each kind of work, format and number of threads. */
SZ_API size_t sz_machine_roof_count(const sz_machine *machine);
SZ_API sz_roof sz_machine_roof(const sz_machine *machine, size_t i);
/** Intensity in FLOP/B from which on the roof, not the bandwidth of the level, limits; NaN = not
 * known. */
SZ_API double sz_machine_ridge(const sz_machine *machine, size_t roof, size_t level);
SZ_API size_t sz_machine_gap_count(const sz_machine *machine);
SZ_API sz_gap sz_machine_gap(const sz_machine *machine, size_t i);
/** NULL when the machine was not described here. */
SZ_API const sz_host *sz_machine_host(const sz_machine *machine);
/** Kinds of cores; none when all cores are alike. */
SZ_API size_t sz_machine_core_kind_count(const sz_machine *machine);
SZ_API sz_core_kind sz_machine_core_kind(const sz_machine *machine, size_t i);
SZ_API size_t sz_machine_variable_count(const sz_machine *machine);
SZ_API sz_variable sz_machine_variable(const sz_machine *machine, size_t i);
SZ_API size_t sz_machine_library_count(const sz_machine *machine);
SZ_API sz_library_run sz_machine_library(const sz_machine *machine, size_t i);
/** Verdict of a measurement: 1 = undisturbed. The notes say what was seen. */
SZ_API int sz_machine_ok(const sz_machine *machine);
SZ_API size_t sz_machine_note_count(const sz_machine *machine);
SZ_API const char *sz_machine_note(const sz_machine *machine, size_t i);
/** @} */

/** @name Two machines side by side
 *  @{ */
#define SZ_DIFFERENCE_FIELDS(F)                                                                    \
    F(const char *, kind, SZ_FIELD_STR, "", "roof, bandwidth, latency, ...")                       \
    F(const char *, name, SZ_FIELD_STR, "", "what is compared: f32 fma, all threads")              \
    F(const char *, unit, SZ_FIELD_STR, "", "unit of a and b")                                     \
    F(double, a, SZ_FIELD_F64, "", "of the first machine")                                         \
    F(double, b, SZ_FIELD_F64, "", "of the second")                                                \
    F(double, ratio, SZ_FIELD_F64, "", "b / a")                                                    \
    F(const char *, better, SZ_FIELD_STR, "", "a or b; none when they are equal or it is no matter")
typedef struct sz_machine_difference {
    SZ_DIFFERENCE_FIELDS(SZ_FIELD_MEMBER)
} sz_machine_difference;
SZ_API const sz_record_type *sz_machine_difference_type(void);

typedef struct sz_comparison sz_comparison;
/** Both machines may be destroyed afterwards. */
SZ_API sz_status sz_machine_compare(sz_ctx *ctx, const sz_machine *a, const sz_machine *b,
                                    sz_comparison **ret_comparison) SZ_MUST_USE;
SZ_API void sz_comparison_destroy(sz_comparison *comparison); /**< NULL is fine */
SZ_API size_t sz_comparison_count(const sz_comparison *comparison);
SZ_API sz_machine_difference sz_comparison_row(const sz_comparison *comparison, size_t i);
/** A gate "NAME:-3%": the rows called NAME, or else all rows with NAME in their name, must not
 * change from a to b by more than that (a minus: fall; a plus: rise). `broken[i]` becomes 1 for
 * rows that do; it has sz_comparison_count() elements. SZ_ERR_USAGE when it is no gate or meets no
 * row that both machines have. */
SZ_API sz_status sz_comparison_gate(sz_ctx *ctx, const sz_comparison *comparison, const char *gate,
                                    int *broken) SZ_MUST_USE;
/** @} */

/** The part of a library's measurement that runs in a child process: open it, time it on as many
 * threads as its environment says, and put one line of JSON. Never call it in a process that must
 * survive: libraries may crash. */
SZ_API sz_status sz_library_child(sz_ctx *ctx, const char *library, int threads,
                                  sz_buf *buf) SZ_MUST_USE;

/** @name Why a peak is what it is
 *  Speed against the number of independent chains of an operation, on one thread.
 *  @{ */
#define SZ_CHAIN_POINT_FIELDS(F)                                                                   \
    F(const char *, op, SZ_FIELD_STR, "", "operation")                                             \
    F(const char *, dtype, SZ_FIELD_STR, "", "numeric format")                                     \
    F(const char *, isa, SZ_FIELD_STR, "", "instruction set")                                      \
    F(int64_t, chains, SZ_FIELD_I64, "", "independent chains: accumulators")                       \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "rate: the median")                              \
    F(double, flop_per_cycle, SZ_FIELD_F64, "FLOP", "per cycle of the core's clock")               \
    F(double, step_per_cycle, SZ_FIELD_F64, "", "operations on whole registers per cycle")         \
    F(double, spread, SZ_FIELD_F64, "", "(p95 - p5) / median")                                     \
    F(const char *, verdict, SZ_FIELD_STR, "", "valid, noisy, throttled, contended or unsteady")
typedef struct sz_chain_point {
    SZ_CHAIN_POINT_FIELDS(SZ_FIELD_MEMBER)
} sz_chain_point;

#define SZ_CHAIN_SUMMARY_FIELDS(F)                                                                 \
    F(const char *, op, SZ_FIELD_STR, "", "operation")                                             \
    F(const char *, dtype, SZ_FIELD_STR, "", "numeric format")                                     \
    F(const char *, isa, SZ_FIELD_STR, "", "instruction set")                                      \
    F(int64_t, lanes, SZ_FIELD_I64, "", "numbers in a register")                                   \
    F(int64_t, instructions, SZ_FIELD_I64, "", "of one step")                                      \
    F(int64_t, registers, SZ_FIELD_I64, "", "vector registers that the instruction set has")       \
    F(double, latency_cycles, SZ_FIELD_F64, "", "cycles of a step: from one chain")                \
    F(double, step_per_cycle, SZ_FIELD_F64, "", "most steps per cycle")                            \
    F(double, pipes, SZ_FIELD_F64, "", "most instructions per cycle; whole where near it")         \
    F(int64_t, chains_needed, SZ_FIELD_I64, "", "fewest chains with 97 % of the most")             \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "best rate")                                     \
    F(double, flop_per_cycle, SZ_FIELD_F64, "FLOP", "most per cycle")
typedef struct sz_chain_summary {
    SZ_CHAIN_SUMMARY_FIELDS(SZ_FIELD_MEMBER)
} sz_chain_summary;
SZ_API const sz_record_type *sz_chain_point_type(void);
SZ_API const sz_record_type *sz_chain_summary_type(void);

typedef struct sz_chain_study sz_chain_study;

/** Measure fma, add, mul, max, max+mul or add+max (f32, widest registers) with 1 to 24 chains,
 * beside what it is best compared with. Uses cpu_mask, stop, progress and user of the options,
 * which may be NULL. `*ret_study` is yours to destroy, set only on success. */
SZ_API sz_status sz_machine_explain(sz_ctx *ctx, const sz_measure_options *options, const char *op,
                                    sz_chain_study **ret_study) SZ_MUST_USE;
SZ_API void sz_chain_study_destroy(sz_chain_study *study); /**< NULL is fine */
SZ_API size_t sz_chain_study_point_count(const sz_chain_study *study);
SZ_API sz_chain_point sz_chain_study_point(const sz_chain_study *study, size_t i);
/** One per operation. */
SZ_API size_t sz_chain_study_summary_count(const sz_chain_study *study);
SZ_API sz_chain_summary sz_chain_study_summary(const sz_chain_study *study, size_t i);
/** What follows, as sentences. */
SZ_API size_t sz_chain_study_line_count(const sz_chain_study *study);
SZ_API const char *sz_chain_study_line(const sz_chain_study *study, size_t i);
/** @} */

/** Rows of the kernels table, for `sizeup list`. `i` from 0; returns 0 past the end. */
typedef struct sz_kernel_row {
    const char *name, *family, *op, *dtype, *isa;
    int flops, loads, stores, bytes; /**< per iteration */
    int runs;                        /**< built in and runs on this CPU */
} sz_kernel_row;
SZ_API int sz_list_kernel(size_t i, sz_kernel_row *ret_row);
/** A kind of sensor of energy and power. */
typedef struct sz_sensor_row {
    const char *name, *what;
    char here[256]; /**< what this machine has of it, or why nothing */
} sz_sensor_row;
SZ_API int sz_list_sensor(sz_ctx *ctx, size_t i, sz_sensor_row *ret_row);

#ifdef __cplusplus
}
#endif
#endif
