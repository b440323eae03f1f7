// SPDX-License-Identifier: Apache-2.0
// What passes share: building constants and nodes.
#include "model/ops/numbers.h"
#include "model/passes/pass.h"

int64_t sz_weights_in(const sz_pass_job *job, sz_value_id v) {
    const sz_graph *g = job->g;
    const sz_value *value = sz_graph_value(g, v);
    for (; value->kind == SZ_VALUE_CAPTURED; value = sz_graph_value(g, value->outer)) g = g->parent;
    if (!value->constant) return 0;
    if (value->constant->is_folded) return value->constant->made_of;
    if (sz_dtype_get(value->type.dtype)->cls != SZ_CLASS_FLOAT) return 0;
    int64_t n = 1;
    for (int32_t i = 0; i < value->type.rank; i++)
        if (value->type.dims[i] < 0 || !sz_mul(n, value->type.dims[i], &n)) return INT64_MAX;
    return n;
}

static int64_t made_of(const sz_pass_job *job, const sz_value_id *inputs, int n) {
    int64_t sum = 0;
    for (int i = 0; i < n; i++)
        if (inputs[i] != SZ_NONE && !sz_add(sum, sz_weights_in(job, inputs[i]), &sum))
            sum = INT64_MAX;
    return sum;
}

enum { OPSET = 13 }; // the operators that passes build mean the same since then

// A node in the arena with a new value as its output, inferred.
static sz_status make_node(sz_pass_job *job, const sz_build *b, sz_node *ret_node) {
    sz_arena *arena = job->g->arena;
    sz_value_id *inputs = sz_arena_array(arena, (size_t)b->n_inputs + 1, sizeof *inputs);
    sz_value_id *outputs = sz_arena_array(arena, 1, sizeof *outputs);
    if (!inputs || !outputs) return sz_no_memory(job->g->ctx);
    if (b->n_inputs) memcpy(inputs, b->inputs, (size_t)b->n_inputs * sizeof *inputs);
    SZ_TRY(sz_edit_new_value(job->e, b->like, SZ_VALUE_NODE, outputs));
    *ret_node = (sz_node){.name = sz_edit_value_of(job->e, b->like)->name,
                          .op = sz_str_c(b->op),
                          .domain = {"", 0},
                          .opset = OPSET,
                          .n_inputs = b->n_inputs,
                          .inputs = inputs,
                          .n_outputs = 1,
                          .outputs = outputs,
                          .n_attrs = b->n_attrs,
                          .attrs = b->attrs};
    ret_node->row = sz_op_find(ret_node->domain, ret_node->op);
    return sz_ops_infer_node(job->g, ret_node);
}

sz_status sz_build_constant(sz_pass_job *job, const sz_build *b, sz_value_id *ret) {
    sz_graph *g = job->g;
    sz_node *recipe = sz_arena_alloc(g->arena, sizeof *recipe);
    sz_constant *c = sz_arena_alloc(g->arena, sizeof *c);
    if (!recipe || !c) return sz_no_memory(g->ctx);
    SZ_TRY(make_node(job, b, recipe));
    sz_value *v = sz_graph_value(g, recipe->outputs[0]);
    *c = (sz_constant){.form = v->known ? SZ_CONST_VALUE : SZ_CONST_RECIPE,
                       .side = SZ_NONE,
                       .tensor = v->known,
                       .is_folded = true,
                       .recipe = recipe,
                       .made_of = made_of(job, b->inputs, b->n_inputs)};
    v->kind = SZ_VALUE_CONST;
    v->constant = c;
    *ret = recipe->outputs[0];
    return SZ_OK;
}

sz_status sz_build_node(sz_pass_job *job, const sz_build *b, sz_node_id before,
                        sz_value_id *ret_value, sz_node_id *ret_node) {
    sz_node node;
    SZ_TRY(make_node(job, b, &node));
    if (ret_value) *ret_value = node.outputs[0];
    return sz_edit_add_node(job->e, before, &node, ret_node);
}

static sz_status put_constant(sz_pass_job *job, sz_tensor *t, sz_value_id like, sz_value_id *ret) {
    sz_graph *g = job->g;
    sz_constant *c = sz_arena_alloc(g->arena, sizeof *c);
    if (!c || !t) return sz_no_memory(g->ctx);
    SZ_TRY(sz_edit_new_value(job->e, like, SZ_VALUE_CONST, ret));
    *c = (sz_constant){.form = SZ_CONST_VALUE, .side = SZ_NONE, .tensor = t, .is_folded = true};
    sz_value *v = sz_graph_value(g, *ret);
    v->type = sz_type_tensor(t->dtype, t->rank, t->dims);
    v->constant = c;
    v->known = t;
    v->known_tried = true;
    return SZ_OK;
}

sz_status sz_build_scalar(sz_pass_job *job, sz_dtype dtype, double x, sz_value_id like,
                          sz_value_id *ret) {
    sz_tensor *t = sz_tensor_new(job->g, dtype, 0, NULL, 1);
    if (t) sz_put_double(t, 0, x);
    return put_constant(job, t, like, ret);
}

sz_status sz_build_ints(sz_pass_job *job, const int64_t *v, int32_t n, sz_value_id like,
                        sz_value_id *ret) {
    const int64_t dims[] = {n};
    sz_tensor *t = sz_tensor_new(job->g, sz_dtype_by_name("i64"), 1, dims, n);
    for (int32_t i = 0; t && i < n; i++) t->i[i] = v[i];
    return put_constant(job, t, like, ret);
}
