// SPDX-License-Identifier: Apache-2.0
// One net of language at many sizes: its inputs get dimensions, and shapes are inferred again.
#include <sizeup/llm.h>

#include "base/base.h"
#include "model/graph/allowance.h"
#include "model/graph/model.h"
#include "model/ops/ops.h"

#include <inttypes.h>

// The types with their symbols, as the importer left them.
static sz_status keep_open(sz_model *m) {
    sz_graph *g = m->graph;
    if (m->open_inputs) return SZ_OK;
    sz_type *types = sz_arena_array(g->arena, g->inputs.n ? g->inputs.n : 1, sizeof *types);
    if (!types) return sz_no_memory(g->ctx);
    for (size_t i = 0; i < g->inputs.n; i++) types[i] = sz_graph_value(g, g->inputs.items[i])->type;
    m->open_inputs = types;
    return SZ_OK;
}

typedef struct sizes {
    int64_t batch, seq, past;
} sizes;

static int64_t size_of(const sz_symbol *s, const sizes *at) {
    if (sz_str_is(s->name, "batch")) return at->batch;
    if (sz_str_is(s->name, "seq")) return at->seq;
    if (sz_str_is(s->name, "past")) return at->past;
    return s->usual;
}

static sz_status set_input(sz_graph *g, sz_value *v, const sz_type *open, const sizes *at) {
    if (open->rank <= 0) return SZ_OK;
    int64_t *own = sz_graph_dims(g, open->rank);
    if (!own) return sz_no_memory(g->ctx);
    v->type = *open;
    for (int32_t i = 0; i < open->rank; i++) {
        own[i] = open->dims[i];
        if (own[i] > SZ_DIM_SYMBOL(0)) continue;
        sz_symbol *s = &g->symbols.items[SZ_SYMBOL_OF(own[i])];
        own[i] = size_of(s, at);
        if (own[i] < 0)
            return sz_fail(g->ctx, SZ_ERR_INPUT,
                           "input '%s': dimension %d is free ('%s') and has no usual size: not a "
                           "net of weights and hyper-parameters",
                           sz_show(g->ctx, v->name), i, sz_show(g->ctx, s->name));
        s->bound = own[i];
    }
    v->type.dims = own;
    return SZ_OK;
}

static sz_status bind(sz_model *model, const sizes *at) {
    sz_graph *g = model->graph;
    SZ_TRY(keep_open(model));
    for (size_t i = 0; i < g->inputs.n; i++)
        SZ_TRY(set_input(g, sz_graph_value(g, g->inputs.items[i]), &model->open_inputs[i], at));
    return sz_ops_infer(g);
}

sz_status sz_model_llm_bind(sz_ctx *ctx, sz_model *model, int64_t batch, int64_t seq,
                            int64_t past) {
    const sizes at = {batch, seq, past};
    if (batch < 1 || seq < 1 || past < 0)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "a step has 1 sequence or more, of 1 new token or more: not %" PRId64
                       " of %" PRId64 " behind %" PRId64,
                       batch, seq, past);
    const size_t limit = sz_allowance_begin(ctx, model);
    const sz_status status = bind(model, &at);
    sz_ctx_set_job_limit(ctx, limit);
    if (status == SZ_OK) return SZ_OK;
    return sz_place(ctx, status, "file '%s'", sz_model_path(model));
}
