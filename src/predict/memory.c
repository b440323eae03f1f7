// SPDX-License-Identifier: Apache-2.0
// What the bytes cost.
#include "predict/predict.h"

#include <math.h>

// Bandwidth of a level with the threads in use; of the whole device where only that is known.
static double rate(const sz_estimate *e, size_t level, const char *mix) {
    double w = sz_best_bandwidth(e->machine, level, mix, e->threads);
    return isnan(w) ? sz_best_bandwidth(e->machine, level, mix, 0) : w;
}

// Copies, or stores alone, by plain stores: what programs do. Stores past the caches help only data
// that nobody reads soon.
static double plain(const sz_estimate *e, size_t level, const char *mix) {
    const sz_mem_level *l = &e->machine->levels.items[level];
    double best = SZ_NAN;
    for (size_t i = 0; i < l->bandwidths.n; i++) {
        const sz_bandwidth *b = &l->bandwidths.items[i];
        if (strcmp(b->mix, mix) != 0 || b->threads != e->threads) continue;
        if (b->stores && strcmp(b->stores, "plain") != 0) continue;
        if (!(best >= b->byte_per_s)) best = b->byte_per_s;
    }
    return best;
}

// Weights and the most activations that are alive at one time; under --dtype they shrink or grow as
// the bytes moved do.
double sz_estimate_bytes(const sz_estimate *e) {
    const sz_cost total = sz_costs_total(e->costs);
    const double scale = total.bytes_moved > 0 && e->bytes > 0 && !e->only
                             ? e->bytes / (double)total.bytes_moved
                             : 1;
    return scale * ((double)total.weight_bytes + (double)sz_costs_activations(e->costs).peak_bytes);
}

// The innermost level that holds the whole model: from there it may all be served when it runs
// again and again. Infinite where the bandwidth of that level is not known: then memory bounds
// nothing.
static void find_nearest(sz_estimate *e, size_t dram) {
    const double need = sz_estimate_bytes(e);
    for (size_t i = 0; i < dram; i++) {
        const sz_level *l = &e->machine->levels.items[i].level;
        const double capacity = (double)l->capacity_bytes *
                                (double)(l->instances > 0 ? l->instances : 1);
        if (capacity < need) continue;
        const double w = rate(e, i, NULL);
        e->memory.nearest = isnan(w) ? INFINITY : fmax(w, e->memory.best);
        e->memory.nearest_level = l->name;
        return;
    }
    e->memory.nearest = e->memory.best;
    e->memory.nearest_level = e->memory.level;
}

static void warn_too_large(sz_estimate *e, const sz_level *l) {
    const double need = sz_estimate_bytes(e);
    if (e->is_trial || l->capacity_bytes <= 0 || need <= (double)l->capacity_bytes) return;
    e->too_large = true;
    sz_warn(e->ctx, "the model needs %.3g GB and machine '%s' has %.3g GB", need * 1e-9,
            e->machine->identity.name, (double)l->capacity_bytes * 1e-9);
}

// What a cache holds for a program: strangers share it, or a hypervisor shows the whole cache of
// the host. The curve of working sets leaves a cache from half of what it holds (curve.c).
static double held_by(const sz_level *l) {
    const double told = (double)l->capacity_bytes, seen = 2 * (double)l->knee_bytes;
    return seen > 0 ? fmin(seen, told) : told;
}

static void fill_rates(const sz_estimate *e, size_t level, sz_memory_rates *m) {
    const sz_level *l = &e->machine->levels.items[level].level;
    const int64_t all = l->instances > 0 ? l->instances : 1;
    const int64_t used = e->threads > 0 && e->threads < all ? e->threads : all;
    const double holds = held_by(l);
    m->level = l->name;
    m->instances = (double)used;
    if (e->all_threads > 0) // streams share what their threads have together
        m->instances = fmin((double)e->all_threads, (double)all) / e->options.streams;
    m->capacity = holds * m->instances;
    m->best = rate(e, level, NULL);
    m->load = rate(e, level, "load");
    m->copy = plain(e, level, "copy");
    m->store = plain(e, level, "store");
    if (isnan(m->load)) m->load = m->best;
    if (isnan(m->copy)) m->copy = m->load;
    if (isnan(m->store)) m->store = m->copy;
}

sz_status sz_choose_memory(sz_estimate *e) {
    const int dram = sz_main_memory(e->machine);
    if (dram < 0 || isnan(rate(e, (size_t)dram, NULL)))
        return sz_fail(e->ctx, SZ_ERR_UNAVAILABLE, "machine '%s' has no bandwidth of main memory",
                       e->machine->identity.name);
    fill_rates(e, (size_t)dram, &e->memory);
    return SZ_OK;
}

// Caches whose bandwidth is not known are left out: what they hold comes from farther away.
sz_status sz_choose_levels(sz_estimate *e) {
    const size_t dram = (size_t)sz_main_memory(e->machine), rows = sz_costs_node_count(e->costs);
    for (size_t l = 0; l < dram && e->n_levels + 1 < SZ_MAX_LEVELS; l++) {
        sz_memory_rates m = {.level = NULL};
        fill_rates(e, l, &m);
        if (m.capacity > 0 && m.best > 0) e->levels[e->n_levels++] = m;
    }
    e->levels[e->n_levels++] = e->memory;
    if (e->n_levels == 1) return SZ_OK;
    sz_curve_levels(e);
    e->by_row = sz_arena_array(&e->arena, (rows + 1) * e->n_levels, sizeof *e->by_row);
    e->fetch = sz_arena_array(&e->arena, rows + 1, sizeof *e->fetch);
    if (!e->by_row || !e->fetch) return sz_no_memory(e->ctx);
    return sz_find_reuse(e, sz_estimate_bytes(e));
}

void sz_choose_nearest(sz_estimate *e) {
    const size_t dram = (size_t)sz_main_memory(e->machine);
    find_nearest(e, dram);
    warn_too_large(e, &e->machine->levels.items[dram].level);
}

// The rates have in them that a line is fetched before it is written, where the machine does so: a
// byte written is paired with a byte read and moves at the rate of a copy; what is left moves at
// the rate of loads, or of stores.
double sz_memory_time(const sz_memory_rates *m, double bytes_read, double bytes_written) {
    const double paired = fmin(bytes_read, bytes_written);
    return (bytes_read - paired) / m->load + (bytes_written - paired) / m->store +
           2 * paired / m->copy;
}

void sz_choose_overhead(sz_estimate *e) {
    const sz_overhead *o = &e->machine->overhead;
    e->dispatch_s = o->dispatch_s > 0 ? o->dispatch_s : 0;
    e->fork_join_s = o->fork_join_s > 0 && e->threads > 1 ? o->fork_join_s : 0;
}
