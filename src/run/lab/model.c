// SPDX-License-Identifier: Apache-2.0
// What the machine should do by its roofs and bandwidths, on one thread.
#include "run/lab/model.h"

#include <math.h>

static bool same(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") == 0; }

static const struct {
    const char *name;
    double written; // share of the bytes
} mixes[SZ_N_MIXES] = {
    [SZ_MIX_LOAD] = {"load", 0},
    [SZ_MIX_TRIAD] = {"triad", 1 / 3.0},
    [SZ_MIX_COPY] = {"copy", 1 / 2.0},
    [SZ_MIX_STORE] = {"store", 1},
};

const char *sz_lab_mix_name(sz_lab_mix mix) { return mixes[mix].name; }

// ---- roofs -------------------------------------------------------------------------------------

static sz_lab_known roof_named(const sz_machine *m, const char *op) {
    sz_lab_known best = {.per_s = SZ_NAN};
    for (size_t i = 0; i < m->roofs.n; i++) {
        const sz_roof *r = &m->roofs.items[i];
        if (r->threads != 1 || !same(r->dtype, "f32") || !same(r->op, op)) continue;
        if (same(r->unit, "matrix")) continue; // they do nothing but multiply-add
        if (!(best.per_s >= r->flop_per_s))
            best = (sz_lab_known){.per_s = r->flop_per_s, .measured = true};
    }
    return best;
}

static void take_roofs(sz_lab_model *model) {
    static const char *const names[SZ_LAB_ROOFS][2] = {[SZ_STEP_FMA] = {"fma", "fma"},
                                                       [SZ_STEP_MUL_MAX] = {"max+mul", "mul+max"},
                                                       [SZ_STEP_ADD_MAX] = {"add+max", "max+add"},
                                                       [SZ_LAB_ROOF_ADD] = {"add", "add"}};
    for (int i = 0; i < SZ_LAB_ROOFS; i++) {
        model->roof[i] = roof_named(model->machine, names[i][0]);
        if (isnan(model->roof[i].per_s)) model->roof[i] = roof_named(model->machine, names[i][1]);
    }
}

// A machine without such a roof: two instructions for two FLOPs on the pipes of the multiply-add,
// which does both in one; an addition is one FLOP there.
static void fill_roofs(sz_lab_model *model) {
    for (int i = 0; i < SZ_LAB_ROOFS; i++)
        if (!model->roof[i].measured && i != SZ_STEP_FMA)
            model->roof[i].per_s = model->roof[SZ_STEP_FMA].per_s / 2;
}

double sz_lab_compute_time(sz_lab_model *model, const double ops[SZ_LAB_ROOFS]) {
    double s = 0;
    for (int i = 0; i < SZ_LAB_ROOFS; i++) {
        if (ops[i] <= 0) continue;
        s += ops[i] / model->roof[i].per_s;
        model->roof[i].used = true;
    }
    return s;
}

// ---- levels ------------------------------------------------------------------------------------

// Plain accesses one after the other, by one thread; at one place or at some at the same time,
// whichever is faster.
static sz_lab_known rate_of(const sz_mem_level *l, const char *mix) {
    sz_lab_known best = {.per_s = SZ_NAN};
    for (size_t i = 0; i < l->bandwidths.n; i++) {
        const sz_bandwidth *b = &l->bandwidths.items[i];
        if (b->threads != 1 || !same(b->mix, mix) || same(b->access, "random")) continue;
        if (b->stores && !same(b->stores, "plain")) continue;
        if (!(best.per_s >= b->byte_per_s))
            best = (sz_lab_known){
                .per_s = b->byte_per_s, .measured = true, .set_bytes = b->working_set_bytes};
    }
    return best;
}

// Bytes that a cache is trusted to hold: the size that the working-set curve found; else the
// claimed one, but not more than twice what it was measured with. A virtual machine sees the caches
// of its whole host, and shares them.
static double trusted_size(const sz_lab_level *at, const sz_level *l) {
    double measured = 0;
    if (at->dram) return INFINITY;
    if (l->knee_bytes > 0) return (double)l->knee_bytes;
    for (int i = 0; i < SZ_N_MIXES; i++) measured = fmax(measured, (double)at->mix[i].set_bytes);
    const double claimed = (double)l->capacity_bytes;
    return measured > 0 ? fmin(claimed, 2 * measured) : claimed;
}

void sz_lab_model_init(sz_lab_model *model, const sz_machine *m) {
    *model = (sz_lab_model){.machine = m};
    take_roofs(model);
    for (size_t i = 0; i < m->levels.n && model->n_levels < SZ_LAB_LEVELS; i++) {
        const sz_mem_level *l = &m->levels.items[i];
        sz_lab_level at = {.name = l->level.name, .dram = same(l->level.name, "DRAM")};
        for (int k = 0; k < SZ_N_MIXES; k++) at.mix[k] = rate_of(l, mixes[k].name);
        at.size = trusted_size(&at, &l->level);
        at.most = fmax((double)l->level.capacity_bytes, (double)l->level.knee_bytes);
        if (at.dram || at.mix[SZ_MIX_LOAD].measured) model->level[model->n_levels++] = at;
        if (at.dram) break; // what lies beyond is no memory that programs walk
    }
    sz_lab_model_fill(model);
}

// Lines that are moved for each that is asked for: one that is written is read first. In a cache
// the lines are there.
static double moved(const sz_lab_level *l, double written) { return l->dram ? 1 + written : 1; }

// Mixes that were not measured move lines at the rate of the nearest that was.
static void fill_level(sz_lab_level *l) {
    static const sz_lab_mix order[] = {SZ_MIX_COPY, SZ_MIX_TRIAD, SZ_MIX_STORE, SZ_MIX_LOAD};
    double lines = SZ_NAN;
    for (size_t i = 0; i < SZ_N_MIXES && isnan(lines); i++)
        if (l->mix[order[i]].measured)
            lines = l->mix[order[i]].per_s * moved(l, mixes[order[i]].written);
    for (int i = 0; i < SZ_N_MIXES; i++)
        if (!l->mix[i].measured) l->mix[i].per_s = lines / moved(l, mixes[i].written);
}

// ---- time --------------------------------------------------------------------------------------

static double use(sz_lab_known *k) {
    k->used = true;
    return k->per_s;
}

// Seconds per byte of a mix, between the two measured mixes whose written shares enclose its own.
static double byte_time(sz_lab_level *l, double written) {
    int hi = 0;
    while (hi < SZ_N_MIXES - 1 && mixes[hi].written < written) hi++;
    if (mixes[hi].written == written || hi == 0) return 1 / use(&l->mix[hi]);
    int lo = hi - 1;
    if (lo == SZ_MIX_TRIAD && !l->mix[lo].measured) lo = SZ_MIX_LOAD;
    if (hi == SZ_MIX_TRIAD && !l->mix[hi].measured) hi = SZ_MIX_COPY;
    const double at = (written - mixes[lo].written) / (mixes[hi].written - mixes[lo].written);
    return (1 - at) / use(&l->mix[lo]) + at / use(&l->mix[hi]);
}

// Seconds per byte of loads over a working set, on the machine's curve.
static double curve_time(const sz_machine *m, double bytes) {
    for (size_t i = 1; i < m->curve.n; i++) {
        const sz_curve_point *a = &m->curve.items[i - 1], *b = &m->curve.items[i];
        if (bytes < (double)a->bytes || bytes > (double)b->bytes) continue;
        const double at = log(bytes / (double)a->bytes) / log((double)b->bytes / (double)a->bytes);
        return (1 - at) / a->byte_per_s + at / b->byte_per_s; // NaN where it is not known
    }
    return SZ_NAN;
}

// The share of the lines that come from beyond: by the time of loads over the set, which lies
// between those of the two levels. Where it is not known: all.
static double share_beyond(const sz_lab_model *model, const sz_lab_between *b) {
    const double near = 1 / model->level[b->beyond - 1].mix[SZ_MIX_LOAD].per_s;
    const double far = 1 / model->level[b->beyond].mix[SZ_MIX_LOAD].per_s;
    const sz_lab_known *load = &b->level.mix[SZ_MIX_LOAD];
    const double time = load->measured ? 1 / load->per_s : curve_time(model->machine, b->bytes);
    const double share = (time - near) / (far - near);
    return isnan(share) || far <= near ? 1 : fmin(fmax(share, 0), 1);
}

// What was not measured over this set is made of the rates of the two levels.
static void fill_between(const sz_lab_model *model, sz_lab_between *b) {
    const sz_lab_level *near = &model->level[b->beyond - 1], *far = &model->level[b->beyond];
    const double share = share_beyond(model, b);
    b->level.name = share < 0.5 ? near->name : far->name;
    for (int i = 0; i < SZ_N_MIXES; i++)
        if (!b->level.mix[i].measured)
            b->level.mix[i].per_s = 1 /
                                    ((1 - share) / near->mix[i].per_s + share / far->mix[i].per_s);
}

void sz_lab_model_fill(sz_lab_model *model) {
    fill_roofs(model);
    for (size_t i = 0; i < model->n_levels; i++) fill_level(&model->level[i]);
    for (size_t i = 0; i < model->n_between; i++) fill_between(model, &model->between[i]);
}

// A set that is larger than the level before is trusted to hold, and not so large that next to
// nothing of it can stay there. NULL: there are too many such sets.
static sz_lab_between *between(sz_lab_model *model, size_t level, double set) {
    for (size_t i = 0; i < model->n_between; i++)
        if (model->between[i].bytes == set) return &model->between[i];
    if (model->n_between == SZ_LAB_BETWEEN) return NULL;
    sz_lab_between *b = &model->between[model->n_between++];
    *b = (sz_lab_between){.bytes = set, .beyond = level};
    fill_between(model, b);
    return b;
}

static sz_lab_level *serve(sz_lab_model *model, double set) {
    enum { OUTGROWN = 8 };
    size_t i = 0;
    while (i < model->n_levels && set > model->level[i].size) i++;
    if (i == model->n_levels) return NULL;
    if (i == 0 || set >= OUTGROWN * model->level[i - 1].most) return &model->level[i];
    sz_lab_between *b = between(model, i, set);
    return b ? &b->level : &model->level[i];
}

double sz_lab_memory_time(sz_lab_model *model, sz_lab_row *row) {
    const double bytes = row->bytes_read + row->bytes_written;
    row->bytes_with_write_allocate = row->bytes_read + 2 * row->bytes_written;
    row->level = NULL;
    if (bytes == 0) return 0;
    sz_lab_level *l = serve(model, row->working_set_bytes);
    if (!l) return SZ_NAN;
    row->level = l->name;
    return bytes * byte_time(l, row->bytes_written / bytes);
}
