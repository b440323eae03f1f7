// SPDX-License-Identifier: Apache-2.0
// Is one step of training right? Loss, weights and states of the optimizer after the first step,
// against the reference from the same weights.
#include "run/backends/check.h"
#include "run/backends/job.h"

#include <math.h>

#include "model/train/train.h"

// FLOP that the reference may take for a step: some seconds.
static const int64_t MOST = 4000000000;
enum { CHUNK = 4096 };

// What rounding may do in f32, as a share of the largest number. A gradient has gone through the
// net twice, and a sum that cancels keeps little of it; numbers far below the largest gradient of
// the step (of a bias before a normalization, 0 on paper) are rounding alone.
static const double LOSS = 1e-4, WEIGHT = 1e-4, GRADIENT = 1e-2, SMALL = 1e-3;

typedef struct gap {
    double worst, largest;
    bool finite;
} gap;

static gap gap_of(const sz_buffer *got, const sz_buffer *want) {
    double a[CHUNK], b[CHUNK];
    gap g = {0, 0, true};
    for (int64_t at = 0; at < want->count; at += CHUNK) {
        const int64_t n = want->count - at < CHUNK ? want->count - at : CHUNK;
        sz_buffer_doubles(got, at, n, a);
        sz_buffer_doubles(want, at, n, b);
        for (int64_t i = 0; i < n; i++) {
            g.finite &= isfinite(a[i]) || !isfinite(b[i]);
            if (!isfinite(b[i])) continue;
            g.worst = fmax(g.worst, fabs(a[i] - b[i]));
            g.largest = fmax(g.largest, fabs(b[i]));
        }
    }
    return g;
}

// The share that is farthest from what is allowed is the one that is told.
static void judge(sz_check *c, const gap *g, double scale, double allowed) {
    const double error = scale > 0 ? g->worst / scale : g->worst;
    if (c->allowed == 0 || error / allowed > c->error / c->allowed)
        c->error = error, c->allowed = allowed;
    c->is_right &= g->finite && error <= allowed;
}

static const sz_train_pair *pair_of(const sz_train_step *step, sz_value_id v) {
    for (size_t k = 0; k < step->n_pairs; k++)
        if (step->pairs[k].updated == v) return &step->pairs[k];
    return NULL;
}

// Adam divides by the size of the gradient, so a weight moves by its sign where that is rounding:
// its means are compared instead.
static bool is_compared(const sz_train_step *step, const sz_train_pair *p) {
    return !p || p->what != SZ_TRAIN_WEIGHT || strcmp(step->optimizer, "adam") != 0;
}

static sz_status compare(sz_job *j, sz_check *c) {
    const sz_train_step *step = j->how.step;
    const sz_graph *g = j->graph;
    gap *gaps = sz_arena_array(&j->arena, g->outputs.n + 1, sizeof *gaps);
    double gradient = 0;
    if (!gaps) return sz_no_memory(j->ctx);
    for (size_t o = 0; o < g->outputs.n; o++) {
        const sz_value_id v = g->outputs.items[o];
        const sz_train_pair *p = pair_of(step, v);
        gaps[o] = gap_of(j->slots[0][v], sz_ref_output(j->numbers[0], o));
        if (p && p->what == SZ_TRAIN_STATE) gradient = fmax(gradient, gaps[o].largest);
    }
    for (size_t o = 0; o < g->outputs.n; o++) {
        const sz_train_pair *p = pair_of(step, g->outputs.items[o]);
        const gap *one = &gaps[o];
        if (!is_compared(step, p) || (p && p->what == SZ_TRAIN_SQUARE)) continue;
        if (p && p->what == SZ_TRAIN_STATE)
            judge(c, one, fmax(one->largest, SMALL * gradient), GRADIENT);
        else
            judge(c, one, one->largest, p ? WEIGHT : LOSS);
        c->elements += sz_ref_output(j->numbers[0], o)->count;
    }
    return SZ_OK;
}

// What the step began with: the inputs of the first set, and states that were zero.
static sz_status give_all(sz_job *j) {
    for (size_t id = 0; id < j->graph->values.n; id++) {
        const sz_value *v = &j->graph->values.items[id];
        const bool state = j->changes[id] && v->constant->form == SZ_CONST_RECIPE;
        sz_buffer *zeros;
        if (j->readers[id] > 0 && v->kind == SZ_VALUE_INPUT)
            SZ_TRY(sz_ref_give(j->numbers[0], (sz_value_id)id, j->slots[0][id]));
        if (!state) continue;
        SZ_TRY(sz_buffer_create(j->ctx, v->type.dtype, v->type.rank, v->type.dims, &zeros));
        const sz_status status = sz_ref_give(j->numbers[0], (sz_value_id)id, zeros);
        sz_buffer_release(j->ctx, zeros);
        SZ_TRY(status);
    }
    return SZ_OK;
}

sz_status sz_job_check_step(sz_job *j, int64_t flops, sz_check *c) {
    const char *why;
    *c = (sz_check){.how = "whole", .is_right = true};
    if (flops > MOST) return sz_check_nodes(j, c);
    SZ_TRY(sz_ref_supports(j->graph, &why));
    if (why) return sz_check_none(c, why), SZ_OK;
    SZ_TRY(give_all(j));
    const sz_status status = sz_ref_run(j->numbers[0]);
    if (status == SZ_OK) return compare(j, c);
    sz_check_none(c, sz_ctx_error(j->ctx));
    sz_ctx_clear(j->ctx);
    return status == SZ_ERR_MEMORY ? status : SZ_OK;
}
