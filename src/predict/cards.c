// SPDX-License-Identifier: Apache-2.0
// What holds a card below its roofs: the power that it may draw, and the tiles of matrix products.
//
// Both are of data sheets: a machine that was measured has them in its numbers. Neither is in the
// bound, nor in time_lo: a library may cut better, and a card may draw less than thought.
#include "predict/tiles.h"

#include <math.h>

#include "model/cost/costs.h"
#include "model/ops/ops.h"
#include "predict/predict.h"

static bool is_sheet(const sz_machine *m) { return strcmp(m->identity.source, "datasheet") == 0; }

// What is left beside the power at rest; where that is not known, it is in the energy of an
// operation.
static double free_watts(const sz_power *p) {
    return p->idle_w > 0 && p->idle_w < p->tdp_w ? p->tdp_w - p->idle_w : p->tdp_w;
}

static sz_card card_of(const sz_estimate *e, const sz_served *s, double element_bytes) {
    const sz_machine *m = e->machine;
    const bool has_roof = s && s->roof;
    return (sz_card){.units = (double)m->cpu.cores,
                     .flop_per_s = has_roof ? s->flop_per_s : SZ_NAN,
                     .byte_per_s = e->memory.best,
                     .watts = free_watts(&m->power),
                     .joule_per_flop = has_roof ? sz_chip_energy(m, s->roof->dtype) : SZ_NAN,
                     .joule_per_byte = sz_byte_energy_of(m),
                     .element_bytes = element_bytes,
                     .is_matrix = has_roof && strcmp(s->roof->unit, "matrix") == 0};
}

// ---- power -------------------------------------------------------------------------------------

static void limit(sz_estimate *e, const sz_served *s, double power_s, sz_node_time *t) {
    if (power_s <= fmax(t->compute_s, t->memory_s)) return;
    e->slowed_s += power_s - t->compute_s;
    t->compute_s = power_s;
    e->limited++;
    e->limited_dtype = s->roof->dtype;
    e->limited_flop_per_s = free_watts(&e->machine->power) /
                            sz_chip_energy(e->machine, s->roof->dtype);
}

sz_status sz_limit_power(sz_estimate *e, const char *format, double flops, double bytes,
                         sz_node_time *t) {
    sz_served *s;
    if (flops <= 0 || !is_sheet(e->machine)) return SZ_OK;
    SZ_TRY(sz_serve(e, format, false, &s));
    const sz_card card = card_of(e, s, 1);
    limit(e, s, sz_power_time(&card, flops, bytes), t);
    return SZ_OK;
}

// ---- tiles -------------------------------------------------------------------------------------

void sz_choose_tiles(sz_estimate *e) {
    const sz_machine *m = e->machine;
    const bool is_gpu = m->identity.kind && strcmp(m->identity.kind, "gpu") == 0;
    e->has_tiles = is_gpu && is_sheet(m) && m->cpu.cores > 0;
    if (e->has_tiles) return;
    e->level = "roofline";
    sz_warn(e->ctx,
            "level 'tiles' is for GPUs whose data sheet says how many units they have, and '%s' is "
            "none: the roofline is given",
            m->identity.name);
}

static double axis(const sz_type *t, int i) {
    const int at = i < 0 ? t->rank + i : i;
    return at >= 0 && at < t->rank ? (double)t->dims[at] : 1;
}

// The one contraction of a row; none where it has several, or their sizes are not known.
static const sz_node *find_contraction(const sz_costs *c, size_t row) {
    const sz_group *group = sz_costs_group_of(c, row);
    const sz_node_id one = c->row_nodes ? c->row_nodes[row] : (sz_node_id)row;
    const sz_node_id *nodes = group ? group->nodes : &one;
    const sz_node *found = NULL;
    for (int32_t i = 0; i < (group ? group->n_nodes : 1); i++) {
        const sz_node *n = sz_graph_node(c->graph, nodes[i]);
        if (n->row == SZ_NONE || sz_op_get(n->row)->kind != SZ_KIND_CONTRACTION) continue;
        if (found || n->n_outputs < 1 || n->outputs[0] == SZ_NONE || n->n_inputs < 2) return NULL;
        found = n;
    }
    return found;
}

// Columns are the channels that a convolution makes of a group, rows its positions.
static bool shape_of(const sz_costs *c, const sz_node *n, double macs, sz_product *p) {
    const sz_type *y = &sz_graph_value(c->graph, n->outputs[0])->type;
    const sz_type *w = &sz_graph_value(c->graph, n->inputs[1])->type;
    const bool is_conv = sz_str_is(n->op, "Conv") || sz_str_is(n->op, "FusedConv");
    const bool is_product = sz_str_is(n->op, "MatMul") || sz_str_is(n->op, "Gemm") ||
                            sz_str_is(n->op, "FusedMatMul") || sz_str_is(n->op, "FusedGemm");
    double elements = 1;
    if (!is_conv && !is_product) return false;
    if (y->kind != SZ_TYPE_TENSOR || !sz_type_is_static(y) || y->rank < 1) return false;
    if (w->kind != SZ_TYPE_TENSOR || w->rank < 2) return false;
    for (int i = 0; i < y->rank; i++) elements *= (double)y->dims[i];
    p->batch = is_conv ? (double)sz_attr_i(n, "group", 1) : 1;
    for (int i = 0; is_product && w->rank > 2 && i < y->rank - 2; i++) p->batch *= axis(y, i);
    p->columns = is_conv ? axis(y, 1) / p->batch : axis(y, -1);
    p->rows = elements / p->batch / p->columns;
    p->depth = macs / elements;
    return p->batch >= 1 && p->rows >= 1 && p->columns >= 1 && p->depth >= 1;
}

sz_status sz_tile_node(sz_estimate *e, size_t row, const char *format, sz_node_time *t) {
    const sz_cost *cost = &e->costs->nodes[row].cost;
    const sz_node *n = find_contraction(e->costs, row);
    const double flops = 2 * (double)cost->macs;
    sz_product p;
    sz_served *s;
    if (!e->has_tiles || cost->macs <= 0 || !n || !shape_of(e->costs, n, flops / 2, &p))
        return SZ_OK;
    SZ_TRY(sz_serve(e, format, false, &s));
    if (!s->roof) return SZ_OK;
    const sz_card card = card_of(e, s, sz_machine_dtype_bits(format) / 8.0);
    const sz_tiled tiled = sz_tile_product(&card, &p, &sz_tile_costs_fitted);
    const double more = fmax(tiled.compute_s, tiled.apart_s) - flops / s->flop_per_s;
    if (more > 0) {
        t->compute_s += more;
        e->slowed_s += more;
    }
    limit(e, s, tiled.power_s, t);
    e->tiled++;
    return SZ_OK;
}
