// SPDX-License-Identifier: Apache-2.0
// What the machine should do by its roofs and bandwidths, on one thread.
#include "run/lab/lab.h"

#include <math.h>

static bool same(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") == 0; }

// ---- roofs -------------------------------------------------------------------------------------

static double roof_named(const sz_machine *m, const char *op) {
    double best = SZ_NAN;
    for (size_t i = 0; i < m->roofs.n; i++) {
        const sz_roof *r = &m->roofs.items[i];
        if (r->threads != 1 || !same(r->dtype, "f32") || !same(r->op, op)) continue;
        if (same(r->unit, "matrix")) continue; // they do nothing but multiply-add
        if (!(best >= r->flop_per_s)) best = r->flop_per_s;
    }
    return best;
}

// A machine without such a roof: two instructions for two FLOPs on the pipes of the multiply-add,
// which does both in one.
double sz_lab_roof(const sz_machine *m, sz_lab_step step) {
    static const char *const names[SZ_N_STEPS][2] = {[SZ_STEP_FMA] = {"fma", "fma"},
                                                     [SZ_STEP_MUL_MAX] = {"mul+max", "max+mul"},
                                                     [SZ_STEP_ADD_MAX] = {"add+max", "max+add"}};
    for (int i = 0; i < 2; i++) {
        const double roof = roof_named(m, names[step][i]);
        if (!isnan(roof)) return roof;
    }
    return roof_named(m, "fma") / (step == SZ_STEP_FMA ? 1 : 2);
}

double sz_lab_roof_add(const sz_machine *m) {
    const double roof = roof_named(m, "add");
    return isnan(roof) ? roof_named(m, "fma") / 2 : roof;
}

// ---- memory ------------------------------------------------------------------------------------

// Plain accesses one after the other, by one thread. NaN: not known.
static double rate_of(const sz_mem_level *l, const char *mix) {
    double best = SZ_NAN;
    for (size_t i = 0; i < l->bandwidths.n; i++) {
        const sz_bandwidth *b = &l->bandwidths.items[i];
        if (b->threads != 1 || !same(b->mix, mix) || same(b->access, "random")) continue;
        if (b->stores && !same(b->stores, "plain")) continue;
        if (!(best >= b->byte_per_s)) best = b->byte_per_s;
    }
    return best;
}

static bool is_dram(const sz_mem_level *l) { return same(l->level.name, "DRAM"); }

// Bytes that a cache is trusted to hold: the size that the working-set curve found; else the
// claimed one, but not more than twice what it was measured with. A virtual machine sees the caches
// of its whole host, and shares them.
static double trusted_size(const sz_mem_level *l) {
    double measured = 0;
    if (l->level.knee_bytes > 0) return (double)l->level.knee_bytes;
    for (size_t i = 0; i < l->bandwidths.n; i++)
        if (l->bandwidths.items[i].threads == 1)
            measured = fmax(measured, (double)l->bandwidths.items[i].working_set_bytes);
    const double claimed = (double)l->level.capacity_bytes;
    return measured > 0 ? fmin(claimed, 2 * measured) : claimed;
}

// The nearest level that holds the set.
static const sz_mem_level *level_for(const sz_machine *m, double set) {
    const sz_mem_level *dram = NULL;
    for (size_t i = 0; i < m->levels.n; i++) {
        const sz_mem_level *l = &m->levels.items[i];
        if (is_dram(l))
            dram = l;
        else if (set <= trusted_size(l) && !isnan(rate_of(l, "load")))
            return l;
    }
    return dram;
}

// What main memory carries beside reads. A plain copy reads a line, reads the line it is about to
// write, and writes it: 3 for each 2 that the program asked for; its rate tells the rate of all.
static double dram_time(const sz_mem_level *l, const sz_lab_row *row) {
    const double load = rate_of(l, "load"), copy = rate_of(l, "copy"), store = rate_of(l, "store");
    const double mixed = isnan(copy) ? load : 1.5 * copy;
    if (row->bytes_written == 0) return row->bytes_read / load;
    if (row->bytes_read == 0 && !isnan(store)) return row->bytes_written / store;
    return row->bytes_with_write_allocate / mixed;
}

// Lines that are in the cache already are not fetched to be written: only what is asked for counts.
static double cache_time(const sz_mem_level *l, const sz_lab_row *row) {
    const double load = rate_of(l, "load"), copy = rate_of(l, "copy"), store = rate_of(l, "store");
    const double bytes = row->bytes_read + row->bytes_written;
    if (row->bytes_written == 0) return bytes / load;
    if (row->bytes_read == 0 && !isnan(store)) return bytes / store;
    return bytes / (isnan(copy) ? load : copy);
}

double sz_lab_memory_time(const sz_machine *m, sz_lab_row *row) {
    const sz_mem_level *l = level_for(m, row->working_set_bytes);
    row->bytes_with_write_allocate = row->bytes_read + 2 * row->bytes_written;
    row->level = l ? l->level.name : NULL;
    if (!l || row->bytes_read + row->bytes_written == 0) return 0;
    return is_dram(l) ? dram_time(l, row) : cache_time(l, row);
}

void sz_lab_predict(const sz_machine *m, sz_lab_row *row, double compute_s) {
    const double memory_s = sz_lab_memory_time(m, row);
    const bool memory = memory_s > compute_s;
    row->predicted_s = memory ? memory_s : compute_s;
    row->bound = memory ? "memory" : "compute";
    if (isnan(memory_s) || isnan(compute_s)) row->predicted_s = SZ_NAN, row->bound = NULL;
}
