// SPDX-License-Identifier: Apache-2.0
// The inside of a space, and what the files of this room share.
#ifndef SZ_EXPLORE_H
#define SZ_EXPLORE_H

#include "base/base.h"
#include "explore/expression.h"

#include <sizeup/explore.h>

#define SZ_NO_NUMBER __builtin_nan("")

typedef struct sz_parameter {
    const char *name;
    const char *bare; // without the model before it: "layers" of "resnet.layers"
    int32_t of_model; // value of "model" that it belongs to, or -1
    const char **values;
    double *numbers; // NaN: the value is no number
    uint32_t n;
    const char *when;   // "NAME=VALUE,...", or NULL
    int32_t judge;      // the parameter that decides whether this one exists, or -1
    const bool *serves; // by value of the judge: does it exist then?
    double change;      // NaN: as usual for its name
} sz_parameter;

typedef struct sz_fact {
    const char *name;
    uint32_t parameter;
    const double *numbers;
} sz_fact;

typedef struct sz_constraint {
    const char *text;
    sz_expression expression; // once the space is ready
} sz_constraint;

typedef struct sz_wish {
    const char *key, *text;
} sz_wish;

// Rows of a user's file, by the values of the parameters that it names.
typedef struct sz_joined {
    size_t n_keys, n_columns;
    uint32_t keys[SZ_SPACE_PARAMETERS]; // parameters
    SZ_VEC(double) values;              // n_columns of each row
    sz_map rows;                        // bytes of a row's settings -> row
} sz_joined;

struct sz_space {
    sz_ctx *ctx;
    sz_arena arena;
    bool ready;
    sz_parameter parameters[SZ_SPACE_PARAMETERS];
    size_t n_parameters;
    uint32_t order[SZ_SPACE_PARAMETERS]; // of a sweep, slowest first
    int64_t size;                        // settings before constraints, INT64_MAX: more
    sz_constraint constraints[SZ_SPACE_CONSTRAINTS];
    size_t n_constraints;
    SZ_VEC(sz_fact) facts;
    SZ_VEC(sz_wish) wishes;
    sz_metric metrics[SZ_METRICS_MAX];
    size_t n_metrics;
    sz_joined joined;
};

// Parameters that evaluators know by name (parameters.def).
enum {
#define KNOWN(id, name, of, values, change, what) SZ_P_##id,
#include "explore/parameters.def"
#undef KNOWN
    SZ_P_COUNT
};
typedef enum sz_explore_values {
    SZ_VALUES_WORDS,
    SZ_VALUES_FROM_0,
    SZ_VALUES_FROM_1,
    SZ_VALUES_SHARES
} sz_explore_values;
typedef struct sz_known_parameter {
    const char *name, *of, *what;
    sz_explore_values values;
    double change;
} sz_known_parameter;
const sz_known_parameter *sz_known_parameter_get(size_t id);
int sz_known_parameter_find(const char *name); // -1: no such one

// Parameter with values that are words already. `values` are copied.
sz_status sz_space_put(sz_ctx *ctx, sz_space *space, const char *name, const char *const *values,
                       size_t n, sz_parameter **ret_parameter);
const sz_space *sz_points_space(const sz_points *points);
// The ends of a metric's interval; NaN: there is none.
void sz_points_ends(const sz_points *points, size_t i, size_t metric, double ret_ends[2]);
sz_status sz_space_wishes(sz_ctx *ctx, sz_space *space, const char *key, const char *text);
// The user's metrics of a setting, where its file has a row of it.
void sz_space_fill(const sz_space *space, const uint32_t *setting, sz_metrics *metrics);
void sz_joined_finish(sz_ctx *ctx, sz_joined *joined);

// Every search of searches.def.
typedef sz_status sz_search(sz_ctx *ctx, const sz_space *space, const sz_search_options *options,
                            sz_proposer *ret_proposer);
#define SEARCH(name, function, what) sz_search function;
#include "explore/searches.def"
#undef SEARCH

// Step `digits` to the next setting of the full grid in the order of the sweep; false past the
// last one.
bool sz_space_step(const sz_space *space, uint32_t *digits);

// Settings that an evaluator takes at once, at most SZ_TOGETHER_MOST.
enum { SZ_TOGETHER_MOST = 16 };
size_t sz_evaluator_together(const sz_evaluator *e);
// n <= sz_evaluator_together() of them, row by row, with n metrics and n x SZ_WHY_SIZE reasons.
// What fails names the setting.
sz_status sz_evaluate(sz_ctx *ctx, const sz_evaluator *e, const sz_space *space,
                      const uint32_t *settings, size_t n, sz_metrics *ret_metrics, char *ret_whys);

#endif
