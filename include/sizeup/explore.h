// SPDX-License-Identifier: Apache-2.0
/** @file
 * The map from parameters to metrics: a space of settings, what evaluates a setting, and what is
 * made of the points: Pareto front, oracle, sensitivity.
 *
 * A space is parameters in order, each with its values as words ("8", "f32", "resnet:depth=50"),
 * and constraints. A setting is one index per parameter. A *proposer* names settings, an
 * *evaluator* fills in their metrics, *sinks* are handed each point as it comes.
 * sz_explore_run() is the loop around them.
 */
#ifndef SIZEUP_EXPLORE_H
#define SIZEUP_EXPLORE_H

#include <sizeup/machine.h>
#include <sizeup/record.h>
#include <sizeup/text.h>

struct sz_evaluator;
struct sz_run_options;

#ifdef __cplusplus
extern "C" {
#endif

/** @name Metrics
 *  @{ */
enum {
    SZ_METRIC_LATENCY = 0, /**< the rows of src/explore/metrics.def, in order */
    SZ_METRIC_THROUGHPUT,
    SZ_METRIC_ENERGY,
    SZ_METRIC_THROUGHPUT_PER_JOULE,
    SZ_METRIC_THROUGHPUT_PER_COST,
    SZ_METRIC_THROUGHPUT_PER_DEVICE,
    SZ_METRIC_COST,
    SZ_METRIC_MEMORY,
    SZ_METRIC_PARAMS,
    SZ_METRIC_TTFT,
    SZ_METRIC_TPOT,
    SZ_METRICS_OWN, /**< the first column of a user's file */
    SZ_METRICS_MAX = 24
};

/** What a metric is. Strings are the space's. */
typedef struct sz_metric {
    const char *word; /**< on the command line: "latency" */
    const char *key;  /**< in JSON: "latency_s" */
    const char *unit, *doc;
    int higher; /**< more is better */
} sz_metric;

/** Rows of the metrics table. `i` from 0; returns 0 past the end. */
SZ_API int sz_list_metric(size_t i, sz_metric *ret_metric);

/** The metrics of a setting. NaN: not known. lo and hi are the ends of an interval that the value
 * lies in with a stated confidence (calibrated: 90 %; measured: 95 % of the median); NaN: none. */
typedef struct sz_metrics {
    double value[SZ_METRICS_MAX], lo[SZ_METRICS_MAX], hi[SZ_METRICS_MAX];
} sz_metrics;
SZ_API void sz_metrics_clear(sz_metrics *metrics); /**< all NaN */
/** @} */

/** @name Spaces
 *  @{ */
enum { SZ_SPACE_PARAMETERS = 64, SZ_SPACE_CONSTRAINTS = 32 };
/** Most settings of a space that is swept whole. */
#define SZ_SPACE_SWEPT ((int64_t)10000000)

typedef struct sz_space sz_space;
SZ_API sz_status sz_space_create(sz_ctx *ctx, sz_space **ret_space) SZ_MUST_USE;
SZ_API void sz_space_destroy(sz_space *space); /**< NULL is fine */

/** Read a specification: JSON, or the part of YAML that docs/exploring.md tells. `name` stands for
 * it in messages, which tell the line. The space is not ready yet: words may still be added. */
SZ_API sz_status sz_space_read(sz_ctx *ctx, const char *name, const char *text, size_t size,
                               sz_space **ret_space) SZ_MUST_USE;
/** The same from a file. */
SZ_API sz_status sz_space_load(sz_ctx *ctx, const char *path, sz_space **ret_space) SZ_MUST_USE;
/** What the specification says beside parameters and constraints: "by", "pareto", "oracle", "best",
 * "search", "metrics" ... as text, several words with commas between; NULL: nothing. */
SZ_API const char *sz_space_wish(const sz_space *space, const char *key);

/** Parameter with the values of a range ("1-64*2", "f32,bf16"). Replaces one of the same name. */
SZ_API sz_status sz_space_add(sz_ctx *ctx, sz_space *space, const char *name,
                              const char *range) SZ_MUST_USE;
/** One more value of a parameter, as it is: no range. */
SZ_API sz_status sz_space_add_word(sz_ctx *ctx, sz_space *space, const char *name,
                                   const char *word) SZ_MUST_USE;
/** One more value of parameter "model": a file, or a family of which each word may be a range
 * ("transformer:layers=2-12*2"). These words become parameters as well, which exist with that
 * model; with several models they are called FAMILY.NAME. */
SZ_API sz_status sz_space_add_model(sz_ctx *ctx, sz_space *space, const char *spec) SZ_MUST_USE;
/** Drop all models and their words, so that others take their place. */
SZ_API void sz_space_forget_models(sz_space *space);
/** The parameter exists only where "NAME=VALUE,VALUE" holds. */
SZ_API sz_status sz_space_when(sz_ctx *ctx, sz_space *space, const char *name,
                               const char *condition) SZ_MUST_USE;
/** What it costs to change the parameter from one setting to the next; a sweep changes the dearest
 * one least often. */
SZ_API sz_status sz_space_change(sz_ctx *ctx, sz_space *space, const char *name,
                                 double cost) SZ_MUST_USE;
/** "batch*seq <= 8192 and dtype != f16"; read when the space is made ready. */
SZ_API sz_status sz_space_constrain(sz_ctx *ctx, sz_space *space, const char *text) SZ_MUST_USE;
/** A number that belongs to each value of a parameter, for constraints: "machine.memory". `numbers`
 * has one for each value, NaN = not known; copied. */
SZ_API sz_status sz_space_fact(sz_ctx *ctx, sz_space *space, const char *parameter,
                               const char *name, const double *numbers) SZ_MUST_USE;
/** The facts of machines, in the order of the values of "machine": machine.memory in bytes,
 * machine.threads, machine.tdp in watts. */
SZ_API sz_status sz_space_machine_facts(sz_ctx *ctx, sz_space *space,
                                        const sz_machine *const *machines,
                                        size_t n) SZ_MUST_USE;
/** Join a CSV file: columns called like parameters say which settings a row is of, the others are
 * metrics. `higher`: words of those of which more is better, with commas between; may be NULL.
 * Values that are missing or no number are warned about by row. Parameters must be there. */
SZ_API sz_status sz_space_join(sz_ctx *ctx, sz_space *space, const char *name, const char *text,
                               size_t size, const char *higher) SZ_MUST_USE;
SZ_API sz_status sz_space_join_file(sz_ctx *ctx, sz_space *space, const char *path,
                                    const char *higher) SZ_MUST_USE;
/** No more is added: conditions and constraints are read, the order of the sweep is found. Must be
 * called before what follows. */
SZ_API sz_status sz_space_ready(sz_ctx *ctx, sz_space *space) SZ_MUST_USE;

SZ_API size_t sz_space_parameters(const sz_space *space);
SZ_API const char *sz_space_name(const sz_space *space, size_t parameter);
SZ_API int64_t sz_space_values(const sz_space *space, size_t parameter);
SZ_API const char *sz_space_value(const sz_space *space, size_t parameter, uint32_t value);
/** The value as a number; NaN: it is none. */
SZ_API double sz_space_number(const sz_space *space, size_t parameter, uint32_t value);
SZ_API double sz_space_change_of(const sz_space *space, size_t parameter);
/** "NAME=VALUE,..." or NULL. */
SZ_API const char *sz_space_condition(const sz_space *space, size_t parameter);
SZ_API int sz_space_find(const sz_space *space, const char *name, size_t *ret_parameter);
/** Settings of the full grid, before constraints: a parameter that does not exist counts as one
 * value. INT64_MAX where there are more. */
SZ_API int64_t sz_space_size(const sz_space *space);
SZ_API size_t sz_space_constraints(const sz_space *space);
SZ_API const char *sz_space_constraint(const sz_space *space, size_t i);

/** Does the parameter exist in the setting? One that does not has index 0. */
SZ_API int sz_space_exists(const sz_space *space, const uint32_t *setting, size_t parameter);
/** Index 0 for each parameter that does not exist: every setting then has one form. */
SZ_API void sz_space_tidy(const sz_space *space, uint32_t *setting);
/** Do all constraints hold, and is the setting tidy? */
SZ_API int sz_space_allows(const sz_space *space, const uint32_t *setting);
/** "batch=8,dtype=f32" in the order of the parameters, for messages and stores; returns its length
 * as snprintf() does. */
SZ_API size_t sz_space_text(const sz_space *space, const uint32_t *setting, char *buf, size_t cap);
/** Why no setting of the full grid is allowed: SZ_ERR_INPUT that names the constraint, or the two
 * that contradict each other. SZ_OK: some are. */
SZ_API sz_status sz_space_explain(sz_ctx *ctx, const sz_space *space) SZ_MUST_USE;

SZ_API size_t sz_space_metrics(const sz_space *space);
SZ_API sz_metric sz_space_metric(const sz_space *space, size_t i);
/** By its word or its key. SZ_ERR_USAGE with those that there are. */
SZ_API sz_status sz_space_find_metric(sz_ctx *ctx, const sz_space *space, const char *word,
                                      size_t *ret_metric) SZ_MUST_USE;
/** @} */

/** @name Evaluators, proposers, sinks
 *  @{ */
enum { SZ_WHY_SIZE = 256 };
/** Fills in the metrics of a setting. A setting that can't be had is no failure: SZ_OK, NaN, and
 * the reason in `why` (else ""). `release` may be NULL. */
typedef struct sz_evaluator {
    void *self;
    sz_status (*evaluate)(sz_ctx *ctx, void *self, const sz_space *space, const uint32_t *setting,
                          sz_metrics *ret_metrics, char *why, size_t cap);
    void (*release)(void *self);
    /** Several at once, for one that times them in turn: `together` at most, at `settings` one
     * after the other; `whys` are SZ_WHY_SIZE bytes each. NULL: one by one. */
    size_t together;
    sz_status (*evaluate_some)(sz_ctx *ctx, void *self, const sz_space *space,
                               const uint32_t *settings, size_t n, sz_metrics *ret_metrics,
                               char *ret_whys);
    /** What is evaluated depends on the machine, whose fingerprint this is, and evaluations at the
     * same time disturb each other: over ranks, one rank of each machine evaluates, and machines
     * with another fingerprint are refused. NULL: neither. */
    const char *machine;
} sz_evaluator;
SZ_API void sz_evaluator_release(sz_evaluator *evaluator);

/** Proposes settings that the space allows; `next` gives 0 when there are no more. `told` hears
 * what became of each, and may be NULL. */
typedef struct sz_proposer {
    void *self;
    int (*next)(void *self, uint32_t *ret_setting);
    void (*told)(void *self, const uint32_t *setting, const sz_metrics *metrics);
    void (*release)(void *self);
} sz_proposer;
SZ_API void sz_proposer_release(sz_proposer *proposer);

/** Is handed each point as it is evaluated. A failure ends the run. */
typedef struct sz_point_sink {
    void *self;
    sz_status (*point)(sz_ctx *ctx, void *self, const sz_space *space, const uint32_t *setting,
                       const sz_metrics *metrics, const char *why);
} sz_point_sink;

/** What a search may be told. Zero-initialise. */
typedef struct sz_search_options {
    uint64_t seed;
    int64_t points;        /**< most settings that are proposed; 0: the search's own number */
    const size_t *metrics; /**< that are sought */
    size_t n_metrics;
    const struct sz_evaluator *paper; /**< of search "guided": tells what to expect; else NULL */
} sz_search_options;
/** SZ_ERR_USAGE: no such search, with those that there are. */
SZ_API sz_status sz_search_create(sz_ctx *ctx, const char *name, const sz_space *space,
                                  const sz_search_options *options,
                                  sz_proposer *ret_proposer) SZ_MUST_USE;
/** Of search "guided": candidate `i` from 0, and why it was left out, "" = it was proposed or may
 * still be. 0 past the end, and of any other search. */
SZ_API int sz_search_candidate(const sz_proposer *proposer, size_t i, uint32_t *ret_setting,
                               char *ret_why, size_t cap);
/** Rows of the searches table (src/explore/searches.def). `i` from 0; returns 0 past the end. */
typedef struct sz_search_row {
    const char *name, *what;
} sz_search_row;
SZ_API int sz_list_search(size_t i, sz_search_row *ret_row);

/** Machines that parameter "machine" names, in the order of its values, and what else a prediction
 * takes that is no parameter. */
typedef struct sz_predict_setup {
    const sz_machine *const *machines;
    const double *price_per_h; /**< of each; 0 = not known; may be NULL */
    size_t n_machines;
    const char *calibrations; /**< folder, for level "calibrated"; NULL = none */
    const char *backend;      /**< that was calibrated; NULL = "onednn" */
    int64_t per_node;         /**< devices of a node, for models over several; 0 = 8 */
    double node_rate;         /**< bytes per second of a node's network; 0 = 25e9 */
} sz_predict_setup;
/** Evaluates on paper: predict.h for nets, inference.h for language models. SZ_ERR_USAGE where a
 * parameter means nothing to it. Machines must live as long. */
SZ_API sz_status sz_evaluator_predict(sz_ctx *ctx, const sz_space *space,
                                      const sz_predict_setup *setup,
                                      sz_evaluator *ret_evaluator) SZ_MUST_USE;
/** How settings are measured. Zero-initialise. */
typedef struct sz_measure_setup {
    /** As of sz_bench_run(), needed: `program`, and what else holds for all settings. `emit` gets
     * each record; `known` is not asked. Outlives the evaluator. */
    const struct sz_run_options *run;
    /** Is there a record with this case_hash already? It is then put into `record`, and used
     * instead of being measured. `user` is that of `run`. NULL = there is none. */
    sz_status (*find)(void *user, const char *case_hash, sz_buf *record, int *ret_found);
    const sz_evaluator *paper; /**< tells memory and parameters, which are counted; NULL = nobody */
} sz_measure_setup;
/** Evaluates by measuring, as `sizeup bench` does, several settings in turn. SZ_ERR_USAGE where a
 * parameter says nothing about a run. */
SZ_API sz_status sz_evaluator_measure(sz_ctx *ctx, const sz_space *space,
                                      const sz_measure_setup *setup,
                                      sz_evaluator *ret_evaluator) SZ_MUST_USE;
/** Parameters that the evaluators know whatever the model. */
typedef struct sz_explore_parameter_row {
    const char *name, *of, *what; /**< of: "any", "net", "llm", "bench" */
} sz_explore_parameter_row;
SZ_API int sz_list_explore_parameter(size_t i, sz_explore_parameter_row *ret_row);
/** @} */

/** @name Points
 *  @{ */
typedef struct sz_points sz_points;
SZ_API sz_status sz_points_create(sz_ctx *ctx, const sz_space *space,
                                  sz_points **ret_points) SZ_MUST_USE;
SZ_API void sz_points_destroy(sz_points *points); /**< NULL is fine */
/** Metrics of the user's file are filled in. */
SZ_API sz_status sz_points_add(sz_ctx *ctx, sz_points *points, const uint32_t *setting,
                               const sz_metrics *metrics, const char *why) SZ_MUST_USE;
SZ_API size_t sz_points_count(const sz_points *points);
SZ_API const uint32_t *sz_points_setting(const sz_points *points, size_t i);
SZ_API void sz_points_metrics(const sz_points *points, size_t i, sz_metrics *ret_metrics);
SZ_API double sz_points_value(const sz_points *points, size_t i, size_t metric);
SZ_API int sz_points_know(const sz_points *points, size_t metric); /**< does any of them? */
SZ_API const char *sz_points_why(const sz_points *points, size_t i); /**< NULL: it could be had */
/** In the order of the grid, the first parameter slowest. */
SZ_API sz_status sz_points_sort(sz_ctx *ctx, sz_points *points) SZ_MUST_USE;

/** Limits of a run. Zero-initialise. */
typedef struct sz_explore_options {
    double seconds;              /**< no setting is begun after that time; 0 = no limit */
    int (*stop)(void *user);     /**< asked before each setting; NULL = never */
    void (*progress)(void *user, int64_t done); /**< NULL = none */
    void *user;
} sz_explore_options;
typedef struct sz_explored {
    int64_t proposed, refused; /**< refused: settings that could not be had */
    double seconds;
    int stopped; /**< by the time or by stop(): the space is not done */
} sz_explored;
/** The loop: a setting is proposed, evaluated, told to the proposer, handed to the sinks and added
 * to `points` (NULL = not kept). */
SZ_API sz_status sz_explore_run(sz_ctx *ctx, const sz_space *space, const sz_evaluator *evaluator,
                                const sz_proposer *proposer, const sz_point_sink *sinks,
                                size_t n_sinks, const sz_explore_options *options,
                                sz_points *points, sz_explored *ret_explored) SZ_MUST_USE;
/** @} */

/** @name What the points say
 *  @{ */
typedef enum sz_dominance {
    SZ_DOMINANCE_SURE, /**< by the ends of the intervals, where there are any */
    SZ_DOMINANCE_VALUE /**< by the values alone */
} sz_dominance;
typedef struct sz_front {
    size_t n, unknown; /**< points on it; points without one of the metrics */
} sz_front;
/** ret_on[i] = 1 for each point that no other dominates. A dominates B when A is no worse in each
 * metric and better in one; SURE compares the worse end of A's intervals with the better end of
 * B's. 1 to 3 metrics; O(n log n). */
SZ_API sz_status sz_front_find(sz_ctx *ctx, const sz_points *points, const size_t *metrics,
                               size_t n_metrics, sz_dominance dominance, unsigned char *ret_on,
                               sz_front *ret_front) SZ_MUST_USE;

/** For each value of a parameter the best of all the others. Points are indices, -1 = none. */
typedef struct sz_oracle_row {
    uint32_t value;
    int64_t best; /**< point */
    double metric;
    int64_t fixed; /**< point of the best fixed setting here */
    double regret; /**< of that */
} sz_oracle_row;
typedef struct sz_oracle {
    size_t parameter, metric, n;
    size_t values; /**< of the parameter */
    sz_oracle_row *rows; /**< by value; those that no point has are left out */
    int64_t best_fixed;  /**< a point with that setting of all others; -1: none has every value */
    double mean_regret, max_regret;
    int64_t fixed_settings; /**< settings of the others that have every value of the rows */
} sz_oracle;
SZ_API sz_status sz_oracle_find(sz_ctx *ctx, const sz_points *points, size_t parameter,
                                size_t metric, sz_oracle *ret_oracle) SZ_MUST_USE;
SZ_API void sz_oracle_finish(sz_ctx *ctx, sz_oracle *oracle);

/** How much a parameter matters for a metric, over the points that have it. */
#define SZ_SENSITIVITY_FIELDS(F)                                                                   \
    F(const char *, parameter, SZ_FIELD_STR, "", "name")                                           \
    F(double, first_order, SZ_FIELD_F64, "",                                                       \
      "share of the variance that the means by its value explain")                                 \
    F(double, total, SZ_FIELD_F64, "",                                                             \
      "share that is left where all the others are fixed; NaN: nothing varies so")                 \
    F(double, spread, SZ_FIELD_F64, "", "largest over smallest mean by its value (geometric)")     \
    F(int, log, SZ_FIELD_BOOL, "", "of the metric's logarithm")
typedef struct sz_sensitivity {
    SZ_SENSITIVITY_FIELDS(SZ_FIELD_MEMBER)
} sz_sensitivity;
SZ_API const sz_record_type *sz_sensitivity_type(void);
/** `ret` has room for one per parameter, in their order. */
SZ_API sz_status sz_sensitivity_find(sz_ctx *ctx, const sz_points *points, size_t metric,
                                     sz_sensitivity *ret) SZ_MUST_USE;
/** @} */

#ifdef __cplusplus
}
#endif
#endif
