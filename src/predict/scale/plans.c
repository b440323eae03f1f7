// SPDX-License-Identifier: Apache-2.0
// All plans of a cluster, one after the other: nothing is kept but the front.
#include "predict/scale/collectives.h"

typedef struct search {
    const sz_scale_model *model;
    const sz_scale_device *device;
    const sz_network *net;
    int64_t devices;
    sz_scale_found *found;
} search;

// Drop from the front whatever the plan at `at` is as good as, behind it.
static void prune(sz_scale_found *f, size_t at) {
    size_t n = at + 1;
    for (size_t i = at + 1; i < f->n; i++) {
        if (f->results[i].total_bytes >= f->results[at].total_bytes) continue;
        f->plans[n] = f->plans[i];
        f->results[n++] = f->results[i];
    }
    f->n = n;
}

// The front stands fastest first; each needs less memory than the one before.
static void offer(sz_scale_found *f, const sz_scale_plan *plan, const sz_scale_training *r) {
    size_t at = f->n;
    while (at > 0 && f->results[at - 1].time_s > r->time_s) at--;
    if (at > 0 && f->results[at - 1].total_bytes <= r->total_bytes) return;
    if (at == SZ_PLANS_FRONT) return;
    const size_t last = f->n < SZ_PLANS_FRONT ? f->n++ : SZ_PLANS_FRONT - 1;
    for (size_t i = last; i > at; i--) {
        f->plans[i] = f->plans[i - 1];
        f->results[i] = f->results[i - 1];
    }
    f->plans[at] = *plan;
    f->results[at] = *r;
    prune(f, at);
}

static void try_one(const search *s, const sz_scale_plan *plan) {
    sz_scale_training r;
    s->found->tried++;
    sz_training_predict(s->model, s->device, s->net, plan, &r);
    if (s->device->capacity_bytes > 0 && r.total_bytes > s->device->capacity_bytes) return;
    s->found->fitting++;
    offer(s->found, plan, &r);
}

// Experts split as the rest is, and whole ones on so many devices of a stage as go.
static void try_experts(const search *s, sz_scale_plan plan) {
    const int64_t stage = plan.tensor * plan.data;
    try_one(s, &plan);
    if (plan.tensor > 1 && !plan.sequence_parallel) return;
    for (int64_t e = 2; e <= s->model->experts && e <= stage; e++) {
        if (s->model->experts % e || stage % e || e % plan.tensor) continue;
        plan.experts = e;
        try_one(s, &plan);
    }
}

// How memory is saved: what data parallel devices share, what is computed again, what is split.
static void try_savings(const search *s, sz_scale_plan plan) {
    const int most_zero = plan.data > 1 ? 3 : 0, most_split = plan.tensor > 1;
    for (plan.zero = 0; plan.zero <= most_zero; plan.zero++)
        for (int r = SZ_RECOMPUTE_NONE; r <= SZ_RECOMPUTE_FULL; r++)
            for (int split = 0; split <= most_split; split++) {
                plan.recompute = (sz_recompute)r;
                plan.sequence_parallel = split;
                try_experts(s, plan);
            }
}

static void try_batches(const search *s, sz_scale_plan plan) {
    if (plan.batch % plan.data) return;
    const int64_t mine = plan.batch / plan.data, deep = s->model->layers / plan.pipeline;
    for (plan.microbatch = 1; plan.microbatch <= mine; plan.microbatch++) {
        if (mine % plan.microbatch) continue;
        for (plan.interleave = 1; plan.interleave <= deep; plan.interleave++) {
            if (deep % plan.interleave) continue;
            if (plan.interleave > 1 && plan.pipeline == 1) break;
            // the interleaved schedule goes in rounds of as many microbatches as stages
            if (plan.interleave > 1 && mine / plan.microbatch % plan.pipeline) continue;
            try_savings(s, plan);
        }
    }
}

void sz_scale_search(const sz_scale_model *model, const sz_scale_device *device,
                     const sz_network *net, int64_t devices, int64_t batch, sz_scale_found *ret) {
    const search s = {model, device, net, devices, ret};
    *ret = (sz_scale_found){0};
    for (int64_t t = 1; t <= model->heads && t <= devices; t++) {
        if (model->heads % t || devices % t) continue;
        for (int64_t p = 1; p <= model->layers && p <= devices / t; p++) {
            if (model->layers % p || devices / t % p) continue;
            try_batches(&s,
                        (sz_scale_plan){
                            .tensor = t, .pipeline = p, .data = devices / t / p, .batch = batch});
        }
    }
}
