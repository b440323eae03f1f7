// SPDX-License-Identifier: Apache-2.0
/** @file
 * Training on many devices, in closed form: seconds of an iteration and bytes per device of a
 * plan, and the search of plans. All bytes and seconds are `double`.
 */
#ifndef SIZEUP_SCALE_H
#define SIZEUP_SCALE_H

#include <sizeup/machine.h>
#include <sizeup/model.h>

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

/** Layers of a transformer, all taken to be alike: each has the mean of what the layers have. Bytes
 * are those that a layer keeps of one sequence for its backward pass, in 16 bits. */
typedef struct sz_scale_model {
    int64_t layers, hidden, heads, seq, vocab;
    double layer_params;    /**< of one layer, experts included */
    double outer_params;    /**< of what stands before and behind the layers */
    double layer_flops;     /**< forward, of one layer and one sequence, attention included */
    double attention_flops; /**< of these the two products of attention */
    double outer_flops;     /**< forward, of one sequence, behind the layers */
    double end_params;      /**< of outer_params those of the larger side; all where they are one */
    double whole_bytes;     /**< that each tensor parallel device keeps, unless split by tokens */
    double split_bytes;     /**< that tensor parallel devices share */
    double score_bytes;     /**< that they share, and selective recomputation does not keep */
    int64_t kv_heads;       /**< heads of keys and values */
    double keys_width;      /**< numbers of the keys and values of a token */
    double expert_params;   /**< of layer_params those of experts */
    int64_t experts, experts_used; /**< 0: none; how many a token takes */
    double expert_layers;   /**< share of the layers that have experts */
    double shared_layers;   /**< share that has experts for all tokens, too */
} sz_scale_model;

/** Share of a memory's rate that kernels reach: the default of llm-analysis. */
#define SZ_SCALE_MEMORY_SHARE 0.9

typedef struct sz_scale_device {
    double flop_per_s;     /**< of products with weights */
    double byte_per_s;     /**< of its memory */
    double capacity_bytes; /**< of its memory; 0: not known, everything fits */
    double attention_flop_per_s; /**< of the products of attention; 0: as flop_per_s */
} sz_scale_device;

typedef enum sz_recompute {
    SZ_RECOMPUTE_NONE,
    SZ_RECOMPUTE_SELECTIVE,
    SZ_RECOMPUTE_FULL
} sz_recompute;

typedef struct sz_scale_plan {
    int64_t tensor, pipeline, data; /**< degrees; the devices are their product x context */
    int64_t microbatch, batch;      /**< sequences, of a device and in all */
    int64_t interleave;             /**< parts of the net on each device of the pipeline */
    int zero;                       /**< 0 to 3: what data parallel devices share */
    int sequence_parallel;          /**< norms and dropout are split by tokens */
    sz_recompute recompute;
    int64_t context; /**< devices that share the tokens of a sequence; 0: one */
    int64_t experts; /**< devices with whole experts, of one stage; 0: split as the rest is */
    int fused_attention; /**< scores stay on the chip, and the backward pass makes them again */
} sz_scale_plan;

typedef struct sz_scale_training {
    double time_s;                                    /**< of one iteration; sum of the parts: */
    double compute_s, tensor_s, pipeline_s, bubble_s; /**< of the busiest device */
    double data_s, optimizer_s;                       /**< gradients; step of the optimizer */
    double context_s, expert_s; /**< keys that go round; tokens to their experts and back */
    double weight_bytes, gradient_bytes, optimizer_bytes; /**< of the fullest device */
    double activation_bytes, total_bytes;                 /**< of the fullest device */
    double model_flops, hardware_flops;                   /**< of all; the latter with recompute */
    double mfu, hfu;                                      /**< of the peak of all devices */
} sz_scale_training;

/** A decoder as GPT-2 and GPT-3, with an MLP four times as wide as the rows and dropout: what it
 * keeps is by the formulas of Korthikanti et al. (2205.05198). */
SZ_API sz_scale_model sz_scale_gpt(int64_t layers, int64_t hidden, int64_t heads, int64_t seq,
                                   int64_t vocab);

/** Of any language model that was loaded with `allow_symbols`, from its graph and the graph's
 * backward pass: no dropout, every attention over all keys. SZ_ERR_UNAVAILABLE for recurrences,
 * pairs of encoder and decoder, packed weights, and weights without a place. */
SZ_API sz_status sz_scale_model_of(sz_ctx *ctx, sz_model *model, int64_t seq,
                                   sz_scale_model *ret_model) SZ_MUST_USE;

/** SZ_ERR_USAGE with the nearest value that would do, where degrees do not divide. */
SZ_API sz_status sz_scale_plan_check(sz_ctx *ctx, const sz_scale_model *model,
                                     const sz_network *net, const sz_scale_plan *plan) SZ_MUST_USE;

/** Number of devices of a plan. */
SZ_API int64_t sz_scale_devices(const sz_scale_plan *plan);

/** Of a plan that was checked. Kernels start for nothing, products run at the rate given, experts
 * get as many tokens each, and no communication hides behind arithmetic but keys that go round
 * while attention works on those that came before. Allocates nothing. */
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

/** All plans of `devices` devices and `batch` sequences, without context parallelism: which are
 * fastest, and which need less memory than all faster ones. Ties: the plan that comes first in the
 * order of the degrees. A front longer than SZ_PLANS_FRONT keeps the fastest. */
SZ_API void sz_scale_search(const sz_scale_model *model, const sz_scale_device *device,
                            const sz_network *net, int64_t devices, int64_t batch,
                            sz_scale_found *ret);

#ifdef __cplusplus
}
#endif
#endif
