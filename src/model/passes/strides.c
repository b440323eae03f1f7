// SPDX-License-Identifier: Apache-2.0
// A convolution of one place that takes every s-th number leaves the others unread: its stride goes
// to the convolution before, through what stands between and works on each number alone. Where that
// reads something else as well, it gets every s-th number of it (a MaxPool of one place).
//
// Needs: static types; all readers of a value must leave out the same. Keeps: the types of what the
// convolution makes; those of the values between get smaller. Convolutions with groups or with
// padding that is named (SAME_UPPER) take no stride on.
#include "model/passes/pass.h"

enum { MOST = 3 }; // axes of space

typedef struct step {
    int32_t n; // axes of space; 0 = all numbers are read, or nobody said
    int64_t of[MOST];
} step;

typedef struct walk {
    sz_pass_job *job;
    step *asks; // by node: which of its data it reads
    step *left; // by node: what its readers read of its output, where it can make just that
    sz_node_id n;
} walk;

// By number alone, as OpenVINO has it: operators with one or two operands of arithmetic.
static const char *const alone[] = {
    "Add", "Sub",  "Mul",  "Div", "Max",     "Min",  "Pow",       "Relu",     "Sigmoid", "Tanh",
    "Exp", "Log",  "Sqrt", "Abs", "Neg",     "Erf",  "HardSwish", "Mish",     "Softplus", "Gelu",
    "Sin", "Cos",  "Ceil", "Floor", "Sign",  "BatchNormalization"};

static bool is_one(const step *s) {
    for (int32_t i = 0; i < s->n; i++)
        if (s->of[i] != 1) return false;
    return true;
}

static bool is_same(const step *a, const step *b) {
    return a->n == b->n && memcmp(a->of, b->of, (size_t)a->n * sizeof *a->of) == 0;
}

// ---- asking ------------------------------------------------------------------------------------

static const sz_type *made_by(const walk *w, sz_node_id id) {
    return sz_type_of(w->job, sz_edit_out(w->job->e, id, 0));
}

// What all readers of its output leave out alike; n = 0: they don't.
static step read_by_all(const walk *w, sz_node_id id) {
    const sz_edit *e = w->job->e;
    const sz_value_id y = sz_edit_out(e, id, 0);
    step common = {.n = 0};
    if (!sz_has_one_output(w->job, id) || sz_edit_is_pinned(e, y)) return common;
    for (int32_t u = e->values.items[y].first; u != SZ_NONE; u = e->uses.items[u].next) {
        const sz_node_id reader = e->uses.items[u].node;
        const step *s = &w->asks[reader];
        const bool is_weight = sz_is_op(w->job, reader, "Conv") &&
                               u != e->nodes.items[reader].first_use;
        if (s->n == 0 || is_weight || is_one(s)) return (step){.n = 0};
        if (common.n > 0 && !is_same(&common, s)) return (step){.n = 0};
        common = *s;
    }
    return common;
}

static bool is_plain_conv(const walk *w, sz_node_id id) {
    const sz_node *n = sz_edit_node_of(w->job->e, id);
    const sz_str pad = sz_attr_s(n, "auto_pad", "NOTSET");
    const sz_type *x = sz_type_of(w->job, sz_edit_in(w->job->e, id, 0)), *y = made_by(w, id);
    return sz_is_op(w->job, id, "Conv") && sz_attr_i(n, "group", 1) == 1 && sz_type_is_static(x) &&
           sz_type_is_static(y) && x->rank >= 3 && x->rank <= 2 + MOST && x->rank == y->rank &&
           (sz_str_is(pad, "NOTSET") || sz_str_is(pad, "VALID") || pad.len == 0);
}

static step strides_of(const walk *w, sz_node_id id) {
    const int64_t *given;
    step s = {.n = made_by(w, id)->rank - 2};
    const int32_t n = sz_attr_ints(sz_edit_node_of(w->job->e, id), "strides", &given);
    for (int32_t i = 0; i < s.n; i++) s.of[i] = i < n && given[i] > 0 ? given[i] : 1;
    return s;
}

// One place, no padding.
static bool is_pointwise(const walk *w, sz_node_id id) {
    const sz_type *weights = sz_type_of(w->job, sz_edit_in(w->job->e, id, 1));
    const int64_t *pads;
    const int32_t n = sz_attr_ints(sz_edit_node_of(w->job->e, id), "pads", &pads);
    for (int32_t i = 2; i < weights->rank; i++)
        if (weights->dims[i] != 1) return false;
    for (int32_t i = 0; i < n; i++)
        if (pads[i] != 0) return false;
    return weights->rank >= 3;
}

// Has every operand the axes of the output, or the same number for all places?
static bool is_by_place(const walk *w, sz_node_id id, int32_t space) {
    const sz_type *y = made_by(w, id);
    const bool is_norm = sz_is_op(w->job, id, "BatchNormalization"); // others are per channel
    const int n = is_norm ? 1 : sz_edit_node_of(w->job->e, id)->n_inputs;
    if (y->rank != space + 2 || !sz_type_is_static(y)) return false;
    for (int i = 0; i < n; i++) {
        const sz_type *t = sz_type_of(w->job, sz_edit_in(w->job->e, id, i));
        if (!sz_type_is_static(t)) return false;
        for (int32_t k = 0; t->rank != y->rank && k < t->rank && k < space; k++)
            if (t->dims[t->rank - 1 - k] != 1) return false;
    }
    return true;
}

// False, and unchanged: the other leaves nothing out, or the product is too large.
static bool times(step *s, const step *by) {
    step product = *s;
    if (by->n != s->n) return false;
    for (int32_t i = 0; i < s->n; i++)
        if (!sz_mul(s->of[i], by->of[i], &product.of[i])) return false;
    *s = product;
    return true;
}

static void ask(walk *w, sz_node_id id) {
    const step read = read_by_all(w, id);
    if (SZ_IS_ANY(w->job, id, alone)) {
        if (read.n > 0 && is_by_place(w, id, read.n)) w->asks[id] = w->left[id] = read;
        return;
    }
    if (!is_plain_conv(w, id)) return;
    step s = strides_of(w, id);
    if (times(&s, &read)) w->left[id] = read;
    if (is_pointwise(w, id)) w->asks[id] = s;
}

// ---- changing ----------------------------------------------------------------------------------

static sz_status copy_of(const walk *w, const step *s, const int64_t **ret) {
    int64_t *copy = sz_arena_array(w->job->g->arena, MOST, sizeof *copy);
    if (!copy) return sz_no_memory(w->job->g->ctx);
    memcpy(copy, s->of, sizeof s->of);
    *ret = copy;
    return SZ_OK;
}

static sz_status set_strides(walk *w, sz_node_id id, const step *s) {
    sz_node *n = sz_edit_node_of(w->job->e, id);
    sz_attr *attrs = sz_arena_array(w->job->g->arena, (size_t)n->n_attrs + 1, sizeof *attrs);
    const int64_t *values;
    int32_t kept = 0;
    if (!attrs) return sz_no_memory(w->job->g->ctx);
    SZ_TRY(copy_of(w, s, &values));
    for (int32_t i = 0; i < n->n_attrs; i++)
        if (!sz_str_is(n->attrs[i].name, "strides")) attrs[kept++] = n->attrs[i];
    attrs[kept++] = sz_attr_of_ints("strides", s->n, values);
    n->attrs = attrs, n->n_attrs = kept;
    return SZ_OK;
}

// The output of a node has every s-th number left.
static sz_status shrink(walk *w, sz_node_id id, const step *s) {
    sz_value *v = sz_edit_value_of(w->job->e, sz_edit_out(w->job->e, id, 0));
    int64_t *dims = sz_graph_dims(w->job->g, v->type.rank);
    if (!dims) return sz_no_memory(w->job->g->ctx);
    memcpy(dims, v->type.dims, (size_t)v->type.rank * sizeof *dims);
    for (int32_t i = 0; i < s->n; i++) dims[2 + i] = (dims[2 + i] - 1) / s->of[i] + 1;
    v->type.dims = dims;
    v->declared = NULL; // what the file says of it is not so any more
    return SZ_OK;
}

static sz_status leave_out(walk *w, sz_node_id id, int i, const step *s) {
    static const int64_t one[MOST] = {1, 1, 1};
    const sz_value_id x = sz_edit_in(w->job->e, id, i);
    const sz_type *t = sz_type_of(w->job, x);
    sz_attr *attrs = sz_arena_array(w->job->g->arena, 2, sizeof *attrs);
    const int64_t *values;
    sz_value_id y;
    sz_node_id node;
    bool is_spread = false;
    for (int32_t k = 0; t->rank == s->n + 2 && k < s->n; k++) is_spread |= t->dims[2 + k] != 1;
    if (!is_spread) return SZ_OK; // the same number for all places
    if (!attrs) return sz_no_memory(w->job->g->ctx);
    SZ_TRY(copy_of(w, s, &values));
    attrs[0] = sz_attr_of_ints("kernel_shape", s->n, one);
    attrs[1] = sz_attr_of_ints("strides", s->n, values);
    const sz_build b = {.op = "MaxPool",
                        .inputs = {x},
                        .n_inputs = 1,
                        .attrs = attrs,
                        .n_attrs = 2,
                        .like = x};
    SZ_TRY(sz_build_node(w->job, &b, id, &y, &node));
    return sz_edit_set_input(w->job->e, id, i, y);
}

// Is the value made with just the numbers that are read?
static bool is_thin(const walk *w, sz_value_id v) {
    const sz_node_id maker = v == SZ_NONE ? SZ_NONE : sz_edit_producer(w->job->e, v);
    return maker != SZ_NONE && maker < w->n && w->left[maker].n > 0;
}

static sz_status change_conv(walk *w, sz_node_id id) {
    const step before = strides_of(w, id), one = {before.n, {1, 1, 1}};
    step s = before;
    (void)times(&s, &w->left[id]);
    if (w->asks[id].n > 0 && is_thin(w, sz_edit_in(w->job->e, id, 0))) s = one;
    if (is_same(&s, &before)) return SZ_OK;
    w->job->changed++;
    return set_strides(w, id, &s);
}

static sz_status change(walk *w, sz_node_id id) {
    const bool is_conv = sz_is_op(w->job, id, "Conv");
    const int n = sz_edit_node_of(w->job->e, id)->n_inputs;
    if (is_conv && (w->left[id].n > 0 || w->asks[id].n > 0)) SZ_TRY(change_conv(w, id));
    for (int i = 0; !is_conv && w->asks[id].n > 0 && i < n; i++)
        if (!is_thin(w, sz_edit_in(w->job->e, id, i))) SZ_TRY(leave_out(w, id, i, &w->asks[id]));
    return w->left[id].n > 0 ? shrink(w, id, &w->left[id]) : SZ_OK;
}

// Most graphs have none of them.
static bool has_one(const walk *w) {
    for (sz_node_id id = w->job->e->head; id != SZ_NONE; id = sz_edit_next(w->job->e, id)) {
        if (!is_plain_conv(w, id) || !is_pointwise(w, id)) continue;
        const step s = strides_of(w, id);
        if (!is_one(&s)) return true;
    }
    return false;
}

sz_status sz_pass_strides(sz_pass_job *job) {
    sz_edit *e = job->e;
    const size_t n = e->nodes.n;
    walk w = {.job = job, .n = (sz_node_id)n};
    if (!has_one(&w)) return SZ_OK;
    w.asks = sz_arena_array(job->g->arena, n + 1, sizeof *w.asks);
    w.left = sz_arena_array(job->g->arena, n + 1, sizeof *w.left);
    if (!w.asks || !w.left) return sz_no_memory(job->g->ctx);
    for (sz_node_id id = e->tail; id != SZ_NONE; id = e->nodes.items[id].prev) ask(&w, id);
    for (sz_node_id id = e->head; id != SZ_NONE; id = sz_edit_next(e, id))
        if (id < w.n) SZ_TRY(change(&w, id));
    return SZ_OK;
}
