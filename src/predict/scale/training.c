// SPDX-License-Identifier: Apache-2.0
// One iteration of training on many devices. Schedules: Narayanan et al. 2021 (2104.04473);
// activations: Korthikanti et al. 2022 (2205.05198); states: Rajbhandari et al. 2020 (1910.02054).
// Ranks: tensor parallel innermost, then context, then data, then pipeline, as Megatron-LM places
// them; devices that share experts are neighbours within a stage.
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
    // tokens (also the head), positions, last norm
    const double outer = (v + s) * h + 2 * h;
    return (sz_scale_model){
        .layers = layers,
        .hidden = hidden,
        .heads = heads,
        .seq = seq,
        .vocab = vocab,
        // four products of h x h with bias, two of h x 4h, two norms of weight and bias
        .layer_params = 12 * h * h + 13 * h,
        .outer_params = outer,
        .layer_flops = 24 * s * h * h + 4 * s * s * h,
        .attention_flops = 4 * s * s * h,
        .outer_flops = 2 * s * h * v,
        .end_params = outer,
        // equations 2, 4, 5, 6 and table 2 of Korthikanti et al.
        .whole_bytes = 10 * s * h,
        .split_bytes = 24 * s * h,
        .score_bytes = 5 * (double)heads * s * s,
        .kv_heads = heads,
        .keys_width = 2 * h,
    };
}

// Degrees that a plan leaves out are 1.
static int64_t context_of(const sz_scale_plan *p) { return p->context > 1 ? p->context : 1; }
static int64_t experts_of(const sz_scale_plan *p) { return p->experts > 1 ? p->experts : 1; }

int64_t sz_scale_devices(const sz_scale_plan *p) {
    return p->tensor * p->pipeline * p->data * context_of(p);
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
    } rows[] = {{"number of layers", m->layers},
                {"width", m->hidden},
                {"number of heads", m->heads},
                {"sequence", m->seq},
                {"tensor parallelism", p->tensor},
                {"pipeline parallelism", p->pipeline},
                {"data parallelism", p->data},
                {"microbatch", p->microbatch},
                {"global batch", p->batch},
                {"interleaving", p->interleave},
                {"context parallelism", context_of(p)},
                {"expert parallelism", experts_of(p)}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        SZ_TRY(in_range(ctx, rows[i].what, rows[i].n));
    return SZ_OK;
}

// Whole experts on each device, so that whole replicas share them.
static sz_status check_experts(sz_ctx *ctx, const sz_scale_model *m, const sz_scale_plan *p) {
    const int64_t e = experts_of(p);
    int64_t stage = p->tensor * context_of(p);
    if (e == 1) return SZ_OK;
    if (m->experts == 0)
        return sz_fail(ctx, SZ_ERR_USAGE, "the model has no experts: leave out --ep");
    if (p->tensor > 1 && !p->sequence_parallel)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "experts take the tokens of one device each: with tensor parallelism give "
                       "--sequence-parallel yes");
    if (!sz_mul(stage, p->data, &stage)) stage = INT64_MAX;
    SZ_TRY(divides(ctx, "experts", m->experts, "expert parallelism", e));
    SZ_TRY(divides(ctx, "devices of a stage", stage, "expert parallelism", e));
    return divides(ctx, "devices that share experts", e, "tensor parallelism", p->tensor);
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
    SZ_TRY(divides(ctx, "tokens of a sequence", m->seq, "context parallelism", context_of(p)));
    SZ_TRY(check_experts(ctx, m, p));
    int64_t devices = p->tensor * p->pipeline;
    if (!sz_mul(devices, p->data, &devices) || !sz_mul(devices, context_of(p), &devices))
        devices = INT64_MAX;
    const int64_t most = net->n ? net->levels[net->n - 1].devices : 1;
    if (devices > most)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "the plan has %" PRId64 " devices, the network %" PRId64
                       ": lower a degree of parallelism",
                       devices, most);
    return SZ_OK;
}

// ---- memory ------------------------------------------------------------------------------------

// Of one layer and one microbatch. Full recomputation keeps the input of the layer alone.
static double layer_activation_bytes(const sz_scale_model *m, const sz_scale_plan *p) {
    const double t = (double)p->tensor, b = (double)p->microbatch / (double)context_of(p);
    const double input = NUMBER_BYTES * (double)m->seq * (double)m->hidden;
    if (p->recompute == SZ_RECOMPUTE_FULL) return b * input / (p->sequence_parallel ? t : 1);
    const bool is_gone = p->recompute == SZ_RECOMPUTE_SELECTIVE || p->fused_attention;
    const double scores = is_gone ? 0 : m->score_bytes;
    return b * (m->whole_bytes / (p->sequence_parallel ? t : 1) + (m->split_bytes + scores) / t);
}

// Microbatches that the first device keeps, in units of its layers: with interleaving it begins
// more of them before the first is done.
static double held(const sz_scale_plan *p) {
    const double m = (double)(p->batch / p->data / p->microbatch), n = (double)p->pipeline;
    const double v = (double)p->interleave;
    const double most = v > 1 ? n * (1 + (n - 1) / (n * v)) : n;
    return fmin(m, most);
}

// Parameters of the fullest device; how many devices have the same ones.
typedef struct portion {
    double dense, experts;
    double dense_copies, expert_copies;
} portion;

// Whole experts are divided by the devices that share them; else they are split as the rest is.
static portion portion_of(const sz_scale_model *m, const sz_scale_plan *p) {
    const double layers = (double)m->layers / (double)p->pipeline, t = (double)p->tensor;
    const double copies = (double)(p->data * context_of(p)), e = (double)experts_of(p);
    const double ends = p->pipeline > 1 ? m->end_params : m->outer_params;
    const bool is_whole = experts_of(p) > 1;
    return (portion){
        .dense = (layers * (m->layer_params - m->expert_params) + ends) / t,
        .experts = layers * m->expert_params / (is_whole ? e : t),
        .dense_copies = copies,
        .expert_copies = is_whole ? copies * t / e : copies,
    };
}

// What those with the same parameters share, they divide (ZeRO).
static double held_params(const portion *a, bool is_shared) {
    return is_shared ? a->dense / a->dense_copies + a->experts / a->expert_copies
                     : a->dense + a->experts;
}

static void count_memory(const sz_scale_model *m, const sz_scale_plan *p, sz_scale_training *r) {
    const double layers = (double)m->layers / (double)p->pipeline;
    const portion a = portion_of(m, p);
    r->weight_bytes = WEIGHT_BYTES * held_params(&a, p->zero >= 3);
    r->gradient_bytes = GRADIENT_BYTES * held_params(&a, p->zero >= 2);
    r->optimizer_bytes = STATE_BYTES * held_params(&a, p->zero >= 1);
    r->activation_bytes = layers * held(p) * layer_activation_bytes(m, p);
    r->total_bytes = r->weight_bytes + r->gradient_bytes + r->optimizer_bytes + r->activation_bytes;
}

// ---- time --------------------------------------------------------------------------------------

static double attention_rate(const sz_scale_device *g) {
    return g->attention_flop_per_s > 0 ? g->attention_flop_per_s : g->flop_per_s;
}

// Sequences of a microbatch that a device has its share of.
static double own_batch(const sz_scale_plan *p) {
    return (double)p->microbatch / (double)(p->tensor * context_of(p));
}

// Forward, of one layer and microbatch on one device: arithmetic, and the bytes of weights and
// activations (written once, read once). A sum, as Calculon has it: kernels take turns. Thus what
// a device reaches depends on the width: of narrow products the bytes take a larger share.
static double layer_forward_s(const sz_scale_model *m, const sz_scale_device *g,
                              const sz_scale_plan *p) {
    sz_scale_plan all = *p;
    all.recompute = SZ_RECOMPUTE_NONE;
    const double t = (double)p->tensor, e = (double)experts_of(p), b = own_batch(p);
    const double params = (m->layer_params - m->expert_params) / t +
                          m->expert_params / (e > 1 ? e : t);
    const double bytes = WEIGHT_BYTES * params + 2 * layer_activation_bytes(m, &all);
    return (m->layer_flops - m->attention_flops) * b / g->flop_per_s +
           m->attention_flops * b / attention_rate(g) + bytes / g->byte_per_s;
}

// Operations that a layer does again in its backward pass, of one sequence. A fused attention makes
// the first of its two products again, and needs no other way to save its scores.
static double again_flops(const sz_scale_model *m, const sz_scale_plan *p) {
    const double fused = p->fused_attention ? m->attention_flops / 2 : 0;
    if (p->recompute == SZ_RECOMPUTE_FULL) return m->layer_flops + fused;
    if (p->recompute == SZ_RECOMPUTE_SELECTIVE && !p->fused_attention) return m->attention_flops;
    return fused;
}

// Forward and twice as much backward, and what is done again.
static double layer_s(const sz_scale_model *m, const sz_scale_device *g, const sz_scale_plan *p) {
    const double forward = layer_forward_s(m, g, p), b = own_batch(p);
    const double fused = p->fused_attention ? m->attention_flops / 2 * b / attention_rate(g) : 0;
    if (p->recompute == SZ_RECOMPUTE_FULL) return 4 * forward + fused;
    if (p->recompute == SZ_RECOMPUTE_NONE || p->fused_attention) return 3 * forward + fused;
    return 3 * forward + m->attention_flops * b / attention_rate(g) +
           2 * m->score_bytes * b / g->byte_per_s;
}

// Bytes of the rows of one microbatch that a tensor parallel group works on.
static double rows_bytes(const sz_scale_model *m, const sz_scale_plan *p) {
    return NUMBER_BYTES * (double)m->seq * (double)p->microbatch * (double)m->hidden /
           (double)context_of(p);
}

// How often messages of the forward pass are sent in all: backward they go once more, and again
// where forward is done again.
static double passes(const sz_scale_plan *p) { return p->recompute == SZ_RECOMPUTE_FULL ? 3 : 2; }

// Two sums over the tensor parallel devices forward. With sequence parallelism the same bytes go as
// gather and scatter. Whole experts get their tokens otherwise, those for all tokens do not.
static double layer_tensor_s(const sz_scale_model *m, const sz_network *net,
                             const sz_scale_plan *p) {
    const double sent = experts_of(p) > 1 ? m->expert_layers - m->shared_layers : 0;
    const double times = (2 - sent) * passes(p), bytes = rows_bytes(m, p);
    if (!p->sequence_parallel)
        return times * sz_collective_s(net, SZ_ALL_REDUCE, p->tensor, 1, bytes);
    return times * (sz_collective_s(net, SZ_REDUCE_SCATTER, p->tensor, 1, bytes) +
                    sz_collective_s(net, SZ_ALL_GATHER, p->tensor, 1, bytes));
}

// Each token goes to as many experts as it takes, and comes back from them.
static double layer_expert_s(const sz_scale_model *m, const sz_network *net,
                             const sz_scale_plan *p) {
    const double bytes = rows_bytes(m, p) / (double)p->tensor * (double)m->experts_used;
    if (experts_of(p) == 1) return 0;
    return 2 * passes(p) * m->expert_layers *
           sz_collective_s(net, SZ_ALL_TO_ALL, p->experts, 1, bytes);
}

// Ring attention (Liu et al. 2023, 2310.01889): each device hands on the keys and values of its
// tokens while it attends to those that came before; backward their gradients go along, and there
// is twice the work. What takes longer than the work is not hidden.
static double layer_context_s(const sz_scale_model *m, const sz_scale_device *g,
                              const sz_network *net, const sz_scale_plan *p) {
    const int64_t c = context_of(p), t = p->tensor, split = t < m->kv_heads ? t : m->kv_heads;
    if (c == 1) return 0;
    const double tokens = (double)m->seq * (double)p->microbatch / (double)c;
    const double bytes = NUMBER_BYTES * tokens * m->keys_width / (double)split;
    const double send = sz_collective_s(net, SZ_SEND, 2, t * c / 2, bytes);
    const double work = m->attention_flops * own_batch(p) / (double)c / attention_rate(g);
    const double again = p->recompute == SZ_RECOMPUTE_FULL ? 4 : 3;
    return again * (double)(c - 1) * fmax(0, send - work);
}

// The slowest stage sets the pace: here the last, which has the head as well. While the pipeline
// fills and empties, (p - 1) / v stages' worth of time passes.
static void time_pipeline(const sz_scale_model *m, const sz_scale_device *g, const sz_network *net,
                          const sz_scale_plan *p, sz_scale_training *r) {
    const double n = (double)(p->batch / p->data / p->microbatch), v = (double)p->interleave;
    const double layers = (double)m->layers / (double)p->pipeline;
    const double head = 3 * m->outer_flops * own_batch(p) / g->flop_per_s;
    const double compute = layers * layer_s(m, g, p);
    const double tensor = layers * layer_tensor_s(m, net, p);
    const double context = layers * layer_context_s(m, g, net, p);
    const double experts = layers * layer_expert_s(m, net, p);
    r->compute_s = n * (compute + head);
    r->tensor_s = n * tensor;
    r->context_s = n * context;
    r->expert_s = n * experts;
    r->bubble_s = (double)(p->pipeline - 1) / v * (compute + tensor + context + experts);
    if (p->pipeline == 1) return;
    const double bytes = rows_bytes(m, p) / (p->sequence_parallel ? (double)p->tensor : 1);
    const int64_t stride = p->tensor * p->data * context_of(p);
    r->pipeline_s = 2 * n * v * sz_collective_s(net, SZ_SEND, 2, stride, bytes);
}

// Gradients once an iteration, behind the last microbatch. From stage 2 on nobody keeps all of
// them, so each microbatch scatters its own; stage 3 gathers the weights of each pass as well.
static double group_data_s(const sz_network *net, const sz_scale_plan *p, double params,
                           int64_t devices, int64_t stride) {
    const double n = (double)(p->batch / p->data / p->microbatch);
    const double gradients = GRADIENT_BYTES * params, weights = WEIGHT_BYTES * params;
    if (params <= 0) return 0;
    if (p->zero == 0) return sz_collective_s(net, SZ_ALL_REDUCE, devices, stride, gradients);
    return (p->zero >= 2 ? n : 1) *
               sz_collective_s(net, SZ_REDUCE_SCATTER, devices, stride, gradients) +
           (p->zero == 3 ? 2 * n : 1) *
               sz_collective_s(net, SZ_ALL_GATHER, devices, stride, weights);
}

// The step of the optimizer reads and writes its states, reads gradients, writes weights.
static void time_data(const sz_scale_model *m, const sz_scale_device *g, const sz_network *net,
                      const sz_scale_plan *p, sz_scale_training *r) {
    const portion a = portion_of(m, p);
    const int64_t stride = experts_of(p) > 1 ? experts_of(p) : p->tensor;
    r->data_s = group_data_s(net, p, a.dense, p->data * context_of(p), p->tensor) +
                group_data_s(net, p, a.experts, (int64_t)a.expert_copies, stride);
    r->optimizer_s = (2 * STATE_BYTES + GRADIENT_BYTES + WEIGHT_BYTES) *
                     held_params(&a, p->zero >= 1) / g->byte_per_s;
}

// Operations: once forward, twice backward; hardware does more where it computes again.
static void count_flops(const sz_scale_model *m, const sz_scale_plan *p, sz_scale_training *r) {
    const double layers = (double)m->layers, batch = (double)p->batch;
    r->model_flops = 3 * batch * (layers * m->layer_flops + m->outer_flops);
    r->hardware_flops = r->model_flops + batch * layers * again_flops(m, p);
}

void sz_training_predict(const sz_scale_model *model, const sz_scale_device *device,
                         const sz_network *net, const sz_scale_plan *plan, sz_scale_training *ret) {
    sz_scale_training r = {0};
    count_memory(model, plan, &r);
    time_pipeline(model, device, net, plan, &r);
    time_data(model, device, net, plan, &r);
    count_flops(model, plan, &r);
    r.time_s = r.compute_s + r.tensor_s + r.context_s + r.expert_s + r.pipeline_s + r.bubble_s +
               r.data_s + r.optimizer_s;
    const double devices = (double)sz_scale_devices(plan);
    r.mfu = r.model_flops / (r.time_s * devices * device->flop_per_s);
    r.hfu = r.hardware_flops / (r.time_s * devices * device->flop_per_s);
    *ret = r;
}
