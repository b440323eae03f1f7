// SPDX-License-Identifier: Apache-2.0
// A language model on paper: the closed form of its steps, so that a setting costs microseconds.
#include "explore/evaluate.h"

#include <math.h>
#include <stdio.h>

// ---- activations -------------------------------------------------------------------------------

static sz_status peak(sz_predictor *self, sz_model *m, int64_t batch, int64_t prompt, double *ret) {
    sz_costs *costs = NULL;
    sz_status status = sz_model_llm_bind(self->quiet, m, batch, prompt, 0);
    if (status == SZ_OK) status = sz_costs_create(self->quiet, m, NULL, &costs);
    if (status == SZ_OK) *ret = (double)sz_costs_activations(costs).peak_bytes;
    sz_costs_destroy(costs);
    return status;
}

// They grow with the batch in proportion, so the net is counted at two of them.
static sz_status activations(sz_point *p, int64_t prompt, sz_prompted *ret) {
    sz_predictor *self = p->self;
    const uint32_t subject = (uint32_t)(p->subject - self->subjects.items);
    for (size_t i = 0; i < self->prompted.n; i++)
        if (self->prompted.items[i].subject == subject &&
            self->prompted.items[i].prompt == prompt) {
            *ret = self->prompted.items[i];
            return SZ_OK;
        }
    double one = 0, two = 0;
    SZ_TRY(peak(self, p->subject->llm, 1, prompt, &one));
    SZ_TRY(peak(self, p->subject->llm, 2, prompt, &two));
    *ret = (sz_prompted){subject, prompt, 2 * one - two, two - one};
    return sz_vec_push(self->ctx, &self->prompted, *ret) ? SZ_OK : sz_no_memory(self->ctx);
}

// ---- several devices ---------------------------------------------------------------------------

static sz_status networks(sz_predictor *self, uint32_t machine, sz_network *ret) {
    const int64_t per_node = self->setup.per_node > 0 ? self->setup.per_node : 8;
    const double rate = self->setup.node_rate > 0 ? self->setup.node_rate : 25e9;
    return sz_network_of_machine(self->quiet, self->setup.machines[machine], per_node, rate, ret);
}

static sz_status plan_of(const sz_point *p, sz_llm_plan *plan, int64_t *ret_devices) {
    *plan = (sz_llm_plan){.tensor = sz_point_whole(p, SZ_P_TP, 1),
                          .pipeline = sz_point_whole(p, SZ_P_PP, 1),
                          .data = sz_point_whole(p, SZ_P_DP, 1),
                          .experts = sz_point_whole(p, SZ_P_EP, 1)};
    if (!sz_mul(plan->tensor, plan->pipeline, ret_devices) ||
        !sz_mul(*ret_devices, plan->data, ret_devices))
        return sz_fail(p->self->quiet, SZ_ERR_LIMIT, "tp x pp x dp exceeds 2^63");
    if (*ret_devices == 1 && plan->experts == 1) return SZ_OK;
    return networks(p->self, p->machine_at, &plan->net);
}

// ---- all ---------------------------------------------------------------------------------------

static void put(sz_point *p, const sz_inference_options *o, const sz_inference *r, double devices) {
    const sz_phase *first = &r->prefill, *next = &r->decode;
    const double rest = (double)(o->generate - 1) / r->tokens_per_step;
    const double lo = first->time_lo_s + rest * next->time_lo_s;
    const double hi = first->time_hi_s + rest * next->time_hi_s;
    const double price = p->price_per_h > 0 ? p->price_per_h / 3600 * devices : SZ_NO_NUMBER;
    // Where nothing is known but a bound, the worst end is open: there is no interval.
    const bool is_range = strcmp(next->level, "estimate") == 0 || isfinite(next->time_hi_s);
    const double t = r->tokens_per_s;
    const double t_lo = is_range ? t * next->time_s / next->time_hi_s : SZ_NO_NUMBER;
    const double t_hi = is_range ? t * next->time_s / next->time_lo_s : SZ_NO_NUMBER;
    sz_point_put(p, SZ_METRIC_LATENCY, r->e2e_s, lo, hi);
    sz_point_put(p, SZ_METRIC_TTFT, r->ttft_s, first->time_lo_s, first->time_hi_s);
    sz_point_put(p, SZ_METRIC_TPOT, r->tpot_s, next->time_lo_s / r->tokens_per_step,
                 next->time_hi_s / r->tokens_per_step);
    sz_point_put(p, SZ_METRIC_THROUGHPUT, t, t_lo, t_hi);
    sz_point_put(p, SZ_METRIC_THROUGHPUT_PER_DEVICE, t / devices, t_lo / devices, t_hi / devices);
    sz_point_put(p, SZ_METRIC_ENERGY, r->power_w * r->e2e_s, r->power_w * lo, r->power_w * hi);
    sz_point_put(p, SZ_METRIC_THROUGHPUT_PER_JOULE, r->tokens_per_j, t_lo / r->power_w,
                 t_hi / r->power_w);
    sz_point_put(p, SZ_METRIC_THROUGHPUT_PER_COST, t / price, t_lo / price, t_hi / price);
    sz_point_put(p, SZ_METRIC_COST, r->e2e_s * price, lo * price, hi * price);
}

static void check_fits(sz_point *p, const sz_inference *r) {
    if (r->memory.total > r->memory.machine)
        snprintf(p->why, p->cap, "it needs %.3g GB of memory, and a device has %.3g GB",
                 r->memory.total * 1e-9, r->memory.machine * 1e-9);
}

sz_status sz_point_llm(sz_point *p) {
    sz_predictor *self = p->self;
    sz_inference r;
    sz_llm_plan plan;
    sz_prompted live;
    int64_t devices = 1;
    const int64_t prompt = sz_point_whole(p, SZ_P_PROMPT, 512);
    const char *kv = sz_point_word(p, SZ_P_KV_DTYPE, "f16");
    sz_inference_options o = {.prompt = prompt,
                              .generate = sz_point_whole(p, SZ_P_GENERATE, 128),
                              .batch = sz_point_whole(p, SZ_P_BATCH, 1),
                              .context = sz_point_whole(p, SZ_P_CONTEXT, 0),
                              .prefix_hit = sz_point_number(p, SZ_P_PREFIX_HIT, 0),
                              .stack = sz_point_word(p, SZ_P_STACK, NULL),
                              .dtype = sz_point_word(p, SZ_P_DTYPE, NULL),
                              .threads = (int)sz_point_whole(p, SZ_P_THREADS, 0),
                              .reserve_bytes = -1};
    p->ret->value[SZ_METRIC_PARAMS] = (double)sz_llm_form_shape(p->subject->form).params;
    o.counting.kv_dtype = sz_dtype_by_name(kv);
    if (!o.counting.kv_dtype)
        return sz_fail(self->ctx, SZ_ERR_USAGE, "no numeric format is called '%s'", kv);
    sz_status status = activations(p, prompt, &live);
    if (status == SZ_OK) status = plan_of(p, &plan, &devices);
    if (status != SZ_OK) return sz_point_refuse(p, status);
    o.activation_bytes = live.constant;
    o.activation_bytes_per_sequence = live.per_sequence;
    if (devices > 1 || plan.experts > 1) o.plan = &plan;
    status = sz_inference_predict(self->quiet, p->subject->form, p->machine, &o, &r);
    if (status != SZ_OK) return sz_point_refuse(p, status);
    p->ret->value[SZ_METRIC_MEMORY] = r.memory.total;
    check_fits(p, &r);
    if (!p->why[0]) put(p, &o, &r, (double)devices);
    return SZ_OK;
}
