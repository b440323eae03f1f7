// SPDX-License-Identifier: Apache-2.0
/** @file
 * How long a model takes on a machine, on paper: costs x machine -> time.
 *
 * Per node, T_mem = bytes moved / bandwidth of main memory and T_comp = operations / peak. How they
 * add up is the level:
 * - bound:    max(sum T_comp, sum T_mem): what no program can beat with its data in main memory
 * - roofline: sum over the nodes of max(T_mem, T_comp): each node overlaps its own work perfectly.
 *             Bytes come from the nearest level that still holds them when the net runs again and
 *             again (reuse distance), where the bandwidths of the caches are known
 * - tiles:    roofline of a GPU of which the data sheet tells the units: matrix products run in the
 *             tiles and waves of a library. Of other machines the roofline is given, with a warning
 * - sum:      sum over the nodes of T_mem + T_comp: nothing overlaps
 * - calibrated: each node takes its roofline time x what kernels near it were measured to take
 *             beyond theirs; the net a fixed time + a factor x their sum. time_lo_s and time_hi_s
 *             are a 90 % interval then
 * A machine that runs some operators only (sz_machine_operator()) works for a host: what it lacks
 * runs there, and tensors that cross take time. Both run in turn; the net is cut so that it takes
 * least. At level bound the longest of what either processor and the link have to do counts.
 * Roofline and sum also add what starting a node takes, where the machine's record says it:
 * dispatch, and with several threads their fork and join. The bound does not. Where a data sheet
 * tells the energy of the whole chip per operation, T_comp is no less than the energy of the node
 * at the power that the card may draw, but for the bound and time_lo_s. Measured rates of
 * copies and stores have in them that a line is read before it is written.
 */
#ifndef SIZEUP_PREDICT_H
#define SIZEUP_PREDICT_H

#include <sizeup/cost.h>
#include <sizeup/machine.h>
#include <sizeup/text.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SZ_PREDICTION_FIELDS(F)                                                                    \
    F(double, time_s, SZ_FIELD_F64, "s", "time of one run of the whole graph")                     \
    F(double, time_lo_s, SZ_FIELD_F64, "s",                                                        \
      "no program is faster, data in the nearest cache that holds it; calibrated: 90 % interval")  \
    F(double, time_hi_s, SZ_FIELD_F64, "s",                                                        \
      "nothing overlaps; a real program may still be slower; calibrated: 90 % interval")           \
    F(double, communication_s, SZ_FIELD_F64, "s", "sum of T_mem")                                  \
    F(double, computation_s, SZ_FIELD_F64, "s", "sum of T_comp")                                   \
    F(double, throughput_per_s, SZ_FIELD_F64, "1/s", "runs of the whole graph per second")         \
    F(double, energy_j, SZ_FIELD_F64, "J", "power_w x time_s")                                     \
    F(double, power_w, SZ_FIELD_F64, "W", "power that is assumed meanwhile")                       \
    F(const char *, energy_method, SZ_FIELD_STR, "", "how power_w is known")                       \
    F(double, energy_lo_j, SZ_FIELD_F64, "J", "what arithmetic and main memory take alone")        \
    F(double, energy_hi_j, SZ_FIELD_F64, "J", "TDP x time_s")                                      \
    F(double, energy_per_sample_j, SZ_FIELD_F64, "J", "energy_j over the samples of a run")        \
    F(int64_t, samples, SZ_FIELD_I64, "", "samples of a run; 0 = not known")                       \
    F(double, carbon_g, SZ_FIELD_F64, "g", "of CO2 equivalent; needs an intensity of the grid")    \
    F(double, cost, SZ_FIELD_F64, "", "in the currency of the price per hour; needs one")          \
    F(double, transfer_s, SZ_FIELD_F64, "s", "between two processors, part of communication_s")    \
    F(double, device_alone_s, SZ_FIELD_F64, "s", "if the machine itself ran every operator")       \
    F(double, host_alone_s, SZ_FIELD_F64, "s", "if the host ran every operator")                   \
    F(double, best_split_s, SZ_FIELD_F64, "s", "if each node ran where the net takes least")       \
    F(const char *, bound, SZ_FIELD_STR, "", "takes the largest share: memory, compute, overhead")
typedef struct sz_prediction {
    SZ_PREDICTION_FIELDS(SZ_FIELD_MEMBER)
} sz_prediction;

#define SZ_NODE_TIME_FIELDS(F)                                                                     \
    F(const char *, name, SZ_FIELD_STR, "", "node")                                                \
    F(const char *, op, SZ_FIELD_STR, "", "operator")                                              \
    F(double, time_s, SZ_FIELD_F64, "s", "by the level; at level bound, of the node alone")        \
    F(double, time_lo_s, SZ_FIELD_F64, "s", "calibrated: 90 % interval, low end")                  \
    F(double, time_hi_s, SZ_FIELD_F64, "s", "calibrated: 90 % interval, high end")                 \
    F(int, outside, SZ_FIELD_BOOL, "", "calibrated: no measured kernel is near, this is a guess")  \
    F(double, memory_s, SZ_FIELD_F64, "s", "T_mem")                                                \
    F(double, compute_s, SZ_FIELD_F64, "s", "T_comp")                                              \
    F(const char *, bound, SZ_FIELD_STR, "", "the largest: memory, compute or overhead")           \
    F(const char *, level, SZ_FIELD_STR, "", "level of memory that the bytes come from")           \
    F(const char *, device, SZ_FIELD_STR, "", "machine that it runs on: of two processors")        \
    F(double, intensity, SZ_FIELD_F64, "FLOP/B", "operations per byte moved")                      \
    F(const char *, roof, SZ_FIELD_STR, "", "roof of its operations")                              \
    F(double, of_roof, SZ_FIELD_F64, "", "share of the roof that is reached: not known on paper")
typedef struct sz_node_time {
    SZ_NODE_TIME_FIELDS(SZ_FIELD_MEMBER)
} sz_node_time;

/** Which roof serves the operations of which format. */
#define SZ_ROOF_USE_FIELDS(F)                                                                      \
    F(const char *, dtype, SZ_FIELD_STR, "", "numeric format of the nodes")                        \
    F(const char *, work, SZ_FIELD_STR, "", "multiply-accumulate or elementary")                   \
    F(const char *, roof, SZ_FIELD_STR, "", "name of the roof")                                    \
    F(double, flop_per_s, SZ_FIELD_F64, "FLOP/s", "rate used")                                     \
    F(int64_t, nodes, SZ_FIELD_I64, "", "nodes with such work")                                    \
    F(int, exact, SZ_FIELD_BOOL, "",                                                               \
      "false: the machine has no roof for the format, a wider one serves")
typedef struct sz_roof_use {
    SZ_ROOF_USE_FIELDS(SZ_FIELD_MEMBER)
} sz_roof_use;

/** A node that runs on the host of a machine. */
#define SZ_FALLBACK_FIELDS(F)                                                                      \
    F(const char *, node, SZ_FIELD_STR, "", "node")                                                \
    F(const char *, op, SZ_FIELD_STR, "", "operator")                                              \
    F(const char *, why, SZ_FIELD_STR, "", "why it does not run on the machine itself")            \
    F(const char *, device, SZ_FIELD_STR, "", "machine that runs it")                              \
    F(double, transfer_s, SZ_FIELD_F64, "s", "of tensors that cross to it and from it")            \
    F(double, time_s, SZ_FIELD_F64, "s", "of the node there, without that")
typedef struct sz_fallback {
    SZ_FALLBACK_FIELDS(SZ_FIELD_MEMBER)
} sz_fallback;

SZ_API const sz_record_type *sz_fallback_type(void);
SZ_API const sz_record_type *sz_prediction_type(void);
SZ_API const sz_record_type *sz_node_time_type(void);
SZ_API const sz_record_type *sz_roof_use_type(void);

/** @name Calibrations: what was measured of a backend, to tell the times of other nets
 *  @{ */
typedef struct sz_calibration sz_calibration;
/** Nothing is measured yet. */
SZ_API sz_status sz_calibration_create(sz_ctx *ctx, sz_calibration **ret_calibration) SZ_MUST_USE;
SZ_API void sz_calibration_destroy(sz_calibration *calibration); /**< NULL is fine */
/** Put it at the end of `buf` as JSON of schema sizeup.calibration/1, and read it back.
 * SZ_ERR_INPUT with what is wrong. */
SZ_API sz_status sz_calibration_json(sz_ctx *ctx, const sz_calibration *calibration,
                                     sz_buf *buf) SZ_MUST_USE;
SZ_API sz_status sz_calibration_parse(sz_ctx *ctx, const char *json, size_t size,
                                      sz_calibration **ret_calibration) SZ_MUST_USE;
/** Save as FOLDER/BACKEND-tTHREADS.json (-DTYPE before the threads unless it is f32), and load it;
 * dtype NULL = "f32". SZ_ERR_UNAVAILABLE: there is none, with what makes it. */
SZ_API sz_status sz_calibration_save(sz_ctx *ctx, const sz_calibration *calibration,
                                     const char *folder) SZ_MUST_USE;
SZ_API sz_status sz_calibration_load(sz_ctx *ctx, const char *folder, const char *backend,
                                     const char *dtype, int threads,
                                     sz_calibration **ret_calibration) SZ_MUST_USE;
/** The best that there is for so many threads: the calibration of that number; else the two of the
 * nearest numbers below and above, between which a prediction interpolates; else that of the
 * nearest. *ret_other is NULL but for the second case. SZ_ERR_UNAVAILABLE: none of the backend in
 * that format. */
SZ_API sz_status sz_calibration_choose(sz_ctx *ctx, const char *folder, const char *backend,
                                       const char *dtype, int threads,
                                       sz_calibration **ret_calibration,
                                       sz_calibration **ret_other) SZ_MUST_USE;
/** Is the file of the library as it was when it was calibrated? 0: it changed, or was not noted. */
SZ_API int sz_calibration_is_current(const sz_calibration *calibration);

/** What it was made of. Strings are its own. */
typedef struct sz_calibration_facts {
    const char *backend, *version, *dtype, *started_utc;
    const char *recipe; /**< of the passes that imitate it, or NULL: the net as written */
    const char *fingerprint;
    const char *library; /**< its file, or NULL */
    int threads;
    size_t nets;
    /** A net takes usual x (fixed_s + factor x the sum of its kernels); usual: what strangers on
     * the host cost while it was calibrated, by how long a net takes; 1 = nothing. */
    double fixed_s, factor, usual_least, usual_most;
} sz_calibration_facts;
SZ_API sz_calibration_facts sz_calibration_about(const sz_calibration *calibration);

/** How near it is to what it was made of, each net told by the others alone. */
#define SZ_CALIBRATION_SCORE_FIELDS(F)                                                             \
    F(const char *, kind, SZ_FIELD_STR, "", "of kernel, or 'whole nets'")                          \
    F(int64_t, n, SZ_FIELD_I64, "", "measured")                                                    \
    F(double, median_error, SZ_FIELD_F64, "", "median of the absolute relative errors")            \
    F(double, p90_error, SZ_FIELD_F64, "", "that nine in ten stay below")                          \
    F(double, within_10, SZ_FIELD_F64, "", "share with an error of at most 10 %")                  \
    F(double, roofline_error, SZ_FIELD_F64, "", "mean error of the roofline alone")                \
    F(double, constant_error, SZ_FIELD_F64, "", "median error of the roofline x one constant")     \
    F(double, half, SZ_FIELD_F64, "", "half of the 90 % interval, in logarithms")
typedef struct sz_calibration_score {
    SZ_CALIBRATION_SCORE_FIELDS(SZ_FIELD_MEMBER)
} sz_calibration_score;
SZ_API const sz_record_type *sz_calibration_score_type(void);
SZ_API size_t sz_calibration_score_count(const sz_calibration *calibration);
/** Row 0 is of whole nets, the others of kinds of kernels. */
SZ_API sz_status sz_calibration_score_of(sz_ctx *ctx, const sz_calibration *calibration, size_t i,
                                         sz_calibration_score *ret_score) SZ_MUST_USE;
/** @} */

#define SZ_OVERLAP_MEASURED (-1.0)

/** Options. Zero-initialise. */
typedef struct sz_predict_options {
    const char *level;       /**< NULL = "roofline" */
    const char *dtype;       /**< compute and store all floats as this; NULL = as the nodes say */
    int threads;             /**< 0 = all the machine was measured with */
    int64_t samples;         /**< of one run; 0 = the first axis of the first input */
    double price_per_h;      /**< of the machine; 0 = not known */
    double carbon_g_per_kwh; /**< of the electricity; 0 = not known */
    const sz_calibration *calibration; /**< of level "calibrated"; outlives the estimate */
    const sz_calibration *other; /**< of more threads: what lies between is told by both; or NULL */
    int streams;                 /**< runs side by side, that share the threads evenly; 0 = 1 */
    const sz_machine *host;      /**< runs what the machine does not; NULL: the data sheet that the
                                    machine's record names. Outlives the estimate */
    const char *split; /**< "best": each node where the net takes least; "most": all that the
                          machine can run runs there; NULL: as the machine's record says */
    double overlap; /**< of level roofline: exponent of the norm of memory and compute time, from 1;
                       0 = infinite: the longer alone; SZ_OVERLAP_MEASURED: as the machine's record
                       says, infinite where it says nothing */
    double pue;     /**< energy of the whole facility over that of its machines; 0 = 1 */
} sz_predict_options;

/** A prediction with its nodes; keeps pointers to costs and machine, so destroy it first. */
typedef struct sz_estimate sz_estimate;

/** Nodes that could not be costed are left out, with a warning. A format that the machine has no
 * roof for uses the next wider one, with a warning. SZ_ERR_UNAVAILABLE: the machine lacks what is
 * needed. */
SZ_API sz_status sz_estimate_create(sz_ctx *ctx, const sz_costs *costs, const sz_machine *machine,
                                    const sz_predict_options *options,
                                    sz_estimate **ret_estimate) SZ_MUST_USE;
SZ_API void sz_estimate_destroy(sz_estimate *estimate); /**< NULL is fine */

SZ_API const char *sz_estimate_level(const sz_estimate *estimate);
SZ_API sz_prediction sz_estimate_total(const sz_estimate *estimate);
/** A part of the energy of a run, bottom up: operations, or the bytes that a level of memory moves,
 * times the energy of one in the record of the machine. energy_lo_j is the sum of operations and
 * main memory. */
typedef struct sz_energy_part {
    const char *what; /**< "multiply-accumulates", "other operations", else the level */
    const char *unit; /**< "MAC", "FLOP" or "B" */
    double count, joule; /**< joule NaN: the record does not tell the energy of one */
} sz_energy_part;
/** Operations, main memory; then, where bytes are followed through the caches, these. */
SZ_API size_t sz_estimate_energy_part_count(const sz_estimate *estimate);
SZ_API sz_energy_part sz_estimate_energy_part(const sz_estimate *estimate, size_t i);
/** Weights, and the most activations that are alive at one time, in the format of the options. */
SZ_API double sz_estimate_bytes(const sz_estimate *estimate);
/** 0: the main memory of the machine is known not to hold them. */
SZ_API int sz_estimate_fits(const sz_estimate *estimate);
/** Costed nodes, in file order; sz_estimate_index() gives the index in the costs. */
SZ_API size_t sz_estimate_node_count(const sz_estimate *estimate);
SZ_API sz_node_time sz_estimate_node(const sz_estimate *estimate, size_t i);
SZ_API size_t sz_estimate_index(const sz_estimate *estimate, size_t i);
SZ_API size_t sz_estimate_roof_count(const sz_estimate *estimate);
SZ_API sz_roof_use sz_estimate_roof(const sz_estimate *estimate, size_t i);
/** Nodes that run on the host, in file order; none where the machine runs every operator. */
SZ_API size_t sz_estimate_fallback_count(const sz_estimate *estimate);
SZ_API sz_fallback sz_estimate_fallback(const sz_estimate *estimate, size_t i);
/** What was assumed, one fact each. Where `number` is not NaN it is the fact (the key has its unit)
 * and the text tells what it is; else the text is the fact. */
typedef struct sz_assumption {
    const char *key, *text;
    double number;
} sz_assumption;
SZ_API size_t sz_estimate_assumption_count(const sz_estimate *estimate);
SZ_API sz_assumption sz_estimate_assumption(const sz_estimate *estimate, size_t i);

/** @name One model on many machines
 *  @{ */
#define SZ_ACROSS_ROW_FIELDS(F)                                                                    \
    F(const char *, machine, SZ_FIELD_STR, "", "name")                                             \
    F(const char *, kind, SZ_FIELD_STR, "", "measured, gpu, cpu, ...")                             \
    F(double, time_s, SZ_FIELD_F64, "s", "of one run; not known where the machine can't do it")    \
    F(double, samples_per_s, SZ_FIELD_F64, "1/s", "samples per second")                            \
    F(double, of_roof, SZ_FIELD_F64, "",                                                           \
      "time at the machine's roofs over the time by the level: how near them it can come")         \
    F(const char *, bound, SZ_FIELD_STR, "", "memory, compute or overhead")                        \
    F(double, energy_j, SZ_FIELD_F64, "J", "of one run")                                           \
    F(double, carbon_g, SZ_FIELD_F64, "g", "of one run")                                           \
    F(double, cost, SZ_FIELD_F64, "", "of one run, in the currency of the prices")                 \
    F(int, in_score, SZ_FIELD_BOOL, "",                                                            \
      "it holds the net and computes in its format or a wider one")                                \
    F(const char *, note, SZ_FIELD_STR, "", "what the machine lacks, or NULL")
typedef struct sz_across_row {
    SZ_ACROSS_ROW_FIELDS(SZ_FIELD_MEMBER)
} sz_across_row;

/** How the net does on whatever machine; names are NULL where nothing is known. */
#define SZ_ACROSS_SCORE_FIELDS(F)                                                                  \
    F(int64_t, machines, SZ_FIELD_I64, "", "that hold it and have its format or a wider one")      \
    F(double, geometric_mean, SZ_FIELD_F64, "", "of of_roof over these machines")                  \
    F(double, worst, SZ_FIELD_F64, "", "lowest of_roof")                                           \
    F(const char *, worst_machine, SZ_FIELD_STR, "", "where that is")                              \
    F(const char *, best_time, SZ_FIELD_STR, "", "machine with the least time")                    \
    F(const char *, best_energy, SZ_FIELD_STR, "", "with the least energy, of those that tell")    \
    F(const char *, best_cost, SZ_FIELD_STR, "", "with the least cost, of those with a price")
typedef struct sz_across_score {
    SZ_ACROSS_SCORE_FIELDS(SZ_FIELD_MEMBER)
} sz_across_score;
SZ_API const sz_record_type *sz_across_row_type(void);
SZ_API const sz_record_type *sz_across_score_type(void);

typedef struct sz_across sz_across;
/** Estimate on each of `n` machines. `price_per_h`: by machine, 0 = not known; may be NULL. What
 * one machine lacks is the note of its row. */
SZ_API sz_status sz_across_create(sz_ctx *ctx, const sz_costs *costs,
                                  const sz_machine *const *machines, size_t n,
                                  const sz_predict_options *options, const double *price_per_h,
                                  sz_across **ret_across) SZ_MUST_USE;
SZ_API void sz_across_destroy(sz_across *across); /**< NULL is fine */
SZ_API size_t sz_across_count(const sz_across *across);
SZ_API sz_across_row sz_across_get(const sz_across *across, size_t i);
SZ_API sz_across_score sz_across_scored(const sz_across *across);
/** @} */

/** @name A measured time, carried to another machine
 *  @{ */
#define SZ_RESCALED_FIELDS(F)                                                                      \
    F(double, measured_s, SZ_FIELD_F64, "s", "as given, on the machine it comes from")             \
    F(double, time_s, SZ_FIELD_F64, "s", "on the other machine")                                   \
    F(double, time_lo_s, SZ_FIELD_F64, "s", "least of the ways below, never under the bound")      \
    F(double, time_hi_s, SZ_FIELD_F64, "s", "most of the ways below; no confidence interval")      \
    F(double, efficiency, SZ_FIELD_F64, "", "paper time over measured time; carried, at most 1")   \
    F(double, from_paper_s, SZ_FIELD_F64, "s", "by the level, on the machine it comes from")       \
    F(double, to_paper_s, SZ_FIELD_F64, "s", "by the level, on the other machine")                 \
    F(double, by_compute_s, SZ_FIELD_F64, "s", "measured_s x ratio of the compute times")          \
    F(double, by_memory_s, SZ_FIELD_F64, "s", "measured_s x ratio of the memory times")
typedef struct sz_rescaled {
    SZ_RESCALED_FIELDS(SZ_FIELD_MEMBER)
} sz_rescaled;
SZ_API const sz_record_type *sz_rescaled_type(void);
SZ_API sz_status sz_rescale(sz_ctx *ctx, const sz_costs *costs, const sz_machine *from,
                            const sz_machine *to, const sz_predict_options *options,
                            double measured_s, sz_rescaled *ret_rescaled) SZ_MUST_USE;
/** @} */

/** Rows of the levels table. `i` from 0; returns 0 past the end. */
typedef struct sz_predictor_row {
    const char *name, *what;
    int built; /**< 0: known, but not available yet */
} sz_predictor_row;
SZ_API int sz_list_predictor(size_t i, sz_predictor_row *ret_row);

#ifdef __cplusplus
}
#endif
#endif
