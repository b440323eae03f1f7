// SPDX-License-Identifier: Apache-2.0
// From which level of memory a row's bytes come when the net runs again and again.
//
// A tensor is still in a level when what was moved since it was last touched, itself included, fits
// there: the reuse distance of Mattson, Gecsei, Slutz and Traiger 1970, in bytes. An activation was
// touched by the row that made it, a weight one run ago; no distance is longer than all the memory
// that a run touches. What is written stays where its next reader will find it. The share that is
// still there is the measured curve's (curve.c). Beside the levels, what reads would wait is worked
// out from the measured latency of so many bytes.
#include "predict/predict.h"

#include <math.h>

#include "model/cost/flow.h"
#include "model/ops/rule.h"

typedef struct reuse {
    sz_estimate *e;
    const sz_flows *flows;
    double *scale;  // by row: of its bytes, as the format asks
    double *end;    // by row: bytes that the run has moved when it ends
    double *last;   // by value: bytes moved at its last touch in a run; -1 = none
    double total;   // bytes of a run
    double touched; // bytes of memory that a run touches
} reuse;

// ---- distances ---------------------------------------------------------------------------------

// Threads share what is read, and each waits for its own lines. A core's caches hold its thread's
// share of what was moved; what lies behind them is shared, so there the distance counts whole.
static double waits(const sz_estimate *e, double bytes, double distance) {
    const double line = 64, threads = e->threads > 1 ? (double)e->threads : 1;
    const double own = e->n_levels > 2 ? e->levels[e->n_levels - 3].capacity : 0; // of all cores
    const double seen = fmax(distance / threads, distance - own * (1 - 1 / threads));
    return bytes / line / threads * sz_curve_latency(e->machine, seen);
}

// Of bytes that were touched so many bytes ago, those that each level serves.
static void divide(const sz_estimate *e, double bytes, double distance, double *ret_by_level) {
    double left = bytes;
    for (size_t l = 0; l < e->n_levels; l++) {
        const bool is_last = l + 1 == e->n_levels;
        const double share = is_last ? 1 : sz_share_held(e, l, distance);
        ret_by_level[l] = fmin(left, share * bytes);
        left -= ret_by_level[l];
    }
}

static void put(reuse *r, size_t row, const sz_flow *f, double bytes, double distance) {
    sz_estimate *e = r->e;
    sz_level_bytes *to = e->by_row + row * e->n_levels;
    double here[SZ_MAX_LEVELS];
    if (!f->is_written) e->fetch[row].waits_s += waits(e, bytes, distance);
    divide(e, bytes, distance, here);
    for (size_t l = 0; l < e->n_levels; l++)
        if (f->is_written)
            to[l].written += here[l];
        else
            to[l].read += here[l];
}

static double time_to_read(const sz_estimate *e, double bytes, double distance) {
    double here[SZ_MAX_LEVELS], time_s = 0;
    divide(e, bytes, distance, here);
    for (size_t l = 0; l < e->n_levels; l++) time_s += sz_memory_time(&e->levels[l], here[l], 0);
    return time_s;
}

static double distance_of(const reuse *r, double from, double to) {
    const double moved = from < 0 ? r->total : to >= from ? to - from : to - from + r->total;
    return fmin(moved, r->touched);
}

// Of a recurrent layer: the steps, and the values of its weights.
typedef struct recurrence {
    double steps;                   // 0 = it is none
    sz_value_id weights, of_inputs; // those of the state, those of the inputs
} recurrence;

static recurrence recurrence_of_node(const sz_graph *g, sz_node_id id) {
    static const char *const ops[] = {"LSTM", "GRU", "RNN"};
    const sz_node *n = sz_graph_node(g, id);
    bool is_one = false;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        is_one |= n->domain.len == 0 && sz_str_is(n->op, ops[i]);
    if (!is_one || n->n_inputs < 3 || n->inputs[0] == SZ_NONE) return (recurrence){.steps = 0};
    const sz_type *x = &sz_graph_value(g, n->inputs[0])->type;
    const int axis = sz_attr_i(n, "layout", 0) == 1 ? 1 : 0;
    if (x->kind != SZ_TYPE_TENSOR || x->rank != 3) return (recurrence){.steps = 0};
    return (recurrence){(double)x->dims[axis], n->inputs[2], n->inputs[1]};
}

// A group is named after its last node, which a turn of its result may be.
static recurrence recurrence_of(const sz_costs *c, size_t row) {
    const sz_group *group = sz_costs_group_of(c, row);
    if (!group)
        return recurrence_of_node(c->graph, c->row_nodes ? c->row_nodes[row] : (sz_node_id)row);
    for (int32_t i = 0; i < group->n_nodes; i++) {
        const recurrence one = recurrence_of_node(c->graph, group->nodes[i]);
        if (one.steps > 0) return one;
    }
    return (recurrence){.steps = 0};
}

static const sz_flow *read_of(const reuse *r, size_t row, sz_value_id value) {
    for (size_t k = r->flows->first[row]; k < r->flows->first[row + 1]; k++) {
        const sz_flow *f = &r->flows->items.items[k];
        if (!f->is_written && f->value == value) return f;
    }
    return NULL;
}

// Each further step reads the recurrent weights again, from the level that holds them: what comes
// next depends on what came before, so steps can't share a read. Those of the inputs need no step
// and can be read once for all, but some libraries read them in each step too (oneDNN's LSTM, not
// its GRU).
static void charge_steps(reuse *r, size_t row) {
    const recurrence rec = recurrence_of(r->e->costs, row);
    if (rec.steps <= 1) return;
    const sz_flow *weights = read_of(r, row, rec.weights);
    const sz_flow *of_inputs = read_of(r, row, rec.of_inputs);
    const double state = weights ? weights->bytes * r->scale[row] : 0;
    const double all = state + (of_inputs ? of_inputs->bytes * r->scale[row] : 0);
    r->e->fetch[row].again_s = (rec.steps - 1) * fmax(0, time_to_read(r->e, all, all) -
                                                             time_to_read(r->e, state, state));
    if (weights) put(r, row, weights, state * (rec.steps - 1), state);
}

// Reads look back.
static void charge_reads(reuse *r, size_t row) {
    for (size_t k = r->flows->first[row]; k < r->flows->first[row + 1]; k++) {
        const sz_flow *f = &r->flows->items.items[k];
        if (f->is_written) continue;
        const double before = row ? r->end[row - 1] : 0, bytes = f->bytes * r->scale[row];
        put(r, row, f, bytes, distance_of(r, r->last[f->value], before) + bytes);
    }
}

// Writes look ahead, which a walk from the end makes a look back.
static void charge_writes(reuse *r, size_t row) {
    for (size_t k = r->flows->first[row]; k < r->flows->first[row + 1]; k++) {
        const sz_flow *f = &r->flows->items.items[k];
        if (!f->is_written) continue;
        const double next = r->last[f->value], bytes = f->bytes * r->scale[row];
        put(r, row, f, bytes, next < 0 ? r->touched : fmin(next - r->end[row], r->touched) + bytes);
    }
}

static void touch_row(reuse *r, size_t row, double at) {
    for (size_t k = r->flows->first[row]; k < r->flows->first[row + 1]; k++)
        r->last[r->flows->items.items[k].value] = at;
}

static void touch_reads(reuse *r, size_t row, double at) {
    for (size_t k = r->flows->first[row]; k < r->flows->first[row + 1]; k++)
        if (!r->flows->items.items[k].is_written) r->last[r->flows->items.items[k].value] = at;
}

static void charge_all(reuse *r, size_t n_values) {
    const size_t n = r->flows->n_rows;
    for (size_t i = 0; i < n_values; i++) r->last[i] = -1;
    for (size_t row = n; row-- > 0;) {
        charge_writes(r, row);
        touch_reads(r, row, row ? r->end[row - 1] : 0);
    }
    // What a run touches last is where the next run finds it.
    for (size_t i = 0; i < n_values; i++) r->last[i] = -1;
    for (size_t row = 0; row < n; row++) touch_row(r, row, r->end[row]);
    for (size_t row = 0; row < n; row++) {
        charge_reads(r, row);
        charge_steps(r, row);
        touch_row(r, row, r->end[row]);
    }
}

// ---- all ---------------------------------------------------------------------------------------

static void sum_rows(reuse *r) {
    for (size_t row = 0; row < r->flows->n_rows; row++) {
        r->scale[row] = sz_byte_scale(r->e, &r->e->costs->nodes[row]);
        for (size_t k = r->flows->first[row]; k < r->flows->first[row + 1]; k++)
            r->total += r->flows->items.items[k].bytes * r->scale[row];
        r->end[row] = r->total;
    }
}

sz_status sz_find_reuse(sz_estimate *e, double touched) {
    sz_flows flows;
    SZ_TRY(sz_flows_find(e->ctx, e->costs, &flows));
    const size_t n_values = e->costs->graph->values.n + 1;
    reuse r = {.e = e, .flows = &flows, .touched = touched};
    r.scale = sz_alloc(e->ctx, (flows.n_rows + 1) * sizeof *r.scale);
    r.end = sz_alloc(e->ctx, (flows.n_rows + 1) * sizeof *r.end);
    r.last = sz_alloc(e->ctx, n_values * sizeof *r.last);
    const sz_status status = r.scale && r.end && r.last ? SZ_OK : sz_no_memory(e->ctx);
    if (status == SZ_OK) {
        sum_rows(&r);
        charge_all(&r, n_values);
    }
    sz_free(e->ctx, r.scale, (flows.n_rows + 1) * sizeof *r.scale);
    sz_free(e->ctx, r.end, (flows.n_rows + 1) * sizeof *r.end);
    sz_free(e->ctx, r.last, n_values * sizeof *r.last);
    sz_flows_finish(e->ctx, &flows);
    return status;
}
