// SPDX-License-Identifier: Apache-2.0
// Liveness: one sweep over the nodes in file order.
#include "model/cost/costs.h"

#include <inttypes.h>

// No machine holds a tensor of a pebibyte: such a shape is a slip or a trap.
#define IMPLAUSIBLE_BYTES ((int64_t)1 << 50)

typedef struct sweep {
    sz_graph *g;
    int64_t *bytes; // of each value, 0 for constants
    int32_t *last;  // last node that reads it, -1 none
    uint8_t *alive;
    int32_t *head, *next; // values by the last node that reads them: of each node, of each value
    int32_t node;         // that is looked at
    int64_t live;
} sweep;

sz_status sz_for_reads(const sz_node *n, sz_read_rule *rule, void *user) {
    for (int32_t i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] != SZ_NONE) SZ_TRY(rule(user, n->inputs[i]));
    for (int32_t a = 0; a < n->n_attrs; a++)
        for (int32_t k = 0; n->attrs[a].graphs && k < n->attrs[a].n; k++) {
            const sz_graph *body = n->attrs[a].graphs[k];
            for (size_t v = 0; v < body->values.n; v++)
                if (body->values.items[v].kind == SZ_VALUE_CAPTURED)
                    SZ_TRY(rule(user, body->values.items[v].outer));
        }
    return SZ_OK;
}

static sz_status mark_read(void *user, sz_value_id id) {
    sweep *s = user;
    s->last[id] = s->node;
    return SZ_OK;
}

// A tuple of XLA holds pointers and no numbers; an item that is taken out of it is where it was.
static bool is_bundle(const sz_node *n) {
    return sz_str_is(n->domain, "xla") && n->n_outputs == 1 && n->outputs[0] != SZ_NONE &&
           (sz_str_is(n->op, "tuple") || sz_str_is(n->op, "get-tuple-element"));
}

// Nodes stand behind what they read, so one walk from the end is enough.
void sz_for_bundles(const sz_graph *g, sz_bundle_rule *rule, void *user) {
    for (size_t k = g->nodes.n; k-- > 0;) {
        const sz_node *n = &g->nodes.items[sz_graph_nth(g, k)];
        for (int32_t i = 0; i < n->n_inputs && is_bundle(n); i++)
            if (n->inputs[i] != SZ_NONE) rule(user, n->outputs[0], n->inputs[i]);
    }
}

// Bundles take no room, and what is in them lives as long as they are read.
static void see_through(void *user, sz_value_id bundle, sz_value_id item) {
    sweep *s = user;
    s->bytes[bundle] = 0;
    if (sz_graph_value(s->g, bundle)->is_output) s->last[item] = INT32_MAX;
    if (s->last[bundle] > s->last[item]) s->last[item] = s->last[bundle];
}

static sz_status sort_by_last(sweep *s, sz_arena *arena) {
    const size_t n = s->g->nodes.n;
    s->head = sz_arena_array(arena, n ? n : 1, sizeof *s->head);
    s->next = sz_arena_array(arena, s->g->values.n ? s->g->values.n : 1, sizeof *s->next);
    if (!s->head || !s->next) return sz_no_memory(s->g->ctx);
    for (size_t i = 0; i < n; i++) s->head[i] = -1;
    for (size_t v = 0; v < s->g->values.n; v++) {
        if (s->last[v] < 0 || (size_t)s->last[v] >= n) continue;
        s->next[v] = s->head[s->last[v]];
        s->head[s->last[v]] = (int32_t)v;
    }
    return SZ_OK;
}

static sz_status prepare(sweep *s, sz_arena *arena, const uint8_t *inside) {
    size_t n = s->g->values.n;
    s->bytes = sz_arena_array(arena, n, sizeof *s->bytes);
    s->last = sz_arena_array(arena, n, sizeof *s->last);
    s->alive = sz_arena_array(arena, n, 1);
    if (!s->bytes || !s->last || !s->alive) return sz_no_memory(s->g->ctx);
    for (size_t i = 0; i < n; i++) {
        const sz_value *v = &s->g->values.items[i];
        s->last[i] = -1;
        if (v->kind == SZ_VALUE_CONST || v->constant || (inside && inside[i])) continue;
        sz_status status = sz_type_bytes(s->g->ctx, &v->type, &s->bytes[i]);
        if (status != SZ_OK)
            return sz_place(s->g->ctx, status, "value '%s'", sz_show(s->g->ctx, v->name));
        if (s->bytes[i] < 0) s->bytes[i] = 0;
        if (s->bytes[i] >= IMPLAUSIBLE_BYTES)
            sz_warn(s->g->ctx, "value '%s' would take %" PRId64 " bytes: is its shape meant?",
                    sz_show(s->g->ctx, v->name), s->bytes[i]);
    }
    for (s->node = 0; (size_t)s->node < s->g->nodes.n; s->node++)
        SZ_TRY(sz_for_reads(&s->g->nodes.items[s->node], mark_read, s));
    sz_for_bundles(s->g, see_through, s);
    return sort_by_last(s, arena);
}

static bool birth(sweep *s, sz_value_id id) {
    if (id == SZ_NONE || s->alive[id]) return true;
    s->alive[id] = 1;
    return sz_add(s->live, s->bytes[id], &s->live);
}

static void death(sweep *s, sz_value_id id) {
    if (id == SZ_NONE || !s->alive[id] || s->last[id] > s->node) return;
    if (sz_graph_value(s->g, id)->is_output) return;
    s->alive[id] = 0;
    s->live -= s->bytes[id];
}

static void deaths(sweep *s, const sz_node *n) {
    for (int32_t id = s->head[s->node]; id >= 0; id = s->next[id]) death(s, id);
    for (int32_t o = 0; o < n->n_outputs; o++) death(s, n->outputs[o]);
}

sz_status sz_costs_liveness(sz_costs *costs) {
    sweep s = {.g = costs->graph};
    sz_activations *act = &costs->activations;
    bool fits = true;
    SZ_TRY(prepare(&s, &costs->arena, costs->inside));
    for (size_t i = 0; i < s.g->inputs.n; i++) fits = birth(&s, s.g->inputs.items[i]) && fits;
    *act = (sz_activations){s.live, 0, -1};
    for (size_t i = 0; i < costs->n_nodes && fits; i++) {
        const sz_node *n = &s.g->nodes.items[i];
        sz_node_cost *cost = &costs->nodes[i];
        for (int32_t o = 0; o < n->n_outputs; o++) {
            fits = birth(&s, n->outputs[o]) && fits;
            if (n->outputs[o] != SZ_NONE) cost->activation_bytes += s.bytes[n->outputs[o]];
        }
        cost->live_bytes = s.live;
        fits = fits && sz_add(act->total_bytes, cost->activation_bytes, &act->total_bytes);
        if (s.live > act->peak_bytes) *act = (sz_activations){s.live, act->total_bytes, (int64_t)i};
        s.node = (int32_t)i;
        deaths(&s, n);
    }
    if (!fits) return sz_fail(costs->ctx, SZ_ERR_INPUT, "activations exceed 2^63 bytes");
    if (act->peak_node < 0 && costs->n_nodes) act->peak_node = 0;
    return SZ_OK;
}
