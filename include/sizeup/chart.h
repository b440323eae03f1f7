// SPDX-License-Identifier: Apache-2.0
/** @file
 * Whole pictures, each filled into a plot by one call: layers, a Pareto front, an oracle, two runs
 * side by side, times over a size. They know times and settings, not where these come from.
 *
 *     sz_plot *plot;
 *     sz_plot_create(ctx, &plot);
 *     sz_chart_front(ctx, data, &(sz_chart_front_options){.x = "latency", .y = "energy"}, plot);
 *     sz_plot_write(ctx, plot, &(sz_plot_options){.format = "svg"}, &buf);
 *
 * A chart sets title, axes and notes; sz_plot_title() afterwards replaces the title.
 */
#ifndef SIZEUP_CHART_H
#define SIZEUP_CHART_H

#include <sizeup/plot.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @name Bars and rows
 *  @{ */

/** A layer or kernel. NaN where a time is not known, one of the two must be. */
typedef struct sz_chart_layer {
    const char *name, *kind; /**< kind: operator; may be NULL */
    double measured_s, predicted_s, predicted_lo_s, predicted_hi_s;
} sz_chart_layer;
typedef struct sz_chart_layers_options {
    const char *title, *subtitle;
    int top; /**< longest layers that have a bar of their own, the rest is one; 0 = 20 */
} sz_chart_layers_options;
/** Times as bars, the longest first. Where both times are known the bar is what was measured and a
 * mark with its interval what was predicted. Shares are of the sum of all layers.
 * SZ_ERR_INPUT: no layer has a time. */
SZ_API sz_status sz_chart_layers(sz_ctx *ctx, const sz_chart_layer *layers, size_t n,
                                 const sz_chart_layers_options *options, sz_plot *plot) SZ_MUST_USE;

/** A case of two runs: the ratio of the times B / A, its interval, and whether it is more than
 * luck: -1 faster, 1 slower, 0 no difference found, 2 not tested. */
typedef struct sz_chart_change {
    const char *name;
    double ratio, lo, hi, a_s, b_s;
    int finding;
} sz_chart_change;
typedef struct sz_chart_changes_options {
    const char *title, *subtitle;
    double mean_ratio; /**< over all cases, drawn as a line; NaN = none */
    int top;           /**< rows at most, those that differ most; 0 = 40 */
} sz_chart_changes_options;
/** SZ_ERR_INPUT: no ratio is known. */
SZ_API sz_status sz_chart_changes(sz_ctx *ctx, const sz_chart_change *changes, size_t n,
                                  const sz_chart_changes_options *options,
                                  sz_plot *plot) SZ_MUST_USE;
/** @} */

/** @name Points of settings
 *  Parameters and metrics of points, read from documents of sizeup.explore/1 and records of
 *  sizeup.bench/1.
 *  @{ */
typedef struct sz_chart_data sz_chart_data;
SZ_API sz_status sz_chart_data_create(sz_ctx *ctx, sz_chart_data **ret_data) SZ_MUST_USE;
SZ_API void sz_chart_data_destroy(sz_chart_data *data); /**< NULL is fine */
/** Add what a text holds: a document of explore, or records of bench as an array, one, or one per
 * line. Points are read one by one, so a long document needs little memory beside itself. `ctx` is
 * that of the data. SZ_ERR_INPUT with the place. */
SZ_API sz_status sz_chart_data_read(sz_ctx *ctx, sz_chart_data *data, const char *text,
                                    size_t size) SZ_MUST_USE;
SZ_API size_t sz_chart_data_count(const sz_chart_data *data);
/** Name of a parameter, key of a metric; NULL: no more. */
SZ_API const char *sz_chart_data_parameter(const sz_chart_data *data, size_t i);
SZ_API const char *sz_chart_data_metric(const sz_chart_data *data, size_t i);
/** More of this metric is better, whatever its name. SZ_ERR_INPUT: it is not there. */
SZ_API sz_status sz_chart_data_set_higher(sz_ctx *ctx, sz_chart_data *data,
                                          const char *metric) SZ_MUST_USE;

/** Metrics are called by their key ("latency_s") or without its unit ("latency"). */
typedef struct sz_chart_front_options {
    const char *x, *y;  /**< NULL: those of the document, else the first two that are known */
    const char *z;      /**< shown by the size of the marks; NULL: what remains of three metrics
                             of the document's front */
    const char *title;  /**< NULL: "Pareto front" */
    int labels;         /**< points of the front that are labelled; 0 = 12, -1 = none */
} sz_chart_front_options;
/** All points faint, those of the front with their settings on a line of steps. Where the document
 * has the front of just these metrics, it is taken from there, else it is found by the values.
 * SZ_ERR_INPUT: a metric is not there, or no point has both. */
SZ_API sz_status sz_chart_front(sz_ctx *ctx, const sz_chart_data *data,
                                const sz_chart_front_options *options, sz_plot *plot) SZ_MUST_USE;

typedef struct sz_chart_oracle_options {
    const char *parameter; /**< NULL: that of the document, else the first with several values */
    const char *metric;    /**< NULL: that of the document, else the first */
    const char *title;     /**< NULL: made of the two */
} sz_chart_oracle_options;
/** For each value of the parameter the best of all other settings, and what the one setting gives
 * that loses least on average; what it loses is shaded. */
SZ_API sz_status sz_chart_oracle(sz_ctx *ctx, const sz_chart_data *data,
                                 const sz_chart_oracle_options *options, sz_plot *plot) SZ_MUST_USE;

typedef struct sz_chart_steps_options {
    const char *parameter; /**< a number; NULL: the first with several numbers */
    const char *metric;    /**< NULL: "latency" */
    const char *title;
} sz_chart_steps_options;
/** A metric over a size, a line per setting of the other parameters; where it leaps by more than
 * the size does, the largest leaps are named. */
SZ_API sz_status sz_chart_steps(sz_ctx *ctx, const sz_chart_data *data,
                                const sz_chart_steps_options *options, sz_plot *plot) SZ_MUST_USE;
/** @} */

#ifdef __cplusplus
}
#endif
#endif
