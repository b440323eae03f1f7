// SPDX-License-Identifier: Apache-2.0
// Is one step of training right? Loss, weights and states of the optimizer after the first step,
// against the reference from the same weights.
#include "run/backends/check.h"
#include "run/backends/job.h"

#include <math.h>
#include <stdio.h>

#include "model/train/train.h"

// FLOP that the reference may take for a step: some seconds.
static const int64_t MOST = 4000000000;
enum { CHUNK = 4096 };

// What rounding may do in f32, as a share of the largest number. A gradient has gone through the
// net twice, and a sum that cancels keeps little of it; numbers far below the largest gradient of
// the step (of a bias before a normalization, 0 on paper) are rounding alone.
static const double LOSS = 1e-4, WEIGHT = 1e-4, GRADIENT = 1e-2, SMALL = 1e-3;

// How far rounding moves a step: the reference once more, with what each node reads moved by up to
// NOISE x 2^-24 of it. It tells the size; that the library is right is told node by node.
static const double NOISE = 4;

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

// Outputs of the step: how far the library is off, and how far the reference itself moves by
// rounding (0 = was not looked at).
typedef struct seen {
    gap *gaps;
    double *moved;
    double gradient; // largest of the step
} seen;

static void judge_all(sz_job *j, const seen *s, sz_check *c) {
    const sz_train_step *step = j->how.step;
    *c = (sz_check){.how = "whole", .is_right = true};
    for (size_t o = 0; o < j->graph->outputs.n; o++) {
        const sz_train_pair *p = pair_of(step, j->graph->outputs.items[o]);
        const gap *one = &s->gaps[o];
        const bool state = p && p->what == SZ_TRAIN_STATE;
        const double scale = state ? fmax(one->largest, SMALL * s->gradient) : one->largest;
        const double usual = state ? GRADIENT : p ? WEIGHT : LOSS;
        if (!is_compared(step, p) || (p && p->what == SZ_TRAIN_SQUARE)) continue;
        judge(c, one, scale, usual);
        c->elements += sz_ref_output(j->numbers[0], o)->count;
    }
}

static sz_status look(sz_job *j, seen *s) {
    const sz_graph *g = j->graph;
    s->gaps = sz_arena_array(&j->arena, g->outputs.n + 1, sizeof *s->gaps);
    s->moved = sz_arena_array(&j->arena, g->outputs.n + 1, sizeof *s->moved);
    if (!s->gaps || !s->moved) return sz_no_memory(j->ctx);
    for (size_t o = 0; o < g->outputs.n; o++) {
        const sz_value_id v = g->outputs.items[o];
        const sz_train_pair *p = pair_of(j->how.step, v);
        s->gaps[o] = gap_of(j->slots[0][v], sz_ref_output(j->numbers[0], o));
        if (p && p->what == SZ_TRAIN_STATE) s->gradient = fmax(s->gradient, s->gaps[o].largest);
    }
    return SZ_OK;
}

// What the step began with: the inputs of the first set, and states that were zero.
static sz_status give_all(sz_job *j, sz_ref *r) {
    for (size_t id = 0; id < j->graph->values.n; id++) {
        const sz_value *v = &j->graph->values.items[id];
        const bool state = j->changes[id] && v->constant->form == SZ_CONST_RECIPE;
        sz_buffer *zeros;
        if (j->readers[id] > 0 && v->kind == SZ_VALUE_INPUT)
            SZ_TRY(sz_ref_give(r, (sz_value_id)id, j->slots[0][id]));
        if (!state) continue;
        SZ_TRY(sz_buffer_create(j->ctx, v->type.dtype, v->type.rank, v->type.dims, &zeros));
        const sz_status status = sz_ref_give(r, (sz_value_id)id, zeros);
        sz_buffer_release(j->ctx, zeros);
        SZ_TRY(status);
    }
    return SZ_OK;
}

// ---- how well the step is conditioned ----------------------------------------------------------

// A kernel that is as good as it can be gives the exact result for inputs that are off by a few
// units in the last place (its backward error). The reference, made to do just that in each node,
// shows what such errors come to.
static sz_status find_moved(sz_job *j, seen *s) {
    const sz_ref_options o = {.seed = j->how.seed, .noise = NOISE};
    sz_ref *r;
    SZ_TRY(sz_ref_create(j->ctx, j->graph, &o, &r));
    sz_status status = give_all(j, r);
    if (status == SZ_OK) status = sz_ref_run(r);
    for (size_t k = 0; status == SZ_OK && k < j->graph->outputs.n; k++)
        s->moved[k] = gap_of(sz_ref_output(r, k), sz_ref_output(j->numbers[0], k)).worst;
    sz_ref_destroy(r);
    return status;
}

static double most_moved(const sz_job *j, const seen *s) {
    double most = 0;
    for (size_t o = 0; o < j->graph->outputs.n; o++) {
        const sz_train_pair *p = pair_of(j->how.step, j->graph->outputs.items[o]);
        const double scale = fmax(s->gaps[o].largest, SMALL * s->gradient);
        if (p && p->what == SZ_TRAIN_STATE && scale > 0) most = fmax(most, s->moved[o] / scale);
    }
    return most;
}

// A step as a whole may be worse conditioned than f32 is exact: a batch norm over two values is
// nearly the sign of their difference, and its gradient cancels to a part in 1e5; a ReLU beside 0
// falls to the other side. Then each node is held to the reference from what it really read, and
// all but the optimizer have to be seen: a wrong kernel shows there, whatever the conditioning.
static sz_status compare(sz_job *j, sz_check *c) {
    seen s = {.gradient = 0};
    sz_check whole;
    SZ_TRY(look(j, &s));
    judge_all(j, &s, c);
    if (c->is_right) return SZ_OK;
    whole = *c;
    SZ_TRY(sz_check_nodes(j, c));
    // what is updated in place cannot be seen: weights and the number of updates
    if (!c->is_right || c->unseen > (int64_t)j->how.step->n_weights + 1) {
        memcpy(whole.why, c->why, sizeof whole.why);
        *c = whole;
        return SZ_OK;
    }
    SZ_TRY(find_moved(j, &s));
    snprintf(c->why, sizeof c->why,
             "right node by node; the whole step is off by %.2g where %.2g is usual, as it is "
             "ill-conditioned: rounding moves gradients of the reference itself by %.2g",
             whole.error, whole.allowed, most_moved(j, &s));
    return SZ_OK;
}

sz_status sz_job_check_step(sz_job *j, int64_t flops, sz_check *c) {
    const char *why;
    *c = (sz_check){.how = "whole", .is_right = true};
    if (flops > MOST) return sz_check_nodes(j, c);
    SZ_TRY(sz_ref_supports(j->graph, &why));
    if (why) return sz_check_none(c, why), SZ_OK;
    SZ_TRY(give_all(j, j->numbers[0]));
    const sz_status status = sz_ref_run(j->numbers[0]);
    if (status == SZ_OK) return compare(j, c);
    sz_check_none(c, sz_ctx_error(j->ctx));
    sz_ctx_clear(j->ctx);
    return status == SZ_ERR_MEMORY ? status : SZ_OK;
}
