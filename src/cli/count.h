// SPDX-License-Identifier: Apache-2.0
// The parts of `sizeup count`: what was asked for, and its two outputs.
#ifndef SZ_CLI_COUNT_H
#define SZ_CLI_COUNT_H

#include "cli/cli.h"

#include <sizeup/cost.h>
#include <sizeup/formula.h>
#include <sizeup/model.h>
#include <sizeup/optimize.h>

// Options about how to load a model; the same for every command that takes MODEL.
#define CLI_MODEL_OPTIONS(type)                                                                    \
    {"bind", 'b', CLI_WORDS, "NAME=N,...", NULL, "size of free dimensions: batch=8,seq=128",       \
     offsetof(type, binds)},                                                                       \
    {"input", 'i', CLI_LIST, "NAME=SHAPE", NULL, "whole shape of an input: NAME=1x3x224x224",      \
     offsetof(type, inputs)}

// Options about a training step; `type` has these strings.
#define CLI_TRAINING_OPTIONS(type)                                                                 \
    {"mode", 0, CLI_CHOICE, "inference|training", "inference",                                     \
     "training: backward and update as well", offsetof(type, mode)},                               \
    {"optimizer", 0, CLI_CHOICE, "adam|adamw|momentum|sgd|adagrad|rmsprop|adafactor", "adam",      \
     "of --mode training", offsetof(type, optimizer)},                                             \
    {"precision", 0, CLI_CHOICE, "model|f32|mixed", "model",                                       \
     "of training; mixed: 2 bytes, and an f32 copy",                                               \
     offsetof(type, precision)},                                                                   \
    {"recompute", 0, CLI_CHOICE, "none|selective|full", "none",                                    \
     "of training: what runs again, not kept",                                                     \
     offsetof(type, recompute)}

typedef struct count_options {
    cli_strings binds, inputs;
    const char *convention, *by, *mode, *optimizer, *precision, *recompute;
    int64_t top; // -1: not given
    const char *recipe;
    bool strict, formula, optimized;
} count_options;

typedef struct count_job {
    const cli_app *app;
    const count_options *options;
    const sz_model *model;
    const sz_costs *costs;     // NULL when free dimensions are left, with --formula
    const sz_formula *formula; // NULL without --formula
    size_t *rows;   // indices of the nodes to show, in this order
    size_t n_rows;
    bool with_nodes, with_ops, training;
    bool by_size;   // rows are the largest, largest first; otherwise all in file order
} count_job;

sz_load_options cli_load_options(const cli_strings *binds, const cli_strings *inputs);
void count_write_json(const count_job *job, sz_buf *buf);
void count_fill_doc(const count_job *job, sz_doc *doc);
// A total with its unit.
void count_put_amount(sz_doc *doc, const char *key, const char *title, int64_t v,
                      const char *unit);
// Of --mode training (count_training.c).
void count_put_node_training(sz_doc *doc, const count_job *job);
void count_put_training(sz_doc *doc, const count_job *job);
const char *count_layer_name(const sz_costs *costs, size_t i, const sz_node_cost *node);

extern const cli_schema_row count_schema[];
extern const size_t count_schema_n;

#endif
