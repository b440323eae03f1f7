// SPDX-License-Identifier: Apache-2.0
// What a run costs in joules, grams and money.
//
// Top down: power x time. Between rest and full work power follows the utilisation of whatever is
// used most; where only the thermal design power is known, that is the most. Bottom up: what the
// arithmetic and the bytes of main memory take, by energies per operation and per byte
// (Horowitz 2014; Jouppi et al. 2021). Control, caches and leakage are not in it: it is the least.
#include "predict/predict.h"

#include <math.h>

#include "model/cost/costs.h"
#include "predict/tiles.h"

// ---- bottom up ---------------------------------------------------------------------------------

static double energy_of(const sz_machine *m, const char *op, const char *dtype) {
    for (size_t i = 0; i < m->op_energy.n; i++) {
        const sz_op_energy *e = &m->op_energy.items[i];
        if (e->op && e->dtype && strcmp(e->op, op) == 0 && strcmp(e->dtype, dtype) == 0)
            return e->joule;
    }
    return SZ_NAN;
}

// A multiply-add as one, or as its two parts; sums of narrow integers are of 32 bits.
static double mac_energy(const sz_machine *m, const char *dtype) {
    const double whole = energy_of(m, "fma", dtype);
    if (!isnan(whole)) return whole; // an fma counts as one here
    const bool narrow = strcmp(dtype, "int8") == 0;
    return energy_of(m, "mul", dtype) + energy_of(m, "add", narrow ? "int32" : dtype);
}

void sz_add_energy(sz_estimate *e, const char *dtype, double macs, double elementary,
                   double far_bytes) {
    const sz_machine *m = e->machine;
    // What is not there costs nothing, whether its energy is known or not.
    if (macs > 0) e->dynamic_j += macs * mac_energy(m, dtype);
    if (elementary > 0) e->dynamic_j += elementary * energy_of(m, "add", dtype);
    if (far_bytes > 0) e->dynamic_j += far_bytes * sz_byte_energy_of(m);
    if (macs > 0) e->macs += macs, e->macs_j += macs * mac_energy(m, dtype);
    if (elementary > 0)
        e->elementary += elementary, e->elementary_j += elementary * energy_of(m, "add", dtype);
    if (far_bytes > 0) e->far_j += far_bytes * sz_byte_energy_of(m);
}

// ---- its parts ---------------------------------------------------------------------------------

enum { PART_MACS, PART_ELEMENTARY, PART_FAR, PARTS_ALWAYS };

// Caches that the bytes of the run were followed through.
static size_t near_levels(const sz_estimate *e) {
    return e->by_row && e->n_levels > 1 ? e->n_levels - 1 : 0;
}

size_t sz_estimate_energy_part_count(const sz_estimate *e) { return PARTS_ALWAYS + near_levels(e); }

static double level_bytes(const sz_estimate *e, size_t level) {
    double sum = 0;
    for (size_t i = 0; i < e->nodes.n; i++) {
        const sz_level_bytes *b = &e->by_row[e->nodes.items[i].index * e->n_levels + level];
        sum += b->read + b->written;
    }
    return sum;
}

static double level_energy(const sz_machine *m, const char *level) {
    for (size_t i = 0; level && i < m->byte_energy.n; i++)
        if (strcmp(m->byte_energy.items[i].level, level) == 0) return m->byte_energy.items[i].joule;
    return SZ_NAN;
}

sz_energy_part sz_estimate_energy_part(const sz_estimate *e, size_t i) {
    if (i == PART_MACS)
        return (sz_energy_part){"multiply-accumulates", "MAC", e->macs, e->macs_j};
    if (i == PART_ELEMENTARY)
        return (sz_energy_part){"other operations", "FLOP", e->elementary, e->elementary_j};
    if (i == PART_FAR) return (sz_energy_part){e->memory.level, "B", e->far_bytes, e->far_j};
    const size_t level = near_levels(e) - 1 - (i - PARTS_ALWAYS); // the farthest cache first
    const char *name = e->levels[level].level;
    const double bytes = level_bytes(e, level), one = level_energy(e->machine, name);
    return (sz_energy_part){name, "B", bytes, bytes > 0 ? bytes * one : 0};
}

// ---- top down ----------------------------------------------------------------------------------

static double utilisation(const sz_prediction *t) {
    return fmin(1, fmax(t->computation_s, t->communication_s) / t->time_s);
}

static void choose_power(const sz_estimate *e, sz_prediction *t) {
    const sz_power *p = &e->machine->power;
    if (p->idle_w >= 0 && p->busy_w > p->idle_w) {
        t->power_w = p->idle_w + (p->busy_w - p->idle_w) * utilisation(t);
        t->energy_method = "power between rest and full work, by utilisation";
    } else if (p->tdp_w > 0) {
        t->power_w = p->tdp_w;
        t->energy_method = "TDP x time: at most";
    }
}

// Two processors draw their power together, for the whole time.
static void choose_powers(const sz_estimate *e, sz_prediction *t) {
    const sz_estimate *const *part = (const sz_estimate *const *)e->part;
    sz_prediction one[SZ_PARTS];
    if (!part[0]) {
        choose_power(e, t);
        return;
    }
    for (int i = 0; i < SZ_PARTS; i++) {
        one[i] = part[i]->total;
        one[i].time_s = t->time_s, one[i].power_w = SZ_NAN;
        choose_power(part[i], &one[i]);
    }
    t->power_w = one[0].power_w + one[1].power_w;
    if (!isnan(t->power_w)) t->energy_method = "of both processors, each by TDP or utilisation";
}

static double thermal_power(const sz_estimate *e) {
    if (!e->part[0]) return e->machine->power.tdp_w;
    return e->part[0]->machine->power.tdp_w + e->part[1]->machine->power.tdp_w;
}

// The first axis of the first input is the batch.
static int64_t first_axis(const sz_estimate *e) {
    const sz_graph *g = e->costs->graph;
    if (g->inputs.n == 0) return 0;
    const sz_type *t = &sz_graph_value(g, g->inputs.items[0])->type;
    return t->kind == SZ_TYPE_TENSOR && t->rank > 0 && t->dims[0] > 0 ? t->dims[0] : 0;
}

void sz_sum_energy(sz_estimate *e) {
    sz_prediction *t = &e->total;
    const sz_predict_options *o = &e->options;
    t->power_w = SZ_NAN, t->energy_method = NULL;
    choose_powers(e, t);
    // A round of streams is a run in each.
    const double run_s = o->streams > 1 ? t->time_s / o->streams : t->time_s;
    t->energy_j = t->power_w * run_s;
    t->energy_lo_j = e->dynamic_j;
    t->energy_hi_j = thermal_power(e) * run_s;
    const double facility = o->pue > 0 ? o->pue : 1;
    t->carbon_g = o->carbon_g_per_kwh > 0 ? t->energy_j * facility / 3.6e6 * o->carbon_g_per_kwh
                                          : SZ_NAN;
    t->cost = o->price_per_h > 0 ? run_s / 3600 * o->price_per_h : SZ_NAN;
    t->samples = o->samples > 0 ? o->samples : first_axis(e);
    t->energy_per_sample_j = t->samples > 0 ? t->energy_j / (double)t->samples : SZ_NAN;
}
