// SPDX-License-Identifier: Apache-2.0
#include "run/bench/layers.h"

#include <math.h>

#include "machine/measure/stats.h"
#include "model/cost/costs.h"
#include "model/passes/layouts.h"
#include "model/passes/run.h"
#include "run/backends/profiles.h"

// ---- times -------------------------------------------------------------------------------------

static double sum_of_times(const sz_runner *r) {
    double sum = 0;
    for (size_t i = 0; i < r->type->layer_count(r->state); i++) {
        const double t = r->type->layer(r->state, i).time_s;
        if (!isnan(t)) sum += t;
    }
    return sum;
}

// Runs are sorted for it, so it is looked at more and more seldom.
static bool is_time_to_look(int64_t runs, int64_t before) {
    return runs >= SZ_MIN_PROFILES && (runs < 16 || runs / 8 != before / 8);
}

static double now(const sz_profiling *p) { return p->clock(p->clock_user); }

static sz_status look(sz_profiling *p, int64_t n) {
    for (int64_t i = 0; i < n && p->runs < SZ_MAX_PROFILES; i++, p->runs++) {
        if (p->before) p->before(p->user);
        SZ_TRY(p->r->type->profile(p->r->state));
    }
    return SZ_OK;
}

static sz_status run_whole(sz_profiling *p, int64_t n) {
    p->slowest_s = 0;
    for (int64_t i = 0; i < n; i++) {
        if (p->before) p->before(p->user);
        const double start = now(p);
        SZ_TRY(p->r->type->run(p->r->state));
        const double time_s = now(p) - start;
        p->slowest_s = fmax(p->slowest_s, time_s);
        if ((i > 0 || n == 1) && p->whole_runs < SZ_MAX_PROFILES)
            p->whole_s[p->whole_runs++] = time_s;
    }
    return SZ_OK;
}

static bool is_over(sz_profiling *p, int64_t before) {
    if (p->runs < SZ_MIN_PROFILES) return false;
    if (p->runs >= SZ_MAX_PROFILES || p->spent_s >= p->budget_s) return true;
    if (!is_time_to_look(p->runs, before)) return false;
    const double sum = sum_of_times(p->r), last = p->last_s;
    p->last_s = sum;
    const bool is_still = last > 0 && fabs(sum - last) < SZ_PROFILE_STEADY * last;
    return is_still && p->spent_s >= SZ_PROFILE_LEAST_S;
}

static int64_t block_of(const sz_profiling *p) {
    if (p->runs == 0) return 1;
    const double fit = p->slowest_s > 0 ? SZ_PROFILE_BLOCK_S / p->slowest_s : SZ_MOST_IN_BLOCK;
    return (int64_t)fmin(fmax(fit, 1), SZ_MOST_IN_BLOCK);
}

sz_status sz_profile_turn(sz_profiling *p) {
    const int64_t before = p->runs;
    p->is_done |= !p->r->type->profile;
    if (p->is_done) return SZ_OK;
    const int64_t n = block_of(p);
    const double start = now(p);
    SZ_TRY(look(p, n));
    SZ_TRY(run_whole(p, n));
    p->spent_s += now(p) - start;
    p->is_done = is_over(p, before);
    return SZ_OK;
}

sz_profile_whole sz_profile_end(sz_profiling *p) {
    const size_t n = (size_t)p->whole_runs;
    if (n == 0) return (sz_profile_whole){NAN, NAN};
    sz_sort_values(p->whole_s, n);
    return (sz_profile_whole){sz_quantile(p->whole_s, n, 0.5), sz_quick_mean(p->whole_s, n)};
}

// ---- counts ------------------------------------------------------------------------------------

// Layers as groups of nodes, of which the cost rules know what crosses their border.
typedef struct counting {
    sz_ctx *ctx;
    sz_model *model;
    const char *backend;
    const sz_runner *r;
    size_t n;
    sz_node_id *moved; // per node of the graph that ran: in the one that is counted
    int32_t *layer_of; // per node: the layer that does it, SZ_NONE = no layer
    int32_t *row_of;   // per layer: row of its costs, SZ_NONE = not known
    bool *is_split;    // per layer: some of its nodes are done by another one too
    uint8_t *kinds;
    sz_node_id *anchors;
    sz_costs *costs;
} counting;

static sz_status allocate(counting *c, sz_arena *arena) {
    const size_t nodes = c->model->graph->nodes.n;
    c->n = c->r->type->layer_count(c->r->state);
    c->layer_of = sz_arena_array(arena, nodes + 1, sizeof *c->layer_of);
    c->row_of = sz_arena_array(arena, c->n + 1, sizeof *c->row_of);
    c->is_split = sz_arena_array(arena, c->n + 1, sizeof *c->is_split);
    c->kinds = sz_arena_array(arena, c->n + 1, sizeof *c->kinds);
    c->anchors = sz_arena_array(arena, c->n + 1, sizeof *c->anchors);
    if (!c->layer_of || !c->row_of || !c->is_split || !c->kinds || !c->anchors)
        return sz_no_memory(c->ctx);
    for (size_t i = 0; i < nodes; i++) c->layer_of[i] = SZ_NONE;
    for (size_t k = 0; k < c->n; k++) c->row_of[k] = c->anchors[k] = SZ_NONE;
    return SZ_OK;
}

// A node that two layers do is that one's which takes at least twice the time of the other, as a
// convolution's is and not its bias's; else what is counted can't be told apart.
static void share_node(counting *c, int32_t *home, int32_t k) {
    const double first = c->r->type->layer(c->r->state, (size_t)*home).time_s;
    const double second = c->r->type->layer(c->r->state, (size_t)k).time_s;
    if (!(first >= 2 * second)) c->is_split[*home] = true;
    if (!(second >= 2 * first)) c->is_split[k] = true;
    if (second >= 2 * first) *home = k;
}

static sz_node_id turn_of(const sz_graph *g, sz_value_id v) {
    for (size_t i = 0; v != SZ_NONE && i < g->nodes.n; i++) {
        const sz_node *n = &g->nodes.items[i];
        if (sz_turn_of(n) && (n->inputs[0] == v || n->outputs[0] == v)) return (sz_node_id)i;
    }
    return SZ_NONE;
}

// Layers that turn a tensor around do a node that stands for it in the graph as it runs.
static void assign_turns(counting *c) {
    for (size_t k = 0; k < c->n; k++) {
        const sz_run_layer l = c->r->type->layer(c->r->state, k);
        const sz_node_id id = l.n_sources ? SZ_NONE : turn_of(c->model->graph, l.turned);
        if (id == SZ_NONE || c->layer_of[id] != SZ_NONE) continue;
        c->layer_of[id] = (int32_t)k;
        c->anchors[k] = id;
    }
}

static sz_node_id source_of(const counting *c, const sz_run_layer *l, int32_t i) {
    return c->moved ? c->moved[l->sources[i]] : l->sources[i];
}

static void assign(counting *c) {
    for (size_t k = 0; k < c->n; k++) {
        const sz_run_layer l = c->r->type->layer(c->r->state, k);
        for (int32_t i = 0; i < l.n_sources; i++) {
            const sz_node_id id = source_of(c, &l, i);
            if (id == SZ_NONE) continue;
            int32_t *home = &c->layer_of[id];
            if (*home != SZ_NONE && *home != (int32_t)k)
                share_node(c, home, (int32_t)k);
            else
                *home = (int32_t)k;
        }
    }
    // A layer is named by the first of the nodes that are its own.
    for (size_t k = 0; k < c->n; k++) {
        const sz_run_layer l = c->r->type->layer(c->r->state, k);
        for (int32_t i = l.n_sources; i-- > 0;) {
            const sz_node_id id = source_of(c, &l, i);
            if (id != SZ_NONE && c->layer_of[id] == (int32_t)k) c->anchors[k] = id;
        }
    }
    assign_turns(c);
}

static void find_rows(counting *c) {
    const sz_costs *costs = c->costs;
    for (size_t row = 0; row < costs->n_nodes; row++) {
        const sz_node_id node = costs->row_nodes ? costs->row_nodes[row] : (sz_node_id)row;
        const int32_t layer = c->layer_of[node];
        if (layer == SZ_NONE || c->is_split[layer] || costs->nodes[row].unknown) continue;
        if (c->anchors[layer] == node) c->row_of[layer] = (int32_t)row;
    }
}

static sz_status count(counting *c, sz_arena *arena) {
    sz_graph *g = c->model->graph;
    c->moved = sz_arena_array(arena, g->nodes.n + 1, sizeof *c->moved);
    if (!c->moved) return sz_no_memory(c->ctx);
    SZ_TRY(sz_passes_as_run(g, c->backend, c->moved));
    SZ_TRY(allocate(c, arena));
    assign(c);
    if (!g->plan) SZ_TRY(sz_plan_make(g, c->layer_of, c->kinds, c->anchors, (int32_t)c->n, NULL));
    SZ_TRY(sz_costs_create(c->ctx, c->model, NULL, &c->costs));
    find_rows(c);
    return SZ_OK;
}

// ---- the child's lines -------------------------------------------------------------------------

static void put_str(sz_json *j, const char *key, sz_str s) {
    sz_json_key(j, key);
    sz_json_str_n(j, s.p ? s.p : "", s.len);
}

static void put_counts(sz_json *j, const sz_cost *cost) {
    sz_json_key_i64(j, "macs", cost->macs);
    sz_json_key_i64(j, "flops", cost->flops);
    sz_json_key_i64(j, "bytes_moved", cost->bytes_moved);
}

static void put_source(sz_json *j, const counting *c, sz_node_id id) {
    const sz_str name = sz_graph_node(c->model->graph, id)->name;
    sz_json_str_n(j, name.p ? name.p : "", name.len);
}

static void put_sources(sz_json *j, const counting *c, const sz_run_layer *l, size_t k) {
    sz_json_key_array(j, "sources");
    for (int32_t i = 0; i < l->n_sources; i++)
        if (source_of(c, l, i) != SZ_NONE) put_source(j, c, source_of(c, l, i));
    if (l->n_sources == 0 && c->anchors && c->anchors[k] != SZ_NONE)
        put_source(j, c, c->anchors[k]); // what turns a tensor around
    sz_json_end_array(j);
}

static void put_layer(sz_json *j, const counting *c, size_t k) {
    const sz_run_layer one = c->r->type->layer(c->r->state, k), *const l = &one;
    const int32_t row = c->costs ? c->row_of[k] : SZ_NONE;
    sz_json_begin_object(j);
    put_str(j, "name", l->name);
    put_str(j, "op", l->op);
    put_sources(j, c, l, k);
    sz_json_key_str(j, "kernel", l->kernel);
    sz_json_key_str(j, "backend", l->backend);
    if (l->why) sz_json_key_str(j, "why", l->why);
    if (l->dtype) sz_json_key_str(j, "dtype", l->dtype);
    if (l->sums) sz_json_key_str(j, "accumulation", l->sums);
    if (!isnan(l->time_s)) {
        sz_json_key_f64(j, "time_s", l->time_s);
        sz_json_key_f64(j, "quick_s", l->quick_s);
    }
    if (row != SZ_NONE) put_counts(j, &c->costs->nodes[row].cost);
    sz_json_end_object(j);
}

static void put_all(sz_json *j, const counting *c) {
    sz_json_key_array(j, "layers");
    for (size_t k = 0; k < c->r->type->layer_count(c->r->state); k++) put_layer(j, c, k);
    sz_json_end_array(j);
}

sz_status sz_layers_put(sz_ctx *ctx, sz_json *j, sz_model *m, const char *backend,
                        const sz_runner *r, bool counted) {
    counting c = {.ctx = ctx, .model = m, .backend = backend, .r = r};
    sz_arena arena;
    sz_arena_init(&arena, ctx);
    const sz_status status = counted ? count(&c, &arena) : SZ_OK;
    if (status == SZ_OK) put_all(j, &c);
    sz_costs_destroy(c.costs);
    sz_arena_finish(&arena);
    return status;
}

// ---- rates -------------------------------------------------------------------------------------

// Machines say int8 where graphs say i8 or u8.
static const char *on_machine(const char *dtype) {
    const bool bytes = dtype && (strcmp(dtype, "i8") == 0 || strcmp(dtype, "u8") == 0);
    return bytes ? "int8" : dtype;
}

double sz_roof_for(const sz_machine *m, const char *ran_as, int64_t threads) {
    double roof = NAN;
    const char *dtype = on_machine(ran_as);
    for (size_t i = 0; m && dtype && i < sz_machine_roof_count(m); i++) {
        const sz_roof one = sz_machine_roof(m, i);
        if (strcmp(one.dtype, dtype) != 0 || strcmp(one.op, "fma") != 0) continue;
        if (one.threads == threads && !(one.flop_per_s <= roof)) roof = one.flop_per_s;
    }
    return roof;
}

// The best sequential bandwidth of a level with as many threads; NaN = not known.
static double bandwidth_of(const sz_machine *m, size_t level, int64_t threads) {
    double best = NAN;
    for (size_t i = 0; i < sz_machine_bandwidth_count(m, level); i++) {
        const sz_bandwidth b = sz_machine_bandwidth(m, level, i);
        if (b.threads != threads || (b.access && strcmp(b.access, "sequential") != 0)) continue;
        if (!(b.byte_per_s <= best)) best = b.byte_per_s;
    }
    return best;
}

typedef struct bound {
    const char *name;
    double share; // of the roof that is reached; NaN = not known
} bound;

// What holds a layer down: arithmetic, or the outermost level of memory that could have given its
// bytes so fast. A level that was beaten can't have been where they came from.
static bound find_bound(const sz_machine *m, double compute, double flops, double bytes, double s,
                        int64_t threads) {
    const double of_compute = flops > 0 ? flops / s / compute : NAN;
    for (size_t level = sz_machine_level_count(m); level-- > 0;) {
        const sz_level l = sz_machine_level(m, level);
        const double share = bytes / s / bandwidth_of(m, level, threads);
        if (isnan(share) || share > 1 || strcmp(l.name, "disk") == 0) continue;
        if (of_compute >= share) break;
        return (bound){l.name, share};
    }
    return (bound){isnan(of_compute) ? NULL : "compute", of_compute};
}

static void set(json_t *o, const char *key, double v) {
    if (isfinite(v)) json_object_set_new(o, key, json_real(v));
}

static double number(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void rate(json_t *layer, const sz_machine *roofs, int threads, double sum) {
    const double s = number(layer, "time_s"), flops = number(layer, "flops"),
                 bytes = number(layer, "bytes_moved");
    const char *dtype = json_string_value(json_object_get(layer, "dtype"));
    const char *backend = json_string_value(json_object_get(layer, "backend"));
    const int own = backend && strcmp(backend, "ref") == 0 ? 1 : threads;
    if (isnan(s)) return;
    set(layer, "share", s / sum);
    if (isnan(flops)) return;
    set(layer, "flop_per_s", flops / s);
    set(layer, "byte_per_s", bytes / s);
    if (!roofs) return;
    const bound b = find_bound(roofs, sz_roof_for(roofs, dtype, own), flops, bytes, s, own);
    if (!b.name) return;
    set(layer, "of_roof", b.share);
    json_object_set_new(layer, "roof", json_string(b.name));
}

double sz_layers_rate(json_t *layers, const sz_machine *roofs, int threads) {
    double sum = NAN;
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const double s = number(json_array_get(layers, i), "time_s");
        if (!isnan(s)) sum = isnan(sum) ? s : sum + s;
    }
    for (size_t i = 0; i < json_array_size(layers) && !isnan(sum); i++)
        rate(json_array_get(layers, i), roofs, threads, sum);
    return sum;
}
