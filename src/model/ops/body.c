// SPDX-License-Identifier: Apache-2.0
// Running inference over a body, once or step by step.
#include "model/ops/body.h"

#include "model/ops/container.h"

sz_status sz_body_attr(const sz_infer *n, const char *name, sz_graph **ret_body) {
    const sz_attr *a = sz_attr_find(n->node, name);
    if (!a || a->kind != SZ_ATTR_GRAPH || !a->graphs) return sz_op_missing_attr(n, name);
    *ret_body = a->graphs[0];
    return SZ_OK;
}

// ---- inputs ------------------------------------------------------------------------------------

// The type in the file moves to `declared` when inference first touches the input.
static sz_status keep_declared(sz_graph *body, sz_value *v) {
    if (v->declared) return SZ_OK;
    sz_type *copy = sz_arena_alloc(body->arena, sizeof *copy);
    if (!copy) return sz_no_memory(body->ctx);
    *copy = v->type;
    v->declared = copy;
    return SZ_OK;
}

// A stated dim; symbols that are not bound mean nothing inside a body.
static int64_t stated_dim(const sz_graph *root, int64_t dim) {
    if (dim >= SZ_DIM_UNKNOWN) return dim;
    int64_t bound = root->symbols.items[SZ_SYMBOL_OF(dim)].bound;
    return bound >= 0 ? bound : SZ_DIM_UNKNOWN;
}

static sz_status fill_dims(sz_graph *body, const sz_type *declared, sz_type *type) {
    int64_t *dims = sz_graph_dims(body, declared->rank);
    if (!dims) return sz_no_memory(body->ctx);
    for (int32_t i = 0; i < declared->rank; i++)
        dims[i] = stated_dim(sz_graph_root(body), declared->dims[i]);
    type->rank = declared->rank, type->dims = dims;
    return SZ_OK;
}

sz_status sz_body_input(sz_graph *body, int i, const sz_type *type, const sz_tensor *known) {
    sz_value *v = sz_graph_value(body, body->inputs.items[i]);
    if (v->kind != SZ_VALUE_INPUT) return SZ_OK;
    SZ_TRY(keep_declared(body, v));
    const sz_type *d = v->declared;
    sz_type t = type->kind == SZ_TYPE_NONE ? *d : *type;
    if (t.kind == d->kind && t.dtype == 0) t.dtype = d->dtype;
    if (t.kind == SZ_TYPE_TENSOR && d->kind == SZ_TYPE_TENSOR && d->rank >= 0 &&
        (t.rank < 0 || type->kind == SZ_TYPE_NONE))
        SZ_TRY(fill_dims(body, d, &t));
    v->type = t;
    v->known = known;
    return SZ_OK;
}

sz_type sz_body_declared(sz_graph *body, int i) {
    const sz_value *v = sz_graph_value(body, body->inputs.items[i]);
    return v->declared ? *v->declared : v->type;
}

// ---- outputs -----------------------------------------------------------------------------------

const sz_type *sz_body_output(const sz_graph *body, int o) {
    return &sz_graph_value(body, body->outputs.items[o])->type;
}

const sz_tensor *sz_body_output_known(const sz_infer *n, sz_graph *body, int o) {
    const sz_tensor *t = NULL;
    if (sz_graph_known(body, body->outputs.items[o], &t) == SZ_OK) return t;
    sz_warn(n->ctx, "%s", sz_ctx_error(n->ctx));
    return NULL;
}

bool sz_body_passes(const sz_graph *body, int o, int i) {
    sz_value_id id = body->outputs.items[o];
    for (size_t steps = 0; steps <= body->nodes.n; steps++) {
        const sz_value *v = sz_graph_value(body, id);
        if (id == body->inputs.items[i]) return true;
        if (v->kind != SZ_VALUE_NODE || v->producer == SZ_NONE) return false;
        const sz_node *n = sz_graph_node(body, v->producer);
        if (!sz_str_is(n->op, "Identity") || n->n_inputs != 1) return false;
        if (n->inputs[0] == SZ_NONE) return false;
        id = n->inputs[0];
    }
    return false;
}

// ---- runs --------------------------------------------------------------------------------------

sz_status sz_body_run(sz_infer *n, sz_graph *body) {
    for (size_t i = 0; i < body->values.n; i++) {
        sz_value *v = &body->values.items[i];
        if (v->kind != SZ_VALUE_NODE) continue;
        v->type = (sz_type){.rank = -1, .n_items = -1};
        v->known = NULL;
        v->known_tried = false;
    }
    return sz_infer_body(n, body);
}

// One watched graph: the type and the numbers so far of each of its values.
typedef struct watched {
    sz_graph *graph;
    sz_type *types;
    const sz_tensor **known;
} watched;

struct sz_trace {
    sz_ctx *ctx;
    sz_graph *root;
    SZ_VEC(watched) graphs;
    int64_t n_nodes, n_values;
    bool any; // at least one run was added
};

// Elements of the budget that one more look costs: at a node, and at so many values (a body may
// hold a million constants beside its one node).
enum { CHARGE_PER_NODE = 16, VALUES_PER_CHARGE = 4 };

static sz_status watch(sz_trace *t, sz_graph *g) {
    const watched w = {.graph = g};
    if (!sz_vec_push(t->ctx, &t->graphs, w)) return sz_no_memory(t->ctx);
    watched *own = &t->graphs.items[t->graphs.n - 1];
    own->types = sz_alloc(t->ctx, (g->values.n + 1) * sizeof *own->types);
    own->known = sz_alloc(t->ctx, (g->values.n + 1) * sizeof *own->known);
    t->n_nodes += (int64_t)g->nodes.n;
    t->n_values += (int64_t)g->values.n;
    return own->types && own->known ? SZ_OK : sz_no_memory(t->ctx);
}

// The graph and, in turn, all bodies inside; the list itself is the queue.
static sz_status watch_all(sz_trace *t, sz_graph *body) {
    SZ_TRY(watch(t, body));
    for (size_t k = 0; k < t->graphs.n; k++) {
        const sz_graph *g = t->graphs.items[k].graph;
        for (size_t i = 0; i < g->nodes.n; i++) {
            const sz_node *n = &g->nodes.items[i];
            for (int32_t a = 0; a < n->n_attrs; a++)
                for (int32_t b = 0; n->attrs[a].graphs && b < n->attrs[a].n; b++)
                    SZ_TRY(watch(t, n->attrs[a].graphs[b]));
        }
    }
    return SZ_OK;
}

sz_status sz_trace_create(sz_infer *n, sz_graph *body, sz_trace **ret_trace) {
    sz_trace *t = sz_alloc(n->ctx, sizeof *t);
    if (!t) return sz_no_memory(n->ctx);
    *t = (sz_trace){.ctx = n->ctx, .root = sz_graph_root(body)};
    sz_status status = watch_all(t, body);
    if (status == SZ_OK)
        *ret_trace = t;
    else
        sz_trace_destroy(t);
    return status;
}

void sz_trace_destroy(sz_trace *t) {
    if (!t) return;
    for (size_t k = 0; k < t->graphs.n; k++) {
        const watched *w = &t->graphs.items[k];
        sz_free(t->ctx, w->types, (w->graph->values.n + 1) * sizeof *w->types);
        sz_free(t->ctx, w->known, (w->graph->values.n + 1) * sizeof *w->known);
    }
    sz_vec_finish(t->ctx, &t->graphs);
    sz_free(t->ctx, t, sizeof *t);
}

sz_status sz_trace_add(sz_trace *t) {
    for (size_t k = 0; k < t->graphs.n; k++) {
        const watched *w = &t->graphs.items[k];
        for (size_t i = 0; i < w->graph->values.n; i++) {
            const sz_value *v = &w->graph->values.items[i];
            if (!t->any) {
                w->types[i] = v->type, w->known[i] = v->known;
                continue;
            }
            SZ_TRY(sz_type_merge(w->graph, &w->types[i], &v->type, &w->types[i]));
            if (w->known[i] && !sz_tensor_equal(w->known[i], v->known)) w->known[i] = NULL;
        }
    }
    t->any = true;
    return SZ_OK;
}

void sz_trace_keep(sz_trace *t) {
    for (size_t k = 0; t->any && k < t->graphs.n; k++) {
        const watched *w = &t->graphs.items[k];
        for (size_t i = 0; i < w->graph->values.n; i++) {
            sz_value *v = &w->graph->values.items[i];
            if (v->kind == SZ_VALUE_CONST) continue;
            v->type = w->types[i];
            v->known = w->known[i];
        }
    }
}

bool sz_trace_charge(sz_trace *t) {
    const int64_t cost = (t->n_nodes + 1) * CHARGE_PER_NODE + t->n_values / VALUES_PER_CHARGE;
    // Half of the budget stays for numbers outside of loops.
    if (t->root->known_elements + cost > SZ_MAX_KNOWN_ELEMENTS / 2) return false;
    t->root->known_elements += cost;
    return true;
}
