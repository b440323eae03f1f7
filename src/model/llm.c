// SPDX-License-Identifier: Apache-2.0
// What the nodes of domain llm say about the whole net.
#include <sizeup/llm.h>

#include "model/graph/model.h"
#include "model/ops/llm.h"
#include "model/ops/rule.h"

static bool is_op(const sz_node *n, const char *op) {
    return sz_str_is(n->domain, SZ_LLM_DOMAIN) && sz_str_is(n->op, op);
}

static sz_status elements(const sz_graph *g, sz_value_id id, int64_t *ret) {
    *ret = 0;
    if (id == SZ_NONE) return SZ_OK;
    SZ_TRY(sz_type_elements(g->ctx, &sz_graph_value(g, id)->type, ret));
    if (*ret < 0) *ret = 0;
    return SZ_OK;
}

// Of `all` elements of experts those that the `used` ones do not have.
static int64_t idle_of(int64_t all, int64_t count, int64_t used) {
    if (count <= 0 || used <= 0 || used >= count) return 0;
    return all / count * (count - used);
}

// Weight and bias of experts. How many of them a token takes stands in the type of the route.
static sz_status add_experts(const sz_graph *g, const sz_node *n, int64_t *idle) {
    const bool is_loose = is_op(n, "Product");
    const sz_type *w = &sz_graph_value(g, n->inputs[is_loose ? 0 : 1])->type;
    const sz_type *route = is_loose ? NULL : &sz_graph_value(g, n->inputs[2])->type;
    const int64_t used = is_loose ? sz_attr_i(n, "used", 0) : route->rank == 3 ? route->dims[2] : 0;
    const int64_t count = w->rank == 3 ? w->dims[0] : 0;
    const int parts[] = {is_loose ? 0 : 1, 3};
    for (int i = 0; i < (is_loose || n->n_inputs <= 3 ? 1 : 2); i++) {
        int64_t all;
        SZ_TRY(elements(g, n->inputs[parts[i]], &all));
        if (!sz_add(*idle, idle_of(all, count, used), idle))
            return sz_fail(g->ctx, SZ_ERR_INPUT, "parameters exceed 2^63");
    }
    return SZ_OK;
}

// Is the table a weight of a product too?
static bool is_head(const sz_graph *g, sz_value_id table) {
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        if (is_op(n, "Linear") && n->n_inputs > 1 && n->inputs[1] == table) return true;
    }
    return false;
}

static sz_status add_node(const sz_graph *g, const sz_node *n, sz_llm_facts *f) {
    if (is_op(n, "ExpertLinear") || is_op(n, "Product")) return add_experts(g, n, &f->idle_params);
    if (is_op(n, "Embed") && f->embedding_params == 0 && !is_head(g, n->inputs[0]))
        return elements(g, n->inputs[0], &f->embedding_params);
    if (!is_op(n, "Attention")) return SZ_OK;
    if (!sz_add(f->cache_per_token, sz_attr_i(n, "cache", 0), &f->cache_per_token))
        return sz_fail(g->ctx, SZ_ERR_INPUT, "the cache exceeds 2^63");
    return SZ_OK;
}

sz_status sz_model_llm(sz_ctx *ctx, const sz_model *model, sz_llm_facts *ret_facts) {
    const sz_graph *g = model->graph;
    sz_llm_facts f = {.arch = g->arch.p ? g->arch.p : ""};
    bool found = false;
    for (size_t i = 0; i < g->nodes.n; i++) {
        found = found || sz_str_is(g->nodes.items[i].domain, SZ_LLM_DOMAIN);
        SZ_TRY(add_node(g, &g->nodes.items[i], &f));
    }
    if (!found)
        return sz_fail(
            ctx, SZ_ERR_INPUT,
            "file '%s': @0: not a language model of weights and "
            "hyper-parameters (GGUF, safetensors, config.json): count what it costs with "
            "'sizeup count'",
            sz_model_path(model));
    *ret_facts = f;
    return SZ_OK;
}

sz_status sz_model_llm_cache(sz_ctx *ctx, const sz_model *model, int64_t tokens, sz_dtype dtype,
                             int64_t *ret_bytes) {
    const sz_graph *g = model->graph;
    int64_t all = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        if (!is_op(n, "Attention")) continue;
        const int64_t window = sz_attr_i(n, "window", 0);
        const int64_t kept = window > 0 && window < tokens ? window : tokens;
        if (!sz_madd(&all, sz_attr_i(n, "cache", 0), kept))
            return sz_fail(ctx, SZ_ERR_INPUT, "the cache exceeds 2^63");
    }
    const int64_t bytes = sz_dtype_bytes(dtype, all);
    if (bytes < 0) return sz_fail(ctx, SZ_ERR_INPUT, "the cache exceeds 2^63");
    *ret_bytes = bytes;
    return SZ_OK;
}
