// SPDX-License-Identifier: Apache-2.0
// Costs x machine -> time.
#include "predict/predict.h"

#include "base/record.h"
#include "predict/split.h"

#include <math.h>

// ---- record types ------------------------------------------------------------------------------

SZ_RECORD_TYPE(prediction, SZ_PREDICTION_FIELDS)
SZ_RECORD_TYPE(node_time, SZ_NODE_TIME_FIELDS)
SZ_RECORD_TYPE(fallback, SZ_FALLBACK_FIELDS)
SZ_RECORD_TYPE(roof_use, SZ_ROOF_USE_FIELDS)

// ---- levels ------------------------------------------------------------------------------------

static double node_max(double memory_s, double compute_s) { return fmax(memory_s, compute_s); }
static double node_sum(double memory_s, double compute_s) { return memory_s + compute_s; }

typedef struct predictor {
    sz_predictor_row row;
    double (*node)(double memory_s, double compute_s);
    bool whole;      // time of the whole net is not the sum of its nodes
    bool levels;     // bytes come from the level that still holds them
    bool calibrated; // times what was measured of such kernels
    bool tiles;      // matrix products run in the tiles of a library
    bool is_norm;    // by the p-norm
} predictor;

static const predictor predictors[] = {
    {.row = {"bound", "max of all memory time and all compute time: a lower bound", 1},
     .node = node_max,
     .whole = true},
    {.row = {"roofline", "sum over the nodes of max(memory time, compute time), from caches too",
             1},
     .node = node_max,
     .levels = true,
     .is_norm = true},
    {.row = {"tiles", "roofline of a GPU whose library cuts matrix products into tiles", 1},
     .node = node_max,
     .levels = true,
     .tiles = true},
    {.row = {"sum", "sum over the nodes of memory time + compute time", 1}, .node = node_sum},
    {.row = {"calibrated", "roofline times what a backend was measured to take, kernel by kernel",
             1},
     .node = node_max,
     .levels = true,
     .calibrated = true},
};
enum { N_PREDICTORS = sizeof predictors / sizeof predictors[0] };

int sz_list_predictor(size_t i, sz_predictor_row *ret_row) {
    if (i >= N_PREDICTORS) return 0;
    *ret_row = predictors[i].row;
    return 1;
}

static const predictor *find_predictor(const char *name) {
    for (size_t i = 0; i < N_PREDICTORS; i++)
        if (strcmp(predictors[i].row.name, name) == 0) return &predictors[i];
    return NULL;
}

static sz_status choose_predictor(sz_estimate *e, const predictor **ret_predictor) {
    const char *name = e->options.level ? e->options.level : "roofline";
    const predictor *p = find_predictor(name);
    if (!p)
        return sz_fail(e->ctx, SZ_ERR_USAGE,
                       "unknown level '%s'; known are: bound roofline tiles sum calibrated",
                       sz_show(e->ctx, sz_str_c(name)));
    if (p->calibrated && !e->options.calibration)
        return sz_fail(e->ctx, SZ_ERR_UNAVAILABLE,
                       "level 'calibrated' needs measurements of a backend: "
                       "'sizeup calibrate' makes them");
    e->level = p->row.name;
    *ret_predictor = p;
    return SZ_OK;
}

// ---- nodes -------------------------------------------------------------------------------------

static bool is_float(sz_dtype t) { return sz_dtype_get(t)->cls == SZ_CLASS_FLOAT; }

// Format that a node computes in. Integer contractions accumulate in 32 bits from 8-bit operands.
const char *sz_format_of(const sz_estimate *e, const sz_node_cost *n) {
    const sz_dtype t = sz_dtype_by_name(n->dtype ? n->dtype : "");
    if (e->options.dtype && is_float(t)) return e->options.dtype;
    if (n->cost.macs > 0 && t == sz_dtype_by_name("i32")) return "int8";
    return sz_machine_dtype(n->dtype);
}

// Bytes under --dtype: floats are stored in that format.
double sz_byte_scale(const sz_estimate *e, const sz_node_cost *n) {
    const sz_dtype t = sz_dtype_by_name(n->dtype ? n->dtype : "");
    const int bits = sz_dtype_get(t)->bits;
    if (!e->options.dtype || !is_float(t) || bits <= 0) return 1;
    return (double)sz_machine_dtype_bits(e->options.dtype) / bits;
}

static sz_status serve_part(sz_estimate *e, const char *format, bool elementary, double flops,
                            sz_node_time *t) {
    sz_served *s;
    if (flops <= 0) return SZ_OK;
    SZ_TRY(sz_serve(e, format, elementary, &s));
    if (!s->roof)
        return sz_fail(e->ctx, SZ_ERR_UNAVAILABLE, "machine '%s' has no roof that serves %s",
                       e->machine->identity.name, format);
    s->nodes++;
    t->compute_s += flops / s->flop_per_s;
    if (!elementary || !t->roof) t->roof = s->roof->name;
    return SZ_OK;
}

static const char *larger_share(double memory_s, double compute_s, double overhead_s) {
    if (overhead_s > fmax(memory_s, compute_s)) return "overhead";
    return compute_s > memory_s ? "compute" : "memory";
}

// Memory on the chip: weights beyond it come over the link, all else stays, or lies in main memory
// where the machine keeps only weights apart.
static void move_on_chip(sz_estimate *e, size_t row, sz_node_time *t) {
    const sz_chip *c = &e->chip;
    const sz_chip_bytes *b = &c->by_row[row];
    const double streamed_s = c->share * b->weights / c->byte_per_s;
    const double kept = (1 - c->share) * b->weights;
    const double rest_s = c->near.best > 0 ? sz_memory_time(&c->near, b->read + kept, b->written)
                                           : 0;
    t->memory_s = streamed_s + rest_s;
    t->level = streamed_s >= rest_s && streamed_s > 0 ? c->link : c->near.level;
    e->far_s += t->memory_s;
}

// Memory time, the level that most of it is spent on, and how the bytes come; the caches of a core
// are the levels before the last one that is shared.
static void move_bytes(sz_estimate *e, size_t row, double read, double written, sz_node_time *t,
                       sz_fetch *ret_fetch) {
    const double far_s = sz_memory_time(&e->memory, read, written);
    double most = 0;
    if (e->chip.by_row) {
        move_on_chip(e, row, t);
        return;
    }
    e->far_s += far_s;
    t->memory_s = e->by_row ? 0 : far_s;
    if (e->fetch) *ret_fetch = e->fetch[row];
    for (size_t l = 0; e->by_row && l < e->n_levels; l++) {
        const sz_level_bytes *b = &e->by_row[row * e->n_levels + l];
        const double s = sz_memory_time(&e->levels[l], b->read, b->written);
        t->memory_s += s;
        if (l + 2 < e->n_levels) ret_fetch->cache_s += s;
        if (s <= most) continue;
        most = s;
        t->level = e->levels[l].level;
    }
}

// Bytes of a row that main memory moves.
static double far_bytes(const sz_estimate *e, size_t row, double all) {
    if (!e->by_row) return all;
    const sz_level_bytes *b = &e->by_row[row * e->n_levels + e->n_levels - 1];
    return b->read + b->written;
}

// The p-norm of the two times at level roofline, scaled so that nothing overflows.
static double join(const sz_estimate *e, const predictor *p, double memory_s, double compute_s) {
    const double most = fmax(memory_s, compute_s), least = fmin(memory_s, compute_s);
    if (!p->is_norm || isinf(e->overlap_p) || !(least > 0)) return p->node(memory_s, compute_s);
    return most * pow(1 + pow(least / most, e->overlap_p), 1 / e->overlap_p);
}

static sz_status estimate_node(sz_estimate *e, const predictor *p, size_t i,
                               const sz_node_cost *n) {
    const char *format = sz_format_of(e, n);
    const double macs = (double)n->cost.macs, scale = sz_byte_scale(e, n);
    const double bytes = scale * (double)n->cost.bytes_moved;
    sz_node_time t = {.name = n->name,
                      .op = n->op,
                      .level = e->memory.level,
                      .of_roof = SZ_NAN,
                      .device = e->machine->identity.name};
    SZ_TRY(serve_part(e, format, false, 2 * macs, &t));
    SZ_TRY(serve_part(e, format, true, (double)n->cost.flops - 2 * macs, &t));
    sz_fetch fetch = {.cache_s = 0};
    move_bytes(e, i, scale * (double)n->cost.bytes_read, scale * (double)n->cost.bytes_written, &t,
               &fetch);
    if (bytes > 0) {
        t.memory_s += e->machine->transfer_latency_s;
        e->far_s += e->machine->transfer_latency_s;
    }
    if (p->tiles) SZ_TRY(sz_tile_node(e, i, format, &t));
    if (!p->whole) SZ_TRY(sz_limit_power(e, format, 2 * macs, far_bytes(e, i, bytes), &t));
    const bool works = t.memory_s > 0 || t.compute_s > 0;
    const double overhead = works ? e->dispatch_s + e->fork_join_s : 0;
    t.time_s = join(e, p, t.memory_s, t.compute_s) + (p->whole || p->calibrated ? 0 : overhead);
    t.time_lo_s = t.time_hi_s = SZ_NAN;
    if (p->calibrated) SZ_TRY(sz_calibrate_node(e, i, fetch, &t));
    t.bound = larger_share(t.memory_s, t.compute_s, p->whole ? 0 : overhead);
    t.intensity = bytes > 0 ? (double)n->cost.flops / bytes : SZ_NAN;
    sz_add_energy(e, format, macs, (double)n->cost.flops - 2 * macs, far_bytes(e, i, bytes));
    e->bytes += bytes;
    e->far_bytes += far_bytes(e, i, bytes);
    e->overhead_s += overhead;
    e->total.communication_s += t.memory_s;
    e->total.computation_s += t.compute_s;
    e->total.time_s += t.time_s;
    sz_node_estimate node = {t, i, fetch};
    return sz_vec_push(e->ctx, &e->nodes, node) ? SZ_OK : sz_no_memory(e->ctx);
}

static sz_status estimate_nodes(sz_estimate *e, const predictor *p) {
    const size_t n = sz_costs_node_count(e->costs);
    for (size_t i = 0; i < n; i++) {
        const sz_node_cost node = sz_costs_node(e->costs, i);
        if (!node.unknown && (!e->only || e->only[i])) SZ_TRY(estimate_node(e, p, i, &node));
    }
    if (e->nodes.n < n && !e->only && !e->is_trial)
        sz_warn(e->ctx, "%zu of %zu nodes are not costed and not in the time", n - e->nodes.n, n);
    return SZ_OK;
}

// ---- whole -------------------------------------------------------------------------------------

static void sum_up(sz_estimate *e, const predictor *p) {
    sz_prediction *t = &e->total;
    double moving = e->bytes / e->memory.best;
    const double computation_s = t->computation_s - e->slowed_s;
    t->time_lo_s = fmax(computation_s,
                        e->chip.by_row ? t->communication_s : e->bytes / e->memory.nearest);
    t->time_hi_s = e->far_s + t->computation_s + e->overhead_s;
    t->transfer_s = 0;
    t->device_alone_s = t->host_alone_s = t->best_split_s = SZ_NAN;
    if (e->machine->transfer_latency_s > 0 || e->chip.by_row) moving = t->communication_s;
    if (p->whole) t->time_s = fmax(t->computation_s, moving);
    // Sums in different orders may differ in the last bit.
    t->time_lo_s = fmin(t->time_lo_s, t->time_s);
    t->time_hi_s = fmax(t->time_hi_s, t->time_s);
    if (p->calibrated) sz_calibrate_total(e);
    sz_sum_streams(e);
    const int streams = e->options.streams > 1 ? e->options.streams : 1;
    t->throughput_per_s = t->time_s > 0 ? streams / t->time_s : SZ_NAN;
    sz_sum_energy(e);
    t->bound = larger_share(t->communication_s, t->computation_s, p->whole ? 0 : e->overhead_s);
}

static sz_status check_dtype(sz_estimate *e) {
    if (!e->options.dtype) return SZ_OK;
    const char *name = sz_machine_dtype(e->options.dtype);
    if (sz_machine_dtype_bits(name) == 0) return sz_machine_dtype_unknown(e->ctx, e->options.dtype);
    e->options.dtype = name;
    return SZ_OK;
}

static sz_status choose_overlap(sz_estimate *e) {
    const double asked = e->options.overlap;
    const sz_overlap *measured = &e->machine->overlap;
    e->overlap_p = INFINITY;
    if (asked == SZ_OVERLAP_MEASURED) {
        if (measured->n > 0) e->overlap_p = measured->p;
    } else if (asked >= 1) {
        e->overlap_p = asked;
    } else if (asked != 0) {
        return sz_fail(e->ctx, SZ_ERR_USAGE, "the exponent of the overlap must be at least 1");
    }
    return SZ_OK;
}

sz_status sz_fill_one(sz_estimate *e) {
    const predictor *p = NULL;
    SZ_TRY(choose_predictor(e, &p));
    SZ_TRY(sz_share_threads(e));
    SZ_TRY(choose_overlap(e));
    if (p->calibrated) sz_choose_calibration(e);
    SZ_TRY(check_dtype(e));
    SZ_TRY(sz_choose_threads(e));
    SZ_TRY(sz_choose_memory(e));
    sz_choose_overhead(e);
    if (p->tiles) sz_choose_tiles(e);
    if (p->levels) SZ_TRY(sz_choose_levels(e));
    SZ_TRY(sz_choose_chip(e));
    sz_choose_around(e);
    SZ_TRY(estimate_nodes(e, p));
    sz_choose_nearest(e);
    sum_up(e, p);
    return SZ_OK;
}

static sz_status fill(sz_estimate *e) {
    SZ_TRY(sz_is_split(e) ? sz_split(e) : sz_fill_one(e));
    return sz_assume(e);
}

sz_estimate *sz_estimate_begin(sz_ctx *ctx, const sz_costs *costs, const sz_machine *machine,
                               const sz_predict_options *options) {
    sz_estimate *e = sz_alloc(ctx, sizeof *e);
    if (!e) return NULL;
    e->ctx = ctx;
    e->costs = costs;
    e->machine = machine;
    if (options) e->options = *options;
    e->chip.share = -1;
    sz_arena_init(&e->arena, ctx);
    return e;
}

sz_status sz_estimate_create(sz_ctx *ctx, const sz_costs *costs, const sz_machine *machine,
                             const sz_predict_options *options, sz_estimate **ret_estimate) {
    sz_estimate *e = sz_estimate_begin(ctx, costs, machine, options);
    if (!e) return sz_no_memory(ctx);
    sz_status status = fill(e);
    if (status != SZ_OK) {
        sz_estimate_destroy(e);
        return status;
    }
    *ret_estimate = e;
    return SZ_OK;
}

void sz_estimate_destroy(sz_estimate *e) {
    if (!e) return;
    sz_vec_finish(e->ctx, &e->served);
    sz_vec_finish(e->ctx, &e->told);
    sz_vec_finish(e->ctx, &e->nodes);
    sz_vec_finish(e->ctx, &e->assumptions);
    sz_vec_finish(e->ctx, &e->fallbacks);
    for (int i = 0; i < SZ_PARTS; i++) sz_estimate_destroy(e->part[i]);
    sz_machine_destroy(e->own_host);
    sz_arena_finish(&e->arena);
    sz_free(e->ctx, e, sizeof *e);
}

// ---- facts -------------------------------------------------------------------------------------

const char *sz_estimate_level(const sz_estimate *e) { return e->level; }
int sz_estimate_fits(const sz_estimate *e) { return !e->too_large; }
sz_prediction sz_estimate_total(const sz_estimate *e) { return e->total; }
size_t sz_estimate_node_count(const sz_estimate *e) { return e->nodes.n; }
sz_node_time sz_estimate_node(const sz_estimate *e, size_t i) { return e->nodes.items[i].time; }
size_t sz_estimate_index(const sz_estimate *e, size_t i) { return e->nodes.items[i].index; }
sz_fetch sz_estimate_fetch(const sz_estimate *e, size_t i) { return e->nodes.items[i].fetch; }
size_t sz_estimate_roof_count(const sz_estimate *e) { return e->served.n; }
size_t sz_estimate_assumption_count(const sz_estimate *e) { return e->assumptions.n; }
size_t sz_estimate_fallback_count(const sz_estimate *e) { return e->fallbacks.n; }
sz_fallback sz_estimate_fallback(const sz_estimate *e, size_t i) { return e->fallbacks.items[i]; }
sz_assumption sz_estimate_assumption(const sz_estimate *e, size_t i) {
    return e->assumptions.items[i];
}

sz_roof_use sz_estimate_roof(const sz_estimate *e, size_t i) {
    const sz_served *s = &e->served.items[i];
    return (sz_roof_use){.dtype = s->machine_dtype,
                         .work = s->elementary ? "elementary" : "multiply-accumulate",
                         .roof = s->roof ? s->roof->name : NULL,
                         .flop_per_s = s->flop_per_s,
                         .nodes = s->nodes,
                         .exact = s->exact};
}
