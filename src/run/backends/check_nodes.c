// SPDX-License-Identifier: Apache-2.0
// Large nets are checked node by node, as they run, from the inputs that each node really had. An
// error of a node is then seen where it arises.
#include <math.h>
#include <stdio.h>

#include "model/ops/numbers.h"
#include "model/ops/rule.h"
#include "run/backends/check.h"
#include "run/backends/job_layout.h"
#include "run/backends/ref/session.h"

// Elements of the operands of a node that the reference runs whole, and of all of them.
enum { SPOTS = 64, SMALL = 1 << 18, MOST = 1 << 23, MOST_OUTPUTS = 8 };

typedef struct looker {
    sz_job *j;
    sz_check *c;
    sz_frame frame;
    int64_t spent;                              // elements that the reference was given
    int64_t products, whole, pointwise, unseen; // nodes
} looker;

static int64_t spread_over(int64_t i, int64_t count) { // the golden ratio spreads them
    return count <= SPOTS ? i : (int64_t)(((uint64_t)i * 0x9e3779b97f4a7c15u) % (uint64_t)count);
}

static double allowed(const sz_job_node *n, const sz_buffer *y) {
    return sz_check_allowed(n->step.ran_as ? n->step.ran_as : y->dtype, y->dtype);
}

// ---- products ----------------------------------------------------------------------------------

static bool look_at_product(looker *l, const sz_job_node *one) {
    const sz_node *n = one->node;
    bool known = true;
    (void)sz_spot(l->j, n, 0, 0, &known);
    if (!known) return false;
    for (int o = 0; o < n->n_outputs; o++) {
        if (n->outputs[o] == SZ_NONE) continue;
        const sz_buffer *y = l->j->slots[0][n->outputs[o]];
        const int64_t many = y->count < SPOTS ? y->count : SPOTS;
        sz_spread s = {.finite = true};
        for (int64_t i = 0; i < many; i++) {
            const int64_t at = spread_over(i, y->count);
            double got;
            sz_buffer_doubles(y, at, 1, &got);
            sz_check_see(&s, got, sz_spot(l->j, n, o, at, &known));
        }
        sz_check_judge(l->c, &s, allowed(one, y));
        l->c->elements += many;
    }
    l->products++;
    return true;
}

// ---- the rest ----------------------------------------------------------------------------------

// A float that becomes a whole number may fall on the other side of a half.
static double allowed_whole(const looker *l, const sz_job_node *one, const sz_buffer *y,
                            const sz_spread *s) {
    const double most = allowed(one, y);
    const sz_buffer *x = one->node->n_inputs > 0 && one->node->inputs[0] != SZ_NONE
                             ? l->j->slots[0][one->node->inputs[0]]
                             : NULL;
    if (!x || !sz_is_float(x->dtype) || sz_is_float(y->dtype) || s->largest == 0) return most;
    return fmax(most, 1 / s->largest);
}

// A sum whose terms cancel is as exact as its terms are: it is held to the largest of them.
static void widen_by_terms(const sz_node *n, sz_buffer *const *in, sz_spread *s) {
    const bool adds_up = (n->op.len > 6 && strncmp(n->op.p, "Reduce", 6) == 0) ||
                         sz_str_is(n->domain, "sizeup.train");
    double x[256];
    for (int32_t i = 0; adds_up && i < n->n_inputs; i++)
        for (int64_t at = 0; in[i] && sz_is_float(in[i]->dtype) && at < in[i]->count; at += 256) {
            const int64_t many = in[i]->count - at < 256 ? in[i]->count - at : 256;
            sz_buffer_doubles(in[i], at, many, x);
            for (int64_t k = 0; k < many; k++) s->largest = fmax(s->largest, fabs(x[k]));
        }
}

static sz_status by_reference(looker *l, const sz_job_node *one, sz_buffer **in,
                              const sz_buffer *const *got) {
    const sz_node *n = one->node;
    sz_buffer *made[MOST_OUTPUTS] = {NULL};
    sz_status status = sz_ref_node(l->j->numbers[0], &l->frame, n, in, made);
    for (int32_t o = 0; o < n->n_outputs; o++) {
        if (status == SZ_OK && made[o] && got[o]) {
            sz_spread s = {.finite = true};
            if (made[o]->count != got[o]->count)
                status = sz_fail(l->j->ctx, SZ_ERR_INTERNAL, "outputs of different sizes");
            else
                sz_check_compare(got[o], made[o], &s);
            widen_by_terms(n, in, &s);
            sz_check_judge(l->c, &s, allowed_whole(l, one, got[o], &s));
            l->c->elements += got[o]->count;
        }
        sz_buffer_release(l->j->ctx, made[o]);
    }
    return status;
}

static sz_status look_whole(looker *l, const sz_job_node *one) {
    const sz_node *n = one->node;
    sz_buffer **in = sz_arena_array(&l->j->arena, (size_t)n->n_inputs + 1, sizeof *in);
    const sz_buffer *got[MOST_OUTPUTS] = {NULL};
    if (!in) return sz_no_memory(l->j->ctx);
    for (int32_t i = 0; i < n->n_inputs; i++)
        in[i] = n->inputs[i] == SZ_NONE ? NULL : l->j->slots[0][n->inputs[i]];
    for (int32_t o = 0; o < n->n_outputs; o++)
        got[o] = n->outputs[o] == SZ_NONE ? NULL : l->j->slots[0][n->outputs[o]];
    l->whole++;
    return by_reference(l, one, in, got);
}

static bool is_pointwise(const sz_node *n) {
    static const char *const ops[] = {
        "Relu", "Add", "Sub",      "Mul",      "Div",         "Sigmoid",   "Tanh",     "Erf",
        "Gelu", "Exp", "Sqrt",     "Clip",     "LeakyRelu",   "HardSwish", "Elu",      "Where",
        "Pow",  "Abs", "Neg",      "Sum",      "HardSigmoid", "Swish",     "BiasGelu", "FastGelu",
        "Min",  "Max", "ReluGrad", "TanhGrad", "SigmoidGrad", "GeluGrad",  "Cast"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (sz_str_is(n->op, ops[i])) return true;
    return false;
}

// By channel: everything but the image has a number for each, and the inference form has no other.
static bool is_by_channel(const sz_node *n) {
    return sz_str_is(n->op, "BatchNormalization") && !sz_attr_i(n, "training_mode", 0) &&
           (n->n_outputs < 2 || n->outputs[1] == SZ_NONE);
}

// The element of an operand that goes into element `at` of the result.
static int64_t source(const sz_buffer *x, const sz_buffer *y, int64_t at) {
    int64_t place = 0, step = 1;
    for (int32_t d = x->rank - 1, e = y->rank - 1; d >= 0; d--, e--) {
        if (x->dims[d] != 1) place += at % y->dims[e] * step;
        step *= x->dims[d], at /= y->dims[e];
    }
    return place;
}

static int64_t channel(const sz_buffer *y, int64_t at) {
    for (int32_t d = y->rank - 1; d > 1; d--) at /= y->dims[d];
    return at % y->dims[1];
}

typedef enum form { ELEMENTS, ONE_NUMBER, IMAGE, CHANNELS } form;

static sz_status pick(looker *l, const sz_buffer *x, const sz_buffer *y, form f,
                      sz_buffer **ret_buffer) {
    const int64_t dims[] = {1, SPOTS}, many = f == ONE_NUMBER ? 1 : SPOTS;
    const int32_t rank = f == ONE_NUMBER ? 0 : f == IMAGE ? 2 : 1;
    const size_t width = sz_buffer_width(x->dtype);
    SZ_TRY(sz_buffer_create(l->j->ctx, x->dtype, rank, dims + (rank == 1), ret_buffer));
    for (int64_t i = 0; i < many; i++) {
        const int64_t at = spread_over(i, y->count);
        const int64_t from = f == CHANNELS ? channel(y, at) : source(x, y, at);
        memcpy((char *)(*ret_buffer)->data + (size_t)i * width,
               (const char *)x->data + (size_t)from * width, width);
    }
    return SZ_OK;
}

static form form_of(const sz_node *n, int32_t input) {
    if (is_by_channel(n)) return input == 0 ? IMAGE : CHANNELS;
    return sz_str_is(n->op, "Clip") && input > 0 ? ONE_NUMBER : ELEMENTS; // limits of Clip
}

// The same node on a few elements of each operand.
static sz_status look_pointwise(looker *l, const sz_job_node *one) {
    const sz_node *n = one->node;
    const sz_buffer *y = l->j->slots[0][n->outputs[0]];
    sz_buffer *in[MOST_OUTPUTS] = {NULL}, *out = NULL;
    sz_status status = pick(l, y, y, ELEMENTS, &out);
    for (int32_t i = 0; status == SZ_OK && i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE)
            status = pick(l, l->j->slots[0][n->inputs[i]], y, form_of(n, i), &in[i]);
    if (status == SZ_OK) status = by_reference(l, one, in, (const sz_buffer *const[]){out});
    for (int32_t i = 0; i < n->n_inputs; i++) sz_buffer_release(l->j->ctx, in[i]);
    sz_buffer_release(l->j->ctx, out);
    l->pointwise++;
    return status;
}

static int64_t elements_of(const sz_job *j, const sz_node *n) {
    int64_t sum = 0;
    for (int32_t i = 0; i < n->n_inputs + n->n_outputs; i++) {
        const sz_value_id id = i < n->n_inputs ? n->inputs[i] : n->outputs[i - n->n_inputs];
        if (id != SZ_NONE && !sz_add(sum, j->slots[0][id]->count, &sum)) return INT64_MAX;
    }
    return sum;
}

// Numbers that the step changes in place are gone when it has run; a choice may fall on either of
// two that rounding makes equal.
static bool cannot_be_seen(const sz_job *j, const sz_node *n) {
    if (n->n_outputs > MOST_OUTPUTS || sz_str_is(n->op, "ArgMax") || sz_str_is(n->op, "ArgMin"))
        return true;
    for (int32_t o = 0; o < n->n_outputs; o++)
        for (int32_t i = 0; i < n->n_inputs; i++)
            if (n->outputs[o] != SZ_NONE && n->inputs[i] != SZ_NONE &&
                j->slots[0][n->outputs[o]]->data == j->slots[0][n->inputs[i]]->data)
                return true;
    return sz_backend_ref.refuses(NULL, j->graph, n) != NULL;
}

static sz_status look(looker *l, const sz_job_node *one) {
    const sz_node *n = one->node;
    const int64_t size = elements_of(l->j, n);
    if (cannot_be_seen(l->j, n)) {
        l->unseen++;
        return SZ_OK;
    }
    if (look_at_product(l, one)) return SZ_OK;
    if (size <= SMALL && l->spent + size <= MOST) {
        l->spent += size;
        return look_whole(l, one);
    }
    if ((is_pointwise(n) || is_by_channel(n)) && n->n_inputs <= MOST_OUTPUTS &&
        l->j->slots[0][n->outputs[0]]->count > SPOTS)
        return look_pointwise(l, one);
    l->unseen++;
    return SZ_OK;
}

static sz_status look_at(looker *l, const sz_job_node *n) {
    SZ_TRY(n->step.run(n->step.state, 0));
    if (n->step.fetch) SZ_TRY(n->step.fetch(n->step.state));
    SZ_TRY(sz_job_show(l->j, n));
    const bool was_right = l->c->is_right;
    SZ_TRY(look(l, n));
    sz_job_unshow(l->j, n);
    if (was_right && !l->c->is_right)
        snprintf(l->c->why, sizeof l->c->why, "'%s' (%s) is the first node that is wrong",
                 sz_show(l->j->ctx, n->node->name), sz_show(l->j->ctx, n->node->op));
    return SZ_OK;
}

sz_status sz_check_nodes(sz_job *j, sz_check *c) {
    looker l = {.j = j, .c = c, .frame = {.graph = j->graph}};
    *c = (sz_check){.how = "spots", .is_right = true};
    sz_status status = SZ_OK;
    for (size_t k = 0; status == SZ_OK && k < j->nodes.n; k++)
        status = look_at(&l, &j->nodes.items[k]);
    sz_job_unshow_all(j);
    if (status != SZ_OK) return status;
    c->unseen = l.unseen;
    if (c->is_right)
        snprintf(c->why, sizeof c->why,
                 "node by node: %lld products and %lld others at some elements, %lld whole, %lld "
                 "not looked at",
                 (long long)l.products, (long long)l.pointwise, (long long)l.whole,
                 (long long)l.unseen);
    return SZ_OK;
}
