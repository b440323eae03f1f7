// SPDX-License-Identifier: Apache-2.0
// One iteration of training on many devices. Schedules: Narayanan et al. 2021 (2104.04473);
// activations: Korthikanti et al. 2022 (2205.05198); states: Rajbhandari et al. 2020 (1910.02054).
// Ranks: tensor parallel innermost, then data, then pipeline, as Megatron-LM places them.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/base.h"
#include "predict/scale/collectives.h"

// Bytes of a parameter with Adam in mixed precision: 16-bit weight, f32 gradient; f32 copy of the
// weight and two moments. 18 in all, as in figure 1 of Korthikanti et al.
enum { WEIGHT_BYTES = 2, GRADIENT_BYTES = 4, STATE_BYTES = 12, NUMBER_BYTES = 2 };

// Largest size of anything here: products of three stay far below 2^63.
enum { MOST = 1 << 20 };

sz_scale_model sz_scale_gpt(int64_t layers, int64_t hidden, int64_t heads, int64_t seq,
                            int64_t vocab) {
    const double h = (double)hidden, s = (double)seq, v = (double)vocab;
    return (sz_scale_model){
        .layers = layers,
        .hidden = hidden,
        .heads = heads,
        .seq = seq,
        .vocab = vocab,
        // four products of h x h with bias, two of h x 4h, two norms of weight and bias
        .layer_params = 12 * h * h + 13 * h,
        .outer_params = (v + s) * h + 2 * h, // tokens (also the head), positions, last norm
        .layer_flops = 24 * s * h * h + 4 * s * s * h,
        .attention_flops = 4 * s * s * h,
        .outer_flops = 2 * s * h * v,
    };
}

// ---- is it a plan at all -----------------------------------------------------------------------

// Of the divisors of n the one nearest to k; of two as near the smaller.
static int64_t nearest_divisor(int64_t n, int64_t k) {
    int64_t best = 1;
    for (int64_t i = 1; i <= n; i++)
        if (n % i == 0 && llabs(i - k) < llabs(best - k)) best = i;
    return best;
}

static sz_status divides(sz_ctx *ctx, const char *what, int64_t n, const char *by, int64_t k) {
    if (k >= 1 && k <= n && n % k == 0) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_USAGE,
                   "%" PRId64 " %s do not divide by %s %" PRId64
                   ": the nearest that does is %" PRId64,
                   n, what, by, k, nearest_divisor(n, k));
}

static sz_status in_range(sz_ctx *ctx, const char *what, int64_t n) {
    if (n >= 1 && n <= MOST) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_USAGE, "%s is %" PRId64 ": give 1 to %d", what, n, MOST);
}

static sz_status sizes(sz_ctx *ctx, const sz_scale_model *m, const sz_scale_plan *p) {
    const struct {
        const char *what;
        int64_t n;
    } rows[] = {{"number of layers", m->layers},   {"width", m->hidden},
                {"number of heads", m->heads},     {"sequence", m->seq},
                {"tensor parallelism", p->tensor}, {"pipeline parallelism", p->pipeline},
                {"data parallelism", p->data},     {"microbatch", p->microbatch},
                {"global batch", p->batch},        {"interleaving", p->interleave}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        SZ_TRY(in_range(ctx, rows[i].what, rows[i].n));
    return SZ_OK;
}

sz_status sz_scale_plan_check(sz_ctx *ctx, const sz_scale_model *m, const sz_network *net,
                              const sz_scale_plan *p) {
    SZ_TRY(sizes(ctx, m, p));
    if (p->zero < 0 || p->zero > 3)
        return sz_fail(ctx, SZ_ERR_USAGE, "ZeRO has no stage %d: give 0 to 3", p->zero);
    if (p->interleave > 1 && p->pipeline == 1)
        return sz_fail(ctx, SZ_ERR_USAGE, "interleaving needs a pipeline: give --pp 2 or more");
    SZ_TRY(divides(ctx, "heads", m->heads, "tensor parallelism", p->tensor));
    SZ_TRY(divides(ctx, "layers", m->layers, "pipeline parallelism x interleaving",
                   p->pipeline * p->interleave));
    SZ_TRY(divides(ctx, "sequences of a global batch", p->batch, "data parallelism x microbatch",
                   p->data * p->microbatch));
    const int64_t devices = p->tensor * p->pipeline * p->data;
    const int64_t most = net->n ? net->levels[net->n - 1].devices : 1;
    if (devices > most)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "the plan has %" PRId64 " devices, the network %" PRId64
                       ": lower a degree of parallelism",
                       devices, most);
    return SZ_OK;
}

// ---- memory ------------------------------------------------------------------------------------

// Of one layer and one microbatch: equations 2, 4, 5, 6 and table 2 of Korthikanti et al.
static double layer_activation_bytes(const sz_scale_model *m, const sz_scale_plan *p) {
    const double t = (double)p->tensor, h = (double)m->hidden;
    const double sbh = (double)m->seq * (double)p->microbatch * h;
    const double scores = 5 * (double)m->heads * (double)m->seq / h;
    if (p->recompute == SZ_RECOMPUTE_FULL) return 2 * sbh / (p->sequence_parallel ? t : 1);
    const double kept = p->recompute == SZ_RECOMPUTE_SELECTIVE ? 0 : scores;
    return p->sequence_parallel ? sbh / t * (34 + kept) : sbh * (10 + 24 / t + kept / t);
}

// Microbatches that the first device keeps, in units of its layers: with interleaving it begins
// more of them before the first is done.
static double held(const sz_scale_plan *p) {
    const double m = (double)(p->batch / p->data / p->microbatch), n = (double)p->pipeline;
    const double v = (double)p->interleave;
    const double most = v > 1 ? n * (1 + (n - 1) / (n * v)) : n;
    return fmin(m, most);
}

// What data parallel devices share, they divide (ZeRO).
static void count_memory(const sz_scale_model *m, const sz_scale_plan *p, sz_scale_training *r) {
    const double d = (double)p->data;
    const double layers = (double)m->layers / (double)p->pipeline;
    const double params = (layers * m->layer_params + m->outer_params) / (double)p->tensor;
    r->weight_bytes = WEIGHT_BYTES * params / (p->zero >= 3 ? d : 1);
    r->gradient_bytes = GRADIENT_BYTES * params / (p->zero >= 2 ? d : 1);
    r->optimizer_bytes = STATE_BYTES * params / (p->zero >= 1 ? d : 1);
    r->activation_bytes = layers * held(p) * layer_activation_bytes(m, p);
    r->total_bytes = r->weight_bytes + r->gradient_bytes + r->optimizer_bytes + r->activation_bytes;
}

// ---- time --------------------------------------------------------------------------------------

// Forward, of one layer and microbatch on one device: arithmetic, and the bytes of weights and
// activations (written once, read once). A sum, as Calculon has it: kernels take turns. Thus what
// a device reaches depends on the width: of narrow products the bytes take a larger share.
static double layer_forward_s(const sz_scale_model *m, const sz_scale_device *g,
                              const sz_scale_plan *p) {
    sz_scale_plan all = *p;
    all.recompute = SZ_RECOMPUTE_NONE;
    const double t = (double)p->tensor;
    const double flops = m->layer_flops * (double)p->microbatch / t;
    const double bytes = WEIGHT_BYTES * m->layer_params / t + 2 * layer_activation_bytes(m, &all);
    return flops / g->flop_per_s + bytes / g->byte_per_s;
}

// Forward and twice as much backward, and what is done again.
static double layer_s(const sz_scale_model *m, const sz_scale_device *g, const sz_scale_plan *p) {
    const double forward = layer_forward_s(m, g, p);
    const double t = (double)p->tensor, b = (double)p->microbatch;
    if (p->recompute == SZ_RECOMPUTE_FULL) return 4 * forward;
    if (p->recompute == SZ_RECOMPUTE_NONE) return 3 * forward;
    const double scores = 5 * (double)m->heads * (double)m->seq * (double)m->seq * b / t;
    return 3 * forward + m->attention_flops * b / t / g->flop_per_s + 2 * scores / g->byte_per_s;
}

// Two sums over the tensor parallel devices forward, two backward, two more where forward is done
// again. With sequence parallelism the same bytes go as gather and scatter.
static double layer_tensor_s(const sz_scale_model *m, const sz_network *net,
                             const sz_scale_plan *p) {
    const double bytes = NUMBER_BYTES * (double)m->seq * (double)p->microbatch * (double)m->hidden;
    const double times = p->recompute == SZ_RECOMPUTE_FULL ? 6 : 4;
    if (!p->sequence_parallel)
        return times * sz_collective_s(net, SZ_ALL_REDUCE, p->tensor, 1, bytes);
    return times * (sz_collective_s(net, SZ_REDUCE_SCATTER, p->tensor, 1, bytes) +
                    sz_collective_s(net, SZ_ALL_GATHER, p->tensor, 1, bytes));
}

// The slowest stage sets the pace: here the last, which has the head as well. While the pipeline
// fills and empties, (p - 1) / v stages' worth of time passes.
static void time_pipeline(const sz_scale_model *m, const sz_scale_device *g, const sz_network *net,
                          const sz_scale_plan *p, sz_scale_training *r) {
    const double n = (double)(p->batch / p->data / p->microbatch), t = (double)p->tensor;
    const double layers = (double)m->layers / (double)p->pipeline, v = (double)p->interleave;
    const double head = 3 * m->outer_flops * (double)p->microbatch / t / g->flop_per_s;
    const double compute = layers * layer_s(m, g, p);
    const double tensor = layers * layer_tensor_s(m, net, p);
    r->compute_s = n * (compute + head);
    r->tensor_s = n * tensor;
    r->bubble_s = (double)(p->pipeline - 1) / v * (compute + tensor);
    if (p->pipeline == 1) return;
    const double bytes = NUMBER_BYTES * (double)m->seq * (double)p->microbatch * (double)m->hidden;
    r->pipeline_s = 2 * n * v *
                    sz_collective_s(net, SZ_SEND, 2, p->tensor * p->data,
                                    bytes / (p->sequence_parallel ? t : 1));
}

// Gradients once an iteration, behind the last microbatch. From stage 2 on nobody keeps all of
// them, so each microbatch scatters its own; stage 3 gathers the weights of each pass as well.
static double data_s(const sz_network *net, const sz_scale_plan *p, double params) {
    const double n = (double)(p->batch / p->data / p->microbatch);
    const double gradients = GRADIENT_BYTES * params, weights = WEIGHT_BYTES * params;
    if (p->zero == 0) return sz_collective_s(net, SZ_ALL_REDUCE, p->data, p->tensor, gradients);
    return (p->zero >= 2 ? n : 1) *
               sz_collective_s(net, SZ_REDUCE_SCATTER, p->data, p->tensor, gradients) +
           (p->zero == 3 ? 2 * n : 1) *
               sz_collective_s(net, SZ_ALL_GATHER, p->data, p->tensor, weights);
}

// The step of the optimizer reads and writes its states, reads gradients, writes weights.
static void time_data(const sz_scale_model *m, const sz_scale_device *g, const sz_network *net,
                      const sz_scale_plan *p, sz_scale_training *r) {
    const double layers = (double)m->layers / (double)p->pipeline;
    const double params = (layers * m->layer_params + m->outer_params) / (double)p->tensor;
    const double mine = params / (p->zero >= 1 ? (double)p->data : 1);
    r->data_s = data_s(net, p, params);
    r->optimizer_s = (2 * STATE_BYTES + GRADIENT_BYTES + WEIGHT_BYTES) * mine / g->byte_per_s;
}

// Operations: once forward, twice backward; hardware does more where it computes again.
static void count_flops(const sz_scale_model *m, const sz_scale_plan *p, sz_scale_training *r) {
    const double layers = (double)m->layers, batch = (double)p->batch;
    r->model_flops = 3 * batch * (layers * m->layer_flops + m->outer_flops);
    const double again = p->recompute == SZ_RECOMPUTE_FULL        ? m->layer_flops
                         : p->recompute == SZ_RECOMPUTE_SELECTIVE ? m->attention_flops
                                                                  : 0;
    r->hardware_flops = r->model_flops + batch * layers * again;
}

void sz_training_predict(const sz_scale_model *model, const sz_scale_device *device,
                         const sz_network *net, const sz_scale_plan *plan, sz_scale_training *ret) {
    sz_scale_training r = {0};
    count_memory(model, plan, &r);
    time_pipeline(model, device, net, plan, &r);
    time_data(model, device, net, plan, &r);
    count_flops(model, plan, &r);
    r.time_s = r.compute_s + r.tensor_s + r.pipeline_s + r.bubble_s + r.data_s + r.optimizer_s;
    const double devices = (double)(plan->tensor * plan->pipeline * plan->data);
    r.mfu = r.model_flops / (r.time_s * devices * device->flop_per_s);
    r.hfu = r.hardware_flops / (r.time_s * devices * device->flop_per_s);
    *ret = r;
}
