// SPDX-License-Identifier: Apache-2.0
// sz_costs: all nodes, sums, and the accessors of the public header.
#include "model/cost/costs.h"
#include "model/cost/signature.h"
#include "model/graph/allowance.h"

#include <math.h>
#include <stdlib.h>

const sz_record_type *sz_cost_type(void) {
    static const sz_field fields[] = {
#define ROW(ctype, name, kind, unit, doc) {#name, unit, doc, kind, offsetof(sz_cost, name)},
        SZ_COST_FIELDS(ROW)
#undef ROW
    };
    static const sz_record_type type = {"cost", fields, sizeof fields / sizeof *fields};
    return &type;
}

// ---- sums --------------------------------------------------------------------------------------

static sz_status add_cost(sz_ctx *ctx, sz_cost *sum, const sz_cost *c) {
    bool fits = sz_add(sum->params, c->params, &sum->params) &&
                sz_add(sum->macs, c->macs, &sum->macs) &&
                sz_add(sum->flops, c->flops, &sum->flops) &&
                sz_add(sum->weight_bytes, c->weight_bytes, &sum->weight_bytes) &&
                sz_add(sum->bytes_read, c->bytes_read, &sum->bytes_read) &&
                sz_add(sum->bytes_written, c->bytes_written, &sum->bytes_written) &&
                sz_add(sum->bytes_moved, c->bytes_moved, &sum->bytes_moved);
    return fits ? SZ_OK : sz_fail(ctx, SZ_ERR_INPUT, "costs of the model exceed 2^63");
}

static void set_intensity(sz_cost *c) {
    c->arithmetic_intensity = c->bytes_moved ? (double)c->flops / (double)c->bytes_moved
                                             : (double)NAN;
}

// NUL-terminated name: names from files may hold NUL, which is shown as text.
const char *sz_costs_text(sz_costs *c, sz_str s) {
    if (s.p && !memchr(s.p, '\0', s.len) && s.p[s.len] == '\0') return s.p;
    const char *shown = sz_show(c->ctx, s);
    const char *copy = sz_arena_strdup(&c->arena, shown, strlen(shown));
    return copy ? copy : "";
}

static const char *node_name(sz_costs *c, const sz_node *n) {
    if (n->name.len) return sz_costs_text(c, n->name);
    for (int32_t o = 0; o < n->n_outputs; o++)
        if (n->outputs[o] != SZ_NONE)
            return sz_costs_text(c, sz_graph_value(c->graph, n->outputs[o])->name);
    return "";
}

static sz_status cost_node(sz_costs *c, size_t i) {
    const sz_node *n = &c->graph->nodes.items[i];
    sz_node_result r;
    sz_node_cost *out = &c->nodes[i];
    SZ_TRY(sz_cost_node_by(c->graph, (sz_node_id)i, c->convention, &r));
    *out = (sz_node_cost){.name = node_name(c, n),
                          .op = sz_costs_text(c, n->op),
                          .domain = sz_costs_text(c, n->domain),
                          .kind = n->row == SZ_NONE ? "unknown"
                                                    : sz_kind_name(sz_op_get(n->row)->kind),
                          .unknown = r.unknown,
                          .note = r.note,
                          .epilogue_flops = r.work.epilogue,
                          .padding_macs = r.work.skipped_macs,
                          .dtype = "",
                          .n_outputs = (size_t)n->n_outputs};
    out->cost = (sz_cost){.macs = r.work.macs,
                          .flops = r.counted,
                          .bytes_read = r.work.bytes_read,
                          .bytes_written = r.work.bytes_written};
    if (!sz_add(r.work.bytes_read, r.work.bytes_written, &out->cost.bytes_moved))
        return sz_fail(c->ctx, SZ_ERR_INPUT, "bytes exceed 2^63");
    for (int32_t o = 0; o < n->n_outputs && !*out->dtype; o++)
        if (n->outputs[o] != SZ_NONE)
            out->dtype = sz_dtype_get(sz_graph_value(c->graph, n->outputs[o])->type.dtype)->name;
    c->covered += r.unknown == NULL;
    c->has_xla = c->has_xla || r.has_xla;
    if (!sz_add(c->xla.transcendentals, r.transcendentals, &c->xla.transcendentals) ||
        !sz_add(c->xla.bytes_accessed, r.bytes_accessed, &c->xla.bytes_accessed))
        return sz_fail(c->ctx, SZ_ERR_INPUT, "costs of the model exceed 2^63");
    return SZ_OK;
}

// Larger flops first, then more bytes, then by name: a total order, so output is the same
// everywhere.
static int compare_ops(const void *a, const void *b) {
    const sz_op_cost *x = a, *y = b;
    if (x->cost.flops != y->cost.flops) return x->cost.flops < y->cost.flops ? 1 : -1;
    if (x->cost.bytes_moved != y->cost.bytes_moved)
        return x->cost.bytes_moved < y->cost.bytes_moved ? 1 : -1;
    return strcmp(x->op, y->op);
}

// The operators, numbered as they come.
static sz_status number_ops(sz_costs *c, sz_map *index) {
    for (size_t i = 0; i < c->n_nodes; i++) {
        const sz_str op = sz_str_c(c->nodes[i].op);
        if (!sz_map_get(index, op, NULL)) SZ_TRY(sz_map_put(index, op, (int32_t)c->n_ops++));
    }
    c->ops = sz_arena_array(&c->arena, c->n_ops ? c->n_ops : 1, sizeof *c->ops);
    return c->ops ? SZ_OK : sz_no_memory(c->ctx);
}

static sz_status add_ops(sz_costs *c, sz_map *index) {
    SZ_TRY(number_ops(c, index));
    for (size_t i = 0; i < c->n_nodes; i++) {
        const sz_node_cost *n = &c->nodes[i];
        int32_t k = 0;
        sz_map_get(index, sz_str_c(n->op), &k);
        if (c->ops[k].nodes++ == 0) {
            c->ops[k].op = n->op;
            c->ops[k].kind = n->kind;
        }
        SZ_TRY(add_cost(c->ctx, &c->ops[k].cost, &n->cost));
    }
    return SZ_OK;
}

static sz_status sum_ops(sz_costs *c) {
    sz_map index;
    sz_map_init(&index, c->ctx);
    sz_status status = add_ops(c, &index);
    sz_map_finish(&index);
    if (status != SZ_OK) return status;
    for (size_t k = 0; k < c->n_ops; k++) set_intensity(&c->ops[k].cost);
    qsort(c->ops, c->n_ops, sizeof *c->ops, compare_ops);
    return SZ_OK;
}

// ---- creating ----------------------------------------------------------------------------------

static sz_status fill(sz_costs *c, const sz_cost_options *options) {
    sz_graph *g = c->graph;
    c->n_nodes = g->nodes.n;
    c->nodes = sz_arena_array(&c->arena, c->n_nodes ? c->n_nodes : 1, sizeof *c->nodes);
    if (!c->nodes) return sz_no_memory(c->ctx);
    for (size_t i = 0; i < c->n_nodes; i++) SZ_TRY(cost_node(c, i));
    SZ_TRY(sz_costs_params(c));
    SZ_TRY(sz_costs_find_inside(c));
    SZ_TRY(sz_costs_liveness(c));
    SZ_TRY(sz_costs_memory_plan(c));
    SZ_TRY(sz_costs_group(c)); // from here on a row of nodes may be a whole group
    for (size_t i = 0; i < c->n_nodes; i++) {
        set_intensity(&c->nodes[i].cost);
        SZ_TRY(add_cost(c->ctx, &c->total, &c->nodes[i].cost));
    }
    set_intensity(&c->total);
    SZ_TRY(sum_ops(c));
    SZ_TRY(sz_costs_sum_demand(c));
    return options && options->training ? sz_costs_training_step(c) : SZ_OK;
}

sz_status sz_costs_create(sz_ctx *ctx, const sz_model *model, const sz_cost_options *options,
                          sz_costs **ret_costs) {
    const char *name = options ? options->convention : NULL;
    const sz_convention *convention = sz_convention_find(name);
    if (options && options->training && model->graph->plan)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "an optimized graph is for inference: folded weights have no gradients");
    if (!convention)
        return sz_fail(ctx, SZ_ERR_USAGE,
                       "convention '%s' is unknown; 'sizeup list conventions' shows all", name);
    sz_costs *c = sz_alloc(ctx, sizeof *c);
    if (!c) return sz_no_memory(ctx);
    *c = (sz_costs){.ctx = ctx,
                    .graph = model->graph,
                    .convention = convention,
                    .options = options ? *options : (sz_cost_options){0}};
    sz_arena_init(&c->arena, ctx);
    const size_t limit = sz_allowance_begin(ctx, model), refused = sz_ctx_refused(ctx);
    sz_status status = fill(c, options);
    if (status == SZ_OK && sz_ctx_refused(ctx) != refused) status = sz_no_memory(ctx);
    sz_ctx_set_job_limit(ctx, limit);
    if (status != SZ_OK) {
        sz_costs_destroy(c);
        return sz_place(ctx, status, "%s '%s'",
                        sz_str_is(model->graph->format, "net") ? "net" : "file",
                        sz_model_path(model));
    }
    *ret_costs = c;
    return SZ_OK;
}

void sz_costs_destroy(sz_costs *costs) {
    if (!costs) return;
    sz_arena_finish(&costs->arena);
    sz_free(costs->ctx, costs, sizeof *costs);
}

// ---- reading -----------------------------------------------------------------------------------

sz_cost sz_costs_total(const sz_costs *costs) { return costs->total; }
const char *sz_costs_convention(const sz_costs *costs) { return costs->convention->name; }
int sz_costs_is_optimized(const sz_costs *costs) { return costs->row_nodes != NULL; }
int sz_costs_xla(const sz_costs *costs, sz_xla_totals *ret_totals) {
    if (costs->has_xla) *ret_totals = costs->xla;
    return costs->has_xla;
}
size_t sz_costs_node_count(const sz_costs *costs) { return costs->n_nodes; }

sz_node_cost sz_costs_node(const sz_costs *costs, size_t i) {
    if (i >= costs->n_nodes) return (sz_node_cost){.name = "", .op = "", .domain = "", .kind = ""};
    sz_node_cost *n = &costs->nodes[i];
    const sz_node_id id = costs->row_nodes ? costs->row_nodes[i] : (sz_node_id)i;
    if (!n->signature) n->signature = sz_signature(costs->graph, id);
    return *n;
}

sz_port sz_costs_node_output(const sz_costs *costs, size_t i, size_t output) {
    static const sz_port none = {"", "", "?", -1, NULL};
    if (i >= costs->n_nodes || output >= costs->nodes[i].n_outputs) return none;
    const size_t node = costs->row_results ? (size_t)costs->row_results[i] : i;
    sz_value_id id = costs->graph->nodes.items[node].outputs[output];
    return id == SZ_NONE ? none : sz_graph_port(costs->graph, id);
}

size_t sz_costs_op_count(const sz_costs *costs) { return costs->n_ops; }
sz_op_cost sz_costs_op(const sz_costs *costs, size_t i) {
    return i < costs->n_ops ? costs->ops[i] : (sz_op_cost){.op = "", .kind = ""};
}
int64_t sz_costs_covered(const sz_costs *costs) { return costs->covered; }
sz_activations sz_costs_activations(const sz_costs *costs) { return costs->activations; }
