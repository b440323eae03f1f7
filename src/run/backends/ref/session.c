// SPDX-License-Identifier: Apache-2.0
// Running a graph: which nodes are needed, in which order, and when a value can go.
#include "run/backends/ref/session.h"

#include <stdio.h>

static const size_t default_limit = (size_t)8 << 30;

// ---- frames ------------------------------------------------------------------------------------

static void frame_finish(sz_ref *r, sz_frame *f) {
    const sz_graph *g = f->graph;
    for (size_t v = 0; f->slots && v < g->values.n; v++) sz_buffer_release(r->ctx, f->slots[v]);
    sz_free(r->ctx, f->slots, (g->values.n + 1) * sizeof *f->slots);
    sz_free(r->ctx, f->uses, (g->values.n + 1) * sizeof *f->uses);
    sz_free(r->ctx, f->needed, (g->nodes.n + 1) * sizeof *f->needed);
    f->slots = NULL, f->uses = NULL, f->needed = NULL;
}

typedef void visit(sz_frame *f, sz_value_id id);

static void count_use(sz_frame *f, sz_value_id id) { f->uses[id]++; }

static void release(sz_ref *r, sz_frame *f, sz_value_id id) {
    if (--f->uses[id] > 0) return;
    sz_buffer_release(r->ctx, f->slots[id]);
    f->slots[id] = NULL;
}

// Values of `g` that the bodies of a node read, each as often as a body names it. Bodies inside
// bodies take from outside through the body around them.
static int32_t outer_reads(const sz_node *n, const sz_graph **ret_body, int32_t k) {
    for (int32_t a = 0; a < n->n_attrs; a++)
        for (int32_t b = 0; n->attrs[a].graphs && b < n->attrs[a].n; b++)
            if (k-- == 0) return *ret_body = n->attrs[a].graphs[b], 1;
    return 0;
}

static void visit_reads(sz_frame *f, const sz_node *n, visit *see) {
    const sz_graph *body;
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE) see(f, n->inputs[i]);
    for (int32_t k = 0; outer_reads(n, &body, k); k++)
        for (size_t v = 0; v < body->values.n; v++)
            if (body->values.items[v].kind == SZ_VALUE_CAPTURED)
                see(f, body->values.items[v].outer);
}

// Backwards from the outputs: a node is needed when one of its outputs is read.
static sz_status frame_init(sz_ref *r, sz_frame *f) {
    const sz_graph *g = f->graph;
    f->slots = sz_alloc(r->ctx, (g->values.n + 1) * sizeof *f->slots);
    f->uses = sz_alloc(r->ctx, (g->values.n + 1) * sizeof *f->uses);
    f->needed = sz_alloc(r->ctx, (g->nodes.n + 1) * sizeof *f->needed);
    if (!f->slots || !f->uses || !f->needed) return sz_no_memory(r->ctx);
    for (size_t o = 0; o < g->outputs.n; o++) f->uses[g->outputs.items[o]]++;
    for (size_t k = g->nodes.n; k-- > 0;) {
        const sz_node_id id = sz_graph_nth(g, k);
        const sz_node *n = sz_graph_node(g, id);
        for (int32_t o = 0; o < n->n_outputs; o++) {
            const sz_value_id out = n->outputs[o];
            if (out != SZ_NONE && f->uses[out] > 0 && !g->values.items[out].constant)
                f->needed[id] = true; // the outputs of Constant nodes are constants already
        }
        if (f->needed[id]) visit_reads(f, n, count_use);
    }
    return SZ_OK;
}

// ---- values ------------------------------------------------------------------------------------

static sz_status missing(sz_ref *r, const sz_value *v) {
    return sz_fail(r->ctx, SZ_ERR_INPUT, "value '%s' has no numbers", sz_show(r->ctx, v->name));
}

const sz_frame *sz_ref_owner(const sz_frame *f, sz_value_id id, sz_value_id *ret_id) {
    const sz_value *v = sz_graph_value(f->graph, id);
    for (; v->kind == SZ_VALUE_CAPTURED && f->outer; v = sz_graph_value(f->graph, id)) {
        f = f->outer;
        id = v->outer;
    }
    *ret_id = id;
    return f;
}

sz_status sz_ref_look_up(sz_ref *r, const sz_frame *f, sz_value_id id, sz_buffer **ret) {
    f = sz_ref_owner(f, id, &id);
    const sz_value *v = sz_graph_value(f->graph, id);
    *ret = f->slots[id];
    if (*ret) return SZ_OK;
    const bool is_main = f->graph == r->graph;
    sz_buffer *b = is_main ? sz_buffer_hold(r->given[id]) : NULL;
    if (!b && v->constant && v->constant->form == SZ_CONST_RECIPE) {
        SZ_TRY(sz_ref_recipe(r, f, id));
        *ret = f->slots[id];
        return SZ_OK;
    }
    if (!b && v->constant) SZ_TRY(sz_ref_constant(r, f->graph, id, &b));
    if (!b && v->kind == SZ_VALUE_INPUT && is_main) SZ_TRY(sz_ref_sample(r, f->graph, id, &b));
    if (!b) return missing(r, v);
    *ret = f->slots[id] = b;
    return SZ_OK;
}

static void release_reads(sz_ref *r, sz_frame *f, const sz_node *n) {
    const sz_graph *body;
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE) release(r, f, n->inputs[i]);
    for (int32_t k = 0; outer_reads(n, &body, k); k++)
        for (size_t v = 0; v < body->values.n; v++)
            if (body->values.items[v].kind == SZ_VALUE_CAPTURED)
                release(r, f, body->values.items[v].outer);
}

static void put_outputs(sz_ref *r, sz_frame *f, const sz_node *n, sz_buffer **out) {
    for (int32_t o = 0; o < n->n_outputs; o++) {
        const sz_value_id id = n->outputs[o];
        if (id == SZ_NONE || f->uses[id] == 0) {
            sz_buffer_release(r->ctx, out[o]);
        } else {
            sz_buffer_release(r->ctx, f->slots[id]);
            f->slots[id] = out[o];
        }
    }
}

static sz_status run_one(sz_ref *r, sz_frame *f, sz_node_id id) {
    const sz_node *n = sz_graph_node(f->graph, id);
    const size_t n_in = (size_t)n->n_inputs, n_out = (size_t)n->n_outputs;
    const size_t size = (n_in + n_out + 1) * sizeof(sz_buffer *);
    sz_buffer **in = sz_alloc(r->ctx, size), **out = in ? in + n_in : NULL;
    sz_status status = in ? SZ_OK : sz_no_memory(r->ctx);
    for (size_t i = 0; status == SZ_OK && i < n_in; i++)
        if (n->inputs[i] != SZ_NONE) status = sz_ref_look_up(r, f, n->inputs[i], &in[i]);
    if (status == SZ_OK) status = sz_ref_node(r, f, n, in, out);
    if (status == SZ_OK) {
        put_outputs(r, f, n, out);
        release_reads(r, f, n);
    } else {
        for (size_t o = 0; in && o < n_out; o++) sz_buffer_release(r->ctx, out[o]);
    }
    sz_free(r->ctx, in, size);
    return status;
}

sz_status sz_frame_run(sz_ref *r, sz_frame *f, sz_buffer **ret_out) {
    const sz_graph *g = f->graph;
    for (size_t k = 0; k < g->nodes.n; k++) {
        const sz_node_id id = sz_graph_nth(g, k);
        if (f->needed[id]) SZ_TRY(run_one(r, f, id));
    }
    for (size_t o = 0; o < g->outputs.n; o++) {
        sz_buffer *b;
        SZ_TRY(sz_ref_look_up(r, f, g->outputs.items[o], &b));
        ret_out[o] = sz_buffer_hold(b);
    }
    return SZ_OK;
}

// ---- bodies ------------------------------------------------------------------------------------

sz_status sz_ref_body(const sz_ref_call *c, sz_graph *body, int n_in, sz_buffer **in,
                      sz_buffer **ret_out) {
    sz_ref *r = c->ref;
    sz_frame f = {.graph = body, .outer = c->frame, .depth = c->frame->depth + 1};
    if (f.depth > SZ_MAX_BODIES)
        return sz_fail(r->ctx, SZ_ERR_LIMIT, "bodies are nested deeper than %d", SZ_MAX_BODIES);
    if ((size_t)n_in != body->inputs.n)
        return sz_op_fail(c->n, "the body has %zu inputs, %d are given", body->inputs.n, n_in);
    SZ_TRY(sz_ref_charge(c, (int64_t)body->nodes.n + 1, 1, 1));
    sz_status status = frame_init(r, &f);
    for (int i = 0; status == SZ_OK && i < n_in; i++)
        if (in[i]) {
            const sz_value_id id = body->inputs.items[i];
            sz_buffer_release(r->ctx, f.slots[id]);
            f.slots[id] = sz_buffer_hold(in[i]);
        }
    if (status == SZ_OK) status = sz_frame_run(r, &f, ret_out);
    frame_finish(r, &f);
    for (size_t o = 0; status != SZ_OK && o < body->outputs.n; o++) {
        sz_buffer_release(r->ctx, ret_out[o]);
        ret_out[o] = NULL;
    }
    return status;
}

// ---- the session -------------------------------------------------------------------------------

bool sz_ref_spend(sz_ref *r, int64_t work) {
    if (!sz_add(r->spent, work, &r->spent)) return false;
    return r->options.work_limit == 0 || r->spent <= r->options.work_limit;
}

// The graph and all bodies below it.
sz_status sz_ref_supports(sz_graph *g, const char **ret_why) {
    sz_graph *root = sz_graph_root(g);
    *ret_why = NULL;
    for (size_t k = 0; k <= root->children.n; k++) {
        const sz_graph *one = k ? root->children.items[k - 1] : root;
        for (size_t i = 0; i < one->nodes.n; i++) {
            const sz_node *n = &one->nodes.items[i];
            if (sz_ref_find(n)) continue;
            char text[SZ_MAX_SHOWN + 64];
            const int len = snprintf(text, sizeof text, "no reference for operator '%s'",
                                     sz_show(g->ctx, n->op));
            const char *why = sz_arena_strdup(root->arena, text, (size_t)len);
            if (!why) return sz_no_memory(g->ctx);
            *ret_why = why;
            return SZ_OK;
        }
    }
    return SZ_OK;
}

static void drop_outputs(sz_ref *r) {
    for (size_t o = 0; r->outputs && o < r->graph->outputs.n; o++) {
        sz_buffer_release(r->ctx, r->outputs[o]);
        r->outputs[o] = NULL;
    }
}

sz_status sz_ref_create(sz_ctx *ctx, sz_graph *g, const sz_ref_options *options, sz_ref **ret_ref) {
    sz_ref *r = sz_alloc(ctx, sizeof *r);
    if (!r) return sz_no_memory(ctx);
    r->ctx = ctx, r->graph = g;
    if (options) r->options = *options;
    if (!r->options.memory_limit) r->options.memory_limit = default_limit;
    r->given = sz_alloc(ctx, (g->values.n + 1) * sizeof *r->given);
    r->outputs = sz_alloc(ctx, (g->outputs.n + 1) * sizeof *r->outputs);
    if (!r->given || !r->outputs) {
        sz_ref_destroy(r);
        return sz_no_memory(ctx);
    }
    *ret_ref = r;
    return SZ_OK;
}

void sz_ref_destroy(sz_ref *r) {
    if (!r) return;
    drop_outputs(r);
    for (size_t v = 0; r->given && v < r->graph->values.n; v++)
        sz_buffer_release(r->ctx, r->given[v]);
    sz_free(r->ctx, r->given, (r->graph->values.n + 1) * sizeof *r->given);
    sz_free(r->ctx, r->outputs, (r->graph->outputs.n + 1) * sizeof *r->outputs);
    sz_free(r->ctx, r, sizeof *r);
}

sz_status sz_ref_give(sz_ref *r, sz_value_id id, sz_buffer *b) {
    const sz_value *v = sz_graph_value(r->graph, id);
    const sz_type *t = &v->type;
    bool fits = v->kind == SZ_VALUE_INPUT || v->constant;
    if (!fits)
        return sz_fail(r->ctx, SZ_ERR_USAGE, "value '%s' is no input and no constant",
                       sz_show(r->ctx, v->name));
    if (!b->is_sequence && t->kind == SZ_TYPE_TENSOR) {
        fits = (!t->dtype || t->dtype == b->dtype) && (t->rank < 0 || t->rank == b->rank);
        for (int32_t d = 0; fits && d < t->rank; d++)
            fits = t->dims[d] < 0 || t->dims[d] == b->dims[d];
    }
    if (!fits)
        return sz_fail(r->ctx, SZ_ERR_USAGE, "numbers of another type than that of value '%s': %s",
                       sz_show(r->ctx, v->name), sz_type_text(r->graph, t));
    sz_buffer_release(r->ctx, r->given[id]);
    r->given[id] = sz_buffer_hold(b);
    return SZ_OK;
}

sz_status sz_ref_take_weights(sz_ref *r, sz_ref *from) {
    const size_t n = from->graph->values.n;
    for (size_t v = 0; v < n && v < r->graph->values.n; v++) {
        const sz_value *own = &r->graph->values.items[v], *theirs = &from->graph->values.items[v];
        if (!own->constant || !theirs->constant) continue;
        if (own->constant->form == SZ_CONST_RECIPE || own->constant->form == SZ_CONST_VALUE)
            continue;
        sz_buffer *b;
        SZ_TRY(sz_ref_source(from, (sz_value_id)v, &b));
        sz_status status = sz_ref_give(r, (sz_value_id)v, b);
        sz_buffer_release(r->ctx, b);
        SZ_TRY(status);
    }
    return SZ_OK;
}

sz_status sz_ref_source(sz_ref *r, sz_value_id id, sz_buffer **ret_buffer) {
    const sz_value *v = sz_graph_value(r->graph, id);
    *ret_buffer = sz_buffer_hold(r->given[id]);
    if (*ret_buffer) return SZ_OK;
    if (v->constant && v->constant->form == SZ_CONST_RECIPE)
        return sz_fail(r->ctx, SZ_ERR_USAGE, "value '%s' is made by folding",
                       sz_show(r->ctx, v->name));
    if (v->constant) return sz_ref_constant(r, r->graph, id, ret_buffer);
    if (v->kind == SZ_VALUE_INPUT) return sz_ref_sample(r, r->graph, id, ret_buffer);
    return missing(r, v);
}

sz_status sz_ref_run(sz_ref *r) {
    sz_frame f = {.graph = r->graph};
    drop_outputs(r);
    r->spent = 0;
    const size_t used = sz_ctx_memory_used(r->ctx);
    const size_t before = sz_ctx_set_job_limit(r->ctx, used + r->options.memory_limit);
    sz_status status = frame_init(r, &f);
    if (status == SZ_OK) status = sz_frame_run(r, &f, r->outputs);
    frame_finish(r, &f);
    if (status != SZ_OK) drop_outputs(r);
    sz_ctx_set_job_limit(r->ctx, before);
    return status;
}

const sz_buffer *sz_ref_output(const sz_ref *r, size_t k) {
    return k < r->graph->outputs.n ? r->outputs[k] : NULL;
}
