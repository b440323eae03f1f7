// SPDX-License-Identifier: Apache-2.0
// From the graph of a language model to its closed form: what is structure is gathered node by
// node, the rest follows from four points.
#include "model/llm_form.h"

#include <sizeup/cost.h>

#include "model/cost/node_cost.h"
#include "model/graph/allowance.h"
#include "model/graph/model.h"
#include "model/llm_work.h"
#include "model/ops/llm.h"

#include <math.h>

static bool is_op(const sz_node *n, const char *op) {
    return sz_str_is(n->domain, SZ_LLM_DOMAIN) && sz_str_is(n->op, op);
}

static const sz_type *type_of(const sz_graph *g, const sz_node *n, int32_t i) {
    return &sz_graph_value(g, n->inputs[i])->type;
}

// ---- attention ---------------------------------------------------------------------------------

static bool alike(const sz_form_attention *a, const sz_form_attention *b) {
    return a->pair_macs == b->pair_macs && a->cache == b->cache && a->window == b->window &&
           a->causal == b->causal && a->queries == b->queries;
}

// A block counts once, whatever of attention and recurrences it has.
static void count_layer(sz_llm_form *f, const sz_node *n) {
    static const char mark[] = "blk.";
    uint32_t end = 0;
    for (uint32_t i = 0; end == 0 && i + sizeof mark <= n->name.len; i++)
        if (memcmp(n->name.p + i, mark, sizeof mark - 1) == 0) end = i + (uint32_t)sizeof mark - 1;
    if (end == 0) {
        f->shape.layers++;
        return;
    }
    while (end < n->name.len && n->name.p[end] != '.') end++;
    const sz_str block = {n->name.p, end};
    if (f->block.p && sz_str_eq(block, f->block)) return;
    f->block = block;
    f->shape.layers++;
}

// Layers that keep a state of one size, however long the sequence is.
static bool keeps_state(const sz_node *n) {
    return is_op(n, "SelectiveScan") || is_op(n, "TimeMix") ||
           sz_str_is(n->op, "LinearAttention") || sz_str_is(n->op, "CausalConvWithState");
}

static sz_status add_attention(sz_llm_form *f, const sz_form_attention *a) {
    for (size_t i = 0; i < f->attention.n; i++) {
        if (!alike(&f->attention.items[i], a)) continue;
        f->attention.items[i].layers++;
        return SZ_OK;
    }
    return sz_vec_push(f->ctx, &f->attention, *a) ? SZ_OK : sz_no_memory(f->ctx);
}

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b > 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// `seq`: new tokens while it is looked at. Queries that meet what an encoder gave grow with one of
// both lengths alone, and stay among the polynomials.
static sz_status gather_attention(sz_llm_form *f, const sz_graph *g, const sz_node *n,
                                  int64_t seq) {
    const int64_t heads = sz_attr_i(n, "heads", 1), kv_heads = sz_attr_i(n, "kv_heads", 1);
    const sz_type *q = type_of(g, n, 0), *k = type_of(g, n, 1), *v = type_of(g, n, 2);
    sz_form_attention a = {.layers = 1,
                           .cache = sz_attr_i(n, "cache", 0),
                           .window = sz_attr_i(n, "window", 0),
                           .causal = sz_attr_i(n, "is_causal", 0) != 0};
    int64_t values;
    if (q->rank != 3 || k->rank != 3 || v->rank != 3 || kv_heads < 1) return SZ_OK;
    if (a.cache <= 0 && q->dims[1] != k->dims[1]) return SZ_OK;
    if (q->dims[1] != seq) a.queries = q->dims[1];
    if (a.window < 0) a.window = 0;
    if (!sz_mul(heads, v->dims[2] / kv_heads, &values) || !sz_add(q->dims[2], values, &a.pair_macs))
        return sz_fail(f->ctx, SZ_ERR_INPUT, "attention exceeds 2^63");
    count_layer(f, n);
    f->shape.heads = common_divisor(heads, f->shape.heads);
    f->shape.kv_heads = common_divisor(kv_heads, f->shape.kv_heads);
    return add_attention(f, &a);
}

// ---- what tokens touch -------------------------------------------------------------------------

static sz_status add_experts(sz_llm_form *f, int64_t bytes, int64_t experts, int64_t used) {
    if (!sz_add(f->shape.expert_bytes, bytes, &f->shape.expert_bytes))
        return sz_fail(f->ctx, SZ_ERR_INPUT, "bytes of experts exceed 2^63");
    for (size_t i = 0; i < f->experts.n; i++) {
        sz_form_experts *e = &f->experts.items[i];
        if (e->bytes != bytes || e->experts != experts || e->used != used) continue;
        e->count++;
        return SZ_OK;
    }
    sz_form_experts e = {.count = 1, .bytes = bytes, .experts = experts, .used = used};
    e.log_missed = used < experts ? log1p(-(double)used / (double)experts) : -INFINITY;
    return sz_vec_push(f->ctx, &f->experts, e) ? SZ_OK : sz_no_memory(f->ctx);
}

static sz_status gather_experts(sz_llm_form *f, const sz_graph *g, const sz_node *n) {
    const bool is_loose = is_op(n, "Product");
    const sz_type *w = type_of(g, n, is_loose ? 0 : 1);
    const sz_type *route = is_loose ? NULL : type_of(g, n, 2);
    const int64_t used = is_loose ? sz_attr_i(n, "used", 0) : route->rank == 3 ? route->dims[2] : 0;
    if (w->rank != 3 || used <= 0) return SZ_OK;
    for (int32_t i = is_loose ? 0 : 1; i < n->n_inputs; i++) {
        int64_t bytes;
        if (n->inputs[i] == SZ_NONE || (is_loose ? i > 0 : i == 2)) continue;
        SZ_TRY(sz_type_bytes(f->ctx, type_of(g, n, i), &bytes));
        if (bytes > 0) SZ_TRY(add_experts(f, bytes, w->dims[0], used));
    }
    return SZ_OK;
}

static sz_status gather_table(sz_llm_form *f, const sz_graph *g, const sz_node *n) {
    sz_form_table t = {0};
    const sz_type *w = type_of(g, n, 0);
    if (w->rank < 1 || type_of(g, n, 1)->rank != 2) return SZ_OK; // else rows of no batch
    t.rows = w->dims[0];
    t.once = type_of(g, n, 1)->dims[0] == 1; // and it is looked at with two sequences
    SZ_TRY(sz_type_bytes(f->ctx, w, &t.bytes));
    return sz_vec_push(f->ctx, &f->tables, t) ? SZ_OK : sz_no_memory(f->ctx);
}

static sz_status gather(sz_llm_form *f, const sz_graph *g, const sz_node *n, int64_t seq) {
    if (is_op(n, "Attention")) return gather_attention(f, g, n, seq);
    if (keeps_state(n)) count_layer(f, n);
    if (is_op(n, "Route")) f->shape.expert_layers++;
    if (is_op(n, "Embed")) return gather_table(f, g, n);
    return is_op(n, "ExpertLinear") || is_op(n, "Product") ? gather_experts(f, g, n) : SZ_OK;
}

// ---- points ------------------------------------------------------------------------------------

static sz_status count_all(sz_ctx *ctx, const sz_model *model, sz_llm_work *all) {
    sz_graph *g = model->graph;
    const sz_convention *convention = sz_convention_find(NULL);
    for (size_t i = 0; i < g->nodes.n; i++) {
        sz_node_result r;
        SZ_TRY(sz_cost_node_by(g, (sz_node_id)i, convention, &r));
        if (!sz_add(all->macs, r.work.macs, &all->macs) ||
            !sz_add(all->flops, r.counted, &all->flops) ||
            !sz_add(all->bytes_read, r.work.bytes_read, &all->bytes_read) ||
            !sz_add(all->bytes_written, r.work.bytes_written, &all->bytes_written))
            return sz_fail(ctx, SZ_ERR_INPUT, "costs of the model exceed 2^63");
    }
    return SZ_OK;
}

static const int64_t points[SZ_FORM_TERMS][2] = {{1, 1}, {2, 1}, {1, 2}, {2, 2}};

// f = c0 + c1 b + c2 s + c3 b s by its values at the points.
static void solve(const int64_t at[SZ_FORM_TERMS], int64_t ret[SZ_FORM_TERMS]) {
    ret[3] = at[3] - at[2] - at[1] + at[0];
    ret[1] = at[1] - at[0] - ret[3];
    ret[2] = at[2] - at[0] - ret[3];
    ret[0] = at[0] - ret[1] - ret[2] - ret[3];
}

static sz_status count_points(sz_ctx *ctx, sz_model *model, sz_llm_form *f) {
    const sz_llm_counting how = {0};
    int64_t macs[SZ_FORM_TERMS], flops[SZ_FORM_TERMS], read[SZ_FORM_TERMS], written[SZ_FORM_TERMS];
    for (int i = SZ_FORM_TERMS - 1; i >= 0; i--) { // that with most tokens shows what is alike
        const int64_t batch = points[i][0], seq = points[i][1];
        const sz_graph *g = model->graph;
        sz_llm_work all = {0}, kept = {0};
        SZ_TRY(sz_model_llm_bind(ctx, model, batch, seq, 0));
        for (size_t n = 0; i == SZ_FORM_TERMS - 1 && n < g->nodes.n; n++)
            SZ_TRY(gather(f, g, &g->nodes.items[n], seq));
        SZ_TRY(count_all(ctx, model, &all));
        SZ_TRY(sz_form_structure(f, &how, &(sz_form_step){batch, seq, 0}, &kept));
        macs[i] = all.macs - kept.macs;
        flops[i] = all.flops - kept.flops;
        read[i] = all.bytes_read - kept.bytes_read;
        written[i] = all.bytes_written - kept.bytes_written;
    }
    solve(macs, f->macs);
    solve(flops, f->flops);
    solve(read, f->read);
    solve(written, f->written);
    return SZ_OK;
}

static void measure(const sz_graph *g, sz_llm_form *f) {
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        if (!is_op(n, "Embed")) continue;
        const sz_type *y = &sz_graph_value(g, n->outputs[0])->type;
        f->shape.dtype = sz_dtype_get(y->dtype)->name;
        f->shape.width = y->rank > 0 ? y->dims[y->rank - 1] : 0;
    }
    f->shape.trained = g->trained;
}

static sz_status fill(sz_ctx *ctx, sz_model *model, sz_llm_form *f) {
    sz_costs *costs = NULL;
    SZ_TRY(sz_model_llm(ctx, model, &f->shape.facts));
    const size_t limit = sz_allowance_begin(ctx, model);
    const sz_status status = count_points(ctx, model, f);
    sz_ctx_set_job_limit(ctx, limit);
    // what binds and costs a model names its file
    const bool is_named = status == SZ_OK || strncmp(sz_ctx_error(ctx), "file '", 6) == 0;
    if (!is_named) return sz_place(ctx, status, "file '%s'", sz_model_path(model));
    SZ_TRY(status);
    SZ_TRY(sz_model_llm(ctx, model, &f->shape.facts)); // of sizes that are known
    measure(model->graph, f);
    SZ_TRY(sz_costs_create(ctx, model, NULL, &costs));
    f->shape.params = sz_costs_total(costs).params;
    f->shape.weight_bytes = sz_costs_total(costs).weight_bytes;
    sz_costs_destroy(costs);
    return SZ_OK;
}

sz_status sz_llm_form_create(sz_ctx *ctx, sz_model *model, sz_llm_form **ret_form) {
    sz_llm_form *f = sz_alloc(ctx, sizeof *f);
    if (!f) return sz_no_memory(ctx);
    *f = (sz_llm_form){.ctx = ctx, .shape = {.dtype = "f16"}};
    const sz_status status = fill(ctx, model, f);
    if (status == SZ_OK)
        *ret_form = f;
    else
        sz_llm_form_destroy(f);
    return status;
}
