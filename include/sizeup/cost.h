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
    const char *optimizer;  /**< a name of sz_list_optimizer(); NULL = "adam" */
    const char *precision;  /**< of training: "model" (as the file says; NULL), "f32", "mixed" */
    const char *recompute;  /**< of training: "none" (NULL), "selective", "full" */
} sz_cost_options;

/** Costs of one model; keeps a reference to it, so destroy the costs first. */
typedef struct sz_costs sz_costs;

SZ_API sz_status sz_costs_create(sz_ctx *ctx, const sz_model *model, const sz_cost_options *options,
                                 sz_costs **ret_costs) SZ_MUST_USE;
SZ_API void sz_costs_destroy(sz_costs *costs);

SZ_API sz_cost sz_costs_total(const sz_costs *costs);
SZ_API const char *sz_costs_convention(const sz_costs *costs);
/** Are its rows kernels (of an optimized model)? */
SZ_API int sz_costs_is_optimized(const sz_costs *costs);

/** What XLA's own cost analysis reports beside FLOPs: by the convention `xla`, of models that hold
 * XLA's instructions. Returns 0 where there is no such number. */
typedef struct sz_xla_totals {
    int64_t transcendentals;
    int64_t bytes_accessed; /**< loop bodies once, operands as often as they are named */
} sz_xla_totals;
SZ_API int sz_costs_xla(const sz_costs *costs, sz_xla_totals *ret_totals);

/** A costed node, in file order; of an optimized model (optimize.h) a kernel: one node or a group
 * of nodes. A group has the name of its main node, "Conv+Add+Relu" as op, and the sort of group as
 * kind. Strings are the model's. */
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

/** Memory that a runtime needs for activations: views share the memory of what they show, and
 * operators that work element by element write into an operand that dies with them. Buffers get
 * their places greedily, the largest first, each in the smallest gap that fits (Pisarchyk and Lee
 * 2020). */
#define SZ_MEMORY_FIELDS(F)                                                                        \
    F(int64_t, in_place_peak_bytes, SZ_FIELD_I64, "B",                                             \
      "most bytes alive with views and in-place operators: no arena can be smaller")               \
    F(int64_t, arena_bytes, SZ_FIELD_I64, "B", "size of one block of memory that holds all buffers") \
    F(int64_t, buffers, SZ_FIELD_I64, "", "places in it, some used by several tensors in turn")    \
    F(int64_t, in_place_nodes, SZ_FIELD_I64, "", "nodes that write into an operand")
typedef struct sz_memory {
    SZ_MEMORY_FIELDS(SZ_FIELD_MEMBER)
    int64_t peak_node;  /**< where most bytes are alive; -1 when the model has no node */
    const char *method; /**< "greedy by size"; "stacked" where nearly all is alive at once */
} sz_memory;
SZ_API const sz_record_type *sz_memory_type(void);
SZ_API sz_memory sz_costs_memory(const sz_costs *costs);

/** The two overheads of the simple model of performance: bytes to communicate are the weights
 * (parameters x their size) and the data that layers hand to each other, each tensor once; what is
 * to compute are the operations. Divide by your own bandwidth and rate, or let `predict` do it with
 * a machine "custom:flops=...,bandwidth=...". */
#define SZ_DEMAND_FIELDS(F)                                                                      \
    F(int64_t, communication_bytes, SZ_FIELD_I64, "B", "weights and data between layers")          \
    F(int64_t, layer_bytes, SZ_FIELD_I64, "B", "tensors that nodes read of others") \
    F(int64_t, computation_flops, SZ_FIELD_I64, "FLOP", "operations by the convention in force")
typedef struct sz_demand {
    SZ_DEMAND_FIELDS(SZ_FIELD_MEMBER)
} sz_demand;
SZ_API const sz_record_type *sz_demand_type(void);
SZ_API sz_demand sz_costs_demand(const sz_costs *costs);

/** What is alive while a node runs, in the order in which nodes run: as written, and with views and
 * in-place operators. */
#define SZ_MEMORY_STEP_FIELDS(F)                                                                   \
    F(int64_t, live_bytes, SZ_FIELD_I64, "B", "activations alive, each tensor on its own")         \
    F(int64_t, output_bytes, SZ_FIELD_I64, "B", "of them, what the node makes")                    \
    F(int64_t, input_bytes, SZ_FIELD_I64, "B", "of them, what the node reads")                     \
    F(int64_t, waiting_bytes, SZ_FIELD_I64, "B", "of them, what later nodes read")                 \
    F(int64_t, in_place_bytes, SZ_FIELD_I64, "B", "alive with views and in-place operators")
typedef struct sz_memory_step {
    size_t node; /**< for sz_costs_node() */
    SZ_MEMORY_STEP_FIELDS(SZ_FIELD_MEMBER)
} sz_memory_step;
SZ_API const sz_record_type *sz_memory_step_type(void);
SZ_API sz_memory_step sz_costs_memory_step(const sz_costs *costs, size_t i); /**< i < node count */

/** A buffer of the arena. Steps count as in sz_costs_memory_step(). */
typedef struct sz_arena_buffer {
    const char *name;    /**< of the first tensor in it */
    int64_t node;        /**< that makes it, -1: an input of the model */
    int64_t bytes, offset;
    int64_t first, last; /**< steps in which it is alive */
} sz_arena_buffer;
SZ_API size_t sz_costs_buffer_count(const sz_costs *costs);
SZ_API sz_arena_buffer sz_costs_buffer(const sz_costs *costs, size_t i);

/** Totals of one training step; all 0 unless asked for. */
#define SZ_TRAINING_FIELDS(F)                                                                      \
    F(int64_t, forward_flops, SZ_FIELD_I64, "FLOP", "forward pass, dropout and batch norm at work") \
    F(int64_t, backward_flops, SZ_FIELD_I64, "FLOP", "gradients of data and of parameters")        \
    F(int64_t, backward_data_flops, SZ_FIELD_I64, "FLOP", "of them, gradients of data")            \
    F(int64_t, backward_weight_flops, SZ_FIELD_I64, "FLOP", "of them, gradients of parameters")    \
    F(int64_t, recompute_flops, SZ_FIELD_I64, "FLOP", "parts of the forward pass that run again")  \
    F(int64_t, optimizer_flops, SZ_FIELD_I64, "FLOP", "one update of all parameters")              \
    F(int64_t, backward_macs, SZ_FIELD_I64, "MAC", "multiply-accumulates of the backward pass")    \
    F(int64_t, trainable_params, SZ_FIELD_I64, "", "elements of parameters that get a gradient")   \
    F(int64_t, weight_bytes, SZ_FIELD_I64, "B", "all weights, in the precision of the step")       \
    F(int64_t, stored_activation_bytes, SZ_FIELD_I64, "B",                                         \
      "kept from the forward pass for the backward pass, each tensor once")                        \
    F(int64_t, stored_statistic_bytes, SZ_FIELD_I64, "B", "means and deviations of norms beside it") \
    F(int64_t, gradient_bytes, SZ_FIELD_I64, "B", "gradients of the parameters")                   \
    F(int64_t, sparse_gradient_bytes, SZ_FIELD_I64, "B",                                           \
      "the same when tables that are only looked up get gradients of the rows that were read")     \
    F(int64_t, optimizer_state_bytes, SZ_FIELD_I64, "B",                                           \
      "state of the optimizer, with mixed precision the f32 copy of the weights too")              \
    F(int64_t, peak_bytes, SZ_FIELD_I64, "B", "most bytes alive at one time of the step")          \
    F(int64_t, nodes_without_gradient, SZ_FIELD_I64, "",                                           \
      "nodes whose backward pass is not known and not in the sums")
typedef struct sz_training {
    SZ_TRAINING_FIELDS(SZ_FIELD_MEMBER)
} sz_training;
SZ_API const sz_record_type *sz_training_type(void);
SZ_API sz_training sz_costs_training(const sz_costs *costs);

/** Where the peak of the step is. `node` is -1 when the model has no node. */
typedef struct sz_training_peak {
    int64_t node;
    const char *phase; /**< "forward", "recompute", "backward" or "update" */
} sz_training_peak;
SZ_API sz_training_peak sz_costs_training_peak(const sz_costs *costs);

/** What is alive at one time of the step, beside the weights and the state of the optimizer, which
 * always are. */
#define SZ_TRAINING_MOMENT_FIELDS(F)                                                               \
    F(int64_t, activation_bytes, SZ_FIELD_I64, "B", "tensors of the forward pass, and what is kept") \
    F(int64_t, data_gradient_bytes, SZ_FIELD_I64, "B", "gradients of data")                        \
    F(int64_t, weight_gradient_bytes, SZ_FIELD_I64, "B", "gradients of parameters")
typedef struct sz_training_moment {
    int64_t node;      /**< that runs, -1 at the update */
    const char *phase; /**< as in sz_training_peak */
    SZ_TRAINING_MOMENT_FIELDS(SZ_FIELD_MEMBER)
} sz_training_moment;
SZ_API const sz_record_type *sz_training_moment_type(void);
SZ_API size_t sz_costs_training_moment_count(const sz_costs *costs);
SZ_API sz_training_moment sz_costs_training_moment(const sz_costs *costs, size_t i);

/** The part of a node in a training step; all 0 unless asked for. */
#define SZ_NODE_TRAINING_FIELDS(F)                                                                 \
    F(int64_t, forward_flops, SZ_FIELD_I64, "FLOP", "forward pass")                                \
    F(int64_t, backward_data_flops, SZ_FIELD_I64, "FLOP", "gradients of its data")                 \
    F(int64_t, backward_weight_flops, SZ_FIELD_I64, "FLOP", "gradients of its parameters")         \
    F(int64_t, recompute_flops, SZ_FIELD_I64, "FLOP", "what runs again of it")                     \
    F(int64_t, backward_macs, SZ_FIELD_I64, "MAC", "multiply-accumulates of its backward pass")    \
    F(int64_t, stored_bytes, SZ_FIELD_I64, "B",                                                    \
      "kept for the backward pass: its outputs and arrays of its own, statistics too")
typedef struct sz_node_training {
    SZ_NODE_TRAINING_FIELDS(SZ_FIELD_MEMBER)
    const char *unknown; /**< why its backward pass is not known, NULL when it is */
} sz_node_training;
SZ_API const sz_record_type *sz_node_training_type(void);
SZ_API sz_node_training sz_costs_node_training(const sz_costs *costs, size_t i);

/** Optimizers of a training step. Returns 0 past the end. */
typedef struct sz_optimizer_row {
    const char *name;
    int64_t flops;  /**< elementary operations per parameter and update */
    int64_t states; /**< f32 numbers kept per parameter; -1: fewer, by rows and columns */
    const char *what;
} sz_optimizer_row;
SZ_API int sz_list_optimizer(size_t i, sz_optimizer_row *ret_row);

/** A count of two models. */
#define SZ_COUNT_CHANGE_FIELDS(F)                                                                  \
    F(const char *, name, SZ_FIELD_STR, "", "what is counted")                                     \
    F(const char *, unit, SZ_FIELD_STR, "", "its unit")                                            \
    F(double, a, SZ_FIELD_F64, "", "of A")                                                         \
    F(double, b, SZ_FIELD_F64, "", "of B")                                                         \
    F(double, ratio, SZ_FIELD_F64, "", "B / A; not known where A has none and B has")              \
    F(int, broken, SZ_FIELD_BOOL, "", "a gate is broken")
typedef struct sz_count_change {
    SZ_COUNT_CHANGE_FIELDS(SZ_FIELD_MEMBER)
} sz_count_change;
SZ_API const sz_record_type *sz_count_change_type(void);
/** Rows: totals, peak of the activations, nodes. `broken` is left 0. */
SZ_API size_t sz_count_change_count(void);
SZ_API sz_count_change sz_costs_change(const sz_costs *a, const sz_costs *b, size_t i);
/** A gate "macs:+0%": the count must not rise by more than that from A to B (a minus: fall). Sets
 * broken[i] of the row that breaks it; it has sz_count_change_count() elements. SZ_ERR_USAGE: no
 * such gate. */
SZ_API sz_status sz_costs_gate(sz_ctx *ctx, const sz_costs *a, const sz_costs *b, const char *gate,
                               int *broken) SZ_MUST_USE;

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
