// SPDX-License-Identifier: Apache-2.0
/** @file
 * What a model costs as written: per node, per operator and in all.
 */
#ifndef SIZEUP_COST_H
#define SIZEUP_COST_H

#include <sizeup/model.h>
#include <sizeup/record.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One cost: of a node, of all nodes of an operator, or of the model. A record.
 *  macs: multiply-accumulates of contractions. flops: 2 x macs plus the elementary work of every
 * other operator (convention `sizeup`; other conventions define their own). bytes: compulsory
 * traffic. */
#define SZ_COST_FIELDS(F)                                                                          \
    F(int64_t, params, SZ_FIELD_I64, "", "elements of distinct float or quantized weights")        \
    F(int64_t, macs, SZ_FIELD_I64, "MAC", "multiply-accumulates of contractions")                  \
    F(int64_t, flops, SZ_FIELD_I64, "FLOP", "operations by the convention in force")               \
    F(int64_t, weight_bytes, SZ_FIELD_I64, "B", "stored bytes of the weights")                     \
    F(int64_t, bytes_read, SZ_FIELD_I64, "B", "compulsory bytes read")                             \
    F(int64_t, bytes_written, SZ_FIELD_I64, "B", "compulsory bytes written")                       \
    F(int64_t, bytes_moved, SZ_FIELD_I64, "B", "bytes read plus bytes written")                    \
    F(double, arithmetic_intensity, SZ_FIELD_F64, "FLOP/B", "flops per byte moved")

typedef struct sz_cost {
    SZ_COST_FIELDS(SZ_FIELD_MEMBER)
} sz_cost;
SZ_API const sz_record_type *sz_cost_type(void);

typedef struct sz_cost_options {
    const char *convention; /**< NULL = "sizeup" */
    int training;           /**< also cost backward and optimizer */
    const char *optimizer;  /**< "adam" (default), "sgd", "momentum" */
} sz_cost_options;

/** Costs of one model; keeps a reference to it, so destroy the costs first. */
typedef struct sz_costs sz_costs;

SZ_API sz_status sz_costs_create(sz_ctx *ctx, const sz_model *model, const sz_cost_options *options,
                                 sz_costs **ret_costs) SZ_MUST_USE;
SZ_API void sz_costs_destroy(sz_costs *costs);

SZ_API sz_cost sz_costs_total(const sz_costs *costs);
SZ_API const char *sz_costs_convention(const sz_costs *costs);

/** A costed node, in file order; of an optimized model (optimize.h) a kernel: one node or a group of
 * nodes. A group has the name of its main node, "Conv+Add+Relu" as op, and the sort of group as kind.
 * Strings are the model's. */
typedef struct sz_node_cost {
    const char *name, *op, *domain, *kind;
    sz_cost cost;
    const char *unknown;      /**< why it is not costed, NULL when it is */
    const char *note;         /**< what a reader should know (branches, trip count), or NULL */
    int64_t epilogue_flops;   /**< bias, activation, softmax inside a contraction: not in flops */
    int64_t padding_macs;     /**< part of macs that multiplies padding zeros */
    int64_t activation_bytes; /**< bytes of its outputs */
    int64_t live_bytes;       /**< activations alive while it runs */
    const char *dtype;        /**< of its first output */
    const char *signature;    /**< joins cost, measurement and prediction */
    size_t n_outputs;
    size_t n_nodes;           /**< of a group: how many nodes; 0 otherwise */
    int64_t unfused_bytes;    /**< of a group: what its nodes would move one by one */
    const char *const *sources; /**< of an optimized model: the nodes of the file it stands for */
    size_t n_sources;
} sz_node_cost;
SZ_API size_t sz_costs_node_count(const sz_costs *costs);
SZ_API sz_node_cost sz_costs_node(const sz_costs *costs, size_t i);
SZ_API sz_port sz_costs_node_output(const sz_costs *costs, size_t i, size_t output);

/** Sums by operator name, largest flops first. */
typedef struct sz_op_cost {
    const char *op, *kind;
    int64_t nodes;
    sz_cost cost;
} sz_op_cost;
SZ_API size_t sz_costs_op_count(const sz_costs *costs);
SZ_API sz_op_cost sz_costs_op(const sz_costs *costs, size_t i);

/** Coverage: nodes in all, nodes costed; nodes of which `unknown` is set are the difference. */
SZ_API int64_t sz_costs_covered(const sz_costs *costs);

/** Activations. `peak_node` is an index for sz_costs_node(), -1 when the model has no node. */
typedef struct sz_activations {
    int64_t peak_bytes;  /**< largest sum of live activations over the nodes in file order */
    int64_t total_bytes; /**< sum of the outputs of all nodes */
    int64_t peak_node;
} sz_activations;
SZ_API sz_activations sz_costs_activations(const sz_costs *costs);

/** Training totals; all 0 unless asked for. */
#define SZ_TRAINING_FIELDS(F)                                                                      \
    F(int64_t, forward_flops, SZ_FIELD_I64, "FLOP", "forward pass")                                \
    F(int64_t, backward_flops, SZ_FIELD_I64, "FLOP", "gradients of inputs and of weights")         \
    F(int64_t, optimizer_flops, SZ_FIELD_I64, "FLOP", "one update of all parameters")              \
    F(int64_t, stored_activation_bytes, SZ_FIELD_I64, "B",                                         \
      "activations kept for the backward pass")                                                    \
    F(int64_t, gradient_bytes, SZ_FIELD_I64, "B", "gradients of the parameters")                   \
    F(int64_t, optimizer_state_bytes, SZ_FIELD_I64, "B", "state of the optimizer")                 \
    F(int64_t, peak_bytes, SZ_FIELD_I64, "B", "weights, gradients, state and stored activations")
typedef struct sz_training {
    SZ_TRAINING_FIELDS(SZ_FIELD_MEMBER)
} sz_training;
SZ_API const sz_record_type *sz_training_type(void);
SZ_API sz_training sz_costs_training(const sz_costs *costs);

/** Counting conventions: one row per peer tool. Returns 0 past the end. */
typedef struct sz_convention_row {
    const char *name;
    const char *unit; /**< what its headline number is: "FLOP", "MAC" */
    const char *what; /**< what it counts, one sentence */
} sz_convention_row;
SZ_API int sz_list_convention(size_t i, sz_convention_row *ret_row);

/** Where two conventions differ on a model: by operator, largest difference first. */
typedef struct sz_difference {
    const char *op;
    int64_t nodes;
    int64_t ours, theirs; /**< headline counts, each in its own unit's operations */
    const char *why;      /**< one clause */
} sz_difference;
typedef struct sz_explanation sz_explanation;
SZ_API sz_status sz_explain(sz_ctx *ctx, const sz_model *model, const char *convention,
                            const char *against, sz_explanation **ret_explanation) SZ_MUST_USE;
SZ_API void sz_explanation_destroy(sz_explanation *explanation);
SZ_API size_t sz_explanation_count(const sz_explanation *explanation);
SZ_API sz_difference sz_explanation_get(const sz_explanation *explanation, size_t i);
/** Headline totals of both sides. */
SZ_API void sz_explanation_totals(const sz_explanation *explanation, int64_t *ret_ours,
                                  int64_t *ret_theirs);

#ifdef __cplusplus
}
#endif
#endif
