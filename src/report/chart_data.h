// SPDX-License-Identifier: Apache-2.0
// Points of settings as columns: words of parameters by number, metrics with their intervals.
#ifndef SZ_CHART_DATA_H
#define SZ_CHART_DATA_H

#include "base/base.h"

#include <sizeup/chart.h>

typedef struct sz_chart_word {
    const char *text;
    double number; // NaN: it is none
} sz_chart_word;

// A column is as long as there were points when it was last written to: the rest is not known.
typedef struct sz_chart_parameter {
    const char *name;
    SZ_VEC(uint32_t) words; // of each point; 0 = it does not have the parameter
    bool varies;
} sz_chart_parameter;

typedef struct sz_chart_interval {
    double value, lo, hi; // NaN = not known
} sz_chart_interval;

typedef struct sz_chart_metric {
    const char *key;
    bool higher; // more is better
    SZ_VEC(sz_chart_interval) values;
} sz_chart_metric;

struct sz_chart_data {
    sz_ctx *ctx;
    sz_arena arena;
    SZ_VEC(sz_chart_word) words; // 0 is none
    sz_map word_ids;
    SZ_VEC(sz_chart_parameter) parameters;
    SZ_VEC(sz_chart_metric) metrics;
    SZ_VEC(unsigned char) on_front; // of each point, as the document says
    size_t n;
    // What the document was asked for; NULL = not said.
    const char *front[3], *oracle, *best;
    bool has_front;
};

uint32_t sz_chart_word_of(const sz_chart_parameter *p, size_t point);
sz_chart_interval sz_chart_value_of(const sz_chart_metric *m, size_t point);
// By key, or without its unit. SZ_ERR_INPUT with those that there are.
sz_status sz_chart_find_metric(sz_ctx *ctx, const sz_chart_data *d, const char *name,
                               const sz_chart_metric **ret_metric);
sz_status sz_chart_find_parameter(sz_ctx *ctx, const sz_chart_data *d, const char *name,
                                  const sz_chart_parameter **ret_parameter);
// "latency_s": label "latency", unit "s"; "" = no unit.
void sz_chart_metric_name(const char *key, char *label, size_t cap, const char **ret_unit);

// Which parameters a text of settings names: those that vary among these points (NULL: all there
// are), but for `but` (NULL = none). One flag per parameter, of the arena; NULL = no memory.
bool *sz_chart_shown(sz_arena *arena, const sz_chart_data *d, const size_t *points, size_t n,
                     const sz_chart_parameter *but);
// "batch=8 bf16" of the parameters shown; cut at about `most` bytes.
void sz_chart_setting(const sz_chart_data *d, size_t point, const bool *shown, size_t most,
                      char *buf, size_t cap);
// "dtype=bf16 ..." of the parameters that are not shown: what the points have in common.
void sz_chart_common(const sz_chart_data *d, size_t point, const bool *shown,
                     const sz_chart_parameter *but, char *buf, size_t cap);

// Settings of all parameters but one, the same number for the same: of each point, from 0 on.
sz_status sz_chart_groups(const sz_chart_data *d, sz_arena *arena, const sz_chart_parameter *but,
                          uint32_t **ret_group, size_t *ret_n);

// Begins with both ends NaN.
typedef struct sz_chart_range_of {
    double lo, hi;
} sz_chart_range_of;
void sz_chart_range(sz_chart_range_of *r, double v);
// More than a decade, above 0: on a linear axis the small ones would lie on each other.
bool sz_chart_range_is_wide(const sz_chart_range_of *r);
// An axis for the metric: label, unit, logarithmic where what is drawn spans much.
void sz_chart_metric_axis(const sz_chart_metric *m, const sz_chart_range_of *range, int which,
                          sz_plot *plot);

// Three digits with prefix and unit.
void sz_chart_number(double v, const char *unit, char *buf, size_t cap);

#endif
