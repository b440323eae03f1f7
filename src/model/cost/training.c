// SPDX-License-Identifier: Apache-2.0
// One training step from the forward graph: what each node costs backward and what it keeps, and
// the sums. docs/training.md says it in full.
#include "model/cost/training.h"
#include "base/record.h"
#include "model/ops/control.h"

#include <stdio.h>

// ---- records and tables ------------------------------------------------------------------------

SZ_RECORD_TYPE(training, SZ_TRAINING_FIELDS)
SZ_RECORD_TYPE(training_moment, SZ_TRAINING_MOMENT_FIELDS)
SZ_RECORD_TYPE(node_training, SZ_NODE_TRAINING_FIELDS)

static const sz_optimizer_row optimizers[] = {
#define OPTIMIZER(name, flops, states, what) {#name, flops, states, what},
#include "model/cost/optimizers.def"
#undef OPTIMIZER
};
enum { N_OPTIMIZERS = sizeof optimizers / sizeof *optimizers };

int sz_list_optimizer(size_t i, sz_optimizer_row *ret_row) {
    if (i >= N_OPTIMIZERS) return 0;
    *ret_row = optimizers[i];
    return 1;
}

static sz_status find_optimizer(sz_ctx *ctx, const char *name, const sz_optimizer_row **ret_row) {
    char known[200] = "";
    size_t n = 0;
    for (size_t i = 0; i < N_OPTIMIZERS; i++) {
        *ret_row = &optimizers[i];
        if (!name || strcmp(optimizers[i].name, name) == 0) return SZ_OK;
        n += (size_t)snprintf(known + n, sizeof known - n, " %s", optimizers[i].name);
    }
    return sz_fail(ctx, SZ_ERR_USAGE, "optimizer '%s' is unknown; known are:%s",
                   sz_show(ctx, sz_str_c(name)), known);
}

// Index of a word, 0 for none given.
static sz_status find_word(sz_ctx *ctx, const char *what, const char *word,
                           const char *const words[3], int *ret_index) {
    for (*ret_index = 0; *ret_index < 3; ++*ret_index)
        if (!word || strcmp(word, words[*ret_index]) == 0) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_USAGE, "%s '%s' is unknown; known are: %s %s %s", what,
                   sz_show(ctx, sz_str_c(word)), words[0], words[1], words[2]);
}

// ---- bytes -------------------------------------------------------------------------------------

// Bits of an element in the precision of the step: floats that a net computes with change, f64,
// float8 and all else stay.
static int64_t bits_of(const sz_train *t, sz_dtype dtype) {
    const sz_dtype_info *d = sz_dtype_get(dtype);
    const bool computes = d->cls == SZ_CLASS_FLOAT && (d->bits == 16 || d->bits == 32);
    if (!computes || t->precision == SZ_AS_MODEL) return d->bits;
    return t->precision == SZ_AS_F32 ? 32 : 16;
}

sz_status sz_train_bytes(const sz_train *t, const sz_type *type, int64_t *ret_bytes) {
    int64_t elements;
    SZ_TRY(sz_type_bytes(t->g->ctx, type, ret_bytes));
    if (*ret_bytes < 0) *ret_bytes = 0;
    const int64_t bits = bits_of(t, type->dtype);
    if (type->kind != SZ_TYPE_TENSOR || bits == sz_dtype_get(type->dtype)->bits) return SZ_OK;
    SZ_TRY(sz_type_elements(t->g->ctx, type, &elements));
    if (elements < 0 || !sz_mul(elements, bits / 8, ret_bytes)) *ret_bytes = 0;
    return SZ_OK;
}

// ---- a node ------------------------------------------------------------------------------------

static sz_status too_large(const sz_train *t) {
    return sz_fail(t->g->ctx, SZ_ERR_INPUT, "the training step exceeds 2^63");
}

static bool add_part(sz_backward *sum, const sz_backward *b, int64_t times) {
    return sz_madd(&sum->macs, b->macs, times) && sz_madd(&sum->flops, b->flops, times) &&
           sz_madd(&sum->epilogue, b->epilogue, times);
}

static bool add_times(sz_node_backward *sum, const sz_node_backward *b, int64_t times) {
    if (b->unknown && !sum->unknown) sum->unknown = b->unknown;
    sum->active |= b->active;
    return add_part(&sum->data, &b->data, times) && add_part(&sum->weight, &b->weight, times) &&
           sz_madd(&sum->forward_extra, b->forward_extra, times) &&
           sz_madd(&sum->saved_bytes, b->saved_bytes, times) &&
           sz_madd(&sum->score_bytes, b->score_bytes, times) &&
           sz_madd(&sum->core_macs, b->core_macs, times) &&
           sz_madd(&sum->statistic_bytes, b->statistic_bytes, times);
}

static bool gives_gradient(sz_train *t, const sz_graph *g, const sz_node *n) {
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (sz_has_gradient(t, g, n->outputs[o])) return true;
    return false;
}

static sz_status keep(sz_train *t, sz_value_id id) {
    return sz_vec_push(t->g->ctx, &t->kept, id) ? SZ_OK : sz_no_memory(t->g->ctx);
}

// Format of arrays that a rule keeps: that of the first output that is there, else of the input.
static sz_dtype format_of(const sz_grading *g) {
    for (int32_t o = 0; o < g->cost.in.node->n_outputs; o++)
        if (sz_has_out(&g->cost.in, o)) return sz_out_get(&g->cost.in, o)->dtype;
    return sz_in_dtype(&g->cost.in, 0);
}

static sz_status take(sz_train *t, const sz_grading *g, sz_node_backward *b) {
    const sz_node *n = g->cost.in.node;
    const int64_t size = bits_of(t, format_of(g)) / 8;
    b->data = g->data;
    b->weight = g->weight;
    b->forward_extra = g->forward_extra;
    b->saved_bytes = g->saved_bytes;
    b->statistic_bytes = g->statistic_bytes;
    b->unknown = g->unknown;
    b->core_macs = g->score_elements > 0 ? g->cost.work->score_macs + g->cost.work->value_macs : 0;
    if (!sz_madd(&b->saved_bytes, g->saved_elements, size) ||
        !sz_madd(&b->score_bytes, g->score_elements, size))
        return too_large(t);
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (g->keep_in[i]) SZ_TRY(keep(t, n->inputs[i]));
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (g->keep_out[o]) SZ_TRY(keep(t, n->outputs[o]));
    return SZ_OK;
}

// Three arrays of flags behind each other.
static uint8_t *flags_of(sz_train *t, const sz_node *n) {
    const size_t count = 2 * (size_t)n->n_inputs + (size_t)n->n_outputs + 1;
    return sz_arena_alloc(&t->costs->arena, count);
}

static sz_status plain_backward(sz_train *t, sz_graph *g, sz_node_id id, int depth,
                                sz_node_backward *b) {
    const sz_node *n = sz_graph_node(g, id);
    sz_scope *s = sz_scope_of(t, g);
    sz_node_result forward;
    uint8_t *flags = flags_of(t, n);
    if (!flags) return sz_no_memory(g->ctx);
    SZ_TRY(sz_cost_node_by(g, id, sz_convention_find(NULL), &forward));
    sz_grading grading = {.row = n->row == SZ_NONE ? NULL : t->rows[n->row],
                          .wants = flags,
                          .keep_in = flags + n->n_inputs,
                          .keep_out = flags + 2 * (size_t)n->n_inputs};
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (sz_has_gradient(t, g, n->inputs[i]) && sz_is_differentiable(t, g, n, i))
            flags[i] = s->param[n->inputs[i]] ? SZ_WANT_WEIGHT : SZ_WANT_DATA;
    if (!grading.row)
        b->unknown = "no rule for its backward pass";
    else if (forward.unknown)
        b->unknown = forward.unknown;
    if (b->unknown) return SZ_OK;
    const sz_op *op = sz_op_get(n->row);
    grading.cost = (sz_costing){
        {g->ctx, g, id, n, op, n->opset, depth, false}, &forward.work, NULL};
    forward.work.out_elements = sz_cost_out_elements(&grading.cost, 0);
    forward.work.in_elements = sz_cost_in_elements(&grading.cost, 0);
    if (grading.row->rule) SZ_TRY(grading.row->rule(&grading));
    return take(t, &grading, b);
}

// ---- sums of gradients -------------------------------------------------------------------------

// A value that k nodes use gets k gradients, which are added: k - 1 additions per element. They
// count with the node that made the value, those of a parameter with the first node that uses it.
static sz_status fan_in(sz_train *t, sz_graph *g, int32_t *uses) {
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node *n = &g->nodes.items[k];
        if (!gives_gradient(t, g, n)) continue;
        for (int32_t i = 0; i < n->n_inputs; i++)
            if (sz_has_gradient(t, g, n->inputs[i]) && sz_is_differentiable(t, g, n, i))
                uses[n->inputs[i]]++;
    }
    return SZ_OK;
}

static sz_status add_fan_in(sz_train *t, sz_graph *g, sz_value_id id, int32_t *uses,
                            sz_backward *to) {
    int64_t elements;
    if (id == SZ_NONE || uses[id] < 2) return SZ_OK;
    SZ_TRY(sz_type_elements(g->ctx, &sz_graph_value(g, id)->type, &elements));
    if (elements > 0 && !sz_madd(&to->flops, elements, uses[id] - 1)) return too_large(t);
    uses[id] = 0;
    return SZ_OK;
}

static sz_status add_fan_ins(sz_train *t, sz_graph *g, const sz_node *n, int32_t *uses,
                             sz_node_backward *b) {
    const sz_scope *s = sz_scope_of(t, g);
    for (int32_t o = 0; o < n->n_outputs; o++)
        SZ_TRY(add_fan_in(t, g, n->outputs[o], uses, &b->data));
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE && s->param[n->inputs[i]])
            SZ_TRY(add_fan_in(t, g, n->inputs[i], uses, &b->weight));
    return SZ_OK;
}

// ---- bodies ------------------------------------------------------------------------------------

static sz_status node_backward(sz_train *t, sz_graph *g, sz_node_id id, int depth,
                               sz_node_backward *b);

// Values that a node of a body keeps: those from outside are for the node of the body to keep, the
// others are arrays of that node, each counted once.
static sz_status sort_kept(sz_train *t, const sz_graph *body, size_t from, size_t *to,
                           sz_node_backward *sum) {
    sz_scope *s = sz_scope_of(t, body);
    for (size_t k = from; k < t->kept.n; k++) {
        const sz_value_id id = t->kept.items[k];
        const sz_value *v = sz_graph_value(body, id);
        int64_t bytes;
        if (v->kind == SZ_VALUE_CAPTURED) {
            t->kept.items[(*to)++] = v->outer;
            continue;
        }
        if (v->constant || s->seen[id]) continue;
        s->seen[id] = 1;
        SZ_TRY(sz_train_bytes(t, &v->type, &bytes));
        if (!sz_add(sum->saved_bytes, bytes, &sum->saved_bytes)) return too_large(t);
    }
    t->kept.n = *to;
    return SZ_OK;
}

static sz_status body_backward(sz_train *t, sz_graph *body, int depth, sz_node_backward *sum) {
    size_t to = t->kept.n;
    int32_t *uses = sz_arena_array(&t->costs->arena, body->values.n + 1, sizeof *uses);
    if (!uses) return sz_no_memory(body->ctx);
    if (depth > SZ_MAX_BODIES) return too_large(t); // was checked before
    SZ_TRY(fan_in(t, body, uses));
    *sum = (sz_node_backward){0};
    for (size_t i = 0; i < body->nodes.n; i++) {
        sz_node_backward one = {0};
        const size_t from = t->kept.n;
        SZ_TRY(node_backward(t, body, (sz_node_id)i, depth, &one));
        if (!one.active) continue;
        SZ_TRY(add_fan_ins(t, body, &body->nodes.items[i], uses, &one));
        SZ_TRY(sort_kept(t, body, from, &to, sum));
        if (!add_times(sum, &one, 1)) return too_large(t);
    }
    return SZ_OK;
}

static bool is_larger(const sz_node_backward *a, const sz_node_backward *b) {
    const int64_t macs = a->data.macs + a->weight.macs, other = b->data.macs + b->weight.macs;
    if (macs != other) return macs > other;
    return a->data.flops + a->weight.flops > b->data.flops + b->weight.flops;
}

// The larger branch counts, as forward; both may need values from outside.
static sz_status branches(sz_train *t, const sz_node *n, int depth, sz_node_backward *b) {
    for (int32_t a = 0; a < n->n_attrs; a++) {
        sz_node_backward one;
        if (n->attrs[a].kind != SZ_ATTR_GRAPH) continue;
        SZ_TRY(body_backward(t, n->attrs[a].graphs[0], depth + 1, &one));
        if (is_larger(&one, b)) *b = one;
    }
    return SZ_OK;
}

static sz_status loop(sz_train *t, sz_graph *g, sz_node_id id, int depth, sz_node_backward *b) {
    const sz_node *n = sz_graph_node(g, id);
    const sz_infer in = {g->ctx, g, id, n, sz_op_get(n->row), n->opset, depth, false};
    const sz_attr *a = sz_attr_find(n, "body");
    sz_node_backward body;
    int64_t trips;
    if (!a || a->kind != SZ_ATTR_GRAPH || !sz_control_trips(&in, &trips)) {
        b->unknown = "trip count is not known";
        return SZ_OK;
    }
    SZ_TRY(body_backward(t, a->graphs[0], depth + 1, &body));
    return add_times(b, &body, trips) ? SZ_OK : too_large(t);
}

static sz_status node_backward(sz_train *t, sz_graph *g, sz_node_id id, int depth,
                               sz_node_backward *b) {
    const sz_node *n = sz_graph_node(g, id);
    if (!gives_gradient(t, g, n)) return SZ_OK;
    if (!sz_is_control(n))
        SZ_TRY(plain_backward(t, g, id, depth, b));
    else if (sz_str_is(n->op, "If"))
        SZ_TRY(branches(t, n, depth, b));
    else
        SZ_TRY(loop(t, g, id, depth, b));
    b->active = true;
    return SZ_OK;
}

// ---- the whole ---------------------------------------------------------------------------------

static sz_status all_nodes(sz_train *t) {
    const size_t n = t->g->nodes.n;
    int32_t *uses = sz_arena_array(&t->costs->arena, t->g->values.n + 1, sizeof *uses);
    t->nodes = sz_arena_array(&t->costs->arena, n + 1, sizeof *t->nodes);
    if (!uses || !t->nodes) return sz_no_memory(t->g->ctx);
    SZ_TRY(fan_in(t, t->g, uses));
    for (size_t k = 0; k < n; k++) {
        const sz_node_id id = sz_graph_nth(t->g, k);
        sz_node_backward *b = &t->nodes[id];
        const size_t first = t->kept.n;
        SZ_TRY(node_backward(t, t->g, id, 0, b));
        if (b->active) SZ_TRY(add_fan_ins(t, t->g, sz_graph_node(t->g, id), uses, b));
        b->first_kept = first;
        b->n_kept = t->kept.n - first;
    }
    return SZ_OK;
}

// Views and transposes share the memory of what they show. Dropout is a view only where it is idle.
static sz_status find_roots(sz_train *t) {
    sz_graph *g = t->g;
    t->root = sz_arena_array(&t->costs->arena, g->values.n + 1, sizeof *t->root);
    t->position = sz_arena_array(&t->costs->arena, g->nodes.n + 1, sizeof *t->position);
    if (!t->root || !t->position) return sz_no_memory(g->ctx);
    for (size_t v = 0; v < g->values.n; v++) t->root[v] = (sz_value_id)v;
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        const sz_node *n = sz_graph_node(g, id);
        t->position[id] = (int32_t)k;
        if (n->row == SZ_NONE || n->n_inputs < 1 || n->n_outputs < 1) continue;
        const bool is_view = sz_op_get(n->row)->kind == SZ_KIND_VIEW && !t->nodes[id].saved_bytes;
        if (n->inputs[0] != SZ_NONE && n->outputs[0] != SZ_NONE &&
            (is_view || sz_str_is(n->op, "Transpose")))
            t->root[n->outputs[0]] = t->root[n->inputs[0]];
    }
    return SZ_OK;
}

// Another convention counts products by its own unit, and the rest only where it does forward.
static sz_status flops_of(const sz_train *t, size_t i, const sz_backward *b, int64_t *ret_flops) {
    const sz_cost *c = &t->costs->nodes[i].cost;
    const bool own = t->costs->convention == sz_convention_find(NULL);
    const int64_t per_mac = own || strcmp(t->costs->convention->unit, "MAC") != 0 ? 2 : 1;
    const int64_t macs = own || c->flops > 0 ? b->macs : 0;
    const int64_t other = own || (c->macs == 0 && c->flops > 0) ? b->flops : 0;
    if (!sz_mul(macs, per_mac, ret_flops) || !sz_add(*ret_flops, other, ret_flops))
        return too_large(t);
    return SZ_OK;
}

static sz_status sum_node(sz_train *t, size_t i) {
    const sz_node_backward *b = &t->nodes[i];
    sz_node_training *n = &t->costs->node_training[i];
    sz_training *sum = &t->costs->training;
    const bool own = t->costs->convention == sz_convention_find(NULL);
    n->unknown = b->unknown;
    sum->nodes_without_gradient += b->unknown != NULL;
    SZ_TRY(flops_of(t, i, &b->data, &n->backward_data_flops));
    SZ_TRY(flops_of(t, i, &b->weight, &n->backward_weight_flops));
    bool fits =
        sz_add(t->costs->nodes[i].cost.flops, own ? b->forward_extra : 0, &n->forward_flops) &&
        sz_add(b->data.macs, b->weight.macs, &n->backward_macs) &&
        sz_add(sum->forward_flops, n->forward_flops, &sum->forward_flops) &&
        sz_add(sum->backward_macs, n->backward_macs, &sum->backward_macs) &&
        sz_add(sum->backward_data_flops, n->backward_data_flops, &sum->backward_data_flops) &&
        sz_add(sum->backward_weight_flops, n->backward_weight_flops, &sum->backward_weight_flops) &&
        sz_add(sum->backward_data_flops, sum->backward_weight_flops, &sum->backward_flops);
    return fits ? SZ_OK : too_large(t);
}

// Rows and columns of the matrices that a tensor holds, for adafactor.
static int64_t factored(const sz_type *type, int64_t elements) {
    if (type->rank < 2 || elements <= 0) return elements;
    const int64_t rows = type->dims[type->rank - 2], columns = type->dims[type->rank - 1];
    return elements / columns + elements / rows;
}

static sz_status sum_parameter(sz_train *t, const sz_optimizer_row *how, sz_value_id id) {
    const sz_type *type = &sz_graph_value(t->g, id)->type;
    sz_training *sum = &t->costs->training;
    int64_t elements, stored, bytes;
    SZ_TRY(sz_type_elements(t->g->ctx, type, &elements));
    SZ_TRY(sz_type_bytes(t->g->ctx, type, &stored));
    SZ_TRY(sz_train_bytes(t, type, &bytes));
    const int64_t states = how->states < 0 ? factored(type, elements) : elements * how->states;
    const int64_t master = t->precision == SZ_AS_MIXED ? elements : 0;
    const bool fits = sz_add(sum->trainable_params, elements, &sum->trainable_params) &&
                      sz_add(sum->weight_bytes, bytes - stored, &sum->weight_bytes) &&
                      sz_add(sum->gradient_bytes, bytes, &sum->gradient_bytes) &&
                      sz_madd(&sum->optimizer_flops, elements, how->flops) &&
                      sz_madd(&sum->optimizer_state_bytes, states + master, 4);
    return fits ? SZ_OK : too_large(t);
}

// Parameters of the main graph that get a gradient; each constant is one value there. Bodies: what
// they capture is a value here, too, and constants of their own are literals of a program.
static sz_status sum_parameters(sz_train *t, const sz_optimizer_row *how) {
    const sz_scope *s = sz_scope_of(t, t->g);
    t->costs->training.weight_bytes = t->costs->total.weight_bytes;
    for (size_t v = 0; v < t->g->values.n; v++) {
        const sz_value *value = &t->g->values.items[v];
        const sz_node *p = value->producer == SZ_NONE ? NULL : sz_graph_node(t->g, value->producer);
        const bool made = p && sz_str_is(p->op, "ConstantOfShape");
        if (s->param[v] && s->reaches[v] && (value->constant || made))
            SZ_TRY(sum_parameter(t, how, (sz_value_id)v));
    }
    return SZ_OK;
}

static sz_status prepare(sz_train *t) {
    sz_arena *arena = &t->costs->arena;
    t->scopes = sz_arena_array(arena, t->g->children.n + 1, sizeof *t->scopes);
    t->rows = sz_arena_array(arena, (size_t)sz_op_count(), sizeof *t->rows);
    t->costs->node_training = sz_arena_array(arena, t->g->nodes.n + 1,
                                             sizeof *t->costs->node_training);
    if (!t->scopes || !t->rows || !t->costs->node_training) return sz_no_memory(t->g->ctx);
    for (int32_t i = 0; i < sz_op_count(); i++) t->rows[i] = sz_gradient_of(i);
    return SZ_OK;
}

static sz_status backward(sz_train *t) {
    SZ_TRY(prepare(t));
    SZ_TRY(sz_train_gradients(t));
    SZ_TRY(all_nodes(t));
    return find_roots(t);
}

static sz_status run(sz_train *t) {
    const sz_optimizer_row *how;
    SZ_TRY(find_optimizer(t->g->ctx, t->costs->options.optimizer, &how));
    SZ_TRY(backward(t));
    for (size_t i = 0; i < t->g->nodes.n; i++) SZ_TRY(sum_node(t, i));
    SZ_TRY(sum_parameters(t, how));
    SZ_TRY(sz_train_regions(t));
    return sz_train_memory(t);
}

sz_status sz_costs_training_step(sz_costs *c) {
    static const char *const precisions[3] = {"model", "f32", "mixed"};
    static const char *const recomputes[3] = {"none", "selective", "full"};
    sz_train t = {.costs = c, .g = c->graph};
    int precision, recompute;
    SZ_TRY(find_word(c->ctx, "precision", c->options.precision, precisions, &precision));
    SZ_TRY(find_word(c->ctx, "recomputation", c->options.recompute, recomputes, &recompute));
    t.precision = (sz_precision)precision;
    t.recompute = (sz_recompute)recompute;
    const sz_status status = run(&t);
    sz_vec_finish(c->ctx, &t.kept);
    return status;
}

// ---- what is kept by whom ----------------------------------------------------------------------

static sz_status kept_of(sz_train *t, sz_node_id id, sz_kept_rule *rule, void *user) {
    const sz_node_backward *b = &t->nodes[id];
    if (!b->active) return SZ_OK;
    if (b->unknown)
        return sz_fail(t->g->ctx, SZ_ERR_UNAVAILABLE,
                       "node '%s' (%s): the backward pass is not known: %s",
                       sz_show(t->g->ctx, sz_graph_node(t->g, id)->name),
                       sz_show(t->g->ctx, sz_graph_node(t->g, id)->op), b->unknown);
    SZ_TRY(rule(user, &(sz_kept){id, SZ_NONE, b->saved_bytes, b->score_bytes}));
    for (size_t i = 0; i < b->n_kept; i++) {
        sz_kept k = {.node = id, .value = t->root[t->kept.items[b->first_kept + i]]};
        const sz_value *v = sz_graph_value(t->g, k.value);
        if (v->constant || sz_scope_of(t, t->g)->param[k.value]) continue;
        SZ_TRY(sz_train_bytes(t, &v->type, &k.bytes));
        SZ_TRY(rule(user, &k));
    }
    return SZ_OK;
}

sz_status sz_train_kept(sz_costs *c, sz_kept_rule *rule, void *user) {
    sz_train t = {.costs = c, .g = c->graph, .precision = SZ_AS_MIXED};
    sz_status status = backward(&t);
    for (size_t k = 0; k < t.g->nodes.n && status == SZ_OK; k++)
        status = kept_of(&t, sz_graph_nth(t.g, k), rule, user);
    sz_vec_finish(c->ctx, &t.kept);
    return status;
}

sz_training sz_costs_training(const sz_costs *costs) { return costs->training; }
sz_training_peak sz_costs_training_peak(const sz_costs *costs) { return costs->training_peak; }
size_t sz_costs_training_moment_count(const sz_costs *costs) { return costs->n_moments; }
sz_training_moment sz_costs_training_moment(const sz_costs *costs, size_t i) {
    return i < costs->n_moments ? costs->moments[i] : (sz_training_moment){.node = -1};
}
sz_node_training sz_costs_node_training(const sz_costs *costs, size_t i) {
    if (!costs->node_training || i >= costs->n_nodes) return (sz_node_training){0};
    return costs->node_training[i];
}
