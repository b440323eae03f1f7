// SPDX-License-Identifier: Apache-2.0
// Memory that a runtime needs for activations: views share memory, operators that work element by
// element write into an operand that dies with them, and all buffers lie in one arena.
#include "model/cost/arena_plan.h"
#include "model/cost/costs.h"

#include <stdlib.h>

#define ROW(ctype, name, kind, unit, doc) {#name, unit, doc, kind, offsetof(RECORD, name)},
#define RECORD                            sz_memory
const sz_record_type *sz_memory_type(void) {
    static const sz_field fields[] = {SZ_MEMORY_FIELDS(ROW)};
    static const sz_record_type type = {"memory", fields, sizeof fields / sizeof *fields};
    return &type;
}
#undef RECORD
#define RECORD sz_demand
const sz_record_type *sz_demand_type(void) {
    static const sz_field fields[] = {SZ_DEMAND_FIELDS(ROW)};
    static const sz_record_type type = {"demand", fields, sizeof fields / sizeof *fields};
    return &type;
}
#undef RECORD
#define RECORD sz_memory_step
const sz_record_type *sz_memory_step_type(void) {
    static const sz_field fields[] = {SZ_MEMORY_STEP_FIELDS(ROW)};
    static const sz_record_type type = {"memory_step", fields, sizeof fields / sizeof *fields};
    return &type;
}
#undef RECORD

// What is known of a tensor, and of the buffer whose first tensor it is.
typedef struct tensor {
    int64_t bytes;       // 0: takes no memory of its own kind (constants, containers, text)
    sz_value_id buffer;  // the first tensor of its buffer
    int32_t first, last; // steps; last is -1 when nothing reads it
    bool fixed;          // the buffer holds an input or output of the model: nobody writes over it
    bool read;           // by a node
    int32_t read_at;     // step that counted it among its inputs
} tensor;

typedef struct plan {
    sz_costs *costs;
    sz_graph *g;
    tensor *tensors;
    int32_t n, step; // steps; the one that is looked at
    int64_t *delta;  // bytes born less bytes that died, with sharing
} plan;

static const sz_node *node_at(const plan *p, int32_t step) {
    return sz_graph_node(p->g, sz_graph_nth(p->g, (size_t)step));
}

static sz_status too_large(const plan *p) {
    return sz_fail(p->g->ctx, SZ_ERR_INPUT, "activations exceed 2^63 bytes");
}

// ---- lives -------------------------------------------------------------------------------------

static sz_status mark_read(void *user, sz_value_id id) {
    plan *p = user;
    if (p->step > p->tensors[id].last) p->tensors[id].last = p->step;
    p->tensors[id].read = true;
    return SZ_OK;
}

// A tuple takes no room, and what is in it lives as long as it is read.
static void see_through(void *user, sz_value_id bundle, sz_value_id item) {
    plan *p = user;
    p->tensors[bundle].bytes = 0;
    if (p->tensors[bundle].last > p->tensors[item].last)
        p->tensors[item].last = p->tensors[bundle].last;
    p->tensors[item].fixed |= sz_graph_value(p->g, bundle)->is_output;
}

static sz_status prepare(plan *p) {
    const size_t n_values = p->g->values.n;
    p->tensors = sz_arena_array(&p->costs->arena, n_values + 1, sizeof *p->tensors);
    p->delta = sz_arena_array(&p->costs->arena, (size_t)p->n + 2, sizeof *p->delta);
    p->costs->steps = sz_arena_array(&p->costs->arena, (size_t)p->n + 1, sizeof *p->costs->steps);
    if (!p->tensors || !p->delta || !p->costs->steps) return sz_no_memory(p->g->ctx);
    for (size_t v = 0; v < n_values; v++) {
        const sz_value *value = &p->g->values.items[v];
        tensor *t = &p->tensors[v];
        *t = (tensor){.buffer = (sz_value_id)v, .first = 0, .last = -1, .read_at = -1};
        t->fixed = value->is_output || value->kind == SZ_VALUE_INPUT;
        if (value->constant || value->kind == SZ_VALUE_CONST) continue;
        if (p->costs->inside && p->costs->inside[v]) continue; // never leaves its kernel
        SZ_TRY(sz_type_bytes(p->g->ctx, &value->type, &t->bytes));
        if (t->bytes < 0) t->bytes = 0;
    }
    for (p->step = 0; p->step < p->n; p->step++)
        SZ_TRY(sz_for_reads(node_at(p, p->step), mark_read, p));
    for (size_t i = 0; i < p->g->outputs.n && p->n > 0; i++)
        p->tensors[p->g->outputs.items[i]].last = p->n - 1;
    sz_for_bundles(p->g, see_through, p);
    return SZ_OK;
}

// ---- sharing -----------------------------------------------------------------------------------

// Operators of these kinds compute each element from the elements at its place. Rotary embeddings
// are not among them: they mix two halves.
static bool is_elementwise(const sz_node *n) {
    if (n->row == SZ_NONE || n->n_outputs != 1) return false;
    const sz_op *op = sz_op_get(n->row);
    if (strstr(op->name, "Rotary")) return false;
    return op->kind == SZ_KIND_ELEMENTWISE || op->kind == SZ_KIND_ACTIVATION ||
           sz_str_is(n->op, "BatchNormalization");
}

static bool is_view(const sz_node *n) {
    return n->row != SZ_NONE && sz_op_get(n->row)->kind == SZ_KIND_VIEW;
}

static void join(plan *p, sz_value_id out, sz_value_id in) {
    tensor *t = &p->tensors[out], *b = &p->tensors[p->tensors[in].buffer];
    t->buffer = p->tensors[in].buffer;
    if (t->last > b->last) b->last = t->last;
    b->fixed |= t->fixed;
}

// May the node write into this operand? Its buffer must be as large, be nobody's but the net's, and
// die here.
static bool can_overwrite(const plan *p, sz_value_id in, sz_value_id out) {
    const tensor *b = &p->tensors[p->tensors[in].buffer];
    return p->tensors[in].bytes > 0 && !b->fixed && b->last == p->step &&
           p->tensors[in].bytes == p->tensors[out].bytes && b->bytes == p->tensors[out].bytes;
}

// The first tensor of a buffer knows the buffer's life, which grows as views are joined.
static void share(plan *p, const sz_node *n) {
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE) p->tensors[n->outputs[o]].first = p->step;
    const sz_value_id out = n->n_outputs > 0 ? n->outputs[0] : SZ_NONE;
    if (out == SZ_NONE || n->n_inputs < 1 || p->tensors[out].bytes == 0) return;
    if (is_view(n) && n->inputs[0] != SZ_NONE && p->tensors[n->inputs[0]].bytes > 0) {
        join(p, out, n->inputs[0]);
        return;
    }
    for (int32_t i = 0; i < n->n_inputs && is_elementwise(n); i++)
        if (n->inputs[i] != SZ_NONE && can_overwrite(p, n->inputs[i], out)) {
            join(p, out, n->inputs[i]);
            p->costs->memory.in_place_nodes++;
            return;
        }
}

// ---- the profile -------------------------------------------------------------------------------

static sz_status count_read(void *user, sz_value_id id) {
    plan *p = user;
    tensor *t = &p->tensors[id];
    if (t->read_at == p->step) return SZ_OK;
    t->read_at = p->step;
    p->costs->steps[p->step].input_bytes += t->bytes; // below what is alive
    return SZ_OK;
}

static sz_status fill_step(plan *p) {
    const sz_node_id id = sz_graph_nth(p->g, (size_t)p->step);
    const sz_node_cost *c = &p->costs->nodes[id];
    sz_memory_step *s = &p->costs->steps[p->step];
    *s = (sz_memory_step){
        .node = (size_t)id, .live_bytes = c->live_bytes, .output_bytes = c->activation_bytes};
    SZ_TRY(sz_for_reads(sz_graph_node(p->g, id), count_read, p));
    s->waiting_bytes = s->live_bytes - s->output_bytes - s->input_bytes;
    if (s->waiting_bytes < 0) s->waiting_bytes = 0; // a file whose nodes are out of order
    return SZ_OK;
}

static sz_status find_peak(plan *p) {
    sz_memory *m = &p->costs->memory;
    int64_t live = 0;
    for (int32_t k = 0; k < p->n; k++) {
        if (!sz_add(live, p->delta[k], &live)) return too_large(p);
        p->costs->steps[k].in_place_bytes = live;
        if (m->peak_node >= 0 && live <= m->in_place_peak_bytes) continue;
        m->in_place_peak_bytes = live;
        m->peak_node = (int64_t)p->costs->steps[k].node;
    }
    return SZ_OK;
}

// ---- buffers -----------------------------------------------------------------------------------

static bool is_buffer(const plan *p, size_t v) {
    const tensor *t = &p->tensors[v];
    const sz_value *value = &p->g->values.items[v];
    const bool lives = value->kind == SZ_VALUE_INPUT || value->producer != SZ_NONE;
    return t->buffer == (sz_value_id)v && t->bytes > 0 && lives && p->n > 0;
}

static sz_status add_buffer(plan *p, size_t v) {
    const tensor *t = &p->tensors[v];
    const sz_value *value = &p->g->values.items[v];
    const int32_t last = t->last < t->first ? t->first : t->last;
    p->costs->buffers[p->costs->n_buffers++] = (sz_arena_buffer){
        .name = sz_costs_text(p->costs, value->name),
        .node = value->kind == SZ_VALUE_INPUT ? -1 : (int64_t)value->producer,
        .bytes = t->bytes,
        .first = t->first,
        .last = last,
    };
    const bool fits = sz_add(p->delta[t->first], t->bytes, &p->delta[t->first]) &&
                      sz_add(p->delta[last + 1], -t->bytes, &p->delta[last + 1]);
    return fits ? SZ_OK : too_large(p);
}

static sz_status make_buffers(plan *p) {
    size_t n = 0;
    for (size_t v = 0; v < p->g->values.n; v++) n += is_buffer(p, v);
    p->costs->buffers = sz_arena_array(&p->costs->arena, n + 1, sizeof *p->costs->buffers);
    if (!p->costs->buffers) return sz_no_memory(p->g->ctx);
    for (size_t v = 0; v < p->g->values.n; v++)
        if (is_buffer(p, v)) SZ_TRY(add_buffer(p, v));
    p->costs->memory.buffers = (int64_t)n;
    return SZ_OK;
}

// Views hand nothing on: what they show was handed on already.
static sz_status sum_layers(plan *p) {
    p->costs->demand = (sz_demand){0};
    for (int32_t k = 0; k < p->n; k++) {
        const sz_node *n = node_at(p, k);
        for (int32_t i = 0; i < n->n_outputs && !is_view(n); i++) {
            const tensor *t = n->outputs[i] == SZ_NONE ? NULL : &p->tensors[n->outputs[i]];
            if (t && t->read &&
                !sz_add(p->costs->demand.layer_bytes, t->bytes, &p->costs->demand.layer_bytes))
                return too_large(p);
        }
    }
    return SZ_OK;
}

sz_status sz_costs_sum_demand(sz_costs *costs) {
    sz_demand *o = &costs->demand;
    o->computation_flops = costs->total.flops;
    if (!sz_add(o->layer_bytes, costs->total.weight_bytes, &o->communication_bytes))
        return sz_fail(costs->ctx, SZ_ERR_INPUT, "bytes between layers exceed 2^63");
    return SZ_OK;
}

sz_status sz_costs_memory_plan(sz_costs *costs) {
    plan p = {.costs = costs, .g = costs->graph, .n = (int32_t)costs->n_nodes};
    costs->memory = (sz_memory){.peak_node = -1};
    SZ_TRY(prepare(&p));
    SZ_TRY(sum_layers(&p));
    for (p.step = 0; p.step < p.n; p.step++) {
        share(&p, node_at(&p, p.step));
        SZ_TRY(fill_step(&p));
    }
    SZ_TRY(make_buffers(&p));
    SZ_TRY(find_peak(&p));
    return sz_arena_place(costs);
}

// ---- reading -----------------------------------------------------------------------------------

sz_memory sz_costs_memory(const sz_costs *costs) { return costs->memory; }
sz_demand sz_costs_demand(const sz_costs *costs) { return costs->demand; }
sz_memory_step sz_costs_memory_step(const sz_costs *costs, size_t i) {
    return i < costs->n_nodes ? costs->steps[i] : (sz_memory_step){0};
}
size_t sz_costs_buffer_count(const sz_costs *costs) { return costs->n_buffers; }
sz_arena_buffer sz_costs_buffer(const sz_costs *costs, size_t i) {
    return i < costs->n_buffers ? costs->buffers[i] : (sz_arena_buffer){.name = "", .node = -1};
}
