// SPDX-License-Identifier: Apache-2.0
// From the graph of a language model to what training on many devices asks of it.
#include "model/llm_train.h"

#include <sizeup/cost.h>

#include "model/cost/node_cost.h"
#include "model/cost/training.h"
#include "model/graph/allowance.h"
#include "model/graph/model.h"
#include "model/llm_form.h"
#include "model/ops/llm.h"

enum { NUMBER_BYTES = 2 };

typedef struct gathering {
    sz_ctx *ctx;
    const sz_graph *g;
    sz_llm_layers *sums;
    uint8_t *seen; // per value: counted
} gathering;

static bool is_op(const sz_node *n, const char *op) {
    return sz_str_is(n->domain, SZ_LLM_DOMAIN) && sz_str_is(n->op, op);
}

static const sz_type *type_of(const sz_graph *g, sz_value_id id) {
    return &sz_graph_value(g, id)->type;
}

static int64_t last_dim(const sz_type *t) { return t->rank > 0 ? t->dims[t->rank - 1] : 0; }

// Of one of the layers, or before and behind them? Blocks carry their number in the name.
static bool in_layer(const sz_node *n) {
    static const char block[] = "blk.";
    return n->name.len >= sizeof block && memcmp(n->name.p, block, sizeof block - 1) == 0;
}

static bool is_norm(const sz_node *n) {
    return sz_str_is(n->op, "RMSNormalization") || sz_str_is(n->op, "LayerNormalization");
}

static sz_status too_large(const gathering *a) {
    return sz_fail(a->ctx, SZ_ERR_INPUT, "the training step exceeds 2^63");
}

// ---- what is kept ------------------------------------------------------------------------------

// What a tensor parallel device has whole: rows of the full width that were summed over devices, or
// that a norm works on, and what is known of the choice of experts. A product has its sum behind it
// only where a norm of the width follows.
static bool is_whole(const gathering *a, sz_value_id id) {
    const sz_value *v = sz_graph_value(a->g, id);
    const sz_node *from = v->producer == SZ_NONE ? NULL : sz_graph_node(a->g, v->producer);
    if (from && is_op(from, "Route")) return true;
    if (last_dim(&v->type) != a->sums->width || v->type.rank != 3) return false;
    if (!from || is_norm(from) || is_op(from, "Embed") || is_op(from, "Combine")) return true;
    if (sz_str_is(from->op, "Add")) return true;
    for (size_t i = 0; is_op(from, "Linear") && i < a->g->nodes.n; i++) {
        const sz_node *n = &a->g->nodes.items[i];
        if (is_norm(n) && n->inputs[0] == id) return true;
    }
    return false;
}

static sz_status keep(void *user, const sz_kept *k) {
    gathering *a = user;
    const sz_node *n = sz_graph_node(a->g, k->node);
    if (!in_layer(n)) return SZ_OK;
    bool whole = is_op(n, "Route");
    if (k->value != SZ_NONE) {
        if (a->seen[k->value]) return SZ_OK;
        a->seen[k->value] = 1;
        whole = is_whole(a, k->value) || type_of(a->g, k->value)->rank < 3;
    }
    int64_t *to = whole ? &a->sums->whole_bytes : &a->sums->split_bytes;
    if (!sz_add(*to, k->bytes, to) ||
        !sz_add(a->sums->score_bytes, k->score_bytes, &a->sums->score_bytes))
        return too_large(a);
    return SZ_OK;
}

// ---- nodes -------------------------------------------------------------------------------------

static sz_status add_attention(gathering *a, const sz_node *n) {
    if (is_op(n, "SelectiveScan") || is_op(n, "TimeMix")) a->sums->layers++;
    if (!is_op(n, "Attention")) return SZ_OK;
    const int64_t keys = last_dim(type_of(a->g, n->inputs[1]));
    const int64_t values = last_dim(type_of(a->g, n->inputs[2]));
    a->sums->layers++;
    if (!sz_add(a->sums->keys_width, keys, &a->sums->keys_width) ||
        !sz_add(a->sums->keys_width, values, &a->sums->keys_width))
        return too_large(a);
    return SZ_OK;
}

// The tokens that a device is sent stay with it for the gradient of its experts.
static sz_status add_route(gathering *a, const sz_node *n, int64_t seq) {
    sz_llm_layers *s = a->sums;
    if (!is_op(n, "Route")) return SZ_OK;
    const int64_t used = last_dim(type_of(a->g, n->outputs[0]));
    const int64_t experts = last_dim(type_of(a->g, n->inputs[0]));
    int64_t tokens;
    if (s->experts != 0 && (s->experts != experts || s->experts_used != used))
        return sz_fail(a->ctx, SZ_ERR_UNAVAILABLE,
                       "layers have different numbers of experts: training is not known for that");
    s->experts = experts;
    s->experts_used = used;
    s->expert_layers++;
    if (!sz_mul(seq, used, &tokens) || !sz_mul(tokens, s->width, &tokens) ||
        !sz_madd(&s->split_bytes, tokens, NUMBER_BYTES))
        return too_large(a);
    return SZ_OK;
}

static bool is_shared(const sz_node *n) {
    static const char end[] = "ffn_down_shexp";
    const size_t length = sizeof end - 1;
    return n->name.len >= length && memcmp(n->name.p + n->name.len - length, end, length) == 0;
}

static sz_status add_work(gathering *a, size_t i) {
    const sz_node *n = &a->g->nodes.items[i];
    sz_llm_layers *s = a->sums;
    sz_node_result r;
    SZ_TRY(sz_cost_node_by((sz_graph *)a->g, (sz_node_id)i, sz_convention_find(NULL), &r));
    int64_t *macs = in_layer(n) ? &s->macs : &s->outer_macs;
    if (!sz_add(*macs, r.work.macs, macs) ||
        (is_op(n, "Attention") &&
         (!sz_add(s->attention_macs, r.work.score_macs, &s->attention_macs) ||
          !sz_add(s->attention_macs, r.work.value_macs, &s->attention_macs))))
        return too_large(a);
    s->shared_layers += is_op(n, "Linear") && is_shared(n);
    return SZ_OK;
}

// ---- parameters --------------------------------------------------------------------------------

// A parameter belongs to the layers where one of their nodes is the first that takes it. Rows of a
// table before them and of a head behind them are on two sides, unless one table is both.
static sz_status add_params(gathering *a, const sz_costs *costs) {
    sz_llm_layers *s = a->sums;
    int64_t before = 0, behind = 0;
    bool has_layer = false, is_tied = false;
    for (size_t i = 0; i < a->g->nodes.n; i++) {
        const sz_node *n = &a->g->nodes.items[i];
        const int64_t params = sz_costs_node(costs, i).cost.params;
        has_layer = has_layer || in_layer(n);
        int64_t *to = in_layer(n) ? &s->params : has_layer ? &behind : &before;
        if (!sz_add(*to, params, to)) return too_large(a);
        if (is_op(n, "ExpertLinear")) s->expert_params += params;
        if (is_op(n, "Embed") && s->vocab == 0) s->vocab = type_of(a->g, n->inputs[0])->dims[0];
        is_tied = is_tied || (has_layer && !in_layer(n) && is_op(n, "Linear") && params == 0);
    }
    s->outer_params = before + behind;
    s->largest_end = is_tied ? s->outer_params : before > behind ? before : behind;
    return SZ_OK;
}

static sz_status gather(gathering *a, sz_costs *costs, int64_t seq) {
    for (size_t i = 0; i < a->g->nodes.n; i++) {
        SZ_TRY(add_attention(a, &a->g->nodes.items[i]));
        SZ_TRY(add_route(a, &a->g->nodes.items[i], seq));
        SZ_TRY(add_work(a, i));
    }
    SZ_TRY(add_params(a, costs));
    return sz_train_kept(costs, keep, a);
}

static sz_status refuse_strange(sz_ctx *ctx, const sz_graph *g) {
    size_t attending = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        if (is_op(n, "Unplaced") || is_op(n, "Product"))
            return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                           "weights without a known place in the net: training is known for nets "
                           "that are known whole");
        if (is_op(n, "SelectiveScan") || is_op(n, "TimeMix"))
            return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                           "node '%s' (%s): the backward pass of a recurrence is not known",
                           sz_show(ctx, n->name), sz_show(ctx, n->op));
        attending += is_op(n, "Attention") && in_layer(n);
    }
    if (attending > 0) return SZ_OK;
    return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                   "no layer with attention of one stack: training is known for decoders and for "
                   "encoders, not for pairs of them");
}

// Weights in packed formats have no gradients, and what is kept for them would be missing.
static sz_status refuse_packed(sz_ctx *ctx, const sz_graph *g) {
    for (size_t i = 0; i < g->values.n; i++) {
        const sz_value *v = &g->values.items[i];
        if (v->kind != SZ_VALUE_CONST || v->type.rank < 2) continue;
        const sz_dtype_info *d = sz_dtype_get(v->type.dtype);
        if (d->cls == SZ_CLASS_FLOAT && d->bits >= 16) continue;
        if (d->cls == SZ_CLASS_INT || d->cls == SZ_CLASS_UINT) continue; // of shapes
        return sz_fail(ctx, SZ_ERR_UNAVAILABLE,
                       "weights are stored as %s: training takes floats of 16 or 32 bits: give the "
                       "original checkpoint, or its config.json",
                       d->name);
    }
    return SZ_OK;
}

static sz_status in_file(sz_ctx *ctx, const sz_model *model, sz_status status) {
    return status == SZ_OK ? SZ_OK : sz_place(ctx, status, "file '%s'", sz_model_path(model));
}

static sz_status fill(sz_ctx *ctx, sz_model *model, int64_t seq, sz_llm_layers *s) {
    sz_llm_form *form = NULL;
    sz_costs *costs = NULL;
    SZ_TRY(sz_llm_form_create(ctx, model, &form));
    const sz_llm_shape shape = sz_llm_form_shape(form);
    *s = (sz_llm_layers){.width = shape.width, .heads = shape.heads, .kv_heads = shape.kv_heads};
    sz_llm_form_destroy(form);
    SZ_TRY(in_file(ctx, model, refuse_strange(ctx, model->graph)));
    SZ_TRY(in_file(ctx, model, refuse_packed(ctx, model->graph)));
    SZ_TRY(sz_model_llm_bind(ctx, model, 1, seq, 0));
    SZ_TRY(sz_costs_create(ctx, model, NULL, &costs));
    gathering a = {ctx, model->graph, s, sz_alloc(ctx, model->graph->values.n + 1)};
    sz_status status = a.seen ? SZ_OK : sz_no_memory(ctx);
    if (a.seen) memset(a.seen, 0, model->graph->values.n + 1);
    const size_t limit = sz_allowance_begin(ctx, model);
    if (status == SZ_OK) status = gather(&a, costs, seq);
    sz_ctx_set_job_limit(ctx, limit);
    if (a.seen) sz_free(ctx, a.seen, model->graph->values.n + 1);
    sz_costs_destroy(costs);
    return in_file(ctx, model, status);
}

sz_status sz_llm_gather_layers(sz_ctx *ctx, sz_model *model, int64_t seq, sz_llm_layers *ret) {
    sz_llm_layers s;
    SZ_TRY(fill(ctx, model, seq, &s));
    *ret = s;
    return SZ_OK;
}
