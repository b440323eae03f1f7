// SPDX-License-Identifier: Apache-2.0
// The evaluator by prediction: what its files share.
#ifndef SZ_EXPLORE_EVALUATE_H
#define SZ_EXPLORE_EVALUATE_H

#include "explore/explore.h"

#include <sizeup/inference.h>
#include <sizeup/predict.h>

// A value of parameter "model".
typedef struct sz_subject {
    const char *text;
    int32_t family;    // row of sz_list_net(), or -1: a file
    const char *batch; // of a file: the symbol that is the batch; NULL = none
    sz_model *llm;     // of a language model, with free dimensions; else NULL
    sz_llm_form *form;
} sz_subject;

// A net at some sizes, with its costs; kept for the settings that differ in other things only.
typedef struct sz_kept {
    char *key;
    size_t key_size;
    sz_model *model;
    sz_costs *costs;
    char why[SZ_WHY_SIZE]; // it can't be had
    uint64_t used;         // when it was asked for last
} sz_kept;

typedef struct sz_tuned { // a calibration that was looked for
    char key[128];
    sz_calibration *calibration, *other;
    char why[SZ_WHY_SIZE];
} sz_tuned;

// Activations of a prompt, by counting the net at two batches.
typedef struct sz_prompted {
    uint32_t subject;
    int64_t prompt;
    double constant, per_sequence;
} sz_prompted;

enum { SZ_COUNTED_KEPT = 64 };

typedef struct sz_predictor {
    sz_ctx *ctx;   // of the caller: memory of this
    sz_ctx *quiet; // of predictions: what a setting lacks is no failure of the sweep
    const sz_space *space;
    sz_predict_setup setup;
    int32_t at[SZ_P_COUNT]; // parameter, or -1
    SZ_VEC(sz_subject) subjects;
    sz_kept counted[SZ_COUNTED_KEPT];
    size_t n_counted;
    uint64_t clock;
    SZ_VEC(sz_tuned *) tuned;
    SZ_VEC(sz_prompted) prompted;
    sz_network *networks; // of each machine
    sz_arena arena;
    size_t warned;
} sz_predictor;

// A setting as it is looked at.
typedef struct sz_point {
    sz_predictor *self;
    const uint32_t *setting;
    const sz_subject *subject;
    uint32_t machine_at;
    const sz_machine *machine;
    double price_per_h;
    sz_metrics *ret;
    char *why;
    size_t cap;
} sz_point;

// Value of a known parameter; `usual` where it is not there.
const char *sz_point_word(const sz_point *p, int id, const char *usual);
int64_t sz_point_whole(const sz_point *p, int id, int64_t usual);
double sz_point_number(const sz_point *p, int id, double usual);

// Fill in the metrics, or say why not. Only a failure of the whole sweep is none of SZ_OK.
sz_status sz_point_net(sz_point *p);
sz_status sz_point_llm(sz_point *p);
// The sentence of the quiet context as the reason; failures of memory are the sweep's.
sz_status sz_point_refuse(sz_point *p, sz_status status);
// A value with an interval that stretches as another one's: both ends over the middle.
void sz_point_put(sz_point *p, size_t metric, double value, double lo, double hi);

#endif
