// SPDX-License-Identifier: Apache-2.0
/** @file
 * Training on many devices, in closed form: seconds of an iteration and bytes per device of a
 * plan, and the search of plans. All bytes and seconds are `double`.
 */
#ifndef SIZEUP_SCALE_H
#define SIZEUP_SCALE_H

#include <sizeup/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A level of a network. `devices` are within it in all; the levels stand innermost first. */
typedef struct sz_link_level {
    int64_t devices;
    double latency_s;  /**< of each step of an algorithm */
    double byte_per_s; /**< of one device, in one direction */
    double efficiency; /**< share of it that collectives reach */
    const char *name;
} sz_link_level;

typedef struct sz_network {
    sz_link_level levels[4];
    size_t n;
} sz_network;

typedef enum sz_collective {
    SZ_ALL_REDUCE,
    SZ_ALL_GATHER,
    SZ_REDUCE_SCATTER,
    SZ_ALL_TO_ALL,
    SZ_BROADCAST,
    SZ_SEND
} sz_collective;

/** A decoder of equal layers with an MLP four times as wide as the rows, as in GPT-2 and GPT-3:
 * that is what the activation formula of Korthikanti et al. (2205.05198) is for. */
typedef struct sz_scale_model {
    int64_t layers, hidden, heads, seq, vocab;
    double layer_params;    /**< of one layer */
    double outer_params;    /**< of what stands before and behind the layers */
    double layer_flops;     /**< forward, of one layer and one sequence, attention included */
    double attention_flops; /**< of these the two products of attention */
    double outer_flops;     /**< forward, of one sequence, behind the layers */
} sz_scale_model;

/** Share of a memory's rate that kernels reach: the default of llm-analysis. */
#define SZ_SCALE_MEMORY_SHARE 0.9

typedef struct sz_scale_device {
    double flop_per_s;     /**< of matrix products in 16 bits */
    double byte_per_s;     /**< of its memory */
    double capacity_bytes; /**< of its memory; 0: not known, everything fits */
} sz_scale_device;

typedef enum sz_recompute {
    SZ_RECOMPUTE_NONE,
    SZ_RECOMPUTE_SELECTIVE,
    SZ_RECOMPUTE_FULL
} sz_recompute;

typedef struct sz_scale_plan {
    int64_t tensor, pipeline, data; /**< degrees; their product is the number of devices */
    int64_t microbatch, batch;      /**< sequences, of a device and in all */
    int64_t interleave;             /**< parts of the net on each device of the pipeline */
    int zero;                       /**< 0 to 3: what data parallel devices share */
    int sequence_parallel;          /**< norms and dropout are split by tokens */
    sz_recompute recompute;
} sz_scale_plan;

typedef struct sz_scale_training {
    double time_s;                                    /**< of one iteration; sum of the parts: */
    double compute_s, tensor_s, pipeline_s, bubble_s; /**< of the busiest device */
    double data_s, optimizer_s;                       /**< gradients; step of the optimizer */
    double weight_bytes, gradient_bytes, optimizer_bytes; /**< of the fullest device */
    double activation_bytes, total_bytes;                 /**< of the fullest device */
    double model_flops, hardware_flops;                   /**< of all; the latter with recompute */
    double mfu, hfu;                                      /**< of the peak of all devices */
} sz_scale_training;

/** Parameters and operations of such a decoder by its sizes. */
SZ_API sz_scale_model sz_scale_gpt(int64_t layers, int64_t hidden, int64_t heads, int64_t seq,
                                   int64_t vocab);

/** SZ_ERR_USAGE with the nearest value that would do, where degrees do not divide. */
SZ_API sz_status sz_scale_plan_check(sz_ctx *ctx, const sz_scale_model *model,
                                     const sz_network *net, const sz_scale_plan *plan) SZ_MUST_USE;

/** Of a plan that was checked. Kernels start for nothing, products run at the rate given, and no
 * communication hides behind arithmetic. Allocates nothing. */
SZ_API void sz_training_predict(const sz_scale_model *model, const sz_scale_device *device,
                                const sz_network *net, const sz_scale_plan *plan,
                                sz_scale_training *ret);

/** The first link of the machine that is not to its host, between `devices_per_node`; beyond these
 * `node_byte_per_s` for each device. What the record does not say (starts, what collectives reach)
 * is from published tables of collectives on A100 and H100. Names belong to the machine.
 *
 * Where the record has links across nodes that were measured between ranks (network.h), these stand
 * for `node_byte_per_s`; and a machine that was itself measured is a node, so that it needs no link
 * inside. */
SZ_API sz_status sz_network_of_machine(sz_ctx *ctx, const sz_machine *machine,
                                       int64_t devices_per_node, double node_byte_per_s,
                                       sz_network *ret) SZ_MUST_USE;

enum { SZ_PLANS_FRONT = 64 };
typedef struct sz_scale_found {
    int64_t tried, fitting; /**< plans whose degrees divide; of these the ones that fit */
    size_t n;               /**< of the front, fastest first */
    sz_scale_plan plans[SZ_PLANS_FRONT];
    sz_scale_training results[SZ_PLANS_FRONT];
} sz_scale_found;

/** All plans of `devices` devices and `batch` sequences: which are fastest, and which need less
 * memory than all faster ones. Ties: the plan that comes first in the order of the degrees. A front
 * longer than SZ_PLANS_FRONT keeps the fastest. */
SZ_API void sz_scale_search(const sz_scale_model *model, const sz_scale_device *device,
                            const sz_network *net, int64_t devices, int64_t batch,
                            sz_scale_found *ret);

#ifdef __cplusplus
}
#endif
#endif
