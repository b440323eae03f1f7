// SPDX-License-Identifier: Apache-2.0
// The driver over cost rules.
#include "model/cost/body_cost.h"

#include "model/cost/xla_body.h"
#include "model/ops/control.h"
#include "model/ops/rules.h"
#include "model/ops/xla.h"

#include <inttypes.h>
#include <stdio.h>

static const char *keep(sz_graph *g, const char *text) {
    const char *copy = sz_arena_strdup(g->arena, text, strlen(text));
    return copy ? copy : "out of memory";
}

sz_status sz_result_note(sz_graph *g, const char *text, sz_node_result *r) {
    r->note = keep(g, text);
    return SZ_OK;
}

enum { MANY_INPUTS = 64 }; // beyond, duplicates are not looked for: the search is quadratic

// ---- bytes -------------------------------------------------------------------------------------

bool sz_is_named_before(const sz_node *n, int32_t i) {
    for (int32_t k = 0; k < i && k < MANY_INPUTS; k++)
        if (n->inputs[k] == n->inputs[i]) return true;
    return false;
}

// Adds the bytes of a value; containers and strings whose size is not known count nothing.
static sz_status add_bytes(sz_graph *g, sz_value_id id, int64_t *sum) {
    int64_t bytes;
    SZ_TRY(sz_type_bytes(g->ctx, &sz_graph_value(g, id)->type, &bytes));
    if (bytes > 0 && !sz_add(*sum, bytes, sum))
        return sz_fail(g->ctx, SZ_ERR_INPUT, "bytes exceed 2^63");
    return SZ_OK;
}

sz_status sz_cost_prefill(sz_graph *g, const sz_node *n, sz_work *w) {
    *w = (sz_work){0};
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE && !(n->n_inputs <= MANY_INPUTS && sz_is_named_before(n, i)))
            SZ_TRY(add_bytes(g, n->inputs[i], &w->bytes_read));
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE) SZ_TRY(add_bytes(g, n->outputs[o], &w->bytes_written));
    return SZ_OK;
}

// ---- can it be costed? -------------------------------------------------------------------------

static bool is_open(const sz_graph *g, sz_value_id id) {
    const sz_type *t = &sz_graph_value(g, id)->type;
    if (t->kind == SZ_TYPE_NONE) return true;
    return (t->kind == SZ_TYPE_TENSOR || t->kind == SZ_TYPE_SPARSE) && !sz_type_is_static(t);
}

static const char *open_shape(sz_graph *g, const sz_node *n) {
    char text[SZ_MAX_SHOWN + 64];
    sz_value_id bad = SZ_NONE;
    for (int32_t i = 0; i < n->n_inputs && bad == SZ_NONE; i++)
        if (n->inputs[i] != SZ_NONE && is_open(g, n->inputs[i])) bad = n->inputs[i];
    for (int32_t o = 0; o < n->n_outputs && bad == SZ_NONE; o++)
        if (n->outputs[o] != SZ_NONE && is_open(g, n->outputs[o])) bad = n->outputs[o];
    if (bad == SZ_NONE) return NULL;
    snprintf(text, sizeof text, "shape of '%s' is not known (it depends on data)",
             sz_show(g->ctx, sz_graph_value(g, bad)->name));
    return keep(g, text);
}

static int64_t elements_or_zero(sz_graph *g, sz_value_id id) {
    int64_t n = -1;
    if (id == SZ_NONE || sz_type_elements(g->ctx, &sz_graph_value(g, id)->type, &n) != SZ_OK)
        return 0;
    return n < 0 ? 0 : n;
}

static sz_status plain_cost(sz_graph *g, sz_infer *in, sz_node_result *r) {
    const sz_node *n = in->node;
    if (in->op->cost != sz_cost_free && (r->unknown = open_shape(g, n)) != NULL) return SZ_OK;
    r->work.out_elements = n->n_outputs ? elements_or_zero(g, n->outputs[0]) : 0;
    r->work.in_elements = n->n_inputs ? elements_or_zero(g, n->inputs[0]) : 0;
    sz_costing c = {*in, &r->work, NULL};
    SZ_TRY(in->op->cost(&c));
    r->unknown = c.unknown;
    return SZ_OK;
}

// ---- bodies ------------------------------------------------------------------------------------

static sz_status cost_any(sz_graph *g, sz_node_id id, const sz_convention *by, int depth,
                          sz_node_result *r);

bool sz_work_add(sz_work *sum, const sz_work *w, int64_t times) {
    return sz_madd(&sum->macs, w->macs, times) && sz_madd(&sum->flops, w->flops, times) &&
           sz_madd(&sum->epilogue, w->epilogue, times) && sz_madd(&sum->bias, w->bias, times) &&
           sz_madd(&sum->bytes_read, w->bytes_read, times) &&
           sz_madd(&sum->bytes_written, w->bytes_written, times) &&
           sz_madd(&sum->skipped_macs, w->skipped_macs, times);
}

sz_status sz_cost_body(sz_graph *body, const sz_convention *by, int depth, sz_node_result *r) {
    *r = (sz_node_result){0};
    if (depth > SZ_MAX_BODIES)
        return sz_fail(body->ctx, SZ_ERR_LIMIT, "bodies are nested deeper than %d", SZ_MAX_BODIES);
    for (size_t i = 0; i < body->nodes.n; i++) {
        sz_node_result one;
        SZ_TRY(cost_any(body, (sz_node_id)i, by, depth, &one));
        if (one.unknown && !r->unknown) r->unknown = one.unknown;
        if (!sz_work_add(&r->work, &one.work, 1) || !sz_add(r->counted, one.counted, &r->counted))
            return sz_fail(body->ctx, SZ_ERR_INPUT, "costs of a body exceed 2^63");
    }
    return SZ_OK;
}

bool sz_result_is_larger(const sz_node_result *a, const sz_node_result *b) {
    if (a->work.macs != b->work.macs) return a->work.macs > b->work.macs;
    if (a->work.flops != b->work.flops) return a->work.flops > b->work.flops;
    return a->work.bytes_read + a->work.bytes_written > b->work.bytes_read + b->work.bytes_written;
}

static sz_status cost_if(const sz_infer *in, const sz_convention *by, sz_node_result *r) {
    static const char *const names[2] = {"then_branch", "else_branch"};
    sz_node_result branch[2];
    memset(branch, 0, sizeof branch);
    for (int k = 0; k < 2; k++) {
        const sz_attr *a = sz_attr_find(in->node, names[k]);
        if (a && a->kind == SZ_ATTR_GRAPH)
            SZ_TRY(sz_cost_body(a->graphs[0], by, in->depth + 1, &branch[k]));
    }
    const sz_tensor *taken = sz_in_value(in, 0);
    if (taken && taken->i && taken->count == 1) { // the other branch never runs
        *r = branch[taken->i[0] == 0];
        return SZ_OK;
    }
    *r = branch[sz_result_is_larger(&branch[1], &branch[0])];
    char text[256];
    snprintf(text, sizeof text,
             "then %" PRId64 " MACs and %" PRId64 " operations, else %" PRId64 " MACs and %" PRId64
             " operations; the larger counts",
             branch[0].work.macs, branch[0].counted, branch[1].work.macs, branch[1].counted);
    r->note = keep(in->graph, text);
    return SZ_OK;
}

static sz_status cost_loop(const sz_infer *in, const sz_convention *by, sz_node_result *r) {
    const sz_attr *a = sz_attr_find(in->node, "body");
    sz_node_result body;
    int64_t trips;
    if (!a || a->kind != SZ_ATTR_GRAPH) {
        r->unknown = "no body";
        return SZ_OK;
    }
    if (!sz_control_trips(in, &trips)) {
        r->unknown = "trip count is not known";
        return SZ_OK;
    }
    SZ_TRY(sz_cost_body(a->graphs[0], by, in->depth + 1, &body));
    *r = (sz_node_result){.unknown = trips ? body.unknown : NULL};
    const int64_t counts = by->body_once && trips ? 1 : trips;
    if (!sz_work_add(&r->work, &body.work, trips) || !sz_mul(body.counted, counts, &r->counted))
        return sz_op_fail(in, "costs of the body x %" PRId64 " trips exceed 2^63", trips);
    char text[64];
    snprintf(text, sizeof text, "body x %" PRId64 " trips", trips);
    r->note = keep(in->graph, text);
    return SZ_OK;
}

static bool is_loop(const sz_op *op) {
    static const char *const loops[] = {"Loop", "Scan", "SequenceMap", "TensorIterator"};
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
        if (strcmp(op->name, loops[i]) == 0) return true;
    return false;
}

// ---- all ---------------------------------------------------------------------------------------

static sz_status cost_plain(sz_infer *in, const sz_convention *by, sz_node_result *r) {
    const char *why;
    sz_status status = SZ_OK;
    // what moves nothing may be a view of a tuple of thousands: its bytes are of no use
    if (in->op->cost != sz_cost_free) status = sz_cost_prefill(in->graph, in->node, &r->work);
    if (status != SZ_OK) return sz_op_place(in, status);
    SZ_TRY(plain_cost(in->graph, in, r));
    if (!r->unknown)
        return sz_convention_count(by, &(sz_counted){in, &r->work}, &r->counted, &why);
    r->work = (sz_work){0};
    return SZ_OK;
}

// XLA's own convention has its own idea of bytes too, and knows no instruction that it can't count.
static sz_status cost_xla(sz_infer *in, const sz_convention *by, sz_node_result *r) {
    const sz_convention *inside = by->counts_hlo ? sz_convention_find(NULL) : by;
    if (in->op->cost != sz_cost_xla_body) SZ_TRY(cost_plain(in, inside, r));
    else SZ_TRY(sz_xla_body_cost(in, inside, r));
    if (r->unknown) r->work = (sz_work){0}, r->counted = 0;
    if (!by->counts_hlo) return SZ_OK;
    sz_xla_count own;
    SZ_TRY(sz_xla_count_node(in, &own));
    r->has_xla = true;
    r->counted = own.flops;
    r->transcendentals = own.transcendentals;
    r->bytes_accessed = own.bytes;
    return SZ_OK;
}

static sz_status cost_any(sz_graph *g, sz_node_id id, const sz_convention *by, int depth,
                          sz_node_result *r) {
    const sz_node *n = sz_graph_node(g, id);
    sz_infer in = {g->ctx, g, id, n, NULL, n->opset, depth, false};
    *r = (sz_node_result){0};
    if (n->row == SZ_NONE) {
        r->unknown = "unknown operator";
        return SZ_OK;
    }
    in.op = sz_op_get(n->row);
    sz_op_begin(&in);
    if (in.op->kind == SZ_KIND_CONTROL && strcmp(in.op->name, "If") == 0)
        return cost_if(&in, by, r);
    if (in.op->kind == SZ_KIND_CONTROL && is_loop(in.op)) return cost_loop(&in, by, r);
    if (strcmp(in.op->domain, SZ_XLA_DOMAIN) == 0) return cost_xla(&in, by, r);
    return cost_plain(&in, by, r);
}

sz_status sz_cost_node_by(sz_graph *g, sz_node_id id, const sz_convention *convention,
                          sz_node_result *ret_result) {
    const size_t refused = sz_ctx_refused(g->ctx);
    SZ_TRY(cost_any(g, id, convention, 0, ret_result));
    // reasons and numbers that there was no memory for must not change what is counted
    return sz_ctx_refused(g->ctx) == refused ? SZ_OK : sz_no_memory(g->ctx);
}

sz_status sz_cost_node(sz_graph *g, sz_node_id id, sz_work *ret_work, const char **ret_unknown) {
    sz_node_result r;
    SZ_TRY(sz_cost_node_by(g, id, sz_convention_find(NULL), &r));
    *ret_work = r.work;
    *ret_unknown = r.unknown;
    return SZ_OK;
}
