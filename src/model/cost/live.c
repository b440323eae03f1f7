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
} sweep;

typedef void read_rule(sweep *s, sz_value_id id, int32_t node, int64_t *live);

// A node reads its inputs and what its bodies capture.
static void for_reads(sweep *s, const sz_node *n, int32_t node, int64_t *live, read_rule *rule) {
    for (int32_t i = 0; i < n->n_inputs; i++) rule(s, n->inputs[i], node, live);
    for (int32_t a = 0; a < n->n_attrs; a++)
        for (int32_t k = 0; n->attrs[a].graphs && k < n->attrs[a].n; k++) {
            const sz_graph *body = n->attrs[a].graphs[k];
            for (size_t v = 0; v < body->values.n; v++)
                if (body->values.items[v].kind == SZ_VALUE_CAPTURED)
                    rule(s, body->values.items[v].outer, node, live);
        }
}

static void mark_read(sweep *s, sz_value_id id, int32_t node, int64_t *live) {
    (void)live;
    if (id != SZ_NONE) s->last[id] = node;
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
    for (size_t i = 0; i < s->g->nodes.n; i++)
        for_reads(s, &s->g->nodes.items[i], (int32_t)i, NULL, mark_read);
    return SZ_OK;
}

static bool birth(sweep *s, sz_value_id id, int64_t *live) {
    if (id == SZ_NONE || s->alive[id]) return true;
    s->alive[id] = 1;
    return sz_add(*live, s->bytes[id], live);
}

static void death(sweep *s, sz_value_id id, int32_t node, int64_t *live) {
    if (id == SZ_NONE || !s->alive[id] || s->last[id] > node) return;
    if (sz_graph_value(s->g, id)->is_output) return;
    s->alive[id] = 0;
    *live -= s->bytes[id];
}

static void deaths(sweep *s, const sz_node *n, int32_t node, int64_t *live) {
    for_reads(s, n, node, live, death);
    for (int32_t o = 0; o < n->n_outputs; o++) death(s, n->outputs[o], node, live);
}

sz_status sz_costs_liveness(sz_costs *costs) {
    sweep s = {.g = costs->graph};
    sz_activations *act = &costs->activations;
    int64_t live = 0;
    bool fits = true;
    SZ_TRY(prepare(&s, &costs->arena, costs->inside));
    for (size_t i = 0; i < s.g->inputs.n; i++)
        fits = birth(&s, s.g->inputs.items[i], &live) && fits;
    *act = (sz_activations){live, 0, -1};
    for (size_t i = 0; i < costs->n_nodes && fits; i++) {
        const sz_node *n = &s.g->nodes.items[i];
        sz_node_cost *cost = &costs->nodes[i];
        for (int32_t o = 0; o < n->n_outputs; o++) {
            fits = birth(&s, n->outputs[o], &live) && fits;
            if (n->outputs[o] != SZ_NONE) cost->activation_bytes += s.bytes[n->outputs[o]];
        }
        cost->live_bytes = live;
        fits = fits && sz_add(act->total_bytes, cost->activation_bytes, &act->total_bytes);
        if (live > act->peak_bytes) *act = (sz_activations){live, act->total_bytes, (int64_t)i};
        deaths(&s, n, (int32_t)i, &live);
    }
    if (!fits) return sz_fail(costs->ctx, SZ_ERR_INPUT, "activations exceed 2^63 bytes");
    if (act->peak_node < 0 && costs->n_nodes) act->peak_node = 0;
    return SZ_OK;
}
