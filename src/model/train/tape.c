// SPDX-License-Identifier: Apache-2.0
#include "model/train/ends.h"

#include <stdio.h>

#include "model/ops/numbers.h"
#include "model/ops/ops.h"

enum { OPSET = 24 };

static bool failed(sz_tape *t, sz_status status) {
    if (t->status == SZ_OK) t->status = status;
    return t->status != SZ_OK;
}

// ---- values ------------------------------------------------------------------------------------

static sz_value_id add_value(sz_tape *t, const char *name, sz_value_kind kind) {
    char text[512];
    sz_value_id id = SZ_NONE;
    if (t->status != SZ_OK) return id;
    const int length = snprintf(text, sizeof text, "%s:%lld", name, (long long)t->names++);
    const uint32_t kept = (uint32_t)(length < (int)sizeof text ? length : (int)sizeof text - 1);
    return failed(t, sz_graph_add_value(t->g, (sz_str){text, kept}, kind, &id)) ? SZ_NONE : id;
}

static void *keep(sz_tape *t, const void *items, size_t count, size_t size) {
    void *copy = sz_arena_array(t->g->arena, count ? count : 1, size);
    if (!copy)
        failed(t, sz_no_memory(t->ctx));
    else if (count)
        memcpy(copy, items, count * size);
    return copy;
}

static sz_value_id add_constant(sz_tape *t, const char *name, sz_type type, const sz_constant *c) {
    const sz_value_id id = add_value(t, name, SZ_VALUE_CONST);
    sz_constant *copy = t->status == SZ_OK ? keep(t, c, 1, sizeof *c) : NULL;
    if (t->status != SZ_OK) return SZ_NONE;
    sz_value *v = sz_graph_value(t->g, id);
    v->type = type;
    v->constant = copy;
    if (c->form == SZ_CONST_VALUE) v->known = c->tensor, v->known_tried = true;
    return id;
}

static sz_value_id add_numbers(sz_tape *t, const char *name, const sz_tensor *x) {
    const sz_constant c = {.form = SZ_CONST_VALUE, .side = SZ_NONE, .tensor = x};
    return add_constant(t, name, sz_type_tensor(x->dtype, x->rank, x->dims), &c);
}

static sz_tensor *new_tensor(sz_tape *t, sz_dtype dtype, int32_t rank, int64_t count) {
    if (t->status != SZ_OK) return NULL;
    sz_tensor *x = sz_tensor_new(t->g, dtype, rank, (const int64_t[]){count}, count);
    if (!x) failed(t, sz_no_memory(t->ctx));
    return x;
}

sz_value_id sz_tape_ints(sz_tape *t, int32_t count, const int64_t *x) {
    sz_tensor *k = new_tensor(t, sz_dtype_by_name("i64"), 1, count);
    for (int32_t i = 0; k && i < count; i++) k->i[i] = x[i];
    return k ? add_numbers(t, "shape", k) : SZ_NONE;
}

sz_value_id sz_tape_scalar(sz_tape *t, const char *name, sz_dtype dtype, double x) {
    sz_tensor *k = new_tensor(t, dtype, 0, 1);
    if (k && k->f) k->f[0] = x;
    if (k && k->i) k->i[0] = (int64_t)x;
    return k ? add_numbers(t, name, k) : SZ_NONE;
}

sz_value_id sz_tape_number(sz_tape *t, sz_value_id like, double x) {
    if (t->status != SZ_OK) return SZ_NONE;
    return sz_tape_scalar(t, "number", sz_tape_type(t, like)->dtype, x);
}

sz_value_id sz_tape_input(sz_tape *t, const char *name, sz_dtype dtype, int32_t rank,
                          const int64_t *dims) {
    const sz_value_id id = add_value(t, name, SZ_VALUE_INPUT);
    const int64_t *copy = t->status == SZ_OK ? keep(t, dims, (size_t)rank, sizeof *dims) : NULL;
    if (t->status != SZ_OK) return SZ_NONE;
    sz_graph_value(t->g, id)->type = sz_type_tensor(dtype, rank, copy);
    if (!sz_vec_push(t->ctx, &t->g->inputs, id)) failed(t, sz_no_memory(t->ctx));
    return id;
}

void sz_tape_output(sz_tape *t, sz_value_id v) {
    if (t->status != SZ_OK) return;
    sz_graph_value(t->g, v)->is_output = true;
    if (!sz_vec_push(t->ctx, &t->g->outputs, v)) failed(t, sz_no_memory(t->ctx));
}

// ConstantOfShape of the shape of `like`, as the recipe of a constant.
sz_value_id sz_tape_zeros(sz_tape *t, const char *name, sz_value_id like) {
    if (t->status != SZ_OK) return SZ_NONE;
    const sz_type type = *sz_tape_type(t, like);
    const sz_value_id shape = sz_tape_ints(t, type.rank, type.dims);
    sz_tensor *zero = new_tensor(t, type.dtype, 1, 1);
    const sz_value_id number = zero ? add_numbers(t, "zero", zero) : SZ_NONE;
    const sz_value_id out = add_value(t, name, SZ_VALUE_CONST);
    if (t->status != SZ_OK) return SZ_NONE;
    const sz_attr value = {
        .name = sz_str_c("value"), .kind = SZ_ATTR_TENSOR, .n = 1, .tensor = number};
    const sz_node node = {.name = sz_graph_value(t->g, out)->name,
                          .op = sz_str_c("ConstantOfShape"),
                          .domain = sz_str_c(""),
                          .row = sz_op_find(sz_str_c(""), sz_str_c("ConstantOfShape")),
                          .opset = OPSET,
                          .n_inputs = 1,
                          .n_outputs = 1,
                          .n_attrs = 1,
                          .inputs = keep(t, &shape, 1, sizeof shape),
                          .outputs = keep(t, &out, 1, sizeof out),
                          .attrs = keep(t, &value, 1, sizeof value)};
    const sz_constant c = {.form = SZ_CONST_RECIPE,
                           .side = SZ_NONE,
                           .is_folded = true,
                           .recipe = keep(t, &node, 1, sizeof node)};
    sz_constant *copy = keep(t, &c, 1, sizeof c);
    if (t->status != SZ_OK) return SZ_NONE;
    sz_graph_value(t->g, out)->type = type;
    sz_graph_value(t->g, out)->constant = copy;
    return out;
}

const sz_type *sz_tape_type(const sz_tape *t, sz_value_id v) {
    return &sz_graph_value(t->g, v)->type;
}

int64_t sz_tape_span(const sz_tape *t, sz_value_id v, int32_t from, int32_t to) {
    const sz_type *x = v == SZ_NONE ? NULL : sz_tape_type(t, v);
    int64_t p = 1;
    for (int32_t d = from; x && d < to; d++)
        if (!sz_mul(p, x->dims[d], &p)) return 0; // no array of this size exists
    return p;
}

int64_t sz_tape_elements(const sz_tape *t, sz_value_id v) {
    return v == SZ_NONE ? 0 : sz_tape_span(t, v, 0, sz_tape_type(t, v)->rank);
}

bool sz_tape_same_shape(const sz_tape *t, sz_value_id a, sz_value_id b) {
    const sz_type *x = sz_tape_type(t, a), *y = sz_tape_type(t, b);
    bool same = x->rank == y->rank;
    for (int32_t d = 0; same && d < x->rank; d++) same = x->dims[d] == y->dims[d];
    return same;
}

bool sz_tape_known(sz_tape *t, const sz_node *n, sz_value_id v, const sz_tensor **ret) {
    *ret = NULL;
    if (t->status != SZ_OK || failed(t, sz_graph_known(t->g, v, ret))) return false;
    if (*ret && (*ret)->i && !sz_has_unknown(*ret)) return true;
    sz_tape_refuse(t, n, "an operand is not known before the step runs");
    return false;
}

// ---- nodes -------------------------------------------------------------------------------------

static const sz_attr *keep_attrs(sz_tape *t, const sz_attr *from, int n) {
    sz_attr *attrs = keep(t, from, (size_t)n, sizeof *attrs);
    for (int i = 0; attrs && i < n; i++)
        if (attrs[i].kind == SZ_ATTR_INTS)
            attrs[i].ints = keep(t, attrs[i].ints, (size_t)attrs[i].n, sizeof(int64_t));
    return attrs;
}

// "fc1" is differentiated: what is made of it is called "fc1.grad" and numbered.
static sz_value_id add_output(sz_tape *t) {
    char name[400];
    snprintf(name, sizeof name, "%.*s.grad", (int)(t->at.len < 380 ? t->at.len : 380),
             t->at.p ? t->at.p : "");
    return add_value(t, name, SZ_VALUE_NODE);
}

sz_value_id sz_tape_made(sz_tape *t, const char *name, sz_node_id id, sz_dtype dtype, int32_t rank,
                         const int64_t *dims) {
    const sz_value_id v = add_value(t, name, SZ_VALUE_NODE);
    const int64_t *copy = t->status == SZ_OK ? keep(t, dims, (size_t)rank, sizeof *dims) : NULL;
    if (t->status != SZ_OK) return SZ_NONE;
    sz_graph_value(t->g, v)->type = sz_type_tensor(dtype, rank, copy);
    sz_graph_value(t->g, v)->producer = id;
    return v;
}

void sz_tape_node(sz_tape *t, const char *op, int n_in, const sz_value_id *in, int n_attrs,
                  const sz_attr *attrs, int n_out, const bool *made, sz_value_id *ret) {
    const char *dot = strrchr(op, '.');
    sz_value_id first = SZ_NONE;
    for (int o = 0; o < n_out; o++) {
        ret[o] = made && !made[o] ? SZ_NONE : add_output(t);
        if (first == SZ_NONE) first = ret[o];
    }
    if (t->status != SZ_OK) return;
    sz_node node = {.name = sz_graph_value(t->g, first)->name,
                    .op = sz_str_c(dot ? dot + 1 : op),
                    .domain = dot ? (sz_str){op, (uint32_t)(dot - op)} : sz_str_c(""),
                    .opset = dot ? 1 : OPSET,
                    .n_inputs = n_in,
                    .n_outputs = n_out,
                    .n_attrs = n_attrs,
                    .inputs = keep(t, in, (size_t)n_in, sizeof *in),
                    .outputs = keep(t, ret, (size_t)n_out, sizeof *ret),
                    .attrs = keep_attrs(t, attrs, n_attrs)};
    node.row = sz_op_find(node.domain, node.op);
    sz_node_id id;
    if (t->status != SZ_OK || failed(t, sz_graph_add_node(t->g, &node, &id))) return;
    sz_graph_node(t->g, id)->row = node.row;
    failed(t, sz_ops_infer_node(t->g, &node));
}

sz_value_id sz_tape_op(sz_tape *t, const char *op, sz_value_id a, sz_value_id b, sz_value_id c,
                       int n_attrs, const sz_attr *attrs) {
    const sz_value_id in[] = {a, b, c};
    sz_value_id out = SZ_NONE;
    const int n = c != SZ_NONE ? 3 : b != SZ_NONE ? 2 : 1;
    if (t->status == SZ_OK) sz_tape_node(t, op, n, in, n_attrs, attrs, 1, NULL, &out);
    return out;
}

sz_value_id sz_tape_unary(sz_tape *t, const char *op, sz_value_id a) {
    return sz_tape_op(t, op, a, SZ_NONE, SZ_NONE, 0, NULL);
}

sz_value_id sz_tape_binary(sz_tape *t, const char *op, sz_value_id a, sz_value_id b) {
    return sz_tape_op(t, op, a, b, SZ_NONE, 0, NULL);
}

// ---- shapes ------------------------------------------------------------------------------------

sz_value_id sz_tape_reshape(sz_tape *t, sz_value_id x, int32_t rank, const int64_t *dims) {
    const sz_value_id shape = sz_tape_ints(t, rank, dims);
    return sz_tape_op(t, "Reshape", x, shape, SZ_NONE, 0, NULL);
}

sz_value_id sz_tape_reshape_like(sz_tape *t, sz_value_id x, sz_value_id like) {
    if (t->status != SZ_OK || sz_tape_same_shape(t, x, like)) return x;
    const sz_type *type = sz_tape_type(t, like);
    return sz_tape_reshape(t, x, type->rank, type->dims); // dims stay where they are
}

sz_value_id sz_tape_sum(sz_tape *t, sz_value_id x, int32_t count, const int64_t *axes) {
    const sz_value_id which = sz_tape_ints(t, count, axes);
    return sz_tape_op(t, "ReduceSum", x, which, SZ_NONE, 0, NULL);
}

sz_value_id sz_tape_mean(sz_tape *t, sz_value_id x, int32_t count, const int64_t *axes) {
    const sz_value_id which = sz_tape_ints(t, count, axes);
    return sz_tape_op(t, "ReduceMean", x, which, SZ_NONE, 0, NULL);
}

sz_value_id sz_tape_sum_to(sz_tape *t, sz_value_id x, sz_value_id like) {
    int64_t axes[SZ_MAX_RANK];
    int32_t count = 0;
    if (t->status != SZ_OK || sz_tape_same_shape(t, x, like)) return x;
    const sz_type *from = sz_tape_type(t, x), *to = sz_tape_type(t, like);
    const int32_t more = from->rank - to->rank;
    for (int32_t d = 0; d < from->rank; d++)
        if (from->dims[d] != 1 && (d < more || to->dims[d - more] == 1)) axes[count++] = d;
    if (count) x = sz_tape_sum(t, x, count, axes);
    return sz_tape_reshape_like(t, x, like);
}

sz_value_id sz_tape_expand(sz_tape *t, sz_value_id x, sz_value_id like) {
    if (t->status != SZ_OK || sz_tape_same_shape(t, x, like)) return x;
    const sz_type *type = sz_tape_type(t, like);
    const sz_value_id shape = sz_tape_ints(t, type->rank, type->dims);
    return sz_tape_op(t, "Expand", x, shape, SZ_NONE, 0, NULL);
}

// ---- attributes --------------------------------------------------------------------------------

sz_attr sz_tape_i(const char *name, int64_t x) {
    return (sz_attr){
        .name = sz_str_c(name), .kind = SZ_ATTR_INT, .n = 1, .i = x, .tensor = SZ_NONE};
}

sz_attr sz_tape_f(const char *name, double x) {
    return (sz_attr){
        .name = sz_str_c(name), .kind = SZ_ATTR_FLOAT, .n = 1, .f = x, .tensor = SZ_NONE};
}

sz_attr sz_tape_list(const char *name, int32_t count, const int64_t *x) {
    return sz_attr_of_ints(name, count, x);
}

int sz_tape_copy_attrs(const sz_node *n, const char *const *names, sz_attr *to) {
    int count = 0;
    for (; *names; names++)
        for (int32_t a = 0; a < n->n_attrs; a++)
            if (sz_str_is(n->attrs[a].name, *names)) to[count++] = n->attrs[a];
    return count;
}

// ---- gradients ---------------------------------------------------------------------------------

bool sz_tape_wants(const sz_tape *t, const sz_node *n, int i) {
    const sz_value_id v = sz_tape_in(n, i);
    return sz_tape_can(t->g, n, i) && t->depends[v] && t->reaches[v];
}

void sz_tape_add_share(sz_tape *t, sz_value_id value, sz_value_id gradient) {
    sz_share *s = t->status == SZ_OK ? sz_arena_alloc(t->g->arena, sizeof *s) : NULL;
    if (t->status == SZ_OK && !s) failed(t, sz_no_memory(t->ctx));
    if (!s) return;
    *s = (sz_share){gradient, t->shares[value]};
    t->shares[value] = s;
}

sz_value_id sz_tape_sum_shares(sz_tape *t, sz_value_id value) {
    int32_t count = 0;
    for (const sz_share *s = t->shares[value]; s; s = s->next) count++;
    if (count == 0 || t->status != SZ_OK) return SZ_NONE;
    if (count == 1) return t->shares[value]->gradient;
    sz_value_id *all = sz_arena_array(t->g->arena, (size_t)count, sizeof *all), sum = SZ_NONE;
    if (!all) return failed(t, sz_no_memory(t->ctx)), SZ_NONE;
    for (const sz_share *s = t->shares[value]; s; s = s->next) all[--count] = s->gradient;
    for (const sz_share *s = t->shares[value]; s; s = s->next) count++;
    sz_tape_node(t, count == 2 ? "Add" : "Sum", count, all, 0, NULL, 1, NULL, &sum);
    t->shares[value] = NULL;
    sz_tape_add_share(t, value, sum);
    return sum;
}

sz_value_id sz_tape_dy(sz_tape *t, const sz_node *n, int o) {
    const sz_value_id v = sz_tape_out(n, o);
    return v == SZ_NONE || (size_t)v >= t->n_values ? SZ_NONE : sz_tape_sum_shares(t, v);
}

void sz_tape_give(sz_tape *t, const sz_node *n, int i, sz_value_id gradient) {
    if (t->status != SZ_OK || gradient == SZ_NONE) return;
    const sz_value_id sum = sz_tape_sum_to(t, gradient, n->inputs[i]);
    sz_tape_add_share(t, n->inputs[i], sum);
}

void sz_tape_refuse(sz_tape *t, const sz_node *n, const char *why) {
    if (t->status != SZ_OK) return;
    failed(t, sz_fail(t->ctx, SZ_ERR_UNAVAILABLE, "node '%s': operator '%s' has no gradient: %s",
                      sz_show(t->ctx, n->name), sz_show(t->ctx, n->op), why));
}
